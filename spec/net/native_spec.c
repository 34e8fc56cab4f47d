/* core/net/native: each message is a 4-byte length and its text. */
#include "protocol_support.h"

static void begin_end(end_t *e) {
    *e = (end_t){.p = hy_native_new(&END_EVENTS, e)};
    assert_non_null(e->p);
    e->p->ops->start(e->p);
}

static void add_frame(hy_buf_t *b, const char *text, size_t len) {
    char head[] = {(char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len};
    hy_buf_add(b, head, sizeof head);
    hy_buf_add(b, text, len);
}

static void it_is_open_when_it_starts_and_has_no_words_of_its_own(void **state) {
    end_t e;
    (void)state;
    begin_end(&e);
    assert_int_equal(e.p->wire, HY_WIRE_NATIVE);
    assert_string_equal(e.p->ops->name, "native");
    assert_int_equal(e.opens, 1);
    assert_true(e.p->ops->ping(e.p));
    assert_true(e.p->ops->ping(e.p));
    e.p->ops->close(e.p, HY_CLOSE_GOING_AWAY, "bye");
    assert_int_equal(e.p->ops->input(e.p, "\0\0\0\1x", 5), HY_ECLOSED);
    assert_int_equal(e.text_count, 0);
    assert_int_equal(e.closes, 0);
    assert_int_equal(e.out.len, 0);
    end_free(&e);
}

static void messages_come_out_however_the_bytes_are_cut(void **state) {
    char text[300];
    hy_buf_t all;
    (void)state;
    hy_buf_init(&all);
    memset(text, 'x', sizeof text);
    add_frame(&all, "first", 5);
    add_frame(&all, text, sizeof text);
    add_frame(&all, "y", 1);
    add_frame(&all, "the last", 8);
    for (size_t step = 1; step <= all.len; step++) {
        end_t e;
        begin_end(&e);
        assert_int_equal(end_feed(&e, all.bytes, all.len, step), 0);
        assert_int_equal(e.text_count, 4);
        assert_text(&e, 0, "first");
        assert_int_equal(e.texts[1]->len, sizeof text);
        assert_memory_equal(e.texts[1]->bytes, text, sizeof text);
        assert_text(&e, 2, "y");
        assert_text(&e, 3, "the last");
        end_free(&e);
    }
    hy_buf_deinit(&all);
}

static void between_messages_nothing_is_held(void **state) {
    end_t e;
    (void)state;
    begin_end(&e);
    int64_t at_rest = hy_mem_blocks();
    end_feed(&e, "\0\0\0\5he", 6, 6);
    assert_int_equal(hy_mem_blocks(), at_rest + 1);
    end_feed(&e, "llo\0\0", 5, 5);
    assert_int_equal(hy_mem_blocks(), at_rest + 1); /* the text, which is kept here */
    assert_text(&e, 0, "hello");
    end_free(&e);
}

static void the_longest_message_comes_and_one_byte_more_does_not(void **state) {
    static char text[HY_MESSAGE_BYTES_MAX];
    static const size_t STEPS[] = {1u << 21, 65536, 4095};
    hy_buf_t all;
    (void)state;
    memset(text, 'm', sizeof text);
    hy_buf_init(&all);
    add_frame(&all, text, sizeof text);
    hy_buf_add(&all, "\0\x10\0\1", 4);
    for (size_t i = 0; i < COUNT_OF(STEPS); i++) {
        end_t e;
        begin_end(&e);
        assert_int_equal(end_feed(&e, all.bytes, all.len, STEPS[i]), HY_ECLOSED);
        assert_int_equal(e.text_count, 1);
        assert_int_equal(e.texts[0]->len, sizeof text);
        assert_memory_equal(e.texts[0]->bytes, text, sizeof text);
        assert_closed(&e, HY_CLOSE_TOO_BIG,
                      "a message of 1048577 bytes was announced, at most 1048576 are taken");
        assert_int_equal(e.p->ops->input(e.p, "x", 1), HY_ECLOSED);
        end_free(&e);
    }
    hy_buf_deinit(&all);
}

static void a_length_of_zero_or_of_gibibytes_is_refused(void **state) {
    (void)state;
    for (size_t step = 1; step <= 5; step++) {
        end_t e;
        begin_end(&e);
        end_feed(&e, "\0\0\0\0x", 5, step);
        assert_closed(&e, HY_CLOSE_PROTOCOL, "a message of 0 bytes was announced");
        end_free(&e);
        begin_end(&e);
        end_feed(&e, "\xff\xff\xff\xffx", 5, step);
        assert_closed(&e, HY_CLOSE_TOO_BIG,
                      "a message of 4294967295 bytes was announced, at most 1048576 are taken");
        end_free(&e);
    }
}

static void the_answer_of_a_websocket_port_is_told_with_the_schemes_that_reach_it(void **state) {
    (void)state;
    for (size_t step = 1; step <= 9; step++) {
        end_t e;
        begin_end(&e);
        end_feed(&e, "HTTP/1.1 400", 12, step);
        assert_closed(&e, HY_CLOSE_PROTOCOL,
                      "HTTP is spoken there: write ws:// instead of tcp://, or wss:// instead of "
                      "tls://");
        end_free(&e);
    }
}

static void what_is_announced_is_not_allocated_before_it_comes(void **state) {
    end_t e;
    (void)state;
    begin_end(&e);
    hy_mem_fail_after(2); /* one small block */
    assert_int_equal(end_feed(&e, "\0\x10\0\0only this", 13, 13), 0);
    hy_mem_fail_after(-1);
    end_free(&e);
}

static void a_handler_may_close_it(void **state) {
    end_t e;
    (void)state;
    begin_end(&e);
    e.closes_at_text = e.p;
    assert_int_equal(e.p->ops->input(e.p, "\0\0\0\1a\0\0\0\1b", 10), HY_ECLOSED);
    assert_int_equal(e.text_count, 1);
    assert_int_equal(e.closes, 0);
    end_free(&e);
}

static void without_memory_it_closes_and_says_so(void **state) {
    static const char FRAME[] = "\0\0\0\5hello";
    (void)state;
    for (size_t step = 1; step < sizeof FRAME; step += sizeof FRAME - 2) {
        bool failed = true;
        for (int64_t n = 1; failed; n++) {
            end_t e = {.p = NULL};
            hy_mem_fail_after(n);
            e.p = hy_native_new(&END_EVENTS, &e);
            if (e.p) {
                e.p->ops->start(e.p);
                end_feed(&e, FRAME, sizeof FRAME - 1, step);
            }
            hy_mem_fail_after(-1);
            failed = e.text_count == 0;
            assert_int_equal(failed, n < 3);
            if (e.p && failed)
                assert_closed(&e, HY_CLOSE_INTERNAL, "out of memory for a message of 5 bytes");
            end_free(&e);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(it_is_open_when_it_starts_and_has_no_words_of_its_own),
        TEST(messages_come_out_however_the_bytes_are_cut),
        TEST(between_messages_nothing_is_held),
        TEST(the_longest_message_comes_and_one_byte_more_does_not),
        TEST(a_length_of_zero_or_of_gibibytes_is_refused),
        TEST(the_answer_of_a_websocket_port_is_told_with_the_schemes_that_reach_it),
        TEST(what_is_announced_is_not_allocated_before_it_comes),
        TEST(a_handler_may_close_it),
        TEST(without_memory_it_closes_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
