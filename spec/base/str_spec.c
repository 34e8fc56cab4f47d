/* core/base/str: counted strings, hash, UTF-8. */
#include "support.h"

static void a_string_holds_any_bytes_and_one_nul_more(void **state) {
    (void)state;
    hy_str_t *s = hy_str_new("a\0b", 3), *empty = hy_str_new(NULL, 0);
    assert_int_equal(s->len, 3);
    assert_memory_equal(s->bytes, "a\0b", 4);
    assert_int_equal(empty->len, 0);
    assert_int_equal(empty->bytes[0], '\0');
    assert_false(hy_str_is(s, "a"));
    assert_true(hy_str_is(empty, ""));
    assert_false(hy_str_is(NULL, ""));
    hy_str_unref(s);
    hy_str_unref(empty);
}

static void the_last_reference_frees(void **state) {
    int64_t blocks = hy_mem_blocks();
    (void)state;
    hy_str_t *s = hy_str_from("shared");
    assert_ptr_equal(hy_str_ref(s), s);
    hy_str_unref(s);
    assert_int_equal(hy_mem_blocks(), blocks + 1);
    hy_str_unref(s);
    hy_str_unref(NULL);
    assert_int_equal(hy_mem_blocks(), blocks);
}

static void short_and_long_texts_are_formatted(void **state) {
    char text[1001];
    (void)state;
    memset(text, 'x', 1000);
    text[1000] = '\0';
    hy_str_t *s = hy_str_format("%s/%d", "a", 7), *l = hy_str_format("<%s>", text);
    hy_str_t *t = hy_str_append(s, "/tail");
    assert_string_equal(s->bytes, "a/7");
    assert_int_equal(l->len, 1002);
    assert_memory_equal(l->bytes + 1, text, 1000);
    assert_string_equal(l->bytes + 1001, ">");
    assert_string_equal(t->bytes, "a/7/tail");
    hy_str_unref(s);
    hy_str_unref(l);
    hy_str_unref(t);
}

static void what_is_too_long_is_refused(void **state) {
    (void)state;
    assert_null(hy_str_reserve((size_t)HY_STRING_BYTES_MAX + 1));
    assert_null(hy_str_reserve(SIZE_MAX));
}

static void running_out_of_memory_gives_null(void **state) {
    (void)state;
    hy_str_t *s = hy_str_from("a");
    hy_mem_fail_after(1);
    assert_null(hy_str_new("a", 1));
    assert_null(hy_str_from("a"));
    assert_null(hy_str_format("%d", 1));
    assert_null(hy_str_format("%0400d", 1));
    assert_null(hy_str_append(s, "b"));
    hy_str_unref(s);
}

static void equal_bytes_have_equal_hashes(void **state) {
    hy_random_t r;
    (void)state;
    hy_random_seed(&r, 1);
    for (int i = 0; i < 1000; i++) {
        hy_str_t *s = random_string(&r), *t = hy_str_new(s->bytes, s->len);
        assert_int_not_equal(hy_str_hash(s), 0);
        assert_int_equal(hy_str_hash(s), hy_str_hash(t));
        assert_int_equal(hy_str_hash(s), hy_hash(s->bytes, s->len));
        assert_true(hy_str_equal(s, t));
        hy_str_unref(s);
        hy_str_unref(t);
    }
    assert_int_not_equal(hy_hash("a", 1), hy_hash("b", 1));
}

static void another_seed_gives_other_hashes(void **state) {
    (void)state;
    uint32_t before = hy_hash("key", 3);
    hy_hash_seed(12345);
    assert_int_not_equal(hy_hash("key", 3), before);
    hy_hash_seed(0);
    assert_int_equal(hy_hash("key", 3), before);
}

/* What the standard says, spelled out one code point at a time. */
static size_t encode(uint32_t code, char *out) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

static void every_code_point_but_surrogates_is_valid(void **state) {
    char bytes[4];
    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        size_t len = encode(code, bytes);
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        if (hy_utf8_is_valid(bytes, len) == surrogate) fail_msg("U+%04x", code);
        if (len > 1 && hy_utf8_is_valid(bytes, len - 1)) fail_msg("cut U+%04x", code);
    }
}

static void malformed_utf8_is_found_anywhere(void **state) {
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xc3(",
        "\xe2\x82(",
        "\xe2(\xac",
        "\xf0\x9f\x98(",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xc3\xa9\xa9",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        for (size_t before = 0; before < 20; before++) {
            char text[64] = "plain ascii before i";
            memcpy(text + before, bad[i], strlen(bad[i]));
            memcpy(text + before + strlen(bad[i]), " and after it", 14);
            assert_false(hy_utf8_is_valid(text, strlen(text)));
            assert_false(hy_utf8_is_valid(text, before + strlen(bad[i])));
        }
    }
    assert_true(hy_utf8_is_valid("", 0));
    assert_true(hy_utf8_is_valid("a\0b", 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_string_holds_any_bytes_and_one_nul_more),
        TEST(the_last_reference_frees),
        TEST(short_and_long_texts_are_formatted),
        TEST(what_is_too_long_is_refused),
        TEST(running_out_of_memory_gives_null),
        TEST(equal_bytes_have_equal_hashes),
        TEST(another_seed_gives_other_hashes),
        TEST(every_code_point_but_surrogates_is_valid),
        TEST(malformed_utf8_is_found_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
