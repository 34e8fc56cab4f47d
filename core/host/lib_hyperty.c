/* What `require "hyperty"` gives: values that JSON needs and Lua lacks, time, identifiers. Tasks,
 * timers, other hyperties and texts are in lib_task.c, lib_timer.c, lib_peer.c and lib_text.c. */
#include "lib_syncher.h"

#include "internal.h"

#include <math.h>

static const char hyperty_key = 0;

hy_instance_t *hy__lib_instance(lua_State *L, const char *what) {
    hy_instance_t *i = hy_instance_of(L);
    if (i->self_ref < 0) {
        luaL_error(L, "%s: not while the file is loading; do it in start", what);
    }
    return i;
}

uint64_t hy__lib_seconds(lua_State *L, int arg, uint64_t least_ms) {
    lua_Number s = luaL_checknumber(L, arg);
    luaL_argcheck(L, s >= 0 && s <= HY_WAIT_S_MAX, arg, "seconds expected, from 0 on");
    uint64_t ms = (uint64_t)ceil(s * 1000 - 1e-6); /* never early; 0.1 is 100, not 101 */
    return ms < least_ms ? least_ms : ms;
}

/* --- values ----------------------------------------------------------------------------------- */

/* hyperty.array{…} and hyperty.object{…}: the table itself, marked. Upvalue: the metatable. */
static int mark(lua_State *L) {
    const hy_instance_t *i = hy_instance_of(L);
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_getmetatable(L, 1)) {
        const void *found = lua_topointer(L, -1);
        luaL_argcheck(L, found == i->array_mark || found == i->object_mark, 1,
                      "a plain table expected, not one with a metatable");
    }
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, 1);
    return 1;
}

static int null_tostring(lua_State *L) {
    lua_pushliteral(L, "null");
    return 1;
}

static int copy(lua_State *L) {
    hy_error_t err;
    hy_view_t *view;
    hy_node_t *node;
    luaL_checkany(L, 1);
    if (hy_handle_test(L, 1, &view, &node)) {
        if (hy_view_check(view, node, &err) < 0) return hy_raise(L, &err);
        hy_value_push(L, hy_node_value(node));
        return 1;
    }
    if (!lua_istable(L, 1)) {
        lua_settop(L, 1);
        return 1;
    }
    hy_value_t *held = hy_class_value(L, 1, "copy");
    hy_value_push(L, *held);
    hy_value_drop(hy_value_take(held));
    return 1;
}

/* --- time and identifiers --------------------------------------------------------------------- */

static int now(lua_State *L) {
    int64_t ms = hy_clock_wall(hy__host_clock(hy_instance_of(L)->host));
    lua_pushnumber(L, (lua_Number)ms / 1000);
    return 1;
}

static int uuid(lua_State *L) {
    char text[37] = "";
    hy_str_t *id = hy_random_uuid(hy_bus_random(hy__host_bus(hy_instance_of(L)->host)));
    if (!id) return luaL_error(L, "uuid: %s", hy_error_text(HY_ENOMEM));
    memcpy(text, id->bytes, id->len < sizeof text ? id->len : sizeof text - 1);
    hy_str_unref(id); /* before anything may raise */
    lua_pushstring(L, text);
    return 1;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Makes the metatable `name` whose identity is *mark, and sets the function that marks with it. */
static void open_mark(lua_State *L, const void **identity, const char *name) {
    lua_createtable(L, 0, 2);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
    *identity = lua_topointer(L, -1);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, identity);
    lua_pushcclosure(L, mark, 1);
    lua_setfield(L, -2, name);
}

static void open_null(lua_State *L, const void **identity) {
    *identity = lua_newuserdatauv(L, 1, 0);
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, null_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "null");
    lua_setfield(L, -2, "__name");
    lua_pushliteral(L, "null");
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, identity);
    lua_setfield(L, -2, "null");
}

/* array and object need an upvalue: they are made below. */
const hy_method_t hy_lib_value_functions[] = {
    {"array", NULL, "items?: any[]", "any[]", "marks a table as an array, which an empty one needs",
     NULL},
    {"object", NULL, "fields?: table", "table", "marks a table as an object", NULL},
    {"copy", copy, "value: any", "any", "a plain table of what a data handle names", NULL},
    {"now", now, NULL, "number", "seconds since 1970, with a fraction", NULL},
    {"uuid", uuid, NULL, "string", "a new identifier", NULL},
    {NULL}};

void hy_lib_hyperty_open(lua_State *L) {
    hy_instance_t *i = hy_instance_of(L);
    lua_newtable(L);
    hy_class_functions(L, hy_lib_value_functions);
    open_mark(L, &i->array_mark, "array");
    open_mark(L, &i->object_mark, "object");
    open_null(L, &i->null_mark);
    hy__lib_task_open(L);
    hy__lib_timer_open(L);
    hy__lib_peer_open(L);
    hy__lib_text_open(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &hyperty_key);
}

void hy__lib_hyperty_freeze(lua_State *L) {
    hy__lib_hyperty_push(L);
    hy__frozen_field(L, "json", "hyperty.json");
    hy__frozen_field(L, "log", "hyperty.log");
    hy__frozen_make(L, "hyperty");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &hyperty_key);
}

void hy__lib_hyperty_push(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &hyperty_key);
}
