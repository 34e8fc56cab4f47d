/* The own key of a runtime in a spec, and the keys that it has met. */
#include "key_file.h"
#include "module.h"

const uint8_t *hy_module_key_option(lua_State *L, hy_module_runtime_t *r, hy_random_t *random) {
    int type = lua_type(L, -1);
    size_t len;
    hy_error_t err = {0};
    if (type == LUA_TNIL) return NULL;
    if (type != LUA_TSTRING) luaL_error(L, "runtime: key must be a seed or the path of a file");
    const char *key = lua_tolstring(L, -1, &len);
    if (len == HY_SIGN_SEED_BYTES) {
        memcpy(r->seed, key, len);
    } else if (hy_key_file_read(key, random, r->seed, &err) < 0) {
        luaL_error(L, "runtime: key: %s", err.text);
    }
    return r->seed;
}

static hy_manager_t *manager_of(const hy_module_runtime_t *r) {
    return hy_runtime_manager(r->runtime);
}

int hy_module_keys(lua_State *L) {
    hy_value_t keys;
    hy_error_t err = {0};
    int rc = hy_manager_keys(manager_of(hy_module_runtime_check(L, 1)), &keys, &err);
    if (rc) return hy_module_failure(L, rc, err.text);
    hy_module_push_value(L, keys);
    return 1;
}

static int edit(lua_State *L, int (*fn)(hy_manager_t *m, hy_str_t *user, const char *fingerprint,
                                        hy_error_t *err)) {
    const hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    const char *name = luaL_checkstring(L, 2), *fingerprint = luaL_optstring(L, 3, NULL);
    hy_str_t *user = hy_str_from(name);
    hy_error_t err = {0};
    int rc = user ? fn(manager_of(r), user, fingerprint, &err) : HY_ENOMEM;
    hy_str_unref(user);
    if (rc) return hy_module_failure(L, rc, err.text);
    lua_pushboolean(L, 1);
    return 1;
}

int hy_module_accept(lua_State *L) {
    return edit(L, hy_manager_accept_key);
}
int hy_module_forget(lua_State *L) {
    return edit(L, hy_manager_forget_key);
}
