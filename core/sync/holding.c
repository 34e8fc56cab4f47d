/* Holding: what a life on trial writes, sends and asks, in one list, in its order. At the commit it
 * is done from the front; a rollback undoes it from the back.
 *
 *      edits of a reporter's data   applied; one change an object, from its first edit on, as long
 *                                   as it fits into a message
 *      a reporter's child ops       applied to the child's data; not numbered, not stamped
 *      an observer's child ops      in its outbox, held there
 *      events, emits                as messages
 *      calls                        as they were made
 *
 * Nobody else may see data without its version: whatever would read it waits at the gates
 * (telling.c), and the store is written at the commit alone. */
#include "../base/mem.h"
#include "../data/snapshot.h"
#include "call.h"

typedef enum { EDITS, CHILD, SENT, MESSAGE, KEEP, CALL } kind_t;

struct hy_held_deed {
    hy_link_t link; /* in the trial */
    kind_t kind;
    hy_party_t *party; /* referenced, or NULL */
    /* EDITS: the batch and what its edits did; CHILD: the operation and what it did */
    hy_change_t *change;
    hy_effect_t *effects;
    uint32_t room;
    size_t bytes;
    hy_childop_t *op;
    hy_child_t *child;
    hy_effect_t effect;
    bool has_effect;
    uint64_t serial;        /* SENT */
    hy_msg_t *message;      /* MESSAGE */
    hy_store_level_t level; /* KEEP */
    hy_deed_call_t call;    /* CALL; owns what it holds */
    hy_str_t *method;
    hy_told_t *room_to_fail;
};

/* As many bytes are one change at most: they fit into a message however they are written there. */
#define EDITS_BYTES_MAX (HY_MESSAGE_BYTES_MAX / 8)

static hy_held_deed_t *deed_new(hy_syncher_t *s, kind_t kind, hy_party_t *p) {
    hy_held_deed_t *d = hy_alloc_zero(sizeof *d);
    if (!d) return NULL;
    d->kind = kind;
    d->party = p ? hy_party_ref(p) : NULL;
    hy_list_append(&s->trial->deeds, &d->link);
    return d;
}

static void deed_free(hy_held_deed_t *d) {
    hy_list_remove(&d->link);
    for (uint32_t i = 0; d->change && i < d->change->count; i++) {
        hy_effect_release(&d->effects[i]);
    }
    hy_change_unref(d->change);
    hy_free(d->effects);
    hy_childop_unref(d->op);
    hy_child_unref(d->child);
    if (d->has_effect) hy_effect_release(&d->effect);
    hy_msg_unref(d->message);
    while (d->call.count > 0) {
        hy_str_unref(d->call.hyperties[--d->call.count]);
    }
    hy_free(d->call.hyperties);
    hy_str_unref(d->method);
    hy_value_drop(d->call.value);
    hy__told_drop(d->room_to_fail);
    hy_party_unref(d->party);
    hy_free(d);
}

/* --- edits ------------------------------------------------------------------------------------ */

static int open_edits(hy_reporter_t *r) {
    hy_syncher_t *s = r->party.syncher;
    hy_change_t *change = hy_change_new();
    hy_held_deed_t *d = change ? deed_new(s, EDITS, &r->party) : NULL;
    if (!d) {
        hy_change_unref(change);
        return HY_ENOMEM;
    }
    d->change = change;
    r->edits = d;
    return 0;
}

static int make_room(hy_held_deed_t *d) {
    if (d->change->count < d->room) return 0;
    uint32_t room = d->room ? d->room * 2 : 16;
    hy_effect_t *effects = hy_realloc(d->effects, room * sizeof *effects);
    if (!effects) return HY_ENOMEM;
    d->effects = effects;
    d->room = room;
    return 0;
}

/* An edit that would not even fit into a change of its own fails now, as it would without a trial.
 */
static int check_size(hy_reporter_t *r, const hy_edit_t *edit, size_t bytes, hy_error_t *err) {
    if (bytes < HY_MESSAGE_BYTES_MAX / 16) return 0;
    hy_change_t *alone = hy_change_new();
    int rc = alone ? hy_change_add_edit(alone, edit) : HY_ENOMEM;
    if (rc == 0) rc = hy__payload_check_size(&alone->payload, r->party.object, err);
    hy_change_unref(alone);
    return rc;
}

/* Of the op that was added last: its path, and what stands around it. */
static size_t op_bytes(const hy_change_t *c) {
    const hy_op_t *op = &c->ops[c->count - 1];
    size_t bytes = sizeof *op;
    for (uint32_t i = 0; i < op->step_count; i++) {
        bytes += op->steps[i].key ? op->steps[i].key->len + 3 : 12;
    }
    return bytes;
}

int hy__holding_edit(hy_reporter_t *r, hy_edit_t *edit, hy_error_t *err) {
    size_t bytes = edit->value.kind == HY_ABSENT ? 0 : hy_value_bytes(edit->value);
    hy_held_deed_t *d = r->edits;
    bool is_full = d && d->change->count > 0 &&
                   (d->change->count == HY_BATCH_CHANGES_MAX || d->bytes + bytes > EDITS_BYTES_MAX);
    int rc = check_size(r, edit, bytes, err);
    if (rc == 0 && (!d || is_full)) rc = open_edits(r);
    if (rc == 0) rc = make_room(r->edits);
    if (rc == 0) rc = hy_change_add_edit(r->edits->change, edit);
    if (rc < 0) {
        hy_value_drop(edit->value);
        return rc;
    }
    d = r->edits;
    hy_effect_t *effect = &d->effects[d->change->count - 1];
    hy_object_touch(r->party.object);
    rc = r->is_nested ? hy_edit_apply(r->party.object->data, edit, effect, err)
                      : hy__fit_edit(r, edit, effect, err); /* a batch is looked at at its end */
    if (rc < 0) {
        hy_change_drop_last(d->change);
    } else {
        d->bytes += bytes + op_bytes(d->change);
        hy__fit_written(r);
    }
    return rc;
}

static void undo_last(hy_held_deed_t *d) {
    uint32_t last = d->change->count - 1;
    hy_object_touch(d->party->object);
    hy_effect_undo(d->party->object->data, &d->effects[last]);
    hy_change_drop_last(d->change);
}

void hy__holding_mark(hy_reporter_t *r) {
    r->mark = r->edits;
    r->mark_count = r->edits ? r->edits->change->count : 0;
}

size_t hy__holding_collect(const hy_reporter_t *r, hy_effect_t *effects) {
    const hy_link_t *deeds = &r->party.syncher->trial->deeds;
    bool is_behind = !r->mark;
    size_t count = 0;
    for (const hy_link_t *l = deeds->next; l != deeds; l = l->next) {
        const hy_held_deed_t *d = hy_link_owner(l, hy_held_deed_t, link);
        is_behind |= d == r->mark;
        if (!is_behind || d->kind != EDITS || d->party != &r->party) continue;
        for (uint32_t i = d == r->mark ? r->mark_count : 0; i < d->change->count; i++, count++) {
            if (effects) effects[count] = d->effects[i];
        }
    }
    return count;
}

/* Those before the mark stay, and collect on. */
void hy__holding_undo_to_mark(hy_reporter_t *r) {
    hy_trial_t *t = r->party.syncher->trial;
    for (hy_link_t *l = t->deeds.prev; l != &t->deeds;) {
        hy_held_deed_t *d = hy_link_owner(l, hy_held_deed_t, link);
        l = l->prev;
        if (d->kind != EDITS || d->party != &r->party) continue;
        while (d->change->count > (d == r->mark ? r->mark_count : 0)) {
            undo_last(d);
        }
        if (d == r->mark) break;
        deed_free(d);
    }
    r->edits = r->mark;
}

/* --- children --------------------------------------------------------------------------------- */

static int check_child(hy_reporter_t *r, const hy_childop_t *op, hy_error_t *err) {
    int rc = hy__reporter_check(r, err);
    if (rc == 0) rc = hy__payload_check_size(&op->payload, r->party.object, err);
    return rc;
}

int hy__holding_child(hy_reporter_t *r, hy_childop_t *op, hy_child_t *child, hy_error_t *err) {
    hy_syncher_t *s = r->party.syncher;
    int rc = check_child(r, op, err);
    hy_held_deed_t *d = rc == 0 ? deed_new(s, CHILD, &r->party) : NULL;
    if (rc == 0 && !d) rc = HY_ENOMEM;
    if (rc == 0 && op->kind == HY_CHILDOP_CREATE) {
        rc = hy_children_add_pending(r->party.object->children, child);
        if (rc == HY_EFULL) hy_fail(err, rc, "too many children wait for the end of the reload");
        child->is_tried = rc == 0;
    }
    if (rc < 0) {
        if (d) deed_free(d);
        return rc;
    }
    d->op = op;
    d->child = hy_child_ref(child);
    return 0;
}

void hy__holding_effect(hy_reporter_t *r, hy_effect_t *effect) {
    hy_trial_t *t = r->party.syncher->trial;
    hy_held_deed_t *d = hy_link_owner(t->deeds.prev, hy_held_deed_t, link);
    d->effect = *effect;
    d->has_effect = true;
}

int hy__holding_sent(hy_observer_t *o, uint64_t *serial) {
    hy_trial_t *t = o->party.syncher->trial;
    hy_held_deed_t *d = deed_new(o->party.syncher, SENT, &o->party);
    if (!d) return HY_ENOMEM;
    d->serial = *serial = ++t->serials;
    return 0;
}

void hy__holding_take_back(hy_observer_t *o) {
    hy_trial_t *t = o->party.syncher->trial;
    deed_free(hy_link_owner(t->deeds.prev, hy_held_deed_t, link));
}

static bool deletes(const hy_held_deed_t *d, const hy_child_t *child) {
    if (d->kind == CHILD) return d->child == child && d->op->kind == HY_CHILDOP_DELETE;
    return d->kind == SENT && hy__outbox_deletes((hy_observer_t *)d->party, d->serial, child);
}

bool hy__holding_deletes(const hy_party_t *p, const hy_child_t *child) {
    if (!hy__trial_holds(p->syncher)) return false;
    const hy_trial_t *t = p->syncher->trial;
    for (hy_link_t *l = t->deeds.prev; l != &t->deeds; l = l->prev) {
        if (deletes(hy_link_owner(l, hy_held_deed_t, link), child)) return true;
    }
    return false;
}

/* Under the number that comes next now. */
static int do_child(hy_held_deed_t *d, hy_error_t *err) {
    hy_reporter_t *r = (hy_reporter_t *)d->party;
    hy_childop_t *op = d->op;
    bool is_create = op->kind == HY_CHILDOP_CREATE;
    if (d->child->state != (is_create ? HY_CHILD_PENDING : HY_CHILD_KEPT))
        return hy_fail(err, HY_EDELETED, "child %s is not there", d->child->id->bytes);
    if (!is_create) op->version = hy__outbox_next(d->child);
    if (op->change) op->change->version = op->version;
    d->child->is_tried = false;
    d->op = NULL;
    int rc = hy__reporter_child_op(r, d->child->collection, op, d->child, err);
    if (rc < 0 && is_create)
        hy_children_remove(r->party.object->children, d->child, HY_CHILD_REFUSED);
    return rc;
}

static void undo_child(hy_held_deed_t *d) {
    hy_children_t *children = d->party->object->children;
    if (d->has_effect) {
        hy_children_touch(children, d->child);
        hy_effect_undo(d->child->data, &d->effect);
        d->has_effect = false;
    }
    if (d->op && d->op->kind == HY_CHILDOP_CREATE && d->child->state == HY_CHILD_PENDING)
        hy_children_remove(children, d->child, HY_CHILD_REFUSED);
}

/* --- messages, calls -------------------------------------------------------------------------- */

int hy__holding_message(hy_syncher_t *s, hy_msg_t *m) {
    hy_held_deed_t *d = deed_new(s, MESSAGE, NULL);
    if (!d) return HY_ENOMEM;
    d->message = hy_msg_ref(m);
    return 0;
}

int hy__holding_keep(hy_party_t *p, hy_store_level_t level) {
    hy_held_deed_t *d = deed_new(p->syncher, KEEP, p);
    if (!d) return HY_ENOMEM;
    d->level = level;
    return 0;
}

int hy__holding_call(hy_syncher_t *s, const hy_deed_call_t *call) {
    hy_held_deed_t *d = deed_new(s, CALL, call->party);
    hy_str_t **hyperties = d ? hy_alloc((call->count + 1) * sizeof(hy_str_t *)) : NULL;
    if (hyperties) {
        d->call = *call;
        d->call.hyperties = hyperties;
        for (uint32_t i = 0; i < call->count; i++) {
            hyperties[i] = hy_str_ref(call->hyperties[i]);
        }
        d->method = call->method ? hy_str_from(call->method) : NULL;
        d->room_to_fail = hy__told_new();
        if (d->room_to_fail && (!call->method || d->method)) return 0;
    } else {
        hy_value_drop(call->value);
    }
    if (d) deed_free(d);
    return HY_ENOMEM;
}

const char *hy__holding_waits(const hy_trial_t *t) {
    static const char *const words[] = {
        [HY_DEED_EXECUTE] = "execute",     [HY_DEED_INVITE] = "invite",
        [HY_DEED_AUTHORISE] = "authorise", [HY_DEED_REVOKE] = "revoke",
        [HY_DEED_EVICT] = "evict",         [HY_DEED_DELEGATE] = "delegate",
        [HY_DEED_DELETE] = "delete",       [HY_DEED_UNSUBSCRIBE] = "unsubscribe",
        [HY_DEED_SAVED] = "saved"};
    for (hy_link_t *l = t->deeds.next; l != &t->deeds; l = l->next) {
        const hy_held_deed_t *d = hy_link_owner(l, hy_held_deed_t, link);
        if (d->kind == CALL && (d->call.on_done || d->call.on_value)) return words[d->call.what];
    }
    return NULL;
}

static int make_call(hy_syncher_t *s, hy_held_deed_t *d, hy_error_t *err) {
    hy_deed_call_t *c = &d->call;
    hy_value_t params = c->value;
    c->value = hy_absent();
    switch (c->what) {
    case HY_DEED_EXECUTE:
        return hy_syncher_execute(s, c->hyperties[0], d->method->bytes, params, c->on_value, c->arg,
                                  err);
    case HY_DEED_INVITE:
        return hy_party_invite(d->party, c->hyperties, c->count, c->on_done, c->arg, err);
    case HY_DEED_AUTHORISE:
        return hy_party_authorise(d->party, c->hyperties, c->count, c->on_done, c->arg, err);
    case HY_DEED_REVOKE:
        return hy_party_revoke(d->party, c->hyperties[0], c->on_done, c->arg, err);
    case HY_DEED_EVICT:
        return hy_party_evict(d->party, c->hyperties[0], c->on_done, c->arg, err);
    case HY_DEED_DELEGATE:
        return hy_party_delegate(d->party, c->hyperties[0], c->on_done, c->arg, err);
    case HY_DEED_DELETE:
        return hy_party_delete(d->party, c->on_done, c->arg, err);
    case HY_DEED_UNSUBSCRIBE:
        return hy_party_unsubscribe(d->party, c->on_done, c->arg, err);
    case HY_DEED_SAVED:
        return hy_party_saved(d->party, c->on_value, c->arg, err);
    }
    return HY_EINVALID;
}

/* It cannot even be made: told in a turn, as nothing is called back inside a call. */
static void do_call(hy_syncher_t *s, hy_held_deed_t *d) {
    hy_error_t err = {.text = ""};
    int rc = make_call(s, d, &err);
    if (rc == 0) return;
    hy_ending_t e = {.on_value = d->call.on_value,
                     .on_done = d->call.on_done,
                     .arg = d->call.arg,
                     .code = rc,
                     .text = hy_str_from(err.text[0] ? err.text : hy_error_text(rc))};
    hy_told_t *room = d->room_to_fail;
    d->room_to_fail = NULL;
    hy__tell_ending(s, false, room, &e);
}

/* --- the end ---------------------------------------------------------------------------------- */

static bool is_of_open(const hy_held_deed_t *d) {
    return d->party && d->party->is_open;
}

static int check(hy_held_deed_t *d, hy_error_t *err) {
    hy_reporter_t *r = (hy_reporter_t *)d->party;
    bool writes = d->kind == CHILD || (d->kind == EDITS && d->change->count > 0);
    int rc = 0;
    if (!writes || !is_of_open(d)) return 0;
    if (d->kind == EDITS) d->change->is_batch = d->change->count > 1;
    rc = hy__reporter_check(r, err);
    if (rc == 0) rc = hy__ledger_check(r->ledger, err);
    if (rc == 0 && d->kind == EDITS)
        rc = hy__payload_check_size(&d->change->payload, r->party.object, err);
    return rc;
}

int hy__holding_check(hy_trial_t *t, hy_error_t *err) {
    hy_bus_t *bus = t->syncher->manager->bus;
    int rc = 0;
    for (hy_link_t *l = t->deeds.next; rc == 0 && l != &t->deeds; l = l->next) {
        rc = check(hy_link_owner(l, hy_held_deed_t, link), err);
    }
    if (rc == 0 && !hy_list_is_empty(&t->deeds) && !hy_bus_has_room(bus))
        rc = hy_fail(err, HY_EFULL, "too many messages wait to be delivered");
    return rc;
}

/* Edits that cannot be published are undone, with those of the object that came after them. */
static void undo_edits_from(hy_trial_t *t, hy_held_deed_t *first) {
    for (hy_link_t *l = t->deeds.prev; l != &t->deeds;) {
        hy_held_deed_t *d = hy_link_owner(l, hy_held_deed_t, link);
        l = l->prev;
        if (d->kind != EDITS || d->party != first->party) continue;
        while (d->change->count > 0) {
            undo_last(d);
        }
        if (d == first) return;
    }
}

static void do_deed(hy_trial_t *t, hy_held_deed_t *d) {
    hy_syncher_t *s = t->syncher;
    hy_error_t err = {.text = ""};
    int rc = 0;
    if (d->kind == EDITS && is_of_open(d) && d->change->count > 0) {
        rc = hy__reporter_publish((hy_reporter_t *)d->party, d->change, d->effects);
        if (rc < 0) undo_edits_from(t, d);
        if (rc == 0) d->change = NULL;
    } else if (d->kind == CHILD && is_of_open(d)) {
        rc = do_child(d, &err);
        if (rc < 0) undo_child(d);
    } else if (d->kind == SENT && is_of_open(d)) {
        hy__outbox_commit((hy_observer_t *)d->party, d->serial);
    } else if (d->kind == MESSAGE) {
        rc = hy_port_send(s->port, d->message, &err);
    } else if (d->kind == KEEP && is_of_open(d)) {
        rc = hy__member_keep(((hy_observer_t *)d->party)->member, d->level, &err);
    } else if (d->kind == CALL) {
        do_call(s, d);
    }
    if (rc == 0) return;
    hy_log(hy_bus_log(s->manager->bus), HY_LOG_ERROR, "sync",
           "%s: held back for the reload, and not done: %s", s->url->bytes,
           err.text[0] ? err.text : hy_error_text(rc));
}

/* Of the reporters: nothing is collected any more, and no batch is open within. */
static void settle(hy_trial_t *t) {
    for (hy_link_t *l = t->syncher->parties.next; l != &t->syncher->parties; l = l->next) {
        hy_reporter_t *r = (hy_reporter_t *)hy_link_owner(l, hy_party_t, link);
        if (!r->party.is_reporter) continue;
        r->edits = r->mark = NULL;
        r->is_nested = false;
        hy__ledger_settle(r->ledger);
    }
}

void hy__holding_commit(hy_trial_t *t) {
    hy__fit_settle(t, true); /* who observes hears of another version before what is in it */
    while (!hy_list_is_empty(&t->deeds)) {
        hy_held_deed_t *d = hy_link_owner(t->deeds.next, hy_held_deed_t, link);
        do_deed(t, d);
        deed_free(d);
    }
    settle(t);
}

static void undo(hy_held_deed_t *d) {
    if (!is_of_open(d)) return;
    if (d->kind == EDITS) {
        while (d->change->count > 0) {
            undo_last(d);
        }
        ((hy_reporter_t *)d->party)->edits = NULL;
    } else if (d->kind == CHILD) {
        undo_child(d);
    } else if (d->kind == SENT) {
        hy__outbox_undo((hy_observer_t *)d->party, d->serial);
    }
}

void hy__holding_rollback(hy_trial_t *t) {
    while (!hy_list_is_empty(&t->deeds)) {
        hy_held_deed_t *d = hy_link_owner(t->deeds.prev, hy_held_deed_t, link);
        undo(d);
        deed_free(d);
    }
    hy__fit_settle(t, false);
    settle(t);
}

void hy__holding_forget(hy_party_t *p) {
    hy_trial_t *t = p->syncher->trial;
    for (hy_link_t *l = t->deeds.prev; l != &t->deeds;) {
        hy_held_deed_t *d = hy_link_owner(l, hy_held_deed_t, link);
        l = l->prev;
        if (d->party != p || d->kind == CALL) continue;
        undo(d);
        deed_free(d);
    }
}
