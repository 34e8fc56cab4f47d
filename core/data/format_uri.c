/* Formats of URIs, of IRIs, which may have characters beyond ASCII, and of templates of both.
 *
 *      scheme : // user @ host : port / path ? query # fragment
 *
 * No character that divides the parts can be in one to its left; so they are cut first, and then it
 * is looked at whether each has only what it may have. */
#include <string.h>

#include "../base/str.h"
#include "format_private.h"
#include "text.h"

#define UNRESERVED "-._~"
#define SUB_DELIMS "!$&'()*+,;="

typedef struct {
    const char *at, *end;
} part_t;

/* Takes what is in front of the first of these characters; all, if there is none. */
static part_t cut(part_t *rest, const char *dividers) {
    part_t part = *rest;
    const char *at = rest->at;
    while (at < rest->end && (!*at || !strchr(dividers, *at))) {
        at++;
    }
    part.end = rest->at = at;
    return part;
}

static bool is_next(const part_t *rest, char c) {
    return rest->at < rest->end && *rest->at == c;
}

static bool is_private(uint32_t c) {
    return (c >= 0xe000 && c <= 0xf8ff) || (c >= 0xf0000 && c <= 0xffffd) ||
           (c >= 0x100000 && c <= 0x10fffd);
}

/* Characters beyond ASCII that IRIs have everywhere ("ucschar"). */
static bool is_wide(uint32_t c) {
    if (c < 0xa0 || (c & 0xfffe) == 0xfffe || c >= 0xf0000) return false;
    if (c >= 0x10000) return (c & 0xffff) >= 0x1000 || c < 0xe0000;
    return c <= 0xd7ff || (c >= 0xf900 && c <= 0xfdcf) || c >= 0xfdf0;
}

static bool percent(const char **at, const char *end) {
    if (end - *at < 3 || hy__hex((unsigned char)(*at)[1]) < 0 ||
        hy__hex((unsigned char)(*at)[2]) < 0) {
        return false;
    }
    *at += 3;
    return true;
}

/* True if the part has nothing but letters, digits, these, and bytes as %41; and with `wide` what
 * IRIs have beside them. */
static bool has_only(part_t p, const char *these, bool wide, bool with_private) {
    while (p.at < p.end) {
        if (*p.at == '%') {
            if (!percent(&p.at, p.end)) return false;
            continue;
        }
        uint32_t c = hy__char_next(&p.at);
        bool is_fine = c < 0x80 ? hy__is_alnum(c) || (c && strchr(these, (int)c))
                                : wide && (is_wide(c) || (with_private && is_private(c)));
        if (!is_fine) return false;
    }
    return true;
}

static bool scheme(part_t p) {
    if (p.at == p.end || !hy__is_alpha((unsigned char)*p.at)) return false;
    return !memchr(p.at, '%', (size_t)(p.end - p.at)) && has_only(p, "+-.", false, false);
}

/* "[::1]" or "[v1.x]", without the brackets. */
static bool literal(part_t p) {
    if (hy__format_ipv6(p.at, (size_t)(p.end - p.at))) return true;
    if (p.at == p.end || (*p.at | 0x20) != 'v') return false;
    p.at++;
    part_t version = cut(&p, ".");
    if (version.at == version.end || !is_next(&p, '.')) return false;
    for (; version.at < version.end; version.at++) {
        if (hy__hex((unsigned char)*version.at) < 0) return false;
    }
    p.at++;
    return p.at < p.end && !memchr(p.at, '%', (size_t)(p.end - p.at)) &&
           has_only(p, UNRESERVED SUB_DELIMS ":", false, false);
}

static bool authority(part_t p, bool wide) {
    part_t rest = p, user = cut(&rest, "@");
    if (is_next(&rest, '@')) {
        if (!has_only(user, UNRESERVED SUB_DELIMS ":", wide, false)) return false;
        p.at = rest.at + 1;
    }
    if (is_next(&p, '[')) {
        p.at++;
        part_t address = cut(&p, "]");
        if (!is_next(&p, ']') || !literal(address)) return false;
        p.at++;
    } else if (!has_only(cut(&p, ":"), UNRESERVED SUB_DELIMS, wide, false)) {
        return false;
    }
    if (p.at < p.end && *p.at++ != ':') return false;
    for (; p.at < p.end; p.at++) {
        if (!hy__is_digit((unsigned char)*p.at)) return false;
    }
    return true;
}

static bool reference(const char *text, size_t len, bool wide, bool is_absolute) {
    static const char path[] = UNRESERVED SUB_DELIMS ":@/", tail[] = UNRESERVED SUB_DELIMS ":@/?";
    if (!hy_utf8_is_valid(text, len)) return false;
    part_t rest = {text, text + len}, first = cut(&rest, ":/?#");
    if (is_next(&rest, ':')) { /* what has a colon there has a scheme */
        if (!scheme(first)) return false;
        rest.at++;
    } else {
        if (is_absolute) return false;
        rest.at = text;
    }
    if (rest.end - rest.at >= 2 && memcmp(rest.at, "//", 2) == 0) {
        rest.at += 2;
        if (!authority(cut(&rest, "/?#"), wide)) return false;
    }
    if (!has_only(cut(&rest, "?#"), path, wide, false)) return false;
    if (is_next(&rest, '?')) {
        rest.at++;
        if (!has_only(cut(&rest, "#"), tail, wide, true)) return false;
    }
    if (is_next(&rest, '#')) rest.at++;
    return has_only(rest, tail, wide, false);
}

bool hy__format_uri(const char *text, size_t len) {
    return reference(text, len, false, true);
}

bool hy__format_uri_reference(const char *text, size_t len) {
    return reference(text, len, false, false);
}

bool hy__format_iri(const char *text, size_t len) {
    return reference(text, len, true, true);
}

bool hy__format_iri_reference(const char *text, size_t len) {
    return reference(text, len, true, false);
}

/* --- templates -------------------------------------------------------------------------------- */

/* "name", "name*" or "name:3"; a dot in a name has something on both sides. */
static bool variable(part_t p) {
    part_t whole = cut(&p, ":*");
    do {
        part_t word = cut(&whole, ".");
        if (word.at == word.end || !has_only(word, "_", false, false)) return false;
    } while (whole.at < whole.end && whole.at++);
    if (is_next(&p, '*')) return p.end - p.at == 1;
    if (!is_next(&p, ':')) return true;
    p.at++;
    if (p.at == p.end || p.end - p.at > 4 || *p.at == '0') return false;
    while (p.at < p.end && hy__is_digit((unsigned char)*p.at)) {
        p.at++;
    }
    return p.at == p.end;
}

static bool expression(part_t p) {
    if (p.at < p.end && *p.at && strchr("+#./;?&=,!@|", *p.at)) {
        if (strchr("=,!@|", *p.at)) return false; /* kept for later versions of templates */
        p.at++;
    }
    for (;;) {
        if (!variable(cut(&p, ","))) return false;
        if (p.at == p.end) return true;
        p.at++;
    }
}

bool hy__format_uri_template(const char *text, size_t len) {
    if (!hy_utf8_is_valid(text, len)) return false;
    part_t rest = {text, text + len};
    while (rest.at < rest.end) {
        if (is_next(&rest, '{')) {
            rest.at++;
            part_t inside = cut(&rest, "}");
            if (rest.at == rest.end || !expression(inside)) return false;
            rest.at++;
        } else if (!has_only(cut(&rest, "{"), UNRESERVED SUB_DELIMS ":/?#[]@", true, true)) {
            return false;
        }
    }
    return true;
}
