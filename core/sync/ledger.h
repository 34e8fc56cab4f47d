/* Inside sync/: what the store keeps of an object, and what waits for commits. Included by sync.h.
 *
 *      change, stamp ─► row ─┐                                   ┌─► leaves: update, stamp, 200
 *      new guest ─► row ─────┼─► batch of the turn ─► committed ─┤
 *      now and then: snapshot┘                                   └─► who waits for saved
 *
 * The rows of an object (store/store.h): a snapshot of its state and children, and each change
 * since as an entry of its own; so a change costs one row, whatever the size of the object. Once
 * the changes are as many bytes as the snapshot, a new one is made, with those children alone that
 * have changed; changes before it are kept as far as the object's history goes.
 *
 * A ledger writes for one object: a reporter's original, or the copy of this runtime's observers.
 * Objects that are not stored have none. */
#ifndef HY_SYNC_LEDGER_H
#define HY_SYNC_LEDGER_H

#include "../base/list.h"
#include "../data/object.h"
#include "../store/store.h"
#include "syncher.h"

/* --- commits.c -------------------------------------------------------------------------------- */

/* Who waits for a commit; embedded. Called in a turn of its own, once; unlinked before. */
typedef struct {
    hy_link_t link;
    uint64_t ticket;
    void (*committed)(void *arg);
    void (*dropped)(void *arg); /* instead, when the manager goes; NULL: it is cancelled before */
    void *arg;
} hy_commit_t;

void hy__commit_init(hy_commit_t *c, void (*committed)(void *arg), void *arg);
int hy__commit_wait(hy_manager_t *m, hy_commit_t *c, uint64_t ticket);
void hy__commit_cancel(hy_commit_t *c); /* harmless if it does not wait */

/* Messages of stored objects that wait, in order. */
typedef struct {
    hy_msg_t *message;
    uint64_t ticket;
} hy_held_t;

typedef struct {
    hy_held_t *ring;
    uint32_t first, count, room; /* room is a power of two */
    size_t bytes;
    uint64_t sent; /* how many have left */
    hy_link_t commits;
    hy_timer_t now; /* for those that wait for what is committed already */
    hy_store_watch_t *watch;
} hy_outlet_t;

int hy__outlet_init(hy_manager_t *m);
void hy__outlet_deinit(hy_manager_t *m);
/* What waits is dropped. */
void hy__outlet_clear(hy_manager_t *m);

/* --- ledger.c --------------------------------------------------------------------------------- */

typedef struct hy_ledger {
    hy_manager_t *manager;
    hy_object_t *object; /* lent */
    hy_store_level_t level;
    bool is_original;  /* the reporter's */
    bool is_behind;    /* a copy whose rows lack something: it is written anew when there is room */
    bool lacks_guests; /* their rows are to be written anew */
    uint64_t ticket;   /* of what was written last */
    uint64_t held;     /* the last message held, counted as in the outlet's `sent` */
    size_t snapshot_bytes, changes_bytes;
    hy_dict_t children; /* changed since the snapshot */
    hy_dict_t creators; /* whose marks have */
    hy_dict_t answers;  /* keys of answered executes, oldest first */
    hy_value_t guests;  /* restored, until they are taken: [{"hyperty", …}], or ABSENT */
} hy_ledger_t;

int hy__ledger_new(hy_manager_t *m, hy_object_t *o, hy_store_level_t level, bool is_original,
                   hy_ledger_t **out);
void hy__ledger_free(hy_ledger_t *l); /* the rows stay; NULL allowed */
/* Writes all of the object, in place of whatever rows it has. On failure nothing was written. */
int hy__ledger_begin(hy_ledger_t *l);
/* A new snapshot: what has changed since the last. On failure nothing was written. */
int hy__ledger_snapshot(hy_ledger_t *l);
/* Removes all rows of that object, but for the parties. */
int hy__ledger_remove(hy_manager_t *m, const hy_str_t *url);

/* The change or stamp with the next version, before it is published; `child` and `op` as in
 * hy_rows_write_stamp. On failure (HY_ENOMEM, HY_EFULL) nothing was written. What is written can be
 * taken back in the same turn: mark before, undo. */
int hy__ledger_change(hy_ledger_t *l, const hy_change_t *c);
int hy__ledger_stamp(hy_ledger_t *l, const hy_stamp_t *s, hy_child_t *child,
                     const hy_childop_t *op);
size_t hy__ledger_mark(const hy_ledger_t *l); /* NULL allowed, here and below */
void hy__ledger_undo(hy_ledger_t *l, size_t mark);
/* The object has reached what was written: time for a snapshot, perhaps. */
void hy__ledger_settle(hy_ledger_t *l);

/* A row of it was written, or removed, in the open batch: what leaves from now on waits for it. */
void hy__ledger_written(hy_ledger_t *l);
/* A row of another table, of this object; the buffer is taken over. */
int hy__ledger_put(hy_ledger_t *l, hy_table_t table, const hy_str_t *key, hy_buf_t *b);
/* For restoring: that stamp and that answer are in the rows already. */
int hy__ledger_note(hy_ledger_t *l, const hy_stamp_t *s, hy_child_t *child);
void hy__ledger_note_answer(hy_ledger_t *l, const char *key, size_t len, int64_t at_ms);

/* 0 (also for NULL), or HY_EFULL with a text: the store cannot follow. */
int hy__ledger_check(const hy_ledger_t *l, hy_error_t *err);
/* The message leaves when all that was written so far is committed; at once if it is, and for NULL.
 */
void hy__ledger_send(hy_ledger_t *l, hy_manager_t *m, hy_msg_t *message);
/* The same for an answer; `value` is taken over. */
void hy__ledger_respond(hy_ledger_t *l, hy_manager_t *m, hy_msg_t *request, int code,
                        const char *desc, hy_value_t value);
/* An answer to an execute: remembered, so that it is given again after a restart. */
void hy__ledger_answer(hy_ledger_t *l, hy_manager_t *m, hy_msg_t *request, int code,
                       const char *desc, hy_value_t value);
/* Remembers it alone, as given at that time of the wall clock; `value` is lent. */
int hy__ledger_put_answer(hy_ledger_t *l, hy_msg_t *request, int code, const char *desc,
                          hy_value_t value, int64_t at_ms);

/* A copy got a change or a stamp; what cannot be written now is written later. NULL allowed. */
void hy__copy_changed(hy_ledger_t *l, const hy_change_t *c);
void hy__copy_stamped(hy_ledger_t *l, const hy_stamp_t *s, hy_child_t *child,
                      const hy_childop_t *op);
void hy__copy_renewed(hy_ledger_t *l);  /* it took in a whole object */
void hy__copy_entered(hy_ledger_t *l);  /* it is in another epoch, at the version that it had */
void hy__copy_catch_up(hy_ledger_t *l); /* writes what is behind, if there is room */

/* --- restore.c -------------------------------------------------------------------------------- */

/* What a person is told when the store could not be read: `code`, which is given back. `url` NULL:
 * it is not about one object. */
int hy__fail_read(const hy_manager_t *m, const hy_str_t *url, int code, hy_error_t *err);

#define HY_LEDGER_TABLES                                                                           \
    (1u << HY_TABLE_STATES | 1u << HY_TABLE_CHANGES | 1u << HY_TABLE_CHILDREN |                    \
     1u << HY_TABLE_MARKS | 1u << HY_TABLE_GUESTS | 1u << HY_TABLE_ANSWERS)

/* The object that these rows are, and its ledger; both the caller's. Answers go back to the bus, if
 * it is an original. HY_ENOT_FOUND: there is none; HY_EINVALID with a text: they make no sense. */
int hy__ledger_restore(hy_manager_t *m, hy_str_t *url, const hy_rows_t *rows,
                       hy_store_level_t level, bool is_original, hy_ledger_t **out,
                       hy_error_t *err);

#endif
