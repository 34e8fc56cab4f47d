/* What the store keeps of a keyring: of the runtime, in table KEYS, the seed of its own key in the
 * row "", and in the row of a user the keys that are known as that one's. All of it is read at
 * once when the manager starts, before there is anybody to meet. */
#include "../base/json.h"
#include "../base/mem.h"
#include "keyring_private.h"

#define KEY_BYTES HY_SIGN_PUBLIC_BYTES
_Static_assert(HY_SIGN_SEED_BYTES == KEY_BYTES, "a seed is read as a key is");

static bool is_kept(const hy__keyring_t *k) {
    return k->manager->is_lasting && k->manager->store;
}

hy__met_t *hy__keyring_add(hy__keyring_t *k, hy__holder_t *h, const uint8_t public[KEY_BYTES]) {
    hy__met_t *met = hy_realloc(h->met, (h->count + 1) * sizeof *met);
    if (!met) return NULL;
    h->met = met;
    met += h->count++;
    k->count++;
    *met = (hy__met_t){.since_ms = hy_clock_wall(hy_bus_clock(k->manager->bus))};
    memcpy(met->public, public, KEY_BYTES);
    return met;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Room for one key, so that a seed is in no memory that is given back as the buffer grows. */
#define ROW_BYTES 128u

static void write_key(hy_buf_t *b, const char *name, const uint8_t bytes[KEY_BYTES],
                      int64_t since_ms) {
    hy_str_t *text = hy_base64(bytes, KEY_BYTES);
    if (!text || !hy_buf_reserve(b, ROW_BYTES)) {
        b->failed = true;
    } else {
        hy_buf_format(b, "{\"%s\":\"%s\",\"since\":%lld}", name, text->bytes, (long long)since_ms);
    }
    if (text) hy_secret_wipe(text->bytes, text->len);
    hy_str_unref(text);
}

/* `b` is taken over. Synced: a key that power loss takes away would be met as a new one. */
static int put_row(const hy__keyring_t *k, const hy_str_t *key, hy_buf_t *b) {
    const hy_manager_t *m = k->manager;
    int rc = b->failed ? HY_ENOMEM
                       : hy_store_put(m->store, HY_TABLE_KEYS, m->runtime, key, b->bytes, b->len);
    if (rc == 0) hy_store_sync(m->store);
    if (b->bytes) hy_secret_wipe(b->bytes, b->len);
    hy_buf_deinit(b);
    return rc;
}

int hy__keyring_keep_own(const hy__keyring_t *k) {
    if (!is_kept(k)) return 0;
    hy_str_t *none = hy_str_from("");
    if (!none) return HY_ENOMEM;
    hy_buf_t b;
    hy_buf_init(&b);
    write_key(&b, "seed", k->own.seed, k->own_since_ms);
    int rc = put_row(k, none, &b);
    hy_str_unref(none);
    return rc;
}

int hy__keyring_keep(const hy__keyring_t *k, const hy__holder_t *h) {
    if (!is_kept(k)) return 0;
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_text(&b, "{\"keys\":[");
    const char *comma = "";
    for (uint32_t i = 0; i < h->count; i++) {
        if (h->met[i].is_refused) continue;
        hy_buf_text(&b, comma);
        write_key(&b, "key", h->met[i].public, h->met[i].since_ms);
        comma = ",";
    }
    hy_buf_text(&b, "]}");
    return put_row(k, h->key, &b);
}

int hy__keyring_drop(const hy__keyring_t *k, const hy__holder_t *h) {
    const hy_manager_t *m = k->manager;
    if (!is_kept(k)) return 0;
    int rc = hy_store_remove(m->store, HY_TABLE_KEYS, m->runtime, h->key);
    if (rc == 0) hy_store_sync(m->store);
    return rc;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Reads a key as it was written, and wipes its text. False: it is none. */
static bool read_key(const hy_node_t *entry, const char *name, uint8_t bytes[KEY_BYTES],
                     int64_t *since_ms) {
    hy_str_t *text = hy_get_str(entry, name);
    *since_ms = hy_get_int(entry, "since", 0);
    if (!text || *since_ms < 0) return false;
    bool is_key = hy_base64_read(text->bytes, text->len, bytes, KEY_BYTES) == (ptrdiff_t)KEY_BYTES;
    hy_secret_wipe(text->bytes, text->len);
    return is_key;
}

static int take_own(hy__keyring_t *k, const hy_node_t *row) {
    uint8_t seed[KEY_BYTES];
    int64_t since_ms;
    if (k->has_own) return 0; /* one is given */
    if (!read_key(row, "seed", seed, &since_ms))
        return hy_fail(&k->unread, HY_EINVALID,
                       "the own key in %s cannot be read; --key FILE names another one",
                       hy_store_name(k->manager->store));
    hy_sign_pair_of(seed, &k->own);
    hy_secret_wipe(seed, sizeof seed);
    k->own_since_ms = since_ms;
    k->has_own = true;
    return 0;
}

/* 1: they cannot be read. */
static int take_keys(hy__keyring_t *k, hy__holder_t *h, const hy_node_t *keys) {
    size_t count = keys ? hy_node_count(keys) : 0;
    if (count == 0 || count > HY_KEYS_OF_USER_MAX) return 1;
    for (size_t i = 0; i < count; i++) {
        hy_value_t entry = hy_node_at(keys, i);
        uint8_t public[KEY_BYTES];
        int64_t since_ms;
        if (entry.kind != HY_OBJECT || !read_key(entry.as.n, "key", public, &since_ms)) return 1;
        hy__met_t *met = hy__keyring_add(k, h, public);
        if (!met) return HY_ENOMEM;
        met->since_ms = since_ms;
    }
    return 0;
}

static int take_user(hy__keyring_t *k, hy_str_t *user, const hy_node_t *row) {
    if (k->count >= HY_KEYS_KNOWN_MAX)
        return hy_fail(&k->unread, HY_EFULL, "%s has more keys than %u",
                       hy_store_name(k->manager->store), HY_KEYS_KNOWN_MAX);
    hy__holder_t *h = hy_dict_put(&k->holders, user, NULL);
    if (!h) return HY_ENOMEM;
    int rc = take_keys(k, h, row ? hy_get_array(row, "keys") : NULL);
    if (rc <= 0) return rc;
    h->is_damaged = true;
    hy_log(hy_bus_log(k->manager->bus), HY_LOG_ERROR, "keys",
           "what %s has of the keys of %s cannot be read: any other is refused until "
           "accept(\"%s\") takes it",
           hy_store_name(k->manager->store), user->bytes, user->bytes);
    return 0;
}

static int take_row(hy__keyring_t *k, const hy_row_t *row) {
    hy_value_t v = hy_absent();
    int rc = hy_json_read(row->value, row->value_len, HY_JSON_DEPTH_MAX, &v, NULL);
    if (rc == HY_ENOMEM) return rc;
    const hy_node_t *n = rc == 0 && v.kind == HY_OBJECT ? v.as.n : NULL;
    hy_str_t *key = hy_str_new(row->key, row->key_len);
    rc = !key ? HY_ENOMEM : key->len == 0 ? take_own(k, n) : take_user(k, key, n);
    hy_str_unref(key);
    hy_value_drop(v);
    return rc;
}

static void on_rows(void *keyring, int code, const hy_rows_t *rows) {
    hy__keyring_t *k = keyring;
    hy_row_t row;
    k->read = NULL;
    k->unread = (hy_error_t){0};
    for (size_t pos = 0; code == 0 && hy_rows_next(rows, &pos, &row);) {
        code = take_row(k, &row);
    }
    if (code == 0) return;
    if (k->unread.code != code)
        hy_fail(&k->unread, code, "the keys in %s cannot be read%s%s",
                hy_store_name(k->manager->store), code == HY_EINTERNAL ? "" : ": ",
                code == HY_EINTERNAL ? "; \"hyperty store check\" tells more"
                                     : hy_error_text(code));
    if (code != HY_ECLOSED)
        hy_log(hy_bus_log(k->manager->bus), HY_LOG_ERROR, "keys", "%s", k->unread.text);
}

int hy__keyring_read(hy__keyring_t *k) {
    const hy_manager_t *m = k->manager;
    if (!is_kept(k)) return 0;
    hy_fail(&k->unread, HY_EUNREACHABLE,
            "the keys in %s are still being read; try again in a moment", hy_store_name(m->store));
    return hy_store_read(m->store, 1u << HY_TABLE_KEYS, m->runtime, on_rows, k, &k->read);
}
