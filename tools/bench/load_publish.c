/* Modes with one publisher and many subscribers. What is in flight is bounded by a window, the same
 * for every server: so many messages may be published more than an average subscriber has got. No
 * server has to queue more than it allows, and none is fed faster than it delivers. */
#include "load.h"

#define WARM_UP_S        0.2
#define LATENCY_WARM_UP  200
#define TURN_NS          (SECOND / 1000)
#define WAKE_S           0.3
#define QUIET_NS         (SECOND / 2)
#define FLAT_WINDOW_PART 4 /* published in bursts of at least a window's fourth */

static void begin(load_t *l) {
    l->publisher = net_open(l, PUBLISHER, 0, false);
    net_ready(l);
    net_open_subscribers(l, 0, l->subscribers);
    net_publish_init(l);
}

static uint64_t expected(const load_t *l) {
    return net_published(l) * l->subscribers;
}

/* Waits for what is still under way, and counts how many deliveries are missing. What has not come
 * after a silence is lost. */
static uint64_t drain(load_t *l) {
    uint64_t whole = (l->stream_sent + l->message_len - 1) / l->message_len;
    l->stream_allowed = whole * l->message_len; /* no message ends in its middle */
    uint64_t since = now_ns(), before = l->received;
    while (l->received < whole * l->subscribers && now_ns() - since < SILENCE_MAX_NS) {
        net_publish(l, whole);
        net_turn(l, TURN_NS);
        if (l->received > before) since = now_ns();
        before = l->received;
    }
    return expected(l) - l->received;
}

static void run_flat_out(load_t *l, double seconds) {
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    while (now_ns() < end) {
        uint64_t may = l->received / l->subscribers + l->window;
        if (may >= net_published(l) + l->window / FLAT_WINDOW_PART) net_publish(l, may);
        net_turn(l, TURN_NS);
    }
}

static void print_load(const moment_t *a, const moment_t *b, uint64_t deliveries) {
    double s = (double)(b->ns - a->ns) / 1e9, server_s = b->server_s - a->server_s;
    printf("rate %.0f\n", (double)deliveries / s);
    printf("per_cpu %.0f\n", server_s > 0 ? (double)deliveries / server_s : 0);
    printf("server_busy %.3f\n", server_s / s);
    printf("generator_busy %.3f\n", (b->own_s - a->own_s) / s);
}

void mode_fanout(load_t *l) {
    begin(l);
    run_flat_out(l, WARM_UP_S);
    uint64_t before = l->received;
    moment_t a = moment(l->server);
    run_flat_out(l, l->seconds);
    moment_t b = moment(l->server);
    print_load(&a, &b, l->received - before);
    printf("lost %lld\n", (long long)drain(l)); /* below 0: doubled */
}

/* --- One in flight ---------------------------------------------------------------------------- */

static void one_by_one(load_t *l, uint64_t messages) {
    for (uint64_t end = net_published(l) + messages; net_published(l) < end;) {
        uint64_t since = now_ns();
        net_publish(l, net_published(l) + 1);
        while (l->received < expected(l) || l->stream_sent < l->stream_allowed) {
            net_turn(l, SECOND / 10);
            net_publish(l, 0);
            if (now_ns() - since > SILENCE_MAX_NS) die("%s lost a message", l->wire->server);
        }
    }
}

void mode_latency(load_t *l) {
    static latencies_t h;
    begin(l);
    one_by_one(l, LATENCY_WARM_UP);
    l->latencies = &h;
    one_by_one(l, l->messages);
    printf("p50 %.1f\np99 %.1f\n", latencies_us(&h, 0.5), latencies_us(&h, 0.99));
}

/* --- One that does not read ------------------------------------------------------------------- */

/* A message at a time, evenly. Who cannot keep up with that has no latency worth telling. */
static void run_paced(load_t *l, double seconds) {
    uint64_t next = now_ns(), end = next + (uint64_t)(seconds * 1e9);
    while (next < end) {
        uint64_t now = now_ns();
        if (now < next) {
            net_turn(l, next - now);
            continue;
        }
        next += l->pace_us * 1000ull;
        net_publish(l, net_published(l) + 1);
        if (net_published(l) - l->received / l->subscribers > SENT_TIMES / 2)
            die("%s does not keep up with 1,000 messages/s to %u", l->wire->server, l->subscribers);
    }
}

static void must_not_lose(load_t *l) {
    uint64_t lost = drain(l);
    if (lost)
        die("%s lost %llu messages of those who read", l->wire->server, (unsigned long long)lost);
}

static void paced(load_t *l, const char *name) {
    latencies_t h = {0};
    l->latencies = &h;
    moment_t a = moment(l->server);
    run_paced(l, l->seconds);
    moment_t b = moment(l->server);
    must_not_lose(l);
    l->latencies = NULL;
    printf("%s_p50 %.1f\n", name, latencies_us(&h, 0.5));
    printf("%s_p99 %.1f\n", name, latencies_us(&h, 0.99));
    printf("%s_busy %.3f\n", name, (b.server_s - a.server_s) * 1e9 / (double)(b.ns - a.ns));
}

static void flat_out(load_t *l, const char *name) {
    latencies_t h = {0};
    run_flat_out(l, WARM_UP_S);
    l->latencies = &h;
    uint64_t before = l->received, since = now_ns();
    run_flat_out(l, l->seconds);
    double s = (double)(now_ns() - since) / 1e9;
    printf("%s_rate %.0f\n", name, (double)(l->received - before) / s);
    must_not_lose(l);
    l->latencies = NULL;
    printf("%s_flat_p99 %.1f\n", name, latencies_us(&h, 0.99));
}

/* What the frozen one finds beside messages: that some were dropped, or that it is shut out. Redis
 * answers its publisher; the node has nothing to tell it. */
static void frozen_text(conn_t *c, const unit_t *unit) {
    load_t *l = c->load;
    if (!c->is_apart && l->wire->is_hyperty) die("unexpected: %.*s", (int)unit->len, unit->text);
    if (!c->is_apart) return;
    const char *at = memmem(unit->text, unit->len, "\"lost\":", 7);
    unsigned long long lost = 0;
    if (at) sscanf(at + 7, "%llu", &lost);
    l->told_lost += lost;
    l->told_last = at ? "lost" : unit->kind == UNIT_ERROR ? "error" : "text";
}

/* It reads again while messages go on, and then until there is nothing more. */
static void wake(load_t *l, conn_t *frozen, uint64_t published_before) {
    net_freeze(frozen, false);
    run_paced(l, WAKE_S);
    must_not_lose(l);
    uint64_t since = now_ns(), before = frozen->received;
    while (!frozen->is_closed && now_ns() - since < QUIET_NS) {
        net_turn(l, SECOND / 10);
        if (frozen->received > before) since = now_ns();
        before = frozen->received;
    }
    printf("frozen_sent %llu\nfrozen_got %llu\nfrozen_lost %llu\n",
           (unsigned long long)(net_published(l) - published_before),
           (unsigned long long)frozen->received, (unsigned long long)l->told_lost);
    printf("frozen_last %s\n", frozen->is_closed ? "closed"
                               : l->told_last    ? l->told_last
                                                 : "nothing");
}

void mode_freeze(load_t *l) {
    begin(l);
    l->on_text = frozen_text;
    run_flat_out(l, WARM_UP_S); /* what the server's memory grows to anyway */
    drain(l);
    paced(l, "calm");
    flat_out(l, "calm");
    long rss = memory_kib(l->server, "Rss");
    conn_t *frozen = net_open(l, SUBSCRIBER, l->subscribers, true);
    frozen->is_apart = true;
    net_ready(l);
    net_freeze(frozen, true);
    uint64_t published = net_published(l);
    flat_out(l, "frozen"); /* first, so that what it is owed no longer fits into its socket */
    paced(l, "frozen");
    printf("growth_kib %ld\n", memory_kib(l->server, "Rss") - rss);
    wake(l, frozen, published);
}
