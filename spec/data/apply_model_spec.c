/* core/data/apply.c: random batches on random trees, beside a naive model.
 *
 * The model is a plain tree with the C node's address as identity. A batch is done on a copy of the
 * model, which is thrown away when an op does not fit; what the C tree then is must be the model
 * that was kept, node by node. Undoing the effects must lead back, also to the same nodes. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#define CHILDREN_MAX 64

typedef struct model {
    hy_value_t value; /* scalar; else only its kind counts */
    hy_node_t *node;  /* NULL: new, not known yet */
    int count;
    hy_str_t *keys[CHILDREN_MAX]; /* NULL in an array */
    struct model *children[CHILDREN_MAX];
} model_t;

static hy_random_t random_source;

static uint64_t below(uint64_t n) {
    return hy_random_below(&random_source, n);
}

/* --- the model -------------------------------------------------------------------------------- */

static void model_free(model_t *m) {
    for (int i = 0; i < m->count; i++) {
        hy_str_unref(m->keys[i]);
        model_free(m->children[i]);
    }
    if (!hy_is_node(m->value)) hy_value_drop(m->value);
    free(m);
}

static void model_insert(model_t *m, int at, hy_str_t *key, model_t *child) {
    assert_true(m->count < CHILDREN_MAX);
    for (int i = m->count++; i > at; i--) {
        m->keys[i] = m->keys[i - 1];
        m->children[i] = m->children[i - 1];
    }
    m->keys[at] = key ? hy_str_ref(key) : NULL;
    m->children[at] = child;
}

static void model_erase(model_t *m, int at) {
    hy_str_unref(m->keys[at]);
    model_free(m->children[at]);
    m->count--;
    for (int i = at; i < m->count; i++) {
        m->keys[i] = m->keys[i + 1];
        m->children[i] = m->children[i + 1];
    }
}

/* Of a value; with the identities of its nodes or as something new. */
static model_t *model_of(hy_value_t v, bool with_nodes) {
    model_t *m = calloc(1, sizeof *m);
    m->value = v;
    if (!hy_is_node(v)) {
        assert_int_equal(hy_value_copy(v, &m->value), 0);
        return m;
    }
    m->node = with_nodes ? v.as.n : NULL;
    hy_str_t *key = NULL;
    hy_value_t child;
    uint32_t pos = 0;
    for (size_t i = 0; i < hy_node_count(v.as.n); i++) {
        child = hy_node_at(v.as.n, i);
        if (v.kind == HY_OBJECT) assert_true(hy_node_next(v.as.n, &pos, &key, &child));
        model_insert(m, m->count, key, model_of(child, with_nodes));
    }
    return m;
}

static model_t *model_copy(const model_t *m) {
    model_t *copy = calloc(1, sizeof *copy);
    copy->value = m->value;
    copy->node = m->node;
    if (!hy_is_node(m->value)) assert_int_equal(hy_value_copy(m->value, &copy->value), 0);
    for (int i = 0; i < m->count; i++) {
        model_insert(copy, i, m->keys[i], model_copy(m->children[i]));
    }
    return copy;
}

static int model_find(const model_t *m, const hy_str_t *key) {
    for (int i = 0; i < m->count; i++) {
        if (m->keys[i] && hy_str_equal(m->keys[i], key)) return i;
    }
    return -1;
}

/* Where a step leads, in a node of the model: an index up to `count`, or -1. */
static int model_place(const model_t *m, const hy_str_t *key) {
    if (m->value.kind == HY_OBJECT) {
        int at = model_find(m, key);
        return at < 0 ? m->count : at;
    }
    char digits[32];
    for (int i = 0; i <= m->count; i++) {
        int len = snprintf(digits, sizeof digits, "%d", i);
        if (key->len == (uint32_t)len && memcmp(key->bytes, digits, key->len) == 0) return i;
    }
    return -1;
}

static void model_become(model_t *m, model_t *other) {
    hy_node_t *node = m->node;
    while (m->count > 0) {
        model_erase(m, m->count - 1);
    }
    *m = *other;
    m->node = node;
    free(other);
}

/* False if it does not fit. */
static bool model_do(model_t *m, const hy_op_t *op) {
    if (op->step_count == 0) {
        if (op->kind != HY_OP_SET || !hy_is_node(op->value)) return false;
        model_become(m, model_of(op->value, false));
        return true;
    }
    for (uint32_t i = 0; i + 1 < op->step_count; i++) {
        int at = hy_is_node(m->value) ? model_place(m, op->steps[i].key) : -1;
        if (at < 0 || at == m->count) return false;
        m = m->children[at];
    }
    if (!hy_is_node(m->value)) return false;
    hy_str_t *key = op->steps[op->step_count - 1].key;
    bool is_array = m->value.kind == HY_ARRAY;
    int at = model_place(m, key);
    if (at < 0) return false;
    switch (op->kind) {
    case HY_OP_SET:
        if (is_array && at == m->count) return false;
        if (at < m->count) model_erase(m, at);
        model_insert(m, at, is_array ? NULL : key, model_of(op->value, false));
        return true;
    case HY_OP_REMOVE:
        if (is_array || at == m->count) return false;
        model_erase(m, at);
        return true;
    case HY_OP_INSERT:
        if (!is_array) return false;
        for (size_t i = hy_node_count(op->value.as.n); i-- > 0;) {
            model_insert(m, at, NULL, model_of(hy_node_at(op->value.as.n, i), false));
        }
        return true;
    default:
        if (!is_array || op->count > (uint64_t)(m->count - at)) return false;
        for (uint64_t i = 0; i < op->count; i++) {
            model_erase(m, at);
        }
        return true;
    }
}

/* The same values, and the same nodes where the model knows them; it learns the others. */
static void assert_same(model_t *m, hy_value_t v) {
    assert_int_equal(v.kind, m->value.kind);
    if (!hy_is_node(v)) {
        assert_true(hy_value_equal(v, m->value));
        return;
    }
    if (m->node) assert_ptr_equal(m->node, v.as.n);
    m->node = v.as.n;
    assert_int_equal(hy_node_count(v.as.n), m->count);
    for (int i = 0; i < m->count; i++) {
        hy_value_t child =
            v.kind == HY_OBJECT ? hy_node_find(v.as.n, m->keys[i]) : hy_node_at(v.as.n, (size_t)i);
        assert_same(m->children[i], child);
        if (!hy_is_node(child)) continue;
        assert_ptr_equal(hy_node_parent(child.as.n), v.as.n);
        if (v.kind == HY_ARRAY) assert_int_equal(hy_node_index(child.as.n), i);
    }
}

/* --- random batches --------------------------------------------------------------------------- */

static hy_str_t *random_step(const model_t *m) {
    uint64_t what = below(8);
    if (what == 0) return random_key(&random_source);
    if (what == 1) return hy_str_format("%llu", (unsigned long long)below(8));
    if (m->value.kind == HY_ARRAY) return hy_str_format("%d", (int)below((uint64_t)m->count + 1));
    if (m->count == 0) return random_key(&random_source);
    return hy_str_ref(m->keys[below((uint64_t)m->count)]);
}

static void add_random_op(hy_change_t *c, const model_t *m) {
    hy_step_t steps[8];
    uint32_t depth = 0, wanted = (uint32_t)below(5);
    while (depth < wanted && hy_is_node(m->value)) {
        hy_str_t *key = random_step(m);
        steps[depth++] = (hy_step_t){.key = key};
        int at = model_place(m, key);
        if (at < 0 || at >= m->count) break;
        m = m->children[at];
    }
    hy_op_kind_t kind = (hy_op_kind_t)below(4);
    hy_value_t value = hy_absent();
    if (kind == HY_OP_SET) value = random_small(&random_source, 2);
    if (kind == HY_OP_INSERT) {
        value = hy_node_value(hy_node_new(HY_ARRAY));
        for (uint64_t i = below(3); i > 0; i--) {
            assert_int_equal(hy_node_insert(value.as.n, 0, random_small(&random_source, 2)), 0);
        }
    }
    uint64_t count = kind == HY_OP_ERASE ? 1 + below(3) : 0;
    assert_int_equal(hy_change_add(c, kind, steps, depth, value, count), 0);
    while (depth > 0) {
        hy_str_unref(steps[--depth].key);
    }
}

/* Most ops fit the state that they meet, so that batches fail in the middle, or not at all. */
static hy_change_t *random_batch(const model_t *before, model_t **after) {
    hy_change_t *c = hy_change_new();
    model_t *m = model_copy(before);
    bool is_good = true;
    for (uint64_t n = 1 + below(8); n > 0; n--) {
        for (int tries = 0;; tries++) {
            add_random_op(c, m);
            model_t *next = model_copy(m);
            is_good = model_do(next, &c->ops[c->count - 1]);
            if (is_good) {
                model_free(m);
                m = next;
                break;
            }
            model_free(next);
            if (tries > 5 && below(4) == 0) break;
            hy_change_drop_last(c);
        }
        if (!is_good) break;
    }
    if (!is_good) { /* what comes after the failure does not count */
        model_free(m);
        m = NULL;
        if (below(2)) add_random_op(c, before);
    }
    *after = m;
    return c;
}

static void a_batch_is_applied_whole_or_not_at_all(void **state) {
    (void)state;
    int good = 0, bad = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        hy_random_seed(&random_source, seed);
        hy_node_t *tree = random_tree(&random_source, 4);
        model_t *model = model_of(hy_node_value(tree), true);
        for (int i = 0; i < 12; i++) {
            model_t *after;
            hy_change_t *c = random_batch(model, &after);
            assert_int_equal(hy_change_apply(c, tree, NULL, NULL), after ? 0 : HY_EGAP);
            if (after) {
                model_free(model);
                model = after;
                good++;
            } else {
                bad++;
            }
            assert_same(model, hy_node_value(tree));
            hy_change_unref(c);
            if (hy_value_bytes(hy_node_value(tree)) > 20000) break;
        }
        model_free(model);
        hy_node_unref(tree);
    }
    assert_true(good > 1000 && bad > 500);
}

static void undoing_leads_back_to_the_same_nodes(void **state) {
    (void)state;
    for (uint64_t seed = 1000; seed < 2500; seed++) {
        hy_random_seed(&random_source, seed);
        hy_node_t *tree = random_tree(&random_source, 4);
        model_t *before = model_of(hy_node_value(tree), true), *after;
        hy_change_t *c = random_batch(before, &after);
        hy_effect_t effects[16];
        assert_true(c->count <= COUNT_OF(effects));
        int rc = hy_change_apply(c, tree, effects, NULL);
        assert_int_equal(rc, after ? 0 : HY_EGAP);
        if (after) {
            assert_same(after, hy_node_value(tree));
            for (uint32_t i = c->count; i-- > 0;) {
                hy_effect_undo(tree, &effects[i]);
            }
            model_free(after);
        }
        assert_same(before, hy_node_value(tree));
        model_free(before);
        hy_change_unref(c);
        hy_node_unref(tree);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_batch_is_applied_whole_or_not_at_all),
        TEST(undoing_leads_back_to_the_same_nodes),
    };
    return cmocka_run_group_tests_name("apply_model", tests, NULL, NULL);
}
