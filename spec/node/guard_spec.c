/* core/node/guard: whom the holder of an object admits, and who that is. */
#include "support.h"

#define OBJECT   "comm://d/o"
#define CHANGES  OBJECT "/changes"
#define CHILDREN OBJECT "/children/m"
#define A_SM     "hyperty-runtime://d/a/sm"
#define B_SM     "hyperty-runtime://d/b/sm"

static int guard(runtime_t *r, const char *sm, const char *more) {
    char body[512];
    snprintf(body, sizeof body,
             "{\"resources\":[\"" OBJECT "\",\"" OBJECT "/subscription\",\"" CHILDREN
             "\"],\"source\":\"%s\"%s}",
             sm, more);
    return ask(r, "subscribe", sm, SM, body);
}

static int execute(runtime_t *r, const char *sm, const char *method, const char *hyperty) {
    char body[512];
    snprintf(body, sizeof body, "{\"method\":\"%s\",\"params\":[\"" OBJECT "\",\"%s\"]}", method,
             hyperty);
    return ask(r, "execute", sm, SM, body);
}

static unsigned heard(runtime_t *r, const char *resource) {
    tell(&a, "update", OBJECT, resource, "{}");
    return came(r);
}

static void until_admitted_a_route_waits(void **state) {
    (void)state;
    assert_int_equal(guard(&a, A_SM, ",\"guard\":true"), 200);
    assert_int_equal(subscribe(&b, "hyperty://d/h", CHANGES), 200);
    assert_int_equal(subscribe(&b, "hyperty://d/h", OBJECT "/children/"), 200);
    assert_int_equal(heard(&b, CHANGES), 0);
    assert_int_equal(heard(&b, CHILDREN), 0);
    assert_int_equal(execute(&a, A_SM, "admit", "hyperty://d/h"), 200);
    assert_int_equal(heard(&b, CHANGES), 1);
    assert_int_equal(heard(&b, CHILDREN), 1);
}

static void the_guard_also_shuts_routes_that_were_there_before(void **state) {
    (void)state;
    subscribe(&b, "hyperty://d/h", CHANGES);
    subscribe(&c, "hyperty://d/k", CHANGES);
    guard(&a, A_SM, "");
    assert_int_equal(heard(&b, CHANGES), 1);
    assert_int_equal(came(&c), 1);
    guard(&a, A_SM, ",\"guard\":true");
    assert_int_equal(heard(&b, CHANGES), 0);
    assert_int_equal(came(&c), 0);
    guard(&a, A_SM, ""); /* says nothing of the guard, so it stays */
    assert_int_equal(heard(&b, CHANGES), 0);
    guard(&a, A_SM, ",\"guard\":false");
    assert_int_equal(heard(&b, CHANGES), 1);
    assert_int_equal(came(&c), 1);
}

static void the_holder_needs_no_admission(void **state) {
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    subscribe(&b, "hyperty://d/h", CHILDREN);
    execute(&a, A_SM, "admit", "hyperty://d/h");
    tell(&b, "create", "hyperty://d/h", CHILDREN, "{}");
    assert_int_equal(came(&a), 1);
}

static void an_admission_before_the_route_counts(void **state) {
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    assert_int_equal(execute(&a, A_SM, "admit", "hyperty://d/h"), 200);
    subscribe(&b, "hyperty://d/h", CHANGES);
    assert_int_equal(heard(&b, CHANGES), 1);
}

static void who_is_expelled_hears_nothing_more(void **state) {
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    subscribe(&b, "hyperty://d/h", CHANGES);
    execute(&a, A_SM, "admit", "hyperty://d/h");
    assert_int_equal(execute(&a, A_SM, "expel", "hyperty://d/h"), 200);
    assert_int_equal(heard(&b, CHANGES), 0);
    assert_int_equal(subscribe(&b, "hyperty://d/h", CHANGES), 200);
    assert_int_equal(heard(&b, CHANGES), 0);
}

static void another_admitted_hyperty_keeps_the_route_of_their_session_open(void **state) {
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    subscribe(&b, "hyperty://d/h1", CHANGES);
    subscribe(&b, "hyperty://d/h2", CHANGES);
    execute(&a, A_SM, "admit", "hyperty://d/h1");
    execute(&a, A_SM, "admit", "hyperty://d/h2");
    execute(&a, A_SM, "expel", "hyperty://d/h1");
    assert_int_equal(heard(&b, CHANGES), 1);
    unsubscribe(&b, "hyperty://d/h2", CHANGES);
    assert_int_equal(heard(&b, CHANGES), 0);
}

static void who_is_not_admitted_may_not_send_to_the_children(void **state) {
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    subscribe(&b, "hyperty://d/h", CHILDREN);
    assert_int_equal(ask(&b, "create", "hyperty://d/h", CHILDREN, "{}"), 403);
    assert_false(hy_get_bool(answered(&b), "admitted", true)); /* not the reporter says so */
    assert_int_equal(ask(&b, "event", "hyperty://d/h", OBJECT "/children/other", "{}"), 403);
    execute(&a, A_SM, "admit", "hyperty://d/h");
    assert_int_equal(ask(&b, "create", "hyperty://d/h", CHILDREN, "{}"), 0);
    assert_int_equal(ask(&b, "create", B_SM, CHILDREN, "{}"), 403);
    execute(&a, A_SM, "expel", "hyperty://d/h");
    assert_int_equal(ask(&b, "create", "hyperty://d/h", CHILDREN, "{}"), 403);
}

static void an_admission_is_for_the_session_that_has_the_hyperty(void **state) {
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    subscribe(&b, "hyperty://d/h", CHANGES);
    execute(&a, A_SM, "admit", "hyperty://d/h");
    leave(&b);
    assert_int_equal(subscribe(&c, "hyperty://d/h", CHANGES), 200);
    assert_int_equal(heard(&c, CHANGES), 0);
}

static void the_holder_is_told_of_an_observer_whose_session_has_ended(void **state) {
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    subscribe(&b, "hyperty://d/h", CHANGES);
    subscribe(&b, "hyperty://d/h", CHILDREN);
    subscribe(&b, "hyperty://d/not-admitted", CHANGES);
    execute(&a, A_SM, "admit", "hyperty://d/h");
    drop(&b);
    hy_clock_advance(&the_clock, HY_SESSION_GRACE_MS - 1);
    assert_int_equal(came(&a), 0); /* it may come back */
    hy_clock_advance(&the_clock, HY_SESSION_GRACE_MS);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.inbox[0]->type, HY_MSG_UNSUBSCRIBE);
    assert_string_equal(a.inbox[0]->from->bytes, SM);
    assert_string_equal(a.inbox[0]->to->bytes, OBJECT "/subscription");
    assert_true(hy_str_is(hy_get_str(hy_msg_body(a.inbox[0]), "source"), "hyperty://d/h"));
    assert_true(hy_get_bool(hy_msg_body(a.inbox[0]), "gone", false));
    clear(&a);
    open_as(&b, "hyperty-runtime://d/b");
    subscribe(&b, "hyperty://d/h", CHANGES); /* and is admitted anew or not at all */
    leave(&b);
    assert_int_equal(came(&a), 0);
}

static void the_holder_is_told_of_who_was_admitted_and_never_came(void **state) {
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    execute(&a, A_SM, "admit", "hyperty://d/h");
    execute(&a, A_SM, "admit", "hyperty://d/late");
    hy_clock_advance(&the_clock, HY_SESSION_GRACE_MS / 2);
    subscribe(&b, "hyperty://d/late", CHANGES);
    execute(&a, A_SM, "admit", "hyperty://d/second");
    hy_clock_advance(&the_clock, HY_SESSION_GRACE_MS);
    assert_int_equal(a.count, 1);
    assert_true(hy_str_is(hy_get_str(hy_msg_body(a.inbox[0]), "source"), "hyperty://d/h"));
    clear(&a);
    hy_clock_advance(&the_clock, HY_SESSION_GRACE_MS * 3 / 2 - 1); /* each has its own time */
    assert_int_equal(a.count, 0);
    hy_clock_advance(&the_clock, HY_SESSION_GRACE_MS * 3 / 2);
    assert_int_equal(a.count, 1);
    assert_true(hy_str_is(hy_get_str(hy_msg_body(a.inbox[0]), "source"), "hyperty://d/second"));
    clear(&a);
    subscribe(&c, "hyperty://d/h", CHANGES);
    assert_int_equal(heard(&c, CHANGES), 0); /* it is admitted anew or not at all */
    assert_int_equal(came(&b), 1);
    execute(&a, A_SM, "expel", "hyperty://d/h");
    execute(&a, A_SM, "expel", "hyperty://d/second");
    hy_clock_advance(&the_clock, 3 * HY_SESSION_GRACE_MS);
    assert_int_equal(came(&a), 0);
    assert_int_equal(heard(&b, CHANGES), 1);
}

/* How often it was told that the hyperty is gone, and not only silent. */
static unsigned told_gone(const char *hyperty, bool is_silent) {
    unsigned count = 0;
    for (unsigned i = 0; i < a.count; i++) {
        const hy_node_t *body = hy_msg_body(a.inbox[i]);
        bool is_it = hy_str_is(hy_get_str(body, "source"), hyperty);
        bool listens = hy_get_bool(body, "listens", true);
        if (is_it && hy_get_bool(body, "gone", false) && listens != is_silent) count++;
    }
    clear(&a);
    return count;
}

static void the_holder_is_told_again_until_it_has_expelled_who_is_gone(void **state) {
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    subscribe(&b, "hyperty://d/h", CHANGES);
    execute(&a, A_SM, "admit", "hyperty://d/h");
    leave(&b);
    assert_int_equal(told_gone("hyperty://d/h", false), 1);
    for (uint64_t i = 1; i < 4; i++) {
        hy_clock_advance(&the_clock, i * HY_SESSION_GRACE_MS);
        assert_int_equal(told_gone("hyperty://d/h", true), 1);
    }
    execute(&a, A_SM, "expel", "hyperty://d/h");
    hy_clock_advance(&the_clock, 9 * HY_SESSION_GRACE_MS);
    assert_int_equal(came(&a), 0);
}

static void who_has_not_listened_yet_may_take_its_time_in_its_session(void **state) {
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    subscribe(&b, "hyperty://d/h", "hyperty://d/h");
    execute(&a, A_SM, "admit", "hyperty://d/h");
    hy_clock_advance(&the_clock, 5 * HY_SESSION_GRACE_MS);
    assert_int_equal(came(&a), 0);
    leave(&b);
    hy_clock_advance(&the_clock, 6 * HY_SESSION_GRACE_MS);
    assert_int_equal(told_gone("hyperty://d/h", true), 1);
}

static void the_holder_is_told_of_who_was_admitted_and_listens_no_more(void **state) {
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    subscribe(&b, "hyperty://d/left", CHANGES);
    subscribe(&b, "hyperty://d/back", CHANGES);
    subscribe(&c, "hyperty://d/lost", CHANGES);
    execute(&a, A_SM, "admit", "hyperty://d/left");
    execute(&a, A_SM, "admit", "hyperty://d/back");
    execute(&a, A_SM, "admit", "hyperty://d/lost");
    unsubscribe(&b, "hyperty://d/left", CHANGES);
    unsubscribe(&b, "hyperty://d/back", CHANGES);
    subscribe(&b, "hyperty://d/back", CHANGES);
    drop(&c);
    open_as(&c, "hyperty-runtime://d/c"); /* it begins anew, and knows nothing of before */
    hy_clock_advance(&the_clock, HY_SESSION_GRACE_MS - 1);
    assert_int_equal(a.count, 0);
    hy_clock_advance(&the_clock, HY_SESSION_GRACE_MS);
    assert_int_equal(a.count, 2);
    assert_true(hy_str_is(hy_get_str(hy_msg_body(a.inbox[0]), "source"), "hyperty://d/left"));
    assert_int_equal(told_gone("hyperty://d/lost", true), 1);
    assert_int_equal(heard(&b, CHANGES), 1);
    unsubscribe(&b, "hyperty://d/back", CHANGES);
    execute(&a, A_SM, "expel", "hyperty://d/back");
    subscribe(&c, "hyperty://d/lost", CHANGES);
    execute(&a, A_SM, "admit", "hyperty://d/lost");
    subscribe(&b, "hyperty://d/left", CHANGES);
    hy_clock_advance(&the_clock, 9 * HY_SESSION_GRACE_MS);
    assert_int_equal(came(&a), 0);
}

static void only_the_holder_admits_and_expels(void **state) {
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    assert_int_equal(execute(&b, B_SM, "admit", "hyperty://d/h"), 403);
    assert_int_equal(execute(&b, B_SM, "expel", "hyperty://d/h"), 403);
    assert_int_equal(execute(&a, A_SM, "admit", "nothing"), 400);
    assert_int_equal(execute(&a, A_SM, "praise", "hyperty://d/h"), 400);
    assert_int_equal(ask(&a, "execute", A_SM, SM, "{\"method\":\"admit\",\"params\":[7]}"), 400);
    assert_int_equal(ask(&a, "execute", A_SM, SM, "{\"method\":\"admit\"}"), 400);
    assert_int_equal(ask(&a, "execute", A_SM, SM, NULL), 400);
    assert_int_equal(
        ask(&a, "execute", A_SM, SM, "{\"method\":\"admit\",\"params\":[\"" OBJECT "\"]}"), 400);
}

static void a_guarded_object_without_holder_stays_shut_until_the_next_one(void **state) {
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    subscribe(&b, "hyperty://d/h", CHILDREN);
    subscribe(&c, "hyperty://d/k", CHILDREN);
    execute(&a, A_SM, "admit", "hyperty://d/k");
    leave(&a);
    assert_int_equal(ask(&c, "event", "hyperty://d/k", CHILDREN, "{}"), 403);
    assert_int_equal(came(&b), 0);
    assert_int_equal(open_as(&a, "hyperty-runtime://d/a"), 200);
    guard(&a, A_SM, ",\"guard\":true");
    assert_int_equal(heard(&c, CHILDREN), 0);
    leave(&a);
    assert_int_equal(open_as(&a, "hyperty-runtime://d/a"), 200);
    guard(&a, A_SM, "");
    assert_int_equal(heard(&b, CHILDREN), 1);
    assert_int_equal(came(&c), 1);
}

static void many_come_and_go_without_filling_the_guard(void **state) {
    char hyperty[64];
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    for (int i = 0; i < 1000; i++) {
        snprintf(hyperty, sizeof hyperty, "hyperty://d/h%d", i);
        subscribe(&b, hyperty, CHANGES);
        execute(&a, A_SM, "admit", hyperty);
        assert_int_equal(heard(&b, CHANGES), 1);
        leave(&b);
        open_as(&b, "hyperty-runtime://d/b");
    }
    subscribe(&b, "hyperty://d/h7", CHANGES);
    assert_int_equal(heard(&b, CHANGES), 0);
}

static void a_repeated_admit_is_not_done_twice(void **state) {
    const char *body = "{\"method\":\"admit\",\"params\":[\"" OBJECT "\",\"hyperty://d/h\"]}";
    (void)state;
    guard(&a, A_SM, ",\"guard\":true");
    subscribe(&b, "hyperty://d/h", CHANGES);
    send_with(&a, 777, "execute", A_SM, SM, body);
    execute(&a, A_SM, "expel", "hyperty://d/h");
    send_with(&a, 777, "execute", A_SM, SM, body);
    assert_int_equal(came(&a), 2); /* answered as before */
    assert_int_equal(heard(&b, CHANGES), 0);
    hy_clock_advance(&the_clock, HY_ANSWER_KEPT_MS + 1);
    send_with(&a, 777, "execute", A_SM, SM, body);
    assert_int_equal(heard(&b, CHANGES), 1);
}

static void the_node_tells_who_the_holder_is_and_its_epoch(void **state) {
    const char *who = "{\"method\":\"holder\",\"params\":[\"" OBJECT "\"]}";
    (void)state;
    assert_int_equal(ask(&b, "execute", B_SM, SM, who), 404);
    subscribe(&a, A_SM, OBJECT "/subscription");
    assert_int_equal(ask(&b, "execute", B_SM, SM, who), 200);
    assert_true(hy_str_is(hy_get_str(answered(&b), "holder"), "hyperty-runtime://d/a"));
    assert_null(hy_get_str(answered(&b), "epoch"));
    guard(&a, "hyperty://d/r", ",\"epoch\":\"3-x\"");
    assert_int_equal(ask(&b, "execute", B_SM, SM, who), 200);
    assert_true(hy_str_is(hy_get_str(answered(&b), "holder"), "hyperty://d/r"));
    assert_true(hy_str_is(hy_get_str(answered(&b), "epoch"), "3-x"));
    leave(&a);
    assert_int_equal(ask(&b, "execute", B_SM, SM, who), 404);
}

static int claim_in(const char *object, const char *epoch) {
    char body[512];
    snprintf(body, sizeof body, "{\"resources\":[\"%s\"],\"epoch\":\"%s\"}", object, epoch);
    return ask(&a, "subscribe", A_SM, SM, body);
}

static void a_claim_in_a_lower_epoch_is_told_the_highest(void **state) {
    (void)state;
    hy_str_t *object = hy_str_from(allocate(&a, "comm"));
    assert_int_equal(claim_in(object->bytes, "9-b"), 200);
    assert_int_equal(claim_in(object->bytes, "9-b"), 200);
    leave(&a);
    open_as(&a, "hyperty-runtime://d/a");
    static const char *const low[] = {"9-a", "9-", "8-z", "x", ""};
    for (size_t i = 0; i < sizeof low / sizeof *low; i++) {
        assert_int_equal(claim_in(object->bytes, low[i]), 409);
        assert_true(hy_str_is(hy_get_str(answered(&a), "epoch"), "9-b"));
    }
    assert_int_equal(claim_in(object->bytes, "10-a"), 200);
    hy_str_unref(object);
}

static void the_same_epoch_is_the_same_writer_in_another_session(void **state) {
    (void)state;
    hy_str_t *object = hy_str_from(allocate(&a, "comm"));
    assert_int_equal(claim_in(object->bytes, "9-b"), 200);
    leave(&a);
    open_as(&a, "hyperty-runtime://d/a");
    assert_int_equal(claim_in(object->bytes, "9-b"), 200);
    assert_int_equal(claim_in(object->bytes, "9-a"), 200); /* it says so itself now */
    hy_str_unref(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(until_admitted_a_route_waits),
        TEST(the_guard_also_shuts_routes_that_were_there_before),
        TEST(the_holder_needs_no_admission),
        TEST(an_admission_before_the_route_counts),
        TEST(who_is_expelled_hears_nothing_more),
        TEST(another_admitted_hyperty_keeps_the_route_of_their_session_open),
        TEST(who_is_not_admitted_may_not_send_to_the_children),
        TEST(an_admission_is_for_the_session_that_has_the_hyperty),
        TEST(the_holder_is_told_of_an_observer_whose_session_has_ended),
        TEST(the_holder_is_told_of_who_was_admitted_and_never_came),
        TEST(the_holder_is_told_again_until_it_has_expelled_who_is_gone),
        TEST(the_holder_is_told_of_who_was_admitted_and_listens_no_more),
        TEST(who_has_not_listened_yet_may_take_its_time_in_its_session),
        TEST(only_the_holder_admits_and_expels),
        TEST(a_guarded_object_without_holder_stays_shut_until_the_next_one),
        TEST(many_come_and_go_without_filling_the_guard),
        TEST(a_repeated_admit_is_not_done_twice),
        TEST(the_node_tells_who_the_holder_is_and_its_epoch),
        TEST(a_claim_in_a_lower_epoch_is_told_the_highest),
        TEST(the_same_epoch_is_the_same_writer_in_another_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
