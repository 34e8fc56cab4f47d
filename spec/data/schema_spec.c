/* core/data/schema.c: schema documents and finding them. */
#include "support.h"

#include <stdio.h>

#define CATALOGUE "hyperty-catalogue://catalogue.example.com/.well-known/dataschema/"

static hy_schemas_t *schemas_new(void) {
    hy_schemas_t *s;
    assert_int_equal(hy_schemas_new("example.com", &s), 0);
    return s;
}

static int add(hy_schemas_t *s, const char *name, const char *document, hy_error_t *err) {
    hy_value_t v = value_of(document);
    int rc = hy_schemas_add(s, name, v.as.n, err);
    hy_value_drop(v);
    return rc;
}

static const hy_schema_t *find(const hy_schemas_t *s, const char *name) {
    hy_str_t *text = str_of(name);
    const hy_schema_t *found = hy_schemas_find(s, text);
    hy_str_unref(text);
    return found;
}

static bool has(const hy_schema_t *s, const char *collection) {
    return hy_schema_has_collection(s, collection, strlen(collection));
}

static void resource_is_there_from_the_start(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    const hy_schema_t *resource = find(s, "Resource");
    assert_string_equal(resource->name->bytes, "Resource");
    assert_string_equal(resource->scheme->bytes, "resource");
    assert_string_equal(resource->url->bytes, CATALOGUE "Resource");
    assert_int_equal(resource->collection_count, 1);
    assert_true(has(resource, "items"));
    hy_schemas_free(s);
}

static void a_document_gives_scheme_and_collections(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    assert_int_equal(add(s, "Communication",
                         "{\"scheme\":\"comm\",\"children\":{\"messages\":{},\"read-by_2\":1},"
                         "\"properties\":{\"name\":{\"type\":\"string\"}}}",
                         NULL),
                     0);
    assert_int_equal(add(s, "Plain", "{}", NULL), 0);
    assert_int_equal(add(s, "a-1_B", "{\"scheme\":\"A+1.b-c\",\"children\":{}}", NULL), 0);
    const hy_schema_t *c = find(s, "Communication");
    assert_string_equal(c->scheme->bytes, "comm");
    assert_string_equal(c->url->bytes, CATALOGUE "Communication");
    assert_int_equal(c->collection_count, 2);
    assert_string_equal(c->collections[0]->bytes, "messages");
    assert_true(has(c, "messages") && has(c, "read-by_2"));
    assert_false(has(c, "message") || has(c, "messagess") || has(c, "") || has(c, "Messages"));
    assert_string_equal(find(s, "Plain")->scheme->bytes, "resource");
    assert_int_equal(find(s, "Plain")->collection_count, 0);
    assert_false(has(find(s, "Plain"), "items"));
    assert_string_equal(find(s, "a-1_B")->scheme->bytes, "A+1.b-c");
    hy_schemas_free(s);
}

static void a_schema_is_found_by_the_last_segment_of_any_url(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    const hy_schema_t *resource = find(s, "Resource");
    assert_ptr_equal(find(s, CATALOGUE "Resource"), resource);
    assert_ptr_equal(find(s, "hyperty-catalogue://other.org/x/Resource"), resource);
    assert_ptr_equal(find(s, "/Resource"), resource);
    static const char *const unknown[] = {"",          "/",         "resource", "Resource/",
                                          "Resource ", "Resource#", "Resourc",  CATALOGUE};
    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        assert_null(find(s, unknown[i]));
    }
    hy_str_t *with_nul = hy_str_new("Resource\0", 9);
    assert_null(hy_schemas_find(s, with_nul));
    hy_str_unref(with_nul);
    hy_schemas_free(s);
}

static void a_bad_document_is_refused_with_a_reason(void **state) {
    (void)state;
    char long_scheme[128], long_name[HY_NAME_BYTES_MAX + 2] = "";
    memset(long_name, 'n', HY_NAME_BYTES_MAX + 1);
    snprintf(long_scheme, sizeof long_scheme, "{\"scheme\":\"%.*s\"}", HY_SCHEME_BYTES_MAX + 1,
             long_name);
    const struct {
        const char *name, *document, *text;
    } bad[] = {
        {"", "{}", "schema \"\": a name is letters, digits, - and _"},
        {"1a", "{}", "schema \"1a\": a name is letters, digits, - and _"},
        {"a/b", "{}", "schema \"a/b\": a name is letters, digits, - and _"},
        {"S", "[]", "schema S: the document is no object"},
        {"S", "{\"scheme\":1}", "schema S: \"scheme\" is no URL scheme"},
        {"S", "{\"scheme\":null}", "schema S: \"scheme\" is no URL scheme"},
        {"S", "{\"scheme\":\"\"}", "schema S: \"scheme\" is no URL scheme"},
        {"S", "{\"scheme\":\"1a\"}", "schema S: \"scheme\" is no URL scheme"},
        {"S", "{\"scheme\":\"a_b\"}", "schema S: \"scheme\" is no URL scheme"},
        {"S", "{\"scheme\":\"a:b\"}", "schema S: \"scheme\" is no URL scheme"},
        {"S", "{\"scheme\":\"a\\u0000\"}", "schema S: \"scheme\" is no URL scheme"},
        {"S", long_scheme, "schema S: \"scheme\" is no URL scheme"},
        {"S", "{\"children\":[\"a\"]}", "schema S: \"children\" is no object of collections"},
        {"S", "{\"children\":null}", "schema S: \"children\" is no object of collections"},
        {"S", "{\"children\":{\"a\":{},\"b/c\":{}}}",
         "schema S: collection \"b/c\": a name is letters, digits, - and _"},
        {"S", "{\"children\":{\"\":{}}}",
         "schema S: collection \"\": a name is letters, digits, - and _"},
    };
    hy_schemas_t *s = schemas_new();
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        hy_error_t err = {.text = ""};
        assert_int_equal(add(s, bad[i].name, bad[i].document, &err), HY_EINVALID);
        assert_string_equal(err.text, bad[i].text);
    }
    assert_int_equal(add(s, long_name, "{}", NULL), HY_EINVALID);
    assert_int_equal(add(s, long_name + 1, "{}", NULL), 0);
    assert_null(find(s, "S"));
    hy_schemas_free(s);
}

static void a_name_is_taken_once(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    hy_error_t err;
    assert_int_equal(add(s, "S", "{\"scheme\":\"first\"}", NULL), 0);
    assert_int_equal(add(s, "S", "{\"scheme\":\"second\"}", &err), HY_ECONFLICT);
    assert_string_equal(err.text, "schema S is there already");
    assert_int_equal(add(s, "Resource", "{}", NULL), HY_ECONFLICT);
    assert_string_equal(find(s, "S")->scheme->bytes, "first");
    hy_schemas_free(s);
}

static void a_schema_stays_where_it_is_while_others_come(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    const hy_schema_t *resource = find(s, "Resource");
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "S%d", i);
        assert_int_equal(add(s, name, "{}", NULL), 0);
        assert_string_equal(find(s, name)->name->bytes, name);
    }
    assert_ptr_equal(find(s, "Resource"), resource);
    hy_schemas_free(s);
}

static int try_all(void *arg) {
    hy_schemas_t *s;
    int rc = hy_schemas_new("d", &s);
    if (rc < 0) return rc;
    rc = hy_schemas_add(s, "S", arg, NULL);
    hy_schemas_free(s);
    return rc;
}

static void making_them_survives_that_memory_runs_out(void **state) {
    (void)state;
    hy_node_t *document = tree_of("{\"children\":{\"a\":{},\"b\":{}}}");
    fail_until_it_works(try_all, document);
    hy_node_unref(document);
    hy_schemas_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(resource_is_there_from_the_start),
        TEST(a_document_gives_scheme_and_collections),
        TEST(a_schema_is_found_by_the_last_segment_of_any_url),
        TEST(a_bad_document_is_refused_with_a_reason),
        TEST(a_name_is_taken_once),
        TEST(a_schema_stays_where_it_is_while_others_come),
        TEST(making_them_survives_that_memory_runs_out),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
