/* The client's side: the request for a WebSocket, and judging the answer. No extension and no
 * subprotocol is offered, so none may be in the answer. */
#include "http.h"

#include <openssl/evp.h>

#define KEY_BYTES 16u

void hy__http_request(const char *host, const char *path, hy_random_t *random,
                      char key[HY_HTTP_KEY_BYTES], hy_buf_t *out) {
    unsigned char bytes[KEY_BYTES];
    random->fill(random, bytes, sizeof bytes);
    EVP_EncodeBlock((unsigned char *)key, bytes, sizeof bytes);
    hy_buf_format(out,
                  "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
                  path, host, key);
}

/* Any answer but 101 is a no; some of them may be a yes later. */
static int check_status(const http_parser *parser, hy_error_t *why) {
    unsigned status = parser->status_code;
    if (status == HTTP_STATUS_SWITCHING_PROTOCOLS) return 0;
    hy_fail(why, HY_EUNREACHABLE, "the node answered %u %s", status,
            http_status_str((enum http_status)status));
    return status >= 500 || status == HTTP_STATUS_TOO_MANY_REQUESTS ? HY_CLOSE_LOST
                                                                    : HY_CLOSE_PROTOCOL;
}

int hy__http_check(const hy__http_head_t *h, const char *key, hy_error_t *why) {
    char expected[HY_HTTP_ACCEPT_BYTES];
    int code = check_status(&h->parser, why);
    if (code) return code;
    const char *accept = hy__http_field(h, HY_HTTP_FIELD_ACCEPT);
    const char *wrong = NULL;
    if (!hy__http_list_has(hy__http_field(h, HY_HTTP_FIELD_UPGRADE), "websocket"))
        wrong = "has no \"Upgrade: websocket\"";
    else if (!hy__http_list_has(hy__http_field(h, HY_HTTP_FIELD_CONNECTION), "upgrade"))
        wrong = "has no \"Connection: Upgrade\"";
    else if (!hy__http_accept(key, expected) || !accept || strcmp(accept, expected) != 0)
        wrong = "has a wrong Sec-WebSocket-Accept";
    else if (hy__http_field(h, HY_HTTP_FIELD_PROTOCOL))
        wrong = "has a subprotocol that was not offered";
    else if (hy__http_field(h, HY_HTTP_FIELD_EXTENSIONS))
        wrong = "has an extension that was not offered";
    if (!wrong) return 0;
    hy_fail(why, HY_EINVALID, "the node's answer to the WebSocket handshake %s", wrong);
    return HY_CLOSE_PROTOCOL;
}
