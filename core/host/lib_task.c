/* hyperty.spawn, sleep and wait. */
#include "api.h"
#include "internal.h"

/* spawn(fn, …): runs fn(…) in a task of its own, from the next turn on. */
static int spawn(lua_State *L) {
    hy_instance_t *i = hy__lib_instance(L, "spawn");
    int count = lua_gettop(L);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    hy_origin_t origin;
    hy__trace_origin(L, &origin);
    if (!lua_checkstack(i->L, count + 1)) return luaL_error(L, "spawn: too many arguments");
    if (L != i->L) lua_xmove(L, i->L, count);
    int rc = hy__task_spawn_from(i, count - 1, "spawned function", "spawned", &origin, NULL, NULL);
    if (rc < 0) return hy_push_failure(L, rc, NULL);
    lua_pushboolean(L, 1);
    return 1;
}

static int sleep_for(lua_State *L) {
    uint64_t delay_ms = hy__lib_seconds(L, 1, 0);
    return hy__wait_sleep(L, delay_ms);
}

/* wait(fn, timeout): fn's results, or nil, message, "timeout". What fn raises is raised. */
static int wait_for(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    uint64_t timeout_ms = hy__lib_seconds(L, 2, 0);
    return hy__wait_child(L, timeout_ms);
}

const hy_method_t hy_lib_task_functions[] = {
    {"spawn", spawn, "fn: function, ...: any", "true" HY_OR_WHY,
     "runs the function in a task of its own", NULL},
    {"sleep", sleep_for, "seconds: number", "true", "waits", NULL},
    {"wait", wait_for, "fn: fun(): ..., timeout: number", "..." HY_OR_WHY,
     "what the function gives, or nil, message, \"timeout\"", NULL},
    {NULL}};

void hy__lib_task_open(lua_State *L) {
    hy_class_functions(L, hy_lib_task_functions);
}
