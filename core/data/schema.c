/* The schemas a runtime knows, by name. A catalogue URL is looked up by its last segment, so that
 * short names and URLs of any domain find the same schema. */
#include "schema.h"

#include "../base/mem.h"

#include <stdio.h>

#define CATALOGUE "hyperty-catalogue://catalogue.%s/.well-known/dataschema/%s"

typedef struct {
    hy_str_t *key; /* name */
    hy_schema_t *schema;
} entry_t;

struct hy_schemas {
    hy_dict_t by_name;
    hy_str_t *domain;
};

static void free_names(hy_str_t **names, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        hy_str_unref(names[i]);
    hy_free(names);
}

static void schema_free(hy_schema_t *s) {
    if (!s) return;
    free_names(s->collections, s->collection_count);
    free_names(s->fields, s->field_count);
    hy_str_unref(s->name);
    hy_str_unref(s->url);
    hy_str_unref(s->scheme);
    hy_free(s);
}

static int add_builtin(hy_schemas_t *s) {
    static const char *const collection = "items";
    hy_node_t *document = hy_node_new(HY_OBJECT);
    hy_node_t *children = hy_node_new(HY_OBJECT);
    int rc = document && children ? 0 : HY_ENOMEM;
    if (rc == 0) rc = hy_put(children, collection, hy_node_value(hy_node_new(HY_OBJECT)));
    if (rc == 0) {
        rc = hy_put(document, "children", hy_node_value(children));
        children = NULL;
    }
    if (rc == 0) rc = hy_schemas_add(s, "Resource", document, NULL);
    if (children) hy_node_unref(children);
    if (document) hy_node_unref(document);
    return rc;
}

int hy_schemas_new(const char *domain, hy_schemas_t **out) {
    hy_schemas_t *s = hy_alloc_zero(sizeof *s);
    if (!s) return HY_ENOMEM;
    hy_dict_init(&s->by_name, sizeof(entry_t));
    s->domain = hy_str_from(domain);
    int rc = s->domain ? add_builtin(s) : HY_ENOMEM;
    if (rc < 0) {
        hy_schemas_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void hy_schemas_free(hy_schemas_t *s) {
    if (!s) return;
    entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&s->by_name, &pos));) {
        schema_free(e->schema);
    }
    hy_dict_deinit(&s->by_name);
    hy_str_unref(s->domain);
    hy_free(s);
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
    if (!is_word(name, strlen(name)))
        return hy_fail(err, HY_EINVALID, "schema \"%s\": a name is letters, digits, - and _", name);
    if (hy_node_kind(document) != HY_OBJECT)
        return hy_fail(err, HY_EINVALID, "schema %s: the document is no object", name);
    if (scheme.kind != HY_ABSENT &&
        (scheme.kind != HY_STR || !is_scheme(scheme.as.s->bytes, scheme.as.s->len)))
        return hy_fail(err, HY_EINVALID, "schema %s: \"scheme\" is no URL scheme", name);
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

int hy_schemas_add(hy_schemas_t *s, const char *name, const hy_node_t *document, hy_error_t *err) {
    int rc = check_document(name, document, err);
    if (rc < 0) return rc;
    hy_schema_t *schema = hy_alloc_zero(sizeof *schema);
    if (!schema) return HY_ENOMEM;
    hy_str_t *scheme = hy_get_str(document, "scheme");
    schema->name = hy_str_from(name);
    schema->url = hy_str_format(CATALOGUE, s->domain->bytes, name);
    schema->scheme = scheme ? hy_str_ref(scheme) : hy_str_from("resource");
    rc = schema->name && schema->url && schema->scheme ? 0 : HY_ENOMEM;
    if (rc == 0) {
        rc = read_names(hy_get_object(document, "children"), &schema->collections,
                        &schema->collection_count);
    }
    if (rc == 0) {
        rc = read_names(hy_get_object(document, "properties"), &schema->fields,
                        &schema->field_count);
    }
    bool made = false;
    entry_t *e = rc == 0 ? hy_dict_put(&s->by_name, schema->name, &made) : NULL;
    if (rc == 0 && !e) rc = HY_ENOMEM;
    if (rc == 0 && !made) rc = hy_fail(err, HY_ECONFLICT, "schema %s is there already", name);
    if (rc < 0) {
        schema_free(schema);
        return rc;
    }
    e->schema = schema;
    return 0;
}

const hy_schema_t *hy_schemas_next(const hy_schemas_t *s, uint32_t *pos) {
    const entry_t *e = hy_dict_next(&s->by_name, pos);
    return e ? e->schema : NULL;
}

const hy_schema_t *hy_schemas_find(const hy_schemas_t *s, const hy_str_t *name_or_url) {
    const char *name = name_or_url->bytes, *end = name + name_or_url->len;
    for (const char *at = name; at < end; at++) {
        if (*at == '/') name = at + 1;
    }
    size_t len = (size_t)(end - name);
    entry_t *e = hy_dict_find(&s->by_name, name, len, hy_hash(name, len));
    return e ? e->schema : NULL;
}

/* The first name after `last` (NULL: of all). */
static const hy_str_t *name_after(const hy_schemas_t *s, const hy_str_t *last) {
    const hy_str_t *next = NULL;
    uint32_t pos = 0;
    for (const entry_t *e; (e = hy_dict_next(&s->by_name, &pos));) {
        if (last && strcmp(e->key->bytes, last->bytes) <= 0) continue;
        if (!next || strcmp(e->key->bytes, next->bytes) < 0) next = e->key;
    }
    return next;
}

void hy_schemas_names(const hy_schemas_t *s, char *out, size_t size) {
    size_t len = 0;
    out[0] = '\0';
    for (const hy_str_t *name = NULL; (name = name_after(s, name));) {
        const char *comma = len > 0 ? ", " : "";
        if (len + strlen(comma) + name->len >= size) return;
        len += (size_t)snprintf(out + len, size - len, "%s%s", comma, name->bytes);
    }
}

bool hy_schema_has_collection(const hy_schema_t *s, const char *name, size_t len) {
    for (uint32_t i = 0; i < s->collection_count; i++) {
        const hy_str_t *c = s->collections[i];
        if (c->len == len && memcmp(c->bytes, name, len) == 0) return true;
    }
    return false;
}
