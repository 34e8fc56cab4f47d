/* Line editing on a terminal, one line at a time, with output above the line being typed. */
#ifndef HY_PROMPT_TERMINAL_H
#define HY_PROMPT_TERMINAL_H

#include <poll.h>
#include <stdbool.h>

typedef struct hy_terminal hy_terminal_t;

/* One at a time in a process: libedit and signals know no context. Takes over SIGINT, SIGTSTP and
 * SIGWINCH until freed. NULL when out of memory. */
hy_terminal_t *hy_terminal_new(void);
void hy_terminal_free(hy_terminal_t *t); /* NULL allowed */

/* Begins a line; the terminal is in line editing until it is closed, then as it was before. */
void hy_terminal_open(hy_terminal_t *t, const char *prompt);
void hy_terminal_close(hy_terminal_t *t);
/* Takes what was typed. False: Ctrl-D on an empty line. `*line` gets a complete line (malloc). */
bool hy_terminal_read(hy_terminal_t *t, char **line);
/* Throws away what was typed. */
void hy_terminal_clear(hy_terminal_t *t);
/* Around output: takes the line being typed off the screen, and draws it again. Harmless when no
 * line is open. */
void hy_terminal_hide(hy_terminal_t *t);
void hy_terminal_show(hy_terminal_t *t);

/* As poll without a limit, but also ended by a signal (-1), however early it came. */
int hy_terminal_poll(struct pollfd *fds, nfds_t count);
/* Ctrl-C since the last call. */
bool hy_terminal_was_interrupted(void);

#endif
