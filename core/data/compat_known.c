/* What is known of a value: rules that it fits, taken apart as far as they all hold at once, and
 * what these say of its members and items. */
#include "compat_private.h"

/* --- sets of rules ---------------------------------------------------------------------------- */

bool hy__known_has(const hy__rule_set_t *set, const hy_rule_t *rule) {
    rule = hy__rule_meant(rule);
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->items[i] == rule) return true;
    }
    return false;
}

/* False if it is there, or memory is short. */
static bool put(hy__compat_t *c, hy__rule_set_t *set, const hy_rule_t *rule) {
    rule = hy__rule_meant(rule);
    if (!hy__compat_spend(c, 1 + set->count / 8) || hy__known_has(set, rule)) return false;
    if (set->count == set->room) {
        uint32_t room = set->room ? 2 * set->room : 4;
        const hy_rule_t **items = hy__compat_take(c, room * sizeof *items);
        if (!items) return false;
        for (uint32_t i = 0; i < set->count; i++) {
            items[i] = set->items[i];
        }
        set->items = items;
        set->room = room;
    }
    set->items[set->count++] = rule;
    return true;
}

static void copy_set(hy__compat_t *c, hy__rule_set_t *set, const hy__rule_set_t *from) {
    *set = (hy__rule_set_t){.count = 0};
    if (from->count == 0 || !hy__compat_look(c, from->count)) return;
    set->items = hy__compat_take(c, from->count * sizeof *set->items);
    if (!set->items) return;
    memcpy(set->items, from->items, from->count * sizeof *set->items);
    set->count = set->room = from->count;
}

/* --- gathering -------------------------------------------------------------------------------- */

void hy__known_init(hy__known_t *k) {
    *k = (hy__known_t){.types = HY__TYPES_ALL};
}

void hy__known_copy(hy__compat_t *c, hy__known_t *k, const hy__known_t *from) {
    *k = *from;
    copy_set(c, &k->fits, &from->fits);
    copy_set(c, &k->misses, &from->misses);
    copy_set(c, &k->naming, &from->naming);
}

static void add_naming(hy__compat_t *c, hy__known_t *k, const hy_rule_t *rule);

static void add_naming_list(hy__compat_t *c, hy__known_t *k, const hy__rule_list_t *list) {
    for (uint32_t i = 0; i < list->count; i++) {
        add_naming(c, k, list->items[i]);
    }
}

/* The rule and all that it leads to on the same value, whether that holds or not. */
static void add_naming(hy__compat_t *c, hy__known_t *k, const hy_rule_t *rule) {
    if (!rule || !put(c, &k->naming, rule)) return;
    rule = hy__rule_meant(rule);
    if (rule->object) hy__compat_look(c, rule->object->dependency_count);
    for (uint32_t i = 0; rule->object && i < rule->object->dependency_count; i++) {
        add_naming(c, k, rule->object->dependencies[i].rule);
    }
    const hy__place_rules_t *place = rule->place;
    if (!place) return;
    add_naming(c, k, place->ref);
    add_naming(c, k, place->dynamic);
    add_naming_list(c, k, &place->all_of);
    add_naming_list(c, k, &place->any_of);
    add_naming_list(c, k, &place->one_of);
    add_naming(c, k, place->condition);
    add_naming(c, k, place->then);
    add_naming(c, k, place->otherwise);
}

static void add_fits(hy__compat_t *c, hy__known_t *k, const hy_rule_t *rule) {
    if (!rule || !put(c, &k->fits, rule)) return;
    rule = hy__rule_meant(rule);
    k->types &= rule->types;
    const hy__place_rules_t *place = rule->place;
    if (!place) return;
    add_fits(c, k, place->ref);
    add_fits(c, k, place->dynamic);
    if (place->negated) put(c, &k->misses, place->negated);
    for (uint32_t i = 0; i < place->all_of.count; i++) {
        add_fits(c, k, place->all_of.items[i]);
    }
}

void hy__known_add(hy__compat_t *c, hy__known_t *k, const hy_rule_t *rule, bool is_written) {
    add_fits(c, k, rule);
    if (is_written) add_naming(c, k, rule);
}

void hy__known_miss(hy__compat_t *c, hy__known_t *k, const hy_rule_t *rule) {
    put(c, &k->misses, rule);
}

/* By itself, not because another one is there. */
static bool requires_plainly(hy__compat_t *c, const hy__known_t *k, const hy_str_t *key) {
    hy__compat_look(c, k->fits.count);
    if (k->present && hy_str_equal(k->present, key)) return true;
    for (uint32_t i = 0; i < k->fits.count; i++) {
        const hy__object_rules_t *object = k->fits.items[i]->object;
        const hy__member_rule_t *member = object ? hy__rule_member(object, key) : NULL;
        if (member && member->is_required) return true;
    }
    return false;
}

static bool has_key(hy__compat_t *c, const hy__key_list_t *list, const hy_str_t *key) {
    hy__compat_look(c, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        if (hy_str_equal(list->items[i], key)) return true;
    }
    return false;
}

bool hy__known_requires(hy__compat_t *c, const hy__known_t *k, const hy_str_t *key) {
    if (requires_plainly(c, k, key)) return true;
    for (uint32_t i = 0; i < k->fits.count && !c->gave_up; i++) {
        const hy__object_rules_t *object = k->fits.items[i]->object;
        if (object) hy__compat_look(c, object->dependency_count);
        for (uint32_t d = 0; object && d < object->dependency_count; d++) {
            const hy__dependency_t *dependency = &object->dependencies[d];
            if (has_key(c, &dependency->required, key) && requires_plainly(c, k, dependency->key))
                return true;
        }
    }
    return false;
}

void hy__known_close(hy__compat_t *c, hy__known_t *k) {
    if (k->types != 1u << HY_OBJECT) return;
    for (uint32_t i = 0; i < k->fits.count && !c->gave_up; i++) {
        const hy__object_rules_t *object = k->fits.items[i]->object;
        for (uint32_t d = 0; object && d < object->dependency_count; d++) {
            const hy__dependency_t *dependency = &object->dependencies[d];
            if (!dependency->rule) continue;
            if (!hy__compat_look(c, k->fits.count)) return;
            if (hy__known_has(&k->fits, dependency->rule)) continue;
            if (!hy__known_requires(c, k, dependency->key)) continue;
            add_fits(c, k, dependency->rule);
            i = (uint32_t)-1; /* which may require what those before depend on */
            break;
        }
    }
}

/* --- one level down --------------------------------------------------------------------------- */

/* The rules that an object's rule has for that member: told one by one. */
static void add_member(hy__compat_t *c, hy__known_t *m, const hy_rule_t *rule, const hy_str_t *key,
                       void (*add)(hy__compat_t *c, hy__known_t *m, const hy_rule_t *rule)) {
    const hy__object_rules_t *object = rule->object;
    if (!object || !hy__compat_spend(c, 1 + object->pattern_count)) return;
    const hy__member_rule_t *member = hy__rule_member(object, key);
    bool is_named = member && member->rule;
    if (is_named) add(c, m, member->rule);
    for (uint32_t i = 0; i < object->pattern_count; i++) {
        if (!hy__pattern_matches(c, &object->patterns[i], key)) continue;
        is_named = true;
        add(c, m, object->patterns[i].rule);
    }
    if (!is_named) add(c, m, object->rest);
}

void hy__known_member(hy__compat_t *c, const hy__known_t *k, const hy_str_t *key, hy__known_t *m) {
    hy__known_init(m);
    hy__compat_look(c, k->fits.count + k->naming.count);
    for (uint32_t i = 0; i < k->fits.count; i++) {
        add_member(c, m, k->fits.items[i], key, add_fits);
    }
    for (uint32_t i = 0; i < k->naming.count; i++) {
        add_member(c, m, k->naming.items[i], key, add_naming);
    }
    hy__known_close(c, m);
}

static const hy_rule_t *rule_for_item(const hy_rule_t *rule, uint64_t index) {
    const hy__array_rules_t *array = rule->array;
    if (!array) return NULL;
    return index < array->prefix.count ? array->prefix.items[index] : array->rest;
}

void hy__known_item(hy__compat_t *c, const hy__known_t *k, uint64_t index, hy__known_t *m) {
    hy__known_init(m);
    hy__compat_look(c, k->fits.count + k->naming.count);
    for (uint32_t i = 0; i < k->fits.count; i++) {
        add_fits(c, m, rule_for_item(k->fits.items[i], index));
    }
    for (uint32_t i = 0; i < k->naming.count; i++) {
        add_naming(c, m, rule_for_item(k->naming.items[i], index));
    }
    hy__known_close(c, m);
}

static const hy_rule_t *rule_for_pattern(hy__compat_t *c, const hy_rule_t *rule,
                                         const hy_str_t *pattern) {
    const hy__object_rules_t *object = rule->object;
    hy__compat_look(c, object ? 1 + object->pattern_count : 1);
    for (uint32_t i = 0; object && i < object->pattern_count; i++) {
        if (hy_str_equal(object->patterns[i].pattern, pattern)) return object->patterns[i].rule;
    }
    return NULL;
}

void hy__known_matching(hy__compat_t *c, const hy__known_t *k, const hy_str_t *pattern,
                        hy__known_t *m) {
    hy__known_init(m);
    for (uint32_t i = 0; i < k->fits.count; i++) {
        add_fits(c, m, rule_for_pattern(c, k->fits.items[i], pattern));
    }
    for (uint32_t i = 0; i < k->naming.count; i++) {
        add_naming(c, m, rule_for_pattern(c, k->naming.items[i], pattern));
    }
    hy__known_close(c, m);
}

void hy__known_others(hy__compat_t *c, const hy__known_t *k, hy__known_t *m) {
    hy__known_init(m);
    hy__compat_look(c, k->fits.count + k->naming.count);
    for (uint32_t i = 0; i < k->fits.count; i++) {
        if (k->fits.items[i]->object) add_fits(c, m, k->fits.items[i]->object->rest);
    }
    for (uint32_t i = 0; i < k->naming.count; i++) {
        if (k->naming.items[i]->object) add_naming(c, m, k->naming.items[i]->object->rest);
    }
    hy__known_close(c, m);
}

/* --- names ------------------------------------------------------------------------------------ */

/* A rule that is there, takes something, and is no mere word that anything may be there. */
static bool describes(const hy_rule_t *rule) {
    return rule && rule->types != 0 && !hy__is_any(rule);
}

bool hy__known_names_any(hy__compat_t *c, const hy__known_t *k) {
    if (c->is_open) return true;
    hy__compat_look(c, k->naming.count);
    for (uint32_t i = 0; i < k->naming.count; i++) {
        const hy__object_rules_t *object = k->naming.items[i]->object;
        if (object &&
            (describes(object->rest) || describes(object->names) || describes(object->unevaluated)))
            return true;
    }
    return false;
}

bool hy__known_has_patterns(const hy__known_t *k) {
    for (uint32_t i = 0; i < k->naming.count; i++) {
        const hy__object_rules_t *object = k->naming.items[i]->object;
        if (object && object->pattern_count > 0) return true;
    }
    return false;
}

bool hy__known_names(hy__compat_t *c, const hy__known_t *k, const hy_str_t *key) {
    if (hy__known_names_any(c, k)) return true;
    hy__compat_look(c, k->naming.count);
    for (uint32_t i = 0; i < k->naming.count; i++) {
        const hy__object_rules_t *object = k->naming.items[i]->object;
        if (!object) continue;
        if (hy__rule_member(object, key)) return true;
        for (uint32_t p = 0; p < object->pattern_count; p++) {
            if (hy__pattern_matches(c, &object->patterns[p], key)) return true;
        }
    }
    return false;
}

/* --- values ----------------------------------------------------------------------------------- */

bool hy__known_values(const hy__known_t *k, hy__values_t *values) {
    *values = (hy__values_t){.array = NULL};
    for (uint32_t i = 0; i < k->fits.count; i++) {
        const hy_rule_t *rule = k->fits.items[i];
        if (rule->constant.kind != HY_ABSENT) {
            values->few[values->count++] = rule->constant;
            return true;
        }
        if (rule->enumerated) {
            values->array = rule->enumerated;
            values->count = (uint32_t)hy_node_count(rule->enumerated);
            return true;
        }
    }
    if (k->types & ~(1u << HY_NULL | 1u << HY_BOOL)) return false;
    if (k->types & 1u << HY_NULL) values->few[values->count++] = hy_null();
    if (k->types & 1u << HY_BOOL) {
        values->few[values->count++] = hy_bool(false);
        values->few[values->count++] = hy_bool(true);
    }
    return true;
}

hy_value_t hy__value_at(const hy__values_t *values, uint32_t i) {
    if (values->array) return hy_node_at(values->array, i);
    return values->list ? values->list[i] : values->few[i];
}

bool hy__fits_known(hy__compat_t *c, const hy__known_t *k, hy_value_t v) {
    if (!hy__type_fits(k->types, v)) return false;
    if (k->present && v.kind == HY_OBJECT && hy_node_find(v.as.n, k->present).kind == HY_ABSENT)
        return false;
    for (uint32_t i = 0; i < k->fits.count; i++) {
        if (hy__value_fits(c, k->fits.items[i], v, NULL) == HY_ESCHEMA) return false;
    }
    for (uint32_t i = 0; i < k->misses.count; i++) {
        if (hy__value_fits(c, k->misses.items[i], v, NULL) == 0) return false;
    }
    return true;
}

/* --- bounds ----------------------------------------------------------------------------------- */

/* The bound becomes `v` where that is tighter: above it (sign 1) or below it (sign -1). */
static void tighten(hy_value_t *bound, bool *is_open, hy_value_t v, bool v_open, int sign) {
    if (v.kind == HY_ABSENT) return;
    int order = bound->kind == HY_ABSENT ? sign : hy__rules_compare(v, *bound);
    if (order == 0) *is_open |= v_open;
    if ((order > 0) != (sign > 0) || order == 0) return;
    *bound = v;
    *is_open = v_open;
}

hy__span_t hy__known_span(const hy__known_t *k) {
    hy__span_t span = {.low = hy_absent(), .high = hy_absent()};
    for (uint32_t i = 0; i < k->fits.count; i++) {
        const hy__number_rules_t *number = k->fits.items[i]->number;
        if (!number) continue;
        tighten(&span.low, &span.low_open, number->minimum, false, 1);
        tighten(&span.low, &span.low_open, number->above, true, 1);
        tighten(&span.high, &span.high_open, number->maximum, false, -1);
        tighten(&span.high, &span.high_open, number->below, true, -1);
    }
    return span;
}

void hy__known_lengths(const hy__known_t *k, uint64_t *min, uint64_t *max) {
    *min = 0;
    *max = UINT64_MAX;
    for (uint32_t i = 0; i < k->fits.count; i++) {
        const hy__string_rules_t *string = k->fits.items[i]->string;
        if (!string) continue;
        if (string->length_min > *min) *min = string->length_min;
        if (string->length_max < *max) *max = string->length_max;
    }
}

void hy__known_counts(const hy__known_t *k, hy_kind_t kind, uint64_t *min, uint64_t *max) {
    *min = 0;
    *max = UINT64_MAX;
    for (uint32_t i = 0; i < k->fits.count; i++) {
        const hy_rule_t *rule = k->fits.items[i];
        if (!(kind == HY_ARRAY ? (void *)rule->array : (void *)rule->object)) continue;
        uint64_t low = kind == HY_ARRAY ? rule->array->count_min : rule->object->count_min;
        uint64_t high = kind == HY_ARRAY ? rule->array->count_max : rule->object->count_max;
        if (low > *min) *min = low;
        if (high < *max) *max = high;
    }
}
