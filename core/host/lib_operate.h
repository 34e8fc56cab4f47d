/* What an operator asks at a prompt: what a message node in this process holds, and where messages
 * of an object go. Only prompts have it. */
#ifndef HY_HOST_LIB_OPERATE_H
#define HY_HOST_LIB_OPERATE_H

#include "../node/node.h"
#include "instance.h"

/* Adds to the table on top:
 *
 *      node(list [, part])   a list of node/inspect.h and how many there are; node("stats"): the
 *                            figures; nil and a message: there is no node here
 *      trace(url)            a trace: from now on each message that goes to or comes from that
 *                            object through the bus is printed as the prompt's own
 *      untrace(trace)        no more
 *
 * `node` NULL: it is in another process; else it outlives the state. A trace ends with the state at
 * the latest; only while there is one does the bus do anything for it. */
void hy_lib_operate_open(lua_State *L, const hy_node_server_t *node);

#endif
