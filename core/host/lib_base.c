/* The environment of a script: an allow list.
 *
 * Lua's libraries are opened, and what is named here is copied into a fresh table, which becomes
 * the state's globals. Nothing else of them can be reached: no files, no processes, no modules in
 * C, no bytecode, no debug. Where a function must know more (handles, waits, the host's print and
 * clock) ours takes its place. Scripts give no __gc, since a finaliser would run at any time and
 * beyond any budget. */
#include "internal.h"

#include <math.h>
#include <time.h>

/* Names of Lua's own functions in each library; ours come on top. */
static const char *const base_names[] = {
    "_VERSION", "assert", "error",  "getmetatable", "ipairs",   "pairs", "pcall",
    "rawequal", "rawlen", "select", "tonumber",     "tostring", "type",  NULL};
static const char *const string_names[] = {
    "byte", "char", "find",     "format",  "gmatch", "gsub",   "len",   "lower", "match",
    "pack", "rep",  "packsize", "reverse", "sub",    "unpack", "upper", NULL};
static const char *const math_names[] = {
    "abs",        "acos",  "asin", "atan",      "ceil", "cos",    "deg",
    "exp",        "floor", "fmod", "huge",      "log",  "max",    "maxinteger",
    "mininteger", "min",   "modf", "pi",        "rad",  "random", "randomseed",
    "sin",        "sqrt",  "tan",  "tointeger", "type", "ult",    NULL};
static const char *const utf8_names[] = {"char", "charpattern", "codepoint", "codes",
                                         "len",  "offset",      NULL};
static const char *const os_names[] = {"clock", "difftime", NULL};

#define LOAD_PIECE_BYTES 4096u

/* --- functions in place of Lua's -------------------------------------------------------------- */

static int base_print(lua_State *L) {
    const hy_instance_t *i = hy_instance_of(L);
    const hy_host_config_t *config = &i->host->config;
    int count = lua_gettop(L);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int at = 1; at <= count; at++) {
        if (at > 1) luaL_addchar(&b, '\t');
        luaL_tolstring(L, at, NULL);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    const char *text = lua_tostring(L, -1);
    if (config->print) {
        config->print(config->print_arg, i->name->bytes, text);
    } else {
        hy_log(config->log, HY_LOG_INFO, i->name->bytes, "%s", text);
    }
    return 0;
}

/* Upvalue: Lua's next. */
static int base_next(lua_State *L) {
    hy_view_t *view;
    hy_node_t *node;
    if (lua_type(L, 1) == LUA_TUSERDATA && hy_handle_test(L, 1, &view, &node)) {
        return hy__handle_next(L);
    }
    if (luaL_getmetafield(L, 1, "__newindex") != LUA_TNIL) {
        lua_pop(L, 1);
        return hy__frozen_next(L);
    }
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* Upvalue: the script's message handler. An error that ends a killed run goes past it: within the
 * hook that raises it nothing could end the handler. */
static int handle_message(lua_State *L) {
    if (hy__budget_is_killed(L)) return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* Upvalue: Lua's xpcall. */
static int base_xpcall(lua_State *L) {
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, handle_message, 1);
    lua_replace(L, 2);
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* A text that is read in pieces: between them it may turn out to be too long. */
typedef struct {
    const char *text;
    size_t left;
    const volatile sig_atomic_t *is_due;
} source_t;

static const char *read_piece(lua_State *L, void *arg, size_t *len) {
    source_t *s = arg;
    const char *piece = s->text;
    hy_budget_poll(L, s->is_due);
    *len = s->left < LOAD_PIECE_BYTES ? s->left : LOAD_PIECE_BYTES;
    s->text += *len;
    s->left -= *len;
    return piece;
}

/* text, chunk's name, mode, environment */
static int load_text(lua_State *L) {
    bool has_env = lua_gettop(L) == 4;
    source_t s = {.is_due = hy__budget_flag(L)};
    s.text = lua_tolstring(L, 1, &s.left);
    const char *name = luaL_optstring(L, 2, s.text);
    if (lua_load(L, read_piece, &s, name, "t") != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (has_env) {
        lua_pushvalue(L, 4);
        if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
    }
    return 1;
}

/* Upvalue: Lua's load, for functions that give a text piece by piece. Text only, whatever is asked
 * for. */
static int base_load(lua_State *L) {
    const char *mode = luaL_optstring(L, 3, "t");
    luaL_argcheck(L, strchr(mode, 't'), 3, "only text can be loaded");
    if (lua_gettop(L) < 3) lua_settop(L, 3);
    if (lua_gettop(L) > 4) lua_settop(L, 4);
    lua_pushliteral(L, "t");
    lua_replace(L, 3);
    if (lua_isstring(L, 1)) return load_text(L);
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static bool is_protected(lua_State *L) {
    const hy_instance_t *i = hy_instance_of(L);
    if (!lua_getmetatable(L, 1)) return false;
    const void *mark = lua_topointer(L, -1);
    lua_pop(L, 1);
    if (mark == i->array_mark || mark == i->object_mark) return false; /* anybody's to change */
    return luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL;
}

/* Values that are kept by weak keys (and by weak keys alone) cost the collector the square of their
 * number, in one piece that no budget sees. */
static void check_mode(lua_State *L) {
    const hy_instance_t *i = hy_instance_of(L);
    lua_pushliteral(L, "__mode");
    const char *mode = lua_rawget(L, 2) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    bool is_ephemeron = strchr(mode, 'k') && !strchr(mode, 'v');
    if (is_ephemeron && !i->is_trusted && !i->is_prompt) {
        luaL_error(L, "setmetatable: there is no __mode \"k\" here; use \"v\" or \"kv\"");
    }
    lua_pop(L, 1);
}

static int base_setmetatable(lua_State *L) {
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    if (is_protected(L)) return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    if (type == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL) {
            return luaL_error(L,
                              "setmetatable: there is no __gc here; use a to-be-closed variable, "
                              "or the hyperty's stop");
        }
        lua_pop(L, 1);
        check_mode(L);
    }
    lua_setmetatable(L, 1);
    return 1;
}

/* --- os --------------------------------------------------------------------------------------- */

static lua_Integer now_s(lua_State *L) {
    int64_t ms = hy_clock_wall(hy__host_clock(hy_instance_of(L)->host));
    return (lua_Integer)((ms - (ms < 0 ? 999 : 0)) / 1000);
}

/* Upvalue: Lua's function, for which the present is the runtime's. */
static int os_time(lua_State *L) {
    if (!lua_isnoneornil(L, 1)) return lua_tocfunction(L, lua_upvalueindex(1))(L);
    lua_pushinteger(L, now_s(L));
    return 1;
}

static int os_date(lua_State *L) {
    lua_settop(L, 2);
    if (lua_isnil(L, 1)) {
        lua_pushliteral(L, "%c");
        lua_replace(L, 1);
    }
    luaL_argcheck(L, lua_rawlen(L, 1) <= HY_DATE_FORMAT_BYTES, 1, "format too long");
    if (lua_isnil(L, 2)) {
        lua_pushinteger(L, now_s(L));
        lua_replace(L, 2);
    }
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Copies the names from the table at `from` to the one on top. */
static void copy_names(lua_State *L, int from, const char *const *names) {
    for (; *names; names++) {
        lua_getfield(L, from, *names);
        lua_setfield(L, -2, *names);
    }
}

/* Sets `function` with Lua's own one of that name in the table at `from` as upvalue. */
static void replace(lua_State *L, int from, const char *name, lua_CFunction function) {
    lua_getfield(L, from, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
}

/* Opens a library of Lua and pushes a table with these names of it. */
static void push_library(lua_State *L, lua_CFunction open, const char *const *names) {
    int count = 0;
    while (names[count])
        count++;
    lua_pushcfunction(L, open);
    lua_call(L, 0, 1);
    lua_createtable(L, 0, count);
    copy_names(L, lua_gettop(L) - 1, names);
    lua_remove(L, -2);
}

static void open_os(lua_State *L) {
    lua_pushcfunction(L, luaopen_os);
    lua_call(L, 0, 1);
    lua_newtable(L);
    copy_names(L, lua_gettop(L) - 1, os_names);
    replace(L, lua_gettop(L) - 1, "time", os_time);
    replace(L, lua_gettop(L) - 1, "date", os_date);
    lua_remove(L, -2);
}

/* Methods of strings are those of the library that is left. */
static void open_string(lua_State *L) {
    push_library(L, luaopen_string, string_names);
    hy__lib_string_open(L);
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

/* Random numbers of a script come from the runtime's source, so that a run can be repeated. */
static void open_math(lua_State *L) {
    hy_random_t *random = hy_bus_random(hy__host_bus(hy_instance_of(L)->host));
    push_library(L, luaopen_math, math_names);
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, (lua_Integer)hy_random_u64(random));
    lua_pushinteger(L, (lua_Integer)hy_random_u64(random));
    lua_call(L, 2, 0);
}

void hy_lib_base_open(lua_State *L) {
    lua_pushcfunction(L, luaopen_base);
    lua_call(L, 0, 1);
    int base = lua_gettop(L);
    lua_newtable(L);
    copy_names(L, base, base_names);
    replace(L, base, "next", base_next);
    replace(L, base, "load", base_load);
    replace(L, base, "xpcall", base_xpcall);
    lua_pushcfunction(L, base_print);
    lua_setfield(L, -2, "print");
    lua_pushcfunction(L, base_setmetatable);
    lua_setfield(L, -2, "setmetatable");
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "_G");
    hy__lib_require_open(L);
    lua_setfield(L, -2, "require");
    hy__lib_coroutine_open(L);
    lua_setfield(L, -2, "coroutine");
    open_string(L);
    lua_setfield(L, -2, "string");
    open_math(L);
    lua_setfield(L, -2, "math");
    push_library(L, luaopen_utf8, utf8_names);
    lua_setfield(L, -2, "utf8");
    open_os(L);
    lua_setfield(L, -2, "os");
    lua_pushvalue(L, -1);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_settop(L, base - 1);
}
