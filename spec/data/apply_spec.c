/* core/data/apply.c: single edits, what they tell and how they are undone; whole changes. Long
 * random runs: apply_model_spec.c. */
#include "support.h"

#include <stdio.h>

/* --- one edit --------------------------------------------------------------------------------- */

/* An edit at the node "n" of a tree. */
typedef struct {
    const char *before;
    hy_op_kind_t kind;
    const char *key;
    size_t index;
    const char *value;
    uint64_t count;
    int code;
    const char *after; /* or the reason */
} edit_t;

static const edit_t edits[] = {
    {"{}", HY_OP_SET, "k", 0, "1", 0, 0, "{\"k\":1}"},
    {"{\"k\":[0]}", HY_OP_SET, "k", 0, "null", 0, 0, "{\"k\":null}"},
    {"[0,1,2]", HY_OP_SET, NULL, 2, "{}", 0, 0, "[0,1,{}]"},
    {"{\"k\":1,\"l\":2}", HY_OP_REMOVE, "k", 0, NULL, 0, 0, "{\"l\":2}"},
    {"[]", HY_OP_INSERT, NULL, 0, "[1,2]", 0, 0, "[1,2]"},
    {"[0,3]", HY_OP_INSERT, NULL, 1, "[1,[2]]", 0, 0, "[0,1,[2],3]"},
    {"[0]", HY_OP_INSERT, NULL, 1, "[]", 0, 0, "[0]"},
    {"[0,1,2,3]", HY_OP_ERASE, NULL, 1, NULL, 2, 0, "[0,3]"},
    {"[0]", HY_OP_ERASE, NULL, 0, NULL, 1, 0, "[]"},
    /* what does not fit */
    {"[0]", HY_OP_SET, NULL, 1, "1", 0, HY_EGAP,
     "index 1 is out of range: the array has 1 elements"},
    {"[0]", HY_OP_SET, "k", 0, "[1]", 0, HY_EINVALID, "an array has no key \"k\""},
    {"{}", HY_OP_SET, NULL, 0, "\"s\"", 0, HY_EINVALID, "keys of an object are text"},
    {"{}", HY_OP_REMOVE, "k", 0, NULL, 0, HY_EGAP, "there is no \"k\""},
    {"[0]", HY_OP_REMOVE, NULL, 0, NULL, 0, HY_EGAP,
     "only a key of an object can be removed by its name"},
    {"{}", HY_OP_INSERT, "k", 0, "[1]", 0, HY_EINVALID, "only an array takes inserted items"},
    {"[]", HY_OP_INSERT, NULL, 0, "\"s\"", 0, HY_EINVALID, "inserted items come as an array"},
    {"[0]", HY_OP_INSERT, NULL, 2, "[1]", 0, HY_EGAP,
     "index 2 is out of range: the array has 1 elements"},
    {"{}", HY_OP_ERASE, "k", 0, NULL, 1, HY_EINVALID, "only an array has items to take out"},
    {"[0]", HY_OP_ERASE, NULL, 0, NULL, 0, HY_EINVALID, "no items to take out"},
    {"[0]", HY_OP_ERASE, NULL, 1, NULL, 1, HY_EGAP,
     "index 1 is out of range: the array has 1 elements"},
    {"[0,1]", HY_OP_ERASE, NULL, 1, NULL, 2, HY_EGAP,
     "index 2 is out of range: the array has 2 elements"},
    {"[0,1]", HY_OP_ERASE, NULL, 1, NULL, INT64_MAX, HY_EGAP,
     "index 9223372036854775807 is out of range: the array has 2 elements"},
    {"[0]", HY_OP_SET, NULL, SIZE_MAX, "1", 0, HY_EGAP,
     "index 18446744073709551615 is out of range: the array has 1 elements"},
};

static hy_edit_t edit_of(const edit_t *e, hy_node_t *node) {
    return (hy_edit_t){.kind = e->kind,
                       .node = node,
                       .key = e->key ? str_of(e->key) : NULL,
                       .index = e->index,
                       .value = e->value ? value_of(e->value) : hy_absent(),
                       .count = e->count};
}

static void an_edit_is_done_or_changes_nothing(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(edits); i++) {
        const edit_t *e = &edits[i];
        hy_node_t *root = tree_of("{\"n\":0}"), *node = tree_of(e->before);
        assert_int_equal(hy_put(root, "n", hy_node_value(node)), 0);
        hy_edit_t edit = edit_of(e, node);
        hy_error_t err = {.text = ""};
        assert_int_equal(hy_edit_apply(root, &edit, NULL, &err), e->code);
        if (e->code == 0) {
            assert_tree(node, e->after);
        } else {
            assert_tree(node, e->before);
            assert_string_equal(err.text, e->after);
        }
        hy_str_unref(edit.key);
        hy_node_unref(root);
    }
}

static void an_effect_tells_what_was_there_and_undoes_it(void **state) {
    (void)state;
    static const char *const olds[] = {NULL, "[0]", "2", "1", NULL, NULL, NULL, "[1,2]", "[0]"};
    static const uint64_t counts[] = {0, 0, 0, 0, 2, 2, 0, 2, 1};
    for (size_t i = 0; i < COUNT_OF(olds); i++) {
        const edit_t *e = &edits[i];
        hy_node_t *root = tree_of(e->before);
        hy_edit_t edit = edit_of(e, root);
        hy_effect_t effect;
        assert_int_equal(hy_edit_apply(root, &edit, &effect, NULL), 0);
        assert_int_equal(effect.kind, e->kind);
        assert_ptr_equal(effect.node, root);
        assert_ptr_equal(effect.key, edit.key);
        assert_int_equal(effect.index, e->index);
        assert_int_equal(effect.count, counts[i]);
        if (olds[i]) {
            assert_text_of(effect.old, olds[i]);
        } else {
            assert_int_equal(effect.old.kind, HY_ABSENT);
        }
        hy_effect_undo(root, &effect);
        assert_tree(root, e->before);
        hy_str_unref(edit.key);
        hy_node_unref(root);
    }
}

static void the_whole_tree_is_replaced_and_its_root_stays(void **state) {
    (void)state;
    hy_node_t *root = tree_of("{\"a\":{}}"), *a = hy_get_object(root, "a");
    hy_edit_t edit = {.kind = HY_OP_SET, .value = value_of("[1]")};
    hy_effect_t effect;
    assert_int_equal(hy_edit_apply(root, &edit, &effect, NULL), 0);
    assert_tree(root, "[1]");
    assert_null(effect.node);
    assert_text_of(effect.old, "{\"a\":{}}");
    assert_ptr_not_equal(hy_node_root(a), root);
    hy_effect_undo(root, &effect);
    assert_tree(root, "{\"a\":{}}");
    assert_ptr_equal(hy_get_object(root, "a"), a);
    assert_ptr_equal(hy_node_root(a), root);

    hy_error_t err;
    edit = (hy_edit_t){.kind = HY_OP_SET, .value = hy_text("scalar")};
    assert_int_equal(hy_edit_apply(root, &edit, NULL, &err), HY_EINVALID);
    assert_string_equal(err.text, "the whole data is an object or an array");
    edit = (hy_edit_t){.kind = HY_OP_REMOVE};
    assert_int_equal(hy_edit_apply(root, &edit, NULL, &err), HY_EINVALID);
    hy_node_unref(root);
}

static void undoing_puts_the_very_nodes_back(void **state) {
    (void)state;
    hy_node_t *root = tree_of("{\"l\":[{\"x\":1},{},[]],\"m\":{\"deep\":[1]}}");
    hy_node_t *list = hy_get_array(root, "l"), *first = hy_node_at(list, 0).as.n;
    hy_node_t *deep = hy_get_array(hy_get_object(root, "m"), "deep");
    hy_change_t *c = change_of("{\"version\":1,\"changes\":["
                               "{\"attribute\":\"l.0\",\"operation\":\"remove\",\"value\":2},"
                               "{\"attribute\":\"m.deep\",\"value\":5},"
                               "{\"attribute\":\"m\"},{\"attribute\":[],\"value\":{}}]}");
    hy_effect_t effects[4];
    assert_int_equal(hy_change_apply(c, root, effects, NULL), 0);
    assert_tree(root, "{}");
    assert_ptr_not_equal(hy_node_root(first), root);
    for (uint32_t i = 4; i-- > 0;) {
        hy_effect_undo(root, &effects[i]);
    }
    assert_tree(root, "{\"l\":[{\"x\":1},{},[]],\"m\":{\"deep\":[1]}}");
    assert_ptr_equal(hy_get_array(root, "l"), list);
    assert_ptr_equal(hy_node_at(list, 0).as.n, first);
    assert_int_equal(hy_node_index(first), 0);
    assert_ptr_equal(hy_get_array(hy_get_object(root, "m"), "deep"), deep);
    assert_ptr_equal(hy_node_root(deep), root);
    hy_change_unref(c);
    hy_node_unref(root);
}

static void a_value_that_an_op_has_no_use_for_is_let_go(void **state) {
    (void)state;
    hy_node_t *root = tree_of("{\"k\":1,\"l\":[1]}");
    hy_str_t *key = str_of("k");
    hy_edit_t edit = {.kind = HY_OP_REMOVE, .node = root, .key = key, .value = value_of("[1]")};
    assert_int_equal(hy_edit_apply(root, &edit, NULL, NULL), 0);
    edit = (hy_edit_t){
        .kind = HY_OP_ERASE, .node = hy_get_array(root, "l"), .value = value_of("[1]"), .count = 1};
    assert_int_equal(hy_edit_apply(root, &edit, NULL, NULL), 0);
    assert_tree(root, "{\"l\":[]}");
    hy_str_unref(key);
    hy_node_unref(root);
}

/* --- depth ------------------------------------------------------------------------------------ */

static hy_value_t nested(unsigned depth) {
    hy_value_t v = hy_int(1);
    while (depth-- > 0) {
        hy_node_t *n = hy_node_new(HY_ARRAY);
        assert_int_equal(hy_node_insert(n, 0, v), 0);
        v = hy_node_value(n);
    }
    return v;
}

static int set_whole(hy_node_t *root, hy_value_t v, hy_error_t *err) {
    hy_edit_t edit = {.kind = HY_OP_SET, .value = v};
    return hy_edit_apply(root, &edit, NULL, err);
}

static void a_tree_is_no_deeper_than_its_bound(void **state) {
    (void)state;
    hy_error_t err;
    hy_node_t *root = tree_of("{}");
    assert_int_equal(set_whole(root, nested(HY_VALUE_DEPTH_MAX + 1), &err), HY_ETOO_LARGE);
    assert_string_equal(err.text, "nesting deeper than 120");
    assert_int_equal(set_whole(root, nested(HY_VALUE_DEPTH_MAX), NULL), 0);
    assert_int_equal(set_whole(root, value_of("[0,[]]"), NULL), 0);
    for (unsigned over = 2; over-- > 0;) {
        int code = over ? HY_ETOO_LARGE : 0;
        hy_edit_t set = {
            .kind = HY_OP_SET, .node = root, .value = nested(HY_VALUE_DEPTH_MAX - 1 + over)};
        assert_int_equal(hy_edit_apply(root, &set, NULL, NULL), code);
        /* One level further down; the array of items is none. */
        hy_edit_t insert = {.kind = HY_OP_INSERT,
                            .node = hy_node_at(root, 1).as.n,
                            .value = nested(HY_VALUE_DEPTH_MAX - 1 + over)};
        assert_int_equal(hy_edit_apply(root, &insert, NULL, NULL), code);
    }
    assert_int_equal(hy_value_depth(hy_node_value(root)), HY_VALUE_DEPTH_MAX);
    assert_int_equal(hy_value_depth(hy_node_at(root, 1)), HY_VALUE_DEPTH_MAX - 1);
    hy_node_unref(root);
}

/* --- whole changes ---------------------------------------------------------------------------- */

static void what_cannot_be_applied_is_a_gap(void **state) {
    (void)state;
    static const struct {
        const char *op, *text;
    } gaps[] = {
        {"\"attribute\":\"x.y\",\"value\":1", "there is no x.y"},
        {"\"attribute\":\"a.b.c\",\"value\":1", "there is no a.b.c"},
        {"\"attribute\":\"x\"", "there is no \"x\""},
        {"\"attribute\":\"l.0\"", "only a key of an object can be removed by its name"},
        {"\"attribute\":\"l.2\",\"value\":1", "index 2 is out of range: the array has 2 elements"},
        {"\"attribute\":\"l.x\",\"value\":1", "there is no l.x"},
        {"\"attribute\":\"l.-1\",\"value\":1", "there is no l.-1"},
        {"\"attribute\":\"l.+1\",\"value\":1", "there is no l.+1"},
        {"\"attribute\":\"l.01\",\"value\":1", "there is no l.01"},
        {"\"attribute\":\"l. 1\",\"value\":1", "there is no l. 1"},
        {"\"attribute\":\"l.1e0\",\"value\":1", "there is no l.1e0"},
        {"\"attribute\":[\"l\",\"\"],\"value\":1", "there is no l."},
        {"\"attribute\":\"l.4294967296\",\"value\":1",
         "index 4294967296 is out of range: the array has 2 elements"},
        {"\"attribute\":\"l.4294967296.x\",\"value\":1", "there is no l.4294967296.x"},
        {"\"attribute\":\"l.9223372036854775808\",\"value\":1",
         "there is no l.9223372036854775808"},
        {"\"attribute\":\"l.18446744073709551616\",\"value\":1",
         "there is no l.18446744073709551616"},
        {"\"attribute\":[\"l\",9223372036854775807],\"value\":1",
         "there is no l.9223372036854775807"},
        {"\"attribute\":\"l.3\",\"operation\":\"add\",\"value\":[1]",
         "index 3 is out of range: the array has 2 elements"},
        {"\"attribute\":\"a.0\",\"operation\":\"add\",\"value\":[1]",
         "only an array takes inserted items"},
        {"\"attribute\":\"l.1\",\"operation\":\"remove\",\"value\":9223372036854775807",
         "index 9223372036854775807 is out of range: the array has 2 elements"},
        {"\"attribute\":[],\"value\":1", "the whole data is an object or an array"},
        {"\"attribute\":[]", "the whole data is an object or an array"},
    };
    for (size_t i = 0; i < COUNT_OF(gaps); i++) {
        char body[256];
        snprintf(body, sizeof body, "{\"version\":1,%s}", gaps[i].op);
        hy_change_t *c = change_of(body);
        hy_node_t *tree = tree_of("{\"a\":{\"b\":1},\"l\":[0,1]}");
        hy_error_t err = {.text = ""};
        assert_int_equal(hy_change_apply(c, tree, NULL, &err), HY_EGAP);
        assert_string_equal(err.text, gaps[i].text);
        assert_int_equal(err.code, HY_EGAP);
        assert_int_equal(hy_change_apply(c, tree, NULL, NULL), HY_EGAP);
        assert_tree(tree, "{\"a\":{\"b\":1},\"l\":[0,1]}");
        hy_change_unref(c);
        hy_node_unref(tree);
    }
}

/* Ranges in the middle of long arrays: taking out and putting in is linear in their length. Each
 * item shifted on its own would take minutes here. */
static void long_ranges_are_moved_in_one_go(void **state) {
    (void)state;
    const size_t count = 200000;
    hy_node_t *list = hy_node_new(HY_ARRAY), *kept = hy_node_new(HY_OBJECT);
    for (size_t i = 0; i < count; i++) {
        hy_value_t v = i == count - 2 ? hy_node_value(hy_node_ref(kept)) : hy_int((int64_t)i);
        assert_int_equal(hy_node_insert(list, i, v), 0);
    }
    for (int round = 0; round < 5; round++) {
        hy_edit_t edit = {.kind = HY_OP_ERASE, .node = list, .index = 50000, .count = 100000};
        hy_effect_t erased, inserted;
        assert_int_equal(hy_edit_apply(list, &edit, &erased, NULL), 0);
        assert_int_equal(hy_node_count(list), 100000);
        assert_int_equal(hy_node_at(list, 50000).as.i, 150000);
        assert_int_equal(hy_node_index(kept), 99998);
        hy_value_t items;
        assert_int_equal(hy_value_copy(erased.old, &items), 0);
        edit = (hy_edit_t){.kind = HY_OP_INSERT, .node = list, .index = 50000, .value = items};
        assert_int_equal(hy_edit_apply(list, &edit, &inserted, NULL), 0);
        assert_int_equal(hy_node_at(list, 149999).as.i, 149999);
        hy_effect_undo(list, &inserted);
        hy_effect_undo(list, &erased);
    }
    for (size_t i = 0; i < count - 2; i++) {
        assert_int_equal(hy_node_at(list, i).as.i, i);
    }
    assert_ptr_equal(hy_node_at(list, count - 2).as.n, kept);
    assert_int_equal(hy_node_index(kept), count - 2);
    assert_ptr_equal(hy_node_parent(kept), list);
    hy_node_unref(list);
    hy_node_unref(kept);
}

/* --- memory runs out -------------------------------------------------------------------------- */

typedef struct {
    const hy_change_t *change;
    hy_node_t *tree;
    hy_value_t before;
    hy_node_t *node; /* at "l.5" */
} trying_t;

static int try_applying(void *arg) {
    trying_t *t = arg;
    int rc = hy_change_apply(t->change, t->tree, NULL, NULL);
    if (rc == 0) return 0;
    assert_true(hy_value_equal(hy_node_value(t->tree), t->before));
    assert_ptr_equal(hy_node_at(hy_get_array(t->tree, "l"), 5).as.n, t->node);
    return rc;
}

static void no_change_is_half_applied_when_memory_runs_out(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "{\"version\":1,\"attribute\":\"n\",\"value\":{\"a\":[1,\"s\",{}]}}",
        "{\"version\":1,\"attribute\":[],\"value\":{\"a\":[1]}}",
        "{\"version\":1,\"attribute\":\"l.2\",\"operation\":\"add\",\"value\":[{},{},{},{},{},{}]}",
        "{\"version\":1,\"attribute\":\"l.1\",\"operation\":\"remove\",\"value\":8}",
        "{\"version\":1,\"changes\":["
        "{\"attribute\":\"l.5.new\",\"value\":{}},{\"attribute\":\"l.1\",\"value\":[]},"
        "{\"attribute\":\"l.2\",\"operation\":\"add\",\"value\":[1,{},3,4,5,6,7]},"
        "{\"attribute\":\"l.3\",\"operation\":\"remove\",\"value\":5},"
        "{\"attribute\":\"new\",\"value\":[[[]]]},{\"attribute\":[],\"value\":{\"a\":{}}},"
        "{\"attribute\":\"a.b\",\"value\":[]}]}",
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        hy_node_t *tree = tree_of("{\"l\":[0,1,2,3,4,{\"x\":[]},6,7,8,9],\"m\":{}}");
        trying_t t = {.change = change_of(bodies[i]), .tree = tree};
        t.node = hy_node_at(hy_get_array(tree, "l"), 5).as.n;
        assert_int_equal(hy_value_copy(hy_node_value(tree), &t.before), 0);
        for (int64_t n = 1;; n++) { /* what is put back may take memory of its own */
            hy_mem_fail_after(n);
            int rc = try_applying(&t);
            hy_mem_fail_after(-1);
            if (rc == 0) break;
            assert_int_equal(rc, HY_ENOMEM);
        }
        hy_value_drop(t.before);
        hy_change_unref((hy_change_t *)t.change);
        hy_node_unref(tree);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_edit_is_done_or_changes_nothing),
        TEST(an_effect_tells_what_was_there_and_undoes_it),
        TEST(the_whole_tree_is_replaced_and_its_root_stays),
        TEST(undoing_puts_the_very_nodes_back),
        TEST(a_value_that_an_op_has_no_use_for_is_let_go),
        TEST(a_tree_is_no_deeper_than_its_bound),
        TEST(what_cannot_be_applied_is_a_gap),
        TEST(long_ranges_are_moved_in_one_go),
        TEST(no_change_is_half_applied_when_memory_runs_out),
    };
    return cmocka_run_group_tests_name("apply", tests, NULL, NULL);
}
