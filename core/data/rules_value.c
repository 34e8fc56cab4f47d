/* Keywords about a value as such, about numbers and strings, and those that put rules together. */
#include "rules_compile.h"

/* --- any value -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint32_t types;
} type_names[] = {
    {"null", 1u << HY_NULL},   {"boolean", 1u << HY_BOOL},
    {"integer", 1u << HY_INT}, {"number", 1u << HY_INT | 1u << HY_REAL},
    {"string", 1u << HY_STR},  {"object", 1u << HY_OBJECT},
    {"array", 1u << HY_ARRAY},
};

static uint32_t types_of(hy_value_t name) {
    for (size_t i = 0; name.kind == HY_STR && i < sizeof type_names / sizeof *type_names; i++) {
        if (hy_str_is(name.as.s, type_names[i].name)) return type_names[i].types;
    }
    return 0;
}

HY__FILL(type) {
    uint32_t types = types_of(v);
    for (size_t i = 0; v.kind == HY_ARRAY && i < hy_node_count(v.as.n); i++) {
        uint32_t more = types_of(hy_node_at(v.as.n, i));
        if (more == 0) return hy__compile_fail(c, "has what is no type");
        types |= more;
    }
    if (types == 0) return hy__compile_fail(c, "is no type and no list of types");
    rule->types = types;
    return 0;
}

/* From so many values on they are not looked through one by one. */
#define MANY 9u

HY__FILL(enumerated) {
    if (v.kind != HY_ARRAY) return hy__compile_fail(c, "is no list of values");
    hy_value_t copy;
    int rc = hy_value_copy(v, &copy);
    if (rc < 0) return rc;
    rule->enumerated = copy.as.n;
    size_t count = hy_node_count(rule->enumerated);
    if (count < MANY) return 0;
    rule->table = hy__table_new(count);
    for (size_t i = 0; rule->table && i < count; i++)
        hy__table_find(rule->table, rule->enumerated, hy_node_at(rule->enumerated, i), i);
    return rule->table ? 0 : HY_ENOMEM;
}

HY__FILL(constant) {
    (void)c;
    return hy_value_copy(v, &rule->constant);
}

/* --- numbers ---------------------------------------------------------------------------------- */

static bool is_number(hy_value_t v) {
    return v.kind == HY_INT || v.kind == HY_REAL;
}

/* Draft 4 says with a boolean beside it that a bound is exclusive. */
static bool is_exclusive(const hy__site_t *site, const char *keyword) {
    return site->draft == HY__DRAFT_4 && hy_get_bool(site->node, keyword, false);
}

HY__FILL(minimum) {
    hy__number_rules_t *number = hy__rule_number(rule);
    if (!number) return HY_ENOMEM;
    if (!is_number(v)) return hy__compile_fail(c, "is no number");
    *(is_exclusive(c->site, "exclusiveMinimum") ? &number->above : &number->minimum) = v;
    return 0;
}

HY__FILL(maximum) {
    hy__number_rules_t *number = hy__rule_number(rule);
    if (!number) return HY_ENOMEM;
    if (!is_number(v)) return hy__compile_fail(c, "is no number");
    *(is_exclusive(c->site, "exclusiveMaximum") ? &number->below : &number->maximum) = v;
    return 0;
}

HY__FILL(above) {
    hy__number_rules_t *number = hy__rule_number(rule);
    if (!number) return HY_ENOMEM;
    if (!is_number(v)) return hy__compile_fail(c, "is no number");
    number->above = v;
    return 0;
}

HY__FILL(below) {
    hy__number_rules_t *number = hy__rule_number(rule);
    if (!number) return HY_ENOMEM;
    if (!is_number(v)) return hy__compile_fail(c, "is no number");
    number->below = v;
    return 0;
}

HY__FILL(multiple_of) {
    hy__number_rules_t *number = hy__rule_number(rule);
    if (!number) return HY_ENOMEM;
    if (!is_number(v) || hy__rules_compare(v, hy_int(0)) <= 0)
        return hy__compile_fail(c, "is no number above 0");
    number->multiple_of = v;
    return 0;
}

/* --- strings ---------------------------------------------------------------------------------- */

HY__FILL(min_length) {
    hy__string_rules_t *string = hy__rule_string(rule);
    return string ? hy__compile_count(c, v, &string->length_min) : HY_ENOMEM;
}

HY__FILL(max_length) {
    hy__string_rules_t *string = hy__rule_string(rule);
    return string ? hy__compile_count(c, v, &string->length_max) : HY_ENOMEM;
}

HY__FILL(pattern) {
    hy__string_rules_t *string = hy__rule_string(rule);
    if (!string) return HY_ENOMEM;
    if (v.kind != HY_STR) return hy__compile_fail(c, "is no pattern");
    string->pattern = hy_str_ref(v.as.s);
    return hy__compile_regex(c, v.as.s, &string->regex);
}

HY__FILL(format) {
    hy__string_rules_t *string = hy__rule_string(rule);
    if (!string) return HY_ENOMEM;
    if (v.kind != HY_STR) return hy__compile_fail(c, "is no name of a format");
    if (c->flags & HY__FORMATS_ANNOTATE) return 0;
    string->is_of_format = hy_format_find(v.as.s->bytes, v.as.s->len);
    if (string->is_of_format) string->format = hy_str_ref(v.as.s);
    return 0;
}

/* --- rules put together ----------------------------------------------------------------------- */

HY__FILL(all_of) {
    hy__place_rules_t *place = hy__rule_place(rule);
    return place ? hy__compile_list(c, v, &place->all_of) : HY_ENOMEM;
}

HY__FILL(any_of) {
    hy__place_rules_t *place = hy__rule_place(rule);
    return place ? hy__compile_list(c, v, &place->any_of) : HY_ENOMEM;
}

HY__FILL(one_of) {
    hy__place_rules_t *place = hy__rule_place(rule);
    return place ? hy__compile_list(c, v, &place->one_of) : HY_ENOMEM;
}

HY__FILL(negated) {
    hy__place_rules_t *place = hy__rule_place(rule);
    return place ? hy__compile_ask(c, v, &place->negated) : HY_ENOMEM;
}

HY__FILL(condition) {
    hy__place_rules_t *place = hy__rule_place(rule);
    hy_value_t then = hy_get(c->site->node, "then"), otherwise = hy_get(c->site->node, "else");
    int rc = place ? hy__compile_ask(c, v, &place->condition) : HY_ENOMEM;
    if (rc == 0 && then.kind != HY_ABSENT) rc = hy__compile_ask(c, then, &place->then);
    if (rc == 0 && otherwise.kind != HY_ABSENT)
        rc = hy__compile_ask(c, otherwise, &place->otherwise);
    return rc;
}
