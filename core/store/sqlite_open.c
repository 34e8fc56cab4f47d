/* Opening an SQLite file, and what its failures mean to a person.
 *
 * Nothing is written before the file is known to be ours or empty. A new one gets its marks and
 * tables in one transaction, and only then the WAL; so whenever the process ends there is an empty
 * file or a whole one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/mem.h"
#include "sqlite_private.h"

#define BUSY_MS        1000 /* for a foreign program that reads or writes in the file */
#define WAL_PAGES      8192 /* then they are brought home, */
#define WAL_BYTES_KEPT 67108864
#define CACHE_KIB      32768 /* the journal, and what it is folded into meanwhile */
#define SQL_BYTES_MAX  256

static const struct {
    const char *name, *key;
    bool is_number;
} tables[] = {
#define TEXT                   false
#define NUMBER                 true
#define X(id, name, key, kind) {name, key, kind},
    HY_TABLE_MAP(X)
#undef X
#undef TEXT
#undef NUMBER
};

const char *hy__sqlite_key(hy_table_t table) {
    return tables[table].key;
}

/* --- failures --------------------------------------------------------------------------------- */

int hy__sqlite_fail_missing(const char *path, hy_error_t *err) {
    return hy_fail(err, HY_ENOT_FOUND, "there is no store %s; give the file that --store named",
                   path);
}

static bool is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int fail_to_reach(sqlite3 *db, const char *path, int rc, hy_error_t *err) {
    int error = db ? sqlite3_system_errno(db) : 0;
    if (error == 0 && access(path, F_OK) != 0) error = errno;
    if (error == 0 && access(path, R_OK | W_OK) != 0) error = errno;
    if (error == ENOENT || error == ENOTDIR) return hy__sqlite_fail_missing(path, err);
    if (error == EISDIR || is_folder(path))
        return hy_fail(err, HY_EINVALID, "%s is a folder; give a file", path);
    if (error == EACCES || error == EPERM || error == EROFS) {
        return hy_fail(err, HY_EFORBIDDEN,
                       "the store %s may not be opened: %s; allow it, or give another file", path,
                       strerror(error));
    }
    return hy_fail(err, HY_EINTERNAL, "cannot open the store %s: %s", path,
                   error ? strerror(error) : sqlite3_errstr(rc));
}

int hy__sqlite_fail(sqlite3 *db, const char *path, int rc, hy_error_t *err) {
    const char *why = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    int error = db ? sqlite3_system_errno(db) : 0;
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return hy_fail(err, HY_ENOMEM, "no memory for the store %s", path);
    case SQLITE_NOTADB:
        return hy_fail(err, HY_EINVALID,
                       "%s is no store: it is not an SQLite file; give another file (it is left as "
                       "it is)",
                       path);
    case SQLITE_CORRUPT:
        return hy_fail(err, HY_EINTERNAL,
                       "the store %s is damaged (%s) and left as it is; see `hyperty store check "
                       "%s`, and take a copy of it that is whole",
                       path, why, path);
    case SQLITE_FULL:
        return hy_fail(err, HY_EFULL, "there is no room on the disk of %s; make some", path);
    case SQLITE_READONLY:
        return hy_fail(err, HY_EFORBIDDEN,
                       "the store %s may not be written; allow it, or give another file", path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return hy_fail(err, HY_ECONFLICT, "another program works in %s; stop it", path);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return fail_to_reach(db, path, rc, err);
    case SQLITE_IOERR:
        if (is_folder(path)) return fail_to_reach(db, path, rc, err);
        return hy_fail(err, HY_EINTERNAL,
                       "the store %s: %s%s%s; look at its disk, and how big files may be here "
                       "(ulimit -f)",
                       path, why, error ? ": " : "", error ? strerror(error) : "");
    default:
        return hy_fail(err, HY_EINTERNAL, "the store %s: %s%s%s", path, why, error ? ": " : "",
                       error ? strerror(error) : "");
    }
}

int hy__sqlite_exec(sqlite3 *db, const char *path, const char *sql, hy_error_t *err) {
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : hy__sqlite_fail(db, path, rc, err);
}

int hy__sqlite_number(sqlite3 *db, const char *path, const char *sql, int64_t *out,
                      hy_error_t *err) {
    sqlite3_stmt *statement = NULL;
    int64_t number = 0;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) number = sqlite3_column_int64(statement, 0);
    bool is_good = rc == SQLITE_ROW;
    int code =
        is_good ? 0 : hy__sqlite_fail(db, path, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, err);
    sqlite3_finalize(statement);
    if (is_good) *out = number;
    return code;
}

/* NULL where a column has nothing, which no table of ours allows, is an empty text. */
const char *hy__sqlite_text(sqlite3_stmt *s, int column) {
    bool is_null = sqlite3_column_type(s, column) == SQLITE_NULL;
    const char *text = is_null ? "" : (const char *)sqlite3_column_text(s, column);
    bool is_empty = !text && sqlite3_column_type(s, column) == SQLITE_BLOB &&
                    sqlite3_column_bytes(s, column) == 0;
    return is_empty ? "" : text;
}

/* --- format ----------------------------------------------------------------------------------- */

/* 0, and its format, 0 if nothing is in it yet; or why it is not for us. */
static int check_format(sqlite3 *db, const char *path, int64_t *out, hy_error_t *err) {
    int64_t application = 0, format = 0, things = 0;
    int code = hy__sqlite_number(db, path, "PRAGMA application_id", &application, err);
    if (!code) code = hy__sqlite_number(db, path, "PRAGMA user_version", &format, err);
    if (!code)
        code = hy__sqlite_number(db, path, "SELECT count(*) FROM sqlite_schema", &things, err);
    if (code) return code;
    *out = format;
    if (application == 0 && format == 0 && things == 0) return 0;
    if (application != HY_SQLITE_APPLICATION) {
        return hy_fail(err, HY_EINVALID,
                       "%s is no store: it is an SQLite file of another program; give another file "
                       "(it is left as it is)",
                       path);
    }
    if (format > HY_SQLITE_FORMAT) {
        return hy_fail(err, HY_EINVALID,
                       "the store %s has format %lld, which a newer version of hyperty made; this "
                       "one knows %d (it is left as it is)",
                       path, (long long)format, HY_SQLITE_FORMAT);
    }
    if (format < HY_SQLITE_FORMAT_MIN) {
        return hy_fail(err, HY_EINVALID,
                       "the store %s has format %lld, which an older version of hyperty made; this "
                       "one knows %d: use it with that version, or give another file (it is left "
                       "as it is)",
                       path, (long long)format, HY_SQLITE_FORMAT);
    }
    return 0;
}

static int make_tables(sqlite3 *db, const char *path, hy_error_t *err) {
    int code = hy__sqlite_exec(
        db, path,
        "CREATE TABLE IF NOT EXISTS owners(id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE);"
        "CREATE TABLE IF NOT EXISTS journal(seq INTEGER PRIMARY KEY, ops BLOB NOT NULL)",
        err);
    for (size_t i = 0; i < HY_TABLE_COUNT && !code; i++) {
        char sql[SQL_BYTES_MAX];
        snprintf(sql, sizeof sql,
                 "CREATE TABLE IF NOT EXISTS %s(owner INTEGER NOT NULL, %s %s NOT NULL, value TEXT "
                 "NOT NULL, PRIMARY KEY(owner, %s)) WITHOUT ROWID",
                 tables[i].name, tables[i].key, tables[i].is_number ? "INTEGER" : "TEXT",
                 tables[i].key);
        code = hy__sqlite_exec(db, path, sql, err);
    }
    return code;
}

static int make_format(sqlite3 *db, const char *path, int64_t format, hy_error_t *err) {
    char sql[SQL_BYTES_MAX];
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d",
             HY_SQLITE_APPLICATION, HY_SQLITE_FORMAT);
    int code = hy__sqlite_exec(db, path, "PRAGMA synchronous=FULL; BEGIN IMMEDIATE", err);
    if (!code && format < HY_SQLITE_FORMAT) code = hy__sqlite_exec(db, path, sql, err);
    if (!code) code = make_tables(db, path, err); /* also those that came since, for an old one */
    if (!code) code = hy__sqlite_exec(db, path, "COMMIT", err);
    return code;
}

static int begin_writing(sqlite3 *db, const char *path, int64_t format, hy_error_t *err) {
    char sql[SQL_BYTES_MAX];
    snprintf(sql, sizeof sql,
             "PRAGMA wal_autocheckpoint=%d; PRAGMA journal_size_limit=%d; PRAGMA cache_size=-%d; "
             "PRAGMA synchronous=NORMAL",
             WAL_PAGES, WAL_BYTES_KEPT, CACHE_KIB);
    int code = make_format(db, path, format, err);
    if (!code) code = hy__sqlite_exec(db, path, "PRAGMA journal_mode=WAL", err);
    if (!code) code = hy__sqlite_exec(db, path, sql, err);
    return code;
}

/* --- connections ------------------------------------------------------------------------------ */

/* Beside the file itself, not beside a link to it. */
static bool has_beside(const char *path, const char *suffix) {
    char name[HY_PATH_BYTES_MAX];
    char *real = realpath(path, NULL);
    int len = snprintf(name, sizeof name, "%s%s", real ? real : path, suffix);
    free(real);
    return len > 0 && (size_t)len < sizeof name && access(name, F_OK) == 0;
}

/* The path as a URI that says that the file does not change: then nothing is made beside it, and it
 * may lie where nothing can be. */
static void write_uri(hy_buf_t *uri, const char *path) {
    hy_buf_text(uri, path[0] == '/' ? "file://" : "file:");
    for (; *path; path++) {
        if (strchr("%?#", *path)) {
            hy_buf_format(uri, "%%%02x", (unsigned)*path);
        } else {
            hy_buf_char(uri, *path);
        }
    }
    hy_buf_text(uri, "?immutable=1");
    hy_buf_char(uri, '\0');
}

static int open_to_read(const char *path, sqlite3 **out) {
    const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READONLY;
    /* In use, or left by a process that was killed. */
    if (has_beside(path, "-wal") || has_beside(path, "-shm"))
        return sqlite3_open_v2(path, out, flags, NULL);
    hy_buf_t uri;
    hy_buf_init(&uri);
    write_uri(&uri, path);
    int rc =
        uri.failed ? SQLITE_NOMEM : sqlite3_open_v2(uri.bytes, out, flags | SQLITE_OPEN_URI, NULL);
    hy_buf_deinit(&uri);
    return rc;
}

static int open_to_write(const char *path, const char *vfs, sqlite3 **out) {
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE;
    /* What is stored is nobody else's to read, unless its owner says so. */
    int fd = vfs ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) close(fd);
    int rc = sqlite3_open_v2(path, out, flags | SQLITE_OPEN_CREATE, vfs);
    /* Of a file that it may not write SQLite would make the best; we would find out too late. */
    bool is_bad = rc == SQLITE_OK && sqlite3_db_readonly(*out, "main") == 1;
    return is_bad ? SQLITE_READONLY : rc;
}

static int open_file(const char *path, const char *vfs, hy_sqlite_mode_t mode, sqlite3 **out,
                     hy_error_t *err) {
    sqlite3 *db = NULL;
    int rc = mode == HY_SQLITE_READ ? open_to_read(path, &db) : open_to_write(path, vfs, &db);
    if (rc != SQLITE_OK) {
        int code = hy__sqlite_fail(db, path, rc, err);
        sqlite3_close(db);
        return code;
    }
    *out = db;
    return 0;
}

int hy__sqlite_connect(const char *path, const char *vfs, hy_sqlite_mode_t mode, sqlite3 **out,
                       hy_error_t *err) {
    sqlite3 *db = NULL;
    int64_t format = 0;
    int code = open_file(path, vfs, mode, &db, err);
    if (code) return code;
    sqlite3_busy_timeout(db, BUSY_MS);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* until it is ours */
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (vfs) code = hy__sqlite_exec(db, path, "PRAGMA locking_mode=EXCLUSIVE", err);
    if (!code) code = hy__sqlite_exec(db, path, "PRAGMA cell_size_check=ON", err);
    if (!code) code = check_format(db, path, &format, err);
    if (!code && mode == HY_SQLITE_WRITE) {
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
        code = begin_writing(db, path, format, err);
    } else if (!code && format == 0) {
        code = hy_fail(err, HY_EINVALID,
                       "%s is empty; it becomes a store once something runs with --store %s", path,
                       path);
    }
    if (code) {
        sqlite3_close(db);
        return code;
    }
    *out = db;
    return 0;
}

int hy__sqlite_open(const char *path, const char *vfs, uint64_t delay_ms, hy_engine_t **out,
                    hy_error_t *err) {
    hy_lock_t *lock = NULL;
    sqlite3 *db = NULL;
    int code = vfs ? 0 : hy__lock_take(path, &lock, err); /* a VFS of worlds has nobody else */
    if (!code) code = hy__sqlite_connect(path, vfs, HY_SQLITE_WRITE, &db, err);
    if (code) {
        hy__lock_release(lock);
        return code;
    }
    hy_engine_t *engine = NULL;
    code = hy__sqlite_new(db, lock, path, delay_ms, &engine);
    if (code) return hy_fail(err, code, "no memory for the store %s", path);
    code = hy__sqlite_load(engine, err);
    if (code) {
        engine->ops->close(engine, true);
        return code;
    }
    *out = engine;
    return 0;
}

int hy_store_open_sqlite(hy_loop_t *loop, const hy_log_t *log, const char *path, hy_store_t **out,
                         hy_error_t *err) {
    hy_engine_t *engine = NULL;
    int code = hy__sqlite_open(path, NULL, 0, &engine, err);
    if (code) return code;
    code = hy__store_open_threaded(loop, log, path, engine, out);
    return code ? hy_fail(err, code, "cannot begin to write the store %s: %s", path,
                          hy_loop_error_text(code))
                : 0;
}

int hy_store_open_sqlite_on(hy_clock_t *clock, const hy_log_t *log, const char *path,
                            const char *vfs, uint64_t delay_ms, hy_store_t **out, hy_error_t *err) {
    hy_engine_t *engine = NULL;
    int code = hy__sqlite_open(path, vfs, delay_ms, &engine, err);
    if (code) return code;
    code = hy__store_open_clocked(clock, log, path, true, engine, out);
    return code ? hy_fail(err, code, "no memory for the store %s", path) : 0;
}
