/* How a pattern is matched: item after item, the text along with it. Where an item leaves a choice,
 * it is put on a stack; when something does not match, the choice on top is made another way.
 *
 *      text     a a a b a          choices   LONGEST  from ↑, at ↑, down to where it began
 *      pattern  a * b                        SHORTEST at ↑, on by one item
 *               ↑                            OPTIONAL the item was taken; next: not
 *                                            OPENED, CLOSED  a capture; to be undone
 *
 * The stack has as many places as Lua's matcher may be deep, so that both give up at the same. If a
 * choice is followed by a plain character, it stops only where that one is. */
#include "pattern.h"

#include <stdint.h>
#include <string.h>

typedef enum { OPENED, CLOSED, OPTIONAL, LONGEST, SHORTEST } kind_t;

typedef struct {
    kind_t kind;
    int next;         /* the plain character that must follow; -1: none, or not that simple */
    unsigned capture; /* CLOSED */
    const char *from, *at;
    const char *item, *item_end; /* in the pattern */
} choice_t;

typedef struct {
    hy_pattern_t *m;
    const char *s, *p; /* in the text, in the pattern */
    unsigned depth;
    choice_t choices[HY_PATTERN_DEPTH_MAX - 1];
} run_t;

static const volatile sig_atomic_t never = 0;

static inline void poll(const hy_pattern_t *m) {
    if (*m->is_due) m->due(m->arg);
}

static bool fail(hy_pattern_t *m, const char *error, int number) {
    m->error = error;
    m->error_number = number;
    return false;
}

/* --- characters ------------------------------------------------------------------------------- */

static inline bool is_between(unsigned char c, unsigned char first, unsigned char last) {
    return (unsigned char)(c - first) <= (unsigned char)(last - first);
}
static inline bool is_letter(unsigned char c) {
    return is_between(c | 32, 'a', 'z');
}
static inline bool is_digit(unsigned char c) {
    return is_between(c, '0', '9');
}

/* Means something else than itself in a pattern; ')' only to who has seen a '('. */
static inline bool is_special(char c) {
    switch (c) {
    case '^':
    case '$':
    case '*':
    case '+':
    case '?':
    case '.':
    case '(':
    case '[':
    case '%':
    case '-':
        return true;
    default:
        return false;
    }
}

/* Of "%x", x being `class`. */
static inline bool is_in_class(unsigned char c, unsigned char class) {
    bool is_in;
    switch (class | 32) {
    case 'a':
        is_in = is_letter(c);
        break;
    case 'c':
        is_in = c < 32 || c == 127;
        break;
    case 'd':
        is_in = is_digit(c);
        break;
    case 'g':
        is_in = is_between(c, 33, 126);
        break;
    case 'l':
        is_in = is_between(c, 'a', 'z');
        break;
    case 'p':
        is_in = is_between(c, 33, 126) && !is_letter(c) && !is_digit(c);
        break;
    case 's':
        is_in = c == ' ' || is_between(c, '\t', '\r');
        break;
    case 'u':
        is_in = is_between(c, 'A', 'Z');
        break;
    case 'w':
        is_in = is_letter(c) || is_digit(c);
        break;
    case 'x':
        is_in = is_digit(c) || is_between(c | 32, 'a', 'f');
        break;
    case 'z':
        is_in = c == 0;
        break;
    default:
        return c == class;
    }
    return is_in != is_between(class, 'A', 'Z');
}

/* Of the set whose '[' is at `p` and whose ']' at `end`. */
static bool is_in_set(const hy_pattern_t *m, unsigned char c, const char *p, const char *end) {
    bool is_in = true;
    p++;
    if (*p == '^') {
        is_in = false;
        p++;
    }
    for (; p < end; p++) {
        if (*p == '%') {
            p++;
            if (is_in_class(c, (unsigned char)*p)) return is_in;
        } else if (end - p > 2 && p[1] == '-') {
            if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2]) return is_in;
            p += 2;
        } else if ((unsigned char)*p == c) {
            return is_in;
        }
        poll(m);
    }
    return !is_in;
}

/* --- items ------------------------------------------------------------------------------------ */

/* The end of the single item at `p`; NULL: m->error. */
static const char *item_end(hy_pattern_t *m, const char *p) {
    const char *end = m->pattern_end;
    if (*p == '%') {
        if (p + 1 < end) return p + 2;
        fail(m, "malformed pattern (ends with '%%')", 0);
        return NULL;
    }
    if (*p != '[') return p + 1;
    p++;
    if (p < end && *p == '^') p++;
    for (const char *first = p; p < end; p++) {
        if (*p == ']' && p != first) return p + 1;
        if (*p == '%' && p + 1 < end) p++;
        poll(m);
    }
    fail(m, "malformed pattern (missing ']')", 0);
    return NULL;
}

/* Does the item match the character? */
static inline bool is_item(const hy_pattern_t *m, unsigned char c, const char *p, const char *end) {
    switch (*p) {
    case '.':
        return true;
    case '%':
        return is_in_class(c, (unsigned char)p[1]);
    case '[':
        return is_in_set(m, c, p, end - 1);
    default:
        return (unsigned char)*p == c;
    }
}

/* How far the item matches again and again. */
static const char *span(const hy_pattern_t *m, const char *s, const char *p, const char *end) {
    if (*p == '.') return m->text_end;
    while (s < m->text_end && is_item(m, (unsigned char)*s, p, end)) {
        s++;
        poll(m);
    }
    return s;
}

/* The character that must come if what is at `p` is to match; -1: not that simple. */
static int plain_at(const hy_pattern_t *m, const char *p) {
    if (p == m->pattern_end || is_special(*p) || *p == ')') return -1;
    if (p + 1 < m->pattern_end && (p[1] == '*' || p[1] == '?' || p[1] == '-')) return -1;
    return (unsigned char)*p;
}

/* --- choices ---------------------------------------------------------------------------------- */

static choice_t *push(run_t *r, kind_t kind) {
    if (r->depth == HY_PATTERN_DEPTH_MAX - 1) {
        fail(r->m, "pattern too complex", 0);
        return NULL;
    }
    choice_t *c = &r->choices[r->depth++];
    c->kind = kind;
    return c;
}

static inline bool is_followed(const hy_pattern_t *m, const choice_t *c) {
    return c->next < 0 || (c->at < m->text_end && (unsigned char)*c->at == c->next);
}

/* Goes on behind the item, from where the choice is or, if nothing matches there, the next place.
 */
static bool go_on(run_t *r, choice_t *c) {
    const hy_pattern_t *m = r->m;
    while (!is_followed(m, c)) {
        poll(m);
        if (c->kind == LONGEST) {
            if (c->at == c->from) return false;
            c->at--;
        } else {
            if (c->at == m->text_end || !is_item(m, (unsigned char)*c->at, c->item, c->item_end)) {
                return false;
            }
            c->at++;
        }
    }
    r->s = c->at;
    r->p = c->item_end + 1;
    return true;
}

/* An item that may come any number of times. What matches nowhere is left for `back` to take off.
 */
static bool repeat(run_t *r, char suffix, const char *from, const char *end) {
    choice_t *c = push(r, suffix == '-' ? SHORTEST : LONGEST);
    if (!c) return false;
    c->item = r->p;
    c->item_end = end;
    c->from = from;
    c->at = suffix == '-' ? from : span(r->m, from, r->p, end);
    c->next = plain_at(r->m, end + 1);
    return go_on(r, c);
}

/* An item that may come, and does. */
static bool take(run_t *r, const char *from, const char *end) {
    choice_t *c = push(r, OPTIONAL);
    if (!c) return false;
    c->from = from;
    c->item_end = end;
    r->s++;
    r->p = end + 1;
    return true;
}

/* Another way for one choice; false: there is none. */
static bool retry(run_t *r, choice_t *c) {
    hy_pattern_t *m = r->m;
    switch (c->kind) {
    case OPENED:
        m->capture_count--;
        return false;
    case CLOSED:
        m->captures[c->capture].len = HY_CAPTURE_OPEN;
        return false;
    case OPTIONAL:
        r->s = c->from;
        r->p = c->item_end + 1;
        r->depth--; /* there is no third way */
        return true;
    case LONGEST:
        if (c->at == c->from) return false;
        c->at--;
        return go_on(r, c);
    case SHORTEST:
        if (c->at == m->text_end || !is_item(m, (unsigned char)*c->at, c->item, c->item_end)) {
            return false;
        }
        c->at++;
        return go_on(r, c);
    }
    return false;
}

/* Something did not match. False: nor does anything else. */
static bool back(run_t *r) {
    while (r->depth > 0) {
        poll(r->m);
        if (retry(r, &r->choices[r->depth - 1])) return true;
        r->depth--;
    }
    return false;
}

/* --- captures --------------------------------------------------------------------------------- */

static bool open_capture(run_t *r) {
    hy_pattern_t *m = r->m;
    bool is_position = r->p + 1 < m->pattern_end && r->p[1] == ')';
    if (m->capture_count == HY_PATTERN_CAPTURES_MAX) return fail(m, "too many captures", 0);
    if (!push(r, OPENED)) return false;
    m->captures[m->capture_count++] =
        (hy_capture_t){r->s, is_position ? HY_CAPTURE_POSITION : HY_CAPTURE_OPEN};
    r->p += is_position ? 2 : 1;
    return true;
}

static bool close_capture(run_t *r) {
    hy_pattern_t *m = r->m;
    unsigned last = m->capture_count;
    while (last > 0 && m->captures[last - 1].len != HY_CAPTURE_OPEN) {
        last--;
    }
    if (last == 0) return fail(m, "invalid pattern capture", 0);
    choice_t *c = push(r, CLOSED);
    if (!c) return false;
    c->capture = last - 1;
    m->captures[last - 1].len = r->s - m->captures[last - 1].start;
    r->p++;
    return true;
}

/* "%1": what the capture has comes again. */
static bool match_again(run_t *r) {
    hy_pattern_t *m = r->m;
    int number = r->p[1] - '0';
    if (number < 1 || (unsigned)number > m->capture_count ||
        m->captures[number - 1].len == HY_CAPTURE_OPEN) {
        return fail(m, "invalid capture index %%%d", number);
    }
    const hy_capture_t *c = &m->captures[number - 1];
    if (c->len < 0 || m->text_end - r->s < c->len) return false;
    if (memcmp(c->start, r->s, (size_t)c->len) != 0) return false;
    r->s += c->len;
    r->p += 2;
    return true;
}

/* --- what is matched without a choice --------------------------------------------------------- */

/* "%bxy" */
static bool match_balanced(run_t *r) {
    hy_pattern_t *m = r->m;
    if (m->pattern_end - r->p < 4) {
        return fail(m, "malformed pattern (missing arguments to '%%b')", 0);
    }
    char open = r->p[2], close = r->p[3];
    if (r->s == m->text_end || *r->s != open) return false;
    size_t depth = 1;
    for (const char *s = r->s + 1; s < m->text_end; s++) {
        poll(m);
        if (*s == close) {
            if (--depth > 0) continue;
            r->s = s + 1;
            r->p += 4;
            return true;
        }
        if (*s == open) depth++;
    }
    return false;
}

/* "%f[set]": here begins what is in the set. Before and behind the text is a zero. */
static bool match_frontier(run_t *r) {
    hy_pattern_t *m = r->m;
    const char *set = r->p + 2;
    if (set == m->pattern_end || *set != '[') {
        return fail(m, "missing '[' after '%%f' in pattern", 0);
    }
    const char *end = item_end(m, set);
    if (!end) return false;
    unsigned char before = r->s == m->text ? 0 : (unsigned char)r->s[-1];
    unsigned char here = r->s == m->text_end ? 0 : (unsigned char)*r->s;
    if (is_in_set(m, before, set, end - 1) || !is_in_set(m, here, set, end - 1)) return false;
    r->p = end;
    return true;
}

/* A character, a class or a set, and how often it may come. */
static bool match_single(run_t *r) {
    hy_pattern_t *m = r->m;
    const char *end = item_end(m, r->p), *s = r->s;
    if (!end) return false;
    char suffix = end == m->pattern_end ? '\0' : *end;
    bool is_here = s < m->text_end && is_item(m, (unsigned char)*s, r->p, end);
    if (suffix == '*' || suffix == '-' || suffix == '?') {
        if (is_here) return suffix == '?' ? take(r, s, end) : repeat(r, suffix, s, end);
        r->p = end + 1;
        return true;
    }
    if (!is_here) return false;
    if (suffix == '+') return repeat(r, suffix, s + 1, end);
    r->s++;
    r->p = end;
    return true;
}

static bool match_next(run_t *r) {
    const hy_pattern_t *m = r->m;
    switch (*r->p) {
    case '(':
        return open_capture(r);
    case ')':
        return close_capture(r);
    case '$':
        if (r->p + 1 != m->pattern_end) break;
        r->p++;
        return r->s == m->text_end;
    case '%':
        if (r->p + 1 == m->pattern_end) break;
        if (r->p[1] == 'b') return match_balanced(r);
        if (r->p[1] == 'f') return match_frontier(r);
        if (is_digit((unsigned char)r->p[1])) return match_again(r);
        break;
    default:
        break;
    }
    return match_single(r);
}

/* --- the whole -------------------------------------------------------------------------------- */

void hy_pattern_init(hy_pattern_t *m, const char *text, size_t len, const char *pattern,
                     size_t pattern_len, bool may_anchor) {
    m->text = text;
    m->text_end = text + len;
    m->is_anchored = may_anchor && pattern_len > 0 && *pattern == '^';
    m->pattern = pattern + (m->is_anchored ? 1 : 0);
    m->pattern_end = pattern + pattern_len;
    m->is_due = &never;
    m->due = NULL;
    m->error = NULL;
    m->capture_count = 0;
}

const char *hy_pattern_match(hy_pattern_t *m, const char *at) {
    run_t r;
    r.m = m;
    r.s = at;
    r.p = m->pattern;
    r.depth = 0;
    m->error = NULL;
    m->capture_count = 0;
    while (r.p != m->pattern_end) {
        poll(m);
        if (match_next(&r)) continue;
        if (m->error || !back(&r)) return NULL;
    }
    return r.s;
}

const char *hy_pattern_find(hy_pattern_t *m, const char *at, const char *except, const char **end) {
    int first = m->is_anchored ? -1 : plain_at(m, m->pattern);
    m->error = NULL;
    for (;; at++) {
        if (first >= 0) {
            at = memchr(at, first, (size_t)(m->text_end - at));
            if (!at) return NULL;
        }
        const char *found = hy_pattern_match(m, at);
        if (found && found != except) {
            *end = found;
            return at;
        }
        if (m->error || m->is_anchored || at == m->text_end) return NULL;
    }
}

bool hy_pattern_capture(hy_pattern_t *m, unsigned number, const char *start, const char *end,
                        hy_capture_t *out) {
    if (number >= m->capture_count) {
        if (number > 0) return fail(m, "invalid capture index %%%d", (int)number + 1);
        *out = (hy_capture_t){start, end - start};
        return true;
    }
    *out = m->captures[number];
    return out->len == HY_CAPTURE_OPEN ? fail(m, "unfinished capture", 0) : true;
}

bool hy_pattern_is_plain(const char *pattern, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (is_special(pattern[i])) return false;
    }
    return true;
}
