/* The clock: order of timers, time inside callbacks, starting and stopping meanwhile, dates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "loop/clock.h"

#define TIMERS 500

typedef struct {
    hy_clock_t clock;
    hy_timer_t timers[TIMERS];
    size_t fired[TIMERS]; /* numbers of timers in the order they fired */
    uint64_t times[TIMERS];
    size_t count;
    int64_t blocks;
} world_t;

typedef struct {
    world_t *w;
    size_t number;
} note_t;

static note_t notes[TIMERS];

static void on_timer(void *arg) {
    note_t *note = arg;
    world_t *w = note->w;
    assert_true(w->count < TIMERS);
    w->times[w->count] = hy_clock_now(&w->clock);
    w->fired[w->count++] = note->number;
}

static int setup(void **state) {
    world_t *w = calloc(1, sizeof *w);
    w->blocks = hy_mem_blocks();
    hy_clock_init(&w->clock, 1000);
    for (size_t i = 0; i < TIMERS; i++) {
        notes[i] = (note_t){w, i};
        hy_timer_init(&w->timers[i], on_timer, &notes[i]);
    }
    *state = w;
    return 0;
}

static int teardown(void **state) {
    world_t *w = *state;
    for (size_t i = 0; i < TIMERS; i++)
        hy_timer_stop(&w->clock, &w->timers[i]);
    hy_clock_deinit(&w->clock);
    assert_int_equal(hy_mem_blocks(), w->blocks);
    free(w);
    return 0;
}

static void start(world_t *w, size_t i, uint64_t delay_ms) {
    assert_int_equal(hy_timer_start(&w->clock, &w->timers[i], delay_ms), 0);
}

static void timers_fire_earliest_first_each_at_its_own_time(void **state) {
    world_t *w = *state;
    start(w, 0, 30);
    start(w, 1, 10);
    start(w, 2, 20);
    hy_clock_advance(&w->clock, 25);
    assert_int_equal(w->count, 2);
    assert_int_equal(w->fired[0], 1);
    assert_int_equal(w->times[0], 10);
    assert_int_equal(w->fired[1], 2);
    assert_int_equal(w->times[1], 20);
    assert_int_equal(hy_clock_now(&w->clock), 25);
    assert_int_equal(hy_clock_wall(&w->clock), 1025);
    assert_true(hy_timer_is_started(&w->timers[0]));
    assert_false(hy_timer_is_started(&w->timers[1]));
}

static void equal_times_keep_the_order_in_which_they_were_started(void **state) {
    world_t *w = *state;
    for (size_t i = 0; i < 100; i++)
        start(w, i, 5);
    start(w, 0, 5); /* again: now it is the last */
    hy_clock_advance(&w->clock, 5);
    assert_int_equal(w->count, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(w->fired[i], (i + 1) % 100);
}

static void a_stopped_timer_does_not_fire_and_stopping_twice_is_harmless(void **state) {
    world_t *w = *state;
    start(w, 0, 5);
    start(w, 1, 5);
    hy_timer_stop(&w->clock, &w->timers[0]);
    hy_timer_stop(&w->clock, &w->timers[0]);
    hy_clock_advance(&w->clock, 100);
    assert_int_equal(w->count, 1);
    assert_int_equal(w->fired[0], 1);
}

static void time_never_goes_back(void **state) {
    world_t *w = *state;
    hy_clock_advance(&w->clock, 50);
    hy_clock_advance(&w->clock, 40);
    assert_int_equal(hy_clock_now(&w->clock), 50);
    start(w, 0, UINT64_MAX); /* "never" must not wrap around */
    hy_clock_advance(&w->clock, 60);
    assert_int_equal(w->count, 0);
}

static void the_time_of_the_next_timer_is_told(void **state) {
    world_t *w = *state;
    uint64_t at_ms = 7;
    assert_false(hy_clock_next(&w->clock, &at_ms));
    assert_int_equal(at_ms, 7);
    hy_clock_advance(&w->clock, 100);
    start(w, 0, 30);
    start(w, 1, 20);
    assert_true(hy_clock_next(&w->clock, &at_ms));
    assert_int_equal(at_ms, 120);
    hy_timer_stop(&w->clock, &w->timers[1]);
    assert_true(hy_clock_next(&w->clock, &at_ms));
    assert_int_equal(at_ms, 130);
}

static void a_delay_of_zero_waits_for_the_next_advance(void **state) {
    world_t *w = *state;
    hy_clock_advance(&w->clock, 10);
    start(w, 0, 0);
    assert_int_equal(w->count, 0);
    hy_clock_advance(&w->clock, 10);
    assert_int_equal(w->count, 1);
}

typedef struct {
    world_t *w;
    hy_timer_t self;
    int left;
} chain_t;

static void on_chain(void *arg) {
    chain_t *c = arg;
    if (c->left-- > 0) assert_int_equal(hy_timer_start(&c->w->clock, &c->self, 10), 0);
    hy_timer_stop(&c->w->clock, &c->w->timers[1]);
    if (c->left == 1) start(c->w, 2, 1);
}

static void what_a_callback_starts_for_a_time_that_is_due_fires_too(void **state) {
    world_t *w = *state;
    chain_t c = {.w = w, .left = 3};
    hy_timer_init(&c.self, on_chain, &c);
    assert_int_equal(hy_timer_start(&w->clock, &c.self, 10), 0);
    start(w, 1, 10); /* due, but the first callback stops it */
    hy_clock_advance(&w->clock, 1000);
    assert_int_equal(c.left, -1);
    assert_int_equal(w->count, 1);
    assert_int_equal(w->fired[0], 2);
    assert_int_equal(w->times[0], 21);
}

static void random_starts_moves_and_stops_fire_as_in_a_sorted_list(void **state) {
    world_t *w = *state;
    hy_random_t random;
    hy_random_seed(&random, 42);
    struct {
        bool is_started;
        uint64_t at_ms, turn;
    } model[TIMERS] = {0};
    uint64_t turn = 0;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 40; i++) {
            size_t n = hy_random_below(&random, TIMERS);
            if (hy_random_below(&random, 4) == 0) {
                hy_timer_stop(&w->clock, &w->timers[n]);
                model[n].is_started = false;
                continue;
            }
            uint64_t delay_ms = hy_random_below(&random, 300);
            start(w, n, delay_ms);
            model[n].is_started = true;
            model[n].at_ms = hy_clock_now(&w->clock) + delay_ms;
            model[n].turn = ++turn;
        }
        uint64_t until = hy_clock_now(&w->clock) + hy_random_below(&random, 40);
        w->count = 0;
        hy_clock_advance(&w->clock, until);
        for (size_t k = 0; k < w->count; k++) {
            size_t n = w->fired[k];
            assert_true(model[n].is_started && model[n].at_ms <= until);
            for (size_t i = 0; i < TIMERS; i++) {
                if (!model[i].is_started) continue;
                assert_true(model[i].at_ms > model[n].at_ms ||
                            (model[i].at_ms == model[n].at_ms && model[i].turn >= model[n].turn));
            }
            model[n].is_started = false;
        }
        for (size_t i = 0; i < TIMERS; i++) {
            assert_int_equal(model[i].is_started, hy_timer_is_started(&w->timers[i]));
            if (model[i].is_started) assert_true(model[i].at_ms > until);
        }
    }
}

static uint64_t read_source(void *arg) {
    return *(uint64_t *)arg;
}

static void a_source_is_asked_between_advances_but_not_inside(void **state) {
    world_t *w = *state;
    uint64_t real_ms = 500;
    w->clock.source = read_source;
    w->clock.source_arg = &real_ms;
    assert_int_equal(hy_clock_now(&w->clock), 500);
    start(w, 0, 100);
    real_ms = 700;
    hy_clock_advance(&w->clock, real_ms);
    assert_int_equal(w->count, 1);
    assert_int_equal(w->times[0], 700); /* late, and it knows */
    real_ms = 100;                      /* a source that lies does not turn time back */
    assert_int_equal(hy_clock_now(&w->clock), 700);
}

static void start_again(void *arg) {
    note_t *note = arg;
    world_t *w = note->w;
    if (w->count == 100) return; /* enough to see that it never ends */
    on_timer(note);
    assert_int_equal(hy_timer_start(&w->clock, &w->timers[note->number], 0), 0);
}

static void what_is_started_while_a_real_clock_fires_waits_for_the_next_advance(void **state) {
    world_t *w = *state;
    uint64_t real_ms = 50;
    w->clock.source = read_source;
    w->clock.source_arg = &real_ms;
    hy_timer_init(&w->timers[0], start_again, &notes[0]);
    start(w, 0, 0);
    start(w, 1, 10);
    real_ms = 70;
    hy_clock_advance(&w->clock, real_ms);
    assert_int_equal(w->count, 2);
    assert_int_equal(w->fired[1], 1);
    assert_true(hy_timer_is_started(&w->timers[0]));
    hy_clock_advance(&w->clock, real_ms);
    assert_int_equal(w->count, 3);
}

static void starting_fails_without_memory_and_leaves_the_clock_as_it_was(void **state) {
    world_t *w = *state;
    hy_mem_fail_after(1);
    assert_int_equal(hy_timer_start(&w->clock, &w->timers[0], 1), HY_ENOMEM);
    hy_mem_fail_after(-1);
    assert_false(hy_timer_is_started(&w->timers[0]));
    start(w, 0, 1);
    hy_mem_fail_after(1);
    assert_int_equal(hy_timer_start(&w->clock, &w->timers[0], 2), 0); /* moving needs none */
    hy_mem_fail_after(-1);
}

static void assert_iso(int64_t wall_ms, const char *expected) {
    char text[25];
    hy_clock_iso(wall_ms, text);
    assert_string_equal(text, expected);
}

static void dates_are_written_in_iso_8601(void **state) {
    (void)state;
    assert_iso(0, "1970-01-01T00:00:00.000Z");
    assert_iso(-1, "1969-12-31T23:59:59.999Z");
    assert_iso(951782400000, "2000-02-29T00:00:00.000Z");
    assert_iso(1795402143000, "2026-11-23T02:49:03.000Z");
    assert_iso(4107542399999, "2100-02-28T23:59:59.999Z");
    assert_iso(4107542400000, "2100-03-01T00:00:00.000Z");
    assert_iso(INT64_MAX, "9999-12-31T23:59:59.999Z");
    assert_iso(INT64_MIN, "0000-01-01T00:00:00.000Z");
}

static void dates_are_read_as_they_are_written(void **state) {
    (void)state;
    char text[25];
    for (int64_t wall_ms = 0; wall_ms < 4107542400000; wall_ms += 86399989 * 7) {
        hy_clock_iso(wall_ms, text);
        assert_int_equal(hy_clock_from_iso(text), wall_ms);
        for (size_t len = 0; len < 19; len++) { /* cut off anywhere, it is none */
            char cut[25];
            memcpy(cut, text, len);
            cut[len] = '\0';
            assert_int_equal(hy_clock_from_iso(cut), 0);
        }
    }
    assert_int_equal(hy_clock_from_iso("2026-11-23T02:49:03Z"), 1795402143000);
    assert_int_equal(hy_clock_from_iso("2026-11-23T02:49:03.12"), 0);
    assert_int_equal(hy_clock_from_iso("2026-13-23T02:49:03.000Z"), 0);
    assert_int_equal(hy_clock_from_iso("1969-12-31T23:59:59.999Z"), 0);
}

static void dates_agree_with_the_system(void **state) {
    (void)state;
    hy_random_t random;
    hy_random_seed(&random, 7);
    for (int i = 0; i < 20000; i++) {
        int64_t s = (int64_t)hy_random_below(&random, 315000000000) - 62000000000;
        time_t t = (time_t)s;
        struct tm parts;
        char date[64], expected[96];
        gmtime_r(&t, &parts);
        strftime(date, sizeof date, "%m-%dT%H:%M:%S", &parts);
        snprintf(expected, sizeof expected, "%04d-%s.007Z", parts.tm_year + 1900, date);
        assert_iso(s * 1000 + 7, expected);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(timers_fire_earliest_first_each_at_its_own_time),
        TEST(equal_times_keep_the_order_in_which_they_were_started),
        TEST(a_stopped_timer_does_not_fire_and_stopping_twice_is_harmless),
        TEST(time_never_goes_back),
        TEST(the_time_of_the_next_timer_is_told),
        TEST(a_delay_of_zero_waits_for_the_next_advance),
        TEST(what_a_callback_starts_for_a_time_that_is_due_fires_too),
        TEST(random_starts_moves_and_stops_fire_as_in_a_sorted_list),
        TEST(a_source_is_asked_between_advances_but_not_inside),
        TEST(what_is_started_while_a_real_clock_fires_waits_for_the_next_advance),
        TEST(starting_fails_without_memory_and_leaves_the_clock_as_it_was),
        TEST(dates_are_written_in_iso_8601),
        TEST(dates_are_read_as_they_are_written),
        TEST(dates_agree_with_the_system),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
