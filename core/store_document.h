/* What a store keeps, as JSON for people: `hyperty store show`. */
#ifndef HY_STORE_DOCUMENT_H
#define HY_STORE_DOCUMENT_H

#include "base/value.h"
#include "store/sqlite.h"

/* An object as in a whole answer: {metadata…, "epoch", "version", "data", "childrenObjects",
 * "childMarks"}; or the state of a hyperty: {"version", "data"}. `*bytes`: what its rows take.
 * HY_ENOT_FOUND if the file has nothing of that URL. The caller owns it. */
int hy_store_read_object(hy_store_file_t *file, hy_str_t *url, hy_value_t *out, size_t *bytes,
                         hy_error_t *err);
/* The same with {"url", "parties": [{"hyperty", "role", …}]} in front. */
int hy_store_document(hy_store_file_t *file, hy_str_t *url, hy_value_t *out, hy_error_t *err);
/* The whole file: {"runtimes": {domain: URL}, "hyperties": [{"name", "url", "runtime", "state"}],
 * "objects": [as above]}. */
int hy_store_document_all(hy_store_file_t *file, hy_value_t *out, hy_error_t *err);

/* The object that a row's value is; ABSENT if it is none. The caller owns it. */
hy_value_t hy_store_row_object(const hy_row_t *row);

#endif
