/* The text being typed. A chunk of several lines stands in libedit's one line: behind each of its
 * ends of line comes a mark, which is what a person sees in front of the next line, and which is no
 * part of the code. So the whole chunk can be edited, and is one entry of the history. */
#ifndef HY_PROMPT_LINE_H
#define HY_PROMPT_LINE_H

#include "base/buf.h"

#include <histedit.h>

/* ">> " with a space that nobody types. */
#define HY_LINE_MARK       L">>\u00a0"
#define HY_LINE_MARK_CHARS 3u

/* The code up to the cursor, or all of it, as UTF-8 behind what is in `out`. */
void hy_line_code(EditLine *el, bool is_to_cursor, hy_buf_t *out);
void hy_line_char(hy_buf_t *out, wchar_t c);
/* Puts code (UTF-8) in at the cursor; or in the place of all that is there. */
void hy_line_insert(EditLine *el, const char *code, size_t len);
void hy_line_replace(EditLine *el, const char *code, size_t len);
void hy_line_move(EditLine *el, size_t to); /* the cursor */
/* Deletes that many characters before the cursor. */
void hy_line_cut(EditLine *el, size_t chars);

/* Puts marks where they belong and takes others away, after an editing command that knows nothing
 * of them; a cursor within a mark leaves it, in the direction in which it came from `was`. True if
 * anything had to be done. */
bool hy_line_tidy(EditLine *el, size_t was);

/* Where the typed line begins that has the character at `at` (behind its mark), and where it ends:
 * at the end of line, or of all. */
size_t hy_line_begin(EditLine *el, size_t at);
size_t hy_line_end(EditLine *el, size_t at);

typedef struct {
    int row, column;
} hy_cell_t;
/* Where on the screen the character at `at` is, from the begin of the prompt, as libedit draws it
 * in so many columns. */
hy_cell_t hy_line_cell(EditLine *el, const char *prompt, int columns, size_t at);
/* How many cells a text takes. */
size_t hy_line_width(const char *text, size_t len);

/* Takes the first character off: its length, 0 if it is not there as a whole, negative if these
 * bytes are no character. */
int hy_utf8_take(const char *bytes, size_t len, wchar_t *out);

#endif
