/* Comparing words (similar.h): by how many letters have to be put in, left out or changed. */
#include "similar.h"

#include <string.h>

/* Levenshtein's, with one row at a time. */
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

void hy_similar_init(hy_similar_t *s, const char *word) {
    *s = (hy_similar_t){word, HY_SIMILAR_EDITS_MAX + 1};
}

bool hy_similar_offer(hy_similar_t *s, const char *other) {
    if (strlen(s->word) > HY_SIMILAR_BYTES_MAX || strlen(other) > HY_SIMILAR_BYTES_MAX)
        return false;
    int edits = edit_distance(s->word, other);
    /* A short word has everything near. */
    if (edits >= s->least || (size_t)edits >= strlen(s->word)) return false;
    s->least = edits;
    return true;
}
