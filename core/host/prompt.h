/* The host's end of a prompt: evaluates what a client in another process sends (frame.h) in an
 * instance of its own, and hands on what hyperties print and what is logged.
 *
 * The client is never waited for. What it does not read is kept up to HY_PROMPT_QUEUE_BYTES_MAX;
 * prints and log lines beyond that are dropped, counted, and the count is told; and nothing more of
 * it is evaluated until it has read. */
#ifndef HY_HOST_PROMPT_H
#define HY_HOST_PROMPT_H

#include "../loop/loop.h"
#include "../node/node.h"
#include "host.h"

typedef struct hy_prompt hy_prompt_t;

typedef struct {
    hy_host_t *host;
    hy_loop_t *loop;
    int fd; /* connected stream socket; the prompt's own from now on, also on failure */
    const hy_node_server_t *node; /* in this process, outlives the host; NULL: elsewhere */
    const char *hello;            /* said first, to whom it may be new; NULL: nothing */
    /* Once: the client is gone (`why` NULL), or the prompt cannot go on (text; the client is told,
     * too). Maybe from inside Lua. */
    void (*ended)(void *arg, const char *why);
    void *arg;
} hy_prompt_config_t;

int hy_prompt_open(const hy_prompt_config_t *config, hy_prompt_t **out, hy_error_t *err);
/* After the host is gone, before the loop is. What is queued is still handed over to a client that
 * takes something of it by that time of the loop's clock, which is then put off: so that several
 * who take nothing are waited for together. NULL allowed. */
void hy_prompt_close(hy_prompt_t *p, uint64_t *until_ms);
/* While the host lives: what the client has under way is cancelled, its instance is unloaded, and
 * nothing is waited for. Not from inside Lua. NULL allowed. */
void hy_prompt_leave(hy_prompt_t *p);
/* The name of its instance; NULL: it has none yet. */
const char *hy_prompt_name(const hy_prompt_t *p);
/* Text that a hyperty prints; a line of the log. */
void hy_prompt_print(hy_prompt_t *p, const char *name, const char *text);
void hy_prompt_log(hy_prompt_t *p, const char *line);

#endif
