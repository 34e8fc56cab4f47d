/* core/net/stub: what it says to its channel, and when it tries to get another one. The channel
 * does as the test says. */
#include "stub_support.h"

/* --- a channel that does as the test says ----------------------------------------------------- */

typedef struct {
    hy_connector_t connector;
    hy_channel_t channel;
    bool is_refusing, is_frozen; /* fails at once; takes nothing but at the close */
    unsigned tries, closes;
    uint64_t tried_at_ms[64];
    hy_msg_type_t sent[16];
    unsigned sent_count;
    hy_value_t asked; /* id of the last open or re-open */
} fake_t;

static fake_t fake;

static void take_all(fake_t *f) {
    hy_msg_t *const *list;
    while (f->channel.user->peek(f->channel.arg, &list) > 0) {
        hy_msg_t *m = list[0];
        if (m->type == HY_MSG_OPEN || m->type == HY_MSG_REOPEN) f->asked = m->id;
        if (f->sent_count < 16) f->sent[f->sent_count++] = m->type;
        f->channel.user->consume(f->channel.arg, 1);
    }
}

static void fake_wake(hy_channel_t *c) {
    fake_t *f = (fake_t *)((char *)c - offsetof(fake_t, channel));
    if (!f->is_frozen) take_all(f);
}

static void fake_close(hy_channel_t *c, hy_close_code_t code, const char *reason) {
    fake_t *f = (fake_t *)((char *)c - offsetof(fake_t, channel));
    (void)code;
    (void)reason;
    f->closes++;
    take_all(f);
}

static const hy_channel_ops_t FAKE = {"fake", true, fake_wake, fake_close};

static int fake_connect(hy_connector_t *k, const hy_channel_user_t *user, void *arg,
                        hy_channel_t **out, hy_error_t *err) {
    fake_t *f = (fake_t *)k;
    if (f->tries < 64) f->tried_at_ms[f->tries] = hy_clock_now(&the_clock);
    f->tries++;
    if (f->is_refusing)
        return hy_fail(err, HY_EUNREACHABLE, "cannot connect to fake: connection refused");
    f->channel = (hy_channel_t){&FAKE, user, arg};
    *out = &f->channel;
    return 0;
}

static const char *fake_where(const hy_connector_t *k) {
    (void)k;
    return "fake";
}

static void fake_free(hy_connector_t *k) {
    (void)k;
}

static void open_fake(runtime_t *r, const char *url, fake_t *f) {
    f->connector = (hy_connector_t){fake_connect, fake_where, fake_free};
    open_bus(r, url);
    assert_int_equal(open_stub(r, &f->connector, NULL), 0);
}

/* A message from mn:/session: an answer to what was asked, or a close. */
static void say(fake_t *f, const runtime_t *r, hy_msg_type_t type, int code, const char *desc) {
    hy_str_t *from = hy_str_from("mn:/session");
    hy_node_t *body = hy_node_new(HY_OBJECT);
    hy_put(body, "code", hy_int(code));
    hy_put(body, "desc", hy_text(desc));
    if (code == 200) hy_put(body, "runtimeToken", hy_text("token"));
    hy_value_t id = type == HY_MSG_RESPONSE ? f->asked : hy_absent();
    hy_msg_t *m = hy_msg_new(type, id, from, r->url, hy_node_value(body));
    f->channel.user->message(f->channel.arg, m);
    hy_msg_unref(m);
    hy_str_unref(from);
}

static void bring_up(fake_t *f, const runtime_t *r) {
    f->channel.user->open(f->channel.arg);
    say(f, r, HY_MSG_RESPONSE, 200, "");
    assert_int_equal(hy_stub_state(r->stub), HY_STUB_LIVE);
}

static int begin_fake(void **state) {
    fake = (fake_t){.tries = 0};
    return begin(state);
}

/* --- the handshake ---------------------------------------------------------------------------- */

static void a_handshake_that_is_not_answered_is_given_up(void **state) {
    (void)state;
    open_fake(&a, A_URL, &fake);
    fake.channel.user->open(fake.channel.arg);
    assert_int_equal(fake.sent_count, 1);
    assert_int_equal(fake.sent[0], HY_MSG_OPEN);
    run_for(HY_HANDSHAKE_MS - 1);
    assert_int_equal(fake.closes, 0);
    run_for(1);
    assert_int_equal(fake.closes, 1);
    assert_string_equal(last_line(),
                        "warn: stub: fake does not answer: no session within 10 s; trying again");
    run_for(HY_RECONNECT_MIN_MS);
    assert_int_equal(fake.tries, 2);
    bring_up(&fake, &a);
}

/* --- when it tries again ---------------------------------------------------------------------- */

#define CROWD 40u

static void tries_are_spread_evenly_within_a_bound_that_doubles(void **state) {
    static fake_t fakes[CROWD];
    static runtime_t crowd[CROWD];
    uint64_t sum = 0, longest = 0;
    (void)state;
    the_log.level = HY_LOG_ERROR;
    for (unsigned i = 0; i < CROWD; i++) {
        fakes[i] = (fake_t){.is_refusing = true};
        open_fake(&crowd[i], A_URL, &fakes[i]);
    }
    run_for(40 * HY_RECONNECT_MAX_MS);
    for (unsigned i = 0; i < CROWD; i++) {
        assert_true(fakes[i].tries >= 40);
        for (unsigned k = 1; k < 40; k++) {
            uint64_t delay_ms = fakes[i].tried_at_ms[k] - fakes[i].tried_at_ms[k - 1];
            uint64_t bound_ms = k < 8 ? HY_RECONNECT_MIN_MS << (k - 1) : HY_RECONNECT_MAX_MS;
            if (bound_ms > HY_RECONNECT_MAX_MS) bound_ms = HY_RECONNECT_MAX_MS;
            assert_in_range(delay_ms, 1, bound_ms);
            if (k == 1) sum += delay_ms;
            if (delay_ms > longest) longest = delay_ms;
        }
    }
    assert_in_range(sum / CROWD, HY_RECONNECT_MIN_MS / 4, HY_RECONNECT_MIN_MS * 3 / 4);
    assert_true(longest > HY_RECONNECT_MAX_MS * 9 / 10);
    for (unsigned i = 0; i < CROWD; i++)
        close_runtime(&crowd[i]);
}

static void a_node_that_is_away_for_long_does_not_fill_the_log(void **state) {
    fake.is_refusing = true;
    (void)state;
    open_fake(&a, A_URL, &fake);
    run_for(60 * HY_RECONNECT_MAX_MS);
    assert_true(fake.tries > 50);
    assert_int_equal(line_count, (fake.tries + 9) / 10);
    assert_string_equal(lines[0],
                        "warn: stub: cannot connect to fake: connection refused; trying again");
}

/* The node says by `close` of the transport, or in a message before it, within which time all may
 * come back. */
static void assert_window(bool in_message) {
    static fake_t fakes[CROWD];
    static runtime_t crowd[CROWD];
    static const char reason[] = "restarting; come back within 5000 ms";
    uint64_t first = UINT64_MAX, last = 0, start = hy_clock_now(&the_clock);
    for (unsigned i = 0; i < CROWD; i++) {
        fakes[i] = (fake_t){.tries = 0};
        open_fake(&crowd[i], A_URL, &fakes[i]);
        bring_up(&fakes[i], &crowd[i]);
        if (in_message) say(&fakes[i], &crowd[i], HY_MSG_CLOSE, HY_CLOSE_RESTART, reason);
        fakes[i].channel.user->closed(fakes[i].channel.arg,
                                      in_message ? HY_CLOSE_LOST : HY_CLOSE_RESTART,
                                      in_message ? "the other end closed" : reason);
        assert_says(reason, crowd[i].why);
    }
    run_for(5000);
    for (unsigned i = 0; i < CROWD; i++) {
        assert_int_equal(fakes[i].tries, 2);
        uint64_t delay_ms = fakes[i].tried_at_ms[1] - start;
        if (delay_ms < first) first = delay_ms;
        if (delay_ms > last) last = delay_ms;
        close_runtime(&crowd[i]);
    }
    assert_true(first < 1000);
    assert_true(last > 4000 && last <= 5000);
}

static void a_node_that_restarts_gets_them_back_over_the_time_it_names(void **state) {
    (void)state;
    the_log.level = HY_LOG_ERROR;
    assert_window(false);
    assert_window(true);
}

/* --- closing ---------------------------------------------------------------------------------- */

static void closing_sends_what_waits_and_then_says_goodbye(void **state) {
    (void)state;
    open_fake(&a, A_URL, &fake);
    bring_up(&fake, &a);
    fake.is_frozen = true;
    assert_false(hy_stub_has_more(a.stub));
    send_number(&a, B_PART, 1);
    send_number(&a, B_PART, 2);
    run_for(2 * HY_STUB_HOLD_MS); /* while it is live, nothing is too old */
    assert_true(hy_stub_has_more(a.stub));
    assert_int_equal(fake.sent_count, 1);
    hy_stub_close(a.stub);
    a.stub = NULL;
    assert_int_equal(fake.sent_count, 4);
    assert_int_equal(fake.sent[1], HY_MSG_EVENT);
    assert_int_equal(fake.sent[2], HY_MSG_EVENT);
    assert_int_equal(fake.sent[3], HY_MSG_CLOSE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_fake, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_handshake_that_is_not_answered_is_given_up),
        TEST(tries_are_spread_evenly_within_a_bound_that_doubles),
        TEST(a_node_that_is_away_for_long_does_not_fill_the_log),
        TEST(a_node_that_restarts_gets_them_back_over_the_time_it_names),
        TEST(closing_sends_what_waits_and_then_says_goodbye),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
