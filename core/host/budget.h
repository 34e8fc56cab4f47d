/* What a script may use of the processor, and how it is stopped (DESIGN.md, decision 13).
 *
 *      run      from where a task's Lua begins until it waits or ends: over `run_ms` it is killed
 *      turn     all runs of one instance in one turn of the host: over `turn_ms` the rest of them
 *               come in the next turn, after the others
 *
 * A hook that counts instructions costs a busy script more than half of its speed, as Lua then
 * looks at each of them. So nothing is counted as long as all goes well: a timer on the processor
 * time of the thread (it rests when the thread does) looks every HY_BUDGET_TICK_MS whether Lua is
 * running, and for how long the same run is. Only then it sets a hook, from its signal, on the
 * coroutine that runs: that is what lua_sethook is made for. A killed run stays killed: in whatever
 * coroutine, pcall, xpcall, __close or metamethod it goes on, its next instruction raises again,
 * until the task is unwound.
 *
 * C code that loops without running Lua polls. Everything here is of the thread that runs Lua; the
 * timer is one a thread, as long as hosts with a budget live on it. */
#ifndef HY_HOST_BUDGET_H
#define HY_HOST_BUDGET_H

#include <lua.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "host.h"

/* Part of an instance. */
typedef struct {
    volatile sig_atomic_t is_due; /* the timer wants hy__budget_check to be called */
    bool is_killed;               /* this run; until it has ended */
    lua_State *volatile running;  /* the coroutine that runs now; NULL: none */
    uint64_t run_from_us;         /* processor time when the run began */
    uint64_t turn_us;             /* used by runs of this turn that have ended */
    uint64_t turn;                /* the host's turn that `turn_us` is of */
    uint64_t used_us;             /* by all runs, ever */
} hy_budget_t;

/* For C code that may take long: raises if the run is over its budget. Cheap: call it every few
 * hundred steps at least. */
void hy__budget_check(lua_State *L);
volatile sig_atomic_t *hy__budget_flag(lua_State *L); /* is_due of its instance */
static inline void hy_budget_poll(lua_State *L, const volatile sig_atomic_t *flag) {
    if (*flag) hy__budget_check(L);
}

/* `L` runs now / the one before (gives it back) runs again. Around every lua_resume,
 * lua_resetthread and protected call from outside; nests. */
lua_State *hy__budget_enter(lua_State *L);
void hy__budget_leave(lua_State *L, lua_State *before);

#endif
