/* Children of an object (PROTOCOL.md section 6): records, collections in the order of their stamps,
 * and marks of what was seen of each creator. State only; who sends what is in sync/. */
#ifndef HY_DATA_CHILD_H
#define HY_DATA_CHILD_H

#include "../base/dict.h"
#include "../base/list.h"
#include "change.h"
#include "marks.h"
#include "view.h"

/* name, word in Lua */
#define HY_CHILD_STATE_MAP(X)                                                                      \
    X(PENDING, "pending")                                                                          \
    X(KEPT, "kept")                                                                                \
    X(REFUSED, "refused")                                                                          \
    X(EXPIRED, "expired")                                                                          \
    X(DELETED, "deleted")

typedef enum {
#define X(name, word) HY_CHILD_##name,
    HY_CHILD_STATE_MAP(X)
#undef X
} hy_child_state_t;
const char *hy_child_state_word(hy_child_state_t s);

/* Counted. Readers look at the fields; data/child.c and sync/ write them. */
typedef struct hy_child {
    uint32_t refs;
    hy_child_state_t state;
    hy_str_t *key;        /* <creator's URL>#<n>: unique within the object */
    hy_str_t *id;         /* <creator's identifier>#<n> */
    hy_str_t *collection; /* "messages" */
    hy_str_t *reporter;   /* the creator's hyperty URL */
    hy_str_t *user;       /* its user URL, NULL if not known */
    uint64_t n;
    int64_t created_ms;  /* wall clock */
    uint64_t arrived_ms; /* runtime's clock, while pending */
    uint64_t version;    /* operations applied at a stamp: 0 after create */
    uint64_t order;      /* the object's version of its create stamp; 0 while pending */
    hy_node_t *data;     /* as stamped; the root keeps its identity */
    hy_node_t *draft; /* the creator's own view, ahead of the stamps; NULL where it is not ours */
    hy_str_t *reason; /* why refused, NULL if not */
    size_t slot;      /* place in its collection */
    uint64_t sent;    /* highest version of an own operation on its way; 0: none */
    bool is_given_up; /* its creator left while it was pending: it is not on its way any more */
    bool is_tried;    /* made on trial (sync/trial.h): nobody but its creator knows of it */
    bool is_set_back; /* a whole answer lacked operations that were stamped: they are lost */
} hy_child_t;

static inline hy_child_t *hy_child_ref(hy_child_t *c) {
    c->refs++;
    return c;
}
void hy_child_unref(hy_child_t *c); /* NULL allowed */

typedef struct hy_children hy_children_t;
int hy_children_new(hy_children_t **out);
void hy_children_free(hy_children_t *c);

/* Makes a pending child. HY_EINVALID: `id` is not <creator's identifier>#<n>, the creator's URL is
 * too long, or `data` is no object or array; HY_ETOO_LARGE: it is nested too deep. `data` is taken
 * over. It is not in any list yet. */
int hy_child_new(hy_str_t *collection, hy_str_t *creator, hy_str_t *id, hy_value_t data,
                 hy_child_t **out, hy_error_t *err);
/* Splits a child id: n, or 0 if it is not <creator's identifier>#<n> with n from 1, digits only. */
uint64_t hy_child_number(const hy_str_t *creator, const hy_str_t *id);

/* Kept or pending child of that creator and number; NULL. Lent. */
hy_child_t *hy_children_find(const hy_children_t *c, const hy_str_t *creator, uint64_t n);
/* Puts a pending child where it can be found (referenced). HY_EFULL over HY_CHILD_PENDING_MAX,
 * HY_ECONFLICT if that creator and number are there. */
int hy_children_add_pending(hy_children_t *c, hy_child_t *child);
/* Keeps a child (new or pending) at the end of its collection, with `order` above all others of it.
 * HY_ECONFLICT if another one of that creator and number is there, or this one is kept. */
int hy_children_keep(hy_children_t *c, hy_child_t *child, uint64_t order);
/* Takes a child out, giving it that state. */
void hy_children_remove(hy_children_t *c, hy_child_t *child, hy_child_state_t state);
/* Walks the kept ones of a collection in order (`*pos` from 0), then the pending ones in order of
 * arrival; NULL at the end. `collection` NULL: all, by collection. Removing is fine meanwhile;
 * after adding, start again. */
hy_child_t *hy_children_next(const hy_children_t *c, const hy_str_t *collection, size_t *pos);
/* Kept ones; of all collections for NULL. */
size_t hy_children_count(const hy_children_t *c, const hy_str_t *collection);

/* Walks the kept ones by collection, in order, over many turns: it goes on behind a place that
 * stays true whatever comes and goes. *at begins as {0}. */
typedef struct {
    uint32_t collection; /* position after it */
    uint64_t order;      /* of the last one given */
    size_t slot;         /* a hint */
} hy_children_place_t;
hy_child_t *hy_children_behind(const hy_children_t *c, hy_children_place_t *at);
/* True if the walk has given that kept child already, or goes past it no more. */
bool hy_children_is_passed(const hy_children_t *c, const hy_children_place_t *at,
                           const hy_child_t *child);

/* Is told of each kept child before it is changed or taken out. Whoever changes one (its data or
 * fields) says so before: hy_children_touch; taking out does so by itself. */
typedef struct {
    hy_link_t link; /* hy_list_remove ends it */
    void (*before)(void *arg, hy_child_t *child);
    void *arg;
} hy_children_watch_t;
void hy_children_watch(hy_children_t *c, hy_children_watch_t *w);
void hy_children_touch(hy_children_t *c, hy_child_t *child);

/* What was seen of each creator (marks.h). */
hy_dict_t *hy_children_marks(const hy_children_t *c);

/* childrenObjects and childMarks of a whole answer, out and in. */
typedef enum { HY_CHILD_CREATED, HY_CHILD_UPDATED, HY_CHILD_GONE } hy_child_difference_t;
typedef void (*hy_child_difference_cb)(void *arg, hy_child_difference_t what, hy_child_t *child,
                                       hy_change_t *change);
int hy_children_write(const hy_children_t *c, hy_value_t *objects, hy_value_t *marks);
/* One entry of a list in childrenObjects, as text. */
void hy_child_write(const hy_child_t *child, hy_buf_t *b);
/* For children that nobody has seen yet: keeps those of the answer, and its marks, beside what is
 * there (NULL: none). HY_EINVALID (also for one that is there already) and HY_ETOO_LARGE, with a
 * text, HY_ENOMEM: some of them may be there. */
int hy_children_add(hy_children_t *c, const hy_node_t *objects, const hy_node_t *marks,
                    hy_error_t *err);
/* Everything kept, and the marks, become those of `from` (put together before, and only to be freed
 * then); pending children that the marks have seen are dropped, the others stay. Children that are
 * in both keep their record, and their data's nodes where these are equal. `event` is told of each
 * difference, in order: those of `from`, then those gone.
 *
 * HY_EINVALID and HY_ETOO_LARGE, with a text: nothing has changed. HY_ENOMEM: some of it may have,
 * and was told; taking the same again does the rest. */
int hy_children_take(hy_children_t *c, hy_children_t *from, hy_child_difference_cb event, void *arg,
                     hy_error_t *err);
/* Puts what is kept back into the order of its stamps: after adding, and for reading. */
void hy__children_sort(hy_children_t *c);
/* Where there is none: takes over all of the other's, and gives what was here. False: not done. */
bool hy__children_exchange(hy_children_t *c, hy_children_t *with);

#endif
