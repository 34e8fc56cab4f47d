/* WebSocket frames, the incoming side.
 *
 *      input ──► wslay: heads, lengths, masks ──chunk──┬─ a whole text in it ──► TEXT
 *                                                      ├─ parts ──► message ───► TEXT
 *                                                      └─ control frames ──────► PING, PONG, CLOSE
 *
 * This is wslay's frame interface. Its event interface would put fragments together too, but holds
 * 8.7 KiB a connection, allocates for each message and each pong, looks at UTF-8 byte by byte, and
 * takes the reason of a close frame for broken text if it arrives in two pieces. So the rules of
 * section 5.4 (fragments) and 5.5 (control frames) are here.
 *
 * wslay's context is 4 KiB, most of it a buffer. A connection that rests between two frames has
 * none: it is made when bytes come and given back when the last of them was the end of a frame. */
#include "frames.h"

#include <assert.h>

#include <wslay/wslay.h>

#include "wire.h"

static ssize_t give(uint8_t *to, size_t room, int flags, void *arg) {
    hy__frames_t *f = arg;
    (void)flags;
    if (f->left == 0) return -1;
    size_t n = f->left < room ? f->left : room;
    memcpy(to, f->input, n);
    f->input += n;
    f->left -= n;
    f->owed += n;
    return (ssize_t)n;
}

void hy__frames_init(hy__frames_t *f, bool is_server) {
    *f = (hy__frames_t){.is_server = is_server};
}

static void rest(hy__frames_t *f) {
    wslay_frame_context_free(f->wslay);
    f->wslay = NULL;
}

void hy__frames_deinit(hy__frames_t *f) {
    rest(f);
    hy_buf_deinit(&f->message);
    hy_buf_deinit(&f->control);
}

void hy__frames_feed(hy__frames_t *f, const char *bytes, size_t len) {
    assert(f->left == 0);
    f->input = bytes;
    f->left = len;
    f->pings = 0;
}

/* --- what is wrong ---------------------------------------------------------------------------- */

static bool bad(hy__frames_t *f, hy__item_t *out, hy_close_code_t code, const char *why) {
    f->left = 0;
    out->kind = HY__ITEM_BAD;
    out->code = code;
    hy_fail(&out->why, HY_EINVALID, "%s", why);
    return false;
}

static bool bad_memory(hy__frames_t *f, hy__item_t *out) {
    return bad(f, out, HY_CLOSE_INTERNAL, "out of memory for a message");
}

static bool check_length(hy__frames_t *f, uint64_t len, hy__item_t *out) {
    uint64_t whole = f->message.len + len;
    if (whole <= HY_MESSAGE_BYTES_MAX) return true;
    bad(f, out, HY_CLOSE_TOO_BIG, "");
    hy_fail(&out->why, HY_ETOO_LARGE, "a message of %llu bytes was announced, at most %u are taken",
            (unsigned long long)whole, HY_MESSAGE_BYTES_MAX);
    return false;
}

static bool check_ping(hy__frames_t *f, hy__item_t *out) {
    if (++f->pings <= HY_PINGS_MAX) return true;
    return bad(f, out, HY_CLOSE_POLICY, "too many pings at once");
}

/* The head of a frame, when the first of its payload is there. */
static bool check_head(hy__frames_t *f, const struct wslay_frame_iocb *frame, hy__item_t *out) {
    if (frame->rsv != WSLAY_RSV_NONE)
        return bad(f, out, HY_CLOSE_PROTOCOL, "a reserved bit is set, no extension was agreed on");
    if (frame->mask != f->is_server)
        return bad(f, out, HY_CLOSE_PROTOCOL,
                   f->is_server ? "a frame from a client is not masked"
                                : "a frame from a server is masked");
    switch (frame->opcode) {
    case WSLAY_TEXT_FRAME:
        if (f->in_message)
            return bad(f, out, HY_CLOSE_PROTOCOL, "a message begins within a fragmented one");
        return check_length(f, frame->payload_length, out);
    case WSLAY_CONTINUATION_FRAME:
        if (!f->in_message) return bad(f, out, HY_CLOSE_PROTOCOL, "a continuation of no message");
        return check_length(f, frame->payload_length, out);
    case WSLAY_BINARY_FRAME:
        return bad(f, out, HY_CLOSE_UNSUPPORTED, "a binary message; messages are text");
    case WSLAY_PING:
        return check_ping(f, out);
    case WSLAY_PONG:
    case WSLAY_CONNECTION_CLOSE:
        return true;
    default:
        return bad(f, out, HY_CLOSE_PROTOCOL, "a frame of an unknown kind");
    }
}

/* --- frames ----------------------------------------------------------------------------------- */

static size_t head_bytes(const struct wslay_frame_iocb *frame) {
    return hy__frame_head_bytes(frame->payload_length) + (frame->mask ? HY_FRAME_KEY_BYTES : 0);
}

static bool hand_out_text(hy__frames_t *f, hy_str_t *text, hy__item_t *out) {
    if (!text) return bad_memory(f, out);
    if (!hy_utf8_is_valid(text->bytes, text->len)) {
        hy_str_unref(text);
        return bad(f, out, HY_CLOSE_BAD_TEXT, "a message is not UTF-8");
    }
    out->kind = HY__ITEM_TEXT;
    out->text = text;
    return true;
}

/* Text grows with what has come: if the rest of the frame is there, at once to its end. */
static bool take_text(hy__frames_t *f, const struct wslay_frame_iocb *frame, hy__item_t *out) {
    const char *bytes = (const char *)frame->data;
    bool is_last = f->frame_left == 0 && frame->fin;
    f->in_message = !is_last;
    if (is_last && f->message.len == 0)
        return hand_out_text(f, hy_str_new(bytes, frame->data_length), out);
    size_t rest_len = f->frame_left < f->left ? (size_t)f->frame_left : f->left;
    hy_buf_reserve(&f->message, frame->data_length + rest_len);
    hy_buf_add(&f->message, bytes, frame->data_length);
    if (f->message.failed) return bad_memory(f, out);
    return is_last ? hand_out_text(f, hy_buf_take(&f->message), out) : true;
}

static bool take_control(hy__frames_t *f, const struct wslay_frame_iocb *frame, hy__item_t *out) {
    out->bytes = (const char *)frame->data;
    out->len = frame->data_length;
    if (f->frame_left > 0 || f->control.len > 0) {
        hy_buf_add(&f->control, out->bytes, out->len);
        if (f->control.failed) return bad_memory(f, out);
        out->bytes = f->control.bytes;
        out->len = f->control.len;
    }
    if (f->frame_left > 0) return true;
    out->kind = frame->opcode == WSLAY_PING   ? HY__ITEM_PING
                : frame->opcode == WSLAY_PONG ? HY__ITEM_PONG
                                              : HY__ITEM_CLOSE;
    return true;
}

static bool take_chunk(hy__frames_t *f, const struct wslay_frame_iocb *frame, hy__item_t *out) {
    if (!f->in_frame) {
        if (!check_head(f, frame, out)) return false;
        f->in_frame = true;
        f->frame_left = frame->payload_length;
    }
    f->frame_left -= frame->data_length;
    if (f->frame_left == 0) {
        f->in_frame = false;
        f->owed -= head_bytes(frame) + frame->payload_length;
    }
    if (wslay_is_ctrl_frame(frame->opcode)) return take_control(f, frame, out);
    return take_text(f, frame, out);
}

static bool wake(hy__frames_t *f, hy__item_t *out) {
    static const struct wslay_frame_callbacks CALLBACKS = {.recv_callback = give};
    if (f->wslay) return true;
    if (wslay_frame_context_init(&f->wslay, &CALLBACKS, f) == 0) return true;
    f->wslay = NULL;
    return bad_memory(f, out);
}

void hy__frames_next(hy__frames_t *f, hy__item_t *out) {
    struct wslay_frame_iocb frame;
    out->kind = HY__ITEM_NONE;
    if (f->control.len > 0 && !f->in_frame) hy_buf_deinit(&f->control); /* was lent */
    if (!f->wslay && f->left == 0) return;
    bool goes_on = wake(f, out);
    while (goes_on && out->kind == HY__ITEM_NONE) {
        ssize_t r = wslay_frame_recv(f->wslay, &frame);
        if (r >= 0) {
            goes_on = take_chunk(f, &frame, out);
        } else if (r == WSLAY_ERR_WANT_READ) {
            assert(f->left == 0);
            if (f->owed == 0) rest(f);
            return;
        } else {
            goes_on = bad(f, out, HY_CLOSE_PROTOCOL,
                          "the head of a frame is malformed (its length, or a long or split "
                          "control frame)");
        }
    }
}
