/* The stub: connects, opens, re-opens, and keeps what is sent meanwhile.
 *
 *      bus ── uplink ──► queue ──► channel ──► node
 *      bus ◄── receive ─────────── channel ◄── node
 *                    handshake ◄──►
 *
 * Three timers: `retry` until the next try; `answer` for a handshake that is not answered; `hold`
 * since the connection was lost, after which nothing is kept any more. The delay before a try is
 * drawn evenly from 0 to a bound that doubles (full jitter), so that runtimes which lost their node
 * together do not come back together. */
#include "stub.h"

#include <stdio.h>

#include "../base/mem.h"
#include "../bus/ring.h"
#include "opening.h"

typedef enum { WAITING, CONNECTING, OPENING, LIVE, REPLACED } phase_t;

struct hy_stub {
    hy_stub_config_t config;
    hy_str_t *runtime, *session_url;
    hy_str_t *session; /* <RuntimeURL>/<token>; NULL: none to take over */
    hy_uplink_t *uplink;
    hy_channel_t *channel;
    phase_t phase;
    hy_msg_t *handshake; /* to be sent before all else */
    int64_t asked;       /* its id */
    hy__opening_t opening;
    bool is_reopening, is_renewing, is_telling, is_closing;
    bool is_refused; /* its token was not taken when it tried last */
    bool was_live, checks_identity;
    bool holds;              /* what is sent is kept */
    hy_close_code_t parting; /* what the node has said before it closed; 0: nothing */
    hy_str_t *why;           /* it is away, for people; may be NULL */
    hy_ring_t queue;
    uint32_t tries; /* since it was live */
    hy_timer_t retry, answer, hold;
};

static hy_clock_t *clock_of(const hy_stub_t *s) {
    return hy_bus_clock(s->config.bus);
}

static const hy_log_t *log_of(const hy_stub_t *s) {
    return hy_bus_log(s->config.bus);
}

bool hy_stub_has_more(const hy_stub_t *s) {
    return s->phase == LIVE && s->queue.count > 0;
}
bool hy_stub_checks_identity(const hy_stub_t *s) {
    return s->checks_identity;
}
const char *hy_stub_where(const hy_stub_t *s) {
    return s->config.connector->where(s->config.connector);
}

hy_stub_state_t hy_stub_state(const hy_stub_t *s) {
    if (s->phase == LIVE) return HY_STUB_LIVE;
    return s->phase == REPLACED ? HY_STUB_REPLACED : HY_STUB_AWAY;
}

static void tell(hy_stub_t *s, bool is_new, const char *why) {
    if (!s->config.changed) return;
    s->is_telling = true;
    s->config.changed(s->config.arg, hy_stub_state(s), is_new, why);
    s->is_telling = false;
}

/* --- what is kept ----------------------------------------------------------------------------- */

/* Its sender need not wait for the deadline. False if there is nobody to answer, or no memory. */
static bool answer(hy_stub_t *s, hy_msg_t *m, const char *desc) {
    if (!hy_msg_has_id(m) || m->type == HY_MSG_RESPONSE) return false;
    hy_msg_t *answer = hy_msg_response(m, NULL, 503, desc, hy_absent());
    bool is_done = answer && hy_uplink_receive(s->uplink, answer) == 0;
    hy_msg_unref(answer);
    return is_done;
}

static bool answer_unreachable(hy_stub_t *s, hy_msg_t *m) {
    hy_error_t err;
    hy_fail(&err, HY_EUNREACHABLE, "no connection to the message node: %s",
            s->why ? s->why->bytes : hy_stub_where(s));
    return answer(s, m, err.text);
}

static bool answer_full(hy_stub_t *s, hy_msg_t *m) {
    hy_error_t err;
    hy_fail(&err, HY_EFULL, "%s: more than %u MiB wait to be sent", hy_stub_where(s),
            HY_STUB_QUEUE_BYTES_MAX >> 20);
    return answer(s, m, err.text);
}

static void drop(hy_stub_t *s, hy_ring_t *ring) {
    hy_msg_t *const *list;
    for (uint32_t count; (count = hy_ring_peek(ring, &list)) > 0; hy_ring_consume(ring, count)) {
        for (uint32_t i = 0; i < count; i++)
            answer_unreachable(s, list[i]);
    }
    hy_ring_deinit(ring);
}

static void on_hold_over(void *stub) {
    hy_stub_t *s = stub;
    s->holds = false;
    drop(s, &s->queue);
}

static void look_again(hy_stub_t *s);

static int on_uplink(void *stub, hy_msg_t *m) {
    hy_stub_t *s = stub;
    if (s->phase == WAITING) look_again(s);
    if (s->phase != LIVE && !s->holds) return answer_unreachable(s, m) ? 0 : HY_EUNREACHABLE;
    hy_error_t err;
    if (s->phase != LIVE || s->channel->ops->is_text) {
        if (!hy_msg_text(m, &err)) return err.code; /* what cannot be sent is told at once */
    }
    if (s->queue.bytes + hy_msg_bytes(m) > HY_STUB_QUEUE_BYTES_MAX)
        return answer_full(s, m) ? 0 : HY_EFULL;
    int rc = hy_ring_push(&s->queue, m, 0);
    if (rc == 0 && s->phase == LIVE) hy_channel_wake(s->channel);
    return rc;
}

/* --- connecting ------------------------------------------------------------------------------- */

static void connect_now(void *stub);

/* A node that restarts says within which time it would like all to come back. */
static uint64_t window_of(const hy_stub_t *s) {
    const char *within = s->why ? strstr(s->why->bytes, "within ") : NULL;
    unsigned ms = 0;
    bool is_told = s->parting == HY_CLOSE_RESTART && within && sscanf(within, "within %u ms", &ms);
    return is_told && ms > HY_RECONNECT_MIN_MS ? ms : HY_RECONNECT_MIN_MS;
}

static void connect_later(hy_stub_t *s) {
    uint64_t bound = window_of(s);
    for (uint32_t i = 0; i < s->tries && bound < HY_RECONNECT_MAX_MS; i++)
        bound *= 2;
    if (bound > HY_RECONNECT_MAX_MS) bound = HY_RECONNECT_MAX_MS;
    s->tries++;
    s->phase = WAITING;
    uint64_t delay_ms = 1 + hy_random_below(hy_bus_random(s->config.bus), bound);
    if (hy_timer_start(clock_of(s), &s->retry, delay_ms) < 0)
        hy_log(log_of(s), HY_LOG_ERROR, "stub",
               "out of memory: %s is tried again when something is to be sent", hy_stub_where(s));
}

/* If there was no memory for the timer. */
static void look_again(hy_stub_t *s) {
    if (!hy_timer_is_started(&s->retry)) hy_timer_start(clock_of(s), &s->retry, 1);
}

static void hold(hy_stub_t *s) {
    s->holds = hy_timer_start(clock_of(s), &s->hold, HY_STUB_HOLD_MS) == 0;
}

static void say_why(hy_stub_t *s, const char *why) {
    hy_str_t *text = hy_str_from(why);
    hy_str_unref(s->why);
    s->why = text;
}

static void drop_handshake(hy_stub_t *s) {
    hy_msg_unref(s->handshake);
    s->handshake = NULL;
}

/* There is no connection (any more). */
static void away(hy_stub_t *s, const char *why) {
    bool was_live = s->phase == LIVE;
    hy_timer_stop(clock_of(s), &s->answer);
    drop_handshake(s);
    s->is_renewing = false;
    s->channel = NULL;
    say_why(s, why);
    if (was_live) {
        hold(s);
        if (!s->holds) on_hold_over(s);
    }
    /* The first failure and each tenth: a node that is away for long does not fill the log. */
    if (was_live || s->tries % 10 == 0)
        hy_log(log_of(s), HY_LOG_WARN, "stub", "%s; trying again", why);
    connect_later(s);
    if (was_live) tell(s, false, why);
}

/* --- the handshake ---------------------------------------------------------------------------- */

static void give_up_channel(hy_stub_t *s, const char *why) {
    hy_channel_t *c = s->channel;
    s->channel = NULL;
    if (c) hy_channel_close(c, HY_CLOSE_GOING_AWAY, why);
    away(s, why);
}

/* Makes the message that opens, and notes its id. */
static int prepare(hy_stub_t *s, bool is_reopening, hy_error_t *err) {
    hy_msg_t *m;
    hy_str_t *from = is_reopening ? s->session : s->runtime;
    s->asked = hy_bus_next_id(s->config.bus);
    int rc = hy__opening_make(&s->opening, is_reopening ? HY_MSG_REOPEN : HY_MSG_OPEN, s->asked,
                              from, s->session_url, &m, err);
    if (rc < 0) return rc;
    hy_msg_unref(s->handshake);
    s->handshake = m;
    return 0;
}

static void shake(hy_stub_t *s, bool is_reopening) {
    hy_error_t err = {.text = "out of memory"}, why;
    s->phase = OPENING;
    s->parting = 0;
    s->is_reopening = is_reopening;
    int rc = prepare(s, is_reopening, &err);
    if (rc == 0) rc = hy_timer_start(clock_of(s), &s->answer, HY_HANDSHAKE_MS);
    if (rc == 0) {
        hy_channel_wake(s->channel);
        return;
    }
    hy_fail(&why, rc, "no session at %s: %s", hy_stub_where(s), err.text);
    give_up_channel(s, why.text);
}

/* Its token ends soon: the session goes on with the next one. */
static void renew(hy_stub_t *s, int64_t left_ms) {
    hy_error_t err = {.text = "put a new one in its place"};
    int rc = prepare(s, false, &err);
    if (rc < 0 || !s->opening.is_new)
        hy_log(log_of(s), HY_LOG_WARN, "stub", "the token for %s ends in %lld s: %s",
               hy_stub_where(s), (long long)left_ms / 1000, err.text);
    s->is_renewing = rc == 0;
    if (rc == 0) hy_channel_wake(s->channel);
}

static void on_open(void *stub) {
    hy_stub_t *s = stub;
    shake(s, s->session != NULL);
}

static void on_no_answer(void *stub) {
    hy_stub_t *s = stub;
    hy_error_t err;
    hy_fail(&err, HY_EUNREACHABLE, "%s does not answer: no session within %u s", hy_stub_where(s),
            HY_HANDSHAKE_MS / 1000);
    give_up_channel(s, err.text);
}

static bool keep_token(hy_stub_t *s, const hy_node_t *body) {
    const hy_str_t *token = hy_get_str(body, "runtimeToken");
    if (!token && s->is_reopening) return true;
    hy_str_unref(s->session);
    s->session =
        token ? hy_str_format("%s/%s", s->runtime->bytes, token->bytes) : hy_str_ref(s->runtime);
    return s->session != NULL;
}

static void live(hy_stub_t *s) {
    bool is_new = !s->is_reopening, is_first = !s->was_live;
    hy_timer_stop(clock_of(s), &s->answer);
    hy_timer_stop(clock_of(s), &s->hold);
    /* A node in the same process is nobody's news. */
    bool is_news = s->channel->ops->is_text || !is_first;
    const char *news = is_first ? "" : "; the session before is gone, this is a new one";
    hy_log(log_of(s), is_news ? HY_LOG_INFO : HY_LOG_DEBUG, "stub", "connected to %s%s",
           hy_stub_where(s), is_new ? news : "; the session goes on");
    s->phase = LIVE;
    s->was_live = true;
    s->is_refused = false;
    s->tries = 0;
    hy_ring_t kept = s->queue;
    if (is_new && !is_first) hy_ring_init(&s->queue);
    tell(s, is_new, "connected");
    if (is_new && !is_first) drop(s, &kept);
    hy_channel_wake(s->channel);
}

static void on_answer(hy_stub_t *s, hy_msg_t *m) {
    int code = hy_msg_code(m);
    if (code < 200) return;
    if (code < 300 && keep_token(s, hy_msg_body(m))) {
        s->checks_identity = hy_get_bool(hy_msg_body(m), "auth", false);
        hy__opening_vouch(&s->opening, s->uplink, s->checks_identity);
        live(s);
    } else if (s->is_reopening && code >= 400 && code < 500 && code != 401 && code != 429) {
        hy_str_unref(s->session);
        s->session = NULL;
        shake(s, false); /* it is not known any more */
    } else {
        hy_error_t err;
        const char *why = code < 300 ? "out of memory" : hy_msg_desc(m);
        hy_fail(&err, HY_EUNREACHABLE, "%s did not open a session for %s: %s", hy_stub_where(s),
                s->runtime->bytes, why);
        if (code == 401 && !s->is_refused) s->tries = 0; /* that is news */
        s->is_refused = code == 401;
        give_up_channel(s, err.text);
    }
}

/* --- the channel ------------------------------------------------------------------------------ */

static void replaced(hy_stub_t *s, const char *why) {
    s->phase = REPLACED;
    hy_timer_stop(clock_of(s), &s->answer);
    hy_timer_stop(clock_of(s), &s->hold);
    drop_handshake(s);
    say_why(s, why);
    hy_log(log_of(s), HY_LOG_ERROR, "stub",
           "%s; %s stays away: stop the other one and start this one again", why,
           s->runtime->bytes);
    on_hold_over(s);
    tell(s, false, why);
}

/* The native framing has no close of its own: a message comes before. */
static void take_parting(hy_stub_t *s, const hy_node_t *body) {
    hy_str_t *why = hy_get_str(body, "desc");
    s->parting = (hy_close_code_t)hy_get_int(body, "code", HY_CLOSE_LOST);
    hy_str_unref(s->why);
    s->why = why ? hy_str_ref(why) : NULL;
}

static void on_message(void *stub, hy_msg_t *m) {
    hy_stub_t *s = stub;
    bool is_handshake = hy_str_equal(m->from, s->session_url);
    if (!is_handshake) {
        int r = hy_uplink_receive(s->uplink, m);
        if (r < 0)
            hy_log(log_of(s), HY_LOG_WARN, "stub", "%s from %s to %s lost: %s",
                   hy_msg_type_text(m->type), m->from->bytes, m->to->bytes, hy_error_text(r));
        return;
    }
    if (m->type == HY_MSG_CLOSE) {
        take_parting(s, hy_msg_body(m));
        return;
    }
    bool is_ours = m->id.kind == HY_INT && m->id.as.i == s->asked;
    if (m->type == HY_MSG_RESPONSE && s->phase == OPENING && is_ours) {
        on_answer(s, m);
    } else if (m->type == HY_MSG_RESPONSE && s->is_renewing && is_ours) {
        s->is_renewing = false;
        if (hy_msg_code(m) >= 300)
            hy_log(log_of(s), HY_LOG_WARN, "stub", "%s does not take the next token: %s",
                   hy_stub_where(s), hy_msg_desc(m));
    } else if (m->type == HY_MSG_EVENT && s->phase == LIVE && !s->is_renewing) {
        renew(s, hy_get_int(hy_get_object(hy_msg_body(m), "value"), "expires", 0));
    } else if (m->type == HY_MSG_RESPONSE && !hy_msg_has_id(m)) {
        hy_log(log_of(s), HY_LOG_WARN, "stub", "the node answers %d: %s", hy_msg_code(m),
               hy_msg_desc(m));
    }
}

static void on_malformed(void *stub, hy_str_t *text, const hy_error_t *err) {
    const hy_stub_t *s = stub;
    (void)text;
    hy_log(log_of(s), HY_LOG_WARN, "stub", "%s sent what is no message: %s", hy_stub_where(s),
           err->text);
}

/* The words of the session go before all else, but for the last one. */
static bool is_handshake_next(const hy_stub_t *s) {
    return s->handshake && !(s->is_closing && s->queue.count > 0);
}

static uint32_t on_peek(void *stub, hy_msg_t *const **list) {
    hy_stub_t *s = stub;
    *list = &s->handshake;
    if (is_handshake_next(s)) return 1;
    return s->phase == LIVE && !s->is_telling ? hy_ring_peek(&s->queue, list) : 0;
}

static void on_consume(void *stub, uint32_t count) {
    hy_stub_t *s = stub;
    if (!is_handshake_next(s)) {
        hy_ring_consume(&s->queue, count);
        return;
    }
    drop_handshake(s);
}

static void on_closed(void *stub, hy_close_code_t code, const char *reason) {
    hy_stub_t *s = stub;
    hy_error_t err;
    s->channel = NULL;
    if (s->is_closing) return;
    if (s->parting && s->why) {
        code = s->parting;
        reason = s->why->bytes;
    }
    s->parting = code;
    bool was_there = s->phase != CONNECTING; /* else the channel says where it tried */
    hy_fail(&err, HY_EUNREACHABLE, was_there ? "connection to %s lost: %s" : "%.0s%s",
            hy_stub_where(s), reason);
    if (code == HY_CLOSE_REPLACED)
        replaced(s, err.text);
    else
        away(s, err.text);
}

static const hy_channel_user_t USER = {on_open, on_message, on_malformed,
                                       on_peek, on_consume, on_closed};

static void connect_now(void *stub) {
    hy_stub_t *s = stub;
    hy_error_t err;
    s->phase = CONNECTING;
    hy_connector_t *k = s->config.connector;
    if (k->connect(k, &USER, s, &s->channel, &err) < 0) away(s, err.text);
}

void hy_stub_hurry(hy_stub_t *s) {
    if (s->phase != WAITING) return;
    hy_timer_stop(clock_of(s), &s->retry);
    connect_now(s);
}

/* --- life ------------------------------------------------------------------------------------- */

static int build(hy_stub_t *s, hy_error_t *err) {
    const char *domain = s->config.domain;
    s->session_url = hy_str_from(HY_SESSION_URL);
    if (!s->session_url) return hy_fail(err, HY_ENOMEM, "out of memory");
    int rc = hy_bus_uplink(s->config.bus, domain, on_uplink, s, &s->uplink);
    if (rc < 0)
        return hy_fail(err, rc, "%s as the way to %s", hy_error_text(rc),
                       domain ? domain : "all domains");
    return 0;
}

int hy_stub_open(const hy_stub_config_t *config, hy_stub_t **out, hy_error_t *err) {
    hy_stub_t *s = hy_alloc_zero(sizeof *s);
    if (!s) {
        config->connector->free(config->connector);
        return hy_fail(err, HY_ENOMEM, "out of memory");
    }
    s->config = *config;
    s->runtime = hy_str_ref(config->runtime);
    s->opening = (hy__opening_t){.get = config->token, .arg = config->token_arg};
    hy_ring_init(&s->queue);
    hy_timer_init(&s->retry, connect_now, s);
    hy_timer_init(&s->answer, on_no_answer, s);
    hy_timer_init(&s->hold, on_hold_over, s);
    int rc = build(s, err);
    if (rc < 0) {
        hy_stub_close(s);
        return rc;
    }
    *out = s;
    hy__opening_vouch(&s->opening, s->uplink, true); /* as far as is known by now */
    hold(s);
    connect_now(s);
    return 0;
}

/* The node need not wait for the session's grace. */
static void say_goodbye(hy_stub_t *s) {
    hy_channel_t *c = s->channel;
    s->is_closing = true;
    if (s->phase == LIVE) {
        hy_msg_unref(s->handshake); /* of a renewal */
        s->handshake = hy_msg_new(HY_MSG_CLOSE, hy_int(hy_bus_next_id(s->config.bus)), s->runtime,
                                  s->session_url, hy_absent());
    }
    hy_channel_close(c, HY_CLOSE_NORMAL, "the runtime ends");
}

void hy_stub_crash(hy_stub_t *s) {
    if (!s) return;
    hy_channel_t *c = s->channel;
    s->channel = NULL;
    s->is_closing = true;
    drop_handshake(s);
    hy_ring_deinit(&s->queue);
    if (c) hy_channel_close(c, HY_CLOSE_LOST, "");
    hy_stub_close(s);
}

void hy_stub_close(hy_stub_t *s) {
    if (!s) return;
    hy_clock_t *clock = clock_of(s);
    if (s->channel) say_goodbye(s);
    hy_timer_stop(clock, &s->retry);
    hy_timer_stop(clock, &s->answer);
    hy_timer_stop(clock, &s->hold);
    hy_uplink_close(s->uplink);
    s->config.connector->free(s->config.connector);
    hy_ring_deinit(&s->queue);
    hy_msg_unref(s->handshake);
    hy__opening_deinit(&s->opening);
    hy_str_unref(s->runtime);
    hy_str_unref(s->session);
    hy_str_unref(s->session_url);
    hy_str_unref(s->why);
    hy_free(s);
}
