/* UTF-8, one sequence at a time; private to this layer. (Whole strings: hy_utf8_is_valid.) */
#ifndef HY_BASE_UTF8_H
#define HY_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the well-formed sequence at `p` (p < end), 0 if there is none: no overlong form, no
 * surrogate, nothing above U+10FFFF. */
static inline unsigned hy__utf8_length(const char *p, const char *end) {
    const unsigned char *u = (const unsigned char *)p;
    size_t left = (size_t)(end - p);
    unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
    unsigned len;
    if (u[0] < 0x80) return 1;
    if (u[0] >= 0xc2 && u[0] <= 0xdf) {
        len = 2;
    } else if ((u[0] & 0xf0) == 0xe0) {
        len = 3;
        if (u[0] == 0xe0) low = 0xa0;
        if (u[0] == 0xed) high = 0x9f;
    } else if (u[0] >= 0xf0 && u[0] <= 0xf4) {
        len = 4;
        if (u[0] == 0xf0) low = 0x90;
        if (u[0] == 0xf4) high = 0x8f;
    } else {
        return 0;
    }
    if (left < len || u[1] < low || u[1] > high) return 0;
    for (unsigned i = 2; i < len; i++) {
        if ((u[i] & 0xc0) != 0x80) return 0;
    }
    return len;
}

/* Where to cut, at `len` or a little before it, without splitting a character. bytes[len] can be
 * read. */
static inline size_t hy__utf8_cut(const char *bytes, size_t len) {
    size_t cut = len;
    while (cut > 0 && len - cut < 4 && ((unsigned char)bytes[cut] & 0xc0) == 0x80)
        cut--;
    return len - cut < 4 ? cut : len; /* no character is that long: then it is no UTF-8 */
}

#endif
