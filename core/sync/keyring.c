/* Meeting, accepting and forgetting keys. What is known is what the store has: it is written before
 * it counts, and where that fails all is as it was. */
#include "../base/mem.h"
#include "keyring_private.h"

/* --- life ------------------------------------------------------------------------------------- */

int hy__keyring_new(hy_manager_t *m, const uint8_t *seed, hy__keyring_t **out) {
    int rc = hy_crypto_start();
    if (rc < 0) return rc;
    hy__keyring_t *k = hy_alloc_zero(sizeof *k);
    if (!k) return HY_ENOMEM;
    k->manager = m;
    hy_dict_init(&k->holders, sizeof(hy__holder_t));
    if (seed) hy_sign_pair_of(seed, &k->own);
    k->has_own = seed != NULL;
    rc = hy__keyring_read(k);
    if (rc < 0) {
        hy__keyring_free(k);
        return rc;
    }
    *out = k;
    return 0;
}

void hy__keyring_free(hy__keyring_t *k) {
    if (!k) return;
    if (k->manager->store) hy_store_read_cancel(k->read);
    const hy__holder_t *h;
    for (uint32_t pos = 0; (h = hy_dict_next(&k->holders, &pos));) {
        hy_free(h->met);
    }
    hy_dict_deinit(&k->holders);
    hy_secret_wipe(k, sizeof *k);
    hy_free(k);
}

static int make_own(hy__keyring_t *k, hy_error_t *err) {
    hy_bus_t *bus = k->manager->bus;
    hy_sign_pair_new(hy_bus_random(bus), &k->own);
    k->own_since_ms = hy_clock_wall(hy_bus_clock(bus));
    int rc = hy__keyring_keep_own(k);
    if (rc < 0)
        return hy_fail(err, rc, "the own key cannot be kept in %s: %s",
                       hy_store_name(k->manager->store), hy_error_text(rc));
    k->has_own = true;
    return 0;
}

int hy__keyring_ready(hy__keyring_t *k, hy_error_t *err) {
    if (k->unread.code < 0) return hy_fail(err, k->unread.code, "%s", k->unread.text);
    return k->has_own ? 0 : make_own(k, err);
}

const hy_sign_pair_t *hy__keyring_own(const hy__keyring_t *k) {
    return &k->own;
}

/* --- who has which ---------------------------------------------------------------------------- */

static hy__met_t *find(const hy__holder_t *h, const uint8_t public[HY_SIGN_PUBLIC_BYTES]) {
    for (uint32_t i = 0; h && i < h->count; i++) {
        if (memcmp(h->met[i].public, public, HY_SIGN_PUBLIC_BYTES) == 0) return &h->met[i];
    }
    return NULL;
}

static uint32_t count(const hy__holder_t *h, bool is_refused) {
    uint32_t n = 0;
    for (uint32_t i = 0; h && i < h->count; i++)
        n += h->met[i].is_refused == is_refused;
    return n;
}

static void take_out(hy__keyring_t *k, hy__holder_t *h, hy__met_t *met) {
    hy__met_t *end = h->met + h->count;
    memmove(met, met + 1, (size_t)(end - met - 1) * sizeof *met);
    h->count--;
    k->count--;
}

static void strike(hy__keyring_t *k, hy__holder_t *h) {
    k->count -= h->count;
    hy_free(h->met);
    hy_dict_remove(&k->holders, h);
}

/* A hyperty here is that user's, so that the own key is one of its keys. */
static bool acts_for(const hy__keyring_t *k, const hy_str_t *user) {
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&k->manager->synchers, &pos));) {
        const hy_syncher_t *s = e->part;
        if (s->user && hy_str_equal(s->user, user)) return true;
    }
    return false;
}

static void tell(const hy__keyring_t *k, hy_log_level_t level, const char *text) {
    hy_log(hy_bus_log(k->manager->bus), level, "keys", "%s", text);
}

/* --- meeting ---------------------------------------------------------------------------------- */

/* Its first one, which may have been refused while there was another. */
static int pin(hy__keyring_t *k, hy_str_t *user, const uint8_t public[HY_SIGN_PUBLIC_BYTES],
               hy_error_t *err) {
    hy__holder_t *h = hy_dict_get(&k->holders, user);
    hy__met_t *met = find(h, public);
    if (!met && k->count >= HY_KEYS_KNOWN_MAX)
        return hy_fail(err, HY_EFULL,
                       "%u keys are remembered, so that none of %s can be: keys() lists them, and "
                       "forget(user) strikes one",
                       HY_KEYS_KNOWN_MAX, user->bytes);
    if (!h) h = hy_dict_add(&k->holders, user);
    bool is_new = h && !met;
    if (is_new) met = hy__keyring_add(k, h, public);
    if (met) met->is_refused = false;
    int rc = met ? hy__keyring_keep(k, h) : HY_ENOMEM;
    if (rc == 0) {
        char print[HY_FINGERPRINT_BYTES];
        hy_fingerprint(public, print);
        met->since_ms = hy_clock_wall(hy_bus_clock(k->manager->bus));
        hy_log(hy_bus_log(k->manager->bus), HY_LOG_INFO, "keys",
               "%s is met for the first time, with the key %s", user->bytes, print);
        return 0;
    }
    if (met && !is_new) met->is_refused = true;
    if (met && is_new) take_out(k, h, met);
    if (h && h->count == 0) strike(k, h);
    return hy_fail(err, rc, "the key of %s cannot be kept: %s", user->bytes, hy_error_text(rc));
}

/* The oldest of those that were refused makes room for one more. True: it is a new one. */
static bool remember_refused(hy__keyring_t *k, hy_str_t *user,
                             const uint8_t public[HY_SIGN_PUBLIC_BYTES]) {
    hy__holder_t *h = hy_dict_get(&k->holders, user);
    if (find(h, public)) return false;
    for (uint32_t i = 0; h && h->count >= HY_KEYS_OF_USER_MAX && i < h->count; i++) {
        if (h->met[i].is_refused) take_out(k, h, &h->met[i]);
    }
    if (k->count >= HY_KEYS_KNOWN_MAX || (h && h->count >= HY_KEYS_OF_USER_MAX)) return false;
    if (!h) h = hy_dict_add(&k->holders, user);
    hy__met_t *met = h ? hy__keyring_add(k, h, public) : NULL;
    if (met) met->is_refused = true;
    if (h && h->count == 0 && !h->is_damaged) strike(k, h);
    return met != NULL;
}

/* The one that is known: of several, the last. */
static void known_print(const hy__keyring_t *k, const hy__holder_t *h,
                        char print[HY_FINGERPRINT_BYTES]) {
    const uint8_t *public = NULL;
    for (uint32_t i = 0; h && i < h->count; i++) {
        if (!h->met[i].is_refused) public = h->met[i].public;
    }
    hy_fingerprint(public ? public : k->own.public, print);
}

static int refuse(hy__keyring_t *k, hy_str_t *user, const uint8_t public[HY_SIGN_PUBLIC_BYTES],
                  hy_error_t *err) {
    char shown[HY_FINGERPRINT_BYTES], known[HY_FINGERPRINT_BYTES];
    hy_error_t why;
    bool is_new = remember_refused(k, user, public);
    const hy__holder_t *h = hy_dict_get(&k->holders, user);
    hy_fingerprint(public, shown);
    known_print(k, h, known);
    if (h && h->is_damaged && count(h, false) == 0) {
        hy_fail(&why, HY_EFORBIDDEN,
                "%s shows the key %s, and what was known of it cannot be read: compare that with "
                "the person, then accept(\"%s\") takes it",
                user->bytes, shown, user->bytes);
    } else if (count(h, false) >= HY_KEYS_OF_USER_MAX) {
        hy_fail(
            &why, HY_EFORBIDDEN,
            "%s shows the key %s, and has %u others that are known: forget(\"%s\", fingerprint) "
            "makes room",
            user->bytes, shown, HY_KEYS_OF_USER_MAX, user->bytes);
    } else {
        hy_fail(&why, HY_EFORBIDDEN,
                "%s shows the key %s, and is known by the key %s: compare them with the person, "
                "then accept(\"%s\") takes the other, too",
                user->bytes, shown, known, user->bytes);
    }
    if (is_new) tell(k, HY_LOG_WARN, why.text);
    return hy_fail(err, why.code, "%s", why.text);
}

int hy__keyring_meet(hy__keyring_t *k, hy_str_t *user, const uint8_t public[HY_SIGN_PUBLIC_BYTES],
                     hy_error_t *err) {
    if (!hy__is_user_url(user) || user->len > HY_URL_BYTES_MAX)
        return hy_fail(err, HY_EINVALID, "a key is a user's, and this is none: %.200s",
                       user->bytes);
    if (memcmp(public, k->own.public, HY_SIGN_PUBLIC_BYTES) == 0) return 0;
    const hy__holder_t *h = hy_dict_get(&k->holders, user);
    const hy__met_t *met = find(h, public);
    if (met && !met->is_refused) return 0;
    bool is_first = count(h, false) == 0 && !(h && h->is_damaged) && !acts_for(k, user);
    return is_first ? pin(k, user, public, err) : refuse(k, user, public, err);
}

/* --- for the prompt --------------------------------------------------------------------------- */

static int put_key(hy_node_t *list, const uint8_t public[HY_SIGN_PUBLIC_BYTES], hy_str_t *user,
                   const char *state, int64_t since_ms) {
    char print[HY_FINGERPRINT_BYTES], since[25];
    hy_node_t *entry = hy_node_new(HY_OBJECT);
    hy_fingerprint(public, print);
    hy_clock_iso(since_ms, since);
    int rc = entry ? 0 : HY_ENOMEM;
    if (rc == 0 && user) rc = hy_put(entry, "user", hy__string_ref(user));
    if (rc == 0) rc = hy_put(entry, "fingerprint", hy_text(print));
    if (rc == 0) rc = hy_put(entry, "state", hy_text(state));
    if (rc == 0 && since_ms) rc = hy_put(entry, "since", hy_text(since));
    if (rc == 0) return hy_node_insert(list, hy_node_count(list), hy_node_value(entry));
    if (entry) hy_node_unref(entry);
    return rc;
}

int hy_manager_keys(hy_manager_t *m, hy_value_t *out, hy_error_t *err) {
    hy__keyring_t *k = m->keyring;
    int rc = hy__keyring_ready(k, err);
    if (rc < 0) return rc;
    hy_node_t *list = hy_node_new(HY_ARRAY);
    rc = list ? put_key(list, k->own.public, NULL, "own", k->own_since_ms) : HY_ENOMEM;
    const hy__holder_t *h;
    for (uint32_t pos = 0; rc == 0 && (h = hy_dict_next(&k->holders, &pos));) {
        for (uint32_t i = 0; rc == 0 && i < h->count; i++) {
            const hy__met_t *met = &h->met[i];
            rc = put_key(list, met->public, h->key, met->is_refused ? "refused" : "known",
                         met->since_ms);
        }
    }
    if (rc == 0) {
        *out = hy_node_value(list);
        return 0;
    }
    if (list) hy_node_unref(list);
    return hy_fail(err, rc, "%s", hy_error_text(rc));
}

/* As people copy it: with or without its spaces. */
static bool is_print_of(const char *text, const hy__met_t *met) {
    char print[HY_FINGERPRINT_BYTES];
    hy_fingerprint(met->public, print);
    const char *p = print;
    for (;; text++, p++) {
        while (*text == ' ')
            text++;
        while (*p == ' ')
            p++;
        if (*text != *p) return false;
        if (*p == '\0') return true;
    }
}

/* What a person means: that key of the user, or the only one that was refused. */
static int choose(hy__holder_t *h, const hy_str_t *user, const char *fingerprint, hy__met_t **out,
                  hy_error_t *err) {
    hy__met_t *met = NULL;
    for (uint32_t i = 0; h && i < h->count; i++) {
        bool is_meant = fingerprint ? is_print_of(fingerprint, &h->met[i]) : h->met[i].is_refused;
        if (is_meant && met)
            return hy_fail(err, HY_ECONFLICT,
                           "several keys of %s were refused: say which, accept(\"%s\", "
                           "fingerprint); keys() lists them",
                           user->bytes, user->bytes);
        if (is_meant) met = &h->met[i];
    }
    *out = met;
    if (met) return 0;
    if (fingerprint)
        return hy_fail(err, HY_ENOT_FOUND, "%s has shown no key %.60s; keys() lists those it has",
                       user->bytes, fingerprint);
    return hy_fail(err, HY_ENOT_FOUND, "no key of %s was refused; keys() lists what is known",
                   user->bytes);
}

int hy_manager_accept_key(hy_manager_t *m, hy_str_t *user, const char *fingerprint,
                          hy_error_t *err) {
    hy__keyring_t *k = m->keyring;
    hy__met_t *met = NULL;
    int rc = hy__keyring_ready(k, err);
    if (rc < 0) return rc;
    hy__holder_t *h = hy_dict_get(&k->holders, user);
    rc = choose(h, user, fingerprint, &met, err);
    if (rc < 0 || !met->is_refused) return rc;
    met->is_refused = false;
    rc = hy__keyring_keep(k, h);
    if (rc < 0) {
        met->is_refused = true;
        return hy_fail(err, rc, "the key of %s cannot be kept: %s", user->bytes, hy_error_text(rc));
    }
    met->since_ms = hy_clock_wall(hy_bus_clock(m->bus));
    h->is_damaged = false;
    return 0;
}

int hy_manager_forget_key(hy_manager_t *m, hy_str_t *user, const char *fingerprint,
                          hy_error_t *err) {
    hy__keyring_t *k = m->keyring;
    hy__met_t *met = NULL;
    int rc = hy__keyring_ready(k, err);
    if (rc < 0) return rc;
    hy__holder_t *h = hy_dict_get(&k->holders, user);
    if (!h) return hy_fail(err, HY_ENOT_FOUND, "%s has shown no key", user->bytes);
    if (fingerprint) rc = choose(h, user, fingerprint, &met, err);
    if (rc < 0) return rc;
    hy__met_t before = met ? *met : (hy__met_t){0};
    if (met) take_out(k, h, met);
    bool is_last = !met || h->count == 0;
    rc = is_last || count(h, false) == 0 ? hy__keyring_drop(k, h) : hy__keyring_keep(k, h);
    if (rc < 0 && met) { /* its room is still there */
        h->met[h->count++] = before;
        k->count++;
    }
    if (rc < 0)
        return hy_fail(err, rc, "the key of %s cannot be struck in the store: %s", user->bytes,
                       hy_error_text(rc));
    h->is_damaged = false; /* the row that could not be read is no more */
    if (is_last) strike(k, h);
    return 0;
}
