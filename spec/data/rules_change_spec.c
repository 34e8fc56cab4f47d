/* core/data/rules_change.c: what a change touched is checked as if all were.
 *
 * The oracle is hy_rule_check: in a tree that fitted, both say the same of any change. Trees grow
 * by the changes that fit; those that do not are undone. */
#include "random_schema.h"

#include <stdlib.h>

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

/* --- by hand ---------------------------------------------------------------------------------- */

typedef struct {
    const char *schema, *tree, *change;
    const char *text; /* NULL: it fits */
} case_t;

/* Applies the change of that body and checks it; the tree is then as it was. */
static int check_change(const hy_rules_t *rules, hy_node_t *tree, const char *body,
                        hy_error_t *err) {
    hy_change_t *c = change_of(body);
    hy_effect_t *effects = calloc(c->count + 1, sizeof *effects);
    assert_int_equal(hy_change_apply(c, tree, effects, NULL), 0);
    int rc = hy_rule_check_effects(hy_rules_root(rules), tree, effects, c->count, err);
    for (uint32_t i = c->count; i-- > 0;) {
        hy_effect_undo(tree, &effects[i]);
    }
    free(effects);
    hy_change_unref(c);
    return rc;
}

static void assert_cases(const case_t *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        hy_rules_t *rules = rules_of(cases[i].schema);
        hy_node_t *tree = tree_of(cases[i].tree);
        hy_error_t err = {.text = ""};
        int rc = check_change(rules, tree, cases[i].change, &err);
        assert_string_equal(err.text, cases[i].text ? cases[i].text : "");
        assert_int_equal(rc, cases[i].text ? HY_ESCHEMA : 0);
        hy_node_unref(tree);
        hy_rules_free(rules);
    }
}

#define SET(path, value) "{\"attribute\":\"" path "\",\"value\":" value ",\"version\":1}"
#define REMOVE(path)     "{\"attribute\":\"" path "\",\"version\":1}"

static void what_does_not_fit_is_told_from_the_root(void **state) {
    (void)state;
#define ROOM                                                                                       \
    "{\"properties\":{\"participants\":{\"items\":{\"required\":[\"hyperty\"],\"properties\":{"    \
    "\"status\":{\"enum\":[\"open\",\"closed\"]}}}}},\"minProperties\":1}"
#define GUESTS "{\"participants\":[{\"hyperty\":1},{\"hyperty\":2,\"status\":\"open\"}]}"
    static const case_t cases[] = {
        {ROOM, GUESTS, SET("participants.1.status", "\"opne\""),
         "participants.2.status: \"opne\" is none of open, closed"},
        {ROOM, GUESTS, REMOVE("participants.0.hyperty"), "participants.1: has no \"hyperty\""},
        {ROOM, GUESTS, REMOVE("participants"), "has fewer than 1 members: 0"},
        {ROOM, GUESTS, SET("participants.0.hyperty", "null"), NULL},
        {"{\"properties\":{\"l\":{\"uniqueItems\":true}}}", "{\"l\":[1,[2],[3]]}",
         SET("l.2.0", "2"), "l: items 2 and 3 are the same"},
    };
    assert_cases(cases, COUNT_OF(cases));
}

/* What is stored and does not fit a newer schema can be changed where that is right. */
static void what_was_wrong_before_is_not_told_of_a_change_elsewhere(void **state) {
    (void)state;
#define NEWER                                                                                      \
    "{\"required\":[\"unit\"],\"properties\":{\"value\":{\"type\":\"number\"},"                    \
    "\"log\":{\"items\":{\"type\":\"string\"}}},\"maxProperties\":3}"
    static const case_t cases[] = {
        {NEWER, "{\"value\":\"x\",\"log\":[1]}", SET("other", "1"), NULL},
        {NEWER, "{\"value\":\"x\",\"log\":[1]}", SET("log.0", "\"y\""), NULL},
        {NEWER, "{\"value\":\"x\",\"log\":[1]}", SET("value", "false"),
         "value: false is no number"},
        {NEWER, "{\"value\":\"x\",\"log\":[1,\"z\"]}", SET("log.1", "2"), "log.2: 2 is no string"},
        {NEWER, "{\"value\":\"x\",\"log\":[]}", REMOVE("log"), NULL},
    };
    assert_cases(cases, COUNT_OF(cases));
}

/* What telling why may cost is what is left of the check. */
static void a_check_and_what_it_tells_have_one_bound(void **state) {
    (void)state;
#define UNIQUE(times)                                                                              \
    "{\"definitions\":{\"u\":{\"uniqueItems\":true}},\"properties\":{\"l\":{\"allOf\":[<" times    \
    ":{\"$ref\":\"#/definitions/u\"}>,{\"contains\":{\"const\":\"x\"}}]}}}"
    char *tree = spelled_out("{\"l\":[<3000:@>]}");
    char *half = spelled_out(UNIQUE("150")), *most = spelled_out(UNIQUE("450"));
    const case_t cases[] = {
        {half, tree, SET("l.0", "-1"), "l: has no item that fits \"contains\""},
        {most, tree, SET("l.0", "-1"), "l: takes more than 4000000 steps to check"},
    };
    assert_cases(cases, COUNT_OF(cases));
    free(tree);
    free(half);
    free(most);
}

static void one_effect_is_checked_without_allocating(void **state) {
    (void)state;
    hy_rules_t *rules = rules_of(ROOM);
    hy_node_t *tree = tree_of(GUESTS);
    hy_node_t *guest = hy_node_at(hy_get_array(tree, "participants"), 0).as.n;
    hy_str_t *key = str_of("status");
    hy_edit_t edit = {.kind = HY_OP_SET, .node = guest, .key = key, .value = hy_text("closed")};
    hy_effect_t effect;
    assert_int_equal(hy_edit_apply(tree, &edit, &effect, NULL), 0);
    hy_mem_fail_after(0);
    int rc = hy_rule_check_effects(hy_rules_root(rules), tree, &effect, 1, NULL);
    hy_mem_fail_after(-1);
    assert_int_equal(rc, 0);
    hy_effect_undo(tree, &effect);
    hy_str_unref(key);
    hy_node_unref(tree);
    hy_rules_free(rules);
}

typedef struct {
    const hy_rules_t *rules;
    hy_node_t *tree;
    const hy_effect_t *effects;
    uint32_t count;
} check_t;

static int try_check(void *arg) {
    check_t *t = arg;
    return hy_rule_check_effects(hy_rules_root(t->rules), t->tree, t->effects, t->count, NULL);
}

static void a_batch_that_finds_no_memory_leaves_nothing(void **state) {
    (void)state;
    enum { COUNT = 200 };
    hy_rules_t *rules = rules_of("{\"additionalProperties\":{\"items\":{\"type\":\"integer\"}}}");
    hy_node_t *tree = tree_of("{}");
    hy_effect_t effects[COUNT];
    for (int i = 0; i < COUNT; i++) {
        hy_str_t *key = hy_str_format("k%d", i % (COUNT / 2));
        hy_value_t there = hy_node_find(tree, key);
        hy_edit_t edit = {.kind = HY_OP_SET, .node = tree, .key = key};
        if (there.kind == HY_ARRAY) {
            edit = (hy_edit_t){.kind = HY_OP_INSERT, .node = there.as.n};
        }
        edit.value = value_of("[1]");
        assert_int_equal(hy_edit_apply(tree, &edit, &effects[i], NULL), 0);
        hy_str_unref(key);
    }
    check_t all = {rules, tree, effects, COUNT};
    check_t items = {rules, tree, effects + COUNT / 2, COUNT / 2};
    fail_until_it_works(try_check, &all);
    fail_until_it_works(try_check, &items);
    for (int i = 0; i < COUNT; i++) {
        hy_effect_release(&effects[i]);
    }
    hy_node_unref(tree);
    hy_rules_free(rules);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_edit_is_checked_as_the_whole_is),
        TEST(a_batch_is_checked_as_the_whole_is),
        TEST(what_does_not_fit_is_told_from_the_root),
        TEST(what_was_wrong_before_is_not_told_of_a_change_elsewhere),
        TEST(a_check_and_what_it_tells_have_one_bound),
        TEST(one_effect_is_checked_without_allocating),
        TEST(a_batch_that_finds_no_memory_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
