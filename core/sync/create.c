/* Creating objects, and what their reporter asks of the sync manager afterwards: invite, authorise
 * and revoke, evict, delete (PROTOCOL.md section 5). */
#include "../base/mem.h"
#include "call.h"
#include "hosted.h"

void hy__create_release(hy_create_t *c) {
    hy_str_unref(c->schema);
    hy_str_unref(c->name);
    hy_str_unref(c->url);
    hy_value_drop(c->data);
    hy_value_drop(c->metadata);
    for (uint32_t i = 0; i < c->observer_count; i++) {
        hy_str_unref(c->observers[i]);
    }
    if (c->observer_count > 0) hy_free(c->observers);
}

/* --- create ----------------------------------------------------------------------------------- */

hy_party_t *hy__find_reporter(const hy_syncher_t *s, const hy_schema_t *schema,
                              const hy_str_t *name) {
    for (hy_link_t *l = s->parties.next; l != &s->parties; l = l->next) {
        hy_party_t *p = hy_link_owner(l, hy_party_t, link);
        if (!p->is_reporter || !hy_str_equal(p->object->schema->name, schema->name)) continue;
        if (((hy_reporter_t *)p)->is_replaced) continue; /* it is another's by now */
        const hy_str_t *own = hy_get_str(p->object->metadata, "name");
        if (name ? own && hy_str_equal(own, name) : !own) return p;
    }
    return NULL;
}

static int put_metadata(hy_call_t *c, const hy_schema_t *schema, hy_str_t *url, hy_node_t *into) {
    const hy_manager_t *m = c->syncher->manager;
    char now[25];
    hy_clock_iso(hy_clock_wall(hy_bus_clock(m->bus)), now);
    int rc = hy_put(into, "schema", hy__string_ref(schema->url));
    if (rc == 0) rc = hy_put(into, "schemaDigest", hy__string_ref(schema->digest));
    if (rc == 0 && schema->version > 0) rc = hy_put(into, "schemaVersion", hy_int(schema->version));
    if (rc == 0) rc = hy_put(into, "reporter", hy__string_ref(c->syncher->url));
    if (rc == 0) rc = hy_put(into, "runtime", hy__string_ref(m->runtime));
    if (rc == 0 && url) rc = hy_put(into, "url", hy__string_ref(url));
    if (rc == 0 && url) rc = hy_put(into, "created", hy_text(now));
    if (rc == 0 && url) rc = hy_put(into, "lastModified", hy_text(now));
    if (rc == 0 && c->create.name) rc = hy_put(into, "name", hy__string_ref(c->create.name));
    if (rc == 0 && c->syncher->user) rc = hy_put(into, "user", hy__string_ref(c->syncher->user));
    if (rc == 0 && c->create.is_public) rc = hy_put(into, "publicObservation", hy_bool(true));
    return rc;
}

static int make_reporter(hy_call_t *c, hy_str_t *url, hy_reporter_t **out) {
    hy_manager_t *m = c->syncher->manager;
    const hy_schema_t *schema = hy_schemas_find(m->schemas, c->create.schema);
    const hy_hosted_t *h = hy__part_find(&m->hosted, url);
    hy_object_t *object;
    if (!h) return HY_EDELETED;
    int rc = schema ? put_metadata(c, schema, url, c->create.metadata.as.n) : HY_ENOMEM;
    if (rc == 0) {
        hy_value_t metadata = c->create.metadata, data = c->create.data;
        c->create.metadata = c->create.data = hy_absent();
        rc = hy_object_new(url, schema, metadata, data, &object);
    }
    if (rc == 0) {
        hy_object_set_position(object, hy__hosted_epoch(h), 0);
        rc = hy__reporter_new(c->syncher, object, c->create.is_public, out);
    }
    return rc;
}

static int invite(hy_party_t *p, hy_str_t **hyperties, uint32_t count, hy_done_cb done, void *arg,
                  hy_error_t *err);

/* Those of who is on trial wait, as their object may never have been. */
static void invite_observers(const hy_call_t *c, hy_party_t *p) {
    hy_str_t **observers = c->create.observers;
    uint32_t count = c->create.observer_count;
    if (c->is_tried) {
        hy_party_invite(p, observers, count, NULL, NULL, NULL);
    } else {
        invite(p, observers, count, NULL, NULL, NULL);
    }
}

static void take_created(hy_call_t *c, hy_msg_t *answer, int code, const char *desc) {
    hy_str_t *url = hy_get_str(hy_get_object(hy_msg_body(answer), "value"), "resource");
    hy_reporter_t *r = NULL;
    if (code == 0 && !url) code = HY_EINVALID;
    if (code == 0) {
        code = make_reporter(c, url, &r);
        if (code == 0) code = hy__reporter_store(r, c->create.store);
        if (code < 0 && r) hy__party_close(&r->party);
        hy_hosted_t *h = code < 0 ? hy__part_find(&c->syncher->manager->hosted, url) : NULL;
        if (h) hy__hosted_delete(h); /* nobody reports it */
    }
    if (code < 0) {
        hy__call_end(c, code, desc[0] ? desc : hy_error_text(code), NULL, hy_absent());
        return;
    }
    if (c->create.observer_count > 0) invite_observers(c, &r->party);
    if (r->ledger) {
        c->party = hy_party_ref(&r->party);
        r->is_waking = true;
        code = hy__call_wait(c, r->ledger->ticket);
    }
    if (!r->ledger || code < 0) hy__call_end(c, code, hy_error_text(code), &r->party, hy_absent());
}

static hy_value_t create_body(hy_call_t *c, const hy_schema_t *schema) {
    hy_create_t *what = &c->create;
    hy_value_t value, data = hy_absent();
    int rc = hy_value_copy(what->metadata, &value);
    if (rc < 0) return hy_absent();
    hy_node_t *body = hy_node_new(HY_OBJECT);
    rc = body ? put_metadata(c, schema, NULL, value.as.n) : HY_ENOMEM;
    if (rc == 0 && what->data.kind != HY_ABSENT) {
        rc = hy_value_copy(what->data, &data);
        if (rc == 0) rc = hy_put(value.as.n, "data", data);
    }
    if (rc == 0) {
        rc = hy_put(body, "value", value);
    } else {
        hy_value_drop(value);
    }
    if (rc == 0) rc = hy_put(body, "schema", hy__string_ref(schema->url));
    if (rc == 0) rc = hy_put(body, "resume", hy_bool(false));
    if (rc == 0) rc = hy_put(body, "p2p", hy_bool(what->p2p));
    if (rc == 0) rc = hy_put(body, "store", hy__level_value(what->store));
    if (rc == 0 && what->url) rc = hy_put(body, "resource", hy__string_ref(what->url));
    if (rc == 0) return hy_node_value(body);
    if (body) hy_node_unref(body);
    return hy_absent();
}

/* Data that is not given is an empty object. */
static int check_data(const hy_call_t *c, const hy_schema_t *schema, hy_error_t *err) {
    hy_value_t data = c->create.data;
    hy_node_t *empty = data.kind == HY_ABSENT ? hy_node_new(HY_OBJECT) : NULL;
    hy_error_t why = {.text = ""};
    if (data.kind == HY_ABSENT && !empty) return HY_ENOMEM;
    if (empty) data = (hy_value_t){.kind = HY_OBJECT, .as.n = empty};
    int rc = hy_schema_check(schema, NULL, data, &why);
    if (empty) hy_node_unref(empty);
    return rc < 0 ? hy_fail(err, rc, "%s: %s", schema->name->bytes, why.text) : 0;
}

int hy__create_anew(hy_call_t *c, hy_error_t *err) {
    hy_manager_t *m = c->syncher->manager;
    const hy_schema_t *schema = hy_schemas_find(m->schemas, c->create.schema);
    int rc = check_data(c, schema, err);
    if (rc < 0) return rc;
    c->take = take_created;
    return hy__call_transmit(c, HY_MSG_CREATE, m->sm, create_body(c, schema), err);
}

/* A copy of its own of what the caller lent; data and metadata are taken over. */
static int keep_create(hy_call_t *c, const hy_create_t *what) {
    hy_create_t *own = &c->create;
    *own = *what;
    own->schema = hy_str_ref(what->schema);
    own->name = what->name ? hy_str_ref(what->name) : NULL;
    own->url = what->url ? hy_str_ref(what->url) : NULL;
    own->observers = hy_alloc((what->observer_count + 1) * sizeof(hy_str_t *));
    own->observer_count = 0;
    if (own->metadata.kind == HY_ABSENT) own->metadata = hy_node_value(hy_node_new(HY_OBJECT));
    if (!own->observers || own->metadata.kind == HY_ABSENT) {
        hy_free(own->observers);
        return HY_ENOMEM;
    }
    for (uint32_t i = 0; i < what->observer_count; i++) {
        own->observers[own->observer_count++] = hy_str_ref(what->observers[i]);
    }
    if (own->observer_count == 0) hy_free(own->observers);
    return 0;
}

static int check_hyperties(hy_str_t **hyperties, uint32_t count, hy_error_t *err) {
    hy_address_t address;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        rc = hy_address_parse(hyperties[i]->bytes, hyperties[i]->len, &address, err);
    }
    return rc;
}

static int create_knowing(hy_call_t *c, hy_error_t *err) {
    hy_syncher_t *s = c->syncher;
    const hy_create_t *what = &c->create;
    const hy_schema_t *schema = hy_schemas_find(s->manager->schemas, what->schema);
    hy_party_t *known = what->is_new ? NULL : hy__find_reporter(s, schema, what->name);
    if (known) {
        known->is_resumed = true;
        hy__fit_move((hy_reporter_t *)known, schema);
        c->party = hy_party_ref(known);
        c->take = hy__call_take_party;
        return hy__call_take_now(c);
    }
    if (s->manager->is_lasting && !what->is_new) return hy__kept_then(c, hy__create_or_resume);
    return hy__create_anew(c, err);
}

int hy_syncher_create(hy_syncher_t *s, hy_create_t *what, hy_party_cb done, void *arg,
                      hy_error_t *err) {
    int rc = check_hyperties(what->observers, what->observer_count, err);
    hy_call_t *c = rc == 0 ? hy__call_new(s, arg) : NULL;
    if (!c) {
        hy_value_drop(what->data);
        hy_value_drop(what->metadata);
        return rc < 0 ? rc : HY_ENOMEM;
    }
    c->on_party = done;
    rc = keep_create(c, what);
    if (rc == 0) rc = hy__call_knowing(c, c->create.schema, create_knowing, err);
    if (rc < 0) hy__call_free(c);
    return rc;
}

/* --- invite, evict ------------------------------------------------------------------------------
 */

static int check_reporter(const hy_party_t *p, hy_error_t *err) {
    if (p->is_open) return 0;
    return hy_fail(err, HY_ECLOSED, "%s is closed", p->url->bytes);
}

static hy_call_t *party_call(hy_party_t *p, hy_done_cb done, void *arg) {
    hy_call_t *c = hy__call_new(p->syncher, arg);
    if (!c) return NULL;
    c->party = hy_party_ref(p);
    c->on_done = done;
    return c;
}

static hy_value_t invite_body(const hy_party_t *p, hy_str_t **hyperties, uint32_t count) {
    hy_value_t body = hy__body1("resource", hy__string_ref(p->url)), metadata;
    hy_node_t *list = body.kind == HY_OBJECT ? hy_node_new(HY_ARRAY) : NULL;
    int rc = list ? 0 : HY_ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        rc = hy_node_insert(list, i, hy__string_ref(hyperties[i]));
    }
    if (rc == 0) {
        rc = hy_put(body.as.n, "authorise", hy_node_value(list));
    } else if (list) {
        hy_node_unref(list);
    }
    if (rc == 0) rc = hy_put(body.as.n, "schema", hy__string_ref(p->object->schema->url));
    if (rc == 0)
        rc = hy_value_copy((hy_value_t){.kind = HY_OBJECT, .as.n = p->object->metadata}, &metadata);
    if (rc == 0) rc = hy_put(body.as.n, "value", metadata);
    if (rc == 0) return body;
    hy_value_drop(body);
    return hy_absent();
}

static int invite(hy_party_t *p, hy_str_t **hyperties, uint32_t count, hy_done_cb done, void *arg,
                  hy_error_t *err) {
    hy_call_t *c = party_call(p, done, arg);
    if (!c) return HY_ENOMEM;
    return hy__call_ask(c, HY_MSG_CREATE, p->syncher->manager->sm, invite_body(p, hyperties, count),
                        err);
}

int hy_party_invite(hy_party_t *p, hy_str_t **hyperties, uint32_t count, hy_done_cb done, void *arg,
                    hy_error_t *err) {
    int rc = check_reporter(p, err);
    if (rc == 0) rc = hy__reporter_check((hy_reporter_t *)p, err);
    if (rc == 0) rc = check_hyperties(hyperties, count, err);
    if (rc < 0) return rc;
    if (hy__trial_holds(p->syncher)) {
        hy_deed_call_t deed = {.what = HY_DEED_INVITE, .party = p, .hyperties = hyperties};
        deed.count = count;
        deed.on_done = done;
        deed.arg = arg;
        return hy__holding_call(p->syncher, &deed);
    }
    return invite(p, hyperties, count, done, arg, err);
}

/* The sync manager's answer from the node, passed to the call if it is still there. Who was struck
 * off must not be let in by a restart: where the object is stored, the row of that comes first. */
static void on_expelled(void *arg, int code, const char *desc, hy_node_t *body) {
    hy_call_t **slot = arg, *c = *slot;
    (void)body;
    hy_free(slot);
    if (!c) return;
    c->slot = NULL;
    const hy_ledger_t *l = c->party->is_open ? ((hy_reporter_t *)c->party)->ledger : NULL;
    if (code == 0 && l) code = hy__call_wait(c, l->ticket);
    if (code < 0 || !l) hy__call_end(c, code, desc, NULL, hy_absent());
}

int hy_party_evict(hy_party_t *p, hy_str_t *hyperty, hy_done_cb done, void *arg, hy_error_t *err) {
    int rc = check_reporter(p, err);
    if (rc == 0) rc = hy__reporter_check((hy_reporter_t *)p, err);
    if (rc < 0) return rc;
    hy_hosted_t *h = hy__reporter_hosted((hy_reporter_t *)p);
    if (!h || !hy__hosted_has_guest(h, hyperty))
        return hy_fail(err, HY_ENOT_FOUND, "%s does not observe %s", hyperty->bytes, p->url->bytes);
    if (hy__trial_holds(p->syncher)) {
        hy_deed_call_t deed = {.what = HY_DEED_EVICT, .party = p, .hyperties = &hyperty};
        deed.count = 1;
        deed.on_done = done;
        deed.arg = arg;
        return hy__holding_call(p->syncher, &deed);
    }
    hy_call_t *c = party_call(p, done, arg), **slot = c ? hy_alloc(sizeof(hy_call_t *)) : NULL;
    if (slot) {
        *slot = c;
        c->slot = slot;
    }
    bool is_away = hy__is_away(p->syncher->manager, p->url); /* the node hears it in time */
    rc = slot ? hy__hosted_evict(h, hyperty, is_away ? NULL : on_expelled, slot) : HY_ENOMEM;
    if (rc == 0 && is_away) {
        const hy_ledger_t *l = ((hy_reporter_t *)p)->ledger;
        c->slot = NULL;
        hy_free(slot);
        if (!l) return hy__call_answer_now(c);
        rc = hy__call_wait(c, l->ticket);
        slot = NULL;
    }
    if (rc == 0) return 0;
    if (c) hy__call_free(c);
    hy_free(slot);
    return rc;
}

/* --- authorise, revoke ------------------------------------------------------------------------ */

static int check_who(hy_str_t **who, uint32_t count, hy_error_t *err) {
    hy_address_t address;
    for (uint32_t i = 0; i < count; i++) {
        int rc = hy_address_parse(who[i]->bytes, who[i]->len, &address, err);
        if (rc < 0) return rc;
        bool is_hyperty = strncmp(who[i]->bytes, "hyperty://", 10) == 0;
        if (!is_hyperty && !hy__is_user_url(who[i]))
            return hy_fail(err, HY_EINVALID, "%s is not the URL of a hyperty or user",
                           who[i]->bytes);
    }
    return 0;
}

/* 0, with its hosted object; or why nothing can be done with it. */
static int check_hosted(const hy_party_t *p, hy_hosted_t **out, hy_error_t *err) {
    int rc = check_reporter(p, err);
    if (rc == 0) rc = hy__reporter_check((const hy_reporter_t *)p, err);
    if (rc < 0) return rc;
    *out = hy__reporter_hosted((const hy_reporter_t *)p);
    return *out ? 0 : hy_fail(err, HY_ECLOSED, "%s is closed", p->url->bytes);
}

/* Where the object is stored, the rows come first. On failure the call is gone. */
static int answer_when_kept(hy_call_t *c) {
    const hy_ledger_t *l = ((const hy_reporter_t *)c->party)->ledger;
    if (!l) return hy__call_answer_now(c);
    int rc = hy__call_wait(c, l->ticket);
    if (rc < 0) hy__call_free(c);
    return rc;
}

int hy_party_authorise(hy_party_t *p, hy_str_t **who, uint32_t count, hy_done_cb done, void *arg,
                       hy_error_t *err) {
    hy_hosted_t *h;
    int rc = check_hosted(p, &h, err);
    if (rc == 0) rc = check_who(who, count, err);
    if (rc < 0) return rc;
    if (hy__trial_holds(p->syncher)) {
        hy_deed_call_t deed = {.what = HY_DEED_AUTHORISE, .party = p, .hyperties = who};
        deed.count = count;
        deed.on_done = done;
        deed.arg = arg;
        return hy__holding_call(p->syncher, &deed);
    }
    hy_call_t *c = party_call(p, done, arg);
    rc = c ? 0 : HY_ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        rc = hy__hosted_authorise(h, who[i]);
    }
    if (rc == 0) return answer_when_kept(c);
    if (c) hy__call_free(c);
    return rc;
}

int hy_party_revoke(hy_party_t *p, hy_str_t *who, hy_done_cb done, void *arg, hy_error_t *err) {
    hy_hosted_t *h;
    bool waits = false;
    int rc = check_hosted(p, &h, err);
    if (rc < 0) return rc;
    if (hy__trial_holds(p->syncher)) {
        hy_deed_call_t deed = {.what = HY_DEED_REVOKE, .party = p, .hyperties = &who};
        deed.count = 1;
        deed.on_done = done;
        deed.arg = arg;
        return hy__holding_call(p->syncher, &deed);
    }
    hy_call_t *c = party_call(p, done, arg), **slot = c ? hy_alloc(sizeof(hy_call_t *)) : NULL;
    if (slot) {
        *slot = c;
        c->slot = slot;
    }
    rc = slot ? hy__hosted_revoke(h, who, on_expelled, slot, &waits) : HY_ENOMEM;
    if (rc == 0 && waits) return 0;
    if (c) c->slot = NULL;
    hy_free(slot);
    if (rc == 0) return answer_when_kept(c);
    if (c) hy__call_free(c);
    if (rc != HY_ENOT_FOUND) return rc;
    return hy_fail(err, rc, "%s is not on the list of %s", who->bytes, p->url->bytes);
}

/* --- delete ----------------------------------------------------------------------------------- */

static void take_deleted(hy_call_t *c, hy_msg_t *answer, int code, const char *desc) {
    hy_syncher_t *s = c->syncher;
    (void)answer;
    hy__syncher_ref(s);
    if (code == 0) hy__party_close(c->party);
    if (!s->is_closing) hy__call_end(c, code, desc, NULL, hy_absent());
    hy__syncher_unref(s);
}

int hy_party_delete(hy_party_t *p, hy_done_cb done, void *arg, hy_error_t *err) {
    int rc = check_reporter(p, err);
    if (rc == 0 && ((hy_reporter_t *)p)->heir) rc = hy__reporter_check((hy_reporter_t *)p, err);
    if (rc == 0 && hy__trial_holds(p->syncher)) {
        hy_deed_call_t deed = {.what = HY_DEED_DELETE, .party = p, .on_done = done, .arg = arg};
        return hy__holding_call(p->syncher, &deed);
    }
    hy_call_t *c = rc == 0 ? party_call(p, done, arg) : NULL;
    if (!c) return rc < 0 ? rc : HY_ENOMEM;
    c->take = take_deleted;
    return hy__call_ask(c, HY_MSG_DELETE, p->syncher->manager->sm,
                        hy__body1("resource", hy__string_ref(p->url)), err);
}
