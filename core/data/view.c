/* Views: rights and liveness in front of a tree. Whether a node still belongs to the tree is seen
 * by walking up to the root, a handful of steps; so removing a subtree marks nothing. */
#include "view.h"

#include "../base/mem.h"

hy_view_t *hy_view_new(hy_node_t *root, const hy_view_ops_t *ops, void *owner, hy_str_t *name) {
    hy_view_t *v = hy_alloc(sizeof *v);
    if (!v) return NULL;
    *v = (hy_view_t){
        .refs = 1, .root = hy_node_ref(root), .ops = ops, .owner = owner, .name = hy_str_ref(name)};
    return v;
}

void hy_view_unref(hy_view_t *v) {
    if (!v || --v->refs > 0) return;
    hy_view_close(v);
    hy_node_unref(v->root);
    hy_str_unref(v->name);
    hy_free(v);
}

void hy_view_close(hy_view_t *v) {
    if (!v || !v->owner) return;
    void *owner = v->owner;
    v->owner = NULL;
    if (v->ops->release) v->ops->release(owner);
}

int hy_view_check(const hy_view_t *v, const hy_node_t *node, hy_error_t *err) {
    if (!v->owner) return hy_fail(err, HY_ECLOSED, "%s is closed", v->name->bytes);
    if (hy_node_root(node) != v->root)
        return hy_fail(err, HY_ENOT_FOUND,
                       "stale: this part of %s was removed or replaced; take it from .data again",
                       v->name->bytes);
    return 0;
}

int hy_view_edit(hy_view_t *v, hy_edit_t *edit, hy_error_t *err) {
    int rc = hy_view_check(v, edit->node ? edit->node : v->root, err);
    if (rc < 0) {
        hy_value_drop(edit->value);
        return rc;
    }
    return v->ops->edit(v->owner, edit, err);
}

int hy_view_begin(hy_view_t *v, hy_error_t *err) {
    int rc = hy_view_check(v, v->root, err);
    if (rc < 0) return rc;
    return v->ops->begin ? v->ops->begin(v->owner, err) : 0;
}

int hy_view_commit(hy_view_t *v, hy_error_t *err) {
    int rc = hy_view_check(v, v->root, err);
    if (rc < 0) return rc;
    return v->ops->commit ? v->ops->commit(v->owner, err) : 0;
}

void hy_view_rollback(hy_view_t *v) {
    if (v->owner && v->ops->rollback) v->ops->rollback(v->owner);
}

static int private_edit(void *owner, hy_edit_t *edit, hy_error_t *err) {
    return hy_edit_apply(owner, edit, NULL, err);
}

/* The owner is the root itself. */
const hy_view_ops_t hy_view_private = {.edit = private_edit};
