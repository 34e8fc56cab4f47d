/* Resolving a reference against where it stands (RFC 3986, section 5.2). */
#include "rules_compile.h"

#include "../base/buf.h"

/* scheme ":" "//" authority path "?" query; what is not there has no `at`, but a path always. */
typedef struct {
    const char *at;
    size_t len;
} part_t;

typedef struct {
    part_t scheme, authority, path, query;
} uri_t;

/* The length up to one of these. */
static size_t until(const char *at, const char *end, const char *marks) {
    size_t len = 0;
    while (at + len < end && !strchr(marks, at[len]))
        len++;
    return len;
}

static uri_t split(const char *at, size_t bytes) {
    uri_t uri = {.scheme = {NULL, 0}};
    const char *end = at + bytes;
    size_t len = until(at, end, ":/?");
    if (at + len < end && at[len] == ':') {
        uri.scheme = (part_t){at, len};
        at += len + 1;
    }
    if (end - at >= 2 && at[0] == '/' && at[1] == '/') {
        uri.authority = (part_t){at + 2, until(at + 2, end, "/?")};
        at += 2 + uri.authority.len;
    }
    uri.path = (part_t){at, until(at, end, "?")};
    at += uri.path.len;
    if (at < end) uri.query = (part_t){at + 1, (size_t)(end - at) - 1};
    return uri;
}

static void add(hy_buf_t *b, part_t part) {
    hy_buf_add(b, part.at, part.len);
}

static bool begins(part_t path, const char *with) {
    return path.len >= strlen(with) && memcmp(path.at, with, strlen(with)) == 0;
}

static bool is(part_t path, const char *text) {
    return path.len == strlen(text) && begins(path, text);
}

static part_t after(part_t path, size_t len) {
    return (part_t){path.at + len, path.len - len};
}

/* Takes back the last segment, of those that were written from `start` on. */
static void drop_segment(hy_buf_t *b, size_t start) {
    while (b->len > start && b->bytes[b->len - 1] != '/')
        b->len--;
    if (b->len > start) b->len--;
}

/* "a/./b/../c" is "a/c". */
static void add_path(hy_buf_t *b, part_t path) {
    size_t start = b->len;
    while (path.len > 0) {
        bool is_up = begins(path, "/../") || is(path, "/..");
        if (begins(path, "../") || begins(path, "./")) {
            path = after(path, begins(path, "../") ? 3 : 2);
        } else if (is(path, ".") || is(path, "..")) {
            path = after(path, path.len);
        } else if (is_up || begins(path, "/./") || is(path, "/.")) {
            size_t len = is_up ? 3 : 2;
            if (is_up) drop_segment(b, start);
            if (path.len == len) hy_buf_char(b, '/');
            path = after(path, len);
        } else {
            size_t len = 1 + until(path.at + 1, path.at + path.len, "/");
            hy_buf_add(b, path.at, len);
            path = after(path, len);
        }
    }
}

/* A path that goes on from where the base is. */
static void add_merged(hy_buf_t *b, const uri_t *base, part_t path) {
    hy_buf_t whole;
    hy_buf_init(&whole);
    size_t len = base->path.len;
    while (len > 0 && base->path.at[len - 1] != '/')
        len--;
    if (base->authority.at && base->path.len == 0) hy_buf_char(&whole, '/');
    hy_buf_add(&whole, base->path.at, len);
    add(&whole, path);
    if (whole.failed) b->failed = true;
    add_path(b, (part_t){whole.bytes, whole.failed ? 0 : whole.len});
    hy_buf_deinit(&whole);
}

static void write(hy_buf_t *b, const uri_t *base, const uri_t *ref) {
    bool is_near = !ref->scheme.at && !ref->authority.at; /* at the base's authority */
    const uri_t *place = is_near ? base : ref;
    add(b, ref->scheme.at ? ref->scheme : base->scheme);
    hy_buf_char(b, ':');
    if (place->authority.at) {
        hy_buf_text(b, "//");
        add(b, place->authority);
    }
    if (is_near && ref->path.len == 0) {
        add_path(b, base->path);
    } else if (is_near && ref->path.at[0] != '/') {
        add_merged(b, base, ref->path);
    } else {
        add_path(b, ref->path);
    }
    part_t query = is_near && ref->path.len == 0 && !ref->query.at ? base->query : ref->query;
    if (query.at) {
        hy_buf_char(b, '?');
        add(b, query);
    }
}

int hy__uri_resolve(const char *base, const char *ref, size_t len, hy_str_t **out) {
    static const char format[] = "iri-reference";
    if (len > HY_URL_BYTES_MAX) return HY_ETOO_LARGE;
    uri_t from = split(base, strlen(base)), to = split(ref, len);
    if (!hy_format_find(format, sizeof format - 1)(ref, len) || !from.scheme.at) return HY_EINVALID;
    hy_buf_t b;
    hy_buf_init(&b);
    write(&b, &from, &to);
    if (b.len > HY_URL_BYTES_MAX) {
        hy_buf_deinit(&b);
        return HY_ETOO_LARGE;
    }
    *out = hy_buf_take(&b);
    return *out ? 0 : HY_ENOMEM;
}
