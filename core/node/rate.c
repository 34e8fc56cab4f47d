/* What a session may send in a second: messages, bytes, addresses that it has allocated. How that
 * is counted: loop/rate.h. */
#include "internal.h"

static bool take(const hy_session_t *s, hy_rate_t *r, uint32_t per_s, uint64_t count) {
    return hy_rate_take(r, s->server->clock, per_s, count);
}

void hy__rate_init(hy_session_t *s) {
    const hy_node_limits_t *l = &s->server->limits;
    hy_rate_init(&s->messages, s->server->clock, l->messages_per_s);
    hy_rate_init(&s->bytes, s->server->clock, l->bytes_per_s);
    hy_rate_init(&s->allocations, s->server->clock, l->allocations_per_s);
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
