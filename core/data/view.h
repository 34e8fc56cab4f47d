/* A view: one hyperty's way to a tree (the data of an object or a child, or its own state).
 *
 * Several views may show one tree; each has its own rights and can be closed on its own: an evicted
 * observer's view closes while the copy lives on for others. What a view lets its holder write, and
 * how that travels, is in its ops. Lua's data handles are (view, node) and know nothing else. */
#ifndef HY_DATA_VIEW_H
#define HY_DATA_VIEW_H

#include "change.h"

typedef struct hy_view hy_view_t;

typedef struct {
    /* Does the edit and publishes it. The edit's value is taken over, also on failure. The text of
     * a refusal names the object. */
    int (*edit)(void *owner, hy_edit_t *edit, hy_error_t *err);
    /* A batch: edits between begin and commit are one change; rollback undoes them. NULL: the tree
     * has no batches, edits just follow one another. */
    int (*begin)(void *owner, hy_error_t *err);
    int (*commit)(void *owner, hy_error_t *err);
    void (*rollback)(void *owner);
    /* The view lets go of its owner: it was closed, or its last reference went. May be NULL. */
    void (*release)(void *owner);
} hy_view_ops_t;

struct hy_view {
    uint32_t refs;
    hy_node_t *root; /* referenced; keeps its identity as long as the tree lives */
    const hy_view_ops_t *ops;
    void *owner;    /* NULL once closed */
    hy_str_t *name; /* what it shows, for errors: the object's URL or child id */
};

/* One reference. `name` is referenced. */
hy_view_t *hy_view_new(hy_node_t *root, const hy_view_ops_t *ops, void *owner, hy_str_t *name);
static inline hy_view_t *hy_view_ref(hy_view_t *v) {
    v->refs++;
    return v;
}
void hy_view_unref(hy_view_t *v); /* NULL allowed */
/* The owner goes: every later use fails with HY_ECLOSED. NULL allowed; closing again is harmless.
 */
void hy_view_close(hy_view_t *v);

/* 0 if that node can be used through the view: HY_ECLOSED ("… is closed"), HY_ENOT_FOUND ("stale:
 * …") once the node was removed or replaced. */
int hy_view_check(const hy_view_t *v, const hy_node_t *node, hy_error_t *err);
/* Checks the view and the node, then does the edit. `edit->value` is taken over, also on failure.
 */
int hy_view_edit(hy_view_t *v, hy_edit_t *edit, hy_error_t *err);
/* HY_EFORBIDDEN where nothing may be written, HY_ECONFLICT inside another batch. */
int hy_view_begin(hy_view_t *v, hy_error_t *err);
int hy_view_commit(hy_view_t *v, hy_error_t *err);
void hy_view_rollback(hy_view_t *v);

/* A view of a tree of its own (a hyperty's `self.state`): edits are applied and go nowhere. */
extern const hy_view_ops_t hy_view_private; /* owner: the root */

#endif
