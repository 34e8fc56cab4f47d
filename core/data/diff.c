/* The difference of two trees as ops, for a copy that is brought level by a whole object: what is
 * equal is not touched, so handles on it stay good, and each difference is told once. */
#include "change.h"

/* Where the walk is: steps from the root, keys borrowed from the trees. */
typedef struct {
    hy_change_t *change;
    hy_step_t steps[HY_PATH_STEPS_MAX];
    uint32_t depth;
} walk_t;

static int diff_node(walk_t *w, hy_node_t *have, const hy_node_t *want);

static int add_set(walk_t *w, hy_value_t want) {
    hy_value_t copy;
    int rc = hy_value_copy(want, &copy);
    return rc < 0 ? rc : hy_change_add(w->change, HY_OP_SET, w->steps, w->depth, copy, 0);
}

/* The member or element at the step just pushed. */
static int diff_value(walk_t *w, hy_value_t have, hy_value_t want) {
    if (hy_is_node(have) && have.kind == want.kind) return diff_node(w, have.as.n, want.as.n);
    return hy_value_equal(have, want) ? 0 : add_set(w, want);
}

static int diff_object(walk_t *w, hy_node_t *have, const hy_node_t *want) {
    hy_step_t *step = &w->steps[w->depth++];
    hy_str_t *key;
    hy_value_t v;
    int rc = 0;
    for (uint32_t pos = 0; rc == 0 && hy_node_next(have, &pos, &key, &v);) {
        if (hy_node_find(want, key).kind != HY_ABSENT) continue;
        *step = (hy_step_t){.key = key};
        rc = hy_change_add(w->change, HY_OP_REMOVE, w->steps, w->depth, hy_absent(), 0);
    }
    for (uint32_t pos = 0; rc == 0 && hy_node_next(want, &pos, &key, &v);) {
        *step = (hy_step_t){.key = key};
        rc = diff_value(w, hy_node_find(have, key), v);
    }
    w->depth--;
    return rc;
}

static int add_tail(walk_t *w, size_t at, size_t have_end, const hy_node_t *want, size_t want_end) {
    hy_step_t *step = &w->steps[w->depth - 1];
    *step = (hy_step_t){.index = (int64_t)at};
    if (at < have_end)
        return hy_change_add(w->change, HY_OP_ERASE, w->steps, w->depth, hy_absent(),
                             have_end - at);
    if (at >= want_end) return 0;
    hy_node_t *items = hy_node_new(HY_ARRAY);
    if (!items) return HY_ENOMEM;
    for (size_t i = at; i < want_end; i++) {
        hy_value_t copy;
        int rc = hy_value_copy(hy_node_at(want, i), &copy);
        if (rc == 0) rc = hy_node_insert(items, i - at, copy);
        if (rc < 0) {
            hy_node_unref(items);
            return rc;
        }
    }
    return hy_change_add(w->change, HY_OP_INSERT, w->steps, w->depth, hy_node_value(items), 0);
}

/* Equal ends stay; of the middle, elements are compared in pairs, then the rest is taken out or put
 * in. */
static int diff_array(walk_t *w, hy_node_t *have, const hy_node_t *want) {
    size_t head = 0, have_end = hy_node_count(have), want_end = hy_node_count(want);
    while (head < have_end && head < want_end &&
           hy_value_equal(hy_node_at(have, head), hy_node_at(want, head))) {
        head++;
    }
    while (have_end > head && want_end > head &&
           hy_value_equal(hy_node_at(have, have_end - 1), hy_node_at(want, want_end - 1))) {
        have_end--;
        want_end--;
    }
    hy_step_t *step = &w->steps[w->depth++];
    int rc = 0;
    size_t i = head;
    for (; rc == 0 && i < have_end && i < want_end; i++) {
        *step = (hy_step_t){.index = (int64_t)i};
        rc = diff_value(w, hy_node_at(have, i), hy_node_at(want, i));
    }
    if (rc == 0) rc = add_tail(w, i, have_end, want, want_end);
    w->depth--;
    return rc;
}

static int diff_node(walk_t *w, hy_node_t *have, const hy_node_t *want) {
    if (w->depth == HY_PATH_STEPS_MAX) return HY_ETOO_LARGE;
    return hy_node_kind(have) == HY_OBJECT ? diff_object(w, have, want) : diff_array(w, have, want);
}

int hy_change_diff(hy_change_t *c, hy_node_t *root, const hy_node_t *wanted) {
    walk_t w = {.change = c};
    uint32_t before = c->count;
    int rc = HY_ETOO_LARGE;
    if (hy_node_kind(root) == hy_node_kind(wanted)) rc = diff_node(&w, root, wanted);
    if (rc != HY_ETOO_LARGE) return rc;
    while (c->count > before) { /* more differences than one change may hold */
        hy_change_drop_last(c);
    }
    w.depth = 0;
    return add_set(&w, hy_node_value((hy_node_t *)wanted));
}
