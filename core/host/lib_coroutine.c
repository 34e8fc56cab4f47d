/* The library `coroutine` of hyperties: Lua's own, but for waits.
 *
 * A wait inside a coroutine yields a mark. `resume` and the functions of `wrap` know it, yield it
 * on from their own thread, and when that goes on hand the results down; so it gets up to the task
 * and back, through any depth, and the script sees a call that takes its time. Such a coroutine is
 * "normal" meanwhile: it has not yielded and nobody may resume it. A script's own yield never gets
 * beyond its coroutines, since the task's thread refuses it.
 *
 * While it hands on a wait, `resume` keeps the coroutine in a slot to be closed: when the task is
 * cancelled there, the coroutine is unwound too. Threads have a metatable for that alone. */
#include "internal.h"

/* On top of a coroutine that died in a run that was killed: no Lua may run on it (budget.h), so it
 * cannot be closed. */
static const char dead_mark = 0;
static const char dead_text[] = "took too long";

static bool is_marked_dead(lua_State *co) {
    return lua_gettop(co) > 0 && lua_touserdata(co, -1) == &dead_mark;
}

/* The run was killed in the coroutine, or in one that it ran: as it is dead, so is who resumed it.
 * Does not return. */
static int bury(lua_State *L, lua_State *co, int status) {
    if (status != LUA_OK) {
        lua_checkstack(co, 1); /* there is room for one even if this fails */
        lua_pushlightuserdata(co, (void *)&dead_mark);
    }
    hy__budget_check(L);
    return -1;
}

static lua_State *check_thread(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    return co;
}

static bool is_task(lua_State *L) {
    const hy_instance_t *i = hy_instance_of(L);
    return i->L == L || (i->current && i->current->thread == L);
}

static const char *status_of(lua_State *L, lua_State *co) {
    lua_Debug frame;
    if (L == co) return "running";
    if (is_marked_dead(co)) return "dead";
    if (hy__thread_is_held(co)) return "normal";
    if (lua_status(co) == LUA_YIELD) return "suspended";
    if (lua_status(co) != LUA_OK) return "dead";
    if (lua_getstack(co, 0, &frame)) return "normal";
    return lua_gettop(co) > 0 ? "suspended" : "dead";
}

/* --- resuming --------------------------------------------------------------------------------- */

static int refuse(lua_State *L, const char *text) {
    lua_settop(L, 1);
    lua_pushstring(L, text);
    return -1;
}

/* Resumes the coroutine at 1 with the values above it, which its results replace; -1: one error
 * object is on top instead. A wait is passed on and comes back in `k`, which `is_back` tells. */
static int resume(lua_State *L, bool is_back, lua_KFunction k) {
    hy_instance_t *i = hy_instance_of(L);
    lua_State *co = lua_tothread(L, 1);
    int args = lua_gettop(L) - 1, results = 0;
    if (is_back) {
        lua_pop(co, 1);
    } else if (is_marked_dead(co)) {
        return refuse(L, "cannot resume dead coroutine");
    } else if (hy__thread_is_held(co)) {
        return refuse(L, "cannot resume non-suspended coroutine");
    }
    if (!lua_checkstack(co, args + 1)) return refuse(L, "too many arguments to resume");
    lua_xmove(L, co, args);
    bool passed = i->passes;
    i->passes = passed && lua_isyieldable(L); /* else a wait would meet a C function here */
    lua_State *before = hy__budget_enter(co);
    int status = lua_resume(co, L, args, &results);
    hy__budget_leave(co, before);
    i->passes = passed;
    if (hy__budget_is_killed(L)) return bury(L, co, status);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(co, L, 1);
        return -1;
    }
    if (status == LUA_YIELD && hy__thread_is_held(co)) {
        if (!is_back) lua_toclose(L, 1);
        lua_pushlightuserdata(L, (void *)&hy__held_mark);
        return lua_yieldk(L, 1, 0, k);
    }
    if (!lua_checkstack(L, results + 2)) {
        lua_pop(co, results);
        return refuse(L, "too many results to resume");
    }
    lua_xmove(co, L, results);
    return results;
}

static int go_on_resume(lua_State *L, int status, lua_KContext context);
static int go_on_wrap(lua_State *L, int status, lua_KContext context);

static int end_resume(lua_State *L, int results) {
    lua_pushboolean(L, results >= 0);
    lua_insert(L, 2);
    return results >= 0 ? results + 1 : 2;
}

static int go_on_resume(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    return end_resume(L, resume(L, true, go_on_resume));
}

static int co_resume(lua_State *L) {
    check_thread(L);
    return end_resume(L, resume(L, false, go_on_resume));
}

static int reset(lua_State *co) {
    lua_State *before = hy__budget_enter(co);
    int status = lua_resetthread(co);
    hy__budget_leave(co, before);
    return status;
}

/* An error goes on to the caller, after what the coroutine left open is closed. */
static int end_wrap(lua_State *L, int results) {
    if (results >= 0) return results;
    lua_State *co = lua_tothread(L, 1);
    if (lua_status(co) != LUA_OK && lua_status(co) != LUA_YIELD) {
        if (reset(co) != LUA_OK) { /* the error of closing, or the same again */
            lua_pop(L, 1);
            lua_xmove(co, L, 1);
        }
        lua_settop(co, 0);
    }
    if (lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int go_on_wrap(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    return end_wrap(L, resume(L, true, go_on_wrap));
}

static int call_wrapped(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    return end_wrap(L, resume(L, false, go_on_wrap));
}

/* --- the other functions ---------------------------------------------------------------------- */

static int co_create(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    return 1;
}

static int co_wrap(lua_State *L) {
    co_create(L);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

static int co_yield (lua_State *L) {
    if (is_task(L)) return luaL_error(L, "yield outside of a coroutine");
    return lua_yield(L, lua_gettop(L));
}

static int co_status(lua_State *L) {
    lua_pushstring(L, status_of(L, check_thread(L)));
    return 1;
}

static int co_running(lua_State *L) {
    lua_pushthread(L);
    lua_pushboolean(L, is_task(L));
    return 2;
}

static int co_isyieldable(lua_State *L) {
    lua_State *co = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
    lua_pushboolean(L, !is_task(co) && lua_isyieldable(co));
    return 1;
}

static int co_close(lua_State *L) {
    lua_State *co = check_thread(L);
    const char *status = status_of(L, co);
    if (*status != 's' && *status != 'd') {
        return luaL_error(L, "cannot close a %s coroutine", status);
    }
    if (is_marked_dead(co)) {
        lua_pushboolean(L, 0);
        lua_pushstring(L, dead_text);
        return 2;
    }
    hy_instance_t *i = hy_instance_of(L);
    if (i->closings == HY_CLOSINGS_MAX) {
        return luaL_error(L, "close: more than %d within each other", (int)HY_CLOSINGS_MAX);
    }
    i->closings++; /* Lua 5.4.4 does not count these as C calls: they would use up the C stack */
    bool is_clean = reset(co) == LUA_OK;
    i->closings--;
    lua_pushboolean(L, is_clean);
    if (is_clean) return 1;
    lua_xmove(co, L, 1);
    return 2;
}

/* The task that waits in this coroutine is cancelled; in any other case there is nothing to do. */
static int thread_close(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    if (co && hy_instance_of(L)->is_closing_task && hy__thread_is_held(co)) {
        reset(co);
        lua_settop(co, 0);
    }
    return 0;
}

void hy__lib_coroutine_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"create", co_create}, {"resume", co_resume},           {"wrap", co_wrap},
        {"yield", co_yield },  {"status", co_status},           {"running", co_running},
        {"close", co_close},   {"isyieldable", co_isyieldable}, {NULL, NULL}};
    lua_pushthread(L);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, thread_close);
    lua_setfield(L, -2, "__close");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
    luaL_newlib(L, functions);
}
