/* Chains of rules on one value: from "$ref", "allOf" and the like. One that comes back to where it
 * began would never end. And those that need not be gone step by step. */
#include "rules_compile.h"

enum { UNDER_WAY = UINT32_MAX };

typedef struct {
    uint32_t above; /* how many rules led here */
    uint32_t height;
    const hy_rule_t *looping;
} walk_t;

static int walk(walk_t *w, hy_rule_t *rule);

/* Goes on to another rule for the same value. */
static int step(walk_t *w, const hy_rule_t *to, uint32_t *height) {
    int rc = to ? walk(w, (hy_rule_t *)to) : 0;
    if (to && rc == 0 && to->height >= *height) *height = to->height + 1;
    return rc;
}

static int step_each(walk_t *w, const hy__rule_list_t *list, uint32_t *height) {
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < list->count; i++)
        rc = step(w, list->items[i], height);
    return rc;
}

static int walk_place(walk_t *w, const hy__place_rules_t *p, uint32_t *height) {
    int rc = step(w, p->ref, height);
    if (rc == 0) rc = step(w, p->dynamic, height);
    if (rc == 0) rc = step_each(w, &p->all_of, height);
    if (rc == 0) rc = step_each(w, &p->any_of, height);
    if (rc == 0) rc = step_each(w, &p->one_of, height);
    if (rc == 0) rc = step(w, p->negated, height);
    if (rc == 0) rc = step(w, p->condition, height);
    if (rc == 0) rc = step(w, p->then, height);
    return rc < 0 ? rc : step(w, p->otherwise, height);
}

/* Where only a reference is, a run begins behind it at once; who came by which resource is lost on
 * that way. */
static const hy_rule_t *find_instead(const hy_rule_t *rule) {
    const hy__place_rules_t *p = rule->place;
    bool says_more = rule->types != HY__TYPES_ALL || rule->constant.kind != HY_ABSENT ||
                     rule->enumerated || rule->number || rule->string || rule->array ||
                     rule->object || rule->keeps_scope;
    if (says_more || !p || !p->ref || p->dynamic || p->all_of.count > 0 || p->any_of.count > 0 ||
        p->one_of.count > 0 || p->negated || p->condition)
        return NULL;
    return p->ref->instead ? p->ref->instead : p->ref;
}

static int walk(walk_t *w, hy_rule_t *rule) {
    if (rule->height == UNDER_WAY) {
        w->looping = rule;
        return HY_EINVALID;
    }
    if (rule->height > 0) return 0;
    if (w->above >= HY_RULES_DEPTH_MAX) return HY_ETOO_LARGE;
    uint32_t height = 1;
    rule->height = UNDER_WAY;
    w->above++;
    int rc = rule->place ? walk_place(w, rule->place, &height) : 0;
    for (uint32_t i = 0; rc == 0 && rule->object && i < rule->object->dependency_count; i++)
        rc = step(w, rule->object->dependencies[i].rule, &height);
    w->above--;
    rule->height = height;
    rule->instead = find_instead(rule);
    return rc;
}

/* Where the loop is, and that it is one. */
static int refuse_loop(hy__compiler_t *c, const hy_rule_t *rule) {
    char place[HY_ERROR_TEXT_BYTES / 2] = "";
    for (uint32_t i = 0; i < c->queue_count; i++) {
        if (c->queue[i]->rule == rule) hy__site_place(c->queue[i], place, sizeof place);
    }
    return hy_fail(c->err, HY_EINVALID,
                   "%s%sits references lead back to itself without going down in the data", place,
                   *place ? ": " : "");
}

int hy__chains_check(hy__compiler_t *c) {
    walk_t w = {.above = 0};
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < c->rules->rule_count; i++) {
        rc = walk(&w, c->rules->rules[i]);
        if (rc == 0 && c->rules->rules[i]->height > HY_RULES_DEPTH_MAX) rc = HY_ETOO_LARGE;
    }
    if (rc == HY_ETOO_LARGE)
        return hy_fail(c->err, rc, "its references lead to references deeper than %u",
                       HY_RULES_DEPTH_MAX);
    return rc == HY_EINVALID ? refuse_loop(c, w.looping) : rc;
}
