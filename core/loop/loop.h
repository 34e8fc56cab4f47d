/* The real driver: an event loop on libuv that gives the logic its time and its turns.
 *
 *      ┌► timers of the clock ─► work (bus turns, …) ─► wait for I/O ─► callbacks of I/O ─┐
 *      └──────────────────────────────────────────────────────────────────────────────────┘
 *
 * The loop waits for I/O no longer than until the next timer of its clock, and not at all while
 * some work is awake. Everything here belongs to the thread that runs the loop; another thread
 * wakes it with a uv_async_t of its own, made on hy_loop_uv.
 *
 * Closing is two-step: no callback comes after a close, memory goes when libuv has let go of the
 * handle. */
#ifndef HY_LOOP_LOOP_H
#define HY_LOOP_LOOP_H

#include "clock.h"

struct uv_loop_s;

typedef struct hy_loop hy_loop_t;

/* HY_ENOMEM, or a code of libuv. */
int hy_loop_open(hy_loop_t **out);
/* Not while it runs. Work, signals and polls that are left are closed; timers of the clock are
 * stopped by their owners before, handles of others on hy_loop_uv are closed or closing. Comes back
 * when nothing lives on it. NULL allowed. */
void hy_loop_close(hy_loop_t *loop);
/* Real time: monotonic from 0 at opening; its wall clock follows the system's. */
hy_clock_t *hy_loop_clock(hy_loop_t *loop);
struct uv_loop_s *hy_loop_uv(hy_loop_t *loop);
/* Runs until hy_loop_stop, which may be called before: then it comes back at once. */
void hy_loop_run(hy_loop_t *loop);
void hy_loop_stop(hy_loop_t *loop);

/* The general text of a code, of ours and of libuv's. */
const char *hy_loop_error_text(int code);

/* --- work: what has its turn once a round ----------------------------------------------------- */

typedef struct hy_work hy_work_t;
/* True: call again in the next round. False: not until hy_work_wake. It may close any work. */
typedef bool (*hy_work_cb)(void *arg);

/* It begins awake. */
int hy_loop_add_work(hy_loop_t *loop, hy_work_cb cb, void *arg, hy_work_t **out);
void hy_work_wake(hy_work_t *w);
void hy_work_close(hy_work_t *w); /* NULL allowed */

/* --- signals ---------------------------------------------------------------------------------- */

typedef struct hy_signal hy_signal_t;
typedef void (*hy_signal_cb)(void *arg, int signum);

int hy_loop_signal(hy_loop_t *loop, int signum, hy_signal_cb cb, void *arg, hy_signal_t **out);
void hy_signal_close(hy_signal_t *s); /* NULL allowed */

/* --- file descriptors ------------------------------------------------------------------------- */

enum { HY_POLL_READABLE = 1, HY_POLL_WRITABLE = 2 };

typedef struct hy_poll hy_poll_t;
/* `events` as watched and true now, or a negative code of libuv. */
typedef void (*hy_poll_cb)(void *arg, int events);
typedef void (*hy_closed_cb)(void *arg);

/* The descriptor stays the caller's and is made non-blocking. Nothing is watched yet. A file that
 * cannot be waited for (a plain one) fails. */
int hy_poll_open(hy_loop_t *loop, int fd, hy_poll_cb cb, void *arg, hy_poll_t **out);
/* Replaces what is watched; 0: nothing. */
int hy_poll_watch(hy_poll_t *p, int events);
/* The descriptor may be closed right after. `closed` (NULL allowed) is called with the `arg` of
 * opening when the memory is about to go; not for what hy_loop_close has to close. NULL allowed. */
void hy_poll_close(hy_poll_t *p, hy_closed_cb closed);

#endif
