/* The function domain://msg-node.<d>/sm: subscribe and unsubscribe in all their forms (PROTOCOL.md
 * section 4), and execute, which guard.c serves.
 *
 *      {"resources":[URL…]}  {"subscribe":[URL…]}  {"resource":URL,"childrenResources":[name…]}
 *              └──────────────────┴──────────────────────┴──► list of URLs, added up
 *
 * A request is checked as a whole before anything of it is done; so it is done whole, or refused
 * and nothing has happened (unless memory runs out in its middle; repeating it is harmless). */
#include "internal.h"

typedef struct {
    hy_str_t *urls[HY_SUBSCRIBE_RESOURCES_MAX];
    uint32_t count;
} list_t;

/* --- the forms -------------------------------------------------------------------------------- */

static void list_clear(list_t *l) {
    while (l->count > 0)
        hy_str_unref(l->urls[--l->count]);
}

/* Takes over the reference; NULL means out of memory. */
static int list_add(list_t *l, hy_str_t *url, hy_error_t *err) {
    hy_address_t parts;
    if (!url) return hy_fail(err, HY_ENOMEM, "out of memory");
    int r = hy_address_parse(url->bytes, url->len, &parts, err);
    if (r == 0 && l->count == HY_SUBSCRIBE_RESOURCES_MAX)
        r = hy_fail(err, HY_ETOO_LARGE, "more than %u resources in one request",
                    HY_SUBSCRIBE_RESOURCES_MAX);
    if (r < 0)
        hy_str_unref(url);
    else
        l->urls[l->count++] = url;
    return r;
}

typedef int (*each_cb)(list_t *l, const hy_str_t *base, hy_str_t *item, hy_error_t *err);

/* Calls for a text, or each text of an array. */
static int each(list_t *l, const hy_node_t *body, const char *key, const hy_str_t *base,
                each_cb add, hy_error_t *err) {
    hy_value_t v = hy_get(body, key);
    if (v.kind == HY_ABSENT) return 0;
    if (v.kind == HY_STR) return add(l, base, v.as.s, err);
    int r = v.kind == HY_ARRAY ? 0 : HY_EINVALID;
    for (size_t i = 0; r == 0 && i < hy_node_count(v.as.n); i++) {
        hy_value_t item = hy_node_at(v.as.n, i);
        if (item.kind != HY_STR)
            r = HY_EINVALID;
        else if ((r = add(l, base, item.as.s, err)) < 0)
            return r;
    }
    return r < 0 ? hy_fail(err, r, "%s must be a list of texts", key) : 0;
}

static int add_url(list_t *l, const hy_str_t *base, hy_str_t *item, hy_error_t *err) {
    (void)base;
    return list_add(l, hy_str_ref(item), err);
}

/* `resource` means the object's changes, unless it names a resource itself. */
static int add_resource(list_t *l, const hy_str_t *base, hy_str_t *item, hy_error_t *err) {
    (void)base;
    hy_span_t object;
    bool is_object = hy__kind_of(item, &object) == HY__OBJECT;
    return list_add(l, is_object ? hy_str_append(item, "/changes") : hy_str_ref(item), err);
}

static int add_child(list_t *l, const hy_str_t *base, hy_str_t *item, hy_error_t *err) {
    if (strstr(item->bytes, "://")) return list_add(l, hy_str_ref(item), err);
    hy_span_t object = hy_address_object(base);
    if (memchr(item->bytes, '/', item->len))
        return hy_fail(err, HY_EINVALID, "\"%s\" is no collection of %s", item->bytes, base->bytes);
    return list_add(
        l, hy_str_format("%.*s/children/%s", (int)object.len, object.bytes, item->bytes), err);
}

static int list_read(list_t *l, const hy_node_t *body, hy_error_t *err) {
    int r = each(l, body, "resources", NULL, add_url, err);
    if (r == 0) r = each(l, body, "subscribe", NULL, add_url, err);
    if (r == 0) r = each(l, body, "resource", NULL, add_resource, err);
    const hy_str_t *base = hy_get_str(body, "resource");
    if (r == 0 && !base && hy_get(body, "childrenResources").kind != HY_ABSENT)
        return hy_fail(err, HY_EINVALID, "childrenResources without resource");
    if (r == 0) r = each(l, body, "childrenResources", base, add_child, err);
    if (r == 0 && l->count == 0)
        return hy_fail(err, HY_EINVALID, "no resources named; use {\"resources\":[…]}");
    return r;
}

/* --- subscribe -------------------------------------------------------------------------------- */

/* The address that its subscriber must hold: of <Object>/subscription that is the object. NULL when
 * out of memory. */
static hy_str_t *claim_of(hy_str_t *url) {
    hy_span_t object = hy_address_object(url);
    return object.len == url->len ? hy_str_ref(url) : hy_str_new(object.bytes, object.len);
}

/* Published resources are open to all (to wait at a guard, perhaps); the rest to the holder only.
 */
static int check_one(hy_session_t *s, hy_str_t *url, hy_node_t *body, hy_error_t *err) {
    if (hy__tombstone_has(s->server, url))
        return hy_fail(err, HY_EDELETED, "%s was deleted", url->bytes);
    if (hy_address_is_published(url)) return 0;
    hy_str_t *claim = claim_of(url);
    if (!claim) return hy_fail(err, HY_ENOMEM, "out of memory");
    hy_span_t object;
    int r = hy__claim_check(s->server, s->owner, claim, err);
    if (r == 0 && hy__kind_of(url, &object) == HY__OBJECT)
        r = hy__object_hold_check(s, url, hy_get(body, "epoch"), err);
    hy_str_unref(claim);
    return r;
}

static int subscribe_one(hy_session_t *s, hy_str_t *url, hy_str_t *source, hy_node_t *body,
                         hy_error_t *err) {
    if (!hy_address_is_published(url)) {
        hy_str_t *claim = claim_of(url);
        int r = claim ? hy__claim(s->server, s->owner, claim, false, err)
                      : hy_fail(err, HY_ENOMEM, "out of memory");
        hy_str_unref(claim);
        if (r < 0) return r;
    }
    int r = hy__route_add(s, url, source, err);
    hy_span_t object;
    if (r == 0 && hy__kind_of(url, &object) == HY__OBJECT) hy__object_hold(s, url, source, body);
    return r;
}

static int check_source(hy_session_t *s, hy_str_t *source, hy_error_t *err) {
    int r = hy__claim_by_use(s, source, err);
    if (r != HY_EFORBIDDEN) return r;
    return hy_fail(err, HY_EFORBIDDEN, "%s does not hold the source %s", s->owner->runtime->bytes,
                   source->bytes);
}

static int subscribe(hy_session_t *s, hy_str_t *source, hy_node_t *body, list_t *l,
                     hy_str_t **refused, hy_error_t *err) {
    int r = check_source(s, source, err);
    for (uint32_t i = 0; r == 0 && i < l->count; i++) {
        *refused = l->urls[i];
        r = check_one(s, l->urls[i], body, err);
    }
    for (uint32_t i = 0; r == 0 && i < l->count; i++)
        r = subscribe_one(s, l->urls[i], source, body, err);
    return r;
}

/* --- unsubscribe ------------------------------------------------------------------------------ */

/* True if the session still subscribes what makes it need the claim. */
static bool is_in_use(const hy_session_t *s, hy_str_t *claim) {
    if (hy__route_find(s, claim)) return true;
    hy_str_t *subscription = hy_str_append(claim, "/subscription");
    bool found = !subscription || hy__route_find(s, subscription);
    hy_str_unref(subscription);
    return found;
}

/* An address that was claimed by subscribing it is free again with its last route. */
static void unsubscribe_one(hy_session_t *s, hy_str_t *url, hy_str_t *source, bool rests) {
    if (!hy__route_find(s, url)) return;
    hy__route_remove(s, url, source, rests);
    if (hy_address_is_published(url)) return;
    hy_str_t *claim = claim_of(url);
    hy__address_t *a = claim ? hy__address_get(s->server, claim) : NULL;
    if (a && a->owner == s->owner && !a->is_allocated && !hy_str_equal(a->url, s->owner->runtime) &&
        !is_in_use(s, claim)) {
        hy__object_t *o = hy__slot_get(&s->server->objects, claim);
        hy__address_release(s->server, a);
        if (o && o->holder_id == s->id) {
            hy__object_orphan(o);
            hy__keep_object(s->server, claim, true);
        }
    }
    hy_str_unref(claim);
}

/* --- the function ----------------------------------------------------------------------------- */

void hy__refuse_epoch(hy_session_t *s, hy_msg_t *m, const hy_error_t *err, hy_str_t *url) {
    const hy__address_t *a =
        url && err->code == HY_ECONFLICT ? hy__address_get(s->server, url) : NULL;
    hy_node_t *value = a && a->epoch ? hy_node_new(HY_OBJECT) : NULL;
    if (!value || hy_put(value, "epoch", hy_string(hy_str_ref(a->epoch))) < 0) {
        hy_node_unref(value);
        hy__refuse(s, m, err);
        return;
    }
    s->server->stats.refused++;
    hy__reply(s, m, 409, err->text, hy_node_value(value));
}

void hy__serve_sm(hy_session_t *s, hy_msg_t *m) {
    if (m->type == HY_MSG_EXECUTE) {
        hy__serve_execute(s, m);
        return;
    }
    hy_node_t *body = hy_msg_body(m);
    hy_value_t source = hy_get(body, "source");
    hy_str_t *refused = NULL;
    list_t l = {.count = 0};
    hy_error_t err;
    bool rests = hy_get_bool(body, "rests", false);
    int r = 0;
    if (m->type != HY_MSG_SUBSCRIBE && m->type != HY_MSG_UNSUBSCRIBE)
        r = hy_fail(&err, HY_EINVALID, "%s does not serve %s", m->to->bytes,
                    hy_msg_type_text(m->type));
    else if (source.kind != HY_ABSENT && source.kind != HY_STR)
        r = hy_fail(&err, HY_EINVALID, "source must be an address");
    else
        r = list_read(&l, body, &err);
    if (r == 0 && m->type == HY_MSG_SUBSCRIBE)
        r = subscribe(s, source.kind ? source.as.s : m->from, body, &l, &refused, &err);
    for (uint32_t i = 0; r == 0 && m->type == HY_MSG_UNSUBSCRIBE && i < l.count; i++)
        unsubscribe_one(s, l.urls[i], source.kind ? source.as.s : NULL, rests);
    if (r < 0)
        hy__refuse_epoch(s, m, &err, refused);
    else
        hy__reply(s, m, 200, NULL, hy_absent());
    list_clear(&l);
}
