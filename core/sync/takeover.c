/* Taking an object over, on the side of its new reporter (handover.h):
 *
 *      offered ─► the hyperty decides ─► read, if need be ─► made ─► stored, if it is ─► 200
 *                                                              │
 *      open ◄── the node says moved, or says so when asked ◄───┤
 *      dropped ◄── taken back, or it has come to nothing ◄─────┘
 *
 * What comes for the object comes after the node's word that it was moved, on the same way; so from
 * then on, and not before, it is listened to here. */
#include <stdio.h>

#include "../base/mem.h"
#include "call.h"
#include "handover.h"

typedef struct {
    hy_manager_t *manager;
    hy_syncher_t *syncher;
    hy_str_t *url, *epoch;
    hy_msg_t *offer;
    hy_decision_t *decision; /* referenced, while it is open */
    hy_msg_t *accepted;      /* the offer that is to be answered when all is here, and stored */
    hy_store_level_t level;
    hy_commit_t stored;
    hy_request_t *read;
    hy_collecting_t collecting;
    hy_timer_t beat;
    hy_reporter_t *reporter; /* both NULL until it was accepted */
    hy_hosted_t *hosted;
    hy_call_t **slot; /* who accepted it and waits; NULL: nobody */
    hy_timer_t ask;
    hy_job_t job; /* asks the node whose it is */
    uint64_t until_ms;
    bool is_accepted;
} takeover_t;

/* --- life ------------------------------------------------------------------------------------- */

static hy_clock_t *clock_of(const takeover_t *t) {
    return hy_bus_clock(t->manager->bus);
}

static const hy_node_t *offer_of(hy_msg_t *m) {
    const hy_node_t *params = hy_get_array(hy_msg_body(m), "params");
    hy_value_t first = params ? hy_node_at(params, 0) : hy_absent();
    return first.kind == HY_OBJECT ? first.as.n : NULL;
}

/* Out of the manager; what it has made is the caller's. */
static void detach(takeover_t *t) {
    hy__part_remove(&t->manager->takeovers, t->url);
    hy_timer_stop(clock_of(t), &t->ask);
    hy_timer_stop(clock_of(t), &t->beat);
    if (t->read) hy_request_cancel(t->read);
    hy__collecting_end(&t->collecting);
    hy__commit_cancel(&t->stored);
    hy__job_cancel(&t->job);
}

/* Who waits is called back, and may do anything. */
static void finish(takeover_t *t, int code, const char *desc, hy_party_t *party) {
    hy_call_t **slot = t->slot, *c = slot ? *slot : NULL;
    hy_str_unref(t->url);
    hy_str_unref(t->epoch);
    hy_msg_unref(t->offer);
    hy_msg_unref(t->accepted);
    hy_free(t);
    if (c) hy__call_end(c, code, desc, party, hy_absent());
    hy_free(slot);
}

static void drop(takeover_t *t, int code, const char *desc) {
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
    finish(t, code, desc, NULL);
}

void hy__takeovers_close(hy_syncher_t *s) {
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&s->manager->takeovers, &pos));) {
        takeover_t *t = e->part;
        if (t->syncher == s) drop(t, HY_ECLOSED, "the hyperty has stopped");
    }
}

/* --- it is here ------------------------------------------------------------------------------- */

static int tune_in(takeover_t *t) {
    hy_hosted_t *h = t->hosted;
    int rc = h->on_subscription ? 0
                                : hy_bus_listen(t->manager->bus, h->subscription,
                                                hy__hosted_on_subscription, h, &h->on_subscription);
    return rc < 0 ? rc : hy__reporter_open(t->reporter);
}

/* From now on it is the reporter after a restart, too. Where the object stays in this runtime, its
 * rows are there already, and change hands. */
static int keep(takeover_t *t, hy_str_t *giver) {
    hy_manager_t *m = t->manager;
    hy_reporter_t *r = t->reporter;
    if (t->level == HY_STORE_NONE || !m->store) return 0;
    if (r->ledger) {
        size_t mark = hy_store_mark(m->store);
        int done = hy__ledger_snapshot(r->ledger);
        if (done == 0) done = hy__party_keep(m, t->syncher->url, r->party.object, true, t->level);
        if (done < 0)
            hy__ledger_undo(r->ledger, mark);
        else
            hy__ledger_written(r->ledger);
        return done;
    }
    int rc = hy__reporter_store(r, t->level);
    if (rc == 0) r->ledger->lacks_guests = true;
    if (rc == 0 && giver) hy__party_forget(m, giver, t->url);
    return rc;
}

/* Until now, and in the rows, it was in the epoch of who gave it: so a copy can be made of them. */
static void begin_epoch(const takeover_t *t) {
    hy_object_t *o = t->reporter->party.object;
    if (!hy_str_equal(o->epoch, t->epoch)) hy_object_begin_epoch(o, t->epoch);
}

static void take(takeover_t *t) {
    hy_manager_t *m = t->manager;
    hy_hosted_t *before = hy__part_find(&m->hosted, t->url);
    if (before && before->delegation) hy__delegation_commit(before); /* from this very runtime */
    if (!hy__part_find(&m->takeovers, t->url)) return; /* ended by what that has told */
    int rc = hy__part_find(&m->hosted, t->url) ? HY_ECONFLICT : tune_in(t);
    if (rc == 0) begin_epoch(t);
    if (rc == 0) rc = keep(t, hy_get_str(offer_of(t->offer), "source"));
    if (rc == 0) rc = hy__part_add(&m->hosted, t->url, t->hosted);
    if (rc < 0) { /* no memory: the node is asked, and it is tried again */
        hy__job_want(&t->job);
        return;
    }
    hy_hosted_t *h = t->hosted;
    hy_reporter_t *r = t->reporter;
    hy__executed_take(m, t->url, hy_get_array(offer_of(t->offer), "executes"),
                      hy_clock_now(clock_of(t)) + HY_HANDOVER_WAIT_MS - t->until_ms);
    hy_log(hy_bus_log(m->bus), HY_LOG_INFO, "sync", "%s is reported by %s now", h->url->bytes,
           h->reporter->bytes);
    hy_list_append(&t->syncher->parties, &r->party.link);
    detach(t);
    hy__handover_settle(h, r);
    hy_party_ref(&r->party);
    finish(t, 0, "", &r->party);
    hy_party_unref(&r->party);
}

void hy__takeover_moved(hy_syncher_t *s, hy_msg_t *event) {
    const hy_node_t *moved = hy_get_object(hy_get_object(hy_msg_body(event), "value"), "moved");
    hy_str_t *url = hy_get_str(moved, "resource"), *epoch = hy_get_str(moved, "epoch");
    hy_str_t *node_sm = url && epoch ? hy__domain_sm(s->manager, url) : NULL;
    bool is_node = node_sm && hy_str_equal(event->from, node_sm);
    hy_str_unref(node_sm);
    takeover_t *t = is_node ? hy__part_find(&s->manager->takeovers, url) : NULL;
    if (t && t->syncher == s && t->hosted && hy_str_equal(t->epoch, epoch)) take(t);
}

/* --- waiting for it --------------------------------------------------------------------------- */

static void not_yet(takeover_t *t, uint64_t late_ms) {
    hy__job_retry(&t->job);
    if (hy_clock_now(clock_of(t)) < late_ms) return;
    drop(t, HY_ETIMEOUT, "the object was not handed over in time");
}

/* The giver has ended only once it was moved: then it is here, though the node has forgotten it. A
 * giver that does not answer is waited for longer, as its yes would be the last word on it. */
static void on_giver(void *takeover, int http, hy_msg_t *answer) {
    takeover_t *t = takeover;
    if (http < 300 && hy_get_bool(hy_get_object(hy_msg_body(answer), "value"), "handed", false)) {
        hy__job_retry(&t->job); /* should it not be done now */
        take(t);
    } else {
        not_yet(t, t->until_ms + (http < 300 ? 0 : HY_HANDOVER_SILENT_MS));
    }
}

static void ask_giver(takeover_t *t) {
    hy_str_t *giver = hy__handover_giver_sm(t->reporter->party.object);
    hy_value_t body = hy__guard_body("handed", t->url, t->epoch);
    hy__job_ask(&t->job, HY_MSG_EXECUTE, t->manager->sm, giver, body, on_giver);
}

static void on_holder(void *takeover, int http, hy_msg_t *answer) {
    takeover_t *t = takeover;
    const hy_node_t *value = hy_get_object(hy_msg_body(answer), "value");
    const hy_str_t *holder = hy_get_str(value, "holder"), *epoch = hy_get_str(value, "epoch");
    bool is_here = holder && http < 300 && /* its runtime, once the session of then is gone */
                   (hy_str_equal(holder, t->hosted->reporter) ||
                    hy_address_is_under(holder, t->manager->runtime));
    if (is_here && epoch && hy_str_equal(epoch, t->epoch)) {
        hy__job_retry(&t->job); /* should it not be done now */
        take(t);
    } else if (epoch && hy_epoch_compare(epoch, t->epoch) >= 0) {
        drop(t, HY_ECONFLICT, "the object went on elsewhere");
    } else if (http == 404) {
        ask_giver(t);
    } else if (http < 300 || http == 410) {
        not_yet(t, t->until_ms);
    } else {
        hy__job_retry(&t->job);
    }
}

static void run(void *takeover) {
    takeover_t *t = takeover;
    hy_manager_t *m = t->manager;
    hy__job_ask(&t->job, HY_MSG_EXECUTE, m->sm, hy__domain_sm(m, t->url),
                hy__guard_body("holder", t->url, NULL), on_holder);
}

static void on_ask(void *takeover) {
    hy__job_want(&((takeover_t *)takeover)->job);
}

/* --- deciding --------------------------------------------------------------------------------- */

/* Beside what a copy has of it here, which has to give way; where it is reported here, it is stored
 * already. */
static int store(takeover_t *t) {
    hy_manager_t *m = t->manager;
    hy_ledger_t *l;
    if (t->level == HY_STORE_NONE || hy__part_find(&m->hosted, t->url)) return 0;
    if (!m->store) return HY_ECLOSED;
    int rc = hy__ledger_new(m, t->reporter->party.object, t->level, true, &l);
    if (rc < 0) return rc;
    size_t mark = hy_store_mark(m->store);
    rc = hy__ledger_begin(l);
    if (rc == 0) rc = hy__hosted_write_guests(t->hosted, l);
    if (rc == 0) rc = hy__executed_store(l, hy_get_array(offer_of(t->offer), "executes"));
    if (rc == 0) rc = hy__handing_note_offer(t->syncher, l->object, t->level, offer_of(t->offer));
    if (rc < 0) {
        hy_store_undo(m->store, mark);
        hy__ledger_free(l);
        return rc;
    }
    hy_store_sync(m->store); /* its epoch is not to be forgotten */
    hy__ledger_written(l);
    hy__copy_lend(m, t->url);
    t->reporter->ledger = l;
    return 0;
}

/* `whole`: as it was read; NULL: it is in the offer, or in the parts. */
static int prepare(takeover_t *t, const hy_node_t *whole, hy_error_t *err) {
    if (t->hosted) return 0;
    int rc = hy__handover_read(t->syncher, offer_of(t->offer), whole, t->collecting.parts,
                               &t->reporter, &t->hosted, err);
    if (rc == 0) rc = store(t);
    if (rc == 0) rc = hy_timer_start(clock_of(t), &t->ask, HY_HANDOVER_ASK_MS);
    t->until_ms = hy_clock_now(clock_of(t)) + HY_HANDOVER_WAIT_MS;
    return rc;
}

static void fail(takeover_t *t, int code, const hy_error_t *err) {
    char text[HY_ERROR_TEXT_BYTES];
    snprintf(text, sizeof text, "%s", err->text[0] ? err->text : hy_error_text(code));
    drop(t, code, text);
}

static void on_stored(void *takeover) {
    takeover_t *t = takeover;
    hy_timer_stop(clock_of(t), &t->beat);
    hy_bus_respond(t->manager->bus, t->accepted, 200, NULL, hy_absent());
    hy_msg_unref(t->accepted);
    t->accepted = NULL;
}

/* Answers yes, when all of it is committed. */
static int answer_stored(takeover_t *t) {
    const hy_ledger_t *l = t->reporter->ledger;
    if (l) return hy__commit_wait(t->manager, &t->stored, l->ticket);
    on_stored(t);
    return 0;
}

static void take_read(takeover_t *t, const hy_node_t *whole) {
    hy_error_t err = {.text = ""};
    int rc = prepare(t, whole, &err);
    hy__collecting_end(&t->collecting);
    if (rc == 0) rc = answer_stored(t);
    if (rc < 0) fail(t, rc, &err);
}

static int read_object(takeover_t *t);

/* In one part or several; what is missing is asked for again, as long as that leads on. */
static void on_read(void *takeover, hy_msg_t *answer, int code) {
    takeover_t *t = takeover;
    hy_error_t err = {.text = ""};
    const hy_node_t *body = hy_msg_body(answer);
    int got = code < 300 ? hy__collect(&t->collecting, t->url, body, &err) : HY_COLLECT_NONE;
    if (code < 200 && got != HY_COLLECT_ALL) return;
    if (code < 200) hy_request_cancel(t->read);
    t->read = NULL;
    if (got == HY_COLLECT_ALL || (got == HY_COLLECT_NONE && code < 300)) {
        take_read(t, got == HY_COLLECT_ALL ? NULL : hy_get_object(body, "value"));
        return;
    }
    bool leads_on = got != HY_ETOO_LARGE && hy__collecting_leads_on(&t->collecting);
    int rc = leads_on ? read_object(t) : HY_EUNREACHABLE;
    if (rc < 0) {
        if (!err.text[0]) hy_fail(&err, rc, "the object did not arrive whole");
        fail(t, rc, &err);
    }
}

static int read_object(takeover_t *t) {
    return hy__manager_request(t->manager, HY_MSG_READ, t->syncher->url, t->url,
                               hy__collecting_body(&t->collecting), on_read, t, NULL, &t->read);
}

static void on_beat(void *takeover) {
    takeover_t *t = takeover;
    hy_bus_respond(t->manager->bus, t->accepted, 100, NULL, hy_absent());
    hy_timer_start(clock_of(t), &t->beat, HY_DECISION_BEAT_MS);
}

static int go_on(takeover_t *t, hy_msg_t *request, hy_error_t *err) {
    bool is_without = hy__handover_is_without(offer_of(t->offer));
    t->level = hy__level_read(hy_get(offer_of(t->offer), "store"));
    bool is_lasting = hy_get_bool(offer_of(t->offer), "lasting", false);
    if (t->level != HY_STORE_NONE && is_lasting && !t->manager->is_lasting)
        return hy_fail(err, HY_EFORBIDDEN,
                       "the object is stored, and this runtime has no store (--store)");
    int rc = hy_timer_start(clock_of(t), &t->beat, HY_DECISION_BEAT_MS);
    if (rc == 0) rc = is_without ? read_object(t) : prepare(t, NULL, err);
    if (rc < 0) return rc;
    t->accepted = hy_msg_ref(request);
    if (!is_without) rc = answer_stored(t);
    t->is_accepted = rc == 0;
    if (rc < 0) {
        hy_msg_unref(t->accepted);
        t->accepted = NULL;
    }
    return rc;
}

static void decided(void *takeover, hy_decision_t *d, int code, const char *reason) {
    takeover_t *t = takeover;
    hy_error_t err = {.text = ""};
    t->decision = NULL;
    if (code == 0 && !t->is_accepted) code = go_on(t, d->request, &err);
    if (code < 0) {
        if (!reason) reason = err.text[0] ? err.text : hy_error_text(code);
        hy_bus_respond(t->manager->bus, d->request, hy_error_http(code), reason, hy_absent());
        drop(t, code, reason);
    }
    hy_decision_unref(d);
}

int hy_decision_take_over(hy_decision_t *d, hy_party_cb done, void *arg, hy_error_t *err) {
    if (!d->is_open) return hy_fail(err, HY_ECONFLICT, "this is decided already");
    takeover_t *t = d->arg;
    hy_error_t why = {.text = ""};
    hy_call_t *c = hy__call_new(t->syncher, arg);
    hy_call_t **slot = c ? hy_alloc(sizeof(hy_call_t *)) : NULL;
    int rc = slot ? go_on(t, d->request, &why) : HY_ENOMEM; /* to fail here, if it does */
    if (rc < 0) {
        if (c) hy__call_free(c);
        hy_free(slot);
        hy_decision_reject(d, rc, why.text[0] ? why.text : NULL);
        return hy_fail(err, rc, "%s", why.text[0] ? why.text : hy_error_text(rc));
    }
    *slot = c;
    c->slot = slot;
    c->on_party = done;
    t->slot = slot;
    return hy_decision_accept(d, hy_absent());
}

/* --- what is asked ---------------------------------------------------------------------------- */

static void ask_hyperty(takeover_t *t, hy_msg_t *m, const hy_node_t *offer) {
    hy_decision_t *d =
        hy__decision_new(t->syncher, NULL, HY_DECIDE_DELEGATE, m, hy_get_str(offer, "source"));
    if (!d) {
        hy_bus_respond(t->manager->bus, m, 503, "out of memory", hy_absent());
        drop(t, HY_ENOMEM, "out of memory");
        return;
    }
    d->url = hy_str_ref(t->url);
    d->value = hy_get_object(offer, "object");
    d->decided = decided;
    d->arg = t;
    t->decision = hy_decision_ref(d);
    hy__decision_ask(d);
}

/* The same offer once more, as its answer was lost. */
static void offer_again(takeover_t *t, hy_msg_t *m) {
    if (t->accepted) {
        hy_msg_unref(t->accepted);
        t->accepted = hy_msg_ref(m);
        return;
    }
    if (!t->decision) {
        hy_bus_respond(t->manager->bus, m, 200, NULL, hy_absent());
        return;
    }
    hy_msg_unref(t->decision->request);
    t->decision->request = hy_msg_ref(m);
    t->decision->value = hy_get_object(offer_of(m), "object");
}

static void on_offer(hy_manager_t *m, hy_msg_t *request) {
    const hy_node_t *offer = offer_of(request);
    const char *why = hy__handover_refusal(m, request, offer);
    if (why) {
        hy_bus_respond(m->bus, request, 400, why, hy_absent());
        return;
    }
    hy_str_t *url = hy_get_str(offer, "resource"), *epoch = hy_get_str(offer, "epoch");
    hy_syncher_t *s = hy__manager_find_syncher(m, hy_get_str(offer, "hyperty"));
    takeover_t *t = hy__part_find(&m->takeovers, url);
    if (!s) {
        hy_bus_respond(m->bus, request, 404, "there is no such hyperty in this runtime",
                       hy_absent());
        return;
    }
    if (t && t->syncher == s && hy_str_equal(t->epoch, epoch)) {
        offer_again(t, request);
        return;
    }
    if (t) drop(t, HY_ECONFLICT, "another offer has come");
    t = hy_alloc_zero(sizeof *t);
    if (!t || hy__part_add(&m->takeovers, url, t) < 0) {
        hy_free(t);
        hy_bus_respond(m->bus, request, 503, "out of memory", hy_absent());
        return;
    }
    *t = (takeover_t){.manager = m,
                      .syncher = s,
                      .url = hy_str_ref(url),
                      .epoch = hy_str_ref(epoch),
                      .offer = hy_msg_ref(request)};
    hy_timer_init(&t->ask, on_ask, t);
    hy_timer_init(&t->beat, on_beat, t);
    hy__commit_init(&t->stored, on_stored, t);
    hy__job_init(&t->job, m, t->url, run, t);
    ask_hyperty(t, request, offer);
}

/* Who offered it asks whether it is here: params [object, epoch, it was moved]. If it is not, it
 * will not be, not with that epoch; unless it was moved, and has to be made out yet. */
static void on_delegated(hy_manager_t *m, hy_msg_t *request) {
    hy_str_t *url, *epoch;
    if (!hy__handed_params(m, request, &url, &epoch)) return;
    const hy_hosted_t *h = hy__part_find(&m->hosted, url);
    bool is_here = h && !h->delegation && hy_epoch_compare(h->epoch, epoch) >= 0;
    hy_value_t moved = hy_node_at(hy_get_array(hy_msg_body(request), "params"), 2);
    bool is_moved = moved.kind == HY_BOOL && moved.as.b;
    takeover_t *t = hy__part_find(&m->takeovers, url);
    bool is_his = t && hy_str_equal(t->epoch, epoch) && hy__handover_is_givers(t->offer, request);
    if (is_his && is_moved) {
        if (t->hosted && !t->job.request) hy__job_want(&t->job);
        hy_bus_respond(m->bus, request, 503, "it is being found out", hy_absent());
        return;
    }
    if (is_his) drop(t, HY_ECONFLICT, "the object was not handed over");
    if (!h) { /* unless the store tells otherwise, it is not */
        hy__handing_query(m, request, url, epoch, is_moved);
        return;
    }
    const hy_reporter_t *r = is_here ? hy__hosted_reporter(h) : NULL; /* once that is committed */
    hy__ledger_respond(r ? r->ledger : NULL, m, request, 200, NULL,
                       hy__body1("taken", hy_bool(is_here)));
}

void hy__takeover_asked(hy_manager_t *m, hy_msg_t *request) {
    const hy_str_t *method = hy_get_str(hy_msg_body(request), "method");
    if (hy_str_is(method, "delegate")) {
        on_offer(m, request);
    } else if (hy_str_is(method, "delegated")) {
        on_delegated(m, request);
    } else if (hy_str_is(method, "handed")) {
        hy__handed_asked(m, request);
    } else {
        hy_bus_respond(m->bus, request, 400,
                       "the sync manager knows create, subscribe, unsubscribe and delete",
                       hy_absent());
    }
}
