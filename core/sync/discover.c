/* Discovery: one look-up at the domain registry by what narrows most, then all criteria here. Who
 * asks for a user alone gets its objects and its hyperties: two look-ups. */
#include "../base/mem.h"
#include "call.h"

/* --- discover --------------------------------------------------------------------------------- */

static bool fits_list(const hy_node_t *entry, const char *key, hy_value_t wanted) {
    const hy_node_t *have = hy_get_array(entry, key);
    if (wanted.kind != HY_ARRAY) return false;
    for (size_t i = 0; i < hy_node_count(wanted.as.n); i++) {
        bool is_there = false;
        for (size_t k = 0; have && k < hy_node_count(have); k++) {
            is_there = is_there || hy_value_equal(hy_node_at(have, k), hy_node_at(wanted.as.n, i));
        }
        if (!is_there) return false;
    }
    return true;
}

static bool fits(const hy_call_t *c, const hy_node_t *entry) {
    const hy_schemas_t *schemas = c->syncher->manager->schemas;
    hy_str_t *key;
    hy_value_t wanted;
    for (uint32_t pos = 0; hy_node_next(c->criteria.as.n, &pos, &key, &wanted);) {
        hy_value_t have = hy_get(entry, key->bytes);
        if (hy_str_is(key, "resources")) {
            if (!fits_list(entry, "resources", wanted)) return false;
        } else if (hy_str_is(key, "schema") && have.kind == HY_STR && wanted.kind == HY_STR) {
            const hy_schema_t *a = hy_schemas_find(schemas, have.as.s);
            const hy_schema_t *b = hy_schemas_find(schemas, wanted.as.s);
            if (a != b || (!a && !hy_value_equal(have, wanted))) return false;
        } else if (!hy_value_equal(have, wanted)) {
            return false;
        }
    }
    return true;
}

/* The look-up in the registry that narrows most: an R of PROTOCOL.md section 4. */
static hy_str_t *lookup(const hy_call_t *c) {
    const hy_node_t *criteria = c->criteria.as.n;
    hy_str_t *v = hy_get_str(criteria, "url");
    if (v) return hy_str_ref(v);
    if ((v = hy_get_str(criteria, "name"))) return hy_str_format("/dataObject/name/%s", v->bytes);
    if ((v = hy_get_str(criteria, "reporter")))
        return hy_str_format("/dataObject/reporter/%s", v->bytes);
    if ((v = hy_get_str(criteria, "schema"))) {
        const hy_schema_t *schema = hy_schemas_find(c->syncher->manager->schemas, v);
        return hy_str_format("/dataObject/schema/%s", schema ? schema->url->bytes : v->bytes);
    }
    v = hy_get_str(criteria, "user");
    return hy_str_format("/%s/user/%s", c->is_second ? "hyperty" : "dataObject", v ? v->bytes : "");
}

/* Who knows the URL asks its domain's registry, else the own one. */
static int ask_registry(hy_call_t *c, hy_error_t *err) {
    const hy_manager_t *m = c->syncher->manager;
    const hy_str_t *url = hy_get_str(c->criteria.as.n, "url");
    hy_address_t parts;
    bool is_url = url && hy_address_parse(url->bytes, url->len, &parts, NULL) == 0;
    hy_str_t *to = is_url ? hy__domain_registry(m, url) : hy_str_ref(m->node_registry);
    int rc =
        hy__call_transmit(c, HY_MSG_READ, to, hy__body1("resource", hy_string(lookup(c))), err);
    hy_str_unref(to);
    return rc;
}

static void take_found(hy_call_t *c, hy_msg_t *answer, int code, const char *desc) {
    const hy_node_t *body = hy_msg_body(answer);
    const hy_node_t *list = hy_get_array(body, "value");
    for (size_t i = 0; list && i < hy_node_count(list); i++) {
        hy_value_t copy, entry = hy_node_at(list, i);
        if (entry.kind != HY_OBJECT || !fits(c, entry.as.n)) continue;
        if (hy_value_copy(entry, &copy) == 0)
            hy_node_insert(c->found.as.n, hy_node_count(c->found.as.n), copy);
    }
    bool is_result = code == 0 || code == HY_ENOT_FOUND || list;
    bool by_user_alone =
        !hy_get_str(c->criteria.as.n, "url") && !hy_get_str(c->criteria.as.n, "name") &&
        !hy_get_str(c->criteria.as.n, "reporter") && !hy_get_str(c->criteria.as.n, "schema");
    if (is_result && by_user_alone && !c->is_second) {
        c->is_second = true;
        if (ask_registry(c, NULL) == 0) return;
    }
    hy_value_t found = c->found;
    c->found = hy_absent();
    hy__call_end(c, is_result ? 0 : code, is_result ? "" : desc, NULL,
                 is_result ? found : hy_absent());
    hy_value_drop(found);
}

static bool is_known(const hy_str_t *key) {
    static const char *const known[] = {"name", "schema", "user", "reporter", "url", "resources"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (hy_str_is(key, known[i])) return true;
    }
    return false;
}

static int check(const hy_node_t *criteria, hy_error_t *err) {
    hy_str_t *key;
    hy_value_t v;
    bool narrows = false;
    for (uint32_t pos = 0; hy_node_next(criteria, &pos, &key, &v);) {
        if (!is_known(key))
            return hy_fail(
                err, HY_EINVALID,
                "discover knows no \"%s\" (name, schema, user, reporter, url, resources)",
                key->bytes);
        narrows = narrows || !hy_str_is(key, "resources");
    }
    if (narrows) return 0;
    return hy_fail(err, HY_EINVALID, "discover needs a name, schema, user, reporter or url");
}

/* With a schema that nobody knows, its name stands for it. */
static void look_up(void *call, int code, const char *text) {
    hy_call_t *c = call;
    hy_error_t err = {.text = ""};
    (void)code;
    (void)text;
    int rc = ask_registry(c, &err);
    if (rc < 0) hy__call_end(c, rc, err.text[0] ? err.text : hy_error_text(rc), NULL, hy_absent());
}

int hy_syncher_discover(hy_syncher_t *s, hy_value_t criteria, hy_value_cb done, void *arg,
                        hy_error_t *err) {
    int rc = check(criteria.as.n, err);
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
