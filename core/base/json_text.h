/* What scanner, reader and writer of JSON share; private to this layer. */
#ifndef HY_BASE_JSON_TEXT_H
#define HY_BASE_JSON_TEXT_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define HY__REAL_TEXT_BYTES 32u /* the longest is -2.2250738585072014e-308, 24 */

#define HY__BYTES(b) (0x0101010101010101u * (uint64_t)(b))

#ifdef __SSE2__
/* The same sixteen bytes at a time: moves `*p` as far as that goes; true if it found such a byte.
 * Signed comparison: what is not ASCII is below zero, and so below a space, too. */
static inline bool hy__json_plain_run(const char **p, const char *end, bool ascii) {
    const __m128i space = _mm_set1_epi8(0x20), quote = _mm_set1_epi8('"'),
                  backslash = _mm_set1_epi8('\\'), none = _mm_set1_epi8(-1);
    for (; end - *p >= 16; *p += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)*p);
        __m128i hit = _mm_cmplt_epi8(bytes, space);
        if (!ascii) hit = _mm_and_si128(hit, _mm_cmpgt_epi8(bytes, none));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(bytes, quote));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(bytes, backslash));
        int mask = _mm_movemask_epi8(hit);
        if (mask == 0) continue;
        *p += __builtin_ctz((unsigned)mask);
        return true;
    }
    return false;
}
#endif

/* The first byte from `p` on that is a control character, a quote or a backslash, with `ascii` also
 * one that is not ASCII; `end` if there is none. Eight bytes are looked at in one go: a byte's high
 * bit comes out set where a subtraction goes below zero. A borrow can spoil only what follows a
 * hit. */
static inline const char *hy__json_plain_end(const char *p, const char *end, bool ascii) {
#ifdef __SSE2__
    if (hy__json_plain_run(&p, end, ascii)) return p;
#endif
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word = le64toh(word);
        uint64_t quote = word ^ HY__BYTES('"'), backslash = word ^ HY__BYTES('\\');
        uint64_t hit = ((word - HY__BYTES(0x20)) & ~word) | ((quote - HY__BYTES(1)) & ~quote) |
                       ((backslash - HY__BYTES(1)) & ~backslash);
        if (ascii) hit |= word;
        hit &= HY__BYTES(0x80);
        if (hit) return p + __builtin_ctzll(hit) / 8;
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\' &&
           !(ascii && (unsigned char)*p >= 0x80)) {
        p++;
    }
    return p;
}

/* The double nearest to a text that has the form of a JSON number; HY_EINVALID if it is not finite,
 * HY_ENOMEM. `stopped`: a byte that cannot belong to a number follows the text. */
int hy__real_parse(const char *text, size_t len, bool stopped, double *out);
/* The finite `r` with the fewest of 15 to 17 significant digits that read back as it, without
 * needless zeros, and with a point or exponent. The length; 0 when out of memory. */
size_t hy__real_print(double r, char text[HY__REAL_TEXT_BYTES]);

#endif
