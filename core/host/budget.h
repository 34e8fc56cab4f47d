/* What a script may use of the processor, and how it is stopped (DESIGN.md, decision 13).
 *
 *      run      from where a task's Lua begins until it waits or ends: over `run_ms` it is killed
 *      turn     all runs of one instance in one turn of the host: over `turn_ms` the rest of them
 *               come in the next turn, after the others
 *
 * A hook that counts instructions costs a busy script more than half of its speed, as Lua then
 * looks at each of them. So nothing is counted as long as all goes well: a timer on the processor
 * time of the thread (it rests when the thread does) looks every HY_BUDGET_TICK_MS whether Lua is
 * running, and for how long the same run is. Only when that is too long it sets a hook, from its
 * signal, on the coroutine that runs: that is what lua_sethook is made for.
 *
 *      run           ├────────────────────────────────┤ killed
 *      ticks    │         │         │         │         │
 *                         └ counted from here           └ over: hook on the coroutine that runs
 *
 * So a run may take run_ms and up to two ticks. Within one instruction, C code that loops without
 * running Lua polls.
 *
 * The hook yields, never to be resumed: so no pcall, not one and not a hundred thousand within each
 * other, sees anything of it, and the coroutines around, up to the task, do the same. Where Lua
 * cannot yield (a function that sort or gsub calls, a metamethod that C calls, closing, `stop`) it
 * raises instead, at every instruction, until it is out of there; those can be only some 200 within
 * each other. While a hook raises Lua allows no other one, so such an error goes past the script's
 * message handlers (lib_base.c), and what dies of it never allows one again.
 *
 * A thread that has ended in either way is dead: no Lua runs on it any more, what it was to close
 * stays unclosed, its memory goes with the collector.
 *
 * Everything here is of the thread that runs Lua; the timer is one a thread, as long as hosts with
 * a budget live on it. */
#ifndef HY_HOST_BUDGET_H
#define HY_HOST_BUDGET_H

#include <lua.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "host.h"

/* Part of an instance. What the signal writes is volatile. */
typedef struct {
    uint32_t run_ms;               /* as the host's, or for a person at a prompt more; 0: none */
    volatile sig_atomic_t is_due;  /* the run is over its budget: hy__budget_check raises */
    volatile sig_atomic_t is_new;  /* no tick has come since the run began */
    bool is_killed;                /* this run; stays until the next one begins */
    uint32_t depth;                /* entries within each other; 0: none of its Lua runs */
    volatile uint64_t run_from_us; /* processor time at the first tick of the run */
    /* By ticks: what passed since the last one is charged to whom it finds running. */
    volatile uint64_t turn_us; /* in this turn of the host */
    volatile uint64_t turn;    /* the host's turn that `turn_us` is of */
    volatile uint64_t used_us; /* ever */
    uint64_t full_turn;        /* after which its memory was full last; 0: never */
    char text[160];            /* of the error that kills it, with file and line */
} hy_budget_t;

/* For C code that may take long: does not return if the run is over its budget, as if it raised or
 * yielded. What it holds must be the collector's. Cheap: call it every few hundred steps at least.
 */
void hy__budget_check(lua_State *L);
volatile sig_atomic_t *hy__budget_flag(lua_State *L); /* is_due of its instance */
static inline void hy_budget_poll(lua_State *L, const volatile sig_atomic_t *flag) {
    if (*flag) hy__budget_check(L);
}

/* `L` runs now / the one before (given back by enter) runs again. Around every lua_resume,
 * lua_resetthread and protected call from outside; nests. The outermost one is a run. `L` lives
 * until it is left. */
lua_State *hy__budget_enter(lua_State *L);
void hy__budget_leave(lua_State *L, lua_State *before);

/* What it ran since the last tick counts for its turn now: on a busy machine ticks come late. For
 * tasks from the queue, which are few. */
void hy__budget_settle(hy_instance_t *i);
/* The host's own code works for the instance of L, outside of runs: only the turn is charged. Gives
 * back who was charged before, for give_back. May contain runs. */
lua_State *hy__budget_lend(lua_State *L);
void hy__budget_give_back(lua_State *before);

/* The run under way, or the one that has just ended, was killed. */
bool hy__budget_is_killed(lua_State *L);
/* Has used up its share of this turn of the host. */
bool hy__budget_is_over(const hy_instance_t *i);
/* That, and its memory was full in this turn: whatever is tried for it would have Lua look through
 * all of that memory again, so it is not tried. */
bool hy__budget_is_spent(const hy_instance_t *i);

/* A host with this budget lives on this thread, until it is closed there. Negative errno if there
 * is no timer to be had. */
int hy__budget_open(const hy_budget_limits_t *limits);
void hy__budget_close(const hy_budget_limits_t *limits);

#endif
