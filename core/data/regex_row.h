/* Patterns that need no way back: a row of characters, each of a set and so many times, from the
 * start of the text. Most patterns of schemas are of this kind ("^[a-z]+://."), and a walk over the
 * text finds out some ten times as fast as PCRE2 does.
 *
 *      ^ [a-z]{1,1} [a-z0-9]{0,∞} :{1,1} .{2,5} $
 *
 * That is right where a set has nothing in common with what may follow it: then as many characters
 * as there are must be taken. Filled by who reads the pattern (regex_read.c); what does not fit in
 * turns it off. */
#ifndef HY_DATA_REGEX_ROW_H
#define HY_DATA_REGEX_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HY__ROW_PIECES_MAX 16

typedef struct {
    uint64_t ascii[2]; /* a bit for each character */
    enum {
        HY__WIDE_NONE,
        HY__WIDE_IN_LINE, /* all beyond ASCII but the two that end a line */
        HY__WIDE_ALL
    } wide;
    uint32_t least, most;
} hy__piece_t;

typedef struct {
    uint32_t count;
    bool is_off; /* the pattern is no row */
    bool to_end; /* "$": nothing comes behind the last */
    hy__piece_t pieces[HY__ROW_PIECES_MAX];
} hy__row_t;

/* The next piece, once, with an empty set; characters are added; and it may be repeated. */
void hy__row_begin(hy__row_t *row);
void hy__row_add(hy__row_t *row, uint32_t low, uint32_t high);
void hy__row_add_named(hy__row_t *row, char name); /* d, D, w, W; others turn it off */
void hy__row_negate(hy__row_t *row);
void hy__row_in_line(hy__row_t *row); /* "." */
void hy__row_repeat(hy__row_t *row, uint32_t least, uint32_t most);

/* True if a walk is right; asked once the whole pattern is read. */
bool hy__row_is_sure(const hy__row_t *row);
bool hy__row_match(const hy__row_t *row, const char *text, size_t len);

#endif
