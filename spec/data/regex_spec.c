/* Patterns of schemas: what they mean, what is refused, and that neither a pattern nor a text can
 * make a match take long or use much. What the official suite of JSON Schema asks is in
 * json_schema_spec.c. */
#include <stdlib.h>

#include "support.h"

#include "data/regex.h"

static hy_regexes_t *new_all(void) {
    hy_regexes_t *all;
    assert_int_equal(hy_regexes_new(&all), 0);
    return all;
}

static int match_bytes(const char *pattern, const char *text, size_t len, uint32_t *steps) {
    hy_regexes_t *all = new_all();
    hy_regex_t *x = NULL;
    hy_error_t err = {.text = ""};
    int rc = hy_regex_new(all, pattern, strlen(pattern), &x, &err);
    if (rc) print_error("%s: %s\n", pattern, err.text);
    assert_int_equal(rc, 0);
    assert_true(hy_regex_is_pattern(pattern, strlen(pattern)));
    *steps = 0;
    rc = hy_regex_match(x, text, len, steps);
    hy_regex_free(x);
    hy_regexes_free(all);
    return rc;
}

static int match(const char *pattern, const char *text) {
    uint32_t steps;
    return match_bytes(pattern, text, strlen(text), &steps);
}

static char *repeated(const char *unit, size_t count, const char *tail) {
    size_t len = strlen(unit);
    char *text = malloc(len * count + strlen(tail) + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * len, unit, len);
    }
    strcpy(text + len * count, tail);
    return text;
}

/* --- meaning ---------------------------------------------------------------------------------- */

static void a_pattern_is_looked_for_anywhere(void **state) {
    (void)state;
    assert_int_equal(match("es", "test"), 1);
    assert_int_equal(match("", ""), 1);
    assert_int_equal(match("^es", "test"), 0);
    assert_int_equal(match("es$", "test"), 0);
    assert_int_equal(match("^a|b", "cb"), 1); /* only the first is held to the start */
    assert_int_equal(match("^a|^b", "cb"), 0);
    assert_int_equal(match("(?<=t)e", "test"), 1);
    assert_int_equal(match("(.)x\\1", "-axa-"), 1);
    assert_int_equal(match("(?<q>['\"])x\\k<q>", "'x'"), 1);
    assert_int_equal(match("(?<q>['\"])x\\k<q>", "'x\""), 0);
}

static void it_means_what_ecma_262_says(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *text;
        int is_there;
    } rows[] = {
        {"^.$", "\xf0\x9f\x90\xb2", 1},
        {"^.$", "\r", 0},
        {"^.$", "\v", 1},
        {"a$", "a\n", 0},
        {"^\\s$", "\xe3\x80\x80", 1},
        {"^[\\s]$", "\xef\xbb\xbf", 1},
        {"^[\\S]$", "\xef\xbb\xbf", 0},
        {"^[^\\S]$", " ", 1},
        {"^[\\S]$", "\xe2\x82\xac", 1},
        {"^\\v$", "\n", 0},
        {"^\\0$", "0", 0},
        {"^\\x41\\u0042\\u{43}\\cj$", "ABC\n", 1},
        {"^\\ud83d\\udc32$", "\xf0\x9f\x90\xb2", 1},
        {"^[\\b]$", "\b", 1},
        {"^[^]$", "\n", 1},
        {"[]", "a", 0},
        {"^[[:alpha:]]$", "a]", 1}, /* a class of "[:alph", and a "]" */
        {"^[[:alpha:]]$", "z", 0},
        {"^[a-c\\-x]$", "-", 1},
        {"^[\\w-.]$", "-", 1},
        {"^[+--]$", ",", 1},
        {"^[\\d-z]$", "e", 0},
        {"^a{,2}$", "a{,2}", 1},
        {"^a{1,2}?$", "aa", 1},
        {"^}]$", "}]", 1},
        {"^\\p{Letter}\\p{Lu}\\P{gc=Nd}\\p{Script=Greek}$",
         "\xc3\xa9"
         "AB\xce\xb1",
         1},
        {"^[\\p{Letter}]$", "1", 0},
        {"^#x $", "#x ", 1},    /* no comment, no blanks left out */
        {"^(a)?\\1b$", "b", 1}, /* a group that took no part is empty */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (match(rows[i].pattern, rows[i].text) != rows[i].is_there) {
            fail_msg("%s on \"%s\"", rows[i].pattern, rows[i].text);
        }
    }
}

static void what_has_another_meaning_elsewhere_is_refused(void **state) {
    (void)state;
    static const char *const patterns[] = {
        "(?P<n>x)", "(?i)x",  "(?#x)", "(?>x)",  "(?|x)",   "(?R)",      "(*FAIL)",     "(*UTF)x",
        "x++",      "x?+",    "x{2}+", "x**",    "*x",      "(*)",       "^*",          "\\b+",
        "(?=x)*",   "|+",     "\\a",   "\\A",    "\\z",     "\\Qx\\E",   "\\K",         "\\h",
        "\\R",      "\\X",    "\\pL",  "\\1",    "(x)\\2",  "\\01",      "\\p{^Lu}",    "\\p{Xan}",
        "\\p{L&}",  "\\c1",   "\\xg0", "\\u12",  "\\ud83d", "\\u{d800}", "\\u{110000}", "[b-a]",
        "[\\B]",    "\\",     "[\\",   "[a",     "(a",      "a)",        "x{2,1}",      "x{65536}",
        "\\k<n>",   "(?<1>)", "(?<n",  "(?<>x)", "\\k",     "\\p{",      "\xff",
    };
    hy_regexes_t *all = new_all();
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        hy_regex_t *x = NULL;
        hy_error_t err = {.text = ""};
        if (hy_regex_new(all, patterns[i], strlen(patterns[i]), &x, &err) != HY_EINVALID) {
            fail_msg("%s", patterns[i]);
        }
        assert_null(x);
        assert_string_not_equal(err.text, "");
        assert_false(hy_regex_is_pattern(patterns[i], strlen(patterns[i])));
    }
    hy_regexes_free(all);
}

static void what_is_wrong_is_told_with_its_place(void **state) {
    (void)state;
    hy_regexes_t *all = new_all();
    hy_regex_t *x = NULL;
    hy_error_t err;
    assert_int_equal(hy_regex_new(all, "\xc3\xa9(a\\z", 6, &x, &err), HY_EINVALID);
    assert_string_equal(err.text, "character 4: this escape means nothing");
    assert_int_equal(hy_regex_new(all, "(ab", 3, &x, &err), HY_EINVALID);
    assert_string_equal(err.text, "character 4: a ) is missing");
    /* A pattern, but none that can be run: PCRE2 tells why. */
    assert_int_equal(hy_regex_new(all, "(?<=a+)b", 8, &x, &err), HY_EINVALID);
    assert_non_null(strstr(err.text, "lookbehind"));
    assert_true(hy_regex_is_pattern("(?<=a+)b", 8));
    assert_int_equal(hy_regex_new(all, "\\p{Nonsense}", 12, &x, &err), HY_EINVALID);
    hy_regexes_free(all);
}

/* A pattern within a group is no row; so PCRE2 tells whether the walk was right. */
static void rows_mean_what_they_mean_to_pcre2(void **state) {
    (void)state;
    static const char *const sets[] = {
        "a",   "b",     "[ab]", "[^a]", "[^ab]",  ".",   "\\w", "\\W", "\\d",   "\\D",   "[]",
        "[^]", "[a-c]", "-",    "[^-]", "[\\d-]", "\\.", ":",   "/",   "[\\W]", "[^\\W]"};
    static const char *const times[] = {"", "", "*", "+", "?", "{2}", "{1,2}", "{2,}", "+?", "{0}"};
    static const char *const pieces[] = {"a", "b", "aa", "-",        "1",           ":",
                                         "/", ".", "\n", "\xc3\xa9", "\xe2\x80\xa8"};
    hy_random_t r;
    hy_random_seed(&r, 1);
    hy_regexes_t *all = new_all();
    unsigned found = 0;
    for (int i = 0; i < 4000; i++) {
        hy_buf_t b, t;
        hy_regex_t *row = NULL, *group = NULL;
        hy_buf_init(&b);
        hy_buf_text(&b, "(?:^");
        for (uint64_t n = hy_random_below(&r, 4); n > 0; n--) {
            hy_buf_text(&b, sets[hy_random_below(&r, COUNT_OF(sets))]);
            hy_buf_text(&b, times[hy_random_below(&r, COUNT_OF(times))]);
        }
        if (hy_random_below(&r, 2)) hy_buf_char(&b, '$');
        hy_buf_char(&b, ')');
        assert_int_equal(hy_regex_new(all, b.bytes + 3, b.len - 4, &row, NULL), 0);
        assert_int_equal(hy_regex_new(all, b.bytes, b.len, &group, NULL), 0);
        for (int k = 0; k < 20; k++) {
            uint32_t steps = 0;
            hy_buf_init(&t);
            for (uint64_t n = hy_random_below(&r, 6); n > 0; n--) {
                hy_buf_text(&t, pieces[hy_random_below(&r, COUNT_OF(pieces))]);
            }
            hy_buf_char(&t, 'a');
            int rc = hy_regex_match(row, t.bytes, t.len - 1, &steps);
            if (rc != hy_regex_match(group, t.bytes, t.len - 1, &steps)) {
                fail_msg("%.*s on \"%.*s\"", (int)b.len, b.bytes, (int)t.len - 1, t.bytes);
            }
            found += rc == 1;
            hy_buf_deinit(&t);
        }
        hy_regex_free(row);
        hy_regex_free(group);
        hy_buf_deinit(&b);
    }
    assert_in_range(found, 5000, 75000);
    hy_regexes_free(all);
}

/* --- bounds ----------------------------------------------------------------------------------- */

static void no_pattern_takes_long(void **state) {
    (void)state;
    static const char *const bombs[] = {
        "(a+)+b",     "^(a+)+c",           "(a|a)*b",          "(a|aa)+b",
        "^(.*)*$x",   "(.*)(.*)(.*)(.*)x", "(?:a?){40}a{40}b", "^(([a-z])+.)+[A-Z]([a-z])+$",
        "(\\w*)*\\W", "(a*)*\\1b",         "^(?:(?=a*)a)*b",   "((a{0,9}){0,9}){0,9}b",
    };
    char *text = repeated("a", 4000, "");
    for (size_t i = 0; i < COUNT_OF(bombs); i++) {
        uint32_t steps;
        int rc = match_bytes(bombs[i], text, strlen(text), &steps);
        if (rc != HY_ETOO_LARGE && rc != 0) fail_msg("%s: %d", bombs[i], rc);
        assert_in_range(steps, 1, 20000); /* which is their price, whatever they are */
    }
    assert_int_equal(match("^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), HY_ETOO_LARGE);
    free(text);
}

static void a_search_is_bounded_as_a_whole(void **state) {
    (void)state;
    char *spaces = repeated(" ", 20000, "x");
    assert_int_equal(match("\\s+$", spaces), HY_ETOO_LARGE); /* the square of its length */
    free(spaces);
    spaces = repeated(" ", 100, "x");
    assert_int_equal(match("\\s+$", spaces), 0);
    free(spaces);
}

static void what_is_not_counted_sees_short_texts_only(void **state) {
    (void)state;
    char *text = repeated("a", HY_RULES_COSTLY_BYTES_MAX + 1, "");
    assert_int_equal(match("(?=a*)b", text), HY_ETOO_LARGE);
    assert_int_equal(match("(a)\\1", text), HY_ETOO_LARGE);
    assert_int_equal(match("a{257}", text), HY_ETOO_LARGE);
    assert_int_equal(match("(a{16}){17}", text), HY_ETOO_LARGE);
    assert_int_equal(match("a{256}", text), 1);
    text[HY_RULES_COSTLY_BYTES_MAX] = '\0';
    assert_int_equal(match("a{257}", text), 1);
    free(text);
}

static void long_texts_are_fine_where_the_pattern_is(void **state) {
    (void)state;
    char *text = repeated("ab0/", 250000, "==");
    assert_int_equal(match("^(?:[A-Za-z0-9+/]{4})*==$", text), HY_ETOO_LARGE); /* in its memory */
    assert_int_equal(match("^[A-Za-z0-9+/]*={0,2}$", text), 1);
    assert_int_equal(match("==$", text), 1);
    assert_int_equal(match("b1", text), 0);
    free(text);
    text = repeated("ab0/", 10000, "==");
    assert_int_equal(match("^(?:[A-Za-z0-9+/]{4})*==$", text), 1);
    free(text);
}

static void a_match_costs_the_caller_steps(void **state) {
    (void)state;
    uint32_t cheap, dear;
    assert_int_equal(match_bytes("^[a-z]+$", "hello", 5, &cheap), 1);
    assert_in_range(cheap, 1, 10);
    assert_int_equal(match_bytes("^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 31, &dear),
                     HY_ETOO_LARGE);
    assert_true(dear > HY_RULES_MATCH_MAX / 20);
    hy_regexes_t *all = new_all();
    hy_regex_t *x = NULL;
    assert_int_equal(hy_regex_new(all, "a", 1, &x, NULL), 0);
    uint32_t most = UINT32_MAX - 1;
    assert_int_equal(hy_regex_match(x, "a", 1, &most), 1);
    assert_int_equal(most, UINT32_MAX);
    hy_regex_free(x);
    hy_regexes_free(all);
}

static void patterns_have_bounds(void **state) {
    (void)state;
    hy_regexes_t *all = new_all();
    hy_regex_t *x = NULL;
    hy_error_t err;
    char *text = repeated("a", HY_RULES_PATTERN_BYTES_MAX + 1, "");
    assert_int_equal(hy_regex_new(all, text, strlen(text), &x, &err), HY_ETOO_LARGE);
    assert_int_equal(hy_regex_new(all, text, HY_RULES_PATTERN_BYTES_MAX, &x, &err), 0);
    hy_regex_free(x);
    free(text);
    text = repeated("(", HY_RULES_PATTERN_DEPTH_MAX, "a");
    char *closing = repeated(")", HY_RULES_PATTERN_DEPTH_MAX, "");
    hy_str_t *nested = hy_str_format("%s%s", text, closing);
    assert_int_equal(hy_regex_new(all, nested->bytes, nested->len, &x, &err), 0);
    hy_regex_free(x);
    hy_str_t *deeper = hy_str_format("(%s)", nested->bytes);
    assert_int_equal(hy_regex_new(all, deeper->bytes, deeper->len, &x, &err), HY_EINVALID);
    hy_str_unref(nested);
    hy_str_unref(deeper);
    free(text);
    free(closing);
    text = repeated("[\\S]", HY_RULES_PATTERN_BYTES_MAX / 4, "");
    int rc = hy_regex_new(all, text, strlen(text), &x, &err);
    assert_int_equal(rc, HY_EINVALID); /* what it compiles to is too large */
    assert_int_equal(hy_regex_new(all, "((a{999}){999}){999}", 20, &x, &err), HY_EINVALID);
    free(text);
    hy_regexes_free(all);
}

/* --- hostile input ---------------------------------------------------------------------------- */

static void any_bytes_are_refused_or_run(void **state) {
    (void)state;
    static const char *const parts[] = {"(",
                                        ")",
                                        "[",
                                        "]",
                                        "[^",
                                        "{",
                                        "}",
                                        "{2}",
                                        "{1,",
                                        "*",
                                        "+",
                                        "?",
                                        "|",
                                        "^",
                                        "$",
                                        ".",
                                        "\\",
                                        "\\d",
                                        "\\S",
                                        "\\p{",
                                        "\\p{L}",
                                        "(?",
                                        "(?:",
                                        "(?=",
                                        "(?<!",
                                        "(?<n>",
                                        "\\k<n>",
                                        "\\1",
                                        "\\u",
                                        "\\x4",
                                        "-",
                                        "a",
                                        "z",
                                        "0",
                                        ",",
                                        "\xc3\xa9",
                                        "\xf0\x9f\x90\xb2",
                                        "\xff",
                                        "=",
                                        "<",
                                        ">",
                                        "!"};
    hy_random_t r;
    hy_random_seed(&r, 1);
    hy_regexes_t *all = new_all();
    unsigned compiled = 0;
    for (int i = 0; i < 30000; i++) {
        char bytes[128];
        size_t len = 0;
        for (uint64_t n = 1 + hy_random_below(&r, 12); n > 0; n--) {
            const char *part = parts[hy_random_below(&r, COUNT_OF(parts))];
            memcpy(bytes + len, part, strlen(part));
            len += strlen(part);
        }
        /* Exactly as long as it is: the sanitizer sees a byte too much. */
        char *pattern = malloc(len);
        memcpy(pattern, bytes, len);
        hy_regex_t *x = NULL;
        uint32_t steps = 0;
        if (hy_regex_new(all, pattern, len, &x, NULL) == 0) {
            assert_true(hy_regex_is_pattern(pattern, len));
            int rc = hy_regex_match(x, "a0\xc3\xa9-z", 6, &steps);
            assert_true(rc == 0 || rc == 1 || rc == HY_ETOO_LARGE);
            hy_regex_free(x);
            compiled++;
        }
        free(pattern);
    }
    assert_true(compiled > 1000);
    hy_regexes_free(all);
}

static void a_text_has_the_length_that_is_told(void **state) {
    (void)state;
    uint32_t steps;
    assert_int_equal(match_bytes("b$", "a\0b", 3, &steps), 1);
    assert_int_equal(match_bytes("^a$", "a\0b", 3, &steps), 0);
    for (size_t len = 0; len < 4; len++) { /* also one that ends within a character */
        char *exact = malloc(len ? len : 1);
        memcpy(exact, "\xf0\x9f\x90\xb2", len);
        assert_int_equal(match_bytes("^.+$", len ? exact : exact + 1, len, &steps), 0);
        assert_int_equal(match_bytes("(.)", len ? exact : exact + 1, len, &steps), 0);
        free(exact);
    }
}

/* --- memory ----------------------------------------------------------------------------------- */

static int compile_and_match(void *arg) {
    hy_regexes_t *all;
    hy_regex_t *x = NULL;
    uint32_t steps = 0;
    int rc = hy_regexes_new(&all);
    if (rc) return rc;
    rc = hy_regex_new(all, "^(?:(a)|[b-d])*\\s$", 18, &x, NULL);
    if (!rc) rc = hy_regex_match(x, arg, strlen(arg), &steps);
    hy_regex_free(x);
    hy_regexes_free(all);
    return rc == 1 ? 0 : rc;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    char *text = repeated("abcd", 1000, " "); /* so that a match needs more than it begins with */
    fail_until_it_works(compile_and_match, text);
    free(text);
}

static void matching_allocates_nothing_anew(void **state) {
    (void)state;
    hy_regexes_t *all = new_all();
    hy_regex_t *x = NULL;
    uint32_t steps = 0;
    assert_int_equal(hy_regex_new(all, "^(?:(a)|b)*$", 12, &x, NULL), 0);
    assert_int_equal(hy_regex_match(x, "abab", 4, &steps), 1);
    hy_mem_fail_after(0);
    assert_int_equal(hy_regex_match(x, "abba", 4, &steps), 1);
    assert_int_equal(hy_regex_match(x, "abca", 4, &steps), 0);
    hy_mem_fail_after(-1);
    hy_regex_free(x);
    hy_regexes_free(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_pattern_is_looked_for_anywhere),
        TEST(it_means_what_ecma_262_says),
        TEST(what_has_another_meaning_elsewhere_is_refused),
        TEST(what_is_wrong_is_told_with_its_place),
        TEST(rows_mean_what_they_mean_to_pcre2),
        TEST(no_pattern_takes_long),
        TEST(a_search_is_bounded_as_a_whole),
        TEST(what_is_not_counted_sees_short_texts_only),
        TEST(long_texts_are_fine_where_the_pattern_is),
        TEST(a_match_costs_the_caller_steps),
        TEST(patterns_have_bounds),
        TEST(any_bytes_are_refused_or_run),
        TEST(a_text_has_the_length_that_is_told),
        TEST(every_allocation_may_fail),
        TEST(matching_allocates_nothing_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
