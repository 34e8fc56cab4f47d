/* Whether a chunk is complete. */
#include "../base/support.h"
#include "host/chunk.h"

#include <string.h>

static bool is_unfinished(const char *code) {
    return hy_chunk_is_unfinished(code, strlen(code));
}

static void what_lacks_its_end_is_unfinished(void **state) {
    (void)state;
    assert_true(is_unfinished("for i = 1, 3 do"));
    assert_true(is_unfinished("x = {"));
    assert_true(is_unfinished("f("));
    assert_true(is_unfinished("x ="));
    assert_true(is_unfinished("1 +"));
    assert_true(is_unfinished("function f()\nreturn 1"));
    assert_true(is_unfinished("x = [[a\n"));
    assert_true(is_unfinished("--[[ a"));
    assert_true(is_unfinished("x = 'a\\"));
}

static void what_is_whole_is_not(void **state) {
    (void)state;
    assert_false(is_unfinished(""));
    assert_false(is_unfinished("\n"));
    assert_false(is_unfinished("1 + 1"));
    assert_false(is_unfinished("x = {}"));
    assert_false(is_unfinished("a, b"));
    assert_false(is_unfinished("-- a comment"));
    assert_false(is_unfinished("for i = 1, 3 do end"));
}

static void what_more_lines_cannot_mend_is_not(void **state) {
    (void)state;
    assert_false(is_unfinished("x x"));
    assert_false(is_unfinished("for i = 1, 3 do x = = 3"));
    assert_false(is_unfinished("x = 'a"));
    assert_false(is_unfinished("end"));
    assert_false(is_unfinished("\033Lua"));
}

static void running_out_of_memory_is_no_answer(void **state) {
    (void)state;
    for (int64_t n = 0; n < 200; n++) {
        hy_mem_fail_after(n);
        hy_chunk_is_unfinished("x = { 'a', 'b',", 15);
        hy_mem_fail_after(-1);
    }
    assert_true(is_unfinished("x = { 'a', 'b',"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_lacks_its_end_is_unfinished),
        TEST(what_is_whole_is_not),
        TEST(what_more_lines_cannot_mend_is_not),
        TEST(running_out_of_memory_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
