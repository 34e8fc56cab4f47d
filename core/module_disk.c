/* host.disk{…}, and the stores of runtimes: on such a disk, or in a file.
 *
 * A disk outlives the runtimes on it: what one has stored there the next one finds. It is its
 * userdata's until it is closed; a runtime with a store on it keeps that userdata as a user value,
 * so that it cannot go before. */
#include "module.h"

#include "base/mem.h"
#include "store/memory.h"
#include "store/sqlite.h"

static hy_module_disk_t *check_disk(lua_State *L) {
    hy_module_disk_t *d = luaL_checkudata(L, 1, HY_DISK_CLASS);
    if (!d->disk) luaL_argerror(L, 1, "the disk is closed");
    return d;
}

static hy_module_disk_t *check_idle(lua_State *L, const char *method) {
    hy_module_disk_t *d = check_disk(L);
    if (d->is_used)
        luaL_error(L, "%s: a runtime has its store on the disk; crash or stop it first", method);
    return d;
}

static void set_delay(lua_State *L, const hy_module_disk_t *d, int arg) {
    hy_disk_set_delay(d->disk, hy_world_ms(L, arg));
}

/* host.disk{seed=, delay= (seconds), full=} */
int hy_module_disk(lua_State *L) {
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_getfield(L, 1, "seed");
    lua_getfield(L, 1, "delay");
    lua_getfield(L, 1, "full");
    lua_Integer seed = luaL_optinteger(L, 2, 1);
    hy_module_disk_t *d = lua_newuserdatauv(L, sizeof *d, 0);
    *d = (hy_module_disk_t){.disk = NULL};
    luaL_setmetatable(L, HY_DISK_CLASS);
    hy_random_seed(&d->random, (uint64_t)seed);
    int rc = hy_disk_new(&d->disk);
    if (rc) return luaL_error(L, "disk: %s", hy_error_text(rc));
    if (!lua_isnil(L, 3)) set_delay(L, d, 3);
    hy_disk_set_full(d->disk, lua_toboolean(L, 4));
    return 1;
}

/* disk:power_loss(): what was committed but not synced is lost from some moment on */
static int disk_power_loss(lua_State *L) {
    hy_module_disk_t *d = check_idle(L, "power_loss");
    hy_disk_lose_power(d->disk, &d->random);
    return 0;
}

/* disk:full(is_full): nothing is committed; and again */
static int disk_full(lua_State *L) {
    const hy_module_disk_t *d = check_disk(L);
    hy_disk_set_full(d->disk, lua_toboolean(L, 2));
    return 0;
}

/* disk:delay(seconds): that a commit takes */
static int disk_delay(lua_State *L) {
    set_delay(L, check_disk(L), 2);
    return 0;
}

/* disk:close(): with all that is on it */
static int disk_close(lua_State *L) {
    const hy_module_disk_t *open = luaL_checkudata(L, 1, HY_DISK_CLASS);
    if (!open->disk) return 0;
    hy_module_disk_t *d = check_idle(L, "close");
    hy_disk_unref(d->disk);
    d->disk = NULL;
    return 0;
}

/* The store on it may still be there when a Lua state goes. */
static int disk_gc(lua_State *L) {
    hy_module_disk_t *d = lua_touserdata(L, 1);
    hy_disk_unref(d->disk);
    d->disk = NULL;
    return 0;
}

hy_disk_t *hy_module_disk_option(lua_State *L, const char *name) {
    lua_getfield(L, 1, name);
    const hy_module_disk_t *d = luaL_testudata(L, -1, HY_DISK_CLASS);
    if (!lua_isnil(L, -1) && !(d && d->disk)) luaL_error(L, "%s must be a disk (host.disk)", name);
    lua_pop(L, 1);
    return d ? hy_disk_ref(d->disk) : NULL;
}

/* --- stores of runtimes ----------------------------------------------------------------------- */

void hy_module_store_check(lua_State *L, int index) {
    const hy_module_disk_t *d = luaL_testudata(L, index, HY_DISK_CLASS);
    int type = lua_type(L, index);
    if (d && !d->disk) luaL_error(L, "runtime: store: the disk is closed");
    if (!d && type != LUA_TNIL && type != LUA_TSTRING) {
        luaL_error(L, "runtime: store must be a disk (host.disk) or the path of a file");
    }
}

int hy_module_store_open(lua_State *L, int index, hy_module_runtime_t *r, hy_error_t *err) {
    hy_world_t *w = r->world;
    hy_module_disk_t *d = luaL_testudata(L, index, HY_DISK_CLASS);
    const char *path = lua_tostring(L, index);
    if (d) {
        int rc = hy_store_open_memory(w->clock, &r->log, d->disk, &r->store);
        if (rc == HY_ECONFLICT)
            hy_fail(err, rc, "store: another runtime has its store on the disk");
        if (rc == 0) r->disk = d;
        if (rc == 0) d->is_used = true;
        return rc;
    }
    if (!path) return 0;
    if (w->loop) return hy_store_open_sqlite(w->loop, &r->log, path, &r->store, err);
    return hy_store_open_sqlite_on(w->clock, &r->log, path, NULL, 0, &r->store, err);
}

void hy_module_store_close(hy_module_runtime_t *r, bool is_crash) {
    if (is_crash && r->store) {
        hy_store_crash(r->store);
    } else {
        hy_store_close(r->store);
    }
    r->store = NULL;
    if (r->disk) r->disk->is_used = false;
    r->disk = NULL;
}

/* --- opening ---------------------------------------------------------------------------------- */

static const luaL_Reg methods[] = {{"power_loss", disk_power_loss},
                                   {"full", disk_full},
                                   {"delay", disk_delay},
                                   {"close", disk_close},
                                   {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", disk_gc}, {"__close", disk_close}, {NULL, NULL}};

void hy_module_disk_open(lua_State *L) {
    luaL_newmetatable(L, HY_DISK_CLASS);
    luaL_setfuncs(L, meta, 0);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
