/* What the node keeps in its store, if it has one: rows written as things change (keep.c), read
 * again when a node starts (keep_start.c), and answers that wait for their commit (keep_answers.c).
 *
 *      ADDRESSES  lots of addresses        SESSIONS  token, id      CLAIMS, ROUTES  one each
 *      OBJECTS    epoch, holder, guard; who is admitted; what was deleted           ENTRIES
 *
 * What belongs to a session names it by its id, which is never given twice: what an ended session
 * leaves behind is known by that and means nothing, so an end need not touch it row by row.
 *
 * Writing fails for want of memory or room only. Then the store is *torn*: nothing is acknowledged
 * until all of it has been written anew. Without a store, while one is read, and while the node
 * ends, all of this does nothing; nothing on the way of a routed message comes here. */
#ifndef HY_NODE_KEEP_H
#define HY_NODE_KEEP_H

#include "../store/store.h"
#include "entries.h"

struct hy__keep {
    hy_node_server_t *server;
    hy_store_t *store;
    hy_node_ready_cb ready;
    void *ready_arg;
    hy_store_read_t *read; /* under way */
    hy_store_watch_t *watch;
    hy_str_t *nothing; /* "" */
    hy_buf_t text;     /* of the row that is being written */
    uint64_t written;  /* rows */
    bool is_open;      /* has been read; from now on it is written */
    bool is_torn;
    hy_link_t lots; /* that are to be written again */
    uint64_t lots_made;
    hy_link_t waiting; /* answers, oldest first */
};

/* Addresses allocated by one request, which lie in one row. One that leaves them changes the row,
 * once in a turn. */
struct hy__lot {
    hy_str_t *name; /* its number: the row's key */
    hy_str_t *runtime;
    hy_link_t link; /* among those whose row is to be written again */
    uint32_t count;
    hy__address_t *addresses[];
};

/* --- keep.c ----------------------------------------------------------------------------------- */

/* A row, as its table has it; `k->text` is its value. */
void hy__keep_row(hy__keep_t *k, hy_table_t table, const hy_str_t *owner, const hy_str_t *key);
/* All that the node knows, written anew. */
void hy__keep_all(hy__keep_t *k);

/* --- lots.c ----------------------------------------------------------------------------------- */

/* The row of a lot, or its end. */
void hy__lot_write(hy__keep_t *k, const hy__lot_t *lot);
/* Makes the addresses one lot, at most HY_LOT_MAX; `name` NULL: with the next number. HY_ENOMEM. */
int hy__lot_make(hy_node_server_t *n, hy_str_t *name, const hy__owner_t *o,
                 hy__address_t *const *addresses, uint32_t count);

#endif
