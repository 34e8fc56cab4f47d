/* Handing an object over, on the side of the reporter that it has (handover.h): how it begins, what
 * holds meanwhile, and how it ends: the object is the other one's, stays, or comes back in a new
 * epoch. What is asked of whom on the way: moving.c. */
#include <stdarg.h>
#include <stdio.h>

#include "../base/mem.h"
#include "delegation.h"

static hy_clock_t *clock_of(const hy_delegation_t *d) {
    return hy_bus_clock(d->hosted->manager->bus);
}

/* Out of its hosted object: the reporter may write again, if it is still there. */
static void detach(hy_delegation_t *d) {
    hy_reporter_t *r = hy__hosted_reporter(d->hosted);
    if (r) r->heir = NULL;
    d->hosted->delegation = NULL;
    hy_timer_stop(clock_of(d), &d->start);
    hy_timer_stop(clock_of(d), &d->deadline);
    hy__commit_cancel(&d->stored);
    hy__job_cancel(&d->job);
}

/* --- ending ----------------------------------------------------------------------------------- */

/* Should it not be possible now, the heir is asked after a restart. */
static void unnote(hy_delegation_t *d) {
    hy_hosted_t *h = d->hosted;
    hy_reporter_t *r = hy__hosted_reporter(h);
    if (!d->is_noted || !r || !r->ledger || !h->manager->store) return;
    hy_object_t *o = r->party.object;
    if (hy__party_keep(h->manager, h->reporter, o, true, r->ledger->level) == 0)
        hy__ledger_written(r->ledger);
    d->is_noted = false;
}

/* After `detach`. Gives who waits for it, or NULL. */
static hy_call_t *dissolve(hy_delegation_t *d) {
    hy_call_t *c = *d->slot;
    if (c) c->slot = NULL;
    hy_free(d->slot);
    hy_str_unref(d->heir);
    hy_str_unref(d->sm);
    hy_str_unref(d->epoch);
    hy_free(d);
    return c;
}

/* Whoever is called may do anything. */
static void finish(hy_delegation_t *d, int code, const char *desc) {
    hy_call_t *c = dissolve(d);
    if (c) hy__call_end(c, code, desc, NULL, hy_absent());
}

static void wait_until_kept(hy_call_t *c, hy_msg_t *answer, int code, const char *desc) {
    const hy_manager_t *m = c->syncher->manager;
    (void)answer;
    if (!m->store || hy__call_wait(c, hy_store_ticket(m->store)) < 0)
        hy__call_end(c, code, desc, NULL, hy_absent());
}

/* Within this runtime it is the other one's for good once that is committed, which is written in
 * this turn. */
static void finish_kept(hy_delegation_t *d) {
    hy_call_t *c = dissolve(d);
    if (!c) return;
    c->take = wait_until_kept;
    hy__call_answer_now(c);
}

void hy__delegation_take_back(const hy_delegation_t *d) {
    const hy_hosted_t *h = d->hosted;
    if (!d->sm) return;
    hy_value_t body = hy__guard_body("delegated", h->url, d->epoch);
    hy__manager_send(h->manager, HY_MSG_EXECUTE, h->subscription, d->sm, body);
}

void hy__delegation_stay(hy_delegation_t *d, int code, const char *format, ...) {
    hy_hosted_t *h = d->hosted;
    char text[HY_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    unnote(d);
    detach(d);
    if (h->is_unjudged) hy__hosted_judge(h, NULL, NULL, NULL);
    if (d->missed_gone) {
        h->is_unsure = true;
        hy__hosted_renew(h);
    }
    finish(d, code, text);
}

void hy__delegation_go_back(hy_delegation_t *d) {
    hy_hosted_t *h = d->hosted;
    hy_reporter_t *r = hy__hosted_reporter(h);
    hy_str_t *epoch = hy__epoch_after(h->manager, d->epoch);
    if (!epoch || !r) {
        hy_str_unref(epoch);
        hy__job_retry(&d->job);
        return;
    }
    hy__delegation_take_back(d);
    d->stage = RETURNING;
    hy_str_unref(h->epoch);
    h->epoch = epoch;
    hy_object_begin_epoch(r->party.object, epoch);
    if (r->ledger) hy__ledger_snapshot(r->ledger); /* else with the next one */
    unnote(d);
    if (r->ledger && h->manager->store) hy_store_sync(h->manager->store); /* nor its epoch */
    hy__job_end(&d->job);
    hy__job_want(&h->job);
}

static void on_returned(void *delegation) {
    hy_delegation_t *d = delegation;
    const hy_hosted_t *h = d->hosted;
    hy_str_t *heir = hy_str_ref(d->heir), *url = hy_str_ref(h->url);
    hy__delegation_stay(d, HY_ETIMEOUT, "%s has not taken over %s in time; it stays here",
                        heir->bytes, url->bytes);
    hy_str_unref(heir);
    hy_str_unref(url);
}

/* Nobody is told of its epoch before that is committed. */
void hy__delegation_returned(hy_hosted_t *h) {
    hy_delegation_t *d = h->delegation;
    const hy_reporter_t *r = hy__hosted_reporter(h);
    if (!d || d->stage != RETURNING) return;
    hy__commit_cancel(&d->stored);
    hy__commit_init(&d->stored, on_returned, d);
    bool waits = r && r->ledger && h->manager->store;
    if (!waits || hy__commit_wait(h->manager, &d->stored, r->ledger->ticket) < 0) on_returned(d);
}

static void end_reporter(hy_reporter_t *r) {
    hy_party_t *p = hy_party_ref(&r->party);
    hy__reporter_replaced(r);
    if (p->is_open) hy__tell_ended(p, false);
    if (p->is_open) hy__party_close(p);
    hy_party_unref(p);
}

/* Who observed here observes the other one now. */
void hy__delegation_commit(hy_hosted_t *h) {
    hy_delegation_t *d = h->delegation;
    hy_manager_t *m = h->manager;
    hy_reporter_t *r = hy__hosted_reporter(h);
    hy_log(hy_bus_log(m->bus), HY_LOG_INFO, "sync", "%s is reported by %s now", h->url->bytes,
           d->heir->bytes);
    detach(d);
    h->is_replaced = true;
    hy__registration_end(m, h->url, false);
    bool is_here = d->sm && hy_str_equal(d->sm, m->sm), is_stored = r && r->ledger;
    if (d->sm) hy__handed_watch(m, h->url, h->reporter, d->sm, d->epoch, is_stored && !is_here);
    hy_replica_t *own = hy__part_find(&m->replicas, h->url);
    hy__hosted_delete(h);
    if (own) hy__replica_renew(own);
    if (r) end_reporter(r);
    if (is_stored && is_here) {
        finish_kept(d);
    } else {
        finish(d, 0, "");
    }
}

void hy__delegation_free(hy_hosted_t *h, const char *why) {
    hy_delegation_t *d = h->delegation;
    if (!d) return;
    detach(d);
    finish(d, HY_ECLOSED, why);
}

/* --- meanwhile -------------------------------------------------------------------------------- */

static void on_deadline(void *delegation) {
    hy_delegation_t *d = delegation;
    d->is_late = true;
    if (d->stage == RETURNING) return;
    if (d->was_sent) {
        if (!d->job.request) hy__job_want(&d->job);
        return;
    }
    hy__delegation_take_back(d);
    hy_str_t *heir = hy_str_ref(d->heir), *url = hy_str_ref(d->hosted->url);
    hy__delegation_stay(d, HY_ETIMEOUT, "%s has not decided within %u s; %s stays here",
                        heir->bytes, HY_HANDOVER_MS / 1000, url->bytes);
    hy_str_unref(heir);
    hy_str_unref(url);
}

bool hy__delegation_defers(hy_hosted_t *h, hy_msg_t *m) {
    if (!h || !h->delegation) return false;
    hy_bus_respond(h->manager->bus, m, 503, "the object is being handed over: ask again",
                   hy__body1("again", hy_bool(true)));
    return true;
}

void hy__delegation_note_gone(hy_hosted_t *h) {
    if (h->delegation) h->delegation->missed_gone = true;
}

/* What was sent in the session before may be done or not: first that has to be known. */
bool hy__delegation_renew(hy_hosted_t *h) {
    hy_delegation_t *d = h->delegation;
    if (!d || !d->was_sent || d->stage == RETURNING) return false;
    d->is_late = true;
    hy__job_want(&d->job);
    return true;
}

/* --- beginning -------------------------------------------------------------------------------- */

static void on_stored(void *delegation) {
    hy_delegation_t *d = delegation;
    hy__job_want(&d->job);
}

/* What was written before is committed, and has left, before it can be another's. */
static void on_start(void *delegation) {
    hy_delegation_t *d = delegation;
    hy_manager_t *m = d->hosted->manager;
    const hy_reporter_t *r = hy__hosted_reporter(d->hosted);
    bool waits = r && r->ledger && m->store;
    hy__commit_init(&d->stored, on_stored, d);
    if (waits && hy__commit_wait(m, &d->stored, r->ledger->ticket) == 0) return;
    hy__job_want(&d->job);
}

/* Nothing is called back before the call has returned. */
static int begin(hy_reporter_t *r, hy_str_t *hyperty, hy_call_t **slot) {
    hy_hosted_t *h = hy__reporter_hosted(r);
    hy_delegation_t *d = hy_alloc_zero(sizeof *d);
    if (!d) return HY_ENOMEM;
    *d = (hy_delegation_t){.hosted = h, .heir = hy_str_ref(hyperty), .slot = slot};
    d->epoch = hy__epoch_after(h->manager, h->epoch);
    hy__job_init(&d->job, h->manager, h->url, hy__delegation_run, d);
    hy_timer_init(&d->start, on_start, d);
    hy_timer_init(&d->deadline, on_deadline, d);
    if (!d->epoch || hy_timer_start(clock_of(d), &d->start, 0) < 0 ||
        hy_timer_start(clock_of(d), &d->deadline, HY_HANDOVER_MS) < 0) {
        hy_timer_stop(clock_of(d), &d->start);
        hy_str_unref(d->heir);
        hy_str_unref(d->epoch);
        hy_free(d);
        return HY_ENOMEM;
    }
    h->delegation = d;
    r->heir = d->heir;
    return 0;
}

int hy_party_delegate(hy_party_t *p, hy_str_t *hyperty, hy_done_cb done, void *arg,
                      hy_error_t *err) {
    int rc = hy__handover_check(p, hyperty, err);
    if (rc < 0) return rc;
    if (hy__trial_holds(p->syncher)) {
        hy_deed_call_t deed = {.what = HY_DEED_DELEGATE, .party = p, .hyperties = &hyperty};
        deed.count = 1;
        deed.on_done = done;
        deed.arg = arg;
        return hy__holding_call(p->syncher, &deed);
    }
    hy_call_t *c = hy__call_new(p->syncher, arg);
    hy_call_t **slot = c ? hy_alloc(sizeof(hy_call_t *)) : NULL;
    rc = slot ? begin((hy_reporter_t *)p, hyperty, slot) : HY_ENOMEM;
    if (rc < 0) {
        if (c) hy__call_free(c);
        hy_free(slot);
        return rc;
    }
    c->on_done = done;
    c->slot = slot;
    *slot = c;
    return 0;
}
