/* In-process channels, with and without a network between runtime and node.
 *
 *      stub ── channel ── [ way up, one lane ] ──► peer ──► node
 *      stub ◄──────────── [ way down, a lane for each origin ] ◄── peer
 *
 * On a network a message is text while it is under way, and is parsed anew where it arrives; so a
 * simulated world uses the wire as it is. A message under way has a timer of its own. Within a lane
 * no message arrives before one that was sent earlier; lanes know nothing of each other, so what
 * comes from different runtimes overtakes. The way up is short (up to delay_min_ms), the way down
 * takes delay_min_ms to delay_max_ms; each may lose and repeat. All draws come from the network's
 * own source, in the order of sending: one seed, one run.
 *
 * A pair is the connector and lasts; a channel of it owns peer, lanes and what is under way. */
#include "pair.h"

#include "../base/dict.h"
#include "../base/list.h"
#include "../base/mem.h"
#include "../bus/names.h"

#define LANES_SWEEP_MIN 32u

typedef struct channel channel_t;

struct hy_network {
    hy_clock_t *clock;
    const hy_log_t *log;
    hy_random_t random;
    hy_network_faults_t faults;
    hy_node_server_t *node;
    hy_link_t pairs;
    size_t in_flight;
    hy_names_t *names; /* that arrived lately */
    hy_network_tap_t tap;
};

struct hy_pair {
    hy_connector_t connector;
    hy_node_server_t *node; /* without a network */
    hy_network_t *network;  /* NULL: none */
    hy_str_t *name;
    hy_link_t link; /* in network->pairs */
    channel_t *channel;
    bool is_cut_up, is_cut_down, is_unplugged, is_stalled;
    uint32_t bytes_per_s; /* down; 0: no bound */
};

/* When the last message of an origin arrives. */
typedef struct {
    hy_str_t *origin; /* RuntimeURL, or the node's own address */
    uint64_t last_ms;
} lane_t;

struct channel {
    hy_channel_t base;
    uint32_t refs;   /* one while it stands, and one of each call under way */
    hy_pair_t *pair; /* NULL once closed */
    hy_peer_t *peer; /* NULL once closed */
    bool is_pumping; /* the way up */
    bool is_parting; /* the node closes */
    hy_link_t flights;
    uint64_t up_last_ms;
    hy_dict_t lanes; /* the way down, by origin */
    uint32_t lanes_sweep_at;
    hy_timer_t free;     /* a slow way down: started while it carries something */
    uint64_t opened_ms;  /* when a word of the session was last sent */
    uint64_t backlog_ms; /* when all that had waited at the node arrives: nothing overtakes */
};

typedef struct {
    channel_t *channel;
    hy_str_t *text;
    hy_link_t link;
    hy_timer_t timer;
    bool is_up;
} flight_t;

static const hy_log_t *log_of(const hy_pair_t *p) {
    return p->network ? p->network->log : NULL;
}

static void warn_lost(const hy_pair_t *p, const hy_msg_t *m, const char *why) {
    hy_log(log_of(p), HY_LOG_WARN, "pair", "%s from %s to %s lost: %s", hy_msg_type_text(m->type),
           m->from->bytes, m->to->bytes, why);
}

static void channel_unref(channel_t *c) {
    if (--c->refs == 0) hy_free(c);
}

/* --- handing over ----------------------------------------------------------------------------- */

static void hand_over(channel_t *c, hy_msg_t *m, bool is_up) {
    if (!is_up) {
        c->base.user->message(c->base.arg, m);
    } else if (c->peer) {
        hy_peer_receive(c->peer, m);
    }
}

static void flight_free(flight_t *f, hy_network_t *network) {
    hy_timer_stop(network->clock, &f->timer);
    hy_list_remove(&f->link);
    network->in_flight--;
    hy_str_unref(f->text);
    hy_free(f);
}

static void on_arrival(void *arg) {
    flight_t *f = arg;
    channel_t *c = f->channel;
    hy_network_t *n = c->pair->network;
    bool is_up = f->is_up;
    hy_msg_t *m = NULL;
    hy_error_t err;
    if (n->tap.cb) n->tap.cb(n->tap.arg, is_up, &f->text);
    int r = f->text ? hy_msg_parse_with(n->names, f->text, &m, &err) : 0;
    flight_free(f, n);
    if (r == 0 && !m) return;
    if (r < 0) {
        hy_log(n->log, HY_LOG_ERROR, "pair", "what arrived is no message: %s", err.text);
        return;
    }
    c->refs++;
    hand_over(c, m, is_up);
    hy_msg_unref(m);
    channel_unref(c);
}

/* --- the network ------------------------------------------------------------------------------ */

int hy_network_new(hy_clock_t *clock, const hy_log_t *log, uint64_t seed,
                   const hy_network_faults_t *faults, hy_network_t **out) {
    hy_network_t *n = hy_alloc_zero(sizeof *n);
    if (!n) return HY_ENOMEM;
    n->names = hy_names_new(); /* without them addresses are read anew each time */
    n->clock = clock;
    n->log = log;
    hy_random_seed(&n->random, seed);
    if (faults) n->faults = *faults;
    hy_link_init(&n->pairs);
    *out = n;
    return 0;
}

void hy_network_free(hy_network_t *n) {
    if (n) hy_names_free(n->names);
    hy_free(n);
}

void hy_network_set_faults(hy_network_t *n, const hy_network_faults_t *faults) {
    n->faults = *faults;
}

void hy_network_tap(hy_network_t *n, hy_network_tap_t tap) {
    n->tap = tap;
}

size_t hy_network_in_flight(const hy_network_t *n) {
    return n->in_flight;
}

static bool happens(hy_network_t *n, double chance) {
    return chance > 0 && (double)(hy_random_u64(&n->random) >> 11) * 0x1p-53 < chance;
}

static uint64_t draw_delay(hy_network_t *n, bool is_up) {
    uint64_t min = n->faults.delay_min_ms, max = n->faults.delay_max_ms;
    if (is_up) return hy_random_below(&n->random, min + 1);
    return max > min ? min + hy_random_below(&n->random, max - min + 1) : min;
}

/* Sends one copy on its way: not before what the lane carries already. */
static int fly(channel_t *c, hy_str_t *text, bool is_up, uint64_t *last_ms) {
    hy_network_t *n = c->pair->network;
    flight_t *f = hy_alloc_zero(sizeof *f);
    if (!f) return HY_ENOMEM;
    uint64_t now = hy_clock_now(n->clock), at = now + draw_delay(n, is_up);
    if (at < *last_ms) at = *last_ms;
    hy_timer_init(&f->timer, on_arrival, f);
    if (hy_timer_start(n->clock, &f->timer, at - now) < 0) {
        hy_free(f);
        return HY_ENOMEM;
    }
    *last_ms = at;
    f->channel = c;
    f->text = hy_str_ref(text);
    f->is_up = is_up;
    hy_list_append(&c->flights, &f->link);
    n->in_flight++;
    return 0;
}

static int transmit(channel_t *c, hy_str_t *text, bool is_up, uint64_t *last_ms) {
    hy_network_t *n = c->pair->network;
    if (happens(n, n->faults.loss)) return 0;
    int r = fly(c, text, is_up, last_ms);
    if (r == 0 && happens(n, n->faults.repeat)) r = fly(c, text, is_up, last_ms);
    return r;
}

/* Forgets lanes on which nothing is under way, once they may be half of all. */
static void sweep_lanes(channel_t *c) {
    if (c->lanes.count < c->lanes_sweep_at) return;
    uint64_t now = hy_clock_now(c->pair->network->clock);
    lane_t *lane;
    for (uint32_t pos = 0; (lane = hy_dict_next(&c->lanes, &pos));)
        if (lane->last_ms < now) hy_dict_remove(&c->lanes, lane);
    uint32_t twice = c->lanes.count * 2;
    c->lanes_sweep_at = twice > LANES_SWEEP_MIN ? twice : LANES_SWEEP_MIN;
}

/* --- the two ways ----------------------------------------------------------------------------- */

static bool is_handshake(const hy_msg_t *m) {
    return hy_str_is(m->to, HY_SESSION_URL) || hy_str_is(m->from, HY_SESSION_URL);
}

static void send_up(channel_t *c, hy_msg_t *m) {
    const hy_pair_t *p = c->pair;
    if (p->is_cut_up) return;
    if (!p->network || is_handshake(m)) {
        if (p->network) c->opened_ms = hy_clock_now(p->network->clock);
        hand_over(c, m, true);
        return;
    }
    hy_error_t err;
    hy_str_t *text = hy_msg_text(m, &err);
    if (!text) {
        warn_lost(p, m, err.text);
    } else if (transmit(c, text, true, &c->up_last_ms) < 0) {
        warn_lost(p, m, "out of memory");
    }
}

static void send_down(channel_t *c, hy_msg_t *m, bool is_backlog) {
    const hy_pair_t *p = c->pair;
    if (p->is_cut_down) return;
    if (!p->network || is_handshake(m)) {
        hand_over(c, m, false);
        return;
    }
    hy_error_t err;
    hy_str_t *text = hy_msg_text(m, &err);
    if (!text) {
        warn_lost(p, m, err.text);
        return;
    }
    sweep_lanes(c);
    const hy_node_server_t *node = p->network->node;
    hy_str_t *origin = node ? hy_node_server_origin(node) : NULL;
    lane_t *lane = hy_dict_put(&c->lanes, origin ? origin : p->name, NULL);
    if (lane && lane->last_ms < c->backlog_ms) lane->last_ms = c->backlog_ms;
    if (!lane || transmit(c, text, false, &lane->last_ms) < 0) warn_lost(p, m, "out of memory");
    if (lane && is_backlog) c->backlog_ms = lane->last_ms;
}

/* The user's queue, up to the node. Handing over may queue more, which the same walk takes. */
static void pump_up(channel_t *c) {
    if (c->is_pumping) return;
    c->is_pumping = true;
    c->refs++;
    hy_msg_t *const *list;
    while (c->pair && c->base.user->peek(c->base.arg, &list) > 0) {
        hy_msg_t *m = hy_msg_ref(list[0]);
        c->base.user->consume(c->base.arg, 1);
        send_up(c, m);
        hy_msg_unref(m);
    }
    c->is_pumping = false;
    channel_unref(c);
}

/* What comes in the moment in which a session is taken over has waited. */
static bool is_just_opened(const channel_t *c) {
    const hy_network_t *n = c->pair->network;
    return n && c->opened_ms == hy_clock_now(n->clock);
}

/* The way down carries so much now. */
static void occupy(channel_t *c, size_t bytes) {
    hy_timer_start(c->pair->network->clock, &c->free, bytes * 1000 / c->pair->bytes_per_s);
}

/* The node's queue, down to the runtime. */
static void pump_down(channel_t *c, bool is_backlog) {
    c->refs++;
    hy_msg_t *const *list;
    while (c->pair && !c->pair->is_stalled && !hy_timer_is_started(&c->free) && c->peer &&
           hy_peer_peek(c->peer, &list) > 0) {
        hy_msg_t *m = hy_msg_ref(list[0]);
        hy_peer_consume(c->peer, 1);
        send_down(c, m, is_backlog || is_just_opened(c));
        if (c->pair && c->pair->bytes_per_s > 0) occupy(c, hy_msg_bytes(m));
        hy_msg_unref(m);
    }
    channel_unref(c);
}

static void on_ready(void *arg) {
    pump_down(arg, false);
}

static void on_free(void *arg) {
    pump_down(arg, true);
}

/* --- channels --------------------------------------------------------------------------------- */

/* Whatever is under way is dropped; nothing is called any more. */
static void channel_end(channel_t *c) {
    hy_pair_t *p = c->pair;
    while (!hy_list_is_empty(&c->flights))
        flight_free(hy_link_owner(c->flights.next, flight_t, link), p->network);
    hy_dict_deinit(&c->lanes);
    if (p->network) hy_timer_stop(p->network->clock, &c->free);
    p->channel = NULL;
    c->pair = NULL;
    channel_unref(c);
}

/* Told to the runtime. */
static void channel_lost(channel_t *c, hy_close_code_t code, const char *reason) {
    const hy_channel_user_t *user = c->base.user;
    void *arg = c->base.arg;
    channel_end(c);
    user->closed(arg, code, reason);
}

/* The node closes. */
static void on_peer_close(void *arg, hy_close_code_t code, const char *reason) {
    channel_t *c = arg;
    c->refs++;
    c->is_parting = true;
    on_ready(c);
    c->peer = NULL;
    if (c->pair) channel_lost(c, code, reason);
    channel_unref(c);
}

/* What was sent before the last words arrives before them: a close does not overtake. At most
 * `count` messages. */
static void land_up(channel_t *c, uint64_t count) {
    hy_link_t *l = c->flights.next;
    while (c->peer && count > 0 && l != &c->flights) {
        flight_t *f = hy_link_owner(l, flight_t, link);
        if (f->is_up) {
            on_arrival(f);
            count--;
            l = c->flights.next; /* whatever that brought about */
        } else {
            l = l->next;
        }
    }
}

/* The runtime was killed: some first part of what is under way had left its machine. */
static void land_some(channel_t *c) {
    uint64_t count = 0;
    for (hy_link_t *l = c->flights.next; l != &c->flights; l = l->next)
        count += hy_link_owner(l, flight_t, link)->is_up;
    if (count == 0) return;
    land_up(c, hy_random_below(&c->pair->network->random, count + 1));
}

/* The runtime closes. */
static void channel_close(hy_channel_t *base, hy_close_code_t code, const char *reason) {
    channel_t *c = (channel_t *)base;
    (void)reason;
    c->refs++;
    c->is_pumping = false;
    if (code == HY_CLOSE_LOST) {
        land_some(c);
    } else {
        land_up(c, UINT64_MAX);
        pump_up(c);
        land_up(c, UINT64_MAX);
    }
    hy_peer_t *peer = c->is_parting ? NULL : c->peer;
    c->peer = NULL;
    if (peer) hy_peer_lost(peer);
    if (c->pair) channel_end(c);
    channel_unref(c);
}

static void channel_wake(hy_channel_t *base) {
    pump_up((channel_t *)base);
}

static const hy_channel_ops_t MEMORY = {"memory", false, channel_wake, channel_close};
static const hy_channel_ops_t NETWORK = {"network", true, channel_wake, channel_close};
static const hy_peer_events_t PEER = {.ready = on_ready, .close = on_peer_close};
static const hy_peer_events_t OWN_PEER = {on_ready, on_peer_close, .is_own = true};

/* --- pairs ------------------------------------------------------------------------------------ */

static int connect_pair(hy_connector_t *k, const hy_channel_user_t *user, void *arg,
                        hy_channel_t **out, hy_error_t *err) {
    hy_pair_t *p = (hy_pair_t *)k;
    hy_node_server_t *node = p->network ? p->network->node : p->node;
    if (p->channel) return hy_fail(err, HY_ECONFLICT, "%s has a channel", p->name->bytes);
    if (!node || p->is_unplugged)
        return hy_fail(err, HY_EUNREACHABLE, "cannot connect to %s: there is no node",
                       p->name->bytes);
    channel_t *c = hy_alloc_zero(sizeof *c);
    if (!c) return hy_fail(err, HY_ENOMEM, "out of memory");
    *c = (channel_t){.base = {p->network ? &NETWORK : &MEMORY, user, arg}, .refs = 1, .pair = p};
    c->lanes_sweep_at = LANES_SWEEP_MIN;
    hy_timer_init(&c->free, on_free, c);
    hy_link_init(&c->flights);
    hy_dict_init(&c->lanes, sizeof(lane_t));
    if (hy_peer_open(node, p->network ? &PEER : &OWN_PEER, c, p->name->bytes, &c->peer) < 0) {
        hy_free(c);
        return hy_fail(err, HY_ENOMEM, "out of memory");
    }
    p->channel = c;
    *out = &c->base;
    user->open(arg);
    return 0;
}

static const char *where(const hy_connector_t *k) {
    return ((const hy_pair_t *)k)->name->bytes;
}

static void pair_free(hy_connector_t *k) {
    hy_pair_t *p = (hy_pair_t *)k;
    hy_list_remove(&p->link);
    hy_str_unref(p->name);
    hy_free(p);
}

int hy_pair_new(hy_node_server_t *node, hy_network_t *network, const char *name, hy_pair_t **out) {
    hy_pair_t *p = hy_alloc_zero(sizeof *p);
    hy_str_t *text = p ? hy_str_from(name) : NULL;
    if (!text) {
        hy_free(p);
        return HY_ENOMEM;
    }
    *p = (hy_pair_t){.connector = {connect_pair, where, pair_free}, .node = node, .name = text};
    p->network = network;
    hy_link_init(&p->link);
    if (network) hy_list_append(&network->pairs, &p->link);
    *out = p;
    return 0;
}

hy_connector_t *hy_pair_connector(hy_pair_t *p) {
    return &p->connector;
}

void hy_pair_cut(hy_pair_t *p, bool up, bool down) {
    p->is_cut_up = up;
    p->is_cut_down = down;
}

void hy_pair_stall(hy_pair_t *p, bool is_stalled) {
    p->is_stalled = is_stalled;
    if (!is_stalled && p->channel) pump_down(p->channel, true);
}

/* What a slow way carries may be large: it does not take that long any more. */
void hy_pair_slow(hy_pair_t *p, uint32_t bytes_per_s) {
    p->bytes_per_s = bytes_per_s;
    if (bytes_per_s > 0 || !p->channel || !hy_timer_is_started(&p->channel->free)) return;
    hy_timer_stop(p->network->clock, &p->channel->free);
    pump_down(p->channel, true);
}

void hy_pair_break(hy_pair_t *p) {
    channel_t *c = p->channel;
    if (!c) return;
    hy_peer_t *peer = c->peer;
    c->peer = NULL;
    if (peer) hy_peer_lost(peer);
    channel_lost(c, HY_CLOSE_LOST, "connection lost");
}

void hy_pair_end(hy_pair_t *p) {
    channel_t *c = p->channel;
    hy_str_t *runtime = c && c->peer ? hy_peer_runtime(c->peer) : NULL;
    hy_str_t *to = runtime ? hy_str_from(HY_SESSION_URL) : NULL;
    hy_msg_t *m = to ? hy_msg_new(HY_MSG_CLOSE, hy_absent(), runtime, to, hy_absent()) : NULL;
    if (m) hy_peer_receive(c->peer, m);
    hy_msg_unref(m);
    hy_str_unref(to);
    hy_pair_break(p); /* if it stands yet */
}

void hy_pair_unplug(hy_pair_t *p, bool is_unplugged) {
    p->is_unplugged = is_unplugged;
}

void hy_network_set_node(hy_network_t *n, hy_node_server_t *node) {
    hy_node_server_t *before = n->node;
    n->node = NULL; /* whoever tries at once finds nobody */
    for (hy_link_t *l = n->pairs.next; before && l != &n->pairs; l = l->next)
        hy_pair_break(hy_link_owner(l, hy_pair_t, link));
    n->node = node;
}
