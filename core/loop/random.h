/* The system's randomness as a source (base/random.h). Ids and tokens come from it in a real
 * runtime; specs and simulated worlds use the seeded source instead. */
#ifndef HY_LOOP_RANDOM_H
#define HY_LOOP_RANDOM_H

#include "../base/random.h"

/* Random bytes are fetched from the kernel in blocks; what was handed out is wiped. */
#define HY_RANDOM_BLOCK_BYTES 256u

typedef struct {
    hy_random_t base; /* what is passed on: &r.base */
    size_t left;      /* unused bytes, at the end of the block */
    uint8_t block[HY_RANDOM_BLOCK_BYTES];
} hy_random_system_t;

/* The caller's memory, nothing to deinit. A negative libuv code if the system has no randomness;
 * once this has worked, filling cannot fail. Not for two threads at once, nor across a fork. */
int hy_random_system(hy_random_system_t *r);

#endif
