/* Inside schema*.c: one schema as the set of them holds it. */
#ifndef HY_DATA_SCHEMA_PRIVATE_H
#define HY_DATA_SCHEMA_PRIVATE_H

#include "schema.h"

#include "../base/list.h"

typedef struct hy__known hy__known_t;
struct hy__known {
    hy_schema_t schema;
    hy_link_t link; /* in the set, which owns it */
    /* Names of those whose documents were read to compile it, and the digests of these. */
    hy_str_t **uses, **use_digests;
    uint32_t use_count;
    hy_schemas_t *set;    /* once it is in one */
    bool is_foreign;      /* it may be let go while no object uses it */
    uint32_t users;       /* objects that point to it */
    uint64_t last_wanted; /* of the set's count: when it was made, found or given up last */
};

/* Reads what the document says, and copies it; it is not compiled and in no set.
 * HY_EINVALID, HY_ETOO_LARGE, with a text that begins with "schema <name>". */
int hy__schema_new(const char *name, const char *domain, const hy_node_t *document,
                   hy__known_t **out, hy_error_t *err);
void hy__schema_free(hy__known_t *known); /* NULL allowed */
/* Its rules were compiled: which are there is found once. */
void hy__schema_take_rules(hy_schema_t *s);

#endif
