/* Inside of TLS: tls_context.c (files, contexts), tls.c (connections), tls_why.c (what is said when
 * something is wrong). Includes OpenSSL's headers. */
#ifndef HY_NET_TLS_PRIVATE_H
#define HY_NET_TLS_PRIVATE_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls.h"

struct hy_tls_context {
    SSL_CTX *ssl;
    bool is_server;
    char *files[3]; /* certificate, key, authorities: where they are; NULL: not given */
};

/* Needed until the handshake is through. */
typedef struct {
    char host[256];
    int port;
    hy_error_t why; /* what is wrong with the other end's certificate; code 0: nothing */
} hy__tls_shaking_t;

struct hy_tls {
    SSL *ssl;
    hy_tls_room_t *room;
    hy_tls_ticket_t *ticket; /* NULL: a server */
    hy__tls_shaking_t *shaking;
    const char *in; /* lent */
    size_t in_len;
};

/* --- tls.c ------------------------------------------------------------------------------------ */

/* For SSL_CTX_sess_set_new_cb: keeps what the server gave. */
int hy__tls_keep_ticket(SSL *ssl, SSL_SESSION *session);

/* --- tls_why.c -------------------------------------------------------------------------------- */

/* For SSL_CTX_set_verify: notes what is wrong, in words. */
int hy__tls_judge(int is_good, X509_STORE_CTX *at);
/* Of a call that failed with `result` (SSL_get_error): fills `err` from what was noted and from
 * OpenSSL's queue, which is empty then; gives its code. */
int hy__tls_why(hy_tls_t *t, int result, hy_error_t *err);
/* The text of OpenSSL's last error; empties the queue. Static. */
const char *hy__tls_last(void);

#endif
