/* The entries of the domain registry.
 *
 *      entries                        URL  -> entry
 *      index[hyperty][user]           user -> bucket ──► entry ──► entry
 *      index[dataObject][schema]      …
 *
 * An entry is in one bucket for each field that it has, or each item of it; so reading by a field
 * walks nothing else, and so does finding who watches for it.
 * An entry belongs to the session that created it or kept it alive last; without session it is
 * kept, disconnected, until room is needed. Changes of status are published on <URL>/registration.
 */
#include "entries.h"

#include "../base/buf.h"
#include "../base/json.h"

/* What an entry costs beside its text, and each of its keys. */
#define ENTRY_BYTES (sizeof(hy__entry_t) + 512)
#define KEY_BYTES   (sizeof(hy__key_t) + sizeof(hy__bucket_t) + sizeof(hy__slot_t))

static const char *const TYPES[HY__TYPES] = {"hyperty", "dataObject"};
static const char *const FIELDS[HY__FIELDS] = {
#define X(name, key) key,
    HY__FIELD_MAP(X)
#undef X
};

static bool word_find(const char *const *words, unsigned count, const char *word, size_t len,
                      unsigned *out) {
    for (unsigned i = 0; i < count; i++) {
        if (strlen(words[i]) != len || memcmp(words[i], word, len) != 0) continue;
        *out = i;
        return true;
    }
    return false;
}

bool hy__type_find(const char *word, size_t len, hy__type_t *out) {
    unsigned i;
    if (!word_find(TYPES, HY__TYPES, word, len, &i)) return false;
    *out = (hy__type_t)i;
    return true;
}

bool hy__field_find(const char *word, size_t len, hy__field_t *out) {
    unsigned i;
    if (len == 0 || !word_find(FIELDS, HY__FIELDS, word, len, &i)) return false;
    *out = (hy__field_t)i;
    return true;
}

/* --- the index -------------------------------------------------------------------------------- */

hy__entry_t *hy__entry_find(const hy__registry_t *r, const char *url, size_t len) {
    return hy__slot_find(&r->entries, url, len);
}

hy__bucket_t *hy__bucket_find(const hy__registry_t *r, hy__type_t type, hy__field_t field,
                              const char *key, size_t len) {
    return hy__slot_find(&r->index[type][field], key, len);
}

hy__bucket_t *hy__bucket_open(hy__registry_t *r, hy__type_t type, hy__field_t field,
                              hy_str_t *key) {
    hy_dict_t *index = &r->index[type][field];
    hy__bucket_t *b = hy__slot_get(index, key);
    if (b) return b;
    if (!(b = hy_alloc_zero(sizeof *b))) return NULL;
    if (hy__slot_put(index, key, b) < 0) {
        hy_free(b);
        return NULL;
    }
    b->key = hy_str_ref(key);
    hy_link_init(&b->entries);
    hy_link_init(&b->watches);
    return b;
}

void hy__bucket_tidy(hy__registry_t *r, hy__type_t type, hy__field_t field, hy__bucket_t *b) {
    if (!hy_list_is_empty(&b->entries) || !hy_list_is_empty(&b->watches)) return;
    hy__slot_remove(&r->index[type][field], b->key);
    hy_str_unref(b->key);
    hy_free(b);
}

hy_span_t hy__schema_word(const char *schema, size_t len) {
    size_t at = len;
    while (at > 0 && schema[at - 1] != '/')
        at--;
    if (at == len) at = 0;
    return (hy_span_t){schema + at, len - at};
}

/* The keys that an entry is to have, as they are found. */
typedef struct {
    hy__registry_t *registry;
    hy__type_t type;
    hy__key_t keys[HY_REGISTRY_KEYS_MAX];
    uint32_t count;
    int rc;
} keys_t;

/* Each bucket once. `text` is taken over, NULL: out of memory. */
static void add_key(keys_t *k, hy__field_t field, hy_str_t *text) {
    bool fits = k->count < HY_REGISTRY_KEYS_MAX;
    hy__bucket_t *b = NULL;
    if (text && fits && k->rc == 0) b = hy__bucket_open(k->registry, k->type, field, text);
    hy_str_unref(text);
    if (k->rc == 0 && !b) k->rc = text && !fits ? HY_ETOO_LARGE : HY_ENOMEM;
    for (uint32_t i = 0; b && i < k->count; i++)
        if (k->keys[i].bucket == b) return;
    if (b) k->keys[k->count++] = (hy__key_t){.bucket = b, .field = field};
}

static void add_value(keys_t *k, hy__field_t field, hy_value_t v) {
    for (size_t i = 0; v.kind == HY_ARRAY && i < hy_node_count(v.as.n); i++)
        if (hy_node_at(v.as.n, i).kind == HY_STR) add_value(k, field, hy_node_at(v.as.n, i));
    if (v.kind != HY_STR) return;
    hy_span_t word = {v.as.s->bytes, v.as.s->len};
    if (field == HY__BY_SCHEMA) word = hy__schema_word(word.bytes, word.len);
    add_key(k, field, hy_str_new(word.bytes, word.len));
}

static void drop_key(hy__registry_t *r, hy__type_t type, hy__key_t *key) {
    hy_list_remove(&key->link);
    hy__bucket_tidy(r, type, key->field, key->bucket);
}

static void unindex(hy__entry_t *e) {
    while (e->key_count > 0)
        drop_key(e->server->registry, e->type, &e->keys[--e->key_count]);
    hy_free(e->keys);
    e->keys = NULL;
}

/* Finds (and makes) the buckets of a value. On failure there are none. */
static int find_keys(const hy__entry_t *e, const hy_node_t *value, keys_t *k) {
    *k = (keys_t){.registry = e->server->registry, .type = e->type};
    for (unsigned field = 0; field < HY__BY_IDENTIFIER; field++)
        add_value(k, (hy__field_t)field, hy_get(value, FIELDS[field]));
    add_value(k, HY__BY_SCHEMA, hy_get(value, "schemas"));
    hy_span_t id = hy_address_identifier(e->url);
    add_key(k, HY__BY_IDENTIFIER, hy_str_new(id.bytes, id.len));
    return k->rc;
}

static void drop_keys(keys_t *k) {
    while (k->count > 0) {
        k->count--;
        hy__bucket_tidy(k->registry, k->type, k->keys[k->count].field, k->keys[k->count].bucket);
    }
}

/* Puts the entry into those buckets instead of those that it is in. */
static int index_entry(hy__entry_t *e, const keys_t *k) {
    hy__key_t *keys = hy_alloc(k->count * sizeof *keys);
    if (!keys) return HY_ENOMEM;
    for (uint32_t i = 0; i < k->count; i++) {
        keys[i] = k->keys[i];
        keys[i].entry = e;
        hy_link_init(&keys[i].link);
        hy_list_append(&keys[i].bucket->entries, &keys[i].link);
    }
    unindex(e);
    e->keys = keys;
    e->key_count = k->count;
    return 0;
}

/* --- status ----------------------------------------------------------------------------------- */

static void publish_status(hy__entry_t *e) {
    hy_node_server_t *n = e->server;
    hy_str_t *to = n->is_closing ? NULL : hy_str_append(e->url, "/registration");
    if (!to) return;
    hy__place_t at = hy__place_find(n, to);
    hy_node_t *body = at.topic ? hy_node_new(HY_OBJECT) : NULL;
    bool ok = body && hy_put(body, "resource", hy_string(hy_str_ref(e->url))) == 0 &&
              hy_put(body, "attribute", hy_text("status")) == 0 &&
              hy_put(body, "value", hy_text(e->is_live ? "live" : "disconnected")) == 0;
    hy_msg_t *m = NULL;
    if (ok)
        m = hy_msg_new(HY_MSG_UPDATE, hy_absent(), n->registry_url, to, hy_node_value(body));
    else
        hy_node_unref(body);
    if (m) hy__publish(n, &at, m, NULL);
    hy_msg_unref(m);
    hy_str_unref(to);
}

void hy__entry_set_live(hy__entry_t *e, bool is_live, bool is_lapsed) {
    bool was_live = e->is_live;
    if (e->session && (was_live != is_live || e->is_lapsed != is_lapsed)) e->is_kept = false;
    e->is_live = is_live;
    e->is_lapsed = is_lapsed;
    /* The key is there since the entry was made; only memory for the word can lack. */
    hy_put(e->value, "status", hy_text(is_live ? "live" : "disconnected"));
    if (!is_live) hy_timer_stop(e->server->clock, &e->timer);
    if (was_live != is_live) publish_status(e);
}

/* Its holder is gone, or has not kept it alive. */
static void set_left(hy__entry_t *e) {
    hy__watched_t w;
    hy__watched_begin(e, &w);
    hy__entry_set_live(e, false, true);
    if (e->session) hy__keep_entry(e); /* else what ended with the session is known by its id */
    hy__watched_end(e, &w);
}

static void on_expired(void *arg) {
    set_left(arg);
}

/* Who keeps it alive pays for it. */
static void belong(hy__entry_t *e, hy_session_t *s) {
    if (e->session) e->session->held -= e->cost;
    if (s) s->held += e->cost;
    if (s && s != e->session) e->is_kept = false; /* what it left is known by its id */
    e->session = s;
    hy_list_remove(&e->link);
    hy_list_append(s ? &s->entries : &e->server->registry->left, &e->link);
}

int hy__entry_touch(hy__entry_t *e, hy_session_t *s, uint64_t expires_ms, hy_error_t *err) {
    belong(e, s);
    e->expires_ms = expires_ms;
    hy_timer_stop(e->server->clock, &e->timer);
    if (expires_ms == 0 || hy_timer_start(e->server->clock, &e->timer, expires_ms) == 0) return 0;
    return hy_fail(err, HY_ENOMEM, "%s cannot be kept alive: out of memory", e->url->bytes);
}

void hy__registry_leave(hy_session_t *s) {
    hy_link_t entries;
    hy__watches_leave(s);
    hy_list_take(&s->entries, &entries);
    while (!hy_list_is_empty(&entries)) {
        hy__entry_t *e = hy_link_owner(entries.next, hy__entry_t, link);
        belong(e, NULL);
        hy_timer_stop(s->server->clock, &e->timer);
        if (e->is_live) set_left(e);
    }
}

/* --- making and dropping ---------------------------------------------------------------------- */

static int measure(const hy_node_t *value, const hy_str_t *url, size_t *bytes, hy_error_t *err) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_json_write(&b, hy_node_value((hy_node_t *)value));
    bool failed = b.failed;
    *bytes = b.len;
    hy_buf_deinit(&b);
    if (failed) return hy_fail(err, HY_ENOMEM, "%s not registered: out of memory", url->bytes);
    if (*bytes > HY_REGISTRY_ENTRY_BYTES_MAX)
        return hy_fail(err, HY_ETOO_LARGE, "the entry of %s has %zu bytes; at most %u are kept",
                       url->bytes, *bytes, HY_REGISTRY_ENTRY_BYTES_MAX);
    return 0;
}

/* Makes room for so many bytes by forgetting entries that were left, longest first, but not `keep`.
 */
static bool make_room(hy__registry_t *r, size_t bytes, const hy__entry_t *keep) {
    while (r->bytes + bytes > HY_REGISTRY_BYTES_MAX) {
        hy_link_t *first = r->left.next;
        if (keep && first == &keep->link) first = first->next;
        if (first == &r->left) return false;
        hy__entry_drop(hy_link_owner(first, hy__entry_t, link));
    }
    return true;
}

void hy__entry_drop(hy__entry_t *e) {
    hy_node_server_t *n = e->server;
    hy__watched_t w;
    hy__watched_begin(e, &w);
    hy__keep_entry_end(e);
    hy_timer_stop(n->clock, &e->timer);
    if (e->session) e->session->held -= e->cost;
    hy_list_remove(&e->link);
    unindex(e);
    hy__slot_remove(&n->registry->entries, e->url);
    n->registry->bytes -= e->cost;
    n->stats.entries--;
    hy_node_unref(e->value);
    hy_str_unref(e->url);
    hy_free(e);
    hy__watched_end(NULL, &w);
}

static hy__entry_t *entry_make(hy_node_server_t *n, hy_str_t *url, hy__type_t type) {
    hy__entry_t *e = hy_alloc_zero(sizeof *e);
    if (!e) return NULL;
    e->server = n;
    e->type = type;
    e->is_live = true;
    e->cost = ENTRY_BYTES;
    hy_timer_init(&e->timer, on_expired, e);
    hy_link_init(&e->link);
    if (hy__slot_put(&n->registry->entries, url, e) < 0) {
        hy_free(e);
        return NULL;
    }
    e->url = hy_str_ref(url);
    n->registry->bytes += ENTRY_BYTES;
    n->stats.entries++;
    return e;
}

static uint32_t count_texts(hy_value_t v) {
    uint32_t count = v.kind == HY_STR;
    for (size_t i = 0; v.kind == HY_ARRAY && i < hy_node_count(v.as.n); i++)
        count += hy_node_at(v.as.n, i).kind == HY_STR;
    return count;
}

/* What it costs with its keys, of which there may be fewer in the end. */
static int price(const hy_node_t *value, const hy_str_t *url, size_t bytes, size_t *cost,
                 hy_error_t *err) {
    uint32_t count = count_texts(hy_get(value, "schemas")) + 1;
    for (unsigned field = 0; field < HY__BY_IDENTIFIER; field++)
        count += count_texts(hy_get(value, FIELDS[field]));
    *cost = bytes + ENTRY_BYTES + count * KEY_BYTES;
    if (count <= HY_REGISTRY_KEYS_MAX) return 0;
    return hy_fail(err, HY_ETOO_LARGE,
                   "the entry of %s has %u schemas and resources and the like; at most %u are kept",
                   url->bytes, count, HY_REGISTRY_KEYS_MAX);
}

static int refuse_full(hy_node_server_t *n, const hy_str_t *url, hy_error_t *err) {
    return hy__bound_refuse(n, HY__BOUND_REGISTRY, "the registry is full: it", url->bytes, err);
}

static int find_room(hy__entry_t *e, const hy_session_t *s, const hy_node_t *value, size_t *bytes,
                     size_t *cost, hy_error_t *err) {
    int r = measure(value, e->url, bytes, err);
    if (r == 0) r = price(value, e->url, *bytes, cost, err);
    if (r == 0 && s && (e->session != s || *cost > e->cost))
        r = hy__session_check_room(s, *cost, err);
    if (r == 0 && !make_room(e->server->registry, *cost - ENTRY_BYTES, e))
        r = refuse_full(e->server, e->url, err);
    return r;
}

int hy__entry_change(hy__entry_t *e, const hy_session_t *s, hy_node_t *value, hy_error_t *err) {
    hy__registry_t *registry = e->server->registry;
    size_t bytes = 0, cost = 0;
    keys_t k;
    int r = find_room(e, s, value, &bytes, &cost, err);
    if (r == 0) {
        r = find_keys(e, value, &k);
        if (r == 0) r = index_entry(e, &k);
        if (r < 0) drop_keys(&k);
        if (r < 0) hy_fail(err, r, "%s not registered: out of memory", e->url->bytes);
    }
    if (r < 0) {
        hy_node_unref(value);
        return r;
    }
    hy_node_unref(e->value);
    e->value = value;
    e->is_kept = false;
    registry->bytes += cost;
    registry->bytes -= e->cost;
    if (e->session) e->session->held = e->session->held + cost - e->cost;
    e->bytes = bytes;
    e->cost = cost;
    return 0;
}

int hy__entry_put(hy_session_t *s, hy_str_t *url, hy__type_t type, hy_node_t *value,
                  hy__entry_t **out, hy_error_t *err) {
    hy_node_server_t *n = s->server;
    hy__entry_t *e = hy__entry_find(n->registry, url->bytes, url->len);
    bool is_new = !e;
    if (e && e->type != type) {
        unindex(e);
        e->type = type;
    }
    if (is_new) e = make_room(n->registry, ENTRY_BYTES, NULL) ? entry_make(n, url, type) : NULL;
    if (!e) {
        hy_node_unref(value);
        return refuse_full(n, url, err);
    }
    int r = hy__entry_change(e, s, value, err);
    if (r < 0 && is_new) hy__entry_drop(e);
    if (r == 0) *out = e;
    return r;
}

int hy__entry_restore(hy_node_server_t *n, hy_session_t *s, hy_str_t *url, hy__type_t type,
                      hy_node_t *value, uint64_t expires_ms, bool is_lapsed) {
    bool is_live = hy_str_is(hy_get_str(value, "status"), "live");
    hy__entry_t *e = entry_make(n, url, type);
    if (!e) {
        hy_node_unref(value);
        return HY_ENOMEM;
    }
    belong(e, s);
    e->is_live = is_live; /* nobody is told what is as it was */
    int r = hy__entry_change(e, s, value, NULL);
    if (r == 0 && s && is_live) r = hy__entry_touch(e, s, expires_ms, NULL);
    if (r < 0) {
        hy__entry_drop(e);
        return r;
    }
    e->is_lapsed = is_lapsed;
    e->is_kept = true;
    if (!s && is_live) hy__entry_set_live(e, false, true);
    return 0;
}

int hy__registry_new(hy_node_server_t *n) {
    hy__registry_t *r = hy_alloc_zero(sizeof *r);
    if (!r) return HY_ENOMEM;
    hy_dict_init(&r->entries, sizeof(hy__slot_t));
    for (unsigned type = 0; type < HY__TYPES; type++)
        for (unsigned field = 0; field < HY__FIELDS; field++)
            hy_dict_init(&r->index[type][field], sizeof(hy__slot_t));
    hy_link_init(&r->left);
    hy__watches_init(r);
    n->registry = r;
    return 0;
}

void hy__registry_forget(hy_node_server_t *n, hy_str_t *url) {
    hy__entry_t *e = hy__entry_find(n->registry, url->bytes, url->len);
    if (e) hy__entry_drop(e);
}

void hy__registry_pass(hy_node_server_t *n, hy_str_t *url, hy_session_t *to) {
    hy__entry_t *e = hy__entry_find(n->registry, url->bytes, url->len);
    if (!e) return;
    belong(e, to);
    hy__keep_entry(e);
}

void hy__registry_free(hy_node_server_t *n) {
    hy__registry_t *r = n->registry;
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&r->entries, &pos));)
        hy__entry_drop(slot->item);
    hy_dict_deinit(&r->entries);
    for (unsigned type = 0; type < HY__TYPES; type++)
        for (unsigned field = 0; field < HY__FIELDS; field++)
            hy_dict_deinit(&r->index[type][field]);
    n->registry = NULL;
    hy_free(r);
}
