/* For the specs of watches: b watches the registry, a registers a hyperty and an object there. */
#ifndef SPEC_NODE_WATCHES_SUPPORT_H
#define SPEC_NODE_WATCHES_SUPPORT_H

#include "support.h"

#define REG  "hyperty-runtime://d/a/registry"
#define B_SM "hyperty-runtime://d/b/sm"
#define H    "hyperty://d/h"
#define O    "comm://d/o"

static const char HYPERTY[] =
    "{\"value\":{\"url\":\"" H
    "\",\"type\":\"hyperty\",\"user\":\"user://d/anna\",\"name\":\"Meter\","
    "\"schemas\":[\"hyperty-catalogue://d/"
    "Context\"],\"resources\":[\"chat\",\"x\"],\"expires\":10}}";
static const char OBJECT[] =
    "{\"value\":{\"url\":\"" O "\",\"type\":\"dataObject\",\"user\":\"user://d/anna\","
    "\"name\":\"kitchen\",\"schema\":\"hyperty-catalogue://d/x/Context\","
    "\"reporter\":\"" H "\",\"resources\":[\"temperature\"]}}";

/* --- doing and seeing ------------------------------------------------------------------------- */

static inline hy_node_t *told(const runtime_t *r) {
    return hy_get_object(hy_msg_body(r->answer), "value");
}

static inline int64_t told_n(const runtime_t *r) {
    return hy_get_int(told(r), "n", 0);
}

/* How many entries the answer lists; -1: none, as there was nothing new. */
static inline int listed(const runtime_t *r) {
    hy_node_t *list = hy_get_array(told(r), "entries");
    return list ? (int)hy_node_count(list) : -1;
}

static inline int watch_from(runtime_t *r, const char *sm, int id, const char *criteria,
                             int64_t n) {
    char body[8192];
    int len = snprintf(body, sizeof body, "{\"watch\":%d", id);
    if (criteria)
        len += snprintf(body + len, sizeof body - (size_t)len, ",\"criteria\":%s", criteria);
    if (n) len += snprintf(body + len, sizeof body - (size_t)len, ",\"n\":%lld", (long long)n);
    snprintf(body + len, sizeof body - (size_t)len, "}");
    return ask(r, "subscribe", sm, REGISTRY, body);
}

static inline int watch(int id, const char *criteria) {
    return watch_from(&b, B_SM, id, criteria, 0);
}

static inline int unwatch(int id) {
    char body[64];
    snprintf(body, sizeof body, "{\"watch\":%d}", id);
    return ask(&b, "unsubscribe", B_SM, REGISTRY, body);
}

static inline int registers(const char *body) {
    return ask(&a, "create", REG, REGISTRY, body);
}

static inline void register_object(void) {
    assert_int_equal(subscribe(&a, "hyperty-runtime://d/a/sm", O), 200);
    assert_int_equal(registers(OBJECT), 200);
}

static inline int change(const char *rest) {
    char body[512];
    snprintf(body, sizeof body, "{\"resource\":\"" H "\",%s}", rest);
    return ask(&a, "update", REG, REGISTRY, body);
}

/* What the one message that came says: "<watch> <kind> <url>", "" if there is none. */
static char heard_text[256];
static inline const char *heard(runtime_t *r) {
    assert_true(r->count <= 1);
    heard_text[0] = 0;
    if (r->count == 0) return heard_text;
    hy_msg_t *m = r->inbox[0];
    hy_node_t *value = hy_get_object(hy_msg_body(m), "value"),
              *entry = hy_get_object(value, "entry");
    hy_str_t *kind = hy_get_str(value, "kind"), *url = hy_get_str(entry, "url");
    assert_int_equal(m->type, HY_MSG_EVENT);
    assert_string_equal(m->from->bytes, REGISTRY);
    assert_string_equal(m->to->bytes, B_SM);
    snprintf(heard_text, sizeof heard_text, "%lld %s %s", (long long)hy_get_int(value, "watch", 0),
             kind->bytes, url ? url->bytes : "");
    came(r);
    return heard_text;
}

static inline hy_node_stats_t stats(void) {
    return hy_node_server_stats(the_node);
}

#endif
