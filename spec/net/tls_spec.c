/* Runtimes and a node over TLS, on real sockets: what goes through, and what it costs. */
#include "tls_support.h"

static int setup(void **state) {
    safe_setup(state);
    safe_t *s = *state;
    safe_listen(s, NULL);
    safe_trust(s, &(hy_tls_files_t){.authorities = s->ca});
    return 0;
}

/* --- what goes through ------------------------------------------------------------------------ */

static void runtimes_meet_over_tls(void **state) {
    safe_t *s = *state;
    user_t *a = runtime_open(s, s->tls, "a"), *b = runtime_open(s, s->wss, "b");
    user_t *c = runtime_open(s, s->ws, "c");
    assert_string_equal(a->channel->ops->name, "tls");
    assert_string_equal(b->channel->ops->name, "wss");
    say_to(a, 2, "a", "b");
    say_to(b, 2, "b", "c");
    say_to(c, 2, "c", "a");
    WAIT_FOR(&s->place, a->received == 2 && b->received == 2 && c->received == 2);
    runtime_end(a);
    runtime_end(b);
    runtime_end(c);
}

static void a_burst_passes_whole_and_in_order(void **state) {
    enum { COUNT = 50000 };
    safe_t *s = *state;
    for (int i = 0; i < 2; i++) {
        user_t *from = runtime_open(s, safe_endpoint(s, i), "from");
        user_t *to = runtime_open(s, safe_endpoint(s, 1 - i), "to");
        for (uint32_t n = 0; n < COUNT; n++)
            say_to(from, n + 2, "from", "to");
        WAIT_FOR(&s->place, to->received == COUNT + 1 || from->closed || to->closed);
        assert_int_equal(to->out_of_order, 0);
        assert_int_equal(from->received, 1);
        runtime_end(from);
        runtime_end(to);
        WAIT_FOR(&s->place, hy_sockets_stats(s->place.sockets).connections == 0);
    }
}

static void what_is_published_is_put_together_once_and_encrypted_for_each(void **state) {
    enum { COUNT = 5000, READERS = 4 };
    safe_t *s = *state;
    user_t *from = runtime_open(s, s->tcp, "from"), *u[READERS];
    char name[16];
    say(from, "{\"id\":2,\"type\":\"subscribe\",\"from\":\"" RUNTIME "from/sm\","
              "\"to\":\"domain://msg-node.d.example/sm\","
              "\"body\":{\"resources\":[\"comm://d.example/o\"]}}");
    for (int i = 0; i < READERS; i++) {
        sprintf(name, "r%d", i);
        u[i] = runtime_open(s, safe_endpoint(s, i % 2), name);
        say(u[i],
            "{\"id\":2,\"type\":\"subscribe\",\"from\":\"" RUNTIME "%s/sm\","
            "\"to\":\"domain://msg-node.d.example/sm\","
            "\"body\":{\"resources\":[\"comm://d.example/o/changes\"]}}",
            name);
        WAIT_FOR(&s->place, u[i]->received == 2);
    }
    for (uint32_t n = 0; n < COUNT; n++) {
        say(from,
            "{\"id\":%u,\"type\":\"update\",\"from\":\"comm://d.example/o\","
            "\"to\":\"comm://d.example/o/changes\",\"body\":{\"value\":%u}}",
            n + 3, n);
    }
    for (int i = 0; i < READERS; i++) {
        WAIT_FOR(&s->place, u[i]->received == COUNT + 2 || u[i]->closed);
        assert_int_equal(u[i]->out_of_order, 0);
        runtime_end(u[i]);
    }
    runtime_end(from);
}

/* --- the wire --------------------------------------------------------------------------------- */

/* One end is a stream of the place, the other one is played by OpenSSL: a server on the plain
 * socket of `listener`. */
typedef struct {
    user_t user;
    hand_t other;
} line_t;

static void line_open(safe_t *s, line_t *l) {
    char url[64], tls[64];
    *l = (line_t){0};
    int listener = plain_listen(8, url);
    snprintf(tls, sizeof tls, "tls%s", strstr(url, "://"));
    assert_int_equal(user_connect(&s->place, &l->user, tls), 0);
    l->other = hand_serve(s, plain_accept(&s->place, listener));
    close(listener);
    hand_shake(s, &l->other);
    WAIT_FOR(&s->place, l->user.opened);
}

static void line_close(line_t *l) {
    user_end(&l->user);
    hand_close(&l->other);
}

/* The lengths of the records that lie in the socket, without taking them. */
static uint32_t records(const hand_t *h, uint32_t lengths[], uint32_t room, size_t *bytes) {
    static unsigned char seen[1 << 20];
    ssize_t n = recv(h->fd, seen, sizeof seen, MSG_PEEK);
    uint32_t count = 0;
    *bytes = n > 0 ? (size_t)n : 0;
    for (size_t at = 0; at + 5 <= *bytes && count < room; count++) {
        lengths[count] = (uint32_t)seen[at + 3] << 8 | seen[at + 4];
        at += 5 + lengths[count];
    }
    return count;
}

static void what_a_turn_has_to_say_fills_records(void **state) {
    enum { COUNT = 400, EXTRA = 17 }; /* of TLS 1.3: kind and tag */
    safe_t *s = *state;
    line_t l;
    line_open(s, &l);
    uint64_t before = hy_sockets_stats(s->place.sockets).bytes_out;
    for (uint32_t i = 0; i < COUNT; i++)
        user_send(&l.user, message(i, 100));
    WAIT_FOR(&s->place, l.user.count == 0);
    uint32_t lengths[64];
    size_t bytes, sent = hy_sockets_stats(s->place.sockets).bytes_out - before;
    WAIT_FOR(&s->place, (records(&l.other, lengths, 64, &bytes), bytes == sent));
    uint32_t count = records(&l.other, lengths, 64, &bytes);
    assert_int_equal(count, (bytes + HY_TLS_RECORD_BYTES) / (HY_TLS_RECORD_BYTES + 5 + EXTRA));
    for (uint32_t i = 0; i + 1 < count; i++)
        assert_int_equal(lengths[i], HY_TLS_RECORD_BYTES + EXTRA);
    line_close(&l);
}

static void messages_of_a_mebibyte_pass(void **state) {
    safe_t *s = *state;
    line_t l;
    line_open(s, &l);
    for (uint32_t i = 0; i < 8; i++)
        user_send(&l.user, message(i, HY_MESSAGE_BYTES_MAX - 200));
    static char text[4 * HY_TLS_RECORD_BYTES];
    size_t got = 0, whole = 0;
    for (uint32_t i = 0; i < 8; i++) {
        hy_msg_t *m = message(i, HY_MESSAGE_BYTES_MAX - 200);
        whole += 4 + hy_msg_text(m, NULL)->len;
        hy_msg_unref(m);
    }
    WAIT_FOR(&s->place, (got += hand_read(&l.other, text, sizeof text)) == whole);
    assert_int_equal(l.user.count, 0);
    assert_int_equal(hy_sockets_stats(s->place.sockets).pending_bytes, 0);
    /* And the other way. */
    char *frame = malloc(HY_MESSAGE_BYTES_MAX + 4);
    hy_msg_t *m = message(0, HY_MESSAGE_BYTES_MAX - 200);
    hy_str_t *json = hy_msg_text(m, NULL);
    uint32_t head = htonl(json->len);
    memcpy(frame, &head, 4);
    memcpy(frame + 4, json->bytes, json->len);
    hand_write(s, &l.other, frame, json->len + 4);
    WAIT_FOR(&s->place, l.user.received == 1);
    hy_msg_unref(m);
    free(frame);
    line_close(&l);
}

static void a_slow_reader_keeps_one_write_of_ciphertext_and_the_rest_of_a_message(void **state) {
    safe_t *s = *state;
    line_t l;
    line_open(s, &l);
    for (uint32_t i = 0; i < 64; i++)
        user_send(&l.user, message(i, HY_MESSAGE_BYTES_MAX - 200));
    turns(&s->place, 50);
    assert_true(l.user.count > 0);
    uint64_t pending = hy_sockets_stats(s->place.sockets).pending_bytes;
    assert_in_range(pending, 1, HY_TLS_OUT_BYTES + HY_MESSAGE_BYTES_MAX);
    uint32_t left = l.user.count;
    turns(&s->place, 50);
    assert_int_equal(l.user.count, left);
    static char text[4 * HY_TLS_RECORD_BYTES];
    while (l.user.count > 0 || hy_sockets_stats(s->place.sockets).pending_bytes > 0) {
        hand_read(&l.other, text, sizeof text);
        turn(&s->place);
    }
    line_close(&l);
}

/* --- ends ------------------------------------------------------------------------------------- */

static void it_says_that_nothing_follows_and_hears_it(void **state) {
    safe_t *s = *state;
    line_t l;
    char text[64];
    line_open(s, &l);
    SSL_shutdown(l.other.ssl);
    WAIT_FOR(&s->place, l.user.closed);
    assert_int_equal(l.user.code, HY_CLOSE_LOST);
    assert_string_equal(l.user.reason, "the other end closed the connection");
    WAIT_FOR(&s->place, (hand_read(&l.other, text, sizeof text), l.other.has_end));
    line_close(&l);
}

static void an_end_without_a_word_is_told_from_one_with(void **state) {
    safe_t *s = *state;
    line_t l;
    line_open(s, &l);
    shutdown(l.other.fd, SHUT_RDWR);
    WAIT_FOR(&s->place, l.user.closed);
    assert_string_equal(l.user.reason,
                        "the connection was cut off: the other end did not end TLS before");
    line_close(&l);
}

static void last_words_come_through_before_the_end(void **state) {
    safe_t *s = *state;
    for (int i = 0; i < 2; i++) {
        user_t *u = runtime_open(s, safe_endpoint(s, i), "a");
        user_t *again = runtime_open(s, safe_endpoint(s, 1 - i), "a");
        WAIT_FOR(&s->place, u->closed);
        if (i == 1)
            assert_int_equal(u->code, HY_CLOSE_REPLACED);
        else
            assert_int_equal(u->received, 3); /* its open, a 409, a close */
        runtime_end(u);
        runtime_end(again);
    }
}

/* --- tickets ---------------------------------------------------------------------------------- */

static user_t *connect_again(safe_t *s, hy_connector_t *k) {
    hy_error_t err;
    user_t *u = calloc(1, sizeof *u);
    assert_int_equal(k->connect(k, &user_calls, u, &u->channel, &err), 0);
    say_open(u, "again");
    WAIT_FOR(&s->place, u->received == 1 || u->closed);
    if (u->closed) fail_msg("%s", u->reason);
    return u;
}

static void a_runtime_that_comes_back_shakes_hands_in_short(void **state) {
    safe_t *s = *state;
    for (int i = 0; i < 2; i++) {
        const char *url = safe_endpoint(s, i);
        hy_connector_t *k;
        hy_error_t err;
        assert_int_equal(hy_socket_connector(s->place.sockets, &url, 1, &k, &err), 0);
        hy_sockets_stats_t before = hy_sockets_stats(s->place.sockets);
        runtime_end(connect_again(s, k));
        hy_sockets_stats_t first = hy_sockets_stats(s->place.sockets);
        assert_int_equal(first.tls_full, before.tls_full + 2); /* both ends are here */
        assert_int_equal(hy_tls_server_reload(s->context, &err), 0);
        runtime_end(connect_again(s, k));
        runtime_end(connect_again(s, k));
        hy_sockets_stats_t last = hy_sockets_stats(s->place.sockets);
        assert_int_equal(last.tls_full, first.tls_full);
        assert_int_equal(last.tls_resumed, first.tls_resumed + 4);
        k->free(k);
    }
}

static void so_does_one_that_was_cut_off(void **state) {
    safe_t *s = *state;
    const char *url = safe_endpoint(s, 1);
    hy_connector_t *k;
    hy_error_t err;
    assert_int_equal(hy_socket_connector(s->place.sockets, &url, 1, &k, &err), 0);
    user_t *u = connect_again(s, k);
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC}; /* it is reset: nobody says goodbye */
    assert_int_equal(connect(((hy_stream_t *)u->channel)->fd, &nowhere, sizeof nowhere), 0);
    WAIT_FOR(&s->place, u->closed);
    runtime_end(u);
    uint64_t before = hy_sockets_stats(s->place.sockets).tls_resumed;
    runtime_end(connect_again(s, k));
    assert_int_equal(hy_sockets_stats(s->place.sockets).tls_resumed, before + 2);
    k->free(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define SPEC(name) cmocka_unit_test_setup_teardown(name, setup, safe_teardown)
        SPEC(runtimes_meet_over_tls),
        SPEC(a_burst_passes_whole_and_in_order),
        SPEC(what_is_published_is_put_together_once_and_encrypted_for_each),
        SPEC(what_a_turn_has_to_say_fills_records),
        SPEC(messages_of_a_mebibyte_pass),
        SPEC(a_slow_reader_keeps_one_write_of_ciphertext_and_the_rest_of_a_message),
        SPEC(it_says_that_nothing_follows_and_hears_it),
        SPEC(an_end_without_a_word_is_told_from_one_with),
        SPEC(last_words_come_through_before_the_end),
        SPEC(a_runtime_that_comes_back_shakes_hands_in_short),
        SPEC(so_does_one_that_was_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
