/* Sockets on libuv: Unix and TCP with native framing, and WebSocket (PROTOCOL.md section 3); TCP
 * and WebSocket also over TLS (section 10).
 *
 *      hy_sockets_t   what all connections of a loop share: the buffer that is read into, the list
 *                     of those with something to write
 *      connector      connects a stub to a node       (hy_socket_connector)
 *      gate           lets runtimes in to a node      (gate.h)
 *
 * What is read is handed over at once. What is to be written is gathered: all messages of a turn
 * for one connection leave in one writev, at the end of the turn, or before if much has come in. */
#ifndef HY_NET_SOCKET_H
#define HY_NET_SOCKET_H

#include "../base/log.h"
#include "../base/random.h"
#include "../loop/loop.h"
#include "channel.h"
#include "tls.h"

typedef struct hy_sockets hy_sockets_t;

typedef struct {
    uint64_t bytes_in, bytes_out, messages_in, messages_out;
    uint32_t connections;
    uint64_t tls_full, tls_resumed; /* handshakes that are through */
    uint64_t pending_bytes;         /* taken from users, not yet with the kernel */
} hy_sockets_stats_t;

/* `random` for masks and keys, `log` may be NULL; both outlive it. */
int hy_sockets_open(hy_loop_t *loop, hy_random_t *random, const hy_log_t *log, hy_sockets_t **out);
/* Before hy_loop_close. Connections that are left are closed without a call. Not from inside a call
 * of a channel. NULL allowed. */
void hy_sockets_close(hy_sockets_t *s);
hy_sockets_stats_t hy_sockets_stats(const hy_sockets_t *s);
/* True once no connection is left, not even one that is closed and waits for the other end. */
bool hy_sockets_is_empty(const hy_sockets_t *s);
/* Writes what goes at once: before a process ends. */
void hy_sockets_flush(hy_sockets_t *s);

/* Whom connectors that are made from now on trust, and what they show of themselves; without this
 * they trust the system's authorities and show nothing. */
int hy_sockets_set_tls(hy_sockets_t *s, const hy_tls_files_t *files, hy_error_t *err);

/* A connector that tries these URLs (url.h) in turn, one a try. They are copied and checked.
 * Connecting (name, socket, handshake) takes at most HY_CONNECT_MS. */
int hy_socket_connector(hy_sockets_t *s, const char *const *urls, uint32_t count,
                        hy_connector_t **out, hy_error_t *err);

#endif
