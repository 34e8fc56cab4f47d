/* What the files of the load generator share. It is a program of its own, knows nothing of the core
 * and puts every server under the same load by the same engine:
 *
 *      load.c          options, and which mode is run
 *      load_publish.c  modes that publish to subscribers: fanout, latency, freeze
 *      load_ask.c      modes that ask (ask, allocate), or count connections (join, memory)
 *      load_net.c      connections: epoll, reading and counting, writing
 *      load_tls.c      the same through TLS; handshakes
 *      load_talk.c     what a connection says until it is ready, by dialect and role
 *      load_wire.c     framing of the wires: hyperty over tcp, unix and ws, with TLS or without;
 * redis; nats load_stats.c    time, latencies, processor time, memory
 *
 * Results go to stdout, one `name value` a line. Whatever goes wrong ends it with a sentence. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#define _GNU_SOURCE

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#define PAYLOAD_BYTES   250
#define SENT_TIMES      65536 /* a power of two; more than may be in flight */
#define SETUP_AT_ONCE   64    /* connections that are being set up */
#define SILENCE_MAX_NS  (5 * SECOND)
#define SECOND          1000000000ull
#define LATENCY_BUCKETS (64 * 64)

typedef struct load load_t;
typedef struct conn conn_t;
struct ssl_st; /* of OpenSSL */

/* --- load_stats.c ----------------------------------------------------------------------------- */

/* Nanoseconds in buckets 1/64 apart. */
typedef struct {
    uint64_t count;
    uint64_t buckets[LATENCY_BUCKETS];
} latencies_t;

typedef struct {
    uint64_t ns;
    double server_s, own_s; /* processor time so far */
} moment_t;

uint64_t now_ns(void);
void latencies_add(latencies_t *h, uint64_t ns);
double latencies_us(const latencies_t *h, double part); /* 0.5: the median */
moment_t moment(int server);
long memory_kib(int server, const char *name); /* a line of smaps_rollup, as "Rss"; -1: unknown */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* --- load_wire.c ------------------------------------------------------------------------------ */

typedef struct {
    char *bytes;
    size_t len, room;
} text_t;

void text_add(text_t *t, const char *bytes, size_t len);
void text_format(text_t *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

typedef enum {
    UNIT_TEXT,  /* a message, or an answer */
    UNIT_ERROR, /* the server complains */
    UNIT_PING,  /* wants wire->pong */
    UNIT_NOTE   /* of no interest */
} unit_kind_t;

/* The first thing in what was read. */
typedef struct {
    size_t bytes; /* on the wire; 0: more must be read first */
    unit_kind_t kind;
    const char *text;
    size_t len;
} unit_t;

typedef struct {
    const char *scheme; /* of its URL */
    const char *server;
    bool is_hyperty, is_tls;
    unit_t (*read)(const char *p, size_t n);
    void (*frame)(text_t *out, const char *text, size_t len);     /* as it is sent or published */
    void (*delivered)(text_t *out, const char *text, size_t len); /* as subscribers get it */
    void (*pong)(text_t *out, const unit_t *ping);
} wire_t;

const wire_t *wire_find(const char *url); /* NULL: no such scheme */

/* --- load_talk.c ------------------------------------------------------------------------------ */

typedef enum { PUBLISHER, SUBSCRIBER, ASKER, ANSWERER } role_t;

/* Takes note of the answer to the last step (NULL before the first) and appends the next one.
 * False: the connection is ready. */
bool talk_step(conn_t *c, const unit_t *answer, text_t *out);
/* The PAYLOAD_BYTES that are published: a change of the object, the same text for all servers. */
void talk_payload(const load_t *l, char *payload);
void talk_request(load_t *l, text_t *out);
void talk_response(const load_t *l, text_t *out, const unit_t *request);
void talk_allocate(load_t *l, text_t *out, unsigned number);

/* --- load_net.c ------------------------------------------------------------------------------- */

struct conn {
    load_t *load;
    int fd;
    struct ssl_st *tls; /* NULL: none */
    role_t role;
    unsigned number, step;
    bool is_ready, is_closed;
    bool is_apart;     /* what it gets is counted for itself alone, and it may be closed */
    bool wants_in;     /* epoll tells when it can be read */
    bool wants_out;    /* and written */
    text_t in, out;    /* the beginning of a unit; what waits to be written */
    uint64_t received; /* deliveries */
};

struct load {
    /* options */
    const char *url, *domain;
    const wire_t *wire;
    int server; /* process id, 0: unknown */
    unsigned subscribers, window, number, messages, pace_us;
    double seconds;

    /* connections */
    struct sockaddr_storage peer;
    socklen_t peer_len;
    char path[128], host[80]; /* of ws */
    int epoll;
    char *room; /* to read into, shared by all */
    unsigned setting_up;
    char object[256]; /* URL that the node gave, or one that looks like it */

    /* deliveries: what one looks like on the wire, and how much of it is compared */
    text_t delivery;
    size_t head_len;
    uint64_t received; /* by all that are not apart */

    /* publishing: the stream is one message over and over */
    conn_t *publisher;
    text_t burst;
    size_t message_len;
    uint64_t stream_sent, stream_allowed; /* bytes */
    uint64_t sent_ns[SENT_TIMES];         /* of each message, by its number */
    latencies_t *latencies;               /* of deliveries, or of answers; NULL: not wanted */

    void (*on_text)(conn_t *c, const unit_t *unit); /* of connections that are ready */
    uint64_t next_id;
    uint64_t asked, answered;

    /* what the frozen subscriber was told */
    uint64_t told_lost;
    const char *told_last;
};

void net_init(load_t *l); /* from the URL */
/* Begins to set up. `small`: with as little room for what it does not read as can be. */
conn_t *net_open(load_t *l, role_t role, unsigned number, bool small);
/* Sets up subscribers, some at once, until all are ready. */
void net_open_subscribers(load_t *l, unsigned first, unsigned count);
void net_ready(load_t *l); /* turns until all that were opened are ready */
/* Waits for something to happen, at most so long, and does what there is to do. */
void net_turn(load_t *l, uint64_t timeout_ns);
void net_write(conn_t *c); /* as much of c->out as goes */
void net_freeze(conn_t *c, bool frozen);

/* The publisher's stream: lets it grow to that many messages, and writes what goes. */
void net_publish_init(load_t *l);
void net_publish(load_t *l, uint64_t messages);
uint64_t net_published(const load_t *l); /* messages whose last byte was handed over */

/* --- load_tls.c ------------------------------------------------------------------------------- */

void tls_open(conn_t *c); /* shakes hands, if its URL asks for that; the socket still blocks */
void tls_close(conn_t *c);
/* As recv and send. */
ssize_t tls_recv(const conn_t *c, char *bytes, size_t room);
ssize_t tls_send(const conn_t *c, const char *bytes, size_t len);
bool tls_has_more(const conn_t *c); /* epoll would not tell */

/* --- modes ------------------------------------------------------------------------------------ */

void mode_fanout(load_t *l);
void mode_latency(load_t *l);
void mode_freeze(load_t *l);
void mode_ask(load_t *l);
void mode_allocate(load_t *l);
void mode_join(load_t *l);
void mode_memory(load_t *l);
void mode_handshake(load_t *l);

#endif
