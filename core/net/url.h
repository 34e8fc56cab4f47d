/* URLs of sockets, and which hosts are this machine. */
#ifndef HY_NET_URL_H
#define HY_NET_URL_H

#include <stdbool.h>

#include "../base/error.h"

/* scheme, word */
#define HY_SCHEME_MAP(X)                                                                           \
    X(WS, "ws")                                                                                    \
    X(WSS, "wss")                                                                                  \
    X(TCP, "tcp")                                                                                  \
    X(TLS, "tls")                                                                                  \
    X(UNIX, "unix")

typedef enum {
#define X(name, word) HY_SCHEME_##name,
    HY_SCHEME_MAP(X)
#undef X
        HY_SCHEMES
} hy_scheme_t;

/* Where a socket is: "ws://HOST[:PORT][/PATH]", "tcp://HOST:PORT", the same over TLS as "wss://…"
 * and "tls://…", "unix:///PATH". */
typedef struct {
    hy_scheme_t scheme;
    char host[256]; /* name or address without brackets; empty for Unix */
    int port;       /* 0 lets the system choose, for listening */
    char path[256]; /* of the HTTP request, "/ws" if not given; of the Unix socket */
} hy_socket_url_t;

/* HY_EINVALID with what is wrong and how it is written. */
int hy_socket_url_parse(const char *url, hy_socket_url_t *out, hy_error_t *err);
const char *hy_scheme_word(hy_scheme_t scheme);
/* True for ws and wss; for wss and tls. */
bool hy_socket_url_is_ws(const hy_socket_url_t *url);
bool hy_socket_url_is_tls(const hy_socket_url_t *url);
/* True for a host of this machine (below), and for Unix sockets. */
bool hy_socket_url_is_loopback(const hy_socket_url_t *url);
/* True for 127.0.0.0/8, ::1 and "localhost", in whatever case. */
bool hy__host_is_loopback(const char *host);

#endif
