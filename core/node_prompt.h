/* Prompts in the process of a message node (`hyperty attach`): it has no Lua of its own. The first
 * client makes a runtime, joined to the node inside the process, which stays until the node ends.
 */
#ifndef HY_NODE_PROMPT_H
#define HY_NODE_PROMPT_H

#include "host/prompts.h"
#include "options.h"

typedef struct hy_node_prompt hy_node_prompt_t;

typedef struct {
    const hy_options_t *options;
    hy_loop_t *loop; /* these outlive the prompts */
    hy_random_t *random;
    const hy_log_t *log;
    hy_node_server_t *node;
} hy_node_prompt_config_t;

/* Lets clients in, as --attach says. */
int hy_node_prompt_open(const hy_node_prompt_config_t *config, hy_node_prompt_t **out,
                        hy_error_t *err);
/* A line of the log, for all clients. NULL allowed. */
void hy_node_prompt_log(hy_node_prompt_t *p, const char *line);
/* Before the node goes. NULL allowed. */
void hy_node_prompt_close(hy_node_prompt_t *p);

#endif
