/* Running, file by file: rules_run.c, rules_run_value.c, rules_run_array.c, rules_run_object.c.
 *
 * One code both says whether a value fits and tells why it does not: texts are made only where a
 * run has an `err`, so the two cannot differ. */
#ifndef HY_DATA_RULES_RUN_H
#define HY_DATA_RULES_RUN_H

#include "rules_private.h"

#define HY__REFUSE(run, ...)      ((run)->err ? hy__explain(run, __VA_ARGS__) : HY_ESCHEMA)
#define HY__REFUSE_WITH(run, ...) ((run)->err ? hy__explain_with(run, __VA_ARGS__) : HY_ESCHEMA)

/* What a long loop over cheap things costs: a step for so many. */
enum { HY__CHEAP_A_STEP = 16 };

/* HY_ETOO_LARGE: these were too many. */
int hy__run_count(hy__run_t *run, size_t steps);
/* The same for so many cheap things; what is left of a step is kept for the next. */
int hy__run_spend(hy__run_t *run, uint64_t cheap);
/* The same for so many looks for a key where `keys` are. */
int hy__run_look(hy__run_t *run, size_t looks, size_t keys);
/* How many of these are left, at least 1; and counts what was spent since. HY_ETOO_LARGE: all. */
uint64_t hy__run_left(const hy__run_t *run);
int hy__run_settle(hy__run_t *run, uint64_t left);
/* One rule more on the way to a value: counted, and run->depth is one more until the caller takes
 * it back. HY_ETOO_LARGE: there are too many, and it is as before. */
int hy__run_enter(hy__run_t *run);
/* True if there are steps left for a run that tells why a fast one said no: both are one check.
 * That there are none is told. */
bool hy__run_tells(const hy__run_t *fast, hy__run_t *telling);
/* Whether it fits, without a word about why not: 0, HY_ESCHEMA, or what ends the run. */
int hy__run_try(hy__run_t *run, const hy_rule_t *rule, hy_value_t v);
int hy__run_try_at(hy__run_t *run, const hy_rule_t *rule, hy_value_t v); /* an item, a member */
/* 0: the pattern is in the text; HY_ESCHEMA: it is not; or what ends the run. */
int hy__run_pattern(hy__run_t *run, const hy_regex_t *regex, const hy_str_t *pattern,
                    const hy_str_t *text);

/* What a rule says of a value itself: type, const, enum, and the keywords of its kind. */
int hy__run_value(hy__run_t *run, const hy_rule_t *rule, hy_value_t v);
int hy__run_array(hy__run_t *run, const hy__array_rules_t *a, hy_node_t *n);
int hy__run_object(hy__run_t *run, const hy__object_rules_t *o, hy_node_t *n);
/* Of these, and of a rule's place: what only all of the value tells. const, enum; */
int hy__run_constant(hy__run_t *run, const hy_rule_t *rule, hy_value_t v);
/* … whether there are not `too_few`, not `too_many`, where asked; */
int hy__run_array_count(hy__run_t *run, const hy__array_rules_t *a, const hy_node_t *n,
                        bool too_few, bool too_many);
int hy__run_object_count(hy__run_t *run, const hy__object_rules_t *o, const hy_node_t *n,
                         bool too_few, bool too_many);
/* … contains, uniqueItems; and anyOf, oneOf, not, if, and a $dynamicRef that depends on the way. */
int hy__run_array_whole(hy__run_t *run, const hy__array_rules_t *a, const hy_node_t *n);
int hy__run_place_whole(hy__run_t *run, const hy__place_rules_t *p, hy_value_t v);
/* Of these: what is said of a member by itself (`m`: its entry, NULL if there is none), and of keys
 * that have to be there. */
int hy__run_member(hy__run_t *run, const hy__object_rules_t *o, const hy__member_rule_t *m,
                   hy_str_t *key, hy_value_t v);
int hy__refuse_missing(hy__run_t *run, const hy_str_t *key);
int hy__run_dependency_keys(hy__run_t *run, const hy__dependency_t *d, const hy_node_t *n);

/* What is left of an array or object by the rules that took it, `run->taken` from `mark` on. */
int hy__run_array_left(hy__run_t *run, const hy__array_rules_t *a, hy_node_t *n, uint32_t mark);
int hy__run_object_left(hy__run_t *run, const hy__object_rules_t *o, hy_node_t *n, uint32_t mark);

#endif
