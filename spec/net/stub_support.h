/* For the specs of core/net/stub: runtimes a and b, a node of the domain "d" behind a simulated
 * network, all on a virtual clock. A test ends by proving that no block is left. */
#ifndef SPEC_NET_STUB_SUPPORT_H
#define SPEC_NET_STUB_SUPPORT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/pair.h"
#include "net/stub.h"

#define HEARD  64u
#define LINES  64u
#define A_URL  "hyperty-runtime://d/a"
#define B_URL  "hyperty-runtime://d/b"
#define B_PART "hyperty-runtime://d/b/x"

typedef struct {
    hy_bus_t *bus;
    hy_pair_t *pair;
    hy_stub_t *stub;
    hy_listener_t *listener;
    hy_str_t *url;
    int64_t heard[HEARD];
    unsigned count;
    /* What `changed` said. */
    unsigned lives, aways, replaceds;
    bool is_new;
    char why[HY_ERROR_TEXT_BYTES];
} runtime_t;

static int64_t blocks_before;
static hy_clock_t the_clock;
static hy_random_t the_random;
static hy_log_t the_log;
static char lines[LINES][HY_ERROR_TEXT_BYTES];
static unsigned line_count;
static hy_node_server_t *node;
static hy_network_t *network;
static runtime_t a, b;

/* --- the world -------------------------------------------------------------------------------- */

static void on_line(void *arg, hy_log_level_t level, const char *who, const char *text) {
    (void)arg;
    assert_true(line_count < LINES);
    snprintf(lines[line_count++], sizeof lines[0], "%s: %s: %s", hy_log_level_name(level), who,
             text);
}

static inline const char *last_line(void) {
    return line_count > 0 ? lines[line_count - 1] : "";
}

static void on_changed(void *arg, hy_stub_state_t state, bool is_new, const char *why) {
    runtime_t *r = arg;
    r->is_new = is_new;
    if (state == HY_STUB_LIVE) r->lives++;
    if (state == HY_STUB_AWAY) r->aways++;
    if (state == HY_STUB_REPLACED) r->replaceds++;
    snprintf(r->why, sizeof r->why, "%s", why);
}

static void on_heard(void *arg, hy_msg_t *m) {
    runtime_t *r = arg;
    assert_true(r->count < HEARD);
    r->heard[r->count++] = hy_get_int(hy_msg_body(m), "value", -1);
}

static inline hy_node_server_t *new_node(void) {
    hy_node_server_t *n;
    hy_node_config_t config = {.domain = "d", .clock = &the_clock, .random = &the_random};
    assert_int_equal(hy_node_server_new(&config, &n), 0);
    return n;
}

static inline void open_bus(runtime_t *r, const char *url) {
    hy_bus_config_t config = {.clock = &the_clock, .random = &the_random, .log = &the_log};
    assert_int_equal(hy_bus_new(&config, &r->bus), 0);
    r->url = hy_str_from(url);
}

static inline int open_stub(runtime_t *r, hy_connector_t *connector, hy_error_t *err) {
    hy_stub_config_t config = {
        .bus = r->bus, .runtime = r->url, .connector = connector, .changed = on_changed, .arg = r};
    return hy_stub_open(&config, &r->stub, err);
}

static inline void open_runtime(runtime_t *r, const char *url) {
    open_bus(r, url);
    assert_int_equal(hy_pair_new(NULL, network, "the node of d", &r->pair), 0);
    assert_int_equal(open_stub(r, hy_pair_connector(r->pair), NULL), 0);
}

static inline void close_runtime(runtime_t *r) {
    hy_listener_close(r->listener);
    hy_stub_close(r->stub);
    if (r->bus) hy_bus_free(r->bus);
    hy_str_unref(r->url);
    *r = (runtime_t){.count = 0};
}

/* All turns and timers of that time. */
static inline void run_for(uint64_t ms) {
    uint64_t until = hy_clock_now(&the_clock) + ms;
    for (;;) {
        bool more = a.bus && (hy_bus_turn(a.bus, 1000) || hy_bus_stats(a.bus).queued > 0);
        more |= b.bus && (hy_bus_turn(b.bus, 1000) || hy_bus_stats(b.bus).queued > 0);
        uint64_t at;
        if (more) continue;
        if (!hy_clock_next(&the_clock, &at) || at > until) break;
        hy_clock_advance(&the_clock, at);
    }
    hy_clock_advance(&the_clock, until);
}

static int begin(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    line_count = 0;
    the_log = (hy_log_t){.level = HY_LOG_INFO, .sink = on_line};
    hy_clock_init(&the_clock, 0);
    hy_random_seed(&the_random, 3);
    node = new_node();
    hy_network_faults_t faults = {.delay_min_ms = 1, .delay_max_ms = 9};
    if (hy_network_new(&the_clock, NULL, 5, &faults, &network) < 0) return -1;
    hy_network_set_node(network, node);
    return 0;
}

static int end(void **state) {
    (void)state;
    close_runtime(&a);
    close_runtime(&b);
    hy_network_free(network);
    hy_node_server_free(node);
    hy_clock_deinit(&the_clock);
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

/* --- messages --------------------------------------------------------------------------------- */

static inline hy_msg_t *message(hy_msg_type_t type, hy_value_t id, const runtime_t *from,
                                const char *to, int64_t number, size_t padding) {
    hy_node_t *body = hy_node_new(HY_OBJECT);
    assert_int_equal(hy_put(body, "value", hy_int(number)), 0);
    if (padding > 0) {
        hy_str_t *text = hy_str_reserve(padding);
        memset(text->bytes, 'x', text->len);
        assert_int_equal(hy_put(body, "padding", hy_string(text)), 0);
    }
    hy_str_t *address = hy_str_from(to);
    hy_msg_t *m = hy_msg_new(type, id, from->url, address, hy_node_value(body));
    hy_str_unref(address);
    return m;
}

static inline void send_padded(const runtime_t *from, const char *to, int64_t number,
                               size_t padding) {
    hy_msg_t *m = message(HY_MSG_EVENT, hy_absent(), from, to, number, padding);
    assert_int_equal(hy_bus_send(from->bus, m), 0);
    hy_msg_unref(m);
}

static inline void send_number(const runtime_t *from, const char *to, int64_t number) {
    send_padded(from, to, number, 0);
}

typedef struct {
    int code;
    uint64_t at_ms;
    char desc[HY_ERROR_TEXT_BYTES];
} answer_t;

static void on_answer(void *arg, hy_msg_t *m, int code) {
    answer_t *answer = arg;
    answer->code = code;
    answer->at_ms = hy_clock_now(&the_clock);
    snprintf(answer->desc, sizeof answer->desc, "%s", m ? hy_msg_desc(m) : "");
}

static inline void ask(const runtime_t *from, const char *to, answer_t *answer) {
    *answer = (answer_t){.code = 0};
    hy_value_t id = hy_int(hy_bus_next_id(from->bus));
    hy_msg_t *m = message(HY_MSG_READ, id, from, to, 0, 0);
    assert_int_equal(hy_bus_request(from->bus, m, 0, on_answer, answer, NULL, NULL), 0);
    hy_msg_unref(m);
}

static inline void listen_at(runtime_t *r, const char *url) {
    hy_str_t *text = hy_str_from(url);
    assert_int_equal(hy_bus_listen(r->bus, text, on_heard, r, &r->listener), 0);
    hy_str_unref(text);
}

static inline void open_both(void) {
    open_runtime(&a, A_URL);
    open_runtime(&b, B_URL);
    listen_at(&b, B_PART);
    run_for(1);
}

static inline void assert_says(const char *part, const char *text) {
    if (!strstr(text, part)) fail_msg("\"%s\" does not say \"%s\"", text, part);
}

#endif
