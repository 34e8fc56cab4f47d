/* core/data/view.c: rights and liveness in front of a tree. */
#include "support.h"

#include <stdio.h>

/* An owner that writes down what it is asked. */
typedef struct {
    char seen[128];
    hy_node_t *root;
    hy_view_t *view;
    int code;
} owner_t;

static void note(owner_t *o, const char *what) {
    size_t len = strlen(o->seen);
    snprintf(o->seen + len, sizeof o->seen - len, "%s%s", len ? " " : "", what);
}

static int on_edit(void *owner, hy_edit_t *edit, hy_error_t *err) {
    owner_t *o = owner;
    note(o, "edit");
    if (o->code == 0) return hy_edit_apply(o->root, edit, NULL, err);
    hy_value_drop(edit->value);
    return hy_fail(err, o->code, "refused");
}
static int on_begin(void *owner, hy_error_t *err) {
    note(owner, "begin");
    return ((owner_t *)owner)->code ? hy_fail(err, ((owner_t *)owner)->code, "not now") : 0;
}
static int on_commit(void *owner, hy_error_t *err) {
    (void)err;
    note(owner, "commit");
    return 0;
}
static void on_rollback(void *owner) {
    note(owner, "rollback");
}
static void on_release(void *owner) {
    note(owner, "release");
}

static const hy_view_ops_t ops = {.edit = on_edit,
                                  .begin = on_begin,
                                  .commit = on_commit,
                                  .rollback = on_rollback,
                                  .release = on_release};
static const hy_view_ops_t bare_ops = {.edit = on_edit};

static hy_view_t *view_of(hy_node_t *root, const hy_view_ops_t *with, void *owner) {
    hy_str_t *name = str_of("comm://d/x");
    hy_view_t *v = hy_view_new(root, with, owner, name);
    assert_non_null(v);
    hy_str_unref(name);
    return v;
}

static int set(hy_view_t *v, hy_node_t *node, const char *key, hy_value_t value, hy_error_t *err) {
    hy_str_t *name = str_of(key);
    hy_edit_t edit = {.kind = HY_OP_SET, .node = node, .key = name, .value = value};
    int rc = hy_view_edit(v, &edit, err);
    hy_str_unref(name);
    return rc;
}

static void edits_and_batches_go_to_the_owner(void **state) {
    (void)state;
    owner_t o = {.root = tree_of("{\"a\":{}}")};
    hy_view_t *v = view_of(o.root, &ops, &o);
    assert_int_equal(hy_view_begin(v, NULL), 0);
    assert_int_equal(set(v, hy_get_object(o.root, "a"), "k", hy_text("v"), NULL), 0);
    assert_int_equal(hy_view_commit(v, NULL), 0);
    assert_int_equal(hy_view_begin(v, NULL), 0);
    hy_view_rollback(v);
    assert_tree(o.root, "{\"a\":{\"k\":\"v\"}}");
    o.code = HY_EFORBIDDEN;
    hy_error_t err;
    assert_int_equal(set(v, o.root, "k", hy_text("v"), &err), HY_EFORBIDDEN);
    assert_string_equal(err.text, "refused");
    assert_int_equal(hy_view_begin(v, &err), HY_EFORBIDDEN);
    hy_view_unref(v);
    assert_string_equal(o.seen, "begin edit commit begin rollback edit begin release");
    hy_node_unref(o.root);
}

static void a_tree_without_batches_takes_them_as_nothing(void **state) {
    (void)state;
    owner_t o = {.root = tree_of("{}")};
    hy_view_t *v = view_of(o.root, &bare_ops, &o);
    assert_int_equal(hy_view_begin(v, NULL), 0);
    assert_int_equal(set(v, NULL, "k", value_of("[1]"), NULL), 0); /* NULL: the whole */
    hy_view_rollback(v);
    assert_int_equal(hy_view_commit(v, NULL), 0);
    hy_view_close(v);
    hy_view_unref(v);
    assert_tree(o.root, "[1]");
    assert_string_equal(o.seen, "edit");
    hy_node_unref(o.root);
}

static void a_closed_view_refuses_everything(void **state) {
    (void)state;
    owner_t o = {.root = tree_of("{\"a\":{}}")};
    hy_view_t *v = view_of(o.root, &ops, &o);
    hy_error_t err = {.text = ""};
    assert_int_equal(hy_view_check(v, o.root, NULL), 0);
    hy_view_close(v);
    assert_string_equal(o.seen, "release");
    assert_int_equal(hy_view_check(v, o.root, &err), HY_ECLOSED);
    assert_string_equal(err.text, "comm://d/x is closed");
    assert_int_equal(set(v, o.root, "k", value_of("[1]"), NULL), HY_ECLOSED);
    assert_int_equal(hy_view_begin(v, NULL), HY_ECLOSED);
    assert_int_equal(hy_view_commit(v, NULL), HY_ECLOSED);
    hy_view_rollback(v);
    hy_node_unref(o.root); /* the view still holds it */
    assert_tree(v->root, "{\"a\":{}}");
    hy_view_unref(v);
    assert_string_equal(o.seen, "release");
}

static void the_owner_is_let_go_of_once(void **state) {
    (void)state;
    owner_t o = {.root = tree_of("{}")};
    hy_view_t *v = view_of(o.root, &ops, &o);
    assert_ptr_equal(hy_view_ref(v), v);
    hy_view_unref(v);
    assert_string_equal(o.seen, "");
    hy_view_close(v);
    hy_view_close(v);
    hy_view_unref(v);
    assert_string_equal(o.seen, "release");
    hy_view_unref(view_of(o.root, &ops, &o));
    assert_string_equal(o.seen, "release release");
    hy_view_close(NULL);
    hy_view_unref(NULL);
    hy_node_unref(o.root);
}

static void drop_view(void *owner) {
    owner_t *o = owner;
    note(o, "release");
    hy_view_unref(o->view);
}

static void letting_go_may_end_the_view(void **state) {
    (void)state;
    static const hy_view_ops_t dropping = {.edit = on_edit, .release = drop_view};
    owner_t o = {.root = tree_of("{}")};
    o.view = view_of(o.root, &dropping, &o);
    hy_view_close(o.view);
    assert_string_equal(o.seen, "release");
    hy_node_unref(o.root);
}

static void what_was_removed_or_replaced_is_stale(void **state) {
    (void)state;
    owner_t o = {.root = tree_of("{\"a\":{\"b\":{}},\"l\":[{}]}")};
    hy_view_t *v = view_of(o.root, &ops, &o);
    hy_node_t *a = hy_node_ref(hy_get_object(o.root, "a"));
    hy_node_t *b = hy_node_ref(hy_get_object(a, "b"));
    hy_node_t *item = hy_node_ref(hy_node_at(hy_get_array(o.root, "l"), 0).as.n);
    hy_error_t err;
    assert_int_equal(hy_view_check(v, b, NULL), 0);
    assert_int_equal(set(v, o.root, "a", value_of("{\"b\":{}}"), NULL), 0);
    assert_int_equal(hy_view_check(v, b, &err), HY_ENOT_FOUND);
    assert_string_equal(err.text, "stale: this part of comm://d/x was removed or replaced; take it "
                                  "from .data again");
    assert_int_equal(hy_view_check(v, a, NULL), HY_ENOT_FOUND);
    assert_int_equal(set(v, b, "k", value_of("[1]"), NULL), HY_ENOT_FOUND);
    assert_int_equal(hy_view_check(v, item, NULL), 0);
    assert_int_equal(set(v, NULL, "", value_of("{}"), NULL), 0);
    assert_int_equal(hy_view_check(v, item, NULL), HY_ENOT_FOUND);
    assert_int_equal(hy_view_check(v, o.root, NULL), 0);
    assert_string_equal(o.seen, "edit edit");
    hy_node_unref(a);
    hy_node_unref(b);
    hy_node_unref(item);
    hy_view_unref(v);
    hy_node_unref(o.root);
}

static void views_of_one_tree_close_on_their_own(void **state) {
    (void)state;
    owner_t a = {.root = tree_of("{}")}, b = {.root = a.root};
    hy_view_t *first = view_of(a.root, &ops, &a), *second = view_of(a.root, &ops, &b);
    hy_view_close(first);
    assert_int_equal(set(first, a.root, "k", hy_int(1), NULL), HY_ECLOSED);
    assert_int_equal(set(second, a.root, "k", hy_int(1), NULL), 0);
    assert_tree(a.root, "{\"k\":1}");
    hy_view_unref(first);
    hy_view_unref(second);
    hy_node_unref(a.root);
}

static void a_private_tree_is_edited_in_place(void **state) {
    (void)state;
    hy_node_t *root = tree_of("{}");
    hy_view_t *v = view_of(root, &hy_view_private, root);
    hy_error_t err;
    assert_int_equal(hy_view_begin(v, NULL), 0);
    assert_int_equal(set(v, root, "k", value_of("[1]"), NULL), 0);
    assert_int_equal(hy_view_commit(v, NULL), 0);
    assert_int_equal(set(v, hy_get_array(root, "k"), "x", hy_int(1), &err), HY_EINVALID);
    assert_string_equal(err.text, "an array has no key \"x\"");
    hy_view_close(v);
    assert_int_equal(set(v, root, "k", hy_int(1), NULL), HY_ECLOSED);
    assert_tree(root, "{\"k\":[1]}");
    hy_view_unref(v);
    hy_node_unref(root);
}

static void without_memory_there_is_no_view(void **state) {
    (void)state;
    hy_node_t *root = tree_of("{}");
    hy_str_t *name = str_of("x");
    hy_mem_fail_after(1);
    assert_null(hy_view_new(root, &ops, root, name));
    hy_mem_fail_after(-1);
    hy_str_unref(name);
    hy_node_unref(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(edits_and_batches_go_to_the_owner),
        TEST(a_tree_without_batches_takes_them_as_nothing),
        TEST(a_closed_view_refuses_everything),
        TEST(the_owner_is_let_go_of_once),
        TEST(letting_go_may_end_the_view),
        TEST(what_was_removed_or_replaced_is_stale),
        TEST(views_of_one_tree_close_on_their_own),
        TEST(a_private_tree_is_edited_in_place),
        TEST(without_memory_there_is_no_view),
    };
    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
