/* Patterns of schemas ("pattern", "patternProperties"), as ECMA 262 means them with its flag "u":
 * characters are those of Unicode, \d and \w those of ASCII, \s all white space, "$" only the very
 * end. They are looked for anywhere in a text, and run on PCRE2.
 *
 *      pattern ──read──┬─► the same for PCRE2 ──compile──► match, bounded
 *                      └─► a row of characters, if it is no more than that (regex_row.h)
 *
 * Whatever means something else to PCRE2 is written in another way or refused, so that a pattern
 * never silently means what its author did not. What ECMA 262 does not allow though there is no
 * doubt about it is taken: \- and \_ for themselves, "{" or "]" alone, [\w-.].
 *
 * Texts come from anybody, and patterns from other runtimes. So both have bounds: a pattern its
 * length, nesting and repeats; a match the backtracks of the whole search (HY_RULES_MATCH_MAX
 * beside those that the text's length explains) and its memory. */
#ifndef HY_DATA_REGEX_H
#define HY_DATA_REGEX_H

#include "../base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What matching needs, made once for all patterns of a document and used by one match at a time. It
 * lives longer than they do. */
typedef struct hy_regexes hy_regexes_t;
typedef struct hy_regex hy_regex_t;

int hy_regexes_new(hy_regexes_t **out);
void hy_regexes_free(hy_regexes_t *all); /* NULL allowed */

/* HY_EINVALID or HY_ETOO_LARGE with a text that begins with the place: "character 3: ...". */
int hy_regex_new(hy_regexes_t *all, const char *pattern, size_t len, hy_regex_t **out,
                 hy_error_t *err);
void hy_regex_free(hy_regex_t *regex); /* NULL allowed */

/* 1: the pattern is found in the text; 0: it is not; HY_ETOO_LARGE: that cannot be said within the
 * bounds; HY_ENOMEM. In a text that is not UTF-8 anything may be found. Allocates nothing, but for
 * what is kept for the next match. `*steps` grows by what the search has cost, and stays at
 * UINT32_MAX. */
int hy_regex_match(const hy_regex_t *regex, const char *text, size_t len, uint32_t *steps);

/* True if it needs no search: then its steps are a tenth of what others' are worth. */
bool hy_regex_is_plain(const hy_regex_t *regex);

/* True if it is a pattern of ECMA 262, also one that only a longer one or another engine can run
 * (names of properties are not looked at). Allocates nothing. */
bool hy_regex_is_pattern(const char *pattern, size_t len);

#endif
