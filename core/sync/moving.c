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
 * The node moves it only to the session that the heir had before the offer: one that was killed
 * since and is back remembers nothing of what it has accepted.
 *
 * All the while nothing is written here. A move that was sent and not answered may still be done or
 * not; so what comes after it is a new epoch, which the node knows before anything is written. */
#include "../base/mem.h"
#include "delegation.h"

static void look(hy_delegation_t *d);
static void offer(hy_delegation_t *d);
static void move(hy_delegation_t *d);
static void ask_node(hy_delegation_t *d);
static void ask_heir(hy_delegation_t *d);

/* --- noting (handing.c) ----------------------------------------------------------------------- */

static int note(hy_delegation_t *d) {
    hy_hosted_t *h = d->hosted;
    hy_reporter_t *r = hy__hosted_reporter(h);
    hy_handing_t handing = {.peer = d->heir, .sm = d->sm, .epoch = d->epoch};
    int rc = hy__party_hand(h->manager, h->reporter, r->party.object, r->ledger->level, &handing);
    if (rc < 0) return rc;
    d->is_noted = true;
    hy_store_sync(h->manager->store); /* nor may a loss of power make it forget that */
    hy__ledger_written(r->ledger);
    return hy__commit_wait(h->manager, &d->stored, r->ledger->ticket);
}

static void on_noted(void *delegation) {
    hy__job_want(&((hy_delegation_t *)delegation)->job);
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
    hy__commit_cancel(&d->stored); /* after a lost connection it is offered and noted anew */
    hy__job_end(&d->job);          /* a session that is found again must not begin anew meanwhile */
    hy__commit_init(&d->stored, on_noted, d);
    int rc = note(d);
    if (rc < 0) {
        hy__delegation_take_back(d);
        hy__delegation_stay(d, rc,
                            "%s cannot be handed over: what is stored of it cannot be written (%s)",
                            d->hosted->url->bytes, hy_error_text(rc));
    }
}

/* --- the other one ---------------------------------------------------------------------------- */

static void take_found(hy_delegation_t *d, const hy_node_t *entry) {
    hy_str_t *runtime = hy_get_str(entry, "runtime");
    const char *heir = d->heir->bytes, *url = d->hosted->url->bytes;
    if (hy_str_is(hy_get_str(entry, "status"), "disconnected")) {
        hy__delegation_stay(d, HY_EUNREACHABLE,
                            "%s does not answer (it is not connected); %s stays here", heir, url);
    } else if (!runtime) {
        hy__delegation_stay(d, HY_ENOT_FOUND, "there is no hyperty at %s; %s stays here", heir,
                            url);
    } else if (!(d->sm = hy__url_below(runtime, "/sm"))) {
        hy__delegation_stay(d, HY_ENOMEM, "out of memory");
    } else {
        look(d);
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
        hy__delegation_stay(d, HY_ENOT_FOUND, "there is no hyperty at %s; %s stays here", heir,
                            url);
    } else {
        hy__delegation_stay(d, hy_error_from_http(http),
                            "it cannot be found out where %s is (%s); %s stays here", heir,
                            hy_msg_desc(answer), url);
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

/* Where the node does not tell it moves the object to whatever session the heir has then: one of
 * another domain, say, may have none there before it is asked. */
static void on_looked(void *delegation, int http, hy_msg_t *answer) {
    hy_delegation_t *d = delegation;
    if (hy__is_passing(http)) {
        hy__job_retry(&d->job);
        return;
    }
    hy_value_t session = hy_get(hy_get_object(hy_msg_body(answer), "value"), "session");
    if (http < 300 && session.kind == HY_INT) d->session = session;
    offer(d);
}

/* Whose that is, object or hyperty. */
static void ask_holder(hy_delegation_t *d, hy_str_t *of,
                       void (*then)(void *arg, int http, hy_msg_t *answer)) {
    const hy_hosted_t *h = d->hosted;
    hy_manager_t *m = h->manager;
    hy__job_ask(&d->job, HY_MSG_EXECUTE, m->sm, hy__domain_sm(m, h->url),
                hy__guard_body("holder", of, NULL), then);
}

static void look(hy_delegation_t *d) {
    d->stage = LOOKING;
    ask_holder(d, d->heir, on_looked);
}

static void on_offered(void *delegation, int http, hy_msg_t *answer) {
    hy_delegation_t *d = delegation;
    const char *heir = d->heir->bytes, *url = d->hosted->url->bytes;
    const char *why = hy_msg_desc(answer);
    if (http < 300) {
        note_and_move(d);
        return;
    }
    hy__delegation_take_back(d); /* it may have accepted, and its answer was lost */
    if (http == 404 || hy__is_passing(http)) {
        hy__delegation_stay(d, hy_error_from_http(http), "%s does not answer (%s); %s stays here",
                            heir, why, url);
    } else {
        hy__delegation_stay(d, hy_error_from_http(http), "%s does not take over %s: %s", heir, url,
                            why);
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
        hy__delegation_stay(d, rc, "%s", err.text[0] ? err.text : hy_error_text(rc));
        return;
    }
    hy__job_ask(&d->job, HY_MSG_EXECUTE, h->subscription, hy_str_ref(d->sm), body, on_offered);
}

/* --- the node --------------------------------------------------------------------------------- */

/* The node has moved it. A heir in this runtime has it from now on, unless it has gone since it
 * accepted. */
static void moved(hy_delegation_t *d) {
    hy_hosted_t *h = d->hosted;
    if (!hy_str_equal(d->sm, h->manager->sm)) {
        hy__delegation_commit(h);
    } else if (!hy__takeover_take(h->manager, h->url, d->epoch)) {
        hy__delegation_go_back(d);
    }
}

/* The node has said no for good; what cannot be read, or was made up on the way, says nothing. */
static bool is_no(int http) {
    return http >= 400 && http < 500 && http != 403 && !hy__is_passing(http);
}

static void on_moved(void *delegation, int http, hy_msg_t *answer) {
    hy_delegation_t *d = delegation;
    const char *heir = d->heir->bytes, *url = d->hosted->url->bytes;
    if (http < 300) {
        moved(d);
    } else if (http == 503) {
        hy__job_retry(&d->job); /* the heir is not connected just now */
    } else if (!is_no(http)) {
        ask_node(d);
    } else {
        hy__delegation_take_back(d);
        hy__delegation_stay(d, hy_error_from_http(http),
                            "the node does not move %s to %s: %s; it stays here", url, heir,
                            hy_msg_desc(answer));
    }
}

static void move(hy_delegation_t *d) {
    hy_hosted_t *h = d->hosted;
    hy_manager_t *m = h->manager;
    hy_value_t body = hy__guard_body("move", h->url, d->heir);
    hy_node_t *params = body.kind == HY_OBJECT ? hy_get_array(body.as.n, "params") : NULL;
    int rc = params ? hy_node_insert(params, 2, hy__string_ref(d->epoch)) : HY_ENOMEM;
    if (rc == 0 && d->session.kind == HY_INT) rc = hy_node_insert(params, 3, d->session);
    if (rc < 0) {
        hy_value_drop(body);
        hy__delegation_stay(d, HY_ENOMEM, "out of memory");
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
        moved(d); /* the heir is in this runtime */
    } else if (d->is_late) {
        hy__delegation_go_back(d);
    } else {
        move(d);
    }
}

static void ask_node(hy_delegation_t *d) {
    d->stage = ASKING_NODE;
    ask_holder(d, d->hosted->url, on_holder);
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
        hy__delegation_go_back(d);
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

void hy__delegation_run(void *delegation) {
    hy_delegation_t *d = delegation;
    if (d->was_sent) {
        ask_node(d);
    } else if (hy__job_is_wanted(&d->hosted->job)) {
        hy__job_retry(&d->job); /* until it is held again */
    } else if (d->is_noted) {
        move(d);
    } else if (d->stage == LOOKING) {
        look(d);
    } else if (d->sm) {
        offer(d);
    } else {
        find(d);
    }
}
