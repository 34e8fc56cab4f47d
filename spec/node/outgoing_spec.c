/* core/node/outgoing: slow readers are bounded, and told what they lost (PROTOCOL.md section 4). */
#include "support.h"

#define OBJECT   "comm://d/o"
#define CHANGES  OBJECT "/changes"
#define CHILDREN OBJECT "/children/m"
#define OTHER    "comm://d/p"
#define A_SM     "hyperty-runtime://d/a/sm"
#define B        "hyperty-runtime://d/b"
#define H        "hyperty://d/h"
#define QUEUE    4096u

/* a holds two objects, b observes both and reads nothing. */
static void story(void) {
    limit((hy_node_limits_t){.queue_bytes = QUEUE});
    ask(&a, "subscribe", A_SM, SM, "{\"resources\":[\"" OBJECT "\",\"" OTHER "\"]}");
    ask(&b, "subscribe", H, SM,
        "{\"resources\":[\"" CHANGES "\",\"" CHILDREN "\",\"" OTHER "/changes\"]}");
    b.is_frozen = true;
}

static void publish(const char *resource, int version) {
    char body[64];
    snprintf(body, sizeof body, "{\"version\":%d}", version);
    hy_str_t *url = hy_str_from(resource);
    hy_span_t object = hy_address_object(url);
    char from[128];
    snprintf(from, sizeof from, "%.*s", (int)object.len, object.bytes);
    tell(&a, "update", from, resource, body);
    hy_str_unref(url);
}

static void thaw(runtime_t *r) {
    r->is_frozen = false;
    on_ready(r);
}

/* body.value.lost of a notice, 0 if it is none. */
static int64_t lost_of(hy_msg_t *m) {
    if (m->type != HY_MSG_EVENT || strcmp(m->from->bytes, SM) != 0) return 0;
    return hy_get_int(hy_get_object(hy_msg_body(m), "value"), "lost", 0);
}

/* Publishes until the reader lost something; gives how many that took. */
static int overflow(const char *resource) {
    uint64_t before = hy_node_server_stats(the_node).lost;
    int sent = 0;
    while (hy_node_server_stats(the_node).lost == before) {
        publish(resource, ++sent);
        assert_true(sent < 1000);
    }
    return sent;
}

static void one_notice_stands_in_for_all_that_was_lost_of_an_object(void **state) {
    (void)state;
    story();
    publish(CHILDREN, 0);
    int sent = 1 + overflow(CHANGES);
    thaw(&b);
    assert_int_equal(b.count, 1);
    hy_msg_t *m = b.inbox[0];
    assert_string_equal(m->to->bytes, CHANGES);
    assert_false(hy_msg_has_id(m));
    assert_int_equal(lost_of(m), sent);
    hy_str_t *text = hy_msg_text(m, NULL); /* as it is read far away */
    hy_msg_t *again = NULL;
    hy_str_t *copy = hy_str_new(text->bytes, text->len);
    assert_int_equal(hy_msg_parse(copy, &again, NULL), 0);
    assert_int_equal(lost_of(again), sent);
    hy_msg_unref(again);
    hy_str_unref(copy);
    clear(&b);
    publish(CHANGES, 1);
    assert_int_equal(came(&b), 1);
    assert_adds_up();
}

static void it_counts_on_until_it_is_sent(void **state) {
    (void)state;
    story();
    int sent = overflow(CHANGES);
    for (int i = 0; i < 5; i++)
        publish(i % 2 ? CHANGES : CHILDREN, i);
    thaw(&b);
    assert_int_equal(b.count, 1);
    assert_int_equal(lost_of(b.inbox[0]), sent + 5);
    assert_int_equal(hy_node_server_stats(the_node).lost, sent + 5);
    assert_int_equal(hy_node_server_stats(the_node).notices, 1);
    assert_adds_up();
}

static void a_notice_that_a_connection_has_seen_counts_no_further(void **state) {
    hy_msg_t *const *list;
    (void)state;
    story();
    int sent = overflow(CHANGES);
    assert_int_equal(hy_peer_peek(b.peer, &list), 1);
    hy_msg_t *seen = hy_msg_ref(list[0]);
    assert_int_equal(lost_of(seen), sent);
    publish(CHANGES, 1); /* fits again, and comes after the notice */
    assert_int_equal(lost_of(seen), sent);
    thaw(&b);
    assert_int_equal(b.count, 2);
    assert_ptr_equal(b.inbox[0], seen);
    assert_int_equal(b.inbox[1]->type, HY_MSG_UPDATE);
    hy_msg_unref(seen);
}

static void a_notice_that_was_seen_but_not_sent_is_carried_on_in_the_next(void **state) {
    hy_msg_t *const *list;
    (void)state;
    story();
    int sent = overflow(CHANGES);
    hy_peer_peek(b.peer, &list);
    sent += overflow(CHANGES);
    thaw(&b);
    assert_int_equal(b.count, 1);
    assert_int_equal(lost_of(b.inbox[0]), sent);
    assert_int_equal(hy_node_server_stats(the_node).lost, sent);
    assert_adds_up();
}

static void a_reader_that_goes_on_as_the_notice_is_made_hears_the_right_number(void **state) {
    (void)state;
    story();
    int sent = 0;
    while (hy_node_server_stats(the_node).queued_bytes < QUEUE - 300)
        publish(CHANGES, ++sent);
    b.is_frozen = false; /* but it is not told again before something is taken */
    for (; b.count == 0; sent++) {
        publish(CHANGES, sent);
        if (hy_node_server_stats(the_node).lost > 0) on_ready(&b);
        assert_true(sent < 1000);
    }
    assert_int_equal(lost_of(b.inbox[0]), sent);
    assert_adds_up();
}

static void other_objects_go_on(void **state) {
    (void)state;
    story();
    publish(OTHER "/changes", 1);
    overflow(CHANGES);
    publish(OTHER "/changes", 2);
    publish(CHANGES, 0);
    tell(&c, "event", "hyperty://d/k", H, "{}");
    thaw(&b);
    assert_int_equal(b.count, 4);
    assert_int_equal(hy_get_int(hy_msg_body(b.inbox[0]), "version", 0), 1);
    assert_true(lost_of(b.inbox[1]) > 1);
    assert_int_equal(hy_get_int(hy_msg_body(b.inbox[2]), "version", 0), 2);
    assert_string_equal(b.inbox[3]->to->bytes, H);
    assert_adds_up();
}

static void each_object_has_a_notice_of_its_own(void **state) {
    (void)state;
    story();
    for (int i = 0; i < 30; i++) {
        publish(CHANGES, i);
        publish(OTHER "/changes", i);
    }
    thaw(&b);
    unsigned notices = 0;
    int64_t lost = 0, heard = 0;
    for (unsigned i = 0; i < b.count; i++) {
        notices += lost_of(b.inbox[i]) > 0;
        lost += lost_of(b.inbox[i]);
        heard += b.inbox[i]->type == HY_MSG_UPDATE;
    }
    assert_int_equal(notices, hy_node_server_stats(the_node).notices);
    assert_true(notices > 0 && notices <= 2);
    assert_int_equal(lost + heard, 60);
    assert_adds_up();
}

/* --- what is refused -------------------------------------------------------------------------- */

static int fill(const char *type, const char *from, const char *to) {
    int code = 0;
    for (int i = 0; code == 0; i++) {
        code = ask(&c, type, from, to, "{}");
        assert_true(i < 1000);
    }
    return code;
}

static void what_goes_to_its_own_address_is_refused_to_the_sender(void **state) {
    (void)state;
    story();
    assert_int_equal(fill("read", "hyperty://d/k", H), 503);
    assert_non_null(strstr(hy_msg_desc(c.answer), "does not keep up"));
    assert_non_null(strstr(hy_msg_desc(c.answer), H));
    assert_int_equal(hy_node_server_stats(the_node).queue_refused, 1);
    assert_non_null(b.peer);
    unsigned waiting = (unsigned)hy_node_server_stats(the_node).queued;
    thaw(&b);
    assert_int_equal(came(&b), waiting);
    assert_int_equal(ask(&c, "read", "hyperty://d/k", H, "{}"), 0);
    assert_adds_up();
}

static void what_goes_to_the_holder_is_refused_to_the_sender(void **state) {
    (void)state;
    limit((hy_node_limits_t){.queue_bytes = QUEUE});
    ask(&b, "subscribe", H, SM,
        "{\"resources\":[\"" OBJECT "\",\"" CHILDREN "\",\"" OBJECT "/subscription\"]}");
    b.is_frozen = true;
    assert_int_equal(fill("create", "hyperty://d/k", CHILDREN), 503);
    assert_non_null(strstr(hy_msg_desc(c.answer), CHILDREN));
    assert_int_equal(ask(&c, "read", "hyperty://d/k", OBJECT, "{}"), 503);
    assert_int_equal(ask(&c, "subscribe", "hyperty://d/k", OBJECT "/subscription", "{}"), 503);
    assert_int_equal(hy_node_server_stats(the_node).lost, 0);
    thaw(&b);
    assert_true(came(&b) > 5);
    assert_adds_up();
}

static void answers_may_fill_as_much_again_then_the_connection_is_closed(void **state) {
    (void)state;
    story();
    fill("read", "hyperty://d/k", H);
    uint64_t bytes = 0;
    for (int i = 0; b.peer; i++) {
        bytes = hy_node_server_stats(the_node).queued_bytes;
        send_with(&c, i + 1, "response", "hyperty://d/k", H, "{\"code\":200}");
        assert_true(i < 1000);
    }
    assert_true(bytes > QUEUE + QUEUE / 2 && bytes <= 2 * QUEUE);
    assert_int_equal(b.closed, HY_CLOSE_TRY_LATER);
    hy_node_stats_t stats = hy_node_server_stats(the_node);
    assert_int_equal(stats.queue_closed, 1);
    assert_int_equal(stats.full, 1);
    assert_int_equal(stats.sessions, 3); /* it keeps its grace */
    assert_int_equal(stats.queued_bytes, bytes);
    assert_adds_up();
    hy_clock_advance(&the_clock, HY_SESSION_GRACE_MS);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 2);
    assert_int_equal(hy_node_server_stats(the_node).queued_bytes, 0);
    b.is_frozen = false;
    assert_adds_up();
}

static void a_session_without_connection_is_bounded_in_the_same_way(void **state) {
    (void)state;
    story();
    drop(&b);
    int sent = overflow(CHANGES);
    publish(CHANGES, 0);
    fill("read", "hyperty://d/k", H);
    for (int i = 1; i < 1000; i++)
        send_with(&c, i, "response", "hyperty://d/k", H, "{\"code\":200}");
    hy_node_stats_t stats = hy_node_server_stats(the_node);
    assert_true(stats.queued_bytes <= 2 * QUEUE);
    assert_int_equal(stats.queue_closed, 0);
    assert_true(stats.full > 0);
    assert_int_equal(stats.lost, sent + 1);
    b.is_frozen = false;
    assert_adds_up();
}

/* --- time ------------------------------------------------------------------------------------- */

static void who_takes_nothing_for_too_long_is_closed(void **state) {
    (void)state;
    limit((hy_node_limits_t){.stuck_ms = 1000});
    subscribe(&a, A_SM, OBJECT);
    subscribe(&b, H, CHANGES);
    subscribe(&c, "hyperty://d/k", CHANGES);
    b.is_frozen = true;
    for (int i = 0; i < 100; i++)
        publish(CHANGES, i);
    for (int i = 0; i < 20 && b.peer; i++)
        hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + 100);
    assert_null(b.peer);
    assert_int_equal(b.closed, HY_CLOSE_TRY_LATER);
    assert_true(hy_clock_now(&the_clock) >= 1000 && hy_clock_now(&the_clock) <= 2000);
    assert_non_null(c.peer);
    assert_int_equal(hy_node_server_stats(the_node).queue_closed, 1);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 3);
    b.is_frozen = false;
}

static void who_comes_back_and_still_takes_nothing_is_closed_again(void **state) {
    char from[256];
    (void)state;
    limit((hy_node_limits_t){.stuck_ms = 1000, .grace_ms = 60000});
    assert_int_equal(shake(&b, "open", B), 200); /* answered as before, with the token */
    snprintf(from, sizeof from, "%s/%s", B,
             hy_get_str(hy_msg_body(b.answer), "runtimeToken")->bytes);
    subscribe(&a, A_SM, OBJECT);
    subscribe(&b, H, CHANGES);
    b.is_frozen = true;
    for (int i = 0; i < 100; i++)
        publish(CHANGES, i);
    hy_clock_advance(&the_clock, 3000);
    assert_null(b.peer);
    hy_clock_advance(&the_clock, 10000);
    plug(&b);
    shake(&b, "re-open", from);
    assert_non_null(b.peer);
    hy_clock_advance(&the_clock, 13000);
    assert_null(b.peer);
    assert_int_equal(hy_node_server_stats(the_node).queue_closed, 2);
    b.is_frozen = false;
}

static void who_reads_slowly_but_reads_is_not_closed(void **state) {
    hy_msg_t *const *list;
    (void)state;
    limit((hy_node_limits_t){.stuck_ms = 1000});
    subscribe(&a, A_SM, OBJECT);
    subscribe(&b, H, CHANGES);
    b.is_frozen = true;
    for (int i = 0; i < 100; i++)
        publish(CHANGES, i);
    for (int i = 0; i < 80; i++) {
        hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + 500);
        assert_true(hy_peer_peek(b.peer, &list) > 0);
        hy_peer_consume(b.peer, 1);
    }
    assert_non_null(b.peer);
    thaw(&b);
    assert_int_equal(came(&b), 20);
}

/* --- expelled --------------------------------------------------------------------------------- */

static int execute(const char *method, const char *hyperty) {
    char body[256];
    snprintf(body, sizeof body, "{\"method\":\"%s\",\"params\":[\"" OBJECT "\",\"%s\"]}", method,
             hyperty);
    return ask(&a, "execute", A_SM, SM, body);
}

static void guarded_story(void) {
    story();
    ask(&a, "subscribe", A_SM, SM, "{\"resources\":[\"" OBJECT "\"],\"guard\":true}");
    execute("admit", H);
    publish(CHANGES, 1);
    publish(CHILDREN, 2);
    publish(OTHER "/changes", 3);
    tell(&a, "event", A_SM, H, "{}");
}

static void expel_takes_out_what_waits_of_the_object(void **state) {
    (void)state;
    guarded_story();
    assert_int_equal(execute("expel", H), 200);
    thaw(&b);
    assert_int_equal(b.count, 2);
    assert_int_equal(hy_get_int(hy_msg_body(b.inbox[0]), "version", 0), 3);
    assert_string_equal(b.inbox[1]->to->bytes, H);
    assert_int_equal(hy_node_server_stats(the_node).expelled, 2);
    assert_adds_up();
}

static void expel_takes_out_the_notice_too(void **state) {
    (void)state;
    guarded_story();
    overflow(CHANGES);
    execute("expel", H);
    thaw(&b);
    for (unsigned i = 0; i < b.count; i++)
        assert_int_equal(lost_of(b.inbox[i]), 0);
    execute("admit", H);
    b.is_frozen = true;
    clear(&b);
    int sent = overflow(CHANGES);
    thaw(&b);
    assert_int_equal(lost_of(b.inbox[b.count - 1]), sent);
    assert_adds_up();
}

static void another_admitted_hyperty_of_the_session_keeps_what_waits(void **state) {
    (void)state;
    guarded_story();
    thaw(&b);
    subscribe(&b, "hyperty://d/h2", CHANGES);
    clear(&b);
    b.is_frozen = true;
    execute("admit", "hyperty://d/h2");
    publish(CHANGES, 9);
    execute("expel", H);
    thaw(&b);
    assert_int_equal(came(&b), 1);
    assert_int_equal(hy_node_server_stats(the_node).expelled, 0);
}

static void who_had_nothing_to_take_meanwhile_is_not_too_late(void **state) {
    (void)state;
    limit((hy_node_limits_t){.stuck_ms = 1000});
    ask(&a, "subscribe", A_SM, SM, "{\"resources\":[\"" OBJECT "\"],\"guard\":true}");
    subscribe(&b, H, CHANGES);
    execute("admit", H);
    b.is_frozen = true;
    for (int i = 0; i < 100; i++)
        publish(CHANGES, i);
    hy_clock_advance(&the_clock, 600); /* seen to wait */
    execute("expel", H);               /* nothing waits any more */
    hy_clock_advance(&the_clock, 5000);
    execute("admit", H);
    for (int i = 0; i < 100; i++)
        publish(CHANGES, i);
    hy_clock_advance(&the_clock, 5700);
    assert_non_null(b.peer);
    hy_clock_advance(&the_clock, 7000);
    assert_null(b.peer);
    b.is_frozen = false;
}

/* --- many ------------------------------------------------------------------------------------- */

static void one_that_does_not_read_costs_at_most_its_bound(void **state) {
    enum { READERS = 40, ROUNDS = 2000 };
    static runtime_t readers[READERS];
    char url[64];
    (void)state;
    limit((hy_node_limits_t){.queue_bytes = QUEUE});
    subscribe(&a, A_SM, OBJECT);
    for (int i = 0; i < READERS; i++) {
        snprintf(url, sizeof url, "hyperty-runtime://d/reader-%d", i);
        readers[i] = (runtime_t){.count = 0};
        open_as(&readers[i], url);
        subscribe(&readers[i], url, CHANGES);
    }
    readers[7].is_frozen = true;
    for (int i = 0; i < ROUNDS; i++) {
        publish(CHANGES, i);
        assert_true(hy_node_server_stats(the_node).queued_bytes <= QUEUE + 512);
        for (int r = 0; r < READERS; r++)
            if (r != 7) assert_int_equal(came(&readers[r]), 1);
    }
    thaw(&readers[7]);
    assert_int_equal(readers[7].count, 1);
    assert_int_equal(lost_of(readers[7].inbox[0]), ROUNDS);
    for (int i = 0; i < READERS; i++)
        leave(&readers[i]);
    assert_adds_up();
}

static void without_memory_a_reader_is_disconnected_and_the_rest_goes_on(void **state) {
    (void)state;
    for (int64_t n = 0, is_done = 0; !is_done; n++) {
        story();
        subscribe(&c, "hyperty://d/k", CHANGES);
        while (hy_node_server_stats(the_node).queued_bytes < QUEUE - 300)
            publish(CHANGES, 1);
        clear(&c);
        hy_str_t *s = hy_str_from("{\"type\":\"update\",\"from\":\"" OBJECT "\",\"to\":\"" CHANGES
                                  "\",\"body\":{\"version\":7}}");
        for (int i = 0; i < 4; i++) {
            hy_msg_t *m = NULL;
            assert_int_equal(hy_msg_parse(s, &m, NULL), 0);
            hy_mem_fail_after(n);
            hy_peer_receive(a.peer, m);
            hy_mem_fail_after(-1);
            hy_msg_unref(m);
        }
        hy_str_unref(s);
        is_done = b.peer != NULL;
        if (!is_done) assert_int_equal(b.closed, HY_CLOSE_INTERNAL);
        assert_int_equal(came(&c), 4);
        b.is_frozen = false;
        assert_adds_up();
        assert_true(n < 100);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_notice_stands_in_for_all_that_was_lost_of_an_object),
        TEST(it_counts_on_until_it_is_sent),
        TEST(a_notice_that_a_connection_has_seen_counts_no_further),
        TEST(a_notice_that_was_seen_but_not_sent_is_carried_on_in_the_next),
        TEST(a_reader_that_goes_on_as_the_notice_is_made_hears_the_right_number),
        TEST(other_objects_go_on),
        TEST(each_object_has_a_notice_of_its_own),
        TEST(what_goes_to_its_own_address_is_refused_to_the_sender),
        TEST(what_goes_to_the_holder_is_refused_to_the_sender),
        TEST(answers_may_fill_as_much_again_then_the_connection_is_closed),
        TEST(a_session_without_connection_is_bounded_in_the_same_way),
        TEST(who_takes_nothing_for_too_long_is_closed),
        TEST(who_comes_back_and_still_takes_nothing_is_closed_again),
        TEST(who_reads_slowly_but_reads_is_not_closed),
        TEST(expel_takes_out_what_waits_of_the_object),
        TEST(expel_takes_out_the_notice_too),
        TEST(another_admitted_hyperty_of_the_session_keeps_what_waits),
        TEST(who_had_nothing_to_take_meanwhile_is_not_too_late),
        TEST(one_that_does_not_read_costs_at_most_its_bound),
        TEST(without_memory_a_reader_is_disconnected_and_the_rest_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
