/* A person at a terminal, measured: how long after a key its character is there, and after Enter
 * the answer, while hyperties print.
 *
 *      terminal PROGRAM FILE ANSWERS      FILE: a hyperty that prints
 *
 * The program runs on a pseudo-terminal of its own; what it writes there is searched for what is
 * awaited. Prints two lines: "key" and "answer", each with p50, p99 and the longest, in
 * milliseconds. */
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 5000
#define SEEN_BYTES  (1u << 16)

typedef struct {
    int fd;
    char seen[2 * SEEN_BYTES]; /* what was written since the last question, its end at least */
    size_t len;
} screen_t;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void fail(const char *what) {
    fprintf(stderr, "terminal: waited in vain for %s\n", what);
    exit(1);
}

static void type(screen_t *s, const char *text) {
    s->len = 0;
    s->seen[0] = '\0';
    if (write(s->fd, text, strlen(text)) != (ssize_t)strlen(text)) fail("a key to be taken");
}

/* Reads until the text has come. */
static void await(screen_t *s, const char *text) {
    double until_ms = now_ms() + PATIENCE_MS;
    while (!strstr(s->seen, text)) {
        struct pollfd fd = {.fd = s->fd, .events = POLLIN};
        if (now_ms() > until_ms || poll(&fd, 1, PATIENCE_MS) <= 0) fail(text);
        if (s->len > SEEN_BYTES) {
            memmove(s->seen, s->seen + s->len - 256, 256);
            s->len = 256;
        }
        ssize_t got = read(s->fd, s->seen + s->len, SEEN_BYTES / 2);
        if (got <= 0) fail(text);
        for (ssize_t i = 0; i < got; i++) {
            if (s->seen[s->len + (size_t)i] == '\0') s->seen[s->len + (size_t)i] = ' ';
        }
        s->len += (size_t)got;
        s->seen[s->len] = '\0';
    }
}

/* What comes meanwhile is looked at by nobody. */
static void pass_time(screen_t *s, double ms) {
    double until_ms = now_ms() + ms;
    for (double left; (left = until_ms - now_ms()) > 0;) {
        struct pollfd fd = {.fd = s->fd, .events = POLLIN};
        if (poll(&fd, 1, (int)left + 1) > 0 && read(s->fd, s->seen, SEEN_BYTES) <= 0) return;
    }
}

static int order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, double *times, int count) {
    qsort(times, (size_t)count, sizeof *times, order);
    printf("%s %.2f %.2f %.2f\n", name, times[count / 2], times[count * 99 / 100],
           times[count - 1]);
}

int main(int argc, char **argv) {
    static screen_t s;
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    if (argc != 4) return 2;
    int count = atoi(argv[3]);
    double *keys = calloc((size_t)count, sizeof *keys),
           *answers = calloc((size_t)count, sizeof *keys);
    pid_t pid = count > 0 && keys && answers ? forkpty(&s.fd, NULL, NULL, &size) : -1;
    if (pid < 0) return 1;
    if (pid == 0) {
        setenv("TERM", "xterm", 1);
        setenv("HYPERTY_HISTORY", "", 1);
        execl(argv[1], argv[1], "repl", argv[2], (char *)NULL);
        _exit(127);
    }
    await(&s, "> ");
    for (int i = 0; i < count; i++) {
        char line[64], answer[64];
        snprintf(line, sizeof line, "or 'answer ' .. %d", i);
        snprintf(answer, sizeof answer, "\"answer %d\"", i);
        double began_ms = now_ms();
        type(&s, "@"); /* which nobody prints */
        await(&s, "@");
        keys[i] = now_ms() - began_ms;
        type(&s, "\025nil "); /* Ctrl-U */
        type(&s, line);
        pass_time(&s, 5);
        began_ms = now_ms();
        type(&s, "\r");
        await(&s, answer);
        answers[i] = now_ms() - began_ms;
        pass_time(&s, 10 + i % 17);
    }
    report("key", keys, count);
    report("answer", answers, count);
    kill(pid, SIGTERM);
    while (waitpid(pid, NULL, WNOHANG) == 0)
        pass_time(&s, 10);
    free(keys);
    free(answers);
    return 0;
}
