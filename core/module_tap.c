/* Reading along on the network of a spec, as whoever has it can. */
#include "module.h"

typedef struct {
    bool is_up;
    hy_str_t **text;
} arrival_t;

/* The function of that world is under this address. */
static void *key_of(hy_world_t *w) {
    return &w->domain_count;
}

static int call_tap(lua_State *L) {
    hy_world_t *w = lua_touserdata(L, 1);
    const arrival_t *a = lua_touserdata(L, 2);
    size_t len;
    lua_rawgetp(L, LUA_REGISTRYINDEX, key_of(w));
    lua_pushlstring(L, (*a->text)->bytes, (*a->text)->len);
    lua_pushboolean(L, a->is_up);
    lua_call(L, 2, 1);
    if (lua_isnil(L, -1)) return 0;
    const char *instead = lua_isstring(L, -1) ? lua_tolstring(L, -1, &len) : NULL;
    if (!instead && lua_toboolean(L, -1))
        return luaL_error(L, "tap: a text, false or nil expected");
    hy_str_t *text = instead ? hy_str_new(instead, len) : NULL;
    hy_str_unref(*a->text);
    *a->text = text;
    return 0;
}

static void on_arrival(void *world, bool is_up, hy_str_t **text) {
    arrival_t a = {.is_up = is_up, .text = text};
    hy_world_protect(world, call_tap, world, &a);
}

int hy_module_tap(lua_State *L) {
    hy_world_t *w = luaL_checkudata(L, 1, HY_NETWORK_CLASS);
    bool is_wanted = !lua_isnoneornil(L, 2);
    if (is_wanted) luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key_of(w));
    for (uint32_t i = 0; i < w->domain_count; i++)
        hy_network_tap(w->domains[i].network, (hy_network_tap_t){is_wanted ? on_arrival : NULL, w});
    return 0;
}
