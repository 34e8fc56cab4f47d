/* For the specs of a node with a store: it dies and starts again on its disk, on a virtual clock.
 * Its answers may come later, so a request is asked and time goes on until it is answered. */
#ifndef SPEC_NODE_KEEP_SUPPORT_H
#define SPEC_NODE_KEEP_SUPPORT_H

#include "store/memory.h"
#include "support.h"

#define ANSWER_MS 1000u

static hy_disk_t *the_disk;
static hy_store_t *the_store;
static int ready_code;
static char tokens[3][HY_URL_BYTES_MAX]; /* what a, b and c re-open with */

static inline void pass_ms(uint64_t ms) {
    hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + ms);
}

static void on_store_ready(void *arg, int code) {
    (void)arg;
    ready_code = code;
}

static inline void start_node(void) {
    assert_int_equal(hy_store_open_memory(&the_clock, NULL, the_disk, &the_store), 0);
    hy_node_config_t config = {.domain = "d",
                               .clock = &the_clock,
                               .random = &the_random,
                               .store = the_store,
                               .ready = on_store_ready};
    ready_code = 1;
    assert_int_equal(hy_node_server_new(&config, &the_node), 0);
    while (ready_code == 1)
        pass_ms(1);
    assert_int_equal(ready_code, 0);
}

/* It is killed: what is not committed is lost, and nobody hears a word. */
static inline void kill_node(void) {
    runtime_t *all[] = {&a, &b, &c};
    for (int i = 0; i < 3; i++)
        if (all[i]->peer) drop(all[i]);
    hy_node_server_free(the_node);
    hy_store_crash(the_store);
    the_node = NULL;
    the_store = NULL;
}

static inline void restart_node(void) {
    kill_node();
    start_node();
}

/* Asks, and lets time go on until the answer is there; 0 if none comes. */
static inline int request(runtime_t *r, const char *type, const char *from, const char *to,
                          const char *body) {
    hy_msg_unref(r->answer);
    r->answer = NULL;
    r->waiting = next_id++;
    send_with(r, r->waiting, type, from, to, body);
    for (unsigned ms = 0; ms < ANSWER_MS && !r->answer; ms++)
        pass_ms(1);
    r->waiting = 0;
    return r->answer ? hy_msg_code(r->answer) : 0;
}

static inline int subscribed(runtime_t *r, const char *source, const char *url, const char *more) {
    char body[4096];
    snprintf(body, sizeof body, "{\"resources\":[\"%s\"],\"source\":\"%s\"%s}", url, source, more);
    return request(r, "subscribe", source, SM, body);
}

static inline int executed(runtime_t *r, const char *method, const char *params) {
    char body[3 * HY_URL_BYTES_MAX];
    snprintf(body, sizeof body, "{\"method\":\"%s\",\"params\":[%s]}", method, params);
    return request(r, "execute", runtime_of(r), SM, body);
}

static inline void allocated(runtime_t *r, const char *scheme, char url[HY_URL_BYTES_MAX]) {
    char body[128];
    snprintf(body, sizeof body, "{\"scheme\":\"%s\",\"value\":{\"number\":1}}", scheme);
    assert_int_equal(request(r, "create", runtime_of(r), ALLOC, body), 200);
    snprintf(url, HY_URL_BYTES_MAX, "%s",
             hy_node_at(hy_get_array(answered(r), "allocated"), 0).as.s->bytes);
}

static inline int index_of(const runtime_t *r) {
    return r == &a ? 0 : r == &b ? 1 : 2;
}

/* Opens a session, and remembers how it is re-opened. */
static inline void come(runtime_t *r) {
    char url[64];
    snprintf(url, sizeof url, "hyperty-runtime://d/%c", 'a' + index_of(r));
    assert_int_equal(open_as(r, url), 200);
    snprintf(tokens[index_of(r)], sizeof tokens[0], "%s/%s", url,
             hy_get_str(hy_msg_body(r->answer), "runtimeToken")->bytes);
}

/* After the node came back: with what it had before. */
static inline int come_back(runtime_t *r) {
    plug(r);
    int code = shake(r, "re-open", tokens[index_of(r)]);
    if (code != 200 && r->peer) drop(r);
    return code;
}

static inline void all_come_back(void) {
    assert_int_equal(come_back(&a), 200);
    assert_int_equal(come_back(&b), 200);
    assert_int_equal(come_back(&c), 200);
}

static int begin_kept(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    hy_clock_init(&the_clock, 1700000000000);
    hy_random_seed(&the_random, 7);
    next_id = 1;
    assert_int_equal(hy_disk_new(&the_disk), 0);
    start_node();
    come(&a);
    come(&b);
    come(&c);
    pass_ms(5);
    return 0;
}

static int end_kept(void **state) {
    (void)state;
    hy_mem_fail_after(-1);
    hy_node_server_free(the_node);
    hy_store_close(the_store);
    hy_disk_unref(the_disk);
    the_node = NULL;
    the_store = NULL;
    clear(&a);
    clear(&b);
    clear(&c);
    a.peer = b.peer = c.peer = NULL;
    hy_clock_deinit(&the_clock);
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

#define KEPT(name) cmocka_unit_test_setup_teardown(name, begin_kept, end_kept)

#endif
