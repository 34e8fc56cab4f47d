/* The tables of an SQLite file: operations are applied to them, and rows read.
 *
 *      operation ─► owner's number ─► statement
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

typedef enum { PUT, REMOVE, UPTO, ALL, READ, READ_ALL, FIND, KIND_COUNT } kind_t;
static const char *const kinds[] = {
    /* %1$s: table, %2$s: its key */
    [PUT] = "REPLACE INTO %1$s(owner, %2$s, value) VALUES(?1, ?2, ?3)",
    [REMOVE] = "DELETE FROM %1$s WHERE owner = ?1 AND %2$s = ?2",
    [UPTO] = "DELETE FROM %1$s WHERE owner = ?1 AND %2$s <= ?2",
    [ALL] = "DELETE FROM %1$s WHERE owner = ?1",
    [READ] = "SELECT %2$s, value, NULL FROM %1$s WHERE owner = ?1 ORDER BY %2$s",
    [READ_ALL] = "SELECT %1$s.%2$s, value, owners.url FROM %1$s JOIN owners ON id = owner",
    [FIND] = "SELECT value FROM %1$s WHERE owner = ?1 AND %2$s = ?2",
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
} owner_t;

struct hy_tables {
    sqlite3 *db;
    hy_dict_t owners;
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

void hy__tables_forget(hy_tables_t *t) {
    hy_dict_deinit(&t->owners);
    hy_dict_init(&t->owners, sizeof(owner_t));
}

/* What cannot be kept for want of memory is looked up again the next time. */
static void keep_owner(hy_tables_t *t, const char *url, size_t len, int64_t id) {
    if (t->owners.count >= OWNERS_MAX) hy__tables_forget(t);
    hy_str_t *key = hy_str_new(url, len);
    owner_t *o = key ? hy_dict_put(&t->owners, key, NULL) : NULL;
    if (o) o->id = id;
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

/* --- applying --------------------------------------------------------------------------------- */

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

int hy__tables_apply(hy_tables_t *t, const hy_op_t *op) {
    const hy_row_t *row = &op->row;
    int64_t owner = 0;
    int rc = op->kind == HY_OP_PUT ? add_owner(t, row->owner, row->owner_len, &owner)
                                   : find_owner(t, row->owner, row->owner_len, &owner);
    if (rc != SQLITE_OK || !owner) return rc;
    switch (op->kind) {
    case HY_OP_PUT:
        return apply_row(t, row->table, PUT, owner, row);
    case HY_OP_REMOVE:
        return apply_row(t, row->table, REMOVE, owner, row);
    case HY_OP_REMOVE_UPTO:
        return apply_row(t, row->table, UPTO, owner, row);
    case HY_OP_REMOVE_ALL:
        return remove_all(t, owner, row);
    }
    return SQLITE_MISUSE;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int add_row(hy_rows_t *rows, hy_table_t table, const hy_str_t *owner, sqlite3_stmt *s) {
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
    hy_dict_deinit(&t->owners);
    hy_free(t);
}
