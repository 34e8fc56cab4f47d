/* The function domain://registry.<d>: create, update, delete and read of entries (PROTOCOL.md
 * section 4); how they are kept is in entries.c, found in lookup.c, watched in watches.c. Only the
 * holder of a URL writes its entry; everybody reads. */
#include "authorised.h"
#include "entries.h"

/* The entry that the session may write: the one of those found whose URL it holds. */
static int find_own(hy_session_t *s, const hy_str_t *resource, hy__entry_t **out, hy_error_t *err) {
    hy__found_t f;
    int r = hy__found_by(s->server, resource, &f, err);
    if (r < 0) return r;
    hy__walk_t walk = {.pos = 0};
    bool found = false;
    for (hy__entry_t *e; (e = hy__found_next(&f, &walk)); found = true) {
        if (hy__claim_by_use(s, e->url, NULL) < 0) continue;
        *out = e;
        return 0;
    }
    if (!found) return hy_fail(err, HY_ENOT_FOUND, "%s is not registered", resource->bytes);
    return hy_fail(err, HY_EFORBIDDEN, "only its holder may change the entry of %s",
                   resource->bytes);
}

/* --- writing ---------------------------------------------------------------------------------- */

static int read_status(hy_value_t v, bool *is_live, hy_error_t *err) {
    if (v.kind == HY_STR && hy_str_is(v.as.s, "live"))
        *is_live = true;
    else if (v.kind == HY_STR && hy_str_is(v.as.s, "disconnected"))
        *is_live = false;
    else
        return hy_fail(err, HY_EINVALID, "status must be \"live\" or \"disconnected\"");
    return 0;
}

/* Seconds, 0 or absent for never, as milliseconds. */
int hy__entry_expires(const hy_node_t *value, uint64_t *ms, hy_error_t *err) {
    hy_value_t v = hy_get(value, "expires");
    double s = v.kind == HY_INT ? (double)v.as.i : v.kind == HY_REAL ? v.as.r : 0;
    bool is_none = v.kind == HY_ABSENT || v.kind == HY_NULL;
    if ((!is_none && v.kind != HY_INT && v.kind != HY_REAL) || s < 0)
        return hy_fail(err, HY_EINVALID, "expires must be a number of seconds");
    if (s > HY_REGISTRY_EXPIRES_S_MAX) s = HY_REGISTRY_EXPIRES_S_MAX;
    *ms = (uint64_t)(s * 1000);
    if (s > 0 && *ms == 0) *ms = 1;
    return 0;
}

static int check_value(hy_session_t *s, const hy_node_t *value, hy__type_t *type, hy_error_t *err) {
    if (!value) return hy_fail(err, HY_EINVALID, "no value to register");
    hy_str_t *url = hy_get_str(value, "url"), *word = hy_get_str(value, "type");
    hy_address_t parts;
    if (!url) return hy_fail(err, HY_EINVALID, "value.url is missing");
    int r = hy_address_parse(url->bytes, url->len, &parts, err);
    if (r < 0) return r;
    *type = hy__is_object_scheme(parts.scheme) ? HY__DATA_OBJECT : HY__HYPERTY;
    if (hy_get(value, "type").kind != HY_ABSENT &&
        (!word || !hy__type_find(word->bytes, word->len, type)))
        return hy_fail(err, HY_EINVALID, "value.type must be \"hyperty\" or \"dataObject\"");
    r = hy__claim_by_use(s, url, err);
    if (r != HY_EFORBIDDEN) return r;
    return hy_fail(err, HY_EFORBIDDEN, "only the holder of %s may register it", url->bytes);
}

/* A copy that the caller owns; NULL when out of memory. */
static hy_node_t *copy_node(hy_node_t *n, hy_error_t *err) {
    hy_value_t copy = hy_absent();
    if (hy_value_copy(hy_node_value(n), &copy) == 0) return copy.as.n;
    hy_fail(err, HY_ENOMEM, "out of memory");
    return NULL;
}

static int create(hy_session_t *s, const hy_node_t *body, hy_error_t *err) {
    hy_node_t *value = hy_get_object(body, "value");
    hy__type_t type;
    uint64_t expires_ms = 0;
    int r = check_value(s, value, &type, err);
    if (r == 0) r = hy__entry_expires(value, &expires_ms, err);
    if (r == 0) r = hy__identity_check_entry(s, value, NULL, err);
    if (r < 0) return r;
    hy_str_t *status = hy_get_str(value, "status");
    bool is_live = !hy_str_is(status, "disconnected");
    hy_node_t *copy = copy_node(value, err);
    if (!copy) return HY_ENOMEM;
    if (hy_put(copy, "status", hy_text(is_live ? "live" : "disconnected")) < 0) {
        hy_node_unref(copy);
        return hy_fail(err, HY_ENOMEM, "out of memory");
    }
    hy_str_t *url = hy_get_str(value, "url");
    hy__entry_t *e = hy__entry_find(s->server->registry, url->bytes, url->len);
    hy__watched_t w;
    hy__watched_begin(e, &w);
    r = hy__entry_put(s, url, type, copy, &e, err);
    if (r == 0) r = hy__entry_touch(e, s, expires_ms, err);
    if (r == 0) hy__entry_set_live(e, is_live, false);
    if (r == 0) hy__keep_entry(e);
    hy__watched_end(e, &w);
    return r;
}

/* Puts what an update changes into a copy of the entry. */
static int merge(hy_node_t *copy, const hy_node_t *body, hy_error_t *err) {
    const hy_node_t *fields = hy_get_object(body, "value");
    hy_str_t *attribute = hy_get_str(body, "attribute"), *key = attribute;
    hy_value_t v = hy_get(body, "value"), own;
    if (!attribute && hy_get(body, "attribute").kind != HY_ABSENT)
        return hy_fail(err, HY_EINVALID, "attribute must be the name of a field");
    if (!attribute && !fields && v.kind != HY_ABSENT)
        return hy_fail(err, HY_EINVALID, "an update of all needs an object as value");
    uint32_t pos = 0;
    while (attribute ? pos++ == 0 : fields && hy_node_next(fields, &pos, &key, &v)) {
        hy_value_t old = hy_node_find(copy, key);
        if ((hy_str_is(key, "url") || hy_str_is(key, "type")) && !hy_value_equal(old, v))
            return hy_fail(err, HY_EINVALID, "the %s of an entry cannot change", key->bytes);
        if (v.kind == HY_ABSENT) return hy_fail(err, HY_EINVALID, "no value for %s", key->bytes);
        if (hy_value_copy(v, &own) < 0 || hy_node_set(copy, key, own, NULL) < 0)
            return hy_fail(err, HY_ENOMEM, "out of memory");
    }
    return 0;
}

/* Without anything to change an update keeps alive; so does every other. Who had only been given up
 * is back; who said of itself that it is disconnected stays so until it says otherwise. */
static int change(hy_session_t *s, hy__entry_t *e, const hy_node_t *body, hy_error_t *err) {
    int r = 0;
    bool is_live = e->is_live || e->is_lapsed;
    uint64_t expires_ms = e->expires_ms;
    if (hy_get(body, "value").kind != HY_ABSENT || hy_get(body, "attribute").kind != HY_ABSENT) {
        hy_node_t *copy = copy_node(e->value, err);
        if (!copy) return HY_ENOMEM;
        if (is_live && !e->is_live && hy_put(copy, "status", hy_text("live")) < 0)
            r = hy_fail(err, HY_ENOMEM, "out of memory");
        if (r == 0) r = merge(copy, body, err);
        if (r == 0) r = read_status(hy_get(copy, "status"), &is_live, err);
        if (r == 0) r = hy__entry_expires(copy, &expires_ms, err);
        if (r == 0) r = hy__identity_check_entry(s, copy, e->value, err);
        if (r < 0) {
            hy_node_unref(copy);
            return r;
        }
        if ((r = hy__entry_change(e, s, copy, err)) < 0) return r;
    }
    r = hy__entry_touch(e, s, expires_ms, err);
    if (r == 0) hy__entry_set_live(e, is_live, false);
    if (r == 0) hy__keep_entry(e);
    return r;
}

static int update(hy_session_t *s, const hy_node_t *body, hy_error_t *err) {
    hy__entry_t *e;
    int r = find_own(s, hy_get_str(body, "resource"), &e, err);
    if (r < 0) return r;
    hy__watched_t w;
    hy__watched_begin(e, &w);
    r = change(s, e, body, err);
    hy__watched_end(e, &w);
    return r;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int read_all(hy_session_t *s, const hy_node_t *body, hy_value_t *value, int *code,
                    hy_error_t *err) {
    const hy_str_t *resource = hy_get_str(body, "resource");
    hy_node_t *criteria;
    hy__collection_t collected;
    hy__found_t f;
    int r = hy__found_by(s->server, resource, &f, err);
    if (r == 0) r = hy__criteria_of(body, &criteria, err);
    if (r == 0) r = hy__entries_collect(&f, 1, criteria, &collected, err);
    if (r < 0) return r;
    if (!collected.is_complete && !collected.any_live)
        r = hy_fail(err, HY_ETOO_LARGE, "too many entries for one answer; add criteria");
    else if (hy_node_count(collected.list) == 0)
        r = hy_fail(err, HY_ENOT_FOUND, "nothing is registered as %s", resource->bytes);
    if (r < 0) {
        hy_node_unref(collected.list);
        return r;
    }
    *code = collected.any_live ? 200 : 408;
    *value = hy_node_value(collected.list);
    return 0;
}

/* --- the function ----------------------------------------------------------------------------- */

void hy__serve_registry(hy_session_t *s, hy_msg_t *m) {
    if (m->type == HY_MSG_SUBSCRIBE || m->type == HY_MSG_UNSUBSCRIBE) {
        hy__serve_watch(s, m);
        return;
    }
    const hy_node_t *body = hy_msg_body(m);
    hy_value_t value = hy_absent();
    int code = 200, r;
    hy_error_t err;
    if (m->type == HY_MSG_CREATE) {
        r = create(s, body, &err);
    } else if (m->type == HY_MSG_UPDATE) {
        r = update(s, body, &err);
    } else if (m->type == HY_MSG_READ) {
        r = read_all(s, body, &value, &code, &err);
    } else if (m->type == HY_MSG_DELETE) {
        hy__entry_t *e;
        r = find_own(s, hy_get_str(body, "resource"), &e, &err);
        if (r == 0) hy__entry_drop(e);
    } else {
        r = hy_fail(&err, HY_EINVALID, "%s does not serve %s", m->to->bytes,
                    hy_msg_type_text(m->type));
    }
    if (r < 0)
        hy__refuse(s, m, &err);
    else
        hy__reply(s, m, code, code == 408 ? "all that is found is disconnected" : NULL, value);
}
