/* The tables of an SQLite file: operations are applied to them, and rows read.
 *
 *      operation ─► owner's number ─► statement
 *              └──► run (run.c) ──────┘ flush
 *
 * Runs have nothing of one another between their first row and their last, nor single rows. What is
 * put into the midst of one makes single rows of it, which is rare: of what is folded again.
 *
 * Statements are prepared when first used. The number of an owner is kept in memory, else looked
 * up, else made; those that are kept are let go of when a transaction fails (they may be of rows
 * that are not there then) and when they are many. Owns the statements, not the connection. */
#include <assert.h>
#include <stdio.h>

#include "../base/dict.h"
#include "../base/mem.h"
#include "sqlite_private.h"

#define OWNERS_MAX    65536u
#define SQL_BYTES_MAX 256
#define NOT_KNOWN     INT64_MAX

typedef enum { PUT, REMOVE, UPTO, ALL, READ, READ_ALL, FIND, TAIL, KIND_COUNT } kind_t;
static const char *const kinds[] = {
    /* %1$s: table, %2$s: its key */
    [PUT] = "REPLACE INTO %1$s(owner, %2$s, value) VALUES(?1, ?2, ?3)",
    [REMOVE] = "DELETE FROM %1$s WHERE owner = ?1 AND %2$s = ?2",
    [UPTO] = "DELETE FROM %1$s WHERE owner = ?1 AND %2$s <= ?2",
    [ALL] = "DELETE FROM %1$s WHERE owner = ?1",
    [READ] = "SELECT %2$s, value, NULL FROM %1$s WHERE owner = ?1 ORDER BY %2$s",
    [READ_ALL] = "SELECT %1$s.%2$s, value, owners.url FROM %1$s JOIN owners ON id = owner",
    [FIND] = "SELECT value FROM %1$s WHERE owner = ?1 AND %2$s = ?2",
    [TAIL] = "SELECT %2$s, value FROM %1$s WHERE owner = ?1 AND %2$s <= ?2 "
             "ORDER BY %2$s DESC LIMIT 1",
};

typedef enum { OWNER_FIND, OWNER_ADD, OWNER_REMOVE, FIXED_COUNT } fixed_t;
static const char *const fixed[] = {
    [OWNER_FIND] = "SELECT id FROM owners WHERE url = ?1",
    [OWNER_ADD] = "INSERT INTO owners(url) VALUES(?1)",
    [OWNER_REMOVE] = "DELETE FROM owners WHERE id = ?1",
};

typedef struct {
    hy_str_t *key; /* first, for the dictionary */
    int64_t id;
    int64_t tail; /* its rows in numbered tables go no further; NOT_KNOWN */
} owner_t;

struct hy_tables {
    sqlite3 *db;
    hy_dict_t owners;
    hy_run_t run;   /* that waits */
    hy_buf_t aside; /* rows of one that is taken apart */
    size_t run_rows_min;
    sqlite3_stmt *fixed[FIXED_COUNT];
    sqlite3_stmt *statements[HY_TABLE_COUNT][KIND_COUNT];
};

/* --- statements ------------------------------------------------------------------------------- */

static int prepare_fixed(hy_tables_t *t, fixed_t which, sqlite3_stmt **out) {
    return hy__statement_prepare(t->db, fixed[which], &t->fixed[which], out);
}

static int prepare_for(hy_tables_t *t, hy_table_t table, kind_t kind, sqlite3_stmt **out) {
    sqlite3_stmt **slot = &t->statements[table][kind];
    char sql[SQL_BYTES_MAX] = "";
    if (!*slot) {
        int len =
            snprintf(sql, sizeof sql, kinds[kind], hy_table_name(table), hy__sqlite_key(table));
        assert(len > 0 && (size_t)len < sizeof sql);
        (void)len;
    }
    return hy__statement_prepare(t->db, sql, slot, out);
}

static int bind_key(sqlite3_stmt *s, const hy_row_t *row) {
    return row->key ? hy__statement_bind(s, 2, row->key, row->key_len)
                    : sqlite3_bind_int64(s, 2, (int64_t)row->number);
}

/* --- owners ----------------------------------------------------------------------------------- */

static void forget_owners(hy_tables_t *t) {
    hy_dict_deinit(&t->owners);
    hy_dict_init(&t->owners, sizeof(owner_t));
}

/* What cannot be kept for want of memory is looked up again the next time. */
static void keep_owner(hy_tables_t *t, const char *url, size_t len, int64_t id) {
    if (t->owners.count >= OWNERS_MAX) forget_owners(t);
    hy_str_t *key = hy_str_new(url, len);
    owner_t *o = key ? hy_dict_put(&t->owners, key, NULL) : NULL;
    if (o) {
        o->id = id;
        o->tail = NOT_KNOWN;
    }
    hy_str_unref(key);
}

/* `*id` 0: it is not known. */
static int find_owner(hy_tables_t *t, const char *url, size_t len, int64_t *id) {
    const owner_t *o = hy_dict_find(&t->owners, url, len, hy_hash(url, len));
    *id = o ? o->id : 0;
    if (o) return SQLITE_OK;
    sqlite3_stmt *s = NULL;
    int rc = prepare_fixed(t, OWNER_FIND, &s);
    if (rc == SQLITE_OK) rc = hy__statement_bind(s, 1, url, len);
    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) *id = sqlite3_column_int64(s, 0);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) rc = SQLITE_OK;
    if (s) sqlite3_reset(s);
    if (*id) keep_owner(t, url, len, *id);
    return rc;
}

static int add_owner(hy_tables_t *t, const char *url, size_t len, int64_t *id) {
    int rc = find_owner(t, url, len, id);
    if (rc != SQLITE_OK || *id) return rc;
    sqlite3_stmt *s = NULL;
    rc = prepare_fixed(t, OWNER_ADD, &s);
    if (rc == SQLITE_OK) rc = hy__statement_bind(s, 1, url, len);
    rc = hy__statement_run(s, rc);
    if (rc == SQLITE_OK) {
        *id = sqlite3_last_insert_rowid(t->db);
        keep_owner(t, url, len, *id);
    }
    return rc;
}

static int remove_owner(hy_tables_t *t, const char *url, size_t len, int64_t id) {
    owner_t *o = hy_dict_find(&t->owners, url, len, hy_hash(url, len));
    if (o) hy_dict_remove(&t->owners, o);
    sqlite3_stmt *s = NULL;
    int rc = prepare_fixed(t, OWNER_REMOVE, &s);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 1, id);
    return hy__statement_run(s, rc);
}

/* --- rows ------------------------------------------------------------------------------------- */

static int apply_row(hy_tables_t *t, hy_table_t table, kind_t kind, int64_t owner,
                     const hy_row_t *row) {
    sqlite3_stmt *s = NULL;
    int rc = prepare_for(t, table, kind, &s);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 1, owner);
    if (rc == SQLITE_OK && kind != ALL) rc = bind_key(s, row);
    if (rc == SQLITE_OK && kind == PUT) rc = hy__statement_bind(s, 3, row->value, row->value_len);
    return hy__statement_run(s, rc);
}

static int remove_all(hy_tables_t *t, int64_t owner, const hy_row_t *row) {
    if (row->table != HY_TABLE_COUNT) return apply_row(t, row->table, ALL, owner, row);
    int rc = SQLITE_OK;
    for (hy_table_t i = 0; i < HY_TABLE_COUNT && rc == SQLITE_OK; i++)
        rc = apply_row(t, i, ALL, owner, row);
    return rc == SQLITE_OK ? remove_owner(t, row->owner, row->owner_len, owner) : rc;
}

/* --- runs ------------------------------------------------------------------------------------- */

static int put_rows(hy_tables_t *t, hy_table_t table, int64_t owner, const hy_buf_t *rows) {
    int rc = SQLITE_OK;
    hy_op_t op;
    for (size_t pos = 0; rc == SQLITE_OK && hy__op_next(rows, &pos, &op);)
        rc = apply_row(t, table, PUT, owner, &op.row);
    return rc;
}

/* Where nothing else is between its first row and its last. */
static int put_run(hy_tables_t *t, int64_t owner, const hy_run_t *run) {
    if (run->count < t->run_rows_min) return put_rows(t, run->table, owner, &run->bytes);
    sqlite3_stmt *s = NULL;
    int rc = prepare_for(t, run->table, PUT, &s);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 1, owner);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 2, (int64_t)run->first);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_blob64(s, 3, run->bytes.bytes, run->bytes.len, SQLITE_STATIC);
    return hy__statement_run(s, rc);
}

/* The last row of the file up to that number: SQLITE_ROW, and its rows `aside` if it is a run, else
 * a run of none; SQLITE_DONE: there is none. */
static int find_tail(hy_tables_t *t, hy_table_t table, int64_t owner, int64_t upto, hy_run_t *out) {
    sqlite3_stmt *s = NULL;
    int rc = prepare_for(t, table, TAIL, &s);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 1, owner);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 2, upto);
    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        int64_t number = sqlite3_column_int64(s, 0);
        *out = (hy_run_t){.table = table, .first = (uint64_t)number, .last = (uint64_t)number};
        if (sqlite3_column_type(s, 1) == SQLITE_BLOB) {
            const char *bytes = sqlite3_column_blob(s, 1);
            size_t len = (size_t)sqlite3_column_bytes(s, 1);
            t->aside.len = 0;
            if (!hy_buf_reserve(&t->aside, len)) {
                t->aside.failed = false;
                rc = SQLITE_NOMEM;
            } else if (hy__run_read(table, number, bytes, len, out)) {
                hy_buf_add(&t->aside, bytes, len);
                out->bytes = t->aside;
            }
        }
    }
    if (s) sqlite3_reset(s);
    return rc;
}

/* Makes single rows of all runs that have something between these numbers; tells whether anything
 * was there. */
static int loosen(hy_tables_t *t, int64_t owner, const hy_run_t *run, bool *is_there) {
    *is_there = false;
    hy_run_t tail;
    int64_t upto = (int64_t)run->last, first = (int64_t)run->first;
    for (int rc;; upto = (int64_t)tail.first - 1) {
        rc = find_tail(t, run->table, owner, upto, &tail);
        if (rc == SQLITE_DONE || (rc == SQLITE_ROW && (int64_t)tail.last < first)) return SQLITE_OK;
        if (rc != SQLITE_ROW) return rc;
        *is_there = true;
        const hy_row_t head = {.table = run->table, .number = tail.first};
        rc = tail.count ? apply_row(t, run->table, REMOVE, owner, &head) : SQLITE_OK;
        if (rc == SQLITE_OK && tail.count) rc = put_rows(t, run->table, owner, &tail.bytes);
        if (rc != SQLITE_OK || (int64_t)tail.first <= first) return rc;
    }
}

/* The rows of a run that begins in the range and goes on behind it are kept. */
static int remove_upto(hy_tables_t *t, int64_t owner, const hy_row_t *row) {
    hy_run_t tail, rest = {.table = row->table};
    int rc = find_tail(t, row->table, owner, (int64_t)row->number, &tail);
    if (rc == SQLITE_DONE) return SQLITE_OK;
    if (rc != SQLITE_ROW) return rc;
    rc = apply_row(t, row->table, UPTO, owner, row);
    if (rc != SQLITE_OK || !tail.count || tail.last <= row->number) return rc;
    hy_op_t op = {0};
    size_t pos = 0, at = 0;
    while (hy__op_next(&tail.bytes, &pos, &op) && op.row.number <= row->number) {
        at = pos;
        tail.count--;
    }
    rest.bytes = (hy_buf_t){.bytes = tail.bytes.bytes + at, .len = tail.bytes.len - at};
    rest.first = op.row.number;
    rest.count = tail.count;
    return put_run(t, owner, &rest);
}

/* Its last number in numbered tables, -1 if it has none. */
static int read_tail(hy_tables_t *t, int64_t owner, int64_t *out) {
    int rc = SQLITE_DONE;
    hy_run_t tail;
    *out = -1;
    for (hy_table_t i = 0; i < HY_TABLE_COUNT; i++) {
        if (!hy_table_is_numbered(i)) continue;
        rc = find_tail(t, i, owner, INT64_MAX, &tail);
        if (rc == SQLITE_ROW && (int64_t)tail.last > *out) *out = (int64_t)tail.last;
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) return rc;
    }
    return SQLITE_OK;
}

/* Behind all that is there, in most cases, which then need not be looked for. */
static int write_run(hy_tables_t *t, int64_t owner, const hy_run_t *run) {
    owner_t *o =
        hy_dict_find(&t->owners, run->owner, run->owner_len, hy_hash(run->owner, run->owner_len));
    bool is_there = false;
    int rc = SQLITE_OK;
    if (o && o->tail == NOT_KNOWN) rc = read_tail(t, owner, &o->tail);
    if (rc == SQLITE_OK && (!o || o->tail >= (int64_t)run->first))
        rc = loosen(t, owner, run, &is_there);
    if (rc != SQLITE_OK) return rc;
    if (o && o->tail < (int64_t)run->last) o->tail = (int64_t)run->last;
    return is_there ? put_rows(t, run->table, owner, &run->bytes) : put_run(t, owner, run);
}

int hy__tables_flush(hy_tables_t *t) {
    hy_run_t *run = &t->run;
    int64_t owner = 0;
    if (run->count == 0) return SQLITE_OK;
    int rc = add_owner(t, run->owner, run->owner_len, &owner);
    if (rc == SQLITE_OK) rc = write_run(t, owner, run);
    hy__run_clear(run);
    return rc;
}

/* --- applying --------------------------------------------------------------------------------- */

static bool is_gathered(const hy_op_t *op) {
    return op->kind == HY_OP_PUT && hy_table_is_numbered(op->row.table);
}

bool hy__tables_would_flush(const hy_tables_t *t, const hy_op_t *op) {
    const hy_run_t *run = &t->run;
    if (run->count == 0 || hy__run_goes_on(run, op)) return false;
    return op->row.table == run->table || op->row.table == HY_TABLE_COUNT || is_gathered(op);
}

bool hy__tables_is_gathering(const hy_tables_t *t) {
    return t->run.count > 0;
}

static int apply_to(hy_tables_t *t, int64_t owner, const hy_op_t *op) {
    switch (op->kind) {
    case HY_OP_PUT:
        return apply_row(t, op->row.table, PUT, owner, &op->row);
    case HY_OP_REMOVE:
        return apply_row(t, op->row.table, REMOVE, owner, &op->row);
    case HY_OP_REMOVE_UPTO:
        return remove_upto(t, owner, &op->row);
    case HY_OP_REMOVE_ALL:
        return remove_all(t, owner, &op->row);
    }
    return SQLITE_MISUSE;
}

int hy__tables_apply(hy_tables_t *t, const hy_op_t *op) {
    const hy_row_t *row = &op->row;
    int64_t owner = 0;
    int rc = hy__tables_would_flush(t, op) ? hy__tables_flush(t) : SQLITE_OK;
    if (rc != SQLITE_OK) return rc;
    if (is_gathered(op)) return hy__run_add(&t->run, op) ? SQLITE_NOMEM : SQLITE_OK;
    rc = op->kind == HY_OP_PUT ? add_owner(t, row->owner, row->owner_len, &owner)
                               : find_owner(t, row->owner, row->owner_len, &owner);
    return rc == SQLITE_OK && owner ? apply_to(t, owner, op) : rc;
}

void hy__tables_forget(hy_tables_t *t) {
    hy__run_clear(&t->run);
    forget_owners(t);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int add_run(hy_rows_t *rows, const hy_run_t *run, const hy_row_t *of) {
    hy_op_t op;
    for (size_t pos = 0; hy__op_next(&run->bytes, &pos, &op);) {
        op.row.owner = of->owner;
        op.row.owner_len = of->owner_len;
        if (hy__op_add(&rows->bytes, &op)) return SQLITE_NOMEM;
    }
    return SQLITE_OK;
}

static int add_row(hy_rows_t *rows, hy_table_t table, const hy_str_t *owner, sqlite3_stmt *s) {
    bool is_blob = sqlite3_column_type(s, 1) == SQLITE_BLOB;
    hy_run_t run;
    hy_op_t op = {.kind = HY_OP_PUT, .row = {.table = table}};
    hy_row_t *r = &op.row;
    if (hy_table_is_numbered(table)) {
        r->number = (uint64_t)sqlite3_column_int64(s, 0);
    } else {
        r->key = hy__sqlite_text(s, 0);
        r->key_len = (size_t)sqlite3_column_bytes(s, 0);
        if (!r->key) return SQLITE_NOMEM;
    }
    r->value = hy__sqlite_text(s, 1);
    r->value_len = (size_t)sqlite3_column_bytes(s, 1);
    r->owner = owner ? owner->bytes : hy__sqlite_text(s, 2);
    r->owner_len = owner ? owner->len : (size_t)sqlite3_column_bytes(s, 2);
    if (!r->value || !r->owner) return SQLITE_NOMEM;
    if (is_blob && hy__run_read(table, (int64_t)r->number, r->value, r->value_len, &run))
        return add_run(rows, &run, r);
    return hy__op_add(&rows->bytes, &op) ? SQLITE_NOMEM : SQLITE_OK;
}

static int read_table(hy_tables_t *t, hy_table_t table, const hy_str_t *owner, int64_t id,
                      hy_rows_t *rows) {
    sqlite3_stmt *s = NULL;
    int rc = prepare_for(t, table, owner ? READ : READ_ALL, &s);
    if (rc == SQLITE_OK && owner) rc = sqlite3_bind_int64(s, 1, id);
    while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW)
        rc = add_row(rows, table, owner, s);
    if (s) sqlite3_reset(s);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int hy__tables_read(hy_tables_t *t, uint32_t tables, const hy_str_t *owner, hy_rows_t *rows) {
    int64_t id = 0;
    int rc = owner ? find_owner(t, owner->bytes, owner->len, &id) : SQLITE_OK;
    bool is_known = !owner || id;
    for (hy_table_t i = 0; is_known && i < HY_TABLE_COUNT && rc == SQLITE_OK; i++)
        if (tables & 1u << i) rc = read_table(t, i, owner, id, rows);
    return rc;
}

int hy__tables_find(hy_tables_t *t, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                    hy_str_t **out) {
    sqlite3_stmt *s = NULL;
    hy_str_t *value = NULL;
    int64_t id = 0;
    int rc = find_owner(t, owner->bytes, owner->len, &id);
    if (rc == SQLITE_OK && !id) return SQLITE_DONE;
    if (rc == SQLITE_OK) rc = prepare_for(t, table, FIND, &s);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 1, id);
    if (rc == SQLITE_OK) rc = hy__statement_bind(s, 2, key->bytes, key->len);
    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        const char *text = hy__sqlite_text(s, 0);
        if (text) value = hy_str_new(text, (size_t)sqlite3_column_bytes(s, 0));
        rc = value ? SQLITE_OK : SQLITE_NOMEM;
    }
    if (s) sqlite3_reset(s);
    if (rc == SQLITE_OK) *out = value;
    return rc;
}

/* --- life ------------------------------------------------------------------------------------- */

hy_tables_t *hy__tables_new(sqlite3 *db) {
    hy_tables_t *t = hy_alloc_zero(sizeof *t);
    if (!t) return NULL;
    t->db = db;
    t->run_rows_min = HY_STORE_RUN_ROWS_MIN;
    hy_dict_init(&t->owners, sizeof(owner_t));
    return t;
}

void hy__tables_free(hy_tables_t *t) {
    for (size_t i = 0; i < FIXED_COUNT; i++)
        sqlite3_finalize(t->fixed[i]);
    for (size_t i = 0; i < HY_TABLE_COUNT; i++) {
        for (size_t k = 0; k < KIND_COUNT; k++)
            sqlite3_finalize(t->statements[i][k]);
    }
    hy_buf_deinit(&t->run.bytes);
    hy_buf_deinit(&t->aside);
    hy_dict_deinit(&t->owners);
    hy_free(t);
}

void hy__tables_set_run(hy_tables_t *t, size_t rows_min) {
    t->run_rows_min = rows_min;
}
