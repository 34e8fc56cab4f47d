/* The scanner: the only code that knows the grammar of JSON.
 *
 * It keeps one state, what may come next, and one bit a level, whether that level is an object. A
 * call moves over one token, and over the colon after a key. A token that is refused leaves the
 * scanner before it, so that asking again gives the same error. Nothing is allocated, except
 * to judge whether a number of hundreds of digits at the very end of the text is finite. */
#include "json.h"
#include "json_text.h"
#include "utf8.h"

enum {
    WANT_VALUE,
    WANT_ITEM, /* after [ : a value or ] */
    WANT_KEY,
    WANT_FIELD, /* after { : a key or } */
    WANT_MORE,  /* after a value: a comma or the end of the level */
    WANT_NOTHING
};

static int refuse(hy_error_t *err, size_t at, const char *why) {
    return hy_fail(err, HY_EINVALID, "malformed JSON at byte %zu: %s", at, why);
}

static int give(hy_json_token_t *token, hy_json_kind_t kind, size_t at, size_t len) {
    *token = (hy_json_token_t){.kind = kind, .at = at, .len = len};
    return 0;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool in_object(const hy_json_scan_t *s) {
    unsigned level = s->depth - 1;
    return s->stack[level / 8] >> (level % 8) & 1;
}

static void value_ended(hy_json_scan_t *s, size_t at) {
    s->at = at;
    s->state = s->depth ? WANT_MORE : WANT_NOTHING;
}

void hy_json_scan_init(hy_json_scan_t *s, const char *text, size_t len, unsigned depth_max) {
    *s = (hy_json_scan_t){.text = text, .len = len, .state = WANT_VALUE};
    s->depth_max = depth_max < HY_JSON_DEPTH_MAX ? depth_max : HY_JSON_DEPTH_MAX;
}

/* --- strings ---------------------------------------------------------------------------------- */

/* The four hex digits at `p`, -1 if they are not. */
static int hex4(const char *p, const char *end) {
    int code = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        code = code * 16 + digit;
    }
    return code;
}

/* Length of the escape at `p` (a backslash); 0 and a reason if it is none. */
static size_t escape_length(const char *p, const char *end, const char **why) {
    *why = "bad escape";
    if (end - p < 2) return 0;
    if (p[1] != 'u') return memchr("\"\\/bfnrt", p[1], 8) ? 2 : 0;
    int code = hex4(p + 2, end);
    if (code < 0) return 0;
    if (code < 0xd800 || code > 0xdfff) return 6;
    *why = "surrogate without its other half";
    if (code > 0xdbff || end - p < 12 || p[6] != '\\' || p[7] != 'u') return 0;
    int low = hex4(p + 8, end);
    return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

/* Checks the string whose opening quote is at s->at. `*close` gets the place of the other quote. */
static int scan_string(const hy_json_scan_t *s, size_t *close, bool *escaped, hy_error_t *err) {
    const char *end = s->text + s->len, *p = s->text + s->at + 1;
    *escaped = false;
    for (;;) {
        p = hy__json_plain_end(p, end, true);
        if (p < end && *p == '"') break;
        const char *why = "bad UTF-8 in a string";
        size_t step = 0;
        if (p == end) {
            why = "the string is not closed";
        } else if (*p == '\\') {
            *escaped = true;
            step = escape_length(p, end, &why);
        } else if ((unsigned char)*p < 0x20) {
            why = "control character in a string";
        } else {
            step = hy__utf8_length(p, end);
        }
        if (step == 0) return refuse(err, (size_t)(p - s->text), why);
        p += step;
    }
    *close = (size_t)(p - s->text);
    return 0;
}

/* --- the other tokens ------------------------------------------------------------------------- */

/* The character at s->at; NUL, which is no part of the grammar, at the end. */
static char peek(const hy_json_scan_t *s) {
    return s->at < s->len ? s->text[s->at] : '\0';
}

static char skip_space(hy_json_scan_t *s) {
    char c;
    while ((c = peek(s)) == ' ' || c == '\n' || c == '\r' || c == '\t')
        s->at++;
    return c;
}

/* Moves over white space, of which machines write none. */
static inline char next_char(hy_json_scan_t *s) {
    char c = peek(s);
    return (unsigned char)c > ' ' ? c : skip_space(s);
}

/* A key and its colon. */
static int scan_key(hy_json_scan_t *s, hy_json_token_t *token, hy_error_t *err) {
    size_t begin = s->at, close;
    bool escaped;
    if (peek(s) != '"') return refuse(err, begin, "expected a key");
    int rc = scan_string(s, &close, &escaped, err);
    if (rc) return rc;
    s->at = close + 1;
    if (next_char(s) != ':') {
        rc = refuse(err, s->at, "expected a colon");
        s->at = begin;
        return rc;
    }
    s->at++;
    s->state = WANT_VALUE;
    give(token, HY_JSON_KEY, begin + 1, close - begin - 1);
    token->escaped = escaped;
    return 0;
}

static int scan_str(hy_json_scan_t *s, hy_json_token_t *token, hy_error_t *err) {
    size_t begin = s->at, close;
    bool escaped;
    int rc = scan_string(s, &close, &escaped, err);
    if (rc) return rc;
    value_ended(s, close + 1);
    give(token, HY_JSON_STR, begin + 1, close - begin - 1);
    token->escaped = escaped;
    return 0;
}

static int open_level(hy_json_scan_t *s, bool object, hy_json_token_t *token, hy_error_t *err) {
    if (s->depth >= s->depth_max) {
        return hy_fail(err, HY_ETOO_LARGE, "JSON at byte %zu is nested deeper than %u levels",
                       s->at, s->depth_max);
    }
    uint8_t bit = (uint8_t)(1u << (s->depth % 8)), *bits = &s->stack[s->depth / 8];
    *bits = (uint8_t)(object ? *bits | bit : *bits & ~bit);
    s->depth++;
    s->state = object ? WANT_FIELD : WANT_ITEM;
    return give(token, object ? HY_JSON_OBJECT : HY_JSON_ARRAY, s->at++, 1);
}

static int close_level(hy_json_scan_t *s, hy_json_token_t *token) {
    hy_json_kind_t kind = in_object(s) ? HY_JSON_OBJECT_END : HY_JSON_ARRAY_END;
    give(token, kind, s->at, 1);
    s->depth--;
    value_ended(s, s->at + 1);
    return 0;
}

static int scan_word(hy_json_scan_t *s, const char *word, hy_json_kind_t kind,
                     hy_json_token_t *token, hy_error_t *err) {
    size_t len = strlen(word);
    if (s->len - s->at < len || memcmp(s->text + s->at, word, len) != 0) {
        return refuse(err, s->at, "expected a value");
    }
    give(token, kind, s->at, len);
    value_ended(s, s->at + len);
    return 0;
}

/* Moves over digits; false if there are none. */
static bool skip_digits(const char **p, const char *end) {
    const char *first = *p;
    while (*p < end && is_digit(**p))
        ++*p;
    return *p > first;
}

/* Moves over fraction and exponent; NULL, or what is wrong. `*power` gets the exponent, cut to what
 * is far out of range anyway. */
static const char *skip_real(const char **p, const char *end, int64_t *power) {
    if (*p < end && **p == '.') {
        ++*p;
        if (!skip_digits(p, end)) return "expected a digit after the point";
    }
    if (*p == end || (**p != 'e' && **p != 'E')) return NULL;
    ++*p;
    bool minus = *p < end && **p == '-';
    if (*p < end && (**p == '-' || **p == '+')) ++*p;
    const char *digit = *p;
    if (!skip_digits(p, end)) return "expected a digit in the exponent";
    for (; digit < *p && *power < HY_STRING_BYTES_MAX; digit++)
        *power = *power * 10 + *digit - '0';
    if (minus) *power = -*power;
    return NULL;
}

static int scan_number(hy_json_scan_t *s, hy_json_token_t *token, hy_error_t *err) {
    const char *begin = s->text + s->at, *end = s->text + s->len, *p = begin;
    bool negative = *p == '-';
    if (negative) p++;
    const char *first = p;
    if (!skip_digits(&p, end)) return refuse(err, (size_t)(p - s->text), "expected a digit");
    if (*first == '0' && p - first > 1) return refuse(err, s->at, "number begins with a zero");
    size_t digits = (size_t)(p - first);
    uint64_t size = 0; /* wraps only for more digits than an integer may have */
    for (const char *d = first; d < p; d++)
        size = size * 10 + (uint64_t)(*d - '0');
    bool fits = digits <= 19 && size <= (uint64_t)INT64_MAX + negative;
    hy_json_token_t number;
    give(&number, HY_JSON_INT, s->at, 0);
    if (!fits || (p < end && (*p == '.' || *p == 'e' || *p == 'E'))) {
        int64_t power = 0;
        const char *why = skip_real(&p, end, &power);
        if (why) return refuse(err, (size_t)(p - s->text), why);
        number.kind = HY_JSON_REAL;
        number.len = (size_t)(p - begin);
        double r; /* below 10^308 it is finite, and need not be worked out here */
        int rc = (int64_t)digits + power > 308 ? hy_json_token_real(s, &number, &r) : 0;
        if (rc == HY_EINVALID) return refuse(err, s->at, "number is out of range");
        if (rc) return hy_fail(err, rc, "out of memory for a number");
    } else {
        number.i = negative ? (int64_t)(0 - size) : (int64_t)size;
        number.len = (size_t)(p - begin);
    }
    value_ended(s, s->at + number.len);
    *token = number;
    return 0;
}

static int scan_value(hy_json_scan_t *s, char c, hy_json_token_t *token, hy_error_t *err) {
    switch (c) {
    case '"':
        return scan_str(s, token, err);
    case '{':
        return open_level(s, true, token, err);
    case '[':
        return open_level(s, false, token, err);
    case 't':
        return scan_word(s, "true", HY_JSON_TRUE, token, err);
    case 'f':
        return scan_word(s, "false", HY_JSON_FALSE, token, err);
    case 'n':
        return scan_word(s, "null", HY_JSON_NULL, token, err);
    default:
        if (c == '-' || is_digit(c)) return scan_number(s, token, err);
        return refuse(err, s->at, "expected a value");
    }
}

int hy_json_scan_next(hy_json_scan_t *s, hy_json_token_t *token, hy_error_t *err) {
    char c = next_char(s);
    if (s->state == WANT_MORE) {
        bool object = in_object(s);
        if (c == (object ? '}' : ']')) return close_level(s, token);
        if (c != ',') return refuse(err, s->at, object ? "expected , or }" : "expected , or ]");
        s->at++;
        s->state = object ? WANT_KEY : WANT_VALUE;
        c = next_char(s);
    }
    switch (s->state) {
    case WANT_FIELD:
        if (c == '}') return close_level(s, token);
        return scan_key(s, token, err);
    case WANT_KEY:
        return scan_key(s, token, err);
    case WANT_ITEM:
        if (c == ']') return close_level(s, token);
        return scan_value(s, c, token, err);
    case WANT_VALUE:
        return scan_value(s, c, token, err);
    default:
        if (s->at < s->len) return refuse(err, s->at, "expected nothing after the value");
        return give(token, HY_JSON_END, s->at, 0);
    }
}

int hy_json_scan_skip(hy_json_scan_t *s, const hy_json_token_t *first, hy_json_token_t *span,
                      hy_error_t *err) {
    hy_json_token_t whole = *first, token;
    if (first->kind == HY_JSON_STR) {
        whole.at--;
        whole.len += 2;
    } else if (first->kind == HY_JSON_OBJECT || first->kind == HY_JSON_ARRAY) {
        unsigned outside = s->depth - 1;
        while (s->depth > outside) {
            int rc = hy_json_scan_next(s, &token, err);
            if (rc) return rc;
        }
        whole.len = s->at - whole.at;
    }
    *span = whole;
    return 0;
}

/* --- what tokens stand for -------------------------------------------------------------------- */

int hy_json_token_real(const hy_json_scan_t *s, const hy_json_token_t *token, double *out) {
    bool stopped = token->at + token->len < s->len;
    return hy__real_parse(s->text + token->at, token->len, stopped, out);
}

static size_t encode_utf8(int code, char *out) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((0xf0 << (4 - len)) | code); /* as many ones as bytes */
    return len;
}

/* Resolves the escapes of checked bytes. The result is not longer; with `out` NULL it is only
 * measured. */
static size_t unescape(const char *p, const char *end, char *out) {
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char bytes[4];
    size_t total = 0;
    while (p < end) {
        const char *stop = memchr(p, '\\', (size_t)(end - p));
        size_t run = (size_t)((stop ? stop : end) - p);
        if (out) memcpy(out + total, p, run);
        total += run;
        p += run;
        if (p == end) break;
        size_t len = 1;
        if (p[1] == 'u') {
            int code = hex4(p + 2, end);
            p += 6;
            if (code >= 0xd800 && code <= 0xdbff) {
                code = 0x10000 + ((code - 0xd800) << 10) + (hex4(p + 2, end) - 0xdc00);
                p += 6;
            }
            len = encode_utf8(code, bytes);
        } else {
            bytes[0] = meant[strchr(plain, p[1]) - plain];
            p += 2;
        }
        if (out) memcpy(out + total, bytes, len);
        total += len;
    }
    return total;
}

hy_str_t *hy_json_token_str(const hy_json_scan_t *s, const hy_json_token_t *token) {
    const char *bytes = s->text + token->at;
    if (!token->escaped) return hy_str_new(bytes, token->len);
    hy_str_t *str = hy_str_reserve(unescape(bytes, bytes + token->len, NULL));
    if (str) unescape(bytes, bytes + token->len, str->bytes);
    return str;
}
