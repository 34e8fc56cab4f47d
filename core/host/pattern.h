/* String patterns with the meaning that Lua gives them (manual, 6.4.1), on bytes: no Lua, no memory
 * of its own, no recursion. Character classes are those of ASCII, whatever the locale.
 *
 *      text      ........[ start ..... end )......
 *                         ( capture )               as pairs of place and length
 *
 * A pattern is not compiled, so what is wrong in it shows when the matching gets there: as in Lua,
 * a mistake behind what never matches is none. Matching takes time that may grow with a power of
 * the text's length; so at every step it looks at a flag, and calls back when that is set. */
#ifndef HY_HOST_PATTERN_H
#define HY_HOST_PATTERN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "../limits.h"

#define HY_CAPTURE_OPEN     (-1) /* as its length: its end has not come */
#define HY_CAPTURE_POSITION (-2) /* as its length: "()", a place only */

typedef struct {
    const char *start;
    ptrdiff_t len;
} hy_capture_t;

typedef struct {
    const char *text, *text_end;
    const char *pattern, *pattern_end; /* without the '^' that anchors it */
    bool is_anchored;
    /* When *is_due is not 0, due(arg) is called before the next step. It may leave by a long jump:
     * nothing is owed. Set both after hy_pattern_init, or none. */
    const volatile sig_atomic_t *is_due;
    void (*due)(void *arg);
    void *arg;
    /* What is wrong with the pattern, in Lua's words: a format for one int; NULL: nothing. */
    const char *error;
    int error_number;
    unsigned capture_count; /* of the last match */
    hy_capture_t captures[HY_PATTERN_CAPTURES_MAX];
} hy_pattern_t;

/* Both texts are lent. With `may_anchor` a '^' at the beginning anchors the pattern, else it is a
 * character like others. */
void hy_pattern_init(hy_pattern_t *m, const char *text, size_t len, const char *pattern,
                     size_t pattern_len, bool may_anchor);
/* The end of the match that begins at `at`, within the text; NULL: there is none, or m->error. */
const char *hy_pattern_match(hy_pattern_t *m, const char *at);
/* Where the first match at or after `at` begins (at `at` itself, if anchored), and where it ends.
 * NULL: there is none, or m->error. A match that ends at `except` does not count: who looks for one
 * match after the other gives the end of the last one, so that an empty one does not follow it. */
const char *hy_pattern_find(hy_pattern_t *m, const char *at, const char *except, const char **end);
/* Capture `number`, from 0, of the match from `start` to `end`; without captures the whole is
 * number 0. False: m->error. */
bool hy_pattern_capture(hy_pattern_t *m, unsigned number, const char *start, const char *end,
                        hy_capture_t *out);
/* True if the pattern stands for itself. */
bool hy_pattern_is_plain(const char *pattern, size_t len);

#endif
