/* What is stored of an object that was handed over (handover.h). Its new reporter has committed it
 * before it accepted, but that it is the reporter only when it was moved; what it acknowledges
 * comes after that. So until it says that this is committed, too, the old rows are the ones that
 * can be resumed after a crash; then they go. */
#include "../base/mem.h"
#include "handover.h"

typedef struct {
    hy_link_t link; /* in the manager */
    hy_job_t job;
    hy_str_t *url, *giver, *sm, *epoch;
} handed_t;

static void handed_end(handed_t *d) {
    hy__job_cancel(&d->job);
    hy_list_remove(&d->link);
    hy_str_unref(d->url);
    hy_str_unref(d->giver);
    hy_str_unref(d->sm);
    hy_str_unref(d->epoch);
    hy_free(d);
}

/* Who answers that it has not got it (any more) may have handed it on, or has lost it: here it
 * stays, and a resume shows whether somebody has it. */
static void on_told(void *handed, int http, hy_msg_t *answer) {
    handed_t *d = handed;
    hy_manager_t *m = d->job.manager;
    bool is_taken = hy_get_bool(hy_get_object(hy_msg_body(answer), "value"), "taken", false);
    if (http >= 300) {
        hy__job_retry(&d->job);
        return;
    }
    if (!is_taken)
        hy_log(hy_bus_log(m->bus), HY_LOG_WARN, "sync",
               "%s was handed over and is not there: it can be resumed here", d->url->bytes);
    if (is_taken && !hy__part_find(&m->hosted, d->url) && m->store) {
        hy__party_forget(m, d->giver, d->url);
        hy__rows_release(m, d->url);
    }
    handed_end(d);
}

static void run(void *handed) {
    handed_t *d = handed;
    hy_manager_t *m = d->job.manager;
    hy__job_ask(&d->job, HY_MSG_EXECUTE, m->sm, hy_str_ref(d->sm),
                hy__guard_body("delegated", d->url, d->epoch), on_told);
}

/* Out of memory the rows stay, without harm: who resumes is told who has the object. */
void hy__handed_watch(hy_manager_t *m, hy_str_t *url, hy_str_t *giver, hy_str_t *heir_sm,
                      hy_str_t *epoch) {
    handed_t *d = hy_alloc_zero(sizeof *d);
    if (!d) return;
    d->url = hy_str_ref(url);
    d->giver = hy_str_ref(giver);
    d->sm = hy_str_ref(heir_sm);
    d->epoch = hy_str_ref(epoch);
    hy__job_init(&d->job, m, d->url, run, d);
    hy_list_append(&m->handed, &d->link);
    hy__job_want(&d->job);
}

void hy__handed_free(hy_manager_t *m) {
    while (!hy_list_is_empty(&m->handed)) {
        handed_end(hy_link_owner(m->handed.next, handed_t, link));
    }
}
