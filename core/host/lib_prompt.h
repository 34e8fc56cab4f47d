/* What a trusted prompt may do beyond a hyperty, and its commands in Lua. */
#ifndef HY_HOST_LIB_PROMPT_H
#define HY_HOST_LIB_PROMPT_H

#include "../node/node.h"
#include "instance.h"

/* Runs lua/hyperty/prompt.lua in the instance and pushes the table that it gives: the functions
 * `eval(code, width, color, terminal)` and `start(name)`, which give an outcome and a text
 * (frame.h), and `complete` (lib_complete.h). `node` as in lib_operate.h.
 * Raises. */
void hy_lib_prompt_push(lua_State *L, const hy_node_server_t *node);

#endif
