/* Reading patterns of ECMA 262, and writing them for PCRE2.
 *
 * One walk over the pattern, with a stack of the groups that are open. Each piece is checked and
 * written as what PCRE2 understands without doubt: characters other than letters and digits by
 * their number, "." and \s as classes, classes anew. Beside that it is estimated what a match reads
 * at least: `weight` is the characters that must be there, repeats counted.
 *
 * Names and the width of what is looked for behind are left to PCRE2. See regex_property.c. */
#include "regex_private.h"
#include "text.h"

#include <stdio.h>

#define WHITE                                                                                      \
    "\\x09-\\x0d\\x20\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"        \
    "\\x{3000}\\x{feff}"
/* All others, for within a class. */
#define NOT_WHITE                                                                                  \
    "\\x00-\\x08\\x0e-\\x1f\\x21-\\x9f\\xa1-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"       \
    "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}"                 \
    "\\x{ff00}-\\x{10ffff}"

#define CHARACTER_MAX 0x10ffffu

typedef struct {
    uint64_t weight;
    bool is_look; /* ahead or behind: it cannot be repeated */
} group_t;

typedef struct {
    const char *start, *at, *end;
    hy_buf_t *out; /* NULL: nothing is written */
    hy_error_t *err;
    hy__regex_traits_t *traits;
    uint32_t captures;                            /* in the whole pattern */
    group_t open[HY_RULES_PATTERN_DEPTH_MAX + 1]; /* the first is the pattern itself */
    unsigned depth;
    uint64_t last; /* the weight of what a quantifier would repeat; 0: there is nothing */
} reader_t;

/* --- writing ---------------------------------------------------------------------------------- */

static int refuse(reader_t *r, const char *at, const char *why) {
    size_t number = 1;
    for (const char *c = r->start; c < at;) {
        (void)hy__char_next(&c);
        number++;
    }
    return hy_fail(r->err, HY_EINVALID, "character %zu: %s", number, why);
}

static void put(reader_t *r, const char *text) {
    if (r->out) hy_buf_text(r->out, text);
}

static void put_bytes(reader_t *r, const char *from, const char *to) {
    if (r->out) hy_buf_add(r->out, from, (size_t)(to - from));
}

static void put_character(reader_t *r, uint32_t c) {
    if (!r->out) return;
    if (hy__is_alnum(c)) {
        hy_buf_char(r->out, (char)c);
    } else {
        hy_buf_format(r->out, "\\x{%x}", (unsigned)c);
    }
}

/* A character of the set that is being written. */
static void put_member(reader_t *r, uint32_t c) {
    put_character(r, c);
    hy__row_add(&r->traits->row, c, c);
}

/* Something that can be repeated has been written. */
static void unit(reader_t *r, uint64_t weight) {
    r->last = weight ? weight : 1;
    r->open[r->depth].weight += weight;
}

static bool next_is(const reader_t *r, char c) {
    return r->at < r->end && *r->at == c;
}

static bool skip(reader_t *r, const char *text) {
    size_t len = strlen(text);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, text, len) != 0) return false;
    r->at += len;
    return true;
}

/* --- escapes ---------------------------------------------------------------------------------- */

/* \p{...} or \P{...}; `at` is behind the "p". */
static int property(reader_t *r, const char *escape) {
    put_bytes(r, escape, escape + 2);
    if (hy__regex_property(&r->at, r->end, r->out)) return 0;
    return refuse(r, escape, "this is no property of characters, as in \\p{Letter}");
}

/* That many hexadecimal digits; or, with 0, as many as there are up to "}". */
static bool hexadecimal(reader_t *r, unsigned digits, uint32_t *out) {
    uint32_t c = 0;
    unsigned count = 0;
    const char *at = r->at;
    for (; at < r->end && hy__hex((unsigned char)*at) >= 0 && (!digits || count < digits); at++) {
        c = c << 4 | (uint32_t)hy__hex((unsigned char)*at);
        if (c > CHARACTER_MAX) return false;
        count++;
    }
    if (digits ? count < digits : count == 0 || at == r->end || *at++ != '}') return false;
    r->at = at;
    *out = c;
    return true;
}

/* \u with one or two units of UTF-16, or a number in braces. */
static bool unicode(reader_t *r, uint32_t *out) {
    uint32_t c, low;
    if (skip(r, "{")) {
        if (!hexadecimal(r, 0, &c)) return false;
    } else {
        if (!hexadecimal(r, 4, &c)) return false;
        if (c >= 0xd800 && c < 0xdc00 && skip(r, "\\u") && hexadecimal(r, 4, &low) &&
            low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    *out = c;
    return c < 0xd800 || c > 0xdfff; /* half a character is in no text */
}

/* The character that an escape stands for; `at` is behind its first letter, which is `e`. */
static int escaped_character(reader_t *r, const char *escape, uint32_t e, uint32_t *out) {
    static const char letters[] = "fnrtv", codes[] = "\f\n\r\t\v";
    const char *letter = e > 0 && e < 0x80 ? strchr(letters, (int)e) : NULL;
    if (letter) {
        *out = (unsigned char)codes[letter - letters];
        return 0;
    }
    switch (e) {
    case '0':
        if (r->at < r->end && hy__is_digit((unsigned char)*r->at)) break;
        *out = 0;
        return 0;
    case 'c':
        if (r->at == r->end || !hy__is_alpha((unsigned char)*r->at)) break;
        *out = (uint32_t)*r->at++ & 0x1fu;
        return 0;
    case 'x':
        if (!hexadecimal(r, 2, out)) break;
        return 0;
    case 'u':
        if (!unicode(r, out)) break;
        return 0;
    default:
        if (hy__is_alnum(e)) break;
        *out = e;
        return 0;
    }
    return refuse(r, escape, "this escape means nothing");
}

/* \k<name> or \1. PCRE2 would take a number without a group for a character. */
static int reference(reader_t *r, const char *escape, uint32_t e) {
    const char *from = r->at - 1;
    r->traits->is_costly = true;
    r->traits->row.is_off = true;
    if (e == 'k') {
        const char *name = r->at;
        while (r->at < r->end && *r->at != '>') {
            r->at++;
        }
        if (!skip(r, ">") || *name != '<')
            return refuse(r, escape, "\\k needs a name, as in \\k<x>");
        size_t len = (size_t)(r->at - name);
        const char *group = r->start;
        while ((size_t)(r->end - group) >= len + 2 &&
               (memcmp(group, "(?", 2) != 0 || memcmp(group + 2, name, len) != 0)) {
            group++;
        }
        if ((size_t)(r->end - group) < len + 2) return refuse(r, escape, "no group has this name");
        put(r, "\\");
        put_bytes(r, from, r->at);
    } else {
        uint32_t number = e - '0';
        while (r->at < r->end && hy__is_digit((unsigned char)*r->at) && number <= r->captures) {
            number = number * 10 + (uint32_t)(*r->at++ - '0');
        }
        if (number > r->captures) return refuse(r, escape, "there is no group of this number");
        if (r->out) hy_buf_format(r->out, "\\g{%u}", (unsigned)number);
    }
    unit(r, 0);
    return 0;
}

/* \d, \s, \p{...} and their like, written as a class or within one. */
static int named_set(reader_t *r, const char *escape, uint32_t e, bool in_class, bool *is_set) {
    hy__row_t *row = &r->traits->row;
    *is_set = true;
    switch (e) {
    case 'd':
    case 'D':
    case 'w':
    case 'W':
        put_bytes(r, escape, r->at);
        hy__row_add_named(row, (char)e);
        return 0;
    case 's':
    case 'S':
        row->is_off = true;
        if (in_class) {
            put(r, e == 's' ? WHITE : NOT_WHITE);
        } else {
            put(r, e == 's' ? "[" WHITE "]" : "[^" WHITE "]");
        }
        return 0;
    case 'p':
    case 'P':
        row->is_off = true;
        return property(r, escape);
    default:
        *is_set = false;
        return 0;
    }
}

static int escape(reader_t *r) {
    const char *from = r->at++;
    hy__row_t *row = &r->traits->row;
    if (r->at == r->end) return refuse(r, from, "a \\ needs something behind it");
    uint32_t e = hy__char_next(&r->at), c;
    if (e == 'b' || e == 'B') {
        put_bytes(r, from, r->at);
        row->is_off = true;
        r->last = 0;
        return 0;
    }
    if (e == 'k' || (e >= '1' && e <= '9')) return reference(r, from, e);
    bool is_set;
    hy__row_begin(row);
    int rc = named_set(r, from, e, false, &is_set);
    if (!rc && !is_set) rc = escaped_character(r, from, e, &c);
    if (rc) return rc;
    if (!is_set) put_member(r, c);
    unit(r, 1);
    return 0;
}

/* --- classes ---------------------------------------------------------------------------------- */

/* One member of a class: a character, to be written by the caller, or several, which are written.
 */
static int member(reader_t *r, bool *is_one, uint32_t *c) {
    const char *from = r->at;
    uint32_t e;
    bool is_set;
    *is_one = true;
    *c = hy__char_next(&r->at);
    if (*c != '\\') return 0;
    if (r->at == r->end) return refuse(r, from, "a \\ needs something behind it");
    e = hy__char_next(&r->at);
    int rc = named_set(r, from, e, true, &is_set);
    *is_one = !is_set;
    if (rc || is_set) return rc;
    if (e != 'b') return escaped_character(r, from, e, c);
    *c = '\b';
    return 0;
}

/* A member, or a range of them. */
static int range(reader_t *r) {
    const char *from = r->at;
    bool is_one, is_one_too;
    uint32_t low, high;
    int rc = member(r, &is_one, &low);
    if (rc) return rc;
    if (is_one) put_member(r, low);
    if (!next_is(r, '-') || r->end - r->at < 2 || r->at[1] == ']') return 0;
    r->at++;
    if (!is_one) { /* [\w-.]: the hyphen stands for itself */
        put_member(r, '-');
        return 0;
    }
    const char *second = r->at;
    hy_buf_t *out = r->out;
    r->out = NULL; /* what it is decides what is written before it */
    rc = member(r, &is_one_too, &high);
    r->out = out;
    if (rc) return rc;
    if (!is_one_too) {
        r->at = second;
        put_member(r, '-');
        return 0;
    }
    if (high < low) return refuse(r, from, "this range ends before it begins");
    put(r, "-");
    put_character(r, high);
    hy__row_add(&r->traits->row, low, high);
    return 0;
}

static int class(reader_t *r) {
    const char *from = r->at++;
    bool is_negated = next_is(r, '^');
    hy__row_begin(&r->traits->row);
    if (skip(r, "]")) {
        put(r, "(?:[])"); /* alone, PCRE2 would not repeat it */
        unit(r, 1);
        return 0;
    }
    put(r, "[");
    if (skip(r, "^")) put(r, "^");
    while (r->at < r->end && *r->at != ']') {
        int rc = range(r);
        if (rc) return rc;
    }
    if (!skip(r, "]")) return refuse(r, from, "this class has no end, which is a ]");
    put(r, "]");
    if (is_negated) hy__row_negate(&r->traits->row);
    unit(r, 1);
    return 0;
}

/* --- groups and repeats ----------------------------------------------------------------------- */

/* The name of a group and the ">" behind it. */
static bool group_name(reader_t *r) {
    const char *from = r->at;
    while (r->at < r->end) {
        unsigned char c = (unsigned char)*r->at;
        if (!hy__is_alnum(c) && c != '_' && c < 0x80) break;
        r->at++;
    }
    return from < r->at && !hy__is_digit((unsigned char)*from) && skip(r, ">");
}

static int open_group(reader_t *r) {
    static const char *const looks[] = {"?=", "?!", "?<=", "?<!"};
    const char *from = r->at++;
    bool is_look = false, is_known = !next_is(r, '?') && !next_is(r, '*');
    if (r->depth == HY_RULES_PATTERN_DEPTH_MAX) {
        return refuse(r, from, "too many groups within each other");
    }
    for (size_t i = 0; i < sizeof looks / sizeof *looks && !is_look; i++) {
        is_look = skip(r, looks[i]);
    }
    if (is_look) r->traits->is_costly = true;
    r->traits->row.is_off = true;
    is_known = is_known || is_look || skip(r, "?:") || (skip(r, "?<") && group_name(r));
    if (!is_known) return refuse(r, from, "this kind of group is not known");
    put_bytes(r, from, r->at);
    r->open[++r->depth] = (group_t){.is_look = is_look};
    r->last = 0;
    return 0;
}

static int close_group(reader_t *r) {
    if (r->depth == 0) return refuse(r, r->at, "this ) closes nothing");
    r->at++;
    put(r, ")");
    group_t g = r->open[r->depth--];
    unit(r, g.weight);
    if (g.is_look) r->last = 0;
    return 0;
}

static bool number(const char **at, const char *end, uint32_t *out) {
    const char *from = *at;
    uint32_t n = 0;
    for (; *at < end && hy__is_digit((unsigned char)**at); ++*at) {
        if (n <= HY_RULES_REPEATS_MAX) n = n * 10 + (uint32_t)(**at - '0');
    }
    *out = n;
    return *at > from;
}

/* True if a quantifier is there; it is behind `at` then. */
static bool quantifier(reader_t *r, uint32_t *least, uint32_t *most) {
    *least = *r->at == '+';
    *most = *r->at == '?' ? 1 : UINT32_MAX;
    if (*r->at != '{') {
        bool is_there = *r->at == '*' || *r->at == '+' || *r->at == '?';
        if (is_there) r->at++;
        return is_there;
    }
    const char *at = r->at + 1;
    if (!number(&at, r->end, least)) return false;
    *most = *least;
    if (at < r->end && *at == ',') {
        at++;
        if (!number(&at, r->end, most)) *most = UINT32_MAX;
    }
    if (at == r->end || *at != '}') return false;
    r->at = at + 1;
    return true;
}

static int repeat(reader_t *r, const char *from, uint32_t least, uint32_t most) {
    if (!r->last) return refuse(r, from, "there is nothing here that can be repeated");
    if (most < least) return refuse(r, from, "it says at most less than it says at least");
    if (least > HY_RULES_REPEATS_MAX || (most != UINT32_MAX && most > HY_RULES_REPEATS_MAX)) {
        return refuse(r, from, "more repeats than 65535");
    }
    (void)skip(r, "?");
    put_bytes(r, from, r->at);
    hy__row_repeat(&r->traits->row, least, most);
    uint64_t *weight = &r->open[r->depth].weight;
    if (least > 1) *weight += r->last * (least - 1);
    if (*weight > UINT32_MAX) *weight = UINT32_MAX; /* so that nothing overflows */
    r->last = 0;
    return 0;
}

/* --- the pattern ------------------------------------------------------------------------------ */

static uint32_t captures_in(const char *at, const char *end) {
    uint32_t count = 0;
    bool in_class = false;
    for (; at < end; at++) {
        if (*at == '\\') {
            at++;
        } else if (*at == '[' || *at == ']') {
            in_class = *at == '[';
        } else if (*at == '(' && !in_class) {
            bool is_named =
                end - at > 3 && at[1] == '?' && at[2] == '<' && at[3] != '=' && at[3] != '!';
            count += is_named || end - at < 2 || at[1] != '?';
        }
    }
    return count;
}

/* "^", "$" or "|". */
static int mark(reader_t *r) {
    char c = *r->at++;
    put_bytes(r, r->at - 1, r->at);
    r->last = 0;
    if (c == '|' && r->depth == 0 && !next_is(r, '^')) r->traits->is_anchored = false;
    hy__row_t *row = &r->traits->row;
    row->to_end = c == '$' && r->at == r->end;
    if (!row->to_end && (c != '^' || r->at != r->start + 1)) row->is_off = true;
    return 0;
}

static int piece(reader_t *r) {
    const char *from = r->at;
    uint32_t least, most;
    switch (*from) {
    case '(':
        return open_group(r);
    case ')':
        return close_group(r);
    case '[':
        return class(r);
    case '\\':
        return escape(r);
    case '^':
    case '$':
    case '|':
        return mark(r);
    case '.':
        r->at++;
        hy__row_in_line(&r->traits->row);
        put(r, "[^\\n\\r\\x{2028}\\x{2029}]");
        unit(r, 1);
        return 0;
    default:
        if (quantifier(r, &least, &most)) return repeat(r, from, least, most);
        hy__row_begin(&r->traits->row);
        put_member(r, hy__char_next(&r->at));
        unit(r, 1);
        return 0;
    }
}

int hy__regex_read(const char *pattern, size_t len, hy_buf_t *out, hy__regex_traits_t *traits,
                   hy_error_t *err) {
    if (len > HY_RULES_PATTERN_BYTES_MAX) {
        return hy_fail(err, HY_ETOO_LARGE, "longer than %u bytes", HY_RULES_PATTERN_BYTES_MAX);
    }
    if (!hy_utf8_is_valid(pattern, len)) return hy_fail(err, HY_EINVALID, "not UTF-8");
    *traits = (hy__regex_traits_t){.is_anchored = len > 0 && *pattern == '^'};
    reader_t r = {.start = pattern,
                  .at = pattern,
                  .end = pattern + len,
                  .out = out,
                  .err = err,
                  .traits = traits,
                  .captures = captures_in(pattern, pattern + len)};
    while (r.at < r.end) {
        int rc = piece(&r);
        if (rc) return rc;
    }
    if (r.depth > 0) return refuse(&r, r.end, "a ) is missing");
    traits->weight = r.open[0].weight;
    if (r.open[0].weight > HY_RULES_REPEATS_CHEAP) traits->is_costly = true;
    if (!traits->is_anchored || !hy__row_is_sure(&traits->row)) traits->row.is_off = true;
    return 0;
}
