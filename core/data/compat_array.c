/* Items: by their place where one side goes by that, the others as one; and the array itself. */
#include "compat_private.h"

/* Where rules stop going by the place. */
static uint64_t placed(const hy_rule_t *reader, const hy__known_t *known) {
    uint64_t count = reader->array->prefix.count;
    for (uint32_t i = 0; i < known->naming.count + known->fits.count; i++) {
        const hy_rule_t *rule = i < known->naming.count
                                    ? known->naming.items[i]
                                    : known->fits.items[i - known->naming.count];
        if (rule->array && rule->array->prefix.count > count) count = rule->array->prefix.count;
    }
    return count;
}

/* Rules that the reader's refers to: what these say of items is not left for unevaluatedItems. */
static bool is_evaluated(hy__compat_t *c, const hy__known_t *evaluated, uint64_t index) {
    hy__compat_look(c, evaluated->fits.count);
    for (uint32_t i = 0; i < evaluated->fits.count; i++) {
        const hy__array_rules_t *array = evaluated->fits.items[i]->array;
        if (array && (array->rest || index < array->prefix.count)) return true;
    }
    return false;
}

static bool covers_item(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *evaluated,
                        uint64_t index, const hy__known_t *item) {
    const hy__array_rules_t *array = reader->array;
    const hy_rule_t *rule = index < array->prefix.count ? array->prefix.items[index] : array->rest;
    bool covers = !rule || hy__covers(c, rule, item);
    if (array->unevaluated && !is_evaluated(c, evaluated, index))
        covers &= hy__covers(c, array->unevaluated, item);
    return covers;
}

/* Item by item up to `end`, and what comes then. An item that cannot be is the last. */
static bool covers_each(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *evaluated,
                        const hy__known_t *known, uint64_t max) {
    uint64_t end = placed(reader, known);
    bool covers = true;
    for (uint64_t i = 0; i <= end && i < max && (covers || c->quiet == 0); i++) {
        hy__known_t item;
        hy__mark_t mark = hy__compat_mark(c);
        if (!hy__compat_spend(c, 1)) return false;
        hy__known_item(c, known, i, &item);
        size_t before = i < end ? hy__place_enter_index(c, i) : hy__place_enter(c, "*", 1);
        bool is_last = hy__known_is_empty(c, &item);
        if (!is_last) covers &= covers_item(c, reader, evaluated, i, &item);
        hy__place_leave(c, before);
        hy__compat_release(c, mark);
        if (is_last) break;
    }
    return covers;
}

/* All items fit it. */
static bool is_all(hy__compat_t *c, const hy_rule_t *rule, const hy_rule_t *reader,
                   const hy__known_t *known) {
    uint64_t end = placed(reader, known);
    bool covers = true;
    for (uint64_t i = 0; covers && i <= end; i++) {
        hy__known_t item;
        hy__mark_t mark = hy__compat_mark(c);
        if (!hy__compat_spend(c, 1)) return false;
        hy__known_item(c, known, i, &item);
        covers = hy__covers_quietly(c, rule, &item);
        hy__compat_release(c, mark);
    }
    return covers;
}

/* So many items fit the rule: shown by what the writer says of what is contained. */
static bool contains_enough(hy__compat_t *c, const hy__array_rules_t *array,
                            const hy__known_t *known) {
    bool covers = false;
    for (uint32_t i = 0; !covers && i < known->fits.count; i++) {
        const hy__array_rules_t *there = known->fits.items[i]->array;
        hy__known_t item;
        if (!there || !there->contains || there->contains_min < array->contains_min) continue;
        hy__mark_t mark = hy__compat_mark(c);
        hy__known_init(&item);
        hy__known_add(c, &item, there->contains, true);
        hy__known_close(c, &item);
        covers = hy__covers_quietly(c, array->contains, &item);
        hy__compat_release(c, mark);
    }
    return covers;
}

/* No more items fit it than may. */
static bool contains_few(hy__compat_t *c, const hy__array_rules_t *array,
                         const hy__known_t *known) {
    for (uint32_t i = 0; i < known->fits.count; i++) {
        const hy__array_rules_t *there = known->fits.items[i]->array;
        if (there && there->contains && there->contains_max <= array->contains_max &&
            hy__is_same_rule(c, there->contains, array->contains))
            return true;
    }
    return false;
}

static bool covers_contains(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known,
                            uint64_t min, uint64_t max) {
    const hy__array_rules_t *array = reader->array;
    bool covers = true;
    if (!array->contains) return true;
    bool is_enough = array->contains_min == 0 || contains_enough(c, array, known) ||
                     (min >= array->contains_min && is_all(c, array->contains, reader, known));
    if (!is_enough)
        covers = hy__breaks(c, "need not contain there what it has to here, as far as can be told");
    if (max > array->contains_max && !contains_few(c, array, known))
        covers = hy__breaks(c, "may contain more there than it may here");
    return covers;
}

static bool is_unique(const hy__known_t *known, uint64_t max) {
    for (uint32_t i = 0; i < known->fits.count; i++) {
        const hy__array_rules_t *array = known->fits.items[i]->array;
        if (array && array->is_unique) return true;
    }
    return max <= 1;
}

static bool covers_array(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known,
                         uint64_t *max) {
    const hy__array_rules_t *array = reader->array;
    uint64_t min;
    bool covers = true;
    hy__known_counts(known, HY_ARRAY, &min, max);
    if (min < array->count_min)
        covers = hy__breaks(c, "has at least %llu items here and not there",
                            (unsigned long long)array->count_min);
    if (*max > array->count_max)
        covers = hy__breaks(c, "has at most %llu items here and not there",
                            (unsigned long long)array->count_max);
    if (array->is_unique && !is_unique(known, *max))
        covers = hy__breaks(c, "has no item twice here, which it may there");
    return covers_contains(c, reader, known, min, *max) && covers;
}

bool hy__covers_items(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known) {
    hy__known_t evaluated;
    uint64_t max;
    hy__known_init(&evaluated);
    if (reader->array->unevaluated) hy__known_add(c, &evaluated, reader, false);
    bool covers = covers_array(c, reader, known, &max);
    if (!covers && c->quiet > 0) return false;
    return covers_each(c, reader, &evaluated, known, max) && covers;
}
