/* Inside of the gate: gate.c (guests), gate_listen.c (listening and accepting), gate_crowd.c (what
 * each address has and does), gate_page.c (what it tells over HTTP, how late the loop is). */
#ifndef HY_NET_GATE_PRIVATE_H
#define HY_NET_GATE_PRIVATE_H

#include "../base/dict.h"
#include "../loop/rate.h"
#include "../node/peer.h"
#include "endpoint.h"
#include "gate.h"
#include "stream.h"

/* Why a connection was turned away, as a label. */
#define HY_GATE_CAUSE_MAP(X)                                                                       \
    X(FULL, "full")          /* connections_max */                                                 \
    X(FILES, "files")        /* no descriptor, or no memory in the kernel: left in the backlog */  \
    X(MEMORY, "memory")      /* no memory of ours */                                               \
    X(LATE, "late")          /* no session in time */                                              \
    X(ADDRESS, "address")    /* limits.connections */                                              \
    X(HASTE, "address_rate") /* limits.handshakes_per_s */                                         \
    X(RUSH, "rate")          /* limits.all_handshakes_per_s */

typedef enum {
#define X(name, text) HY_GATE_##name,
    HY_GATE_CAUSE_MAP(X)
#undef X
        HY_GATE_CAUSES
} hy__gate_cause_t;

/* Room for an address as text, with the length of its prefix. */
#define HY_GATE_NETWORK_TEXT_BYTES 64u
/* Ticks that the greatest delay of the loop is told of: longer than those who ask take turns. */
#define HY_GATE_TICKS_TOLD 64u
/* A drain looks this often whether what was queued is written. */
#define HY_GATE_DRAIN_STEP_MS 10u

typedef struct {
    hy_gate_t *gate;
    hy_poll_t *poll;
    hy_str_t *text; /* the URL with the port that it got */
    hy_socket_url_t url;
    int fd;
    uint64_t device, inode; /* of a Unix socket: unlinked only if it is still this one */
} hy__listener_t;

/* An address that has connections, or had some a moment ago. */
typedef struct {
    struct hy__crowd *crowd;
    hy_str_t *key;
    uint32_t connections;
    hy_rate_t handshakes, opens;
    hy_due_t left; /* when it is forgotten */
    bool has_left;
} hy__visitor_t;

typedef struct hy__crowd {
    hy_clock_t *clock;
    hy_gate_limits_t limits;
    hy_dict_t places; /* address -> visitor */
    hy_dues_t left;
    uint32_t left_count;
    hy_rate_t handshakes; /* of all */
    uint64_t opens_refused;
} hy__crowd_t;

/* A connection that was let in. */
typedef struct {
    hy_gate_t *gate;
    hy__visitor_t *visitor; /* NULL: a Unix socket */
    hy_stream_t *stream;
    hy_peer_t *peer; /* NULL until the transport's handshake is through */
    hy_link_t link;
    hy_due_t due; /* by then a session is to be open */
} hy__guest_t;

struct hy_gate {
    hy_gate_config_t config;
    hy_clock_t *clock;
    hy_link_t guests;
    hy_dues_t handshakes;
    hy__crowd_t crowd;
    hy_rate_t words;  /* to those who are turned away */
    uint64_t told_ms; /* when the log was told of such a one; 0: never */
    hy_work_t *turn;
    hy__listener_t *listeners[HY_GATE_LISTENERS_MAX];
    uint32_t listener_count;
    uint32_t guest_count, transports[HY_SCHEMES];
    uint32_t accepted_in_turn;
    uint64_t accepted, turned_away[HY_GATE_CAUSES];
    hy_timer_t tick;
    bool is_paused; /* accepts nothing until the next tick */
    bool is_short;  /* of descriptors, when it last accepted; said once */
    bool is_draining;
    uint64_t drain_until_ms;
    char drain_reason[96];
    void (*drained)(void *arg);
    void *drained_arg;
    uint64_t tick_ns; /* when the tick was set */
    uint64_t late_ns[HY_GATE_TICKS_TOLD], late_sum_ns;
    uint32_t ticks;
};

/* --- gate.c ----------------------------------------------------------------------------------- */

/* Lets one in that comes from there, or turns it away; the descriptor is taken over. */
void hy__gate_admit(hy_gate_t *g, const hy_socket_url_t *url, const hy_endpoint_t *from, int fd);

/* --- gate_listen.c ---------------------------------------------------------------------------- */

void hy__gate_close_listeners(hy_gate_t *g);
void hy__gate_pause(hy_gate_t *g, bool is_paused);

/* --- gate_crowd.c ----------------------------------------------------------------------------- */

void hy__crowd_init(hy__crowd_t *c, hy_clock_t *clock, const hy_gate_limits_t *limits);
void hy__crowd_deinit(hy__crowd_t *c); /* whoever is still there is forgotten */
/* A connection comes from there: HY_GATE_CAUSES, and its visitor (NULL: none of an address), or the
 * cause for which it is turned away, in words too. */
hy__gate_cause_t hy__crowd_enter(hy__crowd_t *c, const hy_endpoint_t *from, hy__visitor_t **out,
                                 hy_error_t *why);
void hy__crowd_leave(hy__visitor_t *v); /* NULL allowed */
/* May a session be opened by it now? HY_ETOO_FAST if not. */
int hy__crowd_open(hy__visitor_t *v, hy_error_t *err);

/* --- gate_page.c ------------------------------------------------------------------------------ */

/* The page of a path, for hy_protocol_events_t; `arg` is a guest. */
const char *hy__gate_page(void *arg, const char *path, hy_buf_t *body);
/* Notes how late the tick was that came just now. */
void hy__gate_note_delay(hy_gate_t *g);

#endif
