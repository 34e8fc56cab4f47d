/* core/node/catalogue: what a node answers who asks its domain's catalogue. */
#include "support.h"

#include "data/schema.h"

#define CATALOGUE "hyperty-catalogue://catalogue.d"
#define KITCHEN   CATALOGUE "/.well-known/dataschema/Kitchen"

static hy_schemas_t *the_schemas;

static void add_schema(const char *name, const char *text) {
    hy_value_t document;
    assert_int_equal(hy_json_read(text, strlen(text), HY_JSON_DEPTH_MAX, &document, NULL), 0);
    assert_int_equal(hy_schemas_add(the_schemas, name, document.as.n, NULL), 0);
    hy_value_drop(document);
}

/* The node anew, with a catalogue of one schema beside the one that all have. */
static int begin_stocked(void **state) {
    begin(state);
    hy_node_server_free(the_node);
    clear(&a);
    clear(&b);
    clear(&c);
    assert_int_equal(hy_schemas_new("d", &the_schemas), 0);
    add_schema("Kitchen", "{\"scheme\":\"ctxt\",\"version\":2}");
    assert_int_equal(hy_schemas_compile(the_schemas, NULL, NULL, NULL), 0);
    hy_node_config_t config = {
        .domain = "d", .clock = &the_clock, .random = &the_random, .schemas = the_schemas};
    assert_int_equal(hy_node_server_new(&config, &the_node), 0);
    open_as(&a, "hyperty-runtime://d/a");
    open_as(&b, "hyperty-runtime://d/b");
    return 0;
}

static int end_stocked(void **state) {
    hy_node_server_free(the_node);
    the_node = NULL;
    hy_schemas_free(the_schemas);
    return end(state);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_stocked, end_stocked)

static int read_from(runtime_t *r, const char *url) {
    return ask(r, "read", "hyperty-runtime://d/a/sm", url, NULL);
}

static const char *reason(const runtime_t *r) {
    return hy_msg_desc(r->answer);
}

static void a_document_is_read_by_its_address(void **state) {
    (void)state;
    assert_int_equal(read_from(&a, KITCHEN), 200);
    assert_string_equal(hy_get_str(answered(&a), "scheme")->bytes, "ctxt");
    assert_int_equal(hy_get_int(answered(&a), "version", 0), 2);
    assert_int_equal(hy_node_server_stats(the_node).catalogue_reads, 1);
    assert_int_equal(read_from(&a, CATALOGUE "/.well-known/dataschema/Resource"), 200);
    assert_non_null(hy_get_object(hy_get_object(answered(&a), "children"), "items"));
}

static void what_is_not_there_is_named(void **state) {
    (void)state;
    assert_int_equal(read_from(&a, CATALOGUE "/.well-known/dataschema/Cellar"), 404);
    assert_string_equal(reason(&a), "there is no schema \"Cellar\" in the catalogue of d");
    static const char *const none[] = {
        CATALOGUE,
        CATALOGUE "/",
        CATALOGUE "/Kitchen",
        CATALOGUE "/.well-known/dataschema",
        CATALOGUE "/.well-known/dataschema/",
        CATALOGUE "/.well-known/hyperty/Kitchen",
        CATALOGUE "/.well-known/dataschema/x/Kitchen",
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(read_from(&a, none[i]), 404);
        assert_string_equal(reason(&a), "the catalogue of d has nothing but " CATALOGUE
                                        "/.well-known/dataschema/NAME");
    }
    assert_int_equal(read_from(&a, KITCHEN "#x"), 404);
}

static void it_is_only_read(void **state) {
    (void)state;
    static const char *const types[] = {"create", "update", "delete", "subscribe", "execute"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        assert_int_equal(ask(&a, types[i], "hyperty-runtime://d/a/sm", KITCHEN, "{\"value\":{}}"),
                         400);
        assert_non_null(strstr(reason(&a), "the catalogue of d is only read"));
    }
    assert_int_equal(hy_node_server_stats(the_node).catalogue_reads, 0);
    assert_int_equal(read_from(&a, KITCHEN), 200);
    assert_int_equal(hy_get_int(answered(&a), "version", 0), 2);
}

static void nobody_answers_in_its_place(void **state) {
    (void)state;
    assert_int_equal(subscribe(&b, "hyperty-runtime://d/b/sm", KITCHEN), 403);
    assert_int_equal(subscribe(&b, "hyperty-runtime://d/b/sm",
                               "hyperty-catalogue://catalogue.e/.well-known/dataschema/Kitchen"),
                     403);
    assert_int_equal(subscribe(&b, "hyperty-runtime://d/b/sm", KITCHEN "/changes"), 200);
    assert_int_equal(read_from(&a, KITCHEN), 200);
    assert_int_equal(came(&b), 0);
    ask(&b, "response", KITCHEN, "hyperty-runtime://d/a/sm", "{\"code\":200}");
    assert_int_equal(came(&a), 0);
}

static void another_domain_s_is_not_here(void **state) {
    (void)state;
    assert_int_equal(
        read_from(&a, "hyperty-catalogue://catalogue.e/.well-known/dataschema/Kitchen"), 404);
    assert_string_equal(reason(&a), "this node serves the domain d, not e");
    assert_int_equal(read_from(&a, "hyperty-catalogue://d/.well-known/dataschema/Kitchen"), 404);
}

static void a_node_without_documents_has_none(void **state) {
    (void)state;
    limit((hy_node_limits_t){.grace_ms = 0});
    assert_int_equal(read_from(&a, KITCHEN), 404);
    assert_string_equal(reason(&a), "there is no schema \"Kitchen\" in the catalogue of d");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_document_is_read_by_its_address),
        TEST(what_is_not_there_is_named),
        TEST(it_is_only_read),
        TEST(nobody_answers_in_its_place),
        TEST(another_domain_s_is_not_here),
        TEST(a_node_without_documents_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
