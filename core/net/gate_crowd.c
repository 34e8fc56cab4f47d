/* The crowd before a gate: what each address has and does, so that none takes the room of all.
 *
 *      address ──► visitor: connections, how many it may begin and open yet
 *                    └── the last one ends ──► left ── HY_GATE_FORGET_MS ──► forgotten
 *
 * An address of IPv6 is its first 64 bits, as many as one customer gets; one of IPv4 that comes as
 * one of IPv6 is what it is. Unix sockets have none: who may use one is said by its file.
 *
 * Each step costs one look-up. There are as many visitors as addresses with a connection, and
 * HY_GATE_LEFT_MAX who left a moment ago: what one may begin in a second is whole again when it is
 * forgotten, so nothing is gained by leaving; beyond that the first of them is forgotten early. */
#include "gate_private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "../base/mem.h"

#define V4_BYTES 4u
#define V6_BYTES 8u /* that count */

typedef struct {
    hy_str_t *key;
    hy__visitor_t *visitor;
} place_t;

/* --- addresses -------------------------------------------------------------------------------- */

/* What tells one from another; 0: nothing does. */
static size_t network_of(const hy_endpoint_t *e, char out[V6_BYTES]) {
    if (e->address.ss_family == AF_INET) {
        memcpy(out, &((const struct sockaddr_in *)&e->address)->sin_addr, V4_BYTES);
        return V4_BYTES;
    }
    if (e->address.ss_family != AF_INET6) return 0;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&e->address)->sin6_addr;
    bool is_v4 = IN6_IS_ADDR_V4MAPPED(v6);
    memcpy(out, v6->s6_addr + (is_v4 ? 12 : 0), is_v4 ? V4_BYTES : V6_BYTES);
    return is_v4 ? V4_BYTES : V6_BYTES;
}

static void text_of(const hy__visitor_t *v, char text[HY_GATE_NETWORK_TEXT_BYTES]) {
    struct in6_addr v6 = {0};
    if (v->key->len == V4_BYTES) {
        inet_ntop(AF_INET, v->key->bytes, text, HY_GATE_NETWORK_TEXT_BYTES);
        return;
    }
    memcpy(v6.s6_addr, v->key->bytes, V6_BYTES);
    inet_ntop(AF_INET6, &v6, text, HY_GATE_NETWORK_TEXT_BYTES);
    strncat(text, "/64", HY_GATE_NETWORK_TEXT_BYTES - strlen(text) - 1);
}

/* --- visitors --------------------------------------------------------------------------------- */

static void stay(hy__visitor_t *v) {
    v->crowd->left_count -= v->has_left;
    v->has_left = false;
    hy_due_remove(&v->left);
}

static void forget(hy__visitor_t *v) {
    hy__crowd_t *c = v->crowd;
    stay(v);
    hy_dict_remove(&c->places, hy_dict_get(&c->places, v->key));
    hy_str_unref(v->key);
    hy_free(v);
}

static void on_left(hy_due_t *d) {
    forget(hy_link_owner(d, hy__visitor_t, left));
}

/* It has no connection: soon it is forgotten. */
static void leave(hy__visitor_t *v) {
    hy__crowd_t *c = v->crowd;
    c->left_count += !v->has_left;
    v->has_left = true;
    if (hy_dues_add(&c->left, &v->left) != 0)
        forget(v);
    else if (c->left_count > HY_GATE_LEFT_MAX)
        forget(hy_link_owner(c->left.items.next, hy__visitor_t, left.link));
}

static hy__visitor_t *visitor_of(hy__crowd_t *c, const char *bytes, size_t len) {
    const place_t *found = hy_dict_find(&c->places, bytes, len, hy_hash(bytes, len));
    if (found) return found->visitor;
    hy__visitor_t *v = hy_alloc_zero(sizeof *v);
    hy_str_t *key = v ? hy_str_new(bytes, len) : NULL;
    place_t *place = key ? hy_dict_add(&c->places, key) : NULL;
    if (!place) {
        hy_str_unref(key);
        hy_free(v);
        return NULL;
    }
    place->visitor = v;
    v->crowd = c;
    v->key = key;
    hy_due_init(&v->left);
    hy_rate_init(&v->handshakes, c->clock, c->limits.handshakes_per_s);
    hy_rate_init(&v->opens, c->clock, c->limits.opens_per_s);
    return v;
}

/* --- coming and going ------------------------------------------------------------------------- */

static hy__gate_cause_t judge(hy__visitor_t *v, hy_error_t *why) {
    hy__crowd_t *c = v->crowd;
    const hy_gate_limits_t *l = &c->limits;
    char from[HY_GATE_NETWORK_TEXT_BYTES];
    if (!hy_rate_take(&v->handshakes, c->clock, l->handshakes_per_s, 1)) {
        text_of(v, from);
        hy_fail(why, HY_ETOO_FAST,
                "too many connections from %s in a second: at most %u; wait a second", from,
                l->handshakes_per_s);
        return HY_GATE_HASTE;
    }
    if (l->connections && v->connections >= l->connections) {
        text_of(v, from);
        hy_fail(why, HY_ETOO_FAST,
                "too many connections from %s: at most %u at a time; close one, then try again",
                from, l->connections);
        return HY_GATE_ADDRESS;
    }
    if (hy_rate_take(&c->handshakes, c->clock, l->all_handshakes_per_s, 1)) return HY_GATE_CAUSES;
    hy_fail(why, HY_ETOO_FAST, "too many connections in a second: at most %u; try again later",
            l->all_handshakes_per_s);
    return HY_GATE_RUSH;
}

hy__gate_cause_t hy__crowd_enter(hy__crowd_t *c, const hy_endpoint_t *e, hy__visitor_t **out,
                                 hy_error_t *why) {
    char bytes[V6_BYTES];
    size_t len = network_of(e, bytes);
    *out = NULL;
    if (len == 0) return HY_GATE_CAUSES;
    hy__visitor_t *v = visitor_of(c, bytes, len);
    if (!v) {
        hy_fail(why, HY_ENOMEM, "out of memory");
        return HY_GATE_MEMORY;
    }
    hy__gate_cause_t cause = judge(v, why);
    if (cause == HY_GATE_CAUSES) {
        stay(v);
        v->connections++;
        *out = v;
    } else if (v->connections == 0) {
        leave(v);
    }
    return cause;
}

void hy__crowd_leave(hy__visitor_t *v) {
    if (v && --v->connections == 0) leave(v);
}

int hy__crowd_open(hy__visitor_t *v, hy_error_t *err) {
    char from[HY_GATE_NETWORK_TEXT_BYTES];
    if (!v || hy_rate_take(&v->opens, v->crowd->clock, v->crowd->limits.opens_per_s, 1)) return 0;
    v->crowd->opens_refused++;
    text_of(v, from);
    return hy_fail(err, HY_ETOO_FAST,
                   "too many sessions are opened from %s in a second: at most %u; wait a second",
                   from, v->crowd->limits.opens_per_s);
}

/* --- life ------------------------------------------------------------------------------------- */

void hy__crowd_init(hy__crowd_t *c, hy_clock_t *clock, const hy_gate_limits_t *limits) {
    *c = (hy__crowd_t){.clock = clock, .limits = *limits};
    hy_dict_init(&c->places, sizeof(place_t));
    hy_dues_init(&c->left, clock, HY_GATE_FORGET_MS, on_left);
    hy_rate_init(&c->handshakes, clock, limits->all_handshakes_per_s);
}

void hy__crowd_deinit(hy__crowd_t *c) {
    const place_t *place;
    for (uint32_t pos = 0; (place = hy_dict_next(&c->places, &pos));)
        forget(place->visitor);
    hy_dict_deinit(&c->places);
    hy_dues_deinit(&c->left);
}
