/* Objects of this runtime that were deleted, and that their node was told of (rejoin.h).
 *
 * The node answers 410 for them; but one that is restarted remembers nothing, and then nobody else
 * knows: observers that were away when the object was deleted, or whose node went down before it
 * had told them, would wait for a reporter that never comes. So with each new session the node is
 * told again. The oldest are forgotten.
 *
 * Of a stored object that is written in the batch that removes its rows: a deletion that was
 * answered while there was no node holds, whatever becomes of this process. */
#include "../base/mem.h"
#include "sync.h"

int hy__buried_keep(hy_manager_t *m, const hy_str_t *object) {
    if (!m->is_lasting) return 0;
    return hy_store_put(m->store, HY_TABLE_BURIED, m->runtime, object, "{}", 2);
}

/* What cannot be removed is told once too often. */
static void forget(hy_manager_t *m, hy__buried_t *b) {
    if (m->store && m->is_lasting) hy_store_remove(m->store, HY_TABLE_BURIED, m->runtime, b->key);
    hy_dict_remove(&m->buried, b);
}

/* Out of memory it is forgotten at once. */
void hy__buried_add(hy_manager_t *m, hy_str_t *object) {
    if (hy_dict_get(&m->buried, object)) return;
    if (m->buried.count >= HY_BURIED_MAX) {
        uint32_t pos = 0;
        forget(m, hy_dict_next(&m->buried, &pos));
    }
    hy_dict_put(&m->buried, object, NULL);
}

void hy__buried_drop(hy_manager_t *m, hy_str_t *object) {
    hy__buried_t *b = hy_dict_get(&m->buried, object);
    if (b) forget(m, b);
}

/* Another object may have come to that address since. */
static bool is_alive(const hy_manager_t *m, const hy_str_t *url) {
    return hy__part_find(&m->hosted, url) || hy__part_find(&m->creating, url);
}

void hy__buried_renew(hy_manager_t *m, const char *domain) {
    const hy__buried_t *b;
    for (uint32_t pos = 0; (b = hy_dict_next(&m->buried, &pos));) {
        if (hy__is_in(b->key, domain) && !is_alive(m, b->key)) hy__lasting_bury(m, b->key, false);
    }
}

/* --- of the life before ----------------------------------------------------------------------- */

static void on_rows(void *manager, int code, const hy_rows_t *rows) {
    hy_manager_t *m = manager;
    hy_row_t row;
    m->buried_read = NULL;
    for (size_t pos = 0; code == 0 && hy_rows_next(rows, &pos, &row);) {
        hy_str_t *object = hy_str_new(row.key, row.key_len);
        if (object) hy__buried_add(m, object);
        hy_str_unref(object);
    }
    hy__buried_renew(m, NULL);
}

int hy__buried_init(hy_manager_t *m) {
    if (!m->is_lasting) return 0;
    return hy_store_read(m->store, 1u << HY_TABLE_BURIED, m->runtime, on_rows, m, &m->buried_read);
}

void hy__buried_free(hy_manager_t *m) {
    if (m->store) hy_store_read_cancel(m->buried_read);
    hy_dict_deinit(&m->buried);
}
