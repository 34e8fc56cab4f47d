/* Another life of a hyperty on trial: what it does is nothing after a rollback, and after a commit
 * what it would have been without; nothing that is told meanwhile is lost, doubled or out of
 * order. */
#include "trial_world.h"

/* --- what is told waits ----------------------------------------------------------------------- */

static void what_happens_in_a_trial_is_told_after_a_commit_to_the_new_life(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ben);
    set(&w->ann, "n", 1);
    hy_child_t *child = add(&w->ann, 7);
    send_event(&w->ann, 5);
    set(&w->ann, "n", 2);
    run(w);
    assert_string_equal(told(&w->ben), "");
    assert_int_equal(get(&w->ben, "n"), 2);
    commit(&w->ben);
    assert_string_equal(told(&w->ben), "");
    run(w);
    assert_string_equal(told(&w->ben), "new: change v1 n = 1, was 0\n"
                                       "new: child create #1 v0 {\"n\":7}\n"
                                       "new: event items 5\n"
                                       "new: change v3 n = 2, was 1\n");
    set(&w->ann, "n", 3);
    run(w);
    assert_string_equal(told(&w->ben), "new: change v4 n = 3, was 2\n");
    hy_child_unref(child);
    world_free(w);
}

static void after_a_rollback_it_is_told_to_the_old_one(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ben);
    set(&w->ann, "n", 1);
    run(w);
    rollback(&w->ben);
    set(&w->ann, "n", 2);
    run(w);
    assert_string_equal(told(&w->ben), "change v1 n = 1, was 0\nchange v2 n = 2, was 1\n");
    world_free(w);
}

static void what_comes_while_the_rest_is_still_being_told_goes_behind_it(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ben);
    set(&w->ann, "n", 1);
    run(w);
    commit(&w->ben);
    set(&w->ann, "n", 2);
    turn(w); /* it is here, and no timer has fired */
    assert_string_equal(told(&w->ben), "");
    run(w);
    assert_string_equal(told(&w->ben),
                        "new: change v1 n = 1, was 0\nnew: change v2 n = 2, was 1\n");
    world_free(w);
}

static void a_party_that_has_ended_is_open_until_that_is_told(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ben);
    set(&w->ann, "n", 1);
    run(w);
    hy_party_delete(w->ann.party, on_done, &w->ann.old, NULL);
    run(w);
    assert_true(hy_party_is_open(w->ben.party));
    assert_int_equal(set(&w->ben, "n", 9), HY_EFORBIDDEN);
    assert_int_equal(send_event(&w->ben, 1), HY_ECLOSED);
    hy_party_set_tag(w->ben.party, &w->ben.new);
    commit(&w->ben);
    assert_ptr_equal(hy_party_tag(w->ben.party), &w->ben.new);
    run(w);
    assert_string_equal(told(&w->ben),
                        "new: change v1 n = 1, was 0\nnew: ended deleted {\"n\":1}\n");
    assert_false(hy_party_is_open(w->ben.party));
    world_free(w);
}

static void decisions_wait_and_the_asker_with_them(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ann);
    hy_child_t *child = add(&w->ben, 3);
    run_ms(w, 7000);
    assert_string_equal(told(&w->ann), "");
    assert_int_equal(child->state, HY_CHILD_PENDING);
    rollback(&w->ann);
    run(w);
    assert_string_equal(told(&w->ann), "asked child #\n");
    run_ms(w, 20000);
    assert_int_equal(child->state, HY_CHILD_KEPT);
    assert_string_equal(told(&w->ben), "child create #1 v0 {\"n\":3}\n");
    hy_child_unref(child);
    world_free(w);
}

/* --- edits ------------------------------------------------------------------------------------ */

static void edits_are_one_version_after_a_commit(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ann);
    assert_int_equal(set(&w->ann, "n", 1), 0);
    run(w);
    assert_int_equal(set(&w->ann, "m", 2), 0);
    run(w);
    assert_int_equal(get(&w->ann, "n"), 1);
    assert_int_equal(hy_party_version(w->ann.party), 0);
    assert_string_equal(told(&w->ben), "");
    commit(&w->ann);
    assert_int_equal(hy_party_version(w->ann.party), 1);
    run(w);
    assert_string_equal(told(&w->ben), "change v1 n = 1, was 0\nchange v1 m = 2, was null\n");
    assert_string_equal(told(&w->ann), "");
    world_free(w);
}

static void edits_are_undone_by_a_rollback(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ann);
    set(&w->ann, "n", 1);
    set(&w->ann, "n", 2);
    run(w);
    rollback(&w->ann);
    assert_int_equal(get(&w->ann, "n"), 0);
    assert_int_equal(set(&w->ann, "n", 5), 0);
    run(w);
    assert_string_equal(told(&w->ben), "change v1 n = 5, was 0\n");
    world_free(w);
}

static void a_batch_within_is_undone_alone(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ann);
    hy_view_t *view = hy_party_data(w->ann.party);
    set(&w->ann, "n", 1);
    assert_int_equal(hy_view_begin(view, NULL), 0);
    set(&w->ann, "n", 2);
    set(&w->ann, "m", 2);
    hy_view_rollback(view);
    assert_int_equal(get(&w->ann, "n"), 1);
    assert_int_equal(get(&w->ann, "m"), -1);
    assert_int_equal(hy_view_begin(view, NULL), 0);
    assert_int_equal(hy_view_begin(view, NULL), HY_ECONFLICT);
    set(&w->ann, "k", 3);
    assert_int_equal(hy_view_commit(view, NULL), 0);
    commit(&w->ann);
    run(w);
    assert_string_equal(told(&w->ben), "change v1 n = 1, was 0\nchange v1 k = 3, was null\n");
    world_free(w);
}

static void a_batch_that_came_first_and_is_undone_leaves_nothing(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ann);
    hy_view_t *view = hy_party_data(w->ann.party);
    hy_view_begin(view, NULL);
    set(&w->ann, "n", 2);
    hy_view_rollback(view);
    commit(&w->ann);
    run(w);
    assert_int_equal(hy_party_version(w->ann.party), 0);
    assert_string_equal(told(&w->ben), "");
    world_free(w);
}

static void a_batch_that_is_open_at_a_rollback_is_open_no_more(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ann);
    hy_view_t *view = hy_party_data(w->ann.party);
    hy_view_begin(view, NULL);
    rollback(&w->ann);
    assert_int_equal(hy_view_begin(view, NULL), 0);
    set(&w->ann, "n", 1);
    assert_int_equal(hy_view_commit(view, NULL), 0);
    run(w);
    assert_string_equal(told(&w->ben), "change v1 n = 1, was 0\n");
    world_free(w);
}

static void who_reads_meanwhile_gets_it_with_its_version(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ann);
    set(&w->ann, "n", 1);
    hy_syncher_read(w->cara.syncher, hy_party_url(w->ann.party), on_value, &w->cara.old, NULL);
    hy_syncher_subscribe(w->cara.syncher, hy_party_url(w->ann.party), NULL, HY_STORE_NONE, on_party,
                         &w->cara.old, NULL);
    run(w);
    assert_int_equal(w->cara.called, 0);
    rollback(&w->ann);
    run(w);
    assert_int_equal(w->cara.called, 2);
    assert_non_null(strstr(told(&w->cara), "\"data\":{\"n\":0}"));
    assert_int_equal(get(&w->cara, "n"), 0);
    world_free(w);
}

/* --- parties ---------------------------------------------------------------------------------- */

static void tags_are_those_of_the_life_that_goes_on(void **state) {
    (void)state;
    world_t *w = world_new();
    hy_party_t *p = w->ben.party;
    begin(&w->ben);
    assert_null(hy_party_tag(p));
    assert_ptr_equal(hy_party_settled_tag(p), &w->ben.old);
    hy_party_set_tag(p, &w->ben.new);
    rollback(&w->ben);
    assert_ptr_equal(hy_party_tag(p), &w->ben.old);
    begin(&w->ben);
    hy_party_set_tag(p, &w->ben.new);
    commit(&w->ben);
    assert_ptr_equal(hy_party_tag(p), &w->ben.new);
    world_free(w);
}

static void what_was_made_in_a_trial_stays_after_a_commit(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->cara);
    create_as(w, &w->cara, &w->cara.new, "resource://d/new");
    assert_int_equal(w->cara.called, 1);
    set(&w->cara, "n", 4);
    hy_party_t *made = hy_party_ref(w->cara.party);
    subscribe_as(w, &w->cara, &w->cara.new, hy_party_url(w->ann.party));
    assert_int_equal(w->cara.called, 2);
    set(&w->ann, "n", 1);
    run(w);
    assert_string_equal(told(&w->cara), "");
    commit(&w->cara);
    run(w);
    assert_string_equal(told(&w->cara), "new: change v1 n = 1, was 0\n");
    assert_true(hy_party_is_open(made));
    assert_int_equal(hy_party_version(made), 1);
    hy_party_unref(made);
    world_free(w);
}

static void and_is_no_more_after_a_rollback(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->cara);
    create_as(w, &w->cara, &w->cara.new, "resource://d/new");
    set(&w->cara, "n", 4);
    hy_party_t *made = hy_party_ref(w->cara.party);
    subscribe_as(w, &w->cara, &w->cara.new, hy_party_url(w->ann.party));
    rollback(&w->cara);
    run(w);
    assert_false(hy_party_is_open(made));
    assert_false(hy_party_is_open(w->cara.party));
    assert_null(hy_syncher_next_party(w->cara.syncher, NULL));
    assert_string_equal(told(&w->ann), "left\n");
    hy_syncher_read(w->ben.syncher, hy_party_url(made), on_value, &w->ben.old, NULL);
    run_ms(w, 10000);
    assert_true(w->ben.code < 0);
    hy_party_unref(made);
    world_free(w);
}

/* Its calls go on, and what they make is its. */
static void what_the_old_life_is_making_is_not_touched(void **state) {
    (void)state;
    for (int commits = 0; commits < 2; commits++) {
        world_t *w = world_new();
        hy_create_t what = {.schema = hy_str_from("Resource"), .is_public = true};
        what.name = hy_str_from("mine");
        what.observers = &w->ben.url;
        what.observer_count = 1;
        what.is_new = true;
        assert_int_equal(hy_syncher_create(w->cara.syncher, &what, on_party, &w->cara.old, NULL),
                         0);
        hy_str_unref(what.schema);
        hy_str_unref(what.name);
        begin(&w->cara);
        run(w);
        assert_int_equal(w->cara.called, 0);
        assert_string_equal(told(&w->ben), "asked invite \n");
        if (commits) {
            commit(&w->cara);
        } else {
            rollback(&w->cara);
        }
        run(w);
        assert_int_equal(w->cara.called, 1);
        assert_true(hy_party_is_open(w->cara.party));
        world_free(w);
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

static void closing_the_syncher_undoes_the_trial(void **state) {
    (void)state;
    world_t *w = world_new();
    hy_child_t *asked = add(&w->ben, 1);
    begin(&w->ann);
    set(&w->ann, "n", 3);
    hy_child_t *child = add(&w->ann, 4);
    send_event(&w->ann, 1);
    hy_syncher_read(w->cara.syncher, hy_party_url(w->ann.party), on_value, &w->cara.old, NULL);
    run(w);
    actor_close(&w->ann);
    run_ms(w, 10000);
    assert_string_equal(told(&w->ann), "");
    assert_string_equal(told(&w->ben), "ended deleted {\"n\":0}\n");
    hy_child_unref(child);
    hy_child_unref(asked);
    world_free(w);
}

static void a_trial_does_not_begin_within_a_batch_or_another(void **state) {
    (void)state;
    world_t *w = world_new();
    hy_view_t *view = hy_party_data(w->ann.party);
    hy_view_begin(view, NULL);
    assert_int_equal(hy_syncher_trial_begin(w->ann.syncher, on_broken, &w->ann, NULL),
                     HY_ECONFLICT);
    hy_view_rollback(view);
    begin(&w->ann);
    assert_int_equal(hy_syncher_trial_begin(w->ann.syncher, on_broken, &w->ann, NULL),
                     HY_ECONFLICT);
    rollback(&w->ann);
    assert_int_equal(hy_syncher_trial_commit(w->ann.syncher, &w->ann.new, NULL), HY_ECONFLICT);
    world_free(w);
}

static void one_that_cannot_wait_for_more_is_broken(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ben);
    for (uint32_t i = 0; i <= HY_TRIAL_EVENTS_MAX && !w->ben.why[0]; i++) {
        send_event(&w->ann, i);
        if (i % 1000 == 0) run_ms(w, 1);
    }
    run(w);
    assert_string_equal(w->ben.why, "too much has happened since it began");
    assert_int_equal(hy_syncher_trial_commit(w->ben.syncher, &w->ben.new, NULL), HY_ECONFLICT);
    rollback(&w->ben);
    run_ms(w, 1000);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_happens_in_a_trial_is_told_after_a_commit_to_the_new_life),
        cmocka_unit_test(after_a_rollback_it_is_told_to_the_old_one),
        cmocka_unit_test(what_comes_while_the_rest_is_still_being_told_goes_behind_it),
        cmocka_unit_test(a_party_that_has_ended_is_open_until_that_is_told),
        cmocka_unit_test(decisions_wait_and_the_asker_with_them),
        cmocka_unit_test(edits_are_one_version_after_a_commit),
        cmocka_unit_test(edits_are_undone_by_a_rollback),
        cmocka_unit_test(a_batch_within_is_undone_alone),
        cmocka_unit_test(a_batch_that_came_first_and_is_undone_leaves_nothing),
        cmocka_unit_test(a_batch_that_is_open_at_a_rollback_is_open_no_more),
        cmocka_unit_test(who_reads_meanwhile_gets_it_with_its_version),
        cmocka_unit_test(tags_are_those_of_the_life_that_goes_on),
        cmocka_unit_test(what_was_made_in_a_trial_stays_after_a_commit),
        cmocka_unit_test(and_is_no_more_after_a_rollback),
        cmocka_unit_test(what_the_old_life_is_making_is_not_touched),
        cmocka_unit_test(closing_the_syncher_undoes_the_trial),
        cmocka_unit_test(a_trial_does_not_begin_within_a_batch_or_another),
        cmocka_unit_test(one_that_cannot_wait_for_more_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
