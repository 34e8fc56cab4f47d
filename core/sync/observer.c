/* An observer: one hyperty's way to the runtime's copy of an object. */
#include "../base/mem.h"
#include "sync.h"

static int view_edit(void *owner, hy_edit_t *edit, hy_error_t *err) {
    const hy_observer_t *o = owner;
    hy_value_drop(edit->value);
    return hy_fail(err, HY_EFORBIDDEN,
                   "%s is read-only here: only its reporter writes it; ask it with execute, or add "
                   "a child",
                   o->party.url->bytes);
}

static int view_begin(void *owner, hy_error_t *err) {
    const hy_observer_t *o = owner;
    return hy_fail(err, HY_EFORBIDDEN, "%s is read-only here", o->party.url->bytes);
}

static const hy_view_ops_t observer_view = {.edit = view_edit, .begin = view_begin};

/* No number of a child is given twice, also when the hyperty leaves the object and comes back
 * before the reporter has seen the child; so what its marks do not know is remembered. */
static void remember_number(const hy_party_t *p) {
    hy_dict_t *numbers = &p->syncher->numbers;
    if (p->next_n <= hy_marks_top(hy_children_marks(p->object->children), p->syncher->url)) return;
    uint32_t oldest = 0;
    if (numbers->count >= HY_CHILD_NUMBERS_MAX)
        hy_dict_remove(numbers, hy_dict_next(numbers, &oldest));
    hy_number_entry_t *e = hy_dict_put(numbers, p->url, NULL);
    if (e && e->n < p->next_n) e->n = p->next_n;
}

int hy__observer_new(hy_syncher_t *s, hy_member_t *member, hy_observer_t **out) {
    hy_object_t *object = member->replica->object;
    hy_observer_t *o = hy_alloc_zero(sizeof *o);
    if (!o) return HY_ENOMEM;
    hy__party_init(&o->party, s, object->url, false);
    hy_link_init(&o->outbox);
    o->party.object = object;
    o->party.view = hy_view_new(object->data, &observer_view, o, object->url);
    if (!o->party.view) {
        hy_list_remove(&o->party.link);
        hy_str_unref(o->party.url);
        hy_free(o);
        return HY_ENOMEM;
    }
    o->member = member;
    member->observer = o;
    *out = o;
    return 0;
}

/* The copy may live on for others: what was ahead of the stamps is given up. */
static void drop_drafts(const hy_observer_t *o) {
    hy_child_t *child;
    for (size_t pos = 0; (child = hy_children_next(o->party.object->children, NULL, &pos));) {
        if (!child->draft || !hy_str_equal(child->reporter, o->party.syncher->url)) continue;
        hy_node_unref(child->draft);
        child->draft = NULL;
        child->sent = 0;
        child->is_given_up = child->state == HY_CHILD_PENDING;
    }
}

void hy__observer_deinit(hy_observer_t *o) {
    hy__outbox_close(o);
    drop_drafts(o);
    remember_number(&o->party);
    if (o->member) o->member->observer = NULL;
    o->member = NULL;
}

void hy__observer_end(hy_observer_t *o, bool evicted, bool tell) {
    hy_party_t *p = &o->party;
    hy_party_ref(p);
    hy_syncher_t *s = p->syncher;
    if (tell && !s->is_closing) hy__tell_ended(p, evicted);
    hy__party_close(p);
    hy_party_unref(p);
}

int hy__observer_add_child(hy_observer_t *o, hy_child_t *child, hy_childop_t *op, hy_error_t *err) {
    hy_value_t draft;
    hy_value_t data = {.kind = hy_node_kind(child->data), .as.n = child->data};
    int rc = hy_value_copy(data, &draft);
    if (rc == 0) {
        child->draft = draft.as.n;
        rc = hy_children_add_pending(o->party.object->children, child);
        if (rc == HY_EFULL) hy_fail(err, rc, "too many children wait for their stamp");
    }
    if (rc < 0) {
        hy_childop_unref(op);
        return rc;
    }
    rc = hy__outbox_send(o, child, op, err);
    if (rc < 0) hy_children_remove(o->party.object->children, child, HY_CHILD_REFUSED);
    child->is_tried = rc == 0 && hy__trial_holds(o->party.syncher);
    hy_timer_t *expiry = &o->member->replica->expiry;
    if (!hy_timer_is_started(expiry))
        hy_timer_start(hy_bus_clock(o->party.syncher->manager->bus), expiry, HY_CHILD_EXPIRY_MS);
    return rc;
}
