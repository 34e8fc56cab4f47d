/* For specs on real sockets: a loop that is driven until something is so, with a deadline; a user
 * of a channel that keeps what it is to send and counts what it gets; and a plain socket that plays
 * the other end byte by byte. */
#ifndef HY_SPEC_NET_SOCKETS_H
#define HY_SPEC_NET_SOCKETS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "loop/random.h"
#include "net/socket.h"

#define DEADLINE_S 60u

/* --- the place -------------------------------------------------------------------------------- */

typedef struct {
    hy_loop_t *loop;
    hy_random_t random;
    hy_log_t log;
    hy_sockets_t *sockets;
    uv_timer_t beat; /* so that no turn waits for long */
    uint64_t deadline_ns;
    int64_t blocks_before;
    int files_before;
    unsigned warnings;
    char warning[512];
    char folder[64];
} place_t;

static int open_files(void) {
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        count++;
    closedir(d);
    return count;
}

static inline void on_log(void *arg, hy_log_level_t level, const char *who, const char *text) {
    place_t *p = arg;
    (void)who;
    if (level > HY_LOG_WARN) return;
    p->warnings++;
    snprintf(p->warning, sizeof p->warning, "%s", text);
}

static void on_beat(uv_timer_t *beat) {
    (void)beat;
}

/* libuv opens a few files with the first loop of a process and keeps them. */
static void warm_up(void) {
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static inline void place_open(place_t *p) {
    warm_up();
    *p = (place_t){.blocks_before = hy_mem_blocks(), .files_before = open_files()};
    strcpy(p->folder, "/tmp/hyperty-spec-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    hy_random_seed(&p->random, 7);
    p->log = (hy_log_t){.level = HY_LOG_DEBUG, .sink = on_log, .arg = p};
    assert_int_equal(hy_loop_open(&p->loop), 0);
    assert_int_equal(hy_sockets_open(p->loop, &p->random, &p->log, &p->sockets), 0);
    uv_timer_init(hy_loop_uv(p->loop), &p->beat);
    uv_timer_start(&p->beat, on_beat, 1, 1);
    p->deadline_ns = uv_hrtime() + DEADLINE_S * 1000000000ull;
}

/* Proves that nothing is left. */
static inline void place_close(place_t *p) {
    hy_sockets_close(p->sockets);
    uv_close((uv_handle_t *)&p->beat, NULL);
    hy_loop_close(p->loop);
    assert_int_equal(hy_mem_blocks(), p->blocks_before);
    assert_int_equal(open_files(), p->files_before);
    assert_int_equal(rmdir(p->folder), 0);
}

static inline void turn(place_t *p) {
    if (uv_hrtime() > p->deadline_ns) fail_msg("nothing came of it in %u s", DEADLINE_S);
    uv_run(hy_loop_uv(p->loop), UV_RUN_ONCE);
}

#define WAIT_FOR(p, what)                                                                          \
    while (!(what))                                                                                \
    turn(p)

static inline void turns(place_t *p, int count) {
    while (count-- > 0)
        turn(p);
}

/* As if that time had passed. */
static inline void jump(place_t *p, uint32_t ms) {
    hy_clock_t *clock = hy_loop_clock(p->loop);
    hy_clock_advance(clock, hy_clock_now(clock) + ms);
}

/* --- messages --------------------------------------------------------------------------------- */

static inline hy_msg_t *message(uint32_t number, size_t padding) {
    char *text = malloc(padding + 200);
    assert_non_null(text);
    int len = sprintf(text,
                      "{\"id\":%u,\"type\":\"event\",\"from\":\"hyperty://d.example/a\","
                      "\"to\":\"hyperty://d.example/b\",\"body\":{\"value\":\"",
                      number + 1);
    memset(text + len, 'x', padding);
    strcpy(text + len + padding, "\"}}");
    hy_str_t *s = hy_str_from(text);
    free(text);
    hy_msg_t *m;
    assert_int_equal(hy_msg_parse(s, &m, NULL), 0);
    hy_str_unref(s);
    return m;
}

/* --- a user ----------------------------------------------------------------------------------- */

typedef struct user {
    hy_channel_t *channel;
    hy_msg_t **queue;
    uint32_t first, count, room;
    uint32_t opened, received, malformed, closed, out_of_order;
    hy_close_code_t code;
    char reason[HY_ERROR_TEXT_BYTES + 64];
    int64_t last_id;
    bool echoes;
    /* Closes in the n-th call of that kind; 0: never. */
    int close_in_message, close_in_peek, close_in_consume, close_in_open;
} user_t;

static void user_close(user_t *u) {
    hy_channel_close(u->channel, HY_CLOSE_NORMAL, "enough");
    u->channel = NULL;
}

static bool is_now(int *countdown) {
    return *countdown && --*countdown == 0;
}

static void on_open(void *arg) {
    user_t *u = arg;
    u->opened++;
    if (is_now(&u->close_in_open)) user_close(u);
}

static void user_send(user_t *u, hy_msg_t *m) {
    if (u->first + u->count == u->room) {
        u->room = u->room ? 2 * u->room : 64;
        u->queue = realloc(u->queue, u->room * sizeof *u->queue);
        assert_non_null(u->queue);
    }
    u->queue[u->first + u->count++] = m;
    if (u->channel) hy_channel_wake(u->channel);
}

static void on_message(void *arg, hy_msg_t *m) {
    user_t *u = arg;
    assert_non_null(u->channel);
    u->received++;
    if (m->id.kind == HY_INT) {
        if (m->id.as.i != u->last_id + 1) u->out_of_order++;
        u->last_id = m->id.as.i;
    }
    if (u->echoes) user_send(u, hy_msg_ref(m));
    if (is_now(&u->close_in_message)) user_close(u);
}

static void on_malformed(void *arg, hy_str_t *text, const hy_error_t *err) {
    user_t *u = arg;
    u->malformed++;
    snprintf(u->reason, sizeof u->reason, "%u bytes: %s", text->len, err->text);
}

static uint32_t on_peek(void *arg, hy_msg_t *const **list) {
    user_t *u = arg;
    if (is_now(&u->close_in_peek)) {
        user_close(u);
        return 0;
    }
    if (u->count) *list = u->queue + u->first;
    return u->count;
}

static void user_drop(user_t *u, uint32_t count) {
    for (; count; count--, u->count--)
        hy_msg_unref(u->queue[u->first++]);
}

static void on_consume(void *arg, uint32_t count) {
    user_t *u = arg;
    assert_in_range(count, 1, u->count);
    user_drop(u, count);
    if (is_now(&u->close_in_consume)) user_close(u);
}

static void on_closed(void *arg, hy_close_code_t code, const char *reason) {
    user_t *u = arg;
    assert_non_null(u->channel);
    u->channel = NULL;
    u->closed++;
    u->code = code;
    snprintf(u->reason, sizeof u->reason, "%s", reason);
}

static const hy_channel_user_t user_calls = {
    .open = on_open,
    .message = on_message,
    .malformed = on_malformed,
    .peek = on_peek,
    .consume = on_consume,
    .closed = on_closed,
};

static inline void user_end(user_t *u) {
    if (u->channel) user_close(u);
    user_drop(u, u->count);
    free(u->queue);
    u->queue = NULL;
}

/* Connects to `url`, the error's text into `reason`. */
static inline int user_connect(place_t *p, user_t *u, const char *url) {
    hy_connector_t *k;
    hy_error_t err = {0};
    int rc = hy_socket_connector(p->sockets, &url, 1, &k, &err);
    if (!rc) {
        rc = k->connect(k, &user_calls, u, &u->channel, &err);
        k->free(k);
    }
    if (rc) snprintf(u->reason, sizeof u->reason, "%s", err.text);
    return rc;
}

/* --- the other end, by hand ------------------------------------------------------------------- */

/* Listens on a port of the system's choice. */
static inline int plain_listen(int backlog, char url[64]) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    sprintf(url, "tcp://127.0.0.1:%u", ntohs(a.sin_port));
    return fd;
}

static inline int plain_accept(place_t *p, int listener) {
    int fd = -1;
    WAIT_FOR(p, (fd = accept(listener, NULL, NULL)) >= 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* What it reads, frame by frame. */
typedef struct {
    int fd;
    char bytes[HY_READ_BYTES * 4];
    size_t len;
    uint32_t frames, out_of_order;
    bool has_eof;
} plain_t;

static inline void plain_read(plain_t *r) {
    ssize_t n = recv(r->fd, r->bytes + r->len, sizeof r->bytes - r->len, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) r->has_eof = true;
    if (n > 0) r->len += (size_t)n;
    size_t at = 0;
    while (r->len - at >= 4) {
        uint32_t frame;
        memcpy(&frame, r->bytes + at, 4);
        frame = ntohl(frame);
        if (r->len - at < 4 + frame) break;
        char begin[32];
        int width = sprintf(begin, "{\"id\":%u,", r->frames + 1);
        if (memcmp(r->bytes + at + 4, begin, (size_t)width) != 0) r->out_of_order++;
        r->frames++;
        at += 4 + frame;
    }
    memmove(r->bytes, r->bytes + at, r->len - at);
    r->len -= at;
}

static inline void plain_write(place_t *p, int fd, const char *bytes, size_t len) {
    while (len) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0) turn(p);
        if (n > 0) bytes += n, len -= (size_t)n;
    }
}

static inline void plain_frame(place_t *p, int fd, const char *text) {
    uint32_t head = htonl((uint32_t)strlen(text));
    plain_write(p, fd, (const char *)&head, 4);
    plain_write(p, fd, text, strlen(text));
}

#endif
