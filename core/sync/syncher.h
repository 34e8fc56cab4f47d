/* The syncher: a hyperty's endpoint for data objects (PROTOCOL.md section 5).
 *
 * A hyperty takes part in an object as a *party*: as its reporter, or as an observer. The syncher
 * makes parties, keeps them by URL (creating or subscribing again gives back the one that is there)
 * and tells its hyperty what happens through one table of callbacks.
 *
 * Rules for every callback: it is called from a turn of the bus or the clock, never inside a call
 * that the hyperty makes; it may call anything here, also end the party or close the syncher.
 * Parties and decisions are counted; a callback borrows them. After hy_syncher_close nothing is
 * called any more.
 *
 * Calls that need an answer take `done`: either the call returns a negative code and `done` is
 * never called, or it returns 0 and `done` is called exactly once, unless the syncher is closed
 * before. In it `code` is 0 or negative, `desc` the reason for people (never NULL). */
#ifndef HY_SYNC_SYNCHER_H
#define HY_SYNC_SYNCHER_H

#include "../bus/bus.h"
#include "../data/child.h"
#include "manager.h"

typedef struct hy_syncher hy_syncher_t;
typedef struct hy_party hy_party_t;
typedef struct hy_decision hy_decision_t;

/* What happened to a child, in the one order of the object. */
typedef enum {
    HY_CHILD_EVENT_CREATE,
    HY_CHILD_EVENT_UPDATE,
    HY_CHILD_EVENT_DELETE,
    HY_CHILD_EVENT_REFUSED,
    HY_CHILD_EVENT_EXPIRED
} hy_child_event_kind_t;
const char *hy_child_event_word(hy_child_event_kind_t kind);

/* name, word in Lua: the states of a party */
#define HY_PARTY_STATE_MAP(X)                                                                      \
    X(LIVE, "live")                                                                                \
    X(SYNCING, "syncing")                                                                          \
    X(LAGGING, "lagging")                                                                          \
    X(DISCONNECTED, "disconnected")                                                                \
    X(REPLACED, "replaced")                                                                        \
    X(CLOSED, "closed")
typedef enum {
#define X(name, word) HY_PARTY_##name,
    HY_PARTY_STATE_MAP(X)
#undef X
} hy_party_state_t;
const char *hy_party_state_word(hy_party_state_t s);

typedef struct {
    hy_party_state_t state;
    uint64_t version; /* of this copy */
    uint64_t head;    /* highest version heard of */
    uint64_t pending; /* own child operations without a stamp */
    uint64_t age_ms;  /* since something of the object was heard */
} hy_party_status_t;

/* name, word in Lua: what has become of an entry of the registry */
#define HY_REGISTERED_MAP(X)                                                                       \
    X(LIVE, "live")                                                                                \
    X(DISCONNECTED, "disconnected")                                                                \
    X(DELETED, "deleted")
typedef enum {
#define X(name, word) HY_REGISTERED_##name,
    HY_REGISTERED_MAP(X)
#undef X
} hy_registered_t;
const char *hy_registered_word(hy_registered_t kind);
typedef struct hy_watching hy_watching_t;

typedef struct {
    /* Somebody wants something and the hyperty decides (see hy_decision_*). Subscribe, read,
     * execute on an object and children come with their party; invite, delegate and an execute on
     * the hyperty itself with NULL. Not deciding is done by hy_decision_end. */
    void (*decide)(void *arg, hy_party_t *party, hy_decision_t *decision);
    /* Observer: a change was applied. `effects` has change->count entries, borrowed. */
    void (*change)(void *arg, hy_party_t *party, hy_change_t *change, const hy_effect_t *effects);
    /* Either: a child was created, changed, deleted (in order), or an own or pending one refused or
     * expired. `change` only for updates. */
    void (*child)(void *arg, hy_party_t *party, hy_child_event_kind_t kind, hy_child_t *child,
                  hy_change_t *change);
    /* Either: somebody's send_event. `from` is the sender's hyperty URL. */
    void (*event)(void *arg, hy_party_t *party, hy_str_t *collection, hy_str_t *from,
                  hy_value_t value);
    /* Reporter: an observer left. */
    void (*unsubscribed)(void *arg, hy_party_t *party, hy_str_t *observer);
    /* Observer: the copy was brought level by a whole object after a break; differences follow as
     * changes and child events. */
    void (*resync)(void *arg, hy_party_t *party, uint64_t from_version, uint64_t to_version,
                   const char *reason);
    /* Observer: the reporter deleted the object, or struck this observer off (`evicted`). Reporter:
     * the object was handed over. The party is closed after the call. */
    void (*ended)(void *arg, hy_party_t *party, bool evicted);
    void (*status)(void *arg, hy_party_t *party, hy_party_status_t status);
    /* An event that a followed hyperty emitted. */
    void (*emitted)(void *arg, hy_str_t *hyperty, hy_str_t *name, const hy_node_t *args);
    /* An object or hyperty that is watched for comes or goes; `entry` is as the registry has it, or
     * had it last. `is_first`: it was there already when the watching began. */
    void (*registered)(void *arg, hy_watching_t *watching, hy_registered_t kind,
                       const hy_node_t *entry, bool is_first);
} hy_syncher_events_t;

/* `url`: the hyperty's address, allocated before (hy_manager_allocate). `user`: its user URL or
 * NULL. The table is borrowed for good. */
int hy_syncher_open(hy_manager_t *manager, hy_str_t *url, hy_str_t *user,
                    const hy_syncher_events_t *events, void *arg, hy_syncher_t **out);
/* Ends all parties: objects it reports are deleted, observed ones unsubscribed; those that are
 * stored rest, to be resumed by a syncher of the same address. Pending decisions are refused.
 * References that the host keeps stay valid and closed. */
void hy_syncher_close(hy_syncher_t *s);

/* --- trying another life of the hyperty (hot reload) -------------------------------------------
 */

/* Between begin and its end, the calls on this syncher and its parties are those of a new life of
 * the hyperty on trial, whose old one is told nothing and calls nothing:
 *
 *      begin ─► calls of the new life ─► commit     what it wrote and sent leaves, in order
 *                                    └─► rollback   nothing of it ever was
 *
 * What would be told meanwhile waits, calls of the old life that end included; decisions stay
 * undecided; what is asked of the objects reported here waits. All of it goes on, in order and
 * once, in turns after the end, to who lives then. Until it has been told, a party that has ended
 * meanwhile is open for the hyperty: its data can be read, and nothing can be done with it.
 *
 * On parties, in a trial: edits of data are seen by who reads it here and by nobody else; at commit
 * those of one object are one change, one version (more where they do not fit into a message), in
 * the order of their first edits; a batch is one within that. Child operations, events and emits
 * are held; a new child is pending until the commit, changes of a child are seen here at once, and
 * one that is deleted is there until then. Calls whose doing cannot be undone and that have an
 * answer (execute on them, invite, authorise, revoke, evict, delegate, delete, unsubscribe, saved)
 * wait for the
 * commit, their `done` included. Whatever else is asked (create, subscribe, read, discover, execute
 * on other hyperties) goes on as usual and calls back in the trial; parties made in a trial are
 * told nothing before its end either, and are ended by a rollback: new objects are deleted,
 * observed ones left; those that the store kept rest there again, as before.
 *
 * HY_ECONFLICT: a batch is open, or an object is being handed over, or it is on trial already.
 * `broken` is called at most once, from a turn, if the trial cannot go on: too much waits
 * (HY_TRIAL_EVENTS_MAX), or there was no memory to keep what is to be told. Roll back. */
int hy_syncher_trial_begin(hy_syncher_t *s, void (*broken)(void *arg, const char *why), void *arg,
                           hy_error_t *err);
/* From now on events go to `arg`, as the one of hy_syncher_open. What is held is done in its order;
 * what fails of it is logged, or told by its `done`. Tags are those set in the trial, NULL where
 * none was. On failure nothing was done, and it is still on trial: it is broken, or something that
 * was written cannot be published now (another session reports the object, the store cannot
 * follow). Then roll back. */
int hy_syncher_trial_commit(hy_syncher_t *s, void *arg, hy_error_t *err);
/* Tags are those of before. Calls of the trial that have not called back do not any more. Harmless
 * if it is not on trial. */
void hy_syncher_trial_rollback(hy_syncher_t *s);
bool hy_syncher_is_on_trial(const hy_syncher_t *s);
/* What the new life waits for that comes after the commit alone, for the text of a failure:
 * "evict", "wait" (for a child that it made); NULL: nothing. */
const char *hy_syncher_trial_waits(const hy_syncher_t *s);

/* --- making parties --------------------------------------------------------------------------- */

typedef void (*hy_party_cb)(void *arg, int code, const char *desc, hy_party_t *party);
typedef void (*hy_value_cb)(void *arg, int code, const char *desc, hy_value_t value); /* lent */
typedef void (*hy_done_cb)(void *arg, int code, const char *desc);
typedef void (*hy_parties_cb)(void *arg, int code, const char *desc, hy_party_t **parties,
                              uint32_t count); /* lent */

typedef struct {
    hy_str_t *schema;     /* name or catalogue URL */
    hy_str_t *name;       /* NULL: none */
    hy_value_t data;      /* a node, or ABSENT for {}; taken over, also on failure */
    hy_value_t metadata;  /* object: description, tags …; or ABSENT; taken over */
    hy_str_t **observers; /* hyperty URLs to invite */
    uint32_t observer_count;
    hy_str_t *url;  /* reuse a known URL; NULL: a new one */
    bool is_public; /* publicObservation: reading and observing need no decision */
    bool is_new;    /* also if this hyperty reports, or reported, one of that schema and name */
    /* Refused where they cannot be served: HY_EINVALID with a text. */
    hy_store_level_t store;
    bool p2p;
} hy_create_t;

/* Gives back the one of that schema and name that this syncher reports, or that the store keeps for
 * its address; it is of the current version of the schema from then on. A new one's data has to fit
 * (HY_ESCHEMA). A stored one is committed when it is called back. HY_ECONFLICT: the one that is
 * kept is reported by another runtime now; what is stored of it stays. */
int hy_syncher_create(hy_syncher_t *s, hy_create_t *what, hy_party_cb done, void *arg,
                      hy_error_t *err);
/* `schema` NULL: any; else the object's must be the same. `store`: the copy is kept, too, unless
 * the object forbids it (HY_EFORBIDDEN); one that is kept is given back at once, its status
 * disconnected until something of the object is heard. */
int hy_syncher_subscribe(hy_syncher_t *s, hy_str_t *url, hy_str_t *schema, hy_store_level_t store,
                         hy_party_cb done, void *arg, hy_error_t *err);
/* All that the store keeps for this hyperty, and what it takes part in, of that schema and name
 * (NULL: any). What cannot be resumed is logged and left out; if there is nothing else, the call
 * fails for its reason. Nothing kept is an empty list. */
int hy_syncher_resume(hy_syncher_t *s, hy_str_t *schema, hy_str_t *name, hy_parties_cb done,
                      void *arg, hy_error_t *err);
/* Metadata, data and children once: {metadata…, "data", "epoch", "version", "childrenObjects",
 * "childMarks"}. */
int hy_syncher_read(hy_syncher_t *s, hy_str_t *url, hy_value_cb done, void *arg, hy_error_t *err);
/* Registry entries that match all criteria given (keys: name, schema, user, reporter, url, type:
 * texts; resources: a list of them; at least one but type): an array, those that are live first.
 * `criteria` is an object, taken over. No match is an empty array. */
int hy_syncher_discover(hy_syncher_t *s, hy_value_t criteria, hy_value_cb done, void *arg,
                        hy_error_t *err);
/* Asks an object's reporter or another hyperty. `params` is an array, taken over. */
int hy_syncher_execute(hy_syncher_t *s, hy_str_t *to, const char *method, hy_value_t params,
                       hy_value_cb done, void *arg, hy_error_t *err);
/* Publishes to <hyperty>/events, or, where it `is_here`, to those of this runtime alone; listens to
 * another hyperty's (until the syncher is closed). */
int hy_syncher_emit(hy_syncher_t *s, const char *name, hy_value_t args, bool is_here,
                    hy_error_t *err);
int hy_syncher_follow(hy_syncher_t *s, hy_str_t *hyperty, hy_done_cb done, void *arg,
                      hy_error_t *err);

/* --- watching the registry -------------------------------------------------------------------- */

/* The hyperty is told by `registered` what matches the criteria (as for discover, and there may be
 * none): first what is there, then what comes and goes, each once, also across losses of messages
 * and of nodes. What the registry refuses for good is logged. In a trial it is one of the new life,
 * told after the commit; then those of the old one are closed. `criteria` is an object, taken over.
 * The caller may keep a reference; the syncher closes it at its end. HY_EINVALID with a text. */
int hy_syncher_watch(hy_syncher_t *s, hy_value_t criteria, hy_watching_t **out, hy_error_t *err);
hy_watching_t *hy_watching_ref(hy_watching_t *w);
void hy_watching_unref(hy_watching_t *w); /* NULL allowed */
/* Nothing of it is told any more. Again is harmless. */
void hy_watching_close(hy_watching_t *w);

/* --- parties ---------------------------------------------------------------------------------- */

hy_party_t *hy_party_ref(hy_party_t *p);
void hy_party_unref(hy_party_t *p); /* NULL allowed */
bool hy_party_is_reporter(const hy_party_t *p);
bool hy_party_is_open(const hy_party_t *p);
bool hy_party_is_resumed(const hy_party_t *p); /* given back, not new */
hy_str_t *hy_party_url(const hy_party_t *p);
hy_view_t *hy_party_data(const hy_party_t *p);     /* lent */
hy_node_t *hy_party_metadata(const hy_party_t *p); /* lent, read only */
const hy_children_t *hy_party_children(const hy_party_t *p);
const hy_schema_t *hy_party_schema(const hy_party_t *p);
/* What of a reporter's object does not fit its schema, as that is now: "place: why" (lent); NULL:
 * it fits. Such an object was given back by the store, or has moved to another version. */
hy_str_t *hy_party_misfit(hy_party_t *p);
uint64_t hy_party_version(const hy_party_t *p);
hy_str_t *hy_party_epoch(const hy_party_t *p);
hy_party_status_t hy_party_status(const hy_party_t *p);
hy_store_level_t hy_party_store(const hy_party_t *p);
/* Calls back when all that was written of the object so far (an observer: applied) is committed;
 * the value is its version at the call, an integer. HY_EINVALID: it is not stored. */
int hy_party_saved(hy_party_t *p, hy_value_cb done, void *arg, hy_error_t *err);
/* For the host: whatever it hangs on the party; NULL at first. The host takes it off by itself when
 * the party is closed or its instance stops. In a trial there is a second one, which is got and
 * set then; hy_party_settled_tag is that of before. */
void *hy_party_tag(const hy_party_t *p);
void hy_party_set_tag(hy_party_t *p, void *tag);
void *hy_party_settled_tag(const hy_party_t *p);
/* Walks the parties of a syncher; `after` NULL: the first. One that has closed is the last. */
hy_party_t *hy_syncher_next_party(const hy_syncher_t *s, const hy_party_t *after);

/* Creates a child; it is there at once, pending unless this party is the reporter. `data` is taken
 * over. The caller gets a reference. HY_ENOT_FOUND: the schema has no such collection. */
int hy_party_add_child(hy_party_t *p, hy_str_t *collection, hy_value_t data, hy_child_t **out,
                       hy_error_t *err);
/* View of a child's data for this party: writable for its reporter. The caller gets a reference. */
int hy_party_child_view(hy_party_t *p, hy_child_t *child, hy_view_t **out, hy_error_t *err);
int hy_party_delete_child(hy_party_t *p, hy_child_t *child, hy_error_t *err);
/* Calls back once the child has left the state pending (at once in the next turn if it has): code 0
 * if kept, else HY_EFORBIDDEN (refused), HY_ETIMEOUT (expired), HY_EDELETED, HY_ECLOSED, with the
 * reason. */
int hy_party_await_child(hy_party_t *p, hy_child_t *child, hy_done_cb done, void *arg);
/* Seen by all parties but this one, kept by none. `value` is taken over. */
int hy_party_send_event(hy_party_t *p, hy_str_t *collection, hy_value_t value, hy_error_t *err);

/* Observer. */
int hy_party_unsubscribe(hy_party_t *p, hy_done_cb done, void *arg, hy_error_t *err);

/* Reporter. */
int hy_party_invite(hy_party_t *p, hy_str_t **hyperties, uint32_t count, hy_done_cb done, void *arg,
                    hy_error_t *err);
int hy_party_evict(hy_party_t *p, hy_str_t *hyperty, hy_done_cb done, void *arg, hy_error_t *err);
/* Whom it lets observe and read without being asked: hyperty and user URLs. */
int hy_party_authorise(hy_party_t *p, hy_str_t **who, uint32_t count, hy_done_cb done, void *arg,
                       hy_error_t *err);
/* Takes one off that list, with what an invitation gave: who was let in by it, and would not be
 * now, is struck off. HY_ENOT_FOUND: it is not on it. */
int hy_party_revoke(hy_party_t *p, hy_str_t *who, hy_done_cb done, void *arg, hy_error_t *err);
int hy_party_delete(hy_party_t *p, hy_done_cb done, void *arg, hy_error_t *err);
/* Hands the object over to another hyperty of its domain, which is asked whether it wants it. Until
 * that has turned out nothing can be written (HY_ECONFLICT). `done` with 0: the other one reports
 * it now; this party was told the status REPLACED, and is closed. Else it goes on here. */
int hy_party_delegate(hy_party_t *p, hy_str_t *hyperty, hy_done_cb done, void *arg,
                      hy_error_t *err);
/* Hyperty URLs that observe now: array of strings, owned by the caller. */
int hy_party_observers(const hy_party_t *p, hy_value_t *out);

/* --- decisions -------------------------------------------------------------------------------- */

typedef enum {
    HY_DECIDE_SUBSCRIBE,
    HY_DECIDE_READ,
    HY_DECIDE_EXECUTE,  /* method, params */
    HY_DECIDE_CHILD,    /* child_kind, child; kept unless refused */
    HY_DECIDE_INVITE,   /* url, name, schema, value (metadata) */
    HY_DECIDE_DELEGATE, /* the same, of an object that its reporter wants to hand over */
    HY_DECIDE_CALL      /* execute on the hyperty itself: method, params */
} hy_decision_kind_t;

/* While it is open, the asker gets a 100 every HY_DECISION_BEAT_MS; after HY_DECISION_MAX_MS it is
 * refused. */
hy_decision_t *hy_decision_ref(hy_decision_t *d);
void hy_decision_unref(hy_decision_t *d);
hy_decision_kind_t hy_decision_kind(const hy_decision_t *d);
hy_str_t *hy_decision_from(const hy_decision_t *d);   /* hyperty URL of the asker */
hy_str_t *hy_decision_user(const hy_decision_t *d);   /* whom it acts for; NULL: not told */
bool hy_decision_is_verified(const hy_decision_t *d); /* somebody answers for that */
hy_str_t *hy_decision_method(const hy_decision_t *d);
hy_value_t hy_decision_params(const hy_decision_t *d); /* array, lent */
hy_str_t *hy_decision_url(const hy_decision_t *d);     /* object of an invitation */
const hy_node_t *hy_decision_value(const hy_decision_t *d);
hy_child_event_kind_t hy_decision_child_kind(const hy_decision_t *d);
hy_child_t *
hy_decision_child(const hy_decision_t *d); /* for a create: as asked for, not kept yet */
hy_change_t *hy_decision_change(const hy_decision_t *d); /* of a child update, else NULL */
/* Each decides once: HY_ECONFLICT if it is decided already. `value` (EXECUTE and CALL; else ABSENT)
 * is taken over. Accepting an invitation only answers it; subscribing is the next call. */
int hy_decision_accept(hy_decision_t *d, hy_value_t value);
/* Accepts an offer (DELEGATE): `done` gets the reporter once the object is here. On failure the
 * offer is refused. */
int hy_decision_take_over(hy_decision_t *d, hy_party_cb done, void *arg, hy_error_t *err);
/* `code` negative, HY_EFORBIDDEN as a rule; `reason` may be NULL. */
int hy_decision_reject(hy_decision_t *d, int code, const char *reason);
/* The hyperty of that name has no handler for it: the same as at the end of one, but the asker is
 * told so. */
void hy_decision_unheard(hy_decision_t *d, const char *hyperty);
/* The handler ended: what is still open is refused, a child kept. */
void hy_decision_end(hy_decision_t *d);

#endif
