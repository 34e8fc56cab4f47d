/* Two runtimes may know a schema in different versions. Who observes says which one it has; a
 * reporter that has another one answers with its document (Ext), and the observer's side looks
 * whether it can read what is written by it:
 *
 *      its own can read the reporter's    its own goes on counting for what arrives
 *      it cannot                          the subscription fails, and says where
 *      it knows none of that name         the reporter's counts; the subscription fails if it
 *                                         cannot be used
 *      the reporter sends none            its own, if it has one: the same, or an older peer;
 *                                         else nothing is checked, which is logged */
#include "../data/compat.h"
#include "sync.h"

#define PLACES_TOLD 3u

int hy__agree_put(hy_node_t *body, const hy_replica_t *r, const hy_str_t *name) {
    const hy_schema_t *own = r->object ? r->object->schema : NULL;
    if (!r->object && name) own = hy_schemas_find(r->manager->schemas, name);
    return hy_put(body, "dataschema", own ? hy__string_ref(own->digest) : hy_text(""));
}

void hy__agree_hear(hy_replica_t *r, const hy_node_t *answer) {
    hy_value_t copy, document = hy_get(answer, "dataschema");
    if (document.kind != HY_OBJECT || hy_value_copy(document, &copy) < 0) return;
    hy_value_drop(r->dataschema);
    r->dataschema = copy;
}

typedef struct {
    hy_buf_t text;
    uint32_t count;
} places_t;

static void add_place(void *arg, const char *place, const char *what) {
    places_t *p = arg;
    if (p->count++ >= PLACES_TOLD) return;
    hy_buf_format(&p->text, "%s%s%s%s", p->count > 1 ? "; " : "", place, place[0] ? ": " : "",
                  what);
}

static hy_str_t *label(const hy_schema_t *s) {
    if (s->version == 0) return hy_str_ref(s->name);
    return hy_str_format("%s %lld", s->name->bytes, (long long)s->version);
}

static int check_readable(const hy_schema_t *own, const hy_schema_t *theirs, hy_error_t *err) {
    places_t places = {.count = 0};
    hy_buf_init(&places.text);
    int rc = 0;
    if (!hy_compat_can_read(own, theirs, add_place, &places)) {
        if (places.count > PLACES_TOLD)
            hy_buf_format(&places.text, "; and %u more", places.count - PLACES_TOLD);
        hy_str_t *text = hy_buf_take(&places.text), *reader = label(own), *writer = label(theirs);
        rc = text && reader && writer
                 ? hy_fail(err, HY_ESCHEMA, "a reader of %s cannot read %s: %s", reader->bytes,
                           writer->bytes, text->bytes)
                 : HY_ENOMEM;
        hy_str_unref(text);
        hy_str_unref(reader);
        hy_str_unref(writer);
    }
    hy_buf_deinit(&places.text);
    return rc;
}

/* What the reporter sent cannot be used. Nobody goes on unchecked for that: who wants to be could
 * just send something bad. */
static int fail_foreign(const hy_replica_t *r, const hy_schema_t *own, int code, const char *why,
                        hy_error_t *err) {
    if (code == HY_ENOMEM) return code;
    if (code == HY_EFULL) return hy_fail(err, code, "%s: %s", r->url->bytes, why);
    return hy_fail(err, HY_ESCHEMA, "%s: its reporter has %s, which cannot be used: %s",
                   r->url->bytes, own ? "another schema" : "a schema that is not known here", why);
}

/* Older peers send no schema. Their objects can be observed all the same, but somebody should know
 * that anything goes. */
static void warn_unchecked(const hy_replica_t *r, const hy_str_t *url) {
    hy_error_t why = {.text = ""};
    hy__schema_fail_unknown(r->manager, url, &why);
    hy_log(hy_bus_log(r->manager->bus), HY_LOG_WARN, "sync",
           "%s: what arrives is not checked: its reporter sends no schema, and %s", r->url->bytes,
           why.text);
}

int hy__agree(hy_replica_t *r, const hy_str_t *url, const hy_schema_t **out, hy_error_t *err) {
    hy_schemas_t *schemas = r->manager->schemas;
    const hy_schema_t *own = url ? hy_schemas_find(schemas, url) : NULL, *theirs = NULL;
    hy_value_t document = r->dataschema;
    hy_error_t why = {.text = ""};
    r->dataschema = hy_absent();
    *out = own;
    if (!url || document.kind != HY_OBJECT) {
        hy_value_drop(document);
        if (url && !own) warn_unchecked(r, url);
        return 0;
    }
    int rc = hy_schemas_foreign(schemas, url, document.as.n, &theirs, &why);
    hy_value_drop(document);
    if (rc < 0) return fail_foreign(r, own, rc, why.text, err);
    if (own) return check_readable(own, theirs, err);
    *out = theirs;
    return 0;
}

int hy__agree_again(hy_replica_t *r, hy_error_t *err) {
    const hy_str_t *url = hy_get_str(r->object->metadata, "schema");
    const hy_schema_t *schema;
    if (r->dataschema.kind != HY_OBJECT) return 0;
    int rc = hy__agree(r, url, &schema, err);
    if (rc == 0) hy_object_set_schema(r->object, schema);
    return rc;
}

/* What is not known here comes with the answer to another subscription. */
void hy__agree_changed(hy_replica_t *r) {
    const hy_node_t *metadata = r->object->metadata;
    const hy_schema_t *known = r->object->schema;
    const hy_str_t *url = hy_get_str(metadata, "schema");
    const hy_str_t *digest = hy_get_str(metadata, "schemaDigest");
    if (!url || !digest || (known && hy_str_equal(known->digest, digest))) return;
    known = hy_schemas_find(r->manager->schemas, url);
    if (known && hy_str_equal(known->digest, digest)) {
        hy_object_set_schema(r->object, known);
        return;
    }
    for (hy_link_t *l = r->members.next; l != &r->members; l = l->next) {
        hy_member_t *m = hy_link_owner(l, hy_member_t, link);
        if (m->state != HY_MEMBER_IN) continue;
        hy__member_renew(m);
        return;
    }
}
