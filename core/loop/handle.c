/* Signals and file descriptors on the loop. A record embeds its libuv handle, so its memory goes in
 * the handle's close callback; it is in a list of its loop until then, so that a closing loop finds
 * what is left. */
#include <assert.h>

#include "../base/error.h"
#include "../base/mem.h"
#include "loop_private.h"

struct hy_signal {
    uv_signal_t uv; /* first: libuv hands this back */
    hy_link_t link;
    hy_signal_cb cb;
    void *arg;
};

struct hy_poll {
    uv_poll_t uv; /* first: libuv hands this back */
    hy_link_t link;
    hy_poll_cb cb;
    hy_closed_cb closed;
    void *arg;
};

_Static_assert((int)HY_POLL_READABLE == (int)UV_READABLE, "events are passed through");
_Static_assert((int)HY_POLL_WRITABLE == (int)UV_WRITABLE, "events are passed through");

/* --- signals ---------------------------------------------------------------------------------- */

static void on_signal(uv_signal_t *handle, int signum) {
    hy_signal_t *s = (hy_signal_t *)handle;
    s->cb(s->arg, signum);
}

static void on_signal_closed(uv_handle_t *handle) {
    hy_free((hy_signal_t *)handle);
}

int hy_loop_signal(hy_loop_t *loop, int signum, hy_signal_cb cb, void *arg, hy_signal_t **out) {
    hy_signal_t *s = hy_alloc_zero(sizeof *s);
    if (!s) return HY_ENOMEM;
    int code = uv_signal_init(&loop->uv, &s->uv);
    if (code < 0) {
        hy_free(s);
        return code;
    }
    s->cb = cb;
    s->arg = arg;
    hy_list_append(&loop->signals, &s->link);
    code = uv_signal_start(&s->uv, on_signal, signum);
    if (code < 0) {
        hy_signal_close(s);
        return code;
    }
    *out = s;
    return 0;
}

void hy_signal_close(hy_signal_t *s) {
    if (!s) return;
    hy_list_remove(&s->link);
    uv_close((uv_handle_t *)&s->uv, on_signal_closed);
}

void hy__loop_close_signals(hy_loop_t *loop) {
    while (!hy_list_is_empty(&loop->signals))
        hy_signal_close(hy_link_owner(loop->signals.next, hy_signal_t, link));
}

/* --- file descriptors ------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *handle, int status, int events) {
    hy_poll_t *p = (hy_poll_t *)handle;
    p->cb(p->arg, status < 0 ? status : events);
}

static void on_poll_closed(uv_handle_t *handle) {
    hy_poll_t *p = (hy_poll_t *)handle;
    if (p->closed) p->closed(p->arg);
    hy_free(p);
}

int hy_poll_open(hy_loop_t *loop, int fd, hy_poll_cb cb, void *arg, hy_poll_t **out) {
    hy_poll_t *p = hy_alloc_zero(sizeof *p);
    if (!p) return HY_ENOMEM;
    int code = uv_poll_init(&loop->uv, &p->uv, fd);
    if (code < 0) {
        hy_free(p);
        return code;
    }
    p->cb = cb;
    p->arg = arg;
    hy_list_append(&loop->polls, &p->link);
    *out = p;
    return 0;
}

int hy_poll_watch(hy_poll_t *p, int events) {
    return events ? uv_poll_start(&p->uv, events, on_poll) : uv_poll_stop(&p->uv);
}

void hy_poll_close(hy_poll_t *p, hy_closed_cb closed) {
    if (!p) return;
    p->closed = closed;
    hy_list_remove(&p->link);
    uv_close((uv_handle_t *)&p->uv, on_poll_closed);
}

void hy__loop_close_polls(hy_loop_t *loop) {
    while (!hy_list_is_empty(&loop->polls))
        hy_poll_close(hy_link_owner(loop->polls.next, hy_poll_t, link), NULL);
}
