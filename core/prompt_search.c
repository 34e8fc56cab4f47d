/* Ctrl-R: searches the history back for a text as it is typed. What is found stands in the line;
 * Enter runs it, Ctrl-R goes on to an older one, Ctrl-G brings back what was there, and any other
 * key takes it for editing. */
#include "prompt_terminal_parts.h"

#include <stdio.h>
#include <string.h>

#define CONTROL(letter) ((letter)&0x1f)
#define DELETE          0x7f
#define PATTERN_MAX     64u

typedef struct {
    hy_terminal_t *t;
    char pattern[PATTERN_MAX + 1]; /* UTF-8 */
    char prompt[PATTERN_MAX + 32];
    hy_buf_t before; /* what was in the line */
    size_t back;     /* the entry that is shown, from 1; 0: none */
} search_t;

/* The next entry from there on that has the pattern; 0: none. */
static size_t find(const search_t *s, size_t back) {
    const hy_history_t *h = s->t->config.history;
    for (; back <= hy_history_count(h); back++) {
        if (strstr(hy_history_at(h, back - 1), s->pattern)) return back;
    }
    return 0;
}

static void show(search_t *s, bool is_found) {
    snprintf(s->prompt, sizeof s->prompt, "(%ssearch \"%s\") ", is_found ? "" : "no ", s->pattern);
    s->t->prompt = s->prompt;
    if (is_found && s->back > 0) {
        const char *text = hy_history_at(s->t->config.history, s->back - 1);
        hy_line_replace(s->t->el, text, strlen(text));
    }
    hy__terminal_hide(s->t);
    hy__terminal_draw(s->t);
}

static void search(search_t *s, size_t from) {
    size_t back = s->pattern[0] ? find(s, from) : s->back;
    bool is_found = back > 0 || !s->pattern[0];
    if (back > 0) s->back = back;
    show(s, is_found);
}

/* True: the pattern has the character now. */
static bool lengthen(search_t *s, wchar_t c) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_line_char(&b, c);
    bool fits = !b.failed && strlen(s->pattern) + b.len <= PATTERN_MAX;
    if (fits) strncat(s->pattern, b.bytes, b.len);
    hy_buf_deinit(&b);
    return fits;
}

static void shorten(search_t *s) {
    size_t len = strlen(s->pattern);
    while (len > 0 && ((unsigned char)s->pattern[--len] & 0xc0) == 0x80) {
    }
    s->pattern[len] = '\0';
}

/* Takes keys until one ends the search; that one. False: the line is at its end. */
static bool take_keys(search_t *s, wchar_t *c) {
    search(s, 1);
    while (hy__terminal_char(s->t, c)) {
        if (*c == CONTROL('R')) {
            search(s, s->back + 1);
        } else if (*c == CONTROL('H') || *c == DELETE) {
            shorten(s);
            s->back = 0;
            search(s, 1);
        } else if (*c >= 0x20) {
            if (lengthen(s, *c)) search(s, s->back > 0 ? s->back : 1);
        } else {
            return true;
        }
    }
    return false;
}

unsigned char hy__key_search(EditLine *el, wint_t key) {
    search_t s = {.t = hy__terminal_of(el)};
    wchar_t c = L'\0';
    (void)key;
    hy_buf_init(&s.before);
    hy_line_code(el, false, &s.before);
    if (s.t->back == 0) {
        s.t->draft.len = 0;
        hy_buf_add(&s.t->draft, s.before.bytes, s.before.len);
    }
    bool is_over = !take_keys(&s, &c);
    bool is_given_up = c == CONTROL('G');
    if (is_given_up && !s.before.failed) hy_line_replace(el, s.before.bytes, s.before.len);
    hy_buf_deinit(&s.before);
    s.t->prompt = "> ";
    hy__terminal_hide(s.t);
    hy__terminal_draw(s.t);
    if (is_over) return hy__terminal_end(s.t, s.t->result);
    s.t->back = is_given_up ? 0 : s.back;
    if (c == L'\r' || c == L'\n') return hy__key_enter(el, key);
    /* An escape is the first byte of a longer key. */
    if (!is_given_up && s.t->in_at > 0) s.t->in_at--;
    return CC_CURSOR;
}
