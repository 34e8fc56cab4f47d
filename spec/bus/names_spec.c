/* core/bus/names: addresses that were read lately. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bus/message.h"

static int64_t blocks_before;
static hy_names_t *names;

static int begin(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    names = hy_names_new();
    return names ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    hy_mem_fail_after(-1);
    hy_names_free(names);
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

static hy_str_t *get(const char *text) {
    hy_str_t *s = NULL;
    assert_int_equal(hy_names_get(names, text, strlen(text), &s, NULL), 0);
    assert_string_equal(s->bytes, text);
    return s;
}

static void the_same_address_is_the_same_string(void **state) {
    (void)state;
    hy_str_t *first = get("comm://d/o"), *other = get("comm://d/p"), *again = get("comm://d/o");
    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, other);
    assert_int_equal(again->hash, hy_hash("comm://d/o", 10));
    hy_str_unref(first);
    hy_str_unref(other);
    hy_str_unref(again);
}

static void what_is_no_address_is_refused_each_time(void **state) {
    static const char *const bad[] = {
        "", "nothing", "comm://", "comm://d/a b", "comm://d/\"", "comm://d/\xff"};
    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            hy_str_t *s = NULL;
            hy_error_t err;
            assert_int_equal(hy_names_get(names, bad[i], strlen(bad[i]), &s, &err), HY_EINVALID);
            assert_null(s);
        }
    }
}

static void many_more_addresses_than_are_remembered_stay_right(void **state) {
    char text[64];
    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        for (unsigned i = 0; i < 3 * HY_NAMES_MAX; i++) {
            snprintf(text, sizeof text, "hyperty://d/%u", i);
            hy_str_unref(get(text));
        }
    }
    assert_true(hy_mem_blocks() - blocks_before <= (int64_t)HY_NAMES_MAX + 1);
}

static void a_long_address_is_not_kept(void **state) {
    char text[HY_NAME_KEPT_BYTES_MAX + 2] = "comm://d/";
    (void)state;
    memset(text + 9, 'x', sizeof text - 10);
    int64_t before = hy_mem_blocks();
    hy_str_unref(get(text));
    assert_int_equal(hy_mem_blocks(), before);
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    hy_str_t *s = NULL;
    hy_mem_fail_after(0);
    assert_int_equal(hy_names_get(names, "comm://d/o", 10, &s, NULL), HY_ENOMEM);
    hy_mem_fail_after(-1);
    hy_str_unref(get("comm://d/o"));
}

static void messages_of_one_conversation_share_their_addresses(void **state) {
    (void)state;
    hy_str_t *text =
        hy_str_from("{\"type\":\"event\",\"from\":\"comm:\\/\\/d/o\",\"to\":\"comm://d/o\"}");
    hy_msg_t *m, *n;
    assert_int_equal(hy_msg_parse_with(names, text, &m, NULL), 0);
    assert_int_equal(hy_msg_parse_with(names, text, &n, NULL), 0);
    assert_ptr_equal(m->from, m->to); /* also where it is written with escapes */
    assert_ptr_equal(m->from, n->to);
    hy_msg_unref(m);
    hy_msg_unref(n);
    hy_str_unref(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_same_address_is_the_same_string),
        TEST(what_is_no_address_is_refused_each_time),
        TEST(many_more_addresses_than_are_remembered_stay_right),
        TEST(a_long_address_is_not_kept),
        TEST(without_memory_it_says_so),
        TEST(messages_of_one_conversation_share_their_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
