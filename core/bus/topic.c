/* Listeners by URL, and calling them.
 *
 *      topics: URL ──► topic ──► listener ⇄ listener ⇄ …      in the order they were added
 *
 * A topic is made with its first listener and goes with its last; it remembers whether its URL is
 * one that is published to, so that nothing is parsed per message. One topic is walked at a time (a
 * turn is never re-entered): the bus keeps the next listener to call in `cursor`, and closing that
 * one moves the cursor on. So a callback may close any listener and its memory goes at once. Who is
 * added during a walk was born after its start and is left out. */
#include <assert.h>

#include "../base/mem.h"
#include "bus_private.h"

struct hy_listener {
    hy_link_t link;
    hy_bus_t *bus;
    hy__topic_t *topic;
    uint64_t birth;
    hy_listen_cb cb;
    void *arg;
};

hy__topic_t *hy__topic_find(const hy_bus_t *bus, const char *url, size_t len, uint32_t hash) {
    for (hy__entry_t *e = hy__table_first(&bus->topics, hash); e; e = e->next) {
        hy__topic_t *topic = (hy__topic_t *)e;
        if (e->hash != hash || topic->url->len != len) continue;
        if (topic->url->bytes == url || memcmp(topic->url->bytes, url, len) == 0) return topic;
    }
    return NULL;
}

static hy__topic_t *topic_new(hy_bus_t *bus, hy_str_t *url) {
    hy__topic_t *topic = hy_alloc(sizeof *topic);
    if (!topic) return NULL;
    *topic = (hy__topic_t){.is_published = hy_address_is_published(url)};
    hy_span_t all = hy_address_collections(url);
    topic->collections_len = (uint32_t)all.len;
    topic->collections_hash = hy_hash(all.bytes, all.len);
    if (!hy__table_add(&bus->topics, &topic->entry, hy_str_hash(url))) {
        hy_free(topic);
        return NULL;
    }
    topic->url = hy_str_ref(url);
    hy_link_init(&topic->listeners);
    return topic;
}

static void topic_free_if_empty(hy_bus_t *bus, hy__topic_t *topic) {
    if (!hy_list_is_empty(&topic->listeners) || bus->walked == topic) return;
    hy__table_remove(&bus->topics, &topic->entry);
    hy_str_unref(topic->url);
    hy_free(topic);
}

int hy_bus_listen(hy_bus_t *bus, hy_str_t *url, hy_listen_cb cb, void *arg, hy_listener_t **out) {
    hy_listener_t *l = hy_alloc(sizeof *l);
    hy__topic_t *topic = hy__topic_find(bus, url->bytes, url->len, hy_str_hash(url));
    if (l && !topic) topic = topic_new(bus, url);
    if (!l || !topic) {
        hy_free(l);
        return HY_ENOMEM;
    }
    *l = (hy_listener_t){.bus = bus, .topic = topic, .birth = ++bus->births, .cb = cb, .arg = arg};
    hy_list_append(&topic->listeners, &l->link);
    bus->stats.listeners++;
    *out = l;
    return 0;
}

void hy_listener_close(hy_listener_t *l) {
    if (!l) return;
    hy_bus_t *bus = l->bus;
    if (bus->cursor == &l->link) bus->cursor = l->link.next;
    hy_list_remove(&l->link);
    bus->stats.listeners--;
    topic_free_if_empty(bus, l->topic);
    hy_free(l);
}

void hy__topic_walk(hy_bus_t *bus, hy__topic_t *topic, hy_msg_t *m) {
    assert(!bus->walked);
    uint64_t births = bus->births;
    bus->walked = topic;
    bus->cursor = topic->listeners.next;
    while (bus->cursor != &topic->listeners) {
        hy_listener_t *l = hy_link_owner(bus->cursor, hy_listener_t, link);
        if (l->birth > births) break; /* and so are all after it */
        bus->cursor = l->link.next;
        bus->stats.delivered++;
        l->cb(l->arg, m);
    }
    bus->walked = NULL;
    bus->cursor = NULL;
    topic_free_if_empty(bus, topic);
}

void hy__topics_free(hy_bus_t *bus) {
    uint32_t slot = 0;
    for (hy__topic_t *topic; (topic = (hy__topic_t *)hy__table_take(&bus->topics, &slot));) {
        while (!hy_list_is_empty(&topic->listeners)) {
            hy_link_t *link = topic->listeners.next;
            hy_list_remove(link);
            hy_free(hy_link_owner(link, hy_listener_t, link));
        }
        hy_str_unref(topic->url);
        hy_free(topic);
    }
    hy__table_deinit(&bus->topics);
}
