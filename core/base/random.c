/* Seeded randomness: xoshiro256** by Blackman and Vigna, its state filled by splitmix64; and what
 * is derived from any source. Owns nothing. */
#include "random.h"

static uint64_t splitmix(uint64_t *x) {
    uint64_t z = *x += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int by) {
    return (x << by) | (x >> (64 - by));
}

static uint64_t step(uint64_t s[4]) {
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static void fill_seeded(hy_random_t *r, void *bytes, size_t len) {
    unsigned char *p = bytes;
    while (len > 0) {
        uint64_t word = step(r->state);
        size_t part = len < sizeof word ? len : sizeof word;
        memcpy(p, &word, part);
        p += part;
        len -= part;
    }
}

void hy_random_seed(hy_random_t *r, uint64_t seed) {
    r->fill = fill_seeded;
    for (int i = 0; i < 4; i++)
        r->state[i] = splitmix(&seed);
}

uint64_t hy_random_u64(hy_random_t *r) {
    uint64_t word;
    r->fill(r, &word, sizeof word);
    return word;
}

uint64_t hy_random_below(hy_random_t *r, uint64_t n) {
    uint64_t uneven =
        (0 - n) % n; /* 2^64 mod n: so many of the words would favour the low numbers */
    uint64_t word;
    do {
        word = hy_random_u64(r);
    } while (word < uneven);
    return word % n;
}

hy_str_t *hy_random_uuid(hy_random_t *r) {
    static const char hex[] = "0123456789abcdef";
    unsigned char b[16];
    hy_str_t *s = hy_str_reserve(36);
    if (!s) return NULL;
    r->fill(r, b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4 */
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80); /* variant of RFC 4122 */
    char *p = s->bytes;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *p++ = '-';
        *p++ = hex[b[i] >> 4];
        *p++ = hex[b[i] & 15];
    }
    return s;
}
