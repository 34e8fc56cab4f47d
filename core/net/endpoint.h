/* Addresses of sockets as the kernel takes them, and sockets set up our way: they do not block, are
 * not inherited, send small messages at once, and find out when nobody is there any more. */
#ifndef HY_NET_ENDPOINT_H
#define HY_NET_ENDPOINT_H

#include <sys/socket.h>

#include "url.h"

typedef struct {
    struct sockaddr_storage address;
    socklen_t len;
} hy_endpoint_t;

/* Room for what hy__endpoint_text writes. */
#define HY_ENDPOINT_TEXT_BYTES 300u

/* False if the host is a name, which has to be looked up. */
bool hy__endpoint_of(const hy_socket_url_t *url, hy_endpoint_t *out);
/* A new socket of that family, or a negative errno. */
int hy__endpoint_socket(const struct sockaddr *address);
void hy__endpoint_tune(int fd, int family);
/* "127.0.0.1:51344" or "[::1]:51344"; of a Unix socket its path. */
void hy__endpoint_text(const hy_endpoint_t *e, char *text);
/* Of the other end, or of this one. False: unknown. */
bool hy__endpoint_peer(int fd, hy_endpoint_t *out);
bool hy__endpoint_own(int fd, hy_endpoint_t *out);

#endif
