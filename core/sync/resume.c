/* Objects that the store keeps, taken up again by a hyperty of the same address (PROTOCOL.md
 * section 8).
 *
 *      reporter:  rows ─► object ─► claim and routes, above its epoch ─► new epoch stored
 *                   └─ deleted meanwhile: forgotten        │ held by another: conflict, rows stay
 *                              observers admitted, digest ◄┘
 *      observer:  rows ─► copy, given back at once ─► routes, subscribe since its position
 *
 * What `create` and `subscribe` ask for is looked for among what is kept before anything else. All
 * that a hyperty has: resume_all.c. */
#include "../base/mem.h"
#include "call.h"
#include "handover.h"

static void fail(hy_call_t *c, int code, const hy_error_t *err) {
    hy__call_end_all(c, code, err->text[0] ? err->text : hy_error_text(code), NULL);
}

static int read_object(hy_call_t *c, hy_str_t *url, hy_rows_cb take) {
    hy_store_t *store = c->syncher->manager->store;
    if (!store) return HY_ECLOSED;
    return hy_store_read(store, HY_LEDGER_TABLES, url, take, c, &c->rows);
}

/* --- reporters -------------------------------------------------------------------------------- */

int hy__reporter_store(hy_reporter_t *r, hy_store_level_t level) {
    hy_syncher_t *s = r->party.syncher;
    hy_store_t *store = s->manager->store;
    hy_ledger_t *l;
    if (level == HY_STORE_NONE || !store) return 0;
    int rc = hy__ledger_new(s->manager, r->party.object, level, true, &l);
    if (rc < 0) return rc;
    size_t mark = hy_store_mark(store);
    rc = hy__ledger_begin(l);
    if (rc == 0) rc = hy__party_keep(s->manager, s->url, r->party.object, true, level);
    if (rc < 0) {
        hy_store_undo(store, mark);
        hy__ledger_free(l);
        return rc;
    }
    r->ledger = l;
    return 0;
}

/* There is nothing to resume. */
static void make_anew(hy_call_t *c) {
    hy_error_t err = {.text = ""};
    if (!c->create.schema) {
        hy__call_end_all(c, HY_ENOT_FOUND, "nothing is stored of it", NULL);
        return;
    }
    int rc = hy__create_anew(c, &err);
    if (rc < 0) fail(c, rc, &err);
}

/* It was deleted, or never was whole. */
static void forget(const hy_call_t *c, hy_str_t *url) {
    hy_manager_t *m = c->syncher->manager;
    hy__ledger_remove(m, url);
    hy__party_forget(m, c->syncher->url, url);
}

void hy__reporter_woke(hy_party_t *p) {
    if (p->is_reporter) ((hy_reporter_t *)p)->is_waking = false;
}

/* The sync manager holds it: reported from now on, in the epoch in which it is held. */
static int report(hy_call_t *c, hy_hosted_t *h, hy_reporter_t **out) {
    hy_ledger_t *l = c->ledger;
    hy_object_t *o = l->object;
    bool is_public = hy_get_bool(o->metadata, "publicObservation", false);
    c->ledger = NULL;
    hy_object_begin_epoch(o, hy__hosted_epoch(h));
    int rc = hy__reporter_new(c->syncher, o, is_public, out);
    if (rc < 0) {
        hy__ledger_free(l);
        return rc;
    }
    (*out)->ledger = l;
    hy_value_t guests = l->guests;
    l->guests = hy_absent();
    rc = guests.kind == HY_ARRAY ? hy__hosted_restore_guests(h, guests.as.n) : 0;
    hy_value_drop(guests);
    if (rc == 0) rc = hy__ledger_snapshot(l);
    const hy_kept_t *k = hy_dict_get(&c->syncher->kept, o->url);
    bool is_taken = k && k->handing.peer && k->handing.is_heir;
    if (rc == 0 && is_taken) rc = hy__taken_keep(c->syncher->manager, o->url, k->handing.epoch);
    if (rc == 0) rc = hy__party_keep(c->syncher->manager, c->syncher->url, o, true, l->level);
    if (rc == 0) hy_store_sync(c->syncher->manager->store); /* its epoch is not to be forgotten */
    if (rc == 0) hy__ledger_written(l);
    if (rc < 0) hy__party_close(&(*out)->party);
    return rc;
}

/* It was handed over, and its heir was killed before it could say so in the metadata; or its schema
 * is another version by now, which it fits. Should it not be possible now, it can be resumed, but
 * not handed on. */
static void sign(hy_hosted_t *h, hy_reporter_t *r) {
    const hy_node_t *metadata = r->party.object->metadata;
    hy_str_t *digest = hy_get_str(metadata, "schemaDigest");
    bool is_of_version =
        r->misfit || (digest && hy_str_equal(digest, r->party.object->schema->digest));
    hy_str_t *reporter = hy_get_str(metadata, "reporter");
    hy_str_t *runtime = hy_get_str(metadata, "runtime");
    bool is_signed = is_of_version && reporter && runtime && hy_str_equal(reporter, h->reporter) &&
                     hy_str_equal(runtime, h->manager->runtime);
    if (is_signed) return;
    hy__hosted_digest(h); /* before anything else of this epoch */
    hy__reporter_sign(r);
}

static void resumed(hy_call_t *c) {
    hy_manager_t *m = c->syncher->manager;
    hy_hosted_t *h = hy__part_find(&m->hosted, c->ledger->object->url);
    hy_reporter_t *r;
    int rc = h ? report(c, h, &r) : HY_EDELETED;
    if (rc < 0) {
        if (h) hy__hosted_rest(h);
        hy__call_end_all(c, rc, hy_error_text(rc), NULL);
        return;
    }
    r->party.is_resumed = r->is_waking = true;
    hy__fit_resumed(r);
    hy__hosted_judge(h, NULL, NULL, NULL); /* by the rules of now */
    sign(h, r);
    hy__job_want(&h->job); /* admits its observers, and says where it stands */
    hy__hosted_doubt_later(h);
    hy__pulse_start(m);
    c->party = hy_party_ref(&r->party);
    rc = hy__call_wait(c, r->ledger->ticket);
    if (rc < 0) hy__call_end_all(c, rc, hy_error_text(rc), NULL);
}

static void take_resumed(hy_call_t *c, hy_msg_t *answer, int code, const char *desc) {
    hy_str_t *url = c->ledger->object->url;
    hy_error_t err = {.text = ""};
    hy_party_t *p = hy__syncher_find_party(c->syncher, url, true);
    (void)answer;
    if (code == 0) {
        resumed(c);
    } else if (p) { /* two asked at once */
        hy__call_end_all(c, 0, "", p);
    } else if (code == HY_EDELETED) {
        forget(c, url);
        make_anew(c);
    } else if (code == HY_ECONFLICT || code == HY_EFORBIDDEN) {
        hy_fail(&err, HY_ECONFLICT,
                "%s is reported by another runtime now (%s); what is stored of it here stays: "
                "stop that one, or create another with new = true",
                url->bytes, desc);
        fail(c, HY_ECONFLICT, &err);
    } else {
        hy_fail(&err, code, "%s cannot be resumed: %s", url->bytes, desc);
        fail(c, code, &err);
    }
}

/* The one to be above: also above the one that it was offered in. */
static hy_str_t *epoch_before(const hy_call_t *c) {
    const hy_object_t *o = c->ledger->object;
    const hy_kept_t *k = hy_dict_get(&c->syncher->kept, o->url);
    hy_str_t *offered = k && k->handing.peer ? k->handing.epoch : NULL;
    return offered && hy_epoch_compare(offered, o->epoch) > 0 ? offered : o->epoch;
}

static hy_value_t resume_body(const hy_call_t *c) {
    const hy_ledger_t *l = c->ledger;
    hy_object_t *o = l->object;
    hy_value_t metadata;
    hy_value_t lent = {.kind = HY_OBJECT, .as.n = hy_object_metadata(o)};
    hy_value_t body = hy__body1("resource", hy__string_ref(o->url));
    if (body.kind != HY_OBJECT) return body;
    int rc = hy_put(body.as.n, "resume", hy_bool(true));
    if (rc == 0) rc = hy_put(body.as.n, "schema", hy__string_ref(o->schema->url));
    if (rc == 0) rc = hy_put(body.as.n, "epoch", hy__string_ref(epoch_before(c)));
    if (rc == 0) rc = hy_put(body.as.n, "store", hy__level_value(l->level));
    if (rc == 0) rc = hy_value_copy(lent, &metadata);
    if (rc == 0) rc = hy_put(body.as.n, "value", metadata);
    if (rc == 0) return body;
    hy_value_drop(body);
    return hy_absent();
}

static int resume_knowing(hy_call_t *c, hy_error_t *err) {
    hy_manager_t *m = c->syncher->manager;
    hy_object_t *o = c->ledger->object;
    const hy_str_t *schema = hy_get_str(o->metadata, "schema");
    if (!o->schema && schema) hy_object_set_schema(o, hy_schemas_find(m->schemas, schema));
    if (!o->schema)
        return hy_fail(err, HY_ENOT_FOUND, "%s: its schema is not known here any more",
                       o->url->bytes);
    c->take = take_resumed;
    return hy__call_transmit(c, HY_MSG_CREATE, m->sm, resume_body(c), err);
}

static void on_original(void *call, int code, const hy_rows_t *rows) {
    hy_call_t *c = call;
    hy_manager_t *m = c->syncher->manager;
    hy_error_t err = {.text = ""};
    c->rows = NULL;
    if (code < 0) {
        hy__fail_read(m, c->kept, code, &err);
        fail(c, code, &err);
        return;
    }
    code = hy__ledger_restore(m, c->kept, rows, c->kept_level, true, &c->ledger, &err);
    if (code == HY_ENOT_FOUND) {
        forget(c, c->kept);
        make_anew(c);
        return;
    }
    if (code == 0) {
        const hy_object_t *o = c->ledger->object;
        const hy_str_t *schema = o->schema ? NULL : hy_get_str(o->metadata, "schema");
        code = schema ? hy__call_knowing(c, schema, resume_knowing, &err) : resume_knowing(c, &err);
    }
    if (code < 0) fail(c, code, &err);
}

static void resume_original(hy_call_t *c) {
    int rc = read_object(c, c->kept, on_original);
    if (rc < 0) hy__call_end_all(c, rc, hy_error_text(rc), NULL);
}

/* What was offered has come to nothing. */
static void resume_without(hy_call_t *c) {
    hy_error_t err = {.text = ""};
    const hy_kept_t *k = hy_dict_get(&c->syncher->kept, c->kept);
    if (!c->is_part) {
        int rc = hy__create_anew(c, &err);
        if (rc < 0) fail(c, rc, &err);
    } else if (k && !k->is_reporter) {
        hy__resume_copy(c, k);
    } else {
        hy__call_end_all(c, 0, "", NULL);
    }
}

static void refuse_given(hy_call_t *c, const hy_kept_t *k, hy_settled_t where) {
    const hy_handing_t *g = &k->handing;
    hy_error_t err;
    if (where == HY_SETTLED_ELSEWHERE) {
        hy_fail(&err, HY_ECONFLICT,
                "%s was handed over to %s and is reported there; what is stored of it here stays "
                "until that one has confirmed it: create another with new = true",
                k->key->bytes, g->peer->bytes);
        hy__handed_watch(c->syncher->manager, k->key, c->syncher->url, g->sm, g->epoch, true);
        fail(c, HY_ECONFLICT, &err);
        return;
    }
    hy_fail(&err, HY_EUNREACHABLE,
            "%s was being handed over %s %s, and neither the message node nor that one tells where "
            "it is now; what is stored of it here stays: start that one, or create another with "
            "new = true",
            k->key->bytes, g->is_heir ? "by" : "to", g->peer->bytes);
    fail(c, HY_EUNREACHABLE, &err);
}

/* It may have been found out, or resumed, by another call meanwhile. */
static void on_settled(void *arg, hy_settled_t where) {
    hy_call_t **slot = arg, *c = *slot;
    hy_free(slot);
    if (!c) return;
    c->slot = NULL;
    hy_syncher_t *s = c->syncher;
    const hy_kept_t *k = hy_dict_get(&s->kept, c->kept);
    hy_party_t *p = hy__syncher_find_party(s, c->kept, true);
    bool is_coming = p ? hy__reporter_is_coming(p) : k && hy__takeover_has(s->manager, k);
    if (p && !is_coming) {
        hy__call_end_all(c, 0, "", p);
        return;
    }
    if (is_coming) k = NULL;
    bool is_offered = k && k->handing.peer && k->handing.is_heir;
    if (is_offered && where == HY_SETTLED_ELSEWHERE) {
        hy__handing_let_go(s, c->kept);
        k = NULL;
    }
    if (!k || !k->is_reporter) {
        resume_without(c);
    } else if (where == HY_SETTLED_HERE || !k->handing.peer) {
        resume_original(c);
    } else {
        refuse_given(c, k, where);
    }
}

/* It was on its way from or to another reporter: where is it? */
static int settle(hy_call_t *c, const hy_kept_t *k) {
    hy_syncher_t *s = c->syncher;
    if (hy__is_away(s->manager, k->key)) return HY_EUNREACHABLE;
    hy_call_t **slot = hy_alloc(sizeof(hy_call_t *));
    if (!slot) return HY_ENOMEM;
    int rc = hy__handing_settle(s->manager, s->url, k->key, &k->handing, on_settled, slot);
    if (rc < 0) {
        hy_free(slot);
        return rc;
    }
    *slot = c;
    c->slot = slot;
    return 0;
}

void hy__resume_reporter(hy_call_t *c, const hy_kept_t *k) {
    c->kept = hy_str_ref(k->key);
    c->kept_level = k->level;
    if (!k->handing.peer) {
        resume_original(c);
        return;
    }
    int rc = settle(c, k);
    if (rc < 0) hy__call_end_all(c, rc, hy_error_text(rc), NULL);
}

static const hy_kept_t *find_kept(const hy_call_t *c) {
    const hy_syncher_t *s = c->syncher;
    const hy_create_t *what = &c->create;
    const hy_kept_t *k;
    for (uint32_t pos = 0; (k = hy_dict_next(&s->kept, &pos));) {
        bool is_named = what->name ? k->name && hy_str_equal(k->name, what->name) : !k->name;
        if (!k->is_reporter || !is_named || (what->url && !hy_str_equal(k->key, what->url)))
            continue;
        if (hy__takeover_has(s->manager, k)) continue;
        if (hy__kept_is(k, s->manager->schemas, what->schema, NULL)) return k;
    }
    return NULL;
}

void hy__create_or_resume(hy_call_t *c) {
    const hy_schema_t *schema = hy_schemas_find(c->syncher->manager->schemas, c->create.schema);
    hy_party_t *known = hy__find_reporter(c->syncher, schema, c->create.name);
    const hy_kept_t *k = known ? NULL : find_kept(c);
    if (known) { /* made while it was being looked for */
        known->is_resumed = true;
        hy__fit_move((hy_reporter_t *)known, schema);
        hy__call_end_all(c, 0, "", known);
    } else if (k) {
        hy__resume_reporter(c, k);
    } else {
        make_anew(c);
    }
}

/* --- observers -------------------------------------------------------------------------------- */

static void observe_anew(hy_call_t *c) {
    hy_error_t err = {.text = ""};
    int rc = hy__subscribe_anew(c, &err);
    if (rc < 0) fail(c, rc, &err);
}

static void on_copy(void *call, int code, const hy_rows_t *rows) {
    hy_call_t *c = call;
    hy_syncher_t *s = c->syncher;
    hy_error_t err = {.text = ""};
    hy_observer_t *o = NULL;
    hy_ledger_t *l = NULL;
    c->rows = NULL;
    if (code < 0) {
        hy__fail_read(s->manager, c->url, code, &err);
        fail(c, code, &err);
        return;
    }
    code = hy__ledger_restore(s->manager, c->url, rows, c->create.store, false, &l, &err);
    if (code == HY_EINVALID)
        hy_log(hy_bus_log(s->manager->bus), HY_LOG_ERROR, "sync", "%s; it is read anew", err.text);
    bool is_there = hy__part_find(&s->manager->replicas, c->url) != NULL; /* by now */
    if (code == HY_EINVALID || code == HY_ENOT_FOUND || (code == 0 && is_there)) {
        if (l) hy_object_free(l->object);
        hy__ledger_free(l);
        observe_anew(c);
        return;
    }
    if (code == 0) code = hy__replica_restore(s, l, &o);
    if (code < 0) {
        fail(c, code, &err);
        return;
    }
    o->party.is_resumed = true;
    hy__call_end_all(c, 0, "", &o->party);
}

static void resume_observer(hy_call_t *c, const hy_kept_t *k) {
    const hy_manager_t *m = c->syncher->manager;
    if (c->create.store < k->level) c->create.store = k->level;
    c->resumes = true;
    int rc = hy__part_find(&m->replicas, c->url) ? HY_ECONFLICT : read_object(c, c->url, on_copy);
    if (rc < 0) observe_anew(c);
}

/* Two that ask for one object at once: the second would be told that the first is under way, and
 * the first would be dropped with it. */
void hy__resume_copy(hy_call_t *c, const hy_kept_t *k) {
    bool joins = hy__is_subscribing(c->syncher, k->key);
    c->url = hy_str_ref(k->key);
    if (!joins) resume_observer(c, k);
}

void hy__subscribe_or_resume(hy_call_t *c) {
    const hy_syncher_t *s = c->syncher;
    const hy_kept_t *k = hy_dict_get(&s->kept, c->url);
    hy_party_t *known = hy__syncher_find_party(s, c->url, false);
    if (known) {
        hy__call_end_all(c, 0, "", known);
        return;
    }
    bool is_kept =
        k && !k->is_reporter && hy__kept_is(k, s->manager->schemas, c->create.schema, NULL);
    if (is_kept) {
        resume_observer(c, k);
    } else {
        observe_anew(c);
    }
}
