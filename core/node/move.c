/* `execute move`: the holder hands an object to a hyperty of another session, or of its own
 * (PROTOCOL.md section 5, Delegate).
 *
 *      checked ──► routes of the new one added ──► claim, holder, entry pass ──► routes of the old
 *                  all that can fail               cannot fail                   one go; both told
 *
 * So it is done whole or not at all, and no message comes between. The object with its guard and
 * its admissions stays as it is; who observes it is not touched. */
#include "internal.h"

typedef struct {
    hy_session_t *from, *to;
    hy__object_t *object;
    hy__address_t *address;
    hy_str_t *url, *reporter, *epoch;
} move_t;

/* --- checking --------------------------------------------------------------------------------- */

static int check_epoch(const move_t *v, hy_error_t *err) {
    const hy_str_t *known = v->address->epoch;
    if (!known || hy__epoch_compare(v->epoch, known) > 0) return 0;
    return hy_fail(err, HY_ECONFLICT, "%s was in epoch %s already", v->url->bytes, known->bytes);
}

static int check(hy_session_t *s, const hy_node_t *params, move_t *v, hy_error_t *err) {
    hy_value_t who = hy_node_at(params, 1), epoch = hy_node_at(params, 2);
    hy_value_t session = hy_node_at(params, 3); /* in which that one has accepted; may be missing */
    hy_address_t parts;
    if (who.kind != HY_STR || epoch.kind != HY_STR || epoch.as.s->len > HY_NAME_BYTES_MAX)
        return hy_fail(err, HY_EINVALID, "move: params must be [object, hyperty, epoch]");
    *v = (move_t){.from = s, .url = hy_node_at(params, 0).as.s};
    v->reporter = who.as.s;
    v->epoch = epoch.as.s;
    int r = hy_address_parse(v->reporter->bytes, v->reporter->len, &parts, err);
    if (r == 0) r = hy__object_of_holder(s, v->url, "move", &v->object, err);
    if (r < 0) return r;
    v->to = hy__holder_of(s->server, v->reporter->bytes, v->reporter->len);
    if (!v->to) return hy_fail(err, HY_ENOT_FOUND, "nobody is at %s", v->reporter->bytes);
    if (session.kind == HY_INT && session.as.i != (int64_t)v->to->id)
        return hy_fail(err, HY_ECONFLICT, "%s has another session since", v->reporter->bytes);
    if (!v->to->peer) /* it may never come back for it */
        return hy_fail(err, HY_EUNREACHABLE, "%s has lost its connection", v->reporter->bytes);
    v->address = hy__address_get(s->server, v->url);
    if (!v->address)
        return hy_fail(err, HY_ECONFLICT, "%s is held with what is above it: it cannot move alone",
                       v->url->bytes);
    r = check_epoch(v, err);
    return r < 0 ? r : hy__address_pass_check(v->address, v->to->owner, err);
}

/* --- routes ----------------------------------------------------------------------------------- */

/* Published changes are not the holder's: who subscribes them there observes. */
static hy__route_t *next_route(const move_t *v, hy_link_t **link) {
    while ((*link = (*link)->next) != &v->object->topics) {
        const hy__topic_t *t = hy_link_owner(*link, hy__topic_t, link);
        hy__route_t *r = t->kind == HY__CHANGES ? NULL : hy__route_find(v->from, t->url);
        if (r) return r;
    }
    return NULL;
}

/* The new holder subscribes what the old one does. What it had before is not counted as added. */
static int add_routes(const move_t *v, hy_str_t **added, uint32_t *count, hy_error_t *err) {
    hy_link_t *link = &v->object->topics;
    for (const hy__route_t *old; (old = next_route(v, &link));) {
        const hy__route_t *own = hy__route_find(v->to, old->topic->url);
        if (own && hy_dict_get(&own->sources, v->reporter)) continue;
        if (*count == HY_SUBSCRIBE_RESOURCES_MAX)
            return hy_fail(err, HY_EFULL, "%s has more than %u resources: it cannot move",
                           v->url->bytes, HY_SUBSCRIBE_RESOURCES_MAX);
        int r = hy__route_add(v->to, old->topic->url, v->reporter, err);
        if (r < 0) return r;
        added[(*count)++] = old->topic->url;
    }
    return 0;
}

static bool observes(const move_t *v, hy_str_t *source) {
    const hy__route_t *changes = hy__route_find(v->from, v->object->changes->url);
    return changes && hy_dict_get(&changes->sources, source);
}

/* True for what was subscribed as holder: by the old reporter, unless it observes the object, too,
 * or by its runtime itself. */
static bool is_holders(const move_t *v, hy__kind_t kind, hy_str_t *source) {
    if (v->to == v->from && hy_str_equal(source, v->reporter)) return false;
    if (kind < HY__CHANGES) return true;
    return hy_str_equal(source, v->object->reporter)
               ? !observes(v, source)
               : hy_address_is_under(source, v->from->owner->runtime);
}

/* Takes the old holder's sources out; others of its session go on listening to the children. No
 * topic ends with that, as the new holder is there by now. */
static void drop_routes(const move_t *v) {
    hy_link_t *link = &v->object->topics;
    for (hy__route_t *r; (r = next_route(v, &link));) {
        hy_str_t *url = r->topic->url, *const * entry;
        hy__kind_t kind = r->topic->kind;
        for (uint32_t pos = 0; r && (entry = hy_dict_next(&r->sources, &pos));) {
            if (!is_holders(v, kind, *entry)) continue;
            hy_str_t *source = hy_str_ref(*entry);
            hy__route_remove(v->from, url, source, false); /* the last one takes it along */
            hy_str_unref(source);
            r = hy__route_find(v->from, url);
        }
    }
}

/* --- the move --------------------------------------------------------------------------------- */

static hy_msg_t *make_notice(const move_t *v) {
    hy_node_t *body = hy_node_new(HY_OBJECT), *value = hy_node_new(HY_OBJECT);
    hy_node_t *moved = hy_node_new(HY_OBJECT);
    bool ok = body && value && moved &&
              hy_put(moved, "resource", hy_string(hy_str_ref(v->url))) == 0 &&
              hy_put(moved, "epoch", hy_string(hy_str_ref(v->epoch))) == 0 &&
              hy_put(moved, "from", hy_string(hy_str_ref(v->object->reporter))) == 0;
    if (ok) {
        ok = hy_put(value, "moved", hy_node_value(moved)) == 0;
        moved = NULL;
    }
    if (ok) {
        ok = hy_put(body, "value", hy_node_value(value)) == 0;
        value = NULL;
    }
    if (moved) hy_node_unref(moved);
    if (value) hy_node_unref(value);
    if (ok)
        return hy_msg_new(HY_MSG_EVENT, hy_absent(), v->from->server->sm_url, v->reporter,
                          hy_node_value(body));
    if (body) hy_node_unref(body);
    return NULL;
}

static void commit(const move_t *v) {
    hy_node_server_t *n = v->from->server;
    hy__address_pass(n, v->address, v->to->owner);
    hy_str_unref(v->address->epoch);
    v->address->epoch = hy_str_ref(v->epoch);
    v->address->epoch_session = v->to->id;
    hy__registry_pass(n, v->url, v->to);
    drop_routes(v);
    hy__object_pass(v->object, v->to, v->reporter);
    hy__keep_object(n, v->url, false);
    hy__keep_sync(n);
}

static int move(const move_t *v, hy_error_t *err) {
    hy_str_t *added[HY_SUBSCRIBE_RESOURCES_MAX];
    uint32_t count = 0;
    hy_msg_t *notice = make_notice(v);
    int r = notice ? add_routes(v, added, &count, err) : hy_fail(err, HY_ENOMEM, "out of memory");
    if (r == 0) {
        commit(v);
        hy__keep_hand(v->to, notice, true);
    }
    while (r < 0 && count > 0)
        hy__route_remove(v->to, added[--count], v->reporter, false);
    hy_msg_unref(notice);
    return r;
}

void hy__serve_move(hy_session_t *s, hy_msg_t *m) {
    const hy_node_t *params = hy_get_array(hy_msg_body(m), "params");
    move_t v = {.from = s};
    hy_error_t err;
    int r = check(s, params, &v, &err);
    if (r == 0) r = move(&v, &err);
    if (r < 0)
        hy__refuse_epoch(s, m, &err, v.url);
    else
        hy__reply(s, m, 200, NULL, hy_absent());
}
