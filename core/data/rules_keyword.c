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

#define CORE        HY__CORE
#define APPLICATOR  HY__APPLICATOR
#define UNEVALUATED HY__UNEVALUATED
#define VALIDATION  HY__VALIDATION

static const hy__keyword_t keywords[] = {
    {"$ref", ALL, CORE, HY__HAS_NONE, hy__fill_ref},
    {"$dynamicRef", D2020, CORE, HY__HAS_NONE, hy__fill_dynamic_ref},
    {"$defs", D2020, CORE, HY__HAS_MAP, NULL},
    {"definitions", ALL, CORE, HY__HAS_MAP, NULL},

    {"type", ALL, VALIDATION, HY__HAS_NONE, hy__fill_type},
    {"enum", ALL, VALIDATION, HY__HAS_NONE, hy__fill_enumerated},
    {"const", FROM_7, VALIDATION, HY__HAS_NONE, hy__fill_constant},

    {"allOf", ALL, APPLICATOR, HY__HAS_LIST, hy__fill_all_of},
    {"anyOf", ALL, APPLICATOR, HY__HAS_LIST, hy__fill_any_of},
    {"oneOf", ALL, APPLICATOR, HY__HAS_LIST, hy__fill_one_of},
    {"not", ALL, APPLICATOR, HY__HAS_ONE, hy__fill_negated},
    {"if", FROM_7, APPLICATOR, HY__HAS_ONE, hy__fill_condition},
    {"then", FROM_7, APPLICATOR, HY__HAS_ONE, NULL}, /* these two are filled in with "if" */
    {"else", FROM_7, APPLICATOR, HY__HAS_ONE, NULL},

    {"minimum", ALL, VALIDATION, HY__HAS_NONE, hy__fill_minimum},
    {"maximum", ALL, VALIDATION, HY__HAS_NONE, hy__fill_maximum},
    {"exclusiveMinimum", FROM_7, VALIDATION, HY__HAS_NONE, hy__fill_above},
    {"exclusiveMaximum", FROM_7, VALIDATION, HY__HAS_NONE, hy__fill_below},
    {"multipleOf", ALL, VALIDATION, HY__HAS_NONE, hy__fill_multiple_of},

    {"minLength", ALL, VALIDATION, HY__HAS_NONE, hy__fill_min_length},
    {"maxLength", ALL, VALIDATION, HY__HAS_NONE, hy__fill_max_length},
    {"pattern", ALL, VALIDATION, HY__HAS_NONE, hy__fill_pattern},
    {"format", ALL, HY__FORMAT, HY__HAS_NONE, hy__fill_format},
    {"contentSchema", D2020, CORE, HY__HAS_ONE, NULL},

    {"minItems", ALL, VALIDATION, HY__HAS_NONE, hy__fill_min_items},
    {"maxItems", ALL, VALIDATION, HY__HAS_NONE, hy__fill_max_items},
    {"uniqueItems", ALL, VALIDATION, HY__HAS_NONE, hy__fill_unique_items},
    {"prefixItems", D2020, APPLICATOR, HY__HAS_LIST, hy__fill_prefix_items},
    {"items", D2020, APPLICATOR, HY__HAS_ONE, hy__fill_items},
    {"items", BEFORE_2020, APPLICATOR, HY__HAS_ONE_OR_LIST, hy__fill_items_or_list},
    {"additionalItems", BEFORE_2020, APPLICATOR, HY__HAS_ONE, NULL}, /* filled in with "items" */
    {"contains", FROM_7, APPLICATOR, HY__HAS_ONE, hy__fill_contains},
    {"unevaluatedItems", D2020, UNEVALUATED, HY__HAS_ONE, hy__fill_unevaluated_items},

    {"minProperties", ALL, VALIDATION, HY__HAS_NONE, hy__fill_min_properties},
    {"maxProperties", ALL, VALIDATION, HY__HAS_NONE, hy__fill_max_properties},
    {"required", ALL, VALIDATION, HY__HAS_NONE, hy__fill_required},
    {"properties", ALL, APPLICATOR, HY__HAS_MAP, hy__fill_properties},
    {"patternProperties", ALL, APPLICATOR, HY__HAS_MAP, hy__fill_pattern_properties},
    {"additionalProperties", ALL, APPLICATOR, HY__HAS_ONE, hy__fill_additional_properties},
    {"propertyNames", FROM_7, APPLICATOR, HY__HAS_ONE, hy__fill_property_names},
    {"dependencies", ALL, APPLICATOR, HY__HAS_MAP, hy__fill_dependencies},
    {"dependentSchemas", D2020, APPLICATOR, HY__HAS_MAP, hy__fill_dependencies},
    {"dependentRequired", D2020, VALIDATION, HY__HAS_NONE, hy__fill_dependencies},
    {"unevaluatedProperties", D2020, UNEVALUATED, HY__HAS_ONE, hy__fill_unevaluated_properties},
};

const hy__keyword_t *hy__keyword_find(const hy__site_t *site, const hy_str_t *name) {
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        const hy__keyword_t *k = &keywords[i];
        bool is_taken = k->vocabulary == HY__CORE || (site->vocabularies & k->vocabulary);
        if (is_taken && (k->drafts & site->draft) && hy_str_is(name, k->name)) return k;
    }
    return NULL;
}
