/* Connecting: from a URL to a stream whose handshake is through.
 *
 *      name ─ looked up ─► addresses ─ one after the other ─► socket ─ handed on ─► handshake
 *      \____________________________ a dial, HY_CONNECT_MS ___________________________________/
 *
 * A dial belongs to its stream and goes with the end of the handshake; only a look-up that is under
 * way keeps its memory until libuv gives it back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/mem.h"
#include "endpoint.h"
#include "stream.h"

struct hy_dial {
    hy_stream_t *stream; /* NULL: given up, the look-up is still under way */
    hy_str_t *where;
    uv_getaddrinfo_t request;
    bool is_looking_up;
    struct addrinfo *found, *next;
    hy_poll_t *poll; /* of the socket that is connecting */
    int fd;          /* -1: none */
    hy_timer_t timer;
};

typedef struct {
    hy_connector_t base; /* first */
    hy_sockets_t *sockets;
    uint32_t count, next, last;
    struct {
        hy_str_t *text;
        hy_socket_url_t url;
        hy_tls_ticket_t *ticket; /* NULL: no TLS */
    } places[];
} connector_t;

/* --- dials ------------------------------------------------------------------------------------ */

static hy_loop_t *loop_of(const hy_dial_t *d) {
    return d->stream->sockets->loop;
}

const char *hy__dial_where(const hy_dial_t *d) {
    return d->where->bytes;
}

static void end_attempt(hy_dial_t *d) {
    hy_poll_close(d->poll, NULL);
    d->poll = NULL;
    if (d->fd >= 0) close(d->fd);
    d->fd = -1;
}

static void free_dial(hy_dial_t *d) {
    uv_freeaddrinfo(d->found);
    hy_str_unref(d->where);
    hy_free(d);
}

void hy__dial_free(hy_dial_t *d) {
    if (!d) return;
    end_attempt(d);
    hy_timer_stop(hy_loop_clock(loop_of(d)), &d->timer);
    d->stream = NULL;
    if (d->is_looking_up) {
        uv_cancel((uv_req_t *)&d->request);
        return;
    }
    free_dial(d);
}

static void on_late(void *arg) {
    hy_dial_t *d = arg;
    char reason[64];
    snprintf(reason, sizeof reason, "no answer within %u s", HY_CONNECT_MS / 1000);
    hy__stream_lose(d->stream, reason);
}

static hy_dial_t *new_dial(hy_stream_t *stream, hy_str_t *where) {
    hy_dial_t *d = hy_alloc_zero(sizeof *d);
    if (!d) return NULL;
    d->stream = stream;
    d->where = hy_str_ref(where);
    d->fd = -1;
    hy_timer_init(&d->timer, on_late, d);
    if (hy_timer_start(hy_loop_clock(loop_of(d)), &d->timer, HY_CONNECT_MS) == 0) return d;
    free_dial(d);
    return NULL;
}

/* --- sockets ---------------------------------------------------------------------------------- */

static void on_connecting(void *arg, int events);

/* Begins with one address; 0 or a negative errno. */
static int attempt(hy_dial_t *d, const struct sockaddr *address, socklen_t len) {
    int fd = hy__endpoint_socket(address), rc;
    if (fd < 0) return fd;
    d->fd = fd;
    hy__endpoint_tune(fd, address->sa_family);
    do {
        rc = connect(fd, address, len) == 0 ? 0 : -errno;
    } while (rc == -EINTR);
    if (rc == -EINPROGRESS) rc = 0;
    if (!rc) rc = hy_poll_open(loop_of(d), fd, on_connecting, d, &d->poll);
    if (!rc) rc = hy_poll_watch(d->poll, HY_POLL_WRITABLE);
    if (rc) end_attempt(d);
    return rc;
}

/* Goes on with what is left of the addresses; `rc` is why the last one failed. The dial may be gone
 * after this. */
static void attempt_next(hy_dial_t *d, int rc) {
    while (d->next) {
        const struct addrinfo *a = d->next;
        d->next = a->ai_next;
        rc = attempt(d, a->ai_addr, a->ai_addrlen);
        if (rc == 0) return;
    }
    hy__stream_fail(d->stream, HY_CLOSE_LOST, hy_loop_error_text(rc));
}

static void hand_on(hy_dial_t *d) {
    int fd = d->fd;
    hy_poll_close(d->poll, NULL);
    d->poll = NULL;
    int rc = hy__stream_attach(d->stream, fd);
    if (rc) {
        end_attempt(d);
        attempt_next(d, rc);
        return;
    }
    d->fd = -1;
    hy__stream_start(d->stream);
}

static void on_connecting(void *arg, int events) {
    hy_dial_t *d = arg;
    int code = 0;
    socklen_t len = sizeof code;
    (void)events; /* an error is told there without its name */
    if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0) code = errno;
    if (code == 0) {
        hand_on(d);
        return;
    }
    end_attempt(d);
    attempt_next(d, -code);
}

/* --- names ------------------------------------------------------------------------------------ */

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
    hy_dial_t *d = hy_link_owner(request, hy_dial_t, request);
    d->is_looking_up = false;
    d->found = d->next = found;
    if (!d->stream) {
        free_dial(d);
        return;
    }
    attempt_next(d, status ? status : UV_EAI_NONAME);
}

static int look_up(hy_dial_t *d, const hy_socket_url_t *url) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char port[8];
    snprintf(port, sizeof port, "%d", url->port);
    int rc = uv_getaddrinfo(hy_loop_uv(loop_of(d)), &d->request, on_found, url->host, port, &hints);
    d->is_looking_up = rc == 0;
    return rc;
}

/* --- the connector ---------------------------------------------------------------------------- */

static hy_protocol_t *new_protocol(hy_stream_t *c, const hy_socket_url_t *url) {
    if (!hy_socket_url_is_ws(url)) return hy_native_new(&hy__stream_events, c);
    char host[sizeof url->host + 16];
    bool is_v6 = strchr(url->host, ':') != NULL;
    snprintf(host, sizeof host, is_v6 ? "[%s]:%d" : "%s:%d", url->host, url->port);
    return hy_websocket_client_new(&hy__stream_events, c, host, url->path, c->sockets->random);
}

/* `ticket` NULL: no TLS. */
static int begin(hy_stream_t *c, hy_str_t *where, const hy_socket_url_t *url,
                 hy_tls_ticket_t *ticket) {
    hy_endpoint_t e;
    if (ticket && !hy__secure_client(c, url, ticket)) return HY_ENOMEM;
    c->protocol = new_protocol(c, url);
    c->dial = c->protocol ? new_dial(c, where) : NULL;
    if (!c->dial) return HY_ENOMEM;
    if (!hy__endpoint_of(url, &e)) return look_up(c->dial, url);
    return attempt(c->dial, (const struct sockaddr *)&e.address, e.len);
}

static int connector_connect(hy_connector_t *base, const hy_channel_user_t *user, void *arg,
                             hy_channel_t **out, hy_error_t *err) {
    connector_t *k = (connector_t *)base;
    k->last = k->next;
    k->next = (k->next + 1) % k->count;
    hy_str_t *where = k->places[k->last].text;
    const hy_socket_url_t *url = &k->places[k->last].url;
    hy_stream_t *c = hy__stream_new(k->sockets, url->scheme, user, arg);
    int rc = c ? begin(c, where, url, k->places[k->last].ticket) : HY_ENOMEM;
    if (rc == 0) {
        *out = &c->base;
        return 0;
    }
    if (c) hy__stream_discard(c);
    return hy_fail(err, rc, "cannot connect to %s: %s", where->bytes, hy_loop_error_text(rc));
}

static const char *connector_where(const hy_connector_t *base) {
    const connector_t *k = (const connector_t *)base;
    return k->places[k->last].text->bytes;
}

static void connector_free(hy_connector_t *base) {
    connector_t *k = (connector_t *)base;
    for (uint32_t i = 0; i < k->count; i++) {
        hy_str_unref(k->places[i].text);
        hy_tls_ticket_unref(k->places[i].ticket);
    }
    hy_free(k);
}

/* For the place that is being added. */
static int add_ticket(connector_t *k, hy_error_t *err) {
    const hy_tls_files_t usual = {0};
    int rc = k->sockets->tls_client ? 0 : hy_sockets_set_tls(k->sockets, &usual, err);
    if (rc) return rc;
    k->places[k->count].ticket = hy_tls_ticket_new();
    return k->places[k->count].ticket ? 0 : hy_fail(err, HY_ENOMEM, "out of memory");
}

static int add_place(connector_t *k, const char *text, hy_error_t *err) {
    int rc = hy_socket_url_parse(text, &k->places[k->count].url, err);
    if (rc) return rc;
    if (k->places[k->count].url.scheme != HY_SCHEME_UNIX && k->places[k->count].url.port == 0)
        return hy_fail(err, HY_EINVALID, "\"%s\": port 0 is for listening only", text);
    if (hy_socket_url_is_tls(&k->places[k->count].url)) {
        rc = add_ticket(k, err);
        if (rc) return rc;
    }
    k->places[k->count].text = hy_str_from(text);
    return k->places[k->count++].text ? 0 : hy_fail(err, HY_ENOMEM, "out of memory");
}

int hy_socket_connector(hy_sockets_t *s, const char *const *urls, uint32_t count,
                        hy_connector_t **out, hy_error_t *err) {
    if (count == 0 || count > HY_CONNECTOR_URLS_MAX) {
        return hy_fail(err, HY_EINVALID, "1 to %u URLs of a node are taken, not %u",
                       HY_CONNECTOR_URLS_MAX, count);
    }
    connector_t *k = hy_alloc_zero(sizeof *k + count * sizeof *k->places);
    if (!k) return hy_fail(err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
    k->base = (hy_connector_t){connector_connect, connector_where, connector_free};
    k->sockets = s;
    int rc = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = add_place(k, urls[i], err);
    if (rc) {
        connector_free(&k->base);
        return rc;
    }
    *out = &k->base;
    return 0;
}
