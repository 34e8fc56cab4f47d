/* What is remembered of requests: a retry is never served twice and gets the same answer again. */
#include "support.h"

/* Notes the request and answers it with 200 and how many it has seen; a negative number: later. */
typedef struct {
    world_t *w;
    int count;
    hy_msg_t *kept;
} server_t;

static void serve(void *arg, hy_msg_t *m) {
    server_t *s = arg;
    note(s->w, "served%d", number(m));
    if (number(m) < 0) {
        hy_msg_unref(s->kept);
        s->kept = hy_msg_ref(m);
        return;
    }
    assert_int_equal(hy_bus_respond(s->w->bus, m, 200, NULL, hy_int(++s->count)), 0);
}

static void on_answer(void *arg, hy_msg_t *m) {
    world_t *w = arg;
    note(w, "%d/%d", hy_msg_code(m), (int)hy_get_int(hy_msg_body(m), "value", -1));
}

static void begin(world_t *w, server_t *s) {
    *s = (server_t){.w = w};
    listen_with(w, B, serve, s);
    listen_with(w, X "/children/c", serve, s);
    listen_with(w, A, on_answer, w);
}

static void a_repeated_execute_gets_the_same_answer_again(void **state) {
    world_t *w = *state;
    server_t s;
    begin(w, &s);
    for (int i = 0; i < 3; i++) {
        send_request(w, HY_MSG_EXECUTE, 5, A, B, 1);
        run(w);
    }
    assert_seen(w, "served1 200/1 200/1 200/1");
    send_request(w, HY_MSG_CREATE, 6, A, B, 2);
    send_request(w, HY_MSG_CREATE, 6, A, B, 2);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, 1);
    run(w);
    assert_seen(w, "served2 200/2 200/1"); /* the second came before there was an answer */
    assert_int_equal(hy_bus_stats(w->bus).dropped, 4);
}

static void a_repeated_subscribe_is_dropped_and_its_answer_is_not_kept(void **state) {
    world_t *w = *state;
    server_t s;
    begin(w, &s);
    for (int i = 0; i < 3; i++) {
        send_request(w, HY_MSG_SUBSCRIBE, 5, A, B, 1);
        run(w);
    }
    assert_seen(w, "served1 200/1");
    assert_int_equal(hy_bus_stats(w->bus).dropped, 2);
}

static void a_repeated_execute_that_is_not_answered_yet_is_dropped(void **state) {
    world_t *w = *state;
    server_t s;
    begin(w, &s);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, -7);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, -7);
    run(w);
    assert_int_equal(hy_bus_respond(w->bus, s.kept, 100, NULL, hy_absent()), 0);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, -7);
    run(w);
    assert_seen(w, "served-7 100/-1"); /* a provisional answer is none */
    assert_int_equal(hy_bus_respond(w->bus, s.kept, 403, NULL, hy_absent()), 0);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, -7);
    run(w);
    assert_seen(w, "403/-1 403/-1");
    hy_msg_unref(s.kept);
}

static void other_types_senders_recipients_and_ids_are_other_requests(void **state) {
    world_t *w = *state;
    server_t s;
    begin(w, &s);
    listen_with(w, "hyperty://d/b2", serve, &s);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, 1);
    send_request(w, HY_MSG_EXECUTE, 6, A, B, 2);
    send_request(w, HY_MSG_EXECUTE, 5, A, "hyperty://d/b2", 3);
    send_request(w, HY_MSG_EXECUTE, 5, C, B, 4);
    send_request(w, HY_MSG_READ, 5, A, B, 5);
    send_request(w, HY_MSG_READ, 5, A, B, 5);
    send_request(w, HY_MSG_EXECUTE, 0, A, B, 6); /* no id, nothing to remember it by */
    send_request(w, HY_MSG_EXECUTE, 0, A, B, 6);
    run(w);
    assert_seen(w, "served1 served2 served3 served4 served5 served5 served6 served6 "
                   "200/1 200/2 200/3 200/5 200/6");
}

static void children_have_a_memory_of_their_own(void **state) {
    world_t *w = *state;
    server_t s;
    begin(w, &s);
    send_request(w, HY_MSG_CREATE, 5, A, X "/children/c", 1);
    send_request(w, HY_MSG_CREATE, 5, A, X "/children/c", 1);
    run(w);
    assert_seen(w, "served1 served1 200/1 200/2");
}

static void an_answer_is_remembered_no_longer_than_its_time(void **state) {
    world_t *w = *state;
    server_t s;
    begin(w, &s);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, 1);
    run(w);
    advance(w, HY_ANSWER_KEPT_MS - 1);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, 1);
    run(w);
    assert_seen(w, "served1 200/1 200/1");
    advance(w, 1);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, 1);
    run(w);
    assert_seen(w, "served1 200/2");
}

static void a_request_that_came_in_by_an_uplink_is_answered_by_it_again(void **state) {
    world_t *w = *state;
    server_t s;
    part_t up;
    begin(w, &s);
    uplink(w, &up, "up", NULL);
    receive(&up, HY_MSG_EXECUTE, 5, C, B, 1);
    receive(&up, HY_MSG_EXECUTE, 5, C, B, 1);
    run(w);
    receive(&up, HY_MSG_EXECUTE, 5, C, B, 1);
    run(w);
    assert_seen(w, "served1 up=200 up=200");
}

static void what_is_not_delivered_here_is_not_remembered(void **state) {
    world_t *w = *state;
    server_t s;
    part_t up;
    listen_with(w, A, on_answer, w);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, 1);
    run(w);
    uplink(w, &up, "up", NULL);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, 1);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, 1);
    run(w);
    assert_seen(w, "404/-1 up1 up1");
    s = (server_t){.w = w};
    listen_with(w, B, serve, &s);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, 1);
    run(w);
    assert_seen(w, "served1 200/1");
}

static void nobody_else_can_plant_an_answer(void **state) {
    world_t *w = *state;
    server_t s;
    begin(w, &s);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, -7);
    run(w);
    respond(w, 5, C, A, 403); /* from another than it was sent to */
    run(w);
    assert_int_equal(hy_bus_respond(w->bus, s.kept, 200, NULL, hy_int(9)), 0);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, -7);
    run(w);
    assert_seen(w, "served-7 403/-1 200/9 200/9");
    hy_msg_unref(s.kept);
}

static void count_only(void *arg, hy_msg_t *m) {
    (void)m;
    ++*(int *)arg;
}

static void what_is_remembered_is_bounded_and_the_oldest_leave(void **state) {
    world_t *w = *state;
    int served = 0;
    listen_with(w, B, count_only, &served);
    for (int i = 1; i <= (int)HY_BUS_ANSWERS_KEPT_MAX + 1; i++)
        send_request(w, HY_MSG_EXECUTE, i, A, B, 1);
    run(w);
    served = 0;
    send_request(w, HY_MSG_EXECUTE, 2, A, B, 1); /* still known */
    send_request(w, HY_MSG_EXECUTE, 1, A, B, 1); /* not any more */
    run(w);
    assert_int_equal(served, 1);
}

static void answer_long(void *arg, hy_msg_t *m) {
    world_t *w = arg;
    hy_str_t *text = hy_str_reserve(HY_BUS_ANSWERS_BYTES_MAX / 4);
    memset(text->bytes, 'x', text->len);
    note(w, "served%d", number(m));
    assert_int_equal(hy_bus_respond(w->bus, m, 200, NULL, hy_string(text)), 0);
}

static void what_is_remembered_is_bounded_in_bytes(void **state) {
    world_t *w = *state;
    listen_with(w, B, answer_long, w);
    for (int i = 1; i <= 4; i++)
        send_request(w, HY_MSG_EXECUTE, i, A, B, i);
    run(w);
    assert_seen(w, "served1 served2 served3 served4");
    send_request(w, HY_MSG_EXECUTE, 2, A, B, 2);
    send_request(w, HY_MSG_EXECUTE, 1, A, B, 1);
    run(w);
    assert_seen(w, "served1");
}

static void without_memory_a_request_is_rather_served_twice_than_not(void **state) {
    world_t *w = *state;
    int served = 0;
    listen_with(w, B, count_only, &served);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, 1);
    send_request(w, HY_MSG_EXECUTE, 5, A, B, 1);
    for (int64_t n = 1; n <= 2; n++) { /* no memory for the record; none for the table */
        hy_mem_fail_after(n);
        hy_bus_turn(w->bus, 1);
        hy_mem_fail_after(-1);
    }
    assert_int_equal(served, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_repeated_execute_gets_the_same_answer_again),
        TEST(a_repeated_subscribe_is_dropped_and_its_answer_is_not_kept),
        TEST(a_repeated_execute_that_is_not_answered_yet_is_dropped),
        TEST(other_types_senders_recipients_and_ids_are_other_requests),
        TEST(children_have_a_memory_of_their_own),
        TEST(an_answer_is_remembered_no_longer_than_its_time),
        TEST(a_request_that_came_in_by_an_uplink_is_answered_by_it_again),
        TEST(what_is_not_delivered_here_is_not_remembered),
        TEST(nobody_else_can_plant_an_answer),
        TEST(what_is_remembered_is_bounded_and_the_oldest_leave),
        TEST(what_is_remembered_is_bounded_in_bytes),
        TEST(without_memory_a_request_is_rather_served_twice_than_not),
    };
    return cmocka_run_group_tests_name("recall", tests, NULL, NULL);
}
