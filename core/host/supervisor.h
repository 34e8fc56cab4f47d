/* Inside the host: a hyperty that fails again and again is stopped, started anew, and in the end
 * parked. Included by instance.h.
 *
 *      running ── too many failures ──► restarting ── after a pause ──► running
 *         ▲                                 │  ▲ start fails
 *         │ reload                          │  └──┘ the pause doubles
 *         └────────────── parked ◄──────────┘ too often
 *
 * A start that takes over HY_RESTART_START_MS has failed, too; reloading does not wait for that.
 * One that fails so often while it is loaded for the first time is not loaded.
 *
 * Failures are points (limits.h: HY_FAILURE_…), of which one a second is forgotten. What is stopped
 * keeps its name, address, config and self.state; all else that it owns is undone, and its `stop`
 * is not called. It emits "stopped", "restarted" and "parked", each with {reason = …} of the last
 * error, for who follows it. Nothing else in the host is touched. */
#ifndef HY_HOST_SUPERVISOR_H
#define HY_HOST_SUPERVISOR_H

#include "../base/list.h"
#include "../base/str.h"
#include "../loop/clock.h"
#include "host.h"

typedef enum { HY_UP, HY_RESTARTING, HY_PARKED } hy_condition_t;

/* Part of an instance. */
typedef struct {
    hy_link_t link; /* in the host, while its next turn is to see to it */
    hy_condition_t condition;
    bool is_failing, is_due; /* what is to be done then: stopped; started */
    int code;                /* why it could not be started; 0: it has failed while it ran */
    uint64_t level_ms;       /* failures, HY_POINT_MS each, as of … */
    uint64_t failed_ms;      /* … then */
    uint64_t started_ms;     /* again; 0: not since it was loaded */
    uint32_t tries;          /* restarts in a row */
    hy_timer_t pause;        /* before the next one */
    hy_str_t *error;         /* the last one, first line; NULL: none, or out of memory */
    hy_loaded_cb done;       /* who has asked for a reload */
    void *arg;
} hy_supervision_t;

void hy__supervision_init(hy_instance_t *i);
/* The instance goes away. */
void hy__supervision_deinit(hy_instance_t *i);
/* A task of it has failed. */
void hy__supervisor_failed(hy_instance_t *i, unsigned points, const char *text);
/* It was started again; or could not be, and is to be stopped. */
void hy__supervisor_started(hy_instance_t *i);
void hy__supervisor_gave_up(hy_instance_t *i, int code, const char *text);
/* For hy_host_turn. */
void hy__supervisor_turn(hy_host_t *h);
/* True if it is stopped, or not whole yet: a reload starts it. `done` as in hy_host_reload. */
bool hy__supervisor_has(const hy_instance_t *i);
int hy__supervisor_reload(hy_instance_t *i, hy_loaded_cb done, void *arg, hy_error_t *err);

#endif
