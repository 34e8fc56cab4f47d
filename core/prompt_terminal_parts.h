/* Private to the terminal: what prompt_terminal.c, prompt_keys.c and prompt_search.c share. */
#ifndef HY_PROMPT_TERMINAL_PARTS_H
#define HY_PROMPT_TERMINAL_PARTS_H

#include "prompt_line.h"
#include "prompt_terminal.h"

#include <termios.h>

struct hy_terminal {
    hy_terminal_config_t config;
    EditLine *el;
    struct termios before; /* as it was found */
    bool is_plain;         /* the cursor can only go on */
    const char *prompt;
    bool is_open;      /* a line is on the screen, */
    int row;           /* whose cursor is so far below its begin */
    hy_typed_t result; /* of the line, once libedit has let go of it */
    hy_buf_t *chunk;
    hy_buf_t in; /* typed and not taken yet */
    size_t in_at;
    hy_buf_t out; /* to be shown above the line, from that time on */
    int64_t out_ms;
    hy_buf_t draft, killed; /* what is typed while the history is looked at; what ^Y brings back */
    size_t back;            /* in the history; 0: not there, else from 1 */
    size_t cursor;          /* when the last key was read */
    uint64_t keys, tab;     /* how many keys there were; at which one Tab was the last time */
};

/* --- prompt_terminal.c ------------------------------------------------------------------------ */

/* The next character or byte that is typed; the host is listened to meanwhile, so the line must be
 * on the screen as it is. False: `result` says why there will be none. */
bool hy__terminal_char(hy_terminal_t *t, wchar_t *out);
bool hy__terminal_byte(hy_terminal_t *t, char *out);
/* Takes the line off the screen, and draws it. */
void hy__terminal_hide(hy_terminal_t *t);
void hy__terminal_draw(hy_terminal_t *t);
/* Goes below the line, for what comes next. */
void hy__terminal_pass(hy_terminal_t *t);
/* Ends the line; what a key's function then returns. */
unsigned char hy__terminal_end(hy_terminal_t *t, hy_typed_t result);

/* --- prompt_keys.c, prompt_paste.c ------------------------------------------------------------ */

void hy__keys_bind(hy_terminal_t *t);
unsigned char hy__key_enter(EditLine *el, wint_t c);
unsigned char hy__key_complete(EditLine *el, wint_t c); /* prompt_complete.c */
unsigned char hy__key_search(EditLine *el, wint_t c);   /* prompt_search.c */
hy_terminal_t *hy__terminal_of(EditLine *el);

#endif
