/* History as a ring of counted records. An entry of a `since` answer is
 *      an update's body                                          for a change
 *      {"epoch", "version", "child": {…}, "body": {…operation…}} for a stamp
 */
#include "history.h"

#include "../base/mem.h"

void hy_history_init(hy_history_t *h) {
    *h = (hy_history_t){.bytes_max = HY_HISTORY_BYTES_MAX};
}

static const hy_history_entry_t *entry_at(const hy_history_t *h, uint64_t i) {
    return &h->ring[(h->first + i) & (h->room - 1)];
}

static void drop_first(hy_history_t *h) {
    hy_history_entry_t *e = &h->ring[h->first];
    hy_change_unref(e->change);
    hy_stamp_unref(e->stamp);
    hy_childop_unref(e->op);
    h->bytes -= e->bytes;
    h->first = (h->first + 1) & (h->room - 1);
    h->count--;
}

void hy_history_clear(hy_history_t *h) {
    while (h->count > 0) {
        drop_first(h);
    }
}

void hy_history_bound(hy_history_t *h, size_t bytes_max) {
    h->bytes_max = bytes_max;
    while (h->bytes > bytes_max) {
        drop_first(h);
    }
}

void hy_history_deinit(hy_history_t *h) {
    hy_history_clear(h);
    hy_free(h->ring);
}

static int grow(hy_history_t *h) {
    uint32_t room = h->room ? h->room * 2 : 16;
    hy_history_entry_t *ring = hy_alloc(room * sizeof *ring);
    if (!ring) return HY_ENOMEM;
    for (uint32_t i = 0; i < h->count; i++) {
        ring[i] = *entry_at(h, i);
    }
    hy_free(h->ring);
    h->ring = ring;
    h->room = room;
    h->first = 0;
    return 0;
}

/* Takes over the references in `e`. */
static void add(hy_history_t *h, hy_history_entry_t e) {
    if (h->count > 0 && entry_at(h, h->count - 1)->version + 1 != e.version) hy_history_clear(h);
    while (h->count > 0 &&
           (h->count >= HY_HISTORY_ENTRIES_MAX || h->bytes + e.bytes > h->bytes_max)) {
        drop_first(h);
    }
    bool has_room = h->count < h->room || grow(h) == 0;
    if (!has_room || e.bytes > h->bytes_max) {
        hy_history_clear(h);
        hy_change_unref(e.change);
        hy_stamp_unref(e.stamp);
        hy_childop_unref(e.op);
        return;
    }
    h->ring[(h->first + h->count++) & (h->room - 1)] = e;
    h->bytes += e.bytes;
}

void hy_history_add_change(hy_history_t *h, hy_change_t *c) {
    add(h, (hy_history_entry_t){.version = c->version,
                                .change = hy_change_ref(c),
                                .bytes = c->payload.ops->bytes(&c->payload)});
}

void hy_history_add_stamp(hy_history_t *h, hy_stamp_t *s, hy_childop_t *op) {
    size_t bytes = s->payload.ops->bytes(&s->payload);
    if (op) bytes += op->payload.ops->bytes(&op->payload);
    hy_payload_ref(&s->payload);
    if (op) hy_payload_ref(&op->payload);
    add(h, (hy_history_entry_t){.version = s->version, .stamp = s, .op = op, .bytes = bytes});
}

static int write_stamp(const hy_history_entry_t *e, hy_value_t *out) {
    hy_value_t stamp, body, entry;
    int rc = hy_payload_to_value(&e->stamp->payload, &stamp);
    if (rc < 0) return rc;
    rc = hy_value_copy(hy_get(stamp.as.n, "value"), &entry);
    hy_value_drop(stamp);
    if (rc < 0 || !e->op) {
        if (rc == 0) *out = entry;
        return rc;
    }
    rc = hy_payload_to_value(&e->op->payload, &body);
    if (rc == 0) rc = hy_put(entry.as.n, "body", body);
    if (rc < 0) {
        hy_value_drop(entry);
        return rc;
    }
    *out = entry;
    return 0;
}

int hy_history_since(const hy_history_t *h, uint64_t version, uint64_t head, hy_value_t *out) {
    if (version > head || head - version > h->count) return HY_ENOT_FOUND;
    if (version < head && entry_at(h, h->count - 1)->version != head) return HY_ENOT_FOUND;
    hy_node_t *changes = hy_node_new(HY_ARRAY);
    if (!changes) return HY_ENOMEM;
    int rc = 0;
    for (uint64_t i = h->count - (head - version); rc == 0 && i < h->count; i++) {
        const hy_history_entry_t *e = entry_at(h, i);
        hy_value_t entry;
        rc = e->change ? hy_payload_to_value(&e->change->payload, &entry) : write_stamp(e, &entry);
        if (rc == 0) rc = hy_node_insert(changes, hy_node_count(changes), entry);
    }
    if (rc < 0) {
        hy_node_unref(changes);
        return rc;
    }
    *out = hy_node_value(changes);
    return 0;
}
