/* How much of something may be done in a second.
 *
 *      left ── take ──► left - cost         while there is enough: one compare, one subtraction
 *        ▲ └── too little: the time since it was last filled up is worth so much more, at most
 *        └──── one second's; still too little: refused
 *
 * The clock is asked only when it runs dry. So the time before it was first used is not counted
 * again, but up to a second's worth may come on top of a full one. Without a limit (0) it is always
 * full. What costs more than a second's worth passes when it is full, and is paid for afterwards;
 * else it never would. */
#ifndef HY_LOOP_RATE_H
#define HY_LOOP_RATE_H

#include "clock.h"

/* What may still be done, in thousandths, so that a millisecond is worth the limit; below 0 after
 * one large piece. */
typedef struct {
    int64_t left;
    uint64_t since_ms; /* when it was last filled up */
} hy_rate_t;

/* A full one. */
void hy_rate_init(hy_rate_t *r, const hy_clock_t *clock, uint32_t per_s);
/* False if that is too much for now; then nothing is taken. */
bool hy_rate_take(hy_rate_t *r, const hy_clock_t *clock, uint32_t per_s, uint64_t count);

#endif
