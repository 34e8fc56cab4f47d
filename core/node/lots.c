/* Lots: the allocated addresses of one row.
 *
 *      17    {"key":"k","at":"comm://d/","ids":["2d1f…","90ab…", …]}    at most HY_LOT_MAX
 *
 * A request allocates up to a thousand addresses, and thousands may be allocated in a second; a row
 * for each would be what the disk does all day. One that is given back, or moves to another
 * runtime, leaves its lot: the row is written again, once for all that leave it in one request.
 * Nodes without a store have no lots. */
#include "keep.h"

#include <inttypes.h>

/* Ends of "at" in an address: it has one path segment. */
static size_t prefix_len(const hy_str_t *url) {
    return url->len - hy_address_identifier(url).len;
}

static void lot_free(hy__lot_t *lot) {
    if (!lot) return;
    hy_list_remove(&lot->link);
    hy_str_unref(lot->name);
    hy_str_unref(lot->runtime);
    hy_free(lot);
}

void hy__lot_write(hy__keep_t *k, const hy__lot_t *lot) {
    hy_buf_t *b = &k->text;
    const hy_str_t *first = lot->addresses[0]->url, *key = hy__allocation_key(lot->addresses[0]);
    size_t prefix = prefix_len(first);
    hy_buf_char(b, '{');
    if (key) {
        hy_buf_text(b, "\"key\":");
        hy_json_write_str(b, key->bytes, key->len);
        hy_buf_char(b, ',');
    }
    hy_buf_text(b, "\"at\":");
    hy_json_write_str(b, first->bytes, prefix);
    hy_buf_text(b, ",\"ids\":");
    for (uint32_t i = 0; i < lot->count; i++) {
        const hy_str_t *url = lot->addresses[i]->url;
        hy_buf_char(b, i ? ',' : '[');
        hy_json_write_str(b, url->bytes + prefix, url->len - prefix);
    }
    hy_buf_text(b, "]}");
    hy__keep_row(k, HY_TABLE_ADDRESSES, lot->runtime, lot->name);
}

int hy__lot_make(hy_node_server_t *n, hy_str_t *name, const hy__owner_t *o,
                 hy__address_t *const *addresses, uint32_t count) {
    hy__lot_t *lot = hy_alloc(sizeof *lot + count * sizeof *lot->addresses);
    name = name ? hy_str_ref(name) : hy_str_format("%" PRIu64, ++n->keep->lots_made);
    if (!lot || !name) {
        hy_free(lot);
        hy_str_unref(name);
        return HY_ENOMEM;
    }
    *lot = (hy__lot_t){.name = name, .runtime = hy_str_ref(o->runtime), .count = count};
    hy_link_init(&lot->link);
    for (uint32_t i = 0; i < count; i++) {
        lot->addresses[i] = addresses[i];
        addresses[i]->lot = lot;
    }
    if (n->keep->is_open) hy__lot_write(n->keep, lot);
    return 0;
}

int hy__lots_make(hy_node_server_t *n, const hy__owner_t *o, const hy_node_t *list) {
    hy__address_t *addresses[HY_LOT_MAX];
    size_t all = n->keep ? hy_node_count(list) : 0;
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < all;) {
        uint32_t count = 0;
        for (; count < HY_LOT_MAX && at < all; at++)
            addresses[count++] = hy__address_get(n, hy_node_at(list, at).as.s);
        rc = hy__lot_make(n, NULL, o, addresses, count);
    }
    return rc;
}

void hy__lot_leave(hy_node_server_t *n, hy__address_t *a) {
    hy__lot_t *lot = a->lot;
    if (!lot) return;
    uint32_t i = 0;
    while (lot->addresses[i] != a)
        i++;
    lot->addresses[i] = lot->addresses[--lot->count];
    a->lot = NULL;
    hy_list_remove(&lot->link);
    if (!n->is_closing)
        hy_list_append(&n->keep->lots, &lot->link);
    else if (lot->count == 0)
        lot_free(lot);
}

int hy__lot_part(hy_node_server_t *n, hy__address_t *a) {
    if (!a->lot || a->lot->count == 1) return 0;
    hy__lot_t *before = a->lot;
    hy__address_t *const one[] = {a};
    int rc = hy__lot_make(n, NULL, a->owner, one, 1);
    if (rc < 0) return rc;
    hy__lot_t *own = a->lot;
    a->lot = before;
    hy__lot_leave(n, a);
    a->lot = own;
    hy__lots_flush(n);
    return 0;
}

void hy__lot_pass(hy_node_server_t *n, hy__address_t *a, const hy__owner_t *to) {
    hy__lot_t *lot = a->lot;
    if (!lot) return;
    hy__keep_end(n, HY_TABLE_ADDRESSES, lot->runtime, lot->name);
    hy_str_unref(lot->runtime);
    lot->runtime = hy_str_ref(to->runtime);
    hy__lot_write(n->keep, lot);
}

void hy__lots_flush(hy_node_server_t *n) {
    if (!n->keep) return;
    while (!hy_list_is_empty(&n->keep->lots)) {
        hy__lot_t *lot = hy_link_owner(n->keep->lots.next, hy__lot_t, link);
        hy_list_remove(&lot->link);
        if (lot->count > 0) {
            hy__lot_write(n->keep, lot);
            continue;
        }
        hy__keep_end(n, HY_TABLE_ADDRESSES, lot->runtime, lot->name);
        lot_free(lot);
    }
}
