/* Between the files of the comparison of schemas (compat.h).
 *
 *      reader's rule ──► covers? ◄── what is known of a value that the writer writes
 *                          │
 *               members, items: the same one level down
 *
 * What is known of a value is the rules of the writer that it fits. Where those leave a choice
 * (anyOf, oneOf, if, several types), and the reader's rule does not cover all of it at once, each
 * choice is looked at by itself.
 *
 *      compat.c         the comparison: its memory and bounds; choices, what was asked before
 *      compat_rule.c    one rule of the reader: types, values, numbers, strings, rules in place
 *      compat_object.c  … its members
 *      compat_array.c   … its items
 *      compat_same.c    whether two rules are the same
 *      compat_known.c   what is known of a value
 *      compat_empty.c   whether there can be such a value
 *      compat_text.c    places and texts */
#ifndef HY_DATA_COMPAT_PRIVATE_H
#define HY_DATA_COMPAT_PRIVATE_H

#include "compat.h"
#include "rules_private.h"

/* --- memory ----------------------------------------------------------------------------------- */

/* Memory of a comparison comes from chunks, and all that was taken since a mark goes at once. */
typedef struct hy__chunk hy__chunk_t;

typedef struct {
    hy__chunk_t *chunk;
    size_t used;
} hy__mark_t;

/* --- what is known ---------------------------------------------------------------------------- */

typedef struct {
    const hy_rule_t **items;
    uint32_t count, room;
} hy__rule_set_t;

typedef struct {
    uint32_t types;        /* bits, as in a rule */
    hy__rule_set_t fits;   /* it fits these; what they refer to and their allOf are here, too */
    hy__rule_set_t misses; /* and none of these */
    hy__rule_set_t naming; /* the writer's, also such that it may miss: whose names are named */
    hy_str_t *present;     /* an object has this key; NULL: not known of any */
} hy__known_t;

/* All values that it can be, of which some may not be what is known, too: an array's items, a list,
 * or `few`. */
typedef struct {
    hy_node_t *array;       /* NULL: `list` */
    const hy_value_t *list; /* NULL: `few` */
    hy_value_t few[3];
    uint32_t count;
} hy__values_t;

/* --- a comparison ----------------------------------------------------------------------------- */

/* A question that is being answered: it counts as answered with yes where it comes up again further
 * down in the data. */
typedef struct hy__question {
    const struct hy__question *up;
    const hy_rule_t *reader;
    const hy__known_t *known;
    bool is_open;
} hy__question_t;

typedef struct {
    hy_compat_cb found;
    void *arg;
    uint32_t quiet; /* > 0: nothing is told, and the first answer of no is enough */
    bool is_open;   /* members may be there that nothing names */
    uint32_t told;
    uint32_t told_hashes[HY_COMPAT_PLACES_MAX];
    hy_buf_t place;
    size_t place_start; /* of it is the name of a collection */
    const hy__question_t *questions;
    uint32_t steps, depth; /* steps: also of rules that were run on values */
    int gave_up; /* HY_ENOMEM, HY_ETOO_LARGE: the answer is no, whatever is said from then on */
    hy__chunk_t *chunk;
    size_t chunk_used;
} hy__compat_t;

/* Counts steps. False if there were too many, or it gave up before. */
bool hy__compat_spend(hy__compat_t *c, size_t steps);
/* The same for so many things in a row that are only looked at. */
bool hy__compat_look(hy__compat_t *c, size_t count);
hy__mark_t hy__compat_mark(const hy__compat_t *c);
void hy__compat_release(hy__compat_t *c, hy__mark_t mark);
void *hy__compat_take(hy__compat_t *c, size_t bytes); /* NULL: it gave up */

/* True if every value of which that is known fits the rule; places that break it are told. */
bool hy__covers(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known);
/* The same without telling. */
bool hy__covers_quietly(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known);
/* True if no value of which that is known fits the rule. */
bool hy__excludes(hy__compat_t *c, const hy__known_t *known, const hy_rule_t *rule);
/* True if the two rules say the same in the same words. */
bool hy__is_same_rule(hy__compat_t *c, const hy_rule_t *a, const hy_rule_t *b);
/* Parts of the answer, with no choice left: where there is a list of all values; any; of these the
 * members; the items. */
bool hy__covers_values(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known,
                       const hy__values_t *values);
bool hy__covers_rule(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known);
bool hy__covers_members(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known);
bool hy__covers_items(hy__compat_t *c, const hy_rule_t *reader, const hy__known_t *known);

/* --- rules by themselves (compat.c) ----------------------------------------------------------- */

/* True for a rule that takes anything. */
bool hy__is_any(const hy_rule_t *rule);
/* The rule, or what it is a mere reference to. */
const hy_rule_t *hy__rule_meant(const hy_rule_t *rule);
bool hy__type_fits(uint32_t types, hy_value_t v);
/* NULL if it has none of that name. */
const hy__member_rule_t *hy__rule_member(const hy__object_rules_t *object, const hy_str_t *key);
/* True if the key has the pattern. Where that takes too long the comparison gives up. */
bool hy__pattern_matches(hy__compat_t *c, const hy__pattern_rule_t *pattern, const hy_str_t *key);

/* --- knowing (compat_known.c) ----------------------------------------------------------------- */

/* Nothing is known. */
void hy__known_init(hy__known_t *k);
/* As much as of the other. Changes do not reach that. */
void hy__known_copy(hy__compat_t *c, hy__known_t *k, const hy__known_t *from);
/* It fits the rule, too. `is_written`: the rule is the writer's, and its names are named. */
void hy__known_add(hy__compat_t *c, hy__known_t *k, const hy_rule_t *rule, bool is_written);
void hy__known_miss(hy__compat_t *c, hy__known_t *k, const hy_rule_t *rule);
bool hy__known_has(const hy__rule_set_t *set, const hy_rule_t *rule);
/* Brings in what follows from members that are there. After the last that was added. */
void hy__known_close(hy__compat_t *c, hy__known_t *k);

/* What is known of that member or item, if there is one. `m` is made. */
void hy__known_member(hy__compat_t *c, const hy__known_t *k, const hy_str_t *key, hy__known_t *m);
void hy__known_item(hy__compat_t *c, const hy__known_t *k, uint64_t index, hy__known_t *m);
/* … of members that match a pattern of the writer; of those that have no rule by name. */
void hy__known_matching(hy__compat_t *c, const hy__known_t *k, const hy_str_t *pattern,
                        hy__known_t *m);
void hy__known_others(hy__compat_t *c, const hy__known_t *k, hy__known_t *m);

/* True if such a member may be there: the writer names it, by itself, a pattern, or as one of any
 * (additionalProperties). */
bool hy__known_names(hy__compat_t *c, const hy__known_t *k, const hy_str_t *key);
bool hy__known_names_any(hy__compat_t *c, const hy__known_t *k);
bool hy__known_has_patterns(const hy__known_t *k);
bool hy__known_requires(hy__compat_t *c, const hy__known_t *k, const hy_str_t *key);

/* False if there is no list of them. */
bool hy__known_values(const hy__known_t *k, hy__values_t *values);
hy_value_t hy__value_at(const hy__values_t *values, uint32_t i);
bool hy__fits_known(hy__compat_t *c, const hy__known_t *k, hy_value_t v);
/* As hy_rule_check; HY_ETOO_LARGE: it gave up. */
int hy__value_fits(hy__compat_t *c, const hy_rule_t *rule, hy_value_t v, hy_error_t *err);

typedef struct {
    hy_value_t low, high; /* ABSENT: none */
    bool low_open, high_open;
} hy__span_t;

hy__span_t hy__known_span(const hy__known_t *k);
void hy__known_lengths(const hy__known_t *k, uint64_t *min, uint64_t *max);
void hy__known_counts(const hy__known_t *k, hy_kind_t kind, uint64_t *min, uint64_t *max);

/* True if there is no such value. */
bool hy__known_is_empty(hy__compat_t *c, const hy__known_t *k);

/* --- telling (compat_text.c) ------------------------------------------------------------------ */

size_t hy__place_enter(hy__compat_t *c, const char *text, size_t len);
size_t hy__place_enter_index(hy__compat_t *c, uint64_t index);
void hy__place_leave(hy__compat_t *c, size_t before);
/* Tells that what is there breaks it, unless it is quiet. Always false. */
bool hy__breaks(hy__compat_t *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "a string or null", "anything". */
enum { HY__LIST_BYTES = 128 };
const char *hy__types_text(uint32_t types, char text[HY__LIST_BYTES]);
/* "open, pending, closed", as many as a line bears; `is_bare`: texts without quotes. */
void hy__values_write(hy__compat_t *c, hy_buf_t *b, const hy__values_t *values, bool is_bare);

#endif
