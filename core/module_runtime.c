/* host.runtime{…}: a runtime in Lua, and its methods that are about the runtime as a whole.
 *
 * The userdata has three user values: the world's userdata, which so outlives the runtime, a table
 * with the functions of the options, and the disk that its store is on. The registry anchors it
 * until it is stopped. */
#include "module.h"
#include "paths.h"
#include "ways.h"

#include <string.h>

#define USER_WORLD 1
#define RUN_MS     5000u /* that a run may take, unless the option `budget` says otherwise */

int hy_module_failure(lua_State *L, int code, const char *text) {
    lua_pushnil(L);
    lua_pushstring(L, text && *text ? text : hy_error_text(code));
    lua_pushstring(L, hy_error_word(code));
    return 3;
}

static int push_value(lua_State *L) {
    hy_plain_push(L, *(const hy_value_t *)lua_touserdata(L, 1));
    return 1;
}

void hy_module_push_value(lua_State *L, hy_value_t v) {
    lua_pushcfunction(L, push_value);
    lua_pushlightuserdata(L, &v);
    int status = lua_pcall(L, 1, 1, 0);
    hy_value_drop(v);
    if (status != LUA_OK) lua_error(L);
}

hy_module_runtime_t *hy_module_runtime_check(lua_State *L, int arg) {
    hy_module_runtime_t *r = luaL_checkudata(L, arg, HY_RUNTIME_CLASS);
    if (!r->runtime) luaL_argerror(L, arg, "the runtime is stopped");
    return r;
}

/* --- callbacks -------------------------------------------------------------------------------- */

/* Pushes a function that the runtime was given; the userdata is found by its address. */
static bool push_function(lua_State *L, const hy_module_runtime_t *r, int which) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, r);
    if (lua_getiuservalue(L, -1, HY_RUNTIME_FUNCTIONS) != LUA_TTABLE) return false;
    return lua_rawgeti(L, -1, which) == LUA_TFUNCTION;
}

typedef struct {
    int which;
    hy_log_level_t level;
    const char *who, *text;
} line_t;

static int call_line(lua_State *L) {
    const hy_module_runtime_t *r = lua_touserdata(L, 1);
    const line_t *line = lua_touserdata(L, 2);
    if (!push_function(L, r, line->which)) return 0;
    int count = 2;
    if (line->which == HY_RUNTIME_LOG) {
        lua_pushstring(L, hy_log_level_name(line->level));
        count++;
    }
    lua_pushstring(L, line->who);
    lua_pushstring(L, line->text);
    lua_call(L, count, 0);
    return 0;
}

static void on_log(void *arg, hy_log_level_t level, const char *who, const char *text) {
    hy_module_runtime_t *r = arg;
    line_t line = {.which = HY_RUNTIME_LOG, .level = level, .who = who, .text = text};
    hy_world_protect(r->world, call_line, r, &line);
}

static void on_print(void *arg, const char *name, const char *text) {
    hy_module_runtime_t *r = arg;
    line_t line = {.which = HY_RUNTIME_PRINT, .who = name, .text = text};
    hy_world_protect(r->world, call_line, r, &line);
}

static void on_wake(void *arg) {
    const hy_module_runtime_t *r = arg;
    if (r->world->work) hy_work_wake(r->world->work);
}

/* --- making ----------------------------------------------------------------------------------- */

/* The string of an option, which stays on the stack; NULL if it is not given. */
static const char *option_text(lua_State *L, const char *name) {
    int type = lua_getfield(L, 1, name);
    if (type == LUA_TNIL) return NULL;
    if (type != LUA_TSTRING) luaL_error(L, "runtime: %s must be a string", name);
    return lua_tostring(L, -1);
}

/* Keeps the function of an option. */
static bool take_function(lua_State *L, int functions, const char *name, int which) {
    int type = lua_getfield(L, 1, name);
    if (type != LUA_TNIL && type != LUA_TFUNCTION) {
        luaL_error(L, "runtime: %s must be a function", name);
    }
    lua_rawseti(L, functions, which);
    return type == LUA_TFUNCTION;
}

static hy_log_level_t option_level(lua_State *L) {
    const char *name = option_text(L, "log_level");
    int level = name ? hy_log_level_find(name) : HY_LOG_INFO;
    if (level < 0) luaL_error(L, "runtime: log_level: \"%s\" is no level", name);
    return (hy_log_level_t)level;
}

/* The list of strings that is an option, NULL if it is not given; the texts belong to the table,
 * the list to a userdata. */
static char **option_texts(lua_State *L, const char *name, uint32_t *out) {
    if (lua_getfield(L, 1, name) == LUA_TNIL) return NULL;
    luaL_checktype(L, -1, LUA_TTABLE);
    int table = lua_gettop(L);
    lua_Unsigned count = lua_rawlen(L, table);
    char **texts = lua_newuserdatauv(L, (count + 1) * sizeof *texts, 0);
    for (lua_Unsigned i = 0; i < count; i++) {
        if (lua_rawgeti(L, table, (lua_Integer)i + 1) != LUA_TSTRING) {
            luaL_error(L, "runtime: %s must be strings", name);
        }
        texts[i] = (char *)lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    *out = (uint32_t)count;
    return texts;
}

/* Seconds in the table on top. */
static uint32_t budget_ms(lua_State *L, const char *name, uint32_t usual_ms) {
    int type = lua_getfield(L, -1, name);
    lua_Number seconds = lua_tonumber(L, -1);
    bool is_good = type == LUA_TNIL || (type == LUA_TNUMBER && seconds >= 0 && seconds <= 1e6);
    if (!is_good) luaL_error(L, "runtime: budget.%s must be a number of seconds", name);
    lua_pop(L, 1);
    return type == LUA_TNIL ? usual_ms : (uint32_t)(seconds * 1000);
}

/* What hyperties may use. Unless it is said, no turn is cut short, so that what is repeated is the
 * same again however fast the machine is. */
static void option_bounds(lua_State *L, hy_runtime_config_t *config) {
    config->budget = (hy_budget_limits_t){.run_ms = RUN_MS};
    config->memory_max = HY_STATE_BYTES_MAX;
    int type = lua_getfield(L, 1, "budget");
    if (type != LUA_TNIL) {
        if (type != LUA_TTABLE) luaL_error(L, "runtime: budget must be a table");
        config->budget = (hy_budget_limits_t){budget_ms(L, "run", RUN_MS), budget_ms(L, "turn", 0)};
    }
    type = lua_getfield(L, 1, "memory");
    if (type != LUA_TNIL) {
        lua_Integer bytes = lua_tointeger(L, -1);
        if (!lua_isinteger(L, -1) || bytes < 0) {
            luaL_error(L, "runtime: memory must be a number of bytes");
        }
        config->memory_max = (size_t)bytes;
    }
    config->trusted = option_texts(L, "trusted", &config->trusted_count);
}

/* A way to each domain of the world: by its own name, that of the runtime's own for all others. */
static int make_ways(hy_module_runtime_t *r, hy_runtime_config_t *config, hy_way_t *ways,
                     hy_error_t *err) {
    hy_world_t *w = r->world;
    int own = w->domain_count > 0 ? hy_world_find_domain(w, config->domain) : -1;
    if (w->domain_count > 0 && own < 0)
        return hy_fail(err, HY_EINVALID, "the network has no domain %s; add it with net:domain",
                       config->domain);
    for (uint32_t i = 0; i < w->domain_count; i++) {
        uint32_t at = (own + i) % w->domain_count; /* its own first */
        const hy_domain_t *d = &w->domains[at];
        int rc = hy_pair_new(NULL, d->network, d->name->bytes, &r->pairs[at]);
        if (rc) {
            while (i > 0) {
                i--;
                ways[i].connector->free(ways[i].connector);
            }
            return rc;
        }
        ways[i] = (hy_way_t){i > 0 ? d->name->bytes : NULL, hy_pair_connector(r->pairs[at])};
    }
    config->way_count = w->domain_count;
    return 0;
}

/* To nodes in other processes. */
static int open_ways(hy_module_runtime_t *r, hy_runtime_config_t *config, const char *node,
                     hy_ways_t *ways, hy_error_t *err) {
    hy_world_t *w = r->world;
    int rc = w->sockets ? 0 : hy_sockets_open(w->loop, config->random, NULL, &w->sockets);
    if (!rc) rc = hy_ways_open(ways, node, config->domain, w->sockets, err);
    config->ways = ways->list;
    config->way_count = ways->count;
    return rc;
}

/* Nothing raises here: what is taken is let go of in the end. */
static int open_runtime(lua_State *L, hy_module_runtime_t *r, hy_runtime_config_t *config,
                        const char *node, int store, hy_module_tables_t *tables, hy_error_t *err) {
    hy_paths_t usual;
    hy_way_t pairs[HY_WORLD_DOMAINS_MAX];
    hy_ways_t ways = {0};
    hy_paths_init(&usual);
    int rc = 0;
    if (!config->paths) {
        rc = hy_paths_add_usual(&usual);
        config->paths = usual.items;
        config->path_count = usual.count;
    }
    if (!rc) rc = hy_module_tables_read(L, tables, config, err);
    config->ways = pairs;
    if (!rc) rc = hy_module_store_open(L, store, r, err);
    config->store = r->store;
    if (!rc) rc = node ? open_ways(r, config, node, &ways, err) : make_ways(r, config, pairs, err);
    if (!rc) rc = hy_runtime_new(config, &r->runtime, err);
    if (rc) hy_module_store_close(r, false);
    hy_ways_release(&ways);
    hy_module_tables_drop(tables);
    hy_paths_deinit(&usual);
    return rc;
}

static hy_random_t *seed_random(hy_module_runtime_t *r) {
    hy_world_t *w = r->world;
    if (w->loop && hy_random_system(&r->system_random) == 0) return &r->system_random.base;
    hy_random_seed(&r->random, w->seed + ++w->runtime_count * UINT64_C(0x9e3779b97f4a7c15));
    return &r->random;
}

static hy_module_runtime_t *push_runtime(lua_State *L, int world, hy_world_t *w) {
    hy_module_runtime_t *r = lua_newuserdatauv(L, sizeof *r, 3);
    *r = (hy_module_runtime_t){.world = w};
    hy_link_init(&r->link);
    hy_link_init(&r->ports);
    hy_link_init(&r->calls);
    luaL_setmetatable(L, HY_RUNTIME_CLASS);
    lua_pushvalue(L, world);
    lua_setiuservalue(L, -2, USER_WORLD);
    return r;
}

void hy_module_runtime_new(lua_State *L, int world, hy_world_t *w) {
    luaL_checktype(L, 1, LUA_TTABLE);
    hy_module_runtime_t *r = push_runtime(L, world, w);
    int self = lua_gettop(L);
    lua_newtable(L);
    int functions = self + 1;
    bool has_log = take_function(L, functions, "log", HY_RUNTIME_LOG);
    bool has_token = take_function(L, functions, "token", HY_RUNTIME_TOKEN);
    bool has_print = take_function(L, functions, "print", HY_RUNTIME_PRINT);
    r->log = (hy_log_t){.level = option_level(L), .sink = has_log ? on_log : NULL, .arg = r};
    hy_runtime_config_t config = {
        .domain = option_text(L, "domain"),
        .user = option_text(L, "user"),
        .clock = w->clock,
        .random = seed_random(r),
        .log = &r->log,
        .history_bytes = w->history_bytes,
        .print = has_print ? on_print : NULL,
        .print_arg = r,
        .wake = on_wake,
        .wake_arg = r,
        .token = has_token ? hy_module_token_get : NULL,
        .token_arg = r,
    };
    if (w->domain_count > 0 && !config.domain) config.domain = w->domains[0].name->bytes;
    lua_getfield(L, 1, "key");
    config.seed = hy_module_key_option(L, r, config.random);
    const char *node = option_text(L, "node");
    if (node && !w->loop) luaL_error(L, "runtime: node needs clock = \"real\"");
    config.paths = option_texts(L, "paths", &config.path_count);
    option_bounds(L, &config);
    hy_module_tables_t tables;
    hy_module_tables_find(L, &tables);
    lua_getfield(L, 1, "store");
    int store = lua_gettop(L);
    hy_module_store_check(L, store);
    lua_pushvalue(L, store);
    lua_setiuservalue(L, self, HY_RUNTIME_DISK);
    lua_pushvalue(L, functions);
    lua_setiuservalue(L, self, HY_RUNTIME_FUNCTIONS);
    lua_pushvalue(L, self);
    lua_rawsetp(L, LUA_REGISTRYINDEX, r);
    hy_error_t err = {0};
    lua_State *before = hy_world_enter(L, w, true);
    int rc = open_runtime(L, r, &config, node, store, &tables, &err);
    hy_secret_wipe(r->seed, sizeof r->seed);
    if (!rc) hy_list_append(&w->runtimes, &r->link);
    hy_world_leave(w, before);
    if (rc) {
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, r);
        luaL_error(L, "runtime: %s", err.text[0] ? err.text : hy_error_text(rc));
    }
    lua_settop(L, self);
}

/* --- stopping --------------------------------------------------------------------------------- */

void hy_module_runtime_stop(hy_module_runtime_t *r, bool is_crash) {
    if (!r->runtime) return;
    hy_world_t *w = r->world;
    if (is_crash) r->log.sink = NULL;
    hy_module_ports_close(r);
    if (r->interceptor) hy_interceptor_close(r->interceptor);
    if (r->uplink) hy_uplink_close(r->uplink);
    if (is_crash) {
        hy_runtime_crash(r->runtime);
    } else {
        hy_runtime_free(r->runtime);
    }
    hy_module_store_close(r, is_crash);
    hy_module_calls_free(r);
    hy_list_remove(&r->link);
    r->runtime = NULL;
    r->interceptor = NULL;
    r->uplink = NULL;
    hy_world_unanchor(w, r);
    if (w->domain_count == 0 && hy_list_is_empty(&w->runtimes)) hy_world_close(w);
}

static int stop(lua_State *L, bool is_crash) {
    hy_module_runtime_t *r = luaL_checkudata(L, 1, HY_RUNTIME_CLASS);
    if (!r->runtime) return 0;
    lua_State *before = hy_world_enter(L, r->world, true);
    hy_module_runtime_stop(r, is_crash);
    hy_world_leave(r->world, before);
    return 0;
}

static int runtime_stop(lua_State *L) {
    return stop(L, false);
}

/* rt:crash(): its process is killed. Another runtime on its disk goes on from what was committed.
 */
static int runtime_crash(lua_State *L) {
    const hy_module_runtime_t *r = luaL_checkudata(L, 1, HY_RUNTIME_CLASS);
    if (r->world->loop) return luaL_error(L, "crash: only on a virtual clock");
    return stop(L, true);
}

/* --- time ------------------------------------------------------------------------------------- */

static int runtime_run(lua_State *L) {
    hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    bool has_time = !lua_isnoneornil(L, 2);
    uint64_t ms = has_time ? hy_world_ms(L, 2) : 0;
    lua_State *before = hy_world_enter(L, r->world, true);
    bool rests = has_time ? hy_world_run(r->world, ms) : hy_world_rest(r->world);
    hy_world_leave(r->world, before);
    if (!rests) return luaL_error(L, "run: the runtime does not come to rest");
    return 0;
}

static int runtime_step(lua_State *L) {
    hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    lua_State *before = hy_world_enter(L, r->world, true);
    bool has_more = hy_world_turn(r->world);
    hy_world_leave(r->world, before);
    lua_pushboolean(L, has_more);
    return 1;
}

static int runtime_now(lua_State *L) {
    const hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    lua_pushnumber(L, (lua_Number)hy_clock_now(r->world->clock) / 1000);
    return 1;
}

/* --- looking ---------------------------------------------------------------------------------- */

/* clang-format off */
#define STATS_MAP(X)                                                                               \
    X(sent) X(delivered) X(published) X(uplinked) X(received) X(late) X(unanswered)                \
    X(undeliverable) X(dropped) X(refused) X(full) X(queued) X(queued_bytes) X(held) X(requests)   \
    X(listeners)
/* clang-format on */

static int runtime_stats(lua_State *L) {
    const hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    hy_bus_stats_t stats = hy_bus_stats(hy_runtime_bus(r->runtime));
    lua_newtable(L);
#define X(name)                                                                                    \
    lua_pushinteger(L, (lua_Integer)stats.name);                                                   \
    lua_setfield(L, -2, #name);
    STATS_MAP(X)
#undef X
    const hy_host_t *host = hy_runtime_host(r->runtime);
    lua_Integer count = 0;
    for (hy_instance_t *i = hy_host_next_instance(host, NULL); i;
         i = hy_host_next_instance(host, i)) {
        count++;
    }
    lua_pushinteger(L, count);
    lua_setfield(L, -2, "instances");
    return 1;
}

static int push_list(lua_State *L, int (*list)(const hy_manager_t *m, hy_value_t *out)) {
    const hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    hy_value_t value = hy_absent();
    int rc = list(hy_runtime_manager(r->runtime), &value);
    if (rc) return luaL_error(L, "%s", hy_error_text(rc));
    hy_module_push_value(L, value);
    return 1;
}

static int runtime_objects(lua_State *L) {
    return push_list(L, hy_manager_objects);
}
static int runtime_routes(lua_State *L) {
    return push_list(L, hy_manager_routes);
}

/* rt:is_away(url): the node of that object is not connected. */
static int runtime_is_away(lua_State *L) {
    const hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    hy_str_t *url = hy_str_from(luaL_checkstring(L, 2));
    if (!url) return luaL_error(L, "%s", hy_error_text(HY_ENOMEM));
    lua_pushboolean(L, hy_manager_is_away(hy_runtime_manager(r->runtime), url));
    hy_str_unref(url);
    return 1;
}

static int runtime_url(lua_State *L) {
    const hy_str_t *url = hy_runtime_url(hy_module_runtime_check(L, 1)->runtime);
    lua_pushlstring(L, url->bytes, url->len);
    return 1;
}

static int runtime_check(lua_State *L) {
    hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    const char *name = luaL_checkstring(L, 2);
    hy_error_t err = {0};
    lua_State *before = hy_world_enter(L, r->world, true);
    int rc = hy_host_check(hy_runtime_host(r->runtime), name, &err);
    hy_world_leave(r->world, before);
    if (rc) return hy_module_failure(L, rc, err.text);
    lua_pushboolean(L, 1);
    return 1;
}

static const luaL_Reg methods[] = {
    {"load", hy_module_load},
    {"load_text", hy_module_load_text},
    {"load_compiled", hy_module_load_compiled},
    {"reload", hy_module_reload},
    {"check", runtime_check},
    {"run", runtime_run},
    {"step", runtime_step},
    {"now", runtime_now},
    {"stats", runtime_stats},
    {"objects", runtime_objects},
    {"routes", runtime_routes},
    {"url", runtime_url},
    {"is_away", runtime_is_away},
    {"policy", hy_module_policy},
    {"group", hy_module_group},
    {"groups", hy_module_groups},
    {"why", hy_module_why},
    {"keys", hy_module_keys},
    {"accept", hy_module_accept},
    {"forget", hy_module_forget},
    {"port", hy_module_port_new},
    {"intercept", hy_module_intercept},
    {"receive", hy_module_receive},
    {"stop", runtime_stop},
    {"crash", runtime_crash},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {{"__gc", runtime_stop}, {"__close", runtime_stop}, {NULL, NULL}};

void hy_module_runtime_open(lua_State *L) {
    luaL_newmetatable(L, HY_RUNTIME_CLASS);
    luaL_setfuncs(L, meta, 0);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
