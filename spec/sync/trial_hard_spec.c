/* Trials when something else goes on: objects that are being read in parts, lost sessions, another
 * session that takes the object, a trial right after a trial. */
#include "sync/handover.h"
#include "trial_world.h"

static void set_big(actor_t *a, const char *key, size_t bytes) {
    char *text = malloc(bytes + 1);
    memset(text, 'x', bytes);
    text[bytes] = 0;
    hy_view_t *view = hy_party_data(a->party);
    hy_edit_t edit = {.kind = HY_OP_SET, .node = view->root, .value = hy_text(text)};
    edit.key = hy_str_from(key);
    assert_int_equal(hy_view_edit(view, &edit, NULL), 0);
    hy_str_unref(edit.key);
    free(text);
}

static world_t *world_with_big(void) {
    world_t *w = world_new();
    char key[] = "big0";
    for (int i = 0; i < 6; i++) {
        key[3] = (char)('0' + i);
        set_big(&w->ann, key, 500000);
        run(w);
    }
    told(&w->ben), told(&w->nat);
    w->cara.called = 0;
    return w;
}

static void who_reads_in_parts_gets_the_state_of_before(void **state) {
    (void)state;
    for (uint64_t ms = 0; ms < 40; ms += 7) {
        world_t *w = world_with_big();
        hy_str_t *url = hy_party_url(w->ann.party);
        hy_syncher_subscribe(w->cara.syncher, url, NULL, HY_STORE_NONE, on_party, &w->cara.old,
                             NULL);
        run_ms(w, ms);
        uint64_t version = hy_party_version(w->ann.party);
        begin(&w->ann);
        set(&w->ann, "n", 1);
        set_big(&w->ann, "big0", 3);
        run_ms(w, 1000);
        if (w->cara.called > 0) {
            assert_int_equal(get(&w->cara, "n"), 0);
            assert_int_equal(hy_party_version(w->cara.party), version);
        }
        rollback(&w->ann);
        run_ms(w, 3000);
        assert_int_equal(w->cara.called, 1);
        hy_value_t mine = {.kind = HY_OBJECT, .as.n = hy_party_data(w->ann.party)->root};
        hy_value_t other = {.kind = HY_OBJECT, .as.n = hy_party_data(w->cara.party)->root};
        assert_true(hy_value_equal(mine, other));
        world_free(w);
    }
}

static void much_that_is_written_is_as_many_changes_as_it_takes(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ann);
    char key[] = "big0";
    for (int i = 0; i < 6; i++) {
        key[3] = (char)('0' + i);
        set_big(&w->ann, key, 500000);
        set(&w->ann, "n", i);
    }
    hy_edit_t edit = {.kind = HY_OP_SET, .node = hy_party_data(w->ann.party)->root};
    char *text = calloc(1, 2000001);
    memset(text, 'x', 2000000);
    edit.value = hy_text(text);
    edit.key = hy_str_from("bigger");
    assert_int_equal(hy_view_edit(hy_party_data(w->ann.party), &edit, NULL), HY_ETOO_LARGE);
    hy_str_unref(edit.key);
    free(text);
    commit(&w->ann);
    run_ms(w, 3000);
    assert_int_equal(hy_party_version(w->ann.party), 12);
    assert_int_equal(hy_party_version(w->ben.party), 12);
    assert_int_equal(get(&w->ben, "n"), 5);
    told(&w->ben);
    world_free(w);
}

static void many_small_edits_too(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ann);
    char key[64];
    for (int64_t i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "\x01\x02\x03 a rather long key number %d", (int)i);
        assert_int_equal(set(&w->ann, key, i), 0);
    }
    commit(&w->ann);
    run_ms(w, 3000);
    assert_true(hy_party_version(w->ann.party) > 1);
    assert_int_equal(hy_party_version(w->ben.party), hy_party_version(w->ann.party));
    assert_int_equal(get(&w->ben, key), 19999);
    world_free(w);
}

static void a_lost_session_does_not_end_it(void **state) {
    (void)state;
    for (int commits = 0; commits < 2; commits++) {
        world_t *w = world_new();
        hy_manager_t *m = hy_runtime_manager(w->first);
        begin(&w->ann);
        set(&w->ann, "n", 1);
        hy_child_t *child = add(&w->ann, 2);
        hy_manager_offline(m, NULL);
        run_ms(w, 500);
        hy_manager_online(m, NULL, true);
        run_ms(w, 500);
        assert_int_equal(get(&w->ben, "n"), 0);
        if (commits) {
            commit(&w->ann);
        } else {
            rollback(&w->ann);
        }
        run_ms(w, 30000);
        assert_int_equal(get(&w->ann, "n"), commits);
        assert_int_equal(get(&w->ben, "n"), commits);
        assert_int_equal(get(&w->nat, "n"), commits);
        assert_int_equal(hy_children_count(hy_party_children(w->ben.party), NULL), commits);
        hy_child_unref(child);
        world_free(w);
    }
}

static void an_observer_that_is_cut_off_sends_afterwards(void **state) {
    (void)state;
    world_t *w = world_new();
    hy_manager_t *m = hy_runtime_manager(w->second);
    hy_manager_offline(m, NULL);
    begin(&w->ben);
    hy_child_t *child = add(&w->ben, 2);
    write_child(&w->ben, child, 3);
    run_ms(w, 500);
    commit(&w->ben);
    run_ms(w, 500);
    assert_int_equal(child->state, HY_CHILD_PENDING);
    hy_manager_online(m, NULL, true);
    run_ms(w, 30000);
    assert_int_equal(child->state, HY_CHILD_KEPT);
    assert_non_null(strstr(told(&w->nat), "child update #1 v1 {\"n\":3}"));
    hy_child_unref(child);
    world_free(w);
}

/* What was written cannot be published any more. */
static void what_another_session_reports_by_now_is_not_committed(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ann);
    set(&w->ann, "n", 1);
    hy_hosted_t *h =
        hy__part_find(&hy_runtime_manager(w->first)->hosted, hy_party_url(w->ann.party));
    hy__hosted_replaced(h, "another one has it");
    run(w);
    assert_string_equal(told(&w->ann), "");
    assert_int_equal(hy_syncher_trial_commit(w->ann.syncher, &w->ann.new, NULL), HY_ECONFLICT);
    assert_true(hy_syncher_is_on_trial(w->ann.syncher));
    rollback(&w->ann);
    assert_int_equal(get(&w->ann, "n"), 0);
    run(w);
    assert_string_equal(told(&w->ann), "status replaced\n");
    world_free(w);
}

static void one_may_begin_while_the_last_is_still_being_told(void **state) {
    (void)state;
    world_t *w = world_new();
    begin(&w->ben);
    for (int64_t i = 0; i < 600; i++) {
        send_event(&w->ann, i);
        if (i % 50 == 0) run_ms(w, 1);
    }
    run(w);
    commit(&w->ben);
    run_ms(w, 1);
    assert_int_equal(hy_syncher_trial_begin(w->ben.syncher, on_broken, &w->ben, NULL), 0);
    size_t len = w->ben.lines.len;
    assert_true(len > 0);
    send_event(&w->ann, 600);
    run(w);
    assert_int_equal(w->ben.lines.len, len);
    rollback(&w->ben);
    run(w);
    const char *all = told(&w->ben);
    for (int64_t i = 0; i <= 600; i++) {
        char line[64];
        int bytes = snprintf(line, sizeof line, "new: event items %d\n", (int)i);
        assert_memory_equal(all, line, (size_t)bytes);
        all += bytes;
    }
    assert_string_equal(all, "");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reads_in_parts_gets_the_state_of_before),
        cmocka_unit_test(much_that_is_written_is_as_many_changes_as_it_takes),
        cmocka_unit_test(many_small_edits_too),
        cmocka_unit_test(a_lost_session_does_not_end_it),
        cmocka_unit_test(an_observer_that_is_cut_off_sends_afterwards),
        cmocka_unit_test(what_another_session_reports_by_now_is_not_committed),
        cmocka_unit_test(one_may_begin_while_the_last_is_still_being_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
