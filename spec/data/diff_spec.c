/* core/data/diff.c: what turns one tree into another. */
#include "support.h"

#include <stdio.h>

static hy_change_t *diff_of(hy_node_t *root, hy_node_t *wanted) {
    hy_change_t *c = hy_change_new();
    assert_int_equal(hy_change_diff(c, root, wanted), 0);
    return c;
}

static void each_difference_is_one_op(void **state) {
    (void)state;
    static const struct {
        const char *before, *after, *changes;
    } cases[] = {
        {"{}", "{}", "[]"},
        {"[1,{\"a\":[]}]", "[1,{\"a\":[]}]", "[]"},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "[]"},
        {"{\"a\":1}", "{\"a\":2}", "[{\"attribute\":\"a\",\"value\":2}]"},
        {"{\"a\":1}", "{\"a\":1.0}", "[{\"attribute\":\"a\",\"value\":1.0}]"},
        {"{\"a\":1}", "{}", "[{\"attribute\":\"a\"}]"},
        {"{}", "{\"a\":null}", "[{\"attribute\":\"a\",\"value\":null}]"},
        {"{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1,\"c\":3}}",
         "[{\"attribute\":\"a.c\",\"value\":3}]"},
        {"{\"a.b\":{\"\":1}}", "{\"a.b\":{\"\":2}}",
         "[{\"attribute\":[\"a.b\",\"\"],\"value\":2}]"},
        {"{\"a\":{}}", "{\"a\":[]}", "[{\"attribute\":\"a\",\"value\":[]}]"},
        {"{\"a\":1,\"b\":2}", "{\"b\":3,\"c\":4}",
         "[{\"attribute\":\"a\"},{\"attribute\":\"b\",\"value\":3},"
         "{\"attribute\":\"c\",\"value\":4}]"},
        {"{\"a\":1}", "[1]", "[{\"attribute\":[],\"value\":[1]}]"},
        {"[]", "{}", "[{\"attribute\":[],\"value\":{}}]"},
#define ADD(at, items)                                                                             \
    "[{\"attribute\":\"" at                                                                        \
    "\",\"attributeType\":\"array\",\"operation\":\"add\",\"value\":" items "}]"
#define REMOVE(at, count)                                                                          \
    "[{\"attribute\":\"" at                                                                        \
    "\",\"attributeType\":\"array\",\"operation\":\"remove\",\"value\":" count "}]"
        {"[]", "[1,[2]]", ADD("0", "[1,[2]]")},
        {"[1,2,3]", "[0,1,2,3]", ADD("0", "[0]")},
        {"[1,2,3]", "[1,9,8,2,3]", ADD("1", "[9,8]")},
        {"{\"l\":[1,2]}", "{\"l\":[1,2,3]}", ADD("l.2", "[3]")},
        {"[1,1,1]", "[1,1]", REMOVE("2", "1")},
        {"[1,2,3,4]", "[1,4]", REMOVE("1", "2")},
        {"[1,2]", "[]", REMOVE("0", "2")},
        {"[1,2,3]", "[1,5,3]", "[{\"attribute\":\"1\",\"value\":5}]"},
        {"[0,{\"a\":1,\"b\":1},0]", "[0,{\"a\":2,\"b\":1},0]",
         "[{\"attribute\":\"1.a\",\"value\":2}]"},
        {"[1,2,3,4]", "[9,8,4]",
         "[{\"attribute\":\"0\",\"value\":9},{\"attribute\":\"1\",\"value\":8},"
         "{\"attribute\":\"2\",\"attributeType\":\"array\",\"operation\":\"remove\",\"value\":1}]"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        hy_node_t *before = tree_of(cases[i].before), *after = tree_of(cases[i].after);
        hy_change_t *c = diff_of(before, after);
        char body[512];
        c->is_batch = true;
        snprintf(body, sizeof body, "{\"version\":0,\"changes\":%s}", cases[i].changes);
        assert_payload(&c->payload, body);
        assert_int_equal(hy_change_apply(c, before, NULL, NULL), 0);
        assert_tree(before, cases[i].after);
        hy_change_unref(c);
        hy_node_unref(before);
        hy_node_unref(after);
    }
}

/* Writes down which nodes of a tree are equal to what stands at the same keys in another. */
typedef struct {
    hy_node_t *node;
    hy_value_t wanted;
} same_t;

static size_t note_same(hy_node_t *have, hy_node_t *want, same_t *same, size_t count) {
    if (hy_node_kind(have) != HY_OBJECT || hy_node_kind(want) != HY_OBJECT) return count;
    hy_str_t *key;
    hy_value_t v;
    for (uint32_t pos = 0; hy_node_next(have, &pos, &key, &v);) {
        hy_value_t w = hy_node_find(want, key);
        if (!hy_is_node(v) || v.kind != w.kind) continue;
        assert_true(count < 100);
        if (hy_value_equal(v, w)) same[count++] = (same_t){hy_node_ref(v.as.n), w};
        count = note_same(v.as.n, w.as.n, same, count);
    }
    return count;
}

static void assert_brought_level(hy_node_t *have, hy_node_t *want) {
    same_t same[100];
    size_t count = note_same(have, want, same, 0);
    hy_change_t *c = diff_of(have, want);
    bool was_equal = hy_value_equal(hy_node_value(have), hy_node_value(want));
    assert_int_equal(c->count == 0, was_equal);
    assert_int_equal(hy_change_apply(c, have, NULL, NULL), 0);
    assert_true(hy_value_equal(hy_node_value(have), hy_node_value(want)));
    hy_change_unref(c);
    c = diff_of(have, want);
    assert_int_equal(c->count, 0);
    hy_change_unref(c);
    while (count > 0) { /* what was equal is still there */
        assert_ptr_equal(hy_node_root(same[--count].node), have);
        assert_true(hy_value_equal(hy_node_value(same[count].node), same[count].wanted));
        hy_node_unref(same[count].node);
    }
}

static void any_tree_becomes_any_other(void **state) {
    (void)state;
    hy_random_t r;
    hy_random_seed(&r, 3);
    for (int i = 0; i < 4000; i++) {
        hy_node_t *have = random_tree(&r, 4), *want = random_tree(&r, 4);
        assert_brought_level(have, want);
        hy_node_unref(have);
        hy_node_unref(want);
    }
}

static hy_node_t *random_node(hy_random_t *r, hy_node_t *n) {
    while (hy_node_count(n) > 0 && hy_random_below(r, 4)) {
        uint64_t at = hy_random_below(r, hy_node_count(n));
        hy_value_t v = hy_node_at(n, at);
        for (uint32_t pos = 0; hy_node_next(n, &pos, NULL, &v) && at > 0; at--)
            continue;
        if (!hy_is_node(v)) break;
        n = v.as.n;
    }
    return n;
}

/* Puts in what is nowhere yet, or takes items out. */
static hy_edit_t random_edit(hy_random_t *r, hy_node_t *n, hy_str_t *key) {
    size_t count = hy_node_count(n);
    if (hy_node_kind(n) == HY_OBJECT)
        return (hy_edit_t){.kind = HY_OP_SET, .node = n, .key = key, .value = hy_text("new")};
    if (count == 0 || hy_random_below(r, 2))
        return (hy_edit_t){.kind = HY_OP_INSERT,
                           .node = n,
                           .index = hy_random_below(r, count + 1),
                           .value = value_of("[\"new\",{}]")};
    size_t index = hy_random_below(r, count);
    return (hy_edit_t){.kind = HY_OP_ERASE,
                       .node = n,
                       .index = index,
                       .count = 1 + hy_random_below(r, count - index)};
}

static void one_edit_makes_one_op(void **state) {
    (void)state;
    hy_random_t r;
    hy_random_seed(&r, 5);
    for (int i = 0; i < 4000; i++) {
        hy_node_t *have = random_tree(&r, 5);
        hy_value_t want;
        assert_int_equal(hy_value_copy(hy_node_value(have), &want), 0);
        hy_str_t *key = random_key(&r);
        hy_edit_t edit = random_edit(&r, random_node(&r, want.as.n), key);
        assert_int_equal(hy_edit_apply(want.as.n, &edit, NULL, NULL), 0);
        hy_change_t *c = diff_of(have, want.as.n);
        assert_int_equal(c->count, 1);
        hy_change_unref(c);
        assert_brought_level(have, want.as.n);
        hy_str_unref(key);
        hy_value_drop(want);
        hy_node_unref(have);
    }
}

/* A copy that missed a great deal is still brought level. */
static void too_many_differences_become_the_whole(void **state) {
    (void)state;
    hy_node_t *have = hy_node_new(HY_OBJECT), *want = hy_node_new(HY_OBJECT);
    for (int i = 0; i < (int)HY_BATCH_CHANGES_MAX + 1; i++) {
        hy_str_t *key = hy_str_format("k%d", i);
        assert_int_equal(hy_node_set(have, key, hy_int(1), NULL), 0);
        assert_int_equal(hy_node_set(want, key, hy_int(2), NULL), 0);
        hy_str_unref(key);
    }
    hy_change_t *c = hy_change_new();
    assert_int_equal(hy_change_add(c, HY_OP_REMOVE, NULL, 0, hy_absent(), 0), 0);
    assert_int_equal(hy_change_diff(c, have, want), 0);
    assert_int_equal(c->count, 2); /* what was there before, too */
    assert_int_equal(c->ops[0].kind, HY_OP_REMOVE);
    hy_change_unref(c);
    c = diff_of(have, want);
    assert_int_equal(c->count, 1);
    assert_int_equal(c->ops[0].step_count, 0);
    assert_int_equal(hy_change_apply(c, have, NULL, NULL), 0);
    assert_true(hy_value_equal(hy_node_value(have), hy_node_value(want)));
    hy_change_unref(c);

    assert_int_equal(hy_put(have, "k0", hy_int(1)), 0);
    c = diff_of(have, want);
    assert_int_equal(c->count, 1);
    assert_int_equal(c->ops[0].step_count, 1);
    hy_change_unref(c);
    hy_node_unref(have);
    hy_node_unref(want);
}

static void trees_of_the_greatest_depth_are_compared(void **state) {
    (void)state;
    hy_value_t trees[2];
    for (int i = 0; i < 2; i++) {
        trees[i] = hy_int(i);
        for (unsigned depth = 0; depth < HY_VALUE_DEPTH_MAX; depth++) {
            hy_node_t *n = hy_node_new(HY_OBJECT);
            assert_int_equal(hy_put(n, "k", trees[i]), 0);
            trees[i] = hy_node_value(n);
        }
    }
    hy_change_t *c = diff_of(trees[0].as.n, trees[1].as.n);
    assert_int_equal(c->count, 1);
    assert_int_equal(c->ops[0].step_count, HY_VALUE_DEPTH_MAX);
    assert_int_equal(hy_change_apply(c, trees[0].as.n, NULL, NULL), 0);
    assert_true(hy_value_equal(trees[0], trees[1]));
    hy_change_unref(c);
    hy_value_drop(trees[0]);
    hy_value_drop(trees[1]);
}

typedef struct {
    hy_node_t *have, *want;
} pair_t;

static int try_diff(void *arg) {
    const pair_t *p = arg;
    hy_change_t *c = hy_change_new();
    int rc = c ? hy_change_diff(c, p->have, p->want) : HY_ENOMEM;
    hy_change_unref(c);
    return rc;
}

static void comparing_survives_that_memory_runs_out(void **state) {
    (void)state;
    pair_t p = {.have = tree_of("{\"a\":[1,2,3],\"b\":{\"c\":{\"d\":{\"e\":{\"f\":1}}}},\"g\":1}"),
                .want = tree_of("{\"a\":[1,{},[0],2,3],\"b\":{\"c\":{\"d\":{\"e\":{\"f\":[]}}}},"
                                "\"h\":{\"i\":\"text\"}}")};
    fail_until_it_works(try_diff, &p);
    hy_node_unref(p.have);
    hy_node_unref(p.want);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_difference_is_one_op),
        TEST(any_tree_becomes_any_other),
        TEST(one_edit_makes_one_op),
        TEST(too_many_differences_become_the_whole),
        TEST(trees_of_the_greatest_depth_are_compared),
        TEST(comparing_survives_that_memory_runs_out),
    };
    return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
