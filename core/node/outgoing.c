/* What waits for a session's connection, and what happens when that reads too slowly (PROTOCOL.md
 * section 4).
 *
 *      push ─► [ m | m | m | lost | m ] ─► peek, consume
 *               bounded in bytes: beyond
 *                 - what is published on an object is dropped, with all of that object that waits;
 *                   one `lost` stands in for it and counts on until it is sent
 *                 - what tells a watch of the registry of an entry is dropped, with all of that
 *                   watch that waits; it is told to begin anew (watches.c)
 *                 - a request is refused to its sender
 *                 - answers and the rest may fill as much again; then the connection is closed
 *
 * Messages are shared: to queue one is to count up. The queue belongs to the session, so what waits
 * outlives a connection; requests that have become too old by then are not delivered any more. */
#include "entries.h"
#include "peer.h"

/* --- lost ------------------------------------------------------------------------------------- */

/* The body of a `lost` event. It counts on while its message waits; the text is made when sent. */
typedef struct {
    hy_payload_t payload;
    uint64_t count;
} loss_t;

static int loss_to_value(const hy_payload_t *p, hy_value_t *out) {
    hy_node_t *value = hy_node_new(HY_OBJECT), *body = hy_node_new(HY_OBJECT);
    int rc = value && body ? hy_put(value, "lost", hy_int((int64_t)((const loss_t *)p)->count))
                           : HY_ENOMEM;
    if (rc == 0) {
        rc = hy_put(body, "value", hy_node_value(value));
    } else if (value) {
        hy_node_unref(value);
    }
    if (rc == 0) {
        *out = hy_node_value(body);
    } else if (body) {
        hy_node_unref(body);
    }
    return rc;
}

static void loss_write(const hy_payload_t *p, hy_buf_t *b) {
    hy_buf_format(b, "{\"value\":{\"lost\":%llu}}", (unsigned long long)((const loss_t *)p)->count);
}

static void loss_free(hy_payload_t *p) {
    hy_free(p);
}

static size_t loss_bytes(const hy_payload_t *p) {
    (void)p;
    return sizeof(loss_t);
}

static const hy_payload_ops_t LOSS = {"lost", loss_to_value, loss_write, loss_free, loss_bytes};

/* The notice of an object of which something was dropped, while it waits. */
typedef struct {
    hy_str_t *object;
    loss_t *loss; /* lent by the message in the queue */
} notice_t;

static hy_msg_t *make_notice(hy_session_t *s, hy_str_t *changes, loss_t **out) {
    loss_t *loss = hy_alloc_zero(sizeof *loss);
    if (!loss) return NULL;
    loss->payload = (hy_payload_t){&LOSS, 1};
    *out = loss;
    return hy_msg_new_payload(HY_MSG_EVENT, hy_absent(), s->server->sm_url, changes,
                              &loss->payload);
}

/* What is about to be sent counts no further. */
static void close_notices(hy_session_t *s, hy_msg_t *const *list, uint32_t count) {
    for (uint32_t i = 0; i < count && s->notices.count > 0; i++) {
        if (!hy_msg_payload(list[i], &LOSS)) continue;
        hy_span_t object = hy_address_object(list[i]->to);
        notice_t *notice = hy_dict_find(&s->notices, object.bytes, object.len,
                                        s->notices.index ? hy_hash(object.bytes, object.len) : 0);
        if (notice) hy_dict_remove(&s->notices, notice);
    }
}

/* --- the ring --------------------------------------------------------------------------------- */

/* From so many on it is watched whether the session reads at all. */
#define WATCHED_FROM 64u

static int push(hy_session_t *s, hy_msg_t *m) {
    hy_node_server_t *n = s->server;
    uint64_t now_ms = hy_ring_keeps_times(&s->outgoing) ? hy_clock_now(n->clock) : 0;
    int rc = hy_ring_push(&s->outgoing, m, now_ms);
    if (rc < 0) return rc;
    n->stats.queued++;
    n->stats.queued_bytes += hy_msg_bytes(m);
    if (s->outgoing.count == WATCHED_FROM) hy__sessions_watch(n);
    hy__peer_signal(s->peer);
    return 0;
}

uint32_t hy__outgoing_peek(hy_session_t *s, hy_msg_t *const **list) {
    uint32_t count = hy_ring_peek(&s->outgoing, list);
    if (s->notices.count > 0) close_notices(s, *list, count);
    return count;
}

static void take_out(hy_session_t *s, uint32_t count) {
    hy_node_stats_t *stats = &s->server->stats;
    size_t before = s->outgoing.bytes;
    hy_ring_consume(&s->outgoing, count);
    stats->queued -= count;
    stats->queued_bytes -= before - s->outgoing.bytes;
}

void hy__outgoing_consume(hy_session_t *s, uint32_t count) {
    s->server->stats.sent += count;
    take_out(s, count);
}

static uint32_t sift(hy_session_t *s, hy_ring_cb is_out, const void *arg) {
    hy_node_stats_t *stats = &s->server->stats;
    size_t before = s->outgoing.bytes;
    uint32_t count = hy_ring_sift(&s->outgoing, is_out, arg);
    stats->queued -= count;
    stats->queued_bytes -= before - s->outgoing.bytes;
    return count;
}

/* What is published on an object, and what earlier notices of it that were not sent told. */
typedef struct {
    const hy_str_t *url;
    uint32_t *notices;
    uint64_t *told;
} of_object_t;

static bool is_of_object(hy_msg_t *m, uint32_t since_ms, const void *arg) {
    const of_object_t *of = arg;
    const hy_str_t *object = of->url;
    (void)since_ms;
    if (m->type == HY_MSG_RESPONSE || m->to->len <= object->len) return false;
    hy_span_t span;
    if (!hy__kind_is_guarded(hy__kind_of(m->to, &span)) || span.len != object->len ||
        memcmp(span.bytes, object->bytes, span.len) != 0)
        return false;
    const loss_t *loss = (const loss_t *)hy_msg_payload(m, &LOSS);
    if (!loss) return true;
    ++*of->notices;
    *of->told += loss->count;
    return true;
}

typedef struct {
    const hy_session_t *session;
    int64_t id;
} of_watch_t;

/* --- full ------------------------------------------------------------------------------------- */

/* For `m` and all that waits of its object. */
static int start_notice(hy_session_t *s, const hy__object_t *o) {
    hy_node_stats_t *stats = &s->server->stats;
    uint32_t notices = 0;
    uint64_t told = 0;
    const of_object_t of = {o->url, &notices, &told};
    uint32_t dropped = sift(s, is_of_object, &of) - notices;
    stats->lost += dropped;
    stats->notices -= notices;
    loss_t *loss;
    hy_msg_t *m = make_notice(s, o->changes->url, &loss);
    notice_t *notice = m ? hy_dict_put(&s->notices, o->url, NULL) : NULL;
    int rc = notice ? 0 : HY_ENOMEM;
    if (rc == 0) {
        notice->loss = loss;
        loss->count = told + dropped + 1;
        stats->notices++;
        rc = push(s, m); /* it may be sent at once */
    }
    if (rc < 0 && notice) {
        stats->notices--;
        hy_dict_remove(&s->notices, notice);
    }
    hy_msg_unref(m);
    return rc;
}

/* Of an object: dropped, and told as lost. */
static int lose(hy_session_t *s, const hy__object_t *o) {
    hy_node_stats_t *stats = &s->server->stats;
    const notice_t *notice = hy_dict_get(&s->notices, o->url);
    int rc = notice ? 0 : start_notice(s, o);
    if (notice) notice->loss->count++;
    if (rc < 0) return rc;
    stats->delivered++;
    stats->lost++;
    return 0;
}

static bool is_of_watch(hy_msg_t *m, uint32_t since_ms, const void *arg) {
    const of_watch_t *of = arg;
    int64_t id;
    (void)since_ms;
    return hy__watch_has(of->session, m, &id) && id == of->id;
}

/* What tells a watch: dropped with all that waits of it. What is late for one that knows already,
 * or has ended, is just dropped. HY_EFULL: it cannot be told so. */
static int lose_watched(hy_session_t *s, int64_t id) {
    hy_node_stats_t *stats = &s->server->stats;
    hy__watch_t *w = hy__watch_find(s, id);
    stats->delivered++;
    stats->lost++;
    if (!w || hy__watch_is_lost(w)) return 0;
    const of_watch_t of = {s, id};
    stats->lost += sift(s, is_of_watch, &of);
    hy_msg_t *notice = hy__watch_lose(w);
    int rc = notice ? 0 : HY_ENOMEM;
    if (notice && s->outgoing.bytes + hy_msg_bytes(notice) > 2 * s->server->limits.queue_bytes)
        rc = HY_EFULL;
    if (rc == 0) rc = push(s, notice);
    if (rc == 0) stats->notices++;
    hy_msg_unref(notice);
    return rc;
}

/* It did not get something that it has to get. */
static void cut_off(hy_session_t *s, int rc) {
    bool is_slow = rc == HY_EFULL;
    s->server->stats.full++;
    if (is_slow && s->peer) s->server->stats.queue_closed++;
    hy__peer_end(s->peer, is_slow ? HY_CLOSE_TRY_LATER : HY_CLOSE_INTERNAL,
                 is_slow ? "it does not read what is sent to it" : "out of memory");
}

static bool deliver_slowly(hy_session_t *s, hy_msg_t *m) {
    hy_node_server_t *n = s->server;
    hy__place_t at = hy__place_find(n, m->to);
    size_t bytes = s->outgoing.bytes + hy_msg_bytes(m), max = n->limits.queue_bytes;
    bool is_request = hy_msg_has_id(m) && m->type != HY_MSG_RESPONSE;
    bool is_of = at.object && hy__kind_is_guarded(at.kind) && m->type != HY_MSG_RESPONSE;
    bool is_holder = is_of && hy__object_holder(n, at.object) == s;
    int64_t watch;
    int rc = 0;
    if (bytes > max && hy__watch_has(s, m, &watch)) {
        rc = lose_watched(s, watch);
    } else if (is_of && !is_holder && (bytes > max || hy_dict_get(&s->notices, at.object->url))) {
        rc = lose(s, at.object);
    } else if (bytes <= max || (!is_request && !is_of && bytes <= 2 * max)) {
        rc = push(s, m);
        if (rc == 0) n->stats.delivered++;
    } else if (is_request || is_of) {
        n->stats.queue_refused++;
        return false;
    } else {
        rc = HY_EFULL;
    }
    if (rc < 0) cut_off(s, rc);
    return true;
}

bool hy__deliver(hy_session_t *s, hy_msg_t *m) {
    hy_node_server_t *n = s->server;
    bool is_easy = s->outgoing.bytes + hy_msg_bytes(m) <= n->limits.queue_bytes;
    if (!is_easy || s->notices.count > 0 || push(s, m) < 0) return deliver_slowly(s, m);
    n->stats.delivered++;
    return true;
}

/* --- beginning and end ------------------------------------------------------------------------ */

void hy__outgoing_init(hy_session_t *s) {
    hy_ring_init(&s->outgoing);
    hy_dict_init(&s->notices, sizeof(notice_t));
}

void hy__outgoing_clear(hy_session_t *s) {
    s->server->stats.ended += s->outgoing.count;
    take_out(s, s->outgoing.count);
    hy_dict_deinit(&s->notices);
    hy_dict_init(&s->notices, sizeof(notice_t));
}

void hy__outgoing_deinit(hy_session_t *s) {
    hy__outgoing_clear(s);
    hy_dict_deinit(&s->notices);
    hy_ring_deinit(&s->outgoing);
}

/* What was published of the object, and what it has said to the session itself: answers that have
 * it, invitations. */
static bool is_said_by(hy_msg_t *m, uint32_t since_ms, const void *arg) {
    const of_object_t *of = arg;
    return is_of_object(m, since_ms, arg) || hy_address_is_under(m->from, of->url);
}

void hy__outgoing_purge(hy_session_t *s, const hy__object_t *o) {
    void *notice = hy_dict_get(&s->notices, o->url);
    if (notice) hy_dict_remove(&s->notices, notice);
    uint32_t notices = 0;
    uint64_t told = 0;
    const of_object_t of = {o->url, &notices, &told};
    s->server->stats.expelled += sift(s, is_said_by, &of);
}

void hy__outgoing_detach(hy_session_t *s) {
    hy_ring_keep_times(&s->outgoing, hy_clock_now(s->server->clock));
}

void hy__outgoing_attach(hy_session_t *s) {
    uint32_t now = (uint32_t)hy_clock_now(s->server->clock);
    if (hy_ring_keeps_times(&s->outgoing))
        s->server->stats.outdated += sift(s, hy_ring_is_outdated, &now);
    hy_ring_forget_times(&s->outgoing);
}
