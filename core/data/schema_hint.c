/* Names of schemas for texts: those that are known, and the most similar one. */
#include "schema_hint.h"

#include "../base/similar.h"

#include <stdio.h>

void hy_schemas_hint(const hy_schemas_t *s, const char *name, char *out, size_t size) {
    char known[HY_ERROR_TEXT_BYTES], meant[HY_SIMILAR_BYTES_MAX + 32] = "";
    hy_similar_t similar;
    const hy_schema_t *schema;
    hy_similar_init(&similar, name);
    for (uint32_t pos = 0; (schema = hy_schemas_next(s, &pos));)
        hy_similar_offer(&similar, schema->name->bytes);
    const char *best = hy_similar_best(&similar);
    if (best) snprintf(meant, sizeof meant, "; did you mean \"%s\"?", best);
    size_t taken = sizeof "known: " - 1 + strlen(meant);
    size_t room = size > taken ? size - taken : 1;
    hy_schemas_names(s, known, room < sizeof known ? room : sizeof known);
    snprintf(out, size, "known: %s%s", known, meant);
}
