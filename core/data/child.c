/* Child records and where they are kept:
 *
 *      by_key       creator's URL # n  ──►  child, kept or pending
 *      collections  name ──► slots in the order of their stamps, with holes where one was taken out
 *      pending      in order of arrival
 *
 * A list of slots is closed up when half of it is holes, so removing costs the same in a long
 * collection. */
#include "child.h"

#include <stdlib.h>

#include "../base/mem.h"
#include "../bus/address.h"

typedef struct {
    hy_str_t *key;
    hy_child_t *child;
} by_key_t;

typedef struct {
    hy_child_t **slots;
    size_t used, room, count;
} slots_t;

typedef struct {
    hy_str_t *key; /* collection */
    slots_t kept;
} collection_t;

struct hy_children {
    hy_dict_t by_key;
    hy_dict_t collections;
    slots_t pending;
    hy_dict_t marks;
    hy_link_t watches;
};

const char *hy_child_state_word(hy_child_state_t s) {
    static const char *const words[] = {
#define X(name, word) [HY_CHILD_##name] = word,
        HY_CHILD_STATE_MAP(X)
#undef X
    };
    return words[s];
}

/* --- records ---------------------------------------------------------------------------------- */

void hy_child_unref(hy_child_t *c) {
    if (!c || --c->refs > 0) return;
    hy_str_unref(c->key);
    hy_str_unref(c->id);
    hy_str_unref(c->collection);
    hy_str_unref(c->reporter);
    hy_str_unref(c->user);
    hy_str_unref(c->reason);
    if (c->data) hy_node_unref(c->data);
    if (c->draft) hy_node_unref(c->draft);
    hy_free(c);
}

uint64_t hy_child_number(const hy_str_t *creator, const hy_str_t *id) {
    hy_span_t own = hy_address_identifier(creator);
    if (id->len <= own.len + 1 || memcmp(id->bytes, own.bytes, own.len) != 0) return 0;
    if (id->bytes[own.len] != '#' || id->bytes[own.len + 1] == '0') return 0;
    uint64_t n = 0;
    for (size_t i = own.len + 1; i < id->len; i++) {
        char c = id->bytes[i];
        if (c < '0' || c > '9' || n > INT64_MAX / 10 - 1) return 0;
        n = n * 10 + (uint64_t)(c - '0');
    }
    return n;
}

/* <creator's URL>#<n>; the number is the part of the id behind the identifier. */
static hy_str_t *make_key(const hy_str_t *creator, const hy_str_t *id) {
    return hy_str_append(creator, id->bytes + hy_address_identifier(creator).len);
}

static int check_child(const hy_str_t *creator, const hy_str_t *id, hy_value_t data,
                       hy_error_t *err) {
    if (creator->len > HY_URL_BYTES_MAX)
        return hy_fail(err, HY_EINVALID, "the URL of a child's creator has %u bytes, at most %u",
                       creator->len, HY_URL_BYTES_MAX);
    if (hy_child_number(creator, id) == 0)
        return hy_fail(err, HY_EINVALID,
                       "child id \"%s\" is not <identifier of %s>#<number from 1>", id->bytes,
                       creator->bytes);
    if (!hy_is_node(data))
        return hy_fail(err, HY_EINVALID, "the data of a child is an object or an array");
    if (hy_value_depth(data) > HY_VALUE_DEPTH_MAX)
        return hy_fail(err, HY_ETOO_LARGE, "child %s: nesting deeper than %u", id->bytes,
                       HY_VALUE_DEPTH_MAX);
    return 0;
}

int hy_child_new(hy_str_t *collection, hy_str_t *creator, hy_str_t *id, hy_value_t data,
                 hy_child_t **out, hy_error_t *err) {
    int rc = check_child(creator, id, data, err);
    if (rc < 0) {
        hy_value_drop(data);
        return rc;
    }
    hy_child_t *c = hy_alloc_zero(sizeof *c);
    hy_str_t *key = c ? make_key(creator, id) : NULL;
    if (!key) {
        hy_free(c);
        hy_value_drop(data);
        return HY_ENOMEM;
    }
    *c = (hy_child_t){.refs = 1,
                      .key = key,
                      .id = hy_str_ref(id),
                      .collection = hy_str_ref(collection),
                      .reporter = hy_str_ref(creator),
                      .n = hy_child_number(creator, id),
                      .data = data.as.n};
    *out = c;
    return 0;
}

/* --- slots ------------------------------------------------------------------------------------ */

static void slots_compact(slots_t *s) {
    size_t to = 0;
    for (size_t from = 0; from < s->used; from++) {
        if (!s->slots[from]) continue;
        s->slots[to] = s->slots[from];
        s->slots[to]->slot = to;
        to++;
    }
    s->used = to;
}

static int slots_append(slots_t *s, hy_child_t *child) {
    if (s->used == s->room) {
        if (s->count < s->used / 2) {
            slots_compact(s);
        } else {
            size_t room = s->room ? s->room * 2 : 8;
            hy_child_t **slots = hy_realloc(s->slots, room * sizeof(hy_child_t *));
            if (!slots) return HY_ENOMEM;
            s->slots = slots;
            s->room = room;
        }
    }
    child->slot = s->used;
    s->slots[s->used++] = hy_child_ref(child);
    s->count++;
    return 0;
}

static void slots_remove(slots_t *s, hy_child_t *child) {
    s->slots[child->slot] = NULL;
    s->count--;
    hy_child_unref(child);
}

static void slots_deinit(slots_t *s) {
    for (size_t i = 0; i < s->used; i++) {
        hy_child_unref(s->slots[i]);
    }
    hy_free(s->slots);
}

static int compare_order(const void *a, const void *b) {
    const hy_child_t *x = *(hy_child_t *const *)a, *y = *(hy_child_t *const *)b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return x->slot < y->slot ? -1 : 1;
}

static void slots_sort(slots_t *s) {
    slots_compact(s);
    bool is_sorted = true;
    for (size_t i = 1; i < s->used && is_sorted; i++) {
        is_sorted = s->slots[i - 1]->order <= s->slots[i]->order;
    }
    if (is_sorted) return;
    qsort(s->slots, s->used, sizeof *s->slots, compare_order);
    for (size_t i = 0; i < s->used; i++) {
        s->slots[i]->slot = i;
    }
}

static hy_child_t *slots_next(const slots_t *s, size_t *pos) {
    while (*pos < s->used) {
        hy_child_t *child = s->slots[(*pos)++];
        if (child) return child;
    }
    return NULL;
}

/* --- the whole -------------------------------------------------------------------------------- */

int hy_children_new(hy_children_t **out) {
    hy_children_t *c = hy_alloc_zero(sizeof *c);
    if (!c) return HY_ENOMEM;
    hy_dict_init(&c->by_key, sizeof(by_key_t));
    hy_dict_init(&c->collections, sizeof(collection_t));
    hy_marks_init(&c->marks);
    hy_link_init(&c->watches);
    *out = c;
    return 0;
}

void hy_children_free(hy_children_t *c) {
    if (!c) return;
    collection_t *collection;
    for (uint32_t pos = 0; (collection = hy_dict_next(&c->collections, &pos));) {
        slots_deinit(&collection->kept);
    }
    slots_deinit(&c->pending);
    hy_dict_deinit(&c->collections);
    hy_dict_deinit(&c->by_key);
    hy_marks_deinit(&c->marks);
    hy_free(c);
}

hy_dict_t *hy_children_marks(const hy_children_t *c) {
    return (hy_dict_t *)&c->marks;
}

hy_child_t *hy_children_find(const hy_children_t *c, const hy_str_t *creator, uint64_t n) {
    char key[HY_URL_BYTES_MAX + 24];
    if (creator->len > HY_URL_BYTES_MAX) return NULL;
    memcpy(key, creator->bytes, creator->len);
    char digits[20];
    size_t len = creator->len, count = 0;
    key[len++] = '#';
    for (; n > 0; n /= 10) {
        digits[count++] = (char)('0' + n % 10);
    }
    while (count > 0) {
        key[len++] = digits[--count];
    }
    by_key_t *e = hy_dict_find(&c->by_key, key, len, hy_hash(key, len));
    return e ? e->child : NULL;
}

static collection_t *find_collection(const hy_children_t *c, const hy_str_t *name) {
    return hy_dict_find(&c->collections, name->bytes, name->len, hy_hash(name->bytes, name->len));
}

int hy_children_add_pending(hy_children_t *c, hy_child_t *child) {
    if (c->pending.count >= HY_CHILD_PENDING_MAX) return HY_EFULL;
    bool made;
    by_key_t *e = hy_dict_put(&c->by_key, child->key, &made);
    if (!e) return HY_ENOMEM;
    if (!made) return HY_ECONFLICT;
    int rc = slots_append(&c->pending, child);
    if (rc < 0) {
        hy_dict_remove(&c->by_key, e);
        return rc;
    }
    e->child = child;
    child->state = HY_CHILD_PENDING;
    return 0;
}

int hy_children_keep(hy_children_t *c, hy_child_t *child, uint64_t order) {
    bool made;
    collection_t *collection = hy_dict_put(&c->collections, child->collection, NULL);
    by_key_t *e = collection ? hy_dict_put(&c->by_key, child->key, &made) : NULL;
    if (!e) return HY_ENOMEM;
    if (!made && (e->child != child || child->state != HY_CHILD_PENDING)) return HY_ECONFLICT;
    size_t pending_slot = child->slot;
    int rc = slots_append(&collection->kept, child);
    if (rc < 0) {
        if (made) hy_dict_remove(&c->by_key, e);
        return rc;
    }
    if (!made) { /* it was pending */
        c->pending.slots[pending_slot] = NULL;
        c->pending.count--;
        hy_child_unref(child);
    }
    e->child = child;
    child->order = order;
    child->state = HY_CHILD_KEPT;
    return 0;
}

void hy__children_sort(hy_children_t *c) {
    collection_t *e;
    for (uint32_t at = 0; (e = hy_dict_next(&c->collections, &at));) {
        slots_sort(&e->kept);
    }
}

void hy_children_remove(hy_children_t *c, hy_child_t *child, hy_child_state_t state) {
    by_key_t *e = hy_dict_get(&c->by_key, child->key);
    if (!e || e->child != child) return;
    bool was_kept = child->state == HY_CHILD_KEPT;
    hy_children_touch(c, child);
    child->state = state;
    hy_dict_remove(&c->by_key, e);
    slots_remove(was_kept ? &find_collection(c, child->collection)->kept : &c->pending, child);
}

/* Positions: first the kept slots (of one collection, or of all one after the other), then the
 * pending. */
hy_child_t *hy_children_next(const hy_children_t *c, const hy_str_t *collection, size_t *pos) {
    size_t base = 0;
    collection_t *e;
    for (uint32_t at = 0; (e = hy_dict_next(&c->collections, &at));) {
        if (collection && !hy_str_equal(e->key, collection)) continue;
        size_t inside = *pos > base ? *pos - base : 0;
        if (inside < e->kept.used) {
            hy_child_t *child = slots_next(&e->kept, &inside);
            *pos = base + inside;
            if (child) return child;
        }
        base += e->kept.used;
    }
    size_t inside = *pos > base ? *pos - base : 0;
    for (hy_child_t *child; (child = slots_next(&c->pending, &inside));) {
        if (collection && !hy_str_equal(child->collection, collection)) continue;
        *pos = base + inside;
        return child;
    }
    return NULL;
}

size_t hy_children_count(const hy_children_t *c, const hy_str_t *collection) {
    size_t count = 0;
    const collection_t *e;
    for (uint32_t at = 0; (e = hy_dict_next(&c->collections, &at));) {
        if (!collection || hy_str_equal(e->key, collection)) count += e->kept.count;
    }
    return count;
}

/* --- watched, and walked over many turns ------------------------------------------------------ */

void hy_children_watch(hy_children_t *c, hy_children_watch_t *w) {
    hy_list_append(&c->watches, &w->link);
}

void hy_children_touch(hy_children_t *c, hy_child_t *child) {
    if (child->state != HY_CHILD_KEPT) return;
    for (hy_link_t *l = c->watches.next; l != &c->watches;) {
        hy_children_watch_t *w = hy_link_owner(l, hy_children_watch_t, link);
        l = l->next;
        w->before(w->arg, child);
    }
}

/* First slot of a higher order, holes apart. */
static size_t slots_seek(const slots_t *s, const hy_children_place_t *at) {
    size_t low = 0, high = s->used, hint = at->slot;
    if (hint > 0 && hint <= high && s->slots[hint - 1] && s->slots[hint - 1]->order == at->order)
        return hint;
    while (low < high) {
        size_t middle = low + (high - low) / 2, k = middle;
        while (k < high && !s->slots[k]) {
            k++;
        }
        if (k == high || s->slots[k]->order > at->order) {
            high = middle;
        } else {
            low = k + 1;
        }
    }
    return low;
}

hy_child_t *hy_children_behind(const hy_children_t *c, hy_children_place_t *at) {
    const collection_t *e;
    uint32_t pos = at->collection;
    while ((e = hy_dict_next(&c->collections, &pos))) {
        size_t slot = slots_seek(&e->kept, at);
        hy_child_t *child = slots_next(&e->kept, &slot);
        if (child) {
            at->order = child->order;
            at->slot = slot;
            return child;
        }
        *at = (hy_children_place_t){.collection = pos};
    }
    return NULL;
}

bool hy_children_is_passed(const hy_children_t *c, const hy_children_place_t *at,
                           const hy_child_t *child) {
    const collection_t *e = find_collection(c, child->collection);
    uint32_t next = e ? hy_dict_after(&c->collections, e) : 0;
    if (next <= at->collection) return true;
    uint32_t pos = at->collection;
    const collection_t *current = hy_dict_next(&c->collections, &pos);
    return current == e && child->order <= at->order;
}

bool hy__children_exchange(hy_children_t *c, hy_children_t *with) {
    bool is_free = c->by_key.count == 0 && hy_list_is_empty(&c->watches);
    if (!is_free || !hy_list_is_empty(&with->watches)) return false;
    hy_children_t before = *c;
    *c = *with;
    *with = before;
    hy_link_init(&c->watches);
    hy_link_init(&with->watches);
    return true;
}
