/* Words that are nearly alike, for messages about one that is not known: "did you mean …?" */
#ifndef HY_BASE_SIMILAR_H
#define HY_BASE_SIMILAR_H

#include <stdbool.h>
#include <stddef.h>

#include "../limits.h"

/* The nearest of those that were offered; begins with a word, lent. */
typedef struct {
    const char *word;
    int least; /* edits of the nearest so far */
} hy_similar_t;

void hy_similar_init(hy_similar_t *s, const char *word);
/* True if that one is near enough (HY_SIMILAR_EDITS_MAX edits at most), and nearer than those
 * before: the caller keeps it. */
bool hy_similar_offer(hy_similar_t *s, const char *other);

#endif
