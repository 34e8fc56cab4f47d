/* Lines of the log as people (text) or programs (JSON, an object a line) read them. */
#ifndef HY_LOG_LINES_H
#define HY_LOG_LINES_H

#include "base/log.h"
#include "base/str.h"

#include <stdbool.h>

typedef struct {
    bool is_json;
    /* Fields of JSON lines, so that what several processes wrote can be told apart. */
    const char *domain; /* NULL: left out */
    int pid;            /* 0: left out */
} hy_log_style_t;

/* "who: text", or "who: error: text" for errors and so on; or
 * {"time","level","who","text","domain","pid"}. Without end of line. NULL when out of memory. */
hy_str_t *hy_log_line(const hy_log_style_t *style, hy_log_level_t level, const char *who,
                      const char *text);

#endif
