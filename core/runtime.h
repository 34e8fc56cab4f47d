/* A runtime put together from its parts:
 *
 *      host (hyperties) ── sync manager ── bus ── stubs ── message nodes
 *
 * It has one stub for each domain that it speaks to; without a way for its own, the node of that
 * one is embedded. Clock and randomness are passed in; what turns it is either a loop on libuv
 * (hyperty.c) or a spec (module*.c). */
#ifndef HY_RUNTIME_H
#define HY_RUNTIME_H

#include "host/host.h"
#include "net/stub.h"
#include "node/node.h"
#include "store/store.h"

typedef struct hy_runtime hy_runtime_t;

/* The way to a message node. */
typedef struct {
    const char *domain;        /* NULL: of all domains that have no other */
    hy_connector_t *connector; /* taken over, also on failure */
} hy_way_t;

typedef struct {
    const char *domain; /* NULL: "localhost" */
    const char *user;   /* user URL of instances that name none; NULL: user://<domain>/me */
    char *const *paths; /* folders to look for hyperties, and for schemas/ in them */
    uint32_t path_count;
    const char *above;        /* a new RuntimeURL lies below that one; NULL: below the domain */
    const hy_node_t *schemas; /* documents by name, before those in files; NULL: none */
    const hy_node_t *policy, *groups; /* rules and {group: [URLs]} (sync/policy.h); NULL: none */
    hy_clock_t *clock;                /* these three outlive the runtime */
    hy_random_t *random;
    const hy_log_t *log;
    /* What survives: the runtime's URL, those of its hyperties, what they store. Outlives the
     * runtime. NULL: one in memory of its own, which lasts as long as the runtime. */
    hy_store_t *store;
    size_t history_bytes; /* these two as in sync/manager.h */
    const uint8_t *seed;
    hy_budget_limits_t budget; /* these four as in host/host.h */
    size_t memory_max;
    char *const *trusted;
    uint32_t trusted_count;
    const hy_way_t *ways; /* at most HY_WAYS_MAX, an embedded node counted */
    uint32_t way_count;   /* none with domain NULL: the node is embedded */
    /* The token for the node of a domain (NULL: of a way without), asked for at each try as in
     * net/stub.h; one node's token is not shown to another's. May be NULL. */
    int (*token)(void *token_arg, const char *domain, hy_str_t **out, hy_error_t *err);
    void *token_arg;
    void (*print)(void *arg, const char *name, const char *text); /* as in host.h */
    void *print_arg;
    void (*wake)(void *arg); /* call hy_runtime_turn soon; may be NULL */
    void *wake_arg;
} hy_runtime_config_t;

int hy_runtime_new(const hy_runtime_config_t *config, hy_runtime_t **out, hy_error_t *err);
/* Ends all but the ways to the nodes: the hyperties' `stop` is called; what they then send is
 * queued there. Not from inside a callback of the runtime. Nothing but has_more, turn and free may
 * follow.
 */
void hy_runtime_end(hy_runtime_t *rt);
/* True while something waits to be sent to a node that is connected. */
bool hy_runtime_has_more(const hy_runtime_t *rt);
/* Ends what has not ended, and closes the ways. As above. NULL allowed. */
void hy_runtime_free(hy_runtime_t *rt);
/* The same as at the end of a killed process: no Lua runs, nothing is said, its connections break.
 * Its caller has the store crash afterwards. As above. NULL allowed. */
void hy_runtime_crash(hy_runtime_t *rt);
/* Works off what is ready: delivers messages, runs what was put off. True if more is ready. */
bool hy_runtime_turn(hy_runtime_t *rt);

/* Tries at once to reach each node that is away: the network may be back. Not from inside its
 * callbacks. */
void hy_runtime_hurry(hy_runtime_t *rt);

hy_bus_t *hy_runtime_bus(const hy_runtime_t *rt);
hy_host_t *hy_runtime_host(const hy_runtime_t *rt);
hy_manager_t *hy_runtime_manager(const hy_runtime_t *rt);
/* The embedded node; NULL: there is none. */
const hy_node_server_t *hy_runtime_node(const hy_runtime_t *rt);
hy_str_t *hy_runtime_url(const hy_runtime_t *rt);
/* Calls for each file of a schema, by its path. */
void hy_runtime_each_schema_file(const hy_runtime_t *rt, void (*file)(void *arg, const char *path),
                                 void *arg);

#endif
