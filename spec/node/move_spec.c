/* core/node/move: an object passes to a hyperty of another session in one step. */
#include "support.h"

#define OBJECT   "comm://d/o"
#define CHANGES  OBJECT "/changes"
#define CHILDREN OBJECT "/children/m"
#define A_SM     "hyperty-runtime://d/a/sm"
#define B_SM     "hyperty-runtime://d/b/sm"
#define R1       "hyperty://d/r1"
#define R2       "hyperty://d/r2"
#define OBSERVER "hyperty://d/k"

/* a holds the object with reporter R1; c observes it; b has R2. */
static void story(const char *object, const char *more) {
    char body[1024];
    snprintf(body, sizeof body,
             "{\"resources\":[\"%s\",\"%s/subscription\",\"%s/children/m\"],\"source\":\"" R1
             "\",\"epoch\":\"3-x\"%s}",
             object, object, object, more);
    assert_int_equal(ask(&a, "subscribe", R1, SM, body), 200);
    snprintf(body, sizeof body,
             "{\"resources\":[\"%s/changes\",\"%s/children/m\"],\"source\":\"" OBSERVER "\"}",
             object, object);
    assert_int_equal(ask(&c, "subscribe", OBSERVER, SM, body), 200);
    tell(&b, "event", R2, R2 "/events", "{}");
}

static int move_of(runtime_t *r, const char *from, const char *object, const char *to,
                   const char *epoch) {
    char body[1024];
    snprintf(body, sizeof body, "{\"method\":\"move\",\"params\":[\"%s\",\"%s\",\"%s\"]}", object,
             to, epoch);
    return ask(r, "execute", from, SM, body);
}

static int move(const char *epoch) {
    return move_of(&a, A_SM, OBJECT, R2, epoch);
}

static unsigned heard(runtime_t *from, runtime_t *by, const char *resource) {
    tell(from, "event", OBJECT, resource, "{}");
    return came(by);
}

static void the_new_holder_publishes_and_the_old_one_is_refused(void **state) {
    (void)state;
    story(OBJECT, "");
    assert_int_equal(heard(&a, &c, CHANGES), 1);
    assert_int_equal(move("4-y"), 200);
    assert_int_equal(heard(&b, &c, CHANGES), 1);
    assert_int_equal(heard(&b, &c, CHILDREN), 1);
    static const char *const places[] = {CHANGES, CHILDREN, OBJECT, OBJECT "/subscription"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(ask(&a, "update", OBJECT, places[i], "{}"), 403);
    assert_int_equal(ask(&a, "update", R1, CHANGES, "{}"), 403);
    assert_int_equal(subscribe(&a, R1, OBJECT), 409);
    assert_int_equal(subscribe(&a, R1, OBJECT "/subscription"), 409);
    assert_int_equal(came(&c), 0);
    assert_int_equal(move("5-z"), 403);
}

static void the_new_holder_is_told(void **state) {
    (void)state;
    story(OBJECT, "");
    assert_int_equal(move("4-y"), 200);
    assert_int_equal(b.count, 1);
    hy_msg_t *m = b.inbox[0];
    assert_int_equal(m->type, HY_MSG_EVENT);
    assert_string_equal(m->from->bytes, SM);
    assert_string_equal(m->to->bytes, R2);
    hy_node_t *moved = hy_get_object(hy_get_object(hy_msg_body(m), "value"), "moved");
    assert_true(hy_str_is(hy_get_str(moved, "resource"), OBJECT));
    assert_true(hy_str_is(hy_get_str(moved, "epoch"), "4-y"));
    assert_true(hy_str_is(hy_get_str(moved, "from"), R1));
    const char *who = "{\"method\":\"holder\",\"params\":[\"" OBJECT "\"]}";
    assert_int_equal(ask(&c, "execute", OBSERVER, SM, who), 200);
    assert_true(hy_str_is(hy_get_str(answered(&c), "holder"), R2));
    assert_true(hy_str_is(hy_get_str(answered(&c), "epoch"), "4-y"));
}

static void what_goes_to_the_holder_goes_to_the_new_one(void **state) {
    (void)state;
    story(OBJECT, "");
    move("4-y");
    came(&b);
    assert_int_equal(ask(&c, "read", OBSERVER, OBJECT, NULL), 0);
    assert_int_equal(ask(&c, "subscribe", OBSERVER, OBJECT "/subscription", "{}"), 0);
    assert_int_equal(ask(&c, "create", OBSERVER, CHILDREN, "{}"), 0);
    assert_int_equal(came(&b), 3);
    assert_int_equal(came(&a), 0);
}

static void guard_and_admissions_stay(void **state) {
    (void)state;
    story(OBJECT, ",\"guard\":true");
    assert_int_equal(heard(&a, &c, CHANGES), 0);
    ask(&a, "execute", A_SM, SM,
        "{\"method\":\"admit\",\"params\":[\"" OBJECT "\",\"" OBSERVER "\"]}");
    assert_int_equal(heard(&a, &c, CHANGES), 1);
    subscribe(&a, "hyperty://d/late", CHANGES);
    assert_int_equal(move("4-y"), 200);
    assert_int_equal(heard(&b, &c, CHANGES), 1);
    assert_int_equal(heard(&b, &a, CHANGES), 0); /* who held it is not admitted for that */
    assert_int_equal(ask(&a, "create", R1, CHILDREN, "{}"), 403);
    assert_int_equal(ask(&b, "execute", B_SM, SM,
                         "{\"method\":\"expel\",\"params\":[\"" OBJECT "\",\"" OBSERVER "\"]}"),
                     200);
    came(&c);
    assert_int_equal(heard(&b, &c, CHANGES), 0);
}

static void an_observer_in_the_old_session_goes_on_hearing_the_children(void **state) {
    (void)state;
    story(OBJECT, "");
    subscribe(&a, A_SM, CHILDREN); /* as the holder's sync manager */
    subscribe(&a, "hyperty://d/late", CHILDREN);
    subscribe(&a, "hyperty://d/late", CHANGES);
    assert_int_equal(move("4-y"), 200);
    assert_int_equal(heard(&b, &a, CHILDREN), 1);
    assert_int_equal(heard(&b, &a, CHANGES), 1);
    unsubscribe(&a, "hyperty://d/late", CHILDREN);
    assert_int_equal(heard(&b, &a, CHILDREN), 0);
}

static void the_old_holder_goes_on_hearing_the_children_if_it_observes(void **state) {
    (void)state;
    story(OBJECT, "");
    subscribe(&a, R1, CHANGES);
    assert_int_equal(move("4-y"), 200);
    assert_int_equal(heard(&b, &a, CHILDREN), 1);
    assert_int_equal(heard(&b, &a, CHANGES), 1);
    assert_int_equal(ask(&c, "read", OBSERVER, OBJECT, NULL), 0);
    assert_int_equal(came(&a), 0);
    unsubscribe(&a, R1, CHILDREN);
    assert_int_equal(heard(&b, &a, CHILDREN), 0);
}

static void it_may_move_within_a_session(void **state) {
    (void)state;
    story(OBJECT, "");
    tell(&a, "event", "hyperty://d/r3", "hyperty://d/r3/events", "{}");
    uint32_t routes = hy_node_server_stats(the_node).routes;
    assert_int_equal(move_of(&a, A_SM, OBJECT, "hyperty://d/r3", "4-y"), 200);
    assert_int_equal(hy_node_server_stats(the_node).routes, routes);
    assert_int_equal(came(&a), 1);
    assert_int_equal(heard(&a, &c, CHANGES), 1);
    unsubscribe(&a, R1, OBJECT); /* is no source any more */
    assert_int_equal(ask(&c, "read", OBSERVER, OBJECT, NULL), 0);
    assert_int_equal(came(&a), 1);
    assert_int_equal(move_of(&a, A_SM, OBJECT, "hyperty://d/r3", "5-y"), 200); /* to itself */
    assert_int_equal(hy_node_server_stats(the_node).routes, routes);
}

static void an_allocated_object_is_reserved_for_the_new_runtime(void **state) {
    char body[256];
    (void)state;
    ask(&a, "create", "hyperty-runtime://d/a", ALLOC,
        "{\"scheme\":\"comm\",\"value\":{\"number\":2,\"allocationKey\":\"k\"}}");
    hy_node_t *list = hy_get_array(answered(&a), "allocated");
    hy_str_t *object = hy_str_ref(hy_node_at(list, 0).as.s);
    story(object->bytes, "");
    assert_int_equal(move_of(&a, A_SM, object->bytes, R2, "4-y"), 200);
    assert_int_equal(ask(&a, "delete", A_SM, ALLOC, "{\"resource\":\"k\"}"), 200);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 1);
    leave(&b);
    assert_int_equal(subscribe(&c, OBSERVER, object->bytes), 403);
    open_as(&b, "hyperty-runtime://d/b");
    snprintf(body, sizeof body, "{\"resources\":[\"%s\"],\"epoch\":\"4-x\"}", object->bytes);
    assert_int_equal(ask(&b, "subscribe", B_SM, SM, body), 409);
    assert_true(hy_str_is(hy_get_str(answered(&b), "epoch"), "4-y"));
    snprintf(body, sizeof body, "{\"childrenResources\":[\"%s\"]}", object->bytes);
    assert_int_equal(ask(&a, "delete", A_SM, ALLOC, body), 403);
    assert_int_equal(ask(&b, "delete", B_SM, ALLOC, body), 200);
    hy_str_unref(object);
}

static void a_move_that_may_not_be_changes_nothing(void **state) {
    static const char *const malformed[] = {
        "{\"method\":\"move\"}",
        "{\"method\":\"move\",\"params\":[]}",
        "{\"method\":\"move\",\"params\":[\"" OBJECT "\"]}",
        "{\"method\":\"move\",\"params\":[\"" OBJECT "\",\"" R2 "\"]}",
        "{\"method\":\"move\",\"params\":[\"" OBJECT "\",\"" R2 "\",7]}",
        "{\"method\":\"move\",\"params\":[\"" OBJECT "\",\"nothing\",\"4-y\"]}",
        "{\"method\":\"move\",\"params\":[7,\"" R2 "\",\"4-y\"]}",
    };
    (void)state;
    story(OBJECT, "");
    hy_node_stats_t before = hy_node_server_stats(the_node);
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_int_equal(ask(&a, "execute", A_SM, SM, malformed[i]), 400);
    assert_int_equal(move_of(&b, R2, OBJECT, R2, "4-y"), 403);
    assert_int_equal(move_of(&c, OBSERVER, OBJECT, R2, "4-y"), 403);
    assert_int_equal(move_of(&a, A_SM, "comm://d/nobody", R2, "4-y"), 403);
    assert_int_equal(move_of(&a, A_SM, OBJECT, "hyperty://d/nobody", "4-y"), 404);
    static const char *const low[] = {"3-x", "3-a", "2-z", ""};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(move(low[i]), 409);
        assert_true(hy_str_is(hy_get_str(answered(&a), "epoch"), "3-x"));
    }
    hy_node_stats_t after = hy_node_server_stats(the_node);
    assert_int_equal(after.routes, before.routes);
    assert_int_equal(after.claims, before.claims);
    assert_int_equal(came(&b), 0);
    assert_int_equal(heard(&a, &c, CHANGES), 1);
}

static void what_is_held_with_what_is_above_it_does_not_move_alone(void **state) {
    (void)state;
    story(OBJECT, "");
    assert_int_equal(subscribe(&a, R1, OBJECT "/part"), 200);
    assert_int_equal(move_of(&a, A_SM, OBJECT "/part", R2, "4-y"), 409);
    assert_int_equal(subscribe(&a, R1, "comm://d/p/q"), 200);
    assert_int_equal(subscribe(&a, R1, "comm://d/p"), 200);
    assert_int_equal(move_of(&a, A_SM, "comm://d/p", R2, "4-y"), 409);
}

static void the_registration_lives_on_with_the_new_session(void **state) {
    (void)state;
    story(OBJECT, "");
    ask(&a, "create", A_SM, REGISTRY, "{\"value\":{\"url\":\"" OBJECT "\",\"name\":\"n\"}}");
    assert_int_equal(move("4-y"), 200);
    leave(&a);
    assert_int_equal(ask(&c, "read", OBSERVER, REGISTRY, "{\"resource\":\"" OBJECT "\"}"), 200);
    assert_int_equal(ask(&b, "update", B_SM, REGISTRY, "{\"resource\":\"" OBJECT "\"}"), 200);
    leave(&b);
    assert_int_equal(ask(&c, "read", OBSERVER, REGISTRY, "{\"resource\":\"" OBJECT "\"}"), 408);
}

static void a_repeated_move_is_answered_as_before(void **state) {
    const char *body = "{\"method\":\"move\",\"params\":[\"" OBJECT "\",\"" R2 "\",\"4-y\"]}";
    (void)state;
    story(OBJECT, "");
    send_with(&a, 777, "execute", A_SM, SM, body);
    send_with(&a, 777, "execute", A_SM, SM, body);
    assert_int_equal(a.count, 2);
    assert_int_equal(hy_msg_code(a.inbox[0]), 200);
    assert_int_equal(hy_msg_code(a.inbox[1]), 200);
    assert_int_equal(came(&b), 1);
}

static bool is_eager;

/* Takes what there is and asks for something at once, inside the call that told it. */
static void on_ready_eagerly(void *arg) {
    runtime_t *r = arg;
    on_ready(r);
    if (!is_eager) return;
    is_eager = false;
    assert_int_equal(ask(r, "create", R2, ALLOC, "{\"value\":{\"number\":1}}"), 200);
}

static void nothing_moves_to_who_has_lost_its_connection(void **state) {
    (void)state;
    story(OBJECT, "");
    drop(&b);
    assert_int_equal(move("4-y"), 503);
    assert_int_equal(heard(&a, &c, CHANGES), 1);
    assert_int_equal(heard(&a, &c, CHILDREN), 1);
}

static int64_t session_of(const char *hyperty) {
    char body[256];
    snprintf(body, sizeof body, "{\"method\":\"holder\",\"params\":[\"%s\"]}", hyperty);
    assert_int_equal(ask(&a, "execute", A_SM, SM, body), 200);
    return hy_get_int(answered(&a), "session", 0);
}

static int move_to_session(int64_t session, const char *epoch) {
    char body[512];
    snprintf(body, sizeof body,
             "{\"method\":\"move\",\"params\":[\"" OBJECT "\",\"" R2 "\",\"%s\",%lld]}", epoch,
             (long long)session);
    return ask(&a, "execute", A_SM, SM, body);
}

static void it_moves_to_the_session_that_was_named_and_no_later_one(void **state) {
    (void)state;
    story(OBJECT, "");
    int64_t session = session_of(R2);
    assert_int_not_equal(session, 0);
    drop(&b);
    open_as(&b, "hyperty-runtime://d/b");
    tell(&b, "event", R2, R2 "/events", "{}");
    assert_int_equal(move_to_session(session, "4-y"), 409);
    assert_int_equal(heard(&a, &c, CHANGES), 1);
    assert_int_not_equal(session_of(R2), session);
    assert_int_equal(move_to_session(session_of(R2), "4-y"), 200);
    assert_int_equal(heard(&b, &c, CHANGES), 1);
}

static void who_brings_a_message_while_it_is_told_disturbs_nothing(void **state) {
    static const hy_peer_events_t EAGER = {.ready = on_ready_eagerly, .close = on_close};
    const char *body = "{\"method\":\"move\",\"params\":[\"" OBJECT "\",\"" R2 "\",\"4-y\"]}";
    (void)state;
    leave(&b);
    assert_int_equal(hy_peer_open(the_node, &EAGER, &b, "spec", &b.peer), 0);
    assert_int_equal(shake(&b, "open", "hyperty-runtime://d/b"), 200);
    story(OBJECT, "");
    is_eager = true;
    send_with(&a, 777, "execute", A_SM, SM, body);
    assert_false(is_eager);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 1);
    send_with(&a, 777, "execute", A_SM, SM, body); /* still known */
    assert_int_equal(a.count, 2);
    assert_int_equal(hy_msg_code(a.inbox[1]), 200);
    assert_null(hy_node_server_origin(the_node));
}

static void without_memory_it_is_done_whole_or_not_at_all(void **state) {
    (void)state;
    story(OBJECT, ",\"guard\":true");
    ask(&b, "read", R2, "hyperty://d/nobody", NULL); /* so that its queue is there */
    uint32_t routes = hy_node_server_stats(the_node).routes;
    int64_t n = 0;
    for (bool is_moved = false; !is_moved; n++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"type\":\"execute\",\"id\":%lld,\"from\":\"" A_SM "\",\"to\":\"" SM
                 "\",\"body\":{\"method\":\"move\",\"params\":[\"" OBJECT "\",\"" R2
                 "\",\"4-y\"]}}",
                 (long long)next_id++);
        hy_str_t *s = hy_str_from(text);
        hy_msg_t *m = NULL;
        assert_int_equal(hy_msg_parse(s, &m, NULL), 0);
        hy_mem_fail_after(n);
        hy_peer_receive(a.peer, m);
        hy_mem_fail_after(-1);
        hy_msg_unref(m);
        hy_str_unref(s);
        clear(&a);
        clear(&b);
        is_moved = ask(&b, "event", OBJECT, CHANGES, "{}") == 0;
        assert_int_equal(ask(&a, "event", OBJECT, CHANGES, "{}"), is_moved ? 403 : 0);
        assert_int_equal(hy_node_server_stats(the_node).routes, routes);
        assert_true(n < 300);
    }
    assert_true(n > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_new_holder_publishes_and_the_old_one_is_refused),
        TEST(the_new_holder_is_told),
        TEST(what_goes_to_the_holder_goes_to_the_new_one),
        TEST(guard_and_admissions_stay),
        TEST(an_observer_in_the_old_session_goes_on_hearing_the_children),
        TEST(the_old_holder_goes_on_hearing_the_children_if_it_observes),
        TEST(it_may_move_within_a_session),
        TEST(an_allocated_object_is_reserved_for_the_new_runtime),
        TEST(a_move_that_may_not_be_changes_nothing),
        TEST(what_is_held_with_what_is_above_it_does_not_move_alone),
        TEST(the_registration_lives_on_with_the_new_session),
        TEST(a_repeated_move_is_answered_as_before),
        TEST(nothing_moves_to_who_has_lost_its_connection),
        TEST(it_moves_to_the_session_that_was_named_and_no_later_one),
        TEST(who_brings_a_message_while_it_is_told_disturbs_nothing),
        TEST(without_memory_it_is_done_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
