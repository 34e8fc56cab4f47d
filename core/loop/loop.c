/* Time and work on libuv. Three handles do it all:
 *
 *      turn (prepare)   once a round: advances the clock, calls what work is awake, sets the alarm
 *      awake (idle)     running while work is awake; it only keeps the loop from sleeping
 *      alarm (timer)    set for the clock's next timer; it only ends the sleep
 *
 * So all callbacks of timers and work come from one place and in one order. Owns the uv loop, these
 * handles, the clock and the records of work; signals and descriptors are in handle.c. */
#include "loop.h"

#include <assert.h>
#include <string.h>

#include "../base/error.h"
#include "../base/mem.h"
#include "loop_private.h"

#define WALL_DRIFT_MS_MAX 1000

struct hy_work {
    hy_link_t link;
    hy_loop_t *loop;
    hy_work_cb cb;
    void *arg;
    bool is_awake;
};

/* --- time ------------------------------------------------------------------------------------- */

static uint64_t elapsed(void *arg) {
    const hy_loop_t *loop = arg;
    return uv_now(&loop->uv) - loop->start_ms;
}

static int64_t system_wall(void) {
    uv_timeval64_t t = {0};
    uv_gettimeofday(&t);
    return t.tv_sec * 1000 + t.tv_usec / 1000;
}

/* The two clocks of the system part when it sleeps or is set; small steps are left alone, so that
 * the wall clock does not jitter. */
static void follow_wall(hy_loop_t *loop) {
    int64_t start = system_wall() - (int64_t)hy_clock_now(&loop->clock);
    int64_t drift = start - loop->clock.wall_start_ms;
    if (drift > WALL_DRIFT_MS_MAX || drift < -WALL_DRIFT_MS_MAX) loop->clock.wall_start_ms = start;
}

/* Being woken is all that is wanted; the turn of the same round does the rest. */
static void on_alarm(uv_timer_t *alarm) {
    ((hy_loop_t *)alarm->data)->alarm_at_ms = UINT64_MAX;
}
static void on_awake(uv_idle_t *awake) {
    (void)awake;
}

static void set_alarm(hy_loop_t *loop) {
    uint64_t at_ms = UINT64_MAX;
    hy_clock_next(&loop->clock, &at_ms);
    if (at_ms == loop->alarm_at_ms) return;
    loop->alarm_at_ms = at_ms;
    if (at_ms == UINT64_MAX) {
        uv_timer_stop(&loop->alarm);
        return;
    }
    uint64_t now_ms = elapsed(loop);
    uv_timer_start(&loop->alarm, on_alarm, at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

/* --- work ------------------------------------------------------------------------------------- */

int hy_loop_add_work(hy_loop_t *loop, hy_work_cb cb, void *arg, hy_work_t **out) {
    hy_work_t *w = hy_alloc(sizeof *w);
    if (!w) return HY_ENOMEM;
    *w = (hy_work_t){.loop = loop, .cb = cb, .arg = arg};
    hy_list_append(&loop->works, &w->link);
    hy_work_wake(w);
    *out = w;
    return 0;
}

void hy_work_wake(hy_work_t *w) {
    w->is_awake = true;
    uv_idle_start(&w->loop->awake, on_awake);
}

void hy_work_close(hy_work_t *w) {
    if (!w) return;
    if (w->loop->cursor == &w->link) w->loop->cursor = w->link.next;
    hy_list_remove(&w->link);
    hy_free(w);
}

/* A callback may close its own work, so what it answers is noted on the record only if that is
 * still there: it is, exactly if it is still the one before the cursor. */
static void call_work(hy_loop_t *loop) {
    loop->cursor = loop->works.next;
    while (loop->cursor != &loop->works) {
        hy_link_t *link = loop->cursor;
        hy_work_t *w = hy_link_owner(link, hy_work_t, link);
        loop->cursor = link->next;
        if (!w->is_awake) continue;
        w->is_awake = false;
        if (w->cb(w->arg) && loop->cursor->prev == link) w->is_awake = true;
    }
    loop->cursor = NULL;

    bool is_awake = false;
    for (hy_link_t *l = loop->works.next; l != &loop->works && !is_awake; l = l->next)
        is_awake = hy_link_owner(l, hy_work_t, link)->is_awake;
    if (!is_awake) uv_idle_stop(&loop->awake);
}

static void on_turn(uv_prepare_t *turn) {
    hy_loop_t *loop = turn->data;
    hy_clock_advance(&loop->clock, elapsed(loop));
    follow_wall(loop);
    call_work(loop);
    set_alarm(loop);
}

/* --- life ------------------------------------------------------------------------------------- */

int hy_loop_open(hy_loop_t **out) {
    hy_loop_t *loop = hy_alloc_zero(sizeof *loop);
    if (!loop) return HY_ENOMEM;
    int code = uv_loop_init(&loop->uv);
    if (code < 0) {
        hy_free(loop);
        return code;
    }
    uv_prepare_init(&loop->uv, &loop->turn);
    uv_idle_init(&loop->uv, &loop->awake);
    uv_timer_init(&loop->uv, &loop->alarm);
    loop->turn.data = loop->awake.data = loop->alarm.data = loop;
    uv_prepare_start(&loop->turn, on_turn); /* also what keeps uv_run from coming back */
    hy_link_init(&loop->works);
    hy_link_init(&loop->signals);
    hy_link_init(&loop->polls);
    loop->start_ms = uv_now(&loop->uv);
    loop->alarm_at_ms = UINT64_MAX;
    hy_clock_init(&loop->clock, system_wall());
    loop->clock.source = elapsed;
    loop->clock.source_arg = loop;
    *out = loop;
    return 0;
}

hy_clock_t *hy_loop_clock(hy_loop_t *loop) {
    return &loop->clock;
}
struct uv_loop_s *hy_loop_uv(hy_loop_t *loop) {
    return &loop->uv;
}

void hy_loop_run(hy_loop_t *loop) {
    assert(!loop->is_running);
    loop->is_running = true;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    loop->is_running = false;
}

void hy_loop_stop(hy_loop_t *loop) {
    uv_stop(&loop->uv);
}

/* A live handle would keep the last round from ending: better to stop where it can be seen. */
static void check_closing(uv_handle_t *handle, void *arg) {
    (void)arg;
    (void)handle;
    assert(uv_is_closing(handle));
}

void hy_loop_close(hy_loop_t *loop) {
    if (!loop) return;
    assert(!loop->is_running);
    while (!hy_list_is_empty(&loop->works))
        hy_work_close(hy_link_owner(loop->works.next, hy_work_t, link));
    hy__loop_close_signals(loop);
    hy__loop_close_polls(loop);
    uv_close((uv_handle_t *)&loop->turn, NULL);
    uv_close((uv_handle_t *)&loop->awake, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_walk(&loop->uv, check_closing, NULL);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0) /* comes back early after hy_loop_stop */
        continue;
    int code = uv_loop_close(&loop->uv);
    assert(code == 0);
    (void)code;
    hy_clock_deinit(&loop->clock);
    hy_free(loop);
}

const char *hy_loop_error_text(int code) {
    if (code == UV_EAI_NONAME) return "there is no host of that name"; /* "node" is our word */
    bool is_ours = strcmp(hy_error_name(code), "HY_EUNKNOWN") != 0;
    return is_ours ? hy_error_text(code) : uv_strerror(code);
}
