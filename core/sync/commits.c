/* What waits for a commit: messages of stored objects, in the one order in which they were given,
 * and callers. All of them wait for tickets of one store, which are committed in order; so the
 * messages are one queue, whatever objects they are of. */
#include <assert.h>

#include "../base/mem.h"
#include "../base/mutant.h"
#include "sync.h"

/* --- callers ---------------------------------------------------------------------------------- */

void hy__commit_init(hy_commit_t *c, void (*committed)(void *arg), void *arg) {
    *c = (hy_commit_t){.committed = committed, .arg = arg};
    hy_link_init(&c->link);
}

void hy__commit_cancel(hy_commit_t *c) {
    if (c->link.next) hy_list_remove(&c->link);
}

int hy__commit_wait(hy_manager_t *m, hy_commit_t *c, uint64_t ticket) {
    hy_outlet_t *o = &m->outlet;
    bool is_now = m->store && hy_store_committed(m->store) >= ticket;
    int rc = is_now ? hy_timer_start(hy_bus_clock(m->bus), &o->now, 0) : 0;
    if (rc < 0) return rc;
    assert(hy_list_is_empty(&c->link)); /* it waits for one commit at a time */
    c->ticket = ticket;
    hy_list_append(&o->commits, &c->link);
    return 0;
}

/* Whoever is called may add others, which go to the end, and take any out. */
static void tell_callers(hy_manager_t *m, uint64_t committed) {
    hy_link_t ready;
    hy_link_init(&ready);
    for (hy_link_t *l = m->outlet.commits.next; l != &m->outlet.commits;) {
        hy_commit_t *c = hy_link_owner(l, hy_commit_t, link);
        l = l->next;
        if (c->ticket > committed) continue;
        hy_list_remove(&c->link);
        hy_list_append(&ready, &c->link);
    }
    while (!hy_list_is_empty(&ready)) {
        hy_commit_t *c = hy_link_owner(ready.next, hy_commit_t, link);
        hy_list_remove(&c->link);
        c->committed(c->arg);
    }
}

/* --- messages --------------------------------------------------------------------------------- */

static hy_held_t *held_at(hy_outlet_t *o, uint32_t i) {
    return &o->ring[(o->first + i) & (o->room - 1)];
}

static int grow(hy_outlet_t *o) {
    uint32_t room = o->room ? o->room * 2 : 64;
    hy_held_t *ring = hy_alloc(room * sizeof *ring);
    if (!ring) return HY_ENOMEM;
    for (uint32_t i = 0; i < o->count; i++) {
        ring[i] = *held_at(o, i);
    }
    hy_free(o->ring);
    o->ring = ring;
    o->room = room;
    o->first = 0;
    return 0;
}

static void pop(hy_outlet_t *o) {
    hy_held_t *h = held_at(o, 0);
    o->bytes -= hy_msg_bytes(h->message);
    hy_msg_unref(h->message);
    o->first = (o->first + 1) & (o->room - 1);
    o->count--;
    o->sent++;
}

static void flush(void *manager) {
    hy_manager_t *m = manager;
    hy_outlet_t *o = &m->outlet;
    if (!m->store) return;
    uint64_t committed = hy_store_committed(m->store);
    while (o->count > 0 && held_at(o, 0)->ticket <= committed) {
        hy_bus_send(m->bus, held_at(o, 0)->message); /* should it get lost, it is a gap */
        pop(o);
    }
    tell_callers(m, committed);
}

/* As the queue of a bus: answers may be twice as many. */
static bool is_full(const hy_outlet_t *o, const hy_msg_t *m) {
    uint32_t times = m->type == HY_MSG_RESPONSE ? 2 : 1;
    return o->count >= times * HY_OUTLET_MESSAGES_MAX || o->bytes >= times * HY_OUTLET_BYTES_MAX;
}

void hy__ledger_send(hy_ledger_t *l, hy_manager_t *m, hy_msg_t *message) {
    hy_outlet_t *o = &m->outlet;
    if (!message) return;
    if (!l || HY_MUTANT(PUBLISH_EARLY)) {
        hy_bus_send(m->bus, message);
        return;
    }
    if (!m->store) return;
    if (l->held <= o->sent && hy_store_committed(m->store) >= l->ticket) {
        hy_bus_send(m->bus, message);
        return;
    }
    if (is_full(o, message) || (o->count == o->room && grow(o) < 0)) return; /* a gap */
    *held_at(o, o->count++) = (hy_held_t){.message = hy_msg_ref(message), .ticket = l->ticket};
    o->bytes += hy_msg_bytes(message);
    l->held = o->sent + o->count;
}

void hy__ledger_respond(hy_ledger_t *l, hy_manager_t *m, hy_msg_t *request, int code,
                        const char *desc, hy_value_t value) {
    if (!l || !hy_msg_has_id(request) || request->type == HY_MSG_RESPONSE) {
        hy_bus_respond(m->bus, request, code, desc, value);
        return;
    }
    hy_msg_t *answer = hy_msg_response(request, NULL, code, desc, value);
    hy__ledger_send(l, m, answer);
    hy_msg_unref(answer);
}

int hy__ledger_check(const hy_ledger_t *l, hy_error_t *err) {
    if (!l || !l->manager->store) return 0;
    const hy_outlet_t *o = &l->manager->outlet;
    bool has_room = hy_store_has_room(l->manager->store) && o->count < HY_OUTLET_MESSAGES_MAX &&
                    o->bytes < HY_OUTLET_BYTES_MAX;
    if (has_room) return 0;
    return hy_fail(err, HY_EFULL,
                   "%s: the store (%s) cannot follow, its disk is behind or full; write less at "
                   "once, or make room there",
                   l->object->url->bytes, hy_store_name(l->manager->store));
}

/* --- life ------------------------------------------------------------------------------------- */

int hy__outlet_init(hy_manager_t *m) {
    hy_link_init(&m->outlet.commits);
    hy_timer_init(&m->outlet.now, flush, m);
    return m->store ? hy_store_watch(m->store, flush, m, &m->outlet.watch) : 0;
}

void hy__outlet_clear(hy_manager_t *m) {
    hy_outlet_t *o = &m->outlet;
    while (o->count > 0) {
        pop(o);
    }
}

void hy__outlet_deinit(hy_manager_t *m) {
    hy__outlet_clear(m);
    while (!hy_list_is_empty(&m->outlet.commits)) {
        hy_commit_t *c = hy_link_owner(m->outlet.commits.next, hy_commit_t, link);
        hy_list_remove(&c->link);
        if (c->dropped) c->dropped(c->arg);
    }
    hy_timer_stop(hy_bus_clock(m->bus), &m->outlet.now);
    if (m->store) hy_store_unwatch(m->outlet.watch);
    hy_free(m->outlet.ring);
}
