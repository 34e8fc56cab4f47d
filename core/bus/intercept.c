/* Interceptors, and keeping order while they hold.
 *
 *      lanes: (from, to) ──► hold:  [ held message | waiting, waiting, … ]
 *
 * When an interceptor holds a message, its (from, to) becomes a lane: later messages of that pair
 * join its queue unseen. Releasing makes the lane ready. In a turn, ready lanes go before the
 * queue, one message a step: first the released one, at the interceptor after the one that held it,
 * then those behind, from the first interceptor on. If one of them is held, the lane is held again.
 * An empty lane ends; until then what is queued for the pair comes to its end, so order is kept.
 *
 * An interceptor is passed the hold it would get, so that one must exist before: `spare`. After
 * that nothing can fail. Interceptors are numbered, because a held message outlives changes of the
 * list. */
#include <assert.h>

#include "../base/mem.h"
#include "bus_private.h"

struct hy_interceptor {
    hy_link_t link;
    hy_bus_t *bus;
    uint64_t order; /* from 1 */
    hy_intercept_cb cb;
    void *arg;
    bool is_closed; /* its memory goes at the end of the turn */
};

struct hy_hold {
    hy__entry_t entry;
    hy_link_t link; /* in lanes_held or lanes_ready; the spare is in none */
    hy_bus_t *bus;
    hy_str_t *from, *to;      /* NULL in the spare */
    hy_interceptor_t *holder; /* NULL: released */
    uint64_t passed;          /* order of the last interceptor that has seen slot.m */
    hy__slot_t slot;          /* the held or released message, if any */
    hy__queue_t waiting;
};

/* --- lanes ------------------------------------------------------------------------------------ */

static uint32_t hash_of(const hy_msg_t *m) {
    return hy__hash_pair(hy_str_hash(m->from), hy_str_hash(m->to));
}

static hy_hold_t *find_lane(const hy_bus_t *bus, const hy_msg_t *m) {
    if (bus->lanes.count == 0) return NULL;
    uint32_t hash = hash_of(m);
    for (hy__entry_t *e = hy__table_first(&bus->lanes, hash); e; e = e->next) {
        hy_hold_t *hold = (hy_hold_t *)e;
        if (e->hash == hash && hy_str_equal(hold->from, m->from) && hy_str_equal(hold->to, m->to))
            return hold;
    }
    return NULL;
}

static bool make_spare(hy_bus_t *bus) {
    if (bus->spare) return true;
    hy_hold_t *hold = hy_alloc_zero(sizeof *hold);
    if (!hold) return false;
    hold->bus = bus;
    hy_link_init(&hold->link);
    bus->spare = hold;
    return true;
}

static void hold_free(hy_hold_t *hold) {
    if (!hold) return;
    if (hold->slot.m) hy__slot_drop(hold->slot);
    hy__queue_deinit(&hold->waiting);
    hy_str_unref(hold->from);
    hy_str_unref(hold->to);
    hy_free(hold);
}

static void end_lane(hy_hold_t *hold) {
    hy__table_remove(&hold->bus->lanes, &hold->entry);
    hy_list_remove(&hold->link);
    hold_free(hold);
}

static void refuse(hy_bus_t *bus, hy__slot_t slot, int code) {
    bus->stats.full++;
    hy_error_t why;
    hy_fail(&why, code, "%s: too many messages are held", hy_error_text(code));
    hy__bus_refuse(bus, slot.m, &why);
    hy__slot_drop(slot);
}

/* What waits has bounds of its own, so that a flood behind one held message does not keep others
 * from being judged. As in the queue, responses may take twice as much. */
static bool has_room(const hy_bus_t *bus, const hy__load_t *load, hy_msg_t *m) {
    size_t times = m->type == HY_MSG_RESPONSE ? 2 : 1;
    return load->count < times * HY_BUS_HELD_MAX &&
           load->bytes + hy_msg_bytes(m) <= times * bus->config.queue_bytes_max;
}

static void load_add(hy__load_t *load, hy_msg_t *m) {
    load->count++;
    load->bytes += hy_msg_bytes(m);
}

static void load_take(hy__load_t *load, hy_msg_t *m) {
    load->count--;
    load->bytes -= hy_msg_bytes(m);
}

static void wait_behind(hy_hold_t *lane, hy__slot_t slot) {
    hy_bus_t *bus = lane->bus;
    int code = HY_EFULL;
    if (has_room(bus, &bus->waiting, slot.m)) code = hy__queue_push(&lane->waiting, slot);
    if (code < 0)
        refuse(bus, slot, code);
    else
        load_add(&bus->waiting, slot.m);
}

/* --- running a message through ---------------------------------------------------------------- */

static void hold_message(hy_hold_t *hold, hy_interceptor_t *i, hy__slot_t slot) {
    hy_bus_t *bus = hold->bus;
    hold->slot = slot;
    hold->holder = i;
    hold->passed = i->order;
    hy_list_remove(&hold->link);
    hy_list_append(&bus->lanes_held, &hold->link);
    load_add(&bus->held, slot.m);
}

/* True if the message is held now, in `hold`; else it has been delivered or dropped. */
static bool run(hy_bus_t *bus, hy_hold_t *hold, hy__slot_t slot, uint64_t passed) {
    for (hy_link_t *l = bus->interceptors.next; l != &bus->interceptors; l = l->next) {
        hy_interceptor_t *i = hy_link_owner(l, hy_interceptor_t, link);
        if (i->order <= passed || i->is_closed) continue;
        hy_verdict_t verdict = i->cb(i->arg, &slot.m, hold);
        assert(slot.m);
        if (verdict == HY_DROP) {
            bus->stats.dropped++;
            hy__slot_drop(slot);
            return false;
        }
        if (verdict == HY_HOLD && !i->is_closed) {
            hold_message(hold, i, slot);
            return true;
        }
    }
    hy__bus_deliver(bus, slot.m, slot.origin);
    hy__slot_drop(slot);
    return false;
}

void hy__intercept(hy_bus_t *bus, hy__slot_t slot) {
    hy_hold_t *lane = find_lane(bus, slot.m);
    if (lane) {
        wait_behind(lane, slot);
        return;
    }
    if (!has_room(bus, &bus->held, slot.m) || !make_spare(bus)) {
        refuse(bus, slot, HY_EFULL);
        return;
    }
    /* The pair as it was sent: an interceptor may put another message in its place. */
    hy_hold_t *hold = bus->spare;
    uint32_t hash = hash_of(slot.m);
    hy_str_t *from = hy_str_ref(slot.m->from), *to = hy_str_ref(slot.m->to);
    bus->spare = NULL;
    if (run(bus, hold, slot, 0)) {
        hold->from = from;
        hold->to = to;
        hy__table_add(&bus->lanes, &hold->entry, hash); /* its slots are there, so it cannot fail */
        return;
    }
    hy_str_unref(from);
    hy_str_unref(to);
    bus->spare = hold;
}

bool hy__intercept_ready(hy_bus_t *bus) {
    if (hy_list_is_empty(&bus->lanes_ready)) return false;
    hy_hold_t *hold = hy_link_owner(bus->lanes_ready.next, hy_hold_t, link);
    hy__slot_t slot = hold->slot;
    uint64_t passed = 0;
    hold->slot = (hy__slot_t){0};
    if (slot.m) {
        load_take(&bus->held, slot.m);
        passed = hold->passed;
    } else if (hold->waiting.count > 0) {
        slot = hy__queue_pop(&hold->waiting);
        load_take(&bus->waiting, slot.m);
    }
    if (slot.m && run(bus, hold, slot, passed)) return true;
    if (hold->waiting.count == 0) end_lane(hold);
    return true;
}

/* --- what interceptors call ------------------------------------------------------------------- */

int hy_bus_intercept(hy_bus_t *bus, hy_intercept_cb cb, void *arg, hy_interceptor_t **out) {
    if (!hy__table_reserve(&bus->lanes)) return HY_ENOMEM;
    hy_interceptor_t *i = hy_alloc(sizeof *i);
    if (!i) return HY_ENOMEM;
    *i = (hy_interceptor_t){.bus = bus, .order = ++bus->interceptors_count, .cb = cb, .arg = arg};
    hy_list_append(&bus->interceptors, &i->link);
    *out = i;
    return 0;
}

static void release(hy_hold_t *hold) {
    hy_bus_t *bus = hold->bus;
    bool was_idle = hy__bus_is_idle(bus);
    hold->holder = NULL;
    hy_list_remove(&hold->link);
    hy_list_append(&bus->lanes_ready, &hold->link);
    hy__bus_wake(bus, was_idle);
}

void hy_hold_release(hy_hold_t *hold, hy_msg_t *m) {
    hy_bus_t *bus = hold->bus;
    assert(hold->holder);
    load_take(&bus->held, hold->slot.m);
    hy_msg_unref(hold->slot.m);
    hold->slot.m = m;
    if (m) {
        load_add(&bus->held, m);
    } else {
        bus->stats.dropped++;
        hy__uplink_unref(hold->slot.origin);
        hold->slot.origin = NULL;
    }
    release(hold);
}

hy_msg_t *hy_hold_message(const hy_hold_t *hold) {
    assert(hold->holder);
    return hold->slot.m;
}

static void interceptor_free(hy_interceptor_t *i) {
    hy_list_remove(&i->link);
    hy_free(i);
}

void hy_interceptor_close(hy_interceptor_t *i) {
    if (!i) return;
    hy_bus_t *bus = i->bus;
    i->is_closed = true;
    for (hy_link_t *l = bus->lanes_held.next, *next; l != &bus->lanes_held; l = next) {
        next = l->next;
        hy_hold_t *hold = hy_link_owner(l, hy_hold_t, link);
        if (hold->holder == i) release(hold);
    }
    if (bus->turning)
        bus->interceptors_closed = true;
    else
        interceptor_free(i);
}

void hy__interceptors_sweep(hy_bus_t *bus) {
    if (!bus->interceptors_closed) return;
    bus->interceptors_closed = false;
    for (hy_link_t *l = bus->interceptors.next, *next; l != &bus->interceptors; l = next) {
        next = l->next;
        hy_interceptor_t *i = hy_link_owner(l, hy_interceptor_t, link);
        if (i->is_closed) interceptor_free(i);
    }
}

void hy__interceptors_free(hy_bus_t *bus) {
    uint32_t slot = 0;
    for (hy_hold_t *hold; (hold = (hy_hold_t *)hy__table_take(&bus->lanes, &slot));)
        hold_free(hold);
    hy__table_deinit(&bus->lanes);
    hold_free(bus->spare);
    while (!hy_list_is_empty(&bus->interceptors))
        interceptor_free(hy_link_owner(bus->interceptors.next, hy_interceptor_t, link));
}
