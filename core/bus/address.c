/* Addresses: checking their form, and telling their parts by looking at the text.
 *
 *      comm://example.com/5b0c-…/children/messages
 *      scheme  domain     identifier      tail
 *
 * Checking goes once over the bytes with a table of classes. The questions that are asked for each
 * message (is it published, what is its domain) look at the ends only. Owns nothing. */
#define _GNU_SOURCE /* memrchr */

#include "address.h"

#define SHOWN_BYTES_MAX  160u
#define CHILDREN_SEGMENT "/children"

/* Classes of bytes: what may stand in a scheme, and what nowhere. */
enum { IN_SCHEME = 1, LETTER = 2, NEVER = 4, HIGH = 8 };

static const uint8_t CLASSES[256] = {
    [0 ... ' '] = NEVER,
    ['"'] = NEVER,
    ['\\'] = NEVER,
    [0x7f] = NEVER,
    ['0' ... '9'] = IN_SCHEME,
    ['+'] = IN_SCHEME,
    ['-'] = IN_SCHEME,
    ['.'] = IN_SCHEME,
    ['A' ... 'Z'] = IN_SCHEME | LETTER,
    ['a' ... 'z'] = IN_SCHEME | LETTER,
    [0x80 ... 0xff] = HIGH,
};

/* What a person gets to see of an address that may be anything: printable, and not for pages. */
static const char *shown(const char *url, size_t len, char out[SHOWN_BYTES_MAX + 4]) {
    size_t n = len < SHOWN_BYTES_MAX ? len : SHOWN_BYTES_MAX;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)url[i];
        out[i] = (char)(c < ' ' || c >= 0x7f ? '?' : c);
    }
    memcpy(out + n, len > n ? "..." : "", len > n ? 4 : 1);
    return out;
}

/* U+0080 to U+009F are controls that terminals obey. */
static bool has_high_control(const char *url, size_t len) {
    for (size_t i = 0; i + 1 < len; i++)
        if ((uint8_t)url[i] == 0xc2 && (uint8_t)url[i + 1] < 0xa0) return true;
    return false;
}

static int fail_form(hy_error_t *err, const char *url, size_t len, const char *why) {
    char text[SHOWN_BYTES_MAX + 4];
    return hy_fail(err, HY_EINVALID, "not an address: \"%s\" (%s)", shown(url, len, text), why);
}

int hy_address_parse(const char *url, size_t len, hy_address_t *out, hy_error_t *err) {
    char text[SHOWN_BYTES_MAX + 4];
    if (len > HY_URL_BYTES_MAX)
        return hy_fail(err, HY_ETOO_LARGE, "address too long: %zu bytes, at most %u: \"%s\"", len,
                       HY_URL_BYTES_MAX, shown(url, len, text));
    unsigned classes = 0;
    size_t fragments = 0;
    for (size_t i = 0; i < len; i++) {
        classes |= CLASSES[(uint8_t)url[i]];
        fragments += url[i] == '#';
    }
    if (classes & NEVER)
        return fail_form(err, url, len, "spaces, controls, quotes and backslashes are not allowed");
    if (classes & HIGH && (!hy_utf8_is_valid(url, len) || has_high_control(url, len)))
        return fail_form(err, url, len, "not printable UTF-8");
    if (fragments > 1) return fail_form(err, url, len, "at most one # is allowed");
    if (len == sizeof HY_SESSION_URL - 1 && memcmp(url, HY_SESSION_URL, len) == 0) {
        *out = (hy_address_t){{url, 2}, {url + 3, 0}, {url + 3, len - 3}};
        return 0;
    }

    size_t scheme = 0;
    if (len > 0 && CLASSES[(uint8_t)url[0]] & LETTER)
        while (scheme < len && CLASSES[(uint8_t)url[scheme]] & IN_SCHEME)
            scheme++;
    if (scheme == 0 || len - scheme < 3 || memcmp(url + scheme, "://", 3) != 0)
        return fail_form(err, url, len, "scheme://domain/… expected");
    size_t start = scheme + 3, end = start;
    while (end < len && url[end] != '/' && url[end] != '#')
        end++;
    if (end == start) return fail_form(err, url, len, "the domain is missing");
    if (end < len && url[end] == '#') return fail_form(err, url, len, "a # belongs into the path");
    *out = (hy_address_t){{url, scheme}, {url + start, end - start}, {url + end, len - end}};
    return 0;
}

hy_span_t hy_address_domain(const hy_str_t *url) {
    const char *end = url->bytes + url->len, *colon = memchr(url->bytes, ':', url->len);
    if (!colon || end - colon < 3 || memcmp(colon, "://", 3) != 0) return (hy_span_t){end, 0};
    const char *start = colon + 3, *slash = memchr(start, '/', (size_t)(end - start));
    return (hy_span_t){start, (size_t)((slash ? slash : end) - start)};
}

hy_span_t hy_address_home(const hy_str_t *url) {
    static const char *const functions[][2] = {{"domain", "msg-node."},
                                               {"domain", "registry."},
                                               {"domain", "catalogue."},
                                               {"hyperty-catalogue", "catalogue."}};
    hy_span_t domain = hy_address_domain(url);
    size_t scheme = (size_t)(domain.bytes - url->bytes) - (sizeof "://" - 1);
    for (size_t i = 0; domain.len > 0 && i < sizeof functions / sizeof functions[0]; i++) {
        size_t len = strlen(functions[i][1]);
        if (scheme == strlen(functions[i][0]) && domain.len > len &&
            memcmp(url->bytes, functions[i][0], scheme) == 0 &&
            memcmp(domain.bytes, functions[i][1], len) == 0)
            return (hy_span_t){domain.bytes + len, domain.len - len};
    }
    return domain;
}

bool hy_address_same_domain(const hy_str_t *a, const hy_str_t *b) {
    hy_span_t x = hy_address_domain(a), y = hy_address_domain(b);
    return x.len == y.len && memcmp(x.bytes, y.bytes, x.len) == 0;
}

bool hy_address_is_under(const hy_str_t *url, const hy_str_t *base) {
    if (url->len < base->len || memcmp(url->bytes, base->bytes, base->len) != 0) return false;
    if (url->len == base->len) return true;
    return url->bytes[base->len] == '/' || (base->len > 0 && base->bytes[base->len - 1] == '/');
}

/* Where the path begins; the end if there is none. */
static size_t path_start(const hy_str_t *url) {
    hy_span_t domain = hy_address_domain(url);
    return (size_t)(domain.bytes - url->bytes) + domain.len;
}

hy_span_t hy_address_identifier(const hy_str_t *url) {
    size_t start = path_start(url), end = url->len;
    const char *fragment = memchr(url->bytes + start, '#', end - start);
    if (fragment) end = (size_t)(fragment - url->bytes);
    const char *slash = memrchr(url->bytes + start, '/', end - start);
    if (!slash) return (hy_span_t){url->bytes + end, 0};
    return (hy_span_t){slash + 1, (size_t)(url->bytes + end - slash) - 1};
}

/* --- what hangs below an object --------------------------------------------------------------- */

typedef enum { NO_TAIL, CHANGES, CHILDREN, REGISTRATION, EVENTS, SUBSCRIPTION } tail_t;

static bool ends_in(const char *bytes, size_t len, const char *tail, size_t tail_len) {
    return len >= tail_len && memcmp(bytes + len - tail_len, tail, tail_len) == 0;
}
#define ENDS_IN(bytes, len, tail) ends_in(bytes, len, tail, sizeof(tail) - 1)

/* Which tail the address ends in, and the length of what is before it. The first segment of a path
 * is an identifier, whatever it is called, so before a tail there must be one. */
static tail_t find_tail(const hy_str_t *url, size_t *base_len) {
    const char *bytes = url->bytes, *slash = memrchr(bytes, '/', url->len);
    if (!slash) return NO_TAIL;
    size_t before = (size_t)(slash - bytes), segment = url->len - before - 1;
    bool is_child = ENDS_IN(bytes, before, CHILDREN_SEGMENT);
    if (!is_child && segment != 6 && segment != 7 && segment != 12) return NO_TAIL;

    size_t base_min = path_start(url) + 2; /* a slash and one byte at least */
    if (is_child && before - (sizeof CHILDREN_SEGMENT - 1) >= base_min) {
        *base_len = before - (sizeof CHILDREN_SEGMENT - 1);
        return CHILDREN;
    }
    if (before < base_min) return NO_TAIL;
    *base_len = before;
    if (segment == 7 && ENDS_IN(bytes, url->len, "changes")) return CHANGES;
    if (segment == 6 && ENDS_IN(bytes, url->len, "events")) return EVENTS;
    if (segment == 12 && ENDS_IN(bytes, url->len, "registration")) return REGISTRATION;
    if (segment == 12 && ENDS_IN(bytes, url->len, "subscription")) return SUBSCRIPTION;
    return NO_TAIL;
}

bool hy_address_is_published(const hy_str_t *url) {
    size_t base_len;
    tail_t tail = find_tail(url, &base_len);
    return tail != NO_TAIL && tail != SUBSCRIPTION;
}

hy_span_t hy_address_collections(const hy_str_t *url) {
    size_t base_len;
    if (find_tail(url, &base_len) != CHILDREN) return (hy_span_t){url->bytes, 0};
    size_t len = base_len + sizeof CHILDREN_SEGMENT; /* and a slash */
    return (hy_span_t){url->bytes, len < url->len ? len : 0};
}

hy_span_t hy_address_object(const hy_str_t *url) {
    size_t base_len;
    tail_t tail = find_tail(url, &base_len);
    bool is_tail = tail != NO_TAIL && tail != EVENTS;
    return (hy_span_t){url->bytes, is_tail ? base_len : url->len};
}
