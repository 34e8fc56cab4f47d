/* The bus itself: the queue, the turn, and where a message goes (drawn in bus.h). The parts that it
 * asks are listed in bus_private.h. A turn is the only place where callbacks run, but for the 408
 * of a request, which its timer brings. */
#include <assert.h>

#include "../base/mem.h"
#include "bus_private.h"

#define WHO "bus"

/* --- life ------------------------------------------------------------------------------------- */

int hy_bus_new(const hy_bus_config_t *config, hy_bus_t **out) {
    assert(config->clock && config->random);
    hy_bus_t *bus = hy_alloc_zero(sizeof *bus);
    if (!bus) return HY_ENOMEM;
    bus->config = *config;
    if (!bus->config.queue_messages_max) bus->config.queue_messages_max = HY_BUS_QUEUE_MESSAGES_MAX;
    if (!bus->config.queue_bytes_max) bus->config.queue_bytes_max = HY_BUS_QUEUE_BYTES_MAX;
    hy_link_init(&bus->late_requests);
    hy_link_init(&bus->recalls_by_age);
    hy_link_init(&bus->interceptors);
    hy_link_init(&bus->lanes_held);
    hy_link_init(&bus->lanes_ready);
    if (hy__requests_init(bus) < 0) {
        hy_free(bus);
        return HY_ENOMEM;
    }
    bus->next_id = 1 + (int64_t)hy_random_below(config->random, (UINT64_C(1) << 52) - 1);
    *out = bus;
    return 0;
}

void hy_bus_free(hy_bus_t *bus) {
    if (!bus) return;
    assert(!bus->turning);
    hy__queue_deinit(&bus->queue);
    hy__interceptors_free(bus);
    hy__requests_free(bus);
    hy__recalls_free(bus);
    hy__topics_free(bus);
    hy__uplinks_free(bus); /* the last that messages refer to */
    hy_free(bus);
}

hy_bus_stats_t hy_bus_stats(const hy_bus_t *bus) {
    hy_bus_stats_t stats = bus->stats;
    stats.queued = bus->queue.count;
    stats.queued_bytes = (uint32_t)bus->queue.bytes;
    stats.held = bus->held.count + bus->waiting.count;
    stats.requests = bus->requests.count;
    return stats;
}

hy_clock_t *hy_bus_clock(const hy_bus_t *bus) {
    return bus->config.clock;
}
hy_random_t *hy_bus_random(const hy_bus_t *bus) {
    return bus->config.random;
}
const hy_log_t *hy_bus_log(const hy_bus_t *bus) {
    return bus->config.log;
}
int64_t hy_bus_next_id(hy_bus_t *bus) {
    return bus->next_id++;
}

/* --- sending ---------------------------------------------------------------------------------- */

bool hy__bus_is_idle(const hy_bus_t *bus) {
    return bus->queue.count == 0 && hy_list_is_empty(&bus->lanes_ready);
}

void hy__bus_wake(hy_bus_t *bus, bool was_idle) {
    if (was_idle && !bus->turning && bus->config.wake) bus->config.wake(bus->config.wake_arg);
}

bool hy__bus_admits(hy_bus_t *bus, hy_msg_t *m) {
    size_t times = m->type == HY_MSG_RESPONSE ? 2 : 1;
    if (bus->queue.count < times * bus->config.queue_messages_max &&
        bus->queue.bytes + hy_msg_bytes(m) <= times * bus->config.queue_bytes_max)
        return true;
    bus->stats.full++;
    return false;
}

int hy__bus_queue(hy_bus_t *bus, hy_msg_t *m, hy_uplink_t *origin) {
    if (!hy__bus_admits(bus, m)) return HY_EFULL;
    bool was_idle = hy__bus_is_idle(bus);
    int code = hy__queue_push(&bus->queue, (hy__slot_t){m, origin});
    if (code < 0) return code;
    hy_msg_ref(m);
    hy__uplink_ref(origin);
    hy__bus_wake(bus, was_idle);
    return 0;
}

int hy_bus_send(hy_bus_t *bus, hy_msg_t *m) {
    int code = hy__bus_queue(bus, m, NULL);
    if (code == 0) bus->stats.sent++;
    return code;
}

bool hy_bus_has_room(const hy_bus_t *bus) {
    return bus->queue.count < bus->config.queue_messages_max &&
           bus->queue.bytes < bus->config.queue_bytes_max;
}

void hy__bus_refuse(hy_bus_t *bus, const hy_msg_t *m, const hy_error_t *why) {
    hy_log(bus->config.log, HY_LOG_DEBUG, WHO, "%s from %s: %s", hy_msg_type_text(m->type),
           m->from->bytes, why->text);
    if (!hy_msg_has_id(m) || m->type == HY_MSG_RESPONSE) return;
    hy_msg_t *answer = hy_msg_response(m, NULL, hy_error_http(why->code), why->text, hy_absent());
    /* Without memory or room the requester's own deadline does the rest. */
    if (answer) hy__bus_queue(bus, answer, NULL);
    hy_msg_unref(answer);
}

/* --- where a message goes --------------------------------------------------------------------- */

static hy__topic_t *topic_of(const hy_bus_t *bus, hy_str_t *url) {
    return hy__topic_find(bus, url->bytes, url->len, hy_str_hash(url));
}

static void deliver_response(hy_bus_t *bus, hy_msg_t *m, hy_uplink_t *origin) {
    hy_uplink_t *up = hy__recall_response(bus, m);
    if (hy__request_answer(bus, m)) return;
    hy__topic_t *topic = topic_of(bus, m->to);
    if (topic) {
        hy__topic_walk(bus, topic, m);
        return;
    }
    if (!up) up = hy__uplink_find(bus, m->to);
    if (!origin && up) {
        hy__uplink_send(up, m);
        return;
    }
    bus->stats.dropped++;
    hy_log(bus->config.log, HY_LOG_DEBUG, WHO, "response to %s dropped: nobody waits for it",
           m->to->bytes);
}

static void publish(hy_bus_t *bus, hy__topic_t *topic, hy_msg_t *m, hy_uplink_t *origin) {
    bus->stats.published++;
    const char *url = m->to->bytes;
    size_t len;
    uint32_t hash = 0;
    if (topic) {
        len = topic->collections_len;
        hash = topic->collections_hash;
        hy__topic_walk(bus, topic, m); /* the topic may be gone afterwards */
    } else {
        len = hy_address_collections(m->to).len;
        if (len > 0) hash = hy_hash(url, len);
    }
    topic = len > 0 ? hy__topic_find(bus, url, len, hash) : NULL;
    if (topic) hy__topic_walk(bus, topic, m);
    hy_uplink_t *up = origin ? NULL : hy__uplink_find(bus, m->to);
    if (up) hy__uplink_send(up, m);
}

/* A subscription that comes twice must not be decided twice either: its sender heeds one answer. */
static bool is_once(const hy_msg_t *m) {
    bool is_of_type =
        m->type == HY_MSG_EXECUTE || m->type == HY_MSG_CREATE || m->type == HY_MSG_SUBSCRIBE;
    return is_of_type && hy_msg_has_id(m);
}

void hy__bus_deliver(hy_bus_t *bus, hy_msg_t *m, hy_uplink_t *origin) {
    if (m->type == HY_MSG_RESPONSE) {
        deliver_response(bus, m, origin);
        return;
    }
    hy__topic_t *topic = topic_of(bus, m->to);
    if (topic ? topic->is_published : hy_address_is_published(m->to)) {
        publish(bus, topic, m, origin);
        return;
    }
    if (topic) {
        if (is_once(m) && !hy__recall_request(bus, m))
            bus->stats.dropped++;
        else
            hy__topic_walk(bus, topic, m);
        return;
    }
    hy_uplink_t *up = origin ? NULL : hy__uplink_find(bus, m->to);
    if (up) {
        hy__uplink_send(up, m);
        return;
    }
    bus->stats.undeliverable++;
    hy_error_t why;
    hy_fail(&why, HY_ENOT_FOUND, "nobody at %s", m->to->bytes);
    hy__bus_refuse(bus, m, &why);
}

/* --- the turn --------------------------------------------------------------------------------- */

/* What came in by an uplink ends here, so its body is going to be read: the time to see what the
 * parser of the header could not. A response is left to its request, which then counts a 500. */
static bool is_malformed(hy_bus_t *bus, hy__slot_t slot) {
    if (!slot.origin || slot.m->type == HY_MSG_RESPONSE || !hy_msg_is_parsed(slot.m)) return false;
    hy_error_t why;
    if (hy_msg_check_body(slot.m, &why) == 0) return false;
    bus->stats.refused++;
    hy__bus_refuse(bus, slot.m, &why);
    return true;
}

static void step(hy_bus_t *bus) {
    if (hy__intercept_ready(bus)) return;
    hy__slot_t slot = hy__queue_pop(&bus->queue);
    if (is_malformed(bus, slot)) {
        hy__slot_drop(slot);
        return;
    }
    if (hy__intercepts(bus)) {
        hy__intercept(bus, slot);
        return;
    }
    hy__bus_deliver(bus, slot.m, slot.origin);
    hy__slot_drop(slot);
}

bool hy_bus_turn(hy_bus_t *bus, uint32_t messages) {
    assert(!bus->turning);
    bus->turning = true;
    for (; messages > 0 && !hy__bus_is_idle(bus); messages--)
        step(bus);
    bus->turning = false;
    hy__interceptors_sweep(bus);
    return !hy__bus_is_idle(bus);
}
