/* Objects that were taken over here, and whose givers have not said yet that they have forgotten
 * them (handover.h). A giver that was killed asks its heir, when it comes back, whether it has
 * taken the object; by then that one may have handed it on, or deleted it, and a node that was
 * restarted knows nothing. So that it was taken is a row of its own, which goes when the giver has
 * forgotten what is stored of the object there. One that never says so leaves the row, which is
 * small.
 *
 *      PARTIES   <Runtime>/sm, "<Object> <epoch>"   {"role":"taken"} */
#include "../base/mem.h"
#include "handover.h"

static hy_str_t *key_of(const hy_str_t *url, const hy_str_t *epoch) {
    return hy_str_format("%s %s", url->bytes, epoch->bytes);
}

int hy__taken_keep(hy_manager_t *m, const hy_str_t *url, const hy_str_t *epoch) {
    static const char value[] = "{\"role\":\"taken\"}";
    if (!m->store || !m->is_lasting) return 0;
    hy_str_t *key = key_of(url, epoch);
    int rc = HY_ENOMEM;
    if (key) rc = hy_store_put(m->store, HY_TABLE_PARTIES, m->sm, key, value, sizeof value - 1);
    hy_str_unref(key);
    return rc;
}

/* What cannot be removed does no harm. */
void hy__taken_drop(hy_manager_t *m, const hy_str_t *url, const hy_str_t *epoch) {
    hy_str_t *key = m->store && m->is_lasting ? key_of(url, epoch) : NULL;
    if (key) hy_store_remove(m->store, HY_TABLE_PARTIES, m->sm, key);
    hy_str_unref(key);
}

bool hy__taken_is(const hy_manager_t *m, const hy_row_t *row, const hy_str_t *url,
                  const hy_str_t *epoch) {
    bool is_ours = row->owner_len == m->sm->len && !memcmp(row->owner, m->sm->bytes, m->sm->len);
    size_t len = url->len + 1;
    if (!is_ours || row->key_len <= len || row->key[url->len] != ' ') return false;
    if (memcmp(row->key, url->bytes, url->len) != 0) return false;
    hy_str_t *since = hy_str_new(row->key + len, row->key_len - len);
    bool is_taken = since && hy_epoch_compare(since, epoch) >= 0;
    hy_str_unref(since);
    return is_taken;
}
