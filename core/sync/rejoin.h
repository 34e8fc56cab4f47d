/* Inside sync/: what is set up again at a message node after a session was lost, and what must
 * reach it although there is none just now. Included by sync.h.
 *
 *      online ──► registrations ──► hosted objects ──► follows, members ──► queue of jobs ──► node
 *                                                                   at most so many at a time
 *
 * job.c            the queue; one job, its steps, its retries
 * lasting.c        requests that outlive a session
 * buried.c         objects that were deleted
 * registrations.c  addresses of hyperties, registry entries
 * rehost.c         hosted objects; digests
 * reobserve.c      members of replicas, status
 * online.c         which domains are there; the timer for digests and silence */
#ifndef HY_SYNC_REJOIN_H
#define HY_SYNC_REJOIN_H

#include "../base/list.h"
#include "../bus/bus.h"
#include "../data/object.h"
#include "syncher.h"

typedef void (*hy_domain_cb)(void *arg, int code, const char *desc, hy_node_t *body);

/* --- job.c ------------------------------------------------------------------------------------ */

typedef enum {
    HY_JOB_IDLE,
    HY_JOB_QUEUED,  /* waits for its turn */
    HY_JOB_FLYING,  /* at work */
    HY_JOB_WAITING, /* for its next try */
    HY_JOB_PAUSED   /* for its domain */
} hy_job_state_t;

/* Something that is done again and again until it has succeeded, in steps: `run` begins, each step
 * is a request whose final answer goes to its callback, which goes on (hy__job_ask), ends it or
 * has it tried again from the beginning. While its domain is away it is paused. Embedded in what it
 * is about. */
typedef struct hy_job {
    hy_manager_t *manager;
    hy_str_t *place; /* an address of the domain that it needs; the owner's */
    void (*run)(void *arg);
    void (*step)(void *arg, int http, hy_msg_t *answer);
    void *arg;
    hy_job_state_t state;
    hy_link_t link; /* in the manager's queue, or among its others; not while idle */
    hy_request_t *request;
    hy_timer_t timer;
    uint64_t retry_ms;
} hy_job_t;

void hy__job_init(hy_job_t *j, hy_manager_t *m, hy_str_t *place, void (*run)(void *arg), void *arg);
/* It is to be done, from its first step on; what of it is under way is dropped. */
void hy__job_want(hy_job_t *j);
/* The same, without waiting for its turn: so it is in order with what is sent besides. */
void hy__job_begin(hy_job_t *j);
/* Drops it. Nothing of it is called any more. */
void hy__job_cancel(hy_job_t *j);
static inline bool hy__job_is_wanted(const hy_job_t *j) {
    return j->state != HY_JOB_IDLE;
}
/* In `run` and steps, exactly one of these. `to` and `body` are taken over, NULL and ABSENT: out of
 * memory, which is tried again. */
void hy__job_ask(hy_job_t *j, hy_msg_type_t type, hy_str_t *from, hy_str_t *to, hy_value_t body,
                 void (*step)(void *arg, int http, hy_msg_t *answer));
void hy__job_end(hy_job_t *j);
void hy__job_retry(hy_job_t *j);
/* True for an answer that decides nothing: nobody was there, or it was too much at once. */
static inline bool hy__is_passing(int http) {
    return http == 408 || http == 429 || http == 503;
}
/* `domain` NULL: all. */
void hy__jobs_pause(hy_manager_t *m, const char *domain);
void hy__jobs_resume(hy_manager_t *m, const char *domain);

/* --- lasting.c -------------------------------------------------------------------------------- */

/* A request of the sync manager that is sent at once, and again after each loss of the session
 * before its answer came. What it is ("leave", …) with its two addresses (the second may be NULL)
 * names it: the same one replaces it. `from` NULL: <Runtime>/sm. `to` and `body` are taken over.
 * `done` may be NULL; it gets the first answer (where others than a node are silent at first, a
 * later one), never inside this call; on failure nothing. */
int hy__lasting_send(hy_manager_t *m, const char *what, hy_str_t *a, hy_str_t *b,
                     hy_msg_type_t type, hy_str_t *from, hy_str_t *to, hy_value_t body,
                     hy_domain_cb done, void *arg);
/* Gives an object back, which was deleted. A node that does not hold it for this session (or may
 * have forgotten it before it has answered) gets to know it once more, to know that it was deleted.
 */
void hy__lasting_bury(hy_manager_t *m, hy_str_t *object, bool is_held);
/* Objects that were given back, the last HY_BURIED_MAX of them: a node that was restarted does not
 * know that they were deleted, and observers that come back to it would wait for them. With a new
 * session they are buried once more (buried.c); `domain` NULL: all. */
int hy__buried_init(hy_manager_t *m); /* and those that the store keeps */
void hy__buried_add(hy_manager_t *m, hy_str_t *object);
/* The store knows from the open batch on that it is to be buried; hy__buried_add comes later. */
int hy__buried_keep(hy_manager_t *m, const hy_str_t *object);
/* Another object has come to that address. */
void hy__buried_drop(hy_manager_t *m, hy_str_t *object);
void hy__buried_renew(hy_manager_t *m, const char *domain);
void hy__buried_free(hy_manager_t *m);
/* It is not true any more. False if nobody had still to hear it. */
bool hy__lasting_drop(hy_manager_t *m, const char *what, hy_str_t *a, hy_str_t *b);
/* If there is such a one, it is sent once more now: who is to hear it has come somewhere else. */
void hy__lasting_again(hy_manager_t *m, const char *what, const hy_str_t *a, const hy_str_t *b);
bool hy__lasting_has(const hy_manager_t *m, const char *what, const hy_str_t *a, const hy_str_t *b);
void hy__lasting_free(hy_manager_t *m);

/* --- registrations.c -------------------------------------------------------------------------- */

/* Has the entry (taken over; its url is `url`) registered, and keeps it until hy__registration_end,
 * to register it again. `done` as in hy__domain_register. */
int hy__registration_add(hy_manager_t *m, hy_str_t *url, hy_value_t entry, bool is_hyperty,
                         hy_domain_cb done, void *arg);
/* The same for an object that is held here already: kept at once, and entered as soon as can be. */
int hy__registration_take(hy_manager_t *m, hy_str_t *url, hy_value_t entry);
/* It has another entry from now on (complete, taken over), which is registered if it says something
 * new. HY_ENOMEM. */
int hy__registration_change(hy_manager_t *m, const hy_str_t *url, hy_value_t entry);
/* Strikes it from the registry. `is_told` false: the entry is another's by now. */
void hy__registration_end(hy_manager_t *m, hy_str_t *url, bool is_told);
/* It is told as disconnected, and not kept any more. */
void hy__registration_rest(hy_manager_t *m, hy_str_t *url);
/* Claims (a hyperty) and registers again. Nothing if it is not registered. */
void hy__registration_renew(hy_manager_t *m, const hy_str_t *url);
void hy__registrations_renew(hy_manager_t *m); /* all hyperties */
void hy__registrations_free(hy_manager_t *m);

/* --- online.c --------------------------------------------------------------------------------- */

/* True while there is no session at the node of that address's domain. */
bool hy__is_away(const hy_manager_t *m, const hy_str_t *url);
bool hy__is_in(const hy_str_t *url, const char *domain); /* NULL: in any */
/* The timer for digests and silence runs from now on, while there is something to watch. */
void hy__pulse_start(hy_manager_t *m);
void hy__pulse_init(hy_manager_t *m);

#endif
