/* TLS 1.2 and 1.3 for the connections of a loop (PROTOCOL.md section 10), with OpenSSL, which sees
 * memory only: what the socket gave goes in, what is to be written comes out.
 *
 *      socket ── ciphertext ──► hy_tls_t ── text ──► protocol
 *      socket ◄─ ciphertext ─── hy_tls_t ◄─ text ─── flush      one buffer, in records that fill
 *
 *      hy_tls_context_t   what many connections share: certificate, key, authorities. Counted by
 *                         OpenSSL: it may be replaced while connections that began with it go on
 *      hy_tls_t           one connection; idle it holds no buffer
 *
 * Only tls*.c see OpenSSL's headers. Renegotiation, compression and early data are off; TLS 1.2
 * only with ECDHE and AEAD. Sessions are resumed by tickets: a server keeps nothing. */
#ifndef HY_NET_TLS_H
#define HY_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/error.h"

typedef struct hy_tls_context hy_tls_context_t;
typedef struct hy_tls hy_tls_t;

/* Files are PEM; NULL: not given. All are read when the context is made, none later. */
typedef struct {
    const char *certificate; /* with its chain; a server needs it, a client may have one */
    const char *key;         /* mode 0600 or less, or HY_EFORBIDDEN: "… can be read by others" */
    /* Client: authorities instead of the system's. Server: those who vouch for clients, which then
     * must show a certificate. */
    const char *authorities;
} hy_tls_files_t;

/* Errors name the file and what to do. HY_EINVALID: no certificate, no key, the two do not belong
 * together; HY_EFORBIDDEN, HY_ENOT_FOUND. */
int hy_tls_server_new(const hy_tls_files_t *files, hy_tls_context_t **out, hy_error_t *err);
int hy_tls_client_new(const hy_tls_files_t *files, hy_tls_context_t **out, hy_error_t *err);
/* Reads a server's files again: connections from now on get the new certificate, those that stand
 * go on, tickets of before stay good. On failure all is as it was. */
int hy_tls_server_reload(hy_tls_context_t *c, hy_error_t *err);
void hy_tls_context_free(hy_tls_context_t *c); /* NULL allowed; connections may outlive it */

#endif
