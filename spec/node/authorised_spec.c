/* core/node/authorised: sessions at a node that asks for tokens, on a virtual clock. A token is
 * made here of plain words: how real ones are checked is net/token's. */
#include "store/memory.h"
#include "support.h"

#define A   "hyperty-runtime://d/a"
#define BOB "[\"user://d/bob\"]"

/* {"sub", "users", "ends"}, or a word that it is refused with. */
static int check(const hy_auth_t *auth, const hy_str_t *token, uint64_t now_ms, hy_claims_t *out,
                 hy_error_t *err) {
    hy_value_t v;
    (void)auth;
    if (hy_json_read(token->bytes, token->len, HY_JSON_DEPTH_MAX, &v, NULL) < 0)
        return hy_fail(err, HY_EUNAUTHENTICATED, "the token is %s", token->bytes);
    uint64_t ends_ms = (uint64_t)hy_get_int(v.as.n, "ends", 0);
    int rc = 0;
    if (ends_ms <= now_ms) {
        rc = hy_fail(err, HY_EUNAUTHENTICATED, "the token ended");
    } else {
        out->sub = hy_str_ref(hy_get_str(v.as.n, "sub"));
        out->users = hy_node_ref(hy_get_array(v.as.n, "users"));
        out->ends_ms = ends_ms;
    }
    hy_value_drop(v);
    return rc;
}

static const hy_auth_t AUTH = {check};

static void new_node(const hy_auth_t *auth, hy_store_t *store) {
    hy_node_config_t config = {
        .domain = "d", .clock = &the_clock, .random = &the_random, .store = store, .auth = auth};
    assert_int_equal(hy_node_server_new(&config, &the_node), 0);
}

static int begin_guarded(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    hy_clock_init(&the_clock, 1000);
    hy_random_seed(&the_random, 7);
    next_id = 1;
    new_node(&AUTH, NULL);
    return 0;
}

/* Says `open` or the like, with that body; the code of the answer. */
static int say(runtime_t *who, const char *type, const char *from, const char *body) {
    if (!who->peer) plug(who);
    hy_msg_unref(who->answer);
    who->answer = NULL;
    who->waiting = next_id++;
    send_with(who, who->waiting, type, from, HY_SESSION_URL, body);
    who->waiting = 0;
    return who->answer ? hy_msg_code(who->answer) : 0;
}

/* The same with a token of these claims, which ends in so many seconds. */
static int show(runtime_t *who, const char *type, const char *from, const char *sub,
                const char *users, unsigned ttl_s) {
    hy_buf_t token, body;
    hy_buf_init(&token);
    hy_buf_init(&body);
    hy_buf_format(&token, "{\"sub\":\"%s\",\"users\":%s,\"ends\":%lld}", sub, users,
                  (long long)hy_clock_wall(&the_clock) + 1000ll * ttl_s);
    hy_str_t *text = hy_buf_take(&token);
    hy_json_write_text(&body, "{\"auth\":", text);
    hy_buf_char(&body, '}');
    hy_buf_char(&body, '\0');
    int code = say(who, type, from, body.bytes);
    hy_str_unref(text);
    hy_buf_deinit(&body);
    return code;
}

static int open_with(runtime_t *who, const char *sub, const char *users, unsigned ttl_s) {
    return show(who, "open", A, sub, users, ttl_s);
}

/* <RuntimeURL>/<token> of the last answer. */
static const char *session_of(const runtime_t *who) {
    static char text[HY_URL_BYTES_MAX];
    const hy_str_t *token = hy_get_str(hy_msg_body(who->answer), "runtimeToken");
    assert_non_null(token);
    snprintf(text, sizeof text, "%s/%s", A, token->bytes);
    return text;
}

static void assert_turned_away(runtime_t *who, const char *why) {
    assert_null(who->peer);
    assert_int_equal(who->closed, HY_CLOSE_UNAUTHORISED);
    assert_string_equal(hy_msg_desc(who->answer), why);
    assert_int_equal(hy_node_server_stats(the_node).peers, 0);
}

static void pass(uint64_t ms) {
    hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + ms);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void a_good_token_opens_and_the_answer_says_that_identities_are_checked(void **state) {
    (void)state;
    assert_int_equal(open_with(&a, A, BOB, 60), 200);
    assert_true(hy_get_bool(hy_msg_body(a.answer), "auth", false));
    assert_int_equal(ask(&a, "read", A, "hyperty-runtime://d/nobody", NULL), 404);
    assert_int_equal(show(&a, "re-open", (say(&a, "close", A, NULL), A "/x"), A, BOB, 60), 403);
}

static void a_node_without_auth_does_not_say_so(void **state) {
    (void)state;
    hy_node_server_free(the_node);
    new_node(NULL, NULL);
    assert_int_equal(open_with(&a, A, BOB, 60), 200);
    assert_int_equal(hy_get(hy_msg_body(a.answer), "auth").kind, HY_ABSENT);
    assert_int_equal(say(&a, "open", A, NULL), 200);
}

static void without_a_token_or_with_a_bad_one_the_answer_is_401_and_the_end(void **state) {
    static const char *const cases[][2] = {
        {NULL, "this node asks for a token, and there is none: get one of who runs the node, and "
               "give it with --token FILE"},
        {"{}", "this node asks for a token, and there is none: get one of who runs the node, and "
               "give it with --token FILE"},
        {"{\"auth\":7}", "body.auth must be the text of a token"},
        {"{\"auth\":{\"sub\":\"" A "\"}}", "body.auth must be the text of a token"},
        {"{\"auth\":\"bent\"}", "the token is bent"},
        {"{\"auth\":\"{\\\"ends\\\":1000}\"}", "the token ended"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(say(&a, "open", A, cases[i][0]), 401);
        assert_turned_away(&a, cases[i][1]);
        assert_int_equal(say(&a, "re-open", A "/0123", cases[i][0]), 401);
        assert_turned_away(&a, cases[i][1]);
    }
    assert_int_equal(say(&a, "open", A, "{\"auth\":\"a\",\"auth\":\"b\"}"), 401);
    assert_null(a.peer);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 0);
}

static void a_token_for_another_runtime_does_not_open_this_one(void **state) {
    (void)state;
    assert_int_equal(open_with(&a, "hyperty-runtime://d/a/x", BOB, 60), 401);
    assert_turned_away(&a, "the token is for hyperty-runtime://d/a/x, not for " A);
    assert_int_equal(show(&a, "open", "hyperty-runtime://d/ab", A, BOB, 60), 401);
    assert_turned_away(&a, "the token is for " A ", not for hyperty-runtime://d/ab");
    assert_int_equal(open_with(&a, "hyperty-runtime://d", BOB, 60), 200);
}

static void a_second_open_for_the_same_users_replaces_the_first(void **state) {
    (void)state;
    assert_int_equal(open_with(&a, A, "[\"user://d/bob\",\"user://d/al\"]", 60), 200);
    assert_int_equal(open_with(&b, A, "[\"user://d/al\",\"user://d/bob\"]", 60), 200);
    assert_null(a.peer);
    assert_int_equal(a.closed, HY_CLOSE_REPLACED);
    leave(&b);
}

static void one_for_other_users_gets_409_and_the_first_goes_on(void **state) {
    char session[HY_URL_BYTES_MAX];
    (void)state;
    assert_int_equal(open_with(&a, A, BOB, 3600), 200);
    snprintf(session, sizeof session, "%s", session_of(&a));
    assert_int_equal(open_with(&b, A, "[\"user://d/eve\"]", 60), 409);
    assert_string_equal(hy_msg_desc(b.answer),
                        A " has a session that speaks for other users than this token names: it "
                          "must end first");
    assert_int_equal(open_with(&b, A, "[]", 60), 409);
    assert_int_equal(show(&b, "re-open", session, A, "[\"user://d/eve\"]", 60), 409);
    assert_int_equal(open_with(&a, A, "[\"user://d/bob\",\"user://d/eve\"]", 60), 409);
    drop(&a); /* in its grace neither */
    assert_int_equal(open_with(&b, A, "[\"user://d/eve\"]", 60), 409);
    pass(HY_SESSION_GRACE_MS);
    assert_int_equal(open_with(&b, A, "[\"user://d/eve\"]", 60), 200);
    leave(&b);
}

static void a_session_token_is_no_token(void **state) {
    char session[HY_URL_BYTES_MAX];
    (void)state;
    assert_int_equal(open_with(&a, A, BOB, 60), 200);
    snprintf(session, sizeof session, "%s", session_of(&a));
    assert_int_equal(say(&b, "re-open", session, NULL), 401);
    assert_null(b.peer);
    assert_int_equal(show(&b, "re-open", session, "hyperty-runtime://d/eve", BOB, 60), 401);
    assert_null(b.peer);
    assert_non_null(a.peer);
    drop(&a);
    assert_int_equal(say(&b, "re-open", session, NULL), 401);
    assert_int_equal(show(&a, "re-open", session, A, BOB, 60), 200);
}

/* --- how long it lasts ------------------------------------------------------------------------ */

static int64_t told(runtime_t *who) {
    assert_int_equal(who->count, 1);
    hy_msg_t *m = who->inbox[0];
    assert_int_equal(m->type, HY_MSG_EVENT);
    assert_string_equal(m->from->bytes, HY_SESSION_URL);
    assert_string_equal(m->to->bytes, A);
    int64_t left = hy_get_int(hy_get_object(hy_msg_body(m), "value"), "expires", -1);
    came(who);
    return left;
}

static void before_it_ends_its_runtime_is_told_and_at_its_end_the_connection_closes(void **state) {
    (void)state;
    assert_int_equal(open_with(&a, A, BOB, 3600), 200);
    pass(3600u * 1000 - HY_TOKEN_WARN_MS - 1);
    assert_int_equal(came(&a), 0);
    pass(1);
    assert_int_equal(told(&a), HY_TOKEN_WARN_MS);
    pass(HY_TOKEN_WARN_MS - 1);
    assert_non_null(a.peer);
    assert_int_equal(came(&a), 0); /* once is enough */
    pass(1);
    assert_null(a.peer);
    assert_int_equal(a.closed, HY_CLOSE_UNAUTHORISED);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 1);
}

static void of_a_short_one_it_is_told_when_half_is_over(void **state) {
    (void)state;
    assert_int_equal(open_with(&a, A, BOB, 20), 200);
    pass(10000);
    assert_int_equal(told(&a), 10000);
    assert_int_equal(open_with(&a, A, BOB, 1), 200);
    pass(999); /* too short for that to be of use */
    assert_int_equal(came(&a), 0);
    pass(1);
    assert_null(a.peer);
}

static void a_new_token_renews_the_session_on_its_connection(void **state) {
    char session[HY_URL_BYTES_MAX];
    (void)state;
    assert_int_equal(open_with(&a, A, BOB, 120), 200);
    snprintf(session, sizeof session, "%s", session_of(&a));
    assert_int_equal(subscribe(&a, A "/sm", "comm://d/o"), 200);
    pass(60000);
    assert_int_equal(told(&a), 60000);
    assert_int_equal(open_with(&a, A, BOB, 600), 200);
    assert_string_equal(session_of(&a), session);
    assert_int_equal(hy_node_server_stats(the_node).routes, 1);
    pass(539999);
    assert_int_equal(came(&a), 0);
    pass(1);
    assert_int_equal(told(&a), 60000);
    pass(60000);
    assert_null(a.peer);
}

static void a_bad_one_there_ends_the_connection_and_the_session_keeps_its_grace(void **state) {
    (void)state;
    assert_int_equal(open_with(&a, A, BOB, 120), 200);
    assert_int_equal(say(&a, "open", A, "{\"auth\":\"bent\"}"), 401);
    assert_turned_away(&a, "the token is bent");
    assert_int_equal(hy_node_server_stats(the_node).sessions, 1);
    assert_int_equal(open_with(&a, A, BOB, 120), 200);
}

static void in_its_grace_a_new_token_takes_the_session_over_and_gets_what_waits(void **state) {
    char session[HY_URL_BYTES_MAX];
    (void)state;
    assert_int_equal(open_with(&a, A, BOB, 30), 200);
    snprintf(session, sizeof session, "%s", session_of(&a));
    assert_int_equal(subscribe(&a, A "/sm", "comm://d/o/changes"), 200);
    assert_int_equal(show(&b, "open", "hyperty-runtime://d/b", "hyperty-runtime://d", BOB, 999),
                     200);
    assert_int_equal(subscribe(&b, "hyperty-runtime://d/b/sm", "comm://d/o"), 200);
    pass(30000);
    assert_null(a.peer);
    came(&a);
    tell(&b, "update", "comm://d/o", "comm://d/o/changes", "{\"value\":1}");
    assert_int_equal(say(&a, "re-open", session, NULL), 401);
    assert_int_equal(show(&a, "re-open", session, A, BOB, 0), 401);
    assert_int_equal(show(&a, "re-open", session, A, BOB, 60), 200);
    assert_true(hy_get_bool(hy_msg_body(a.answer), "auth", false));
    assert_int_equal(came(&a), 1);
    pass(30000);
    assert_int_equal(told(&a), 30000); /* the new token's end counts */
    leave(&b);
}

static void it_ends_by_the_wall_clock_which_may_be_set(void **state) {
    (void)state;
    assert_int_equal(open_with(&a, A, BOB, 24 * 3600), 200);
    pass(10);
    the_clock.wall_start_ms += 24ll * 3600 * 1000;
    pass(HY_TOKEN_LOOK_MS);
    assert_null(a.peer);
    assert_int_equal(a.closed, HY_CLOSE_UNAUTHORISED);
}

/* --- over a restart of the node --------------------------------------------------------------- */

static void after_a_restart_a_session_still_speaks_for_its_users(void **state) {
    hy_disk_t *disk;
    hy_store_t *store;
    char session[HY_URL_BYTES_MAX];
    (void)state;
    assert_int_equal(hy_disk_new(&disk), 0);
    hy_node_server_free(the_node);
    assert_int_equal(hy_store_open_memory(&the_clock, NULL, disk, &store), 0);
    new_node(&AUTH, store);
    pass(1000);
    assert_int_equal(open_with(&a, A, BOB, 3600), 200);
    snprintf(session, sizeof session, "%s", session_of(&a));
    pass(1000); /* it is committed */
    drop(&a);
    hy_node_server_free(the_node);
    hy_store_crash(store);
    assert_int_equal(hy_store_open_memory(&the_clock, NULL, disk, &store), 0);
    new_node(&AUTH, store);
    pass(1000);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 1);
    assert_int_equal(open_with(&b, A, "[\"user://d/eve\"]", 60), 409);
    assert_int_equal(show(&b, "re-open", session, A, "[\"user://d/eve\"]", 60), 409);
    assert_int_equal(say(&a, "re-open", session, NULL), 401);
    assert_int_equal(show(&a, "re-open", session, A, BOB, 60), 200);
    hy_node_server_free(the_node);
    the_node = NULL;
    hy_store_crash(store);
    hy_disk_unref(disk);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void without_memory_it_is_refused_or_ends_and_nothing_leaks(void **state) {
    bool was_enough = false;
    (void)state;
    for (int64_t n = 0; !was_enough; n++) {
        plug(&a);
        hy_str_t *url = hy_str_from(A), *to = hy_str_from(HY_SESSION_URL);
        hy_node_t *body = hy_node_new(HY_OBJECT);
        assert_int_equal(
            hy_put(body, "auth", hy_text("{\"sub\":\"" A "\",\"users\":" BOB ",\"ends\":99999}")),
            0);
        hy_msg_t *m = hy_msg_new(HY_MSG_OPEN, hy_int(1), url, to, hy_node_value(body));
        hy_msg_t *const *list;
        a.is_frozen = true; /* the spec's own hand needs memory, too */
        hy_mem_fail_after(n);
        bool is_open = hy_peer_receive(a.peer, m);
        hy_mem_fail_after(-1);
        hy_msg_unref(m);
        hy_str_unref(url);
        hy_str_unref(to);
        if (is_open && hy_peer_peek(a.peer, &list) > 0) was_enough = hy_msg_code(list[0]) == 200;
        assert_true(is_open || !a.peer);
        a.is_frozen = false;
        if (a.peer) drop(&a);
        clear(&a);
        hy_node_server_free(the_node);
        new_node(&AUTH, NULL);
        assert_true(n < 1000);
    }
}

/* --- within the node's process ---------------------------------------------------------------- */

static void open_own(runtime_t *who) {
    plug_own(who);
    assert_int_equal(say(who, "open", A, NULL), 200);
}

static void a_runtime_in_the_nodes_own_process_needs_no_token(void **state) {
    (void)state;
    open_own(&a);
    assert_int_equal(say(&a, "re-open", session_of(&a), NULL), 200);
    assert_int_equal(ask(&a, "read", A, "hyperty-runtime://d/nobody", NULL), 404);
    assert_int_equal(say(&b, "open", "hyperty-runtime://d/b", NULL), 401);
    assert_null(b.peer);
    leave(&a);
}

static void its_session_is_taken_over_with_a_token_only_and_by_that_then(void **state) {
    char session[HY_URL_BYTES_MAX];
    (void)state;
    open_own(&a);
    snprintf(session, sizeof session, "%s", session_of(&a));
    assert_int_equal(say(&b, "open", A, NULL), 401);
    assert_int_equal(say(&b, "re-open", session, NULL), 401);
    assert_int_equal(ask(&a, "read", A, "hyperty-runtime://d/nobody", NULL), 404);
    assert_int_equal(show(&b, "re-open", session, A, BOB, 60), 200);
    assert_null(a.peer);
    assert_int_equal(a.closed, HY_CLOSE_REPLACED);
    assert_int_equal(ask(&b, "read", A, "hyperty-runtime://d/nobody",
                         "{\"identity\":{\"user\":\"user://d/eve\"}}"),
                     403);
    leave(&b);
}

static void it_takes_over_no_session_that_has_shown_one(void **state) {
    char session[HY_URL_BYTES_MAX];
    (void)state;
    assert_int_equal(open_with(&b, A, BOB, 60), 200);
    snprintf(session, sizeof session, "%s", session_of(&b));
    plug_own(&a);
    assert_int_equal(say(&a, "open", A, NULL), 409);
    assert_string_equal(hy_msg_desc(a.answer),
                        A " has a session that has shown a token: it must end first");
    assert_int_equal(say(&a, "re-open", session, NULL), 409);
    assert_int_equal(ask(&b, "read", A, "hyperty-runtime://d/nobody", NULL), 404);
    drop(&a);
    leave(&b);
}

#define GUARDED(name) cmocka_unit_test_setup_teardown(name, begin_guarded, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        GUARDED(a_good_token_opens_and_the_answer_says_that_identities_are_checked),
        GUARDED(a_node_without_auth_does_not_say_so),
        GUARDED(without_a_token_or_with_a_bad_one_the_answer_is_401_and_the_end),
        GUARDED(a_token_for_another_runtime_does_not_open_this_one),
        GUARDED(a_second_open_for_the_same_users_replaces_the_first),
        GUARDED(one_for_other_users_gets_409_and_the_first_goes_on),
        GUARDED(a_session_token_is_no_token),
        GUARDED(before_it_ends_its_runtime_is_told_and_at_its_end_the_connection_closes),
        GUARDED(of_a_short_one_it_is_told_when_half_is_over),
        GUARDED(a_new_token_renews_the_session_on_its_connection),
        GUARDED(a_bad_one_there_ends_the_connection_and_the_session_keeps_its_grace),
        GUARDED(in_its_grace_a_new_token_takes_the_session_over_and_gets_what_waits),
        GUARDED(it_ends_by_the_wall_clock_which_may_be_set),
        GUARDED(after_a_restart_a_session_still_speaks_for_its_users),
        GUARDED(without_memory_it_is_refused_or_ends_and_nothing_leaks),
        GUARDED(a_runtime_in_the_nodes_own_process_needs_no_token),
        GUARDED(its_session_is_taken_over_with_a_token_only_and_by_that_then),
        GUARDED(it_takes_over_no_session_that_has_shown_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
