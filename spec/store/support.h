/* For the specs of core/store: a world with a clock, a log that is read, and short ways to write
 * and read rows. Every test ends by proving that no block is left. */
#ifndef SPEC_STORE_SUPPORT_H
#define SPEC_STORE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/memory.h"
#include "store/store.h"

#define ALL_TABLES   ((1u << HY_TABLE_COUNT) - 1)
#define TEST(name)   cmocka_unit_test_setup_teardown(name, begin, end)
#define NEVER_CALLED 12345

typedef struct {
    int64_t blocks;
    hy_clock_t clock;
    hy_log_t log;
    char logged[4096]; /* "error: …\n" for each line */
} world_t;

static void on_line(void *arg, hy_log_level_t level, const char *who, const char *text) {
    world_t *w = arg;
    (void)who;
    size_t len = strlen(w->logged);
    snprintf(w->logged + len, sizeof w->logged - len, "%s: %s\n", hy_log_level_name(level), text);
}

static int begin(void **state) {
    static world_t w;
    w = (world_t){.blocks = hy_mem_blocks(), .log = {HY_LOG_INFO, on_line, &w}};
    hy_clock_init(&w.clock, 0);
    *state = &w;
    return 0;
}

static int end(void **state) {
    world_t *w = *state;
    hy_mem_fail_after(-1);
    hy_clock_deinit(&w->clock);
    assert_int_equal(hy_mem_blocks(), w->blocks);
    return 0;
}

static inline void turn(world_t *w) {
    hy_clock_advance(&w->clock, hy_clock_now(&w->clock));
}
static inline void pass(world_t *w, uint64_t ms) {
    hy_clock_advance(&w->clock, hy_clock_now(&w->clock) + ms);
}

/* --- rows in short ---------------------------------------------------------------------------- */

static inline hy_str_t *text(const char *t) {
    hy_str_t *s = hy_str_from(t);
    assert_non_null(s);
    return s;
}

static inline int put(hy_store_t *s, hy_table_t table, const char *owner, const char *key,
                      const char *value) {
    hy_str_t *o = text(owner), *k = text(key);
    int code = hy_store_put(s, table, o, k, value, strlen(value));
    hy_str_unref(o);
    hy_str_unref(k);
    return code;
}

static inline int put_number(hy_store_t *s, const char *owner, uint64_t key, const char *value) {
    hy_str_t *o = text(owner);
    int code = hy_store_put_number(s, HY_TABLE_CHANGES, o, key, value, strlen(value));
    hy_str_unref(o);
    return code;
}

static inline int take(hy_store_t *s, hy_table_t table, const char *owner, const char *key) {
    hy_str_t *o = text(owner), *k = text(key);
    int code = hy_store_remove(s, table, o, k);
    hy_str_unref(o);
    hy_str_unref(k);
    return code;
}

static inline int take_upto(hy_store_t *s, const char *owner, uint64_t last) {
    hy_str_t *o = text(owner);
    int code = hy_store_remove_upto(s, HY_TABLE_CHANGES, o, last);
    hy_str_unref(o);
    return code;
}

static inline int take_all(hy_store_t *s, hy_table_t table, const char *owner) {
    hy_str_t *o = text(owner);
    int code = hy_store_remove_all(s, table, o);
    hy_str_unref(o);
    return code;
}

/* The value of a row, lent until the next call; "" if there is none. */
static inline const char *find(hy_store_t *s, hy_table_t table, const char *owner,
                               const char *key) {
    static char found[256];
    hy_str_t *o = text(owner), *k = text(key), *v = NULL;
    int code = hy_store_find(s, table, o, k, &v);
    assert_true(code == 0 || code == HY_ENOT_FOUND);
    snprintf(found, sizeof found, "%s", v ? v->bytes : "");
    hy_str_unref(o);
    hy_str_unref(k);
    hy_str_unref(v);
    return found;
}

/* What a read came to: "table owner key value|…" in the order given. */
typedef struct {
    int code, calls;
    hy_buf_t rows;
} answer_t;

#define ANSWER                                                                                     \
    { .code = NEVER_CALLED }

static inline void write_rows(hy_buf_t *b, const hy_rows_t *rows) {
    hy_row_t r;
    for (size_t pos = 0; hy_rows_next(rows, &pos, &r);) {
        hy_buf_format(b, "%s %s ", hy_table_name(r.table), r.owner);
        if (r.key) {
            assert_int_equal(strlen(r.key), r.key_len);
            hy_buf_text(b, r.key);
        } else {
            hy_buf_int(b, (int64_t)r.number);
        }
        hy_buf_format(b, " %s|", r.value);
    }
}

static inline void on_rows(void *arg, int code, const hy_rows_t *rows) {
    answer_t *a = arg;
    a->code = code;
    a->calls++;
    hy_mem_fail_after(-1); /* what follows is the spec's own */
    if (rows) write_rows(&a->rows, rows);
}

static inline const char *text_of(answer_t *a) {
    hy_buf_char(&a->rows, '\0');
    assert_false(a->rows.failed);
    a->rows.len--;
    return a->rows.bytes;
}

/* Asks for the rows of one owner, or of all (NULL). */
static inline void ask(hy_store_t *s, uint32_t tables, const char *owner, answer_t *a) {
    hy_str_t *o = owner ? text(owner) : NULL;
    assert_int_equal(hy_store_read(s, tables, o, on_rows, a, NULL), 0);
    hy_str_unref(o);
}

static inline void assert_rows(world_t *w, hy_store_t *s, uint32_t tables, const char *owner,
                               const char *expected) {
    answer_t a = ANSWER;
    ask(s, tables, owner, &a);
    turn(w);
    assert_int_equal(a.calls, 1);
    if (a.code) print_error("%s", w->logged);
    assert_int_equal(a.code, 0);
    assert_string_equal(text_of(&a), expected);
    hy_buf_deinit(&a.rows);
}

#endif
