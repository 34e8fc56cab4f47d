/* Keywords about arrays. */
#include "rules_compile.h"

HY__FILL(min_items) {
    hy__array_rules_t *array = hy__rule_array(rule);
    return array ? hy__compile_count(c, v, &array->count_min) : HY_ENOMEM;
}

HY__FILL(max_items) {
    hy__array_rules_t *array = hy__rule_array(rule);
    return array ? hy__compile_count(c, v, &array->count_max) : HY_ENOMEM;
}

HY__FILL(unique_items) {
    hy__array_rules_t *array = hy__rule_array(rule);
    if (!array) return HY_ENOMEM;
    if (v.kind != HY_BOOL) return hy__compile_fail(c, "is neither true nor false");
    array->is_unique = v.as.b;
    return 0;
}

HY__FILL(prefix_items) {
    hy__array_rules_t *array = hy__rule_array(rule);
    return array ? hy__compile_list(c, v, &array->prefix) : HY_ENOMEM;
}

HY__FILL(items) {
    hy__array_rules_t *array = hy__rule_array(rule);
    return array ? hy__compile_ask(c, v, &array->rest) : HY_ENOMEM;
}

/* Before draft 2020-12 a list is what "prefixItems" is now, and only beside one "additionalItems"
 * says something. */
HY__FILL(items_or_list) {
    hy__array_rules_t *array = hy__rule_array(rule);
    if (!array) return HY_ENOMEM;
    if (v.kind != HY_ARRAY) return hy__compile_ask(c, v, &array->rest);
    int rc = hy__compile_list(c, v, &array->prefix);
    hy_value_t rest = hy_get(c->site->node, "additionalItems");
    if (rc == 0 && rest.kind != HY_ABSENT) {
        c->keyword = "additionalItems";
        rc = hy__compile_ask(c, rest, &array->rest);
    }
    return rc;
}

/* How many are wanted is said beside it, from draft 2020-12 on. */
HY__FILL(contains) {
    hy__array_rules_t *array = hy__rule_array(rule);
    int rc = array ? hy__compile_ask(c, v, &array->contains) : HY_ENOMEM;
    if (rc < 0) return rc;
    array->contains_min = 1;
    if (c->site->draft != HY__DRAFT_2020) return 0;
    array->contains_evaluates = true;
    if (!(c->site->vocabularies & HY__VALIDATION)) return 0;
    hy_value_t min = hy_get(c->site->node, c->keyword = "minContains");
    if (min.kind != HY_ABSENT) rc = hy__compile_count(c, min, &array->contains_min);
    hy_value_t max = hy_get(c->site->node, c->keyword = "maxContains");
    if (rc == 0 && max.kind != HY_ABSENT) rc = hy__compile_count(c, max, &array->contains_max);
    return rc;
}

HY__FILL(unevaluated_items) {
    hy__array_rules_t *array = hy__rule_array(rule);
    rule->has_unevaluated = true;
    return array ? hy__compile_ask(c, v, &array->unevaluated) : HY_ENOMEM;
}
