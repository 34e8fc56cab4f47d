/* Values: what JSON can say, as a tree.
 *
 * A value is 16 bytes: null, boolean, 64-bit integer, double, string (shared), or a node. A node is
 * an array or an object; it knows its parent, so that its path can be told from below. Objects keep
 * insertion order and find keys by hash; arrays are double-ended, so that both ends are cheap.
 *
 * Ownership: a function that takes an hy_value_t by value owns it from then on, also when it fails.
 * A function that returns one lends it (until the tree is changed) unless its name says copy.
 * A node has one owner (a value in a parent, or a variable) and may have further references
 * (handles) that keep its memory, not its place: once taken out of its tree it has no parent. What
 * goes into a tree must have no parent, and must not contain the place it goes to (asserted).
 *
 * Doubles in a tree are finite: a node refuses others with HY_EINVALID, as JSON cannot say them. It
 * refuses ABSENT with HY_ENOMEM, so that a value can be made and put in one expression. */
#ifndef HY_BASE_VALUE_H
#define HY_BASE_VALUE_H

#include "error.h"
#include "str.h"

typedef enum {
    HY_ABSENT = 0, /* nothing there; never inside a tree */
    HY_NULL,
    HY_BOOL,
    HY_INT,
    HY_REAL,
    HY_STR,
    HY_OBJECT,
    HY_ARRAY
} hy_kind_t;

typedef struct hy_node hy_node_t;

typedef struct {
    uint32_t kind; /* hy_kind_t */
    union {
        bool b;
        int64_t i;
        double r;
        hy_str_t *s;
        hy_node_t *n;
    } as;
} hy_value_t;

static inline hy_value_t hy_absent(void) {
    return (hy_value_t){.kind = HY_ABSENT};
}
static inline hy_value_t hy_null(void) {
    return (hy_value_t){.kind = HY_NULL};
}
static inline hy_value_t hy_bool(bool b) {
    return (hy_value_t){.kind = HY_BOOL, .as.b = b};
}
static inline hy_value_t hy_int(int64_t i) {
    return (hy_value_t){.kind = HY_INT, .as.i = i};
}
static inline hy_value_t hy_real(double r) {
    return (hy_value_t){.kind = HY_REAL, .as.r = r};
}
/* Takes the reference; ABSENT for NULL (out of memory shows when the value is put somewhere). */
static inline hy_value_t hy_string(hy_str_t *s) {
    return s ? (hy_value_t){.kind = HY_STR, .as.s = s} : hy_absent();
}
/* As above for a node. */
hy_value_t hy_node_value(hy_node_t *n);
/* A new string value of that text; ABSENT when out of memory. */
hy_value_t hy_text(const char *text);

static inline bool hy_is_node(hy_value_t v) {
    return v.kind >= HY_OBJECT;
}

/* Lets go of what the value owns. Trees are taken down without recursion; copying and the like
 * recurse as deep as the tree is, which those who let data in bound (HY_VALUE_DEPTH_MAX). */
void hy_value_drop(hy_value_t v);
/* Deep copy (strings are shared) into *out. */
int hy_value_copy(hy_value_t v, hy_value_t *out);
/* Same JSON: integers and doubles of equal value are different kinds and differ, as do 0.0 and
 * -0.0; key order is nothing. */
bool hy_value_equal(hy_value_t a, hy_value_t b);
/* 0 for a scalar, 1 for {} … */
unsigned hy_value_depth(hy_value_t v);
/* Memory it takes, roughly, in bytes. */
size_t hy_value_bytes(hy_value_t v);

/* --- nodes ------------------------------------------------------------------------------------ */

/* `kind` is HY_OBJECT or HY_ARRAY. One reference, no parent. NULL when out of memory. */
hy_node_t *hy_node_new(hy_kind_t kind);
hy_node_t *hy_node_ref(hy_node_t *n);
/* The last reference frees the node. Until then it keeps its content; children that handles keep
 * beyond that have no parent from then on. */
void hy_node_unref(hy_node_t *n);
hy_kind_t hy_node_kind(const hy_node_t *n);
size_t hy_node_count(const hy_node_t *n);
/* NULL at the root of a tree and once taken out. */
hy_node_t *hy_node_parent(const hy_node_t *n);
/* The key under which the parent object holds it (lent); its index in the parent array. */
hy_str_t *hy_node_key(const hy_node_t *n);
size_t hy_node_index(hy_node_t *n);
/* The tree's uppermost node. */
const hy_node_t *hy_node_root(const hy_node_t *n);

/* Objects. In an array these find nothing, and fail with HY_EINVALID. */
hy_value_t hy_node_get(const hy_node_t *n, const char *key, size_t len); /* ABSENT if not there */
hy_value_t hy_node_find(const hy_node_t *n, hy_str_t *key);
/* `old` gets what was there before, ABSENT if nothing, and the caller owns it; NULL: it is
 * dropped. */
int hy_node_set(hy_node_t *n, hy_str_t *key, hy_value_t v, hy_value_t *old);
int hy_node_unset(hy_node_t *n, hy_str_t *key, hy_value_t *old); /* HY_ENOT_FOUND */
/* Walks in insertion order from *pos = 0; false at the end. Unsetting the key just given is fine,
 * and so is setting keys that are there. `key` and `v` (NULL allowed) are lent. */
bool hy_node_next(const hy_node_t *n, uint32_t *pos, hy_str_t **key, hy_value_t *v);
/* Sets *pos to just after that key, to go on walking from there; false if it is not there. */
bool hy_node_seek(const hy_node_t *n, const char *key, size_t len, uint32_t *pos);

/* Arrays, indices from 0. In an object these find nothing, and fail with HY_EINVALID. */
hy_value_t hy_node_at(const hy_node_t *n, size_t i);                    /* ABSENT if out of range */
int hy_node_put(hy_node_t *n, size_t i, hy_value_t v, hy_value_t *old); /* i < count, else EGAP */
int hy_node_insert(hy_node_t *n, size_t i, hy_value_t v);               /* i <= count, else EGAP */
int hy_node_erase(hy_node_t *n, size_t i, hy_value_t *old);             /* i < count, else EGAP */

/* Gives `n` the kind and content of the value's node, keeping its identity and place. The old
 * content goes to `*old` as a node of its own (NULL: dropped), which is the value's node: the two
 * exchange what they hold. A value of a root that somebody keeps in a variable must be made anew
 * (hy_node_value), as the kind may have changed. HY_EINVALID if `v` is no node, HY_ENOMEM if it is
 * ABSENT. */
int hy_node_become(hy_node_t *n, hy_value_t v, hy_value_t *old);

/* --- for building and reading message bodies -------------------------------------------------- */

/* Sets `key` in an object; `n` NULL or `v` ABSENT count as out of memory. */
int hy_put(hy_node_t *n, const char *key, hy_value_t v);
/* ABSENT when `n` is NULL or no object, or lacks the key. The typed ones: NULL or `otherwise` also
 * for another kind. */
hy_value_t hy_get(const hy_node_t *n, const char *key);
hy_str_t *hy_get_str(const hy_node_t *n, const char *key);
hy_node_t *hy_get_object(const hy_node_t *n, const char *key);
hy_node_t *hy_get_array(const hy_node_t *n, const char *key);
int64_t hy_get_int(const hy_node_t *n, const char *key, int64_t otherwise);
bool hy_get_bool(const hy_node_t *n, const char *key, bool otherwise);

#endif
