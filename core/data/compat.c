/* The comparison of two schemas: its memory and its bounds, the choices that what is known of a
 * value leaves, and what was asked before.
 *
 * Rules that lead back to themselves make a question come up again while it is being answered. It
 * counts as answered with yes then: rules come back only further down in the data, so a value that
 * showed otherwise would hold a smaller one that did. */
#include "compat_private.h"
#include "rules_run.h"

#include "../base/mem.h"

#include <math.h>
#include <string.h>

/* --- memory and bounds ------------------------------------------------------------------------ */

enum { CHUNK_BYTES = 16384 };

struct hy__chunk {
    hy__chunk_t *before;
    size_t room;
    max_align_t bytes[];
};

hy__mark_t hy__compat_mark(const hy__compat_t *c) {
    return (hy__mark_t){c->chunk, c->chunk_used};
}

void hy__compat_release(hy__compat_t *c, hy__mark_t mark) {
    while (c->chunk != mark.chunk) {
        hy__chunk_t *before = c->chunk->before;
        hy_free(c->chunk);
        c->chunk = before;
    }
    c->chunk_used = mark.used;
}

void *hy__compat_take(hy__compat_t *c, size_t bytes) {
    size_t need = (bytes + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    if (!c->chunk || need > c->chunk->room - c->chunk_used) {
        size_t room = need > CHUNK_BYTES ? need : CHUNK_BYTES;
        hy__chunk_t *chunk = hy_alloc(sizeof *chunk + room);
        if (!chunk) {
            c->gave_up = HY_ENOMEM;
            return NULL;
        }
        chunk->before = c->chunk;
        chunk->room = room;
        c->chunk = chunk;
        c->chunk_used = 0;
    }
    void *block = (char *)c->chunk->bytes + c->chunk_used;
    c->chunk_used += need;
    return block;
}

bool hy__compat_spend(hy__compat_t *c, size_t steps) {
    size_t left = HY_COMPAT_STEPS_MAX - c->steps;
    if (steps > left && !c->gave_up) c->gave_up = HY_ETOO_LARGE;
    c->steps += (uint32_t)(steps < left ? steps : left);
    return !c->gave_up;
}

enum { LOOKS_A_STEP = 8 };

bool hy__compat_look(hy__compat_t *c, size_t count) {
    return hy__compat_spend(c, count / LOOKS_A_STEP);
}

/* --- rules by themselves ---------------------------------------------------------------------- */

/* Nothing is said but what `place` may say. */
static bool is_any_but_place(const hy_rule_t *rule) {
    return rule->types == HY__TYPES_ALL && rule->constant.kind == HY_ABSENT && !rule->enumerated &&
           !rule->number && !rule->string && !rule->array && !rule->object;
}

bool hy__is_any(const hy_rule_t *rule) {
    return !rule->place && is_any_but_place(rule);
}

const hy_rule_t *hy__rule_meant(const hy_rule_t *rule) {
    for (;;) {
        const hy__place_rules_t *p = rule->place;
        bool is_mere = p && p->ref && !p->dynamic && p->all_of.count == 0 && p->any_of.count == 0 &&
                       p->one_of.count == 0 && !p->negated && !p->condition &&
                       is_any_but_place(rule);
        if (!is_mere) return rule;
        rule = p->ref;
    }
}

bool hy__type_fits(uint32_t types, hy_value_t v) {
    if (types & 1u << v.kind) return true;
    return v.kind == HY_REAL && (types & 1u << HY_INT) && v.as.r == floor(v.as.r);
}

const hy__member_rule_t *hy__rule_member(const hy__object_rules_t *object, const hy_str_t *key) {
    return hy_dict_find(&object->members, key->bytes, key->len, key->hash);
}

bool hy__pattern_matches(hy__compat_t *c, const hy__pattern_rule_t *pattern, const hy_str_t *key) {
    uint32_t cost = 0;
    int rc = hy_regex_match(pattern->regex, key->bytes, key->len, &cost);
    hy__compat_spend(c, 2 * (size_t)cost);
    if (rc < 0) c->gave_up = rc;
    return rc == 1;
}

int hy__value_fits(hy__compat_t *c, const hy_rule_t *rule, hy_value_t v, hy_error_t *err) {
    if (c->gave_up) return HY_ETOO_LARGE;
    uint32_t before = HY_RULES_STEPS_MAX - HY_COMPAT_STEPS_MAX + c->steps;
    hy__run_t run = {.err = err, .steps = before};
    int rc = hy__rule_run(&run, rule, v);
    hy__compat_spend(c, run.steps - before);
    hy__run_deinit(&run);
    if (rc < 0 && rc != HY_ESCHEMA) c->gave_up = rc;
    return rc;
}

/* --- choices ---------------------------------------------------------------------------------- */

/* What is known leaves these open, one of which it is. */
typedef struct {
    const hy__rule_list_t *any_of, *one_of;
    const hy__place_rules_t *condition;
    bool is_of_types;
} choice_t;

static bool has_some(hy__compat_t *c, const hy__known_t *k, const hy__rule_list_t *list) {
    hy__compat_look(c, (size_t)list->count * k->fits.count);
    for (uint32_t i = 0; i < list->count; i++) {
        if (hy__known_has(&k->fits, list->items[i])) return true;
    }
    return false;
}

/* Kinds of values that a choice is made of: both kinds of numbers are one. */
static const uint32_t type_groups[] = {1u << HY_NULL, 1u << HY_BOOL,   1u << HY_INT | 1u << HY_REAL,
                                       1u << HY_STR,  1u << HY_OBJECT, 1u << HY_ARRAY};
enum { TYPE_GROUPS = sizeof type_groups / sizeof *type_groups };

static uint32_t count_groups(uint32_t types) {
    uint32_t count = 0;
    for (size_t i = 0; i < TYPE_GROUPS; i++) {
        count += (types & type_groups[i]) != 0;
    }
    return count;
}

static bool find_choice(hy__compat_t *c, const hy__known_t *k, const hy_rule_t *reader,
                        choice_t *choice) {
    *choice = (choice_t){.any_of = NULL};
    for (uint32_t i = 0; i < k->fits.count && !c->gave_up; i++) {
        const hy__place_rules_t *place = k->fits.items[i]->place;
        if (!place) continue;
        if (place->any_of.count > 0 && !has_some(c, k, &place->any_of)) {
            choice->any_of = &place->any_of;
        } else if (place->one_of.count > 0 && !has_some(c, k, &place->one_of)) {
            choice->one_of = &place->one_of;
        } else if (place->condition && !hy__known_has(&k->fits, place->condition) &&
                   !hy__known_has(&k->misses, place->condition)) {
            choice->condition = place;
        } else {
            continue;
        }
        return true;
    }
    const hy__place_rules_t *place = reader->place;
    choice->is_of_types =
        place && (place->any_of.count > 0 || place->one_of.count > 0 || place->condition) &&
        count_groups(k->types) > 1;
    return choice->is_of_types;
}

static uint32_t count_branches(const choice_t *choice) {
    if (choice->any_of) return choice->any_of->count;
    if (choice->one_of) return choice->one_of->count;
    return choice->condition ? 2 : TYPE_GROUPS;
}

/* What is known where it is that one. */
static void take_branch(hy__compat_t *c, const choice_t *choice, uint32_t i, hy__known_t *k) {
    if (choice->any_of) {
        hy__known_add(c, k, choice->any_of->items[i], false);
    } else if (choice->one_of) {
        hy__known_add(c, k, choice->one_of->items[i], false);
        for (uint32_t other = 0; other < choice->one_of->count; other++) {
            if (other != i) hy__known_miss(c, k, choice->one_of->items[other]);
        }
    } else if (choice->is_of_types) {
        k->types &= type_groups[i];
    } else if (i == 0) {
        hy__known_add(c, k, choice->condition->condition, false);
        hy__known_add(c, k, choice->condition->then, false);
    } else {
        hy__known_miss(c, k, choice->condition->condition);
        hy__known_add(c, k, choice->condition->otherwise, false);
    }
    hy__known_close(c, k);
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool is_same_set(const hy__rule_set_t *a, const hy__rule_set_t *b) {
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof *a->items) == 0);
}

static bool is_same_known(const hy__known_t *a, const hy__known_t *b) {
    return a->types == b->types && a->present == b->present && is_same_set(&a->fits, &b->fits) &&
           is_same_set(&a->misses, &b->misses) && is_same_set(&a->naming, &b->naming);
}

static bool is_being_asked(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known) {
    for (const hy__question_t *q = c->questions; q; q = q->up) {
        hy__compat_look(c, q->known->fits.count + q->known->naming.count);
        if (q->reader == reader && q->is_open == c->is_open && is_same_known(q->known, known))
            return true;
    }
    return false;
}

/* What is known has a rule that says just what the reader's does. */
static bool has_same(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known) {
    hy__compat_look(c, known->fits.count);
    for (uint32_t i = 0; i < known->fits.count; i++) {
        if (hy__is_same_rule(c, reader, known->fits.items[i])) return true;
    }
    return false;
}

static bool covers_branches(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known,
                            const choice_t *choice) {
    bool covers = true;
    for (uint32_t i = 0; i < count_branches(choice) && (covers || c->quiet == 0); i++) {
        hy__known_t branch;
        hy__mark_t mark = hy__compat_mark(c);
        hy__known_copy(c, &branch, known);
        take_branch(c, choice, i, &branch);
        covers &= hy__covers(c, reader, &branch);
        hy__compat_release(c, mark);
    }
    return covers;
}

static bool answer(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known) {
    choice_t choice;
    hy__values_t values;
    if (hy__known_is_empty(c, known)) return true;
    if (hy__known_values(known, &values)) return hy__covers_values(c, reader, known, &values);
    if (!find_choice(c, known, reader, &choice)) return hy__covers_rule(c, reader, known);
    c->quiet++;
    bool covers = hy__covers_rule(c, reader, known);
    c->quiet--;
    return covers || covers_branches(c, reader, known, &choice);
}

bool hy__covers(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known) {
    reader = hy__rule_meant(reader);
    if (hy__is_any(reader) || hy__known_has(&known->fits, reader)) return true;
    if (!hy__compat_spend(c, 1 + c->depth / 8)) return false;
    if (is_being_asked(c, reader, known) || has_same(c, reader, known)) return true;
    if (c->depth == HY_COMPAT_DEPTH_MAX) {
        c->gave_up = HY_ETOO_LARGE;
        return false;
    }
    hy__question_t question = {c->questions, reader, known, c->is_open};
    hy__mark_t mark = hy__compat_mark(c);
    c->questions = &question;
    c->depth++;
    bool covers = answer(c, reader, known);
    c->depth--;
    c->questions = question.up;
    hy__compat_release(c, mark);
    return covers && !c->gave_up;
}

bool hy__covers_quietly(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known) {
    c->quiet++;
    bool covers = hy__covers(c, reader, known);
    c->quiet--;
    return covers;
}

/* All that fits `rule` fits `wide`, whatever members it has. */
static bool is_within(hy__compat_t *c, const hy_rule_t *rule, const hy_rule_t *wide) {
    bool was_open = c->is_open;
    hy__known_t k;
    hy__mark_t mark = hy__compat_mark(c);
    c->is_open = true;
    hy__known_init(&k);
    hy__known_add(c, &k, rule, false);
    hy__known_close(c, &k);
    bool covers = hy__covers_quietly(c, wide, &k);
    c->is_open = was_open;
    hy__compat_release(c, mark);
    return covers;
}

bool hy__excludes(hy__compat_t *c, const hy__known_t *known, const hy_rule_t *rule) {
    hy__known_t both;
    hy__mark_t mark = hy__compat_mark(c);
    hy__known_copy(c, &both, known);
    hy__known_add(c, &both, rule, false);
    hy__known_close(c, &both);
    bool excludes = hy__known_is_empty(c, &both);
    for (uint32_t i = 0; !excludes && i < known->misses.count; i++) {
        excludes = is_within(c, rule, known->misses.items[i]);
    }
    hy__compat_release(c, mark);
    return excludes;
}

/* --- schemas ---------------------------------------------------------------------------------- */

static void compare_rules(hy__compat_t *c, const hy_rule_t *reader, const hy_rule_t *writer,
                          bool *covers) {
    hy__known_t k;
    hy__mark_t mark = hy__compat_mark(c);
    hy__known_init(&k);
    hy__known_add(c, &k, writer, true);
    hy__known_close(c, &k);
    *covers &= hy__covers(c, reader, &k);
    hy__compat_release(c, mark);
}

/* Where a rule leads goes by the way to it: such can only be compared word by word. */
static bool has_dynamic(const hy_rules_t *rules) {
    for (uint32_t i = 0; i < rules->rule_count; i++) {
        const hy__place_rules_t *place = rules->rules[i]->place;
        if (place && place->dynamic_anchor) return true;
    }
    return false;
}

static bool compare_collections(hy__compat_t *c, const hy_rules_t *reader,
                                const hy_rules_t *writer) {
    bool covers = true;
    const hy__member_rule_t *collection;
    for (uint32_t pos = 0; (collection = hy_dict_next(&writer->also, &pos));) {
        const hy_str_t *name = collection->key;
        const hy_rule_t *own = hy_rules_also(reader, name->bytes, name->len);
        if (!own) continue;
        c->place.len = 0;
        hy_buf_add(&c->place, name->bytes, name->len);
        c->place_start = c->place.len;
        compare_rules(c, own, collection->rule, &covers);
    }
    c->place.len = c->place_start = 0;
    return covers;
}

static bool compare(hy__compat_t *c, const hy_rules_t *reader, const hy_rules_t *writer) {
    bool covers = true;
    if (has_dynamic(reader) || has_dynamic(writer))
        return hy__breaks(c, "refers to what depends on the way to it (\"$dynamicRef\"): it cannot "
                             "be told");
    compare_rules(c, reader->root, writer->root, &covers);
    covers &= compare_collections(c, reader, writer);
    if (!c->gave_up) return covers;
    const char *why = hy_error_text(c->gave_up);
    c->gave_up = 0;
    return hy__breaks(c, "it cannot be told whether all fits: %s", why);
}

bool hy_compat_can_read(const hy_schema_t *reader, const hy_schema_t *writer, hy_compat_cb found,
                        void *arg) {
    if (reader == writer || hy_str_equal(reader->digest, writer->digest)) return true;
    hy__compat_t *c = hy_alloc_zero(sizeof *c);
    if (!c) {
        if (found) found(arg, "", hy_error_text(HY_ENOMEM));
        return false;
    }
    c->found = found;
    c->arg = arg;
    c->quiet = !found;
    hy_buf_init(&c->place);
    bool can = hy_str_equal(reader->scheme, writer->scheme) ||
               hy__breaks(c, "has the scheme %s there, %s here", writer->scheme->bytes,
                          reader->scheme->bytes);
    can &= compare(c, reader->rules, writer->rules);
    hy__compat_release(c, (hy__mark_t){NULL, 0});
    hy_buf_deinit(&c->place);
    hy_free(c);
    return can;
}
