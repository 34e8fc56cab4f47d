/* Running rules on a value. One code both says whether and tells why: texts are made only where a
 * run has an `err`, so the two cannot differ. */
#include "rules_private.h"

#include "../base/mem.h"

#include <float.h>
#include <math.h>

#define REFUSE(run, ...) ((run)->err ? hy__explain(run, __VA_ARGS__) : HY_ESCHEMA)

#define COMPARE(run, ...) ((run)->err ? hy__explain_with(run, __VA_ARGS__) : HY_ESCHEMA)

static int count_steps(hy__run_t *run, size_t more) {
    run->steps += more < HY_RULES_STEPS_MAX ? (uint32_t)more : HY_RULES_STEPS_MAX;
    if (run->steps <= HY_RULES_STEPS_MAX) return 0;
    return hy__explain_bound(run, "takes more than %u steps to check", HY_RULES_STEPS_MAX);
}

/* Whether it fits, without a word about why not: 0, HY_ESCHEMA, or what ends the run. */
static int try(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    hy_error_t *err = run->err;
    run->err = NULL;
    int rc = hy__rule_run(run, rule, v);
    run->err = err;
    return rc;
}

/* --- numbers and strings ---------------------------------------------------------------------- */

static bool is_set(hy_value_t v) {
    return v.kind != HY_ABSENT;
}

static double real_of(hy_value_t v) {
    return v.kind == HY_INT ? (double)v.as.i : v.as.r;
}

/* Doubles are taken for the decimals that people write: 0.3 is a multiple of 0.1, though their
 * remainder is not quite 0. */
static bool is_multiple(hy_value_t v, hy_value_t of) {
    if (v.kind == HY_INT && of.kind == HY_INT) return v.as.i % of.as.i == 0;
    double a = real_of(v), b = real_of(of);
    if (fmod(a, b) == 0) return true;
    double times = round(a / b);
    return b != floor(b) && fabs(times) < 0x1p40 && times != 0 &&
           fabs(times * b - a) <= 2 * DBL_EPSILON * fabs(a);
}

static int run_number(hy__run_t *run, const hy__number_rules_t *n, hy_value_t v) {
    if (is_set(n->minimum) && hy__rules_compare(v, n->minimum) < 0)
        return COMPARE(run, v, "is less than", n->minimum);
    if (is_set(n->maximum) && hy__rules_compare(v, n->maximum) > 0)
        return COMPARE(run, v, "is more than", n->maximum);
    if (is_set(n->above) && hy__rules_compare(v, n->above) <= 0)
        return COMPARE(run, v, "is not more than", n->above);
    if (is_set(n->below) && hy__rules_compare(v, n->below) >= 0)
        return COMPARE(run, v, "is not less than", n->below);
    if (is_set(n->multiple_of) && !is_multiple(v, n->multiple_of))
        return COMPARE(run, v, "is no multiple of", n->multiple_of);
    return 0;
}

/* In characters: bytes that do not go on with one. */
static uint64_t length_of(const hy_str_t *s) {
    uint64_t length = 0;
    for (uint32_t i = 0; i < s->len; i++)
        length += ((unsigned char)s->bytes[i] & 0xc0) != 0x80;
    return length;
}

static int run_string(hy__run_t *run, const hy__string_rules_t *s, hy_value_t v) {
    /* A character has 1 to 4 bytes, which often tells enough. */
    uint32_t bytes = v.as.s->len;
    if (bytes / 4 < s->length_min || bytes > s->length_max) {
        uint64_t length = length_of(v.as.s);
        if (length < s->length_min)
            return REFUSE(run, v, "is shorter than %llu characters",
                          (unsigned long long)s->length_min);
        if (length > s->length_max)
            return REFUSE(run, v, "is longer than %llu characters",
                          (unsigned long long)s->length_max);
    }
    return 0;
}

/* --- arrays ----------------------------------------------------------------------------------- */

static int run_items(hy__run_t *run, const hy__array_rules_t *a, hy_node_t *n) {
    size_t count = hy_node_count(n), end = a->rest ? count : a->prefix.count;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < end && i < count; i++) {
        const hy_rule_t *rule = i < a->prefix.count ? a->prefix.items[i] : a->rest;
        rc = hy__rule_run_at(run, rule, NULL, i, hy_node_at(n, i));
    }
    return rc;
}

static int run_unique(hy__run_t *run, hy_node_t *n) {
    size_t count = hy_node_count(n);
    for (size_t i = 1; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (hy__rules_equal(hy_node_at(n, i), hy_node_at(n, k)))
                return REFUSE(run, hy_absent(), "items %zu and %zu are the same", k + 1, i + 1);
        }
    }
    return 0;
}

static int run_array(hy__run_t *run, const hy__array_rules_t *a, hy_node_t *n) {
    size_t count = hy_node_count(n);
    if (count < a->count_min)
        return REFUSE(run, hy_absent(), "has %zu items, fewer than %llu", count,
                      (unsigned long long)a->count_min);
    if (count > a->count_max)
        return REFUSE(run, hy_absent(), "has %zu items, more than %llu", count,
                      (unsigned long long)a->count_max);
    int rc = a->prefix.count > 0 || a->rest ? run_items(run, a, n) : 0;
    if (rc == 0 && a->is_unique) rc = run_unique(run, n);
    return rc;
}

/* --- objects ---------------------------------------------------------------------------------- */

static int refuse_missing(hy__run_t *run, const hy_str_t *key) {
    return REFUSE(run, hy_absent(), "has no \"%s\"", key->bytes);
}

static int find_missing(hy__run_t *run, const hy__object_rules_t *o, const hy_node_t *n) {
    const hy__member_rule_t *m;
    for (uint32_t pos = 0; (m = hy_dict_next(&o->members, &pos));) {
        if (m->is_required && hy_node_find(n, m->key).kind == HY_ABSENT)
            return refuse_missing(run, m->key);
    }
    return 0;
}

/* What the data has, key by key. */
static int run_keys(hy__run_t *run, const hy__object_rules_t *o, const hy_node_t *n) {
    uint32_t required = 0;
    int rc = 0;
    hy_str_t *key;
    hy_value_t v;
    for (uint32_t pos = 0; rc == 0 && hy_node_next(n, &pos, &key, &v);) {
        const hy__member_rule_t *m = hy_dict_get(&o->members, key);
        if (m && m->is_required) required++;
        const hy_rule_t *rule = m ? m->rule : NULL;
        if (!rule) rule = o->rest;
        if (rule) rc = hy__rule_run_at(run, rule, key, 0, v);
    }
    if (rc == 0 && required < o->required_count) rc = find_missing(run, o, n);
    return rc;
}

/* What the schema names, key by key: there are fewer of these. */
static int run_members(hy__run_t *run, const hy__object_rules_t *o, const hy_node_t *n) {
    const hy__member_rule_t *m;
    int rc = 0;
    for (uint32_t pos = 0; rc == 0 && (m = hy_dict_next(&o->members, &pos));) {
        hy_value_t v = hy_node_find(n, m->key);
        if (v.kind == HY_ABSENT) {
            rc = m->is_required ? refuse_missing(run, m->key) : 0;
        } else if (m->rule) {
            rc = hy__rule_run_at(run, m->rule, m->key, 0, v);
        }
    }
    return rc;
}

static int run_object(hy__run_t *run, const hy__object_rules_t *o, const hy_node_t *n) {
    size_t count = hy_node_count(n);
    if (count < o->count_min)
        return REFUSE(run, hy_absent(), "has %zu members, fewer than %llu", count,
                      (unsigned long long)o->count_min);
    if (count > o->count_max)
        return REFUSE(run, hy_absent(), "has %zu members, more than %llu", count,
                      (unsigned long long)o->count_max);
    bool has_all = o->rest || o->pattern_count > 0;
    return has_all || count <= o->members.count ? run_keys(run, o, n) : run_members(run, o, n);
}

/* --- other rules for the same value ----------------------------------------------------------- */

static int run_any_of(hy__run_t *run, const hy__rule_list_t *list, hy_value_t v) {
    int rc = HY_ESCHEMA;
    for (uint32_t i = 0; rc == HY_ESCHEMA && i < list->count; i++)
        rc = try(run, list->items[i], v);
    return rc == HY_ESCHEMA && run->err ? hy__explain_any_of(run, list, v) : rc;
}

static int run_one_of(hy__run_t *run, const hy__rule_list_t *list, hy_value_t v) {
    uint32_t fitting = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        int rc = try(run, list->items[i], v);
        if (rc < 0 && rc != HY_ESCHEMA) return rc;
        if (rc == 0) fitting++;
        if (fitting > 1) return REFUSE(run, v, "fits more than one of \"oneOf\"");
    }
    if (fitting == 1) return 0;
    return run->err ? hy__explain_any_of(run, list, v) : HY_ESCHEMA;
}

static int run_condition(hy__run_t *run, const hy__place_rules_t *p, hy_value_t v) {
    int rc = try(run, p->condition, v);
    if (rc < 0 && rc != HY_ESCHEMA) return rc;
    const hy_rule_t *rule = rc == 0 ? p->then : p->otherwise;
    return rule ? hy__rule_run(run, rule, v) : 0;
}

static int run_negated(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    int rc = try(run, rule, v);
    if (rc == 0) return REFUSE(run, v, "is what it must not be");
    return rc == HY_ESCHEMA ? 0 : rc;
}

static int run_place(hy__run_t *run, const hy__place_rules_t *p, hy_value_t v) {
    int rc = p->ref ? hy__rule_run(run, p->ref, v) : 0;
    for (uint32_t i = 0; rc == 0 && i < p->all_of.count; i++)
        rc = hy__rule_run(run, p->all_of.items[i], v);
    if (rc == 0 && p->any_of.count > 0) rc = run_any_of(run, &p->any_of, v);
    if (rc == 0 && p->one_of.count > 0) rc = run_one_of(run, &p->one_of, v);
    if (rc == 0 && p->negated) rc = run_negated(run, p->negated, v);
    if (rc == 0 && p->condition) rc = run_condition(run, p, v);
    return rc;
}

/* --- a rule ----------------------------------------------------------------------------------- */

static bool is_type(uint32_t types, hy_value_t v) {
    if (types & 1u << v.kind) return true;
    return v.kind == HY_REAL && (types & 1u << HY_INT) && v.as.r == floor(v.as.r);
}

static int run_values(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    if (rule->constant.kind != HY_ABSENT && !hy__rules_equal(v, rule->constant))
        return COMPARE(run, v, "is not", rule->constant);
    if (!rule->enumerated) return 0;
    size_t count = hy_node_count(rule->enumerated);
    for (size_t i = 0; i < count; i++) {
        if (hy__rules_equal(v, hy_node_at(rule->enumerated, i))) return 0;
    }
    return run->err ? hy__explain_enum(run, rule->enumerated, v) : HY_ESCHEMA;
}

static int run_parts(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    if (!is_type(rule->types, v))
        return run->err ? hy__explain_type(run, rule->types, v) : HY_ESCHEMA;
    int rc = run_values(run, rule, v);
    if (rc < 0) return rc;
    switch (v.kind) {
    case HY_INT:
    case HY_REAL:
        rc = rule->number ? run_number(run, rule->number, v) : 0;
        break;
    case HY_STR:
        rc = rule->string ? run_string(run, rule->string, v) : 0;
        break;
    case HY_ARRAY:
        rc = rule->array ? run_array(run, rule->array, v.as.n) : 0;
        break;
    case HY_OBJECT:
        rc = rule->object ? run_object(run, rule->object, v.as.n) : 0;
        break;
    default:
        break;
    }
    return rc == 0 && rule->place ? run_place(run, rule->place, v) : rc;
}

int hy__rule_run(hy__run_t *run, const hy_rule_t *rule, hy_value_t v) {
    int rc = count_steps(run, 1);
    if (rc < 0) return rc;
    if (run->depth >= HY_RULES_DEPTH_MAX)
        return hy__explain_bound(run, "rules lead to rules deeper than %u", HY_RULES_DEPTH_MAX);
    run->depth++;
    rc = run_parts(run, rule, v);
    run->depth--;
    return rc;
}

int hy__rule_run_at(hy__run_t *run, const hy_rule_t *rule, const hy_str_t *key, size_t index,
                    hy_value_t v) {
    if (!run->err) return hy__rule_run(run, rule, v);
    hy__at_t at = {run->at, key, index};
    run->at = &at;
    int rc = hy__rule_run(run, rule, v);
    run->at = at.up;
    return rc;
}

void hy__run_deinit(hy__run_t *run) {
    hy_free(run->taken);
}

/* What is no verdict of a run is one for who asked, but for memory. */
static int finish(hy__run_t *run, int rc) {
    hy__run_deinit(run);
    return rc == HY_ETOO_LARGE ? HY_ESCHEMA : rc;
}

int hy_rule_check(const hy_rule_t *rule, hy_value_t value, hy_error_t *err) {
    hy__run_t fast = {.err = NULL}, telling = {.err = err};
    int rc = finish(&fast, hy__rule_run(&fast, rule, value));
    if (rc != HY_ESCHEMA || !err) return rc;
    return finish(&telling, hy__rule_run(&telling, rule, value));
}
