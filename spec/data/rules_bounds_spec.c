/* core/data/rules.h: what a check may cost, and what is said where a schema asks for more. */
#include "rules_support.h"

#define STEPS "takes more than 4000000 steps to check"

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

/* --- comparing -------------------------------------------------------------------------------- */

/* [0, 0, …] of so many, within `open` and `close`. */
static void write_zeros(hy_buf_t *b, const char *open, int count, const char *close) {
    hy_buf_text(b, open);
    for (int i = 0; i < count; i++)
        hy_buf_text(b, i > 0 ? ",0" : "[0");
    hy_buf_format(b, "]%s", close);
}

/* A schema that says the same of a value so often, with a large one to compare with. */
static void assert_counted(const char *same, int times, hy_buf_t *data) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_text(&b, "{\"allOf\":[{\"$ref\":\"#/definitions/c\"}");
    for (int i = 1; i < times; i++)
        hy_buf_text(&b, ",{\"$ref\":\"#/definitions/c\"}");
    hy_buf_format(&b, "],\"definitions\":{\"c\":%s}}", same);
    hy_buf_char(&b, '\0');
    hy_buf_char(data, '\0');
    const case_t one = {b.bytes, data->bytes, STEPS};
    assert_cases(&one, 1);
    hy_buf_deinit(&b);
}

static void comparing_large_values_takes_steps(void **state) {
    (void)state;
    static const char *const opens[] = {"{\"const\":", "{\"enum\":[1,2,3,4,5,6,7,8,9,10,11,12,",
                                        "{\"enum\":[1,"};
    static const char *const closes[] = {"}", "]}", "]}"};
    for (size_t i = 0; i < COUNT_OF(opens); i++) {
        hy_buf_t schema, data;
        hy_buf_init(&schema);
        hy_buf_init(&data);
        write_zeros(&schema, opens[i], 5000, closes[i]);
        hy_buf_char(&schema, '\0');
        write_zeros(&data, "", 5000, "");
        assert_counted(schema.bytes, 2000, &data);
        hy_buf_deinit(&schema);
        hy_buf_deinit(&data);
    }
}

static void unique_items_take_steps_for_what_is_in_them(void **state) {
    (void)state;
    for (int count = 2; count <= 20; count += 18) { /* each with each, and by a table */
        hy_buf_t data;
        hy_buf_init(&data);
        for (int i = 0; i < count; i++) {
            char end[24];
            snprintf(end, sizeof end, ",%d]", i);
            write_zeros(&data, i > 0 ? ",[" : "[[", 5000, end);
        }
        hy_buf_text(&data, "]");
        assert_counted("{\"uniqueItems\":true}", 2000, &data);
        hy_buf_deinit(&data);
    }
}

/* --- what else is no mere step ---------------------------------------------------------------- */

enum { KEYS = 3000 };

/* "k0", "k1", … each with `after`, within `open` and `close`. */
static void write_keys(hy_buf_t *b, const char *open, const char *after, const char *close) {
    hy_buf_text(b, open);
    for (int i = 0; i < KEYS; i++)
        hy_buf_format(b, "%s\"k%d\"%s", i > 0 ? "," : "", i, after);
    hy_buf_text(b, close);
}

static void looking_for_keys_takes_steps(void **state) {
    (void)state;
    static const struct {
        const char *open, *after, *close;
    } schemas[] = {{"{\"required\":[", "", "]}"},
                   {"{\"not\":{\"required\":[\"none\",", "", "]}}"},
                   {"{\"dependencies\":{\"k0\":[", "", "]}}"},
                   {"{\"dependencies\":{", ":[]", "}}"},
                   {"{\"properties\":{\"none\":{},", ":{}", "}}"}};
    for (size_t i = 0; i < COUNT_OF(schemas); i++) {
        hy_buf_t schema, data;
        hy_buf_init(&schema);
        hy_buf_init(&data);
        write_keys(&schema, schemas[i].open, schemas[i].after, schemas[i].close);
        hy_buf_char(&schema, '\0');
        write_keys(&data, "{", ":0", "}");
        assert_counted(schema.bytes, 2000, &data);
        hy_buf_deinit(&schema);
        hy_buf_deinit(&data);
    }
}

static void long_texts_take_steps(void **state) {
    (void)state;
    static const char *const schemas[] = {"{\"format\":\"uri\"}", "{\"pattern\":\"[a-z]1\"}",
                                          "{\"minLength\":15000}", "{\"pattern\":\"[a-z]{200}1\"}"};
    for (size_t i = 0; i < COUNT_OF(schemas); i++) {
        hy_buf_t data;
        hy_buf_init(&data);
        hy_buf_text(&data, "\"x:");
        for (int k = 0; k < 20000; k++)
            hy_buf_char(&data, 'a');
        hy_buf_text(&data, "1\"");
        assert_counted(schemas[i], i == 2 ? 16000 : 2000, &data);
        hy_buf_deinit(&data);
    }
}

static void multiples_of_long_decimals_take_steps(void **state) {
    (void)state;
    hy_buf_t data;
    hy_buf_init(&data);
    for (int i = 0; i < 20; i++)
        hy_buf_format(&data, "%s0.1234567890123456789", i > 0 ? "," : "[");
    hy_buf_text(&data, "]");
    assert_counted("{\"items\":{\"multipleOf\":1.2345678901234567e-300}}", 2000, &data);
    hy_buf_deinit(&data);
}

static void what_is_left_over_takes_steps_for_all_that_named_some(void **state) {
    (void)state;
    static const char head[] = "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
                               "\"unevaluatedProperties\":true,\"allOf\":[{\"required\":[\"k0\"]}";
    hy_buf_t schema, data;
    hy_buf_init(&schema);
    hy_buf_init(&data);
    hy_buf_text(&schema, head);
    for (int i = 0; i < 2000; i++)
        hy_buf_text(&schema, ",{\"required\":[\"k0\"]}");
    hy_buf_text(&schema, "]}");
    hy_buf_char(&schema, '\0');
    write_keys(&data, "{", ":0", "}");
    hy_buf_char(&data, '\0');
    const case_t one = {schema.bytes, data.bytes, STEPS};
    assert_cases(&one, 1);
    hy_buf_deinit(&schema);
    hy_buf_deinit(&data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_does_not_fit_is_explained_only_so_often),
        TEST(what_fits_needs_no_explaining),
        TEST(the_alternative_that_is_meant_is_explained),
        TEST(comparing_large_values_takes_steps),
        TEST(unique_items_take_steps_for_what_is_in_them),
        TEST(looking_for_keys_takes_steps),
        TEST(long_texts_take_steps),
        TEST(multiples_of_long_decimals_take_steps),
        TEST(what_is_left_over_takes_steps_for_all_that_named_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
