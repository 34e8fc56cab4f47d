/* Where schemas come from when a program starts: documents that it was given, and files,
 * <folder>/schemas/<Name>.json for each folder of a search path. */
#ifndef HY_SCHEMA_FILES_H
#define HY_SCHEMA_FILES_H

#include "base/log.h"
#include "data/schema.h"

/* Adds documents by name (NULL: none); they are compiled with those in files. As hy_schemas_add. */
int hy_schema_documents_add(hy_schemas_t *schemas, const hy_node_t *documents, hy_error_t *err);
/* Adds all that are found, and compiles all that are there; of two with one name the first counts.
 * A file that cannot be used is left out and logged as a warning. HY_ENOMEM; else the code of one
 * that was there before and cannot be compiled, with a text. */
int hy_schema_files_load(hy_schemas_t *schemas, char *const *paths, uint32_t path_count,
                         const hy_log_t *log, hy_error_t *err);
/* Adds all that are found, and compiles nothing: each is a document that others may refer to.
 * HY_ENOMEM. */
int hy_schema_files_add(hy_schemas_t *schemas, char *const *paths, uint32_t path_count,
                        const hy_log_t *log);
/* Calls for each file, in order, also for a second one of a name; until it does not give 0, which
 * is then the result. Else 0, or HY_ENOMEM. */
typedef int (*hy_schema_file_cb)(void *arg, hy_str_t *name, hy_str_t *path);
int hy_schema_files_each(char *const *paths, uint32_t path_count, hy_schema_file_cb file,
                         void *arg);
/* The file of that name, NULL if there is none (or no memory). The caller owns it. */
hy_str_t *hy_schema_files_find(const char *name, char *const *paths, uint32_t path_count);
/* One document, an object, which the caller owns; the text begins with the path. */
int hy_schema_file_read(const char *path, hy_value_t *out, hy_error_t *err);

#endif
