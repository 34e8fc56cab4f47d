/* Counted strings, their hash, and the check of UTF-8.
 *
 * A string is one block: count, length, hash, bytes, NUL. The hash is XXH3 folded to 32 bits. The
 * seed is the one thing in this layer that belongs to the process: a hash is kept in its string,
 * and strings are shared between the runtimes of a process. */
#include "str.h"
#include "../limits.h"
#include "mem.h"
#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t seed;

hy_str_t *hy_str_reserve(size_t len) {
    if (len > HY_STRING_BYTES_MAX) return NULL;
    hy_str_t *s = hy_alloc(sizeof *s + len + 1);
    if (!s) return NULL;
    s->refs = 1;
    s->len = (uint32_t)len;
    s->hash = 0;
    s->bytes[len] = '\0';
    return s;
}

hy_str_t *hy_str_new(const char *bytes, size_t len) {
    hy_str_t *s = hy_str_reserve(len);
    if (s && len) memcpy(s->bytes, bytes, len);
    return s;
}

hy_str_t *hy_str_from(const char *text) {
    return hy_str_new(text, strlen(text));
}

hy_str_t *hy_str_format(const char *format, ...) {
    char few[256]; /* most texts fit, and are then formatted once */
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(few, sizeof few, format, args);
    va_end(args);
    hy_str_t *s = NULL;
    if (len >= 0 && (size_t)len < sizeof few) {
        s = hy_str_new(few, (size_t)len);
    } else if (len >= 0) {
        s = hy_str_reserve((size_t)len);
        if (s) vsnprintf(s->bytes, (size_t)len + 1, format, again);
    }
    va_end(again);
    return s;
}

hy_str_t *hy_str_append(const hy_str_t *a, const char *tail) {
    size_t len = strlen(tail);
    hy_str_t *s = hy_str_reserve(a->len + len);
    if (!s) return NULL;
    memcpy(s->bytes, a->bytes, a->len);
    memcpy(s->bytes + a->len, tail, len);
    return s;
}

void hy_str_free(hy_str_t *s) {
    hy_free(s);
}

uint32_t hy_hash(const char *bytes, size_t len) {
    uint64_t wide = XXH3_64bits_withSeed(bytes, len, seed);
    uint32_t folded = (uint32_t)(wide ^ (wide >> 32));
    return folded ? folded : 1;
}

void hy_hash_seed(uint64_t value) {
    seed = value;
}

uint32_t hy_str_hash_slow(hy_str_t *s) {
    return s->hash = hy_hash(s->bytes, s->len);
}

bool hy_utf8_is_valid(const char *bytes, size_t len) {
    const char *p = bytes, *end = bytes + len;
    while (p < end) {
        uint64_t word;
        while (end - p >= 8 && (memcpy(&word, p, 8), (word & 0x8080808080808080u) == 0))
            p += 8;
        if (p == end) break;
        unsigned step = hy__utf8_length(p, end);
        if (step == 0) return false;
        p += step;
    }
    return true;
}
