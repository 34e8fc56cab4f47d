/* What the files of the message node share. Nobody outside this folder includes it.
 *
 *      owner     what is known of one RuntimeURL: its session, and the addresses it owns
 *      address   one owned URL: claimed (until the session ends) or allocated (until given back)
 *      topic     one URL that is subscribed, with its subscribers; or a function of the node
 *      object    one data object with topics: its guard, and who holds it
 *      route     one (session, topic) with its sources
 *
 *      server ──owners──► owner ◄──────► session ──routes──► route
 *         ├────addresses──► address ──►owner                   │
 *         ├────topics─────► topic ◄────────────────────────────┘
 *         └────objects────► object ◄──► its topics
 *
 * A message costs one look-up, by its `to`, among the topics. Who holds an object is kept with the
 * object and found again only after ownership anywhere has changed (`claims_turn`). */
#ifndef HY_NODE_INTERNAL_H
#define HY_NODE_INTERNAL_H

#include "../base/dict.h"
#include "../base/json.h"
#include "../base/list.h"
#include "../base/mem.h"
#include "../bus/ring.h"
#include "auth.h"
#include "bounds.h"
#include "close.h"
#include "node.h"

typedef struct hy__owner hy__owner_t;
typedef struct hy__address hy__address_t;
typedef struct hy__topic hy__topic_t;
typedef struct hy__object hy__object_t;
typedef struct hy__route hy__route_t;
typedef struct hy_session hy_session_t;
typedef struct hy_peer hy_peer_t;
typedef struct hy__registry hy__registry_t;
typedef struct hy__allocation hy__allocation_t;
typedef struct hy__block hy__block_t;
typedef struct hy__entry hy__entry_t;
typedef struct hy__keep hy__keep_t;
typedef struct hy__lot hy__lot_t;
typedef struct hy__watch hy__watch_t;

static inline bool hy__span_is(hy_span_t span, const char *text) {
    return strlen(text) == span.len && memcmp(span.bytes, text, span.len) == 0;
}

/* A function of the node. `m` is lent. */
typedef void (*hy__serve_cb)(hy_session_t *s, hy_msg_t *m);

struct hy_node_server {
    hy_str_t *domain;
    hy_str_t *session_url;  /* mn:/session */
    hy_str_t *sm_url;       /* what tells of losses */
    hy_str_t *registry_url; /* what publishes changes of status */
    hy_str_t *catalogue_url;
    const hy_schemas_t *schemas; /* lent; NULL: the catalogue is empty */
    const hy_auth_t *auth;       /* lent; NULL: whoever comes may open a session */
    hy_node_limits_t limits;
    hy_clock_t *clock;
    hy_random_t *random;
    const hy_log_t *log;
    hy_dict_t owners, addresses, topics, objects; /* of hy__slot_t */
    hy_dict_t tombstones, answers;                /* tombstones.c, answers.c */
    size_t answers_bytes;
    const hy_msg_t *serving;    /* the request that a function is at work on */
    uint64_t serving_written;   /* hy__keep_written when that began */
    const hy_session_t *origin; /* whose message is being served */
    hy_link_t peers;
    hy_timer_t watch; /* for sessions that do not read */
    hy__allocation_t *allocation;
    hy__registry_t *registry;
    hy__keep_t *keep;       /* NULL: there is no store */
    uint64_t claims_turn;   /* counts changes of ownership */
    uint64_t sessions_made; /* the next session's id */
    uint64_t marks;         /* counts deliveries that mark sessions */
    uint32_t lapsed;        /* sessions that are to end */
    bool is_closing;
    hy_node_stats_t stats;
    uint64_t bounds_refused[HY__BOUNDS];
};

struct hy_session {
    /* What each delivery looks at lies together. */
    hy_node_server_t *server;
    hy_peer_t *peer;    /* NULL: its connection is lost, the grace runs */
    hy_ring_t outgoing; /* outgoing.c */
    uint64_t mark;      /* the delivery that has reached it */
    hy_dict_t notices;  /* object -> the `lost` that waits for it */

    hy__owner_t *owner;
    uint64_t id;     /* never given twice; 0 is nobody */
    hy_str_t *token; /* <RuntimeURL>/<token> takes it over */
    hy_timer_t grace;
    uint64_t stuck_ms;   /* since when it has not read; 0: it reads */
    uint32_t watched;    /* how much of `outgoing` was consumed when that was last looked at */
    bool is_lapsed;      /* without connection and grace: ends at the next occasion */
    hy_str_t *last_from; /* an address that it held when claims_turn was … */
    uint64_t last_from_turn;
    hy_dict_t routes;  /* of hy__slot_t: URL -> hy__route_t */
    size_t held;       /* memory of its routes, admissions, registrations, watches, roughly */
    hy_link_t objects; /* that it holds and has subscribed */
    hy_link_t entries; /* in the registry that end with it */
    hy_link_t watches; /* of the registry */
    uint32_t watch_count;
    hy_link_t waiting; /* answers that wait for a commit */
    bool has_auth;     /* it has shown a token, */
    hy_claims_t claims;
    hy_timer_t authority; /* which is near its end: then its runtime is told, or at it */
    uint64_t warn_ms;     /* by the wall clock; 0: it was told */
    hy_rate_t messages, bytes, allocations;
};

/* --- server.c: dictionaries of pointers, answers ---------------------------------------------- */

typedef struct {
    hy_str_t *key;
    void *item;
} hy__slot_t;

void *hy__slot_find(const hy_dict_t *d, const char *bytes, size_t len);
void *hy__slot_get(const hy_dict_t *d, hy_str_t *key);
int hy__slot_put(hy_dict_t *d, hy_str_t *key, void *item);
void hy__slot_remove(hy_dict_t *d, hy_str_t *key); /* harmless if it is not there */

/* Hands a message to a session. False if it was refused because the session does not keep up: its
 * sender is to be told. */
bool hy__deliver(hy_session_t *s, hy_msg_t *m);
/* Answers a request; does nothing for a response and for a message without id. `value` is taken
 * over. */
void hy__reply(hy_session_t *s, hy_msg_t *m, int code, const char *desc, hy_value_t value);
/* The same from a failure, and counts it. */
void hy__refuse(hy_session_t *s, hy_msg_t *m, const hy_error_t *err);
/* The same for what its receiver did not take. */
void hy__refuse_slow(hy_session_t *s, hy_msg_t *m);

/* --- session.c -------------------------------------------------------------------------------- */

/* As the session of a RuntimeURL that has none. HY_ECONFLICT if another one holds it, or something
 * above or below it, HY_EINVALID if it is no runtime address. Runtimes of other domains are
 * welcome: so hyperties of theirs take part in this one. */
int hy__session_open(hy_node_server_t *n, hy_str_t *runtime, hy_session_t **out, hy_error_t *err);
/* The same owner opens anew: it keeps its claims, all else begins again. */
int hy__session_renew(hy_session_t *s, hy_error_t *err);
/* As it was in an earlier life of the node; its grace begins. */
int hy__session_restore(hy_node_server_t *n, hy_str_t *runtime, hy_str_t *token, uint64_t id,
                        hy_session_t **out);
/* The session of a RuntimeURL, and of <RuntimeURL>/<token>; NULL if there is none. */
hy_session_t *hy__session_find(const hy_node_server_t *n, const char *runtime, size_t len);
hy_session_t *hy__session_of_token(const hy_node_server_t *n, const hy_str_t *from);
void hy__session_attach(hy_session_t *s, hy_peer_t *p);
/* Its connection is gone; the grace begins. */
void hy__session_detach(hy_session_t *s);
/* Drops session, routes, claims and guards; its registry entries become disconnected; allocated
 * addresses stay reserved for its RuntimeURL. */
void hy_session_close(hy_session_t *s);
/* A message of its own: checked, then served or routed. */
void hy__session_send(hy_session_t *s, hy_msg_t *m);
/* Memory that it holds in the node: itself, routes, claims, whom it admits, registry entries, and
 * the ring of its queue.
 * What several sessions share is counted for the one that made it; the messages that wait are
 * shared by nature and counted apart (stats.queued_bytes). */
size_t hy__session_bytes(const hy_session_t *s);
void hy__sessions_init(hy_node_server_t *n);
/* From now on looks whether sessions read what is sent to them, while any has much to read. */
void hy__sessions_watch(hy_node_server_t *n);
/* Ends those for whose grace there was no memory. Not while anything is being delivered. */
void hy__sessions_sweep(hy_node_server_t *n);

/* --- peer.c ----------------------------------------------------------------------------------- */

void hy__peer_signal(hy_peer_t *p); /* something is queued; NULL allowed */
/* Sends what is for this connection alone, before what is queued. `m` is taken over, NULL allowed.
 */
void hy__peer_say(hy_peer_t *p, hy_msg_t *m);
/* Closes the connection; its session keeps its grace. NULL allowed. */
void hy__peer_end(hy_peer_t *p, hy_close_code_t code, const char *reason);
void hy__peers_free(hy_node_server_t *n);
hy_str_t *hy__peer_where(const hy_peer_t *p); /* where it came from, for people */
const hy_node_server_t *hy__peer_server(const hy_peer_t *p);
bool hy__peer_is_own(const hy_peer_t *p); /* in the node's process; NULL allowed, it is not */

/* --- outgoing.c: what waits for a connection -------------------------------------------------- */

void hy__outgoing_init(hy_session_t *s);
void hy__outgoing_clear(hy_session_t *s);
void hy__outgoing_deinit(hy_session_t *s);
uint32_t hy__outgoing_peek(hy_session_t *s, hy_msg_t *const **list);
void hy__outgoing_consume(hy_session_t *s, uint32_t count);
/* Takes out what is published on the object. */
void hy__outgoing_purge(hy_session_t *s, const hy__object_t *o);
/* The connection is gone; there is one again, for which requests are not too old. */
void hy__outgoing_detach(hy_session_t *s);
void hy__outgoing_attach(hy_session_t *s);

/* --- answers.c: a repeated request is answered as before -------------------------------------- */

void hy__answers_init(hy_node_server_t *n);
/* True, and answered, if this create or execute was served before. */
bool hy__answers_repeat(hy_session_t *s, hy_msg_t *m);
void hy__answers_keep(hy_node_server_t *n, const hy_msg_t *request, hy_msg_t *answer);
void hy__answers_deinit(hy_node_server_t *n);

/* --- claims.c: who owns which address --------------------------------------------------------- */

struct hy__owner {
    hy_str_t *runtime;
    hy_session_t *session;       /* NULL: only its allocated addresses remain */
    hy_link_t claims, allocated; /* of hy__address_t */
    uint32_t claims_count, allocated_count;
    size_t claims_bytes; /* memory of what it claims, roughly */
};

struct hy__address {
    hy_str_t *url;
    hy__owner_t *owner; /* NULL: kept because of what is owned below it */
    bool is_allocated;
    uint32_t below;     /* owned addresses below it */
    hy_link_t link;     /* in its owner's claims or allocated */
    hy__block_t *block; /* of its allocation key (allocation.c), NULL if none */
    hy_link_t of_block;
    hy__lot_t *lot;  /* of its row in the store, NULL if none */
    hy_str_t *epoch; /* highest that a holder has told, NULL if none */
    uint64_t epoch_session;
};

/* The owner of RuntimeURL, made if missing. NULL when out of memory. */
hy__owner_t *hy__owner_open(hy_node_server_t *n, hy_str_t *runtime);
/* Frees it with all it owns. */
void hy__owner_free(hy_node_server_t *n, hy__owner_t *o);
/* Frees it if neither session nor address is left. */
void hy__owner_tidy(hy_node_server_t *n, hy__owner_t *o);
/* Drops what it claimed; what is allocated stays. */
void hy__owner_drop_claims(hy_node_server_t *n, hy__owner_t *o);

/* Who owns the address or something above it; NULL if nobody. */
hy__owner_t *hy__owner_of(const hy_node_server_t *n, const char *url, size_t len);
/* The session of that owner. */
hy_session_t *hy__holder_of(const hy_node_server_t *n, const char *url, size_t len);
/* The record of exactly that address, if it is owned. */
hy__address_t *hy__address_get(const hy_node_server_t *n, hy_str_t *url);

/* May `o` claim the address? 0 (also if it owns it already), HY_ECONFLICT: another owner holds it
 * or something below, HY_EFORBIDDEN: it is reserved or nobody's to claim, HY_EINVALID: it cannot be
 * owned. */
int hy__claim_check(const hy_node_server_t *n, const hy__owner_t *o, hy_str_t *url,
                    hy_error_t *err);
/* Makes `o` its owner, as claimed or as allocated, after that check. HY_EFULL, HY_ENOMEM. */
int hy__claim(hy_node_server_t *n, hy__owner_t *o, hy_str_t *url, bool allocated, hy_error_t *err);
void hy__address_release(hy_node_server_t *n, hy__address_t *a);
/* May the address, owned by one, pass to `to`? HY_ECONFLICT: not alone; HY_EFULL. */
int hy__address_pass_check(hy__address_t *a, const hy__owner_t *to, hy_error_t *err);
/* It does, and remains claimed or allocated; its allocation key knows it no more. */
void hy__address_pass(hy_node_server_t *n, hy__address_t *a, hy__owner_t *to);
/* 0 if the session owns the address, or may claim it by using it: a hyperty's or stub's that is
 * free. Then it is claimed. HY_EFORBIDDEN if it may not; `err` is then the caller's to fill.
 * HY_EFULL if it has as many as it may, HY_ENOMEM. */
int hy__claim_by_use(hy_session_t *s, hy_str_t *url, hy_error_t *err);
/* True if a schema may give the scheme to data objects. */
bool hy__is_object_scheme(hy_span_t scheme);

/* --- tombstones.c: objects that were deleted -------------------------------------------------- */

void hy__tombstones_init(hy_node_server_t *n);
void hy__tombstone_put(hy_node_server_t *n, hy_str_t *url);
/* In order of `until_ms`. */
void hy__tombstone_restore(hy_node_server_t *n, hy_str_t *url, uint64_t until_ms);
void hy__tombstones_keep(hy_node_server_t *n); /* writes all of them */
/* True if the object to which the address belongs was deleted lately. */
bool hy__tombstone_has(hy_node_server_t *n, const hy_str_t *url);

/* --- topics.c: routes and delivery ------------------------------------------------------------ */

typedef enum {
    HY__ELSE,         /* any other address */
    HY__OBJECT,       /* <Object> */
    HY__SUBSCRIPTION, /* <Object>/subscription */
    HY__CHANGES,      /* <Object>/changes */
    HY__CHILDREN,     /* <Object>/children/<collection> */
    HY__CHILDREN_ALL  /* <Object>/children/ */
} hy__kind_t;

static inline bool hy__kind_is_guarded(hy__kind_t kind) {
    return kind >= HY__CHANGES;
}

typedef struct {
    hy_session_t *session;
    hy__route_t *route;
} hy__target_t;

struct hy__topic {
    hy_str_t *url;
    hy__kind_t kind;
    hy__object_t *object;  /* NULL for HY__ELSE */
    hy__serve_cb serve;    /* a function of the node; then without targets */
    hy__target_t *targets; /* first those who get what is sent, then those who wait */
    uint32_t admitted, count, room;
    hy_link_t link; /* in object->topics */
};

struct hy__route {
    hy_session_t *session;
    hy__topic_t *topic;
    hy_dict_t sources; /* set of addresses */
    uint32_t place;    /* in topic->targets */
    uint32_t bytes;    /* its part in session->held */
};

/* What the `to` of a message names. */
typedef struct {
    hy__topic_t *topic;
    hy__object_t *object;
    hy__kind_t kind;
} hy__place_t;

/* The kind of an address; `object` gets the part that is the object's URL. */
hy__kind_t hy__kind_of(const hy_str_t *url, hy_span_t *object);
hy__place_t hy__place_find(const hy_node_server_t *n, hy_str_t *url);
/* A topic without subscribers that serves messages. */
int hy__topic_serve(hy_node_server_t *n, hy_str_t *url, hy__serve_cb serve);
/* The topic <Object>/changes, which its object keeps. NULL when out of memory. */
hy__topic_t *hy__topic_changes(hy_node_server_t *n, hy__object_t *o);
void hy__topic_free(hy_node_server_t *n, hy__topic_t *t);

int hy__route_add(hy_session_t *s, hy_str_t *url, hy_str_t *source, hy_error_t *err);
/* Takes out a source (NULL: all); the route goes with its last one. `rests`: it will come back for
 * it, and has not left what it observes. */
void hy__route_remove(hy_session_t *s, hy_str_t *url, hy_str_t *source, bool rests);
hy__route_t *hy__route_find(const hy_session_t *s, hy_str_t *url);
void hy__route_drop(hy__route_t *r);         /* its rows in the store remain, */
void hy__route_unkeep(const hy__route_t *r); /* but for this */
bool hy__route_is_open(const hy__route_t *r);
/* Opens or shuts it, as the guard of its object now says. */
void hy__route_review(hy__route_t *r);

/* Sends a message on, once to each who gets what goes to that place, except `origin` (NULL: the
 * node). False if nobody does. */
bool hy__publish(hy_node_server_t *n, const hy__place_t *at, hy_msg_t *m, hy_session_t *origin);

/* --- guard.c: objects, who holds them --------------------------------------------------------- */

struct hy__object {
    hy_str_t *url;
    hy_link_t topics;
    hy__topic_t *changes;  /* there as long as the object */
    hy__topic_t *children; /* <Object>/children/, if subscribed */
    uint32_t routes;       /* on all its topics; the object goes with the last one */
    hy_session_t *holder;  /* as of holder_turn; use hy__object_holder */
    uint64_t holder_turn;
    hy_session_t *said; /* the session that said what follows; NULL: it has ended or let go */
    uint64_t holder_id; /* its id, 0 if NULL */
    hy_link_t link;     /* in that session's objects */
    hy_str_t *reporter; /* the hyperty that holds it */
    bool is_guarded;
    bool is_kept;       /* has rows in the store */
    hy_dict_t admitted; /* hyperty -> admission, admitted.c */
    uint32_t sweep_at;  /* that many admitted: strike those who are gone */
    hy_timer_t absent;  /* for those admitted who may not be there any more */
};

hy__object_t *hy__object_open(hy_node_server_t *n, const char *url, size_t len);
void hy__object_tidy(hy_node_server_t *n, hy__object_t *o); /* frees it without routes */
hy_session_t *hy__object_holder(const hy_node_server_t *n, hy__object_t *o);
/* May the session hold the object in that epoch (ABSENT: none told)? HY_ECONFLICT if not. */
int hy__object_hold_check(hy_session_t *s, hy_str_t *url, hy_value_t epoch, hy_error_t *err);
/* The holder has subscribed the object: notes reporter, epoch and guard. */
void hy__object_hold(hy_session_t *s, hy_str_t *url, hy_str_t *reporter, hy_node_t *body);
/* The session that held it ends or lets go: it stays shut, if it was guarded, until it is held. */
void hy__object_orphan(hy__object_t *o);
/* The object is deleted: drops all its routes. */
void hy__object_drop(hy_node_server_t *n, hy_str_t *url);
/* As it was in an earlier life of the node: then those who were admitted, each. `session` is NULL
 * if that who held it is gone. */
void hy__object_restore(hy__object_t *o, hy_session_t *session, hy_str_t *reporter,
                        bool is_guarded);
void hy__serve_execute(hy_session_t *s, hy_msg_t *m); /* admit, expel, holder, move */
/* The object that the session holds and has subscribed, for one who wants to `method` with it. */
int hy__object_of_holder(hy_session_t *s, hy_str_t *url, const char *method, hy__object_t **out,
                         hy_error_t *err);
/* Makes a session, which owns the object by now, its holder: guard and admissions stay. */
void hy__object_pass(hy__object_t *o, hy_session_t *to, hy_str_t *reporter);
/* Below 0, 0 or above: a is lower than b, the same, higher. */
int hy__epoch_compare(const hy_str_t *a, const hy_str_t *b);
/* 409 with the highest epoch known, if the failure is a conflict; else as hy__refuse. */
void hy__refuse_epoch(hy_session_t *s, hy_msg_t *m, const hy_error_t *err, hy_str_t *url);

/* --- admitted.c: whom the holder admits ------------------------------------------------------- */

void hy__admitted_init(hy__object_t *o);
void hy__admitted_clear(hy__object_t *o);         /* strikes all */
size_t hy__admitted_bytes(const hy__object_t *o); /* of its holder's, session->held */
/* Answers `execute` admit and expel. */
void hy__admitted_add(hy_session_t *s, hy_msg_t *m, hy__object_t *o, hy_str_t *hyperty);
void hy__admitted_remove(hy_session_t *s, hy_msg_t *m, hy__object_t *o, hy_str_t *hyperty);
/* True if the guard lets the hyperty through, for that session. */
bool hy__object_admits(hy__object_t *o, hy_str_t *hyperty, const hy_session_t *s);
/* As in an earlier life of the node. */
int hy__object_readmit(hy__object_t *o, hy_str_t *hyperty, uint64_t session);
void hy__object_keep_admitted(hy__object_t *o); /* writes all of them */
/* It does not listen to the changes any more (`has_left`: as it wanted): should that go on and it
 * is still admitted, the holder is told. The same of all who listen in a session that begins anew.
 */
void hy__object_miss(hy__object_t *o, hy_str_t *hyperty, bool has_left);
void hy__objects_miss(hy_session_t *s);
/* The session ends: the holder of each guarded object that its hyperties observe is told. */
void hy__objects_bereave(hy_session_t *s);

/* --- move.c: an object passes from one session to another ------------------------------------- */

void hy__serve_move(hy_session_t *s, hy_msg_t *m);

/* --- subscribe.c, allocation.c, registry.c: functions ----------------------------------------- */

void hy__serve_sm(hy_session_t *s, hy_msg_t *m);

int hy__allocation_new(hy_node_server_t *n);
void hy__allocation_free(hy_node_server_t *n);
/* The address is released: takes it out of its allocation key. */
void hy__allocation_leave(hy_node_server_t *n, hy__address_t *a);
/* It is one of those of its owner's allocation key. */
int hy__allocation_join(hy_node_server_t *n, hy__address_t *a, hy_str_t *key);
const hy_str_t *hy__allocation_key(const hy__address_t *a); /* NULL: it has none */
void hy__serve_allocation(hy_session_t *s, hy_msg_t *m);

int hy__registry_new(hy_node_server_t *n);
void hy__registry_free(hy_node_server_t *n);
void hy__serve_registry(hy_session_t *s, hy_msg_t *m);
/* Its watches end, its entries become disconnected. */
void hy__registry_leave(hy_session_t *s);
/* Its entry, if there is one, belongs to that session now. */
void hy__registry_pass(hy_node_server_t *n, hy_str_t *url, hy_session_t *to);
/* The address is nobody's any more. */
void hy__registry_forget(hy_node_server_t *n, hy_str_t *url);

/* --- keep.c, lots.c, keep_start.c: what goes into the store, if there is one (keep.h) --------- */

/* Begins to read the store. */
int hy__keep_open(hy_node_server_t *n, const hy_node_config_t *config);
void hy__keep_close(hy_node_server_t *n);
bool hy__keep_is_reading(const hy_node_server_t *n);

/* Each writes a row, its `…_end` removes it. */
void hy__keep_end(hy_node_server_t *n, unsigned table, const hy_str_t *owner, const hy_str_t *key);
void hy__keep_session(const hy_session_t *s, bool is_renewed); /* then its routes are gone */
void hy__keep_session_end(const hy_session_t *s);              /* and claims and routes */
void hy__keep_claim(hy_node_server_t *n, const hy__address_t *a);
void hy__keep_claim_end(hy_node_server_t *n, const hy__address_t *a);
void hy__keep_route(const hy_session_t *s, const hy_str_t *url, const hy_str_t *source);
void hy__keep_route_end(const hy_session_t *s, const hy_str_t *url, const hy_str_t *source);
/* What is known of the object by now: anew, if nobody is admitted any more. */
void hy__keep_object(hy_node_server_t *n, hy_str_t *url, bool is_anew);
void hy__keep_admission(const hy__object_t *o, const hy_str_t *hyperty, uint64_t session);
void hy__keep_admission_end(const hy__object_t *o, const hy_str_t *hyperty);
void hy__keep_tombstone(hy_node_server_t *n, const hy_str_t *url, uint64_t until_ms);
void hy__keep_tombstone_end(hy_node_server_t *n, const hy_str_t *url);
void hy__keep_entry(hy__entry_t *e); /* unless what is stored is still right */
void hy__keep_entry_end(hy__entry_t *e);

/* The addresses of a list were allocated by one request. */
int hy__lots_make(hy_node_server_t *n, const hy__owner_t *o, const hy_node_t *list);
void hy__lot_leave(hy_node_server_t *n, hy__address_t *a);
/* It lies in a row of its own from now on. HY_ENOMEM. */
int hy__lot_part(hy_node_server_t *n, hy__address_t *a);
/* Which passes to another owner. */
void hy__lot_pass(hy_node_server_t *n, hy__address_t *a, const hy__owner_t *to);
void hy__lots_flush(hy_node_server_t *n); /* writes those that some have left */

/* --- keep_answers.c: answers that wait for a commit ------------------------------------------- */

bool hy__keep_has_room(const hy_node_server_t *n); /* false without a store */
/* May the request be served? HY_EFULL if what it brings about cannot be kept. */
int hy__keep_check(const hy_session_t *s, const hy_msg_t *m, hy_error_t *err);
/* Delivers what the node itself says: bound to all that is written by now, or only behind what its
 * session waits for already. */
void hy__keep_hand(hy_session_t *s, hy_msg_t *m, bool is_bound);
void hy__keep_forget(hy_session_t *s); /* what waits for it */
int hy__keep_watch(hy__keep_t *k);
uint64_t hy__keep_written(const hy_node_server_t *n); /* counts rows */
void hy__keep_sync(hy_node_server_t *n);              /* what is written is to survive power loss */
/* Something could not be written, nor can it now: nothing may be acknowledged. */
bool hy__keep_is_torn(const hy_node_server_t *n);

#include "authorised.h"

#endif
