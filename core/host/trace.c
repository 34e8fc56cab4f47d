/* Stacks of tasks, stitched (trace.h). Costs nothing as long as nothing is raised, but for a look
 * at the line that starts a task or timer. */
#include "trace.h"

#include "internal.h"

static const char head[] = "stack traceback:";

/* Stacks of C functions between the script and ours, as of pcall. */
#define LEVELS_MAX 8

void hy__trace_origin(lua_State *L, hy_origin_t *out) {
    lua_Debug frame;
    out->line = 0;
    for (int level = 1; level < LEVELS_MAX && lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline <= 0) continue;
        memcpy(out->source, frame.short_src, sizeof out->source);
        out->line = frame.currentline;
        return;
    }
}

/* The same object; or a text in which the other one is, as who catches an error often adds to it.
 */
static bool is_of(lua_State *L, int error, int inner) {
    if (lua_rawequal(L, error, inner)) return true;
    if (lua_type(L, error) != LUA_TSTRING || lua_type(L, inner) != LUA_TSTRING) return false;
    return strstr(lua_tostring(L, error), lua_tostring(L, inner)) != NULL;
}

/* Pushes what was put by with the task, if it is of that error. */
static bool push_inner(lua_State *L, const hy_task_t *t, int error) {
    if (t->trail_ref == LUA_NOREF) return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->trail_ref);
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    lua_remove(L, -3);
    bool is_inner = is_of(L, error, -2);
    lua_remove(L, -2);
    if (!is_inner) lua_pop(L, 1);
    return is_inner;
}

/* Pushes the stacks: of what was waited for, and of the task. `is_last`: nobody waits for it. */
static void push_stacks(lua_State *L, const hy_task_t *t, int error, bool is_last) {
    bool has_inner = push_inner(L, t, error);
    if (has_inner && !is_last && lua_rawlen(L, -1) > HY_TRACE_BYTES_MAX) return;
    luaL_traceback(L, t->thread, NULL, 0);
    if (!has_inner) return;
    lua_pushfstring(L, "%s\nwaited for by:%s", lua_tostring(L, -2),
                    lua_tostring(L, -1) + sizeof head - 1);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

/* error object, task → text */
static int tell(lua_State *L) {
    const hy_task_t *t = lua_touserdata(L, 2);
    luaL_tolstring(L, 1, NULL);
    push_stacks(L, t, 1, true);
    lua_pushfstring(L, "%s\n%s", lua_tostring(L, -2), lua_tostring(L, -1));
    if (t->origin.line == 0) return 1;
    lua_pushfstring(L, "%s\n%s at %s:%d", lua_tostring(L, -1), t->origin_word, t->origin.source,
                    t->origin.line);
    return 1;
}

void hy__trace_text(lua_State *L, hy_task_t *t) {
    if (lua_checkstack(L, 3)) {
        lua_pushcfunction(L, tell);
        lua_insert(L, -2);
        lua_pushlightuserdata(L, t);
        lua_State *before = hy__budget_enter(L); /* an error object may have a __tostring */
        lua_pcall(L, 2, 1, 0);                   /* its own error is a text too */
        hy__budget_leave(L, before);
    }
    hy__error_check(L);
}

/* error object, task → { error object, stacks }, which who waits keeps */
static int put_by(lua_State *L) {
    hy_task_t *t = lua_touserdata(L, 2), *outer = t->parent->task;
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    push_stacks(L, t, 1, false);
    lua_rawseti(L, -2, 2);
    hy_unref(L, &outer->trail_ref);
    outer->trail_ref = hy_ref(L);
    return 0;
}

void hy__trace_pass(lua_State *L, hy_task_t *t) {
    if (!t->parent->task || !lua_checkstack(L, 3)) return;
    lua_pushcfunction(L, put_by);
    lua_pushvalue(L, -2);
    lua_pushlightuserdata(L, t);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_pop(L, 1); /* no memory: it is told without */
}
