/* The check of what a change touched: rules are followed from the root down to it.
 *
 *      rule ── ref, allOf ──► rules for the same node, followed too
 *        ├── properties, items … ──► rules for the touched node in it, followed
 *        │                           rules for what was put in, run
 *        ├── required, maxItems …    looked at where something came or went
 *        └── anyOf, const, contains, uniqueItems …    run: they speak of the whole node
 *
 * What was put in is run as a whole; all else fitted before, and what a rule that is followed says
 * of it still holds.
 */
#include "rules_run.h"
#include "touched.h"

static int follow(hy__run_t *run, const hy_rule_t *rule, const hy__touch_t *touch);

/* The same one level down. */
static int follow_at(hy__run_t *run, const hy_rule_t *rule, const hy_str_t *key, size_t index,
                     const hy__touch_t *touch) {
    hy__at_t at = {run->at, key, index};
    run->at = &at;
    int rc = follow(run, rule, touch);
    run->at = at.up;
    return rc;
}

/* --- arrays ----------------------------------------------------------------------------------- */

static const hy_rule_t *rule_for_item(const hy__array_rules_t *a, size_t i) {
    return i < a->prefix.count ? a->prefix.items[i] : a->rest;
}

static int run_items(hy__run_t *run, const hy__array_rules_t *a, const hy_node_t *n, size_t from,
                     size_t end) {
    int rc = 0;
    for (size_t i = from; rc == 0 && i < end; i++) {
        const hy_rule_t *rule = rule_for_item(a, i);
        if (rule) rc = hy__rule_run_at(run, rule, NULL, i, hy_node_at(n, i));
    }
    return rc;
}

/* Items that moved have another rule now where it goes by their place, or did before. */
static int run_moved(hy__run_t *run, const hy__array_rules_t *a, const hy__touch_t *touch) {
    const hy__news_t *news = touch->news;
    size_t count = hy_node_count(touch->node), end = a->prefix.count;
    if (news->moved_from >= end) return 0;
    end = news->moved_by < count ? end + news->moved_by : count;
    return run_items(run, a, touch->node, news->moved_from, end < count ? end : count);
}

static int run_put_in(hy__run_t *run, const hy__array_rules_t *a, const hy__touch_t *touch) {
    const hy__news_t *news = touch->news;
    int rc = hy__run_array_count(run, a, touch->node, news->has_gone, news->has_come);
    if (rc == 0) rc = run_items(run, a, touch->node, news->low, news->high);
    return rc == 0 ? run_moved(run, a, touch) : rc;
}

static int follow_array(hy__run_t *run, const hy__array_rules_t *a, const hy__touch_t *touch) {
    int rc = touch->news ? run_put_in(run, a, touch) : 0;
    for (const hy__touch_t *in = touch->first; rc == 0 && in; in = in->next) {
        size_t i = hy_node_index(in->node);
        const hy_rule_t *rule = rule_for_item(a, i);
        if (rule) rc = follow_at(run, rule, NULL, i, in);
    }
    return rc == 0 ? hy__run_array_whole(run, a, touch->node) : rc;
}

/* --- objects ---------------------------------------------------------------------------------- */

/* A member that was set or removed. */
static int run_key(hy__run_t *run, const hy__object_rules_t *o, const hy_node_t *n, hy_str_t *key) {
    const hy__member_rule_t *m = hy_dict_get(&o->members, key);
    hy_value_t v = hy_node_find(n, key);
    if (v.kind != HY_ABSENT) return hy__run_member(run, o, m, key, v);
    return m && m->is_required ? hy__refuse_missing(run, key) : 0;
}

/* A member in which something was touched. */
static int follow_key(hy__run_t *run, const hy__object_rules_t *o, const hy__touch_t *in) {
    hy_str_t *key = hy_node_key(in->node);
    const hy__member_rule_t *m = hy_dict_get(&o->members, key);
    bool has = m && m->rule;
    int rc = has ? follow_at(run, m->rule, key, 0, in) : 0;
    for (uint32_t i = 0; rc == 0 && i < o->pattern_count; i++) {
        const hy__pattern_rule_t *p = &o->patterns[i];
        rc = hy__run_pattern(run, p->regex, p->pattern, key);
        if (rc == 0) {
            has = true;
            rc = follow_at(run, p->rule, key, 0, in);
        } else if (rc == HY_ESCHEMA) {
            rc = 0;
        }
    }
    return rc == 0 && !has && o->rest ? follow_at(run, o->rest, key, 0, in) : rc;
}

/* Its rule held before, unless it is the key that has come. */
static int follow_dependency(hy__run_t *run, const hy__dependency_t *d, const hy__touch_t *touch) {
    if (hy_node_find(touch->node, d->key).kind == HY_ABSENT) return 0;
    const hy__news_t *news = touch->news;
    bool has_come = news && hy__news_has_key(news, d->key);
    int rc =
        has_come || (news && news->has_gone) ? hy__run_dependency_keys(run, d, touch->node) : 0;
    if (rc < 0 || !d->rule) return rc;
    return has_come ? hy__rule_run(run, d->rule, hy_node_value(touch->node))
                    : follow(run, d->rule, touch);
}

static int run_news(hy__run_t *run, const hy__object_rules_t *o, const hy__touch_t *touch) {
    const hy__news_t *news = touch->news;
    int rc = hy__run_object_count(run, o, touch->node, news->has_gone, news->has_come);
    hy_str_t *key;
    for (uint32_t pos = 0; rc == 0 && (key = hy__news_next_key(news, &pos));) {
        rc = run_key(run, o, touch->node, key);
    }
    return rc;
}

static int follow_object(hy__run_t *run, const hy__object_rules_t *o, const hy__touch_t *touch) {
    int rc = touch->news ? run_news(run, o, touch) : 0;
    for (const hy__touch_t *in = touch->first; rc == 0 && in; in = in->next) {
        rc = follow_key(run, o, in);
    }
    if (rc == 0)
        rc = hy__run_look(run, o->dependency_count,
                          o->dependency_count + hy_node_count(touch->node));
    for (uint32_t i = 0; rc == 0 && i < o->dependency_count; i++) {
        rc = follow_dependency(run, &o->dependencies[i], touch);
    }
    return rc;
}

/* --- the same node ---------------------------------------------------------------------------- */

static int follow_place(hy__run_t *run, const hy__place_rules_t *place, const hy__touch_t *touch) {
    int rc = place->ref ? follow(run, place->ref, touch) : 0;
    if (rc == 0 && place->dynamic && !place->dynamic_anchor)
        rc = follow(run, place->dynamic, touch);
    for (uint32_t i = 0; rc == 0 && i < place->all_of.count; i++) {
        rc = follow(run, place->all_of.items[i], touch);
    }
    return rc == 0 ? hy__run_place_whole(run, place, hy_node_value(touch->node)) : rc;
}

static int follow_parts(hy__run_t *run, const hy_rule_t *rule, const hy__touch_t *touch) {
    hy_value_t v = hy_node_value(touch->node);
    int rc = hy__run_constant(run, rule, v);
    if (rc == 0 && rule->array && v.kind == HY_ARRAY) rc = follow_array(run, rule->array, touch);
    if (rc == 0 && rule->object && v.kind == HY_OBJECT)
        rc = follow_object(run, rule->object, touch);
    return rc == 0 && rule->place ? follow_place(run, rule->place, touch) : rc;
}

static int follow(hy__run_t *run, const hy_rule_t *rule, const hy__touch_t *touch) {
    if (rule->instead) rule = rule->instead;
    if (rule->has_unevaluated) return hy__rule_run(run, rule, hy_node_value(touch->node));
    int rc = hy__run_enter(run);
    if (rc < 0) return rc;
    hy__scope_t scope = {run->scope, rule->resource};
    if (rule->keeps_scope && rule->resource) run->scope = &scope;
    rc = follow_parts(run, rule, touch);
    run->depth--;
    run->scope = scope.outer;
    return rc;
}

/* --- a change --------------------------------------------------------------------------------- */

static int check(hy__run_t *run, const hy_rule_t *rule, hy_node_t *root,
                 const hy__touched_t *touched) {
    if (touched->is_whole) return hy__run_whole(run, rule, hy_node_value(root));
    int rc = follow(run, rule, touched->root);
    hy__run_deinit(run);
    return rc == HY_ETOO_LARGE ? HY_ESCHEMA : rc;
}

int hy_rule_check_effects(const hy_rule_t *rule, hy_node_t *root, const hy_effect_t *effects,
                          uint32_t count, hy_error_t *err) {
    hy__touched_t touched;
    hy__run_t fast = {.err = NULL}, telling = {.err = err};
    int rc = hy__touched_make(&touched, root, effects, count);
    if (rc == 0 && (touched.root || touched.is_whole)) {
        rc = check(&fast, rule, root, &touched);
        if (rc == HY_ESCHEMA && err && hy__run_tells(&fast, &telling))
            rc = check(&telling, rule, root, &touched);
    }
    hy__touched_release(&touched);
    return rc;
}
