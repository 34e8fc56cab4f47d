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
