/* core/data/rules.h: what fits a schema, and what is said of what does not. */
#include "support.h"

#include "data/rules.h"

typedef struct {
    const char *schema, *data;
    const char *text; /* NULL: it fits */
} case_t;

static hy_rules_t *rules_of(const char *schema) {
    hy_value_t document = value_of(schema);
    hy_rules_t *rules = NULL;
    hy_error_t err = {.text = ""};
    int rc = hy_rules_compile(document, NULL, NULL, NULL, &rules, &err);
    hy_value_drop(document);
    if (rc) print_error("%s: %s\n", schema, err.text);
    assert_int_equal(rc, 0);
    return rules;
}

static void assert_cases(const case_t *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        hy_rules_t *rules = rules_of(cases[i].schema);
        hy_value_t data = value_of(cases[i].data);
        hy_error_t err = {.text = ""};
        int rc = hy_rule_check(hy_rules_root(rules), data, &err);
        if ((rc == 0) != !cases[i].text)
            print_error("%s: %s: %s\n", cases[i].schema, cases[i].data, err.text);
        assert_int_equal(rc, cases[i].text ? HY_ESCHEMA : 0);
        assert_int_equal(hy_rule_check(hy_rules_root(rules), data, NULL), rc);
        if (cases[i].text) assert_string_equal(err.text, cases[i].text);
        hy_value_drop(data);
        hy_rules_free(rules);
    }
}

static void what_does_not_fit_is_told_with_its_place(void **state) {
    (void)state;
#define PARTICIPANTS                                                                               \
    "{\"properties\":{\"participants\":{\"items\":{\"required\":[\"hyperty\"],\"properties\":{"    \
    "\"status\":{\"enum\":[\"open\",\"pending\",\"closed\"]}}}}}}"
    static const case_t cases[] = {
        {PARTICIPANTS, "{\"participants\":[{\"hyperty\":1},{\"hyperty\":1,\"status\":\"open\"}]}",
         NULL},
        {PARTICIPANTS, "{\"participants\":[{\"hyperty\":1},{\"hyperty\":1,\"status\":\"opne\"}]}",
         "participants.2.status: \"opne\" is none of open, pending, closed"},
        {PARTICIPANTS, "{\"participants\":[{}]}", "participants.1: has no \"hyperty\""},
        {"{\"type\":\"string\"}", "5", "5 is no string"},
        {"{\"type\":[\"string\",\"number\",\"null\"]}", "{}",
         "an object is no string, number, null"},
        {"false", "1", "is not allowed here"},
    };
    assert_cases(cases, COUNT_OF(cases));
}

static void references_lead_to_places_in_the_document(void **state) {
    (void)state;
#define TREE                                                                                       \
    "{\"definitions\":{\"a/b\":{\"type\":\"integer\"}},"                                           \
    "\"properties\":{\"value\":{\"$ref\":\"#/definitions/a~1b\"},\"next\":{\"$ref\":\"#\"}}}"
    static const case_t cases[] = {
        {TREE, "{\"value\":1,\"next\":{\"value\":2.0}}", NULL},
        {TREE, "{\"next\":{\"next\":{\"value\":\"x\"}}}", "next.next.value: \"x\" is no integer"},
    };
    assert_cases(cases, COUNT_OF(cases));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_does_not_fit_is_told_with_its_place),
        TEST(references_lead_to_places_in_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
