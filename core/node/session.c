/* Sessions: their life, and the way of a message that comes in by one.
 *
 *      send ──► whose `from` is it? ──► may it go there? ──► a function of the node
 *                                                       └──► subscribers, else the holder of `to`
 *
 * A session outlives its connection by the grace time; peer.c has the handshake. The common case, a
 * reporter that publishes to `<Object>/changes`, costs one look-up: the topic leads to its object,
 * the object knows its holder, and an address below one's own object needs no further check. Any
 * other `from` is looked up once and then remembered, until ownership changes anywhere. */
#include "authorised.h"
#include "catalogue.h"

/* --- life ------------------------------------------------------------------------------------- */

static int check_runtime(const hy_str_t *url, hy_error_t *err) {
    hy_address_t parts;
    int r = hy_address_parse(url->bytes, url->len, &parts, err);
    if (r < 0) return r;
    if (hy__span_is(parts.scheme, "hyperty-runtime") || hy__span_is(parts.scheme, "runtime"))
        return 0;
    return hy_fail(err, HY_EINVALID, "%s is no runtime address", url->bytes);
}

static void on_grace_over(void *session) {
    hy_session_t *s = session;
    hy_log(s->server->log, HY_LOG_INFO, "node", "%s did not come back", s->owner->runtime->bytes);
    hy_session_close(s);
}

/* Whoever has it is taken to be the session's runtime; so it cannot be guessed. */
static hy_str_t *make_token(hy_node_server_t *n) {
    static const char DIGITS[] = "0123456789abcdef";
    unsigned char bytes[HY_SESSION_TOKEN_BYTES];
    hy_str_t *token = hy_str_reserve(2 * sizeof bytes);
    if (!token) return NULL;
    n->random->fill(n->random, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        token->bytes[2 * i] = DIGITS[bytes[i] >> 4];
        token->bytes[2 * i + 1] = DIGITS[bytes[i] & 15];
    }
    return token;
}

static hy_session_t *make(hy_node_server_t *n, hy__owner_t *o) {
    hy_session_t *s = hy_alloc_zero(sizeof *s);
    hy_str_t *token = s ? make_token(n) : NULL;
    if (!token) {
        hy_free(s);
        return NULL;
    }
    s->server = n;
    s->owner = o;
    s->id = ++n->sessions_made;
    s->token = token;
    hy_timer_init(&s->grace, on_grace_over, s);
    hy__outgoing_init(s);
    hy__rate_init(s);
    hy__authority_init(s);
    hy_dict_init(&s->routes, sizeof(hy__slot_t));
    hy_link_init(&s->objects);
    hy_link_init(&s->entries);
    hy_link_init(&s->watches);
    hy_link_init(&s->waiting);
    return s;
}

static void session_free(hy_session_t *s) {
    if (!s) return;
    hy_timer_stop(s->server->clock, &s->grace);
    s->server->lapsed -= s->is_lapsed;
    hy__authority_deinit(s);
    hy__outgoing_deinit(s);
    hy_dict_deinit(&s->routes);
    hy_str_unref(s->last_from);
    hy_str_unref(s->token);
    hy_free(s);
}

int hy__session_open(hy_node_server_t *n, hy_str_t *runtime, hy_session_t **out, hy_error_t *err) {
    int r = check_runtime(runtime, err);
    if (r < 0) return r;
    if (n->stats.sessions >= HY_SESSIONS_MAX)
        return hy__bound_refuse_all(n, HY__BOUND_SESSIONS, runtime->bytes, err);
    hy__owner_t *o = hy__owner_open(n, runtime);
    if (!o) return hy_fail(err, HY_ENOMEM, "no session for %s: out of memory", runtime->bytes);
    r = hy__claim_check(n, o, runtime, err);
    hy_session_t *s = r == 0 ? make(n, o) : NULL;
    if (r == 0 && !s)
        r = hy_fail(err, HY_ENOMEM, "no session for %s: out of memory", runtime->bytes);
    if (r == 0) r = hy__claim(n, o, runtime, false, err);
    if (r < 0) {
        session_free(s);
        hy__owner_tidy(n, o);
        return r;
    }
    o->session = s;
    n->stats.sessions++;
    n->claims_turn++; /* what is allocated to it has a holder again */
    hy__keep_session(s, false);
    *out = s;
    return 0;
}

int hy__session_restore(hy_node_server_t *n, hy_str_t *runtime, hy_str_t *token, uint64_t id,
                        hy_session_t **out) {
    hy_session_t *s;
    int r = hy__session_open(n, runtime, &s, NULL);
    if (r < 0) return r;
    hy_str_unref(s->token);
    s->token = hy_str_ref(token);
    s->id = id;
    hy__session_detach(s);
    *out = s;
    return 0;
}

/* What a session has set up, but for its claims. */
static void clear(hy_session_t *s) {
    while (!hy_list_is_empty(&s->objects))
        hy__object_orphan(hy_link_owner(s->objects.next, hy__object_t, link));
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&s->routes, &pos));)
        hy__route_drop(slot->item);
    hy__registry_leave(s);
    hy__keep_forget(s);
    hy__outgoing_clear(s);
}

int hy__session_renew(hy_session_t *s, hy_error_t *err) {
    hy_node_server_t *n = s->server;
    hy_str_t *token = make_token(n);
    if (!token)
        return hy_fail(err, HY_ENOMEM, "no session for %s: out of memory",
                       s->owner->runtime->bytes);
    hy__objects_miss(s);
    clear(s);
    hy_str_unref(s->token);
    s->token = token;
    s->id = ++n->sessions_made;
    n->claims_turn++; /* who holds what has another id now */
    hy__keep_session(s, true);
    hy__outgoing_attach(s);
    return 0;
}

void hy_session_close(hy_session_t *s) {
    hy_node_server_t *n = s->server;
    hy__owner_t *o = s->owner;
    hy__keep_session_end(s);
    o->session = NULL;
    n->stats.sessions--;
    n->claims_turn++;
    if (!n->is_closing) hy__objects_bereave(s);
    clear(s);
    hy__owner_drop_claims(n, o);
    hy__owner_tidy(n, o);
    session_free(s);
}

hy_session_t *hy__session_find(const hy_node_server_t *n, const char *runtime, size_t len) {
    const hy__owner_t *o = hy__slot_find(&n->owners, runtime, len);
    return o ? o->session : NULL;
}

/* Takes the same time however much of it is right. */
static bool is_token(const hy_str_t *token, const char *bytes, size_t len) {
    if (len != token->len) return false;
    unsigned char differs = 0;
    for (size_t i = 0; i < len; i++)
        differs |= (unsigned char)(bytes[i] ^ token->bytes[i]);
    return differs == 0;
}

hy_session_t *hy__session_of_token(const hy_node_server_t *n, const hy_str_t *from) {
    size_t len = from->len;
    while (len > 0 && from->bytes[len - 1] != '/')
        len--;
    if (len == 0) return NULL;
    hy_session_t *s = hy__session_find(n, from->bytes, len - 1);
    return s && is_token(s->token, from->bytes + len, from->len - len) ? s : NULL;
}

size_t hy__session_bytes(const hy_session_t *s) {
    return sizeof *s + sizeof *s->token + s->token->len + sizeof *s->owner + s->held +
           s->owner->claims_bytes + hy_ring_room_bytes(&s->outgoing) + hy__authority_bytes(s);
}

int hy__session_check_room(const hy_session_t *s, size_t more, hy_error_t *err) {
    if (s->held + s->owner->claims_bytes + more <= HY_SESSION_BYTES_MAX) return 0;
    return hy__bound_refuse(s->server, HY__BOUND_MEMORY, s->owner->runtime->bytes, "more", err);
}

void hy__session_attach(hy_session_t *s, hy_peer_t *p) {
    hy_timer_stop(s->server->clock, &s->grace);
    s->server->lapsed -= s->is_lapsed;
    s->is_lapsed = false;
    s->peer = p;
    s->stuck_ms = 0;
    if (s->outgoing.count > 0) hy__sessions_watch(s->server);
}

void hy__session_detach(hy_session_t *s) {
    hy_node_server_t *n = s->server;
    s->peer = NULL;
    if (n->is_closing) return;
    hy__outgoing_detach(s);
    if (s->is_lapsed || hy_timer_start(n->clock, &s->grace, n->limits.grace_ms) == 0) return;
    s->is_lapsed = true; /* not ended here: it may be among those who are just being delivered to */
    n->lapsed++;
}

void hy__sessions_sweep(hy_node_server_t *n) {
    const hy__slot_t *slot;
    for (uint32_t pos = 0; n->lapsed > 0 && (slot = hy_dict_next(&n->owners, &pos));) {
        const hy__owner_t *o = slot->item;
        if (o->session && o->session->is_lapsed) hy_session_close(o->session);
    }
}

/* --- who does not read ------------------------------------------------------------------------ */

/* True if something waits for it. */
static bool watch(hy_session_t *s, uint64_t now) {
    if (!s->peer) return false;
    if (s->outgoing.count == 0) {
        s->stuck_ms = 0;
        return false;
    }
    if (s->outgoing.consumed != s->watched || s->stuck_ms == 0) {
        s->watched = s->outgoing.consumed;
        s->stuck_ms = now;
        return true;
    }
    if (now - s->stuck_ms < s->server->limits.stuck_ms) return true;
    s->server->stats.queue_closed++;
    hy__peer_end(s->peer, HY_CLOSE_TRY_LATER, "it does not read what is sent to it");
    return false;
}

static void on_watch(void *server) {
    hy_node_server_t *n = server;
    uint64_t now = hy_clock_now(n->clock);
    bool is_waiting = false;
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&n->owners, &pos));) {
        const hy__owner_t *o = slot->item;
        if (o->session && watch(o->session, now)) is_waiting = true;
    }
    if (is_waiting) hy__sessions_watch(n);
}

void hy__sessions_init(hy_node_server_t *n) {
    hy_timer_init(&n->watch, on_watch, n);
}

void hy__sessions_watch(hy_node_server_t *n) {
    if (n->is_closing || hy_timer_is_started(&n->watch)) return;
    hy_timer_start(n->clock, &n->watch, n->limits.stuck_ms / 4 + 1);
}

/* --- what a session may send ------------------------------------------------------------------ */

static bool is_known_from(const hy_session_t *s, const hy_str_t *from) {
    return s->last_from_turn == s->server->claims_turn && s->last_from &&
           hy_str_equal(s->last_from, from);
}

static int check_from(hy_session_t *s, hy_msg_t *m, hy_error_t *err) {
    if (is_known_from(s, m->from)) return 0;
    int claimed = hy__claim_by_use(s, m->from, err);
    if (claimed == 0) {
        hy_str_unref(s->last_from);
        s->last_from = hy_str_ref(m->from);
        s->last_from_turn = s->server->claims_turn;
        return 0;
    }
    if (m->type == HY_MSG_RESPONSE) {
        const hy__route_t *r = hy__route_find(s, m->from);
        if (r && hy__route_is_open(r)) return 0;
    }
    if (claimed != HY_EFORBIDDEN) return claimed;
    return hy_fail(err, HY_EFORBIDDEN, "%s does not hold %s and may not send from it",
                   s->owner->runtime->bytes, m->from->bytes);
}

/* Who is said to subscribe must belong to who says so. */
static int check_subscriber(hy_session_t *s, hy_msg_t *m, hy_error_t *err) {
    static const char *const FIELDS[] = {"source", "subscriber"};
    int r = hy_msg_check_body(m, err); /* else another might read in it what is not seen here */
    if (r < 0) return r;
    const hy_node_t *body = hy_msg_body(m);
    for (size_t i = 0; i < 2; i++) {
        hy_value_t who = hy_get(body, FIELDS[i]);
        if (who.kind == HY_ABSENT) continue;
        if (who.kind != HY_STR)
            return hy_fail(err, HY_EINVALID, "%s in a message to %s must be an address", FIELDS[i],
                           m->to->bytes);
        r = hy__claim_by_use(s, who.as.s, err);
        if (r < 0 && r != HY_EFORBIDDEN) return r;
        if (r < 0)
            return hy_fail(err, HY_EFORBIDDEN, "%s does not hold %s, the %s in a message to %s",
                           s->owner->runtime->bytes, who.as.s->bytes, FIELDS[i], m->to->bytes);
    }
    return 0;
}

static int check_publisher(const hy_session_t *s, const hy_msg_t *m, const hy__place_t *at,
                           const hy_session_t *holder, hy_error_t *err) {
    if (holder == s) return 0;
    if (at->kind == HY__CHANGES)
        return hy_fail(err, HY_EFORBIDDEN, "only the holder of the object may send to %s",
                       m->to->bytes);
    hy__object_t *o = at->object;
    if (!o || !o->is_guarded || hy__object_admits(o, m->from, s)) return 0;
    return hy_fail(err, HY_EFORBIDDEN, "%s is not admitted to %s", m->from->bytes, m->to->bytes);
}

/* What a hyperty emits and how it is registered is published by who holds it, and by the node. */
static int check_announcer(const hy_session_t *s, const hy_msg_t *m, hy_error_t *err) {
    const hy_node_server_t *n = s->server;
    const hy__owner_t *o = hy__owner_of(n, m->to->bytes, m->to->len);
    bool is_here = hy__span_is(hy_address_domain(m->to), n->domain->bytes);
    if (o ? o == s->owner : !is_here) return 0;
    return hy_fail(err, HY_EFORBIDDEN, "only the holder of what is above it may send to %s",
                   m->to->bytes);
}

static hy_session_t *holder_at(const hy_node_server_t *n, const hy__place_t *at,
                               const hy_str_t *to) {
    return at->object ? hy__object_holder(n, at->object) : hy__holder_of(n, to->bytes, to->len);
}

static int check(hy_session_t *s, hy_msg_t *m, const hy__place_t *at, hy_error_t *err) {
    bool is_own = false;
    if (at->object) {
        const hy_session_t *holder = hy__object_holder(s->server, at->object);
        is_own = holder == s && hy_address_is_under(m->from, at->object->url);
    }
    int r = is_own ? 0 : check_from(s, m, err);
    if (r < 0 || m->type == HY_MSG_RESPONSE) return r;
    if (at->kind == HY__ELSE && hy_address_is_published(m->to)) return check_announcer(s, m, err);
    if (at->kind < HY__SUBSCRIPTION) return 0;
    if (at->kind == HY__SUBSCRIPTION) return check_subscriber(s, m, err);
    return is_own ? 0 : check_publisher(s, m, at, holder_at(s->server, at, m->to), err);
}

/* --- where it goes ---------------------------------------------------------------------------- */

/* A refusal by the guard says so: it is no decision of the reporter, who may be about to admit. */
static void refuse(hy_session_t *s, hy_msg_t *m, const hy__place_t *at, const hy_error_t *err) {
    bool is_guard = err->code == HY_EFORBIDDEN && at->kind > HY__CHANGES;
    hy_node_t *value = is_guard ? hy_node_new(HY_OBJECT) : NULL;
    if (!value || hy_put(value, "admitted", hy_bool(false)) < 0) {
        hy_node_unref(value);
        hy__refuse(s, m, err);
        return;
    }
    s->server->stats.refused++;
    hy__reply(s, m, 403, err->text, hy_node_value(value));
}

static void serve(hy_session_t *s, hy_msg_t *m, hy__serve_cb function) {
    hy_node_server_t *n = s->server;
    hy_error_t err;
    if (m->type == HY_MSG_RESPONSE || hy__answers_repeat(s, m)) return;
    if (hy__keep_check(s, m, &err) < 0) {
        n->stats.store_refused++;
        hy__refuse(s, m, &err);
        return;
    }
    const hy_msg_t *outer = n->serving; /* a connection may bring a message while one is served */
    uint64_t outer_written = n->serving_written;
    n->serving = m;
    n->serving_written = hy__keep_written(n);
    if (hy_msg_check_body(m, &err) < 0)
        hy__refuse(s, m, &err);
    else
        function(s, m);
    n->serving = outer;
    n->serving_written = outer_written;
}

/* Nobody gets it. What is published in the node's own domain may go unheard. */
static void unheard(hy_session_t *s, hy_msg_t *m, const hy__place_t *at, bool is_held) {
    hy_node_server_t *n = s->server;
    hy_error_t err;
    bool is_silent = m->type == HY_MSG_RESPONSE;
    if (is_held && (is_silent || at->kind >= HY__CHANGES)) return;
    if (!is_silent && hy__tombstone_has(n, m->to)) {
        hy_fail(&err, HY_EDELETED, "%s was deleted", m->to->bytes);
        hy__refuse(s, m, &err);
        return;
    }
    hy_span_t domain = hy_address_domain(m->to);
    bool is_here = hy__span_is(domain, n->domain->bytes);
    if (is_here && !is_silent && hy_address_is_published(m->to)) return;
    n->stats.undeliverable++;
    hy_log(n->log, HY_LOG_DEBUG, "node", "nobody is at %s (%s from %s)", m->to->bytes,
           hy_msg_type_text(m->type), m->from->bytes);
    hy_span_t own = hy_address_home(m->to);
    if (own.len != domain.len && !hy__span_is(own, n->domain->bytes))
        hy_fail(&err, HY_ENOT_FOUND, "this node serves the domain %s, not %.*s", n->domain->bytes,
                (int)own.len, own.bytes);
    else
        hy_fail(&err, HY_ENOT_FOUND, is_here ? "nobody is at %s" : "nobody here is at %s",
                m->to->bytes);
    hy__reply(s, m, 404, err.text, hy_absent());
}

void hy__session_send(hy_session_t *s, hy_msg_t *m) {
    hy_node_server_t *n = s->server;
    hy_error_t err;
    n->stats.received++;
    if (hy__rate_message(s, m, &err) < 0) {
        hy__rate_refuse(s, m, &err);
        return;
    }
    hy__place_t at = hy__place_find(n, m->to);
    if (check(s, m, &at, &err) < 0) {
        refuse(s, m, &at, &err);
        return;
    }
    if (hy__identity_check(s, m, &err) < 0) {
        hy__refuse(s, m, &err);
        return;
    }
    if (at.topic && at.topic->serve) {
        serve(s, m, at.topic->serve);
        return;
    }
    if (hy__catalogue_has(n, m->to)) {
        serve(s, m, hy__serve_catalogue);
        return;
    }
    if (hy__publish(n, &at, m, s)) return;
    hy_session_t *holder = holder_at(n, &at, m->to);
    if (!holder || holder == s)
        unheard(s, m, &at, holder != NULL);
    else if (!hy__deliver(holder, m))
        hy__refuse_slow(s, m);
}
