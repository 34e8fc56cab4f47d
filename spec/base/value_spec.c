/* core/base/value: whole values; copying, comparing, measuring, letting go, message bodies. */
#include "support.h"

static void scalars_say_what_they_are(void **state) {
    (void)state;
    assert_int_equal(hy_absent().kind, HY_ABSENT);
    assert_int_equal(hy_string(NULL).kind, HY_ABSENT);
    assert_int_equal(hy_node_value(NULL).kind, HY_ABSENT);
    assert_int_equal(hy_int(INT64_MIN).as.i, INT64_MIN);
    assert_int_equal(sizeof(hy_value_t), 16);
    hy_value_t text = hy_text("x");
    assert_true(hy_str_is(text.as.s, "x"));
    hy_value_drop(text);
    hy_mem_fail_after(1);
    assert_int_equal(hy_text("x").kind, HY_ABSENT);
    assert_null(hy_node_new(HY_OBJECT));
}

static void equal_means_the_same_json(void **state) {
    static const char *const different[] = {
        "null",
        "false",
        "true",
        "0",
        "1",
        "0.0",
        "-0.0",
        "1.0",
        "\"\"",
        "\"1\"",
        "{}",
        "[]",
        "[1]",
        "[1,2]",
        "[2,1]",
        "{\"a\":1}",
        "{\"b\":1}",
        "{\"a\":1,\"b\":[null]}",
        "{\"a\":1,\"b\":[0]}",
        "[{}]",
        "[[]]",
        "9007199254740993",
        "9007199254740992",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(different); i++) {
        for (size_t j = 0; j < COUNT_OF(different); j++) {
            hy_value_t a = value_of(different[i]), b = value_of(different[j]);
            if (hy_value_equal(a, b) != (i == j)) fail_msg("%s %s", different[i], different[j]);
            hy_value_drop(a);
            hy_value_drop(b);
        }
    }
    hy_value_t a = value_of("{\"x\":1,\"y\":{\"a\":[],\"b\":\"\"}}");
    hy_value_t b = value_of("{\"y\":{\"b\":\"\",\"a\":[]},\"x\":1}");
    assert_true(hy_value_equal(a, b));
    hy_value_drop(a);
    hy_value_drop(b);
}

static void depth_and_size_are_told(void **state) {
    static const struct {
        const char *text;
        unsigned depth;
    } known[] = {
        {"1", 0}, {"[]", 1}, {"{}", 1}, {"[[],[[1]]]", 3}, {"{\"a\":{\"b\":[]},\"c\":1}", 3}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        hy_value_t v = value_of(known[i].text);
        assert_int_equal(hy_value_depth(v), known[i].depth);
        hy_value_drop(v);
    }
    hy_value_t a = value_of("[1,\"four\"]"), b = value_of("[1,\"four and more\"]");
    hy_value_t c = value_of("{\"k\":[1,\"four\"]}");
    assert_int_equal(hy_value_bytes(b), hy_value_bytes(a) + 9);
    assert_true(hy_value_bytes(c) > hy_value_bytes(a));
    hy_value_drop(a);
    hy_value_drop(b);
    hy_value_drop(c);
}

static void a_copy_is_equal_and_independent(void **state) {
    hy_random_t r;
    (void)state;
    hy_random_seed(&r, 2);
    for (int i = 0; i < 2000; i++) {
        hy_value_t v = random_value(&r, 5), copy;
        assert_int_equal(hy_value_copy(v, &copy), 0);
        assert_true(hy_value_equal(v, copy));
        if (hy_is_node(v)) assert_ptr_not_equal(v.as.n, copy.as.n);
        hy_value_drop(v);
        assert_true(hy_value_depth(copy) <= 5); /* reads all of it */
        hy_value_drop(copy);
    }
}

static void a_copy_that_fails_leaves_nothing(void **state) {
    (void)state;
    hy_value_t v = value_of("{\"a\":[1,[2,{\"x\":\"y\"}],3,4,5,6],\"b\":{\"c\":{},\"d\":[[]]},"
                            "\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1}");
    int rc = HY_ENOMEM;
    for (int64_t n = 1; rc; n++) {
        int64_t blocks = hy_mem_blocks();
        hy_value_t copy = hy_int(7);
        hy_mem_fail_after(n);
        rc = hy_value_copy(v, &copy);
        hy_mem_fail_after(-1);
        if (rc) {
            assert_int_equal(rc, HY_ENOMEM);
            assert_int_equal(copy.as.i, 7);
            assert_int_equal(hy_mem_blocks(), blocks);
        } else {
            assert_true(hy_value_equal(v, copy));
            hy_value_drop(copy);
        }
    }
    hy_value_drop(v);
}

static void a_very_deep_tree_is_let_go(void **state) {
    hy_value_t v = hy_node_value(hy_node_new(HY_ARRAY));
    hy_str_t *key = hy_str_from("k");
    (void)state;
    for (int i = 0; i < 200000; i++) {
        hy_node_t *outer = hy_node_new(i % 2 ? HY_ARRAY : HY_OBJECT);
        int rc = i % 2 ? hy_node_insert(outer, 0, v) : hy_node_set(outer, key, v, NULL);
        assert_int_equal(rc, 0);
        v = hy_node_value(outer);
    }
    hy_value_drop(v);
    hy_str_unref(key);
}

static void bodies_are_built_and_read(void **state) {
    (void)state;
    hy_node_t *body = hy_node_new(HY_OBJECT);
    assert_int_equal(hy_put(body, "code", hy_int(200)), 0);
    assert_int_equal(hy_put(body, "desc", hy_text("fine")), 0);
    assert_int_equal(hy_put(body, "ok", hy_bool(true)), 0);
    assert_int_equal(hy_put(body, "value", hy_node_value(hy_node_new(HY_OBJECT))), 0);
    assert_int_equal(hy_put(body, "list", hy_node_value(hy_node_new(HY_ARRAY))), 0);
    assert_int_equal(hy_put(body, "none", hy_absent()), HY_ENOMEM);
    assert_int_equal(hy_put(body, "nan", hy_real(0.0 / 0.0)), HY_EINVALID);
    assert_int_equal(hy_put(NULL, "code", hy_text("dropped")), HY_ENOMEM);
    assert_int_equal(hy_put(hy_get_array(body, "list"), "x", hy_text("dropped")), HY_EINVALID);

    assert_int_equal(hy_get_int(body, "code", 0), 200);
    assert_true(hy_str_is(hy_get_str(body, "desc"), "fine"));
    assert_true(hy_get_bool(body, "ok", false));
    assert_non_null(hy_get_object(body, "value"));
    assert_non_null(hy_get_array(body, "list"));

    assert_int_equal(hy_get(body, "none").kind, HY_ABSENT);
    assert_int_equal(hy_get(NULL, "code").kind, HY_ABSENT);
    assert_int_equal(hy_get(hy_get_array(body, "list"), "x").kind, HY_ABSENT);
    assert_int_equal(hy_get_int(body, "desc", -1), -1);
    assert_null(hy_get_str(body, "code"));
    assert_null(hy_get_object(body, "list"));
    assert_null(hy_get_array(body, "value"));
    assert_true(hy_get_bool(body, "code", true));
    assert_text_of(hy_node_value(body),
                   "{\"code\":200,\"desc\":\"fine\",\"ok\":true,\"value\":{},\"list\":[]}");
    hy_node_unref(body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(scalars_say_what_they_are),        TEST(equal_means_the_same_json),
        TEST(depth_and_size_are_told),          TEST(a_copy_is_equal_and_independent),
        TEST(a_copy_that_fails_leaves_nothing), TEST(a_very_deep_tree_is_let_go),
        TEST(bodies_are_built_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
