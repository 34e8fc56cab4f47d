/* core/net/stub at a node that asks for tokens: what it shows, when it stays away, how it renews.
 * A token is the wall clock at which it ends; how real ones are checked is net/token's. */
#include <stdlib.h>

#include "stub_support.h"

static uint64_t token_ends_ms; /* of what the token's place holds; 0: there is none */
static unsigned asked;

static int give_token(void *arg, hy_str_t **out, hy_error_t *err) {
    (void)arg;
    asked++;
    if (token_ends_ms == 0) return hy_fail(err, HY_ENOT_FOUND, "/token: there is no such file");
    *out = hy_str_format("%llu", (unsigned long long)token_ends_ms);
    return *out ? 0 : HY_ENOMEM;
}

static int check(const hy_auth_t *auth, const hy_str_t *token, uint64_t now_ms, hy_claims_t *out,
                 hy_error_t *err) {
    uint64_t ends_ms = strtoull(token->bytes, NULL, 10);
    (void)auth;
    if (ends_ms <= now_ms) return hy_fail(err, HY_EUNAUTHENTICATED, "the token ended");
    hy_claims_t claims = {hy_str_from("hyperty-runtime://d"), hy_node_new(HY_ARRAY), ends_ms};
    *out = claims;
    return 0;
}

static const hy_auth_t AUTH = {check};

static int begin_guarded(void **state) {
    int rc = begin(state);
    hy_node_config_t config = {
        .domain = "d", .clock = &the_clock, .random = &the_random, .auth = &AUTH};
    hy_network_set_node(network, NULL);
    hy_node_server_free(node);
    assert_int_equal(hy_node_server_new(&config, &node), 0);
    hy_network_set_node(network, node);
    token_ends_ms = 3600 * 1000;
    asked = 0;
    return rc;
}

static void open_with_token(void) {
    open_bus(&a, A_URL);
    assert_int_equal(hy_pair_new(NULL, network, "the node of d", &a.pair), 0);
    hy_stub_config_t config = {.bus = a.bus,
                               .runtime = a.url,
                               .connector = hy_pair_connector(a.pair),
                               .changed = on_changed,
                               .arg = &a,
                               .token = give_token};
    assert_int_equal(hy_stub_open(&config, &a.stub, NULL), 0);
    run_for(1);
    asked = 0; /* from now on */
}

static unsigned count_lines(const char *part) {
    unsigned count = 0;
    for (unsigned i = 0; i < line_count; i++)
        count += strstr(lines[i], part) != NULL;
    return count;
}

static void it_shows_its_token_to_open_and_to_take_its_session_over(void **state) {
    (void)state;
    open_with_token();
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_LIVE);
    hy_pair_break(a.pair);
    run_for(HY_RECONNECT_MIN_MS + 20);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_LIVE);
    assert_false(a.is_new);
    assert_int_equal(asked, 1);
}

static void with_a_token_that_is_not_taken_it_stays_away_and_says_why(void **state) {
    answer_t answer;
    const char *why = "the node of d did not open a session for " A_URL ": the token ended";
    (void)state;
    token_ends_ms = 1;
    open_with_token();
    run_for(HY_STUB_HOLD_MS);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_AWAY);
    ask(&a, "hyperty-runtime://d/nobody", &answer);
    run_for(0);
    assert_int_equal(answer.code, 503);
    assert_says(why, answer.desc);
    assert_int_equal(count_lines(why), 1); /* once, however often it tries */
    assert_true(asked > 2);
    unsigned before = asked;
    run_for(10 * HY_RECONNECT_MAX_MS);
    assert_in_range(asked - before, 5, 200); /* less and less often */
    token_ends_ms = 3600 * 1000 + (uint64_t)hy_clock_wall(&the_clock);
    run_for(HY_RECONNECT_MAX_MS + 20);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_LIVE);
}

static void without_a_token_it_stays_away_until_there_is_one(void **state) {
    (void)state;
    token_ends_ms = 0;
    open_with_token();
    run_for(HY_RECONNECT_MIN_MS);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_AWAY);
    assert_int_equal(count_lines("no session at the node of d: /token: there is no such file"), 1);
    assert_int_equal(hy_node_server_stats(node).refused, 0); /* it does not even ask */
    token_ends_ms = 3600 * 1000;
    run_for(HY_RECONNECT_MAX_MS + 20);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_LIVE);
}

static void when_it_is_told_it_renews_the_session_on_the_same_connection(void **state) {
    (void)state;
    open_with_token();
    run_for(3600 * 1000 - HY_TOKEN_WARN_MS - 100);
    assert_int_equal(asked, 0);
    token_ends_ms = 7200 * 1000;
    run_for(200);
    assert_int_equal(asked, 1);
    run_for(3600 * 1000 - 300); /* far beyond the first one's end */
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_LIVE);
    assert_int_equal(a.lives, 1);
    assert_int_equal(a.aways, 0);
}

static void without_a_new_one_it_is_told_and_goes_away_and_comes_back_with_the_next(void **state) {
    (void)state;
    open_with_token();
    run_for(3600 * 1000 - HY_TOKEN_WARN_MS + 100);
    assert_int_equal(
        count_lines("the token for the node of d ends in 60 s: put a new one in its place"), 1);
    run_for(HY_TOKEN_WARN_MS);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_AWAY);
    assert_int_equal(count_lines("its token has ended: come back with a new one"), 1);
    assert_int_equal(hy_node_server_stats(node).sessions, 1);
    token_ends_ms = 7200 * 1000;
    run_for(HY_RECONNECT_MAX_MS);
    assert_int_equal(hy_stub_state(a.stub), HY_STUB_LIVE);
    assert_false(a.is_new); /* the session had its grace */
}

static void closing_while_a_renewal_is_under_way_owes_nothing(void **state) {
    (void)state;
    open_with_token();
    run_for(3600 * 1000 - HY_TOKEN_WARN_MS - 2);
    for (int i = 0; i < 40 && asked == 0; i++)
        run_for(1);
    assert_int_equal(asked, 1);
    hy_stub_close(a.stub);
    a.stub = NULL;
    run_for(100);
    assert_int_equal(hy_node_server_stats(node).sessions, 0);
}

#define GUARDED(name) cmocka_unit_test_setup_teardown(name, begin_guarded, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        GUARDED(it_shows_its_token_to_open_and_to_take_its_session_over),
        GUARDED(with_a_token_that_is_not_taken_it_stays_away_and_says_why),
        GUARDED(without_a_token_it_stays_away_until_there_is_one),
        GUARDED(when_it_is_told_it_renews_the_session_on_the_same_connection),
        GUARDED(without_a_new_one_it_is_told_and_goes_away_and_comes_back_with_the_next),
        GUARDED(closing_while_a_renewal_is_under_way_owes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
