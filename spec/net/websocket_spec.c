/* core/net/websocket: messages, broken frames and signs of life, after the handshake
 * (http_spec.c). */
#include "websocket_support.h"

/* --- messages --------------------------------------------------------------------------------- */

static void messages_come_out_however_the_bytes_are_cut(void **state) {
    char text[300];
    hy_buf_t all;
    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    hy_buf_init(&all);
    add_frame(&all, FIN | TEXT, BYTES("hello"));
    add_frame(&all, FIN | TEXT, text, sizeof text - 1);
    add_frame(&all, FIN | TEXT, BYTES(""));
    add_frame(&all, FIN | TEXT, BYTES("\xf0\x9f\x98\x80"));
    for (size_t step = 1; step <= all.len; step++) {
        end_t e;
        begin_server(&e);
        assert_int_equal(end_feed(&e, all.bytes, all.len, step), 0);
        assert_int_equal(e.text_count, 4);
        assert_text(&e, 0, "hello");
        assert_text(&e, 1, text);
        assert_text(&e, 2, "");
        assert_text(&e, 3, "\xf0\x9f\x98\x80");
        assert_int_equal(e.out.len, 0);
        end_free(&e);
    }
    hy_buf_deinit(&all);
}

static void fragments_are_one_message_with_control_frames_between(void **state) {
    hy_buf_t all;
    (void)state;
    hy_buf_init(&all);
    add_frame(&all, TEXT, BYTES("one \xe2\x82")); /* cut within a character */
    add_frame(&all, FIN | PING, BYTES("?"));
    add_frame(&all, 0, BYTES("\xac two "));
    add_frame(&all, 0, BYTES(""));
    add_frame(&all, FIN | PONG, BYTES("unasked"));
    add_frame(&all, FIN, BYTES("three"));
    add_frame(&all, FIN | TEXT, BYTES("next"));
    add_frame(&all, TEXT, BYTES(""));
    add_frame(&all, FIN, BYTES("late"));
    for (size_t step = 1; step <= all.len; step++) {
        end_t e;
        begin_server(&e);
        assert_int_equal(end_feed(&e, all.bytes, all.len, step), 0);
        assert_int_equal(e.text_count, 3);
        assert_text(&e, 0, "one \xe2\x82\xac two three");
        assert_text(&e, 1, "next");
        assert_text(&e, 2, "late");
        assert_out(&e, BYTES("\x8a\x01?"));
        end_free(&e);
    }
    hy_buf_deinit(&all);
}

static hy_msg_t *message_number(int64_t i, size_t len) {
    hy_str_t *from = hy_str_from("hyperty://d/a"), *to = hy_str_from("hyperty://d/b");
    hy_node_t *body = hy_node_new(HY_OBJECT);
    hy_str_t *value = hy_str_reserve(len);
    memset(value->bytes, 'a' + (int)(i % 26), len);
    assert_int_equal(hy_put(body, "value", hy_string(value)), 0);
    hy_msg_t *m = hy_msg_new(HY_MSG_EVENT, hy_absent(), from, to, hy_node_value(body));
    hy_str_unref(from);
    hy_str_unref(to);
    return m;
}

static void framed_messages_are_read_by_the_other_side(void **state) {
    static const size_t LENGTHS[] = {0, 20, 60, 4000, 5000, 65400, 70000, 1u << 19};
    hy_random_t random;
    end_t ends[2]; /* client, server */
    (void)state;
    begin_pair(&ends[0], &ends[1], &random);
    for (size_t i = 0; i < COUNT_OF(LENGTHS); i++) {
        for (int from = 0; from < 2; from++) {
            hy_msg_t *m = message_number((int64_t)i, LENGTHS[i]);
            hy_str_t *wire = hy_wire_of(m, ends[from].p->wire, &random, NULL);
            assert_int_equal(end_feed(&ends[1 - from], wire->bytes, wire->len, 1000 + i), 0);
            hy_str_t *heard = ends[1 - from].texts[i];
            assert_true(hy_str_equal(heard, hy_msg_text(m, NULL)));
            hy_msg_unref(m);
        }
    }
    end_free(&ends[0]);
    end_free(&ends[1]);
}

static void the_longest_message_comes_and_one_byte_more_does_not(void **state) {
    static char text[HY_MESSAGE_BYTES_MAX];
    static const char WHY[] = "a message of 1048577 bytes was announced, at most 1048576 are taken";
    hy_buf_t all;
    end_t e;
    (void)state;
    memset(text, 'm', sizeof text);
    hy_buf_init(&all);
    add_frame(&all, FIN | TEXT, text, sizeof text);
    add_frame(&all, TEXT, text, sizeof text - 1);
    add_frame(&all, FIN, "m", 1);
    for (size_t step = 4097; step < 1u << 23; step *= 16) {
        begin_server(&e);
        assert_int_equal(end_feed(&e, all.bytes, all.len, step), 0);
        assert_int_equal(e.text_count, 2);
        assert_int_equal(e.texts[0]->len, sizeof text);
        assert_memory_equal(e.texts[0]->bytes, text, sizeof text);
        assert_true(hy_str_equal(e.texts[0], e.texts[1]));
        assert_int_equal(feed_frame(&e, TEXT, text, sizeof text, step), 0);
        assert_int_equal(feed_frame(&e, FIN, "m", 1, 1), HY_ECLOSED);
        assert_failed(&e, HY_CLOSE_TOO_BIG, WHY);
    }
    hy_buf_deinit(&all);
    assert_refused(BYTES("\x81\xff\0\0\0\0\0\x10\0\1\0\0\0\0x"), HY_CLOSE_TOO_BIG, WHY);
    assert_refused(BYTES("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0x"), HY_CLOSE_TOO_BIG,
                   "a message of 9223372036854775807 bytes was announced, at most 1048576 are "
                   "taken");
}

static void at_rest_it_holds_no_more_than_its_own_block(void **state) {
    end_t e;
    (void)state;
    int64_t before = hy_mem_blocks();
    begin_server(&e);
    assert_int_equal(hy_mem_blocks(), before + 1);
    feed_frame(&e, TEXT, BYTES("begun"), 1);
    assert_int_equal(hy_mem_blocks(), before + 2);
    feed_frame(&e, FIN | PING, BYTES("x"), 1);
    feed_frame(&e, FIN, BYTES(""), 1);
    end_forget(&e);
    assert_int_equal(hy_mem_blocks(), before + 1);
    end_free(&e);
}

/* --- what is wrong ---------------------------------------------------------------------------- */

static void frames_that_break_the_rules_are_named(void **state) {
    (void)state;
    assert_refused(BYTES("\x81\x01x"), HY_CLOSE_PROTOCOL, "a frame from a client is not masked");
    assert_refused(BYTES("\xc1\x81\0\0\0\0x"), HY_CLOSE_PROTOCOL,
                   "a reserved bit is set, no extension was agreed on");
    assert_refused(BYTES("\x91\x81\0\0\0\0x"), HY_CLOSE_PROTOCOL,
                   "a reserved bit is set, no extension was agreed on");
    assert_refused(BYTES("\x82\x81\0\0\0\0x"), HY_CLOSE_UNSUPPORTED,
                   "a binary message; messages are text");
    assert_refused(BYTES("\x80\x81\0\0\0\0x"), HY_CLOSE_PROTOCOL, "a continuation of no message");
    assert_refused(BYTES("\x01\x81\0\0\0\0x\x81\x81\0\0\0\0y"), HY_CLOSE_PROTOCOL,
                   "a message begins within a fragmented one");
    assert_refused(BYTES("\x83\x81\0\0\0\0x"), HY_CLOSE_PROTOCOL, "a frame of an unknown kind");
    assert_refused(BYTES("\x8b\x81\0\0\0\0x"), HY_CLOSE_PROTOCOL, "a frame of an unknown kind");
}

static void heads_that_break_the_rules_are_refused(void **state) {
    static const char WHY[] = "the head of a frame is malformed (its length, or a long or split "
                              "control frame)";
    (void)state;
    assert_refused(BYTES("\x89\xfe\0\x7e"), HY_CLOSE_PROTOCOL, WHY);         /* a long ping */
    assert_refused(BYTES("\x09\x80\0\0\0\0"), HY_CLOSE_PROTOCOL, WHY);       /* a split one */
    assert_refused(BYTES("\x81\xfe\0\x7d\0\0\0\0"), HY_CLOSE_PROTOCOL, WHY); /* not the shortest */
    assert_refused(BYTES("\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0"), HY_CLOSE_PROTOCOL, WHY);
    assert_refused(BYTES("\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0"), HY_CLOSE_PROTOCOL, WHY);
}

static void a_client_refuses_masked_frames(void **state) {
    hy_random_t random;
    end_t client, server;
    (void)state;
    begin_pair(&client, &server, &random);
    assert_int_equal(feed_frame(&client, FIN | TEXT, BYTES("x"), 1), HY_ECLOSED);
    assert_closed(&client, HY_CLOSE_PROTOCOL, "a frame from a server is masked");
    feed_all(&server, &client, 1);
    assert_closed(&server, HY_CLOSE_PROTOCOL, "a frame from a server is masked");
    end_free(&client);
    end_free(&server);
}

static void text_that_is_not_utf8_is_refused(void **state) {
    static const char *const BAD[] = {"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\xaf", "12345678\x80"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        for (size_t step = 1; step < 20; step += 18) {
            end_t e;
            begin_server(&e);
            assert_int_equal(feed_frame(&e, FIN | TEXT, BAD[i], strlen(BAD[i]), step), HY_ECLOSED);
            assert_failed(&e, HY_CLOSE_BAD_TEXT, "a message is not UTF-8");
        }
    }
}

static void what_is_announced_is_not_allocated_before_it_comes(void **state) {
    end_t e;
    (void)state;
    begin_server(&e);
    hy_mem_fail_after(2); /* one small block */
    assert_int_equal(end_feed(&e, BYTES("\x81\xff\0\0\0\0\0\x10\0\0\0\0\0\0only this"), 1000), 0);
    hy_mem_fail_after(-1);
    end_free(&e);
}

/* --- signs of life ---------------------------------------------------------------------------- */

static void a_ping_is_answered_with_what_it_carries(void **state) {
    char longest[HY_CLOSE_REASON_BYTES + 2];
    hy_random_t random;
    end_t client, server;
    (void)state;
    begin_pair(&client, &server, &random);
    feed_frame(&server, FIN | PING, BYTES(""), 1);
    assert_out(&server, BYTES("\x8a\0"));
    memset(longest, 'l', sizeof longest);
    for (size_t step = 1; step < 200; step += 13) {
        feed_frame(&server, FIN | PING, longest, sizeof longest, step);
        assert_int_equal(server.out.len, 2 + sizeof longest);
        assert_memory_equal(server.out.bytes + 2, longest, sizeof longest);
        server.out.bytes[0] = (char)(FIN | PING); /* sent back, it is a ping */
        feed_all(&client, &server, step);
        assert_int_equal(client.out.len, 6 + sizeof longest);
        assert_int_equal((unsigned char)client.out.bytes[1], 0x80 | sizeof longest);
        hy__frame_mask(client.out.bytes + 6, sizeof longest, client.out.bytes + 2);
        assert_memory_equal(client.out.bytes + 6, longest, sizeof longest);
        hy_buf_deinit(&client.out);
    }
    end_free(&client);
    end_free(&server);
}

static void of_many_pings_the_last_is_answered_and_too_many_are_refused(void **state) {
    hy_buf_t all;
    end_t e;
    (void)state;
    hy_buf_init(&all);
    for (unsigned i = 0; i < HY_PINGS_MAX; i++)
        add_frame(&all, FIN | PING, &"ab"[i == HY_PINGS_MAX - 1], 1);
    begin_server(&e);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(end_feed(&e, all.bytes, all.len, all.len), 0);
        assert_out(&e, BYTES("\x8a\1b"));
    }
    add_frame(&all, FIN | PING, "c", 1);
    assert_int_equal(end_feed(&e, all.bytes, all.len, all.len), HY_ECLOSED);
    assert_failed(&e, HY_CLOSE_POLICY, "too many pings at once");
    hy_buf_deinit(&all);
}

static void a_sign_of_life_is_asked_for_and_missed(void **state) {
    hy_random_t random;
    end_t client, server;
    (void)state;
    begin_pair(&client, &server, &random);
    assert_true(server.p->ops->ping(server.p));
    assert_false(server.p->ops->ping(server.p));
    feed_all(&client, &server, 1); /* once only */
    feed_all(&server, &client, 1);
    assert_true(server.p->ops->ping(server.p));
    assert_out(&server, BYTES("\x89\0"));
    feed_frame(&server, FIN | TEXT, BYTES("busy"), 100); /* any byte is a sign */
    assert_true(server.p->ops->ping(server.p));
    assert_true(client.p->ops->ping(client.p));
    assert_int_equal(client.out.len, 6);
    end_free(&client);
    end_free(&server);
}

/* --- without memory --------------------------------------------------------------------------- */

static bool read_failing_at(int64_t n, size_t step) {
    hy_buf_t all;
    end_t e;
    hy_buf_init(&all);
    add_frame(&all, TEXT, BYTES("a fragment and "));
    add_frame(&all, FIN | PING, BYTES("x"));
    add_frame(&all, FIN, BYTES("another"));
    begin_server(&e);
    hy_buf_reserve(&e.out, 1000);
    hy_mem_fail_after(n);
    end_feed(&e, all.bytes, all.len, step);
    hy_mem_fail_after(-1);
    bool failed = e.text_count == 0;
    if (failed) assert_closed(&e, HY_CLOSE_INTERNAL, "out of memory for a message");
    hy_buf_deinit(&all);
    end_free(&e);
    return failed;
}

static void without_memory_it_closes_and_says_so(void **state) {
    (void)state;
    for (size_t step = 1; step < 50; step += 16) {
        int64_t n = 1;
        while (read_failing_at(n, step))
            n++;
        assert_true(n > 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(messages_come_out_however_the_bytes_are_cut),
        TEST(fragments_are_one_message_with_control_frames_between),
        TEST(framed_messages_are_read_by_the_other_side),
        TEST(the_longest_message_comes_and_one_byte_more_does_not),
        TEST(at_rest_it_holds_no_more_than_its_own_block),
        TEST(frames_that_break_the_rules_are_named),
        TEST(heads_that_break_the_rules_are_refused),
        TEST(a_client_refuses_masked_frames),
        TEST(text_that_is_not_utf8_is_refused),
        TEST(what_is_announced_is_not_allocated_before_it_comes),
        TEST(a_ping_is_answered_with_what_it_carries),
        TEST(of_many_pings_the_last_is_answered_and_too_many_are_refused),
        TEST(a_sign_of_life_is_asked_for_and_missed),
        TEST(without_memory_it_closes_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
