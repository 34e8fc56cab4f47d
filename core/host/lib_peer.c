/* hyperty.call, emit and follow: what hyperties do with each other beside data objects.
 *
 * Functions that follow are kept in the registry: by hyperty URL, then by name of the event, a
 * list. The core is asked once for each hyperty. */
#include "lib_syncher.h"

#include "internal.h"

static const char follows_key = 0;

/* The string at `arg`; the reference is held by a userdata that is left on the stack. */
static hy_str_t *check_text(lua_State *L, int arg) {
    hy_class_text(L, arg, NULL);
    hy_value_t *held = hy_class_hold(L);
    *held = hy_string(hy_class_str(L, arg));
    if (held->kind == HY_ABSENT) luaL_error(L, "%s", hy_error_text(HY_ENOMEM));
    return held->as.s;
}

/* The arguments from `first` to `last`, held in the same way. */
static hy_value_t *check_values(lua_State *L, const char *what, int first, int last) {
    hy_error_t err = {0};
    hy_value_t *held = hy_class_hold(L);
    if (hy__values_from_lua(L, first, last, held, &err) < 0) {
        luaL_error(L, "%s: %s", what, err.text);
    }
    return held;
}

/* call(url, method, …): the value that the method gives. */
static int call(lua_State *L) {
    hy_instance_t *i = hy__lib_instance(L, "call");
    int last = lua_gettop(L);
    hy_error_t err = {0};
    hy_str_t *url = check_text(L, 1);
    const char *method = hy_class_text(L, 2, NULL);
    hy_value_t *params = check_values(L, "call", 3, last);
    hy_wait_t *w = hy_wait_open(L, "call");
    int rc =
        hy_syncher_execute(i->syncher, url, method, hy_value_take(params), hy_wait_value, w, &err);
    return hy_wait_end(L, w, rc, &err);
}

static int emit_to(lua_State *L, const char *method, bool is_here) {
    hy_instance_t *i = hy__lib_instance(L, method);
    int last = lua_gettop(L);
    hy_error_t err = {0};
    const char *name = hy_class_text(L, 1, NULL);
    hy_value_t *values = check_values(L, method, 2, last);
    int rc = hy_syncher_emit(i->syncher, name, hy_value_take(values), is_here, &err);
    if (rc < 0) return hy_push_failure(L, rc, err.text);
    lua_pushboolean(L, 1);
    return 1;
}

/* emit(name, …): to whoever follows this hyperty. */
static int emit(lua_State *L) {
    return emit_to(L, "emit", false);
}

/* emit_here(name, …): to those of this runtime, and no node. */
static int emit_here(lua_State *L) {
    return emit_to(L, "emit_here", true);
}

/* --- following -------------------------------------------------------------------------------- */

/* Replaces the table on top by the one in its field, made if missing. */
static void descend(lua_State *L, const char *bytes, size_t len) {
    lua_pushlstring(L, bytes, len);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    lua_replace(L, -3);
    lua_pop(L, 1);
}

/* The answer is there, and url, name and fn still are at 1 to 3. */
static int end_follow(lua_State *L, int status, lua_KContext base) {
    (void)status;
    int results = hy__wait_results(L, base);
    if (!lua_toboolean(L, (int)base + 1)) return results;
    size_t url_len, name_len;
    const char *url = lua_tolstring(L, 1, &url_len), *name = lua_tolstring(L, 2, &name_len);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &follows_key);
    descend(L, url, url_len);
    descend(L, name, name_len);
    lua_pushvalue(L, 3);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pushboolean(L, 1);
    return 1;
}

/* follow(url, name, fn): true once events will come. */
static int follow(lua_State *L) {
    hy_instance_t *i = hy__lib_instance(L, "follow");
    hy_error_t err = {0};
    hy_class_text(L, 2, NULL);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    lua_settop(L, 3);
    hy_str_t *url = check_text(L, 1);
    hy_wait_t *w = hy_wait_open(L, "follow");
    int rc = hy_syncher_follow(i->syncher, url, hy_wait_done, w, &err);
    return hy__wait_end(L, w, rc, &err, end_follow);
}

typedef struct {
    hy_instance_t *instance;
    hy_str_t *hyperty, *name;
    const hy_node_t *args;
} emitted_t;

static void run_followers(lua_State *L, void *arg) {
    const emitted_t *e = arg;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &follows_key);
    lua_pushlstring(L, e->hyperty->bytes, e->hyperty->len);
    if (lua_rawget(L, 1) != LUA_TTABLE) return;
    lua_pushlstring(L, e->name->bytes, e->name->len);
    if (lua_rawget(L, 2) != LUA_TTABLE) return;
    lua_Integer count = (lua_Integer)lua_rawlen(L, 3); /* those added meanwhile hear the next one */
    for (lua_Integer at = 1; at <= count; at++) {
        lua_rawgeti(L, 3, at);
        int nargs = e->args ? hy__values_push(L, e->args) : 0;
        int rc = hy_task_spawn(e->instance, nargs, "handler of a followed event", NULL, NULL);
        if (rc < 0) luaL_error(L, "%s", hy_error_text(rc));
    }
}

void hy_lib_hyperty_emitted(hy_instance_t *i, hy_str_t *hyperty, hy_str_t *name,
                            const hy_node_t *args) {
    emitted_t e = {i, hyperty, name, args};
    hy_error_t err = {0};
    if (hy_protected(i->L, run_followers, &e, &err) < 0) {
        hy__instance_log(i, HY_LOG_ERROR, "followed event", err.text);
    }
}

/* --- opening ---------------------------------------------------------------------------------- */

const hy_method_t hy_lib_peer_functions[] = {
    {"call", call, "url: string, method: string, ...: any", "any" HY_OR_WHY,
     "calls a function of another hyperty's api", NULL},
    {"emit", emit, "name: string, ...: any", "true" HY_OR_WHY,
     "tells those who follow this hyperty", NULL},
    {"emit_here", emit_here, "name: string, ...: any", "true" HY_OR_WHY,
     "the same, but only those of this runtime: no node hears it", NULL},
    {"follow", follow, "url: string, name: string, fn: fun(...: any)", "true" HY_OR_WHY,
     "calls the function when that hyperty emits the name", NULL},
    {NULL}};

void hy__lib_peer_open(lua_State *L) {
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &follows_key);
    hy_class_functions(L, hy_lib_peer_functions);
}
