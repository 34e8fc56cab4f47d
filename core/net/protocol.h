/* How messages lie on a stream of bytes. A protocol takes bytes in and gives texts out; it does no
 * I/O, so it is tried and fuzzed without sockets. Two of them: native framing (native.c) and
 * WebSocket with its HTTP handshake (websocket.c).
 *
 *      socket ── input ──► protocol ── text ──► channel
 *      socket ◄─ output ── protocol                        handshake, pongs, close frames
 *      socket ◄─ hy_msg_wire ◄──────────────── channel     messages: framed once, sent to many
 *
 * Messages to be sent do not pass through it: their framed form is made once and kept with the
 * message (hy_msg_wire), so that N connections queue the same bytes. `wire` tells which form. */
#ifndef HY_NET_PROTOCOL_H
#define HY_NET_PROTOCOL_H

#include "../base/buf.h"
#include "../base/random.h"
#include "../bus/message.h"
#include "../node/close.h"

typedef struct hy_protocol hy_protocol_t;

/* Called from inside start, input and close; they must not free the protocol. */
typedef struct {
    /* The handshake is through; messages may be sent. Once, before any text. */
    void (*open)(void *arg);
    /* The text of one message: valid UTF-8 is not promised (hy_msg_parse checks), the length is at
     * most HY_MESSAGE_BYTES_MAX. Lent; add a reference to keep it. */
    void (*text)(void *arg, hy_str_t *text);
    /* Bytes to be written now, before any message that is not written yet; copied by the callee.
     * Of these an input gives at most one pong, whatever it brings; so a bound on what waits (who
     * writes it has one) is met only by who asks and does not read. */
    void (*output)(void *arg, const char *bytes, size_t len);
    /* The other end closed in an orderly way, or what it sent cannot be read. Whatever is to be
     * said to it was output before. No call of input may follow. Once. `reason` is lent. */
    void (*closed)(void *arg, hy_close_code_t code, const char *reason);
    /* Server side of WebSocket only: an HTTP GET (or HEAD) of another path than /ws, without its
     * query. Fills `body` and gives its content type (static), or NULL: 404. May itself be NULL. */
    const char *(*page)(void *arg, const char *path, hy_buf_t *body);
} hy_protocol_events_t;

typedef struct {
    const char *name; /* "native", "websocket" */
    /* Client side: begins the handshake. */
    void (*start)(hy_protocol_t *p);
    /* 0, or HY_ECLOSED once `closed` or close was called (also from inside this call): read no
     * more. What comes after close, like the other end's close frame, need not be read. */
    int (*input)(hy_protocol_t *p, const char *bytes, size_t len);
    /* Says goodbye (output), if the protocol has words for that; nothing is called after it but
     * output. The connection may be closed when all output is written. */
    void (*close)(hy_protocol_t *p, hy_close_code_t code, const char *reason);
    /* Asks for a sign of life, if the protocol can; false if nothing came since the last time. */
    bool (*ping)(hy_protocol_t *p);
    void (*free)(hy_protocol_t *p);
} hy_protocol_ops_t;

/* Embedded first in each protocol's own struct. */
struct hy_protocol {
    const hy_protocol_ops_t *ops;
    hy_wire_t wire; /* the form of the messages that it sends */
    const hy_protocol_events_t *events;
    void *arg;
};

/* Each message is a 4-byte big-endian length and the JSON text (PROTOCOL.md section 3). Both sides
 * are alike; `open` is called by start (client) or at once (server: start too). */
hy_protocol_t *hy_native_new(const hy_protocol_events_t *events, void *arg); /* NULL: no memory */

/* The server's side of RFC 6455 on path /ws. The policy is copied. A plain HTTP request is answered
 * and ends with `closed` (NORMAL) and what was asked and answered; so does what is refused. */
typedef struct {
    /* A browser lets the scripts of any page connect, and tells the page's Origin. If there is one
     * it must be of `origin` (a host; NULL: none; outlives it), or, where the node listens on
     * loopback only, of a server on this machine. */
    bool is_loopback_only;
    const char *origin;
} hy_websocket_policy_t;
hy_protocol_t *hy_websocket_server_new(const hy_protocol_events_t *events, void *arg,
                                       const hy_websocket_policy_t *policy);
/* The client's side. `host` ("127.0.0.1:9090") and `path` ("/ws") are copied; `random` outlives it
 * (key and masks). */
hy_protocol_t *hy_websocket_client_new(const hy_protocol_events_t *events, void *arg,
                                       const char *host, const char *path, hy_random_t *random);

#endif
