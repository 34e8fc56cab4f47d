/* What the node has done and holds, as text for Prometheus.
 *
 *      # HELP name what it is
 *      # TYPE name counter|gauge
 *      name{label="…"} number
 *
 * All but the memory of sessions are the numbers of hy_node_stats_t, kept as things happen; that is
 * summed here, a step for each session, so that nothing is counted on the way of a message. */
#include "internal.h"

#include "entries.h"

#include <inttypes.h>

/* name, type, what it is, number */
#define METRIC_MAP(X)                                                                              \
    X(connections, gauge, "Connections, with and without session.", s->peers)                      \
    X(sessions, gauge, "Sessions, with and without connection.", s->sessions)                      \
    X(routes, gauge, "Resources that sessions subscribe.", s->routes)                              \
    X(objects, gauge, "Data objects of which something is subscribed.", s->objects)                \
    X(claims, gauge, "Addresses that sessions hold until they end.", s->claims)                    \
    X(allocated_addresses, gauge, "Addresses allocated and not given back.", s->allocated)         \
    X(registry_entries, gauge, "Entries of the domain registry.", s->entries)                      \
    X(registry_bytes, gauge, "Memory of the domain registry.", n->registry->bytes)                 \
    X(registry_watches, gauge, "Who wants to be told of entries.", s->watches)                     \
    X(registry_events_total, counter, "What they were told.", s->watch_events)                     \
    X(registry_losses_total, counter, "How often one did not keep up.", s->watch_losses)           \
    X(messages_received_total, counter, "Messages from sessions.", s->received)                    \
    X(messages_delivered_total, counter, "Messages to sessions, each counted.", s->delivered)      \
    X(messages_sent_total, counter, "Messages and notices taken by connections.", s->sent)         \
    X(notices_total, counter, "Notices of loss to slow readers.", s->notices)                      \
    X(refused_total, counter, "Messages refused to their sender.", s->refused)                     \
    X(rate_refused_total, counter, "Those refused for being too many.", s->rate_refused)           \
    X(slow_refused_total, counter, "Those whose receiver does not keep up.", s->queue_refused)     \
    X(slow_closed_total, counter, "Connections closed for not reading.", s->queue_closed)          \
    X(undeliverable_total, counter, "Messages to where nobody is.", s->undeliverable)              \
    X(malformed_total, counter, "What came in and was no message.", s->malformed)                  \
    X(queue_messages, gauge, "Messages that wait for connections.", s->queued)                     \
    X(queue_bytes, gauge, "Their memory, each queue counted.", s->queued_bytes)                    \
    X(store_waiting_messages, gauge, "Answers that wait for the store.", s->waiting)               \
    X(store_waiting_bytes, gauge, "Their memory.", s->waiting_bytes)                               \
    X(store_refused_total, counter, "Requests refused for want of room there.", s->store_refused)  \
    X(catalogue_reads_total, counter, "Reads of schemas in the catalogue.", s->catalogue_reads)    \
    X(session_memory_bytes, gauge, "Memory held for sessions, without queues.", held.all)          \
    X(session_memory_largest_bytes, gauge, "The same for the largest session.", held.largest)

/* cause, number */
#define DROP_MAP(X)                                                                                \
    X("slow_reader", s->lost)                                                                      \
    X("rate", s->rate_dropped)                                                                     \
    X("expelled", s->expelled)                                                                     \
    X("outdated", s->outdated)                                                                     \
    X("session_ended", s->ended)                                                                   \
    X("full", s->full)

/* of what, number */
#define RATE_MAP(X)                                                                                \
    X("messages", n->limits.messages_per_s)                                                        \
    X("bytes", n->limits.bytes_per_s)                                                              \
    X("allocations", n->limits.allocations_per_s)

typedef struct {
    size_t all, largest;
} held_t;

static held_t measure(const hy_node_server_t *n) {
    held_t held = {0, 0};
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&n->owners, &pos));) {
        const hy__owner_t *o = slot->item;
        size_t bytes = o->session ? hy__session_bytes(o->session) : 0;
        held.all += bytes;
        if (bytes > held.largest) held.largest = bytes;
    }
    return held;
}

static void head(hy_buf_t *b, const char *name, const char *type, const char *help) {
    hy_buf_format(b, "# HELP hyperty_%s %s\n# TYPE hyperty_%s %s\n", name, help, name, type);
}

void hy_node_server_metrics(const hy_node_server_t *n, hy_buf_t *b) {
    const hy_node_stats_t stats = hy_node_server_stats(n), *s = &stats;
    const held_t held = measure(n);
#define X(name, type, help, number)                                                                \
    head(b, #name, #type, help);                                                                   \
    hy_buf_format(b, "hyperty_%s %" PRIu64 "\n", #name, (uint64_t)(number));
    METRIC_MAP(X)
#undef X
    head(b, "dropped_total", "counter", "Messages dropped, by cause.");
#define X(cause, number)                                                                           \
    hy_buf_format(b, "hyperty_dropped_total{cause=\"%s\"} %" PRIu64 "\n", cause,                   \
                  (uint64_t)(number));
    DROP_MAP(X)
#undef X
    hy__bounds_metrics(n, b);
    head(b, "rate_bound", "gauge", "What a session may send in a second; 0: as much as it likes.");
#define X(label, number)                                                                           \
    hy_buf_format(b, "hyperty_rate_bound{of=\"%s\"} %" PRIu64 "\n", label, (uint64_t)(number));
    RATE_MAP(X)
#undef X
}
