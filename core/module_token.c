/* Tokens in specs: host.token{…}, the keys of a network's nodes, and what a runtime shows them. */
#include "module.h"

/* Virtual time begins where module_world.c says; a token made without `now` is good from there. */
#define NOW_S ((uint64_t)(HY_WORLD_WALL_START_MS / 1000))

/* --- making one ------------------------------------------------------------------------------- */

static const char *text_of(lua_State *L, const char *name) {
    if (lua_getfield(L, 1, name) != LUA_TSTRING) luaL_error(L, "token: %s must be a string", name);
    return lua_tostring(L, -1);
}

static lua_Integer seconds_of(lua_State *L, const char *name, lua_Integer usual) {
    int type = lua_getfield(L, 1, name);
    lua_Integer seconds = type == LUA_TNIL ? usual : lua_tointeger(L, -1);
    bool is_good = type == LUA_TNIL || (lua_isinteger(L, -1) && seconds >= 0);
    lua_pop(L, 1);
    if (!is_good || seconds > UINT32_MAX) luaL_error(L, "token: %s must be seconds", name);
    return seconds;
}

/* host.token{key = FILE, sub = URL, user = {URL, …}, ttl = seconds, now = seconds since 1970}: a
 * token's text; or nil, message, code. `now`: when virtual time begins. */
int hy_module_token(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    const char *key = text_of(L, "key"), *subject = text_of(L, "sub");
    lua_Integer ttl_s = seconds_of(L, "ttl", HY_TOKEN_TTL_S);
    lua_Integer now_s = seconds_of(L, "now", (lua_Integer)NOW_S);
    if (lua_getfield(L, 1, "user") != LUA_TTABLE) luaL_error(L, "token: user must be a list");
    hy_error_t err = {.text = ""};
    hy_value_t users = hy_absent();
    hy_str_t *sub = hy_str_from(subject), *token = NULL;
    int rc = sub ? hy_plain_read(L, lua_gettop(L), &users, &err) : HY_ENOMEM;
    hy_node_t *none = hy_node_new(HY_ARRAY);
    const hy_node_t *list = users.kind == HY_ARRAY ? users.as.n : none;
    if (!rc && !list) rc = HY_ENOMEM;
    if (!rc) rc = hy_token_make(key, sub, list, (uint64_t)now_s, (uint32_t)ttl_s, &token, &err);
    hy_value_drop(users);
    if (none) hy_node_unref(none);
    hy_str_unref(sub);
    if (rc) return hy_module_failure(L, rc, err.text);
    hy_module_push_value(L, hy_string(token));
    return 1;
}

/* --- what a runtime shows --------------------------------------------------------------------- */

typedef struct {
    const char *domain;
    hy_str_t *token;
    bool is_wrong;
} asked_t;

static int call_token(lua_State *L) {
    const hy_module_runtime_t *r = lua_touserdata(L, 1);
    asked_t *asked = lua_touserdata(L, 2);
    lua_rawgetp(L, LUA_REGISTRYINDEX, r);
    if (lua_getiuservalue(L, -1, HY_RUNTIME_FUNCTIONS) != LUA_TTABLE) return 0;
    if (lua_rawgeti(L, -1, HY_RUNTIME_TOKEN) != LUA_TFUNCTION) return 0;
    lua_pushstring(L, asked->domain);
    lua_call(L, 1, 1);
    size_t len;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    asked->is_wrong = !text && !lua_isnil(L, -1);
    if (text && !(asked->token = hy_str_new(text, len))) asked->is_wrong = true;
    return 0;
}

int hy_module_token_get(void *runtime, const char *domain, hy_str_t **out, hy_error_t *err) {
    hy_module_runtime_t *r = runtime;
    asked_t asked = {.domain = domain};
    bool is_done = hy_world_protect(r->world, call_token, r, &asked);
    if (!is_done || asked.is_wrong)
        return hy_fail(err, HY_EINVALID, "token: the function gives no token");
    *out = asked.token;
    return 0;
}

/* --- what nodes ask for ----------------------------------------------------------------------- */

int hy_module_auth_keys(lua_State *L, hy_world_t *w, hy_error_t *err) {
    const char *paths[HY_TOKEN_KEYS_MAX];
    uint32_t count = 0;
    int rc = 0, top = lua_gettop(L);
    lua_pushliteral(L, "auth_keys");
    if (lua_rawget(L, 1) == LUA_TTABLE) {
        int table = lua_gettop(L);
        while (!rc && lua_rawgeti(L, table, (lua_Integer)count + 1) == LUA_TSTRING) {
            if (count == HY_TOKEN_KEYS_MAX) rc = hy_fail(err, HY_EFULL, "too many auth_keys");
            if (!rc) paths[count++] = lua_tostring(L, -1);
            lua_pop(L, 1);
        }
        if (!rc) rc = hy_token_keys_open(paths, count, &w->keys, err);
    }
    lua_settop(L, top);
    return rc;
}
