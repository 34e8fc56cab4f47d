/* Whether two rules are the same: word by word, but for texts that only people read. */
#include "compat_private.h"
#include "rules_run.h"

/* Pairs that were met. Each counts as the same from then on: if one is not, none of them matters.
 */
typedef struct {
    const hy_rule_t *a, *b; /* NULL: free */
} pair_t;

typedef struct {
    pair_t *slots;
    uint32_t mask, count, depth;
} pairs_t;

static bool is_same(hy__compat_t *c, pairs_t *pairs, const hy_rule_t *a, const hy_rule_t *b);

static pair_t *slot_of(const pairs_t *pairs, const hy_rule_t *a, const hy_rule_t *b) {
    uint64_t mixed = ((uint64_t)(uintptr_t)a ^ (uint64_t)(uintptr_t)b << 7) >> 4;
    mixed *= UINT64_C(0x9e3779b97f4a7c15);
    for (uint32_t i = (uint32_t)(mixed >> 32);; i++) {
        pair_t *slot = &pairs->slots[i & pairs->mask];
        if (!slot->a || (slot->a == a && slot->b == b)) return slot;
    }
}

static bool grow(hy__compat_t *c, pairs_t *pairs) {
    pairs_t wider = {.mask = pairs->slots ? 2 * pairs->mask + 1 : 15};
    wider.slots = hy__compat_take(c, (wider.mask + 1) * sizeof *wider.slots);
    if (!wider.slots) return false;
    memset(wider.slots, 0, (wider.mask + 1) * sizeof *wider.slots);
    for (uint32_t i = 0; pairs->slots && i <= pairs->mask; i++) {
        const pair_t *pair = &pairs->slots[i];
        if (pair->a) *slot_of(&wider, pair->a, pair->b) = *pair;
    }
    pairs->slots = wider.slots;
    pairs->mask = wider.mask;
    return true;
}

/* True the first time. */
static bool meet(hy__compat_t *c, pairs_t *pairs, const hy_rule_t *a, const hy_rule_t *b) {
    if (pairs->count >= pairs->mask / 2 && !grow(c, pairs)) return false;
    pair_t *slot = slot_of(pairs, a, b);
    if (slot->a) return false;
    *slot = (pair_t){a, b};
    pairs->count++;
    return true;
}

static bool is_same_value(hy__compat_t *c, hy_value_t a, hy_value_t b) {
    if (a.kind == HY_ABSENT || b.kind == HY_ABSENT) return a.kind == b.kind;
    uint64_t before = (uint64_t)HY_COMPAT_STEPS_MAX * HY__CHEAP_A_STEP, left = before;
    bool same = hy__rules_equal_in(a, b, &left);
    return hy__compat_spend(c, (uint32_t)((before - left) / HY__CHEAP_A_STEP)) && left > 0 && same;
}

static bool is_same_text(const hy_str_t *a, const hy_str_t *b) {
    return a && b ? hy_str_equal(a, b) : a == b;
}

static bool is_same_list(hy__compat_t *c, pairs_t *pairs, const hy__rule_list_t *a,
                         const hy__rule_list_t *b) {
    if (a->count != b->count || !hy__compat_look(c, a->count)) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!is_same(c, pairs, a->items[i], b->items[i])) return false;
    }
    return true;
}

static bool is_same_number(hy__compat_t *c, const hy__number_rules_t *a,
                           const hy__number_rules_t *b) {
    if (!a || !b) return a == b;
    return is_same_value(c, a->minimum, b->minimum) && is_same_value(c, a->maximum, b->maximum) &&
           is_same_value(c, a->above, b->above) && is_same_value(c, a->below, b->below) &&
           is_same_value(c, a->multiple_of, b->multiple_of);
}

static bool is_same_string(const hy__string_rules_t *a, const hy__string_rules_t *b) {
    if (!a || !b) return a == b;
    return a->length_min == b->length_min && a->length_max == b->length_max &&
           is_same_text(a->format, b->format) && is_same_text(a->pattern, b->pattern);
}

static bool is_same_array(hy__compat_t *c, pairs_t *pairs, const hy__array_rules_t *a,
                          const hy__array_rules_t *b) {
    if (!a || !b) return a == b;
    return a->count_min == b->count_min && a->count_max == b->count_max &&
           a->is_unique == b->is_unique && a->contains_min == b->contains_min &&
           a->contains_max == b->contains_max && a->contains_evaluates == b->contains_evaluates &&
           is_same_list(c, pairs, &a->prefix, &b->prefix) && is_same(c, pairs, a->rest, b->rest) &&
           is_same(c, pairs, a->contains, b->contains) &&
           is_same(c, pairs, a->unevaluated, b->unevaluated);
}

static bool are_same_members(hy__compat_t *c, pairs_t *pairs, const hy__object_rules_t *a,
                             const hy__object_rules_t *b) {
    const hy__member_rule_t *member;
    if (a->members.count != b->members.count || !hy__compat_look(c, a->members.count)) return false;
    for (uint32_t pos = 0; (member = hy_dict_next(&a->members, &pos));) {
        const hy__member_rule_t *other = hy__rule_member(b, member->key);
        if (!other || member->is_required != other->is_required ||
            !is_same(c, pairs, member->rule, other->rule))
            return false;
    }
    if (a->pattern_count != b->pattern_count || !hy__compat_look(c, a->pattern_count)) return false;
    for (uint32_t i = 0; i < a->pattern_count; i++) {
        if (!hy_str_equal(a->patterns[i].pattern, b->patterns[i].pattern) ||
            !is_same(c, pairs, a->patterns[i].rule, b->patterns[i].rule))
            return false;
    }
    return true;
}

static bool is_same_dependency(hy__compat_t *c, pairs_t *pairs, const hy__dependency_t *a,
                               const hy__dependency_t *b) {
    if (!hy_str_equal(a->key, b->key) || a->required.count != b->required.count ||
        !hy__compat_look(c, 1 + a->required.count))
        return false;
    for (uint32_t i = 0; i < a->required.count; i++) {
        if (!hy_str_equal(a->required.items[i], b->required.items[i])) return false;
    }
    return is_same(c, pairs, a->rule, b->rule);
}

static bool is_same_object(hy__compat_t *c, pairs_t *pairs, const hy__object_rules_t *a,
                           const hy__object_rules_t *b) {
    if (!a || !b) return a == b;
    if (a->count_min != b->count_min || a->count_max != b->count_max ||
        a->dependency_count != b->dependency_count || !are_same_members(c, pairs, a, b))
        return false;
    for (uint32_t i = 0; i < a->dependency_count; i++) {
        if (!is_same_dependency(c, pairs, &a->dependencies[i], &b->dependencies[i])) return false;
    }
    return is_same(c, pairs, a->rest, b->rest) && is_same(c, pairs, a->names, b->names) &&
           is_same(c, pairs, a->unevaluated, b->unevaluated);
}

static bool is_same_place(hy__compat_t *c, pairs_t *pairs, const hy__place_rules_t *a,
                          const hy__place_rules_t *b) {
    if (!a || !b) return a == b;
    return is_same_text(a->dynamic_anchor, b->dynamic_anchor) &&
           is_same(c, pairs, a->ref, b->ref) && is_same(c, pairs, a->dynamic, b->dynamic) &&
           is_same(c, pairs, a->negated, b->negated) &&
           is_same_list(c, pairs, &a->all_of, &b->all_of) &&
           is_same_list(c, pairs, &a->any_of, &b->any_of) &&
           is_same_list(c, pairs, &a->one_of, &b->one_of) &&
           is_same(c, pairs, a->condition, b->condition) && is_same(c, pairs, a->then, b->then) &&
           is_same(c, pairs, a->otherwise, b->otherwise);
}

static bool is_same_enum(hy__compat_t *c, const hy_rule_t *a, const hy_rule_t *b) {
    if (!a->enumerated || !b->enumerated) return a->enumerated == b->enumerated;
    return is_same_value(c, hy_node_value(a->enumerated), hy_node_value(b->enumerated));
}

static bool is_same(hy__compat_t *c, pairs_t *pairs, const hy_rule_t *a, const hy_rule_t *b) {
    if (a == b) return true;
    if (!a || !b || a->types != b->types || !hy__compat_spend(c, 1)) return false;
    if (!meet(c, pairs, a, b)) return !c->gave_up;
    if (pairs->depth == HY_COMPAT_DEPTH_MAX) return false;
    pairs->depth++;
    bool same = is_same_enum(c, a, b) && is_same_value(c, a->constant, b->constant) &&
                is_same_number(c, a->number, b->number) && is_same_string(a->string, b->string) &&
                is_same_array(c, pairs, a->array, b->array) &&
                is_same_object(c, pairs, a->object, b->object) &&
                is_same_place(c, pairs, a->place, b->place);
    pairs->depth--;
    return same;
}

bool hy__is_same_rule(hy__compat_t *c, const hy_rule_t *a, const hy_rule_t *b) {
    pairs_t pairs = {.slots = NULL};
    hy__mark_t mark = hy__compat_mark(c);
    bool same = is_same(c, &pairs, a, b);
    hy__compat_release(c, mark);
    return same;
}
