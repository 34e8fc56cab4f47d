/* For the specs of protocols: an end that writes down what its protocol says, and feeding it in
 * pieces of any size. Every test ends by proving that no block is left. */
#ifndef SPEC_NET_PROTOCOL_SUPPORT_H
#define SPEC_NET_PROTOCOL_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "net/protocol.h"

#define TEXTS_MAX 256u

typedef struct {
    hy_protocol_t *p;
    unsigned opens, closes;
    hy_str_t *texts[TEXTS_MAX];
    unsigned text_count;
    hy_buf_t out;
    hy_close_code_t code;
    char reason[256];
    hy_protocol_t *closes_at_text;   /* that one is closed from inside the next text */
    hy_protocol_t *closes_at_output; /* … the next output */
} end_t;

static inline void end_open(void *arg) {
    end_t *e = arg;
    assert_int_equal(e->text_count, 0);
    assert_int_equal(e->closes, 0);
    e->opens++;
}

static inline void end_text(void *arg, hy_str_t *text) {
    end_t *e = arg;
    assert_int_equal(e->opens, 1);
    assert_int_equal(e->closes, 0);
    assert_true(e->text_count < TEXTS_MAX);
    e->texts[e->text_count++] = hy_str_ref(text);
    if (e->closes_at_text)
        e->closes_at_text->ops->close(e->closes_at_text, HY_CLOSE_POLICY, "enough");
}

static inline void end_output(void *arg, const char *bytes, size_t len) {
    end_t *e = arg;
    hy_protocol_t *p = e->closes_at_output;
    e->closes_at_output = NULL;
    if (p) p->ops->close(p, HY_CLOSE_LOST, "the queue is full");
    hy_buf_add(&e->out, bytes, len); /* may fail on purpose; then it is not looked at */
}

static inline void end_closed(void *arg, hy_close_code_t code, const char *reason) {
    end_t *e = arg;
    assert_int_equal(e->closes, 0);
    e->closes++;
    e->code = code;
    snprintf(e->reason, sizeof e->reason, "%s", reason);
}

static inline const char *end_page(void *arg, const char *path, hy_buf_t *body) {
    (void)arg;
    if (strcmp(path, "/health") != 0) return NULL;
    hy_buf_text(body, "well\n");
    return "text/plain";
}

static const hy_protocol_events_t END_EVENTS = {
    .open = end_open,
    .text = end_text,
    .output = end_output,
    .closed = end_closed,
    .page = end_page,
};

static inline void end_forget(end_t *e) {
    while (e->text_count > 0)
        hy_str_unref(e->texts[--e->text_count]);
    hy_buf_deinit(&e->out);
}

static inline void end_free(end_t *e) {
    if (e->p) e->p->ops->free(e->p);
    end_forget(e);
    *e = (end_t){.p = NULL};
}

/* Feeds it in pieces of `step` bytes, each in memory of its own, until all is in or it is closed.
 */
static inline int end_feed(end_t *e, const char *bytes, size_t len, size_t step) {
    int r = 0;
    for (size_t at = 0; at < len && r == 0; at += step) {
        size_t n = len - at < step ? len - at : step;
        char *piece = test_malloc(n);
        memcpy(piece, bytes + at, n);
        r = e->p->ops->input(e->p, piece, n);
        test_free(piece);
        assert_int_equal(r, e->closes || e->closes_at_text ? HY_ECLOSED : 0);
    }
    return r;
}

static inline void assert_text(const end_t *e, unsigned i, const char *text) {
    assert_true(i < e->text_count);
    assert_string_equal(e->texts[i]->bytes, text);
    assert_int_equal(e->texts[i]->len, strlen(text));
}

static inline void assert_closed(const end_t *e, hy_close_code_t code, const char *reason) {
    assert_int_equal(e->closes, 1);
    assert_int_equal(e->code, code);
    assert_string_equal(e->reason, reason);
}

static inline int begin(void **state) {
    static int64_t blocks;
    blocks = hy_mem_blocks();
    *state = &blocks;
    return 0;
}

static inline int end(void **state) {
    hy_mem_fail_after(-1);
    assert_int_equal(hy_mem_blocks(), *(int64_t *)*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

#endif
