/* Inside of the store: what passes between the front (store.c), those who bring batches to a place
 * (drivers: clocked.c, writer.c) and the places themselves (engines: memory.c, sqlite.c).
 *
 *      store.c ─ batch, read ─► driver ─ begin, apply, end, read ─► engine
 *              ◄─ done ────────         (on the clock, or in a thread)
 *
 * An operation and a row have one encoding: a head, then owner, key and value, each with a 0 behind
 * it. A batch is a buffer of them, and so is the answer to a read. */
#ifndef HY_STORE_BACKEND_H
#define HY_STORE_BACKEND_H

#include "../base/buf.h"
#include "../base/list.h"
#include "store.h"

/* --- operations and rows ---------------------------------------------------------------------- */

typedef enum { HY_OP_PUT, HY_OP_REMOVE, HY_OP_REMOVE_UPTO, HY_OP_REMOVE_ALL } hy_op_kind_t;

typedef struct {
    hy_op_kind_t kind;
    hy_row_t row; /* REMOVE_UPTO: number; REMOVE_ALL: table may be HY_TABLE_COUNT */
} hy_op_t;

/* Bytes that it takes in a buffer. */
size_t hy__op_size(const hy_op_t *op);
/* HY_ENOMEM; the buffer is then as it was, and not failed. */
int hy__op_add(hy_buf_t *b, const hy_op_t *op);
/* The operation at *pos, lent, and the position behind it; false at the end. */
bool hy__op_next(const hy_buf_t *b, size_t *pos, hy_op_t *out);
/* These bytes, which come from a file, are operations that hy__op_next can go through. */
bool hy__ops_are_whole(const char *bytes, size_t len);
bool hy__op_is_of(const hy_op_t *op, hy_table_t table, const hy_str_t *owner);

typedef enum { HY_SEEN_NOT, HY_SEEN_REMOVED, HY_SEEN_PUT } hy_seen_t;
/* What these operations make of a row of a table with text keys. */
hy_seen_t hy__ops_find(const hy_buf_t *b, hy_table_t table, const hy_str_t *owner,
                       const hy_str_t *key, hy_row_t *out);

struct hy_rows {
    hy_buf_t bytes; /* encoded as HY_OP_PUT, in order */
};
void hy__rows_deinit(hy_rows_t *rows);
/* In order of table, owner and key. */
int hy__row_compare(const hy_row_t *a, const hy_row_t *b);
/* Brings what was added into that order. HY_ENOMEM. */
int hy__rows_sort(hy_rows_t *rows);
/* Makes rows, in order, what they are after those operations, one buffer after the other, as far as
 * they are of these tables and the owner (NULL: any). HY_ENOMEM: they are as they were. */
int hy__rows_overlay(hy_rows_t *rows, const hy_buf_t *const *ops, size_t count, uint32_t tables,
                     const hy_str_t *owner);

/* --- batches and reads ------------------------------------------------------------------------ */

typedef struct {
    hy_link_t link;
    uint64_t ticket;
    uint64_t due_ms; /* for a driver on the clock */
    bool is_sync;
    hy_buf_t ops;
} hy_batch_t;
void hy__batch_free(hy_batch_t *b); /* NULL allowed */

/* Belongs to the front until it is submitted, then to the driver until it is done. */
struct hy_store_read {
    hy_link_t link;
    hy_rows_cb cb; /* NULL: cancelled; for the front alone */
    void *arg;
    uint64_t ticket; /* what it has to see */
    uint32_t tables;
    hy_str_t *owner; /* its own copy, so that a thread may have it; NULL: of all */
    int code;
    hy_error_t err;
    hy_rows_t rows;
};

/* --- drivers ---------------------------------------------------------------------------------- */

typedef struct hy_backend hy_backend_t;
typedef struct {
    /* Both take what they are given, in order, and cannot fail. What is done is told by
     * hy__store_batch_done and hy__store_read_done, also from inside of submit. */
    void (*submit)(hy_backend_t *b, hy_batch_t *batch);
    void (*read)(hy_backend_t *b, hy_store_read_t *read);
    /* Waits until all that was submitted can be seen. HY_ENOT_FOUND; HY_EFULL: it cannot be
     * committed now. */
    int (*find)(hy_backend_t *b, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                hy_str_t **out, hy_error_t *err);
    /* Does what is due on the clock; and when the next is: UINT64_MAX if nothing is. */
    void (*turn)(hy_backend_t *b);
    uint64_t (*next_ms)(const hy_backend_t *b);
    /* Commits what waits, or not (`is_crash`), gives reads back with HY_ECLOSED, and ends. Gives
     * the number of bytes that could not be committed. */
    size_t (*close)(hy_backend_t *b, bool is_crash);
} hy_backend_ops_t;

struct hy_backend { /* first in what a driver has */
    const hy_backend_ops_t *ops;
    hy_store_t *store;
};

/* A front without driver yet. `name` is copied. */
int hy__store_new(hy_clock_t *clock, const hy_log_t *log, const char *name, bool is_lasting,
                  hy_store_t **out);
void hy__store_free(hy_store_t *s); /* one that never had a driver */
void hy__store_attach(hy_store_t *s, hy_backend_t *b);

/* From drivers, on the thread of the clock. Nothing is called back from inside of them. */
void hy__store_batch_done(hy_store_t *s, hy_batch_t *batch); /* in order of tickets */
void hy__store_read_done(hy_store_t *s, hy_store_read_t *read);
void hy__store_read_free(hy_store_read_t *r);
/* A commit failed, why (every time, it is logged once), or all is well again (NULL). */
void hy__store_trouble(hy_store_t *s, const char *text);
/* Calls back about what is done. For drivers that have a turn without the clock; it may end the
 * store. */
void hy__store_deliver(hy_store_t *s);

/* --- engines ---------------------------------------------------------------------------------- */

typedef struct hy_engine hy_engine_t;
typedef enum {
    HY_FOLD_DONE,  /* nothing is in the journal */
    HY_FOLD_LATER, /* something is, for when there is nothing else to do */
    HY_FOLD_MORE,  /* there is another step to be made */
} hy_fold_t;
typedef bool (*hy_wanted_cb)(void *arg);
typedef struct {
    /* A transaction. After a failure of any of them it is rolled back, and can be tried again. */
    int (*begin)(hy_engine_t *e, bool is_sync, hy_error_t *err);
    int (*apply)(hy_engine_t *e, const hy_batch_t *batch, hy_error_t *err);
    int (*end)(hy_engine_t *e, hy_error_t *err);
    void (*rollback)(hy_engine_t *e);
    /* Adds rows in any order. */
    int (*read)(hy_engine_t *e, uint32_t tables, const hy_str_t *owner, hy_rows_t *rows,
                hy_error_t *err);
    int (*find)(hy_engine_t *e, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                hy_str_t **out, hy_error_t *err);
    void (*close)(hy_engine_t *e, bool is_crash);
    /* What was committed may lie in a journal first: a bounded step of bringing it to its place, if
     * it is worth while, or in any case (`is_idle`). It ends early when `is_wanted` (NULL allowed)
     * says that there is something better to do. A hy_fold_t, or why it failed; nothing is lost by
     * that. NULL: there is no journal. */
    int (*fold)(hy_engine_t *e, bool is_idle, hy_wanted_cb is_wanted, void *arg, hy_error_t *err);
} hy_engine_ops_t;

struct hy_engine { /* first in what an engine has */
    const hy_engine_ops_t *ops;
    const uint64_t *delay_ms; /* for a driver on the clock: how long a commit takes */
};

/* Whatever else keeps an engine from reading is HY_EINTERNAL to those who read. */
int hy__engine_find(hy_engine_t *e, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                    hy_str_t **out, hy_error_t *err);
/* Fills in the code and the rows, in order. */
void hy__engine_read(hy_engine_t *e, hy_store_read_t *read);

/* Takes over the engine, also if it fails. */
int hy__store_open_clocked(hy_clock_t *clock, const hy_log_t *log, const char *name,
                           bool is_lasting, hy_engine_t *engine, hy_store_t **out);

#endif
