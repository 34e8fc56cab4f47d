/* What is offered to a hyperty of this runtime: an object to report (handover.h). It decides, the
 * object is read if it was not in the offer, made, and stored if it is; then the answer is yes, and
 * takeover.c waits for the node's word. Who offered it asks here, too, whether it has come. */
#include <stdio.h>

#include "../base/mem.h"
#include "takeover.h"

static hy_clock_t *clock_of(const hy_takeover_t *t) {
    return hy_bus_clock(t->manager->bus);
}

/* --- deciding --------------------------------------------------------------------------------- */

/* Beside what a copy has of it here, which has to give way; where it is reported here, it is stored
 * already. */
static int store(hy_takeover_t *t) {
    hy_manager_t *m = t->manager;
    hy_ledger_t *l;
    if (t->level == HY_STORE_NONE || hy__part_find(&m->hosted, t->url)) return 0;
    if (!m->store) return HY_ECLOSED;
    int rc = hy__ledger_new(m, t->reporter->party.object, t->level, true, &l);
    if (rc < 0) return rc;
    size_t mark = hy_store_mark(m->store);
    rc = hy__ledger_begin(l);
    if (rc == 0) rc = hy__hosted_write_guests(t->hosted, l);
    if (rc == 0) rc = hy__executed_store(l, hy_get_array(hy__takeover_offer(t->offer), "executes"));
    if (rc == 0)
        rc = hy__handing_note_offer(t->syncher, l->object, t->level, hy__takeover_offer(t->offer));
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
static int prepare(hy_takeover_t *t, const hy_node_t *whole, hy_error_t *err) {
    if (t->hosted) return 0;
    int rc = hy__handover_read(t->syncher, hy__takeover_offer(t->offer), whole, t->collecting.parts,
                               &t->reporter, &t->hosted, err);
    if (rc == 0) rc = store(t);
    if (rc == 0) rc = hy_timer_start(clock_of(t), &t->ask, HY_HANDOVER_ASK_MS);
    t->until_ms = hy_clock_now(clock_of(t)) + HY_HANDOVER_WAIT_MS;
    return rc;
}

static void fail(hy_takeover_t *t, int code, const hy_error_t *err) {
    char text[HY_ERROR_TEXT_BYTES];
    snprintf(text, sizeof text, "%s", err->text[0] ? err->text : hy_error_text(code));
    hy__takeover_drop(t, code, text);
}

static void on_stored(void *takeover) {
    hy_takeover_t *t = takeover;
    hy_timer_stop(clock_of(t), &t->beat);
    hy_bus_respond(t->manager->bus, t->accepted, 200, NULL, hy_absent());
    hy_msg_unref(t->accepted);
    t->accepted = NULL;
}

/* Answers yes, when all of it is committed. */
static int answer_stored(hy_takeover_t *t) {
    const hy_ledger_t *l = t->reporter->ledger;
    if (l) return hy__commit_wait(t->manager, &t->stored, l->ticket);
    on_stored(t);
    return 0;
}

static void take_read(hy_takeover_t *t, const hy_node_t *whole) {
    hy_error_t err = {.text = ""};
    int rc = prepare(t, whole, &err);
    hy__collecting_end(&t->collecting);
    if (rc == 0) rc = answer_stored(t);
    if (rc < 0) fail(t, rc, &err);
}

static int read_object(hy_takeover_t *t);

/* In one part or several; what is missing is asked for again, as long as that leads on. */
static void on_read(void *takeover, hy_msg_t *answer, int code) {
    hy_takeover_t *t = takeover;
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

static int read_object(hy_takeover_t *t) {
    return hy__manager_request(t->manager, HY_MSG_READ, t->syncher->url, t->url,
                               hy__collecting_body(&t->collecting), on_read, t, NULL, &t->read);
}

static void on_beat(void *takeover) {
    hy_takeover_t *t = takeover;
    hy_bus_respond(t->manager->bus, t->accepted, 100, NULL, hy_absent());
    hy_timer_start(clock_of(t), &t->beat, HY_DECISION_BEAT_MS);
}

static int go_on(hy_takeover_t *t, hy_msg_t *request, hy_error_t *err) {
    bool is_without = hy__handover_is_without(hy__takeover_offer(t->offer));
    t->level = hy__level_read(hy_get(hy__takeover_offer(t->offer), "store"));
    bool is_lasting = hy_get_bool(hy__takeover_offer(t->offer), "lasting", false);
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
    hy_takeover_t *t = takeover;
    hy_error_t err = {.text = ""};
    t->decision = NULL;
    if (code == 0 && !t->is_accepted) code = go_on(t, d->request, &err);
    if (code < 0) {
        if (!reason) reason = err.text[0] ? err.text : hy_error_text(code);
        hy_bus_respond(t->manager->bus, d->request, hy_error_http(code), reason, hy_absent());
        hy__takeover_drop(t, code, reason);
    }
    hy_decision_unref(d);
}

int hy_decision_take_over(hy_decision_t *d, hy_party_cb done, void *arg, hy_error_t *err) {
    if (!d->is_open) return hy_fail(err, HY_ECONFLICT, "this is decided already");
    hy_takeover_t *t = d->arg;
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

static void ask_hyperty(hy_takeover_t *t, hy_msg_t *m, const hy_node_t *offer) {
    hy_asker_t who = {.url = hy_get_str(offer, "source")};
    hy_decision_t *d = hy__decision_new(t->syncher, NULL, HY_DECIDE_DELEGATE, m, &who);
    if (!d) {
        hy_bus_respond(t->manager->bus, m, 503, "out of memory", hy_absent());
        hy__takeover_drop(t, HY_ENOMEM, "out of memory");
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
static void offer_again(hy_takeover_t *t, hy_msg_t *m) {
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
    t->decision->value = hy_get_object(hy__takeover_offer(m), "object");
}

static void on_offer(hy_manager_t *m, hy_msg_t *request) {
    const hy_node_t *offer = hy__takeover_offer(request);
    const char *why = hy__handover_refusal(m, request, offer);
    if (why) {
        hy_bus_respond(m->bus, request, 400, why, hy_absent());
        return;
    }
    hy_str_t *url = hy_get_str(offer, "resource"), *epoch = hy_get_str(offer, "epoch");
    hy_syncher_t *s = hy__manager_find_syncher(m, hy_get_str(offer, "hyperty"));
    hy_takeover_t *t = hy__part_find(&m->takeovers, url);
    if (!s) {
        hy_bus_respond(m->bus, request, 404, "there is no such hyperty in this runtime",
                       hy_absent());
        return;
    }
    if (t && t->syncher == s && hy_str_equal(t->epoch, epoch)) {
        offer_again(t, request);
        return;
    }
    if (hy__part_find(&m->creating, url)) { /* it is being resumed: whose it is has to turn out */
        hy_bus_respond(m->bus, request, 503, "it is being resumed there", hy_absent());
        return;
    }
    if (t) hy__takeover_drop(t, HY_ECONFLICT, "another offer has come");
    t = hy__takeover_new(s, request);
    if (!t) {
        hy_bus_respond(m->bus, request, 503, "out of memory", hy_absent());
        return;
    }
    hy_timer_init(&t->beat, on_beat, t);
    hy__commit_init(&t->stored, on_stored, t);
    ask_hyperty(t, request, offer);
}

/* Who offered it asks whether it is here: params [object, epoch, it was moved]. If it is not, it
 * will not be, not with that epoch; unless it was moved, and has to be made out yet. In the end it
 * says that it has forgotten the object: params [object, epoch, true, true]. */
static void on_delegated(hy_manager_t *m, hy_msg_t *request) {
    hy_str_t *url, *epoch;
    if (!hy__handed_params(m, request, &url, &epoch)) return;
    const hy_hosted_t *h = hy__part_find(&m->hosted, url);
    bool is_here = h && hy_epoch_compare(h->epoch, epoch) >= 0; /* though it may be handed on */
    hy_value_t moved = hy_node_at(hy_get_array(hy_msg_body(request), "params"), 2);
    bool is_moved = moved.kind == HY_BOOL && moved.as.b;
    hy_value_t forgotten = hy_node_at(hy_get_array(hy_msg_body(request), "params"), 3);
    if (forgotten.kind == HY_BOOL && forgotten.as.b) {
        hy__taken_drop(m, url, epoch);
        hy_bus_respond(m->bus, request, 200, NULL, hy_absent());
        return;
    }
    hy_takeover_t *t = hy__part_find(&m->takeovers, url);
    bool is_his = t && hy_str_equal(t->epoch, epoch) && hy__handover_is_givers(t->offer, request);
    if (is_his && is_moved) {
        if (t->hosted && !t->job.request) hy__job_want(&t->job);
        hy_bus_respond(m->bus, request, 503, "it is being found out", hy_absent());
        return;
    }
    if (is_his) hy__takeover_drop(t, HY_ECONFLICT, "the object was not handed over");
    if (!h && hy__handed_on(m, url, epoch)) {
        hy_bus_respond(m->bus, request, 200, NULL, hy__body1("taken", hy_bool(true)));
        return;
    }
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
