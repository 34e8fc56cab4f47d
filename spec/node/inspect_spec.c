/* core/node/inspect: what a node tells a person of what it holds. */
#include "support.h"

#include "../core/node/inspect.h"

#define OBJECT "comm://d/o"
#define A_SM   "hyperty-runtime://d/a/sm"

/* The list, to be dropped; `total` as told. */
static hy_value_t list_of(const char *word, const char *part, uint32_t *total) {
    hy_value_t list = hy_absent();
    uint32_t count = 0;
    assert_int_equal(hy_node_server_list(the_node, hy_node_list_find(word), part, &list, &count),
                     0);
    assert_int_equal(list.kind, HY_ARRAY);
    if (total) *total = count;
    return list;
}

static hy_node_t *row(hy_value_t list, const char *key, const char *text) {
    for (size_t i = 0; i < hy_node_count(list.as.n); i++) {
        hy_node_t *n = hy_node_at(list.as.n, i).as.n;
        if (hy_str_is(hy_get_str(n, key), text)) return n;
    }
    return NULL;
}

static void assert_text(const hy_node_t *n, const char *key, const char *text) {
    const hy_str_t *found = hy_get_str(n, key);
    assert_non_null(found);
    assert_string_equal(found->bytes, text);
}

static void set_up(void) {
    assert_int_equal(subscribe(&a, A_SM, OBJECT), 200);
    assert_int_equal(subscribe(&b, "hyperty://d/h", OBJECT "/changes"), 200);
    allocate(&a, "comm");
    ask(&b, "create", "hyperty://d/h", REGISTRY,
        "{\"value\":{\"url\":\"hyperty://d/h\",\"name\":\"lamp\"}}");
}

static void there_are_five_lists_and_no_more(void **state) {
    (void)state;
    assert_int_equal(hy_node_list_find("sessions"), HY_NODE_SESSIONS);
    assert_int_equal(hy_node_list_find("registry"), HY_NODE_REGISTRY);
    assert_int_equal(hy_node_list_find("stats"), HY_NODE_LISTS);
    assert_int_equal(hy_node_list_find(""), HY_NODE_LISTS);
}

static void sessions_tell_who_is_connected_and_what_waits(void **state) {
    (void)state;
    set_up();
    leave(&c);
    hy_value_t list = list_of("sessions", NULL, NULL);
    hy_node_t *of_b = row(list, "runtime", "hyperty-runtime://d/b");
    hy_node_t *of_c = row(list, "runtime", "hyperty-runtime://d/c");
    assert_true(hy_get_bool(of_b, "connected", false));
    assert_int_equal(hy_get_int(of_b, "routes", 0), 1);
    assert_int_equal(hy_get_int(of_b, "waiting", -1), 0);
    assert_null(of_c);
    hy_value_drop(list);
}

static void routes_tell_who_gets_what_is_sent_and_who_waits(void **state) {
    (void)state;
    set_up();
    uint32_t total;
    hy_value_t list = list_of("routes", OBJECT "/changes", &total);
    assert_int_equal(total, 1);
    hy_node_t *route = row(list, "runtime", "hyperty-runtime://d/b");
    assert_true(hy_get_bool(route, "gets", false));
    assert_int_equal(hy_node_count(hy_get_array(route, "sources")), 1);
    assert_string_equal(hy_node_at(hy_get_array(route, "sources"), 0).as.s->bytes, "hyperty://d/h");
    hy_value_drop(list);
    ask(&a, "subscribe", A_SM, SM, "{\"resources\":[\"comm://d/g\"],\"guard\":true}");
    subscribe(&b, "hyperty://d/h", "comm://d/g/changes");
    list = list_of("routes", "comm://d/g/changes", NULL);
    assert_false(hy_get_bool(row(list, "runtime", "hyperty-runtime://d/b"), "gets", true));
    hy_value_drop(list);
}

static void objects_tell_who_holds_them_and_who_is_admitted(void **state) {
    (void)state;
    set_up();
    hy_value_t list = list_of("objects", NULL, NULL);
    hy_node_t *object = row(list, "url", OBJECT);
    assert_text(object, "runtime", "hyperty-runtime://d/a");
    assert_int_equal(hy_get_int(object, "subscribers", 0), 1);
    hy_value_drop(list);
}

static void allocations_and_the_registry_tell_whose_what_is(void **state) {
    (void)state;
    set_up();
    uint32_t total;
    hy_value_t list = list_of("allocations", "comm://", &total);
    assert_int_equal(total, 2); /* the allocated one, and the object that is claimed */
    hy_node_t *claimed = row(list, "url", OBJECT);
    assert_text(claimed, "how", "claimed");
    assert_text(claimed, "runtime", "hyperty-runtime://d/a");
    hy_value_drop(list);
    list = list_of("registry", "lamp", &total);
    assert_int_equal(total, 1);
    assert_text(row(list, "url", "hyperty://d/h"), "status", "live");
    assert_text(row(list, "url", "hyperty://d/h"), "type", "hyperty");
    hy_value_drop(list);
    list = list_of("registry", "no such part", &total);
    assert_int_equal(total, 0);
    assert_int_equal(hy_node_count(list.as.n), 0);
    hy_value_drop(list);
}

static void a_long_list_is_cut_and_says_how_long_it_is(void **state) {
    (void)state;
    char body[64];
    for (unsigned i = 0; i < 30; i++) {
        snprintf(body, sizeof body, "{\"value\":{\"number\":10},\"scheme\":\"comm\"}");
        assert_int_equal(ask(&a, "create", "hyperty-runtime://d/a", ALLOC, body), 200);
    }
    uint32_t total;
    hy_value_t list = list_of("allocations", NULL, &total);
    assert_true(total >= 300);
    assert_int_equal(hy_node_count(list.as.n), HY_NODE_ROWS_MAX);
    hy_value_drop(list);
}

static void figures_are_those_of_the_node(void **state) {
    (void)state;
    set_up();
    hy_value_t figures;
    assert_int_equal(hy_node_server_figures(the_node, &figures), 0);
    assert_text(figures.as.n, "domain", "d");
    assert_int_equal(hy_get_int(figures.as.n, "routes", -1), hy_node_server_stats(the_node).routes);
    assert_int_equal(hy_get_int(figures.as.n, "sessions", -1), 3);
    hy_value_drop(figures);
}

static void without_memory_there_is_no_list_and_nothing_is_left(void **state) {
    (void)state;
    set_up();
    for (unsigned which = 0; which < HY_NODE_LISTS; which++) {
        int rc = HY_ENOMEM;
        for (int64_t n = 0; rc == HY_ENOMEM; n++) {
            int64_t blocks = hy_mem_blocks();
            hy_value_t list = hy_absent();
            uint32_t total = 77;
            hy_mem_fail_after(n);
            rc = hy_node_server_list(the_node, (hy_node_list_t)which, NULL, &list, &total);
            hy_mem_fail_after(-1);
            if (rc) assert_int_equal(total, 77);
            hy_value_drop(list);
            assert_int_equal(hy_mem_blocks(), blocks);
        }
        assert_int_equal(rc, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(there_are_five_lists_and_no_more),
        TEST(sessions_tell_who_is_connected_and_what_waits),
        TEST(routes_tell_who_gets_what_is_sent_and_who_waits),
        TEST(objects_tell_who_holds_them_and_who_is_admitted),
        TEST(allocations_and_the_registry_tell_whose_what_is),
        TEST(a_long_list_is_cut_and_says_how_long_it_is),
        TEST(figures_are_those_of_the_node),
        TEST(without_memory_there_is_no_list_and_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
