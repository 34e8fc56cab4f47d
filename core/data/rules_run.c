/* Running rules: a rule on a value, and the rules that it leads to on the same value. */
#include "rules_run.h"

#include "../base/mem.h"

int hy__run_count(hy__run_t *run, size_t steps) {
    run->steps += steps <= HY_RULES_STEPS_MAX ? (uint32_t)steps : HY_RULES_STEPS_MAX + 1;
    if (run->steps <= HY_RULES_STEPS_MAX) return 0;
    return hy__explain_bound(run, "takes more than %u steps to check", HY_RULES_STEPS_MAX);
}

int hy__run_spend(hy__run_t *run, uint64_t cheap) {
    uint64_t sum = run->cheap + cheap;
    run->cheap = (uint32_t)(sum % HY__CHEAP_A_STEP);
    return hy__run_count(run, (size_t)(sum / HY__CHEAP_A_STEP));
}

/* More than this many are not in the cache. */
enum { KEYS_NEAR = 64, NEAR_COST = 4, FAR_COST = 20 };

int hy__run_look(hy__run_t *run, size_t looks, size_t keys) {
    return hy__run_spend(run, (uint64_t)looks * (keys > KEYS_NEAR ? FAR_COST : NEAR_COST));
}

uint64_t hy__run_left(const hy__run_t *run) {
    uint64_t steps = run->steps < HY_RULES_STEPS_MAX ? HY_RULES_STEPS_MAX - run->steps : 0;
    return (steps + 1) * HY__CHEAP_A_STEP;
}

int hy__run_settle(hy__run_t *run, uint64_t left) {
    return hy__run_spend(run, hy__run_left(run) - left);
}

static int run_silenced(hy__run_t *run, const hy_rule_t *rule, hy_value_t v, bool is_below) {
    hy_error_t *err = run->err, *silenced = run->silenced;
    if (err) run->silenced = err;
    run->err = NULL;
    int rc = is_below ? hy__rule_run_at(run, rule, NULL, 0, v) : hy__rule_run(run, rule, v);
    run->err = err;
    run->silenced = silenced;
    return rc;
}

int hy__run_try(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    return run_silenced(run, rule, v, false);
}

int hy__run_try_at(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    return run_silenced(run, rule, v, true);
}

/* What hy_regex_match() counts, in what is cheap. */
enum { SEARCH_COST = 8 * HY__CHEAP_A_STEP, PLAIN_COST = 12 };

int hy__run_pattern(hy__run_t *run, const hy_regex_t *regex, const hy_str_t *pattern,
                    const hy_str_t *text) {
    uint32_t cost = 0;
    int rc = hy_regex_match(regex, text->bytes, text->len, &cost);
    if (rc == HY_ETOO_LARGE)
        return hy__explain_bound(run, "takes too long to compare with the pattern %s",
                                 pattern->bytes);
    if (rc < 0) return rc;
    unsigned each = hy_regex_is_plain(regex) ? PLAIN_COST : SEARCH_COST;
    int counted = hy__run_spend(run, (uint64_t)cost * each);
    return counted < 0 ? counted : rc == 1 ? 0 : HY_ESCHEMA;
}

/* --- alternatives ----------------------------------------------------------------------------- */

/* One of several; why it does not fit is kept apart, unless that was asked too often. */
static int run_alternative(hy__run_t *run, const hy_rule_t *rule, hy_value_t v,
                           hy__nearest_t *nearest) {
    if (run->explained >= HY_RULES_EXPLAINED_MAX) {
        nearest->is_only = false;
        return hy__run_try(run, rule, v);
    }
    hy_error_t *err = run->err, own;
    own.text[0] = '\0';
    run->err = &own;
    int rc = hy__rule_run(run, rule, v);
    run->err = err;
    if (rc == HY_ESCHEMA) {
        hy__nearest_look(nearest, run, rule, v, &own);
    } else if (rc < 0) {
        *err = own;
    }
    return rc;
}

/* `max`: how many may fit; 1 must. All are tried where it matters how many, and where somebody
 * wants to know what those that fit have named. `*fitting`: how many it were, from 0. */
static int run_some_of(hy__run_t *run, const hy__rule_list_t *list, uint32_t max, hy_value_t v,
                       hy__nearest_t *nearest, uint32_t *fitting) {
    for (uint32_t i = 0; i < list->count; i++) {
        int rc = nearest ? run_alternative(run, list->items[i], v, nearest)
                         : hy__rule_run(run, list->items[i], v);
        if (rc < 0 && rc != HY_ESCHEMA) return rc;
        if (rc < 0) continue;
        if (++*fitting > max) return HY_ESCHEMA;
        if (max > 1 && !run->is_taking) return 0;
    }
    return *fitting > 0 ? 0 : HY_ESCHEMA;
}

/* Without a word about why not. */
static int try_some_of(hy__run_t *run, const hy__rule_list_t *list, uint32_t max, hy_value_t v,
                       uint32_t *fitting) {
    hy_error_t *err = run->err, *silenced = run->silenced;
    run->silenced = err;
    run->err = NULL;
    int rc = run_some_of(run, list, max, v, NULL, fitting);
    run->err = err;
    run->silenced = silenced;
    return rc;
}

/* Apart, as what it keeps is large. */
static __attribute__((noinline)) int weigh_some_of(hy__run_t *run, const hy__rule_list_t *list,
                                                   uint32_t max, hy_value_t v, uint32_t *fitting) {
    hy__nearest_t nearest;
    nearest.told = nearest.rank = 0;
    int rc = run_some_of(run, list, max, v, &nearest, fitting);
    return rc == HY_ESCHEMA && *fitting == 0 ? hy__explain_nearest(run, &nearest, list->count, v)
                                             : rc;
}

/* Most fit, and need no explaining: so they are tried first, and run again if they do not. Among
 * alternatives of which none fits that has been done; so this happens but once in a run. */
static int tell_some_of(hy__run_t *run, const hy__rule_list_t *list, uint32_t max, hy_value_t v) {
    bool was_weighing = run->is_weighing, is_short = run->explained >= HY_RULES_EXPLAINED_MAX;
    uint32_t fitting = 0, mark = run->taken_count;
    int rc = was_weighing && !is_short ? HY_ESCHEMA : try_some_of(run, list, max, v, &fitting);
    if (rc == HY_ESCHEMA && fitting == 0 && !is_short) {
        run->taken_count = mark;
        run->is_weighing = true;
        rc = weigh_some_of(run, list, max, v, &fitting);
        run->is_weighing = was_weighing;
    } else if (rc == HY_ESCHEMA && fitting == 0) {
        return hy__explain(run, v, "fits none of %u alternatives", list->count);
    }
    return rc == HY_ESCHEMA && fitting > max
               ? hy__explain(run, v, "fits more than one of \"oneOf\"")
               : rc;
}

/* --- other rules for the same value ----------------------------------------------------------- */

static int run_condition(hy__run_t *run, const hy__place_rules_t *p, hy_value_t v) {
    int rc = hy__run_try(run, p->condition, v);
    if (rc < 0 && rc != HY_ESCHEMA) return rc;
    const hy_rule_t *rule = rc == 0 ? p->then : p->otherwise;
    return rule ? hy__rule_run(run, rule, v) : 0;
}

static int run_negated(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    uint32_t mark = run->taken_count;
    int rc = hy__run_try(run, rule, v);
    run->taken_count = mark;
    if (rc == 0) return HY__REFUSE(run, v, "is what it must not be");
    return rc == HY_ESCHEMA ? 0 : rc;
}

enum { SCOPE_COST = 8 }; /* to look for an anchor in one, in what is cheap */

/* That of the outermost resource on the way here that has the anchor. */
static int run_dynamic(hy__run_t *run, const hy__place_rules_t *p, hy_value_t v) {
    const hy_rule_t *found = p->dynamic;
    size_t looks = 0;
    for (const hy__scope_t *s = p->dynamic_anchor ? run->scope : NULL; s; s = s->outer) {
        looks++;
        if (!s->resource) continue; /* `true` and `false` are of none */
        const hy__member_rule_t *m = hy_dict_get(&s->resource->dynamic, p->dynamic_anchor);
        if (m) found = m->rule;
    }
    int rc = hy__run_spend(run, looks * SCOPE_COST);
    return rc == 0 ? hy__rule_run(run, found, v) : rc;
}

static int run_some(hy__run_t *run, const hy__rule_list_t *list, uint32_t max, hy_value_t v) {
    uint32_t fitting = 0;
    return run->err ? tell_some_of(run, list, max, v)
                    : run_some_of(run, list, max, v, NULL, &fitting);
}

static int run_alternatives(hy__run_t *run, const hy__place_rules_t *p, hy_value_t v) {
    int rc = p->any_of.count > 0 ? run_some(run, &p->any_of, UINT32_MAX, v) : 0;
    if (rc == 0 && p->one_of.count > 0) rc = run_some(run, &p->one_of, 1, v);
    if (rc == 0 && p->negated) rc = run_negated(run, p->negated, v);
    if (rc == 0 && p->condition) rc = run_condition(run, p, v);
    return rc;
}

int hy__run_place_whole(hy__run_t *run, const hy__place_rules_t *p, hy_value_t v) {
    int rc = p->dynamic_anchor ? run_dynamic(run, p, v) : 0;
    return rc == 0 ? run_alternatives(run, p, v) : rc;
}

static int run_place(hy__run_t *run, const hy__place_rules_t *p, hy_value_t v) {
    int rc = p->ref ? hy__rule_run(run, p->ref, v) : 0;
    if (rc == 0 && p->dynamic) rc = run_dynamic(run, p, v);
    for (uint32_t i = 0; rc == 0 && i < p->all_of.count; i++)
        rc = hy__rule_run(run, p->all_of.items[i], v);
    return rc == 0 ? run_alternatives(run, p, v) : rc;
}

/* --- a rule ----------------------------------------------------------------------------------- */

static int run_parts(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    int rc = hy__run_value(run, rule, v);
    if (rc == 0 && rule->array && v.kind == HY_ARRAY) rc = hy__run_array(run, rule->array, v.as.n);
    if (rc == 0 && rule->object && v.kind == HY_OBJECT)
        rc = hy__run_object(run, rule->object, v.as.n);
    return rc == 0 && rule->place ? run_place(run, rule->place, v) : rc;
}

static int take(hy__run_t *run, const hy_rule_t *rule) {
    if (run->taken_count == run->taken_room) {
        uint32_t room = run->taken_room ? 2 * run->taken_room : 16;
        const hy_rule_t **grown = hy_realloc(run->taken, room * sizeof *grown);
        if (!grown) return HY_ENOMEM;
        run->taken = grown;
        run->taken_room = room;
    }
    run->taken[run->taken_count++] = rule;
    return 0;
}

/* Where somebody wants to know which rules took the value: this one is among them if it fits, with
 * those that it led to. What is left by these is then for its "unevaluated…". */
static int run_taking(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    const hy_rule_t *array = rule->array && v.kind == HY_ARRAY ? rule : NULL;
    const hy_rule_t *object = rule->object && v.kind == HY_OBJECT ? rule : NULL;
    bool was_taking = run->is_taking;
    uint32_t mark = run->taken_count;
    if (rule->has_unevaluated) run->is_taking = true;
    int rc = run_parts(run, rule, v);
    if (rc == 0 && array && array->array->unevaluated)
        rc = hy__run_array_left(run, rule->array, v.as.n, mark);
    if (rc == 0 && object && object->object->unevaluated)
        rc = hy__run_object_left(run, rule->object, v.as.n, mark);
    if (rc == 0 && was_taking && (array || object)) rc = take(run, rule);
    if (rc < 0 || !was_taking) run->taken_count = mark;
    run->is_taking = was_taking;
    return rc;
}

static int run_rule(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    bool is_taking = run->is_taking || rule->has_unevaluated;
    return is_taking ? run_taking(run, rule, v) : run_parts(run, rule, v);
}

/* The same, and what it leads to knows that one came by its resource. */
static int run_in_scope(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    if (!rule->resource || (run->scope && run->scope->resource == rule->resource))
        return run_rule(run, rule, v);
    hy__scope_t scope = {run->scope, rule->resource};
    run->scope = &scope;
    int rc = run_rule(run, rule, v);
    run->scope = scope.outer;
    return rc;
}

int hy__run_enter(hy__run_t *run) {
    int rc = hy__run_count(run, 1);
    if (rc < 0) return rc;
    if (run->depth >= HY_RULES_DEPTH_MAX)
        return hy__explain_bound(run, "rules lead to rules deeper than %u", HY_RULES_DEPTH_MAX);
    run->depth++;
    return 0;
}

int hy__rule_run(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    int rc = hy__run_enter(run);
    if (rc < 0) return rc;
    if (rule->instead) rule = rule->instead;
    rc = rule->keeps_scope ? run_in_scope(run, rule, v) : run_rule(run, rule, v);
    run->depth--;
    return rc;
}

int hy__rule_run_at(hy__run_t *run, const hy_rule_t *rule, const hy_str_t *key, size_t index,
                    hy_value_t v) {
    bool was_taking = run->is_taking;
    hy__at_t at = {run->at, key, index};
    run->is_taking = false;
    if (run->err) run->at = &at;
    int rc = hy__rule_run(run, rule, v);
    run->at = at.up;
    run->is_taking = was_taking;
    return rc;
}

/* --- a whole run ------------------------------------------------------------------------------ */

void hy__run_deinit(hy__run_t *run) {
    hy_free(run->taken);
}

int hy__run_whole(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    int rc = hy__rule_run(run, rule, v);
    hy__run_deinit(run);
    return rc == HY_ETOO_LARGE ? HY_ESCHEMA : rc;
}

bool hy__run_tells(const hy__run_t *fast, hy__run_t *telling) {
    telling->steps = fast->steps;
    return hy__run_count(telling, 0) == 0;
}

int hy_rule_check(const hy_rule_t *rule, hy_value_t value, hy_error_t *err) {
    hy__run_t fast = {.err = NULL}, telling = {.err = err};
    int rc = hy__run_whole(&fast, rule, value);
    if (rc != HY_ESCHEMA || !err || !hy__run_tells(&fast, &telling)) return rc;
    return hy__run_whole(&telling, rule, value);
}
