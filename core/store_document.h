/* What a store keeps, as JSON for people: `hyperty store show`. */
#ifndef HY_STORE_DOCUMENT_H
#define HY_STORE_DOCUMENT_H

#include "base/value.h"
#include "store/sqlite.h"

/* One object, or the state of a hyperty: {"url", "parties": [{"hyperty", "role", …}], metadata…,
 * "epoch", "version", "data", "children": {collection: [child, …]}}. HY_ENOT_FOUND if the file has
 * nothing of that URL. The caller owns it. */
int hy_store_document(hy_store_file_t *file, const hy_str_t *url, hy_value_t *out, hy_error_t *err);
/* The whole file: {"runtimes": {domain: URL}, "hyperties": [{"name", "url", "runtime", "state"}],
 * "objects": [as above]}. */
int hy_store_document_all(hy_store_file_t *file, hy_value_t *out, hy_error_t *err);

/* The highest version that the rows (STATES and CHANGES of one owner) know; -1: none. */
int64_t hy_store_version(const hy_rows_t *rows);
/* The object that a row's value is; ABSENT if it is none. The caller owns it. */
hy_value_t hy_store_row_object(const hy_row_t *row);

#endif
