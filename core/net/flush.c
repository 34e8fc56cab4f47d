/* Writing. All that a stream has to write goes into one sendmsg, or into secure.c and from there:
 *
 *      parts   [ rest of a message │ words of the protocol │ message │ message │ … ]
 *                \___________ taken ___________________/     \____ the user's _____/
 *
 * A message is taken once its first byte is written: from then on its bytes are owed. All others
 * stay the user's. In the common case everything is written and nothing is kept, copied or counted
 * up: a delivery is one entry of the vector. */
#include "stream.h"

#include <errno.h>
#include <sys/socket.h>

#include "../base/mem.h"
#include "wire.h"

/* --- what is taken ---------------------------------------------------------------------------- */

bool hy__stream_say(hy_stream_t *c, const char *bytes, size_t len) {
    if (c->secure && !hy__secure_can_write(c->secure)) return true; /* to nobody */
    if (len > HY_OUTPUT_BYTES_MAX - c->output.len) return false;
    hy_buf_add(&c->output, bytes, len);
    if (c->output.failed) return false;
    c->sockets->stats.pending_bytes += len;
    return true;
}

bool hy__stream_has_taken(const hy_stream_t *c) {
    return c->rest || c->output.len > 0 || (c->secure && hy__secure_kept(c->secure) > 0);
}

void hy__stream_forget(hy_stream_t *c) {
    if (c->rest) c->sockets->stats.pending_bytes -= c->rest->len - c->rest_at;
    c->sockets->stats.pending_bytes -= c->output.len;
    hy_str_unref(c->rest);
    c->rest = NULL;
    hy_buf_deinit(&c->output);
    hy_buf_init(&c->output);
}

static uint32_t add_taken(const hy_stream_t *c, struct iovec *parts, size_t *bytes) {
    uint32_t n = 0;
    if (c->rest) {
        parts[n].iov_base = c->rest->bytes + c->rest_at;
        *bytes += parts[n++].iov_len = c->rest->len - c->rest_at;
    }
    if (c->output.len) {
        parts[n].iov_base = c->output.bytes;
        *bytes += parts[n++].iov_len = c->output.len;
    }
    return n;
}

/* Takes away what is written of it; gives what was written beyond. */
static size_t settle_taken(hy_stream_t *c, size_t sent) {
    hy_sockets_stats_t *stats = &c->sockets->stats;
    if (c->rest) {
        size_t left = c->rest->len - c->rest_at;
        size_t part = sent < left ? sent : left;
        stats->pending_bytes -= part;
        c->rest_at += (uint32_t)part;
        sent -= part;
        if (part == left) {
            hy_str_unref(c->rest);
            c->rest = NULL;
        }
    }
    if (sent && c->output.len) {
        size_t part = sent < c->output.len ? sent : c->output.len;
        stats->pending_bytes -= part;
        c->output.len -= part;
        sent -= part;
        if (c->output.len) {
            memmove(c->output.bytes, c->output.bytes + part, c->output.len);
        } else {
            hy_buf_deinit(&c->output); /* an idle connection keeps no buffer */
            hy_buf_init(&c->output);
        }
    }
    return sent;
}

ssize_t hy__stream_send(hy_stream_t *c, struct iovec *parts, uint32_t count) {
    struct msghdr head = {.msg_iov = parts, .msg_iovlen = count};
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    ssize_t sent;
    do { /* one piece alone is cheaper without a vector */
        sent = count == 1 ? send(c->fd, parts[0].iov_base, parts[0].iov_len, flags)
                          : sendmsg(c->fd, &head, flags);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) sent = 0;
    if (sent < 0) return -errno;
    c->sockets->stats.bytes_out += (uint64_t)sent;
    return sent;
}

/* Gives what is written, 0 if nothing goes now, or a negative errno. */
static ssize_t write_parts(hy_stream_t *c, uint32_t count, size_t bytes) {
    if (c->secure) return hy__secure_write(c, c->sockets->parts, count);
    ssize_t sent = hy__stream_send(c, c->sockets->parts, count);
    if (sent >= 0) c->is_blocked = (size_t)sent < bytes;
    return sent;
}

int hy__stream_flush_taken(hy_stream_t *c) {
    int rc = c->secure ? hy__secure_ship(c) : 0;
    if (rc) return rc;
    while (c->rest || c->output.len > 0) {
        if (c->is_blocked) return 0;
        size_t bytes = 0;
        uint32_t count = add_taken(c, c->sockets->parts, &bytes);
        ssize_t sent = write_parts(c, count, bytes);
        if (sent < 0) return (int)sent;
        settle_taken(c, (size_t)sent);
    }
    return 0;
}

/* --- messages --------------------------------------------------------------------------------- */

/* The framed messages from the front of the list as parts. Fewer than `count` if one cannot be
 * framed: then `rc` says why. */
static uint32_t add_messages(hy_stream_t *c, hy_msg_t *const *list, uint32_t count,
                             struct iovec *parts, size_t *bytes, int *rc) {
    hy_wire_t form = c->protocol->wire;
    size_t sum = 0;
    uint32_t i = 0;
    for (; i < count; i++) {
        hy_str_t *wire = list[i]->wire[form];
        if (!wire) {
            hy_error_t err = {0};
            wire = hy_wire_of(list[i], form, c->sockets->random, &err);
            if (!wire) {
                *rc = err.code ? err.code : HY_ENOMEM;
                break;
            }
        }
        parts[i].iov_base = wire->bytes;
        parts[i].iov_len = wire->len;
        sum += wire->len;
    }
    *bytes += sum;
    return i;
}

/* The same as one part, if other connections have the same messages to write. */
static uint32_t add_batch(hy_stream_t *c, hy_msg_t *const *list, uint32_t count, struct iovec *part,
                          size_t *bytes) {
    hy_sockets_t *s = c->sockets;
    uint32_t n =
        s->is_turn ? hy_batch_find(&s->batch, list, count, c->protocol->wire, s->random) : 0;
    if (n == 0) return 0;
    part->iov_base = s->batch.bytes;
    *bytes += part->iov_len = s->batch.ends[n - 1];
    return n;
}

/* Of `sent` bytes of these messages: how many are done with. One that is written in part is kept
 * as the rest. */
static uint32_t settle_messages(hy_stream_t *c, hy_msg_t *const *list, uint32_t count,
                                size_t sent) {
    hy_wire_t form = c->protocol->wire;
    uint32_t done = 0;
    while (done < count && sent >= list[done]->wire[form]->len)
        sent -= list[done++]->wire[form]->len;
    if (sent == 0) return done;
    c->rest = hy_str_ref(list[done]->wire[form]);
    c->rest_at = (uint32_t)sent;
    c->sockets->stats.pending_bytes += c->rest->len - sent;
    return done + 1;
}

static void consume(hy_stream_t *c, uint32_t count) {
    c->sockets->stats.messages_out += count;
    c->base.user->consume(c->base.arg, count);
}

/* The first message cannot be made into bytes. */
static int skip_first(hy_stream_t *c, const hy_msg_t *m, int rc) {
    if (rc == HY_ENOMEM) return -ENOMEM;
    hy_log(c->sockets->log, HY_LOG_WARN, c->base.ops->name, "%s from %s to %s dropped: %s",
           hy_msg_type_text(m->type), m->from->bytes, m->to->bytes, hy_error_text(rc));
    c->base.user->consume(c->base.arg, 1);
    return 0;
}

/* One round of asking and writing. 1: there may be more. */
static int flush_once(hy_stream_t *c) {
    const hy_channel_user_t *user = c->base.user;
    hy_msg_t *const *list = NULL;
    uint32_t count = c->is_open ? user->peek(c->base.arg, &list) : 0;
    if (c->is_ended || (count == 0 && !hy__stream_has_taken(c))) return 0;
    if (count > HY_WRITE_MESSAGES_MAX) count = HY_WRITE_MESSAGES_MAX;

    struct iovec *parts = c->sockets->parts;
    size_t bytes = 0;
    int rc = 0;
    uint32_t taken = add_taken(c, parts, &bytes), used = taken;
    uint32_t ready = add_batch(c, list, count, parts + taken, &bytes);
    if (ready) {
        used++;
    } else {
        ready = add_messages(c, list, count, parts + taken, &bytes, &rc);
        used += ready;
    }
    if (bytes == 0) {
        rc = skip_first(c, list[0], rc);
        return rc ? rc : 1;
    }
    ssize_t sent = write_parts(c, used, bytes);
    if (sent < 0) return (int)sent;
    if (sent == 0) return 0;
    uint32_t done = ready;
    bool is_part = (size_t)sent < bytes;
    if (taken || is_part) {
        size_t beyond = settle_taken(c, (size_t)sent);
        done = is_part ? settle_messages(c, list, ready, beyond) : ready;
    }
    if (done) consume(c, done);
    return !c->is_blocked;
}

int hy__stream_flush(hy_stream_t *c) {
    if (c->is_flushing || c->is_mute) return 0;
    c->is_flushing = true;
    int more = c->secure ? hy__secure_ship(c) : 0;
    if (more == 0) more = 1;
    while (more > 0 && !c->is_blocked && !c->is_ended)
        more = flush_once(c);
    c->is_flushing = false;
    return more < 0 ? more : 0;
}

/* --- turns ------------------------------------------------------------------------------------ */

void hy__stream_mark(hy_stream_t *c) {
    if (c->dirty.next != &c->dirty || c->is_blocked) return;
    hy_list_append(&c->sockets->dirty, &c->dirty);
    hy_work_wake(c->sockets->work);
}

/* When the other end has gone, its last words may still wait to be read: reading finds the end. */
void hy__stream_run(hy_stream_t *c) {
    int rc = hy__stream_flush(c);
    if (c->is_ended) return;
    if (rc == -EPIPE || rc == -ECONNRESET) {
        c->is_mute = true;
        c->is_blocked = false;
    } else if (rc == -ENOMEM) {
        hy__stream_fail(c, HY_CLOSE_INTERNAL, hy_error_text(HY_ENOMEM));
        return;
    } else if (rc) {
        hy__stream_lose(c, uv_strerror(rc));
        return;
    }
    hy__stream_watch(c);
}
