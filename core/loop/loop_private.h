/* Inside of the loop, shared by loop.c (time and work) and handle.c (signals and descriptors). */
#ifndef HY_LOOP_PRIVATE_H
#define HY_LOOP_PRIVATE_H

#include <uv.h>

#include "../base/list.h"
#include "loop.h"

struct hy_loop {
    uv_loop_t uv;
    uv_prepare_t turn; /* once a round, before waiting */
    uv_idle_t awake;   /* started while some work is awake: then waiting takes no time */
    uv_timer_t alarm;  /* ends waiting when a timer of the clock is due */
    hy_clock_t clock;
    uint64_t start_ms;    /* of uv_now, when the clock was 0 */
    uint64_t alarm_at_ms; /* on the clock */
    hy_link_t works, signals, polls;
    hy_link_t *cursor; /* next work of the walk under way */
    bool is_running;
};

void hy__loop_close_signals(hy_loop_t *loop);
void hy__loop_close_polls(hy_loop_t *loop);

#endif
