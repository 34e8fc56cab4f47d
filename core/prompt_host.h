/* A prompt's way to its host: frames over a socket (host/frame.h), never waiting for a host that
 * does not answer without an ear for Ctrl-C. */
#ifndef HY_PROMPT_HOST_H
#define HY_PROMPT_HOST_H

#include "prompt_terminal.h"

#include <sys/types.h>

typedef enum { HY_ASKED_GOOD, HY_ASKED_BAD, HY_ASKED_MORE } hy_asked_result_t;

typedef struct {
    int fd;
    pid_t pid;               /* its process, if it is ours; 0: it is not */
    const char *command;     /* "repl", for what is said */
    hy_terminal_t *terminal; /* NULL: none */
    bool is_for_people;      /* who reads is at a terminal */
    bool is_loading;         /* of hyperties named on the command line */
    const char *incomplete; /* said when a chunk is not complete and no line will follow; or NULL */
    /* Kept by prompt_host.c. */
    hy_buf_t in;
    int64_t id; /* of the last question */
    bool is_waiting, is_gone;
    bool has_hello;  /* the host has said what it is */
    bool has_reason; /* why it is gone was told */
    hy_asked_result_t result;
    int interrupts;
    bool was_told; /* that the host is silent */
    int64_t complete_id;
    hy_value_t completion; /* its answer; ABSENT: not there */
} hy_prompt_host_t;

void hy_prompt_host_init(hy_prompt_host_t *h);
void hy_prompt_host_deinit(hy_prompt_host_t *h); /* also closes the descriptor */

/* Waits for a host that is not ours to say what it is, as what listens there may be anything.
 * False, having told so: it does not, in time. */
bool hy_prompt_host_meet(hy_prompt_host_t *h);
/* Shows what the host has sent; waits until there is something. False: the host is gone. */
bool hy_prompt_host_listen(hy_prompt_host_t *h);
/* Sends a chunk ("eval", "code") or the name of a hyperty ("load", "name"), and waits for its
 * result. */
hy_asked_result_t hy_prompt_host_ask(hy_prompt_host_t *h, const char *what, const char *key,
                                     const char *text, size_t len);
/* The frame "completion" for what is typed, for HY_PROMPT_COMPLETE_MS at most; ABSENT: none. */
hy_value_t hy_prompt_host_complete(hy_prompt_host_t *h, const char *code, size_t len);
/* There will be no more input: waits until the host has said all it has to say. */
void hy_prompt_host_finish(hy_prompt_host_t *h);
void hy_prompt_host_complain(const hy_prompt_host_t *h, const char *text);

#endif
