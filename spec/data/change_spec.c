/* core/data/change.c: changes as records. */
#include "support.h"

static const hy_step_t no_steps[1];

static void assert_path(const hy_op_t *op, int64_t base, const char *text) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_path_write(&b, op->steps, op->step_count, base);
    hy_str_t *path = hy_buf_take(&b);
    assert_string_equal(path->bytes, text);
    hy_str_unref(path);
}

static int add_set(hy_change_t *c, hy_node_t *node, const char *key, size_t index,
                   hy_value_t value) {
    hy_str_t *name = key ? str_of(key) : NULL;
    hy_edit_t edit = {.kind = HY_OP_SET, .node = node, .key = name, .index = index, .value = value};
    int rc = hy_change_add_edit(c, &edit);
    hy_str_unref(name);
    hy_value_drop(value);
    return rc;
}

static void an_edit_is_told_by_the_path_of_its_node(void **state) {
    (void)state;
    hy_node_t *root = tree_of("{\"a\":{\"list\":[0,[1,{\"x\":2}]]}}");
    hy_node_t *list = hy_get_array(hy_get_object(root, "a"), "list");
    hy_node_t *inner = hy_node_at(list, 1).as.n, *deep = hy_node_at(inner, 1).as.n;
    hy_change_t *c = hy_change_new();
    assert_int_equal(add_set(c, root, "a", 0, hy_int(1)), 0);
    assert_int_equal(add_set(c, list, NULL, 0, hy_null()), 0);
    assert_int_equal(add_set(c, deep, "x", 0, value_of("[1]")), 0);
    assert_int_equal(add_set(c, NULL, NULL, 0, value_of("{}")), 0);
    assert_int_equal(c->count, 4);
    assert_path(&c->ops[0], 0, "a");
    assert_path(&c->ops[1], 0, "a.list.0");
    assert_path(&c->ops[2], 0, "a.list.1.1.x");
    assert_path(&c->ops[2], 1, "a.list.2.2.x");
    assert_path(&c->ops[3], 0, "");
    hy_change_unref(c);
    hy_node_unref(root);
}

static void the_value_of_an_edit_is_copied(void **state) {
    (void)state;
    hy_node_t *root = tree_of("{}");
    hy_str_t *key = str_of("a");
    hy_edit_t edit = {.kind = HY_OP_SET, .node = root, .key = key, .value = value_of("{\"x\":1}")};
    hy_change_t *c = hy_change_new();
    assert_int_equal(hy_change_add_edit(c, &edit), 0);
    assert_ptr_not_equal(c->ops[0].value.as.n, edit.value.as.n);
    assert_int_equal(hy_edit_apply(root, &edit, NULL, NULL), 0);
    assert_int_equal(hy_put(hy_get_object(root, "a"), "x", hy_int(2)), 0);
    assert_text_of(c->ops[0].value, "{\"x\":1}");
    hy_change_unref(c);
    hy_str_unref(key);
    hy_node_unref(root);
}

static void the_op_added_last_can_be_taken_back(void **state) {
    (void)state;
    hy_node_t *root = tree_of("{\"list\":[1]}");
    hy_node_t *list = hy_get_array(root, "list");
    hy_change_t *c = hy_change_new();
    /* A key is where an index comes later: nothing of it may be left. */
    assert_int_equal(add_set(c, root, "a", 0, hy_text("gone")), 0);
    hy_change_drop_last(c);
    assert_int_equal(add_set(c, list, NULL, 0, hy_int(7)), 0);
    assert_path(&c->ops[0], 0, "list.0");
    hy_node_t *other = tree_of("[1]");
    hy_change_drop_last(c);
    assert_int_equal(add_set(c, other, NULL, 0, hy_int(8)), 0);
    assert_path(&c->ops[0], 0, "0");
    hy_node_unref(other);
    hy_change_unref(c);
    hy_node_unref(root);
}

static void taking_back_and_adding_go_on_at_any_count(void **state) {
    (void)state;
    hy_random_t r;
    hy_random_seed(&r, 1);
    hy_node_t *root = tree_of("{}");
    hy_change_t *c = hy_change_new();
    int64_t model[64];
    uint32_t count = 0;
    for (int i = 0; i < 5000; i++) {
        if (count > 0 && (count == COUNT_OF(model) || hy_random_below(&r, 2))) {
            hy_change_drop_last(c);
            count--;
        } else {
            model[count] = i;
            assert_int_equal(add_set(c, root, "key", 0, hy_int(model[count])), 0);
            count++;
        }
        assert_int_equal(c->count, count);
        for (uint32_t at = 0; at < count; at++) {
            assert_int_equal(c->ops[at].value.as.i, model[at]);
            assert_path(&c->ops[at], 0, "key");
        }
    }
    hy_change_unref(c);
    hy_node_unref(root);
}

static void long_paths_and_long_batches_are_refused(void **state) {
    (void)state;
    hy_step_t steps[HY_PATH_STEPS_MAX + 1] = {{0}};
    hy_change_t *c = hy_change_new();
    assert_int_equal(hy_change_add(c, HY_OP_SET, steps, HY_PATH_STEPS_MAX, hy_text("v"), 0), 0);
    assert_int_equal(hy_change_add(c, HY_OP_SET, steps, HY_PATH_STEPS_MAX + 1, hy_text("v"), 0),
                     HY_ETOO_LARGE);
    for (uint32_t i = 1; i < HY_BATCH_CHANGES_MAX; i++) {
        assert_int_equal(hy_change_add(c, HY_OP_REMOVE, no_steps, 0, hy_absent(), 0), 0);
    }
    assert_int_equal(hy_change_add(c, HY_OP_SET, no_steps, 0, hy_text("v"), 0), HY_ETOO_LARGE);
    hy_change_drop_last(c);
    assert_int_equal(hy_change_add(c, HY_OP_SET, no_steps, 0, hy_text("v"), 0), 0);
    hy_change_unref(c);
}

static void its_memory_counts_all_texts(void **state) {
    (void)state;
    hy_str_t *long_text = hy_str_reserve(10000);
    memset(long_text->bytes, 'x', 10000);
    hy_change_t *c = hy_change_new();
    hy_step_t step = {.key = long_text};
    size_t (*bytes)(const hy_payload_t *) = c->payload.ops->bytes;
    assert_true(bytes(&c->payload) >= sizeof *c && bytes(&c->payload) < 1000);
    c->epoch = hy_str_ref(long_text);
    assert_true(bytes(&c->payload) >= 10000);
    c->source = hy_str_ref(long_text);
    assert_true(bytes(&c->payload) >= 20000);
    c->child = hy_str_ref(long_text);
    assert_true(bytes(&c->payload) >= 30000);
    hy_change_add(c, HY_OP_SET, &step, 1, hy_string(hy_str_ref(long_text)), 0);
    assert_true(bytes(&c->payload) >= 50000);
    assert_true(bytes(&c->payload) < 52000);
    hy_change_unref(c);
    hy_str_unref(long_text);
}

static int try_adding(void *arg) {
    hy_node_t *deep = arg;
    hy_change_t *c = hy_change_new();
    hy_value_t value = hy_text("value");
    int rc = c && value.kind == HY_STR ? 0 : HY_ENOMEM;
    hy_edit_t edit = {.kind = HY_OP_SET, .node = deep, .value = value};
    for (int i = 0; rc == 0 && i < 5; i++) {
        uint32_t before = c->count;
        rc = hy_change_add_edit(c, &edit);
        assert_int_equal(c->count, before + (rc == 0));
    }
    hy_value_drop(value);
    hy_change_unref(c);
    return rc;
}

static void adding_survives_that_memory_runs_out(void **state) {
    (void)state;
    hy_node_t *root = tree_of("[[[[[[0]]]]]]"), *deep = root;
    while (hy_is_node(hy_node_at(deep, 0))) {
        deep = hy_node_at(deep, 0).as.n;
    }
    fail_until_it_works(try_adding, deep);
    hy_node_unref(root);
}

/* --- in messages ------------------------------------------------------------------------------ */

static void a_message_of_this_runtime_hands_its_record_on(void **state) {
    (void)state;
    hy_str_t *from = str_of("comm://d/x"), *to = str_of("comm://d/x/changes");
    hy_change_t *c = change_of("{\"version\":1,\"attribute\":\"a\",\"value\":1}"), *got;
    hy_msg_t *m =
        hy_msg_new_payload(HY_MSG_UPDATE, hy_absent(), from, to, &hy_change_ref(c)->payload);
    assert_int_equal(hy_change_of(m, &got, NULL), 0);
    assert_ptr_equal(got, c);
    hy_change_unref(got);
    hy_msg_unref(m);
    hy_change_unref(c);
    hy_str_unref(from);
    hy_str_unref(to);
}

static int change_of_text(const char *text, hy_change_t **out, hy_error_t *err) {
    hy_str_t *whole = str_of(text);
    hy_msg_t *m = NULL;
    assert_int_equal(hy_msg_parse(whole, &m, NULL), 0);
    int rc = hy_change_of(m, out, err);
    hy_msg_unref(m);
    hy_str_unref(whole);
    return rc;
}

static void a_message_that_came_in_is_read(void **state) {
    (void)state;
#define HEAD "{\"type\":\"update\",\"from\":\"comm://d/x\",\"to\":\"comm://d/x/changes\""
    hy_change_t *c = NULL;
    hy_error_t err = {.text = ""};
    const char *body = "{\"epoch\":\"1-a\",\"version\":3,\"attribute\":\"a\",\"value\":[true]}";
    assert_int_equal(change_of_text(HEAD ",\"body\":{\"epoch\":\"1-a\",\"version\":3,"
                                         "\"attribute\":\"a\",\"value\":[true]}}",
                                    &c, &err),
                     0);
    assert_payload(&c->payload, body);
    hy_change_unref(c);
    assert_int_equal(change_of_text(HEAD "}", &c, &err), HY_EINVALID);
    assert_string_equal(err.text, "malformed update: no body");
    assert_int_equal(change_of_text(HEAD ",\"body\":{}}", &c, &err), HY_EINVALID);
    assert_string_equal(err.text, "malformed update: \"version\" is missing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_edit_is_told_by_the_path_of_its_node),
        TEST(the_value_of_an_edit_is_copied),
        TEST(the_op_added_last_can_be_taken_back),
        TEST(taking_back_and_adding_go_on_at_any_count),
        TEST(long_paths_and_long_batches_are_refused),
        TEST(its_memory_counts_all_texts),
        TEST(adding_survives_that_memory_runs_out),
        TEST(a_message_of_this_runtime_hands_its_record_on),
        TEST(a_message_that_came_in_is_read),
    };
    return cmocka_run_group_tests_name("change", tests, NULL, NULL);
}
