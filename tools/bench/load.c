/* The load generator of tools/bench/node: one mode against one server, whose URL says what it
 * speaks (tcp, unix, ws, tls and wss: hyperty; redis; nats).
 *
 *   load MODE URL [--server PID] [--subscribers N] [--seconds S] [--messages M] [--window W]
 *        [--pace MICROSECONDS] [--number K] [--domain D] */
#include "load.h"

#include <signal.h>
#include <stdlib.h>

static const struct {
    const char *name;
    void (*run)(load_t *l);
    bool hyperty_only;
} modes[] = {
    {"fanout", mode_fanout, false},      /* --subscribers --seconds --window */
    {"latency", mode_latency, false},    /* --subscribers --messages */
    {"freeze", mode_freeze, false},      /* --subscribers --seconds --window --pace */
    {"ask", mode_ask, true},             /* --seconds --messages */
    {"allocate", mode_allocate, true},   /* --seconds --messages --number */
    {"join", mode_join, false},          /* --subscribers */
    {"memory", mode_memory, false},      /* --subscribers --seconds (to settle) */
    {"handshake", mode_handshake, true}, /* --seconds */
};

static void option(load_t *l, const char *name, const char *value) {
    unsigned count = (unsigned)strtoul(value, NULL, 10);
    if (!strcmp(name, "--server"))
        l->server = (int)count;
    else if (!strcmp(name, "--subscribers"))
        l->subscribers = count;
    else if (!strcmp(name, "--seconds"))
        l->seconds = strtod(value, NULL);
    else if (!strcmp(name, "--messages"))
        l->messages = count;
    else if (!strcmp(name, "--window"))
        l->window = count;
    else if (!strcmp(name, "--pace"))
        l->pace_us = count;
    else if (!strcmp(name, "--number"))
        l->number = count;
    else if (!strcmp(name, "--domain"))
        l->domain = value;
    else
        die("unknown option %s", name);
}

/* In bytes for one subscriber: 500, 128 or 32 KiB. What is in flight to all together stays small
 * enough for every server's bounds, and bursts stay long enough to be worth gathering. */
static unsigned window_for(unsigned subscribers) {
    return subscribers < 10 ? 2000 : subscribers < 500 ? 512 : 128;
}

int main(int argc, char **argv) {
    static load_t l = {.domain = "localhost",
                       .subscribers = 1,
                       .seconds = 2,
                       .messages = 2000,
                       .number = 1,
                       .pace_us = 5000};
    if (argc < 3 || argc % 2 == 0) die("usage: load MODE URL [--OPTION VALUE …]");
    l.url = argv[2];
    for (int i = 3; i < argc; i += 2)
        option(&l, argv[i], argv[i + 1]);
    l.wire = wire_find(l.url);
    if (!l.wire) die("%s: unknown scheme", l.url);
    if (l.subscribers == 0 || l.pace_us == 0) die("no subscribers, or no pace");
    if (l.window == 0) l.window = window_for(l.subscribers);
    if (l.window > SENT_TIMES / 2) die("the window is too wide");
    l.next_id = now_ns() % (1ull << 51); /* ids are not used twice, restarts included */
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(argv[1], modes[i].name)) continue;
        if (modes[i].hyperty_only && !l.wire->is_hyperty) die("%s is for hyperty", argv[1]);
        net_init(&l);
        modes[i].run(&l);
        return 0; /* the kernel closes and frees */
    }
    die("unknown mode %s", argv[1]);
}
