/* Reading of a configuration file. The Lua state lives for the call only and has no libraries: a
 * configuration computes nothing but values. */
#include "config.h"
#include "plain.h"

#include <errno.h>
#include <lauxlib.h>
#include <string.h>

static int run_file(lua_State *L, const char *path, hy_value_t *out, hy_error_t *err) {
    if (luaL_loadfilex(L, path, "t") != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK) {
        const char *text = lua_tostring(L, -1);
        bool is_named = text && strstr(text, path);
        return hy_fail(err, HY_EINVALID, "%s%s%s", is_named ? "" : path, is_named ? "" : ": ",
                       text ? text : "the file raised no text");
    }
    if (!lua_istable(L, -1)) {
        return hy_fail(err, HY_EINVALID,
                       "%s: the file must return a table: return { log = \"debug\" }", path);
    }
    hy_error_t why = {0};
    int rc = hy_plain_read(L, -1, out, &why);
    if (!rc && out->kind != HY_OBJECT) {
        hy_value_drop(*out);
        *out = hy_absent();
        rc = hy_fail(&why, HY_EINVALID, "the keys must be names of options");
    }
    return rc ? hy_fail(err, rc, "%s: %s", path, why.text) : 0;
}

int hy_config_read(const char *path, hy_value_t *out, hy_error_t *err) {
    lua_State *L = luaL_newstate();
    if (!L) return hy_fail(err, HY_ENOMEM, "out of memory");
    int rc = run_file(L, path, out, err);
    lua_close(L);
    return rc;
}
