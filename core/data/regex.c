/* Running patterns on PCRE2, within bounds.
 *
 * PCRE2 counts backtracks for each place where a match may begin. Here the whole search is one
 * match that begins at the start of the text, so that they are counted together:
 *
 *      (?s:.*?)(?:pattern)      anchored
 *
 * and what it would not count (loops that it finds need no way back) it is told to count. What a
 * match has cost it does not tell; so a search starts with little and is done anew with more, and
 * the caller is charged for what was allowed. */
#include "regex.h"

#include "../base/mem.h"
#include "regex_private.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct hy_regexes {
    pcre2_general_context *general;
    pcre2_compile_context *compile;
    pcre2_match_context *bounds;
    pcre2_match_data *data;
    size_t largest; /* block that PCRE2 has asked for since `data` was made */
};

struct hy_regex {
    hy_regexes_t *all;
    pcre2_code *code; /* NULL: it is a row */
    bool is_costly;
    uint64_t weight; /* characters that may be read at each place of a text; 0: only at its start */
    hy__row_t row[]; /* one, or none */
};

/* --- what all share --------------------------------------------------------------------------- */

static void *allocate(PCRE2_SIZE size, void *arg) {
    hy_regexes_t *all = arg;
    if (size > all->largest) all->largest = size;
    return hy_alloc(size);
}

static void release(void *block, void *arg) {
    (void)arg;
    hy_free(block);
}

static int make_data(hy_regexes_t *all) {
    all->largest = 0;
    /* One pair: where the match is does not matter to anybody. */
    all->data = pcre2_match_data_create(1, all->general);
    return all->data ? 0 : HY_ENOMEM;
}

int hy_regexes_new(hy_regexes_t **out) {
    hy_regexes_t *all = hy_alloc_zero(sizeof *all);
    if (!all) return HY_ENOMEM;
    all->general = pcre2_general_context_create(allocate, release, all);
    if (all->general) {
        all->compile = pcre2_compile_context_create(all->general);
        all->bounds = pcre2_match_context_create(all->general);
    }
    if (!all->compile || !all->bounds || make_data(all)) {
        hy_regexes_free(all);
        return HY_ENOMEM;
    }
    pcre2_set_newline(all->compile, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(all->compile, HY_RULES_PATTERN_DEPTH_MAX + 2);
    pcre2_set_heap_limit(all->bounds, HY_RULES_MATCH_BYTES_MAX >> 10);
    *out = all;
    return 0;
}

void hy_regexes_free(hy_regexes_t *all) {
    if (!all) return;
    pcre2_match_data_free(all->data);
    pcre2_match_context_free(all->bounds);
    pcre2_compile_context_free(all->compile);
    pcre2_general_context_free(all->general);
    hy_free(all);
}

/* --- one pattern ------------------------------------------------------------------------------ */

/* What was read is fine for ECMA 262; the reason why PCRE2 cannot take it. Its place is not that in
 * the pattern, which was written anew. */
static int not_compiled(int code, hy_error_t *err) {
    PCRE2_UCHAR reason[HY_ERROR_TEXT_BYTES];
    if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED) return HY_ENOMEM;
    if (pcre2_get_error_message(code, reason, sizeof reason) < 0) *reason = '\0';
    return hy_fail(err, HY_EINVALID, "%s", (const char *)reason);
}

static int compile(hy_regex_t *x, const hy_buf_t *b, hy_error_t *err) {
    int code;
    PCRE2_SIZE place;
    uint32_t options = PCRE2_UTF | PCRE2_ANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
                       PCRE2_MATCH_UNSET_BACKREF | PCRE2_NO_AUTO_POSSESS | PCRE2_NEVER_BACKSLASH_C;
    x->code = pcre2_compile((PCRE2_SPTR)b->bytes, b->len, options, &code, &place, x->all->compile);
    return x->code ? 0 : not_compiled(code, err);
}

static int by_pcre2(hy_regexes_t *all, const hy_buf_t *pattern, const hy__regex_traits_t *traits,
                    hy_regex_t **out, hy_error_t *err) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_text(&b, traits->is_anchored ? "(?:" : "(?s:.*?)(?:");
    hy_buf_add(&b, pattern->bytes, pattern->len);
    hy_buf_char(&b, ')');
    hy_regex_t *x = hy_alloc_zero(sizeof *x);
    int rc = HY_ENOMEM;
    if (x && !b.failed && !pattern->failed) {
        x->all = all;
        x->is_costly = traits->is_costly;
        x->weight = traits->is_anchored ? 0 : traits->weight;
        rc = compile(x, &b, err);
    }
    hy_buf_deinit(&b);
    if (rc) {
        hy_free(x);
        return rc;
    }
    *out = x;
    return 0;
}

static int by_row(const hy__row_t *row, hy_regex_t **out) {
    hy_regex_t *x = hy_alloc_zero(sizeof *x + sizeof *row);
    if (!x) return HY_ENOMEM;
    *x->row = *row;
    *out = x;
    return 0;
}

int hy_regex_new(hy_regexes_t *all, const char *pattern, size_t len, hy_regex_t **out,
                 hy_error_t *err) {
    hy__regex_traits_t traits;
    hy_buf_t b;
    hy_buf_init(&b);
    int rc = hy__regex_read(pattern, len, &b, &traits, err);
    if (!rc)
        rc = traits.row.is_off ? by_pcre2(all, &b, &traits, out, err) : by_row(&traits.row, out);
    hy_buf_deinit(&b);
    return rc;
}

void hy_regex_free(hy_regex_t *regex) {
    if (!regex) return;
    pcre2_code_free(regex->code);
    hy_free(regex);
}

bool hy_regex_is_pattern(const char *pattern, size_t len) {
    hy__regex_traits_t traits;
    return hy__regex_read(pattern, len, NULL, &traits, NULL) == 0;
}

/* --- matching --------------------------------------------------------------------------------- */

#define FIRST_BACKTRACKS  64u /* what most searches need, beside two for each byte */
#define MORE_EACH_TIME    16u
#define BACKTRACKS_A_STEP 16u
#define READS_A_BACKTRACK 4u

static void charge(uint32_t *steps, uint64_t backtracks) {
    uint64_t sum = (uint64_t)*steps + 1 + backtracks / BACKTRACKS_A_STEP;
    *steps = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

/* Characters that are read again and again, which nobody counts. */
static uint64_t reads_of(const hy_regex_t *x, size_t len) {
    return len * (x->weight < len ? x->weight : len);
}

static int search(const hy_regex_t *x, const char *text, size_t len, uint32_t *steps) {
    uint64_t allowed = FIRST_BACKTRACKS + 2 * (uint64_t)len;
    uint64_t most = HY_RULES_MATCH_MAX + 2 * (uint64_t)len;
    charge(steps, reads_of(x, len) / READS_A_BACKTRACK);
    for (;;) {
        charge(steps, allowed - FIRST_BACKTRACKS / 2);
        pcre2_set_match_limit(x->all->bounds, (uint32_t)allowed);
        int rc = pcre2_match(x->code, (PCRE2_SPTR)text, len, 0, 0, x->all->data, x->all->bounds);
        if (rc != PCRE2_ERROR_MATCHLIMIT || allowed == most) return rc;
        allowed = allowed * MORE_EACH_TIME < most ? allowed * MORE_EACH_TIME : most;
    }
}

bool hy_regex_is_plain(const hy_regex_t *regex) {
    return !regex->code;
}

int hy_regex_match(const hy_regex_t *regex, const char *text, size_t len, uint32_t *steps) {
    hy_regexes_t *all = regex->all;
    if (!regex->code) {
        charge(steps, len);
        return hy__row_match(regex->row, text, len);
    }
    if (regex->is_costly && len > HY_RULES_COSTLY_BYTES_MAX) return HY_ETOO_LARGE;
    if (reads_of(regex, len) > HY_RULES_READS_MAX) return HY_ETOO_LARGE;
    if (!all->data && make_data(all)) return HY_ENOMEM;
    int rc = search(regex, text, len, steps);
    if (all->largest > HY_RULES_MATCH_BYTES_KEPT) {
        pcre2_match_data_free(all->data);
        all->data = NULL;
    }
    if (rc >= 0) return 1;
    if (rc == PCRE2_ERROR_NOMEMORY) return HY_ENOMEM;
    if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT ||
        rc == PCRE2_ERROR_DEPTHLIMIT) {
        return HY_ETOO_LARGE;
    }
    return 0; /* not there, or the text is not UTF-8 */
}
