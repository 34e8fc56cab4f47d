/* Hosting: the sync manager's side of objects that are reported here (PROTOCOL.md section 5:
 * invite, delete). Creating them: creation.c; who subscribes and leaves: admission.c; striking off:
 * eviction.c.
 *
 * A hosted object owns its listener on <Object>/subscription and knows who may observe and who
 * does. The data is the reporter's; hosting asks the syncher for it when it answers. */
#include "../base/mem.h"
#include "handover.h"

/* --- guests ----------------------------------------------------------------------------------- */

hy_guest_t *hy__hosted_guest(const hy_hosted_t *h, const hy_str_t *hyperty) {
    return hy_dict_find(&h->guests, hyperty->bytes, hyperty->len,
                        hy_hash(hyperty->bytes, hyperty->len));
}

bool hy__hosted_has_guest(const hy_hosted_t *h, const hy_str_t *hyperty) {
    const hy_guest_t *g = hy__hosted_guest(h, hyperty);
    return g && !g->is_evicted && !hy__is_user_url(hyperty);
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

void hy__hosted_remove_guest(hy_hosted_t *h, hy_guest_t *g) {
    hy_str_t *hyperty = hy_str_ref(g->key);
    if (g->is_observing) h->observers--;
    hy_str_unref(g->user);
    hy_str_unref(g->rule);
    g->user = g->rule = NULL;
    hy_dict_remove(&h->guests, g);
    hy__hosted_save_guest(h, hyperty);
    hy_str_unref(hyperty);
}

/* Those who are remembered only in case that they come back. */
static void forget_absent(hy_hosted_t *h) {
    hy_guest_t *g;
    for (uint32_t pos = 0; (g = hy_dict_next(&h->guests, &pos));) {
        bool is_expected = g->is_authorised || g->is_listed;
        if (g->is_evicted || (g->is_gone && !is_expected)) hy__hosted_remove_guest(h, g);
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
        hy_str_unref(g->rule);
    }
    hy_dict_deinit(&h->guests);
    while (!hy_list_is_empty(&h->askings))
        hy_list_remove(h->askings.next);
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
    const hy_syncher_t *s = hy__manager_find_syncher(h->manager, h->reporter);
    rc = invitation ? hy_put(invitation, "source", hy__string_ref(h->reporter)) : HY_ENOMEM;
    if (rc == 0 && s) rc = hy__put_identity(invitation, s, hyperty);
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
    if (h && !h->is_replaced) hy__hosted_on_subscription(h, answer);
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
