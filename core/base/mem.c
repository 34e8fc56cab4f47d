/* Allocation.
 *
 * With asserts on, blocks are counted and a failure can be planted. The counters are process-wide
 * and atomic, because the threads of the store and of transports allocate too; memory is the C
 * library's, which the sanitizers watch. In release builds it is mimalloc's: messages and values
 * are many short-lived blocks that outlive a turn, and the C library's malloc spends a quarter of
 * the time on them. */
#include "mem.h"

#include <stdlib.h>

#ifdef NDEBUG

#include <mimalloc.h>

#define malloc  mi_malloc
#define calloc  mi_calloc
#define realloc mi_realloc
#define free    mi_free

static inline int may_allocate(void) {
    return 1;
}
static inline void count(int64_t change) {
    (void)change;
}

int64_t hy_mem_blocks(void) {
    return 0;
}
void hy_mem_fail_after(int64_t n) {
    (void)n;
}

#else

#include <stdatomic.h>

static _Atomic int64_t blocks;
static _Atomic int64_t allocations_left = -1; /* good ones, before the first that fails; -1: all */

static int may_allocate(void) {
    int64_t left = atomic_load_explicit(&allocations_left, memory_order_relaxed);
    while (left > 0 && !atomic_compare_exchange_weak(&allocations_left, &left, left - 1)) {
    }
    return left != 0;
}

static void count(int64_t change) {
    atomic_fetch_add_explicit(&blocks, change, memory_order_relaxed);
}

int64_t hy_mem_blocks(void) {
    return atomic_load(&blocks);
}

void hy_mem_fail_after(int64_t n) {
    atomic_store(&allocations_left, n > 0 ? n - 1 : n);
}

#endif

void *hy_alloc(size_t size) {
    if (!may_allocate()) return NULL;
    void *block = malloc(size ? size : 1);
    if (block) count(1);
    return block;
}

void *hy_alloc_zero(size_t size) {
    if (!may_allocate()) return NULL;
    void *block = calloc(1, size ? size : 1);
    if (block) count(1);
    return block;
}

void *hy_realloc(void *block, size_t size) {
    if (!may_allocate()) return NULL;
    void *moved = realloc(block, size ? size : 1);
    if (moved && !block) count(1);
    return moved;
}

void hy_free(void *block) {
    if (block) count(-1);
    free(block);
}
