/* Tasks: the threads that handlers, calls and spawned functions run in.
 *
 *      spawn ──► runs ──► ended ──► idle, to be used again
 *        │        ▲ │
 *        └► queued  └► waits (wait.c)
 *
 * A task runs from outside Lua only, until it waits or ends. What would start or go on while Lua of
 * the same instance runs is queued for the next turn, so nothing is ever nested. Between its runs
 * a thread carries a mark on top: a script that got hold of it can neither resume nor close it.
 *
 * A task owns its Lua thread, anchored in the registry. Starting one costs no allocation as long as
 * an idle one is there. */
#include "internal.h"

#include "../base/mem.h"

#include <assert.h>

const char hy__held_mark = 0;

/* --- threads ---------------------------------------------------------------------------------- */

static void make_thread(lua_State *L, void *arg) {
    hy_task_t *t = arg;
    t->thread = lua_newthread(L);
    t->thread_ref = hy_ref(L);
}

static void free_task(hy_task_t *t) {
    hy_unref(t->instance->L, &t->trail_ref);
    hy_unref(t->instance->L, &t->thread_ref);
    hy_free(t);
}

/* A task with an empty thread, in no list. */
static int take_task(hy_instance_t *i, hy_task_t **out) {
    hy_task_t *t;
    if (i->idle_count > 0) {
        t = hy_link_owner(i->idle.prev, hy_task_t, link);
        hy_list_remove(&t->link);
        i->idle_count--;
        *out = t;
        return 0;
    }
    t = hy_alloc(sizeof *t);
    if (!t) return HY_ENOMEM;
    *t = (hy_task_t){.instance = i, .thread_ref = LUA_NOREF, .trail_ref = LUA_NOREF};
    hy_link_init(&t->link);
    hy_link_init(&t->ready);
    hy__held_init(&t->held);
    int rc = hy_protected(i->L, make_thread, t, NULL);
    if (rc < 0) {
        free_task(t);
        return rc;
    }
    *out = t;
    return 0;
}

/* The thread is empty and fit to run again, unless it is dead. */
static void put_away(hy_task_t *t) {
    hy_instance_t *i = t->instance;
    if (t->is_dead || i->idle_count == HY_TASKS_IDLE_MAX) {
        free_task(t);
        return;
    }
    hy_unref(i->L, &t->trail_ref);
    i->idle_count++;
    hy_list_append(&i->idle, &t->link);
}

/* Unwinds the thread, leaving it empty or with one error object; what is to be closed on it, and on
 * coroutines that it waits in, is. A dead one stays as it is. */
static int unwind(hy_task_t *t) {
    hy_instance_t *i = t->instance;
    bool was_closing = i->is_closing_task, passed = i->passes;
    hy_task_t *was_current = i->current;
    if (t->is_dead) return LUA_OK;
    i->busy++;
    i->current = t;
    i->is_closing_task = true;
    i->passes = false;
    lua_State *before = hy__budget_enter(t->thread);
    int status = lua_resetthread(t->thread);
    hy__budget_leave(t->thread, before);
    i->passes = passed;
    i->is_closing_task = was_closing;
    i->current = was_current;
    i->busy--;
    return status;
}

/* --- ending ----------------------------------------------------------------------------------- */

/* Out of the queue for the next turn. */
static void leave_queue(hy_task_t *t) {
    hy_instance_t *i = t->instance;
    hy_list_remove(&t->ready);
    t->is_queued = false;
    if (--i->queued == 0) i->is_late = false;
}

static void leave_lists(hy_task_t *t) {
    if (t->is_queued) leave_queue(t);
    hy_list_remove(&t->link);
    hy__held_drop(&t->held);
    t->instance->task_count--;
}

static void end_task(hy_task_t *t, int results, bool failed) {
    hy_instance_t *i = t->instance;
    leave_lists(t);
    if (t->parent) {
        hy__wait_child_ended(t->parent, t->thread, results, failed);
    } else if (t->end && t->end->ended) {
        t->end->ended(t->arg, t->thread, results, failed);
    }
    if (!t->is_dead) lua_settop(t->thread, 0);
    put_away(t);
    if (i->life == HY_LIFE_PAST) hy__reload_task_ended(i);
}

/* An error object is on top of the thread, whose stack is still there for the traceback. In its
 * place comes what is told of it, on the empty thread. */
static void make_error(hy_task_t *t) {
    lua_State *L = t->instance->L;
    bool has_room = lua_checkstack(L, 4); /* else the error is lost, not the task's end */
    if (has_room) {
        lua_xmove(t->thread, L, 1);
        if (t->parent) {
            hy__trace_pass(L, t);
        } else {
            hy__trace_text(L, t);
        }
    } else {
        lua_pop(t->thread, 1);
    }
    unwind(t); /* an error while closing changes nothing: the first one counts */
    lua_settop(t->thread, 0);
    if (has_room) {
        lua_xmove(L, t->thread, 1);
    } else {
        lua_rawgetp(t->thread, LUA_REGISTRYINDEX, &hy__memory_text);
    }
}

/* The run was killed. The thread stays as it is, with what is told of it on top; if it came to wait
 * (in a closing that is all C), it waits in vain. */
static void bury(hy_task_t *t) {
    hy_instance_t *i = t->instance;
    hy_wait_t *w = i->yielding;
    i->yielding = NULL;
    t->is_dead = true;
    hy__killed_text(i->L, t->thread, !t->parent);
    lua_checkstack(t->thread, 1); /* there is room for one even if this fails */
    lua_xmove(i->L, t->thread, 1);
    if (w && w->child) hy__task_cancel(w->child);
    if (w) hy__wait_abandon(w);
}

/* Of a run that has ended with this status. Who swallows the error that kills it (a task that is
 * all of pcall) is killed all the same. */
static void tell_failure(hy_task_t *t, int status, bool is_killed) {
    bool is_error = status != LUA_OK && (is_killed || status != LUA_YIELD);
    bool is_taken = t->parent || (t->end && t->end->takes_errors);
    const char *killed = t->instance->budget.text; /* needs no memory of the script's */
    const char *text = is_error ? lua_tostring(t->thread, -1) : killed;
    if (is_killed && strncmp(text, killed, strlen(killed)) != 0) text = killed;
    if (is_killed || (is_error && !is_taken)) {
        bool is_heavy = is_killed || status == LUA_ERRMEM;
        unsigned points = is_heavy ? HY_FAILURE_KILLED : HY_FAILURE_ERROR;
        hy__instance_failed(t->instance, points, t->what, text);
    }
}

/* --- running ---------------------------------------------------------------------------------- */

static void run(hy_task_t *t) {
    hy_instance_t *i = t->instance;
    int results = 0;
    assert(!i->current && i->budget.depth == 0);
    i->busy++;
    i->current = t;
    i->passes = true;
    lua_State *before = hy__budget_enter(t->thread);
    int status = lua_resume(t->thread, i->L, t->nargs, &results);
    i->current = NULL;
    i->passes = false;
    bool is_killed = hy__budget_is_killed(t->thread);
    if (status != LUA_OK && is_killed) {
        bury(t);
    } else if (status > LUA_YIELD) {
        make_error(t); /* belongs to the run: it may call a __tostring */
    }
    hy__budget_leave(t->thread, before);
    tell_failure(t, status, hy__budget_is_killed(t->thread));
    if (status == LUA_YIELD && !is_killed) {
        assert(i->yielding && hy__thread_is_held(t->thread));
        t->wait = i->yielding;
        t->wait->task = t;
        i->yielding = NULL;
    } else {
        end_task(t, status == LUA_OK ? results : 1, status != LUA_OK);
    }
    i->busy--;
}

/* From where the instance has used up its turn, all of its tasks wait in the queue, until that is
 * empty: their order is kept. */
static bool is_late(hy_instance_t *i) {
    if (!i->is_late) i->is_late = hy__budget_is_over(i);
    return i->is_late;
}

static void go_on(void *task) {
    hy_task_t *t = task;
    lua_pop(t->thread, 1);
    run(t);
}

void hy__task_go(hy_task_t *t, int count) {
    hy_instance_t *i = t->instance;
    t->nargs = count;
    if (i->busy == 0 && !i->is_frozen && !is_late(i)) {
        run(t);
        return;
    }
    lua_pushlightuserdata(t->thread, (void *)&hy__held_mark);
    if (hy__instance_hold(i, &t->held, go_on, t)) return;
    hy_list_append(&i->host->ready, &t->ready);
    t->is_queued = true;
    i->queued++;
    hy__host_wake(i->host);
}

void hy__task_hold(hy_task_t *t) {
    leave_queue(t);
    hy__instance_hold(t->instance, &t->held, go_on, t);
}

bool hy__task_turn(hy_task_t *t) {
    hy_instance_t *i = t->instance;
    if (hy__budget_is_over(i)) return false;
    leave_queue(t);
    lua_pop(t->thread, 1);
    run(t);
    hy__budget_settle(i);
    return true;
}

/* `as` says what the task is. */
static int spawn(hy_instance_t *i, int nargs, const hy_task_t *as, const hy_origin_t *origin) {
    hy_task_t *t = NULL;
    int rc = i->state >= HY_STOPPING ? HY_ECLOSED : 0;
    if (rc == 0 && i->task_count >= HY_TASKS_MAX) rc = HY_EFULL;
    if (rc == 0) rc = take_task(i, &t);
    if (rc == 0 && !lua_checkstack(t->thread, nargs + 2)) {
        put_away(t);
        rc = HY_ENOMEM;
    }
    if (rc < 0) {
        lua_pop(i->L, nargs + 1);
        return rc;
    }
    lua_xmove(i->L, t->thread, nargs + 1);
    t->what = as->what ? as->what : "task";
    t->end = as->end;
    t->arg = as->arg;
    t->wait = NULL;
    t->parent = as->parent;
    if (t->parent) t->parent->child = t;
    t->origin_word = as->origin_word;
    t->origin.line = 0;
    if (origin && origin->line > 0) t->origin = *origin;
    hy_list_append(&i->tasks, &t->link);
    i->task_count++;
    hy__task_go(t, nargs);
    return 0;
}

int hy_task_spawn(hy_instance_t *i, int nargs, const char *what, const hy_task_end_t *end,
                  void *arg) {
    return spawn(i, nargs, &(hy_task_t){.what = what, .end = end, .arg = arg}, NULL);
}

int hy__task_spawn_from(hy_instance_t *i, int nargs, const char *what, const char *origin_word,
                        const hy_origin_t *origin, const hy_task_end_t *end, void *arg) {
    hy_task_t as = {.what = what, .end = end, .arg = arg, .origin_word = origin_word};
    return spawn(i, nargs, &as, origin);
}

int hy__task_spawn_child(hy_wait_t *parent, int nargs) {
    return spawn(parent->instance, nargs, &(hy_task_t){.what = "wait", .parent = parent}, NULL);
}

bool hy_task_can_wait(lua_State *L) {
    const hy_instance_t *i = hy_instance_of(L);
    return i->current && i->passes && lua_isyieldable(L);
}

/* --- cancelling ------------------------------------------------------------------------------- */

static void drop_task(hy_task_t *t) {
    leave_lists(t);
    if (t->wait) hy__wait_abandon(t->wait);
    if (t->parent) t->parent->child = NULL;
    t->wait = NULL;
    bool is_crash = t->instance->host->is_crashing; /* the thread goes as it is */
    /* Told once, if many are closed in one run. */
    bool was_killed = t->instance->budget.depth > 0 && hy__budget_is_killed(t->thread);
    if (!is_crash && unwind(t) != LUA_OK && !was_killed) {
        hy__error_check(t->thread);
        hy__instance_log(t->instance, HY_LOG_ERROR, "closing a task", lua_tostring(t->thread, -1));
    }
    if (!is_crash) lua_settop(t->thread, 0);
    if (t->end && t->end->dropped) t->end->dropped(t->arg);
    if (is_crash) {
        free_task(t);
    } else {
        put_away(t);
    }
}

/* From the innermost child out, as calls would be unwound; without recursion, since scripts can
 * make such a chain long. */
void hy__task_cancel(hy_task_t *t) {
    hy_task_t *inner = t;
    for (;;) {
        while (inner->wait && inner->wait->child) {
            inner = inner->wait->child;
        }
        hy_task_t *outer = inner == t ? NULL : inner->parent->task;
        drop_task(inner);
        if (!outer) return;
        inner = outer;
    }
}

void hy__task_cancel_all(hy_instance_t *i) {
    lua_State *before = hy__budget_enter(i->L); /* one run for all that is to be closed */
    while (!hy_list_is_empty(&i->tasks)) {
        hy__task_cancel(hy_link_owner(i->tasks.next, hy_task_t, link));
    }
    hy__budget_leave(i->L, before);
    while (!hy_list_is_empty(&i->idle)) {
        hy_task_t *t = hy_link_owner(i->idle.next, hy_task_t, link);
        hy_list_remove(&t->link);
        free_task(t);
    }
    i->idle_count = 0;
}
