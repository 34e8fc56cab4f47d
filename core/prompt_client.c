/* The client of a prompt: reads lines, sends each complete chunk to the host, shows what comes
 * back.
 *
 *      stdin ──► chunk ──► eval ──► host          one chunk is under way at a time; while it is,
 *      stdout, stderr ◄── result, print, log      only the host is listened to
 *
 * On a terminal libedit reads (prompt_terminal.c) and Ctrl-C cancels what is under way. From a pipe
 * the lines are read as they are, a failed chunk makes the exit status 1 and the rest goes on.
 * Results go to stdout, everything else to stderr. */
#include "prompt_client.h"
#include "base/buf.h"
#include "host/frame.h"
#include "options.h"
#include "prompt_terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define COLUMNS_USUAL 80
/* Ctrl-C while the host is silent: the first cancels, the second warns, the third kills, or leaves.
 */
#define INTERRUPTS_TO_WARN 2
#define INTERRUPTS_TO_KILL 3

typedef enum { RESULT_GOOD, RESULT_BAD, RESULT_MORE } result_t;

typedef struct {
    const hy_prompt_client_t *config;
    bool is_terminal;
    hy_buf_t in;    /* from the host */
    hy_buf_t input; /* from stdin, when it is no terminal */
    hy_buf_t chunk; /* lines that are no complete chunk yet */
    hy_terminal_t *terminal;
    bool is_loading; /* of hyperties named on the command line */
    int64_t id;      /* of the chunk under way, or of the last one */
    bool is_waiting, host_is_gone;
    bool has_hello;  /* the host has said what it is */
    bool has_reason; /* why it is gone was told */
    result_t result;
    int interrupts;
    bool has_failed;
} client_t;

static void complain(const client_t *c, const char *text) {
    fprintf(stderr, "hyperty: %s: %s\n", c->config->command, text);
}

/* --- to the host ------------------------------------------------------------------------------ */

/* The socket may be full when the host is busy; then this waits, as there is nothing else to do. */
static bool send_frame(client_t *c, hy_value_t object) {
    hy_buf_t b;
    hy_buf_init(&b);
    int rc = hy_frame_append(&b, object);
    if (rc)
        complain(c, rc == HY_ETOO_LARGE ? "the input is too large for one chunk" : "out of memory");
    size_t at = 0;
    while (!rc && at < b.len) {
        ssize_t sent = send(c->config->fd, b.bytes + at, b.len - at, MSG_NOSIGNAL);
        if (sent >= 0) {
            at += (size_t)sent;
        } else if (errno != EINTR) {
            rc = HY_EUNREACHABLE; /* seen again, and told, when reading */
        }
    }
    hy_buf_deinit(&b);
    return rc == 0;
}

static hy_value_t frame_new(const char *what, int64_t id) {
    hy_node_t *n = hy_node_new(HY_OBJECT);
    hy_value_t frame = hy_node_value(n);
    if (hy_put(n, "do", hy_text(what)) == 0 && hy_put(n, "id", hy_int(id)) == 0) return frame;
    hy_value_drop(frame);
    return hy_absent();
}

static int columns(void) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) return size.ws_col;
    return COLUMNS_USUAL;
}

static bool wants_color(void) {
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

/* {"do":what,"id":next,key:text,"width":…,"color":…} */
static bool send_text(client_t *c, const char *what, const char *key, const char *text,
                      size_t len) {
    hy_value_t frame = frame_new(what, ++c->id);
    hy_node_t *n = frame.kind == HY_OBJECT ? frame.as.n : NULL;
    if (!hy_utf8_is_valid(text, len)) {
        complain(c, "the input is not UTF-8");
        hy_value_drop(frame);
        return false;
    }
    if (hy_put(n, key, hy_string(hy_str_new(text, len))) || hy_put(n, "width", hy_int(columns())) ||
        hy_put(n, "color", hy_bool(wants_color()))) {
        hy_value_drop(frame);
        frame = hy_absent();
    }
    return send_frame(c, frame);
}

/* --- from the host ---------------------------------------------------------------------------- */

static void show(client_t *c, FILE *out, const char *name, const hy_str_t *text) {
    if (c->terminal) hy_terminal_hide(c->terminal);
    if (name) fprintf(out, "%s: ", name);
    fwrite(text->bytes, 1, text->len, out);
    fputc('\n', out);
    fflush(out);
    if (c->terminal) hy_terminal_show(c->terminal);
}

static void take_result(client_t *c, const hy_node_t *frame, const hy_str_t *text) {
    const hy_str_t *outcome = hy_get_str(frame, "outcome");
    if (!c->is_waiting || hy_get_int(frame, "id", 0) != c->id) return; /* cancelled before */
    c->is_waiting = false;
    c->result = RESULT_GOOD;
    if (hy_str_is(outcome, "more")) {
        c->result = RESULT_MORE;
        if (c->config->code) { /* no line will follow */
            fprintf(stderr, "hyperty: %s: -e: the code is not complete: %s\n", c->config->command,
                    text->bytes);
        }
    } else if (hy_str_is(outcome, "values")) {
        show(c, stdout, NULL, text);
    } else if (!hy_str_is(outcome, "nothing")) {
        c->result = RESULT_BAD;
        show(c, stderr, c->is_loading ? "hyperty: repl" : NULL, text);
    }
}

/* The host has done with this client. */
static void take_end(client_t *c, const hy_str_t *why) {
    if (c->terminal) hy_terminal_hide(c->terminal);
    complain(c, why->bytes);
    if (c->terminal) hy_terminal_show(c->terminal);
    c->has_reason = c->host_is_gone = true;
}

static void take_hello(client_t *c, const hy_str_t *text) {
    c->has_hello = true;
    if (c->is_terminal) printf("%s: Ctrl-D leaves it running\n", text->bytes);
}

static void take_frame(client_t *c, const hy_node_t *frame) {
    const hy_str_t *is = hy_get_str(frame, "is"), *text = hy_get_str(frame, "text");
    const hy_str_t *name = hy_get_str(frame, "name");
    c->interrupts = 0; /* it lives */
    if (hy_str_is(is, "dropped")) {
        if (c->terminal) hy_terminal_hide(c->terminal);
        fprintf(stderr, "hyperty: %s: %lld lines were dropped, they came too fast\n",
                c->config->command, (long long)hy_get_int(frame, "lines", 0));
        if (c->terminal) hy_terminal_show(c->terminal);
    } else if (!text) {
        return;
    } else if (hy_str_is(is, "result")) {
        take_result(c, frame, text);
    } else if (hy_str_is(is, "print")) {
        show(c, name ? stderr : stdout, name ? name->bytes : NULL, text);
    } else if (hy_str_is(is, "log")) {
        show(c, stderr, NULL, text);
    } else if (hy_str_is(is, "hello")) {
        take_hello(c, text);
    } else if (hy_str_is(is, "end")) {
        take_end(c, text);
    }
}

/* Reads what the host has sent, waiting for it. */
static void listen_host(client_t *c) {
    hy_error_t err;
    ssize_t got = -1;
    if (hy_buf_reserve(&c->in, BUFSIZ)) got = read(c->config->fd, c->in.bytes + c->in.len, BUFSIZ);
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
        c->host_is_gone = true;
        return;
    }
    c->in.len += (size_t)got;
    hy_value_t frame;
    int rc;
    while ((rc = hy_frame_take(&c->in, &frame, &err)) > 0) {
        take_frame(c, frame.as.n);
        hy_value_drop(frame);
    }
    if (rc < 0) {
        complain(c, err.text);
        c->has_reason = c->host_is_gone = true;
    }
}

/* Ctrl-C while a chunk is under way. */
static void interrupt(client_t *c) {
    c->interrupts++;
    if (c->interrupts == 1) {
        send_frame(c, frame_new("cancel", c->id));
    } else if (c->interrupts == INTERRUPTS_TO_WARN) {
        complain(c, c->config->host ? "the host does not answer; Ctrl-C once more ends it"
                                    : "the host does not answer; Ctrl-C once more leaves it");
    } else if (c->interrupts >= INTERRUPTS_TO_KILL && c->config->host) {
        kill(c->config->host, SIGKILL);
    } else if (c->interrupts >= INTERRUPTS_TO_KILL) {
        c->has_reason = c->host_is_gone = true;
    }
}

/* Sends a chunk (or the name of a hyperty) and waits for its result. */
static result_t ask(client_t *c, const char *what, const char *key, const char *text, size_t len) {
    if (!send_text(c, what, key, text, len)) return RESULT_BAD;
    c->is_waiting = true;
    c->interrupts = 0;
    while (c->is_waiting && !c->host_is_gone) {
        struct pollfd host = {.fd = c->config->fd, .events = POLLIN};
        if (hy_terminal_poll(&host, 1) > 0) listen_host(c);
        if (hy_terminal_was_interrupted()) interrupt(c);
    }
    return c->host_is_gone ? RESULT_BAD : c->result;
}

static result_t eval(client_t *c, const char *code, size_t len) {
    return ask(c, "eval", "code", code, len);
}

/* --- from people and pipes -------------------------------------------------------------------- */

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
        if (line || c->host_is_gone) return line;
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = c->config->fd, .events = POLLIN}};
        if (hy_terminal_poll(fds, 2) < 0) continue;
        if (fds[1].revents) listen_host(c);
        if (!fds[0].revents) continue;
        if (!hy_buf_reserve(&c->input, BUFSIZ)) return NULL;
        ssize_t got = read(STDIN_FILENO, c->input.bytes + c->input.len, BUFSIZ);
        if (got <= 0) return cut_line(&c->input, true, len);
        c->input.len += (size_t)got;
    }
}

/* The next line of a terminal. NULL: Ctrl-D. After Ctrl-C an empty line, and the chunk is
 * forgotten. */
static char *type_line(client_t *c, size_t *len) {
    hy_terminal_open(c->terminal, c->chunk.len ? ">> " : "> ");
    char *line = NULL;
    bool has_ended = false;
    while (!line && !has_ended && !c->host_is_gone) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = c->config->fd, .events = POLLIN}};
        int count = hy_terminal_poll(fds, 2);
        if (hy_terminal_was_interrupted()) {
            hy_terminal_clear(c->terminal);
            c->chunk.len = 0;
            line = strdup("");
        }
        if (count <= 0) continue;
        if (fds[1].revents) listen_host(c);
        if (fds[0].revents) has_ended = !hy_terminal_read(c->terminal, &line);
    }
    hy_terminal_close(c->terminal);
    if (line) *len = strlen(line);
    return line;
}

/* Adds a line to the chunk and runs it if it is complete. */
static void take_line(client_t *c, const char *line, size_t len) {
    if (c->chunk.len && c->chunk.bytes[c->chunk.len - 1] != '\n') hy_buf_char(&c->chunk, '\n');
    hy_buf_add(&c->chunk, line, len);
    if (c->chunk.failed) {
        complain(c, "the input is too large for one chunk");
        c->has_failed = true;
        hy_buf_deinit(&c->chunk);
        return;
    }
    result_t result = eval(c, c->chunk.bytes, c->chunk.len);
    if (result == RESULT_MORE) return;
    if (result == RESULT_BAD) c->has_failed = true;
    c->chunk.len = 0;
}

static void take_lines(client_t *c) {
    size_t len = 0;
    char *line;
    while (!c->host_is_gone &&
           (line = c->terminal ? type_line(c, &len) : read_line(c, &len)) != NULL) {
        if (len || c->chunk.len) take_line(c, line, len);
        free(line);
    }
    if (c->chunk.len && !c->terminal) {
        complain(c, "the input ends inside a chunk");
        c->has_failed = true;
    }
}

/* Waits for a host that is not ours to say what it is; what listens there may be anything. */
static bool meet(client_t *c) {
    int left_ms = HY_ATTACH_MS;
    while (!c->has_hello && !c->host_is_gone && left_ms > 0) {
        struct pollfd host = {.fd = c->config->fd, .events = POLLIN};
        if (poll(&host, 1, HY_ATTACH_STEP_MS) > 0) listen_host(c);
        left_ms -= HY_ATTACH_STEP_MS;
    }
    if (!c->has_hello && !c->host_is_gone) {
        complain(c, "nothing answers there as a host does; it is busy, stopped or something else");
        c->has_reason = true;
    }
    return c->has_hello;
}

static const char greeting[] =
    "chat = load \"group_chat\"      -- a group chat: type these three lines\n"
    "room = chat.create(\"team\")\n"
    "chat.send(room, \"hello\")     -- help() tells what else there is\n";

static void work(client_t *c) {
    const hy_prompt_client_t *config = c->config;
    if (!config->host && !meet(c)) {
        c->host_is_gone = true;
        return;
    }
    c->is_loading = true;
    for (int i = 0; i < config->name_count; i++) {
        const char *name = config->names[i];
        if (ask(c, "load", "name", name, strlen(name)) == RESULT_GOOD) continue;
        c->has_failed = true;
        return;
    }
    c->is_loading = false;
    if (config->code) {
        if (eval(c, config->code, strlen(config->code)) != RESULT_GOOD) c->has_failed = true;
        return;
    }
    if (c->is_terminal) {
        if (config->host && config->name_count == 0) fputs(greeting, stdout);
        c->terminal = hy_terminal_new();
    }
    take_lines(c);
    hy_terminal_free(c->terminal);
    /* A person has seen what failed and gone on. */
    if (c->is_terminal) c->has_failed = false;
}

/* Leaves a host that goes on. */
static bool leave_host(const client_t *c) {
    close(c->config->fd);
    if (c->host_is_gone && !c->has_reason) complain(c, "the host has ended");
    return !c->host_is_gone;
}

/* Lets the host end, and tells if it did not end well. */
static bool end_host(client_t *c) {
    int status = 0;
    bool was_gone = c->host_is_gone;
    shutdown(c->config->fd, SHUT_WR);
    while (!c->host_is_gone)
        listen_host(c);
    close(c->config->fd);
    while (waitpid(c->config->host, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "hyperty: %s: the host was ended by signal %d\n", c->config->command,
                WTERMSIG(status));
        return false;
    }
    if (was_gone && !c->has_reason && WEXITSTATUS(status) == 0) complain(c, "the host has ended");
    return !was_gone && WEXITSTATUS(status) == 0;
}

int hy_prompt_client_run(const hy_prompt_client_t *config) {
    client_t c = {.config = config};
    c.is_terminal = !config->code && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    hy_buf_init(&c.in);
    hy_buf_init(&c.input);
    hy_buf_init(&c.chunk);
    work(&c);
    c.terminal = NULL;
    if (!(config->host ? end_host(&c) : leave_host(&c))) c.has_failed = true;
    hy_buf_deinit(&c.in);
    hy_buf_deinit(&c.input);
    hy_buf_deinit(&c.chunk);
    return c.has_failed ? HY_EXIT_FAILED : HY_EXIT_DONE;
}
