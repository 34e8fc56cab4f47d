/* For the specs of core/node: a node of the domain "d" and runtimes with an inbox. A test speaks in
 * message texts; it ends by proving that no block is left. */
#ifndef SPEC_NODE_SUPPORT_H
#define SPEC_NODE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "node/peer.h"

#define SM       "domain://msg-node.d/sm"
#define ALLOC    "domain://msg-node.d/address-allocation"
#define REGISTRY "domain://registry.d"
#define INBOX    2048u

typedef struct {
    hy_peer_t *peer;        /* NULL: closed */
    hy_close_code_t closed; /* why */
    bool is_frozen;         /* takes nothing */
    hy_msg_t *inbox[INBOX]; /* all that came, but for the answer of the last `ask` */
    unsigned count;
    hy_msg_t *answer;
    int64_t waiting;   /* id of the request under way */
    const char *token; /* that it shows; NULL: none */
} runtime_t;

static int64_t blocks_before;
static hy_clock_t the_clock;
static hy_random_t the_random;
static hy_node_server_t *the_node;
static const hy_auth_t *the_auth; /* of nodes from now on; NULL: none */
static runtime_t a, b, c;
static int64_t next_id;

static void take(runtime_t *r, hy_msg_t *m) {
    if (m->type == HY_MSG_RESPONSE && m->id.kind == HY_INT && m->id.as.i == r->waiting) {
        hy_msg_unref(r->answer);
        r->answer = hy_msg_ref(m);
        return;
    }
    /* Nothing but answers comes back to its sender. */
    hy_str_t *origin = hy_node_server_origin(the_node), *own = hy_peer_runtime(r->peer);
    /* Who moves an object to itself is told so, and who watches what it registers. */
    bool is_nodes = strcmp(m->from->bytes, SM) == 0 ||
                    (m->type == HY_MSG_EVENT && strcmp(m->from->bytes, REGISTRY) == 0);
    assert_true(!origin || !own || m->type == HY_MSG_RESPONSE || is_nodes ||
                !hy_str_equal(origin, own));
    assert_true(r->count < INBOX);
    r->inbox[r->count++] = hy_msg_ref(m);
}

/* Takes all that is sent to it. */
static void on_ready(void *arg) {
    runtime_t *r = arg;
    hy_msg_t *const *list;
    for (uint32_t count; r->peer && !r->is_frozen && (count = hy_peer_peek(r->peer, &list));) {
        hy_msg_t *first = hy_msg_ref(list[0]);
        hy_peer_consume(r->peer, 1);
        take(r, first);
        hy_msg_unref(first);
    }
}

static void on_close(void *arg, hy_close_code_t code, const char *reason) {
    runtime_t *r = arg;
    assert_true(strlen(reason) > 0);
    on_ready(r);
    r->peer = NULL;
    r->closed = code;
}

static const hy_peer_events_t PEER = {.ready = on_ready, .close = on_close};
static const hy_peer_events_t OWN_PEER = {.ready = on_ready, .close = on_close, .is_own = true};

static inline void clear(runtime_t *r) {
    while (r->count > 0)
        hy_msg_unref(r->inbox[--r->count]);
    hy_msg_unref(r->answer);
    r->answer = NULL;
}

/* Connections without session: from elsewhere, and within the node's process. */
static inline void plug_as(runtime_t *r, const hy_peer_events_t *events) {
    r->closed = 0;
    assert_int_equal(hy_peer_open(the_node, events, r, "spec", &r->peer), 0);
}
static inline void plug(runtime_t *r) {
    plug_as(r, &PEER);
}
static inline void plug_own(runtime_t *r) {
    plug_as(r, &OWN_PEER);
}

/* Takes a text as it comes from a connection; false if the connection is closed by now. */
static inline bool give(runtime_t *r, const char *text, size_t len) {
    hy_str_t *s = hy_str_new(text, len);
    hy_msg_t *m = NULL;
    hy_error_t err = {.text = ""};
    bool is_open = hy_msg_parse(s, &m, &err) == 0 ? hy_peer_receive(r->peer, m)
                                                  : hy_peer_malformed(r->peer, s, &err);
    hy_msg_unref(m);
    hy_str_unref(s);
    return is_open;
}

/* The code of the answer to a message of the handshake. */
static inline int shake(runtime_t *r, const char *type, const char *from) {
    char text[3 * HY_URL_BYTES_MAX];
    hy_msg_unref(r->answer);
    r->answer = NULL;
    r->waiting = next_id++;
    int len = snprintf(text, sizeof text,
                       "{\"type\":\"%s\",\"id\":%lld,\"from\":\"%s\",\"to\":\"mn:/session\"", type,
                       (long long)r->waiting, from);
    snprintf(text + len, sizeof text - (size_t)len, r->token ? ",\"body\":{\"auth\":\"%s\"}}" : "}",
             r->token);
    give(r, text, strlen(text));
    r->waiting = 0;
    return r->answer ? hy_msg_code(r->answer) : 0;
}

/* Connects and opens a session; gives the code of the answer. */
static inline int open_as(runtime_t *r, const char *url) {
    plug(r);
    int code = shake(r, "open", url);
    if (code == 200 || !r->peer) return code;
    hy_peer_lost(r->peer);
    r->peer = NULL;
    return code;
}

/* Closes the session in good order. */
static inline void leave(runtime_t *r) {
    char from[HY_URL_BYTES_MAX + 1];
    snprintf(from, sizeof from, "%s", hy_peer_runtime(r->peer)->bytes);
    shake(r, "close", from);
    assert_null(r->peer);
    clear(r);
}

/* The connection breaks. */
static inline void drop(runtime_t *r) {
    hy_peer_lost(r->peer);
    r->peer = NULL;
}

static void begin_node(hy_node_limits_t limits) {
    hy_node_config_t config = {.domain = "d",
                               .clock = &the_clock,
                               .random = &the_random,
                               .limits = limits,
                               .auth = the_auth};
    assert_int_equal(hy_node_server_new(&config, &the_node), 0);
    open_as(&a, "hyperty-runtime://d/a");
    open_as(&b, "hyperty-runtime://d/b");
    open_as(&c, "hyperty-runtime://d/c");
}

static inline int begin(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    hy_clock_init(&the_clock, 0);
    hy_random_seed(&the_random, 7);
    next_id = 1;
    begin_node((hy_node_limits_t){.grace_ms = 0});
    return 0;
}

/* The node anew, with other limits. */
static inline void limit(hy_node_limits_t limits) {
    hy_node_server_free(the_node);
    clear(&a);
    clear(&b);
    clear(&c);
    begin_node(limits);
}

/* What is delivered was sent, waits, or is counted as dropped. */
static inline void assert_adds_up(void) {
    hy_node_stats_t s = hy_node_server_stats(the_node);
    assert_int_equal(s.delivered + s.notices,
                     s.sent + s.queued + s.lost + s.expelled + s.outdated + s.ended);
}

static inline int end(void **state) {
    (void)state;
    hy_mem_fail_after(-1);
    hy_node_server_free(the_node);
    clear(&a);
    clear(&b);
    clear(&c);
    hy_clock_deinit(&the_clock);
    a.is_frozen = b.is_frozen = c.is_frozen = false;
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

/* Sends a message; `id` 0: without. `body` NULL: none. */
static inline void send_with(runtime_t *r, int64_t id, const char *type, const char *from,
                             const char *to, const char *body) {
    hy_buf_t text;
    hy_buf_init(&text);
    hy_buf_format(&text, "{\"type\":\"%s\",\"from\":\"%s\",\"to\":\"%s\"", type, from, to);
    if (id) hy_buf_format(&text, ",\"id\":%lld", (long long)id);
    if (body) {
        hy_buf_text(&text, ",\"body\":");
        hy_buf_text(&text, body);
    }
    hy_buf_char(&text, '}');
    hy_str_t *s = hy_buf_take(&text);
    hy_msg_t *m = NULL;
    hy_error_t err = {.text = ""};
    int rc = hy_msg_parse(s, &m, &err);
    if (rc < 0) print_error("%s: %s\n", s->bytes, err.text);
    assert_int_equal(rc, 0);
    hy_peer_receive(r->peer, m);
    hy_msg_unref(m);
    hy_str_unref(s);
}

/* Sends without id. */
static inline void tell(runtime_t *r, const char *type, const char *from, const char *to,
                        const char *body) {
    send_with(r, 0, type, from, to, body);
}

/* Sends a request and gives the code that the node answers at once, 0 if it does not. */
static inline int ask(runtime_t *r, const char *type, const char *from, const char *to,
                      const char *body) {
    hy_msg_unref(r->answer);
    r->answer = NULL;
    r->waiting = next_id++;
    send_with(r, r->waiting, type, from, to, body);
    r->waiting = 0;
    if (!r->answer) return 0;
    assert_string_equal(r->answer->from->bytes, to);
    assert_string_equal(r->answer->to->bytes, from);
    return hy_msg_code(r->answer);
}

static inline const char *runtime_of(const runtime_t *r) {
    return hy_peer_runtime(r->peer)->bytes;
}

/* body.value of the last answer. */
static inline hy_node_t *answered(const runtime_t *r) {
    hy_value_t v = hy_get(hy_msg_body(r->answer), "value");
    return hy_is_node(v) ? v.as.n : NULL;
}

static inline int subscribe(runtime_t *r, const char *source, const char *url) {
    char body[4096];
    snprintf(body, sizeof body, "{\"resources\":[\"%s\"],\"source\":\"%s\"}", url, source);
    return ask(r, "subscribe", source, SM, body);
}

static inline int unsubscribe(runtime_t *r, const char *source, const char *url) {
    char body[4096];
    snprintf(body, sizeof body, "{\"resources\":[\"%s\"],\"source\":\"%s\"}", url, source);
    return ask(r, "unsubscribe", source, SM, body);
}

/* Allocates one address of that scheme; its text lives until the runtime asks again. */
static inline const char *allocate(runtime_t *r, const char *scheme) {
    char body[128];
    snprintf(body, sizeof body, "{\"scheme\":\"%s\",\"value\":{\"number\":1}}", scheme);
    assert_int_equal(ask(r, "create", runtime_of(r), ALLOC, body), 200);
    return hy_node_at(hy_get_array(answered(r), "allocated"), 0).as.s->bytes;
}

/* How many messages came since the last time. */
static inline unsigned came(runtime_t *r) {
    unsigned count = r->count;
    while (r->count > 0)
        hy_msg_unref(r->inbox[--r->count]);
    return count;
}

/* The number behind a name (with its labels); -1 if it is not told, or not exactly once. */
static inline int64_t metric(const char *name) {
    hy_buf_t out;
    hy_buf_init(&out);
    hy_node_server_metrics(the_node, &out);
    hy_str_t *text = hy_buf_take(&out);
    char start[128];
    snprintf(start, sizeof start, "\n%s ", name);
    const char *at = strstr(text->bytes, start);
    long long value = -1;
    if (at && !strstr(at + 1, start)) sscanf(at + strlen(start), "%lld", &value);
    hy_str_unref(text);
    return value;
}

#endif
