/* The door of a runtime that takes part in mutual objects (secret.h): what happens to a message is
 * told by its addresses, and by the keys that are here.
 *
 *      <Object>/changes, …/children/…           sealed for all
 *      to and from <Object>, answers to them    sealed for one
 *      <Object>/subscription                    plain, without anything of the object; but yeses,
 *                                               which have the object, are sealed for one
 *      <Object>/registration                    plain: the registry's
 *
 * What cannot be sealed does not leave. */
#include "../base/mem.h"
#include "secret_parts.h"

bool hy__is_below(const hy_str_t *address, const hy_str_t *object, const char *tail) {
    size_t len = strlen(tail);
    return address->len == object->len + len &&
           memcmp(address->bytes, object->bytes, object->len) == 0 &&
           memcmp(address->bytes + object->len, tail, len) == 0;
}

int hy__secret_strip(hy_msg_t **m, int code, const char *desc, bool again) {
    hy_node_t *body = hy_node_new(HY_OBJECT);
    int rc = body ? hy_put(body, "code", hy_int(code)) : HY_ENOMEM;
    if (rc == 0 && desc) rc = hy_put(body, "desc", hy_text(desc));
    if (rc == 0 && code == 503 && again)
        rc = hy_put(body, "value", hy__body1("again", hy_bool(true)));
    hy_value_t id = (*m)->id;
    if (rc == 0 && id.kind == HY_STR) hy_str_ref(id.as.s);
    hy_msg_t *bare =
        rc == 0 ? hy_msg_new((*m)->type, id, (*m)->from, (*m)->to, hy_node_value(body)) : NULL;
    if (rc < 0 && body) hy_node_unref(body);
    if (!bare) return HY_ENOMEM;
    hy_msg_unref(*m);
    *m = bare;
    return 0;
}

/* "mutual" with the key of all, to lead a body. NULL: no memory. */
static hy_str_t *lead_of(const hy__secret_t *s) {
    hy_str_t *key = hy_base64(s->line.key, HY_SECRET_BYTES);
    hy_str_t *lead = key ? hy_str_format("\"mutual\":{\"generation\":%u,\"key\":\"%s\"}",
                                         s->generation, key->bytes)
                         : NULL;
    if (key) hy_secret_wipe(key->bytes, key->len);
    hy_str_unref(key);
    return lead;
}

/* --- leaving ---------------------------------------------------------------------------------- */

static int replace(hy_msg_t **m, hy_msg_t *with) {
    hy_msg_unref(*m);
    *m = with;
    return 0;
}

static int keep_in(const hy__secret_t *s, const hy_msg_t *m, hy_error_t *err) {
    return hy_fail(err, HY_EFORBIDDEN,
                   "%s does not take part in %s, which only its participants "
                   "can read",
                   hy_str_equal(m->to, s->url) ? m->from->bytes : m->to->bytes, s->url->bytes);
}

static void settle(hy__secret_t *s, hy_msg_t **before) {
    if (s->user && s->is_stale) *before = hy__secret_renew(s);
}

static int seal_for_all(hy__secret_t *s, hy_msg_t **m, hy_msg_t **before, hy_error_t *err) {
    hy_msg_t *out;
    settle(s, before);
    if (s->generation == 0)
        return hy_fail(err, HY_EUNREACHABLE, "the key of %s is not here yet", s->url->bytes);
    int rc = hy__line_seal(&s->line, hy__secret_random(s->manager->secrets), s->generation, *m,
                           NULL, &out, err);
    return rc < 0 ? rc : replace(m, out);
}

/* The reporter tells the key of all to who has another one, or none, together with what it asks. */
static int seal_for_one(hy__secret_t *s, hy__peer_t *p, hy_msg_t **m, hy_msg_t **before,
                        hy_error_t *err) {
    hy_msg_t *out;
    hy_str_t *lead = NULL;
    int code = (*m)->type == HY_MSG_RESPONSE ? hy_msg_code(*m) : 0;
    if (s->user && code > 0 && code < 300 && hy__secret_observes(s, p)) {
        settle(s, before);
        if (p->generation != s->generation && !(lead = lead_of(s))) return HY_ENOMEM;
    }
    int rc = hy__line_seal(&p->line, hy__secret_random(s->manager->secrets), s->generation, *m,
                           lead ? lead->bytes : NULL, &out, err);
    if (lead) hy_secret_wipe(lead->bytes, lead->len);
    hy_str_unref(lead);
    return rc < 0 ? rc : replace(m, out);
}

/* What the registry tells everybody, and nothing else of the object. */
static int strip_invitation(hy_msg_t **m) {
    static const char *const told[] = {"url",  "name",   "schema",  "description", "tags",
                                       "user", "mutual", "runtime", "reporter",    "resources"};
    const hy_node_t *body = hy_msg_body(*m), *value = hy_get_object(body, "value");
    hy_node_t *bare = hy_node_new(HY_OBJECT), *metadata = hy_node_new(HY_OBJECT);
    int rc = bare && metadata ? 0 : HY_ENOMEM;
    for (size_t i = 0; rc == 0 && i < sizeof told / sizeof *told; i++) {
        hy_value_t copy, v = hy_get(value, told[i]);
        if (v.kind == HY_ABSENT) continue;
        rc = hy_value_copy(v, &copy);
        if (rc == 0) rc = hy_put(metadata, told[i], copy);
    }
    if (rc == 0) rc = hy_put(bare, "source", hy__string_ref(hy_get_str(body, "source")));
    if (rc == 0) rc = hy_put(bare, "schema", hy__string_ref(hy_get_str(body, "schema")));
    if (rc == 0) {
        rc = hy_put(bare, "value", hy_node_value(metadata));
        metadata = NULL;
    }
    if (metadata) hy_node_unref(metadata);
    hy_value_t id = (*m)->id;
    if (rc == 0 && id.kind == HY_STR) hy_str_ref(id.as.s);
    hy_msg_t *out =
        rc == 0 ? hy_msg_new((*m)->type, id, (*m)->from, (*m)->to, hy_node_value(bare)) : NULL;
    if (rc < 0 && bare) hy_node_unref(bare);
    return out ? replace(m, out) : HY_ENOMEM;
}

static int answer_leaves(hy__secret_t *s, hy_msg_t **m, hy_str_t *to, hy_msg_t **before,
                         hy_error_t *err) {
    hy__peer_t *p = to ? hy__secret_peer(s, to) : NULL;
    int code = hy_msg_code(*m);
    bool is_of_subscription = hy__is_below((*m)->from, s->url, "/subscription");
    bool again = hy__asks_again(*m, code);
    bool is_for_all = is_of_subscription || code == 401 || code == 503; /* who has no key as well */
    if (p && (code < 300 || !is_for_all)) return seal_for_one(s, p, m, before, err);
    if (!is_of_subscription) return hy__secret_strip(m, code < 300 ? 401 : code, NULL, again);
    bool has_challenge = code == 401 && hy_get_object(hy_msg_body(*m), "mutual");
    if (has_challenge && !to) return 0;
    if (to && code < 300) return hy__secret_strip(m, 403, "it was struck off", false);
    return hy__secret_strip(m, code, hy_msg_desc(*m), again); /* a no, or that it has left */
}

static int from_subscription(hy_msg_t **m, hy__secret_t *s, hy_error_t *err) {
    if ((*m)->type == HY_MSG_UNSUBSCRIBE) return 0;
    if ((*m)->type == HY_MSG_CREATE) return strip_invitation(m);
    return keep_in(s, *m, err);
}

static int to_object(hy__secret_t *s, hy_msg_t **m, hy_msg_t **before, hy_error_t *err) {
    hy__peer_t *p = hy__secret_peer(s, (*m)->from);
    if (p && !s->user) return seal_for_one(s, p, m, before, err);
    return (*m)->type == HY_MSG_READ ? 0 : keep_in(s, *m, err);
}

/* What a hyperty emits to those who are here. */
static bool stays(hy_msg_t *m) {
    static const char tail[] = "/events";
    size_t len = sizeof tail - 1;
    if (m->type != HY_MSG_EVENT || m->to->len < len) return false;
    if (memcmp(m->to->bytes + m->to->len - len, tail, len) != 0) return false;
    return hy_get_bool(hy_get_object(hy_msg_body(m), "value"), "here", false);
}

static int leaves(void *arg, hy_msg_t **m, hy_msg_t **before, hy_error_t *err) {
    hy__secrets_t *all = arg;
    hy_str_t *to = (*m)->to;
    if (stays(*m)) return 1;
    if ((*m)->type == HY_MSG_SUBSCRIBE) return hy__knock_leaves(all, *m);
    if (all->objects.count == 0) return 0;
    hy__secret_t *s = hy__secret_find(all, to);
    if (s) {
        if (hy__is_below(to, s->url, "/registration")) return 0;
        if (hy__is_below(to, s->url, "/subscription"))
            return (*m)->type == HY_MSG_RESPONSE
                       ? hy__secret_strip(m, hy_msg_code(*m), hy_msg_desc(*m), false)
                       : 0;
        if (hy_address_is_published(to)) return seal_for_all(s, m, before, err);
        return to_object(s, m, before, err);
    }
    s = hy__secret_find(all, (*m)->from);
    if (!s) return 0;
    if ((*m)->type != HY_MSG_RESPONSE) {
        if (hy__is_below((*m)->from, s->url, "/subscription")) return from_subscription(m, s, err);
        return keep_in(s, *m, err);
    }
    bool is_of_subscription = hy__is_below((*m)->from, s->url, "/subscription");
    hy_str_t *who =
        is_of_subscription ? hy__knock_subscriber(all, *m, hy_msg_code(*m)) : hy_str_ref((*m)->to);
    int rc = answer_leaves(s, m, who, before, err);
    hy_str_unref(who);
    return rc;
}

/* --- entering --------------------------------------------------------------------------------- */

static int enters(void *arg, hy_msg_t **m) {
    hy__secrets_t *all = arg;
    if ((*m)->type == HY_MSG_RESPONSE && all->knock_count > 0) {
        int rc = hy__knock_answered(all, m);
        if (rc != 2) return rc;
    }
    if (all->objects.count == 0) return 0;
    hy__secret_t *s = hy__secret_find(all, (*m)->to);
    if (!s) s = hy__secret_find(all, (*m)->from);
    return s ? hy__secret_opens(s, m) : 0;
}

static const hy_door_t door = {.leaves = leaves, .enters = enters};

int hy__secrets_new(hy_manager_t *m, hy__secrets_t **out) {
    hy__secrets_t *all = hy_alloc_zero(sizeof *all);
    if (!all) return HY_ENOMEM;
    all->manager = m;
    hy_dict_init(&all->objects, sizeof(hy_part_entry_t));
    hy_link_init(&all->knocks);
    hy_link_init(&all->let_in);
    hy_link_init(&all->challenges);
    hy_bus_set_door(m->bus, &door, all);
    *out = all;
    return 0;
}
