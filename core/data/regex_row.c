/* Rows of characters: filling, and the walk. */
#include "regex_row.h"

#include "text.h"

static hy__piece_t *last(hy__row_t *row) {
    return &row->pieces[row->count - 1];
}

void hy__row_begin(hy__row_t *row) {
    if (row->count == HY__ROW_PIECES_MAX) row->is_off = true;
    if (row->is_off) return;
    row->pieces[row->count++] = (hy__piece_t){.least = 1, .most = 1};
}

void hy__row_add(hy__row_t *row, uint32_t low, uint32_t high) {
    if (high >= 0x80) row->is_off = true;
    if (row->is_off) return;
    for (uint32_t c = low; c <= high; c++) {
        last(row)->ascii[c / 64] |= UINT64_C(1) << c % 64;
    }
}

void hy__row_negate(hy__row_t *row) {
    if (row->is_off) return;
    hy__piece_t *p = last(row);
    p->ascii[0] = ~p->ascii[0];
    p->ascii[1] = ~p->ascii[1];
    p->wide = p->wide == HY__WIDE_NONE ? HY__WIDE_ALL : HY__WIDE_NONE;
}

void hy__row_add_named(hy__row_t *row, char name) {
    if (name != 'd' && name != 'D' && name != 'w' && name != 'W') row->is_off = true;
    if (row->is_off) return;
    bool is_word = (name | 0x20) == 'w', is_not = name == 'D' || name == 'W';
    for (uint32_t c = 0; c < 0x80; c++) {
        bool is_in = is_word ? hy__is_alnum(c) || c == '_' : hy__is_digit(c);
        if (is_in != is_not) hy__row_add(row, c, c);
    }
    if (is_not) last(row)->wide = HY__WIDE_ALL;
}

void hy__row_in_line(hy__row_t *row) {
    hy__row_begin(row);
    hy__row_add(row, '\n', '\n');
    hy__row_add(row, '\r', '\r');
    hy__row_negate(row);
    if (!row->is_off) last(row)->wide = HY__WIDE_IN_LINE;
}

void hy__row_repeat(hy__row_t *row, uint32_t least, uint32_t most) {
    if (row->is_off) return;
    last(row)->least = least;
    last(row)->most = most;
}

/* --- the walk --------------------------------------------------------------------------------- */

static bool have_common(const hy__piece_t *a, const hy__piece_t *b) {
    return (a->ascii[0] & b->ascii[0]) || (a->ascii[1] & b->ascii[1]) || (a->wide && b->wide);
}

bool hy__row_is_sure(const hy__row_t *row) {
    if (row->is_off) return false;
    for (uint32_t i = 0; i < row->count; i++) {
        const hy__piece_t *p = &row->pieces[i];
        bool may_end = p->least == p->most; /* it takes what it takes */
        for (uint32_t next = i + 1; next < row->count && !may_end; next++) {
            if (have_common(p, &row->pieces[next])) return false;
            may_end = row->pieces[next].least > 0;
        }
    }
    return true;
}

/* The end of the character at `at` if the piece has it; else NULL. */
static inline const char *taken(const hy__piece_t *p, const char *at, const char *end) {
    unsigned char c = (unsigned char)*at;
    if (c < 0x80) return p->ascii[c / 64] >> c % 64 & 1 ? at + 1 : NULL;
    if (p->wide == HY__WIDE_NONE) return NULL;
    ptrdiff_t len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (end - at < len) return NULL;
    const char *from = at;
    uint32_t wide = hy__char_next(&at);
    if (p->wide == HY__WIDE_IN_LINE && (wide == 0x2028 || wide == 0x2029)) return NULL;
    return from + len;
}

bool hy__row_match(const hy__row_t *row, const char *text, size_t len) {
    const char *at = text, *end = text + len;
    for (uint32_t i = 0; i < row->count; i++) {
        const hy__piece_t *p = &row->pieces[i];
        const char *next;
        uint32_t times = 0;
        for (; times < p->most && at < end && (next = taken(p, at, end)); times++) {
            at = next;
        }
        if (times < p->least) return false;
    }
    return !row->to_end || at == end;
}
