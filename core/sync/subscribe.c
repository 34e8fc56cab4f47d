/* Subscribing to objects and leaving them, as seen from the hyperty. A second subscribe to the same
 * object joins the first. */
#include "../base/mem.h"
#include "call.h"

/* --- subscribe -------------------------------------------------------------------------------- */

/* All who subscribed to that object meanwhile get the same answer. */
void hy__subscriptions_end(hy_syncher_t *s, hy_str_t *url, int code, const char *desc,
                           hy_party_t *p) {
    hy_link_t waiting;
    hy_list_take(&s->calls, &waiting);
    hy_link_t same;
    hy_link_init(&same);
    while (!hy_list_is_empty(&waiting)) {
        hy_call_t *c = hy_link_owner(waiting.next, hy_call_t, link);
        hy_list_remove(&c->link);
        hy_list_append(c->url && hy_str_equal(c->url, url) ? &same : &s->calls, &c->link);
    }
    hy__syncher_ref(s);
    while (!hy_list_is_empty(&same)) {
        hy_call_t *c = hy_link_owner(same.next, hy_call_t, link);
        if (s->is_closing) {
            hy__call_free(c);
        } else {
            hy__call_end(c, code, desc, p, hy_absent());
        }
    }
    hy__syncher_unref(s);
}

void hy__call_end_all(hy_call_t *c, int code, const char *desc, hy_party_t *p) {
    if (!c->url) {
        hy__call_end(c, code, desc, p, hy_absent());
        return;
    }
    hy_str_t *url = hy_str_ref(c->url), *text = hy_str_from(desc);
    hy__subscriptions_end(c->syncher, url, code, text ? text->bytes : "", p);
    hy_str_unref(text);
    hy_str_unref(url);
}

static void take_subscribed(hy_call_t *c, hy_msg_t *answer, int code, const char *desc) {
    hy_syncher_t *s = c->syncher;
    hy_replica_t *r = hy__part_find(&s->manager->replicas, c->url);
    hy_member_t *member = r ? hy__replica_find_member(r, s->url) : NULL;
    hy_observer_t *o = NULL;
    bool resumes = c->resumes;
    if (code == 0 && (!member || member->state != HY_MEMBER_IN)) {
        code = HY_ECLOSED;
        desc = "the object went away meanwhile";
    }
    if (code == 0) {
        code = hy__observer_new(s, member, &o);
        if (code < 0) hy__member_leave(member, true);
    }
    hy_str_t *url = hy_str_ref(c->url);
    hy_msg_ref(answer); /* `desc` is its */
    if (o) o->party.is_resumed = resumes;
    hy__subscriptions_end(s, url, code, desc, o ? &o->party : NULL);
    hy_msg_unref(answer);
    hy_str_unref(url);
}

bool hy__is_subscribing(const hy_syncher_t *s, const hy_str_t *url) {
    for (hy_link_t *l = s->calls.next; l != &s->calls; l = l->next) {
        const hy_call_t *c = hy_link_owner(l, hy_call_t, link);
        if (c->url && hy_str_equal(c->url, url)) return true;
    }
    return false;
}

static hy_value_t subscribe_body(hy_str_t *url, hy_str_t *schema, hy_store_level_t store) {
    hy_value_t body = hy__body1("resource", hy__string_ref(url));
    if (body.kind != HY_OBJECT) return body;
    int rc = schema ? hy_put(body.as.n, "schema", hy__string_ref(schema)) : 0;
    if (rc == 0) rc = hy_put(body.as.n, "store", hy__level_value(store));
    if (rc == 0) return body;
    hy_value_drop(body);
    return hy_absent();
}

int hy__subscribe_anew(hy_call_t *c, hy_error_t *err) {
    c->take = take_subscribed;
    return hy__call_transmit(c, HY_MSG_SUBSCRIBE, c->syncher->manager->sm,
                             subscribe_body(c->url, c->create.schema, c->create.store), err);
}

static int keep(hy_party_t *p, hy_store_level_t level, hy_error_t *err) {
    if (!p->syncher->manager->store)
        return hy_fail(err, HY_EINVALID, "store is not served by this runtime");
    if (hy__trial_holds(p->syncher)) return hy__holding_keep(p, level);
    return hy__member_keep(((hy_observer_t *)p)->member, level, err);
}

static int subscribe_knowing(hy_call_t *c, hy_error_t *err) {
    if (c->syncher->manager->is_lasting) return hy__kept_then(c, hy__subscribe_or_resume);
    return hy__subscribe_anew(c, err);
}

int hy_syncher_subscribe(hy_syncher_t *s, hy_str_t *url, hy_str_t *schema, hy_store_level_t store,
                         hy_party_cb done, void *arg, hy_error_t *err) {
    hy_party_t *known = hy__syncher_find_party(s, url, false);
    bool joins = !known && hy__is_subscribing(s, url);
    if (known && schema &&
        !hy__replica_has_schema(((hy_observer_t *)known)->member->replica, schema))
        return hy_fail(err, HY_ESCHEMA, "%s is not of schema %s", url->bytes, schema->bytes);
    int kept = known && hy_party_store(known) < store ? keep(known, store, err) : 0;
    if (kept < 0) return kept;
    hy_call_t *c = hy__call_new(s, arg);
    if (!c) return HY_ENOMEM;
    c->on_party = done;
    if (known) {
        known->is_resumed = true;
        c->party = hy_party_ref(known);
        c->take = hy__call_take_party;
        return hy__call_answer_now(c);
    }
    c->url = hy_str_ref(url);
    if (joins) return 0;
    c->create.schema = schema ? hy_str_ref(schema) : NULL;
    c->create.store = store;
    int rc =
        schema ? hy__call_knowing(c, schema, subscribe_knowing, err) : subscribe_knowing(c, err);
    if (rc < 0) hy__call_free(c);
    return rc;
}

/* --- unsubscribe ------------------------------------------------------------------------------ */

int hy_party_unsubscribe(hy_party_t *p, hy_done_cb done, void *arg, hy_error_t *err) {
    if (!p->is_open) return hy_fail(err, HY_ECLOSED, "%s is closed", p->url->bytes);
    if (hy__trial_holds(p->syncher)) {
        hy_deed_call_t deed = {
            .what = HY_DEED_UNSUBSCRIBE, .party = p, .on_done = done, .arg = arg};
        return hy__holding_call(p->syncher, &deed);
    }
    hy_call_t *c = hy__call_new(p->syncher, arg);
    if (!c) return HY_ENOMEM;
    c->on_done = done; /* the sync manager closes the party when it takes it out */
    return hy__call_ask(c, HY_MSG_UNSUBSCRIBE, p->syncher->manager->sm,
                        hy__body1("resource", hy__string_ref(p->url)), err);
}
