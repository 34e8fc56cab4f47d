/* The door: what stands between the bus and its uplinks may change, stop and add messages. */
#include "support.h"

/* Numbers of messages go up by 10 on their way out and down on their way in; 99 does not pass. */
typedef struct {
    world_t *w;
    int fail;
    bool announces, keeps;
} keeper_t;

static hy_msg_t *changed(hy_msg_t *m, int by) {
    hy_node_t *body = hy_node_new(HY_OBJECT);
    hy_put(body, "n", hy_int(number(m) + by));
    return hy_msg_new(m->type, m->id, m->from, m->to, hy_node_value(body));
}

static int leaves(void *arg, hy_msg_t **m, hy_msg_t **before, hy_error_t *err) {
    const keeper_t *k = arg;
    if (k->keeps) return 1;
    if (k->fail) return hy_fail(err, k->fail, "kept in");
    if ((*m)->type == HY_MSG_RESPONSE) return 0;
    hy_msg_t *out = changed(*m, 10);
    hy_msg_unref(*m);
    *m = out;
    if (k->announces) *before = message(HY_MSG_EVENT, 0, X, X "/changes", 7);
    return 0;
}

static int enters(void *arg, hy_msg_t **m) {
    const keeper_t *k = arg;
    if (k->fail) return k->fail;
    if ((*m)->type == HY_MSG_RESPONSE) return 0;
    if (number(*m) == 99) return 1;
    hy_msg_t *in = changed(*m, -10);
    hy_msg_unref(*m);
    *m = in;
    return 0;
}

static const hy_door_t door = {.leaves = leaves, .enters = enters};

static void what_stays_within_does_not_pass_it(void **state) {
    world_t *w = *state;
    keeper_t k = {.w = w};
    part_t a, up;
    listen(w, &a, "a", X "/changes");
    uplink(w, &up, "up", NULL);
    hy_bus_set_door(w->bus, &door, &k);
    send(w, X, X "/changes", 1);
    send(w, A, B, 2);
    run(w);
    assert_seen(w, "a1 up11 up12");
}

static void what_comes_in_is_heard_as_the_door_gives_it(void **state) {
    world_t *w = *state;
    keeper_t k = {.w = w};
    part_t a, up;
    listen(w, &a, "a", A);
    uplink(w, &up, "up", NULL);
    hy_bus_set_door(w->bus, &door, &k);
    receive(&up, HY_MSG_EVENT, 0, B, A, 15);
    receive(&up, HY_MSG_EVENT, 0, B, A, 99);
    run(w);
    assert_seen(w, "a5");
    assert_int_equal(hy_bus_stats(w->bus).received, 2);
}

static void a_message_may_leave_before_another(void **state) {
    world_t *w = *state;
    keeper_t k = {.w = w, .announces = true};
    part_t up;
    uplink(w, &up, "up", NULL);
    hy_bus_set_door(w->bus, &door, &k);
    send(w, A, B, 1);
    run(w);
    assert_seen(w, "up7 up11");
}

static void what_it_keeps_in_is_neither_sent_nor_refused(void **state) {
    world_t *w = *state;
    keeper_t k = {.w = w, .keeps = true};
    part_t up;
    uplink(w, &up, "up", NULL);
    hy_bus_set_door(w->bus, &door, &k);
    send(w, A, B, 1);
    run(w);
    assert_seen(w, "");
    assert_int_equal(hy_bus_stats(w->bus).refused, 0);
    assert_int_equal(hy_bus_stats(w->bus).uplinked, 0);
}

static void a_request_that_it_keeps_in_is_answered(void **state) {
    world_t *w = *state;
    keeper_t k = {.w = w, .fail = HY_EFORBIDDEN};
    part_t a, up;
    listen(w, &a, "a", A);
    uplink(w, &up, "up", NULL);
    hy_bus_set_door(w->bus, &door, &k);
    send_request(w, HY_MSG_READ, 9, A, B, 1);
    send(w, A, B, 2);
    run(w);
    assert_seen(w, "a=403");
    assert_int_equal(hy_bus_stats(w->bus).refused, 2);
    assert_int_equal(hy_bus_stats(w->bus).uplinked, 0);
}

static void what_it_cannot_take_is_left_to_the_uplink(void **state) {
    world_t *w = *state;
    keeper_t k = {.w = w, .fail = HY_ENOMEM};
    part_t up;
    uplink(w, &up, "up", NULL);
    hy_bus_set_door(w->bus, &door, &k);
    hy_msg_t *m = message(HY_MSG_EVENT, 0, B, A, 1);
    assert_int_equal(hy_uplink_receive(up.u, m), HY_ENOMEM);
    hy_msg_unref(m);
    hy_bus_set_door(w->bus, NULL, NULL);
    send(w, A, B, 3);
    run(w);
    assert_seen(w, "up3");
}

static void what_has_no_room_in_the_queue_does_not_pass_it(void **state) {
    (void)state;
    world_t *w = world_new(1, 0);
    keeper_t k = {.w = w, .fail = 1};
    part_t up;
    uplink(w, &up, "up", NULL);
    send(w, A, B, 1);
    hy_bus_set_door(w->bus, &door, &k);
    hy_msg_t *m = message(HY_MSG_EVENT, 0, B, A, 1);
    assert_int_equal(hy_uplink_receive(up.u, m), HY_EFULL);
    hy_msg_unref(m);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_stays_within_does_not_pass_it),
        TEST(what_comes_in_is_heard_as_the_door_gives_it),
        TEST(a_message_may_leave_before_another),
        TEST(what_it_keeps_in_is_neither_sent_nor_refused),
        TEST(a_request_that_it_keeps_in_is_answered),
        TEST(what_it_cannot_take_is_left_to_the_uplink),
        TEST(what_has_no_room_in_the_queue_does_not_pass_it),
    };
    return cmocka_run_group_tests_name("door", tests, NULL, NULL);
}
