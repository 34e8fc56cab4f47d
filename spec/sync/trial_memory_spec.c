/* Memory runs out at every place of a trial: nobody is left with something else than the others,
 * and nothing is left behind. */
#include "trial_world.h"

/* One that is in the story before: the trial writes it, too. */
static hy_child_t *settled;

static hy_str_t *ben_of(actor_t *a) {
    hy_value_t observers;
    if (hy_party_observers(a->party, &observers) < 0) return NULL;
    hy_value_t last = hy_node_at(observers.as.n, hy_node_count(observers.as.n) - 1);
    hy_str_t *url = last.kind == HY_STR ? hy_str_ref(last.as.s) : NULL;
    hy_value_drop(observers);
    return url;
}

static void use_all(actor_t *a) {
    hy_child_t *child = NULL;
    hy_view_t *view = hy_party_data(a->party);
    set(a, "n", 1);
    if (hy_view_begin(view, NULL) == 0) {
        set(a, "m", 2);
        hy_view_commit(view, NULL);
    }
    if (try_add(a, 3, &child) == 0) {
        write_child(a, child, 4);
        hy_child_unref(child);
    }
    write_child(a, settled, 5);
    send_event(a, 6);
    emit(a, 7);
    hy_party_delete_child(a->party, settled, NULL);
}

static void ask_all(actor_t *a) {
    hy_str_t *url = hy_str_from("hyperty://d/nobody"), *ben = ben_of(a);
    if (url) hy_party_invite(a->party, &url, 1, on_done, &a->new, NULL);
    if (url) hy_syncher_follow(a->syncher, url, on_done, &a->new, NULL);
    if (ben) hy_party_evict(a->party, ben, on_done, &a->new, NULL);
    hy_syncher_read(a->syncher, hy_party_url(a->party), on_value, &a->new, NULL);
    hy_str_unref(url);
    hy_str_unref(ben);
}

static void subscribe_to_it(actor_t *a, hy_str_t *url) {
    hy_syncher_subscribe(a->syncher, url, NULL, HY_STORE_NONE, on_party, &a->new, NULL);
}

static void assert_agree(actor_t *a, actor_t *b) {
    hy_value_t mine = {.kind = HY_OBJECT, .as.n = hy_party_data(a->party)->root};
    hy_value_t other = {.kind = HY_OBJECT, .as.n = hy_party_data(b->party)->root};
    if (!hy_party_is_open(a->party) || !hy_party_is_open(b->party)) return;
    assert_int_equal(hy_party_version(a->party), hy_party_version(b->party));
    assert_true(hy_value_equal(mine, other));
    assert_int_equal(hy_children_count(hy_party_children(a->party), NULL),
                     hy_children_count(hy_party_children(b->party), NULL));
}

typedef struct {
    bool commits, runs, asks, by_observer;
} tale_t;

static bool begin_quietly(actor_t *a) {
    return hy_syncher_trial_begin(a->syncher, on_broken, a, NULL) == 0;
}

static void end_quietly(actor_t *a, bool commits) {
    if (!commits || hy_syncher_trial_commit(a->syncher, &a->new, NULL) < 0) rollback(a);
}

/* True once memory did not run out. */
static bool tell(const tale_t *t, int64_t n) {
    world_t *w = world_new();
    actor_t *a = t->by_observer ? &w->ben : &w->ann;
    settled = add(a, 1);
    run(w);
    hy_mem_fail_after(n);
    if (begin_quietly(a)) {
        use_all(a);
        if (t->asks && !t->by_observer) ask_all(a);
        if (t->asks && t->by_observer) subscribe_to_it(&w->cara, hy_party_url(a->party));
        if (t->runs) {
            set(&w->ann, "k", 8);
            run_ms(w, 10);
        }
        end_quietly(a, t->commits);
        if (t->runs) run_ms(w, 10);
    }
    void *probe = hy_alloc(1);
    hy_free(probe);
    hy_mem_fail_after(-1);
    run_ms(w, 60000);
    set(&w->ann, "last", n);
    run_ms(w, 60000);
    assert_agree(&w->ann, &w->nat);
    assert_agree(&w->ann, &w->ben);
    assert_false(hy_syncher_is_on_trial(a->syncher));
    hy_child_unref(settled);
    world_free(w);
    return probe != NULL;
}

static void tell_all(const tale_t *t, int64_t stride) {
    int64_t n = 1;
    while (!tell(t, n)) {
        n += stride;
        assert_true(n < 5000);
    }
    assert_true(n > 20);
}

static void in_what_is_held_and_done(void **state) {
    (void)state;
    tell_all(&(tale_t){.commits = true}, 1);
    tell_all(&(tale_t){.commits = true, .by_observer = true}, 1);
}

static void in_what_is_held_and_undone(void **state) {
    (void)state;
    tell_all(&(tale_t){.commits = false}, 1);
    tell_all(&(tale_t){.commits = false, .by_observer = true}, 1);
}

static void in_calls(void **state) {
    (void)state;
    tell_all(&(tale_t){.commits = true, .asks = true}, 1);
    tell_all(&(tale_t){.commits = false, .asks = true}, 1);
}

static void while_others_go_on(void **state) {
    (void)state;
    tell_all(&(tale_t){.commits = true, .runs = true}, 3);
    tell_all(&(tale_t){.commits = false, .runs = true}, 3);
    tell_all(&(tale_t){.commits = true, .runs = true, .by_observer = true}, 3);
    tell_all(&(tale_t){.commits = false, .runs = true, .by_observer = true, .asks = true}, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_what_is_held_and_done),
        cmocka_unit_test(in_what_is_held_and_undone),
        cmocka_unit_test(in_calls),
        cmocka_unit_test(while_others_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
