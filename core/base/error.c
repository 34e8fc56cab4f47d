/* Error codes as names, words and texts, and the filling of an error record.
 *
 * Everything is made from HY_ERROR_MAP. Nothing is owned and nothing allocated, so that running out
 * of memory can be told too. */
#include "error.h"
#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *name, *word, *text;
    int code, http;
} entry_t;

static const entry_t entries[] = {
#define X(name, code, http, word, text) {"HY_E" #name, word, text, code, http},
    HY_ERROR_MAP(X)
#undef X
};

static const entry_t *find(int code) {
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        if (entries[i].code == code) return &entries[i];
    }
    return NULL;
}

int hy_fail(hy_error_t *err, int code, const char *format, ...) {
    if (!err) return code;
    char text[HY_ERROR_TEXT_BYTES + 1]; /* one more, to see whether a cut splits a character; and
                                           the old text may be among the arguments */
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t cut = len < 0 ? 0 : (size_t)len;
    if (cut >= sizeof err->text) cut = hy__utf8_cut(text, sizeof err->text - 1);
    memcpy(err->text, text, cut);
    err->text[cut] = '\0';
    err->code = code;
    return code;
}

const char *hy_error_name(int code) {
    const entry_t *e = find(code);
    return e ? e->name : "HY_EUNKNOWN";
}

const char *hy_error_word(int code) {
    const entry_t *e = find(code);
    return e ? e->word : "internal";
}

const char *hy_error_text(int code) {
    const entry_t *e = find(code);
    return e ? e->text : "unknown error";
}

int hy_error_http(int code) {
    const entry_t *e = find(code);
    return e ? e->http : 500;
}

int hy_error_from_http(int http) {
    if (http < 300) return 0;
    /* Several of ours share these two on the wire; what a peer means by them is the wider one. */
    if (http == 503) return HY_EUNREACHABLE;
    if (http == 409) return HY_ECONFLICT;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        if (entries[i].http == http) return entries[i].code;
    }
    return http >= 400 && http < 500 ? HY_EINVALID : HY_EINTERNAL;
}
