/* For the specs of core/data: trees and changes from text, random trees with awkward keys, and
 * allocation failures one after the other. */
#ifndef SPEC_DATA_SUPPORT_H
#define SPEC_DATA_SUPPORT_H

#include "../base/support.h"

#include "data/object.h"

#include <stdlib.h>

/* --- texts ------------------------------------------------------------------------------------ */

/* "[<3:k@>]" is "[k0,k1,k2]". The result ends with a zero; free() it. */
static inline char *spelled_out(const char *text) {
    hy_buf_t b;
    hy_buf_init(&b);
    for (const char *open; (open = strchr(text, '<')); text = strchr(text, '>') + 1) {
        char *body;
        long count = strtol(open + 1, &body, 10);
        hy_buf_add(&b, text, (size_t)(open - text));
        for (long i = 0; i < count; i++) {
            if (i > 0) hy_buf_char(&b, ',');
            for (const char *c = body + 1; *c != '>'; c++) {
                if (*c == '@') {
                    hy_buf_format(&b, "%ld", i);
                } else {
                    hy_buf_char(&b, *c);
                }
            }
        }
    }
    hy_buf_add(&b, text, strlen(text) + 1);
    char *out = strdup(b.bytes);
    hy_buf_deinit(&b);
    assert_non_null(out);
    return out;
}

static inline hy_str_t *str_of(const char *text) {
    hy_str_t *s = hy_str_from(text);
    assert_non_null(s);
    return s;
}

/* The tree of that text; the caller owns it. */
static inline hy_node_t *tree_of(const char *text) {
    hy_value_t v = value_of(text);
    assert_true(hy_is_node(v));
    return v.as.n;
}

static inline void assert_tree(hy_node_t *n, const char *text) {
    hy_value_t wanted = value_of(text);
    if (!hy_value_equal(hy_node_value(n), wanted)) assert_text_of(hy_node_value(n), text);
    hy_value_drop(wanted);
}

static inline hy_str_t *text_of(const hy_payload_t *p) {
    hy_buf_t b;
    hy_buf_init(&b);
    p->ops->write(p, &b);
    assert_false(b.failed);
    return hy_buf_take(&b);
}

/* Writes a payload, and checks that its value form says the same. */
static inline void assert_payload(const hy_payload_t *p, const char *text) {
    hy_str_t *written = text_of(p);
    hy_value_t v, read = value_of(text);
    assert_string_equal(written->bytes, text);
    assert_int_equal(p->ops->to_value(p, &v), 0);
    assert_true(hy_value_equal(v, read));
    hy_value_drop(v);
    hy_value_drop(read);
    hy_str_unref(written);
}

/* --- changes ---------------------------------------------------------------------------------- */

static inline int read_change(const char *body, hy_change_t **out, hy_error_t *err) {
    hy_value_t v = value_of(body);
    int rc = hy_change_read(v.as.n, out, err);
    hy_value_drop(v);
    return rc;
}

static inline hy_change_t *change_of(const char *body) {
    hy_change_t *c = NULL;
    hy_error_t err = {.text = ""};
    int rc = read_change(body, &c, &err);
    if (rc) print_error("%s: %s\n", body, err.text);
    assert_int_equal(rc, 0);
    return c;
}

/* --- random trees ----------------------------------------------------------------------------- */

static inline hy_str_t *random_key(hy_random_t *r) {
    static const char *const keys[] = {"a", "b", "c", "0", "1", "a.b", ".", "", "\xc3\xa9", "x y"};
    uint64_t i = hy_random_below(r, COUNT_OF(keys) + 1);
    return i < COUNT_OF(keys) ? hy_str_from(keys[i]) : hy_str_new("x\0y", 3);
}

static inline hy_value_t random_small(hy_random_t *r, unsigned depth);

static inline hy_node_t *random_tree(hy_random_t *r, unsigned depth) {
    bool is_array = hy_random_below(r, 2);
    hy_node_t *n = hy_node_new(is_array ? HY_ARRAY : HY_OBJECT);
    for (uint64_t i = hy_random_below(r, 6); i > 0; i--) {
        hy_value_t v = random_small(r, depth - 1);
        if (is_array) {
            assert_int_equal(hy_node_insert(n, hy_node_count(n), v), 0);
        } else {
            hy_str_t *key = random_key(r);
            assert_int_equal(hy_node_set(n, key, v, NULL), 0);
            hy_str_unref(key);
        }
    }
    return n;
}

/* A value that is often equal to another one. */
static inline hy_value_t random_small(hy_random_t *r, unsigned depth) {
    if (depth > 0 && hy_random_below(r, 2)) return hy_node_value(random_tree(r, depth));
    switch (hy_random_below(r, 6)) {
    case 0:
        return hy_null();
    case 1:
        return hy_bool(false);
    case 2:
        return hy_text("");
    case 3:
        return hy_real(0.5);
    default:
        return hy_int((int64_t)hy_random_below(r, 3));
    }
}

/* --- failing allocations ---------------------------------------------------------------------- */

/* Tries with the first allocation failing, then with the second and so on until it works. A failed
 * try must leave nothing behind. */
static inline void fail_until_it_works(int (*try)(void *arg), void *arg) {
    for (int64_t n = 1;; n++) {
        int64_t blocks = hy_mem_blocks();
        hy_mem_fail_after(n);
        int rc = try(arg);
        hy_mem_fail_after(-1);
        if (rc == 0) return;
        assert_int_equal(rc, HY_ENOMEM);
        assert_int_equal(hy_mem_blocks(), blocks);
        assert_true(n < 1000000);
    }
}

#endif
