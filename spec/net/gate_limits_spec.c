/* A gate whose addresses may have and do only so much: who is one too many is told so in the words
 * of its transport, counted, and takes nothing from the others. */
#include "home.h"

#define CLOSE_WORDS "\"type\":\"close\",\"from\":\"mn:/session\""

static void open_limited(home_t *h, hy_gate_limits_t limits) {
    hy_gate_close(h->gate);
    gate_open_limited(h, 0, limits);
}

/* All that a connection hears that says nothing. */
static const char *hear(home_t *h, const char *url, char *bytes, size_t room) {
    int fd = plain_connect(url);
    size_t len = read_all(&h->place, fd, bytes, room);
    close(fd);
    return len > 4 && bytes[0] == '\0' ? bytes + 4 : bytes; /* less the length of a native frame */
}

/* The number of that metric; who asks is a connection from that address too. */
static unsigned metric(home_t *h, const char *name) {
    static char bytes[32000];
    char line[128];
    int fd = plain_connect(h->ws);
    plain_write(&h->place, fd, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 43);
    read_all(&h->place, fd, bytes, sizeof bytes);
    close(fd);
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(bytes, line);
    if (!at) fail_msg("no %s in %s", name, bytes);
    return (unsigned)atoi(at + strlen(line));
}

/* --- connections ------------------------------------------------------------------------------ */

static void who_is_one_too_many_from_an_address_hears_429(void **state) {
    static const char words[] =
        "too many connections from 127.0.0.1: at most 2 at a time; close one, then try again";
    home_t *h = *state;
    char bytes[1000];
    open_limited(h, (hy_gate_limits_t){.connections = 2});
    user_t *a = runtime_open(h, h->tcp, "a"), *b = runtime_open(h, h->ws, "b");
    const char *told = hear(h, h->tcp, bytes, sizeof bytes);
    assert_non_null(strstr(told, CLOSE_WORDS));
    assert_non_null(strstr(told, "{\"code\":4429,\"desc\":\""));
    assert_non_null(strstr(told, words));
    told = hear(h, h->ws, bytes, sizeof bytes);
    assert_memory_equal(told, "HTTP/1.1 429 Too Many Requests\r\n", 32);
    assert_non_null(strstr(told, "\r\nRetry-After: 1\r\n"));
    assert_non_null(strstr(told, words));
    assert_int_equal(h->place.warnings, 1); /* said once, not each time */
    assert_non_null(strstr(h->place.warning, words));
    for (int i = TLS; i <= WSS; i++) { /* without words: those would take a handshake */
        user_t safe = {0};
        assert_int_equal(user_connect(&h->place, &safe, url_of(h, i)), 0);
        WAIT_FOR(&h->place, safe.closed);
        assert_int_equal(safe.opened, 0);
        user_end(&safe);
    }
    runtime_end(runtime_open(h, h->local, "c")); /* a Unix socket is no address */
    assert_int_equal(a->closed + b->closed, 0);
    runtime_end(a);
    WAIT_FOR(&h->place, hy_node_server_stats(h->node).peers == 1);
    assert_int_equal(metric(h, "hyperty_turned_away_total{cause=\"address\"}"), 4);
    assert_int_equal(metric(h, "hyperty_gate_limit{of=\"address_connections\"}"), 2);
    assert_int_equal(metric(h, "hyperty_addresses"), 1);
    runtime_end(b);
}

/* --- rates ------------------------------------------------------------------------------------ */

/* Comes again and again until it hears that. */
static void come_until(home_t *h, const char *words) {
    char bytes[1000];
    const char *told;
    do {
        int fd = plain_connect(h->tcp), gone = shutdown(fd, SHUT_WR);
        assert_int_equal(gone, 0);
        read_all(&h->place, fd, bytes, sizeof bytes);
        told = bytes[0] == '\0' ? bytes + 4 : bytes;
        close(fd);
    } while (!strstr(told, words));
}

static void who_comes_too_often_hears_429_until_a_second_has_passed(void **state) {
    home_t *h = *state;
    open_limited(h, (hy_gate_limits_t){.handshakes_per_s = 2});
    come_until(h, "{\"code\":4429,\"desc\":\"too many connections from 127.0.0.1 in a second: at "
                  "most 2; wait a second\"}");
    jump(&h->place, 1000);
    runtime_end(runtime_open(h, h->ws, "a"));
    jump(&h->place, 1000);
    assert_in_range(metric(h, "hyperty_turned_away_total{cause=\"address_rate\"}"), 1, 1000);
}

static void all_together_come_no_faster_than_they_may(void **state) {
    home_t *h = *state;
    open_limited(h, (hy_gate_limits_t){.all_handshakes_per_s = 2});
    come_until(h, "too many connections in a second: at most 2; try again later");
    jump(&h->place, 1000);
    runtime_end(runtime_open(h, h->ws, "a"));
    jump(&h->place, 1000);
    assert_in_range(metric(h, "hyperty_turned_away_total{cause=\"rate\"}"), 1, 1000);
}

static void only_a_few_are_told_and_none_keeps_a_descriptor(void **state) {
    enum { COUNT = 300 };
    home_t *h = *state;
    int fds[COUNT], told = 0;
    open_limited(h, (hy_gate_limits_t){.connections = 1});
    user_t *in = runtime_open(h, h->tcp, "a");
    uint64_t began_ns = uv_hrtime();
    for (int i = 0; i < COUNT; i++)
        fds[i] = plain_connect(h->tcp);
    int files = open_files();
    for (int i = 0; i < COUNT; i++) {
        char bytes[500];
        told += read_all(&h->place, fds[i], bytes, sizeof bytes) > 0;
    }
    uint64_t took_s = (uv_hrtime() - began_ns) / 1000000000u;
    assert_in_range(told, 1, HY_GATE_WORDS_PER_S * (took_s + 2));
    assert_in_range(open_files(), files - 1, files + told);
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
    assert_int_equal(in->closed, 0);
    runtime_end(in);
}

/* --- opens ------------------------------------------------------------------------------------ */

static void who_opens_too_many_sessions_hears_429_and_is_shown_out(void **state) {
    home_t *h = *state;
    static const char *const names[TRANSPORTS] = {"tcp", "ws", "local", "tls", "wss"};
    open_limited(h, (hy_gate_limits_t){.opens_per_s = 2});
    for (int i = 0; i < TRANSPORTS; i++) {
        user_t u = {0};
        if (i == LOCAL) continue;
        jump(&h->place, 3000);
        assert_int_equal(user_connect(&h->place, &u, url_of(h, i)), 0);
        for (unsigned n = 0; n < 100; n++)
            say_open(&u, names[i]); /* the same again and again */
        WAIT_FOR(&h->place, u.closed);
        assert_in_range(u.received, 3, 40); /* 200 twice, 429; natively that it closes */
        if (is_web(i)) assert_int_equal(u.code, HY_CLOSE_TOO_MANY);
        if (is_web(i))
            assert_string_equal(u.reason, "too many sessions are opened from 127.0.0.1 in a "
                                          "second: at most 2; wait a second");
        user_end(&u);
    }
    assert_int_equal(hy_node_server_stats(h->node).sessions, 4); /* they have their grace */
    jump(&h->place, 3000);
    assert_int_equal(metric(h, "hyperty_opens_refused_total"), 4);
    for (unsigned n = 0; n < 100; n++) /* a Unix socket is no address */
        runtime_end(runtime_open(h, h->local, "local"));
}

/* --- who is slow ------------------------------------------------------------------------------ */

static void bytes_that_drip_gain_no_time(void **state) {
    static const struct {
        int url;
        const char *bytes;
        size_t len;
    } drips[] = {
        {TLS, "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 11}, /* the first words of TLS */
        {WSS, "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 11},
        {WS, "GET /ws HTTP/1.1\r\nHost: x\r\n", 27}, /* the head of a request */
        {TCP, "\0\0\1", 3},                          /* the head of a native frame */
        {TCP, "\0\0\0\x60{\"id\":1,\"type\":\"open\"", 26},
        {LOCAL, "\0\0\0\x60{\"id\":1,\"type\":\"open\"", 26},
    };
    home_t *h = *state;
    for (size_t i = 0; i < sizeof drips / sizeof *drips; i++) {
        char bytes[1000];
        uint32_t came = hy_sockets_stats(h->place.sockets).connections;
        int fd =
            drips[i].url == LOCAL ? plain_connect_local(h) : plain_connect(url_of(h, drips[i].url));
        WAIT_FOR(&h->place, hy_sockets_stats(h->place.sockets).connections == came + 1);
        for (size_t at = 0; at < drips[i].len; at++) {
            uint64_t before = hy_sockets_stats(h->place.sockets).bytes_in;
            plain_write(&h->place, fd, drips[i].bytes + at, 1);
            WAIT_FOR(&h->place, hy_sockets_stats(h->place.sockets).bytes_in > before);
            jump(&h->place, HY_HANDSHAKE_MS / (uint32_t)drips[i].len);
        }
        jump(&h->place, HY_HANDSHAKE_MS / (uint32_t)drips[i].len);
        size_t len = read_all(&h->place, fd, bytes, sizeof bytes);
        bool is_tls = drips[i].url >= TLS; /* nothing can be said there yet */
        if (!is_tls) assert_in_range(len, 20, sizeof bytes);
        if (!is_tls)
            assert_non_null(
                strstr(bytes + (is_web(drips[i].url) ? 0 : 4), "no session was opened in time"));
        close(fd);
        WAIT_FOR(&h->place, hy_sockets_stats(h->place.sockets).connections == came);
    }
}

int main(void) {
#define SPEC(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        SPEC(who_is_one_too_many_from_an_address_hears_429),
        SPEC(who_comes_too_often_hears_429_until_a_second_has_passed),
        SPEC(all_together_come_no_faster_than_they_may),
        SPEC(only_a_few_are_told_and_none_keeps_a_descriptor),
        SPEC(who_opens_too_many_sessions_hears_429_and_is_shown_out),
        SPEC(bytes_that_drip_gain_no_time),
    };
#undef SPEC
    return cmocka_run_group_tests(tests, NULL, NULL);
}
