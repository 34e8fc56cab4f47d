/* Inside of the SQLite backend: the lock beside a file (lock.c), opening it and what its failures
 * mean (sqlite_open.c), the engine (sqlite.c), the driver with a thread (writer.c). */
#ifndef HY_STORE_SQLITE_PRIVATE_H
#define HY_STORE_SQLITE_PRIVATE_H

#include <sqlite3.h>

#include "backend.h"
#include "sqlite.h"

#define HY_SQLITE_APPLICATION 0x48595054 /* "HYPT" */
#define HY_SQLITE_FORMAT      1

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
int hy__sqlite_exec(sqlite3 *db, const char *path, const char *sql, hy_error_t *err);
/* The one number that a statement gives. */
int hy__sqlite_number(sqlite3 *db, const char *path, const char *sql, int64_t *out,
                      hy_error_t *err);

/* --- the engine ------------------------------------------------------------------------------- */

/* Takes over the connection and the lock (NULL: none), also if it fails. */
int hy__sqlite_new(sqlite3 *db, hy_lock_t *lock, const char *path, uint64_t delay_ms,
                   hy_engine_t **out);
/* For statements of others on its connection. */
sqlite3 *hy__sqlite_db(hy_engine_t *e);

/* "key" of a table, as its column is called. */
const char *hy__sqlite_key(hy_table_t table);
/* Of a row that was stepped to; NULL: out of memory. */
const char *hy__sqlite_text(sqlite3_stmt *s, int column);

/* The driver with a thread. Takes over the engine, also if it fails. */
int hy__store_open_threaded(hy_loop_t *loop, const hy_log_t *log, const char *name,
                            hy_engine_t *engine, hy_store_t **out);

#endif
