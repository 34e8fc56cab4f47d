/* How run, repl and node let clients in (`hyperty attach`): as --attach says, else by a file of
 * their own (attach_paths.h). */
#ifndef HY_ATTACH_LISTEN_H
#define HY_ATTACH_LISTEN_H

#include "host/prompts.h"
#include "options.h"

typedef struct {
    const hy_options_t *options;
    const char *label; /* what runs; NULL: nothing that has a name */
    hy_loop_t *loop;
    const hy_log_t *log;
    bool is_quiet;                                  /* that it listens is of interest to few */
    const hy_node_server_t *node;                   /* as in host/prompt.h */
    hy_host_t *(*host)(void *arg, hy_error_t *err); /* as in host/prompts.h */
    void *arg;
} hy_attach_config_t;

/* That the usual socket cannot be had is a warning only. */
int hy_attach_listen(const hy_attach_config_t *config, hy_prompts_t **out, hy_error_t *err);
/* The names of hyperties as one text: "group_chat+clock". NULL when out of memory. */
hy_str_t *hy_attach_label(const hy_texts_t *names);

#endif
