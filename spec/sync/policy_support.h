/* For the specs of core/sync/policy: a policy with a few groups; rules and questions as JSON in
 * single quotes. */
#ifndef SPEC_SYNC_POLICY_SUPPORT_H
#define SPEC_SYNC_POLICY_SUPPORT_H

#include <stdio.h>

#include "../base/support.h"
#include "loop/clock.h"
#include "sync/policy.h"

static hy_policy_t *policy;

static inline void set_groups(void) {
    static const char *const groups[][2] = {
        {"friends", "user://localhost/ben"}, {"friends", "hyperty://far/carl"},
        {"staff", "user://office/*"},        {"nobody", NULL},
        {"band", "user://localhost/dave"},
    };
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        hy_str_t *name = hy_str_from(groups[i][0]);
        hy_str_t *member = groups[i][1] ? hy_str_from(groups[i][1]) : NULL;
        assert_int_equal(hy_policy_group_add(policy, name, member, NULL), 0);
        hy_str_unref(name);
        hy_str_unref(member);
    }
}

static inline int read_text(const char *text, hy_error_t *err) {
    hy_value_t v = value_of(text);
    int rc = hy_policy_read(policy, v.as.n, err);
    hy_value_drop(v);
    return rc;
}

/* One rule without a name and whatever else, in single quotes for double ones. */
static inline int read_quoted(const char *text, hy_error_t *err) {
    char json[4096];
    snprintf(json, sizeof json, "%s", text);
    for (char *c = json; *c; c++) {
        if (*c == '\'') *c = '"';
    }
    return read_text(json, err);
}

static inline void set_rules(const char *text) {
    hy_error_t err = {.text = ""};
    if (read_quoted(text, &err) != 0) fail_msg("%s: %s", text, err.text);
}

static inline int begin_policy(void **state) {
    begin(state);
    assert_int_equal(hy_policy_new(&policy), 0);
    set_groups();
    return 0;
}

static inline int end_policy(void **state) {
    hy_policy_free(policy);
    return end(state);
}

#define POLICY_TEST(name) cmocka_unit_test_setup_teardown(name, begin_policy, end_policy)

/* --- questions ----------------------------------------------------------------------------------
 */

/* A question as JSON, in single quotes; what is not said is that of Ben, who wants to observe. */
static const char usual[] =
    "{\"source\":\"hyperty://localhost/1\",\"user\":\"user://localhost/ben\","
    "\"resource\":\"comm://localhost/room\",\"schema\":\"Communication\",\"name\":\"room\","
    "\"at\":\"2026-11-23T18:00:00Z\"}";

static inline hy_str_t *ask_for(const hy_node_t *asked, const hy_node_t *otherwise,
                                const char *key) {
    hy_value_t v = hy_get(asked, key);
    return v.kind == HY_ABSENT ? hy_get_str(otherwise, key) : v.kind == HY_STR ? v.as.s : NULL;
}

static inline hy_action_t action_of(const hy_node_t *asked) {
    const hy_str_t *word = hy_get_str(asked, "action");
#define X(name, text)                                                                              \
    if (hy_str_is(word, text)) return HY_ACTION_##name;
    HY_ACTION_MAP(X)
#undef X
    return HY_ACTION_OBSERVE;
}

/* "allow rule 1", "deny rule "x"" or "none". */
static inline void judge(const char *question, char out[256]) {
    static const char *const words[] = {"none", "allow ", "deny "};
    char json[1024];
    snprintf(json, sizeof json, "%s", question);
    for (char *c = json; *c; c++) {
        if (*c == '\'') *c = '"';
    }
    hy_value_t asked = value_of(json), otherwise = value_of(usual);
    const hy_node_t *a = asked.as.n, *o = otherwise.as.n;
    hy_question_t q = {.action = action_of(a),
                       .source = ask_for(a, o, "source"),
                       .user = ask_for(a, o, "user"),
                       .is_verified = hy_get_bool(a, "verified", false),
                       .resource = ask_for(a, o, "resource"),
                       .schema = ask_for(a, o, "schema"),
                       .scheme = ask_for(a, o, "scheme"),
                       .name = ask_for(a, o, "name"),
                       .method = ask_for(a, o, "method"),
                       .collection = ask_for(a, o, "collection"),
                       .wall_ms = hy_clock_from_iso(ask_for(a, o, "at")->bytes)};
    const char *rule = "";
    hy_ruling_t ruling = hy_policy_judge(policy, &q, &rule);
    snprintf(out, 256, "%s%s", words[ruling], rule);
    hy_value_drop(asked);
    hy_value_drop(otherwise);
}

#endif
