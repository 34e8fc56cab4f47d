/* core/base/value: long random runs on a tree, beside a naive model of it.
 *
 * The model is an ordered list of children per node, with the C node's address as identity. After
 * every operation the whole tree is compared: values, order, keys, parents, indices, identities.
 * Nodes that are taken out are sometimes held by a handle, and must then have no parent. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#define CHILDREN_MAX 40
#define DEPTH_MAX    6
#define HANDLES_MAX  50
#define KEY_BYTES    16

typedef struct model {
    hy_kind_t kind; /* INT, OBJECT or ARRAY */
    int64_t number;
    hy_node_t *node;
    struct model *parent;
    int count;
    char keys[CHILDREN_MAX][KEY_BYTES];
    struct model *children[CHILDREN_MAX];
} model_t;

static hy_random_t random_source;
static hy_node_t *handles[HANDLES_MAX];
static int handle_count;

static uint64_t below(uint64_t n) {
    return hy_random_below(&random_source, n);
}

/* --- the model -------------------------------------------------------------------------------- */

static model_t *model_new(hy_kind_t kind) {
    model_t *m = calloc(1, sizeof *m);
    m->kind = kind;
    return m;
}

static void model_free(model_t *m) {
    if (!m) return;
    for (int i = 0; i < m->count; i++)
        model_free(m->children[i]);
    free(m);
}

static int model_find(const model_t *m, const char *key) {
    for (int i = 0; i < m->count; i++) {
        if (strcmp(m->keys[i], key) == 0) return i;
    }
    return -1;
}

static void model_insert(model_t *m, int at, const char *key, model_t *child) {
    for (int i = m->count++; i > at; i--) {
        m->children[i] = m->children[i - 1];
        memcpy(m->keys[i], m->keys[i - 1], sizeof m->keys[i]);
    }
    m->children[at] = child;
    snprintf(m->keys[at], sizeof m->keys[at], "%s", key);
    child->parent = m;
}

static model_t *model_erase(model_t *m, int at) {
    model_t *child = m->children[at];
    m->count--;
    for (int i = at; i < m->count; i++) {
        m->children[i] = m->children[i + 1];
        memcpy(m->keys[i], m->keys[i + 1], sizeof m->keys[i]);
    }
    child->parent = NULL;
    return child;
}

static void assert_same(const model_t *m, hy_value_t v) {
    assert_int_equal(v.kind, m->kind);
    if (m->kind == HY_INT) {
        assert_int_equal(v.as.i, m->number);
        return;
    }
    hy_node_t *n = v.as.n;
    uint32_t pos = 0;
    assert_ptr_equal(n, m->node);
    assert_int_equal(hy_node_kind(n), m->kind);
    assert_int_equal(hy_node_count(n), m->count);
    for (int i = 0; i < m->count; i++) {
        hy_value_t child = hy_node_at(n, (size_t)i);
        hy_str_t *key = NULL;
        if (m->kind == HY_OBJECT) {
            assert_true(hy_node_next(n, &pos, &key, &child));
            assert_string_equal(key->bytes, m->keys[i]);
        }
        assert_same(m->children[i], child);
        if (!hy_is_node(child)) continue;
        assert_ptr_equal(hy_node_parent(child.as.n), n);
        assert_ptr_equal(hy_node_key(child.as.n), key);
        /* Not always asked for, so that hints get old. */
        if (m->kind == HY_ARRAY && below(8) == 0) {
            assert_int_equal(hy_node_index(child.as.n), i);
        }
    }
}

/* --- random values, both forms ---------------------------------------------------------------- */

static hy_value_t make(unsigned depth, model_t **out) {
    if (depth == 0 || below(2)) {
        *out = model_new(HY_INT);
        (*out)->number = (int64_t)below(1000);
        return hy_int((*out)->number);
    }
    model_t *m = *out = model_new(below(2) ? HY_OBJECT : HY_ARRAY);
    m->node = hy_node_new(m->kind);
    for (int count = (int)below(4), i = 0; i < count; i++) {
        char key[KEY_BYTES];
        model_t *child;
        hy_value_t v = make(depth - 1, &child);
        snprintf(key, sizeof key, "k%d", i);
        model_insert(m, m->count, key, child);
        if (m->kind == HY_OBJECT) {
            assert_int_equal(hy_put(m->node, key, v), 0);
        } else {
            assert_int_equal(hy_node_insert(m->node, (size_t)i, v), 0);
        }
    }
    return hy_node_value(m->node);
}

static model_t *random_node(model_t *m) {
    model_t *at = m;
    for (uint64_t steps = below(DEPTH_MAX); steps > 0; steps--) {
        if (at->count == 0) break;
        model_t *child = at->children[below((uint64_t)at->count)];
        if (child->kind == HY_INT) break;
        at = child;
    }
    return at;
}

static unsigned level_of(const model_t *m) {
    unsigned level = 0;
    for (; m->parent; m = m->parent)
        level++;
    return level;
}

static unsigned depth_left(const model_t *m) {
    unsigned level = level_of(m);
    return level >= DEPTH_MAX ? 0 : DEPTH_MAX - level;
}

/* --- operations ------------------------------------------------------------------------------- */

/* What was taken out: the value is as the model says, and then goes, perhaps with handles left. */
static void dismiss(model_t *m, hy_value_t v) {
    if (!m) {
        assert_int_equal(v.kind, HY_ABSENT);
        return;
    }
    assert_same(m, v);
    if (hy_is_node(v)) {
        assert_null(hy_node_parent(v.as.n));
        model_t *held = random_node(m);
        if (handle_count < HANDLES_MAX && below(3) == 0) {
            handles[handle_count++] = hy_node_ref(held->node);
        }
    }
    hy_value_drop(v);
    model_free(m);
}

static void change_object(model_t *m) {
    char key[KEY_BYTES];
    hy_value_t old = hy_absent();
    snprintf(key, sizeof key, "k%d", (int)below(CHILDREN_MAX - 10));
    hy_str_t *name = hy_str_from(key);
    int at = model_find(m, key);
    model_t *before = NULL, *child;
    if (below(5) < 3) {
        hy_value_t v = make(depth_left(m), &child);
        if (at >= 0) {
            before = m->children[at];
            before->parent = NULL;
            m->children[at] = child;
            child->parent = m;
        } else {
            model_insert(m, m->count, key, child);
        }
        assert_int_equal(hy_node_set(m->node, name, v, &old), 0);
    } else {
        if (at >= 0) before = model_erase(m, at);
        assert_int_equal(hy_node_unset(m->node, name, &old), before ? 0 : HY_ENOT_FOUND);
    }
    dismiss(before, old);
    hy_str_unref(name);
}

static void change_array(model_t *m) {
    hy_value_t old = hy_absent();
    model_t *before = NULL, *child;
    int at = (int)below((uint64_t)m->count + 1);
    switch (below(4)) {
    case 0:
    case 1:
        if (m->count == CHILDREN_MAX) break;
        hy_value_t v = make(depth_left(m), &child);
        model_insert(m, at, "", child);
        assert_int_equal(hy_node_insert(m->node, (size_t)at, v), 0);
        break;
    case 2:
        if (at == m->count) break;
        before = m->children[at];
        before->parent = NULL;
        v = make(depth_left(m), &m->children[at]);
        m->children[at]->parent = m;
        assert_int_equal(hy_node_put(m->node, (size_t)at, v, &old), 0);
        break;
    default:
        if (at == m->count) break;
        before = model_erase(m, at);
        assert_int_equal(hy_node_erase(m->node, (size_t)at, &old), 0);
    }
    dismiss(before, old);
}

static void exchange_content(model_t *m) {
    model_t *other;
    hy_value_t v, old;
    do {
        v = make(depth_left(m) + 1, &other);
        if (!hy_is_node(v)) model_free(other);
    } while (!hy_is_node(v));
    model_t was = *m;
    m->kind = other->kind;
    m->count = other->count;
    memcpy(m->keys, other->keys, sizeof m->keys);
    memcpy(m->children, other->children, sizeof m->children);
    for (int i = 0; i < m->count; i++)
        m->children[i]->parent = m;
    other->kind = was.kind;
    other->count = was.count;
    memcpy(other->keys, was.keys, sizeof was.keys);
    memcpy(other->children, was.children, sizeof was.children);
    for (int i = 0; i < other->count; i++)
        other->children[i]->parent = other;
    assert_int_equal(hy_node_become(m->node, v, &old), 0);
    dismiss(other, old);
}

static void let_go_of_a_handle(void) {
    if (handle_count == 0) return;
    uint64_t at = below((uint64_t)handle_count);
    hy_node_t *n = handles[at];
    handles[at] = handles[--handle_count];
    /* Its tree was dropped; only another handle's node can still be its parent. */
    const hy_node_t *root = hy_node_root(n);
    assert_null(hy_node_parent(root));
    assert_true(hy_value_depth(hy_node_value(n)) > 0);
    hy_node_unref(n);
}

static void a_random_tree_agrees_with_the_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        hy_random_seed(&random_source, seed);
        model_t *top = model_new(seed % 2 ? HY_OBJECT : HY_ARRAY);
        top->node = hy_node_new(top->kind);
        for (int step = 0; step < 400; step++) {
            model_t *m = random_node(top);
            if (below(20) == 0) {
                exchange_content(m);
            } else if (m->kind == HY_OBJECT) {
                change_object(m);
            } else {
                change_array(m);
            }
            if (below(4) == 0) let_go_of_a_handle();
            assert_same(top, hy_node_value(top->node));
        }
        hy_node_unref(top->node);
        model_free(top);
        while (handle_count > 0)
            let_go_of_a_handle();
    }
}

static void a_long_array_agrees_with_a_plain_one(void **state) {
    static int64_t model[4096];
    size_t count = 0;
    (void)state;
    hy_random_seed(&random_source, 99);
    hy_node_t *n = hy_node_new(HY_ARRAY);
    for (int step = 0; step < 20000; step++) {
        bool grow = below(10) < (step / 4000 % 2 ? 3u : 7u) && count < COUNT_OF(model);
        size_t at = below(3) ? (size_t)below(count + 1) : below(2) ? 0 : count;
        if (grow) {
            memmove(model + at + 1, model + at, (count - at) * sizeof *model);
            model[at] = step;
            count++;
            assert_int_equal(hy_node_insert(n, at, hy_int(step)), 0);
        } else if (at < count) {
            count--;
            memmove(model + at, model + at + 1, (count - at) * sizeof *model);
            assert_int_equal(hy_node_erase(n, at, NULL), 0);
        }
        assert_int_equal(hy_node_count(n), count);
        if (step % 10 > 0) continue;
        for (size_t i = 0; i < count; i++)
            assert_true(hy_node_at(n, i).as.i == model[i]);
    }
    hy_node_unref(n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_random_tree_agrees_with_the_model),
        TEST(a_long_array_agrees_with_a_plain_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
