/* Driving of worlds: virtual time jumps from timer to timer, real time passes on a loop. What is
 * ready is always worked off first, so a virtual run depends on nothing but its seed.
 *
 * Errors of callbacks cannot be raised through the core: the first one is kept in the registry and
 * raised by the function of the module that was called, once the core has returned. */
#include "module.h"

#include <math.h>

static bool on_work(void *arg) {
    hy_world_t *w = arg;
    bool has_more = hy_world_turn(w);
    if (w->is_done && w->is_done(w->done_arg)) hy_loop_stop(w->loop);
    return has_more;
}

int hy_world_open(hy_world_t *w, bool is_real, uint64_t seed) {
    *w = (hy_world_t){.seed = seed};
    hy_link_init(&w->runtimes);
    hy_random_seed(&w->random, seed);
    if (!is_real) {
        hy_clock_init(&w->own_clock, HY_WORLD_WALL_START_MS);
        w->clock = &w->own_clock;
        w->is_open = true;
        return 0;
    }
    int rc = hy_loop_open(&w->loop);
    if (rc) return rc;
    w->is_open = true;
    w->clock = hy_loop_clock(w->loop);
    rc = hy_loop_add_work(w->loop, on_work, w, &w->work);
    if (rc) hy_world_close(w);
    return rc;
}

void hy_world_close(hy_world_t *w) {
    if (!w->is_open) return;
    while (!hy_list_is_empty(&w->runtimes)) {
        hy_module_runtime_stop(hy_link_owner(w->runtimes.next, hy_module_runtime_t, link), false);
    }
    w->is_open = false;
    while (w->domain_count > 0) {
        hy_domain_t *d = &w->domains[--w->domain_count];
        hy_world_kill_node(d);
        hy_network_free(d->network);
        hy_str_unref(d->name);
    }
    hy_token_keys_free(w->keys);
    w->keys = NULL;
    hy_disk_unref(w->node_disk);
    w->node_disk = NULL;
    hy_schemas_free(w->schemas);
    w->schemas = NULL;
    if (w->loop) {
        hy_sockets_close(w->sockets);
        w->sockets = NULL;
        hy_work_close(w->work);
        hy_loop_close(w->loop);
    } else {
        hy_clock_deinit(&w->own_clock);
    }
}

/* --- domains ---------------------------------------------------------------------------------- */

void hy_world_kill_node(hy_domain_t *d) {
    if (d->network) hy_network_set_node(d->network, NULL);
    hy_node_server_free(d->node);
    hy_store_crash(d->store);
    d->node = NULL;
    d->store = NULL;
}

/* Nobody reaches it while it reads. */
static void on_node_ready(void *domain, int code) {
    hy_domain_t *d = domain;
    if (code == 0) hy_network_set_node(d->network, d->node);
}

int hy_world_start_node(hy_world_t *w, hy_domain_t *d) {
    bool has_disk = w->node_disk && d == w->domains;
    int rc = has_disk ? hy_store_open_memory(w->clock, NULL, w->node_disk, &d->store) : 0;
    if (rc) return rc;
    hy_node_config_t config = {
        .domain = d->name->bytes, .clock = w->clock, .random = &w->random, .limits = w->limits};
    config.store = d->store;
    if (w->keys && !d->is_open) config.auth = hy_token_keys_auth(w->keys);
    config.ready = on_node_ready;
    config.ready_arg = d;
    if (d == w->domains) config.schemas = w->schemas;
    rc = hy_node_server_new(&config, &d->node);
    if (!rc && !has_disk) hy_network_set_node(d->network, d->node);
    return rc;
}

int hy_world_add_domain(hy_world_t *w, const char *name, bool is_open) {
    if (w->domain_count == HY_WORLD_DOMAINS_MAX) return HY_EFULL;
    hy_domain_t *d = &w->domains[w->domain_count];
    *d = (hy_domain_t){.name = hy_str_from(name), .is_open = is_open};
    if (!d->name) return HY_ENOMEM;
    w->domain_count++;
    int rc = hy_network_new(w->clock, NULL, hy_random_u64(&w->random), &w->faults, &d->network);
    return rc ? rc : hy_world_start_node(w, d);
}

int hy_world_find_domain(const hy_world_t *w, const char *name) {
    for (uint32_t i = 0; i < w->domain_count; i++) {
        if (hy_str_is(w->domains[i].name, name)) return (int)i;
    }
    return -1;
}

/* --- between Lua and the core ----------------------------------------------------------------- */

lua_State *hy_world_enter(lua_State *L, hy_world_t *w, bool drives) {
    if (drives && w->is_driving) {
        luaL_error(L, "not from inside a callback: the runtime is in the middle of a turn");
    }
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    lua_State *before = w->L;
    w->L = L;
    if (drives) w->is_driving = true;
    return before;
}

void hy_world_leave(hy_world_t *w, lua_State *before) {
    lua_State *L = w->L;
    w->L = before;
    if (before) return;
    w->is_driving = false;
    if (!w->has_error) return;
    w->has_error = false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, w);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, w);
    lua_error(L);
}

void hy_world_unanchor(const hy_world_t *w, const void *userdata) {
    lua_pushnil(w->L);
    lua_rawsetp(w->L, LUA_REGISTRYINDEX, userdata);
}

bool hy_world_protect(hy_world_t *w, lua_CFunction fn, void *a, void *b) {
    lua_State *L = w->L;
    if (!L || !lua_checkstack(L, LUA_MINSTACK)) return false;
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, a);
    lua_pushlightuserdata(L, b);
    if (lua_pcall(L, 2, 0, 0) == LUA_OK) return true;
    if (w->has_error) {
        lua_pop(L, 1);
    } else {
        w->has_error = true;
        lua_rawsetp(L, LUA_REGISTRYINDEX, w);
    }
    return false;
}

/* --- turns and time --------------------------------------------------------------------------- */

bool hy_world_turn(hy_world_t *w) {
    bool has_more = false;
    hy_link_t *l = w->runtimes.next;
    while (l != &w->runtimes) {
        hy_module_runtime_t *r = hy_link_owner(l, hy_module_runtime_t, link);
        l = l->next;
        if (r->runtime && hy_runtime_turn(r->runtime)) has_more = true;
    }
    return has_more && !w->has_error;
}

static void stop_loop(void *arg) {
    const hy_world_t *w = arg;
    hy_loop_stop(w->loop);
}

/* Runs the loop that long, or until done. */
static void run_loop(hy_world_t *w, uint64_t ms) {
    hy_timer_t timer;
    hy_timer_init(&timer, stop_loop, w);
    if (hy_timer_start(w->clock, &timer, ms) != 0) return;
    hy_work_wake(w->work);
    hy_loop_run(w->loop);
    hy_timer_stop(w->clock, &timer);
}

bool hy_world_rest(hy_world_t *w) {
    if (w->loop) {
        run_loop(w, 0);
        return true;
    }
    uint64_t now = hy_clock_now(w->clock), at = 0;
    for (uint32_t turns = 0; turns < HY_WORLD_TURNS_MAX; turns++) {
        if (hy_world_turn(w)) continue;
        if (w->has_error) return true;
        /* Timers without delay are ready, too. */
        if (!hy_clock_next(w->clock, &at) || at > now) return true;
        hy_clock_advance(w->clock, now);
    }
    return false;
}

/* The next moment until `end_ms` when something happens. */
static bool next_moment(hy_world_t *w, uint64_t end_ms) {
    uint64_t at = 0;
    if (!hy_clock_next(w->clock, &at) || at > end_ms) return false;
    hy_clock_advance(w->clock, at);
    return true;
}

bool hy_world_run(hy_world_t *w, uint64_t ms) {
    if (w->loop) {
        run_loop(w, ms);
        return true;
    }
    uint64_t end_ms = hy_clock_now(w->clock) + ms;
    do {
        if (!hy_world_rest(w)) return false;
        if (w->has_error) return true;
    } while (next_moment(w, end_ms));
    hy_clock_advance(w->clock, end_ms);
    return true;
}

bool hy_world_drive(hy_world_t *w, bool (*done)(void *arg), void *arg, uint64_t ms) {
    if (w->loop) {
        w->is_done = done;
        w->done_arg = arg;
        if (!done(arg)) run_loop(w, ms);
        w->is_done = NULL;
        return done(arg);
    }
    uint64_t end_ms = hy_clock_now(w->clock) + ms;
    for (;;) {
        for (uint32_t turns = 0; !done(arg) && hy_world_turn(w); turns++) {
            if (turns == HY_WORLD_TURNS_MAX) return false;
        }
        if (done(arg) || w->has_error) return done(arg);
        if (!next_moment(w, end_ms)) break;
    }
    hy_clock_advance(w->clock, end_ms);
    return false;
}

void hy_world_done(hy_world_t *w) {
    if (w->work) hy_work_wake(w->work);
}

static bool is_settled(void *arg) {
    const hy_world_t *w = arg;
    for (uint32_t i = 0; i < w->domain_count; i++) {
        if (hy_network_in_flight(w->domains[i].network) > 0) return false;
    }
    for (hy_link_t *l = w->runtimes.next; l != &w->runtimes; l = l->next) {
        hy_module_runtime_t *r = hy_link_owner(l, hy_module_runtime_t, link);
        hy_bus_stats_t stats = hy_bus_stats(hy_runtime_bus(r->runtime));
        if (stats.queued || stats.held || stats.requests) return false;
    }
    return true;
}

bool hy_world_settle(hy_world_t *w, uint64_t ms) {
    uint64_t end_ms = hy_clock_now(w->clock) + ms;
    for (;;) {
        if (!hy_world_rest(w)) return false;
        if (is_settled(w) || w->has_error) return true;
        if (!next_moment(w, end_ms)) return false;
    }
}

/* Seconds at `arg` as milliseconds. */
uint64_t hy_world_ms(lua_State *L, int arg) {
    lua_Number seconds = luaL_checknumber(L, arg);
    luaL_argcheck(L, seconds >= 0 && seconds < 1e12, arg, "seconds from 0 to 1e12 expected");
    return (uint64_t)llround(seconds * 1000);
}
