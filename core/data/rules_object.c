/* Keywords about objects. */
#include "rules_compile.h"

#include "../base/mem.h"

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

HY__FILL(pattern_properties) {
    hy__object_rules_t *object = hy__rule_object(rule);
    if (!object) return HY_ENOMEM;
    if (v.kind != HY_OBJECT) return hy__compile_fail(c, "is no object of schemas");
    object->patterns = hy_alloc_zero((hy_node_count(v.as.n) + 1) * sizeof *object->patterns);
    if (!object->patterns) return HY_ENOMEM;
    hy_str_t *key;
    hy_value_t schema;
    int rc = 0;
    for (uint32_t pos = 0; rc == 0 && hy_node_next(v.as.n, &pos, &key, &schema);) {
        hy__pattern_rule_t *p = &object->patterns[object->pattern_count++];
        p->pattern = hy_str_ref(key);
        rc = hy__compile_regex(c, key, &p->regex);
        if (rc == 0) rc = hy__compile_ask(c, schema, &p->rule);
    }
    return rc;
}

HY__FILL(additional_properties) {
    hy__object_rules_t *object = hy__rule_object(rule);
    return object ? hy__compile_ask(c, v, &object->rest) : HY_ENOMEM;
}

HY__FILL(property_names) {
    hy__object_rules_t *object = hy__rule_object(rule);
    return object ? hy__compile_ask(c, v, &object->names) : HY_ENOMEM;
}

HY__FILL(unevaluated_properties) {
    hy__object_rules_t *object = hy__rule_object(rule);
    rule->has_unevaluated = true;
    return object ? hy__compile_ask(c, v, &object->unevaluated) : HY_ENOMEM;
}

/* --- dependencies ----------------------------------------------------------------------------- */

static int read_keys(hy__compiler_t *c, const hy_node_t *names, hy__key_list_t *keys) {
    size_t count = hy_node_count(names);
    keys->items = hy_alloc_zero((count + 1) * sizeof *keys->items);
    if (!keys->items) return HY_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        hy_value_t name = hy_node_at(names, i);
        if (name.kind != HY_STR) return hy__compile_fail(c, "has what is no name");
        keys->items[keys->count++] = hy_str_ref(name.as.s);
    }
    return 0;
}

/* All three keywords: an array names members, what else is there is a schema. A rule may have two
 * of them, so there may be some already. */
HY__FILL(dependencies) {
    hy__object_rules_t *object = hy__rule_object(rule);
    if (!object) return HY_ENOMEM;
    if (v.kind != HY_OBJECT) return hy__compile_fail(c, "is no object");
    size_t count = object->dependency_count + hy_node_count(v.as.n);
    hy__dependency_t *grown =
        hy_realloc(object->dependencies, (count + 1) * sizeof *object->dependencies);
    if (!grown) return HY_ENOMEM;
    object->dependencies = grown;
    hy_str_t *key;
    hy_value_t what;
    int rc = 0;
    for (uint32_t pos = 0; rc == 0 && hy_node_next(v.as.n, &pos, &key, &what);) {
        hy__dependency_t *d = &object->dependencies[object->dependency_count++];
        *d = (hy__dependency_t){.key = hy_str_ref(key)};
        rc = what.kind == HY_ARRAY ? read_keys(c, what.as.n, &d->required)
                                   : hy__compile_ask(c, what, &d->rule);
    }
    return rc;
}
