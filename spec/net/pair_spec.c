/* core/net/pair: runtimes and a node in one process, with and without a network between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/pair.h"
#include "net/stub.h"

#define RUNTIMES 3
#define HEARD    4096u
#define SM       "domain://msg-node.d/sm"
#define CHANGES  "comm://d/o/changes"

typedef struct {
    hy_bus_t *bus;
    hy_pair_t *pair;
    hy_stub_t *stub;
    hy_listener_t *listener;
    hy_str_t *url;
    hy_msg_t *heard[HEARD];
    uint64_t at_ms[HEARD];
    unsigned count;
} runtime_t;

static int64_t blocks_before;
static hy_clock_t the_clock;
static hy_random_t the_random;
static hy_node_server_t *node;
static hy_network_t *network;
static runtime_t runtimes[RUNTIMES];

static void on_heard(void *arg, hy_msg_t *m) {
    runtime_t *r = arg;
    assert_true(r->count < HEARD);
    r->at_ms[r->count] = hy_clock_now(&the_clock);
    r->heard[r->count++] = hy_msg_ref(m);
}

static void listen_at(runtime_t *r, const char *url) {
    hy_str_t *text = hy_str_from(url);
    assert_int_equal(hy_bus_listen(r->bus, text, on_heard, r, &r->listener), 0);
    hy_str_unref(text);
}

/* All turns and timers until nothing is under way. */
static void run(void) {
    for (uint64_t at = 0;;) {
        bool more = false;
        for (int i = 0; i < RUNTIMES; i++)
            more |= hy_bus_turn(runtimes[i].bus, 1000);
        if (more) continue;
        bool is_quiet = true;
        for (int i = 0; i < RUNTIMES; i++)
            is_quiet &= hy_bus_stats(runtimes[i].bus).queued == 0;
        if (!is_quiet) continue;
        if (!hy_clock_next(&the_clock, &at)) return;
        hy_clock_advance(&the_clock, at);
    }
}

static void send_from(runtime_t *r, hy_msg_type_t type, const char *from, const char *to,
                      int64_t number) {
    hy_str_t *f = hy_str_from(from), *t = hy_str_from(to);
    hy_node_t *body = hy_node_new(HY_OBJECT);
    assert_int_equal(hy_put(body, "value", hy_int(number)), 0);
    hy_msg_t *m = hy_msg_new(type, hy_absent(), f, t, hy_node_value(body));
    assert_int_equal(hy_bus_send(r->bus, m), 0);
    hy_msg_unref(m);
    hy_str_unref(f);
    hy_str_unref(t);
}

static int64_t number_of(hy_msg_t *m) {
    return hy_get_int(hy_msg_body(m), "value", -1);
}

static void forget(runtime_t *r) {
    while (r->count > 0)
        hy_msg_unref(r->heard[--r->count]);
}

static hy_stub_t *open_stub(runtime_t *r, hy_str_t *url, const char *domain, hy_pair_t **pair) {
    hy_stub_t *stub;
    assert_int_equal(hy_pair_new(node, network, "d", pair), 0);
    hy_stub_config_t config = {
        .bus = r->bus, .runtime = url, .domain = domain, .connector = hy_pair_connector(*pair)};
    assert_int_equal(hy_stub_open(&config, &stub, NULL), 0);
    return stub;
}

static void connect_all(const hy_network_faults_t *faults, uint64_t seed) {
    hy_clock_init(&the_clock, 0);
    hy_random_seed(&the_random, 1);
    hy_node_config_t config = {.domain = "d", .clock = &the_clock, .random = &the_random};
    assert_int_equal(hy_node_server_new(&config, &node), 0);
    network = NULL;
    if (faults) assert_int_equal(hy_network_new(&the_clock, NULL, seed, faults, &network), 0);
    if (faults) hy_network_set_node(network, node);
    for (int i = 0; i < RUNTIMES; i++) {
        runtime_t *r = &runtimes[i];
        hy_bus_config_t bus = {.clock = &the_clock, .random = &the_random};
        assert_int_equal(hy_bus_new(&bus, &r->bus), 0);
        r->url = hy_str_format("hyperty-runtime://d/r%d", i);
        r->stub = open_stub(r, r->url, NULL, &r->pair);
    }
}

static void disconnect_all(void) {
    for (int i = 0; i < RUNTIMES; i++) {
        runtime_t *r = &runtimes[i];
        hy_listener_close(r->listener);
        hy_stub_close(r->stub);
        forget(r);
    }
    hy_network_free(network);
    for (int i = 0; i < RUNTIMES; i++) {
        hy_bus_free(runtimes[i].bus);
        hy_str_unref(runtimes[i].url);
        runtimes[i] = (runtime_t){.count = 0};
    }
    hy_node_server_free(node);
    hy_clock_deinit(&the_clock);
}

/* Runtime 0 is the reporter of comm://d/o, the others observe. */
static void subscribe_all(void) {
    for (int i = 0; i < RUNTIMES; i++) {
        hy_str_t *to = hy_str_from(SM);
        hy_node_t *body = hy_node_new(HY_OBJECT);
        hy_put(body, "resources", hy_text(i == 0 ? "comm://d/o" : CHANGES));
        hy_msg_t *m =
            hy_msg_new(HY_MSG_SUBSCRIBE, hy_int(1), runtimes[i].url, to, hy_node_value(body));
        hy_bus_send(runtimes[i].bus, m);
        hy_msg_unref(m);
        hy_str_unref(to);
        if (i > 0) listen_at(&runtimes[i], CHANGES);
    }
    run();
}

static int begin(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    return 0;
}

static int end(void **state) {
    (void)state;
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

static const hy_network_faults_t SLOW = {.delay_min_ms = 10, .delay_max_ms = 50};

static void without_a_network_messages_are_handed_over_as_they_are(void **state) {
    (void)state;
    connect_all(NULL, 0);
    subscribe_all();
    send_from(&runtimes[0], HY_MSG_UPDATE, "comm://d/o", CHANGES, 1);
    run();
    assert_int_equal(runtimes[1].count, 1);
    assert_int_equal(runtimes[2].count, 1);
    assert_ptr_equal(runtimes[1].heard[0], runtimes[2].heard[0]);
    assert_int_equal(hy_clock_now(&the_clock), 0);
    disconnect_all();
}

static void with_a_network_they_travel_as_text_and_take_time(void **state) {
    (void)state;
    connect_all(&SLOW, 3);
    subscribe_all();
    uint64_t sent_ms = hy_clock_now(&the_clock);
    send_from(&runtimes[0], HY_MSG_UPDATE, "comm://d/o", CHANGES, 7);
    while (hy_bus_turn(runtimes[0].bus, 10))
        ;
    assert_int_equal(hy_network_in_flight(network), 1);
    run();
    assert_int_equal(hy_network_in_flight(network), 0);
    for (int i = 1; i < RUNTIMES; i++) {
        assert_int_equal(runtimes[i].count, 1);
        assert_int_equal(number_of(runtimes[i].heard[0]), 7);
        assert_true(runtimes[i].at_ms[0] >= sent_ms + SLOW.delay_min_ms);
        assert_true(runtimes[i].at_ms[0] <= sent_ms + SLOW.delay_min_ms + SLOW.delay_max_ms);
    }
    assert_ptr_not_equal(runtimes[1].heard[0], runtimes[2].heard[0]);
    disconnect_all();
}

static void order_is_kept_from_one_runtime_and_lost_between_them(void **state) {
    bool overtaken = false;
    (void)state;
    connect_all(&SLOW, 5);
    listen_at(&runtimes[2], "hyperty-runtime://d/r2/x");
    for (int64_t i = 0; i < 200; i++) {
        send_from(&runtimes[0], HY_MSG_EVENT, "hyperty://d/h0", "hyperty-runtime://d/r2/x", 2 * i);
        send_from(&runtimes[1], HY_MSG_EVENT, "hyperty://d/h1", "hyperty-runtime://d/r2/x",
                  2 * i + 1);
        hy_bus_turn(runtimes[0].bus, 10);
        hy_bus_turn(runtimes[1].bus, 10);
        hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + 1);
    }
    run();
    assert_int_equal(runtimes[2].count, 400);
    int64_t last[2] = {-1, -1}, highest = -1;
    for (unsigned i = 0; i < 400; i++) {
        int64_t n = number_of(runtimes[2].heard[i]);
        assert_true(n > last[n % 2]);
        last[n % 2] = n;
        overtaken |= n < highest - 1;
        if (n > highest) highest = n;
    }
    assert_true(overtaken);
    disconnect_all();
}

static void a_network_may_lose_and_repeat(void **state) {
    (void)state;
    connect_all(&SLOW, 6);
    subscribe_all();
    hy_network_set_faults(network, &(hy_network_faults_t){.loss = 1});
    send_from(&runtimes[0], HY_MSG_UPDATE, "comm://d/o", CHANGES, 1);
    run();
    assert_int_equal(runtimes[1].count, 0);
    hy_network_set_faults(network, &(hy_network_faults_t){.repeat = 1});
    send_from(&runtimes[0], HY_MSG_UPDATE, "comm://d/o", CHANGES, 1);
    run();
    assert_int_equal(runtimes[1].count, 4); /* twice up, each twice down */
    forget(&runtimes[1]);
    hy_network_set_faults(network, &(hy_network_faults_t){.loss = 0.5});
    for (int i = 0; i < 400; i++)
        send_from(&runtimes[0], HY_MSG_UPDATE, "comm://d/o", CHANGES, i);
    run();
    assert_in_range(runtimes[1].count, 60, 140); /* a quarter of them */
    disconnect_all();
}

static void while_cut_what_is_sent_that_way_is_lost(void **state) {
    (void)state;
    for (int with = 0; with < 2; with++) {
        connect_all(with ? &SLOW : NULL, 7);
        subscribe_all();
        hy_pair_cut(runtimes[0].pair, true, false);
        send_from(&runtimes[0], HY_MSG_UPDATE, "comm://d/o", CHANGES, 1);
        run();
        hy_pair_cut(runtimes[0].pair, false, true);
        hy_pair_cut(runtimes[1].pair, false, true);
        send_from(&runtimes[0], HY_MSG_UPDATE, "comm://d/o", CHANGES, 2);
        run();
        hy_pair_cut(runtimes[1].pair, false, false);
        send_from(&runtimes[0], HY_MSG_UPDATE, "comm://d/o", CHANGES, 3);
        run();
        assert_int_equal(runtimes[1].count, 1);
        assert_int_equal(number_of(runtimes[1].heard[0]), 3);
        assert_int_equal(runtimes[2].count, 2);
        disconnect_all();
    }
}

static void a_way_that_is_not_slow_any_more_is_free_at_once(void **state) {
    (void)state;
    connect_all(&SLOW, 11);
    subscribe_all();
    hy_pair_slow(runtimes[1].pair, 1);
    for (int i = 0; i < 2; i++)
        send_from(&runtimes[0], HY_MSG_UPDATE, "comm://d/o", CHANGES, i);
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < RUNTIMES; k++)
            hy_bus_turn(runtimes[k].bus, 100);
        hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + 20);
    }
    assert_int_equal(runtimes[1].count, 1); /* which takes minutes */
    uint64_t since_ms = hy_clock_now(&the_clock);
    hy_pair_slow(runtimes[1].pair, 0);
    run();
    assert_int_equal(runtimes[1].count, 2);
    assert_in_range(runtimes[1].at_ms[1], since_ms, since_ms + SLOW.delay_max_ms);
    disconnect_all();
}

static void closing_a_stub_drops_what_is_under_way(void **state) {
    (void)state;
    connect_all(&SLOW, 8);
    subscribe_all();
    for (int i = 0; i < 10; i++)
        send_from(&runtimes[0], HY_MSG_UPDATE, "comm://d/o", CHANGES, i);
    hy_bus_turn(runtimes[0].bus, 100);
    hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + SLOW.delay_min_ms);
    assert_true(hy_network_in_flight(network) > 0);
    for (int i = 0; i < 2; i++) { /* what has passed the node still arrives */
        hy_stub_close(runtimes[i].stub);
        runtimes[i].stub = NULL;
    }
    run();
    assert_int_equal(hy_network_in_flight(network), 0);
    assert_int_equal(runtimes[1].count, 0);
    assert_true(runtimes[2].count > 0);
    assert_int_equal(hy_node_server_stats(node).sessions, 1);
    disconnect_all();
}

static void who_opens_a_runtime_again_replaces_who_had_it(void **state) {
    hy_pair_t *pair;
    (void)state;
    connect_all(NULL, 0);
    hy_stub_t *second = open_stub(&runtimes[1], runtimes[0].url, "e", &pair);
    assert_int_equal(hy_stub_state(second), HY_STUB_LIVE);
    assert_int_equal(hy_stub_state(runtimes[0].stub), HY_STUB_REPLACED);
    assert_int_equal(hy_node_server_stats(node).sessions, RUNTIMES);
    hy_clock_advance(&the_clock, 100000); /* and does not come back by itself */
    assert_int_equal(hy_stub_state(runtimes[0].stub), HY_STUB_REPLACED);
    hy_stub_close(second);
    disconnect_all();
}

static void on_answer(void *arg, hy_msg_t *answer, int code) {
    (void)answer;
    *(int *)arg = code;
}

static void what_is_too_large_to_be_a_message_is_refused_to_its_sender(void **state) {
    int code = 0;
    (void)state;
    connect_all(&SLOW, 9);
    hy_str_t *big = hy_str_reserve(HY_MESSAGE_BYTES_MAX);
    memset(big->bytes, 'x', big->len);
    hy_str_t *to = hy_str_from("hyperty-runtime://d/r1/x");
    hy_node_t *body = hy_node_new(HY_OBJECT);
    hy_put(body, "value", hy_string(big));
    hy_msg_t *m = hy_msg_new(HY_MSG_EXECUTE, hy_int(hy_bus_next_id(runtimes[0].bus)),
                             runtimes[0].url, to, hy_node_value(body));
    assert_int_equal(hy_bus_request(runtimes[0].bus, m, 0, on_answer, &code, NULL, NULL), 0);
    hy_msg_unref(m);
    hy_str_unref(to);
    run();
    assert_int_equal(code, 413);
    disconnect_all();
}

/* What runtime 1 and 2 hear of a busy quarter of a second, as one number. */
static uint64_t history_of(uint64_t seed) {
    uint64_t sum = 0;
    connect_all(&(hy_network_faults_t){5, 80, 0.1, 0.1}, seed);
    subscribe_all();
    listen_at(&runtimes[0], "comm://d/o/children/m");
    for (int i = 0; i < 50; i++) {
        send_from(&runtimes[0], HY_MSG_UPDATE, "comm://d/o", CHANGES, i);
        send_from(&runtimes[1], HY_MSG_EVENT, "hyperty://d/h", "comm://d/o/children/m", i);
        for (int k = 0; k < RUNTIMES; k++)
            hy_bus_turn(runtimes[k].bus, 100);
        hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + 5);
    }
    run();
    for (int i = 0; i < RUNTIMES; i++)
        for (unsigned k = 0; k < runtimes[i].count; k++)
            sum =
                sum * 31 + (uint64_t)number_of(runtimes[i].heard[k]) * 1009 + runtimes[i].at_ms[k];
    disconnect_all();
    return sum;
}

static void one_seed_replays_a_run(void **state) {
    (void)state;
    assert_int_equal(history_of(1), history_of(1));
    assert_int_not_equal(history_of(1), history_of(2));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(without_a_network_messages_are_handed_over_as_they_are),
        TEST(with_a_network_they_travel_as_text_and_take_time),
        TEST(order_is_kept_from_one_runtime_and_lost_between_them),
        TEST(a_network_may_lose_and_repeat),
        TEST(while_cut_what_is_sent_that_way_is_lost),
        TEST(a_way_that_is_not_slow_any_more_is_free_at_once),
        TEST(closing_a_stub_drops_what_is_under_way),
        TEST(who_opens_a_runtime_again_replaces_who_had_it),
        TEST(what_is_too_large_to_be_a_message_is_refused_to_its_sender),
        TEST(one_seed_replays_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
