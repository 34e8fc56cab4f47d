/* core/data/marks.c: what was seen of each creator, beside a naive set. */
#include "support.h"

#define NUMBERS 1200

static void assert_marks(const hy_dict_t *m, const char *text) {
    hy_value_t v, wanted = value_of(text);
    assert_int_equal(hy_marks_write(m, &v), 0);
    if (!hy_value_equal(v, wanted)) assert_text_of(v, text);
    hy_value_drop(v);
    hy_value_drop(wanted);
}

static int read_marks(hy_dict_t *m, const char *text) {
    hy_value_t v = value_of(text);
    int rc = hy_marks_read(m, v.as.n);
    hy_value_drop(v);
    return rc;
}

static void what_was_seen_is_known_per_creator(void **state) {
    (void)state;
    hy_dict_t m;
    hy_str_t *a = str_of("hyperty://d/a"), *b = str_of("hyperty://d/b");
    hy_marks_init(&m);
    assert_false(hy_marks_seen(&m, a, 1));
    assert_int_equal(hy_marks_top(&m, a), 0);
    assert_int_equal(hy_marks_see(&m, a, 1, 1), 0);
    assert_int_equal(hy_marks_see(&m, a, 3, 3), 0);
    assert_int_equal(hy_marks_see(&m, b, 7, 9), 0);
    assert_true(hy_marks_seen(&m, a, 1) && hy_marks_seen(&m, a, 3));
    assert_false(hy_marks_seen(&m, a, 2) || hy_marks_seen(&m, a, 4) || hy_marks_seen(&m, b, 1));
    assert_true(hy_marks_seen(&m, b, 8));
    assert_int_equal(hy_marks_top(&m, a), 3);
    assert_int_equal(hy_marks_top(&m, b), 9);
    hy_marks_deinit(&m);
    hy_str_unref(a);
    hy_str_unref(b);
}

static void their_text_tells_holes(void **state) {
    (void)state;
    hy_dict_t m;
    hy_str_t *a = str_of("a"), *b = str_of("b");
    hy_marks_init(&m);
    assert_marks(&m, "{}");
    hy_marks_see(&m, a, 1, 5);
    hy_marks_see(&m, a, 7, 7);
    hy_marks_see(&m, a, 9, 12);
    hy_marks_see(&m, b, 2, 2);
    assert_marks(&m,
                 "{\"a\":{\"n\":5,\"above\":[[7,7],[9,12]]},\"b\":{\"n\":0,\"above\":[[2,2]]}}");
    hy_marks_see(&m, a, 13, 14); /* what touches a range is one with it */
    hy_marks_see(&m, b, 4, 4);
    hy_marks_see(&m, b, 3, 3);
    assert_marks(&m,
                 "{\"a\":{\"n\":5,\"above\":[[7,7],[9,14]]},\"b\":{\"n\":0,\"above\":[[2,4]]}}");
    hy_marks_see(&m, a, 6, 6);
    hy_marks_see(&m, b, 1, 1);
    assert_marks(&m, "{\"a\":{\"n\":7,\"above\":[[9,14]]},\"b\":{\"n\":4}}");
    hy_marks_see(&m, a, 8, INT64_MAX);
    assert_marks(&m, "{\"a\":{\"n\":9223372036854775807},\"b\":{\"n\":4}}");
    hy_marks_deinit(&m);
    hy_str_unref(a);
    hy_str_unref(b);
}

static void reading_adds_to_what_is_there(void **state) {
    (void)state;
    hy_dict_t m;
    hy_marks_init(&m);
    assert_int_equal(read_marks(&m, "{\"a\":{\"n\":2,\"above\":[[5,6]]},\"b\":{\"n\":0}}"), 0);
    assert_marks(&m, "{\"a\":{\"n\":2,\"above\":[[5,6]]}}");
    assert_int_equal(read_marks(&m, "{\"a\":{\"n\":1,\"above\":[[9,9],[3,4]]},\"c\":{\"n\":9}}"),
                     0);
    assert_marks(&m, "{\"a\":{\"n\":6,\"above\":[[9,9]]},\"c\":{\"n\":9}}");
    assert_int_equal(read_marks(&m, "{}"), 0);
    assert_marks(&m, "{\"a\":{\"n\":6,\"above\":[[9,9]]},\"c\":{\"n\":9}}");
    hy_marks_deinit(&m);
}

static void malformed_marks_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "{\"a\":5}",
        "{\"a\":null}",
        "{\"a\":{}}",
        "{\"a\":{\"n\":-1}}",
        "{\"a\":{\"n\":1.0}}",
        "{\"a\":{\"n\":\"1\"}}",
        "{\"a\":{\"n\":1,\"above\":{}}}",
        "{\"a\":{\"n\":1,\"above\":5}}",
        "{\"a\":{\"n\":1,\"above\":[5]}}",
        "{\"a\":{\"n\":1,\"above\":[[]]}}",
        "{\"a\":{\"n\":1,\"above\":[[3]]}}",
        "{\"a\":{\"n\":1,\"above\":[[3,4,5]]}}",
        "{\"a\":{\"n\":1,\"above\":[[0,4]]}}",
        "{\"a\":{\"n\":1,\"above\":[[4,3]]}}",
        "{\"a\":{\"n\":1,\"above\":[[3,4.0]]}}",
        "{\"a\":{\"n\":1,\"above\":[[\"3\",4]]}}",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        hy_dict_t m;
        hy_marks_init(&m);
        assert_int_equal(read_marks(&m, bad[i]), HY_EINVALID);
        hy_marks_deinit(&m);
    }
}

/* --- beside a set ----------------------------------------------------------------------------- */

typedef struct {
    bool seen[NUMBERS + 1]; /* from 1 */
} set_t;

static void assert_same(const hy_dict_t *m, const hy_str_t *creator, const set_t *set) {
    uint64_t top = 0;
    for (uint64_t n = 1; n <= NUMBERS; n++) {
        assert_int_equal(hy_marks_seen(m, creator, n), set->seen[n]);
        if (set->seen[n]) top = n;
    }
    assert_int_equal(hy_marks_top(m, creator), top);
}

static int ranges_above(const set_t *set) {
    int ranges = 0;
    for (int n = 2; n <= NUMBERS; n++) {
        ranges += set->seen[n] && !set->seen[n - 1];
    }
    return ranges;
}

static void fill_lowest_hole(set_t *set) {
    int n = 1;
    while (set->seen[n])
        n++;
    while (!set->seen[n])
        set->seen[n++] = true;
}

static void see(hy_dict_t *m, hy_str_t *creator, set_t *set, uint64_t first, uint64_t last) {
    assert_int_equal(hy_marks_see(m, creator, first, last), 0);
    for (uint64_t n = first; n <= last; n++) {
        set->seen[n] = true;
    }
    while (ranges_above(set) > (int)HY_MARK_RANGES_MAX) {
        fill_lowest_hole(set);
    }
}

static void they_are_a_set_as_long_as_holes_are_few(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        hy_random_t r;
        hy_dict_t m, again;
        set_t sets[2] = {{{0}}};
        hy_str_t *creators[] = {str_of("a"), str_of("b")};
        hy_random_seed(&r, seed);
        hy_marks_init(&m);
        hy_marks_init(&again);
        uint64_t span = 1 + hy_random_below(&r, NUMBERS), longest = 1 + hy_random_below(&r, 20);
        for (int i = 0; i < 400; i++) {
            uint64_t which = hy_random_below(&r, 2), first = 1 + hy_random_below(&r, span);
            uint64_t last = first + hy_random_below(&r, longest);
            if (last > NUMBERS) last = NUMBERS;
            see(&m, creators[which], &sets[which], first, last);
            if (i % 40 == 0) assert_same(&m, creators[which], &sets[which]);
        }
        hy_value_t v;
        assert_int_equal(hy_marks_write(&m, &v), 0);
        assert_int_equal(hy_marks_read(&again, v.as.n), 0);
        hy_value_drop(v);
        for (int which = 0; which < 2; which++) {
            assert_same(&m, creators[which], &sets[which]);
            assert_same(&again, creators[which], &sets[which]);
            hy_str_unref(creators[which]);
        }
        hy_marks_deinit(&m);
        hy_marks_deinit(&again);
    }
}

static void beyond_their_bound_the_lowest_hole_counts_as_seen(void **state) {
    (void)state;
    hy_dict_t m;
    hy_str_t *a = str_of("a");
    set_t set = {{0}};
    hy_marks_init(&m);
    for (uint64_t n = 3; n <= 3 + 2 * (HY_MARK_RANGES_MAX - 1); n += 2) {
        see(&m, a, &set, n, n);
    }
    assert_false(hy_marks_seen(&m, a, 1) || hy_marks_seen(&m, a, 4));
    see(&m, a, &set, 1000, 1000);
    assert_true(hy_marks_seen(&m, a, 1) && hy_marks_seen(&m, a, 2) && hy_marks_seen(&m, a, 3));
    assert_false(hy_marks_seen(&m, a, 4) || hy_marks_seen(&m, a, 999));
    see(&m, a, &set, 1100, 1101);
    assert_true(hy_marks_seen(&m, a, 5));
    assert_false(hy_marks_seen(&m, a, 6));
    assert_same(&m, a, &set);
    hy_marks_deinit(&m);
    hy_str_unref(a);
}

static void an_answer_of_too_many_ranges_is_refused(void **state) {
    (void)state;
    for (uint64_t over = 0; over < 2; over++) {
        hy_buf_t b;
        hy_buf_init(&b);
        hy_buf_text(&b, "{\"a\":{\"n\":0,\"above\":[");
        for (uint64_t i = 1; i <= HY_MARK_RANGES_MAX + over; i++) {
            hy_buf_format(&b, "%s[%d,%d]", i > 1 ? "," : "", (int)i * 2, (int)i * 2);
        }
        hy_buf_text(&b, "]}}");
        hy_str_t *text = hy_buf_take(&b);
        hy_dict_t m;
        hy_marks_init(&m);
        assert_int_equal(read_marks(&m, text->bytes), over ? HY_EINVALID : 0);
        if (!over) assert_marks(&m, text->bytes);
        hy_marks_deinit(&m);
        hy_str_unref(text);
    }
}

static int try_all(void *arg) {
    hy_dict_t m;
    hy_value_t v;
    hy_marks_init(&m);
    int rc = hy_marks_read(&m, arg);
    if (rc == 0) rc = hy_marks_write(&m, &v);
    if (rc == 0) hy_value_drop(v);
    hy_marks_deinit(&m);
    return rc;
}

static int try_seeing(void *arg) {
    hy_str_t *b = str_of("b");
    hy_mem_fail_after(1);
    int rc = hy_marks_see(arg, b, 7, 9);
    hy_str_unref(b);
    return rc;
}

static void they_survive_that_memory_runs_out(void **state) {
    (void)state;
    hy_node_t *marks = tree_of("{\"a\":{\"n\":5,\"above\":[[7,7],[9,12],[20,20],[22,22],[24,24]]},"
                               "\"b\":{\"n\":0,\"above\":[[3,4]]},\"c\":{\"n\":1}}");
    fail_until_it_works(try_all, marks);
    hy_node_unref(marks);

    hy_dict_t m; /* a creator of whom nothing could be kept is not there */
    hy_marks_init(&m);
    assert_int_equal(read_marks(&m, "{\"a\":{\"n\":5}}"), 0);
    assert_int_equal(try_seeing(&m), HY_ENOMEM);
    hy_mem_fail_after(-1);
    assert_marks(&m, "{\"a\":{\"n\":5}}");
    hy_marks_deinit(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_seen_is_known_per_creator),
        TEST(their_text_tells_holes),
        TEST(reading_adds_to_what_is_there),
        TEST(malformed_marks_are_refused),
        TEST(they_are_a_set_as_long_as_holes_are_few),
        TEST(beyond_their_bound_the_lowest_hole_counts_as_seen),
        TEST(an_answer_of_too_many_ranges_is_refused),
        TEST(they_survive_that_memory_runs_out),
    };
    return cmocka_run_group_tests_name("marks", tests, NULL, NULL);
}
