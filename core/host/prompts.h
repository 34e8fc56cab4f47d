/* The prompts of one host: clients that are there now, each with an instance and globals of its
 * own, and the socket by which more of them come.
 *
 *      socket ──► accepted, checked ──► prompt ──► host
 *                                       prompt ◄── prints, log lines: to all of them
 *
 * Who connects must be of the same user as this process. One who goes takes along what it had under
 * way; one who does not read costs a bounded queue (prompt.h). */
#ifndef HY_HOST_PROMPTS_H
#define HY_HOST_PROMPTS_H

#include "prompt.h"

typedef struct hy_prompts hy_prompts_t;

typedef struct {
    hy_loop_t *loop;              /* outlives the prompts */
    const hy_log_t *log;          /* may be NULL */
    const hy_node_server_t *node; /* as in prompt.h */
    const char *hello;            /* what a client is told that it talks to; copied */
    /* The host, made now if that is how it is; NULL and why not. */
    hy_host_t *(*host)(void *arg, hy_error_t *err);
    void *arg;
} hy_prompts_config_t;

int hy_prompts_open(const hy_prompts_config_t *config, hy_prompts_t **out, hy_error_t *err);
/* Lets clients in by a Unix socket of mode 0600 at that path, once. Of a socket there that nobody
 * answers on, the file is replaced. The file goes with the prompts. */
int hy_prompts_listen(hy_prompts_t *ps, const char *path, hy_error_t *err);
/* One client is connected already, without a hello: the descriptor is taken over, also on failure.
 * `ended` as in prompt.h; afterwards it stays until the prompts are closed. */
int hy_prompts_add(hy_prompts_t *ps, int fd, void (*ended)(void *arg, const char *why), void *arg,
                   hy_error_t *err);
/* After the host is gone, before the loop is. NULL allowed. */
void hy_prompts_close(hy_prompts_t *ps);
uint32_t hy_prompts_count(const hy_prompts_t *ps);

/* Text that a hyperty prints: shown by all clients; but what the instance of one of them prints is
 * shown by that one alone, and then this is true. NULL allowed. */
bool hy_prompts_print(hy_prompts_t *ps, const char *name, const char *text);
/* A line of the log, to all. NULL allowed. */
void hy_prompts_log(hy_prompts_t *ps, const char *line);

#endif
