/* What keys do at the prompt beside libedit's own commands: those that know that a chunk may have
 * several lines, the history, and pasting. */
#include "limits.h"
#include "prompt_terminal_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    size_t cursor, begin, end, length; /* of the line with the cursor, as hy_line_begin has them */
} place_t;

static place_t place_of(EditLine *el) {
    const LineInfoW *l = el_wline(el);
    place_t p = {.cursor = (size_t)(l->cursor - l->buffer),
                 .length = (size_t)(l->lastchar - l->buffer)};
    p.begin = hy_line_begin(el, p.cursor);
    p.end = hy_line_end(el, p.cursor);
    return p;
}

/* --- entering --------------------------------------------------------------------------------- */

unsigned char hy__key_enter(EditLine *el, wint_t c) {
    hy_terminal_t *t = hy__terminal_of(el);
    (void)c;
    t->chunk->len = 0;
    hy_line_code(el, false, t->chunk);
    if (!t->chunk->failed && t->config.is_unfinished(t->chunk->bytes, t->chunk->len)) {
        hy_line_insert(el, "\n", 1);
        return CC_REFRESH;
    }
    hy__terminal_pass(t);
    size_t len = t->chunk->len;
    if (len && !t->chunk->failed) hy_history_add(t->config.history, t->chunk->bytes, len);
    return hy__terminal_end(t, HY_TYPED_CHUNK);
}

/* Another line, complete or not. */
static unsigned char key_newline(EditLine *el, wint_t c) {
    (void)c;
    hy_line_insert(el, "\n", 1);
    return CC_REFRESH;
}

/* --- deleting --------------------------------------------------------------------------------- */

static unsigned char key_delete_before(EditLine *el, wint_t c) {
    place_t p = place_of(el);
    (void)c;
    if (p.cursor == 0) return CC_ERROR;
    bool is_at_mark = p.cursor == p.begin && p.begin > 0;
    hy_line_cut(el, is_at_mark ? HY_LINE_MARK_CHARS + 1 : 1);
    return CC_REFRESH;
}

static unsigned char key_delete(EditLine *el, wint_t c) {
    place_t p = place_of(el);
    (void)c;
    if (p.cursor == p.length) return CC_ERROR;
    size_t chars = p.cursor == p.end ? HY_LINE_MARK_CHARS + 1 : 1;
    hy_line_move(el, p.cursor + chars);
    hy_line_cut(el, chars);
    return CC_REFRESH;
}

static unsigned char key_delete_or_leave(EditLine *el, wint_t c) {
    if (place_of(el).length > 0) return key_delete(el, c);
    return hy__terminal_end(hy__terminal_of(el), HY_TYPED_LEAVE);
}

/* Cuts out what is between, to be brought back by ^Y. */
static unsigned char kill_text(EditLine *el, size_t from, size_t to) {
    hy_terminal_t *t = hy__terminal_of(el);
    hy_buf_t before;
    if (from == to) return CC_ERROR;
    hy_buf_init(&before);
    hy_line_move(el, from);
    hy_line_code(el, true, &before);
    hy_line_move(el, to);
    t->killed.len = 0;
    hy_line_code(el, true, &t->killed);
    if (!t->killed.failed && t->killed.len >= before.len) {
        t->killed.len -= before.len;
        memmove(t->killed.bytes, t->killed.bytes + before.len, t->killed.len);
    }
    hy_buf_deinit(&before);
    hy_line_cut(el, to - from);
    return CC_REFRESH;
}

static unsigned char key_kill_to_end(EditLine *el, wint_t c) {
    place_t p = place_of(el);
    (void)c;
    bool is_at_end = p.cursor == p.end && p.end < p.length;
    return kill_text(el, p.cursor, is_at_end ? p.end + HY_LINE_MARK_CHARS + 1 : p.end);
}

static unsigned char key_kill_to_begin(EditLine *el, wint_t c) {
    place_t p = place_of(el);
    (void)c;
    return kill_text(el, p.begin, p.cursor);
}

static unsigned char key_kill_word(EditLine *el, wint_t c) {
    place_t p = place_of(el);
    const wchar_t *text = el_wline(el)->buffer;
    size_t from = p.cursor;
    (void)c;
    while (from > p.begin && (text[from - 1] == L' ' || text[from - 1] == L'\t'))
        from--;
    while (from > p.begin && text[from - 1] != L' ' && text[from - 1] != L'\t')
        from--;
    if (from == p.cursor) return key_delete_before(el, c);
    return kill_text(el, from, p.cursor);
}

static unsigned char key_yank(EditLine *el, wint_t c) {
    const hy_terminal_t *t = hy__terminal_of(el);
    (void)c;
    if (t->killed.len == 0) return CC_ERROR;
    hy_line_insert(el, t->killed.bytes, t->killed.len);
    return CC_REFRESH;
}

/* --- moving ----------------------------------------------------------------------------------- */

static unsigned char key_begin(EditLine *el, wint_t c) {
    (void)c;
    hy_line_move(el, place_of(el).begin);
    return CC_CURSOR;
}

static unsigned char key_end(EditLine *el, wint_t c) {
    (void)c;
    hy_line_move(el, place_of(el).end);
    return CC_CURSOR;
}

static unsigned char key_left(EditLine *el, wint_t c) {
    place_t p = place_of(el);
    (void)c;
    if (p.cursor == 0) return CC_ERROR;
    hy_line_move(el, p.cursor - (p.cursor == p.begin ? HY_LINE_MARK_CHARS + 1 : 1));
    return CC_CURSOR;
}

static unsigned char key_right(EditLine *el, wint_t c) {
    place_t p = place_of(el);
    (void)c;
    if (p.cursor == p.length) return CC_ERROR;
    hy_line_move(el, p.cursor + (p.cursor == p.end ? HY_LINE_MARK_CHARS + 1 : 1));
    return CC_CURSOR;
}

/* Shows that entry, counted back from 1; 0: what was typed. */
static unsigned char show_entry(hy_terminal_t *t, size_t back) {
    if (back > hy_history_count(t->config.history)) return CC_ERROR;
    if (t->back == 0) {
        t->draft.len = 0;
        hy_line_code(t->el, false, &t->draft);
    }
    t->back = back;
    const char *text = back > 0 ? hy_history_at(t->config.history, back - 1) : t->draft.bytes;
    hy_line_replace(t->el, text, back > 0 ? strlen(text) : t->draft.len);
    return CC_REFRESH;
}

/* To the same column of another line, which has its begin or end there. */
static unsigned char to_line(EditLine *el, size_t there) {
    place_t p = place_of(el);
    size_t begin = hy_line_begin(el, there), end = hy_line_end(el, there);
    size_t to = begin + (p.cursor - p.begin);
    hy_line_move(el, to < end ? to : end);
    return CC_CURSOR;
}

static unsigned char key_up(EditLine *el, wint_t c) {
    hy_terminal_t *t = hy__terminal_of(el);
    place_t p = place_of(el);
    (void)c;
    if (p.begin > 0) return to_line(el, p.begin - HY_LINE_MARK_CHARS - 1);
    return show_entry(t, t->back + 1);
}

static unsigned char key_down(EditLine *el, wint_t c) {
    hy_terminal_t *t = hy__terminal_of(el);
    place_t p = place_of(el);
    (void)c;
    if (p.end < p.length) return to_line(el, p.end + HY_LINE_MARK_CHARS + 1);
    return t->back > 0 ? show_entry(t, t->back - 1) : CC_ERROR;
}

/* --- pasting ---------------------------------------------------------------------------------- */

#define PASTE_END "\033[201~"

/* What an editor calls a line, and nothing that a terminal would obey. */
static void clean_pasted(hy_buf_t *b) {
    size_t to = 0;
    for (size_t at = 0; at < b->len; at++) {
        unsigned char c = (unsigned char)b->bytes[at];
        if (c == '\r') {
            b->bytes[to++] = '\n';
            if (at + 1 < b->len && b->bytes[at + 1] == '\n') at++;
        } else if (c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f)) {
            b->bytes[to++] = (char)c;
        }
    }
    while (to > 0 && b->bytes[to - 1] == '\n')
        to--; /* Enter runs it, not its last line end */
    b->len = to;
}

/* The text up to the end of the paste; false: there is none. `*is_large`: not all is kept. */
static bool read_pasted(hy_terminal_t *t, hy_buf_t *b, bool *is_large) {
    static const size_t end_len = sizeof PASTE_END - 1;
    size_t matched = 0;
    char c;
    while (matched < end_len) {
        if (!hy__terminal_byte(t, &c)) return false;
        matched = c == PASTE_END[matched] ? matched + 1 : c == PASTE_END[0] ? 1 : 0;
        if (b->len < HY_PROMPT_PASTE_BYTES_MAX + end_len) {
            hy_buf_char(b, c);
        } else {
            *is_large = true;
        }
    }
    if (!*is_large && !b->failed) b->len -= end_len;
    return !b->failed;
}

static unsigned char key_paste(EditLine *el, wint_t c) {
    hy_terminal_t *t = hy__terminal_of(el);
    hy_buf_t b;
    bool is_large = false;
    (void)c;
    hy_buf_init(&b);
    bool is_whole = read_pasted(t, &b, &is_large);
    if (is_whole && is_large) {
        char text[128];
        int len = snprintf(text, sizeof text,
                           "hyperty: what was pasted is over %u KiB; it is not "
                           "taken; put it into a file and load that\n",
                           HY_PROMPT_PASTE_BYTES_MAX >> 10);
        hy_terminal_print(t, text, (size_t)len);
    } else if (is_whole) {
        clean_pasted(&b);
        hy_line_insert(el, b.bytes, b.len);
    }
    hy_buf_deinit(&b);
    return is_whole ? CC_REFRESH : hy__terminal_end(t, t->result);
}

/* --- binding ---------------------------------------------------------------------------------- */

static const struct {
    const wchar_t *name, *help;
    unsigned char (*function)(EditLine *el, wint_t c);
    const wchar_t *keys[8];
} commands[] = {
    {L"hyperty-enter", L"Run the chunk, or go on in another line", hy__key_enter, {L"^M", L"^J"}},
    {L"hyperty-newline", L"Another line", key_newline, {L"\\e^M", L"\\e^J"}},
    {L"hyperty-delete-before",
     L"Delete the character before",
     key_delete_before,
     {L"^H", L"\\177"}},
    {L"hyperty-delete", L"Delete the character", key_delete, {L"\\e[3~"}},
    {L"hyperty-leave", L"Delete the character, or leave", key_delete_or_leave, {L"^D", L"^@"}},
    {L"hyperty-kill-to-end", L"Cut to the end of line", key_kill_to_end, {L"^K"}},
    {L"hyperty-kill-to-begin", L"Cut to the begin of line", key_kill_to_begin, {L"^U"}},
    {L"hyperty-kill-word", L"Cut a word", key_kill_word, {L"^W"}},
    {L"hyperty-yank", L"Bring back what was cut", key_yank, {L"^Y"}},
    {L"hyperty-begin",
     L"Begin of line",
     key_begin,
     {L"^A", L"\\e[H", L"\\eOH", L"\\e[1~", L"\\e[7~"}},
    {L"hyperty-end", L"End of line", key_end, {L"^E", L"\\e[F", L"\\eOF", L"\\e[4~", L"\\e[8~"}},
    {L"hyperty-left", L"Character before", key_left, {L"^B", L"\\e[D", L"\\eOD"}},
    {L"hyperty-right", L"Next character", key_right, {L"^F", L"\\e[C", L"\\eOC"}},
    {L"hyperty-up", L"Line above, or history", key_up, {L"^P", L"\\e[A", L"\\eOA"}},
    {L"hyperty-down", L"Line below, or history", key_down, {L"^N", L"\\e[B", L"\\eOB"}},
    {L"hyperty-complete", L"Complete", hy__key_complete, {L"^I"}},
    {L"hyperty-search", L"Search the history", hy__key_search, {L"^R"}},
    {L"hyperty-paste", L"Take what is pasted", key_paste, {L"\\e[200~"}},
};

static const char *const usual[][2] = {
    {"\\e[1;5C", "em-next-word"}, {"\\e[1;5D", "ed-prev-word"}, {"\\e[1;3C", "em-next-word"},
    {"\\e[1;3D", "ed-prev-word"}, {"^L", "ed-clear-screen"},    {"^T", "ed-unassigned"},
};

void hy__keys_bind(hy_terminal_t *t) {
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        el_wset(t->el, EL_ADDFN, commands[i].name, commands[i].help, commands[i].function);
        for (size_t k = 0; k < 8 && commands[i].keys[k]; k++) {
            el_wset(t->el, EL_BIND, commands[i].keys[k], commands[i].name, NULL);
        }
    }
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        el_set(t->el, EL_BIND, usual[i][0], usual[i][1], NULL);
}
