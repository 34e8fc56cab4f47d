/* What the node writes into its store (keep.h): a row as a thing begins or changes, its end as it
 * ends. All that one message brings about lies in one batch, so what a node finds when it starts is
 * what there was between two messages. */
#include "keep.h"

#include <inttypes.h>

/* The store, if it is to be written just now. */
static hy__keep_t *keep_of(const hy_node_server_t *n) {
    return n->keep && n->keep->is_open && !n->is_closing ? n->keep : NULL;
}

static void tear(hy__keep_t *k, int rc) {
    if (!k->is_torn)
        hy_log(k->server->log, HY_LOG_ERROR, "node",
               "%s: something was not written (%s); nothing is acknowledged until it is",
               hy_store_name(k->store), hy_error_text(rc));
    k->is_torn = true;
}

static void done(hy__keep_t *k, int rc) {
    if (rc < 0) tear(k, rc);
    k->written++;
}

void hy__keep_row(hy__keep_t *k, hy_table_t table, const hy_str_t *owner, const hy_str_t *key) {
    hy_buf_t *b = &k->text;
    bool is_whole = !b->failed && owner && key;
    done(k, is_whole ? hy_store_put(k->store, table, owner, key, b->bytes, b->len) : HY_ENOMEM);
    b->len = 0;
    b->failed = false;
}

void hy__keep_end(hy_node_server_t *n, unsigned table, const hy_str_t *owner, const hy_str_t *key) {
    hy__keep_t *k = keep_of(n);
    if (!k) return;
    done(k, key ? hy_store_remove(k->store, (hy_table_t)table, owner, key) : HY_ENOMEM);
}

static void end_all(hy__keep_t *k, hy_table_t table, const hy_str_t *owner) {
    done(k, hy_store_remove_all(k->store, table, owner));
}

/* --- sessions --------------------------------------------------------------------------------- */

static void write_session(hy__keep_t *k, const hy_session_t *s) {
    hy_buf_t *b = &k->text;
    hy_buf_format(b, "{\"token\":\"%s\",\"id\":%" PRIu64, s->token->bytes, s->id);
    if (s->has_auth) {
        hy_buf_text(b, ",\"users\":");
        hy_json_write(b, (hy_value_t){.kind = HY_ARRAY, .as.n = s->claims.users});
    }
    hy_buf_char(b, '}');
    hy__keep_row(k, HY_TABLE_SESSIONS, s->owner->runtime, k->nothing);
}

void hy__keep_session(const hy_session_t *s, bool is_renewed) {
    hy__keep_t *k = keep_of(s->server);
    if (!k) return;
    if (is_renewed) end_all(k, HY_TABLE_ROUTES, s->owner->runtime);
    write_session(k, s);
}

void hy__keep_session_end(const hy_session_t *s) {
    hy__keep_t *k = keep_of(s->server);
    if (!k) return;
    end_all(k, HY_TABLE_SESSIONS, s->owner->runtime);
    end_all(k, HY_TABLE_CLAIMS, s->owner->runtime);
    end_all(k, HY_TABLE_ROUTES, s->owner->runtime);
}

static void write_claim(hy__keep_t *k, const hy__address_t *a) {
    hy_buf_text(&k->text, "{}");
    hy__keep_row(k, HY_TABLE_CLAIMS, a->owner->runtime, a->url);
}

/* The RuntimeURL is held as long as there is a session. */
static bool is_implied(const hy__address_t *a) {
    return a->is_allocated || hy_str_equal(a->url, a->owner->runtime);
}

void hy__keep_claim(hy_node_server_t *n, const hy__address_t *a) {
    hy__keep_t *k = is_implied(a) ? NULL : keep_of(n);
    if (k) write_claim(k, a);
}

void hy__keep_claim_end(hy_node_server_t *n, const hy__address_t *a) {
    if (!is_implied(a) && a->owner->session)
        hy__keep_end(n, HY_TABLE_CLAIMS, a->owner->runtime, a->url);
}

/* No address contains a space. */
static hy_str_t *route_key(const hy_str_t *url, const hy_str_t *source) {
    return hy_str_format("%s %s", url->bytes, source->bytes);
}

static void write_route(hy__keep_t *k, const hy_session_t *s, const hy_str_t *url,
                        const hy_str_t *source) {
    hy_str_t *key = route_key(url, source);
    hy_buf_text(&k->text, "{}");
    hy__keep_row(k, HY_TABLE_ROUTES, s->owner->runtime, key);
    hy_str_unref(key);
}

void hy__keep_route(const hy_session_t *s, const hy_str_t *url, const hy_str_t *source) {
    hy__keep_t *k = keep_of(s->server);
    if (k) write_route(k, s, url, source);
}

void hy__keep_route_end(const hy_session_t *s, const hy_str_t *url, const hy_str_t *source) {
    if (!keep_of(s->server)) return;
    hy_str_t *key = route_key(url, source);
    hy__keep_end(s->server, HY_TABLE_ROUTES, s->owner->runtime, key);
    hy_str_unref(key);
}

/* --- objects ---------------------------------------------------------------------------------- */

static bool write_object(hy__keep_t *k, hy_str_t *url) {
    const hy__address_t *a = hy__address_get(k->server, url);
    hy__object_t *o = hy__slot_get(&k->server->objects, url);
    bool has_epoch = a && a->epoch, is_known = o && (o->said || o->is_guarded);
    if (o) o->is_kept = is_known;
    if (!has_epoch && !is_known) return false;
    hy_buf_format(&k->text, "{\"session\":%" PRIu64, o ? o->holder_id : 0);
    if (has_epoch) {
        hy_buf_format(&k->text, ",\"by\":%" PRIu64, a->epoch_session);
        hy_json_write_text(&k->text, ",\"epoch\":", a->epoch);
    }
    if (is_known) hy_json_write_text(&k->text, ",\"reporter\":", o->reporter);
    hy_buf_text(&k->text, is_known && o->is_guarded ? ",\"guard\":true}" : "}");
    hy__keep_row(k, HY_TABLE_OBJECTS, url, k->nothing);
    return true;
}

void hy__keep_object(hy_node_server_t *n, hy_str_t *url, bool is_anew) {
    hy__keep_t *k = keep_of(n);
    if (!k) return;
    if (is_anew) end_all(k, HY_TABLE_OBJECTS, url);
    write_object(k, url);
}

void hy__keep_admission(const hy__object_t *o, const hy_str_t *hyperty, uint64_t session) {
    hy__keep_t *k = keep_of(o->said->server);
    if (!k) return;
    hy_buf_format(&k->text, "{\"session\":%" PRIu64 "}", session);
    hy__keep_row(k, HY_TABLE_OBJECTS, o->url, hyperty);
}

void hy__keep_admission_end(const hy__object_t *o, const hy_str_t *hyperty) {
    hy__keep_end(o->said->server, HY_TABLE_OBJECTS, o->url, hyperty);
}

/* By the wall clock, which goes on while the node does not run. */
static void write_tombstone(hy__keep_t *k, const hy_str_t *url, uint64_t until_ms) {
    const hy_clock_t *clock = k->server->clock;
    int64_t left_ms = (int64_t)(until_ms - hy_clock_now(clock));
    hy_buf_format(&k->text, "{\"until\":%" PRId64 "}", hy_clock_wall(clock) + left_ms);
    hy__keep_row(k, HY_TABLE_OBJECTS, k->nothing, url);
}

void hy__keep_tombstone(hy_node_server_t *n, const hy_str_t *url, uint64_t until_ms) {
    hy__keep_t *k = keep_of(n);
    if (k) write_tombstone(k, url, until_ms);
}

void hy__keep_tombstone_end(hy_node_server_t *n, const hy_str_t *url) {
    if (n->keep) hy__keep_end(n, HY_TABLE_OBJECTS, n->keep->nothing, url);
}

/* --- registry --------------------------------------------------------------------------------- */

static void write_entry(hy__keep_t *k, hy__entry_t *e) {
    hy_buf_t *b = &k->text;
    const hy_session_t *s = e->session;
    hy_buf_format(b, "{\"session\":%" PRIu64 ",\"type\":%d,\"lapsed\":%s", s ? s->id : 0,
                  (int)e->type, e->is_lapsed ? "true" : "false");
    hy_json_write_text(b, ",\"runtime\":", s ? s->owner->runtime : NULL);
    hy_buf_text(b, ",\"value\":");
    hy_json_write(b, hy_node_value(e->value));
    hy_buf_char(b, '}');
    hy__keep_row(k, HY_TABLE_ENTRIES, k->nothing, e->url);
    e->is_kept = true;
}

void hy__keep_entry(hy__entry_t *e) {
    hy__keep_t *k = keep_of(e->server);
    if (k && !e->is_kept) write_entry(k, e);
}

void hy__keep_entry_end(hy__entry_t *e) {
    hy__keep_t *k = e->server->keep;
    if (k) hy__keep_end(e->server, HY_TABLE_ENTRIES, k->nothing, e->url);
}

/* --- all -------------------------------------------------------------------------------------- */

static void write_owner(hy__keep_t *k, const hy__owner_t *o) {
    static const hy_table_t TABLES[] = {HY_TABLE_ADDRESSES, HY_TABLE_SESSIONS, HY_TABLE_CLAIMS,
                                        HY_TABLE_ROUTES};
    for (size_t i = 0; i < sizeof TABLES / sizeof *TABLES; i++)
        end_all(k, TABLES[i], o->runtime);
    for (const hy_link_t *l = o->allocated.next; l != &o->allocated; l = l->next) {
        const hy__lot_t *lot = hy_link_owner(l, hy__address_t, link)->lot;
        if (lot && &lot->addresses[0]->link == l) hy__lot_write(k, lot);
    }
    if (!o->session) return;
    write_session(k, o->session);
    for (const hy_link_t *l = o->claims.next; l != &o->claims; l = l->next) {
        const hy__address_t *a = hy_link_owner(l, hy__address_t, link);
        if (!is_implied(a)) write_claim(k, a);
    }
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&o->session->routes, &pos));) {
        const hy__route_t *r = slot->item;
        hy_str_t *const *source;
        for (uint32_t at = 0; (source = hy_dict_next(&r->sources, &at));)
            write_route(k, o->session, r->topic->url, *source);
    }
}

static void write_objects(hy__keep_t *k) {
    const hy_node_server_t *n = k->server;
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&n->addresses, &pos));) {
        const hy__address_t *a = slot->item;
        if (!a->epoch || hy__slot_get(&n->objects, a->url)) continue;
        end_all(k, HY_TABLE_OBJECTS, a->url);
        write_object(k, a->url);
    }
    for (uint32_t pos = 0; (slot = hy_dict_next(&n->objects, &pos));) {
        hy__object_t *o = slot->item;
        end_all(k, HY_TABLE_OBJECTS, o->url);
        write_object(k, o->url);
        hy__object_keep_admitted(o);
    }
    end_all(k, HY_TABLE_OBJECTS, k->nothing);
    hy__tombstones_keep(k->server);
}

void hy__keep_all(hy__keep_t *k) {
    const hy__slot_t *slot;
    size_t mark = hy_store_mark(k->store);
    k->is_torn = false;
    for (uint32_t pos = 0; !k->is_torn && (slot = hy_dict_next(&k->server->owners, &pos));)
        write_owner(k, slot->item);
    if (!k->is_torn) write_objects(k);
    if (!k->is_torn) end_all(k, HY_TABLE_ENTRIES, k->nothing);
    const hy_dict_t *entries = &k->server->registry->entries;
    for (uint32_t pos = 0; !k->is_torn && (slot = hy_dict_next(entries, &pos));)
        write_entry(k, slot->item);
    if (k->is_torn)
        hy_store_undo(k->store, mark);
    else
        hy_log(k->server->log, HY_LOG_INFO, "node", "%s: all is written again",
               hy_store_name(k->store));
}
