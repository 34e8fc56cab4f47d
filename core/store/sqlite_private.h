/* Inside of the SQLite backend: the lock beside a file (lock.c), opening it and what its failures
 * mean (sqlite_open.c), the engine (sqlite.c), its journal (journal.c) and its tables
 * (sqlite_tables.c, run.c), the driver with a thread (writer.c). */
#ifndef HY_STORE_SQLITE_PRIVATE_H
#define HY_STORE_SQLITE_PRIVATE_H

#include <sqlite3.h>

#include "backend.h"
#include "sqlite.h"

#define HY_SQLITE_APPLICATION 0x48595054 /* "HYPT" */
#define HY_SQLITE_FORMAT      3
#define HY_SQLITE_FORMAT_MIN  2 /* has no runs: is of the newest one once it is written */

/* --- the lock --------------------------------------------------------------------------------- */

typedef struct hy_lock hy_lock_t;
/* FILE.lock, which names this process while it is held. HY_ECONFLICT names the other one; it may
 * be in this process too. What a process left that is gone is taken over. */
int hy__lock_take(const char *path, hy_lock_t **out, hy_error_t *err);
void hy__lock_release(hy_lock_t *l); /* NULL allowed */

/* --- the file --------------------------------------------------------------------------------- */

typedef enum {
    HY_SQLITE_WRITE, /* makes it if it is not there */
    HY_SQLITE_READ,  /* changes nothing, and may be in use by others */
} hy_sqlite_mode_t;

/* A connection to a file that is known to be ours. `vfs` NULL: as usual. */
int hy__sqlite_connect(const char *path, const char *vfs, hy_sqlite_mode_t mode, sqlite3 **out,
                       hy_error_t *err);
/* Our code for one of SQLite's, with a text that says what failed, on what, and what to do. `db`
 * (NULL allowed) knows more about its last failure. */
int hy__sqlite_fail(sqlite3 *db, const char *path, int rc, hy_error_t *err);
int hy__sqlite_fail_missing(const char *path, hy_error_t *err);
int hy__sqlite_exec(sqlite3 *db, const char *path, const char *sql, hy_error_t *err);
/* The one number that a statement gives. */
int hy__sqlite_number(sqlite3 *db, const char *path, const char *sql, int64_t *out,
                      hy_error_t *err);

/* --- the journal, as it is in memory ---------------------------------------------------------- */

typedef struct hy_fold_op hy_fold_op_t;
typedef struct {
    hy_buf_t fresh;   /* operations of groups in order, the one that is being made behind them */
    size_t committed; /* bytes of it */
    int64_t last;     /* row of the last group, 0: none yet */
    hy_buf_t folding; /* those before them, of which some are in the tables */
    int64_t folding_last;
    hy_fold_op_t *plan; /* in which order; NULL: nothing is being folded */
    size_t plan_count, plan_done;
    size_t fold_bytes, step_bytes, bytes_max; /* HY_STORE_FOLD_…, smaller in specs */
} hy_journal_t;

void hy__journal_init(hy_journal_t *j);
void hy__journal_clear(hy_journal_t *j); /* it then owns nothing */
/* Into the group that is being made. HY_ENOMEM: nothing was. */
int hy__journal_add(hy_journal_t *j, const char *ops, size_t len);
void hy__journal_commit(hy_journal_t *j, int64_t seq);
void hy__journal_rollback(hy_journal_t *j);
/* Of what is committed. */
size_t hy__journal_bytes(const hy_journal_t *j);

/* Begins to fold what is committed, when nothing is being folded. HY_ENOMEM. */
int hy__journal_fold(hy_journal_t *j);
/* The i-th operation of the plan. */
void hy__journal_op(const hy_journal_t *j, size_t i, hy_op_t *out);
/* So many of the plan are in the tables for good, and if it is all, its rows have gone. */
void hy__journal_folded(hy_journal_t *j, size_t done);

/* Rows of tables as they are with the journal, in order. HY_ENOMEM. */
int hy__journal_overlay(const hy_journal_t *j, hy_rows_t *rows, uint32_t tables,
                        const hy_str_t *owner);
hy_seen_t hy__journal_find(const hy_journal_t *j, hy_table_t table, const hy_str_t *owner,
                           const hy_str_t *key, hy_row_t *out);

/* --- statements ------------------------------------------------------------------------------- */

/* The statement in that slot, prepared when first asked for. An SQLite code, as all of these. */
int hy__statement_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **slot, sqlite3_stmt **out);
/* One whose rows are not wanted, with its values bound, if all was well so far (`rc`); resets it in
 * any case. */
int hy__statement_run(sqlite3_stmt *s, int rc);
/* Lent until the next reset of it: all statements are reset before what they were given goes. */
int hy__statement_bind(sqlite3_stmt *s, int at, const char *text, size_t len);

/* --- runs ------------------------------------------------------------------------------------- */

/* Rows of one owner in a numbered table, in order (run.c); as zero: none. */
typedef struct {
    hy_buf_t bytes; /* encoded as HY_OP_PUT of no owner */
    hy_table_t table;
    const char *owner; /* lent, by the operations that were added */
    size_t owner_len, count;
    uint64_t first, last;
} hy_run_t;
void hy__run_clear(hy_run_t *r); /* it keeps its buffer, if that is of use */
/* It puts a row behind those of the run, and in there is room for it. */
bool hy__run_goes_on(const hy_run_t *r, const hy_op_t *op);
/* The first one, or one that goes on. HY_ENOMEM: it was not. */
int hy__run_add(hy_run_t *r, const hy_op_t *op);
/* What a row of the file with that key has is a run: that run, lent, without owner. */
bool hy__run_read(hy_table_t table, int64_t first, const char *bytes, size_t len, hy_run_t *out);

/* --- the tables ------------------------------------------------------------------------------- */

/* All give SQLite codes. */
typedef struct hy_tables hy_tables_t;
hy_tables_t *hy__tables_new(sqlite3 *db); /* NULL: out of memory */
void hy__tables_set_run(hy_tables_t *t, size_t rows_min);
void hy__tables_free(hy_tables_t *t);
/* Within a transaction; rows that make a run wait for the next one or to be flushed, and what they
 * are made of is lent until then. */
int hy__tables_apply(hy_tables_t *t, const hy_op_t *op);
int hy__tables_flush(hy_tables_t *t);
/* This operation makes something that waits be written. */
bool hy__tables_would_flush(const hy_tables_t *t, const hy_op_t *op);
bool hy__tables_is_gathering(const hy_tables_t *t); /* something waits */
/* A transaction was rolled back: what waits is dropped, what is known of the file may not be so. */
void hy__tables_forget(hy_tables_t *t);
/* Adds rows in any order. */
int hy__tables_read(hy_tables_t *t, uint32_t tables, const hy_str_t *owner, hy_rows_t *rows);
/* SQLITE_DONE: it is not there. */
int hy__tables_find(hy_tables_t *t, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                    hy_str_t **out);

/* --- the engine ------------------------------------------------------------------------------- */

/* Takes over the connection and the lock (NULL: none), also if it fails. */
int hy__sqlite_new(sqlite3 *db, hy_lock_t *lock, const char *path, uint64_t delay_ms,
                   hy_engine_t **out);
/* For statements of others on its connection, and what its journal holds. */
sqlite3 *hy__sqlite_db(hy_engine_t *e);
hy_journal_t *hy__sqlite_journal(hy_engine_t *e);
/* For specs: so many rows make a run. */
void hy__sqlite_set_run(hy_engine_t *e, size_t rows_min);
/* Reads the journal that is in the file, in place of what it has in memory. HY_EINTERNAL: it makes
 * no sense. */
int hy__sqlite_load(hy_engine_t *e, hy_error_t *err);
/* A file's engine, with its lock and its journal. `vfs` as in hy_store_open_sqlite_on. */
int hy__sqlite_open(const char *path, const char *vfs, uint64_t delay_ms, hy_engine_t **out,
                    hy_error_t *err);

/* "key" of a table, as its column is called. */
const char *hy__sqlite_key(hy_table_t table);
/* Of a row that was stepped to; NULL: out of memory. */
const char *hy__sqlite_text(sqlite3_stmt *s, int column);

/* The driver with a thread. Takes over the engine, also if it fails. */
int hy__store_open_threaded(hy_loop_t *loop, const hy_log_t *log, const char *name,
                            hy_engine_t *engine, hy_store_t **out);

#endif
