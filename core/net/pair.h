/* An in-process connection between a runtime's bus and a message node, with faults.
 *
 * With `network` NULL messages are handed over as they are, at once: a runtime with its node
 * embedded. With a network they travel as text on its virtual clock, each way of each pair of
 * runtimes with a delay of its own (in order within a pair, so that different pairs overtake each
 * other), and may be lost, repeated or cut off. */
#ifndef HY_NET_PAIR_H
#define HY_NET_PAIR_H

#include "../bus/bus.h"
#include "../node/node.h"

typedef struct hy_network hy_network_t;
typedef struct {
    uint32_t delay_min_ms, delay_max_ms; /* drawn for each message */
    double loss, repeat;                 /* chance per message, 0 to 1 */
} hy_network_faults_t;

/* Draws from its own seeded source; the clock outlives the network. */
int hy_network_new(hy_clock_t *clock, uint64_t seed, const hy_network_faults_t *faults,
                   hy_network_t **out);
/* All pairs are closed. */
void hy_network_free(hy_network_t *n);
void hy_network_set_faults(hy_network_t *n, const hy_network_faults_t *faults);
/* Messages under way. */
size_t hy_network_in_flight(const hy_network_t *n);

typedef struct hy_pair hy_pair_t;
/* Opens a session for `runtime` (its RuntimeURL) at the node and an uplink on the bus for `domain`
 * (NULL: all). */
int hy_pair_open(hy_bus_t *bus, hy_node_server_t *node, hy_str_t *runtime, const char *domain,
                 hy_network_t *network, hy_pair_t **out);
/* Ends the session; what is under way is dropped. */
void hy_pair_close(hy_pair_t *p);
/* While cut, what is sent in that direction is lost. */
void hy_pair_cut(hy_pair_t *p, bool up, bool down);

#endif
