/* core/node/peer: open, re-open and close of a session (PROTOCOL.md section 3), as stories of
 * connections. */
#include "support.h"

#define A       "hyperty-runtime://d/a"
#define OBJECT  "comm://d/o"
#define CHANGES OBJECT "/changes"

static char token[HY_URL_BYTES_MAX]; /* <RuntimeURL>/<token> of whoever shook hands last */

/* Opens or re-opens, and keeps the token. */
static int shake_on(runtime_t *r, const char *type, const char *from) {
    int code = shake(r, type, from);
    if (code != 200) return code;
    const hy_str_t *t = hy_get_str(hy_msg_body(r->answer), "runtimeToken");
    assert_non_null(t);
    snprintf(token, sizeof token, "%s/%s", r->answer->to->bytes, t->bytes);
    return code;
}

/* The runtime a as a new connection that has opened. */
static void open_a(void) {
    hy_peer_lost(a.peer);
    plug(&a);
    assert_int_equal(shake_on(&a, "open", A), 200);
}

static int reopen_a(void) {
    char from[HY_URL_BYTES_MAX];
    snprintf(from, sizeof from, "%s", token);
    plug(&a);
    hy_msg_unref(a.answer);
    a.answer = NULL;
    return shake(&a, "re-open", from);
}

static void pass(unsigned ms) {
    hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + ms);
}

/* --- open ------------------------------------------------------------------------------------- */

static void an_open_is_answered_with_a_token(void **state) {
    runtime_t r = {.count = 0};
    (void)state;
    plug(&r);
    assert_false(hy_peer_is_open(r.peer));
    const char *text = "{\"type\":\"open\",\"id\":\"x-1\",\"from\":\"hyperty-runtime://d/r\","
                       "\"to\":\"mn:/session\"}";
    assert_true(give(&r, text, strlen(text)));
    assert_int_equal(r.count, 1);
    hy_msg_t *m = r.inbox[0];
    assert_int_equal(m->type, HY_MSG_RESPONSE);
    assert_string_equal(m->from->bytes, "mn:/session");
    assert_string_equal(m->to->bytes, "hyperty-runtime://d/r");
    assert_true(m->id.kind == HY_STR && hy_str_is(m->id.as.s, "x-1"));
    assert_int_equal(hy_msg_code(m), 200);
    hy_str_t *t = hy_get_str(hy_msg_body(m), "runtimeToken");
    assert_int_equal(t->len, 2 * HY_SESSION_TOKEN_BYTES);
    assert_true(hy_peer_is_open(r.peer));
    leave(&r);
}

static void no_two_tokens_are_alike(void **state) {
    char first[HY_URL_BYTES_MAX];
    (void)state;
    open_a();
    snprintf(first, sizeof first, "%s", token);
    open_a();
    assert_string_not_equal(first, token);
}

static void a_repeated_open_on_its_connection_is_answered_as_before(void **state) {
    char first[HY_URL_BYTES_MAX];
    (void)state;
    open_a();
    snprintf(first, sizeof first, "%s", token);
    subscribe(&a, A "/sm", OBJECT);
    assert_int_equal(shake_on(&a, "open", A), 200);
    assert_string_equal(first, token);
    assert_int_equal(hy_node_server_stats(the_node).routes, 1);
    assert_int_equal(shake(&a, "open", "hyperty-runtime://d/other"), 409);
    assert_string_equal(runtime_of(&a), A);
}

static void the_first_message_must_be_an_open(void **state) {
    static const char *const first[] = {
        "{\"type\":\"read\",\"id\":7,\"from\":\"hyperty-runtime://d/r\",\"to\":\"" SM "\"}",
        "{\"type\":\"event\",\"from\":\"hyperty-runtime://d/r\",\"to\":\"" A "\"}",
        "{\"type\":\"read\",\"id\":7,\"from\":\"" A "\",\"to\":\"hyperty-runtime://d/b\"}",
    };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        runtime_t r = {.count = 0};
        plug(&r);
        assert_false(give(&r, first[i], strlen(first[i])));
        assert_null(r.peer);
        assert_int_equal(r.closed, HY_CLOSE_POLICY);
        assert_int_equal(r.count, 1);
        assert_int_equal(hy_msg_code(r.inbox[0]), 403);
        clear(&r);
    }
    assert_int_equal(came(&a), 0);
    assert_int_equal(came(&b), 0);
}

static void other_types_to_the_session_address_are_refused(void **state) {
    static const char *const types[] = {"create", "read",    "update",  "delete",     "subscribe",
                                        "event",  "execute", "forward", "unsubscribe"};
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_int_equal(shake(&a, types[i], A), 400);
    assert_int_equal(shake(&a, "response", A), 0);
    assert_true(hy_peer_is_open(a.peer));
    assert_int_equal(shake(&a, "OPEN", A), 200); /* types are compared without case */
}

/* They come in one piece, before anything can be written. */
static void handshakes_that_come_together_are_all_answered(void **state) {
    static const int codes[] = {200, 403, 200, 400};
    runtime_t r = {.is_frozen = true};
    (void)state;
    plug(&r);
    shake(&r, "open", "hyperty-runtime://d/r");
    shake(&r, "re-open", "hyperty-runtime://d/r/0");
    shake(&r, "open", "hyperty-runtime://d/r");
    shake(&r, "read", "hyperty-runtime://d/r");
    tell(&b, "event", "hyperty://d/k", "hyperty-runtime://d/r", NULL);
    r.is_frozen = false;
    on_ready(&r);
    assert_int_equal(r.count, 5);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(hy_msg_code(r.inbox[i]), codes[i]);
    assert_int_equal(r.inbox[4]->type, HY_MSG_EVENT);
    leave(&r);
}

static void who_shakes_hands_without_end_and_reads_nothing_is_shown_out(void **state) {
    runtime_t r = {.is_frozen = true};
    unsigned count = 0;
    (void)state;
    plug(&r);
    for (; r.peer && count < 10000; count++)
        shake(&r, "re-open", "hyperty-runtime://d/r/0");
    assert_int_equal(count, HY_PEER_ANSWERS_MAX + 1);
    assert_int_equal(r.closed, HY_CLOSE_POLICY);
    clear(&r);
}

/* --- re-open ---------------------------------------------------------------------------------- */

static void a_reopened_session_has_its_routes_claims_and_queue(void **state) {
    (void)state;
    open_a();
    subscribe(&a, "hyperty://d/h", "comm://d/x/changes");
    subscribe(&a, "hyperty://d/h", OBJECT);
    subscribe(&b, "hyperty://d/k", "comm://d/x");
    drop(&a);
    tell(&b, "update", "comm://d/x", "comm://d/x/changes", "{\"version\":1}");
    tell(&b, "update", "comm://d/x", "comm://d/x/changes", "{\"version\":2}");
    assert_int_equal(ask(&b, "read", "hyperty://d/k", OBJECT, NULL), 0);
    assert_int_equal(ask(&b, "read", "hyperty://d/h", A, NULL), 403); /* still claimed */
    assert_int_equal(a.count, 0);
    assert_int_equal(reopen_a(), 200);
    assert_int_equal(a.count, 3);
    assert_int_equal(hy_get_int(hy_msg_body(a.inbox[0]), "version", 0), 1);
    assert_int_equal(hy_get_int(hy_msg_body(a.inbox[1]), "version", 0), 2);
    assert_int_equal(a.inbox[2]->type, HY_MSG_READ);
    clear(&a);
    tell(&b, "update", "comm://d/x", "comm://d/x/changes", "{\"version\":3}");
    assert_int_equal(came(&a), 1);
    assert_int_equal(ask(&a, "event", OBJECT, CHANGES, "{}"), 0);
    assert_adds_up();
}

static void requests_that_waited_too_long_are_not_delivered(void **state) {
    (void)state;
    open_a();
    drop(&a);
    ask(&b, "read", "hyperty://d/k", A, NULL);
    tell(&b, "event", "hyperty://d/k", A, NULL);
    send_with(&b, 9, "response", "hyperty://d/k", A, "{\"code\":200}");
    pass(HY_REQUEST_TIMEOUT_MS);
    ask(&b, "execute", "hyperty://d/k", A, NULL);
    pass(1);
    assert_int_equal(reopen_a(), 200);
    assert_int_equal(a.count, 3);
    assert_int_equal(a.inbox[0]->type, HY_MSG_EVENT);
    assert_int_equal(a.inbox[1]->type, HY_MSG_RESPONSE);
    assert_int_equal(a.inbox[2]->type, HY_MSG_EXECUTE);
    assert_int_equal(hy_node_server_stats(the_node).outdated, 1);
    assert_adds_up();
}

static void an_unknown_token_is_403_and_then_an_open_is_served(void **state) {
    char wrong[HY_URL_BYTES_MAX];
    (void)state;
    open_a();
    subscribe(&a, A "/sm", OBJECT);
    drop(&a);
    plug(&a);
    snprintf(wrong, sizeof wrong, "%s", token);
    size_t len = strlen(wrong);
    wrong[len - 1] = wrong[len - 1] == '0' ? '1' : '0';
    assert_int_equal(shake(&a, "re-open", wrong), 403);
    assert_non_null(a.peer);
    assert_int_equal(shake_on(&a, "open", A), 200);
    assert_int_equal(hy_node_server_stats(the_node).routes, 0);
    drop(&a);
    assert_int_equal(reopen_a(), 200);
}

static void only_the_whole_token_counts(void **state) {
    char wrong[2 * HY_URL_BYTES_MAX];
    (void)state;
    open_a();
    size_t len = strlen(token), base = strlen(A);
    runtime_t r = {.count = 0};
    plug(&r);
    for (size_t cut = base; cut < len; cut++) {
        snprintf(wrong, sizeof wrong, "%.*s", (int)cut, token);
        assert_int_equal(shake(&r, "re-open", wrong), 403);
    }
    snprintf(wrong, sizeof wrong, "%s0", token);
    assert_int_equal(shake(&r, "re-open", wrong), 403);
    snprintf(wrong, sizeof wrong, "%s/", token);
    assert_int_equal(shake(&r, "re-open", wrong), 403);
    snprintf(wrong, sizeof wrong, "%s/x/%s", A, token + base + 1);
    assert_int_equal(shake(&r, "re-open", wrong), 403);
    snprintf(wrong, sizeof wrong, "hyperty-runtime://d/b/%s", token + base + 1);
    assert_int_equal(shake(&r, "re-open", wrong), 403);
    assert_int_equal(shake(&r, "re-open", "mn:/session"), 403);
    snprintf(wrong, sizeof wrong, "%s/%0*d", A, (int)(HY_URL_BYTES_MAX - base - 1), 0);
    assert_int_equal(shake(&r, "re-open", wrong), 403);
    assert_non_null(r.peer);
    drop(&r);
    clear(&r);
    assert_true(hy_peer_is_open(a.peer));
}

static void a_token_too_long_for_an_address_is_refused(void **state) {
    static char wrong[2 * HY_URL_BYTES_MAX];
    runtime_t r = {.count = 0};
    (void)state;
    snprintf(wrong, sizeof wrong,
             "{\"type\":\"re-open\",\"id\":4,\"to\":\"mn:/session\",\"from\":\"%s/%0*d\"}", A,
             (int)HY_URL_BYTES_MAX, 0);
    plug(&r);
    assert_false(give(&r, wrong, strlen(wrong)));
    assert_int_equal(r.closed, HY_CLOSE_POLICY);
    assert_int_equal(hy_msg_code(r.inbox[0]), 413);
    assert_int_equal(r.inbox[0]->id.as.i, 4);
    clear(&r);
}

static void a_reopen_replaces_a_connection_that_seems_alive(void **state) {
    char from[HY_URL_BYTES_MAX];
    runtime_t r = {.count = 0};
    (void)state;
    open_a();
    a.is_frozen = true;
    tell(&b, "event", "hyperty://d/k", A, NULL);
    snprintf(from, sizeof from, "%s", token);
    plug(&r);
    assert_int_equal(shake(&r, "re-open", from), 200);
    assert_null(a.peer);
    assert_int_equal(a.closed, HY_CLOSE_REPLACED);
    assert_int_equal(r.count, 1); /* what the old one had not taken */
    assert_int_equal(r.inbox[0]->type, HY_MSG_EVENT);
    assert_int_equal(shake(&r, "re-open", from), 200); /* again, harmless */
    leave(&r);
    a.is_frozen = false;
}

static void a_connection_with_a_session_takes_over_no_other(void **state) {
    char from[HY_URL_BYTES_MAX];
    (void)state;
    open_a();
    snprintf(from, sizeof from, "%s", token);
    assert_int_equal(shake(&b, "re-open", from), 403);
    assert_string_equal(runtime_of(&b), "hyperty-runtime://d/b");
    assert_string_equal(runtime_of(&a), A);
}

/* --- a second open ---------------------------------------------------------------------------- */

static void a_second_open_takes_the_claims_over_and_nothing_else(void **state) {
    char old[HY_URL_BYTES_MAX];
    runtime_t r = {.count = 0};
    (void)state;
    open_a();
    snprintf(old, sizeof old, "%s", token);
    subscribe(&a, A "/sm", OBJECT);
    subscribe(&a, "hyperty://d/h", "comm://d/x/changes");
    a.is_frozen = true;
    tell(&b, "event", "hyperty://d/k", A, NULL);
    a.is_frozen = false;
    plug(&r);
    assert_int_equal(shake_on(&r, "open", A), 200);
    assert_null(a.peer);
    assert_int_equal(a.closed, HY_CLOSE_REPLACED);
    assert_int_equal(a.count, 1);
    assert_int_equal(hy_msg_code(a.inbox[0]), 409);
    assert_string_equal(a.inbox[0]->from->bytes, "mn:/session");
    assert_int_equal(r.count, 0);
    assert_int_equal(hy_node_server_stats(the_node).routes, 0);
    assert_int_equal(subscribe(&b, "hyperty://d/k", OBJECT), 409); /* claimed */
    assert_int_equal(ask(&r, "event", "hyperty://d/h", "hyperty://d/h/events", "{}"), 0);
    drop(&r);
    plug(&r);
    assert_int_equal(shake(&r, "re-open", old), 403); /* void */
    assert_int_equal(shake_on(&r, "open", A), 200);
    leave(&r);
}

static void an_open_within_the_grace_begins_anew_as_well(void **state) {
    (void)state;
    open_a();
    subscribe(&a, A "/sm", OBJECT);
    drop(&a);
    tell(&b, "event", "hyperty://d/k", A, NULL);
    plug(&a);
    assert_int_equal(shake_on(&a, "open", A), 200);
    assert_int_equal(a.count, 0);
    assert_int_equal(subscribe(&b, "hyperty://d/k", OBJECT), 409);
    pass(HY_SESSION_GRACE_MS + 1);
    assert_true(hy_peer_is_open(a.peer));
    assert_int_equal(hy_node_server_stats(the_node).ended, 1);
}

/* --- close ------------------------------------------------------------------------------------ */

static void a_close_ends_the_session_in_both_forms(void **state) {
    char from[HY_URL_BYTES_MAX];
    (void)state;
    assert_int_equal(shake(&a, "close", A), 0);
    assert_null(a.peer);
    assert_int_equal(a.closed, HY_CLOSE_NORMAL);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 2);
    plug(&a);
    assert_int_equal(shake_on(&a, "open", A), 200);
    snprintf(from, sizeof from, "%s", token);
    assert_int_equal(shake(&a, "close", from), 0);
    assert_null(a.peer);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 2);
}

static void another_connection_closes_it_with_the_token_only(void **state) {
    char from[HY_URL_BYTES_MAX];
    runtime_t r = {.count = 0};
    (void)state;
    open_a();
    snprintf(from, sizeof from, "%s", token);
    assert_int_equal(shake(&b, "close", A), 403);
    plug(&r);
    assert_int_equal(shake(&r, "close", A), 403);
    from[strlen(from) - 1] ^= 1;
    assert_int_equal(shake(&r, "close", from), 403);
    from[strlen(from) - 1] ^= 1;
    assert_true(hy_peer_is_open(a.peer));
    assert_int_equal(shake(&r, "close", from), 0);
    assert_null(r.peer);
    assert_null(a.peer);
    assert_int_equal(a.closed, HY_CLOSE_NORMAL);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 2);
    clear(&r);
}

static void the_end_of_the_grace_drops_all_but_allocated_addresses(void **state) {
    (void)state;
    hy_str_t *object = hy_str_from(allocate(&a, "comm"));
    subscribe(&a, A "/sm", object->bytes);
    subscribe(&a, A "/sm", OBJECT);
    ask(&a, "create", "hyperty://d/h", REGISTRY, "{\"value\":{\"url\":\"hyperty://d/h\"}}");
    drop(&a);
    pass(HY_SESSION_GRACE_MS - 1);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 3);
    const char *read = "{\"resource\":\"hyperty://d/h\"}";
    assert_int_equal(ask(&b, "read", "hyperty://d/k", REGISTRY, read), 200);
    pass(1);
    hy_node_stats_t stats = hy_node_server_stats(the_node);
    assert_int_equal(stats.sessions, 2);
    assert_int_equal(stats.routes, 0);
    assert_int_equal(stats.allocated, 1);
    assert_int_equal(ask(&b, "read", "hyperty://d/k", REGISTRY, read), 408);
    assert_int_equal(subscribe(&b, "hyperty://d/k", OBJECT), 200);
    assert_int_equal(subscribe(&b, "hyperty://d/k", object->bytes), 403);
    plug(&a);
    assert_int_equal(reopen_a(), 403);
    drop(&a);
    assert_int_equal(open_as(&a, A), 200);
    assert_int_equal(subscribe(&a, A "/sm", object->bytes), 200);
    hy_str_unref(object);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void a_handshake_without_memory_leaves_the_node_sound(void **state) {
    char from[HY_URL_BYTES_MAX];
    (void)state;
    for (int form = 0; form < 2; form++) {
        for (int64_t n = 0, done = 0; !done; n++) {
            runtime_t r = {.count = 0};
            open_a();
            subscribe(&a, A "/sm", OBJECT);
            snprintf(from, sizeof from, "%s", form ? token : A);
            plug(&r);
            hy_str_t *text = hy_str_format("{\"type\":\"%s\",\"id\":77,\"from\":\"%s\","
                                           "\"to\":\"mn:/session\"}",
                                           form ? "re-open" : "open", from);
            hy_msg_t *m = NULL;
            assert_int_equal(hy_msg_parse(text, &m, NULL), 0);
            hy_mem_fail_after(n);
            bool is_there = hy_peer_receive(r.peer, m);
            hy_mem_fail_after(-1);
            done = is_there && hy_peer_is_open(r.peer) && r.count > 0;
            hy_msg_unref(m);
            hy_str_unref(text);
            if (r.peer) drop(&r);
            clear(&r);
            clear(&a);
            if (a.peer) drop(&a);
            pass(HY_SESSION_GRACE_MS + 1);
            assert_int_equal(hy_node_server_stats(the_node).sessions, 2);
            plug(&a);
            assert_true(n < 200);
        }
    }
    shake(&a, "open", A);
}

static void a_connection_lost_without_memory_ends_its_session_later(void **state) {
    (void)state;
    subscribe(&a, "hyperty://d/h", CHANGES);
    subscribe(&b, "hyperty://d/k", CHANGES);
    subscribe(&c, "hyperty://d/l", OBJECT);
    hy_timer_t timers[64]; /* fill the clock's room, so that one more needs memory */
    unsigned count = 0;
    for (; the_clock.count < the_clock.room || count == 0; count++) {
        hy_timer_init(&timers[count], NULL, NULL);
        hy_timer_start(&the_clock, &timers[count], 1000000);
        assert_true(count < 63);
    }
    hy_mem_fail_after(0);
    drop(&a);
    hy_mem_fail_after(-1);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 3);
    tell(&c, "update", OBJECT, CHANGES, "{}");
    assert_int_equal(hy_node_server_stats(the_node).sessions, 2);
    assert_int_equal(came(&b), 1);
    while (count > 0)
        hy_timer_stop(&the_clock, &timers[--count]);
    open_as(&a, A);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_open_is_answered_with_a_token),
        TEST(no_two_tokens_are_alike),
        TEST(a_repeated_open_on_its_connection_is_answered_as_before),
        TEST(the_first_message_must_be_an_open),
        TEST(other_types_to_the_session_address_are_refused),
        TEST(handshakes_that_come_together_are_all_answered),
        TEST(who_shakes_hands_without_end_and_reads_nothing_is_shown_out),
        TEST(a_reopened_session_has_its_routes_claims_and_queue),
        TEST(requests_that_waited_too_long_are_not_delivered),
        TEST(an_unknown_token_is_403_and_then_an_open_is_served),
        TEST(only_the_whole_token_counts),
        TEST(a_token_too_long_for_an_address_is_refused),
        TEST(a_reopen_replaces_a_connection_that_seems_alive),
        TEST(a_connection_with_a_session_takes_over_no_other),
        TEST(a_second_open_takes_the_claims_over_and_nothing_else),
        TEST(an_open_within_the_grace_begins_anew_as_well),
        TEST(a_close_ends_the_session_in_both_forms),
        TEST(another_connection_closes_it_with_the_token_only),
        TEST(the_end_of_the_grace_drops_all_but_allocated_addresses),
        TEST(a_handshake_without_memory_leaves_the_node_sound),
        TEST(a_connection_lost_without_memory_ends_its_session_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
