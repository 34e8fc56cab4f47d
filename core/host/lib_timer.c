/* hyperty.after and every. A timer is the userdata that the script gets, with :cancel(). While it
 * is started, or its function runs, the registry holds it; so it needs no keeping.
 *
 * A timer that repeats keeps its beat: a tick is due at a multiple of the period after the start,
 * however late the one before it was. A tick that finds the function still running is left out, so
 * that a slow one cannot pile up tasks. */
#include "api.h"
#include "internal.h"

#define TIMER_CLASS "hyperty.timer"

typedef struct {
    hy_timer_t timer;
    hy_link_t link; /* in the instance, while anchored */
    hy_instance_t *instance;
    int self_ref;       /* the anchor; LUA_NOREF: none */
    uint64_t period_ms; /* 0: once */
    uint64_t due_ms;
    bool is_firing, is_running;
    hy_origin_t origin;
    hy__held_t held; /* the tick, while the instance is frozen */
} ticker_t;

static hy_clock_t *clock_of(const ticker_t *t) {
    return hy__host_clock(t->instance->host);
}

/* Lets go of the anchor if nothing needs it; Lua may then take the memory. */
static void settle(ticker_t *t) {
    hy_instance_t *i = t->instance;
    if (t->self_ref < 0 || t->is_firing || t->is_running || hy_timer_is_started(&t->timer)) return;
    if (!hy_list_is_empty(&t->held.link)) return;
    hy_list_remove(&t->link);
    i->timer_count--;
    hy_unref(i->L, &t->self_ref);
}

static void ended(void *arg, lua_State *L, int results, bool failed) {
    ticker_t *t = arg;
    (void)L;
    (void)results;
    (void)failed;
    t->is_running = false;
    settle(t);
}

static void dropped(void *arg) {
    ticker_t *t = arg;
    t->is_running = false;
    settle(t);
}

static const hy_task_end_t ending = {.ended = ended, .dropped = dropped};

static void start_function(lua_State *L, void *arg) {
    ticker_t *t = arg;
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->self_ref);
    lua_getiuservalue(L, -1, 1);
    t->is_running = true;
    int rc = hy__task_spawn_from(t->instance, 0, "timer", "started", &t->origin, &ending, t);
    if (rc < 0) {
        t->is_running = false;
        luaL_error(L, "%s", hy_error_text(rc));
    }
}

static int start_next(ticker_t *t) {
    uint64_t now_ms = hy_clock_now(clock_of(t));
    t->due_ms += t->period_ms;
    if (t->due_ms <= now_ms) {
        t->due_ms += ((now_ms - t->due_ms) / t->period_ms + 1) * t->period_ms;
    }
    return hy_timer_start(clock_of(t), &t->timer, t->due_ms - now_ms);
}

static void fire(void *arg) {
    ticker_t *t = arg;
    hy_error_t err = {0};
    int rc = 0;
    if (hy__instance_hold(t->instance, &t->held, fire, t)) return;
    t->is_firing = true;
    if (t->period_ms > 0) rc = start_next(t);
    if (rc < 0) {
        hy__instance_log(t->instance, HY_LOG_ERROR, "timer", hy_error_text(rc));
    }
    if (!t->is_running && hy_protected(t->instance->L, start_function, t, &err) < 0) {
        hy__instance_failed(t->instance, HY_FAILURE_KILLED, "timer", err.text);
    }
    t->is_firing = false;
    settle(t);
}

static int start_timer(lua_State *L, const char *what, uint64_t delay_ms, uint64_t period_ms) {
    hy_instance_t *i = hy__lib_instance(L, what);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (i->life == HY_LIFE_PAST) {
        return hy_push_failure(L, HY_ECLOSED, "a reload has replaced this code");
    }
    if (i->timer_count >= HY_TIMERS_MAX) return hy_push_failure(L, HY_EFULL, "too many timers");
    ticker_t *t = lua_newuserdatauv(L, sizeof *t, 1);
    *t = (ticker_t){.instance = i, .self_ref = LUA_NOREF, .period_ms = period_ms};
    hy__trace_origin(L, &t->origin);
    hy_link_init(&t->link);
    hy__held_init(&t->held);
    hy_timer_init(&t->timer, fire, t);
    luaL_setmetatable(L, TIMER_CLASS);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, -1);
    t->self_ref = hy_ref(L);
    i->timer_count++;
    hy_list_append(&i->timers, &t->link);
    t->due_ms = hy_clock_now(clock_of(t)) + delay_ms;
    int rc = hy_timer_start(clock_of(t), &t->timer, delay_ms);
    if (rc == 0) return 1;
    settle(t);
    return hy_push_failure(L, rc, NULL);
}

static int after(lua_State *L) {
    return start_timer(L, "after", hy__lib_seconds(L, 1, 0), 0);
}

static int every(lua_State *L) {
    uint64_t period_ms = hy__lib_seconds(L, 1, 1);
    return start_timer(L, "every", period_ms, period_ms);
}

static int timer_cancel(lua_State *L) {
    ticker_t *t = luaL_checkudata(L, 1, TIMER_CLASS);
    hy_timer_stop(clock_of(t), &t->timer);
    hy__held_drop(&t->held);
    t->period_ms = 0;
    settle(t);
    return 0;
}

void hy__lib_timer_stop_all(hy_instance_t *i) {
    while (!hy_list_is_empty(&i->timers)) {
        ticker_t *t = hy_link_owner(i->timers.next, ticker_t, link);
        hy_timer_stop(clock_of(t), &t->timer);
        hy__held_drop(&t->held);
        t->is_running = t->is_firing = false;
        settle(t);
    }
}

void hy__lib_timer_end_all(hy_instance_t *i) {
    for (hy_link_t *l = i->timers.next, *next; l != &i->timers; l = next) {
        ticker_t *t = hy_link_owner(l, ticker_t, link);
        next = l->next;
        hy_timer_stop(clock_of(t), &t->timer);
        hy__held_drop(&t->held);
        settle(t);
    }
}
const hy_method_t hy_lib_timer_functions[] = {
    {"after", after, "seconds: number, fn: fun()", "hyperty.Timer" HY_OR_WHY,
     "calls the function once, later", NULL},
    {"every", every, "seconds: number, fn: fun()", "hyperty.Timer" HY_OR_WHY,
     "calls the function again and again", NULL},
    {NULL}};
static const hy_method_t methods[] = {
    {"cancel", timer_cancel, NULL, NULL, "the function is not called any more", NULL}, {NULL}};

const hy_class_t hy_timer_class = {
    .name = "hyperty.Timer",
    .noun = "a timer",
    .doc = "what hyperty.after and every give",
    .metatable = TIMER_CLASS,
    .methods = methods,
};

void hy__lib_timer_open(lua_State *L) {
    luaL_newmetatable(L, TIMER_CLASS);
    lua_createtable(L, 0, 1);
    hy_class_functions(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    hy_class_functions(L, hy_lib_timer_functions);
}
