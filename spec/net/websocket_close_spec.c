/* core/net/websocket: how a connection is closed, by either end. */
#include "websocket_support.h"

static void who_closes_is_echoed_and_both_know_why(void **state) {
    static const hy_close_code_t CODES[] = {HY_CLOSE_NORMAL, HY_CLOSE_GOING_AWAY, HY_CLOSE_RESTART,
                                            HY_CLOSE_REPLACED};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CODES); i++) {
        for (size_t step = 1; step < 30; step += 4) {
            hy_random_t random;
            end_t client, server;
            char echo[] = {(char)0x88, 2, (char)(CODES[i] >> 8), (char)CODES[i]};
            begin_pair(&client, &server, &random);
            client.p->ops->close(client.p, CODES[i], "good bye \xc3\xa9\xc3\xa9");
            size_t said = client.out.len;
            client.p->ops->close(client.p, CODES[i], "twice"); /* says nothing more */
            assert_int_equal(client.out.len, said);
            assert_int_equal(feed_all(&server, &client, step), HY_ECLOSED);
            assert_closed(&server, CODES[i], "good bye \xc3\xa9\xc3\xa9");
            assert_int_equal(server.out.len, sizeof echo);
            assert_memory_equal(server.out.bytes, echo, sizeof echo);
            assert_int_equal(client.p->ops->input(client.p, echo, sizeof echo), HY_ECLOSED);
            assert_int_equal(client.closes, 0); /* it knows */
            end_free(&client);
            end_free(&server);
        }
    }
}

static void a_close_without_code_or_reason_gets_the_general_ones(void **state) {
    end_t e;
    (void)state;
    begin_server(&e);
    feed_frame(&e, FIN | CLOSE, BYTES(""), 1);
    assert_out(&e, BYTES("\x88\0"));
    assert_closed(&e, HY_CLOSE_NORMAL, "closed");
    end_free(&e);
    begin_server(&e);
    feed_frame(&e, FIN | CLOSE, BYTES("\x03\xe9"), 1);
    assert_out(&e, BYTES("\x88\2\x03\xe9"));
    assert_closed(&e, HY_CLOSE_GOING_AWAY, "going away");
    end_free(&e);
    begin_server(&e);
    feed_frame(&e, FIN | CLOSE, BYTES("\x0b\xb8"), 1);
    assert_closed(&e, 3000, "closed by the other end");
    end_free(&e);
}

static void a_close_frame_that_breaks_the_rules_is_refused(void **state) {
    static const unsigned BAD[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535};
    end_t e;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        char code[] = {(char)(BAD[i] >> 8), (char)BAD[i]}, reason[60];
        begin_server(&e);
        assert_int_equal(feed_frame(&e, FIN | CLOSE, code, 2, 1), HY_ECLOSED);
        snprintf(reason, sizeof reason, "a close frame with code %u", BAD[i]);
        assert_failed(&e, HY_CLOSE_PROTOCOL, reason);
    }
    begin_server(&e);
    feed_frame(&e, FIN | CLOSE, BYTES("\x03"), 1);
    assert_failed(&e, HY_CLOSE_PROTOCOL, "a close frame of 1 byte");
    for (size_t step = 1; step < 12; step++) {
        begin_server(&e);
        feed_frame(&e, FIN | CLOSE, BYTES("\x03\xe8ok\xff"), step);
        assert_failed(&e, HY_CLOSE_BAD_TEXT, "the reason in a close frame is not UTF-8");
    }
}

static void a_long_reason_is_cut_between_characters(void **state) {
    char reason[200];
    end_t e;
    (void)state;
    for (size_t lead = 0; lead < 3; lead++) {
        memset(reason, 'a', lead);
        reason[lead] = '\0';
        while (strlen(reason) < 150)
            strcat(reason, "\xe2\x82\xac");
        size_t kept = lead + (HY_CLOSE_REASON_BYTES - lead) / 3 * 3;
        begin_server(&e);
        e.p->ops->close(e.p, HY_CLOSE_POLICY, reason);
        assert_int_equal(e.out.len, 4 + kept);
        assert_int_equal(e.out.bytes[1], 2 + kept);
        assert_memory_equal(e.out.bytes + 4, reason, kept);
        end_free(&e);
    }
    begin_server(&e);
    e.p->ops->close(e.p, HY_CLOSE_POLICY, "no \xff text");
    assert_out(&e, BYTES("\x88\2\x03\xf0"));
    end_free(&e);
    begin_server(&e);
    e.p->ops->close(e.p, HY_CLOSE_LOST, "nobody is there");
    assert_out(&e, "", 0);
    end_free(&e);
}

static void a_handler_may_close_it(void **state) {
    hy_buf_t all;
    end_t e;
    (void)state;
    hy_buf_init(&all);
    begin_server(&e);
    add_frame(&all, FIN | PING, BYTES("?"));
    add_frame(&all, FIN | TEXT, BYTES("a"));
    add_frame(&all, FIN | TEXT, BYTES("b"));
    e.closes_at_text = e.p;
    assert_int_equal(e.p->ops->input(e.p, all.bytes, all.len), HY_ECLOSED);
    assert_int_equal(e.text_count, 1);
    assert_out(&e, BYTES("\x88\x08\x03\xf0"
                         "enough"));
    assert_int_equal(e.closes, 0);
    assert_true(e.p->ops->ping(e.p));
    assert_int_equal(e.out.len, 0);
    hy_buf_deinit(&all);
    end_free(&e);
}

static void who_writes_may_close_it(void **state) {
    static const char *const FRAMES[] = {"\x88\x80\0\0\0\0", "\x81\x01\0\0\0\0",
                                         "\x89\x80\0\0\0\0"}; /* a close, a broken one, a ping */
    end_t e;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(FRAMES); i++) {
        begin_server(&e);
        e.closes_at_output = e.p;
        e.p->ops->input(e.p, FRAMES[i], 6);
        assert_true(e.out.len > 0);
        assert_int_equal(e.closes, 0); /* it knows */
        assert_int_equal(e.p->ops->input(e.p, "x", 1), HY_ECLOSED);
        end_free(&e);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(who_closes_is_echoed_and_both_know_why),
        TEST(a_close_without_code_or_reason_gets_the_general_ones),
        TEST(a_close_frame_that_breaks_the_rules_is_refused),
        TEST(a_long_reason_is_cut_between_characters),
        TEST(a_handler_may_close_it),
        TEST(who_writes_may_close_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
