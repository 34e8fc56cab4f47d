/* Schema documents in files: <folder>/schemas/<Name>.json for each folder of a search path. */
#ifndef HY_SCHEMA_FILES_H
#define HY_SCHEMA_FILES_H

#include "base/log.h"
#include "data/schema.h"

/* Adds all that are found, and compiles all that are there; of two with one name the first counts.
 * A file that cannot be used is left out and logged as a warning. HY_ENOMEM; else the code of one
 * that was there before and cannot be compiled, with a text. */
int hy_schema_files_load(hy_schemas_t *schemas, char *const *paths, uint32_t path_count,
                         const hy_log_t *log, hy_error_t *err);

#endif
