/* The message node of a domain, logic only (PROTOCOL.md sections 3 and 4): sessions and what they
 * may send, the routing table, address allocation and the domain registry.
 *
 *      peer ──► session ──► sender check ──► functions of the node (allocation, routing, registry)
 *                                       └──► routes: subscribers of `to`, else the holder of `to`
 *
 * It does no I/O: whoever connects a peer (peer.h) hands in messages and is told when there are
 * some to be sent. A runtime with its node embedded and a node of its own process use the same
 * functions.
 *
 * Named "server" in C, because `hy_node_t` is a node of a value tree. */
#ifndef HY_NODE_NODE_H
#define HY_NODE_NODE_H

#include "../base/buf.h"
#include "../base/log.h"
#include "../base/random.h"
#include "../bus/address.h"
#include "../bus/message.h"
#include "../data/schema.h"
#include "../loop/clock.h"
#include "../store/store.h"
#include "auth.h"

typedef struct hy_node_server hy_node_server_t;

/* What a node lets one session do. 0: as limits.h says. */
typedef struct {
    uint32_t queue_bytes; /* that wait for a slow reader */
    uint32_t grace_ms;    /* for a session without connection */
    uint32_t stuck_ms;    /* for one that does not read what is sent to it */
    /* What it may send; 0: as much as it likes. */
    uint32_t messages_per_s, bytes_per_s, allocations_per_s;
} hy_node_limits_t;

/* The store has been read (`code` 0), or could not be: then the node is of no use. */
typedef void (*hy_node_ready_cb)(void *arg, int code);

typedef struct {
    const char *domain; /* copied */
    hy_clock_t *clock;
    hy_random_t *random;
    const hy_log_t *log;
    hy_node_limits_t limits;
    hy_store_t *store;      /* lent, for as long as there is the node; NULL: it remembers nothing */
    hy_node_ready_cb ready; /* with a store: called once, in a turn of its own; may be NULL */
    void *ready_arg;
    const hy_schemas_t *schemas; /* its catalogue; lent as the store is; NULL: it is empty */
    const hy_auth_t *auth;       /* who may open a session; lent; NULL: whoever comes */
} hy_node_config_t;

/* What is delivered is sent, waits, or was dropped for a reason that is counted:
 *   delivered + notices = sent + queued + lost + expelled + outdated + ended */
typedef struct {
    uint64_t received, refused, undeliverable;
    uint64_t malformed;     /* what came in and was no message */
    uint64_t delivered;     /* to sessions, each counted */
    uint64_t notices;       /* of loss, queued beside them */
    uint64_t sent;          /* of both: taken by a connection */
    uint64_t lost;          /* of objects, for slow readers, who were told */
    uint64_t expelled;      /* waited for who was expelled */
    uint64_t outdated;      /* requests that had waited longer than their asker */
    uint64_t ended;         /* waited for a session that ended or began anew */
    uint64_t full;          /* not delivered: no room for an answer, or no memory */
    uint64_t queue_refused; /* messages told back to their sender, for a slow reader's sake */
    uint64_t queue_closed;  /* connections of slow readers */
    uint64_t rate_refused;  /* requests beyond a session's rate; also in `refused` */
    uint64_t rate_dropped;  /* the same without id */
    uint64_t queued, queued_bytes;
    uint64_t waiting, waiting_bytes; /* answers, for a commit: not delivered yet */
    uint64_t store_refused;          /* for want of room in the store; also in `refused` */
    uint64_t catalogue_reads;
    uint64_t watch_events; /* what watches of the registry were told */
    uint64_t watch_losses; /* how often one did not keep up, and has to begin anew */
    uint32_t peers, sessions, routes, claims, allocated, entries, watches, objects;
} hy_node_stats_t;

/* With a store it is read first: until then connections are turned away (HY_CLOSE_TRY_LATER). What
 * was there is there again: sessions as if their connections had just been lost. What the node
 * acknowledges (answers of its functions) leaves after the commit; what it routes does not wait. */
int hy_node_server_new(const hy_node_config_t *config, hy_node_server_t **out);
/* Peers are closed, sessions end; nothing is delivered any more. */
void hy_node_server_free(hy_node_server_t *n);
hy_node_stats_t hy_node_server_stats(const hy_node_server_t *n);
/* The same and more as text for Prometheus, appended. Costs a look at each session. */
void hy_node_server_metrics(const hy_node_server_t *n, hy_buf_t *b);
const char *hy_node_server_domain(const hy_node_server_t *n);

#endif
