/* What a session may send in a second: messages, bytes, addresses that it has allocated.
 *
 *      left ── take ──► left - cost         while there is enough: one compare, one subtraction
 *        ▲ └── too little: the time since it was last filled up is worth so much more, at most
 *        └──── one second's; still too little: refused
 *
 * The clock is asked only when it runs dry. So the time before it was first used is not counted
 * again, but up to a second's worth may come on top of a full one. Without a limit it is always
 * full. What costs more than a second's worth passes when it is full, and is paid for afterwards;
 * else it never would. Counted in thousandths, so that a millisecond is worth the limit. */
#include "internal.h"

#define UNIT        1000
#define WITHOUT_END (INT64_MAX / 2)
#define AWAY_MS_MAX 1000000000u /* times the highest limit, that still is an int64_t */

static void fill(const hy_session_t *s, hy__rate_t *r, uint32_t per_s) {
    uint64_t now = hy_clock_now(s->server->clock), ms = now - r->since_ms;
    int64_t full = per_s ? (int64_t)per_s * UNIT : WITHOUT_END;
    if (ms > AWAY_MS_MAX) ms = AWAY_MS_MAX;
    r->since_ms = now;
    r->left = per_s ? r->left + (int64_t)ms * per_s : full;
    if (r->left > full) r->left = full;
}

static bool take(const hy_session_t *s, hy__rate_t *r, uint32_t per_s, uint64_t count) {
    int64_t cost = (int64_t)count * UNIT;
    if (r->left < cost) {
        fill(s, r, per_s);
        int64_t full = (int64_t)per_s * UNIT;
        if (r->left < cost && r->left < full) return false;
    }
    r->left -= cost;
    return true;
}

void hy__rate_init(hy_session_t *s) {
    const hy_node_limits_t *l = &s->server->limits;
    s->messages = s->bytes = s->allocations = (hy__rate_t){0, hy_clock_now(s->server->clock)};
    s->messages.left = (int64_t)l->messages_per_s * UNIT;
    s->bytes.left = (int64_t)l->bytes_per_s * UNIT;
    s->allocations.left = (int64_t)l->allocations_per_s * UNIT;
}

static int check(hy_session_t *s, uint64_t bytes, hy_error_t *err) {
    const hy_node_limits_t *l = &s->server->limits;
    if (!take(s, &s->messages, l->messages_per_s, 1))
        return hy_fail(err, HY_ETOO_FAST, "%s sends more than %u messages in a second",
                       s->owner->runtime->bytes, l->messages_per_s);
    if (!take(s, &s->bytes, l->bytes_per_s, bytes))
        return hy_fail(err, HY_ETOO_FAST, "%s sends more than %u bytes in a second",
                       s->owner->runtime->bytes, l->bytes_per_s);
    return 0;
}

int hy__rate_message(hy_session_t *s, hy_msg_t *m, hy_error_t *err) {
    const hy_str_t *text = s->server->limits.bytes_per_s ? hy_msg_text(m, NULL) : NULL;
    return check(s, text ? text->len : 0, err);
}

int hy__rate_malformed(hy_session_t *s, size_t bytes, hy_error_t *err) {
    return check(s, bytes, err);
}

int hy__rate_allocate(hy_session_t *s, uint32_t count, hy_error_t *err) {
    uint32_t limit = s->server->limits.allocations_per_s;
    if (take(s, &s->allocations, limit, count)) return 0;
    return hy_fail(err, HY_ETOO_FAST, "%s allocates more than %u addresses in a second",
                   s->owner->runtime->bytes, limit);
}

void hy__rate_refuse(hy_session_t *s, hy_msg_t *m, const hy_error_t *err) {
    hy_node_stats_t *stats = &s->server->stats;
    bool is_request = hy_msg_has_id(m) && m->type != HY_MSG_RESPONSE;
    ++*(is_request ? &stats->rate_refused : &stats->rate_dropped);
    if (is_request) hy__refuse(s, m, err);
}
