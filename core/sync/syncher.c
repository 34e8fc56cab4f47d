/* The endpoint of one hyperty: its parties by URL, and what is addressed to the hyperty itself
 * (decisions, invitations, evictions, calls). Requests that it makes: call.c and what is named
 * there. */
#include "syncher.h"

#include "../base/mem.h"
#include "handover.h"
#include "watching.h"

/* --- what arrives ----------------------------------------------------------------------------- */

static void respond(hy_syncher_t *s, hy_msg_t *m, int http, const char *desc) {
    hy_bus_respond(s->manager->bus, m, http, desc, hy_absent());
}

static hy_decision_t *decision(hy_syncher_t *s, hy_party_t *p, hy_decision_kind_t kind, hy_msg_t *m,
                               hy_str_t *from) {
    hy_asker_t who = hy__asker(from, m);
    hy_decision_t *d = from ? hy__decision_new(s, p, kind, m, &who) : NULL;
    if (!d) respond(s, m, from ? 503 : 400, from ? "out of memory" : "the asker is missing");
    return d;
}

/* From the sync manager, about an object reported here. */
static void on_forward(hy_syncher_t *s, hy_msg_t *m) {
    const hy_node_t *body = hy_msg_body(m);
    hy_party_t *p = hy__syncher_find_party(s, m->from, true);
    hy_str_t *type = hy_get_str(body, "type"), *from = hy_get_str(body, "from");
    if (!p) {
        respond(s, m, 404, "this hyperty does not report that object");
    } else if (hy_str_is(type, "subscribe")) {
        hy_decision_t *d = decision(s, p, HY_DECIDE_SUBSCRIBE, m, from);
        if (d) hy__decision_ask(d);
    } else if (hy_str_is(type, "unsubscribe") && from) {
        hy__tell_unsubscribed(p, from);
    }
}

static void on_invitation(hy_syncher_t *s, hy_msg_t *m) {
    const hy_node_t *body = hy_msg_body(m);
    hy_span_t object = hy_address_object(m->from);
    if (object.len == m->from->len) {
        respond(s, m, 400, "an invitation comes from <Object>/subscription");
        return;
    }
    hy_decision_t *d = decision(s, NULL, HY_DECIDE_INVITE, m, hy_get_str(body, "source"));
    if (!d) return;
    d->url = hy_str_new(object.bytes, object.len);
    d->value = hy_get_object(body, "value");
    if (d->url) {
        hy__decision_ask(d);
    } else {
        hy_decision_reject(d, HY_ENOMEM, "out of memory");
        hy_decision_unref(d);
    }
}

static void on_call(hy_syncher_t *s, hy_msg_t *m) {
    if (!hy_get_str(hy_msg_body(m), "method")) {
        respond(s, m, 400, "execute needs \"method\"");
        return;
    }
    hy_asker_t who = hy__asker(m->from, m);
    const hy_str_t *method = hy_get_str(hy_msg_body(m), "method");
    hy_error_t err;
    if (hy__judge_denies_hyperty(s->manager, s->url, &who, method, &err)) {
        respond(s, m, 403, err.text);
        return;
    }
    hy_decision_t *d = decision(s, NULL, HY_DECIDE_CALL, m, m->from);
    if (!d) return;
    hy__decision_take_call(d, hy_msg_body(m));
    hy__decision_ask(d);
}

/* Struck off: only the object's own sync manager says so. */
static void on_evicted(hy_syncher_t *s, hy_msg_t *m) {
    respond(s, m, 200, NULL);
    hy_span_t object = hy_address_object(m->from);
    hy_str_t *url = object.len < m->from->len ? hy_str_new(object.bytes, object.len) : NULL;
    const hy_replica_t *r = url ? hy__part_find(&s->manager->replicas, url) : NULL;
    hy_member_t *member = r ? hy__replica_find_member(r, s->url) : NULL;
    hy_str_unref(url);
    if (member) hy__member_evicted(member, hy_get_str(hy_msg_body(m), "admission"));
}

static void on_url(void *arg, hy_msg_t *m) {
    hy_syncher_t *s = arg;
    switch (m->type) {
    case HY_MSG_FORWARD:
        on_forward(s, m);
        return;
    case HY_MSG_CREATE:
        on_invitation(s, m);
        return;
    case HY_MSG_EXECUTE:
        on_call(s, m);
        return;
    case HY_MSG_UNSUBSCRIBE:
        on_evicted(s, m);
        return;
    case HY_MSG_EVENT:
        hy__takeover_moved(s, m);
        return;
    case HY_MSG_RESPONSE:
        return;
    default:
        respond(s, m, 400, "a hyperty takes execute and create");
        return;
    }
}

/* --- life ------------------------------------------------------------------------------------- */

int hy_syncher_open(hy_manager_t *manager, hy_str_t *url, hy_str_t *user,
                    const hy_syncher_events_t *events, void *arg, hy_syncher_t **out) {
    hy_syncher_t *s = hy_alloc_zero(sizeof *s);
    if (!s) return HY_ENOMEM;
    *s = (hy_syncher_t){.refs = 1,
                        .manager = manager,
                        .url = hy_str_ref(url),
                        .user = user ? hy_str_ref(user) : NULL,
                        .events = events,
                        .arg = arg};
    hy_link_init(&s->parties);
    hy_link_init(&s->calls);
    hy_link_init(&s->follows);
    hy_link_init(&s->decisions);
    hy_dict_init(&s->numbers, sizeof(hy_number_entry_t));
    hy__kept_init(s);
    int rc = hy_port_open(manager->bus, url, &s->port);
    if (rc == 0) rc = hy_bus_listen(manager->bus, url, on_url, s, &s->on_url);
    if (rc == 0) rc = hy__part_add(&manager->synchers, url, s);
    if (rc < 0) {
        hy_syncher_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

/* Nobody will ever ask for what is kept of it. */
static void delete_hosted(hy_hosted_t *h) {
    const hy_reporter_t *r = hy__hosted_reporter(h);
    if (r && r->ledger) hy__stored_forget(r);
    hy__hosted_delete(h);
}

static void end_party(hy_party_t *p) {
    hy_syncher_t *s = p->syncher;
    hy_party_ref(p);
    if (p->is_reporter) {
        hy_hosted_t *h = hy__reporter_hosted((hy_reporter_t *)p);
        bool rests = s->manager->is_lasting && ((hy_reporter_t *)p)->ledger;
        if (h && rests) hy__hosted_rest(h);
        if (h && !rests) delete_hosted(h);
    } else {
        hy_member_t *m = ((hy_observer_t *)p)->member;
        m->rests = s->manager->is_lasting && m->store != HY_STORE_NONE;
        hy__member_leave(m, true);
    }
    hy__party_close(p); /* also one whose closing goes on further up the stack */
    hy_party_unref(p);
}

void hy__syncher_unref(hy_syncher_t *s) {
    if (--s->refs > 0) return;
    hy_str_unref(s->url);
    hy_str_unref(s->user);
    hy_free(s);
}

void hy_syncher_close(hy_syncher_t *s) {
    s->is_closing = true;
    hy__trial_abandon(s);
    while (!hy_list_is_empty(&s->decisions)) {
        hy__decision_cancel(hy_link_owner(s->decisions.next, hy_decision_t, link));
    }
    hy__takeovers_close(s);
    hy__calls_close(s);
    hy__watchings_close(s);
    while (!hy_list_is_empty(&s->parties)) {
        end_party(hy_link_owner(s->parties.next, hy_party_t, link));
    }
    if (s->trial) {
        hy__telling_drop(s->trial);
        hy__trial_free(s);
    }
    hy_dict_deinit(&s->numbers);
    hy__kept_deinit(s);
    hy_listener_close(s->on_url);
    if (s->port) hy__part_remove(&s->manager->synchers, s->url);
    hy_port_close(s->port);
    hy__syncher_unref(s);
}

hy_party_t *hy__syncher_find_party(const hy_syncher_t *s, const hy_str_t *url, bool is_reporter) {
    for (hy_link_t *l = s->parties.next; l != &s->parties; l = l->next) {
        hy_party_t *p = hy_link_owner(l, hy_party_t, link);
        if (p->is_reporter == is_reporter && hy_str_equal(p->url, url)) return p;
    }
    return NULL;
}

hy_party_t *hy_syncher_next_party(const hy_syncher_t *s, const hy_party_t *after) {
    hy_link_t *next = after ? after->link.next : s->parties.next;
    bool is_last = next == &s->parties || (after && next == &after->link);
    return is_last ? NULL : hy_link_owner(next, hy_party_t, link);
}
