/* Data objects at the node: who holds one, in which epoch, and whom its guard lets through.
 *
 * An object is known while anything of it is subscribed. A holder that subscribes it with "guard"
 * shuts /changes and /children/… to all but the hyperties that it admits (admitted.c); routes of
 * others wait. When the holder's session ends, nobody is admitted any more and the object stays
 * shut, so that an observer who was refused does not hear the others; the next holder decides anew.
 *
 * The highest epoch of an object is kept with its address, so for an allocated one it outlives the
 * session (PROTOCOL.md section 7). */
#include "internal.h"

/* --- objects ---------------------------------------------------------------------------------- */

hy__object_t *hy__object_open(hy_node_server_t *n, const char *url, size_t len) {
    hy__object_t *o = hy__slot_find(&n->objects, url, len);
    if (o) return o;
    if (!(o = hy_alloc_zero(sizeof *o))) return NULL;
    hy_link_init(&o->topics);
    hy_link_init(&o->link);
    hy__admitted_init(o);
    o->holder_turn = UINT64_MAX;
    o->url = hy_str_new(url, len);
    if (o->url && hy__slot_put(&n->objects, o->url, o) == 0) {
        if (hy__topic_changes(n, o)) return o;
        hy__slot_remove(&n->objects, o->url);
    }
    hy_str_unref(o->url);
    hy_free(o);
    return NULL;
}

static void disown(hy__object_t *o);

void hy__object_tidy(hy_node_server_t *n, hy__object_t *o) {
    if (o->routes > 0) return;
    disown(o);
    hy__topic_free(n, o->changes);
    hy__slot_remove(&n->objects, o->url);
    if (o->is_kept) hy__keep_object(n, o->url, true);
    hy_str_unref(o->url);
    hy_free(o);
}

hy_session_t *hy__object_holder(const hy_node_server_t *n, hy__object_t *o) {
    if (o->holder_turn != n->claims_turn) {
        o->holder = hy__holder_of(n, o->url->bytes, o->url->len);
        o->holder_turn = n->claims_turn;
    }
    return o->holder;
}

static void review(hy__object_t *o) {
    for (hy_link_t *l = o->topics.next; l != &o->topics; l = l->next) {
        hy__topic_t *t = hy_link_owner(l, hy__topic_t, link);
        if (!hy__kind_is_guarded(t->kind)) continue;
        for (uint32_t i = 0; i < t->count;) {
            hy__route_t *r = t->targets[i].route;
            hy__route_review(r);
            if (r->place <= i) i++; /* else it was shut, and one not yet seen took its place */
        }
    }
}

static void disown(hy__object_t *o) {
    hy__admitted_clear(o);
    o->said = NULL;
    o->holder_id = 0;
    hy_list_remove(&o->link);
    hy_str_unref(o->reporter);
    o->reporter = NULL;
}

void hy__object_orphan(hy__object_t *o) {
    disown(o);
    if (o->is_guarded) review(o);
}

void hy__object_drop(hy_node_server_t *n, hy_str_t *url) {
    hy__object_t *o;
    while ((o = hy__slot_get(&n->objects, url))) {
        /* The last route takes the object along. */
        const hy__topic_t *t = o->changes;
        for (hy_link_t *l = o->topics.next; t->count == 0; l = l->next)
            t = hy_link_owner(l, hy__topic_t, link);
        hy__route_t *r = t->targets[t->count - 1].route;
        if (hy__keep_has_room(n)) hy__route_unkeep(r); /* else its tombstone tells */
        hy__route_drop(r);
    }
}

/* --- holding ---------------------------------------------------------------------------------- */

/* Epochs are "<n>-<random>": compared by n, then by the random part. */
static uint64_t epoch_number(const char **text) {
    uint64_t n = 0;
    for (; **text >= '0' && **text <= '9'; ++*text)
        n = n < UINT64_MAX / 10 ? n * 10 + (uint64_t)(**text - '0') : UINT64_MAX;
    return n;
}

int hy__epoch_compare(const hy_str_t *a, const hy_str_t *b) {
    const char *rest_a = a->bytes, *rest_b = b->bytes;
    uint64_t x = epoch_number(&rest_a), y = epoch_number(&rest_b);
    if (x != y) return x < y ? -1 : 1;
    return strcmp(rest_a, rest_b);
}

int hy__object_hold_check(hy_session_t *s, hy_str_t *url, hy_value_t epoch, hy_error_t *err) {
    if (epoch.kind == HY_ABSENT) return 0;
    if (epoch.kind != HY_STR || epoch.as.s->len > HY_NAME_BYTES_MAX)
        return hy_fail(err, HY_EINVALID, "the epoch of %s must be a text of at most %u bytes",
                       url->bytes, HY_NAME_BYTES_MAX);
    const hy__address_t *a = hy__address_get(s->server, url);
    if (!a || !a->epoch || a->epoch_session == s->id) return 0;
    /* The same epoch is the same run of the same writer, which has lost its session. */
    if (hy__epoch_compare(epoch.as.s, a->epoch) >= 0) return 0;
    return hy_fail(err, HY_ECONFLICT, "%s was in epoch %s already", url->bytes, a->epoch->bytes);
}

void hy__object_hold(hy_session_t *s, hy_str_t *url, hy_str_t *reporter, hy_node_t *body) {
    hy_node_server_t *n = s->server;
    hy__object_t *o = hy__slot_get(&n->objects, url);
    bool is_new = o->holder_id != s->id;
    if (is_new) {
        disown(o);
        o->said = s;
        o->holder_id = s->id;
        hy_list_append(&s->objects, &o->link);
    }
    hy_str_unref(o->reporter);
    o->reporter = hy_str_ref(reporter);
    bool was_guarded = o->is_guarded;
    o->is_guarded = hy_get_bool(body, "guard", !is_new && was_guarded);
    if (was_guarded != o->is_guarded || (is_new && was_guarded)) review(o);

    hy_str_t *epoch = hy_get_str(body, "epoch");
    hy__address_t *a = epoch ? hy__address_get(n, url) : NULL;
    if (a) {
        hy_str_unref(a->epoch);
        a->epoch = hy_str_ref(epoch);
        a->epoch_session = s->id;
    }
    hy__keep_object(n, url, is_new);
}

void hy__object_restore(hy__object_t *o, hy_session_t *session, hy_str_t *reporter,
                        bool is_guarded) {
    o->is_guarded = is_guarded;
    o->is_kept = true;
    if (session) {
        o->said = session;
        o->holder_id = session->id;
        hy_list_append(&session->objects, &o->link);
        o->reporter = reporter ? hy_str_ref(reporter) : NULL;
    }
    review(o);
}

void hy__object_pass(hy__object_t *o, hy_session_t *to, hy_str_t *reporter) {
    size_t bytes = hy__admitted_bytes(o);
    o->said->held -= bytes;
    to->held += bytes;
    o->said = to;
    o->holder_id = to->id;
    hy_list_remove(&o->link);
    hy_list_append(&to->objects, &o->link);
    hy_str_unref(o->reporter);
    o->reporter = hy_str_ref(reporter);
    if (o->is_guarded) review(o);
}

/* --- execute ---------------------------------------------------------------------------------- */

static void tell_holder(hy_session_t *s, hy_msg_t *m, hy_str_t *url) {
    hy_node_server_t *n = s->server;
    const hy_session_t *holder = hy__holder_of(n, url->bytes, url->len);
    hy_error_t err;
    if (!holder) {
        bool is_deleted = hy__tombstone_has(n, url);
        hy_fail(&err, is_deleted ? HY_EDELETED : HY_ENOT_FOUND,
                is_deleted ? "%s was deleted" : "nobody holds %s", url->bytes);
        hy__refuse(s, m, &err);
        return;
    }
    const hy__object_t *o = hy__slot_get(&n->objects, url);
    bool is_told = o && o->reporter && o->holder_id == holder->id;
    hy_str_t *who = is_told ? o->reporter : holder->owner->runtime;
    const hy__address_t *a = hy__address_get(n, url);
    hy_node_t *value = hy_node_new(HY_OBJECT);
    bool ok = value && hy_put(value, "holder", hy_string(hy_str_ref(who))) == 0;
    if (ok && a && a->epoch) ok = hy_put(value, "epoch", hy_string(hy_str_ref(a->epoch))) == 0;
    if (ok) ok = hy_put(value, "session", hy_int((int64_t)holder->id)) == 0;
    if (ok) {
        hy__reply(s, m, 200, NULL, hy_node_value(value));
        return;
    }
    hy_node_unref(value);
    hy_fail(&err, HY_ENOMEM, "out of memory");
    hy__refuse(s, m, &err);
}

int hy__object_of_holder(hy_session_t *s, hy_str_t *url, const char *method, hy__object_t **out,
                         hy_error_t *err) {
    if (hy__tombstone_has(s->server, url))
        return hy_fail(err, HY_EDELETED, "%s was deleted", url->bytes);
    if (hy__holder_of(s->server, url->bytes, url->len) != s)
        return hy_fail(err, HY_EFORBIDDEN, "only the holder of %s may %s", url->bytes, method);
    hy__object_t *o = hy__slot_get(&s->server->objects, url);
    if (!o || o->holder_id != s->id)
        return hy_fail(err, HY_ENOT_FOUND, "%s: subscribe %s first", method, url->bytes);
    *out = o;
    return 0;
}

static int check_guard(hy_session_t *s, hy_str_t *url, hy_value_t hyperty, const char *method,
                       hy__object_t **out, hy_error_t *err) {
    hy_address_t parts;
    if (hyperty.kind != HY_STR)
        return hy_fail(err, HY_EINVALID, "%s: params must be [object, hyperty]", method);
    int r = hy_address_parse(hyperty.as.s->bytes, hyperty.as.s->len, &parts, err);
    return r < 0 ? r : hy__object_of_holder(s, url, method, out, err);
}

void hy__serve_execute(hy_session_t *s, hy_msg_t *m) {
    const hy_node_t *body = hy_msg_body(m);
    hy_str_t *method = hy_get_str(body, "method");
    const hy_node_t *params = hy_get_array(body, "params");
    hy_value_t url = params ? hy_node_at(params, 0) : hy_absent();
    hy_value_t who = params ? hy_node_at(params, 1) : hy_absent();
    bool is_admit = hy_str_is(method, "admit"), is_expel = hy_str_is(method, "expel");
    bool is_move = hy_str_is(method, "move");
    hy__object_t *o = NULL;
    hy_error_t err;
    int r = 0;
    if (!is_admit && !is_expel && !is_move && !hy_str_is(method, "holder"))
        r = hy_fail(&err, HY_EINVALID,
                    "%s knows the methods admit, expel, holder, move; not \"%s\"", m->to->bytes,
                    method ? method->bytes : "");
    else if (url.kind != HY_STR)
        r = hy_fail(&err, HY_EINVALID, "%s: params must begin with an object", method->bytes);
    else if (is_admit || is_expel)
        r = check_guard(s, url.as.s, who, method->bytes, &o, &err);
    if (r < 0)
        hy__refuse(s, m, &err);
    else if (is_admit)
        hy__admitted_add(s, m, o, who.as.s);
    else if (is_expel)
        hy__admitted_remove(s, m, o, who.as.s);
    else if (is_move)
        hy__serve_move(s, m);
    else
        tell_holder(s, m, url.as.s);
}
