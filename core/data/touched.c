/* The touched part of a tree. Of one effect it is the way from the root to its node. Of many it is
 * grown from each node upwards until it meets what is there; nodes are found by their address. */
#include "touched.h"

#include "../base/mem.h"

/* --- what is in a node ------------------------------------------------------------------------ */

static void begin(hy__touch_t *touch, hy_node_t *node) {
    *touch = (hy__touch_t){.node = node, .moved_from = SIZE_MAX};
    hy_dict_init(&touch->keys, sizeof(hy_str_t *));
}

bool hy__touch_has_key(const hy__touch_t *touch, const hy_str_t *key) {
    if (!touch->key) return false;
    return hy_str_equal(touch->key, key) ||
           hy_dict_find(&touch->keys, key->bytes, key->len, key->hash);
}

hy_str_t *hy__touch_next_key(const hy__touch_t *touch, uint32_t *pos) {
    if (*pos == 0) {
        *pos = 1;
        return touch->key;
    }
    uint32_t at = *pos - 1;
    hy_str_t **entry = hy_dict_next(&touch->keys, &at);
    *pos = at + 1;
    return entry ? *entry : NULL;
}

static int add_key(hy__touch_t *touch, hy_str_t *key) {
    if (!touch->key) touch->key = key;
    if (hy_str_equal(touch->key, key)) return 0;
    return hy_dict_put(&touch->keys, key, NULL) ? 0 : HY_ENOMEM;
}

/* Items from `from` on went `by` to the left, those before it that are fewer were taken out. */
static size_t place_after_erase(size_t place, size_t from, size_t by) {
    if (place <= from) return place;
    return place - from < by ? from : place - by;
}

static void add_items(hy__touch_t *touch, const hy_effect_t *effect) {
    size_t from = effect->index, by = (size_t)effect->count;
    if (effect->kind != HY_OP_SET && from < touch->moved_from) touch->moved_from = from;
    if (effect->kind == HY_OP_ERASE) {
        touch->low = place_after_erase(touch->low, from, by);
        touch->high = place_after_erase(touch->high, from, by);
        return;
    }
    bool is_first = touch->low == touch->high;
    if (effect->kind == HY_OP_INSERT) {
        if (touch->low >= from) touch->low += by;
        if (touch->high > from) touch->high += by;
        touch->moved_by += by;
    } else {
        by = 1;
    }
    if (is_first || from < touch->low) touch->low = from;
    if (is_first || from + by > touch->high) touch->high = from + by;
}

static int add_effect(hy__touch_t *touch, const hy_effect_t *effect) {
    bool is_set = effect->kind == HY_OP_SET;
    touch->has_gone |= effect->kind == HY_OP_REMOVE || effect->kind == HY_OP_ERASE;
    touch->has_come |= effect->kind == HY_OP_INSERT || (is_set && effect->old.kind == HY_ABSENT);
    if (effect->key) return add_key(touch, effect->key);
    add_items(touch, effect);
    return 0;
}

/* --- of one effect ---------------------------------------------------------------------------- */

static int make_way(hy__touched_t *t, hy_node_t *root, const hy_effect_t *effect) {
    size_t depth = 0;
    for (hy_node_t *n = effect->node; n != root; n = hy_node_parent(n)) {
        if (!n) return 0;
        depth++;
    }
    hy_node_t *node = effect->node;
    for (size_t i = depth + 1; i-- > 0; node = hy_node_parent(node)) {
        begin(&t->way[i], node);
        if (i < depth) t->way[i].first = &t->way[i + 1];
    }
    t->root = &t->way[0];
    return add_effect(&t->way[depth], effect);
}

/* --- of many ---------------------------------------------------------------------------------- */

/* The slot of that node, which may be free. */
static hy__touch_t **slot_of(const hy__touched_t *t, const hy_node_t *node) {
    uint64_t mixed = ((uint64_t)(uintptr_t)node >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    for (uint32_t i = (uint32_t)(mixed >> 32);; i++) {
        hy__touch_t **slot = &t->slots[i & t->slot_mask];
        if (!*slot || (*slot)->node == node) return slot;
    }
}

static int make_slots(hy__touched_t *t) {
    uint32_t room = t->slots ? 2 * (t->slot_mask + 1) : 64;
    hy__touch_t **slots = hy_alloc_zero(room * sizeof *slots);
    if (!slots) return HY_ENOMEM;
    hy_free(t->slots);
    t->slots = slots;
    t->slot_mask = room - 1;
    for (hy__touch_t *touch = t->all; touch; touch = touch->all) {
        *slot_of(t, touch->node) = touch;
    }
    return 0;
}

static hy__touch_t *add_node(hy__touched_t *t, hy_node_t *node) {
    if (t->count >= t->slot_mask / 2 && make_slots(t) < 0) return NULL;
    hy__touch_t *touch = hy_alloc(sizeof *touch);
    if (!touch) return NULL;
    begin(touch, node);
    touch->all = t->all;
    t->all = touch;
    t->count++;
    *slot_of(t, node) = touch;
    return touch;
}

/* The node's, made with all on the way to it. `*out` stays as it is where the node is not in the
 * tree any more. */
static int grow_to(hy__touched_t *t, hy_node_t *node, hy__touch_t **out) {
    const hy_node_t *up = node;
    while (up && !*slot_of(t, up)) {
        up = hy_node_parent(up);
    }
    if (!up) return 0;
    hy__touch_t *below = NULL;
    for (;; node = hy_node_parent(node)) {
        hy__touch_t *touch = *slot_of(t, node);
        bool is_known = touch;
        if (!is_known) touch = add_node(t, node);
        if (!touch) return HY_ENOMEM;
        if (below) {
            below->next = touch->first;
            touch->first = below;
        } else {
            *out = touch;
        }
        if (is_known) return 0;
        below = touch;
    }
}

/* True for a member or an item that was put in. */
static bool is_put_in(const hy__touch_t *parent, const hy__touch_t *touch) {
    if (hy_node_kind(parent->node) == HY_OBJECT)
        return hy__touch_has_key(parent, hy_node_key(touch->node));
    size_t i = hy_node_index(touch->node);
    return i >= parent->low && i < parent->high;
}

/* Takes out what is in members and items that were put in. */
static void prune(hy__touched_t *t) {
    for (hy__touch_t *touch = t->all; touch; touch = touch->all) {
        hy__touch_t **link = &touch->first;
        while (*link) {
            if (is_put_in(touch, *link)) {
                *link = (*link)->next;
            } else {
                link = &(*link)->next;
            }
        }
    }
}

static int make_tree(hy__touched_t *t, hy_node_t *root, const hy_effect_t *effects,
                     uint32_t count) {
    t->root = make_slots(t) < 0 ? NULL : add_node(t, root);
    if (!t->root) return HY_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        hy__touch_t *touch = NULL;
        int rc = grow_to(t, effects[i].node, &touch);
        if (rc == 0 && touch) rc = add_effect(touch, &effects[i]);
        if (rc < 0) return rc;
    }
    prune(t);
    return 0;
}

/* --- all -------------------------------------------------------------------------------------- */

int hy__touched_make(hy__touched_t *t, hy_node_t *root, const hy_effect_t *effects,
                     uint32_t count) {
    t->root = NULL;
    t->slots = NULL;
    t->slot_mask = t->count = 0;
    t->all = NULL;
    t->is_whole = false;
    for (uint32_t i = 0; i < count; i++) {
        t->is_whole |= !effects[i].node;
    }
    if (t->is_whole || count == 0) return 0;
    return count == 1 ? make_way(t, root, effects) : make_tree(t, root, effects, count);
}

void hy__touched_release(hy__touched_t *t) {
    hy__touch_t *next;
    for (hy__touch_t *touch = t->all; touch; touch = next) {
        next = touch->all;
        hy_dict_deinit(&touch->keys);
        hy_free(touch);
    }
    hy_free(t->slots);
}
