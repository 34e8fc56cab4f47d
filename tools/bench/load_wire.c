/* The wires. Each can find the first unit in what was read, frame a text, and foretell how a
 * published text looks to subscribers, so that load_net.c counts deliveries by comparing heads. */
#include "load.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>

void text_add(text_t *t, const char *bytes, size_t len) {
    if (len == 0) return;
    if (t->len + len > t->room) {
        t->room = 2 * (t->len + len);
        t->bytes = realloc(t->bytes, t->room);
        if (!t->bytes) die("out of memory");
    }
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
}

void text_format(text_t *t, const char *format, ...) {
    char line[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof line) die("a text does not fit");
    text_add(t, line, (size_t)n);
}

/* A line that ends with CR LF, without them. */
static unit_t line_read(const char *p, size_t n) {
    const char *end = memchr(p, '\n', n);
    if (!end) return (unit_t){0};
    size_t bytes = (size_t)(end - p) + 1;
    return (unit_t){bytes, UNIT_TEXT, p, bytes >= 2 ? bytes - 2 : 0};
}

static void no_pong(text_t *out, const unit_t *ping) {
    (void)out;
    (void)ping;
}

/* --- hyperty over tcp and unix: length and text ----------------------------------------------- */

static unit_t length_read(const char *p, size_t n) {
    if (n < 4) return (unit_t){0};
    const unsigned char *u = (const unsigned char *)p;
    size_t len = (size_t)u[0] << 24 | (size_t)u[1] << 16 | (size_t)u[2] << 8 | u[3];
    if (len > 1u << 24) die("the server sends a frame of %zu bytes", len);
    if (n < 4 + len) return (unit_t){0};
    return (unit_t){4 + len, UNIT_TEXT, p + 4, len};
}

static void length_frame(text_t *out, const char *text, size_t len) {
    char head[] = {(char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len};
    text_add(out, head, sizeof head);
    text_add(out, text, len);
}

/* --- hyperty over ws -------------------------------------------------------------------------- */

enum { WS_TEXT = 1, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

static unit_t ws_read(const char *p, size_t n) {
    if (n >= 4 && !memcmp(p, "HTTP", 4)) { /* the answer to the handshake */
        const char *end = memmem(p, n, "\r\n\r\n", 4);
        if (!end) return (unit_t){0};
        size_t bytes = (size_t)(end - p) + 4;
        bool is_good = bytes > 12 && !memcmp(p + 9, "101", 3);
        return (unit_t){bytes, is_good ? UNIT_TEXT : UNIT_ERROR, p, bytes};
    }
    if (n < 2) return (unit_t){0};
    const unsigned char *u = (const unsigned char *)p;
    size_t head = 2, len = u[1] & 127;
    if (len >= 126) {
        size_t wide = len == 126 ? 2 : 8;
        if (n < 2 + wide) return (unit_t){0};
        len = 0;
        for (size_t i = 0; i < wide; i++)
            len = len << 8 | u[2 + i];
        head += wide;
    }
    if (len > 1u << 24) die("the server sends a frame of %zu bytes", len);
    if (n < head + len) return (unit_t){0};
    unsigned op = u[0] & 15;
    unit_kind_t kind = op == WS_PING ? UNIT_PING : op == WS_CLOSE ? UNIT_ERROR : UNIT_TEXT;
    if (op == WS_PONG) kind = UNIT_NOTE;
    return (unit_t){head + len, kind, p + head, len};
}

static void ws_head(text_t *out, unsigned op, size_t len, bool masked) {
    unsigned char head[10] = {(unsigned char)(0x80 | op)};
    size_t wide = len < 126 ? 0 : len < 65536 ? 2 : 8;
    head[1] = (unsigned char)(wide == 0 ? len : wide == 2 ? 126 : 127);
    if (masked) head[1] |= 0x80;
    for (size_t i = 0; i < wide; i++)
        head[2 + i] = (unsigned char)(len >> (8 * (wide - 1 - i)));
    text_add(out, (char *)head, 2 + wide);
}

/* Masked as a client must, with any key: what is published over and over is masked once. */
static void ws_masked(text_t *out, unsigned op, const char *text, size_t len) {
    static const char key[4] = {0x5a, 0x13, 0x6e, 0x27};
    ws_head(out, op, len, true);
    text_add(out, key, 4);
    size_t at = out->len;
    text_add(out, text, len);
    for (size_t i = 0; i < len; i++)
        out->bytes[at + i] ^= key[i & 3];
}

static void ws_frame(text_t *out, const char *text, size_t len) {
    ws_masked(out, WS_TEXT, text, len);
}

static void ws_delivered(text_t *out, const char *text, size_t len) {
    ws_head(out, WS_TEXT, len, false);
    text_add(out, text, len);
}

static void ws_pong(text_t *out, const unit_t *ping) {
    ws_masked(out, WS_PONG, ping->text, ping->len);
}

/* --- redis: RESP ------------------------------------------------------------------------------ */

static unit_t resp_read(const char *p, size_t n) {
    unit_t unit = line_read(p, n);
    if (!unit.bytes) return unit;
    long count = unit.len > 1 ? strtol(p + 1, NULL, 10) : 0;
    if (*p == '-') unit.kind = UNIT_ERROR;
    if (*p == '$' && count >= 0) {
        if (n < unit.bytes + (size_t)count + 2) return (unit_t){0};
        return (unit_t){unit.bytes + (size_t)count + 2, UNIT_TEXT, p + unit.bytes, (size_t)count};
    }
    if (*p != '*') return unit;
    size_t at = unit.bytes;
    for (long i = 0; i < count; i++) { /* an array counts as its last item */
        unit_t item = at < n ? resp_read(p + at, n - at) : (unit_t){0};
        if (!item.bytes) return item;
        at += item.bytes;
        unit = item;
    }
    unit.bytes = at;
    return unit;
}

static void resp_publish(text_t *out, const char *text, size_t len) {
    text_format(out, "*3\r\n$7\r\nPUBLISH\r\n$5\r\nbench\r\n$%zu\r\n", len);
    text_add(out, text, len);
    text_add(out, "\r\n", 2);
}

static void resp_delivered(text_t *out, const char *text, size_t len) {
    text_format(out, "*3\r\n$7\r\nmessage\r\n$5\r\nbench\r\n$%zu\r\n", len);
    text_add(out, text, len);
    text_add(out, "\r\n", 2);
}

/* --- nats ------------------------------------------------------------------------------------- */

static unit_t nats_read(const char *p, size_t n) {
    unit_t unit = line_read(p, n);
    if (!unit.bytes) return unit;
    if (*p == '-') unit.kind = UNIT_ERROR;
    if (unit.len == 4 && !memcmp(p, "PING", 4)) unit.kind = UNIT_PING;
    if (unit.len < 4 || memcmp(p, "MSG ", 4)) return unit;
    const char *digits = p + unit.len;
    while (isdigit((unsigned char)digits[-1]))
        digits--;
    size_t len = strtoul(digits, NULL, 10);
    if (n < unit.bytes + len + 2) return (unit_t){0};
    return (unit_t){unit.bytes + len + 2, UNIT_TEXT, p + unit.bytes, len};
}

static void nats_publish(text_t *out, const char *text, size_t len) {
    text_format(out, "PUB bench %zu\r\n", len);
    text_add(out, text, len);
    text_add(out, "\r\n", 2);
}

static void nats_delivered(text_t *out, const char *text, size_t len) {
    text_format(out, "MSG bench 1 %zu\r\n", len);
    text_add(out, text, len);
    text_add(out, "\r\n", 2);
}

static void nats_pong(text_t *out, const unit_t *ping) {
    (void)ping;
    text_add(out, "PONG\r\n", 6);
}

/* --- Which ------------------------------------------------------------------------------------ */

static const wire_t wires[] = {
    {"tcp", "hyperty", true, false, length_read, length_frame, length_frame, no_pong},
    {"tls", "hyperty", true, true, length_read, length_frame, length_frame, no_pong},
    {"unix", "hyperty", true, false, length_read, length_frame, length_frame, no_pong},
    {"ws", "hyperty", true, false, ws_read, ws_frame, ws_delivered, ws_pong},
    {"wss", "hyperty", true, true, ws_read, ws_frame, ws_delivered, ws_pong},
    {"redis", "redis", false, false, resp_read, resp_publish, resp_delivered, no_pong},
    {"nats", "nats", false, false, nats_read, nats_publish, nats_delivered, nats_pong},
};

const wire_t *wire_find(const char *url) {
    for (size_t i = 0; i < sizeof wires / sizeof *wires; i++) {
        size_t len = strlen(wires[i].scheme);
        if (!strncmp(url, wires[i].scheme, len) && !strncmp(url + len, "://", 3)) return &wires[i];
    }
    return NULL;
}
