/* Reading an HTTP head with http-parser.
 *
 * The parser is told of every head that nothing follows (an upgrade), so that it stops right behind
 * it: what comes then is frames, or is not read. It bounds a head at 80 KiB for the whole process;
 * our bound is kept by never giving it more. */
#include "http.h"

#include <assert.h>
#include <strings.h>

#include <openssl/evp.h>

#define NOTHING_FOLLOWS 2 /* what on_headers_complete may say */
#define SHA1_BYTES      20u
#define TLS_HANDSHAKE   0x16 /* how TLS begins */
#define GUID            "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static const struct {
    const char *name;
    bool is_list;
} FIELDS[] = {
#define X(name, text, is_list) [HY_HTTP_FIELD_##name] = {text, is_list},
    HY_HTTP_FIELD_MAP(X)
#undef X
};

const char *hy__http_field(const hy__http_head_t *h, hy__http_field_t field) {
    return h->fields[field].bytes;
}

/* --- what the parser calls -------------------------------------------------------------------- */

static int on_url(http_parser *parser, const char *at, size_t len) {
    hy__http_head_t *h = parser->data;
    hy_buf_add(&h->url, at, len);
    return h->url.failed;
}

static int on_name(http_parser *parser, const char *at, size_t len) {
    hy__http_head_t *h = parser->data;
    if (h->in_value) h->name_len = 0;
    h->in_value = false;
    for (size_t i = 0; i < len; i++, h->name_len++) /* counted on, so that it matches nothing */
        if (h->name_len < HY_HTTP_NAME_BYTES) h->name[h->name_len] = at[i];
    return memchr(at, ' ', len) != NULL; /* the parser is lenient here */
}

static hy__http_field_t field_named(const char *name, size_t len) {
    hy__http_field_t field = 0;
    while (field < HY_HTTP_FIELDS &&
           (strlen(FIELDS[field].name) != len || strncasecmp(FIELDS[field].name, name, len) != 0))
        field++;
    return field;
}

static void begin_value(hy__http_head_t *h) {
    hy__http_field_t field = field_named(h->name, h->name_len);
    h->in_value = true;
    h->value = field < HY_HTTP_FIELDS ? &h->fields[field] : NULL;
    if (!h->value || !h->value->bytes) return;
    if (!FIELDS[field].is_list) h->twice = field;
    hy_buf_char(h->value, ',');
}

/* Called for an empty value too. */
static int on_value(http_parser *parser, const char *at, size_t len) {
    hy__http_head_t *h = parser->data;
    if (!h->in_value) begin_value(h);
    if (!h->value) return 0;
    hy_buf_reserve(h->value, len + 1);
    hy_buf_add(h->value, at, len);
    return h->value->failed;
}

static int on_complete(http_parser *parser) {
    hy__http_head_t *h = parser->data;
    uint64_t body = parser->content_length;
    h->is_complete = true;
    h->has_body = parser->flags & F_CHUNKED || (body > 0 && body != UINT64_MAX);
    return NOTHING_FOLLOWS;
}

static const http_parser_settings SETTINGS = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_complete,
};

/* --- heads ------------------------------------------------------------------------------------ */

void hy__http_head_init(hy__http_head_t *h, enum http_parser_type type) {
    *h = (hy__http_head_t){.twice = HY_HTTP_FIELDS, .in_value = true};
    http_parser_init(&h->parser, type);
    h->parser.data = h;
}

void hy__http_head_deinit(hy__http_head_t *h) {
    hy_buf_deinit(&h->url);
    for (unsigned i = 0; i < HY_HTTP_FIELDS; i++)
        hy_buf_deinit(&h->fields[i]);
}

static int end_text(hy_buf_t *b) {
    if (!b->bytes) return 0;
    while (b->len > 0 && (b->bytes[b->len - 1] == ' ' || b->bytes[b->len - 1] == '\t'))
        b->len--;
    hy_buf_char(b, '\0');
    return b->failed ? HY_ENOMEM : 0;
}

static int complete(hy__http_head_t *h, hy_error_t *err) {
    int code = end_text(&h->url);
    for (unsigned i = 0; i < HY_HTTP_FIELDS && code == 0; i++)
        code = end_text(&h->fields[i]);
    if (code < 0) return hy_fail(err, code, "out of memory for an HTTP head");
    if (h->twice < HY_HTTP_FIELDS)
        return hy_fail(err, HY_EINVALID, "%s is given twice", FIELDS[h->twice].name);
    return 0;
}

static bool has_failed(const hy__http_head_t *h) {
    bool failed = h->url.failed;
    for (unsigned i = 0; i < HY_HTTP_FIELDS; i++)
        failed |= h->fields[i].failed;
    return failed;
}

ssize_t hy__http_head_read(hy__http_head_t *h, const char *bytes, size_t len, hy_error_t *err) {
    assert(!h->is_complete);
    if (h->bytes == 0 && len > 0 && *bytes == TLS_HANDSHAKE)
        return hy_fail(err, HY_EINVALID, "TLS is not spoken here: write ws:// instead of wss://");
    size_t room = HY_HTTP_HEAD_BYTES_MAX - h->bytes;
    size_t n = len < room ? len : room;
    size_t taken = http_parser_execute(&h->parser, &SETTINGS, bytes, n);
    h->bytes += taken;
    if (has_failed(h)) return hy_fail(err, HY_ENOMEM, "out of memory for an HTTP head");
    enum http_errno why = HTTP_PARSER_ERRNO(&h->parser);
    if (why == HPE_CB_header_field)
        return hy_fail(err, HY_EINVALID, "malformed HTTP: a space in the name of a field");
    if (why != HPE_OK)
        return hy_fail(err, HY_EINVALID, "malformed HTTP: %s", http_errno_description(why));
    if (h->is_complete) {
        int code = complete(h, err);
        return code < 0 ? code : (ssize_t)taken;
    }
    if (n < len || room == n)
        return hy_fail(err, HY_ETOO_LARGE, "the HTTP head is over %u bytes",
                       HY_HTTP_HEAD_BYTES_MAX);
    return (ssize_t)taken;
}

/* --- values ----------------------------------------------------------------------------------- */

bool hy__http_list_has(const char *list, const char *item) {
    size_t len = strlen(item);
    while (list && *list) {
        list += strspn(list, " \t,");
        size_t n = strcspn(list, ","), trimmed = n;
        while (trimmed > 0 && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed == len && strncasecmp(list, item, len) == 0) return true;
        list += n;
    }
    return false;
}

bool hy__http_accept(const char *key, char out[HY_HTTP_ACCEPT_BYTES]) {
    unsigned char digest[SHA1_BYTES];
    char text[HY_HTTP_KEY_BYTES + sizeof GUID];
    size_t len = strlen(key);
    assert(len < HY_HTTP_KEY_BYTES);
    memcpy(text, key, len);
    memcpy(text + len, GUID, sizeof GUID - 1);
    if (!EVP_Digest(text, len + sizeof GUID - 1, digest, NULL, EVP_sha1(), NULL)) return false;
    EVP_EncodeBlock((unsigned char *)out, digest, SHA1_BYTES);
    return true;
}
