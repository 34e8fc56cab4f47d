/* Values and plain Lua tables, in any Lua state: for configuration files and for the trusted
 * module, where there is no instance. The work is done by convert.c.
 *
 * A table whose keys are 1 to n is an array, one whose keys are strings an object; an empty one is
 * an object, unless it has the array metatable, which arrays get when pushed. JSON null is a light
 * userdata, NULL. */
#ifndef HY_HOST_PLAIN_H
#define HY_HOST_PLAIN_H

#include <lua.h>

#include "../base/value.h"

/* Never raises. HY_EINVALID with the place of what is not JSON ("body.value: a function is not
 * JSON"); HY_ETOO_LARGE: nesting, cycles too. */
int hy_plain_read(lua_State *L, int index, hy_value_t *out, hy_error_t *err);
/* May raise (memory): hold the value where that cannot lose it. */
void hy_plain_push(lua_State *L, hy_value_t v);
/* Pushes the array metatable. May raise. */
void hy_plain_push_array_meta(lua_State *L);

#endif
