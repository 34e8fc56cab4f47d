/* URLs of sockets: what they say, and what is said about wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "net/url.h"

static hy_socket_url_t parsed(const char *url) {
    hy_socket_url_t u;
    hy_error_t err = {0};
    if (hy_socket_url_parse(url, &u, &err) != 0) fail_msg("%s", err.text);
    return u;
}

static void a_websocket_url_has_host_port_and_path(void **state) {
    (void)state;
    hy_socket_url_t u = parsed("ws://127.0.0.1:9090/hyperty?x=1");
    assert_int_equal(u.scheme, HY_SCHEME_WS);
    assert_string_equal(u.host, "127.0.0.1");
    assert_int_equal(u.port, 9090);
    assert_string_equal(u.path, "/hyperty?x=1");
}

static void port_and_path_of_a_websocket_may_be_left_out(void **state) {
    (void)state;
    hy_socket_url_t u = parsed("ws://node.example");
    assert_string_equal(u.host, "node.example");
    assert_int_equal(u.port, 80);
    assert_string_equal(u.path, "/ws");
    assert_string_equal(parsed("ws://node.example:1/").path, "/ws");
    assert_int_equal(parsed("wss://node.example").port, 443);
}

static void a_tcp_url_has_host_and_port(void **state) {
    (void)state;
    hy_socket_url_t u = parsed("tcp://localhost:0");
    assert_int_equal(u.scheme, HY_SCHEME_TCP);
    assert_string_equal(u.host, "localhost");
    assert_int_equal(u.port, 0);
    assert_string_equal(u.path, "");
}

static void wss_and_tls_are_the_same_over_tls(void **state) {
    (void)state;
    hy_socket_url_t wss = parsed("wss://node.example:9443/ws"), tls = parsed("tls://[::1]:9444");
    assert_int_equal(wss.scheme, HY_SCHEME_WSS);
    assert_true(hy_socket_url_is_tls(&wss) && hy_socket_url_is_ws(&wss));
    assert_string_equal(wss.path, "/ws");
    assert_int_equal(tls.scheme, HY_SCHEME_TLS);
    assert_true(hy_socket_url_is_tls(&tls) && !hy_socket_url_is_ws(&tls));
    assert_string_equal(tls.host, "::1");
    hy_socket_url_t ws = parsed("ws://a"), tcp = parsed("tcp://a:1");
    assert_false(hy_socket_url_is_tls(&ws) || hy_socket_url_is_tls(&tcp));
}

static void an_ipv6_address_stands_in_brackets(void **state) {
    (void)state;
    hy_socket_url_t u = parsed("tcp://[::1]:9091");
    assert_string_equal(u.host, "::1");
    assert_int_equal(u.port, 9091);
    assert_string_equal(parsed("ws://[fe80::2]/ws").host, "fe80::2");
}

static void a_unix_url_has_an_absolute_path(void **state) {
    (void)state;
    hy_socket_url_t u = parsed("unix:///run/hyperty node.sock");
    assert_int_equal(u.scheme, HY_SCHEME_UNIX);
    assert_string_equal(u.path, "/run/hyperty node.sock");
    assert_string_equal(u.host, "");
}

static void a_wrong_url_is_told_with_the_right_form(void **state) {
    (void)state;
    char long_path[400] = "unix:///", long_host[400] = "tcp://";
    memset(long_path + 8, 'p', 300);
    memset(long_host + 6, 'h', 300);
    const struct {
        const char *url, *text;
    } cases[] = {
        {"", "is no URL of a socket; write ws://HOST:PORT/PATH, tcp://HOST:PORT, unix:///PATH, or "
             "over TLS wss://HOST:PORT/PATH, tls://HOST:PORT"},
        {"http://a", "is no URL of a socket"},
        {"127.0.0.1:9090", "is no URL of a socket"},
        {"tls://a", "the port is missing; write tls://HOST:PORT"},
        {"tls://a:1/ws", "nothing follows the port of a tcp or tls URL"},
        {"wssx://a", "is no URL of a socket"},
        {"tcp://127.0.0.1", "the port is missing; write tcp://HOST:PORT"},
        {"tcp://:9090", "the host is missing"},
        {"tcp://a:65536", "a port is a number from 0 to 65535"},
        {"tcp://a:", "a port is a number"},
        {"tcp://a:-1", "a port is a number"},
        {"tcp://a:9x", "nothing follows the port"},
        {"tcp://a:9/ws", "nothing follows the port"},
        {"tcp://::1:9", "an IPv6 address is written in brackets"},
        {"tcp://[::1", "between brackets stands an IPv6 address"},
        {"tcp://[]:1", "between brackets stands an IPv6 address"},
        {"tcp://[localhost]:1", "between brackets stands an IPv6 address"},
        {"tcp://[::1]", "the port is missing"},
        {"tcp://a b:1", "the host is too long, or holds"},
        {long_host, "the host is too long"},
        {"ws://me@a/ws", "after host and port comes a path"},
        {"ws://a/w s", "the path is too long, or holds spaces"},
        {"unix://run/x", "the path is absolute"},
        {"unix://", "the path is absolute"},
        {long_path, "the path of a Unix socket has at most 107 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hy_socket_url_t u = {.port = -7};
        hy_error_t err = {0};
        assert_int_equal(hy_socket_url_parse(cases[i].url, &u, &err), HY_EINVALID);
        if (!strstr(err.text, cases[i].text)) fail_msg("%s", err.text);
        assert_int_equal(u.port, -7);
    }
}

static void loopback_is_what_stays_on_this_machine(void **state) {
    (void)state;
    static const char *const near[] = {"unix:///x",     "tcp://127.0.0.1:1", "tcp://127.9.8.7:1",
                                       "tcp://[::1]:1", "ws://localhost",    "tcp://LocalHost:1"};
    static const char *const far[] = {"tcp://0.0.0.0:1",
                                      "tcp://[::]:1",
                                      "ws://example.com",
                                      "tcp://128.0.0.1:1",
                                      "ws://localhost.example.com",
                                      "tcp://[::2]:1"};
    for (size_t i = 0; i < 6; i++) {
        hy_socket_url_t u = parsed(near[i]);
        assert_true(hy_socket_url_is_loopback(&u));
        u = parsed(far[i]);
        assert_false(hy_socket_url_is_loopback(&u));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_websocket_url_has_host_port_and_path),
        cmocka_unit_test(port_and_path_of_a_websocket_may_be_left_out),
        cmocka_unit_test(a_tcp_url_has_host_and_port),
        cmocka_unit_test(wss_and_tls_are_the_same_over_tls),
        cmocka_unit_test(an_ipv6_address_stands_in_brackets),
        cmocka_unit_test(a_unix_url_has_an_absolute_path),
        cmocka_unit_test(a_wrong_url_is_told_with_the_right_form),
        cmocka_unit_test(loopback_is_what_stays_on_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
