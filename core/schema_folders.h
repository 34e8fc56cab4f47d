/* The schema files of a runtime, which may be edited while it runs: they are read again before a
 * hyperty is reloaded. */
#ifndef HY_SCHEMA_FOLDERS_H
#define HY_SCHEMA_FOLDERS_H

#include "base/log.h"
#include "data/schema.h"

typedef struct hy_schema_folders hy_schema_folders_t;

/* Adds the documents that are `given` by name (NULL: none), then what is in files, and compiles
 * all; as hy_schema_documents_add and hy_schema_files_load. `schemas` and `log` are borrowed. */
int hy_schema_folders_open(hy_schemas_t *schemas, const hy_node_t *given, char *const *paths,
                           uint32_t path_count, const hy_log_t *log, hy_schema_folders_t **out,
                           hy_error_t *err);
void hy_schema_folders_close(hy_schema_folders_t *f); /* NULL allowed */
/* What has changed, or is new, becomes the current version (hy_schemas_update). One that cannot be
 * used is logged, and the version before stays. */
void hy_schema_folders_read_again(hy_schema_folders_t *f);
/* Calls for each file that counts. */
typedef void (*hy_schema_folders_cb)(void *arg, const char *path);
void hy_schema_folders_each(hy_schema_folders_t *f, hy_schema_folders_cb file, void *arg);

#endif
