/* core/base/random: replay, evenness, UUIDs. */
#include "support.h"

static void one_seed_gives_one_run(void **state) {
    hy_random_t a, b, c;
    (void)state;
    hy_random_seed(&a, 7);
    hy_random_seed(&b, 7);
    hy_random_seed(&c, 8);
    bool differs = false;
    for (int i = 0; i < 100; i++) {
        uint64_t word = hy_random_u64(&a);
        assert_true(word == hy_random_u64(&b));
        differs = differs || word != hy_random_u64(&c);
    }
    assert_true(differs);
}

static void the_generators_are_the_published_ones(void **state) {
    /* splitmix64 from 0, and the first word that xoshiro256** makes of it. */
    hy_random_t r;
    (void)state;
    hy_random_seed(&r, 0);
    assert_true(r.state[0] == 0xe220a8397b1dcdafu);
    assert_true(r.state[1] == 0x6e789e6aa1b965f4u);
    assert_true(hy_random_u64(&r) == 0x99ec5f36cb75f2b4u);
}

static void numbers_below_n_are_even(void **state) {
    hy_random_t r;
    int seen[7] = {0};
    (void)state;
    hy_random_seed(&r, 1);
    for (int i = 0; i < 70000; i++)
        seen[hy_random_below(&r, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 9500, 10500);
    assert_true(hy_random_below(&r, 1) == 0);
    uint64_t half = 1ull << 63, upper = 0;
    for (int i = 0; i < 3000; i++)
        upper += hy_random_below(&r, half + half / 2) >= half;
    assert_in_range(upper, 900, 1100);
}

static void a_uuid_is_version_4(void **state) {
    hy_random_t r;
    (void)state;
    hy_random_seed(&r, 3);
    hy_str_t *a = hy_random_uuid(&r), *b = hy_random_uuid(&r);
    assert_int_equal(a->len, 36);
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        assert_non_null(memchr(dash ? "-" : "0123456789abcdef", a->bytes[i], dash ? 1 : 16));
    }
    assert_int_equal(a->bytes[14], '4');
    assert_non_null(memchr("89ab", a->bytes[19], 4));
    assert_false(hy_str_equal(a, b));
    hy_str_unref(a);
    hy_str_unref(b);
    hy_mem_fail_after(1);
    assert_null(hy_random_uuid(&r));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_seed_gives_one_run),
        TEST(the_generators_are_the_published_ones),
        TEST(numbers_below_n_are_even),
        TEST(a_uuid_is_version_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
