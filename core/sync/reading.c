/* What others ask of a reporter: reads and executes (PROTOCOL.md section 5: Read, Execute). Those
 * who take part are answered at once, others when the hyperty has decided. */
#include "../base/mem.h"
#include "answering.h"
#include "handover.h"

static void answer_read(hy_reporter_t *r, hy_msg_t *request) {
    hy_bus_t *bus = r->party.syncher->manager->bus;
    hy_answer_t answer;
    int rc = hy__answer_make(r, hy_msg_body(request), &answer);
    if (rc < 0) {
        hy_bus_respond(bus, request, hy_error_http(rc), hy_error_text(rc), hy_absent());
        return;
    }
    hy__answer_send(r, request, request->from, &answer);
}

static void read_decided(void *arg, hy_decision_t *d, int code, const char *reason) {
    hy_manager_t *m = arg;
    if (code == 0 && d->party && d->party->is_open) {
        answer_read((hy_reporter_t *)d->party, d->request);
        return;
    }
    int http = code < 0 && code != HY_EFORBIDDEN ? hy_error_http(code) : 401;
    hy_bus_respond(m->bus, d->request, http, reason ? reason : "reading was not accepted",
                   hy_absent());
}

static bool is_participant(const hy_reporter_t *r, const hy_str_t *hyperty) {
    if (hy_str_equal(hyperty, r->party.syncher->url)) return true;
    if (r->heir && hy_str_equal(hyperty, r->heir)) return true;
    const hy_hosted_t *h = hy__reporter_hosted(r);
    return h && hy__hosted_has_observer(h, hyperty);
}

static void decide(hy_reporter_t *r, hy_decision_kind_t kind, hy_msg_t *request) {
    hy_syncher_t *s = r->party.syncher;
    hy_asker_t who = hy__hosted_asker(hy__reporter_hosted(r), request);
    hy_decision_t *d = hy__decision_new(s, &r->party, kind, request, &who);
    if (!d) {
        hy_bus_respond(s->manager->bus, request, 503, "out of memory", hy_absent());
        return;
    }
    if (kind == HY_DECIDE_READ) {
        d->decided = read_decided;
        d->arg = s->manager;
    } else {
        hy__decision_take_call(d, hy_msg_body(request));
    }
    hy__decision_ask(d);
}

/* An observer that goes on from its position, as it was not there when it was struck off. Should
 * the object be handed over to it: what it needs for that it reads as a whole. */
static bool is_struck_off(const hy_reporter_t *r, hy_msg_t *m) {
    const hy_hosted_t *h = hy__reporter_hosted(r);
    return h && hy_get_object(hy_msg_body(m), "since") && hy__hosted_has_evicted(h, m->from);
}

static void on_read(hy_reporter_t *r, hy_msg_t *m) {
    hy_bus_t *bus = r->party.syncher->manager->bus;
    hy_hosted_t *h = hy__reporter_hosted(r);
    hy_judgement_t j = {.ruling = HY_RULING_NONE};
    hy_error_t err;
    if (is_struck_off(r, m)) {
        hy_bus_respond(bus, m, 401, "evicted", hy_absent());
        return;
    }
    if (is_participant(r, m->from)) {
        j.ruling = HY_RULING_ALLOW;
    } else if (h) {
        hy_asker_t who = hy__hosted_asker(h, m);
        j = hy__judge(h, HY_ACTION_READ, &who, &err);
    }
    if (j.ruling == HY_RULING_ALLOW) {
        answer_read(r, m);
    } else if (j.ruling == HY_RULING_DENY) {
        hy_bus_respond(bus, m, 401, err.text, hy_absent());
    } else {
        decide(r, HY_DECIDE_READ, m);
    }
}

/* Of who takes part. */
static bool is_denied(const hy_reporter_t *r, hy_msg_t *m, hy_error_t *err) {
    hy_hosted_t *h = hy__reporter_hosted(r);
    if (!h || hy_str_equal(m->from, r->party.syncher->url)) return false;
    hy_asker_t who = hy__hosted_asker(h, m);
    return hy__judge_denies_call(h, &who, hy_get_str(hy_msg_body(m), "method"), err);
}

void hy__reporter_on_object(void *arg, hy_msg_t *m) {
    hy_reporter_t *r = arg;
    hy_bus_t *bus = r->party.syncher->manager->bus;
    hy_error_t err;
    if (hy__telling_gate(&r->party, HY_ASKED_OBJECT, m)) return;
    if (hy__reporter_returns(r) && (m->type == HY_MSG_READ || m->type == HY_MSG_EXECUTE)) {
        hy__reporter_put_off(r->party.syncher->manager, m);
    } else if (m->type == HY_MSG_READ) {
        on_read(r, m);
    } else if (m->type == HY_MSG_EXECUTE) {
        if (!hy_get_str(hy_msg_body(m), "method")) {
            hy_bus_respond(bus, m, 400, "execute needs \"method\"", hy_absent());
        } else if (!is_participant(r, m->from)) {
            hy_bus_respond(bus, m, 403, "only observers of the object may execute", hy_absent());
        } else if (is_denied(r, m, &err)) {
            hy_bus_respond(bus, m, 403, err.text, hy_absent());
        } else if (hy__ledger_check(r->ledger, &err) < 0) {
            hy_bus_respond(bus, m, 503, err.text, hy_absent());
        } else if (!hy__delegation_defers(hy__reporter_hosted(r), m)) {
            decide(r, HY_DECIDE_EXECUTE, m);
        }
    } else if (m->type != HY_MSG_RESPONSE) {
        hy_bus_respond(bus, m, 400, "an object takes read and execute", hy_absent());
    }
}
