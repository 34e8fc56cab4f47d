/* Runs: changes of one owner that are folded together are one row of the file, which nobody sees
 * who reads or changes them. That folds of any size and order come to the same is journal_spec.c's.
 */
#include "folding.h"

/* Closes it, by which all is folded, tells how many rows of the file its changes are, and opens it
 * again. */
static hy_store_t *open_folded(world_t *w, hy_store_t *s, int64_t rows, int64_t runs) {
    hy_store_close(s);
    assert_int_equal(number_of("a.db", "SELECT count(*) FROM changes"), rows);
    assert_int_equal(number_of("a.db", "SELECT count(*) FROM changes WHERE typeof(value) = 'blob'"),
                     runs);
    return open_folding(w, "a.db", 100000, 3);
}

static void put_numbers(hy_store_t *s, const char *owner, uint64_t from, uint64_t upto,
                        const char *value) {
    for (uint64_t i = from; i <= upto; i++)
        put_number(s, owner, i, value);
}

static void changes_that_are_folded_together_are_one_row_of_the_file(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_folding(w, "a.db", 100000, 3);
    put_numbers(s, "o", 5, 8, "1");
    turn(w);
    put_numbers(s, "p", 1, 2, "2"); /* too few */
    put(s, HY_TABLE_STATES, "o", "", "{}");
    put_number(s, "o", 10, "3");
    s = open_folded(w, s, 3, 1);
    const char *first = "states o  {}|changes o 5 1|changes o 6 1|changes o 7 1|changes o 8 1|"
                        "changes o 10 3|changes p 1 2|changes p 2 2|";
    assert_rows(w, s, ALL_TABLES, NULL, first);
    put_numbers(s, "o", 11, 13, "4"); /* another run */
    s = open_folded(w, s, 4, 2);
    take_upto(s, "o", 6);
    s = open_folded(w, s, 4, 2); /* what is left of the first is one still */
    assert_rows(w, s, CHANGES, "o",
                "changes o 7 1|changes o 8 1|changes o 10 3|changes o 11 4|changes o 12 4|"
                "changes o 13 4|");
    take_upto(s, "o", 11);
    s = open_folded(w, s, 4, 0); /* of two rows there is none */
    assert_rows(w, s, CHANGES, "o", "changes o 12 4|changes o 13 4|");
    take_all(s, HY_TABLE_CHANGES, "o");
    s = open_folded(w, s, 2, 0);
    hy_store_close(s);
}

static void what_is_put_into_the_midst_of_a_run_takes_its_place(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_folding(w, "a.db", 100000, 3);
    put_numbers(s, "o", 0, 3, "1");
    put_numbers(s, "o", 6, 8, "1");
    s = open_folded(w, s, 1, 1);
    put_numbers(s, "o", 10, 13, "1");
    s = open_folded(w, s, 2, 2);
    put_number(s, "o", 7, "2");
    s = open_folded(w, s, 8, 1);
    assert_rows(w, s, CHANGES, "o",
                "changes o 0 1|changes o 1 1|changes o 2 1|changes o 3 1|changes o 6 1|"
                "changes o 7 2|changes o 8 1|changes o 10 1|changes o 11 1|changes o 12 1|"
                "changes o 13 1|");
    put_numbers(s, "o", 2, 12, "3"); /* over single rows and a run */
    s = open_folded(w, s, 14, 0);
    take_upto(s, "o", 9);
    put_numbers(s, "o", 1, 4, "4"); /* before all that is there */
    s = open_folded(w, s, 5, 1);
    assert_rows(w, s, CHANGES, "o",
                "changes o 1 4|changes o 2 4|changes o 3 4|changes o 4 4|changes o 10 3|"
                "changes o 11 3|changes o 12 3|changes o 13 1|");
    take_upto(s, "o", 13);
    put_numbers(s, "o", 14, 16, "1");
    s = open_folded(w, s, 1, 1);
    put_numbers(s, "o", 16, 18, "5"); /* from the last one on */
    s = open_folded(w, s, 5, 0);
    assert_rows(w, s, CHANGES, "o",
                "changes o 14 1|changes o 15 1|changes o 16 5|changes o 17 5|changes o 18 5|");
    hy_store_close(s);
}

static void runs_are_bounded_in_bytes(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_folding(w, "a.db", 1u << 30, 3);
    size_t each = HY_STORE_RUN_BYTES / 10;
    char *value = hy_alloc(4 * HY_STORE_RUN_BYTES);
    memset(value, 'x', 4 * HY_STORE_RUN_BYTES);
    value[each] = '\0';
    put_numbers(s, "o", 1, 30, value);
    value[each] = 'x';
    value[4 * HY_STORE_RUN_BYTES - 1] = '\0';
    put_number(s, "o", 31, value);
    hy_store_close(s);
    hy_free(value);
    assert_int_equal(number_of("a.db", "SELECT count(*) FROM changes WHERE typeof(value) = 'blob'"),
                     4);
    assert_int_equal(number_of("a.db", "SELECT max(length(value)) <= 65536 FROM changes WHERE "
                                       "typeof(value) = 'blob'"),
                     1);
    assert_int_equal(number_of("a.db", "SELECT length(value) FROM changes WHERE version = 31"),
                     4 * HY_STORE_RUN_BYTES - 1);
}

static void a_file_without_runs_is_used_as_it_is_and_is_of_the_newest_format_then(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_folding(w, "a.db", 100000, SIZE_MAX);
    put_numbers(s, "o", 1, 4, "{}");
    put(s, HY_TABLE_STATES, "o", "", "{\"version\":0}");
    hy_store_close(s);
    run_sql("a.db", "PRAGMA user_version=2");
    hy_store_file_t *f = NULL;
    assert_int_equal(hy_store_file_open(path_of("a.db"), &f, NULL), 0);
    assert_int_equal(hy_store_file_check(f, on_finding, NULL, NULL), 0);
    hy_store_file_close(f);
    assert_int_equal(number_of("a.db", "PRAGMA user_version"), 2);
    s = open_folding(w, "a.db", 100000, 3);
    assert_int_equal(number_of("a.db", "PRAGMA user_version"), 3);
    put_numbers(s, "o", 5, 7, "{}");
    s = open_folded(w, s, 5, 1);
    assert_rows(w, s, CHANGES, "o",
                "changes o 1 {}|changes o 2 {}|changes o 3 {}|changes o 4 {}|changes o 5 {}|"
                "changes o 6 {}|changes o 7 {}|");
    hy_store_close(s);
}

/* What is no run is a value like any other. */
static void a_run_that_is_damaged_or_has_a_hole_is_told(void **state) {
    world_t *w = *state;
    answer_t a = ANSWER;
    hy_store_t *s = open_folding(w, "a.db", 100000, 3);
    put(s, HY_TABLE_STATES, "o", "", "{\"version\":0}");
    put_numbers(s, "o", 1, 3, "{}");
    put_number(s, "o", 6, "[");
    put_numbers(s, "p", 1, 3, "{}");
    put(s, HY_TABLE_STATES, "p", "", "{\"version\":0}");
    hy_store_close(s);
    run_sql("a.db", "UPDATE changes SET value = substr(value, 1, length(value) - 1) WHERE owner = "
                    "(SELECT id FROM owners WHERE url = 'p')");
    hy_store_file_t *f = NULL;
    assert_int_equal(hy_store_file_open(path_of("a.db"), &f, NULL), 0);
    assert_int_equal(hy_store_file_check(f, on_finding, &a.rows, NULL), 3);
    assert_string_equal(text_of(&a), "changes o 6: its value is no JSON|"
                                     "changes of o: from 4 to 5 there are none|"
                                     "changes p 1: its value is no JSON|");
    hy_buf_deinit(&a.rows);
    hy_store_file_close(f);
    s = open_folding(w, "a.db", 100000, 3);
    put_numbers(s, "p", 2, 4, "{}");
    take_upto(s, "p", 1);
    hy_store_close(s);
    s = open_folding(w, "a.db", 100000, 3);
    assert_rows(w, s, CHANGES, "p", "changes p 2 {}|changes p 3 {}|changes p 4 {}|");
    hy_store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_FOLDER(changes_that_are_folded_together_are_one_row_of_the_file),
        TEST_IN_FOLDER(what_is_put_into_the_midst_of_a_run_takes_its_place),
        TEST_IN_FOLDER(runs_are_bounded_in_bytes),
        TEST_IN_FOLDER(a_file_without_runs_is_used_as_it_is_and_is_of_the_newest_format_then),
        TEST_IN_FOLDER(a_run_that_is_damaged_or_has_a_hole_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
