/* A store in an SQLite file, without a thread: what is kept, what it says of files that are not for
 * it, what the commands do with it. */
#include "files.h"
#include "model.h"

#include <sqlite3.h>
#include <sys/wait.h>

/* --- rows ------------------------------------------------------------------------------------- */

static void rows_are_there_after_opening_again(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_file(w, "a.db");
    assert_true(hy_store_is_lasting(s));
    assert_string_equal(hy_store_name(s), path_of("a.db"));
    put(s, HY_TABLE_PARTIES, "h", "b", "{\"a\":1}");
    put(s, HY_TABLE_PARTIES, "h", "a", "2");
    put(s, HY_TABLE_STATES, "h", "", "");
    put_number(s, "o", 10, "c");
    put_number(s, "o", 9, "b");
    turn(w);
    assert_int_equal(hy_store_committed(s), 1);
    put(s, HY_TABLE_PARTIES, "h", "a", "3"); /* committed by closing */
    struct stat st;
    stat(path_of("a.db-wal"), &st);
    assert_int_equal(st.st_mode & 077, 0); /* nobody else's business */
    hy_store_close(s);
    stat(path_of("a.db"), &st);
    assert_int_equal(st.st_mode & 077, 0);
    assert_false(is_there("a.db.lock"));
    assert_false(is_there("a.db-wal"));
    s = open_file(w, "a.db");
    assert_rows(w, s, ALL_TABLES, NULL,
                "parties h a 3|parties h b {\"a\":1}|states h  |changes o 9 b|changes o 10 c|");
    assert_string_equal(find(s, HY_TABLE_PARTIES, "h", "a"), "3");
    assert_string_equal(find(s, HY_TABLE_PARTIES, "h", "c"), "");
    assert_string_equal(find(s, HY_TABLE_PARTIES, "nobody", "c"), "");
    assert_rows(w, s, ALL_TABLES, "nobody", "");
    hy_store_close(s);
}

static void bytes_of_all_kinds_come_back_as_they_were(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_file(w, "a.db");
    hy_str_t *o = hy_str_new("o\0p", 3), *k = hy_str_new("\xf0\x9f\x98\x80\0k", 6), *v = NULL;
    hy_str_t *shorter = hy_str_new("o", 1);
    assert_int_equal(hy_store_put(s, HY_TABLE_CHILDREN, o, k, "v\0w", 3), 0);
    assert_int_equal(hy_store_find(s, HY_TABLE_CHILDREN, o, k, &v), 0);
    hy_str_unref(v);
    v = NULL;
    turn(w);
    assert_int_equal(hy_store_find(s, HY_TABLE_CHILDREN, o, k, &v), 0);
    assert_int_equal(v->len, 3);
    assert_memory_equal(v->bytes, "v\0w", 3);
    hy_str_unref(v);
    assert_int_equal(hy_store_find(s, HY_TABLE_CHILDREN, shorter, k, &v), HY_ENOT_FOUND);
    hy_str_unref(o);
    hy_str_unref(k);
    hy_str_unref(shorter);
    hy_store_close(s);
}

static void it_goes_as_in_the_model(void **state) {
    world_t *w = *state;
    hy_random_t r;
    hy_random_seed(&r, 1);
    model_t m = {0};
    for (int life = 0; life < 10; life++) {
        hy_store_t *s = open_file(w, "a.db");
        find_moment(w, s, &m, 0, 0);
        for (int i = 0; i < 40; i++) {
            for (size_t n = 1 + hy_random_below(&r, 4); n > 0; n--)
                change_both(s, &m, &r);
            if (hy_random_below(&r, 8) == 0) hy_store_sync(s);
            turn(w);
            if (hy_random_below(&r, 4) == 0) find_moment(w, s, &m, 0, 0);
        }
        if (hy_random_below(&r, 2))
            hy_store_crash(s);
        else
            hy_store_close(s);
    }
}

/* --- files that are not for it ---------------------------------------------------------------- */

static void a_file_in_use_names_the_process_that_has_it(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_file(w, "a.db");
    char words[64];
    snprintf(words, sizeof words, "is in use by process %ld; stop it, or give another file",
             (long)getpid());
    assert_refused(w, "a.db", HY_ECONFLICT, words);
    uint64_t before, after;
    assert_int_equal(hy_store_file_compact(path_of("a.db"), &before, &after, NULL), HY_ECONFLICT);
    assert_int_equal(symlink("a.db", path_of("link.db")), 0);
    assert_refused(w, "link.db", HY_ECONFLICT, words);
    hy_store_close(s);
    write_file("a.db.lock", "1\n", 2); /* left by one that was killed */
    hy_store_close(open_file(w, "a.db"));
}

static void what_is_no_store_is_told_and_left_as_it_is(void **state) {
    world_t *w = *state;
    char text[5000], now[5000];
    memset(text, 'x', sizeof text);
    write_file("a.txt", text, sizeof text);
    assert_refused(w, "a.txt", HY_EINVALID, "is not an SQLite file");
    FILE *file = fopen(path_of("a.txt"), "r");
    assert_int_equal(fread(now, 1, sizeof now, file), sizeof now);
    fclose(file);
    assert_memory_equal(text, now, sizeof now);
    mkdir(path_of("folder"), 0700);
    assert_refused(w, "folder", HY_EINVALID, "is a folder");
    rmdir(path_of("folder"));
    assert_refused(w, "none/a.db", HY_ENOT_FOUND, "there is no folder for");
    write_file("empty.db", "", 0);
    hy_store_close(open_file(w, "empty.db"));
}

static void run_sql(const char *name, const char *sql) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path_of(name), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_file_of_another_program_or_a_newer_version_is_told(void **state) {
    world_t *w = *state;
    run_sql("other.db", "CREATE TABLE mine(a); PRAGMA user_version=1");
    assert_refused(w, "other.db", HY_EINVALID, "is an SQLite file of another program");
    run_sql("marked.db", "PRAGMA application_id=77");
    assert_refused(w, "marked.db", HY_EINVALID, "is an SQLite file of another program");
    hy_store_close(open_file(w, "a.db"));
    run_sql("a.db", "PRAGMA user_version=4");
    assert_refused(w, "a.db", HY_EINVALID, "has format 4, which a newer version of hyperty made");
    assert_false(is_there("a.db.lock"));
    hy_store_file_t *f = NULL;
    assert_int_equal(hy_store_file_open(path_of("a.db"), &f, NULL), HY_EINVALID);
    assert_int_equal(hy_store_file_open(path_of("none.db"), &f, NULL), HY_ENOT_FOUND);
    assert_false(is_there("none.db"));
}

/* As nobody, since root may do everything; in a child, which ends with 0 if all was as expected. */
static void in_child_as_nobody(void (*run)(world_t *w), world_t *w, mode_t mode) {
    chmod(folder, mode);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (getuid() == 0 && (setgid(65534) || setuid(65534))) _exit(2);
        run(w);
        _exit(0); /* a failed assertion came out of `run` by a jump, not here */
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static void try_without_permission(world_t *w) {
    hy_store_t *s = NULL;
    hy_error_t err;
    int code = hy_store_open_sqlite_on(&w->clock, NULL, path_of("a.db"), NULL, 0, &s, &err);
    if (code != HY_EFORBIDDEN || !strstr(err.text, "a.db may not be")) _exit(3);
    code = hy_store_open_sqlite_on(&w->clock, NULL, path_of("secret.db"), NULL, 0, &s, &err);
    if (code != HY_EFORBIDDEN || !strstr(err.text, "secret.db may not be")) _exit(4);
    if (chmod(folder, 0777) == 0) _exit(5);
    code = hy_store_open_sqlite_on(&w->clock, NULL, "/etc/a.db", NULL, 0, &s, &err);
    if (code != HY_EFORBIDDEN || !strstr(err.text, "/etc/a.db may not be written")) _exit(6);
}

static void read_without_permission_to_write(world_t *w) {
    (void)w;
    hy_store_file_t *f = NULL;
    hy_rows_t *rows = NULL;
    hy_row_t row;
    size_t pos = 0;
    if (hy_store_file_open(path_of("100% a?#.db"), &f, NULL)) _exit(3);
    if (hy_store_file_read(f, ALL_TABLES, NULL, &rows, NULL)) _exit(4);
    if (!hy_rows_next(rows, &pos, &row) || strcmp(row.value, "1") != 0) _exit(5);
    hy_rows_free(rows);
    hy_store_file_close(f);
}

static void a_file_at_rest_is_read_where_nothing_may_be_written(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_file(w, "100% a?#.db");
    put(s, HY_TABLE_STATES, "o", "", "1");
    hy_store_close(s);
    chmod(path_of("100% a?#.db"), 0444);
    if (getuid() == 0) in_child_as_nobody(read_without_permission_to_write, w, 0555);
    read_without_permission_to_write(w);
    assert_false(is_there("100% a?#.db-wal"));
    assert_false(is_there("100% a?#.db-shm"));
}

static void a_file_that_may_not_be_read_or_written_is_told(void **state) {
    world_t *w = *state;
    hy_store_close(open_file(w, "a.db"));
    hy_store_close(open_file(w, "secret.db"));
    chmod(path_of("a.db"), 0444);
    chmod(path_of("secret.db"), 0);
    if (getuid() == 0) in_child_as_nobody(try_without_permission, w, 0777);
    chmod(path_of("a.db"), 0644);
    hy_store_close(open_file(w, "a.db"));
}

/* --- damage ----------------------------------------------------------------------------------- */

#define DAMAGED_ROWS 500

static const char *damaged_key(int i) {
    static char key[16];
    snprintf(key, sizeof key, "%d", i);
    return key;
}

/* Many rows, then nonsense over that page. */
static void make_damaged(world_t *w, const char *name, long page) {
    hy_store_t *s = open_file(w, name);
    char value[200];
    memset(value, '1', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    put(s, HY_TABLE_STATES, "o", "", "{\"version\":0}");
    for (int i = 0; i < DAMAGED_ROWS; i++)
        put(s, HY_TABLE_CHILDREN, "o", damaged_key(i), value);
    hy_store_close(s);
    int fd = open(path_of(name), O_RDWR);
    char nonsense[4096];
    memset(nonsense, 0xa5, sizeof nonsense);
    assert_int_equal(pwrite(fd, nonsense, sizeof nonsense, page * 4096), sizeof nonsense);
    close(fd);
}

static void on_damage(void *arg, const char *line) {
    (void)line;
    ++*(int *)arg;
}

static void a_damaged_page_is_found_when_it_is_read(void **state) {
    world_t *w = *state;
    make_damaged(w, "a.db", 60);
    hy_store_t *s = open_file(w, "a.db");
    answer_t a = ANSWER;
    ask(s, ALL_TABLES, "o", &a);
    turn(w);
    assert_int_equal(a.code, HY_EINTERNAL);
    assert_int_equal(a.calls, 1);
    assert_non_null(strstr(w->logged, "error: "));
    assert_non_null(strstr(w->logged, "is damaged"));
    assert_non_null(strstr(w->logged, "hyperty store check"));
    assert_rows(w, s, 1u << HY_TABLE_STATES, "o", "states o  {\"version\":0}|"); /* what is whole */
    hy_store_close(s);
    hy_store_file_t *f = NULL;
    int told = 0;
    assert_int_equal(hy_store_file_open(path_of("a.db"), &f, NULL), 0);
    int count = hy_store_file_check(f, on_damage, &told, NULL);
    assert_true(count > 0);
    assert_int_equal(told, count);
    hy_store_file_close(f);
}

static void a_row_that_cannot_be_found_for_damage_is_not_said_to_be_missing(void **state) {
    world_t *w = *state;
    make_damaged(w, "a.db", 60);
    hy_store_t *s = open_file(w, "a.db");
    hy_str_t *o = text("o");
    int good = 0, damaged = 0;
    for (int i = 0; i < DAMAGED_ROWS; i++) {
        hy_str_t *key = text(damaged_key(i)), *v = NULL;
        int code = hy_store_find(s, HY_TABLE_CHILDREN, o, key, &v);
        good += code == 0;
        damaged += code == HY_EINTERNAL;
        hy_str_unref(v);
        hy_str_unref(key);
    }
    assert_int_equal(good + damaged, DAMAGED_ROWS);
    assert_true(damaged > 0 && good > damaged);
    assert_non_null(strstr(w->logged, "is damaged"));
    hy_str_unref(o);
    hy_store_close(s);
}

static void a_damaged_beginning_is_told_when_it_is_opened(void **state) {
    world_t *w = *state;
    make_damaged(w, "a.db", 1000);
    int fd = open(path_of("a.db"), O_RDWR);
    char nonsense[3900]; /* the list of tables, but not the head */
    memset(nonsense, 0xa5, sizeof nonsense);
    assert_int_equal(pwrite(fd, nonsense, sizeof nonsense, 100), sizeof nonsense);
    close(fd);
    struct stat before, after;
    stat(path_of("a.db"), &before);
    assert_refused(w, "a.db", HY_EINTERNAL, "is damaged");
    stat(path_of("a.db"), &after);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

/* --- for the commands ------------------------------------------------------------------------- */

static void a_file_in_use_can_be_read_and_checked(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_file(w, "a.db");
    put(s, HY_TABLE_STATES, "p", "", "{\"a\":2}");
    put(s, HY_TABLE_STATES, "o", "", "{\"version\":3}");
    put_number(s, "o", 4, "{}");
    turn(w);
    hy_store_file_t *f = NULL;
    assert_int_equal(hy_store_file_open(path_of("a.db"), &f, NULL), 0);
    for (int i = 0; i < 2; i++) {
        hy_rows_t *rows = NULL;
        answer_t a = ANSWER;
        assert_int_equal(hy_store_file_read(f, ALL_TABLES, NULL, &rows, NULL), 0);
        write_rows(&a.rows, rows);
        assert_string_equal(text_of(&a),
                            i ? "states p  {\"a\":3}|"
                              : "states o  {\"version\":3}|states p  {\"a\":2}|changes o 4 {}|");
        hy_buf_deinit(&a.rows);
        hy_rows_free(rows);
        int told = 0;
        assert_int_equal(hy_store_file_check(f, on_damage, &told, NULL), 0);
        take_all(s, HY_TABLE_COUNT, "o");
        take_all(s, HY_TABLE_COUNT, "p");
        put(s, HY_TABLE_STATES, "p", "", "{\"a\":3}");
        turn(w);
    }
    hy_rows_free(NULL);
    hy_store_file_close(f);
    hy_store_close(s);
}

static void on_finding(void *arg, const char *line) {
    hy_buf_t *b = arg;
    hy_buf_format(b, "%s|", line);
}

static void a_check_tells_what_is_wrong_in_rows(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_file(w, "a.db");
    put(s, HY_TABLE_PARTIES, "h", "o", "{\"no");
    put(s, HY_TABLE_STATES, "good", "", "{\"data\":{\"version\":77},\"version\":3}");
    for (uint64_t i = 2; i < 8; i++)
        put_number(s, "good", i, "{}");
    put(s, HY_TABLE_STATES, "late", "", "{\"version\":3}");
    put_number(s, "late", 6, "{}");
    put_number(s, "hole", 6, "{}");
    put_number(s, "hole", 9, "{}");
    hy_store_close(s);
    run_sql("a.db", "INSERT INTO guests VALUES(4711, 'h', '{}')");
    hy_store_file_t *f = NULL;
    answer_t a = ANSWER;
    assert_int_equal(hy_store_file_open(path_of("a.db"), &f, NULL), 0);
    int count = hy_store_file_check(f, on_finding, &a.rows, NULL);
    assert_string_equal(text_of(&a), "parties h o: its value is no JSON|"
                                     "changes of late: from 4 to 5 there are none after its state|"
                                     "changes of hole: from 7 to 8 there are none|"
                                     "changes of hole: there is no state that they go on from|"
                                     "guests h: it belongs to nobody|");
    assert_int_equal(count, 5);
    hy_buf_deinit(&a.rows);
    hy_store_file_close(f);
}

static void compacting_gives_back_room_and_keeps_rows(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_file(w, "a.db");
    char value[2000];
    memset(value, '1', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (uint64_t i = 1; i <= 500; i++)
        put_number(s, "o", i, value);
    turn(w);
    take_upto(s, "o", 499);
    hy_store_close(s);
    uint64_t before = 0, after = 0;
    assert_int_equal(hy_store_file_compact(path_of("a.db"), &before, &after, NULL), 0);
    assert_true(before > 900000 && after < 300000 && after > 0);
    assert_int_equal(hy_store_file_compact(path_of("none.db"), &before, &after, NULL),
                     HY_ENOT_FOUND);
    assert_false(is_there("none.db"));
    s = open_file(w, "a.db");
    answer_t a = ANSWER;
    ask(s, ALL_TABLES, NULL, &a);
    turn(w);
    assert_int_equal(strlen(text_of(&a)), strlen("changes o 500 |") + sizeof value - 1);
    hy_buf_deinit(&a.rows);
    hy_store_close(s);
}

/* --- memory that fails ------------------------------------------------------------------------ */

static void a_file_out_of_memory_loses_nothing(void **state) {
    world_t *w = *state;
    for (int64_t round = 1; round < 40; round++) {
        hy_store_t *s = NULL;
        hy_mem_fail_after(round);
        int code = hy_store_open_sqlite_on(&w->clock, NULL, path_of("a.db"), NULL, 0, &s, NULL);
        hy_mem_fail_after(-1);
        if (code) {
            assert_int_equal(code, HY_ENOMEM);
            continue;
        }
        put(s, HY_TABLE_STATES, "o", "", "1");
        put_number(s, "p", (uint64_t)round, "1");
        hy_mem_fail_after(1);
        turn(w);
        hy_mem_fail_after(-1);
        pass(w, HY_STORE_RETRY_MS);
        assert_int_equal(hy_store_committed(s), 1);
        answer_t a = ANSWER;
        ask(s, ALL_TABLES, "o", &a);
        hy_mem_fail_after(1);
        turn(w);
        assert_int_equal(a.calls, 1);
        assert_int_equal(a.code, HY_ENOMEM);
        hy_buf_deinit(&a.rows);
        assert_rows(w, s, ALL_TABLES, "o", "states o  1|");
        hy_store_close(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_FOLDER(rows_are_there_after_opening_again),
        TEST_IN_FOLDER(bytes_of_all_kinds_come_back_as_they_were),
        TEST_IN_FOLDER(it_goes_as_in_the_model),
        TEST_IN_FOLDER(a_file_in_use_names_the_process_that_has_it),
        TEST_IN_FOLDER(what_is_no_store_is_told_and_left_as_it_is),
        TEST_IN_FOLDER(a_file_of_another_program_or_a_newer_version_is_told),
        TEST_IN_FOLDER(a_file_that_may_not_be_read_or_written_is_told),
        TEST_IN_FOLDER(a_file_at_rest_is_read_where_nothing_may_be_written),
        TEST_IN_FOLDER(a_damaged_page_is_found_when_it_is_read),
        TEST_IN_FOLDER(a_row_that_cannot_be_found_for_damage_is_not_said_to_be_missing),
        TEST_IN_FOLDER(a_damaged_beginning_is_told_when_it_is_opened),
        TEST_IN_FOLDER(a_file_in_use_can_be_read_and_checked),
        TEST_IN_FOLDER(a_check_tells_what_is_wrong_in_rows),
        TEST_IN_FOLDER(compacting_gives_back_room_and_keeps_rows),
        TEST_IN_FOLDER(a_file_out_of_memory_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
