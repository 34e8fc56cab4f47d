/* Views of children's data: read-only, but for the child's own reporter, whose every edit is one
 * operation. */
#include "../base/mem.h"
#include "sync.h"

/* The owner of such a view. */
typedef struct {
    hy_link_t link; /* in the party */
    hy_party_t *party;
    hy_child_t *child;
    hy_view_t *view; /* lent: it holds us */
} access_t;

static int foreign_edit(void *owner, hy_edit_t *edit, hy_error_t *err) {
    const access_t *a = owner;
    hy_value_drop(edit->value);
    return hy_fail(err, HY_EFORBIDDEN, "child %s is read-only: only its creator %s changes it",
                   a->child->id->bytes, a->child->reporter->bytes);
}

/* `change` is taken over. */
static int send_update(access_t *a, hy_change_t *change, hy_error_t *err) {
    hy_child_t *child = a->child;
    hy_childop_t *op =
        hy_childop_new(HY_CHILDOP_UPDATE, child->id, change->version, NULL, 0, hy_absent(), change);
    if (!op) return HY_ENOMEM;
    if (a->party->is_reporter)
        return hy__reporter_child_op((hy_reporter_t *)a->party, child->collection, op, child, err);
    return hy__outbox_send((hy_observer_t *)a->party, child, op, err);
}

static int check_own(const access_t *a, hy_error_t *err) {
    const hy_child_t *child = a->child;
    if (!hy_bus_has_room(a->party->syncher->manager->bus))
        return hy_fail(err, HY_EFULL, "too many messages wait to be delivered; write less at once");
    if (child->state != HY_CHILD_KEPT && child->state != HY_CHILD_PENDING)
        return hy_fail(err, HY_EDELETED, "child %s is %s", child->id->bytes,
                       hy_child_state_word(child->state));
    if (hy__holding_deletes(a->party, child))
        return hy_fail(err, HY_EDELETED, "child %s is deleted", child->id->bytes);
    return a->party->is_reporter ? 0 : hy__check_on_its_way(child, err);
}

static int own_edit(void *owner, hy_edit_t *edit, hy_error_t *err) {
    access_t *a = owner;
    hy_child_t *child = a->child;
    int rc = check_own(a, err);
    hy_change_t *change = rc == 0 ? hy_change_new() : NULL;
    if (!change) {
        hy_value_drop(edit->value);
        return rc < 0 ? rc : HY_ENOMEM;
    }
    change->child = hy_str_ref(child->id);
    change->version = hy__outbox_next(child);
    hy_effect_t effect;
    if (a->party->is_reporter) hy_children_touch(a->party->object->children, child);
    rc = hy_change_add_edit(change, edit);
    if (rc < 0) {
        hy_value_drop(edit->value);
    } else {
        rc = hy_edit_apply(a->view->root, edit, &effect, err);
    }
    if (rc < 0) {
        hy_change_unref(change);
        return rc;
    }
    rc = hy__fit_check_child(a->party->object, child, a->view->root, &effect, err);
    if (rc == 0) {
        rc = send_update(a, change, err);
    } else {
        hy_change_unref(change);
    }
    if (rc < 0) {
        hy_effect_undo(a->view->root, &effect);
    } else if (a->party->is_reporter && hy__trial_holds(a->party->syncher)) {
        hy__holding_effect((hy_reporter_t *)a->party, &effect);
    } else {
        hy_effect_release(&effect);
    }
    return rc;
}

static void release(void *owner) {
    access_t *a = owner;
    hy_list_remove(&a->link);
    hy_child_unref(a->child);
    hy_free(a);
}

static const hy_view_ops_t foreign_ops = {.edit = foreign_edit, .release = release};
static const hy_view_ops_t own_ops = {.edit = own_edit, .release = release};

/* A creator that comes back (after a new subscription) writes ahead of the stamps again. */
static int make_draft(hy_child_t *child) {
    hy_value_t draft, data = {.kind = hy_node_kind(child->data), .as.n = child->data};
    if (child->draft) return 0;
    int rc = hy_value_copy(data, &draft);
    if (rc == 0) child->draft = draft.as.n;
    return rc;
}

int hy_party_child_view(hy_party_t *p, hy_child_t *child, hy_view_t **out, hy_error_t *err) {
    if (!p->is_open) return hy_fail(err, HY_ECLOSED, "%s is closed", p->url->bytes);
    bool is_own = hy_str_equal(child->reporter, p->syncher->url);
    if (is_own && !p->is_reporter && make_draft(child) < 0) return HY_ENOMEM;
    access_t *a = hy_alloc(sizeof *a);
    if (!a) return HY_ENOMEM;
    hy_node_t *root = is_own && child->draft ? child->draft : child->data;
    hy_view_t *view = hy_view_new(root, is_own ? &own_ops : &foreign_ops, a, child->id);
    if (!view) {
        hy_free(a);
        return HY_ENOMEM;
    }
    *a = (access_t){.party = p, .child = hy_child_ref(child), .view = view};
    hy_list_append(&p->accesses, &a->link);
    *out = view;
    return 0;
}

void hy__party_close_child_views(hy_party_t *p) {
    while (!hy_list_is_empty(&p->accesses)) {
        hy_view_close(hy_link_owner(p->accesses.next, access_t, link)->view);
    }
}
