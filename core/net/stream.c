/* Life and reading of a connection. Writing is in flush.c, the shared parts in socket.c.
 *
 * The socket is a plain descriptor that libuv watches: so writing can go without SIGPIPE, reading
 * can go into the shared buffer, and an idle connection costs its record and nothing else. */
#include "stream.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/mem.h"
#include "wire.h"

/* --- memory ----------------------------------------------------------------------------------- */

hy_stream_t *hy__stream_new(hy_sockets_t *s, hy_scheme_t scheme, const hy_channel_user_t *user,
                            void *arg) {
    hy_stream_t *c = hy_alloc_zero(sizeof *c);
    if (!c) return NULL;
    c->base = (hy_channel_t){.ops = &hy__stream_ops[scheme], .user = user, .arg = arg};
    c->sockets = s;
    c->fd = -1;
    hy_link_init(&c->dirty);
    hy_due_init(&c->due);
    hy_buf_init(&c->output);
    hy_list_append(&s->streams, &c->link);
    s->stats.connections++;
    return c;
}

static void free_stream(hy_stream_t *c) {
    if (c->protocol) c->protocol->ops->free(c->protocol);
    hy_free(c);
}

static void on_poll_closed(uv_handle_t *handle) {
    free_stream(hy_link_owner(handle, hy_stream_t, poll));
}

/* The user hears nothing any more. */
static void retire(hy_stream_t *c) {
    c->is_ended = true;
    c->sockets->stats.connections--;
    hy_list_remove(&c->dirty);
    hy_due_remove(&c->due);
    hy__dial_free(c->dial);
    c->dial = NULL;
}

static void go(hy_stream_t *c) {
    c->is_gone = true;
    hy__stream_forget(c);
    hy__secure_free(c);
    hy_list_remove(&c->link);
    hy_list_remove(&c->dirty);
    hy_due_remove(&c->due);
    if (c->fd < 0) {
        free_stream(c);
        return;
    }
    uv_close((uv_handle_t *)&c->poll, on_poll_closed);
    close(c->fd);
}

void hy__stream_discard(hy_stream_t *c) {
    if (!c->is_ended) retire(c);
    go(c);
}

/* --- ending ----------------------------------------------------------------------------------- */

/* Ended, but not gone before what is taken is written and the other end has closed too: if we
 * closed with something unread, the kernel would reset the connection and our last words with it.
 */
static void finish(hy_stream_t *c) {
    if (c->fd < 0 || c->is_mute || hy__stream_flush_taken(c) != 0) {
        go(c);
        return;
    }
    bool is_done = !hy__stream_has_taken(c);
    if (is_done && !c->has_shut && c->secure) {
        hy__secure_end(c);
        is_done = !hy__stream_has_taken(c);
    }
    if (is_done && !c->has_shut) {
        shutdown(c->fd, SHUT_WR);
        c->has_shut = true;
    }
    if ((is_done && c->has_eof) ||
        (hy_list_is_empty(&c->due.link) && hy_dues_add(&c->sockets->endings, &c->due) != 0)) {
        go(c);
        return;
    }
    hy__stream_watch(c);
}

void hy__stream_say_last(hy_stream_t *c, hy_msg_t *last) {
    hy_wire_t form = c->protocol->wire;
    hy_str_t *wire = last ? hy_wire_of(last, form, c->sockets->random, NULL) : NULL;
    if (wire) hy__stream_say(c, wire->bytes, wire->len);
}

void hy__stream_end(hy_stream_t *c, hy_close_code_t code, const char *reason, hy_msg_t *last) {
    assert(!c->is_ended);
    if (c->is_open && hy__stream_flush(c) != 0) c->is_mute = true;
    assert(!c->is_ended); /* who is asked for messages while closing does not close again */
    retire(c);
    if (c->fd >= 0 && !c->is_mute) {
        c->protocol->ops->close(c->protocol, code, reason);
        hy__stream_say_last(c, last);
    }
    finish(c);
}

static void tell_closed(hy_stream_t *c, hy_close_code_t code, const char *reason) {
    hy_error_t err;
    if (c->dial) { /* it knows where, and goes now */
        hy_fail(&err, HY_EUNREACHABLE, "cannot connect to %s: %s", hy__dial_where(c->dial), reason);
        reason = err.text;
    }
    retire(c);
    c->base.user->closed(c->base.arg, code, reason);
}

void hy__stream_fail(hy_stream_t *c, hy_close_code_t code, const char *reason) {
    if (c->is_ended) return;
    tell_closed(c, code, reason);
    finish(c);
}

void hy__stream_lose(hy_stream_t *c, const char *reason) {
    if (!c->is_ended) tell_closed(c, HY_CLOSE_LOST, reason);
    go(c);
}

/* --- the protocol ----------------------------------------------------------------------------- */

static void on_open(void *arg) {
    hy_stream_t *c = arg;
    if (c->is_ended) return;
    c->is_open = true;
    hy__dial_free(c->dial);
    c->dial = NULL;
    if (hy_dues_add(&c->sockets->pings, &c->due) != 0) {
        hy__stream_fail(c, HY_CLOSE_INTERNAL, hy_error_text(HY_ENOMEM));
        return;
    }
    hy__stream_mark(c);
    c->base.user->open(c->base.arg);
}

static void on_text(void *arg, hy_str_t *text) {
    hy_stream_t *c = arg;
    if (c->is_ended) return;
    hy_error_t err;
    hy_msg_t *m;
    c->sockets->stats.messages_in++;
    int rc = hy_msg_parse_with(c->sockets->names, text, &m, &err);
    if (rc == 0) {
        c->base.user->message(c->base.arg, m);
        hy_msg_unref(m);
    } else if (rc == HY_ENOMEM) {
        hy__stream_fail(c, HY_CLOSE_INTERNAL, hy_error_text(rc));
    } else {
        c->base.user->malformed(c->base.arg, text, &err);
    }
}

static void on_output(void *arg, const char *bytes, size_t len) {
    hy_stream_t *c = arg;
    if (c->is_gone || c->fd < 0) return;
    if (hy__stream_say(c, bytes, len)) {
        if (!c->is_ended) hy__stream_mark(c);
    } else {
        c->is_mute = true; /* half a frame helps nobody */
        hy__stream_fail(c, HY_CLOSE_POLICY, "it does not read what it asks for");
    }
}

static void on_closed(void *arg, hy_close_code_t code, const char *reason) {
    hy__stream_fail(arg, code, reason);
}

static const char *on_page(void *arg, const char *path, hy_buf_t *body) {
    hy_stream_t *c = arg;
    return c->page && !c->is_ended ? c->page(c->base.arg, path, body) : NULL;
}

const hy_protocol_events_t hy__stream_events = {
    .open = on_open,
    .text = on_text,
    .output = on_output,
    .closed = on_closed,
    .page = on_page,
};

void hy__stream_start(hy_stream_t *c) {
    if (c->secure)
        hy__secure_start(c);
    else
        c->protocol->ops->start(c->protocol);
    if (!c->is_gone) hy__stream_watch(c);
}

/* --- the socket ------------------------------------------------------------------------------- */

static void take_input(hy_stream_t *c, size_t len) {
    hy_sockets_t *s = c->sockets;
    s->stats.bytes_in += len;
    if (c->is_ended) return;
    if (c->secure)
        hy__secure_input(c, len);
    else
        c->protocol->ops->input(c->protocol, s->input, len);
    /* Much is coming in: what it makes others send goes out before more is read. */
    if (len == sizeof s->input) hy_sockets_flush(s);
}

/* True: there was something, and may be more. */
static bool read_once(hy_stream_t *c) {
    ssize_t len = recv(c->fd, c->sockets->input, sizeof c->sockets->input, MSG_DONTWAIT);
    if (len > 0) {
        take_input(c, (size_t)len);
        return !c->is_gone;
    }
    if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return false;
    c->has_eof = true;
    if (len < 0) {
        hy__stream_lose(c, uv_strerror(-errno));
    } else if (c->is_ended) {
        finish(c);
    } else {
        hy__stream_fail(c, HY_CLOSE_LOST,
                        c->secure ? hy__secure_cut(c->secure)
                                  : "the other end closed the connection");
    }
    return false;
}

/* The kernel knows of an error, and libuv watches no more: what came before it is read first. */
static void on_error(hy_stream_t *c) {
    c->watched = 0;
    while (hy__secure_may_read(c) && read_once(c))
        continue;
    if (!c->is_gone) hy__stream_lose(c, "the connection failed");
}

static void on_event(uv_poll_t *poll, int status, int events) {
    hy_stream_t *c = hy_link_owner(poll, hy_stream_t, poll);
    if (status < 0) {
        on_error(c);
        return;
    }
    if (events & UV_WRITABLE) {
        c->is_blocked = false;
        if (c->is_ended) {
            finish(c);
        } else {
            hy__stream_run(c);
        }
    }
    if ((events & UV_READABLE) && !c->is_gone && hy__secure_may_read(c)) read_once(c);
}

void hy__stream_watch(hy_stream_t *c) {
    int events = (c->has_eof ? 0 : UV_READABLE) | (c->is_blocked ? UV_WRITABLE : 0);
    if (events == c->watched || c->is_gone) return;
    c->watched = (uint8_t)events;
    uv_poll_start(&c->poll, events, on_event);
}

int hy__stream_attach(hy_stream_t *c, int fd) {
    int rc = uv_poll_init(hy_loop_uv(c->sockets->loop), &c->poll, fd);
    if (rc == 0) c->fd = fd;
    return rc;
}

/* --- the channel ------------------------------------------------------------------------------ */

static void on_wake(hy_channel_t *base) {
    hy_stream_t *c = hy_link_owner(base, hy_stream_t, base);
    if (c->is_open && !c->is_ended) hy__stream_mark(c);
}

static void on_close(hy_channel_t *base, hy_close_code_t code, const char *reason) {
    hy__stream_end(hy_link_owner(base, hy_stream_t, base), code, reason, NULL);
}

const hy_channel_ops_t hy__stream_ops[HY_SCHEMES] = {
#define X(name, word) {word, true, on_wake, on_close},
    HY_SCHEME_MAP(X)
#undef X
};
