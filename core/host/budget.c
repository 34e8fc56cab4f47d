/* The timer on a thread's processor time, its signal, and the hook that ends a run.
 *
 *      enter ──► running ──────────────────► leave          two stores each
 *                   ▲
 *      signal ──────┘ charges; over: is_due, hook on it ──► hook: yield, or raise ──► raise …
 *
 * What the signal may touch: the variable `thread` below, the budget of the instance that runs, and
 * lua_sethook, all of its own thread. It comes between any two instructions, so each of them is
 * good at any time: `running` is a live thread or NULL; a run is begun before it is set, and goes
 * on until it is taken back. The hook itself may be set once too often (on who has just been left):
 * then it takes itself off again. Were it set too late, the next tick sets it. */
#include "internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* The signal of the timers: real-time, so that nobody else means it; some above the first, which
 * debuggers and libraries like to take. */
#define TICK_SIGNAL (SIGRTMIN + 5)

/* What the signal reads of its thread. "initial-exec": no allocation in it, though the core may be
 * a module that is loaded late. */
static _Thread_local __attribute__((tls_model("initial-exec"))) struct {
    lua_State *volatile running; /* NULL: no Lua */
    volatile uint64_t tick_us;   /* processor time at the last tick */
    timer_t timer;
    uint32_t users; /* hosts */
} thread;

/* The signal's handler is the process's: it is there as long as there is a timer. */
static pthread_mutex_t handler_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t handler_users;

static uint64_t used_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* --- ending a run ----------------------------------------------------------------------------- */

/* Where it was first caught, at the innermost Lua function, counts: it is the same each time that
 * it raises. */
static void make_text(lua_State *L, hy_instance_t *i) {
    hy_budget_t *b = &i->budget;
    lua_Debug frame;
    int len = 0;
    for (int level = 0; len == 0 && lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline <= 0) continue;
        len = snprintf(b->text, sizeof b->text, "%s:%d: ", frame.short_src, frame.currentline);
    }
    snprintf(b->text + len, sizeof b->text - (size_t)len,
             "took too long: %u ms of processor time without a wait", (unsigned)b->run_ms);
}

void hy__budget_check(lua_State *L) {
    hy_instance_t *i = hy_instance_of(L);
    hy_budget_t *b = &i->budget;
    if (!b->is_due) return;
    if (!b->is_killed) make_text(L, i);
    b->is_killed = true;
    if (lua_isyieldable(L)) {
        lua_yield(L, 0); /* comes back if this is the hook, which is left then */
        return;
    }
    lua_pushstring(L, b->text);
    lua_error(L);
}

/* Stays on while the run is to be ended. */
static void on_instruction(lua_State *L, lua_Debug *frame) {
    (void)frame;
    if (hy_instance_of(L)->budget.is_due) {
        hy__budget_check(L);
    } else {
        lua_sethook(L, NULL, 0, 0);
    }
}

static void arm(lua_State *L) {
    lua_sethook(L, on_instruction, LUA_MASKCOUNT, 1);
}

volatile sig_atomic_t *hy__budget_flag(lua_State *L) {
    return &hy_instance_of(L)->budget.is_due;
}

bool hy__budget_is_killed(lua_State *L) {
    return hy_instance_of(L)->budget.is_killed;
}

bool hy__budget_is_over(const hy_instance_t *i) {
    uint64_t most_us = (uint64_t)i->host->config.budget.turn_ms * 1000u;
    const hy_budget_t *b = &i->budget;
    return most_us > 0 && b->turn == i->host->turn && b->turn_us >= most_us;
}

bool hy__budget_is_spent(const hy_instance_t *i) {
    return i->budget.full_turn == i->host->turn + 1 && hy__budget_is_over(i);
}

/* --- the signal ------------------------------------------------------------------------------- */

/* What has passed since somebody was charged last: it is taken once, whoever comes in between. */
static uint64_t take_passed(uint64_t now_us) {
    uint64_t since_us = __atomic_exchange_n(&thread.tick_us, now_us, __ATOMIC_RELAXED);
    return since_us < now_us ? now_us - since_us : 0;
}

static void add(hy_instance_t *i, uint64_t passed_us) {
    hy_budget_t *b = &i->budget;
    if (b->turn != i->host->turn) {
        b->turn = i->host->turn;
        b->turn_us = 0;
    }
    __atomic_fetch_add(&b->turn_us, passed_us, __ATOMIC_RELAXED);
    __atomic_fetch_add(&b->used_us, passed_us, __ATOMIC_RELAXED);
}

void hy__budget_settle(hy_instance_t *i) {
    if (i->host->config.budget.turn_ms > 0) add(i, take_passed(used_us()));
}

static void charge(lua_State *L, uint64_t now_us) {
    hy_instance_t *i = hy_instance_of(L);
    hy_budget_t *b = &i->budget;
    uint64_t most_us = (uint64_t)b->run_ms * 1000u;
    add(i, take_passed(now_us));
    if (b->depth == 0) return;
    if (b->is_new) {
        b->is_new = 0;
        b->run_from_us = now_us;
    } else if (most_us > 0 && now_us - b->run_from_us >= most_us) {
        b->is_due = 1;
        arm(L);
    }
}

static void on_tick(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    (void)context;
    int error = errno;
    uint64_t now_us = used_us();
    if (thread.running) {
        charge(thread.running, now_us);
    } else {
        take_passed(now_us);
    }
    errno = error;
}

/* --- entering --------------------------------------------------------------------------------- */

lua_State *hy__budget_enter(lua_State *L) {
    hy_budget_t *b = &hy_instance_of(L)->budget;
    if (b->depth++ == 0) {
        b->is_due = 0;
        b->is_new = 1;
        b->is_killed = false;
    }
    if (b->is_due) {
        arm(L);
    } else if (lua_gethook(L) == on_instruction) {
        lua_sethook(L, NULL, 0, 0); /* of a run that was killed */
    }
    lua_State *before = thread.running;
    thread.running = L;
    return before;
}

void hy__budget_leave(lua_State *L, lua_State *before) {
    thread.running = before;
    hy_instance_of(L)->budget.depth--;
    if (!before) return;
    const hy_budget_t *b = &hy_instance_of(before)->budget;
    if (b->is_due && b->depth > 0) arm(before);
}

lua_State *hy__budget_lend(lua_State *L) {
    lua_State *before = thread.running;
    thread.running = L;
    return before;
}

void hy__budget_give_back(lua_State *before) {
    thread.running = before;
}

/* --- the timer -------------------------------------------------------------------------------- */

/* When the last timer is gone the signal is ignored, for ever: one may still be on its way, and
 * this code may be unloaded. */
static int use_handler(bool is_used) {
    struct sigaction action = {.sa_flags = SA_RESTART | (is_used ? SA_SIGINFO : 0)};
    if (is_used) {
        action.sa_sigaction = on_tick;
    } else {
        action.sa_handler = SIG_IGN;
    }
    sigemptyset(&action.sa_mask);
    pthread_mutex_lock(&handler_lock);
    bool is_turning = is_used ? handler_users == 0 : handler_users == 1;
    int rc = is_turning && sigaction(TICK_SIGNAL, &action, NULL) != 0 ? -errno : 0;
    if (rc == 0) handler_users += is_used ? 1u : -1u;
    pthread_mutex_unlock(&handler_lock);
    return rc;
}

static int start_timer(void) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = TICK_SIGNAL};
    struct itimerspec times = {.it_interval = {.tv_nsec = HY_BUDGET_TICK_MS * 1000000l},
                               .it_value = {.tv_nsec = HY_BUDGET_TICK_MS * 1000000l}};
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    int rc = use_handler(true);
    if (rc < 0) return rc;
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &thread.timer) != 0) {
        rc = -errno;
    } else if (timer_settime(thread.timer, 0, &times, NULL) != 0) {
        rc = -errno;
        timer_delete(thread.timer);
    }
    if (rc < 0) use_handler(false);
    return rc;
}

static bool is_bounded(const hy_budget_limits_t *limits) {
    return limits->run_ms > 0 || limits->turn_ms > 0;
}

int hy__budget_open(const hy_budget_limits_t *limits) {
    if (!is_bounded(limits)) return 0;
    int rc = thread.users == 0 ? start_timer() : 0;
    if (rc == 0) thread.users++;
    return rc;
}

void hy__budget_close(const hy_budget_limits_t *limits) {
    if (!is_bounded(limits) || thread.users == 0 || --thread.users > 0) return;
    timer_delete(thread.timer);
    use_handler(false);
}
