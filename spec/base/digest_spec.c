/* core/base/digest.c: a short name for a value. */
#include "../../core/base/digest.h"
#include "../../core/base/json.h"
#include "support.h"

static hy_str_t *digest_of(const char *text, size_t *bytes) {
    hy_value_t v;
    assert_int_equal(hy_json_read(text, strlen(text), HY_JSON_DEPTH_MAX, &v, NULL), 0);
    hy_str_t *digest = hy_digest(v, bytes);
    hy_value_drop(v);
    return digest;
}

static bool same(const char *a, const char *b) {
    hy_str_t *x = digest_of(a, NULL), *y = digest_of(b, NULL);
    assert_int_equal(x->len, 32);
    bool is_same = hy_str_equal(x, y);
    hy_str_unref(x);
    hy_str_unref(y);
    return is_same;
}

static void the_order_of_keys_does_not_count(void **state) {
    (void)state;
    assert_true(same("{\"a\":1,\"b\":{\"c\":[],\"d\":2}}", "{\"b\":{\"d\":2,\"c\":[]},\"a\":1}"));
    assert_true(same("{\"ab\":1,\"a\":2,\"b\":3}", "{\"b\":3,\"ab\":1,\"a\":2}"));
}

static void everything_else_does(void **state) {
    (void)state;
    static const char *const texts[] = {"{}",
                                        "[]",
                                        "null",
                                        "\"\"",
                                        "0",
                                        "[1,2]",
                                        "[2,1]",
                                        "[12]",
                                        "{\"a\":1}",
                                        "{\"a\":1.0}",
                                        "{\"a\":\"1\"}",
                                        "{\"a\":[1]}",
                                        "{\"b\":1}",
                                        "[[],[]]",
                                        "[[[]]]",
                                        "{\"a\":{}}",
                                        "{\"a\":{\"b\":1},\"c\":2}",
                                        "{\"a\":{\"b\":1,\"c\":2}}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t k = 0; k < i; k++)
            assert_false(same(texts[i], texts[k]));
    }
}

static void it_is_the_same_everywhere(void **state) {
    (void)state;
    size_t bytes;
    hy_str_t *digest = digest_of("{ \"b\": [true, 1.5], \"a\": \"x\" }", &bytes);
    assert_string_equal(digest->bytes, "6b9090b0e2cc0a7c3950c8077e32e19a");
    assert_int_equal(bytes, strlen("{\"a\":\"x\",\"b\":[true,1.5]}"));
    hy_str_unref(digest);
}

static void there_may_be_no_memory(void **state) {
    (void)state;
    hy_value_t v;
    const char *text = "{\"b\":{\"c\":1},\"a\":[{}]}";
    assert_int_equal(hy_json_read(text, strlen(text), HY_JSON_DEPTH_MAX, &v, NULL), 0);
    hy_str_t *digest = NULL;
    int tries = 0;
    for (; !digest; tries++) {
        hy_mem_fail_after(tries);
        digest = hy_digest(v, NULL);
        hy_mem_fail_after(-1);
    }
    assert_true(tries > 1);
    hy_str_unref(digest);
    hy_value_drop(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_order_of_keys_does_not_count),
        TEST(everything_else_does),
        TEST(it_is_the_same_everywhere),
        TEST(there_may_be_no_memory),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
