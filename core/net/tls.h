/* TLS 1.2 and 1.3 for the connections of a loop (PROTOCOL.md section 10), with OpenSSL, which sees
 * memory only: what the socket gave goes in, what is to be written comes out.
 *
 *      socket ── ciphertext ──► hy_tls_t ── text ──► protocol
 *      socket ◄─ ciphertext ─── hy_tls_t ◄─ text ─── flush      one buffer, in records that fill
 *
 *      hy_tls_context_t   what many connections share: certificate, key, authorities. Counted by
 *                         OpenSSL: it may be replaced while connections that began with it go on
 *      hy_tls_room_t      the buffers of a loop, lent to one connection for the time of a call
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

/* --- contexts --------------------------------------------------------------------------------- */

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
 * go on, tickets of before stay good, but not if other authorities vouch for clients now. On
 * failure all is as it was. */
int hy_tls_server_reload(hy_tls_context_t *c, hy_error_t *err);
void hy_tls_context_free(hy_tls_context_t *c); /* NULL allowed; connections may outlive it */

/* --- rooms ------------------------------------------------------------------------------------ */

typedef struct {
    struct bio_method_st *method; /* how OpenSSL reads and writes here */
    size_t out_len;
    char out[HY_TLS_OUT_BYTES]; /* ciphertext that calls have made, for their caller to send */
    char record[HY_TLS_RECORD_BYTES]; /* the caller's: text that is put together */
    char text[HY_TLS_RECORD_BYTES];   /* the caller's: text that was decrypted */
} hy_tls_room_t;

hy_tls_room_t *hy_tls_room_new(void); /* NULL: no memory */
/* After the last connection that was made with it. NULL allowed. */
void hy_tls_room_free(hy_tls_room_t *room);

/* --- connections ------------------------------------------------------------------------------ */

/* What a client remembers of a server, so that the next handshake is short. Counted. */
typedef struct hy_tls_ticket hy_tls_ticket_t;
hy_tls_ticket_t *hy_tls_ticket_new(void); /* empty; NULL: no memory */
hy_tls_ticket_t *hy_tls_ticket_ref(hy_tls_ticket_t *t);
void hy_tls_ticket_unref(hy_tls_ticket_t *t); /* NULL allowed */

/* NULL: no memory. The server must be `host`, a name or an address; `port` is for texts. `ticket`
 * is used, and gets what the server gives. */
hy_tls_t *hy_tls_server_open(hy_tls_context_t *c, hy_tls_room_t *room);
hy_tls_t *hy_tls_client_open(hy_tls_context_t *c, hy_tls_room_t *room, const char *host, int port,
                             hy_tls_ticket_t *ticket);
void hy_tls_free(hy_tls_t *t); /* NULL allowed */

/* What the socket gave, lent until it is used up: until then, and not longer, shake and read have
 * something to do. */
void hy_tls_feed(hy_tls_t *t, const char *bytes, size_t len);
bool hy_tls_is_fed(const hy_tls_t *t);
/* All of these leave what is to be sent in room->out, also when they fail: then it is an alert.
 * After a failure nothing but hy_tls_free is to be called.
 *
 * 1: the handshake is through; 0: it goes on with what comes; else it failed, and `err` says why,
 * and what to do. A client begins with it, before anything has come. */
int hy_tls_shake(hy_tls_t *t, hy_error_t *err);
/* Text of one record at most, into room->text: its length, 0: none for now. HY_ECLOSED: the other
 * end has said that nothing follows. Else it failed. */
int hy_tls_read(hy_tls_t *t, hy_error_t *err);
/* Encrypts all of it, in records as full as they can be. room->out must have room:
 * HY_TLS_WRITE_BYTES fit into an empty one. 0, or HY_ENOMEM, or HY_EINTERNAL. */
int hy_tls_write(hy_tls_t *t, const char *bytes, size_t len);
/* Says that nothing follows; if the handshake is not through, nothing. */
void hy_tls_end(hy_tls_t *t);
/* True if the handshake was a short one. */
bool hy_tls_is_resumed(const hy_tls_t *t);

#endif
