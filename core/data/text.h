/* Characters of a text, one after the other; private to this layer. */
#ifndef HY_DATA_TEXT_H
#define HY_DATA_TEXT_H

#include <stdbool.h>
#include <stdint.h>

static inline bool hy__is_digit(uint32_t c) {
    return c >= '0' && c <= '9';
}

static inline bool hy__is_alpha(uint32_t c) {
    return (c | 0x20u) >= 'a' && (c | 0x20u) <= 'z';
}

static inline bool hy__is_alnum(uint32_t c) {
    return hy__is_digit(c) || hy__is_alpha(c);
}

/* What the hexadecimal digit stands for; -1: it is none. */
static inline int hy__hex(uint32_t c) {
    if (hy__is_digit(c)) return (int)(c - '0');
    c |= 0x20u;
    return c >= 'a' && c <= 'f' ? (int)(c - 'a') + 10 : -1;
}

/* The character at *at, which moves on. The text is UTF-8 (hy_utf8_is_valid), and not at its end.
 */
static inline uint32_t hy__char_next(const char **at) {
    const unsigned char *u = (const unsigned char *)*at;
    unsigned more = u[0] < 0xc0 ? 0 : u[0] < 0xe0 ? 1 : u[0] < 0xf0 ? 2 : 3;
    uint32_t c = more ? u[0] & (0x3fu >> more) : u[0];
    for (unsigned i = 1; i <= more; i++) {
        c = c << 6 | (u[i] & 0x3fu);
    }
    *at += more + 1;
    return c;
}

#endif
