/* core/net/wire: the framed form of a message, made once. */
#include "protocol_support.h"

#include "net/wire.h"

static hy_msg_t *message_of(const char *value) {
    hy_str_t *from = hy_str_from("hyperty://d/a"), *to = hy_str_from("hyperty://d/b");
    hy_node_t *body = hy_node_new(HY_OBJECT);
    assert_int_equal(hy_put(body, "value", hy_text(value)), 0);
    hy_msg_t *m = hy_msg_new(HY_MSG_EVENT, hy_absent(), from, to, hy_node_value(body));
    hy_str_unref(from);
    hy_str_unref(to);
    return m;
}

static hy_msg_t *message_of_bytes(size_t len) {
    char *value = test_malloc(len);
    hy_msg_t *shortest = message_of("");
    size_t overhead = hy_msg_text(shortest, NULL)->len;
    hy_msg_unref(shortest);
    memset(value, 'v', len - overhead);
    value[len - overhead] = '\0';
    hy_msg_t *m = message_of(value);
    test_free(value);
    return m;
}

static void natively_it_is_the_length_and_the_text(void **state) {
    (void)state;
    hy_msg_t *m = message_of_bytes(0x1234);
    hy_str_t *wire = hy_wire_of(m, HY_WIRE_NATIVE, NULL, NULL);
    assert_int_equal(wire->len, 4 + 0x1234);
    assert_memory_equal(wire->bytes, "\0\0\x12\x34", 4);
    assert_memory_equal(wire->bytes + 4, hy_msg_text(m, NULL)->bytes, 0x1234);
    hy_msg_unref(m);
}

static void a_server_sends_a_text_frame_with_the_shortest_length(void **state) {
    static const struct {
        size_t len;
        const char *head;
        size_t head_len;
    } CASES[] = {
        {125, "\x81\x7d", 2},
        {126, "\x81\x7e\0\x7e", 4},
        {0xffff, "\x81\x7e\xff\xff", 4},
        {0x10000, "\x81\x7f\0\0\0\0\0\1\0\0", 10},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        hy_msg_t *m = message_of_bytes(CASES[i].len);
        hy_str_t *wire = hy_wire_of(m, HY_WIRE_WEBSOCKET, NULL, NULL);
        assert_int_equal(wire->len, CASES[i].head_len + CASES[i].len);
        assert_memory_equal(wire->bytes, CASES[i].head, CASES[i].head_len);
        assert_memory_equal(wire->bytes + CASES[i].head_len, hy_msg_text(m, NULL)->bytes,
                            CASES[i].len);
        hy_msg_unref(m);
    }
}

static void a_client_masks_with_a_key_that_is_drawn(void **state) {
    hy_random_t random, same;
    (void)state;
    hy_random_seed(&random, 9);
    hy_random_seed(&same, 9);
    for (size_t len = 80; len < 140; len++) {
        char key[4];
        hy_msg_t *m = message_of_bytes(len);
        hy_str_t *text = hy_msg_text(m, NULL);
        hy_str_t *wire = hy_wire_of(m, HY_WIRE_WEBSOCKET_OUT, &random, NULL);
        size_t head = len < 126 ? 2 : 4;
        same.fill(&same, key, sizeof key);
        assert_int_equal(wire->len, head + 4 + len);
        assert_int_equal((unsigned char)wire->bytes[1], 0x80 | (len < 126 ? len : 126));
        assert_memory_equal(wire->bytes + head, key, 4);
        for (size_t i = 0; i < len; i++)
            assert_int_equal(wire->bytes[head + 4 + i], (char)(text->bytes[i] ^ key[i % 4]));
        hy_msg_unref(m);
    }
}

static void each_form_is_made_once_and_lives_with_the_message(void **state) {
    hy_random_t random;
    (void)state;
    hy_random_seed(&random, 1);
    hy_msg_t *m = message_of("x");
    for (hy_wire_t form = 0; form < HY_WIRES; form++) {
        hy_str_t *first = hy_wire_of(m, form, &random, NULL);
        int64_t blocks = hy_mem_blocks();
        assert_ptr_equal(hy_wire_of(m, form, &random, NULL), first);
        assert_int_equal(hy_mem_blocks(), blocks);
        assert_int_equal(first->refs, 1);
    }
    hy_msg_unref(m);
}

static void what_is_too_large_or_has_no_memory_is_told(void **state) {
    hy_error_t err;
    bool failed = true;
    (void)state;
    hy_msg_t *m = message_of_bytes(HY_MESSAGE_BYTES_MAX + 1);
    assert_null(hy_wire_of(m, HY_WIRE_NATIVE, NULL, &err));
    assert_int_equal(err.code, HY_ETOO_LARGE);
    hy_msg_unref(m);
    for (int64_t n = 1; failed; n++) {
        m = message_of("y");
        hy_mem_fail_after(n);
        failed = !hy_wire_of(m, HY_WIRE_NATIVE, NULL, &err);
        hy_mem_fail_after(-1);
        if (failed) assert_int_equal(err.code, HY_ENOMEM);
        assert_non_null(hy_wire_of(m, HY_WIRE_NATIVE, NULL, &err)); /* now it goes */
        hy_msg_unref(m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(natively_it_is_the_length_and_the_text),
        TEST(a_server_sends_a_text_frame_with_the_shortest_length),
        TEST(a_client_masks_with_a_key_that_is_drawn),
        TEST(each_form_is_made_once_and_lives_with_the_message),
        TEST(what_is_too_large_or_has_no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
