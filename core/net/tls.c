/* Connections. OpenSSL reads and writes through a BIO of ours that has no memory of its own: it
 * takes from what was fed, and puts into the room's `out`. So nothing waits in between, and what an
 * idle connection holds is OpenSSL's record of it. */
#include "tls_private.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/x509v3.h>

#include "../base/mem.h"

/* --- the BIO ---------------------------------------------------------------------------------- */

static int bio_read(BIO *bio, char *to, int room) {
    hy_tls_t *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (t->in_len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t len = room < 0 ? 0 : (size_t)room;
    if (len > t->in_len) len = t->in_len;
    memcpy(to, t->in, len);
    t->in += len;
    t->in_len -= len;
    return (int)len;
}

/* All or nothing: half of a record helps nobody. */
static int bio_write(BIO *bio, const char *bytes, int len) {
    hy_tls_room_t *room = ((hy_tls_t *)BIO_get_data(bio))->room;
    BIO_clear_retry_flags(bio);
    if (len < 0 || (size_t)len > sizeof room->out - room->out_len) return -1;
    memcpy(room->out + room->out_len, bytes, (size_t)len);
    room->out_len += (size_t)len;
    return len;
}

static long bio_control(BIO *bio, int command, long number, void *arg) {
    (void)bio;
    (void)number;
    (void)arg;
    return command == BIO_CTRL_FLUSH;
}

/* --- rooms ------------------------------------------------------------------------------------ */

hy_tls_room_t *hy_tls_room_new(void) {
    hy_tls_room_t *room = hy_alloc(sizeof *room);
    if (!room) return NULL;
    room->out_len = 0;
    room->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "hyperty");
    if (room->method && BIO_meth_set_read(room->method, bio_read) &&
        BIO_meth_set_write(room->method, bio_write) && BIO_meth_set_ctrl(room->method, bio_control))
        return room;
    hy_tls_room_free(room);
    return NULL;
}

void hy_tls_room_free(hy_tls_room_t *room) {
    if (!room) return;
    BIO_meth_free(room->method);
    OPENSSL_cleanse(room->record, sizeof room->record);
    OPENSSL_cleanse(room->text, sizeof room->text);
    hy_free(room);
}

/* --- tickets ---------------------------------------------------------------------------------- */

struct hy_tls_ticket {
    unsigned refs;
    SSL_SESSION *session; /* NULL: none yet */
};

hy_tls_ticket_t *hy_tls_ticket_new(void) {
    hy_tls_ticket_t *t = hy_alloc_zero(sizeof *t);
    if (t) t->refs = 1;
    return t;
}

hy_tls_ticket_t *hy_tls_ticket_ref(hy_tls_ticket_t *t) {
    t->refs++;
    return t;
}

void hy_tls_ticket_unref(hy_tls_ticket_t *t) {
    if (!t || --t->refs > 0) return;
    SSL_SESSION_free(t->session);
    hy_free(t);
}

/* 1: the session is ours now. */
int hy__tls_keep_ticket(SSL *ssl, SSL_SESSION *session) {
    hy_tls_ticket_t *ticket = ((hy_tls_t *)SSL_get_app_data(ssl))->ticket;
    SSL_SESSION_free(ticket->session);
    ticket->session = session;
    return 1;
}

/* --- life ------------------------------------------------------------------------------------- */

static hy_tls_t *new_tls(hy_tls_context_t *c, hy_tls_room_t *room) {
    hy_tls_t *t = hy_alloc_zero(sizeof *t);
    if (!t) return NULL;
    t->room = room;
    t->shaking = hy_alloc_zero(sizeof *t->shaking);
    t->ssl = t->shaking ? SSL_new(c->ssl) : NULL;
    BIO *bio = t->ssl ? BIO_new(room->method) : NULL;
    if (!bio) {
        hy_tls_free(t);
        return NULL;
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
    return t;
}

void hy_tls_free(hy_tls_t *t) {
    if (!t) return;
    /* OpenSSL would take the ticket of a connection that was cut off for spoilt. */
    if (t->ssl && !t->shaking) SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    ERR_clear_error();
    hy_tls_ticket_unref(t->ticket);
    hy_free(t->shaking);
    hy_free(t);
}

hy_tls_t *hy_tls_server_open(hy_tls_context_t *c, hy_tls_room_t *room) {
    hy_tls_t *t = new_tls(c, room);
    if (t) SSL_set_accept_state(t->ssl);
    return t;
}

static bool is_address(const char *host) {
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

/* An address is compared with addresses only, and not told to the server. */
static bool set_host(SSL *ssl, const char *host) {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (is_address(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    return SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
}

hy_tls_t *hy_tls_client_open(hy_tls_context_t *c, hy_tls_room_t *room, const char *host, int port,
                             hy_tls_ticket_t *ticket) {
    hy_tls_t *t = new_tls(c, room);
    if (!t) return NULL;
    t->ticket = hy_tls_ticket_ref(ticket);
    snprintf(t->shaking->host, sizeof t->shaking->host, "%s", host);
    t->shaking->port = port;
    SSL_set_connect_state(t->ssl);
    if (ticket->session) SSL_set_session(t->ssl, ticket->session); /* if it cannot: a long one */
    if (set_host(t->ssl, host)) return t;
    hy_tls_free(t);
    return NULL;
}

/* --- calls ------------------------------------------------------------------------------------ */

void hy_tls_feed(hy_tls_t *t, const char *bytes, size_t len) {
    t->in = bytes;
    t->in_len = len;
}

bool hy_tls_is_fed(const hy_tls_t *t) {
    return t->in_len > 0;
}

int hy_tls_shake(hy_tls_t *t, hy_error_t *err) {
    ERR_clear_error();
    int rc = SSL_do_handshake(t->ssl);
    if (rc == 1) {
        hy_free(t->shaking);
        t->shaking = NULL;
        return 1;
    }
    int result = SSL_get_error(t->ssl, rc);
    return result == SSL_ERROR_WANT_READ ? 0 : hy__tls_why(t, result, err);
}

int hy_tls_read(hy_tls_t *t, hy_error_t *err) {
    ERR_clear_error();
    int n = SSL_read(t->ssl, t->room->text, sizeof t->room->text);
    if (n > 0) return n;
    int result = SSL_get_error(t->ssl, n);
    if (result == SSL_ERROR_WANT_READ) return 0;
    if (result == SSL_ERROR_ZERO_RETURN) return HY_ECLOSED;
    return hy__tls_why(t, result, err);
}

int hy_tls_write(hy_tls_t *t, const char *bytes, size_t len) {
    assert(len <= HY_TLS_WRITE_BYTES);
    ERR_clear_error();
    int n = len > 0 ? SSL_write(t->ssl, bytes, (int)len) : 0;
    if (n == (int)len) return 0;
    hy_error_t err;
    return hy__tls_why(t, SSL_get_error(t->ssl, n), &err) == HY_ENOMEM ? HY_ENOMEM : HY_EINTERNAL;
}

void hy_tls_end(hy_tls_t *t) {
    if (t->shaking) return;
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    ERR_clear_error();
}

bool hy_tls_is_resumed(const hy_tls_t *t) {
    return SSL_session_reused(t->ssl);
}
