/* What a node is made of; private to this layer. The rules are in value.h.
 *
 *      node 64 bytes   [ refs kind | parent | key or place in it | dict of fields / ring of items ]
 *
 * A ring holds its items in a power of two of slots. Each item has a position: a number that counts
 * up, starting anywhere, and wraps at 2^32. The first has `head`, its slot is position mod room.
 * So both ends are cheap, and a position stays true while the ring grows or other items come and go
 * at the ends. A node in an array remembers its position as a hint: only shifts in the middle make
 * it stale, and then the item is near. */
#ifndef HY_BASE_NODE_H
#define HY_BASE_NODE_H

#include "dict.h"
#include "value.h"

typedef struct {
    hy_str_t *key;
    hy_value_t value;
} hy__field_t;

typedef struct {
    hy_value_t *slots;
    uint32_t head; /* position of the first item */
    uint32_t count;
    uint32_t room;
} hy__ring_t;

struct hy_node {
    uint32_t refs;
    uint32_t kind; /* hy_kind_t */
    hy_node_t *parent;
    union {
        hy_str_t *key;  /* in an object: the field's, lent */
        uint32_t place; /* in an array: its position, or what that was once */
    } in;
    union {
        hy_dict_t fields;
        hy__ring_t items;
    } as;
};

_Static_assert(sizeof(struct hy_node) <= 64, "a node fits into a cache line");

static inline hy_value_t *hy__ring_slot(const hy__ring_t *r, uint32_t position) {
    return &r->slots[position & (r->room - 1)];
}

/* 0, or why the value may not go into the tree of `parent`. The caller then drops it. */
int hy__value_admit(const hy_node_t *parent, hy_value_t v);
/* Lets go of a value as its owner does. A node whose last reference that was is put in front of
 * `*dead`, a list linked by the parent pointers. The other two do it to all that a node holds, and
 * free the memory for it. */
void hy__value_release(hy_value_t v, hy_node_t **dead);
void hy__object_clear(hy_node_t *n, hy_node_t **dead);
void hy__array_clear(hy_node_t *n, hy_node_t **dead);

static inline void hy__value_orphan(hy_value_t v) {
    if (!hy_is_node(v)) return;
    v.as.n->parent = NULL;
    v.as.n->in.key = NULL;
}

/* What was in the tree goes to the caller, or away. */
static inline void hy__value_give(hy_value_t v, hy_value_t *old) {
    hy__value_orphan(v);
    if (old) {
        *old = v;
    } else {
        hy_value_drop(v);
    }
}

/* Add a field to an object that lacks the key (the caller knows); an item behind the last of an
 * array. */
int hy__object_add(hy_node_t *n, hy_str_t *key, hy_value_t v);
int hy__array_add(hy_node_t *n, hy_value_t v);

#endif
