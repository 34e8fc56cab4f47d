/* Dictionary from strings to entries of a fixed size, in insertion order.
 *
 *      entries   [ key a | … ][ key b | … ][ removed ][ key d | … ]      <- iteration order
 *      index     hash -> position in entries (only once there are more than a few)
 *
 * An entry is a struct of the caller that begins with `hy_str_t *key`; the dictionary owns a
 * reference to the key, the caller owns the rest. Removing leaves a hole, so that walking and
 * removing go together; holes are closed when an insertion needs room. Small dictionaries are
 * searched straight and have no index. Positions and entry pointers hold until something is
 * inserted. */
#ifndef HY_BASE_DICT_H
#define HY_BASE_DICT_H

#include "str.h"

typedef struct {
    uint32_t hash; /* 0: free */
    uint32_t pos;
} hy_dict_slot_t;

typedef struct {
    char *entries;
    hy_dict_slot_t *index; /* NULL: none */
    uint32_t entry_bytes;
    uint32_t used;  /* entries and holes */
    uint32_t first; /* nothing but holes before it */
    uint32_t count; /* entries */
    uint32_t room;  /* in entries */
    uint32_t index_mask;
} hy_dict_t;

void hy_dict_init(hy_dict_t *d, size_t entry_bytes);
/* Lets go of keys and memory; the caller has let go of what its entries own. Empty afterwards. */
void hy_dict_deinit(hy_dict_t *d);
/* The entry of that key, NULL if there is none. `hash` is hy_hash of the bytes; 0: not computed
 * yet, and a small dictionary will do without. */
void *hy_dict_find(const hy_dict_t *d, const char *bytes, size_t len, uint32_t hash);
void *hy_dict_get(const hy_dict_t *d, hy_str_t *key);
/* A hint before the first insertions: so many entries will come. It is followed for a few (up to
 * 8). False when out of memory. */
bool hy_dict_reserve(hy_dict_t *d, uint32_t room);
/* The entry of that key, made (zeroed but for the key) if missing; `*made` tells (may be NULL).
 * NULL when out of memory. */
void *hy_dict_put(hy_dict_t *d, hy_str_t *key, bool *made);
/* As put, for a key that the caller knows to be missing. */
void *hy_dict_add(hy_dict_t *d, hy_str_t *key);
/* Takes out an entry that find, get, put or next gave. Behind its key, which is NULL then, it stays
 * readable until the next insertion. */
void hy_dict_remove(hy_dict_t *d, void *entry);
/* Walks: start with *pos = 0; NULL at the end. The entry just given may be removed. */
void *hy_dict_next(const hy_dict_t *d, uint32_t *pos);
/* Position after the entry, to go on walking from it. */
uint32_t hy_dict_after(const hy_dict_t *d, const void *entry);

#endif
