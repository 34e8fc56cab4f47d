/* Answers of the node's functions that wait until what they acknowledge is committed.
 *
 *      answer ─► nothing written for it, nothing waits before it ─► its session's queue
 *             └► waiting (ticket) ── committed ──► its session's queue
 *
 * One list for all sessions, as tickets only grow; so each session gets its answers in order. What
 * is routed never waits. An answer to `execute` waits for all that was written before it, by
 * whomever: who asks for the holder acts on what it is told (PROTOCOL.md section 5, Delegate). So
 * do the node's own words to the one whom an object has moved to. */
#include "keep.h"

typedef struct {
    hy_session_t *session;
    hy_msg_t *m;
    uint64_t ticket;
    size_t bytes;       /* as it was counted */
    hy_link_t all, own; /* in keep->waiting; in session->waiting */
} waiting_t;

static void forget(hy__keep_t *k, waiting_t *w) {
    k->server->stats.waiting--;
    k->server->stats.waiting_bytes -= w->bytes;
    hy_list_remove(&w->all);
    hy_list_remove(&w->own);
    hy_msg_unref(w->m);
    hy_free(w);
}

static void hold(hy__keep_t *k, hy_session_t *s, hy_msg_t *m) {
    waiting_t *w = hy_alloc(sizeof *w);
    if (!w) {
        k->server->stats.full++;
        hy__peer_end(s->peer, HY_CLOSE_INTERNAL, "out of memory");
        return;
    }
    *w = (waiting_t){.session = s, .ticket = hy_store_ticket(k->store), .bytes = hy_msg_bytes(m)};
    w->m = hy_msg_ref(m);
    hy_list_append(&k->waiting, &w->all);
    hy_list_append(&s->waiting, &w->own);
    k->server->stats.waiting++;
    k->server->stats.waiting_bytes += w->bytes;
}

static bool is_pending(const hy__keep_t *k) {
    return hy_store_ticket(k->store) > hy_store_committed(k->store);
}

void hy__keep_hand(hy_session_t *s, hy_msg_t *m, bool is_bound) {
    hy__keep_t *k = s->server->keep;
    bool waits = k && k->is_open && !s->server->is_closing &&
                 (!hy_list_is_empty(&s->waiting) || (is_bound && is_pending(k)));
    if (waits)
        hold(k, s, m);
    else
        hy__deliver(s, m);
}

static void on_committed(void *keep) {
    hy__keep_t *k = keep;
    while (!hy_list_is_empty(&k->waiting)) {
        waiting_t *w = hy_link_owner(k->waiting.next, waiting_t, all);
        if (w->ticket > hy_store_committed(k->store)) return;
        hy_session_t *s = w->session;
        hy_msg_t *m = hy_msg_ref(w->m);
        forget(k, w);
        hy__deliver(s, m);
        hy_msg_unref(m);
    }
}

void hy__keep_forget(hy_session_t *s) {
    while (!hy_list_is_empty(&s->waiting))
        forget(s->server->keep, hy_link_owner(s->waiting.next, waiting_t, own));
}

int hy__keep_watch(hy__keep_t *k) {
    return hy_store_watch(k->store, on_committed, k, &k->watch);
}

/* --- may a request be served at all? ---------------------------------------------------------- */

int hy__keep_check(const hy_session_t *s, const hy_msg_t *m, hy_error_t *err) {
    const hy_node_server_t *n = s->server;
    hy__keep_t *k = n->keep;
    if (!k || m->type == HY_MSG_READ) return 0;
    if (!hy_store_has_room(k->store))
        return hy_fail(err, HY_EFULL, "the store of this node, %s, has no room: its disk is behind",
                       hy_store_name(k->store));
    if (n->stats.waiting_bytes >= HY_NODE_WAITING_BYTES_MAX)
        return hy_fail(err, HY_EFULL, "too many wait for the store of this node, %s",
                       hy_store_name(k->store));
    if (k->is_torn) hy__keep_all(k);
    if (!k->is_torn) return 0;
    return hy_fail(err, HY_EFULL, "the store of this node, %s, lacks memory",
                   hy_store_name(k->store));
}

bool hy__keep_is_torn(const hy_node_server_t *n) {
    if (n->keep && n->keep->is_torn) hy__keep_all(n->keep);
    return n->keep && n->keep->is_torn;
}

bool hy__keep_has_room(const hy_node_server_t *n) {
    return n->keep && hy_store_has_room(n->keep->store);
}

void hy__keep_sync(hy_node_server_t *n) {
    if (n->keep) hy_store_sync(n->keep->store);
}

uint64_t hy__keep_written(const hy_node_server_t *n) {
    return n->keep ? n->keep->written : 0;
}
