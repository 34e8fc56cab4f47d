/* A queue of messages that wait for a connection: a ring of counted references.
 *
 *      push ─► [ m | m | m | m ] ─► peek (a run in one piece), consume
 *
 * While nobody takes them away it may be told to keep the time of each, so that what has become too
 * old can be sifted out. Bounds are its owner's business, who knows `bytes`. */
#ifndef HY_BUS_RING_H
#define HY_BUS_RING_H

#include "message.h"

typedef struct {
    hy_msg_t **list;
    uint32_t *times; /* of each, in ms; NULL: not kept */
    uint32_t head, count, room;
    uint32_t peak;     /* highest count since it was empty */
    uint32_t consumed; /* how many, ever */
    size_t bytes;      /* of all, by hy_msg_bytes */
} hy_ring_t;

static inline void hy_ring_init(hy_ring_t *r) {
    *r = (hy_ring_t){.head = 0};
}
void hy_ring_deinit(hy_ring_t *r);
int hy__ring_push_slow(hy_ring_t *r, hy_msg_t *m, uint64_t now_ms); /* for hy_ring_push alone */
/* True if it wants to know the time. */
static inline bool hy_ring_keeps_times(const hy_ring_t *r) {
    return r->times != NULL;
}
/* Memory of its places, without the messages. */
static inline size_t hy_ring_room_bytes(const hy_ring_t *r) {
    return r->room * (sizeof *r->list + (r->times ? sizeof *r->times : 0));
}
/* Adds a reference. `now_ms` matters only if it keeps times. HY_ENOMEM. */
static inline int hy_ring_push(hy_ring_t *r, hy_msg_t *m, uint64_t now_ms) {
    if (r->count == r->room || r->times) return hy__ring_push_slow(r, m, now_ms);
    r->list[(r->head + r->count++) & (r->room - 1)] = hy_msg_ref(m);
    r->bytes += hy_msg_bytes(m);
    return 0;
}
/* The oldest ones, as many as lie in one piece. Lent until the next push, sift or consume. */
uint32_t hy_ring_peek(hy_ring_t *r, hy_msg_t *const **list);
void hy_ring_consume(hy_ring_t *r, uint32_t count);
/* From now on keeps times, those that wait count from now; and stops keeping them. Without memory
 * for it none are kept. */
void hy_ring_keep_times(hy_ring_t *r, uint64_t now_ms);
void hy_ring_forget_times(hy_ring_t *r);
/* Takes out each that `is_out` names (`since_ms`: its time if kept, else 0); gives how many. */
typedef bool (*hy_ring_cb)(hy_msg_t *m, uint32_t since_ms, const void *arg);
uint32_t hy_ring_sift(hy_ring_t *r, hy_ring_cb is_out, const void *arg);
/* For hy_ring_sift: a request that has waited longer than its sender. `arg` is the time now, as
 * uint32_t. */
bool hy_ring_is_outdated(hy_msg_t *m, uint32_t since_ms, const void *arg);

#endif
