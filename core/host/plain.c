/* Plain Lua tables in states that have no instance: the conversion of convert.c with marks of its
 * own. The array metatable is in the registry of each state, under the address of its key. */
#include "plain.h"

#include "internal.h"

static const char array_key, object_key; /* no table is marked as an object here */

void hy_plain_push_array_meta(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
}

int hy_plain_read(lua_State *L, int index, hy_value_t *out, hy_error_t *err) {
    hy__refusal_t why;
    if (!lua_checkstack(L, 1)) return hy_fail(err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
    index = lua_absindex(L, index);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
    const void *array = lua_topointer(L, -1);
    lua_pop(L, 1);
    hy__marks_t marks = {.array = array ? array : &array_key, .object = &object_key};
    int rc = hy__value_read_marked(L, index, &marks, out, &why);
    return rc == 0 ? 0 : hy__refusal_fail(&why, err);
}

void hy_plain_push(lua_State *L, hy_value_t v) {
    hy__marks_t keys = {.array = &array_key};
    luaL_checkstack(L, 2, "nesting");
    hy_plain_push_array_meta(L); /* made, if it is missing */
    lua_pop(L, 1);
    hy__value_push_marked(L, v, &keys);
}
