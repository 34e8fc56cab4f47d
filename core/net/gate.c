/* Guests of a gate: a connection on one side, a peer of the node on the other.
 *
 *      stream ── message ──► guest ── receive ──► peer
 *             ◄─ wake ──────       ◄── ready ───
 *             ── peek, consume ──►  ── peek, consume ──►
 *             ◄─ end ───────       ◄── close ───        or  ── closed ──►  ── lost ──►
 *
 * The peer is made when the transport's handshake is through, so that who asks for a page, or says
 * nothing, costs the node nothing. A guest goes with whichever side ends first. */
#include "gate_private.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/mem.h"

/* --- guests ----------------------------------------------------------------------------------- */

static void forget(hy__guest_t *guest) {
    hy_gate_t *g = guest->gate;
    g->guest_count--;
    hy_list_remove(&guest->link);
    hy_due_remove(&guest->due);
    hy__crowd_leave(guest->visitor);
    hy_free(guest);
}

static uint32_t *transport_of(hy_gate_t *g, const hy_stream_t *stream) {
    return &g->transports[hy__stream_scheme(stream)];
}

/* What native framing has no words for, as a message. NULL: nothing to say, or no memory. */
static hy_msg_t *farewell(const hy_stream_t *stream, hy_str_t *runtime, hy_close_code_t code,
                          const char *reason) {
    bool has_words = stream->protocol->wire == HY_WIRE_WEBSOCKET;
    if (has_words || code == HY_CLOSE_NORMAL || code == HY_CLOSE_LOST) return NULL;
    hy_node_t *body = hy_node_new(HY_OBJECT);
    hy_str_t *from = hy_str_from(HY_SESSION_URL);
    hy_msg_t *m = NULL;
    if (hy_put(body, "code", hy_int(code)) == 0 && hy_put(body, "desc", hy_text(reason)) == 0) {
        m = hy_msg_new(HY_MSG_CLOSE, hy_absent(), from, runtime ? runtime : from,
                       hy_node_value(body));
        body = NULL;
    }
    if (body) hy_value_drop(hy_node_value(body));
    hy_str_unref(from);
    return m;
}

static void end_stream(hy_stream_t *stream, hy_str_t *runtime, hy_close_code_t code,
                       const char *reason) {
    hy_msg_t *m = farewell(stream, runtime, code, reason);
    hy__stream_end(stream, code, reason, m);
    hy_msg_unref(m);
}

/* Ends it from our side; the peer, if it is still there, is told last: it is asked for messages
 * until then. */
static void end_guest(hy__guest_t *guest, hy_close_code_t code, const char *reason) {
    hy_peer_t *peer = guest->peer;
    --*transport_of(guest->gate, guest->stream);
    end_stream(guest->stream, peer ? hy_peer_runtime(peer) : NULL, code, reason);
    guest->peer = NULL;
    forget(guest);
    if (peer) hy_peer_lost(peer);
}

/* --- from the peer ---------------------------------------------------------------------------- */

static void on_ready(void *arg) {
    const hy__guest_t *guest = arg;
    hy_channel_wake(&guest->stream->base);
}

static void on_peer_close(void *arg, hy_close_code_t code, const char *reason) {
    hy__guest_t *guest = arg;
    --*transport_of(guest->gate, guest->stream);
    end_stream(guest->stream, hy_peer_runtime(guest->peer), code, reason);
    forget(guest);
}

static int on_may_open(void *arg, hy_error_t *err) {
    return hy__crowd_open(((const hy__guest_t *)arg)->visitor, err);
}

static const hy_peer_events_t peer_events = {
    .ready = on_ready,
    .close = on_peer_close,
    .may_open = on_may_open,
};

/* --- from the connection ---------------------------------------------------------------------- */

static void on_open(void *arg) {
    hy__guest_t *guest = arg;
    hy_gate_t *g = guest->gate;
    char where[HY_ENDPOINT_TEXT_BYTES + 8], address[HY_ENDPOINT_TEXT_BYTES] = "";
    hy_endpoint_t e;
    if (hy__endpoint_peer(guest->stream->fd, &e)) hy__endpoint_text(&e, address);
    snprintf(where, sizeof where, "%s%s%s", guest->stream->base.ops->name, *address ? " " : "",
             address);
    if (hy_peer_open(g->config.node, &peer_events, guest, where, &guest->peer) == 0) return;
    g->turned_away[HY_GATE_MEMORY]++;
    end_guest(guest, HY_CLOSE_TRY_LATER, "the node is out of memory; try again later");
}

static void on_message(void *arg, hy_msg_t *m) {
    hy_peer_receive(((const hy__guest_t *)arg)->peer, m);
}

static void on_malformed(void *arg, hy_str_t *text, const hy_error_t *err) {
    hy_peer_malformed(((const hy__guest_t *)arg)->peer, text, err);
}

static uint32_t on_peek(void *arg, hy_msg_t *const **list) {
    const hy__guest_t *guest = arg;
    return guest->peer ? hy_peer_peek(guest->peer, list) : 0;
}

static void on_consume(void *arg, uint32_t count) {
    hy_peer_consume(((const hy__guest_t *)arg)->peer, count);
}

static void on_closed(void *arg, hy_close_code_t code, const char *reason) {
    hy__guest_t *guest = arg;
    hy_peer_t *peer = guest->peer;
    hy_log(guest->gate->config.log, HY_LOG_DEBUG, "gate", "%s connection ended: %d %s",
           guest->stream->base.ops->name, (int)code, reason);
    --*transport_of(guest->gate, guest->stream);
    hy_msg_t *last = farewell(guest->stream, peer ? hy_peer_runtime(peer) : NULL, code, reason);
    hy__stream_say_last(guest->stream, last);
    hy_msg_unref(last);
    forget(guest);
    if (peer) hy_peer_lost(peer);
}

static const hy_channel_user_t guest_user = {
    .open = on_open,
    .message = on_message,
    .malformed = on_malformed,
    .peek = on_peek,
    .consume = on_consume,
    .closed = on_closed,
};

/* --- letting in ------------------------------------------------------------------------------- */

static void ignore_open(void *arg) {
    (void)arg;
}

static uint32_t ignore_peek(void *arg, hy_msg_t *const **list) {
    (void)arg;
    (void)list;
    return 0;
}

/* Nothing else is called: it is ended right after its start. */
static const hy_channel_user_t stranger_user = {.open = ignore_open, .peek = ignore_peek};
static const hy_websocket_policy_t loopback_policy = {.is_loopback_only = true};

/* On failure the descriptor is still the caller's. */
static hy_stream_t *new_stream(hy_gate_t *g, const hy_socket_url_t *url, int fd,
                               const hy_channel_user_t *user, void *arg) {
    hy_stream_t *c = hy__stream_new(g->config.sockets, url->scheme, user, arg);
    if (!c) return NULL;
    c->protocol = hy_socket_url_is_ws(url)
                      ? hy_websocket_server_new(&hy__stream_events, c, &loopback_policy)
                      : hy_native_new(&hy__stream_events, c);
    bool is_whole =
        c->protocol && (!hy_socket_url_is_tls(url) || hy__secure_server(c, g->config.tls));
    if (is_whole && hy__stream_attach(c, fd) == 0) return c;
    hy__stream_discard(c);
    return NULL;
}

/* So often that it can be read. */
static void log_turned_away(hy_gate_t *g, const hy_error_t *why) {
    uint64_t now_ms = hy_clock_now(g->clock);
    if (g->told_ms && now_ms - g->told_ms < HY_GATE_TOLD_MS) return;
    g->told_ms = now_ms ? now_ms : 1;
    hy_log(g->config.log, HY_LOG_WARN, "gate",
           "a connection was turned away: %s (said once in %u s; /metrics counts them)", why->text,
           HY_GATE_TOLD_MS / 1000u);
}

static void turn_away(hy_gate_t *g, const hy_socket_url_t *url, int fd, hy__gate_cause_t cause,
                      const hy_error_t *why) {
    g->turned_away[cause]++;
    log_turned_away(g, why);
    /* Words in TLS would take the handshake that is too much. */
    bool has_words = cause != HY_GATE_MEMORY && !hy_socket_url_is_tls(url);
    bool is_told = has_words && hy_rate_take(&g->words, g->clock, HY_GATE_WORDS_PER_S, 1);
    hy_stream_t *c = is_told ? new_stream(g, url, fd, &stranger_user, NULL) : NULL;
    if (!c) {
        close(fd);
        return;
    }
    hy__stream_start(c);
    hy_close_code_t code = cause == HY_GATE_FULL ? HY_CLOSE_TRY_LATER : HY_CLOSE_TOO_MANY;
    if (!c->is_ended) end_stream(c, NULL, code, why->text);
}

static hy__guest_t *new_guest(hy_gate_t *g, const hy_socket_url_t *url, int fd,
                              hy__visitor_t *visitor) {
    hy__guest_t *guest = hy_alloc_zero(sizeof *guest);
    if (!guest) return NULL;
    guest->gate = g;
    hy_due_init(&guest->due);
    if (hy_dues_add(&g->handshakes, &guest->due) == 0)
        guest->stream = new_stream(g, url, fd, &guest_user, guest);
    if (!guest->stream) {
        hy_due_remove(&guest->due);
        hy_free(guest);
        return NULL;
    }
    guest->visitor = visitor;
    guest->stream->page = hy__gate_page;
    hy_list_append(&g->guests, &guest->link);
    g->guest_count++;
    ++*transport_of(g, guest->stream);
    return guest;
}

/* As hy__crowd_enter. */
static hy__gate_cause_t let_in(hy_gate_t *g, const hy_endpoint_t *from, hy__visitor_t **visitor,
                               hy_error_t *why) {
    *visitor = NULL;
    if (g->guest_count >= g->config.connections_max) {
        hy_fail(why, HY_EFULL, "too many connections; try again later");
        return HY_GATE_FULL;
    }
    return hy__crowd_enter(&g->crowd, from, visitor, why);
}

void hy__gate_admit(hy_gate_t *g, const hy_socket_url_t *url, const hy_endpoint_t *from, int fd) {
    hy_error_t why;
    hy__visitor_t *visitor;
    g->accepted++;
    hy__endpoint_tune(fd, url->scheme == HY_SCHEME_UNIX ? AF_UNIX : AF_INET);
    hy__gate_cause_t cause = let_in(g, from, &visitor, &why);
    hy__guest_t *guest = cause == HY_GATE_CAUSES ? new_guest(g, url, fd, visitor) : NULL;
    if (guest) {
        hy__stream_start(guest->stream);
        return;
    }
    hy__crowd_leave(visitor);
    if (cause == HY_GATE_CAUSES) {
        cause = HY_GATE_MEMORY;
        hy_fail(&why, HY_ENOMEM, "out of memory");
    }
    turn_away(g, url, fd, cause, &why);
}

static void on_handshake_due(hy_due_t *d) {
    hy__guest_t *guest = hy_link_owner(d, hy__guest_t, due);
    if (guest->peer && hy_peer_is_open(guest->peer)) return;
    guest->gate->turned_away[HY_GATE_LATE]++;
    end_guest(guest, HY_CLOSE_POLICY, "no session was opened in time");
}

/* --- draining --------------------------------------------------------------------------------- */

static bool has_more(hy__guest_t *guest) {
    hy_msg_t *const *list;
    if (!guest->stream->is_open) return false;
    return hy__stream_has_taken(guest->stream) || on_peek(guest, &list) > 0;
}

/* Ends all that have nothing left to be written, or all; false if some are left. */
static bool drain(hy_gate_t *g, bool all) {
    hy_link_t guests;
    hy_list_take(&g->guests, &guests);
    while (!hy_list_is_empty(&guests)) {
        hy__guest_t *guest = hy_link_owner(guests.next, hy__guest_t, link);
        hy_list_remove(&guest->link);
        hy_list_append(&g->guests, &guest->link);
        if (all || !has_more(guest)) end_guest(guest, HY_CLOSE_RESTART, g->drain_reason);
    }
    return hy_list_is_empty(&g->guests);
}

static void on_tick(void *arg) {
    hy_gate_t *g = arg;
    /* At once, while its place among the timers is free: it cannot fail. */
    hy_timer_start(g->clock, &g->tick, g->is_draining ? HY_GATE_DRAIN_STEP_MS : HY_GATE_TICK_MS);
    if (g->is_paused) hy__gate_pause(g, false);
    if (!g->is_draining) {
        hy__gate_note_delay(g);
        return;
    }
    hy_sockets_flush(g->config.sockets);
    bool is_late = hy_clock_now(g->clock) >= g->drain_until_ms;
    if (!drain(g, is_late)) return;
    hy_timer_stop(g->clock, &g->tick);
    g->drained(g->drained_arg); /* may close the gate */
}

void hy_gate_drain(hy_gate_t *g, uint32_t window_ms, uint32_t bound_ms, void (*done)(void *arg),
                   void *arg) {
    hy__gate_close_listeners(g);
    g->is_draining = true;
    g->drained = done;
    g->drained_arg = arg;
    g->drain_until_ms = hy_clock_now(g->clock) + bound_ms;
    snprintf(g->drain_reason, sizeof g->drain_reason, "restarting; come back within %u ms",
             window_ms);
    hy_timer_start(g->clock, &g->tick, 0); /* it is started: it moves, and needs no memory */
}

/* --- life ------------------------------------------------------------------------------------- */

static bool on_turn(void *arg) {
    ((hy_gate_t *)arg)->accepted_in_turn = 0;
    return false;
}

int hy_gate_open(const hy_gate_config_t *config, hy_gate_t **out) {
    hy_gate_t *g = hy_alloc_zero(sizeof *g);
    if (!g) return HY_ENOMEM;
    g->config = *config;
    if (g->config.connections_max == 0) g->config.connections_max = HY_GATE_CONNECTIONS_MAX;
    g->clock = hy_loop_clock(config->loop);
    hy_link_init(&g->guests);
    hy_dues_init(&g->handshakes, g->clock, HY_HANDSHAKE_MS, on_handshake_due);
    hy__crowd_init(&g->crowd, g->clock, &config->limits);
    hy_rate_init(&g->words, g->clock, HY_GATE_WORDS_PER_S);
    hy_timer_init(&g->tick, on_tick, g);
    g->tick_ns = uv_hrtime();
    int rc = hy_loop_add_work(config->loop, on_turn, g, &g->turn);
    if (!rc) rc = hy_timer_start(g->clock, &g->tick, HY_GATE_TICK_MS);
    if (rc) {
        hy_gate_close(g);
        return rc;
    }
    *out = g;
    return 0;
}

void hy_gate_close(hy_gate_t *g) {
    if (!g) return;
    hy__gate_close_listeners(g);
    while (!hy_list_is_empty(&g->guests)) {
        hy__guest_t *guest = hy_link_owner(g->guests.next, hy__guest_t, link);
        hy_peer_t *peer = guest->peer;
        hy__stream_discard(guest->stream);
        forget(guest);
        if (peer) hy_peer_lost(peer);
    }
    hy_dues_deinit(&g->handshakes);
    hy__crowd_deinit(&g->crowd);
    hy_timer_stop(g->clock, &g->tick);
    hy_work_close(g->turn);
    hy_free(g);
}
