/* Reading patterns, shared by the files of regex.h. */
#ifndef HY_DATA_REGEX_PRIVATE_H
#define HY_DATA_REGEX_PRIVATE_H

#include "../base/buf.h"
#include "regex.h"
#include "regex_row.h"

typedef struct {
    bool is_anchored; /* all it can match begins at the start of the text */
    /* It may read much of the text without a backtrack that is counted: it looks ahead or behind,
     * refers to a group, or repeats much. */
    bool is_costly;
    uint64_t weight; /* characters that it reads at least */
    hy__row_t row;   /* off, unless it means the same as the pattern */
} hy__regex_traits_t;

/* Checks a pattern and writes it for PCRE2. `out` may be NULL, and be failed afterwards. */
int hy__regex_read(const char *pattern, size_t len, hy_buf_t *out, hy__regex_traits_t *traits,
                   hy_error_t *err);

/* Reads "{Letter}" at *at, which moves behind it, and writes it for PCRE2; `out` may be NULL.
 * False: it is none, and nothing is written. */
bool hy__regex_property(const char **at, const char *end, hy_buf_t *out);

#endif
