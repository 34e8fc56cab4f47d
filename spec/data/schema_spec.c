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

static int compile(hy_schemas_t *s) {
    hy_error_t err = {.text = ""};
    int rc = hy_schemas_compile(s, NULL, NULL, &err);
    if (rc < 0 && rc != HY_ENOMEM) print_error("%s\n", err.text);
    return rc;
}

static int update(hy_schemas_t *s, const char *name, const char *document, hy_error_t *err) {
    hy_value_t v = value_of(document);
    int rc = hy_schemas_update(s, name, v.as.n, err);
    hy_value_drop(v);
    return rc;
}

static int foreign(hy_schemas_t *s, const char *name, const char *document, const hy_schema_t **out,
                   hy_error_t *err) {
    hy_value_t v = value_of(document);
    hy_str_t *url =
        hy_str_format("hyperty-catalogue://catalogue.far/.well-known/dataschema/%s", name);
    int rc = hy_schemas_foreign(s, url, v.as.n, out, err);
    hy_str_unref(url);
    hy_value_drop(v);
    return rc;
}

/* "" if the data fits, else why not. */
static const char *why(const hy_schema_t *s, const char *collection, const char *data) {
    static hy_error_t err;
    hy_value_t v = value_of(data);
    hy_str_t *name = collection ? str_of(collection) : NULL;
    err.text[0] = '\0';
    int rc = hy_schema_check(s, name, v, &err);
    assert_true(rc == 0 || rc == HY_ESCHEMA);
    assert_int_equal(rc == 0, err.text[0] == '\0');
    hy_str_unref(name);
    hy_value_drop(v);
    return err.text;
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

static void a_document_has_a_version_and_a_digest(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    assert_int_equal(add(s, "A", "{\"version\":2,\"title\":\"x\"}", NULL), 0);
    assert_int_equal(add(s, "B", "{\"title\":\"x\",\"version\":2}", NULL), 0);
    assert_int_equal(add(s, "C", "{\"title\":\"x\"}", NULL), 0);
    assert_int_equal(find(s, "A")->version, 2);
    assert_int_equal(find(s, "C")->version, 0);
    assert_int_equal(find(s, "A")->digest->len, 32);
    assert_true(hy_str_equal(find(s, "A")->digest, find(s, "B")->digest));
    assert_false(hy_str_equal(find(s, "A")->digest, find(s, "C")->digest));
    static const char *const bad[] = {"0", "-1", "1.5", "\"1\"", "null", "true"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char document[64];
        hy_error_t err;
        snprintf(document, sizeof document, "{\"version\":%s}", bad[i]);
        assert_int_equal(add(s, "D", document, &err), HY_EINVALID);
        assert_string_equal(err.text, "schema D: \"version\" is no integer from 1");
    }
    hy_schemas_free(s);
}

static void a_document_that_is_too_large_is_refused(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    hy_error_t err;
    hy_node_t *document = hy_node_new(HY_OBJECT);
    char *text = test_malloc(HY_SCHEMA_BYTES_MAX);
    memset(text, 'x', HY_SCHEMA_BYTES_MAX);
    assert_int_equal(hy_put(document, "title", hy_string(hy_str_new(text, HY_SCHEMA_BYTES_MAX))),
                     0);
    assert_int_equal(hy_schemas_add(s, "S", document, &err), HY_ETOO_LARGE);
    assert_non_null(strstr(err.text, "schema S: is over"));
    size_t fits = HY_SCHEMA_BYTES_MAX - strlen("{\"title\":\"\"}");
    assert_int_equal(hy_put(document, "title", hy_string(hy_str_new(text, fits))), 0);
    assert_int_equal(hy_schemas_add(s, "S", document, &err), 0);
    test_free(text);
    hy_node_unref(document);
    hy_schemas_free(s);
}

static void data_and_children_are_checked(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    assert_int_equal(add(s, "S",
                         "{\"required\":[\"a\"],\"children\":{\"texts\":{\"type\":\"array\"},"
                         "\"any\":{\"title\":\"x\"},\"none\":false}}",
                         NULL),
                     0);
    assert_string_equal(why(find(s, "S"), NULL, "{}"), ""); /* not compiled yet */
    assert_int_equal(compile(s), 0);
    const hy_schema_t *schema = find(s, "S");
    assert_string_equal(why(schema, NULL, "{\"a\":1}"), "");
    assert_string_equal(why(schema, NULL, "{}"), "has no \"a\"");
    assert_string_equal(why(schema, "texts", "[]"), "");
    assert_true(why(schema, "texts", "{}")[0] != '\0');
    assert_true(why(schema, "none", "{}")[0] != '\0');
    assert_string_equal(why(schema, "any", "{}"), "");
    assert_string_equal(why(schema, "unknown", "{}"), "");
    assert_string_equal(why(NULL, NULL, "{}"), "");
    assert_string_equal(why(find(s, "Resource"), NULL, "{}"), "");
    hy_str_t *texts = str_of("texts"), *any = str_of("any"), *none = str_of("none");
    assert_true(hy_schema_has_rule(schema, NULL) && hy_schema_has_rule(schema, texts));
    assert_true(hy_schema_has_rule(schema, none));
    assert_false(hy_schema_has_rule(schema, any) || hy_schema_has_rule(NULL, NULL));
    assert_false(hy_schema_has_rule(find(s, "Resource"), NULL));
    hy_str_unref(texts);
    hy_str_unref(any);
    hy_str_unref(none);
    hy_schemas_free(s);
}

#define REFERS(uri) "{\"properties\":{\"a\":{\"$ref\":\"" uri "\"}}}"
#define NUMBERS     "{\"$id\":\"http://x/numbers\",\"definitions\":{\"n\":{\"type\":\"number\"}}}"

static void documents_refer_to_one_another(void **state) {
    (void)state;
    static const char *const documents[] = {
        REFERS("Numbers#/definitions/n"), REFERS("Numbers.json#/definitions/n"),
        REFERS(CATALOGUE "Numbers#/definitions/n"),
        REFERS("hyperty-catalogue://catalogue.other/.well-known/dataschema/Numbers#/definitions/n"),
        REFERS("http://x/numbers#/definitions/n")};
    for (size_t i = 0; i < COUNT_OF(documents); i++) {
        hy_schemas_t *s = schemas_new();
        assert_int_equal(add(s, "A", documents[i], NULL), 0);
        assert_int_equal(add(s, "Numbers", NUMBERS, NULL), 0);
        assert_int_equal(compile(s), 0);
        assert_string_equal(why(find(s, "A"), NULL, "{\"a\":1}"), "");
        assert_string_equal(why(find(s, "A"), NULL, "{\"a\":[]}"), "a: a list is no number");
        hy_schemas_free(s);
    }
}

static void note_failed(void *arg, const char *name, const char *text) {
    hy_buf_t *b = arg;
    hy_buf_format(b, "%s: %s\n", name, text);
}

static void what_cannot_be_compiled_is_taken_out(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    hy_buf_t failed;
    hy_error_t err;
    hy_buf_init(&failed);
    assert_int_equal(add(s, "Bad", "{\"type\":5}", NULL), 0);
    assert_int_equal(add(s, "Good", "{\"type\":\"object\"}", NULL), 0);
    assert_int_equal(add(s, "Lost", REFERS("Nowhere"), NULL), 0);
    int rc = hy_schemas_compile(s, note_failed, &failed, &err);
    assert_int_equal(rc, HY_EINVALID);
    assert_int_equal(strncmp(err.text, "schema Bad: ", strlen("schema Bad: ")), 0);
    hy_buf_char(&failed, '\0');
    assert_non_null(strstr(failed.bytes, "Bad: schema Bad: "));
    assert_non_null(strstr(failed.bytes, "Lost: schema Lost: "));
    assert_null(strstr(failed.bytes, "Good"));
    assert_null(find(s, "Bad"));
    assert_null(find(s, "Lost"));
    assert_non_null(find(s, "Good")->rules);
    assert_int_equal(compile(s), 0);
    hy_buf_deinit(&failed);
    hy_schemas_free(s);
}

static void an_update_makes_another_version_current(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    hy_error_t err;
    assert_int_equal(add(s, "S", "{\"version\":1,\"required\":[\"a\"]}", NULL), 0);
    assert_int_equal(compile(s), 0);
    const hy_schema_t *first = find(s, "S");
    assert_int_equal(update(s, "S", "{\"required\":[\"a\"],\"version\":1}", &err), 0);
    assert_ptr_equal(find(s, "S"), first);
    assert_int_equal(update(s, "S", "{\"version\":2,\"required\":[\"b\"]}", &err), 0);
    const hy_schema_t *second = find(s, "S");
    assert_int_equal(second->version, 2);
    assert_string_equal(why(first, NULL, "{\"a\":1}"), ""); /* objects still have it */
    assert_string_equal(why(second, NULL, "{\"a\":1}"), "has no \"b\"");
    assert_true(update(s, "S", "{\"version\":3,\"type\":5}", &err) < 0);
    assert_int_equal(update(s, "S", "{\"version\":0}", &err), HY_EINVALID);
    assert_ptr_equal(find(s, "S"), second);
    assert_int_equal(update(s, "S", "{\"version\":1,\"required\":[\"a\"]}", &err), 0);
    assert_ptr_equal(find(s, "S"), first);
    assert_int_equal(update(s, "New", "{\"scheme\":\"new\"}", &err), 0);
    assert_string_equal(find(s, "New")->scheme->bytes, "new");
    assert_true(update(s, "Newer", "{\"type\":5}", &err) < 0);
    assert_null(find(s, "Newer"));
    hy_schemas_free(s);
}

static void an_update_reaches_those_that_refer_to_it(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    hy_error_t err;
    assert_int_equal(add(s, "C", "{\"properties\":{\"c\":{\"$ref\":\"A\"}}}", NULL), 0);
    assert_int_equal(add(s, "A", REFERS("Numbers#/definitions/n"), NULL), 0);
    assert_int_equal(add(s, "Numbers", NUMBERS, NULL), 0);
    assert_int_equal(compile(s), 0);
    const hy_schema_t *before = find(s, "A");
    assert_int_equal(update(s, "Numbers", "{\"definitions\":{\"n\":{\"type\":\"string\"}}}", &err),
                     0);
    assert_string_equal(why(before, NULL, "{\"a\":1}"), "");
    assert_string_equal(why(find(s, "A"), NULL, "{\"a\":1}"), "a: 1 is no string");
    assert_string_equal(why(find(s, "C"), NULL, "{\"c\":{\"a\":1}}"), "c.a: 1 is no string");
    assert_true(hy_str_equal(before->digest, find(s, "A")->digest));
    const hy_schema_t *after = find(s, "A"), *numbers = find(s, "Numbers");
    assert_true(update(s, "Numbers", "{}", &err) < 0); /* what A refers to is not in it */
    assert_ptr_equal(find(s, "A"), after);
    assert_ptr_equal(find(s, "Numbers"), numbers);
    hy_schemas_free(s);
}

static void schemas_of_others_are_kept_beside_the_own_ones(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    hy_error_t err;
    const hy_schema_t *theirs, *again;
    assert_int_equal(add(s, "S", "{\"version\":1}", NULL), 0);
    assert_int_equal(compile(s), 0);
    assert_int_equal(foreign(s, "S", "{\"version\":1}", &theirs, &err), 0);
    assert_ptr_equal(theirs, find(s, "S"));
    assert_int_equal(foreign(s, "S", "{\"version\":2}", &theirs, &err), 0);
    assert_int_equal(foreign(s, "S", "{\"version\":2}", &again, &err), 0);
    assert_ptr_equal(theirs, again);
    assert_int_equal(find(s, "S")->version, 1);
    assert_int_equal(foreign(s, "Unknown", "{}", &theirs, &err), 0);
    assert_null(find(s, "Unknown"));
    again = NULL;
    assert_true(foreign(s, "S", "{\"type\":5}", &again, &err) < 0);
    assert_int_equal(foreign(s, "no name", "{}", &again, &err), HY_EINVALID);
    hy_schemas_free(s);
}

static const hy_schema_t *numbered(hy_schemas_t *s, uint32_t version, int expected) {
    char document[32];
    const hy_schema_t *theirs = NULL;
    snprintf(document, sizeof document, "{\"version\":%u}", (unsigned)version);
    assert_int_equal(foreign(s, "F", document, &theirs, NULL), expected);
    return theirs;
}

static void schemas_of_others_that_no_object_uses_make_room(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    const hy_schema_t *used[HY_SCHEMAS_FOREIGN_MAX];
    for (uint32_t i = 0; i < HY_SCHEMAS_FOREIGN_MAX; i++) {
        used[i] = numbered(s, i + 1, 0);
        hy_schema_use(used[i]);
    }
    assert_null(numbered(s, 9999, HY_EFULL));
    assert_ptr_equal(numbered(s, 7, 0), used[6]);
    assert_int_equal(update(s, "S", "{\"version\":9999}", NULL), 0); /* the own ones go on */
    hy_schema_use(used[1]);
    hy_schema_unuse(used[1]);
    hy_schema_unuse(used[8]);
    hy_schema_unuse(used[2]);
    hy_schema_use(numbered(s, 1001, 0)); /* instead of 9, which is unused for longer */
    assert_ptr_equal(numbered(s, 3, 0), used[2]);
    hy_schema_use(numbered(s, 1002, 0)); /* instead of 3 */
    assert_null(numbered(s, 9, HY_EFULL));
    assert_null(numbered(s, 3, HY_EFULL));
    assert_ptr_equal(numbered(s, 2, 0), used[1]);
    hy_schemas_free(s);
}

static void a_schema_of_others_that_became_current_stays(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    const hy_schema_t *first = numbered(s, 1, 0);
    assert_int_equal(update(s, "F", "{\"version\":1}", NULL), 0);
    assert_ptr_equal(find(s, "F"), first);
    for (uint32_t i = 0; i < 2 * HY_SCHEMAS_FOREIGN_MAX; i++)
        numbered(s, i + 2, 0);
    assert_ptr_equal(find(s, "F"), first);
    hy_schemas_free(s);
}

static void one_of_others_that_refers_is_found_again(void **state) {
    (void)state;
    hy_schemas_t *s = schemas_new();
    const hy_schema_t *theirs, *again;
    assert_int_equal(add(s, "Part", "{\"type\":\"number\"}", NULL), 0);
    assert_int_equal(add(s, "Whole", REFERS(CATALOGUE "Part"), NULL), 0);
    assert_int_equal(compile(s), 0);
    assert_int_equal(foreign(s, "A", REFERS(CATALOGUE "Whole"), &theirs, NULL), 0);
    assert_int_equal(foreign(s, "A", REFERS(CATALOGUE "Whole"), &again, NULL), 0);
    assert_ptr_equal(again, theirs);
    assert_int_equal(update(s, "Part", "{\"type\":\"string\"}", NULL), 0);
    assert_int_equal(foreign(s, "A", REFERS(CATALOGUE "Whole"), &again, NULL), 0);
    assert_ptr_not_equal(again, theirs); /* that one means the part of before */
    hy_schemas_free(s);
}

typedef struct {
    hy_node_t *document, *user, *next, *foreign;
    hy_str_t *url;
} documents_t;

static int try_all(void *arg) {
    const documents_t *d = arg;
    hy_schemas_t *s;
    const hy_schema_t *theirs;
    int rc = hy_schemas_new("d", &s);
    if (rc < 0) return rc;
    rc = hy_schemas_add(s, "S", d->document, NULL);
    if (rc == 0) rc = hy_schemas_add(s, "A", d->user, NULL);
    if (rc == 0) rc = compile(s);
    if (rc == 0) rc = hy_schemas_update(s, "S", d->next, NULL);
    if (rc == 0) rc = hy_schemas_foreign(s, d->url, d->foreign, &theirs, NULL);
    hy_schemas_free(s);
    return rc;
}

static void making_them_survives_that_memory_runs_out(void **state) {
    (void)state;
    documents_t d = {.document = tree_of("{\"children\":{\"a\":{},\"b\":{}}}"),
                     .user = tree_of(REFERS("S")),
                     .next = tree_of("{\"minProperties\":1}"),
                     .foreign = tree_of("{\"required\":[\"a\"]}"),
                     .url = str_of("A")};
    fail_until_it_works(try_all, &d);
    hy_node_unref(d.document);
    hy_node_unref(d.user);
    hy_node_unref(d.next);
    hy_node_unref(d.foreign);
    hy_str_unref(d.url);
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
        TEST(a_document_has_a_version_and_a_digest),
        TEST(a_document_that_is_too_large_is_refused),
        TEST(data_and_children_are_checked),
        TEST(documents_refer_to_one_another),
        TEST(what_cannot_be_compiled_is_taken_out),
        TEST(an_update_makes_another_version_current),
        TEST(an_update_reaches_those_that_refer_to_it),
        TEST(schemas_of_others_are_kept_beside_the_own_ones),
        TEST(schemas_of_others_that_no_object_uses_make_room),
        TEST(a_schema_of_others_that_became_current_stays),
        TEST(one_of_others_that_refers_is_found_again),
        TEST(making_them_survives_that_memory_runs_out),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
