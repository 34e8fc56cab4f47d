/* The server's side: judging a request and writing the answer. Every refusal has a line of text
 * that says what was wrong; after any answer but 101 the connection is closed. */
#include "http.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include <openssl/evp.h>

#include "url.h"

#define WEBSOCKET_PATH "/ws"
#define SUBPROTOCOL    "hyperty"
#define TEXT           "text/plain; charset=utf-8"
#define KEY_TEXT_BYTES 24u /* 16 bytes in base64 */
#define SHOWN_BYTES    128 /* of what the other end sent, in a text */

typedef struct {
    const hy__http_head_t *head;
    const hy_websocket_policy_t *policy;
    const hy_protocol_events_t *events;
    void *arg;
    hy_buf_t path; /* a C string */
    hy__http_answer_t *out;
} request_t;

/* --- answers ---------------------------------------------------------------------------------- */

static const char *fields_of(int status) {
    switch (status) {
    case HTTP_STATUS_METHOD_NOT_ALLOWED:
        return "Allow: GET, HEAD\r\n";
    case HTTP_STATUS_UPGRADE_REQUIRED:
        return "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    case HTTP_STATUS_TOO_MANY_REQUESTS:
        return "Retry-After: 1\r\n";
    default:
        return "";
    }
}

static void write_answer(hy_buf_t *out, int status, const char *content_type, const char *body,
                         size_t len, bool is_head_only) {
    hy_buf_format(out,
                  "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s"
                  "Connection: close%s\r\n\r\n",
                  status, http_status_str((enum http_status)status), content_type, len,
                  fields_of(status), status == HTTP_STATUS_UPGRADE_REQUIRED ? ", upgrade" : "");
    if (!is_head_only) hy_buf_add(out, body, len);
}

static void write_line(hy_buf_t *out, int status, const char *line, bool is_head_only) {
    hy_buf_t body;
    hy_buf_init(&body);
    hy_buf_format(&body, "%s\n", line);
    if (body.failed)
        out->failed = true;
    else
        write_answer(out, status, TEXT, body.bytes, body.len, is_head_only);
    hy_buf_deinit(&body);
}

void hy__http_turned_away(hy_close_code_t code, const char *reason, hy_buf_t *out) {
    int status = code == HY_CLOSE_PROTOCOL   ? HTTP_STATUS_BAD_REQUEST
                 : code == HY_CLOSE_TOO_MANY ? HTTP_STATUS_TOO_MANY_REQUESTS
                                             : HTTP_STATUS_SERVICE_UNAVAILABLE;
    write_line(out, status, reason, false);
}

static bool is_head_request(const request_t *r) {
    return r->head->is_complete && r->head->parser.method == HTTP_HEAD;
}

static void note(request_t *r, int status, const char *why) {
    if (r->path.bytes)
        hy_fail(&r->out->note, HY_ECLOSED, "%s %.*s answered %d%s%s",
                http_method_str((enum http_method)r->head->parser.method), SHOWN_BYTES,
                r->path.bytes, status, *why ? ": " : "", why);
    else
        hy_fail(&r->out->note, HY_ECLOSED, "a request answered %d: %s", status, why);
}

static void refuse(request_t *r, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void refuse(request_t *r, int status, const char *format, ...) {
    hy_error_t why;
    va_list args;
    va_start(args, format);
    vsnprintf(why.text, sizeof why.text, format, args);
    va_end(args);
    for (char *c = why.text; *c; c++) /* what the other end sent may be in it */
        if (*c & 0x80) *c = '?';
    write_line(&r->out->bytes, status, why.text, is_head_request(r));
    note(r, status, why.text);
}

/* --- upgrades --------------------------------------------------------------------------------- */

static const char *field(const request_t *r, hy__http_field_t which) {
    return hy__http_field(r->head, which);
}

/* What is not a browser sends no origin, and is not stopped by this. */
static bool is_origin_allowed(const request_t *r, const char *origin) {
    struct http_parser_url url;
    char host[HY_DOMAIN_BYTES_MAX + 1];
    http_parser_url_init(&url);
    if (http_parser_parse_url(origin, strlen(origin), 0, &url) != 0) return false; /* "null" */
    size_t len = url.field_data[UF_HOST].len;
    if (!(url.field_set & 1u << UF_HOST) || len >= sizeof host) return false;
    memcpy(host, origin + url.field_data[UF_HOST].off, len);
    host[len] = '\0';
    if (r->policy->origin && strcasecmp(host, r->policy->origin) == 0) return true;
    return r->policy->is_loopback_only && hy__host_is_loopback(host);
}

static bool is_key(const char *key) {
    unsigned char bytes[KEY_TEXT_BYTES];
    return strlen(key) == KEY_TEXT_BYTES && key[KEY_TEXT_BYTES - 3] != '=' &&
           strcmp(key + KEY_TEXT_BYTES - 2, "==") == 0 &&
           EVP_DecodeBlock(bytes, (const unsigned char *)key, KEY_TEXT_BYTES) > 0;
}

/* True if all is as RFC 6455, section 4.2.1, asks; else it is refused. */
static bool check_upgrade(request_t *r) {
    const http_parser *parser = &r->head->parser;
    const char *version = field(r, HY_HTTP_FIELD_VERSION), *key = field(r, HY_HTTP_FIELD_KEY);
    const char *origin = field(r, HY_HTTP_FIELD_ORIGIN);
    if (!hy__http_list_has(field(r, HY_HTTP_FIELD_UPGRADE), "websocket"))
        refuse(r, HTTP_STATUS_UPGRADE_REQUIRED, "%s is for WebSocket; no \"Upgrade: websocket\"",
               WEBSOCKET_PATH);
    else if (!hy__http_list_has(field(r, HY_HTTP_FIELD_CONNECTION), "upgrade"))
        refuse(r, HTTP_STATUS_BAD_REQUEST, "no \"Connection: Upgrade\"");
    else if (parser->method != HTTP_GET)
        refuse(r, HTTP_STATUS_METHOD_NOT_ALLOWED, "a WebSocket begins with GET");
    else if (parser->http_major < 1 || (parser->http_major == 1 && parser->http_minor < 1))
        refuse(r, HTTP_STATUS_BAD_REQUEST, "a WebSocket needs HTTP/1.1, not %u.%u",
               parser->http_major, parser->http_minor);
    else if (!field(r, HY_HTTP_FIELD_HOST))
        refuse(r, HTTP_STATUS_BAD_REQUEST, "no Host");
    else if (!version || strcmp(version, "13") != 0)
        refuse(r, HTTP_STATUS_UPGRADE_REQUIRED, "Sec-WebSocket-Version is %.*s, served is 13",
               SHOWN_BYTES, version ? version : "not given");
    else if (!key || !is_key(key))
        refuse(r, HTTP_STATUS_BAD_REQUEST, "Sec-WebSocket-Key is %s",
               key ? "not 16 bytes in base64" : "not given");
    else if (origin && !is_origin_allowed(r, origin))
        refuse(r, HTTP_STATUS_FORBIDDEN, "Origin %.*s is not allowed", SHOWN_BYTES, origin);
    else
        return true;
    return false;
}

static void upgrade(request_t *r) {
    char accept[HY_HTTP_ACCEPT_BYTES];
    if (!check_upgrade(r)) return;
    if (!hy__http_accept(field(r, HY_HTTP_FIELD_KEY), accept)) {
        refuse(r, HTTP_STATUS_INTERNAL_SERVER_ERROR, "SHA-1 is not to be had");
        return;
    }
    bool is_ours = hy__http_list_has(field(r, HY_HTTP_FIELD_PROTOCOL), SUBPROTOCOL);
    hy_buf_format(&r->out->bytes,
                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
                  accept, is_ours ? "Sec-WebSocket-Protocol: " SUBPROTOCOL "\r\n" : "");
    r->out->is_upgrade = true;
}

/* --- requests --------------------------------------------------------------------------------- */

static void serve_page(request_t *r) {
    hy_buf_t body;
    hy_buf_init(&body);
    const char *type = r->events->page ? r->events->page(r->arg, r->path.bytes, &body) : NULL;
    if (body.failed) {
        r->out->bytes.failed = true;
    } else if (!type) {
        refuse(r, HTTP_STATUS_NOT_FOUND, "nothing is at %.*s; WebSocket is at %s", SHOWN_BYTES,
               r->path.bytes, WEBSOCKET_PATH);
    } else {
        write_answer(&r->out->bytes, HTTP_STATUS_OK, type, body.bytes, body.len,
                     is_head_request(r));
        note(r, HTTP_STATUS_OK, "");
    }
    hy_buf_deinit(&body);
}

static bool find_path(request_t *r) {
    const hy_buf_t *url = &r->head->url; /* with its NUL */
    struct http_parser_url parts;
    http_parser_url_init(&parts);
    if (!url->bytes || http_parser_parse_url(url->bytes, url->len - 1, 0, &parts) != 0 ||
        !(parts.field_set & 1u << UF_PATH)) {
        refuse(r, HTTP_STATUS_BAD_REQUEST, "the address asked for has no path");
        return false;
    }
    hy_buf_add(&r->path, url->bytes + parts.field_data[UF_PATH].off, parts.field_data[UF_PATH].len);
    hy_buf_char(&r->path, '\0');
    r->out->bytes.failed |= r->path.failed;
    return !r->path.failed;
}

static void answer(request_t *r) {
    unsigned method = r->head->parser.method;
    if (method != HTTP_GET && method != HTTP_HEAD) {
        refuse(r, HTTP_STATUS_METHOD_NOT_ALLOWED, "%s is not served, only GET and HEAD",
               http_method_str((enum http_method)method));
        return;
    }
    if (r->head->has_body) {
        refuse(r, HTTP_STATUS_BAD_REQUEST, "a request with a body");
        return;
    }
    if (!find_path(r)) return;
    if (strcmp(r->path.bytes, WEBSOCKET_PATH) == 0)
        upgrade(r);
    else
        serve_page(r);
}

void hy__http_answer(const hy__http_head_t *h, int code, const hy_error_t *why,
                     const hy_websocket_policy_t *policy, const hy_protocol_events_t *events,
                     void *arg, hy__http_answer_t *out) {
    request_t r = {.head = h, .policy = policy, .events = events, .arg = arg, .out = out};
    hy_buf_init(&out->bytes);
    out->is_upgrade = false;
    hy_fail(&out->note, HY_ECLOSED, "out of memory for an HTTP answer");
    if (code == 0)
        answer(&r);
    else if (code == HY_ETOO_LARGE)
        refuse(&r, HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE, "%s", why->text);
    else if (code == HY_ENOMEM)
        hy__http_turned_away(HY_CLOSE_INTERNAL, why->text, &out->bytes);
    else
        refuse(&r, HTTP_STATUS_BAD_REQUEST, "%s", why->text);
    hy_buf_deinit(&r.path);
}
