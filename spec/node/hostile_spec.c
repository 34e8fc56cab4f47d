/* core/node as a whole against a session that tries what it may not. Each attempt is refused as it
 * should be; and what others hear is, to the byte, what they would have heard without it. */
#include "support.h"

#define OBJECT   "comm://d/o"
#define CHANGES  OBJECT "/changes"
#define CHILDREN OBJECT "/children/m"
#define REPORTER "hyperty://d/r"
#define OBSERVER "hyperty://d/h"
#define EVIL     "hyperty://d/evil"
#define A        "hyperty-runtime://d/a"
#define B        "hyperty-runtime://d/b"
#define C        "hyperty-runtime://d/c"

/* Allocated for the victim in every life; the same, as all comes from one seed. */
static char reserved[128];

/* --- with and without auth -------------------------------------------------------------------- */

/* A token is the address of the one runtime that it is for: how real ones are checked is
 * net/token's. */
static int check(const hy_auth_t *auth, const hy_str_t *token, uint64_t now_ms, hy_claims_t *out,
                 hy_error_t *err) {
    static const char *const good[] = {A, B, C};
    (void)auth;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!hy_str_is(token, good[i])) continue;
        *out = (hy_claims_t){.sub = hy_str_from(good[i]),
                             .users = hy_node_new(HY_ARRAY),
                             .ends_ms = now_ms + 3600 * 1000};
        return 0;
    }
    return hy_fail(err, HY_EUNAUTHENTICATED, "the token is none");
}

static const hy_auth_t AUTH = {check};

static int begin_guarded(void **state) {
    the_auth = &AUTH;
    a.token = A;
    b.token = B;
    c.token = C;
    return begin(state);
}

static int end_guarded(void **state) {
    the_auth = NULL;
    a.token = b.token = c.token = NULL;
    return end(state);
}

/* --- what it tries ---------------------------------------------------------------------------- */

typedef struct {
    const char *type, *from, *to, *body;
    int code; /* 0: nothing comes back */
} attempt_t;

#define LIST(url)      "{\"resources\":[\"" url "\"]}"
#define VALUE(text)    "{\"value\":" text "}"
#define CALL(m, x)     "{\"method\":\"" m "\",\"params\":[\"" OBJECT "\",\"" x "\",\"9-z\"]}"
#define REGISTERED(r)  "{\"resource\":\"" r "\"}"
#define NUMBER(number) VALUE("{\"number\":" number "}")

static const attempt_t attempts[] = {
    /* to hold what is another's, or nobody's to hold */
    {"subscribe", EVIL, SM, LIST(OBJECT), 409},
    {"subscribe", EVIL, SM, LIST(OBJECT "/subscription"), 409},
    {"subscribe", EVIL, SM, LIST(OBSERVER), 409},
    {"subscribe", EVIL, SM, LIST(REPORTER "/x"), 409},
    {"subscribe", EVIL, SM, LIST(B), 409},
    {"subscribe", EVIL, SM, LIST(B "/sm"), 409},
    {"subscribe", EVIL, SM, LIST("hyperty-runtime://d/unborn"), 403},
    {"subscribe", EVIL, SM, LIST("domain://msg-node.d/sm"), 403},
    {"subscribe", EVIL, SM, LIST("domain://registry.d"), 400},
    {"subscribe", EVIL, SM, LIST("domain://registry.d/x"), 403},
    {"subscribe", EVIL, SM, LIST("mn:/session"), 403},
    {"subscribe", EVIL, SM, LIST("comm://d"), 400},
    {"subscribe", EVIL, SM, "{\"resources\":[\"comm://d/new\",\"" OBJECT "\"]}", 409},
    /* to listen at a guarded object: the route waits */
    {"subscribe", EVIL, SM, LIST(CHANGES), 200},
    {"subscribe", EVIL, SM, LIST(CHILDREN), 200},
    {"subscribe", EVIL, SM, LIST(OBJECT "/children/"), 200},
    /* for somebody else */
    {"subscribe", EVIL, SM, "{\"resources\":[\"" CHANGES "\"],\"source\":\"" OBSERVER "\"}", 403},
    {"subscribe", EVIL, SM, "{\"resources\":[\"" CHANGES "\"],\"source\":\"" B "/sm\"}", 403},
    {"unsubscribe", EVIL, SM, "{\"resources\":[\"" CHANGES "\"],\"source\":\"" OBSERVER "\"}", 200},
    {"unsubscribe", EVIL, SM, LIST(OBJECT), 200},
    {"subscribe", EVIL, OBJECT "/subscription", "{\"source\":\"" OBSERVER "\"}", 403},
    {"subscribe", EVIL, OBJECT "/subscription",
     "{\"source\":\"" EVIL "\",\"subscriber\":\"" OBSERVER "\"}", 403},
    {"subscribe", EVIL, OBJECT "/subscription",
     "{\"source\":\"" EVIL "\",\"source\":\"" OBSERVER "\"}", 400},
    {"unsubscribe", EVIL, OBJECT "/subscription", "{\"source\":\"" OBSERVER "\"}", 403},
    {"unsubscribe", EVIL, OBJECT "/subscription", "{\"source\":[\"" OBSERVER "\"]}", 400},
    /* to speak as somebody else */
    {"update", OBJECT, CHANGES, "{}", 403},
    {"update", OBSERVER, CHANGES, "{}", 403},
    {"read", OBSERVER, OBJECT, "{}", 403},
    {"event", REPORTER, OBSERVER, "{}", 403},
    {"read", B "/sm", OBJECT, "{}", 403},
    {"event", SM, CHANGES, VALUE("{\"lost\":9}"), 403},
    {"event", SM, REPORTER, VALUE("{\"moved\":{}}"), 403},
    {"event", "mn:/session", B, "{\"code\":409}", 403},
    {"event", REGISTRY, OBJECT "/registration", "{}", 403},
    {"event", "user://d/u", OBSERVER, "{}", 403},
    {"event", "hyperty-runtime://d/unborn", OBSERVER, "{}", 403},
    {"forward", OBJECT, REPORTER, "{\"type\":\"subscribe\"}", 403},
    /* to answer for somebody else */
    {"response", OBJECT, OBSERVER, "{\"code\":200}", 0},
    {"response", OBJECT "/subscription", B "/sm", "{\"code\":403}", 0},
    {"response", CHANGES, OBSERVER, "{\"code\":200}", 0},
    {"response", CHILDREN, OBSERVER, "{\"code\":200}", 0},
    {"response", "mn:/session", B, "{\"code\":409}", 0},
    {"response", SM, A "/sm", "{\"code\":403}", 0},
    {"response", ALLOC, A, "{\"code\":200}", 0},
    {"response", REPORTER, OBSERVER, "{\"code\":200}", 0},
    /* to publish on another's object */
    {"update", EVIL, CHANGES, "{\"epoch\":\"9-z\",\"version\":1,\"attribute\":\"x\"}", 403},
    {"delete", EVIL, CHANGES, "{}", 403},
    {"event", EVIL, CHANGES, VALUE("{\"digest\":{\"epoch\":\"9-z\",\"version\":9}}"), 403},
    {"event", EVIL, CHANGES, VALUE("{\"epoch\":\"1-a\",\"version\":9,\"child\":{}}"), 403},
    {"event", EVIL, CHANGES, VALUE("{\"lost\":1}"), 403},
    {"create", EVIL, CHILDREN, "{\"resource\":\"evil#1\"}", 403},
    {"update", EVIL, CHILDREN, "{\"resource\":\"h#1\"}", 403},
    {"event", EVIL, OBJECT "/children/", "{}", 403},
    {"event", EVIL, OBJECT "/children/other", "{}", 403},
    {"update", EVIL, OBJECT "/registration", "{\"value\":\"disconnected\"}", 403},
    {"event", EVIL, REPORTER "/events", VALUE("{\"name\":\"x\"}"), 403},
    /* to do what the holder does */
    {"execute", EVIL, SM, CALL("admit", EVIL), 403},
    {"execute", EVIL, SM, CALL("expel", OBSERVER), 403},
    {"execute", EVIL, SM, CALL("move", EVIL), 403},
    {"execute", EVIL, SM, "{\"method\":\"admit\",\"method\":\"holder\"}", 400},
    {"execute", REPORTER, SM, CALL("admit", EVIL), 403},
    /* to change what another registered */
    {"create", EVIL, REGISTRY, VALUE("{\"url\":\"" REPORTER "\",\"user\":\"user://d/evil\"}"), 403},
    {"create", EVIL, REGISTRY, VALUE("{\"url\":\"" OBJECT "\",\"name\":\"x\"}"), 403},
    {"create", EVIL, REGISTRY, VALUE("{\"url\":\"comm://d/unheld\"}"), 403},
    {"create", EVIL, REGISTRY, VALUE("{\"url\":\"" B "\"}"), 403},
    {"create", EVIL, REGISTRY, VALUE("{\"url\":\"domain://registry.d\"}"), 403},
    {"update", EVIL, REGISTRY, REGISTERED(OBJECT), 403},
    {"update", EVIL, REGISTRY, "{\"resource\":\"" OBJECT "\",\"value\":{\"status\":\"x\"}}", 403},
    {"update", EVIL, REGISTRY, REGISTERED("/dataObject/name/n"), 403},
    {"delete", EVIL, REGISTRY, REGISTERED(OBJECT), 403},
    {"delete", EVIL, REGISTRY, REGISTERED("/dataObject/o"), 403},
    {"delete", EVIL, REGISTRY, REGISTERED("/hyperty/url/" REPORTER), 403},
    /* to give back another's address, or take absurd numbers of them */
    {"delete", EVIL, ALLOC, "{\"resource\":\"k\"}", 403},
    {"delete", EVIL, ALLOC, "{\"resource\":[\"k\"]}", 403},
    {"delete", EVIL, ALLOC, "{\"resource\":\"" OBJECT "\"}", 403},
    {"delete", EVIL, ALLOC, "{\"childrenResources\":[\"" OBSERVER "\"]}", 403},
    {"delete", EVIL, ALLOC, "{\"childrenResources\":[[\"" OBJECT "\"]]}", 403},
    {"delete", EVIL, ALLOC, "{\"childrenResources\":[[[\"" OBJECT "\"]]]}", 400},
    {"delete", EVIL, ALLOC, "{\"childrenResources\":[\"hyperty-runtime://d/c\"]}", 403},
    {"create", EVIL, ALLOC, NUMBER("-1"), 400},
    {"create", EVIL, ALLOC, NUMBER("0"), 400},
    {"create", EVIL, ALLOC, NUMBER("1000000000"), 400},
    {"create", EVIL, ALLOC, NUMBER("1e9"), 400},
    {"create", EVIL, ALLOC, NUMBER("18446744073709551617"), 400},
    {"create", EVIL, ALLOC, NUMBER("\"2\""), 400},
    {"create", EVIL, ALLOC, NUMBER("2.5"), 400},
    {"create", EVIL, ALLOC, NUMBER("null"), 400},
    {"create", EVIL, ALLOC, NUMBER("[2]"), 400},
    {"create", EVIL, ALLOC, "{\"scheme\":\"domain\"}", 400},
    {"create", EVIL, ALLOC, "{\"scheme\":\"hyperty-runtime\"}", 400},
    {"create", EVIL, ALLOC, "{\"scheme\":\"mn\"}", 400},
    {"create", EVIL, ALLOC, "{\"scheme\":\"comm://d/o\"}", 400},
    {"create", EVIL, ALLOC, "{\"scheme\":7}", 400},
};
#define ATTEMPTS (sizeof attempts / sizeof *attempts)

static void try_reserved(void) {
    char body[512];
    snprintf(body, sizeof body, "{\"resources\":[\"%s\"]}", reserved);
    assert_int_equal(ask(&c, "subscribe", EVIL, SM, body), 403);
    snprintf(body, sizeof body, "{\"childrenResources\":[\"%s\"]}", reserved);
    assert_int_equal(ask(&c, "delete", EVIL, ALLOC, body), 403);
    assert_int_equal(ask(&c, "event", reserved, OBSERVER, "{}"), 403);
}

/* On the connection that it has, and with auth by another one, with its own token. Without auth
 * that would make it the owner (PROTOCOL.md section 3). */
static void try_open(const char *runtime) {
    assert_int_equal(shake(&c, "open", runtime), 409);
    if (!the_auth) return;
    runtime_t second = {.token = C};
    plug(&second);
    assert_int_equal(shake(&second, "open", runtime), 401);
    assert_null(second.peer);
    assert_int_equal(second.closed, HY_CLOSE_UNAUTHORISED);
    clear(&second);
}

static void try_sessions(void) {
    static const char *const guesses[] = {A "/0", A "/00000000000000000000000000000000", B "/", A};
    for (size_t i = 0; i < sizeof guesses / sizeof *guesses; i++) {
        assert_int_equal(shake(&c, "re-open", guesses[i]), 403);
        assert_int_equal(shake(&c, "close", guesses[i]), 403);
        try_open(guesses[i]);
    }
}

/* Tokens that are none, or are for others. */
static void try_tokens(void) {
    static const char *const tokens[] = {"", "none", A, "x." C, C "/", NULL};
    for (size_t i = 0; the_auth && i < sizeof tokens / sizeof *tokens; i++) {
        c.token = tokens[i];
        assert_int_equal(shake(&c, i % 2 ? "re-open" : "open", C), 401);
        assert_int_equal(c.closed, HY_CLOSE_UNAUTHORISED);
        c.token = C;
        assert_int_equal(open_as(&c, C), 200);
    }
}

/* All of it, with ids and without. */
static void try_all(void) {
    for (size_t i = 0; i < ATTEMPTS; i++) {
        const attempt_t *t = &attempts[i];
        int code = ask(&c, t->type, t->from, t->to, t->body);
        if (code != t->code)
            print_error("%s from %s to %s %s: %d\n", t->type, t->from, t->to, t->body, code);
        assert_int_equal(code, t->code);
        tell(&c, t->type, t->from, t->to, t->body);
    }
    try_reserved();
    try_sessions();
    try_tokens();
    assert_int_equal(c.count, 0); /* and nothing is heard */
}

/* --- the life of others ----------------------------------------------------------------------- */

static void note(hy_buf_t *out, const char *who, runtime_t *r) {
    for (unsigned i = 0; i < r->count; i++)
        hy_buf_format(out, "%s %s\n", who, hy_msg_text(r->inbox[i], NULL)->bytes);
    clear(r);
}

static void settle_in(void) {
    assert_int_equal(ask(&a, "create", A, ALLOC,
                         "{\"scheme\":\"comm\",\"value\":{\"number\":1,\"allocationKey\":\"k\"}}"),
                     200);
    snprintf(reserved, sizeof reserved, "%s",
             hy_node_at(hy_get_array(answered(&a), "allocated"), 0).as.s->bytes);
    assert_int_equal(ask(&a, "subscribe", REPORTER, SM,
                         "{\"resources\":[\"" OBJECT "\",\"" OBJECT "/subscription\",\"" CHILDREN
                         "\"],\"guard\":true,\"epoch\":\"1-a\"}"),
                     200);
    ask(&a, "create", REPORTER, REGISTRY, VALUE("{\"url\":\"" REPORTER "\"}"));
    ask(&a, "create", REPORTER, REGISTRY, VALUE("{\"url\":\"" OBJECT "\",\"name\":\"n\"}"));
    assert_int_equal(ask(&b, "subscribe", OBSERVER, SM,
                         "{\"resources\":[\"" CHANGES "\",\"" CHILDREN "\",\"" OBJECT
                         "/registration\",\"" REPORTER "/events\"]}"),
                     200);
    assert_int_equal(ask(&a, "execute", REPORTER, SM, CALL("admit", OBSERVER)), 200);
}

static void live(int64_t turn) {
    const char *status = turn % 2 ? "disconnected" : "live";
    char body[128];
    snprintf(body, sizeof body, "{\"epoch\":\"1-a\",\"version\":%lld}", (long long)turn);
    tell(&a, "update", OBJECT, CHANGES, body);
    send_with(&b, 1000000 + turn, "create", OBSERVER, CHILDREN, body);
    send_with(&a, 1000000 + turn, "response", CHILDREN, OBSERVER, "{\"code\":200}");
    send_with(&b, 2000000 + turn, "read", OBSERVER, OBJECT, "{}");
    send_with(&a, 2000000 + turn, "response", OBJECT, OBSERVER, "{\"code\":200}");
    send_with(&b, 3000000 + turn, "subscribe", OBSERVER, OBJECT "/subscription",
              "{\"source\":\"" OBSERVER "\"}");
    tell(&a, "event", REPORTER, REPORTER "/events", body);
    snprintf(body, sizeof body, "{\"resource\":\"" OBJECT "\",\"value\":{\"status\":\"%s\"}}",
             status);
    send_with(&a, 4000000 + turn, "update", REPORTER, REGISTRY, body);
    send_with(&b, 5000000 + turn, "read", OBSERVER, REGISTRY, REGISTERED(OBJECT));
    send_with(&b, 6000000 + turn, "execute", OBSERVER, SM, CALL("holder", ""));
}

/* What a and b hear in their whole life; the caller's. */
static hy_str_t *life(bool with_hostile) {
    hy_buf_t out;
    hy_buf_init(&out);
    settle_in();
    clear(&a);
    clear(&b);
    for (int64_t turn = 1; turn <= 6; turn++) {
        if (with_hostile) try_all();
        live(turn);
        note(&out, "a", &a);
        note(&out, "b", &b);
    }
    return hy_buf_take(&out);
}

static void others_hear_what_they_would_have_heard_without_it(void **state) {
    (void)state;
    hy_str_t *without = life(false);
    hy_str_t *allocated = hy_str_from(reserved);
    hy_random_seed(&the_random, 7);
    limit((hy_node_limits_t){.grace_ms = 0});
    hy_str_t *with = life(true);
    assert_string_equal(allocated->bytes, reserved);
    assert_true(without->len > 5000);
    assert_string_equal(without->bytes, with->bytes);
    assert_int_equal(c.count, 0);
    hy_str_unref(allocated);
    hy_str_unref(without);
    hy_str_unref(with);
    assert_adds_up();
}

static void a_hundred_thousand_resources_are_too_many(void **state) {
    enum { EACH = 1000 };
    static char body[EACH * 40];
    (void)state;
    settle_in();
    unsigned passed = 0;
    int code = 200;
    for (unsigned i = 0; i < 100 && code == 200; i++) {
        size_t len = (size_t)snprintf(body, sizeof body, "{\"resources\":[\"comm://d/x/changes\"");
        for (unsigned k = 1; k < EACH; k++)
            len += (size_t)snprintf(body + len, sizeof body - len, ",\"comm://d/%u/changes\"",
                                    i * EACH + k);
        snprintf(body + len, sizeof body - len, "]}");
        code = ask(&c, "subscribe", EVIL, SM, body);
        passed += code == 200;
    }
    assert_int_equal(code, 503);
    assert_true(passed >= 60 && passed < 70);
    assert_true(hy_node_server_stats(the_node).routes <= HY_SESSION_ROUTES_MAX + 16);
    live(1);
    assert_true(came(&b) > 3);
    leave(&c);
    assert_true(hy_node_server_stats(the_node).routes < 16);
    open_as(&c, C);
}

static void one_request_for_too_many_is_413(void **state) {
    static char body[(HY_SUBSCRIBE_RESOURCES_MAX + 1) * 32];
    (void)state;
    size_t len = (size_t)snprintf(body, sizeof body, "{\"resources\":[\"comm://d/x/changes\"");
    for (unsigned k = 0; k < HY_SUBSCRIBE_RESOURCES_MAX; k++)
        len += (size_t)snprintf(body + len, sizeof body - len, ",\"comm://d/%u/changes\"", k);
    snprintf(body + len, sizeof body - len, "]}");
    assert_int_equal(ask(&c, "subscribe", EVIL, SM, body), 413);
    assert_int_equal(hy_node_server_stats(the_node).routes, 0);
}

static void what_it_claims_ends_with_it(void **state) {
    (void)state;
    settle_in();
    try_all();
    uint32_t sessions = hy_node_server_stats(the_node).sessions;
    leave(&c);
    hy_node_stats_t stats = hy_node_server_stats(the_node);
    assert_int_equal(stats.sessions, sessions - 1);
    assert_int_equal(ask(&b, "read", OBSERVER, EVIL, NULL), 404);
    assert_int_equal(ask(&b, "event", EVIL, EVIL "/events", "{}"), 0); /* free again */
    open_as(&c, C);
}

/* Each story with a node that lets everybody in, and with one that asks for tokens. */
#define STORY(name)                                                                                \
    TEST(name), {                                                                                  \
#name " with auth", name, begin_guarded, end_guarded, NULL                                 \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        STORY(others_hear_what_they_would_have_heard_without_it),
        STORY(a_hundred_thousand_resources_are_too_many),
        STORY(one_request_for_too_many_is_413),
        STORY(what_it_claims_ends_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
