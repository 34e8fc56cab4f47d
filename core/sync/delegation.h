/* Inside sync/: an object that is being handed over by its reporter here (handover.h): its hosted
 * object owns it. delegation.c begins and ends it, moving.c asks its way through the stages. */
#ifndef HY_SYNC_DELEGATION_H
#define HY_SYNC_DELEGATION_H

#include "call.h"
#include "handover.h"

typedef enum { FINDING, LOOKING, OFFERING, MOVING, ASKING_NODE, ASKING_HEIR, RETURNING } stage_t;

struct hy_delegation {
    hy_hosted_t *hosted;         /* which owns it */
    hy_str_t *heir, *sm, *epoch; /* its hyperty and sync manager; the epoch offered to it */
    hy_value_t
        session; /* of the heir at the object's node, before it was asked; ABSENT: not told */
    stage_t stage;
    bool was_sent;    /* the move: it may be done */
    bool is_noted;    /* the store says so, too */
    bool is_late;     /* it is not tried any more */
    bool missed_gone; /* somebody may be gone */
    hy_job_t job;
    hy_timer_t start, deadline;
    hy_commit_t stored; /* what was written before */
    hy_call_t **slot;   /* who waits for the end; empty once it does not */
};

/* --- moving.c --------------------------------------------------------------------------------- */

/* The job of a delegation: the next question, or the last one once more. */
void hy__delegation_run(void *delegation);

/* --- delegation.c: how it ends ---------------------------------------------------------------- */

/* The heir need not wait for it any more. */
void hy__delegation_take_back(const hy_delegation_t *d);
/* It stays here; nothing has changed. `d` is gone. */
void hy__delegation_stay(hy_delegation_t *d, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* It was on its way and has not arrived: held here in an epoch above the one that was offered, so
 * that nobody can go on in that one. */
void hy__delegation_go_back(hy_delegation_t *d);

#endif
