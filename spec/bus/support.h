/* What the specs of the bus share: a bus on a virtual clock, listeners that write down what they
 * got, and the proof that nothing is left. */
#ifndef HY_SPEC_BUS_SUPPORT_H
#define HY_SPEC_BUS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "bus/bus.h"

#define A "hyperty://d/a"
#define B "hyperty://d/b"
#define C "hyperty://e/c"
#define X "comm://d/x"

typedef struct {
    hy_clock_t clock;
    hy_random_t random;
    hy_bus_t *bus;
    int wakes;
    char seen[4096]; /* words, one per thing that happened */
    int64_t blocks;
} world_t;

static inline void note(world_t *w, const char *format, ...) {
    size_t len = strlen(w->seen);
    va_list args;
    va_start(args, format);
    if (len > 0) w->seen[len++] = ' ';
    vsnprintf(w->seen + len, sizeof w->seen - len, format, args);
    va_end(args);
}

/* Compares and forgets what was seen. */
#define assert_seen(w, expected)                                                                   \
    do {                                                                                           \
        assert_string_equal((w)->seen, expected);                                                  \
        (w)->seen[0] = '\0';                                                                       \
    } while (0)

static inline void on_wake(void *arg) {
    ((world_t *)arg)->wakes++;
}

static inline world_t *world_new(uint32_t queue_messages_max, uint32_t queue_bytes_max) {
    world_t *w = calloc(1, sizeof *w);
    w->blocks = hy_mem_blocks();
    hy_clock_init(&w->clock, 0);
    hy_random_seed(&w->random, 1);
    hy_bus_config_t config = {.clock = &w->clock, .random = &w->random, .wake = on_wake};
    config.wake_arg = w;
    config.queue_messages_max = queue_messages_max;
    config.queue_bytes_max = queue_bytes_max;
    assert_int_equal(hy_bus_new(&config, &w->bus), 0);
    return w;
}

static inline void world_free(world_t *w) {
    hy_mem_fail_after(-1);
    hy_bus_free(w->bus);
    hy_clock_deinit(&w->clock);
    assert_int_equal(hy_mem_blocks(), w->blocks);
    free(w);
}

static inline int setup(void **state) {
    *state = world_new(0, 0);
    return 0;
}

static inline int teardown(void **state) {
    world_free(*state);
    return 0;
}

static inline void run(world_t *w) {
    while (hy_bus_turn(w->bus, 7))
        continue;
}

static inline void advance(world_t *w, uint64_t ms) {
    hy_clock_advance(&w->clock, hy_clock_now(&w->clock) + ms);
}

/* --- messages --------------------------------------------------------------------------------- */

/* `id` 0: none. `n` goes into the body. */
static inline hy_msg_t *message(hy_msg_type_t type, int64_t id, const char *from, const char *to,
                                int n) {
    hy_str_t *f = hy_str_from(from), *t = hy_str_from(to);
    hy_node_t *body = hy_node_new(HY_OBJECT);
    hy_put(body, "n", hy_int(n));
    hy_msg_t *m = hy_msg_new(type, id ? hy_int(id) : hy_absent(), f, t, hy_node_value(body));
    hy_str_unref(f);
    hy_str_unref(t);
    return m;
}

static inline int number(hy_msg_t *m) {
    return (int)hy_get_int(hy_msg_body(m), "n", -1);
}

static inline int try_send(world_t *w, hy_msg_type_t type, int64_t id, const char *from,
                           const char *to, int n) {
    hy_msg_t *m = message(type, id, from, to, n);
    int code = hy_bus_send(w->bus, m);
    hy_msg_unref(m);
    return code;
}

static inline void send(world_t *w, const char *from, const char *to, int n) {
    assert_int_equal(try_send(w, HY_MSG_EVENT, 0, from, to, n), 0);
}

static inline void send_request(world_t *w, hy_msg_type_t type, int64_t id, const char *from,
                                const char *to, int n) {
    assert_int_equal(try_send(w, type, id, from, to, n), 0);
}

static inline void respond(world_t *w, int64_t id, const char *from, const char *to, int code) {
    hy_msg_t *request = message(HY_MSG_READ, id, to, from, 0);
    hy_msg_t *m = hy_msg_response(request, NULL, code, NULL, hy_absent());
    assert_int_equal(hy_bus_send(w->bus, m), 0);
    hy_msg_unref(m);
    hy_msg_unref(request);
}

/* --- listeners and uplinks -------------------------------------------------------------------- */

typedef struct {
    world_t *w;
    const char *name;
    hy_listener_t *l;
    hy_uplink_t *u;
    int fail; /* what the uplink answers */
} part_t;

/* "a1": the part a got a message with n = 1; "a=404": a response with that code. */
static inline void note_message(world_t *w, const char *name, hy_msg_t *m) {
    if (m->type == HY_MSG_RESPONSE)
        note(w, "%s=%d", name, hy_msg_code(m));
    else
        note(w, "%s%d", name, number(m));
}

static inline void on_message(void *arg, hy_msg_t *m) {
    part_t *p = arg;
    note_message(p->w, p->name, m);
}

static inline int on_up(void *arg, hy_msg_t *m) {
    part_t *p = arg;
    if (p->fail < 0) return p->fail;
    note_message(p->w, p->name, m);
    return 0;
}

static inline hy_listener_t *listen_with(world_t *w, const char *url, hy_listen_cb cb, void *arg) {
    hy_listener_t *l = NULL;
    hy_str_t *s = hy_str_from(url);
    assert_int_equal(hy_bus_listen(w->bus, s, cb, arg, &l), 0);
    hy_str_unref(s);
    return l;
}

static inline void listen(world_t *w, part_t *p, const char *name, const char *url) {
    *p = (part_t){.w = w, .name = name};
    p->l = listen_with(w, url, on_message, p);
}

static inline void uplink(world_t *w, part_t *p, const char *name, const char *domain) {
    *p = (part_t){.w = w, .name = name};
    assert_int_equal(hy_bus_uplink(w->bus, domain, on_up, p, &p->u), 0);
}

static inline void receive(part_t *p, hy_msg_type_t type, int64_t id, const char *from,
                           const char *to, int n) {
    hy_msg_t *m = message(type, id, from, to, n);
    assert_int_equal(hy_uplink_receive(p->u, m), 0);
    hy_msg_unref(m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
