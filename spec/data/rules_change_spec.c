/* core/data/rules_change.c: what a change touched is checked as if all were.
 *
 * The oracle is hy_rule_check: in a tree that fitted, both say the same of any change. Trees grow
 * by the changes that fit; those that do not are undone. */
#include "random_schema.h"

enum { EFFECTS_MAX = 6 };

typedef struct {
    hy_random_t random;
    hy_str_t *schema;
    hy_rules_t *rules;
    hy_node_t *tree;
    hy_effect_t effects[EFFECTS_MAX];
    uint32_t effect_count;
    uint32_t fitting, refused;
} world_t;

static uint64_t roll(world_t *w, uint64_t n) {
    return hy_random_below(&w->random, n);
}

/* --- random changes --------------------------------------------------------------------------- */

/* Some node of the tree, each further down less likely. */
static hy_node_t *some_node(world_t *w) {
    hy_node_t *n = w->tree;
    while (hy_node_count(n) > 0 && roll(w, 4) > 0) {
        uint64_t skip = roll(w, hy_node_count(n));
        hy_value_t v = hy_node_at(n, skip);
        if (hy_node_kind(n) == HY_OBJECT) {
            for (uint32_t pos = 0; hy_node_next(n, &pos, NULL, &v) && skip > 0; skip--) {
            }
        }
        if (!hy_is_node(v)) break;
        n = v.as.n;
    }
    return n;
}

static hy_value_t some_items(world_t *w) {
    hy_node_t *items = hy_node_new(HY_ARRAY);
    for (uint64_t i = roll(w, 3) + 1; i > 0; i--) {
        assert_int_equal(hy_node_insert(items, 0, schema_value(&w->random, 1)), 0);
    }
    return hy_node_value(items);
}

static hy_edit_t some_array_edit(world_t *w, hy_node_t *n) {
    hy_edit_t edit = {.node = n, .index = roll(w, hy_node_count(n) + 1)};
    bool is_end = edit.index == hy_node_count(n);
    uint64_t kind = roll(w, 3);
    if (is_end || kind == 0) {
        edit.kind = HY_OP_INSERT;
        edit.value = some_items(w);
    } else if (kind == 1) {
        edit.kind = HY_OP_SET;
        edit.value = schema_value(&w->random, 2);
    } else {
        edit.kind = HY_OP_ERASE;
        edit.count = 1 + roll(w, hy_node_count(n) - edit.index);
    }
    return edit;
}

static hy_edit_t some_object_edit(world_t *w, hy_node_t *n, hy_str_t *key) {
    if (roll(w, 3) == 0 && hy_node_find(n, key).kind != HY_ABSENT)
        return (hy_edit_t){.kind = HY_OP_REMOVE, .node = n, .key = key};
    return (hy_edit_t){
        .kind = HY_OP_SET, .node = n, .key = key, .value = schema_value(&w->random, 2)};
}

static void do_edit(world_t *w) {
    hy_str_t *key = schema_key(&w->random);
    hy_node_t *n = some_node(w);
    hy_edit_t edit;
    if (roll(w, 60) == 0) {
        edit = (hy_edit_t){.kind = HY_OP_SET, .value = schema_value(&w->random, 2)};
        if (!hy_is_node(edit.value)) {
            hy_value_drop(edit.value);
            edit.value = value_of("{}");
        }
    } else {
        edit = hy_node_kind(n) == HY_ARRAY ? some_array_edit(w, n) : some_object_edit(w, n, key);
    }
    assert_int_equal(hy_edit_apply(w->tree, &edit, &w->effects[w->effect_count++], NULL), 0);
    hy_str_unref(key);
}

static void undo_all(world_t *w) {
    while (w->effect_count > 0) {
        hy_effect_undo(w->tree, &w->effects[--w->effect_count]);
    }
}

static void keep_all(world_t *w) {
    while (w->effect_count > 0) {
        hy_effect_release(&w->effects[--w->effect_count]);
    }
}

/* --- beside a whole check --------------------------------------------------------------------- */

static void show(const world_t *w, const hy_error_t *err) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_json_write(&b, hy_node_value(w->tree));
    print_error("schema %s\ntree %.*s\nsays \"%s\"\n", w->schema->bytes, (int)b.len, b.bytes,
                err->text);
    hy_buf_deinit(&b);
}

static void change_and_compare(world_t *w, uint32_t edits) {
    const hy_rule_t *rule = hy_rules_root(w->rules);
    hy_error_t whole = {.text = ""}, touched = {.text = ""};
    for (uint32_t i = 0; i < edits; i++) {
        do_edit(w);
    }
    int rc = hy_rule_check(rule, hy_node_value(w->tree), &whole);
    int found = hy_rule_check_effects(rule, w->tree, w->effects, w->effect_count, &touched);
    if (rc != found) show(w, rc < 0 ? &whole : &touched);
    assert_int_equal(found, rc);
    assert_int_equal(hy_rule_check_effects(rule, w->tree, w->effects, w->effect_count, NULL), rc);
    assert_int_equal(touched.code, whole.code);
    if (rc == 0) {
        w->fitting++;
        keep_all(w);
    } else {
        w->refused++;
        if (!touched.text[0]) show(w, &whole);
        assert_true(touched.text[0]);
        undo_all(w);
    }
}

/* A tree that fits, from which one can go on; NULL if none is found. */
static hy_node_t *fitting_tree(world_t *w) {
    for (int tries = 0; tries < 20; tries++) {
        hy_value_t v = schema_value(&w->random, 3);
        if (hy_is_node(v) && hy_rule_check(hy_rules_root(w->rules), v, NULL) == 0) return v.as.n;
        hy_value_drop(v);
    }
    return NULL;
}

static void play(world_t *w, uint64_t seed, uint32_t edits_max) {
    hy_random_seed(&w->random, seed);
    w->schema = random_schema(&w->random, 3);
    w->rules = rules_of(w->schema->bytes);
    w->tree = fitting_tree(w);
    for (int i = 0; w->tree && i < 60; i++) {
        change_and_compare(w, 1 + (uint32_t)roll(w, edits_max));
    }
    if (w->tree) hy_node_unref(w->tree);
    hy_rules_free(w->rules);
    hy_str_unref(w->schema);
}

static void one_edit_is_checked_as_the_whole_is(void **state) {
    (void)state;
    world_t w = {.fitting = 0};
    for (uint64_t seed = 0; seed < 1200; seed++) {
        play(&w, seed, 1);
    }
    print_message("%u fitting, %u refused\n", w.fitting, w.refused);
    assert_true(w.fitting > 20000 && w.refused > 10000);
}

static void a_batch_is_checked_as_the_whole_is(void **state) {
    (void)state;
    world_t w = {.fitting = 0};
    for (uint64_t seed = 10000; seed < 11200; seed++) {
        play(&w, seed, EFFECTS_MAX);
    }
    print_message("%u fitting, %u refused\n", w.fitting, w.refused);
    assert_true(w.fitting > 20000 && w.refused > 10000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_edit_is_checked_as_the_whole_is),
        TEST(a_batch_is_checked_as_the_whole_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
