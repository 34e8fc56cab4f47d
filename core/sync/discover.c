/* Discovery: look-ups at the domain registry by what narrows most, one for objects and one for
 * hyperties unless only one of them can be meant, then all criteria here. */
#include "../base/mem.h"
#include "call.h"

/* --- criteria --------------------------------------------------------------------------------- */

static bool is_known(const hy_str_t *key) {
    static const char *const known[] = {"name", "schema",    "user", "reporter",
                                        "url",  "resources", "type"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (hy_str_is(key, known[i])) return true;
    }
    return false;
}

static bool is_texts(hy_value_t v) {
    for (size_t i = 0; v.kind == HY_ARRAY && i < hy_node_count(v.as.n); i++) {
        if (hy_node_at(v.as.n, i).kind != HY_STR) return false;
    }
    return v.kind == HY_ARRAY;
}

int hy__criteria_check(const hy_manager_t *m, hy_node_t *criteria, hy_error_t *err) {
    hy_str_t *key;
    hy_value_t v;
    for (uint32_t pos = 0; hy_node_next(criteria, &pos, &key, &v);) {
        bool is_type = hy_str_is(key, "type");
        if (!is_known(key))
            return hy_fail(err, HY_EINVALID,
                           "the registry is not searched by \"%s\" (known: name, schema, user, "
                           "resources, reporter, url, type)",
                           key->bytes);
        if (hy_str_is(key, "resources") ? !is_texts(v) : v.kind != HY_STR)
            return hy_fail(err, HY_EINVALID, "%s is not as it should be", key->bytes);
        if (is_type && !hy_str_is(v.as.s, "hyperty") && !hy_str_is(v.as.s, "dataObject"))
            return hy_fail(err, HY_EINVALID,
                           "type must be \"hyperty\" or \"dataObject\", not "
                           "\"%s\"",
                           v.as.s->bytes);
    }
    hy_str_t *name = hy_get_str(criteria, "schema");
    const hy_schema_t *schema = name ? hy_schemas_find(m->schemas, name) : NULL;
    hy_str_t *url = schema ? hy_str_ref(schema->url) : name ? hy__schema_address(m, name) : NULL;
    return url ? hy_put(criteria, "schema", hy_string(url)) : 0;
}

hy_str_t *hy__criteria_registry(const hy_manager_t *m, const hy_node_t *criteria) {
    static const char *const keys[] = {"url", "reporter"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const hy_str_t *url = hy_get_str(criteria, keys[i]);
        hy_address_t parts;
        if (url && hy_address_parse(url->bytes, url->len, &parts, NULL) == 0)
            return hy__domain_registry(m, url);
    }
    return hy_str_ref(m->node_registry);
}

/* --- what fits -------------------------------------------------------------------------------- */

static bool has(const hy_node_t *list, hy_value_t wanted) {
    for (size_t i = 0; list && i < hy_node_count(list); i++) {
        if (hy_value_equal(hy_node_at(list, i), wanted)) return true;
    }
    return false;
}

static bool has_all(const hy_node_t *entry, const char *key, hy_value_t wanted) {
    const hy_node_t *have = hy_get_array(entry, key);
    for (size_t i = 0; i < hy_node_count(wanted.as.n); i++) {
        if (!has(have, hy_node_at(wanted.as.n, i))) return false;
    }
    return true;
}

static bool is_schema(const hy_schemas_t *schemas, hy_value_t have, hy_str_t *wanted) {
    if (have.kind != HY_STR) return false;
    const hy_schema_t *a = hy_schemas_find(schemas, have.as.s),
                      *b = hy_schemas_find(schemas, wanted);
    return a || b ? a == b : hy_str_equal(have.as.s, wanted);
}

/* An object's schema, or one of those that a hyperty has. */
static bool has_schema(const hy_schemas_t *schemas, const hy_node_t *entry, hy_str_t *wanted) {
    const hy_node_t *list = hy_get_array(entry, "schemas");
    for (size_t i = 0; list && i < hy_node_count(list); i++) {
        if (is_schema(schemas, hy_node_at(list, i), wanted)) return true;
    }
    return is_schema(schemas, hy_get(entry, "schema"), wanted);
}

static bool fits(const hy_call_t *c, const hy_node_t *entry) {
    hy_str_t *key;
    hy_value_t wanted;
    for (uint32_t pos = 0; hy_node_next(c->criteria.as.n, &pos, &key, &wanted);) {
        if (hy_str_is(key, "resources")) {
            if (!has_all(entry, "resources", wanted)) return false;
        } else if (hy_str_is(key, "schema")) {
            if (!has_schema(c->syncher->manager->schemas, entry, wanted.as.s)) return false;
        } else if (!hy_value_equal(hy_get(entry, key->bytes), wanted)) {
            return false;
        }
    }
    return true;
}

/* --- look-ups --------------------------------------------------------------------------------- */

/* By that the registry is searched, the narrowest first. */
static const char *const searched[] = {"name", "reporter", "schema", "resources", "user"};

/* What it is searched for there; NULL: nothing. */
static hy_str_t *key_of(const hy_node_t *criteria, size_t i) {
    hy_value_t v = hy_get(criteria, searched[i]);
    if (v.kind == HY_ARRAY) v = hy_node_at(v.as.n, 0);
    return v.kind == HY_STR ? v.as.s : NULL;
}

static bool is_narrowed(const hy_node_t *criteria) {
    bool is = hy_get_str(criteria, "url") != NULL;
    for (size_t i = 0; !is && i < sizeof searched / sizeof searched[0]; i++) {
        is = key_of(criteria, i) != NULL;
    }
    return is;
}

/* An R of PROTOCOL.md section 4. */
static hy_str_t *lookup(const hy_call_t *c) {
    const hy_node_t *criteria = c->criteria.as.n;
    hy_str_t *url = hy_get_str(criteria, "url"), *type = hy_get_str(criteria, "type");
    const char *word = c->is_second ? "hyperty" : "dataObject";
    size_t i = 0;
    if (url) return hy_str_ref(url);
    while (!key_of(criteria, i)) {
        i++;
    }
    return hy_str_format("/%s/%s/%s", type ? type->bytes : word, searched[i],
                         key_of(criteria, i)->bytes);
}

/* Objects and hyperties may be meant. */
static bool has_second(const hy_node_t *criteria) {
    return !hy_get_str(criteria, "url") && !hy_get_str(criteria, "type") &&
           !hy_get_str(criteria, "reporter");
}

static int ask_registry(hy_call_t *c, hy_error_t *err) {
    hy_value_t criteria = hy_absent(), body = hy__body1("resource", hy_string(lookup(c)));
    bool is_one = hy_get_str(c->criteria.as.n, "url") != NULL; /* nothing to be left out */
    if (body.kind == HY_OBJECT && !is_one) {
        hy_value_copy(c->criteria, &criteria);
        if (hy_put(body.as.n, "criteria", criteria) < 0) {
            hy_value_drop(body);
            body = hy_absent();
        }
    }
    hy_str_t *to = hy__criteria_registry(c->syncher->manager, c->criteria.as.n);
    int rc = hy__call_transmit(c, HY_MSG_READ, to, body, err);
    hy_str_unref(to);
    return rc;
}

/* Those that are live come before the others, of both look-ups. */
static void add(hy_call_t *c, hy_value_t entry) {
    hy_value_t copy;
    if (hy_value_copy(entry, &copy) < 0) return;
    bool is_live = hy_str_is(hy_get_str(entry.as.n, "status"), "live");
    size_t at = is_live ? c->live_count : hy_node_count(c->found.as.n);
    if (hy_node_insert(c->found.as.n, at, copy) == 0) c->live_count += is_live;
}

static void take_found(hy_call_t *c, hy_msg_t *answer, int code, const char *desc) {
    const hy_node_t *list = hy_get_array(hy_msg_body(answer), "value");
    for (size_t i = 0; list && i < hy_node_count(list); i++) {
        hy_value_t entry = hy_node_at(list, i);
        if (entry.kind == HY_OBJECT && fits(c, entry.as.n)) add(c, entry);
    }
    bool is_result = code == 0 || code == HY_ENOT_FOUND || list;
    if (is_result && !c->is_second && has_second(c->criteria.as.n)) {
        c->is_second = true;
        if (ask_registry(c, NULL) == 0) return;
        code = HY_ENOMEM;
        is_result = false;
        desc = hy_error_text(code);
    }
    hy_value_t found = c->found;
    c->found = hy_absent();
    hy__call_end(c, is_result ? 0 : code, is_result ? "" : desc, NULL,
                 is_result ? found : hy_absent());
    hy_value_drop(found);
}

/* With a schema that nobody knows, its name stands for it. */
static void look_up(void *call, int code, const char *text) {
    hy_call_t *c = call;
    hy_error_t err = {.text = ""};
    (void)code;
    (void)text;
    int rc = hy__criteria_check(c->syncher->manager, c->criteria.as.n, &err);
    if (rc == 0) rc = ask_registry(c, &err);
    if (rc < 0) hy__call_end(c, rc, err.text[0] ? err.text : hy_error_text(rc), NULL, hy_absent());
}

int hy_syncher_discover(hy_syncher_t *s, hy_value_t criteria, hy_value_cb done, void *arg,
                        hy_error_t *err) {
    int rc = hy__criteria_check(s->manager, criteria.as.n, err);
    if (rc == 0 && !is_narrowed(criteria.as.n))
        rc = hy_fail(err, HY_EINVALID,
                     "discover needs a name, schema, user, reporter, url or resources");
    hy_call_t *c = rc == 0 ? hy__call_new(s, arg) : NULL;
    if (!c) {
        hy_value_drop(criteria);
        return rc < 0 ? rc : HY_ENOMEM;
    }
    c->criteria = criteria;
    c->found = hy_node_value(hy_node_new(HY_ARRAY));
    c->on_value = done;
    c->take = take_found;
    hy__schema_wait_init(&c->schema, look_up, c);
    const hy_str_t *schema = hy_get_str(criteria.as.n, "schema");
    bool waits = schema && hy__schema_want(s->manager, schema, &c->schema, NULL) == 0;
    rc = c->found.kind != HY_ARRAY ? HY_ENOMEM : waits ? 0 : ask_registry(c, err);
    if (rc < 0) hy__call_free(c);
    return rc;
}
