/* The touched part of a tree. Of one effect it is the way from the root to its node. Of many it is
 * grown from each node upwards until it meets what is there; nodes are found by their address. */
#include "touched.h"

#include "../base/mem.h"

#include <assert.h>

/* --- what is in a node ------------------------------------------------------------------------ */

static void begin(hy__news_t *news) {
    *news = (hy__news_t){.moved_from = SIZE_MAX};
}

bool hy__news_has_key(const hy__news_t *news, const hy_str_t *key) {
    if (!news->key) return false;
    return hy_str_equal(news->key, key) ||
           hy_dict_find(&news->keys, key->bytes, key->len, key->hash);
}

hy_str_t *hy__news_next_key(const hy__news_t *news, uint32_t *pos) {
    if (*pos == 0) {
        *pos = 1;
        return news->key;
    }
    if (news->keys.count == 0) return NULL;
    uint32_t at = *pos - 1;
    hy_str_t **entry = hy_dict_next(&news->keys, &at);
    *pos = at + 1;
    return entry ? *entry : NULL;
}

static int add_key(hy__news_t *news, hy_str_t *key) {
    if (!news->key) news->key = key;
    if (hy_str_equal(news->key, key)) return 0;
    if (!news->keys.entry_bytes) hy_dict_init(&news->keys, sizeof(hy_str_t *));
    return hy_dict_put(&news->keys, key, NULL) ? 0 : HY_ENOMEM;
}

/* Items from `from` on went `by` to the left, those before it that are fewer were taken out. */
static size_t place_after_erase(size_t place, size_t from, size_t by) {
    if (place <= from) return place;
    return place - from < by ? from : place - by;
}

static void add_items(hy__news_t *news, const hy_effect_t *effect) {
    size_t from = effect->index, by = (size_t)effect->count;
    if (effect->kind != HY_OP_SET && from < news->moved_from) news->moved_from = from;
    if (effect->kind == HY_OP_ERASE) {
        news->low = place_after_erase(news->low, from, by);
        news->high = place_after_erase(news->high, from, by);
        return;
    }
    bool is_first = news->low == news->high;
    if (effect->kind == HY_OP_INSERT) {
        if (news->low >= from) news->low += by;
        if (news->high > from) news->high += by;
        news->moved_by += by;
    } else {
        by = 1;
    }
    if (is_first || from < news->low) news->low = from;
    if (is_first || from + by > news->high) news->high = from + by;
}

static int add_effect(hy__news_t *news, const hy_effect_t *effect) {
    bool is_set = effect->kind == HY_OP_SET;
    news->has_gone |= effect->kind == HY_OP_REMOVE || effect->kind == HY_OP_ERASE;
    news->has_come |= effect->kind == HY_OP_INSERT || (is_set && effect->old.kind == HY_ABSENT);
    if (effect->key) return add_key(news, effect->key);
    add_items(news, effect);
    return 0;
}

/* --- of one effect ---------------------------------------------------------------------------- */

static int make_way(hy__touched_t *t, hy_node_t *root, const hy_effect_t *effect) {
    hy__touch_t *above = t->way + sizeof t->way / sizeof *t->way, *below = NULL;
    hy__news_t *news = &t->news;
    for (hy_node_t *n = effect->node;; n = hy_node_parent(n)) {
        if (!n) return 0;
        assert(above > t->way);
        *--above = (hy__touch_t){.node = n, .first = below, .news = news};
        if (n == root) break;
        below = above;
        news = NULL;
    }
    t->root = above;
    begin(&t->news);
    return add_effect(&t->news, effect);
}

/* --- of many ---------------------------------------------------------------------------------- */

struct hy__grown {
    hy__touch_t touch;
    hy__news_t news;
    hy__grown_t *all; /* the one made before it */
};

/* The slot of that node, which may be free. */
static hy__grown_t **slot_of(const hy__touched_t *t, const hy_node_t *node) {
    uint64_t mixed = ((uint64_t)(uintptr_t)node >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    for (uint32_t i = (uint32_t)(mixed >> 32);; i++) {
        hy__grown_t **slot = &t->slots[i & t->slot_mask];
        if (!*slot || (*slot)->touch.node == node) return slot;
    }
}

static int make_slots(hy__touched_t *t) {
    uint32_t room = t->slots ? 2 * (t->slot_mask + 1) : 64;
    hy__grown_t **slots = hy_alloc_zero(room * sizeof *slots);
    if (!slots) return HY_ENOMEM;
    hy_free(t->slots);
    t->slots = slots;
    t->slot_mask = room - 1;
    for (hy__grown_t *g = t->all; g; g = g->all) {
        *slot_of(t, g->touch.node) = g;
    }
    return 0;
}

static hy__grown_t *add_node(hy__touched_t *t, hy_node_t *node) {
    if (t->count >= t->slot_mask / 2 && make_slots(t) < 0) return NULL;
    hy__grown_t *g = hy_alloc(sizeof *g);
    if (!g) return NULL;
    g->touch = (hy__touch_t){.node = node};
    begin(&g->news);
    g->all = t->all;
    t->all = g;
    t->count++;
    *slot_of(t, node) = g;
    return g;
}

/* The node's, made with all on the way to it. `*out` stays as it is where the node is not in the
 * tree any more. */
static int grow_to(hy__touched_t *t, hy_node_t *node, hy__grown_t **out) {
    const hy_node_t *up = node;
    while (up && !*slot_of(t, up)) {
        up = hy_node_parent(up);
    }
    if (!up) return 0;
    hy__touch_t *below = NULL;
    for (;; node = hy_node_parent(node)) {
        hy__grown_t *g = *slot_of(t, node);
        bool is_known = g;
        if (!is_known) g = add_node(t, node);
        if (!g) return HY_ENOMEM;
        if (below) {
            below->next = g->touch.first;
            g->touch.first = below;
        } else {
            *out = g;
        }
        if (is_known) return 0;
        below = &g->touch;
    }
}

static int grow(hy__touched_t *t, const hy_effect_t *effect) {
    hy__grown_t *g = NULL;
    int rc = grow_to(t, effect->node, &g);
    if (rc < 0 || !g) return rc;
    g->touch.news = &g->news;
    return add_effect(&g->news, effect);
}

/* True for a member or an item that was put in. */
static bool is_put_in(const hy__touch_t *parent, const hy__touch_t *touch) {
    if (hy_node_kind(parent->node) == HY_OBJECT)
        return hy__news_has_key(parent->news, hy_node_key(touch->node));
    size_t i = hy_node_index(touch->node);
    return i >= parent->news->low && i < parent->news->high;
}

/* Takes out what is in members and items that were put in. */
static void prune(hy__touch_t *touch) {
    hy__touch_t **link = &touch->first;
    while (*link) {
        if (is_put_in(touch, *link)) {
            *link = (*link)->next;
        } else {
            link = &(*link)->next;
        }
    }
}

static int make_tree(hy__touched_t *t, hy_node_t *root, const hy_effect_t *effects,
                     uint32_t count) {
    hy__grown_t *at_root = make_slots(t) < 0 ? NULL : add_node(t, root);
    if (!at_root) return HY_ENOMEM;
    t->root = &at_root->touch;
    for (uint32_t i = 0; i < count; i++) {
        int rc = grow(t, &effects[i]);
        if (rc < 0) return rc;
    }
    for (hy__grown_t *g = t->all; g; g = g->all) {
        if (g->touch.news) prune(&g->touch);
    }
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
    hy__grown_t *next;
    for (hy__grown_t *g = t->all; g; g = next) {
        next = g->all;
        if (g->news.keys.entry_bytes) hy_dict_deinit(&g->news.keys);
        hy_free(g);
    }
    hy_free(t->slots);
}
