/* Creating objects that are reported here (PROTOCOL.md section 5, Create).
 *
 *      schema ─► URL from the node ─► claim and routes, guarded ─► registry ─► 200 to the syncher
 *
 * What fails on the way gives back what the node gave. */
#include "../base/mem.h"
#include "../base/mutant.h"
#include "hosted.h"

typedef struct {
    hy_manager_t *manager;
    hy_msg_t *request;
    hy_hosted_t *hosted;                         /* owned until it is in the manager */
    hy_str_t *url;                               /* NULL: not known yet */
    bool is_allocated, is_routed, is_registered; /* what to give back on failure */
    bool is_second;                              /* the node told a higher epoch */
    uint64_t session;                            /* of the manager, when it began */
    hy_error_t why;                              /* of a failure */
} creating_t;

/* Gives back what the node gave for an object that is not to be. */
static void undo_create(creating_t *c) {
    hy_hosted_t *h = c->hosted;
    if (h && c->is_routed) hy__domain_unroute(c->manager, hy__hosted_resources(h), h->url, NULL);
    if (c->is_registered) hy__registration_end(c->manager, c->url, true);
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
    /* Half of it was said to a session that is no more. */
    if (code == 0 && c->session != c->manager->sessions) hy__job_want(&h->job);
    creating_end(c, code, desc, value);
}

hy_value_t hy__hosted_entry(const hy_hosted_t *h, const hy_node_t *metadata) {
    static const char *const copied[] = {"name", "description", "tags", "resources", "user"};
    hy_node_t *entry = hy_node_new(HY_OBJECT);
    int rc = entry ? hy_put(entry, "url", hy__string_ref(h->url)) : HY_ENOMEM;
    for (size_t i = 0; rc == 0 && i < sizeof copied / sizeof copied[0]; i++) {
        hy_value_t copy, v = hy_get(metadata, copied[i]);
        if (v.kind == HY_ABSENT) continue;
        rc = hy_value_copy(v, &copy);
        if (rc == 0) rc = hy_put(entry, copied[i], copy);
    }
    if (rc == 0) rc = hy_put(entry, "type", hy_text("dataObject"));
    if (rc == 0) rc = hy_put(entry, "schema", hy__string_ref(h->schema->url));
    if (rc == 0) rc = hy_put(entry, "reporter", hy__string_ref(h->reporter));
    if (rc == 0) rc = hy_put(entry, "runtime", hy__string_ref(h->manager->runtime));
    if (rc == 0) rc = hy_put(entry, "status", hy_text("live"));
    if (rc == 0) return hy_node_value(entry);
    if (entry) hy_node_unref(entry);
    return hy_absent();
}

static hy_value_t registry_entry(const creating_t *c) {
    return hy__hosted_entry(c->hosted, hy_get_object(hy_msg_body(c->request), "value"));
}

static int hold(creating_t *c, const hy_str_t *before);

/* A known URL may have had epochs before; the node tells the highest. */
static bool hold_higher(creating_t *c, hy_node_t *body) {
    const hy_str_t *epoch = hy_get_str(hy_get_object(body, "value"), "epoch");
    bool is_first = !c->is_second;
    c->is_second = true;
    return epoch && is_first && hold(c, epoch) == 0;
}

static void create_routed(void *arg, int code, const char *desc, hy_node_t *body) {
    creating_t *c = arg;
    if (code == HY_ECONFLICT && hold_higher(c, body)) return;
    c->is_routed = code == 0;
    if (code == 0) hy_bus_respond(c->manager->bus, c->request, 100, NULL, hy_absent());
    if (code == 0)
        code = hy__registration_add(c->manager, c->url, registry_entry(c), false, create_registered,
                                    c);
    if (code < 0) creating_end(c, code, desc, hy_absent());
}

/* Claims and routes the object in an epoch above that one. */
static int hold(creating_t *c, const hy_str_t *before) {
    hy_manager_t *m = c->manager;
    hy_hosted_t *h = c->hosted;
    uint32_t random = (uint32_t)hy_random_below(hy_bus_random(m->bus), UINT32_MAX);
    hy_str_unref(h->epoch);
    h->epoch = hy_epoch_after(before, random);
    if (!h->epoch) return HY_ENOMEM;
    hy_value_t body = hy__hold_body(hy__hosted_resources(h), h->reporter, h->epoch);
    return hy__domain_ask(m, HY_MSG_SUBSCRIBE, hy__domain_sm(m, h->url), body, create_routed, c);
}

static int begin_secret(creating_t *c, hy_str_t *url, const char **desc) {
    hy_manager_t *m = c->manager;
    bool is_mutual = hy__is_mutual(hy_get_object(hy_msg_body(c->request), "value"));
    const hy_syncher_t *s = hy__manager_find_syncher(m, c->hosted->reporter);
    int rc = hy__secret_begin(m, url, is_mutual, s ? s->user : NULL, &c->why);
    if (rc < 0 && c->why.text[0]) *desc = c->why.text;
    return rc;
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
    int rc = begin_secret(c, url, desc);
    if (rc == 0) rc = hy__part_add(&m->creating, url, c);
    if (rc == 0)
        rc = hy_bus_listen(m->bus, h->subscription, hy__hosted_on_subscription, h,
                           &h->on_subscription);
    if (rc < 0) return rc;
    hy__hosted_init_job(h);
    hy__domain_route_wanted(m, url, NULL);
    hy__hosted_keep_routes(h);
    hy__lasting_drop(m, "rest", url, NULL);
    /* One that is resumed begins above the epoch that it was stored in. */
    return hold(c, HY_MUTANT(EPOCH_KEPT) ? NULL : hy_get_str(hy_msg_body(c->request), "epoch"));
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
static const char *unserved(const hy_manager_t *m, const hy_node_t *body, hy_error_t *err) {
    const hy_str_t *url = hy_get_str(body, "resource");
    if (hy_get_bool(body, "p2p", false))
        return "p2p is not served by this runtime; leave it out: messages go by the message node";
    if (!m->store && hy__level_read(hy_get(body, "store")) != HY_STORE_NONE)
        return "store is not served by this runtime, which keeps objects in memory only; leave it "
               "out";
    if (url && hy__check_object_url(url, err) < 0) return err->text;
    return NULL;
}

/* What was made before is resumed without asking. */
static bool is_denied(hy_manager_t *m, hy_msg_t *request, const hy_schema_t *schema,
                      hy_error_t *err) {
    const hy_node_t *body = hy_msg_body(request);
    const hy_syncher_t *s = hy__manager_find_syncher(m, request->from);
    hy_asker_t who = s ? hy__asker_own(s, m->sm) : (hy_asker_t){.url = request->from};
    if (hy_get_bool(body, "resume", false)) return false;
    return hy__judge_denies_create(m, &who, schema, body, err);
}

void hy__hosting_create(hy_manager_t *m, hy_msg_t *request) {
    const hy_node_t *body = hy_msg_body(request);
    hy_str_t *schema_name = hy_get_str(body, "schema"), *url = hy_get_str(body, "resource");
    const hy_schema_t *schema = schema_name ? hy_schemas_find(m->schemas, schema_name) : NULL;
    hy_error_t err = {.text = ""};
    const char *refusal = unserved(m, body, &err), *desc = "out of memory";
    if (!schema || refusal || !hy_get_object(body, "value")) {
        hy_bus_respond(m->bus, request, refusal ? 400 : 404,
                       refusal ? refusal : "there is no such schema here", hy_absent());
        return;
    }
    if (is_denied(m, request, schema, &err)) {
        hy_bus_respond(m->bus, request, 403, err.text, hy_absent());
        return;
    }
    creating_t *c = hy_alloc_zero(sizeof *c);
    hy_hosted_t *h = c ? hy_alloc_zero(sizeof *h) : NULL;
    if (!h) {
        hy_free(c);
        hy_bus_respond(m->bus, request, 503, "out of memory", hy_absent());
        return;
    }
    *c = (creating_t){
        .manager = m, .request = hy_msg_ref(request), .hosted = h, .session = m->sessions};
    h->manager = m;
    h->schema = schema;
    h->reporter = hy_str_ref(request->from);
    h->is_public = hy_get_bool(hy_get_object(body, "value"), "publicObservation", false);
    hy_dict_init(&h->guests, sizeof(hy_guest_t));
    hy_link_init(&h->askings);
    int rc = url ? create_at(c, url, &desc)
                 : hy__domain_allocate(m, schema->scheme->bytes, create_allocated, c);
    if (rc < 0) creating_end(c, rc, desc, hy_absent());
}
