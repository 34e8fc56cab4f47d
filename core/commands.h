/* The commands of the program. Each gives the exit status. */
#ifndef HY_COMMANDS_H
#define HY_COMMANDS_H

#include "options.h"

int hy_command_run(const hy_options_t *options);
int hy_command_check(const hy_options_t *options);
int hy_command_attach(const hy_options_t *options);
int hy_command_repl(const hy_options_t *options);
int hy_command_node(const hy_options_t *options);
int hy_command_schema(const hy_options_t *options);
int hy_command_store(const hy_options_t *options);
int hy_command_token(const hy_options_t *options);
int hy_command_new(const hy_options_t *options);

#endif
