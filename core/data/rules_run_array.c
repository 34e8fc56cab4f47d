/* Running what a rule says of arrays. */
#include "rules_run.h"

#include "../base/mem.h"

static int run_items(hy__run_t *run, const hy__array_rules_t *a, const hy_node_t *n) {
    size_t count = hy_node_count(n), end = a->rest ? count : a->prefix.count;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < end && i < count; i++) {
        const hy_rule_t *rule = i < a->prefix.count ? a->prefix.items[i] : a->rest;
        rc = hy__rule_run_at(run, rule, NULL, i, hy_node_at(n, i));
    }
    return rc;
}

/* --- uniqueItems ------------------------------------------------------------------------------ */

/* Up to here each is compared with each. */
#define FEW 8u

static int refuse_same(hy__run_t *run, size_t one, size_t other) {
    return HY__REFUSE(run, hy_absent(), "items %zu and %zu are the same", one + 1, other + 1);
}

static int run_unique_few(hy__run_t *run, const hy_node_t *n, size_t count) {
    uint64_t left = hy__run_left(run);
    for (size_t i = 1; i < count; i++) {
        for (size_t k = 0; left > 0 && k < i; k++) {
            if (!hy__rules_equal_in(hy_node_at(n, i), hy_node_at(n, k), &left)) continue;
            int rc = hy__run_settle(run, left);
            return rc < 0 ? rc : refuse_same(run, k, i);
        }
    }
    return hy__run_settle(run, left);
}

static int run_unique(hy__run_t *run, const hy_node_t *n) {
    size_t count = hy_node_count(n), other = SIZE_MAX, i = 0;
    int rc = hy__run_count(run, count);
    if (rc < 0 || count <= FEW) return rc < 0 ? rc : run_unique_few(run, n, count);
    hy__table_t *table = hy__table_new(count);
    if (!table) return HY_ENOMEM;
    uint64_t left = hy__run_left(run);
    for (; left > 0 && i < count; i++) {
        other = hy__table_find_in(table, n, hy_node_at(n, i), i, &left);
        if (other != SIZE_MAX) break;
    }
    hy_free(table);
    rc = hy__run_settle(run, left);
    return rc == 0 && other != SIZE_MAX ? refuse_same(run, other, i) : rc;
}

/* --- contains --------------------------------------------------------------------------------- */

/* Up to the item that decides it. */
static int count_fitting(hy__run_t *run, const hy__array_rules_t *a, const hy_node_t *n,
                         uint64_t *fitting) {
    bool has_max = a->contains_max < UINT64_MAX;
    for (size_t i = 0; i < hy_node_count(n); i++) {
        int rc = hy__run_try_at(run, a->contains, hy_node_at(n, i));
        if (rc < 0 && rc != HY_ESCHEMA) return rc;
        if (rc == 0) ++*fitting;
        if (has_max ? *fitting > a->contains_max : *fitting >= a->contains_min) return 0;
    }
    return 0;
}

static int run_contains(hy__run_t *run, const hy__array_rules_t *a, const hy_node_t *n) {
    uint64_t fitting = 0;
    int rc = count_fitting(run, a, n, &fitting);
    if (rc < 0) return rc;
    if (fitting == 0 && a->contains_min == 1)
        return HY__REFUSE(run, hy_absent(), "has no item that fits \"contains\"");
    if (fitting < a->contains_min)
        return HY__REFUSE(run, hy_absent(), "has %llu items that fit \"contains\", fewer than %llu",
                          (unsigned long long)fitting, (unsigned long long)a->contains_min);
    if (fitting > a->contains_max)
        return HY__REFUSE(run, hy_absent(), "has more than %llu items that fit \"contains\"",
                          (unsigned long long)a->contains_max);
    return 0;
}

/* --- all -------------------------------------------------------------------------------------- */

int hy__run_array_count(hy__run_t *run, const hy__array_rules_t *a, const hy_node_t *n,
                        bool too_few, bool too_many) {
    size_t count = hy_node_count(n);
    if (too_few && count < a->count_min)
        return HY__REFUSE(run, hy_absent(), "has fewer than %llu items: %zu",
                          (unsigned long long)a->count_min, count);
    if (too_many && count > a->count_max)
        return HY__REFUSE(run, hy_absent(), "has more than %llu items: %zu",
                          (unsigned long long)a->count_max, count);
    return 0;
}

int hy__run_array_whole(hy__run_t *run, const hy__array_rules_t *a, const hy_node_t *n) {
    int rc = a->contains ? run_contains(run, a, n) : 0;
    return rc == 0 && a->is_unique ? run_unique(run, n) : rc;
}

int hy__run_array(hy__run_t *run, const hy__array_rules_t *a, hy_node_t *n) {
    int rc = hy__run_array_count(run, a, n, true, true);
    if (rc == 0 && (a->prefix.count > 0 || a->rest)) rc = run_items(run, a, n);
    return rc == 0 ? hy__run_array_whole(run, a, n) : rc;
}

/* --- unevaluatedItems ------------------------------------------------------------------------- */

enum { TAKEN_COST = 4 }; /* to see whether a rule has an item, in what is cheap */

/* 1: that rule has a rule for the item; 0: it has none; or what ends the run. */
static int has_item(hy__run_t *run, const hy__array_rules_t *a, size_t i, hy_value_t item) {
    if (i < a->prefix.count || a->rest) return 1;
    if (!a->contains || !a->contains_evaluates) return 0;
    int rc = hy__run_try_at(run, a->contains, item);
    return rc == 0 ? 1 : rc == HY_ESCHEMA ? 0 : rc;
}

int hy__run_array_left(hy__run_t *run, const hy__array_rules_t *a, hy_node_t *n, uint32_t mark) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < hy_node_count(n); i++) {
        hy_value_t item = hy_node_at(n, i);
        int has = has_item(run, a, i, item);
        uint32_t k = mark;
        for (; has == 0 && k < run->taken_count; k++) {
            const hy__array_rules_t *other = run->taken[k]->array;
            if (other) has = other->unevaluated ? 1 : has_item(run, other, i, item);
        }
        rc = has < 0 ? has : has ? 0 : hy__rule_run_at(run, a->unevaluated, NULL, i, item);
        if (rc == 0) rc = hy__run_spend(run, TAKEN_COST * (1 + (uint64_t)k - mark));
    }
    return rc;
}
