/* The message node of a domain, logic only (PROTOCOL.md sections 3 and 4): sessions and what they
 * may send, the routing table, address allocation and the domain registry.
 *
 *      session ──► sender check ──► functions of the node (allocation.c, routing.c, registry.c)
 *                              └──► routes: subscribers of `to`, else the holder of `to`
 *
 * It does no I/O: whoever connects a session hands in messages and gets messages handed out. A
 * runtime with its node embedded and a node of its own process use the same functions.
 *
 * Named "server" in C, because `hy_node_t` is a node of a value tree. */
#ifndef HY_NODE_NODE_H
#define HY_NODE_NODE_H

#include "../base/log.h"
#include "../base/random.h"
#include "../bus/address.h"
#include "../bus/message.h"
#include "../loop/clock.h"

typedef struct hy_node_server hy_node_server_t;
typedef struct hy_session hy_session_t;

typedef struct {
    const char *domain; /* copied */
    hy_clock_t *clock;
    hy_random_t *random;
    const hy_log_t *log;
} hy_node_config_t;

typedef struct {
    uint64_t received, delivered, refused, undeliverable;
    uint32_t sessions, routes, claims, allocated, entries;
} hy_node_stats_t;

int hy_node_server_new(const hy_node_config_t *config, hy_node_server_t **out);
/* Sessions that are still open are closed; nothing is delivered any more. */
void hy_node_server_free(hy_node_server_t *n);
hy_node_stats_t hy_node_server_stats(const hy_node_server_t *n);
const char *hy_node_server_domain(const hy_node_server_t *n);

/* Takes a message (adds a reference if it keeps it) to the session's runtime. `origin` is the
 * session that sent it, NULL for the node itself. Must queue: it is called inside hy_session_send.
 */
typedef void (*hy_session_deliver_cb)(void *arg, hy_msg_t *m, const hy_session_t *origin);

/* Opens a session for a RuntimeURL, which it then claims. HY_ECONFLICT if another session has it,
 * or something above or below it, HY_EINVALID if it is no runtime address. Runtimes of other
 * domains are welcome: so hyperties of theirs take part in this one. */
int hy_session_open(hy_node_server_t *n, hy_str_t *runtime, hy_session_deliver_cb cb, void *arg,
                    hy_session_t **out, hy_error_t *err);
/* Drops session, routes, claims and guards; its registry entries become disconnected; allocated
 * addresses stay reserved for its RuntimeURL. */
void hy_session_close(hy_session_t *s); /* NULL allowed */
hy_str_t *hy_session_runtime(const hy_session_t *s);
/* A message from the session's runtime: checked, then served or routed. Refusals are answered to
 * the session; nothing is called but deliver callbacks. */
void hy_session_send(hy_session_t *s, hy_msg_t *m);

#endif
