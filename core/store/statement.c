/* SQL statements that are prepared once and used many times. */
#include "sqlite_private.h"

int hy__statement_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **slot, sqlite3_stmt **out) {
    int rc = SQLITE_OK;
    if (!*slot) rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);
    *out = *slot;
    return rc;
}

int hy__statement_run(sqlite3_stmt *s, int rc) {
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(s);
        if (rc == SQLITE_DONE || rc == SQLITE_ROW) rc = SQLITE_OK;
    }
    if (s) sqlite3_reset(s);
    return rc;
}

int hy__statement_bind(sqlite3_stmt *s, int at, const char *text, size_t len) {
    return sqlite3_bind_text64(s, at, text ? text : "", len, SQLITE_STATIC, SQLITE_UTF8);
}
