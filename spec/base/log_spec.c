/* core/base/log: levels, and lines that are too long. */
#include "support.h"

#include <stdio.h>

#include "base/log.h"

typedef struct {
    int lines;
    hy_log_level_t level;
    char who[32];
    char text[HY_LOG_LINE_BYTES + 1];
} seen_t;

static void see(void *arg, hy_log_level_t level, const char *who, const char *text) {
    seen_t *seen = arg;
    seen->lines++;
    seen->level = level;
    snprintf(seen->who, sizeof seen->who, "%s", who);
    snprintf(seen->text, sizeof seen->text, "%s", text);
}

static void lines_up_to_the_level_reach_the_sink(void **state) {
    seen_t seen = {0};
    hy_log_t log = {HY_LOG_WARN, see, &seen};
    (void)state;
    hy_log(&log, HY_LOG_WARN, "bus", "%d messages dropped", 3);
    assert_int_equal(seen.lines, 1);
    assert_int_equal(seen.level, HY_LOG_WARN);
    assert_string_equal(seen.who, "bus");
    assert_string_equal(seen.text, "3 messages dropped");
    hy_log(&log, HY_LOG_INFO, "bus", "not this");
    assert_int_equal(seen.lines, 1);
}

static void without_a_sink_nothing_happens(void **state) {
    hy_log_t log = {HY_LOG_DEBUG, NULL, NULL};
    (void)state;
    hy_log(NULL, HY_LOG_ERROR, "bus", "nobody");
    hy_log(&log, HY_LOG_ERROR, "bus", "nobody");
}

static void a_long_line_is_cut_at_a_character(void **state) {
    static char text[2 * HY_LOG_LINE_BYTES + 1];
    seen_t seen = {0};
    hy_log_t log = {HY_LOG_DEBUG, see, &seen};
    (void)state;
    for (size_t i = 0; i < sizeof text - 1; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    hy_log(&log, HY_LOG_DEBUG, "bus", "%s", text);
    assert_int_equal(strlen(seen.text), HY_LOG_LINE_BYTES - 2);
}

static void levels_have_names(void **state) {
    (void)state;
    assert_string_equal(hy_log_level_name(HY_LOG_DEBUG), "debug");
    assert_string_equal(hy_log_level_name((hy_log_level_t)9), "unknown");
    assert_int_equal(hy_log_level_find("error"), HY_LOG_ERROR);
    assert_int_equal(hy_log_level_find("info"), HY_LOG_INFO);
    assert_int_equal(hy_log_level_find("loud"), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lines_up_to_the_level_reach_the_sink),
        TEST(without_a_sink_nothing_happens),
        TEST(a_long_line_is_cut_at_a_character),
        TEST(levels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
