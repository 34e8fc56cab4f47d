/* Own child operations on their way: each is repeated unchanged, with backoff, until it is answered
 * or stamped (PROTOCOL.md section 6). An answer that refuses undoes it at once; a 200 leaves it to
 * its stamp, and if that stays away, it was lost and is read.
 *
 * In a copy that was restored, what the life before did last may be missing: the numbers of a
 * child's operations are not known until the copy is level. Until then they are held. And where the
 * reporter's disk has lost what was stamped, what is on its way is numbered anew: nothing could be
 * kept behind what nobody has any more. */
#include "../base/mem.h"
#include "../base/mutant.h"
#include "sync.h"

typedef struct {
    hy_link_t link; /* in the observer */
    hy_observer_t *observer;
    hy_child_t *child;
    hy_childop_t *op;
    hy_msg_t *message;
    hy_request_t *request; /* NULL: none under way */
    hy_timer_t retry;
    uint64_t retry_ms;
    bool is_kept;    /* answered: only its stamp is missing */
    bool is_held;    /* not numbered yet, and not sent */
    uint64_t serial; /* held for a trial, under that number; 0: not */
} sent_t;

static void transmit(sent_t *s);
static void give_way(sent_t *s);

static hy_bus_t *bus_of(const sent_t *s) {
    return s->observer->party.syncher->manager->bus;
}

static void sent_free(sent_t *s) {
    if (s->request) hy_request_cancel(s->request);
    hy_timer_stop(hy_bus_clock(bus_of(s)), &s->retry);
    hy_list_remove(&s->link);
    s->observer->pending--;
    hy_child_unref(s->child);
    hy_childop_unref(s->op);
    hy_msg_unref(s->message);
    hy_free(s);
}

/* The creator's own view again: what is stamped, then what is still on its way. */
static void rebuild_draft(hy_observer_t *o, hy_child_t *child) {
    hy_change_t *back = child->draft && !HY_MUTANT(REFUSAL_UNDONE) ? hy_change_new() : NULL;
    if (!back) return;
    if (hy_change_diff(back, child->draft, child->data) == 0 && back->count > 0)
        hy_change_apply(back, child->draft, NULL, NULL);
    hy_change_unref(back);
    for (hy_link_t *l = o->outbox.next; l != &o->outbox; l = l->next) {
        const sent_t *s = hy_link_owner(l, sent_t, link);
        if (s->child == child && s->op->change)
            hy_change_apply(s->op->change, child->draft, NULL, NULL);
    }
}

/* Undoes a refused operation and tells of it. */
static void refuse(sent_t *s, const char *reason) {
    hy_observer_t *o = s->observer;
    hy_replica_t *r = o->member->replica;
    hy_child_t *child = hy_child_ref(s->child);
    hy_change_t *change = s->op->change ? hy_change_ref(s->op->change) : NULL;
    bool is_create = s->op->kind == HY_CHILDOP_CREATE;
    if (reason && !child->reason) child->reason = hy_str_from(reason);
    sent_free(s);
    if (!is_create) {
        rebuild_draft(o, child);
        hy__arrival_tell_child(r, HY_CHILD_EVENT_REFUSED, child, change);
    } else if (child->state == HY_CHILD_PENDING) {
        hy_children_remove(r->object->children, child, HY_CHILD_REFUSED);
        hy__outbox_gone(r, child);
        hy__arrival_tell_child(r, HY_CHILD_EVENT_REFUSED, child, NULL);
    }
    hy_child_unref(child);
    hy_change_unref(change);
}

static void retry_later(sent_t *s) {
    hy_bus_t *bus = bus_of(s);
    hy_timer_start(hy_bus_clock(bus), &s->retry, hy__backoff(bus, &s->retry_ms));
}

/* The node's own refusal: it does not know (any more) that this hyperty is admitted. */
static bool is_shut_out(hy_msg_t *answer, int code) {
    const hy_node_t *value = hy_get_object(hy_msg_body(answer), "value");
    return code == 403 && !hy_get_bool(value, "admitted", true);
}

static bool is_passing(hy_msg_t *answer, int code) {
    if (hy__is_passing(code)) return true;
    return code == 409 && hy_get_object(hy_msg_body(answer), "value") != NULL;
}

/* An earlier life of this hyperty has done another operation of that number. */
static bool is_taken(const sent_t *s, hy_msg_t *answer, int code) {
    return code == 409 && s->op->version > 0 && !hy_get_object(hy_msg_body(answer), "value");
}

static void on_answer(void *arg, hy_msg_t *answer, int code) {
    sent_t *s = arg;
    if (code < 200) return;
    s->request = NULL;
    s->is_kept = code < 300;
    bool is_out = is_shut_out(answer, code);
    if (is_out) hy__member_renew(s->observer->member); /* the reporter decides */
    if (s->is_kept || is_out || is_passing(answer, code)) {
        retry_later(s);
    } else if (is_taken(s, answer, code)) {
        give_way(s);
    } else {
        refuse(s, hy_msg_desc(answer));
    }
}

static void on_retry(void *arg) {
    sent_t *s = arg;
    if (!s->is_kept) {
        transmit(s);
        return;
    }
    retry_later(s);
    hy_replica_t *r = s->observer->member->replica;
    hy__replica_enter(r);
    hy__replica_read(r, "gap");
    hy__replica_exit(r);
}

static hy_msg_t *make_message(const sent_t *s) {
    const hy_syncher_t *syncher = s->observer->party.syncher;
    hy_value_t id = hy_int(hy_bus_next_id(syncher->manager->bus));
    return hy__childop_message(syncher, s->observer->member->replica->children,
                               s->child->collection, s->op, id);
}

/* While this runtime is cut off nothing is tried. */
static void transmit(sent_t *s) {
    if (s->observer->member->replica->is_away) {
        retry_later(s);
        return;
    }
    if (!s->message) s->message = make_message(s);
    if (!s->message) {
        retry_later(s);
        return;
    }
    int rc = hy_port_request(s->observer->party.syncher->port, s->message, 0, on_answer, s, NULL,
                             &s->request, NULL);
    if (rc < 0) retry_later(s);
}

uint64_t hy__outbox_next(const hy_child_t *child) {
    return (child->version > child->sent ? child->version : child->sent) + 1;
}

int hy__outbox_send(hy_observer_t *o, hy_child_t *child, hy_childop_t *op, hy_error_t *err) {
    sent_t *s = NULL;
    int rc = hy__payload_check_size(&op->payload, o->party.object, err);
    if (rc == 0 && o->pending >= HY_CHILD_PENDING_MAX)
        rc = hy_fail(err, HY_EFULL, "%s: too many child operations wait for their stamp",
                     o->party.url->bytes);
    if (rc == 0 && !hy_bus_has_room(o->party.syncher->manager->bus))
        rc = hy_fail(err, HY_EFULL, "%s: too many messages wait to be delivered",
                     o->party.url->bytes);
    bool is_tried = hy__trial_holds(o->party.syncher);
    bool is_held = o->member->replica->is_old || is_tried;
    if (rc == 0) {
        s = hy_alloc_zero(sizeof *s);
        if (s) *s = (sent_t){.observer = o, .child = child, .op = op, .is_held = is_held};
        if (s && !is_held) s->message = make_message(s);
        rc = s && (s->message || is_held) ? 0 : HY_ENOMEM;
        if (rc == 0 && is_tried) rc = hy__holding_sent(o, &s->serial);
    }
    if (rc < 0) {
        hy_free(s);
        hy_childop_unref(op);
        return rc;
    }
    hy_child_ref(child);
    hy_timer_init(&s->retry, on_retry, s);
    hy_list_append(&o->outbox, &s->link);
    o->pending++;
    child->sent = op->version;
    if (!s->is_held) transmit(s);
    return 0;
}

/* What was missing before the child's next operation (at `l` or behind it) is there now, so it goes
 * at once. Each was turned away meanwhile and backed off; waiting for all of them in turn would
 * take minutes. */
static void send_next(hy_link_t *l, const hy_link_t *outbox, const hy_child_t *child,
                      uint64_t version) {
    if (child->sent <= version) return;
    for (; l != outbox; l = l->next) {
        sent_t *s = hy_link_owner(l, sent_t, link);
        if (s->child != child || s->op->version != version + 1) continue;
        s->retry_ms = 0;
        if (s->is_kept || s->request) return;
        hy_timer_stop(hy_bus_clock(bus_of(s)), &s->retry);
        transmit(s);
        return;
    }
}

void hy__outbox_gone(hy_replica_t *r, const hy_child_t *child) {
    const hy_member_t *m = hy__replica_find_member(r, child->reporter);
    if (!m || !m->observer) return;
    for (hy_link_t *l = m->observer->outbox.next; l != &m->observer->outbox;) {
        sent_t *s = hy_link_owner(l, sent_t, link);
        l = l->next;
        if (s->child == child) sent_free(s);
    }
}

void hy__outbox_resume(hy_replica_t *r) {
    for (hy_link_t *l = r->members.next; l != &r->members; l = l->next) {
        hy_observer_t *o = hy_link_owner(l, hy_member_t, link)->observer;
        for (hy_link_t *at = o ? o->outbox.next : NULL; o && at != &o->outbox; at = at->next) {
            sent_t *s = hy_link_owner(at, sent_t, link);
            s->retry_ms = 0;
            if (s->is_held || s->is_kept || s->request) continue;
            hy_timer_stop(hy_bus_clock(r->manager->bus), &s->retry);
            transmit(s);
        }
    }
}

static void release(sent_t *s) {
    hy_childop_t *op = s->op;
    s->is_held = false;
    if (op->kind != HY_CHILDOP_CREATE) op->version = hy__outbox_next(s->child);
    if (op->change) op->change->version = op->version;
    s->child->sent = op->version;
    transmit(s);
}

static void release_all(hy_observer_t *o) {
    for (hy_link_t *l = o->outbox.next; l != &o->outbox; l = l->next)
        hy_link_owner(l, sent_t, link)->child->sent = 0;
    for (hy_link_t *l = o->outbox.next; l != &o->outbox; l = l->next) {
        sent_t *s = hy_link_owner(l, sent_t, link);
        if (s->is_held && s->serial == 0) release(s);
    }
}

/* --- on trial --------------------------------------------------------------------------------- */

static sent_t *find_tried(const hy_observer_t *o, uint64_t serial) {
    for (hy_link_t *l = o->outbox.next; l != &o->outbox; l = l->next) {
        sent_t *s = hy_link_owner(l, sent_t, link);
        if (s->serial == serial) return s;
    }
    return NULL;
}

/* The highest number that was sent; what is held is numbered behind it. */
static void count_sent(const hy_observer_t *o, hy_child_t *child) {
    child->sent = 0;
    for (hy_link_t *l = o->outbox.next; l != &o->outbox; l = l->next) {
        const sent_t *s = hy_link_owner(l, sent_t, link);
        bool counts = s->child == child && !s->is_held;
        if (counts && s->op->version > child->sent) child->sent = s->op->version;
    }
}

void hy__outbox_commit(hy_observer_t *o, uint64_t serial) {
    sent_t *s = find_tried(o, serial);
    if (!s) return; /* its child has gone meanwhile */
    s->serial = 0;
    s->child->is_tried = false;
    if (s->op->kind == HY_CHILDOP_CREATE)
        s->child->arrived_ms = hy_clock_now(hy_bus_clock(bus_of(s)));
    if (o->member->replica->is_old) return;
    count_sent(o, s->child);
    release(s);
}

void hy__outbox_undo(hy_observer_t *o, uint64_t serial) {
    sent_t *s = find_tried(o, serial);
    if (!s) return;
    hy_child_t *child = hy_child_ref(s->child);
    bool is_create = s->op->kind == HY_CHILDOP_CREATE;
    sent_free(s);
    if (is_create && child->state == HY_CHILD_PENDING) {
        hy_children_remove(o->party.object->children, child, HY_CHILD_REFUSED);
    } else if (!is_create) {
        count_sent(o, child);
        rebuild_draft(o, child);
    }
    hy_child_unref(child);
}

bool hy__outbox_deletes(const hy_observer_t *o, uint64_t serial, const hy_child_t *child) {
    const sent_t *s = o->party.is_open ? find_tried(o, serial) : NULL;
    return s && s->child == child && s->op->kind == HY_CHILDOP_DELETE;
}

void hy__outbox_release(hy_replica_t *r) {
    if (!r->is_old) return;
    r->is_old = false;
    for (hy_link_t *l = r->members.next; l != &r->members; l = l->next) {
        hy_observer_t *o = hy_link_owner(l, hy_member_t, link)->observer;
        if (o) release_all(o);
    }
}

static hy_childop_t *with_number(const hy_childop_t *op, uint64_t version) {
    hy_value_t body = hy_absent();
    hy_childop_t *copy = NULL;
    int rc = hy_payload_to_value(&op->payload, &body);
    if (rc == 0) rc = hy_put(body.as.n, "version", hy_int((int64_t)version));
    if (rc == 0) rc = hy_childop_read(op->kind, body.as.n, &copy, NULL);
    hy_value_drop(body);
    return rc == 0 ? copy : NULL;
}

/* Under the number that comes next now; what is heard of the old one does not count any more. False
 * when out of memory. */
static bool renumber(sent_t *s) {
    hy_childop_t *op = with_number(s->op, hy__outbox_next(s->child));
    if (!op) return false;
    if (s->request) hy_request_cancel(s->request);
    s->request = NULL;
    hy_timer_stop(hy_bus_clock(bus_of(s)), &s->retry);
    hy_childop_unref(s->op);
    hy_msg_unref(s->message);
    s->op = op;
    s->message = NULL;
    s->is_kept = false;
    s->retry_ms = 0;
    s->child->sent = op->version;
    transmit(s);
    return true;
}

/* All that is on its way, to numbers above that one. Out of memory the next whole answer tries
 * again.
 */
static void renumber_all(hy_observer_t *o, hy_child_t *child, uint64_t above) {
    bool is_done = true;
    child->sent = above;
    for (hy_link_t *l = o->outbox.next; is_done && l != &o->outbox; l = l->next) {
        sent_t *s = hy_link_owner(l, sent_t, link);
        bool is_numbered = s->op->kind != HY_CHILDOP_CREATE && !s->is_held;
        if (s->child == child && is_numbered) is_done = renumber(s);
    }
    child->is_set_back = !is_done;
}

static void give_way(sent_t *s) {
    renumber_all(s->observer, s->child, s->op->version);
}

/* A life of the hyperty before this one may have had operations on their way when it ended: they
 * have taken the numbers of what is on its way now. */
void hy__outbox_stamped(hy_replica_t *r, hy_child_t *child, uint64_t version,
                        hy_childop_kind_t kind) {
    const hy_member_t *m = hy__replica_find_member(r, child->reporter);
    if (!m || !m->observer) return;
    hy_link_t *outbox = &m->observer->outbox;
    for (hy_link_t *l = outbox->next; l != outbox; l = l->next) {
        sent_t *s = hy_link_owner(l, sent_t, link);
        if (s->is_held || s->child != child || s->op->version != version) continue;
        if (kind == HY_CHILDOP_REFUSE) {
            refuse(s, "refused by the reporter");
            return;
        }
        if (s->op->kind != kind) break;
        hy_link_t *next = l->next;
        sent_free(s);
        send_next(next, outbox, child, version);
        return;
    }
    if (child->sent >= version && version > 0) renumber_all(m->observer, child, 0);
    rebuild_draft(m->observer, child);
}

static bool is_seen(const sent_t *s) {
    if (s->is_held && s->child->state == HY_CHILD_KEPT) return false;
    if (s->child->state == HY_CHILD_PENDING) return false;
    return s->child->state != HY_CHILD_KEPT || s->op->version <= s->child->version;
}

static void level_drafts(hy_observer_t *o) {
    hy_child_t *child;
    for (size_t pos = 0; (child = hy_children_next(o->party.object->children, NULL, &pos));) {
        if (!hy_str_equal(child->reporter, o->party.syncher->url)) continue;
        if (child->is_set_back) renumber_all(o, child, 0);
        if (child->draft) rebuild_draft(o, child);
    }
}

void hy__outbox_level(hy_replica_t *r) {
    for (hy_link_t *l = r->members.next; l != &r->members; l = l->next) {
        hy_observer_t *o = hy_link_owner(l, hy_member_t, link)->observer;
        if (!o) continue;
        for (hy_link_t *at = o->outbox.next; at != &o->outbox;) {
            sent_t *s = hy_link_owner(at, sent_t, link);
            at = at->next;
            s->is_kept = false; /* or what has kept it is lost: it is sent again to be sure */
            if (is_seen(s)) sent_free(s);
        }
        level_drafts(o);
    }
}

void hy__outbox_close(hy_observer_t *o) {
    while (!hy_list_is_empty(&o->outbox)) {
        sent_free(hy_link_owner(o->outbox.next, sent_t, link));
    }
}
