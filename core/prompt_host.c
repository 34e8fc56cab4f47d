/* Frames to and from the host, and what of them is shown.
 *
 *      ask ──► eval ──► host          one is under way at a time; while it is, only the host and
 *          ◄── result, print, log     Ctrl-C are listened to
 *
 * Results go to stdout, everything else to stderr. On a terminal, where both are one, all goes
 * through the terminal, which knows of a line being typed. */
#include "prompt_host.h"
#include "base/mem.h"
#include "host/frame.h"
#include "limits.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Ctrl-C while the host is silent: the first cancels, the last ends it. */
#define INTERRUPTS_TO_END 3

#define CALLS "\nstack traceback:\n"
#define DIM   "\033[2m"
#define OFF   "\033[0m"

void hy_prompt_host_init(hy_prompt_host_t *h) {
    hy_buf_init(&h->in);
    h->completion = hy_absent();
}

void hy_prompt_host_deinit(hy_prompt_host_t *h) {
    hy_buf_deinit(&h->in);
    hy_value_drop(h->completion);
    close(h->fd);
}

/* --- showing ---------------------------------------------------------------------------------- */

/* A line, at the terminal if that is where it goes. */
static void show(const hy_prompt_host_t *h, FILE *out, const char *name, const char *text,
                 size_t len) {
    bool is_here = h->terminal && isatty(fileno(out));
    bool is_colored = is_here && name && hy_terminal_has_colors();
    hy_buf_t b;
    hy_buf_init(&b);
    if (is_colored) hy_buf_text(&b, DIM);
    if (name) {
        hy_buf_text(&b, name);
        hy_buf_char(&b, ':');
    }
    if (is_colored) hy_buf_text(&b, OFF);
    if (name) hy_buf_char(&b, ' ');
    hy_buf_add(&b, text, len);
    hy_buf_char(&b, '\n');
    if (b.failed) {
        hy_prompt_host_complain(h, "out of memory: a line is missing here");
    } else if (is_here) {
        hy_terminal_print(h->terminal, b.bytes, b.len);
    } else {
        fwrite(b.bytes, 1, b.len, out);
        fflush(out);
    }
    hy_buf_deinit(&b);
}

void hy_prompt_host_complain(const hy_prompt_host_t *h, const char *text) {
    char line[HY_ERROR_TEXT_BYTES];
    int len = snprintf(line, sizeof line, "hyperty: %s: %s\n", h->command, text);
    if (h->terminal && isatty(STDERR_FILENO)) {
        hy_terminal_print(h->terminal, line, strnlen(line, (size_t)len));
    } else {
        fputs(line, stderr);
    }
}

static void show_str(const hy_prompt_host_t *h, FILE *out, const char *name, const hy_str_t *text) {
    show(h, out, name, text->bytes, text->len);
}

/* --- from the host ---------------------------------------------------------------------------- */

static void take_result(hy_prompt_host_t *h, const hy_node_t *frame, const hy_str_t *text) {
    const hy_str_t *outcome = hy_get_str(frame, "outcome");
    if (!h->is_waiting || hy_get_int(frame, "id", 0) != h->id) return; /* cancelled before */
    h->is_waiting = false;
    h->result = HY_ASKED_GOOD;
    if (hy_str_is(outcome, "more")) {
        h->result = HY_ASKED_MORE;
        if (h->incomplete) fprintf(stderr, "%s: %s\n", h->incomplete, text->bytes);
    } else if (hy_str_is(outcome, "values")) {
        show_str(h, stdout, NULL, text);
    } else if (!hy_str_is(outcome, "nothing")) {
        h->result = HY_ASKED_BAD;
        /* The calls of a run that was killed are in the log, which a person sees above. */
        const char *calls = h->is_for_people ? strstr(text->bytes, CALLS) : NULL;
        char who[32];
        snprintf(who, sizeof who, "hyperty: %s", h->command);
        show(h, stderr, h->is_loading ? who : NULL, text->bytes,
             calls ? (size_t)(calls - text->bytes) : text->len);
    }
}

static void take_dropped(const hy_prompt_host_t *h, const hy_node_t *frame) {
    char text[80];
    snprintf(text, sizeof text, "%lld lines were dropped, they came too fast",
             (long long)hy_get_int(frame, "lines", 0));
    hy_prompt_host_complain(h, text);
}

static void take_completion(hy_prompt_host_t *h, hy_value_t frame) {
    if (hy_get_int(frame.as.n, "id", 0) != h->complete_id) return; /* too late */
    hy_value_drop(h->completion);
    hy_node_ref(frame.as.n);
    h->completion = frame;
}

static void take_frame(hy_prompt_host_t *h, hy_value_t frame) {
    const hy_node_t *n = frame.as.n;
    const hy_str_t *is = hy_get_str(n, "is"), *text = hy_get_str(n, "text");
    const hy_str_t *name = hy_get_str(n, "name");
    h->interrupts = 0; /* it lives */
    h->was_told = false;
    if (hy_str_is(is, "completion")) {
        take_completion(h, frame);
    } else if (hy_str_is(is, "dropped")) {
        take_dropped(h, n);
    } else if (!text) {
        return;
    } else if (hy_str_is(is, "result")) {
        take_result(h, n, text);
    } else if (hy_str_is(is, "print")) {
        show_str(h, name ? stderr : stdout, name ? name->bytes : NULL, text);
    } else if (hy_str_is(is, "log")) {
        show_str(h, stderr, NULL, text);
    } else if (hy_str_is(is, "hello")) {
        h->has_hello = true;
        if (h->is_for_people) fprintf(stderr, "%s; Ctrl-D leaves it running\n", text->bytes);
    } else if (hy_str_is(is, "end")) {
        hy_prompt_host_complain(h, text->bytes);
        h->is_gone = h->has_reason = true;
    }
}

bool hy_prompt_host_listen(hy_prompt_host_t *h) {
    hy_error_t err;
    ssize_t got = -1;
    if (h->is_gone) return false;
    if (hy_buf_reserve(&h->in, BUFSIZ)) got = read(h->fd, h->in.bytes + h->in.len, BUFSIZ);
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) {
        h->is_gone = true;
        return false;
    }
    h->in.len += (size_t)got;
    hy_value_t frame;
    int rc;
    while ((rc = hy_frame_take(&h->in, &frame, &err)) > 0) {
        take_frame(h, frame);
        hy_value_drop(frame);
    }
    if (rc < 0) {
        hy_prompt_host_complain(h, err.text);
        h->is_gone = h->has_reason = true;
    }
    return !h->is_gone;
}

/* --- to the host ------------------------------------------------------------------------------ */

static hy_value_t frame_new(const char *what, int64_t id) {
    hy_node_t *n = hy_node_new(HY_OBJECT);
    hy_value_t frame = hy_node_value(n);
    if (hy_put(n, "do", hy_text(what)) == 0 && hy_put(n, "id", hy_int(id)) == 0) return frame;
    hy_value_drop(frame);
    return hy_absent();
}

/* Ctrl-C says that nobody wants to wait for the host any more; false: the host is given up. */
static bool interrupt(hy_prompt_host_t *h) {
    h->interrupts++;
    if (h->was_told || h->interrupts >= INTERRUPTS_TO_END) {
        if (h->pid > 0) kill(h->pid, SIGKILL);
        if (h->pid <= 0) h->is_gone = h->has_reason = true;
        return false;
    }
    return true;
}

static void tell_silent(hy_prompt_host_t *h) {
    if (h->was_told) return;
    h->was_told = true;
    hy_prompt_host_complain(h, h->pid > 0 ? "the host does not answer; Ctrl-C once more ends it"
                                          : "the host does not answer; Ctrl-C once more leaves it");
}

/* The socket may be full when the host is busy or stopped; meanwhile it is listened to. */
static bool send_frame(hy_prompt_host_t *h, hy_value_t object) {
    hy_buf_t b;
    hy_buf_init(&b);
    int rc = hy_frame_append(&b, object);
    if (rc) {
        hy_prompt_host_complain(h, rc == HY_ETOO_LARGE ? "the input is too large for one chunk"
                                                       : "out of memory");
    }
    size_t at = 0;
    while (!rc && at < b.len && !h->is_gone) {
        ssize_t sent = send(h->fd, b.bytes + at, b.len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) at += (size_t)sent;
        if (sent >= 0 || errno == EINTR) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            rc = HY_EUNREACHABLE; /* seen again, and told, when reading */
            break;
        }
        struct pollfd host = {.fd = h->fd, .events = POLLIN | POLLOUT};
        int ready = hy_terminal_poll(h->terminal, &host, 1, -1);
        if (ready > 0 && host.revents & ~POLLOUT) hy_prompt_host_listen(h);
        if (hy_terminal_was_interrupted()) {
            tell_silent(h);
            interrupt(h);
        }
    }
    hy_buf_deinit(&b);
    return rc == 0 && !h->is_gone;
}

/* {"do":what,"id":next,key:text,…} */
static bool send_text(hy_prompt_host_t *h, const char *what, const char *key, const char *text,
                      size_t len) {
    hy_value_t frame = frame_new(what, ++h->id);
    hy_node_t *n = frame.kind == HY_OBJECT ? frame.as.n : NULL;
    if (!hy_utf8_is_valid(text, len)) {
        hy_prompt_host_complain(h, "the input is not UTF-8");
        hy_value_drop(frame);
        return false;
    }
    if (hy_put(n, key, hy_string(hy_str_new(text, len))) ||
        hy_put(n, "width", hy_int(hy_terminal_columns())) ||
        hy_put(n, "color", hy_bool(hy_terminal_has_colors())) ||
        hy_put(n, "terminal", hy_bool(h->is_for_people))) {
        hy_value_drop(frame);
        frame = hy_absent();
    }
    return send_frame(h, frame);
}

/* --- questions -------------------------------------------------------------------------------- */

hy_asked_result_t hy_prompt_host_ask(hy_prompt_host_t *h, const char *what, const char *key,
                                     const char *text, size_t len) {
    h->interrupts = 0;
    h->was_told = false;
    if (!send_text(h, what, key, text, len)) return HY_ASKED_BAD;
    h->is_waiting = true;
    while (h->is_waiting && !h->is_gone && !hy_terminal_was_ended()) {
        struct pollfd host = {.fd = h->fd, .events = POLLIN};
        int timeout = h->interrupts > 0 && !h->was_told ? HY_PROMPT_SILENT_MS : -1;
        int ready = hy_terminal_poll(h->terminal, &host, 1, timeout);
        if (ready > 0) hy_prompt_host_listen(h);
        if (ready == 0) tell_silent(h);
        if (!hy_terminal_was_interrupted() || !h->is_waiting) continue;
        if (interrupt(h) && h->interrupts == 1) send_frame(h, frame_new("cancel", h->id));
    }
    bool is_over = !h->is_waiting;
    h->is_waiting = false;
    return is_over ? h->result : HY_ASKED_BAD;
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

hy_value_t hy_prompt_host_complete(hy_prompt_host_t *h, const char *code, size_t len) {
    int64_t until_ms = now_ms() + HY_PROMPT_COMPLETE_MS, left;
    hy_value_drop(h->completion);
    h->completion = hy_absent();
    if (!send_text(h, "complete", "code", code, len)) return hy_absent();
    h->complete_id = h->id;
    while (h->completion.kind == HY_ABSENT && !h->is_gone && (left = until_ms - now_ms()) > 0) {
        struct pollfd host = {.fd = h->fd, .events = POLLIN};
        int ready = hy_terminal_poll(h->terminal, &host, 1, (int)left);
        if (ready > 0) hy_prompt_host_listen(h);
        if (ready < 0) break; /* Ctrl-C, or another size: seen to by who waits for a key */
    }
    hy_value_t answer = h->completion;
    h->completion = hy_absent();
    h->complete_id = 0;
    return answer;
}

bool hy_prompt_host_meet(hy_prompt_host_t *h) {
    int64_t until_ms = now_ms() + HY_ATTACH_MS, left;
    while (!h->has_hello && !h->is_gone && (left = until_ms - now_ms()) > 0) {
        struct pollfd host = {.fd = h->fd, .events = POLLIN};
        if (hy_terminal_poll(h->terminal, &host, 1, (int)left) > 0) hy_prompt_host_listen(h);
    }
    if (!h->has_hello && !h->has_reason) {
        hy_prompt_host_complain(h, "nothing answers there as a host does; it is busy, stopped or "
                                   "something else");
        h->has_reason = true;
    }
    return h->has_hello;
}

void hy_prompt_host_finish(hy_prompt_host_t *h) {
    shutdown(h->fd, SHUT_WR);
    h->interrupts = 0;
    h->was_told = false;
    while (!h->is_gone && !hy_terminal_was_ended()) {
        struct pollfd host = {.fd = h->fd, .events = POLLIN};
        bool is_patient = h->was_told || !h->is_for_people;
        int ready = hy_terminal_poll(h->terminal, &host, 1, is_patient ? -1 : HY_PROMPT_SILENT_MS);
        if (ready > 0) hy_prompt_host_listen(h);
        if (ready == 0 && h->pid <= 0) return; /* it goes on without us */
        if (ready == 0) tell_silent(h);
        if (hy_terminal_was_interrupted()) interrupt(h);
    }
}
