/* Lines of the log as people (text) or programs (JSON, an object a line) read them. */
#ifndef HY_LOG_LINES_H
#define HY_LOG_LINES_H

#include "base/log.h"
#include "base/str.h"

#include <stdbool.h>

/* "who: text", or "who: error: text" for errors and so on; or {"time","level","who","text"}.
 * Without end of line. NULL when out of memory. */
hy_str_t *hy_log_line(bool is_json, hy_log_level_t level, const char *who, const char *text);

#endif
