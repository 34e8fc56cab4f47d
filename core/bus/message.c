/* Messages: making them, reading a header without building anything, and making one form of the
 * body from another when it is first asked for.
 *
 *      payload ──to_value──► body ──► text          hy_msg_new_payload, hy_msg_new
 *         └────────write────────────────┘
 *      text ──(span)──► body                        hy_msg_parse
 *
 * A message owns one reference of each of its forms. Codes and reasons of responses are read here,
 * because peers write them in more than one way. */
#include "message.h"

#include <assert.h>
#include <strings.h>

#include "../base/json.h"
#include "../base/mem.h"
#include "address.h"

#define MALFORMED            "malformed message: "
#define TYPE_SHOWN_BYTES_MAX 64u

static const char *const TYPE_TEXTS[] = {
#define X(name, text) [HY_MSG_##name] = text,
    HY_MSG_TYPE_MAP(X)
#undef X
};
#define TYPE_COUNT (sizeof TYPE_TEXTS / sizeof *TYPE_TEXTS)

const char *hy_msg_type_text(hy_msg_type_t type) {
    assert(type < TYPE_COUNT);
    return TYPE_TEXTS[type];
}

/* --- life ------------------------------------------------------------------------------------- */

static hy_msg_t *new_message(hy_msg_type_t type, hy_value_t id, hy_str_t *from, hy_str_t *to) {
    assert(type < TYPE_COUNT);
    assert(id.kind == HY_ABSENT || id.kind == HY_INT || id.kind == HY_STR);
    hy_msg_t *m = from && to ? hy_alloc(sizeof *m) : NULL;
    if (!m) {
        hy_value_drop(id);
        return NULL;
    }
    *m = (hy_msg_t){.refs = 1, .type = type, .id = id, .is_vouched = true};
    m->from = hy_str_ref(from);
    m->to = hy_str_ref(to);
    return m;
}

hy_msg_t *hy_msg_new(hy_msg_type_t type, hy_value_t id, hy_str_t *from, hy_str_t *to,
                     hy_value_t body) {
    assert(body.kind == HY_ABSENT || body.kind == HY_OBJECT);
    hy_msg_t *m = new_message(type, id, from, to);
    if (m)
        m->body = body;
    else
        hy_value_drop(body);
    return m;
}

hy_msg_t *hy_msg_new_payload(hy_msg_type_t type, hy_value_t id, hy_str_t *from, hy_str_t *to,
                             hy_payload_t *payload) {
    hy_msg_t *m = new_message(type, id, from, to);
    if (m)
        m->payload = payload;
    else
        hy_payload_unref(payload);
    return m;
}

void hy__msg_free(hy_msg_t *m) {
    if (m->id.kind == HY_STR) hy_str_unref(m->id.as.s);
    hy_str_unref(m->from);
    hy_str_unref(m->to);
    if (m->body.kind != HY_ABSENT) hy_value_drop(m->body);
    hy_payload_unref(m->payload);
    if (m->text) { /* what is framed has one */
        hy_str_unref(m->text);
        for (size_t i = 0; i < HY_WIRES; i++)
            hy_str_unref(m->wire[i]);
    }
    hy_free(m);
}

size_t hy__msg_count_bytes(hy_msg_t *m) {
    size_t n = sizeof *m;
    if (m->text)
        n += m->text->len;
    else if (m->payload)
        n += m->payload->ops->bytes(m->payload);
    else
        n += hy_value_bytes(m->body);
    return m->bytes = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* --- reading a text --------------------------------------------------------------------------- */

typedef enum { ID, TYPE, FROM, TO, BODY, FIELD_COUNT, OTHER = FIELD_COUNT } field_t;
static const char *const FIELD_NAMES[FIELD_COUNT] = {"id", "type", "from", "to", "body"};
static const uint8_t FIELD_LENGTHS[FIELD_COUNT] = {2, 4, 4, 2, 4};
_Static_assert(BODY == FIELD_COUNT - 1, "all fields before the body are required or the id");

typedef struct {
    hy_json_scan_t scan;
    hy_names_t *names;
    unsigned seen; /* a bit a field */
    hy_msg_t *m;
    hy_error_t *err;
} reader_t;

static int fail_type(const reader_t *r, field_t field, const char *expected) {
    return hy_fail(r->err, HY_EINVALID, MALFORMED "\"%s\" is not %s", FIELD_NAMES[field], expected);
}

static int fail_memory(const reader_t *r) {
    return hy_fail(r->err, HY_ENOMEM, "out of memory while reading a message");
}

/* The scanner's text tells where; ours tells of what. */
static int next(reader_t *r, hy_json_token_t *token) {
    hy_error_t why;
    int code = hy_json_scan_next(&r->scan, token, &why);
    return code < 0 ? hy_fail(r->err, code, MALFORMED "%s", why.text) : code;
}

/* The bytes of a KEY or STR; `*owned` is to be let go of. */
static int token_text(const reader_t *r, const hy_json_token_t *token, hy_span_t *out,
                      hy_str_t **owned) {
    *owned = NULL;
    *out = (hy_span_t){r->scan.text + token->at, token->len};
    if (!token->escaped) return 0;
    *owned = hy_json_token_str(&r->scan, token);
    if (!*owned) return fail_memory(r);
    *out = (hy_span_t){(*owned)->bytes, (*owned)->len};
    return 0;
}

static int find_field(const reader_t *r, const hy_json_token_t *key, field_t *out) {
    hy_str_t *owned;
    hy_span_t name;
    if (token_text(r, key, &name, &owned) < 0) return HY_ENOMEM;
    field_t field = 0;
    while (field < FIELD_COUNT && (FIELD_LENGTHS[field] != name.len ||
                                   memcmp(FIELD_NAMES[field], name.bytes, name.len) != 0))
        field++;
    hy_str_unref(owned);
    *out = field;
    return 0;
}

static int read_id(reader_t *r, const hy_json_token_t *token) {
    if (token->kind == HY_JSON_INT && token->i >= 1) {
        r->m->id = hy_int(token->i);
        return 0;
    }
    if (token->kind != HY_JSON_STR) return fail_type(r, ID, "an integer from 1 or a string");
    if (token->len > HY_KEY_BYTES_MAX)
        return hy_fail(r->err, HY_ETOO_LARGE, MALFORMED "\"id\" has %zu bytes, at most %u",
                       token->len, HY_KEY_BYTES_MAX);
    r->m->id = hy_string(hy_json_token_str(&r->scan, token));
    return r->m->id.kind == HY_STR ? 0 : fail_memory(r);
}

static int read_type(reader_t *r, const hy_json_token_t *token) {
    if (token->kind != HY_JSON_STR) return fail_type(r, TYPE, "a string");
    hy_str_t *owned;
    hy_span_t text;
    if (token_text(r, token, &text, &owned) < 0) return HY_ENOMEM;
    size_t type = 0;
    while (type < TYPE_COUNT && (strlen(TYPE_TEXTS[type]) != text.len ||
                                 strncasecmp(TYPE_TEXTS[type], text.bytes, text.len) != 0))
        type++;
    int code = 0;
    if (type < TYPE_COUNT) {
        r->m->type = (hy_msg_type_t)type;
    } else {
        const char *shown = r->scan.text + token->at;
        size_t n = token->len;
        if (n > TYPE_SHOWN_BYTES_MAX) n = TYPE_SHOWN_BYTES_MAX;
        while (n > 0 && ((uint8_t)shown[n] & 0xc0) == 0x80) /* not within a character */
            n--;
        code = hy_fail(r->err, HY_EINVALID, MALFORMED "unknown type \"%.*s\"", (int)n, shown);
    }
    hy_str_unref(owned);
    return code;
}

static int read_address(reader_t *r, field_t field, const hy_json_token_t *token, hy_str_t **out) {
    if (token->kind != HY_JSON_STR) return fail_type(r, field, "a string");
    hy_str_t *owned;
    hy_span_t text;
    hy_error_t why;
    if (token_text(r, token, &text, &owned) < 0) return HY_ENOMEM;
    int code = hy_names_get(r->names, text.bytes, text.len, out, &why);
    hy_str_unref(owned);
    return code < 0 ? hy_fail(r->err, code, MALFORMED "\"%s\" is %s", FIELD_NAMES[field], why.text)
                    : 0;
}

static int read_field(reader_t *r, const hy_json_token_t *key) {
    field_t field;
    hy_json_token_t token, span;
    int code = find_field(r, key, &field);
    if (code < 0) return code;
    if (field != OTHER && r->seen & 1u << field)
        return hy_fail(r->err, HY_EINVALID, MALFORMED "\"%s\" is given twice", FIELD_NAMES[field]);
    r->seen |= 1u << field;
    code = next(r, &token);
    if (code < 0) return code;

    switch (field) {
    case ID:
        return read_id(r, &token);
    case TYPE:
        return read_type(r, &token);
    case FROM:
        return read_address(r, FROM, &token, &r->m->from);
    case TO:
        return read_address(r, TO, &token, &r->m->to);
    case BODY:
        if (token.kind != HY_JSON_OBJECT) return fail_type(r, BODY, "an object");
        break;
    case OTHER:
        break;
    }
    hy_error_t why;
    code = hy_json_scan_skip(&r->scan, &token, &span, &why);
    if (code < 0) return hy_fail(r->err, code, MALFORMED "%s", why.text);
    if (field == BODY) {
        r->m->body_at = span.at;
        r->m->body_len = span.len;
    }
    return 0;
}

static int read_message(reader_t *r) {
    hy_json_token_t token;
    int code = next(r, &token);
    if (code < 0) return code;
    if (token.kind != HY_JSON_OBJECT)
        return hy_fail(r->err, HY_EINVALID, MALFORMED "a JSON object is expected");
    while ((code = next(r, &token)) >= 0 && token.kind == HY_JSON_KEY)
        if ((code = read_field(r, &token)) < 0) return code;
    if (code < 0 || (code = next(r, &token)) < 0) return code; /* nothing after the object */
    assert(token.kind == HY_JSON_END);
    for (field_t field = TYPE; field < BODY; field++)
        if (!(r->seen & 1u << field))
            return hy_fail(r->err, HY_EINVALID, MALFORMED "\"%s\" is missing", FIELD_NAMES[field]);
    return 0;
}

int hy_msg_parse(hy_str_t *text, hy_msg_t **out, hy_error_t *err) {
    return hy_msg_parse_with(NULL, text, out, err);
}

int hy_msg_parse_with(hy_names_t *names, hy_str_t *text, hy_msg_t **out, hy_error_t *err) {
    if (text->len > HY_MESSAGE_BYTES_MAX)
        return hy_fail(err, HY_ETOO_LARGE, "message too large: %u bytes, at most %u", text->len,
                       HY_MESSAGE_BYTES_MAX);
    reader_t r = {.err = err, .names = names, .m = hy_alloc_zero(sizeof *r.m)};
    if (!r.m) return fail_memory(&r);
    r.m->refs = 1;
    r.m->text = hy_str_ref(text);
    hy_json_scan_init(&r.scan, text->bytes, text->len, HY_JSON_DEPTH_MAX);
    int code = read_message(&r);
    if (code < 0) {
        hy_msg_unref(r.m);
        return code;
    }
    *out = r.m;
    return 0;
}

/* --- forms of the body ------------------------------------------------------------------------ */

int hy_msg_check_body(hy_msg_t *m, hy_error_t *err) {
    if (m->body.kind != HY_ABSENT) return 0;
    hy_error_t why = {0};
    int code = 0;
    if (m->payload)
        code = m->payload->ops->to_value(m->payload, &m->body);
    else if (m->body_len)
        code = hy_json_read(m->text->bytes + m->body_at, m->body_len, HY_JSON_DEPTH_MAX - 1,
                            &m->body, &why);
    if (code < 0)
        hy_fail(err, code, MALFORMED "\"body\": %s", *why.text ? why.text : hy_error_text(code));
    return code;
}

hy_node_t *hy_msg_body(hy_msg_t *m) {
    if (m->body.kind == HY_ABSENT && hy_msg_check_body(m, NULL) < 0) return NULL;
    return m->body.kind == HY_OBJECT ? m->body.as.n : NULL;
}

hy_payload_t *hy_msg_payload(const hy_msg_t *m, const hy_payload_ops_t *ops) {
    return m->payload && m->payload->ops == ops ? m->payload : NULL;
}

static void write_member(hy_buf_t *b, const char *name, const char *bytes, size_t len) {
    hy_buf_text(b, name);
    hy_json_write_str(b, bytes, len);
}

static void write_message(const hy_msg_t *m, hy_buf_t *b) {
    hy_buf_char(b, '{');
    if (m->id.kind != HY_ABSENT) {
        hy_buf_text(b, "\"id\":");
        hy_json_write(b, m->id);
        hy_buf_char(b, ',');
    }
    hy_buf_text(b, "\"type\":\"");
    hy_buf_text(b, TYPE_TEXTS[m->type]);
    write_member(b, "\",\"from\":", m->from->bytes, m->from->len);
    write_member(b, ",\"to\":", m->to->bytes, m->to->len);
    if (m->payload || m->body.kind != HY_ABSENT) hy_buf_text(b, ",\"body\":");
    if (m->payload)
        m->payload->ops->write(m->payload, b);
    else if (m->body.kind != HY_ABSENT)
        hy_json_write(b, m->body);
    hy_buf_char(b, '}');
}

hy_str_t *hy_msg_text(hy_msg_t *m, hy_error_t *err) {
    if (m->text) return m->text;
    hy_buf_t b;
    hy_buf_init(&b);
    write_message(m, &b);
    size_t len = b.len;
    hy_str_t *text = NULL;
    if (!b.failed && len > HY_MESSAGE_BYTES_MAX)
        hy_fail(err, HY_ETOO_LARGE, "message too large: %zu bytes, at most %u: %s to %s", len,
                HY_MESSAGE_BYTES_MAX, TYPE_TEXTS[m->type], m->to->bytes);
    else if (!(text = hy_buf_take(&b)))
        hy_fail(err, HY_ENOMEM, "out of memory while writing a message");
    hy_buf_deinit(&b);
    return m->text = text;
}

/* --- responses -------------------------------------------------------------------------------- */

int hy_msg_code(hy_msg_t *m) {
    hy_value_t code = hy_get(hy_msg_body(m), "code");
    int64_t n = 0;
    if (code.kind == HY_INT) n = code.as.i;
    if (code.kind == HY_REAL && code.as.r >= 100 && code.as.r < 600) n = (int64_t)code.as.r;
    if (code.kind == HY_STR && code.as.s->len == 3)
        for (int i = 0; i < 3; i++) {
            char c = code.as.s->bytes[i];
            if (c < '0' || c > '9') return 0;
            n = 10 * n + (c - '0');
        }
    return n >= 100 && n < 600 ? (int)n : 0;
}

const char *hy_msg_desc(hy_msg_t *m) {
    const hy_node_t *body = hy_msg_body(m);
    const hy_str_t *desc = hy_get_str(body, "desc");
    if (!desc) desc = hy_get_str(body, "description");
    if (desc) return desc->bytes;
    int code = hy_msg_code(m);
    return code >= 100 && code < 300 ? "ok" : hy_error_text(hy_error_from_http(code ? code : 500));
}

hy_msg_t *hy_msg_response(const hy_msg_t *request, hy_str_t *from, int code, const char *desc,
                          hy_value_t value) {
    hy_node_t *body = hy_node_new(HY_OBJECT);
    if (!body) {
        hy_value_drop(value);
        return NULL;
    }
    int failed = hy_put(body, "code", hy_int(code));
    if (failed == 0 && desc) failed = hy_put(body, "desc", hy_text(desc));
    if (failed < 0)
        hy_value_drop(value);
    else if (value.kind != HY_ABSENT)
        failed = hy_put(body, "value", value);
    if (failed < 0) {
        hy_node_unref(body);
        return NULL;
    }
    hy_value_t id = request->id;
    if (id.kind == HY_STR) hy_str_ref(id.as.s);
    return hy_msg_new(HY_MSG_RESPONSE, id, from ? from : request->to, request->from,
                      hy_node_value(body));
}
