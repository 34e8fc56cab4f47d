/* TLS on connections to wss and tls, with OpenSSL on the socket itself: one server key, which the
 * generator does not check, since it made it. */
#include "load.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <unistd.h>

static SSL_CTX *context(void) {
    static SSL_CTX *made;
    if (made) return made;
    made = SSL_CTX_new(TLS_client_method());
    if (!made) die("TLS cannot begin");
    SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    return made;
}

static SSL *shake(int fd) {
    SSL *ssl = SSL_new(context());
    if (!ssl || !SSL_set_fd(ssl, fd)) die("out of memory");
    if (SSL_connect(ssl) != 1) die("the TLS handshake failed");
    return ssl;
}

void tls_open(conn_t *c) {
    if (c->load->wire->is_tls) c->tls = shake(c->fd);
}

void tls_close(conn_t *c) {
    SSL_free(c->tls);
    c->tls = NULL;
}

/* Without a word; but so that its ticket stays good, which OpenSSL takes for spoilt otherwise. */
static void forget(SSL *ssl) {
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
}

/* As recv and send do: what is to be waited for is EAGAIN. */
static ssize_t result(SSL *ssl, int n) {
    if (n > 0) return n;
    int why = SSL_get_error(ssl, n);
    if (why == SSL_ERROR_ZERO_RETURN) return 0;
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return -1;
}

ssize_t tls_recv(const conn_t *c, char *bytes, size_t room) {
    size_t at = 0;
    ssize_t n;
    do { /* a record at a time; epoll does not know of what OpenSSL has read */
        n = result(c->tls, SSL_read(c->tls, bytes + at, (int)(room - at)));
        if (n > 0) at += (size_t)n;
    } while (n > 0 && at < room);
    return at > 0 ? (ssize_t)at : n;
}

bool tls_has_more(const conn_t *c) {
    return c->tls && SSL_pending(c->tls) > 0;
}

ssize_t tls_send(const conn_t *c, const char *bytes, size_t len) {
    return result(c->tls, SSL_write(c->tls, bytes, (int)len));
}

/* --- handshakes ------------------------------------------------------------------------------- */

static int dial(const load_t *l) {
    int fd = socket(l->peer.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&l->peer, l->peer_len))
        die("cannot connect to %s: %s", l->url, strerror(errno));
    return fd;
}

/* Full ones, or with the ticket of the first: one after the other for l->seconds. */
static void shake_for(load_t *l, SSL_SESSION *ticket, const char *name) {
    uint64_t count = 0, resumed = 0;
    moment_t before = moment(l->server);
    uint64_t until = now_ns() + (uint64_t)(l->seconds * SECOND);
    while (now_ns() < until) {
        int fd = dial(l);
        SSL *ssl = SSL_new(context());
        if (!ssl || !SSL_set_fd(ssl, fd)) die("out of memory");
        if (ticket) SSL_set_session(ssl, ticket);
        if (SSL_connect(ssl) != 1) die("the TLS handshake failed");
        resumed += (uint64_t)SSL_session_reused(ssl);
        forget(ssl);
        close(fd);
        count++;
    }
    moment_t after = moment(l->server);
    double s = (double)(after.ns - before.ns) / SECOND, cpu = after.server_s - before.server_s;
    printf("%s_rate %.0f\n%s_per_cpu %.0f\n%s_resumed %llu\n", name, (double)count / s, name,
           cpu > 0 ? (double)count / cpu : 0, name, (unsigned long long)resumed);
}

static SSL_SESSION *kept;
static int keep(SSL *ssl, SSL_SESSION *ticket) {
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = ticket;
    return 1;
}

/* What comes after the handshake: tickets. A request that any server answers brings them along. */
static SSL_SESSION *fetch_ticket(load_t *l) {
    char line[256];
    int fd = dial(l);
    SSL_CTX_set_session_cache_mode(context(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context(), keep);
    SSL *ssl = shake(fd);
    int len = snprintf(line, sizeof line, "GET /health HTTP/1.1\r\nHost: %s\r\n\r\n", l->host);
    SSL_write(ssl, line, len);
    SSL_read(ssl, line, sizeof line);
    forget(ssl);
    close(fd);
    SSL_CTX_set_session_cache_mode(context(), SSL_SESS_CACHE_OFF);
    if (!kept) die("%s gives no tickets", l->url);
    return kept;
}

void mode_handshake(load_t *l) {
    if (!l->wire->is_tls) die("handshake is for wss and tls");
    shake_for(l, NULL, "full");
    shake_for(l, fetch_ticket(l), "resumed");
}
