/* Log lines: formatted on the stack, handed to the sink. Owns nothing, allocates nothing. */
#include "log.h"
#include "../limits.h"
#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {"error", "warn", "info", "debug"};

void hy_log(const hy_log_t *log, hy_log_level_t level, const char *who, const char *format, ...) {
    if (!log || !log->sink || level > log->level) return;
    char line[HY_LOG_LINE_BYTES + 1]; /* one more, to see whether a cut splits a character */
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len < 0) return;
    if ((size_t)len >= HY_LOG_LINE_BYTES) line[hy__utf8_cut(line, HY_LOG_LINE_BYTES - 1)] = '\0';
    log->sink(log->arg, level, who, line);
}

const char *hy_log_level_name(hy_log_level_t level) {
    return (unsigned)level < sizeof names / sizeof *names ? names[level] : "unknown";
}

int hy_log_level_find(const char *name) {
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        if (strcmp(names[i], name) == 0) return i;
    }
    return -1;
}
