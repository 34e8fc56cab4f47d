/* What a gate tells over HTTP: /health for who starts and stops it, /metrics in the text format of
 * Prometheus (0.0.4). And the one figure that is measured for it: how late the loop comes to what
 * is due, which everything that blocks it adds to. */
#include "gate_private.h"

#include <string.h>

#define NS_PER_MS 1000000u
#define NS_PER_S  1e9

/* --- the delay of the loop -------------------------------------------------------------------- */

void hy__gate_note_delay(hy_gate_t *g) {
    uint64_t now_ns = uv_hrtime();
    uint64_t due_ns = g->tick_ns + (uint64_t)HY_GATE_TICK_MS * NS_PER_MS;
    uint64_t late_ns = now_ns > due_ns ? now_ns - due_ns : 0;
    g->late_ns[g->ticks++ % HY_GATE_TICKS_TOLD] = late_ns;
    g->late_sum_ns += late_ns;
    g->tick_ns = now_ns;
}

static uint64_t latest_ns(const hy_gate_t *g) {
    uint64_t most = 0;
    for (uint32_t i = 0; i < HY_GATE_TICKS_TOLD; i++) {
        if (g->late_ns[i] > most) most = g->late_ns[i];
    }
    return most;
}

/* --- /metrics --------------------------------------------------------------------------------- */

static void head(hy_buf_t *b, const char *name, const char *type, const char *help) {
    hy_buf_format(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void labelled(hy_buf_t *b, const char *name, const char *label, const char *value,
                     uint64_t n) {
    hy_buf_format(b, "%s{%s=\"%s\"} %llu\n", name, label, value, (unsigned long long)n);
}

static void plain(hy_buf_t *b, const char *name, const char *type, const char *help, double n) {
    head(b, name, type, help);
    hy_buf_format(b, "%s %.17g\n", name, n);
}

static void both_ways(hy_buf_t *b, const char *name, const char *help, uint64_t in, uint64_t out) {
    head(b, name, "counter", help);
    labelled(b, name, "direction", "in", in);
    labelled(b, name, "direction", "out", out);
}

static void add_turned_away(const hy_gate_t *g, hy_buf_t *b) {
    static const char name[] = "hyperty_turned_away_total";
    head(b, name, "counter", "Connections that were not let in, by cause.");
#define X(cause, text) labelled(b, name, "cause", text, g->turned_away[HY_GATE_##cause]);
    HY_GATE_CAUSE_MAP(X)
#undef X
}

/* 0: there is no such bound. */
static void add_limits(const hy_gate_t *g, hy_buf_t *b) {
    static const char name[] = "hyperty_gate_limit";
    const hy_gate_limits_t *l = &g->config.limits;
    head(b, name, "gauge", "At most, by what: at a time, or begun in a second; 0: no bound.");
    labelled(b, name, "of", "connections", g->config.connections_max);
    labelled(b, name, "of", "address_connections", l->connections);
    labelled(b, name, "of", "address_handshakes", l->handshakes_per_s);
    labelled(b, name, "of", "address_opens", l->opens_per_s);
    labelled(b, name, "of", "handshakes", l->all_handshakes_per_s);
}

static void add_transport(const hy_gate_t *g, hy_buf_t *b) {
    hy_sockets_stats_t s = hy_sockets_stats(g->config.sockets);
    head(b, "hyperty_transport_connections", "gauge", "Connections, by transport.");
    for (hy_scheme_t i = 0; i < HY_SCHEMES; i++)
        labelled(b, "hyperty_transport_connections", "transport", hy_scheme_word(i),
                 g->transports[i]);
    both_ways(b, "hyperty_bytes_total", "Bytes on all connections.", s.bytes_in, s.bytes_out);
    both_ways(b, "hyperty_messages_total", "Messages on all connections.", s.messages_in,
              s.messages_out);
    head(b, "hyperty_tls_handshakes_total", "counter", "Handshakes of TLS that went through.");
    labelled(b, "hyperty_tls_handshakes_total", "kind", "full", s.tls_full);
    labelled(b, "hyperty_tls_handshakes_total", "kind", "resumed", s.tls_resumed);
    plain(b, "hyperty_pending_bytes", "gauge", "Bytes begun to be written that the kernel lacks.",
          (double)s.pending_bytes);
    plain(b, "hyperty_accepted_total", "counter", "Connections that were accepted.",
          (double)g->accepted);
    add_turned_away(g, b);
    plain(b, "hyperty_addresses", "gauge", "Addresses that connections come from, or came lately.",
          g->crowd.places.count);
    plain(b, "hyperty_opens_refused_total", "counter",
          "Sessions that were not opened, as their address opens too many.",
          (double)g->crowd.opens_refused);
    add_limits(g, b);
    plain(b, "hyperty_loop_delay_seconds", "gauge", "Greatest delay of the loop lately.",
          (double)latest_ns(g) / NS_PER_S);
    plain(b, "hyperty_loop_delay_seconds_total", "counter", "Sum of the measured delays.",
          (double)g->late_sum_ns / NS_PER_S);
    plain(b, "hyperty_loop_delay_measured_total", "counter", "How often the delay was measured.",
          (double)g->ticks);
}

/* --- /health ---------------------------------------------------------------------------------- */

static void add_health(const hy_gate_t *g, hy_buf_t *b) {
    const hy_node_server_t *n = g->config.node;
    hy_buf_format(b, "{\"status\":\"%s\",\"domain\":\"%s\",\"sessions\":%u}\n",
                  g->is_draining ? "draining" : "ok", hy_node_server_domain(n),
                  hy_node_server_stats(n).sessions);
}

const char *hy__gate_page(void *arg, const char *path, hy_buf_t *body) {
    const hy_gate_t *g = ((const hy__guest_t *)arg)->gate;
    if (strcmp(path, "/health") == 0) {
        add_health(g, body);
        return "application/json";
    }
    if (strcmp(path, "/metrics") == 0) {
        hy_node_server_metrics(g->config.node, body);
        add_transport(g, body);
        return "text/plain; version=0.0.4; charset=utf-8";
    }
    return NULL;
}
