/* The schemas a runtime knows. A catalogue URL is looked up by its last segment, so that short
 * names and URLs of any domain find the same schema.
 *
 *      by_name   "Kitchen" ──► current one         all   every one that was ever made, as objects
 *                                                        point to them; of those that came with
 *                                                        objects of others only the last ones
 *
 * What one refers to is compiled into it, as it is then. So an update of one makes those anew that
 * refer to it, as versions of their own. */
#include "schema.h"

#include "../base/mem.h"
#include "schema_private.h"

#include <stdio.h>

#define FILE_SUFFIX ".json" /* also in references, as editors follow them */

typedef struct {
    hy_str_t *key; /* name */
    hy__known_t *known;
} entry_t;

struct hy_schemas {
    hy_dict_t by_name;
    hy_link_t all;
    uint32_t foreign_count;
    uint64_t wants; /* counts up: hy__known_t's last_wanted */
    hy_str_t *domain;
};

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
    if (rc == 0) rc = hy_schemas_compile(s, NULL, NULL, NULL);
    if (children) hy_node_unref(children);
    if (document) hy_node_unref(document);
    return rc;
}

int hy_schemas_new(const char *domain, hy_schemas_t **out) {
    hy_schemas_t *s = hy_alloc_zero(sizeof *s);
    if (!s) return HY_ENOMEM;
    hy_dict_init(&s->by_name, sizeof(entry_t));
    hy_link_init(&s->all);
    s->domain = hy_str_from(domain);
    int rc = s->domain ? add_builtin(s) : HY_ENOMEM;
    if (rc < 0) {
        hy_schemas_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

static void free_all(hy_link_t *list) {
    while (!hy_list_is_empty(list))
        hy__schema_free(hy_link_owner(list->next, hy__known_t, link));
}

void hy_schemas_free(hy_schemas_t *s) {
    if (!s) return;
    free_all(&s->all);
    hy_dict_deinit(&s->by_name);
    hy_str_unref(s->domain);
    hy_free(s);
}

static void append(hy_schemas_t *s, hy__known_t *known) {
    hy_list_append(&s->all, &known->link);
    known->set = s;
}

static entry_t *find_entry(const hy_schemas_t *s, const char *name, size_t len) {
    return hy_dict_find(&s->by_name, name, len, hy_hash(name, len));
}

int hy_schemas_add(hy_schemas_t *s, const char *name, const hy_node_t *document, hy_error_t *err) {
    hy__known_t *known;
    int rc = hy__schema_new(name, s->domain->bytes, document, &known, err);
    if (rc < 0) return rc;
    bool made = false;
    entry_t *e = hy_dict_put(&s->by_name, known->schema.name, &made);
    if (!e) rc = HY_ENOMEM;
    if (e && !made) rc = hy_fail(err, HY_ECONFLICT, "schema %s is there already", name);
    if (rc < 0) {
        hy__schema_free(known);
        return rc;
    }
    e->known = known;
    append(s, known);
    return 0;
}

/* --- compiling -------------------------------------------------------------------------------- */

typedef struct {
    const hy_schemas_t *schemas;
    hy__known_t *known;
    bool is_out_of_memory;
} compiling_t;

/* One more that the compiled one refers to. */
static int note_use(hy__known_t *known, const hy_schema_t *used) {
    for (uint32_t i = 0; i < known->use_count; i++) {
        if (hy_str_equal(known->uses[i], used->name)) return 0;
    }
    size_t size = (known->use_count + 1) * sizeof(hy_str_t *);
    hy_str_t **uses = hy_realloc(known->uses, size);
    if (!uses) return HY_ENOMEM;
    known->uses = uses;
    hy_str_t **digests = hy_realloc(known->use_digests, size);
    if (!digests) return HY_ENOMEM;
    known->use_digests = digests;
    uses[known->use_count] = hy_str_ref(used->name);
    digests[known->use_count++] = hy_str_ref(used->digest);
    return 0;
}

/* The last segment of a catalogue URL. */
static bool name_in_url(const char *uri, size_t len, const char **name, size_t *name_len) {
    static const char scheme[] = "hyperty-catalogue://";
    if (len < strlen(scheme) || memcmp(uri, scheme, strlen(scheme)) != 0) return false;
    const char *end = uri + len, *start = end;
    while (start[-1] != '/')
        start--;
    size_t tail = strlen(FILE_SUFFIX), count = (size_t)(end - start);
    bool is_file = count > tail && memcmp(end - tail, FILE_SUFFIX, tail) == 0;
    *name = start;
    *name_len = is_file ? count - tail : count;
    return true;
}

static bool has_id(const hy_node_t *document, const char *uri, size_t len) {
    hy_str_t *id = hy_get_str(document, "$id");
    if (!id) id = hy_get_str(document, "id");
    if (!id) return false;
    size_t id_len = id->len > 0 && id->bytes[id->len - 1] == '#' ? id->len - 1 : id->len;
    return id_len == len && memcmp(id->bytes, uri, len) == 0;
}

/* By catalogue URL, or by the identifier that the document gives itself. */
static hy__known_t *find_document(const compiling_t *c, const char *uri, size_t len) {
    const char *name;
    size_t name_len;
    if (name_in_url(uri, len, &name, &name_len)) {
        const hy_str_t *own = c->known->schema.name;
        if (own->len == name_len && memcmp(own->bytes, name, name_len) == 0) return c->known;
        entry_t *e = find_entry(c->schemas, name, name_len);
        if (e) return e->known;
    }
    entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&c->schemas->by_name, &pos));) {
        if (has_id(e->known->schema.document, uri, len)) return e->known;
    }
    return NULL;
}

static hy_value_t lend_document(void *arg, const char *uri, size_t len) {
    compiling_t *c = arg;
    hy__known_t *known = find_document(c, uri, len);
    if (!known) return hy_absent();
    if (known != c->known && note_use(c->known, &known->schema) < 0) {
        c->is_out_of_memory = true;
        return hy_absent();
    }
    return (hy_value_t){.kind = HY_OBJECT, .as.n = known->schema.document};
}

static int compile(const hy_schemas_t *s, hy__known_t *known, hy_error_t *err) {
    hy_schema_t *schema = &known->schema;
    compiling_t compiling = {.schemas = s, .known = known};
    hy_rules_source_t source = {.find = lend_document, .arg = &compiling};
    hy_value_t document = {.kind = HY_OBJECT, .as.n = schema->document};
    hy_error_t why = {.text = ""};
    int rc =
        hy_rules_compile(document, schema->url->bytes, "children", &source, &schema->rules, &why);
    if (compiling.is_out_of_memory) rc = HY_ENOMEM;
    if (rc < 0) return hy_fail(err, rc, "schema %s: %s", schema->name->bytes, why.text);
    hy__schema_take_rules(schema);
    return 0;
}

int hy_schemas_compile(hy_schemas_t *s, hy_schema_failed_cb failed, void *arg, hy_error_t *err) {
    hy_link_t bad;
    hy_link_init(&bad);
    entry_t *e;
    int first = 0, rc = 0;
    for (uint32_t pos = 0; rc != HY_ENOMEM && (e = hy_dict_next(&s->by_name, &pos));) {
        hy__known_t *known = e->known;
        hy_error_t why = {.text = ""};
        rc = known->schema.rules ? 0 : compile(s, known, &why);
        if (rc == 0) continue;
        if (first == 0) first = hy_fail(err, rc, "%s", why.text);
        if (rc == HY_ENOMEM) continue;
        if (failed) failed(arg, known->schema.name->bytes, why.text);
        hy_list_remove(&known->link); /* until all are compiled, its document can be referred to */
        hy_list_append(&bad, &known->link);
    }
    for (hy_link_t *l = bad.next; l != &bad; l = l->next) {
        const hy_str_t *name = hy_link_owner(l, hy__known_t, link)->schema.name;
        hy_dict_remove(&s->by_name, find_entry(s, name->bytes, name->len));
    }
    free_all(&bad);
    return rc == HY_ENOMEM ? rc : first;
}

/* --- other versions --------------------------------------------------------------------------- */

static bool has_document(const hy__known_t *known, const hy__known_t *other) {
    const hy_schema_t *a = &known->schema, *b = &other->schema;
    return hy_str_equal(a->name, b->name) && hy_str_equal(a->digest, b->digest) &&
           hy_value_equal((hy_value_t){.kind = HY_OBJECT, .as.n = a->document},
                          (hy_value_t){.kind = HY_OBJECT, .as.n = b->document});
}

static bool is_current(const hy_schemas_t *s, const hy__known_t *known) {
    const entry_t *e = find_entry(s, known->schema.name->bytes, known->schema.name->len);
    return e && e->known == known;
}

/* What it refers to is as it was when it was compiled. */
static bool is_up_to_date(const hy_schemas_t *s, const hy__known_t *known) {
    for (uint32_t i = 0; i < known->use_count; i++) {
        const entry_t *e = find_entry(s, known->uses[i]->bytes, known->uses[i]->len);
        if (!e || !hy_str_equal(e->known->schema.digest, known->use_digests[i])) return false;
    }
    return true;
}

/* One that is compiled as that document would be now. */
static hy__known_t *find_same(const hy_schemas_t *s, const hy__known_t *fresh) {
    for (hy_link_t *l = s->all.next; l != &s->all; l = l->next) {
        hy__known_t *known = hy_link_owner(l, hy__known_t, link);
        if (!known->schema.rules || !has_document(known, fresh)) continue;
        if (is_current(s, known) || is_up_to_date(s, known)) return known;
    }
    return NULL;
}

static bool refers_to(const hy__known_t *known, const hy_str_t *name) {
    for (uint32_t i = 0; i < known->use_count; i++) {
        if (hy_str_equal(known->uses[i], name)) return true;
    }
    return false;
}

/* Those that refer to that name, made and compiled anew. */
static int remake_users(hy_schemas_t *s, const hy_str_t *name, hy_link_t *remade, hy_error_t *err) {
    entry_t *e;
    int rc = 0;
    for (uint32_t pos = 0; rc == 0 && (e = hy_dict_next(&s->by_name, &pos));) {
        const hy_schema_t *user = &e->known->schema;
        hy__known_t *known;
        if (!refers_to(e->known, name)) continue;
        rc = hy__schema_new(user->name->bytes, s->domain->bytes, user->document, &known, err);
        if (rc < 0) return rc;
        hy_list_append(remade, &known->link);
        rc = compile(s, known, err);
    }
    return rc;
}

/* `known` is in the set, or new. */
static int make_current(hy_schemas_t *s, hy__known_t *known, hy_error_t *err) {
    bool made;
    entry_t *e = hy_dict_put(&s->by_name, known->schema.name, &made);
    if (!e) return HY_ENOMEM;
    hy__known_t *before = e->known;
    hy_link_t remade;
    hy_link_init(&remade);
    e->known = known;
    int rc = known->schema.rules ? 0 : compile(s, known, err);
    if (rc == 0 && before) rc = remake_users(s, known->schema.name, &remade, err);
    if (rc < 0) {
        e->known = before;
        if (made) hy_dict_remove(&s->by_name, e);
        free_all(&remade);
        return rc;
    }
    while (!hy_list_is_empty(&remade)) {
        hy__known_t *user = hy_link_owner(remade.next, hy__known_t, link);
        find_entry(s, user->schema.name->bytes, user->schema.name->len)->known = user;
        hy_list_remove(&user->link);
        append(s, user);
    }
    if (known->is_foreign) s->foreign_count--;
    known->is_foreign = false;
    return 0;
}

int hy_schemas_update(hy_schemas_t *s, const char *name, const hy_node_t *document,
                      hy_error_t *err) {
    hy__known_t *fresh;
    int rc = hy__schema_new(name, s->domain->bytes, document, &fresh, err);
    if (rc < 0) return rc;
    hy__known_t *same = find_same(s, fresh);
    if (same) {
        hy__schema_free(fresh);
        return is_current(s, same) ? 0 : make_current(s, same, err);
    }
    rc = make_current(s, fresh, err);
    if (rc < 0) {
        hy__schema_free(fresh);
        return rc;
    }
    append(s, fresh);
    return 0;
}

/* --- those of other runtimes ------------------------------------------------------------------ */

/* The list is not in this order: objects give up theirs without a look at it. */
static hy__known_t *longest_unused(const hy_schemas_t *s) {
    hy__known_t *longest = NULL;
    for (hy_link_t *l = s->all.next; l != &s->all; l = l->next) {
        hy__known_t *known = hy_link_owner(l, hy__known_t, link);
        if (!known->is_foreign || known->users > 0) continue;
        if (!longest || known->last_wanted < longest->last_wanted) longest = known;
    }
    return longest;
}

void hy_schema_use(const hy_schema_t *s) {
    if (s) ((hy__known_t *)s)->users++;
}

void hy_schema_unuse(const hy_schema_t *s) {
    hy__known_t *known = (hy__known_t *)s;
    if (!known) return;
    known->users--;
    known->last_wanted = ++known->set->wants;
}

static const char *last_segment(const hy_str_t *url) {
    const char *name = url->bytes;
    for (const char *at = name; at < url->bytes + url->len; at++) {
        if (*at == '/') name = at + 1;
    }
    return name;
}

int hy_schemas_foreign(hy_schemas_t *s, const hy_str_t *url, const hy_node_t *document,
                       const hy_schema_t **out, hy_error_t *err) {
    hy__known_t *fresh;
    int rc = hy__schema_new(last_segment(url), s->domain->bytes, document, &fresh, err);
    if (rc < 0) return rc;
    hy__known_t *same = find_same(s, fresh);
    if (same) {
        hy__schema_free(fresh);
        same->last_wanted = ++s->wants;
        *out = &same->schema;
        return 0;
    }
    bool is_full = s->foreign_count >= HY_SCHEMAS_FOREIGN_MAX;
    hy__known_t *unused = is_full ? longest_unused(s) : NULL;
    if (is_full && !unused)
        rc = hy_fail(err, HY_EFULL,
                     "schema %.*s: %u schemas of other runtimes are in use, and more are not kept; "
                     "unsubscribe from objects of others, or put it into a folder schemas here",
                     HY_NAME_BYTES_MAX, fresh->schema.name->bytes, HY_SCHEMAS_FOREIGN_MAX);
    if (rc == 0) rc = compile(s, fresh, err);
    if (rc < 0) {
        hy__schema_free(fresh);
        return rc;
    }
    hy__schema_free(unused);
    if (!unused) s->foreign_count++;
    fresh->is_foreign = true;
    fresh->last_wanted = ++s->wants;
    append(s, fresh);
    *out = &fresh->schema;
    return 0;
}

/* --- finding ---------------------------------------------------------------------------------- */

const hy_schema_t *hy_schemas_next(const hy_schemas_t *s, uint32_t *pos) {
    const entry_t *e = hy_dict_next(&s->by_name, pos);
    return e ? &e->known->schema : NULL;
}

const hy_schema_t *hy_schemas_find(const hy_schemas_t *s, const hy_str_t *name_or_url) {
    const char *name = last_segment(name_or_url);
    entry_t *e = find_entry(s, name, (size_t)(name_or_url->bytes + name_or_url->len - name));
    return e ? &e->known->schema : NULL;
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

/* --- checking --------------------------------------------------------------------------------- */

/* The rule for data of an object, or of a child of that collection; NULL: it takes anything. */
static const hy_rule_t *rule_of(const hy_schema_t *s, const hy_str_t *collection) {
    if (!s || !collection) return s ? s->data_rule : NULL;
    for (uint32_t i = 0; i < s->collection_count; i++) {
        if (hy_str_equal(s->collections[i], collection)) return s->child_rules[i];
    }
    return NULL;
}

bool hy_schema_has_rule(const hy_schema_t *s, const hy_str_t *collection) {
    return rule_of(s, collection) != NULL;
}

int hy_schema_check(const hy_schema_t *s, const hy_str_t *collection, hy_value_t data,
                    hy_error_t *err) {
    const hy_rule_t *rule = rule_of(s, collection);
    return rule ? hy_rule_check(rule, data, err) : 0;
}

int hy_schema_check_effects(const hy_schema_t *s, const hy_str_t *collection, hy_node_t *root,
                            const hy_effect_t *effects, uint32_t count, hy_error_t *err) {
    const hy_rule_t *rule = rule_of(s, collection);
    return rule ? hy_rule_check_effects(rule, root, effects, count, err) : 0;
}
