/* The writer: appends a value as JSON text. Recurses as deep as the value. */
#include "json.h"
#include "json_text.h"

#include <math.h>

static void write_escape(hy_buf_t *b, char c) {
    static const char hex[] = "0123456789abcdef";
    char shorter = 0;
    switch (c) {
    case '"':
    case '\\':
        shorter = c;
        break;
    case '\b':
        shorter = 'b';
        break;
    case '\f':
        shorter = 'f';
        break;
    case '\n':
        shorter = 'n';
        break;
    case '\r':
        shorter = 'r';
        break;
    case '\t':
        shorter = 't';
        break;
    default:
        break;
    }
    if (shorter) {
        hy_buf_add(b, (char[]){'\\', shorter}, 2);
    } else {
        hy_buf_add(b, (char[]){'\\', 'u', '0', '0', hex[c >> 4 & 15], hex[c & 15]}, 6);
    }
}

void hy_json_write_str(hy_buf_t *b, const char *bytes, size_t len) {
    const char *p = bytes, *end = bytes + len;
    if (!hy_buf_reserve(b, len + 2)) return;
    hy_buf_char(b, '"');
    for (;;) {
        const char *stop = hy__json_plain_end(p, end, false);
        hy_buf_add(b, p, (size_t)(stop - p));
        if (stop == end) break;
        write_escape(b, *stop);
        p = stop + 1;
    }
    hy_buf_char(b, '"');
}

static void write_real(hy_buf_t *b, double r) {
    if (!isfinite(r)) {
        hy_buf_text(b, "null");
    } else if (hy_buf_reserve(b, HY__REAL_TEXT_BYTES)) {
        size_t len = hy__real_print(r, b->bytes + b->len);
        if (len == 0) b->failed = true;
        b->len += len;
    }
}

static void write_object(hy_buf_t *b, const hy_node_t *n) {
    uint32_t pos = 0;
    hy_str_t *key;
    hy_value_t v;
    char before = '{';
    while (hy_node_next(n, &pos, &key, &v)) {
        hy_buf_char(b, before);
        hy_json_write_str(b, key->bytes, key->len);
        hy_buf_char(b, ':');
        hy_json_write(b, v);
        before = ',';
    }
    if (before == '{') hy_buf_char(b, '{');
    hy_buf_char(b, '}');
}

void hy_json_write_text(hy_buf_t *b, const char *lead, const hy_str_t *text) {
    if (!text) return;
    hy_buf_text(b, lead);
    hy_json_write_str(b, text->bytes, text->len);
}

static void write_array(hy_buf_t *b, const hy_node_t *n) {
    size_t count = hy_node_count(n);
    hy_buf_char(b, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) hy_buf_char(b, ',');
        hy_json_write(b, hy_node_at(n, i));
    }
    hy_buf_char(b, ']');
}

void hy_json_write(hy_buf_t *b, hy_value_t v) {
    switch ((hy_kind_t)v.kind) {
    case HY_ABSENT:
    case HY_NULL:
        hy_buf_text(b, "null");
        break;
    case HY_BOOL:
        hy_buf_text(b, v.as.b ? "true" : "false");
        break;
    case HY_INT:
        hy_buf_int(b, v.as.i);
        break;
    case HY_REAL:
        write_real(b, v.as.r);
        break;
    case HY_STR:
        hy_json_write_str(b, v.as.s->bytes, v.as.s->len);
        break;
    case HY_OBJECT:
    case HY_ARRAY:
        if (hy_node_kind(v.as.n) == HY_OBJECT) {
            write_object(b, v.as.n);
        } else {
            write_array(b, v.as.n);
        }
        break;
    }
}
