/* The keywords of the drafts, and which schemas are in them. */
#include "rules_compile.h"

enum {
    D4 = HY__DRAFT_4,
    D7 = HY__DRAFT_7,
    D2020 = HY__DRAFT_2020,
    BEFORE_2020 = D4 | D7,
    FROM_7 = D7 | D2020,
    ALL = D4 | D7 | D2020
};

static const hy__keyword_t keywords[] = {
    {"$ref", ALL, HY__HAS_NONE, hy__fill_ref},
    {"$defs", D2020, HY__HAS_MAP, NULL},
    {"definitions", ALL, HY__HAS_MAP, NULL},
    {"type", ALL, HY__HAS_NONE, hy__fill_type},
    {"enum", ALL, HY__HAS_NONE, hy__fill_enumerated},
    {"const", FROM_7, HY__HAS_NONE, hy__fill_constant},

    {"allOf", ALL, HY__HAS_LIST, hy__fill_all_of},
    {"anyOf", ALL, HY__HAS_LIST, hy__fill_any_of},
    {"oneOf", ALL, HY__HAS_LIST, hy__fill_one_of},
    {"not", ALL, HY__HAS_ONE, hy__fill_negated},
    {"if", FROM_7, HY__HAS_ONE, hy__fill_condition},
    {"then", FROM_7, HY__HAS_ONE, NULL}, /* these two are filled in with "if" */
    {"else", FROM_7, HY__HAS_ONE, NULL},

    {"minimum", ALL, HY__HAS_NONE, hy__fill_minimum},
    {"maximum", ALL, HY__HAS_NONE, hy__fill_maximum},
    {"exclusiveMinimum", FROM_7, HY__HAS_NONE, hy__fill_above},
    {"exclusiveMaximum", FROM_7, HY__HAS_NONE, hy__fill_below},
    {"multipleOf", ALL, HY__HAS_NONE, hy__fill_multiple_of},

    {"minLength", ALL, HY__HAS_NONE, hy__fill_min_length},
    {"maxLength", ALL, HY__HAS_NONE, hy__fill_max_length},

    {"minItems", ALL, HY__HAS_NONE, hy__fill_min_items},
    {"maxItems", ALL, HY__HAS_NONE, hy__fill_max_items},
    {"uniqueItems", ALL, HY__HAS_NONE, hy__fill_unique_items},
    {"prefixItems", D2020, HY__HAS_LIST, hy__fill_prefix_items},
    {"items", D2020, HY__HAS_ONE, hy__fill_items},
    {"items", BEFORE_2020, HY__HAS_ONE_OR_LIST, hy__fill_items_or_list},
    {"additionalItems", BEFORE_2020, HY__HAS_ONE, NULL}, /* filled in with "items" */

    {"minProperties", ALL, HY__HAS_NONE, hy__fill_min_properties},
    {"maxProperties", ALL, HY__HAS_NONE, hy__fill_max_properties},
    {"required", ALL, HY__HAS_NONE, hy__fill_required},
    {"properties", ALL, HY__HAS_MAP, hy__fill_properties},
    {"additionalProperties", ALL, HY__HAS_ONE, hy__fill_additional_properties},
};

const hy__keyword_t *hy__keyword_find(hy__draft_t draft, const hy_str_t *name) {
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if ((keywords[i].drafts & draft) && hy_str_is(name, keywords[i].name)) return &keywords[i];
    }
    return NULL;
}
