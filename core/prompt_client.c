/* The client of a prompt: reads chunks, has the host run each, shows what comes back.
 *
 *      terminal (prompt_terminal.c) ──┐
 *      lines of a pipe, or -e ────────┴──► chunk ──► host (prompt_host.c)
 *
 * On a terminal a person edits a chunk until it is complete. From a pipe the lines are taken as
 * they are until they make a chunk that is complete; a failed one makes the exit status 1 and the
 * rest goes on. */
#include "prompt_client.h"
#include "host/chunk.h"
#include "limits.h"
#include "options.h"
#include "prompt_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    const hy_prompt_client_t *config;
    hy_prompt_host_t host;
    bool is_terminal;
    hy_buf_t input; /* from stdin, when it is no terminal */
    hy_buf_t chunk; /* lines that are no complete chunk yet */
    bool has_failed;
    bool is_finished, was_gone; /* the input has ended; so had the host before that */
} client_t;

static hy_asked_result_t eval(client_t *c, const char *code, size_t len) {
    return hy_prompt_host_ask(&c->host, "eval", "code", code, len);
}

/* There is no more input. */
static void finish(client_t *c) {
    if (c->is_finished) return;
    c->is_finished = true;
    c->was_gone = c->host.is_gone;
    if (c->config->host > 0) hy_prompt_host_finish(&c->host);
}

/* --- from pipes ------------------------------------------------------------------------------- */

/* A line from the buffer, with its end of line; the last one may have none. NULL: none there. */
static char *cut_line(hy_buf_t *b, bool is_end, size_t *len) {
    char *end = b->len ? memchr(b->bytes, '\n', b->len) : NULL;
    if (!end && !(is_end && b->len)) return NULL;
    *len = end ? (size_t)(end - b->bytes) + 1 : b->len;
    char *line = malloc(*len + 1);
    if (!line) return NULL;
    memcpy(line, b->bytes, *len);
    line[*len] = '\0';
    b->len -= *len;
    memmove(b->bytes, b->bytes + *len, b->len);
    return line;
}

/* The next line of a pipe or file; the host is listened to meanwhile. NULL at the end. */
static char *read_line(client_t *c, size_t *len) {
    for (;;) {
        char *line = cut_line(&c->input, false, len);
        if (line || c->host.is_gone) return line;
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = c->host.fd, .events = POLLIN}};
        if (hy_terminal_poll(NULL, fds, 2, -1) < 0) continue;
        if (fds[1].revents) hy_prompt_host_listen(&c->host);
        if (!fds[0].revents) continue;
        if (!hy_buf_reserve(&c->input, BUFSIZ)) return NULL;
        ssize_t got = read(STDIN_FILENO, c->input.bytes + c->input.len, BUFSIZ);
        if (got <= 0) return cut_line(&c->input, true, len);
        c->input.len += (size_t)got;
    }
}

/* Adds a line to the chunk and runs it if it is complete. */
static void take_line(client_t *c, const char *line, size_t len) {
    hy_buf_add(&c->chunk, line, len);
    if (c->chunk.failed) {
        hy_prompt_host_complain(&c->host, "the input is too large for one chunk");
        c->has_failed = true;
        hy_buf_deinit(&c->chunk);
        return;
    }
    hy_asked_result_t result = eval(c, c->chunk.bytes, c->chunk.len);
    if (result == HY_ASKED_MORE) return;
    if (result == HY_ASKED_BAD) c->has_failed = true;
    c->chunk.len = 0;
}

static void take_lines(client_t *c) {
    size_t len = 0;
    char *line;
    while (!c->host.is_gone && (line = read_line(c, &len)) != NULL) {
        if (len || c->chunk.len) take_line(c, line, len);
        free(line);
    }
    if (c->chunk.len) {
        hy_prompt_host_complain(&c->host, "the input ends inside a chunk");
        c->has_failed = true;
    }
}

/* --- from people ------------------------------------------------------------------------------ */

static bool on_readable(void *arg) {
    return hy_prompt_host_listen(arg);
}

static hy_value_t on_complete(void *arg, const char *code, size_t len) {
    return hy_prompt_host_complete(arg, code, len);
}

static bool open_terminal(client_t *c, hy_history_t *history) {
    hy_terminal_config_t config = {
        .fd = c->host.fd,
        .readable = on_readable,
        .is_unfinished = hy_chunk_is_unfinished,
        .complete = on_complete,
        .arg = &c->host,
        .history = history,
    };
    c->host.terminal = history ? hy_terminal_new(&config) : NULL;
    if (!c->host.terminal) hy_prompt_host_complain(&c->host, "out of memory");
    return c->host.terminal != NULL;
}

static bool is_blank(const hy_buf_t *b) {
    for (size_t i = 0; i < b->len; i++) {
        if (!strchr(" \t\n", b->bytes[i])) return false;
    }
    return true;
}

static void talk(client_t *c) {
    while (!c->host.is_gone && !hy_terminal_was_ended()) {
        hy_typed_t typed = hy_terminal_type(c->host.terminal, &c->chunk);
        if (typed == HY_TYPED_LEAVE || typed == HY_TYPED_CUT) return;
        if (typed == HY_TYPED_FORGOTTEN || is_blank(&c->chunk)) continue;
        if (c->chunk.failed) {
            hy_prompt_host_complain(&c->host, "the input is too large for one chunk");
            hy_buf_deinit(&c->chunk);
        } else {
            eval(c, c->chunk.bytes, c->chunk.len);
        }
    }
}

static const char greeting[] =
    "chat = load \"group_chat\"      -- a group chat: type these three lines\n"
    "room = chat.create(\"team\")\n"
    "chat.send(room, \"hello\")     -- help() tells what else there is\n";

static void meet(client_t *c) {
    char path[HY_PATH_BYTES_MAX];
    bool has_path = hy_history_path(path, sizeof path) == 0;
    hy_history_t *history = hy_history_open(has_path ? path : NULL);
    if (c->config->name_count == 0 && c->config->host > 0) fputs(greeting, stdout);
    if (open_terminal(c, history)) {
        talk(c);
        finish(c);
    }
    hy_terminal_free(c->host.terminal);
    c->host.terminal = NULL;
    hy_history_close(history);
}

/* --- both ------------------------------------------------------------------------------------- */

static bool load(client_t *c) {
    const hy_prompt_client_t *config = c->config;
    c->host.is_loading = true;
    for (int i = 0; i < config->name_count; i++) {
        const char *name = config->names[i];
        hy_asked_result_t result = hy_prompt_host_ask(&c->host, "load", "name", name, strlen(name));
        if (result != HY_ASKED_GOOD) return false;
    }
    c->host.is_loading = false;
    return true;
}

static void work(client_t *c) {
    const char *code = c->config->code;
    char incomplete[64];
    bool is_there = c->config->host > 0 || hy_prompt_host_meet(&c->host);
    if (!is_there || !load(c)) {
        c->has_failed = true;
    } else if (code) {
        snprintf(incomplete, sizeof incomplete, "hyperty: %s: -e: the code is not complete",
                 c->config->command);
        c->host.incomplete = incomplete;
        if (eval(c, code, strlen(code)) != HY_ASKED_GOOD) c->has_failed = true;
        c->host.incomplete = NULL;
    } else if (c->is_terminal) {
        meet(c); /* a person has seen what failed and gone on */
    } else {
        take_lines(c);
    }
}

/* Tells if the host did not end well. */
static bool has_ended_well(client_t *c) {
    bool was_gone = c->was_gone;
    int status = 0;
    if (c->config->host <= 0) {
        if (was_gone && !c->host.has_reason)
            hy_prompt_host_complain(&c->host, "the host has ended");
        return !was_gone;
    }
    while (waitpid(c->config->host, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "hyperty: %s: the host was ended by signal %d\n", c->config->command,
                WTERMSIG(status));
        return false;
    }
    if (was_gone && !c->host.has_reason && WEXITSTATUS(status) == 0) {
        hy_prompt_host_complain(&c->host, "the host has ended");
    }
    return !was_gone && WEXITSTATUS(status) == 0;
}

int hy_prompt_client_run(const hy_prompt_client_t *config) {
    client_t c = {.config = config};
    c.is_terminal = !config->code && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    c.host = (hy_prompt_host_t){.fd = config->fd,
                                .pid = config->host,
                                .command = config->command,
                                .is_for_people = c.is_terminal};
    hy_prompt_host_init(&c.host);
    hy_buf_init(&c.input);
    hy_buf_init(&c.chunk);
    work(&c);
    finish(&c);
    hy_prompt_host_deinit(&c.host);
    if (!has_ended_well(&c)) c.has_failed = true;
    hy_buf_deinit(&c.input);
    hy_buf_deinit(&c.chunk);
    return c.has_failed ? HY_EXIT_FAILED : HY_EXIT_DONE;
}
