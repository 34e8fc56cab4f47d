/* core/base/mem: counting, and failures on demand. */
#include "support.h"

static void blocks_are_counted(void **state) {
    int64_t before = hy_mem_blocks();
    (void)state;
    char *a = hy_alloc(0), *b = hy_alloc_zero(16), *c = hy_realloc(NULL, 8);
    assert_int_equal(hy_mem_blocks(), before + 3);
    assert_int_equal(b[15], 0);
    c = hy_realloc(c, 1000);
    assert_int_equal(hy_mem_blocks(), before + 3);
    hy_free(a);
    hy_free(b);
    hy_free(c);
    hy_free(NULL);
    assert_int_equal(hy_mem_blocks(), before);
}

static void the_nth_allocation_and_all_after_it_fail(void **state) {
    (void)state;
    hy_mem_fail_after(3);
    char *a = hy_alloc(1), *b = hy_alloc_zero(1);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(hy_alloc(1));
    assert_null(hy_alloc_zero(1));
    assert_null(hy_realloc(a, 2));
    hy_mem_fail_after(0);
    assert_null(hy_alloc(1));
    hy_mem_fail_after(1);
    assert_null(hy_alloc(1));
    hy_mem_fail_after(-1);
    a = hy_realloc(a, 2);
    assert_non_null(a);
    hy_free(a);
    hy_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(blocks_are_counted),
        TEST(the_nth_allocation_and_all_after_it_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
