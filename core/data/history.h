/* The last changes and stamps of an object, for `read` with `since` (PROTOCOL.md section 5, Read).
 * Bounded by count and bytes; the oldest leave first. Records are shared with the messages that
 * carried them. */
#ifndef HY_DATA_HISTORY_H
#define HY_DATA_HISTORY_H

#include "childop.h"

typedef struct {
    uint64_t version;
    hy_change_t *change; /* either this, */
    hy_stamp_t *stamp;   /* or this, with */
    hy_childop_t *op;    /* its operation (NULL for a refusal) */
    size_t bytes;
} hy_history_entry_t;

typedef struct {
    hy_history_entry_t *ring;
    uint32_t first, count, room; /* room is a power of two */
    size_t bytes, bytes_max;
} hy_history_t;

void hy_history_init(hy_history_t *h); /* bytes_max: HY_HISTORY_BYTES_MAX */
/* Another bound; what is above it leaves. */
void hy_history_bound(hy_history_t *h, size_t bytes_max);
void hy_history_deinit(hy_history_t *h);
/* Both reference what they are given. The history may forget, but never has a hole: it is emptied
 * when out of memory, and when a version does not follow the last one. */
void hy_history_add_change(hy_history_t *h, hy_change_t *c);
void hy_history_add_stamp(hy_history_t *h, hy_stamp_t *s, hy_childop_t *op);
void hy_history_clear(hy_history_t *h);
/* "changes" of a `since` answer: all after `version` up to `head`, the object's own, as an array;
 * the caller owns it. HY_ENOT_FOUND if they are not all kept. */
int hy_history_since(const hy_history_t *h, uint64_t version, uint64_t head, hy_value_t *out);

#endif
