/* Addresses: their form, and what is told from their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/mem.h"
#include "bus/address.h"

#define OBJECT "comm://example.com/5b0c"

static int64_t blocks_before;
static hy_error_t err;

static int setup(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    err = (hy_error_t){0};
    return 0;
}

static int teardown(void **state) {
    (void)state;
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

/* One string at a time, for functions that take one. */
static hy_str_t *kept[2];
static hy_str_t *str(const char *text, int i) {
    hy_str_unref(kept[i]);
    return kept[i] = hy_str_from(text);
}
static void let_go(void) {
    for (int i = 0; i < 2; i++) {
        hy_str_unref(kept[i]);
        kept[i] = NULL;
    }
}

static void assert_span(hy_span_t span, const char *expected) {
    char text[256];
    assert_true(span.len < sizeof text);
    memcpy(text, span.bytes, span.len);
    text[span.len] = '\0';
    assert_string_equal(text, expected);
}

static void a_well_formed_address_is_taken_apart(void **state) {
    (void)state;
    static const char *const cases[][4] = {
        {"hyperty://example.com/5b0c", "hyperty", "example.com", "/5b0c"},
        {"hyperty-runtime://localhost:9090/r/sm", "hyperty-runtime", "localhost:9090", "/r/sm"},
        {"domain://registry.example.com", "domain", "registry.example.com", ""},
        {"x+y.z-1://d/", "x+y.z-1", "d", "/"},
        {"comm://d/x#12", "comm", "d", "/x#12"},
        {"user://d/j\xc3\xbcrgen@d", "user", "d", "/j\xc3\xbcrgen@d"},
        {"mn:/session", "mn", "", "/session"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hy_address_t a;
        assert_int_equal(hy_address_parse(cases[i][0], strlen(cases[i][0]), &a, &err), 0);
        assert_span(a.scheme, cases[i][1]);
        assert_span(a.domain, cases[i][2]);
        assert_span(a.path, cases[i][3]);
    }
}

static void assert_refused(const char *url, size_t len, const char *text) {
    hy_address_t a = {{"untouched", 9}, {NULL, 0}, {NULL, 0}};
    assert_int_equal(hy_address_parse(url, len, &a, &err), HY_EINVALID);
    assert_string_equal(err.text, text);
    assert_int_equal(a.scheme.len, 9);
    assert_int_equal(hy_address_parse(url, len, &a, NULL), HY_EINVALID);
}
#define REFUSED(url, text) assert_refused(url, sizeof(url) - 1, "not an address: " text)

static void anything_else_is_refused_with_a_reason(void **state) {
    (void)state;
    REFUSED("", "\"\" (scheme://domain/… expected)");
    REFUSED("foo", "\"foo\" (scheme://domain/… expected)");
    REFUSED("mn:/sessions", "\"mn:/sessions\" (scheme://domain/… expected)");
    REFUSED("1a://d/x", "\"1a://d/x\" (scheme://domain/… expected)");
    REFUSED("a_b://d/x", "\"a_b://d/x\" (scheme://domain/… expected)");
    REFUSED("a:/d", "\"a:/d\" (scheme://domain/… expected)");
    REFUSED("a:", "\"a:\" (scheme://domain/… expected)");
    REFUSED("a://", "\"a://\" (the domain is missing)");
    REFUSED("a:///x", "\"a:///x\" (the domain is missing)");
    REFUSED("a://d#1", "\"a://d#1\" (a # belongs into the path)");
    REFUSED("a://d/x#1#2", "\"a://d/x#1#2\" (at most one # is allowed)");
    REFUSED("a://d/x y",
            "\"a://d/x y\" (spaces, controls, quotes and backslashes are not allowed)");
    REFUSED("a://d/\"", "\"a://d/\"\" (spaces, controls, quotes and backslashes are not allowed)");
    REFUSED("a://d/\\", "\"a://d/\\\" (spaces, controls, quotes and backslashes are not allowed)");
    REFUSED("a://d/\0x", "\"a://d/?x\" (spaces, controls, quotes and backslashes are not allowed)");
    REFUSED("a://d/\x7f", "\"a://d/?\" (spaces, controls, quotes and backslashes are not allowed)");
    REFUSED("a://d/\xc3", "\"a://d/?\" (not printable UTF-8)");
    REFUSED("a://d/\xc2\x9b", "\"a://d/??\" (not printable UTF-8)");
}

static void length_is_bounded(void **state) {
    (void)state;
    char url[HY_URL_BYTES_MAX + 2];
    memset(url, 'x', sizeof url);
    memcpy(url, "a://d/", 6);
    hy_address_t a;
    assert_int_equal(hy_address_parse(url, HY_URL_BYTES_MAX, &a, &err), 0);
    assert_int_equal(hy_address_parse(url, HY_URL_BYTES_MAX + 1, &a, &err), HY_ETOO_LARGE);
    assert_ptr_equal(strstr(err.text, "address too long: 2049 bytes, at most 2048: \"a://d/xxx"),
                     err.text);
    assert_true(strlen(err.text) < 300);
}

static void a_function_of_a_domain_is_at_home_there(void **state) {
    (void)state;
    static const char *const homes[][2] = {
        {"domain://msg-node.d.e/sm", "d.e"},
        {"domain://registry.d", "d"},
        {"domain://catalogue.d/x", "d"},
        {"domain://other.d/x", "other.d"},
        {"domain://msg-node./sm", "msg-node."},
        {"hyperty://msg-node.d/x", "msg-node.d"},
        {"resource://d/x/changes", "d"},
        {"domain://", ""},
        {"hyperty-catalogue://catalogue.d.e/.well-known/dataschema/A", "d.e"},
        {"hyperty-catalogue://registry.d/x", "registry.d"},
    };
    for (size_t i = 0; i < sizeof homes / sizeof *homes; i++) {
        hy_str_t *url = hy_str_from(homes[i][0]);
        hy_span_t home = hy_address_home(url);
        assert_int_equal(home.len, strlen(homes[i][1]));
        assert_memory_equal(home.bytes, homes[i][1], home.len);
        hy_str_unref(url);
    }
}

static void the_same_domain_is_the_same_text(void **state) {
    (void)state;
    assert_true(hy_address_same_domain(str("a://d/x", 0), str("b://d", 1)));
    assert_false(hy_address_same_domain(str("a://d/x", 0), str("a://de/x", 1)));
    assert_false(hy_address_same_domain(str("a://d/x", 0), str("a://D/x", 1)));
    assert_span(hy_address_domain(str("a://d.e:1/x", 0)), "d.e:1");
    assert_span(hy_address_domain(str("mn:/session", 0)), "");
    assert_span(hy_address_domain(str("rubbish", 0)), "");
    let_go();
}

static void below_means_whole_segments(void **state) {
    (void)state;
    assert_true(hy_address_is_under(str("a://d/1", 0), str("a://d/1", 1)));
    assert_true(hy_address_is_under(str("a://d/1/x", 0), str("a://d/1", 1)));
    assert_true(hy_address_is_under(str("a://d/1/", 0), str("a://d/1", 1)));
    assert_true(hy_address_is_under(str("a://d/1/x", 0), str("a://d/1/", 1)));
    assert_false(hy_address_is_under(str("a://d/10", 0), str("a://d/1", 1)));
    assert_false(hy_address_is_under(str("a://d/1#2", 0), str("a://d/1", 1)));
    assert_false(hy_address_is_under(str("a://d/1", 0), str("a://d/1/x", 1)));
    assert_false(hy_address_is_under(str("a://e/1/x", 0), str("a://d/1", 1)));
    let_go();
}

static void the_identifier_is_the_last_segment_without_fragment(void **state) {
    (void)state;
    assert_span(hy_address_identifier(str("hyperty://d/5b0c", 0)), "5b0c");
    assert_span(hy_address_identifier(str("hyperty://d/a/5b0c#12", 0)), "5b0c");
    assert_span(hy_address_identifier(str("hyperty://d/", 0)), "");
    assert_span(hy_address_identifier(str("hyperty://d", 0)), "");
    assert_span(hy_address_identifier(str("hyperty://d/x#1/y", 0)), "x");
    let_go();
}

static void tails_tell_what_is_published_and_which_object_it_belongs_to(void **state) {
    (void)state;
    static const struct {
        const char *url;
        bool is_published;
        const char *object, *collections;
    } cases[] = {
        {OBJECT "/changes", true, OBJECT, ""},
        {OBJECT "/children/messages", true, OBJECT, OBJECT "/children/"},
        {OBJECT "/children/", true, OBJECT, ""},
        {OBJECT "/children/changes", true, OBJECT, OBJECT "/children/"},
        {OBJECT "/registration", true, OBJECT, ""},
        {OBJECT "/subscription", false, OBJECT, ""},
        {"hyperty://d/h/events", true, "hyperty://d/h/events", ""},
        {"comm://d/a/b/changes", true, "comm://d/a/b", ""},
        {OBJECT, false, OBJECT, ""},
        {OBJECT "/children", false, OBJECT "/children", ""},
        {OBJECT "/change", false, OBJECT "/change", ""},
        {OBJECT "/xchanges", false, OBJECT "/xchanges", ""},
        {OBJECT "/changes/", false, OBJECT "/changes/", ""},
        /* The first segment is an identifier, whatever it is called. */
        {"comm://d/changes", false, "comm://d/changes", ""},
        {"comm://d/children/x", false, "comm://d/children/x", ""},
        {"comm://d/children/changes", true, "comm://d/children", ""},
        {"comm://d//changes", false, "comm://d//changes", ""},
        {"domain://registry.d", false, "domain://registry.d", ""},
        {"mn:/session", false, "mn:/session", ""},
        {"/changes", false, "/changes", ""},
        {"rubbish", false, "rubbish", ""},
        {"", false, "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hy_str_t *url = str(cases[i].url, 0);
        if (hy_address_is_published(url) != cases[i].is_published) fail_msg("%s", cases[i].url);
        assert_span(hy_address_object(url), cases[i].object);
        assert_span(hy_address_collections(url), cases[i].collections);
    }
    let_go();
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_well_formed_address_is_taken_apart),
        TEST(anything_else_is_refused_with_a_reason),
        TEST(length_is_bounded),
        TEST(a_function_of_a_domain_is_at_home_there),
        TEST(the_same_domain_is_the_same_text),
        TEST(below_means_whole_segments),
        TEST(the_identifier_is_the_last_segment_without_fragment),
        TEST(tails_tell_what_is_published_and_which_object_it_belongs_to),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
