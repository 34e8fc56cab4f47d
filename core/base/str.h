/* Immutable, counted byte strings: URLs, keys, string values, message texts. Sharing one is an
 * increment; the hash is computed once. Bytes may contain NUL; one more NUL follows the last byte,
 * so that `bytes` also serves as a C string. Counts are not atomic: one thread owns a string
 * (DESIGN.md, decision 2). */
#ifndef HY_BASE_STR_H
#define HY_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct hy_str {
    uint32_t refs;
    uint32_t len;
    uint32_t hash; /* 0: not computed yet; use hy_str_hash */
    char bytes[];
} hy_str_t;

/* Copies `len` bytes. The caller owns the result; NULL when out of memory or over
 * HY_STRING_BYTES_MAX. */
hy_str_t *hy_str_new(const char *bytes, size_t len);
hy_str_t *hy_str_from(const char *text);
/* A string whose `len` bytes the caller fills in before anybody else sees it. */
hy_str_t *hy_str_reserve(size_t len);
hy_str_t *hy_str_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* `a` followed by the C string `tail`. */
hy_str_t *hy_str_append(const hy_str_t *a, const char *tail);
void hy_str_free(hy_str_t *s); /* for hy_str_unref alone */

static inline hy_str_t *hy_str_ref(hy_str_t *s) {
    s->refs++;
    return s;
}

/* NULL is allowed. */
static inline void hy_str_unref(hy_str_t *s) {
    if (s && --s->refs == 0) hy_str_free(s);
}

/* Hash of any bytes, never 0. Seeded per process (hy_hash_seed), so that a sender cannot choose
 * keys that collide. Nothing that a run shows depends on it: dictionaries keep insertion order. */
uint32_t hy_hash(const char *bytes, size_t len);
void hy_hash_seed(uint64_t seed); /* before the first hash; specs may leave it out */
uint32_t hy_str_hash_slow(hy_str_t *s);

static inline uint32_t hy_str_hash(hy_str_t *s) {
    return s->hash ? s->hash : hy_str_hash_slow(s);
}

static inline bool hy_str_equal(const hy_str_t *a, const hy_str_t *b) {
    return a == b || (a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0);
}

static inline bool hy_str_is(const hy_str_t *s, const char *text) {
    return s && strlen(text) == s->len && memcmp(s->bytes, text, s->len) == 0;
}

/* True if the bytes are well-formed UTF-8 (no surrogates, no overlong forms; NUL is allowed). */
bool hy_utf8_is_valid(const char *bytes, size_t len);

#endif
