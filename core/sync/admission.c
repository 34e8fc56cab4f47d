/* Admission: what comes to <Object>/subscription of an object that is reported here (PROTOCOL.md
 * section 5: subscribe, unsubscribe; section 8: those who are gone).
 *
 *      subscribe:   observing already, listed, allowed, public ─────► admit, snapshot, 200
 *                   denied by policy ───────────────────────────────► 403
 *                   else: forward to the reporter, which decides ───► the same, or 403
 *      unsubscribe: by the observer ─────────────────────────────────► struck off
 *                   by the node, as its session has ended ──► doubt ─► marked as gone
 */
#include "../base/mem.h"
#include "../base/mutant.h"
#include "answering.h"
#include "handover.h"

/* --- subscribe -------------------------------------------------------------------------------- */

/* A subscription that waits for the reporter's decision. The hosted object is found again by URL:
 * it may be gone by then. */
typedef struct {
    hy_link_t link; /* in the hosted object */
    hy_manager_t *manager;
    hy_str_t *url, *subscriber;
    hy_msg_t *request;
    bool is_withdrawn; /* it has left since, and nobody waits for a yes */
} asking_t;

static void asking_free(asking_t *a);

/* `let` NULL: it was let in before, as the same user, and that goes on. */
static void accept(hy_hosted_t *h, hy_msg_t *request, hy_str_t *subscriber,
                   const hy_judgement_t *let) {
    hy_reporter_t *r = hy__hosted_reporter(h);
    const hy_node_t *body = hy_msg_body(request);
    hy_guest_t *g = NULL;
    hy_answer_t answer = {.value = hy_absent(), .struck = hy_absent()};
    hy__lasting_drop(h->manager, "evict", h->url, subscriber);
    const hy_node_t *early = HY_MUTANT(LATE_ADMIT) ? hy_get_object(body, "early") : NULL;
    int rc = r ? hy__answer_make(r, body, &answer) : HY_ENOT_FOUND;
    if (rc == 0 && early) {
        hy__answer_drop(&answer);
        answer = (hy_answer_t){.value = hy_absent(), .struck = hy_absent()};
        rc = hy_value_copy(hy_get(body, "early"), &answer.value);
    }
    if (rc == 0) rc = hy__hosted_put_guest(h, subscriber, &g);
    if (rc == 0) answer.struck = hy__hosted_struck(h, hy_get_array(body, "fellows"));
    /* Admit goes out in the turn of the snapshot: what changes later reaches the observer. */
    if (rc == 0) hy__domain_admit(h->manager, h->url, subscriber, NULL, NULL);
    if (rc < 0) {
        if (g && !g->is_authorised && !g->is_listed && !g->is_observing && !g->is_evicted)
            hy__hosted_remove_guest(h, g);
        hy__answer_drop(&answer);
        hy_bus_respond(h->manager->bus, request, r ? hy_error_http(rc) : 404,
                       r ? hy_error_text(rc) : "the object has no reporter any more", hy_absent());
        return;
    }
    hy_asker_t who = hy__asker(subscriber, request);
    if (who.user) hy_str_ref(who.user);
    hy_str_unref(g->user);
    g->user = who.user;
    g->is_verified = who.is_verified;
    if (let) hy__guest_let(h, g, let);
    if (!g->is_observing) h->observers++;
    g->is_observing = true;
    g->is_gone = false;
    g->accepted++;
    h->admissions++;
    g->is_evicted = g->is_taken_back = false;
    hy__pulse_start(h->manager);
    hy__hosted_save_guest(h, subscriber);
    answer.admission = hy__hosted_admission(h);
    hy__answer_send(r, request, subscriber, &answer);
}

static void asking_free(asking_t *a) {
    hy_list_remove(&a->link);
    hy_msg_unref(a->request);
    hy_str_unref(a->url);
    hy_str_unref(a->subscriber);
    hy_free(a);
}

/* It may have waited so long that a yes would find nobody who takes it back. */
static void withdraw(hy_hosted_t *h, const hy_str_t *hyperty) {
    for (hy_link_t *l = h->askings.next; l != &h->askings; l = l->next) {
        asking_t *a = hy_link_owner(l, asking_t, link);
        if (hy_str_equal(a->subscriber, hyperty)) a->is_withdrawn = true;
    }
}

/* Rules may have changed while its reporter thought. */
static void let_in_unless_denied(hy_hosted_t *h, const asking_t *a) {
    hy_asker_t who = hy__asker(a->subscriber, a->request);
    hy_error_t err;
    hy_judgement_t j = hy__judge(h, HY_ACTION_OBSERVE, &who, &err);
    if (j.ruling == HY_RULING_DENY) {
        hy_bus_respond(h->manager->bus, a->request, 403, err.text, hy_absent());
        return;
    }
    if (j.ruling == HY_RULING_NONE) j.by = HY_LET_HANDLER;
    accept(h, a->request, a->subscriber, &j);
}

static void let_in(void *asking) {
    asking_t *a = asking;
    hy_bus_t *bus = a->manager->bus;
    hy_hosted_t *h = hy__part_find(&a->manager->hosted, a->url);
    if (!h) {
        hy_bus_respond(bus, a->request, 410, "the object was deleted", hy_absent());
    } else if (a->is_withdrawn) {
        hy_bus_respond(bus, a->request, 403, "it has left before it was let in", hy_absent());
    } else if (!hy__delegation_defers(h, a->request)) {
        let_in_unless_denied(h, a);
    }
    asking_free(a);
}

/* The object may be at rest by now, or be reported elsewhere: who asks again is told. */
static void let_in_later(void *asking) {
    asking_t *a = asking;
    if (hy__part_find(&a->manager->hosted, a->url)) {
        let_in(a);
        return;
    }
    hy__reporter_put_off(a->manager, a->request);
    asking_free(a);
}

static void on_decided(void *arg, hy_msg_t *answer, int code) {
    asking_t *a = arg;
    hy_bus_t *bus = a->manager->bus;
    if (code < 200) {
        hy_bus_respond(bus, a->request, 100, NULL, hy_absent());
        return;
    }
    if (code >= 300) {
        hy_bus_respond(bus, a->request, code == 404 || code == 408 ? 403 : code,
                       hy_msg_desc(answer), hy_absent());
        asking_free(a);
        return;
    }
    const hy_hosted_t *h = hy__part_find(&a->manager->hosted, a->url);
    const hy_reporter_t *r = h ? hy__hosted_reporter(h) : NULL;
    if (!r || !hy__telling_defer(r->party.syncher, let_in_later, a)) let_in(a);
}

static hy_value_t forward_body(const hy_hosted_t *h, const char *type, const hy_asker_t *who) {
    hy_node_t *body = hy_node_new(HY_OBJECT);
    int rc = body ? hy_put(body, "type", hy_text(type)) : HY_ENOMEM;
    if (rc == 0) rc = hy_put(body, "from", hy__string_ref(who->url));
    if (rc == 0) rc = hy_put(body, "to", hy__string_ref(h->url));
    if (rc == 0) rc = hy__put_asker(body, who);
    if (rc == 0) return hy_node_value(body);
    if (body) hy_node_unref(body);
    return hy_absent();
}

static void ask_reporter(hy_hosted_t *h, hy_msg_t *request, const hy_asker_t *who) {
    hy_value_t early = hy_absent();
    const hy_reporter_t *r = HY_MUTANT(LATE_ADMIT) ? hy__hosted_reporter(h) : NULL;
    if (r && hy_object_whole(r->party.object, &early) == 0)
        hy_put(hy_msg_body(request), "early", early);
    asking_t *a = hy_alloc_zero(sizeof *a);
    hy_value_t body = forward_body(h, "subscribe", who);
    int rc = HY_ENOMEM;
    if (a) {
        a->manager = h->manager;
        a->url = hy_str_ref(h->url);
        a->subscriber = hy_str_ref(who->url);
        a->request = hy_msg_ref(request);
        hy_list_append(&h->askings, &a->link);
        rc = hy__manager_request(h->manager, HY_MSG_FORWARD, h->url, h->reporter, body, on_decided,
                                 a, NULL, NULL);
    } else {
        hy_value_drop(body);
    }
    if (rc == 0) return;
    hy_bus_respond(h->manager->bus, request, hy_error_http(rc), hy_error_text(rc), hy_absent());
    if (a) asking_free(a);
}

/* It observes, and goes on as the same user, no worse verified. */
static bool is_as_before(const hy_guest_t *g, const hy_asker_t *who) {
    bool is_same = g->user && who->user ? hy_str_equal(g->user, who->user) : g->user == who->user;
    return is_same && (who->is_verified || !g->is_verified);
}

static void leave(hy_hosted_t *h, hy_guest_t *g, hy_str_t *hyperty, bool is_gone);

static void on_subscribe(hy_hosted_t *h, hy_msg_t *request) {
    hy_str_t *subscriber = hy_get_str(hy_msg_body(request), "subscriber");
    hy_str_t *source = hy_get_str(hy_msg_body(request), "source");
    if (!subscriber || hy__is_user_url(subscriber) ||
        (source && !hy_str_equal(source, subscriber))) {
        hy_bus_respond(h->manager->bus, request, 400,
                       "subscribe needs \"subscriber\", the same as \"source\"", hy_absent());
        return;
    }
    hy_guest_t *g = hy__hosted_guest(h, subscriber);
    bool comes_back = hy_get_bool(hy_msg_body(request), "again", false);
    if (g && g->is_evicted && comes_back) { /* it was not there when it was struck off */
        hy_bus_respond(h->manager->bus, request, 403, "evicted", hy_absent());
        return;
    }
    /* What its life before sent comes first: the observer numbers its operations by the answer. */
    if (hy_get_bool(hy_msg_body(request), "restored", false) &&
        hy__moderation_has_from(hy__hosted_reporter(h), subscriber)) {
        hy_bus_respond(h->manager->bus, request, 503, "an operation of yours is being decided",
                       hy_absent());
        return;
    }
    hy_asker_t who = hy__asker(subscriber, request);
    bool is_in = g && (g->is_observing || g->is_gone);
    if (is_in && is_as_before(g, &who)) {
        accept(h, request, subscriber, NULL);
        return;
    }
    if (is_in) leave(h, g, subscriber, false); /* as who it was */
    hy_error_t err;
    hy_judgement_t j = hy__judge(h, HY_ACTION_OBSERVE, &who, &err);
    if (j.ruling == HY_RULING_DENY) {
        hy_bus_respond(h->manager->bus, request, 403, err.text, hy_absent());
    } else if (j.ruling == HY_RULING_ALLOW) {
        accept(h, request, subscriber, &j);
    } else if (hy__hosted_reporter(h)->is_waking) { /* nobody could be asked yet */
        hy__reporter_put_off(h->manager, request);
    } else {
        ask_reporter(h, request, &who);
    }
}

/* --- unsubscribe ------------------------------------------------------------------------------ */

/* The node tells (Ext) of an observer whose session has ended without a word. */
static bool tells_gone(const hy_hosted_t *h, hy_msg_t *m) {
    const hy_node_t *body = hy_msg_body(m);
    if (!hy_get_bool(body, "gone", false) || !hy_get_str(body, "source")) return false;
    hy_str_t *node_sm = hy__domain_sm(h->manager, h->url);
    bool is_node = node_sm && hy_str_equal(m->from, node_sm);
    hy_str_unref(node_sm);
    return is_node;
}

void hy__hosted_tell_left(hy_hosted_t *h, hy_str_t *hyperty) {
    hy__manager_send(h->manager, HY_MSG_FORWARD, h->url, h->reporter,
                     forward_body(h, "unsubscribe", &(hy_asker_t){.url = hyperty}));
}

static void leave(hy_hosted_t *h, hy_guest_t *g, hy_str_t *hyperty, bool is_gone) {
    hy_reporter_t *r = hy__hosted_reporter(h);
    if (r) hy__answers_end(r, hyperty, NULL);
    hy__secret_strike(h->manager, h->url, hyperty);
    hy__domain_expel(h->manager, h->url, hyperty, NULL, NULL);
    hy__hosted_tell_left(h, hyperty);
    h->observers -= g->is_observing;
    g->is_observing = false;
    g->is_gone = is_gone;
    if (!g->is_authorised && !g->is_listed && !g->is_gone) {
        hy__hosted_remove_guest(h, g);
    } else {
        hy__hosted_save_guest(h, hyperty);
    }
}

/* Who is said to be gone may have come back before the notice did, or come while it is asked. */
typedef struct {
    hy_manager_t *manager;
    hy_str_t *url, *hyperty;
    uint32_t accepted;
    const char *asked; /* what the node is to say of it */
} doubt_t;

static void on_doubt(void *arg, int code, const char *desc, hy_node_t *body) {
    doubt_t *d = arg;
    (void)desc;
    hy_hosted_t *h = hy__part_find(&d->manager->hosted, d->url);
    hy_guest_t *g = h ? hy__hosted_guest(h, d->hyperty) : NULL;
    if (h) hy__delegation_note_gone(h);
    const hy_node_t *value = code < 0 ? NULL : hy_get_object(body, "value");
    bool has_left = hy_get_bool(value, "left", false);
    bool is_here = hy_get_bool(value, d->asked, true) && !has_left;
    if (g && g->is_observing && g->accepted == d->accepted && !is_here && !h->delegation)
        leave(h, g, d->hyperty, !has_left);
    hy_str_unref(d->url);
    hy_str_unref(d->hyperty);
    hy_free(d);
}

/* To admit it once more does no harm, and tells whether anybody has it. */
static void doubt(hy_hosted_t *h, const hy_guest_t *g, const char *asked) {
    doubt_t *d = hy_alloc(sizeof *d);
    if (d) *d = (doubt_t){h->manager, hy_str_ref(h->url), hy_str_ref(g->key), g->accepted, asked};
    if (hy__domain_admit(h->manager, h->url, g->key, d ? on_doubt : NULL, d) == 0 || !d) return;
    hy_str_unref(d->url);
    hy_str_unref(d->hyperty);
    hy_free(d);
}

void hy__hosted_doubt(hy_hosted_t *h, const hy_str_t *hyperty) {
    const hy_guest_t *g = hy__hosted_guest(h, hyperty);
    if (g && g->is_observing) doubt(h, g, "here");
}

void hy__hosted_doubt_later(hy_hosted_t *h) {
    h->doubt_ms = hy_clock_now(hy_bus_clock(h->manager->bus)) + HY_SILENCE_MS;
}

static bool is_member(const hy_hosted_t *h, const hy_str_t *hyperty) {
    const hy_replica_t *r = hy__part_find(&h->manager->replicas, h->url);
    return r && hy__replica_find_member(r, hyperty);
}

/* Who has subscribed again since was accepted anew. None is removed: they are marked as gone. */
void hy__hosted_doubt_due(hy_hosted_t *h, uint64_t now_ms) {
    hy_guest_t *g;
    if (h->doubt_ms == 0 || now_ms < h->doubt_ms || hy__job_is_wanted(&h->job) || h->delegation)
        return;
    h->doubt_ms = 0;
    for (uint32_t pos = 0; (g = hy_dict_next(&h->guests, &pos));) {
        if (!g->is_observing || g->accepted > 0) continue;
        if (!hy__manager_find_syncher(h->manager, g->key)) {
            doubt(h, g, "listens");
        } else if (!is_member(h, g->key)) {
            leave(h, g, g->key, true);
        }
    }
}

/* It is asked to say so again, and may not be there any more to do so. */
static void hear_leaving(hy_hosted_t *h, hy_msg_t *request) {
    const hy_str_t *source = hy_get_str(hy_msg_body(request), "source");
    hy__delegation_note_gone(h);
    if (source && !tells_gone(h, request)) withdraw(h, source);
}

static void on_unsubscribe(hy_hosted_t *h, hy_msg_t *request) {
    hy_str_t *source = hy_get_str(hy_msg_body(request), "source");
    hy_guest_t *g = source ? hy__hosted_guest(h, source) : NULL;
    if (tells_gone(h, request)) {
        bool is_own = hy__manager_find_syncher(h->manager, source) != NULL;
        bool is_late = !hy_get_bool(hy_msg_body(request), "listens", true);
        if (g && g->is_observing && !is_own && !h->delegation)
            doubt(h, g, is_late ? "listens" : "here");
        return;
    }
    if (source) withdraw(h, source);
    if (g && g->is_observing) {
        hy_str_ref(source);
        leave(h, g, source, hy_get_bool(hy_msg_body(request), "rests", false));
        hy_str_unref(source);
    }
    const hy_reporter_t *r = hy__hosted_reporter(h);
    hy__ledger_respond(r ? r->ledger : NULL, h->manager, request, 200, NULL, hy_absent());
}

/* --- what comes ------------------------------------------------------------------------------- */

/* An invited hyperty answered: told to the reporter as it is. */
static void on_invite_answer(hy_hosted_t *h, hy_msg_t *answer) {
    if (!hy__hosted_has_guest(h, answer->from)) return; /* it has heard that it was struck off */
    hy_value_t body = forward_body(h, "response", &(hy_asker_t){.url = answer->from});
    if (body.kind == HY_OBJECT && hy_put(body.as.n, "code", hy_int(hy_msg_code(answer))) < 0) {
        hy_value_drop(body);
        return;
    }
    hy__manager_send(h->manager, HY_MSG_FORWARD, h->url, h->reporter, body);
}

void hy__hosted_on_subscription(void *hosted, hy_msg_t *m) {
    hy_hosted_t *h = hosted;
    bool is_request = m->type == HY_MSG_SUBSCRIBE || m->type == HY_MSG_UNSUBSCRIBE;
    hy_reporter_t *r = hy__hosted_reporter(h);
    if (r && hy__telling_gate(&r->party, HY_ASKED_SUBSCRIPTION, m)) return;
    if (m->type == HY_MSG_UNSUBSCRIBE && h->delegation) hear_leaving(h, m);
    if (is_request && !tells_gone(h, m) && hy__delegation_defers(h, m)) return;
    if (is_request && (!r || hy__reporter_returns(r))) { /* nobody is there who could be asked */
        hy__reporter_put_off(h->manager, m);
    } else if (m->type == HY_MSG_SUBSCRIBE) {
        on_subscribe(h, m);
    } else if (m->type == HY_MSG_UNSUBSCRIBE) {
        on_unsubscribe(h, m);
    } else if (m->type == HY_MSG_RESPONSE) {
        on_invite_answer(h, m);
    } else {
        hy_bus_respond(h->manager->bus, m, 400, "/subscription takes subscribe and unsubscribe",
                       hy_absent());
    }
}
