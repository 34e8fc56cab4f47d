/* A node that starts reads what it kept (keep.h), in an order in which each thing finds what it
 * belongs to:
 *
 *      sessions ─► claims ─► addresses ─► what was deleted ─► routes ─► objects
 *               ─► who is admitted ─► entries
 *
 * A session is then as if its connection had just been lost: it waits for its runtime for the grace
 * time, with an empty queue. Rows of sessions that had ended mean nothing; where they lie in the
 * way they are removed. A row that makes no sense is logged and left alone: it is for a person to
 * look at. */
#include "authorised.h"
#include "keep.h"

#include <inttypes.h>
#include <stdlib.h>

#define TABLES                                                                                     \
    (1u << HY_TABLE_ADDRESSES | 1u << HY_TABLE_SESSIONS | 1u << HY_TABLE_CLAIMS |                  \
     1u << HY_TABLE_ROUTES | 1u << HY_TABLE_ENTRIES | 1u << HY_TABLE_OBJECTS)

/* A row as its reader gets it. */
typedef struct {
    hy__keep_t *keep;
    hy_node_server_t *node;
    hy_str_t *owner, *key;
    hy_node_t *value;
} read_t;

/* HY_ENOMEM ends the start; any other failure is this row's alone. */
typedef int (*read_cb)(read_t *r);

static void see_id(hy_node_server_t *n, uint64_t id) {
    if (id > n->sessions_made) n->sessions_made = id;
}

/* 0 if there is none, or one that no node has given. */
static uint64_t read_id(const read_t *r, const char *key) {
    int64_t id = hy_get_int(r->value, key, 0);
    if (id < 0 || id > HY_NODE_NUMBER_MAX) return 0;
    see_id(r->node, (uint64_t)id);
    return (uint64_t)id;
}

static hy_session_t *session_of(const read_t *r, const hy_str_t *runtime, uint64_t id) {
    hy_session_t *s = runtime ? hy__session_find(r->node, runtime->bytes, runtime->len) : NULL;
    return s && s->id == id ? s : NULL;
}

/* --- sessions, claims, addresses -------------------------------------------------------------- */

static bool is_of_users(hy_value_t v) {
    return v.kind == HY_ARRAY && hy_claims_check_users(v.as.n, NULL) == 0;
}

static int read_session(read_t *r) {
    hy_str_t *token = hy_get_str(r->value, "token");
    hy_value_t users = hy_get(r->value, "users");
    uint64_t id = read_id(r, "id");
    bool is_second = hy__session_find(r->node, r->owner->bytes, r->owner->len) != NULL;
    if (!token || id == 0 || is_second || r->key->len > 0) return HY_EINVALID;
    if (users.kind != HY_ABSENT && !is_of_users(users)) return HY_EINVALID;
    hy_session_t *s;
    int rc = hy__session_restore(r->node, r->owner, token, id, &s);
    return rc == 0 ? hy__authority_restore(s, users) : rc;
}

static int read_claim(read_t *r) {
    const hy_session_t *s = hy__session_find(r->node, r->owner->bytes, r->owner->len);
    if (!s) return HY_EINVALID;
    int rc = hy__claim_check(r->node, s->owner, r->key, NULL);
    return rc < 0 ? rc : hy__claim(r->node, s->owner, r->key, false, NULL);
}

/* Of the addresses of a lot the one after those `before`; `id` is its only path segment. */
static int read_address(const read_t *r, hy__owner_t *o, const hy_str_t *id,
                        hy__address_t *const *before, uint32_t count, hy__address_t **out) {
    hy_str_t *at = hy_get_str(r->value, "at"), *key = hy_get_str(r->value, "key");
    hy_str_t *url = hy_str_format("%s%s", at->bytes, id->bytes);
    int rc = url ? hy__claim_check(r->node, o, url, NULL) : HY_ENOMEM;
    if (rc == 0 && hy_address_identifier(url).len != id->len) rc = HY_EINVALID;
    if (rc == 0) rc = hy__claim(r->node, o, url, true, NULL);
    *out = rc == 0 ? hy__address_get(r->node, url) : NULL;
    if (rc == 0 && (!*out || !(*out)->is_allocated || (*out)->lot)) rc = HY_EINVALID;
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        if (before[i] == *out) rc = HY_EINVALID;
    if (rc == 0 && key) rc = hy__allocation_join(r->node, *out, key);
    hy_str_unref(url);
    return rc;
}

static int read_lot(read_t *r) {
    const hy_str_t *at = hy_get_str(r->value, "at");
    const hy_node_t *ids = hy_get_array(r->value, "ids");
    hy__address_t *addresses[HY_LOT_MAX];
    uint32_t count = 0;
    uint64_t number = strtoull(r->key->bytes, NULL, 10);
    if (number > HY_NODE_NUMBER_MAX) return HY_EINVALID;
    if (number > r->keep->lots_made) r->keep->lots_made = number;
    if (!at || !ids || hy_node_count(ids) == 0 || hy_node_count(ids) > HY_LOT_MAX)
        return HY_EINVALID;
    hy__owner_t *o = hy__owner_open(r->node, r->owner);
    int rc = o ? 0 : HY_ENOMEM;
    for (size_t i = 0; rc == 0 && i < hy_node_count(ids); i++) {
        hy_value_t id = hy_node_at(ids, i);
        rc = id.kind == HY_STR ? read_address(r, o, id.as.s, addresses, count, &addresses[count])
                               : HY_EINVALID;
        if (rc == 0) count++;
    }
    int made = count > 0 ? hy__lot_make(r->node, r->key, o, addresses, count) : 0;
    if (o) hy__owner_tidy(r->node, o);
    return made < 0 ? made : rc;
}

/* --- routes ----------------------------------------------------------------------------------- */

static int read_route(read_t *r) {
    hy_session_t *s = hy__session_find(r->node, r->owner->bytes, r->owner->len);
    const char *space = memchr(r->key->bytes, ' ', r->key->len);
    if (!s || !space) return HY_EINVALID;
    hy_str_t *url = hy_str_new(r->key->bytes, (size_t)(space - r->key->bytes));
    hy_str_t *source = hy_str_from(space + 1);
    hy_error_t err = {.code = HY_ENOMEM};
    int rc = HY_ENOMEM;
    if (url && source && hy__tombstone_has(r->node, url))
        rc = hy_store_remove(r->keep->store, HY_TABLE_ROUTES, r->owner, r->key);
    else if (url && source)
        rc = hy__route_add(s, url, source, &err);
    hy_str_unref(url);
    hy_str_unref(source);
    return rc;
}

/* --- objects ---------------------------------------------------------------------------------- */

static bool is_tombstone(const read_t *r) {
    return r->owner->len == 0;
}

/* The holder of an object, by the id of its session. */
static hy_session_t *holder_of(const read_t *r, uint64_t id) {
    hy_session_t *s = hy__holder_of(r->node, r->owner->bytes, r->owner->len);
    return s && id && s->id == id ? s : NULL;
}

static int read_object(read_t *r) {
    if (is_tombstone(r) || r->key->len > 0) {
        read_id(r, "session");
        return 0;
    }
    uint64_t id = read_id(r, "session"), by = read_id(r, "by");
    hy_str_t *epoch = hy_get_str(r->value, "epoch");
    if (epoch && epoch->len > HY_NAME_BYTES_MAX) return HY_EINVALID;
    hy__address_t *a = epoch ? hy__address_get(r->node, r->owner) : NULL;
    if (a && !a->epoch) {
        a->epoch = hy_str_ref(epoch);
        a->epoch_session = by;
    }
    hy__object_t *o = hy__slot_get(&r->node->objects, r->owner);
    if (o)
        hy__object_restore(o, holder_of(r, id), hy_get_str(r->value, "reporter"),
                           hy_get_bool(r->value, "guard", false));
    return 0;
}

/* Of those whom the present holder admitted, each who is still here or never came. */
static int read_admitted(read_t *r) {
    if (is_tombstone(r) || r->key->len == 0) return 0;
    hy__object_t *o = hy__slot_get(&r->node->objects, r->owner);
    uint64_t id = read_id(r, "session");
    const hy_session_t *s = hy__holder_of(r->node, r->key->bytes, r->key->len);
    if (o && o->said && (id == 0 || (s && s->id == id))) return hy__object_readmit(o, r->key, id);
    return hy_store_remove(r->keep->store, HY_TABLE_OBJECTS, r->owner, r->key);
}

typedef struct {
    hy_str_t *url;
    int64_t until_ms; /* wall clock */
} grave_t;

static int by_time(const void *a, const void *b) {
    int64_t x = ((const grave_t *)a)->until_ms, y = ((const grave_t *)b)->until_ms;
    return (x > y) - (x < y);
}

static int restore_graves(hy__keep_t *k, grave_t *graves, size_t count) {
    const hy_clock_t *clock = k->server->clock;
    int64_t now_ms = hy_clock_wall(clock);
    int rc = 0;
    if (count > 1) qsort(graves, count, sizeof *graves, by_time);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        int64_t left_ms = graves[i].until_ms > now_ms ? graves[i].until_ms - now_ms : 0;
        if (left_ms > (int64_t)HY_TOMBSTONE_MS) left_ms = HY_TOMBSTONE_MS;
        if (left_ms > 0)
            hy__tombstone_restore(k->server, graves[i].url,
                                  hy_clock_now(clock) + (uint64_t)left_ms);
        else
            rc = hy_store_remove(k->store, HY_TABLE_OBJECTS, k->nothing, graves[i].url);
    }
    return rc;
}

/* --- registry --------------------------------------------------------------------------------- */

static int read_entry(read_t *r) {
    hy_str_t *runtime = hy_get_str(r->value, "runtime");
    uint64_t id = read_id(r, "session"), expires_ms;
    hy_node_t *value = hy_get_object(r->value, "value");
    hy_value_t copy = hy_absent();
    int64_t type = hy_get_int(r->value, "type", -1);
    if (!value || type < 0 || type >= HY__TYPES || r->owner->len > 0) return HY_EINVALID;
    if (hy__entry_expires(value, &expires_ms, NULL) < 0) return HY_EINVALID;
    if (hy_value_copy(hy_node_value(value), &copy) < 0) return HY_ENOMEM;
    return hy__entry_restore(r->node, session_of(r, runtime, id), r->key, (hy__type_t)type,
                             copy.as.n, expires_ms, hy_get_bool(r->value, "lapsed", false));
}

/* --- all -------------------------------------------------------------------------------------- */

static int read_row(hy__keep_t *k, const hy_row_t *row, read_cb cb) {
    hy_value_t v = hy_absent();
    read_t r = {.keep = k, .node = k->server};
    r.owner = hy_str_new(row->owner, row->owner_len);
    r.key = hy_str_new(row->key, row->key_len);
    int rc = r.owner && r.key
                 ? hy_json_read(row->value, row->value_len, HY_JSON_DEPTH_MAX, &v, NULL)
                 : HY_ENOMEM;
    if (rc == 0 && v.kind != HY_OBJECT) rc = HY_EINVALID;
    if (rc == 0) {
        r.value = v.as.n;
        rc = cb(&r);
    }
    hy_value_drop(v);
    hy_str_unref(r.owner);
    hy_str_unref(r.key);
    if (rc == 0 || rc == HY_ENOMEM) return rc;
    hy_log(k->server->log, HY_LOG_WARN, "node",
           "%s: %s %s %s makes no sense: it is left out, and stays there to be looked at",
           hy_store_name(k->store), hy_table_name(row->table), row->owner, row->key);
    return 0;
}

static int read_table(hy__keep_t *k, const hy_rows_t *rows, hy_table_t table, read_cb cb) {
    hy_row_t row;
    int rc = 0;
    for (size_t pos = 0; rc == 0 && hy_rows_next(rows, &pos, &row);)
        if (row.table == table) rc = read_row(k, &row, cb);
    return rc;
}

static size_t count_graves(const hy_rows_t *rows) {
    hy_row_t row;
    size_t count = 0;
    for (size_t pos = 0; hy_rows_next(rows, &pos, &row);)
        count += row.table == HY_TABLE_OBJECTS && row.owner_len == 0;
    return count;
}

static int read_graves(hy__keep_t *k, const hy_rows_t *rows) {
    size_t room = count_graves(rows), count = 0;
    grave_t *graves = room ? hy_alloc(room * sizeof *graves) : NULL;
    if (room && !graves) return HY_ENOMEM;
    hy_row_t row;
    int rc = 0;
    for (size_t pos = 0; rc == 0 && hy_rows_next(rows, &pos, &row);) {
        if (row.table != HY_TABLE_OBJECTS || row.owner_len > 0) continue;
        hy_value_t v = hy_absent();
        rc = hy_json_read(row.value, row.value_len, HY_JSON_DEPTH_MAX, &v, NULL);
        grave_t g = {.url = rc == 0 ? hy_str_new(row.key, row.key_len) : NULL};
        if (v.kind == HY_OBJECT) g.until_ms = hy_get_int(v.as.n, "until", 0);
        hy_value_drop(v);
        if (g.url) graves[count++] = g;
        rc = rc == HY_ENOMEM || (rc == 0 && !g.url) ? HY_ENOMEM : 0;
    }
    if (rc == 0) rc = restore_graves(k, graves, count);
    while (count > 0)
        hy_str_unref(graves[--count].url);
    hy_free(graves);
    return rc;
}

static int read_all(hy__keep_t *k, const hy_rows_t *rows) {
    int rc = read_table(k, rows, HY_TABLE_SESSIONS, read_session);
    if (rc == 0) rc = read_table(k, rows, HY_TABLE_CLAIMS, read_claim);
    if (rc == 0) rc = read_table(k, rows, HY_TABLE_ADDRESSES, read_lot);
    if (rc == 0) rc = read_graves(k, rows);
    if (rc == 0) rc = read_table(k, rows, HY_TABLE_ROUTES, read_route);
    if (rc == 0) rc = read_table(k, rows, HY_TABLE_OBJECTS, read_object);
    if (rc == 0) rc = read_table(k, rows, HY_TABLE_OBJECTS, read_admitted);
    if (rc == 0) rc = read_table(k, rows, HY_TABLE_ENTRIES, read_entry);
    return rc;
}

static void on_rows(void *keep, int code, const hy_rows_t *rows) {
    hy__keep_t *k = keep;
    const hy_node_stats_t *stats = &k->server->stats;
    k->read = NULL;
    if (code == 0) code = read_all(k, rows);
    if (code == 0) code = hy__keep_watch(k);
    k->is_open = code == 0;
    if (code < 0)
        hy_log(k->server->log, HY_LOG_ERROR, "node", "%s cannot be read: %s",
               hy_store_name(k->store), hy_error_text(code));
    else if (stats->sessions + stats->allocated + stats->entries > 0)
        hy_log(k->server->log, HY_LOG_INFO, "node",
               "%s: as they were: sessions %u, allocated addresses %u, registry entries %u",
               hy_store_name(k->store), stats->sessions, stats->allocated, stats->entries);
    if (k->ready) k->ready(k->ready_arg, code);
}

int hy__keep_open(hy_node_server_t *n, const hy_node_config_t *config) {
    hy__keep_t *k = hy_alloc_zero(sizeof *k);
    if (!k) return HY_ENOMEM;
    *k = (hy__keep_t){.server = n, .store = config->store};
    k->ready = config->ready;
    k->ready_arg = config->ready_arg;
    hy_buf_init(&k->text);
    hy_link_init(&k->lots);
    hy_link_init(&k->waiting);
    n->keep = k;
    if (!(k->nothing = hy_str_from(""))) return HY_ENOMEM;
    return hy_store_read(k->store, TABLES, NULL, on_rows, k, &k->read);
}

void hy__keep_close(hy_node_server_t *n) {
    hy__keep_t *k = n->keep;
    if (!k) return;
    hy__lots_flush(n);
    hy_store_read_cancel(k->read);
    hy_store_unwatch(k->watch);
    hy_str_unref(k->nothing);
    hy_buf_deinit(&k->text);
    hy_free(k);
    n->keep = NULL;
}

bool hy__keep_is_reading(const hy_node_server_t *n) {
    return n->keep && !n->keep->is_open;
}
