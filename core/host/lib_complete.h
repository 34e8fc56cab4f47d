/* What completion at a prompt looks at: names that the host knows. It runs no code of scripts. */
#ifndef HY_HOST_LIB_COMPLETE_H
#define HY_HOST_LIB_COMPLETE_H

#include "instance.h"

/* Adds its primitives to the table on top, which lua/hyperty/prompt.lua gets as `host`:
 *      members(object)      fields and methods of an object of the host, two lists; else nothing
 *      events(object)       the words of its `on`
 *      schemas()            names
 *      schema(name|object)  {fields=, collections=}, two lists; nil: not known
 *      options(method)      the named arguments of a method of the syncher; nil: it has none
 *      loadable()           names of hyperties that are found on the path
 *      files(folder)        folders (with a slash) and Lua files in it */
void hy_lib_complete_open(lua_State *L);

/* Has `complete` of the table at that key of the registry (what prompt.lua gave) answer the
 * question of a frame. Gives the object of the frame "completion", without its id; ABSENT: out of
 * memory. */
hy_value_t hy_complete(hy_instance_t *i, const void *key, const hy_node_t *question);

#endif
