/* Trials on objects that are stored: after the hyperty has stopped and come back they are what they
 * were after the commit, or before the trial. */
#include "trial_world.h"

static void create_stored(world_t *w, life_t *life) {
    hy_create_t what = {.schema = hy_str_from("Resource"), .is_public = true};
    what.name = hy_str_from("kept");
    what.store = HY_STORE_KEPT;
    hy_node_t *data = hy_node_new(HY_OBJECT);
    hy_put(data, "n", hy_int(0));
    hy_put(data, "list", hy_node_value(hy_node_new(HY_ARRAY)));
    what.data = hy_node_value(data);
    assert_int_equal(hy_syncher_create(w->ann.syncher, &what, on_party, life, NULL), 0);
    hy_str_unref(what.schema);
    hy_str_unref(what.name);
    run(w);
    assert_int_equal(w->ann.code, 0);
}

static world_t *stored_world(void) {
    world_t *w = world_new_empty(true);
    create_stored(w, &w->ann.old);
    subscribe_as(w, &w->ben, &w->ben.old, hy_party_url(w->ann.party));
    w->ann.called = 0;
    return w;
}

/* The hyperty stops; one of its address is there again. */
static void stop(world_t *w) {
    hy_str_t *own = w->ann.url;
    hy_party_unref(w->ann.party);
    w->ann.party = NULL;
    actor_close(&w->ann);
    run(w);
    assert_int_equal(hy_syncher_open(hy_runtime_manager(w->first), own, NULL, &events, &w->ann.old,
                                     &w->ann.syncher),
                     0);
    run(w);
}

static void restart(world_t *w) {
    stop(w);
    create_stored(w, &w->ann.old);
    assert_true(hy_party_is_resumed(w->ann.party));
}

static void insert(actor_t *a, int64_t n) {
    hy_view_t *view = hy_party_data(a->party);
    hy_edit_t edit = {.kind = HY_OP_INSERT, .node = hy_get_array(view->root, "list")};
    edit.value = hy_node_value(hy_node_new(HY_ARRAY));
    hy_node_insert(edit.value.as.n, 0, hy_int(n));
    assert_int_equal(hy_view_edit(view, &edit, NULL), 0);
}

/* A child with a list, which grows in operations of its own. */
static hy_child_t *add_with_list(actor_t *a) {
    hy_str_t *items = hy_str_from("items");
    hy_node_t *data = hy_node_new(HY_OBJECT);
    hy_child_t *child;
    hy_put(data, "list", hy_node_value(hy_node_new(HY_ARRAY)));
    assert_int_equal(hy_party_add_child(a->party, items, hy_node_value(data), &child, NULL), 0);
    hy_str_unref(items);
    return child;
}

static void grow_child(actor_t *a, hy_child_t *child, int64_t n) {
    hy_view_t *view;
    assert_int_equal(hy_party_child_view(a->party, child, &view, NULL), 0);
    hy_edit_t edit = {.kind = HY_OP_INSERT, .node = hy_get_array(view->root, "list")};
    edit.value = hy_node_value(hy_node_new(HY_ARRAY));
    hy_node_insert(edit.value.as.n, 0, hy_int(n));
    assert_int_equal(hy_view_edit(view, &edit, NULL), 0);
    hy_view_unref(view);
}

static const char *data_of(actor_t *a) {
    static char text[4096];
    hy_value_t v = {.kind = HY_OBJECT, .as.n = hy_party_data(a->party)->root};
    return json(v, text, sizeof text);
}

static const char *child_of(actor_t *a) {
    static char text[4096];
    size_t pos = 0;
    hy_child_t *child = hy_children_next(hy_party_children(a->party), NULL, &pos);
    if (!child) return "none";
    hy_value_t v = {.kind = HY_OBJECT, .as.n = child->data};
    return json(v, text, sizeof text);
}

static void try_it(world_t *w) {
    begin(&w->ann);
    insert(&w->ann, 1);
    hy_child_t *child = add_with_list(&w->ann);
    grow_child(&w->ann, child, 3);
    grow_child(&w->ann, child, 4);
    insert(&w->ann, 5);
    hy_child_unref(child);
    run(w);
}

static void what_was_committed_is_there_after_a_restart(void **state) {
    (void)state;
    world_t *w = stored_world();
    try_it(w);
    commit(&w->ann);
    run(w);
    restart(w);
    assert_string_equal(data_of(&w->ann), "{\"n\":0,\"list\":[5,1]}");
    assert_string_equal(child_of(&w->ann), "{\"list\":[4,3]}");
    run_ms(w, 20000);
    assert_string_equal(data_of(&w->ben), "{\"n\":0,\"list\":[5,1]}");
    assert_string_equal(child_of(&w->ben), "{\"list\":[4,3]}");
    world_free(w);
}

/* So much that a snapshot is made in the middle of the commit, if it were not for the rest. */
static void a_snapshot_is_not_of_what_has_no_version_yet(void **state) {
    (void)state;
    world_t *w = stored_world();
    static char big[60000];
    memset(big, 'x', sizeof big - 1);
    begin(&w->ann);
    insert(&w->ann, 1);
    hy_child_t *child = add_with_list(&w->ann);
    for (int64_t i = 0; i < 40; i++) {
        hy_view_t *view = hy_party_data(w->ann.party);
        hy_edit_t edit = {.kind = HY_OP_SET, .node = view->root, .value = hy_text(big)};
        edit.key = hy_str_from("big");
        assert_int_equal(hy_view_edit(view, &edit, NULL), 0);
        hy_str_unref(edit.key);
        insert(&w->ann, i);
        grow_child(&w->ann, child, i);
    }
    set(&w->ann, "big", 0);
    hy_str_t *before = hy_str_from(data_of(&w->ann));
    commit(&w->ann);
    hy_str_t *grown = hy_str_from(child_of(&w->ann));
    run(w);
    restart(w);
    assert_string_equal(data_of(&w->ann), before->bytes);
    assert_string_equal(child_of(&w->ann), grown->bytes);
    run_ms(w, 20000);
    assert_string_equal(data_of(&w->ben), before->bytes);
    hy_str_unref(before);
    hy_str_unref(grown);
    hy_child_unref(child);
    world_free(w);
}

static void what_was_rolled_back_is_not(void **state) {
    (void)state;
    world_t *w = stored_world();
    try_it(w);
    rollback(&w->ann);
    run(w);
    insert(&w->ann, 6);
    run(w);
    restart(w);
    assert_string_equal(data_of(&w->ann), "{\"n\":0,\"list\":[6]}");
    assert_string_equal(child_of(&w->ann), "none");
    world_free(w);
}

static void nor_is_what_was_on_trial_when_the_hyperty_stopped(void **state) {
    (void)state;
    world_t *w = stored_world();
    insert(&w->ann, 7);
    run(w);
    try_it(w);
    restart(w);
    assert_string_equal(data_of(&w->ann), "{\"n\":0,\"list\":[7]}");
    assert_string_equal(child_of(&w->ann), "none");
    world_free(w);
}

static void what_a_trial_has_resumed_rests_again_after_a_rollback(void **state) {
    (void)state;
    world_t *w = stored_world();
    insert(&w->ann, 1);
    run(w);
    stop(w);
    begin(&w->ann);
    create_stored(w, &w->ann.new);
    assert_true(hy_party_is_resumed(w->ann.party));
    insert(&w->ann, 2);
    rollback(&w->ann);
    run(w);
    assert_false(hy_party_is_open(w->ann.party));
    create_stored(w, &w->ann.old);
    assert_true(hy_party_is_resumed(w->ann.party));
    assert_string_equal(data_of(&w->ann), "{\"n\":0,\"list\":[1]}");
    insert(&w->ann, 3);
    run_ms(w, 20000);
    assert_true(hy_party_is_open(w->ben.party));
    assert_string_equal(data_of(&w->ben), "{\"n\":0,\"list\":[3,1]}");
    world_free(w);
}

static void what_a_trial_has_stored_is_gone_after_a_rollback(void **state) {
    (void)state;
    world_t *w = world_new_empty(true);
    begin(&w->ann);
    create_stored(w, &w->ann.new);
    rollback(&w->ann);
    run(w);
    create_stored(w, &w->ann.old);
    assert_false(hy_party_is_resumed(w->ann.party));
    world_free(w);
}

static void to_be_saved_waits_for_the_commit(void **state) {
    (void)state;
    world_t *w = stored_world();
    begin(&w->ann);
    insert(&w->ann, 1);
    assert_int_equal(hy_party_saved(w->ann.party, on_value, &w->ann.new, NULL), 0);
    assert_string_equal(hy_syncher_trial_waits(w->ann.syncher), "saved");
    run(w);
    assert_string_equal(told(&w->ann), "");
    commit(&w->ann);
    run(w);
    assert_string_equal(told(&w->ann), "new: value 0 1\n");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_committed_is_there_after_a_restart),
        cmocka_unit_test(a_snapshot_is_not_of_what_has_no_version_yet),
        cmocka_unit_test(what_was_rolled_back_is_not),
        cmocka_unit_test(nor_is_what_was_on_trial_when_the_hyperty_stopped),
        cmocka_unit_test(what_a_trial_has_resumed_rests_again_after_a_rollback),
        cmocka_unit_test(what_a_trial_has_stored_is_gone_after_a_rollback),
        cmocka_unit_test(to_be_saved_waits_for_the_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
