/* Running what a rule says of any value, of numbers and of strings. */
#include "rules_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- any value -------------------------------------------------------------------------------- */

static bool is_type(uint32_t types, hy_value_t v) {
    if (types & 1u << v.kind) return true;
    return v.kind == HY_REAL && (types & 1u << HY_INT) && v.as.r == floor(v.as.r);
}

static int run_enumerated(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    size_t count = rule->table ? 0 : hy_node_count(rule->enumerated);
    if (rule->table && hy__table_find(rule->table, rule->enumerated, v, SIZE_MAX) != SIZE_MAX)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (hy__rules_equal(v, hy_node_at(rule->enumerated, i))) return 0;
    }
    return run->err ? hy__explain_enum(run, rule->enumerated, v) : HY_ESCHEMA;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static bool is_said(hy_value_t v) {
    return v.kind != HY_ABSENT;
}

/* Without its sign: digits times a power of ten. */
typedef struct {
    uint64_t digits;
    int tens;
} decimal_t;

/* The shortest that a double is read back from, which is what people wrote. */
static decimal_t decimal_of(hy_value_t v) {
    if (v.kind == HY_INT) {
        uint64_t digits = v.as.i < 0 ? 0 - (uint64_t)v.as.i : (uint64_t)v.as.i;
        return (decimal_t){digits, 0};
    }
    char text[40];
    int places = 14;
    do
        snprintf(text, sizeof text, "%.*e", places, fabs(v.as.r));
    while (strtod(text, NULL) != fabs(v.as.r) && ++places < 17);
    decimal_t d = {0, atoi(strchr(text, 'e') + 1) - places};
    for (const char *c = text; *c != 'e'; c++) {
        if (*c != '.') d.digits = 10 * d.digits + (uint64_t)(*c - '0');
    }
    return d;
}

/* Exact for decimals: 0.3 is a multiple of 0.1, though their doubles divide not quite evenly. */
static bool is_multiple(hy_value_t v, hy_value_t of) {
    if (v.kind == HY_INT && of.kind == HY_INT) return v.as.i % of.as.i == 0;
    decimal_t a = decimal_of(v), b = decimal_of(of);
    for (; a.tens < b.tens && a.digits != 0; a.tens++) {
        if (a.digits % 10 != 0) return false;
        a.digits /= 10;
    }
    uint64_t rest = a.digits % b.digits;
    for (; a.tens > b.tens && rest != 0; a.tens--)
        rest = (uint64_t)((unsigned __int128)rest * 10 % b.digits);
    return rest == 0;
}

static int run_number(hy__run_t *run, const hy__number_rules_t *n, hy_value_t v) {
    if (is_said(n->minimum) && hy__rules_compare(v, n->minimum) < 0)
        return HY__REFUSE_WITH(run, v, "is less than", n->minimum);
    if (is_said(n->maximum) && hy__rules_compare(v, n->maximum) > 0)
        return HY__REFUSE_WITH(run, v, "is more than", n->maximum);
    if (is_said(n->above) && hy__rules_compare(v, n->above) <= 0)
        return HY__REFUSE_WITH(run, v, "is not more than", n->above);
    if (is_said(n->below) && hy__rules_compare(v, n->below) >= 0)
        return HY__REFUSE_WITH(run, v, "is not less than", n->below);
    if (is_said(n->multiple_of) && !is_multiple(v, n->multiple_of))
        return HY__REFUSE_WITH(run, v, "is no multiple of", n->multiple_of);
    return 0;
}

/* --- strings ---------------------------------------------------------------------------------- */

/* In characters: bytes that do not go on with one. */
static uint64_t length_of(const hy_str_t *s) {
    uint64_t length = 0;
    for (uint32_t i = 0; i < s->len; i++)
        length += ((unsigned char)s->bytes[i] & 0xc0) != 0x80;
    return length;
}

/* A character has 1 to 4 bytes, which often tells enough. */
static int run_length(hy__run_t *run, const hy__string_rules_t *s, hy_value_t v) {
    uint32_t bytes = v.as.s->len;
    if (bytes / 4 >= s->length_min && bytes <= s->length_max) return 0;
    int rc = hy__run_count(run, bytes / (4 * HY__CHEAP_A_STEP));
    if (rc < 0) return rc;
    uint64_t length = length_of(v.as.s);
    if (length < s->length_min)
        return HY__REFUSE(run, v, "is shorter than %llu characters",
                          (unsigned long long)s->length_min);
    if (length > s->length_max)
        return HY__REFUSE(run, v, "is longer than %llu characters",
                          (unsigned long long)s->length_max);
    return 0;
}

static int run_string(hy__run_t *run, const hy__string_rules_t *s, hy_value_t v) {
    int rc = run_length(run, s, v);
    if (rc < 0) return rc;
    if (s->regex && (rc = hy__run_pattern(run, s->regex, s->pattern, v.as.s)) < 0)
        return rc == HY_ESCHEMA
                   ? HY__REFUSE(run, v, "does not match the pattern %s", s->pattern->bytes)
                   : rc;
    if (!s->is_of_format) return 0;
    rc = hy__run_count(run, v.as.s->len / HY__CHEAP_A_STEP);
    if (rc < 0 || s->is_of_format(v.as.s->bytes, v.as.s->len)) return rc;
    return HY__REFUSE(run, v, "is not of the format %s", s->format->bytes);
}

/* --- the parts of a rule ---------------------------------------------------------------------- */

int hy__run_constant(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    if (is_said(rule->constant) && !hy__rules_equal(v, rule->constant))
        return HY__REFUSE_WITH(run, v, "is not", rule->constant);
    return rule->enumerated ? run_enumerated(run, rule, v) : 0;
}

int hy__run_value(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    if (!is_type(rule->types, v))
        return run->err ? hy__explain_type(run, rule->types, v) : HY_ESCHEMA;
    int rc = hy__run_constant(run, rule, v);
    if (rc < 0) return rc;
    if (v.kind == HY_STR) return rule->string ? run_string(run, rule->string, v) : 0;
    bool is_number = v.kind == HY_INT || v.kind == HY_REAL;
    return is_number && rule->number ? run_number(run, rule->number, v) : 0;
}
