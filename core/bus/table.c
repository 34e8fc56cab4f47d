/* Hash table of records that embed their link: chains in an array of slots that doubles when there
 * are as many records as slots. Finding compares the records, so it is written where their type is
 * known. Owns the array, never the records. */
#include "../base/mem.h"
#include "bus_private.h"

#define SLOTS_MIN 16u

static bool grow(hy__table_t *t) {
    uint32_t slots_count = t->slots ? 2 * (t->mask + 1) : SLOTS_MIN;
    hy__entry_t **slots = hy_alloc_zero(slots_count * sizeof *slots);
    if (!slots) return false;
    for (uint32_t i = 0; t->slots && i <= t->mask; i++)
        for (hy__entry_t *e = t->slots[i], *next; e; e = next) {
            next = e->next;
            hy__entry_t **slot = &slots[e->hash & (slots_count - 1)];
            e->next = *slot;
            *slot = e;
        }
    hy_free(t->slots);
    t->slots = slots;
    t->mask = slots_count - 1;
    return true;
}

bool hy__table_reserve(hy__table_t *t) {
    return t->slots || grow(t);
}

bool hy__table_add(hy__table_t *t, hy__entry_t *e, uint32_t hash) {
    /* A table that cannot grow gets slower, which is no reason to fail. */
    if ((!t->slots || t->count > t->mask) && !grow(t) && !t->slots) return false;
    e->hash = hash;
    e->next = t->slots[hash & t->mask];
    t->slots[hash & t->mask] = e;
    t->count++;
    return true;
}

void hy__table_remove(hy__table_t *t, hy__entry_t *e) {
    hy__entry_t **link = &t->slots[e->hash & t->mask];
    while (*link != e)
        link = &(*link)->next;
    *link = e->next;
    t->count--;
}

hy__entry_t *hy__table_take(hy__table_t *t, uint32_t *slot) {
    if (t->count == 0) return NULL;
    while (!t->slots[*slot]) {
        ++*slot;
    }
    hy__entry_t *e = t->slots[*slot];
    hy__table_remove(t, e);
    return e;
}

void hy__table_deinit(hy__table_t *t) {
    hy_free(t->slots);
    *t = (hy__table_t){0};
}
