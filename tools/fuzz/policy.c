/* Fuzz target: any bytes as a policy, in JSON. What is refused says why, and leaves the rules of
 * before; what is read is given back as it was, and judges as its rules would one by one; no
 * allocation that fails does harm. Built and run by tools/fuzz/run. */
#include "sync/policy.h"
#include "base/json.h"
#include "base/mem.h"
#include "must.h"

#include <string.h>

static const char *const urls[] = {"hyperty://localhost/1", "user://localhost/ben",
                                   "comm://localhost/room", "messages"};
static hy_str_t *texts[4];

static hy_question_t question(hy_action_t action, unsigned which) {
    return (hy_question_t){.action = action,
                           .source = which & 1 ? texts[0] : NULL,
                           .user = which & 2 ? texts[1] : NULL,
                           .is_verified = which & 4,
                           .resource = which & 8 ? texts[2] : NULL,
                           .schema = which & 16 ? texts[3] : NULL,
                           .name = which & 32 ? texts[3] : NULL,
                           .method = which & 64 ? texts[3] : NULL,
                           .collection = which & 128 ? texts[3] : NULL,
                           .wall_ms = (int64_t)which * 123456789 * (which & 1 ? -1 : 1000)};
}

static hy_ruling_t judge(const hy_policy_t *p, const hy_question_t *q) {
    const char *rule = NULL;
    hy_ruling_t ruling = hy_policy_judge(p, q, &rule);
    MUST((ruling == HY_RULING_NONE) == (rule == NULL));
    MUST(!rule || strncmp(rule, "rule ", 5) == 0);
    return ruling;
}

static hy_policy_t *policy_new(void) {
    static const char *const members[] = {"user://localhost/ben", "hyperty://localhost/*"};
    hy_policy_t *p;
    MUST(hy_policy_new(&p) == 0);
    for (int i = 0; i < 2; i++) {
        hy_str_t *name = hy_str_from(i == 0 ? "a" : "b"), *member = hy_str_from(members[i]);
        MUST(hy_policy_group_add(p, name, member, NULL) == 0);
        hy_str_unref(name);
        hy_str_unref(member);
    }
    return p;
}

/* A policy of that rule alone. */
static hy_policy_t *alone(const hy_node_t *tree, hy_value_t rule) {
    hy_policy_t *p = policy_new();
    hy_node_t *one = hy_node_new(HY_OBJECT), *list = hy_node_new(HY_ARRAY);
    hy_value_t zone = hy_get(tree, "zone"), copy;
    MUST(hy_value_copy(rule, &copy) == 0 && hy_node_insert(list, 0, copy) == 0);
    MUST(hy_put(one, "rules", hy_node_value(list)) == 0);
    if (zone.kind == HY_STR) MUST(hy_put(one, "zone", hy_string(hy_str_ref(zone.as.s))) == 0);
    MUST(hy_policy_read(p, one, NULL) == 0);
    hy_node_unref(one);
    return p;
}

static hy_ruling_t combine(const hy_node_t *tree, hy_policy_t *const *rules, size_t count,
                           const hy_question_t *q) {
    const hy_str_t *combining = hy_get_str(tree, "combining");
    hy_ruling_t found = HY_RULING_NONE, wins = HY_RULING_NONE;
    if (hy_str_is(combining, "allow-overrides")) wins = HY_RULING_ALLOW;
    if (hy_str_is(combining, "deny-overrides")) wins = HY_RULING_DENY;
    for (size_t i = 0; i < count; i++) {
        hy_ruling_t one = judge(rules[i], q);
        if (one == HY_RULING_NONE) continue;
        if (found == HY_RULING_NONE || (found != wins && one == wins)) found = one;
    }
    return found;
}

static void check_judging(const hy_policy_t *p, const hy_node_t *tree) {
    const hy_node_t *list = hy_get_array(tree, "rules");
    size_t count = list ? hy_node_count(list) : 0;
    if (count > 8) return;
    hy_policy_t *rules[8];
    for (size_t i = 0; i < count; i++)
        rules[i] = alone(tree, hy_node_at(list, i));
    for (unsigned which = 0; which < 256; which += 5) {
        hy_question_t q = question((hy_action_t)(which % 5), which);
        MUST(judge(p, &q) == combine(tree, rules, count, &q));
    }
    for (size_t i = 0; i < count; i++)
        hy_policy_free(rules[i]);
}

static void check_failures(hy_policy_t *p, const hy_node_t *tree) {
    for (int64_t n = 1; n < 30; n++) {
        hy_mem_fail_after(n);
        int rc = hy_policy_read(p, tree, NULL);
        hy_mem_fail_after(-1);
        if (rc == 0) return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hy_value_t tree, given;
    hy_error_t err = {.text = ""};
    for (int i = 0; i < 4; i++) {
        if (!texts[i]) texts[i] = hy_str_from(urls[i]);
    }
    if (hy_json_read((const char *)data, size, HY_JSON_DEPTH_MAX, &tree, NULL) < 0) return 0;
    if (hy_is_node(tree)) {
        hy_policy_t *p = policy_new();
        int rc = hy_policy_read(p, tree.as.n, &err);
        MUST(rc == 0 || rc == HY_EINVALID || rc == HY_ETOO_LARGE);
        MUST(rc == 0 || strncmp(err.text, "policy: ", 8) == 0);
        MUST(hy_policy_rules(p, &given) == 0);
        MUST(rc == 0 ? hy_value_equal(given, tree) : hy_node_count(given.as.n) == 0);
        hy_value_drop(given);
        if (rc == 0) check_judging(p, tree.as.n);
        check_failures(p, tree.as.n);
        hy_policy_free(p);
    }
    hy_value_drop(tree);
    return 0;
}
