/* Values: letting go of them, copying, comparing, measuring. Nodes themselves: node.c, object.c,
 * array.c. */
#include "mem.h"
#include "node.h"

#include <assert.h>
#include <math.h>

hy_value_t hy_node_value(hy_node_t *n) {
    return n ? (hy_value_t){.kind = n->kind, .as.n = n} : hy_absent();
}

hy_value_t hy_text(const char *text) {
    return hy_string(hy_str_from(text));
}

/* --- letting go ------------------------------------------------------------------------------- */

void hy__value_release(hy_value_t v, hy_node_t **dead) {
    if (v.kind == HY_STR) {
        hy_str_unref(v.as.s);
    } else if (hy_is_node(v)) {
        hy__value_orphan(v);
        if (--v.as.n->refs > 0) return;
        v.as.n->parent = *dead;
        *dead = v.as.n;
    }
}

void hy_value_drop(hy_value_t v) {
    if (v.kind == HY_STR) {
        hy_str_unref(v.as.s);
    } else if (hy_is_node(v)) {
        hy_node_unref(v.as.n);
    }
}

int hy__value_admit(const hy_node_t *parent, hy_value_t v) {
    int code = 0;
    if (v.kind == HY_ABSENT) code = HY_ENOMEM;
    if (v.kind == HY_REAL && !isfinite(v.as.r)) code = HY_EINVALID;
    assert(!hy_is_node(v) || (!v.as.n->parent && hy_node_root(parent) != v.as.n));
    (void)parent;
    return code;
}

/* --- copying ---------------------------------------------------------------------------------- */

static int copy_object(const hy_node_t *from, hy_node_t *to) {
    uint32_t pos = 0;
    hy_str_t *key;
    hy_value_t v, copy;
    int rc = 0;
    while (rc == 0 && hy_node_next(from, &pos, &key, &v)) {
        rc = hy_value_copy(v, &copy);
        if (rc == 0) rc = hy__object_add(to, key, copy);
    }
    return rc;
}

static int copy_array(const hy_node_t *from, hy_node_t *to) {
    size_t count = hy_node_count(from);
    hy_value_t copy;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = hy_value_copy(hy_node_at(from, i), &copy);
        if (rc == 0) rc = hy__array_add(to, copy);
    }
    return rc;
}

int hy_value_copy(hy_value_t v, hy_value_t *out) {
    if (!hy_is_node(v)) {
        if (v.kind == HY_STR) hy_str_ref(v.as.s);
        *out = v;
        return 0;
    }
    hy_node_t *n = hy_node_new(hy_node_kind(v.as.n));
    if (!n) return HY_ENOMEM;
    int rc = n->kind == HY_OBJECT ? copy_object(v.as.n, n) : copy_array(v.as.n, n);
    if (rc) {
        hy_node_unref(n);
        return rc;
    }
    *out = hy_node_value(n);
    return 0;
}

/* --- comparing -------------------------------------------------------------------------------- */

static bool objects_are_equal(const hy_node_t *a, const hy_node_t *b) {
    uint32_t pos = 0;
    hy_str_t *key;
    hy_value_t v;
    while (hy_node_next(a, &pos, &key, &v)) {
        if (!hy_value_equal(v, hy_node_find(b, key))) return false;
    }
    return true;
}

static bool arrays_are_equal(const hy_node_t *a, const hy_node_t *b) {
    size_t count = hy_node_count(a);
    for (size_t i = 0; i < count; i++) {
        if (!hy_value_equal(hy_node_at(a, i), hy_node_at(b, i))) return false;
    }
    return true;
}

bool hy_value_equal(hy_value_t a, hy_value_t b) {
    if (hy_is_node(a))
        a = hy_node_value(a.as.n); /* a kept value of a root may be of its old kind */
    if (hy_is_node(b)) b = hy_node_value(b.as.n);
    if (a.kind != b.kind) return false;
    switch (a.kind) {
    case HY_BOOL:
        return a.as.b == b.as.b;
    case HY_INT:
        return a.as.i == b.as.i;
    case HY_REAL:
        return memcmp(&a.as.r, &b.as.r, sizeof a.as.r) == 0; /* 0.0 is not -0.0 */
    case HY_STR:
        return hy_str_equal(a.as.s, b.as.s);
    case HY_OBJECT:
    case HY_ARRAY:
        if (a.as.n == b.as.n) return true;
        if (hy_node_count(a.as.n) != hy_node_count(b.as.n)) return false;
        return a.kind == HY_OBJECT ? objects_are_equal(a.as.n, b.as.n)
                                   : arrays_are_equal(a.as.n, b.as.n);
    default:
        return true;
    }
}

/* --- measuring -------------------------------------------------------------------------------- */

/* The next field, or item (`key` is then NULL), from *pos; false at the end. */
static bool next_inside(const hy_node_t *n, uint32_t *pos, hy_str_t **key, hy_value_t *v) {
    if (n->kind == HY_OBJECT) return hy_node_next(n, pos, key, v);
    *key = NULL;
    *v = hy_node_at(n, (*pos)++);
    return v->kind != HY_ABSENT;
}

unsigned hy_value_depth(hy_value_t v) {
    if (!hy_is_node(v)) return 0;
    unsigned deepest = 0;
    uint32_t pos = 0;
    hy_str_t *key;
    hy_value_t inner;
    while (next_inside(v.as.n, &pos, &key, &inner)) {
        unsigned depth = hy_value_depth(inner);
        if (depth > deepest) deepest = depth;
    }
    return deepest + 1;
}

static size_t str_bytes(const hy_str_t *s) {
    return sizeof *s + s->len + 1;
}

size_t hy_value_bytes(hy_value_t v) {
    if (v.kind == HY_STR) return sizeof v + str_bytes(v.as.s);
    if (!hy_is_node(v)) return sizeof v;
    size_t bytes = sizeof v + sizeof(hy_node_t);
    uint32_t pos = 0;
    hy_str_t *key;
    hy_value_t inner;
    while (next_inside(v.as.n, &pos, &key, &inner)) {
        if (key) bytes += sizeof key + str_bytes(key);
        bytes += hy_value_bytes(inner);
    }
    return bytes;
}
