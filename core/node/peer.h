/* A peer is what is connected to the node: one connection of a transport, before and after it has
 * opened a session (PROTOCOL.md section 3).
 *
 *      connection ── receive ──► peer ── open, re-open, close ──► session
 *                                    └── all else ─────────────► session ──► functions, routes
 *      connection ◄─ ready ───── peer ◄── queue of the session
 *                 ── peek, consume ─►
 *
 * The connection pulls what is to be sent. What is not consumed yet belongs to the session: it can
 * be purged, replaced by a notice of loss, and outlives the connection until the session's grace is
 * over. No I/O here: sockets, memory and simulated networks are connections alike. */
#ifndef HY_NODE_PEER_H
#define HY_NODE_PEER_H

#include "close.h"
#include "node.h"

typedef struct hy_peer hy_peer_t;

typedef struct {
    /* There is something to send. Not called again until peek has given 0. May be called inside any
     * function of the node; it may peek and consume at once, and hand in messages, but none that
     * opens or closes a session. */
    void (*ready)(void *arg);
    /* The node ends the connection: send what peek still gives if that goes at once, then close.
     * The peer is gone when this returns. */
    void (*close)(void *arg, hy_close_code_t code, const char *reason);
    /* A message to mn:/session came: HY_ETOO_FAST if there are too many from where it came; then
     * that is answered, and the connection closes. NULL: there never are. */
    int (*may_open)(void *arg, hy_error_t *err);
    /* A runtime in the node's own process: it needs no token (auth.h). Never what came in by a
     * socket. */
    bool is_own;
} hy_peer_events_t;

/* `where` says for the log where it came from ("tcp 127.0.0.1:51344"); copied. HY_ENOMEM. */
int hy_peer_open(hy_node_server_t *n, const hy_peer_events_t *events, void *arg, const char *where,
                 hy_peer_t **out);
/* A message came in. It is checked, then served or routed; refusals are answered. False if the peer
 * is gone by now (`close` was called). */
bool hy_peer_receive(hy_peer_t *p, hy_msg_t *m);
/* What came in is no message: answered 400 (413 if too large), with its id if that can be read.
 * False as above. */
bool hy_peer_malformed(hy_peer_t *p, const hy_str_t *text, const hy_error_t *err);
/* What is to be sent, oldest first: as many as lie in one piece. Lent until the next call into the
 * node. */
uint32_t hy_peer_peek(hy_peer_t *p, hy_msg_t *const **list);
/* The first `count` of them are sent. */
void hy_peer_consume(hy_peer_t *p, uint32_t count);
/* The connection is gone: so is the peer; its session keeps its grace. Not after `close`. */
void hy_peer_lost(hy_peer_t *p);
/* True once a session is open. */
bool hy_peer_is_open(const hy_peer_t *p);
/* RuntimeURL of its session, NULL if there is none. */
hy_str_t *hy_peer_runtime(const hy_peer_t *p);

/* RuntimeURL of the session whose message is being served just now; NULL if it is none's. For
 * connections that are told `ready` meanwhile. */
hy_str_t *hy_node_server_origin(const hy_node_server_t *n);

#endif
