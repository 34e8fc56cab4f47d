/* Names are compared by how many letters have to be put in, taken out or replaced, with one row of
 * the usual table. Long names are not compared at all. */
#include "similar.h"

#include <string.h>

static int edit_distance(const char *a, const char *b) {
    int row[HY_SIMILAR_BYTES_MAX + 1];
    int a_len = (int)strlen(a), b_len = (int)strlen(b);
    for (int j = 0; j <= b_len; j++)
        row[j] = j;
    for (int i = 1; i <= a_len; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= b_len; j++) {
            int change = diagonal + (a[i - 1] != b[j - 1]);
            int step = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            diagonal = row[j];
            row[j] = change < step ? change : step;
        }
    }
    return row[b_len];
}

void hy_similar_init(hy_similar_t *s, const char *wanted) {
    *s = (hy_similar_t){.wanted = wanted, .edits = HY_SIMILAR_EDITS_MAX + 1};
}

void hy_similar_offer(hy_similar_t *s, const char *name) {
    size_t wanted_len = strlen(s->wanted), len = strlen(name);
    if (wanted_len > HY_SIMILAR_BYTES_MAX || len > HY_SIMILAR_BYTES_MAX) return;
    int edits = edit_distance(s->wanted, name);
    /* A short name has everything near. */
    if (edits >= s->edits || (size_t)edits >= wanted_len) return;
    s->edits = edits;
    memcpy(s->best, name, len + 1);
}

const char *hy_similar_best(const hy_similar_t *s) {
    return s->edits <= HY_SIMILAR_EDITS_MAX ? s->best : NULL;
}
