/* Intrusive doubly linked list. A link is embedded in its owner; an unlinked link points to itself,
 * so removing twice is harmless. */
#ifndef HY_BASE_LIST_H
#define HY_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct hy_link {
    struct hy_link *prev, *next;
} hy_link_t;

#define hy_link_owner(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

static inline void hy_link_init(hy_link_t *l) {
    l->prev = l->next = l;
}
static inline bool hy_list_is_empty(const hy_link_t *head) {
    return head->next == head;
}

static inline void hy_list_append(hy_link_t *head, hy_link_t *l) {
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void hy_list_remove(hy_link_t *l) {
    l->prev->next = l->next;
    l->next->prev = l->prev;
    hy_link_init(l);
}

/* Moves all links of `from` to the (initialised, empty) `to`, to walk them undisturbed. */
static inline void hy_list_take(hy_link_t *from, hy_link_t *to) {
    hy_link_init(to);
    if (hy_list_is_empty(from)) return;
    *to = *from;
    to->prev->next = to;
    to->next->prev = to;
    hy_link_init(from);
}

#endif
