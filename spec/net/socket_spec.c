/* Channels on real sockets, one end ours and the other one played by hand. */
#include "sockets.h"

static int setup(void **state) {
    static place_t place;
    place_open(&place);
    *state = &place;
    return 0;
}

static int teardown(void **state) {
    place_close(*state);
    return 0;
}

/* A user that is connected to a plain socket. */
typedef struct {
    user_t user;
    plain_t other;
} line_t;

static line_t *line_open(place_t *p) {
    char url[64];
    line_t *l = calloc(1, sizeof *l);
    int listener = plain_listen(8, url);
    assert_int_equal(user_connect(p, &l->user, url), 0);
    assert_int_equal(l->user.opened, 0);
    l->other.fd = plain_accept(p, listener);
    close(listener);
    WAIT_FOR(p, l->user.opened);
    return l;
}

static void line_close(place_t *p, line_t *l) {
    close(l->other.fd);
    WAIT_FOR(p, !l->user.channel || l->user.closed);
    user_end(&l->user);
    free(l);
}

static const char TEXT[] = "{\"id\":1,\"type\":\"event\",\"from\":\"hyperty://d.example/a\","
                           "\"to\":\"hyperty://d.example/b\"}";

/* --- both ways -------------------------------------------------------------------------------- */

static void messages_go_both_ways(void **state) {
    line_t *l = line_open(*state);
    user_send(&l->user, message(0, 10));
    user_send(&l->user, message(1, 2000));
    plain_frame(*state, l->other.fd, TEXT);
    WAIT_FOR(*state, (plain_read(&l->other), l->other.frames == 2) && l->user.received == 1);
    assert_int_equal(l->other.out_of_order, 0);
    assert_int_equal(l->user.count, 0);
    hy_sockets_stats_t s = hy_sockets_stats(((place_t *)*state)->sockets);
    assert_int_equal(s.connections, 1);
    assert_int_equal(s.messages_in, 1);
    assert_int_equal(s.messages_out, 2);
    assert_int_equal(s.bytes_in, 4 + strlen(TEXT));
    assert_int_equal(s.pending_bytes, 0);
    line_close(*state, l);
}

static void what_is_no_message_is_told(void **state) {
    line_t *l = line_open(*state);
    plain_frame(*state, l->other.fd, "{\"id\":1}");
    plain_frame(*state, l->other.fd, TEXT);
    WAIT_FOR(*state, l->user.received);
    assert_int_equal(l->user.malformed, 1);
    assert_non_null(strstr(l->user.reason, "8 bytes: "));
    line_close(*state, l);
}

static void a_burst_arrives_whole_and_in_order(void **state) {
    enum { COUNT = 100000 };
    line_t *l = line_open(*state);
    for (uint32_t i = 0; i < COUNT; i++)
        user_send(&l->user, message(i, i % 300));
    WAIT_FOR(*state, (plain_read(&l->other), l->other.frames == COUNT));
    assert_int_equal(l->other.out_of_order, 0);
    assert_int_equal(l->user.count, 0);
    line_close(*state, l);
}

static void a_burst_is_read_whole_and_in_order(void **state) {
    enum { COUNT = 100000 };
    line_t *l = line_open(*state);
    for (uint32_t i = 0; i < COUNT; i++) {
        char text[200];
        sprintf(text, "{\"id\":%u%s", i + 1, TEXT + strlen("{\"id\":1"));
        plain_frame(*state, l->other.fd, text);
    }
    WAIT_FOR(*state, l->user.received == COUNT);
    assert_int_equal(l->user.out_of_order, 0);
    line_close(*state, l);
}

static void a_message_of_a_megabyte_goes_in_parts(void **state) {
    line_t *l = line_open(*state);
    hy_msg_t *m = message(0, HY_MESSAGE_BYTES_MAX - 300);
    hy_str_t *text = hy_msg_text(m, NULL);
    char *copy = strdup(text->bytes);
    user_send(&l->user, m);
    static char bytes[1 << 16];
    size_t whole = 4 + text->len;
    for (size_t got = 0; got < whole; turn(*state)) {
        ssize_t n = recv(l->other.fd, bytes, sizeof bytes, 0);
        if (n > 0) got += (size_t)n;
        assert_int_not_equal(n, 0);
    }
    assert_int_equal(hy_sockets_stats(((place_t *)*state)->sockets).bytes_out, whole);
    plain_frame(*state, l->other.fd, copy);
    WAIT_FOR(*state, l->user.received == 1);
    free(copy);
    line_close(*state, l);
}

static void what_is_too_large_is_dropped_with_a_warning(void **state) {
    place_t *p = *state;
    line_t *l = line_open(p);
    hy_str_t *from = hy_str_from("hyperty://d.example/a");
    hy_node_t *body = hy_node_new(HY_OBJECT);
    hy_str_t *large = hy_str_reserve(HY_MESSAGE_BYTES_MAX);
    memset(large->bytes, 'x', large->len);
    assert_int_equal(hy_put(body, "value", hy_string(large)), 0);
    user_send(&l->user, message(0, 1));
    user_send(&l->user, hy_msg_new(HY_MSG_EVENT, hy_absent(), from, from, hy_node_value(body)));
    user_send(&l->user, message(1, 1));
    hy_str_unref(from);
    WAIT_FOR(p, (plain_read(&l->other), l->other.frames == 2));
    assert_int_equal(l->other.out_of_order, 0);
    assert_int_equal(p->warnings, 1);
    assert_non_null(strstr(p->warning, "event from hyperty://d.example/a to "));
    line_close(p, l);
}

/* --- slow readers ----------------------------------------------------------------------------- */

static void who_does_not_read_costs_its_own_queue_only(void **state) {
    enum { COUNT = 20000 };
    place_t *p = *state;
    line_t *slow = line_open(p), *quick = line_open(p);
    for (uint32_t i = 0; i < COUNT; i++)
        user_send(&slow->user, message(i, 1000));
    turns(p, 50);
    uint32_t left = slow->user.count;
    assert_in_range(left, 1, COUNT - 1);
    assert_in_range(hy_sockets_stats(p->sockets).pending_bytes, 0, 1200);

    for (uint32_t i = 0; i < COUNT; i++)
        user_send(&quick->user, message(i, 1000));
    WAIT_FOR(p, (plain_read(&quick->other), quick->other.frames == COUNT));
    assert_int_equal(slow->user.count, left); /* to be purged or replaced, if its owner likes */
    WAIT_FOR(p, (plain_read(&slow->other), slow->other.frames == COUNT));
    assert_int_equal(slow->other.out_of_order, 0);
    assert_int_equal(hy_sockets_stats(p->sockets).pending_bytes, 0);
    line_close(p, slow);
    line_close(p, quick);
}

static void nothing_is_asked_for_while_nothing_goes(void **state) {
    place_t *p = *state;
    line_t *l = line_open(p);
    for (uint32_t i = 0; i < 20000; i++)
        user_send(&l->user, message(i, 1000));
    turns(p, 50);
    l->user.close_in_peek = 1;
    for (int i = 0; i < 20; i++) {
        hy_channel_wake(l->user.channel);
        turn(p);
    }
    assert_int_equal(l->user.close_in_peek, 1);
    l->user.close_in_peek = 0;
    line_close(p, l);
}

/* --- closing ---------------------------------------------------------------------------------- */

static void closing_sends_what_goes_at_once(void **state) {
    place_t *p = *state;
    line_t *l = line_open(p);
    for (uint32_t i = 0; i < 100; i++)
        user_send(&l->user, message(i, 100));
    user_close(&l->user);
    WAIT_FOR(p, (plain_read(&l->other), l->other.has_eof));
    assert_int_equal(l->other.frames, 100);
    assert_int_equal(l->other.out_of_order, 0);
    assert_int_equal(l->user.closed, 0);
    assert_int_equal(hy_sockets_stats(p->sockets).connections, 0);
    line_close(p, l);
}

static void what_comes_after_closing_does_not_hurt_the_last_words(void **state) {
    place_t *p = *state;
    line_t *l = line_open(p);
    plain_frame(p, l->other.fd, TEXT);
    user_send(&l->user, message(0, 100));
    user_close(&l->user);
    for (int i = 0; i < 10; i++) {
        plain_frame(p, l->other.fd, TEXT);
        turn(p);
    }
    WAIT_FOR(p, (plain_read(&l->other), l->other.has_eof));
    assert_int_equal(l->other.frames, 1);
    assert_int_equal(l->user.received, 0);
    line_close(p, l);
}

static void who_does_not_read_cannot_hold_a_closed_channel(void **state) {
    place_t *p = *state;
    line_t *l = line_open(p);
    int files = open_files();
    for (uint32_t i = 0; i < 20000; i++)
        user_send(&l->user, message(i, 1000));
    turns(p, 50);
    user_close(&l->user);
    turns(p, 5);
    assert_int_equal(open_files(), files);
    jump(p, HY_CLOSE_MS);
    turns(p, 2);
    assert_int_equal(open_files(), files - 1);
    assert_int_equal(hy_sockets_stats(p->sockets).pending_bytes, 0);
    line_close(p, l);
}

static void a_channel_may_be_closed_in_any_call(void **state) {
    place_t *p = *state;
    for (int where = 0; where < 3; where++) {
        line_t *l = line_open(p);
        if (where == 0) l->user.close_in_peek = 1;
        if (where == 1) l->user.close_in_consume = 1;
        if (where == 2) l->user.close_in_message = 2;
        for (uint32_t i = 0; i < 2000; i++)
            user_send(&l->user, message(i, 10));
        for (int i = 0; i < 3; i++)
            plain_frame(p, l->other.fd, TEXT);
        WAIT_FOR(p, (plain_read(&l->other), l->other.has_eof));
        assert_null(l->user.channel);
        assert_int_equal(l->user.closed, 0);
        if (where == 2) assert_int_equal(l->user.received, 2);
        if (where == 0) assert_int_equal(l->other.frames, 0);
        if (where == 1) assert_int_equal(l->other.frames, HY_WRITE_MESSAGES_MAX);
        line_close(p, l);
    }
}

static void a_channel_may_be_closed_as_soon_as_it_stands(void **state) {
    place_t *p = *state;
    char url[64];
    user_t u = {.close_in_open = 1};
    int listener = plain_listen(8, url);
    assert_int_equal(user_connect(p, &u, url), 0);
    WAIT_FOR(p, u.opened);
    assert_null(u.channel);
    close(listener);
    user_end(&u);
}

static void the_end_of_the_other_side_is_told_after_its_last_message(void **state) {
    place_t *p = *state;
    line_t *l = line_open(p);
    plain_frame(p, l->other.fd, TEXT);
    shutdown(l->other.fd, SHUT_WR);
    WAIT_FOR(p, l->user.closed);
    assert_int_equal(l->user.received, 1);
    assert_int_equal(l->user.code, HY_CLOSE_LOST);
    assert_string_equal(l->user.reason, "the other end closed the connection");
    line_close(p, l);
}

static void a_reset_while_writing_is_told_once_and_kills_nobody(void **state) {
    place_t *p = *state;
    line_t *l = line_open(p);
    struct linger at_once = {.l_onoff = 1};
    setsockopt(l->other.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    plain_frame(p, l->other.fd, TEXT);
    close(l->other.fd);
    for (uint32_t i = 0; i < 5000; i++)
        user_send(&l->user, message(i, 1000));
    hy_sockets_flush(p->sockets);
    hy_channel_wake(l->user.channel);
    hy_sockets_flush(p->sockets);
    WAIT_FOR(p, l->user.closed);
    assert_int_equal(l->user.code, HY_CLOSE_LOST);
    l->other.fd = dup(0);
    line_close(p, l);
}

static void a_frame_that_is_too_long_ends_the_channel(void **state) {
    place_t *p = *state;
    line_t *l = line_open(p);
    plain_write(p, l->other.fd, "\x7f\xff\xff\xff", 4);
    WAIT_FOR(p, l->user.closed);
    assert_int_equal(l->user.code, HY_CLOSE_TOO_BIG);
    WAIT_FOR(p, (plain_read(&l->other), l->other.has_eof));
    line_close(p, l);
}

static void what_is_left_ends_with_the_sockets(void **state) {
    place_t *p = *state;
    char url[64];
    user_t u = {0}, far = {0};
    int listener = plain_listen(8, url);
    assert_int_equal(user_connect(p, &u, url), 0);
    WAIT_FOR(p, u.opened);
    assert_int_equal(user_connect(p, &far, "tcp://localhost:1"), 0); /* is being looked up */
    hy_sockets_close(p->sockets);
    p->sockets = NULL;
    assert_int_equal(u.closed + far.closed, 0);
    close(listener);
}

/* --- connecting ------------------------------------------------------------------------------- */

static void a_refusal_says_where_and_why(void **state) {
    place_t *p = *state;
    char url[64], expected[200];
    user_t u = {0};
    close(plain_listen(1, url));
    assert_int_equal(user_connect(p, &u, url), 0);
    WAIT_FOR(p, u.closed);
    sprintf(expected, "cannot connect to %s: connection refused", url);
    assert_string_equal(u.reason, expected);
    assert_int_equal(u.code, HY_CLOSE_LOST);
    assert_int_equal(u.opened, 0);
    assert_true(user_connect(p, &u, "unix:///nowhere/at-all.sock") < 0);
    assert_string_equal(u.reason,
                        "cannot connect to unix:///nowhere/at-all.sock: no such file or directory");
}

static void wrong_urls_are_refused_at_once(void **state) {
    user_t u = {0};
    assert_int_equal(user_connect(*state, &u, "tcp://127.0.0.1:0"), HY_EINVALID);
    assert_string_equal(u.reason, "\"tcp://127.0.0.1:0\": port 0 is for listening only");
    assert_int_equal(user_connect(*state, &u, "tls://a"), HY_EINVALID);
    hy_connector_t *k;
    hy_error_t err;
    assert_int_equal(hy_socket_connector(((place_t *)*state)->sockets, NULL, 0, &k, &err),
                     HY_EINVALID);
}

static void names_are_looked_up_and_their_addresses_tried_in_turn(void **state) {
    place_t *p = *state;
    char url[64], named[64];
    user_t u = {0};
    int listener = plain_listen(8, url); /* on IPv4 only */
    sprintf(named, "tcp://localhost%s", strrchr(url, ':'));
    assert_int_equal(user_connect(p, &u, named), 0);
    WAIT_FOR(p, u.opened);
    close(listener);
    user_end(&u);
    u = (user_t){0};
    assert_int_equal(user_connect(p, &u, "tcp://no-such-host.invalid:1"), 0);
    WAIT_FOR(p, u.closed);
    assert_non_null(strstr(u.reason, "cannot connect to tcp://no-such-host.invalid:1: "));
}

static void a_connector_tries_its_urls_in_turn(void **state) {
    place_t *p = *state;
    char near[64], gone[64];
    user_t u = {0};
    hy_error_t err;
    hy_connector_t *k;
    int listener = plain_listen(8, near);
    close(plain_listen(8, gone));
    const char *urls[] = {gone, near};
    assert_int_equal(hy_socket_connector(p->sockets, urls, 2, &k, &err), 0);
    for (uint32_t i = 0; i < 4; i++) {
        u.channel = NULL;
        assert_int_equal(k->connect(k, &user_calls, &u, &u.channel, &err), 0);
        assert_string_equal(k->where(k), urls[i % 2]);
        WAIT_FOR(p, u.opened + u.closed == i + 1);
        if (u.channel) user_close(&u);
    }
    assert_int_equal(u.opened, 2);
    k->free(k);
    close(listener);
}

static void connecting_takes_a_bounded_time(void **state) {
    place_t *p = *state;
    char url[64];
    int listener = plain_listen(0, url), tries = 0;
    user_t waiting[8] = {0};
    /* Beyond its backlog the kernel lets connections wait. */
    for (; tries < 8; tries++) {
        assert_int_equal(user_connect(p, &waiting[tries], url), 0);
        turns(p, 10);
        if (!waiting[tries].opened) break;
    }
    assert_in_range(tries, 1, 7);
    jump(p, HY_CONNECT_MS);
    assert_int_equal(waiting[tries].closed, 1);
    assert_non_null(strstr(waiting[tries].reason, "no answer within 10 s"));
    for (int i = 0; i <= tries; i++)
        user_end(&waiting[i]);
    close(listener);
}

static void connecting_may_be_given_up(void **state) {
    place_t *p = *state;
    char url[64];
    int listener = plain_listen(8, url);
    user_t u = {0};
    assert_int_equal(user_connect(p, &u, url), 0);
    user_close(&u);
    assert_int_equal(user_connect(p, &u, "tcp://localhost:1"), 0);
    user_close(&u);
    turns(p, 10);
    assert_int_equal(u.opened + u.closed, 0);
    close(listener);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void running_out_of_memory_ends_the_channel_at_most(void **state) {
    place_t *p = *state;
    char url[64];
    int whole = 0;
    for (int n = 0; n < 200 && whole < 3; n++) {
        int listener = plain_listen(8, url);
        user_t u = {0};
        plain_t other = {.fd = -1};
        hy_msg_t *m = message(0, 100);
        hy_mem_fail_after(n);
        int rc = user_connect(p, &u, url);
        if (!rc) {
            user_send(&u, hy_msg_ref(m));
            turns(p, 3);
            other.fd = accept(listener, NULL, NULL);
            if (other.fd >= 0 && !u.closed) plain_frame(p, other.fd, TEXT);
            turns(p, 4);
        }
        hy_mem_fail_after(-1);
        whole += u.received == 1 && u.count == 0;
        if (rc) assert_int_equal(rc, HY_ENOMEM);
        user_end(&u);
        hy_msg_unref(m);
        if (other.fd >= 0) close(other.fd);
        close(listener);
        turns(p, 4);
    }
    assert_int_equal(whole, 3);
}

int main(void) {
#define SPEC(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        SPEC(messages_go_both_ways),
        SPEC(what_is_no_message_is_told),
        SPEC(a_burst_arrives_whole_and_in_order),
        SPEC(a_burst_is_read_whole_and_in_order),
        SPEC(a_message_of_a_megabyte_goes_in_parts),
        SPEC(what_is_too_large_is_dropped_with_a_warning),
        SPEC(who_does_not_read_costs_its_own_queue_only),
        SPEC(nothing_is_asked_for_while_nothing_goes),
        SPEC(closing_sends_what_goes_at_once),
        SPEC(what_comes_after_closing_does_not_hurt_the_last_words),
        SPEC(who_does_not_read_cannot_hold_a_closed_channel),
        SPEC(a_channel_may_be_closed_in_any_call),
        SPEC(a_channel_may_be_closed_as_soon_as_it_stands),
        SPEC(the_end_of_the_other_side_is_told_after_its_last_message),
        SPEC(a_reset_while_writing_is_told_once_and_kills_nobody),
        SPEC(a_frame_that_is_too_long_ends_the_channel),
        SPEC(what_is_left_ends_with_the_sockets),
        SPEC(a_refusal_says_where_and_why),
        SPEC(wrong_urls_are_refused_at_once),
        SPEC(names_are_looked_up_and_their_addresses_tried_in_turn),
        SPEC(a_connector_tries_its_urls_in_turn),
        SPEC(connecting_takes_a_bounded_time),
        SPEC(connecting_may_be_given_up),
        SPEC(running_out_of_memory_ends_the_channel_at_most),
    };
#undef SPEC
    return cmocka_run_group_tests(tests, NULL, NULL);
}
