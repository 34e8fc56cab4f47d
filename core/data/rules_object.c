/* Keywords about objects. */
#include "rules_compile.h"

HY__FILL(min_properties) {
    hy__object_rules_t *object = hy__rule_object(rule);
    return object ? hy__compile_count(c, v, &object->count_min) : HY_ENOMEM;
}

HY__FILL(max_properties) {
    hy__object_rules_t *object = hy__rule_object(rule);
    return object ? hy__compile_count(c, v, &object->count_max) : HY_ENOMEM;
}

HY__FILL(required) {
    hy__object_rules_t *object = hy__rule_object(rule);
    if (!object) return HY_ENOMEM;
    if (v.kind != HY_ARRAY) return hy__compile_fail(c, "is no list of names");
    for (size_t i = 0; i < hy_node_count(v.as.n); i++) {
        hy_value_t name = hy_node_at(v.as.n, i);
        if (name.kind != HY_STR) return hy__compile_fail(c, "has what is no name");
        hy__member_rule_t *member = hy_dict_put(&object->members, name.as.s, NULL);
        if (!member) return HY_ENOMEM;
        if (!member->is_required) object->required_count++;
        member->is_required = true;
    }
    return 0;
}

HY__FILL(properties) {
    hy__object_rules_t *object = hy__rule_object(rule);
    if (!object) return HY_ENOMEM;
    if (v.kind != HY_OBJECT) return hy__compile_fail(c, "is no object of schemas");
    hy_str_t *key;
    hy_value_t schema;
    for (uint32_t pos = 0; hy_node_next(v.as.n, &pos, &key, &schema);) {
        hy__member_rule_t *member = hy_dict_put(&object->members, key, NULL);
        int rc = member ? hy__compile_ask(c, schema, &member->rule) : HY_ENOMEM;
        if (rc < 0) return rc;
    }
    return 0;
}

HY__FILL(additional_properties) {
    hy__object_rules_t *object = hy__rule_object(rule);
    return object ? hy__compile_ask(c, v, &object->rest) : HY_ENOMEM;
}
