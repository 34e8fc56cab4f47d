/* The growing byte buffer.
 *
 * The bytes are built where a string has them, so that taking the content as a string copies
 * nothing:
 *
 *      block  [ head of an hy_str_t | bytes … room | NUL ]
 *                                     ^ b->bytes */
#include "buf.h"
#include "../limits.h"
#include "mem.h"

#include <stdarg.h>
#include <stdio.h>

#define ROOM_FIRST 112u /* with its head a block of 128 bytes */

static void *block_of(const hy_buf_t *b) {
    return b->bytes ? b->bytes - sizeof(hy_str_t) : NULL;
}

void hy_buf_init(hy_buf_t *b) {
    *b = (hy_buf_t){0};
}

void hy_buf_deinit(hy_buf_t *b) {
    hy_free(block_of(b));
    hy_buf_init(b);
}

bool hy_buf_reserve_slow(hy_buf_t *b, size_t more) {
    if (b->failed) return false;
    size_t room = b->room ? b->room * 2 : ROOM_FIRST;
    char *block = NULL;
    if (more <= HY_STRING_BYTES_MAX - b->len) {
        if (room < b->len + more) room = b->len + more;
        if (room > HY_STRING_BYTES_MAX) room = HY_STRING_BYTES_MAX;
        block = hy_realloc(block_of(b), sizeof(hy_str_t) + room + 1);
    }
    if (!block) {
        b->failed = true;
        return false;
    }
    b->bytes = block + sizeof(hy_str_t);
    b->room = room;
    return true;
}

void hy_buf_text(hy_buf_t *b, const char *text) {
    hy_buf_add(b, text, strlen(text));
}

void hy_buf_int(hy_buf_t *b, int64_t i) {
    char digits[20];
    char *p = digits + sizeof digits;
    uint64_t rest = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (i < 0) *--p = '-';
    hy_buf_add(b, p, (size_t)(digits + sizeof digits - p));
}

void hy_buf_format(hy_buf_t *b, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    /* The byte after the room is there for the NUL. */
    size_t left = b->room - b->len;
    int len = vsnprintf(b->bytes ? b->bytes + b->len : NULL, b->bytes ? left + 1 : 0, format, args);
    va_end(args);
    if (len < 0) {
        b->failed = true;
    } else if (hy_buf_reserve(b, (size_t)len)) {
        if (len > 0 && (size_t)len > left) {
            vsnprintf(b->bytes + b->len, (size_t)len + 1, format, again);
        }
        b->len += (size_t)len;
    }
    va_end(again);
}

hy_str_t *hy_buf_take(hy_buf_t *b) {
    hy_str_t *s = NULL;
    if (b->failed) {
        hy_buf_deinit(b);
    } else if (!b->bytes) {
        s = hy_str_new("", 0);
    } else {
        s = block_of(b);
        if (b->room - b->len > b->len / 8) { /* strings are kept; give the rest back */
            hy_str_t *less = hy_realloc(s, sizeof *s + b->len + 1);
            if (less) s = less;
        }
        s->refs = 1;
        s->len = (uint32_t)b->len;
        s->hash = 0;
        s->bytes[b->len] = '\0';
    }
    hy_buf_init(b);
    return s;
}
