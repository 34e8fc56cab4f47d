/* Schema documents in files: <folder>/schemas/<Name>.json for each folder of a search path. */
#ifndef HY_SCHEMA_FILES_H
#define HY_SCHEMA_FILES_H

#include "base/log.h"
#include "data/schema.h"

/* Adds all that are found; of two with one name the first counts. One that cannot be used is left
 * out and logged as a warning. HY_ENOMEM. */
int hy_schema_files_load(hy_schemas_t *schemas, char *const *paths, uint32_t path_count,
                         const hy_log_t *log);

#endif
