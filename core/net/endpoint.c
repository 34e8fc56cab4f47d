/* Socket addresses and options. Nothing is owned. */
#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

bool hy__endpoint_of(const hy_socket_url_t *url, hy_endpoint_t *out) {
    *out = (hy_endpoint_t){0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->address;
    if (url->scheme == HY_SCHEME_UNIX) {
        struct sockaddr_un *local = (struct sockaddr_un *)&out->address;
        local->sun_family = AF_UNIX;
        memcpy(local->sun_path, url->path, strlen(url->path) + 1);
        out->len = sizeof *local;
        return true;
    }
    if (inet_pton(AF_INET, url->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)url->port);
        out->len = sizeof *v4;
        return true;
    }
    if (inet_pton(AF_INET6, url->host, &v6->sin6_addr) != 1) return false;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)url->port);
    out->len = sizeof *v6;
    return true;
}

int hy__endpoint_socket(const struct sockaddr *address) {
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

static void set(int fd, int level, int option, int value) {
    setsockopt(fd, level, option, &value, sizeof value); /* as well as the system can */
}

void hy__endpoint_tune(int fd, int family) {
    if (family == AF_UNIX) return;
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, HY_KEEPALIVE_S);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, HY_KEEPALIVE_BEAT_S);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, HY_KEEPALIVE_BEATS);
}

void hy__endpoint_text(const hy_endpoint_t *e, char *text) {
    char host[INET6_ADDRSTRLEN] = "?";
    if (e->address.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&e->address;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(text, HY_ENDPOINT_TEXT_BYTES, "%s:%u", host, ntohs(v4->sin_port));
    } else if (e->address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&e->address;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(text, HY_ENDPOINT_TEXT_BYTES, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        const struct sockaddr_un *local = (const struct sockaddr_un *)&e->address;
        bool has_path = e->len > offsetof(struct sockaddr_un, sun_path);
        snprintf(text, HY_ENDPOINT_TEXT_BYTES, "%s", has_path ? local->sun_path : "");
    }
}

bool hy__endpoint_peer(int fd, hy_endpoint_t *out) {
    *out = (hy_endpoint_t){.len = sizeof out->address};
    return getpeername(fd, (struct sockaddr *)&out->address, &out->len) == 0;
}

bool hy__endpoint_own(int fd, hy_endpoint_t *out) {
    *out = (hy_endpoint_t){.len = sizeof out->address};
    return getsockname(fd, (struct sockaddr *)&out->address, &out->len) == 0;
}
