/* The journal of a store's file: what is committed and not in its tables yet is there all the same,
 * whoever looks, whenever the process ends, and in whatever order it was written. */
#include "folding.h"
#include "model.h"

/* --- what is in it ---------------------------------------------------------------------------- */

static void a_commit_is_one_row_of_the_journal_until_it_is_folded(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_file(w, "a.db");
    put(s, HY_TABLE_STATES, "o", "", "1");
    put_number(s, "p", 1, "2");
    turn(w);
    put(s, HY_TABLE_STATES, "o", "", "3");
    turn(w);
    assert_int_equal(number_of("a.db", "SELECT count(*) FROM journal"), 2);
    assert_int_equal(number_of("a.db", "SELECT count(*) FROM states"), 0);
    assert_rows(w, s, ALL_TABLES, NULL, "states o  3|changes p 1 2|");
    assert_string_equal(find(s, HY_TABLE_STATES, "o", ""), "3");
    hy_store_close(s);
    assert_int_equal(number_of("a.db", "SELECT count(*) FROM journal"), 0);
    assert_int_equal(number_of("a.db", "SELECT count(*) FROM states WHERE value = '3'"), 1);
}

static void a_crash_between_commit_and_fold_loses_nothing(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_file(w, "a.db");
    put(s, HY_TABLE_STATES, "o", "", "1");
    turn(w);
    hy_store_crash(s);
    for (int life = 0; life < 3; life++) { /* the next ones die without having folded either */
        s = open_file(w, "a.db");
        assert_int_equal(number_of("a.db", "SELECT count(*) FROM journal"), 1 + life);
        assert_rows(w, s, STATES, "o", "states o  1|");
        put_number(s, "o", (uint64_t)life, "7");
        turn(w);
        hy_store_crash(s);
    }
    s = open_file(w, "a.db");
    assert_rows(w, s, ALL_TABLES, "o", "states o  1|changes o 0 7|changes o 1 7|changes o 2 7|");
    hy_store_close(s);
}

static void it_is_folded_in_steps_beside_the_commits(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_folding(w, "a.db", 4000, SIZE_MAX);
    char owner[8];
    int64_t most = 0;
    for (uint64_t i = 1; i <= 1000; i++) {
        snprintf(owner, sizeof owner, "o%u", (unsigned)(i % 10));
        put_number(s, owner, i, "1");
        turn(w);
        int64_t rows = number_of("a.db", "SELECT count(*) FROM journal");
        if (rows > most) most = rows;
    }
    assert_in_range(most, 4000 / 30 / 2, 2 * 4000 / 30);
    assert_true(number_of("a.db", "SELECT count(*) FROM changes") > 800);
    hy_store_crash(s);
    s = open_folding(w, "a.db", 4000, SIZE_MAX);
    for (uint64_t i = 1; i <= 1000; i++) {
        snprintf(owner, sizeof owner, "o%u", (unsigned)(i % 10));
        if (i > 10) take_upto(s, owner, i - 10);
    }
    assert_rows(w, s, ALL_TABLES, NULL,
                "changes o0 1000 1|changes o1 991 1|changes o2 992 1|changes o3 993 1|"
                "changes o4 994 1|changes o5 995 1|changes o6 996 1|changes o7 997 1|"
                "changes o8 998 1|changes o9 999 1|");
    hy_store_close(s);
}

/* --- order ------------------------------------------------------------------------------------ */

/* Rows that are in the tables, and the rest in the journal. */
static hy_store_t *open_with_rows(world_t *w) {
    hy_store_t *s = open_file(w, "a.db");
    put(s, HY_TABLE_STATES, "o", "", "1");
    put(s, HY_TABLE_CHILDREN, "o", "a", "1");
    put(s, HY_TABLE_CHILDREN, "o", "b", "1");
    put(s, HY_TABLE_CHILDREN, "p", "a", "1");
    for (uint64_t i = 1; i <= 5; i++)
        put_number(s, "o", i, "1");
    hy_store_close(s);
    return open_file(w, "a.db");
}

static void what_is_removed_and_put_again_over_a_fold_is_as_it_was_last(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_with_rows(w);
    take_upto(s, "o", 4);
    put_number(s, "o", 3, "2");
    put_number(s, "o", 9, "2");
    take(s, HY_TABLE_CHILDREN, "o", "b");
    put(s, HY_TABLE_CHILDREN, "o", "c", "2");
    turn(w);
    take_all(s, HY_TABLE_CHILDREN, "p");
    put(s, HY_TABLE_CHILDREN, "p", "z", "2");
    take(s, HY_TABLE_CHILDREN, "o", "c");
    put(s, HY_TABLE_CHILDREN, "o", "b", "3");
    turn(w);
    const char *rows = "states o  1|changes o 3 2|changes o 5 1|changes o 9 2|children o a 1|"
                       "children o b 3|children p z 2|";
    assert_rows(w, s, ALL_TABLES, NULL, rows);
    hy_store_crash(s);
    s = open_file(w, "a.db");
    assert_rows(w, s, ALL_TABLES, NULL, rows);
    hy_store_close(s);
    s = open_file(w, "a.db");
    assert_rows(w, s, ALL_TABLES, NULL, rows);
    take_all(s, HY_TABLE_COUNT, "o");
    put_number(s, "o", 2, "4");
    assert_string_equal(find(s, HY_TABLE_STATES, "o", ""), "");
    assert_rows(w, s, ALL_TABLES, "o", "changes o 2 4|");
    assert_string_equal(find(s, HY_TABLE_STATES, "o", ""), "");
    hy_store_close(s);
    s = open_file(w, "a.db");
    assert_rows(w, s, ALL_TABLES, NULL, "changes o 2 4|children p z 2|");
    hy_store_close(s);
}

/* Against the model, with folds of any size and in any moment, and lives of any end. */
static void rows_are_those_of_the_model_wherever_folds_fall(void **state) {
    world_t *w = *state;
    hy_random_t r;
    hy_random_seed(&r, 7);
    model_t m = {0};
    for (int life = 0; life < 40; life++) {
        hy_store_t *s =
            open_folding(w, "a.db", 100u << hy_random_below(&r, 6), 2 + hy_random_below(&r, 3));
        for (uint64_t i = hy_random_below(&r, 40); i > 0; i--) {
            change_both(s, &m, &r);
            if (hy_random_below(&r, 2)) turn(w);
            if (hy_random_below(&r, 4) == 0) find_moment(w, s, &m, 0, 0);
        }
        turn(w);
        if (hy_random_below(&r, 2))
            hy_store_crash(s);
        else
            hy_store_close(s);
    }
}

/* --- damage ----------------------------------------------------------------------------------- */

/* A crashed file with three rows in its journal, changed like that, is refused, and not emptied. */
static void assert_damage_told(world_t *w, const char *sql, const char *words) {
    unlink(path_of("a.db"));
    hy_store_t *s = open_file(w, "a.db");
    for (uint64_t i = 1; i <= 3; i++) {
        put_number(s, "o", i, "1");
        turn(w);
    }
    hy_store_crash(s);
    run_sql("a.db", sql);
    int64_t rows = number_of("a.db", "SELECT sum(length(ops)) FROM journal");
    assert_refused(w, "a.db", HY_EINTERNAL, "is damaged");
    assert_refused(w, "a.db", HY_EINTERNAL, words);
    assert_int_equal(number_of("a.db", "SELECT sum(length(ops)) FROM journal"), rows);
    hy_store_file_t *f = NULL;
    hy_rows_t *read = NULL;
    answer_t a = ANSWER;
    assert_int_equal(hy_store_file_open(path_of("a.db"), &f, NULL), 0);
    assert_int_equal(hy_store_file_read(f, CHANGES, NULL, &read, NULL), HY_EINTERNAL);
    assert_int_equal(hy_store_file_check(f, on_finding, &a.rows, NULL), 1);
    assert_non_null(strstr(text_of(&a), words));
    hy_buf_deinit(&a.rows);
    hy_store_file_close(f);
}

static void a_damaged_row_of_the_journal_is_told_and_nothing_is_emptied(void **state) {
    world_t *w = *state;
    assert_damage_told(w, "UPDATE journal SET ops = x'0102' WHERE seq = 2", "row 2 of its journal");
    assert_damage_told(w, "UPDATE journal SET ops = substr(ops, 1, length(ops) - 1) WHERE seq = 3",
                       "row 3 of its journal");
    assert_damage_told(w, "UPDATE journal SET ops = zeroblob(length(ops)) WHERE seq = 1",
                       "row 1 of its journal");
    assert_damage_told(w, "UPDATE journal SET ops = 'text' WHERE seq = 2", "row 2 of its journal");
    assert_damage_told(w, "DELETE FROM journal WHERE seq = 2", "row 3 of its journal");
}

static void no_byte_of_a_journal_that_is_wrong_is_trusted(void **state) {
    (void)state;
    hy_buf_t b;
    hy_buf_init(&b);
    hy_op_t op = {HY_OP_PUT,
                  {.table = HY_TABLE_STATES,
                   .owner = "owner",
                   .owner_len = 5,
                   .key = "key",
                   .key_len = 3,
                   .value = "value",
                   .value_len = 5}};
    assert_int_equal(hy__op_add(&b, &op), 0);
    op = (hy_op_t){HY_OP_REMOVE_UPTO,
                   {.table = HY_TABLE_CHANGES, .owner = "o", .owner_len = 1, .number = 7}};
    assert_int_equal(hy__op_add(&b, &op), 0);
    assert_true(hy__ops_are_whole(b.bytes, b.len));
    size_t first = b.len;
    for (size_t len = 1; len < b.len; len++) {
        if (hy__ops_are_whole(b.bytes, len)) first = len; /* where the second one begins */
    }
    assert_true(first < b.len);
    hy_random_t r;
    hy_random_seed(&r, 1);
    for (int i = 0; i < 20000; i++) { /* what is said to be whole can be walked through */
        size_t at = hy_random_below(&r, b.len), pos = 0;
        char was = b.bytes[at];
        b.bytes[at] = (char)hy_random_below(&r, 256);
        if (hy__ops_are_whole(b.bytes, b.len)) {
            while (hy__op_next(&b, &pos, &op))
                assert_true(op.row.owner + op.row.owner_len < b.bytes + b.len);
            assert_int_equal(pos, b.len);
        }
        b.bytes[at] = was;
    }
    hy_buf_deinit(&b);
}

/* --- others who look at the file -------------------------------------------------------------- */

static void a_file_in_use_is_read_and_checked_with_its_journal(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_with_rows(w);
    take_upto(s, "o", 5);
    take_all(s, HY_TABLE_CHILDREN, "o");
    take_all(s, HY_TABLE_CHILDREN, "p");
    put(s, HY_TABLE_STATES, "o", "", "{\"version\":5}");
    put_number(s, "o", 6, "{}");
    turn(w);
    hy_store_file_t *f = NULL;
    hy_rows_t *rows = NULL;
    answer_t a = ANSWER;
    assert_int_equal(hy_store_file_open(path_of("a.db"), &f, NULL), 0);
    assert_int_equal(hy_store_file_read(f, STATES | CHANGES, NULL, &rows, NULL), 0);
    write_rows(&a.rows, rows);
    assert_string_equal(text_of(&a), "states o  {\"version\":5}|changes o 6 {}|");
    hy_buf_deinit(&a.rows);
    hy_rows_free(rows);
    a = (answer_t)ANSWER;
    assert_int_equal(hy_store_file_check(f, on_finding, &a.rows, NULL), 0);
    put_number(s, "o", 9, "{\"no");
    turn(w);
    assert_int_equal(hy_store_file_check(f, on_finding, &a.rows, NULL), 2);
    assert_string_equal(text_of(&a), "changes o 9: its value is no JSON|"
                                     "changes of o: from 7 to 8 there are none|");
    hy_buf_deinit(&a.rows);
    hy_store_file_close(f);
    hy_store_close(s);
}

static void a_file_of_an_older_format_is_told(void **state) {
    world_t *w = *state;
    hy_store_close(open_file(w, "a.db"));
    run_sql("a.db", "PRAGMA user_version=1; DROP TABLE journal");
    assert_refused(w, "a.db", HY_EINVALID, "has format 1, which an older version of hyperty made");
    assert_int_equal(number_of("a.db", "SELECT count(*) FROM sqlite_schema WHERE name = 'journal'"),
                     0);
}

/* --- memory that fails ------------------------------------------------------------------------ */

static void folding_and_reading_out_of_memory_lose_nothing(void **state) {
    world_t *w = *state;
    for (int64_t round = 1; round < 30; round++) {
        unlink(path_of("a.db"));
        hy_store_t *s = open_folding(w, "a.db", 100, 2);
        for (uint64_t i = 1; i <= 20; i++) {
            put_number(s, "o", i, "1");
            put(s, HY_TABLE_STATES, "o", "", "1");
            hy_store_seal(s);
            hy_mem_fail_after(round);
            turn(w);
            hy_mem_fail_after(-1);
            pass(w, HY_STORE_RETRY_MS);
            assert_int_equal(hy_store_committed(s), i);
        }
        answer_t a = ANSWER;
        ask(s, ALL_TABLES, "o", &a);
        hy_mem_fail_after(round);
        turn(w);
        hy_mem_fail_after(-1);
        assert_int_equal(a.calls, 1);
        assert_true(a.code == 0 || a.code == HY_ENOMEM);
        hy_buf_deinit(&a.rows);
        take_upto(s, "o", 18);
        assert_rows(w, s, ALL_TABLES, "o", "states o  1|changes o 19 1|changes o 20 1|");
        hy_store_close(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_FOLDER(a_commit_is_one_row_of_the_journal_until_it_is_folded),
        TEST_IN_FOLDER(a_crash_between_commit_and_fold_loses_nothing),
        TEST_IN_FOLDER(it_is_folded_in_steps_beside_the_commits),
        TEST_IN_FOLDER(what_is_removed_and_put_again_over_a_fold_is_as_it_was_last),
        TEST_IN_FOLDER(rows_are_those_of_the_model_wherever_folds_fall),
        TEST_IN_FOLDER(a_damaged_row_of_the_journal_is_told_and_nothing_is_emptied),
        TEST_IN_FOLDER(no_byte_of_a_journal_that_is_wrong_is_trusted),
        TEST_IN_FOLDER(a_file_in_use_is_read_and_checked_with_its_journal),
        TEST_IN_FOLDER(a_file_of_an_older_format_is_told),
        TEST_IN_FOLDER(folding_and_reading_out_of_memory_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
