/* Deadlines of one length. As all wait equally long, the list is in order by itself; the timer
 * stands for its head, or for one that has left meanwhile. Heads that follow closely share a call.
 */
#include "due.h"

#define SLACK_MS 20u

static void on_timer(void *arg) {
    hy_dues_t *l = arg;
    uint64_t now_ms = hy_clock_now(l->clock);
    /* At once, while the place that this timer had is free: later it may need memory. */
    hy_timer_start(l->clock, &l->timer, l->after_ms);
    hy_link_t due;
    hy_link_init(&due);
    while (!hy_list_is_empty(&l->items)) {
        hy_link_t *first = l->items.next;
        if (hy_link_owner(first, hy_due_t, link)->at_ms > now_ms) break;
        hy_list_remove(first);
        hy_list_append(&due, first);
    }
    while (!hy_list_is_empty(&due)) {
        hy_due_t *d = hy_link_owner(due.next, hy_due_t, link);
        hy_list_remove(&d->link);
        l->expired(d);
    }
    if (hy_list_is_empty(&l->items)) {
        hy_timer_stop(l->clock, &l->timer);
        return;
    }
    uint64_t at_ms = hy_link_owner(l->items.next, hy_due_t, link)->at_ms;
    hy_timer_start(l->clock, &l->timer, at_ms > now_ms + SLACK_MS ? at_ms - now_ms : SLACK_MS);
}

void hy_dues_init(hy_dues_t *l, hy_clock_t *clock, uint32_t after_ms, void (*expired)(hy_due_t *)) {
    *l = (hy_dues_t){.clock = clock, .after_ms = after_ms, .expired = expired};
    hy_timer_init(&l->timer, on_timer, l);
    hy_link_init(&l->items);
}

void hy_dues_deinit(hy_dues_t *l) {
    hy_timer_stop(l->clock, &l->timer);
    while (!hy_list_is_empty(&l->items))
        hy_list_remove(l->items.next);
}

void hy_due_init(hy_due_t *d) {
    hy_link_init(&d->link);
}

int hy_dues_add(hy_dues_t *l, hy_due_t *d) {
    hy_list_remove(&d->link);
    if (!hy_timer_is_started(&l->timer)) {
        int rc = hy_timer_start(l->clock, &l->timer, l->after_ms);
        if (rc) return rc;
    }
    d->at_ms = hy_clock_now(l->clock) + l->after_ms;
    hy_list_append(&l->items, &d->link);
    return 0;
}

void hy_due_remove(hy_due_t *d) {
    hy_list_remove(&d->link);
}
