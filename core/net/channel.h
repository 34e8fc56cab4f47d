/* A channel carries messages both ways, in order, until it is closed. A stub (stub.h) has one to
 * its node; a gate (gate.h) has one for each runtime that came in.
 *
 *      stub ⇄ channel ── memory, simulated network, or socket ── channel ⇄ peer of the node
 *
 * Sending is pulled: its user keeps what is to be sent and wakes the channel, which looks at it
 * (peek), writes as much as goes at once, and says how many messages are done (consume). So what
 * has not reached the kernel can still be purged or replaced by who owns it, and a slow reader
 * costs its own queue only. */
#ifndef HY_NET_CHANNEL_H
#define HY_NET_CHANNEL_H

#include "../bus/message.h"
#include "../node/close.h"

typedef struct hy_channel hy_channel_t;

/* What a channel calls. After `closed`, and after hy_channel_close, nothing is called any more. Any
 * of these may close the channel. */
typedef struct {
    /* It stands: messages may flow. Once; it may come inside `connect`, with *out set already. */
    void (*open)(void *arg);
    void (*message)(void *arg, hy_msg_t *m); /* lent */
    /* What came is no message; `text` as it was, lent. */
    void (*malformed)(void *arg, hy_str_t *text, const hy_error_t *err);
    /* The messages to be sent, oldest first: as many of them as lie in one piece; 0: none, and it
     * will be woken. Lent until the next call into the user. */
    uint32_t (*peek)(void *arg, hy_msg_t *const **list);
    /* That many of them are written, or copied. */
    void (*consume)(void *arg, uint32_t count);
    /* It is closed, or never came to stand. `reason` is for people, lent. Once, the last call. */
    void (*closed)(void *arg, hy_close_code_t code, const char *reason);
} hy_channel_user_t;

typedef struct {
    const char *name; /* "tcp", "unix", "ws", "memory", "network" */
    bool is_text;     /* messages travel as text, and so must fit into a message */
    void (*wake)(hy_channel_t *c);
    void (*close)(hy_channel_t *c, hy_close_code_t code, const char *reason);
} hy_channel_ops_t;

/* Embedded first in each backend's own struct. */
struct hy_channel {
    const hy_channel_ops_t *ops;
    const hy_channel_user_t *user;
    void *arg;
};

/* There is something to peek at. Harmless if there is not, or again. */
static inline void hy_channel_wake(hy_channel_t *c) {
    c->ops->wake(c);
}
/* Sends what peek gives if that goes at once, says why (where the transport can), and closes. The
 * channel is gone for the caller; its memory goes by itself. Never NULL. HY_CLOSE_LOST: as if the
 * process had been killed; nothing more is sent. */
static inline void hy_channel_close(hy_channel_t *c, hy_close_code_t code, const char *reason) {
    c->ops->close(c, code, reason);
}

/* Where a stub gets a channel from, each time it tries. */
typedef struct hy_connector hy_connector_t;
struct hy_connector {
    /* Begins to connect. Either fails at once (nothing will be called, `err` says what and where),
     * or gives a channel that will call `open` or `closed`; `closed` not before it has returned. */
    int (*connect)(hy_connector_t *k, const hy_channel_user_t *user, void *arg, hy_channel_t **out,
                   hy_error_t *err);
    /* Where the last try went, for people: "ws://127.0.0.1:9090/ws". Lent. */
    const char *(*where)(const hy_connector_t *k);
    void (*free)(hy_connector_t *k);
};

#endif
