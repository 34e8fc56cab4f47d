/* Randomness is passed in (DESIGN.md, decision 1): a source is a function. The seeded source
 * replays; the system's own lives in loop/. */
#ifndef HY_BASE_RANDOM_H
#define HY_BASE_RANDOM_H

#include "str.h"

typedef struct hy_random {
    void (*fill)(struct hy_random *r, void *bytes, size_t len);
    uint64_t state[4];
} hy_random_t;

/* A source that gives the same bytes for the same seed (xoshiro256**, seeded by splitmix64). */
void hy_random_seed(hy_random_t *r, uint64_t seed);
uint64_t hy_random_u64(hy_random_t *r);
/* Evenly from 0 to n-1, n ≥ 1. */
uint64_t hy_random_below(hy_random_t *r, uint64_t n);
/* A version-4 UUID in text, 36 bytes; NULL when out of memory. */
hy_str_t *hy_random_uuid(hy_random_t *r);

#endif
