/* What WebSocket frames carry (RFC 6455, section 5): bytes are fed, items come out one by one. Only
 * what arrives; private to the WebSocket protocol. */
#ifndef HY_NET_FRAMES_H
#define HY_NET_FRAMES_H

#include "../base/buf.h"
#include "../base/error.h"
#include "../node/close.h"

#define HY_CONTROL_BYTES_MAX 125u

typedef struct {
    struct wslay_frame_context *wslay; /* NULL: at rest, between two frames */
    const char *input;                 /* what is fed and not taken yet; lent */
    size_t left;
    uint64_t owed;       /* bytes that the context has, less those of whole frames */
    uint64_t frame_left; /* of the payload of the frame under way */
    bool is_server;      /* frames from a client are masked, those from a server are not */
    bool in_frame;
    bool in_message; /* a fragment came, the last one did not */
    unsigned pings;  /* in this input */
    hy_buf_t message, control;
} hy__frames_t;

typedef enum {
    HY__ITEM_NONE, /* all that was fed is taken */
    HY__ITEM_TEXT,
    HY__ITEM_PING,
    HY__ITEM_PONG,
    HY__ITEM_CLOSE,
    HY__ITEM_BAD, /* nothing can be read after it */
} hy__item_kind_t;

typedef struct {
    hy__item_kind_t kind;
    hy_str_t *text;    /* TEXT: the receiver's; valid UTF-8 */
    const char *bytes; /* PING, PONG, CLOSE: the payload, lent until the next call */
    size_t len;
    hy_close_code_t code; /* BAD, and why */
    hy_error_t why;
} hy__item_t;

void hy__frames_init(hy__frames_t *f, bool is_server);
void hy__frames_deinit(hy__frames_t *f);
/* The bytes must stay until NONE or BAD came out. */
void hy__frames_feed(hy__frames_t *f, const char *bytes, size_t len);
void hy__frames_next(hy__frames_t *f, hy__item_t *out);

#endif
