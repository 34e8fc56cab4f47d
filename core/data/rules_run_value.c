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

/* 0; HY_ESCHEMA: it is not the value; or what ends the run. */
static int run_equal(hy__run_t *run, hy_value_t v, hy_value_t other) {
    uint64_t left = hy__run_left(run);
    bool is_equal = hy__rules_equal_in(v, other, &left);
    int rc = hy__run_settle(run, left);
    return rc < 0 || is_equal ? rc : HY_ESCHEMA;
}

static bool has_value(const hy_rule_t *rule, hy_value_t v, uint64_t *left) {
    if (rule->table)
        return hy__table_find_in(rule->table, rule->enumerated, v, SIZE_MAX, left) != SIZE_MAX;
    size_t count = hy_node_count(rule->enumerated);
    for (size_t i = 0; *left > 0 && i < count; i++) {
        if (hy__rules_equal_in(v, hy_node_at(rule->enumerated, i), left)) return true;
    }
    return false;
}

static int run_enumerated(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    uint64_t left = hy__run_left(run);
    bool has = has_value(rule, v, &left);
    int rc = hy__run_settle(run, left);
    if (rc < 0 || has) return rc;
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

/* In what is cheap. To be read or written by the C library is dear. */
enum { DIVISION_COST = 4, TEXT_COST = 640, TENS_COST = 320 };

enum { PLACES_PLAIN = 15 };
#define DIGITS_PLAIN 1e15

/* Of a double that has few digits and few places, which is what there is mostly. */
static bool read_plain(double r, decimal_t *d, uint64_t *cost) {
    double tens = 1;
    for (int places = 0; places <= PLACES_PLAIN; places++, tens *= 10) {
        double digits = rint(r * tens);
        *cost += DIVISION_COST;
        if (digits >= DIGITS_PLAIN) return false;
        if (digits / tens != r) continue;
        *d = (decimal_t){(uint64_t)digits, -places};
        return true;
    }
    return false;
}

/* The shortest that a double is read back from, which is what people wrote. */
static decimal_t decimal_of(hy_value_t v, uint64_t *cost) {
    if (v.kind == HY_INT) {
        uint64_t digits = v.as.i < 0 ? 0 - (uint64_t)v.as.i : (uint64_t)v.as.i;
        return (decimal_t){digits, 0};
    }
    decimal_t d = {0, 0};
    if (read_plain(fabs(v.as.r), &d, cost)) return d;
    char text[40];
    int places = 14;
    do {
        snprintf(text, sizeof text, "%.*e", places, fabs(v.as.r));
        *cost += TEXT_COST;
    } while (strtod(text, NULL) != fabs(v.as.r) && ++places < 17);
    d.tens = atoi(strchr(text, 'e') + 1) - places;
    for (const char *c = text; *c != 'e'; c++) {
        if (*c != '.') d.digits = 10 * d.digits + (uint64_t)(*c - '0');
    }
    return d;
}

static uint64_t multiply(uint64_t a, uint64_t b, uint64_t modulo) {
    return (uint64_t)((unsigned __int128)a * b % modulo);
}

/* What `digits` times so many tens leave. */
static uint64_t rest_of(uint64_t digits, unsigned tens, uint64_t modulo) {
    uint64_t rest = digits % modulo;
    for (uint64_t factor = 10 % modulo; tens > 0; tens /= 2) {
        if (tens % 2) rest = multiply(rest, factor, modulo);
        factor = multiply(factor, factor, modulo);
    }
    return rest;
}

/* Exact for decimals: 0.3 is a multiple of 0.1, though their doubles divide not quite evenly. */
static bool is_multiple(hy_value_t v, hy_value_t of, uint64_t *cost) {
    if (v.kind == HY_INT && of.kind == HY_INT) return v.as.i % of.as.i == 0;
    decimal_t a = decimal_of(v, cost), b = decimal_of(of, cost);
    for (; a.tens < b.tens && a.digits != 0; a.tens++) {
        if (a.digits % 10 != 0) return false;
        a.digits /= 10;
    }
    if (a.tens > b.tens) *cost += TENS_COST;
    return rest_of(a.digits, a.tens > b.tens ? (unsigned)(a.tens - b.tens) : 0, b.digits) == 0;
}

static int run_multiple(hy__run_t *run, hy_value_t v, hy_value_t of) {
    uint64_t cost = 0;
    bool is = is_multiple(v, of, &cost);
    int rc = hy__run_spend(run, cost);
    return rc < 0 || is ? rc : HY__REFUSE_WITH(run, v, "is no multiple of", of);
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
    return is_said(n->multiple_of) ? run_multiple(run, v, n->multiple_of) : 0;
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
    int rc = hy__run_spend(run, bytes / 4);
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

enum { FORMAT_COST = 8 }; /* of a byte, in what is cheap */

static int run_string(hy__run_t *run, const hy__string_rules_t *s, hy_value_t v) {
    int rc = run_length(run, s, v);
    if (rc < 0) return rc;
    if (s->regex && (rc = hy__run_pattern(run, s->regex, s->pattern, v.as.s)) < 0)
        return rc == HY_ESCHEMA
                   ? HY__REFUSE(run, v, "does not match the pattern %s", s->pattern->bytes)
                   : rc;
    if (!s->is_of_format) return 0;
    rc = hy__run_spend(run, FORMAT_COST * (1 + (uint64_t)v.as.s->len));
    if (rc < 0 || s->is_of_format(v.as.s->bytes, v.as.s->len)) return rc;
    return HY__REFUSE(run, v, "is not of the format %s", s->format->bytes);
}

/* --- the parts of a rule ---------------------------------------------------------------------- */

int hy__run_constant(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    int rc = is_said(rule->constant) ? run_equal(run, v, rule->constant) : 0;
    if (rc == HY_ESCHEMA) return HY__REFUSE_WITH(run, v, "is not", rule->constant);
    return rc == 0 && rule->enumerated ? run_enumerated(run, rule, v) : rc;
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
