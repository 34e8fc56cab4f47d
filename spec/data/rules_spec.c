/* core/data/rules.h: what fits a schema, and what is said of what does not. */
#include "rules_support.h"

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

static void every_rule_tells_what_is_wrong(void **state) {
    (void)state;
    static const case_t cases[] = {
        {"{\"type\":\"integer\"}", "1.5", "1.5 is no integer"},
        {"{\"const\":{\"a\":1}}", "5", "5 is not an object"},
        {"{\"const\":\"x\"}", "\"y\"", "\"y\" is not \"x\""},
        {"{\"enum\":[1,null,\"a\",[]]}", "2", "2 is none of 1, null, a, a list"},
        {"{\"enum\":[1,2,3,4,5,6,7,8,9,10]}", "10.0", NULL},
        {"{\"enum\":[1,2,3,4,5,6,7,8,9,10]}", "11", "11 is none of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"},
        {"{\"minimum\":0.1}", "0", "0 is less than 0.1"},
        {"{\"maximum\":5}", "6", "6 is more than 5"},
        {"{\"exclusiveMinimum\":5}", "5", "5 is not more than 5"},
        {"{\"exclusiveMaximum\":5}", "5.0", "5.0 is not less than 5"},
        {"{" D4 "\"minimum\":5,\"exclusiveMinimum\":true}", "5", "5 is not more than 5"},
        {"{" D4 "\"maximum\":5,\"exclusiveMaximum\":true}", "5", "5 is not less than 5"},
        {"{\"multipleOf\":0.1}", "0.3", NULL},
        {"{\"multipleOf\":0.1}", "0.35", "0.35 is no multiple of 0.1"},
        {"{\"minLength\":2}", "\"\xc3\xa9\"", "\"\xc3\xa9\" is shorter than 2 characters"},
        {"{\"maxLength\":2}", "\"abc\"", "\"abc\" is longer than 2 characters"},
        {"{\"pattern\":\"^a+$\"}", "\"b\"", "\"b\" does not match the pattern ^a+$"},
        {"{\"format\":\"date\"}", "\"today\"", "\"today\" is not of the format date"},
        {"{\"format\":\"no such one\"}", "\"today\"", NULL},
        {"{\"minItems\":2}", "[1]", "has fewer than 2 items: 1"},
        {"{\"maxItems\":1}", "[1,2]", "has more than 1 items: 2"},
        {"{\"uniqueItems\":true}", "[1,2,1.0]", "items 1 and 3 are the same"},
        {"{\"contains\":{\"type\":\"null\"}}", "[1]", "has no item that fits \"contains\""},
        {"{" D2020 "\"contains\":{\"type\":\"null\"},\"minContains\":2}", "[null]",
         "has 1 items that fit \"contains\", fewer than 2"},
        {"{" D2020 "\"contains\":{\"type\":\"null\"},\"maxContains\":1}", "[null,null]",
         "has more than 1 items that fit \"contains\""},
        {"{\"items\":[true,{\"type\":\"null\"}],\"additionalItems\":false}", "[1,2]",
         "2: 2 is no null"},
        {"{\"items\":[true],\"additionalItems\":false}", "[1,2]", "2: is not allowed here"},
        {"{" D2020 "\"prefixItems\":[true],\"unevaluatedItems\":false}", "[1,2]",
         "2: is not allowed here"},
        {"{\"minProperties\":1}", "{}", "has fewer than 1 members: 0"},
        {"{\"maxProperties\":1}", "{\"a\":1,\"b\":2}", "has more than 1 members: 2"},
        {"{\"additionalProperties\":false}", "{\"a\":1}", "a: is not allowed here"},
        {"{\"patternProperties\":{\"^x\":{\"type\":\"null\"}}}", "{\"xa\":1}", "xa: 1 is no null"},
        {"{\"properties\":{\"a\":{\"propertyNames\":{\"maxLength\":1}}}}", "{\"a\":{\"bc\":1}}",
         "a: the name \"bc\" is longer than 1 characters"},
        {"{\"dependencies\":{\"a\":[\"b\"]}}", "{\"a\":1}", "has \"a\" without \"b\""},
        {"{" D2020 "\"dependentSchemas\":{\"a\":{\"required\":[\"c\"]}}}", "{\"a\":1}",
         "has no \"c\""},
        {"{" D2020 "\"properties\":{\"a\":true},\"unevaluatedProperties\":{\"type\":\"null\"}}",
         "{\"a\":1,\"b\":2}", "b: 2 is no null"},
        {"{\"not\":{\"type\":\"null\"}}", "null", "null is what it must not be"},
        {"{\"if\":true,\"then\":{\"type\":\"null\"}}", "1", "1 is no null"},
        {"{\"if\":false,\"else\":{\"type\":\"null\"}}", "1", "1 is no null"},
        {"{\"oneOf\":[true,true]}", "1", "1 fits more than one of \"oneOf\""},
    };
    assert_cases(cases, COUNT_OF(cases));
}

static void of_alternatives_the_nearest_is_told(void **state) {
    (void)state;
#define SHAPES                                                                                     \
    "{\"anyOf\":[{\"type\":\"null\"},{\"required\":[\"r\"],\"properties\":{\"r\":{\"type\":"       \
    "\"number\"}}}]}"
    static const case_t cases[] = {
        {SHAPES, "{\"r\":\"x\"}", "r: \"x\" is no number"},
        {SHAPES, "{}", "has no \"r\""},
        {"{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}", "1",
         "1 fits none of 2 alternatives"},
        {"{\"oneOf\":[{\"minimum\":3},{\"minimum\":4}]}", "1", "1 fits none of 2 alternatives"},
        {"{\"items\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\",\"minimum\":4}]}}",
         "[\"\",1]", "2: 1 is less than 4"},
    };
    assert_cases(cases, COUNT_OF(cases));
}

static void long_values_and_places_are_cut_at_a_character(void **state) {
    (void)state;
    static char schema[4096], data[4096];
    hy_error_t err = {.text = ""};
    char e[601] = "";
    for (int i = 0; i < 300; i++)
        strcat(e, "\xc3\xa9");
    snprintf(data, sizeof data, "{\"%s\":{\"%s\":\"%s\"}}", e, e, e);
    snprintf(schema, sizeof schema,
             "{\"additionalProperties\":{\"additionalProperties\":{\"enum\":[\"%s.\"]}}}", e);
    hy_rules_t *rules = rules_of(schema);
    hy_value_t v = value_of(data);
    assert_int_equal(hy_rule_check(hy_rules_root(rules), v, &err), HY_ESCHEMA);
    assert_true(hy_utf8_is_valid(err.text, strlen(err.text)));
    assert_non_null(strstr(err.text, "\xe2\x80\xa6"));
    hy_value_drop(v);
    hy_rules_free(rules);
}

/* --- bounds ----------------------------------------------------------------------------------- */

/* Each refers to the next one twice, so that running it takes 2^count steps. */
static void write_doubling(hy_buf_t *b, unsigned count) {
    hy_buf_text(b, "{\"allOf\":[{\"$ref\":\"#/definitions/d1\"}],\"definitions\":{");
    for (unsigned i = 1; i < count; i++)
        hy_buf_format(b,
                      "\"d%u\":{\"allOf\":[{\"$ref\":\"#/definitions/d%u\"},"
                      "{\"$ref\":\"#/definitions/d%u\"}]},",
                      i, i + 1, i + 1);
    hy_buf_format(b, "\"d%u\":{\"type\":\"null\"}}}", count);
    hy_buf_char(b, '\0');
}

static void checking_ends_after_so_many_steps(void **state) {
    (void)state;
    hy_buf_t b;
    hy_buf_init(&b);
    write_doubling(&b, 40);
    hy_rules_t *rules = rules_of(b.bytes);
    hy_error_t err = {.text = ""};
    assert_int_equal(hy_rule_check(hy_rules_root(rules), hy_null(), &err), HY_ESCHEMA);
    assert_string_equal(err.text, "takes more than 4000000 steps to check");
    assert_int_equal(hy_rule_check(hy_rules_root(rules), hy_null(), NULL), HY_ESCHEMA);
    hy_rules_free(rules);
    hy_buf_deinit(&b);
}

/* A bound is not taken for an answer. */
static void what_is_not_known_is_not_negated(void **state) {
    (void)state;
    static const char *const around[] = {"{\"not\":", "{\"anyOf\":[",
                                         "{\"else\":true,\"if\":", "{\"contains\":"};
    static const char *const ends[] = {"}", ",true]}", "}", "}"};
    for (size_t i = 0; i < COUNT_OF(around); i++) {
        hy_buf_t b;
        hy_error_t err = {.text = ""};
        hy_buf_init(&b);
        write_doubling(&b, 40);
        hy_value_t document = value_of(b.bytes), data = value_of(i == 3 ? "[null,null]" : "null");
        b.len = 0;
        hy_buf_text(&b, around[i]);
        hy_buf_format(&b, "{\"$ref\":\"#/definitions/d1\"}%s", ends[i]);
        hy_buf_char(&b, '\0');
        hy_value_t whole = value_of(b.bytes), definitions;
        assert_int_equal(hy_value_copy(hy_get(document.as.n, "definitions"), &definitions), 0);
        assert_int_equal(hy_put(whole.as.n, "definitions", definitions), 0);
        hy_rules_t *rules;
        assert_int_equal(hy_rules_compile(whole, NULL, NULL, NULL, &rules, NULL), 0);
        assert_int_equal(hy_rule_check(hy_rules_root(rules), data, &err), HY_ESCHEMA);
        assert_non_null(strstr(err.text, "takes more than 4000000 steps to check"));
        hy_rules_free(rules);
        hy_value_drop(whole);
        hy_value_drop(document);
        hy_value_drop(data);
        hy_buf_deinit(&b);
    }
}

static void rules_lead_to_rules_so_deep_and_no_deeper(void **state) {
    (void)state;
    hy_rules_t *rules = rules_of("{\"items\":{\"allOf\":[{\"allOf\":[{\"allOf\":[{\"allOf\":["
                                 "{\"$ref\":\"#\"}]}]}]}]}}");
    hy_value_t data = value_of(nested("[", "", "]", 80)),
               deep = value_of(nested("[", "", "]", 110));
    hy_error_t err = {.text = ""};
    assert_int_equal(hy_rule_check(hy_rules_root(rules), data, &err), 0);
    assert_int_equal(hy_rule_check(hy_rules_root(rules), deep, &err), HY_ESCHEMA);
    assert_non_null(strstr(err.text, "1.1: rules lead to rules deeper than 512"));
    hy_value_drop(data);
    hy_value_drop(deep);
    hy_rules_free(rules);
}

static void long_arrays_are_unique_in_time_of_their_length(void **state) {
    (void)state;
    enum { COUNT = 200000 };
    hy_rules_t *rules = rules_of("{\"uniqueItems\":true}");
    hy_node_t *n = hy_node_new(HY_ARRAY);
    hy_error_t err = {.text = ""};
    for (int64_t i = 0; i < COUNT; i++)
        assert_int_equal(hy_node_insert(n, (size_t)i, i % 2 ? hy_int(i) : hy_real((double)i)), 0);
    assert_int_equal(hy_rule_check(hy_rules_root(rules), hy_node_value(n), &err), 0);
    assert_int_equal(hy_node_put(n, COUNT - 1, hy_int(4), NULL), 0);
    assert_int_equal(hy_rule_check(hy_rules_root(rules), hy_node_value(n), &err), HY_ESCHEMA);
    assert_string_equal(err.text, "items 5 and 200000 are the same");
    hy_node_unref(n);
    hy_rules_free(rules);
}

/* --- memory ----------------------------------------------------------------------------------- */

typedef struct {
    const hy_rule_t *rule;
    hy_value_t data;
} check_t;

static int check_data(void *arg) {
    const check_t *c = arg;
    hy_error_t err;
    return hy_rule_check(c->rule, c->data, &err);
}

static void checking_survives_that_memory_runs_out(void **state) {
    (void)state;
    hy_rules_t *rules = rules_of(rich());
    check_t c = {hy_rules_root(rules), value_of("{\"q\":\"aab\",\"list\":[{\"title\":\"1\"},"
                                                "{\"title\":\"2\"},{\"title\":\"3\"},"
                                                "{\"title\":\"4\"},{\"title\":\"5\"},"
                                                "{\"title\":\"6\"},{\"title\":\"7\"},"
                                                "{\"title\":\"8\"},{\"title\":\"9\"}]}")};
    assert_int_equal(check_data(&c), 0); /* what patterns keep for the next match is made now */
    fail_until_it_works(check_data, &c);
    hy_value_drop(c.data);
    hy_rules_free(rules);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_does_not_fit_is_told_with_its_place),
        TEST(every_rule_tells_what_is_wrong),
        TEST(of_alternatives_the_nearest_is_told),
        TEST(long_values_and_places_are_cut_at_a_character),
        TEST(checking_ends_after_so_many_steps),
        TEST(what_is_not_known_is_not_negated),
        TEST(rules_lead_to_rules_so_deep_and_no_deeper),
        TEST(long_arrays_are_unique_in_time_of_their_length),
        TEST(checking_survives_that_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
