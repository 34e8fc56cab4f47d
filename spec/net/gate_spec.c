/* A gate with a real node behind it, and runtimes that come in over each transport. */
#include "home.h"

static void runtimes_meet_over_every_transport(void **state) {
    home_t *h = *state;
    user_t *u[TRANSPORTS];
    const char *names[] = {"a", "b", "c", "d", "e"};
    for (int i = 0; i < TRANSPORTS; i++)
        u[i] = runtime_open(h, url_of(h, i), names[i]);
    assert_int_equal(hy_node_server_stats(h->node).sessions, TRANSPORTS);
    for (int i = 0; i < TRANSPORTS; i++)
        say_to(u[i], 2, names[i], names[(i + 1) % TRANSPORTS]);
    for (int i = 0; i < TRANSPORTS; i++)
        WAIT_FOR(&h->place, u[i]->received == 2);
    for (int i = 0; i < TRANSPORTS; i++) {
        assert_int_equal(u[i]->last_id, 2);
        runtime_end(u[i]);
    }
}

static void a_burst_passes_whole_and_in_order(void **state) {
    enum { COUNT = 100000 };
    home_t *h = *state;
    for (int i = 0; i < TRANSPORTS; i++) {
        user_t *from = runtime_open(h, url_of(h, i), "from");
        user_t *to = runtime_open(h, url_of(h, (i + 1) % TRANSPORTS), "to");
        for (uint32_t n = 0; n < COUNT; n++)
            say_to(from, n + 2, "from", "to");
        WAIT_FOR(&h->place, to->received == COUNT + 1);
        assert_int_equal(to->out_of_order, 0);
        assert_int_equal(from->received, 1);
        runtime_end(from);
        runtime_end(to);
        WAIT_FOR(&h->place, hy_sockets_stats(h->place.sockets).connections == 0);
    }
}

static void what_is_published_reaches_all_whole_and_in_order(void **state) {
    enum { COUNT = 20000, READERS = 6 };
    home_t *h = *state;
    user_t *from = runtime_open(h, h->tcp, "from"), *u[READERS];
    char name[16];
    say(from, "{\"id\":2,\"type\":\"subscribe\",\"from\":\"" RUNTIME "from/sm\","
              "\"to\":\"domain://msg-node.d.example/sm\","
              "\"body\":{\"resources\":[\"comm://d.example/o\"]}}");
    for (int i = 0; i < READERS; i++) {
        sprintf(name, "r%d", i);
        u[i] = runtime_open(h, url_of(h, i % TRANSPORTS), name);
        say(u[i],
            "{\"id\":2,\"type\":\"subscribe\",\"from\":\"" RUNTIME "%s/sm\","
            "\"to\":\"domain://msg-node.d.example/sm\","
            "\"body\":{\"resources\":[\"comm://d.example/o/changes\"]}}",
            name);
        WAIT_FOR(&h->place, u[i]->received == 2);
    }
    for (uint32_t n = 0; n < COUNT; n++) {
        say(from,
            "{\"id\":%u,\"type\":\"update\",\"from\":\"comm://d.example/o\","
            "\"to\":\"comm://d.example/o/changes\",\"body\":{\"value\":%u}}",
            n + 3, n);
    }
    for (int i = 0; i < READERS; i++) {
        WAIT_FOR(&h->place, u[i]->received == COUNT + 2);
        assert_int_equal(u[i]->out_of_order, 0);
        runtime_end(u[i]);
    }
    runtime_end(from);
}

static void a_slow_reader_holds_up_nobody(void **state) {
    home_t *h = *state;
    user_t *a = runtime_open(h, h->tcp, "a"), *b = runtime_open(h, h->ws, "b");
    static plain_t reader;
    reader = (plain_t){.fd = plain_connect_local(h)};
    plain_frame(&h->place, reader.fd,
                "{\"id\":1,\"type\":\"open\",\"from\":\"" RUNTIME "slow\",\"to\":\"mn:/session\"}");
    WAIT_FOR(&h->place, hy_node_server_stats(h->node).sessions == 3);
    for (uint32_t n = 0; n < 5000; n++)
        say_to(a, n + 2, "a", "slow");
    for (uint32_t n = 0; n < 5000; n++)
        say_to(a, n + 2, "a", "b");
    WAIT_FOR(&h->place, b->received == 5001);
    assert_in_range(hy_node_server_stats(h->node).queued_bytes, 1, 5000000);
    assert_in_range(hy_sockets_stats(h->place.sockets).pending_bytes, 0, 400);
    WAIT_FOR(&h->place, (plain_read(&reader), reader.frames == 5001));
    assert_int_equal(hy_node_server_stats(h->node).queued_bytes, 0);
    close(reader.fd);
    runtime_end(a);
    runtime_end(b);
}

/* --- ends ------------------------------------------------------------------------------------- */

static void a_session_that_closes_loses_its_connection(void **state) {
    home_t *h = *state;
    for (int i = 0; i < TRANSPORTS; i++) {
        user_t *u = runtime_open(h, url_of(h, i), "a");
        say(u, "{\"id\":2,\"type\":\"close\",\"from\":\"" RUNTIME "a\",\"to\":\"mn:/session\"}");
        WAIT_FOR(&h->place, u->closed);
        assert_int_equal(u->code, is_web(i) ? HY_CLOSE_NORMAL : HY_CLOSE_LOST);
        runtime_end(u);
    }
    assert_int_equal(hy_node_server_stats(h->node).sessions, 0);
    assert_int_equal(hy_node_server_stats(h->node).peers, 0);
}

static void a_replaced_connection_is_told(void **state) {
    home_t *h = *state;
    user_t *first = runtime_open(h, h->ws, "a"), *second = runtime_open(h, h->tcp, "a");
    WAIT_FOR(&h->place, first->closed);
    assert_int_equal(first->code, HY_CLOSE_REPLACED);
    user_t *third = runtime_open(h, h->local, "a");
    WAIT_FOR(&h->place, second->closed);
    assert_int_equal(second->received, 3); /* its open, a 409, a close with code and reason */
    assert_int_equal(third->closed, 0);
    runtime_end(first);
    runtime_end(second);
    runtime_end(third);
}

static void a_lost_connection_leaves_its_session_its_grace(void **state) {
    home_t *h = *state;
    user_t *u = runtime_open(h, h->tcp, "a");
    user_close(u);
    WAIT_FOR(&h->place, hy_node_server_stats(h->node).peers == 0);
    assert_int_equal(hy_node_server_stats(h->node).sessions, 1);
    jump(&h->place, HY_SESSION_GRACE_MS);
    assert_int_equal(hy_node_server_stats(h->node).sessions, 0);
    runtime_end(u);
}

static void who_opens_no_session_is_shown_out(void **state) {
    home_t *h = *state;
    user_t mute[TRANSPORTS] = {{0}}, *lively = runtime_open(h, h->tcp, "a");
    for (int i = 0; i < TRANSPORTS; i++) {
        assert_int_equal(user_connect(&h->place, &mute[i], url_of(h, i)), 0);
        WAIT_FOR(&h->place, mute[i].opened);
    }
    WAIT_FOR(&h->place, hy_node_server_stats(h->node).peers == TRANSPORTS + 1);
    jump(&h->place, HY_HANDSHAKE_MS);
    for (int i = 0; i < TRANSPORTS; i++) {
        WAIT_FOR(&h->place, mute[i].closed);
        assert_int_equal(mute[i].received, is_web(i) ? 0 : 1); /* a close message */
        if (is_web(i)) assert_int_equal(mute[i].code, HY_CLOSE_POLICY);
        if (is_web(i)) assert_string_equal(mute[i].reason, "no session was opened in time");
        user_end(&mute[i]);
    }
    assert_int_equal(lively->closed, 0);
    runtime_end(lively);
}

/* --- by hand ---------------------------------------------------------------------------------- */

static void native_ends_are_told_in_a_message(void **state) {
    home_t *h = *state;
    char bytes[1000];
    int fd = plain_connect(h->tcp);
    WAIT_FOR(&h->place, hy_node_server_stats(h->node).peers == 1);
    jump(&h->place, HY_HANDSHAKE_MS);
    size_t len = read_all(&h->place, fd, bytes, sizeof bytes);
    assert_in_range(len, 5, 300);
    assert_non_null(strstr(bytes + 4, "\"type\":\"close\""));
    assert_non_null(strstr(bytes + 4, "\"from\":\"mn:/session\""));
    assert_non_null(strstr(bytes + 4, "\"to\":\"mn:/session\""));
    assert_non_null(
        strstr(bytes + 4, "{\"code\":1008,\"desc\":\"no session was opened in time\"}"));
    close(fd);
}

static void a_native_frame_that_cannot_be_read_is_told_in_a_message(void **state) {
    home_t *h = *state;
    static const struct {
        const char *head, *words;
    } bad[] = {
        {"\x00\x20\x00\x00",
         "{\"code\":1009,\"desc\":\"a message of 2097152 bytes was announced, at most 1048576 "
         "are taken\"}"},
        {"\x00\x00\x00\x00", "{\"code\":1002,\"desc\":\"a message of 0 bytes was announced\"}"},
    };
    for (unsigned i = 0; i < 2; i++) {
        char bytes[1000] = "";
        int fd = plain_connect(h->tcp);
        plain_write(&h->place, fd, bad[i].head, 4);
        plain_write(&h->place, fd, "and more", 8);
        size_t len = read_all(&h->place, fd, bytes, sizeof bytes);
        assert_in_range(len, 5, 300);
        assert_non_null(strstr(bytes + 4, "\"type\":\"close\""));
        assert_non_null(strstr(bytes + 4, bad[i].words));
        close(fd);
    }
}

static void who_never_ends_its_request_is_shown_out(void **state) {
    home_t *h = *state;
    char bytes[1000];
    int fd = plain_connect(h->ws);
    plain_write(&h->place, fd, "GET /ws HT", 10);
    WAIT_FOR(&h->place, hy_sockets_stats(h->place.sockets).bytes_in == 10);
    jump(&h->place, HY_HANDSHAKE_MS);
    read_all(&h->place, fd, bytes, sizeof bytes);
    assert_non_null(strstr(bytes, "HTTP/1.1 503"));
    assert_non_null(strstr(bytes, "no session was opened in time"));
    close(fd);
}

static void who_gives_no_sign_of_life_is_gone(void **state) {
    home_t *h = *state;
    static const char request[] =
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    int fd = plain_connect(h->ws);
    plain_write(&h->place, fd, request, sizeof request - 1);
    user_t *lively = runtime_open(h, h->ws, "a");
    WAIT_FOR(&h->place, hy_node_server_stats(h->node).peers == 2);
    for (int i = 0; i < 4; i++) { /* in small steps: the other one's pongs have time to come */
        hy_clock_t *clock = hy_loop_clock(h->place.loop);
        hy_clock_advance(clock, hy_clock_now(clock) + HY_PING_MS + 50);
        turns(&h->place, 10);
    }
    assert_int_equal(hy_sockets_stats(h->place.sockets).connections, 2);
    assert_int_equal(lively->closed, 0);
    runtime_end(lively);
    close(fd);
}

static const char *ask(home_t *h, const char *path, char *bytes, size_t room) {
    char request[200];
    int fd = plain_connect(h->ws);
    int len = sprintf(request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    plain_write(&h->place, fd, request, (size_t)len);
    read_all(&h->place, fd, bytes, room);
    close(fd);
    const char *body = strstr(bytes, "\r\n\r\n");
    assert_non_null(body);
    return body + 4;
}

static void health_is_told_over_http(void **state) {
    home_t *h = *state;
    char bytes[2000];
    user_t *u = runtime_open(h, h->tcp, "a");
    const char *body = ask(h, "/health", bytes, sizeof bytes);
    assert_string_equal(body, "{\"status\":\"ok\",\"domain\":\"d.example\",\"sessions\":1}\n");
    assert_non_null(strstr(bytes, "HTTP/1.1 200"));
    assert_non_null(strstr(bytes, "application/json"));
    ask(h, "/else", bytes, sizeof bytes);
    assert_non_null(strstr(bytes, "HTTP/1.1 404"));
    runtime_end(u);
}

static void every_metric_has_help_type_and_value(void **state) {
    home_t *h = *state;
    static char bytes[32000];
    user_t *u = runtime_open(h, h->tcp, "a");
    char *line = (char *)(uintptr_t)ask(h, "/metrics", bytes, sizeof bytes), *save = NULL;
    assert_non_null(strstr(bytes, "text/plain; version=0.0.4"));
    assert_non_null(strstr(line, "\nhyperty_transport_connections{transport=\"tcp\"} 1\n"));
    assert_non_null(strstr(line, "\nhyperty_sessions 1\n"));
    assert_non_null(strstr(line, "\nhyperty_accepted_total 2\n"));
    assert_non_null(strstr(line, "\nhyperty_turned_away_total{cause=\"full\"} 0\n"));
    assert_non_null(strstr(line, "\nhyperty_loop_delay_seconds "));
    char name[100] = "", names[64][100];
    int families = 0;
    for (line = strtok_r(line, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char next[100], kind[20];
        double value;
        if (sscanf(line, "# HELP %99s %19s", next, kind) == 2) {
            for (int i = 0; i < families; i++)
                assert_string_not_equal(next, names[i]);
            assert_in_range(families, 0, 63);
            strcpy(name, strcpy(names[families++], next));
            line = strtok_r(NULL, "\n", &save);
            assert_int_equal(sscanf(line, "# TYPE %99s %19s", next, kind), 2);
            assert_string_equal(name, next);
            assert_true(strcmp(kind, "gauge") == 0 || strcmp(kind, "counter") == 0);
        } else {
            assert_memory_equal(line, name, strlen(name));
            assert_int_equal(sscanf(strrchr(line, ' '), "%lf", &value), 1);
        }
    }
    assert_in_range(families, 15, 50);
    runtime_end(u);
}

int main(void) {
#define SPEC(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        SPEC(runtimes_meet_over_every_transport),
        SPEC(a_burst_passes_whole_and_in_order),
        SPEC(what_is_published_reaches_all_whole_and_in_order),
        SPEC(a_slow_reader_holds_up_nobody),
        SPEC(a_session_that_closes_loses_its_connection),
        SPEC(a_replaced_connection_is_told),
        SPEC(a_lost_connection_leaves_its_session_its_grace),
        SPEC(who_opens_no_session_is_shown_out),
        SPEC(native_ends_are_told_in_a_message),
        SPEC(a_native_frame_that_cannot_be_read_is_told_in_a_message),
        SPEC(who_never_ends_its_request_is_shown_out),
        SPEC(who_gives_no_sign_of_life_is_gone),
        SPEC(health_is_told_over_http),
        SPEC(every_metric_has_help_type_and_value),
    };
#undef SPEC
    return cmocka_run_group_tests(tests, NULL, NULL);
}
