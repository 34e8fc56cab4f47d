/* Taking an object over, on the side of its new reporter (handover.h):
 *
 *      offered ─► the hyperty decides ─► read, if need be ─► made ─► stored, if it is ─► 200
 *                                                              │
 *      open ◄── the node says moved, or says so when asked ◄───┤
 *      dropped ◄── taken back, or it has come to nothing ◄─────┘
 *
 * What is on the left of "made" is in offered.c. What comes for the object comes after the node's
 * word that it was moved, on the same way; so from then on, and not before, it is listened to here.
 */
#include "takeover.h"
#include "../base/mem.h"

/* --- life ------------------------------------------------------------------------------------- */

static hy_clock_t *clock_of(const hy_takeover_t *t) {
    return hy_bus_clock(t->manager->bus);
}

const hy_node_t *hy__takeover_offer(hy_msg_t *m) {
    const hy_node_t *params = hy_get_array(hy_msg_body(m), "params");
    hy_value_t first = params ? hy_node_at(params, 0) : hy_absent();
    return first.kind == HY_OBJECT ? first.as.n : NULL;
}

/* Out of the manager; what it has made is the caller's. */
static void detach(hy_takeover_t *t) {
    hy__part_remove(&t->manager->takeovers, t->url);
    hy_timer_stop(clock_of(t), &t->ask);
    hy_timer_stop(clock_of(t), &t->beat);
    if (t->read) hy_request_cancel(t->read);
    hy__collecting_end(&t->collecting);
    hy__commit_cancel(&t->stored);
    hy__job_cancel(&t->job);
}

/* After `detach`. Gives who waits for it, or NULL. */
static hy_call_t *dissolve(hy_takeover_t *t) {
    hy_call_t *c = t->slot ? *t->slot : NULL;
    if (c) c->slot = NULL;
    hy_free(t->slot);
    hy_str_unref(t->url);
    hy_str_unref(t->epoch);
    hy_msg_unref(t->offer);
    hy_msg_unref(t->accepted);
    hy_free(t);
    return c;
}

void hy__takeover_drop(hy_takeover_t *t, int code, const char *desc) {
    hy_decision_t *d = t->decision;
    t->decision = NULL;
    detach(t);
    if (d) {
        d->decided = NULL;
        hy_decision_reject(d, code, desc);
        hy_decision_unref(d);
    }
    if (t->accepted)
        hy_bus_respond(t->manager->bus, t->accepted, hy_error_http(code), desc, hy_absent());
    if (t->reporter && t->reporter->ledger) {
        hy__party_hand_back(t->syncher, t->url);
        hy__copy_take_back(t->manager, t->url);
    }
    if (t->reporter) hy__party_close(&t->reporter->party);
    if (t->hosted) hy__hosted_free(t->hosted);
    hy_call_t *c = dissolve(t);
    if (c) hy__call_end(c, code, desc, NULL, hy_absent()); /* who may do anything */
}

void hy__takeovers_close(hy_syncher_t *s) {
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&s->manager->takeovers, &pos));) {
        hy_takeover_t *t = e->part;
        if (t->syncher == s) hy__takeover_drop(t, HY_ECLOSED, "the hyperty has stopped");
    }
}

/* --- it is here ------------------------------------------------------------------------------- */

static int tune_in(hy_takeover_t *t) {
    hy_hosted_t *h = t->hosted;
    int rc = h->on_subscription ? 0
                                : hy_bus_listen(t->manager->bus, h->subscription,
                                                hy__hosted_on_subscription, h, &h->on_subscription);
    return rc < 0 ? rc : hy__reporter_open(t->reporter);
}

/* From now on it is the reporter after a restart, too. Where the object stays in this runtime, its
 * rows are there already, and change hands. */
static int keep(hy_takeover_t *t, hy_str_t *giver) {
    hy_manager_t *m = t->manager;
    hy_reporter_t *r = t->reporter;
    if (t->level == HY_STORE_NONE || !m->store) return 0;
    hy_store_sync(m->store); /* who gave it forgets it then */
    if (r->ledger) {
        size_t mark = hy_store_mark(m->store);
        int done = hy__ledger_snapshot(r->ledger);
        if (done == 0) done = hy__party_keep(m, t->syncher->url, r->party.object, true, t->level);
        if (done == 0) done = hy__taken_keep(m, t->url, t->epoch);
        if (done < 0)
            hy__ledger_undo(r->ledger, mark);
        else
            hy__ledger_written(r->ledger);
        return done;
    }
    int rc = hy__reporter_store(r, t->level);
    if (rc < 0) return rc;
    if (hy__hosted_write_guests(t->hosted, r->ledger) < 0) r->ledger->lacks_guests = true;
    hy__executed_store(r->ledger, hy_get_array(hy__takeover_offer(t->offer), "executes"));
    if (giver) hy__party_report_no_more(m, giver, t->url);
    return 0;
}

/* Until now, and in the rows, it was in the epoch of who gave it: so a copy can be made of them. */
static void begin_epoch(const hy_takeover_t *t) {
    hy_object_t *o = t->reporter->party.object;
    if (!hy_str_equal(o->epoch, t->epoch)) hy_object_begin_epoch(o, t->epoch);
}

/* The hyperty is given it once it is the reporter for good; who asks meanwhile has to come again.
 */
static void give(hy_call_t *c, hy_reporter_t *r) {
    if (!c) return;
    bool waits = r->ledger && c->syncher->manager->store;
    c->party = hy_party_ref(&r->party);
    r->is_waking = waits;
    if (!waits || hy__call_wait(c, r->ledger->ticket) < 0)
        hy__call_end(c, 0, "", c->party, hy_absent());
}

static void take(hy_takeover_t *t) {
    hy_manager_t *m = t->manager;
    hy_hosted_t *before = hy__part_find(&m->hosted, t->url);
    if (before && before->delegation) hy__delegation_commit(before); /* from this very runtime */
    if (!hy__part_find(&m->takeovers, t->url)) return; /* ended by what that has told */
    bool is_busy = hy__part_find(&m->hosted, t->url) || hy__part_find(&m->creating, t->url);
    int rc = is_busy ? HY_ECONFLICT : tune_in(t);
    if (rc == 0) begin_epoch(t);
    if (rc == 0) rc = keep(t, hy_get_str(hy__takeover_offer(t->offer), "source"));
    if (rc == 0) rc = hy__part_add(&m->hosted, t->url, t->hosted);
    if (rc < 0) { /* no memory, say: the node is asked, and it is tried again */
        hy__job_want(&t->job);
        return;
    }
    hy_hosted_t *h = t->hosted;
    hy_reporter_t *r = t->reporter;
    hy__executed_take(m, t->url, hy_get_array(hy__takeover_offer(t->offer), "executes"),
                      hy_clock_now(clock_of(t)) + HY_HANDOVER_WAIT_MS - t->until_ms);
    hy_log(hy_bus_log(m->bus), HY_LOG_INFO, "sync", "%s is reported by %s now", h->url->bytes,
           h->reporter->bytes);
    hy_list_append(&t->syncher->parties, &r->party.link);
    hy__trial_meets(&r->party);
    detach(t);
    hy__handed_back(m, h->url, h->reporter);
    hy__handover_settle(h, r);
    give(dissolve(t), r);
}

bool hy__takeover_take(hy_manager_t *m, const hy_str_t *url, const hy_str_t *epoch) {
    hy_takeover_t *t = hy__part_find(&m->takeovers, url);
    if (!t || !t->hosted || !hy_str_equal(t->epoch, epoch)) return false;
    take(t);
    return true;
}

bool hy__takeover_has(const hy_manager_t *m, const hy_kept_t *k) {
    const hy_takeover_t *t = hy__part_find(&m->takeovers, k->key);
    return t && k->handing.peer && k->handing.is_heir && hy_str_equal(t->epoch, k->handing.epoch);
}

void hy__takeover_moved(hy_syncher_t *s, hy_msg_t *event) {
    const hy_node_t *moved = hy_get_object(hy_get_object(hy_msg_body(event), "value"), "moved");
    hy_str_t *url = hy_get_str(moved, "resource"), *epoch = hy_get_str(moved, "epoch");
    hy_str_t *node_sm = url && epoch ? hy__domain_sm(s->manager, url) : NULL;
    bool is_node = node_sm && hy_str_equal(event->from, node_sm);
    hy_str_unref(node_sm);
    hy_takeover_t *t = is_node ? hy__part_find(&s->manager->takeovers, url) : NULL;
    if (t && t->syncher == s && t->hosted && hy_str_equal(t->epoch, epoch)) take(t);
}

/* --- waiting for it --------------------------------------------------------------------------- */

static void not_yet(hy_takeover_t *t, uint64_t late_ms) {
    hy__job_retry(&t->job);
    if (hy_clock_now(clock_of(t)) < late_ms) return;
    hy__takeover_drop(t, HY_ETIMEOUT, "the object was not handed over in time");
}

/* The giver has ended only once it was moved: then it is here, though the node has forgotten it. A
 * giver that does not answer is waited for longer, as its yes would be the last word on it. */
static void on_giver(void *takeover, int http, hy_msg_t *answer) {
    hy_takeover_t *t = takeover;
    if (http < 300 && hy_get_bool(hy_get_object(hy_msg_body(answer), "value"), "handed", false)) {
        hy__job_retry(&t->job); /* should it not be done now */
        take(t);
    } else {
        not_yet(t, t->until_ms + (http < 300 ? 0 : HY_HANDOVER_SILENT_MS));
    }
}

static void ask_giver(hy_takeover_t *t) {
    hy_str_t *giver = hy__handover_giver_sm(t->reporter->party.object);
    hy_value_t body = hy__guard_body("handed", t->url, t->epoch);
    hy__job_ask(&t->job, HY_MSG_EXECUTE, t->manager->sm, giver, body, on_giver);
}

static void on_holder(void *takeover, int http, hy_msg_t *answer) {
    hy_takeover_t *t = takeover;
    const hy_node_t *value = hy_get_object(hy_msg_body(answer), "value");
    const hy_str_t *holder = hy_get_str(value, "holder"), *epoch = hy_get_str(value, "epoch");
    bool is_here = holder && http < 300 && /* its runtime, once the session of then is gone */
                   (hy_str_equal(holder, t->hosted->reporter) ||
                    hy_address_is_under(holder, t->manager->runtime));
    if (is_here && epoch && hy_str_equal(epoch, t->epoch)) {
        hy__job_retry(&t->job); /* should it not be done now */
        take(t);
    } else if (epoch && hy_epoch_compare(epoch, t->epoch) >= 0) {
        hy__takeover_drop(t, HY_ECONFLICT, "the object went on elsewhere");
    } else if (http == 404) {
        ask_giver(t);
    } else if (http < 300 || http == 410) {
        not_yet(t, t->until_ms);
    } else {
        hy__job_retry(&t->job);
    }
}

static void run(void *takeover) {
    hy_takeover_t *t = takeover;
    hy_manager_t *m = t->manager;
    hy__job_ask(&t->job, HY_MSG_EXECUTE, m->sm, hy__domain_sm(m, t->url),
                hy__guard_body("holder", t->url, NULL), on_holder);
}

static void on_ask(void *takeover) {
    hy__job_want(&((hy_takeover_t *)takeover)->job);
}

/* --- making ----------------------------------------------------------------------------------- */

hy_takeover_t *hy__takeover_new(hy_syncher_t *s, hy_msg_t *offer) {
    const hy_node_t *params = hy__takeover_offer(offer);
    hy_str_t *url = hy_get_str(params, "resource");
    hy_takeover_t *t = hy_alloc_zero(sizeof *t);
    if (!t || hy__part_add(&s->manager->takeovers, url, t) < 0) {
        hy_free(t);
        return NULL;
    }
    *t = (hy_takeover_t){.manager = s->manager,
                         .syncher = s,
                         .url = hy_str_ref(url),
                         .epoch = hy_str_ref(hy_get_str(params, "epoch")),
                         .offer = hy_msg_ref(offer)};
    hy_timer_init(&t->ask, on_ask, t);
    hy__job_init(&t->job, s->manager, t->url, run, t);
    return t;
}
