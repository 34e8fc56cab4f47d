/* Schemas by name: what the synchronisation needs of a data schema document: the URL scheme of its
 * objects and the names of its child collections; and the names of its fields, for people. */
#ifndef HY_DATA_SCHEMA_H
#define HY_DATA_SCHEMA_H

#include "../base/dict.h"
#include "../base/value.h"

typedef struct {
    hy_str_t *name;   /* "Communication" */
    hy_str_t *url;    /* hyperty-catalogue://catalogue.<d>/.well-known/dataschema/<name> */
    hy_str_t *scheme; /* "comm" */
    hy_str_t **collections, **fields;
    uint32_t collection_count, field_count;
} hy_schema_t;

typedef struct hy_schemas hy_schemas_t;

/* Holds "Resource" (scheme resource, collection items, any data) from the start. `domain` names the
 * catalogue in URLs. */
int hy_schemas_new(const char *domain, hy_schemas_t **out);
void hy_schemas_free(hy_schemas_t *s);
/* Adds the schema of a document: an object with "scheme" (default "resource"), "children" (an
 * object whose keys are the collections) and "properties" (an object whose keys are the fields;
 * else it has none that are known). `document` is borrowed. HY_ECONFLICT: the name is there
 * already. HY_EINVALID with a text. */
int hy_schemas_add(hy_schemas_t *s, const char *name, const hy_node_t *document, hy_error_t *err);
/* By name or catalogue URL (its last segment); NULL if unknown. Lent. */
const hy_schema_t *hy_schemas_find(const hy_schemas_t *s, const hy_str_t *name_or_url);
/* Writes the names of all, in the order of the alphabet: "Communication, Resource", as many as fit.
 */
void hy_schemas_names(const hy_schemas_t *s, char *out, size_t size);
/* Walks all, in no order: NULL after the last. `*pos` is 0 at first. */
const hy_schema_t *hy_schemas_next(const hy_schemas_t *s, uint32_t *pos);
bool hy_schema_has_collection(const hy_schema_t *s, const char *name, size_t len);

#endif
