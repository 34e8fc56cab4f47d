/* Native framing, the incoming side (PROTOCOL.md section 3).
 *
 *      input ─┬─ a whole frame ──────────────── copied once ──► text
 *             └─ part of one ──► head[], body ── completed ───► text
 *
 * What has been announced is not allocated: a partial text grows with the bytes that come. Between
 * frames nothing is held. */
#include "protocol.h"

#include <stdio.h>

#include "../base/error.h"
#include "../base/mem.h"

#define HEAD_BYTES   4u
#define REASON_BYTES 96u

typedef struct {
    hy_protocol_t base;
    unsigned char head[HEAD_BYTES];
    uint8_t head_len;
    bool is_over;  /* `closed` was called, or close */
    hy_buf_t body; /* the text so far, if its head is complete */
} native_t;

static native_t *native_of(hy_protocol_t *p) {
    return (native_t *)p;
}

static int give_up(native_t *n, hy_close_code_t code, const char *reason) {
    n->is_over = true;
    hy_buf_deinit(&n->body);
    n->base.events->closed(n->base.arg, code, reason);
    return HY_ECLOSED;
}

static int give_up_memory(native_t *n, uint32_t len) {
    char reason[REASON_BYTES];
    snprintf(reason, sizeof reason, "out of memory for a message of %u bytes", len);
    return give_up(n, HY_CLOSE_INTERNAL, reason);
}

/* --- frames ----------------------------------------------------------------------------------- */

/* What a WebSocket port answers; how TLS begins: a handshake, version 3. */
#define HTTP_AS_LENGTH 0x48545450u
#define TLS_AS_LENGTH  0x1603u /* the upper half */

static uint32_t length_in(const unsigned char *head) {
    return (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
}

static int check_length(native_t *n, uint32_t len) {
    char reason[REASON_BYTES];
    if (len == 0) return give_up(n, HY_CLOSE_PROTOCOL, "a message of 0 bytes was announced");
    if (len <= HY_MESSAGE_BYTES_MAX) return 0;
    if (len == HTTP_AS_LENGTH)
        return give_up(n, HY_CLOSE_PROTOCOL,
                       "HTTP is spoken there: write ws:// instead of tcp://, or wss:// instead of "
                       "tls://");
    if (len >> 16 == TLS_AS_LENGTH)
        return give_up(n, HY_CLOSE_PROTOCOL,
                       "TLS is not spoken here: write tcp:// instead of tls://");
    snprintf(reason, sizeof reason, "a message of %u bytes was announced, at most %u are taken",
             len, HY_MESSAGE_BYTES_MAX);
    return give_up(n, HY_CLOSE_TOO_BIG, reason);
}

/* Takes over the text. */
static int hand_out(native_t *n, hy_str_t *text, uint32_t len) {
    if (!text) return give_up_memory(n, len);
    n->base.events->text(n->base.arg, text);
    hy_str_unref(text);
    return n->is_over ? HY_ECLOSED : 0;
}

static size_t add_to_head(native_t *n, const char *bytes, size_t len) {
    size_t take = HEAD_BYTES - n->head_len;
    if (take > len) take = len;
    memcpy(n->head + n->head_len, bytes, take);
    n->head_len = (uint8_t)(n->head_len + take);
    return take;
}

/* Goes on with the frame that is under way, or begins one that is not all there. */
static int take_part(native_t *n, const char *bytes, size_t len, size_t *taken) {
    size_t at = 0;
    if (n->head_len < HEAD_BYTES) {
        at = add_to_head(n, bytes, len);
        *taken = at;
        if (n->head_len < HEAD_BYTES) return 0;
        if (check_length(n, length_in(n->head)) < 0) return HY_ECLOSED;
    }
    uint32_t whole = length_in(n->head);
    size_t part = whole - n->body.len;
    if (part > len - at) part = len - at;
    hy_buf_add(&n->body, bytes + at, part);
    *taken = at + part;
    if (n->body.failed) return give_up_memory(n, whole);
    if (n->body.len < whole) return 0;
    n->head_len = 0;
    return hand_out(n, hy_buf_take(&n->body), whole);
}

static int native_input(hy_protocol_t *p, const char *bytes, size_t len) {
    native_t *n = native_of(p);
    int r = n->is_over ? HY_ECLOSED : 0;
    while (r == 0 && len > 0) {
        size_t taken = 0;
        uint32_t whole = 0;
        if (n->head_len == 0 && len > HEAD_BYTES) {
            whole = length_in((const unsigned char *)bytes);
            r = check_length(n, whole);
            if (r < 0) break;
        }
        if (whole > 0 && whole <= len - HEAD_BYTES) {
            r = hand_out(n, hy_str_new(bytes + HEAD_BYTES, whole), whole);
            taken = HEAD_BYTES + whole;
        } else {
            r = take_part(n, bytes, len, &taken);
        }
        bytes += taken;
        len -= taken;
    }
    return r;
}

/* --- the rest --------------------------------------------------------------------------------- */

static void native_start(hy_protocol_t *p) {
    p->events->open(p->arg);
}

/* No words: who speaks natively is told in a message, by who closes. */
static void native_close(hy_protocol_t *p, hy_close_code_t code, const char *reason) {
    native_t *n = native_of(p);
    (void)code;
    (void)reason;
    n->is_over = true;
}

static bool native_ping(hy_protocol_t *p) {
    (void)p;
    return true;
}

static void native_free(hy_protocol_t *p) {
    hy_buf_deinit(&native_of(p)->body);
    hy_free(p);
}

static const hy_protocol_ops_t OPS = {
    .name = "native",
    .start = native_start,
    .input = native_input,
    .close = native_close,
    .ping = native_ping,
    .free = native_free,
};

hy_protocol_t *hy_native_new(const hy_protocol_events_t *events, void *arg) {
    native_t *n = hy_alloc(sizeof *n);
    if (!n) return NULL;
    *n = (native_t){.base = {&OPS, HY_WIRE_NATIVE, events, arg}};
    return &n->base;
}
