/* What a life on trial sends and asks: children, events and calls are held, in one order. */
#include "trial_world.h"

/* --- children --------------------------------------------------------------------------------- */

static void children_of_a_reporter_are_stamped_at_the_commit(void **state) {
    (void)state;
    world_t *w = world_new();
    hy_child_t *before = add(&w->ann, 1);
    run(w);
    told(&w->ben), told(&w->ann);
    begin(&w->ann);
    hy_child_t *child = add(&w->ann, 7);
    assert_int_equal(child->state, HY_CHILD_PENDING);
    assert_int_equal(write_child(&w->ann, child, 8), 0);
    assert_int_equal(write_child(&w->ann, child, 9), 0);
    assert_int_equal(write_child(&w->ann, before, 2), 0);
    assert_int_equal(hy_party_delete_child(w->ann.party, before, NULL), 0);
    assert_int_equal(hy_party_delete_child(w->ann.party, before, NULL), HY_EDELETED);
    assert_int_equal(write_child(&w->ann, before, 3), HY_EDELETED);
    run(w);
    assert_string_equal(told(&w->ben), "");
    commit(&w->ann);
    assert_int_equal(child->state, HY_CHILD_KEPT);
    run(w);
    assert_string_equal(told(&w->ben), "child create #2 v0 {\"n\":7}\n"
                                       "child update #2 v1 {\"n\":8}\n"
                                       "child update #2 v2 {\"n\":9}\n"
                                       "child update #1 v1 {\"n\":2}\n"
                                       "child delete #1 v1 {\"n\":2}\n");
    hy_child_unref(child);
    hy_child_unref(before);
    world_free(w);
}

static void or_never_were(void **state) {
    (void)state;
    world_t *w = world_new();
    hy_child_t *before = add(&w->ann, 1);
    run(w);
    told(&w->ben), told(&w->ann);
    begin(&w->ann);
    hy_child_t *child = add(&w->ann, 7);
    write_child(&w->ann, child, 8);
    write_child(&w->ann, before, 2);
    hy_party_delete_child(w->ann.party, before, NULL);
    run(w);
    rollback(&w->ann);
    assert_int_equal(child->state, HY_CHILD_REFUSED);
    assert_int_equal(hy_get_int(before->data, "n", -1), 1);
    assert_int_equal(hy_children_count(hy_party_children(w->ann.party), NULL), 1);
    hy_child_t *next = add(&w->ann, 3);
    write_child(&w->ann, before, 4);
    run(w);
    assert_string_equal(told(&w->ben),
                        "child create #2 v0 {\"n\":3}\nchild update #1 v1 {\"n\":4}\n");
    hy_child_unref(child);
    hy_child_unref(next);
    hy_child_unref(before);
    world_free(w);
}

static void children_of_an_observer_are_sent_at_the_commit(void **state) {
    (void)state;
    world_t *w = world_new();
    hy_child_t *before = add(&w->ben, 1);
    run(w);
    told(&w->ben), told(&w->ann);
    begin(&w->ben);
    hy_child_t *child = add(&w->ben, 7);
    assert_int_equal(write_child(&w->ben, child, 8), 0);
    assert_int_equal(write_child(&w->ben, before, 2), 0);
    assert_int_equal(write_child(&w->ben, before, 3), 0);
    assert_int_equal(hy_get_int(before->draft, "n", -1), 3);
    run_ms(w, 3000);
    assert_string_equal(told(&w->ann), "");
    commit(&w->ben);
    run(w);
    assert_string_equal(told(&w->nat), "child create #1 v0 {\"n\":1}\n"
                                       "child create #2 v0 {\"n\":7}\n"
                                       "child update #2 v1 {\"n\":8}\n"
                                       "child update #1 v1 {\"n\":2}\n"
                                       "child update #1 v2 {\"n\":3}\n");
    assert_int_equal(hy_party_status(w->ben.party).pending, 0);
    hy_child_unref(child);
    hy_child_unref(before);
    world_free(w);
}

static void those_too_never_were(void **state) {
    (void)state;
    world_t *w = world_new();
    hy_child_t *before = add(&w->ben, 1);
    run(w);
    told(&w->ben), told(&w->nat);
    begin(&w->ben);
    hy_child_t *child = add(&w->ben, 7);
    write_child(&w->ben, before, 2);
    hy_party_delete_child(w->ben.party, before, NULL);
    rollback(&w->ben);
    assert_int_equal(child->state, HY_CHILD_REFUSED);
    assert_int_equal(hy_get_int(before->draft, "n", -1), 1);
    assert_int_equal(hy_party_status(w->ben.party).pending, 0);
    hy_child_t *next = add(&w->ben, 3);
    write_child(&w->ben, before, 4);
    run(w);
    assert_string_equal(told(&w->nat),
                        "child create #2 v0 {\"n\":3}\nchild update #1 v1 {\"n\":4}\n");
    hy_child_unref(child);
    hy_child_unref(next);
    hy_child_unref(before);
    world_free(w);
}

/* --- events, calls ---------------------------------------------------------------------------- */

static void all_of_it_leaves_in_its_order(void **state) {
    (void)state;
    world_t *w = world_new();
    hy_syncher_follow(w->ben.syncher, hy_party_url(w->ann.party), on_done, &w->ben.old, NULL);
    run(w);
    told(&w->ben);
    begin(&w->ann);
    send_event(&w->ann, 1);
    set(&w->ann, "n", 1);
    hy_child_t *child = add(&w->ann, 2);
    send_event(&w->ann, 3);
    set(&w->ann, "n", 4);
    run(w);
    assert_string_equal(told(&w->ben), "");
    commit(&w->ann);
    run(w);
    assert_string_equal(told(&w->ben), "event items 1\n"
                                       "change v1 n = 1, was 0\nchange v1 n = 4, was 1\n"
                                       "child create #1 v0 {\"n\":2}\n"
                                       "event items 3\n");
    hy_child_unref(child);
    world_free(w);
}

static void a_call_that_cannot_be_undone_waits(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ann);
    assert_null(hy_syncher_trial_waits(w->ann.syncher));
    hy_value_t observers;
    assert_int_equal(hy_party_observers(w->ann.party, &observers), 0);
    hy_str_t *ben = hy_str_ref(hy_node_at(observers.as.n, 1).as.s);
    hy_value_drop(observers);
    assert_int_equal(hy_party_evict(w->ann.party, ben, on_done, &w->ann.new, NULL), 0);
    assert_string_equal(hy_syncher_trial_waits(w->ann.syncher), "evict");
    run(w);
    assert_string_equal(told(&w->ann), "");
    assert_string_equal(told(&w->ben), "");
    rollback(&w->ann);
    run(w);
    assert_string_equal(told(&w->ann), "");
    assert_string_equal(told(&w->ben), "");
    begin(&w->ann);
    assert_int_equal(hy_party_evict(w->ann.party, ben, on_done, &w->ann.new, NULL), 0);
    assert_int_equal(hy_party_evict(w->ann.party, ben, on_done, &w->ann.new, NULL), 0);
    commit(&w->ann);
    run(w);
    assert_int_equal(w->ann.called, 2);
    assert_string_equal(told(&w->ben), "ended evicted {\"n\":0}\n");
    hy_str_unref(ben);
    world_free(w);
}

static void lists_are_edited_at_the_commit(void **state) {
    (void)state;
    world_t *w = world_new();
    hy_party_t *p = w->ann.party;
    hy_str_t *eve = hy_str_from("user://localhost/eve");
    begin(&w->ann);
    assert_int_equal(hy_party_authorise(p, &eve, 1, on_done, &w->ann.new, NULL), 0);
    assert_string_equal(hy_syncher_trial_waits(w->ann.syncher), "authorise");
    rollback(&w->ann);
    run(w);
    assert_int_equal(w->ann.called, 0);
    assert_int_equal(hy_party_revoke(p, eve, on_done, &w->ann.old, NULL), HY_ENOT_FOUND);
    begin(&w->ann);
    assert_int_equal(hy_party_authorise(p, &eve, 1, on_done, &w->ann.new, NULL), 0);
    commit(&w->ann);
    run(w);
    assert_int_equal(w->ann.called, 1);
    begin(&w->ann);
    assert_int_equal(hy_party_revoke(p, eve, on_done, &w->ann.new, NULL), 0);
    assert_string_equal(hy_syncher_trial_waits(w->ann.syncher), "revoke");
    commit(&w->ann);
    run(w);
    assert_int_equal(w->ann.called, 2);
    assert_int_equal(hy_party_revoke(p, eve, on_done, &w->ann.old, NULL), HY_ENOT_FOUND);
    hy_str_unref(eve);
    world_free(w);
}

static void a_call_of_the_old_life_ends_after_the_trial(void **state) {
    (void)state;
    world_t *w = world_new();
    hy_syncher_read(w->ben.syncher, hy_party_url(w->ann.party), on_value, &w->ben.old, NULL);
    begin(&w->ben);
    run(w);
    assert_int_equal(w->ben.called, 0);
    hy_syncher_read(w->ben.syncher, hy_party_url(w->ann.party), on_value, &w->ben.new, NULL);
    run(w);
    assert_int_equal(w->ben.called, 1);
    rollback(&w->ben);
    run(w);
    assert_int_equal(w->ben.called, 2);
    world_free(w);
}

static void a_call_of_the_trial_is_dropped_by_a_rollback(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ben);
    hy_syncher_read(w->ben.syncher, hy_party_url(w->ann.party), on_value, &w->ben.new, NULL);
    rollback(&w->ben);
    run_ms(w, 10000);
    assert_int_equal(w->ben.called, 0);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_of_a_reporter_are_stamped_at_the_commit),
        cmocka_unit_test(or_never_were),
        cmocka_unit_test(children_of_an_observer_are_sent_at_the_commit),
        cmocka_unit_test(those_too_never_were),
        cmocka_unit_test(all_of_it_leaves_in_its_order),
        cmocka_unit_test(a_call_that_cannot_be_undone_waits),
        cmocka_unit_test(lists_are_edited_at_the_commit),
        cmocka_unit_test(a_call_of_the_old_life_ends_after_the_trial),
        cmocka_unit_test(a_call_of_the_trial_is_dropped_by_a_rollback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
