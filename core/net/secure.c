/* The encrypted way of a stream: between socket and protocol when reading, between flush and socket
 * when writing.
 *
 *      input ─► shake … until it is through ─► the protocol starts
 *            └► read ─► text of a record ─► protocol
 *      parts ─► put together until a record is full ─► encrypted ─► out ─► one send
 *                                                                   └────► kept, if it does not go
 *
 * Text is owed once it is encrypted: what the kernel does not take is kept as ciphertext, of one
 * write at most, and nothing is encrypted while there is some. A part that fills records by itself
 * is encrypted where it lies. Input and buffers are shared and in use for the time of a call only,
 * never while the user is called. */
#include "stream.h"

#include <errno.h>
#include <stdio.h>

#include "../base/mem.h"

#define RECORD_HANDSHAKE 0x16 /* how TLS begins, */
#define RECORD_ALERT     0x15 /* or ends before it has begun */
#define REASON_BYTES     (HY_URL_BYTES_MAX + 64u)

struct hy_secure {
    hy_tls_t *tls;
    hy_buf_t kept; /* ciphertext that the kernel has not taken, from kept_at on */
    size_t kept_at;
    bool is_server;
    bool has_begun;  /* the other end has said something */
    bool is_through; /* the handshake is */
    bool is_over;    /* it failed, or its end was said: nothing is encrypted any more */
};

/* --- life ------------------------------------------------------------------------------------- */

static hy_secure_t *new_secure(hy_sockets_t *s) {
    if (!s->tls_room) s->tls_room = hy_tls_room_new();
    hy_secure_t *secure = s->tls_room ? hy_alloc_zero(sizeof *secure) : NULL;
    if (secure) hy_buf_init(&secure->kept);
    return secure;
}

static bool take(hy_stream_t *c, hy_secure_t *secure, hy_tls_t *tls) {
    if (!tls) {
        hy_free(secure);
        return false;
    }
    secure->tls = tls;
    c->secure = secure;
    return true;
}

bool hy__secure_server(hy_stream_t *c, hy_tls_context_t *context) {
    hy_secure_t *s = new_secure(c->sockets);
    if (!s) return false;
    s->is_server = true;
    return take(c, s, hy_tls_server_open(context, c->sockets->tls_room));
}

bool hy__secure_client(hy_stream_t *c, const hy_socket_url_t *url, hy_tls_ticket_t *ticket) {
    hy_secure_t *s = new_secure(c->sockets);
    if (!s) return false;
    hy_tls_context_t *context = c->sockets->tls_client;
    hy_tls_room_t *room = c->sockets->tls_room;
    return take(c, s, hy_tls_client_open(context, room, url->host, url->port, ticket));
}

void hy__secure_free(hy_stream_t *c) {
    hy_secure_t *s = c->secure;
    if (!s) return;
    c->secure = NULL;
    c->sockets->stats.pending_bytes -= hy__secure_kept(s);
    hy_tls_free(s->tls);
    hy_buf_deinit(&s->kept);
    hy_free(s);
}

bool hy__secure_can_write(const hy_secure_t *s) {
    return s->is_through && !s->is_over;
}

size_t hy__secure_kept(const hy_secure_t *s) {
    return s->kept.len - s->kept_at;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Keeps what is left of `out`; 0, or a negative errno. */
static int keep(hy_stream_t *c, const char *bytes, size_t len) {
    hy_secure_t *s = c->secure;
    if (len > HY_TLS_OUT_BYTES - hy__secure_kept(s)) return -ENOBUFS;
    if (s->kept_at > 0) {
        s->kept.len -= s->kept_at;
        memmove(s->kept.bytes, s->kept.bytes + s->kept_at, s->kept.len);
        s->kept_at = 0;
    }
    hy_buf_add(&s->kept, bytes, len);
    if (s->kept.failed) return -ENOMEM;
    c->sockets->stats.pending_bytes += len;
    return 0;
}

/* Of what was kept `sent` bytes are gone; an idle connection keeps no buffer. */
static void settle(hy_stream_t *c, size_t sent) {
    hy_secure_t *s = c->secure;
    c->sockets->stats.pending_bytes -= sent;
    s->kept_at += sent;
    if (s->kept_at < s->kept.len) return;
    hy_buf_deinit(&s->kept);
    hy_buf_init(&s->kept);
    s->kept_at = 0;
}

int hy__secure_ship(hy_stream_t *c) {
    hy_secure_t *s = c->secure;
    hy_tls_room_t *room = c->sockets->tls_room;
    size_t kept = hy__secure_kept(s), out = room->out_len;
    if (kept + out == 0) return 0;
    room->out_len = 0;
    ssize_t sent = 0;
    if (!c->is_blocked) {
        struct iovec parts[2];
        uint32_t n = 0;
        if (kept) parts[n++] = (struct iovec){s->kept.bytes + s->kept_at, kept};
        if (out) parts[n++] = (struct iovec){room->out, out};
        sent = hy__stream_send(c, parts, n);
        if (sent < 0) return (int)sent;
        c->is_blocked = (size_t)sent < kept + out;
    }
    size_t of_kept = (size_t)sent < kept ? (size_t)sent : kept, of_out = (size_t)sent - of_kept;
    if (of_kept) settle(c, of_kept);
    return of_out < out ? keep(c, room->out + of_out, out - of_out) : 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Text on its way into records. */
typedef struct {
    hy_tls_t *tls;
    char *record; /* being filled */
    size_t filled, taken;
    int rc;
} filling_t;

static void encrypt(filling_t *f, const char *bytes, size_t len) {
    if (f->rc == 0) f->rc = hy_tls_write(f->tls, bytes, len);
}

static void fill(filling_t *f, const char *bytes, size_t len) {
    f->taken += len;
    while (len > 0) {
        size_t part = len - len % HY_TLS_RECORD_BYTES;
        if (f->filled == 0 && part > 0) {
            encrypt(f, bytes, part);
        } else {
            size_t left = HY_TLS_RECORD_BYTES - f->filled;
            part = len < left ? len : left;
            memcpy(f->record + f->filled, bytes, part);
            f->filled += part;
            if (f->filled == HY_TLS_RECORD_BYTES) {
                encrypt(f, f->record, f->filled);
                f->filled = 0;
            }
        }
        bytes += part;
        len -= part;
    }
}

/* One alone needs no filling: it is as full as it can be. */
static void take_parts(filling_t *f, const struct iovec *parts, uint32_t count) {
    if (count == 1) {
        f->taken = parts->iov_len < HY_TLS_WRITE_BYTES ? parts->iov_len : HY_TLS_WRITE_BYTES;
        encrypt(f, parts->iov_base, f->taken);
        return;
    }
    for (; count > 0 && f->taken < HY_TLS_WRITE_BYTES; parts++, count--) {
        size_t left = HY_TLS_WRITE_BYTES - f->taken;
        fill(f, parts->iov_base, parts->iov_len < left ? parts->iov_len : left);
    }
    if (f->filled > 0) encrypt(f, f->record, f->filled);
}

ssize_t hy__secure_write(hy_stream_t *c, const struct iovec *parts, uint32_t count) {
    hy_secure_t *s = c->secure;
    if (!hy__secure_can_write(s)) return -EPIPE;
    int rc = hy__secure_ship(c);
    if (rc || c->is_blocked) return rc;
    filling_t f = {.tls = s->tls, .record = c->sockets->tls_room->record};
    take_parts(&f, parts, count);
    if (f.rc) {
        s->is_over = true;
        c->sockets->tls_room->out_len = 0;
        return f.rc == HY_ENOMEM ? -ENOMEM : -EPROTO;
    }
    rc = hy__secure_ship(c);
    return rc ? rc : (ssize_t)f.taken;
}

/* --- ends ------------------------------------------------------------------------------------- */

void hy__secure_end(hy_stream_t *c) {
    hy_secure_t *s = c->secure;
    if (!hy__secure_can_write(s)) return;
    s->is_over = true;
    hy_tls_end(s->tls);
    if (hy__secure_ship(c) != 0) c->is_mute = true;
}

const char *hy__secure_cut(const hy_secure_t *s) {
    if (!s->is_through) return "the other end closed the connection within the TLS handshake";
    return "the connection was cut off: the other end did not end TLS before";
}

/* What OpenSSL says to the other end is sent; text that waits is for nobody any more. */
static void fail(hy_stream_t *c, hy_close_code_t code, const char *reason) {
    c->secure->is_over = true;
    hy__stream_forget(c);
    hy__stream_fail(c, code, reason);
}

/* True if it goes on. When the other end has gone, reading finds the end. */
static bool ship(hy_stream_t *c) {
    int rc = hy__secure_ship(c);
    if (rc == 0 || rc == -EPIPE || rc == -ECONNRESET) return true;
    if (rc == -ENOBUFS)
        fail(c, HY_CLOSE_POLICY, "it does not read what it asks for");
    else if (rc == -ENOMEM)
        fail(c, HY_CLOSE_INTERNAL, hy_error_text(HY_ENOMEM));
    else
        hy__stream_lose(c, uv_strerror(rc));
    return false;
}

/* --- handshakes ------------------------------------------------------------------------------- */

/* The other end does not speak TLS: it is told, in what it speaks. */
static void answer_plain(hy_stream_t *c) {
    const char *reason = hy__stream_scheme(c) == HY_SCHEME_WSS
                             ? "TLS is spoken here: write wss:// instead of ws://"
                             : "TLS is spoken here: write tls:// instead of tcp://";
    hy__secure_free(c);
    c->protocol->ops->close(c->protocol, HY_CLOSE_PROTOCOL, reason);
    hy__stream_fail(c, HY_CLOSE_PROTOCOL, reason);
}

static void tell_plain(hy_stream_t *c) {
    char reason[REASON_BYTES];
    bool is_ws = hy__stream_scheme(c) == HY_SCHEME_WSS;
    const char *rest = c->dial ? strstr(hy__dial_where(c->dial), "://") : NULL;
    snprintf(reason, sizeof reason, "TLS is not spoken there: write %s%s", is_ws ? "ws" : "tcp",
             rest ? rest : "://…");
    fail(c, HY_CLOSE_PROTOCOL, reason);
}

/* True if it was all that there is to do with this input: the first byte is not that of TLS. */
static bool is_foreign(hy_stream_t *c, const char *input) {
    hy_secure_t *s = c->secure;
    if (s->has_begun) return false;
    s->has_begun = true;
    if (*input == RECORD_HANDSHAKE || *input == RECORD_ALERT) return false;
    if (s->is_server)
        answer_plain(c);
    else
        tell_plain(c);
    return true;
}

/* True if it is through now, and the protocol has begun. */
static bool shake(hy_stream_t *c) {
    hy_error_t err;
    int rc = hy_tls_shake(c->secure->tls, &err);
    if (!ship(c)) return false;
    if (rc < 0) {
        fail(c, rc == HY_ENOMEM ? HY_CLOSE_INTERNAL : HY_CLOSE_PROTOCOL, err.text);
        return false;
    }
    if (rc == 0) return false;
    c->secure->is_through = true;
    if (hy_tls_is_resumed(c->secure->tls))
        c->sockets->stats.tls_resumed++;
    else
        c->sockets->stats.tls_full++;
    c->protocol->ops->start(c->protocol);
    return !c->is_ended;
}

void hy__secure_start(hy_stream_t *c) {
    if (!c->secure->is_server) shake(c);
}

bool hy__secure_may_read(hy_stream_t *c) {
    hy_secure_t *s = c->secure;
    hy_sockets_t *all = c->sockets;
    if (!s || !s->is_server || s->is_through || c->is_ended) return true;
    hy_work_wake(all->work); /* the next turn comes, and counts anew */
    if (all->tls_steps == HY_TLS_HANDSHAKES_PER_TURN) return false;
    all->tls_steps++;
    return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* One record at most; true if it goes on. */
static bool read_record(hy_stream_t *c) {
    hy_error_t err;
    int len = hy_tls_read(c->secure->tls, &err);
    if (!ship(c)) return false;
    if (len == HY_ECLOSED) {
        hy__stream_fail(c, HY_CLOSE_LOST, "the other end closed the connection");
        return false;
    }
    if (len < 0) {
        fail(c, len == HY_ENOMEM ? HY_CLOSE_INTERNAL : HY_CLOSE_PROTOCOL, err.text);
        return false;
    }
    if (len > 0) c->protocol->ops->input(c->protocol, c->sockets->tls_room->text, (size_t)len);
    return !c->is_ended;
}

void hy__secure_input(hy_stream_t *c, size_t len) {
    hy_secure_t *s = c->secure;
    const char *input = c->sockets->input;
    if (s->is_over || is_foreign(c, input)) return;
    hy_tls_feed(s->tls, input, len);
    if (!s->is_through && !shake(c)) return;
    while (hy_tls_is_fed(s->tls) && read_record(c))
        continue;
}
