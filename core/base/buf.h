/* A growing byte buffer, for building texts. A failed append marks the buffer; so a chain of
 * appends needs one look at `failed` at its end. */
#ifndef HY_BASE_BUF_H
#define HY_BASE_BUF_H

#include "str.h"

typedef struct {
    char *bytes;
    size_t len, room;
    bool failed;
} hy_buf_t;

void hy_buf_init(hy_buf_t *b);
void hy_buf_deinit(hy_buf_t *b);
bool hy_buf_reserve_slow(hy_buf_t *b, size_t more); /* for hy_buf_reserve alone */

/* Makes room for `more` bytes behind `len`, to be filled in directly. False (and failed) if it
 * cannot, also beyond HY_STRING_BYTES_MAX. */
static inline bool hy_buf_reserve(hy_buf_t *b, size_t more) {
    return (more <= b->room - b->len && !b->failed) || hy_buf_reserve_slow(b, more);
}

static inline void hy_buf_add(hy_buf_t *b, const char *bytes, size_t len) {
    if (len == 0 || !hy_buf_reserve(b, len)) return;
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
}

static inline void hy_buf_char(hy_buf_t *b, char c) {
    if (hy_buf_reserve(b, 1)) b->bytes[b->len++] = c;
}

void hy_buf_text(hy_buf_t *b, const char *text);
void hy_buf_int(hy_buf_t *b, int64_t i);
void hy_buf_format(hy_buf_t *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The content as a new string, NULL if out of memory (also earlier). The buffer is then as after
 * init and owns nothing. */
hy_str_t *hy_buf_take(hy_buf_t *b);

#endif
