/* Applying changes to trees: edits, their effects and how to undo them, whole changes.
 *
 * Everything comes down to one edit at one node; ops are resolved to edits step by step. What an
 * edit replaced moves into its effect, so undoing puts back the very nodes that were there and
 * handles on them work again. */
#include "../base/mem.h"
#include "change.h"

/* --- ranges of items -------------------------------------------------------------------------- */

/* An array of so many nulls. Items change places with them, which needs no memory: what can fail
 * comes first, and no item is ever without a place. */
static hy_node_t *make_places(size_t count) {
    hy_node_t *n = hy_node_new(HY_ARRAY);
    for (size_t i = 0; n && i < count; i++) {
        if (hy_node_insert(n, i, hy_null()) == 0) continue;
        hy_node_unref(n);
        return NULL;
    }
    return n;
}

/* Moves items to places in another array; nulls stay where they were. */
static void move_items(hy_node_t *from, size_t at, hy_node_t *to, size_t to_at, size_t count) {
    for (size_t i = 0; i < count; i++) {
        hy_value_t item = hy_absent();
        hy_node_put(from, at + i, hy_null(), &item);
        hy_node_put(to, to_at + i, item, NULL);
    }
}

/* One by one, each item put in or taken out shifts the shorter side. */
static bool is_quick(size_t count, size_t index, size_t rest) {
    size_t side = index < rest ? index : rest;
    return side == 0 || count <= 1 || count / 16 < (index + rest + count) / side;
}

/* Drops `count` items from `index` on. */
static void close_places(hy_node_t *n, size_t index, size_t count) {
    size_t rest = hy_node_count(n) - index - count;
    hy_node_t *left = is_quick(count, index, rest) ? NULL : make_places(index + rest);
    if (left) {
        move_items(n, 0, left, 0, index);
        move_items(n, index + count, left, index, rest);
        hy_node_become(n, hy_node_value(left), NULL);
        return;
    }
    for (; count > 0; count--) {
        hy_node_erase(n, index, NULL);
    }
}

/* Puts in `count` nulls before `index`; all or none. */
static int open_places(hy_node_t *n, size_t index, size_t count) {
    size_t rest = hy_node_count(n) - index;
    hy_node_t *wider = is_quick(count, index, rest) ? NULL : make_places(index + count + rest);
    if (wider) {
        move_items(n, 0, wider, 0, index);
        move_items(n, index, wider, index + count, rest);
        return hy_node_become(n, hy_node_value(wider), NULL);
    }
    for (size_t done = 0; done < count; done++) {
        if (hy_node_insert(n, index, hy_null()) == 0) continue;
        close_places(n, index, done);
        return HY_ENOMEM;
    }
    return 0;
}

/* Moves all items in before `index`; all or none. */
static int insert_items(hy_node_t *into, size_t index, hy_node_t *items) {
    size_t count = hy_node_count(items);
    int rc = open_places(into, index, count);
    if (rc == 0) move_items(items, 0, into, index, count);
    return rc;
}

/* Takes items out into an array of their own; all or none. */
static int erase_items(hy_node_t *from, size_t index, size_t count, hy_value_t *out) {
    hy_node_t *items = make_places(count);
    if (!items) return HY_ENOMEM;
    move_items(from, index, items, 0, count);
    close_places(from, index, count);
    *out = hy_node_value(items);
    return 0;
}

/* --- one edit --------------------------------------------------------------------------------- */

static int fail_index(hy_error_t *err, size_t index, size_t count) {
    return hy_fail(err, HY_EGAP, "index %zu is out of range: the array has %zu elements", index,
                   count);
}

static int check_depth(const hy_edit_t *edit, hy_error_t *err) {
    if (!hy_is_node(edit->value)) return 0;
    unsigned depth = hy_value_depth(edit->value) + 1;
    for (const hy_node_t *n = edit->node; n; n = hy_node_parent(n)) {
        depth++;
    }
    if (edit->kind == HY_OP_INSERT) depth--; /* the array of items does not count */
    if (depth > HY_VALUE_DEPTH_MAX + 1)
        return hy_fail(err, HY_ETOO_LARGE, "nesting deeper than %u", HY_VALUE_DEPTH_MAX);
    return 0;
}

static int check_place(const hy_edit_t *edit, hy_error_t *err) {
    bool is_array = hy_node_kind(edit->node) == HY_ARRAY;
    size_t count = hy_node_count(edit->node);
    switch (edit->kind) {
    case HY_OP_SET:
        if (is_array && edit->key)
            return hy_fail(err, HY_EINVALID, "an array has no key \"%s\"", edit->key->bytes);
        if (is_array && edit->index >= count) return fail_index(err, edit->index, count);
        if (!is_array && !edit->key) return hy_fail(err, HY_EINVALID, "keys of an object are text");
        if (!is_array && edit->key->len > HY_KEY_BYTES_MAX)
            return hy_fail(err, HY_ETOO_LARGE, "key of %u bytes, at most %u", edit->key->len,
                           HY_KEY_BYTES_MAX);
        return 0;
    case HY_OP_REMOVE:
        if (is_array || !edit->key)
            return hy_fail(err, HY_EGAP, "only a key of an object can be removed by its name");
        if (hy_node_find(edit->node, edit->key).kind == HY_ABSENT)
            return hy_fail(err, HY_EGAP, "there is no \"%s\"", edit->key->bytes);
        return 0;
    case HY_OP_INSERT:
        if (!is_array) return hy_fail(err, HY_EINVALID, "only an array takes inserted items");
        if (edit->value.kind != HY_ARRAY)
            return hy_fail(err, HY_EINVALID, "inserted items come as an array");
        if (edit->index > count) return fail_index(err, edit->index, count);
        return 0;
    case HY_OP_ERASE:
        if (!is_array) return hy_fail(err, HY_EINVALID, "only an array has items to take out");
        if (edit->count == 0) return hy_fail(err, HY_EINVALID, "no items to take out");
        if (edit->index >= count || edit->count > count - edit->index)
            return fail_index(err, edit->index + (size_t)edit->count - 1, count);
        return 0;
    }
    return HY_EINVALID;
}

static int apply_whole(hy_node_t *root, hy_edit_t *edit, hy_value_t *old, hy_error_t *err) {
    if (edit->kind != HY_OP_SET || !hy_is_node(edit->value)) {
        hy_value_drop(edit->value);
        return hy_fail(err, HY_EINVALID, "the whole data is an object or an array");
    }
    return hy_node_become(root, edit->value, old);
}

static int apply_at(hy_edit_t *edit, hy_value_t *old, uint64_t *count) {
    int rc = HY_EINVALID;
    *count = edit->count;
    switch (edit->kind) {
    case HY_OP_SET:
        return edit->key ? hy_node_set(edit->node, edit->key, edit->value, old)
                         : hy_node_put(edit->node, edit->index, edit->value, old);
    case HY_OP_REMOVE:
        rc = hy_node_unset(edit->node, edit->key, old);
        break;
    case HY_OP_INSERT:
        *count = hy_node_count(edit->value.as.n);
        rc = insert_items(edit->node, edit->index, edit->value.as.n);
        break;
    case HY_OP_ERASE:
        rc = erase_items(edit->node, edit->index, edit->count, old);
        break;
    }
    hy_value_drop(edit->value);
    return rc;
}

int hy_edit_apply(hy_node_t *root, hy_edit_t *edit, hy_effect_t *effect, hy_error_t *err) {
    hy_value_t old = hy_absent();
    uint64_t count = 0;
    int rc = check_depth(edit, err);
    if (rc == 0 && edit->node) rc = check_place(edit, err);
    if (rc < 0) {
        hy_value_drop(edit->value);
        return rc;
    }
    rc = edit->node ? apply_at(edit, &old, &count) : apply_whole(root, edit, &old, err);
    if (rc < 0) return rc;
    if (!effect) {
        hy_value_drop(old);
        return 0;
    }
    *effect = (hy_effect_t){.kind = edit->kind,
                            .node = edit->node ? hy_node_ref(edit->node) : NULL,
                            .key = edit->key ? hy_str_ref(edit->key) : NULL,
                            .index = edit->index,
                            .count = count,
                            .old = old};
    return 0;
}

void hy_effect_release(hy_effect_t *effect) {
    if (effect->node) hy_node_unref(effect->node);
    hy_str_unref(effect->key);
    hy_value_drop(effect->old);
    *effect = (hy_effect_t){.kind = effect->kind};
}

/* Puts back what is in `old`. */
static void undo(hy_node_t *root, hy_effect_t *effect) {
    hy_value_t old = effect->old;
    effect->old = hy_absent();
    if (!effect->node) {
        hy_node_become(root, old, NULL);
        return;
    }
    switch (effect->kind) {
    case HY_OP_SET:
        if (!effect->key) {
            hy_node_put(effect->node, effect->index, old, NULL);
        } else if (old.kind == HY_ABSENT) {
            hy_node_unset(effect->node, effect->key, NULL);
        } else {
            hy_node_set(effect->node, effect->key, old, NULL);
        }
        return;
    case HY_OP_REMOVE:
        hy_node_set(effect->node, effect->key, old, NULL);
        return;
    case HY_OP_INSERT:
        close_places(effect->node, effect->index, effect->count);
        return;
    case HY_OP_ERASE:
        insert_items(effect->node, effect->index, old.as.n);
        hy_value_drop(old);
        return;
    }
}

void hy_effect_undo(hy_node_t *root, hy_effect_t *effect) {
    undo(root, effect);
    hy_effect_release(effect);
}

/* --- whole changes ---------------------------------------------------------------------------- */

/* An index as it stands in a path: digits only, no leading zero. */
static bool parse_index(const hy_str_t *key, size_t *index) {
    if (key->len == 0 || key->len > 10 || (key->len > 1 && key->bytes[0] == '0')) return false;
    size_t i = 0;
    for (uint32_t at = 0; at < key->len; at++) {
        if (key->bytes[at] < '0' || key->bytes[at] > '9') return false;
        i = i * 10 + (size_t)(key->bytes[at] - '0');
    }
    *index = i;
    return true;
}

/* Places the edit at a step of a node: key of an object, index of an array. */
static int place(hy_edit_t *edit, hy_node_t *node, const hy_step_t *step) {
    edit->node = node;
    edit->key = NULL;
    if (hy_node_kind(node) == HY_ARRAY) {
        edit->index = (size_t)step->index;
        return !step->key || parse_index(step->key, &edit->index) ? 0 : HY_EGAP;
    }
    edit->key = step->key;
    return step->key ? 0 : HY_EGAP;
}

static int resolve(const hy_op_t *op, hy_node_t *root, hy_edit_t *edit, uint64_t indices[2]) {
    *edit = (hy_edit_t){.kind = op->kind, .count = op->count};
    hy_node_t *node = root;
    for (uint32_t i = 0; i < op->step_count; i++) {
        int rc = place(edit, node, &op->steps[i]);
        if (rc < 0) return rc;
        if (!edit->key) indices[i / 64] |= UINT64_C(1) << (i % 64);
        if (i + 1 == op->step_count) break;
        hy_value_t next = edit->key ? hy_node_find(node, edit->key) : hy_node_at(node, edit->index);
        if (!hy_is_node(next)) return HY_EGAP;
        node = next.as.n;
    }
    return hy_value_copy(op->value, &edit->value);
}

static int apply_op(const hy_op_t *op, hy_node_t *root, hy_effect_t *effect, hy_error_t *err) {
    hy_edit_t edit;
    uint64_t indices[2] = {0};
    int rc = resolve(op, root, &edit, indices);
    if (rc == HY_EGAP) {
        hy_buf_t path;
        hy_buf_init(&path);
        hy_path_write(&path, op->steps, op->step_count, 0);
        hy_fail(err, rc, "there is no %.*s", (int)path.len, path.bytes ? path.bytes : "");
        hy_buf_deinit(&path);
    }
    if (rc < 0) return rc;
    rc = hy_edit_apply(root, &edit, effect, err);
    if (rc == 0 && effect) memcpy(effect->indices, indices, sizeof indices);
    if (rc != HY_EINVALID) return rc;
    if (err) err->code = HY_EGAP; /* what does not fit here was made on another state */
    return HY_EGAP;
}

int hy_change_apply(const hy_change_t *c, hy_node_t *root, hy_effect_t *effects, hy_error_t *err) {
    if (c->count == 1) return apply_op(&c->ops[0], root, effects, err);
    hy_effect_t *undo_log = effects ? effects : hy_alloc((c->count + 1) * sizeof *undo_log);
    if (!undo_log) return HY_ENOMEM;
    int rc = 0;
    uint32_t done = 0;
    while (done < c->count && rc == 0) {
        rc = apply_op(&c->ops[done], root, &undo_log[done], err);
        if (rc == 0) done++;
    }
    if (rc < 0) {
        while (done > 0) {
            hy_effect_undo(root, &undo_log[--done]);
        }
    } else if (!effects) {
        while (done > 0) {
            hy_effect_release(&undo_log[--done]);
        }
    }
    if (!effects) hy_free(undo_log);
    return rc;
}
