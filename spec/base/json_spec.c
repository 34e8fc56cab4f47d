/* core/base/json: reading and writing whole values. The scanner alone: json_scan_spec.c. */
#include "support.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int read_text(const char *text, size_t len, hy_value_t *out, hy_error_t *err) {
    /* A block of exactly that size, so that reading beyond it is seen. */
    char *exact = malloc(len ? len : 1);
    memcpy(exact, text, len);
    int rc = hy_json_read(exact, len, HY_JSON_DEPTH_MAX, out, err);
    free(exact);
    return rc;
}

static void assert_reads_as(const char *text, const char *again) {
    hy_value_t v = hy_absent();
    assert_int_equal(read_text(text, strlen(text), &v, NULL), 0);
    assert_text_of(v, again);
    hy_value_drop(v);
}

static void texts_are_read_and_written(void **state) {
    static const char *const same[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "\"\"",
        "\"a/b\"",
        "[]",
        "{}",
        "[[],{}]",
        "{\"\":\"\"}",
        "0.0",
        "-0.0",
        "1.5",
        "1e+308",
        "4.94065645841247e-324",
        "\"\x7f\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "\"\\u0000\\u0001\\u001f\\b\\f\\n\\r\\t\\\"\\\\\"",
        "{\"z\":1,\"a\":[1,2.0,\"x\"],\"m\":{\"k\":null}}",
        "\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"",
    };
    static const char *const other[][2] = {
        {" [ 1 , 2 ]\n", "[1,2]"},
        {"-0", "0"},
        {"1e2", "100.0"},
        {"1E+2", "100.0"},
        {"10e-1", "1.0"},
        {"9223372036854775808", "9.223372036854776e+18"},
        {"-9223372036854775809", "-9.223372036854776e+18"},
        {"18446744073709551616", "1.8446744073709552e+19"},
        {"-0e5", "-0.0"},
        {"0e999999999999999999999", "0.0"},
        {"1e-999999999999999999999", "0.0"},
        {"\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"", "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\"\\/\\u002F\\u0022\\u005c\"", "\"//\\\"\\\\\""},
        {"{\"\\u0061\":1}", "{\"a\":1}"},
        {"{\"a\\u0000b\":\"\\u0000\"}", "{\"a\\u0000b\":\"\\u0000\"}"},
        {"\"\\uDBFF\\uDFFF\\uD800\\uDC00\"", "\"\xf4\x8f\xbf\xbf\xf0\x90\x80\x80\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(same); i++)
        assert_reads_as(same[i], same[i]);
    for (size_t i = 0; i < COUNT_OF(other); i++)
        assert_reads_as(other[i][0], other[i][1]);
}

static void kinds_are_kept(void **state) {
    (void)state;
    hy_value_t v =
        value_of("[1,1.0,-0,-0.0,9223372036854775807,9223372036854775808,\"\",null,false]");
    static const hy_kind_t kinds[] = {HY_INT,  HY_REAL, HY_INT,  HY_REAL, HY_INT,
                                      HY_REAL, HY_STR,  HY_NULL, HY_BOOL};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        assert_int_equal(hy_node_at(v.as.n, i).kind, kinds[i]);
    }
    assert_true(signbit(hy_node_at(v.as.n, 3).as.r));
    hy_value_drop(v);
}

static void a_key_given_twice_is_refused(void **state) {
    static const char *const twice[] = {
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"b\":2,\"\\u0061\":3}",
        "{\"x\":{\"\":1,\"\":2}}",
        "[{\"a\":{\"a\":{\"a\":1},\"b\":1,\"a\":2}}]",
        "{\"a\\u0000\":1,\"a\\u0000\":2}",
    };
    hy_value_t v = hy_int(7);
    hy_error_t err;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(twice); i++) {
        assert_int_equal(read_text(twice[i], strlen(twice[i]), &v, &err), HY_EINVALID);
        assert_non_null(strstr(err.text, "key given twice"));
    }
    read_text(twice[0], strlen(twice[0]), &v, &err);
    assert_string_equal(err.text, "malformed JSON at byte 8: key given twice");
    assert_int_equal(v.as.i, 7);
    assert_reads_as("[{\"a\":1},{\"a\":{\"a\":2}}]", "[{\"a\":1},{\"a\":{\"a\":2}}]");
}

/* Among many keys, whatever table they share. */
static void any_key_given_twice_is_refused(void **state) {
    (void)state;
    for (int twice = 0; twice < 150; twice++) {
        hy_buf_t b;
        hy_value_t v;
        hy_buf_init(&b);
        for (int i = 0; i < 150; i++)
            hy_buf_format(&b, "%s\"k%d\":%d", i ? "," : "{", i, i);
        hy_buf_char(&b, '}');
        assert_int_equal(hy_json_read(b.bytes, b.len, 1, &v, NULL), 0);
        assert_int_equal(hy_node_count(v.as.n), 150);
        hy_value_drop(v);
        b.len--;
        hy_buf_format(&b, ",\"k%d\":0}", twice);
        assert_int_equal(hy_json_read(b.bytes, b.len, 1, &v, NULL), HY_EINVALID);
        hy_buf_deinit(&b);
    }
}

static void keys_are_shared_within_a_text(void **state) {
    (void)state;
    hy_value_t v = value_of("[{\"name\":1},{\"name\":2}]");
    uint32_t pos = 0;
    hy_str_t *first, *second;
    hy_node_next(hy_node_at(v.as.n, 0).as.n, &pos, &first, NULL);
    pos = 0;
    hy_node_next(hy_node_at(v.as.n, 1).as.n, &pos, &second, NULL);
    assert_ptr_equal(first, second);
    hy_value_drop(v);
}

static void long_keys_are_refused(void **state) {
    (void)state;
    for (unsigned len = HY_KEY_BYTES_MAX - 1; len <= HY_KEY_BYTES_MAX + 1; len++) {
        hy_value_t v = hy_null();
        hy_error_t err;
        hy_str_t *text = hy_str_format("{\"\\u0061%0*d\":1}", (int)len - 1, 0);
        int rc = hy_json_read(text->bytes, text->len, 1, &v, &err);
        assert_int_equal(rc, len > HY_KEY_BYTES_MAX ? HY_ETOO_LARGE : 0);
        if (rc) assert_string_equal(err.text, "JSON key at byte 2 has 1025 bytes, more than 1024");
        hy_value_drop(v);
        hy_str_unref(text);
    }
}

static void no_part_of_a_text_is_a_text(void **state) {
    static const char text[] =
        "{\"a\":[1,-2.5e-3,true,false,null,\"x\\u00e9\\n\xc3\xa9\",{}],\"b\":{\"\":"
        "\"\\ud83d\\ude00\"},\"long key of more than eight\":[[]]}";
    hy_value_t v;
    (void)state;
    for (size_t len = 0; len < sizeof text - 1; len++) {
        assert_int_equal(read_text(text, len, &v, NULL), HY_EINVALID);
    }
    assert_int_equal(read_text(text, sizeof text - 1, &v, NULL), 0);
    hy_value_drop(v);
}

static void numbers_at_the_very_end_are_read(void **state) {
    char text[1200];
    hy_value_t v;
    (void)state;
    assert_reads_as("0.1234567890123456789", "0.12345678901234568");
    assert_reads_as("1.7976931348623157e308", "1.7976931348623157e+308");
    memset(text, '9', sizeof text);
    assert_int_equal(read_text(text, sizeof text, &v, NULL), HY_EINVALID); /* out of range */
    assert_int_equal(read_text(text, 308, &v, NULL), 0);
    assert_true(v.as.r == 1e308);
    memcpy(text, "0.", 2);
    assert_int_equal(read_text(text, sizeof text, &v, NULL), 0);
    assert_true(v.as.r == 1.0);
    hy_mem_fail_after(1);
    int rc = read_text(text, sizeof text, &v, NULL);
    hy_mem_fail_after(-1);
    assert_int_equal(rc, HY_ENOMEM);
}

static void doubles_round_trip_with_the_fewest_digits(void **state) {
    hy_random_t r;
    (void)state;
    hy_random_seed(&r, 4);
    for (int i = 0; i < 100000; i++) {
        double real = random_real(&r);
        char expected[40];
        hy_buf_t b;
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(expected, sizeof expected, "%.*g", digits, real);
            if (strtod(expected, NULL) == real) break;
        }
        if (!strpbrk(expected, ".e")) strcat(expected, ".0");
        hy_buf_init(&b);
        hy_json_write(&b, hy_real(real));
        hy_buf_char(&b, '\0');
        if (strcmp(b.bytes, expected) != 0) fail_msg("%s, expected %s", b.bytes, expected);
        hy_value_t v;
        assert_int_equal(hy_json_read(b.bytes, b.len - 1, 0, &v, NULL), 0);
        assert_true(hy_value_equal(v, hy_real(real)));
        hy_buf_deinit(&b);
    }
    hy_value_t v = hy_real(NAN);
    assert_text_of(v, "null");
    assert_text_of(hy_absent(), "null");
}

static void decimal_texts_are_read_to_the_nearest_double(void **state) {
    hy_random_t r;
    (void)state;
    hy_random_seed(&r, 5);
    for (int i = 0; i < 100000; i++) {
        char text[64];
        hy_value_t v;
        snprintf(text, sizeof text, "%lld.%0*llue%d", (long long)random_int(&r) / 1000,
                 (int)hy_random_below(&r, 12) + 1, (unsigned long long)hy_random_below(&r, 100000),
                 (int)hy_random_below(&r, 80) - 40);
        assert_int_equal(hy_json_read(text, strlen(text), 0, &v, NULL), 0);
        if (v.as.r != strtod(text, NULL)) fail_msg("%s", text);
    }
}

static void a_locale_with_commas_changes_nothing(void **state) {
    (void)state;
    const char *names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "pt_BR.UTF-8"};
    bool found = false;
    for (size_t i = 0; i < COUNT_OF(names) && !found; i++)
        found = setlocale(LC_ALL, names[i]) != 0;
    if (!found) skip();
    assert_reads_as("[1.5,0.30000000000000004,1e300]", "[1.5,0.30000000000000004,1e+300]");
    setlocale(LC_ALL, "C");
}

static void random_values_come_back_the_same(void **state) {
    hy_random_t r;
    (void)state;
    hy_random_seed(&r, 6);
    for (int i = 0; i < 5000; i++) {
        hy_value_t v = random_value(&r, 5), again = hy_absent();
        hy_buf_t b;
        hy_buf_init(&b);
        hy_json_write(&b, v);
        assert_false(b.failed);
        assert_int_equal(read_text(b.bytes, b.len, &again, NULL), 0);
        assert_true(hy_value_equal(v, again));
        hy_value_drop(v);
        hy_value_drop(again);
        hy_buf_deinit(&b);
    }
}

static const char rich[] =
    "{\"list\":[1,2.5,0.30000000000000004,1e300,true,null,\"text\",\"esc\\n\"],"
    "\"a\":{\"b\":{\"c\":[[],{}]}},\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,"
    "\"i\":1,\"j\":1,\"k\\u0041\":{\"d\":1,\"e\":2},\"l\":{\"d\":1,\"e\":2}}";

static void reading_that_fails_leaves_nothing(void **state) {
    int rc = HY_ENOMEM;
    (void)state;
    for (int64_t n = 1; rc; n++) {
        int64_t blocks = hy_mem_blocks();
        hy_value_t v = hy_int(7);
        hy_error_t err = {.code = 0};
        hy_mem_fail_after(n);
        rc = hy_json_read(rich, sizeof rich - 1, 8, &v, &err);
        hy_mem_fail_after(-1);
        if (rc) {
            assert_int_equal(rc, HY_ENOMEM);
            assert_int_equal(err.code, HY_ENOMEM);
            assert_non_null(strstr(err.text, "out of memory"));
            assert_int_equal(v.as.i, 7);
            assert_int_equal(hy_mem_blocks(), blocks);
        }
        if (rc == 0) hy_value_drop(v);
    }
}

static void writing_that_fails_marks_the_buffer(void **state) {
    bool failed = true;
    (void)state;
    hy_value_t v = value_of(rich);
    for (int64_t n = 1; failed; n++) {
        hy_buf_t b;
        hy_buf_init(&b);
        hy_mem_fail_after(n);
        hy_json_write(&b, v);
        hy_mem_fail_after(-1);
        failed = b.failed;
        hy_str_t *text = hy_buf_take(&b);
        assert_true(failed == !text);
        hy_str_unref(text);
    }
    hy_value_drop(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(texts_are_read_and_written),
        TEST(kinds_are_kept),
        TEST(a_key_given_twice_is_refused),
        TEST(any_key_given_twice_is_refused),
        TEST(keys_are_shared_within_a_text),
        TEST(long_keys_are_refused),
        TEST(no_part_of_a_text_is_a_text),
        TEST(numbers_at_the_very_end_are_read),
        TEST(doubles_round_trip_with_the_fewest_digits),
        TEST(decimal_texts_are_read_to_the_nearest_double),
        TEST(a_locale_with_commas_changes_nothing),
        TEST(random_values_come_back_the_same),
        TEST(reading_that_fails_leaves_nothing),
        TEST(writing_that_fails_marks_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
