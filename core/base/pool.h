/* Free blocks of one size, kept for the next of their kind: for records of which there is one per message, whose
 * short lives scatter the heap otherwise. One thread owns a pool's blocks (DESIGN.md, decision 2), so a pool is a
 * thread-local of the file that makes such records. With asserts on it keeps nothing, so that every block is
 * seen by the checkers. */
#ifndef HY_BASE_POOL_H
#define HY_BASE_POOL_H

#include "../limits.h"
#include "mem.h"

typedef struct {
    void *free; /* each block's first word leads to the next */
    uint32_t count;
} hy_pool_t;

static inline void *hy_pool_take(hy_pool_t *p, size_t size) {
    if (!p->free) return hy_alloc(size);
    void *block = p->free;
    p->free = *(void **)block;
    p->count--;
    return block;
}

static inline void hy_pool_give(hy_pool_t *p, void *block) {
#ifdef NDEBUG
    if (p->count < HY_POOL_BLOCKS_MAX) {
        *(void **)block = p->free;
        p->free = block;
        p->count++;
        return;
    }
#else
    (void)p;
#endif
    hy_free(block);
}

#endif
