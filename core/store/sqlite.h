/* A store in an SQLite file: one table for each of HY_TABLE_MAP, with owners interned, and a
 * journal
 *
 *      owners(id INTEGER PRIMARY KEY, url TEXT UNIQUE)
 *      <table>(owner INTEGER, <key> TEXT or INTEGER, value TEXT, PRIMARY KEY (owner, <key>))
 *      journal(seq INTEGER PRIMARY KEY, ops BLOB)
 *
 * PRAGMA application_id says that the file is ours, user_version which format it has (3). It is in
 * WAL mode. One thread writes: it takes all sealed batches that wait (until the queue is empty or
 * HY_STORE_GROUP_MS have passed) into one transaction, which is synced if one of them asks for it.
 *
 * A commit appends its operations to the journal, one row for all of them (encoded as batch.c says,
 * tables numbered in the order of HY_TABLE_MAP): a few pages whatever they are about. They are
 * brought to the tables later, many at a time: *folded*. A row of the journal goes in the
 * transaction that folds the last of it; what is folded again comes to the same. So rows are what
 * is in the tables and, over that, what the rows of the journal do, in order of seq; these follow
 * one another without a gap. A file that was closed has an empty journal.
 *
 * In a table with an INTEGER key a value that is a blob is a run: several rows, the key that of the
 * first (run.c). A file of format 2 has none, and is used as it is; written, it is of format 3.
 *
 * FILE.lock, held by the process that has the file open for writing, names it for others. */
#ifndef HY_STORE_SQLITE_H
#define HY_STORE_SQLITE_H

#include "../loop/loop.h"
#include "store.h"

/* Opens or makes the file. What a crashed process left opens by itself. `log` may be NULL. Texts
 * of failures say what to do:
 *   HY_ECONFLICT     another process has it open (its pid)
 *   HY_EFORBIDDEN    it may not be read or written
 *   HY_EINVALID      it is no store of ours, or of another format
 *   HY_EINTERNAL     it is damaged: nothing is touched; what `hyperty store check` would say
 *   HY_ENOT_FOUND    its folder is not there */
int hy_store_open_sqlite(hy_loop_t *loop, const hy_log_t *log, const char *path, hy_store_t **out,
                         hy_error_t *err);

/* The same on a virtual clock and without a thread: a batch is committed in the clock's turn
 * `delay_ms` after it was sealed. `vfs` names the SQLite VFS, NULL: files as usual. For worlds that
 * want the real thing on disks that fail. */
int hy_store_open_sqlite_on(hy_clock_t *clock, const hy_log_t *log, const char *path,
                            const char *vfs, uint64_t delay_ms, hy_store_t **out, hy_error_t *err);

/* --- for `hyperty store`: the file as it is, without changing it --------------------------------
 */

typedef struct hy_store_file hy_store_file_t;
/* Fails as opening does; a file in use can be read all the same. */
int hy_store_file_open(const char *path, hy_store_file_t **out, hy_error_t *err);
void hy_store_file_close(hy_store_file_t *f);
/* The rows of those tables; `owner` NULL: of all owners. To be freed with hy_rows_free. */
int hy_store_file_read(hy_store_file_t *f, uint32_t tables, const hy_str_t *owner, hy_rows_t **out,
                       hy_error_t *err);
void hy_rows_free(hy_rows_t *rows);
/* Calls `told` with each thing that is wrong, on pages, in the journal and in rows (a row whose
 * value is no JSON, a hole in an object's changes); gives their number, or a negative code if it
 * cannot be looked at. */
int hy_store_file_check(hy_store_file_t *f, void (*told)(void *arg, const char *text), void *arg,
                        hy_error_t *err);
/* Gives back unused room. HY_ECONFLICT if the file is in use. `before`, `after`: bytes. */
int hy_store_file_compact(const char *path, uint64_t *before, uint64_t *after, hy_error_t *err);

#endif
