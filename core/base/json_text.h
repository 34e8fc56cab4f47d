/* What scanner, reader and writer of JSON share; private to this layer. */
#ifndef HY_BASE_JSON_TEXT_H
#define HY_BASE_JSON_TEXT_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HY__REAL_TEXT_BYTES 32u /* the longest is -2.2250738585072014e-308, 24 */

#define HY__BYTES(b) (0x0101010101010101u * (uint64_t)(b))

/* The first byte from `p` on that is a control character, a quote or a backslash, with `ascii` also
 * one that is not ASCII; `end` if there is none. Eight bytes are looked at in one go: a byte's high
 * bit comes out set where a subtraction goes below zero. A borrow can spoil only what follows a
 * hit. */
static inline const char *hy__json_plain_end(const char *p, const char *end, bool ascii) {
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
