/* For specs of the gate: a node that listens on every transport, and runtimes that come in, who
 * trust its certificate. */
#ifndef HY_SPEC_NET_HOME_H
#define HY_SPEC_NET_HOME_H

#include "certificates.h"
#include "runtimes.h"

#include "net/gate.h"
#include "net/tls.h"

enum { TCP, WS, LOCAL, TLS, WSS, TRANSPORTS };

typedef struct {
    place_t place; /* first */
    hy_node_server_t *node;
    hy_gate_t *gate;
    hy_tls_context_t *context;
    char tcp[80], ws[80], local[120], tls[80], wss[80], path[108];
    char ca[96], cert[96], key[96];
} home_t;

static inline bool is_web(int transport) {
    return transport == WS || transport == WSS;
}

/* An authority, and what it says of the node. */
static inline void make_certificates(home_t *h) {
    certificate_t authority = certificate_new(&authority_form, NULL);
    certificate_t server = certificate_new(&server_form, &authority);
    snprintf(h->ca, sizeof h->ca, "%s/ca.pem", h->place.folder);
    snprintf(h->cert, sizeof h->cert, "%s/cert.pem", h->place.folder);
    snprintf(h->key, sizeof h->key, "%s/key.pem", h->place.folder);
    certificate_write(h->ca, &authority, NULL);
    certificate_write(h->cert, &server, NULL);
    key_write(h->key, &server, 0600);
    certificate_free(&authority);
    certificate_free(&server);
    hy_error_t err = {0};
    hy_tls_files_t own = {.certificate = h->cert, .key = h->key}, trust = {.authorities = h->ca};
    if (hy_tls_server_new(&own, &h->context, &err) != 0) fail_msg("%s", err.text);
    if (hy_sockets_set_tls(h->place.sockets, &trust, &err) != 0) fail_msg("%s", err.text);
    unlink(h->ca);
    unlink(h->cert);
    unlink(h->key);
}

static inline int listen_all(home_t *h) {
    char url[128];
    hy_error_t err = {0};
    snprintf(h->path, sizeof h->path, "%s/node.sock", h->place.folder);
    snprintf(url, sizeof url, "unix://%s", h->path);
    int rc = hy_gate_listen(h->gate, "tcp://127.0.0.1:0", &err);
    if (!rc) rc = hy_gate_listen(h->gate, "ws://localhost:0/ws", &err);
    if (!rc) rc = hy_gate_listen(h->gate, url, &err);
    if (!rc) rc = hy_gate_listen(h->gate, "tls://127.0.0.1:0", &err);
    if (!rc) rc = hy_gate_listen(h->gate, "wss://127.0.0.1:0/ws", &err);
    if (rc) return rc;
    snprintf(h->tcp, sizeof h->tcp, "%s", hy_gate_url(h->gate, 0));
    snprintf(h->ws, sizeof h->ws, "%s", hy_gate_url(h->gate, 1));
    snprintf(h->local, sizeof h->local, "%s", hy_gate_url(h->gate, 2));
    snprintf(h->tls, sizeof h->tls, "%s", hy_gate_url(h->gate, 3));
    snprintf(h->wss, sizeof h->wss, "%s", hy_gate_url(h->gate, 4));
    assert_null(hy_gate_url(h->gate, TRANSPORTS));
    return 0;
}

static inline void gate_open_limited(home_t *h, uint32_t connections_max, hy_gate_limits_t limits) {
    hy_gate_config_t config = {.loop = h->place.loop,
                               .sockets = h->place.sockets,
                               .node = h->node,
                               .log = &h->place.log,
                               .connections_max = connections_max,
                               .limits = limits,
                               .tls = h->context};
    assert_int_equal(hy_gate_open(&config, &h->gate), 0);
    assert_int_equal(listen_all(h), 0);
}

static inline void gate_open(home_t *h, uint32_t connections_max) {
    gate_open_limited(h, connections_max, (hy_gate_limits_t){0});
}

static inline int setup(void **state) {
    home_t *h = calloc(1, sizeof *h);
    place_open(&h->place);
    hy_node_config_t config = {.domain = "d.example",
                               .clock = hy_loop_clock(h->place.loop),
                               .random = &h->place.random,
                               .log = &h->place.log};
    assert_int_equal(hy_node_server_new(&config, &h->node), 0);
    make_certificates(h);
    gate_open(h, 0);
    *state = h;
    return 0;
}

static inline int teardown(void **state) {
    home_t *h = *state;
    hy_gate_close(h->gate);
    hy_node_server_free(h->node);
    hy_tls_context_free(h->context);
    place_close(&h->place);
    free(h);
    return 0;
}

/* With a session, its answer received as number 1. */
static inline user_t *runtime_open(home_t *h, const char *url, const char *name) {
    user_t *u = runtime_try(&h->place, url, name);
    if (u->closed) fail_msg("%s", u->reason);
    assert_int_equal(u->out_of_order, 0);
    return u;
}

static inline const char *url_of(home_t *h, int i) {
    const char *const urls[TRANSPORTS] = {h->tcp, h->ws, h->local, h->tls, h->wss};
    return urls[i];
}

/* --- by hand ---------------------------------------------------------------------------------- */

static inline int plain_connect(const char *url) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static inline int plain_connect_local(const home_t *h) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, h->path, sizeof a.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* All that comes until the other end is through. */
static inline size_t read_all(place_t *p, int fd, char *bytes, size_t room) {
    size_t len = 0;
    for (;;) {
        ssize_t n = recv(fd, bytes + len, room - 1 - len, 0);
        if (n > 0) len += (size_t)n;
        if (n == 0 || (n < 0 && errno != EAGAIN)) break;
        if (n < 0) turn(p);
    }
    bytes[len] = '\0';
    return len;
}

#endif
