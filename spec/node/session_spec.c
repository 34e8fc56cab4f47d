/* core/node/session and claims: sessions, who holds what, and what a session may send. */
#include "support.h"

#define OBJECT "comm://d/o"

static hy_str_t *changes_of(const char *object) {
    return hy_str_format("%s/changes", object);
}

static void a_second_open_of_a_runtime_replaces_the_first(void **state) {
    runtime_t other = {.count = 0};
    (void)state;
    assert_int_equal(open_as(&other, "hyperty-runtime://d/a"), 200);
    assert_null(a.peer);
    assert_int_equal(a.closed, HY_CLOSE_REPLACED);
    assert_int_equal(hy_msg_code(a.inbox[0]), 409);
    leave(&other);
}

static void only_a_runtime_address_opens_a_session(void **state) {
    static const char *const bad[] = {"hyperty://d/x",
                                      "hyperty-runtime://d",
                                      "hyperty-runtime://d/",
                                      "hyperty-runtime://d/x/",
                                      "hyperty-runtime://d//x",
                                      "hyperty-runtime://d/x#1",
                                      "comm://d/x",
                                      "nothing",
                                      "mn:/session"};
    runtime_t other = {.count = 0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(open_as(&other, bad[i]), 400);
    assert_int_equal(open_as(&other, "runtime://d/x"), 200);
    leave(&other);
}

static void no_session_opens_above_or_below_what_another_holds(void **state) {
    runtime_t other = {.count = 0}, third = {.count = 0};
    (void)state;
    assert_int_equal(open_as(&other, "hyperty-runtime://d/a/x"), 409);
    assert_int_equal(open_as(&other, "hyperty-runtime://d/p/q"), 200);
    assert_int_equal(open_as(&third, "hyperty-runtime://d/p"), 409);
    assert_int_equal(open_as(&third, "hyperty-runtime://d/p/qq"), 200);
    leave(&other);
    assert_int_equal(open_as(&other, "hyperty-runtime://d/p"), 409);
    leave(&third);
    assert_int_equal(open_as(&other, "hyperty-runtime://d/p"), 200);
    leave(&other);
}

static void holding_an_address_includes_everything_below_it(void **state) {
    (void)state;
    assert_int_equal(ask(&b, "read", "hyperty-runtime://d/b/sm", "hyperty-runtime://d/a/x/y", NULL),
                     0);
    assert_int_equal(came(&a), 1);
    assert_int_equal(ask(&b, "read", "hyperty-runtime://d/b/sm", "hyperty-runtime://d/ab", NULL),
                     404);
    assert_int_equal(came(&a), 0);
}

static void a_session_may_send_only_from_what_it_holds(void **state) {
    (void)state;
    const char *to = "hyperty-runtime://d/b";
    assert_int_equal(ask(&a, "read", "hyperty-runtime://d/a/sm", to, NULL), 0);
    assert_int_equal(ask(&a, "read", "hyperty-runtime://d/b/sm", to, NULL), 403);
    assert_int_equal(ask(&a, "read", "hyperty-runtime://d/nobody", to, NULL), 403);
    assert_int_equal(ask(&a, "read", "comm://d/free", to, NULL), 403);
    assert_int_equal(ask(&a, "read", "user://d/a", to, NULL), 403);
    assert_int_equal(came(&b), 1);
    tell(&a, "event", "comm://d/free", to, NULL);
    assert_int_equal(came(&b), 0);
    assert_int_equal(a.count, 0); /* without an id there is nothing to answer */
    assert_int_equal(hy_node_server_stats(the_node).refused, 5);
}

static void a_hyperty_address_is_claimed_by_its_first_use_as_from(void **state) {
    (void)state;
    assert_int_equal(ask(&a, "read", "hyperty://d/h", "hyperty-runtime://d/b", NULL), 0);
    assert_int_equal(ask(&b, "read", "hyperty://d/h", "hyperty-runtime://d/a", NULL), 403);
    assert_int_equal(ask(&b, "read", "hyperty://d/h/events", "hyperty-runtime://d/a", NULL), 403);
    assert_int_equal(ask(&c, "execute", "hyperty://d/k", "hyperty://d/h", NULL), 0);
    assert_int_equal(came(&a), 1);
    leave(&a);
    assert_int_equal(ask(&b, "read", "hyperty://d/h", "hyperty-runtime://d/c", NULL), 0);
}

static void a_stub_address_is_claimed_by_its_first_use_as_from(void **state) {
    (void)state;
    const char *stub = "runtime://elsewhere/r/protostub/1";
    assert_int_equal(ask(&a, "read", stub, "hyperty-runtime://d/b", NULL), 0);
    assert_int_equal(ask(&b, "read", stub, "hyperty-runtime://d/a", NULL), 403);
    assert_int_equal(ask(&b, "read", "runtime://elsewhere/r", "hyperty-runtime://d/a", NULL), 403);
}

static void another_address_is_claimed_by_a_subscribe_that_names_it(void **state) {
    (void)state;
    const char *sm = "hyperty-runtime://d/a/sm", *other = "hyperty-runtime://d/b/sm";
    assert_int_equal(subscribe(&a, sm, OBJECT), 200);
    assert_int_equal(subscribe(&b, other, OBJECT), 409);
    assert_int_equal(subscribe(&b, other, OBJECT "/subscription"), 409);
    assert_int_equal(ask(&a, "read", OBJECT, "hyperty-runtime://d/b", NULL), 0);
    assert_int_equal(ask(&b, "read", OBJECT, "hyperty-runtime://d/a", NULL), 403);
    leave(&a);
    assert_int_equal(subscribe(&b, other, OBJECT "/subscription"), 200);
    assert_int_equal(subscribe(&b, other, OBJECT), 200);
}

static void a_claim_made_by_subscribing_ends_with_its_last_route(void **state) {
    (void)state;
    const char *sm = "hyperty-runtime://d/a/sm", *other = "hyperty-runtime://d/b/sm";
    subscribe(&a, sm, OBJECT);
    subscribe(&a, sm, OBJECT "/subscription");
    assert_int_equal(unsubscribe(&a, sm, OBJECT), 200);
    assert_int_equal(subscribe(&b, other, OBJECT), 409);
    assert_int_equal(unsubscribe(&a, sm, OBJECT "/subscription"), 200);
    assert_int_equal(subscribe(&b, other, OBJECT), 200);
}

static void the_addresses_of_the_domain_and_of_runtimes_cannot_be_claimed(void **state) {
    (void)state;
    const char *sm = "hyperty-runtime://d/a/sm";
    assert_int_equal(subscribe(&a, sm, SM), 403);
    assert_int_equal(subscribe(&a, sm, "domain://msg-node.d/new"), 403);
    assert_int_equal(subscribe(&a, sm, "domain://registry.d"), 400);
    assert_int_equal(subscribe(&a, sm, "hyperty-runtime://d/z"), 403);
    assert_int_equal(subscribe(&a, sm, "hyperty-runtime://d/b/sm"), 409);
    assert_int_equal(subscribe(&a, sm, "comm://d/x/"), 400);
    assert_int_equal(subscribe(&a, sm, "comm://d/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), 400);
    assert_int_equal(subscribe(&a, sm, "comm://d/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"), 200);
}

static void an_allocated_address_is_reserved_for_its_runtime(void **state) {
    (void)state;
    hy_str_t *object = hy_str_from(allocate(&a, "comm")), *changes = changes_of(object->bytes);
    assert_int_equal(subscribe(&b, "hyperty-runtime://d/b/sm", object->bytes), 403);
    tell(&a, "update", object->bytes, changes->bytes, "{}");
    leave(&a);
    assert_int_equal(subscribe(&b, "hyperty-runtime://d/b/sm", object->bytes), 403);
    assert_int_equal(ask(&b, "read", "hyperty://d/h", object->bytes, NULL), 404);
    assert_int_equal(open_as(&a, "hyperty-runtime://d/a"), 200);
    assert_int_equal(ask(&b, "read", "hyperty://d/h", object->bytes, NULL), 0);
    assert_int_equal(came(&a), 1);
    assert_int_equal(ask(&a, "read", object->bytes, "hyperty://d/h", NULL), 0);
    hy_str_unref(object);
    hy_str_unref(changes);
}

static void a_response_may_come_from_a_resource_that_is_subscribed(void **state) {
    (void)state;
    subscribe(&a, "hyperty-runtime://d/a/sm", OBJECT);
    assert_int_equal(subscribe(&b, "hyperty://d/h", OBJECT "/changes"), 200);
    send_with(&b, 9, "response", OBJECT "/changes", "hyperty-runtime://d/a/sm", "{\"code\":200}");
    assert_int_equal(came(&a), 1);
    tell(&b, "event", OBJECT "/changes", "hyperty-runtime://d/a/sm", NULL);
    send_with(&c, 9, "response", OBJECT "/changes", "hyperty-runtime://d/a/sm", "{\"code\":200}");
    assert_int_equal(came(&a), 0);
    assert_int_equal(came(&c), 0); /* a response is never answered */
}

static void only_the_holder_sends_to_changes(void **state) {
    (void)state;
    subscribe(&a, "hyperty-runtime://d/a/sm", OBJECT);
    subscribe(&c, "hyperty://d/k", OBJECT "/changes");
    assert_int_equal(ask(&a, "update", OBJECT, OBJECT "/changes", "{}"), 0);
    assert_int_equal(ask(&a, "update", "hyperty-runtime://d/a/sm", OBJECT "/changes", "{}"), 0);
    assert_int_equal(came(&c), 2);
    assert_int_equal(ask(&b, "update", "hyperty://d/h", OBJECT "/changes", "{}"), 403);
    assert_int_equal(ask(&b, "update", OBJECT, OBJECT "/changes", "{}"), 403);
    assert_int_equal(ask(&c, "event", "hyperty://d/k", OBJECT "/changes", "{}"), 403);
    assert_int_equal(ask(&b, "update", "hyperty://d/h", "comm://d/nobody/changes", "{}"), 403);
    assert_int_equal(came(&c), 0);
    send_with(&b, 9, "response", "hyperty://d/h", OBJECT "/changes", "{\"code\":200}");
    assert_int_equal(came(&c), 1);
}

static void who_is_said_to_subscribe_must_belong_to_the_session(void **state) {
    static const char *const good[] = {"{\"source\":\"hyperty://d/h\"}",
                                       "{\"source\":\"hyperty-runtime://d/b/sm\"}",
                                       "{\"subscriber\":\"hyperty://d/h\"}", "{}"};
    static const char *const bad[] = {
        "{\"source\":\"hyperty://d/k\"}", "{\"subscriber\":\"hyperty://d/k\"}",
        "{\"source\":\"hyperty-runtime://d/a\"}",
        "{\"source\":\"hyperty://d/h\",\"subscriber\":\"comm://d/x\"}"};
    (void)state;
    subscribe(&a, "hyperty-runtime://d/a/sm", OBJECT "/subscription");
    tell(&c, "event", "hyperty://d/k", "hyperty-runtime://d/a", NULL);
    came(&a);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            ask(&b, "subscribe", "hyperty-runtime://d/b/sm", OBJECT "/subscription", good[i]), 0);
        assert_int_equal(
            ask(&b, "subscribe", "hyperty-runtime://d/b/sm", OBJECT "/subscription", bad[i]), 403);
    }
    assert_int_equal(came(&a), 4);
    assert_int_equal(
        ask(&b, "subscribe", "hyperty-runtime://d/b/sm", OBJECT "/subscription", "{\"source\":7}"),
        400);
}

static void what_a_session_held_is_forgotten_when_it_gives_it_back(void **state) {
    (void)state;
    hy_str_t *object = hy_str_from(allocate(&a, "comm"));
    char body[256];
    assert_int_equal(ask(&a, "read", object->bytes, "hyperty-runtime://d/b", NULL), 0);
    snprintf(body, sizeof body, "{\"childrenResources\":[\"%s\"]}", object->bytes);
    assert_int_equal(ask(&a, "delete", "hyperty-runtime://d/a", ALLOC, body), 200);
    assert_int_equal(ask(&a, "read", object->bytes, "hyperty-runtime://d/b", NULL), 403);
    hy_str_unref(object);
}

static void closing_a_session_leaves_nothing_of_it_in_the_node(void **state) {
    (void)state;
    subscribe(&a, "hyperty-runtime://d/a/sm", OBJECT);
    subscribe(&a, "hyperty-runtime://d/a/sm", OBJECT "/children/m");
    subscribe(&b, "hyperty://d/h", OBJECT "/changes");
    leave(&a);
    leave(&b);
    leave(&c);
    hy_node_stats_t stats = hy_node_server_stats(the_node);
    assert_int_equal(stats.sessions, 0);
    assert_int_equal(stats.routes, 0);
    assert_int_equal(stats.claims, 0);
    assert_int_equal(stats.allocated, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_second_open_of_a_runtime_replaces_the_first),
        TEST(only_a_runtime_address_opens_a_session),
        TEST(no_session_opens_above_or_below_what_another_holds),
        TEST(holding_an_address_includes_everything_below_it),
        TEST(a_session_may_send_only_from_what_it_holds),
        TEST(a_hyperty_address_is_claimed_by_its_first_use_as_from),
        TEST(a_stub_address_is_claimed_by_its_first_use_as_from),
        TEST(another_address_is_claimed_by_a_subscribe_that_names_it),
        TEST(a_claim_made_by_subscribing_ends_with_its_last_route),
        TEST(the_addresses_of_the_domain_and_of_runtimes_cannot_be_claimed),
        TEST(an_allocated_address_is_reserved_for_its_runtime),
        TEST(a_response_may_come_from_a_resource_that_is_subscribed),
        TEST(only_the_holder_sends_to_changes),
        TEST(who_is_said_to_subscribe_must_belong_to_the_session),
        TEST(what_a_session_held_is_forgotten_when_it_gives_it_back),
        TEST(closing_a_session_leaves_nothing_of_it_in_the_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
