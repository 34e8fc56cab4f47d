/* Nodes: their life, their place in a tree, exchange of content, and the short functions for
 * message bodies. What is particular to one kind: object.c, array.c.
 *
 * A tree is taken down without recursion: a node whose last reference goes is put on a list, linked
 * by the parent pointer that it needs no more, and the list is worked off. */
#include "node.h"
#include "mem.h"

#include <assert.h>

static void init_content(hy_node_t *n, hy_kind_t kind) {
    n->kind = kind;
    if (kind == HY_OBJECT) {
        hy_dict_init(&n->as.fields, sizeof(hy__field_t));
    } else {
        n->as.items = (hy__ring_t){0};
    }
}

hy_node_t *hy_node_new(hy_kind_t kind) {
    assert(kind == HY_OBJECT || kind == HY_ARRAY);
    hy_node_t *n = hy_alloc(sizeof *n);
    if (!n) return NULL;
    n->refs = 1;
    n->parent = NULL;
    n->in.key = NULL;
    init_content(n, kind);
    return n;
}

hy_node_t *hy_node_ref(hy_node_t *n) {
    n->refs++;
    return n;
}

void hy_node_unref(hy_node_t *n) {
    if (!n || --n->refs > 0) return;
    assert(!n->parent); /* else its parent has lost a reference that it owned */
    hy_node_t *dead = n;
    while (dead) {
        n = dead;
        dead = n->parent;
        if (n->kind == HY_OBJECT) {
            hy__object_clear(n, &dead);
        } else {
            hy__array_clear(n, &dead);
        }
        hy_free(n);
    }
}

hy_kind_t hy_node_kind(const hy_node_t *n) {
    return (hy_kind_t)n->kind;
}

size_t hy_node_count(const hy_node_t *n) {
    return n->kind == HY_OBJECT ? n->as.fields.count : n->as.items.count;
}

hy_node_t *hy_node_parent(const hy_node_t *n) {
    return n->parent;
}

hy_str_t *hy_node_key(const hy_node_t *n) {
    return n->parent && n->parent->kind == HY_OBJECT ? n->in.key : NULL;
}

const hy_node_t *hy_node_root(const hy_node_t *n) {
    while (n->parent)
        n = n->parent;
    return n;
}

/* --- exchange of content ---------------------------------------------------------------------- */

/* The children of `n` came from another node. Their keys and positions came along. */
static void adopt_children(hy_node_t *n) {
    if (n->kind == HY_OBJECT) {
        uint32_t pos = 0;
        hy_value_t v;
        while (hy_node_next(n, &pos, NULL, &v)) {
            if (hy_is_node(v)) v.as.n->parent = n;
        }
    } else {
        for (uint32_t i = 0; i < n->as.items.count; i++) {
            hy_value_t v = hy_node_at(n, i);
            if (hy_is_node(v)) v.as.n->parent = n;
        }
    }
}

/* The value in the parent says what kind of node it is. */
static void tell_parent_kind(hy_node_t *n) {
    hy_node_t *parent = n->parent;
    if (!parent) return;
    if (parent->kind == HY_OBJECT) {
        hy__field_t *field = hy_dict_get(&parent->as.fields, n->in.key);
        field->value.kind = n->kind;
    } else {
        hy__ring_t *items = &parent->as.items;
        hy__ring_slot(items, items->head + (uint32_t)hy_node_index(n))->kind = n->kind;
    }
}

int hy_node_become(hy_node_t *n, hy_value_t v, hy_value_t *old) {
    if (!hy_is_node(v)) {
        hy_value_drop(v);
        return v.kind == HY_ABSENT ? HY_ENOMEM : HY_EINVALID;
    }
    hy_node_t *other = v.as.n;
    assert(!other->parent && hy_node_root(n) != other);
    hy_node_t held = *n;
    n->kind = other->kind;
    n->as = other->as;
    other->kind = held.kind;
    other->as = held.as;
    adopt_children(n);
    adopt_children(other);
    tell_parent_kind(n);
    hy__value_give(hy_node_value(other), old);
    return 0;
}

/* --- message bodies --------------------------------------------------------------------------- */

int hy_put(hy_node_t *n, const char *key, hy_value_t v) {
    hy_str_t *name = n ? hy_str_from(key) : NULL;
    if (!name) {
        hy_value_drop(v);
        return HY_ENOMEM;
    }
    int rc = hy_node_set(n, name, v, NULL);
    hy_str_unref(name);
    return rc;
}

hy_value_t hy_get(const hy_node_t *n, const char *key) {
    return n ? hy_node_get(n, key, strlen(key)) : hy_absent();
}

hy_str_t *hy_get_str(const hy_node_t *n, const char *key) {
    hy_value_t v = hy_get(n, key);
    return v.kind == HY_STR ? v.as.s : NULL;
}

hy_node_t *hy_get_object(const hy_node_t *n, const char *key) {
    hy_value_t v = hy_get(n, key);
    return v.kind == HY_OBJECT ? v.as.n : NULL;
}

hy_node_t *hy_get_array(const hy_node_t *n, const char *key) {
    hy_value_t v = hy_get(n, key);
    return v.kind == HY_ARRAY ? v.as.n : NULL;
}

int64_t hy_get_int(const hy_node_t *n, const char *key, int64_t otherwise) {
    hy_value_t v = hy_get(n, key);
    return v.kind == HY_INT ? v.as.i : otherwise;
}

bool hy_get_bool(const hy_node_t *n, const char *key, bool otherwise) {
    hy_value_t v = hy_get(n, key);
    return v.kind == HY_BOOL ? v.as.b : otherwise;
}
