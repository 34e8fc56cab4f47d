/* Inside of the bus, shared by its files:
 *
 *      bus.c         the turn: where a message goes
 *      queue.c       ring of messages that wait
 *      table.c       hash table of records that embed their link
 *      topic.c       listeners by URL, and calling them
 *      request.c     pending requests, their deadlines, late answers
 *      recall.c      answers given, and the way back of requests that came in
 *      intercept.c   interceptors and the messages they hold
 *      uplink.c      ways out, by domain
 *      port.c        sending with a sender check
 *
 * A message under way has an origin: the uplink it came in by, NULL if it was sent here. */
#ifndef HY_BUS_PRIVATE_H
#define HY_BUS_PRIVATE_H

#include "../base/list.h"
#include "bus.h"

/* --- table.c ---------------------------------------------------------------------------------- */

/* Embedded in a record, first. */
typedef struct hy__entry {
    struct hy__entry *next;
    uint32_t hash;
} hy__entry_t;

typedef struct {
    hy__entry_t **slots;
    uint32_t mask, count;
} hy__table_t;

/* After this, adding cannot fail. False when out of memory. */
bool hy__table_reserve(hy__table_t *t);
/* False when out of memory; can only be so for the first record. */
bool hy__table_add(hy__table_t *t, hy__entry_t *e, uint32_t hash);
void hy__table_remove(hy__table_t *t, hy__entry_t *e);
/* A record, taken out; NULL if none is left. For taking a bus down: *slot starts at 0 and says
 * where to go on; nothing is added meanwhile. */
hy__entry_t *hy__table_take(hy__table_t *t, uint32_t *slot);
void hy__table_deinit(hy__table_t *t);

/* First record of that slot; go on with ->next and compare the hash. */
static inline hy__entry_t *hy__table_first(const hy__table_t *t, uint32_t hash) {
    return t->count ? t->slots[hash & t->mask] : NULL;
}

/* Mixes two hashes; order matters. */
static inline uint32_t hy__hash_pair(uint32_t a, uint32_t b) {
    return (uint32_t)(((a * UINT64_C(0x9e3779b97f4a7c15)) ^ b) * UINT64_C(0xd6e8feb86659fd93) >>
                      32);
}

/* --- queue.c ---------------------------------------------------------------------------------- */

typedef struct {
    hy_msg_t *m;         /* one reference */
    hy_uplink_t *origin; /* one reference, or NULL */
} hy__slot_t;

typedef struct {
    hy__slot_t *slots;
    uint32_t head, count, room;
    size_t bytes; /* of the messages */
} hy__queue_t;

/* Takes over the slot's references on success. */
int hy__queue_push(hy__queue_t *q, hy__slot_t slot);
/* Of a queue that is not empty; the references go to the caller. */
hy__slot_t hy__queue_pop(hy__queue_t *q);
/* Drops what is in it. */
void hy__queue_deinit(hy__queue_t *q);
void hy__slot_drop(hy__slot_t slot);

/* --- the bus ---------------------------------------------------------------------------------- */

typedef struct hy__topic hy__topic_t;

typedef struct {
    uint32_t count;
    size_t bytes;
} hy__load_t;

struct hy_bus {
    hy_bus_config_t config;
    hy__queue_t queue;
    hy__table_t topics;   /* hy__topic_t by URL */
    hy__table_t requests; /* hy_request_t by id */
    hy__table_t recalls;  /* recall_t by (from, to, id) */
    hy__table_t lanes;    /* hy_hold_t by (from, to) */
    hy__table_t uplinks;  /* hy_uplink_t by domain */
    hy_uplink_t *uplink_default;
    const hy_door_t *door; /* NULL: none */
    void *door_arg;

    hy__topic_t *walked; /* whose listeners are being called */
    hy_link_t *cursor;   /* the next of them */
    uint64_t births;     /* of listeners, counted */

    hy_link_t late_requests; /* by age */
    hy_link_t recalls_by_age;
    size_t recalls_bytes;
    hy_link_t interceptors;      /* by order */
    uint64_t interceptors_count; /* ever added */
    bool interceptors_closed;    /* some wait for the end of the turn */
    hy_link_t lanes_held, lanes_ready;
    hy__load_t held, waiting; /* messages held; messages behind them */
    hy_hold_t *spare;

    hy_msg_t *farewell; /* what answers a request at the end if there is no memory for more */
    int64_t next_id;
    hy_bus_stats_t stats; /* counters only; the present figures are filled in when asked */
    bool turning;
    bool is_ending; /* no new requests */
};

/* --- bus.c ------------------------------------------------------------------------------------ */

int hy__bus_queue(hy_bus_t *bus, hy_msg_t *m, hy_uplink_t *origin);
/* False, and counted, if a bound of the queue keeps that message out. */
bool hy__bus_admits(hy_bus_t *bus, hy_msg_t *m);
/* Calls config.wake if there was nothing to do before (`was_idle`) and no turn is running. */
bool hy__bus_is_idle(const hy_bus_t *bus);
void hy__bus_wake(hy_bus_t *bus, bool was_idle);
/* After interception. */
void hy__bus_deliver(hy_bus_t *bus, hy_msg_t *m, hy_uplink_t *origin);
/* Answers a request with that failure; nothing for responses and what has no id. */
void hy__bus_refuse(hy_bus_t *bus, const hy_msg_t *m, const hy_error_t *why);

/* --- topic.c ---------------------------------------------------------------------------------- */

struct hy__topic {
    hy__entry_t entry;
    hy_str_t *url;
    hy_link_t listeners; /* never empty, but while walked */
    /* Told from the URL once, so that nothing is parsed per message. */
    bool is_published;
    uint32_t collections_len, collections_hash; /* see hy_address_collections */
};

hy__topic_t *hy__topic_find(const hy_bus_t *bus, const char *url, size_t len, uint32_t hash);
/* Calls the listeners; those added meanwhile are left out. The topic may be gone afterwards. */
void hy__topic_walk(hy_bus_t *bus, hy__topic_t *topic, hy_msg_t *m);
void hy__topics_free(hy_bus_t *bus);

/* --- request.c -------------------------------------------------------------------------------- */

/* True if the response belonged to a request, waiting or late: then it has been handed over. */
bool hy__request_answer(hy_bus_t *bus, hy_msg_t *response);
/* Made ahead, as the end must not fail; HY_ENOMEM. */
int hy__requests_init(hy_bus_t *bus);
void hy__requests_free(hy_bus_t *bus);

/* --- recall.c --------------------------------------------------------------------------------- */

/* A request is about to be delivered here. False if it was before: then it is not to be delivered
 * again, and its answer, if there is one by now, has been queued again (not that of a subscribe).
 */
bool hy__recall_request(hy_bus_t *bus, const hy_msg_t *m);
/* A request came in by an uplink that its `from` alone would not lead back to. */
void hy__recall_way(hy_bus_t *bus, const hy_msg_t *m, hy_uplink_t *origin);
/* A response passes: kept if its request is remembered. Gives the uplink that its request came in
 * by, if that is remembered; lent. */
hy_uplink_t *hy__recall_response(hy_bus_t *bus, hy_msg_t *response);
/* That uplink is no way back any more. */
void hy__recalls_forget(hy_bus_t *bus, const hy_uplink_t *u);
void hy__recalls_free(hy_bus_t *bus);

/* --- intercept.c ------------------------------------------------------------------------------ */

/* Without interceptors the functions below need not be asked about a message of the queue: nobody
 * holds any, and ready lanes have gone before. */
static inline bool hy__intercepts(const hy_bus_t *bus) {
    return !hy_list_is_empty(&bus->interceptors);
}
/* Runs a message through the interceptors to its delivery; takes over the slot. */
void hy__intercept(hy_bus_t *bus, hy__slot_t slot);
/* Goes on with one message whose hold was released; false if there is none. */
bool hy__intercept_ready(hy_bus_t *bus);
void hy__interceptors_sweep(hy_bus_t *bus);
void hy__interceptors_free(hy_bus_t *bus);

/* --- uplink.c --------------------------------------------------------------------------------- */

struct hy_uplink {
    hy__entry_t entry;
    uint32_t refs; /* the owner's, one per message under way, one per way back */
    hy_bus_t *bus; /* NULL once closed */
    hy_str_t *domain;
    hy_uplink_cb cb;
    void *arg;
    hy_node_t *users; /* hy_uplink_set_users */
};

static inline hy_uplink_t *hy__uplink_ref(hy_uplink_t *u) {
    if (u) u->refs++;
    return u;
}
void hy__uplink_unref(hy_uplink_t *u); /* NULL allowed */
/* The way out to an address, lent; NULL if there is none. */
hy_uplink_t *hy__uplink_find(const hy_bus_t *bus, const hy_str_t *url);
/* Hands out; a request that is refused is answered. */
void hy__uplink_send(hy_uplink_t *u, hy_msg_t *m);
void hy__uplinks_free(hy_bus_t *bus);

#endif
