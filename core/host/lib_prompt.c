/* The primitives behind the prompt's commands: load, reload, unload, and lists of what there is.
 * Only the prompt's instance gets them; what they do is otherwise the business of the C API
 * (host.h).
 *
 * A load or reload may outlive the prompt that asked for it, so its callback finds the wait by a
 * record of its own: the record belongs to the callback, and the prompt's state cuts it off when it
 * goes. */
#include "lib_prompt.h"
#include "../base/mem.h"
#include "embedded.h"
#include "internal.h"
#include "lib_complete.h"
#include "lib_operate.h"
#include "lib_syncher.h"

#define LOAD_CLASS "hyperty.prompt_load"

typedef struct load load_t;
struct load {
    hy_wait_t *wait; /* NULL: nobody waits any more */
    load_t **box;    /* in the prompt's state */
};

static int load_gc(lua_State *L) {
    load_t **box = lua_touserdata(L, 1);
    if (*box) {
        (*box)->wait = NULL;
        (*box)->box = NULL;
    }
    *box = NULL;
    return 0;
}

/* --- instances as tables ---------------------------------------------------------------------- */

static void set_str(lua_State *L, const char *key, const hy_str_t *s) {
    if (!s) return;
    lua_pushlstring(L, s->bytes, s->len);
    lua_setfield(L, -2, key);
}

/* Pushes the names of an instance's functions. */
static void push_api(lua_State *L, const hy_instance_t *i) {
    hy_value_t *names = hy_class_hold(L);
    if (hy_instance_api(i, names) == 0) {
        hy_value_push(L, *names);
    } else {
        lua_newtable(L);
    }
    lua_remove(L, -2);
}

static void push_instance(lua_State *L, const hy_instance_t *i) {
    lua_createtable(L, 0, 6);
    lua_pushstring(L, hy_instance_name(i));
    lua_setfield(L, -2, "name");
    set_str(L, "url", hy_instance_url(i));
    set_str(L, "user", i->user);
    push_api(L, i);
    lua_setfield(L, -2, "api");
}

/* What else is told of the instance whose table is on top. */
static void set_condition(lua_State *L, const hy_instance_t *i) {
    bool is_running = i->state == HY_RUNNING;
    lua_pushstring(L, hy_instance_condition(i));
    lua_setfield(L, -2, "state");
    lua_pushinteger(L, (lua_Integer)hy_instance_memory(i));
    lua_setfield(L, -2, "memory");
    lua_pushinteger(L, (lua_Integer)hy_instance_tasks(i));
    lua_setfield(L, -2, "tasks");
    uint64_t now_ms = hy_clock_now(hy__host_clock(i->host));
    lua_pushinteger(L, is_running ? (lua_Integer)((now_ms - i->since_ms) / 1000) : 0);
    lua_setfield(L, -2, "uptime");
    set_str(L, "last_error", i->last_error);
    if (i->error_count == 0) return;
    lua_pushinteger(L, i->error_count);
    lua_setfield(L, -2, "errors");
}

/* --- load, reload and unload ------------------------------------------------------------------ */

static int push_loaded(lua_State *L, void *arg) {
    push_instance(L, arg);
    return 1;
}

static void on_loaded(void *arg, int code, const char *desc, hy_instance_t *instance) {
    load_t *load = arg;
    hy_wait_t *wait = load->wait;
    if (wait) {
        /* A key that is there is set to nil: that takes no memory and cannot raise. */
        lua_State *L = hy_wait_instance(wait)->L;
        *load->box = NULL;
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, load->box);
    }
    hy_free(load);
    if (!wait) return;
    if (code) {
        hy_wait_done(wait, code, desc);
    } else {
        hy_wait_complete(wait, push_loaded, instance);
    }
}

/* Pushes a box for a load, anchored until its callback or the end of the state. */
static load_t **new_box(lua_State *L) {
    load_t **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    luaL_setmetatable(L, LOAD_CLASS);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, box);
    return box;
}

/* `config` NULL: a reload. */
static int start_load(const char *name, hy_value_t *config, hy_wait_t *wait, load_t **box,
                      hy_error_t *err) {
    hy_host_t *host = hy_wait_instance(wait)->host;
    load_t *load = hy_alloc(sizeof *load);
    if (!load) return hy_fail(err, HY_ENOMEM, "load: out of memory");
    *load = (load_t){.wait = wait, .box = box};
    *box = load;
    int rc = config ? hy_host_load(host, name, hy_value_take(config), on_loaded, load, err)
                    : hy_host_reload(host, name, on_loaded, load, err);
    if (rc) {
        *box = NULL;
        hy_free(load);
    }
    return rc;
}

/* load(name, config) → {name, url, user, api}; or nil, message, code */
static int prompt_load(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    bool has_config = !lua_isnoneornil(L, 2);
    hy_value_t *config = has_config ? hy_class_value(L, 2, "load: config") : hy_class_hold(L);
    if (has_config && config->kind != HY_OBJECT) {
        return luaL_error(L, "load: config must be a table of names and values");
    }
    load_t **box = new_box(L);
    hy_wait_t *wait = hy_wait_open(L, "load");
    hy_error_t err = {0};
    int rc = start_load(name, config, wait, box, &err);
    if (rc) {
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, box);
    }
    return hy_wait_end(L, wait, rc, &err);
}

static int fail_unknown(lua_State *L, const char *what, const char *name) {
    lua_pushfstring(L, "%s: no instance named \"%s\"; hyperties() lists them", what, name);
    return hy_push_failure(L, HY_ENOT_FOUND, lua_tostring(L, -1));
}

/* reload(name or url) → {name, url, user, api}; or nil, message, code */
static int prompt_reload(lua_State *L) {
    const hy_instance_t *self = hy_instance_of(L);
    const char *name = luaL_checkstring(L, 1);
    const hy_instance_t *i = hy_host_find_instance(self->host, name);
    if (i == self) return hy_push_failure(L, HY_EFORBIDDEN, "reload: this is the prompt itself");
    if (!i) return fail_unknown(L, "reload", name);
    load_t **box = new_box(L);
    hy_wait_t *wait = hy_wait_open(L, "reload");
    hy_error_t err = {0};
    int rc = start_load(name, NULL, wait, box, &err);
    if (rc) {
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, box);
    }
    return hy_wait_end(L, wait, rc, &err);
}

/* unload(name or url) → true; or nil, message, code */
static int prompt_unload(lua_State *L) {
    hy_instance_t *self = hy_instance_of(L);
    const char *name = luaL_checkstring(L, 1);
    hy_instance_t *i = hy_host_find_instance(self->host, name);
    if (i == self) return hy_push_failure(L, HY_EFORBIDDEN, "unload: this is the prompt itself");
    if (!i) return fail_unknown(L, "unload", name);
    hy_instance_unload(i);
    lua_pushboolean(L, 1);
    return 1;
}

/* --- lists ------------------------------------------------------------------------------------ */

static int prompt_instances(lua_State *L) {
    hy_instance_t *self = hy_instance_of(L);
    lua_newtable(L);
    lua_Integer count = 0;
    for (hy_instance_t *i = hy_host_next_instance(self->host, NULL); i;
         i = hy_host_next_instance(self->host, i)) {
        if (i == self || !hy_instance_url(i)) continue;
        push_instance(L, i);
        set_condition(L, i);
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

static int push_list(lua_State *L, int (*list)(const hy_manager_t *m, hy_value_t *out)) {
    hy_value_t *value = hy_class_hold(L);
    int rc = list(hy_instance_of(L)->host->config.manager, value);
    if (rc) return luaL_error(L, "%s", hy_error_text(rc));
    hy_value_push(L, *value);
    return 1;
}

static int prompt_objects(lua_State *L) {
    return push_list(L, hy_manager_objects);
}
static int prompt_routes(lua_State *L) {
    return push_list(L, hy_manager_routes);
}

/* --- text to functions ------------------------------------------------------------------------ */

/* Leaves a function with the script's globals on the stack, or nil and the message. */
static bool compile(lua_State *L, const char *text, size_t len, const char *chunk) {
    if (luaL_loadbufferx(L, text, len, chunk, "t") != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return false;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, hy_instance_of(L)->env_ref);
    lua_setupvalue(L, -2, 1);
    return true;
}

/* compile(text, name) → function; or nil, message */
static int prompt_compile(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    const char *chunk = lua_pushfstring(L, "=%s", luaL_checkstring(L, 2));
    return compile(L, text, len, chunk) ? 1 : 2;
}

/* api() → what scripts see (api.h), made anew each time */
static int prompt_api(lua_State *L) {
    hy_api_push(L);
    return 1;
}

/* traceback() → the calls that led here */
static int prompt_traceback(lua_State *L) {
    luaL_traceback(L, L, NULL, 1);
    return 1;
}

static const luaL_Reg primitives[] = {
    {"load", prompt_load},           {"unload", prompt_unload},
    {"instances", prompt_instances}, {"objects", prompt_objects},
    {"routes", prompt_routes},       {"compile", prompt_compile},
    {"traceback", prompt_traceback}, {"api", prompt_api},
    {"reload", prompt_reload},       {NULL, NULL},
};

static const hy_embedded_t *find_embedded(const char *name) {
    for (size_t i = 0; i < hy_embedded_count; i++) {
        if (strcmp(hy_embedded[i].name, name) == 0) return &hy_embedded[i];
    }
    return NULL;
}

void hy_lib_prompt_push(lua_State *L, const hy_node_server_t *node) {
    hy_instance_t *self = hy_instance_of(L);
    if (luaL_newmetatable(L, LOAD_CLASS)) {
        lua_pushcfunction(L, load_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
    const hy_embedded_t *file = find_embedded("hyperty.prompt");
    if (!file || !compile(L, file->source, file->len, "=hyperty/prompt.lua")) {
        luaL_error(L, "%s", file ? lua_tostring(L, -1) : "lua/hyperty/prompt.lua is not built in");
    }
    lua_call(L, 0, 1);
    luaL_newlib(L, primitives);
    hy_lib_complete_open(L);
    hy_lib_operate_open(L, node);
    lua_rawgeti(L, LUA_REGISTRYINDEX, self->env_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, self->self_ref);
    lua_call(L, 3, 1);
}
