/* The engine on an SQLite connection: a commit is a row of the journal; folding brings what is in
 * it to the tables; reading lays what is not there yet over them (journal.c).
 *
 *      begin, apply …, end ─► journal ─► fold ─► operation ─► owner's number ─► statement
 *
 * Statements are prepared when first used. The number of an owner is kept in memory, else looked
 * up, else made; those that are kept are let go of when a transaction fails (they may be of rows
 * that are not there then) and when they are many. Owns the connection, the statements and the
 * lock. Not bound to a thread, but for one at a time. */
#include <assert.h>
#include <stdio.h>

#include "../base/dict.h"
#include "../base/mem.h"
#include "sqlite_private.h"

#define OWNERS_MAX    65536u
#define SQL_BYTES_MAX 256
#define WANTED_EVERY  64 /* operations, then a step looks whether it is to end */

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

typedef enum {
    BEGIN,
    COMMIT,
    JOURNAL_ADD,
    JOURNAL_REMOVE,
    JOURNAL_READ,
    OWNER_FIND,
    OWNER_ADD,
    OWNER_REMOVE,
    FIXED_COUNT
} fixed_t;
static const char *const fixed[] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [JOURNAL_ADD] = "REPLACE INTO journal(seq, ops) VALUES(?1, ?2)",
    [JOURNAL_REMOVE] = "DELETE FROM journal WHERE seq <= ?1",
    [JOURNAL_READ] = "SELECT seq, ops FROM journal ORDER BY seq",
    [OWNER_FIND] = "SELECT id FROM owners WHERE url = ?1",
    [OWNER_ADD] = "INSERT INTO owners(url) VALUES(?1)",
    [OWNER_REMOVE] = "DELETE FROM owners WHERE id = ?1",
};

typedef struct {
    hy_str_t *key; /* first, for the dictionary */
    int64_t id;
} owner_t;

typedef struct {
    hy_engine_t base; /* first */
    sqlite3 *db;
    hy_lock_t *lock;
    uint64_t delay_ms;
    hy_dict_t owners;
    hy_journal_t journal;
    bool is_sync; /* the pragma as it is */
    sqlite3_stmt *fixed[FIXED_COUNT];
    sqlite3_stmt *statements[HY_TABLE_COUNT][KIND_COUNT];
    char path[];
} sqlite_t;

/* --- statements ------------------------------------------------------------------------------- */

static int fail(sqlite_t *q, int rc, hy_error_t *err) {
    return hy__sqlite_fail(q->db, q->path, rc, err);
}

static int prepare(sqlite_t *q, const char *sql, sqlite3_stmt **slot, sqlite3_stmt **out) {
    int rc = SQLITE_OK;
    if (!*slot) rc = sqlite3_prepare_v3(q->db, sql, -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);
    *out = *slot;
    return rc;
}

static int prepare_fixed(sqlite_t *q, fixed_t which, sqlite3_stmt **out) {
    return prepare(q, fixed[which], &q->fixed[which], out);
}

static int prepare_for(sqlite_t *q, hy_table_t table, kind_t kind, sqlite3_stmt **out) {
    sqlite3_stmt **slot = &q->statements[table][kind];
    char sql[SQL_BYTES_MAX] = "";
    if (!*slot) {
        int len =
            snprintf(sql, sizeof sql, kinds[kind], hy_table_name(table), hy__sqlite_key(table));
        assert(len > 0 && (size_t)len < sizeof sql);
        (void)len;
    }
    return prepare(q, sql, slot, out);
}

/* A statement without rows, with its values bound. */
static int run(sqlite3_stmt *s, int rc) {
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(s);
        if (rc == SQLITE_DONE || rc == SQLITE_ROW) rc = SQLITE_OK;
    }
    if (s) sqlite3_reset(s);
    return rc;
}

static int run_fixed(sqlite_t *q, fixed_t which) {
    sqlite3_stmt *s = NULL;
    int rc = prepare_fixed(q, which, &s);
    return run(s, rc);
}

/* Lent until the next reset of it: all statements are reset before what they were given goes. */
static int bind_text(sqlite3_stmt *s, int at, const char *text, size_t len) {
    return sqlite3_bind_text64(s, at, text ? text : "", len, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_key(sqlite3_stmt *s, const hy_row_t *row) {
    return row->key ? bind_text(s, 2, row->key, row->key_len)
                    : sqlite3_bind_int64(s, 2, (int64_t)row->number);
}

/* --- owners ----------------------------------------------------------------------------------- */

static void forget_owners(sqlite_t *q) {
    hy_dict_deinit(&q->owners);
    hy_dict_init(&q->owners, sizeof(owner_t));
}

/* What cannot be kept for want of memory is looked up again the next time. */
static void keep_owner(sqlite_t *q, const char *url, size_t len, int64_t id) {
    if (q->owners.count >= OWNERS_MAX) forget_owners(q);
    hy_str_t *key = hy_str_new(url, len);
    owner_t *o = key ? hy_dict_put(&q->owners, key, NULL) : NULL;
    if (o) o->id = id;
    hy_str_unref(key);
}

/* `*id` 0: it is not known. */
static int find_owner(sqlite_t *q, const char *url, size_t len, int64_t *id) {
    const owner_t *o = hy_dict_find(&q->owners, url, len, hy_hash(url, len));
    *id = o ? o->id : 0;
    if (o) return SQLITE_OK;
    sqlite3_stmt *s = NULL;
    int rc = prepare_fixed(q, OWNER_FIND, &s);
    if (rc == SQLITE_OK) rc = bind_text(s, 1, url, len);
    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) *id = sqlite3_column_int64(s, 0);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) rc = SQLITE_OK;
    if (s) sqlite3_reset(s);
    if (*id) keep_owner(q, url, len, *id);
    return rc;
}

static int add_owner(sqlite_t *q, const char *url, size_t len, int64_t *id) {
    int rc = find_owner(q, url, len, id);
    if (rc != SQLITE_OK || *id) return rc;
    sqlite3_stmt *s = NULL;
    rc = prepare_fixed(q, OWNER_ADD, &s);
    if (rc == SQLITE_OK) rc = bind_text(s, 1, url, len);
    rc = run(s, rc);
    if (rc == SQLITE_OK) {
        *id = sqlite3_last_insert_rowid(q->db);
        keep_owner(q, url, len, *id);
    }
    return rc;
}

static int remove_owner(sqlite_t *q, const char *url, size_t len, int64_t id) {
    owner_t *o = hy_dict_find(&q->owners, url, len, hy_hash(url, len));
    if (o) hy_dict_remove(&q->owners, o);
    sqlite3_stmt *s = NULL;
    int rc = prepare_fixed(q, OWNER_REMOVE, &s);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 1, id);
    return run(s, rc);
}

/* --- applying --------------------------------------------------------------------------------- */

static int apply_row(sqlite_t *q, hy_table_t table, kind_t kind, int64_t owner,
                     const hy_row_t *row) {
    sqlite3_stmt *s = NULL;
    int rc = prepare_for(q, table, kind, &s);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 1, owner);
    if (rc == SQLITE_OK && kind != ALL) rc = bind_key(s, row);
    if (rc == SQLITE_OK && kind == PUT) rc = bind_text(s, 3, row->value, row->value_len);
    return run(s, rc);
}

static int remove_all(sqlite_t *q, int64_t owner, const hy_row_t *row) {
    if (row->table != HY_TABLE_COUNT) return apply_row(q, row->table, ALL, owner, row);
    int rc = SQLITE_OK;
    for (hy_table_t t = 0; t < HY_TABLE_COUNT && rc == SQLITE_OK; t++)
        rc = apply_row(q, t, ALL, owner, row);
    return rc == SQLITE_OK ? remove_owner(q, row->owner, row->owner_len, owner) : rc;
}

static int apply(sqlite_t *q, const hy_op_t *op) {
    const hy_row_t *row = &op->row;
    int64_t owner = 0;
    int rc = op->kind == HY_OP_PUT ? add_owner(q, row->owner, row->owner_len, &owner)
                                   : find_owner(q, row->owner, row->owner_len, &owner);
    if (rc != SQLITE_OK || !owner) return rc;
    switch (op->kind) {
    case HY_OP_PUT:
        return apply_row(q, row->table, PUT, owner, row);
    case HY_OP_REMOVE:
        return apply_row(q, row->table, REMOVE, owner, row);
    case HY_OP_REMOVE_UPTO:
        return apply_row(q, row->table, UPTO, owner, row);
    case HY_OP_REMOVE_ALL:
        return remove_all(q, owner, row);
    }
    return SQLITE_MISUSE;
}

/* --- commits ---------------------------------------------------------------------------------- */

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
    int rc = prepare_fixed(q, JOURNAL_ADD, &s);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 1, j->last + 1);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_blob64(s, 2, j->fresh.bytes + j->committed, j->fresh.len - j->committed,
                                 SQLITE_STATIC);
    }
    rc = run(s, rc);
    if (rc != SQLITE_OK) return fail(q, rc, err);
    hy__journal_commit(j, j->last + 1);
    return 0;
}

static void undo(sqlite_t *q) {
    if (!sqlite3_get_autocommit(q->db)) sqlite3_exec(q->db, "ROLLBACK", NULL, NULL, NULL);
    forget_owners(q);
}

static void sqlite_rollback(hy_engine_t *e) {
    sqlite_t *q = (sqlite_t *)e;
    undo(q);
    hy__journal_rollback(&q->journal);
}

/* --- folding ---------------------------------------------------------------------------------- */

/* Applies operations of the plan, and gives how many of it are then applied. */
static int apply_step(sqlite_t *q, hy_wanted_cb is_wanted, void *arg, size_t *done) {
    const hy_journal_t *j = &q->journal;
    int rc = SQLITE_OK;
    hy_op_t op;
    size_t i = j->plan_done;
    for (size_t bytes = 0; rc == SQLITE_OK && i < j->plan_count && bytes < j->step_bytes;) {
        hy__journal_op(j, i, &op);
        bytes += hy__op_size(&op);
        rc = apply(q, &op);
        if (++i % WANTED_EVERY == 0 && is_wanted && is_wanted(arg)) break;
    }
    *done = i;
    return rc;
}

static int remove_folded(sqlite_t *q) {
    sqlite3_stmt *s = NULL;
    int rc = prepare_fixed(q, JOURNAL_REMOVE, &s);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 1, q->journal.folding_last);
    return run(s, rc);
}

/* One transaction; something is in the journal. It need not be synced: until it is on the disk, the
 * journal is. */
static int fold_step(sqlite_t *q, hy_wanted_cb is_wanted, void *arg, hy_error_t *err) {
    hy_journal_t *j = &q->journal;
    if (!j->plan && hy__journal_fold(j)) return fail(q, SQLITE_NOMEM, err);
    int code = set_sync(q, false, err);
    if (code) return code;
    size_t done = 0;
    int rc = run_fixed(q, BEGIN);
    if (rc == SQLITE_OK) rc = apply_step(q, is_wanted, arg, &done);
    if (rc == SQLITE_OK && done == j->plan_count) rc = remove_folded(q);
    if (rc == SQLITE_OK) rc = run_fixed(q, COMMIT);
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
    int rc = prepare_fixed(q, JOURNAL_READ, &s), code = 0;
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

static int read_table(sqlite_t *q, hy_table_t table, const hy_str_t *owner, int64_t id,
                      hy_rows_t *rows) {
    sqlite3_stmt *s = NULL;
    int rc = prepare_for(q, table, owner ? READ : READ_ALL, &s);
    if (rc == SQLITE_OK && owner) rc = sqlite3_bind_int64(s, 1, id);
    while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW)
        rc = add_row(rows, table, owner, s);
    if (s) sqlite3_reset(s);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int sqlite_read(hy_engine_t *e, uint32_t tables, const hy_str_t *owner, hy_rows_t *rows,
                       hy_error_t *err) {
    sqlite_t *q = (sqlite_t *)e;
    int64_t id = 0;
    int rc = owner ? find_owner(q, owner->bytes, owner->len, &id) : SQLITE_OK;
    bool is_known = !owner || id;
    for (hy_table_t t = 0; is_known && t < HY_TABLE_COUNT && rc == SQLITE_OK; t++)
        if (tables & 1u << t) rc = read_table(q, t, owner, id, rows);
    if (rc == SQLITE_OK && hy__journal_overlay(&q->journal, rows, tables, owner)) rc = SQLITE_NOMEM;
    return rc == SQLITE_OK ? 0 : fail(q, rc, err);
}

static int find_in_table(sqlite_t *q, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                         hy_str_t **out, hy_error_t *err) {
    sqlite3_stmt *s = NULL;
    hy_str_t *value = NULL;
    int64_t id = 0;
    int rc = find_owner(q, owner->bytes, owner->len, &id);
    if (rc == SQLITE_OK && !id) return HY_ENOT_FOUND;
    if (rc == SQLITE_OK) rc = prepare_for(q, table, FIND, &s);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 1, id);
    if (rc == SQLITE_OK) rc = bind_text(s, 2, key->bytes, key->len);
    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    bool is_found = rc == SQLITE_ROW;
    if (is_found) {
        const char *text = hy__sqlite_text(s, 0);
        if (text) value = hy_str_new(text, (size_t)sqlite3_column_bytes(s, 0));
    }
    if (s) sqlite3_reset(s);
    if (rc == SQLITE_DONE) return HY_ENOT_FOUND;
    if (!is_found) return fail(q, rc, err);
    if (!value) return fail(q, SQLITE_NOMEM, err);
    *out = value;
    return 0;
}

static int sqlite_find(hy_engine_t *e, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                       hy_str_t **out, hy_error_t *err) {
    sqlite_t *q = (sqlite_t *)e;
    hy_row_t row;
    hy_seen_t seen = hy__journal_find(&q->journal, table, owner, key, &row);
    if (seen == HY_SEEN_NOT) return find_in_table(q, table, owner, key, out, err);
    if (seen == HY_SEEN_REMOVED) return HY_ENOT_FOUND;
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
    for (size_t t = 0; t < HY_TABLE_COUNT; t++) {
        for (size_t k = 0; k < KIND_COUNT; k++)
            sqlite3_finalize(q->statements[t][k]);
    }
    if (is_crash) sqlite3_db_config(q->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int rc = sqlite3_close(q->db);
    assert(rc == SQLITE_OK); /* else a statement is left */
    (void)rc;
    hy__lock_release(q->lock);
    hy_dict_deinit(&q->owners);
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
    if (!q) {
        sqlite3_close(db);
        hy__lock_release(lock);
        return HY_ENOMEM;
    }
    q->base = (hy_engine_t){&sqlite, &q->delay_ms};
    q->db = db;
    q->lock = lock;
    q->delay_ms = delay_ms;
    hy_dict_init(&q->owners, sizeof(owner_t));
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
