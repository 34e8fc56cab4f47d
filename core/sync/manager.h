/* The sync manager: <Runtime>/sm, one per runtime (PROTOCOL.md section 5). It serves the synchers
 * of all hyperties: has URLs allocated, routes set up and objects registered at the message node,
 * decides with policy and reporter who may observe, and keeps the one copy of each object observed
 * here. With a store it keeps what is to survive (ledger.h). */
#ifndef HY_SYNC_MANAGER_H
#define HY_SYNC_MANAGER_H

#include "../bus/bus.h"
#include "../data/schema.h"
#include "../store/store.h"

typedef struct hy_manager hy_manager_t;

typedef struct {
    hy_bus_t *bus;         /* outlives the manager */
    hy_str_t *runtime;     /* RuntimeURL; referenced */
    const char *domain;    /* copied */
    hy_schemas_t *schemas; /* outlives the manager */
    hy_store_t *store;     /* NULL: none, who asks to be stored is refused; outlives the manager */
    size_t history_bytes;  /* bound of an object's history; 0: HY_HISTORY_BYTES_MAX */
    const uint8_t *seed;   /* of its own key, HY_SIGN_SEED_BYTES; copied. NULL: the store's */
} hy_manager_config_t;

int hy_manager_new(const hy_manager_config_t *config, hy_manager_t **out);
/* The process dies, as far as the store is concerned: from now on it is not touched any more, and
 * nothing that waits for a commit leaves. Synchers are closed and the manager is freed as usual. */
void hy_manager_crash(hy_manager_t *m);
/* All synchers are closed before. */
void hy_manager_free(hy_manager_t *m);
hy_bus_t *hy_manager_bus(const hy_manager_t *m);
hy_schemas_t *hy_manager_schemas(const hy_manager_t *m);

typedef void (*hy_allocated_cb)(void *arg, int code, const char *desc, hy_str_t *url);
/* Has the node allocate a hyperty address and registers the hyperty: `entry` (an object with name,
 * user, dataSchemes, resources; taken over) is completed with url, type and runtime. `instance`
 * (NULL: none) names it in the store: who had an address in this runtime under that name gets it
 * again, which is claimed then (HY_ECONFLICT, HY_EFORBIDDEN: it is another's by now); a new one is
 * kept. `may_make_up`: if the node cannot be reached, it gets an address all the same. Calls back
 * exactly once. */
int hy_manager_allocate(hy_manager_t *m, hy_str_t *instance, hy_value_t entry, bool may_make_up,
                        hy_allocated_cb done, void *arg);
/* The hyperty of that address says something else of itself: `entry` as above, taken over. */
int hy_manager_describe(hy_manager_t *m, hy_str_t *url, hy_value_t entry);
/* Gives the address back and strikes the hyperty from the registry; one that the store keeps stays
 * reserved and is told as disconnected. Nothing is called. */
void hy_manager_release(hy_manager_t *m, hy_str_t *url);

/* Schemas that somebody needs, by name or catalogue URL. */
typedef struct hy_learning hy_learning_t;
typedef struct {
    /* One of them is nowhere to be had; the text says why. */
    void (*failed)(void *arg, const char *text);
    void (*done)(void *arg); /* of each it is known whether it can be had */
} hy_learning_events_t;
/* Asks the catalogues of their domains for those that are not known here. `names` (strings) is
 * lent. 0, and `done` comes later: exactly once, unless it is cancelled; 1: nothing has to be
 * waited for, and nothing comes. `failed` may come at once. HY_ENOMEM. */
int hy_manager_learn(hy_manager_t *m, const hy_node_t *names, const hy_learning_events_t *events,
                     void *arg, hy_learning_t **out);
/* Nothing is called any more. NULL allowed. Not after `done`. */
void hy_learning_cancel(hy_learning_t *l);

/* The way to a domain's message node is there (again), or is lost; `domain` NULL: to all of them.
 * `is_new`: the session is a new one, at whose node claims, routes and entries have to be set up
 * again; else it was taken over with all of them. At the first `online` there is nothing yet. What
 * changes for hyperties is told by status and other events, inside the call. Not from inside a
 * callback of a syncher. */
void hy_manager_online(hy_manager_t *m, const char *domain, bool is_new);
void hy_manager_offline(hy_manager_t *m, const char *domain);

/* Policy (policy.h) of the objects that are reported here. What changes judges those again who were
 * let in by it or by a list: who would not be now is struck off in the same turn, before anything
 * else of the object leaves. On failure the rules before stay. */
int hy_manager_set_policy(hy_manager_t *m, const hy_node_t *rules, hy_error_t *err);
/* Adds to and removes from a group, which is made if there is none; both lists of URLs, or NULL. */
int hy_manager_group(hy_manager_t *m, hy_str_t *name, const hy_node_t *add, const hy_node_t *remove,
                     hy_error_t *err);
/* {group: [members]}, which are added. */
int hy_manager_add_groups(hy_manager_t *m, const hy_node_t *groups, hy_error_t *err);
int hy_manager_policy(const hy_manager_t *m, hy_value_t *out); /* as hy_policy_rules */
int hy_manager_groups(const hy_manager_t *m, hy_value_t *out); /* as hy_policy_groups */
/* What is known of that object and that hyperty or user: {"here": whether it is reported here,
 * "refusals": [{action, text, at, count, struck}], "guest": {observing, listed, evicted, by, rule,
 * at} if it is one, "now": {action: {ruling: "allow", "deny" or "ask" its hyperty, by, rule}} if it
 * is here}. The caller owns it. */
int hy_manager_why(const hy_manager_t *m, hy_str_t *url, hy_str_t *who, hy_value_t *out);

/* The keys of users that this runtime has met (keyring.h), for the prompt. */
/* An array of {user, fingerprint, state, since}, states being "own" (without user), "known",
 * "refused"; the caller owns it. */
int hy_manager_keys(hy_manager_t *m, hy_value_t *out, hy_error_t *err);
/* The key of that fingerprint (NULL: the only one) that this user showed and that was refused is
 * known from now on. HY_ENOT_FOUND: there is none; HY_ECONFLICT: there are several. */
int hy_manager_accept_key(hy_manager_t *m, hy_str_t *user, const char *fingerprint,
                          hy_error_t *err);
/* That key of the user, or all; who has none left is met anew. HY_ENOT_FOUND. */
int hy_manager_forget_key(hy_manager_t *m, hy_str_t *user, const char *fingerprint,
                          hy_error_t *err);

/* What the runtime knows, for the prompt and for specs: an array of {url, role, hyperty, version,
 * state, pending} per party, with "store" (true or "sync") if a store that lasts keeps it, and of
 * {url, role, hyperties} per object with routes. The caller owns them. */
int hy_manager_objects(const hy_manager_t *m, hy_value_t *out);
int hy_manager_routes(const hy_manager_t *m, hy_value_t *out);
/* True while the node of that object's domain is not connected, as far as is known: what it is to
 * be told waits. */
bool hy_manager_is_away(const hy_manager_t *m, const hy_str_t *url);

#endif
