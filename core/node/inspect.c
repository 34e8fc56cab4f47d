/* Lists of what the node holds, as values (inspect.h). All of it is read from where it lives; that
 * nothing is counted or kept for it is the point. */
#include "inspect.h"

#include "entries.h"

typedef struct {
    const hy_node_server_t *server;
    const char *part; /* NULL: all */
    hy_node_t *list;
    uint32_t total;
    int rc;
} walk_t;

static const char *const words[] = {
#define X(name, word) word,
    HY_NODE_LIST_MAP(X)
#undef X
};

hy_node_list_t hy_node_list_find(const char *word) {
    for (unsigned i = 0; i < HY_NODE_LISTS; i++) {
        if (strcmp(words[i], word) == 0) return (hy_node_list_t)i;
    }
    return HY_NODE_LISTS;
}

/* --- rows ------------------------------------------------------------------------------------- */

static bool has_part(const walk_t *w, const hy_str_t *text) {
    return !w->part || (text && strstr(text->bytes, w->part));
}

/* A row for what is wanted; NULL: there is no more room for it, or no memory. */
static hy_node_t *new_row(walk_t *w) {
    w->total++;
    if (w->rc || hy_node_count(w->list) >= HY_NODE_ROWS_MAX) return NULL;
    hy_node_t *row = hy_node_new(HY_OBJECT);
    if (!row) w->rc = HY_ENOMEM;
    return row;
}

static void add_row(walk_t *w, hy_node_t *row) {
    hy_value_t value = hy_node_value(row);
    if (!w->rc)
        w->rc = hy_node_insert(w->list, hy_node_count(w->list), value);
    else
        hy_value_drop(value);
}

static void put(walk_t *w, hy_node_t *row, const char *key, hy_value_t value) {
    int rc = hy_put(row, key, value);
    if (rc) w->rc = rc;
}

/* NULL: is left out. */
static void put_str(walk_t *w, hy_node_t *row, const char *key, hy_str_t *text) {
    if (text) put(w, row, key, hy_string(hy_str_ref(text)));
}

static void put_count(walk_t *w, hy_node_t *row, const char *key, uint64_t count) {
    put(w, row, key, hy_int((int64_t)count));
}

/* The keys of a dictionary. */
static void put_keys(walk_t *w, hy_node_t *row, const char *key, const hy_dict_t *d) {
    hy_node_t *list = hy_node_new(HY_ARRAY);
    hy_str_t *const *entry;
    for (uint32_t pos = 0; list && (entry = hy_dict_next(d, &pos));) {
        size_t count = hy_node_count(list);
        if (count >= HY_NODE_ROWS_MAX) break;
        if (hy_node_insert(list, count, hy_string(hy_str_ref(*entry)))) w->rc = HY_ENOMEM;
    }
    put(w, row, key, list ? hy_node_value(list) : hy_absent());
}

/* --- what there is ---------------------------------------------------------------------------- */

static void add_session(walk_t *w, hy_session_t *s) {
    if (!has_part(w, s->owner->runtime)) return;
    hy_node_t *row = new_row(w);
    if (!row) return;
    put_str(w, row, "runtime", s->owner->runtime);
    put(w, row, "connected", hy_bool(s->peer != NULL));
    if (s->peer) put_str(w, row, "from", hy__peer_where(s->peer));
    put_count(w, row, "waiting", s->outgoing.count);
    put_count(w, row, "waiting_bytes", s->outgoing.bytes);
    put_count(w, row, "routes", s->routes.count);
    put_count(w, row, "claims", s->owner->claims_count);
    put_count(w, row, "watches", s->watch_count);
    put_count(w, row, "allocated", s->owner->allocated_count);
    put_count(w, row, "memory", hy__session_bytes(s));
    add_row(w, row);
}

static void walk_sessions(walk_t *w) {
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&w->server->owners, &pos));) {
        const hy__owner_t *o = slot->item;
        if (o->session) add_session(w, o->session);
    }
}

static void add_route(walk_t *w, const hy__topic_t *t, const hy__target_t *target, bool gets) {
    hy_str_t *runtime = target->session->owner->runtime;
    if (!has_part(w, t->url) && !has_part(w, runtime)) return;
    hy_node_t *row = new_row(w);
    if (!row) return;
    put_str(w, row, "url", t->url);
    put_str(w, row, "runtime", runtime);
    put(w, row, "gets", hy_bool(gets));
    put_keys(w, row, "sources", &target->route->sources);
    add_row(w, row);
}

static void walk_routes(walk_t *w) {
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&w->server->topics, &pos));) {
        const hy__topic_t *t = slot->item;
        for (uint32_t i = 0; i < t->count; i++)
            add_route(w, t, &t->targets[i], i < t->admitted);
    }
}

static void walk_allocations(walk_t *w) {
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&w->server->addresses, &pos));) {
        const hy__address_t *a = slot->item;
        hy_str_t *runtime = a->owner ? a->owner->runtime : NULL;
        if (!runtime || (!has_part(w, a->url) && !has_part(w, runtime))) continue;
        hy_node_t *row = new_row(w);
        if (!row) continue;
        const hy_session_t *s = a->owner->session;
        put_str(w, row, "url", a->url);
        put_str(w, row, "runtime", runtime);
        put(w, row, "how", hy_text(a->is_allocated ? "allocated" : "claimed"));
        put(w, row, "connected", hy_bool(s && s->peer));
        add_row(w, row);
    }
}

static void walk_objects(walk_t *w) {
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&w->server->objects, &pos));) {
        hy__object_t *o = slot->item;
        hy_session_t *holder = hy__object_holder(w->server, o);
        hy_str_t *runtime = holder ? holder->owner->runtime : NULL;
        if (!has_part(w, o->url) && !(w->part && has_part(w, runtime))) continue;
        hy_node_t *row = new_row(w);
        if (!row) continue;
        put_str(w, row, "url", o->url);
        put_str(w, row, "runtime", runtime);
        put_str(w, row, "hyperty", o->reporter);
        put(w, row, "guarded", hy_bool(o->is_guarded));
        put_keys(w, row, "admitted", &o->admitted);
        put_count(w, row, "subscribers", o->changes ? o->changes->admitted : 0);
        put_count(w, row, "not_admitted",
                  o->changes ? o->changes->count - o->changes->admitted : 0);
        add_row(w, row);
    }
}

static void put_field(walk_t *w, hy_node_t *row, const hy__entry_t *e, const char *key) {
    put_str(w, row, key, hy_get_str(e->value, key));
}

static void walk_registry(walk_t *w) {
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&w->server->registry->entries, &pos));) {
        const hy__entry_t *e = slot->item;
        hy_str_t *runtime = e->session ? e->session->owner->runtime : NULL;
        bool is_wanted =
            has_part(w, e->url) ||
            (w->part && (has_part(w, runtime) || has_part(w, hy_get_str(e->value, "name"))));
        hy_node_t *row = is_wanted ? new_row(w) : NULL;
        if (!row) continue;
        put_str(w, row, "url", e->url);
        put(w, row, "type", hy_text(e->type == HY__HYPERTY ? "hyperty" : "dataObject"));
        put(w, row, "status", hy_text(e->is_live ? "live" : "disconnected"));
        put_str(w, row, "runtime", runtime);
        put_field(w, row, e, "name");
        put_field(w, row, e, "user");
        put_field(w, row, e, "schema");
        put_field(w, row, e, "reporter");
        add_row(w, row);
    }
}

int hy_node_server_list(const hy_node_server_t *n, hy_node_list_t which, const char *part,
                        hy_value_t *out, uint32_t *total) {
    static void (*const walks[])(walk_t * w) = {
        [HY_NODE_SESSIONS] = walk_sessions,       [HY_NODE_ROUTES] = walk_routes,
        [HY_NODE_ALLOCATIONS] = walk_allocations, [HY_NODE_OBJECTS] = walk_objects,
        [HY_NODE_REGISTRY] = walk_registry,
    };
    walk_t w = {.server = n, .part = part, .list = hy_node_new(HY_ARRAY)};
    if (!w.list) return HY_ENOMEM;
    walks[which](&w);
    if (w.rc) {
        hy_node_unref(w.list);
        return w.rc;
    }
    *out = hy_node_value(w.list);
    *total = w.total;
    return 0;
}

/* --- figures ---------------------------------------------------------------------------------- */

#define FIGURE_MAP(X)                                                                              \
    X(received)                                                                                    \
    X(refused)                                                                                     \
    X(undeliverable)                                                                               \
    X(malformed)                                                                                   \
    X(delivered)                                                                                   \
    X(notices)                                                                                     \
    X(sent)                                                                                        \
    X(lost)                                                                                        \
    X(expelled)                                                                                    \
    X(outdated)                                                                                    \
    X(ended)                                                                                       \
    X(full)                                                                                        \
    X(queue_refused)                                                                               \
    X(queue_closed)                                                                                \
    X(rate_refused)                                                                                \
    X(rate_dropped)                                                                                \
    X(queued)                                                                                      \
    X(queued_bytes)                                                                                \
    X(waiting)                                                                                     \
    X(waiting_bytes)                                                                               \
    X(store_refused)                                                                               \
    X(peers)                                                                                       \
    X(sessions)                                                                                    \
    X(routes)                                                                                      \
    X(claims)                                                                                      \
    X(allocated)                                                                                   \
    X(entries)                                                                                     \
    X(watches)                                                                                     \
    X(watch_events)                                                                                \
    X(watch_losses)                                                                                \
    X(objects)

int hy_node_server_figures(const hy_node_server_t *n, hy_value_t *out) {
    const hy_node_stats_t stats = hy_node_server_stats(n);
    hy_node_t *figures = hy_node_new(HY_OBJECT);
    int rc = hy_put(figures, "domain", hy_string(hy_str_ref(n->domain)));
#define X(name)                                                                                    \
    if (rc == 0) rc = hy_put(figures, #name, hy_int((int64_t)stats.name));
    FIGURE_MAP(X)
#undef X
    if (rc) {
        if (figures) hy_node_unref(figures);
        return rc;
    }
    *out = hy_node_value(figures);
    return 0;
}
