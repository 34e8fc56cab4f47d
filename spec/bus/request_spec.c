/* Requests: answers, deadlines, late answers, cancelling, bounds. */
#include "support.h"

typedef struct {
    world_t *w;
    const char *name;
    hy_request_t *r;
    bool cancels; /* inside the callback */
} asker_t;

static void on_answer(void *arg, hy_msg_t *answer, int code) {
    asker_t *a = arg;
    assert_non_null(answer);
    note(a->w, "%s=%d", a->name, code);
    if (a->cancels) hy_request_cancel(a->r);
}

static int64_t late_id;

static void on_late(hy_bus_t *bus, hy_msg_t *request, hy_msg_t *answer) {
    assert_non_null(bus);
    assert_string_equal(request->from->bytes, answer->to->bytes);
    assert_true(request->id.as.i == answer->id.as.i);
    late_id = request->id.as.i;
}

/* Asks B as A; gives the id. */
static int64_t ask(world_t *w, asker_t *a, const char *name, uint64_t timeout_ms, hy_late_cb late) {
    *a = (asker_t){.w = w, .name = name, .cancels = a->cancels};
    hy_msg_t *m = message(HY_MSG_READ, hy_bus_next_id(w->bus), A, B, 1);
    assert_int_equal(hy_bus_request(w->bus, m, timeout_ms, on_answer, a, late, &a->r), 0);
    int64_t id = m->id.as.i;
    hy_msg_unref(m);
    return id;
}

static void answer_by_code(void *arg, hy_msg_t *m) {
    world_t *w = arg;
    assert_int_equal(hy_bus_respond(w->bus, m, number(m), "so", hy_text("value")), 0);
}

static void ignore(void *arg, hy_msg_t *m) {
    (void)arg;
    (void)m;
}

static void an_answer_ends_a_request(void **state) {
    world_t *w = *state;
    listen_with(w, B, answer_by_code, w);
    asker_t a = {.w = w, .name = "a"};
    hy_msg_t *m = message(HY_MSG_READ, hy_bus_next_id(w->bus), A, B, 403);
    assert_int_equal(hy_bus_request(w->bus, m, 0, on_answer, &a, NULL, NULL), 0);
    hy_msg_unref(m);
    assert_int_equal(hy_bus_stats(w->bus).requests, 1);
    run(w);
    assert_seen(w, "a=403");
    assert_int_equal(hy_bus_stats(w->bus).requests, 0);
    advance(w, 10000);
    assert_seen(w, "");
    assert_int_equal(w->clock.count, 0);
}

static void nobody_there_is_a_404_through_the_same_callback(void **state) {
    world_t *w = *state;
    asker_t a = {0};
    ask(w, &a, "a", 0, NULL);
    run(w);
    assert_seen(w, "a=404");
}

static void no_answer_in_time_is_a_408_made_here(void **state) {
    world_t *w = *state;
    asker_t a = {0};
    listen_with(w, B, ignore, NULL);
    ask(w, &a, "a", 0, NULL);
    run(w);
    advance(w, HY_REQUEST_TIMEOUT_MS - 1);
    assert_seen(w, "");
    advance(w, 1);
    assert_seen(w, "a=408");
    assert_int_equal(hy_bus_stats(w->bus).unanswered, 1);
    assert_int_equal(hy_bus_stats(w->bus).requests, 0);
}

static void note_answer(void *arg, hy_msg_t *answer, int code) {
    note(arg, "%d from %s to %s: %s", code, answer->from->bytes, answer->to->bytes,
         hy_msg_desc(answer));
}

static void the_408_looks_as_if_the_recipient_had_sent_it(void **state) {
    world_t *w = *state;
    listen_with(w, B, ignore, NULL);
    hy_msg_t *m = message(HY_MSG_READ, 5, A, B, 1);
    assert_int_equal(hy_bus_request(w->bus, m, 30, note_answer, w, NULL, NULL), 0);
    hy_msg_unref(m);
    run(w);
    advance(w, 30);
    assert_seen(w, "408 from " B " to " A ": no answer within 30 ms from " B);
}

static void a_provisional_answer_restarts_the_timeout(void **state) {
    world_t *w = *state;
    asker_t a = {0};
    listen_with(w, B, ignore, NULL);
    int64_t id = ask(w, &a, "a", 100, NULL);
    for (int i = 0; i < 3; i++) {
        advance(w, 99);
        respond(w, id, B, A, 100);
        run(w);
    }
    assert_seen(w, "a=100 a=100 a=100");
    advance(w, 99);
    assert_seen(w, "");
    advance(w, 1);
    assert_seen(w, "a=408");
}

static void an_answer_belongs_to_id_and_sender_of_the_request(void **state) {
    world_t *w = *state;
    asker_t a = {0};
    listen_with(w, B, ignore, NULL);
    int64_t id = ask(w, &a, "a", 0, NULL);
    run(w);
    respond(w, id + 1, B, A, 200);
    respond(w, id, B, C, 200);
    hy_msg_t *request = message(HY_MSG_READ, 1, A, B, 0);
    request->id = hy_string(hy_str_format("%lld", (long long)id)); /* the same digits as a string */
    assert_int_equal(hy_bus_respond(w->bus, request, 200, NULL, hy_absent()), 0);
    hy_msg_unref(request);
    run(w);
    assert_seen(w, "");
    assert_int_equal(hy_bus_stats(w->bus).dropped, 3);
    respond(w, id, C, A, 200); /* whoever answers for it */
    run(w);
    assert_seen(w, "a=200");
}

static void an_answer_without_a_readable_code_counts_as_500(void **state) {
    world_t *w = *state;
    asker_t a = {0};
    listen_with(w, B, ignore, NULL);
    int64_t id = ask(w, &a, "a", 0, NULL);
    run(w);
    send_request(w, HY_MSG_RESPONSE, id, B, A, 1);
    run(w);
    assert_seen(w, "a=500");
}

static void a_late_answer_goes_to_the_late_callback_once(void **state) {
    world_t *w = *state;
    asker_t a = {0};
    late_id = 0;
    listen_with(w, B, ignore, NULL);
    int64_t id = ask(w, &a, "a", 10, on_late);
    run(w);
    advance(w, 10);
    assert_seen(w, "a=408");
    respond(w, id, B, A, 100); /* says nothing final */
    run(w);
    assert_int_equal(late_id, 0);
    respond(w, id, B, A, 200);
    respond(w, id, B, A, 200);
    run(w);
    assert_true(late_id == id);
    assert_seen(w, "");
    assert_int_equal(hy_bus_stats(w->bus).late, 1);
    assert_int_equal(hy_bus_stats(w->bus).dropped, 1);
    assert_int_equal(w->clock.count, 0);
}

static void lateness_ends_after_its_time(void **state) {
    world_t *w = *state;
    asker_t a = {0};
    late_id = 0;
    listen_with(w, B, ignore, NULL);
    int64_t id = ask(w, &a, "a", 10, on_late);
    run(w);
    advance(w, 10);
    assert_int_equal(hy_bus_stats(w->bus).requests, 1);
    advance(w, HY_REQUEST_LATE_MS);
    assert_int_equal(hy_bus_stats(w->bus).requests, 0);
    respond(w, id, B, A, 200);
    run(w);
    assert_int_equal(late_id, 0);
}

static void a_cancelled_request_calls_nobody_but_for_a_late_answer(void **state) {
    world_t *w = *state;
    asker_t a = {0}, b = {0};
    late_id = 0;
    listen_with(w, B, ignore, NULL);
    int64_t silent = ask(w, &a, "a", 0, NULL), late = ask(w, &b, "b", 0, on_late);
    hy_request_cancel(a.r);
    hy_request_cancel(b.r);
    hy_request_cancel(NULL);
    assert_int_equal(hy_bus_stats(w->bus).requests, 1); /* the one that may be late */
    run(w);
    respond(w, silent, B, A, 200);
    respond(w, late, B, A, 200);
    run(w);
    assert_true(late_id == late);
    advance(w, 2 * HY_REQUEST_LATE_MS);
    assert_seen(w, "");
}

static void a_request_may_be_cancelled_inside_any_of_its_callbacks(void **state) {
    world_t *w = *state;
    listen_with(w, B, ignore, NULL);
    for (int with_late = 0; with_late < 2; with_late++) {
        hy_late_cb late = with_late ? on_late : NULL;
        asker_t a = {.cancels = true};
        int64_t id = ask(w, &a, "a", 10, late);
        respond(w, id, B, A, 183);
        respond(w, id, B, A, 200);
        run(w);
        assert_seen(w, "a=183");
        assert_int_equal(hy_bus_stats(w->bus).requests, 0);

        id = ask(w, &a, "a", 10, late);
        respond(w, id, B, A, 200);
        run(w);
        assert_seen(w, "a=200");

        ask(w, &a, "a", 10, late);
        run(w);
        advance(w, 10);
        assert_seen(w, "a=408");
        assert_int_equal(hy_bus_stats(w->bus).requests, with_late);
    }
}

typedef struct {
    world_t *w;
    hy_msg_t *m;
    int tries;
} retry_t;

static void ask_again(void *arg, hy_msg_t *answer, int code) {
    retry_t *r = arg;
    (void)answer;
    note(r->w, "%d", code);
    if (code == 408 && ++r->tries < 3)
        assert_int_equal(hy_bus_request(r->w->bus, r->m, 10, ask_again, r, on_late, NULL), 0);
}

static void a_retry_takes_the_place_of_its_first_try(void **state) {
    world_t *w = *state;
    retry_t r = {.w = w, .m = message(HY_MSG_READ, 77, A, B, 1)};
    late_id = 0;
    listen_with(w, B, ignore, NULL);
    assert_int_equal(hy_bus_request(w->bus, r.m, 10, ask_again, &r, on_late, NULL), 0);
    assert_int_equal(hy_bus_request(w->bus, r.m, 10, ask_again, &r, NULL, NULL), HY_ECONFLICT);
    run(w);
    advance(w, 20);
    run(w);
    assert_seen(w, "408 408");
    assert_int_equal(hy_bus_stats(w->bus).requests, 1);
    respond(w, 77, B, A, 200); /* whichever try it answers */
    respond(w, 77, B, A, 200);
    run(w);
    assert_seen(w, "200");
    assert_int_equal(late_id, 0);
    hy_msg_unref(r.m);
}

static void a_message_without_id_is_not_answered(void **state) {
    world_t *w = *state;
    hy_msg_t *m = message(HY_MSG_READ, 0, A, B, 1);
    assert_int_equal(hy_bus_respond(w->bus, m, 200, NULL, hy_text("value")), 0);
    hy_msg_unref(m);
    m = message(HY_MSG_RESPONSE, 5, A, B, 1); /* nor a response */
    assert_int_equal(hy_bus_respond(w->bus, m, 200, NULL, hy_text("value")), 0);
    hy_msg_unref(m);
    assert_int_equal(hy_bus_stats(w->bus).queued, 0);
}

static void requests_are_bounded_and_late_ones_give_way(void **state) {
    world_t *w = *state;
    asker_t a = {.w = w, .name = "a"};
    hy_str_t *from = hy_str_from(A), *to = hy_str_from(B);
    int64_t first = 0;
    late_id = 0;
    for (uint32_t i = 0; i <= HY_BUS_REQUESTS_MAX; i++) {
        hy_msg_t *m =
            hy_msg_new(HY_MSG_READ, hy_int(hy_bus_next_id(w->bus)), from, to, hy_absent());
        hy_late_cb late = i < 2 ? on_late : NULL;
        int code = hy_bus_request(w->bus, m, 0, on_answer, &a, late, &a.r);
        if (i == 0) first = m->id.as.i;
        if (i < 2) hy_request_cancel(a.r); /* two late ones, and room for all but one more */
        assert_int_equal(code, 0);
        hy_msg_unref(m);
    }
    hy_msg_t *m = hy_msg_new(HY_MSG_READ, hy_int(1), from, to, hy_absent());
    assert_int_equal(hy_bus_request(w->bus, m, 0, on_answer, &a, NULL, NULL), 0);
    assert_int_equal(hy_bus_stats(w->bus).requests, HY_BUS_REQUESTS_MAX);
    hy_msg_unref(m);
    m = hy_msg_new(HY_MSG_READ, hy_int(2), from, to, hy_absent());
    assert_int_equal(hy_bus_request(w->bus, m, 0, on_answer, &a, NULL, NULL), HY_EFULL);
    hy_msg_unref(m);
    respond(w, first, B, A, 200);
    hy_str_unref(from);
    hy_str_unref(to);
    assert_int_equal(late_id, 0);
}

static void a_request_that_does_not_fit_into_the_queue_is_not_begun(void **state) {
    (void)state;
    world_t *w = world_new(1, 0);
    asker_t a = {.w = w, .name = "a"};
    send(w, A, B, 1);
    hy_msg_t *m = message(HY_MSG_READ, 5, A, B, 1);
    assert_int_equal(hy_bus_request(w->bus, m, 0, on_answer, &a, on_late, &a.r), HY_EFULL);
    assert_null(a.r);
    hy_msg_unref(m);
    assert_int_equal(hy_bus_stats(w->bus).requests, 0);
    advance(w, 100000);
    run(w);
    assert_seen(w, "");
    world_free(w);
}

static void freeing_the_bus_calls_no_request(void **state) {
    world_t *w = *state;
    asker_t a = {0}, b = {0};
    ask(w, &a, "a", 10, on_late);
    ask(w, &b, "b", 0, NULL);
    hy_request_cancel(a.r);
    hy_bus_free(w->bus);
    w->bus = NULL;
    assert_int_equal(w->clock.count, 0);
    assert_seen(w, "");
}

static void a_request_fails_cleanly_or_calls_back_once_without_memory(void **state) {
    world_t *w = *state;
    asker_t a = {.w = w, .name = "a"};
    hy_msg_t *m = message(HY_MSG_READ, 5, A, B, 1);
    listen_with(w, B, ignore, NULL);
    for (int64_t n = 1; !a.r; n++) {
        assert_true(n < 20);
        hy_mem_fail_after(n);
        int code = hy_bus_request(w->bus, m, 100, on_answer, &a, NULL, &a.r);
        hy_mem_fail_after(-1);
        assert_int_equal(code, a.r ? 0 : HY_ENOMEM);
        assert_int_equal(hy_bus_stats(w->bus).requests, a.r ? 1 : 0);
    }
    hy_msg_unref(m);
    run(w);
    hy_mem_fail_after(1);
    advance(w, 150); /* a 408 that cannot be made is made later */
    assert_seen(w, "");
    hy_mem_fail_after(-1);
    advance(w, 100);
    assert_seen(w, "a=408");
}

static void the_end_answers_all_that_wait_also_without_memory(void **state) {
    world_t *w = *state;
    asker_t a = {0}, b = {0};
    listen_with(w, B, ignore, NULL);
    ask(w, &a, "a", 0, NULL);
    ask(w, &b, "b", 0, NULL);
    run(w);
    hy_request_cancel(b.r);
    hy_mem_fail_after(1);
    hy_bus_end_requests(w->bus);
    hy_mem_fail_after(-1);
    assert_seen(w, "a=503");
    hy_msg_t *m = message(HY_MSG_READ, hy_bus_next_id(w->bus), A, B, 1);
    assert_int_equal(hy_bus_request(w->bus, m, 0, on_answer, &a, NULL, NULL), HY_ECLOSED);
    hy_msg_unref(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_answer_ends_a_request),
        TEST(nobody_there_is_a_404_through_the_same_callback),
        TEST(no_answer_in_time_is_a_408_made_here),
        TEST(the_408_looks_as_if_the_recipient_had_sent_it),
        TEST(a_provisional_answer_restarts_the_timeout),
        TEST(an_answer_belongs_to_id_and_sender_of_the_request),
        TEST(an_answer_without_a_readable_code_counts_as_500),
        TEST(a_late_answer_goes_to_the_late_callback_once),
        TEST(lateness_ends_after_its_time),
        TEST(a_cancelled_request_calls_nobody_but_for_a_late_answer),
        TEST(a_request_may_be_cancelled_inside_any_of_its_callbacks),
        TEST(a_retry_takes_the_place_of_its_first_try),
        TEST(a_message_without_id_is_not_answered),
        TEST(requests_are_bounded_and_late_ones_give_way),
        TEST(a_request_that_does_not_fit_into_the_queue_is_not_begun),
        TEST(freeing_the_bus_calls_no_request),
        TEST(a_request_fails_cleanly_or_calls_back_once_without_memory),
        TEST(the_end_answers_all_that_wait_also_without_memory),
    };
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
