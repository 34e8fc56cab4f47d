/* core/data/compat.h: what a comparison may cost. Each pair would be answered if the work that its
 * spec names took no steps. */
#include "compat_support.h"

#define TOO_LARGE "it cannot be told whether all fits: too large"

static char *told_of(const char *reader, const char *writer) {
    char *texts[] = {spelled_out(reader), spelled_out(writer)};
    version_t a = version_of(texts[0]), b = version_of(texts[1]);
    hy_buf_t told;
    hy_buf_init(&told);
    bool can = hy_compat_can_read(&a.schema, &b.schema, take_place, &told);
    hy_buf_char(&told, '\0');
    assert_int_equal(can, told.len == 1);
    char *text = strdup(told.bytes);
    assert_non_null(text);
    hy_buf_deinit(&told);
    version_end(&a);
    version_end(&b);
    free(texts[0]);
    free(texts[1]);
    return text;
}

static void assert_too_large(const char *reader, const char *writer) {
    char *told = told_of(reader, writer);
    const char *last = strrchr(told, '\n');
    assert_string_equal(last ? last + 1 : told, TOO_LARGE);
    free(told);
}

/* One rule for many members. */
#define ALL_OF_C(count, c)                                                                         \
    "{\"definitions\":{\"c\":" c "},\"properties\":{<" count                                       \
    ":\"p@\":{\"$ref\":\"#/definitions/c\"}>}}"

static void values_that_are_checked_take_steps(void **state) {
    (void)state;
    assert_too_large("{\"properties\":{<300:\"p@\":{\"uniqueItems\":true}>}}",
                     ALL_OF_C("300", "{\"const\":[<3000:@>]}"));
}

static void lists_of_values_take_steps(void **state) {
    (void)state;
    assert_too_large(ALL_OF_C("60", "{\"enum\":[<100000:0>]}"),
                     "{\"properties\":{<60:\"p@\":{\"minimum\":0}>}}");
}

static void patterns_that_are_compared_take_steps(void **state) {
    (void)state;
    assert_too_large("{\"patternProperties\":{\"^x\":{\"minLength\":2}}}",
                     "{\"patternProperties\":{<2500:\"^%@-.\":{\"minLength\":1}>}}");
}

static void what_is_required_takes_steps(void **state) {
    (void)state;
    /* Keys that depend on others; and dependencies. The other alternative
     * keeps it from being told of each key. */
#define REQUIRED(count)                                                                            \
    "{\"anyOf\":[{\"minProperties\":99999},{\"required\":[<" count ":\"z@\">]}]}"
    assert_too_large(REQUIRED("4000"),
                     "{\"dependencies\":{<300:\"d@\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\","
                     "\"h\",\"i\",\"j\",\"k\",\"l\",\"m\",\"n\",\"o\",\"p\"]>}}");
    assert_too_large(REQUIRED("6000"), "{\"dependencies\":{<1000:\"d@\":[\"a\"]>}}");
}

static void members_that_are_counted_take_steps(void **state) {
    (void)state;
    assert_too_large("{\"anyOf\":[<300:{\"maxProperties\":@}>]}",
                     "{\"type\":\"object\",\"properties\":{<3000:\"p@\":{}>}}");
}

static void choices_that_are_looked_for_take_steps(void **state) {
    (void)state;
#define REFS                                                                                       \
    "{\"$ref\":\"#/definitions/a\"},{\"$ref\":\"#/definitions/b\"},{\"$ref\":\"#/definitions/c\"}" \
    ",{\"$ref\":\"#/definitions/d\"},{\"$ref\":\"#/definitions/k\"}"
    assert_too_large("{\"allOf\":[<50:{\"minProperties\":@}>]}",
                     "{\"definitions\":{\"a\":{\"minProperties\":9001},\"b\":{\"minProperties\":"
                     "9002},\"c\":{\"minProperties\":9003},\"d\":{\"minProperties\":9004},\"k\":{"
                     "\"type\":\"object\"}},\"allOf\":[{\"$ref\":\"#/definitions/k\"},"
                     "<200:{\"maxProperties\":8@,\"anyOf\":[" REFS "]}>]}");
}

static void contradictions_that_are_looked_for_take_steps(void **state) {
    (void)state;
    assert_too_large("{\"allOf\":[<6:{\"maxLength\":@}>]}",
                     "{\"allOf\":[<800:{\"not\":{\"type\":\"string\",\"minLength\":@}}>]}");
}

/* The same in small, and much that is honest, is answered. */
static void what_is_large_and_honest_is_answered(void **state) {
    (void)state;
#define FIELDS(more)                                                                               \
    "{\"type\":\"object\",\"properties\":{<1500:\"p@\":{\"type\":\"object\",\"properties\":{"      \
    "\"status\":{\"enum\":[\"open\",\"closed\"]},\"tags\":{\"items\":{\"type\":\"string\"}}" more  \
    "}}>},\"required\":[<1500:\"p@\">]}"
    static const char *const pairs[][2] = {
        {FIELDS(""), FIELDS(",\"unit\":{}")},
        {"{\"enum\":[<8000:\"k@\">]}", "{\"enum\":[<7000:\"k@\">]}"},
        {"{\"patternProperties\":{<80:\"^x@-.\":{\"minLength\":1}>}}",
         "{\"patternProperties\":{<80:\"^x@-.\":{\"minLength\":2}>}}"},
        {"{\"dependencies\":{<300:\"d@\":[\"e\"]>}}",
         "{\"properties\":{<300:\"d@\":{}>},\"required\":[\"e\"]}"},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        char *told = told_of(pairs[i][0], pairs[i][1]);
        assert_string_equal(told, "");
        free(told);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(values_that_are_checked_take_steps),
        TEST(lists_of_values_take_steps),
        TEST(patterns_that_are_compared_take_steps),
        TEST(what_is_required_takes_steps),
        TEST(members_that_are_counted_take_steps),
        TEST(choices_that_are_looked_for_take_steps),
        TEST(contradictions_that_are_looked_for_take_steps),
        TEST(what_is_large_and_honest_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
