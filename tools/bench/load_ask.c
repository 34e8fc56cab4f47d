/* Modes that ask the node for something, and those that only look at connections. */
#include "load.h"

#define PIPELINED      64
#define PIPELINED_WIDE 4 /* requests for many addresses at once */
#define ONE_WARM_UP    200
#define BASE_CONNS     100 /* before memory is measured: what the first ones cost is not theirs */

/* --- Requests between two hyperties, and to the node ------------------------------------------ */

static void take_answer(conn_t *c, const unit_t *unit) {
    load_t *l = c->load;
    if (c->role == ANSWERER) {
        talk_response(l, &c->out, unit);
        return;
    }
    if (!memmem(unit->text, unit->len, "\"code\":200", 10))
        die("the node refuses: %.*s", (int)unit->len, unit->text);
    if (l->latencies) latencies_add(l->latencies, now_ns() - l->sent_ns[l->answered % SENT_TIMES]);
    l->answered++;
}

/* Keeps that many under way until `total` were asked or the time is up, and waits for the rest. */
static void ask(load_t *l, conn_t *asker, conn_t *answerer, unsigned at_once, uint64_t total,
                double seconds) {
    uint64_t since = now_ns(), end = since + (uint64_t)(seconds * 1e9), before = l->answered;
    uint64_t last = l->asked + total;
    for (bool is_on = true; is_on || l->answered < l->asked;) {
        is_on = l->asked < last && now_ns() < end;
        while (is_on && l->asked < last && l->asked - l->answered < at_once) {
            l->sent_ns[l->asked++ % SENT_TIMES] = now_ns();
            if (answerer)
                talk_request(l, &asker->out);
            else
                talk_allocate(l, &asker->out, l->number);
        }
        net_write(asker);
        net_turn(l, SECOND / 10);
        if (answerer) net_write(answerer);
        if (l->answered > before) since = now_ns();
        before = l->answered;
        if (now_ns() - since > SILENCE_MAX_NS) die("%s does not answer", l->wire->server);
    }
}

static void print_rate(const moment_t *a, const moment_t *b, uint64_t count) {
    double s = (double)(b->ns - a->ns) / 1e9;
    printf("rate %.0f\n", (double)count / s);
    printf("server_busy %.3f\n", (b->server_s - a->server_s) / s);
    printf("generator_busy %.3f\n", (b->own_s - a->own_s) / s);
}

void mode_ask(load_t *l) {
    static latencies_t h;
    conn_t *asker = net_open(l, ASKER, 0, false), *answerer = net_open(l, ANSWERER, 0, false);
    net_ready(l);
    l->on_text = take_answer;
    ask(l, asker, answerer, PIPELINED, ONE_WARM_UP, l->seconds);
    uint64_t before = l->answered;
    moment_t a = moment(l->server);
    ask(l, asker, answerer, PIPELINED, UINT32_MAX, l->seconds);
    moment_t b = moment(l->server);
    print_rate(&a, &b, l->answered - before);
    l->latencies = &h;
    ask(l, asker, answerer, 1, l->messages, 60);
    printf("p50 %.1f\np99 %.1f\n", latencies_us(&h, 0.5), latencies_us(&h, 0.99));
}

/* So many requests at most: what was allocated stays reserved, and the node bounds that. */
void mode_allocate(load_t *l) {
    conn_t *asker = net_open(l, ASKER, 0, false);
    net_ready(l);
    l->on_text = take_answer;
    moment_t a = moment(l->server);
    ask(l, asker, NULL, l->number > 1 ? PIPELINED_WIDE : PIPELINED, l->messages, l->seconds);
    moment_t b = moment(l->server);
    print_rate(&a, &b, l->answered);
}

/* --- Connections ------------------------------------------------------------------------------ */

void mode_join(load_t *l) {
    l->publisher = net_open(l, PUBLISHER, 0, false);
    net_ready(l);
    moment_t a = moment(l->server);
    net_open_subscribers(l, 0, l->subscribers);
    moment_t b = moment(l->server);
    print_rate(&a, &b, l->subscribers);
}

/* What is still at work for the last connections gets done. */
static void settle(load_t *l) {
    for (uint64_t since = now_ns(); now_ns() - since < (uint64_t)(l->seconds * 1e9);)
        net_turn(l, SECOND / 10);
}

void mode_memory(load_t *l) {
    l->publisher = net_open(l, PUBLISHER, 0, false);
    net_ready(l);
    net_open_subscribers(l, 0, BASE_CONNS);
    settle(l);
    long rss = memory_kib(l->server, "Rss"), pss = memory_kib(l->server, "Pss");
    if (rss < 0 || pss < 0) die("the memory of process %d cannot be read", l->server);
    net_open_subscribers(l, BASE_CONNS, l->subscribers);
    settle(l);
    printf("rss %.2f\n", (double)(memory_kib(l->server, "Rss") - rss) / l->subscribers);
    printf("pss %.2f\n", (double)(memory_kib(l->server, "Pss") - pss) / l->subscribers);
}
