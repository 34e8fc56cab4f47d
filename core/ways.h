/* Ways to message nodes as people write them: a list of URLs, with the domain before those that are
 * not of the own one. */
#ifndef HY_WAYS_H
#define HY_WAYS_H

#include "net/socket.h"
#include "runtime.h"

typedef struct {
    hy_way_t list[HY_WAYS_MAX];
    uint32_t count;
    char *text; /* a copy of what was given, cut into pieces that the list points to */
} hy_ways_t;

/* Reads "URL DOMAIN=URL, …", separated by spaces or commas: one way for each domain, with all its
 * URLs to be tried in turn; that of the own domain (`own`, NULL: "localhost") comes first, and is
 * the one for all domains that have no other. On failure nothing is kept but `text`, and `err` says
 * which URL is wrong. `ways` is zeroed before, and to be released. */
int hy_ways_open(hy_ways_t *ways, const char *text, const char *own, hy_sockets_t *sockets,
                 hy_error_t *err);
/* The connectors are their runtime's by then. */
void hy_ways_release(hy_ways_t *ways);

#endif
