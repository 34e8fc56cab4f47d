/* Many random steps, once as they are and once with lives on trial in between: whoever looks on
 * sees the very same if they are rolled back, and all agree if they are committed. */
#include "trial_world.h"

#define STEPS 120
#define SEEDS 12

typedef struct {
    world_t *w;
    hy_random_t random; /* of the steps */
    hy_random_t tried;  /* of what is tried */
    bool has_trials, commits;
} story_t;

/* --- what they do ----------------------------------------------------------------------------- */

static int edit_list(actor_t *a, hy_random_t *random) {
    hy_view_t *view = hy_party_data(a->party);
    hy_node_t *list = hy_get_array(view->root, "list");
    if (!list) {
        hy_edit_t edit = {.kind = HY_OP_SET, .node = view->root, .key = hy_str_from("list")};
        edit.value = hy_node_value(hy_node_new(HY_ARRAY));
        int rc = hy_view_edit(view, &edit, NULL);
        hy_str_unref(edit.key);
        return rc;
    }
    size_t count = hy_node_count(list);
    hy_edit_t edit = {.node = list, .index = hy_random_below(random, count + 1)};
    if (edit.index == count || hy_random_below(random, 2)) {
        edit.kind = HY_OP_INSERT;
        edit.value = hy_node_value(hy_node_new(HY_ARRAY));
        hy_node_insert(edit.value.as.n, 0, hy_int((int64_t)hy_random_below(random, 100)));
    } else {
        edit.kind = HY_OP_ERASE;
        edit.count = 1;
    }
    return hy_view_edit(view, &edit, NULL);
}

static int edit_data(actor_t *a, hy_random_t *random) {
    static const char *const keys[] = {"n", "m", "k"};
    const char *key = keys[hy_random_below(random, 3)];
    int64_t n = (int64_t)hy_random_below(random, 1000);
    if (hy_random_below(random, 3) == 0) return edit_list(a, random);
    return set(a, key, n);
}

static void edit_batch(actor_t *a, hy_random_t *random) {
    hy_view_t *view = hy_party_data(a->party);
    uint64_t count = hy_random_below(random, 4);
    assert_int_equal(hy_view_begin(view, NULL), 0);
    for (uint64_t i = 0; i < count; i++) {
        edit_data(a, random);
    }
    if (hy_random_below(random, 3) == 0) {
        hy_view_rollback(view);
    } else {
        assert_int_equal(hy_view_commit(view, NULL), 0);
    }
}

/* The caller gets a reference. */
static hy_child_t *pick(actor_t *a, hy_random_t *random) {
    const hy_children_t *children = hy_party_children(a->party);
    uint64_t at = hy_random_below(random, 8);
    hy_child_t *child;
    for (size_t pos = 0; (child = hy_children_next(children, NULL, &pos));) {
        if (at-- == 0) return hy_child_ref(child);
    }
    return NULL;
}

static void act(actor_t *a, hy_random_t *random) {
    uint64_t what = hy_random_below(random, 10);
    int64_t n = (int64_t)hy_random_below(random, 1000);
    hy_child_t *child = NULL;
    if (what < 4 && hy_party_is_reporter(a->party)) {
        if (what == 0) edit_batch(a, random);
        if (what > 0) edit_data(a, random);
    } else if (what < 6) {
        if (try_add(a, n, &child) == 0) hy_child_unref(child);
    } else if (what < 8) {
        child = pick(a, random);
        if (child) write_child(a, child, n);
        hy_child_unref(child);
    } else if (what == 8) {
        child = pick(a, random);
        if (child) hy_party_delete_child(a->party, child, NULL);
        hy_child_unref(child);
    } else {
        send_event(a, n);
    }
}

static actor_t *pick_actor(world_t *w, hy_random_t *random) {
    actor_t *all[] = {&w->ann, &w->ann, &w->nat, &w->ben};
    return all[hy_random_below(random, 4)];
}

/* --- the story -------------------------------------------------------------------------------- */

static void try_some(story_t *s, actor_t *a) {
    uint64_t count = hy_random_below(&s->tried, 6);
    for (uint64_t i = 0; i < count; i++) {
        act(a, &s->tried);
        if (hy_random_below(&s->tried, 2)) run_ms(s->w, 20);
    }
}

static void step(story_t *s) {
    world_t *w = s->w;
    actor_t *a = pick_actor(w, &s->random);
    actor_t *other = s->has_trials ? pick_actor(w, &s->tried) : NULL;
    bool is_tried = other && hy_random_below(&s->tried, 2) == 0;
    bool is_within = is_tried && other != a;
    if (is_tried) {
        begin(other);
        try_some(s, other);
    }
    if (is_within) {
        act(a, &s->random);
        try_some(s, other);
    }
    if (is_tried && s->commits) {
        commit(other);
        other->new.name = NULL; /* its lines look the same */
    } else if (is_tried) {
        rollback(other);
    }
    if (!is_within) act(a, &s->random);
    run(w);
}

static world_t *play(uint64_t seed, bool has_trials, bool commits) {
    story_t s = {.w = world_new(), .has_trials = has_trials, .commits = commits};
    hy_random_seed(&s.random, seed);
    hy_random_seed(&s.tried, seed + 1000);
    for (int i = 0; i < STEPS; i++) {
        step(&s);
    }
    run_ms(s.w, 40000);
    return s.w;
}

static void assert_same(hy_buf_t *a, hy_buf_t *b) {
    hy_buf_char(a, 0);
    hy_buf_char(b, 0);
    assert_string_equal(a->bytes, b->bytes);
}

static void trials_that_are_rolled_back_are_seen_by_nobody(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world_t *plain = play(seed, false, false), *tried = play(seed, true, false);
        assert_true(plain->ben.lines.len > 1000);
        assert_same(&plain->ben.lines, &tried->ben.lines);
        assert_same(&plain->nat.lines, &tried->nat.lines);
        assert_same(&plain->ann.lines, &tried->ann.lines);
        world_free(tried);
        world_free(plain);
    }
}

static hy_value_t whole(actor_t *a) {
    hy_value_t v = {.kind = HY_OBJECT, .as.n = hy_party_data(a->party)->root};
    return v;
}

static void assert_agree(actor_t *a, actor_t *b) {
    assert_true(hy_value_equal(whole(a), whole(b)));
    assert_int_equal(hy_party_version(a->party), hy_party_version(b->party));
    size_t i = 0, k = 0;
    hy_child_t *child, *same;
    while ((child = hy_children_next(hy_party_children(a->party), NULL, &i))) {
        assert_non_null(same = hy_children_next(hy_party_children(b->party), NULL, &k));
        assert_string_equal(child->key->bytes, same->key->bytes);
        assert_int_equal(child->state, HY_CHILD_KEPT);
        assert_int_equal(same->state, HY_CHILD_KEPT);
        assert_int_equal(child->version, same->version);
        hy_value_t mine = {.kind = HY_OBJECT, .as.n = child->data};
        hy_value_t other = {.kind = HY_OBJECT, .as.n = same->data};
        assert_true(hy_value_equal(mine, other));
        if (same->draft) other.as.n = same->draft;
        assert_true(hy_value_equal(mine, other));
    }
    assert_null(hy_children_next(hy_party_children(b->party), NULL, &k));
}

static void after_those_that_are_committed_all_agree(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world_t *w = play(seed, true, true);
        assert_agree(&w->ann, &w->ben);
        assert_agree(&w->ann, &w->nat);
        assert_int_equal(hy_party_status(w->ben.party).pending, 0);
        world_free(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trials_that_are_rolled_back_are_seen_by_nobody),
        cmocka_unit_test(after_those_that_are_committed_all_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
