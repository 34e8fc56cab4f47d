/* Interceptors: passing, dropping, replacing and holding, and that holding keeps order. */
#include "support.h"

#define HOLDS_MAX 64

/* An interceptor that decides by the number in the message. */
typedef struct {
    world_t *w;
    const char *name;
    hy_interceptor_t *i;
    int drop, hold, replace; /* the number that it drops, holds, replaces by + 100; -1: every one */
    hy_hold_t *holds[HOLDS_MAX];
    int holds_count;
    bool closes; /* itself, when it is called */
} guard_t;

static hy_verdict_t on_intercept(void *arg, hy_msg_t **m, hy_hold_t *hold) {
    guard_t *g = arg;
    int n = number(*m);
    note(g->w, "%s:%d", g->name, n);
    if (g->closes) {
        hy_interceptor_close(g->i);
        g->i = NULL;
    }
    if (n == g->replace) {
        hy_msg_t *other = message((*m)->type, 0, (*m)->from->bytes, (*m)->to->bytes, n + 100);
        hy_msg_unref(*m);
        *m = other;
    }
    if (n == g->drop) return HY_DROP;
    if (n != g->hold && g->hold != -1) return HY_PASS;
    assert_true(g->holds_count < HOLDS_MAX);
    g->holds[g->holds_count++] = hold;
    return HY_HOLD;
}

static void guard(world_t *w, guard_t *g, const char *name) {
    *g = (guard_t){.w = w, .name = name, .drop = -2, .hold = -2, .replace = -2};
    assert_int_equal(hy_bus_intercept(w->bus, on_intercept, g, &g->i), 0);
}

static void release_all(guard_t *g) {
    for (int i = 0; i < g->holds_count; i++)
        hy_hold_release(g->holds[i], hy_msg_ref(hy_hold_message(g->holds[i])));
    g->holds_count = 0;
}

static void interceptors_see_a_message_in_the_order_they_were_added(void **state) {
    world_t *w = *state;
    part_t a;
    guard_t g, h;
    listen(w, &a, "a", A);
    guard(w, &g, "g");
    guard(w, &h, "h");
    send(w, B, A, 1);
    run(w);
    assert_seen(w, "g:1 h:1 a1");
}

static void a_dropped_message_is_not_seen_any_further(void **state) {
    world_t *w = *state;
    part_t a;
    guard_t g, h;
    listen(w, &a, "a", A);
    guard(w, &g, "g");
    guard(w, &h, "h");
    g.drop = 1;
    send(w, B, A, 1);
    send(w, B, A, 2);
    run(w);
    assert_seen(w, "g:1 g:2 h:2 a2");
    assert_int_equal(hy_bus_stats(w->bus).dropped, 1);
}

static void a_replaced_message_goes_on_in_place_of_the_first(void **state) {
    world_t *w = *state;
    part_t a;
    guard_t g, h;
    listen(w, &a, "a", A);
    guard(w, &g, "g");
    guard(w, &h, "h");
    g.replace = 1;
    send(w, B, A, 1);
    g.hold = 5;
    run(w);
    assert_seen(w, "g:1 h:101 a101");
    h.hold = 101; /* replaced by one and held by the other */
    send(w, B, A, 1);
    send(w, B, A, 2);
    run(w);
    assert_seen(w, "g:1 h:101");
    release_all(&h);
    run(w);
    assert_seen(w, "a101 g:2 h:2 a2");
}

static void later_messages_of_the_same_pair_wait_behind_a_held_one(void **state) {
    world_t *w = *state;
    part_t a, c;
    guard_t g, h;
    listen(w, &a, "a", A);
    listen(w, &c, "c", C);
    guard(w, &g, "g");
    guard(w, &h, "h");
    g.hold = 1;
    send(w, B, A, 1);
    send(w, B, A, 2);
    send(w, B, C, 3); /* another recipient */
    send(w, C, A, 4); /* another sender */
    run(w);
    assert_seen(w, "g:1 g:3 h:3 c3 g:4 h:4 a4");
    assert_int_equal(hy_bus_stats(w->bus).held, 2);
    assert_int_equal(hy_bus_stats(w->bus).queued, 0);
    assert_int_equal(number(hy_hold_message(g.holds[0])), 1);

    w->wakes = 0;
    release_all(&g);
    assert_seen(w, ""); /* not inside the call */
    assert_int_equal(w->wakes, 1);
    send(w, B, A, 5); /* behind those that wait */
    run(w);
    assert_seen(w, "h:1 a1 g:2 h:2 a2 g:5 h:5 a5");
    assert_int_equal(hy_bus_stats(w->bus).held, 0);
}

static void a_hold_may_be_released_as_nothing_or_as_another_message(void **state) {
    world_t *w = *state;
    part_t a;
    guard_t g;
    listen(w, &a, "a", A);
    guard(w, &g, "g");
    g.hold = 1;
    send(w, B, A, 1);
    send(w, B, A, 2);
    run(w);
    hy_hold_release(g.holds[0], NULL);
    run(w);
    assert_seen(w, "g:1 g:2 a2");
    send(w, B, A, 1);
    run(w);
    hy_hold_release(g.holds[1], message(HY_MSG_EVENT, 0, B, A, 7));
    run(w);
    assert_seen(w, "g:1 a7");
    assert_int_equal(hy_bus_stats(w->bus).dropped, 1);
}

static void a_message_may_be_held_by_one_after_the_other_and_so_may_those_behind(void **state) {
    world_t *w = *state;
    part_t a;
    guard_t g, h;
    listen(w, &a, "a", A);
    guard(w, &g, "g");
    guard(w, &h, "h");
    g.hold = h.hold = -1;
    for (int n = 1; n <= 3; n++)
        send(w, B, A, n);
    for (int n = 1; n <= 3; n++) {
        char expected[32];
        run(w);
        release_all(&g);
        run(w);
        sprintf(expected, "g:%d h:%d", n, n);
        assert_seen(w, expected);
        release_all(&h);
        assert_true(hy_bus_turn(w->bus, 1) == (n < 3));
        sprintf(expected, "a%d", n);
        assert_seen(w, expected);
    }
    assert_int_equal(hy_bus_stats(w->bus).held, 0);
}

static void what_a_closed_interceptor_holds_is_passed_on(void **state) {
    world_t *w = *state;
    part_t a;
    guard_t g, h;
    listen(w, &a, "a", A);
    guard(w, &g, "g");
    guard(w, &h, "h");
    g.hold = 1;
    send(w, B, A, 1);
    send(w, B, A, 2);
    run(w);
    hy_interceptor_close(g.i);
    hy_interceptor_close(NULL);
    run(w);
    assert_seen(w, "g:1 h:1 a1 h:2 a2");
}

static void without_interceptors_the_rest_of_a_lane_still_goes_in_order(void **state) {
    world_t *w = *state;
    part_t a;
    guard_t g;
    listen(w, &a, "a", A);
    guard(w, &g, "g");
    g.hold = 1;
    for (int n = 1; n <= 3; n++)
        send(w, B, A, n);
    run(w);
    hy_interceptor_close(g.i);
    assert_true(hy_bus_turn(w->bus, 1));
    send(w, B, A, 4);
    send(w, C, A, 9);
    run(w);
    assert_seen(w, "g:1 a1 a2 a3 a4 a9");
}

static void an_interceptor_may_close_itself_while_it_is_called(void **state) {
    world_t *w = *state;
    part_t a;
    guard_t g, h;
    listen(w, &a, "a", A);
    guard(w, &g, "g");
    guard(w, &h, "h");
    g.closes = true;
    g.hold = 1; /* which then is no more than passing on */
    send(w, B, A, 1);
    send(w, B, A, 2);
    run(w);
    assert_seen(w, "g:1 h:1 a1 h:2 a2");
}

static void answers_pass_interceptors_too_and_requests_wait_for_them(void **state) {
    world_t *w = *state;
    part_t a, up;
    guard_t g;
    listen(w, &a, "a", A);
    uplink(w, &up, "up", NULL);
    guard(w, &g, "g");
    g.hold = 1;
    receive(&up, HY_MSG_EVENT, 0, B, A, 1);
    receive(&up, HY_MSG_READ, 4, B, "hyperty://d/none", 2);
    run(w);
    assert_seen(w, "g:1 g:2 g:-1 up=404");
    release_all(&g);
    run(w);
    assert_seen(w, "a1");
}

static void what_was_held_came_in_by_an_uplink_all_the_same(void **state) {
    world_t *w = *state;
    part_t up;
    guard_t g;
    uplink(w, &up, "up", NULL);
    guard(w, &g, "g");
    g.hold = 1;
    receive(&up, HY_MSG_UPDATE, 0, X, X "/changes", 1);
    receive(&up, HY_MSG_UPDATE, 0, X, X "/changes", 2);
    run(w);
    release_all(&g);
    run(w);
    assert_seen(w, "g:1 g:2");
}

/* --- bounds ----------------------------------------------------------------------------------- */

static void what_waits_behind_is_bounded_and_the_rest_is_refused(void **state) {
    world_t *w = *state;
    part_t a;
    guard_t g;
    listen(w, &a, "a", B);
    guard(w, &g, "g");
    g.hold = 1;
    send_request(w, HY_MSG_READ, 9, B, A, 1);
    hy_msg_t *m = message(HY_MSG_EVENT, 0, B, A, 2);
    for (uint32_t i = 0; i < HY_BUS_HELD_MAX; i++)
        assert_int_equal(hy_bus_send(w->bus, m), 0);
    hy_msg_unref(m);
    run(w);
    assert_seen(w, "g:1");
    assert_int_equal(hy_bus_stats(w->bus).held, HY_BUS_HELD_MAX + 1);
    send_request(w, HY_MSG_READ, 10, B, A, 3);
    run(w);
    assert_seen(w, "g:-1 a=503");
    assert_int_equal(hy_bus_stats(w->bus).full, 1);
}

static void what_is_held_is_bounded_in_bytes_and_a_flood_of_one_pair_stops_no_other(void **state) {
    (void)state;
    world_t *w = world_new(0, 4000);
    part_t a, b;
    guard_t g;
    listen(w, &a, "a", A);
    listen(w, &b, "b", B);
    guard(w, &g, "g");
    g.hold = 1;
    for (int i = 0; i < 40 && !strstr(w->seen, "b=503"); i++) {
        send_request(w, HY_MSG_READ, 9, B, A, 1);
        run(w);
    }
    assert_seen(w, "g:1 g:-1 b=503"); /* the answer is judged, too */
    send(w, C, B, 2);
    run(w);
    assert_seen(w, "g:2 b2");

    /* One message held for each of many pairs. */
    for (int i = 0; i < 40 && hy_bus_stats(w->bus).full == 1; i++) {
        char from[32];
        sprintf(from, "hyperty://d/%d", i);
        send(w, from, A, 1);
        run(w);
    }
    assert_int_equal(hy_bus_stats(w->bus).full, 2);
    assert_true(g.holds_count > 4 && g.holds_count < 40);
    world_free(w);
}

/* --- order, against a model ------------------------------------------------------------------- */

#define PAIRS 6

typedef struct {
    world_t *w;
    hy_hold_t *holds[PAIRS];
    int count;
} random_guard_t;

static hy_verdict_t hold_some(void *arg, hy_msg_t **m, hy_hold_t *hold) {
    random_guard_t *g = arg;
    (void)m;
    if (hy_random_below(&g->w->random, 3)) return HY_PASS;
    assert_true(g->count < PAIRS); /* one per pair at most */
    g->holds[g->count++] = hold;
    return HY_HOLD;
}

static void release_one(random_guard_t *g) {
    if (g->count == 0) return;
    uint64_t i = hy_random_below(&g->w->random, (uint64_t)g->count);
    hy_hold_t *hold = g->holds[i];
    g->holds[i] = g->holds[--g->count];
    hy_hold_release(hold, hy_msg_ref(hy_hold_message(hold)));
}

typedef struct {
    random_guard_t *guards;
    int expected[PAIRS];
} receiver_t;

static void check_order(void *arg, hy_msg_t *m) {
    receiver_t *r = arg;
    int pair = m->from->bytes[m->from->len - 1] - '0';
    assert_int_equal(number(m), r->expected[pair]++);
    /* A listener may release, too. */
    release_one(&r->guards[hy_random_below(&r->guards[0].w->random, 2)]);
}

static void order_is_kept_per_pair_however_messages_are_held_and_released(void **state) {
    world_t *w = *state;
    random_guard_t guards[2] = {{.w = w}, {.w = w}};
    hy_interceptor_t *i;
    receiver_t r = {.guards = guards};
    int sent[PAIRS] = {0};
    listen_with(w, A, check_order, &r);
    for (int k = 0; k < 2; k++)
        assert_int_equal(hy_bus_intercept(w->bus, hold_some, &guards[k], &i), 0);
    for (int round = 0; round < 5000; round++) {
        uint64_t pair = hy_random_below(&w->random, PAIRS);
        char from[32];
        sprintf(from, "hyperty://d/%d", (int)pair);
        switch (hy_random_below(&w->random, 4)) {
        case 0:
        case 1:
            send(w, from, A, sent[pair]++);
            break;
        case 2:
            hy_bus_turn(w->bus, (uint32_t)hy_random_below(&w->random, 4));
            break;
        default:
            release_one(&guards[hy_random_below(&w->random, 2)]);
        }
    }
    for (;;) {
        run(w);
        if (guards[0].count + guards[1].count == 0) break;
        release_one(&guards[guards[0].count ? 0 : 1]);
    }
    assert_memory_equal(sent, r.expected, sizeof sent);
    assert_int_equal(hy_bus_stats(w->bus).held, 0);
}

/* --- without memory --------------------------------------------------------------------------- */

static void nothing_is_owed_when_memory_runs_out(void **state) {
    world_t *w = *state;
    part_t a;
    guard_t g;
    listen(w, &a, "a", A);
    hy_interceptor_t *i = NULL;
    for (int64_t n = 1; !i; n++) {
        assert_true(n < 10);
        hy_mem_fail_after(n);
        int code = hy_bus_intercept(w->bus, on_intercept, &g, &i);
        hy_mem_fail_after(-1);
        assert_int_equal(code, i ? 0 : HY_ENOMEM);
    }
    hy_interceptor_close(i);

    guard(w, &g, "g");
    g.hold = 1;
    send(w, B, A, 1);
    hy_mem_fail_after(1);
    run(w); /* cannot be held, so it is refused unseen */
    hy_mem_fail_after(-1);
    assert_seen(w, "");
    send(w, B, A, 1);
    send(w, B, A, 2);
    assert_true(hy_bus_turn(w->bus, 1));
    hy_mem_fail_after(1);
    run(w); /* cannot wait behind, so it is refused */
    hy_mem_fail_after(-1);
    assert_int_equal(hy_bus_stats(w->bus).full, 2);
    assert_int_equal(hy_bus_stats(w->bus).held, 1);
    release_all(&g);
    run(w);
    assert_seen(w, "g:1 a1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(interceptors_see_a_message_in_the_order_they_were_added),
        TEST(a_dropped_message_is_not_seen_any_further),
        TEST(a_replaced_message_goes_on_in_place_of_the_first),
        TEST(later_messages_of_the_same_pair_wait_behind_a_held_one),
        TEST(a_hold_may_be_released_as_nothing_or_as_another_message),
        TEST(a_message_may_be_held_by_one_after_the_other_and_so_may_those_behind),
        TEST(what_a_closed_interceptor_holds_is_passed_on),
        TEST(without_interceptors_the_rest_of_a_lane_still_goes_in_order),
        TEST(an_interceptor_may_close_itself_while_it_is_called),
        TEST(answers_pass_interceptors_too_and_requests_wait_for_them),
        TEST(what_was_held_came_in_by_an_uplink_all_the_same),
        TEST(what_waits_behind_is_bounded_and_the_rest_is_refused),
        TEST(what_is_held_is_bounded_in_bytes_and_a_flood_of_one_pair_stops_no_other),
        TEST(order_is_kept_per_pair_however_messages_are_held_and_released),
        TEST(nothing_is_owed_when_memory_runs_out),
    };
    return cmocka_run_group_tests_name("intercept", tests, NULL, NULL);
}
