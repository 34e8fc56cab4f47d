/* One schema document: what it says beside its rules. They are compiled by the set that it is in
 * (schema.c), as they may refer to others. */
#include "schema_private.h"

#include "../base/digest.h"
#include "../base/mem.h"

#define CATALOGUE "hyperty-catalogue://catalogue.%s/.well-known/dataschema/%s"

static void free_names(hy_str_t **names, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        hy_str_unref(names[i]);
    hy_free(names);
}

void hy__schema_free(hy__known_t *known) {
    if (!known) return;
    hy_schema_t *s = &known->schema;
    hy_list_remove(&known->link);
    hy_rules_free(s->rules);
    hy_free(s->child_rules);
    free_names(s->collections, s->collection_count);
    free_names(s->fields, s->field_count);
    free_names(known->uses, known->use_count);
    free_names(known->use_digests, known->use_count);
    hy_str_unref(s->name);
    hy_str_unref(s->url);
    hy_str_unref(s->scheme);
    hy_str_unref(s->digest);
    if (s->document) hy_node_unref(s->document);
    hy_free(known);
}

/* The keys of an object; NULL: it is not there. */
static int read_names(const hy_node_t *object, hy_str_t ***names, uint32_t *names_count) {
    size_t count = object ? hy_node_count(object) : 0;
    *names = hy_alloc_zero((count + 1) * sizeof **names);
    if (!*names) return HY_ENOMEM;
    hy_str_t *key;
    hy_value_t v;
    for (uint32_t pos = 0; count > 0 && hy_node_next(object, &pos, &key, &v);) {
        (*names)[(*names_count)++] = hy_str_ref(key);
    }
    return 0;
}

static bool is_word(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(i > 0 && ((c >= '0' && c <= '9') || c == '-' || c == '_')))
            return false;
    }
    return len > 0 && len <= HY_NAME_BYTES_MAX;
}

/* As hy_address_parse takes it. */
static bool is_scheme(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool is_other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!is_letter && !(i > 0 && is_other)) return false;
    }
    return len > 0 && len <= HY_SCHEME_BYTES_MAX;
}

static int check_document(const char *name, const hy_node_t *document, hy_error_t *err) {
    hy_value_t scheme = hy_get(document, "scheme"), children = hy_get(document, "children");
    hy_value_t version = hy_get(document, "version");
    if (!is_word(name, strlen(name)))
        return hy_fail(err, HY_EINVALID, "schema \"%s\": a name is letters, digits, - and _", name);
    if (hy_node_kind(document) != HY_OBJECT)
        return hy_fail(err, HY_EINVALID, "schema %s: the document is no object", name);
    if (scheme.kind != HY_ABSENT &&
        (scheme.kind != HY_STR || !is_scheme(scheme.as.s->bytes, scheme.as.s->len)))
        return hy_fail(err, HY_EINVALID, "schema %s: \"scheme\" is no URL scheme", name);
    if (version.kind != HY_ABSENT && (version.kind != HY_INT || version.as.i < 1))
        return hy_fail(err, HY_EINVALID, "schema %s: \"version\" is no integer from 1", name);
    if (children.kind != HY_ABSENT && children.kind != HY_OBJECT)
        return hy_fail(err, HY_EINVALID, "schema %s: \"children\" is no object of collections",
                       name);
    hy_str_t *key;
    hy_value_t v;
    for (uint32_t pos = 0;
         children.kind == HY_OBJECT && hy_node_next(children.as.n, &pos, &key, &v);) {
        if (!is_word(key->bytes, key->len))
            return hy_fail(err, HY_EINVALID,
                           "schema %s: collection \"%s\": a name is letters, digits, - and _", name,
                           key->bytes);
    }
    return 0;
}

static int copy_document(hy_schema_t *s, const hy_node_t *document, hy_error_t *err) {
    hy_value_t copy, lent = {.kind = HY_OBJECT, .as.n = (hy_node_t *)document};
    size_t bytes;
    s->digest = hy_digest(lent, &bytes);
    if (!s->digest) return HY_ENOMEM;
    if (bytes > HY_SCHEMA_BYTES_MAX)
        return hy_fail(err, HY_ETOO_LARGE, "schema %s: is over %u bytes", s->name->bytes,
                       HY_SCHEMA_BYTES_MAX);
    int rc = hy_value_copy(lent, &copy);
    if (rc < 0) return rc;
    s->document = copy.as.n;
    return 0;
}

int hy__schema_new(const char *name, const char *domain, const hy_node_t *document,
                   hy__known_t **out, hy_error_t *err) {
    int rc = check_document(name, document, err);
    if (rc < 0) return rc;
    hy__known_t *known = hy_alloc_zero(sizeof *known);
    if (!known) return HY_ENOMEM;
    hy_link_init(&known->link);
    hy_schema_t *s = &known->schema;
    hy_str_t *scheme = hy_get_str(document, "scheme");
    s->name = hy_str_from(name);
    s->url = hy_str_format(CATALOGUE, domain, name);
    s->scheme = scheme ? hy_str_ref(scheme) : hy_str_from("resource");
    s->version = hy_get_int(document, "version", 0);
    rc = s->name && s->url && s->scheme ? 0 : HY_ENOMEM;
    if (rc == 0) rc = copy_document(s, document, err);
    if (rc == 0)
        rc = read_names(hy_get_object(document, "children"), &s->collections, &s->collection_count);
    if (rc == 0)
        rc = read_names(hy_get_object(document, "properties"), &s->fields, &s->field_count);
    s->child_rules = hy_alloc_zero((s->collection_count + 1) * sizeof *s->child_rules);
    if (rc == 0 && !s->child_rules) rc = HY_ENOMEM;
    if (rc < 0) {
        hy__schema_free(known);
        return rc;
    }
    *out = known;
    return 0;
}

/* --- rules ------------------------------------------------------------------------------------ */

/* True if it only describes. */
static bool takes_anything(hy_value_t schema) {
    static const char *const describing[] = {
        "$schema",    "$id",       "id",       "$comment",    "title", "description",
        "default",    "examples",  "readOnly", "definitions", "$defs", "scheme",
        "deprecated", "writeOnly", "version",  "children",    "name"};
    if (schema.kind == HY_BOOL) return schema.as.b;
    if (schema.kind != HY_OBJECT) return false;
    hy_str_t *key;
    for (uint32_t pos = 0; hy_node_next(schema.as.n, &pos, &key, NULL);) {
        bool is_describing = false;
        for (size_t i = 0; i < sizeof describing / sizeof describing[0]; i++)
            is_describing |= hy_str_is(key, describing[i]);
        if (!is_describing) return false;
    }
    return true;
}

void hy__schema_take_rules(hy_schema_t *s) {
    const hy_node_t *children = hy_get_object(s->document, "children");
    hy_value_t document = {.kind = HY_OBJECT, .as.n = s->document};
    s->data_rule = takes_anything(document) ? NULL : hy_rules_root(s->rules);
    for (uint32_t i = 0; i < s->collection_count; i++) {
        const hy_str_t *name = s->collections[i];
        bool is_free = takes_anything(hy_node_get(children, name->bytes, name->len));
        s->child_rules[i] = is_free ? NULL : hy_rules_also(s->rules, name->bytes, name->len);
    }
}
