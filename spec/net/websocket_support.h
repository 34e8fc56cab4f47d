/* For the specs of the WebSocket protocol after its handshake: frames as a client sends them, a
 * server that is open, a client and a server that talk. */
#ifndef SPEC_NET_WEBSOCKET_SUPPORT_H
#define SPEC_NET_WEBSOCKET_SUPPORT_H

#include "net/wire.h"
#include "protocol_support.h"

#define REQUEST                                                                                    \
    "GET /ws HTTP/1.1\r\nHost: d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                 \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define FIN    0x80u
#define TEXT   1u
#define BINARY 2u
#define CLOSE  8u
#define PING   9u
#define PONG   10u

/* Bytes of a literal, NUL allowed. */
#define BYTES(literal) literal, sizeof(literal) - 1

static const hy_websocket_policy_t LOCAL = {.is_loopback_only = true};
static const char MASK[4] = {'\x37', '\xfa', '\x21', '\x3d'};

static inline void begin_server(end_t *e) {
    *e = (end_t){.p = hy_websocket_server_new(&END_EVENTS, e, &LOCAL)};
    assert_non_null(e->p);
    e->p->ops->start(e->p);
    assert_int_equal(end_feed(e, BYTES(REQUEST), 1000), 0);
    assert_int_equal(e->opens, 1);
    hy_buf_deinit(&e->out);
}

/* A client and its server; the server's answer to the handshake is not with it any more. */
static inline void begin_pair(end_t *client, end_t *server, hy_random_t *random) {
    hy_random_seed(random, 12);
    *client = (end_t){.p = hy_websocket_client_new(&END_EVENTS, client, "h", "/ws", random)};
    *server = (end_t){.p = hy_websocket_server_new(&END_EVENTS, server, &LOCAL)};
    client->p->ops->start(client->p);
    end_feed(server, client->out.bytes, client->out.len, 1000);
    end_feed(client, server->out.bytes, server->out.len, 1000);
    assert_int_equal(client->opens + server->opens, 2);
    hy_buf_deinit(&client->out);
    hy_buf_deinit(&server->out);
}

static inline int feed_all(end_t *to, end_t *from, size_t step) {
    int r = end_feed(to, from->out.bytes, from->out.len, step);
    hy_buf_deinit(&from->out);
    return r;
}

/* As a client sends it. */
static inline void add_frame(hy_buf_t *b, unsigned first, const char *bytes, size_t len) {
    char head[HY_FRAME_HEAD_BYTES_MAX];
    size_t n = hy__frame_head(head, first & 0xfu, len, true);
    head[0] = (char)first;
    hy_buf_add(b, head, n);
    hy_buf_add(b, MASK, sizeof MASK);
    hy_buf_add(b, bytes, len);
    hy__frame_mask(b->bytes + b->len - len, len, MASK);
}

static inline int feed_frame(end_t *e, unsigned first, const char *bytes, size_t len, size_t step) {
    hy_buf_t b;
    hy_buf_init(&b);
    add_frame(&b, first, bytes, len);
    int r = end_feed(e, b.bytes, b.len, step);
    hy_buf_deinit(&b);
    return r;
}

static inline void assert_out(end_t *e, const char *bytes, size_t len) {
    assert_int_equal(e->out.len, len);
    if (len > 0) assert_memory_equal(e->out.bytes, bytes, len);
    hy_buf_deinit(&e->out);
}

/* A server closes with that code and says so, in a close frame and to its user. */
static inline void assert_failed(end_t *e, hy_close_code_t code, const char *reason) {
    char frame[HY_FRAME_HEAD_BYTES_MAX + 200];
    size_t len = strlen(reason), n = hy__frame_head(frame, CLOSE, 2 + len, false);
    frame[n] = (char)(code >> 8);
    frame[n + 1] = (char)code;
    memcpy(frame + n + 2, reason, len);
    assert_out(e, frame, n + 2 + len);
    assert_closed(e, code, reason);
    assert_int_equal(e->p->ops->input(e->p, "x", 1), HY_ECLOSED);
    end_free(e);
}

/* Raw bytes, in pieces of any size, make the server close. */
static inline void assert_refused(const char *bytes, size_t len, hy_close_code_t code,
                                  const char *reason) {
    static const size_t STEPS[] = {1, 2, 3, 5, 1u << 16};
    for (size_t i = 0; i < COUNT_OF(STEPS); i++) {
        end_t e;
        begin_server(&e);
        assert_int_equal(end_feed(&e, bytes, len, STEPS[i]), HY_ECLOSED);
        assert_failed(&e, code, reason);
    }
}

#endif
