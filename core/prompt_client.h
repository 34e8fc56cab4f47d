/* The prompt that a person (or a pipe) talks to. It lives in a process of its own and reaches its
 * host by a socket only (DESIGN.md, decision 8), so whatever blocks here blocks nobody. */
#ifndef HY_PROMPT_CLIENT_H
#define HY_PROMPT_CLIENT_H

#include <sys/types.h>

typedef struct {
    int fd;     /* connected to the host; the client closes it */
    pid_t host; /* its process, if it is a child: waited for at the end; 0: it is not ours */
    const char *command; /* "repl" or "attach", for what is said */
    const char **names;  /* loaded first, as if by `name = load "name"` */
    int name_count;
    const char *code; /* run this and leave; NULL: read lines from stdin */
} hy_prompt_client_t;

/* Runs until the input or the host ends. Gives the exit status. */
int hy_prompt_client_run(const hy_prompt_client_t *config);

#endif
