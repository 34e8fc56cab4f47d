/* Log lines: level, who, text. Where they go is the sink's business; the core only writes. */
#ifndef HY_BASE_LOG_H
#define HY_BASE_LOG_H

typedef enum { HY_LOG_ERROR, HY_LOG_WARN, HY_LOG_INFO, HY_LOG_DEBUG } hy_log_level_t;

typedef struct hy_log {
    hy_log_level_t level; /* lines above it are not formatted at all */
    void (*sink)(void *arg, hy_log_level_t level, const char *who, const char *text);
    void *arg;
} hy_log_t;

/* `log` NULL or without sink: nothing happens. Lines are cut to HY_LOG_LINE_BYTES. */
void hy_log(const hy_log_t *log, hy_log_level_t level, const char *who, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const char *hy_log_level_name(hy_log_level_t level);
/* -1 if the name is none of error, warn, info, debug. */
int hy_log_level_find(const char *name);

#endif
