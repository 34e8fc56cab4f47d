/* Hosting: the sync manager's side of objects that are reported here (PROTOCOL.md section 5:
 * invite, subscribe, unsubscribe, delete). Creating them: creation.c; striking off: eviction.c.
 *
 *      subscribe at <Object>/subscription:
 *               pre-authorised, observing already, public ──────► admit, snapshot, 200
 *               else: forward to the reporter, which decides ───► the same, or 403
 *
 * A hosted object owns its listener on <Object>/subscription and knows who may observe and who
 * does. The data is the reporter's; hosting asks the syncher for it when it answers. */
#include "../base/mem.h"
#include "../base/mutant.h"
#include "answering.h"
#include "handover.h"

/* --- guests ----------------------------------------------------------------------------------- */

hy_guest_t *hy__hosted_guest(const hy_hosted_t *h, const hy_str_t *hyperty) {
    return hy_dict_find(&h->guests, hyperty->bytes, hyperty->len,
                        hy_hash(hyperty->bytes, hyperty->len));
}

bool hy__hosted_has_guest(const hy_hosted_t *h, const hy_str_t *hyperty) {
    const hy_guest_t *g = hy__hosted_guest(h, hyperty);
    return g && !g->is_evicted;
}

bool hy__hosted_has_evicted(const hy_hosted_t *h, const hy_str_t *hyperty) {
    const hy_guest_t *g = hy__hosted_guest(h, hyperty);
    return g && g->is_evicted;
}

bool hy__hosted_has_observer(const hy_hosted_t *h, const hy_str_t *hyperty) {
    const hy_guest_t *g = hy__hosted_guest(h, hyperty);
    return g && g->is_observing;
}

hy_str_t *hy__hosted_user(const hy_hosted_t *h, const hy_str_t *hyperty) {
    const hy_guest_t *g = hy__hosted_guest(h, hyperty);
    return g ? g->user : NULL;
}

int hy__hosted_observers(const hy_hosted_t *h, hy_value_t *out) {
    hy_node_t *list = hy_node_new(HY_ARRAY);
    int rc = list ? 0 : HY_ENOMEM;
    const hy_guest_t *g;
    for (uint32_t pos = 0; rc == 0 && (g = hy_dict_next(&h->guests, &pos));) {
        if (g->is_observing) rc = hy_node_insert(list, hy_node_count(list), hy__string_ref(g->key));
    }
    if (rc < 0) {
        if (list) hy_node_unref(list);
        return rc;
    }
    *out = hy_node_value(list);
    return 0;
}

static void remove_guest(hy_hosted_t *h, hy_guest_t *g) {
    hy_str_t *hyperty = hy_str_ref(g->key);
    if (g->is_observing) h->observers--;
    hy_str_unref(g->user);
    g->user = NULL;
    hy_dict_remove(&h->guests, g);
    hy__hosted_save_guest(h, hyperty);
    hy_str_unref(hyperty);
}

/* Those who are remembered only in case that they come back. */
static void forget_absent(hy_hosted_t *h) {
    hy_guest_t *g;
    for (uint32_t pos = 0; (g = hy_dict_next(&h->guests, &pos));) {
        if (g->is_evicted || (g->is_gone && !g->is_authorised)) remove_guest(h, g);
    }
}

int hy__hosted_put_guest(hy_hosted_t *h, hy_str_t *hyperty, hy_guest_t **out) {
    *out = hy__hosted_guest(h, hyperty);
    if (*out) return 0;
    if (h->guests.count >= HY_OBJECT_ADMITTED_MAX) forget_absent(h);
    if (h->guests.count >= HY_OBJECT_ADMITTED_MAX) return HY_EFULL;
    *out = hy_dict_add(&h->guests, hyperty);
    return *out ? 0 : HY_ENOMEM;
}

void hy__hosted_free(hy_hosted_t *h) {
    hy_guest_t *g;
    hy__delegation_free(h, "the object was deleted");
    for (uint32_t pos = 0; (g = hy_dict_next(&h->guests, &pos));) {
        hy_str_unref(g->user);
    }
    hy_dict_deinit(&h->guests);
    if (h->job.manager) hy__job_cancel(&h->job);
    hy_value_drop(h->admitted);
    hy_listener_close(h->on_subscription);
    hy_str_unref(h->epoch);
    hy_str_unref(h->url);
    hy_str_unref(h->subscription);
    hy_str_unref(h->reporter);
    hy_free(h);
}

hy_reporter_t *hy__hosted_reporter(const hy_hosted_t *h) {
    hy_syncher_t *s = hy__manager_find_syncher(h->manager, h->reporter);
    hy_party_t *p = s ? hy__syncher_find_party(s, h->url, true) : NULL;
    return (hy_reporter_t *)p;
}

hy_value_t hy__hosted_resources(const hy_hosted_t *h) {
    hy_value_t list = hy__list2(hy_str_ref(h->url), hy_str_ref(h->subscription));
    if (list.kind == HY_ABSENT || h->schema->collection_count == 0) return list;
    hy_str_t *children = hy__url_below(h->url, "/children/");
    if (children && hy_node_insert(list.as.n, 2, hy_string(children)) == 0) return list;
    hy_value_drop(list);
    return hy_absent();
}

/* --- subscribe -------------------------------------------------------------------------------- */

/* A subscription that waits for the reporter's decision. The hosted object is found again by URL:
 * it may be gone by then. */
typedef struct {
    hy_manager_t *manager;
    hy_str_t *url;
    hy_msg_t *request;
} asking_t;

static void accept(hy_hosted_t *h, hy_msg_t *request, hy_str_t *subscriber) {
    hy_reporter_t *r = hy__hosted_reporter(h);
    const hy_node_t *body = hy_msg_body(request);
    hy_guest_t *g = NULL;
    hy_answer_t answer = {.value = hy_absent()};
    hy__lasting_drop(h->manager, "evict", h->url, subscriber);
    const hy_node_t *early = HY_MUTANT(LATE_ADMIT) ? hy_get_object(body, "early") : NULL;
    int rc = r ? hy__answer_make(r, body, &answer) : HY_ENOT_FOUND;
    if (rc == 0 && early) {
        hy__answer_drop(&answer);
        answer = (hy_answer_t){.value = hy_absent()};
        rc = hy_value_copy(hy_get(body, "early"), &answer.value);
    }
    if (rc == 0) rc = hy__hosted_put_guest(h, subscriber, &g);
    /* Admit goes out in the turn of the snapshot: what changes later reaches the observer. */
    if (rc == 0) hy__domain_admit(h->manager, h->url, subscriber);
    if (rc < 0) {
        if (g && !g->is_authorised && !g->is_observing && !g->is_evicted) remove_guest(h, g);
        hy__answer_drop(&answer);
        hy_bus_respond(h->manager->bus, request, r ? hy_error_http(rc) : 404,
                       r ? hy_error_text(rc) : "the object has no reporter any more", hy_absent());
        return;
    }
    hy_str_t *user = hy_get_str(hy_get_object(body, "identity"), "user");
    if (user) hy_str_ref(user);
    hy_str_unref(g->user);
    g->user = user;
    if (!g->is_observing) h->observers++;
    g->is_observing = true;
    g->is_gone = false;
    g->accepted++;
    h->admissions++;
    g->is_evicted = false;
    hy__pulse_start(h->manager);
    hy__hosted_save_guest(h, subscriber);
    answer.admission = hy__hosted_admission(h);
    hy__answer_send(r, request, subscriber, &answer);
}

static void on_decided(void *arg, hy_msg_t *answer, int code) {
    asking_t *a = arg;
    hy_bus_t *bus = a->manager->bus;
    if (code < 200) {
        hy_bus_respond(bus, a->request, 100, NULL, hy_absent());
        return;
    }
    hy_hosted_t *h = hy__part_find(&a->manager->hosted, a->url);
    if (code >= 300) {
        hy_bus_respond(bus, a->request, code == 404 || code == 408 ? 403 : code,
                       hy_msg_desc(answer), hy_absent());
    } else if (!h) {
        hy_bus_respond(bus, a->request, 410, "the object was deleted", hy_absent());
    } else if (!hy__delegation_defers(h, a->request)) {
        accept(h, a->request, hy_get_str(hy_msg_body(a->request), "subscriber"));
    }
    hy_msg_unref(a->request);
    hy_str_unref(a->url);
    hy_free(a);
}

static hy_value_t forward_body(const hy_hosted_t *h, const char *type, hy_str_t *from,
                               hy_value_t identity) {
    hy_node_t *body = hy_node_new(HY_OBJECT);
    hy_value_t copy;
    int rc = body ? hy_put(body, "type", hy_text(type)) : HY_ENOMEM;
    if (rc == 0) rc = hy_put(body, "from", hy__string_ref(from));
    if (rc == 0) rc = hy_put(body, "to", hy__string_ref(h->url));
    if (rc == 0 && identity.kind == HY_OBJECT) {
        rc = hy_value_copy(identity, &copy);
        if (rc == 0) rc = hy_put(body, "identity", copy);
    }
    if (rc == 0) return hy_node_value(body);
    if (body) hy_node_unref(body);
    return hy_absent();
}

static void ask_reporter(hy_hosted_t *h, hy_msg_t *request, hy_str_t *subscriber) {
    hy_value_t early = hy_absent();
    const hy_reporter_t *r = HY_MUTANT(LATE_ADMIT) ? hy__hosted_reporter(h) : NULL;
    if (r && hy_object_whole(r->party.object, &early) == 0)
        hy_put(hy_msg_body(request), "early", early);
    asking_t *a = hy_alloc(sizeof *a);
    hy_value_t body =
        forward_body(h, "subscribe", subscriber, hy_get(hy_msg_body(request), "identity"));
    int rc = HY_ENOMEM;
    if (a) {
        *a = (asking_t){
            .manager = h->manager, .url = hy_str_ref(h->url), .request = hy_msg_ref(request)};
        rc = hy__manager_request(h->manager, HY_MSG_FORWARD, h->url, h->reporter, body, on_decided,
                                 a, NULL, NULL);
    } else {
        hy_value_drop(body);
    }
    if (rc == 0) return;
    hy_bus_respond(h->manager->bus, request, hy_error_http(rc), hy_error_text(rc), hy_absent());
    if (!a) return;
    hy_msg_unref(a->request);
    hy_str_unref(a->url);
    hy_free(a);
}

static void on_subscribe(hy_hosted_t *h, hy_msg_t *request) {
    hy_str_t *subscriber = hy_get_str(hy_msg_body(request), "subscriber");
    hy_str_t *source = hy_get_str(hy_msg_body(request), "source");
    if (!subscriber || (source && !hy_str_equal(source, subscriber))) {
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
    bool is_open = h->is_public && !(g && g->is_evicted); /* who was struck off is asked about */
    if (is_open || (g && (g->is_authorised || g->is_observing || g->is_gone))) {
        accept(h, request, subscriber);
    } else if (hy__hosted_reporter(h)->is_waking) { /* nobody could be asked yet */
        hy_bus_respond(h->manager->bus, request, 503, "the object's reporter is not back yet",
                       hy_absent());
    } else {
        ask_reporter(h, request, subscriber);
    }
}

/* The node tells (Ext) of an observer whose session has ended without a word. */
static bool tells_gone(const hy_hosted_t *h, hy_msg_t *m) {
    const hy_node_t *body = hy_msg_body(m);
    if (!hy_get_bool(body, "gone", false) || !hy_get_str(body, "source")) return false;
    hy_str_t *node_sm = hy__domain_sm(h->manager, h->url);
    bool is_node = node_sm && hy_str_equal(m->from, node_sm);
    hy_str_unref(node_sm);
    return is_node;
}

static void leave(hy_hosted_t *h, hy_guest_t *g, hy_str_t *hyperty, bool is_gone) {
    hy_reporter_t *r = hy__hosted_reporter(h);
    if (r) hy__answers_end(r, hyperty, NULL);
    hy__domain_expel(h->manager, h->url, hyperty, NULL, NULL);
    hy__manager_send(h->manager, HY_MSG_FORWARD, h->url, h->reporter,
                     forward_body(h, "unsubscribe", hyperty, hy_absent()));
    g->is_observing = false;
    g->is_gone = is_gone;
    h->observers--;
    if (!g->is_authorised && !g->is_gone) {
        remove_guest(h, g);
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
    bool is_here = code < 0 || hy_get_bool(hy_get_object(body, "value"), d->asked, true);
    if (g && g->is_observing && g->accepted == d->accepted && !is_here && !h->delegation)
        leave(h, g, d->hyperty, true);
    hy_str_unref(d->url);
    hy_str_unref(d->hyperty);
    hy_free(d);
}

/* To admit it once more does no harm, and tells whether anybody has it. */
static void doubt(hy_hosted_t *h, const hy_guest_t *g, const char *asked) {
    doubt_t *d = hy_alloc(sizeof *d);
    if (!d) return;
    *d = (doubt_t){h->manager, hy_str_ref(h->url), hy_str_ref(g->key), g->accepted, asked};
    if (hy__domain_ask(h->manager, HY_MSG_EXECUTE, hy__domain_sm(h->manager, h->url),
                       hy__guard_body("admit", h->url, g->key), on_doubt, d) == 0)
        return;
    hy_str_unref(d->url);
    hy_str_unref(d->hyperty);
    hy_free(d);
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

static void on_unsubscribe(hy_hosted_t *h, hy_msg_t *request) {
    hy_str_t *source = hy_get_str(hy_msg_body(request), "source");
    hy_guest_t *g = source ? hy__hosted_guest(h, source) : NULL;
    if (tells_gone(h, request)) {
        hy__delegation_note_gone(h);
        bool is_own = hy__manager_find_syncher(h->manager, source) != NULL;
        if (g && g->is_observing && !is_own && !h->delegation) doubt(h, g, "here");
        return;
    }
    if (g && g->is_observing) {
        hy_str_ref(source);
        leave(h, g, source, hy_get_bool(hy_msg_body(request), "rests", false));
        hy_str_unref(source);
    }
    const hy_reporter_t *r = hy__hosted_reporter(h);
    hy__ledger_respond(r ? r->ledger : NULL, h->manager, request, 200, NULL, hy_absent());
}

/* An invited hyperty answered: told to the reporter as it is. */
static void on_invite_answer(hy_hosted_t *h, hy_msg_t *answer) {
    if (!hy__hosted_has_guest(h, answer->from)) return; /* it has heard that it was struck off */
    hy_value_t body = forward_body(h, "response", answer->from, hy_absent());
    if (body.kind == HY_OBJECT && hy_put(body.as.n, "code", hy_int(hy_msg_code(answer))) < 0) {
        hy_value_drop(body);
        return;
    }
    hy__manager_send(h->manager, HY_MSG_FORWARD, h->url, h->reporter, body);
}

void hy__hosted_on_subscription(void *hosted, hy_msg_t *m) {
    hy_hosted_t *h = hosted;
    bool is_request = m->type == HY_MSG_SUBSCRIBE || m->type == HY_MSG_UNSUBSCRIBE;
    if (is_request && !tells_gone(h, m) && hy__delegation_defers(h, m)) return;
    const hy_reporter_t *r = hy__hosted_reporter(h);
    if (is_request && (!r || hy__reporter_returns(r))) { /* nobody is there who could be asked */
        hy_bus_respond(h->manager->bus, m, 503, "the object's reporter is not back yet",
                       hy_absent());
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

/* --- invite, delete --------------------------------------------------------------------------- */

/* From <Object>/subscription to a hyperty: repeated if it is away; one of this runtime is not.
 * `body` is taken over. */
static int say(hy_hosted_t *h, const char *what, hy_msg_type_t type, hy_str_t *hyperty,
               hy_value_t body) {
    if (hy__manager_find_syncher(h->manager, hyperty))
        return hy__manager_send(h->manager, type, h->subscription, hyperty, body);
    return hy__lasting_send(h->manager, what, h->url, hyperty, type, h->subscription,
                            hy_str_ref(hyperty), body, NULL, NULL);
}

static int invite_one(hy_hosted_t *h, hy_str_t *hyperty, const hy_node_t *body) {
    hy_guest_t *g;
    int rc = hy__hosted_put_guest(h, hyperty, &g);
    if (rc < 0) return rc;
    g->is_authorised = true;
    g->is_evicted = false;
    hy__hosted_save_guest(h, hyperty);
    hy_node_t *invitation = hy_node_new(HY_OBJECT);
    hy_value_t value;
    rc = invitation ? hy_put(invitation, "source", hy__string_ref(h->reporter)) : HY_ENOMEM;
    if (rc == 0) rc = hy_put(invitation, "schema", hy__string_ref(h->schema->url));
    if (rc == 0) rc = hy_value_copy(hy_get(body, "value"), &value);
    if (rc == 0) rc = hy_put(invitation, "value", value);
    if (rc < 0) {
        if (invitation) hy_node_unref(invitation);
        return rc;
    }
    return say(h, "invite", HY_MSG_CREATE, hyperty, hy_node_value(invitation));
}

bool hy__hosted_may_send(const hy_manager_t *m, const hy_str_t *from) {
    hy_span_t url = hy_address_object(from);
    const hy_part_entry_t *e =
        hy_dict_find(&m->hosted, url.bytes, url.len, hy_hash(url.bytes, url.len));
    return !e || !hy__job_is_wanted(&((const hy_hosted_t *)e->part)->job);
}

void hy__hosted_invited(hy_manager_t *m, hy_msg_t *answer) {
    hy_span_t object = hy_address_object(answer->to);
    hy_str_t *url = hy_str_new(object.bytes, object.len);
    hy_hosted_t *h = url ? hy__part_find(&m->hosted, url) : NULL;
    if (h && !h->is_replaced) on_invite_answer(h, answer);
    hy_str_unref(url);
}

void hy__hosting_invite(hy_manager_t *m, hy_msg_t *request) {
    const hy_node_t *body = hy_msg_body(request);
    hy_str_t *url = hy_get_str(body, "resource");
    const hy_node_t *authorise = hy_get_array(body, "authorise");
    hy_hosted_t *h = url ? hy__part_find(&m->hosted, url) : NULL;
    if (!h || !hy_str_equal(h->reporter, request->from)) {
        hy_bus_respond(m->bus, request, h ? 403 : 404, h ? "only its reporter invites" : NULL,
                       hy_absent());
        return;
    }
    int rc = h->is_replaced ? HY_ECONFLICT : 0;
    for (size_t i = 0; rc == 0 && i < hy_node_count(authorise); i++) {
        hy_value_t hyperty = hy_node_at(authorise, i);
        rc = hyperty.kind == HY_STR ? invite_one(h, hyperty.as.s, body) : HY_EINVALID;
    }
    hy_bus_respond(m->bus, request, rc < 0 ? hy_error_http(rc) : 200,
                   rc < 0 ? hy_error_text(rc) : NULL, hy_absent());
}

void hy__publish_delete(hy_manager_t *m, hy_str_t *url) {
    hy_str_t *from = hy__url_below(url, "/subscription"), *to = hy__url_below(url, "/changes");
    if (from && to)
        hy__manager_send(m, HY_MSG_DELETE, from, to, hy__body1("resource", hy__string_ref(url)));
    hy_str_unref(from);
    hy_str_unref(to);
}

static void give_back(hy_hosted_t *h) {
    hy_manager_t *m = h->manager;
    bool is_held = !hy__job_is_wanted(&h->job) && !hy__is_away(m, h->url);
    hy__publish_delete(m, h->url);
    hy__registration_end(m, h->url, true);
    hy__lasting_bury(m, h->url, is_held); /* which ends its routes */
    if (!hy_address_same_domain(h->url, m->runtime))
        hy__domain_unroute(m, hy__hosted_resources(h), h->url, NULL);
}

void hy__hosted_delete(hy_hosted_t *h) {
    hy_manager_t *m = h->manager;
    if (!h->is_replaced) give_back(h);
    hy__part_remove(&m->hosted, h->url);
    hy__hosted_free(h);
}

void hy__hosting_delete(hy_manager_t *m, hy_msg_t *request) {
    hy_str_t *url = hy_get_str(hy_msg_body(request), "resource");
    hy_hosted_t *h = url ? hy__part_find(&m->hosted, url) : NULL;
    if (!h || !hy_str_equal(h->reporter, request->from)) {
        hy_bus_respond(m->bus, request, h ? 403 : 404, h ? "only its reporter deletes it" : NULL,
                       hy_absent());
        return;
    }
    hy_reporter_t *r = hy__hosted_reporter(h);
    if (r && r->ledger) {
        hy__stored_delete(r, request);
        return;
    }
    hy__hosted_delete(h);
    hy_bus_respond(m->bus, request, 200, NULL, hy_absent());
}
