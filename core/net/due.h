/* What is due so many milliseconds after it was noted: one timer for all, first in, first out.
 * Adding and taking out cost nothing that grows; nothing is allocated for an item. */
#ifndef HY_NET_DUE_H
#define HY_NET_DUE_H

#include "../base/list.h"
#include "../loop/clock.h"

/* Embedded in what waits. */
typedef struct {
    hy_link_t link;
    uint64_t at_ms;
} hy_due_t;

typedef struct {
    hy_clock_t *clock;
    hy_timer_t timer;
    hy_link_t items; /* the earliest first */
    uint32_t after_ms;
    void (*expired)(hy_due_t *d); /* is out of the list; may add it again, or end any */
} hy_dues_t;

void hy_dues_init(hy_dues_t *l, hy_clock_t *clock, uint32_t after_ms, void (*expired)(hy_due_t *));
/* Items that are left are let go. */
void hy_dues_deinit(hy_dues_t *l);
void hy_due_init(hy_due_t *d);
/* From now on; if it is in the list it moves. HY_ENOMEM: it is not in. */
int hy_dues_add(hy_dues_t *l, hy_due_t *d);
void hy_due_remove(hy_due_t *d); /* harmless if it is in none */

#endif
