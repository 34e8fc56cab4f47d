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
#include "node/node.h"

#define SM       "domain://msg-node.d/sm"
#define ALLOC    "domain://msg-node.d/address-allocation"
#define REGISTRY "domain://registry.d"
#define INBOX    2048u

typedef struct {
    hy_session_t *session;
    hy_msg_t *inbox[INBOX]; /* all that came, but for the answer of the last `ask` */
    unsigned count;
    hy_msg_t *answer;
    int64_t waiting; /* id of the request under way */
} runtime_t;

static int64_t blocks_before;
static hy_clock_t the_clock;
static hy_random_t the_random;
static hy_node_server_t *the_node;
static runtime_t a, b, c;
static int64_t next_id;

static void on_deliver(void *arg, hy_msg_t *m, const hy_session_t *origin) {
    runtime_t *r = arg;
    assert_ptr_not_equal(origin, r->session); /* nothing comes back to its sender */
    if (m->type == HY_MSG_RESPONSE && !origin && m->id.kind == HY_INT && m->id.as.i == r->waiting) {
        hy_msg_unref(r->answer);
        r->answer = hy_msg_ref(m);
        return;
    }
    assert_true(r->count < INBOX);
    r->inbox[r->count++] = hy_msg_ref(m);
}

static inline void clear(runtime_t *r) {
    while (r->count > 0)
        hy_msg_unref(r->inbox[--r->count]);
    hy_msg_unref(r->answer);
    r->answer = NULL;
}

static inline int open_as(runtime_t *r, const char *url) {
    hy_str_t *text = hy_str_from(url);
    hy_error_t err;
    r->session = NULL;
    int rc = hy_session_open(the_node, text, on_deliver, r, &r->session, &err);
    hy_str_unref(text);
    return rc;
}

static inline void leave(runtime_t *r) {
    hy_session_close(r->session);
    r->session = NULL;
    clear(r);
}

static int begin(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    hy_clock_init(&the_clock, 0);
    hy_random_seed(&the_random, 7);
    hy_node_config_t config = {.domain = "d", .clock = &the_clock, .random = &the_random};
    if (hy_node_server_new(&config, &the_node) < 0) return -1;
    next_id = 1;
    open_as(&a, "hyperty-runtime://d/a");
    open_as(&b, "hyperty-runtime://d/b");
    open_as(&c, "hyperty-runtime://d/c");
    return 0;
}

static int end(void **state) {
    (void)state;
    hy_mem_fail_after(-1);
    clear(&a);
    clear(&b);
    clear(&c);
    hy_node_server_free(the_node);
    hy_clock_deinit(&the_clock);
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
    hy_session_send(r->session, m);
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
    return hy_session_runtime(r->session)->bytes;
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

#endif
