/* Instances in Lua, and calls that are driven until they are done.
 *
 * An instance is a table {name, url, api} with methods; the runtime's userdata is in it under a key
 * of our own. It is looked up anew each time, since the hyperty may be gone.
 *
 * A call's record is shared between the caller and the core's callback: who comes second frees it.
 */
#include "base/mem.h"
#include "module.h"

#include <string.h>

typedef struct {
    hy_link_t link; /* in the runtime */
    hy_world_t *world;
    bool is_done, is_abandoned;
    int code;
    hy_str_t *text;       /* of a failure */
    hy_value_t values;    /* of a call */
    hy_str_t *name, *url; /* of a load */
} call_t;

/* Address of the runtime's userdata in an instance's table. */
static const char runtime_key;

/* --- records ---------------------------------------------------------------------------------- */

static call_t *new_call(hy_module_runtime_t *r) {
    call_t *c = hy_alloc_zero(sizeof *c);
    if (!c) return NULL;
    c->world = r->world;
    hy_list_append(&r->calls, &c->link);
    return c;
}

static void free_call(call_t *c) {
    hy_list_remove(&c->link);
    hy_str_unref(c->text);
    hy_str_unref(c->name);
    hy_str_unref(c->url);
    hy_value_drop(c->values);
    hy_free(c);
}

void hy_module_calls_free(hy_module_runtime_t *r) {
    while (!hy_list_is_empty(&r->calls)) {
        free_call(hy_link_owner(r->calls.next, call_t, link));
    }
}

/* The core has called back. */
static void finish(call_t *c, int code, const char *desc) {
    c->is_done = true;
    c->code = code;
    if (code) c->text = hy_str_from(desc);
    hy_world_done(c->world);
    if (c->is_abandoned) free_call(c);
}

static void on_result(void *arg, int code, const char *desc, hy_value_t values) {
    call_t *c = arg;
    if (!code) c->values = hy_node_value(hy_node_ref(values.as.n));
    finish(c, code, desc ? desc : hy_error_text(code));
}

static void on_loaded(void *arg, int code, const char *desc, hy_instance_t *instance) {
    call_t *c = arg;
    if (!code) {
        c->name = hy_str_from(hy_instance_name(instance));
        c->url = hy_str_ref(hy_instance_url(instance));
        if (!c->name) code = HY_ENOMEM;
    }
    finish(c, code, desc ? desc : hy_error_text(code));
}

static bool is_done(void *arg) {
    return ((const call_t *)arg)->is_done;
}

/* Drives until the call is done. False: it is not, and was given up. */
static bool drive(hy_module_runtime_t *r, call_t *c) {
    if (hy_world_drive(r->world, is_done, c, HY_WORLD_CALL_MAX_MS)) return true;
    c->is_abandoned = true;
    return false;
}

/* --- instances as tables ---------------------------------------------------------------------- */

static int push_parts(lua_State *L) {
    const call_t *c = lua_touserdata(L, 1);
    lua_pushlstring(L, c->name->bytes, c->name->len);
    lua_pushlstring(L, c->url->bytes, c->url->len);
    return 2;
}

/* Pushes the instance's table; the runtime is at index 1. */
static void push_instance(lua_State *L, call_t *c) {
    lua_pushcfunction(L, push_parts);
    lua_pushlightuserdata(L, c);
    int status = lua_pcall(L, 1, 2, 0);
    free_call(c);
    if (status != LUA_OK) lua_error(L);
    int url = lua_gettop(L), name = url - 1;
    lua_newtable(L);
    lua_pushvalue(L, name);
    lua_setfield(L, -2, "name");
    lua_pushvalue(L, url);
    lua_setfield(L, -2, "url");
    lua_pushvalue(L, 1);
    lua_rawsetp(L, -2, &runtime_key);
    luaL_setmetatable(L, HY_INSTANCE_CLASS);
    /* api.<fn>(…) is self:call("<fn>", …) */
    lua_newtable(L);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, &runtime_key);
    lua_getmetatable(L, -2);
    lua_getfield(L, -1, "__api");
    lua_setmetatable(L, -3);
    lua_pop(L, 1);
    lua_setfield(L, -2, "api");
}

static hy_module_runtime_t *check_runtime(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_rawgetp(L, 1, &runtime_key) != LUA_TUSERDATA) {
        luaL_argerror(L, 1, "an instance expected");
    }
    hy_module_runtime_t *r = lua_touserdata(L, -1);
    if (!r->runtime) luaL_argerror(L, 1, "the runtime is stopped");
    lua_pop(L, 1);
    return r;
}

/* NULL: it is gone. */
static hy_instance_t *find_instance(lua_State *L, const hy_module_runtime_t *r) {
    lua_getfield(L, 1, "url");
    const char *url = luaL_checkstring(L, -1);
    hy_instance_t *i = hy_host_find_instance(hy_runtime_host(r->runtime), url);
    lua_pop(L, 1);
    return i;
}

static int gone(lua_State *L) {
    return hy_module_failure(L, HY_ECLOSED, "the instance is gone");
}

/* --- loading ---------------------------------------------------------------------------------- */

typedef struct {
    const char *name, *source; /* source NULL: by name */
    size_t len;
    bool is_compiled;
} script_t;

static int start_load(lua_State *L, hy_module_runtime_t *r, script_t script, int config, call_t *c,
                      hy_error_t *err) {
    hy_value_t value = hy_absent();
    int rc = lua_isnoneornil(L, config) ? 0 : hy_plain_read(L, config, &value, err);
    if (rc) return rc;
    hy_host_t *host = hy_runtime_host(r->runtime);
    if (script.source) {
        return (script.is_compiled ? hy_host_load_compiled : hy_host_load_text)(
            host, script.name, script.source, script.len, value, on_loaded, c, err);
    }
    return hy_host_load(host, script.name, value, on_loaded, c, err);
}

static int load(lua_State *L, script_t script, int config) {
    hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    if (!lua_isnoneornil(L, config)) luaL_checktype(L, config, LUA_TTABLE);
    lua_State *before = hy_world_enter(L, r->world, true);
    call_t *c = new_call(r);
    hy_error_t err = {0};
    int rc = c ? start_load(L, r, script, config, c, &err) : HY_ENOMEM;
    bool has_started = rc == 0, has_finished = has_started && drive(r, c);
    hy_world_leave(r->world, before);
    if (!has_started) {
        if (c) free_call(c);
        return hy_module_failure(L, rc, err.text);
    }
    if (!has_finished) return luaL_error(L, "load: %s: did not finish", script.name);
    if (c->code == 0) {
        push_instance(L, c);
        return 1;
    }
    int results = hy_module_failure(L, c->code, c->text ? c->text->bytes : NULL);
    free_call(c);
    return results;
}

int hy_module_load(lua_State *L) {
    return load(L, (script_t){.name = luaL_checkstring(L, 2)}, 3);
}

static int load_source(lua_State *L, bool is_compiled) {
    script_t script = {.source = luaL_checklstring(L, 2, &script.len), .is_compiled = is_compiled};
    script.name = luaL_optstring(L, 4, "text");
    return load(L, script, 3);
}

int hy_module_load_text(lua_State *L) {
    return load_source(L, false);
}

int hy_module_load_compiled(lua_State *L) {
    return load_source(L, true);
}

static int start_reload(hy_module_runtime_t *r, script_t script, call_t *c, hy_error_t *err) {
    hy_host_t *host = hy_runtime_host(r->runtime);
    if (!script.source) return hy_host_reload(host, script.name, on_loaded, c, err);
    return hy_host_reload_text(host, script.name, script.source, script.len, on_loaded, c, err);
}

/* runtime:reload(name or url [, source [, waits]]) → true; or nil, message, code. With waits =
 * false it is only begun, which callbacks may do, too. */
int hy_module_reload(lua_State *L) {
    script_t script = {.name = luaL_checkstring(L, 2), .source = luaL_optlstring(L, 3, NULL, NULL)};
    hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    bool waits = lua_isnoneornil(L, 4) || lua_toboolean(L, 4);
    if (script.source) lua_tolstring(L, 3, &script.len);
    lua_State *before = hy_world_enter(L, r->world, waits);
    call_t *c = new_call(r);
    hy_error_t err = {0};
    int rc = c ? start_reload(r, script, c, &err) : HY_ENOMEM;
    bool has_started = rc == 0, has_finished = has_started && waits && drive(r, c);
    if (has_started && !waits) c->is_abandoned = true;
    hy_world_leave(r->world, before);
    if (!has_started && c) free_call(c);
    if (!has_started) return hy_module_failure(L, rc, err.text);
    if (waits && !has_finished) return luaL_error(L, "reload: %s: did not finish", script.name);
    int results = 1;
    if (!waits || c->code == 0) {
        lua_pushboolean(L, 1);
    } else {
        results = hy_module_failure(L, c->code, c->text ? c->text->bytes : NULL);
    }
    if (waits) free_call(c);
    return results;
}

/* --- calling ---------------------------------------------------------------------------------- */

typedef int (*start_cb)(hy_instance_t *i, const char *text, size_t len, hy_value_t args, call_t *c,
                        hy_error_t *err);

static int start_call(hy_instance_t *i, const char *text, size_t len, hy_value_t args, call_t *c,
                      hy_error_t *err) {
    (void)len;
    return hy_instance_call(i, text, args, on_result, c, err);
}

static int start_eval(hy_instance_t *i, const char *text, size_t len, hy_value_t args, call_t *c,
                      hy_error_t *err) {
    return hy_instance_eval(i, "eval", text, len, args, on_result, c, err);
}

/* Arguments from `first` on as an array. */
static int read_arguments(lua_State *L, int first, int last, hy_value_t *out, hy_error_t *err) {
    hy_node_t *n = hy_node_new(HY_ARRAY);
    if (!n) return HY_ENOMEM;
    for (int i = first; i <= last; i++) {
        hy_value_t value = hy_absent();
        hy_error_t why = {0};
        int rc = hy_plain_read(L, i, &value, &why);
        if (rc) hy_fail(err, rc, "argument %d: %s", i - first + 1, why.text);
        if (!rc) rc = hy_node_insert(n, hy_node_count(n), value);
        if (rc) {
            hy_node_unref(n);
            return rc;
        }
    }
    *out = hy_node_value(n);
    return 0;
}

static int push_values(lua_State *L) {
    const hy_value_t *values = lua_touserdata(L, 1);
    const hy_node_t *n = values->as.n;
    int count = (int)hy_node_count(n);
    luaL_checkstack(L, count, "too many results");
    for (int i = 0; i < count; i++) {
        hy_value_t v = hy_node_at(n, (size_t)i);
        hy_plain_push(L, v.kind == HY_NULL ? hy_absent() : v);
    }
    return count;
}

/* The results of a call that is done: values, or nil, message, code. */
static int push_results(lua_State *L, call_t *c) {
    int base = lua_gettop(L), status = LUA_OK;
    if (c->code) {
        hy_module_failure(L, c->code, c->text ? c->text->bytes : NULL);
    } else {
        lua_pushcfunction(L, push_values);
        lua_pushlightuserdata(L, &c->values);
        status = lua_pcall(L, 1, LUA_MULTRET, 0);
    }
    free_call(c);
    if (status != LUA_OK) lua_error(L);
    return lua_gettop(L) - base;
}

/* Runs `text` (method or code) with the arguments above index `first - 1`. */
static int run(lua_State *L, const char *what, start_cb start, const char *text, size_t len,
               int first) {
    hy_module_runtime_t *r = check_runtime(L);
    hy_instance_t *i = find_instance(L, r);
    if (!i) return gone(L);
    int last = lua_gettop(L);
    lua_State *before = hy_world_enter(L, r->world, true);
    hy_error_t err = {0};
    hy_value_t args = hy_absent();
    call_t *c = new_call(r);
    int rc = c ? read_arguments(L, first, last, &args, &err) : HY_ENOMEM;
    if (!rc) rc = start(i, text, len, args, c, &err);
    bool has_finished = !rc && drive(r, c);
    if (rc && c) free_call(c);
    hy_world_leave(r->world, before);
    if (rc) return hy_module_failure(L, rc, err.text);
    if (!has_finished) return luaL_error(L, "%s: did not finish", what);
    return push_results(L, c);
}

static int instance_call(lua_State *L) {
    const char *method = luaL_checkstring(L, 2);
    return run(L, method, start_call, method, 0, 3);
}

/* instance:eval(code, …): in the code `self` is the hyperty, and `...` is self and the arguments */
static int instance_eval(lua_State *L) {
    size_t len;
    luaL_checkstring(L, 2);
    lua_pushliteral(L, "local self = ...; ");
    lua_pushvalue(L, 2);
    lua_concat(L, 2);
    lua_replace(L, 2);
    const char *code = lua_tolstring(L, 2, &len);
    return run(L, "eval", start_eval, code, len, 3);
}

/* The function behind instance.api.<fn>; upvalues: the instance, the name. */
static int api_call(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    const char *method = lua_tostring(L, lua_upvalueindex(2));
    return run(L, method, start_call, method, 0, 2);
}

static int api_index(lua_State *L) {
    luaL_checkstring(L, 2);
    lua_rawgetp(L, 1, &runtime_key);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, api_call, 2);
    return 1;
}

/* --- the rest --------------------------------------------------------------------------------- */

static int instance_unload(lua_State *L) {
    hy_module_runtime_t *r = check_runtime(L);
    hy_instance_t *i = find_instance(L, r);
    if (!i) return gone(L);
    lua_State *before = hy_world_enter(L, r->world, true);
    hy_instance_unload(i);
    bool rests = hy_world_rest(r->world);
    hy_world_leave(r->world, before);
    if (!rests) return luaL_error(L, "unload: the runtime does not come to rest");
    lua_pushboolean(L, 1);
    return 1;
}

static int push_count(lua_State *L, size_t (*count)(const hy_instance_t *i)) {
    const hy_instance_t *i = find_instance(L, check_runtime(L));
    if (!i) return gone(L);
    lua_pushinteger(L, (lua_Integer)count(i));
    return 1;
}

static int instance_memory(lua_State *L) {
    return push_count(L, hy_instance_memory);
}
static int instance_tasks(lua_State *L) {
    return push_count(L, hy_instance_tasks);
}

/* instance:condition() → "running", "restarting" … and the last error that counted */
static int instance_condition(lua_State *L) {
    const hy_instance_t *i = find_instance(L, check_runtime(L));
    if (!i) return gone(L);
    lua_pushstring(L, hy_instance_condition(i));
    lua_pushstring(L, hy_instance_failure(i));
    return 2;
}

static const luaL_Reg methods[] = {
    {"call", instance_call},
    {"eval", instance_eval},
    {"unload", instance_unload},
    {"memory", instance_memory},
    {"tasks", instance_tasks},
    {"condition", instance_condition},
    {NULL, NULL},
};

void hy_module_instance_open(lua_State *L) {
    luaL_newmetatable(L, HY_INSTANCE_CLASS);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_newtable(L);
    lua_pushcfunction(L, api_index);
    lua_setfield(L, -2, "__index");
    lua_setfield(L, -2, "__api");
    lua_pop(L, 1);
}
