/* In-process connections, with and without a network between runtime and node.
 *
 *      bus ──uplink──► [ way up, one lane ] ──► session ──► node
 *      bus ◄────────── [ way down, a lane for each origin ] ◄── deliver
 *
 * On a network a message is text while it is under way, and is parsed anew where it arrives; so a
 * simulated world uses the wire as it is. A message under way has a timer of its own. Within a lane
 * no message arrives before one that was sent earlier; lanes know nothing of each other, so what
 * comes from different runtimes overtakes. The way up is short (up to delay_min_ms), the way down
 * takes delay_min_ms to delay_max_ms; each may lose and repeat. All draws come from the network's
 * own source, in the order of sending: one seed, one run.
 *
 * A pair owns its session, its uplink and what is under way to or from its runtime. */
#include "pair.h"

#include "../base/dict.h"
#include "../base/list.h"
#include "../base/mem.h"

#define LANES_SWEEP_MIN 32u

struct hy_network {
    hy_clock_t *clock;
    hy_random_t random;
    hy_network_faults_t faults;
    hy_link_t pairs;
    size_t in_flight;
};

/* When the last message of an origin arrives. */
typedef struct {
    hy_str_t *origin; /* RuntimeURL, or the node's own address */
    uint64_t last_ms;
} lane_t;

struct hy_pair {
    hy_bus_t *bus;
    hy_uplink_t *uplink;
    hy_session_t *session;
    hy_network_t *network; /* NULL: none */
    hy_str_t *node_origin; /* the lane of what the node itself sends */
    hy_link_t link;        /* in network->pairs */
    hy_link_t flights;
    uint64_t up_last_ms;
    hy_dict_t lanes; /* the way down, by origin */
    uint32_t lanes_sweep_at;
    bool is_cut_up, is_cut_down;
};

typedef struct {
    hy_pair_t *pair;
    hy_str_t *text;
    hy_link_t link;
    hy_timer_t timer;
    bool is_up;
} flight_t;

static void warn_lost(const hy_pair_t *p, const hy_msg_t *m, const char *why) {
    hy_log(hy_bus_log(p->bus), HY_LOG_WARN, "pair", "%s from %s to %s lost: %s",
           hy_msg_type_text(m->type), m->from->bytes, m->to->bytes, why);
}

/* --- handing over ----------------------------------------------------------------------------- */

static void hand_over(hy_pair_t *p, hy_msg_t *m, bool is_up) {
    if (is_up) {
        hy_session_send(p->session, m);
        return;
    }
    int r = hy_uplink_receive(p->uplink, m);
    if (r < 0) warn_lost(p, m, hy_error_text(r));
}

static void flight_free(flight_t *f) {
    hy_network_t *network = f->pair->network;
    hy_timer_stop(network->clock, &f->timer);
    hy_list_remove(&f->link);
    network->in_flight--;
    hy_str_unref(f->text);
    hy_free(f);
}

static void on_arrival(void *arg) {
    flight_t *f = arg;
    hy_pair_t *p = f->pair;
    bool is_up = f->is_up;
    hy_msg_t *m = NULL;
    hy_error_t err;
    int r = hy_msg_parse(f->text, &m, &err);
    flight_free(f);
    if (r < 0) {
        hy_log(hy_bus_log(p->bus), HY_LOG_ERROR, "pair", "what arrived is no message: %s",
               err.text);
        return;
    }
    hand_over(p, m, is_up);
    hy_msg_unref(m);
}

/* --- the network ------------------------------------------------------------------------------ */

int hy_network_new(hy_clock_t *clock, uint64_t seed, const hy_network_faults_t *faults,
                   hy_network_t **out) {
    hy_network_t *n = hy_alloc_zero(sizeof *n);
    if (!n) return HY_ENOMEM;
    n->clock = clock;
    hy_random_seed(&n->random, seed);
    if (faults) n->faults = *faults;
    hy_link_init(&n->pairs);
    *out = n;
    return 0;
}

void hy_network_free(hy_network_t *n) {
    if (!n) return;
    while (!hy_list_is_empty(&n->pairs))
        hy_pair_close(hy_link_owner(n->pairs.next, hy_pair_t, link));
    hy_free(n);
}

void hy_network_set_faults(hy_network_t *n, const hy_network_faults_t *faults) {
    n->faults = *faults;
}

size_t hy_network_in_flight(const hy_network_t *n) {
    return n->in_flight;
}

static bool happens(hy_network_t *n, double chance) {
    if (chance <= 0) return false;
    return (double)(hy_random_u64(&n->random) >> 11) * 0x1p-53 < chance;
}

static uint64_t draw_delay(hy_network_t *n, bool is_up) {
    uint64_t min = n->faults.delay_min_ms, max = n->faults.delay_max_ms;
    if (is_up) return hy_random_below(&n->random, min + 1);
    return max > min ? min + hy_random_below(&n->random, max - min + 1) : min;
}

/* Sends one copy on its way: not before what the lane carries already. */
static int fly(hy_pair_t *p, hy_str_t *text, bool is_up, uint64_t *last_ms) {
    hy_network_t *n = p->network;
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
    f->pair = p;
    f->text = hy_str_ref(text);
    f->is_up = is_up;
    hy_list_append(&p->flights, &f->link);
    n->in_flight++;
    return 0;
}

static int transmit(hy_pair_t *p, hy_str_t *text, bool is_up, uint64_t *last_ms) {
    hy_network_t *n = p->network;
    if (happens(n, n->faults.loss)) return 0;
    int r = fly(p, text, is_up, last_ms);
    if (r == 0 && happens(n, n->faults.repeat)) r = fly(p, text, is_up, last_ms);
    return r;
}

/* Forgets lanes on which nothing is under way, once they may be half of all. */
static void sweep_lanes(hy_pair_t *p) {
    if (p->lanes.count < p->lanes_sweep_at) return;
    uint64_t now = hy_clock_now(p->network->clock);
    lane_t *lane;
    for (uint32_t pos = 0; (lane = hy_dict_next(&p->lanes, &pos));)
        if (lane->last_ms < now) hy_dict_remove(&p->lanes, lane);
    uint32_t twice = p->lanes.count * 2;
    p->lanes_sweep_at = twice > LANES_SWEEP_MIN ? twice : LANES_SWEEP_MIN;
}

/* --- the two ways ----------------------------------------------------------------------------- */

static int on_up(void *arg, hy_msg_t *m) {
    hy_pair_t *p = arg;
    if (p->is_cut_up) return 0;
    if (!p->network) {
        hand_over(p, m, true);
        return 0;
    }
    hy_error_t err;
    hy_str_t *text = hy_msg_text(m, &err);
    return text ? transmit(p, text, true, &p->up_last_ms) : err.code;
}

static void on_down(void *arg, hy_msg_t *m, const hy_session_t *origin) {
    hy_pair_t *p = arg;
    if (p->is_cut_down) return;
    if (!p->network) {
        hand_over(p, m, false);
        return;
    }
    hy_error_t err;
    hy_str_t *text = hy_msg_text(m, &err);
    if (!text) {
        warn_lost(p, m, err.text);
        return;
    }
    sweep_lanes(p);
    lane_t *lane =
        hy_dict_put(&p->lanes, origin ? hy_session_runtime(origin) : p->node_origin, NULL);
    if (!lane || transmit(p, text, false, &lane->last_ms) < 0) warn_lost(p, m, "out of memory");
}

/* --- pairs ------------------------------------------------------------------------------------ */

int hy_pair_open(hy_bus_t *bus, hy_node_server_t *node, hy_str_t *runtime, const char *domain,
                 hy_network_t *network, hy_pair_t **out) {
    hy_pair_t *p = hy_alloc_zero(sizeof *p);
    if (!p) return HY_ENOMEM;
    p->bus = bus;
    p->network = network;
    p->lanes_sweep_at = LANES_SWEEP_MIN;
    hy_link_init(&p->link);
    hy_link_init(&p->flights);
    hy_dict_init(&p->lanes, sizeof(lane_t));
    hy_error_t err;
    int r = 0;
    p->node_origin = hy_str_format("domain://msg-node.%s", hy_node_server_domain(node));
    if (!p->node_origin) r = hy_fail(&err, HY_ENOMEM, "out of memory");
    if (r == 0) r = hy_session_open(node, runtime, on_down, p, &p->session, &err);
    if (r == 0 && (r = hy_bus_uplink(bus, domain, on_up, p, &p->uplink)) < 0)
        hy_fail(&err, r, "%s as the way to %s", hy_error_text(r), domain ? domain : "all domains");
    if (r < 0) {
        hy_log(hy_bus_log(bus), HY_LOG_ERROR, "pair", "%s not connected: %s", runtime->bytes,
               err.text);
        hy_pair_close(p);
        return r;
    }
    if (network) hy_list_append(&network->pairs, &p->link);
    *out = p;
    return 0;
}

void hy_pair_close(hy_pair_t *p) {
    if (!p) return;
    if (p->uplink) hy_uplink_close(p->uplink);
    while (!hy_list_is_empty(&p->flights))
        flight_free(hy_link_owner(p->flights.next, flight_t, link));
    hy_session_close(p->session);
    hy_list_remove(&p->link);
    hy_dict_deinit(&p->lanes);
    hy_str_unref(p->node_origin);
    hy_free(p);
}

void hy_pair_cut(hy_pair_t *p, bool up, bool down) {
    p->is_cut_up = up;
    p->is_cut_down = down;
}
