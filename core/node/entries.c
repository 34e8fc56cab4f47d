/* The entries of the domain registry.
 *
 *      entries                        URL  -> entry
 *      index[hyperty][user]           user -> bucket ──► entry ──► entry
 *      index[dataObject][schema]      …
 *
 * An entry is in one bucket for each field that it has; so reading by a field walks nothing else.
 * An entry belongs to the session that created it or kept it alive last; without session it is
 * kept, disconnected, until room is needed. Changes of status are published on <URL>/registration.
 */
#include "entries.h"

#include "../base/buf.h"
#include "../base/json.h"

#define ENTRY_BYTES (sizeof(hy__entry_t) + 512) /* what an entry costs beside its text */

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

static hy__bucket_t *bucket_open(hy_dict_t *index, hy_str_t *key) {
    hy__bucket_t *b = hy__slot_get(index, key);
    if (b) return b;
    if (!(b = hy_alloc_zero(sizeof *b))) return NULL;
    if (hy__slot_put(index, key, b) < 0) {
        hy_free(b);
        return NULL;
    }
    b->key = hy_str_ref(key);
    hy_link_init(&b->entries);
    return b;
}

static void unlink_field(hy__entry_t *e, unsigned field) {
    hy__bucket_t *b = e->buckets[field];
    if (!b) return;
    e->buckets[field] = NULL;
    hy_list_remove(&e->links[field]);
    if (!hy_list_is_empty(&b->entries)) return;
    hy__slot_remove(&e->server->registry->index[e->type][field], b->key);
    hy_str_unref(b->key);
    hy_free(b);
}

/* The text by which the entry is found in that field; NULL if it has none. *owned: to let go of. */
static hy_str_t *field_of(const hy__entry_t *e, unsigned field, bool *ok) {
    if (field != HY__BY_IDENTIFIER) {
        hy_str_t *text = hy_get_str(e->value, FIELDS[field]);
        return text ? hy_str_ref(text) : NULL;
    }
    hy_span_t id = hy_address_identifier(e->url);
    hy_str_t *text = hy_str_new(id.bytes, id.len);
    if (!text) *ok = false;
    return text;
}

/* Puts the entry into the buckets of its present value. */
static int index_entry(hy__entry_t *e) {
    bool ok = true;
    for (unsigned field = 0; field < HY__FIELDS && ok; field++) {
        hy_str_t *key = field_of(e, field, &ok);
        hy__bucket_t *b = e->buckets[field];
        if (!key || !b || !hy_str_equal(key, b->key)) {
            unlink_field(e, field);
            b = key ? bucket_open(&e->server->registry->index[e->type][field], key) : NULL;
            ok = ok && (b || !key);
            if (b) hy_list_append(&b->entries, &e->links[field]);
            e->buckets[field] = b;
        }
        hy_str_unref(key);
    }
    return ok ? 0 : HY_ENOMEM;
}

hy__entry_t *hy__entry_find(const hy__registry_t *r, const char *url, size_t len) {
    return hy__slot_find(&r->entries, url, len);
}

const hy__bucket_t *hy__bucket_find(const hy__registry_t *r, hy__type_t type, hy__field_t field,
                                    const char *key, size_t len) {
    return hy__slot_find(&r->index[type][field], key, len);
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

static void on_expired(void *arg) {
    hy__entry_set_live(arg, false, true);
    hy__keep_entry(arg);
}

/* Who keeps it alive pays for it. */
static void belong(hy__entry_t *e, hy_session_t *s) {
    size_t bytes = e->bytes + ENTRY_BYTES;
    if (e->session) e->session->held -= bytes;
    if (s) s->held += bytes;
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
    hy_list_take(&s->entries, &entries);
    while (!hy_list_is_empty(&entries)) {
        hy__entry_t *e = hy_link_owner(entries.next, hy__entry_t, link);
        belong(e, NULL);
        if (e->is_live) hy__entry_set_live(e, false, true);
        hy_timer_stop(s->server->clock, &e->timer);
    }
}

/* --- making and dropping ---------------------------------------------------------------------- */

static int measure(hy_node_t *value, const hy_str_t *url, size_t *bytes, hy_error_t *err) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_json_write(&b, hy_node_value(value));
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
    hy__keep_entry_end(e);
    hy_timer_stop(n->clock, &e->timer);
    if (e->session) e->session->held -= e->bytes + ENTRY_BYTES;
    hy_list_remove(&e->link);
    for (unsigned field = 0; field < HY__FIELDS; field++)
        unlink_field(e, field);
    hy__slot_remove(&n->registry->entries, e->url);
    n->registry->bytes -= e->bytes + ENTRY_BYTES;
    n->stats.entries--;
    hy_node_unref(e->value);
    hy_str_unref(e->url);
    hy_free(e);
}

static hy__entry_t *entry_make(hy_node_server_t *n, hy_str_t *url, hy__type_t type) {
    hy__entry_t *e = hy_alloc_zero(sizeof *e);
    if (!e) return NULL;
    e->server = n;
    e->type = type;
    e->is_live = true;
    hy_timer_init(&e->timer, on_expired, e);
    hy_link_init(&e->link);
    for (unsigned field = 0; field < HY__FIELDS; field++)
        hy_link_init(&e->links[field]);
    if (hy__slot_put(&n->registry->entries, url, e) < 0) {
        hy_free(e);
        return NULL;
    }
    e->url = hy_str_ref(url);
    n->registry->bytes += ENTRY_BYTES;
    n->stats.entries++;
    return e;
}

int hy__entry_change(hy__entry_t *e, const hy_session_t *s, hy_node_t *value, hy_error_t *err) {
    hy__registry_t *registry = e->server->registry;
    size_t bytes;
    int r = measure(value, e->url, &bytes, err);
    if (r == 0 && s && (e->session != s || bytes > e->bytes))
        r = hy__session_check_room(s, bytes + ENTRY_BYTES, err);
    if (r == 0 && !make_room(registry, bytes, e))
        r = hy_fail(err, HY_EFULL, "the registry is full: no room for %s", e->url->bytes);
    if (r < 0) {
        hy_node_unref(value);
        return r;
    }
    hy_node_unref(e->value);
    e->value = value;
    e->is_kept = false;
    registry->bytes += bytes;
    registry->bytes -= e->bytes;
    if (e->session) e->session->held = e->session->held + bytes - e->bytes;
    e->bytes = bytes;
    if (index_entry(e) == 0) return 0;
    return hy_fail(err, HY_ENOMEM, "%s is not fully indexed: out of memory", e->url->bytes);
}

int hy__entry_put(hy_session_t *s, hy_str_t *url, hy__type_t type, hy_node_t *value,
                  hy__entry_t **out, hy_error_t *err) {
    hy_node_server_t *n = s->server;
    hy__entry_t *e = hy__entry_find(n->registry, url->bytes, url->len);
    bool is_new = !e;
    if (e && e->type != type) {
        for (unsigned field = 0; field < HY__FIELDS; field++)
            unlink_field(e, field);
        e->type = type;
    }
    if (is_new) e = make_room(n->registry, ENTRY_BYTES, NULL) ? entry_make(n, url, type) : NULL;
    if (!e) {
        hy_node_unref(value);
        return hy_fail(err, HY_EFULL, "the registry is full: no room for %s", url->bytes);
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
