/* Fuzz target: any bytes on a WebSocket connection. The first says who reads them, how they are
 * cut, and whether a good handshake comes before them, so that frames are reached. However they
 * are cut, the same messages come out, or it closes for the same reason; nothing may be left. Built
 * and run by tools/fuzz/run. */
#include "protocol.h"

#define REQUEST                                                                                    \
    "GET /ws HTTP/1.1\r\nHost: d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                 \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
/* The answer to the key that an all-zero source gives. */
#define RESPONSE                                                                                   \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n"

#define IS_CLIENT  0x80u
#define HAS_PREFIX 0x40u
#define STEP_BITS  0x3fu

static void fill_zero(hy_random_t *r, void *bytes, size_t len) {
    (void)r;
    memset(bytes, 0, len);
}

static hy_random_t zero = {.fill = fill_zero};

static hy_protocol_t *new_server(const hy_protocol_events_t *events, void *arg) {
    static const hy_websocket_policy_t POLICY = {.is_loopback_only = true, .origin = "d"};
    return hy_websocket_server_new(events, arg, &POLICY);
}

static hy_protocol_t *new_client(const hy_protocol_events_t *events, void *arg) {
    return hy_websocket_client_new(events, arg, "h", "/ws", &zero);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    heard_t heard;
    if (size == 0) return 0;
    unsigned how = data[0];
    const char *prefix = "";
    if (how & HAS_PREFIX) prefix = how & IS_CLIENT ? RESPONSE : REQUEST;
    check(how & IS_CLIENT ? new_client : new_server, prefix, (const char *)data + 1, size - 1,
          (how & STEP_BITS) + 1u, &heard);
    MUST(!(how & HAS_PREFIX) || heard.opens == 1);
    MUST(heard.text_bytes + 2 * heard.texts < size);
    return 0;
}
