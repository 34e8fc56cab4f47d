/* Uplinks: what goes out, what never goes back, what happens when one refuses or closes. */
#include "support.h"

static void what_nobody_here_listens_to_goes_up(void **state) {
    world_t *w = *state;
    part_t a, up;
    listen(w, &a, "a", A);
    uplink(w, &up, "up", NULL);
    send(w, B, A, 1);
    send(w, A, B, 2);
    run(w);
    assert_seen(w, "a1 up2");
    assert_int_equal(hy_bus_stats(w->bus).uplinked, 1);
}

static void what_is_published_goes_to_listeners_and_up(void **state) {
    world_t *w = *state;
    part_t a, up;
    listen(w, &a, "a", X "/changes");
    uplink(w, &up, "up", NULL);
    send(w, X, X "/changes", 1);
    send(w, X, X "/children/c", 2);
    run(w);
    assert_seen(w, "a1 up1 up2");
}

static void what_came_in_is_delivered_as_any_other_but_never_sent_back(void **state) {
    world_t *w = *state;
    part_t a, b, up;
    listen(w, &a, "a", X "/changes");
    listen(w, &b, "b", B);
    uplink(w, &up, "up", NULL);
    receive(&up, HY_MSG_UPDATE, 0, X, X "/changes", 1);
    receive(&up, HY_MSG_UPDATE, 0, "comm://d/y", "comm://d/y/changes", 2);
    receive(&up, HY_MSG_EVENT, 0, A, B, 3);
    receive(&up, HY_MSG_EVENT, 0, A, C, 4);
    receive(&up, HY_MSG_RESPONSE, 5, A, C, 5);
    run(w);
    assert_seen(w, "a1 b3");
    hy_bus_stats_t stats = hy_bus_stats(w->bus);
    assert_int_equal(stats.received, 5);
    assert_int_equal(stats.sent, 0);
    assert_int_equal(stats.undeliverable, 1);
    assert_int_equal(stats.dropped, 1);
}

static void a_request_that_came_in_for_nobody_is_answered_by_the_uplink(void **state) {
    world_t *w = *state;
    part_t up;
    uplink(w, &up, "up", NULL);
    receive(&up, HY_MSG_READ, 7, A, B, 1);
    run(w);
    assert_seen(w, "up=404");
}

static void a_function_of_a_domain_is_behind_that_domains_uplink(void **state) {
    world_t *w = *state;
    part_t d, e, rest;
    uplink(w, &d, "d", "d");
    uplink(w, &e, "e", "e");
    uplink(w, &rest, "rest", NULL);
    send(w, A, "domain://msg-node.e/sm", 1);
    send(w, A, "domain://msg-node.d/address-allocation", 2);
    send(w, A, "domain://registry.e", 3);
    send(w, A, "domain://catalogue.d/x", 4);
    run(w);
    assert_seen(w, "e1 d2 e3 d4");
    send(w, A, "domain://msg-node.f/sm", 5);
    send(w, A, "domain://msg-node./sm", 6);
    send(w, A, "domain://other.e/sm", 7);
    send(w, A, "comm://registry.e/x", 8);
    run(w);
    assert_seen(w, "rest5 rest6 rest7 rest8");
}

static void a_domain_has_its_own_uplink_and_the_rest_has_another(void **state) {
    world_t *w = *state;
    part_t d, e, rest;
    uplink(w, &d, "d", "d");
    uplink(w, &e, "e", "e");
    send(w, A, B, 1);
    send(w, A, C, 2);
    send_request(w, HY_MSG_READ, 9, "hyperty://f/x", "hyperty://f/y", 3);
    run(w);
    assert_seen(w, "d1 e2");
    uplink(w, &rest, "rest", NULL);
    send(w, A, "hyperty://f/y", 4);
    run(w);
    assert_seen(w, "rest4");

    hy_uplink_t *u = NULL;
    assert_int_equal(hy_bus_uplink(w->bus, "e", on_up, &e, &u), HY_ECONFLICT);
    assert_int_equal(hy_bus_uplink(w->bus, NULL, on_up, &e, &u), HY_ECONFLICT);
    assert_null(u);
    hy_uplink_close(e.u);
    hy_uplink_close(NULL);
    send(w, A, C, 5);
    run(w);
    assert_seen(w, "rest5");
    assert_int_equal(hy_bus_uplink(w->bus, "e", on_up, &e, &e.u), 0);
}

static void what_an_uplink_refuses_is_answered_with_the_code_that_belongs_to_it(void **state) {
    world_t *w = *state;
    part_t a, up;
    listen(w, &a, "a", A);
    uplink(w, &up, "up", NULL);
    static const struct {
        int code, http;
    } cases[] = {{HY_EUNREACHABLE, 503}, {HY_ETOO_LARGE, 413}, {-1, 500}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[32];
        up.fail = cases[i].code;
        send_request(w, HY_MSG_READ, 3, A, B, 1);
        send_request(w, HY_MSG_CREATE, 4, A, X "/children/c", 1);
        send(w, A, B, 1);
        respond(w, 4, A, B, 200);
        run(w);
        sprintf(expected, "a=%d a=%d", cases[i].http, cases[i].http);
        assert_seen(w, expected);
    }
    assert_int_equal(hy_bus_stats(w->bus).refused, 12);
}

static void a_response_leaves_by_the_uplink_its_request_came_in_by(void **state) {
    world_t *w = *state;
    part_t d, e;
    uplink(w, &d, "d", "d");
    uplink(w, &e, "e", "e");
    /* C is in domain e but its request comes by d. */
    receive(&d, HY_MSG_READ, 7, C, A, 1);
    receive(&e, HY_MSG_READ, 8, C, A, 1);
    part_t a;
    listen(w, &a, "a", A);
    run(w);
    assert_seen(w, "a1 a1");
    respond(w, 7, A, C, 100);
    respond(w, 7, A, C, 200);
    respond(w, 8, A, C, 200);
    respond(w, 9, A, C, 200);
    send(w, A, C, 2);
    run(w);
    assert_seen(w, "d=100 d=200 e=200 e=200 e2");

    receive(&d, HY_MSG_READ, 10, C, A, 3);
    receive(&d, HY_MSG_READ, 11, C, "hyperty://d/none", 3);
    run(w);
    assert_seen(w, "a3 d=404");
    hy_uplink_close(d.u); /* then the domain has to do */
    respond(w, 10, A, C, 200);
    run(w);
    assert_seen(w, "e=200");
}

static void receive_text(part_t *p, const char *text) {
    hy_str_t *s = hy_str_from(text);
    hy_msg_t *m = NULL;
    assert_int_equal(hy_msg_parse(s, &m, NULL), 0);
    assert_int_equal(hy_uplink_receive(p->u, m), 0);
    hy_msg_unref(m);
    hy_str_unref(s);
}

static void a_body_that_turns_out_malformed_reaches_nobody(void **state) {
    world_t *w = *state;
    part_t a, up;
    listen(w, &a, "a", A);
    uplink(w, &up, "up", NULL);
#define TO_A "\"from\":\"" B "\",\"to\":\"" A "\",\"body\":"
    receive_text(&up, "{\"id\":4,\"type\":\"read\"," TO_A "{\"n\":1,\"n\":2}}");
    receive_text(&up, "{\"type\":\"event\"," TO_A "{\"x\":{\"n\":1,\"n\":2}}}");
    receive_text(&up, "{\"id\":5,\"type\":\"read\"," TO_A "{\"n\":3}}");
    run(w);
    assert_seen(w, "a3 up=400");
    assert_int_equal(hy_bus_stats(w->bus).refused, 2);
}

static void messages_outlive_the_uplink_that_they_came_in_by(void **state) {
    world_t *w = *state;
    part_t a, up, next;
    uplink(w, &up, "up", NULL);
    receive(&up, HY_MSG_EVENT, 0, B, A, 1);
    receive(&up, HY_MSG_UPDATE, 0, X, X "/changes", 2);
    hy_uplink_close(up.u);
    uplink(w, &next, "next", NULL);
    listen(w, &a, "a", A);
    run(w);
    assert_seen(w, "a1"); /* and the change does not go up again */
}

static int close_itself(void *arg, hy_msg_t *m) {
    part_t *p = arg;
    note_message(p->w, p->name, m);
    hy_uplink_close(p->u);
    return HY_EUNREACHABLE;
}

static void an_uplink_may_close_inside_its_callback(void **state) {
    world_t *w = *state;
    part_t a, up = {.w = w, .name = "up"};
    listen(w, &a, "a", A);
    assert_int_equal(hy_bus_uplink(w->bus, "d", close_itself, &up, &up.u), 0);
    send_request(w, HY_MSG_READ, 3, A, B, 1);
    send_request(w, HY_MSG_READ, 4, A, B, 2);
    run(w);
    assert_seen(w, "up1 a=503 a=404");
}

static void receiving_is_bounded_as_sending(void **state) {
    (void)state;
    world_t *w = world_new(1, 0);
    part_t up;
    uplink(w, &up, "up", NULL);
    receive(&up, HY_MSG_EVENT, 0, A, B, 1);
    hy_msg_t *m = message(HY_MSG_EVENT, 0, A, B, 2);
    assert_int_equal(hy_uplink_receive(up.u, m), HY_EFULL);
    hy_msg_unref(m);
    assert_int_equal(hy_bus_stats(w->bus).received, 1);
    world_free(w);
}

/* --- who vouches ------------------------------------------------------------------------------ */

static hy_node_t *users(const char *user) {
    hy_node_t *list = hy_node_new(HY_ARRAY);
    hy_node_insert(list, 0, hy_text(user));
    return list;
}

static bool comes_vouched(part_t *by, const char *to) {
    hy_msg_t *m = message(HY_MSG_EXECUTE, 0, A, to, 1);
    assert_true(m->is_vouched); /* who made it answers for it */
    assert_int_equal(hy_uplink_receive(by->u, m), 0);
    bool is_vouched = m->is_vouched;
    hy_msg_unref(m);
    return is_vouched;
}

static void what_came_in_is_vouched_for_if_its_node_answers_for_that_domain(void **state) {
    world_t *w = *state;
    part_t d, rest;
    uplink(w, &d, "d", "d");
    uplink(w, &rest, "rest", NULL);
    assert_false(comes_vouched(&d, B));
    hy_node_t *list = users("user://d/bob");
    hy_uplink_set_users(d.u, list);
    hy_uplink_set_users(d.u, list);
    hy_node_unref(list);
    assert_true(comes_vouched(&d, B));
    assert_false(comes_vouched(&d, "comm://e/x"));
    assert_false(comes_vouched(&rest, B));
    hy_uplink_set_users(d.u, NULL);
    assert_false(comes_vouched(&d, B));
    list = hy_node_new(HY_ARRAY); /* it checks, though this runtime speaks for nobody */
    hy_uplink_set_users(rest.u, list);
    hy_node_unref(list);
    assert_true(comes_vouched(&rest, "comm://e/x"));
    assert_false(comes_vouched(&rest, B));
}

static void what_was_read_from_a_text_is_not_vouched_for_yet(void **state) {
    hy_str_t *text = hy_str_from("{\"type\":\"read\",\"from\":\"" A "\",\"to\":\"" B "\"}");
    hy_msg_t *m;
    (void)state;
    assert_int_equal(hy_msg_parse(text, &m, NULL), 0);
    assert_false(m->is_vouched);
    hy_msg_unref(m);
    hy_str_unref(text);
}

static bool vouches(world_t *w, const char *to, const char *user) {
    hy_str_t *t = hy_str_from(to), *u = hy_str_from(user);
    bool does = hy_bus_vouches(w->bus, t, u);
    hy_str_unref(t);
    hy_str_unref(u);
    return does;
}

static void what_is_sent_is_vouched_for_if_that_way_knows_the_user(void **state) {
    world_t *w = *state;
    part_t d, e;
    assert_false(vouches(w, B, "user://d/bob"));
    uplink(w, &d, "d", "d");
    uplink(w, &e, "e", "e");
    assert_false(vouches(w, B, "user://d/bob"));
    hy_node_t *list = users("user://d/bob");
    hy_uplink_set_users(d.u, list);
    hy_node_unref(list);
    assert_true(vouches(w, B, "user://d/bob"));
    assert_false(vouches(w, B, "user://d/bobby"));
    assert_false(vouches(w, "comm://e/x", "user://d/bob"));
    assert_false(vouches(w, "comm://f/x", "user://d/bob"));
}

static void opening_fails_cleanly_without_memory(void **state) {
    world_t *w = *state;
    hy_uplink_t *u = NULL;
    for (int64_t n = 1; !u; n++) {
        assert_true(n < 10);
        hy_mem_fail_after(n);
        int code = hy_bus_uplink(w->bus, "d", on_up, NULL, &u);
        hy_mem_fail_after(-1);
        assert_int_equal(code, u ? 0 : HY_ENOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_nobody_here_listens_to_goes_up),
        TEST(what_is_published_goes_to_listeners_and_up),
        TEST(what_came_in_is_delivered_as_any_other_but_never_sent_back),
        TEST(a_request_that_came_in_for_nobody_is_answered_by_the_uplink),
        TEST(a_function_of_a_domain_is_behind_that_domains_uplink),
        TEST(a_domain_has_its_own_uplink_and_the_rest_has_another),
        TEST(what_an_uplink_refuses_is_answered_with_the_code_that_belongs_to_it),
        TEST(a_response_leaves_by_the_uplink_its_request_came_in_by),
        TEST(a_body_that_turns_out_malformed_reaches_nobody),
        TEST(messages_outlive_the_uplink_that_they_came_in_by),
        TEST(an_uplink_may_close_inside_its_callback),
        TEST(receiving_is_bounded_as_sending),
        TEST(what_came_in_is_vouched_for_if_its_node_answers_for_that_domain),
        TEST(what_was_read_from_a_text_is_not_vouched_for_yet),
        TEST(what_is_sent_is_vouched_for_if_that_way_knows_the_user),
        TEST(opening_fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests_name("uplink", tests, NULL, NULL);
}
