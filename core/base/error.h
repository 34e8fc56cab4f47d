/* Error codes of the core and the text that goes with a failure.
 *
 * A function that can fail returns 0 or a negative code: ours from the table below, libuv's passed
 * through. Out-parameters are unchanged on failure. Where a person will read about it the function
 * also takes an hy_error_t (NULL allowed), which then says what failed, on what, and what to do. */
#ifndef HY_BASE_ERROR_H
#define HY_BASE_ERROR_H

#include "../limits.h"

/* name, code, code on the wire, word in Lua, text */
#define HY_ERROR_MAP(X)                                                                            \
    X(NOMEM, -20001, 503, "full", "out of memory")                                                 \
    X(INVALID, -20002, 400, "invalid", "malformed")                                                \
    X(UNAUTHENTICATED, -20003, 401, "forbidden", "not authenticated")                              \
    X(FORBIDDEN, -20004, 403, "forbidden", "not allowed")                                          \
    X(NOT_FOUND, -20005, 404, "not_found", "not found")                                            \
    X(TIMEOUT, -20006, 408, "timeout", "no answer")                                                \
    X(CONFLICT, -20007, 409, "conflict", "conflict")                                               \
    X(DELETED, -20008, 410, "deleted", "deleted")                                                  \
    X(TOO_LARGE, -20009, 413, "too_large", "too large")                                            \
    X(SCHEMA, -20010, 422, "invalid", "does not fit its schema")                                   \
    X(TOO_FAST, -20011, 429, "full", "too fast")                                                   \
    X(INTERNAL, -20012, 500, "internal", "internal error")                                         \
    X(UNREACHABLE, -20013, 503, "unreachable", "not reachable")                                    \
    X(FULL, -20014, 503, "full", "full")                                                           \
    X(CLOSED, -20015, 503, "closed", "closed")                                                     \
    X(GAP, -20016, 409, "conflict", "does not apply to this state")

enum {
#define X(name, code, http, word, text) HY_E##name = code,
    HY_ERROR_MAP(X)
#undef X
};

typedef struct {
    int code;
    char text[HY_ERROR_TEXT_BYTES];
} hy_error_t;

/* Fills `err` (if any) and returns `code`. A text that is too long is cut at a character. */
int hy_fail(hy_error_t *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "HY_EINVALID"; libuv's codes and unknown ones give "HY_EUNKNOWN". */
const char *hy_error_name(int code);
/* The word for Lua ("not_found"), "internal" if unknown. */
const char *hy_error_word(int code);
/* The general text ("not found"). */
const char *hy_error_text(int code);
/* The code on the wire (404), 500 if unknown; and back: any other 4xx is INVALID, else INTERNAL;
 * of those that share a code it is CONFLICT (409) and UNREACHABLE (503).
 * Codes below 300 give 0. */
int hy_error_http(int code);
int hy_error_from_http(int http);

#endif
