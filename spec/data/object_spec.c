/* core/data/object.c: the record of an object, its whole form, and bringing a copy level. */
#include "support.h"

#include <stdio.h>

#define URL "comm://d/x"

static hy_object_t *object_of(const char *metadata, const char *data) {
    hy_str_t *url = str_of(URL);
    hy_object_t *o;
    hy_value_t root = data ? value_of(data) : hy_absent();
    assert_int_equal(hy_object_new(url, NULL, value_of(metadata), root, &o), 0);
    hy_str_unref(url);
    return o;
}

static void place(hy_object_t *o, const char *epoch, uint64_t version) {
    hy_str_t *text = str_of(epoch);
    hy_object_set_position(o, text, version);
    hy_str_unref(text);
}

static void assert_whole(hy_object_t *o, const char *text) {
    hy_value_t whole, wanted = value_of(text);
    assert_int_equal(hy_object_whole(o, &whole), 0);
    if (!hy_value_equal(whole, wanted)) assert_text_of(whole, text);
    hy_value_drop(whole);
    hy_value_drop(wanted);
}

static int count_difference_calls;
static void on_difference(void *arg, hy_child_difference_t what, hy_child_t *child,
                          hy_change_t *change) {
    (void)arg, (void)what, (void)child, (void)change;
    count_difference_calls++;
}

typedef struct {
    hy_change_t *change;
    hy_effect_t *effects;
    int children; /* differences told */
} loaded_t;

static int load_node(hy_object_t *o, const hy_node_t *whole, loaded_t *l, hy_error_t *err) {
    count_difference_calls = 0;
    int rc = hy_object_load(o, whole, &l->change, &l->effects, on_difference, NULL, err);
    l->children = count_difference_calls;
    return rc;
}

static loaded_t load(hy_object_t *o, const char *text) {
    loaded_t l;
    hy_node_t *whole = tree_of(text);
    assert_int_equal(hy_object_check_whole(whole, NULL), 0);
    assert_int_equal(load_node(o, whole, &l, NULL), 0);
    assert_int_equal(l.change != NULL, l.effects != NULL);
    hy_node_unref(whole);
    return l;
}

static void release(loaded_t *l) {
    for (uint32_t i = 0; l->change && i < l->change->count; i++) {
        hy_effect_release(&l->effects[i]);
    }
    hy_change_unref(l->change);
    hy_free(l->effects);
    *l = (loaded_t){0};
}

#define CHILD(n, version, order, data)                                                             \
    "{\"resource\":\"a#" n "\",\"reporter\":\"hyperty://d/a\",\"version\":" version                \
    ",\"order\":" order ",\"value\":{\"created\":\"2026-11-23T02:49:03.000Z\",\"data\":" data "}}"
#define CHILDREN(list, marks)                                                                      \
    "\"childrenObjects\":{\"messages\":[" list                                                     \
    "]},\"childMarks\":{\"hyperty://d/a\":{\"n\":" marks "}}"
#define WHOLE_3                                                                                    \
    "{\"name\":\"chat\",\"tags\":[\"a\"],\"data\":{\"list\":[1,2,3],\"map\":{\"k\":{\"x\":1}},"    \
    "\"n\":0},\"epoch\":\"2-b\",\"version\":3,\"follows\":{\"epoch\":\"1-a\",\"version\":9}"       \
    "," CHILDREN(CHILD("1", "0", "1", "{\"t\":{}}") "," CHILD("2", "4", "3", "{}"), "2") "}"
#define WHOLE_7                                                                                    \
    "{\"name\":\"talk\",\"more\":null,\"data\":{\"list\":[1,3],\"map\":{\"k\":{\"x\":1}},\"n\":1}" \
    ","                                                                                            \
    "\"epoch\":\"2-b\",\"version\":7," CHILDREN(                                                   \
        CHILD("1", "1", "1", "{\"t\":{},\"u\":1}") "," CHILD("3", "0", "6", "[]"), "3") "}"

/* --- the record ------------------------------------------------------------------------------- */

static void data_is_an_object_if_not_told_otherwise(void **state) {
    (void)state;
    hy_object_t *o = object_of("{}", NULL);
    assert_string_equal(o->url->bytes, URL);
    assert_tree(o->data, "{}");
    assert_null(o->epoch);
    hy_object_free(o);
    o = object_of("{\"name\":\"x\"}", "[1]");
    assert_tree(o->data, "[1]");
    assert_tree(o->metadata, "{\"name\":\"x\"}");
    hy_object_free(o);
    hy_object_free(NULL);
}

static void the_whole_holds_everything(void **state) {
    (void)state;
    hy_object_t *o = object_of("{\"name\":\"chat\"}", "[1,{\"k\":null}]");
    assert_whole(o, "{\"name\":\"chat\",\"data\":[1,{\"k\":null}],\"version\":0,"
                    "\"childrenObjects\":{},\"childMarks\":{}}"); /* an older peer's: no epoch */
    place(o, "3-q", 12);
    place(o, "3-q", 13);
    assert_whole(o, "{\"name\":\"chat\",\"data\":[1,{\"k\":null}],\"epoch\":\"3-q\",\"version\":13,"
                    "\"childrenObjects\":{},\"childMarks\":{}}");
    o->follows_epoch = str_of("2-p");
    o->follows_version = 40;
    assert_whole(o, "{\"name\":\"chat\",\"data\":[1,{\"k\":null}],\"epoch\":\"3-q\",\"version\":13,"
                    "\"follows\":{\"epoch\":\"2-p\",\"version\":40},\"childrenObjects\":{},"
                    "\"childMarks\":{}}");
    hy_object_free(o);
}

static void metadata_cannot_pass_for_something_else(void **state) {
    (void)state;
    hy_object_t *o =
        object_of("{\"name\":\"x\",\"data\":1,\"epoch\":2,\"version\":3,\"follows\":{},"
                  "\"changes\":[],\"childrenObjects\":5,\"childMarks\":6}",
                  NULL);
    place(o, "1-a", 1);
    assert_whole(o, "{\"name\":\"x\",\"data\":{},\"epoch\":\"1-a\",\"version\":1,"
                    "\"childrenObjects\":{},\"childMarks\":{}}");
    hy_object_free(o);
}

/* --- since ------------------------------------------------------------------------------------ */

static int since(const hy_object_t *o, const char *text, hy_value_t *out) {
    hy_value_t v = value_of(text);
    int rc = hy_object_since(o, v.as.n, out);
    hy_value_drop(v);
    return rc;
}

static void changes_since_a_known_position_are_told(void **state) {
    (void)state;
    hy_object_t *o = object_of("{\"name\":\"x\"}", NULL);
    hy_value_t v;
    assert_int_equal(since(o, "{\"epoch\":\"1-a\",\"version\":0}", &v), HY_ENOT_FOUND);
    place(o, "1-a", 2);
    hy_change_t *c = change_of("{\"epoch\":\"1-a\",\"version\":2,\"attribute\":\"k\"}");
    hy_history_add_change(&o->history, c);
    hy_change_unref(c);
    assert_int_equal(since(o, "{\"epoch\":\"1-a\",\"version\":1}", &v), 0);
    assert_text_of(v, "{\"changes\":[{\"epoch\":\"1-a\",\"version\":2,\"attribute\":\"k\"}],"
                      "\"version\":2,\"epoch\":\"1-a\"}");
    hy_value_drop(v);
    assert_int_equal(since(o, "{\"epoch\":\"1-a\",\"version\":2}", &v), 0);
    assert_text_of(v, "{\"changes\":[],\"version\":2,\"epoch\":\"1-a\"}");
    hy_value_drop(v);
    static const char *const unknown[] = {
        "{\"epoch\":\"1-a\",\"version\":0}",
        "{\"epoch\":\"1-a\",\"version\":3}",
        "{\"epoch\":\"1-b\",\"version\":2}",
        "{\"epoch\":\"1-a\",\"version\":-1}",
        "{\"epoch\":\"1-a\",\"version\":\"2\"}",
        "{\"epoch\":1,\"version\":2}",
        "{\"version\":2}",
        "{\"epoch\":\"1-a\"}",
        "{}",
        "[]",
    };
    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        assert_int_equal(since(o, unknown[i], &v), HY_ENOT_FOUND);
    }
    assert_int_equal(hy_object_since(o, NULL, &v), HY_ENOT_FOUND);
    hy_object_free(o);
}

static void add_change(hy_object_t *o, const char *text) {
    hy_change_t *c = change_of(text);
    hy_history_add_change(&o->history, c);
    o->version = c->version;
    hy_change_unref(c);
}

static void assert_since(const hy_object_t *o, const char *position, const char *wanted) {
    hy_value_t v;
    assert_int_equal(since(o, position, &v), 0);
    assert_text_of(v, wanted);
    hy_value_drop(v);
}

#define FOLLOWS "\"version\":2,\"epoch\":\"2-b\",\"follows\":{\"epoch\":\"1-a\",\"version\":1}}"

static void changes_are_told_over_one_boundary_of_epochs(void **state) {
    (void)state;
    hy_object_t *o = object_of("{}", NULL);
    hy_value_t v;
    hy_str_t *second = str_of("2-b"), *third = str_of("3-c");
    place(o, "1-a", 0);
    add_change(o, "{\"epoch\":\"1-a\",\"version\":1,\"attribute\":\"k\"}");
    hy_object_begin_epoch(o, second);
    add_change(o, "{\"epoch\":\"2-b\",\"version\":2,\"attribute\":\"k\"}");
    assert_since(o, "{\"epoch\":\"1-a\",\"version\":0}",
                 "{\"changes\":[{\"epoch\":\"1-a\",\"version\":1,\"attribute\":\"k\"},"
                 "{\"epoch\":\"2-b\",\"version\":2,\"attribute\":\"k\"}]," FOLLOWS);
    assert_since(o, "{\"epoch\":\"1-a\",\"version\":1}",
                 "{\"changes\":[{\"epoch\":\"2-b\",\"version\":2,\"attribute\":\"k\"}]," FOLLOWS);
    assert_since(o, "{\"epoch\":\"2-b\",\"version\":2}", "{\"changes\":[]," FOLLOWS);
    /* What the epoch before had above the boundary is no state on the way here. */
    assert_int_equal(since(o, "{\"epoch\":\"1-a\",\"version\":2}", &v), HY_ENOT_FOUND);
    hy_object_begin_epoch(o, third);
    assert_int_equal(since(o, "{\"epoch\":\"1-a\",\"version\":1}", &v), HY_ENOT_FOUND);
    assert_since(o, "{\"epoch\":\"2-b\",\"version\":2}",
                 "{\"changes\":[],\"version\":2,\"epoch\":\"3-c\","
                 "\"follows\":{\"epoch\":\"2-b\",\"version\":2}}");
    hy_str_unref(second);
    hy_str_unref(third);
    hy_object_free(o);
}

/* --- loading ---------------------------------------------------------------------------------- */

static void a_whole_is_loaded_and_written_again(void **state) {
    (void)state;
    hy_object_t *o = object_of("{\"old\":1}", NULL);
    hy_node_t *metadata = o->metadata, *data = o->data;
    loaded_t l = load(o, WHOLE_3);
    assert_whole(o, WHOLE_3);
    assert_ptr_equal(o->metadata, metadata);
    assert_ptr_equal(o->data, data);
    assert_int_equal(o->version, 3);
    assert_int_equal(l.change->version, 3);
    assert_int_equal(l.change->count, 3);
    assert_true(l.change->is_batch);
    assert_int_equal(l.children, 2);
    release(&l);
    l = load(o, WHOLE_3); /* the same again is no difference */
    assert_null(l.change);
    assert_int_equal(l.children, 0);
    assert_whole(o, WHOLE_3);
    hy_object_free(o);
}

static void loading_keeps_what_is_equal_and_tells_differences_once(void **state) {
    (void)state;
    hy_object_t *o = object_of("{}", NULL);
    loaded_t l = load(o, WHOLE_3);
    release(&l);
    hy_node_t *list = hy_get_array(o->data, "list"), *map = hy_get_object(o->data, "map");
    hy_node_t *k = hy_get_object(map, "k"), *tags = hy_get_array(o->metadata, "tags");
    hy_node_ref(tags);
    l = load(o, WHOLE_7);
    assert_whole(o, WHOLE_7);
    assert_null(o->follows_epoch);
    assert_ptr_equal(hy_get_array(o->data, "list"), list);
    assert_ptr_equal(hy_get_object(o->data, "map"), map);
    assert_ptr_equal(hy_get_object(map, "k"), k);
    assert_null(hy_node_parent(tags));
    assert_payload(&l.change->payload,
                   "{\"version\":7,\"changes\":[{\"attribute\":\"list.1\",\"attributeType\":"
                   "\"array\",\"operation\":\"remove\",\"value\":1},{\"attribute\":\"n\","
                   "\"value\":1}]}");
    assert_text_of(l.effects[0].old, "[2]");
    assert_text_of(l.effects[1].old, "0");
    assert_int_equal(l.children, 3); /* a#1 changed, a#3 is new, a#2 is gone */
    release(&l);
    hy_node_unref(tags);
    hy_object_free(o);
}

static void what_is_no_whole_is_refused_with_a_reason(void **state) {
    (void)state;
#define POSITION ",\"epoch\":\"1-a\",\"version\":1"
    static const struct {
        const char *text, *reason;
    } bad[] = {
        {"{}", "malformed object: no \"data\""},
        {"{\"data\":1" POSITION "}", "malformed object: no \"data\""},
        {"{\"data\":{}}", "malformed object: no position"},
        {"{\"data\":{},\"epoch\":\"1-a\"}", "malformed object: no position"},
        {"{\"data\":{},\"version\":1}", "malformed object: no position"},
        {"{\"data\":{},\"epoch\":1,\"version\":1}", "malformed object: no position"},
        {"{\"data\":{},\"epoch\":\"1-a\",\"version\":-1}", "malformed object: no position"},
        {"{\"data\":{},\"epoch\":\"1-a\",\"version\":1.0}", "malformed object: no position"},
        {"{\"data\":{},\"childrenObjects\":[]" POSITION "}",
         "malformed object: children of a wrong type"},
        {"{\"data\":{},\"childMarks\":null" POSITION "}",
         "malformed object: children of a wrong type"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        hy_error_t err = {.text = ""};
        hy_node_t *whole = tree_of(bad[i].text);
        assert_int_equal(hy_object_check_whole(whole, &err), HY_EINVALID);
        assert_string_equal(err.text, bad[i].reason);
        hy_node_unref(whole);
    }
    assert_int_equal(hy_object_check_whole(NULL, NULL), HY_EINVALID);
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_text(&b, "{\"epoch\":\"1-a\",\"version\":1,\"data\":");
    for (unsigned i = 0; i <= HY_VALUE_DEPTH_MAX; i++) {
        hy_buf_char(&b, '[');
    }
    for (unsigned i = 0; i <= HY_VALUE_DEPTH_MAX; i++) {
        hy_buf_char(&b, ']');
    }
    hy_str_t *text = (hy_buf_char(&b, '}'), hy_buf_take(&b));
    hy_node_t *whole = tree_of(text->bytes);
    hy_error_t err;
    assert_int_equal(hy_object_check_whole(whole, &err), HY_ETOO_LARGE);
    assert_string_equal(err.text, "object: nesting deeper than 120");
    hy_node_unref(whole);
    hy_str_unref(text);
}

static void malformed_children_change_nothing(void **state) {
    (void)state;
    hy_object_t *o = object_of("{}", NULL);
    loaded_t l = load(o, WHOLE_3);
    release(&l);
    hy_node_t *item = hy_get_object(hy_get_object(o->data, "map"), "k");
    hy_node_t *whole = tree_of("{\"name\":\"bad\",\"data\":{},\"epoch\":\"2-b\",\"version\":8,"
                               "\"childrenObjects\":{\"messages\":[5]}}");
    hy_error_t err;
    assert_int_equal(hy_object_check_whole(whole, NULL), 0);
    assert_int_equal(load_node(o, whole, &l, &err), HY_EINVALID);
    assert_string_equal(err.text, "malformed child of messages");
    assert_null(l.change);
    assert_null(l.effects);
    assert_int_equal(l.children, 0);
    assert_whole(o, WHOLE_3);
    assert_ptr_equal(hy_node_root(item), o->data);
    hy_node_unref(whole);
    hy_object_free(o);
}

/* --- of a whole answer ------------------------------------------------------------------------ */

#define FIRST  CHILD("1", "0", "1", "{\"t\":1}")
#define SECOND CHILD("2", "0", "3", "{}")
#define OF(list)                                                                                   \
    "{\"name\":\"chat\",\"data\":{\"k\":[1]},\"epoch\":\"2-b\",\"version\":3," CHILDREN(list,      \
                                                                                        "2") "}"

static void a_new_object_is_what_the_answer_says_and_shares_nothing_with_it(void **state) {
    (void)state;
    hy_str_t *url = str_of(URL);
    hy_node_t *whole = tree_of(OF(SECOND "," FIRST));
    hy_object_t *o;
    assert_int_equal(hy_object_check_whole(whole, NULL), 0);
    assert_int_equal(hy_object_from_whole(url, NULL, whole, &o, NULL), 0);
    assert_whole(o, OF(FIRST "," SECOND)); /* in the order of its stamps */
    loaded_t l = load(o, WHOLE_7);
    release(&l);
    assert_tree(whole, OF(SECOND "," FIRST));
    hy_object_free(o);
    hy_node_unref(whole);
    hy_str_unref(url);
}

static int try_from_whole(void *arg) {
    hy_str_t *url = hy_str_new(URL, strlen(URL));
    if (!url) return HY_ENOMEM;
    hy_object_t *o;
    int rc = hy_object_from_whole(url, NULL, arg, &o, NULL);
    if (rc == 0) hy_object_free(o);
    hy_str_unref(url);
    return rc;
}

static void what_a_new_object_cannot_be_made_of_leaves_nothing(void **state) {
    (void)state;
    hy_node_t *whole = tree_of(OF(FIRST));
    fail_until_it_works(try_from_whole, whole);
    hy_node_unref(whole);
}

/* --- memory runs out -------------------------------------------------------------------------- */

static int try_making(void *arg) {
    hy_object_t *o;
    hy_value_t metadata = hy_node_value(hy_node_new(HY_OBJECT));
    int rc = hy_object_new(arg, NULL, metadata, hy_absent(), &o);
    if (rc == 0) hy_object_free(o);
    return rc;
}

static int try_whole(void *arg) {
    hy_value_t v;
    int rc = hy_object_whole(arg, &v);
    if (rc == 0) hy_value_drop(v);
    return rc;
}

static int try_since(void *arg) {
    const hy_object_t *o = arg;
    hy_node_t *position = hy_node_new(HY_OBJECT);
    hy_value_t v;
    int rc = hy_put(position, "version", hy_int((int64_t)o->version - 1));
    if (rc == 0) rc = hy_put(position, "epoch", hy_string(hy_str_ref(o->epoch)));
    if (rc == 0) rc = hy_object_since(o, position, &v);
    if (rc == 0) hy_value_drop(v);
    hy_node_unref(position);
    return rc;
}

static void making_and_telling_survive_that_memory_runs_out(void **state) {
    (void)state;
    hy_str_t *url = str_of(URL);
    fail_until_it_works(try_making, url);
    hy_str_unref(url);
    hy_object_t *o = object_of("{}", NULL);
    loaded_t l = load(o, WHOLE_3);
    release(&l);
    hy_change_t *c = change_of("{\"version\":3,\"attribute\":\"k\",\"value\":[1]}");
    hy_history_add_change(&o->history, c);
    hy_change_unref(c);
    fail_until_it_works(try_whole, o);
    fail_until_it_works(try_since, o);
    hy_object_free(o);
}

static void loading_goes_on_where_memory_ran_out(void **state) {
    (void)state;
    hy_node_t *whole = tree_of(WHOLE_7);
    int rc = HY_ENOMEM;
    for (int64_t n = 1; rc != 0; n++) {
        hy_object_t *o = object_of("{}", NULL);
        loaded_t l = load(o, WHOLE_3);
        release(&l);
        hy_mem_fail_after(n);
        rc = load_node(o, whole, &l, NULL);
        hy_mem_fail_after(-1);
        int told = l.children;
        if (rc < 0) {
            assert_int_equal(rc, HY_ENOMEM);
            assert_null(l.change);
            assert_null(l.effects);
            assert_int_equal(o->version, 3);
            assert_tree(o->data, "{\"list\":[1,2,3],\"map\":{\"k\":{\"x\":1}},\"n\":0}");
            assert_int_equal(load_node(o, whole, &l, NULL), 0);
            told += l.children;
        }
        assert_int_equal(told, 3);
        assert_int_equal(l.change->count, 2);
        assert_whole(o, WHOLE_7);
        release(&l);
        hy_object_free(o);
    }
    hy_node_unref(whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(data_is_an_object_if_not_told_otherwise),
        TEST(the_whole_holds_everything),
        TEST(metadata_cannot_pass_for_something_else),
        TEST(changes_since_a_known_position_are_told),
        TEST(changes_are_told_over_one_boundary_of_epochs),
        TEST(a_whole_is_loaded_and_written_again),
        TEST(loading_keeps_what_is_equal_and_tells_differences_once),
        TEST(what_is_no_whole_is_refused_with_a_reason),
        TEST(malformed_children_change_nothing),
        TEST(a_new_object_is_what_the_answer_says_and_shares_nothing_with_it),
        TEST(what_a_new_object_cannot_be_made_of_leaves_nothing),
        TEST(making_and_telling_survive_that_memory_runs_out),
        TEST(loading_goes_on_where_memory_ran_out),
    };
    return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
