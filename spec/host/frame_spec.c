/* Frames between a prompt and its host, and texts made clean for them: whatever the other side or a
 * script sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "host/clean.h"
#include "host/frame.h"

static hy_value_t object_of(const char *text) {
    hy_node_t *n = hy_node_new(HY_OBJECT);
    assert_int_equal(hy_put(n, "text", hy_text(text)), 0);
    return hy_node_value(n);
}

static int take_text(hy_buf_t *b, const char *expected) {
    hy_value_t frame = hy_absent();
    int rc = hy_frame_take(b, &frame, NULL);
    if (rc == 1) assert_true(hy_str_is(hy_get_str(frame.as.n, "text"), expected));
    hy_value_drop(frame);
    return rc;
}

static void frames_come_out_as_they_went_in(void **state) {
    (void)state;
    hy_buf_t b;
    hy_buf_init(&b);
    assert_int_equal(hy_frame_append(&b, object_of("one")), 0);
    assert_int_equal(hy_frame_append(&b, object_of("")), 0);
    assert_memory_equal(b.bytes, "\0\0\0\x0e{\"text\":\"one\"}", 18);
    assert_int_equal(take_text(&b, "one"), 1);
    assert_int_equal(take_text(&b, ""), 1);
    assert_int_equal(take_text(&b, ""), 0);
    hy_buf_deinit(&b);
}

static void a_frame_is_waited_for_byte_by_byte(void **state) {
    (void)state;
    hy_buf_t whole, b;
    hy_buf_init(&whole);
    hy_buf_init(&b);
    assert_int_equal(hy_frame_append(&whole, object_of("x")), 0);
    for (size_t i = 0; i < whole.len; i++) {
        assert_int_equal(take_text(&b, "x"), 0);
        hy_buf_add(&b, whole.bytes + i, 1);
    }
    assert_int_equal(take_text(&b, "x"), 1);
    hy_buf_deinit(&whole);
    hy_buf_deinit(&b);
}

static void refuses(const char *bytes, size_t len, int code) {
    hy_buf_t b;
    hy_error_t err = {0};
    hy_value_t frame = hy_absent();
    hy_buf_init(&b);
    hy_buf_add(&b, bytes, len);
    assert_int_equal(hy_frame_take(&b, &frame, &err), code);
    assert_int_equal(err.code, code);
    assert_int_equal(frame.kind, HY_ABSENT);
    hy_buf_deinit(&b);
}

static void what_is_no_frame_is_refused(void **state) {
    (void)state;
    refuses("\xff\xff\xff\xff", 4, HY_ETOO_LARGE);
    refuses("\0\0\0\0", 4, HY_EINVALID);
    refuses("\0\0\0\2[]", 6, HY_EINVALID);
    refuses("\0\0\0\2{x", 6, HY_EINVALID);
    refuses("\0\0\0\4{\"\xff", 8, HY_EINVALID);
}

static void what_is_too_large_is_not_appended(void **state) {
    (void)state;
    hy_buf_t b;
    hy_buf_init(&b);
    assert_int_equal(hy_frame_append(&b, object_of("before")), 0);
    size_t before = b.len;
    hy_str_t *large = hy_str_reserve(HY_PROMPT_FRAME_BYTES_MAX);
    memset(large->bytes, 'x', large->len);
    hy_node_t *n = hy_node_new(HY_OBJECT);
    assert_int_equal(hy_put(n, "text", hy_string(large)), 0);
    assert_int_equal(hy_frame_append(&b, hy_node_value(n)), HY_ETOO_LARGE);
    assert_int_equal(b.len, before);
    assert_int_equal(hy_frame_append(&b, hy_absent()), HY_ENOMEM);
    assert_int_equal(take_text(&b, "before"), 1);
    hy_buf_deinit(&b);
}

static void cleans(const char *text, size_t len, bool with_escapes, const char *expected) {
    hy_str_t *clean = hy_text_clean(text, len, with_escapes);
    assert_non_null(clean);
    assert_string_equal(clean->bytes, expected);
    hy_str_unref(clean);
}

static void texts_are_made_clean(void **state) {
    (void)state;
    cleans("a\tb\n\xc3\xa9\xe2\x80\xa6", 9, false, "a\tb\n\xc3\xa9\xe2\x80\xa6");
    cleans("\x1b[2J\r\b\x7f", 7, false, "\\x1b[2J\\x0d\\x08\\x7f");
    cleans("\x1b[0m\r", 5, true, "\x1b[0m\\x0d");
    cleans("a\0b", 3, false, "a\\x00b");
    cleans("\xff\xc3", 2, false, "\\xff\\xc3");
    cleans("\xc2\x9b", 2, false, "\\xc2\\x9b");
    cleans("", 0, false, "");
}

static void a_long_text_is_cut_and_says_so(void **state) {
    (void)state;
    size_t len = 2 * HY_PROMPT_TEXT_BYTES_MAX;
    char *text = malloc(len);
    memset(text, 'x', len);
    hy_str_t *clean = hy_text_clean(text, len, false);
    assert_true(clean->len <= HY_PROMPT_TEXT_BYTES_MAX);
    assert_non_null(strstr(clean->bytes, "bytes more)"));
    hy_str_unref(clean);
    free(text);
}

static int count_blocks(void **state) {
    *state = (void *)(intptr_t)hy_mem_blocks();
    return 0;
}

static int check_blocks(void **state) {
    assert_int_equal(hy_mem_blocks(), (intptr_t)*state);
    return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, count_blocks, check_blocks)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(frames_come_out_as_they_went_in),
        TEST(a_frame_is_waited_for_byte_by_byte),
        TEST(what_is_no_frame_is_refused),
        TEST(what_is_too_large_is_not_appended),
        TEST(texts_are_made_clean),
        TEST(a_long_text_is_cut_and_says_so),
    };
    return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
