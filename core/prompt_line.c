/* Text between libedit's line, in wide characters with marks, and code, in UTF-8 without. */
#define _GNU_SOURCE /* wcwidth */
#include "prompt_line.h"

#include <stdlib.h>
#include <wchar.h>

#define TAB_CELLS     8
#define CONTROL_CELLS 2 /* ^A */
#define OTHER_CELLS   7 /* \U+200B, as libedit shows what cannot be printed */

static size_t line_length(const LineInfoW *l) {
    return (size_t)(l->lastchar - l->buffer);
}

static size_t line_cursor(const LineInfoW *l) {
    return (size_t)(l->cursor - l->buffer);
}

static bool is_mark(const wchar_t *text, size_t len) {
    return len >= HY_LINE_MARK_CHARS && wmemcmp(text, HY_LINE_MARK, HY_LINE_MARK_CHARS) == 0;
}

/* --- UTF-8 ------------------------------------------------------------------------------------ */

int hy_utf8_take(const char *bytes, size_t len, wchar_t *out) {
    const unsigned char *b = (const unsigned char *)bytes;
    if (len == 0) return 0;
    int need = b[0] < 0x80 ? 1 : b[0] < 0xc2 ? -1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
    if (need < 0 || b[0] > 0xf4) return -1;
    for (int i = 1; i < need; i++) {
        if ((size_t)i == len) return 0;
        if ((b[i] & 0xc0) != 0x80) return -1;
    }
    if (!hy_utf8_is_valid(bytes, (size_t)need)) return -1;
    unsigned c = need == 1 ? b[0] : b[0] & (0x7fu >> need);
    for (int i = 1; i < need; i++)
        c = c << 6 | (b[i] & 0x3fu);
    *out = (wchar_t)c;
    return need;
}

void hy_line_char(hy_buf_t *b, wchar_t wide) {
    unsigned c = (unsigned)wide;
    if (c < 0x80) {
        hy_buf_char(b, (char)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    hy_buf_char(b, (char)((0xf0u << (3 - more) & 0xf0u) | c >> (6 * more)));
    while (more-- > 0)
        hy_buf_char(b, (char)(0x80u | (c >> (6 * more) & 0x3fu)));
}

/* A text with room for the marks of all its lines; NULL: out of memory. */
static wchar_t *widen(const char *code, size_t len) {
    wchar_t *wide = malloc((len * (HY_LINE_MARK_CHARS + 1) + 1) * sizeof *wide);
    size_t count = 0;
    for (size_t at = 0; wide && at < len;) {
        int used = hy_utf8_take(code + at, len - at, &wide[count]);
        if (used > 0 && wide[count++] == L'\n') {
            wmemcpy(wide + count, HY_LINE_MARK, HY_LINE_MARK_CHARS);
            count += HY_LINE_MARK_CHARS;
        }
        at += used > 0 ? (size_t)used : 1;
    }
    if (wide) wide[count] = L'\0';
    return wide;
}

/* --- editing ---------------------------------------------------------------------------------- */

void hy_line_code(EditLine *el, bool is_to_cursor, hy_buf_t *out) {
    const LineInfoW *l = el_wline(el);
    size_t end = is_to_cursor ? line_cursor(l) : line_length(l);
    for (size_t at = 0; at < end; at++) {
        hy_line_char(out, l->buffer[at]);
        bool is_end = l->buffer[at] == L'\n';
        if (is_end && is_mark(l->buffer + at + 1, line_length(l) - at - 1)) {
            at += HY_LINE_MARK_CHARS;
        }
    }
}

void hy_line_move(EditLine *el, size_t to) {
    size_t at = line_cursor(el_wline(el));
    el_cursor(el, (int)to - (int)at);
}

void hy_line_cut(EditLine *el, size_t chars) {
    el_deletestr(el, (int)chars);
}

void hy_line_insert(EditLine *el, const char *code, size_t len) {
    wchar_t *wide = widen(code, len);
    if (wide && *wide) el_winsertstr(el, wide);
    free(wide);
}

void hy_line_replace(EditLine *el, const char *code, size_t len) {
    size_t length = line_length(el_wline(el));
    hy_line_move(el, length);
    hy_line_cut(el, length);
    hy_line_insert(el, code, len);
}

bool hy_line_tidy(EditLine *el, size_t was) {
    const LineInfoW *l = el_wline(el);
    size_t len = line_length(l), cursor = line_cursor(l), to = 0, count = 0;
    wchar_t *tidy = malloc((len * (HY_LINE_MARK_CHARS + 1) + 1) * sizeof *tidy);
    if (!tidy) return false;
    for (size_t at = 0; at < len;) {
        if (at == cursor) to = count;
        bool is_end = l->buffer[at] == L'\n';
        size_t mark = at + (is_end ? 1 : 0), next = mark;
        if (is_mark(l->buffer + mark, len - mark)) next += HY_LINE_MARK_CHARS;
        bool is_inside = at < cursor && cursor < next;
        if (is_inside && was > cursor) to = count;
        if (is_end) {
            tidy[count++] = L'\n';
            wmemcpy(tidy + count, HY_LINE_MARK, HY_LINE_MARK_CHARS);
            count += HY_LINE_MARK_CHARS;
        } else if (next == at) {
            tidy[count++] = l->buffer[next++];
        }
        if (is_inside && was <= cursor) to = count;
        at = next;
    }
    if (cursor == len) to = count;
    tidy[count] = L'\0';
    bool is_same = count == len && to == cursor && wmemcmp(tidy, l->buffer, len) == 0;
    if (!is_same) {
        hy_line_move(el, len);
        hy_line_cut(el, len);
        if (count) el_winsertstr(el, tidy);
        hy_line_move(el, to);
    }
    free(tidy);
    return !is_same;
}

size_t hy_line_begin(EditLine *el, size_t at) {
    const LineInfoW *l = el_wline(el);
    while (at > 0 && l->buffer[at - 1] != L'\n')
        at--;
    return at > 0 ? at + HY_LINE_MARK_CHARS : 0;
}

size_t hy_line_end(EditLine *el, size_t at) {
    const LineInfoW *l = el_wline(el);
    while (at < line_length(l) && l->buffer[at] != L'\n')
        at++;
    return at;
}

/* --- on the screen ---------------------------------------------------------------------------- */

static int width_of(wchar_t c) {
    if (c < 0x20 || c == 0x7f) return CONTROL_CELLS;
    int width = wcwidth(c);
    return width >= 0 ? width : c > 0xffff ? OTHER_CELLS + 1 : OTHER_CELLS;
}

static void advance(hy_cell_t *cell, int cells, int columns) {
    cell->column += cells;
    if (cell->column < columns) return;
    cell->row++;
    cell->column = 0;
}

static void pass(hy_cell_t *cell, wchar_t c, int columns) {
    if (c == L'\n') {
        *cell = (hy_cell_t){.row = cell->row + 1};
    } else if (c == L'\t') {
        do {
            advance(cell, 1, columns);
        } while (cell->column % TAB_CELLS != 0);
    } else if (wcwidth(c) < 0) {
        for (int i = width_of(c); i > 0; i--)
            advance(cell, 1, columns);
    } else {
        int width = width_of(c);
        if (cell->column + width > columns) advance(cell, columns - cell->column, columns);
        advance(cell, width, columns);
    }
}

hy_cell_t hy_line_cell(EditLine *el, const char *prompt, int columns, size_t at) {
    const LineInfoW *l = el_wline(el);
    hy_cell_t cell = {0, 0};
    size_t len = strlen(prompt);
    wchar_t c;
    for (int used; len > 0 && (used = hy_utf8_take(prompt, len, &c)) > 0;) {
        pass(&cell, c, columns);
        prompt += used;
        len -= (size_t)used;
    }
    for (size_t i = 0; i < at; i++)
        pass(&cell, l->buffer[i], columns);
    /* A wide character that does not fit the row stands on the next one. */
    if (at < line_length(l) && cell.column + width_of(l->buffer[at]) > columns &&
        wcwidth(l->buffer[at]) == 2) {
        cell = (hy_cell_t){.row = cell.row + 1};
    }
    return cell;
}

size_t hy_line_width(const char *text, size_t len) {
    size_t cells = 0;
    wchar_t c;
    for (size_t at = 0; at < len;) {
        int used = hy_utf8_take(text + at, len - at, &c);
        cells += used > 0 ? (size_t)width_of(c) : 1;
        at += used > 0 ? (size_t)used : 1;
    }
    return cells;
}
