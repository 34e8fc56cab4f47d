/* What a session's token allows (auth.h): whether it opens, for whom it speaks, how long it lasts.
 *
 *      given ──► … ──► told that it ends soon ──► ended: the connection closes, the grace begins
 *        ▲                     │
 *        └── open, re-open ◄───┘ with a new one
 *
 * It ends by the wall clock, which may be set: so what is left is looked at every HY_TOKEN_LOOK_MS.
 */
#include "authorised.h"

int hy__authority_check(const hy_peer_t *p, hy_msg_t *m, hy_claims_t *out, hy_error_t *err) {
    const hy_node_server_t *n = hy__peer_server(p);
    hy_error_t why;
    if (!n->auth || hy__peer_is_own(p)) return 0;
    if (hy_msg_check_body(m, &why) < 0)
        return hy_fail(err, HY_EUNAUTHENTICATED, "the token cannot be read: %s", why.text);
    hy_value_t token = hy_get(hy_msg_body(m), "auth");
    if (token.kind == HY_ABSENT)
        return hy_fail(err, HY_EUNAUTHENTICATED,
                       "this node asks for a token, and there is none: get one of who runs the "
                       "node, and give it with --token FILE");
    if (token.kind != HY_STR)
        return hy_fail(err, HY_EUNAUTHENTICATED, "body.auth must be the text of a token");
    uint64_t now_ms = (uint64_t)hy_clock_wall(n->clock);
    return n->auth->check(n->auth, token.as.s, now_ms, out, err);
}

int hy__authority_admits(const hy_peer_t *p, const hy_claims_t *claims, const hy_str_t *runtime,
                         const hy_session_t *s, hy_error_t *err) {
    if (!hy__peer_server(p)->auth) return 0;
    if (claims->sub && !hy_claims_cover(claims, runtime))
        return hy_fail(err, HY_EUNAUTHENTICATED, "the token is for %s, not for %s",
                       claims->sub->bytes, runtime->bytes);
    if (!s || !s->has_auth || (claims->sub && hy_claims_are_alike(&s->claims, claims))) return 0;
    if (!claims->sub)
        return hy_fail(err, HY_ECONFLICT,
                       "%s has a session that has shown a token: it must end first",
                       runtime->bytes);
    return hy_fail(err, HY_ECONFLICT,
                   "%s has a session that speaks for other users than this token names: it must "
                   "end first",
                   runtime->bytes);
}

/* --- how long it lasts ------------------------------------------------------------------------ */

static void tell(hy_session_t *s, uint64_t left_ms) {
    hy_node_t *body = hy_node_new(HY_OBJECT), *value = hy_node_new(HY_OBJECT);
    int rc = hy_put(value, "expires", hy_int((int64_t)left_ms));
    if (rc == 0) {
        rc = hy_put(body, "value", hy_node_value(value));
    } else if (value) {
        hy_node_unref(value);
    }
    if (rc == 0) {
        hy__peer_say(s->peer, hy_msg_new(HY_MSG_EVENT, hy_absent(), s->server->session_url,
                                         s->owner->runtime, hy_node_value(body)));
    } else if (body) {
        hy_node_unref(body);
    }
}

static void on_due(void *session) {
    hy_session_t *s = session;
    uint64_t now_ms = (uint64_t)hy_clock_wall(s->server->clock);
    if (!s->peer) return;
    if (now_ms >= s->claims.ends_ms) {
        hy__peer_end(s->peer, HY_CLOSE_UNAUTHORISED,
                     "its token has ended: come back with a new one");
        return;
    }
    uint64_t left_ms = s->claims.ends_ms - now_ms;
    if (s->warn_ms > 0 && now_ms >= s->warn_ms) {
        s->warn_ms = 0;
        tell(s, left_ms);
    }
    if (!s->peer) return; /* it took what was told, and broke */
    uint64_t delay_ms = s->warn_ms > 0 ? s->warn_ms - now_ms : left_ms;
    if (delay_ms > HY_TOKEN_LOOK_MS) delay_ms = HY_TOKEN_LOOK_MS;
    if (hy_timer_start(s->server->clock, &s->authority, delay_ms) < 0)
        hy__peer_end(s->peer, HY_CLOSE_TRY_LATER, "no memory to see its token end");
}

void hy__authority_give(hy_session_t *s, hy_claims_t *claims) {
    if (!claims->users) return;
    uint64_t now_ms = (uint64_t)hy_clock_wall(s->server->clock);
    uint64_t left_ms = claims->ends_ms > now_ms ? claims->ends_ms - now_ms : 0;
    uint64_t last_ms = left_ms / 2 < HY_TOKEN_WARN_MS ? left_ms / 2 : HY_TOKEN_WARN_MS;
    bool is_new = !s->has_auth;
    hy_claims_deinit(&s->claims);
    s->claims = *claims;
    *claims = (hy_claims_t){.sub = NULL};
    s->has_auth = true;
    s->warn_ms = last_ms >= HY_TOKEN_WARN_MS_MIN ? s->claims.ends_ms - last_ms : 0;
    if (is_new) hy__keep_session(s, false);
    on_due(s);
}

/* --- life ------------------------------------------------------------------------------------- */

void hy__authority_init(hy_session_t *s) {
    hy_timer_init(&s->authority, on_due, s);
}

void hy__authority_deinit(hy_session_t *s) {
    hy_timer_stop(s->server->clock, &s->authority);
    hy_claims_deinit(&s->claims);
}

int hy__authority_restore(hy_session_t *s, hy_value_t users) {
    hy_value_t copy = hy_absent();
    if (users.kind == HY_ABSENT) return 0;
    int rc = hy_value_copy(users, &copy);
    if (rc < 0) return rc;
    s->claims = (hy_claims_t){.sub = hy_str_ref(s->owner->runtime), .users = copy.as.n};
    s->has_auth = true;
    return 0;
}

size_t hy__authority_bytes(const hy_session_t *s) {
    if (!s->has_auth) return 0;
    hy_value_t users = {.kind = HY_ARRAY, .as.n = s->claims.users};
    return sizeof *s->claims.sub + s->claims.sub->len + hy_value_bytes(users);
}
