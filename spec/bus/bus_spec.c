/* The bus: where a message goes, listeners that come and go, bounds of the queue. */
#include "support.h"

static void nothing_is_delivered_inside_a_send(void **state) {
    world_t *w = *state;
    part_t a;
    listen(w, &a, "a", A);
    send(w, B, A, 1);
    assert_seen(w, "");
    assert_false(hy_bus_turn(w->bus, 10));
    assert_seen(w, "a1");
}

static void all_listeners_of_an_address_get_a_message_in_the_order_they_came(void **state) {
    world_t *w = *state;
    part_t a, b, c, other;
    listen(w, &a, "a", A);
    listen(w, &b, "b", A);
    listen(w, &other, "other", B);
    listen(w, &c, "c", A);
    send(w, B, A, 1);
    run(w);
    assert_seen(w, "a1 b1 c1");
    hy_listener_close(b.l);
    hy_listener_close(NULL);
    send(w, B, A, 2);
    run(w);
    assert_seen(w, "a2 c2");
    assert_int_equal(hy_bus_stats(w->bus).listeners, 3);
    assert_int_equal(hy_bus_stats(w->bus).delivered, 5);
}

static void a_turn_takes_no_more_than_it_is_told(void **state) {
    world_t *w = *state;
    part_t a;
    listen(w, &a, "a", A);
    for (int i = 1; i <= 5; i++)
        send(w, B, A, i);
    assert_int_equal(hy_bus_stats(w->bus).queued, 5);
    assert_true(hy_bus_turn(w->bus, 0));
    assert_seen(w, "");
    assert_true(hy_bus_turn(w->bus, 3));
    assert_seen(w, "a1 a2 a3");
    assert_false(hy_bus_turn(w->bus, 3));
    assert_seen(w, "a4 a5");
    assert_int_equal(hy_bus_stats(w->bus).queued_bytes, 0);
}

static void the_driver_is_woken_once_when_there_is_work_again(void **state) {
    world_t *w = *state;
    send(w, B, X "/changes", 1);
    send(w, B, X "/changes", 2);
    assert_int_equal(w->wakes, 1);
    run(w);
    send(w, B, X "/changes", 3);
    assert_int_equal(w->wakes, 2);
    assert_int_equal(hy_bus_stats(w->bus).published, 2);
}

/* --- what a callback may do ------------------------------------------------------------------- */

static void send_again(void *arg, hy_msg_t *m) {
    part_t *p = arg;
    note(p->w, "%s%d", p->name, number(m));
    if (number(m) < 3) send(p->w, A, A, number(m) + 1);
}

static void what_a_listener_sends_is_queued_and_delivered_in_the_same_turn(void **state) {
    world_t *w = *state;
    part_t a = {.w = w, .name = "a"};
    listen_with(w, A, send_again, &a);
    send(w, A, A, 1);
    assert_int_equal(w->wakes, 1);
    assert_false(hy_bus_turn(w->bus, 3));
    assert_seen(w, "a1 a2 a3");
    assert_int_equal(w->wakes, 1); /* the result of the turn tells */
}

static void close_some(void *arg, hy_msg_t *m) {
    part_t **list = arg;
    on_message(list[0], m);
    for (int i = 0; list[i]; i++) {
        hy_listener_close(list[i]->l);
        list[i]->l = NULL;
    }
}

static void a_listener_may_close_any_listener_while_it_is_called(void **state) {
    world_t *w = *state;
    /* Of five listeners the one at `caller` closes those of the bits in `closes`. */
    for (int caller = 0; caller < 5; caller++)
        for (unsigned closes = 0; closes < 32; closes++) {
            static const char *const names[] = {"0.", "1.", "2.", "3.", "4."};
            part_t parts[5], *list[7] = {0};
            char expected[64] = "";
            int count = 1;
            list[0] = &parts[caller];
            for (int i = 0; i < 5; i++) {
                parts[i] = (part_t){.w = w, .name = names[i]};
                parts[i].l = i == caller ? listen_with(w, A, close_some, list)
                                         : listen_with(w, A, on_message, &parts[i]);
                if (i != caller && closes & 1u << i) list[count++] = &parts[i];
                if (i <= caller || !(closes & 1u << i))
                    sprintf(expected + strlen(expected), "%s%d.1", *expected ? " " : "", i);
            }
            send(w, B, A, 1);
            run(w);
            assert_seen(w, expected);
            for (int i = 0; i < 5; i++)
                hy_listener_close(parts[i].l);
            assert_int_equal(hy_bus_stats(w->bus).listeners, 0);
        }
}

typedef struct {
    part_t self, added;
    bool closes;
} adder_t;

static void add_listener(void *arg, hy_msg_t *m) {
    adder_t *a = arg;
    on_message(&a->self, m);
    if (a->added.l) return;
    if (a->closes) hy_listener_close(a->self.l);
    listen(a->self.w, &a->added, "added", A);
}

static void who_listens_since_the_delivery_began_does_not_get_the_message(void **state) {
    world_t *w = *state;
    adder_t a = {.self = {.w = w, .name = "a"}};
    part_t b;
    a.self.l = listen_with(w, A, add_listener, &a);
    listen(w, &b, "b", A); /* so that the walk is not over when the new one comes */
    send(w, B, A, 1);
    run(w);
    assert_seen(w, "a1 b1");
    send(w, B, A, 2);
    run(w);
    assert_seen(w, "a2 b2 added2");
}

static void a_listener_may_replace_itself_as_the_last_of_its_address(void **state) {
    world_t *w = *state;
    adder_t a = {.self = {.w = w, .name = "a"}, .closes = true};
    a.self.l = listen_with(w, A, add_listener, &a);
    send(w, B, A, 1);
    send(w, B, A, 2);
    run(w);
    assert_seen(w, "a1 added2");
}

/* --- published messages ----------------------------------------------------------------------- */

static void what_is_published_to_nobody_is_silent(void **state) {
    world_t *w = *state;
    part_t a;
    listen(w, &a, "a", A);
    send_request(w, HY_MSG_UPDATE, 5, A, X "/changes", 1);
    run(w);
    assert_seen(w, "");
    assert_int_equal(hy_bus_stats(w->bus).undeliverable, 0);
}

static void a_child_message_reaches_listeners_of_all_collections_too(void **state) {
    world_t *w = *state;
    part_t one, all;
    listen(w, &all, "all", X "/children/");
    send(w, A, X "/children/messages", 1);
    run(w);
    assert_seen(w, "all1");
    listen(w, &one, "one", X "/children/messages");
    send(w, A, X "/children/messages", 2);
    send(w, A, X "/children/files", 3);
    send(w, A, X "/children/", 4);
    send(w, A, "comm://d/y/children/messages", 5);
    run(w);
    assert_seen(w, "one2 all2 all3 all4");
    hy_listener_close(all.l);
    send(w, A, X "/children/messages", 6);
    run(w);
    assert_seen(w, "one6");
}

static void close_parts(void *arg, hy_msg_t *m) {
    part_t *p = arg;
    on_message(&p[0], m);
    hy_listener_close(p[0].l);
    hy_listener_close(p[1].l);
}

static void a_listener_of_a_collection_may_close_that_of_all(void **state) {
    world_t *w = *state;
    part_t p[2];
    listen(w, &p[1], "all", X "/children/");
    p[0] = (part_t){.w = w, .name = "one"};
    p[0].l = listen_with(w, X "/children/c", close_parts, p);
    send(w, A, X "/children/c", 1);
    run(w);
    assert_seen(w, "one1");
}

/* --- nobody there ----------------------------------------------------------------------------- */

static void note_desc(void *arg, hy_msg_t *m) {
    part_t *p = arg;
    note(p->w, "%s=%d from %s (%s)", p->name, hy_msg_code(m), m->from->bytes, hy_msg_desc(m));
}

static void a_request_to_nobody_is_answered_404_at_once(void **state) {
    world_t *w = *state;
    part_t a = {.w = w, .name = "a"};
    listen_with(w, A, note_desc, &a);
    send_request(w, HY_MSG_READ, 9, A, B, 1);
    run(w);
    assert_seen(w, "a=404 from " B " (nobody at " B ")");
    send(w, A, B, 1); /* without id: nothing to answer */
    run(w);
    assert_seen(w, "");
    assert_int_equal(hy_bus_stats(w->bus).undeliverable, 2);
}

static void a_response_to_nobody_is_dropped(void **state) {
    world_t *w = *state;
    respond(w, 1, A, B, 200);
    run(w);
    assert_int_equal(hy_bus_stats(w->bus).dropped, 1);
    assert_int_equal(hy_bus_stats(w->bus).undeliverable, 0);
}

static void a_response_that_no_request_waits_for_goes_to_listeners(void **state) {
    world_t *w = *state;
    part_t a;
    listen(w, &a, "a", A);
    respond(w, 1, B, A, 200);
    run(w);
    assert_seen(w, "a=200");
}

/* --- bounds ----------------------------------------------------------------------------------- */

static void the_queue_is_bounded_and_answers_may_take_twice_as_much(void **state) {
    (void)state;
    world_t *w = world_new(4, 0);
    for (int i = 0; i < 4; i++) {
        assert_true(hy_bus_has_room(w->bus));
        send(w, A, B, i);
    }
    assert_false(hy_bus_has_room(w->bus));
    assert_int_equal(try_send(w, HY_MSG_EVENT, 0, A, B, 9), HY_EFULL);
    for (int i = 0; i < 4; i++)
        respond(w, 1, A, B, 200);
    hy_msg_t *request = message(HY_MSG_READ, 1, A, B, 0);
    assert_int_equal(hy_bus_respond(w->bus, request, 200, NULL, hy_text("x")), HY_EFULL);
    hy_msg_unref(request);
    assert_int_equal(hy_bus_stats(w->bus).full, 2);
    assert_int_equal(hy_bus_stats(w->bus).queued, 8);
    run(w);
    assert_true(hy_bus_has_room(w->bus));
    world_free(w);
}

static void the_queue_is_bounded_in_bytes(void **state) {
    (void)state;
    world_t *w = world_new(0, 4000);
    int taken = 0;
    while (try_send(w, HY_MSG_EVENT, 0, A, B, taken) == 0)
        taken++;
    assert_true(taken > 3 && taken < 40);
    assert_true(hy_bus_stats(w->bus).queued_bytes <= 4000);
    assert_int_equal(hy_bus_stats(w->bus).queued, taken);
    run(w);
    assert_int_equal(hy_bus_stats(w->bus).queued_bytes, 0);
    world_free(w);
}

static void ids_count_up_from_a_random_number_below_two_to_the_52(void **state) {
    world_t *w = *state;
    int64_t first = hy_bus_next_id(w->bus);
    assert_true(first >= 1 && first < INT64_C(1) << 52);
    assert_true(hy_bus_next_id(w->bus) == first + 1);
    assert_ptr_equal(hy_bus_clock(w->bus), &w->clock);
    assert_ptr_equal(hy_bus_random(w->bus), &w->random);
    assert_null(hy_bus_log(w->bus));
}

static void freeing_drops_what_is_queued_and_calls_nobody(void **state) {
    world_t *w = *state;
    part_t a;
    listen(w, &a, "a", A);
    for (int i = 0; i < 100; i++)
        send(w, B, A, i);
    hy_bus_free(w->bus);
    w->bus = NULL;
    assert_seen(w, "");
}

/* --- order, against a model ------------------------------------------------------------------- */

#define SENDERS 4

typedef struct {
    world_t *w;
    int expected[SENDERS];
} order_t;

static void check_order(void *arg, hy_msg_t *m) {
    order_t *o = arg;
    int sender = m->from->bytes[m->from->len - 1] - '0';
    assert_int_equal(number(m), o->expected[sender]++);
}

static void order_is_kept_through_a_ring_that_grows_and_wraps(void **state) {
    world_t *w = *state;
    order_t o = {.w = w};
    int sent[SENDERS] = {0};
    listen_with(w, A, check_order, &o);
    for (int round = 0; round < 400; round++) {
        for (uint64_t i = hy_random_below(&w->random, 20); i > 0; i--) {
            uint64_t sender = hy_random_below(&w->random, SENDERS);
            char from[32];
            sprintf(from, "hyperty://d/%d", (int)sender);
            send(w, from, A, sent[sender]++);
        }
        hy_bus_turn(w->bus, (uint32_t)hy_random_below(&w->random, 20));
    }
    run(w);
    assert_memory_equal(sent, o.expected, sizeof sent);
}

/* --- without memory --------------------------------------------------------------------------- */

static void nothing_is_owed_when_memory_runs_out(void **state) {
    world_t *w = *state;
    hy_bus_config_t config = {.clock = &w->clock, .random = &w->random};
    hy_bus_t *bus = NULL;
    hy_mem_fail_after(1);
    assert_int_equal(hy_bus_new(&config, &bus), HY_ENOMEM);
    hy_mem_fail_after(-1);
    assert_null(bus);

    part_t a = {.w = w, .name = "a"};
    hy_str_t *url = hy_str_from(A);
    hy_listener_t *l = NULL;
    for (int64_t n = 1; !l; n++) {
        assert_true(n < 10);
        hy_mem_fail_after(n);
        int code = hy_bus_listen(w->bus, url, on_message, &a, &l);
        hy_mem_fail_after(-1);
        assert_int_equal(code, l ? 0 : HY_ENOMEM);
        assert_int_equal(hy_bus_stats(w->bus).listeners, l ? 1 : 0);
    }
    hy_str_unref(url);

    hy_msg_t *m = message(HY_MSG_READ, 1, A, B, 1);
    hy_mem_fail_after(1);
    assert_int_equal(hy_bus_send(w->bus, m), HY_ENOMEM);
    hy_mem_fail_after(-1);
    assert_int_equal(hy_bus_send(w->bus, m), 0);
    hy_mem_fail_after(1);
    run(w); /* the 404 cannot be made */
    hy_mem_fail_after(-1);
    hy_msg_unref(m);
    assert_seen(w, "");
    assert_int_equal(hy_bus_stats(w->bus).undeliverable, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_delivered_inside_a_send),
        TEST(all_listeners_of_an_address_get_a_message_in_the_order_they_came),
        TEST(a_turn_takes_no_more_than_it_is_told),
        TEST(the_driver_is_woken_once_when_there_is_work_again),
        TEST(what_a_listener_sends_is_queued_and_delivered_in_the_same_turn),
        TEST(a_listener_may_close_any_listener_while_it_is_called),
        TEST(who_listens_since_the_delivery_began_does_not_get_the_message),
        TEST(a_listener_may_replace_itself_as_the_last_of_its_address),
        TEST(what_is_published_to_nobody_is_silent),
        TEST(a_child_message_reaches_listeners_of_all_collections_too),
        TEST(a_listener_of_a_collection_may_close_that_of_all),
        TEST(a_request_to_nobody_is_answered_404_at_once),
        TEST(a_response_to_nobody_is_dropped),
        TEST(a_response_that_no_request_waits_for_goes_to_listeners),
        TEST(the_queue_is_bounded_and_answers_may_take_twice_as_much),
        TEST(the_queue_is_bounded_in_bytes),
        TEST(ids_count_up_from_a_random_number_below_two_to_the_52),
        TEST(freeing_drops_what_is_queued_and_calls_nobody),
        TEST(order_is_kept_through_a_ring_that_grows_and_wraps),
        TEST(nothing_is_owed_when_memory_runs_out),
    };
    return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
