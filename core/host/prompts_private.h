/* What prompts.c and prompt_gate.c share. */
#ifndef HY_HOST_PROMPTS_PRIVATE_H
#define HY_HOST_PROMPTS_PRIVATE_H

#include "prompts.h"

#include <sys/types.h>

/* A listening socket and the file that it is found by. */
typedef struct {
    hy_prompts_t *prompts;
    int fd;           /* -1: none */
    hy_poll_t *poll;  /* NULL: none */
    hy_timer_t pause; /* runs: there are no descriptors, nobody is let in */
    hy_str_t *path;   /* NULL: there is no file of ours */
    dev_t device;     /* which file that is */
    ino_t inode;
} hy__prompt_gate_t;

void hy__prompt_gate_init(hy__prompt_gate_t *g, hy_prompts_t *ps);
int hy__prompt_gate_open(hy__prompt_gate_t *g, const char *path, hy_error_t *err);
void hy__prompt_gate_close(hy__prompt_gate_t *g);

/* Last words to a client that is not let in; the descriptor stays the caller's. */
void hy__prompt_refuse(int fd, const char *why);

/* prompts.c: somebody of the same user has come; the descriptor is taken over. */
void hy__prompts_admit(hy_prompts_t *ps, int fd, pid_t pid);
const hy_prompts_config_t *hy__prompts_config(const hy_prompts_t *ps);

#endif
