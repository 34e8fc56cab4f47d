/* A gate: where runtimes come in to a message node (PROTOCOL.md section 3). It listens on URLs,
 * makes a peer of the node for each connection, and serves GET /health and /metrics on the
 * WebSocket ports.
 *
 *      listening socket ─► accepted in bursts ─► channel ─► peer of the node
 *
 * At most HY_GATE_ACCEPTS_PER_TURN are accepted a turn, so that those who are in go on undisturbed;
 * beyond `connections_max` the newest is turned away (1013), and beyond what one address may (4429;
 * WebSocket: 503 and 429 before the upgrade). Only a few a second are told so; the others are
 * closed, as are all who would speak TLS: else those who go would need the room of those who may
 * stay. A handshake, up to the session's open, takes at most HY_HANDSHAKE_MS. */
#ifndef HY_NET_GATE_H
#define HY_NET_GATE_H

#include "../node/node.h"
#include "socket.h"

typedef struct hy_gate hy_gate_t;

/* What one address may (of IPv6: its /64), and all of them together. 0: as much as they like. Unix
 * sockets are not counted. */
typedef struct {
    uint32_t connections;          /* at a time */
    uint32_t handshakes_per_s;     /* connections begun */
    uint32_t opens_per_s;          /* messages to mn:/session: 429, and the connection closes */
    uint32_t all_handshakes_per_s; /* of all addresses */
} hy_gate_limits_t;

typedef struct {
    hy_loop_t *loop;
    hy_sockets_t *sockets; /* these outlive the gate */
    hy_node_server_t *node;
    const hy_log_t *log;
    uint32_t connections_max; /* 0: HY_GATE_CONNECTIONS_MAX */
    hy_gate_limits_t limits;
    bool has_auth;         /* the node asks for tokens: it may be reached from elsewhere */
    hy_tls_context_t *tls; /* a server's; NULL: wss and tls are refused. Outlives the gate */
} hy_gate_config_t;

int hy_gate_open(const hy_gate_config_t *config, hy_gate_t **out);
/* Begins to listen. HY_EFORBIDDEN beyond loopback without auth, and with it without TLS: anybody on
 * the way could read the tokens, and come in with them.
 * A Unix socket gets mode 0600; a stale one (nobody answers) is replaced. Errors name the URL and
 * what to do. */
int hy_gate_listen(hy_gate_t *g, const char *url, hy_error_t *err);
/* The URL of the i-th listener with the port that the system chose; NULL beyond the last. Lent. */
const char *hy_gate_url(const hy_gate_t *g, uint32_t i);
/* Stops listening and tells every session to come back later (1012, within `window_ms`); `done` is
 * called once all that was queued is written, or after `bound_ms`; not inside this call, and it may
 * close the gate. */
void hy_gate_drain(hy_gate_t *g, uint32_t window_ms, uint32_t bound_ms, void (*done)(void *arg),
                   void *arg);
/* Closes listeners and connections, without words. Not from inside the node. NULL allowed. */
void hy_gate_close(hy_gate_t *g);

#endif
