/* Making texts clean: a script must not be able to move the cursor of the terminal that it is shown
 * on, nor to break the JSON that it is put into. */
#include "clean.h"
#include "../base/buf.h"
#include "../limits.h"

static bool is_control(unsigned char c, bool with_escapes) {
    if (c == '\n' || c == '\t' || (c == 0x1b && with_escapes)) return false;
    return c < 0x20 || c == 0x7f;
}

/* Length of the character at `at`, 0 if it is none. */
static size_t character(const char *text, size_t len, size_t at) {
    for (size_t n = 1; n <= 4 && at + n <= len; n++) {
        if (hy_utf8_is_valid(text + at, n)) return n;
    }
    return 0;
}

hy_str_t *hy_text_clean(const char *text, size_t len, bool with_escapes) {
    hy_buf_t b;
    hy_buf_init(&b);
    for (size_t at = 0; at < len && !b.failed;) {
        if (b.len >= HY_PROMPT_TEXT_BYTES_MAX - 64) {
            hy_buf_format(&b, "… (%zu bytes more)", len - at);
            break;
        }
        size_t n = character(text, len, at);
        bool is_plain = n > 1 || (n == 1 && !is_control((unsigned char)text[at], with_escapes));
        /* U+0080 to U+009F are controls too. */
        if (n == 2 && (unsigned char)text[at] == 0xc2 && (unsigned char)text[at + 1] < 0xa0) {
            is_plain = false;
        }
        if (is_plain) {
            hy_buf_add(&b, text + at, n);
            at += n;
        } else {
            hy_buf_format(&b, "\\x%02x", (unsigned char)text[at++]);
        }
    }
    return hy_buf_take(&b);
}
