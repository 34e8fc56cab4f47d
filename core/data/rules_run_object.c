/* Running what a rule says of objects. */
#include "rules_run.h"

/* --- members ---------------------------------------------------------------------------------- */

int hy__refuse_missing(hy__run_t *run, const hy_str_t *key) {
    return HY__REFUSE(run, hy_absent(), "has no \"%.*s\"", HY_ERROR_TEXT_BYTES, key->bytes);
}

static int find_missing(hy__run_t *run, const hy__object_rules_t *o, const hy_node_t *n) {
    const hy__member_rule_t *m;
    int rc = hy__run_look(run, o->members.count, hy_node_count(n));
    for (uint32_t pos = 0; rc == 0 && (m = hy_dict_next(&o->members, &pos));) {
        if (m->is_required && hy_node_find(n, m->key).kind == HY_ABSENT)
            return hy__refuse_missing(run, m->key);
    }
    return rc;
}

/* `*has`: a pattern was found in the key. */
static int run_patterns(hy__run_t *run, const hy__object_rules_t *o, const hy_str_t *key,
                        hy_value_t v, bool *has) {
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < o->pattern_count; i++) {
        const hy__pattern_rule_t *p = &o->patterns[i];
        rc = hy__run_pattern(run, p->regex, p->pattern, key);
        if (rc == 0) {
            *has = true;
            rc = hy__rule_run_at(run, p->rule, key, 0, v);
        } else if (rc == HY_ESCHEMA) {
            rc = 0;
        }
    }
    return rc;
}

static int run_name(hy__run_t *run, const hy_rule_t *names, hy_str_t *key) {
    bool was_taking = run->is_taking, was_name = run->is_name;
    run->is_taking = false;
    run->is_name = true;
    int rc = hy__rule_run(run, names, hy_string(key));
    run->is_name = was_name;
    run->is_taking = was_taking;
    return rc;
}

int hy__run_member(hy__run_t *run, const hy__object_rules_t *o, const hy__member_rule_t *m,
                   hy_str_t *key, hy_value_t v) {
    bool has = m && m->rule;
    int rc = o->names ? run_name(run, o->names, key) : 0;
    if (rc == 0 && has) rc = hy__rule_run_at(run, m->rule, key, 0, v);
    if (rc == 0 && o->pattern_count > 0) rc = run_patterns(run, o, key, v, &has);
    return rc == 0 && !has && o->rest ? hy__rule_run_at(run, o->rest, key, 0, v) : rc;
}

/* Counts looks that were taken before it came to `rc`. */
static int looked(hy__run_t *run, size_t looks, size_t keys, int rc) {
    int counted = rc == 0 || rc == HY_ESCHEMA ? hy__run_look(run, looks, keys) : 0;
    return counted < 0 ? counted : rc;
}

/* What the data has, key by key. */
static int run_keys(hy__run_t *run, const hy__object_rules_t *o, const hy_node_t *n) {
    uint32_t required = 0;
    hy_str_t *key;
    hy_value_t v;
    size_t looks = 0;
    int rc = 0;
    for (uint32_t pos = 0; rc == 0 && hy_node_next(n, &pos, &key, &v); looks++) {
        const hy__member_rule_t *m = hy_dict_get(&o->members, key);
        if (m && m->is_required) required++;
        rc = hy__run_member(run, o, m, key, v);
    }
    rc = looked(run, looks, o->members.count, rc);
    return rc == 0 && required < o->required_count ? find_missing(run, o, n) : rc;
}

/* What the schema names, key by key: there are fewer of these. */
static int run_members(hy__run_t *run, const hy__object_rules_t *o, const hy_node_t *n) {
    const hy__member_rule_t *m;
    size_t looks = 0;
    int rc = 0;
    for (uint32_t pos = 0; rc == 0 && (m = hy_dict_next(&o->members, &pos)); looks++) {
        hy_value_t v = hy_node_find(n, m->key);
        if (v.kind == HY_ABSENT) {
            rc = m->is_required ? hy__refuse_missing(run, m->key) : 0;
        } else if (m->rule) {
            rc = hy__rule_run_at(run, m->rule, m->key, 0, v);
        }
    }
    return looked(run, looks, hy_node_count(n), rc);
}

/* --- the object as a whole -------------------------------------------------------------------- */

int hy__run_dependency_keys(hy__run_t *run, const hy__dependency_t *d, const hy_node_t *n) {
    int rc = hy__run_look(run, d->required.count, hy_node_count(n));
    for (uint32_t i = 0; rc == 0 && i < d->required.count; i++) {
        if (hy_node_find(n, d->required.items[i]).kind == HY_ABSENT)
            return HY__REFUSE(run, hy_absent(), "has \"%.*s\" without \"%.*s\"",
                              HY_ERROR_TEXT_BYTES, d->key->bytes, HY_ERROR_TEXT_BYTES,
                              d->required.items[i]->bytes);
    }
    return rc;
}

static int run_dependency(hy__run_t *run, const hy__dependency_t *d, hy_node_t *n) {
    int rc = hy__run_dependency_keys(run, d, n);
    return rc == 0 && d->rule ? hy__rule_run(run, d->rule, hy_node_value(n)) : rc;
}

int hy__run_object_count(hy__run_t *run, const hy__object_rules_t *o, const hy_node_t *n,
                         bool too_few, bool too_many) {
    size_t count = hy_node_count(n);
    if (too_few && count < o->count_min)
        return HY__REFUSE(run, hy_absent(), "has fewer than %llu members: %zu",
                          (unsigned long long)o->count_min, count);
    if (too_many && count > o->count_max)
        return HY__REFUSE(run, hy_absent(), "has more than %llu members: %zu",
                          (unsigned long long)o->count_max, count);
    return 0;
}

int hy__run_object(hy__run_t *run, const hy__object_rules_t *o, hy_node_t *n) {
    int rc = hy__run_object_count(run, o, n, true, true);
    if (rc < 0) return rc;
    bool has_all = o->rest || o->pattern_count > 0 || o->names;
    rc = has_all || hy_node_count(n) <= o->members.count ? run_keys(run, o, n)
                                                         : run_members(run, o, n);
    if (rc == 0)
        rc = hy__run_look(run, o->dependency_count, o->dependency_count + hy_node_count(n));
    for (uint32_t i = 0; rc == 0 && i < o->dependency_count; i++) {
        if (hy_node_find(n, o->dependencies[i].key).kind != HY_ABSENT)
            rc = run_dependency(run, &o->dependencies[i], n);
    }
    return rc;
}

/* --- unevaluatedProperties -------------------------------------------------------------------- */

enum { TAKEN_COST = 16 }; /* to see whether a rule has a member, in what is cheap */

/* 1: that rule has a rule for the member; 0: it has none; or what ends the run. */
static int has_member(hy__run_t *run, const hy__object_rules_t *o, hy_str_t *key) {
    const hy__member_rule_t *m = hy_dict_get(&o->members, key);
    int counted = hy__run_spend(run, TAKEN_COST);
    if (counted < 0 || o->rest || (m && m->rule)) return counted < 0 ? counted : 1;
    for (uint32_t i = 0; i < o->pattern_count; i++) {
        int rc = hy__run_pattern(run, o->patterns[i].regex, o->patterns[i].pattern, key);
        if (rc != HY_ESCHEMA) return rc == 0 ? 1 : rc;
    }
    return 0;
}

int hy__run_object_left(hy__run_t *run, const hy__object_rules_t *o, hy_node_t *n, uint32_t mark) {
    hy_str_t *key;
    hy_value_t v;
    int rc = 0;
    for (uint32_t pos = 0; rc == 0 && hy_node_next(n, &pos, &key, &v);) {
        int has = has_member(run, o, key);
        for (uint32_t k = mark; has == 0 && k < run->taken_count; k++) {
            const hy__object_rules_t *other = run->taken[k]->object;
            if (other) has = other->unevaluated ? 1 : has_member(run, other, key);
        }
        rc = has < 0 ? has : has ? 0 : hy__rule_run_at(run, o->unevaluated, key, 0, v);
    }
    return rc;
}
