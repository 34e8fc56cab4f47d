/* The store: what a runtime or a node keeps beyond its process (DESIGN.md decision 11).
 *
 * Rows of text in a few tables, each with an owner and a key. What is written goes into the open
 * *batch*; it is sealed at the end of the turn and committed whole or not at all, in order. So what
 * belongs together is written in one turn. A batch has a *ticket*, one above that of the batch
 * before; whoever lets something leave only after its commit keeps the ticket and waits until
 * `committed` has reached it.
 *
 *      put, remove ─► open batch ─ end of turn ─► queue (bounded) ─► backend ─► committed, watchers
 *
 * Backends: memory (store/memory.h), where a batch is committed when it is sealed; SQLite
 * (store/sqlite.h), with a thread that writes. Nothing here waits for a disk but find and close.
 *
 * A commit that fails (full disk) is tried again every HY_STORE_RETRY_MS until it succeeds, what
 * waits for it waits on; it is logged when it begins and when it ends.
 *
 * All functions are for the thread of the clock; callbacks come in turns of their own. */
#ifndef HY_STORE_STORE_H
#define HY_STORE_STORE_H

#include "../base/error.h"
#include "../base/log.h"
#include "../base/str.h"
#include "../loop/clock.h"

typedef struct hy_store hy_store_t;

/* New ones go to the end: their numbers are in journals of files (store/sqlite.h).
 * name, table in a file, column of the key, kind of key, what a row is:
 * owner │ key │ value (JSON). A NUMBER is 0 to INT64_MAX. */
#define HY_TABLE_MAP(X)                                                                            \
    /* a runtime: "" │ its domain │ {"url"} */                                                 \
    X(RUNTIMES, "runtimes", "domain", TEXT)                                                        \
    /* runtime URL │ instance name │ {"url", "life"} */                                        \
    X(HYPERTIES, "hyperties", "name", TEXT)                                                        \
    /* hyperty URL │ object URL │ {"role", "schema", "name", "epoch", "handing", "level"} */   \
    X(PARTIES, "parties", "object", TEXT)                                                          \
    /* object URL (self.state: hyperty URL) │ "" │ {metadata…, "data", "epoch", "version",   \
     * "follows"}: the state that the changes go on from, children apart */                        \
    X(STATES, "states", "part", TEXT)                                                              \
    /* object URL │ version │ an entry of a `since` answer (PROTOCOL.md section 5, Read) */    \
    X(CHANGES, "changes", "version", NUMBER)                                                       \
    /* object URL │ child key │ {"collection", … as in childrenObjects, "order"}; these      \
     * and the marks are of the state's version, too */                                            \
    X(CHILDREN, "children", "child", TEXT)                                                         \
    /* object URL │ creator │ what was seen of it, as in childMarks */                         \
    X(MARKS, "marks", "creator", TEXT)                                                             \
    /* object URL │ hyperty │ {"authorised", "observing", "evicted", "gone", "user"} */        \
    X(GUESTS, "guests", "hyperty", TEXT)                                                           \
    /* object URL │ <from> <id> │ {"from", "id", "code", "desc", "value", "at"}: answers to    \
     * executes */                                                                                 \
    X(ANSWERS, "answers", "request", TEXT)                                                         \
    /* runtime URL │ object that was deleted here │ {}: the last of them, of which nodes are   \
     * told again (sync/buried.c) */                                                               \
    X(BURIED, "buried", "object", TEXT)                                                            \
    /* a node's: RuntimeURL │ number of some addresses allocated at once │                     \
     * {"key", "at", "ids"} */                                                                     \
    X(ADDRESSES, "addresses", "lot", TEXT)                                                         \
    /* RuntimeURL │ "" │ {"token", "id"}: id is what other rows mean by "session" */           \
    X(SESSIONS, "sessions", "part", TEXT)                                                          \
    /* RuntimeURL │ address that its session holds │ {} */                                     \
    X(CLAIMS, "claims", "address", TEXT)                                                           \
    /* RuntimeURL │ <resource> <source> │ {} */                                                \
    X(ROUTES, "routes", "route", TEXT)                                                             \
    /* "" │ URL │ {"session", "runtime", "type", "lapsed", "value"} */                         \
    X(ENTRIES, "entries", "url", TEXT)                                                             \
    /* object URL │ "" │ {"epoch", "by", "session", "reporter", "guard"}; object URL │       \
     * admitted hyperty │ {"session"}; "" │ deleted object │ {"until"} */                    \
    X(OBJECTS, "objects", "part", TEXT)                                                            \
    /* runtime URL │ "" │ {"seed", "since"}: its own key, which nobody is to see; runtime URL  \
     * │ user │ {"keys": [{"key", "since"}, …]} */                                           \
    X(KEYS, "keys", "user", TEXT)

typedef enum {
#define X(name, table, key, kind) HY_TABLE_##name,
    HY_TABLE_MAP(X)
#undef X
        HY_TABLE_COUNT
} hy_table_t;
const char *hy_table_name(hy_table_t t);
bool hy_table_is_numbered(hy_table_t t); /* keys are NUMBERs */

/* How safe a batch is once it is committed. */
typedef enum {
    HY_STORE_NONE,   /* not stored: for those who ask for a level */
    HY_STORE_KEPT,   /* survives the end of the process, also kill -9 (a memory store: does not) */
    HY_STORE_SYNCED, /* survives power loss */
} hy_store_level_t;

/* --- writing ---------------------------------------------------------------------------------- */

/* All copy what they are given, and fail with HY_ENOMEM, or HY_EFULL when more than
 * HY_STORE_QUEUE_BYTES would wait to be committed; HY_ETOO_LARGE for an owner or key of more than
 * HY_STORE_KEY_BYTES_MAX, or a value of more than half of what may wait; HY_EINVALID for a number
 * above INT64_MAX; HY_ECLOSED. Then nothing was written. Putting replaces; removing what is not
 * there is fine. A table is used with the kind of keys that it has. */
int hy_store_put(hy_store_t *s, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                 const char *value, size_t len);
int hy_store_put_number(hy_store_t *s, hy_table_t table, const hy_str_t *owner, uint64_t key,
                        const char *value, size_t len);
int hy_store_remove(hy_store_t *s, hy_table_t table, const hy_str_t *owner, const hy_str_t *key);
/* All rows of a numbered table with keys up to `last`. */
int hy_store_remove_upto(hy_store_t *s, hy_table_t table, const hy_str_t *owner, uint64_t last);
/* All rows of that owner in one table, or in all (HY_TABLE_COUNT). */
int hy_store_remove_all(hy_store_t *s, hy_table_t table, const hy_str_t *owner);

/* What was written since the mark is taken back, and does not wait any more; in the same turn only,
 * and not over a seal. */
size_t hy_store_mark(const hy_store_t *s);
void hy_store_undo(hy_store_t *s, size_t mark);

/* The open batch is to be synced, not only kept: whatever is or will be written in this turn. */
void hy_store_sync(hy_store_t *s);
/* Ticket of the open batch, or of the last one if nothing was written since it was sealed. */
uint64_t hy_store_ticket(const hy_store_t *s);
/* All batches up to that ticket are committed. */
uint64_t hy_store_committed(const hy_store_t *s);
/* More may be written: less than half of what may wait does. Who can let others wait asks this
 * before it begins; what it began it may finish. */
bool hy_store_has_room(const hy_store_t *s);
/* Seals the open batch now rather than at the end of the turn. */
void hy_store_seal(hy_store_t *s);

/* Called when `committed` has grown, in order of watching; not from inside a call. Every watch is
 * unwatched by whom it belongs to, before or after the store closes (it is not called again). */
typedef struct hy_store_watch hy_store_watch_t;
typedef void (*hy_store_watch_cb)(void *arg);
int hy_store_watch(hy_store_t *s, hy_store_watch_cb cb, void *arg, hy_store_watch_t **out);
void hy_store_unwatch(hy_store_watch_t *w); /* NULL allowed */

/* --- reading ---------------------------------------------------------------------------------- */

typedef struct {
    hy_table_t table;
    const char *owner, *key; /* key NULL in a numbered table; both end with 0 */
    size_t owner_len, key_len;
    uint64_t number;
    const char *value;
    size_t value_len;
} hy_row_t;

typedef struct hy_rows hy_rows_t;
/* In order of table, owner and key (bytes); lent. `*pos` from 0; false at the end. */
bool hy_rows_next(const hy_rows_t *rows, size_t *pos, hy_row_t *out);

/* `code` 0: the rows, lent for the call. Else `rows` is NULL: HY_ENOMEM, HY_EINTERNAL (the file
 * cannot be read: logged), HY_ECLOSED. */
typedef void (*hy_rows_cb)(void *arg, int code, const hy_rows_t *rows);
typedef struct hy_store_read hy_store_read_t;
/* Reads the owner's rows in those tables (bits 1 << HY_TABLE_…), seeing all that was written
 * before. Either fails at once, or calls back exactly once, in a turn of its own, unless it is
 * cancelled. `out` NULL: it will not be cancelled. `owner` NULL: of all owners. */
int hy_store_read(hy_store_t *s, uint32_t tables, const hy_str_t *owner, hy_rows_cb cb, void *arg,
                  hy_store_read_t **out);
void hy_store_read_cancel(hy_store_read_t *r); /* it is then forgotten; NULL allowed */
/* One row, waiting for the disk: for what starts before there is a loop to be held up. The caller
 * gets a string. HY_ENOT_FOUND, HY_ENOMEM, HY_EINTERNAL (the file cannot be read: logged),
 * HY_ECLOSED; HY_EFULL: what was written before cannot be committed now. */
int hy_store_find(hy_store_t *s, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                  hy_str_t **out);

/* --- life ------------------------------------------------------------------------------------- */

/* Commits what waits (giving up after HY_STORE_CLOSE_MS if the disk refuses: logged with how much
 * was lost), calls open reads with HY_ECLOSED, and no watch any more. Also from inside a callback.
 * NULL allowed. */
void hy_store_close(hy_store_t *s);
/* Where it is, for messages: a path, or "memory". */
const char *hy_store_name(const hy_store_t *s);
/* Commits survive the process. */
bool hy_store_is_lasting(const hy_store_t *s);

#endif
