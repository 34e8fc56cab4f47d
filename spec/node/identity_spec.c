/* core/node/identity: at a node that asks for tokens nobody speaks for users whom the token does
 * not name. A token is made here of plain words: {"sub", "users"}. */
#include "support.h"

#define A      "hyperty-runtime://d/a"
#define B      "hyperty-runtime://d/b"
#define ROOM   "comm://d/room"
#define BOB    "user://d/bob"
#define ALICE  "user://d/alice"
#define NOT_OF "the token of " A " does not speak for " ALICE

static int check(const hy_auth_t *auth, const hy_str_t *token, uint64_t now_ms, hy_claims_t *out,
                 hy_error_t *err) {
    hy_value_t v;
    (void)auth;
    if (hy_json_read(token->bytes, token->len, HY_JSON_DEPTH_MAX, &v, NULL) < 0)
        return hy_fail(err, HY_EUNAUTHENTICATED, "no token");
    out->sub = hy_str_ref(hy_get_str(v.as.n, "sub"));
    out->users = hy_node_ref(hy_get_array(v.as.n, "users"));
    out->ends_ms = now_ms + 3600000;
    hy_value_drop(v);
    return 0;
}

static const hy_auth_t AUTH = {check};

static void new_node(const hy_auth_t *auth) {
    hy_node_config_t config = {
        .domain = "d", .clock = &the_clock, .random = &the_random, .auth = auth};
    assert_int_equal(hy_node_server_new(&config, &the_node), 0);
}

/* A session by a token that names those users, as the items of an array. */
static void open_for(runtime_t *who, const char *url, const char *users) {
    char body[512];
    snprintf(body, sizeof body, "{\"auth\":\"{\\\"sub\\\":\\\"%s\\\",\\\"users\\\":[%s]}\"}", url,
             users);
    plug(who);
    assert_int_equal(ask(who, "open", url, HY_SESSION_URL, body), 200);
}

static void open_all(void) {
    open_for(&a, A, "\\\"" BOB "\\\",\\\"user://d/bert\\\"");
    open_for(&b, B, "\\\"" ALICE "\\\"");
}

static int begin_guarded(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    hy_clock_init(&the_clock, 1000);
    hy_random_seed(&the_random, 7);
    next_id = 1;
    new_node(&AUTH);
    open_all();
    return 0;
}

/* What B gets of a message that A sends with that identity: 1 or 0. */
static unsigned gets(const char *type, const char *to, const char *body) {
    unsigned before = b.count;
    ask(&a, type, A, to, body);
    return b.count - before;
}

/* --- in what is sent -------------------------------------------------------------------------- */

static void every_request_that_names_another_user_is_refused_before_it_goes_anywhere(void **state) {
    static const char *const types[] = {"create",      "read",    "execute", "subscribe",
                                        "unsubscribe", "forward", NULL};
    (void)state;
    for (int i = 0; types[i]; i++) {
        assert_int_equal(gets(types[i], B "/sm", "{\"identity\":{\"user\":\"" BOB "\"}}"), 1);
        assert_int_equal(gets(types[i], B "/sm", "{\"identity\":{\"user\":\"user://d/bert\"}}"), 1);
        assert_int_equal(gets(types[i], B "/sm", "{\"identity\":{\"verified\":true}}"), 1);
        assert_int_equal(gets(types[i], B "/sm", "{\"value\":{\"user\":\"" ALICE "\"}}"), 1);
        assert_int_equal(gets(types[i], B "/sm", NULL), 1);
        assert_int_equal(
            gets(types[i], B "/sm", "{\"identity\":{\"user\":\"" ALICE "\",\"verified\":true}}"),
            0);
        assert_int_equal(hy_msg_code(a.answer), 403);
        assert_string_equal(hy_msg_desc(a.answer), NOT_OF);
    }
}

static void what_is_no_request_carries_none(void **state) {
    static const char *const types[] = {"update", "delete", "event", NULL};
    (void)state;
    for (int i = 0; types[i]; i++)
        assert_int_equal(gets(types[i], B "/sm", "{\"identity\":{\"user\":\"" ALICE "\"}}"), 1);
}

static void no_way_of_writing_it_hides_it(void **state) {
    static const char *const bodies[] = {
        "{\"\\u0069dentity\":{\"user\":\"" ALICE "\"}}",
        "{\"identity\":{\"us\\u0065r\":\"" ALICE "\"}}",
        "{\"identity\":{\"user\":\"user:\\/\\/d\\/al\\u0069ce\"}}",
        "{ \"identity\" : { \"user\" : \"" ALICE "\" } }",
        "{\"identity\":{\"user\":\"" ALICE "\"},\"identity\":{\"user\":\"" BOB "\"}}",
        "{\"identity\":{\"user\":\"" BOB "\"},\"identity\":{\"user\":\"" ALICE "\"}}",
        "{\"identity\":{\"user\":\"" BOB "\",\"user\":\"" ALICE "\"}}",
        "{\"identity\":{\"user\":\"" ALICE "\",\"user\":\"" BOB "\"}}",
        "{\"identity\":1,\"identity\":{\"more\":[{\"user\":1}],\"user\":\"" ALICE "\"}}",
        "{\"value\":[{\"identity\":{}}],\"identity\":{\"user\":\"" ALICE "\"}}",
        NULL};
    (void)state;
    for (int i = 0; bodies[i]; i++) {
        assert_int_equal(gets("execute", B "/sm", bodies[i]), 0);
        assert_int_equal(hy_msg_code(a.answer), 403);
    }
}

static void what_lies_deeper_or_is_no_text_names_nobody(void **state) {
    static const char *const bodies[] = {"{\"params\":[{\"identity\":{\"user\":\"" ALICE "\"}}]}",
                                         "{\"identity\":{\"of\":{\"user\":\"" ALICE "\"}}}",
                                         "{\"identity\":[{\"user\":\"" ALICE "\"}]}",
                                         "{\"identity\":\"" ALICE "\"}",
                                         "{\"identity\":{\"user\":[\"" ALICE "\"]}}",
                                         "{\"identity\":{\"user\":null}}",
                                         NULL};
    (void)state;
    for (int i = 0; bodies[i]; i++)
        assert_int_equal(gets("execute", B "/sm", bodies[i]), 1);
}

static void what_goes_to_an_object_and_to_the_node_itself_is_looked_at_too(void **state) {
    (void)state;
    assert_int_equal(ask(&b, "subscribe", B "/sm", SM,
                         "{\"resources\":[\"" ROOM "\",\"" ROOM "/subscription\"]}"),
                     200);
    assert_int_equal(gets("subscribe", ROOM "/subscription",
                          "{\"subscriber\":\"" A "/x\",\"source\":\"" A "/x\","
                          "\"identity\":{\"user\":\"" ALICE "\",\"verified\":true}}"),
                     0);
    assert_int_equal(hy_msg_code(a.answer), 403);
    assert_int_equal(gets("read", ROOM, "{\"identity\":{\"user\":\"" ALICE "\"}}"), 0);
    assert_int_equal(hy_msg_code(a.answer), 403);
    assert_int_equal(ask(&a, "create", A, ALLOC,
                         "{\"value\":{\"number\":1},\"identity\":{\"user\":\"" ALICE "\"}}"),
                     403);
}

/* As from a runtime in the same process. */
static unsigned gets_value(const char *user) {
    unsigned before = b.count;
    hy_node_t *identity = hy_node_new(HY_OBJECT), *body = hy_node_new(HY_OBJECT);
    hy_put(identity, "user", hy_text(user));
    hy_put(body, "identity", hy_node_value(identity));
    hy_str_t *from = hy_str_from(A), *to = hy_str_from(B);
    hy_msg_t *m = hy_msg_new(HY_MSG_EXECUTE, hy_int(next_id++), from, to, hy_node_value(body));
    hy_peer_receive(a.peer, m);
    hy_msg_unref(m);
    hy_str_unref(from);
    hy_str_unref(to);
    return b.count - before;
}

static void a_message_that_was_never_text_is_looked_at_too(void **state) {
    (void)state;
    assert_int_equal(gets_value(BOB), 1);
    assert_int_equal(gets_value(ALICE), 0);
}

static void a_node_without_auth_lets_everything_pass(void **state) {
    (void)state;
    hy_node_server_free(the_node);
    new_node(NULL);
    open_all();
    assert_int_equal(gets("execute", B "/sm", "{\"identity\":{\"user\":\"" ALICE "\"}}"), 1);
    assert_int_equal(ask(&a, "create", A, REGISTRY,
                         "{\"value\":{\"url\":\"hyperty://d/h\",\"user\":\"" ALICE "\"}}"),
                     200);
}

static void without_memory_it_is_refused_and_not_let_through(void **state) {
    (void)state;
    for (int64_t n = 0;; n++) {
        hy_str_t *text = hy_str_from("{\"type\":\"execute\",\"from\":\"" A "\",\"to\":\"" B
                                     "\",\"body\":{\"\\u0069dentity\":{\"user\":\"" ALICE "\"}}}");
        hy_msg_t *m = NULL;
        assert_int_equal(hy_msg_parse(text, &m, NULL), 0);
        uint64_t refused = hy_node_server_stats(the_node).refused;
        hy_mem_fail_after(n);
        hy_peer_receive(a.peer, m);
        hy_mem_fail_after(-1);
        assert_int_equal(b.count, 0);
        assert_int_equal(hy_node_server_stats(the_node).refused, refused + 1);
        hy_msg_unref(m);
        hy_str_unref(text);
        if (n > 8) break;
    }
}

/* --- in the registry -------------------------------------------------------------------------- */

static void an_entry_names_a_user_of_the_token_or_nobody(void **state) {
    (void)state;
#define ENTRY "\"url\":\"hyperty://d/h\",\"type\":\"hyperty\""
    assert_int_equal(
        ask(&a, "create", A, REGISTRY, "{\"value\":{" ENTRY ",\"user\":\"" ALICE "\"}}"), 403);
    assert_string_equal(hy_msg_desc(a.answer), NOT_OF);
    assert_int_equal(
        ask(&a, "create", A, REGISTRY, "{\"value\":{" ENTRY ",\"user\":[\"" ALICE "\"]}}"), 400);
    assert_int_equal(ask(&a, "create", A, REGISTRY, "{\"value\":{" ENTRY ",\"user\":{\"x\":1}}}"),
                     400);
    assert_int_equal(ask(&a, "create", A, REGISTRY, "{\"value\":{" ENTRY "}}"), 200);
    assert_int_equal(ask(&a, "create", A, REGISTRY, "{\"value\":{" ENTRY ",\"user\":\"" BOB "\"}}"),
                     200);
#undef ENTRY
    assert_int_equal(ask(&b, "read", B, REGISTRY, "{\"resource\":\"/hyperty/user/" ALICE "\"}"),
                     404);
    assert_int_equal(ask(&b, "read", B, REGISTRY, "{\"resource\":\"/hyperty/user/" BOB "\"}"), 200);
}

static void nor_does_an_update_give_it_to_another(void **state) {
    (void)state;
    assert_int_equal(ask(&a, "create", A, REGISTRY,
                         "{\"value\":{\"url\":\"hyperty://d/h\",\"user\":\"" BOB "\"}}"),
                     200);
#define CHANGE "{\"resource\":\"hyperty://d/h\","
    assert_int_equal(
        ask(&a, "update", A, REGISTRY, CHANGE "\"attribute\":\"user\",\"value\":\"" ALICE "\"}"),
        403);
    assert_int_equal(ask(&a, "update", A, REGISTRY, CHANGE "\"value\":{\"user\":\"" ALICE "\"}}"),
                     403);
    assert_int_equal(ask(&a, "update", A, REGISTRY,
                         CHANGE "\"attribute\":\"user\",\"value\":\"user://d/bert\"}"),
                     200);
    assert_int_equal(ask(&a, "update", A, REGISTRY,
                         CHANGE "\"attribute\":\"status\",\"value\":\"disconnected\"}"),
                     200);
#undef CHANGE
}

/* Who takes an object over did not write whose it was. */
static void who_got_an_entry_from_another_may_keep_it_alive(void **state) {
    (void)state;
    assert_int_equal(ask(&b, "create", B, ALLOC, "{\"scheme\":\"comm\",\"value\":{\"number\":1}}"),
                     200);
    hy_node_t *value = hy_get_object(hy_msg_body(b.answer), "value");
    const char *url = hy_node_at(hy_get_array(value, "allocated"), 0).as.s->bytes;
    char object[HY_URL_BYTES_MAX], body[2 * HY_URL_BYTES_MAX];
    snprintf(object, sizeof object, "%s", url);
    snprintf(body, sizeof body, "{\"value\":{\"url\":\"%s\",\"user\":\"" ALICE "\"}}", object);
    assert_int_equal(ask(&b, "create", B, REGISTRY, body), 200);
    hy_str_t *hyperty = hy_str_from("hyperty://d/heir");
    snprintf(body, sizeof body, "{\"resources\":[\"%s\"],\"source\":\"hyperty://d/was\"}", object);
    assert_int_equal(ask(&b, "subscribe", B, SM, body), 200);
    assert_int_equal(ask(&a, "read", hyperty->bytes, "hyperty-runtime://d/none", NULL), 404);
    snprintf(body, sizeof body, "{\"method\":\"move\",\"params\":[\"%s\",\"%s\",\"9-x\"]}", object,
             hyperty->bytes);
    assert_int_equal(ask(&b, "execute", B, SM, body), 200);
    snprintf(body, sizeof body, "{\"resource\":\"%s\",\"attribute\":\"status\",\"value\":\"live\"}",
             object);
    assert_int_equal(ask(&a, "update", A, REGISTRY, body), 200);
    hy_str_unref(hyperty);
}

/* --- within the node's process ---------------------------------------------------------------- */

static void who_needs_no_token_may_name_any_user_but_as_not_verified(void **state) {
    (void)state;
    drop(&a);
    hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + HY_SESSION_GRACE_MS);
    plug_own(&a);
    assert_int_equal(ask(&a, "open", A, HY_SESSION_URL, NULL), 200);
    assert_int_equal(gets("execute", B "/sm", "{\"identity\":{\"user\":\"" ALICE "\"}}"), 1);
    assert_int_equal(
        gets("execute", B "/sm", "{\"identity\":{\"user\":\"" ALICE "\",\"verified\":false}}"), 1);
    assert_int_equal(
        gets("execute", B "/sm", "{\"identity\":{\"user\":\"" ALICE "\",\"verified\":true}}"), 0);
    assert_int_equal(hy_msg_code(a.answer), 403);
    assert_string_equal(hy_msg_desc(a.answer),
                        A " has shown no token, so its identity is not verified");
    assert_int_equal(ask(&a, "create", A, REGISTRY,
                         "{\"value\":{\"url\":\"hyperty://d/h\",\"type\":\"hyperty\","
                         "\"user\":\"" ALICE "\"}}"),
                     200);
}

#define GUARDED(name) cmocka_unit_test_setup_teardown(name, begin_guarded, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        GUARDED(every_request_that_names_another_user_is_refused_before_it_goes_anywhere),
        GUARDED(what_is_no_request_carries_none),
        GUARDED(no_way_of_writing_it_hides_it),
        GUARDED(what_lies_deeper_or_is_no_text_names_nobody),
        GUARDED(what_goes_to_an_object_and_to_the_node_itself_is_looked_at_too),
        GUARDED(a_message_that_was_never_text_is_looked_at_too),
        GUARDED(a_node_without_auth_lets_everything_pass),
        GUARDED(without_memory_it_is_refused_and_not_let_through),
        GUARDED(an_entry_names_a_user_of_the_token_or_nobody),
        GUARDED(nor_does_an_update_give_it_to_another),
        GUARDED(who_got_an_entry_from_another_may_keep_it_alive),
        GUARDED(who_needs_no_token_may_name_any_user_but_as_not_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
