/* What is done to children at the parent's reporter, its own operations and those of others that it
 * keeps or refuses: done, stamped with the object's next version, published (PROTOCOL.md section
 * 6). Judging those of others: moderation.c.
 *
 * Own operations are told when their message comes round, since nothing is told inside a call; and
 * before somebody else's is judged, which gets a later stamp. */
#include "../base/mem.h"
#include "../base/mutant.h"
#include "sync.h"

/* An own operation whose event waits for its message to come round. */
typedef struct {
    hy_link_t link;
    hy_childop_t *op;
    hy_child_t *child;
} echo_t;

/* --- stamps ----------------------------------------------------------------------------------- */

hy_stamp_t *hy__reporter_make_stamp(const hy_reporter_t *r, hy_str_t *collection,
                                    const hy_child_t *child, const hy_childop_t *op) {
    const hy_object_t *o = r->party.object;
    return hy_stamp_new(o->epoch, o->version + 1, op->kind, collection, child->id, child->reporter,
                        op->version);
}

void hy__reporter_stamp(hy_reporter_t *r, hy_stamp_t *s, hy_childop_t *op) {
    hy_object_t *o = r->party.object;
    o->version = s->version;
    r->published_ms = hy_clock_now(hy_bus_clock(r->party.syncher->manager->bus));
    hy_history_add_stamp(&o->history, s, s->kind == HY_CHILDOP_REFUSE ? NULL : op);
    hy_msg_t *m = hy_msg_new_payload(HY_MSG_EVENT, hy_absent(), o->url, r->changes, &s->payload);
    hy__reporter_send(r, m);
    hy_msg_unref(m);
    hy__reporter_settle(r);
    hy__fit_written(r);
}

static int keep_new(hy_object_t *o, hy_child_t *child) {
    int rc = hy_children_keep(o->children, child, o->version + 1);
    if (rc < 0) return rc;
    rc = hy_marks_see(hy_children_marks(o->children), child->reporter, child->n, child->n);
    if (rc < 0) hy_children_remove(o->children, child, HY_CHILD_PENDING);
    return rc;
}

static int keep(hy_reporter_t *r, hy_child_t *child, hy_childop_t *op, bool is_applied,
                hy_error_t *err) {
    hy_object_t *o = r->party.object;
    int rc = 0;
    switch (op->kind) {
    case HY_CHILDOP_CREATE:
        return keep_new(o, child);
    case HY_CHILDOP_UPDATE:
        hy_children_touch(o->children, child);
        if (!is_applied && !HY_MUTANT(UPDATE_LOST)) rc = hy__fit_apply(o, child, op->change, err);
        if (rc == 0) child->version = op->version;
        return rc;
    default:
        hy_children_remove(o->children, child, HY_CHILD_DELETED);
        return 0;
    }
}

int hy__reporter_keep(hy_reporter_t *r, const hy_stamp_t *s, hy_child_t *child, hy_childop_t *op,
                      bool is_applied, hy_error_t *err) {
    size_t mark = hy__ledger_mark(r->ledger);
    int rc = r->ledger ? hy__ledger_stamp(r->ledger, s, child, op) : 0;
    if (rc < 0) return rc;
    rc = keep(r, child, op, is_applied, err);
    if (rc < 0) hy__ledger_undo(r->ledger, mark);
    return rc;
}

/* --- own operations --------------------------------------------------------------------------- */

static int add_echo(hy_reporter_t *r, hy_childop_t *op, hy_child_t *child) {
    echo_t *e = hy_alloc(sizeof *e);
    if (!e) return HY_ENOMEM;
    hy_payload_ref(&op->payload);
    *e = (echo_t){.op = op, .child = hy_child_ref(child)};
    hy_list_append(&r->echoes, &e->link);
    return 0;
}

static void echo_free(echo_t *e) {
    hy_list_remove(&e->link);
    hy_childop_unref(e->op);
    hy_child_unref(e->child);
    hy_free(e);
}

static int hold_child_op(hy_reporter_t *r, hy_childop_t *op, hy_child_t *child, hy_error_t *err) {
    int rc = hy__holding_child(r, op, child, err);
    if (rc < 0) hy_childop_unref(op);
    return rc;
}

int hy__reporter_child_op(hy_reporter_t *r, hy_str_t *collection, hy_childop_t *op,
                          hy_child_t *child, hy_error_t *err) {
    hy_str_t *url = r->party.url;
    if (hy__trial_holds(r->party.syncher)) return hold_child_op(r, op, child, err);
    int rc = hy__reporter_check(r, err);
    if (rc == 0) rc = hy__ledger_check(r->ledger, err);
    if (rc == 0 && !hy_bus_has_room(r->party.syncher->manager->bus))
        rc = hy_fail(err, HY_EFULL, "%s: too many messages wait to be delivered", url->bytes);
    hy_msg_t *m =
        rc == 0 ? hy__childop_message(r->party.syncher, r->children, collection, op, hy_absent())
                : NULL;
    if (rc == 0 && !m) rc = HY_ENOMEM;
    if (rc == 0) rc = hy__payload_check_size(&op->payload, r->party.object, err);
    hy_stamp_t *s = rc == 0 ? hy__reporter_make_stamp(r, collection, child, op) : NULL;
    if (rc == 0 && !s) rc = HY_ENOMEM;
    if (rc == 0) rc = hy__reporter_keep(r, s, child, op, true, err);
    if (rc == 0) {
        if (add_echo(r, op, child) == 0) hy__reporter_send(r, m);
        hy__reporter_stamp(r, s, op);
    } else {
        hy_stamp_unref(s);
    }
    hy_msg_unref(m);
    hy_childop_unref(op);
    return rc;
}

/* Tells the first; a handler may end the party, which empties the list. */
static void tell_first(hy_reporter_t *r) {
    echo_t *e = hy_link_owner(r->echoes.next, echo_t, link);
    hy_child_t *child = hy_child_ref(e->child);
    hy_change_t *change = e->op->change ? hy_change_ref(e->op->change) : NULL;
    hy_child_event_kind_t kind = hy__childop_event(e->op->kind);
    echo_free(e);
    hy__tell_child(&r->party, kind, child, change);
    hy_child_unref(child);
    hy_change_unref(change);
}

static hy_link_t *find_echo(hy_reporter_t *r, hy_msg_t *m) {
    const hy_payload_t *payload = hy_msg_payload(m, &hy_childop_payload);
    for (hy_link_t *l = r->echoes.next; payload && l != &r->echoes; l = l->next) {
        if (&hy_link_owner(l, echo_t, link)->op->payload == payload) return l;
    }
    return NULL;
}

void hy__reporter_tell_own(hy_reporter_t *r, hy_msg_t *m) {
    const hy_link_t *last = m ? find_echo(r, m) : r->echoes.prev;
    if (!last) return;
    hy_party_ref(&r->party);
    for (bool is_last = false; !is_last && !hy_list_is_empty(&r->echoes);) {
        is_last = r->echoes.next == last;
        tell_first(r);
    }
    hy_party_unref(&r->party);
}

void hy__reporter_drop_own(hy_reporter_t *r) {
    while (!hy_list_is_empty(&r->echoes)) {
        echo_free(hy_link_owner(r->echoes.next, echo_t, link));
    }
}
