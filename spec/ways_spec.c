/* core/ways: how nodes are written, and what is said about a wrong one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "loop/random.h"
#include "ways.h"

static int64_t blocks_before;
static hy_loop_t *loop;
static hy_random_system_t randomness;
static hy_sockets_t *sockets;
static hy_ways_t ways;
static hy_error_t err;

static int begin(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    err = (hy_error_t){.code = 0};
    ways = (hy_ways_t){.count = 0};
    if (hy_random_system(&randomness) != 0 || hy_loop_open(&loop) != 0) return -1;
    return hy_sockets_open(loop, &randomness.base, NULL, &sockets);
}

static void close_ways(void) {
    for (uint32_t i = 0; i < ways.count; i++)
        ways.list[i].connector->free(ways.list[i].connector);
    hy_ways_release(&ways);
}

static int end(void **state) {
    (void)state;
    close_ways();
    hy_sockets_close(sockets);
    hy_loop_close(loop);
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

static int open_ways(const char *text) {
    return hy_ways_open(&ways, text, "own.example", sockets, &err);
}

/* Fails with that text, and has opened nothing. */
static void assert_refused(const char *text, int code, const char *why) {
    assert_int_equal(open_ways(text), code);
    assert_string_equal(err.text, why);
    assert_int_equal(ways.count, 0);
    hy_ways_release(&ways);
}

static void one_url_is_the_way_to_all_domains(void **state) {
    (void)state;
    assert_int_equal(open_ways("ws://127.0.0.1:9090/ws"), 0);
    assert_int_equal(ways.count, 1);
    assert_null(ways.list[0].domain);
    hy_connector_t *k = ways.list[0].connector;
    assert_string_equal(k->where(k), "ws://127.0.0.1:9090/ws");
}

static void urls_are_gathered_by_domain_and_the_own_one_comes_first(void **state) {
    (void)state;
    assert_int_equal(open_ways(" a.example=tcp://127.0.0.1:1, unix:///s\tb.example=unix:///b,,"
                               "tcp://127.0.0.1:2\na.example=tcp://127.0.0.1:3 "),
                     0);
    assert_int_equal(ways.count, 3);
    assert_null(ways.list[0].domain);
    assert_string_equal(ways.list[1].domain, "a.example");
    assert_string_equal(ways.list[2].domain, "b.example");
    hy_connector_t *k = ways.list[0].connector;
    assert_string_equal(k->where(k), "unix:///s");
}

static void the_own_domain_may_be_named(void **state) {
    (void)state;
    assert_int_equal(open_ways("own.example=unix:///s"), 0);
    assert_int_equal(ways.count, 1);
    assert_null(ways.list[0].domain);
}

static void an_equals_sign_in_a_path_names_no_domain(void **state) {
    (void)state;
    assert_int_equal(open_ways("unix:///a=b"), 0);
    assert_null(ways.list[0].domain);
    hy_connector_t *k = ways.list[0].connector;
    assert_string_equal(k->where(k), "unix:///a=b");
}

static void without_one_of_the_own_domain_only_the_others_have_a_way(void **state) {
    (void)state;
    assert_int_equal(open_ways("a.example=unix:///a"), 0);
    assert_int_equal(ways.count, 1);
    assert_string_equal(ways.list[0].domain, "a.example");
}

static void a_wrong_one_is_named_and_the_others_are_closed(void **state) {
    (void)state;
    assert_refused(
        "unix:///s a.example=nowhere", HY_EINVALID,
        "\"nowhere\": is no URL of a socket; write ws://HOST:PORT/PATH, tcp://HOST:PORT, "
        "unix:///PATH, or over TLS wss://HOST:PORT/PATH, tls://HOST:PORT");
    assert_refused("=unix:///s", HY_EINVALID,
                   "\"\" is no domain name; write a node of another domain as example.com=URL");
    assert_refused("a/b=unix:///s", HY_EINVALID,
                   "\"a/b\" is no domain name; write a node of another domain as example.com=URL");
    assert_refused(" ,", HY_EINVALID, "no URL of a node; write one like ws://127.0.0.1:9090/ws");
}

static void domains_and_urls_are_bounded(void **state) {
    char text[2048] = "";
    (void)state;
    for (unsigned i = 0; i < HY_WAYS_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "d%u.example=unix:///s ", i);
    assert_refused(text, HY_EFULL, "nodes of more than 16 domains");
    text[0] = '\0';
    for (unsigned i = 0; i <= HY_CONNECTOR_URLS_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "unix:///s%u ", i);
    assert_refused(text, HY_EFULL, "more than 16 nodes of the domain own.example");
}

static void without_memory_it_fails_and_nothing_leaks(void **state) {
    int rc = HY_ENOMEM;
    (void)state;
    int64_t before = hy_mem_blocks();
    for (int64_t n = 1; rc != 0; n++) {
        hy_mem_fail_after(n);
        rc = open_ways("unix:///s a.example=tcp://127.0.0.1:1 tcp://127.0.0.1:2");
        hy_mem_fail_after(-1);
        assert_true(rc == 0 || rc == HY_ENOMEM);
        assert_true(n < 100);
        close_ways();
        assert_int_equal(hy_mem_blocks(), before);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_url_is_the_way_to_all_domains),
        TEST(urls_are_gathered_by_domain_and_the_own_one_comes_first),
        TEST(the_own_domain_may_be_named),
        TEST(an_equals_sign_in_a_path_names_no_domain),
        TEST(without_one_of_the_own_domain_only_the_others_have_a_way),
        TEST(a_wrong_one_is_named_and_the_others_are_closed),
        TEST(domains_and_urls_are_bounded),
        TEST(without_memory_it_fails_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
