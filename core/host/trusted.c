/* All of Lua for hyperties that the host's configuration trusts: io, os, debug, package with
 * `require` of Lua and C modules, load of compiled code.
 *
 * What waits or belongs to the runtime stays the host's own: coroutine, xpcall, next, print, the
 * time. So does setmetatable: a finaliser in Lua could run while the state is taken down. Their
 * budget and memory are bounded as anybody's, but nothing is frozen for them, and with `debug` they
 * can undo what they like. */
#include "internal.h"

/* Of the globals that luaopen_base sets, those that stay as they were. */
static const char *const kept_base[] = {"next", "print", "xpcall", "_G", "setmetatable", NULL};
static const char *const kept_os[] = {"time", "date", NULL};

/* Copies the fields from the table at `from` to the one at `to`; both absolute. */
static void copy_fields(lua_State *L, int from, int to, const char *const *names) {
    for (; *names; names++) {
        lua_getfield(L, from, *names);
        lua_setfield(L, to, *names);
    }
}

/* luaopen_base sets its functions in the globals. */
static void open_base(lua_State *L, int globals) {
    lua_newtable(L);
    copy_fields(L, globals, lua_gettop(L), kept_base);
    lua_pushcfunction(L, luaopen_base);
    lua_call(L, 0, 0);
    copy_fields(L, lua_gettop(L), globals, kept_base);
    lua_pop(L, 1);
}

/* A library in the place of the host's one, of which `kept` stays. */
static void open_in_place(lua_State *L, int globals, const char *name, lua_CFunction open,
                          const char *const *kept) {
    lua_pushcfunction(L, open);
    lua_call(L, 0, 1);
    int library = lua_gettop(L);
    if (lua_getfield(L, globals, name) == LUA_TTABLE) copy_fields(L, library + 1, library, kept);
    lua_pop(L, 1);
    lua_setfield(L, globals, name);
}

/* Methods and functions of strings as the host has them, and dump. */
static void open_dump(lua_State *L, int globals) {
    static const char *const names[] = {"dump", NULL};
    lua_getfield(L, globals, "string");
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_getfield(L, -1, "__index"); /* string, "", metatable, methods */
    lua_pushcfunction(L, luaopen_string);
    lua_call(L, 0, 1);
    lua_getfield(L, -1, names[0]);
    lua_setfield(L, -6, names[0]);
    lua_pop(L, 1);
    lua_setfield(L, -2, "__index"); /* which luaopen_string set to its own */
    lua_pop(L, 3);
}

/* `require` of Lua goes behind the host's: its upvalue 2 is what to ask for what is not here. */
static void open_package(lua_State *L, int globals) {
    static const char *const names[] = {"string", "table", "math",      "utf8", "os",
                                        "io",     "debug", "coroutine", "_G",   NULL};
    lua_getfield(L, globals, "require");
    lua_pushcfunction(L, luaopen_package);
    lua_call(L, 0, 1);
    lua_getfield(L, -1, "loaded");
    copy_fields(L, globals, lua_gettop(L), names);
    lua_pop(L, 1);
    lua_setfield(L, globals, "package");
    lua_getfield(L, globals, "require");
    lua_setupvalue(L, -2, 2);
    lua_setfield(L, globals, "require");
}

void hy__trusted_open(lua_State *L) {
    static const char *const none[] = {NULL};
    lua_pushglobaltable(L);
    int globals = lua_gettop(L);
    open_base(L, globals);
    open_in_place(L, globals, "os", luaopen_os, kept_os);
    open_in_place(L, globals, "io", luaopen_io, none);
    open_in_place(L, globals, "debug", luaopen_debug, none);
    open_dump(L, globals);
    open_package(L, globals);
    lua_pop(L, 1);
    hy__instance_log(hy_instance_of(L), HY_LOG_WARN, "trusted",
                     "it has all of Lua's libraries, io, os, package and debug too");
}
