/* The WebSocket protocol, both sides.
 *
 *      handshake (head: http.h) ──► open (frames: frames.h) ──► over
 *
 * What the handshake needs is a block of its own, gone when it is through. Control frames go out
 * from here; messages do not (wire.h). Of the pings that come in one input the last is answered:
 * RFC 6455, section 5.5.3, allows that, and it bounds what a flood makes us say. */
#include "protocol.h"

#include <assert.h>
#include <stdio.h>

#include "../base/error.h"
#include "../base/mem.h"
#include "frames.h"
#include "http.h"
#include "wire.h"

#define OPCODE_CLOSE 8u
#define OPCODE_PING  9u
#define OPCODE_PONG  10u
#define CODE_BYTES   2u
#define CODE_LIBRARY 3000u /* from here on codes are others' to give */
#define CODE_MAX     4999u

typedef struct {
    hy__http_head_t head;
    char key[HY_HTTP_KEY_BYTES]; /* client */
    hy_buf_t request;            /* client: until start */
} handshake_t;

typedef struct {
    hy_protocol_t base;
    handshake_t *handshake; /* NULL: it is through */
    hy_random_t *random;    /* client: keys and masks; NULL: a server */
    hy_websocket_policy_t policy;
    hy__frames_t frames;
    bool is_over;  /* `closed` was called, or close */
    bool is_asked; /* a ping went out, and nothing came since */
} websocket_t;

/* The last ping of an input. */
typedef struct {
    bool is_due;
    size_t len;
    char bytes[HY_CONTROL_BYTES_MAX];
} pong_t;

static websocket_t *websocket_of(hy_protocol_t *p) {
    return (websocket_t *)p;
}

static void output(websocket_t *w, const char *bytes, size_t len) {
    w->base.events->output(w->base.arg, bytes, len);
}

static void free_handshake(websocket_t *w) {
    if (!w->handshake) return;
    hy__http_head_deinit(&w->handshake->head);
    hy_buf_deinit(&w->handshake->request);
    hy_free(w->handshake);
    w->handshake = NULL;
}

/* Not if what was just output made its reader close. */
static int tell_closed(websocket_t *w, hy_close_code_t code, const char *reason) {
    if (w->is_over) return HY_ECLOSED;
    w->is_over = true;
    w->base.events->closed(w->base.arg, code, reason);
    return HY_ECLOSED;
}

/* --- control frames --------------------------------------------------------------------------- */

static void send_control(websocket_t *w, unsigned opcode, const char *bytes, size_t len) {
    char frame[HY_FRAME_HEAD_BYTES_MAX + HY_CONTROL_BYTES_MAX];
    assert(len <= HY_CONTROL_BYTES_MAX);
    size_t n = hy__frame_head(frame, opcode, len, w->random != NULL);
    if (w->random) {
        w->random->fill(w->random, frame + n, HY_FRAME_KEY_BYTES);
        n += HY_FRAME_KEY_BYTES;
    }
    if (len > 0) memcpy(frame + n, bytes, len);
    if (w->random) hy__frame_mask(frame + n, len, frame + n - HY_FRAME_KEY_BYTES);
    output(w, frame, n + len);
}

/* Whole characters only; nothing of what is no text. */
static size_t reason_len(const char *reason) {
    if (!reason) return 0;
    size_t len = strlen(reason);
    if (len > HY_CLOSE_REASON_BYTES) {
        len = HY_CLOSE_REASON_BYTES;
        while (len > 0 && ((unsigned char)reason[len] & 0xc0) == 0x80)
            len--;
    }
    return hy_utf8_is_valid(reason, len) ? len : 0;
}

static void send_close(websocket_t *w, unsigned code, const char *reason) {
    char payload[CODE_BYTES + HY_CLOSE_REASON_BYTES];
    size_t len = reason_len(reason);
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    if (len > 0) memcpy(payload + CODE_BYTES, reason, len);
    send_control(w, OPCODE_CLOSE, payload, CODE_BYTES + len);
}

static int fail(websocket_t *w, hy_close_code_t code, const char *reason) {
    send_close(w, code, reason);
    return tell_closed(w, code, reason);
}

/* --- closing ---------------------------------------------------------------------------------- */

/* RFC 6455, section 7.4, and the registry: not the codes that stand for what was never sent. */
static bool is_code(unsigned code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= CODE_LIBRARY && code <= CODE_MAX);
}

static const char *general_text(unsigned code) {
    switch (code) {
#define X(name, number, text)                                                                      \
    case number:                                                                                   \
        return text;
        HY_CLOSE_MAP(X)
#undef X
    default:
        return "closed by the other end";
    }
}

static int take_close(websocket_t *w, const char *bytes, size_t len) {
    char reason[HY_CLOSE_REASON_BYTES + 1];
    if (len == 0) {
        send_control(w, OPCODE_CLOSE, NULL, 0);
        return tell_closed(w, HY_CLOSE_NORMAL, general_text(HY_CLOSE_NORMAL));
    }
    if (len < CODE_BYTES) return fail(w, HY_CLOSE_PROTOCOL, "a close frame of 1 byte");
    unsigned code = (unsigned)(unsigned char)bytes[0] << 8 | (unsigned char)bytes[1];
    if (!is_code(code)) {
        snprintf(reason, sizeof reason, "a close frame with code %u", code);
        return fail(w, HY_CLOSE_PROTOCOL, reason);
    }
    if (!hy_utf8_is_valid(bytes + CODE_BYTES, len - CODE_BYTES))
        return fail(w, HY_CLOSE_BAD_TEXT, "the reason in a close frame is not UTF-8");
    memcpy(reason, bytes + CODE_BYTES, len - CODE_BYTES);
    reason[len - CODE_BYTES] = '\0';
    send_close(w, code, NULL);
    return tell_closed(w, (hy_close_code_t)code, *reason ? reason : general_text(code));
}

static void websocket_close(hy_protocol_t *p, hy_close_code_t code, const char *reason) {
    websocket_t *w = websocket_of(p);
    if (w->is_over) return;
    w->is_over = true;
    if (code == HY_CLOSE_LOST) return; /* nobody is there */
    if (!w->handshake) {
        send_close(w, code, reason);
    } else if (!w->random) {
        hy_buf_t answer;
        hy_buf_init(&answer);
        hy__http_turned_away(code, reason ? reason : general_text(code), &answer);
        if (!answer.failed) output(w, answer.bytes, answer.len);
        hy_buf_deinit(&answer);
    }
}

/* --- handshake -------------------------------------------------------------------------------- */

/* True if frames follow. */
static bool answer_request(websocket_t *w, int code, const hy_error_t *why) {
    hy__http_answer_t answer;
    hy__http_answer(&w->handshake->head, code, why, &w->policy, w->base.events, w->base.arg,
                    &answer);
    if (answer.bytes.failed) {
        tell_closed(w, HY_CLOSE_INTERNAL, "out of memory for an HTTP answer");
    } else {
        output(w, answer.bytes.bytes, answer.bytes.len);
        if (!answer.is_upgrade) tell_closed(w, HY_CLOSE_NORMAL, answer.note.text);
    }
    hy_buf_deinit(&answer.bytes);
    return !w->is_over;
}

static bool judge_answer(websocket_t *w, int code, hy_error_t *why) {
    if (code == HY_ENOMEM)
        code = HY_CLOSE_INTERNAL;
    else if (code < 0)
        code = HY_CLOSE_PROTOCOL;
    else
        code = hy__http_check(&w->handshake->head, w->handshake->key, why);
    if (code) tell_closed(w, (hy_close_code_t)code, why->text);
    return code == 0;
}

/* Bytes taken, or HY_ECLOSED. */
static ssize_t shake_hands(websocket_t *w, const char *bytes, size_t len) {
    hy_error_t why;
    ssize_t taken = hy__http_head_read(&w->handshake->head, bytes, len, &why);
    if (taken >= 0 && !w->handshake->head.is_complete) return taken;
    int code = taken < 0 ? (int)taken : 0;
    bool goes_on = w->random ? judge_answer(w, code, &why) : answer_request(w, code, &why);
    free_handshake(w);
    if (!goes_on) return HY_ECLOSED;
    w->base.events->open(w->base.arg);
    return w->is_over ? HY_ECLOSED : taken;
}

static void websocket_start(hy_protocol_t *p) {
    websocket_t *w = websocket_of(p);
    if (!w->random) return;
    hy_buf_t *request = &w->handshake->request;
    output(w, request->bytes, request->len);
    hy_buf_deinit(request);
}

/* --- frames ----------------------------------------------------------------------------------- */

static void keep_ping(pong_t *pong, const hy__item_t *item) {
    pong->is_due = true;
    pong->len = item->len;
    if (item->len > 0) memcpy(pong->bytes, item->bytes, item->len);
}

static int take_item(websocket_t *w, hy__item_t *item, pong_t *pong) {
    switch (item->kind) {
    case HY__ITEM_TEXT:
        w->base.events->text(w->base.arg, item->text);
        hy_str_unref(item->text);
        return w->is_over ? HY_ECLOSED : 0;
    case HY__ITEM_PING:
        keep_ping(pong, item);
        return 0;
    case HY__ITEM_CLOSE:
        return take_close(w, item->bytes, item->len);
    case HY__ITEM_BAD:
        return fail(w, item->code, item->why.text);
    default: /* a pong has said what it has to say by coming */
        return 0;
    }
}

static int take_frames(websocket_t *w, const char *bytes, size_t len) {
    hy__item_t item;
    pong_t pong;
    pong.is_due = false;
    int r = 0;
    hy__frames_feed(&w->frames, bytes, len);
    do {
        hy__frames_next(&w->frames, &item);
        r = take_item(w, &item, &pong);
    } while (r == 0 && item.kind != HY__ITEM_NONE);
    if (r == 0 && pong.is_due) send_control(w, OPCODE_PONG, pong.bytes, pong.len);
    return w->is_over ? HY_ECLOSED : r;
}

static int websocket_input(hy_protocol_t *p, const char *bytes, size_t len) {
    websocket_t *w = websocket_of(p);
    if (w->is_over) return HY_ECLOSED;
    if (len > 0) w->is_asked = false;
    if (w->handshake && len > 0) {
        ssize_t taken = shake_hands(w, bytes, len);
        if (taken < 0) return HY_ECLOSED;
        bytes += taken;
        len -= (size_t)taken;
    }
    return len > 0 ? take_frames(w, bytes, len) : 0;
}

static bool websocket_ping(hy_protocol_t *p) {
    websocket_t *w = websocket_of(p);
    if (w->is_asked) return false;
    if (w->handshake || w->is_over) return true;
    w->is_asked = true;
    send_control(w, OPCODE_PING, NULL, 0);
    return true;
}

/* --- making ----------------------------------------------------------------------------------- */

static void websocket_free(hy_protocol_t *p) {
    websocket_t *w = websocket_of(p);
    free_handshake(w);
    hy__frames_deinit(&w->frames);
    hy_free(w);
}

static const hy_protocol_ops_t OPS = {
    .name = "websocket",
    .start = websocket_start,
    .input = websocket_input,
    .close = websocket_close,
    .ping = websocket_ping,
    .free = websocket_free,
};

static websocket_t *new_websocket(const hy_protocol_events_t *events, void *arg, hy_wire_t wire,
                                  enum http_parser_type head) {
    websocket_t *w = hy_alloc(sizeof *w);
    if (!w) return NULL;
    *w = (websocket_t){.base = {&OPS, wire, events, arg}};
    hy__frames_init(&w->frames, head == HTTP_REQUEST);
    w->handshake = hy_alloc(sizeof *w->handshake);
    if (!w->handshake) {
        hy_free(w);
        return NULL;
    }
    hy__http_head_init(&w->handshake->head, head);
    hy_buf_init(&w->handshake->request);
    return w;
}

hy_protocol_t *hy_websocket_server_new(const hy_protocol_events_t *events, void *arg,
                                       const hy_websocket_policy_t *policy) {
    websocket_t *w = new_websocket(events, arg, HY_WIRE_WEBSOCKET, HTTP_REQUEST);
    if (!w) return NULL;
    w->policy = *policy;
    return &w->base;
}

hy_protocol_t *hy_websocket_client_new(const hy_protocol_events_t *events, void *arg,
                                       const char *host, const char *path, hy_random_t *random) {
    websocket_t *w = new_websocket(events, arg, HY_WIRE_WEBSOCKET_OUT, HTTP_RESPONSE);
    if (!w) return NULL;
    w->random = random;
    hy__http_request(host, path, random, w->handshake->key, &w->handshake->request);
    if (!w->handshake->request.failed) return &w->base;
    websocket_free(&w->base);
    return NULL;
}
