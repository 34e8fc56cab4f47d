/* Private to the host's own files: what host.c, instance.c, state.c, task.c and wait.c share. The
 * contract for the libraries that scripts see is instance.h.
 *
 *      host ── instances ──► instance
 *           ── ready ──────► tasks to go on at the next turn
 *           ── reloads ────► reloads that go on at the next turn
 *           ── troubled ───► instances that supervisor.c sees to at the next turn
 *           ── leaving ────► instances to unload at the next turn
 *
 *      task ── wait ──► wait ── child ──► task that hyperty.wait started
 *                         ◄── parent ── */
#ifndef HY_HOST_INTERNAL_H
#define HY_HOST_INTERNAL_H

#include "../base/dict.h"
#include "instance.h"
#include "trace.h"

_Static_assert(HY_TASKS_IDLE_MAX <= HY_TASKS_MAX, "idle threads are finished tasks");

struct hy_host {
    hy_host_config_t config; /* its texts are owned */
    hy_link_t instances, ready, reloads, troubled, leaving;
    hy_dict_t names, urls;  /* of instances */
    bool is_crashing;       /* no Lua runs any more */
    uint64_t turn;          /* number of the one under way */
    bool has_budget;        /* of this thread's timer */
    struct hy_watch *watch; /* watch.c; NULL: nobody looks at files */
};

struct hy_task {
    hy_link_t link;  /* in the instance: tasks, or idle */
    hy_link_t ready; /* in the host, while queued */
    hy__held_t held; /* instead, while the instance is frozen */
    hy_instance_t *instance;
    lua_State *thread;
    int thread_ref;
    int nargs; /* queued: values on the thread to go on with */
    bool is_queued;
    bool is_dead;            /* it was killed: its thread is not to be used again */
    const char *what;        /* for errors; NULL: none */
    const char *origin_word; /* "spawned", "started" */
    hy_origin_t origin;
    int trail_ref; /* stacks of what it waited for, trace.c; LUA_NOREF: none */
    const hy_task_end_t *end;
    void *arg;
    hy_wait_t *wait;   /* it waits on that; NULL: runs, or is queued */
    hy_wait_t *parent; /* the wait whose child it is; NULL: none */
};

struct hy_wait {
    hy_link_t link; /* in the instance */
    hy_instance_t *instance;
    hy_task_t *task;  /* NULL: not yielded yet, or abandoned */
    hy_task_t *child; /* hyperty.wait; NULL: none */
    hy_timer_t timer; /* sleep, and timeout of a child */
    hy__held_t held;  /* the timeout, while the instance is frozen */
    void *subject;    /* what its completion is about, of the instance's own; NULL: nothing */
    bool is_local;    /* nothing of the core will call back */
    bool is_past;     /* it was of a life that is over */
};

/* --- host.c ----------------------------------------------------------------------------------- */

/* Something for hy_host_turn was queued. */
void hy__host_wake(hy_host_t *h);
hy_clock_t *hy__host_clock(const hy_host_t *h);
hy_bus_t *hy__host_bus(const hy_host_t *h);
/* Makes the instance one to be found by its name, or by its address once it has one. */
int hy__host_add_name(hy_host_t *h, hy_instance_t *i);
int hy__host_add_url(hy_host_t *h, hy_instance_t *i);
/* Takes it out of the host's lists. */
void hy__host_forget(hy_host_t *h, hy_instance_t *i);
/* Whoever is found by that name, address and place is the heir from now on. */
void hy__host_replace(hy_host_t *h, hy_instance_t *i, hy_instance_t *heir);
/* As hy_host_load_text, for a prompt: it has to work without a message node too, and gets
 * HY_PROMPT_RUN_MS. */
int hy__host_load_prompt(hy_host_t *h, const char *chunk, const char *source, size_t len,
                         hy_value_t config, hy_loaded_cb done, void *arg, hy_error_t *err);
/* A task has failed, and nobody else is told: `points` as in limits.h (HY_FAILURE_…). Logs it. */
void hy__instance_failed(hy_instance_t *i, unsigned points, const char *what, const char *text);
/* hy_log at the name of the instance, which keeps the last error. Of errors, at most
 * HY_LOG_TURN_LINES in a turn. */
void hy__instance_log(hy_instance_t *i, hy_log_level_t level, const char *what, const char *text);

/* --- state.c: one Lua state ------------------------------------------------------------------- */

/* Makes the state with its environment and libraries. On failure nothing is owed. */
int hy__state_open(hy_instance_t *i, hy_error_t *err);
void hy__state_close(hy_instance_t *i);
/* Compiles and runs the script (`source` NULL: the file i->file; compiled already if so said),
 * checks the table that it returns and keeps it. The text in `err` has file and line. */
int hy__state_load(hy_instance_t *i, const char *source, size_t len, bool is_compiled,
                   hy_error_t *err);
/* What a loaded script is checked for by `hyperty check` only (check.c). */
int hy__state_check(hy_instance_t *i, hy_error_t *err);
/* Raises the error on top, which a failed load left, naming the file if it does not. */
int hy__load_failed(lua_State *L, const char *file);
/* What the table says of itself: URL schemes or URLs of the schemas that it names, or the resources
 * that it names. An array of strings. */
typedef enum { HY_SAID_SCHEMES, HY_SAID_SCHEMAS, HY_SAID_RESOURCES } hy_said_t;
int hy__state_list(hy_instance_t *i, hy_said_t what, hy_value_t *out);
/* Makes `self`. The address and the syncher are there. */
int hy__state_make_self(hy_instance_t *i, hy_error_t *err);
/* Pushes a method of the script's table, and self; false, and nothing, if there is none. May
 * raise. */
bool hy__state_push_method(lua_State *L, hy_instance_t *i, const char *name);

/* --- instance.c ------------------------------------------------------------------------------- */

/* A new instance, not loaded. `config` is taken over. */
int hy__instance_new(hy_host_t *h, const char *file, hy_value_t config, hy_instance_t **out);
/* Undoes all that it owns, but for its name, address, config and state. Not from inside its Lua. */
void hy__instance_rest(hy_instance_t *i);
/* Has one that rests start again: its file is read, which may fail at once; the supervisor is told
 * of the rest. */
int hy__instance_restart(hy_instance_t *i, hy_error_t *err);
/* It does not start: it is unloaded and who has it loaded is told, or it is the supervisor's if it
 * was to start again. Once. */
void hy__instance_give_up(hy_instance_t *i, int code, const char *text);
/* Has the address allocated and goes on from there; `done` as in hy_host_load. */
int hy__instance_start(hy_instance_t *i, hy_loaded_cb done, void *arg, hy_error_t *err);
/* Stops it and undoes all it owns; the memory is gone afterwards. Not from inside its Lua. */
void hy__instance_close(hy_instance_t *i);
/* Its schemas are known, as far as they can be: goes on from there. */
void hy__instance_knows(hy_instance_t *i);
/* What the registry is to know of it; owned by the caller. */
int hy__instance_entry(hy_instance_t *i, hy_value_t *out);
/* Another life of the instance, to be tried: without a Lua state, and unknown to the host. */
int hy__instance_new_life(hy_instance_t *i, hy_instance_t **out);
/* Spawns `start` of the script with the config; 0 with *has_start false: there is none. */
int hy__instance_spawn_start(hy_instance_t *i, const hy_task_end_t *end, void *arg, bool *has_start,
                             hy_error_t *err);
/* It is made of that file, too; about to be read. */
int hy__instance_add_file(hy_instance_t *i, const char *path);
int hy__instance_reads(hy_instance_t *i, const char *path);

/* --- schemas.c -------------------------------------------------------------------------------- */

/* Has the schemas that its table names looked for. 0: hy__instance_knows comes later; 1: nothing
 * has to be waited for. HY_ENOMEM. */
int hy__schemas_learn(hy_instance_t *i);

/* --- watch.c ---------------------------------------------------------------------------------- */

/* A hyperty is about to read that file. */
void hy__watch_add(hy_host_t *h, const char *path);

/* --- reload.c --------------------------------------------------------------------------------- */

/* For hy_host_turn. */
void hy__reload_turn(hy_host_t *h);
/* The life that is tried is to be stopped: it fails. */
void hy__reload_refuse(hy_reload_t *r);
/* The instance goes away, or the host: what is tried is rolled back, past lives end. */
void hy__reload_end(hy_instance_t *i);
/* True: the instance is frozen, and go(arg) comes when it goes on. */
bool hy__instance_hold(hy_instance_t *i, hy__held_t *held, void (*go)(void *arg), void *arg);
static inline void hy__held_init(hy__held_t *held) {
    hy_link_init(&held->link);
}
static inline void hy__held_drop(hy__held_t *held) {
    hy_list_remove(&held->link);
}
/* A call from C while the instance is frozen: who lives afterwards gets it. `chunk` NULL: a method
 * of the api; `args` is taken over. */
int hy__reload_call(hy_instance_t *i, const char *chunk, const char *text, size_t len,
                    hy_value_t args, hy_result_cb done, void *arg, hy_error_t *err);
/* A past life may have ended with its last task. */
void hy__reload_task_ended(hy_instance_t *i);

/* --- pcall.c ---------------------------------------------------------------------------------- */

/* Pushes what is to be told of a run that was killed, and of its thread. */
void hy__killed_text(lua_State *L, lua_State *thread, bool has_traceback);
/* Makes sure that an error text is on top: what could not be told becomes "not enough memory". */
void hy__error_check(lua_State *L);
extern const char hy__memory_text; /* its address is the registry key of that text */

/* --- task.c ----------------------------------------------------------------------------------- */

/* As hy_task_spawn; where it came from, "spawned" or "started" there, is told with its errors. */
int hy__task_spawn_from(hy_instance_t *i, int nargs, const char *what, const char *origin_word,
                        const hy_origin_t *origin, const hy_task_end_t *end, void *arg);
/* As hy_task_spawn, for hyperty.wait: the end is told to the wait, an error as the object it is. */
int hy__task_spawn_child(hy_wait_t *parent, int nargs);
/* The task goes on with `count` values that are on top of its thread: at once, or queued while the
 * instance is busy. */
void hy__task_go(hy_task_t *t, int count);
/* For hy_host_turn: the task, which was queued, goes on; false, and it is queued no more nor less,
 * if its instance has used up this turn. */
bool hy__task_turn(hy_task_t *t);
/* It is queued, and its instance is frozen now. */
void hy__task_hold(hy_task_t *t);
/* Ends a task that waits or is queued, and those that it waits for: variables to be closed are. */
void hy__task_cancel(hy_task_t *t);
/* Cancels all tasks of an instance and lets go of idle threads. */
void hy__task_cancel_all(hy_instance_t *i);

/* On top of a thread: the host has it just now, and scripts may neither resume nor close it. */
extern const char hy__held_mark;
static inline bool hy__thread_is_held(lua_State *co) {
    return lua_gettop(co) > 0 && lua_touserdata(co, -1) == &hy__held_mark;
}

/* --- wait.c ----------------------------------------------------------------------------------- */

/* As hy_wait_end, for who has something to do with the results: `k` is called when the task goes
 * on, with the index below the results as its context, and asks hy__wait_results, which raises what
 * is to be raised, how many there are. */
int hy__wait_end(lua_State *L, hy_wait_t *w, int rc, const hy_error_t *err, lua_KFunction k);
int hy__wait_results(lua_State *L, lua_KContext base);
/* The child of a wait has ended: its results, or one error object, are on top of L. */
void hy__wait_child_ended(hy_wait_t *w, lua_State *L, int results, bool failed);
/* The task that waits goes away. */
void hy__wait_abandon(hy_wait_t *w);
/* Frees all waits of an instance; nothing will complete them any more. */
void hy__wait_free_all(hy_instance_t *i);
/* The instance, which has no tasks any more, goes away before what its waits are for: they are its
 * heir's, to whom they mean nothing. */
void hy__wait_bequeath(hy_instance_t *i, hy_instance_t *heir);
/* Body of hyperty.sleep and hyperty.wait. */
int hy__wait_sleep(lua_State *L, uint64_t delay_ms);
int hy__wait_child(lua_State *L, uint64_t timeout_ms);

/* --- convert.c, path.c, handle.c -------------------------------------------------------------- */

/* Why a value is refused, and where inside it ("values.3", empty: the whole). */
typedef struct {
    int code;
    char path[HY_ERROR_TEXT_BYTES];
    const char *text;
    hy_error_t detail; /* what `text` may point to */
} hy__refusal_t;
/* "<path>: <text>" into err; gives the code. */
int hy__refusal_fail(const hy__refusal_t *why, hy_error_t *err);

/* What stands for null and marks arrays and objects in a state: when reading, the identities; when
 * pushing, their keys in the registry. `null` NULL: JSON null is the light userdata NULL. */
typedef struct {
    const void *null, *array, *object;
} hy__marks_t;
int hy__value_read_marked(lua_State *L, int index, const hy__marks_t *marks, hy_value_t *out,
                          hy__refusal_t *why);
void hy__value_push_marked(lua_State *L, hy_value_t v, const hy__marks_t *keys);
/* As hy_value_from_lua, for who makes a text of its own. */
int hy__value_read(lua_State *L, int index, hy_value_t *out, hy__refusal_t *why);
/* Arguments first…last as an array; a nil becomes null. */
int hy__values_from_lua(lua_State *L, int first, int last, hy_value_t *out, hy_error_t *err);
/* Pushes the items of an array one by one; null becomes nil. Returns how many. May raise. */
int hy__values_push(lua_State *L, const hy_node_t *items);

/* The key after the one at 2, of the handle at 1: pushes key and value, or nil. */
int hy__handle_next(lua_State *L);

/* A place that a script reads or writes, for errors. */
typedef struct {
    hy_view_t *view;
    hy_node_t *node;
    const char *key;   /* in it; NULL: none, or an index */
    size_t index;      /* from 1; 0: none */
    const char *inner; /* path below that; NULL: none */
} hy__spot_t;
/* Fills err: "<object>: <path>: text", indices from 1. Returns code. */
int hy__spot_fail(hy_error_t *err, int code, const hy__spot_t *spot, const char *text);
/* The value at `index` as what goes to that place. Does not raise. */
int hy__spot_value(lua_State *L, int index, const hy__spot_t *spot, hy_value_t *out,
                   hy_error_t *err);
/* Does an edit there; takes edit->value over. Does not raise, and always has a text that names the
 * object. */
int hy__spot_edit(const hy__spot_t *spot, hy_edit_t *edit, hy_error_t *err);
/* Inserts an item (taken over) before the spot's index. */
int hy__spot_insert(const hy__spot_t *spot, hy_value_t item, hy_error_t *err);

/* --- lib_table_array.c, sort.c ---------------------------------------------------------------- */

/* True if argument `arg` is the handle of an array; raises if it is one of an object, or stale. */
bool hy__array_check(lua_State *L, int arg, hy__spot_t *spot);
/* The functions of `table` on the arguments from 1, where the array is what hy__array_check said.
 * They give as many results as they push. */
int hy__array_insert(lua_State *L, hy__spot_t *spot);
int hy__array_remove(lua_State *L, hy__spot_t *spot);
int hy__array_sort(lua_State *L, hy__spot_t *spot);
int hy__array_move(lua_State *L, hy__spot_t *spot);
/* Sorts items 1 to `count` of a table, which is read and written raw, by the function at `order`,
 * or by "<" if nil is there. When that raises, HY_SORT_STACK_ITEMS or fewer are as they were; a
 * longer table is to be given up. */
void hy__sort(lua_State *L, int list, int order, lua_Integer count);

/* --- libraries -------------------------------------------------------------------------------- */

/* Tables that a script may not change (frozen.c). Puts a proxy in the place of the table on top, or
 * of a field of it; `name` is what errors say. */
void hy__frozen_make(lua_State *L, const char *name);
void hy__frozen_field(lua_State *L, const char *field, const char *name);
/* Pushes the table behind a proxy; false, and nothing, if it is none. */
bool hy__frozen_push(lua_State *L, int index);
int hy__frozen_next(lua_State *L);   /* next, of a proxy too */
void hy__frozen_open(lua_State *L);  /* freezes the globals that are libraries */
void hy__trusted_open(lua_State *L); /* sets what only a trusted script gets (trusted.c) */

void hy__lib_coroutine_open(lua_State *L); /* pushes the table `coroutine` */
void hy__lib_require_open(lua_State *L);   /* pushes the function `require` */
/* These set functions in the table on top. */
void hy__lib_task_open(lua_State *L);  /* spawn sleep wait */
void hy__lib_timer_open(lua_State *L); /* after every */
void hy__lib_peer_open(lua_State *L);  /* call emit follow */
void hy__lib_text_open(lua_State *L);  /* json log */
/* This takes the place of functions in the table `string` on top. */
void hy__lib_string_open(lua_State *L);
int hy__string_format(lua_State *L); /* lib_format.c */
/* Pushes what require "hyperty" gives; once it is complete, it is to be frozen. */
void hy__lib_hyperty_freeze(lua_State *L);
void hy__lib_hyperty_push(lua_State *L);
/* Stops all timers of the instance, which has no tasks any more. */
void hy__lib_timer_stop_all(hy_instance_t *i);
/* The same while functions of timers may still run. */
void hy__lib_timer_end_all(hy_instance_t *i);
/* Raises if the instance has no self yet: "spawn: not while the file is loading …". */
hy_instance_t *hy__lib_instance(lua_State *L, const char *what);
/* Seconds at `arg` as milliseconds, rounded, at least `least_ms`; raises. */
uint64_t hy__lib_seconds(lua_State *L, int arg, uint64_t least_ms);

#endif
