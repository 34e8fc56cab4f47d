/* Inside node/: how much one session may have, and all of them together. Each bound is refused in
 * one form, which says what is bounded and what to do, is counted, and told among the metrics.
 *
 *      "hyperty-runtime://d/a may subscribe 65536 resources at most: comm://d/x is too many;
 *       unsubscribe some first"
 *
 * And what a session may send in a second (rate.c). How much may wait for it: outgoing.c. */
#ifndef HY_NODE_BOUNDS_H
#define HY_NODE_BOUNDS_H

#include "../base/buf.h"
#include "../base/error.h"
#include "../bus/message.h"
#include "../limits.h"
#include "../loop/rate.h"
#include "node.h"

typedef struct hy_session hy_session_t;

/* name, label, at most, code, who may … how many of what at most; what to do */
#define HY__BOUND_MAP(X)                                                                           \
    X(ROUTES, "session_routes", HY_SESSION_ROUTES_MAX, HY_EFULL, "may subscribe", "resources",     \
      "unsubscribe some first")                                                                    \
    X(SOURCES, "route_sources", HY_ROUTE_SOURCES_MAX, HY_EFULL, "may be subscribed for",           \
      "sources", "unsubscribe some first")                                                         \
    X(CLAIMS, "session_claims", HY_SESSION_CLAIMS_MAX, HY_EFULL, "may hold", "addresses",          \
      "unsubscribe some first, or allocate them")                                                  \
    X(ALLOCATED, "runtime_allocated", HY_ALLOCATED_PER_RUNTIME_MAX, HY_EFULL, "may have",          \
      "allocated addresses", "give some back first")                                               \
    X(WATCHES, "session_watches", HY_REGISTRY_WATCHES_MAX, HY_ETOO_FAST, "may have",               \
      "watches of the registry", "end one first")                                                  \
    X(MEMORY, "session_memory_bytes", HY_SESSION_BYTES_MAX, HY_EFULL, "may hold",                  \
      "bytes of the node's memory", "unsubscribe, expel or unregister some first")                 \
    X(ADMITTED, "object_admitted", HY_OBJECT_ADMITTED_MAX, HY_EFULL, "may admit", "hyperties",     \
      "expel some first")                                                                          \
    X(SESSIONS, "sessions", HY_SESSIONS_MAX, HY_EFULL, "may have", "sessions", "try again later")  \
    X(ALL_ALLOCATED, "allocated", HY_ALLOCATED_MAX, HY_EFULL, "may have", "allocated addresses",   \
      "give some back, or try again later")                                                        \
    X(ALL_WATCHES, "watches", HY_REGISTRY_WATCHES_ALL_MAX, HY_EFULL, "may have", "watches",        \
      "try again later")                                                                           \
    X(REGISTRY, "registry_bytes", HY_REGISTRY_BYTES_MAX, HY_EFULL, "may have",                     \
      "bytes of entries that live", "delete some, or try again later")

typedef enum {
#define X(name, ...) HY__BOUND_##name,
    HY__BOUND_MAP(X)
#undef X
        HY__BOUNDS
} hy__bound_t;

/* Refuses what would be over a bound, counts that, and gives the bound's code. */
int hy__bound_refuse(hy_node_server_t *n, hy__bound_t bound, const char *who, const char *what,
                     hy_error_t *err);
/* For a bound of the node itself: `who` is the node. */
int hy__bound_refuse_all(hy_node_server_t *n, hy__bound_t bound, const char *what, hy_error_t *err);
/* May it hold so much more? HY_EFULL if not. */
int hy__session_check_room(const hy_session_t *s, size_t more, hy_error_t *err);
/* Each bound, how often it refused, and how far the session is that is nearest to it; appended. */
void hy__bounds_metrics(const hy_node_server_t *n, hy_buf_t *b);

/* --- rate.c: what a session may send in a second ---------------------------------------------- */

void hy__rate_init(hy_session_t *s);
/* HY_ETOO_FAST with the limit in words. */
int hy__rate_message(hy_session_t *s, hy_msg_t *m, hy_error_t *err);
int hy__rate_malformed(hy_session_t *s, size_t bytes, hy_error_t *err);
int hy__rate_allocate(hy_session_t *s, uint32_t count, hy_error_t *err);
/* Answers what is too much, if it can be answered, and counts it. */
void hy__rate_refuse(hy_session_t *s, hy_msg_t *m, const hy_error_t *err);

#endif
