/* One rule of the reader, keyword by keyword: what is known has to imply each. */
#include "compat_private.h"

#include <math.h>
#include <stdio.h>

/* --- values ----------------------------------------------------------------------------------- */

/* Both lists as texts. They live in memory of the comparison's own. */
static const char *list(hy__compat_t *c, const hy__values_t *values, bool is_bare) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy__values_write(c, &b, values, is_bare);
    hy_buf_char(&b, '\0');
    char *text = b.failed ? NULL : hy__compat_take(c, b.len);
    if (text) memcpy(text, b.bytes, b.len);
    hy_buf_deinit(&b);
    return text ? text : "";
}

static uint32_t types_of(hy__compat_t *c, const hy__values_t *values) {
    uint32_t types = 0;
    hy__compat_look(c, values->count);
    for (uint32_t i = 0; i < values->count; i++) {
        types |= 1u << hy__value_at(values, i).kind;
    }
    return types;
}

/* Tells of values that the reader does not take: what it takes instead, or what it says of one. */
static bool break_values(hy__compat_t *c, const hy_rule_t *reader, const hy__values_t *values) {
    hy__values_t taken;
    hy__known_t k;
    hy_error_t err = {.text = ""};
    char there[HY__LIST_BYTES], here[HY__LIST_BYTES];
    uint32_t types = types_of(c, values);
    hy__known_init(&k);
    hy__known_add(c, &k, reader, false);
    if (!(types & k.types))
        return hy__breaks(c, k.types ? "is %s there, %s here" : "is not allowed here",
                          hy__types_text(types, there), hy__types_text(k.types, here));
    if (hy__known_values(&k, &taken) && taken.count > 0)
        return hy__breaks(c, "may be %s there, here only %s", list(c, values, false),
                          list(c, &taken, taken.count > 1));
    hy__value_fits(c, reader, hy__value_at(values, 0), &err);
    return hy__breaks(c, "may be %s there; here %s", list(c, values, false), err.text);
}

bool hy__covers_values(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known,
                       const hy__values_t *values) {
    hy_value_t *missed = c->quiet == 0 ? hy__compat_take(c, values->count * sizeof *missed) : NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < values->count && (count == 0 || missed); i++) {
        hy_value_t v = hy__value_at(values, i);
        if (!hy__compat_spend(c, 1)) return false;
        if (!hy__fits_known(c, known, v) || hy__value_fits(c, reader, v, NULL) == 0) continue;
        if (missed) missed[count] = v;
        count++;
    }
    if (missed && count > 0)
        break_values(c, reader, &(hy__values_t){.list = missed, .count = count});
    return count == 0;
}

/* The reader's list of values, where there is none of what is known. */
static bool covers_list(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known) {
    hy__values_t taken = {.array = reader->enumerated};
    char there[HY__LIST_BYTES], here[HY__LIST_BYTES];
    if (!taken.array && reader->constant.kind == HY_ABSENT) return true;
    if (taken.array) {
        taken.count = (uint32_t)hy_node_count(taken.array);
    } else {
        taken.few[taken.count++] = reader->constant;
    }
    uint32_t types = types_of(c, &taken);
    if (!(known->types & types))
        return hy__breaks(c, "is %s there, %s here", hy__types_text(known->types, there),
                          hy__types_text(types, here));
    return hy__breaks(c,
                      known->types == HY__TYPES_ALL ? "may be %s there, here only %s"
                                                    : "may be any other there (%s), here only %s",
                      hy__types_text(known->types, there), list(c, &taken, taken.count > 1));
}

/* --- types ------------------------------------------------------------------------------------ */

/* Numbers are known to be whole ones though their type does not say so. */
static bool is_whole(const hy__known_t *k) {
    for (uint32_t i = 0; i < k->fits.count; i++) {
        const hy__number_rules_t *number = k->fits.items[i]->number;
        if (!number || number->multiple_of.kind == HY_ABSENT) continue;
        if (number->multiple_of.kind == HY_INT) return true;
    }
    return !(k->types & 1u << HY_REAL);
}

static bool covers_types(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known) {
    char there[HY__LIST_BYTES], here[HY__LIST_BYTES];
    uint32_t more = known->types & ~reader->types;
    if (more == 1u << HY_REAL && (reader->types & 1u << HY_INT) && is_whole(known)) return true;
    if (more == 0) return true;
    if (reader->types == 0) return hy__breaks(c, "is not allowed here");
    return hy__breaks(
        c, known->types == HY__TYPES_ALL ? "may be %s there, is %s here" : "is %s there, %s here",
        hy__types_text(known->types, there), hy__types_text(reader->types, here));
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* The bound that is known is as tight as the reader's, on that side (sign 1: from below). */
static bool is_within_bound(hy_value_t known, bool is_open, hy_value_t bound, bool bound_open,
                            int sign) {
    if (bound.kind == HY_ABSENT) return true;
    if (known.kind == HY_ABSENT) return false;
    int order = hy__rules_compare(known, bound) * sign;
    return order > 0 || (order == 0 && (is_open || !bound_open));
}

/* Of whole numbers: more than 4 is at least 5. */
static void close_span(hy__span_t *span) {
    if (span->low_open && span->low.kind == HY_INT && span->low.as.i < INT64_MAX) {
        span->low.as.i++;
        span->low_open = false;
    }
    if (span->high_open && span->high.kind == HY_INT && span->high.as.i > INT64_MIN) {
        span->high.as.i--;
        span->high_open = false;
    }
}

static const char *number_text(hy__compat_t *c, hy_value_t v) {
    hy__values_t one = {.few = {v}, .count = 1};
    return list(c, &one, false);
}

static bool covers_bounds(hy__compat_t *c, const hy__number_rules_t *n, const hy__known_t *known) {
    hy__span_t span = hy__known_span(known);
    bool covers = true;
    if (is_whole(known)) close_span(&span);
    if (!is_within_bound(span.low, span.low_open, n->minimum, false, 1))
        covers = hy__breaks(c, "is at least %s here and not there", number_text(c, n->minimum));
    if (!is_within_bound(span.low, span.low_open, n->above, true, 1))
        covers = hy__breaks(c, "is more than %s here and not there", number_text(c, n->above));
    if (!is_within_bound(span.high, span.high_open, n->maximum, false, -1))
        covers = hy__breaks(c, "is at most %s here and not there", number_text(c, n->maximum));
    if (!is_within_bound(span.high, span.high_open, n->below, true, -1))
        covers = hy__breaks(c, "is less than %s here and not there", number_text(c, n->below));
    return covers;
}

/* Shown only for what is a multiple as it stands: doubles are none of what they seem to be. */
static bool covers_multiple(hy__compat_t *c, hy_value_t of, const hy__known_t *known) {
    if (of.kind == HY_ABSENT || (of.kind == HY_INT && of.as.i == 1 && is_whole(known))) return true;
    for (uint32_t i = 0; i < known->fits.count; i++) {
        const hy__number_rules_t *number = known->fits.items[i]->number;
        hy_value_t m = number ? number->multiple_of : hy_absent();
        if (m.kind == HY_ABSENT) continue;
        if (hy__rules_equal(m, of)) return true;
        if (m.kind == HY_INT && of.kind == HY_INT && of.as.i != 0 && m.as.i % of.as.i == 0)
            return true;
    }
    return hy__breaks(c, "is a multiple of %s here and not there", number_text(c, of));
}

static bool covers_number(hy__compat_t *c, const hy__number_rules_t *n, const hy__known_t *known) {
    if (!n || !(known->types & (1u << HY_INT | 1u << HY_REAL))) return true;
    bool covers = covers_bounds(c, n, known);
    return covers_multiple(c, n->multiple_of, known) && covers;
}

/* --- strings ---------------------------------------------------------------------------------- */

static bool has_pattern(const hy__known_t *k, const hy_str_t *pattern) {
    for (uint32_t i = 0; i < k->fits.count; i++) {
        const hy__string_rules_t *string = k->fits.items[i]->string;
        if (string && string->pattern && hy_str_equal(string->pattern, pattern)) return true;
    }
    return false;
}

static bool has_format(const hy__known_t *k, const hy__string_rules_t *s) {
    for (uint32_t i = 0; i < k->fits.count; i++) {
        const hy__string_rules_t *string = k->fits.items[i]->string;
        if (string && string->is_of_format == s->is_of_format) return true;
    }
    return false;
}

static bool covers_string(hy__compat_t *c, const hy__string_rules_t *s, const hy__known_t *known) {
    uint64_t min, max;
    bool covers = true;
    if (!s || !(known->types & 1u << HY_STR)) return true;
    hy__known_lengths(known, &min, &max);
    if (min < s->length_min)
        covers = hy__breaks(c, "has at least %llu characters here and not there",
                            (unsigned long long)s->length_min);
    if (max > s->length_max)
        covers = hy__breaks(c, "has at most %llu characters here and not there",
                            (unsigned long long)s->length_max);
    if (s->pattern && !has_pattern(known, s->pattern))
        covers = hy__breaks(c, "has the pattern %s here and, as far as can be told, not there",
                            s->pattern->bytes);
    if (s->format && !has_format(known, s))
        covers = hy__breaks(c, "has the format %s here and, as far as can be told, not there",
                            s->format->bytes);
    return covers;
}

/* --- rules in place --------------------------------------------------------------------------- */

/* The only one of the alternatives that could take some of it; NULL: none, or several. */
static const hy_rule_t *only_one(hy__compat_t *c, const hy__rule_list_t *list,
                                 const hy__known_t *known) {
    const hy_rule_t *only = NULL;
    for (uint32_t i = 0; i < list->count; i++) {
        if (hy__excludes(c, known, list->items[i])) continue;
        if (only) return NULL;
        only = list->items[i];
    }
    return only;
}

static bool break_alternatives(hy__compat_t *c, const hy__rule_list_t *list,
                               const hy__known_t *known) {
    if (c->quiet > 0) return false;
    const hy_rule_t *only = only_one(c, list, known);
    if (only) return hy__covers(c, only, known);
    return hy__breaks(c, "none of the %u alternatives here takes all of it, as far as can be told",
                      list->count);
}

static bool covers_any_of(hy__compat_t *c, const hy__rule_list_t *list, const hy__known_t *known) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (hy__covers_quietly(c, list->items[i], known)) return true;
    }
    return list->count == 0 || break_alternatives(c, list, known);
}

/* One that takes it all, and each other one takes none of it. */
static bool covers_one_of(hy__compat_t *c, const hy__rule_list_t *list, const hy__known_t *known) {
    uint32_t one = 0;
    while (one < list->count && !hy__covers_quietly(c, list->items[one], known)) {
        one++;
    }
    if (one == list->count) return list->count == 0 || break_alternatives(c, list, known);
    for (uint32_t i = 0; i < list->count; i++) {
        if (i != one && !hy__excludes(c, known, list->items[i]))
            return hy__breaks(c, "may fit more than one of \"oneOf\" here, as far as can be told");
    }
    return true;
}

/* What is known where it fits the reader's condition, and where it does not. */
static bool covers_condition(hy__compat_t *c, const hy__place_rules_t *place,
                             const hy__known_t *known) {
    hy__known_t fits, misses;
    if (!place->condition) return true;
    hy__known_copy(c, &fits, known);
    hy__known_add(c, &fits, place->condition, false);
    hy__known_close(c, &fits);
    hy__known_copy(c, &misses, known);
    hy__known_miss(c, &misses, place->condition);
    bool covers = !place->then || hy__covers(c, place->then, &fits);
    return (!place->otherwise || hy__covers(c, place->otherwise, &misses)) && covers;
}

static bool covers_place(hy__compat_t *c, const hy__place_rules_t *place,
                         const hy__known_t *known) {
    bool covers = true;
    if (!place) return true;
    if (place->ref) covers &= hy__covers(c, place->ref, known);
    if (place->dynamic) covers &= hy__covers(c, place->dynamic, known);
    for (uint32_t i = 0; i < place->all_of.count && (covers || c->quiet == 0); i++) {
        covers &= hy__covers(c, place->all_of.items[i], known);
    }
    if (!covers && c->quiet > 0) return false;
    covers &= covers_any_of(c, &place->any_of, known);
    covers &= covers_one_of(c, &place->one_of, known);
    covers &= covers_condition(c, place, known);
    if (place->negated && !hy__excludes(c, known, place->negated))
        covers = hy__breaks(c, "may be what \"not\" rules out here, as far as can be told");
    return covers;
}

bool hy__covers_rule(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known) {
    hy__compat_look(c, known->fits.count);
    if (!covers_types(c, reader, known) || !covers_list(c, reader, known)) return false;
    bool covers = covers_number(c, reader->number, known);
    covers &= covers_string(c, reader->string, known);
    if (reader->array && (known->types & 1u << HY_ARRAY))
        covers &= hy__covers_items(c, reader, known);
    if (reader->object && (known->types & 1u << HY_OBJECT))
        covers &= hy__covers_members(c, reader, known);
    if (!covers && c->quiet > 0) return false;
    return covers_place(c, reader->place, known) && covers;
}
