/* Arrays: nodes whose content is a ring of items (drawn in node.h). An insertion or removal in the
 * middle shifts the shorter side. */
#include "mem.h"
#include "node.h"

#include <assert.h>

#define ROOM_FIRST 4u
#define ROOM_MAX   (1u << 28)

static hy_value_t *item(const hy__ring_t *r, size_t i) {
    return hy__ring_slot(r, r->head + (uint32_t)i);
}

static void adopt(hy_node_t *n, size_t i) {
    hy_value_t v = *item(&n->as.items, i);
    if (!hy_is_node(v)) return;
    v.as.n->parent = n;
    v.as.n->in.place = n->as.items.head + (uint32_t)i;
}

void hy__array_clear(hy_node_t *n, hy_node_t **dead) {
    hy__ring_t *r = &n->as.items;
    for (uint32_t i = 0; i < r->count; i++)
        hy__value_release(*item(r, i), dead);
    hy_free(r->slots);
    *r = (hy__ring_t){0};
}

/* Moves the items to other memory; each keeps its position. */
static bool resize(hy__ring_t *r, uint32_t room) {
    hy__ring_t moved = {.head = r->head, .count = r->count, .room = room};
    moved.slots = hy_alloc(room * sizeof *moved.slots);
    if (!moved.slots) return false;
    for (uint32_t i = 0; i < r->count; i++)
        *item(&moved, i) = *item(r, i);
    hy_free(r->slots);
    *r = moved;
    return true;
}

static bool make_room(hy__ring_t *r) {
    if (r->count < r->room) return true;
    if (r->room == 0) return resize(r, ROOM_FIRST);
    return r->room < ROOM_MAX && resize(r, r->room * 2);
}

/* Moves `count` items from index `from` by one, up (+1) or down (-1). The slot they move into is
 * free. */
static void shift(hy__ring_t *r, size_t from, size_t count, int by) {
    if (count == 0) return;
    hy_value_t *first = item(r, from), *last = item(r, from + count - 1);
    hy_value_t *target = hy__ring_slot(r, r->head + (uint32_t)from + (uint32_t)by);
    size_t end = (size_t)(target - r->slots) + count;
    if (first <= last && end <= r->room) { /* in one piece, before and after */
        memmove(target, first, count * sizeof *first);
    } else if (by > 0) {
        for (size_t i = from + count; i-- > from;)
            *item(r, i + 1) = *item(r, i);
    } else {
        for (size_t i = from; i < from + count; i++) {
            *hy__ring_slot(r, r->head + (uint32_t)i - 1) = *item(r, i);
        }
    }
}

hy_value_t hy_node_at(const hy_node_t *n, size_t i) {
    if (n->kind != HY_ARRAY || i >= n->as.items.count) return hy_absent();
    return *item(&n->as.items, i);
}

int hy_node_put(hy_node_t *n, size_t i, hy_value_t v, hy_value_t *old) {
    int rc = n->kind != HY_ARRAY ? HY_EINVALID : hy__value_admit(n, v);
    if (rc == 0 && i >= n->as.items.count) rc = HY_EGAP;
    if (rc) {
        hy_value_drop(v);
        return rc;
    }
    hy_value_t *slot = item(&n->as.items, i), before = *slot;
    *slot = v;
    adopt(n, i);
    hy__value_give(before, old);
    return 0;
}

int hy_node_insert(hy_node_t *n, size_t i, hy_value_t v) {
    hy__ring_t *r = &n->as.items;
    int rc = n->kind != HY_ARRAY ? HY_EINVALID : hy__value_admit(n, v);
    if (rc == 0 && i > r->count) rc = HY_EGAP;
    if (rc == 0 && !make_room(r)) rc = HY_ENOMEM;
    if (rc) {
        hy_value_drop(v);
        return rc;
    }
    if (i < r->count / 2) {
        shift(r, 0, i, -1);
        r->head--;
    } else {
        shift(r, i, r->count - i, +1);
    }
    r->count++;
    *item(r, i) = v;
    adopt(n, i);
    return 0;
}

int hy__array_add(hy_node_t *n, hy_value_t v) {
    return hy_node_insert(n, hy_node_count(n), v);
}

int hy_node_erase(hy_node_t *n, size_t i, hy_value_t *old) {
    if (n->kind != HY_ARRAY) return HY_EINVALID;
    hy__ring_t *r = &n->as.items;
    if (i >= r->count) return HY_EGAP;
    hy_value_t before = *item(r, i);
    if (i < r->count / 2) {
        shift(r, 0, i, +1);
        r->head++;
    } else {
        shift(r, i + 1, r->count - i - 1, -1);
    }
    r->count--;
    /* A long array that has become short gives memory back; if that fails it keeps it. */
    if (r->room > 4 * ROOM_FIRST && r->count < r->room / 4) resize(r, r->room / 2);
    hy__value_give(before, old);
    return 0;
}

/* Looks at the place where the node once was, then further and further from it on both sides. */
size_t hy_node_index(hy_node_t *n) {
    if (!n->parent || n->parent->kind != HY_ARRAY) return 0;
    const hy__ring_t *r = &n->parent->as.items;
    uint32_t hint = n->in.place - r->head; /* as an index; may be beyond the end by now */
    if (hint >= r->count) hint = (int32_t)hint < 0 ? 0 : r->count - 1;
    for (uint32_t away = 0; away < r->count; away++) {
        uint32_t below = hint - away, above = hint + away;
        if (below < r->count && item(r, below)->as.n == n && hy_is_node(*item(r, below))) {
            n->in.place = r->head + below;
            return below;
        }
        if (above < r->count && item(r, above)->as.n == n && hy_is_node(*item(r, above))) {
            n->in.place = r->head + above;
            return above;
        }
    }
    assert(!"a child is among its parent's items");
    return 0;
}
