/* Formats of hosts and mailboxes: names, addresses of both kinds, and what has one behind "@". */
#include <string.h>

#include "format_private.h"
#include "text.h"

#define NAME_BYTES_MAX  253
#define LABEL_BYTES_MAX 63
#define LOCAL_BYTES_MAX 64

/* --- host names ------------------------------------------------------------------------------- */

/* A label goes up to a dot; a character that is not ASCII is fine where `is_wide`. */
static bool name(const char *text, size_t len, bool is_wide) {
    size_t label = 0; /* bytes of the present one so far */
    if (len == 0 || len > NAME_BYTES_MAX) return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_end = i + 1 == len || text[i + 1] == '.';
        if (c == '.') {
            if (label == 0 || i + 1 == len) return false;
            label = 0;
        } else if (hy__is_alnum(c) || (c == '-' && label > 0 && !is_end) ||
                   (c >= 0x80 && is_wide)) {
            if (++label > LABEL_BYTES_MAX) return false;
        } else {
            return false;
        }
    }
    return true;
}

bool hy__format_hostname(const char *text, size_t len) {
    return name(text, len, false);
}

/* --- addresses -------------------------------------------------------------------------------- */

bool hy__format_ipv4(const char *text, size_t len) {
    const char *at = text, *end = text + len;
    for (int part = 0; part < 4; part++) {
        const char *from = at;
        int value = 0;
        while (at < end && at - from < 3 && hy__is_digit((unsigned char)*at)) {
            value = value * 10 + (*at++ - '0');
        }
        if (at == from || value > 255 || (*from == '0' && at - from > 1)) return false;
        if (part < 3 && (at == end || *at++ != '.')) return false;
    }
    return at == end;
}

bool hy__format_ipv6(const char *text, size_t len) {
    const char *at = text, *end = text + len;
    int groups = 0;
    bool has_gap = false; /* "::", for groups of zeros */
    if (len >= 2 && memcmp(text, "::", 2) == 0) {
        has_gap = true;
        at += 2;
    }
    while (at < end) {
        const char *from = at;
        while (at < end && at - from < 4 && hy__hex((unsigned char)*at) >= 0) {
            at++;
        }
        if (at == from) return false;
        if (at < end && *at == '.') { /* the last two as an IPv4 address */
            groups += 2;
            if (!hy__format_ipv4(from, (size_t)(end - from))) return false;
            break;
        }
        groups++;
        if (at == end) break;
        if (*at++ != ':' || at == end) return false;
        if (*at == ':') {
            if (has_gap) return false;
            has_gap = true;
            at++;
        }
    }
    return has_gap ? groups < 8 : groups == 8;
}

/* --- mailboxes -------------------------------------------------------------------------------- */

static bool is_atom(unsigned char c, bool is_wide) {
    if (c >= 0x80) return is_wide;
    return hy__is_alnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* The end of what is in front of "@"; NULL: it is not well-formed. */
static const char *local_part(const char *text, const char *end, bool is_wide) {
    const char *at = text;
    if (at < end && *at == '"') {
        for (at++; at < end && *at != '"'; at++) {
            if (*at == '\\' && ++at == end) return NULL;
            unsigned char c = (unsigned char)*at;
            if (c < ' ' || c == 0x7f || (c >= 0x80 && !is_wide)) return NULL;
        }
        return at < end ? at + 1 : NULL;
    }
    for (; at < end && *at != '@'; at++) {
        bool is_inner_dot =
            *at == '.' && at > text && at[-1] != '.' && end - at > 1 && at[1] != '@';
        if (!is_inner_dot && !is_atom((unsigned char)*at, is_wide)) return NULL;
    }
    return at > text ? at : NULL;
}

static bool mailbox(const char *text, size_t len, bool is_wide) {
    static const char six[] = "IPv6:";
    const char *end = text + len, *at = local_part(text, end, is_wide);
    if (!at || at - text > LOCAL_BYTES_MAX || at == end || *at++ != '@') return false;
    size_t left = (size_t)(end - at);
    if (left < 2 || *at != '[') return name(at, left, is_wide);
    if (end[-1] != ']') return false;
    at++;
    left -= 2;
    if (left >= strlen(six) && memcmp(at, six, strlen(six)) == 0) {
        return hy__format_ipv6(at + strlen(six), left - strlen(six));
    }
    return hy__format_ipv4(at, left);
}

bool hy__format_email(const char *text, size_t len) {
    return mailbox(text, len, false);
}

bool hy__format_idn_email(const char *text, size_t len) {
    return mailbox(text, len, true);
}
