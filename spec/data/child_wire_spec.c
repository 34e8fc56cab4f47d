/* core/data/child_wire.c: children in a whole answer, out and in. */
#include "support.h"

#include <stdio.h>

#define A "hyperty://d/a"
#define B "hyperty://d/b"

#define VALUE(data) "\"value\":{\"created\":\"1970-01-01T00:00:00.000Z\",\"data\":" data "}}"
#define CHILD(who, n, version, order, data)                                                        \
    "{\"resource\":\"" who "#" n "\",\"reporter\":\"hyperty://d/" who "\",\"version\":" version    \
    ",\"order\":" order "," VALUE(data)

/* What was told: "+a#1 ~a#2 -b#1". */
typedef struct {
    char text[512];
    hy_children_t *children;
} told_t;

static void on_difference(void *arg, hy_child_difference_t what, hy_child_t *child,
                          hy_change_t *change) {
    told_t *told = arg;
    size_t len = strlen(told->text);
    assert_int_equal(change != NULL, what == HY_CHILD_UPDATED);
    if (change) {
        assert_true(change->count > 0);
        assert_int_equal(change->version, child->version);
        assert_int_equal(change->is_batch, change->count > 1);
    }
    const hy_child_t *found = hy_children_find(told->children, child->reporter, child->n);
    if (what == HY_CHILD_GONE) {
        assert_ptr_not_equal(found, child);
    } else {
        assert_ptr_equal(found, child);
    }
    snprintf(told->text + len, sizeof told->text - len, "%s%c%s", len ? " " : "", "+~-"[what],
             child -> id -> bytes);
}

/* As an answer is taken in: put together beside what is there, and that brought level with it. */
static int read_nodes(hy_children_t *c, const hy_node_t *objects, const hy_node_t *marks,
                      told_t *told, hy_error_t *err) {
    hy_children_t *from;
    int rc = hy_children_new(&from);
    if (rc < 0) return rc;
    rc = hy_children_add(from, objects, marks, err);
    if (rc == 0) rc = hy_children_take(c, from, on_difference, told, err);
    hy_children_free(from);
    return rc;
}

static int read_all(hy_children_t *c, const char *objects, const char *marks, told_t *told,
                    hy_error_t *err) {
    hy_value_t o = objects ? value_of(objects) : hy_absent();
    hy_value_t m = marks ? value_of(marks) : hy_absent();
    *told = (told_t){.children = c};
    int rc = read_nodes(c, o.kind ? o.as.n : NULL, m.kind ? m.as.n : NULL, told, err);
    hy_value_drop(o);
    hy_value_drop(m);
    return rc;
}

static void take(hy_children_t *c, const char *objects, const char *marks, const char *wanted) {
    told_t told;
    hy_error_t err = {.text = ""};
    assert_int_equal(read_all(c, objects, marks, &told, &err), 0);
    assert_string_equal(told.text, wanted);
}

static void assert_written(const hy_children_t *c, const char *objects, const char *marks) {
    hy_value_t o, m, wanted_o = value_of(objects), wanted_m = value_of(marks);
    assert_int_equal(hy_children_write(c, &o, &m), 0);
    if (!hy_value_equal(o, wanted_o)) assert_text_of(o, objects);
    if (!hy_value_equal(m, wanted_m)) assert_text_of(m, marks);
    hy_value_drop(o);
    hy_value_drop(m);
    hy_value_drop(wanted_o);
    hy_value_drop(wanted_m);
}

static hy_children_t *children_new(void) {
    hy_children_t *c;
    assert_int_equal(hy_children_new(&c), 0);
    return c;
}

static hy_child_t *find(const hy_children_t *c, const char *creator, uint64_t n) {
    hy_str_t *url = str_of(creator);
    hy_child_t *child = hy_children_find(c, url, n);
    hy_str_unref(url);
    return child;
}

static hy_child_t *add_pending(hy_children_t *c, const char *creator, const char *id,
                               const char *data) {
    hy_str_t *messages = str_of("messages"), *url = str_of(creator), *text = str_of(id);
    hy_child_t *child;
    assert_int_equal(hy_child_new(messages, url, text, value_of(data), &child, NULL), 0);
    assert_int_equal(hy_children_add_pending(c, child), 0);
    hy_child_unref(child);
    hy_str_unref(messages);
    hy_str_unref(url);
    hy_str_unref(text);
    return child;
}

#define TWO                                                                                        \
    "{\"messages\":[" CHILD("a", "1", "0", "1", "{}") "," CHILD(                                   \
        "b", "1", "3", "2", "{\"x\":1}") "],\"files\":[" CHILD("a", "3", "0", "9", "[1]") "]}"
#define TWO_MARKS "{\"hyperty://d/a\":{\"n\":1,\"above\":[[3,3]]},\"hyperty://d/b\":{\"n\":1}}"

/* --- out and in ------------------------------------------------------------------------------- */

static void what_is_written_is_read_back(void **state) {
    (void)state;
    hy_children_t *c = children_new(), *again = children_new();
    assert_written(c, "{}", "{}");
    take(c, TWO, TWO_MARKS, "+a#1 +b#1 +a#3");
    assert_written(c, TWO, TWO_MARKS);
    add_pending(c, B, "b#2", "{}");
    assert_written(c, TWO, TWO_MARKS); /* pending ones are no part of it */
    take(again, TWO, TWO_MARKS, "+a#1 +b#1 +a#3");
    assert_written(again, TWO, TWO_MARKS);
    hy_children_free(c);
    hy_children_free(again);
}

static void all_fields_travel(void **state) {
    (void)state;
    static const char all[] =
        "{\"messages\":[{\"resource\":\"a#4\",\"reporter\":\"" A "\",\"version\":5,\"order\":6,"
        "\"value\":{\"created\":\"2026-11-23T02:49:03.120Z\",\"user\":\"user://d/"
        "u\",\"data\":[]}}]}";
    hy_children_t *c = children_new();
    take(c, all, NULL, "+a#4");
    const hy_child_t *child = find(c, A, 4);
    assert_int_equal(child->state, HY_CHILD_KEPT);
    assert_int_equal(child->version, 5);
    assert_int_equal(child->order, 6);
    assert_string_equal(child->user->bytes, "user://d/u");
    assert_string_equal(child->collection->bytes, "messages");
    assert_int_equal(child->created_ms % 60000, 3120);
    assert_written(c, all, "{}");
    hy_children_free(c);
}

static void the_same_again_tells_nothing(void **state) {
    (void)state;
    hy_children_t *c = children_new();
    take(c, TWO, TWO_MARKS, "+a#1 +b#1 +a#3");
    take(c, TWO, TWO_MARKS, "");
    assert_written(c, TWO, TWO_MARKS);
    hy_children_free(c);
}

/* --- differences ------------------------------------------------------------------------------ */

static void children_keep_their_records_and_equal_nodes(void **state) {
    (void)state;
    hy_children_t *c = children_new();
    take(c, "{\"messages\":[" CHILD("a", "1", "0", "1", "{\"p\":{\"q\":1},\"r\":[1,2]}") "]}", NULL,
         "+a#1");
    hy_child_t *child = find(c, A, 1);
    hy_node_t *data = child->data, *p = hy_get_object(data, "p"), *r = hy_get_array(data, "r");
    take(c, "{\"messages\":[" CHILD("a", "1", "2", "1", "{\"p\":{\"q\":2},\"r\":[1,2]}") "]}", NULL,
         "~a#1");
    assert_ptr_equal(find(c, A, 1), child);
    assert_ptr_equal(child->data, data);
    assert_ptr_equal(hy_get_object(data, "p"), p);
    assert_ptr_equal(hy_get_array(data, "r"), r);
    assert_tree(data, "{\"p\":{\"q\":2},\"r\":[1,2]}");
    assert_int_equal(child->version, 2);
    /* A refused operation counts, and changes nothing. */
    take(c, "{\"messages\":[" CHILD("a", "1", "3", "1", "{\"p\":{\"q\":2},\"r\":[1,2]}") "]}", NULL,
         "");
    assert_int_equal(child->version, 3);
    /* Another run of the writer may say something else under the same version. */
    take(c, "{\"messages\":[" CHILD("a", "1", "3", "1", "{\"p\":{\"q\":2},\"r\":[1]}") "]}", NULL,
         "~a#1");
    assert_ptr_equal(hy_get_array(data, "r"), r);
    hy_children_free(c);
}

static void what_the_answer_lacks_is_gone(void **state) {
    (void)state;
    hy_children_t *c = children_new();
    take(c, TWO, TWO_MARKS, "+a#1 +b#1 +a#3");
    hy_child_t *gone = hy_child_ref(find(c, A, 1));
    take(c,
         "{\"messages\":[" CHILD("b", "1", "3", "2", "{\"x\":1}") "," CHILD("b", "2", "0", "10",
                                                                            "{}") "]}",
         TWO_MARKS, "+b#2 -a#1 -a#3");
    assert_int_equal(gone->state, HY_CHILD_DELETED);
    assert_null(find(c, A, 1));
    hy_child_unref(gone);
    take(c, NULL, NULL, "-b#1 -b#2");
    assert_written(c, "{}", "{}");
    hy_children_free(c);
}

static void pending_children_that_were_seen_are_dropped(void **state) {
    (void)state;
    hy_children_t *c = children_new();
    hy_child_t *seen = hy_child_ref(add_pending(c, A, "a#1", "{}"));
    hy_child_t *kept = add_pending(c, A, "a#2", "{\"x\":{},\"y\":1}");
    hy_child_t *unseen = add_pending(c, A, "a#4", "{}");
    hy_child_t *stranger = add_pending(c, B, "b#1", "{}");
    hy_node_t *x = hy_get_object(kept->data, "x"), *root = kept->data;
    take(c, "{\"messages\":[" CHILD("a", "2", "1", "7", "{\"x\":{},\"y\":2}") "]}",
         "{\"" A "\":{\"n\":2}}", "+a#2 -a#1");
    assert_int_equal(seen->state, HY_CHILD_REFUSED);
    assert_int_equal(kept->state, HY_CHILD_KEPT);
    assert_int_equal(kept->order, 7);
    assert_int_equal(kept->version, 1);
    assert_ptr_equal(kept->data, root);
    assert_ptr_equal(hy_get_object(root, "x"), x);
    assert_tree(root, "{\"x\":{},\"y\":2}");
    assert_ptr_equal(find(c, A, 4), unseen);
    assert_int_equal(unseen->state, HY_CHILD_PENDING);
    assert_ptr_equal(find(c, B, 1), stranger);
    hy_child_unref(seen);
    hy_children_free(c);
}

static void marks_are_replaced(void **state) {
    (void)state;
    hy_children_t *c = children_new();
    hy_str_t *a = str_of(A);
    take(c, NULL, "{\"" A "\":{\"n\":5},\"" B "\":{\"n\":1}}", "");
    assert_true(hy_marks_seen(hy_children_marks(c), a, 5));
    take(c, NULL, "{\"" A "\":{\"n\":2,\"above\":[[4,4]]}}", "");
    assert_written(c, "{}", "{\"" A "\":{\"n\":2,\"above\":[[4,4]]}}");
    /* What only an earlier writer had seen may come again. */
    hy_child_t *child = add_pending(c, A, "a#5", "{}");
    take(c, NULL, "{\"" A "\":{\"n\":4}}", "");
    assert_ptr_equal(find(c, A, 5), child);
    hy_str_unref(a);
    hy_children_free(c);
}

/* Stamps that this copy never saw may lie between those that it did. */
static void their_order_is_that_of_the_answer(void **state) {
    (void)state;
#define THREE(first, second, third)                                                                \
    "{\"messages\":[" CHILD("a", first, "0", "1", "{}") "," CHILD(                                 \
        "a", second, "0", "2", "{}") "," CHILD("a", third, "0", "3", "{}") "]}"
    hy_children_t *c = children_new();
    take(c, THREE("1", "2", "5"), NULL, "+a#1 +a#2 +a#5");
    take(c, THREE("5", "4", "1"), NULL, "+a#4 -a#2");
    assert_written(c, THREE("5", "4", "1"), "{}");
    assert_int_equal(find(c, A, 5)->order, 1);
    hy_children_remove(c, find(c, A, 4), HY_CHILD_DELETED);
    take(c, THREE("6", "5", "1"), NULL, "+a#6");
    assert_written(c, THREE("6", "5", "1"), "{}");
    hy_children_free(c);
}

static void a_child_that_changed_its_collection_is_another(void **state) {
    (void)state;
    hy_children_t *c = children_new();
    take(c, "{\"files\":[" CHILD("a", "1", "0", "1", "{}") "]}", NULL, "+a#1");
    hy_child_t *old = hy_child_ref(find(c, A, 1));
    take(c, "{\"messages\":[" CHILD("a", "1", "0", "1", "{}") "]}", NULL, "-a#1 +a#1");
    assert_int_equal(old->state, HY_CHILD_DELETED);
    assert_string_equal(find(c, A, 1)->collection->bytes, "messages");
    hy_child_unref(old);
    hy_children_free(c);
}

/* --- malformed -------------------------------------------------------------------------------- */

static void a_malformed_answer_changes_nothing(void **state) {
    (void)state;
#define GOOD       CHILD("b", "8", "0", "3", "{}")
#define BAD(entry) "{\"messages\":[" GOOD "," entry "]}"
    static const struct {
        const char *objects, *marks, *text;
    } bad[] = {
        {"{\"messages\":{}}", NULL, "malformed children: messages is no list"},
        {"{\"messages\":[" GOOD "],\"files\":null}", NULL, "malformed children: files is no list"},
        {BAD("5"), NULL, "malformed child of messages"},
        {BAD("{}"), NULL, "malformed child of messages"},
        {BAD("{\"resource\":\"a#2\",\"version\":0,\"order\":1," VALUE("{}")), NULL,
         "malformed child of messages"},
        {BAD("{\"reporter\":\"" A "\",\"version\":0,\"order\":1," VALUE("{}")), NULL,
         "malformed child of messages"},
        {BAD("{\"resource\":\"a#2\",\"reporter\":\"" A "\",\"order\":1," VALUE("{}")), NULL,
         "malformed child of messages"},
        {BAD("{\"resource\":\"a#2\",\"reporter\":\"" A "\",\"version\":0," VALUE("{}")), NULL,
         "malformed child of messages"},
        {BAD("{\"resource\":\"a#2\",\"reporter\":\"" A "\",\"version\":0,\"order\":1}"), NULL,
         "malformed child of messages"},
        {BAD(CHILD("a", "2", "-1", "4", "{}")), NULL, "malformed child of messages"},
        {BAD(CHILD("a", "2", "0", "0", "{}")), NULL, "malformed child of messages"},
        {BAD(CHILD("a", "2", "0", "4", "\"text\"")), NULL, "malformed child of messages"},
        {BAD(CHILD("a", "0", "0", "4", "{}")), NULL,
         "child id \"a#0\" is not <identifier of " A ">#<number from 1>"},
        {BAD("{\"resource\":\"b#2\",\"reporter\":\"" A "\",\"version\":0,\"order\":4," VALUE("{}")),
         NULL, "child id \"b#2\" is not <identifier of " A ">#<number from 1>"},
        {BAD(GOOD), NULL, "malformed children: b#8 is given twice"},
        {"{\"messages\":[" GOOD "],\"files\":[" GOOD "]}", NULL,
         "malformed children: b#8 is given twice"},
        {"{\"messages\":[" GOOD "]}", "{\"" A "\":{\"n\":9},\"" B "\":{}}", "malformed childMarks"},
    };
    hy_children_t *c = children_new();
    take(c, TWO, TWO_MARKS, "+a#1 +b#1 +a#3");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        told_t told;
        hy_error_t err = {.text = ""};
        assert_int_equal(read_all(c, bad[i].objects, bad[i].marks, &told, &err), HY_EINVALID);
        assert_string_equal(err.text, bad[i].text);
        assert_string_equal(told.text, "");
        assert_written(c, TWO, TWO_MARKS);
    }
    hy_children_free(c);
}

static void an_endless_creator_is_refused(void **state) {
    (void)state;
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_text(&b, "{\"messages\":[");
    for (int i = 0; i < 2; i++) {
        hy_buf_text(&b, i ? "," : "");
        hy_buf_text(&b, "{\"resource\":\"a#1\",\"reporter\":\"hyperty://d/");
        for (unsigned k = 0; k < HY_URL_BYTES_MAX; k++) {
            hy_buf_char(&b, 'x');
        }
        hy_buf_text(&b, "/a\",\"version\":0,\"order\":1," VALUE("{}"));
    }
    hy_buf_text(&b, "]}");
    hy_str_t *objects = hy_buf_take(&b);
    hy_children_t *c = children_new();
    told_t told;
    assert_int_equal(read_all(c, objects->bytes, NULL, &told, NULL), HY_EINVALID);
    assert_written(c, "{}", "{}");
    hy_str_unref(objects);
    hy_children_free(c);
}

/* --- memory runs out -------------------------------------------------------------------------- */

static int try_writing(void *arg) {
    hy_value_t o, m;
    int rc = hy_children_write(arg, &o, &m);
    if (rc == 0) {
        hy_value_drop(o);
        hy_value_drop(m);
    }
    return rc;
}

/* A reading that failed can be repeated; each difference is told once all the same. */
static void reading_goes_on_where_memory_ran_out(void **state) {
    (void)state;
    static const char other[] =
        "{\"messages\":[" CHILD("b", "1", "4", "2", "{\"x\":{\"y\":[1,2,3]}}") "," CHILD(
            "b", "2", "1", "5", "{\"z\":[]}") "],\"photos\":[" CHILD("a", "9", "0", "6",
                                                                     "[[]]") "]}";
    static const char marks[] = "{\"" A "\":{\"n\":1,\"above\":[[3,3],[9,9]]},\"" B "\":{\"n\":2}}";
    hy_node_t *objects = tree_of(other), *seen = tree_of(marks);
    int rc = HY_ENOMEM;
    for (int64_t n = 1; rc != 0; n++) {
        hy_children_t *c = children_new();
        take(c, TWO, TWO_MARKS, "+a#1 +b#1 +a#3");
        add_pending(c, B, "b#2", "{}");
        told_t told = {.children = c};
        hy_mem_fail_after(n);
        rc = read_nodes(c, objects, seen, &told, NULL);
        hy_mem_fail_after(-1);
        if (rc < 0) {
            assert_int_equal(rc, HY_ENOMEM);
            assert_int_equal(read_nodes(c, objects, seen, &told, NULL), 0);
        }
        assert_string_equal(told.text, "~b#1 +b#2 +a#9 -a#1 -a#3");
        assert_written(c, other, marks);
        if (rc == 0) fail_until_it_works(try_writing, c);
        hy_children_free(c);
    }
    hy_node_unref(objects);
    hy_node_unref(seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read_back),
        TEST(all_fields_travel),
        TEST(the_same_again_tells_nothing),
        TEST(children_keep_their_records_and_equal_nodes),
        TEST(what_the_answer_lacks_is_gone),
        TEST(pending_children_that_were_seen_are_dropped),
        TEST(marks_are_replaced),
        TEST(their_order_is_that_of_the_answer),
        TEST(a_child_that_changed_its_collection_is_another),
        TEST(a_malformed_answer_changes_nothing),
        TEST(an_endless_creator_is_refused),
        TEST(reading_goes_on_where_memory_ran_out),
    };
    return cmocka_run_group_tests_name("child_wire", tests, NULL, NULL);
}
