/* The one protected call. C code outside Lua reaches a state only through here: whatever can raise,
 * pushes included, happens inside lua_pcall, and the stack is as before on both paths.
 *
 * An error gets its traceback where it was raised, in the message handler. Running out of memory
 * cannot make a text any more, so that one lies ready in the registry. */
#include "internal.h"

const char hy__memory_text = 0;

void hy__error_check(lua_State *L) {
    if (lua_isstring(L, -1)) return;
    lua_pop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &hy__memory_text);
}

/* Message handler of the protected call: the stack of the raise is still there. */
static int add_traceback(lua_State *L) {
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

/* thread, whether its traceback is wanted → text */
static int tell_killed(lua_State *L) {
    lua_State *thread = lua_touserdata(L, 1);
    lua_pushstring(L, hy_instance_of(L)->budget.text);
    if (lua_toboolean(L, 2)) luaL_traceback(L, thread, lua_tostring(L, -1), 0);
    return 1;
}

void hy__killed_text(lua_State *L, lua_State *thread, bool has_traceback) {
    if (lua_checkstack(L, 3)) {
        lua_pushcfunction(L, tell_killed);
        lua_pushlightuserdata(L, thread);
        lua_pushboolean(L, has_traceback);
        lua_pcall(L, 2, 1, 0);
    } else {
        lua_pushnil(L);
    }
    hy__error_check(L);
}

static int code_of(int status) {
    return status == LUA_ERRMEM ? HY_ENOMEM : HY_EINTERNAL;
}

int hy_pcall(lua_State *L, int nargs, int nresults, const char *what) {
    hy_instance_t *i = hy_instance_of(L);
    int base = lua_gettop(L) - nargs;
    int status = LUA_ERRMEM;
    if (lua_checkstack(L, 3)) {
        lua_pushcfunction(L, add_traceback);
        lua_insert(L, base);
        i->busy++;
        lua_State *before = hy__budget_enter(L);
        status = lua_pcall(L, nargs, nresults, base);
        hy__budget_leave(L, before);
        i->busy--;
        lua_remove(L, base);
    } else {
        lua_settop(L, base - 1);
        lua_pushnil(L);
    }
    if (status == LUA_OK) return 0;
    hy__error_check(L);
    if (what) hy__instance_log(i, HY_LOG_ERROR, what, lua_tostring(L, -1));
    return code_of(status);
}

typedef struct {
    void (*fn)(lua_State *L, void *arg);
    void *arg;
} protected_t;

static int run_protected(lua_State *L) {
    const protected_t *p = lua_touserdata(L, 1);
    lua_settop(L, 0);
    p->fn(L, p->arg);
    return 0;
}

/* Message handler where the text alone is wanted. */
static int make_text(lua_State *L) {
    luaL_tolstring(L, 1, NULL);
    return 1;
}

int hy_protected(lua_State *L, void (*fn)(lua_State *L, void *arg), void *arg, hy_error_t *err) {
    protected_t p = {fn, arg};
    if (hy__budget_is_spent(hy_instance_of(L))) {
        hy__host_wake(hy_instance_of(L)->host);
        return hy_fail(err, HY_ENOMEM, "not enough memory");
    }
    if (!lua_checkstack(L, 3)) return hy_fail(err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
    lua_State *before = hy__budget_lend(L);
    lua_pushcfunction(L, make_text);
    int handler = lua_gettop(L);
    lua_pushcfunction(L, run_protected);
    lua_pushlightuserdata(L, &p);
    int status = lua_pcall(L, 1, 0, handler);
    int rc = 0;
    if (status != LUA_OK) {
        hy__error_check(L);
        rc = hy_fail(err, code_of(status), "%s", lua_tostring(L, -1));
    }
    lua_settop(L, handler - 1);
    hy__budget_give_back(before);
    return rc;
}
