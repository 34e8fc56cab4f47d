/* core/base/json, the scanner: tokens, skipping, what is refused and where. */
#include "support.h"

#include <stdio.h>

static hy_json_scan_t scan_of(const char *text) {
    hy_json_scan_t s;
    hy_json_scan_init(&s, text, strlen(text), HY_JSON_DEPTH_MAX);
    return s;
}

static void assert_token(hy_json_scan_t *s, hy_json_kind_t kind, const char *span) {
    hy_json_token_t token;
    assert_int_equal(hy_json_scan_next(s, &token, NULL), 0);
    assert_int_equal(token.kind, kind);
    assert_int_equal(token.len, strlen(span));
    assert_memory_equal(s->text + token.at, span, token.len);
}

static void a_text_comes_in_tokens(void **state) {
    (void)state;
    hy_json_scan_t s = scan_of(" {\"a\" : [1 ,-2.5e3, \"x\\n\"],\n\t\"\":{}, \"b\":true} \r");
    assert_token(&s, HY_JSON_OBJECT, "{");
    assert_token(&s, HY_JSON_KEY, "a");
    assert_token(&s, HY_JSON_ARRAY, "[");
    assert_token(&s, HY_JSON_INT, "1");
    assert_token(&s, HY_JSON_REAL, "-2.5e3");
    assert_token(&s, HY_JSON_STR, "x\\n");
    assert_token(&s, HY_JSON_ARRAY_END, "]");
    assert_token(&s, HY_JSON_KEY, "");
    assert_token(&s, HY_JSON_OBJECT, "{");
    assert_token(&s, HY_JSON_OBJECT_END, "}");
    assert_token(&s, HY_JSON_KEY, "b");
    assert_token(&s, HY_JSON_TRUE, "true");
    assert_token(&s, HY_JSON_OBJECT_END, "}");
    assert_token(&s, HY_JSON_END, "");
    assert_token(&s, HY_JSON_END, "");
}

static void tokens_are_turned_into_what_they_stand_for(void **state) {
    (void)state;
    hy_json_scan_t s = scan_of("[-7, 0.25, \"plain\", \"\\ud83d\\ude00\\u0000\\/\", null, false]");
    hy_json_token_t token;
    double real = 0;
    hy_json_scan_next(&s, &token, NULL);
    hy_json_scan_next(&s, &token, NULL);
    assert_int_equal(token.i, -7);
    hy_json_scan_next(&s, &token, NULL);
    assert_int_equal(hy_json_token_real(&s, &token, &real), 0);
    assert_true(real == 0.25);
    hy_json_scan_next(&s, &token, NULL);
    assert_false(token.escaped);
    hy_str_t *str = hy_json_token_str(&s, &token);
    assert_true(hy_str_is(str, "plain"));
    hy_str_unref(str);
    hy_json_scan_next(&s, &token, NULL);
    assert_true(token.escaped);
    str = hy_json_token_str(&s, &token);
    assert_int_equal(str->len, 6);
    assert_memory_equal(str->bytes, "\xf0\x9f\x98\x80\0/", 7);
    hy_str_unref(str);
    hy_mem_fail_after(1);
    assert_null(hy_json_token_str(&s, &token));
    hy_mem_fail_after(-1);
    assert_token(&s, HY_JSON_NULL, "null");
    assert_token(&s, HY_JSON_FALSE, "false");
}

static void a_value_is_skipped_whole(void **state) {
    static const char *const values[] = {
        "{\"x\":[1,{\"y\":\"]}\"},[[]]],\"z\":{}}",
        "[]",
        "\"a \\\" b\"",
        "12",
        "-1.5e7",
        "null",
        "{}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        char text[128];
        hy_json_token_t token;
        snprintf(text, sizeof text, "{\"k\": %s ,\"next\":1}", values[i]);
        hy_json_scan_t s = scan_of(text);
        assert_token(&s, HY_JSON_OBJECT, "{");
        assert_token(&s, HY_JSON_KEY, "k");
        assert_int_equal(hy_json_scan_next(&s, &token, NULL), 0);
        hy_json_kind_t kind = token.kind;
        assert_int_equal(hy_json_scan_skip(&s, &token, &token, NULL), 0);
        assert_int_equal(token.kind, kind);
        assert_int_equal(token.len, strlen(values[i]));
        assert_memory_equal(text + token.at, values[i], token.len);
        assert_token(&s, HY_JSON_KEY, "next");
    }
}

static void what_is_skipped_is_checked_too(void **state) {
    hy_json_token_t token, span = {.len = 77};
    hy_error_t err;
    (void)state;
    hy_json_scan_t s = scan_of("[[1,{\"a\":tru}]]");
    assert_token(&s, HY_JSON_ARRAY, "[");
    assert_int_equal(hy_json_scan_next(&s, &token, NULL), 0);
    assert_int_equal(hy_json_scan_skip(&s, &token, &span, &err), HY_EINVALID);
    assert_string_equal(err.text, "malformed JSON at byte 9: expected a value");
    assert_int_equal(span.len, 77);
}

static void what_is_refused_is_named_with_its_place(void **state) {
    static const struct {
        const char *text, *why;
    } known[] = {
        {"", "0: expected a value"},
        {"   ", "3: expected a value"},
        {"nul", "0: expected a value"},
        {"nulL", "0: expected a value"},
        {"True", "0: expected a value"},
        {"\xef\xbb\xbf{}", "0: expected a value"},
        {"'a'", "0: expected a value"},
        {"NaN", "0: expected a value"},
        {"+1", "0: expected a value"},
        {".5", "0: expected a value"},
        {"-", "1: expected a digit"},
        {"-a", "1: expected a digit"},
        {"01", "0: number begins with a zero"},
        {"-00", "0: number begins with a zero"},
        {"[1.]", "3: expected a digit after the point"},
        {"1.e5", "2: expected a digit after the point"},
        {"1e", "2: expected a digit in the exponent"},
        {"1e+", "3: expected a digit in the exponent"},
        {"[1e400]", "1: number is out of range"},
        {"-1e400", "0: number is out of range"},
        {"1.8e308", "0: number is out of range"},
        {"[17976931348623159e292]", "1: number is out of range"},
        {"0x10", "1: expected nothing after the value"},
        {"1 2", "2: expected nothing after the value"},
        {"{}}", "2: expected nothing after the value"},
        {"[", "1: expected a value"},
        {"[1", "2: expected , or ]"},
        {"[1}", "2: expected , or ]"},
        {"[1,", "3: expected a value"},
        {"[1,]", "3: expected a value"},
        {"[,1]", "1: expected a value"},
        {"]", "0: expected a value"},
        {"{", "1: expected a key"},
        {"{1:2}", "1: expected a key"},
        {"{\"a\"", "4: expected a colon"},
        {"{\"a\" 1}", "5: expected a colon"},
        {"{\"a\":", "5: expected a value"},
        {"{\"a\":}", "5: expected a value"},
        {"{\"a\":1", "6: expected , or }"},
        {"{\"a\":1]", "6: expected , or }"},
        {"{\"a\":1,}", "7: expected a key"},
        {"{\"a\":1 /* c */}", "7: expected , or }"},
        {"\"abc", "4: the string is not closed"},
        {"\"abc\\\"", "6: the string is not closed"},
        {"\"a\nb\"", "2: control character in a string"},
        {"\"0123456789\x1f\"", "11: control character in a string"},
        {"\"\\x\"", "1: bad escape"},
        {"\"\\", "1: bad escape"},
        {"\"\\u12\"", "1: bad escape"},
        {"\"\\u12g4\"", "1: bad escape"},
        {"\"\\ud800\"", "1: surrogate without its other half"},
        {"\"\\udc00\"", "1: surrogate without its other half"},
        {"\"\\ud800\\u0041\"", "1: surrogate without its other half"},
        {"\"\\ud800\\ud800\"", "1: surrogate without its other half"},
        {"\"\\ud800xxxxxx\"", "1: surrogate without its other half"},
        {"\"a\x80\"", "2: bad UTF-8 in a string"},
        {"\"\xc0\x80\"", "1: bad UTF-8 in a string"},
        {"\"\xed\xa0\x80\"", "1: bad UTF-8 in a string"},
        {"\"01234567\xf4\x90\x80\x80\"", "9: bad UTF-8 in a string"},
        {"\"\xe2\x82\"", "1: bad UTF-8 in a string"},
        {"{\"\xff\":1}", "2: bad UTF-8 in a string"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        char expected[128];
        hy_error_t err;
        hy_json_token_t token = {.kind = HY_JSON_KEY};
        hy_json_scan_t s = scan_of(known[i].text);
        int rc;
        snprintf(expected, sizeof expected, "malformed JSON at byte %s", known[i].why);
        while ((rc = hy_json_scan_next(&s, &token, &err)) == 0) {
            assert_int_not_equal(token.kind, HY_JSON_END);
        }
        assert_int_equal(rc, HY_EINVALID);
        assert_string_equal(err.text, expected);
        hy_json_token_t before = token;
        assert_int_equal(hy_json_scan_next(&s, &token, &err), HY_EINVALID); /* and again */
        assert_string_equal(err.text, expected);
        assert_memory_equal(&token, &before, sizeof token);
    }
}

static void a_nul_byte_is_no_end(void **state) {
    static const char text[] = "[1,\0]", tail[] = "1\0", inside[] = "\"a\0b\"";
    hy_json_token_t token;
    (void)state;
    hy_json_scan_t s;
    hy_json_scan_init(&s, text, sizeof text - 1, 8);
    assert_int_equal(hy_json_scan_next(&s, &token, NULL), 0);
    assert_int_equal(hy_json_scan_next(&s, &token, NULL), 0);
    assert_int_equal(hy_json_scan_next(&s, &token, NULL), HY_EINVALID);
    hy_json_scan_init(&s, tail, sizeof tail - 1, 8);
    assert_int_equal(hy_json_scan_next(&s, &token, NULL), 0);
    assert_int_equal(hy_json_scan_next(&s, &token, NULL), HY_EINVALID);
    hy_json_scan_init(&s, inside, sizeof inside - 1, 8);
    assert_int_equal(hy_json_scan_next(&s, &token, NULL), HY_EINVALID);
}

/* The deepest text of that many levels; arrays and objects by turns. */
static hy_str_t *nested(unsigned levels) {
    hy_buf_t b;
    hy_buf_init(&b);
    for (unsigned i = 0; i < levels; i++)
        hy_buf_text(&b, i % 3 ? "{\"k\":" : "[");
    hy_buf_char(&b, '1');
    for (unsigned i = levels; i-- > 0;)
        hy_buf_char(&b, i % 3 ? '}' : ']');
    return hy_buf_take(&b);
}

static void nesting_is_bounded(void **state) {
    static const unsigned bounds[] = {0, 1, 2, 7, 8, 9, HY_JSON_DEPTH_MAX - 1, HY_JSON_DEPTH_MAX};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        for (unsigned levels = bounds[i]; levels <= bounds[i] + 1; levels++) {
            hy_str_t *text = nested(levels);
            hy_value_t v = hy_null();
            hy_error_t err;
            int rc = hy_json_read(text->bytes, text->len, bounds[i], &v, &err);
            assert_int_equal(rc, levels > bounds[i] ? HY_ETOO_LARGE : 0);
            if (rc == 0) assert_int_equal(hy_value_depth(v), levels);
            hy_value_drop(v);
            hy_str_unref(text);
        }
    }
    hy_str_t *text = nested(HY_JSON_DEPTH_MAX + 1);
    hy_value_t v;
    hy_error_t err;
    assert_int_equal(hy_json_read(text->bytes, text->len, 100000, &v, &err), HY_ETOO_LARGE);
    assert_non_null(strstr(err.text, "nested deeper than 128 levels"));
    hy_str_unref(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_text_comes_in_tokens),
        TEST(tokens_are_turned_into_what_they_stand_for),
        TEST(a_value_is_skipped_whole),
        TEST(what_is_skipped_is_checked_too),
        TEST(what_is_refused_is_named_with_its_place),
        TEST(a_nul_byte_is_no_end),
        TEST(nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
