/* Memory. One place to allocate, so that specs can count blocks and make the n-th allocation fail.
 * What grows with input can fail and returns NULL; callers hand HY_ENOMEM on. */
#ifndef HY_BASE_MEM_H
#define HY_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* As malloc, calloc and realloc; NULL when out of memory. `size` 0 gives a block too. */
void *hy_alloc(size_t size);
void *hy_alloc_zero(size_t size);
void *hy_realloc(void *block, size_t size);
void hy_free(void *block);

/* Blocks allocated and not freed, process-wide. Always 0 in release builds (NDEBUG). */
int64_t hy_mem_blocks(void);
/* The n-th allocation from now (1, or 0: the next) fails, and all after it until called again; -1
 * switches it off.
 * No effect in release builds. */
void hy_mem_fail_after(int64_t n);

#endif
