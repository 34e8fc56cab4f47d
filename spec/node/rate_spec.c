/* core/node/rate: what a session may send in a second. */
#include "support.h"

#define A_SM "hyperty-runtime://d/a/sm"
#define B_SM "hyperty-runtime://d/b/sm"

static int ask_b(void) {
    return ask(&a, "read", A_SM, B_SM, NULL);
}

static void pass(unsigned ms) {
    hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + ms);
}

static int allocate_some(unsigned count) {
    char body[64];
    snprintf(body, sizeof body, "{\"value\":{\"number\":%u}}", count);
    return ask(&a, "create", A_SM, ALLOC, body);
}

static void a_burst_of_one_second_passes_and_more_is_429(void **state) {
    (void)state;
    limit((hy_node_limits_t){.messages_per_s = 10});
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask_b(), 0);
    assert_int_equal(ask_b(), 429);
    assert_non_null(strstr(hy_msg_desc(a.answer), "10 messages in a second"));
    assert_int_equal(came(&b), 10);
    assert_int_equal(hy_node_server_stats(the_node).rate_refused, 1);
}

static void what_a_session_may_send_grows_with_the_time(void **state) {
    (void)state;
    limit((hy_node_limits_t){.messages_per_s = 10});
    while (ask_b() == 0)
        continue;
    pass(99);
    assert_int_equal(ask_b(), 429);
    pass(1);
    assert_int_equal(ask_b(), 0);
    assert_int_equal(ask_b(), 429);
    pass(3600 * 1000);
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask_b(), 0);
    assert_int_equal(ask_b(), 429);
}

static void asking_too_often_does_not_lose_the_time_between(void **state) {
    (void)state;
    limit((hy_node_limits_t){.messages_per_s = 3});
    while (ask_b() == 0)
        continue;
    int passed = 0;
    for (int ms = 0; ms < 10000; ms++) {
        pass(1);
        if (ask_b() == 0) passed++;
    }
    assert_int_equal(passed, 30);
}

static void what_has_no_id_is_dropped_and_counted(void **state) {
    (void)state;
    limit((hy_node_limits_t){.messages_per_s = 2});
    for (int i = 0; i < 5; i++)
        tell(&a, "event", A_SM, B_SM, NULL);
    send_with(&a, 9, "response", A_SM, B_SM, "{\"code\":200}");
    assert_int_equal(came(&b), 2);
    assert_int_equal(a.count, 0);
    hy_node_stats_t stats = hy_node_server_stats(the_node);
    assert_int_equal(stats.rate_dropped, 4);
    assert_int_equal(stats.rate_refused, 0);
}

static void bytes_are_limited_as_well(void **state) {
    char body[1024];
    (void)state;
    limit((hy_node_limits_t){.bytes_per_s = 1000});
    snprintf(body, sizeof body, "{\"x\":\"%0200d\"}", 0);
    int passed = 0;
    while (ask(&a, "read", A_SM, B_SM, body) == 0)
        passed++;
    assert_int_equal(passed, 3);
    assert_non_null(strstr(hy_msg_desc(a.answer), "1000 bytes in a second"));
    pass(300);
    assert_int_equal(ask(&a, "read", A_SM, B_SM, body), 0);
}

static void a_message_larger_than_a_seconds_worth_passes_and_is_paid_for(void **state) {
    char body[4096];
    (void)state;
    limit((hy_node_limits_t){.bytes_per_s = 1000});
    snprintf(body, sizeof body, "{\"x\":\"%03000d\"}", 0);
    assert_int_equal(ask(&a, "read", A_SM, B_SM, body), 0);
    pass(2000);
    assert_int_equal(ask_b(), 429);
    pass(1500);
    assert_int_equal(ask_b(), 0);
    assert_int_equal(ask(&a, "read", A_SM, B_SM, body), 429);
}

static void what_is_no_message_counts_too(void **state) {
    (void)state;
    limit((hy_node_limits_t){.messages_per_s = 3});
    for (int i = 0; i < 5; i++)
        assert_true(give(&a, "{", 1));
    assert_int_equal(came(&a), 3);
    assert_int_equal(hy_node_server_stats(the_node).malformed, 5);
    assert_int_equal(hy_node_server_stats(the_node).rate_dropped, 2);
}

static void allocated_addresses_are_limited(void **state) {
    (void)state;
    limit((hy_node_limits_t){.allocations_per_s = 20});
    assert_int_equal(allocate_some(15), 200);
    assert_int_equal(allocate_some(6), 429);
    assert_non_null(strstr(hy_msg_desc(a.answer), "20 addresses in a second"));
    assert_int_equal(allocate_some(5), 200);
    assert_int_equal(allocate_some(1), 429);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 20);
    pass(1000);
    assert_int_equal(allocate_some(20), 200);
    pass(1000);
    assert_int_equal(allocate_some(30), 200); /* more than a second's worth, paid for */
    pass(1000);
    assert_int_equal(allocate_some(20), 429);
}

static void a_refused_request_may_be_repeated_with_its_id(void **state) {
    const char *body = "{\"value\":{\"number\":2}}";
    (void)state;
    limit((hy_node_limits_t){.allocations_per_s = 2});
    assert_int_equal(allocate_some(2), 200);
    send_with(&a, 777, "create", A_SM, ALLOC, body);
    assert_int_equal(hy_msg_code(a.inbox[0]), 429);
    pass(1000);
    send_with(&a, 777, "create", A_SM, ALLOC, body);
    assert_int_equal(hy_msg_code(a.inbox[1]), 200);
    send_with(&a, 777, "create", A_SM, ALLOC, body); /* but what was done is not done twice */
    assert_int_equal(hy_msg_code(a.inbox[2]), 200);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 4);
}

static void each_session_has_limits_of_its_own(void **state) {
    (void)state;
    limit((hy_node_limits_t){.messages_per_s = 5});
    while (ask_b() == 0)
        continue;
    assert_int_equal(ask(&b, "read", B_SM, A_SM, NULL), 0);
    drop(&a);
    open_as(&a, "hyperty-runtime://d/a");
    assert_int_equal(ask_b(), 429); /* the session is the same */
}

static void without_limits_everything_passes(void **state) {
    (void)state;
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(ask_b(), 0);
        came(&b);
    }
    for (int i = 0; i < 20; i++)
        assert_int_equal(allocate_some(1000), 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_burst_of_one_second_passes_and_more_is_429),
        TEST(what_a_session_may_send_grows_with_the_time),
        TEST(asking_too_often_does_not_lose_the_time_between),
        TEST(what_has_no_id_is_dropped_and_counted),
        TEST(bytes_are_limited_as_well),
        TEST(a_message_larger_than_a_seconds_worth_passes_and_is_paid_for),
        TEST(what_is_no_message_counts_too),
        TEST(allocated_addresses_are_limited),
        TEST(a_refused_request_may_be_repeated_with_its_id),
        TEST(each_session_has_limits_of_its_own),
        TEST(without_limits_everything_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
