/* The ring of waiting messages. Its room is a power of two; an empty ring begins anew at its start,
 * and gives most of its memory back if little of it was used lately. */
#include "ring.h"

#include <assert.h>

#include "../base/mem.h"

#define ROOM_FIRST 8u
#define ROOM_KEPT  64u /* an idle connection keeps no larger one */

static int resize(hy_ring_t *r, uint32_t room) {
    hy_msg_t **list = hy_alloc(room * sizeof *list);
    uint32_t *times = list && r->times ? hy_alloc(room * sizeof *times) : NULL;
    if (!list || (r->times && !times)) {
        hy_free(list);
        return HY_ENOMEM;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        uint32_t at = (r->head + i) & (r->room - 1);
        list[i] = r->list[at];
        if (times) times[i] = r->times[at];
    }
    hy_free(r->list);
    hy_free(r->times);
    r->list = list;
    r->times = times;
    r->head = 0;
    r->room = room;
    return 0;
}

int hy__ring_push_slow(hy_ring_t *r, hy_msg_t *m, uint64_t now_ms) {
    if (r->count == r->room) {
        int rc = resize(r, r->room ? r->room * 2 : ROOM_FIRST);
        if (rc < 0) return rc;
    }
    uint32_t at = (r->head + r->count) & (r->room - 1);
    r->list[at] = hy_msg_ref(m);
    if (r->times) r->times[at] = (uint32_t)now_ms;
    r->count++;
    r->bytes += hy_msg_bytes(m);
    return 0;
}

static void release(hy_ring_t *r) {
    hy_free(r->list);
    hy_free(r->times);
    r->list = NULL;
    r->times = NULL;
    r->room = 0;
}

uint32_t hy_ring_peek(hy_ring_t *r, hy_msg_t *const **list) {
    *list = r->list ? r->list + r->head : NULL;
    if (r->count > r->peak) r->peak = r->count;
    return r->count < r->room - r->head ? r->count : r->room - r->head;
}

void hy_ring_consume(hy_ring_t *r, uint32_t count) {
    assert(count <= r->count);
    for (uint32_t i = 0; i < count; i++) {
        hy_msg_t *m = r->list[r->head];
        r->head = (r->head + 1) & (r->room - 1);
        r->bytes -= hy_msg_bytes(m);
        hy_msg_unref(m);
    }
    r->count -= count;
    r->consumed += count;
    if (r->count > 0) return;
    r->head = 0;
    if (r->room > ROOM_KEPT && r->peak < r->room / 4) release(r);
    r->peak = 0;
}

void hy_ring_deinit(hy_ring_t *r) {
    hy_ring_consume(r, r->count);
    release(r);
}

void hy_ring_keep_times(hy_ring_t *r, uint64_t now_ms) {
    if (r->times || (r->room == 0 && resize(r, ROOM_FIRST) < 0)) return;
    r->times = hy_alloc(r->room * sizeof *r->times);
    for (uint32_t i = 0; r->times && i < r->count; i++)
        r->times[(r->head + i) & (r->room - 1)] = (uint32_t)now_ms;
}

void hy_ring_forget_times(hy_ring_t *r) {
    hy_free(r->times);
    r->times = NULL;
}

uint32_t hy_ring_sift(hy_ring_t *r, hy_ring_cb is_out, const void *arg) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        uint32_t from = (r->head + i) & (r->room - 1), to = (r->head + kept) & (r->room - 1);
        hy_msg_t *m = r->list[from];
        if (is_out(m, r->times ? r->times[from] : 0, arg)) {
            r->bytes -= hy_msg_bytes(m);
            hy_msg_unref(m);
            continue;
        }
        r->list[to] = m;
        if (r->times) r->times[to] = r->times[from];
        kept++;
    }
    uint32_t out = r->count - kept;
    r->count = kept;
    return out;
}

bool hy_ring_is_outdated(hy_msg_t *m, uint32_t since_ms, const void *arg) {
    const uint32_t *now = arg;
    return hy_msg_has_id(m) && m->type != HY_MSG_RESPONSE &&
           *now - since_ms > HY_REQUEST_TIMEOUT_MS;
}
