/* The engine on an SQLite connection: a commit is a row of the journal; folding brings what is in
 * it to the tables (sqlite_tables.c); reading lays what is not there yet over them (journal.c).
 *
 *      begin, apply …, end ─► journal ─► fold ─► tables
 *
 * Owns the connection, the tables, the journal and the lock. Not bound to a thread, but for one at
 * a time. */
#include <assert.h>

#include "../base/mem.h"
#include "sqlite_private.h"

#define WANTED_EVERY 64 /* operations, then a step looks whether it is to end */

typedef enum { BEGIN, COMMIT, JOURNAL_ADD, JOURNAL_REMOVE, JOURNAL_READ, FIXED_COUNT } fixed_t;
static const char *const fixed[] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [JOURNAL_ADD] = "REPLACE INTO journal(seq, ops) VALUES(?1, ?2)",
    [JOURNAL_REMOVE] = "DELETE FROM journal WHERE seq <= ?1",
    [JOURNAL_READ] = "SELECT seq, ops FROM journal ORDER BY seq",
};

typedef struct {
    hy_engine_t base; /* first */
    sqlite3 *db;
    hy_lock_t *lock;
    uint64_t delay_ms;
    hy_tables_t *tables;
    hy_journal_t journal;
    bool is_sync; /* the pragma as it is */
    sqlite3_stmt *fixed[FIXED_COUNT];
    char path[];
} sqlite_t;

/* --- commits ---------------------------------------------------------------------------------- */

static int fail(sqlite_t *q, int rc, hy_error_t *err) {
    return hy__sqlite_fail(q->db, q->path, rc, err);
}

static int prepare(sqlite_t *q, fixed_t which, sqlite3_stmt **out) {
    return hy__statement_prepare(q->db, fixed[which], &q->fixed[which], out);
}

static int run(sqlite_t *q, fixed_t which) {
    sqlite3_stmt *s = NULL;
    int rc = prepare(q, which, &s);
    return hy__statement_run(s, rc);
}

static int set_sync(sqlite_t *q, bool is_sync, hy_error_t *err) {
    if (is_sync == q->is_sync) return 0;
    int code = hy__sqlite_exec(
        q->db, q->path, is_sync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", err);
    if (!code) q->is_sync = is_sync;
    return code;
}

static int sqlite_apply(hy_engine_t *e, const hy_batch_t *batch, hy_error_t *err) {
    sqlite_t *q = (sqlite_t *)e;
    bool is_added = hy__journal_add(&q->journal, batch->ops.bytes, batch->ops.len) == 0;
    return is_added ? 0 : fail(q, SQLITE_NOMEM, err);
}

/* A statement outside of a transaction is one. */
static int sqlite_end(hy_engine_t *e, hy_error_t *err) {
    sqlite_t *q = (sqlite_t *)e;
    hy_journal_t *j = &q->journal;
    sqlite3_stmt *s = NULL;
    int rc = prepare(q, JOURNAL_ADD, &s);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 1, j->last + 1);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_blob64(s, 2, j->fresh.bytes + j->committed, j->fresh.len - j->committed,
                                 SQLITE_STATIC);
    }
    rc = hy__statement_run(s, rc);
    if (rc != SQLITE_OK) return fail(q, rc, err);
    hy__journal_commit(j, j->last + 1);
    return 0;
}

static void undo(sqlite_t *q) {
    if (!sqlite3_get_autocommit(q->db)) sqlite3_exec(q->db, "ROLLBACK", NULL, NULL, NULL);
    hy__tables_forget(q->tables);
}

static void sqlite_rollback(hy_engine_t *e) {
    sqlite_t *q = (sqlite_t *)e;
    undo(q);
    hy__journal_rollback(&q->journal);
}

/* --- folding ---------------------------------------------------------------------------------- */

/* Applies operations of the plan, and gives how many of it are then applied. It ends early only
 * where no run is cut by that. */
static int apply_step(sqlite_t *q, hy_wanted_cb is_wanted, void *arg, size_t *done) {
    const hy_journal_t *j = &q->journal;
    int rc = SQLITE_OK;
    hy_op_t op;
    size_t i = j->plan_done, bytes = 0, looked = i;
    for (; rc == SQLITE_OK && i < j->plan_count && bytes < j->step_bytes; i++) {
        hy__journal_op(j, i, &op);
        bytes += hy__op_size(&op);
        bool is_break = hy__tables_would_flush(q->tables, &op);
        if (is_break) rc = hy__tables_flush(q->tables);
        bool is_long = i - looked >= WANTED_EVERY && !hy__tables_is_gathering(q->tables);
        if (is_break || is_long) {
            looked = i;
            if (is_wanted && is_wanted(arg)) break;
        }
        if (rc == SQLITE_OK) rc = hy__tables_apply(q->tables, &op);
    }
    if (rc == SQLITE_OK) rc = hy__tables_flush(q->tables);
    *done = i;
    return rc;
}

static int remove_folded(sqlite_t *q) {
    sqlite3_stmt *s = NULL;
    int rc = prepare(q, JOURNAL_REMOVE, &s);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 1, q->journal.folding_last);
    return hy__statement_run(s, rc);
}

/* One transaction; something is in the journal. It need not be synced: until it is on the disk, the
 * journal is. */
static int fold_step(sqlite_t *q, hy_wanted_cb is_wanted, void *arg, hy_error_t *err) {
    hy_journal_t *j = &q->journal;
    if (!j->plan && hy__journal_fold(j)) return fail(q, SQLITE_NOMEM, err);
    int code = set_sync(q, false, err);
    if (code) return code;
    size_t done = 0;
    int rc = run(q, BEGIN);
    if (rc == SQLITE_OK) rc = apply_step(q, is_wanted, arg, &done);
    if (rc == SQLITE_OK && done == j->plan_count) rc = remove_folded(q);
    if (rc == SQLITE_OK) rc = run(q, COMMIT);
    if (rc == SQLITE_OK) {
        hy__journal_folded(j, done);
        return 0;
    }
    code = fail(q, rc, err);
    undo(q);
    return code;
}

static int sqlite_begin(hy_engine_t *e, bool is_sync, hy_error_t *err) {
    sqlite_t *q = (sqlite_t *)e;
    int code = 0;
    while (!code && hy__journal_bytes(&q->journal) >= q->journal.bytes_max)
        code = fold_step(q, NULL, NULL, err);
    return code ? code : set_sync(q, is_sync, err);
}

static int sqlite_fold(hy_engine_t *e, bool is_idle, hy_wanted_cb is_wanted, void *arg,
                       hy_error_t *err) {
    sqlite_t *q = (sqlite_t *)e;
    const hy_journal_t *j = &q->journal;
    if (hy__journal_bytes(j) == 0) return HY_FOLD_DONE;
    if (!j->plan && !is_idle && hy__journal_bytes(j) < j->fold_bytes) return HY_FOLD_LATER;
    int code = fold_step(q, is_wanted, arg, err);
    if (code) return code;
    if (j->plan || j->committed >= j->fold_bytes) return HY_FOLD_MORE;
    return j->committed ? HY_FOLD_LATER : HY_FOLD_DONE;
}

/* Nothing that is in it is looked at before it is known to be whole. */
static int load_row(sqlite_t *q, sqlite3_stmt *s, hy_error_t *err) {
    hy_journal_t *j = &q->journal;
    int64_t seq = sqlite3_column_int64(s, 0);
    const char *ops = sqlite3_column_blob(s, 1);
    size_t len = (size_t)sqlite3_column_bytes(s, 1);
    bool is_next = seq > 0 && (!j->last || seq == j->last + 1);
    if (!is_next || sqlite3_column_type(s, 1) != SQLITE_BLOB || !hy__ops_are_whole(ops, len)) {
        return hy_fail(err, HY_EINTERNAL,
                       "the store %s is damaged (row %lld of its journal makes no sense) and left "
                       "as it is; see `hyperty store check %s`, and take a copy of it that is "
                       "whole",
                       q->path, (long long)seq, q->path);
    }
    if (hy__journal_add(j, ops, len)) return fail(q, SQLITE_NOMEM, err);
    hy__journal_commit(j, seq);
    return 0;
}

int hy__sqlite_load(hy_engine_t *e, hy_error_t *err) {
    sqlite_t *q = (sqlite_t *)e;
    sqlite3_stmt *s = NULL;
    int rc = prepare(q, JOURNAL_READ, &s), code = 0;
    hy__journal_clear(&q->journal);
    while (!code && rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        code = load_row(q, s, err);
        rc = SQLITE_OK;
    }
    if (!code && rc != SQLITE_DONE) code = fail(q, rc, err);
    if (s) sqlite3_reset(s);
    if (code) hy__journal_clear(&q->journal);
    return code;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int sqlite_read(hy_engine_t *e, uint32_t tables, const hy_str_t *owner, hy_rows_t *rows,
                       hy_error_t *err) {
    sqlite_t *q = (sqlite_t *)e;
    int rc = hy__tables_read(q->tables, tables, owner, rows);
    if (rc == SQLITE_OK && hy__journal_overlay(&q->journal, rows, tables, owner)) rc = SQLITE_NOMEM;
    return rc == SQLITE_OK ? 0 : fail(q, rc, err);
}

static int sqlite_find(hy_engine_t *e, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                       hy_str_t **out, hy_error_t *err) {
    sqlite_t *q = (sqlite_t *)e;
    hy_row_t row;
    hy_seen_t seen = hy__journal_find(&q->journal, table, owner, key, &row);
    if (seen == HY_SEEN_REMOVED) return HY_ENOT_FOUND;
    if (seen == HY_SEEN_NOT) {
        int rc = hy__tables_find(q->tables, table, owner, key, out);
        return rc == SQLITE_OK ? 0 : rc == SQLITE_DONE ? HY_ENOT_FOUND : fail(q, rc, err);
    }
    hy_str_t *value = hy_str_new(row.value, row.value_len);
    if (!value) return fail(q, SQLITE_NOMEM, err);
    *out = value;
    return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

/* What cannot be folded now stays in the journal until the file is opened again. */
static void sqlite_close(hy_engine_t *e, bool is_crash) {
    sqlite_t *q = (sqlite_t *)e;
    while (!is_crash && sqlite_fold(e, true, NULL, NULL, NULL) > HY_FOLD_DONE)
        ;
    for (size_t i = 0; i < FIXED_COUNT; i++)
        sqlite3_finalize(q->fixed[i]);
    hy__tables_free(q->tables);
    if (is_crash) sqlite3_db_config(q->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int rc = sqlite3_close(q->db);
    assert(rc == SQLITE_OK); /* else a statement is left */
    (void)rc;
    hy__lock_release(q->lock);
    hy__journal_clear(&q->journal);
    hy_free(q);
}

static const hy_engine_ops_t sqlite = {
    sqlite_begin, sqlite_apply, sqlite_end,   sqlite_rollback,
    sqlite_read,  sqlite_find,  sqlite_close, sqlite_fold,
};

int hy__sqlite_new(sqlite3 *db, hy_lock_t *lock, const char *path, uint64_t delay_ms,
                   hy_engine_t **out) {
    size_t len = strlen(path);
    sqlite_t *q = hy_alloc_zero(sizeof *q + len + 1);
    hy_tables_t *tables = q ? hy__tables_new(db) : NULL;
    if (!tables) {
        hy_free(q);
        sqlite3_close(db);
        hy__lock_release(lock);
        return HY_ENOMEM;
    }
    q->base = (hy_engine_t){&sqlite, &q->delay_ms};
    q->db = db;
    q->lock = lock;
    q->delay_ms = delay_ms;
    q->tables = tables;
    hy__journal_init(&q->journal);
    memcpy(q->path, path, len + 1);
    *out = &q->base;
    return 0;
}

sqlite3 *hy__sqlite_db(hy_engine_t *e) {
    return ((sqlite_t *)e)->db;
}
hy_journal_t *hy__sqlite_journal(hy_engine_t *e) {
    return &((sqlite_t *)e)->journal;
}
void hy__sqlite_set_run(hy_engine_t *e, size_t rows_min) {
    hy__tables_set_run(((sqlite_t *)e)->tables, rows_min);
}
