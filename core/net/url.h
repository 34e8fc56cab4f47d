/* URLs of sockets, and which hosts are this machine. */
#ifndef HY_NET_URL_H
#define HY_NET_URL_H

#include <stdbool.h>

#include "../base/error.h"

/* Where a socket is: "ws://HOST[:PORT][/PATH]", "tcp://HOST:PORT", "unix:///PATH". */
typedef struct {
    enum { HY_SCHEME_WS, HY_SCHEME_TCP, HY_SCHEME_UNIX } scheme;
    char host[256]; /* name or address without brackets; empty for Unix */
    int port;       /* 0 lets the system choose, for listening */
    char path[256]; /* of the HTTP request, "/ws" if not given; of the Unix socket */
} hy_socket_url_t;

/* HY_EINVALID with what is wrong and how it is written; wss and tls are refused as not served yet.
 */
int hy_socket_url_parse(const char *url, hy_socket_url_t *out, hy_error_t *err);
/* True for a host of this machine (below), and for Unix sockets. */
bool hy_socket_url_is_loopback(const hy_socket_url_t *url);
/* True for 127.0.0.0/8, ::1 and "localhost", in whatever case. */
bool hy__host_is_loopback(const char *host);

#endif
