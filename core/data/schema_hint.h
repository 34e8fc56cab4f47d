/* What helps who has named a schema that is not there. */
#ifndef HY_DATA_SCHEMA_HINT_H
#define HY_DATA_SCHEMA_HINT_H

#include "schema.h"

/* Writes which are known, and which of them may have been meant:
 *
 *      known: Communication, Context; did you mean "Context"?
 *
 * as much as fits; of many, the names that do not are left out. */
void hy_schemas_hint(const hy_schemas_t *s, const char *name, char *out, size_t size);

#endif
