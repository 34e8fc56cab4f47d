/* Ring of messages that wait. It doubles when full and keeps its room; how much may wait is decided
 * by who pushes. Owns a reference of each message and of the uplink it came in by. */
#include "../base/mem.h"
#include "bus_private.h"

#define ROOM_MIN 8u

static bool grow(hy__queue_t *q) {
    uint32_t room = q->room ? 2 * q->room : ROOM_MIN;
    hy__slot_t *slots = hy_alloc(room * sizeof *slots);
    if (!slots) return false;
    uint32_t until_end = q->room - q->head;
    uint32_t first = q->count < until_end ? q->count : until_end;
    if (q->count > 0) {
        memcpy(slots, q->slots + q->head, first * sizeof *slots);
        memcpy(slots + first, q->slots, (q->count - first) * sizeof *slots);
    }
    hy_free(q->slots);
    q->slots = slots;
    q->room = room;
    q->head = 0;
    return true;
}

int hy__queue_push(hy__queue_t *q, hy__slot_t slot) {
    if (q->count == q->room && !grow(q)) return HY_ENOMEM;
    q->slots[(q->head + q->count++) & (q->room - 1)] = slot;
    q->bytes += hy_msg_bytes(slot.m);
    return 0;
}

hy__slot_t hy__queue_pop(hy__queue_t *q) {
    hy__slot_t slot = q->slots[q->head];
    q->head = (q->head + 1) & (q->room - 1);
    q->count--;
    q->bytes -= hy_msg_bytes(slot.m);
    return slot;
}

void hy__slot_drop(hy__slot_t slot) {
    hy_msg_unref(slot.m);
    hy__uplink_unref(slot.origin);
}

void hy__queue_deinit(hy__queue_t *q) {
    while (q->count > 0)
        hy__slot_drop(hy__queue_pop(q));
    hy_free(q->slots);
    *q = (hy__queue_t){0};
}
