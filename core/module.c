/* The trusted Lua module `hyperty.host`, for specs and tools: runtimes on a virtual clock, alone or
 * joined by a network with faults, inside a stock lua5.4. Owns nothing itself; opening it again in
 * the same state or another one is harmless. */
#include "module.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "host/api.h"
#include "schema_files.h"

#define WORLD_CLASS "hyperty.host.world"
/* How long settle goes on when nothing is said. */
#define SETTLE_MS 600000u

__attribute__((visibility("default"))) int luaopen_hyperty_host(lua_State *L);

/* --- host.runtime ----------------------------------------------------------------------------- */

static int world_gc(lua_State *L) {
    hy_world_t *w = lua_touserdata(L, 1);
    lua_State *before = hy_world_enter(L, w, false);
    hy_world_close(w);
    hy_world_leave(w, before);
    return 0;
}

/* Pushes a closed world; it closes itself in the end. */
static hy_world_t *push_world(lua_State *L, const char *class) {
    hy_world_t *w = lua_newuserdatauv(L, sizeof *w, 0);
    *w = (hy_world_t){0};
    luaL_setmetatable(L, class);
    return w;
}

static uint64_t option_seed(lua_State *L) {
    lua_getfield(L, 1, "seed");
    lua_Integer seed = luaL_optinteger(L, -1, 1);
    lua_pop(L, 1);
    return (uint64_t)seed;
}

static bool option_is_real(lua_State *L) {
    static const char *const words[] = {"virtual", "real", NULL};
    lua_getfield(L, 1, "clock");
    int which = luaL_checkoption(L, -1, "virtual", words);
    lua_pop(L, 1);
    return which == 1;
}

static int host_runtime(lua_State *L) {
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    uint64_t seed = option_seed(L);
    bool is_real = option_is_real(L);
    hy_world_t *w = push_world(L, WORLD_CLASS);
    int rc = hy_world_open(w, is_real, seed);
    if (rc) return luaL_error(L, "runtime: %s", hy_error_text(rc));
    hy_module_runtime_new(L, 2, w);
    return 1;
}

/* --- host.network ----------------------------------------------------------------------------- */

static hy_world_t *check_network(lua_State *L) {
    hy_world_t *w = luaL_checkudata(L, 1, HY_NETWORK_CLASS);
    if (!w->is_open) luaL_argerror(L, 1, "the network is stopped");
    return w;
}

static double option_chance(lua_State *L, const char *name) {
    lua_getfield(L, 1, name);
    lua_Number chance = luaL_optnumber(L, -1, 0);
    lua_pop(L, 1);
    if (!(chance >= 0 && chance <= 1)) luaL_error(L, "network: %s must be from 0 to 1", name);
    return chance;
}

static hy_network_faults_t option_faults(lua_State *L) {
    hy_network_faults_t faults = {0};
    faults.loss = option_chance(L, "loss");
    faults.repeat = option_chance(L, "repeat_");
    if (lua_getfield(L, 1, "delay") == LUA_TTABLE) {
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        uint64_t min = hy_world_ms(L, -2), max = hy_world_ms(L, -1);
        if (min > max || max > UINT32_MAX) luaL_error(L, "network: delay must be {min, max}");
        faults.delay_min_ms = (uint32_t)min;
        faults.delay_max_ms = (uint32_t)max;
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
    return faults;
}

/* A bound, times `scale`; 0: not given. */
static uint32_t option_bound(lua_State *L, const char *name, lua_Number scale) {
    lua_getfield(L, 1, name);
    lua_Number bound = luaL_optnumber(L, -1, 0) * scale;
    lua_pop(L, 1);
    if (!(bound >= 0 && bound <= UINT32_MAX))
        luaL_error(L, "network: %s must be a number from 0", name);
    return (uint32_t)bound;
}

/* Nothing raises here: what is taken is let go of in the end. */
static int stock_catalogue(lua_State *L, hy_world_t *w, const char *domain, hy_error_t *err) {
    hy_value_t documents = hy_absent();
    int rc = 0;
    lua_pushliteral(L, "node_schemas");
    if (lua_rawget(L, 1) != LUA_TNIL) rc = hy_plain_read(L, lua_gettop(L), &documents, err);
    lua_pop(L, 1);
    if (!rc && documents.kind == HY_OBJECT) {
        rc = hy_schemas_new(domain, &w->schemas);
        if (!rc) rc = hy_schema_documents_add(w->schemas, documents.as.n, err);
        if (!rc) rc = hy_schemas_compile(w->schemas, NULL, NULL, err);
    }
    hy_value_drop(documents);
    return rc;
}

/* host.network{domain=, seed=, delay=, loss=, repeat_=, and of its nodes: queue_bytes=, grace=
 * (seconds), auth_keys= (files), and for that of the first domain: node_store= (a disk),
 * node_schemas= (documents by name, its catalogue); and of its runtimes: history_bytes=} */
static int host_network(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    hy_error_t err = {.text = ""};
    uint64_t seed = option_seed(L);
    hy_network_faults_t faults = option_faults(L);
    hy_node_limits_t limits = {.queue_bytes = option_bound(L, "queue_bytes", 1),
                               .grace_ms = option_bound(L, "grace", 1000)};
    uint32_t history_bytes = option_bound(L, "history_bytes", 1);
    lua_getfield(L, 1, "domain");
    const char *domain = luaL_optstring(L, -1, "localhost");
    hy_disk_t *disk = hy_module_disk_option(L, "node_store");
    hy_world_t *w = push_world(L, HY_NETWORK_CLASS);
    int rc = hy_world_open(w, false, seed);
    w->faults = faults;
    w->limits = limits;
    w->history_bytes = history_bytes;
    w->node_disk = disk;
    if (!rc) rc = hy_module_auth_keys(L, w, &err);
    if (!rc) rc = stock_catalogue(L, w, domain, &err);
    if (!rc) rc = hy_world_add_domain(w, domain, false);
    if (!rc && disk) { /* it reads before anybody comes */
        lua_State *before = hy_world_enter(L, w, true);
        hy_world_rest(w);
        hy_world_leave(w, before);
    }
    return rc ? luaL_error(L, "network: %s", err.text[0] ? err.text : hy_error_text(rc)) : 1;
}

/* net:runtime{…} */
static int network_runtime(lua_State *L) {
    hy_world_t *w = check_network(L);
    if (lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        lua_newtable(L);
    }
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    lua_insert(L, 1); /* options, network */
    hy_module_runtime_new(L, 2, w);
    return 1;
}

static int network_run(lua_State *L) {
    hy_world_t *w = check_network(L);
    bool has_time = !lua_isnoneornil(L, 2);
    uint64_t ms = has_time ? hy_world_ms(L, 2) : 0;
    lua_State *before = hy_world_enter(L, w, true);
    bool rests = has_time ? hy_world_run(w, ms) : hy_world_rest(w);
    hy_world_leave(w, before);
    if (!rests) return luaL_error(L, "run: the runtimes do not come to rest");
    return 0;
}

/* net:settle([max_seconds]) → true, or false if something is still under way */
static int network_settle(lua_State *L) {
    hy_world_t *w = check_network(L);
    uint64_t ms = lua_isnoneornil(L, 2) ? SETTLE_MS : hy_world_ms(L, 2);
    lua_State *before = hy_world_enter(L, w, true);
    bool is_settled = hy_world_settle(w, ms);
    hy_world_leave(w, before);
    lua_pushboolean(L, is_settled);
    return 1;
}

/* net:domain(name [, {auth = false}]): one domain more, with a node of its own; runtimes made from
 * now on reach it. Without auth that node asks for no tokens. */
static int network_domain(lua_State *L) {
    hy_world_t *w = check_network(L);
    const char *name = luaL_checkstring(L, 2);
    if (hy_world_find_domain(w, name) >= 0) return luaL_error(L, "network: %s is there", name);
    bool is_open =
        lua_istable(L, 3) && lua_getfield(L, 3, "auth") == LUA_TBOOLEAN && !lua_toboolean(L, -1);
    int rc = hy_world_add_domain(w, name, is_open);
    return rc ? luaL_error(L, "network: %s: %s", name, hy_error_text(rc)) : 0;
}

/* The domain named at `arg`, the first if none is. */
static hy_domain_t *check_domain(lua_State *L, hy_world_t *w, int arg) {
    const char *name = luaL_optstring(L, arg, w->domains[0].name->bytes);
    int at = hy_world_find_domain(w, name);
    luaL_argcheck(L, at >= 0, arg, "a domain of this network expected");
    return &w->domains[at];
}

/* The way of the runtime at index 2 to the domain named at `arg`. */
static hy_pair_t *check_pair(lua_State *L, int arg) {
    hy_world_t *w = check_network(L);
    const hy_module_runtime_t *r = hy_module_runtime_check(L, 2);
    luaL_argcheck(L, r->world == w, 2, "a runtime of this network expected");
    hy_pair_t *pair = r->pairs[check_domain(L, w, arg) - w->domains];
    luaL_argcheck(L, pair, arg, "a domain that is older than the runtime expected");
    return pair;
}

/* net:cut(rt, up, down [, domain]): what is sent that way is lost, and nobody is told */
static int network_cut(lua_State *L) {
    hy_pair_cut(check_pair(L, 5), lua_toboolean(L, 3), lua_toboolean(L, 4));
    return 0;
}

/* net:stall(rt, is_stalled [, domain]): it reads nothing of what its node has for it; and again */
static int network_stall(lua_State *L) {
    hy_world_t *w = check_network(L);
    hy_pair_t *pair = check_pair(L, 4);
    lua_State *before = hy_world_enter(L, w, true);
    hy_pair_stall(pair, lua_toboolean(L, 3));
    hy_world_leave(w, before);
    return 0;
}

/* net:slow(rt, bytes_per_second [, domain]): so much comes down to it and no more; 0: no bound */
static int network_slow(lua_State *L) {
    lua_Integer rate = luaL_checkinteger(L, 3);
    luaL_argcheck(L, rate >= 0 && rate <= UINT32_MAX, 3, "bytes a second expected");
    hy_pair_slow(check_pair(L, 4), (uint32_t)rate);
    return 0;
}

/* net:jump(seconds): everybody's wall clock is put forward, or back; time goes on as it did */
static int network_jump(lua_State *L) {
    hy_world_t *w = check_network(L);
    w->clock->wall_start_ms += (int64_t)(luaL_checknumber(L, 2) * 1000);
    return 0;
}

/* What becomes of a connection. */
typedef enum { ENDED, BROKEN, BACK } fate_t;

static int change_way(lua_State *L, int arg, fate_t fate) {
    hy_world_t *w = check_network(L);
    hy_pair_t *pair = check_pair(L, arg);
    const hy_module_runtime_t *r = hy_module_runtime_check(L, 2);
    lua_State *before = hy_world_enter(L, w, true);
    hy_pair_unplug(pair, fate != BACK);
    if (fate == ENDED) hy_pair_end(pair);
    if (fate == BROKEN) hy_pair_break(pair);
    if (fate == BACK) hy_runtime_hurry(r->runtime);
    hy_world_leave(w, before);
    return 0;
}

/* net:disconnect(rt [, domain]): its session ends, and there is none until net:connect */
static int network_disconnect(lua_State *L) {
    return change_way(L, 3, ENDED);
}

/* net:connect(rt [, domain]): it can connect again, and does */
static int network_connect(lua_State *L) {
    return change_way(L, 3, BACK);
}

/* net:reconnect(rt [, domain]): both */
static int network_reconnect(lua_State *L) {
    change_way(L, 3, ENDED);
    return change_way(L, 3, BACK);
}

/* net:interrupt(rt, is_away [, domain]): the connection breaks, there is none; and again, to the
 * same session if that is not too late */
static int network_interrupt(lua_State *L) {
    return change_way(L, 4, lua_toboolean(L, 3) ? BROKEN : BACK);
}

/* net:break_off(rt [, domain]): the connection breaks; its runtime makes another, in its own time
 */
static int network_break_off(lua_State *L) {
    hy_world_t *w = check_network(L);
    hy_pair_t *pair = check_pair(L, 3);
    lua_State *before = hy_world_enter(L, w, true);
    hy_pair_break(pair);
    hy_world_leave(w, before);
    return 0;
}

/* net:kill_node([domain]): its process is gone, with all that it did not store */
static int network_kill_node(lua_State *L) {
    hy_world_t *w = check_network(L);
    hy_domain_t *d = check_domain(L, w, 2);
    lua_State *before = hy_world_enter(L, w, true);
    hy_world_kill_node(d);
    hy_world_leave(w, before);
    return 0;
}

/* net:restart_node([domain]): another one, with what is on its disk; runtimes connect when told to
 */
static int network_restart_node(lua_State *L) {
    hy_world_t *w = check_network(L);
    hy_domain_t *d = check_domain(L, w, 2);
    lua_State *before = hy_world_enter(L, w, true);
    for (hy_link_t *l = w->runtimes.next; l != &w->runtimes; l = l->next) {
        hy_pair_t *pair = hy_link_owner(l, hy_module_runtime_t, link)->pairs[d - w->domains];
        if (pair) hy_pair_unplug(pair, true);
    }
    hy_world_kill_node(d);
    int rc = hy_world_start_node(w, d);
    hy_world_leave(w, before);
    return rc ? luaL_error(L, "restart_node: %s", hy_error_text(rc)) : 0;
}

/* net:start_node([domain]) */
static int network_start_node(lua_State *L) {
    hy_world_t *w = check_network(L);
    hy_domain_t *d = check_domain(L, w, 2);
    if (d->node) return luaL_error(L, "start_node: it is running");
    int rc = hy_world_start_node(w, d);
    return rc ? luaL_error(L, "start_node: %s", hy_error_text(rc)) : 0;
}

/* net:faults{delay=, loss=, repeat_=}: from now on */
static int network_faults(lua_State *L) {
    hy_world_t *w = check_network(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_remove(L, 1);
    w->faults = option_faults(L);
    for (uint32_t i = 0; i < w->domain_count; i++)
        hy_network_set_faults(w->domains[i].network, &w->faults);
    return 0;
}

static int network_now(lua_State *L) {
    lua_pushnumber(L, (lua_Number)hy_clock_now(check_network(L)->clock) / 1000);
    return 1;
}

static int network_stop(lua_State *L) {
    hy_world_t *w = luaL_checkudata(L, 1, HY_NETWORK_CLASS);
    lua_State *before = hy_world_enter(L, w, true);
    hy_world_close(w);
    hy_world_leave(w, before);
    return 0;
}

static const luaL_Reg network_methods[] = {
    {"runtime", network_runtime},
    {"domain", network_domain},
    {"run", network_run},
    {"settle", network_settle},
    {"cut", network_cut},
    {"stall", network_stall},
    {"slow", network_slow},
    {"jump", network_jump},
    {"disconnect", network_disconnect},
    {"connect", network_connect},
    {"reconnect", network_reconnect},
    {"interrupt", network_interrupt},
    {"break_off", network_break_off},
    {"restart_node", network_restart_node},
    {"kill_node", network_kill_node},
    {"start_node", network_start_node},
    {"faults", network_faults},
    {"tap", hy_module_tap},
    {"now", network_now},
    {"stop", network_stop},
    {NULL, NULL},
};

/* --- the module ------------------------------------------------------------------------------- */

static int host_blocks(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)hy_mem_blocks());
    return 1;
}

/* host.fail_after(n): the n-th allocation of the core from now on fails; -1 ends it */
static int host_fail_after(lua_State *L) {
    hy_mem_fail_after(luaL_checkinteger(L, 1));
    return 0;
}

/* host.array(t): t is an array, also when it is empty */
static int host_array(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    hy_plain_push_array_meta(L);
    lua_setmetatable(L, 1);
    return 1;
}

/* host.api(): what scripts see (host/api.h) */
static int host_api(lua_State *L) {
    hy_api_push(L);
    return 1;
}

#ifdef HYPERTY_MUTANTS
/* host.mutant(n): the planted bug of that number is on, 0: none */
static int host_mutant(lua_State *L) {
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n >= 0 && n < HY_MUTANT_COUNT, 1, "the number of a planted bug expected");
    hy_mutant_choose((hy_mutant_t)n);
    return 0;
}

/* host.mutants: {name=, seeds=, text=} by number */
static void push_mutants(lua_State *L) {
    lua_newtable(L);
#define X(word, count, sentence)                                                                   \
    lua_newtable(L);                                                                               \
    lua_pushliteral(L, #word);                                                                     \
    lua_setfield(L, -2, "name");                                                                   \
    lua_pushinteger(L, count);                                                                     \
    lua_setfield(L, -2, "seeds");                                                                  \
    lua_pushliteral(L, sentence);                                                                  \
    lua_setfield(L, -2, "text");                                                                   \
    lua_rawseti(L, -2, HY_MUTANT_##word);
    HY_MUTANT_MAP(X)
#undef X
}
#endif

static const luaL_Reg functions[] = {
    {"runtime", host_runtime},  {"network", host_network}, {"disk", hy_module_disk},
    {"token", hy_module_token}, {"blocks", host_blocks},   {"fail_after", host_fail_after},
    {"array", host_array},      {"api", host_api},         {NULL, NULL},
};

static void open_class(lua_State *L, const char *class, const luaL_Reg *methods, lua_CFunction gc) {
    luaL_newmetatable(L, class);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    if (methods) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}

int luaopen_hyperty_host(lua_State *L) {
    luaL_checkversion(L);
    open_class(L, WORLD_CLASS, NULL, world_gc);
    open_class(L, HY_NETWORK_CLASS, network_methods, world_gc);
    hy_module_runtime_open(L);
    hy_module_disk_open(L);
    hy_module_port_open(L);
    hy_module_instance_open(L);
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
#ifdef HYPERTY_MUTANTS
    push_mutants(L);
    lua_setfield(L, -2, "mutants");
    lua_pushcfunction(L, host_mutant);
    lua_setfield(L, -2, "mutant");
#endif
    return 1;
}
