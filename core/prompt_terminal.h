/* A prompt on a terminal: line editing by libedit, a chunk of one or more lines at a time, with
 * output above what is being typed. */
#ifndef HY_PROMPT_TERMINAL_H
#define HY_PROMPT_TERMINAL_H

#include "base/buf.h"
#include "base/value.h"
#include "prompt_history.h"

#include <poll.h>

typedef struct hy_terminal hy_terminal_t;

typedef struct {
    int fd; /* looked at while a person types */
    /* It can be read. False: it has ended. */
    bool (*readable)(void *arg);
    /* Whether the chunk needs more lines. */
    bool (*is_unfinished)(const char *code, size_t len);
    /* Tab: the frame "completion" (frame.h) for what stands before the cursor, which the caller
     * owns; ABSENT: there is none in time. */
    hy_value_t (*complete)(void *arg, const char *code, size_t len);
    void *arg;
    hy_history_t *history; /* outlives the terminal */
} hy_terminal_config_t;

typedef enum {
    HY_TYPED_CHUNK,     /* Enter: the chunk is complete */
    HY_TYPED_FORGOTTEN, /* Ctrl-C: it is none */
    HY_TYPED_LEAVE,     /* Ctrl-D on an empty line, or the terminal is gone */
    HY_TYPED_CUT        /* `readable` was false */
} hy_typed_t;

/* One at a time in a process: signals know no context. Takes over SIGINT, SIGTSTP, SIGWINCH,
 * SIGTERM and SIGHUP, and the terminal's modes, until freed. NULL when out of memory. */
hy_terminal_t *hy_terminal_new(const hy_terminal_config_t *config);
void hy_terminal_free(hy_terminal_t *t); /* NULL allowed */

/* Waits for a chunk, into `chunk`. */
hy_typed_t hy_terminal_type(hy_terminal_t *t, hy_buf_t *chunk);
/* Whole lines, above what is being typed; then soon, else at once. */
void hy_terminal_print(hy_terminal_t *t, const char *text, size_t len);
int hy_terminal_columns(void);

/* Escapes may be used on stdout: it is a terminal that can, and nobody has asked for none. */
bool hy_terminal_has_colors(void);

/* As poll, but also ended by a signal (-1), however early it came. `t` NULL: signals are as usual.
 */
int hy_terminal_poll(hy_terminal_t *t, struct pollfd *fds, nfds_t count, int timeout_ms);
/* Ctrl-C since the last call. */
bool hy_terminal_was_interrupted(void);
/* The process was asked to end. */
bool hy_terminal_was_ended(void);

#endif
