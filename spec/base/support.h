/* For the specs of core/base: every test ends by proving that no block is left. */
#ifndef SPEC_BASE_SUPPORT_H
#define SPEC_BASE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"

static int begin(void **state) {
    static int64_t blocks;
    blocks = hy_mem_blocks();
    *state = &blocks;
    return 0;
}

static int end(void **state) {
    hy_mem_fail_after(-1);
    assert_int_equal(hy_mem_blocks(), *(int64_t *)*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* --- values ----------------------------------------------------------------------------------- */

/* The value of that text, which is good. */
static inline hy_value_t value_of(const char *text) {
    hy_value_t v = hy_absent();
    hy_error_t err = {.text = ""};
    int rc = hy_json_read(text, strlen(text), HY_JSON_DEPTH_MAX, &v, &err);
    if (rc) print_error("%s: %s\n", text, err.text);
    assert_int_equal(rc, 0);
    return v;
}

static inline void assert_text_of(hy_value_t v, const char *text) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_json_write(&b, v);
    hy_buf_char(&b, '\0');
    assert_false(b.failed);
    assert_string_equal(b.bytes, text);
    hy_buf_deinit(&b);
}

static inline hy_str_t *random_string(hy_random_t *r) {
    static const char *const parts[] = {"a",  "key", "-",  "0",    "\"",       "\\",
                                        "\n", "\t",  "\1", "\x7f", "\xc3\xa9", "\xe2\x82\xac",
                                        "/",  "b",   " ",  "eps",  "\b\f\r",   "\xf0\x9f\x98\x80"};
    hy_buf_t b;
    hy_buf_init(&b);
    for (uint64_t n = hy_random_below(r, 6); n > 0; n--) {
        hy_buf_text(&b, parts[hy_random_below(r, COUNT_OF(parts))]);
    }
    return hy_buf_take(&b);
}

static inline double random_real(hy_random_t *r) {
    for (;;) {
        uint64_t bits = hy_random_u64(r);
        double real;
        memcpy(&real, &bits, sizeof real);
        if (hy_random_below(r, 2)) {
            real = (double)(int64_t)hy_random_below(r, 2000000) / 1000.0 - 1000.0;
        }
        if (real - real == 0) return real; /* finite */
    }
}

static inline int64_t random_int(hy_random_t *r) {
    uint64_t bits = hy_random_u64(r) >> hy_random_below(r, 64);
    return hy_random_below(r, 2) ? (int64_t)bits : (int64_t)(0 - bits);
}

/* A value of at most that depth, small enough to make thousands of. */
static inline hy_value_t random_value(hy_random_t *r, unsigned depth) {
    hy_node_t *n;
    switch (hy_random_below(r, depth ? 9 : 6)) {
    case 0:
        return hy_null();
    case 1:
        return hy_bool(hy_random_below(r, 2));
    case 2:
        return hy_int(random_int(r));
    case 3:
        return hy_real(random_real(r));
    case 4:
    case 5:
        return hy_string(random_string(r));
    case 6:
        n = hy_node_new(HY_ARRAY);
        for (uint64_t i = hy_random_below(r, 6); i > 0; i--) {
            assert_int_equal(hy_node_insert(n, hy_node_count(n), random_value(r, depth - 1)), 0);
        }
        return hy_node_value(n);
    default:
        n = hy_node_new(HY_OBJECT);
        for (uint64_t i = hy_random_below(r, 12); i > 0; i--) {
            hy_str_t *key = random_string(r);
            assert_int_equal(hy_node_set(n, key, random_value(r, depth - 1), NULL), 0);
            hy_str_unref(key);
        }
        return hy_node_value(n);
    }
}

#endif
