/* core/net/http: what comes before a WebSocket, and requests that are none. Seen from outside,
 * through the WebSocket protocol of either side. */
#include "protocol_support.h"

#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* the example of RFC 6455, section 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define GOOD                                                                                       \
    "GET /ws HTTP/1.1\r\nHost: d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                 \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n"
#define SWITCHED                                                                                   \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: "
#define PLAIN(status, len)                                                                         \
    "HTTP/1.1 " status "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " len "\r"  \
    "\n"
#define CLOSE "Connection: close\r\n\r\n"

static const hy_websocket_policy_t LOCAL = {.is_loopback_only = true};
static const hy_websocket_policy_t PUBLIC = {.origin = "app.example"};

static void begin_server(end_t *e, const hy_websocket_policy_t *policy) {
    *e = (end_t){.p = hy_websocket_server_new(&END_EVENTS, e, policy)};
    assert_non_null(e->p);
    e->p->ops->start(e->p);
    assert_int_equal(e->opens + e->out.len, 0);
}

/* The request, in pieces of any size, gets that answer. */
static void assert_answer(const hy_websocket_policy_t *policy, const char *request,
                          const char *answer) {
    static const size_t STEPS[] = {1, 2, 7, 1u << 16};
    bool is_upgrade = strncmp(answer, "HTTP/1.1 101 ", 13) == 0;
    for (size_t i = 0; i < COUNT_OF(STEPS); i++) {
        end_t e;
        begin_server(&e, policy);
        end_feed(&e, request, strlen(request), STEPS[i]);
        hy_buf_char(&e.out, '\0');
        assert_string_equal(e.out.bytes, answer);
        assert_int_equal(e.opens, is_upgrade);
        assert_int_equal(e.closes, !is_upgrade);
        if (!is_upgrade) assert_int_equal(e.code, HY_CLOSE_NORMAL);
        end_free(&e);
    }
}

/* It is refused with that status and that line of text, and the log is told both. */
static void assert_refused(const hy_websocket_policy_t *policy, const char *request,
                           const char *status, const char *line) {
    end_t e;
    begin_server(&e, policy);
    end_feed(&e, request, strlen(request), 1);
    hy_buf_char(&e.out, '\0');
    char *body = strstr(e.out.bytes, "\r\n\r\n");
    char expected[300];
    assert_non_null(body);
    snprintf(expected, sizeof expected, "%s\n", line);
    assert_string_equal(body + 4, expected);
    snprintf(expected, sizeof expected, "HTTP/1.1 %s\r\n", status);
    assert_memory_equal(e.out.bytes, expected, strlen(expected));
    snprintf(expected, sizeof expected, "Content-Length: %zu\r\n", strlen(line) + 1);
    assert_non_null(strstr(e.out.bytes, expected));
    assert_non_null(strstr(e.out.bytes, "\r\nConnection: close"));
    assert_int_equal(e.opens, 0);
    assert_int_equal(e.closes, 1);
    assert_int_equal(e.code, HY_CLOSE_NORMAL);
    assert_non_null(strstr(e.reason, line));
    assert_int_equal(e.p->ops->input(e.p, "x", 1), HY_ECLOSED);
    end_free(&e);
}

/* --- upgrades --------------------------------------------------------------------------------- */

static void an_upgrade_is_answered_as_the_rfc_says(void **state) {
    (void)state;
    assert_answer(&LOCAL, GOOD "\r\n", SWITCHED ACCEPT "\r\n\r\n");
    assert_answer(&LOCAL,
                  "GET /ws?room=1 HTTP/1.1\r\nhost: d\r\nUPGRADE: h2c, WebSocket\r\n"
                  "connection: keep-alive , uPgRaDe\r\nsec-websocket-version: 13\r\n"
                  "sec-websocket-extensions: permessage-deflate\r\n"
                  "sec-websocket-key:   " KEY "  \r\n\r\n",
                  SWITCHED ACCEPT "\r\n\r\n");
}

static void the_first_subprotocol_that_is_ours_is_agreed_on(void **state) {
    (void)state;
    assert_answer(&LOCAL, GOOD "Sec-WebSocket-Protocol: chat, hyperty\r\n\r\n",
                  SWITCHED ACCEPT "\r\nSec-WebSocket-Protocol: hyperty\r\n\r\n");
    assert_answer(&LOCAL,
                  GOOD "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: hyperty\r\n\r\n",
                  SWITCHED ACCEPT "\r\nSec-WebSocket-Protocol: hyperty\r\n\r\n");
    assert_answer(&LOCAL, GOOD "Sec-WebSocket-Protocol: chat, hyperty2\r\n\r\n",
                  SWITCHED ACCEPT "\r\n\r\n");
}

static void what_is_missing_or_wrong_is_named(void **state) {
    (void)state;
#define START "GET /ws HTTP/1.1\r\nHost: d\r\n"
#define UP    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    assert_refused(&LOCAL, START "\r\n", "426 Upgrade Required",
                   "/ws is for WebSocket; no \"Upgrade: websocket\"");
    assert_refused(&LOCAL, START "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
                   "426 Upgrade Required", "/ws is for WebSocket; no \"Upgrade: websocket\"");
    assert_refused(&LOCAL, START "Upgrade: websocket\r\nConnection: close\r\n\r\n",
                   "400 Bad Request", "no \"Connection: Upgrade\"");
    assert_refused(&LOCAL, START UP "\r\n", "426 Upgrade Required",
                   "Sec-WebSocket-Version is not given, served is 13");
    assert_refused(&LOCAL, START UP "Sec-WebSocket-Version: 8\r\n\r\n", "426 Upgrade Required",
                   "Sec-WebSocket-Version is 8, served is 13");
    assert_refused(&LOCAL, START UP "Sec-WebSocket-Version: 13\r\n\r\n", "400 Bad Request",
                   "Sec-WebSocket-Key is not given");
    assert_refused(&LOCAL, "GET /ws HTTP/1.0\r\nHost: d\r\n" UP "\r\n", "400 Bad Request",
                   "a WebSocket needs HTTP/1.1, not 1.0");
    assert_refused(&LOCAL, "GET /ws HTTP/1.1\r\n" UP "\r\n", "400 Bad Request", "no Host");
    assert_refused(&LOCAL, GOOD "Sec-WebSocket-Key: " KEY "\r\n\r\n", "400 Bad Request",
                   "Sec-WebSocket-Key is given twice");
}

static void a_key_is_sixteen_bytes_in_base64(void **state) {
    static const char *const BAD[] = {
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZSE=",
        "dGhlIHNhbXBsZSBub25jZSEh",
        "dGhlIHNhbXBsZSBub25jZ===",
        "dGhlIHNh*XBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZSEhISEhIQ==",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        char request[400];
        snprintf(request, sizeof request,
                 "%sSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", START UP, BAD[i]);
        assert_refused(&LOCAL, request, "400 Bad Request",
                       "Sec-WebSocket-Key is not 16 bytes in base64");
    }
}

static void another_version_is_told_which_one_is_served(void **state) {
    (void)state;
    assert_answer(
        &LOCAL, START UP "Sec-WebSocket-Version: 14\r\n\r\n",
        PLAIN("426 Upgrade Required", "42") "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                            "Connection: close, upgrade\r\n\r\n"
                                            "Sec-WebSocket-Version is 14, served is 13\n");
}

static void a_page_of_another_origin_may_not_connect(void **state) {
    static const struct {
        const char *origin;
        bool is_local, is_public; /* allowed under that policy */
    } CASES[] = {
        {"http://localhost:3000", true, false},
        {"https://LOCALHOST", true, false},
        {"http://127.1.2.3:80", true, false},
        {"http://[::1]:8080", true, false},
        {"https://app.example", false, true},
        {"https://App.Example:8443", false, true},
        {"http://127.0.0.1.evil.example", false, false},
        {"http://evil.example", false, false},
        {"https://app.example.evil.net", false, false},
        {"null", false, false},
        {"http://10.0.0.1", false, false},
        {"https://user@app.example@x", false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        char request[400], line[200];
        snprintf(request, sizeof request, GOOD "Origin: %s\r\n\r\n", CASES[i].origin);
        snprintf(line, sizeof line, "Origin %s is not allowed", CASES[i].origin);
        for (int is_public = 0; is_public < 2; is_public++) {
            const hy_websocket_policy_t *policy = is_public ? &PUBLIC : &LOCAL;
            if (is_public ? CASES[i].is_public : CASES[i].is_local)
                assert_answer(policy, request, SWITCHED ACCEPT "\r\n\r\n");
            else
                assert_refused(policy, request, "403 Forbidden", line);
        }
    }
}

static void bytes_behind_the_head_are_frames(void **state) {
    static const char ALL[] = GOOD "\r\n\x81\x82\0\0\0\0hi";
    (void)state;
    for (size_t step = 1; step < sizeof ALL; step++) {
        end_t e;
        begin_server(&e, &LOCAL);
        assert_int_equal(end_feed(&e, ALL, sizeof ALL - 1, step), 0);
        assert_int_equal(e.opens, 1);
        assert_text(&e, 0, "hi");
        end_free(&e);
    }
}

/* --- other requests --------------------------------------------------------------------------- */

static void pages_are_served_and_the_connection_closes(void **state) {
    end_t e;
    (void)state;
    assert_answer(&LOCAL, "GET /health?full HTTP/1.0\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n" CLOSE
                  "well\n");
    assert_answer(&LOCAL, "HEAD /health HTTP/1.1\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n" CLOSE);
    begin_server(&e, &LOCAL);
    end_feed(&e, "GET /health HTTP/1.1\r\n\r\n", 24, 24);
    assert_closed(&e, HY_CLOSE_NORMAL, "GET /health answered 200");
    end_free(&e);
}

static void what_is_nowhere_is_a_404_that_says_where_to_go(void **state) {
    (void)state;
    assert_refused(&LOCAL, "GET / HTTP/1.1\r\n\r\n", "404 Not Found",
                   "nothing is at /; WebSocket is at /ws");
    assert_refused(&LOCAL, "GET /wss HTTP/1.1\r\n" UP "\r\n", "404 Not Found",
                   "nothing is at /wss; WebSocket is at /ws");
    assert_answer(&LOCAL, "HEAD /none HTTP/1.1\r\n\r\n", PLAIN("404 Not Found", "41") CLOSE);
}

static void other_methods_bodies_and_nonsense_are_refused(void **state) {
    (void)state;
    assert_answer(&LOCAL, "POST /health HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
                  PLAIN("405 Method Not Allowed", "38") "Allow: GET, HEAD\r\n" CLOSE
                                                        "POST is not served, only GET and HEAD\n");
    assert_refused(&LOCAL, "OPTIONS * HTTP/1.1\r\n\r\n", "405 Method Not Allowed",
                   "OPTIONS is not served, only GET and HEAD");
    assert_refused(&LOCAL, "GET /health HTTP/1.1\r\nContent-Length: 1\r\n\r\n", "400 Bad Request",
                   "a request with a body");
    assert_refused(&LOCAL, "GET /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                   "400 Bad Request", "a request with a body");
    assert_refused(&LOCAL, "BREW /pot HTTP/1.1\r\n\r\n", "400 Bad Request",
                   "malformed HTTP: invalid HTTP method");
    assert_refused(&LOCAL, "{\"type\":\"open\"}", "400 Bad Request",
                   "malformed HTTP: invalid HTTP method");
    assert_refused(&LOCAL, "GET /ws HTTP/1.1\r\nA b: c\r\n\r\n", "400 Bad Request",
                   "malformed HTTP: a space in the name of a field");
    assert_refused(&LOCAL, "GET /ws HTTP/1.1\r\nA{}: c\r\n\r\n", "400 Bad Request",
                   "malformed HTTP: invalid character in header");
    assert_refused(&LOCAL, "GET /\x01 HTTP/1.1\r\n\r\n", "400 Bad Request",
                   "malformed HTTP: invalid URL");
    assert_refused(&LOCAL, "GET /\xc3\xa9 HTTP/1.1\r\n\r\n", "404 Not Found",
                   "nothing is at /??; WebSocket is at /ws");
}

static void a_head_is_bounded(void **state) {
    char line[HY_HTTP_HEAD_BYTES_MAX];
    (void)state;
    for (size_t step = 1; step <= sizeof line; step *= 2) {
        end_t e;
        begin_server(&e, &LOCAL);
        assert_int_equal(end_feed(&e, "GET /ws HTTP/1.1\r\nOrigin: ", 26, 1), 0);
        memset(line, 'x', sizeof line);
        end_feed(&e, line, sizeof line, step);
        assert_closed(&e, HY_CLOSE_NORMAL,
                      "a request answered 431: the HTTP head is over 8192 bytes");
        assert_memory_equal(e.out.bytes, "HTTP/1.1 431 ", 13);
        end_free(&e);
    }
}

static void the_handshake_leaves_nothing_behind(void **state) {
    end_t e;
    (void)state;
    begin_server(&e, &LOCAL);
    int64_t before = hy_mem_blocks();
    end_feed(&e, GOOD "\r\n", sizeof GOOD + 1, 1);
    hy_buf_deinit(&e.out);
    assert_int_equal(hy_mem_blocks(), before - 1); /* the block of the handshake itself */
    end_free(&e);
}

static void who_closes_before_the_upgrade_answers_503(void **state) {
    end_t e;
    (void)state;
    begin_server(&e, &LOCAL);
    end_feed(&e, GOOD, 30, 30);
    e.p->ops->close(e.p, HY_CLOSE_TRY_LATER, "the node is full");
    hy_buf_char(&e.out, '\0');
    assert_string_equal(e.out.bytes,
                        PLAIN("503 Service Unavailable", "17") CLOSE "the node is full\n");
    assert_int_equal(e.closes, 0);
    end_free(&e);
}

/* --- the client ------------------------------------------------------------------------------- */

static void begin_client(end_t *e, hy_random_t *random) {
    hy_random_seed(random, 4);
    *e = (end_t){.p = hy_websocket_client_new(&END_EVENTS, e, "127.0.0.1:9090", "/ws", random)};
    assert_non_null(e->p);
    e->p->ops->start(e->p);
    hy_buf_char(&e->out, '\0');
}

static void the_client_asks_as_the_rfc_says(void **state) {
    static const char HEAD[] = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:9090\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Key: ";
    hy_random_t random;
    end_t e;
    (void)state;
    begin_client(&e, &random);
    assert_memory_equal(e.out.bytes, HEAD, sizeof HEAD - 1);
    assert_string_equal(e.out.bytes + sizeof HEAD - 1 + 24,
                        "\r\nSec-WebSocket-Version: 13\r\n\r\n");
    end_free(&e);
}

/* What a server answers to it, with `accept` made from its key. */
static void assert_judged(const char *answer, hy_close_code_t code, const char *reason) {
    for (size_t step = 1; step < 300; step *= 4) {
        hy_random_t random;
        end_t e;
        begin_client(&e, &random);
        end_feed(&e, answer, strlen(answer), step);
        assert_closed(&e, code, reason);
        assert_int_equal(e.opens, 0);
        end_free(&e);
    }
}

static void any_other_answer_is_a_no(void **state) {
    (void)state;
#define WRONG "the node's answer to the WebSocket handshake has "
    assert_judged("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", HY_CLOSE_PROTOCOL,
                  "the node answered 403 Forbidden");
    assert_judged("HTTP/1.1 200 OK\r\n\r\n", HY_CLOSE_PROTOCOL, "the node answered 200 OK");
    assert_judged("HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nfull", HY_CLOSE_LOST,
                  "the node answered 503 Service Unavailable");
    assert_judged("HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n", HY_CLOSE_PROTOCOL,
                  WRONG "no \"Upgrade: websocket\"");
    assert_judged("HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n", HY_CLOSE_PROTOCOL,
                  WRONG "no \"Connection: Upgrade\"");
    assert_judged(SWITCHED ACCEPT "\r\n\r\n", HY_CLOSE_PROTOCOL,
                  WRONG "a wrong Sec-WebSocket-Accept");
    assert_judged("SSH-2.0-x\r\n", HY_CLOSE_PROTOCOL, "malformed HTTP: invalid constant string");
}

static void the_client_and_the_server_agree(void **state) {
    (void)state;
    for (size_t step = 1; step < 400; step += 7) {
        hy_random_t random;
        end_t client, server;
        begin_client(&client, &random);
        begin_server(&server, &PUBLIC);
        assert_int_equal(end_feed(&server, client.out.bytes, client.out.len - 1, step), 0);
        assert_int_equal(end_feed(&client, server.out.bytes, server.out.len, step), 0);
        assert_int_equal(client.opens, 1);
        assert_int_equal(server.opens, 1);
        end_free(&client);
        end_free(&server);
    }
}

static void what_was_not_offered_is_not_accepted(void **state) {
    static const char *const EXTRA[] = {"Sec-WebSocket-Protocol: chat\r\n\r\n",
                                        "Sec-WebSocket-Extensions: x\r\n\r\n"};
    static const char *const REASONS[] = {WRONG "a subprotocol that was not offered",
                                          WRONG "an extension that was not offered"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(EXTRA); i++) {
        hy_random_t random;
        end_t client, server;
        begin_client(&client, &random);
        begin_server(&server, &LOCAL);
        end_feed(&server, client.out.bytes, client.out.len - 1, 1000);
        server.out.len -= 2; /* before the last line */
        hy_buf_text(&server.out, EXTRA[i]);
        end_feed(&client, server.out.bytes, server.out.len, 1000);
        assert_closed(&client, HY_CLOSE_PROTOCOL, REASONS[i]);
        end_free(&client);
        end_free(&server);
    }
}

/* --- without memory --------------------------------------------------------------------------- */

static bool serve_failing_at(int64_t n, const char *request) {
    end_t e = {.p = NULL};
    hy_buf_reserve(&e.out, 4096);
    hy_mem_fail_after(n);
    e.p = hy_websocket_server_new(&END_EVENTS, &e, &LOCAL);
    if (e.p) end_feed(&e, request, strlen(request), 16);
    hy_mem_fail_after(-1);
    bool is_good = e.out.len > 13 && (memcmp(e.out.bytes, "HTTP/1.1 101 ", 13) == 0 ||
                                      memcmp(e.out.bytes, "HTTP/1.1 200 ", 13) == 0);
    if (e.p && !is_good) {
        assert_int_equal(e.closes, 1);
        assert_int_equal(e.opens, 0);
        assert_non_null(strstr(e.reason, "out of memory"));
    }
    end_free(&e);
    return !is_good;
}

static void a_server_without_memory_closes_and_says_so(void **state) {
    int64_t n = 1, pages = 1;
    (void)state;
    while (serve_failing_at(n, GOOD "\r\n"))
        n++;
    while (serve_failing_at(pages, "GET /health HTTP/1.1\r\n\r\n"))
        pages++;
    assert_true(n > 8);
    assert_true(pages > 4);
}

static bool ask_failing_at(int64_t n) {
    hy_random_t random;
    end_t client = {.p = NULL}, server;
    hy_random_seed(&random, 4);
    hy_buf_reserve(&client.out, 4096);
    begin_server(&server, &LOCAL);
    hy_mem_fail_after(n);
    client.p = hy_websocket_client_new(&END_EVENTS, &client, "h", "/ws", &random);
    hy_mem_fail_after(-1);
    if (client.p) {
        client.p->ops->start(client.p);
        end_feed(&server, client.out.bytes, client.out.len, 1000);
        hy_mem_fail_after(n);
        end_feed(&client, server.out.bytes, server.out.len, 16);
        hy_mem_fail_after(-1);
    }
    bool failed = client.opens == 0;
    if (client.p && failed)
        assert_closed(&client, HY_CLOSE_INTERNAL, "out of memory for an HTTP head");
    end_free(&client);
    end_free(&server);
    return failed;
}

static void a_client_without_memory_closes_and_says_so(void **state) {
    int64_t n = 1;
    (void)state;
    while (ask_failing_at(n))
        n++;
    assert_true(n > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_upgrade_is_answered_as_the_rfc_says),
        TEST(the_first_subprotocol_that_is_ours_is_agreed_on),
        TEST(what_is_missing_or_wrong_is_named),
        TEST(a_key_is_sixteen_bytes_in_base64),
        TEST(another_version_is_told_which_one_is_served),
        TEST(a_page_of_another_origin_may_not_connect),
        TEST(bytes_behind_the_head_are_frames),
        TEST(pages_are_served_and_the_connection_closes),
        TEST(what_is_nowhere_is_a_404_that_says_where_to_go),
        TEST(other_methods_bodies_and_nonsense_are_refused),
        TEST(a_head_is_bounded),
        TEST(the_handshake_leaves_nothing_behind),
        TEST(who_closes_before_the_upgrade_answers_503),
        TEST(the_client_asks_as_the_rfc_says),
        TEST(any_other_answer_is_a_no),
        TEST(the_client_and_the_server_agree),
        TEST(what_was_not_offered_is_not_accepted),
        TEST(a_server_without_memory_closes_and_says_so),
        TEST(a_client_without_memory_closes_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
