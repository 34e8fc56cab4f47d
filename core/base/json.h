/* JSON text: a checking scanner, a reader that builds values, a writer.
 *
 * The scanner is the only code that looks at JSON text. It checks grammar (RFC 8259), UTF-8,
 * escapes and nesting in one pass and hands out tokens as spans of the text, so that a header can
 * be read and a body skipped without building anything. Integers of up to 64 bits stay integers;
 * every other number becomes a double and must be finite. A key given twice in one object is an
 * error. */
#ifndef HY_BASE_JSON_H
#define HY_BASE_JSON_H

#include "buf.h"
#include "value.h"

typedef enum {
    HY_JSON_END = 0, /* after the one value of the text */
    HY_JSON_OBJECT,
    HY_JSON_OBJECT_END,
    HY_JSON_ARRAY,
    HY_JSON_ARRAY_END,
    HY_JSON_KEY,
    HY_JSON_STR,
    HY_JSON_INT,
    HY_JSON_REAL,
    HY_JSON_TRUE,
    HY_JSON_FALSE,
    HY_JSON_NULL
} hy_json_kind_t;

typedef struct {
    hy_json_kind_t kind;
    bool escaped;   /* KEY, STR: has escapes; hy_json_token_str resolves them */
    size_t at, len; /* span in the text; KEY and STR without their quotes */
    int64_t i;      /* INT */
} hy_json_token_t;

typedef struct {
    const char *text;
    size_t len, at;
    unsigned depth, depth_max;
    uint8_t state;
    uint8_t stack[(HY_JSON_DEPTH_MAX + 8) / 8]; /* a bit a level: 1 in an object */
} hy_json_scan_t;

/* `depth_max` at most HY_JSON_DEPTH_MAX. The text is borrowed while scanning. */
void hy_json_scan_init(hy_json_scan_t *s, const char *text, size_t len, unsigned depth_max);
/* Next token; negative: HY_EINVALID, or HY_ETOO_LARGE for nesting, with the offset (from 0) in
 * `err`; HY_ENOMEM, which only a text that ends with a huge number can give. A REAL that was handed
 * out is finite. */
int hy_json_scan_next(hy_json_scan_t *s, hy_json_token_t *token, hy_error_t *err);
/* After OBJECT, ARRAY (checks and skips to the matching end) or any scalar (does nothing): `span`
 * gets the extent of the whole value that `first` began; a string's is with its quotes. `span` may
 * be `first`. */
int hy_json_scan_skip(hy_json_scan_t *s, const hy_json_token_t *first, hy_json_token_t *span,
                      hy_error_t *err);
/* The string that a KEY or STR token stands for; NULL when out of memory. */
hy_str_t *hy_json_token_str(const hy_json_scan_t *s, const hy_json_token_t *token);

/* The number that a REAL token stands for. HY_ENOMEM. */
int hy_json_token_real(const hy_json_scan_t *s, const hy_json_token_t *token, double *out);

/* Builds the one value of the text. HY_EINVALID (with offset), HY_ETOO_LARGE (nesting, long key),
 * HY_ENOMEM. The caller owns *out. */
int hy_json_read(const char *text, size_t len, unsigned depth_max, hy_value_t *out,
                 hy_error_t *err);

/* Appends the value as text without spaces. Doubles have 15 significant digits, or 16 or 17 if it
 * takes them to read back the same, and always a point or exponent; strings are escaped only where
 * they must be, and must be UTF-8 (whoever lets one in checks: hy_utf8_is_valid). What JSON cannot
 * say (ABSENT, a double that is not finite) becomes null. Marks `b` failed when out of memory. */
void hy_json_write(hy_buf_t *b, hy_value_t v);
void hy_json_write_str(hy_buf_t *b, const char *bytes, size_t len);
/* `lead` as it is, then the string; for NULL nothing of both. */
void hy_json_write_text(hy_buf_t *b, const char *lead, const hy_str_t *text);

#endif
