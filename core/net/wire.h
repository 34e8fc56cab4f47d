/* The framed form of a message: head and text in one piece, made once for each form and kept with
 * the message, so that all connections that send it queue the same bytes. */
#ifndef HY_NET_WIRE_H
#define HY_NET_WIRE_H

#include "../base/error.h"
#include "../base/random.h"
#include "../bus/message.h"

/* Lent, as long as `m`. `random` gives the key of WEBSOCKET_OUT and may be NULL for the other
 * forms. NULL and a reason: HY_ETOO_LARGE over HY_MESSAGE_BYTES_MAX, HY_ENOMEM. */
hy_str_t *hy_wire_of(hy_msg_t *m, hy_wire_t form, hy_random_t *random, hy_error_t *err);

/* For the control frames of websocket.c, and for what frames.c reads, too. */
#define HY_FRAME_HEAD_BYTES_MAX 14u
#define HY_FRAME_KEY_BYTES      4u

/* The bytes of a frame's head (RFC 6455, section 5.2) up to the key, if one follows. */
static inline size_t hy__frame_head_bytes(uint64_t len) {
    return len <= 125 ? 2 : len <= 0xffff ? 4 : 10;
}
/* Writes the head of a whole frame, as far; gives its bytes. */
size_t hy__frame_head(char *head, unsigned opcode, uint64_t len, bool is_masked);
/* Masks `len` bytes where they are. */
void hy__frame_mask(char *bytes, size_t len, const char key[HY_FRAME_KEY_BYTES]);

#endif
