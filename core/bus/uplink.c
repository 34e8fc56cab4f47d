/* Ways out of the runtime, by domain. An uplink is counted: its owner's reference ends with the
 * closing, but messages that came in by it may still be queued or held, and must then still count
 * as having come from outside. So the memory goes with the last of them. */
#include <assert.h>

#include "../base/mem.h"
#include "bus_private.h"

static hy_uplink_t *find(const hy_bus_t *bus, const char *domain, size_t len) {
    uint32_t hash = hy_hash(domain, len);
    for (hy__entry_t *e = hy__table_first(&bus->uplinks, hash); e; e = e->next) {
        hy_uplink_t *u = (hy_uplink_t *)e;
        if (e->hash == hash && u->domain->len == len && memcmp(u->domain->bytes, domain, len) == 0)
            return u;
    }
    return NULL;
}

hy_uplink_t *hy__uplink_find(const hy_bus_t *bus, const hy_str_t *url) {
    if (bus->uplinks.count == 0) return bus->uplink_default;
    hy_span_t domain = hy_address_home(url);
    hy_uplink_t *u = find(bus, domain.bytes, domain.len);
    return u ? u : bus->uplink_default;
}

int hy_bus_uplink(hy_bus_t *bus, const char *domain, hy_uplink_cb cb, void *arg,
                  hy_uplink_t **out) {
    if (domain ? find(bus, domain, strlen(domain)) != NULL : bus->uplink_default != NULL)
        return HY_ECONFLICT;
    hy_uplink_t *u = hy_alloc(sizeof *u);
    if (!u) return HY_ENOMEM;
    *u = (hy_uplink_t){.refs = 1, .bus = bus, .cb = cb, .arg = arg};
    if (domain) {
        u->domain = hy_str_from(domain);
        if (!u->domain || !hy__table_add(&bus->uplinks, &u->entry, hy_str_hash(u->domain))) {
            hy_str_unref(u->domain);
            hy_free(u);
            return HY_ENOMEM;
        }
    } else {
        bus->uplink_default = u;
    }
    *out = u;
    return 0;
}

void hy__uplink_unref(hy_uplink_t *u) {
    if (!u || --u->refs > 0) return;
    if (u->users) hy_node_unref(u->users);
    hy_str_unref(u->domain);
    hy_free(u);
}

void hy_uplink_close(hy_uplink_t *u) {
    if (!u) return;
    hy_bus_t *bus = u->bus;
    if (u->domain)
        hy__table_remove(&bus->uplinks, &u->entry);
    else
        bus->uplink_default = NULL;
    u->bus = NULL;
    hy__recalls_forget(bus, u);
    hy__uplink_unref(u);
}

void hy_bus_set_door(hy_bus_t *bus, const hy_door_t *door, void *arg) {
    bus->door = door;
    bus->door_arg = arg;
}

void hy_uplink_set_users(hy_uplink_t *u, hy_node_t *users) {
    if (users) hy_node_ref(users);
    if (u->users) hy_node_unref(u->users);
    u->users = users;
}

bool hy_bus_vouches(const hy_bus_t *bus, const hy_str_t *to, const hy_str_t *user) {
    const hy_uplink_t *u = hy__uplink_find(bus, to);
    for (size_t i = 0; u && u->users && i < hy_node_count(u->users); i++) {
        hy_value_t known = hy_node_at(u->users, i);
        if (known.kind == HY_STR && hy_str_equal(known.as.s, user)) return true;
    }
    return false;
}

static void took(hy_uplink_t *u, const hy_msg_t *m) {
    hy_bus_t *bus = u->bus;
    bool is_request = hy_msg_has_id(m) && m->type != HY_MSG_RESPONSE;
    bus->stats.received++;
    if (is_request && bus->uplinks.count > 0 && hy__uplink_find(bus, m->from) != u)
        hy__recall_way(bus, m, u);
}

static int receive(hy_uplink_t *u, hy_msg_t *m) {
    int code = hy__bus_queue(u->bus, m, u);
    if (code == 0) took(u, m);
    return code;
}

/* What passes the door is remembered there, so that it must not fail behind it for want of room. */
int hy_uplink_receive(hy_uplink_t *u, hy_msg_t *m) {
    hy_bus_t *bus = u->bus;
    /* A node answers for its own domain, not for what passes another one. */
    m->is_vouched = u->users && hy__uplink_find(bus, m->to) == u;
    if (!bus->door) return receive(u, m);
    if (!hy__bus_admits(bus, m)) return HY_EFULL;
    hy_msg_t *in = hy_msg_ref(m);
    int code = bus->door->enters(bus->door_arg, &in);
    if (code == 0) code = receive(u, in);
    if (code > 0) took(u, m); /* it may have been answered there */
    hy_msg_unref(in);
    return code < 0 ? code : 0;
}

/* What goes instead of an answer that does not fit into a message, so that the asker need not wait
 * for its deadline. NULL when out of memory. */
static hy_msg_t *too_large_answer(const hy_msg_t *m) {
    hy_value_t id;
    hy_node_t *body = hy_node_new(HY_OBJECT);
    int rc = body ? hy_put(body, "code", hy_int(413)) : HY_ENOMEM;
    if (rc == 0) rc = hy_put(body, "desc", hy_text("the answer does not fit into one message"));
    if (rc == 0) rc = hy_value_copy(m->id, &id);
    if (rc == 0) return hy_msg_new(HY_MSG_RESPONSE, id, m->from, m->to, hy_node_value(body));
    if (body) hy_node_unref(body);
    return NULL;
}

/* Positive: it stays in. Should what goes before not get through, that is as if it were lost on its
 * way. */
static int hand_out(hy_uplink_t *u, hy_msg_t *m, hy_error_t *why) {
    hy_bus_t *bus = u->bus;
    if (!bus->door) return u->cb(u->arg, m);
    hy_msg_t *before = NULL;
    hy_msg_ref(m);
    int code = bus->door->leaves(bus->door_arg, &m, &before, why);
    if (code == 0 && before) u->cb(u->arg, before);
    if (code == 0) code = u->bus ? u->cb(u->arg, m) : HY_ECLOSED;
    hy_msg_unref(before);
    hy_msg_unref(m);
    return code;
}

void hy__uplink_send(hy_uplink_t *u, hy_msg_t *m) {
    hy_bus_t *bus = u->bus;
    hy_error_t why = {.text = ""};
    hy__uplink_ref(u); /* the callback may close it */
    int code = hand_out(u, m, &why);
    if (code == HY_ETOO_LARGE && m->type == HY_MSG_RESPONSE) {
        hy_msg_t *instead = too_large_answer(m);
        if (instead) hand_out(u, instead, NULL);
        hy_msg_unref(instead);
    }
    hy__uplink_unref(u);
    if (code >= 0) {
        if (code == 0) bus->stats.uplinked++;
        return;
    }
    bus->stats.refused++;
    if (!why.text[0]) hy_fail(&why, code, "%s: %s", hy_error_text(code), m->to->bytes);
    hy__bus_refuse(bus, m, &why);
}

void hy__uplinks_free(hy_bus_t *bus) {
    uint32_t slot = 0;
    for (hy_uplink_t *u; (u = (hy_uplink_t *)hy__table_take(&bus->uplinks, &slot));)
        hy__uplink_unref(u);
    hy__uplink_unref(bus->uplink_default);
    hy__table_deinit(&bus->uplinks);
}
