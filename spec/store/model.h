/* A store against a model: rows as letters, changed in both at random. */
#ifndef SPEC_STORE_MODEL_H
#define SPEC_STORE_MODEL_H

#include "support.h"

#define OWNERS 3
#define KEYS   6

/* Rows as letters: of children, then of changes; 0: none. */
typedef struct {
    char rows[2][OWNERS][KEYS];
} model_t;

static inline void change_both(hy_store_t *s, model_t *m, hy_random_t *r) {
    size_t o = hy_random_below(r, OWNERS), k = hy_random_below(r, KEYS);
    char owner[] = {(char)('A' + o), 0}, key[] = {(char)('a' + k), 0};
    char value[] = {(char)('a' + hy_random_below(r, 26)), 0};
    int code = 0;
    switch (hy_random_below(r, 8)) {
    case 0:
        code = take(s, HY_TABLE_CHILDREN, owner, key);
        m->rows[0][o][k] = 0;
        break;
    case 1:
        code = take_upto(s, owner, k);
        memset(m->rows[1][o], 0, k + 1);
        break;
    case 2:
        code = take_all(s, HY_TABLE_CHANGES, owner);
        memset(m->rows[1][o], 0, KEYS);
        break;
    case 3:
        code = take_all(s, HY_TABLE_COUNT, owner);
        memset(m->rows[0][o], 0, KEYS);
        memset(m->rows[1][o], 0, KEYS);
        break;
    case 4:
    case 5:
        code = put_number(s, owner, k, value);
        m->rows[1][o][k] = value[0];
        break;
    default:
        code = put(s, HY_TABLE_CHILDREN, owner, key, value);
        m->rows[0][o][k] = value[0];
    }
    assert_int_equal(code, 0);
}

static inline void write_model(const model_t *m, char *out) {
    for (size_t t = 0; t < 2; t++)
        for (size_t o = 0; o < OWNERS; o++)
            for (size_t k = 0; k < KEYS; k++) {
                if (!m->rows[t ^ 1][o][k]) continue;
                out += sprintf(out, "%s %c %c %c|", t ? "children" : "changes", (char)('A' + o),
                               (char)((t ? 'a' : '0') + k), m->rows[t ^ 1][o][k]);
            }
    *out = '\0';
}

/* Which of the moments from `first` to `last` the store shows, the latest one. */
static inline size_t find_moment(world_t *w, hy_store_t *s, const model_t *moments, size_t first,
                                 size_t last) {
    char expected[1024], found[1024];
    answer_t a = ANSWER;
    ask(s, ALL_TABLES, NULL, &a);
    turn(w);
    assert_int_equal(a.code, 0);
    snprintf(found, sizeof found, "%s", text_of(&a));
    hy_buf_deinit(&a.rows);
    for (size_t i = last;; i--) {
        write_model(&moments[i], expected);
        if (strcmp(expected, found) == 0) return i;
        if (i == first) print_error("found %s\n", found);
        assert_true(i > first);
    }
}

#endif
