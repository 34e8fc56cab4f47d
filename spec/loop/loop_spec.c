/* The real loop: work, the clock's timers, descriptors and signals, and that nothing is left. Real
 * time is only ever waited for, never measured against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/mem.h"
#include "loop/loop.h"

static int64_t blocks_before;

static int setup(void **state) {
    blocks_before = hy_mem_blocks();
    hy_loop_t *loop;
    assert_int_equal(hy_loop_open(&loop), 0);
    *state = loop;
    return 0;
}

static int teardown(void **state) {
    hy_loop_close(*state);
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

typedef struct {
    hy_loop_t *loop;
    hy_work_t *work, *other;
    hy_timer_t timer;
    hy_poll_t *poll;
    int calls, limit, closed, fds[2];
    uint64_t started_ms;
} part_t;

static bool count_down(void *arg) {
    part_t *p = arg;
    if (++p->calls < p->limit) return true;
    hy_loop_stop(p->loop);
    return false;
}

static void work_is_called_each_round_while_it_says_so(void **state) {
    part_t p = {.loop = *state, .limit = 5};
    assert_int_equal(hy_loop_add_work(p.loop, count_down, &p, &p.work), 0);
    hy_loop_run(p.loop);
    assert_int_equal(p.calls, 5);
}

static void wake_work(void *arg) {
    hy_work_wake(((part_t *)arg)->work);
}

static void work_that_sleeps_is_called_again_when_woken(void **state) {
    part_t p = {.loop = *state, .limit = 1};
    assert_int_equal(hy_loop_add_work(p.loop, count_down, &p, &p.work), 0);
    hy_loop_run(p.loop);
    p.limit = 2;
    hy_timer_init(&p.timer, wake_work, &p);
    assert_int_equal(hy_timer_start(hy_loop_clock(p.loop), &p.timer, 5), 0);
    hy_loop_run(p.loop); /* sleeps until the timer wakes the work */
    assert_int_equal(p.calls, 2);
}

static bool close_other(void *arg) {
    part_t *p = arg;
    p->calls++;
    hy_work_close(p->other);
    p->other = NULL;
    return false;
}

static bool close_self(void *arg) {
    part_t *p = arg;
    p->calls++;
    hy_work_close(p->work);
    hy_loop_stop(p->loop);
    return true;
}

static bool never(void *arg) {
    fail_msg("closed work was called (%p)", arg);
    return false;
}

static void work_may_close_itself_and_others_while_it_runs(void **state) {
    part_t a = {.loop = *state}, b = {.loop = *state};
    hy_work_t *first;
    assert_int_equal(hy_loop_add_work(a.loop, close_other, &a, &first), 0);
    assert_int_equal(hy_loop_add_work(a.loop, never, NULL, &a.other), 0);
    assert_int_equal(hy_loop_add_work(b.loop, close_self, &b, &b.work), 0);
    hy_loop_run(a.loop);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
    hy_work_close(NULL);
}

static void stop(void *arg) {
    part_t *p = arg;
    p->calls++;
    hy_loop_stop(p->loop);
}

static void timers_of_the_clock_fire_not_before_their_time(void **state) {
    part_t p = {.loop = *state};
    hy_clock_t *clock = hy_loop_clock(p.loop);
    uint64_t start_ns = uv_hrtime();
    hy_timer_init(&p.timer, stop, &p);
    assert_int_equal(hy_timer_start(clock, &p.timer, 20), 0);
    hy_loop_run(p.loop);
    assert_int_equal(p.calls, 1);
    assert_true(uv_hrtime() - start_ns >= 19 * 1000000);
}

static void a_timer_that_is_stopped_wakes_nobody(void **state) {
    part_t p = {.loop = *state}, stopped = {.loop = *state};
    hy_clock_t *clock = hy_loop_clock(p.loop);
    hy_timer_init(&stopped.timer, stop, &stopped);
    hy_timer_init(&p.timer, stop, &p);
    assert_int_equal(hy_timer_start(clock, &stopped.timer, 60000), 0);
    assert_int_equal(hy_timer_start(clock, &p.timer, 1), 0);
    hy_loop_run(p.loop);
    hy_timer_stop(clock, &stopped.timer);
    p = (part_t){.loop = *state, .limit = 1};
    assert_int_equal(hy_loop_add_work(p.loop, count_down, &p, &p.work), 0);
    hy_loop_run(p.loop); /* a round that takes the alarm back */
    assert_int_equal(stopped.calls, 0);
    assert_int_equal(uv_backend_timeout(hy_loop_uv(p.loop)), -1);
}

static void stopping_before_running_comes_back_at_once(void **state) {
    hy_loop_t *loop = *state;
    hy_loop_stop(loop);
    hy_loop_run(loop);
}

static void the_wall_clock_is_the_systems(void **state) {
    uv_timeval64_t now;
    uv_gettimeofday(&now);
    int64_t difference = hy_clock_wall(hy_loop_clock(*state)) - now.tv_sec * 1000;
    assert_true(difference > -60000 && difference < 60000);
}

static void on_readable(void *arg, int events) {
    part_t *p = arg;
    assert_int_equal(events, HY_POLL_READABLE);
    char byte;
    assert_int_equal(read(p->fds[0], &byte, 1), 1);
    p->calls++;
    /* Time that was spent waiting for the descriptor counts: a timer started here runs from now. */
    p->started_ms = hy_clock_now(hy_loop_clock(p->loop));
    assert_int_equal(hy_timer_start(hy_loop_clock(p->loop), &p->timer, 10), 0);
}

static void write_byte(void *arg) {
    assert_int_equal(write(((part_t *)arg)->fds[1], "x", 1), 1);
}
static void note_closed(void *arg) {
    ((part_t *)arg)->closed++;
}

static void a_descriptor_tells_when_it_can_be_read(void **state) {
    part_t p = {.loop = *state};
    hy_timer_t writer;
    hy_clock_t *clock = hy_loop_clock(p.loop);
    assert_int_equal(pipe(p.fds), 0);
    hy_timer_init(&p.timer, stop, &p);
    hy_timer_init(&writer, write_byte, &p);
    assert_int_equal(hy_poll_open(p.loop, p.fds[0], on_readable, &p, &p.poll), 0);
    assert_int_equal(hy_poll_watch(p.poll, HY_POLL_READABLE), 0);
    assert_int_equal(hy_timer_start(clock, &writer, 15), 0);
    hy_loop_run(p.loop);
    assert_int_equal(p.calls, 2);
    assert_true(p.started_ms >= 15);
    assert_true(hy_clock_now(clock) >= p.started_ms + 10);

    hy_poll_close(p.poll, note_closed);
    close(p.fds[0]);
    close(p.fds[1]);
    assert_int_equal(p.closed, 0); /* not inside the call */
    hy_timer_init(&p.timer, stop, &p);
    assert_int_equal(hy_timer_start(clock, &p.timer, 1), 0);
    hy_loop_run(p.loop);
    assert_int_equal(p.closed, 1);
}

static void on_writable(void *arg, int events) {
    part_t *p = arg;
    assert_int_equal(events, HY_POLL_WRITABLE);
    p->calls++;
    assert_int_equal(hy_poll_watch(p->poll, 0), 0);
    hy_loop_stop(p->loop);
}

static void a_descriptor_tells_when_it_can_be_written(void **state) {
    part_t p = {.loop = *state};
    assert_int_equal(pipe(p.fds), 0);
    assert_int_equal(hy_poll_open(p.loop, p.fds[1], on_writable, &p, &p.poll), 0);
    assert_int_equal(hy_poll_watch(p.poll, HY_POLL_WRITABLE), 0);
    hy_loop_run(p.loop);
    assert_int_equal(p.calls, 1);
    hy_poll_close(p.poll, NULL);
    hy_poll_close(NULL, NULL);
    close(p.fds[0]);
    close(p.fds[1]);
}

static void a_plain_file_cannot_be_waited_for(void **state) {
    FILE *file = tmpfile();
    hy_poll_t *poll = NULL;
    assert_true(hy_poll_open(*state, fileno(file), on_writable, NULL, &poll) < 0);
    assert_null(poll);
    fclose(file);
}

static void on_signal(void *arg, int signum) {
    part_t *p = arg;
    assert_int_equal(signum, SIGUSR1);
    p->calls++;
    hy_loop_stop(p->loop);
}

static void a_signal_arrives_as_a_callback(void **state) {
    part_t p = {.loop = *state};
    hy_signal_t *s = NULL;
    assert_int_equal(hy_loop_signal(p.loop, SIGUSR1, on_signal, &p, &s), 0);
    raise(SIGUSR1);
    hy_loop_run(p.loop);
    assert_int_equal(p.calls, 1);
    hy_signal_close(s);
    hy_signal_close(NULL);
    assert_true(hy_loop_signal(p.loop, -1, on_signal, &p, &s) < 0);
}

static void closing_the_loop_closes_what_is_left(void **state) {
    part_t p = {.loop = *state, .limit = 3};
    hy_signal_t *s;
    assert_int_equal(pipe(p.fds), 0);
    assert_int_equal(hy_loop_add_work(p.loop, count_down, &p, &p.work), 0);
    assert_int_equal(hy_loop_signal(p.loop, SIGUSR2, on_signal, &p, &s), 0);
    assert_int_equal(hy_poll_open(p.loop, p.fds[0], on_readable, &p, &p.poll), 0);
    assert_int_equal(hy_poll_watch(p.poll, HY_POLL_READABLE), 0);
    hy_loop_stop(p.loop);
    hy_loop_close(p.loop);
    close(p.fds[0]);
    close(p.fds[1]);
    assert_int_equal(hy_loop_open((hy_loop_t **)state), 0);
    hy_loop_close(NULL);
}

static void nothing_is_owed_when_memory_runs_out(void **state) {
    hy_loop_t *loop = *state, *none = NULL;
    part_t p = {.loop = loop};
    hy_signal_t *s = NULL;
    hy_mem_fail_after(1);
    assert_int_equal(hy_loop_open(&none), HY_ENOMEM);
    assert_int_equal(hy_loop_add_work(loop, count_down, &p, &p.work), HY_ENOMEM);
    assert_int_equal(hy_loop_signal(loop, SIGUSR1, on_signal, &p, &s), HY_ENOMEM);
    assert_int_equal(hy_poll_open(loop, 0, on_readable, &p, &p.poll), HY_ENOMEM);
    hy_mem_fail_after(-1);
    assert_null(none);
    assert_null(p.work);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(work_is_called_each_round_while_it_says_so),
        TEST(work_that_sleeps_is_called_again_when_woken),
        TEST(work_may_close_itself_and_others_while_it_runs),
        TEST(timers_of_the_clock_fire_not_before_their_time),
        TEST(a_timer_that_is_stopped_wakes_nobody),
        TEST(stopping_before_running_comes_back_at_once),
        TEST(the_wall_clock_is_the_systems),
        TEST(a_descriptor_tells_when_it_can_be_read),
        TEST(a_descriptor_tells_when_it_can_be_written),
        TEST(a_plain_file_cannot_be_waited_for),
        TEST(a_signal_arrives_as_a_callback),
        TEST(closing_the_loop_closes_what_is_left),
        TEST(nothing_is_owed_when_memory_runs_out),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
