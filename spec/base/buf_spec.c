/* core/base/buf: building texts, and failing once for all. */
#include "support.h"

static void a_text_is_built_in_steps(void **state) {
    hy_buf_t b;
    (void)state;
    hy_buf_init(&b);
    hy_buf_text(&b, "id ");
    hy_buf_int(&b, INT64_MIN);
    hy_buf_char(&b, ' ');
    hy_buf_int(&b, 0);
    hy_buf_char(&b, ' ');
    hy_buf_int(&b, INT64_MAX);
    hy_buf_add(&b, "\0x", 2);
    hy_buf_add(&b, NULL, 0);
    hy_buf_format(&b, "%s-%d", "y", 5);
    hy_str_t *s = hy_buf_take(&b);
    const char text[] = "id -9223372036854775808 0 9223372036854775807\0xy-5";
    assert_int_equal(s->len, sizeof text - 1);
    assert_memory_equal(s->bytes, text, sizeof text);
    assert_null(b.bytes); /* owns nothing any more */
    hy_str_unref(s);
}

static void an_empty_buffer_gives_an_empty_string(void **state) {
    hy_buf_t b;
    (void)state;
    hy_buf_init(&b);
    hy_str_t *s = hy_buf_take(&b);
    assert_true(hy_str_is(s, ""));
    hy_str_unref(s);
    hy_buf_format(&b, "%s", "");
    s = hy_buf_take(&b);
    assert_true(hy_str_is(s, ""));
    hy_str_unref(s);
    hy_buf_deinit(&b);
}

static void any_length_fits(void **state) {
    (void)state;
    for (size_t len = 0; len < 600; len++) {
        char text[601];
        hy_buf_t b;
        memset(text, 'a' + (int)(len % 26), len);
        text[len] = '\0';
        hy_buf_init(&b);
        hy_buf_format(&b, "%s", text);
        assert_int_equal(b.len, len);
        hy_buf_format(&b, "<%s>", text);
        for (size_t i = 0; i < len; i++)
            hy_buf_char(&b, text[i]);
        hy_str_t *s = hy_buf_take(&b);
        assert_int_equal(s->len, 3 * len + 2);
        assert_memory_equal(s->bytes, text, len);
        assert_memory_equal(s->bytes + len + 1, text, len);
        assert_memory_equal(s->bytes + 2 * len + 2, text, len + 1);
        hy_str_unref(s);
    }
}

static void build_a_long_text(hy_buf_t *b) {
    for (int i = 0; i < 200; i++) {
        hy_buf_text(b, "0123456789");
        hy_buf_format(b, "%d", i);
        hy_buf_int(b, i);
        hy_buf_char(b, '.');
    }
}

static void a_failure_sticks_until_the_text_is_taken(void **state) {
    bool failed = true;
    (void)state;
    for (int64_t n = 1; failed; n++) {
        hy_buf_t b;
        hy_buf_init(&b);
        hy_mem_fail_after(n);
        build_a_long_text(&b);
        failed = b.failed;
        size_t len = b.len;
        hy_mem_fail_after(-1);
        hy_buf_char(&b, 'x');
        hy_buf_text(&b, "more");
        assert_int_equal(b.len, failed ? len : len + 5);
        hy_str_t *s = hy_buf_take(&b);
        assert_true(failed == !s);
        assert_false(b.failed);
        hy_str_unref(s);
    }
}

static void what_is_too_long_fails_without_trying(void **state) {
    hy_buf_t b;
    (void)state;
    hy_buf_init(&b);
    assert_false(hy_buf_reserve(&b, (size_t)HY_STRING_BYTES_MAX + 1));
    assert_true(b.failed);
    assert_null(hy_buf_take(&b));
    hy_buf_char(&b, 'x');
    assert_false(hy_buf_reserve(&b, SIZE_MAX));
    hy_buf_deinit(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_text_is_built_in_steps),
        TEST(an_empty_buffer_gives_an_empty_string),
        TEST(any_length_fits),
        TEST(a_failure_sticks_until_the_text_is_taken),
        TEST(what_is_too_long_fails_without_trying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
