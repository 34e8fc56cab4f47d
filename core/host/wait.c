/* Waits: what a task waits on, between a call that needs an answer and its completion.
 *
 *      task's thread          coroutine of the script
 *      … resume(co) ────────► … read(url) ─► open, start, end: yields a mark
 *      yields the mark  ◄───── (lib_coroutine.c passes it up)
 *                                                            … the answer comes: complete
 *      goes on with it  ─────► … and read returns it
 *
 * A wait belongs to its instance. It is freed when it completes. If its task goes away first it
 * stays, abandoned, until the core has called back, which it does exactly once; or until the
 * instance has closed its syncher, after which nothing calls back. If the instance goes and its
 * syncher does not (a life that was replaced), such a wait is its heir's. */
#include "internal.h"

#include "../base/mem.h"

#include <assert.h>

/* First of two results: the second one is to be raised. Scripts cannot make it. */
static const char raise_mark = 0;

static void free_wait(hy_wait_t *w) {
    hy_timer_stop(hy__host_clock(w->instance->host), &w->timer);
    hy__held_drop(&w->held);
    hy_list_remove(&w->link);
    hy_free(w);
}

hy_instance_t *hy_wait_instance(const hy_wait_t *w) {
    return w->instance;
}

/* --- in the task ------------------------------------------------------------------------------ */

hy_wait_t *hy_wait_open(lua_State *L, const char *what) {
    hy_instance_t *i = hy_instance_of(L);
    if (!hy_task_can_wait(L)) {
        luaL_error(L,
                   "%s: cannot wait here (inside a C function such as sort, gsub, or while the "
                   "file is loading)",
                   what);
    }
    luaL_checkstack(L, 4, what);
    hy_wait_t *w = hy_alloc(sizeof *w);
    if (!w) luaL_error(L, "%s: %s", what, hy_error_text(HY_ENOMEM));
    *w = (hy_wait_t){.instance = i};
    hy_timer_init(&w->timer, NULL, w);
    hy__held_init(&w->held);
    hy_list_append(&i->waits, &w->link);
    return w;
}

int hy_push_failure(lua_State *L, int code, const char *text) {
    lua_pushnil(L);
    lua_pushstring(L, text && *text ? text : hy_error_text(code));
    lua_pushstring(L, hy_error_word(code));
    return 3;
}

int hy__wait_results(lua_State *L, lua_KContext base) {
    int results = lua_gettop(L) - (int)base;
    if (results == 2 && lua_touserdata(L, -2) == &raise_mark) return lua_error(L);
    return results;
}

static int go_on(lua_State *L, int status, lua_KContext base) {
    (void)status;
    return hy__wait_results(L, base);
}

int hy__wait_end(lua_State *L, hy_wait_t *w, int rc, const hy_error_t *err, lua_KFunction k) {
    if (rc < 0) {
        free_wait(w);
        return hy_push_failure(L, rc, err ? err->text : NULL);
    }
    w->instance->yielding = w;
    int base = lua_gettop(L);
    lua_pushlightuserdata(L, (void *)&hy__held_mark);
    return lua_yieldk(L, 1, base, k);
}

int hy_wait_end(lua_State *L, hy_wait_t *w, int rc, const hy_error_t *err) {
    return hy__wait_end(L, w, rc, err, go_on);
}

/* --- completion ------------------------------------------------------------------------------- */

typedef struct {
    int (*push)(lua_State *L, void *arg);
    void *arg;
} results_t;

static int push_results(lua_State *L) {
    const results_t *r = lua_touserdata(L, 1);
    lua_settop(L, 0);
    return r->push(L, r->arg);
}

/* The results, or the mark and an error, onto the thread. Returns how many. */
static int deliver(lua_State *L, lua_State *thread, results_t *r) {
    int top = lua_gettop(L);
    int status = LUA_ERRMEM;
    lua_pop(thread, 1); /* the mark that it was held by */
    bool is_spent = hy__budget_is_spent(hy_instance_of(L));
    if (is_spent) hy__host_wake(hy_instance_of(L)->host);
    if (!is_spent && lua_checkstack(L, 3)) {
        lua_pushcfunction(L, push_results);
        lua_pushlightuserdata(L, r);
        lua_State *before = hy__budget_lend(L);
        status = lua_pcall(L, 1, LUA_MULTRET, 0);
        hy__budget_give_back(before);
        if (status == LUA_OK && lua_checkstack(thread, lua_gettop(L) - top + 1)) {
            int count = lua_gettop(L) - top;
            lua_xmove(L, thread, count);
            return count;
        }
    }
    lua_pushlightuserdata(thread, (void *)&raise_mark);
    if (status == LUA_OK || lua_gettop(L) == top) {
        lua_rawgetp(thread, LUA_REGISTRYINDEX, &hy__memory_text);
    } else {
        lua_xmove(L, thread, 1);
    }
    lua_settop(L, top);
    return 2;
}

void hy_wait_complete(hy_wait_t *w, int (*push)(lua_State *L, void *arg), void *arg) {
    hy_task_t *t = w->task;
    if (t) {
        results_t r = {push, arg};
        int count = deliver(t->instance->L, t->thread, &r);
        assert(!w->child);
        t->wait = NULL;
        free_wait(w);
        hy__task_go(t, count);
    } else {
        assert(w->instance->yielding != w); /* the core never calls back inside a call */
        free_wait(w);
    }
}

typedef struct {
    int code;
    const char *desc;
    hy_value_t value;
} answer_t;

static int push_answer(lua_State *L, void *arg) {
    const answer_t *a = arg;
    if (a->code < 0) return hy_push_failure(L, a->code, a->desc);
    if (a->value.kind == HY_ABSENT) {
        lua_pushnil(L);
    } else {
        hy_value_push(L, a->value);
    }
    return 1;
}

void hy_wait_done(void *wait, int code, const char *desc) {
    hy_wait_value(wait, code, desc, hy_bool(true));
}

void hy_wait_value(void *wait, int code, const char *desc, hy_value_t value) {
    answer_t a = {code, desc, value};
    hy_wait_complete(wait, push_answer, &a);
}

/* --- waits of the host's own ------------------------------------------------------------------ */

static int push_nothing(lua_State *L, void *arg) {
    (void)L;
    (void)arg;
    return 0;
}

static void sleep_over(void *arg) {
    hy_wait_complete(arg, push_nothing, NULL);
}

static int start_timer(hy_wait_t *w, hy_timer_cb cb, uint64_t delay_ms) {
    w->is_local = true;
    hy_timer_init(&w->timer, cb, w);
    return hy_timer_start(hy__host_clock(w->instance->host), &w->timer, delay_ms);
}

int hy__wait_sleep(lua_State *L, uint64_t delay_ms) {
    hy_wait_t *w = hy_wait_open(L, "sleep");
    return hy_wait_end(L, w, start_timer(w, sleep_over, delay_ms), NULL);
}

static int push_timeout(lua_State *L, void *arg) {
    (void)arg;
    return hy_push_failure(L, HY_ETIMEOUT, "wait: not done in time");
}

static void child_late(void *arg) {
    hy_wait_t *w = arg;
    if (hy__instance_hold(w->instance, &w->held, child_late, w)) return;
    if (w->child) hy__task_cancel(w->child);
    hy_wait_complete(w, push_timeout, NULL);
}

int hy__wait_child(lua_State *L, uint64_t timeout_ms) {
    hy_wait_t *w = hy_wait_open(L, "wait");
    hy_instance_t *i = w->instance;
    int rc = start_timer(w, child_late, timeout_ms);
    if (rc == 0 && !lua_checkstack(i->L, 1)) rc = HY_ENOMEM;
    if (rc == 0) {
        lua_pushvalue(L, 1);
        lua_xmove(L, i->L, 1);
        rc = hy__task_spawn_child(w, 0);
    }
    return hy_wait_end(L, w, rc, NULL);
}

typedef struct {
    lua_State *from;
    int results;
    bool failed;
} ending_t;

static int push_ending(lua_State *L, void *arg) {
    const ending_t *e = arg;
    luaL_checkstack(L, e->results + 1, "too many results");
    if (e->failed) lua_pushlightuserdata(L, (void *)&raise_mark);
    lua_xmove(e->from, L, e->results);
    return e->results + (e->failed ? 1 : 0);
}

void hy__wait_child_ended(hy_wait_t *w, lua_State *L, int results, bool failed) {
    ending_t e = {L, results, failed};
    w->child = NULL;
    hy_wait_complete(w, push_ending, &e);
}

void hy__wait_abandon(hy_wait_t *w) {
    assert(!w->child);
    w->task = NULL;
    if (w->is_local) free_wait(w);
}

void hy__wait_free_all(hy_instance_t *i) {
    while (!hy_list_is_empty(&i->waits)) {
        free_wait(hy_link_owner(i->waits.next, hy_wait_t, link));
    }
}

void hy__wait_bequeath(hy_instance_t *i, hy_instance_t *heir) {
    while (!hy_list_is_empty(&i->waits)) {
        hy_wait_t *w = hy_link_owner(i->waits.next, hy_wait_t, link);
        assert(!w->task && !w->is_local);
        hy_list_remove(&w->link);
        hy_list_append(&heir->waits, &w->link);
        w->instance = heir;
        w->subject = NULL;
        w->is_past = true;
    }
}
