/* Time and timers without I/O. A clock is told the time by whoever drives it: a loop on libuv, or a
 * spec that jumps from timer to timer. Timers fire only inside hy_clock_advance, earliest first,
 * equal times in the order they were started; so a virtual run is deterministic.
 *
 * A real loop sleeps between two advances and then calls back about I/O before the next one; so its
 * clock has a source, which is asked while no timer is being fired. A virtual clock has none.
 *
 * A virtual clock steps from one timer to the next; a real one that is late is as late for all of
 * them: what is periodic leaves out what it missed. And what is started while timers are fired
 * waits for the next advance, so that I/O gets its turn however many there are. */
#ifndef HY_LOOP_CLOCK_H
#define HY_LOOP_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hy_timer hy_timer_t;
typedef void (*hy_timer_cb)(void *arg);

struct hy_timer {
    hy_timer_cb cb;
    void *arg;
    uint64_t at_ms, turn; /* heap key */
    size_t slot;          /* place in the heap + 1; 0: not started */
};

typedef struct {
    uint64_t now_ms;       /* monotonic; as of the last advance, so ask hy_clock_now */
    int64_t wall_start_ms; /* wall clock (Unix, UTC) when now_ms was 0 */
    hy_timer_t **heap;
    size_t count, room;
    uint64_t turns;
    uint64_t (*source)(void *arg); /* NULL: virtual */
    void *source_arg;
    bool firing;
} hy_clock_t;

void hy_clock_init(hy_clock_t *c, int64_t wall_start_ms);
/* No timer may be started any more. */
void hy_clock_deinit(hy_clock_t *c);
uint64_t hy_clock_now(const hy_clock_t *c);
int64_t hy_clock_wall(const hy_clock_t *c);
/* Moves the time forward (never back) and fires what is due, each at its own time: inside a
 * callback `now` is the timer's time. Timers started meanwhile for a time that is due fire too: a
 * timer that starts itself again with 0 would never let time go on, so who lets others choose gives
 * at least 1. With a source, `now` is the time it is, and they fire at the next advance. Not from
 * inside a timer. */
void hy_clock_advance(hy_clock_t *c, uint64_t now_ms);
/* Time of the next timer; false if none is started. */
bool hy_clock_next(const hy_clock_t *c, uint64_t *at_ms);

/* The caller's memory. */
void hy_timer_init(hy_timer_t *t, hy_timer_cb cb, void *arg);
/* Fires once, `delay_ms` from now (0: at the next advance). Starting again moves it. HY_ENOMEM. */
int hy_timer_start(hy_clock_t *c, hy_timer_t *t, uint64_t delay_ms);
/* Harmless if it is not started. */
void hy_timer_stop(hy_clock_t *c, hy_timer_t *t);
static inline bool hy_timer_is_started(const hy_timer_t *t) {
    return t->slot != 0;
}

/* ISO 8601 in UTC with milliseconds, "2026-11-23T02:49:03.000Z"; `text` holds 25 bytes. */
void hy_clock_iso(int64_t wall_ms, char text[25]);
/* Reads that form back (fraction optional); 0 if it is not of it. */
int64_t hy_clock_from_iso(const char *text);

#endif
