/* A configuration in a file: Lua text that returns a table. */
#ifndef HY_HOST_CONFIG_H
#define HY_HOST_CONFIG_H

#include "../base/value.h"

/* Runs the file in a Lua state of its own, without libraries, and gives its table as an object (an
 * empty one too). The text in `err` names the file. */
int hy_config_read(const char *path, hy_value_t *out, hy_error_t *err);

#endif
