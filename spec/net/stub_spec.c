/* core/net/stub: sessions that are opened, taken over and lost, with a node behind a simulated
 * network. */
#include "stub_support.h"

/* --- opening ---------------------------------------------------------------------------------- */

static void opening_makes_a_session_and_tells_of_it(void **state) {
    (void)state;
    open_runtime(&a, A_URL);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_LIVE);
    assert_int_equal(hy_node_server_stats(node).sessions, 1);
    assert_int_equal(a.lives, 1);
    assert_true(a.is_new);
    assert_string_equal(last_line(), "info: stub: connected to the node of d");
}

static void without_a_node_what_is_sent_is_kept_for_a_while(void **state) {
    (void)state;
    open_runtime(&b, B_URL);
    listen_at(&b, B_PART);
    open_bus(&a, A_URL);
    assert_int_equal(hy_pair_new(NULL, network, "the node of d", &a.pair), 0);
    hy_pair_unplug(a.pair, true);
    assert_int_equal(open_stub(&a, hy_pair_connector(a.pair), NULL), 0);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_AWAY);
    assert_string_equal(
        last_line(), "warn: stub: cannot connect to the node of d: there is no node; trying again");
    send_number(&a, B_PART, 1);
    send_number(&a, B_PART, 2);
    run_for(50);
    hy_pair_unplug(a.pair, false);
    run_for(4000);
    assert_int_equal(b.count, 2);
    assert_int_equal(b.heard[0], 1);
    assert_int_equal(b.heard[1], 2);
    assert_int_equal(a.aways, 0); /* it has never been there */
}

static void an_open_that_is_refused_is_told_and_tried_again(void **state) {
    (void)state;
    open_runtime(&b, B_URL);
    open_runtime(&a, B_URL "/below"); /* belongs to b */
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_AWAY);
    assert_says("warn: stub: the node of d did not open a session for " B_URL "/below: ",
                last_line());
    hy_stub_close(b.stub);
    b.stub = NULL;
    run_for(5000);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_LIVE);
}

/* --- going on --------------------------------------------------------------------------------- */

static void a_session_is_taken_over_with_all_that_was_sent_meanwhile(void **state) {
    (void)state;
    open_both();
    send_number(&a, B_PART, 0);
    run_for(20);
    hy_pair_unplug(a.pair, true);
    hy_pair_break(a.pair);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_AWAY);
    assert_int_equal(a.aways, 1);
    assert_string_equal(
        last_line(), "warn: stub: connection to the node of d lost: connection lost; trying again");
    for (int64_t i = 1; i < 50; i++)
        send_number(&a, B_PART, i);
    run_for(1000);
    assert_int_equal(b.count, 1);
    hy_pair_unplug(a.pair, false);
    run_for(3000);
    assert_int_equal(a.lives, 2);
    assert_false(a.is_new);
    assert_string_equal(last_line(), "info: stub: connected to the node of d; the session goes on");
    assert_int_equal(b.count, 50);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(b.heard[i], i);
}

static void what_was_sent_to_it_meanwhile_waits_at_the_node(void **state) {
    (void)state;
    open_both();
    hy_pair_unplug(b.pair, true);
    hy_pair_break(b.pair);
    for (int64_t i = 0; i < 10; i++)
        send_number(&a, B_PART, i);
    run_for(1000);
    assert_int_equal(b.count, 0);
    hy_pair_unplug(b.pair, false);
    run_for(3000);
    assert_int_equal(b.count, 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(b.heard[i], i);
}

static void a_request_that_is_kept_is_answered_once_the_session_goes_on(void **state) {
    answer_t answer;
    (void)state;
    open_both();
    hy_pair_break(a.pair);
    ask(&a, "hyperty-runtime://d/nobody", &answer);
    run_for(2000);
    assert_int_equal(answer.code, 404);
}

/* --- lost sessions ---------------------------------------------------------------------------- */

static void kept_requests_are_answered_before_their_sender_gives_up(void **state) {
    answer_t first, second;
    (void)state;
    open_both();
    hy_pair_unplug(a.pair, true);
    hy_pair_break(a.pair);
    uint64_t lost_ms = hy_clock_now(&the_clock);
    ask(&a, B_URL, &first);
    run_for(HY_STUB_HOLD_MS);
    assert_int_equal(first.code, 503);
    assert_int_equal(first.at_ms, lost_ms + HY_STUB_HOLD_MS);
    assert_says("no connection to the message node: ", first.desc);
    assert_says("the node of d", first.desc);
    ask(&a, B_URL, &second); /* from now on at once */
    run_for(0);
    assert_int_equal(second.code, 503);
    assert_int_equal(second.at_ms, lost_ms + HY_STUB_HOLD_MS);
    assert_says("no connection to the message node: ", second.desc);
    send_number(&a, B_PART, 1); /* nobody to tell */
    run_for(0);
    hy_pair_unplug(a.pair, false);
    run_for(20000);
    assert_false(a.is_new); /* the grace of the session is longer */
    assert_int_equal(b.count, 0);
}

static void after_the_grace_the_session_is_a_new_one(void **state) {
    answer_t answer;
    (void)state;
    open_both();
    hy_pair_unplug(a.pair, true);
    hy_pair_break(a.pair);
    send_number(&a, B_PART, 1);
    run_for(HY_SESSION_GRACE_MS + 1);
    assert_int_equal(hy_node_server_stats(node).sessions, 1);
    hy_pair_unplug(a.pair, false);
    run_for(HY_RECONNECT_MAX_MS);
    assert_int_equal(hy_node_server_stats(node).sessions, 2);
    assert_int_equal(a.lives, 2);
    assert_true(a.is_new);
    assert_string_equal(last_line(), "info: stub: connected to the node of d; the session before "
                                     "is gone, this is a new one");
    assert_int_equal(b.count, 0);
    ask(&a, "hyperty-runtime://d/nobody", &answer);
    run_for(100);
    assert_int_equal(answer.code, 404);
}

static void after_a_restart_of_the_node_too_and_what_was_kept_is_dropped(void **state) {
    answer_t answer;
    (void)state;
    open_both();
    hy_node_server_t *old = node;
    node = new_node();
    hy_network_set_node(network, NULL);
    hy_node_server_free(old);
    ask(&a, "hyperty-runtime://d/nobody", &answer);
    send_number(&a, B_PART, 1);
    run_for(10);
    assert_int_equal(answer.code, 0);
    hy_network_set_node(network, node);
    run_for(3000);
    assert_true(a.is_new && b.is_new);
    assert_int_equal(hy_node_server_stats(node).sessions, 2);
    assert_int_equal(b.count, 0);
    assert_int_equal(answer.code, 503);
    assert_says("no connection to the message node: ", answer.desc);
    send_number(&a, B_PART, 2);
    run_for(50);
    assert_int_equal(b.count, 1);
    assert_int_equal(b.heard[0], 2);
}

static void what_is_kept_is_bounded_and_the_rest_is_refused(void **state) {
    size_t padding = HY_MESSAGE_BYTES_MAX / 2, fit = HY_STUB_QUEUE_BYTES_MAX / padding;
    answer_t answer;
    (void)state;
    open_both();
    hy_pair_unplug(a.pair, true);
    hy_pair_break(a.pair);
    for (size_t i = 0; i < fit; i++) {
        send_padded(&a, B_PART, (int64_t)i, padding);
        run_for(0);
    }
    hy_msg_t *m = message(HY_MSG_READ, hy_int(7), &a, B_URL, 0, padding);
    assert_int_equal(hy_bus_request(a.bus, m, 0, on_answer, &answer, NULL, NULL), 0);
    hy_msg_unref(m);
    answer.code = 0;
    run_for(0);
    assert_int_equal(answer.code, 503);
    assert_string_equal(answer.desc, "the node of d: more than 16 MiB wait to be sent");
    hy_pair_unplug(a.pair, false);
    run_for(3000);
    assert_in_range(b.count, fit - 1, fit); /* the last one may just not have fit */
    for (unsigned i = 0; i < b.count; i++)
        assert_int_equal(b.heard[i], i);
}

static void who_is_replaced_stays_away_and_says_so(void **state) {
    answer_t answer;
    (void)state;
    open_runtime(&a, A_URL);
    open_runtime(&b, A_URL);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_REPLACED);
    assert_int_equal(a.replaceds, 1);
    assert_true(b.is_new);
    ask(&a, "hyperty-runtime://d/nobody", &answer);
    run_for(10 * HY_RECONNECT_MAX_MS);
    assert_int_equal(answer.code, 503);
    assert_says("another connection has opened this runtime", answer.desc);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_REPLACED);
    assert_int_equal(hy_stub_state(b.stub), HY_STUB_LIVE);
    bool is_told = false;
    for (unsigned i = 0; i < line_count; i++)
        is_told |= strstr(lines[i], "error: stub: ") && strstr(lines[i], A_URL " stays away");
    assert_true(is_told);
}

/* --- closing ---------------------------------------------------------------------------------- */

static void closing_ends_the_session_at_once(void **state) {
    (void)state;
    open_both();
    assert_int_equal(hy_node_server_stats(node).sessions, 2);
    hy_stub_close(a.stub);
    a.stub = NULL;
    assert_int_equal(hy_node_server_stats(node).sessions, 1);
}

static void closing_while_it_is_away_owes_nothing(void **state) {
    answer_t answer;
    (void)state;
    open_both();
    hy_pair_unplug(a.pair, true);
    hy_pair_break(a.pair);
    ask(&a, B_URL, &answer);
    run_for(1);
    hy_stub_close(a.stub);
    a.stub = NULL;
    run_for(100);
    assert_int_equal(hy_node_server_stats(node).sessions, 2); /* until its grace is over */
}

/* --- memory ----------------------------------------------------------------------------------- */

/* A life with a break and a restart in it, in which the n-th allocation fails, and all after it for
 * a second; then there is memory again. True if none failed any more. */
static bool live_with_failure_at(int64_t n, bool fails_at_open) {
    hy_error_t err = {.text = ""};
    answer_t answer = {.code = 0};
    open_bus(&a, A_URL);
    assert_int_equal(hy_pair_new(NULL, network, "the node of d", &a.pair), 0);
    if (fails_at_open) hy_mem_fail_after(n);
    int rc = open_stub(&a, hy_pair_connector(a.pair), &err);
    hy_mem_fail_after(-1);
    if (rc < 0) {
        assert_int_equal(rc, HY_ENOMEM);
        assert_int_equal(err.code, HY_ENOMEM);
        close_runtime(&a);
        return false;
    }
    bool was_live = hy_stub_state(a.stub) == HY_STUB_LIVE;
    for (int i = 0; i < 40 && hy_stub_state(a.stub) != HY_STUB_LIVE; i++)
        run_for(1000);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_LIVE);
    hy_msg_t *m = message(HY_MSG_READ, hy_int(n), &a, "hyperty-runtime://d/nobody", 0, 0);
    hy_pair_break(a.pair);
    if (!fails_at_open) hy_mem_fail_after(n);
    hy_bus_request(a.bus, m, 0, on_answer, &answer, NULL, NULL);
    run_for(1000);
    bool was_enough = fails_at_open ? was_live : answer.code == 404;
    hy_mem_fail_after(-1);
    hy_msg_unref(m);
    for (int i = 0; i < 40 && hy_stub_state(a.stub) != HY_STUB_LIVE; i++) {
        send_number(&a, "hyperty-runtime://d/nobody", 1); /* sending wakes what had no timer */
        run_for(1000);
    }
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_LIVE);
    close_runtime(&a);
    return was_enough;
}

static void without_memory_it_fails_or_recovers_and_nothing_leaks(void **state) {
    (void)state;
    the_log.sink = NULL;
    for (int at_open = 0; at_open < 2; at_open++) {
        int64_t n = 1;
        while (!live_with_failure_at(n, at_open) && n < 400)
            n++;
        assert_in_range(n, 5, 399);
    }
}

#define TIMERS 256u

static void ignore(void *arg) {
    (void)arg;
}

/* Takes all places of the clock, so that another timer needs memory; gives how many. */
static unsigned fill_clock(hy_timer_t *timers) {
    unsigned count = 0;
    hy_timer_init(&timers[count], ignore, NULL);
    while (hy_timer_start(&the_clock, &timers[count], 1u << 30) == 0) {
        assert_in_range(++count, 1, TIMERS - 1);
        hy_timer_init(&timers[count], ignore, NULL);
        hy_mem_fail_after(1);
    }
    return count;
}

/* The clock has no room for another timer when the connection is lost. */
static void without_a_timer_it_tries_again_when_something_is_to_be_sent(void **state) {
    static hy_timer_t timers[TIMERS];
    (void)state;
    for (unsigned spare = 0; spare < 3; spare++) { /* for the grace, and for what holds */
        open_runtime(&a, A_URL);
        the_log.sink = NULL;
        unsigned count = fill_clock(timers);
        assert_in_range(count, 1 + spare, TIMERS - 1);
        for (unsigned i = 0; i < spare; i++)
            hy_timer_stop(&the_clock, &timers[--count]);
        hy_pair_break(a.pair);
        hy_mem_fail_after(-1);
        run_for(1000);
        assert_int_equal(hy_stub_state(a.stub), HY_STUB_AWAY);
        send_number(&a, B_PART, 1);
        run_for(1000);
        assert_int_equal(hy_stub_state(a.stub), HY_STUB_LIVE);
        while (count > 0)
            hy_timer_stop(&the_clock, &timers[--count]);
        close_runtime(&a);
    }
}

/* There is room for the timer that holds, but not for one of the handshake, which is lost. */
static void without_a_timer_a_handshake_is_given_up(void **state) {
    static hy_timer_t timers[TIMERS];
    hy_error_t err;
    (void)state;
    the_log.sink = NULL;
    for (int64_t n = 1; n < 12; n++) { /* beyond, nothing fails */
        open_bus(&a, A_URL);
        assert_int_equal(hy_pair_new(NULL, network, "the node of d", &a.pair), 0);
        hy_pair_cut(a.pair, true, false);
        unsigned count = fill_clock(timers);
        hy_timer_stop(&the_clock, &timers[--count]);
        hy_mem_fail_after(n);
        int rc = open_stub(&a, hy_pair_connector(a.pair), &err);
        hy_mem_fail_after(-1);
        while (count > 0)
            hy_timer_stop(&the_clock, &timers[--count]);
        if (rc == 0) hy_pair_cut(a.pair, false, false);
        for (int i = 0; rc == 0 && i < 40 && hy_stub_state(a.stub) != HY_STUB_LIVE; i++) {
            send_number(&a, "hyperty-runtime://d/nobody", 1);
            run_for(1000);
        }
        if (rc == 0) assert_int_equal(hy_stub_state(a.stub), HY_STUB_LIVE);
        close_runtime(&a);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(opening_makes_a_session_and_tells_of_it),
        TEST(without_a_node_what_is_sent_is_kept_for_a_while),
        TEST(an_open_that_is_refused_is_told_and_tried_again),
        TEST(a_session_is_taken_over_with_all_that_was_sent_meanwhile),
        TEST(what_was_sent_to_it_meanwhile_waits_at_the_node),
        TEST(a_request_that_is_kept_is_answered_once_the_session_goes_on),
        TEST(kept_requests_are_answered_before_their_sender_gives_up),
        TEST(after_the_grace_the_session_is_a_new_one),
        TEST(after_a_restart_of_the_node_too_and_what_was_kept_is_dropped),
        TEST(what_is_kept_is_bounded_and_the_rest_is_refused),
        TEST(who_is_replaced_stays_away_and_says_so),
        TEST(closing_ends_the_session_at_once),
        TEST(closing_while_it_is_away_owes_nothing),
        TEST(without_memory_it_fails_or_recovers_and_nothing_leaks),
        TEST(without_a_timer_it_tries_again_when_something_is_to_be_sent),
        TEST(without_a_timer_a_handshake_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
