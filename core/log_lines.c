/* Formatting of log lines. The time is the wall clock's, as lines come before there is a loop, too.
 */
#include "log_lines.h"
#include "base/json.h"
#include "host/clean.h"
#include "loop/clock.h"

#include <string.h>
#include <time.h>

static void write_json(hy_buf_t *b, const hy_log_style_t *style, hy_log_level_t level,
                       const char *who, const hy_str_t *text) {
    struct timespec now;
    char iso[25];
    clock_gettime(CLOCK_REALTIME, &now);
    hy_clock_iso((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, iso);
    hy_buf_format(b, "{\"time\":\"%s\",\"level\":\"%s\",\"who\":", iso, hy_log_level_name(level));
    hy_json_write_str(b, who, strlen(who));
    hy_buf_text(b, ",\"text\":");
    hy_json_write_str(b, text->bytes, text->len);
    if (style->domain) {
        hy_buf_text(b, ",\"domain\":");
        hy_json_write_str(b, style->domain, strlen(style->domain));
    }
    if (style->pid) hy_buf_format(b, ",\"pid\":%d", style->pid);
    hy_buf_char(b, '}');
}

static void write_text(hy_buf_t *b, hy_log_level_t level, const char *who, const hy_str_t *text) {
    if (level == HY_LOG_INFO) {
        hy_buf_format(b, "%s: ", who);
    } else {
        hy_buf_format(b, "%s: %s: ", who, hy_log_level_name(level));
    }
    hy_buf_add(b, text->bytes, text->len);
}

hy_str_t *hy_log_line(const hy_log_style_t *style, hy_log_level_t level, const char *who,
                      const char *text) {
    hy_str_t *clean_who = hy_text_clean(who, strlen(who), false);
    hy_str_t *clean_text = hy_text_clean(text, strlen(text), false);
    hy_buf_t b;
    hy_buf_init(&b);
    if (!clean_who || !clean_text) {
        b.failed = true;
    } else if (style->is_json) {
        write_json(&b, style, level, clean_who->bytes, clean_text);
    } else {
        write_text(&b, level, clean_who->bytes, clean_text);
    }
    hy_str_unref(clean_who);
    hy_str_unref(clean_text);
    return hy_buf_take(&b);
}
