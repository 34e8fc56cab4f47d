/* core/data/object.c: the order of epochs. */
#include "support.h"

static void epochs_are_compared_by_number_then_by_the_rest(void **state) {
    (void)state;
    static const char *const rising[] = {
        "",
        "0",
        "-a",
        "0-a",
        "x",
        "1",
        "1-",
        "1-a",
        "1-aa",
        "1-b",
        "2-a",
        "9-z",
        "10-a",
        "010-b",
        "10-b",
        "99-a",
        "100-a",
        "18446744073709551615-z",
        "18446744073709551616-a",
        "18446744073709551617-a",
        "99999999999999999999999999-a",
    };
    hy_str_t *epochs[COUNT_OF(rising)];
    for (size_t i = 0; i < COUNT_OF(rising); i++) {
        epochs[i] = str_of(rising[i]);
    }
    for (size_t i = 0; i < COUNT_OF(rising); i++) {
        for (size_t k = 0; k < COUNT_OF(rising); k++) {
            int order = hy_epoch_compare(epochs[i], epochs[k]);
            if ((order > 0) - (order < 0) != (i > k) - (i < k))
                fail_msg("\"%s\" and \"%s\"", rising[i], rising[k]);
        }
    }
    hy_str_t *short_one = hy_str_new("1-a\0b", 5), *long_one = hy_str_new("1-a\0c", 5);
    assert_true(hy_epoch_compare(short_one, long_one) < 0);
    assert_true(hy_epoch_compare(long_one, short_one) > 0);
    hy_str_unref(short_one);
    hy_str_unref(long_one);
    for (size_t i = 0; i < COUNT_OF(rising); i++) {
        hy_str_unref(epochs[i]);
    }
}

/* However long its number is: one that does not fit into an integer must not begin anew. */
static void an_epoch_after_another_is_above_it(void **state) {
    (void)state;
    static const struct {
        const char *before, *after;
    } pairs[] = {
        {"1-zz", "2-0000002a"},
        {"", "1-0000002a"},
        {"-x", "1-0000002a"},
        {"x9", "1-0000002a"},
        {"0099-x", "100-0000002a"},
        {"18446744073709551615-x", "18446744073709551616-0000002a"},
        {"99999999999999999999999999-x", "100000000000000000000000000-0000002a"},
    };
    hy_str_t *first = hy_epoch_after(NULL, 7);
    assert_string_equal(first->bytes, "1-00000007");
    hy_str_unref(first);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        hy_str_t *before = hy_str_from(pairs[i].before), *after = hy_epoch_after(before, 42);
        assert_string_equal(after->bytes, pairs[i].after);
        assert_true(hy_epoch_compare(after, before) > 0);
        hy_str_unref(before);
        hy_str_unref(after);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(epochs_are_compared_by_number_then_by_the_rest),
        TEST(an_epoch_after_another_is_above_it),
    };
    return cmocka_run_group_tests_name("epoch", tests, NULL, NULL);
}
