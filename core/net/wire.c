/* Framing of messages that leave.
 *
 *      native          length, 4 bytes | text
 *      websocket       0x81 | length, 1 to 9 bytes | text
 *      websocket out   0x81 | length, 1 to 9 bytes | key, 4 bytes | text, masked
 *
 * A message is masked once, with one key, for all connections of this process that send it: the key
 * is there against scripts that choose the bytes on the wire, not to hide anything. */
#include "wire.h"

#include <assert.h>

#define OPCODE_TEXT  1u
#define NATIVE_BYTES 4u
#define IS_LAST      0x80u
#define IS_MASKED    0x80u
#define LENGTH_IN_2  126u
#define LENGTH_IN_8  127u
#define WIDE_BYTES   8u

static void put_length(char *at, uint64_t len, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        at[i] = (char)(len >> 8 * (bytes - 1 - i));
}

size_t hy__frame_head(char *head, unsigned opcode, uint64_t len, bool is_masked) {
    unsigned mask = is_masked ? IS_MASKED : 0;
    head[0] = (char)(IS_LAST | opcode);
    size_t n = hy__frame_head_bytes(len);
    head[1] = (char)(mask | (n == 2 ? len : n == 4 ? LENGTH_IN_2 : LENGTH_IN_8));
    put_length(head + 2, len, n - 2);
    return n;
}

void hy__frame_mask(char *bytes, size_t len, const char key[HY_FRAME_KEY_BYTES]) {
    uint64_t wide, word;
    memcpy(&wide, key, HY_FRAME_KEY_BYTES);
    memcpy((char *)&wide + HY_FRAME_KEY_BYTES, key, HY_FRAME_KEY_BYTES);
    size_t i = 0;
    for (; len - i >= WIDE_BYTES; i += WIDE_BYTES) {
        memcpy(&word, bytes + i, WIDE_BYTES);
        word ^= wide;
        memcpy(bytes + i, &word, WIDE_BYTES);
    }
    for (; i < len; i++)
        bytes[i] = (char)(bytes[i] ^ key[i % HY_FRAME_KEY_BYTES]);
}

static size_t write_head(char *head, hy_wire_t form, size_t len, hy_random_t *random) {
    if (form == HY_WIRE_NATIVE) {
        put_length(head, len, NATIVE_BYTES);
        return NATIVE_BYTES;
    }
    bool is_masked = form == HY_WIRE_WEBSOCKET_OUT;
    size_t n = hy__frame_head(head, OPCODE_TEXT, len, is_masked);
    if (!is_masked) return n;
    random->fill(random, head + n, HY_FRAME_KEY_BYTES);
    return n + HY_FRAME_KEY_BYTES;
}

hy_str_t *hy_wire_of(hy_msg_t *m, hy_wire_t form, hy_random_t *random, hy_error_t *err) {
    char head[HY_FRAME_HEAD_BYTES_MAX];
    assert(form < HY_WIRES && (random || form != HY_WIRE_WEBSOCKET_OUT));
    if (m->wire[form]) return m->wire[form];
    hy_str_t *text = hy_msg_text(m, err);
    if (!text) return NULL;
    size_t n = write_head(head, form, text->len, random);
    hy_str_t *framed = hy_str_reserve(n + text->len);
    if (!framed) {
        hy_fail(err, HY_ENOMEM, "out of memory for the frame of a message of %u bytes to %s",
                text->len, m->to->bytes);
        return NULL;
    }
    memcpy(framed->bytes, head, n);
    memcpy(framed->bytes + n, text->bytes, text->len);
    if (form == HY_WIRE_WEBSOCKET_OUT)
        hy__frame_mask(framed->bytes + n, text->len, head + n - HY_FRAME_KEY_BYTES);
    hy_msg_set_wire(m, form, framed);
    return framed;
}
