/* Whether there can be a value at all of which that is known: shown by its values, its bounds, and
 * what has to be in it. */
#include "compat_private.h"

/* Members and items that have to be there are looked at so far down. */
enum { LEVELS_MAX = 6, ITEMS_MAX = 16 };

static bool is_empty(hy__compat_t *c, const hy__known_t *k, unsigned levels);

/* Whether a member that has to be there cannot be. */
static bool lacks_member(hy__compat_t *c, const hy__known_t *k, const hy_str_t *key,
                         unsigned levels) {
    hy__known_t m;
    hy__mark_t mark = hy__compat_mark(c);
    hy__known_member(c, k, key, &m);
    bool lacks = is_empty(c, &m, levels);
    hy__compat_release(c, mark);
    return lacks;
}

static bool is_no_object(hy__compat_t *c, const hy__known_t *k, unsigned levels) {
    uint64_t min, max;
    hy__known_counts(k, HY_OBJECT, &min, &max);
    if (min > max) return true;
    if (levels == 0) return false;
    if (k->present && lacks_member(c, k, k->present, levels - 1)) return true;
    for (uint32_t i = 0; i < k->fits.count; i++) {
        const hy__object_rules_t *object = k->fits.items[i]->object;
        const hy__member_rule_t *member;
        if (!object || object->required_count == 0) continue;
        for (uint32_t pos = 0; (member = hy_dict_next(&object->members, &pos));) {
            if (!hy__compat_spend(c, 1)) return false;
            if (member->is_required && lacks_member(c, k, member->key, levels - 1)) return true;
        }
    }
    return false;
}

static bool is_no_array(hy__compat_t *c, const hy__known_t *k, unsigned levels) {
    uint64_t min, max;
    hy__known_counts(k, HY_ARRAY, &min, &max);
    if (min > max) return true;
    for (uint64_t i = 0; levels > 0 && i < min && i < ITEMS_MAX; i++) {
        hy__known_t item;
        hy__mark_t mark = hy__compat_mark(c);
        hy__known_item(c, k, i, &item);
        bool lacks = is_empty(c, &item, levels - 1);
        hy__compat_release(c, mark);
        if (lacks) return true;
    }
    return false;
}

static bool is_no_number(const hy__known_t *k) {
    hy__span_t span = hy__known_span(k);
    if (span.low.kind == HY_ABSENT || span.high.kind == HY_ABSENT) return false;
    int order = hy__rules_compare(span.low, span.high);
    return order > 0 || (order == 0 && (span.low_open || span.high_open));
}

static bool is_no(hy__compat_t *c, const hy__known_t *k, hy_kind_t kind, unsigned levels) {
    uint64_t min, max;
    switch (kind) {
    case HY_INT:
    case HY_REAL:
        return is_no_number(k);
    case HY_STR:
        hy__known_lengths(k, &min, &max);
        return min > max;
    case HY_ARRAY:
        return is_no_array(c, k, levels);
    case HY_OBJECT:
        return is_no_object(c, k, levels);
    default:
        return false;
    }
}

/* None of the values that it could be is one. */
static bool has_no_value(hy__compat_t *c, const hy__known_t *k, const hy__values_t *values) {
    for (uint32_t i = 0; i < values->count; i++) {
        if (!hy__compat_spend(c, 1)) return false;
        if (hy__fits_known(c, k, hy__value_at(values, i))) return false;
    }
    return true;
}

/* It fits a rule that it does not fit. */
static bool contradicts_itself(hy__compat_t *c, const hy__known_t *k) {
    for (uint32_t i = 0; i < k->misses.count; i++) {
        const hy_rule_t *missed = k->misses.items[i];
        if (!hy__compat_look(c, k->fits.count)) return false;
        for (uint32_t r = 0; r < k->fits.count; r++) {
            if (hy__is_same_rule(c, missed, k->fits.items[r])) return true;
        }
    }
    return false;
}

static bool is_empty(hy__compat_t *c, const hy__known_t *k, unsigned levels) {
    hy__values_t values;
    if (!hy__compat_spend(c, 1) || !hy__compat_look(c, k->fits.count)) return false;
    if (k->types == 0 || contradicts_itself(c, k)) return true;
    if (hy__known_values(k, &values)) return has_no_value(c, k, &values);
    for (uint32_t kind = HY_NULL; kind <= HY_ARRAY; kind++) {
        if ((k->types & 1u << kind) && !is_no(c, k, kind, levels)) return false;
    }
    return true;
}

bool hy__known_is_empty(hy__compat_t *c, const hy__known_t *k) {
    return is_empty(c, k, LEVELS_MAX);
}
