/* Connections. One thread, one epoll, sockets that never block. What is read lands in one buffer
 * that all share; only the beginning of a unit is kept with its connection. Deliveries are counted
 * by comparing their first bytes with those of a published message, the same way on every wire, so
 * that the generator costs each server the same. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#define ROOM_BYTES   (256u << 10)
#define BURST_BYTES  (128u << 10)
#define EVENTS       256
#define PAYLOAD_HEAD 16 /* bytes of the payload that are compared too */

/* --- Where the server is ---------------------------------------------------------------------- */

static void find_unix(load_t *l, const char *path) {
    struct sockaddr_un *un = (struct sockaddr_un *)&l->peer;
    if (strlen(path) >= sizeof un->sun_path) die("%s is too long for a socket", path);
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, path);
    l->peer_len = sizeof *un;
}

static void find_inet(load_t *l, const char *authority) {
    char host[64], port[16];
    if (sscanf(authority, "%63[^:/]:%15[0-9]", host, port) != 2) die("no port in %s", l->url);
    const char *path = strchr(authority, '/');
    snprintf(l->path, sizeof l->path, "%s", path ? path : "/");
    snprintf(l->host, sizeof l->host, "%s:%s", host, port);
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    int r = getaddrinfo(host, port, &hints, &found);
    if (r) die("%s: %s", l->url, gai_strerror(r));
    memcpy(&l->peer, found->ai_addr, found->ai_addrlen);
    l->peer_len = found->ai_addrlen;
    freeaddrinfo(found);
}

void net_init(load_t *l) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    const char *rest = strstr(l->url, "://") + 3;
    if (!strcmp(l->wire->scheme, "unix"))
        find_unix(l, rest);
    else
        find_inet(l, rest);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->room = malloc(ROOM_BYTES);
    if (l->epoll < 0 || !l->room) die("cannot begin: %s", strerror(errno));
}

/* --- Epoll ------------------------------------------------------------------------------------ */

static void want(conn_t *c, bool in, bool out) {
    if (c->is_closed || (c->wants_in == in && c->wants_out == out)) return;
    c->wants_in = in;
    c->wants_out = out;
    struct epoll_event e = {.data.ptr = c};
    if (in) e.events |= EPOLLIN;
    if (out) e.events |= EPOLLOUT;
    if (epoll_ctl(c->load->epoll, EPOLL_CTL_MOD, c->fd, &e)) die("epoll: %s", strerror(errno));
}

static void lose(conn_t *c, const char *why) {
    if (!c->is_apart)
        die("%s closed connection %u%s: %s", c->load->wire->server, c->number,
            c->is_ready ? "" : " before it was ready", why);
    tls_close(c);
    close(c->fd);
    c->is_closed = true;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* What the kernel took; 0: it is full. */
static size_t push(conn_t *c, const char *bytes, size_t len) {
    ssize_t n = c->tls ? tls_send(c, bytes, len) : send(c->fd, bytes, len, MSG_NOSIGNAL);
    if (n >= 0) return (size_t)n;
    if (errno != EAGAIN && errno != EINTR) lose(c, strerror(errno));
    return 0;
}

void net_write(conn_t *c) {
    if (c->is_closed || c->out.len == 0) return;
    size_t n = push(c, c->out.bytes, c->out.len);
    c->out.len -= n;
    memmove(c->out.bytes, c->out.bytes + n, c->out.len);
    want(c, c->wants_in, c->out.len > 0);
}

void net_publish_init(load_t *l) {
    char payload[PAYLOAD_BYTES];
    talk_payload(l, payload);
    l->wire->delivered(&l->delivery, payload, sizeof payload);
    const char *begin = memmem(l->delivery.bytes, l->delivery.len, payload, sizeof payload);
    l->head_len = (size_t)(begin - l->delivery.bytes) + PAYLOAD_HEAD;
    l->wire->frame(&l->burst, payload, sizeof payload);
    l->message_len = l->burst.len;
    while (l->burst.len + l->message_len <= BURST_BYTES)
        l->wire->frame(&l->burst, payload, sizeof payload);
}

uint64_t net_published(const load_t *l) {
    return l->stream_sent / l->message_len;
}

void net_publish(load_t *l, uint64_t messages) {
    if (messages * l->message_len > l->stream_allowed)
        l->stream_allowed = messages * l->message_len;
    bool is_full = false;
    while (!is_full && l->stream_sent < l->stream_allowed) {
        uint64_t now = now_ns(), left = l->stream_allowed - l->stream_sent;
        size_t from = l->stream_sent % l->message_len, room = l->burst.len - from;
        uint64_t first = net_published(l);
        size_t n = push(l->publisher, l->burst.bytes + from, left < room ? (size_t)left : room);
        is_full = n == 0;
        l->stream_sent += n;
        for (uint64_t i = first; i < net_published(l); i++)
            l->sent_ns[i % SENT_TIMES] = now;
    }
    want(l->publisher, true, is_full);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static void count_deliveries(conn_t *c, uint64_t count) {
    load_t *l = c->load;
    if (!c->is_apart) l->received += count;
    if (l->latencies && !c->is_apart) {
        uint64_t now = now_ns();
        for (uint64_t i = 0; i < count; i++)
            latencies_add(l->latencies, now - l->sent_ns[(c->received + i) % SENT_TIMES]);
    }
    c->received += count;
    if (c->is_apart) l->told_last = "message";
}

static void take_unit(conn_t *c, const unit_t *unit) {
    load_t *l = c->load;
    if (unit->kind == UNIT_NOTE) return;
    if (unit->kind == UNIT_PING) {
        l->wire->pong(&c->out, unit);
        net_write(c);
    } else if (!c->is_ready) {
        c->is_ready = !talk_step(c, unit, &c->out);
        if (c->is_ready) l->setting_up--;
        net_write(c);
    } else if (unit->kind == UNIT_ERROR && !c->is_apart) {
        die("%s complains: %.*s", l->wire->server, (int)unit->len, unit->text);
    } else if (c->role == SUBSCRIBER && unit->len == PAYLOAD_BYTES) {
        count_deliveries(c, 1);
    } else if (l->on_text) {
        l->on_text(c, unit);
    } else if (l->wire->is_hyperty) {
        die("unexpected: %.*s", (int)unit->len, unit->text);
    }
}

/* How many bytes were used. */
static size_t take(conn_t *c, const char *p, size_t n) {
    const load_t *l = c->load;
    size_t at = 0;
    uint64_t count = 0;
    bool is_counted = c->is_ready && c->role == SUBSCRIBER && l->delivery.len > 0;
    while (at < n) {
        if (is_counted && n - at >= l->delivery.len &&
            !memcmp(p + at, l->delivery.bytes, l->head_len)) {
            count++;
            at += l->delivery.len;
            continue;
        }
        if (count > 0) count_deliveries(c, count); /* in the order in which they came */
        count = 0;
        unit_t unit = l->wire->read(p + at, n - at);
        if (unit.bytes == 0) break;
        at += unit.bytes;
        take_unit(c, &unit);
    }
    if (count > 0) count_deliveries(c, count);
    return at;
}

static void read_once(conn_t *c) {
    char *room = c->load->room;
    size_t kept = c->in.len;
    if (kept == ROOM_BYTES) die("a message of more than %u bytes", ROOM_BYTES);
    if (kept > 0) memcpy(room, c->in.bytes, kept);
    size_t left = ROOM_BYTES - kept;
    ssize_t n = c->tls ? tls_recv(c, room + kept, left) : recv(c->fd, room + kept, left, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        lose(c, n ? strerror(errno) : "without a word");
        return;
    }
    size_t len = kept + (size_t)n, used = take(c, room, len);
    c->in.len = 0;
    text_add(&c->in, room + used, len - used);
}

static void read_some(conn_t *c) {
    do
        read_once(c);
    while (!c->is_closed && tls_has_more(c));
}

void net_turn(load_t *l, uint64_t timeout_ns) {
    struct epoll_event events[EVENTS];
    struct timespec timeout = {(time_t)(timeout_ns / SECOND), (long)(timeout_ns % SECOND)};
    int n = epoll_pwait2(l->epoll, events, EVENTS, &timeout, NULL);
    if (n < 0 && errno != EINTR) die("epoll: %s", strerror(errno));
    for (int i = 0; i < n; i++) {
        conn_t *c = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) {
            if (c->out.len > 0)
                net_write(c);
            else
                want(c, c->wants_in, false); /* whoever publishes tries again */
        }
        if (c->wants_in && !c->is_closed && events[i].events & ~(uint32_t)EPOLLOUT) read_some(c);
    }
}

/* --- Opening ---------------------------------------------------------------------------------- */

/* Little room on both sides: what a server's kernel takes before the server must queue grows with
 * the segments that the client accepts, and on loopback these would make it megabytes. */
static void make_small(const load_t *l, int fd) {
    int room = 4096, segment = 1400;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (l->peer.ss_family == AF_INET)
        setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
}

conn_t *net_open(load_t *l, role_t role, unsigned number, bool small) {
    int one = 1;
    conn_t *c = calloc(1, sizeof *c);
    if (!c) die("out of memory");
    *c = (conn_t){.load = l, .role = role, .number = number, .wants_in = true};
    c->fd = socket(l->peer.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("connection %u: %s (see ulimit -n)", number, strerror(errno));
    if (small) make_small(l, c->fd);
    if (l->peer.ss_family == AF_INET) setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&l->peer, l->peer_len))
        die("cannot connect to %s: %s", l->url, strerror(errno));
    tls_open(c);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e)) die("epoll: %s", strerror(errno));
    l->setting_up++;
    talk_step(c, NULL, &c->out);
    net_write(c);
    return c;
}

static void set_up_until(load_t *l, unsigned left) {
    uint64_t since = now_ns();
    for (unsigned before = l->setting_up; l->setting_up > left;) {
        net_turn(l, SECOND / 10);
        if (l->setting_up < before) since = now_ns();
        before = l->setting_up;
        if (now_ns() - since > SILENCE_MAX_NS)
            die("%s does not answer %u connections that are being set up", l->url, before);
    }
}

void net_ready(load_t *l) {
    set_up_until(l, 0);
}

void net_open_subscribers(load_t *l, unsigned first, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        set_up_until(l, SETUP_AT_ONCE - 1);
        net_open(l, SUBSCRIBER, first + i, false);
    }
    net_ready(l);
}

void net_freeze(conn_t *c, bool frozen) {
    want(c, !frozen, c->wants_out);
}
