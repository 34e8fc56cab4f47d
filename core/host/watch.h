/* Reloading what was edited (`--watch`): the files of a host's hyperties are looked at, and who
 * uses one that has changed is reloaded. What came of it is a line of the log. */
#ifndef HY_HOST_WATCH_H
#define HY_HOST_WATCH_H

#include "../loop/loop.h"
#include "host.h"

typedef struct hy_watch hy_watch_t;

/* Of the hyperties that there are, and of those that will be. One at a time for a host. */
int hy_watch_open(hy_host_t *h, hy_loop_t *loop, hy_watch_t **out);
/* A file that may matter to any of them: when it changes, all are reloaded. */
void hy_watch_shared(hy_watch_t *w, const char *path);
/* Before the host is freed; reloads that are under way go on. NULL allowed. */
void hy_watch_close(hy_watch_t *w);

#endif
