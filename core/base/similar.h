/* The name that somebody may have meant who wrote one that is not there. */
#ifndef HY_BASE_SIMILAR_H
#define HY_BASE_SIMILAR_H

#include "../limits.h"

#include <stdbool.h>

typedef struct {
    const char *wanted; /* lent */
    int edits;          /* that the best one is away; above HY_SIMILAR_EDITS_MAX: there is none */
    char best[HY_SIMILAR_BYTES_MAX + 1];
} hy_similar_t;

void hy_similar_init(hy_similar_t *s, const char *wanted);
/* A name that is there: kept if none before it was as near. */
void hy_similar_offer(hy_similar_t *s, const char *name);
/* The nearest of those offered; NULL if none is near. Lent. */
const char *hy_similar_best(const hy_similar_t *s);

#endif
