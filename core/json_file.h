/* A file with one JSON value in it, as people write and name them. */
#ifndef HY_JSON_FILE_H
#define HY_JSON_FILE_H

#include "base/value.h"

/* The value of the file, which the caller owns. Only regular files are read, and no more than
 * `bytes_max`, so neither a pipe nor a large file keeps anybody. HY_ENOT_FOUND: there is none;
 * HY_ETOO_LARGE; HY_EINVALID: it cannot be read, or is no JSON: then with line and column. The text
 * begins with the path. */
int hy_json_file_read(const char *path, size_t bytes_max, hy_value_t *out, hy_error_t *err);

#endif
