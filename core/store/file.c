/* What `hyperty store` does with a file: reading it as it is, checking it, giving back unused room.
 *
 * Reading and checking use a connection that may not write, and see one moment of a file in use.
 * Compacting is writing: it needs the lock. */
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "../base/dict.h"
#include "../base/json.h"
#include "../base/mem.h"
#include "../bus/address.h"
#include "sqlite_private.h"

#define SQL_BYTES_MAX  256
#define DAMAGES_MAX    1000 /* that SQLite is asked to list */
#define TEXT_BYTES_MAX 1024

struct hy_store_file {
    hy_engine_t *engine;
    sqlite3 *db; /* the engine's */
    char path[];
};

int hy_store_file_open(const char *path, hy_store_file_t **out, hy_error_t *err) {
    size_t len = strlen(path);
    sqlite3 *db = NULL;
    hy_engine_t *engine = NULL;
    int code = hy__sqlite_connect(path, NULL, HY_SQLITE_READ, &db, err);
    if (code) return code;
    hy_store_file_t *f = NULL;
    code = hy__sqlite_new(db, NULL, path, 0, &engine);
    if (!code && !(f = hy_alloc(sizeof *f + len + 1))) {
        engine->ops->close(engine, true);
        code = HY_ENOMEM;
    }
    if (code) return hy_fail(err, code, "no memory for the store %s", path);
    f->engine = engine;
    f->db = db;
    memcpy(f->path, path, len + 1);
    *out = f;
    return 0;
}

void hy_store_file_close(hy_store_file_t *f) {
    if (!f) return;
    f->engine->ops->close(f->engine, true);
    hy_free(f);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* One moment of the file, with the journal as it is then. */
static int begin_reading(hy_store_file_t *f, hy_error_t *err) {
    int code = hy__sqlite_exec(f->db, f->path, "BEGIN", err);
    return code ? code : hy__sqlite_load(f->engine, err);
}

/* A rollback lets go of the numbers of owners too, which others may change. */
static void end_reading(hy_store_file_t *f) {
    f->engine->ops->rollback(f->engine);
}

int hy_store_file_read(hy_store_file_t *f, uint32_t tables, const hy_str_t *owner, hy_rows_t **out,
                       hy_error_t *err) {
    hy_rows_t *rows = hy_alloc_zero(sizeof *rows);
    if (!rows) return hy_fail(err, HY_ENOMEM, "no memory for the store %s", f->path);
    int code = begin_reading(f, err);
    if (!code) code = f->engine->ops->read(f->engine, tables, owner, rows, err);
    end_reading(f);
    if (!code && (code = hy__rows_sort(rows)))
        hy_fail(err, code, "no memory for the rows of the store %s", f->path);
    if (code) {
        hy_rows_free(rows);
        return code;
    }
    *out = rows;
    return 0;
}

void hy_rows_free(hy_rows_t *rows) {
    if (!rows) return;
    hy__rows_deinit(rows);
    hy_free(rows);
}

/* --- checking --------------------------------------------------------------------------------- */

typedef struct {
    hy_store_file_t *file;
    void (*told)(void *arg, const char *text);
    void *arg;
    int count;
    hy_dict_t journaled; /* owners with operations in the journal: checked with them, apart */
    hy_str_t *owner;     /* of the changes under check; NULL: none yet */
    int64_t first, last; /* of them */
} check_t;

typedef struct {
    hy_str_t *key; /* URL */
} journaled_t;

static void tell(check_t *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(check_t *c, const char *format, ...) {
    char text[TEXT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->count++;
    c->told(c->arg, text);
}

/* Of some lines, the first of which only names the part of the file that is meant. */
static void tell_lines(check_t *c, const char *text) {
    while (*text) {
        int len = (int)strcspn(text, "\n");
        if (len > 0 && strncmp(text, "***", 3) != 0) tell(c, "%.*s", len, text);
        text += len + (text[len] == '\n');
    }
}

/* What SQLite says of pages and indices. */
static int check_pages(check_t *c, hy_error_t *err) {
    char sql[SQL_BYTES_MAX];
    snprintf(sql, sizeof sql, "PRAGMA integrity_check(%d)", DAMAGES_MAX);
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(c->file->db, sql, -1, &s, NULL);
    int code = rc == SQLITE_OK ? 0 : hy__sqlite_fail(c->file->db, c->file->path, rc, err);
    while (!code && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(s, 0);
        if (text && strcmp(text, "ok") != 0) tell_lines(c, text);
    }
    if (!code && rc != SQLITE_DONE) tell(c, "%s", sqlite3_errmsg(c->file->db));
    sqlite3_finalize(s);
    return code;
}

static bool is_json(const char *text, size_t len) {
    hy_json_scan_t scan;
    hy_json_token_t token;
    hy_json_scan_init(&scan, text, len, HY_JSON_DEPTH_MAX);
    while (hy_json_scan_next(&scan, &token, NULL) == 0) {
        if (token.kind == HY_JSON_END) return true;
    }
    return false;
}

/* The integer under that key of an object; false if there is none. */
static bool find_integer(const hy_str_t *text, const char *key, int64_t *out) {
    hy_json_scan_t scan;
    hy_json_token_t token;
    hy_json_scan_init(&scan, text->bytes, text->len, HY_JSON_DEPTH_MAX);
    if (hy_json_scan_next(&scan, &token, NULL) || token.kind != HY_JSON_OBJECT) return false;
    while (hy_json_scan_next(&scan, &token, NULL) == 0 && token.kind == HY_JSON_KEY) {
        const char *found = text->bytes + token.at;
        bool is_it = token.len == strlen(key) && memcmp(found, key, token.len) == 0;
        if (hy_json_scan_next(&scan, &token, NULL)) return false;
        if (is_it && token.kind == HY_JSON_INT) {
            *out = token.i;
            return true;
        }
        if (hy_json_scan_skip(&scan, &token, &token, NULL)) return false;
    }
    return false;
}

/* An object is its state and all changes after that. */
static void end_changes(check_t *c) {
    if (!c->owner) return;
    const hy_engine_ops_t *ops = c->file->engine->ops;
    hy_str_t *part = hy_str_new("", 0), *state = NULL;
    int64_t version = 0;
    int code = part ? ops->find(c->file->engine, HY_TABLE_STATES, c->owner, part, &state, NULL)
                    : HY_ENOMEM;
    if (code == HY_ENOT_FOUND) {
        tell(c, "changes of %s: there is no state that they go on from", c->owner->bytes);
    } else if (!code && find_integer(state, "version", &version) && c->last > version &&
               c->first > version + 1) {
        tell(c, "changes of %s: from %lld to %lld there are none after its state", c->owner->bytes,
             (long long)version + 1, (long long)c->first - 1);
    }
    hy_str_unref(part);
    hy_str_unref(state);
    hy_str_unref(c->owner);
    c->owner = NULL;
}

static int check_change(check_t *c, const char *url, int64_t version) {
    if (c->owner && strcmp(c->owner->bytes, url) == 0) {
        if (version != c->last + 1) {
            tell(c, "changes of %s: from %lld to %lld there are none", url, (long long)c->last + 1,
                 (long long)version - 1);
        }
        c->last = version;
        return SQLITE_OK;
    }
    end_changes(c);
    c->owner = hy_str_from(url);
    c->first = c->last = version;
    return c->owner ? SQLITE_OK : SQLITE_NOMEM;
}

/* A runtime's and a hyperty's row is an address: without it nobody can be what it was. */
static bool is_addressed(const char *text, size_t len) {
    hy_value_t v = hy_absent();
    hy_address_t parts;
    hy_json_read(text, len, HY_JSON_DEPTH_MAX, &v, NULL);
    const hy_str_t *url = v.kind == HY_OBJECT ? hy_get_str(v.as.n, "url") : NULL;
    bool is_good = url && hy_address_parse(url->bytes, url->len, &parts, NULL) == 0;
    hy_value_drop(v);
    return is_good;
}

static bool is_object(const char *text, size_t len) {
    hy_json_scan_t scan;
    hy_json_token_t token;
    hy_json_scan_init(&scan, text, len, HY_JSON_DEPTH_MAX);
    return hy_json_scan_next(&scan, &token, NULL) == 0 && token.kind == HY_JSON_OBJECT;
}

static void check_value(check_t *c, hy_table_t table, const char *url, const char *key,
                        const char *value, size_t len) {
    bool has_address = table == HY_TABLE_RUNTIMES || table == HY_TABLE_HYPERTIES;
    const char *fault = NULL;
    if (!is_json(value, len))
        fault = "its value is no JSON";
    else if (!is_object(value, len))
        fault = "its value is no object";
    else if (has_address && !is_addressed(value, len))
        fault = "its value has no address (\"url\")";
    if (fault) tell(c, "%s %s %s: %s", hy_table_name(table), url, key, fault);
}

/* The rows of a run; in another table, and if it makes no sense, it is one row as any other. */
static int check_run(check_t *c, const hy_run_t *run, const char *url) {
    int rc = SQLITE_OK;
    hy_op_t op;
    for (size_t pos = 0; rc == SQLITE_OK && hy__op_next(&run->bytes, &pos, &op);) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)op.row.number);
        check_value(c, run->table, url, number, op.row.value, op.row.value_len);
        rc = check_change(c, url, (int64_t)op.row.number);
    }
    return rc;
}

static int check_row(check_t *c, hy_table_t table, sqlite3_stmt *s) {
    bool is_blob = sqlite3_column_type(s, 1) == SQLITE_BLOB;
    const char *key = hy__sqlite_text(s, 0);
    const char *value = hy__sqlite_text(s, 1);
    size_t len = (size_t)sqlite3_column_bytes(s, 1);
    const char *url = (const char *)sqlite3_column_text(s, 2);
    hy_run_t run;
    if (!key || !value) return SQLITE_NOMEM;
    if (!url) tell(c, "%s %s: it belongs to nobody", hy_table_name(table), key);
    if (url && hy_dict_find(&c->journaled, url, strlen(url), hy_hash(url, strlen(url))))
        return SQLITE_OK;
    if (url && is_blob && hy__run_read(table, sqlite3_column_int64(s, 0), value, len, &run))
        return check_run(c, &run, url);
    check_value(c, table, url ? url : "?", key, value, len);
    if (table != HY_TABLE_CHANGES || !url) return SQLITE_OK;
    return check_change(c, url, sqlite3_column_int64(s, 0));
}

/* A table that cannot be read to its end is told too, and the next one looked at. */
static int check_table(check_t *c, hy_table_t table, hy_error_t *err) {
    char sql[SQL_BYTES_MAX];
    const char *name = hy_table_name(table), *key = hy__sqlite_key(table);
    snprintf(sql, sizeof sql,
             "SELECT %s.%s, value, owners.url FROM %s LEFT JOIN owners ON id = owner ORDER BY "
             "owner, %s.%s",
             name, key, name, name, key);
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(c->file->db, sql, -1, &s, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW)
        rc = check_row(c, table, s);
    int code = 0;
    if ((rc & 0xff) == SQLITE_NOMEM) {
        code = hy__sqlite_fail(c->file->db, c->file->path, SQLITE_NOMEM, err);
    } else if (rc != SQLITE_DONE) {
        tell(c, "%s: %s", name, sqlite3_errmsg(c->file->db));
    }
    sqlite3_finalize(s);
    if (table == HY_TABLE_CHANGES) end_changes(c);
    return code;
}

/* --- checking the journal --------------------------------------------------------------------- */

static int note_owners(check_t *c, const hy_buf_t *ops) {
    hy_op_t op;
    for (size_t pos = 0; hy__op_next(ops, &pos, &op);) {
        hy_str_t *url = hy_str_new(op.row.owner, op.row.owner_len);
        bool is_noted = url && hy_dict_put(&c->journaled, url, NULL);
        hy_str_unref(url);
        if (!is_noted) return HY_ENOMEM;
    }
    return 0;
}

/* A journal that makes no sense is told, and tables are then looked at without it. */
static int check_journal(check_t *c, hy_error_t *err) {
    hy_error_t why;
    int code = hy__sqlite_load(c->file->engine, &why);
    if (code == HY_EINTERNAL) {
        tell(c, "journal: %s", why.text);
        return 0;
    }
    if (!code) code = note_owners(c, &hy__sqlite_journal(c->file->engine)->fresh);
    return code ? hy_fail(err, code, "no memory for the store %s", c->file->path) : 0;
}

static int check_rows_of(check_t *c, const hy_str_t *url, hy_error_t *err) {
    hy_rows_t rows = {0};
    hy_row_t row;
    int code = c->file->engine->ops->read(c->file->engine, UINT32_MAX, url, &rows, err);
    for (size_t pos = 0; !code && hy_rows_next(&rows, &pos, &row);) {
        char number[24] = "";
        if (!row.key) snprintf(number, sizeof number, "%lld", (long long)row.number);
        check_value(c, row.table, url->bytes, row.key ? row.key : number, row.value, row.value_len);
        if (!row.key && check_change(c, url->bytes, (int64_t)row.number))
            code = hy_fail(err, HY_ENOMEM, "no memory for the store %s", c->file->path);
    }
    end_changes(c);
    hy__rows_deinit(&rows);
    if (code != HY_EINTERNAL) return code;
    tell(c, "rows of %s: %s", url->bytes, err ? err->text : "they cannot be read");
    return 0;
}

int hy_store_file_check(hy_store_file_t *f, void (*told)(void *arg, const char *text), void *arg,
                        hy_error_t *err) {
    check_t c = {.file = f, .told = told, .arg = arg};
    hy_dict_init(&c.journaled, sizeof(journaled_t));
    int code = hy__sqlite_exec(f->db, f->path, "BEGIN", err);
    if (!code) code = check_pages(&c, err);
    if (!code) code = check_journal(&c, err);
    for (hy_table_t t = 0; t < HY_TABLE_COUNT && !code; t++)
        code = check_table(&c, t, err);
    const journaled_t *j;
    for (uint32_t pos = 0; !code && (j = hy_dict_next(&c.journaled, &pos));)
        code = check_rows_of(&c, j->key, err);
    end_reading(f);
    hy_dict_deinit(&c.journaled);
    return code ? code : c.count;
}

/* --- compacting ------------------------------------------------------------------------------- */

static uint64_t file_bytes(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Owners of nothing any more. */
static int remove_owners(sqlite3 *db, const char *path, hy_error_t *err) {
    hy_buf_t sql;
    hy_buf_init(&sql);
    hy_buf_text(&sql, "DELETE FROM owners WHERE id NOT IN (");
    for (hy_table_t t = 0; t < HY_TABLE_COUNT; t++)
        hy_buf_format(&sql, "%sSELECT owner FROM %s", t ? " UNION " : "", hy_table_name(t));
    hy_buf_text(&sql, ")");
    hy_buf_char(&sql, '\0');
    int code = sql.failed ? hy_fail(err, HY_ENOMEM, "no memory for the store %s", path)
                          : hy__sqlite_exec(db, path, sql.bytes, err);
    hy_buf_deinit(&sql);
    return code;
}

int hy_store_file_compact(const char *path, uint64_t *before, uint64_t *after, hy_error_t *err) {
    uint64_t bytes = file_bytes(path);
    if (bytes == 0) return hy__sqlite_fail_missing(path, err);
    hy_lock_t *lock = NULL;
    sqlite3 *db = NULL;
    int code = hy__lock_take(path, &lock, err);
    if (code) return code;
    code = hy__sqlite_connect(path, NULL, HY_SQLITE_WRITE, &db, err);
    if (!code) code = remove_owners(db, path, err);
    if (!code) code = hy__sqlite_exec(db, path, "PRAGMA wal_checkpoint(TRUNCATE)", err);
    if (!code) bytes = file_bytes(path);
    if (!code) code = hy__sqlite_exec(db, path, "VACUUM", err);
    sqlite3_close(db); /* brings the WAL home */
    hy__lock_release(lock);
    if (code) return code;
    *before = bytes;
    *after = file_bytes(path);
    return 0;
}
