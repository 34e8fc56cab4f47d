/* What a message node holds, for a person who asks why something does not arrive: who is connected,
 * who owns which address, who subscribes what and who is admitted, what the registry knows.
 * Read-only; costs a look at each that there is. */
#ifndef HY_NODE_INSPECT_H
#define HY_NODE_INSPECT_H

#include "../base/value.h"
#include "node.h"

/* name, word */
#define HY_NODE_LIST_MAP(X)                                                                        \
    X(SESSIONS, "sessions")                                                                        \
    X(ROUTES, "routes")                                                                            \
    X(ALLOCATIONS, "allocations")                                                                  \
    X(OBJECTS, "objects")                                                                          \
    X(REGISTRY, "registry")

typedef enum {
#define X(name, word) HY_NODE_##name,
    HY_NODE_LIST_MAP(X)
#undef X
        HY_NODE_LISTS
} hy_node_list_t;

/* HY_NODE_LISTS: there is no such list. */
hy_node_list_t hy_node_list_find(const char *word);

/* A list of objects, the caller's:
 *
 *   sessions     runtime, connected, waiting, waiting_bytes, routes, claims, watches, memory
 *   routes       url, runtime, sources, gets (what is sent there; else it waits to be admitted)
 *   allocations  url, runtime, how ("allocated" or "claimed"), connected
 *   objects      url, runtime and hyperty (that hold it), guarded, admitted, subscribers
 *   registry     url, type, status, runtime, and name, user and schema as far as it has them
 *
 * Of those with `part` in one of their addresses, or in the name (NULL: all), at most
 * HY_NODE_ROWS_MAX, and of each list in them as many; *total gets how many there are. HY_ENOMEM. */
int hy_node_server_list(const hy_node_server_t *n, hy_node_list_t which, const char *part,
                        hy_value_t *out, uint32_t *total);
/* The figures of hy_node_stats_t by their names, and `domain`. */
int hy_node_server_figures(const hy_node_server_t *n, hy_value_t *out);

#endif
