/* Hosting: the sync manager's side of objects that are reported here (PROTOCOL.md section 5:
 * create, invite, subscribe, unsubscribe, evict, delete).
 *
 *      create:  schema ─► URL from the node ─► routes, guarded ─► registry ─► 200 to the syncher
 *      subscribe at <Object>/subscription:
 *               pre-authorised, observing already, public ──────► admit, snapshot, 200
 *               else: forward to the reporter, which decides ───► the same, or 403
 *
 * A hosted object owns its listener on <Object>/subscription and knows who may observe and who
 * does. The data is the reporter's; hosting asks the syncher for it when it answers. */
#include "../base/mem.h"
#include "sync.h"

/* Who may observe or does. */
typedef struct {
    hy_str_t *key;  /* hyperty URL */
    hy_str_t *user; /* as subscribed, NULL if not told */
    bool is_authorised, is_observing;
} guest_t;

struct hy_hosted {
    hy_manager_t *manager;
    hy_str_t *url, *subscription, *reporter;
    const hy_schema_t *schema;
    hy_listener_t *on_subscription;
    hy_dict_t guests;
    bool is_public;
};

/* --- guests ----------------------------------------------------------------------------------- */

static guest_t *find_guest(const hy_hosted_t *h, const hy_str_t *hyperty) {
    return hy_dict_find(&h->guests, hyperty->bytes, hyperty->len,
                        hy_hash(hyperty->bytes, hyperty->len));
}

bool hy__hosted_has_guest(const hy_hosted_t *h, const hy_str_t *hyperty) {
    return find_guest(h, hyperty) != NULL;
}

bool hy__hosted_has_observer(const hy_hosted_t *h, const hy_str_t *hyperty) {
    const guest_t *g = find_guest(h, hyperty);
    return g && g->is_observing;
}

hy_str_t *hy__hosted_user(const hy_hosted_t *h, const hy_str_t *hyperty) {
    const guest_t *g = find_guest(h, hyperty);
    return g ? g->user : NULL;
}

int hy__hosted_observers(const hy_hosted_t *h, hy_value_t *out) {
    hy_node_t *list = hy_node_new(HY_ARRAY);
    int rc = list ? 0 : HY_ENOMEM;
    const guest_t *g;
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

/* Finds or makes it. */
static int put_guest(hy_hosted_t *h, hy_str_t *hyperty, guest_t **out) {
    *out = find_guest(h, hyperty);
    if (*out) return 0;
    if (h->guests.count >= HY_OBJECT_ADMITTED_MAX) return HY_EFULL;
    *out = hy_dict_add(&h->guests, hyperty);
    return *out ? 0 : HY_ENOMEM;
}

static void remove_guest(hy_hosted_t *h, guest_t *g) {
    hy_str_unref(g->user);
    g->user = NULL;
    hy_dict_remove(&h->guests, g);
}

void hy__hosted_free(hy_hosted_t *h) {
    guest_t *g;
    for (uint32_t pos = 0; (g = hy_dict_next(&h->guests, &pos));) {
        hy_str_unref(g->user);
    }
    hy_dict_deinit(&h->guests);
    hy_listener_close(h->on_subscription);
    hy_str_unref(h->url);
    hy_str_unref(h->subscription);
    hy_str_unref(h->reporter);
    hy_free(h);
}

static hy_reporter_t *find_reporter(const hy_hosted_t *h) {
    hy_syncher_t *s = hy__manager_find_syncher(h->manager, h->reporter);
    hy_party_t *p = s ? hy__syncher_find_party(s, h->url, true) : NULL;
    return (hy_reporter_t *)p;
}

int hy__object_answer(hy_object_t *o, const hy_node_t *since, hy_value_t *out) {
    int rc = since ? hy_object_since(o, since, out) : HY_ENOT_FOUND;
    return rc == HY_ENOT_FOUND ? hy_object_whole(o, out) : rc;
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
    const hy_reporter_t *r = find_reporter(h);
    const hy_node_t *body = hy_msg_body(request);
    guest_t *g = NULL;
    hy_value_t answer = hy_absent();
    int rc = r ? hy__object_answer(r->party.object, hy_get_object(body, "since"), &answer)
               : HY_ENOT_FOUND;
    if (rc == 0) rc = put_guest(h, subscriber, &g);
    /* Admit goes out in the turn of the snapshot: what changes later reaches the observer. */
    if (rc == 0) rc = hy__domain_guard(h->manager, "admit", h->url, subscriber, NULL, NULL);
    if (rc < 0) {
        if (g && !g->is_authorised && !g->is_observing) remove_guest(h, g);
        hy_value_drop(answer);
        hy_bus_respond(h->manager->bus, request, r ? hy_error_http(rc) : 404,
                       r ? hy_error_text(rc) : "the object has no reporter any more", hy_absent());
        return;
    }
    hy_str_t *user = hy_get_str(hy_get_object(body, "identity"), "user");
    if (user) hy_str_ref(user);
    hy_str_unref(g->user);
    g->user = user;
    g->is_observing = true;
    hy_bus_respond(h->manager->bus, request, 200, NULL, answer);
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
    } else {
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
    const guest_t *g = find_guest(h, subscriber);
    if (h->is_public || (g && (g->is_authorised || g->is_observing))) {
        accept(h, request, subscriber);
    } else {
        ask_reporter(h, request, subscriber);
    }
}

static void on_unsubscribe(hy_hosted_t *h, hy_msg_t *request) {
    hy_str_t *source = hy_get_str(hy_msg_body(request), "source");
    guest_t *g = source ? find_guest(h, source) : NULL;
    if (g && g->is_observing) {
        hy_str_ref(source);
        hy__domain_guard(h->manager, "expel", h->url, source, NULL, NULL);
        hy__manager_send(h->manager, HY_MSG_FORWARD, h->url, h->reporter,
                         forward_body(h, "unsubscribe", source, hy_absent()));
        g->is_observing = false;
        if (!g->is_authorised) remove_guest(h, g);
        hy_str_unref(source);
    }
    hy_bus_respond(h->manager->bus, request, 200, NULL, hy_absent());
}

/* An invited hyperty answered: told to the reporter as it is. */
static void on_invite_answer(hy_hosted_t *h, hy_msg_t *answer) {
    hy_value_t body = forward_body(h, "response", answer->from, hy_absent());
    if (body.kind == HY_OBJECT && hy_put(body.as.n, "code", hy_int(hy_msg_code(answer))) < 0) {
        hy_value_drop(body);
        return;
    }
    hy__manager_send(h->manager, HY_MSG_FORWARD, h->url, h->reporter, body);
}

static void on_subscription(void *arg, hy_msg_t *m) {
    hy_hosted_t *h = arg;
    if (m->type == HY_MSG_SUBSCRIBE) {
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

/* --- create ----------------------------------------------------------------------------------- */

typedef struct {
    hy_manager_t *manager;
    hy_msg_t *request;
    hy_hosted_t *hosted;                         /* owned until it is in the manager */
    hy_str_t *url;                               /* NULL: not known yet */
    bool is_allocated, is_routed, is_registered; /* what to give back on failure */
} creating_t;

/* <Object> and <Object>/subscription; and the children, which the reporter keeps. */
static hy_value_t routed_resources(const hy_hosted_t *h) {
    hy_value_t list = hy__list2(hy_str_ref(h->url), hy_str_ref(h->subscription));
    if (list.kind == HY_ABSENT || h->schema->collection_count == 0) return list;
    hy_str_t *children = hy__url_below(h->url, "/children/");
    if (children && hy_node_insert(list.as.n, 2, hy_string(children)) == 0) return list;
    hy_value_drop(list);
    return hy_absent();
}

/* Gives back what the node gave for an object that is not to be. */
static void undo_create(creating_t *c) {
    hy_hosted_t *h = c->hosted;
    if (h && c->is_routed)
        hy__domain_unsubscribe(c->manager, routed_resources(h), NULL, NULL, NULL);
    if (c->is_registered) hy__domain_unregister(c->manager, c->url);
    if (c->is_allocated) hy__domain_deallocate(c->manager, c->url);
    if (h) hy__hosted_free(h);
}

static void creating_end(creating_t *c, int code, const char *desc, hy_value_t value) {
    hy_manager_t *m = c->manager;
    if (c->url && hy__part_find(&m->creating, c->url) == c) hy__part_remove(&m->creating, c->url);
    if (code < 0) {
        hy_bus_respond(m->bus, c->request, hy_error_http(code), desc, hy_absent());
        undo_create(c);
    } else {
        hy_bus_respond(m->bus, c->request, 200, NULL, value);
    }
    hy_msg_unref(c->request);
    hy_str_unref(c->url);
    hy_free(c);
}

static void create_registered(void *arg, int code, const char *desc, hy_node_t *body) {
    creating_t *c = arg;
    hy_hosted_t *h = c->hosted;
    hy_value_t value = hy_absent();
    (void)body;
    c->is_registered = code == 0;
    if (code == 0 && !hy__manager_find_syncher(c->manager, h->reporter)) {
        code = HY_ECLOSED;
        desc = "the hyperty has stopped";
    }
    if (code == 0) value = hy__resource_value(h->url, h->schema);
    if (code == 0 && value.kind == HY_ABSENT) code = HY_ENOMEM;
    if (code == 0) code = hy__part_add(&c->manager->hosted, h->url, h);
    if (code == 0) c->hosted = NULL;
    if (code < 0) hy_value_drop(value);
    creating_end(c, code, desc, value);
}

/* What the registry says of the object: the metadata that finds it. */
static hy_value_t registry_entry(const creating_t *c) {
    static const char *const copied[] = {"name", "description", "tags", "user"};
    const hy_node_t *metadata = hy_get_object(hy_msg_body(c->request), "value");
    hy_node_t *entry = hy_node_new(HY_OBJECT);
    int rc = entry ? hy_put(entry, "url", hy__string_ref(c->hosted->url)) : HY_ENOMEM;
    for (size_t i = 0; rc == 0 && i < sizeof copied / sizeof copied[0]; i++) {
        hy_value_t copy, v = hy_get(metadata, copied[i]);
        if (v.kind == HY_ABSENT) continue;
        rc = hy_value_copy(v, &copy);
        if (rc == 0) rc = hy_put(entry, copied[i], copy);
    }
    if (rc == 0) rc = hy_put(entry, "type", hy_text("dataObject"));
    if (rc == 0) rc = hy_put(entry, "schema", hy__string_ref(c->hosted->schema->url));
    if (rc == 0) rc = hy_put(entry, "reporter", hy__string_ref(c->hosted->reporter));
    if (rc == 0) rc = hy_put(entry, "runtime", hy__string_ref(c->manager->runtime));
    if (rc == 0) rc = hy_put(entry, "status", hy_text("live"));
    if (rc == 0) return hy_node_value(entry);
    if (entry) hy_node_unref(entry);
    return hy_absent();
}

static void create_routed(void *arg, int code, const char *desc, hy_node_t *body) {
    creating_t *c = arg;
    (void)body;
    c->is_routed = code == 0;
    if (code == 0) hy_bus_respond(c->manager->bus, c->request, 100, NULL, hy_absent());
    if (code == 0) code = hy__domain_register(c->manager, registry_entry(c), create_registered, c);
    if (code < 0) creating_end(c, code, desc, hy_absent());
}

static int create_at(creating_t *c, hy_str_t *url, const char **desc) {
    hy_manager_t *m = c->manager;
    hy_hosted_t *h = c->hosted;
    c->url = hy_str_ref(url);
    if (hy__part_find(&m->hosted, url) || hy__part_find(&m->creating, url)) {
        *desc = "this runtime reports that object already";
        return HY_ECONFLICT;
    }
    h->url = hy_str_ref(url);
    h->subscription = hy__url_below(url, "/subscription");
    if (!h->subscription) return HY_ENOMEM;
    int rc = hy__part_add(&m->creating, url, c);
    if (rc == 0)
        rc = hy_bus_listen(m->bus, h->subscription, on_subscription, h, &h->on_subscription);
    if (rc < 0) return rc;
    return hy__domain_subscribe(m, routed_resources(h), h->reporter, true, create_routed, c);
}

static void create_allocated(void *arg, int code, const char *desc, hy_node_t *body) {
    creating_t *c = arg;
    hy_node_t *list = hy_get_array(hy_get_object(body, "value"), "allocated");
    hy_value_t url = list ? hy_node_at(list, 0) : hy_absent();
    if (code == 0 && url.kind != HY_STR) code = HY_EINVALID;
    c->is_allocated = code == 0;
    if (code == 0) hy_bus_respond(c->manager->bus, c->request, 100, NULL, hy_absent());
    if (code == 0) code = create_at(c, url.as.s, &desc);
    if (code < 0) creating_end(c, code, desc, hy_absent());
}

/* What this runtime cannot do is refused, never ignored. */
static const char *unserved(const hy_node_t *body, hy_error_t *err) {
    const hy_str_t *url = hy_get_str(body, "resource");
    if (hy_get_bool(body, "p2p", false))
        return "p2p is not served by this runtime; leave it out: messages go by the message node";
    if (hy_get_bool(body, "store", false))
        return "store is not served by this runtime, which keeps objects in memory only; leave it "
               "out";
    if (hy_get_bool(hy_get_object(body, "value"), "mutual", false))
        return "mutual is not served by this runtime; leave it out";
    if (url && hy__check_object_url(url, err) < 0) return err->text;
    return NULL;
}

void hy__hosting_create(hy_manager_t *m, hy_msg_t *request) {
    const hy_node_t *body = hy_msg_body(request);
    hy_str_t *schema_name = hy_get_str(body, "schema"), *url = hy_get_str(body, "resource");
    const hy_schema_t *schema = schema_name ? hy_schemas_find(m->schemas, schema_name) : NULL;
    hy_error_t err = {.text = ""};
    const char *refusal = unserved(body, &err), *desc = "out of memory";
    if (!schema || refusal || !hy_get_object(body, "value")) {
        hy_bus_respond(m->bus, request, refusal ? 400 : 404,
                       refusal ? refusal : "there is no such schema here", hy_absent());
        return;
    }
    creating_t *c = hy_alloc_zero(sizeof *c);
    hy_hosted_t *h = c ? hy_alloc_zero(sizeof *h) : NULL;
    if (!h) {
        hy_free(c);
        hy_bus_respond(m->bus, request, 503, "out of memory", hy_absent());
        return;
    }
    *c = (creating_t){.manager = m, .request = hy_msg_ref(request), .hosted = h};
    h->manager = m;
    h->schema = schema;
    h->reporter = hy_str_ref(request->from);
    h->is_public = hy_get_bool(hy_get_object(body, "value"), "publicObservation", false);
    hy_dict_init(&h->guests, sizeof(guest_t));
    int rc = url ? create_at(c, url, &desc)
                 : hy__domain_allocate(m, schema->scheme->bytes, create_allocated, c);
    if (rc < 0) creating_end(c, rc, desc, hy_absent());
}

/* --- invite, evict, delete -------------------------------------------------------------------- */

static int invite_one(hy_hosted_t *h, hy_str_t *hyperty, const hy_node_t *body) {
    guest_t *g;
    int rc = put_guest(h, hyperty, &g);
    if (rc < 0) return rc;
    g->is_authorised = true;
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
    /* A request whose answer is wanted by the listener on /subscription, so it has an id but nobody
     * waits. */
    hy_msg_t *m = hy_msg_new(HY_MSG_CREATE, hy_int(hy_bus_next_id(h->manager->bus)),
                             h->subscription, hyperty, hy_node_value(invitation));
    if (!m) return HY_ENOMEM;
    rc = hy_bus_send(h->manager->bus, m);
    hy_msg_unref(m);
    return rc;
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
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < hy_node_count(authorise); i++) {
        hy_value_t hyperty = hy_node_at(authorise, i);
        rc = hyperty.kind == HY_STR ? invite_one(h, hyperty.as.s, body) : HY_EINVALID;
    }
    hy_bus_respond(m->bus, request, rc < 0 ? hy_error_http(rc) : 200,
                   rc < 0 ? hy_error_text(rc) : NULL, hy_absent());
}

int hy__hosted_evict(hy_hosted_t *h, hy_str_t *hyperty, hy_domain_cb done, void *arg) {
    guest_t *g = find_guest(h, hyperty);
    if (!g) return HY_ENOT_FOUND;
    int rc = hy__domain_guard(h->manager, "expel", h->url, hyperty, done, arg);
    if (rc < 0) return rc;
    hy__manager_send(h->manager, HY_MSG_UNSUBSCRIBE, h->subscription, hyperty,
                     hy__body1("resource", hy__string_ref(h->url)));
    remove_guest(h, g);
    return 0;
}

void hy__hosted_delete(hy_hosted_t *h) {
    hy_manager_t *m = h->manager;
    hy_str_t *changes = hy__url_below(h->url, "/changes");
    if (changes)
        hy__manager_send(m, HY_MSG_DELETE, h->subscription, changes,
                         hy__body1("resource", hy__string_ref(h->url)));
    hy_str_unref(changes);
    hy__domain_unregister(m, h->url);
    hy__domain_unsubscribe(m, routed_resources(h), NULL, NULL, NULL);
    hy__domain_deallocate(m, h->url);
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
    hy__hosted_delete(h);
    hy_bus_respond(m->bus, request, 200, NULL, hy_absent());
}
