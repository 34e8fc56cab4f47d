/* Objects that were deleted: for a day the node answers 410 for their URL.
 *
 * A dictionary in order of deletion, which is the order of expiry; so what has expired is taken off
 * its front. It is bounded: beyond HY_TOMBSTONES_MAX the oldest goes early, and its URL is then
 * answered 404. */
#include "internal.h"

typedef struct {
    hy_str_t *url;
    uint64_t until_ms;
} tombstone_t;

void hy__tombstones_init(hy_node_server_t *n) {
    hy_dict_init(&n->tombstones, sizeof(tombstone_t));
}

static void sweep(hy_node_server_t *n, uint32_t count_max) {
    uint64_t now = hy_clock_now(n->clock);
    tombstone_t *t;
    for (uint32_t pos = 0; (t = hy_dict_next(&n->tombstones, &pos));) {
        if (t->until_ms > now && n->tombstones.count <= count_max) return;
        hy__keep_tombstone_end(n, t->url);
        hy_dict_remove(&n->tombstones, t);
    }
}

void hy__tombstone_put(hy_node_server_t *n, hy_str_t *url) {
    sweep(n, HY_TOMBSTONES_MAX - 1);
    tombstone_t *t = hy_dict_get(&n->tombstones, url);
    if (t) hy_dict_remove(&n->tombstones, t); /* to the end of the order */
    t = hy_dict_put(&n->tombstones, url, NULL);
    if (!t) return;
    t->until_ms = hy_clock_now(n->clock) + HY_TOMBSTONE_MS;
    hy__keep_tombstone(n, url, t->until_ms);
}

void hy__tombstone_restore(hy_node_server_t *n, hy_str_t *url, uint64_t until_ms) {
    tombstone_t *t = hy_dict_put(&n->tombstones, url, NULL);
    if (t) t->until_ms = until_ms;
}

void hy__tombstones_keep(hy_node_server_t *n) {
    const tombstone_t *t;
    for (uint32_t pos = 0; (t = hy_dict_next(&n->tombstones, &pos));)
        hy__keep_tombstone(n, t->url, t->until_ms);
}

bool hy__tombstone_has(hy_node_server_t *n, const hy_str_t *url) {
    if (n->tombstones.count == 0) return false;
    hy_span_t object = hy_address_object(url);
    const tombstone_t *t = hy_dict_find(&n->tombstones, object.bytes, object.len, 0);
    return t && t->until_ms > hy_clock_now(n->clock);
}
