/* Inside sync/: another life of a hyperty on trial (syncher.h). Included by sync.h.
 *
 *      what is told ────────► telling.c ─┐ while a trial is on: one queue ──► told after its end,
 *      what is asked ───────► gates ─────┘                                    in order, in turns
 *      what it writes ──────► holding.c: applied here, or kept; ──┬─ commit: done in order
 *      what it sends, asks ─►   one list, in order                └─ rollback: undone, backwards
 *
 * A trial is there from its begin until all that waited has been told: so whoever tells looks at
 * one pointer. */
#ifndef HY_SYNC_TRIAL_H
#define HY_SYNC_TRIAL_H

#include "../base/list.h"
#include "../bus/bus.h"
#include "../data/childop.h"
#include "syncher.h"

typedef struct hy_trial hy_trial_t;
typedef struct hy_told hy_told_t;
typedef struct hy_held_deed hy_held_deed_t;
typedef struct hy_reporter hy_reporter_t;
typedef struct hy_observer hy_observer_t;
typedef struct hy_call hy_call_t;

struct hy_trial {
    hy_syncher_t *syncher;
    bool is_on;         /* else what waited is being told */
    bool is_committing; /* what was held is being done */
    bool is_broken, was_told;
    bool is_telling; /* one of the queue: what follows from it is told at once */
    const char *why;
    void (*broken)(void *arg, const char *why);
    void *broken_arg;
    hy_link_t queue; /* what waits to be told, telling.c */
    uint32_t count;
    hy_link_t deeds;  /* what waits to be done, holding.c */
    uint64_t serials; /* of held child operations of observers */
    hy_timer_t turn;
};

/* --- trial.c ---------------------------------------------------------------------------------- */

/* It is on: what the hyperty writes and sends is held. Not while that is being done. */
bool hy__trial_holds(const hy_syncher_t *s);
/* What is told waits. */
bool hy__trial_delays(const hy_syncher_t *s);
/* It cannot go on: told in a turn of its own, once. */
void hy__trial_break(hy_trial_t *t, const char *why);
/* The syncher closes: undone; then, when its parties have ended, what waits is dropped. */
void hy__trial_abandon(hy_syncher_t *s);
void hy__trial_free(hy_syncher_t *s);
/* Of that party, which is new, given to its hyperty by a call, and about to close. */
void hy__trial_meets(hy_party_t *p);
void hy__trial_gives(const hy_call_t *c, hy_party_t *p);
void hy__trial_closes(hy_party_t *p);

/* --- telling.c: the one way to the hyperty ---------------------------------------------------- */

void hy__tell_decide(hy_decision_t *d);
void hy__tell_change(hy_party_t *p, hy_change_t *change, const hy_effect_t *effects);
void hy__tell_child(hy_party_t *p, hy_child_event_kind_t kind, hy_child_t *child,
                    hy_change_t *change);
void hy__tell_event(hy_party_t *p, hy_str_t *collection, hy_str_t *from, hy_value_t value);
void hy__tell_unsubscribed(hy_party_t *p, hy_str_t *observer);
void hy__tell_resync(hy_party_t *p, uint64_t from, uint64_t to, const char *reason);
void hy__tell_ended(hy_party_t *p, bool evicted);
void hy__tell_status(hy_party_t *p, hy_party_status_t status);
void hy__tell_emitted(hy_syncher_t *s, hy_str_t *hyperty, hy_str_t *name, hy_node_t *args);

/* How a call ends. */
typedef struct {
    hy_party_cb on_party;
    hy_value_cb on_value;
    hy_done_cb on_done;
    hy_parties_cb on_parties;
    void *arg;
    int code;
    hy_str_t *text; /* NULL: none, or out of memory */
    hy_party_t *party;
    hy_value_t value;
    hy_party_t **parties;
    uint32_t party_count;
} hy_ending_t;

void hy__ending_free(hy_ending_t *e);
/* The same value, kept by a reference more: for what nobody changes. */
hy_value_t hy__value_ref(hy_value_t v);
/* Calls back, or later if it has to wait; all that it holds is taken over. `is_tried`: who called
 * is on trial. `room`: made before (hy__told_new), or NULL; taken over. */
void hy__tell_ending(hy_syncher_t *s, bool is_tried, hy_told_t *room, const hy_ending_t *e);
/* Out of memory: NULL. */
hy_told_t *hy__told_new(void);
void hy__told_drop(hy_told_t *told); /* one that does not wait; NULL allowed */

/* What is asked of a reporter, by where it came in. */
typedef enum { HY_ASKED_OBJECT, HY_ASKED_CHILDREN, HY_ASKED_SUBSCRIPTION } hy_asked_of_t;
/* True if it waits (or was told to come again): there is nothing more to do. */
bool hy__telling_gate(hy_party_t *reporter, hy_asked_of_t where, hy_msg_t *m);
/* True if `fn` is called later, also if the syncher closes before. */
bool hy__telling_defer(hy_syncher_t *s, void (*fn)(void *arg), void *arg);
/* The party has closed: it is known to its hyperty until that is told. */
void hy__telling_closed(hy_party_t *p);
/* Goes on in a turn of its own. */
void hy__telling_go_on(hy_trial_t *t);
/* Calls `fn` for the parties that are closed and not told so. */
void hy__telling_each_closed(hy_trial_t *t, void (*fn)(hy_party_t *p));
/* All that waits goes, untold. */
void hy__telling_drop(hy_trial_t *t);
/* The timer of a trial. */
void hy__telling_turn(void *trial);

/* --- holding.c: what is done at the commit ---------------------------------------------------- */

/* The change that collects edits of that reporter's object now. */
int hy__holding_edit(hy_reporter_t *r, hy_edit_t *edit, hy_error_t *err);
/* A batch within: what comes after the mark is undone. */
void hy__holding_mark(hy_reporter_t *r);
void hy__holding_undo_to_mark(hy_reporter_t *r);
/* How many edits come after the mark; `effects` (NULL: not wanted) gets what they did, lent. */
size_t hy__holding_collect(const hy_reporter_t *r, hy_effect_t *effects);
/* A reporter's own operation; `op` is taken over on success. */
int hy__holding_child(hy_reporter_t *r, hy_childop_t *op, hy_child_t *child, hy_error_t *err);
/* What the last one did to the child's data, to be undone; taken over. */
void hy__holding_effect(hy_reporter_t *r, hy_effect_t *effect);
/* An observer's, that its outbox holds under this number. */
int hy__holding_sent(hy_observer_t *o, uint64_t *serial);
void hy__holding_take_back(hy_observer_t *o); /* the last one */
/* It is to be deleted at the commit. */
bool hy__holding_deletes(const hy_party_t *p, const hy_child_t *child);
/* A message that leaves then; referenced. */
int hy__holding_message(hy_syncher_t *s, hy_msg_t *m);
/* The copy is kept at that level then. */
int hy__holding_keep(hy_party_t *p, hy_store_level_t level);

typedef enum {
    HY_DEED_EXECUTE,
    HY_DEED_INVITE,
    HY_DEED_AUTHORISE,
    HY_DEED_REVOKE,
    HY_DEED_EVICT,
    HY_DEED_DELEGATE,
    HY_DEED_DELETE,
    HY_DEED_UNSUBSCRIBE,
    HY_DEED_SAVED
} hy_deed_t;

typedef struct {
    hy_deed_t what;
    hy_party_t *party;    /* NULL: of none */
    hy_str_t **hyperties; /* INVITE, AUTHORISE, REVOKE, EVICT, DELEGATE; EXECUTE: to whom */
    uint32_t count;
    const char *method; /* EXECUTE */
    hy_value_t value;   /* its params, taken over */
    hy_value_cb on_value;
    hy_done_cb on_done;
    void *arg;
} hy_deed_call_t;

/* The call is made at the commit. */
int hy__holding_call(hy_syncher_t *s, const hy_deed_call_t *call);
/* What it is called; NULL: none waits. */
const char *hy__holding_waits(const hy_trial_t *t);
/* 0, or why what is held cannot be done. */
int hy__holding_check(hy_trial_t *t, hy_error_t *err);
void hy__holding_commit(hy_trial_t *t);
void hy__holding_rollback(hy_trial_t *t);
/* What is held of that party, which goes, but for calls. */
void hy__holding_forget(hy_party_t *p);

/* --- what others keep of a trial -------------------------------------------------------------- */

/* call.c: it is dropped, and a subscription under way left. */
void hy__call_drop(hy_call_t *c);
/* follow.c: those of the trial go, or stay. */
void hy__follows_undo(hy_syncher_t *s);
void hy__follows_keep(hy_syncher_t *s);
/* party.c: who waits for a child and is on trial: dropped; stays; is there one? Room for the
 * others. */
void hy__party_drop_awaits(hy_party_t *p);
void hy__party_keep_awaits(hy_party_t *p);
bool hy__party_has_tried_await(const hy_party_t *p);
int hy__party_reserve_awaits(hy_party_t *p);
/* outbox.c: the operation that is held under that number: sent; undone; does it delete that child?
 */
void hy__outbox_commit(hy_observer_t *o, uint64_t serial);
void hy__outbox_undo(hy_observer_t *o, uint64_t serial);
bool hy__outbox_deletes(const hy_observer_t *o, uint64_t serial, const hy_child_t *child);

#endif
