/* The routing table: topics, their subscribers, and delivery (PROTOCOL.md section 4).
 *
 * A topic keeps its subscribers in one array, those who get what is sent in front, those who wait
 * for the guard behind:
 *
 *      targets   [ s1 | s4 | s7 | s2 | s9 ]
 *                  admitted = 3 ^
 *
 * So publishing walks exactly those who get the message. A route knows its place; adding, admitting
 * and removing one swap two places. A session finds its routes in a dictionary of its own.
 *
 * `<Object>/children/` covers every collection: a message to a collection goes to both topics, and
 * a mark on the session tells who has it already. */
#include "internal.h"

/* --- places ----------------------------------------------------------------------------------- */

hy__kind_t hy__kind_of(const hy_str_t *url, hy_span_t *object) {
    *object = hy_address_object(url);
    const char *tail = url->bytes + object->len;
    size_t len = url->len - object->len;
    if (len == 0) {
        const char *colon = memchr(url->bytes, ':', url->len);
        size_t scheme = colon ? (size_t)(colon - url->bytes) : 0;
        bool is_object = scheme && hy__is_object_scheme((hy_span_t){url->bytes, scheme});
        return is_object ? HY__OBJECT : HY__ELSE;
    }
    if (len == 8) return HY__CHANGES; /* "/changes"; "/children" alone is no tail */
    if (tail[1] == 's') return HY__SUBSCRIPTION;
    if (tail[1] == 'r') return HY__ELSE; /* registration */
    return len == 10 ? HY__CHILDREN_ALL : HY__CHILDREN;
}

hy__place_t hy__place_find(const hy_node_server_t *n, hy_str_t *url) {
    hy__place_t at = {.topic = hy__slot_get(&n->topics, url)};
    if (at.topic) {
        at.object = at.topic->object;
        at.kind = at.topic->kind;
        return at;
    }
    hy_span_t object;
    at.kind = hy__kind_of(url, &object);
    if (at.kind != HY__ELSE) at.object = hy__slot_find(&n->objects, object.bytes, object.len);
    return at;
}

/* --- topics ----------------------------------------------------------------------------------- */

static hy__topic_t *topic_make(hy_node_server_t *n, hy_str_t *url, hy__kind_t kind,
                               hy__object_t *object) {
    hy__topic_t *t = hy_alloc_zero(sizeof *t);
    if (!t) return NULL;
    if (hy__slot_put(&n->topics, url, t) < 0) {
        hy_free(t);
        return NULL;
    }
    t->url = hy_str_ref(url);
    t->kind = kind;
    t->object = object;
    hy_link_init(&t->link);
    if (object) hy_list_append(&object->topics, &t->link);
    if (kind == HY__CHILDREN_ALL) object->children = t;
    if (kind == HY__CHANGES) object->changes = t;
    return t;
}

int hy__topic_serve(hy_node_server_t *n, hy_str_t *url, hy__serve_cb serve) {
    hy__topic_t *t = topic_make(n, url, HY__ELSE, NULL);
    if (!t) return HY_ENOMEM;
    t->serve = serve;
    return 0;
}

hy__topic_t *hy__topic_changes(hy_node_server_t *n, hy__object_t *o) {
    hy_str_t *url = hy_str_append(o->url, "/changes");
    hy__topic_t *t = url ? topic_make(n, url, HY__CHANGES, o) : NULL;
    hy_str_unref(url);
    return t;
}

void hy__topic_free(hy_node_server_t *n, hy__topic_t *t) {
    if (t->kind == HY__CHILDREN_ALL) t->object->children = NULL;
    hy_list_remove(&t->link);
    hy__slot_remove(&n->topics, t->url);
    hy_str_unref(t->url);
    hy_free(t->targets);
    hy_free(t);
}

/* Frees it if nobody subscribes it any more, and its object if nothing of that is subscribed. */
static void topic_tidy(hy_node_server_t *n, hy__topic_t *t) {
    hy__object_t *o = t->object;
    if (t->count == 0 && !(o && o->changes == t)) hy__topic_free(n, t);
    if (o) hy__object_tidy(n, o);
}

static hy__topic_t *topic_open(hy_node_server_t *n, hy_str_t *url) {
    hy__topic_t *t = hy__slot_get(&n->topics, url);
    if (t) return t;
    hy_span_t span;
    hy__kind_t kind = hy__kind_of(url, &span);
    if (kind == HY__ELSE) return topic_make(n, url, kind, NULL);
    hy__object_t *o = hy__object_open(n, span.bytes, span.len);
    if (!o) return NULL;
    if (kind == HY__CHANGES) return o->changes;
    t = topic_make(n, url, kind, o);
    if (!t) hy__object_tidy(n, o);
    return t;
}

/* --- the subscribers of a topic --------------------------------------------------------------- */

static void swap(hy__topic_t *t, uint32_t a, uint32_t b) {
    hy__target_t was = t->targets[a];
    t->targets[a] = t->targets[b];
    t->targets[b] = was;
    t->targets[a].route->place = a;
    t->targets[b].route->place = b;
}

static int targets_add(hy__topic_t *t, hy__route_t *r) {
    if (t->count == t->room) {
        uint32_t room = t->room ? t->room * 2 : 1;
        hy__target_t *targets = hy_realloc(t->targets, room * sizeof *targets);
        if (!targets) return HY_ENOMEM;
        t->targets = targets;
        t->room = room;
    }
    r->place = t->count;
    t->targets[t->count++] = (hy__target_t){r->session, r};
    return 0;
}

static void set_open(hy__route_t *r, bool is_open) {
    hy__topic_t *t = r->topic;
    if (is_open == (r->place < t->admitted)) return;
    if (is_open)
        swap(t, r->place, t->admitted++);
    else
        swap(t, r->place, --t->admitted);
}

static void targets_remove(hy__topic_t *t, hy__route_t *r) {
    set_open(r, false);
    swap(t, r->place, t->count - 1);
    t->count--;
    if (t->room > 8 && t->count < t->room / 4) { /* a block that will not shrink serves as it is */
        hy__target_t *targets = hy_realloc(t->targets, t->room / 2 * sizeof *targets);
        if (targets) t->targets = targets;
        t->room /= 2;
    }
}

/* --- routes ----------------------------------------------------------------------------------- */

hy__route_t *hy__route_find(const hy_session_t *s, hy_str_t *url) {
    return hy__slot_get(&s->routes, url);
}

bool hy__route_is_open(const hy__route_t *r) {
    const hy__topic_t *t = r->topic;
    hy__object_t *o = t->object;
    if (!o || !o->is_guarded || !hy__kind_is_guarded(t->kind)) return true;
    if (o->holder_id == r->session->id) return true;
    hy_str_t *const *source;
    for (uint32_t pos = 0; (source = hy_dict_next(&r->sources, &pos));)
        if (hy__object_admits(o, *source, r->session)) return true;
    return false;
}

void hy__route_review(hy__route_t *r) {
    set_open(r, hy__route_is_open(r));
}

/* Charges the session; what it gets back when the route goes. */
static void charge(hy__route_t *r, size_t bytes) {
    r->bytes += (uint32_t)bytes;
    r->session->held += bytes;
}

static size_t source_bytes(const hy_str_t *source) {
    return sizeof(hy_str_t *) + sizeof(hy_dict_slot_t) + sizeof *source + source->len;
}

#define PLACE_BYTES (sizeof(hy__slot_t) + sizeof(hy_dict_slot_t)) /* in a dictionary */

/* Whoever is the first at a topic pays for it, and for its object. */
static size_t route_bytes(const hy__topic_t *t, bool is_first) {
    size_t bytes = sizeof(hy__route_t) + sizeof(hy__target_t) + PLACE_BYTES;
    if (!is_first) return bytes;
    bytes += sizeof *t + PLACE_BYTES + sizeof *t->url + t->url->len;
    if (t->object && t->object->routes == 0)
        bytes += sizeof *t->object + sizeof *t + 2 * (PLACE_BYTES + sizeof *t->url + t->url->len);
    return bytes;
}

static hy__route_t *route_make(hy_session_t *s, hy_str_t *url) {
    hy_node_server_t *n = s->server;
    hy__route_t *r = hy_alloc_zero(sizeof *r);
    hy__topic_t *t = r ? topic_open(n, url) : NULL;
    if (!t) {
        hy_free(r);
        return NULL;
    }
    r->session = s;
    r->topic = t;
    hy_dict_init(&r->sources, sizeof(hy_str_t *));
    if (targets_add(t, r) < 0 || hy__slot_put(&s->routes, t->url, r) < 0) {
        if (t->count > 0 && t->targets[t->count - 1].route == r) t->count--;
        topic_tidy(n, t);
        hy_free(r);
        return NULL;
    }
    charge(r, route_bytes(t, t->count == 1));
    if (t->object) t->object->routes++;
    n->stats.routes++;
    return r;
}

void hy__route_drop(hy__route_t *r) {
    hy_session_t *s = r->session;
    hy__topic_t *t = r->topic;
    targets_remove(t, r);
    hy__slot_remove(&s->routes, t->url);
    s->held -= r->bytes;
    if (t->object) t->object->routes--;
    s->server->stats.routes--;
    topic_tidy(s->server, t);
    hy_dict_deinit(&r->sources);
    hy_free(r);
}

int hy__route_add(hy_session_t *s, hy_str_t *url, hy_str_t *source, hy_error_t *err) {
    hy__route_t *r = hy__route_find(s, url);
    if (!r && s->routes.count >= HY_SESSION_ROUTES_MAX)
        return hy__bound_refuse(s->server, HY__BOUND_ROUTES, s->owner->runtime->bytes, url->bytes,
                                err);
    if (r && r->sources.count >= HY_ROUTE_SOURCES_MAX && !hy_dict_get(&r->sources, source))
        return hy__bound_refuse(s->server, HY__BOUND_SOURCES, url->bytes, source->bytes, err);
    int rc = hy__session_check_room(s, source_bytes(source) + url->len, err);
    if (rc < 0) return rc;
    if (!r) r = route_make(s, url);
    bool is_made = false;
    if (!r || !hy_dict_put(&r->sources, source, &is_made)) {
        if (r && r->sources.count == 0) hy__route_drop(r);
        return hy_fail(err, HY_ENOMEM, "%s not subscribed: out of memory", url->bytes);
    }
    if (is_made) {
        charge(r, source_bytes(source));
        hy__keep_route(s, url, source);
    }
    hy__route_review(r);
    return 0;
}

void hy__route_unkeep(const hy__route_t *r) {
    if (!r->session->server->keep) return;
    hy_str_t *const *source;
    for (uint32_t pos = 0; (source = hy_dict_next(&r->sources, &pos));)
        hy__keep_route_end(r->session, r->topic->url, *source);
}

/* That source, or all, of a route to the changes of an object. */
static void miss(const hy__route_t *r, hy_str_t *source, bool has_left) {
    hy_str_t *const *each;
    if (source) hy__object_miss(r->topic->object, source, has_left);
    for (uint32_t pos = 0; !source && (each = hy_dict_next(&r->sources, &pos));)
        hy__object_miss(r->topic->object, *each, has_left);
}

void hy__route_remove(hy_session_t *s, hy_str_t *url, hy_str_t *source, bool rests) {
    hy__route_t *r = hy__route_find(s, url);
    if (!r) return;
    void *entry = source ? hy_dict_get(&r->sources, source) : NULL;
    if (r->topic->kind == HY__CHANGES) miss(r, source, !rests);
    if (entry) {
        r->bytes -= (uint32_t)source_bytes(source);
        s->held -= source_bytes(source);
        hy__keep_route_end(s, url, source);
        hy_dict_remove(&r->sources, entry);
    } else if (!source) {
        hy__route_unkeep(r);
    }
    if (!source || r->sources.count == 0)
        hy__route_drop(r);
    else
        hy__route_review(r);
}

/* --- delivery --------------------------------------------------------------------------------- */

/* False if somebody did not take it. */
static bool deliver_all(const hy__topic_t *t, hy_msg_t *m, const hy_session_t *origin,
                        uint64_t mark) {
    bool is_taken = true;
    for (uint32_t i = 0; i < t->admitted; i++) {
        hy_session_t *s = t->targets[i].session;
        if (s == origin || (mark && s->mark == mark)) continue;
        if (mark) s->mark = mark;
        if (!hy__deliver(s, m)) is_taken = false;
    }
    return is_taken;
}

bool hy__publish(hy_node_server_t *n, const hy__place_t *at, hy_msg_t *m, hy_session_t *origin) {
    const hy__topic_t *topic = at->topic;
    const hy__topic_t *cover = at->kind == HY__CHILDREN && at->object ? at->object->children : NULL;
    if (topic && topic->admitted == 0) topic = NULL;
    if (cover && cover->admitted == 0) cover = NULL;
    uint64_t mark = topic && cover ? ++n->marks : 0;
    bool is_taken = true;
    if (topic) is_taken = deliver_all(topic, m, origin, mark);
    if (cover) is_taken = deliver_all(cover, m, origin, mark) && is_taken;
    if (!is_taken && origin) hy__refuse_slow(origin, m);
    return topic || cover;
}
