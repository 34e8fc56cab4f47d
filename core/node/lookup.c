/* Looking up entries of the domain registry: what a request names (R of PROTOCOL.md section 4),
 * what its criteria ask for, and the list that answers it. */
#include "entries.h"

/* --- what is named ---------------------------------------------------------------------------- */

static const hy__bucket_t *find_bucket(const hy__registry_t *r, hy__type_t type, hy__field_t field,
                                       hy_span_t value) {
    if (field == HY__BY_SCHEMA) value = hy__schema_word(value.bytes, value.len);
    return hy__bucket_find(r, type, field, value.bytes, value.len);
}

int hy__found_by(const hy_node_server_t *n, const hy_str_t *resource, hy__found_t *out,
                 hy_error_t *err) {
    const hy__registry_t *r = n->registry;
    *out = (hy__found_t){.one = NULL};
    if (!resource) return hy_fail(err, HY_EINVALID, "no resource named");
    const char *at = resource->bytes, *end = at + resource->len;
    if (resource->len == 0 || *at != '/') {
        out->one = hy__entry_find(r, at, resource->len);
        return 0;
    }
    hy__type_t type;
    hy__field_t field;
    const char *word = at + 1, *slash = memchr(word, '/', (size_t)(end - word));
    if (!slash || slash + 1 == end || !hy__type_find(word, (size_t)(slash - word), &type))
        return hy_fail(err, HY_EINVALID, "%s: expected /hyperty/… or /dataObject/…", at);
    word = slash + 1;
    size_t len = (size_t)(end - word), value_len = 0;
    if ((slash = memchr(word, '/', len))) value_len = (size_t)(end - slash) - 1;
    size_t word_len = len - value_len - (slash ? 1 : 0);
    if (slash && hy__field_find(word, word_len, &field))
        out->many = find_bucket(r, type, field, (hy_span_t){slash + 1, value_len});
    else if (slash && word_len == 3 && memcmp(word, "url", 3) == 0)
        out->one = hy__entry_find(r, slash + 1, value_len);
    else if (strstr(word, "://"))
        out->one = hy__entry_find(r, word, len);
    else
        out->many = hy__bucket_find(r, type, HY__BY_IDENTIFIER, word, len);
    return 0;
}

hy__entry_t *hy__found_next(const hy__found_t *f, hy__walk_t *walk) {
    if (f->all) {
        const hy__slot_t *slot = hy_dict_next(f->all, &walk->pos);
        return slot ? slot->item : NULL;
    }
    if (!f->many) {
        hy__entry_t *e = walk->is_done ? NULL : f->one;
        walk->is_done = true;
        return e;
    }
    const hy_link_t *end = &f->many->entries;
    walk->link = walk->link ? walk->link->next : end->next;
    return walk->link == end ? NULL : hy_link_owner(walk->link, hy__key_t, link)->entry;
}

/* --- criteria --------------------------------------------------------------------------------- */

static bool has(hy_value_t have, hy_value_t wanted) {
    if (have.kind != HY_ARRAY) return hy_value_equal(have, wanted);
    for (size_t i = 0; i < hy_node_count(have.as.n); i++)
        if (hy_value_equal(hy_node_at(have.as.n, i), wanted)) return true;
    return false;
}

static bool has_word(hy_value_t have, hy_value_t wanted) {
    if (have.kind != HY_STR || wanted.kind != HY_STR) return false;
    hy_span_t a = hy__schema_word(have.as.s->bytes, have.as.s->len),
              b = hy__schema_word(wanted.as.s->bytes, wanted.as.s->len);
    return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

static bool has_schema(const hy_node_t *entry, hy_value_t wanted) {
    const hy_node_t *list = hy_get_array(entry, "schemas");
    for (size_t i = 0; list && i < hy_node_count(list); i++)
        if (has_word(hy_node_at(list, i), wanted)) return true;
    return has_word(hy_get(entry, "schema"), wanted);
}

static bool has_type(const hy__entry_t *e, hy_value_t wanted) {
    hy__type_t type;
    return wanted.kind == HY_STR && hy__type_find(wanted.as.s->bytes, wanted.as.s->len, &type) &&
           type == e->type;
}

static bool has_field(const hy__entry_t *e, hy_str_t *key, hy_value_t wanted) {
    if (hy_str_is(key, "schema")) return has_schema(e->value, wanted);
    if (hy_str_is(key, "type")) return has_type(e, wanted);
    return has(hy_node_find(e->value, key), wanted);
}

bool hy__criteria_match(const hy_node_t *criteria, const hy__entry_t *e) {
    hy_str_t *key;
    hy_value_t wanted;
    for (uint32_t pos = 0; criteria && hy_node_next(criteria, &pos, &key, &wanted);) {
        if (wanted.kind == HY_NULL) continue;
        if (wanted.kind != HY_ARRAY) {
            if (!has_field(e, key, wanted)) return false;
            continue;
        }
        for (size_t i = 0; i < hy_node_count(wanted.as.n); i++)
            if (!has_field(e, key, hy_node_at(wanted.as.n, i))) return false;
    }
    return true;
}

int hy__criteria_of(const hy_node_t *body, hy_node_t **out, hy_error_t *err) {
    hy_node_t *criteria = hy_get_object(body, "criteria");
    hy_value_t v = hy_get(body, "criteria");
    if (v.kind != HY_ABSENT && v.kind != HY_NULL && !criteria)
        return hy_fail(err, HY_EINVALID, "criteria must be an object");
    size_t count = 0;
    hy_str_t *key;
    for (uint32_t pos = 0; criteria && hy_node_next(criteria, &pos, &key, &v);)
        count += v.kind == HY_ARRAY ? hy_node_count(v.as.n) : 1;
    if (count > HY_REGISTRY_CRITERIA_MAX)
        return hy_fail(err, HY_EINVALID, "more than %u criteria", HY_REGISTRY_CRITERIA_MAX);
    *out = criteria;
    return 0;
}

/* --- the answer ------------------------------------------------------------------------------- */

/* Adds copies of the entries that match and are live, or are not. */
static int collect(const hy__found_t *f, const hy_node_t *criteria, bool live, hy_node_t *list,
                   size_t *bytes, hy_error_t *err) {
    hy__walk_t walk = {.pos = 0};
    for (const hy__entry_t *e; (e = hy__found_next(f, &walk));) {
        if (e->is_live != live || !hy__criteria_match(criteria, e)) continue;
        *bytes += e->bytes + sizeof ",\"disconnected\"";
        if (*bytes > HY_REGISTRY_ANSWER_BYTES)
            return hy_fail(err, HY_ETOO_LARGE, "too many entries for one answer; add criteria");
        hy_value_t copy;
        int r = hy_value_copy(hy_node_value(e->value), &copy);
        if (r == 0) r = hy_node_insert(list, hy_node_count(list), copy);
        if (r < 0) return hy_fail(err, HY_ENOMEM, "out of memory");
    }
    return 0;
}

int hy__entries_collect(const hy__found_t *found, uint32_t count, const hy_node_t *criteria,
                        hy__collection_t *out, hy_error_t *err) {
    hy_node_t *list = hy_node_new(HY_ARRAY);
    if (!list) return hy_fail(err, HY_ENOMEM, "out of memory");
    size_t bytes = 0;
    int r = 0, rest = 0;
    for (uint32_t i = 0; r == 0 && i < count; i++)
        r = collect(&found[i], criteria, true, list, &bytes, err);
    bool any_live = hy_node_count(list) > 0;
    for (uint32_t i = 0; r == 0 && rest == 0 && i < count; i++)
        rest = collect(&found[i], criteria, false, list, &bytes, err);
    if (rest != HY_ETOO_LARGE && r == 0) r = rest;
    if (r < 0) {
        hy_node_unref(list);
        return r;
    }
    *out = (hy__collection_t){list, any_live, rest == 0};
    return 0;
}
