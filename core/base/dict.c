/* The dictionary.
 *
 * Entries lie in insertion order in one array; a removed one has the key NULL. From more than a few
 * on an open-addressing index with linear probing leads from hash to position. A slot keeps the
 * hash too, so that probing touches no entry before the right one, and so that removal can close
 * the gap by moving slots back instead of leaving marks behind. */
#include "dict.h"
#include "mem.h"

#include <assert.h>

#define ROOM_FIRST 4u
#define ROOM_PLAIN 8u /* up to here without index: comparing beats hashing */
#define ROOM_MAX   (1u << 28)

static void *entry_at(const hy_dict_t *d, uint32_t pos) {
    return d->entries + (size_t)pos * d->entry_bytes;
}

static hy_str_t **key_at(const hy_dict_t *d, uint32_t pos) {
    return entry_at(d, pos);
}

static uint32_t pos_of(const hy_dict_t *d, const void *entry) {
    size_t offset = (size_t)((const char *)entry - d->entries);
    assert(offset % d->entry_bytes == 0 && offset / d->entry_bytes < d->room);
    return (uint32_t)(offset / d->entry_bytes);
}

void hy_dict_init(hy_dict_t *d, size_t entry_bytes) {
    assert(entry_bytes >= sizeof(hy_str_t *) && entry_bytes <= UINT16_MAX);
    *d = (hy_dict_t){.entry_bytes = (uint32_t)entry_bytes};
}

void hy_dict_deinit(hy_dict_t *d) {
    for (uint32_t pos = d->first; pos < d->used; pos++)
        hy_str_unref(*key_at(d, pos));
    hy_free(d->entries);
    hy_free(d->index);
    hy_dict_init(d, d->entry_bytes);
}

/* --- the index -------------------------------------------------------------------------------- */

static void index_add(hy_dict_t *d, uint32_t hash, uint32_t pos) {
    uint32_t i = hash & d->index_mask;
    while (d->index[i].hash)
        i = (i + 1) & d->index_mask;
    d->index[i] = (hy_dict_slot_t){hash, pos};
}

/* Frees the slot of a position. What stands behind it in the same run moves back, unless that would
 * put it before its home. */
static void index_remove(hy_dict_t *d, uint32_t hash, uint32_t pos) {
    uint32_t mask = d->index_mask, gap = hash & mask;
    while (d->index[gap].pos != pos || d->index[gap].hash != hash)
        gap = (gap + 1) & mask;
    for (uint32_t i = (gap + 1) & mask; d->index[i].hash; i = (i + 1) & mask) {
        uint32_t home = d->index[i].hash & mask;
        if (((i - home) & mask) < ((i - gap) & mask)) continue;
        d->index[gap] = d->index[i];
        gap = i;
    }
    d->index[gap] = (hy_dict_slot_t){0, 0};
}

static void index_rebuild(hy_dict_t *d) {
    memset(d->index, 0, ((size_t)d->index_mask + 1) * sizeof *d->index);
    for (uint32_t pos = d->first; pos < d->used; pos++) {
        hy_str_t *key = *key_at(d, pos);
        if (key) index_add(d, hy_str_hash(key), pos);
    }
}

/* --- finding ---------------------------------------------------------------------------------- */

static bool is_key(const hy_str_t *key, const char *bytes, size_t len, uint32_t hash) {
    if (key->len != len || (hash && key->hash && key->hash != hash)) return false;
    return memcmp(key->bytes, bytes, len) == 0;
}

static void *find_plain(const hy_dict_t *d, const char *bytes, size_t len, uint32_t hash) {
    for (uint32_t pos = d->first; pos < d->used; pos++) {
        const hy_str_t *key = *key_at(d, pos);
        if (!key) continue;
        if (key->bytes == bytes || is_key(key, bytes, len, hash)) return entry_at(d, pos);
    }
    return NULL;
}

void *hy_dict_find(const hy_dict_t *d, const char *bytes, size_t len, uint32_t hash) {
    if (!d->index) return find_plain(d, bytes, len, hash);
    if (!hash) hash = hy_hash(bytes, len);
    for (uint32_t i = hash & d->index_mask; d->index[i].hash; i = (i + 1) & d->index_mask) {
        if (d->index[i].hash != hash) continue;
        uint32_t pos = d->index[i].pos;
        if (is_key(*key_at(d, pos), bytes, len, hash)) return entry_at(d, pos);
    }
    return NULL;
}

void *hy_dict_get(const hy_dict_t *d, hy_str_t *key) {
    return hy_dict_find(d, key->bytes, key->len, d->index ? hy_str_hash(key) : key->hash);
}

/* --- growing ---------------------------------------------------------------------------------- */

static void close_holes(hy_dict_t *d) {
    uint32_t to = 0;
    for (uint32_t from = d->first; from < d->used; from++) {
        if (!*key_at(d, from)) continue;
        if (to != from) memcpy(entry_at(d, to), entry_at(d, from), d->entry_bytes);
        to++;
    }
    assert(to == d->count);
    d->first = 0;
    d->used = to;
}

/* Gives the dictionary that room (enough for its entries) without holes. False, and nothing
 * changed, when out of memory. */
static bool resize(hy_dict_t *d, uint32_t room) {
    uint32_t slots = room > ROOM_PLAIN ? room * 2 : 0; /* at most half of them in use */
    hy_dict_slot_t *index = NULL;
    if (slots && !(index = hy_alloc(slots * sizeof *index))) return false;
    if (room > d->room) {
        char *entries = hy_realloc(d->entries, (size_t)room * d->entry_bytes);
        if (!entries) {
            hy_free(index);
            return false;
        }
        d->entries = entries;
    }
    close_holes(d);
    if (room < d->room) { /* a block that will not shrink serves as it is */
        char *entries = hy_realloc(d->entries, (size_t)room * d->entry_bytes);
        if (entries) d->entries = entries;
    }
    d->room = room;
    hy_free(d->index);
    d->index = index;
    d->index_mask = slots ? slots - 1 : 0;
    if (index) index_rebuild(d);
    return true;
}

static bool reuse_holes(hy_dict_t *d) {
    if (d->count == d->used) return false;
    close_holes(d);
    if (d->index) index_rebuild(d);
    return true;
}

/* More room; where there is no memory for it, the holes. So an entry just removed can always be put
 * back, which undoing relies on. */
static bool grow(hy_dict_t *d, uint32_t room) {
    return (room <= ROOM_MAX && resize(d, room)) || reuse_holes(d);
}

/* Makes room for one more entry, by closing holes if they are many. */
static bool make_room(hy_dict_t *d) {
    if (d->used < d->room) return true;
    if (d->room < ROOM_FIRST) return grow(d, ROOM_FIRST);
    if (d->room < ROOM_PLAIN) return grow(d, ROOM_PLAIN);
    if (d->count > d->room / 4 * 3) return grow(d, d->room * 2);
    if (d->count < d->room / 4 && d->room > ROOM_PLAIN && resize(d, d->room / 2)) return true;
    return reuse_holes(d);
}

bool hy_dict_reserve(hy_dict_t *d, uint32_t room) {
    return room <= d->room || room > ROOM_PLAIN || resize(d, room);
}

void *hy_dict_add(hy_dict_t *d, hy_str_t *key) {
    if (!make_room(d)) return NULL;
    uint32_t pos = d->used++;
    d->count++;
    void *entry = entry_at(d, pos);
    memset(entry, 0, d->entry_bytes);
    *(hy_str_t **)entry = hy_str_ref(key);
    if (d->index) index_add(d, hy_str_hash(key), pos);
    return entry;
}

void *hy_dict_put(hy_dict_t *d, hy_str_t *key, bool *made) {
    void *entry = hy_dict_get(d, key);
    bool missing = !entry;
    if (missing) entry = hy_dict_add(d, key);
    if (entry && made) *made = missing;
    return entry;
}

void hy_dict_remove(hy_dict_t *d, void *entry) {
    uint32_t pos = pos_of(d, entry);
    hy_str_t *key = *(hy_str_t **)entry;
    assert(key && pos < d->used);
    if (d->index) index_remove(d, hy_str_hash(key), pos);
    *(hy_str_t **)entry = NULL;
    hy_str_unref(key);
    d->count--;
    /* Holes at the ends cost nothing: queues and stacks stay quick to walk. */
    while (d->used > d->first && !*key_at(d, d->used - 1))
        d->used--;
    while (d->first < d->used && !*key_at(d, d->first))
        d->first++;
    if (d->count == 0) d->first = d->used = 0;
}

/* --- walking ---------------------------------------------------------------------------------- */

void *hy_dict_next(const hy_dict_t *d, uint32_t *pos) {
    uint32_t at = *pos < d->first ? d->first : *pos;
    while (at < d->used && !*key_at(d, at))
        at++;
    if (at >= d->used) {
        *pos = d->used;
        return NULL;
    }
    *pos = at + 1;
    return entry_at(d, at);
}

uint32_t hy_dict_after(const hy_dict_t *d, const void *entry) {
    return pos_of(d, entry) + 1;
}
