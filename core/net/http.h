/* The HTTP head before a WebSocket (RFC 6455, section 4), and the few other requests that a node
 * answers. Private to the WebSocket protocol.
 *
 *      http.c          reads a head, of a request or of a response; the accept key
 *      http_server.c   judges a request and writes the answer
 *      http_client.c   writes the request and judges the answer
 *
 * A head is read as its bytes come, also one by one; only the fields that matter are kept. */
#ifndef HY_NET_HTTP_H
#define HY_NET_HTTP_H

#include <sys/types.h>

#include <http_parser.h>

#include "../base/error.h"
#include "protocol.h"

#define HY_HTTP_NAME_BYTES   32u /* longer names are none of ours */
#define HY_HTTP_ACCEPT_BYTES 29u /* with the NUL */

/* name, as in the head, may it be given twice (then it is one list) */
#define HY_HTTP_FIELD_MAP(X)                                                                       \
    X(HOST, "Host", false)                                                                         \
    X(ORIGIN, "Origin", false)                                                                     \
    X(UPGRADE, "Upgrade", true)                                                                    \
    X(CONNECTION, "Connection", true)                                                              \
    X(KEY, "Sec-WebSocket-Key", false)                                                             \
    X(VERSION, "Sec-WebSocket-Version", false)                                                     \
    X(PROTOCOL, "Sec-WebSocket-Protocol", true)                                                    \
    X(EXTENSIONS, "Sec-WebSocket-Extensions", true)                                                \
    X(ACCEPT, "Sec-WebSocket-Accept", false)

typedef enum {
#define X(name, text, is_list) HY_HTTP_FIELD_##name,
    HY_HTTP_FIELD_MAP(X)
#undef X
        HY_HTTP_FIELDS
} hy__http_field_t;

typedef struct {
    http_parser parser;
    size_t bytes;                    /* read so far */
    hy_buf_t url;                    /* of a request */
    hy_buf_t fields[HY_HTTP_FIELDS]; /* C strings, once complete; NULL: not there */
    char name[HY_HTTP_NAME_BYTES];   /* of the field under way */
    size_t name_len;
    hy_buf_t *value; /* of the field under way; NULL: none of ours */
    bool in_value;   /* else in a name */
    bool is_complete;
    bool has_body;
    hy__http_field_t twice; /* one that must not be; HY_HTTP_FIELDS: none */
} hy__http_head_t;

/* --- heads ------------------------------------------------------------------------------------ */

/* The memory is the caller's. `type` is HTTP_REQUEST or HTTP_RESPONSE. */
void hy__http_head_init(hy__http_head_t *h, enum http_parser_type type);
void hy__http_head_deinit(hy__http_head_t *h);
/* Bytes taken; fewer than given if the head is complete. HY_EINVALID (malformed, also a field given
 * twice), HY_ETOO_LARGE (over HY_HTTP_HEAD_BYTES_MAX), HY_ENOMEM; then no further call. */
ssize_t hy__http_head_read(hy__http_head_t *h, const char *bytes, size_t len, hy_error_t *err);
/* The value, lent; NULL: not there. */
const char *hy__http_field(const hy__http_head_t *h, hy__http_field_t field);
/* True if `list` (NULL: empty), of items with commas between, has `item`, whatever the case. */
bool hy__http_list_has(const char *list, const char *item);
/* The answer to a Sec-WebSocket-Key; false if the library cannot. */
bool hy__http_accept(const char *key, char out[HY_HTTP_ACCEPT_BYTES]);

/* --- the two sides ---------------------------------------------------------------------------- */

/* What a complete (or broken) request leads to. */
typedef struct {
    hy_buf_t bytes;  /* the answer; the caller's to deinit; `failed` if there was no memory */
    bool is_upgrade; /* frames follow */
    hy_error_t note; /* else: what was asked and answered, for the log */
} hy__http_answer_t;

/* `code` and `why` are those of hy__http_head_read if it failed; else 0. `page` may be NULL. */
void hy__http_answer(const hy__http_head_t *h, int code, const hy_error_t *why,
                     const hy_websocket_policy_t *policy, const hy_protocol_events_t *events,
                     void *arg, hy__http_answer_t *out);
/* The answer of a server that closes before it has been asked: 400 for what is no request, 429 if
 * there are too many from there, else 503, with that reason. */
void hy__http_turned_away(hy_close_code_t code, const char *reason, hy_buf_t *out);

#define HY_HTTP_KEY_BYTES 25u /* with the NUL */
/* A new key, and the request with it. */
void hy__http_request(const char *host, const char *path, hy_random_t *random,
                      char key[HY_HTTP_KEY_BYTES], hy_buf_t *out);
/* 0 if frames follow; else a close code, and why. */
int hy__http_check(const hy__http_head_t *h, const char *key, hy_error_t *why);

#endif
