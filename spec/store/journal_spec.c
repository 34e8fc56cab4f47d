/* The journal of a store's file: what is committed and not in its tables yet is there all the same,
 * whoever looks, whenever the process ends, and in whatever order it was written. */
#include "files.h"
#include "model.h"
#include "store/sqlite_private.h"

#define STATES  (1u << HY_TABLE_STATES)
#define CHANGES (1u << HY_TABLE_CHANGES)

/* With a journal that is folded from so many bytes on, into runs of at least so many rows. */
static hy_store_t *open_folding(world_t *w, const char *name, size_t fold_bytes, size_t rows_min) {
    hy_engine_t *engine = NULL;
    hy_store_t *s = NULL;
    hy_error_t err = {.text = ""};
    int code = hy__sqlite_open(path_of(name), NULL, 0, &engine, &err);
    if (code) print_error("%s\n", err.text);
    assert_int_equal(code, 0);
    hy_journal_t *j = hy__sqlite_journal(engine);
    j->fold_bytes = fold_bytes;
    j->step_bytes = fold_bytes / 4;
    j->bytes_max = 2 * fold_bytes;
    hy__sqlite_set_run(engine, rows_min);
    assert_int_equal(hy__store_open_clocked(&w->clock, &w->log, name, true, engine, &s), 0);
    return s;
}

static int64_t number_of(const char *name, const char *sql) {
    sqlite3 *db = NULL;
    int64_t n = -1;
    assert_int_equal(sqlite3_open_v2(path_of(name), &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(hy__sqlite_number(db, name, sql, &n, NULL), 0);
    sqlite3_close(db);
    return n;
}

static void run_sql(const char *name, const char *sql) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path_of(name), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

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

/* --- runs ------------------------------------------------------------------------------------- */

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

static void on_finding(void *arg, const char *line) {
    hy_buf_t *b = arg;
    hy_buf_format(b, "%s|", line);
}

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
        TEST_IN_FOLDER(changes_that_are_folded_together_are_one_row_of_the_file),
        TEST_IN_FOLDER(what_is_put_into_the_midst_of_a_run_takes_its_place),
        TEST_IN_FOLDER(runs_are_bounded_in_bytes),
        TEST_IN_FOLDER(rows_are_those_of_the_model_wherever_folds_fall),
        TEST_IN_FOLDER(a_damaged_row_of_the_journal_is_told_and_nothing_is_emptied),
        TEST_IN_FOLDER(no_byte_of_a_journal_that_is_wrong_is_trusted),
        TEST_IN_FOLDER(a_file_in_use_is_read_and_checked_with_its_journal),
        TEST_IN_FOLDER(a_file_without_runs_is_used_as_it_is_and_is_of_the_newest_format_then),
        TEST_IN_FOLDER(a_run_that_is_damaged_or_has_a_hole_is_told),
        TEST_IN_FOLDER(a_file_of_an_older_format_is_told),
        TEST_IN_FOLDER(folding_and_reading_out_of_memory_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
