/* The system's randomness as a source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "loop/random.h"

static void the_systems_randomness_does_not_repeat(void **state) {
    (void)state;
    hy_random_system_t a, b;
    assert_int_equal(hy_random_system(&a), 0);
    assert_int_equal(hy_random_system(&b), 0);
    assert_true(hy_random_u64(&a.base) != hy_random_u64(&b.base));
    /* More than a block at once, from the middle of one: no part of it stays as it was. */
    uint8_t bytes[3 * HY_RANDOM_BLOCK_BYTES] = {0};
    a.base.fill(&a.base, bytes, sizeof bytes);
    for (size_t at = 0; at < sizeof bytes; at += 16) {
        uint8_t any = 0;
        for (size_t i = 0; i < 16; i++)
            any |= bytes[at + i];
        assert_true(any != 0);
    }
    for (size_t i = 0; i < sizeof a.block - a.left; i++)
        assert_int_equal(a.block[i], 0); /* what was handed out is wiped */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_systems_randomness_does_not_repeat)};
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
