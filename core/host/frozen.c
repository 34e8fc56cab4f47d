/* Tables that scripts share with the host, and may not change: the libraries.
 *
 *      script ── string ──► proxy, empty ── __index ──► the library
 *      ("x"):rep  ─────────────────────────────────────► the library
 *
 * Lua cannot trap an assignment to a key that is there, so what the script holds is an empty table
 * in front of the real one. A read that is not kept in a local costs one step more (a few
 * nanoseconds); methods of strings go to the library at once. Nothing gives the real table away:
 * next, pairs, rawget see through the proxy, rawset and setmetatable refuse it, and iterators hold
 * the proxy. A script that wants another `string` sets its own global of that name.
 *
 * All functions here are shared: a proxy knows its table and its name by its metatable. */
#include "internal.h"

/* table, key, value */
static int refuse(lua_State *L) {
    luaL_getmetafield(L, 1, "__name");
    const char *name = lua_tostring(L, -1);
    const char *key = luaL_tolstring(L, 2, NULL);
    return luaL_error(L, "%s is read-only: cannot set \"%s\"; use a table of your own", name, key);
}

bool hy__frozen_push(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) return false;
    lua_pushliteral(L, "__newindex");
    bool is_frozen = lua_rawget(L, -2) == LUA_TFUNCTION && lua_tocfunction(L, -1) == refuse;
    lua_pop(L, 1);
    if (is_frozen) {
        lua_pushliteral(L, "__index");
        lua_rawget(L, -2);
    }
    lua_remove(L, is_frozen ? -2 : -1);
    return is_frozen;
}

/* --- functions that see through --------------------------------------------------------------- */

/* table, key: the next one. */
static int next(lua_State *L) {
    lua_settop(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!hy__frozen_push(L, 1)) lua_pushvalue(L, 1);
    lua_insert(L, 2);
    if (lua_next(L, 2)) return 2;
    lua_pushnil(L);
    return 1;
}

static int pairs(lua_State *L) {
    lua_pushcfunction(L, next);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

int hy__frozen_next(lua_State *L) {
    return next(L);
}

static int raw_get(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    if (hy__frozen_push(L, 1)) lua_replace(L, 1);
    lua_rawget(L, 1);
    return 1;
}

static int raw_set(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    if (hy__frozen_push(L, 1)) {
        lua_settop(L, 3);
        return refuse(L);
    }
    lua_rawset(L, 1);
    return 1;
}

/* --- freezing --------------------------------------------------------------------------------- */

void hy__frozen_make(lua_State *L, const char *name) {
    static const luaL_Reg meta[] = {{"__newindex", refuse}, {"__pairs", pairs}, {NULL, NULL}};
    lua_newtable(L); /* real, proxy */
    lua_createtable(L, 0, 5);
    luaL_setfuncs(L, meta, 0);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

void hy__frozen_field(lua_State *L, const char *field, const char *name) {
    if (lua_getfield(L, -1, field) != LUA_TTABLE) {
        lua_pop(L, 1);
        return;
    }
    hy__frozen_make(L, name);
    lua_setfield(L, -2, field);
}

void hy__frozen_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"rawget", raw_get}, {"rawset", raw_set}, {NULL, NULL}};
    static const char *const libraries[] = {"string",    "table", "math", "utf8",
                                            "coroutine", "os",    NULL};
    lua_pushglobaltable(L);
    luaL_setfuncs(L, functions, 0);
    for (const char *const *name = libraries; *name; name++) {
        hy__frozen_field(L, *name, *name);
    }
    lua_pop(L, 1);
}
