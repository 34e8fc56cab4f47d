/* core/node/metrics: what a node tells of itself, and that its numbers add up. */
#include "support.h"

#define OBJECT "comm://d/o"

static void assert_metrics_add_up(void) {
    hy_node_stats_t s = hy_node_server_stats(the_node);
    assert_adds_up();
    assert_int_equal(metric("hyperty_messages_delivered_total"), s.delivered);
    assert_int_equal(metric("hyperty_messages_sent_total"), s.sent);
    assert_int_equal(metric("hyperty_dropped_total{cause=\"slow_reader\"}"), s.lost);
    assert_int_equal(metric("hyperty_queue_bytes"), s.queued_bytes);
}

static void each_metric_has_help_a_type_and_a_number(void **state) {
    (void)state;
    hy_buf_t out;
    hy_buf_init(&out);
    hy_node_server_metrics(the_node, &out);
    hy_str_t *text = hy_buf_take(&out);
    unsigned helps = 0, types = 0;
    for (char *line = strtok(text->bytes, "\n"); line; line = strtok(NULL, "\n")) {
        char name[128], rest[128];
        if (sscanf(line, "# HELP hyperty_%127s %127s", name, rest) == 2) {
            helps++;
        } else if (sscanf(line, "# TYPE hyperty_%127s %127s", name, rest) == 2) {
            types++;
            assert_true(strcmp(rest, "counter") == 0 || strcmp(rest, "gauge") == 0);
            bool is_total = strstr(name, "_total") != NULL;
            assert_int_equal(is_total, strcmp(rest, "counter") == 0);
        } else {
            long long value;
            assert_int_equal(sscanf(line, "hyperty_%127s %lld", name, &value), 2);
        }
    }
    assert_true(helps > 15);
    assert_int_equal(helps, types);
    hy_str_unref(text);
}

static void what_is_there_is_counted(void **state) {
    (void)state;
    assert_int_equal(metric("hyperty_sessions"), 3);
    assert_int_equal(metric("hyperty_connections"), 3);
    assert_int_equal(metric("hyperty_routes"), 0);
    subscribe(&a, "hyperty-runtime://d/a/sm", OBJECT);
    subscribe(&b, "hyperty://d/h", OBJECT "/changes");
    allocate(&a, "comm");
    ask(&b, "create", "hyperty://d/h", REGISTRY, "{\"value\":{\"url\":\"hyperty://d/h\"}}");
    assert_int_equal(metric("hyperty_routes"), 2);
    assert_int_equal(metric("hyperty_objects"), 1);
    assert_int_equal(metric("hyperty_claims"), 5);
    assert_int_equal(metric("hyperty_allocated_addresses"), 1);
    assert_int_equal(metric("hyperty_registry_entries"), 1);
    assert_true(metric("hyperty_registry_bytes") > 0);
    int64_t received = metric("hyperty_messages_received_total");
    tell(&a, "update", OBJECT, OBJECT "/changes", "{}");
    assert_int_equal(metric("hyperty_messages_received_total"), received + 1);
    assert_metrics_add_up();
}

static void what_goes_wrong_is_counted_by_its_cause(void **state) {
    (void)state;
    ask(&b, "update", "hyperty://d/h", OBJECT "/changes", "{}");
    assert_int_equal(metric("hyperty_refused_total"), 1);
    ask(&b, "read", "hyperty://d/h", "hyperty://d/nobody", "{}");
    assert_int_equal(metric("hyperty_undeliverable_total"), 1);
    give(&b, "[]", 2);
    assert_int_equal(metric("hyperty_malformed_total"), 1);
    drop(&b);
    ask(&a, "read", "hyperty-runtime://d/a", "hyperty://d/h", NULL);
    tell(&a, "event", "hyperty-runtime://d/a", "hyperty://d/h", NULL);
    assert_int_equal(metric("hyperty_queue_messages"), 2);
    hy_clock_advance(&the_clock, HY_SESSION_GRACE_MS + 1);
    assert_int_equal(metric("hyperty_dropped_total{cause=\"session_ended\"}"), 2);
    assert_int_equal(metric("hyperty_queue_messages"), 0);
    assert_int_equal(metric("hyperty_queue_bytes"), 0);
    assert_metrics_add_up();
}

static void what_sessions_hold_is_estimated_and_given_back(void **state) {
    char url[64];
    (void)state;
    subscribe(&a, "hyperty-runtime://d/a/sm", OBJECT "/changes"); /* and its queue is made */
    unsubscribe(&a, "hyperty-runtime://d/a/sm", OBJECT "/changes");
    int64_t before = metric("hyperty_session_memory_bytes");
    assert_true(before > 0 && before < 3 * 4096);
    for (int i = 0; i < 100; i++) {
        snprintf(url, sizeof url, "comm://d/o%d", i);
        subscribe(&a, "hyperty-runtime://d/a/sm", url);
    }
    int64_t full = metric("hyperty_session_memory_bytes");
    assert_true(full - before > 100 * 300 && full - before < 100 * 3000);
    assert_true(metric("hyperty_session_memory_largest_bytes") > full - before);
    for (int i = 0; i < 100; i++) {
        snprintf(url, sizeof url, "comm://d/o%d", i);
        unsubscribe(&a, "hyperty-runtime://d/a/sm", url);
    }
    assert_int_equal(metric("hyperty_session_memory_bytes"), before);
}

static void whom_a_holder_admits_is_its_memory(void **state) {
    char body[128];
    (void)state;
    ask(&a, "subscribe", "hyperty-runtime://d/a/sm", SM,
        "{\"resources\":[\"" OBJECT "\"],\"guard\":true}");
    int64_t before = metric("hyperty_session_memory_bytes");
    static const char *const methods[] = {"admit", "expel"};
    for (int m = 0; m < 2; m++)
        for (int i = 0; i < 50; i++) {
            snprintf(body, sizeof body,
                     "{\"method\":\"%s\",\"params\":[\"" OBJECT "\",\"hyperty://d/x%d\"]}",
                     methods[m], i);
            assert_int_equal(ask(&a, "execute", "hyperty-runtime://d/a/sm", SM, body), 200);
            if (i == 49 && m == 0) assert_true(metric("hyperty_session_memory_bytes") > before);
        }
    assert_int_equal(metric("hyperty_session_memory_bytes"), before);
}

static void what_is_registered_is_memory_of_who_keeps_it_alive(void **state) {
    char body[512];
    (void)state;
    subscribe(&a, "hyperty-runtime://d/a/sm", OBJECT "/changes"); /* and its queue is made */
    unsubscribe(&a, "hyperty-runtime://d/a/sm", OBJECT "/changes");
    int64_t before = metric("hyperty_session_memory_bytes");
    for (int i = 0; i < 3; i++) {
        snprintf(body, sizeof body,
                 "{\"value\":{\"url\":\"hyperty-runtime://d/a\",\"name\":\"%0*d\"}}", 200 - 50 * i,
                 0);
        assert_int_equal(ask(&a, "create", "hyperty-runtime://d/a", REGISTRY, body), 200);
        int64_t more = metric("hyperty_session_memory_bytes") - before;
        assert_true(more > 200 - 50 * i && more < 2000);
    }
    const char *name = "{\"resource\":\"hyperty-runtime://d/a\"}";
    assert_int_equal(ask(&a, "delete", "hyperty-runtime://d/a", REGISTRY, name), 200);
    assert_int_equal(metric("hyperty_session_memory_bytes"), before);
    assert_int_equal(metric("hyperty_registry_bytes"), 0);
}

static void one_session_alone_does_not_fill_the_registry(void **state) {
    static char body[16000];
    (void)state;
    int code = 200;
    unsigned count = 0;
    for (; code == 200; count++) {
        snprintf(body, sizeof body,
                 "{\"value\":{\"url\":\"hyperty-runtime://d/a/%u\",\"name\":\"%015000d\"}}", count,
                 0);
        code = ask(&a, "create", "hyperty-runtime://d/a", REGISTRY, body);
        assert_true(count < 20000);
    }
    assert_int_equal(code, 503);
    assert_true(metric("hyperty_registry_bytes") < HY_SESSION_BYTES_MAX + 20000);
    assert_int_equal(ask(&b, "create", "hyperty-runtime://d/b", REGISTRY,
                         "{\"value\":{\"url\":\"hyperty-runtime://d/b\"}}"),
                     200);
}

static void what_one_session_may_hold_is_bounded(void **state) {
    enum { LONG = 2000 };
    static char body[64 * (LONG + 64)];
    (void)state;
    int code = 200;
    unsigned asked = 0;
    while (code == 200) {
        size_t len = (size_t)snprintf(body, sizeof body, "{\"resources\":[");
        for (int i = 0; i < 60; i++)
            len += (size_t)snprintf(body + len, sizeof body - len, "%s\"comm://d/%u-%0*d/changes\"",
                                    i ? "," : "", asked, LONG, i);
        snprintf(body + len, sizeof body - len, "]}");
        code = ask(&b, "subscribe", "hyperty://d/h", SM, body);
        assert_true(++asked < 1000);
    }
    assert_int_equal(code, 503);
    assert_true(metric("hyperty_session_memory_largest_bytes") < HY_SESSION_BYTES_MAX + (1 << 20));
    assert_int_equal(subscribe(&c, "hyperty://d/k", OBJECT "/changes"), 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_metric_has_help_a_type_and_a_number),
        TEST(what_is_there_is_counted),
        TEST(what_goes_wrong_is_counted_by_its_cause),
        TEST(what_sessions_hold_is_estimated_and_given_back),
        TEST(whom_a_holder_admits_is_its_memory),
        TEST(what_is_registered_is_memory_of_who_keeps_it_alive),
        TEST(one_session_alone_does_not_fill_the_registry),
        TEST(what_one_session_may_hold_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
