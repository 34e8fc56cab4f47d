/* Schemas of data objects: a JSON Schema document that also says the URL scheme of its objects
 * ("scheme"), the collections of their children ("children", each with the schema of a child) and
 * its own version ("version"). A runtime knows them by name: from the files of its search path,
 * from its configuration, from the catalogue of its domain, and those of objects that it observes
 * from who reports them.
 *
 *      add ─► documents, which may refer to one another ─► compile ─► usable
 *
 * A schema that is there stays as long as its hy_schemas_t, as objects point to it; but one of
 * another runtime, which was never current, is let go for want of room while no object uses it. Of
 * one name there is one current version; an update makes another one current, and objects keep
 * theirs. */
#ifndef HY_DATA_SCHEMA_H
#define HY_DATA_SCHEMA_H

#include "../base/dict.h"
#include "../base/value.h"
#include "rules.h"

typedef struct {
    hy_str_t *name;   /* "Communication" */
    hy_str_t *url;    /* hyperty-catalogue://catalogue.<d>/.well-known/dataschema/<name> */
    hy_str_t *scheme; /* "comm" */
    hy_str_t *digest; /* of the document: equal if and only if that is (order of keys apart) */
    int64_t version;  /* 0: it says none */
    hy_node_t *document;
    hy_rules_t *rules; /* NULL: it is not compiled yet */
    hy_str_t **collections, **fields;
    uint32_t collection_count, field_count;
    /* Of the data, and of the children of each collection; NULL: anything fits. */
    const hy_rule_t *data_rule, **child_rules;
} hy_schema_t;

typedef struct hy_schemas hy_schemas_t;

/* Holds "Resource" (scheme resource, collection items, any data) from the start. `domain` names the
 * catalogue in URLs. */
int hy_schemas_new(const char *domain, hy_schemas_t **out);
void hy_schemas_free(hy_schemas_t *s);
/* Adds a document: an object with "scheme" (default "resource"), "children" (an object whose keys
 * are the collections), "version" (an integer from 1) and "properties" (whose keys are the fields;
 * else it has none that are known). It is borrowed, and copied. It can be used once it is compiled.
 * HY_ECONFLICT: the name is there already. HY_EINVALID, HY_ETOO_LARGE with a text. */
int hy_schemas_add(hy_schemas_t *s, const char *name, const hy_node_t *document, hy_error_t *err);
/* Compiles those that are not yet. What cannot be is taken out and told, each by itself: `failed`
 * (may be NULL) gets its name and the text, which names it, too. HY_ENOMEM; else 0, or the code of
 * the first that failed, with its text in `err`. */
typedef void (*hy_schema_failed_cb)(void *arg, const char *name, const char *text);
int hy_schemas_compile(hy_schemas_t *s, hy_schema_failed_cb failed, void *arg, hy_error_t *err);
/* Makes this document the current one of that name, compiled; 0 also if it is the same. On failure
 * all is as before. */
int hy_schemas_update(hy_schemas_t *s, const char *name, const hy_node_t *document,
                      hy_error_t *err);
/* The schema of another runtime's object, which is not made current: the known one of that name and
 * document (and of those that it refers to, as they are now), or it is compiled and kept, instead
 * of the one that was unused longest if there are HY_SCHEMAS_FOREIGN_MAX (all in use: HY_EFULL).
 * Lent until the next call, unless it is used. */
int hy_schemas_foreign(hy_schemas_t *s, const hy_str_t *url, const hy_node_t *document,
                       const hy_schema_t **out, hy_error_t *err);
/* One more, one less object points to it. NULL allowed. */
void hy_schema_use(const hy_schema_t *s);
void hy_schema_unuse(const hy_schema_t *s);
/* The current one by name or catalogue URL (its last segment); NULL if unknown. Lent. */
const hy_schema_t *hy_schemas_find(const hy_schemas_t *s, const hy_str_t *name_or_url);
/* Writes the names of all, in the order of the alphabet: "Communication, Resource", as many as fit.
 */
void hy_schemas_names(const hy_schemas_t *s, char *out, size_t size);
/* Walks all that are current, in no order: NULL after the last. `*pos` is 0 at first. */
const hy_schema_t *hy_schemas_next(const hy_schemas_t *s, uint32_t *pos);
bool hy_schema_has_collection(const hy_schema_t *s, const char *name, size_t len);

/* False if anything fits, so that nothing need be kept for a check. */
bool hy_schema_has_rule(const hy_schema_t *s, const hy_str_t *collection);
/* The same for data of an object, as each change asks it. */
static inline bool hy_schema_has_data_rule(const hy_schema_t *s) {
    return s && s->data_rule;
}
/* Checks data of an object, or of a child of that collection (NULL: the object). A schema that is
 * NULL, or has no such collection, takes anything. HY_ESCHEMA with a text that begins with the
 * place in the data; the caller says of what. */
int hy_schema_check(const hy_schema_t *s, const hy_str_t *collection, hy_value_t data,
                    hy_error_t *err);
/* The same for what applied effects touched (rules.h). */
int hy_schema_check_effects(const hy_schema_t *s, const hy_str_t *collection, hy_node_t *root,
                            const hy_effect_t *effects, uint32_t count, hy_error_t *err);

#endif
