/* Listening and accepting. The kernel keeps who waits; each turn takes a few, so that those who are
 * in go on undisturbed, and the loop tells again in the next turn of those who are left. Without
 * descriptors nothing is accepted until the next tick of the gate: to be told again and again would
 * only burn time. */
#define _GNU_SOURCE /* accept4 */
#include "gate_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../base/mem.h"
#include "endpoint.h"

#define UNIX_MODE 0600

/* --- accepting -------------------------------------------------------------------------------- */

void hy__gate_pause(hy_gate_t *g, bool is_paused) {
    g->is_paused = is_paused;
    for (uint32_t i = 0; i < g->listener_count; i++)
        hy_poll_watch(g->listeners[i]->poll, is_paused ? 0 : HY_POLL_READABLE);
}

static void pause_for(hy_gate_t *g, int code) {
    g->turned_away[HY_GATE_FILES]++;
    if (!g->is_short)
        hy_log(g->config.log, HY_LOG_WARN, "gate",
               "no connection is accepted for now: %s; tried again each %u ms; raise the limit of "
               "open files (ulimit -n)",
               uv_strerror(-code), HY_GATE_TICK_MS);
    g->is_short = true;
    hy__gate_pause(g, true);
}

static void on_connection(void *arg, int events) {
    const hy__listener_t *l = arg;
    hy_gate_t *g = l->gate;
    (void)events; /* an error shows when accepting */
    if (g->accepted_in_turn == 0) hy_work_wake(g->turn);
    while (g->accepted_in_turn < HY_GATE_ACCEPTS_PER_TURN) {
        hy_endpoint_t from = {.len = sizeof from.address};
        int fd = accept4(l->fd, (struct sockaddr *)&from.address, &from.len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            int code = errno;
            bool is_short = code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
            if (is_short) pause_for(g, code);
            if (is_short || code == EAGAIN || code == EWOULDBLOCK) return;
        } else {
            g->is_short = false;
            hy__gate_admit(g, &l->url, &from, fd);
        }
        g->accepted_in_turn++;
    }
}

/* --- sockets ---------------------------------------------------------------------------------- */

static int fail(hy_error_t *err, int rc, const char *url, const char *why) {
    return hy_fail(err, rc, "cannot listen on %s: %s", url, why);
}

static int fail_system(hy_error_t *err, const char *url, int code) {
    return fail(err, -code, url, uv_strerror(-code));
}

/* True if somebody accepts connections there, or would if asked later. */
static bool is_answered(const hy_endpoint_t *e) {
    int fd = hy__endpoint_socket((const struct sockaddr *)&e->address);
    if (fd < 0) return true; /* not known: better not to take it away from anybody */
    int rc = connect(fd, (const struct sockaddr *)&e->address, e->len);
    bool is_refused = rc != 0 && (errno == ECONNREFUSED || errno == ENOENT);
    close(fd);
    return !is_refused;
}

/* Takes away a socket that nobody answers on. */
static int clear_path(const hy_endpoint_t *e, const char *path, const char *url, hy_error_t *err) {
    struct stat at;
    if (lstat(path, &at) != 0) return errno == ENOENT ? 0 : fail_system(err, url, errno);
    if (!S_ISSOCK(at.st_mode))
        return fail(err, HY_ECONFLICT, url, "there is a file that is no socket; remove it");
    if (is_answered(e)) return fail(err, HY_ECONFLICT, url, "it is in use by another process");
    if (unlink(path) != 0 && errno != ENOENT) return fail_system(err, url, errno);
    return 0;
}

/* The mode is set before the file is there: between the two, nobody gets in. */
static int bind_unix(hy__listener_t *l, const char *url, hy_error_t *err) {
    hy_endpoint_t e;
    struct stat at;
    hy__endpoint_of(&l->url, &e);
    fchmod(l->fd, UNIX_MODE);
    if (bind(l->fd, (const struct sockaddr *)&e.address, e.len) != 0) {
        if (errno != EADDRINUSE) return fail_system(err, url, errno);
        int rc = clear_path(&e, l->url.path, url, err);
        if (rc) return rc;
        if (bind(l->fd, (const struct sockaddr *)&e.address, e.len) != 0)
            return fail_system(err, url, errno);
    }
    if (stat(l->url.path, &at) != 0) return fail_system(err, url, errno);
    l->device = at.st_dev;
    l->inode = at.st_ino;
    return chmod(l->url.path, UNIX_MODE) == 0 ? 0 : fail_system(err, url, errno);
}

static int bind_network(const hy__listener_t *l, const char *url, hy_error_t *err) {
    hy_endpoint_t e;
    int yes = 1;
    hy_socket_url_t numeric = l->url;
    if (strcasecmp(numeric.host, "localhost") == 0) memcpy(numeric.host, "127.0.0.1", 10);
    if (!hy__endpoint_of(&numeric, &e)) return fail(err, HY_EINVALID, url, "write an address");
    setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(l->fd, (const struct sockaddr *)&e.address, e.len) == 0) return 0;
    if (errno != EADDRINUSE) return fail_system(err, url, errno);
    return fail(err, HY_ECONFLICT, url,
                "the port is in use by another process; choose another, or 0 for any");
}

/* The URL as one connects to it. */
static hy_str_t *text_of(const hy__listener_t *l) {
    hy_endpoint_t e;
    const hy_socket_url_t *u = &l->url;
    if (u->scheme == HY_SCHEME_UNIX) return hy_str_format("unix://%s", u->path);
    if (!hy__endpoint_own(l->fd, &e)) return NULL;
    unsigned port = ntohs(e.address.ss_family == AF_INET
                              ? ((const struct sockaddr_in *)&e.address)->sin_port
                              : ((const struct sockaddr_in6 *)&e.address)->sin6_port);
    bool is_v6 = strchr(u->host, ':') != NULL;
    return hy_str_format(is_v6 ? "%s://[%s]:%u%s" : "%s://%s:%u%s", hy_scheme_word(u->scheme),
                         u->host, port, u->path);
}

/* --- listeners -------------------------------------------------------------------------------- */

static void close_listener(hy__listener_t *l) {
    struct stat at;
    hy_poll_close(l->poll, NULL);
    if (l->inode && lstat(l->url.path, &at) == 0 && at.st_dev == l->device && at.st_ino == l->inode)
        unlink(l->url.path);
    if (l->fd >= 0) close(l->fd);
    hy_str_unref(l->text);
    hy_free(l);
}

void hy__gate_close_listeners(hy_gate_t *g) {
    while (g->listener_count)
        close_listener(g->listeners[--g->listener_count]);
}

static int open_socket(hy__listener_t *l, const char *url, hy_error_t *err) {
    bool is_unix = l->url.scheme == HY_SCHEME_UNIX;
    struct sockaddr family = {.sa_family = AF_UNIX};
    if (!is_unix) family.sa_family = strchr(l->url.host, ':') ? AF_INET6 : AF_INET;
    l->fd = hy__endpoint_socket(&family);
    if (l->fd < 0) return fail_system(err, url, -l->fd);
    int rc = is_unix ? bind_unix(l, url, err) : bind_network(l, url, err);
    if (rc) return rc;
    if (listen(l->fd, HY_GATE_BACKLOG) != 0) return fail_system(err, url, errno);
    l->text = text_of(l);
    if (!l->text) return fail(err, HY_ENOMEM, url, hy_error_text(HY_ENOMEM));
    rc = hy_poll_open(l->gate->config.loop, l->fd, on_connection, l, &l->poll);
    if (!rc) rc = hy_poll_watch(l->poll, HY_POLL_READABLE);
    if (!rc) return 0;
    return fail(err, rc, url, hy_loop_error_text(rc));
}

static int check(const hy_gate_t *g, const hy_socket_url_t *u, const char *url, hy_error_t *err) {
    if (g->is_draining) return fail(err, HY_ECLOSED, url, "the node is about to end");
    bool is_near = hy_socket_url_is_loopback(u);
    if (!is_near && !g->config.has_auth)
        return fail(err, HY_EFORBIDDEN, url,
                    "without auth a node serves its own machine only: give --auth-key FILE, so "
                    "that who comes in must show a token, or use 127.0.0.1, [::1] or a Unix "
                    "socket");
    if (!is_near && !hy_socket_url_is_tls(u))
        return fail(err, HY_EFORBIDDEN, url,
                    hy_socket_url_is_ws(u)
                        ? "tokens would travel readable: write wss://, or use 127.0.0.1 or [::1]"
                        : "tokens would travel readable: write tls://, or use 127.0.0.1 or [::1]");
    if (hy_socket_url_is_tls(u) && !g->config.tls)
        return fail(err, HY_EINVALID, url,
                    "TLS needs a certificate and its key: give --tls-cert FILE and --tls-key FILE");
    if (hy_socket_url_is_ws(u) && strcmp(u->path, "/ws") != 0)
        return fail(err, HY_EINVALID, url, "WebSocket is served on the path /ws");
    if (g->listener_count == HY_GATE_LISTENERS_MAX)
        return fail(err, HY_EFULL, url, "that is one more than a node takes");
    return 0;
}

int hy_gate_listen(hy_gate_t *g, const char *url, hy_error_t *err) {
    hy_socket_url_t u;
    int rc = hy_socket_url_parse(url, &u, err);
    if (!rc) rc = check(g, &u, url, err);
    if (rc) return rc;
    hy__listener_t *l = hy_alloc_zero(sizeof *l);
    if (!l) return fail(err, HY_ENOMEM, url, hy_error_text(HY_ENOMEM));
    l->gate = g;
    l->url = u;
    rc = open_socket(l, url, err);
    if (rc) {
        close_listener(l);
        return rc;
    }
    g->listeners[g->listener_count++] = l;
    return 0;
}

const char *hy_gate_url(const hy_gate_t *g, uint32_t i) {
    return i < g->listener_count ? g->listeners[i]->text->bytes : NULL;
}
