/* core/net/gate_crowd: what one address may have and do, and when it is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "base/mem.h"
#include "net/gate_private.h"

static int64_t blocks_before;
static hy_clock_t the_clock;
static hy__crowd_t crowd;
static hy_error_t why;

static void begin_with(hy_gate_limits_t limits) {
    hy__crowd_init(&crowd, &the_clock, &limits);
}

static int begin(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    hy_clock_init(&the_clock, 0);
    return 0;
}

static int end(void **state) {
    (void)state;
    hy_mem_fail_after(-1);
    hy__crowd_deinit(&crowd);
    hy_clock_deinit(&the_clock);
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

static void pass(unsigned ms) {
    hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + ms);
}

static hy_endpoint_t endpoint(const char *text) {
    hy_endpoint_t e = {.len = sizeof e.address};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&e.address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&e.address;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
        v6->sin6_family = AF_INET6;
    }
    return e;
}

/* Its visitor, or NULL: turned away for that cause. */
static hy__visitor_t *enter(const char *text, hy__gate_cause_t expected) {
    hy_endpoint_t e = endpoint(text);
    hy__visitor_t *v;
    why.text[0] = '\0';
    assert_int_equal(hy__crowd_enter(&crowd, &e, &v, &why), expected);
    assert_int_equal(v != NULL, expected == HY_GATE_CAUSES);
    assert_int_equal(why.text[0] != '\0', expected != HY_GATE_CAUSES);
    return v;
}

static hy__visitor_t *let_in(const char *text) {
    return enter(text, HY_GATE_CAUSES);
}

/* --- connections ------------------------------------------------------------------------------ */

static void an_address_has_as_many_connections_as_it_may(void **state) {
    (void)state;
    begin_with((hy_gate_limits_t){.connections = 2});
    hy__visitor_t *first = let_in("192.0.2.1");
    let_in("192.0.2.1");
    enter("192.0.2.1", HY_GATE_ADDRESS);
    assert_string_equal(why.text, "too many connections from 192.0.2.1: at most 2 at a time; close "
                                  "one, then try again");
    let_in("192.0.2.2");
    hy__crowd_leave(first);
    let_in("192.0.2.1");
    enter("192.0.2.1", HY_GATE_ADDRESS);
}

static void the_first_64_bits_of_ipv6_are_one_address(void **state) {
    (void)state;
    begin_with((hy_gate_limits_t){.connections = 1});
    let_in("2001:db8:1:2::1");
    enter("2001:db8:1:2:ffff:ffff:ffff:ffff", HY_GATE_ADDRESS);
    assert_non_null(strstr(why.text, "from 2001:db8:1:2::/64: at most 1"));
    let_in("2001:db8:1:3::1");
    enter("2001:db8:1:3::2", HY_GATE_ADDRESS);
}

static void ipv4_that_comes_as_ipv6_is_the_same_address(void **state) {
    (void)state;
    begin_with((hy_gate_limits_t){.connections = 1});
    let_in("192.0.2.1");
    enter("::ffff:192.0.2.1", HY_GATE_ADDRESS);
    let_in("::ffff:192.0.2.2");
    let_in("::1"); /* whose first bits are none, as those above */
}

static void unix_sockets_are_not_counted(void **state) {
    (void)state;
    begin_with((hy_gate_limits_t){.connections = 1, .handshakes_per_s = 1, .opens_per_s = 1});
    hy_endpoint_t e = {.address.ss_family = AF_UNIX, .len = sizeof(sa_family_t)};
    for (int i = 0; i < 10; i++) {
        hy__visitor_t *v;
        assert_int_equal(hy__crowd_enter(&crowd, &e, &v, &why), HY_GATE_CAUSES);
        assert_null(v);
        assert_int_equal(hy__crowd_open(v, &why), 0);
        hy__crowd_leave(v);
    }
    assert_int_equal(crowd.places.count, 0);
}

/* --- rates ------------------------------------------------------------------------------------ */

static void an_address_begins_as_many_connections_a_second_as_it_may(void **state) {
    (void)state;
    begin_with((hy_gate_limits_t){.handshakes_per_s = 4});
    for (int i = 0; i < 4; i++)
        let_in("192.0.2.1");
    enter("192.0.2.1", HY_GATE_HASTE);
    assert_string_equal(why.text, "too many connections from 192.0.2.1 in a second: at most 4; "
                                  "wait a second");
    let_in("192.0.2.2");
    pass(249);
    enter("192.0.2.1", HY_GATE_HASTE);
    pass(1);
    let_in("192.0.2.1");
    enter("192.0.2.1", HY_GATE_HASTE);
}

static void who_leaves_and_comes_back_gains_nothing(void **state) {
    (void)state;
    begin_with((hy_gate_limits_t){.handshakes_per_s = 5});
    unsigned passed = 0;
    for (unsigned ms = 0; ms < 10000; ms++) {
        hy_endpoint_t e = endpoint("192.0.2.1");
        hy__visitor_t *v;
        if (hy__crowd_enter(&crowd, &e, &v, &why) == HY_GATE_CAUSES) {
            passed++;
            hy__crowd_leave(v);
        }
        pass(1);
    }
    assert_in_range(passed, 5 * 10, 5 * 11);
}

static void all_addresses_together_begin_no_more_than_they_may(void **state) {
    (void)state;
    begin_with((hy_gate_limits_t){.all_handshakes_per_s = 2});
    let_in("192.0.2.1");
    let_in("192.0.2.2");
    enter("192.0.2.3", HY_GATE_RUSH);
    assert_string_equal(why.text, "too many connections in a second: at most 2; try again later");
    pass(500);
    let_in("192.0.2.3");
}

static void who_is_turned_away_takes_nothing_from_the_others(void **state) {
    (void)state;
    begin_with((hy_gate_limits_t){.handshakes_per_s = 1, .all_handshakes_per_s = 2});
    let_in("192.0.2.1");
    for (int i = 0; i < 100; i++)
        enter("192.0.2.1", HY_GATE_HASTE);
    let_in("192.0.2.2");
    enter("192.0.2.3", HY_GATE_RUSH);
}

static void an_address_opens_as_many_sessions_a_second_as_it_may(void **state) {
    (void)state;
    begin_with((hy_gate_limits_t){.opens_per_s = 2});
    hy__visitor_t *one = let_in("192.0.2.1"), *same = let_in("192.0.2.1");
    assert_ptr_equal(one, same);
    assert_int_equal(hy__crowd_open(one, &why), 0);
    assert_int_equal(hy__crowd_open(same, &why), 0);
    assert_int_equal(hy__crowd_open(one, &why), HY_ETOO_FAST);
    assert_string_equal(why.text, "too many sessions are opened from 192.0.2.1 in a second: at "
                                  "most 2; wait a second");
    assert_int_equal(crowd.opens_refused, 1);
    assert_int_equal(hy__crowd_open(let_in("192.0.2.2"), &why), 0);
    pass(500);
    assert_int_equal(hy__crowd_open(one, &why), 0);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void who_has_left_is_forgotten(void **state) {
    (void)state;
    begin_with((hy_gate_limits_t){.handshakes_per_s = 1});
    hy__visitor_t *stays = let_in("192.0.2.1");
    hy__crowd_leave(let_in("192.0.2.2"));
    enter("192.0.2.2", HY_GATE_HASTE);
    assert_int_equal(crowd.places.count, 2);
    pass(HY_GATE_FORGET_MS + 50);
    assert_int_equal(crowd.places.count, 1);
    hy__crowd_leave(stays);
    let_in("192.0.2.1"); /* its second has passed meanwhile; it is not forgotten now */
    pass(HY_GATE_FORGET_MS + 50);
    assert_int_equal(crowd.places.count, 1);
}

static void so_many_who_have_left_are_remembered(void **state) {
    (void)state;
    begin_with((hy_gate_limits_t){.handshakes_per_s = 1});
    hy__visitor_t *stays = let_in("::1");
    for (uint32_t i = 0; i < HY_GATE_LEFT_MAX + 1000; i++) {
        hy_endpoint_t e = {.address.ss_family = AF_INET};
        ((struct sockaddr_in *)&e.address)->sin_addr.s_addr = htonl(0x0a000000u + i);
        hy__visitor_t *v;
        assert_int_equal(hy__crowd_enter(&crowd, &e, &v, &why), HY_GATE_CAUSES);
        hy__crowd_leave(v);
    }
    assert_int_equal(crowd.places.count, HY_GATE_LEFT_MAX + 1);
    enter("::1", HY_GATE_HASTE);
    hy__crowd_leave(stays);
}

static void without_memory_one_is_turned_away_and_nothing_is_left(void **state) {
    (void)state;
    begin_with((hy_gate_limits_t){.connections = 1});
    hy_endpoint_t e = endpoint("192.0.2.1");
    hy__visitor_t *v = NULL;
    hy__gate_cause_t cause = HY_GATE_MEMORY;
    int failures = 0;
    for (int n = 0; cause == HY_GATE_MEMORY; n++, failures++) {
        hy_mem_fail_after(n);
        cause = hy__crowd_enter(&crowd, &e, &v, &why);
        hy_mem_fail_after(-1);
        assert_int_equal(crowd.places.count, cause == HY_GATE_CAUSES);
    }
    assert_true(failures > 2);
    hy_mem_fail_after(0); /* it cannot be remembered until later: it is forgotten at once */
    hy__crowd_leave(v);
    hy_mem_fail_after(-1);
    assert_int_equal(crowd.places.count, 0);
}

int main(void) {
#define SPEC(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        SPEC(an_address_has_as_many_connections_as_it_may),
        SPEC(the_first_64_bits_of_ipv6_are_one_address),
        SPEC(ipv4_that_comes_as_ipv6_is_the_same_address),
        SPEC(unix_sockets_are_not_counted),
        SPEC(an_address_begins_as_many_connections_a_second_as_it_may),
        SPEC(who_leaves_and_comes_back_gains_nothing),
        SPEC(all_addresses_together_begin_no_more_than_they_may),
        SPEC(who_is_turned_away_takes_nothing_from_the_others),
        SPEC(an_address_opens_as_many_sessions_a_second_as_it_may),
        SPEC(who_has_left_is_forgotten),
        SPEC(so_many_who_have_left_are_remembered),
        SPEC(without_memory_one_is_turned_away_and_nothing_is_left),
    };
#undef SPEC
    return cmocka_run_group_tests(tests, NULL, NULL);
}
