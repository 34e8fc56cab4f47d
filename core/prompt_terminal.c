/* The terminal: its modes, signals, what is typed, and output above it.
 *
 *      el_wgets ──► read_char ──► poll ──┬── stdin ──► in ──► one character
 *          ▲                             ├── host ───► out ─► shown above the line
 *          └── keys (prompt_keys.c)      └── signals
 *
 * libedit asks for a character when the screen is as it left it; that is when the host is listened
 * to. Output that comes then is gathered for HY_PROMPT_DRAW_MS and shown at once: the line is taken
 * off the screen, the output written, the line drawn again below, all in one write.
 *
 * What is typed while nobody reads it stays with the kernel and is not echoed: also between the
 * lines the terminal is in a mode without echo and lines.
 *
 * Signals are held back except inside hy_terminal_poll: a handler only sets a flag, and no signal
 * is missed between looking at the flag and waiting. */
#define _GNU_SOURCE /* ppoll */
#include "limits.h"
#include "prompt_terminal_parts.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define COLUMNS_USUAL 80
#define COLUMNS_MIN   20
#define OUT_BYTES     (256u << 10) /* that are gathered at most */
#define PROMPT        "> "
/* The terminal tells what is pasted from what is typed. */
#define PASTE_ON  "\033[?2004h"
#define PASTE_OFF "\033[?2004l"

/* --- signals ---------------------------------------------------------------------------------- */

static volatile sig_atomic_t was_interrupted, was_stopped, was_resized, was_ended;

static const int taken_signals[] = {SIGINT, SIGTSTP, SIGWINCH, SIGTERM, SIGHUP};
#define SIGNAL_COUNT (sizeof taken_signals / sizeof *taken_signals)

static void on_signal(int number) {
    if (number == SIGINT) was_interrupted = 1;
    if (number == SIGTSTP) was_stopped = 1;
    if (number == SIGWINCH) was_resized = 1;
    if (number == SIGTERM || number == SIGHUP) was_ended = 1;
}

static void take_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        sigaddset(&set, taken_signals[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        sigaction(taken_signals[i], &action, NULL);
}

static void give_signals_back(void) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        signal(taken_signals[i], SIG_DFL);
        sigaddset(&set, taken_signals[i]);
    }
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

bool hy_terminal_was_interrupted(void) {
    bool answer = was_interrupted != 0;
    was_interrupted = 0;
    return answer;
}

bool hy_terminal_was_ended(void) {
    return was_ended != 0;
}

/* --- the screen ------------------------------------------------------------------------------- */

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct winsize screen(void) {
    struct winsize size = {0};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    if (size.ws_col == 0) size.ws_col = COLUMNS_USUAL;
    return size;
}

int hy_terminal_columns(void) {
    int columns = screen().ws_col;
    return columns < COLUMNS_MIN ? COLUMNS_MIN : columns;
}

static bool is_capable(void) {
    const char *term = getenv("TERM");
    return term && *term && strcmp(term, "dumb") != 0;
}

bool hy_terminal_has_colors(void) {
    const char *no_color = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && !(no_color && *no_color) && is_capable();
}

static int row_of(hy_terminal_t *t, size_t at) {
    struct winsize size = screen();
    int row = hy_line_cell(t->el, t->prompt, size.ws_col, at).row;
    return size.ws_row > 0 && row >= size.ws_row ? size.ws_row - 1 : row;
}

static size_t cursor_of(hy_terminal_t *t) {
    const LineInfoW *l = el_wline(t->el);
    return (size_t)(l->cursor - l->buffer);
}

static void note_row(hy_terminal_t *t) {
    t->row = row_of(t, cursor_of(t));
}

void hy__terminal_hide(hy_terminal_t *t) {
    if (!t->is_open) return;
    if (t->is_plain) {
        putchar('\n');
        return;
    }
    if (t->row > 0) printf("\033[%dA", t->row);
    fputs("\r\033[J", stdout);
}

void hy__terminal_draw(hy_terminal_t *t) {
    if (!t->is_open) return;
    el_set(t->el, EL_REFRESH); /* flushes */
    note_row(t);
}

static void flush_out(hy_terminal_t *t) {
    if (t->out.len == 0) return;
    hy__terminal_hide(t);
    fwrite(t->out.bytes, 1, t->out.len, stdout);
    t->out.len = 0;
    hy__terminal_draw(t);
    fflush(stdout);
}

void hy__terminal_pass(hy_terminal_t *t) {
    const LineInfoW *l = el_wline(t->el);
    flush_out(t);
    int down = row_of(t, (size_t)(l->lastchar - l->buffer)) - t->row;
    if (down > 0 && !t->is_plain) printf("\033[%dB", down);
    fputs("\r\n", stdout);
    fflush(stdout);
}

void hy_terminal_print(hy_terminal_t *t, const char *text, size_t len) {
    if (t->is_open && t->out.len + len <= OUT_BYTES) {
        if (t->out.len == 0) t->out_ms = now_ms() + HY_PROMPT_DRAW_MS;
        hy_buf_add(&t->out, text, len);
        if (!t->out.failed) return;
        t->out.failed = false;
    }
    flush_out(t);
    hy__terminal_hide(t);
    fwrite(text, 1, len, stdout);
    hy__terminal_draw(t);
    fflush(stdout);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static void set_paste(const hy_terminal_t *t, bool is_on) {
    if (t->is_plain) return;
    fputs(is_on ? PASTE_ON : PASTE_OFF, stdout);
    fflush(stdout);
}

/* As if the signal had not been taken. */
static void stop_process(void) {
    struct sigaction taken, usual = {.sa_handler = SIG_DFL};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigaction(SIGTSTP, &usual, &taken);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* here it stops */
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigaction(SIGTSTP, &taken, NULL);
}

/* Ctrl-Z: the shell gets the terminal as it was, and on return the line is there again. */
static void stop(hy_terminal_t *t) {
    struct termios now;
    bool is_known = tcgetattr(STDIN_FILENO, &now) == 0;
    hy__terminal_hide(t);
    set_paste(t, false);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
    stop_process();
    if (is_known) tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
    set_paste(t, true);
    el_resize(t->el);
    hy__terminal_draw(t);
}

/* The terminal has wrapped what is on it anew. */
static void resize(hy_terminal_t *t) {
    if (t->is_open) note_row(t);
    hy__terminal_hide(t);
    el_resize(t->el);
    hy__terminal_draw(t);
}

int hy_terminal_poll(hy_terminal_t *t, struct pollfd *fds, nfds_t count, int timeout_ms) {
    struct timespec limit = {.tv_sec = timeout_ms / 1000,
                             .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    sigset_t open_mask;
    sigprocmask(SIG_BLOCK, NULL, &open_mask);
    for (size_t i = 0; t && i < SIGNAL_COUNT; i++)
        sigdelset(&open_mask, taken_signals[i]);
    int ready = ppoll(fds, count, timeout_ms < 0 ? NULL : &limit, &open_mask);
    if (t && was_resized) {
        was_resized = 0;
        resize(t);
    }
    if (t && was_stopped) {
        was_stopped = 0;
        stop(t);
    }
    return ready;
}

/* Reads what was typed. */
static bool read_typed(hy_terminal_t *t) {
    if (t->in_at == t->in.len) t->in_at = t->in.len = 0;
    if (!hy_buf_reserve(&t->in, HY_PROMPT_READ_BYTES)) return false;
    ssize_t got = read(STDIN_FILENO, t->in.bytes + t->in.len, HY_PROMPT_READ_BYTES);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (got <= 0) return false;
    t->in.len += (size_t)got;
    return true;
}

static int out_timeout(const hy_terminal_t *t) {
    if (t->out.len == 0) return -1;
    int64_t left = t->out_ms - now_ms();
    return left > 0 ? (int)left : 0;
}

/* Until there is more in `in`, or something to do was done. False: the line is at its end. */
static bool wait_for_typed(hy_terminal_t *t) {
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = t->config.fd, .events = POLLIN}};
    int ready = hy_terminal_poll(t, fds, 2, out_timeout(t));
    bool has_ended = hy_terminal_was_ended(), is_cut = false;
    if (hy_terminal_was_interrupted()) {
        t->result = HY_TYPED_FORGOTTEN;
        t->in.len = t->in_at = 0;
        return false;
    }
    if (ready > 0 && fds[1].revents) is_cut = !t->config.readable(t->config.arg);
    if (out_timeout(t) == 0 || is_cut) flush_out(t);
    if (ready > 0 && fds[0].revents && !is_cut) has_ended = !read_typed(t) || has_ended;
    if (is_cut || has_ended) t->result = is_cut ? HY_TYPED_CUT : HY_TYPED_LEAVE;
    return !is_cut && !has_ended;
}

bool hy__terminal_byte(hy_terminal_t *t, char *out) {
    while (t->in_at == t->in.len) {
        if (!wait_for_typed(t)) return false;
    }
    *out = t->in.bytes[t->in_at++];
    return true;
}

bool hy__terminal_char(hy_terminal_t *t, wchar_t *out) {
    for (;;) {
        int used = hy_utf8_take(t->in.bytes + t->in_at, t->in.len - t->in_at, out);
        if (used == 0 && !wait_for_typed(t)) return false;
        if (used != 0) t->in_at += used > 0 ? (size_t)used : 1;
        if (used > 0) return true;
    }
}

/* --- lines ------------------------------------------------------------------------------------ */

hy_terminal_t *hy__terminal_of(EditLine *el) {
    void *t = NULL;
    el_get(el, EL_CLIENTDATA, &t);
    return t;
}

/* libedit's question for a character. */
static int read_char(EditLine *el, wchar_t *out) {
    hy_terminal_t *t = hy__terminal_of(el);
    note_row(t);
    size_t was = t->cursor;
    const LineInfoW *l = el_wline(el);
    bool has_lines = wmemchr(l->buffer, L'\n', (size_t)(l->lastchar - l->buffer)) != NULL;
    if (has_lines && hy_line_tidy(el, was)) {
        hy__terminal_hide(t);
        hy__terminal_draw(t);
    }
    t->cursor = cursor_of(t);
    t->keys++;
    return hy__terminal_char(t, out) ? 1 : 0;
}

unsigned char hy__terminal_end(hy_terminal_t *t, hy_typed_t result) {
    t->result = result;
    return CC_EOF;
}

/* What was typed stays to be seen, and has ^C behind it. */
static void forget(hy_terminal_t *t) {
    const LineInfoW *l = el_wline(t->el);
    hy__terminal_hide(t);
    t->prompt = PROMPT;
    hy_line_move(t->el, (size_t)(l->lastchar - l->buffer));
    hy__terminal_draw(t);
    fputs("^C\r\n", stdout);
}

hy_typed_t hy_terminal_type(hy_terminal_t *t, hy_buf_t *chunk) {
    int count;
    t->chunk = chunk;
    t->prompt = PROMPT;
    t->result = HY_TYPED_FORGOTTEN; /* if libedit ends the line by itself */
    t->row = 0;
    t->back = t->cursor = 0;
    t->is_open = true;
    el_wgets(t->el, &count);
    flush_out(t);
    if (t->result == HY_TYPED_CUT) hy__terminal_hide(t);
    if (t->result == HY_TYPED_LEAVE) hy__terminal_pass(t);
    if (t->result == HY_TYPED_FORGOTTEN) forget(t);
    t->is_open = false;
    fflush(stdout);
    return t->result;
}

/* --- begin and end ---------------------------------------------------------------------------- */

static char *prompt_text(EditLine *el) {
    return (char *)hy__terminal_of(el)->prompt;
}

/* Lines are UTF-8 whatever the locale is called: with none, libedit would drop what is not ASCII.
 */
static void set_locale(void) {
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
}

hy_terminal_t *hy_terminal_new(const hy_terminal_config_t *config) {
    hy_terminal_t *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->config = *config;
    t->is_plain = !is_capable();
    t->prompt = PROMPT;
    hy_buf_init(&t->in);
    hy_buf_init(&t->out);
    hy_buf_init(&t->draft);
    hy_buf_init(&t->killed);
    set_locale();
    fflush(stdout);
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    tcgetattr(STDIN_FILENO, &t->before);
    t->el = el_init("hyperty", stdin, stdout, stderr);
    if (!t->el) {
        free(t);
        return NULL;
    }
    take_signals();
    el_set(t->el, EL_CLIENTDATA, t);
    el_set(t->el, EL_PROMPT, prompt_text);
    /* Nobody's ~/.editrc is read: keys of vi would take the escape that pasted text begins with. */
    el_set(t->el, EL_EDITOR, "emacs");
    el_wset(t->el, EL_GETCFN, read_char);
    /* Between lines, too, there is neither echo nor editing by the kernel. */
    el_set(t->el, EL_SETTY, "-x", "-echo", "-icanon", "min=1", NULL);
    el_set(t->el, EL_SETTY, "-d", "-inlcr", "-icrnl", NULL); /* pasted lines end as they do */
    hy__keys_bind(t);
    set_paste(t, true);
    return t;
}

void hy_terminal_free(hy_terminal_t *t) {
    if (!t) return;
    set_paste(t, false);
    el_end(t->el);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
    give_signals_back();
    hy_buf_deinit(&t->in);
    hy_buf_deinit(&t->out);
    hy_buf_deinit(&t->draft);
    hy_buf_deinit(&t->killed);
    free(t);
}
