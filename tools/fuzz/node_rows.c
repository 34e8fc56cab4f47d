/* Fuzz target: any bytes as the rows that a node kept, and as messages to the node that starts on
 * them: a line that is no row is a message of the one session that opens; "+" and a number lets
 * that many milliseconds go by. It must start, and be asked; what it writes then must be such that
 * another node starts on it and knows no less; nothing may be left. Built and run by
 * tools/fuzz/run. */
#include "rows.h"

#include "node/internal.h"
#include "node/peer.h"

static hy_clock_t the_clock;
static hy_random_t the_random;
static hy_peer_t *the_peer;
static int ready_code;

static void on_ready(void *arg) {
    hy_msg_t *const *list;
    (void)arg;
    for (uint32_t count; the_peer && (count = hy_peer_peek(the_peer, &list)) > 0;)
        hy_peer_consume(the_peer, count);
}

static void on_close(void *arg, hy_close_code_t code, const char *reason) {
    (void)arg;
    MUST(code >= 1000 && reason && *reason);
    the_peer = NULL;
}

static const hy_peer_events_t EVENTS = {.ready = on_ready, .close = on_close};

static void on_started(void *arg, int code) {
    (void)arg;
    ready_code = code;
}

static void pass(uint64_t ms) {
    for (int i = 0; i < 4; i++)
        hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + (i == 3 ? ms : 0));
}

static hy_node_server_t *start(hy_store_t *store) {
    hy_node_server_t *n;
    hy_node_config_t config = {.domain = "d",
                               .clock = &the_clock,
                               .random = &the_random,
                               .limits = {.grace_ms = 5000},
                               .store = store,
                               .ready = on_started};
    ready_code = 1;
    MUST(hy_node_server_new(&config, &n) == 0);
    pass(0);
    MUST(ready_code == 0);
    return n;
}

static void say(hy_node_server_t *n, const char *text, size_t len) {
    hy_str_t *s = hy_str_new(text, len);
    hy_msg_t *m = NULL;
    hy_error_t err = {.text = ""};
    if (!the_peer) MUST(hy_peer_open(n, &EVENTS, NULL, "fuzz", &the_peer) == 0);
    bool is_there = hy_msg_parse(s, &m, &err) == 0 ? hy_peer_receive(the_peer, m)
                                                   : hy_peer_malformed(the_peer, s, &err);
    MUST(is_there == (the_peer != NULL));
    hy_msg_unref(m);
    hy_str_unref(s);
    pass(0);
}

static void ask(hy_node_server_t *n, lines_t l) {
    static const char OPEN[] =
        "{\"type\":\"open\",\"id\":1,\"from\":\"hyperty-runtime://d/0\",\"to\":\"mn:/session\"}";
    static const char ALLOCATE[] =
        "{\"type\":\"create\",\"id\":2,\"from\":\"hyperty-runtime://d/0\",\"to\":"
        "\"domain://msg-node.d/address-allocation\",\"body\":{\"scheme\":\"comm\",\"value\":{"
        "\"number\":2,\"allocationKey\":\"k\"}}}";
    hy_span_t line;
    say(n, OPEN, sizeof OPEN - 1);
    say(n, ALLOCATE, sizeof ALLOCATE - 1);
    while (next_line(&l, &line)) {
        if (is_row(line) || line.len == 0) continue;
        if (line.bytes[0] == '+')
            pass(line.len > 1 ? (uint64_t)(uint8_t)line.bytes[1] * 200 : 1);
        else
            say(n, line.bytes, line.len);
    }
}

static void stop(hy_node_server_t *n) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_node_server_metrics(n, &b);
    MUST(!b.failed);
    hy_buf_deinit(&b);
    hy_node_server_free(n);
    MUST(!the_peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lines_t all = {(const char *)data, (const char *)data + size}, l = all;
    hy_span_t line;
    hy_store_t *store;
    hy_clock_init(&the_clock, 1700000000000);
    hy_random_seed(&the_random, 1);
    MUST(hy_store_open_memory(&the_clock, NULL, NULL, &store) == 0);
    while (next_line(&l, &line))
        if (is_row(line)) put_row(store, line);
    hy_store_seal(store);
    hy_node_server_t *n = start(store);
    ask(n, all);
    pass(0);
    hy_node_stats_t before = hy_node_server_stats(n);
    stop(n);
    n = start(store);
    hy_node_stats_t after = hy_node_server_stats(n);
    MUST(after.allocated == before.allocated && after.sessions == before.sessions);
    MUST(after.entries <= before.entries);
    stop(n);
    hy_store_close(store);
    hy_clock_deinit(&the_clock);
    MUST(hy_mem_blocks() == 0);
    return 0;
}
