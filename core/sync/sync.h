/* Inside sync/: the parts and how they hold each other. Only sync/ includes it.
 *
 *      manager ──► synchers ──► parties ─┬─ reporter ── owns ──► object
 *         │                              └─ observer ──┐
 *         ├──► hosted objects (routes, who may observe) │ lent
 *         └──► replicas ── own ──► object  ◄────────────┘
 *
 * manager.c    <Runtime>/sm: which message goes to which part
 * domain.c     requests to the functions of the message node
 * creation.c   the reporter's side of the sync manager: making objects;
 * hosting.c    inviting, letting observe, deleting (hosted.h); eviction.c: striking off
 * replica.h    the observers' side: one copy an object; its files are named there
 * syncher.c    a hyperty's endpoint
 * call.c       its requests, with create.c, subscribe.c, discover.c and follow.c
 * watching.c   who is told what comes and goes at the registry
 * party.c      what reporters and observers share
 * reporter.c   with reading.c (what it is asked), answering.h (answers, in parts if need be),
 *              stamping.c (child operations done there) and moderation.c (those of others)
 * observer.c   with outbox.c (own child operations on their way)
 * fit.h        data fits the schema of its object; whose that is: agree.c
 * decision.c   what a hyperty is asked to decide
 * handover.h   how an object passes to another reporter; likewise
 * rejoin.h     what happens when a node is lost and found again; likewise
 * ledger.h     what the store keeps of objects and what waits for commits: ledger.c, restore.c,
 *              commits.c; with addresses.c (of hyperties), kept.c (what a hyperty takes part in),
 *              guests.c, resume.c, saved.c and resting.c
 * catalogue.h  schemas that are not known here: catalogue.c, learning.c
 * judging.h    who may do what (policy.h), and what is remembered of refusals; likewise
 * secret.h     objects that only their participants can read: secret*.c
 * keyring.h    the own key, and those of users that it has met: keyring.c, keyring_rows.c
 * trial.h      another life of a hyperty on trial: trial.c, telling.c (all that is told goes by
 *              it) and holding.c */
#ifndef HY_SYNC_SYNC_H
#define HY_SYNC_SYNC_H

#include "../base/list.h"
#include "../data/object.h"
#include "catalogue.h"
#include "decision.h"
#include "fit.h"
#include "judging.h"
#include "keyring.h"
#include "ledger.h"
#include "rejoin.h"
#include "replica.h"
#include "secret.h"
#include "syncher.h"
#include "trial.h"

struct hy_manager {
    hy_bus_t *bus;
    hy__secrets_t *secrets;
    hy_schemas_t *schemas;
    hy_store_t *store;      /* NULL: none, or crashed */
    size_t history_bytes;   /* bound of each history */
    bool is_lasting;        /* it outlives this run: who stops may come back for what it keeps */
    hy_str_t *runtime, *sm; /* RuntimeURL; <Runtime>/sm, from which it sends */
    hy_str_t *node_sm, *node_allocation, *node_registry;
    hy_str_t *domain;
    hy_listener_t *on_sm;
    hy_dict_t synchers;           /* hyperty URL → hy_syncher_t */
    hy_dict_t hosted;             /* object URL → hy_hosted_t */
    hy_dict_t creating;           /* object URL → what makes it, creation.c */
    hy_dict_t replicas;           /* object URL → hy_replica_t */
    hy_link_t handed;             /* stored objects that were handed over, handed.c */
    hy_link_t settlings, queries; /* about stored objects that were on their way, handing.c */
    hy_dict_t takeovers; /* object URL → one that is offered to a hyperty here, takeover.c */
    hy_link_t frozen;    /* states of objects that are read in parts, answering.c */
    uint32_t frozen_count;
    /* rejoin.h */
    hy_dict_t registrations, lasting; /* URL, name → part */
    hy_dict_t buried;                 /* object URLs */
    hy_store_read_t *buried_read;
    hy_dict_t away;    /* domains without session */
    bool is_away;      /* all domains are */
    uint64_t sessions; /* counts new ones */
    hy_link_t jobs_queued, jobs;
    uint32_t jobs_flying;
    bool is_going; /* jobs are being begun */
    hy_timer_t pulse;
    hy_link_t watchings; /* watching.c */
    uint64_t watchings_made;
    hy_outlet_t outlet;
    hy_judging_t judging;
    hy__keyring_t *keyring;
    hy_link_t leavings;    /* resting.c */
    hy_dict_t lookups;     /* URL of a schema → what asks for it, catalogue.c */
    uint32_t adopted;      /* schemas that came from catalogues */
    hy_dict_t names, kept; /* instance name → URL; URLs that were kept: addresses.c */
    hy_link_t allocations; /* that wait for the names */
    hy_store_read_t *names_read;
    bool knows_names;
};

typedef struct {
    hy_str_t *key; /* domain */
} hy_away_t;

typedef struct {
    hy_str_t *key; /* hyperty URL */
    uint32_t life; /* how often somebody had it before */
} hy_address_kept_t;

typedef struct {
    hy_str_t *key; /* object URL */
} hy__buried_t;

typedef struct {
    hy_str_t *key;
    void *part;
} hy_part_entry_t;

typedef struct {
    hy_str_t *key; /* object URL */
    uint64_t n;
} hy_number_entry_t;

struct hy_syncher {
    uint32_t
        refs; /* one until it is closed, and one of each call that goes on after calling back */
    hy_manager_t *manager;
    hy_str_t *url, *user;
    hy_port_t *port;
    hy_listener_t *on_url;
    const hy_syncher_events_t *events;
    void *arg;
    hy_link_t parties, calls, follows, decisions;
    hy_dict_t numbers; /* object URL → highest child number, observer.c; bounded */
    hy_dict_t kept;    /* object URL → what the store keeps, kept.c */
    bool knows_kept;
    uint32_t life; /* how often its hyperty was there before */
    bool is_closing;
    hy_trial_t *trial; /* owned; NULL: none, and nothing waits of one */
};

struct hy_party {
    uint32_t refs;
    bool is_reporter, is_open, is_resumed;
    bool is_known;         /* to its hyperty: it can be asked */
    hy_syncher_t *syncher; /* NULL once closed */
    hy_link_t link;        /* in the syncher */
    hy_str_t *url;
    hy_object_t *object; /* NULL once closed */
    hy_view_t *view;
    hy_link_t accesses; /* views of children, child_view.c */
    hy_link_t awaits;   /* callers of hy_party_await_child */
    uint64_t version;   /* last known, for a closed party */
    uint64_t next_n;    /* highest number given to an own child */
    void *tag, *tried_tag;
    /* trial.c */
    bool is_on_trial;        /* the other tag counts */
    bool is_given, is_tried; /* to the hyperty; by a call of the trial alone */
    bool rests;              /* it was stored when it was given */
    bool was_resumed;        /* before the trial, as … */
    uint64_t settled_n;      /* … next_n */
    bool is_untold;          /* closed, which its hyperty is still to be told */
};

/* --- domain.c --------------------------------------------------------------------------------- */

/* All send from <Runtime>/sm. `done` NULL: nobody waits. Calls back exactly once, or fails at once.
 * What admits, expels and gives back is said again until the node has heard (lasting.c). */
int hy__domain_ask(hy_manager_t *m, hy_msg_type_t type, hy_str_t *to, hy_value_t body,
                   hy_domain_cb done, void *arg); /* `to` and `body` taken over */
int hy__domain_allocate(hy_manager_t *m, const char *scheme, hy_domain_cb done, void *arg);
void hy__domain_deallocate(hy_manager_t *m, hy_str_t *url);
/* `resources` is an array of URLs of one domain, taken over. */
int hy__domain_subscribe(hy_manager_t *m, hy_value_t resources, hy_str_t *source, hy_domain_cb done,
                         void *arg);
/* `about` names what it is about, together with `source` (NULL: all sources). */
void hy__domain_unroute(hy_manager_t *m, hy_value_t resources, hy_str_t *about, hy_str_t *source);
/* The same of who will come back for it (Ext). */
void hy__domain_unroute_resting(hy_manager_t *m, hy_value_t resources, hy_str_t *about,
                                hy_str_t *source);
/* That route is wanted again. */
void hy__domain_route_wanted(hy_manager_t *m, hy_str_t *about, hy_str_t *source);
int hy__domain_admit(hy_manager_t *m, hy_str_t *object, hy_str_t *hyperty, hy_domain_cb done,
                     void *arg);
int hy__domain_expel(hy_manager_t *m, hy_str_t *object, hy_str_t *hyperty, hy_domain_cb done,
                     void *arg);
/* `entry` is taken over. */
int hy__domain_register(hy_manager_t *m, hy_value_t entry, hy_domain_cb done, void *arg);
void hy__domain_unregister(hy_manager_t *m, hy_str_t *url);

/* domain://msg-node.<d>/sm and domain://registry.<d> of the domain of that address; the caller gets
 * a reference. NULL when out of memory. */
hy_str_t *hy__domain_sm(const hy_manager_t *m, const hy_str_t *url);
hy_str_t *hy__domain_registry(const hy_manager_t *m, const hy_str_t *url);
/* Bodies of subscribe and unsubscribe (`source` may be NULL), of a subscribe that holds an object,
 * and of admit and expel; `resources` is taken over. */
hy_value_t hy__route_body(hy_value_t resources, hy_str_t *source);
hy_value_t hy__hold_body(hy_value_t resources, hy_str_t *source, hy_str_t *epoch);
hy_value_t hy__guard_body(const char *method, hy_str_t *object, hy_str_t *hyperty);

/* Helpers for bodies: NULL and ABSENT where memory ran out, which hy_put notices. */
hy_str_t *hy__url_below(const hy_str_t *url, const char *tail);
/* An object of one member; the value is taken over. */
hy_value_t hy__body1(const char *key, hy_value_t v);
hy_value_t hy__list2(hy_str_t *a, hy_str_t *b); /* both taken over; b NULL: one */
hy_value_t hy__string_ref(hy_str_t *s);         /* referenced; null for NULL */
/* The next delay of something that is tried again and again: doubled each time, with jitter.
 * *retry_ms begins at 0. */
uint64_t hy__backoff(hy_bus_t *bus, uint64_t *retry_ms);
/* True for the answer of a reporter that is handing its object over, or has just: to be asked
 * again, as another one may answer then. */
bool hy__asks_again(hy_msg_t *answer, int http);
/* A request from the sync manager; `body` taken over. */
int hy__manager_request(hy_manager_t *m, hy_msg_type_t type, hy_str_t *from, hy_str_t *to,
                        hy_value_t body, hy_answer_cb cb, void *arg, hy_late_cb late,
                        hy_request_t **out);
/* Nobody waits for an answer to it. */
int hy__manager_send(hy_manager_t *m, hy_msg_type_t type, hy_str_t *from, hy_str_t *to,
                     hy_value_t body);
hy_syncher_t *hy__manager_find_syncher(const hy_manager_t *m, const hy_str_t *url);
void *hy__part_find(const hy_dict_t *parts, const hy_str_t *url);
/* HY_EINVALID with a text if it cannot be the address of a data object. */
int hy__check_object_url(const hy_str_t *url, hy_error_t *err);
/* {"resource", "childrenResources" (if the schema is known)}. */
hy_value_t hy__resource_value(hy_str_t *url, const hy_schema_t *schema);
int hy__part_add(hy_dict_t *parts, hy_str_t *url, void *part);
void hy__part_remove(hy_dict_t *parts, hy_str_t *url);

/* --- creation.c, hosting.c, eviction.c, rehost.c ---------------------------------------------- */

void hy__hosting_create(hy_manager_t *m, hy_msg_t *request);
void hy__hosting_invite(hy_manager_t *m, hy_msg_t *request);
void hy__hosting_delete(hy_manager_t *m, hy_msg_t *request);
/* Tells the observers, takes down routes, registration and address; frees it. */
void hy__hosted_delete(hy_hosted_t *h);
void hy__hosted_free(hy_hosted_t *h);
bool hy__hosted_has_guest(const hy_hosted_t *h, const hy_str_t *hyperty); /* may, or does */
bool hy__hosted_has_evicted(const hy_hosted_t *h, const hy_str_t *hyperty);
bool hy__hosted_has_observer(const hy_hosted_t *h, const hy_str_t *hyperty);
/* User that an observer subscribed with; NULL if not told. */
hy_str_t *hy__hosted_user(const hy_hosted_t *h, const hy_str_t *hyperty);
/* Hyperty URLs as an array of strings; the caller owns it. */
int hy__hosted_observers(const hy_hosted_t *h, hy_value_t *out);
int hy__hosted_evict(hy_hosted_t *h, hy_str_t *hyperty, hy_domain_cb done, void *arg);
hy_str_t *hy__hosted_epoch(const hy_hosted_t *h); /* that it was created in; lent */
/* False while the object of that address is to be held again, so that nothing may come from it. */
bool hy__hosted_may_send(const hy_manager_t *m, const hy_str_t *from);
/* The final answer to an invitation. */
void hy__hosted_invited(hy_manager_t *m, hy_msg_t *answer);
/* Tells the observers that the object was deleted. */
void hy__publish_delete(hy_manager_t *m, hy_str_t *url);
/* A new session: held, registered and its observers admitted again. */
void hy__hosted_renew(hy_hosted_t *h);
/* Its hyperty may have left it as an observer just before, and say so until it is answered: from
 * now on without the children, of which it hears as the reporter. */
void hy__hosted_keep_routes(hy_hosted_t *h);
/* Another one writes the object: its reporter here is told, and writes no more. */
void hy__hosted_replaced(hy_hosted_t *h, const char *why);
/* The object was heard in that epoch, from its writer. One above that of its reporter here: it is
 * replaced. */
void hy__hosted_hear(const hy_manager_t *m, const hy_str_t *url, const hy_str_t *epoch);
/* Says its position to the observers. */
void hy__hosted_digest(hy_hosted_t *h);
/* Says it if nothing was said for long; gives when to look again, UINT64_MAX: never. */
uint64_t hy__hosted_pulse(hy_hosted_t *h);
/* True if the object is reported in this runtime. */
bool hy__manager_hosts(const hy_manager_t *m, const hy_str_t *url);
/* True if it is, and its reporter hears now what it is told: it is not being handed over, nor still
 * to be told that it is the reporter, when what is asked of it has to be asked again. */
bool hy__manager_hears(const hy_manager_t *m, const hy_str_t *url);

/* --- addresses.c ------------------------------------------------------------------------------ */

void hy__addresses_init(hy_manager_t *m);
void hy__addresses_deinit(hy_manager_t *m);

/* --- kept.c, resting.c ------------------------------------------------------------------------ */

/* A level as it stands in a body of the sync manager's: false, true or "sync"; and back. */
hy_value_t hy__level_value(hy_store_level_t level);
hy_store_level_t hy__level_read(hy_value_t v);
/* An object on its way between two reporters, as one of them has written it down (handover.h). */
typedef struct {
    bool is_heir;  /* it was offered to this one; else by this one, and may be moved */
    bool observes; /* the heir keeps a copy, too */
    hy_str_t *peer, *sm, *epoch; /* the other one, its sync manager, the epoch that is offered */
} hy_handing_t;

/* A hyperty's part in an object. */
typedef struct {
    hy_str_t *key; /* object URL */
    bool is_reporter;
    hy_store_level_t level;
    hy_str_t *schema, *name; /* NULL: none */
    hy_handing_t handing;    /* peer NULL: it is not on its way */
} hy_kept_t;

void hy__kept_init(hy_syncher_t *s);
void hy__kept_deinit(hy_syncher_t *s);
/* That hyperty takes part in that object, in the store. */
int hy__party_keep(hy_manager_t *m, hy_str_t *hyperty, hy_object_t *o, bool is_reporter,
                   hy_store_level_t level);
/* The same, of an object that is on its way; what `handing` holds is lent. */
int hy__party_hand(hy_manager_t *m, hy_str_t *hyperty, hy_object_t *o, hy_store_level_t level,
                   const hy_handing_t *handing);
/* What was offered to it does not come: its part is what it was before, a copy or nothing. */
int hy__party_hand_back(hy_syncher_t *s, hy_str_t *url);
/* It does not report it any more, or does not keep a copy; the other part of it stays. */
int hy__party_report_no_more(hy_manager_t *m, hy_str_t *hyperty, hy_str_t *object);
int hy__party_observe_no_more(hy_manager_t *m, hy_str_t *hyperty, hy_str_t *object);
/* It takes no part in it at all. */
int hy__party_forget(hy_manager_t *m, hy_str_t *hyperty, hy_str_t *object);
/* From its row, which lends what it has; the key is missing. */
hy_kept_t hy__kept_read(const hy_node_t *row);
/* The member keeps the copy from now on, at that level (NONE: nothing). */
int hy__member_keep(hy_member_t *m, hy_store_level_t level, hy_error_t *err);
/* It does not any more; `rests`: it will come back for it. */
void hy__member_unkeep(hy_member_t *m, bool rests);
/* The rows of that object go, unless somebody here keeps a copy. */
void hy__rows_release(hy_manager_t *m, hy_str_t *url);
/* The rows are to be those of an original, which is coming; it has not come, and they are those of
 * the copy again, if anybody keeps one, or go. */
void hy__copy_lend(hy_manager_t *m, const hy_str_t *url);
void hy__copy_take_back(hy_manager_t *m, hy_str_t *url);
/* The rows were those of an original that another runtime has stored by now: they go, or are those
 * of the copy from now on. False: not yet, as the copy does not know of the other one. */
bool hy__copy_inherit(hy_manager_t *m, hy_str_t *url);
/* Lets go of the replica's ledger if the rows are those of the original. */
void hy__copy_check_owner(hy_replica_t *r);
/* The copy that was restored (taken over, with its ledger, also on failure), with that syncher as
 * an observer that is in: it subscribes again by itself. There is no replica of it yet. */
int hy__replica_restore(hy_syncher_t *s, hy_ledger_t *l, hy_observer_t **out);
/* The object's reporter goes, to be resumed; frees it. */
void hy__hosted_rest(hy_hosted_t *h);
/* Its rows go, without anybody waiting for it. */
void hy__stored_forget(const hy_reporter_t *r);
/* Answers the request when the store has forgotten the object and it was deleted. */
void hy__stored_delete(hy_reporter_t *r, hy_msg_t *request);
void hy__leavings_free(hy_manager_t *m);

/* --- party.c, reporter.c, moderation.c, observer.c, outbox.c ---------------------------------- */

void hy__party_init(hy_party_t *p, hy_syncher_t *s, hy_str_t *url, bool is_reporter);
/* Takes it out of its syncher, closes its views; the party's own reference goes. */
void hy__party_close(hy_party_t *p);
/* Drops all calls and followed events of a syncher. */
void hy__calls_close(hy_syncher_t *s);
void hy__follow_free(hy_link_t *link);
/* Routes the events of hyperties of that domain again; NULL: of all. */
void hy__follows_renew(hy_syncher_t *s, const char *domain);
/* Keeps the record, not the syncher: look at `is_closing` after calling back. */
static inline void hy__syncher_ref(hy_syncher_t *s) {
    s->refs++;
}
void hy__syncher_unref(hy_syncher_t *s);
/* A hyperty may observe what it reports, so the role tells which. */
hy_party_t *hy__syncher_find_party(const hy_syncher_t *s, const hy_str_t *url, bool is_reporter);
/* The child left the state pending: whoever waits for it is told. */
void hy__party_child_settled(hy_party_t *p, hy_child_t *child);
void hy__party_close_child_views(hy_party_t *p); /* child_view.c */
/* HY_ECONFLICT for an own child that waited for its stamp when its creator left and came back. */
int hy__check_on_its_way(const hy_child_t *child, hy_error_t *err);

struct hy_reporter {
    hy_party_t party;
    hy_str_t *changes, *children; /* <Object>/changes, …/children/ */
    hy_listener_t *on_object, *on_children;
    hy_change_t *batch; /* open batch */
    hy_effect_t *batch_effects;
    uint32_t batch_room;
    /* What a trial writes: the change that collects it now (lent), an own batch within. */
    hy_held_deed_t *edits, *mark;
    uint32_t mark_count;
    bool is_nested;
    hy_dict_t busy;      /* child key → messages waiting for a decision on an earlier one */
    hy_dict_t answers;   /* child operation → its answer, bounded */
    hy_link_t echoes;    /* own operations whose message has not come round */
    hy_ledger_t *ledger; /* owned; NULL: it is not stored */
    hy_link_t frozen;    /* states that are read in parts, answering.c */
    bool is_waking;      /* it is there, and its hyperty has not got it yet */
    bool is_ending;      /* its store is forgetting it: nobody is told any more how it was */
    hy_str_t *misfit;    /* what of the object does not fit its schema; NULL: it does */
    bool is_written;     /* since that was looked at */
    hy_timer_t fit_turn;
    const hy_schema_t *settled_schema; /* of before the trial that has moved it; NULL: none has */
    bool is_public;
    bool is_replaced; /* another writes the object: nothing is done here any more */
    hy_str_t *heir;   /* it is being handed over to that hyperty, and nothing is written; lent */
    uint64_t published_ms;
};

/* `object` is taken over, also on failure. In two steps: made, it is not known to anybody but its
 * syncher; opened, it may send and is asked. Opening that has failed may be tried again. */
int hy__reporter_new(hy_syncher_t *s, hy_object_t *object, bool is_public, hy_reporter_t **out);
int hy__reporter_make(hy_syncher_t *s, hy_object_t *object, bool is_public, hy_reporter_t **out);
int hy__reporter_open(hy_reporter_t *r);
/* Publishes what was applied already: both are taken over. On failure nothing was done. */
int hy__reporter_publish(hy_reporter_t *r, hy_change_t *change, hy_effect_t *effects);
/* Time for a snapshot of its rows, perhaps. */
void hy__reporter_settle(hy_reporter_t *r);
/* Writes into the metadata who reports the object now, as a change; and, the second one alone, of
 * which version of its schema it is. */
int hy__reporter_sign(hy_reporter_t *r);
int hy__reporter_sign_schema(hy_reporter_t *r);
void hy__reporter_deinit(hy_reporter_t *r);
/* A message to the object itself: reading.c. */
void hy__reporter_on_object(void *reporter, hy_msg_t *m);
hy_hosted_t *hy__reporter_hosted(const hy_reporter_t *r);
/* It was made, resumed or taken over, and its hyperty has not been given it yet: nobody decides
 * about what is asked. Nor where it is being deleted. */
bool hy__reporter_returns(const hy_reporter_t *r);
/* It was made or taken over, and its hyperty is about to be given it by the call that did so. */
bool hy__reporter_is_coming(const hy_party_t *p);
/* So whoever asks is told to come again. */
void hy__reporter_put_off(const hy_manager_t *m, hy_msg_t *request);
void hy__reporter_child_message(void *reporter, hy_msg_t *m);
/* What it publishes leaves when all that was written before is committed. `m` NULL: out of memory.
 */
void hy__reporter_send(hy_reporter_t *r, hy_msg_t *m);
/* Publishes its position. */
void hy__reporter_digest(hy_reporter_t *r);
/* Another session holds the object: writing ends, and the hyperty is told. */
void hy__reporter_replaced(hy_reporter_t *r);
/* 0, or HY_ECONFLICT with a text. */
int hy__reporter_check(const hy_reporter_t *r, hy_error_t *err);
/* The reporter's own operation (an update is applied already): published, done and stamped at once.
 * `op` is taken over. On failure nothing was done; an update's is the caller's to undo. */
int hy__reporter_child_op(hy_reporter_t *r, hy_str_t *collection, hy_childop_t *op,
                          hy_child_t *child, hy_error_t *err);
/* The stamp of an operation that is about to be done, with the next version. NULL: no memory. */
hy_stamp_t *hy__reporter_make_stamp(const hy_reporter_t *r, hy_str_t *collection,
                                    const hy_child_t *child, const hy_childop_t *op);
/* Publishes that stamp (taken over) and counts the version up. Should its message get lost here, it
 * is a gap, which the observers read. */
void hy__reporter_stamp(hy_reporter_t *r, hy_stamp_t *s, hy_childop_t *op);
/* Does the operation on the reporter's children, an applied update's data apart, and writes its
 * stamp into the store. On failure nothing was done. */
int hy__reporter_keep(hy_reporter_t *r, const hy_stamp_t *s, hy_child_t *child, hy_childop_t *op,
                      bool is_applied, hy_error_t *err);
/* Tells the hyperty of its own operations up to that of the message, NULL: of all. May end the
 * party. */
void hy__reporter_tell_own(hy_reporter_t *r, hy_msg_t *m);
void hy__reporter_drop_own(hy_reporter_t *r);
void hy__moderation_init(hy_reporter_t *r);
void hy__moderation_deinit(hy_reporter_t *r);
/* Whether an operation of that creator is in the hands of the hyperty. */
bool hy__moderation_has_from(const hy_reporter_t *r, const hy_str_t *creator);
/* What is remembered of child operations that were answered, as an array; ABSENT when out of
 * memory. Reading adds to what is there. */
hy_value_t hy__moderation_write(const hy_reporter_t *r);
int hy__moderation_read(hy_reporter_t *r, const hy_node_t *answers);
/* Bytes of a body that surely fit into a message of that object. */
size_t hy__room_in(const hy_object_t *o);
/* HY_ETOO_LARGE if it does not fit into a message of that object; what is surely small is not
 * measured. */
int hy__payload_check_size(const hy_payload_t *p, const hy_object_t *o, hy_error_t *err);
int hy__message_check_size(hy_msg_t *m, hy_error_t *err);
/* An event of the hyperty leaves, at once or after the trial. */
int hy__send(hy_syncher_t *s, hy_msg_t *m, hy_error_t *err);
/* The event that an operation of that kind is told as. */
hy_child_event_kind_t hy__childop_event(hy_childop_kind_t kind);
/* The message that carries an operation of this syncher's hyperty to
 * <Object>/children/<collection>. `op` is referenced; `id` ABSENT where no answer is wanted. NULL
 * when out of memory. */
hy_msg_t *hy__childop_message(const hy_syncher_t *s, const hy_str_t *children,
                              const hy_str_t *collection, hy_childop_t *op, hy_value_t id);

struct hy_observer {
    hy_party_t party;
    hy_member_t *member;
    uint64_t pending; /* own child operations without a stamp */
    hy_link_t outbox; /* they, in order */
};

int hy__observer_new(hy_syncher_t *s, hy_member_t *member, hy_observer_t **out);
void hy__observer_deinit(hy_observer_t *o);
/* Ends the party and tells the hyperty (unless it asked for it itself). */
void hy__observer_end(hy_observer_t *o, bool evicted, bool tell);

int hy__observer_add_child(hy_observer_t *o, hy_child_t *child, hy_childop_t *op, hy_error_t *err);
/* Number of the child's next operation: above those applied and those on their way. */
uint64_t hy__outbox_next(const hy_child_t *child);
/* Sends an own operation and repeats it until it is answered or stamped. `op` is taken over. */
int hy__outbox_send(hy_observer_t *o, hy_child_t *child, hy_childop_t *op, hy_error_t *err);
/* An operation got its stamp, which is of that kind: if it was ours, it is done; if not, our draft
 * of the child follows. */
void hy__outbox_stamped(hy_replica_t *r, hy_child_t *child, uint64_t version,
                        hy_childop_kind_t kind);
/* The way to the reporter is there again: what waits to be repeated is sent now. */
void hy__outbox_resume(hy_replica_t *r);
/* A copy that was restored is level now: what was done to children meanwhile is numbered and sent.
 */
void hy__outbox_release(hy_replica_t *r);
/* The child is not there any more: nothing of it is repeated. */
void hy__outbox_gone(hy_replica_t *r, const hy_child_t *child);
/* A whole answer was taken in: operations that it has seen are done, drafts follow what it says. */
void hy__outbox_level(hy_replica_t *r);
void hy__outbox_close(hy_observer_t *o); /* drops all; nothing is called */

#endif
