/* libedit by its readline interface, in callback mode: it is fed when stdin has something, so the
 * host can be listened to while a person types.
 *
 * Signals are held back except inside hy_terminal_poll: a handler only sets a flag, and no signal
 * is missed between looking at the flag and waiting. */
#define _GNU_SOURCE /* ppoll */
#include "prompt_terminal.h"
#include "limits.h"

#include <editline/readline.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CTRL_D 4

struct hy_terminal {
    const char *prompt;
    bool is_open;
    bool has_line; /* it is complete; or it is the end, if `line` is NULL */
    char *line;
};

static volatile sig_atomic_t was_interrupted, was_stopped, was_resized;
static hy_terminal_t *current; /* for the line handler, which gets no argument */

static void on_signal(int number) {
    if (number == SIGINT) was_interrupted = 1;
    if (number == SIGTSTP) was_stopped = 1;
    if (number == SIGWINCH) was_resized = 1;
}

static void signal_set(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTSTP);
    sigaddset(set, SIGWINCH);
}

/* Ctrl-D on an empty line; libedit's own answer to it does not reach the line handler. */
static int on_end_key(int count, int key) {
    (void)count;
    (void)key;
    if (rl_end == 0) current->has_line = true;
    return 0;
}

/* Lines are UTF-8 whatever the locale is called: with none, libedit would drop what is not ASCII.
 */
static void set_locale(void) {
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
}

hy_terminal_t *hy_terminal_new(void) {
    hy_terminal_t *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    current = t;
    sigset_t set;
    signal_set(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTSTP, &action, NULL);
    sigaction(SIGWINCH, &action, NULL);
    set_locale();
    rl_readline_name = "hyperty";
    rl_catch_signals = 0;
    rl_initialize();
    rl_bind_key('\t', rl_insert);
    rl_add_defun("hyperty-end", on_end_key, CTRL_D);
    /* What a Ctrl-D turns into that was typed before line editing began. */
    rl_add_defun("hyperty-end-early", on_end_key, 0);
    using_history();
    stifle_history(HY_PROMPT_HISTORY_MAX);
    return t;
}

void hy_terminal_free(hy_terminal_t *t) {
    if (!t) return;
    hy_terminal_close(t);
    clear_history();
    free(t->line);
    free(t);
    current = NULL;
    sigset_t set;
    signal_set(&set);
    signal(SIGINT, SIG_DFL);
    signal(SIGTSTP, SIG_DFL);
    signal(SIGWINCH, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Called by libedit with a copy of the line, NULL for Ctrl-D. */
static void on_line(char *line) {
    current->has_line = true;
    free(current->line);
    current->line = line;
    rl_callback_handler_remove();
    current->is_open = false;
}

void hy_terminal_open(hy_terminal_t *t, const char *prompt) {
    if (t->is_open) return;
    t->prompt = prompt;
    t->has_line = false;
    t->is_open = true;
    rl_callback_handler_install(prompt, on_line);
}

void hy_terminal_close(hy_terminal_t *t) {
    if (!t->is_open) return;
    rl_callback_handler_remove();
    t->is_open = false;
}

bool hy_terminal_read(hy_terminal_t *t, char **line) {
    if (!t->is_open) return true;
    rl_callback_read_char();
    if (!t->has_line) return true;
    t->has_line = false;
    if (!t->line) {
        hy_terminal_close(t);
        putchar('\n');
        return false;
    }
    if (*t->line) add_history(t->line);
    *line = t->line;
    t->line = NULL;
    return true;
}

void hy_terminal_clear(hy_terminal_t *t) {
    if (!t->is_open) return;
    hy_terminal_close(t);
    fputs("^C\n", stdout);
    fflush(stdout);
}

/* Screen cells before the cursor: characters, each taken as one cell wide. */
static size_t cells_before_cursor(const hy_terminal_t *t) {
    size_t cells = strlen(t->prompt);
    for (int i = 0; rl_line_buffer && i < rl_point; i++) {
        if (((unsigned char)rl_line_buffer[i] & 0xc0) != 0x80) cells++;
    }
    return cells;
}

void hy_terminal_hide(hy_terminal_t *t) {
    if (!t->is_open) return;
    int rows = 0, columns = 0;
    rl_get_screen_size(&rows, &columns);
    size_t up = columns > 0 ? cells_before_cursor(t) / (size_t)columns : 0;
    if (up) printf("\033[%zuA", up);
    fputs("\r\033[J", stdout);
    fflush(stdout);
}

void hy_terminal_show(hy_terminal_t *t) {
    if (t->is_open) rl_forced_update_display();
}

/* Ctrl-Z: the shell gets the terminal as it was, and on return the line is there again. */
static void stop(hy_terminal_t *t) {
    char *line = t->is_open && rl_line_buffer ? strdup(rl_line_buffer) : NULL;
    bool was_open = t->is_open;
    hy_terminal_hide(t);
    hy_terminal_close(t);
    raise(SIGSTOP);
    if (was_open) hy_terminal_open(t, t->prompt);
    if (line && *line) rl_insert_text(line);
    free(line);
    hy_terminal_show(t);
}

int hy_terminal_poll(struct pollfd *fds, nfds_t count) {
    sigset_t open_mask, set;
    signal_set(&set);
    sigprocmask(SIG_BLOCK, NULL, &open_mask);
    for (int number = 1; current && number < NSIG; number++) {
        if (sigismember(&set, number) == 1) sigdelset(&open_mask, number);
    }
    int ready = ppoll(fds, count, NULL, &open_mask);
    if (was_resized) {
        was_resized = 0;
        if (current) rl_resize_terminal();
    }
    if (was_stopped) {
        was_stopped = 0;
        if (current) stop(current);
    }
    return ready;
}

bool hy_terminal_was_interrupted(void) {
    bool answer = was_interrupted != 0;
    was_interrupted = 0;
    return answer;
}
