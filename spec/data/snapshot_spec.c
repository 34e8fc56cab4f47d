/* core/data/snapshot.c and core/data/parts.c: an object is frozen, written in parts while it goes
 * on, and put together again from what arrives. */
#include "support.h"

#include <stdio.h>

#include "base/random.h"
#include "data/parts.h"
#include "data/snapshot.h"

#define CHILDREN 2000

static hy_object_t *object_of(hy_value_t data) {
    hy_str_t *url = str_of("comm://d/x"), *epoch = str_of("2-b"), *before = str_of("1-a");
    hy_object_t *o;
    assert_int_equal(hy_object_new(url, NULL, value_of("{\"name\":\"x\",\"tags\":[1]}"), data, &o),
                     0);
    hy_object_set_position(o, epoch, CHILDREN);
    hy_object_set_follows(o, before, 7);
    hy_str_unref(url);
    hy_str_unref(epoch);
    hy_str_unref(before);
    return o;
}

static hy_child_t *add_child(hy_object_t *o, const char *collection, unsigned n, uint64_t order) {
    hy_str_t *name = str_of(collection), *creator = str_of("hyperty://d/a");
    hy_str_t *id = hy_str_format("a#%u", n);
    hy_node_t *data = tree_of("{\"text\":\"a text of some length, so that there are some parts\"}");
    hy_child_t *child;
    assert_int_equal(hy_child_new(name, creator, id, hy_node_value(data), &child, NULL), 0);
    child->user = str_of("user://d/\"a\"");
    child->version = n % 3;
    child->created_ms = 1767225600000 + n;
    assert_int_equal(hy_children_keep(o->children, child, order), 0);
    assert_int_equal(hy_marks_see(hy_children_marks(o->children), creator, n, n), 0);
    hy_child_unref(child); /* the children's by now */
    hy_str_unref(name);
    hy_str_unref(creator);
    hy_str_unref(id);
    return child;
}

static void add_children(hy_object_t *o) {
    for (unsigned n = 1; n <= CHILDREN; n++) {
        add_child(o, n % 5 == 0 ? "others" : "items", n, n);
    }
}

static hy_child_t *find(hy_object_t *o, unsigned n) {
    hy_str_t *creator = str_of("hyperty://d/a");
    hy_child_t *child = hy_children_find(o->children, creator, n);
    hy_str_unref(creator);
    return child;
}

/* {"code", "part", "responses", "value"} as it arrives. */
static hy_value_t carrier_of(const hy_snapshot_t *s, uint32_t i) {
    hy_str_t *text = hy_str_format("{\"part\":%u,\"responses\":%u,\"value\":%s}", i + 1,
                                   hy_snapshot_count(s), hy_snapshot_part(s, i)->bytes);
    hy_value_t v = value_of(text->bytes);
    hy_str_unref(text);
    return v;
}

static int take(hy_parts_t *p, const hy_snapshot_t *s, uint32_t i, hy_error_t *err) {
    hy_value_t v = carrier_of(s, i);
    assert_true(hy_parts_is_part(v.as.n));
    int rc = hy_parts_take(p, v.as.n, err);
    hy_value_drop(v);
    return rc;
}

static hy_parts_t *parts_new(void) {
    hy_str_t *url = str_of("comm://d/x");
    hy_parts_t *p;
    assert_int_equal(hy_parts_new(url, &p), 0);
    hy_str_unref(url);
    return p;
}

static hy_value_t whole_of(hy_object_t *o) {
    hy_value_t v;
    assert_int_equal(hy_object_whole(o, &v), 0);
    return v;
}

/* Takes the snapshot's parts in that order: i → (i * step) mod count; they are that whole. */
static void assert_parts(const hy_snapshot_t *s, uint32_t step, hy_value_t whole) {
    hy_parts_t *p = parts_new();
    hy_error_t err = {.text = ""};
    uint32_t count = hy_snapshot_count(s);
    for (uint32_t i = 0; i < count; i++) {
        assert_false(hy_parts_is_complete(p));
        assert_int_equal(take(p, s, (uint32_t)((uint64_t)i * step % count), &err), 0);
        assert_int_equal(take(p, s, (uint32_t)((uint64_t)i * step % count), &err), 0); /* twice */
    }
    assert_true(hy_parts_is_complete(p));
    hy_object_t *o;
    assert_int_equal(hy_parts_finish(p, &o, &err), 0);
    hy_value_t got = whole_of(o);
    assert_true(hy_value_equal(got, whole));
    hy_value_drop(got);
    hy_object_free(o);
    hy_parts_free(p);
}

static hy_snapshot_t *complete(hy_object_t *o) {
    hy_snapshot_t *s;
    assert_int_equal(hy_snapshot_new(o, &s), 0);
    int rc;
    while ((rc = hy_snapshot_step(s)) > 0) {
    }
    assert_int_equal(rc, 0);
    assert_true(hy_snapshot_is_complete(s));
    for (uint32_t i = 0; i < hy_snapshot_count(s); i++) {
        assert_true(hy_snapshot_part(s, i)->len < 2 * HY_PART_BYTES);
    }
    return s;
}

/* --- written and put together ----------------------------------------------------------------- */

static void the_parts_in_any_order_are_the_object(void **state) {
    (void)state;
    hy_object_t *o = object_of(value_of("{\"n\":1,\"list\":[1,[2]]}"));
    add_children(o);
    hy_snapshot_t *s = complete(o);
    hy_value_t whole = whole_of(o);
    assert_in_range(hy_snapshot_count(s), 3, 10);
    assert_parts(s, 1, whole);
    assert_parts(s, hy_snapshot_count(s) - 1, whole);
    hy_value_drop(whole);
    hy_snapshot_free(s);
    hy_object_free(o);
}

/* A tree of about a megabyte with awkward keys on every level. */
static hy_value_t large_tree(hy_random_t *r) {
    hy_node_t *root = hy_random_below(r, 2) ? hy_node_new(HY_OBJECT) : hy_node_new(HY_ARRAY);
    for (unsigned i = 0; i < 40; i++) {
        hy_node_t *n = root;
        for (unsigned depth = 0; depth < 5; depth++) {
            hy_node_t *inner = depth < 4 ? random_tree(r, 3) : NULL;
            char text[4000];
            memset(text, 'x', sizeof text);
            hy_str_t *long_text = hy_str_new(text, sizeof text);
            hy_value_t v = inner ? hy_node_value(inner) : hy_string(long_text);
            if (inner) hy_str_unref(long_text);
            if (hy_node_kind(n) == HY_ARRAY) {
                assert_int_equal(hy_node_insert(n, hy_node_count(n), v), 0);
            } else {
                hy_str_t *key = random_key(r);
                assert_int_equal(hy_node_set(n, key, v, NULL), 0);
                hy_str_unref(key);
            }
            if (inner) n = inner;
            for (unsigned k = 0; inner && k < 3 && hy_node_kind(n) == HY_ARRAY; k++) {
                assert_int_equal(hy_node_insert(n, 0, hy_string(hy_str_new(text, 4000))), 0);
            }
        }
    }
    return hy_node_value(root);
}

static void data_of_any_shape_is_divided(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        hy_random_t r;
        hy_random_seed(&r, seed);
        hy_object_t *o = object_of(large_tree(&r));
        hy_snapshot_t *s = complete(o);
        hy_value_t whole = whole_of(o);
        assert_parts(s, 1, whole);
        assert_parts(s, hy_snapshot_count(s) > 1 ? hy_snapshot_count(s) - 1 : 1, whole);
        hy_value_drop(whole);
        hy_snapshot_free(s);
        hy_object_free(o);
    }
}

static void an_empty_object_is_one_part(void **state) {
    (void)state;
    hy_object_t *o = object_of(value_of("[]"));
    hy_snapshot_t *s = complete(o);
    assert_int_equal(hy_snapshot_count(s), 1);
    hy_value_t whole = whole_of(o);
    assert_parts(s, 1, whole);
    hy_value_drop(whole);
    hy_snapshot_free(s);
    hy_object_free(o);
}

static void small_is_what_surely_fits(void **state) {
    (void)state;
    hy_object_t *o = object_of(value_of("{}"));
    assert_true(hy_object_is_small(o));
    add_children(o);
    assert_false(hy_object_is_small(o));
    hy_object_free(o);
}

/* --- while the object goes on ----------------------------------------------------------------- */

static void edit(hy_object_t *o, const char *body) {
    hy_change_t *c = change_of(body);
    hy_object_touch(o);
    assert_int_equal(hy_change_apply(c, o->data, NULL, NULL), 0);
    o->version++;
    hy_change_unref(c);
}

static void update(hy_object_t *o, hy_child_t *child) {
    hy_change_t *c = change_of("{\"version\":1,\"attribute\":\"text\",\"value\":\"other\"}");
    hy_children_touch(o->children, child);
    assert_int_equal(hy_change_apply(c, child->data, NULL, NULL), 0);
    child->version++;
    o->version++;
    hy_change_unref(c);
}

static void what_changes_meanwhile_is_not_in_it(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        hy_random_t r;
        hy_random_seed(&r, seed);
        hy_object_t *o = object_of(large_tree(&r));
        add_children(o);
        hy_snapshot_t *s, *second = NULL;
        hy_value_t whole = whole_of(o), second_whole = hy_absent();
        assert_int_equal(hy_snapshot_new(o, &s), 0);
        unsigned made = CHILDREN;
        for (int rc = 1; rc > 0;) {
            for (unsigned i = 0; i < 40; i++) {
                unsigned n = 1 + (unsigned)hy_random_below(&r, made);
                hy_child_t *child = find(o, n);
                uint64_t act = hy_random_below(&r, 12);
                if (child && act < 5) update(o, child);
                if (child && act >= 5 && act < 10)
                    hy_children_remove(o->children, child, HY_CHILD_DELETED);
                if (act == 10) {
                    made++;
                    o->version++;
                    add_child(o, made % 7 ? "items" : "new", made, o->version);
                }
                if (act == 11 && hy_random_below(&r, 5) == 0)
                    edit(o, "{\"version\":1,\"attribute\":[],\"value\":{\"new\":1}}");
            }
            if (!second && hy_random_below(&r, 4) == 0) {
                assert_int_equal(hy_snapshot_new(o, &second), 0);
                second_whole = whole_of(o);
            }
            rc = hy_snapshot_step(s);
            assert_true(rc >= 0);
        }
        assert_parts(s, 1, whole);
        if (second) {
            while (hy_snapshot_step(second) > 0) {
            }
            assert_parts(second, 1, second_whole);
        }
        hy_snapshot_free(s);
        hy_snapshot_free(second);
        hy_value_drop(whole);
        hy_value_drop(second_whole);
        hy_object_free(o);
    }
}

static void it_fails_with_its_object(void **state) {
    (void)state;
    hy_object_t *o = object_of(value_of("{}"));
    add_children(o);
    hy_snapshot_t *s;
    assert_int_equal(hy_snapshot_new(o, &s), 0);
    assert_int_equal(hy_snapshot_step(s), 1);
    hy_object_free(o);
    assert_int_equal(hy_snapshot_step(s), HY_ECLOSED);
    assert_false(hy_snapshot_is_complete(s));
    hy_snapshot_free(s);
}

/* --- parts that make no sense ----------------------------------------------------------------- */

#define PART(part, total, value) "{\"part\":" part ",\"responses\":" total ",\"value\":{" value "}}"
#define AT(epoch, version)       "\"epoch\":\"" epoch "\",\"version\":" version

static int take_text(hy_parts_t *p, const char *text) {
    hy_value_t v = value_of(text);
    hy_error_t err = {.text = ""};
    int rc = hy_parts_take(p, v.as.n, &err);
    if (rc < 0) assert_true(strlen(err.text) > 0);
    hy_value_drop(v);
    return rc;
}

static void nonsense_is_refused_and_it_begins_anew(void **state) {
    (void)state;
    static const char *const wrong[] = {
        PART("0", "2", AT("1-a", "1")),
        PART("3", "2", AT("1-a", "1")),
        PART("-1", "2", AT("1-a", "1")),
        PART("1", "0", AT("1-a", "1")),
        PART("1", "-5", AT("1-a", "1")),
        PART("1", "3", AT("1-a", "1")), /* of two, as was said */
        PART("1", "2", "\"epoch\":\"1-a\""),
        PART("1", "2", "\"epoch\":5,\"version\":1"),
        PART("1", "2", AT("1-a", "-1")),
        PART("1", "2", AT("1-a", "1") ",\"data\":5"),
        PART("1", "2", AT("1-a", "1") ",\"data\":[5]"),
        PART("1", "2", AT("1-a", "1") ",\"data\":[[]]"),
        PART("1", "2", AT("1-a", "1") ",\"data\":[[[],5]]"),
        PART("1", "2", AT("1-a", "1") ",\"data\":[[5,{}]]"),
        PART("1", "2", AT("1-a", "1") ",\"data\":[[[5],{}]]"),
        PART("1", "2", AT("1-a", "1") ",\"data\":[[\"a\",1]]"), /* no root */
        PART("1", "2", AT("1-a", "1") ",\"data\":[[[],{}],[[],{}]]"),
        PART("1", "2", AT("1-a", "1") ",\"data\":[[[],{}],[\"a.b\",1]]"),
        PART("1", "2", AT("1-a", "1") ",\"data\":[[[],[]],[\"1\",1]]"),
        PART("1", "2", AT("1-a", "1") ",\"data\":[[[],[]],[\"x\",1]]"),
        PART("1", "2", AT("1-a", "1") ",\"data\":[[[],[]],[\"99999999999999999999\",1]]"),
        PART("1", "2", AT("1-a", "1") ",\"childrenObjects\":5"),
        PART("1", "2", AT("1-a", "1") ",\"childrenObjects\":{\"items\":5}"),
        PART("1", "2", AT("1-a", "1") ",\"childMarks\":[]"),
        PART("1", "2", AT("1-a", "1") ",\"childMarks\":{\"hyperty://d/a\":{\"n\":-1}}"),
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        hy_parts_t *p = parts_new();
        assert_int_equal(take_text(p, PART("2", "2", AT("1-a", "1"))), 0);
        if (take_text(p, wrong[i]) != HY_EINVALID) fail_msg("%s was taken", wrong[i]);
        assert_int_equal(hy_parts_count(p), 0);
        assert_int_equal(take_text(p, PART("2", "2", AT("1-a", "1"))), 0);
        assert_int_equal(take_text(p, PART("1", "2", AT("1-a", "1") ",\"data\":[[[],{}]]")), 0);
        assert_true(hy_parts_is_complete(p));
        hy_parts_free(p);
    }
    hy_parts_t *p = parts_new();
    assert_int_equal(take_text(p, PART("1", "9999999999", AT("1-a", "1"))), HY_ETOO_LARGE);
    assert_int_equal(take_text(p, PART("1", "1", AT("1-a", "1"))), 0);
    hy_object_t *o;
    assert_int_equal(hy_parts_finish(p, &o, NULL), HY_EINVALID); /* no data at all */
    hy_parts_free(p);
}

static void parts_of_two_states_are_not_mixed(void **state) {
    (void)state;
    hy_parts_t *p = parts_new();
    hy_value_t missing;
    assert_int_equal(take_text(p, PART("1", "3", AT("1-a", "5") ",\"data\":[[[],{}]]")), 0);
    assert_int_equal(take_text(p, PART("2", "3", AT("1-a", "4"))), 0); /* one before: ignored */
    assert_int_equal(take_text(p, PART("2", "9", AT("0-z", "6"))), 0);
    assert_int_equal(hy_parts_count(p), 1);
    assert_int_equal(hy_parts_missing(p, 8, &missing), 0);
    assert_text_of(missing, "[2,3]");
    hy_value_drop(missing);
    assert_int_equal(take_text(p, PART("3", "4", AT("2-a", "3"))), 0); /* a later one counts */
    assert_int_equal(hy_parts_version(p), 3);
    assert_int_equal(hy_parts_missing(p, 2, &missing), 0);
    assert_text_of(missing, "[1,2]");
    hy_value_drop(missing);
    hy_parts_free(p);
}

static void unnumbered_parts_count_as_they_come(void **state) {
    (void)state;
    hy_parts_t *p = parts_new();
    hy_object_t *o;
    assert_int_equal(
        take_text(p, "{\"responses\":2,\"value\":{" AT("1-a", "5") ",\"data\":{\"n\":1}}}"), 0);
    assert_int_equal(take_text(p, "{\"responses\":2,\"value\":{" AT("1-a", "5") "}}"), 0);
    assert_int_equal(hy_parts_finish(p, &o, NULL), 0);
    hy_parts_free(p);
    assert_tree(o->data, "{\"n\":1}");
    hy_object_free(o);
}

/* --- memory ----------------------------------------------------------------------------------- */

static int try_all(void *arg) {
    hy_object_t *o = arg, *copy = NULL;
    hy_snapshot_t *s = NULL;
    hy_parts_t *p = NULL;
    int rc = hy_snapshot_new(o, &s), more = 1;
    while (rc == 0 && more > 0) {
        more = hy_snapshot_step(s);
        if (more < 0) rc = more;
    }
    if (rc == 0) rc = hy_parts_new(o->url, &p);
    for (uint32_t i = 0; rc == 0 && i < hy_snapshot_count(s); i++) {
        hy_str_t *text = hy_str_format("{\"part\":%u,\"responses\":%u,\"value\":%s}", i + 1,
                                       hy_snapshot_count(s), hy_snapshot_part(s, i)->bytes);
        hy_value_t v = hy_absent();
        rc = text ? hy_json_read(text->bytes, text->len, 128, &v, NULL) : HY_ENOMEM;
        if (rc == 0) rc = hy_parts_take(p, v.as.n, NULL);
        hy_value_drop(v);
        hy_str_unref(text);
    }
    if (rc == 0) rc = hy_parts_finish(p, &copy, NULL);
    hy_object_free(copy);
    hy_parts_free(p);
    hy_snapshot_free(s);
    return rc;
}

static void all_of_it_survives_that_memory_runs_out(void **state) {
    (void)state;
    hy_object_t *o = object_of(value_of("{\"a\":[1,{\"b\":\"c\"}]}"));
    add_child(o, "items", 1, 1);
    add_child(o, "items", 2, 2);
    fail_until_it_works(try_all, o);
    hy_object_free(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_parts_in_any_order_are_the_object),
        TEST(data_of_any_shape_is_divided),
        TEST(an_empty_object_is_one_part),
        TEST(small_is_what_surely_fits),
        TEST(what_changes_meanwhile_is_not_in_it),
        TEST(it_fails_with_its_object),
        TEST(nonsense_is_refused_and_it_begins_anew),
        TEST(parts_of_two_states_are_not_mixed),
        TEST(unnumbered_parts_count_as_they_come),
        TEST(all_of_it_survives_that_memory_runs_out),
    };
    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
