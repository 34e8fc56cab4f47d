/* The other end of TLS as it should not be: bytes cut off, changed and said again, versions of the
 * past, another language, silence, floods. The node goes on for those who are in. */
#include "tls_support.h"

static int setup(void **state) {
    safe_setup(state);
    safe_t *s = *state;
    safe_listen(s, NULL);
    safe_trust(s, &(hy_tls_files_t){.authorities = s->ca});
    return 0;
}

/* One that is in says something to itself and hears it. */
static void assert_undisturbed(safe_t *s, user_t *u) {
    uint32_t before = u->received;
    say(u, "{\"id\":7,\"type\":\"event\",\"from\":\"" RUNTIME "in\",\"to\":\"" RUNTIME
           "in\",\"body\":{\"value\":1}}");
    WAIT_FOR(&s->place, u->received > before || u->closed);
    assert_int_equal(u->closed, 0);
}

static uint32_t connections(const safe_t *s) {
    return hy_sockets_stats(s->place.sockets).connections;
}

/* --- bytes as they were ----------------------------------------------------------------------- */

/* What a client of ours that plays by the rules has written. */
typedef struct {
    char bytes[64 << 10];
    size_t len;
} tape_t;

static long on_written(BIO *bio, int what, const char *bytes, size_t len, int argi, long argl,
                       int result, size_t *processed) {
    tape_t *tape = (tape_t *)BIO_get_callback_arg(bio);
    (void)argi;
    (void)argl;
    (void)len;
    if (what == (BIO_CB_WRITE | BIO_CB_RETURN) && result > 0) {
        assert_true(tape->len + *processed <= sizeof tape->bytes);
        memcpy(tape->bytes + tape->len, bytes, *processed);
        tape->len += *processed;
    }
    return result;
}

static const char OPEN[] =
    "{\"id\":1,\"type\":\"open\",\"from\":\"" RUNTIME "taped\",\"to\":\"mn:/session\"}";

static void say_frame(safe_t *s, hand_t *h, const char *text) {
    char frame[256];
    size_t len = strlen(text);
    uint32_t head = htonl((uint32_t)len);
    memcpy(frame, &head, 4);
    memcpy(frame + 4, text, len);
    hand_write(s, h, frame, len + 4);
}

/* Records a session being opened, over that version; gives where the text begins. */
static size_t record_session(safe_t *s, hand_t *h, int version, tape_t *tape) {
    *h = hand_connect(s->tls, version);
    tape->len = 0;
    BIO_set_callback_ex(SSL_get_wbio(h->ssl), on_written);
    BIO_set_callback_arg(SSL_get_wbio(h->ssl), (char *)tape);
    hand_shake(s, h);
    size_t at = tape->len;
    say_frame(s, h, OPEN);
    WAIT_FOR(&s->place, hy_node_server_stats(s->node).sessions == 1);
    return at;
}

static void a_session_that_was_overheard_cannot_be_said_again(void **state) {
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    safe_t *s = *state;
    static tape_t tape;
    char answer[4096];
    for (int i = 0; i < 2; i++) {
        hand_t h;
        record_session(s, &h, versions[i], &tape);
        uint64_t full = hy_sockets_stats(s->place.sockets).tls_full;
        uint64_t heard = hy_sockets_stats(s->place.sockets).messages_in;
        int fd = plain_connect(s->tls);
        plain_write(&s->place, fd, tape.bytes, tape.len);
        shutdown(fd, SHUT_WR);
        plain_read_all(s, fd, answer, sizeof answer);
        close(fd);
        assert_int_equal(hy_sockets_stats(s->place.sockets).tls_full, full);
        assert_int_equal(hy_sockets_stats(s->place.sockets).messages_in, heard);
        hand_close(&h);
        WAIT_FOR(&s->place, connections(s) == 0);
        jump(&s->place, HY_SESSION_GRACE_MS);
        WAIT_FOR(&s->place, hy_node_server_stats(s->node).sessions == 0);
    }
}

/* Sends bytes past OpenSSL, and hears how the node takes it. */
static void assert_ends(safe_t *s, hand_t *h, const char *bytes, size_t len) {
    char text[1024];
    uint64_t heard = hy_sockets_stats(s->place.sockets).messages_in;
    plain_write(&s->place, h->fd, bytes, len);
    WAIT_FOR(&s->place, (hand_read(h, text, sizeof text), h->has_failed || h->has_end));
    assert_string_equal(h->why, "sslv3 alert bad record mac");
    assert_int_equal(hy_sockets_stats(s->place.sockets).messages_in, heard);
    hand_close(h);
    WAIT_FOR(&s->place, connections(s) == 0);
}

static void a_record_that_is_said_again_ends_the_connection(void **state) {
    safe_t *s = *state;
    static tape_t tape;
    hand_t h;
    size_t at = record_session(s, &h, TLS1_3_VERSION, &tape);
    assert_ends(s, &h, tape.bytes + at, tape.len - at);
}

static void a_record_that_was_changed_ends_the_connection(void **state) {
    safe_t *s = *state;
    static tape_t tape;
    hand_t h;
    size_t at = record_session(s, &h, TLS1_2_VERSION, &tape);
    tape.bytes[tape.len - 1] = (char)(tape.bytes[tape.len - 1] ^ 1);
    assert_ends(s, &h, tape.bytes + at, tape.len - at);
}

/* --- handshakes that come to nothing ---------------------------------------------------------- */

static void a_handshake_that_is_cut_off_anywhere_leaves_nothing(void **state) {
    safe_t *s = *state;
    static tape_t tape;
    hand_t h;
    char answer[8192];
    record_session(s, &h, TLS1_3_VERSION, &tape);
    hand_close(&h);
    for (size_t len = 1; len < tape.len; len += 1 + len / 8) {
        int fd = plain_connect(s->tls);
        plain_write(&s->place, fd, tape.bytes, len);
        shutdown(fd, SHUT_WR);
        plain_read_all(s, fd, answer, sizeof answer);
        close(fd);
    }
    WAIT_FOR(&s->place, connections(s) == 0);
}

static void who_stops_in_the_middle_has_as_long_as_a_handshake_may_take(void **state) {
    safe_t *s = *state;
    user_t *in = runtime_open(s, s->wss, "in");
    static tape_t tape;
    hand_t h;
    record_session(s, &h, TLS1_3_VERSION, &tape);
    hand_close(&h);
    WAIT_FOR(&s->place, connections(s) == 2);
    int silent = plain_connect(s->wss), stopped = plain_connect(s->tls);
    plain_write(&s->place, stopped, tape.bytes, 100);
    WAIT_FOR(&s->place, connections(s) == 4);
    jump(&s->place, HY_HANDSHAKE_MS / 2);
    turns(&s->place, 5);
    assert_int_equal(connections(s), 4);
    jump(&s->place, HY_HANDSHAKE_MS / 2);
    WAIT_FOR(&s->place, connections(s) == 2);
    assert_undisturbed(s, in);
    close(silent);
    close(stopped);
    runtime_end(in);
}

static void a_node_that_stops_in_the_middle_is_given_up(void **state) {
    safe_t *s = *state;
    user_t u = {0};
    char url[64], tls[64];
    int listener = plain_listen(8, url);
    snprintf(tls, sizeof tls, "tls%s", strstr(url, "://"));
    assert_int_equal(user_connect(&s->place, &u, tls), 0);
    int fd = plain_accept(&s->place, listener);
    plain_write(&s->place, fd, "\x16\x03\x03\x01", 4);
    turns(&s->place, 5);
    jump(&s->place, HY_CONNECT_MS);
    WAIT_FOR(&s->place, u.closed);
    assert_non_null(strstr(u.reason, ": no answer within 10 s"));
    user_end(&u);
    close(fd);
    /* And one that goes away. */
    u = (user_t){0};
    assert_int_equal(user_connect(&s->place, &u, tls), 0);
    close(plain_accept(&s->place, listener));
    WAIT_FOR(&s->place, u.closed);
    close(listener);
    user_end(&u);
}

/* How many of them have an answer. */
static int answered(const int *fds, int count) {
    int n = 0;
    for (int i = 0; i < count; i++) {
        struct pollfd p = {.fd = fds[i], .events = POLLIN};
        n += poll(&p, 1, 0) == 1;
    }
    return n;
}

static void a_flood_of_handshakes_has_its_share_of_each_turn(void **state) {
    enum { FLOOD = 96 };
    safe_t *s = *state;
    user_t *in = runtime_open(s, s->tls, "in");
    static tape_t tape;
    hand_t h;
    int fds[FLOOD], before = 0;
    record_session(s, &h, TLS1_3_VERSION, &tape);
    hand_close(&h);
    WAIT_FOR(&s->place, connections(s) == 2);
    for (int i = 0; i < FLOOD; i++)
        fds[i] = plain_connect(s->tls);
    WAIT_FOR(&s->place, connections(s) == 2 + FLOOD);
    for (int i = 0; i < FLOOD; i++)
        assert_true(send(fds[i], tape.bytes, tape.len, MSG_NOSIGNAL) > 0);
    uint32_t turns_taken = 0;
    for (; before < FLOOD; turns_taken++) {
        turn(&s->place);
        int now = answered(fds, FLOOD);
        assert_in_range(now - before, 0, HY_TLS_HANDSHAKES_PER_TURN);
        if (turns_taken == 2) assert_undisturbed(s, in);
        before = answered(fds, FLOOD);
    }
    for (int i = 0; i < FLOOD; i++)
        close(fds[i]);
    runtime_end(in);
}

/* --- what is not spoken ----------------------------------------------------------------------- */

static void versions_of_the_past_are_refused(void **state) {
    static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION};
    safe_t *s = *state;
    for (int i = 0; i < 2; i++) {
        hand_t h = hand_connect(s->tls, versions[i]);
        assert_false(hand_try(s, &h));
        assert_string_equal(h.why, "tlsv1 alert protocol version");
        hand_close(&h);
    }
    WAIT_FOR(&s->place, connections(s) == 0);
}

static void a_second_handshake_on_the_same_connection_is_refused(void **state) {
    safe_t *s = *state;
    static tape_t tape;
    hand_t h;
    record_session(s, &h, TLS1_2_VERSION, &tape);
    char answer[1024];
    WAIT_FOR(&s->place, hand_read(&h, answer, sizeof answer) > 0);
    uint64_t full = hy_sockets_stats(s->place.sockets).tls_full;
    assert_int_equal(SSL_renegotiate(h.ssl), 1);
    assert_false(hand_try(s, &h));
    assert_string_equal(h.why, "no renegotiation");
    assert_int_equal(hy_sockets_stats(s->place.sockets).tls_full, full);
    hand_close(&h);
    WAIT_FOR(&s->place, connections(s) == 0);
}

static void plain_http_is_told_that_tls_is_spoken(void **state) {
    safe_t *s = *state;
    char answer[1024];
    int fd = plain_connect(s->wss);
    plain_write(&s->place, fd, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n", 34);
    plain_read_all(s, fd, answer, sizeof answer);
    close(fd);
    assert_non_null(strstr(answer, "\r\n\r\nTLS is spoken here: write wss:// instead of ws://\n"));
    if (strncmp(answer, "HTTP/1.1 400 Bad Request\r\n", 26) != 0) fail_msg("%s", answer);
}

static void a_runtime_that_speaks_plainly_to_tls_is_told(void **state) {
    safe_t *s = *state;
    user_t *u = calloc(1, sizeof *u);
    char url[80];
    snprintf(url, sizeof url, "tcp%s", strstr(s->tls, "://"));
    assert_int_equal(user_connect(&s->place, u, url), 0);
    say_open(u, "a");
    WAIT_FOR(&s->place, u->closed);
    assert_int_equal(u->received, 1); /* the close message */
    runtime_end(u);
    snprintf(url, sizeof url, "ws%s", strstr(s->wss, "://"));
    u = runtime_try(&s->place, url, "a");
    assert_non_null(strstr(u->reason, "the node answered 400"));
    runtime_end(u);
    assert_int_equal(hy_node_server_stats(s->node).sessions, 0);
}

static void a_runtime_that_speaks_tls_to_who_does_not_is_told(void **state) {
    safe_t *s = *state;
    char url[80], text[240];
    for (int i = 0; i < 2; i++) {
        const char *plain = i ? s->ws : s->tcp;
        snprintf(url, sizeof url, "%s%s", i ? "wss" : "tls", strstr(plain, "://"));
        snprintf(text, sizeof text, "cannot connect to %s: TLS is not spoken there: write %s", url,
                 plain);
        user_t *u = runtime_try(&s->place, url, "a");
        assert_string_equal(u->reason, text);
        runtime_end(u);
    }
}

static void who_speaks_tls_to_a_plain_port_is_answered_in_plain(void **state) {
    safe_t *s = *state;
    static const char hello[] = "\x16\x03\x01\x00\x05hello";
    char answer[1024];
    for (int i = 0; i < 2; i++) {
        int fd = plain_connect(i ? s->ws : s->tcp);
        plain_write(&s->place, fd, hello, sizeof hello - 1);
        size_t len = plain_read_all(s, fd, answer, sizeof answer);
        close(fd);
        assert_true(len > 4);
        assert_non_null(strstr(answer + 4, i ? "TLS is not spoken here: write ws:// instead"
                                             : "TLS is not spoken here: write tcp:// instead"));
    }
}

/* --- memory ----------------------------------------------------------------------------------- */

static void running_out_of_memory_ends_the_connection_at_most(void **state) {
    safe_t *s = *state;
    int whole = 0;
    for (int n = 0; n < 400 && whole < 3; n++) {
        user_t u = {0};
        hy_mem_fail_after(n);
        int rc = user_connect(&s->place, &u, n % 2 ? s->wss : s->tls);
        turns(&s->place, 12);
        hy_mem_fail_after(-1);
        if (rc) {
            assert_int_equal(rc, HY_ENOMEM);
            continue;
        }
        if (!u.closed) {
            say_open(&u, "a");
            WAIT_FOR(&s->place, u.received == 1 || u.closed);
        }
        whole += u.received == 1;
        user_end(&u);
        WAIT_FOR(&s->place, connections(s) == 0);
    }
    assert_int_equal(whole, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define SPEC(name) cmocka_unit_test_setup_teardown(name, setup, safe_teardown)
        SPEC(a_session_that_was_overheard_cannot_be_said_again),
        SPEC(a_record_that_is_said_again_ends_the_connection),
        SPEC(a_record_that_was_changed_ends_the_connection),
        SPEC(a_handshake_that_is_cut_off_anywhere_leaves_nothing),
        SPEC(who_stops_in_the_middle_has_as_long_as_a_handshake_may_take),
        SPEC(a_node_that_stops_in_the_middle_is_given_up),
        SPEC(a_flood_of_handshakes_has_its_share_of_each_turn),
        SPEC(versions_of_the_past_are_refused),
        SPEC(a_second_handshake_on_the_same_connection_is_refused),
        SPEC(plain_http_is_told_that_tls_is_spoken),
        SPEC(a_runtime_that_speaks_plainly_to_tls_is_told),
        SPEC(a_runtime_that_speaks_tls_to_who_does_not_is_told),
        SPEC(who_speaks_tls_to_a_plain_port_is_answered_in_plain),
        SPEC(running_out_of_memory_ends_the_connection_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
