/* URLs of sockets, read from left to right: scheme, then host, port and path. What is said about a
 * wrong one tells how it is written. Nothing is owned and nothing resolved. */
#include "url.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#define WS_PORT  80  /* RFC 6455, section 3 */
#define WSS_PORT 443 /* the same */
#define PORT_MAX 65535
#define FORMS                                                                                      \
    "write ws://HOST:PORT/PATH, tcp://HOST:PORT, unix:///PATH, or over TLS wss://HOST:PORT/PATH, " \
    "tls://HOST:PORT"
#define WS_PATH   "/ws"
#define UNIX_ROOM sizeof(((struct sockaddr_un *)0)->sun_path)

_Static_assert(UNIX_ROOM <= sizeof(((hy_socket_url_t *)0)->path), "a Unix path must fit");

static bool takes(const char **at, const char *word) {
    size_t len = strlen(word);
    if (strncmp(*at, word, len) != 0) return false;
    *at += len;
    return true;
}

static int fail(hy_error_t *err, const char *url, const char *why) {
    return hy_fail(err, HY_EINVALID, "\"%s\": %s", url, why);
}

/* Copies `len` bytes that are printable and no space; false if they are not, or do not fit. */
static bool copy(char *to, size_t room, const char *from, size_t len) {
    if (len >= room) return false;
    for (size_t i = 0; i < len; i++) {
        if (from[i] <= ' ' || from[i] == 127) return false;
    }
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

/* --- host and port ---------------------------------------------------------------------------- */

/* Gives what follows the host, or NULL and why. */
static const char *read_host(const char *at, hy_socket_url_t *out, const char **why) {
    size_t len;
    const char *rest;
    if (*at == '[') {
        len = strcspn(++at, "]/");
        rest = at + len;
        struct in6_addr address;
        bool is_closed = *rest++ == ']';
        if (!is_closed || !copy(out->host, sizeof out->host, at, len) ||
            inet_pton(AF_INET6, out->host, &address) != 1) {
            *why = "between brackets stands an IPv6 address, as in tcp://[::1]:9091";
            return NULL;
        }
        return rest;
    }
    len = strcspn(at, ":/?#@[]");
    rest = at + len;
    const char *colon = *rest == ':' ? strpbrk(rest + 1, ":/") : NULL;
    if (colon && *colon == ':') {
        *why = "an IPv6 address is written in brackets, as in tcp://[::1]:9091";
        return NULL;
    }
    if (len == 0) {
        *why = "the host is missing; " FORMS;
        return NULL;
    }
    if (!copy(out->host, sizeof out->host, at, len)) {
        *why = "the host is too long, or holds what no host name has";
        return NULL;
    }
    return rest;
}

/* Gives what follows the port, or NULL. */
static const char *read_port(const char *at, int *port) {
    int n = 0;
    size_t len = strspn(at, "0123456789");
    if (len == 0 || len > 5) return NULL;
    for (size_t i = 0; i < len; i++)
        n = n * 10 + (at[i] - '0');
    if (n > PORT_MAX) return NULL;
    *port = n;
    return at + len;
}

static int read_network(const char *url, const char *at, hy_socket_url_t *out, hy_error_t *err) {
    const char *why = NULL;
    at = read_host(at, out, &why);
    if (!at) return fail(err, url, why);
    bool is_ws = hy_socket_url_is_ws(out), is_tls = hy_socket_url_is_tls(out);
    if (*at == ':') {
        at = read_port(at + 1, &out->port);
        if (!at) return fail(err, url, "a port is a number from 0 to 65535");
    } else if (is_ws) {
        out->port = is_tls ? WSS_PORT : WS_PORT;
    } else {
        return fail(err, url,
                    is_tls ? "the port is missing; write tls://HOST:PORT"
                           : "the port is missing; write tcp://HOST:PORT");
    }
    if (!is_ws && *at) return fail(err, url, "nothing follows the port of a tcp or tls URL");
    if (!is_ws) return 0;
    if (*at && *at != '/') return fail(err, url, "after host and port comes a path, as in /ws");
    if (*at == '\0' || strcmp(at, "/") == 0) at = WS_PATH;
    if (!copy(out->path, sizeof out->path, at, strlen(at)))
        return fail(err, url, "the path is too long, or holds spaces or control characters");
    return 0;
}

static int read_unix(const char *url, const char *at, hy_socket_url_t *out, hy_error_t *err) {
    size_t len = strlen(at);
    if (*at != '/') return fail(err, url, "the path is absolute, as in unix:///run/hyperty.sock");
    if (len >= UNIX_ROOM) {
        return hy_fail(err, HY_EINVALID, "\"%s\": the path of a Unix socket has at most %zu bytes",
                       url, UNIX_ROOM - 1);
    }
    memcpy(out->path, at, len + 1);
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

const char *hy_scheme_word(hy_scheme_t scheme) {
    static const char *const words[] = {
#define X(name, word) word,
        HY_SCHEME_MAP(X)
#undef X
    };
    return words[scheme];
}

bool hy_socket_url_is_ws(const hy_socket_url_t *url) {
    return url->scheme == HY_SCHEME_WS || url->scheme == HY_SCHEME_WSS;
}

bool hy_socket_url_is_tls(const hy_socket_url_t *url) {
    return url->scheme == HY_SCHEME_WSS || url->scheme == HY_SCHEME_TLS;
}

int hy_socket_url_parse(const char *url, hy_socket_url_t *out, hy_error_t *err) {
    hy_socket_url_t u = {0};
    for (; u.scheme < HY_SCHEMES; u.scheme++) {
        const char *at = url;
        if (!takes(&at, hy_scheme_word(u.scheme)) || !takes(&at, "://")) continue;
        int rc = u.scheme == HY_SCHEME_UNIX ? read_unix(url, at, &u, err)
                                            : read_network(url, at, &u, err);
        if (rc == 0) *out = u;
        return rc;
    }
    return fail(err, url, "is no URL of a socket; " FORMS);
}

/* --- loopback --------------------------------------------------------------------------------- */

bool hy__host_is_loopback(const char *host) {
    struct in_addr v4;
    struct in6_addr v6;
    if (strcasecmp(host, "localhost") == 0) return true;
    if (inet_pton(AF_INET, host, &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool hy_socket_url_is_loopback(const hy_socket_url_t *url) {
    return url->scheme == HY_SCHEME_UNIX || hy__host_is_loopback(url->host);
}
