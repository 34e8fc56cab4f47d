/* Members: each that may be there has to fit what the reader says of it.
 *
 *      named by either side             by its name
 *      of a pattern of the writer       by the pattern
 *      any others                       where the writer's additionalProperties describe them */
#include "compat_private.h"

/* What the reader says of members, and what is known of the object that has them. */
typedef struct {
    hy__compat_t *c;
    const hy_rule_t *reader;
    const hy__object_rules_t *object;
    const hy__known_t *known;
    /* The reader's rule, and what it refers to: names in these are not left for its
     * unevaluatedProperties. Only where it has those. */
    hy__known_t evaluated;
} members_t;

/* --- one member ------------------------------------------------------------------------------- */

enum { BYTES_A_STEP = 256 }; /* of a key that is looked for */

static bool is_evaluated(members_t *m, const hy_str_t *key) {
    hy__compat_look(m->c, m->evaluated.fits.count);
    for (uint32_t i = 0; i < m->evaluated.fits.count; i++) {
        const hy__object_rules_t *object = m->evaluated.fits.items[i]->object;
        if (!object) continue;
        const hy__member_rule_t *member = hy__rule_member(object, key);
        if (object->rest || (member && member->rule)) return true;
        for (uint32_t p = 0; p < object->pattern_count; p++) {
            if (hy__pattern_matches(m->c, &object->patterns[p], key)) return true;
        }
    }
    return false;
}

static bool covers_name(members_t *m, const hy_str_t *key) {
    hy_value_t name = {.kind = HY_STR, .as.s = (hy_str_t *)key};
    if (!m->object->names || hy__value_fits(m->c, m->object->names, name, NULL) == 0) return true;
    return hy__breaks(m->c, "is a name that is not allowed here");
}

static bool covers_member(members_t *m, const hy_str_t *key) {
    const hy__object_rules_t *object = m->object;
    hy__compat_t *c = m->c;
    hy__known_t known;
    if (!hy__compat_spend(c, 1 + key->len / BYTES_A_STEP)) return false;
    hy__known_member(c, m->known, key, &known);
    if (hy__known_is_empty(c, &known)) return true;
    const hy__member_rule_t *member = hy__rule_member(object, key);
    bool is_named = member && member->rule;
    bool covers = covers_name(m, key);
    if (is_named) covers &= hy__covers(c, member->rule, &known);
    for (uint32_t i = 0; i < object->pattern_count; i++) {
        if (!hy__pattern_matches(c, &object->patterns[i], key)) continue;
        is_named = true;
        covers &= hy__covers(c, object->patterns[i].rule, &known);
    }
    if (!is_named && object->rest) covers &= hy__covers(c, object->rest, &known);
    if (object->unevaluated && !is_evaluated(m, key))
        covers &= hy__covers(c, object->unevaluated, &known);
    return covers;
}

static bool covers_key(members_t *m, const hy_str_t *key) {
    hy__mark_t mark = hy__compat_mark(m->c);
    size_t before = hy__place_enter(m->c, key->bytes, key->len);
    bool covers = covers_member(m, key);
    hy__place_leave(m->c, before);
    hy__compat_release(m->c, mark);
    return covers;
}

/* True if one of the writer's rules before that one names it, too. */
static bool is_named_before(hy__compat_t *c, const hy__known_t *k, uint32_t end,
                            const hy_str_t *key) {
    hy__compat_look(c, end);
    for (uint32_t i = 0; i < end; i++) {
        const hy__object_rules_t *object = k->naming.items[i]->object;
        if (object && hy__rule_member(object, key)) return true;
    }
    return false;
}

static bool covers_named(members_t *m) {
    const hy__known_t *k = m->known;
    const hy__member_rule_t *member;
    bool covers = true;
    for (uint32_t i = 0; i < k->naming.count; i++) {
        const hy__object_rules_t *object = k->naming.items[i]->object;
        for (uint32_t pos = 0; object && (member = hy_dict_next(&object->members, &pos));) {
            if (!hy__compat_spend(m->c, 1)) return false;
            if (!is_named_before(m->c, k, i, member->key)) covers &= covers_key(m, member->key);
            if (!covers && m->c->quiet > 0) return false;
        }
    }
    for (uint32_t pos = 0; (member = hy_dict_next(&m->object->members, &pos));) {
        if (!hy__compat_spend(m->c, 1)) return false;
        if (is_named_before(m->c, k, k->naming.count, member->key)) continue;
        if (hy__known_names(m->c, k, member->key)) covers &= covers_key(m, member->key);
    }
    return covers;
}

/* --- members by pattern, and any others ------------------------------------------------------- */

/* What a pattern needs at the start of a text: letters, digits, "-" and "_" after "^". */
static size_t fixed_start(const hy_str_t *pattern) {
    size_t i = 1;
    if (pattern->bytes[0] != '^' || strchr(pattern->bytes, '|')) return 0;
    while (i < pattern->len) {
        char ch = pattern->bytes[i];
        bool is_plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                        (ch >= '0' && ch <= '9') || ch == '_' || ch == '-';
        if (!is_plain) break;
        i++;
    }
    if (i < pattern->len && strchr("*?{", pattern->bytes[i])) i--;
    return i - 1;
}

/* True if it is plain that no text has both. */
static bool are_apart(const hy_str_t *a, const hy_str_t *b) {
    size_t len = fixed_start(a), other = fixed_start(b);
    if (other < len) len = other;
    return memcmp(a->bytes + 1, b->bytes + 1, len) != 0;
}

/* Members of which only that is known; `pattern`: which they match, NULL: none of the writer's. */
static bool covers_class(members_t *m, const hy__known_t *known, const hy_str_t *pattern) {
    const hy__object_rules_t *object = m->object;
    hy__compat_t *c = m->c;
    bool covers = true, is_named = false;
    if (hy__known_is_empty(c, known)) return true;
    if (!hy__compat_spend(c, object->pattern_count)) return false;
    for (uint32_t i = 0; i < object->pattern_count; i++) {
        const hy_str_t *own = object->patterns[i].pattern;
        if (pattern && hy_str_equal(own, pattern)) is_named = true;
        if (pattern && are_apart(own, pattern)) continue;
        covers &= hy__covers(c, object->patterns[i].rule, known);
    }
    if (!is_named && object->rest) covers &= hy__covers(c, object->rest, known);
    for (uint32_t i = 0; object->unevaluated && i < m->evaluated.fits.count; i++) {
        const hy__object_rules_t *named = m->evaluated.fits.items[i]->object;
        hy__compat_look(c, named ? 1 + named->pattern_count : 1);
        for (uint32_t p = 0; named && pattern && p < named->pattern_count; p++) {
            is_named |= hy_str_equal(named->patterns[p].pattern, pattern);
        }
        is_named |= named && named->rest;
    }
    if (!is_named && object->unevaluated) covers &= hy__covers(c, object->unevaluated, known);
    return covers;
}

static bool is_pattern_before(hy__compat_t *c, const hy__known_t *k, uint32_t end,
                              const hy_str_t *pattern) {
    hy__compat_look(c, end);
    for (uint32_t i = 0; i < end && !c->gave_up; i++) {
        const hy__object_rules_t *object = k->naming.items[i]->object;
        if (object) hy__compat_look(c, object->pattern_count);
        for (uint32_t p = 0; object && p < object->pattern_count; p++) {
            if (hy_str_equal(object->patterns[p].pattern, pattern)) return true;
        }
    }
    return false;
}

static bool covers_patterns(members_t *m) {
    const hy__known_t *k = m->known;
    bool covers = true;
    for (uint32_t i = 0; i < k->naming.count; i++) {
        const hy__object_rules_t *object = k->naming.items[i]->object;
        for (uint32_t p = 0; object && p < object->pattern_count; p++) {
            const hy_str_t *pattern = object->patterns[p].pattern;
            if (!hy__compat_spend(m->c, 1)) return false;
            if (is_pattern_before(m->c, k, i, pattern)) continue;
            hy__known_t known;
            hy__mark_t mark = hy__compat_mark(m->c);
            hy__known_matching(m->c, k, pattern, &known);
            covers &= covers_class(m, &known, pattern);
            hy__compat_release(m->c, mark);
        }
    }
    return covers;
}

static bool covers_others(members_t *m) {
    hy__known_t known;
    if (!hy__known_names_any(m->c, m->known)) return true;
    hy__mark_t mark = hy__compat_mark(m->c);
    hy__known_others(m->c, m->known, &known);
    bool covers = covers_class(m, &known, NULL);
    hy__compat_release(m->c, mark);
    return covers;
}

/* Names that are not known one by one: what is known of them is what the writer says of names. */
static bool covers_names(members_t *m) {
    hy__known_t names;
    const hy__known_t *k = m->known;
    if (!m->object->names) return true;
    if (!hy__known_names_any(m->c, k) && !hy__known_has_patterns(k)) return true;
    hy__known_init(&names);
    names.types = 1u << HY_STR;
    for (uint32_t i = 0; i < k->fits.count; i++) {
        const hy__object_rules_t *object = k->fits.items[i]->object;
        if (object && object->names) hy__known_add(m->c, &names, object->names, false);
    }
    if (hy__covers_quietly(m->c, m->object->names, &names)) return true;
    return hy__breaks(m->c,
                      "may have names there that are not allowed here, as far as can be told");
}

static bool covers_unnamed(members_t *m) {
    size_t before = hy__place_enter(m->c, "*", 1);
    bool covers = covers_patterns(m);
    covers &= covers_others(m);
    hy__place_leave(m->c, before);
    return covers_names(m) && covers;
}

/* --- the object itself ------------------------------------------------------------------------ */

static bool break_missing(hy__compat_t *c, const hy_str_t *key) {
    size_t before = hy__place_enter(c, key->bytes, key->len);
    hy__breaks(c, "is required here and not there");
    hy__place_leave(c, before);
    return false;
}

static bool covers_required(members_t *m) {
    const hy__member_rule_t *member;
    bool covers = true;
    for (uint32_t pos = 0; (member = hy_dict_next(&m->object->members, &pos));) {
        if (!hy__compat_spend(m->c, 1)) return false;
        if (member->is_required && !hy__known_requires(m->c, m->known, member->key))
            covers = break_missing(m->c, member->key);
    }
    return covers;
}

/* As many members as have to be there, and as can be: UINT64_MAX: any number. */
static void count_members(members_t *m, uint64_t *min, uint64_t *max) {
    const hy__known_t *k = m->known;
    const hy__member_rule_t *member;
    uint64_t required = 0, named = 0;
    hy__known_counts(k, HY_OBJECT, min, max);
    for (uint32_t i = 0; i < k->naming.count; i++) {
        const hy__object_rules_t *object = k->naming.items[i]->object;
        for (uint32_t pos = 0; object && (member = hy_dict_next(&object->members, &pos));) {
            if (!hy__compat_spend(m->c, 1)) return;
            if (is_named_before(m->c, k, i, member->key)) continue;
            named++;
            required += hy__known_requires(m->c, k, member->key);
        }
    }
    if (required > *min) *min = required;
    if (hy__known_names_any(m->c, k) || hy__known_has_patterns(k)) return;
    if (named < *max) *max = named;
}

static bool covers_count(members_t *m) {
    const hy__object_rules_t *object = m->object;
    uint64_t min, max;
    bool covers = true;
    if (object->count_min == 0 && object->count_max == UINT64_MAX) return true;
    count_members(m, &min, &max);
    if (min < object->count_min)
        covers = hy__breaks(m->c, "has at least %llu members here and not there",
                            (unsigned long long)object->count_min);
    if (max > object->count_max)
        covers = hy__breaks(m->c, "has at most %llu members here and not there",
                            (unsigned long long)object->count_max);
    return covers;
}

static bool covers_dependency(members_t *m, const hy__dependency_t *dependency) {
    hy__compat_t *c = m->c;
    hy__known_t k;
    bool covers = true;
    if (!hy__compat_spend(c, 1)) return false;
    if (!hy__known_names(c, m->known, dependency->key)) return true;
    hy__known_copy(c, &k, m->known);
    k.types &= 1u << HY_OBJECT;
    k.present = dependency->key;
    hy__known_close(c, &k);
    if (hy__known_is_empty(c, &k)) return true;
    for (uint32_t i = 0; i < dependency->required.count; i++) {
        if (!hy__compat_spend(c, 1)) return false;
        if (!hy__known_requires(c, &k, dependency->required.items[i]))
            covers = break_missing(c, dependency->required.items[i]);
    }
    return (!dependency->rule || hy__covers(c, dependency->rule, &k)) && covers;
}

static bool covers_dependencies(members_t *m) {
    bool covers = true;
    for (uint32_t i = 0; i < m->object->dependency_count; i++) {
        hy__mark_t mark = hy__compat_mark(m->c);
        covers &= covers_dependency(m, &m->object->dependencies[i]);
        hy__compat_release(m->c, mark);
    }
    return covers;
}

bool hy__covers_members(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known) {
    members_t m = {.c = c, .reader = reader, .object = reader->object, .known = known};
    hy__known_init(&m.evaluated);
    if (m.object->unevaluated) hy__known_add(c, &m.evaluated, reader, false);
    bool covers = covers_required(&m) && covers_count(&m);
    if (!covers && c->quiet > 0) return false;
    covers &= covers_named(&m);
    if (!covers && c->quiet > 0) return false;
    covers &= covers_unnamed(&m);
    return covers_dependencies(&m) && covers;
}
