/* core/base/node, object, array: stories about one node and its children. Long random runs are in
 * tree_spec.c. */
#include "support.h"

#include <math.h>

static void an_object_keeps_the_order_of_insertion(void **state) {
    (void)state;
    hy_value_t v = value_of("{\"b\":1,\"a\":2,\"c\":3}"), old = hy_null();
    hy_node_t *n = v.as.n;
    hy_str_t *a = hy_str_from("a"), *d = hy_str_from("d");
    assert_int_equal(hy_node_set(n, a, hy_int(9), &old), 0);
    assert_int_equal(old.as.i, 2);
    assert_int_equal(hy_node_set(n, d, hy_int(4), &old), 0);
    assert_int_equal(old.kind, HY_ABSENT);
    assert_text_of(v, "{\"b\":1,\"a\":9,\"c\":3,\"d\":4}");
    assert_int_equal(hy_node_unset(n, a, &old), 0);
    assert_int_equal(old.as.i, 9);
    old = hy_int(5);
    assert_int_equal(hy_node_unset(n, a, &old), HY_ENOT_FOUND);
    assert_int_equal(old.as.i, 5);
    assert_int_equal(hy_node_set(n, a, hy_text("again"), NULL), 0);
    assert_text_of(v, "{\"b\":1,\"c\":3,\"d\":4,\"a\":\"again\"}");
    assert_int_equal(hy_node_count(n), 4);
    hy_value_drop(v);
    hy_str_unref(a);
    hy_str_unref(d);
}

static void a_walk_can_start_behind_a_key(void **state) {
    (void)state;
    hy_value_t v = value_of("{\"a\":1,\"b\":2,\"c\":3}");
    uint32_t pos = 0;
    hy_str_t *key;
    hy_value_t item;
    assert_true(hy_node_seek(v.as.n, "b", 1, &pos));
    assert_true(hy_node_next(v.as.n, &pos, &key, &item));
    assert_true(hy_str_is(key, "c"));
    assert_int_equal(item.as.i, 3);
    assert_false(hy_node_next(v.as.n, &pos, NULL, NULL));
    pos = 77;
    assert_false(hy_node_seek(v.as.n, "x", 1, &pos));
    assert_int_equal(pos, 77);
    hy_value_drop(v);
}

static void a_field_may_be_unset_by_its_own_key(void **state) {
    (void)state;
    hy_value_t v = value_of("{\"a\":{\"b\":1},\"c\":[]}");
    uint32_t pos = 0;
    hy_str_t *key;
    while (hy_node_next(v.as.n, &pos, &key, NULL)) {
        assert_int_equal(hy_node_unset(v.as.n, key, NULL), 0); /* the key goes with it */
    }
    assert_text_of(v, "{}");
    hy_value_drop(v);
}

static void an_array_takes_items_anywhere(void **state) {
    (void)state;
    hy_value_t v = value_of("[1,2,3]"), old;
    hy_node_t *n = v.as.n;
    assert_int_equal(hy_node_insert(n, 0, hy_int(0)), 0);
    assert_int_equal(hy_node_insert(n, 4, hy_int(4)), 0);
    assert_int_equal(hy_node_insert(n, 2, hy_text("mid")), 0);
    assert_text_of(v, "[0,1,\"mid\",2,3,4]");
    assert_int_equal(hy_node_put(n, 2, hy_bool(true), &old), 0);
    assert_true(hy_str_is(old.as.s, "mid"));
    hy_value_drop(old);
    assert_int_equal(hy_node_erase(n, 0, NULL), 0);
    assert_int_equal(hy_node_erase(n, 4, &old), 0);
    assert_int_equal(old.as.i, 4);
    assert_text_of(v, "[1,true,2,3]");
    assert_int_equal(hy_node_at(n, 4).kind, HY_ABSENT);
    hy_value_drop(v);
}

static void what_does_not_fit_is_refused_and_dropped(void **state) {
    (void)state;
    hy_value_t array = value_of("[1]"), object = value_of("{\"a\":1}"), old = hy_int(7);
    hy_str_t *key = hy_str_from("a");
    assert_int_equal(hy_node_insert(array.as.n, 2, hy_text("x")), HY_EGAP);
    assert_int_equal(hy_node_put(array.as.n, 1, hy_text("x"), &old), HY_EGAP);
    assert_int_equal(hy_node_erase(array.as.n, 1, &old), HY_EGAP);
    assert_int_equal(hy_node_insert(array.as.n, 0, hy_absent()), HY_ENOMEM);
    assert_int_equal(hy_node_insert(array.as.n, 0, hy_real(INFINITY)), HY_EINVALID);
    assert_int_equal(hy_node_put(array.as.n, 0, hy_real(NAN), &old), HY_EINVALID);
    assert_int_equal(hy_node_set(object.as.n, key, hy_real(-INFINITY), &old), HY_EINVALID);
    assert_int_equal(hy_node_set(object.as.n, key, hy_absent(), &old), HY_ENOMEM);
    /* The other kind. */
    assert_int_equal(hy_node_set(array.as.n, key, hy_text("x"), &old), HY_EINVALID);
    assert_int_equal(hy_node_unset(array.as.n, key, &old), HY_EINVALID);
    assert_int_equal(hy_node_insert(object.as.n, 0, hy_text("x")), HY_EINVALID);
    assert_int_equal(hy_node_put(object.as.n, 0, hy_text("x"), &old), HY_EINVALID);
    assert_int_equal(hy_node_erase(object.as.n, 0, &old), HY_EINVALID);
    assert_int_equal(hy_node_find(array.as.n, key).kind, HY_ABSENT);
    assert_int_equal(hy_node_get(array.as.n, "a", 1).kind, HY_ABSENT);
    assert_int_equal(hy_node_at(object.as.n, 0).kind, HY_ABSENT);
    uint32_t pos = 0;
    assert_false(hy_node_next(array.as.n, &pos, NULL, NULL));
    assert_false(hy_node_seek(array.as.n, "a", 1, &pos));

    assert_int_equal(old.as.i, 7);
    assert_text_of(array, "[1]");
    assert_text_of(object, "{\"a\":1}");
    hy_value_drop(array);
    hy_value_drop(object);
    hy_str_unref(key);
}

static void a_child_knows_its_place(void **state) {
    (void)state;
    hy_value_t v = value_of("{\"list\":[0,{},[]],\"x\":{}}");
    hy_node_t *list = hy_get_array(v.as.n, "list"), *inner = hy_node_at(list, 2).as.n;
    assert_null(hy_node_parent(v.as.n));
    assert_null(hy_node_key(v.as.n));
    assert_int_equal(hy_node_index(v.as.n), 0);
    assert_ptr_equal(hy_node_parent(list), v.as.n);
    assert_true(hy_str_is(hy_node_key(list), "list"));
    assert_ptr_equal(hy_node_parent(inner), list);
    assert_null(hy_node_key(inner));
    assert_int_equal(hy_node_index(inner), 2);
    assert_ptr_equal(hy_node_root(inner), v.as.n);
    hy_value_drop(v);
}

static void an_index_is_found_wherever_the_item_went(void **state) {
    (void)state;
    hy_node_t *n = hy_node_new(HY_ARRAY), *child = hy_node_new(HY_OBJECT);
    for (int i = 0; i < 500; i++)
        hy_node_insert(n, 0, hy_int(i));
    hy_node_insert(n, 250, hy_node_value(child));
    assert_int_equal(hy_node_index(child), 250);
    for (int i = 0; i < 100; i++)
        hy_node_insert(n, 200, hy_int(i)); /* shifts the front */
    assert_int_equal(hy_node_index(child), 350);
    for (int i = 0; i < 300; i++)
        hy_node_erase(n, 1, NULL);
    assert_int_equal(hy_node_index(child), 50);
    for (int i = 0; i < 200; i++)
        hy_node_erase(n, hy_node_count(n) - 1, NULL);
    assert_int_equal(hy_node_index(child), 50);
    for (int i = 0; i < 1000; i++)
        hy_node_insert(n, 0, hy_int(i));
    for (int i = 0; i < 1000; i++)
        hy_node_insert(n, hy_node_count(n), hy_int(i));
    assert_int_equal(hy_node_index(child), 1050);
    while (hy_node_count(n) > 1)
        hy_node_erase(n, hy_node_at(n, 0).as.n == child, NULL);
    assert_int_equal(hy_node_index(child), 0);
    hy_node_unref(n);
}

static void positions_may_wrap_around(void **state) {
    (void)state;
    hy_node_t *n = hy_node_new(HY_ARRAY), *child = hy_node_new(HY_ARRAY);
    hy_node_insert(n, 0, hy_node_value(child));
    for (int i = 0; i < 5; i++)
        hy_node_insert(n, 0, hy_int(i)); /* the head goes below zero */
    hy_node_insert(n, 6, hy_int(9));
    assert_int_equal(hy_node_index(child), 5);
    assert_text_of(hy_node_value(n), "[4,3,2,1,0,[],9]");
    hy_node_unref(n);
}

static void a_handle_keeps_memory_but_no_place(void **state) {
    (void)state;
    hy_value_t v = value_of("{\"a\":{\"b\":{\"c\":[1]}},\"l\":[{}]}"), old;
    hy_str_t *key = hy_str_from("a");
    hy_node_t *a = hy_node_ref(hy_get_object(v.as.n, "a"));
    hy_node_t *b = hy_node_ref(hy_get_object(a, "b"));
    hy_node_t *item = hy_node_ref(hy_node_at(hy_get_array(v.as.n, "l"), 0).as.n);

    assert_int_equal(hy_node_set(v.as.n, key, hy_null(), NULL), 0); /* the owner lets go of a */
    assert_null(hy_node_parent(a));
    assert_null(hy_node_key(a));
    assert_ptr_equal(hy_node_parent(b), a); /* which keeps what it holds */
    assert_text_of(hy_node_value(a), "{\"b\":{\"c\":[1]}}");

    hy_node_unref(a); /* the memory of a goes; b is held */
    assert_null(hy_node_parent(b));
    assert_null(hy_node_key(b));
    assert_ptr_equal(hy_node_root(b), b);
    assert_text_of(hy_node_value(b), "{\"c\":[1]}");

    hy_value_drop(v); /* a whole tree goes */
    assert_null(hy_node_parent(item));
    assert_int_equal(hy_node_index(item), 0);

    hy_node_t *other = hy_node_new(HY_OBJECT); /* what was taken out can go in elsewhere */
    assert_int_equal(hy_node_set(other, key, hy_node_value(b), &old), 0);
    assert_ptr_equal(hy_node_parent(b), other);
    hy_node_unref(other);
    hy_node_unref(item);
    hy_str_unref(key);
}

static void a_tree_takes_a_copy_of_itself(void **state) {
    (void)state;
    hy_value_t v = value_of("{\"a\":[1,{\"b\":2}]}"), copy;
    assert_int_equal(hy_value_copy(v, &copy), 0);
    assert_int_equal(hy_node_insert(hy_get_array(v.as.n, "a"), 1, copy), 0);
    assert_int_equal(hy_value_copy(hy_node_at(hy_get_array(v.as.n, "a"), 1), &copy), 0);
    assert_int_equal(hy_put(v.as.n, "a", copy), 0); /* drops what it was copied from */
    assert_text_of(v, "{\"a\":{\"a\":[1,{\"b\":2}]}}");
    hy_value_drop(v);
}

static void a_node_becomes_another_in_its_place(void **state) {
    (void)state;
    hy_value_t v = value_of("{\"x\":{\"k\":{\"deep\":1}},\"l\":[0,[]]}"), old;
    hy_node_t *x = hy_node_ref(hy_get_object(v.as.n, "x"));
    hy_node_t *k = hy_get_object(x, "k");
    assert_int_equal(hy_node_become(x, value_of("[[1],{}]"), &old), 0);
    assert_ptr_equal(hy_get_array(v.as.n, "x"), x); /* the parent sees the new kind */
    assert_int_equal(hy_node_kind(x), HY_ARRAY);
    assert_true(hy_str_is(hy_node_key(x), "x"));
    assert_ptr_equal(hy_node_parent(hy_node_at(x, 1).as.n), x);
    assert_int_equal(hy_node_index(hy_node_at(x, 1).as.n), 1);
    assert_ptr_equal(hy_node_parent(k), old.as.n);
    assert_true(hy_str_is(hy_node_key(k), "k"));
    assert_null(hy_node_parent(old.as.n));
    assert_text_of(old, "{\"k\":{\"deep\":1}}");
    hy_value_drop(old);

    hy_node_t *item = hy_node_at(hy_get_array(v.as.n, "l"), 1).as.n;
    assert_int_equal(hy_node_become(item, value_of("{\"in\":\"list\"}"), NULL), 0);
    assert_int_equal(hy_node_index(item), 1);
    assert_text_of(v, "{\"x\":[[1],{}],\"l\":[0,{\"in\":\"list\"}]}");

    assert_int_equal(hy_node_become(v.as.n, value_of("[true]"), NULL), 0); /* a root */
    assert_null(hy_node_parent(x));
    assert_text_of(hy_node_value(v.as.n), "[true]");
    assert_text_of(hy_node_value(x), "[[1],{}]");
    hy_node_unref(x);
    hy_value_drop(v);
}

static void becoming_a_scalar_is_refused(void **state) {
    (void)state;
    hy_value_t v = value_of("[1]"), old = hy_int(7);
    assert_int_equal(hy_node_become(v.as.n, hy_text("x"), &old), HY_EINVALID);
    assert_int_equal(hy_node_become(v.as.n, hy_absent(), &old), HY_ENOMEM);
    assert_int_equal(old.as.i, 7);
    assert_text_of(v, "[1]");
    hy_value_drop(v);
}

static void growing_that_fails_changes_nothing(void **state) {
    (void)state;
    hy_str_t *key = hy_str_from("new");
    for (int size = 0; size <= 32; size += 4) {
        hy_value_t object = value_of("{}"), array = value_of("[]"), child = value_of("[[]]"), copy;
        for (int i = 0; i < size; i++) {
            hy_str_t *k = hy_str_format("k%d", i);
            hy_node_set(object.as.n, k, hy_int(i), NULL);
            hy_node_insert(array.as.n, 0, hy_int(i));
            hy_str_unref(k);
        }
        bool failed = true;
        for (int64_t n = 1; failed; n++) {
            int64_t blocks = hy_mem_blocks();
            hy_value_copy(child, &copy);
            hy_mem_fail_after(n);
            failed = hy_node_set(object.as.n, key, copy, NULL) != 0;
            hy_mem_fail_after(-1);
            assert_int_equal(hy_node_count(object.as.n), size + !failed);
            if (failed) assert_int_equal(hy_mem_blocks(), blocks);
        }
        failed = true;
        for (int64_t n = 1; failed; n++) {
            hy_value_copy(child, &copy);
            hy_mem_fail_after(n);
            failed = hy_node_insert(array.as.n, (size_t)size / 3, copy) != 0;
            hy_mem_fail_after(-1);
            assert_int_equal(hy_node_count(array.as.n), size + !failed);
        }
        hy_value_drop(object);
        hy_value_drop(array);
        hy_value_drop(child);
    }
    hy_str_unref(key);
}

static void an_emptied_array_gives_memory_back_if_it_can(void **state) {
    (void)state;
    hy_node_t *n = hy_node_new(HY_ARRAY);
    for (int i = 0; i < 1000; i++)
        hy_node_insert(n, (size_t)i / 2, hy_text("item"));
    hy_mem_fail_after(0); /* shrinking is not needed */
    while (hy_node_count(n) > 500)
        assert_int_equal(hy_node_erase(n, 100, NULL), 0);
    while (hy_node_count(n) > 10)
        assert_int_equal(hy_node_erase(n, 0, NULL), 0);
    hy_mem_fail_after(-1);
    while (hy_node_count(n) > 0)
        assert_int_equal(hy_node_erase(n, 0, NULL), 0);
    hy_node_unref(n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_object_keeps_the_order_of_insertion),
        TEST(a_walk_can_start_behind_a_key),
        TEST(a_field_may_be_unset_by_its_own_key),
        TEST(an_array_takes_items_anywhere),
        TEST(what_does_not_fit_is_refused_and_dropped),
        TEST(a_child_knows_its_place),
        TEST(an_index_is_found_wherever_the_item_went),
        TEST(positions_may_wrap_around),
        TEST(a_handle_keeps_memory_but_no_place),
        TEST(a_tree_takes_a_copy_of_itself),
        TEST(a_node_becomes_another_in_its_place),
        TEST(becoming_a_scalar_is_refused),
        TEST(growing_that_fails_changes_nothing),
        TEST(an_emptied_array_gives_memory_back_if_it_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
