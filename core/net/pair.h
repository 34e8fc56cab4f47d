/* An in-process connection between a runtime and a message node: the connector of a stub that needs
 * no socket, and a network that can be simulated.
 *
 * With `network` NULL messages are handed over as they are, at once: a runtime with its node
 * embedded. With a network they travel as text on its virtual clock, each way of each pair with a
 * delay of its own (in order within a lane, so that what comes from different runtimes overtakes),
 * and may be lost, repeated or cut off. The handshake of a session is neither delayed nor lost: a
 * channel stands once there is one. */
#ifndef HY_NET_PAIR_H
#define HY_NET_PAIR_H

#include "../node/peer.h"
#include "channel.h"

/* --- the network ------------------------------------------------------------------------------ */

typedef struct hy_network hy_network_t;
typedef struct {
    uint32_t delay_min_ms, delay_max_ms; /* drawn for each message */
    double loss, repeat;                 /* chance per message, 0 to 1 */
} hy_network_faults_t;

/* Draws from its own seeded source; clock and log (NULL allowed) outlive the network. */
int hy_network_new(hy_clock_t *clock, const hy_log_t *log, uint64_t seed,
                   const hy_network_faults_t *faults, hy_network_t **out);
/* All pairs are freed. */
void hy_network_free(hy_network_t *n);
void hy_network_set_faults(hy_network_t *n, const hy_network_faults_t *faults);
/* The node that its pairs reach; NULL: none, connecting fails. The channels to the one before are
 * lost without a word on either side, as when its process is killed; call it before that is freed.
 */
void hy_network_set_node(hy_network_t *n, hy_node_server_t *node);
/* Whoever has the network reads along: called with each message as it arrives. Another text may be
 * put in its place, whose reference is taken over; NULL: it is lost. `cb` NULL: nobody. */
typedef struct {
    void (*cb)(void *arg, bool is_up, hy_str_t **text);
    void *arg;
} hy_network_tap_t;
void hy_network_tap(hy_network_t *n, hy_network_tap_t tap);
/* Messages under way. */
size_t hy_network_in_flight(const hy_network_t *n);

/* --- pairs ------------------------------------------------------------------------------------ */

typedef struct hy_pair hy_pair_t;

/* The way between one runtime and its node. `node` is used without a network; it outlives the pair.
 * `name` is for people, copied. HY_ENOMEM. */
int hy_pair_new(hy_node_server_t *node, hy_network_t *network, const char *name, hy_pair_t **out);
/* It as a connector: freed as that, by its stub. */
hy_connector_t *hy_pair_connector(hy_pair_t *p);
/* While cut, what is sent in that direction is lost, and nobody is told. */
void hy_pair_cut(hy_pair_t *p, bool up, bool down);
/* While stalled the runtime reads nothing, so that what is sent to it waits at the node. */
void hy_pair_stall(hy_pair_t *p, bool is_stalled);
/* What the node sends goes one after the other, at so many bytes a second; what has to wait for
 * that waits at the node. 0: no bound. */
void hy_pair_slow(hy_pair_t *p, uint32_t bytes_per_s);
/* The channel breaks; both ends are told. While unplugged no new one comes to stand. */
void hy_pair_break(hy_pair_t *p);
/* The same, and the node ends the session at once, as after its grace. */
void hy_pair_end(hy_pair_t *p);
void hy_pair_unplug(hy_pair_t *p, bool is_unplugged);

#endif
