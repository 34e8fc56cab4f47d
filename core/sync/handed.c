/* What is stored of an object that was handed over (handover.h). Its new reporter has committed it
 * before it accepted, but that it is the reporter only when it was moved; what it acknowledges
 * comes after that. So until it says that this is committed, too, the old rows are the ones that
 * can be resumed after a crash; then they go.
 *
 * Of what is not stored nothing is left but that it was handed over, for a while: the node may
 * forget that it has moved it before the new reporter has heard so, which then asks here. */
#include "../base/mem.h"
#include "handover.h"

typedef struct {
    hy_link_t link; /* in the manager */
    hy_job_t job;
    hy_str_t *url, *giver, *sm, *epoch;
    hy_commit_t gone;  /* the rows have */
    bool is_stored;    /* the giver has rows of it, which are to go */
    bool is_forgotten; /* they have, and the heir is told so */
    uint64_t until_ms; /* if not: it is remembered so long */
} handed_t;

static void handed_end(handed_t *d) {
    hy__commit_cancel(&d->gone);
    hy__job_cancel(&d->job);
    hy_list_remove(&d->link);
    hy_str_unref(d->url);
    hy_str_unref(d->giver);
    hy_str_unref(d->sm);
    hy_str_unref(d->epoch);
    hy_free(d);
}

/* The rows go, or are those of a copy from now on, or of the reporter that it has here by now. A
 * loss of power must not bring them back: nobody could tell that they are old. False: not yet. */
static bool forget(const handed_t *d) {
    hy_manager_t *m = d->job.manager;
    const hy_hosted_t *h = hy__part_find(&m->hosted, d->url);
    if (!m->store || (h && hy_str_equal(h->reporter, d->giver))) return true;
    if (hy__part_find(&m->takeovers, d->url)) return false;
    if (!h && !hy__copy_inherit(m, d->url)) return false;
    hy__party_report_no_more(m, d->giver, d->url);
    hy_store_sync(m->store);
    return true;
}

static void on_gone(void *handed) {
    hy__job_want(&((handed_t *)handed)->job);
}

/* The heir need not remember any more that it has taken it. */
static void wait_until_gone(handed_t *d) {
    hy_manager_t *m = d->job.manager;
    d->is_forgotten = true;
    d->until_ms = hy_clock_now(hy_bus_clock(m->bus)) + HY_HANDED_MS;
    hy__job_end(&d->job);
    if (!m->store || hy__commit_wait(m, &d->gone, hy_store_ticket(m->store)) < 0) handed_end(d);
}

/* Who answers that it has not got it (any more) may have handed it on, or has lost it: here it
 * stays, and a resume shows whether somebody has it. */
static void on_told(void *handed, int http, hy_msg_t *answer) {
    handed_t *d = handed;
    hy_manager_t *m = d->job.manager;
    bool is_taken = hy_get_bool(hy_get_object(hy_msg_body(answer), "value"), "taken", false);
    bool is_in_time = hy_clock_now(hy_bus_clock(m->bus)) < d->until_ms;
    if (http >= 300 && (is_in_time || (d->is_stored && !d->is_forgotten))) {
        hy__job_retry(&d->job);
        return;
    }
    if (d->is_forgotten) {
        handed_end(d);
        return;
    }
    if (!is_taken && d->is_stored)
        hy_log(hy_bus_log(m->bus), HY_LOG_WARN, "sync",
               "%s was handed over and is not there: it can be resumed here", d->url->bytes);
    if (!is_taken || !d->is_stored) {
        handed_end(d);
    } else if (forget(d)) {
        wait_until_gone(d);
    } else {
        hy__job_retry(&d->job);
    }
}

void hy__handed_back(hy_manager_t *m, hy_str_t *url, const hy_str_t *reporter) {
    for (hy_link_t *l = m->handed.next; l != &m->handed;) {
        handed_t *d = hy_link_owner(l, handed_t, link);
        l = l->next;
        if (!hy_str_equal(d->url, url)) continue;
        if (d->is_stored && !d->is_forgotten && !hy_str_equal(d->giver, reporter))
            hy__party_report_no_more(m, d->giver, url);
        handed_end(d);
    }
}

static void run(void *handed) {
    handed_t *d = handed;
    hy_manager_t *m = d->job.manager;
    hy_value_t body = hy__guard_body("delegated", d->url, d->epoch);
    hy_node_t *params = body.kind == HY_OBJECT ? hy_get_array(body.as.n, "params") : NULL;
    int rc = params ? hy_node_insert(params, 2, hy_bool(true)) : HY_ENOMEM;
    if (rc == 0 && d->is_forgotten) rc = hy_node_insert(params, 3, hy_bool(true));
    if (rc < 0) {
        hy_value_drop(body);
        body = hy_absent();
    }
    hy__job_ask(&d->job, HY_MSG_EXECUTE, m->sm, hy_str_ref(d->sm), body, on_told);
}

/* Out of memory the rows stay, without harm: who resumes is told who has the object. */
void hy__handed_watch(hy_manager_t *m, hy_str_t *url, hy_str_t *giver, hy_str_t *heir_sm,
                      hy_str_t *epoch, bool is_stored) {
    handed_t *d = hy_alloc_zero(sizeof *d);
    if (!d) return;
    d->url = hy_str_ref(url);
    d->giver = hy_str_ref(giver);
    d->sm = hy_str_ref(heir_sm);
    d->epoch = hy_str_ref(epoch);
    d->is_stored = is_stored;
    d->until_ms = hy_clock_now(hy_bus_clock(m->bus)) + HY_HANDED_MS;
    hy__job_init(&d->job, m, d->url, run, d);
    hy__commit_init(&d->gone, on_gone, d);
    hy_list_append(&m->handed, &d->link);
    hy__job_want(&d->job);
}

bool hy__handed_by(const hy_manager_t *m, const hy_str_t *url, const hy_str_t *giver) {
    for (const hy_link_t *l = m->handed.next; l != &m->handed; l = l->next) {
        const handed_t *d = hy_link_owner(l, handed_t, link);
        if (hy_str_equal(d->url, url) && hy_str_equal(d->giver, giver)) return true;
    }
    return false;
}

void hy__handed_free(hy_manager_t *m) {
    while (!hy_list_is_empty(&m->handed)) {
        handed_end(hy_link_owner(m->handed.next, handed_t, link));
    }
}

/* --- what the heir asks ----------------------------------------------------------------------- */

static bool is_handed(const hy_manager_t *m, const hy_str_t *url, const hy_str_t *epoch) {
    for (const hy_link_t *l = m->handed.next; l != &m->handed; l = l->next) {
        const handed_t *d = hy_link_owner(l, handed_t, link);
        if (hy_str_equal(d->url, url) && hy_str_equal(d->epoch, epoch)) return true;
    }
    return false;
}

bool hy__handed_params(hy_manager_t *m, hy_msg_t *request, hy_str_t **url, hy_str_t **epoch) {
    const hy_node_t *params = hy_get_array(hy_msg_body(request), "params");
    hy_value_t first = params ? hy_node_at(params, 0) : hy_absent();
    hy_value_t second = params ? hy_node_at(params, 1) : hy_absent();
    if (first.kind != HY_STR || second.kind != HY_STR) {
        hy_bus_respond(m->bus, request, 400, "params must be [object, epoch]", hy_absent());
        return false;
    }
    *url = first.as.s;
    *epoch = second.as.s;
    return true;
}

bool hy__handed_on(const hy_manager_t *m, const hy_str_t *url, const hy_str_t *epoch) {
    for (const hy_link_t *l = m->handed.next; l != &m->handed; l = l->next) {
        const handed_t *d = hy_link_owner(l, handed_t, link);
        if (hy_str_equal(d->url, url) && hy_epoch_compare(d->epoch, epoch) > 0) return true;
    }
    return false;
}

/* Whoever has not got it, and does not give it away just now, will ask the heir before it goes on:
 * so the heir may let go of it. */
void hy__handed_asked(hy_manager_t *m, hy_msg_t *request) {
    hy_str_t *url, *epoch;
    if (!hy__handed_params(m, request, &url, &epoch)) return;
    if (hy__delegation_defers(hy__part_find(&m->hosted, url), request)) return;
    hy_bus_respond(m->bus, request, 200, NULL,
                   hy__body1("handed", hy_bool(is_handed(m, url, epoch))));
}
