/* Handing an object over, on the side of the reporter that it has (handover.h):
 *
 *      where is it? ─► offer ─► move ─► moved: this reporter ends
 *           └── no ──────┴── no ─┤ └─ no answer ─► who holds it?
 *                                │                   ├─ the other one ─► as above
 *                                │                   ├─ we do ─► move again, or it is too late
 *                                │                   └─ nobody: the node was restarted
 *                                ▼                               └─► what does the other one say?
 *                         the object stays                             ├─ it has it
 *                    (too late: in a new epoch)                        └─ it lets go of it
 *
 * All the while nothing is written here. A move that was sent and not answered may still be done or
 * not; so what comes after it is a new epoch, which the node knows before anything is written. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../base/mem.h"
#include "call.h"
#include "handover.h"

typedef enum { FINDING, OFFERING, MOVING, ASKING_NODE, ASKING_HEIR, RETURNING } stage_t;

struct hy_delegation {
    hy_hosted_t *hosted;         /* which owns it */
    hy_str_t *heir, *sm, *epoch; /* its hyperty and sync manager; the epoch offered to it */
    stage_t stage;
    bool was_sent;    /* the move: it may be done */
    bool is_noted;    /* the store says so, too */
    bool is_late;     /* it is not tried any more */
    bool missed_gone; /* somebody may be gone */
    hy_job_t job;
    hy_timer_t start, deadline;
    hy_commit_t stored; /* what was written before */
    hy_done_cb done;
    void *arg;
};

static void find(hy_delegation_t *d);
static void offer(hy_delegation_t *d);
static void move(hy_delegation_t *d);
static void ask_node(hy_delegation_t *d);
static void ask_heir(hy_delegation_t *d);
static void take_back(const hy_delegation_t *d);
static void stay(hy_delegation_t *d, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

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

/* --- noting (handing.c) ----------------------------------------------------------------------- */

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

static int note(hy_delegation_t *d) {
    hy_hosted_t *h = d->hosted;
    hy_reporter_t *r = hy__hosted_reporter(h);
    hy_handing_t handing = {.peer = d->heir, .sm = d->sm, .epoch = d->epoch};
    int rc = hy__party_hand(h->manager, h->reporter, r->party.object, r->ledger->level, &handing);
    if (rc < 0) return rc;
    d->is_noted = true;
    hy__ledger_written(r->ledger);
    return hy__commit_wait(h->manager, &d->stored, r->ledger->ticket);
}

static void on_noted(void *delegation) {
    move(delegation);
}

/* A runtime that is killed from now on has to know, when it comes back, that it may be moved. */
static void note_and_move(hy_delegation_t *d) {
    const hy_manager_t *m = d->hosted->manager;
    const hy_reporter_t *r = hy__hosted_reporter(d->hosted);
    bool is_stored = r && r->ledger && m->store && m->is_lasting;
    if (!is_stored || hy__manager_find_syncher(m, d->heir)) {
        move(d);
        return;
    }
    hy__commit_init(&d->stored, on_noted, d);
    int rc = note(d);
    if (rc < 0) {
        take_back(d);
        stay(d, rc, "%s cannot be handed over: what is stored of it cannot be written (%s)",
             d->hosted->url->bytes, hy_error_text(rc));
    }
}

/* --- ending ----------------------------------------------------------------------------------- */

/* After `detach`. Whoever is called may do anything. */
static void finish(hy_delegation_t *d, int code, const char *desc) {
    hy_done_cb done = d->done;
    void *arg = d->arg;
    hy_str_unref(d->heir);
    hy_str_unref(d->sm);
    hy_str_unref(d->epoch);
    hy_free(d);
    done(arg, code, desc);
}

/* The heir need not wait for it any more. */
static void take_back(const hy_delegation_t *d) {
    const hy_hosted_t *h = d->hosted;
    if (!d->sm) return;
    hy_value_t body = hy__guard_body("delegated", h->url, d->epoch);
    hy__manager_send(h->manager, HY_MSG_EXECUTE, h->subscription, d->sm, body);
}

/* It stays here; nothing has changed. */
static void stay(hy_delegation_t *d, int code, const char *format, ...) {
    hy_hosted_t *h = d->hosted;
    char text[HY_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    unnote(d);
    detach(d);
    if (d->missed_gone) hy__hosted_renew(h);
    finish(d, code, text);
}

/* It was on its way and has not arrived: held here in an epoch above the one that was offered, so
 * that nobody can go on in that one. */
static void go_back(hy_delegation_t *d) {
    hy_hosted_t *h = d->hosted;
    hy_reporter_t *r = hy__hosted_reporter(h);
    hy_str_t *epoch = hy__epoch_after(h->manager, d->epoch);
    if (!epoch || !r) {
        hy_str_unref(epoch);
        hy__job_retry(&d->job);
        return;
    }
    take_back(d);
    d->stage = RETURNING;
    hy_str_unref(h->epoch);
    h->epoch = epoch;
    hy_object_begin_epoch(r->party.object, epoch);
    if (r->ledger) hy__ledger_snapshot(r->ledger); /* else with the next one */
    unnote(d);
    hy__job_end(&d->job);
    hy__job_want(&h->job);
}

void hy__delegation_returned(hy_hosted_t *h) {
    hy_delegation_t *d = h->delegation;
    if (!d || d->stage != RETURNING) return;
    hy_str_t *heir = hy_str_ref(d->heir), *url = hy_str_ref(h->url);
    d->missed_gone = false; /* who observes was just admitted again */
    stay(d, HY_ETIMEOUT, "%s has not taken over %s in time; it stays here", heir->bytes,
         url->bytes);
    hy_str_unref(heir);
    hy_str_unref(url);
}

static void end_reporter(hy_reporter_t *r) {
    hy_party_t *p = hy_party_ref(&r->party);
    hy__reporter_replaced(r);
    if (p->is_open) p->syncher->events->ended(p->syncher->arg, p, false);
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
    bool is_stored = r && r->ledger && !hy__manager_find_syncher(m, d->heir);
    if (d->sm) hy__handed_watch(m, h->url, h->reporter, d->sm, d->epoch, is_stored);
    hy_replica_t *own = hy__part_find(&m->replicas, h->url);
    hy__hosted_delete(h);
    if (own) hy__replica_renew(own);
    if (r) end_reporter(r);
    finish(d, 0, "");
}

void hy__delegation_free(hy_hosted_t *h, const char *why) {
    hy_delegation_t *d = h->delegation;
    if (!d) return;
    detach(d);
    finish(d, HY_ECLOSED, why);
}

/* --- the other one ---------------------------------------------------------------------------- */

static void take_found(hy_delegation_t *d, const hy_node_t *entry) {
    hy_str_t *runtime = hy_get_str(entry, "runtime");
    const char *heir = d->heir->bytes, *url = d->hosted->url->bytes;
    if (hy_str_is(hy_get_str(entry, "status"), "disconnected")) {
        stay(d, HY_EUNREACHABLE, "%s does not answer (it is not connected); %s stays here", heir,
             url);
    } else if (!runtime) {
        stay(d, HY_ENOT_FOUND, "there is no hyperty at %s; %s stays here", heir, url);
    } else if (!(d->sm = hy__url_below(runtime, "/sm"))) {
        stay(d, HY_ENOMEM, "out of memory");
    } else {
        offer(d);
    }
}

static void on_found(void *delegation, int http, hy_msg_t *answer) {
    hy_delegation_t *d = delegation;
    const hy_node_t *list = hy_get_array(hy_msg_body(answer), "value");
    hy_value_t first = list ? hy_node_at(list, 0) : hy_absent();
    const char *heir = d->heir->bytes, *url = d->hosted->url->bytes;
    if (first.kind == HY_OBJECT) {
        take_found(d, first.as.n); /* also of a 408, whose entries are all disconnected */
    } else if (http < 300 || http == 404) {
        stay(d, HY_ENOT_FOUND, "there is no hyperty at %s; %s stays here", heir, url);
    } else {
        stay(d, hy_error_from_http(http), "it cannot be found out where %s is (%s); %s stays here",
             heir, hy_msg_desc(answer), url);
    }
}

static void find(hy_delegation_t *d) {
    hy_manager_t *m = d->hosted->manager;
    if (hy__manager_find_syncher(m, d->heir)) {
        d->sm = hy_str_ref(m->sm);
        offer(d);
        return;
    }
    hy__job_ask(&d->job, HY_MSG_READ, m->sm, hy__domain_registry(m, d->heir),
                hy__body1("resource", hy__string_ref(d->heir)), on_found);
}

static void on_offered(void *delegation, int http, hy_msg_t *answer) {
    hy_delegation_t *d = delegation;
    const char *heir = d->heir->bytes, *url = d->hosted->url->bytes;
    const char *why = hy_msg_desc(answer);
    if (http < 300) {
        note_and_move(d);
        return;
    }
    take_back(d); /* it may have accepted, and its answer was lost */
    if (http == 404 || hy__is_passing(http)) {
        stay(d, hy_error_from_http(http), "%s does not answer (%s); %s stays here", heir, why, url);
    } else {
        stay(d, hy_error_from_http(http), "%s does not take over %s: %s", heir, url, why);
    }
}

static void offer(hy_delegation_t *d) {
    hy_hosted_t *h = d->hosted;
    hy_reporter_t *r = hy__hosted_reporter(h);
    hy_error_t err = {.text = ""};
    hy_value_t body;
    d->stage = OFFERING;
    int rc = r ? hy__handover_write(h, r, d->heir, d->epoch, &body, &err) : HY_ECLOSED;
    if (rc < 0) {
        stay(d, rc, "%s", err.text[0] ? err.text : hy_error_text(rc));
        return;
    }
    hy__job_ask(&d->job, HY_MSG_EXECUTE, h->subscription, hy_str_ref(d->sm), body, on_offered);
}

/* --- the node --------------------------------------------------------------------------------- */

/* The node has said no for good; what cannot be read, or was made up on the way, says nothing. */
static bool is_no(int http) {
    return http >= 400 && http < 500 && http != 403 && !hy__is_passing(http);
}

static void on_moved(void *delegation, int http, hy_msg_t *answer) {
    hy_delegation_t *d = delegation;
    const char *heir = d->heir->bytes, *url = d->hosted->url->bytes;
    if (http < 300) {
        hy__delegation_commit(d->hosted);
    } else if (http == 503) {
        hy__job_retry(&d->job); /* the heir is not connected just now */
    } else if (!is_no(http)) {
        ask_node(d);
    } else {
        take_back(d);
        stay(d, hy_error_from_http(http), "the node does not move %s to %s: %s; it stays here", url,
             heir, hy_msg_desc(answer));
    }
}

static void move(hy_delegation_t *d) {
    hy_hosted_t *h = d->hosted;
    hy_manager_t *m = h->manager;
    hy_value_t body = hy__guard_body("move", h->url, d->heir);
    hy_node_t *params = body.kind == HY_OBJECT ? hy_get_array(body.as.n, "params") : NULL;
    if (!params || hy_node_insert(params, 2, hy__string_ref(d->epoch)) < 0) {
        hy_value_drop(body);
        stay(d, HY_ENOMEM, "out of memory");
        return;
    }
    d->stage = MOVING;
    d->was_sent = true;
    hy__job_ask(&d->job, HY_MSG_EXECUTE, m->sm, hy__domain_sm(m, h->url), body, on_moved);
}

static bool is_ours(const hy_delegation_t *d, const hy_str_t *holder) {
    const hy_hosted_t *h = d->hosted;
    return hy_str_equal(holder, h->reporter) || hy_address_is_under(holder, h->manager->runtime);
}

static void on_holder(void *delegation, int http, hy_msg_t *answer) {
    hy_delegation_t *d = delegation;
    const hy_node_t *value = hy_get_object(hy_msg_body(answer), "value");
    const hy_str_t *holder = hy_get_str(value, "holder"), *epoch = hy_get_str(value, "epoch");
    if (http == 404) {
        d->is_late = true;
        ask_heir(d);
    } else if (http >= 300 || !holder) {
        hy__job_retry(&d->job);
    } else if (epoch && hy_epoch_compare(epoch, d->epoch) >= 0 && !is_ours(d, holder)) {
        hy__delegation_commit(d->hosted);
    } else if (epoch && hy_str_equal(epoch, d->epoch)) {
        hy__delegation_commit(d->hosted); /* the heir is in this runtime */
    } else if (d->is_late) {
        go_back(d);
    } else {
        move(d);
    }
}

static void ask_node(hy_delegation_t *d) {
    hy_hosted_t *h = d->hosted;
    hy_manager_t *m = h->manager;
    d->stage = ASKING_NODE;
    hy__job_ask(&d->job, HY_MSG_EXECUTE, m->sm, hy__domain_sm(m, h->url),
                hy__guard_body("holder", h->url, NULL), on_holder);
}

/* The node knows nothing of the object. Whoever says that it has not got it cannot get it any more.
 * Who says nothing within the time is taken for dead; but not where both have it stored: what that
 * one has acknowledged is there still. */
static void on_heir(void *delegation, int http, hy_msg_t *answer) {
    hy_delegation_t *d = delegation;
    bool is_taken = hy_get_bool(hy_get_object(hy_msg_body(answer), "value"), "taken", false);
    bool is_over = !hy_timer_is_started(&d->deadline);
    if (http < 300 && is_taken) {
        hy__delegation_commit(d->hosted);
    } else if (http < 300 || (is_over && !d->is_noted)) {
        go_back(d);
    } else {
        d->stage = ASKING_NODE; /* it may be there again by then */
        hy__job_retry(&d->job);
    }
}

/* From the runtime: the object is nobody's just now. */
static void ask_heir(hy_delegation_t *d) {
    hy_hosted_t *h = d->hosted;
    d->stage = ASKING_HEIR;
    hy__job_ask(&d->job, HY_MSG_EXECUTE, h->manager->sm, hy_str_ref(d->sm),
                hy__guard_body("delegated", h->url, d->epoch), on_heir);
}

static void run(void *delegation) {
    hy_delegation_t *d = delegation;
    if (d->was_sent) {
        ask_node(d);
    } else if (hy__job_is_wanted(&d->hosted->job)) {
        hy__job_retry(&d->job); /* until it is held again */
    } else if (d->sm) {
        offer(d);
    } else {
        find(d);
    }
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
    take_back(d);
    hy_str_t *heir = hy_str_ref(d->heir), *url = hy_str_ref(d->hosted->url);
    stay(d, HY_ETIMEOUT, "%s has not decided within %u s; %s stays here", heir->bytes,
         HY_HANDOVER_MS / 1000, url->bytes);
    hy_str_unref(heir);
    hy_str_unref(url);
}

bool hy__delegation_defers(hy_hosted_t *h, hy_msg_t *m) {
    if (!h || !h->delegation) return false;
    hy_bus_respond(h->manager->bus, m, 503, "the object is being handed over: ask again",
                   hy__body1("again", hy_bool(true)));
    return true;
}

bool hy__asks_again(hy_msg_t *answer, int http) {
    if (http != 503) return false;
    return hy_get_bool(hy_get_object(hy_msg_body(answer), "value"), "again", false);
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
static int begin(hy_reporter_t *r, hy_str_t *hyperty, hy_done_cb done, void *arg) {
    hy_hosted_t *h = hy__reporter_hosted(r);
    hy_delegation_t *d = hy_alloc_zero(sizeof *d);
    if (!d) return HY_ENOMEM;
    *d = (hy_delegation_t){.hosted = h, .heir = hy_str_ref(hyperty), .done = done, .arg = arg};
    d->epoch = hy__epoch_after(h->manager, h->epoch);
    hy__job_init(&d->job, h->manager, h->url, run, d);
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

/* The end, passed to the call if it is still there. */
static void on_done(void *arg, int code, const char *desc) {
    hy_call_t **slot = arg, *c = *slot;
    if (c) hy__call_end(c, code, desc, NULL, hy_absent());
    hy_free(slot);
}

int hy_party_delegate(hy_party_t *p, hy_str_t *hyperty, hy_done_cb done, void *arg,
                      hy_error_t *err) {
    int rc = hy__handover_check(p, hyperty, err);
    if (rc < 0) return rc;
    hy_call_t *c = hy__call_new(p->syncher, arg);
    hy_call_t **slot = c ? hy_alloc(sizeof(hy_call_t *)) : NULL;
    rc = slot ? begin((hy_reporter_t *)p, hyperty, on_done, slot) : HY_ENOMEM;
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
