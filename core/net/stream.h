/* A connection: the channel on a socket, for connector.c and gate.c.
 *
 *      dialling ─► handshake(s) ─► open ──► ended ─────────────► gone
 *                                 │           │ writes what it has taken, shuts down,
 *      user ◄── open, message ────┘           │ reads on until the other end is done too,
 *           ◄── closed ◄──────────────────────┘ for HY_CLOSE_MS at most
 *
 * The user hears nothing once it is ended. Socket and protocol live on until it is gone, the memory
 * until libuv has let go of the handle: so whatever a callback of the user does, the function that
 * called it may still look at the record. */
#ifndef HY_NET_STREAM_H
#define HY_NET_STREAM_H

#include <sys/uio.h>
#include <uv.h>

#include "batch.h"
#include "due.h"
#include "protocol.h"
#include "socket.h"
#include "tls.h"
#include "url.h"

typedef struct hy_stream hy_stream_t;
typedef struct hy_secure hy_secure_t; /* what TLS adds to one (secure.c) */

/* What a stream that is being connected owes to its connector (connector.c). */
typedef struct hy_dial hy_dial_t;
void hy__dial_free(hy_dial_t *d);
const char *hy__dial_where(const hy_dial_t *d);

struct hy_sockets {
    hy_loop_t *loop;
    hy_random_t *random;
    const hy_log_t *log;
    hy_names_t *names; /* that came in lately */
    hy_work_t *work;
    hy_link_t streams; /* all that are not gone */
    hy_link_t dirty;   /* to be flushed in this turn */
    hy_dues_t pings, endings;
    hy_sockets_stats_t stats;
    struct iovec parts[HY_WRITE_MESSAGES_MAX + 2]; /* of one write: rest, output, messages */
    hy_tls_room_t *tls_room;                       /* made for the first connection with TLS */
    hy_tls_context_t *tls_client; /* of connectors; made for the first URL of TLS */
    uint32_t tls_steps;           /* of handshakes, in this turn */
    bool is_turn; /* many are flushed: what they have in common may be put together */
    hy_batch_t batch;
    char input[HY_READ_BYTES];
};

struct hy_stream {
    hy_channel_t base; /* first: the user has its address */
    hy_sockets_t *sockets;
    hy_protocol_t *protocol;
    hy_secure_t *secure; /* NULL: no TLS */
    hy_dial_t *dial;     /* NULL once it is open, or if it was accepted */
    const char *(*page)(void *arg, const char *path, hy_buf_t *body); /* with the user's arg */
    hy_link_t link, dirty;
    hy_due_t due;    /* the next ping; once ended: the end of patience */
    hy_str_t *rest;  /* the framed message of which a part is written, and how much */
    hy_buf_t output; /* words of the protocol, before further messages */
    uv_poll_t poll;
    uint32_t rest_at;
    int fd; /* -1: none yet */
    uint8_t watched;
    bool is_open, is_ended, is_gone;
    bool is_blocked;  /* the kernel takes no more for now */
    bool is_mute;     /* nor ever: reading will tell why */
    bool is_flushing; /* messages are being asked for */
    bool has_eof, has_shut;
};

extern const hy_channel_ops_t hy__stream_ops[HY_SCHEMES]; /* by scheme */
extern const hy_protocol_events_t hy__stream_events;      /* with the stream as `arg` */

/* A stream without socket and protocol. NULL: no memory. */
hy_stream_t *hy__stream_new(hy_sockets_t *s, hy_scheme_t scheme, const hy_channel_user_t *user,
                            void *arg);
static inline hy_scheme_t hy__stream_scheme(const hy_stream_t *c) {
    return (hy_scheme_t)(c->base.ops - hy__stream_ops);
}
/* Takes over a connected socket, on success. Nothing is read before the protocol is there. */
int hy__stream_attach(hy_stream_t *c, int fd);
/* Begins the handshake; may call the user. */
void hy__stream_start(hy_stream_t *c);

/* Ends it from this side: a flush, words of the protocol, `last` (NULL: none) after them. */
void hy__stream_end(hy_stream_t *c, hy_close_code_t code, const char *reason, hy_msg_t *last);
/* The same words inside `closed`, where the framing had none of its own to say why; they go if the
 * other end still reads. */
void hy__stream_say_last(hy_stream_t *c, hy_msg_t *last);
/* Ends it and tells the user; what is taken is still written. */
void hy__stream_fail(hy_stream_t *c, hy_close_code_t code, const char *reason);
/* Ends it, tells the user, and wastes no more time on the other end. */
void hy__stream_lose(hy_stream_t *c, const char *reason);
/* Ends it without a word to anybody; for one that nobody has been told of too. */
void hy__stream_discard(hy_stream_t *c);
/* Has libuv tell what it waits for, after that may have changed. */
void hy__stream_watch(hy_stream_t *c);

/* --- writing (flush.c) ------------------------------------------------------------------------ */

/* Has it flushed in this turn. */
void hy__stream_mark(hy_stream_t *c);
/* Writes what goes: 0, or a negative errno. */
int hy__stream_flush(hy_stream_t *c);
/* The same without messages. */
int hy__stream_flush_taken(hy_stream_t *c);
/* Words of the protocol: kept, to be written. False if too much waits already. */
bool hy__stream_say(hy_stream_t *c, const char *bytes, size_t len);
/* Forgets what is taken. */
void hy__stream_forget(hy_stream_t *c);
bool hy__stream_has_taken(const hy_stream_t *c);
/* Flushes one after it was marked; ends it if that cannot be. */
void hy__stream_run(hy_stream_t *c);
/* Sends parts, in order: what is sent, 0 if nothing goes now, or a negative errno. */
ssize_t hy__stream_send(hy_stream_t *c, struct iovec *parts, uint32_t count);

/* --- TLS (secure.c) --------------------------------------------------------------------------- */

/* Makes it one with TLS, before its start; false: no memory. A client's ticket is its place's. */
bool hy__secure_server(hy_stream_t *c, hy_tls_context_t *context);
bool hy__secure_client(hy_stream_t *c, const hy_socket_url_t *url, hy_tls_ticket_t *ticket);
void hy__secure_free(hy_stream_t *c); /* NULL in `secure` allowed */
/* Begins the handshake; the protocol starts when it is through. */
void hy__secure_start(hy_stream_t *c);
/* False: others have their turn first, it is told again that there is something to read. */
bool hy__secure_may_read(hy_stream_t *c);
/* Takes `len` bytes of the shared input. */
void hy__secure_input(hy_stream_t *c, size_t len);
/* True while text can be encrypted: the handshake is through and nothing has failed. */
bool hy__secure_can_write(const hy_secure_t *s);
/* Encrypts as much as goes at a time, and sends it: how much text was taken, 0 if nothing goes now,
 * or a negative errno. What the kernel does not take is kept. */
ssize_t hy__secure_write(hy_stream_t *c, const struct iovec *parts, uint32_t count);
/* Sends what is kept. 0, or a negative errno. */
int hy__secure_ship(hy_stream_t *c);
size_t hy__secure_kept(const hy_secure_t *s);
/* Says, once, that nothing follows. */
void hy__secure_end(hy_stream_t *c);
/* What it means that the socket has come to its end; static. */
const char *hy__secure_cut(const hy_secure_t *s);

#endif
