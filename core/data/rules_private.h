/* What a compiled document is made of: for compiling (rules_compile.c and its neighbours), running
 * (rules_run.c), the check of changes, and the comparison of schemas.
 *
 *      hy_rule_t   types, const, enum                 any value
 *         │  place: $ref, allOf, anyOf …               other rules for the same value
 *         ├── number, string                          NULL where no keyword speaks of these
 *         ├── array    prefix, rest, contains …       rules for the items
 *         └── object   names, patterns, rest …        rules for the members
 *
 * Keywords are those of draft 2020-12, whatever the document's: "definitions" are gone, "items" of
 * a list is `prefix`, "additionalItems" is `rest`, "exclusiveMinimum": true turns `minimum` into
 * `above`, "dependencies" are taken apart. A reference is a pointer, so rules make a graph: with
 * cycles, but none that stays on one value. */
#ifndef HY_DATA_RULES_PRIVATE_H
#define HY_DATA_RULES_PRIVATE_H

#include "../base/dict.h"
#include "format.h"
#include "regex.h"
#include "rules.h"

typedef struct {
    uint32_t count;
    const hy_rule_t **items;
} hy__rule_list_t;

typedef struct {
    uint32_t count;
    hy_str_t **items;
} hy__key_list_t;

/* Where the items of an array are, by their hash: enough to see whether it has a value. */
typedef struct {
    uint32_t mask;
    uint32_t slots[]; /* index + 1; 0: free */
} hy__table_t;

/* --- what is said of one kind of value -------------------------------------------------------- */

/* INT or REAL each, ABSENT: not said. */
typedef struct {
    hy_value_t minimum, maximum;
    hy_value_t above, below; /* exclusiveMinimum, exclusiveMaximum */
    hy_value_t multiple_of;
} hy__number_rules_t;

/* Lengths are in characters (code points). */
typedef struct {
    uint64_t length_min, length_max; /* 0, UINT64_MAX: not said */
    hy_str_t *pattern;               /* NULL: not said */
    hy_regex_t *regex;               /* of that pattern */
    hy_str_t *format;                /* NULL: not said, or not known */
    hy_format_t *is_of_format;
} hy__string_rules_t;

typedef struct {
    uint64_t count_min, count_max; /* 0, UINT64_MAX: not said */
    hy__rule_list_t prefix;        /* for the first items, one each */
    const hy_rule_t *rest;         /* for the items after those; NULL: anything */
    const hy_rule_t *contains;     /* NULL: not said */
    uint64_t contains_min, contains_max;
    const hy_rule_t *unevaluated; /* unevaluatedItems; NULL: not said */
    bool is_unique;
    bool contains_evaluates; /* what "contains" takes is not left for unevaluatedItems */
} hy__array_rules_t;

/* A member that "properties" or "required" names. An entry of a dict. */
typedef struct {
    hy_str_t *key;
    const hy_rule_t *rule; /* NULL: "properties" does not have it */
    bool is_required;
} hy__member_rule_t;

/* "patternProperties". */
typedef struct {
    hy_str_t *pattern;
    hy_regex_t *regex;
    const hy_rule_t *rule;
} hy__pattern_rule_t;

/* What holds for an object that has that key: dependentSchemas, dependentRequired. */
typedef struct {
    hy_str_t *key;
    const hy_rule_t *rule; /* for the object; NULL: not said */
    hy__key_list_t required;
} hy__dependency_t;

typedef struct {
    uint64_t count_min, count_max; /* 0, UINT64_MAX: not said */
    hy_dict_t members;             /* of hy__member_rule_t */
    uint32_t required_count;       /* of those */
    uint32_t pattern_count;
    hy__pattern_rule_t *patterns;
    const hy_rule_t *rest;  /* additionalProperties; NULL: anything */
    const hy_rule_t *names; /* propertyNames: for each key, as a string; NULL: not said */
    uint32_t dependency_count;
    hy__dependency_t *dependencies;
    const hy_rule_t *unevaluated; /* unevaluatedProperties; NULL: not said */
} hy__object_rules_t;

/* --- rules for the same value ----------------------------------------------------------------- */

/* A document, or a schema in it that has an "$id" of its own: what a "$dynamicRef" is looked up in,
 * in those first that led here first. */
typedef struct {
    hy_str_t *uri;     /* absolute, without fragment */
    hy_dict_t dynamic; /* $dynamicAnchor of its schemas: of hy__member_rule_t */
} hy__resource_t;

typedef struct {
    const hy_rule_t *ref;     /* NULL: none; so are the others */
    const hy_rule_t *dynamic; /* $dynamicRef: where it leads if no resource on the way here … */
    hy_str_t *dynamic_anchor; /* … has this one; NULL: it leads to `dynamic` always */
    hy__rule_list_t all_of, any_of, one_of;
    const hy_rule_t *negated;                      /* not */
    const hy_rule_t *condition, *then, *otherwise; /* if, then, else */
} hy__place_rules_t;

/* --- a schema --------------------------------------------------------------------------------- */

struct hy_rule {
    const hy__resource_t *resource;
    uint32_t types; /* bits 1 << hy_kind_t that fit; `true` has all, `false` none. INT without REAL:
                     * "integer", which takes also a double without fraction */
    bool is_never;  /* `false` */
    bool has_unevaluated;     /* of `array` or `object` */
    bool keeps_scope;         /* there is a "$dynamicRef" that needs to know how one came to it */
    const hy_rule_t *instead; /* it says no more than "$ref": what that leads to; NULL: it does */
    uint32_t height;     /* how many rules lead to rules from here, on the same value; at least 1 */
    hy_value_t constant; /* const; ABSENT: not said */
    hy_node_t *enumerated; /* enum: an array; NULL: not said */
    hy__table_t *table;    /* where it is long: to find a value in it */
    hy__place_rules_t *place;
    hy__number_rules_t *number;
    hy__string_rules_t *string;
    hy__array_rules_t *array;
    hy__object_rules_t *object;
};

struct hy_rules {
    const hy_rule_t *root;
    hy_dict_t also; /* of hy__member_rule_t; what else is a root */
    hy_regexes_t *regexes;
    hy_rule_t **rules;
    uint32_t rule_count, rule_room;
    hy__resource_t **resources;
    uint32_t resource_count, resource_room;
};

enum {
    HY__TYPES_ALL = 1u << HY_NULL | 1u << HY_BOOL | 1u << HY_INT | 1u << HY_REAL | 1u << HY_STR |
                    1u << HY_OBJECT | 1u << HY_ARRAY
};

/* --- running ---------------------------------------------------------------------------------- */

/* Where in the data a run is, from below. */
typedef struct hy__at {
    const struct hy__at *up; /* NULL: at the root */
    const hy_str_t *key;     /* NULL: an index */
    size_t index;            /* from 0 */
} hy__at_t;

/* Which resources led here, innermost first. */
typedef struct hy__scope {
    const struct hy__scope *outer;
    const hy__resource_t *resource;
} hy__scope_t;

/* One run. A fast one has no `err` and keeps no `at`; where it says no, another one with both tells
 * why. Zeroed but for these two. */
typedef struct {
    hy_error_t *err;      /* NULL: none is wanted */
    hy_error_t *silenced; /* who wants none about what fits not, but about bounds; NULL: nobody */
    const hy__at_t *at;   /* the value that is looked at, where `err` is wanted */
    const hy__scope_t *scope;
    uint32_t steps, depth;
    uint32_t cheap; /* what was done beside those, and makes no whole step yet */
    /* The rules that took the value that is looked at, for "unevaluated…" to see what they named.
     */
    const hy_rule_t **taken;
    uint32_t taken_count, taken_room;
    bool is_taking;     /* somebody wants to know */
    bool is_name;       /* it is the name of a member that is looked at */
    unsigned told;      /* how well `err` tells what is wrong: the deeper in the data the better */
    uint32_t explained; /* alternatives that were, up to HY_RULES_EXPLAINED_MAX */
    bool is_weighing;   /* it is among alternatives, none of which fits */
} hy__run_t;

/* A run from its beginning to its end. 0, HY_ESCHEMA (also where a bound ended it), HY_ENOMEM. */
int hy__run_whole(hy__run_t *run, const hy_rule_t *rule, hy_value_t v);

/* For a part of a run, as the check of changes does it: */
void hy__run_deinit(hy__run_t *run);
/* Runs a rule on a value. 0; HY_ESCHEMA: it does not fit, and `run->err` says why. Anything else is
 * no verdict and ends the run: HY_ENOMEM; HY_ETOO_LARGE: a bound, told in `run->err`, too. */
int hy__rule_run(hy__run_t *run, const hy_rule_t *rule, hy_value_t v);
/* The same on a member of the object, or an item of the array (key NULL), that is looked at. */
int hy__rule_run_at(hy__run_t *run, const hy_rule_t *rule, const hy_str_t *key, size_t index,
                    hy_value_t v);

/* --- rules_explain.c -------------------------------------------------------------------------- */

/* Tells why: the place, the value (ABSENT: not named), and what is wrong with it. HY_ESCHEMA. */
int hy__explain(hy__run_t *run, hy_value_t v, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, with another value at its end: 5 "is less than" 7. */
int hy__explain_with(hy__run_t *run, hy_value_t v, const char *what, hy_value_t other);
/* A value as a person would name it: JSON where it is short, "a list" where it is none of that. */
void hy__value_write(hy_value_t v, char *out, size_t size);
int hy__explain_type(hy__run_t *run, uint32_t types, hy_value_t v);
int hy__explain_enum(hy__run_t *run, const hy_node_t *values, hy_value_t v);
/* Of alternatives that did not fit, in a run with `err`: keeps the text of the one that came
 * nearest. */
typedef struct {
    hy_error_t best;
    unsigned told; /* how well that tells; 0: none yet */
    unsigned rank; /* … and whether it is meant: of the kind that the value says it is */
    bool is_only;  /* no other has that rank */
} hy__nearest_t;
/* `rule` is an alternative that did not fit, and `err` says why. */
void hy__nearest_look(hy__nearest_t *nearest, hy__run_t *run, const hy_rule_t *rule, hy_value_t v,
                      const hy_error_t *err);
/* Says what is wrong with the nearest, or that the value is none of so many. HY_ESCHEMA. */
int hy__explain_nearest(hy__run_t *run, const hy__nearest_t *nearest, uint32_t count, hy_value_t v);
/* Ends the run: it went over a bound. HY_ETOO_LARGE. */
int hy__explain_bound(hy__run_t *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- rules_equal.c ---------------------------------------------------------------------------- */

/* Equal as JSON Schema has it: 1 is 1.0, the order of keys is nothing. */
bool hy__rules_equal(hy_value_t a, hy_value_t b);
/* The same while something is left to spend, which the work is taken from: cheap things, of which
 * HY__CHEAP_A_STEP are a step. What is said when `*left` is 0 means nothing. */
bool hy__rules_equal_in(hy_value_t a, hy_value_t b, uint64_t *left);
uint32_t hy__rules_hash(hy_value_t v); /* equal if the values are; never 0 */
/* < 0, 0, > 0 for two numbers, exact also beyond 2^53. */
int hy__rules_compare(hy_value_t a, hy_value_t b);

/* A table of so many items, empty; NULL: out of memory. */
hy__table_t *hy__table_new(size_t count);
/* The index of an item that is equal to the value; if there is none, SIZE_MAX, and `add` (if it is
 * not SIZE_MAX) is put in as the value's index. */
size_t hy__table_find(hy__table_t *t, const hy_node_t *array, hy_value_t v, size_t add);
size_t hy__table_find_in(hy__table_t *t, const hy_node_t *array, hy_value_t v, size_t add,
                         uint64_t *left);

#endif
