/* Peers: connections to the node and the handshake on them (PROTOCOL.md section 3).
 *
 *      open      a new session; that of another connection under the same RuntimeURL is replaced
 *      re-open   a session whose connection was lost, or still seems to be there, is taken over
 *      close     the session ends, and the connection with it
 *
 * If the node asks for tokens, the first two must bring one (authorised.c).
 *
 * A peer owns nothing but what is for itself (`own`): answers of its handshakes, of which several
 * may come before the first can be sent, and the last words to a connection that is being closed.
 * All else that it sends is its session's queue. */
#include "peer.h"

#include "authorised.h"

struct hy_peer {
    hy_node_server_t *server;
    const hy_peer_events_t *events;
    void *arg;
    hy_session_t *session; /* NULL: none is open */
    hy_str_t *where;
    hy_ring_t own;
    bool is_signalled;
    bool *is_gone; /* of the call that is under way */
    hy_link_t link;
};

/* --- life ------------------------------------------------------------------------------------- */

int hy_peer_open(hy_node_server_t *n, const hy_peer_events_t *events, void *arg, const char *where,
                 hy_peer_t **out) {
    hy_peer_t *p = hy_alloc_zero(sizeof *p);
    hy_str_t *text = p ? hy_str_from(where) : NULL;
    if (!text) {
        hy_free(p);
        return HY_ENOMEM;
    }
    if (n->lapsed > 0 && !n->origin) hy__sessions_sweep(n);
    p->server = n;
    p->events = events;
    p->arg = arg;
    p->where = text;
    hy_ring_init(&p->own);
    hy_list_append(&n->peers, &p->link);
    n->stats.peers++;
    *out = p;
    return 0;
}

static void peer_free(hy_peer_t *p) {
    if (p->is_gone) *p->is_gone = true;
    hy_list_remove(&p->link);
    p->server->stats.peers--;
    hy_str_unref(p->where);
    hy_ring_deinit(&p->own);
    hy_free(p);
}

static void part(hy_peer_t *p) {
    hy_session_t *s = p->session;
    p->session = NULL;
    if (s) hy__session_detach(s);
}

void hy_peer_lost(hy_peer_t *p) {
    part(p);
    peer_free(p);
}

void hy__peer_end(hy_peer_t *p, hy_close_code_t code, const char *reason) {
    if (!p) return;
    hy_node_server_t *n = p->server;
    if (code != HY_CLOSE_NORMAL)
        hy_log(n->log, HY_LOG_INFO, "node", "%s of %s closed: %s", p->where->bytes,
               p->session ? p->session->owner->runtime->bytes : "nobody yet", reason);
    p->is_signalled = true; /* it is asked for what is left inside `close` */
    p->events->close(p->arg, code, reason);
    part(p);
    peer_free(p);
}

void hy__peers_free(hy_node_server_t *n) {
    while (!hy_list_is_empty(&n->peers)) {
        hy_peer_t *p = hy_link_owner(n->peers.next, hy_peer_t, link);
        p->is_signalled = true;
        p->events->close(p->arg, HY_CLOSE_GOING_AWAY, "the node ends");
        part(p);
        peer_free(p);
    }
}

bool hy_peer_is_open(const hy_peer_t *p) {
    return p->session != NULL;
}

hy_str_t *hy__peer_where(const hy_peer_t *p) {
    return p->where;
}

hy_str_t *hy_peer_runtime(const hy_peer_t *p) {
    return p->session ? p->session->owner->runtime : NULL;
}

const hy_node_server_t *hy__peer_server(const hy_peer_t *p) {
    return p->server;
}

bool hy__peer_is_own(const hy_peer_t *p) {
    return p && p->events->is_own;
}

hy_str_t *hy_node_server_origin(const hy_node_server_t *n) {
    return n->origin ? n->origin->owner->runtime : NULL;
}

/* --- sending ---------------------------------------------------------------------------------- */

void hy__peer_signal(hy_peer_t *p) {
    if (!p || p->is_signalled) return;
    p->is_signalled = true;
    p->events->ready(p->arg);
}

uint32_t hy_peer_peek(hy_peer_t *p, hy_msg_t *const **list) {
    if (p->own.count > 0) return hy_ring_peek(&p->own, list);
    *list = NULL;
    uint32_t count = p->session ? hy__outgoing_peek(p->session, list) : 0;
    if (count == 0) p->is_signalled = false;
    return count;
}

void hy_peer_consume(hy_peer_t *p, uint32_t count) {
    if (count == 0) return;
    if (p->own.count == 0) {
        hy__outgoing_consume(p->session, count);
        return;
    }
    hy_ring_consume(&p->own, count);
    if (p->own.count == 0) hy_ring_deinit(&p->own); /* for long it needs none */
}

void hy__peer_say(hy_peer_t *p, hy_msg_t *m) {
    if (m && hy_ring_push(&p->own, m, 0) == 0) hy__peer_signal(p);
    hy_msg_unref(m);
}

/* --- answers of the handshake ----------------------------------------------------------------- */

static hy_msg_t *make_answer(const hy_node_server_t *n, hy_value_t id, hy_str_t *to, int code,
                             const char *desc, hy_str_t *token) {
    hy_node_t *body = hy_node_new(HY_OBJECT);
    int rc = body ? hy_put(body, "code", hy_int(code)) : HY_ENOMEM;
    if (rc == 0 && desc) rc = hy_put(body, "desc", hy_text(desc));
    if (rc == 0 && token) rc = hy_put(body, "runtimeToken", hy_string(hy_str_ref(token)));
    if (rc == 0 && token && n->auth) rc = hy_put(body, "auth", hy_bool(true));
    if (rc == 0)
        return hy_msg_new(HY_MSG_RESPONSE, id, n->session_url, to ? to : n->session_url,
                          hy_node_value(body));
    if (body) hy_node_unref(body);
    hy_value_drop(id);
    return NULL;
}

static void answer(hy_peer_t *p, const hy_msg_t *m, int code, const char *desc, hy_str_t *token) {
    hy_value_t id = hy_absent();
    if (hy_value_copy(m->id, &id) == 0)
        hy__peer_say(p, make_answer(p->server, id, m->from, code, desc, token));
}

static void refuse(hy_peer_t *p, const hy_msg_t *m, const hy_error_t *err) {
    p->server->stats.refused++;
    hy_log(p->server->log, HY_LOG_DEBUG, "node", "%s from %s refused: %s",
           hy_msg_type_text(m->type), p->where->bytes, err->text);
    answer(p, m, hy_error_http(err->code), err->text, NULL);
}

/* --- open, re-open, close --------------------------------------------------------------------- */

static void attach(hy_peer_t *p, hy_session_t *s) {
    p->session = s;
    hy__session_attach(s, p);
    if (s->outgoing.count > 0) hy__peer_signal(p);
}

/* The connection that a session had is told that another one has it now. */
static void replace(hy_session_t *s) {
    hy_peer_t *old = s->peer;
    if (!old) return;
    const char *why = "another connection has opened this runtime";
    old->session = NULL;
    s->peer = NULL;
    hy__peer_say(old, make_answer(s->server, hy_absent(), s->owner->runtime, 409, why, NULL));
    hy__peer_end(old, HY_CLOSE_REPLACED, why);
}

/* Its last words are asked for when it is closed: who had them before might be gone by then. */
static void refuse_and_end(hy_peer_t *p, const hy_msg_t *m, const hy_error_t *err,
                           hy_close_code_t code) {
    p->is_signalled = true;
    refuse(p, m, err);
    hy__peer_end(p, code, err->text);
}

/* Who shows no token, or a bad one, does not stay. */
static void turn_away(hy_peer_t *p, const hy_msg_t *m, const hy_error_t *err) {
    if (err->code == HY_EUNAUTHENTICATED)
        refuse_and_end(p, m, err, HY_CLOSE_UNAUTHORISED);
    else
        refuse(p, m, err);
}

/* The connection has the session, which goes on by these claims; they are taken over. */
static void welcome(hy_peer_t *p, const hy_msg_t *m, hy_session_t *s, hy_claims_t *claims) {
    hy__authority_give(s, claims);
    if (s->peer == p) answer(p, m, 200, NULL, s->token); /* who gets it may be gone after that */
}

/* The session of `runtime` on this connection: the one that it has, another's, or a new one. */
static int open_session(hy_peer_t *p, hy_str_t *runtime, const hy_claims_t *claims,
                        hy_session_t **out, hy_error_t *err) {
    hy_node_server_t *n = p->server;
    hy_session_t *s = hy__session_find(n, runtime->bytes, runtime->len);
    if (p->session && p->session != s)
        return hy_fail(err, HY_ECONFLICT, "this connection has a session for %s already",
                       p->session->owner->runtime->bytes);
    int r = hy__authority_admits(p, claims, runtime, s, err);
    if (r < 0) return r;
    if (s && s == p->session) {
        *out = s;
        return 0;
    }
    if (s) {
        replace(s);
        r = hy__session_renew(s, err);
        if (r < 0) hy__session_detach(s);
    } else {
        r = hy__session_open(n, runtime, &s, err);
    }
    if (r < 0) return r;
    attach(p, s);
    hy_log(n->log, HY_LOG_DEBUG, "node", "%s opened by %s", runtime->bytes, p->where->bytes);
    *out = s;
    return 0;
}

static void on_open(hy_peer_t *p, hy_msg_t *m) {
    hy_claims_t claims = {.sub = NULL};
    hy_session_t *s = NULL;
    hy_error_t err;
    int r = hy__authority_check(p, m, &claims, &err);
    if (r == 0) r = open_session(p, m->from, &claims, &s, &err);
    if (r == 0)
        welcome(p, m, s, &claims);
    else
        turn_away(p, m, &err);
    hy_claims_deinit(&claims);
}

/* The session of that name and token, on this connection from now on. */
static int reopen_session(hy_peer_t *p, const hy_str_t *from, const hy_claims_t *claims,
                          hy_session_t **out, hy_error_t *err) {
    hy_session_t *s = hy__session_of_token(p->server, from);
    if (!s || (p->session && p->session != s))
        return hy_fail(err, HY_EFORBIDDEN, "no session of this name and token: open a new one");
    int r = hy__authority_admits(p, claims, s->owner->runtime, s, err);
    if (r < 0) return r;
    if (s->peer != p) {
        replace(s);
        hy__outgoing_attach(s);
        attach(p, s);
    }
    hy_log(p->server->log, HY_LOG_DEBUG, "node", "%s re-opened by %s", s->owner->runtime->bytes,
           p->where->bytes);
    *out = s;
    return 0;
}

static void on_reopen(hy_peer_t *p, hy_msg_t *m) {
    hy_claims_t claims = {.sub = NULL};
    hy_session_t *s = NULL;
    hy_error_t err;
    int r = hy__authority_check(p, m, &claims, &err);
    if (r == 0) r = reopen_session(p, m->from, &claims, &s, &err);
    if (r == 0)
        welcome(p, m, s, &claims);
    else
        turn_away(p, m, &err);
    hy_claims_deinit(&claims);
}

static void on_close(hy_peer_t *p, hy_msg_t *m) {
    hy_session_t *s = hy__session_of_token(p->server, m->from);
    if (!s && p->session && hy_str_equal(p->session->owner->runtime, m->from)) s = p->session;
    hy_error_t err;
    if (!s) {
        hy_fail(&err, HY_EFORBIDDEN, "%s is not a session of this connection", m->from->bytes);
        refuse(p, m, &err);
        return;
    }
    hy_peer_t *own = s->peer;
    hy_log(p->server->log, HY_LOG_DEBUG, "node", "%s closed by its runtime",
           s->owner->runtime->bytes);
    if (own) own->session = NULL;
    s->peer = NULL;
    hy_session_close(s);
    if (own && own != p) hy__peer_end(own, HY_CLOSE_NORMAL, "the session was closed");
    hy__peer_end(p, HY_CLOSE_NORMAL, "the session was closed");
}

static void handshake(hy_peer_t *p, hy_msg_t *m) {
    hy_error_t err;
    switch (m->type) {
    case HY_MSG_OPEN:
        on_open(p, m);
        break;
    case HY_MSG_REOPEN:
        on_reopen(p, m);
        break;
    case HY_MSG_CLOSE:
        on_close(p, m);
        break;
    case HY_MSG_RESPONSE:
        break;
    default:
        hy_fail(&err, HY_EINVALID, "mn:/session takes open, re-open and close, not %s",
                hy_msg_type_text(m->type));
        refuse(p, m, &err);
    }
}

/* Bounded by what it reads, and by what may come from where it is. */
static void come_in(hy_peer_t *p, hy_msg_t *m) {
    hy_error_t err;
    if (p->own.count >= HY_PEER_ANSWERS_MAX) {
        hy__peer_end(p, HY_CLOSE_POLICY, "it does not read what it asks for");
    } else if (p->events->may_open && p->events->may_open(p->arg, &err) < 0) {
        refuse_and_end(p, m, &err, HY_CLOSE_TOO_MANY);
    } else {
        handshake(p, m);
    }
}

/* --- receiving -------------------------------------------------------------------------------- */

static void refuse_stranger(hy_peer_t *p, const hy_msg_t *m) {
    hy_error_t err;
    hy_fail(&err, HY_EFORBIDDEN, "there is no session: send open to mn:/session first");
    refuse_and_end(p, m, &err, HY_CLOSE_POLICY);
}

/* Calls may lie in one another: what is told to a connection may make it bring something. Gives
 * whether the peer is still there. */
static bool leave_call(hy_peer_t *p, bool is_gone, bool *outer) {
    if (!is_gone)
        p->is_gone = outer;
    else if (outer)
        *outer = true;
    return !is_gone;
}

bool hy_peer_receive(hy_peer_t *p, hy_msg_t *m) {
    hy_node_server_t *n = p->server;
    bool is_gone = false, *outer = p->is_gone;
    p->is_gone = &is_gone;
    if (n->lapsed > 0 && !n->origin) hy__sessions_sweep(n);
    hy_session_t *s = p->session;
    if (hy__keep_is_reading(n)) {
        hy__peer_end(p, HY_CLOSE_TRY_LATER, "the node reads its store");
    } else if (m->to->len == n->session_url->len && hy_str_equal(m->to, n->session_url)) {
        come_in(p, m);
    } else if (!s) {
        refuse_stranger(p, m);
    } else {
        const hy_session_t *before = n->origin;
        n->origin = s;
        hy__session_send(s, m);
        n->origin = before;
    }
    return leave_call(p, is_gone, outer);
}

static bool is_id(const hy_json_token_t *token) {
    return (token->kind == HY_JSON_INT && token->i >= 1) ||
           (token->kind == HY_JSON_STR && token->len <= HY_KEY_BYTES_MAX);
}

/* Its id, so that who sent it knows which one it was: read as far as the text makes sense. */
static hy_value_t read_id(const hy_str_t *text) {
    hy_json_scan_t scan;
    hy_json_token_t token;
    hy_json_scan_init(&scan, text->bytes, text->len, HY_JSON_DEPTH_MAX);
    if (hy_json_scan_next(&scan, &token, NULL) < 0 || token.kind != HY_JSON_OBJECT)
        return hy_absent();
    while (hy_json_scan_next(&scan, &token, NULL) == 0 && token.kind == HY_JSON_KEY) {
        bool is_wanted = token.len == 2 && memcmp(text->bytes + token.at, "id", 2) == 0;
        if (hy_json_scan_next(&scan, &token, NULL) < 0) break;
        if (is_wanted && token.kind == HY_JSON_INT && is_id(&token)) return hy_int(token.i);
        if (is_wanted && is_id(&token)) return hy_string(hy_json_token_str(&scan, &token));
        if (is_wanted || hy_json_scan_skip(&scan, &token, &token, NULL) < 0) break;
    }
    return hy_absent();
}

bool hy_peer_malformed(hy_peer_t *p, const hy_str_t *text, const hy_error_t *err) {
    hy_node_server_t *n = p->server;
    hy_str_t *to = hy_peer_runtime(p);
    bool is_gone = false, *outer = p->is_gone;
    p->is_gone = &is_gone;
    n->stats.malformed++;
    hy_log(n->log, HY_LOG_DEBUG, "node", "%s: %s", p->where->bytes, err->text);
    if (p->session && hy__rate_malformed(p->session, text->len, NULL) < 0) {
        n->stats.rate_dropped++;
        return leave_call(p, is_gone, outer);
    }
    hy_msg_t *m = make_answer(n, read_id(text), to, hy_error_http(err->code), err->text, NULL);
    if (!p->session) {
        hy__peer_say(p, m);
        hy__peer_end(p, HY_CLOSE_POLICY, err->text);
    } else if (m) {
        hy__deliver(p->session, m);
        hy_msg_unref(m);
    }
    return leave_call(p, is_gone, outer);
}
