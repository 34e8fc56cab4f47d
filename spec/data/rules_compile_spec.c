/* core/data/rules.h, compiling: which documents are schemas, and where references lead. */
#include "rules_support.h"

typedef struct {
    const char *schema;
    int code;
    const char *text;
} refused_t;

static void assert_refused(const refused_t *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        hy_value_t document = value_of(cases[i].schema);
        hy_rules_t *rules = NULL;
        hy_error_t err = {.text = ""};
        int rc = hy_rules_compile(document, NULL, "children", NULL, &rules, &err);
        if (rc != cases[i].code) print_error("%s: %s\n", cases[i].schema, err.text);
        assert_int_equal(rc, cases[i].code);
        assert_int_equal(err.code, cases[i].code);
        assert_string_equal(err.text, cases[i].text);
        assert_null(rules);
        hy_value_drop(document);
    }
}

static void what_is_no_schema_is_refused_with_its_place(void **state) {
    (void)state;
    static const refused_t cases[] = {
        {"[]", HY_EINVALID, "it is no schema, which is an object or a boolean"},
        {"{\"properties\":{\"a\":{\"type\":\"strin\"}}}", HY_EINVALID,
         "properties.a.type: \"strin\" is none of array, boolean, integer, null, number, object, "
         "string"},
        {"{\"children\":{\"messages\":{\"minLength\":-1}}}", HY_EINVALID,
         "children.messages.minLength: -1 is less than 0"},
        {"{" D4 "\"properties\":{\"a\":true}}", HY_EINVALID, "properties.a: true is no object"},
        {"{" D2020 "\"allOf\":[{},{\"items\":[]}]}", HY_EINVALID,
         "allOf.2.items: a list is no boolean or object"},
        {"{\"$schema\":\"http://json-schema.org/draft-06/schema#\"}", HY_EINVALID,
         "$schema: http://json-schema.org/draft-06/schema# is not known here; drafts 4, 7 and "
         "2020-12 are"},
        {"{\"x\":{\"not\":{\"type\":\"strin\"}},\"allOf\":[{\"$ref\":\"#/x/not\"},"
         "{\"$ref\":\"#/x\"}]}",
         HY_EINVALID,
         "not.type: \"strin\" is none of array, boolean, integer, null, number, object, string"},
        {"{\"x\":{\"not\":{\"title\":1}},\"$ref\":\"#/x/not\"}", HY_EINVALID,
         "title: 1 is no string"},
        {"{\"patternProperties\":{\"(\":true}}", HY_EINVALID, NULL},
    };
    assert_refused(cases, COUNT_OF(cases) - 1);
    hy_value_t document = value_of(cases[COUNT_OF(cases) - 1].schema);
    hy_rules_t *rules = NULL;
    hy_error_t err = {.text = ""};
    assert_int_equal(hy_rules_compile(document, NULL, NULL, NULL, &rules, &err), HY_EINVALID);
    assert_non_null(strstr(err.text, "patternProperties: \"(\" character"));
    hy_value_drop(document);
}

static void references_that_lead_nowhere_or_in_a_circle_are_refused(void **state) {
    (void)state;
    static const refused_t cases[] = {
        {"{\"items\":{\"$ref\":\"#/definitions/a\"}}", HY_ENOT_FOUND,
         "items.$ref: \"#/definitions/a\" leads to what is not there"},
        {"{\"$ref\":\"#a\"}", HY_ENOT_FOUND, "$ref: \"#a\" leads to what is not there"},
        {"{\"$ref\":\"other.json\"}", HY_ENOT_FOUND,
         "$ref: \"other.json\" leads to a document that is not known here"},
        {"{\"$ref\":\"#/title\",\"title\":\"x\"}", HY_EINVALID,
         "$ref: \"#/title\" leads to what is no schema"},
        {"{\"$ref\":\"a b\"}", HY_EINVALID, "$ref: \"a b\" is no URI reference"},
        {"{\"$ref\":\"#\"}", HY_EINVALID,
         "its references lead back to itself without going down in the data"},
        {"{\"properties\":{\"a\":{\"anyOf\":[{\"not\":{\"$ref\":\"#/properties/a\"}}]}}}",
         HY_EINVALID,
         "properties.a: its references lead back to itself without going down in the data"},
        {"{\"definitions\":{\"a\":{\"$id\":\"x\"},\"b\":{\"$id\":\"x\"}}}", HY_EINVALID,
         "definitions.b.$id: \"nowhere:/x\" is the name of another schema, too"},
    };
    assert_refused(cases, COUNT_OF(cases));
}

/* --- references ---------------------------------------------------------------------------------
 */

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

static void names_of_schemas_are_resolved_where_they_stand(void **state) {
    (void)state;
#define NAMED                                                                                      \
    "{" D2020 "\"$id\":\"http://a.example/b/c?q\",\"$defs\":{\"up\":{\"$id\":\"../x/./d\","        \
    "\"$defs\":{\"in\":{\"$id\":\"e\",\"$anchor\":\"here\",\"type\":\"null\"}}}},"                 \
    "\"properties\":{\"a\":{\"$ref\":\"http://a.example/x/e#here\"},"                              \
    "\"b\":{\"$ref\":\"//a.example/x/e\"},\"c\":{\"$ref\":\"/x/d#/$defs/in\"}}}"
    static const case_t cases[] = {
        {NAMED, "{\"a\":null,\"b\":null,\"c\":null}", NULL},
        {NAMED, "{\"a\":1}", "a: 1 is no null"},
        {NAMED, "{\"b\":1}", "b: 1 is no null"},
        {NAMED, "{\"c\":1}", "c: 1 is no null"},
    };
    assert_cases(cases, COUNT_OF(cases));
}

/* One is known when a reference asks for its name, another only once the first has led to it. */
static void dynamic_anchors_are_found_whenever_they_are_met(void **state) {
    (void)state;
#define LATE                                                                                       \
    "{" D2020 "\"$id\":\"http://a.example/s\",\"prefixItems\":[{\"$ref\":\"early\"},"              \
    "{\"$ref\":\"#/x/late\"}],\"$defs\":{"                                                         \
    "\"early\":{\"$id\":\"early\",\"items\":{\"$dynamicRef\":\"#n\"},"                             \
    "\"$defs\":{\"n\":{\"$dynamicAnchor\":\"n\"}}}},\"x\":{\"late\":{\"$id\":\"late\","            \
    "\"$ref\":\"early\",\"$defs\":{\"n\":{\"$dynamicAnchor\":\"n\",\"type\":\"null\"}}}}}"
    static const case_t cases[] = {
        {LATE, "[[1],[null]]", NULL},
        {LATE, "[[1],[null,1]]", "2.2: 1 is no null"},
    };
    assert_cases(cases, COUNT_OF(cases));
}

/* --- bounds ----------------------------------------------------------------------------------- */

static int compile_text(const char *text, hy_error_t *err) {
    hy_value_t document = value_of(text);
    hy_rules_t *rules = NULL;
    int rc = hy_rules_compile(document, NULL, NULL, NULL, &rules, err);
    hy_rules_free(rules);
    hy_value_drop(document);
    return rc;
}

static void documents_have_bounds(void **state) {
    (void)state;
    hy_error_t err = {.text = ""};
    hy_buf_t b;
    assert_int_equal(compile_text(nested("{\"not\":", "{}", "}", 100), &err), 0);
    assert_int_equal(compile_text(nested("{\"not\":", "{}", "}", 125), &err), HY_ETOO_LARGE);
    assert_string_equal(err.text, "it is nested deeper than 120");
    hy_buf_init(&b);
    hy_buf_text(&b, "{\"definitions\":{");
    for (unsigned i = 0; i < HY_RULES_MAX; i++)
        hy_buf_format(&b, "\"%u\":{},", i);
    hy_buf_text(&b, "\"x\":{}}}");
    hy_buf_char(&b, '\0');
    assert_int_equal(compile_text(b.bytes, &err), HY_ETOO_LARGE);
    assert_string_equal(err.text, "it has more than 16384 schemas");
    b.len = 0;
    hy_buf_text(&b, "{\"$ref\":\"#/definitions/0\",\"definitions\":{");
    for (unsigned i = 0; i < HY_RULES_DEPTH_MAX; i++)
        hy_buf_format(&b, "\"%u\":{\"$ref\":\"#/definitions/%u\"},", i, i + 1);
    hy_buf_format(&b, "\"%u\":{}}}", HY_RULES_DEPTH_MAX);
    hy_buf_char(&b, '\0');
    assert_int_equal(compile_text(b.bytes, &err), HY_ETOO_LARGE);
    assert_string_equal(err.text, "its references lead to references deeper than 512");
    hy_buf_deinit(&b);
}

static void assert_too_large(hy_buf_t *document, const char *text) {
    hy_error_t err = {.text = ""};
    hy_buf_char(document, '\0');
    assert_int_equal(compile_text(document->bytes, &err), HY_ETOO_LARGE);
    assert_string_equal(err.text, text);
    document->len = 0;
}

static void add_long(hy_buf_t *b, const char *lead) {
    hy_buf_text(b, lead);
    for (unsigned i = 0; i < HY_URL_BYTES_MAX / 2; i++)
        hy_buf_text(b, "a/");
}

/* Each schema and each reference may copy the URI that it is in. */
static void uris_are_no_longer_than_others(void **state) {
    (void)state;
    hy_buf_t b;
    hy_buf_init(&b);
    add_long(&b, "{\"$id\":\"http://x/");
    hy_buf_text(&b, "\"}");
    assert_too_large(&b, "$id: is a URI of more than 2048 bytes");
    add_long(&b, "{\"allOf\":[{},{\"$ref\":\"");
    hy_buf_text(&b, "\"}]}");
    assert_too_large(&b, "allOf.2.$ref: is a URI of more than 2048 bytes");
    add_long(&b, "{\"$id\":\"x:");
    b.len -= 100;
    hy_buf_text(&b, "/\",\"not\":{\"$id\":\"");
    for (unsigned i = 0; i < 101; i++)
        hy_buf_char(&b, 'b');
    hy_buf_text(&b, "\"}}");
    assert_too_large(&b, "not.$id: is a URI of more than 2048 bytes");
    hy_buf_deinit(&b);
}

static void compiling_ends_however_much_there_is_to_do(void **state) {
    (void)state;
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_text(&b, "{\"not\":{\"properties\":{\"\":{");
    for (unsigned i = 0; i < HY_RULES_COMPILE_STEPS_MAX; i++)
        hy_buf_format(&b, "\"%u\":0,", i);
    hy_buf_text(&b, "\"x\":0}}}}");
    assert_too_large(&b, "it takes too much work to compile: more than 1000000 steps");
    hy_buf_deinit(&b);
}

static int compile_rich(void *arg) {
    hy_rules_t *rules = NULL;
    hy_error_t err;
    int rc = hy_rules_compile(*(hy_value_t *)arg, NULL, "children", NULL, &rules, &err);
    hy_rules_free(rules);
    return rc;
}

static void compiling_survives_that_memory_runs_out(void **state) {
    (void)state;
    hy_value_t document = value_of(rich());
    fail_until_it_works(compile_rich, &document);
    hy_value_drop(document);
}

/* --- hostile documents ------------------------------------------------------------------------ */

static const char *const words[] = {"$ref",
                                    "$id",
                                    "$anchor",
                                    "$dynamicRef",
                                    "$dynamicAnchor",
                                    "$defs",
                                    "type",
                                    "enum",
                                    "const",
                                    "allOf",
                                    "oneOf",
                                    "not",
                                    "if",
                                    "then",
                                    "items",
                                    "prefixItems",
                                    "contains",
                                    "minContains",
                                    "required",
                                    "properties",
                                    "pattern",
                                    "dependencies",
                                    "unevaluatedItems",
                                    "additionalItems",
                                    "minimum",
                                    "multipleOf",
                                    "format",
                                    "$schema",
                                    "definitions",
                                    "propertyNames"};

static hy_value_t random_schema(hy_random_t *r, unsigned depth) {
    static const char *const texts[] = {"#",      "#/$defs/a", "#a", "a",        "string",
                                        "object", "^a*$",      "",   "#/items/0"};
    uint64_t kind = hy_random_below(r, depth > 0 ? 8 : 4);
    if (kind == 0) return hy_bool(hy_random_below(r, 2));
    if (kind == 1) return hy_text(texts[hy_random_below(r, COUNT_OF(texts))]);
    if (kind == 2) return hy_int((int64_t)hy_random_below(r, 5) - 1);
    if (kind == 3) return hy_null();
    hy_node_t *n = hy_node_new(kind == 4 ? HY_ARRAY : HY_OBJECT);
    for (uint64_t i = hy_random_below(r, 5); i > 0; i--) {
        hy_value_t v = random_schema(r, depth - 1);
        if (kind == 4) {
            assert_int_equal(hy_node_insert(n, 0, v), 0);
        } else {
            assert_int_equal(hy_put(n, words[hy_random_below(r, COUNT_OF(words))], v), 0);
        }
    }
    return hy_node_value(n);
}

/* Also where a metaschema lets things through that no keyword is ready for. */
static void anything_compiles_or_is_refused(void **state) {
    (void)state;
    hy_random_t r;
    unsigned compiled = 0;
    hy_random_seed(&r, 20260601);
    for (unsigned i = 0; i < 4000; i++) {
        hy_value_t document = random_schema(&r, 5), data = random_value(&r, 3);
        hy_rules_t *rules = NULL;
        hy_error_t err = {.text = ""};
        unsigned flags = i % 8 ? HY__UNCHECKED : 0;
        if (i % 2 && document.kind == HY_OBJECT)
            hy_put(document.as.n, "$schema",
                   hy_text("https://json-schema.org/draft/2020-12/schema"));
        int rc = hy__rules_compile(document, NULL, NULL, NULL, flags, &rules, &err);
        if (rc == 0) {
            compiled++;
            rc = hy_rule_check(hy_rules_root(rules), data, &err);
            assert_true(rc == 0 || rc == HY_ESCHEMA);
        } else {
            assert_true(err.text[0]);
        }
        hy_rules_free(rules);
        hy_value_drop(document);
        hy_value_drop(data);
    }
    assert_true(compiled > 500 && compiled < 3500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_schema_is_refused_with_its_place),
        TEST(references_that_lead_nowhere_or_in_a_circle_are_refused),
        TEST(references_lead_to_places_in_the_document),
        TEST(names_of_schemas_are_resolved_where_they_stand),
        TEST(dynamic_anchors_are_found_whenever_they_are_met),
        TEST(documents_have_bounds),
        TEST(uris_are_no_longer_than_others),
        TEST(compiling_ends_however_much_there_is_to_do),
        TEST(compiling_survives_that_memory_runs_out),
        TEST(anything_compiles_or_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
