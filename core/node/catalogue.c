/* The catalogue of the domain: the documents that describe its data objects, each at
 * hyperty-catalogue://catalogue.<d>/.well-known/dataschema/<Name> (PROTOCOL.md section 2).
 * Everybody may read them. The node was given them when it was made (node.h), and changes none. */
#include "catalogue.h"

#include "../data/schema.h"

#define FOLDER "/.well-known/dataschema/"

bool hy__catalogue_has(const hy_node_server_t *n, const hy_str_t *url) {
    return hy_address_is_under(url, n->catalogue_url);
}

/* The name that the address of a document ends in; empty for any other address. */
static hy_span_t name_in(const hy_node_server_t *n, const hy_str_t *url) {
    const char *path = url->bytes + n->catalogue_url->len, *end = url->bytes + url->len;
    size_t len = (size_t)(end - path), folder = sizeof FOLDER - 1;
    if (len <= folder || memcmp(path, FOLDER, folder) != 0) return (hy_span_t){end, 0};
    if (memchr(path + folder, '/', len - folder)) return (hy_span_t){end, 0};
    return (hy_span_t){path + folder, len - folder};
}

static int find(const hy_node_server_t *n, const hy_str_t *url, hy_value_t *out, hy_error_t *err) {
    hy_span_t name = name_in(n, url);
    if (name.len == 0)
        return hy_fail(err, HY_ENOT_FOUND, "the catalogue of %s has nothing but %s" FOLDER "NAME",
                       n->domain->bytes, n->catalogue_url->bytes);
    const hy_schema_t *schema = n->schemas ? hy_schemas_find(n->schemas, url) : NULL;
    if (!schema)
        return hy_fail(err, HY_ENOT_FOUND, "there is no schema \"%.*s\" in the catalogue of %s",
                       (int)name.len, name.bytes, n->domain->bytes);
    *out = hy_node_value(hy_node_ref(schema->document));
    return 0;
}

void hy__serve_catalogue(hy_session_t *s, hy_msg_t *m) {
    hy_node_server_t *n = s->server;
    hy_value_t document = hy_absent();
    hy_error_t err;
    int r;
    if (m->type == HY_MSG_READ) {
        n->stats.catalogue_reads++;
        r = find(n, m->to, &document, &err);
    } else {
        r = hy_fail(&err, HY_EINVALID, "the catalogue of %s is only read, it does not serve %s",
                    n->domain->bytes, hy_msg_type_text(m->type));
    }
    if (r < 0)
        hy__refuse(s, m, &err);
    else
        hy__reply(s, m, 200, NULL, document);
}
