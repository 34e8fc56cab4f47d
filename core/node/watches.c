/* Watches of the domain registry: who wants to be told when entries come and go.
 *
 *      subscribe {watch, criteria} ─► watch ─► in the bucket of its most selective criterion
 *      entry changes ─► watches in the buckets that it was in and is in now ─► event to its runtime
 *
 * So a change costs a look at those watches alone that have a value in common with the entry; only
 * a watch without criterion by which entries are indexed is looked at each time.
 *
 * An event says what has become of the entry for this watch: "live" or "disconnected" (it matches,
 * and did not, or has changed its status), "deleted" (it is gone, or does not match any more). They
 * are numbered, from a number that is drawn: `n` of the answer is that of the last one that its
 * list takes into account, so what was lost or comes twice is known by its number. The watch may be
 * subscribed again at any time, for a fresh list; with `n`, up to which it was heard, the list is
 * left out if nothing else has happened.
 *
 * A list is bounded as a read is: what is live has to fit into one message (413), of the rest there
 * is what fits, and `complete` false says that it is not all.
 *
 * A session that does not keep up loses what waits of the watch and gets nothing more of it, but
 * one event of the kind "lost", until it subscribes it again (outgoing.c). If not even that fits,
 * its connection is closed. So whoever connects again has to subscribe its watches again, also in a
 * session that is taken over. A watch is not stored, and ends with its session. */
#include "entries.h"

#include <inttypes.h>

typedef enum { NOTHING, LIVE, DISCONNECTED, DELETED, LOST } kind_t;

static const char *const KINDS[] = {
    [LIVE] = "live", [DISCONNECTED] = "disconnected", [DELETED] = "deleted", [LOST] = "lost"};

/* Its place among the watches of a bucket, or of a type. */
typedef struct {
    hy_link_t link;
    hy__watch_t *watch;
    hy__bucket_t *bucket; /* NULL: of a type, or nowhere */
} seat_t;

struct hy__watch {
    hy_session_t *session;
    hy_link_t link; /* in the session's */
    hy_str_t *to;   /* who has subscribed it */
    int64_t id;     /* as that one calls it */
    hy_node_t *criteria;
    hy__field_t field; /* of its buckets */
    seat_t seats[HY__TYPES];
    uint64_t n;   /* of the last event */
    size_t bytes; /* its part in session->held */
    bool is_lost; /* it is told nothing until it is subscribed again */
    /* While an entry changes: among those that it is about, what is to be told; another one that
     * it is about has changed in the middle of that. */
    hy__watched_t *change;
    hy_link_t changing;
    kind_t kind;
    bool is_torn;
};

/* --- telling ---------------------------------------------------------------------------------- */

static hy_msg_t *make_event(const hy__watch_t *w, kind_t kind, const hy_node_t *entry) {
    hy_node_t *value = hy_node_new(HY_OBJECT), *body = hy_node_new(HY_OBJECT);
    hy_value_t copy = hy_absent();
    int r = hy_put(value, "kind", hy_text(KINDS[kind]));
    if (r == 0) r = hy_put(value, "watch", hy_int(w->id));
    if (r == 0 && entry) r = hy_put(value, "n", hy_int((int64_t)w->n));
    if (r == 0 && entry) r = hy_value_copy(hy_node_value((hy_node_t *)entry), &copy);
    if (r == 0 && entry) r = hy_put(value, "entry", copy);
    if (r == 0) {
        r = hy_put(body, "value", hy_node_value(value));
    } else {
        hy_node_unref(value);
    }
    if (r < 0) {
        hy_node_unref(body);
        return NULL;
    }
    return hy_msg_new(HY_MSG_EVENT, hy_absent(), w->session->server->registry_url, w->to,
                      hy_node_value(body));
}

hy_msg_t *hy__watch_lose(hy__watch_t *w) {
    w->is_lost = true;
    w->session->server->stats.watch_losses++;
    return make_event(w, LOST, NULL);
}

/* What it is told stays behind the answer to its subscription, which may wait for a commit. */
static void tell(hy__watch_t *w, kind_t kind, const hy_node_t *entry) {
    hy_session_t *s = w->session;
    hy_node_server_t *n = s->server;
    if (w->is_lost || kind == NOTHING) return;
    w->n++;
    bool has_room = n->stats.waiting_bytes < HY_NODE_WAITING_BYTES_MAX;
    hy_msg_t *m = kind != LOST && has_room ? make_event(w, kind, entry) : NULL;
    if (m)
        n->stats.watch_events++;
    else
        m = hy__watch_lose(w);
    if (m)
        hy__keep_hand(s, m, false);
    else
        hy__peer_end(s->peer, HY_CLOSE_INTERNAL, "out of memory");
    hy_msg_unref(m);
}

bool hy__watch_has(const hy_session_t *s, hy_msg_t *m, int64_t *id) {
    if (m->type != HY_MSG_EVENT || !hy_str_equal(m->from, s->server->registry_url)) return false;
    const hy_node_t *value = hy_get_object(hy_msg_body(m), "value");
    *id = hy_get_int(value, "watch", 0);
    return *id > 0 && hy_get(value, "n").kind == HY_INT;
}

hy__watch_t *hy__watch_find(const hy_session_t *s, int64_t id) {
    for (const hy_link_t *l = s->watches.next; l != &s->watches; l = l->next) {
        hy__watch_t *w = hy_link_owner(l, hy__watch_t, link);
        if (w->id == id) return w;
    }
    return NULL;
}

bool hy__watch_is_lost(const hy__watch_t *w) {
    return w->is_lost;
}

/* --- an entry changes ------------------------------------------------------------------------- */

typedef void (*each_cb)(hy__watch_t *w, hy__watched_t *change);

/* Calls for those of a list that the entry matches. */
static void each_of(const hy_link_t *list, const hy__entry_t *e, hy__watched_t *change,
                    each_cb fn) {
    for (const hy_link_t *l = list->next; l != list; l = l->next) {
        hy__watch_t *w = hy_link_owner(l, seat_t, link)->watch;
        if (hy__criteria_match(w->criteria, e)) fn(w, change);
    }
}

static void each(const hy__entry_t *e, hy__watched_t *change, each_cb fn) {
    for (uint32_t i = 0; i < e->key_count; i++)
        each_of(&e->keys[i].bucket->watches, e, change, fn);
    each_of(&e->server->registry->watches[e->type], e, change, fn);
}

static void add(hy__watch_t *w, hy__watched_t *change, kind_t kind) {
    if (w->change) {
        w->is_torn = true; /* the one that it is changing with tells it so */
        return;
    }
    w->change = change;
    w->kind = kind;
    hy_list_append(&change->watches, &w->changing);
}

static void note_before(hy__watch_t *w, hy__watched_t *change) {
    add(w, change, DELETED);
}

static void note_after(hy__watch_t *w, hy__watched_t *change) {
    kind_t kind = change->is_live ? LIVE : DISCONNECTED;
    if (w->change == change)
        w->kind = change->was_live == change->is_live ? NOTHING : kind;
    else
        add(w, change, kind);
}

void hy__watched_begin(const hy__entry_t *e, hy__watched_t *change) {
    *change = (hy__watched_t){.value = NULL};
    hy_link_init(&change->watches);
    if (!e || !e->value || e->server->is_closing || e->server->stats.watches == 0) return;
    change->value = hy_node_ref(e->value);
    change->was_live = e->is_live;
    each(e, change, note_before);
}

/* Those who are told may have a watch end. */
void hy__watched_end(const hy__entry_t *e, hy__watched_t *change) {
    if (e && !e->server->is_closing && e->server->stats.watches > 0) {
        change->is_live = e->is_live;
        each(e, change, note_after);
        if (change->value) hy_node_unref(change->value);
        change->value = hy_node_ref(e->value);
    }
    while (!hy_list_is_empty(&change->watches)) {
        hy__watch_t *w = hy_link_owner(change->watches.next, hy__watch_t, changing);
        kind_t kind = w->is_torn ? LOST : w->kind;
        hy_list_remove(&w->changing);
        w->change = NULL;
        w->is_torn = false;
        tell(w, kind, change->value);
    }
    if (change->value) hy_node_unref(change->value);
}

/* --- beginning and end ------------------------------------------------------------------------ */

/* The text by which a criterion narrows; NULL: it does not, or (*rc) there is no memory. */
static hy_str_t *narrow(const hy_node_t *criteria, hy__field_t *field, int *rc) {
    static const struct {
        const char *name;
        hy__field_t field;
    } ORDER[] = {{"url", HY__BY_IDENTIFIER},    {"name", HY__BY_NAME},
                 {"reporter", HY__BY_REPORTER}, {"user", HY__BY_USER},
                 {"schema", HY__BY_SCHEMA},     {"resources", HY__BY_RESOURCES}};
    for (size_t i = 0; criteria && i < sizeof ORDER / sizeof *ORDER; i++) {
        hy_value_t v = hy_get(criteria, ORDER[i].name);
        if (v.kind == HY_ARRAY) v = hy_node_at(v.as.n, 0);
        if (v.kind != HY_STR) continue;
        hy_span_t key = {v.as.s->bytes, v.as.s->len};
        *field = ORDER[i].field;
        if (*field == HY__BY_IDENTIFIER) key = hy_address_identifier(v.as.s);
        if (*field == HY__BY_SCHEMA) key = hy__schema_word(key.bytes, key.len);
        hy_str_t *text = hy_str_new(key.bytes, key.len);
        if (!text) *rc = HY_ENOMEM;
        return text;
    }
    return NULL;
}

/* Of which types its entries can be: a bit each. */
static unsigned types_of(const hy_node_t *criteria) {
    hy__type_t type;
    const hy_str_t *word = hy_get_str(criteria, "type");
    if (word && hy__type_find(word->bytes, word->len, &type)) return 1u << type;
    return (1u << HY__TYPES) - 1;
}

static void watch_free(hy__watch_t *w) {
    hy__registry_t *r = w->session->server->registry;
    for (unsigned type = 0; type < HY__TYPES; type++) {
        seat_t *seat = &w->seats[type];
        hy_list_remove(&seat->link);
        if (seat->bucket) hy__bucket_tidy(r, (hy__type_t)type, w->field, seat->bucket);
    }
    hy_list_remove(&w->changing);
    hy_list_remove(&w->link);
    w->session->held -= w->bytes;
    w->session->watch_count--;
    w->session->server->stats.watches--;
    hy_node_unref(w->criteria);
    hy_str_unref(w->to);
    hy_free(w);
}

void hy__watches_leave(hy_session_t *s) {
    while (!hy_list_is_empty(&s->watches))
        watch_free(hy_link_owner(s->watches.next, hy__watch_t, link));
}

static int take_seats(hy__watch_t *w) {
    hy__registry_t *r = w->session->server->registry;
    int rc = 0;
    hy_str_t *key = narrow(w->criteria, &w->field, &rc);
    unsigned types = types_of(w->criteria);
    for (unsigned type = 0; rc == 0 && type < HY__TYPES; type++) {
        if (!(types >> type & 1)) continue;
        hy_link_t *list = &r->watches[type];
        if (key) {
            hy__bucket_t *b = hy__bucket_open(r, (hy__type_t)type, w->field, key);
            if (!b) rc = HY_ENOMEM;
            w->seats[type].bucket = b;
            list = b ? &b->watches : NULL;
        }
        if (list) hy_list_append(list, &w->seats[type].link);
    }
    hy_str_unref(key);
    return rc;
}

static int check_room(const hy_session_t *s, size_t bytes, hy_error_t *err) {
    if (s->watch_count >= HY_REGISTRY_WATCHES_MAX)
        return hy__bound_refuse(s->server, HY__BOUND_WATCHES, s->owner->runtime->bytes, "another",
                                err);
    if (s->server->stats.watches >= HY_REGISTRY_WATCHES_ALL_MAX)
        return hy__bound_refuse_all(s->server, HY__BOUND_ALL_WATCHES, "another", err);
    return hy__session_check_room(s, bytes, err);
}

static int watch_new(hy_session_t *s, int64_t id, hy_str_t *to, hy_node_t *criteria, size_t bytes,
                     hy__watch_t **out, hy_error_t *err) {
    bytes += sizeof(hy__watch_t) + HY__TYPES * sizeof(hy__bucket_t);
    int r = check_room(s, bytes, err);
    if (r < 0) return r;
    hy_value_t copy = hy_absent();
    hy__watch_t *w = hy_alloc_zero(sizeof *w);
    if (w) r = hy_value_copy(hy_node_value(criteria), &copy);
    if (!w || r < 0) {
        hy_free(w);
        return hy_fail(err, HY_ENOMEM, "not watched: out of memory");
    }
    w->session = s;
    w->to = hy_str_ref(to);
    w->id = id;
    w->criteria = copy.as.n;
    w->bytes = bytes;
    w->n = 1 + hy_random_below(s->server->random, UINT32_MAX);
    hy_link_init(&w->changing);
    hy_link_init(&w->link);
    hy_list_append(&s->watches, &w->link);
    for (unsigned type = 0; type < HY__TYPES; type++) {
        w->seats[type].watch = w;
        hy_link_init(&w->seats[type].link);
    }
    s->held += bytes;
    s->watch_count++;
    s->server->stats.watches++;
    *out = w;
    if (take_seats(w) == 0) return 0;
    watch_free(w);
    return hy_fail(err, HY_ENOMEM, "not watched: out of memory");
}

/* --- the function ----------------------------------------------------------------------------- */

typedef struct {
    int64_t id;
    hy_node_t *criteria; /* referenced */
    size_t bytes;        /* of them as text */
} wanted_t;

static int check_source(hy_session_t *s, const hy_node_t *body, hy_error_t *err) {
    hy_value_t source = hy_get(body, "source");
    if (source.kind == HY_ABSENT) return 0;
    if (source.kind != HY_STR) return hy_fail(err, HY_EINVALID, "source must be an address");
    int r = hy__claim_by_use(s, source.as.s, err);
    if (r != HY_EFORBIDDEN) return r;
    return hy_fail(err, HY_EFORBIDDEN, "%s does not hold the source %s", s->owner->runtime->bytes,
                   source.as.s->bytes);
}

static int read_id(const hy_node_t *body, int64_t *id, hy_error_t *err) {
    *id = hy_get_int(body, "watch", 0);
    if (*id > 0) return 0;
    return hy_fail(err, HY_EINVALID, "watch must be a number above 0, by which it is ended");
}

static int read_wanted(hy_session_t *s, const hy_node_t *body, wanted_t *out, hy_error_t *err) {
    hy_node_t *criteria = NULL;
    int r = read_id(body, &out->id, err);
    if (r == 0) r = check_source(s, body, err);
    if (r == 0) r = hy__criteria_of(body, &criteria, err);
    if (r < 0) return r;
    hy_value_t type = hy_get(criteria, "type");
    hy__type_t found;
    if (type.kind != HY_ABSENT &&
        (type.kind != HY_STR || !hy__type_find(type.as.s->bytes, type.as.s->len, &found)))
        return hy_fail(err, HY_EINVALID, "type must be \"hyperty\" or \"dataObject\"");
    out->criteria = criteria ? hy_node_ref(criteria) : hy_node_new(HY_OBJECT);
    hy_buf_t b;
    hy_buf_init(&b);
    if (out->criteria) hy_json_write(&b, hy_node_value(out->criteria));
    bool is_whole = out->criteria && !b.failed;
    out->bytes = b.len;
    hy_buf_deinit(&b);
    if (!is_whole) return hy_fail(err, HY_ENOMEM, "not watched: out of memory");
    if (out->bytes <= HY_REGISTRY_CRITERIA_BYTES_MAX) return 0;
    return hy_fail(err, HY_ETOO_LARGE, "the criteria have %zu bytes; at most %u are kept",
                   out->bytes, HY_REGISTRY_CRITERIA_BYTES_MAX);
}

/* What matches now, found by what narrows most. */
static int collect(const hy_node_server_t *n, const hy_node_t *criteria, hy__collection_t *out,
                   hy_error_t *err) {
    const hy__registry_t *r = n->registry;
    hy__found_t found[HY__TYPES];
    hy__field_t field;
    int rc = 0;
    hy_str_t *key = narrow(criteria, &field, &rc);
    if (rc < 0) return hy_fail(err, rc, "not watched: out of memory");
    unsigned types = types_of(criteria);
    uint32_t count = 0;
    for (unsigned type = 0; key && type < HY__TYPES; type++)
        if (types >> type & 1)
            found[count++] = (hy__found_t){
                .many = hy__bucket_find(r, (hy__type_t)type, field, key->bytes, key->len)};
    if (!key) found[count++] = (hy__found_t){.all = &r->entries};
    hy_str_unref(key);
    return hy__entries_collect(found, count, criteria, out, err);
}

/* Makes the watch, or begins the one of that id anew. */
static int begin(hy_session_t *s, hy_str_t *to, const wanted_t *wanted, hy__watch_t **out,
                 hy_error_t *err) {
    hy__watch_t *w = hy__watch_find(s, wanted->id);
    bool is_same = w && hy_str_equal(w->to, to) &&
                   hy_value_equal(hy_node_value(w->criteria), hy_node_value(wanted->criteria));
    if (w && !is_same) watch_free(w);
    if (!is_same) return watch_new(s, wanted->id, to, wanted->criteria, wanted->bytes, out, err);
    *out = w;
    return 0;
}

static int answer(hy__watch_t *w, bool is_level, hy_value_t *out, hy_error_t *err) {
    hy__collection_t now = {.list = NULL};
    int r = is_level ? 0 : collect(w->session->server, w->criteria, &now, err);
    if (r < 0) return r;
    hy_node_t *value = hy_node_new(HY_OBJECT);
    r = hy_put(value, "n", hy_int((int64_t)w->n));
    if (r == 0 && now.list) {
        r = hy_put(value, "complete", hy_bool(now.is_complete));
        if (r == 0)
            r = hy_put(value, "entries", hy_node_value(now.list));
        else
            hy_node_unref(now.list);
    } else if (now.list) {
        hy_node_unref(now.list);
    }
    if (r < 0) {
        hy_node_unref(value);
        return hy_fail(err, r, "not watched: out of memory");
    }
    *out = hy_node_value(value);
    return 0;
}

static int subscribe(hy_session_t *s, const hy_msg_t *m, const hy_node_t *body, hy_value_t *out,
                     hy_error_t *err) {
    wanted_t wanted = {.criteria = NULL};
    hy__watch_t *w = NULL;
    int r = read_wanted(s, body, &wanted, err);
    if (r == 0) r = begin(s, m->from, &wanted, &w, err);
    hy_node_unref(wanted.criteria);
    if (r < 0) return r;
    bool is_level = !w->is_lost && hy_get_int(body, "n", 0) == (int64_t)w->n;
    r = answer(w, is_level, out, err);
    if (r < 0)
        watch_free(w); /* who is refused is told nothing */
    else
        w->is_lost = false;
    return r;
}

static int unsubscribe(hy_session_t *s, const hy_node_t *body, hy_error_t *err) {
    int64_t id;
    int r = read_id(body, &id, err);
    if (r == 0) r = check_source(s, body, err);
    hy__watch_t *w = r == 0 ? hy__watch_find(s, id) : NULL;
    if (w) watch_free(w);
    return r;
}

void hy__serve_watch(hy_session_t *s, hy_msg_t *m) {
    const hy_node_t *body = hy_msg_body(m);
    hy_value_t value = hy_absent();
    hy_error_t err;
    int r = m->type == HY_MSG_SUBSCRIBE ? subscribe(s, m, body, &value, &err)
                                        : unsubscribe(s, body, &err);
    if (r < 0)
        hy__refuse(s, m, &err);
    else
        hy__reply(s, m, 200, NULL, value);
}

void hy__watches_init(hy__registry_t *r) {
    for (unsigned type = 0; type < HY__TYPES; type++)
        hy_link_init(&r->watches[type]);
}
