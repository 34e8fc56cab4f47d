/* Inside sync/: the one copy of an object that all observers of a runtime share. Included by
 * sync.h.
 *
 * replica.c    the copy, its routes and members
 * joining.c    how a hyperty becomes one of them
 * arrival.c    what arrives: positions, gaps, stamps
 * epoch.c      what it does at a higher epoch
 * answer.c     what it reads when something is missing, and how the answer is taken in
 * collecting.c when that comes in parts
 * reobserve.c  after a lost session (rejoin.h) */
#ifndef HY_SYNC_REPLICA_H
#define HY_SYNC_REPLICA_H

#include "../base/list.h"
#include "../data/object.h"
#include "ledger.h"
#include "rejoin.h"
#include "syncher.h"

typedef struct hy_replica hy_replica_t;
typedef struct hy_member hy_member_t;
typedef struct hy_observer hy_observer_t;

/* A message that is ahead of the copy. */
typedef struct {
    hy_msg_t *message;
    uint64_t version;
} hy_aside_t;

/* A child operation without its stamp. */
typedef struct {
    hy_str_t *key; /* <child key>@<version> */
    hy_childop_t *op;
    uint64_t arrived_ms;
} hy_op_entry_t;

/* What is collected of an object that comes in parts: collecting.c. Begins as {0}. */
typedef struct {
    struct hy_parts *parts; /* NULL: none yet */
    uint64_t head;          /* the reporter's version, if it was above the parts' */
    uint32_t known, tries;  /* parts that were here when it was last asked; in vain how often */
} hy_collecting_t;

struct hy_replica {
    hy_manager_t *manager;
    hy_str_t *url, *changes, *children, *registration; /* <Object>, …/changes, …/children/, … */
    hy_str_t *node_sm, *node_registry;                 /* of the object's domain */
    hy_object_t *object;                               /* NULL until the first answer */
    hy_listener_t *on_changes, *on_children, *on_registration;
    hy_link_t members;
    uint32_t walking;     /* callbacks under way: members stay linked */
    bool is_disconnected; /* its reporter is not there, or this runtime is cut off */
    bool is_away;         /* cut off: nothing is asked */
    bool is_rejoined;     /* one of the members has brought the copy level again */
    bool is_held;         /* until all who are in have heard whether they still are (reobserve.c) */
    bool is_old;          /* restored, and not level since */
    hy_job_t catch_up;    /* a read after the session was taken over */
    hy_party_state_t told; /* state last told */
    bool wants_whole;      /* changes since will not do */
    const char *read_reason;
    hy_request_t *read; /* under way; NULL: none */
    hy_collecting_t collecting;
    hy_timer_t retry; /* of reading */
    uint64_t retry_ms;
    hy_timer_t expiry;   /* of pending children and operations */
    hy_ledger_t *ledger; /* owned; NULL: nobody keeps it */
    hy_aside_t *aside;   /* by version */
    uint32_t aside_count, aside_room;
    size_t aside_bytes;
    bool has_lost; /* something was lost that nothing aside tells of: to be read */
    bool is_heard; /* what arrived last was of its writer, not of one before */
    hy_dict_t ops; /* "<child key>@<version>" → operation without its stamp */
    uint64_t head; /* highest version heard of */
    uint64_t heard_ms;
    hy_value_t dataschema; /* the document that the reporter sent; ABSENT: none (agree.c) */
    uint64_t refused;      /* one above the last version that did not fit; 0: none did (fit.c) */
};

typedef enum { HY_MEMBER_ASKING, HY_MEMBER_IN, HY_MEMBER_OUT } hy_member_state_t;
struct hy_member {
    uint32_t refs;         /* the replica's, and one of each callback under way */
    hy_replica_t *replica; /* NULL once out and unlinked */
    hy_manager_t *manager;
    hy_link_t link;
    hy_member_state_t state;
    hy_str_t *hyperty, *url;
    hy_observer_t *observer; /* once the syncher has made its party */
    hy_msg_t *request;       /* the syncher's, while asking */
    hy_request_t *asking;    /* to /subscription, or for parts */
    hy_collecting_t collecting;
    uint64_t session;       /* of the manager, when it began to ask */
    bool is_doubtful;       /* it was told that it is struck off, while asking: before or after? */
    hy_str_t *ended;        /* the admission that ended then; NULL: not told */
    hy_str_t *admission;    /* as it was last told (hosted.h); NULL: not */
    bool owes_leave;        /* the reporter may think that it observes: unless it comes to that, it
                               is told that it does not */
    hy_store_level_t store; /* at which it keeps the copy */
    bool rests;             /* it goes, and will come back for it */
    hy_job_t job;           /* subscribing again */
    hy_timer_t again;       /* asks once more, as the object is being handed over */
    uint64_t again_ms, until_ms;
};

/* It need not ask once more. */
void hy__member_stop_asking(hy_member_t *m);
void hy__replica_subscribe(hy_manager_t *m, hy_msg_t *request);
void hy__replica_unsubscribe(hy_manager_t *m, hy_msg_t *request);
hy_replica_t *hy__replica_new(hy_manager_t *m, hy_str_t *url);
void hy__replica_free(hy_replica_t *r);
hy_member_t *hy__replica_find_member(const hy_replica_t *r, const hy_str_t *hyperty);
/* The reporter is told that this hyperty does not observe any more. One in this runtime hears it
 * without any node. */
void hy__replica_say_left(hy_manager_t *m, hy_str_t *url, hy_str_t *hyperty);
/* The reporter may have let it in though nobody waits for that: it is told so, unless the hyperty
 * has asked again since. */
void hy__replica_take_back(hy_manager_t *m, hy_str_t *url, hy_str_t *hyperty);
void hy__member_unref(hy_member_t *m);
/* The member goes; with the last the routes and the copy. `tell` sends unsubscribe to the reporter.
 */
void hy__member_leave(hy_member_t *m, bool tell);
/* The reporter took the member out. Its hyperty is told; one that has not got its observer yet
 * finds the object gone. */
void hy__member_end(hy_member_t *m, bool evicted);
/* It was told so. In another domain than the object's that comes by another node than what the
 * reporter answers, so it may have been let in again since: the reporter hears that it has left.
 * One that has been let in again after `admission`, which that ends (NULL: not told), is not meant
 * any more. One that is asking sees that from its answer, or asks once more to be sure. */
void hy__member_evicted(hy_member_t *m, hy_str_t *admission);
/* An answer to a subscription lets it in, and may say which time that is. */
void hy__member_admitted(hy_member_t *m, const hy_node_t *answer);
/* The answer lets it in, and it was struck off since: that has overtaken the answer. */
bool hy__member_is_struck(const hy_member_t *m);
hy_value_t hy__replica_routes(const hy_replica_t *r);
/* Of a subscribe to <Object>/subscription. */
hy_value_t hy__member_subscription(const hy_member_t *m);
/* Hyperty URLs as an array of strings; the caller owns it. */
int hy__replica_members(const hy_replica_t *r, hy_value_t *out);
/* True if the copy is of that schema, named short or by catalogue URL. */
bool hy__replica_has_schema(const hy_replica_t *r, const hy_str_t *wanted);
hy_party_status_t hy__replica_status(const hy_replica_t *r);
void hy__replica_tell_status(hy_replica_t *r);

/* reobserve.c: cut off; back with routes intact; with a new session. */
void hy__replica_offline(hy_replica_t *r);
void hy__replica_online(hy_replica_t *r);
void hy__replica_rejoin(hy_replica_t *r);
/* Its members subscribe again. */
void hy__replica_renew(hy_replica_t *r);
void hy__replica_init_job(hy_replica_t *r);
/* joining.c: an answer to a subscription that nobody waits for any more; nothing for others. */
void hy__subscription_late(hy_bus_t *bus, hy_msg_t *request, hy_msg_t *answer);
void hy__member_init_job(hy_member_t *m);
/* Something of the object was heard that leaves nothing open: it is not disconnected. */
void hy__replica_is_back(hy_replica_t *r);
/* Subscribes again, unless that is under way. */
void hy__member_renew(hy_member_t *m);
/* True while the copy is not to go on; what arrives is put by. */
bool hy__replica_is_held(hy_replica_t *r);
/* On <Object>/registration: the status of the object's entry. */
void hy__replica_on_registration(void *replica, hy_msg_t *m);
/* Asks if nothing was heard for too long; gives when to look again. */
uint64_t hy__replica_pulse(hy_replica_t *r);

/* What became of something that arrived: in (or known already), ahead of the copy, or not to be
 * applied. */
typedef enum { HY_DONE, HY_AHEAD, HY_BROKEN } hy_outcome_t;

void hy__arrival_change(void *replica, hy_msg_t *m);
void hy__arrival_child(void *replica, hy_msg_t *m);
hy_outcome_t hy__arrival_apply_change(hy_replica_t *r, hy_change_t *c);
hy_outcome_t hy__arrival_apply_stamp(hy_replica_t *r, const hy_stamp_t *s);
/* An operation came: shown as pending, or put by for its stamp. `op` is borrowed. */
void hy__arrival_take_op(hy_replica_t *r, hy_str_t *collection, hy_str_t *creator,
                         hy_childop_t *op);
/* Tells the members of an applied change and releases its effects. */
void hy__arrival_tell_change(hy_replica_t *r, hy_change_t *change, hy_effect_t *effects);
/* Takes in an answer's value (whole, or changes since): answer.c. A whole one is told to the
 * members as a resync for that reason. */
int hy__answer_take(hy_replica_t *r, const hy_node_t *value, const char *reason, hy_error_t *err);
/* The same with an object that came in parts, which is taken over. */
int hy__answer_take_object(hy_replica_t *r, hy_collecting_t *c, const char *reason,
                           hy_error_t *err);
/* An answer to a request of the replica, which may be a part: then it goes on. True if it was. */
bool hy__replica_take_part(hy_replica_t *r, hy_msg_t *answer);
/* The end of an answer: its value, or what was collected. */
int hy__replica_take_value(hy_replica_t *r, const hy_node_t *value);
/* After an answer: nothing if the copy's epoch still is `before`. Else the reporter may not know
 * (any more) who observes here, and so nothing would come: all members but the one that it let in
 * just now (NULL: it did not) subscribe again. */
void hy__replica_subscribe_again(hy_replica_t *r, const hy_str_t *before, const hy_member_t *but);
/* Takes the part in that an answer's body is; not if it is none. Negative: HY_EINVALID,
 * HY_ETOO_LARGE, HY_ENOMEM, and what was collected is lost. */
enum { HY_COLLECT_NONE, HY_COLLECT_MORE, HY_COLLECT_ALL };
int hy__collect(hy_collecting_t *c, hy_str_t *url, const hy_node_t *body, hy_error_t *err);
/* After a final answer: false if asking has led nowhere for too long. */
bool hy__collecting_leads_on(hy_collecting_t *c);
/* Of a read of the parts that are missing; ABSENT when out of memory. */
hy_value_t hy__collecting_body(const hy_collecting_t *c);
void hy__collecting_end(hy_collecting_t *c);
/* "window": how many parts may come at a time. */
int hy__put_window(hy_node_t *body);
/* Applies what was kept aside and now fits; reads what is still missing. */
void hy__arrival_settle(hy_replica_t *r);
/* A child event for all members; the child's waiters are told. */
void hy__arrival_tell_child(hy_replica_t *r, hy_child_event_kind_t kind, hy_child_t *child,
                            hy_change_t *change);
void hy__arrival_drop(hy_replica_t *r);     /* all that was kept aside */
void hy__arrival_drop_ops(hy_replica_t *r); /* of that the operations that wait for their stamps */
/* Reads what the copy lacks, one read at a time; the reason is told should it end in a resync. */
void hy__replica_read(hy_replica_t *r, const char *reason);
void hy__replica_retry(void *replica);
/* An answer to a read. */
void hy__replica_take_read(hy_replica_t *r, hy_msg_t *answer, int http);
/* "since": the copy's position. */
int hy__put_since(hy_node_t *body, const hy_object_t *o);

/* epoch.c. `position` has "epoch", "version" and "follows", as digests and answers do. */
void hy__epoch_digest(hy_replica_t *r, const hy_node_t *digest);
/* True if it is a higher epoch that goes on from the copy's, not before its version. */
bool hy__epoch_is_reached(const hy_replica_t *r, const hy_node_t *position);
/* Takes the copy into that epoch if it started from the very state that the copy has. */
bool hy__epoch_enter(hy_replica_t *r, const hy_node_t *position);

/* While entered, members that leave stay linked and the replica lives; exit may free it. */
void hy__replica_enter(hy_replica_t *r);
void hy__replica_exit(hy_replica_t *r);
/* The object was deleted, or this runtime's observers struck off: all are told and go. */
void hy__replica_end(hy_replica_t *r, bool evicted);
/* Calls `fn` for every member that is in; safe against members that leave meanwhile. */
typedef void (*hy_member_cb)(hy_member_t *m, void *arg);
void hy__replica_each(hy_replica_t *r, hy_member_cb fn, void *arg);

#endif
