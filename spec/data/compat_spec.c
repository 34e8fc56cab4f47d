/* core/data/compat.h: which version of a schema can read what another one writes, and what a person
 * is told about it. */
#include "compat_support.h"

/* --- texts ------------------------------------------------------------------------------------ */

/* NULL: it can be read; else all that is told, line by line. */
typedef struct {
    const char *older, *newer;
    const char *backward; /* the newer reads the older */
    const char *forward;  /* the older reads the newer */
} case_t;

static void assert_reads(const version_t *reader, const version_t *writer, const char *text,
                         const case_t *row) {
    hy_buf_t b;
    hy_buf_init(&b);
    bool can = hy_compat_can_read(&reader->schema, &writer->schema, take_place, &b);
    hy_buf_char(&b, '\0');
    if (can != !text || strcmp(b.bytes, text ? text : "") != 0)
        print_error("%s\n%s\n", row->older, row->newer);
    assert_string_equal(b.bytes, text ? text : "");
    assert_int_equal(can, !text);
    assert_int_equal(hy_compat_can_read(&reader->schema, &writer->schema, NULL, NULL), can);
    hy_buf_deinit(&b);
}

static void assert_cases(const case_t *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        version_t older = version_of(cases[i].older), newer = version_of(cases[i].newer);
        assert_reads(&newer, &older, cases[i].backward, &cases[i]);
        assert_reads(&older, &newer, cases[i].forward, &cases[i]);
        assert_reads(&older, &older, NULL, &cases[i]);
        assert_reads(&newer, &newer, NULL, &cases[i]);
        version_end(&older);
        version_end(&newer);
    }
}

#define OF(members)   "{\"type\":\"object\",\"properties\":{" members "}}"
#define VALUE(schema) OF("\"value\":" schema)

static void fields_come_and_go(void **state) {
    (void)state;
    static const case_t cases[] = {
        {OF("\"a\":{\"type\":\"string\"}"),
         OF("\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"number\"}"), NULL, NULL},
        {OF("\"a\":{}"),
         "{\"properties\":{\"a\":{},\"unit\":{}},\"required\":[\"unit\"],"
         "\"type\":\"object\"}",
         "unit: is required here and not there", NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"b\"]}",
         "{\"type\":\"object\",\"properties\":{\"a\":{}},\"additionalProperties\":false}",
         "b: is not allowed here", "b: is required here and not there"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{}},\"required\":[\"a\"]}", OF("\"a\":{}"),
         NULL, "a: is required here and not there"},
        {OF("\"a\":{}"),
         "{\"type\":\"object\",\"properties\":{\"a\":{},\"c\":{}},"
         "\"additionalProperties\":{\"type\":\"integer\"}}",
         NULL, NULL},
        {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"number\"}}",
         "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},"
         "\"additionalProperties\":{\"type\":\"integer\"}}",
         "a: is a number there, a string here\n*: is a number there, an integer here",
         "a: is a string there, a number here"},
    };
    assert_cases(cases, COUNT_OF(cases));
}

static void types_are_widened_and_narrowed(void **state) {
    (void)state;
    static const case_t cases[] = {
        {VALUE("{\"type\":\"integer\"}"), VALUE("{\"type\":\"number\"}"), NULL,
         "value: is a number there, an integer here"},
        {VALUE("{\"type\":\"string\"}"), VALUE("{\"type\":\"number\"}"),
         "value: is a string there, a number here", "value: is a number there, a string here"},
        {VALUE("{\"type\":\"string\"}"), VALUE("{\"type\":[\"string\",\"null\"]}"), NULL,
         "value: is a string or null there, a string here"},
        {VALUE("{}"), VALUE("{\"type\":\"boolean\"}"),
         "value: may be anything there, is a boolean here", NULL},
        {VALUE("{\"type\":\"number\",\"multipleOf\":2}"), VALUE("{\"type\":\"integer\"}"), NULL,
         "value: is a multiple of 2 here and not there"},
        {VALUE("{\"type\":[\"string\",\"null\"]}"),
         VALUE("{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}"), NULL, NULL},
    };
    assert_cases(cases, COUNT_OF(cases));
}

static void values_are_added_and_removed(void **state) {
    (void)state;
#define STATUS(list)                                                                               \
    OF("\"participants\":{\"type\":\"array\",\"items\":" OF("\"status\":{\"enum\":[" list "]}") "}")
    static const case_t cases[] = {
        {STATUS("\"open\",\"closed\""), STATUS("\"open\",\"closed\",\"left\""), NULL,
         "participants.*.status: may be \"left\" there, here only open, closed"},
        {VALUE("{\"enum\":[1,2]}"), VALUE("{\"enum\":[2.0,3]}"),
         "value: may be 1 there, here only 2.0, 3", "value: may be 3 there, here only 1, 2"},
        {VALUE("{\"const\":\"a\"}"), VALUE("{\"const\":\"b\"}"),
         "value: may be \"a\" there, here only \"b\"",
         "value: may be \"b\" there, here only \"a\""},
        {VALUE("{\"enum\":[\"a\",\"b\"]}"), VALUE("{\"type\":\"string\"}"), NULL,
         "value: may be any other there (a string), here only a, b"},
        {VALUE("{\"enum\":[\"a\",\"b\"]}"), VALUE("{\"type\":\"integer\"}"),
         "value: is a string there, an integer here", "value: is an integer there, a string here"},
        {VALUE("{\"type\":\"boolean\"}"), VALUE("{\"enum\":[true]}"),
         "value: may be false there, here only true", NULL},
        {VALUE("{\"enum\":[true,false]}"), VALUE("{\"type\":\"boolean\"}"), NULL, NULL},
        {VALUE("{\"enum\":[1,10]}"), VALUE("{\"maximum\":5}"),
         "value: may be 10 there; here 10 is more than 5",
         "value: may be anything there, here only 1, 10"},
    };
    assert_cases(cases, COUNT_OF(cases));
}

static void bounds_move(void **state) {
    (void)state;
#define ALL_BOUNDS(n)                                                                              \
    "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"number\",\"minimum\":" n               \
    ",\"exclusiveMinimum\":" n "},\"s\":{\"type\":\"string\",\"minLength\":" n                     \
    "},\"l\":{\"type\":\"array\",\"minItems\":" n                                                  \
    "},\"o\":{\"type\":\"object\",\"minProperties\":" n "}}}"
    static const case_t cases[] = {
        {ALL_BOUNDS("1"), ALL_BOUNDS("2"),
         "n: is at least 2 here and not there\nn: is more than 2 here and not there\n"
         "s: has at least 2 characters here and not there\n"
         "l: has at least 2 items here and not there\no: has at least 2 members here and not there",
         NULL},
        {VALUE("{\"type\":\"integer\",\"minimum\":1,\"maximum\":9}"),
         VALUE("{\"type\":\"integer\",\"exclusiveMinimum\":0,\"exclusiveMaximum\":10}"), NULL,
         NULL},
        {VALUE("{\"type\":\"number\",\"maximum\":9}"),
         VALUE("{\"type\":\"number\",\"exclusiveMaximum\":9}"),
         "value: is less than 9 here and not there", NULL},
        {VALUE("{\"type\":\"string\",\"maxLength\":5}"), VALUE("{\"type\":\"string\"}"), NULL,
         "value: has at most 5 characters here and not there"},
        {VALUE("{\"type\":\"array\",\"maxItems\":5,\"uniqueItems\":true}"),
         VALUE("{\"type\":\"array\",\"maxItems\":1}"),
         "value: has at most 1 items here and not there", NULL},
        {VALUE("{\"type\":\"array\",\"uniqueItems\":true}"), VALUE("{\"type\":\"array\"}"), NULL,
         "value: has no item twice here, which it may there"},
        {VALUE("{\"type\":\"number\",\"multipleOf\":4}"),
         VALUE("{\"type\":\"number\",\"multipleOf\":2}"), NULL,
         "value: is a multiple of 4 here and not there"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"a\"]}",
         "{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},\"minProperties\":1,"
         "\"maxProperties\":2}",
         NULL, "a: is required here and not there"},
    };
    assert_cases(cases, COUNT_OF(cases));
}

static void lists_are_compared_place_by_place(void **state) {
    (void)state;
    static const case_t cases[] = {
        {VALUE("{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}"),
         VALUE("{\"type\":\"array\",\"items\":{\"type\":\"number\"}}"), NULL,
         "value.*: is a number there, an integer here"},
        {VALUE("{\"type\":\"array\",\"items\":[{\"type\":\"string\"},{\"type\":\"integer\"}],"
               "\"additionalItems\":false}"),
         VALUE("{\"type\":\"array\",\"items\":[{\"type\":\"string\"},{\"type\":\"number\"}],"
               "\"additionalItems\":{\"type\":\"null\"}}"),
         NULL, "value.2: is a number there, an integer here\nvalue.*: is not allowed here"},
    };
    assert_cases(cases, COUNT_OF(cases));
}

static void references_are_followed(void **state) {
    (void)state;
#define TREE(type)                                                                                 \
    "{\"definitions\":{\"node\":{\"type\":\"object\",\"properties\":{\"value\":{\"type\":\"" type  \
    "\"},\"next\":{\"$ref\":\"#/definitions/node\"}}}},\"$ref\":\"#/definitions/node\"}"
    static const case_t cases[] = {
        {TREE("integer"), TREE("number"), NULL, "value: is a number there, an integer here"},
        {TREE("integer"),
         "{\"type\":\"object\",\"properties\":{\"value\":{\"type\":\"integer\"},"
         "\"next\":{\"$ref\":\"#\"}}}",
         NULL, NULL},
    };
    assert_cases(cases, COUNT_OF(cases));
}

static void alternatives_are_matched(void **state) {
    (void)state;
#define SHAPE(kind, field)                                                                         \
    OF("\"kind\":{\"const\":\"" kind "\"},\"" field "\":{\"type\":\"number\"}")
#define NEEDS(kind, field)                                                                         \
    "{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":\"" kind "\"},\"" field              \
    "\":{\"type\":\"number\"}},\"required\":[\"kind\"]}"
    static const case_t cases[] = {
        {"{\"oneOf\":[" NEEDS("circle", "r") "," NEEDS("square", "a") "]}",
         "{\"oneOf\":[" NEEDS("square", "a") "," NEEDS("circle", "r") "," NEEDS("line", "l") "]}",
         NULL, "none of the 2 alternatives here takes all of it, as far as can be told"},
        {VALUE("{\"type\":\"integer\",\"oneOf\":[{\"minimum\":5},{\"multipleOf\":3}]}"),
         VALUE("{\"type\":\"integer\",\"oneOf\":[{\"multipleOf\":3},{\"minimum\":5}]}"), NULL,
         NULL},
        {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}",
         "{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"string\"},{\"type\":\"null\"}]}", NULL,
         "is a number there, an integer here\n"
         "may be null there; here null fits none of 2 alternatives"},
        {VALUE("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}"),
         VALUE("{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"object\",\"properties\":{\"a\":"
               "{\"type\":\"string\",\"maxLength\":3}}}]}"),
         "value.a: has at most 3 characters here and not there",
         "value: is null there, an object here"},
        {"{\"allOf\":[{\"type\":\"integer\"},{\"minimum\":3}]}",
         "{\"type\":\"integer\",\"minimum\":1}", NULL, "is at least 3 here and not there"},
        {VALUE("{\"not\":{\"type\":\"string\"}}"),
         VALUE("{\"type\":\"number\",\"not\":{\"type\":\"string\"}}"),
         "value: may be anything there, is a number here", NULL},
        {VALUE("{\"type\":\"integer\",\"if\":{\"minimum\":5},\"then\":{\"multipleOf\":5}}"),
         VALUE("{\"type\":\"integer\",\"if\":{\"minimum\":5},\"then\":{\"multipleOf\":10}}"),
         "value: is a multiple of 10 here and not there", NULL},
    };
    assert_cases(cases, COUNT_OF(cases));
}

static void what_cannot_be_told_counts_as_broken(void **state) {
    (void)state;
#define STRING(rest) VALUE("{\"type\":\"string\"," rest "}")
#define LIST(rest)   VALUE("{\"type\":\"array\"," rest "}")
    static const case_t cases[] = {
        {STRING("\"pattern\":\"^a\""), STRING("\"pattern\":\"^[ab]\""),
         "value: has the pattern ^[ab] here and, as far as can be told, not there",
         "value: has the pattern ^a here and, as far as can be told, not there"},
        {STRING("\"pattern\":\"^a\",\"maxLength\":3"), STRING("\"pattern\":\"^a\""), NULL,
         "value: has at most 3 characters here and not there"},
        {STRING("\"format\":\"uuid\""), STRING("\"title\":\"any\""), NULL,
         "value: has the format uuid here and, as far as can be told, not there"},
        {VALUE("{\"type\":\"integer\",\"not\":{\"multipleOf\":3}}"),
         VALUE("{\"type\":\"integer\",\"not\":{\"multipleOf\":2}}"),
         "value: may be what \"not\" rules out here, as far as can be told",
         "value: may be what \"not\" rules out here, as far as can be told"},
        {LIST("\"contains\":{\"const\":1}"), LIST("\"contains\":{\"type\":\"integer\"}"), NULL,
         "value: need not contain there what it has to here, as far as can be told"},
        {LIST("\"items\":{\"const\":1},\"minItems\":1"),
         LIST("\"contains\":{\"type\":\"integer\"}"), NULL,
         "value: has at least 1 items here and not there\n"
         "value.*: may be anything there, here only 1"},
    };
    assert_cases(cases, COUNT_OF(cases));
}

static void names_and_what_depends_on_them_count(void **state) {
    (void)state;
    static const case_t cases[] = {
        {"{\"type\":\"object\",\"patternProperties\":{\"^x-\":{\"type\":\"string\"}}}",
         "{\"type\":\"object\",\"patternProperties\":{\"^x-\":{\"type\":\"string\"},"
         "\"^y-\":{\"type\":\"number\"}},\"properties\":{\"x-a\":{\"type\":\"null\"}}}",
         "x-a: is a string there, null here", NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}}}",
         "{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},"
         "\"dependencies\":{\"a\":[\"b\"]}}",
         "b: is required here and not there", NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"b\"]}",
         "{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},"
         "\"dependencies\":{\"a\":[\"b\"]}}",
         NULL, "b: is required here and not there"},
        {"{\"type\":\"object\",\"properties\":{\"name\":{}}}",
         "{\"type\":\"object\",\"properties\":{\"name\":{}},\"propertyNames\":{\"maxLength\":2}}",
         "name: is a name that is not allowed here", NULL},
    };
    assert_cases(cases, COUNT_OF(cases));
}

/* A document says the same whatever it tells people. */
static void what_only_people_read_is_nothing(void **state) {
    (void)state;
#define HARD(title)                                                                                \
    "{\"title\":\"" title "\",\"properties\":{\"a\":{\"not\":{\"pattern\":\"x\"}},\"b\":{\"if\":"  \
    "{\"minLength\":3},\"then\":{\"contains\":{\"format\":\"uri\"}}},\"c\":{\"$ref\":\"#\"}}}"
    static const case_t cases[] = {{HARD("one"), HARD("other"), NULL, NULL}};
    assert_cases(cases, COUNT_OF(cases));
}

static void count_place(void *arg, const char *place, const char *what) {
    (void)place;
    (void)what;
    ++*(uint32_t *)arg;
}

static void places_have_a_bound(void **state) {
    (void)state;
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_text(&b, "{\"type\":\"object\",\"properties\":{\"a\":{}},\"required\":[\"a\"");
    for (uint32_t i = 0; i < 2 * HY_COMPAT_PLACES_MAX; i++) {
        hy_buf_format(&b, ",\"k%u\"", i);
    }
    hy_buf_add(&b, "]}", sizeof "]}");
    version_t older = version_of(OF("\"a\":{}")), newer = version_of(b.bytes);
    uint32_t count = 0;
    assert_false(hy_compat_can_read(&newer.schema, &older.schema, count_place, &count));
    assert_int_equal(count, HY_COMPAT_PLACES_MAX);
    version_end(&older);
    version_end(&newer);
    hy_buf_deinit(&b);
}

/* 2 to the power of 40 ways through it. */
static void what_takes_too_long_counts_as_broken(void **state) {
    (void)state;
    hy_buf_t older, newer, told;
    hy_buf_t *both[] = {&older, &newer};
    for (size_t v = 0; v < 2; v++) {
        hy_buf_t *b = both[v];
        hy_buf_init(b);
        hy_buf_text(b, "{\"definitions\":{\"d0\":{\"type\":\"object\"");
        for (int i = 0; i < 40; i++) {
            hy_buf_format(b,
                          "},\"d%d\":{\"anyOf\":[{\"required\":[\"a%d\"],\"minProperties\":%d},"
                          "{\"required\":[\"b%d\"]}],\"allOf\":[{\"$ref\":\"#/definitions/d%d\"}]",
                          i + 1, i, (int)v, i, i);
        }
        hy_buf_add(b, "}},\"$ref\":\"#/definitions/d40\"}",
                   sizeof "}},\"$ref\":\"#/definitions/d40\"}");
    }
    version_t a = version_of(older.bytes), b = version_of(newer.bytes);
    hy_buf_init(&told);
    bool can = hy_compat_can_read(&b.schema, &a.schema, take_place, &told);
    hy_buf_char(&told, '\0');
    assert_false(can);
    assert_string_equal(told.bytes, "it cannot be told whether all fits: too large");
    version_end(&a);
    version_end(&b);
    hy_buf_deinit(&older);
    hy_buf_deinit(&newer);
    hy_buf_deinit(&told);
}

/* It is no then, and nothing is left. */
static void without_memory_nothing_can_be_told(void **state) {
    (void)state;
    version_t older = version_of(VALUE("{\"anyOf\":[{\"enum\":[1,2]},{\"type\":\"object\"}]}"));
    version_t newer = version_of(VALUE("{\"anyOf\":[{\"enum\":[1,2,3]},{\"type\":\"object\"}]}"));
    for (int64_t n = 0;; n++) {
        int64_t blocks = hy_mem_blocks();
        hy_mem_fail_after(n);
        bool can = hy_compat_can_read(&newer.schema, &older.schema, NULL, NULL);
        hy_mem_fail_after(-1);
        assert_int_equal(hy_mem_blocks(), blocks);
        if (can) break;
        assert_true(n < 1000);
    }
    version_end(&older);
    version_end(&newer);
}

static void children_and_schemes_count(void **state) {
    (void)state;
#define CHILD(scheme, collection, type)                                                            \
    "{\"scheme\":\"" scheme "\",\"type\":\"object\",\"children\":{\"" collection                   \
    "\":" OF("\"text\":{\"type\":\"" type "\"}") "}}"
    static const case_t cases[] = {
        {CHILD("comm", "messages", "string"), CHILD("comm", "messages", "number"),
         "messages: text: is a string there, a number here",
         "messages: text: is a number there, a string here"},
        {CHILD("comm", "messages", "string"), CHILD("comm", "notes", "number"), NULL, NULL},
        {CHILD("comm", "messages", "string"), CHILD("context", "messages", "string"),
         "has the scheme comm there, context here", "has the scheme context there, comm here"},
    };
    assert_cases(cases, COUNT_OF(cases));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(fields_come_and_go),
        TEST(types_are_widened_and_narrowed),
        TEST(values_are_added_and_removed),
        TEST(bounds_move),
        TEST(lists_are_compared_place_by_place),
        TEST(references_are_followed),
        TEST(alternatives_are_matched),
        TEST(what_cannot_be_told_counts_as_broken),
        TEST(names_and_what_depends_on_them_count),
        TEST(what_only_people_read_is_nothing),
        TEST(children_and_schemes_count),
        TEST(places_have_a_bound),
        TEST(what_takes_too_long_counts_as_broken),
        TEST(without_memory_nothing_can_be_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
