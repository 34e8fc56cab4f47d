/* core/data/rules.h: what a check may cost, and what is said where a schema asks for more. */
#include "rules_support.h"

/* --- explaining ------------------------------------------------------------------------------- */

/* Alternatives of alternatives: 2^18 ways to say that "zz" is none of a and b. */
static void what_does_not_fit_is_explained_only_so_often(void **state) {
    (void)state;
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_text(&b, "{\"$ref\":\"#/definitions/d18\",\"definitions\":{"
                    "\"d0\":{\"enum\":[\"a\",\"b\"]}");
    for (unsigned i = 1; i <= 18; i++)
        hy_buf_format(&b,
                      ",\"d%u\":{\"anyOf\":[{\"$ref\":\"#/definitions/d%u\"},"
                      "{\"$ref\":\"#/definitions/d%u\"}]}",
                      i, i - 1, i - 1);
    hy_buf_text(&b, "}}");
    hy_buf_char(&b, '\0');
    const case_t one = {b.bytes, "\"zz\"", "\"zz\" fits none of 2 alternatives"};
    assert_cases(&one, 1);
    hy_buf_deinit(&b);
}

/* Those that fit cost nothing of that, however many there are. */
static void what_fits_needs_no_explaining(void **state) {
    (void)state;
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_char(&b, '[');
    for (int i = 0; i < 20000; i++)
        hy_buf_text(&b, "{\"kind\":\"b\",\"v\":\"\"},");
    hy_buf_text(&b, "{\"kind\":\"b\",\"v\":1}]");
    hy_buf_char(&b, '\0');
#define KIND(k) "{\"properties\":{\"kind\":{\"const\":\"" k "\"},\"v\":{\"type\":\"string\"}}}"
    const case_t one = {"{\"items\":{\"oneOf\":[" KIND("a") "," KIND("b") "," KIND("c") "]}}",
                        b.bytes, "20001.v: 1 is no string"};
    assert_cases(&one, 1);
    hy_buf_deinit(&b);
}

static void the_alternative_that_is_meant_is_explained(void **state) {
    (void)state;
#define KINDS "{\"oneOf\":[" KIND("a") "," KIND("b") "," KIND("c") "]}"
    static const case_t cases[] = {
        {KINDS, "{\"kind\":\"b\",\"v\":1}", "v: 1 is no string"},
        {KINDS, "{\"v\":1,\"kind\":\"b\"}", "v: 1 is no string"},
        {KINDS, "{\"kind\":\"d\",\"v\":\"\"}", "an object fits none of 3 alternatives"},
        {"{\"anyOf\":[{\"properties\":{\"kind\":{\"enum\":[\"a\"]},\"v\":{\"minimum\":5}}},"
         "{\"properties\":{\"kind\":{\"enum\":[\"b\"]},\"v\":{\"minimum\":9}}}]}",
         "{\"v\":1,\"kind\":\"b\"}", "v: 1 is less than 9"},
    };
    assert_cases(cases, COUNT_OF(cases));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_does_not_fit_is_explained_only_so_often),
        TEST(what_fits_needs_no_explaining),
        TEST(the_alternative_that_is_meant_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
