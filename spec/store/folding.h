/* Stores whose journal is folded soon, and a look into their files. */
#ifndef SPEC_STORE_FOLDING_H
#define SPEC_STORE_FOLDING_H

#include "files.h"
#include "store/sqlite_private.h"

#define STATES  (1u << HY_TABLE_STATES)
#define CHANGES (1u << HY_TABLE_CHANGES)

/* With a journal that is folded from so many bytes on, into runs of at least so many rows. */
static inline hy_store_t *open_folding(world_t *w, const char *name, size_t fold_bytes,
                                       size_t rows_min) {
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

static inline int64_t number_of(const char *name, const char *sql) {
    sqlite3 *db = NULL;
    int64_t n = -1;
    assert_int_equal(sqlite3_open_v2(path_of(name), &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(hy__sqlite_number(db, name, sql, &n, NULL), 0);
    sqlite3_close(db);
    return n;
}

static inline void run_sql(const char *name, const char *sql) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path_of(name), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* For hy_store_file_check; `arg` is a buffer. */
static inline void on_finding(void *arg, const char *line) {
    hy_buf_t *b = arg;
    hy_buf_format(b, "%s|", line);
}

#endif
