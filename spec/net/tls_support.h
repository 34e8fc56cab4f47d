/* For specs of TLS: certificates of every kind, made with OpenSSL into a folder, and a place whose
 * gate listens on each transport with TLS too. */
#ifndef HY_SPEC_NET_TLS_SUPPORT_H
#define HY_SPEC_NET_TLS_SUPPORT_H

#include "certificates.h"
#include "runtimes.h"

#include "net/gate.h"
#include "net/stream.h"
#include "net/tls.h"

/* --- a place with certificates ---------------------------------------------------------------- */

/* Files: that of an authority, and of a server that it vouches for; changed by name. */
typedef struct {
    place_t place; /* first */
    certificate_t authority, server;
    char ca[96], cert[96], key[96];
    hy_tls_context_t *context;
    hy_node_server_t *node;
    hy_gate_t *gate;
    char tls[80], wss[80], tcp[80], ws[80];
} safe_t;

static inline void safe_write(safe_t *s) {
    certificate_write(s->cert, &s->server, NULL);
    key_write(s->key, &s->server, 0600);
    certificate_write(s->ca, &s->authority, NULL);
}

/* Another certificate for the server, in the same files; `by` NULL: signed by itself. */
static inline void safe_issue(safe_t *s, const certificate_form_t *form, const certificate_t *by) {
    certificate_free(&s->server);
    s->server = certificate_new(form, by);
    safe_write(s);
}

static inline void safe_open(safe_t *s) {
    *s = (safe_t){.authority = certificate_new(&authority_form, NULL)};
    s->server = certificate_new(&server_form, &s->authority);
    place_open(&s->place);
    snprintf(s->ca, sizeof s->ca, "%s/ca.pem", s->place.folder);
    snprintf(s->cert, sizeof s->cert, "%s/cert.pem", s->place.folder);
    snprintf(s->key, sizeof s->key, "%s/key.pem", s->place.folder);
    safe_write(s);
    hy_node_config_t config = {.domain = "d.example",
                               .clock = hy_loop_clock(s->place.loop),
                               .random = &s->place.random,
                               .log = &s->place.log};
    assert_int_equal(hy_node_server_new(&config, &s->node), 0);
}

static inline void safe_url(const safe_t *s, char url[80], uint32_t i) {
    snprintf(url, 80, "%s", hy_gate_url(s->gate, i));
}

/* Listens with what the files hold now; clients must show a certificate of `clients` if given. */
static inline void safe_listen(safe_t *s, const char *clients) {
    hy_error_t err = {0};
    hy_tls_files_t files = {s->cert, s->key, clients};
    if (hy_tls_server_new(&files, &s->context, &err) != 0) fail_msg("%s", err.text);
    hy_gate_config_t config = {.loop = s->place.loop,
                               .sockets = s->place.sockets,
                               .node = s->node,
                               .log = &s->place.log,
                               .tls = s->context};
    assert_int_equal(hy_gate_open(&config, &s->gate), 0);
    assert_int_equal(hy_gate_listen(s->gate, "tls://127.0.0.1:0", &err), 0);
    assert_int_equal(hy_gate_listen(s->gate, "wss://127.0.0.1:0/ws", &err), 0);
    assert_int_equal(hy_gate_listen(s->gate, "tcp://127.0.0.1:0", &err), 0);
    assert_int_equal(hy_gate_listen(s->gate, "ws://127.0.0.1:0/ws", &err), 0);
    safe_url(s, s->tls, 0);
    safe_url(s, s->wss, 1);
    safe_url(s, s->tcp, 2);
    safe_url(s, s->ws, 3);
}

static inline const char *safe_endpoint(const safe_t *s, int i) {
    return i == 0 ? s->tls : s->wss;
}

static inline void safe_trust(safe_t *s, const hy_tls_files_t *files) {
    hy_error_t err;
    if (hy_sockets_set_tls(s->place.sockets, files, &err) != 0) fail_msg("%s", err.text);
}

/* Proves that nothing is left. */
static inline void safe_close(safe_t *s) {
    hy_gate_close(s->gate);
    hy_tls_context_free(s->context);
    hy_node_server_free(s->node);
    unlink(s->ca);
    unlink(s->cert);
    unlink(s->key);
    certificate_free(&s->authority);
    certificate_free(&s->server);
    place_close(&s->place);
}

static inline int safe_setup(void **state) {
    safe_t *s = calloc(1, sizeof *s);
    assert_non_null(s);
    safe_open(s);
    *state = s;
    return 0;
}

static inline int safe_teardown(void **state) {
    safe_close(*state);
    free(*state);
    return 0;
}

static inline user_t *runtime_open(safe_t *s, const char *url, const char *name) {
    user_t *u = runtime_try(&s->place, url, name);
    if (u->closed) fail_msg("%s", u->reason);
    return u;
}

/* --- the other end, by hand ------------------------------------------------------------------- */

/* OpenSSL on a plain socket, as others use it. */
typedef struct {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
    bool has_end;    /* close_notify came */
    bool has_failed; /* an alert, or the end of the socket */
    char why[128];
} hand_t;

static inline hand_t hand_new(const SSL_METHOD *method, int fd) {
    hand_t h = {.context = SSL_CTX_new(method), .fd = fd};
    h.ssl = SSL_new(h.context);
    SSL_set_fd(h.ssl, fd);
    return h;
}

static inline hand_t hand_serve(const safe_t *s, int fd) {
    hand_t h = hand_new(TLS_server_method(), fd);
    SSL_use_certificate(h.ssl, s->server.x);
    SSL_use_PrivateKey(h.ssl, s->server.key);
    SSL_set_accept_state(h.ssl);
    return h;
}

/* Connected to a port of this machine. */
static inline int plain_connect(const char *url) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Trusts everybody. `version` 0: as it likes. */
static inline hand_t hand_connect(const char *url, int version) {
    hand_t h = hand_new(TLS_client_method(), plain_connect(url));
    SSL_set_security_level(h.ssl, 0);
    if (version) {
        SSL_set_min_proto_version(h.ssl, version);
        SSL_set_max_proto_version(h.ssl, version);
    }
    SSL_set_connect_state(h.ssl);
    return h;
}

/* Of a call that gave `n`: true if it is to be called again. */
static inline bool hand_goes_on(hand_t *h, int n) {
    int result = SSL_get_error(h->ssl, n);
    if (result == SSL_ERROR_WANT_READ || result == SSL_ERROR_WANT_WRITE) return true;
    h->has_end = result == SSL_ERROR_ZERO_RETURN;
    h->has_failed = !h->has_end;
    const char *why = ERR_reason_error_string(ERR_peek_error());
    snprintf(h->why, sizeof h->why, "%s", why ? why : "the end of the socket");
    ERR_clear_error();
    return false;
}

/* True if it is through. */
static inline bool hand_try(safe_t *s, hand_t *h) {
    int rc;
    ERR_clear_error();
    while ((rc = SSL_do_handshake(h->ssl)) != 1 && hand_goes_on(h, rc))
        turn(&s->place);
    return rc == 1;
}

static inline void hand_shake(safe_t *s, hand_t *h) {
    if (!hand_try(s, h)) fail_msg("%s", h->why);
}

/* What is there. */
static inline size_t hand_read(hand_t *h, char *to, size_t room) {
    ERR_clear_error();
    int n = SSL_read(h->ssl, to, (int)room);
    if (n <= 0) hand_goes_on(h, n);
    return n > 0 ? (size_t)n : 0;
}

static inline void hand_write(safe_t *s, hand_t *h, const char *bytes, size_t len) {
    ERR_clear_error();
    SSL_set_mode(h->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
    while (len > 0) {
        int n = SSL_write(h->ssl, bytes, (int)len);
        if (n > 0)
            bytes += n, len -= (size_t)n;
        else if (!hand_goes_on(h, n))
            fail_msg("%s", h->why);
        turn(&s->place);
    }
}

/* All that comes in plain until the other end is through. */
static inline size_t plain_read_all(safe_t *s, int fd, char *bytes, size_t room) {
    size_t len = 0;
    for (;;) {
        ssize_t n = recv(fd, bytes + len, room - 1 - len, 0);
        if (n > 0) len += (size_t)n;
        if (n == 0 || (n < 0 && errno != EAGAIN)) break;
        if (n < 0) turn(&s->place);
    }
    bytes[len] = '\0';
    return len;
}

static inline void hand_close(hand_t *h) {
    SSL_free(h->ssl);
    SSL_CTX_free(h->context);
    close(h->fd);
}

#endif
