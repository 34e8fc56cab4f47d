/* Requests of the sync manager to message nodes (PROTOCOL.md section 4): routes and guards go to
 * the node of the resource's domain; addresses and registration stay at the runtime's own. The node
 * may be embedded or far away: these are messages either way, and nothing here waits. */
#include "../base/mem.h"
#include "../base/mutant.h"
#include "sync.h"

typedef struct {
    hy_domain_cb done;
    void *arg;
} call_t;

/* --- bodies ----------------------------------------------------------------------------------- */

hy_str_t *hy__url_below(const hy_str_t *url, const char *tail) {
    return hy_str_append(url, tail);
}

hy_value_t hy__string_ref(hy_str_t *s) {
    return s ? hy_string(hy_str_ref(s)) : hy_null();
}

hy_value_t hy__body1(const char *key, hy_value_t v) {
    hy_node_t *body = hy_node_new(HY_OBJECT);
    if (hy_put(body, key, v) == 0) return hy_node_value(body);
    hy_node_unref(body);
    return hy_absent();
}

hy_value_t hy__list2(hy_str_t *a, hy_str_t *b) {
    hy_node_t *list = hy_node_new(HY_ARRAY);
    int rc = list && a ? hy_node_insert(list, 0, hy_string(hy_str_ref(a))) : HY_ENOMEM;
    if (rc == 0 && b) rc = hy_node_insert(list, 1, hy_string(hy_str_ref(b)));
    hy_str_unref(a);
    hy_str_unref(b);
    if (rc == 0) return hy_node_value(list);
    if (list) hy_node_unref(list);
    return hy_absent();
}

/* Schemes of what is no data object (PROTOCOL.md section 2). */
static bool is_other_scheme(hy_span_t scheme) {
    static const char *const others[] = {"hyperty", "hyperty-runtime",  "runtime", "domain", "user",
                                         "mn",      "hyperty-catalogue"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strlen(others[i]) == scheme.len && memcmp(others[i], scheme.bytes, scheme.len) == 0)
            return true;
    }
    return false;
}

int hy__check_object_url(const hy_str_t *url, hy_error_t *err) {
    hy_address_t parts;
    int rc = hy_address_parse(url->bytes, url->len, &parts, err);
    if (rc < 0) return rc;
    bool is_object = parts.path.len > 1 && !is_other_scheme(parts.scheme) &&
                     hy_address_object(url).len == url->len;
    return is_object
               ? 0
               : hy_fail(err, HY_EINVALID, "%s is not the address of a data object", url->bytes);
}

hy_value_t hy__resource_value(hy_str_t *url, const hy_schema_t *schema) {
    hy_node_t *value = hy_node_new(HY_OBJECT), *names = hy_node_new(HY_ARRAY);
    int rc = value && names ? hy_put(value, "resource", hy__string_ref(url)) : HY_ENOMEM;
    for (uint32_t i = 0; rc == 0 && schema && i < schema->collection_count; i++) {
        rc = hy_node_insert(names, i, hy__string_ref(schema->collections[i]));
    }
    if (rc == 0 && schema) {
        rc = hy_put(value, "childrenResources", hy_node_value(names));
    } else if (names) {
        hy_node_unref(names);
    }
    if (rc == 0) return hy_node_value(value);
    if (value) hy_node_unref(value);
    return hy_absent();
}

uint64_t hy__backoff(hy_bus_t *bus, uint64_t *retry_ms) {
    *retry_ms = *retry_ms ? *retry_ms * 2 : HY_RETRY_MIN_MS;
    if (*retry_ms > HY_RETRY_MAX_MS) *retry_ms = HY_RETRY_MAX_MS;
    return *retry_ms / 2 + hy_random_below(hy_bus_random(bus), *retry_ms / 2 + 1);
}

/* --- sending ---------------------------------------------------------------------------------- */

static hy_msg_t *make(hy_manager_t *m, hy_msg_type_t type, bool is_request, hy_str_t *from,
                      hy_str_t *to, hy_value_t body) {
    if (body.kind == HY_ABSENT) return NULL;
    hy_value_t id = is_request ? hy_int(hy_bus_next_id(m->bus)) : hy_absent();
    return hy_msg_new(type, id, from, to, body);
}

int hy__manager_request(hy_manager_t *m, hy_msg_type_t type, hy_str_t *from, hy_str_t *to,
                        hy_value_t body, hy_answer_cb cb, void *arg, hy_late_cb late,
                        hy_request_t **out) {
    hy_msg_t *message = make(m, type, true, from, to, body);
    if (!message) return HY_ENOMEM;
    int rc = hy_bus_request(m->bus, message, 0, cb, arg, late, out);
    hy_msg_unref(message);
    return rc;
}

int hy__manager_send(hy_manager_t *m, hy_msg_type_t type, hy_str_t *from, hy_str_t *to,
                     hy_value_t body) {
    hy_msg_t *message = make(m, type, !hy_address_is_published(to), from, to, body);
    if (!message) return HY_ENOMEM;
    int rc = hy_bus_send(m->bus, message);
    hy_msg_unref(message);
    return rc;
}

static void on_answer(void *arg, hy_msg_t *answer, int code) {
    call_t *call = arg;
    if (code < 200) return;
    if (call->done)
        call->done(call->arg, hy_error_from_http(code), hy_msg_desc(answer), hy_msg_body(answer));
    hy_free(call);
}

int hy__domain_ask(hy_manager_t *m, hy_msg_type_t type, hy_str_t *to, hy_value_t body,
                   hy_domain_cb done, void *arg) {
    call_t *call = to ? hy_alloc(sizeof *call) : NULL;
    int rc = HY_ENOMEM;
    if (call) {
        *call = (call_t){.done = done, .arg = arg};
        rc = hy__manager_request(m, type, m->sm, to, body, on_answer, call, NULL, NULL);
        if (rc < 0) hy_free(call);
    } else {
        hy_value_drop(body);
    }
    hy_str_unref(to);
    return rc;
}

/* A body of one or two members; values are taken over. ABSENT when out of memory. */
static hy_value_t body2(const char *k1, hy_value_t v1, const char *k2, hy_value_t v2) {
    hy_node_t *body = hy_node_new(HY_OBJECT);
    int rc = body ? hy_put(body, k1, v1) : HY_ENOMEM;
    if (!body) hy_value_drop(v1);
    if (rc == 0 && k2) {
        rc = hy_put(body, k2, v2);
    } else {
        hy_value_drop(v2);
    }
    if (rc == 0) return hy_node_value(body);
    if (body) hy_node_unref(body);
    return hy_absent();
}

/* --- where and what --------------------------------------------------------------------------- */

static bool is_own(const hy_manager_t *m, hy_span_t domain) {
    return domain.len == m->domain->len && memcmp(domain.bytes, m->domain->bytes, domain.len) == 0;
}

hy_str_t *hy__domain_sm(const hy_manager_t *m, const hy_str_t *url) {
    hy_span_t d = hy_address_home(url);
    return is_own(m, d) ? hy_str_ref(m->node_sm)
                        : hy_str_format("domain://msg-node.%.*s/sm", (int)d.len, d.bytes);
}

hy_str_t *hy__domain_registry(const hy_manager_t *m, const hy_str_t *url) {
    hy_span_t d = hy_address_home(url);
    return is_own(m, d) ? hy_str_ref(m->node_registry)
                        : hy_str_format("domain://registry.%.*s", (int)d.len, d.bytes);
}

hy_value_t hy__route_body(hy_value_t resources, hy_str_t *source) {
    return body2("resources", resources, source ? "source" : NULL,
                 source ? hy__string_ref(source) : hy_absent());
}

hy_value_t hy__hold_body(hy_value_t resources, hy_str_t *source, hy_str_t *epoch) {
    hy_value_t body = hy__route_body(resources, source);
    if (body.kind != HY_OBJECT) return body;
    int rc = hy_put(body.as.n, "guard", hy_bool(true));
    if (rc == 0) rc = hy_put(body.as.n, "epoch", hy__string_ref(epoch));
    if (rc == 0) return body;
    hy_value_drop(body);
    return hy_absent();
}

hy_value_t hy__guard_body(const char *method, hy_str_t *object, hy_str_t *hyperty) {
    hy_value_t params = hy__list2(hy_str_ref(object), hyperty ? hy_str_ref(hyperty) : NULL);
    return body2("method", hy_text(method), "params", params);
}

/* --- the functions ---------------------------------------------------------------------------- */

int hy__domain_allocate(hy_manager_t *m, const char *scheme, hy_domain_cb done, void *arg) {
    hy_value_t value = body2("number", hy_int(1), NULL, hy_absent());
    hy_value_t body = body2("scheme", hy_text(scheme), "value", value);
    return hy__domain_ask(m, HY_MSG_CREATE, hy_str_ref(m->node_allocation), body, done, arg);
}

void hy__domain_deallocate(hy_manager_t *m, hy_str_t *url) {
    hy_value_t body =
        body2("childrenResources", hy__list2(hy_str_ref(url), NULL), NULL, hy_absent());
    hy__lasting_send(m, "deallocate", url, NULL, HY_MSG_DELETE, NULL,
                     hy_str_ref(m->node_allocation), body, NULL, NULL);
}

/* All resources of a list are of one domain. */
static hy_str_t *node_of(const hy_manager_t *m, hy_value_t resources) {
    hy_value_t first = resources.kind == HY_ARRAY ? hy_node_at(resources.as.n, 0) : hy_absent();
    return first.kind == HY_STR ? hy__domain_sm(m, first.as.s) : NULL;
}

int hy__domain_subscribe(hy_manager_t *m, hy_value_t resources, hy_str_t *source, hy_domain_cb done,
                         void *arg) {
    hy_str_t *to = node_of(m, resources);
    return hy__domain_ask(m, HY_MSG_SUBSCRIBE, to, hy__route_body(resources, source), done, arg);
}

void hy__domain_unroute(hy_manager_t *m, hy_value_t resources, hy_str_t *about, hy_str_t *source) {
    hy_str_t *to = node_of(m, resources);
    if (HY_MUTANT(ROUTE_DROPPED)) { /* the node takes it for all sources */
        hy__domain_ask(m, HY_MSG_UNSUBSCRIBE, to, hy__route_body(resources, NULL), NULL, NULL);
        return;
    }
    hy__lasting_send(m, "unroute", about, source, HY_MSG_UNSUBSCRIBE, NULL, to,
                     hy__route_body(resources, source), NULL, NULL);
}

void hy__domain_unroute_resting(hy_manager_t *m, hy_value_t resources, hy_str_t *about,
                                hy_str_t *source) {
    hy_str_t *to = node_of(m, resources);
    hy_value_t body = hy__route_body(resources, source);
    if (body.kind == HY_OBJECT && hy_put(body.as.n, "rests", hy_bool(true)) < 0) {
        hy_value_drop(body);
        body = hy_absent();
    }
    hy__lasting_send(m, "unroute", about, source, HY_MSG_UNSUBSCRIBE, NULL, to, body, NULL, NULL);
}

void hy__domain_route_wanted(hy_manager_t *m, hy_str_t *about, hy_str_t *source) {
    hy__lasting_drop(m, "unroute", about, source);
}

int hy__domain_admit(hy_manager_t *m, hy_str_t *object, hy_str_t *hyperty, hy_domain_cb done,
                     void *arg) {
    hy__lasting_drop(m, "expel", object, hyperty);
    return hy__lasting_send(m, "admit", object, hyperty, HY_MSG_EXECUTE, NULL,
                            hy__domain_sm(m, object), hy__guard_body("admit", object, hyperty),
                            done, arg);
}

int hy__domain_expel(hy_manager_t *m, hy_str_t *object, hy_str_t *hyperty, hy_domain_cb done,
                     void *arg) {
    hy__lasting_drop(m, "admit", object, hyperty);
    return hy__lasting_send(m, "expel", object, hyperty, HY_MSG_EXECUTE, NULL,
                            hy__domain_sm(m, object), hy__guard_body("expel", object, hyperty),
                            done, arg);
}

int hy__domain_register(hy_manager_t *m, hy_value_t entry, hy_domain_cb done, void *arg) {
    return hy__domain_ask(m, HY_MSG_CREATE, hy_str_ref(m->node_registry),
                          body2("value", entry, NULL, hy_absent()), done, arg);
}

void hy__domain_unregister(hy_manager_t *m, hy_str_t *url) {
    hy_value_t body = body2("resource", hy__string_ref(url), NULL, hy_absent());
    hy__lasting_send(m, "unregister", url, NULL, HY_MSG_DELETE, NULL, hy_str_ref(m->node_registry),
                     body, NULL, NULL);
}

bool hy__asks_again(hy_msg_t *answer, int http) {
    if (http != 503) return false;
    return hy_get_bool(hy_get_object(hy_msg_body(answer), "value"), "again", false);
}
