/* The matcher of string patterns on its own: what Lua's specs cannot see. That it means what Lua
 * means is in pattern_spec.lua. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/pattern.h"

typedef struct {
    volatile sig_atomic_t is_due;
    unsigned calls, most; /* it is left at so many */
    jmp_buf out;
} watch_t;

static void count_call(void *arg) {
    watch_t *c = arg;
    if (++c->calls == c->most) longjmp(c->out, 1);
}

static void init(hy_pattern_t *m, const char *text, const char *pattern) {
    hy_pattern_init(m, text, strlen(text), pattern, strlen(pattern), true);
}

static char *repeated(const char *unit, size_t count) {
    size_t len = strlen(unit);
    char *text = malloc(len * count + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * len, unit, len);
    }
    text[len * count] = '\0';
    return text;
}

static void captures_are_places_in_the_text(void **state) {
    hy_pattern_t m;
    hy_capture_t c;
    const char *text = "key = value", *end;
    (void)state;
    init(&m, text, "(%w+)%s*=%s*()(%w+)");
    const char *start = hy_pattern_find(&m, text, NULL, &end);
    assert_ptr_equal(start, text);
    assert_ptr_equal(end, text + 11);
    assert_int_equal(m.capture_count, 3);
    assert_true(hy_pattern_capture(&m, 0, start, end, &c));
    assert_ptr_equal(c.start, text);
    assert_int_equal(c.len, 3);
    assert_true(hy_pattern_capture(&m, 1, start, end, &c));
    assert_ptr_equal(c.start, text + 6);
    assert_int_equal(c.len, HY_CAPTURE_POSITION);
    assert_true(hy_pattern_capture(&m, 2, start, end, &c));
    assert_int_equal(c.len, 5);
    assert_false(hy_pattern_capture(&m, 3, start, end, &c));
    assert_string_equal(m.error, "invalid capture index %%%d");
    assert_int_equal(m.error_number, 4);
}

static void an_empty_match_does_not_follow_one_that_ends_there(void **state) {
    hy_pattern_t m;
    const char *text = "ab", *end;
    (void)state;
    init(&m, text, "a*");
    assert_ptr_equal(hy_pattern_find(&m, text, NULL, &end), text);
    assert_ptr_equal(end, text + 1);
    assert_ptr_equal(hy_pattern_find(&m, end, end, &end), text + 2);
    assert_null(hy_pattern_find(&m, end, end, &end));
    assert_null(m.error);
}

static void nothing_is_read_beyond_either_end(void **state) {
    static const char *const patterns[] = {"%",     "%f",    "%b",   "%bx", "[",      "[^",  "[]",
                                           "[%",    "[a-",   "(",    ")",   "a",      "a?",  "a+",
                                           "%f[a]", "(a)%1", "%bab", "$",   "[^%a-]", "a-$", "^"};
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        for (size_t len = 0; len < 4; len++) {
            /* Exactly as long as they are: the sanitizer sees a byte too much. */
            size_t pattern_len = strlen(patterns[i]);
            char *text = malloc(len ? len : 1), *pattern = malloc(pattern_len);
            const char *end;
            hy_pattern_t m;
            memset(text, 'a', len ? len : 1);
            memcpy(pattern, patterns[i], pattern_len);
            hy_pattern_init(&m, len ? text : text + 1, len, pattern, pattern_len, true);
            const char *start = hy_pattern_find(&m, m.text, NULL, &end);
            if (start) assert_true(start >= m.text && start <= end && end <= m.text_end);
            free(text);
            free(pattern);
        }
    }
}

/* How often the flag is looked at until the search is over, `most` times at most. */
static unsigned steps(const char *text, const char *pattern, unsigned most) {
    watch_t clock = {.is_due = 1, .most = most};
    hy_pattern_t m;
    const char *end;
    init(&m, text, pattern);
    m.is_due = &clock.is_due;
    m.due = count_call;
    m.arg = &clock;
    if (setjmp(clock.out) == 0) (void)hy_pattern_find(&m, text, NULL, &end);
    return clock.calls;
}

static void whatever_takes_long_looks_at_the_flag(void **state) {
    (void)state;
    char *same = repeated("a", 20000), *open = repeated("(", 20000), *set = repeated("b", 20000);
    char *stars = repeated("a*", 30), *lazy = repeated("a-", 30), *options = repeated("a?", 30);
    char pattern[20100];
    const char *const bombs[] = {".-b",  ".-.-.-b", "a-$b",    ".*.*.*b",       "[a]*b",
                                 "%a*b", "a*a*b",   "(.-)%1b", "(.*)(.*)%2%1b", "[ab]-c"};
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        assert_int_equal(steps(same, bombs[i], 100000), 100000);
    }
    const char *const exponential[] = {stars, lazy, options};
    for (size_t i = 0; i < 3; i++) {
        snprintf(pattern, sizeof pattern, "^%sb", exponential[i]);
        assert_int_equal(steps("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", pattern, 1000000),
                         1000000);
    }
    assert_int_equal(steps(open, "%b()", 100000), 100000); /* the square of its length */
    snprintf(pattern, sizeof pattern, "[%s]", set);
    assert_in_range(steps("a", pattern, 100000), 20000, 100000);
    snprintf(pattern, sizeof pattern, "[%s", set);
    assert_in_range(steps("a", pattern, 100000), 20000, 100000);
    free(same);
    free(open);
    free(set);
    free(stars);
    free(lazy);
    free(options);
}

static void who_is_called_back_may_let_it_go_on(void **state) {
    (void)state;
    watch_t clock = {.is_due = 1};
    hy_pattern_t m;
    const char *text = "aaaaaaaaab", *end;
    init(&m, text, "(a-)b$");
    m.is_due = &clock.is_due;
    m.due = count_call;
    m.arg = &clock;
    assert_ptr_equal(hy_pattern_find(&m, text, NULL, &end), text);
    assert_ptr_equal(end, text + 10);
    assert_true(clock.calls > 0);
}

static void a_plain_beginning_is_searched_for_as_such(void **state) {
    (void)state;
    char *text = repeated("a", 20000);
    text[19999] = 'b';
    assert_true(steps(text, "b$", 100000) < 10);
    assert_true(steps(text, ".*b", 100000) < 10);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captures_are_places_in_the_text),
        cmocka_unit_test(an_empty_match_does_not_follow_one_that_ends_there),
        cmocka_unit_test(nothing_is_read_beyond_either_end),
        cmocka_unit_test(whatever_takes_long_looks_at_the_flag),
        cmocka_unit_test(who_is_called_back_may_let_it_go_on),
        cmocka_unit_test(a_plain_beginning_is_searched_for_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
