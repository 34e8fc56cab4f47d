/* Inside the host: instances, tasks and waits; the contract between instance.c, task.c, wait.c and
 * the libraries that scripts see (lib_*.c). Only host/ includes it.
 *
 *      instance ── owns ──► tasks ── wait on ──► waits ◄── completed by callbacks of the core
 *                  owns ──► timers, handler references, parties
 */
#ifndef HY_HOST_INSTANCE_H
#define HY_HOST_INSTANCE_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stddef.h>

#include "../base/list.h"
#include "../sync/syncher.h"
#include "budget.h"
#include "host.h"
#include "supervisor.h"

typedef struct hy_task hy_task_t;
typedef struct hy_wait hy_wait_t;
typedef struct hy_start hy_start_t;
typedef struct hy_own_state hy_own_state_t;

typedef struct hy_reload hy_reload_t;

/* What is to go on once its instance is not frozen any more: go(arg), outside of Lua. */
typedef struct {
    hy_link_t link; /* in the instance, while it is held */
    void (*go)(void *arg);
    void *arg;
} hy__held_t;

/* STOPPED: supervisor.c has stopped it, and may start it again. */
typedef enum { HY_STARTING, HY_RUNNING, HY_STOPPING, HY_STOPPED } hy_instance_state_t;

/* Whose the name, the address and the syncher are (reload.c): a life that is settled has them; one
 * that is tried, or past with tasks that still go on, borrows them. */
typedef enum { HY_LIFE_SETTLED, HY_LIFE_TRIED, HY_LIFE_PAST } hy_life_t;

struct hy_instance {
    hy_host_t *host;
    hy_link_t link; /* in the host; a past life: in its heir */
    hy_instance_state_t state;
    lua_State *L; /* main thread of its own Lua state; lua_getextraspace holds the instance */
    hy_str_t *name, *url, *user;
    hy_str_t *file; /* script, for messages */
    hy_syncher_t *syncher;
    hy_task_t *current; /* running now, NULL outside Lua */
    hy_link_t tasks, waits, timers;
    size_t task_count;
    int env_ref, hyperty_ref, self_ref,
        api_ref;               /* registry: _ENV of the script, its table, self, api */
    hy_own_state_t *own_state; /* self.state; NULL: there is none yet */
    hy_value_t config;         /* as given to load */
    /* For the prompt: since when this code runs; what was logged of it as an error. */
    uint64_t since_ms;
    hy_str_t *last_error; /* NULL: nothing yet */
    uint32_t error_count;
    hy_life_t life;
    bool is_frozen;      /* another life is tried: what would go on here is held */
    hy_link_t held;      /* hy__held_t, in order */
    hy_instance_t *heir; /* of a past life: who has its place */
    hy_link_t past;      /* lives before this one */
    hy_reload_t *reload; /* under way; NULL: none */
    hy_timer_t linger;   /* of a past life: how long its tasks go on */
    hy__held_t cut;      /* that they went on for so long, while it is frozen */
    hy_node_t *files;    /* that the script is made of, the script first; NULL: none yet */
    bool has_file;       /* else it was loaded from a text */
    bool is_outdated;    /* watch.c: a file has changed, and it is still to be reloaded */

    /* The rest is kept by the file named first. */
    size_t memory_bytes, memory_max; /* state.c: the allocator; max 0: unbounded */
    _Alignas(max_align_t) char spares[HY_STATE_SPARES][HY_STATE_SPARE_BYTES];
    unsigned spares_used;  /* a bit for each of them */
    const void *null_mark; /* state.c: identity of hyperty.null and of the metatables */
    const void *array_mark, *object_mark; /* of hyperty.array and hyperty.object */
    uint32_t ref_count;                   /* state.c: registry references held (hy_ref) */
    hy_budget_t budget;                   /* budget.c */
    hy_supervision_t supervision;         /* supervisor.c */
    uint32_t busy;     /* task.c: entries into Lua now; what would start is queued */
    uint32_t queued;   /* task.c: tasks in the host's `ready` */
    bool is_late;      /* task.c: its turn was over; all is queued until that is worked off */
    bool is_trusted;   /* host.c: it gets all of Lua */
    uint64_t log_turn; /* host.c: in which `log_count` errors were logged */
    uint32_t log_count;
    uint32_t timer_count; /* lib_timer.c */
    hy_link_t idle;       /* task.c: finished threads, to be used again */
    uint32_t idle_count;
    hy_wait_t *yielding;  /* wait.c → task.c: what the yield now passing up waits on */
    bool passes;          /* lib_coroutine.c: a wait here gets through to its task */
    bool is_closing_task; /* task.c → lib_coroutine.c: inner coroutines close too */
    uint32_t closings;    /* lib_coroutine.c: calls of close, within each other */
    bool is_leaving;      /* host.c: unloading is queued */
    bool is_prompt;       /* a person's: starts without a node too, is given more time */
    hy_link_t leaving;
    hy_start_t *start;       /* instance.c: until loaded or given up */
    hy_learning_t *learning; /* schemas.c: what it waits for before it has its address */
};

static inline hy_instance_t *hy_instance_of(lua_State *L) {
    return *(hy_instance_t **)lua_getextraspace(L);
}

/* --- registry references (state.c) ------------------------------------------------------------ */

/* Anchors the value on top of L (popped) and counts it: all must be given back before the state is
 * closed. hy_ref may raise; hy_unref does not, sets *ref to LUA_NOREF and ignores that. */
int hy_ref(lua_State *L);
void hy_unref(lua_State *L, int *ref);

/* --- the one protected call (pcall.c) --------------------------------------------------------- */

/* Calls the function below `nargs` arguments on L; everything that can raise happens inside it,
 * pushes included. 0, or negative with the error text (traceback appended) as one string on the
 * stack, and the error logged once with `what` ("Thermometer: handler of change") when `what` is
 * not NULL. */
int hy_pcall(lua_State *L, int nargs, int nresults, const char *what);
/* Runs fn(L, arg) protected, with a clean stack before and after; HY_EINTERNAL or HY_ENOMEM if it
 * raised, text in `err`. For C code outside Lua that must push. */
int hy_protected(lua_State *L, void (*fn)(lua_State *L, void *arg), void *arg, hy_error_t *err);

/* --- tasks (task.c) --------------------------------------------------------------------------- */

/* Called once when the task has ended: `results` values (or one error text with traceback when
 * `failed`) are on top of L, the task's thread. May be NULL. Not called when the instance goes
 * down; `dropped` is, then. */
typedef struct {
    void (*ended)(void *arg, lua_State *L, int results, bool failed);
    void (*dropped)(void *arg);
    bool takes_errors; /* `ended` tells somebody of an error; else it is the hyperty's failure */
} hy_task_end_t;

/* Starts a task: the function and `nargs` arguments are taken off the top of inst->L. Outside Lua
 * it runs at once until it waits or ends; from inside Lua (inst->current set) it is queued for the
 * next host turn, as it is when the instance has used up this one. `what` names it in errors;
 * borrowed text with static life or NULL. Errors that `end` does not take are logged once with
 * hyperty, `what` and traceback, and so is that it was killed. HY_ENOMEM, HY_ECLOSED. */
int hy_task_spawn(hy_instance_t *i, int nargs, const char *what, const hy_task_end_t *end,
                  void *arg);
/* True if L may wait here: inside a task, with no C frame in between. */
bool hy_task_can_wait(lua_State *L);

/* --- waits (wait.c) --------------------------------------------------------------------------- */

/* A C function that waits:
 *
 *      hy_wait_t *w = hy_wait_open(L, "read");
 *      int rc = hy_syncher_read(…, hy_wait_value, w, &err);
 *      return hy_wait_end(L, w, rc, &err);
 *
 * The first raises "read: cannot wait here …" where that is so; the last yields, or returns nil,
 * message, code. The completions below are the callbacks to hand in; `arg` is the wait. Each
 * resumes the task with what it was given: the values, or nil, message, code word. */
hy_wait_t *hy_wait_open(lua_State *L, const char *what);
int hy_wait_end(lua_State *L, hy_wait_t *w, int rc, const hy_error_t *err);
/* → true */
void hy_wait_done(void *wait, int code, const char *desc);
/* → the value as plain Lua values (an array's items are NOT spread) */
void hy_wait_value(void *wait, int code, const char *desc, hy_value_t value);
/* General form: `push` puts the results on L and returns how many. Runs protected: what it raises,
 * the waiting call raises. */
void hy_wait_complete(hy_wait_t *w, int (*push)(lua_State *L, void *arg), void *arg);
/* Pushes nil, message, code word; for functions that fail at once. Returns 3. */
int hy_push_failure(lua_State *L, int code, const char *text);
hy_instance_t *hy_wait_instance(const hy_wait_t *w);

/* --- values (convert.c) ----------------------------------------------------------------------- */

/* Value at index → tree, deep; handles are copied, parties become their URL. HY_EINVALID with the
 * path of what is not JSON ("values.3: a function is not JSON"): functions, userdata, threads, NaN
 * and infinities, strings that are not UTF-8, mixed keys, cycles; HY_ETOO_LARGE: nesting. Does not
 * raise, needs no protected call. */
int hy_value_from_lua(lua_State *L, int index, hy_value_t *out, hy_error_t *err);
/* Pushes the value as plain Lua: arrays get the array metatable, null is hyperty.null. May raise
 * (memory). */
void hy_value_push(lua_State *L, hy_value_t v);
/* A path argument: text with indices from 1 ("values.1.unit") or a list of keys. Steps are made for
 * the wire (from 0) and owned by the caller (hy_steps_free). HY_EINVALID with a text. */
int hy_steps_from_lua(lua_State *L, int index, const hy_node_t *root, hy_step_t **steps,
                      uint32_t *count, hy_error_t *err);
void hy_steps_free(hy_step_t *steps, uint32_t count);
/* Raises the error with the caller's line. Never returns. */
int hy_raise(lua_State *L, const hy_error_t *err);

/* --- data handles (handle.c) ------------------------------------------------------------------ */

/* Pushes what a view shows: for a node the handle (the same userdata as long as one is alive, so
 * handles of a node are equal), for a scalar the Lua value. */
void hy_handle_push(lua_State *L, hy_view_t *view, hy_value_t v);
/* The view and node of a handle at index; false if it is none. */
bool hy_handle_test(lua_State *L, int index, hy_view_t **view, hy_node_t **node);

/* --- libraries: each pushes nothing and installs itself into the state ------------------------ */

void hy_lib_base_open(
    lua_State *L); /* environment for scripts: allow list, next, require, print, coroutine */
void hy_lib_table_open(lua_State *L);   /* table functions that know handles */
void hy_lib_hyperty_open(lua_State *L); /* require "hyperty" */
void hy_lib_handle_open(lua_State *L);  /* metatable of data handles */
void hy_lib_syncher_open(lua_State *L); /* self.syncher, parties, children, requests, events */

/* --- lib_syncher side, called by instance.c --------------------------------------------------- */

extern const hy_syncher_events_t hy_lib_syncher_events; /* `arg` is the instance */
/* Pushes the table that is `self.syncher`. */
void hy_lib_syncher_push(lua_State *L);
/* Lets go of all parties and handlers: after hy_syncher_close, before the state is closed. */
void hy_lib_syncher_close(lua_State *L);
/* Another life has its place: boxes of this one hear nothing more. */
void hy_lib_syncher_detach(lua_State *L);
/* What tasks of past lives got is told to the one that has their place ("resume"), unless it has it
 * already. */
void hy_lib_syncher_inherit(hy_instance_t *heir, hy_party_t *party);
/* A task of a past life has ended the party: told as "delete", with the reason "left". */
void hy_lib_syncher_left(hy_instance_t *heir, hy_party_t *party);
/* Runs api[method] for an execute on the hyperty (HY_DECIDE_CALL); for lib_syncher's decide. */
void hy_instance_decide_call(hy_instance_t *i, hy_decision_t *d);
/* An event of a followed hyperty arrived: runs the functions registered by hyperty.follow. */
void hy_lib_hyperty_emitted(hy_instance_t *i, hy_str_t *hyperty, hy_str_t *name,
                            const hy_node_t *args);

#endif
