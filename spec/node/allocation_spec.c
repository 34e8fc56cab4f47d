/* core/node/allocation, tombstones and answers: addresses made, given back, and deleted. */
#include "support.h"

#define A    "hyperty-runtime://d/a/address-allocation"
#define A_SM "hyperty-runtime://d/a/sm"
#define B    "hyperty-runtime://d/b/address-allocation"
#define B_SM "hyperty-runtime://d/b/sm"

static hy_node_t *allocated(const runtime_t *r) {
    return hy_get_array(answered(r), "allocated");
}

static hy_str_t *one(runtime_t *r, const char *scheme) {
    return hy_str_from(allocate(r, scheme));
}

static int delete_address(runtime_t *r, const char *from, const hy_str_t *url) {
    char body[256];
    snprintf(body, sizeof body, "{\"childrenResources\":[\"%s\"]}", url->bytes);
    return ask(r, "delete", from, ALLOC, body);
}

static void as_many_addresses_are_made_as_are_asked_for(void **state) {
    (void)state;
    assert_int_equal(ask(&a, "create", A, ALLOC, "{\"scheme\":\"comm\",\"value\":{\"number\":3}}"),
                     200);
    assert_int_equal(hy_node_count(allocated(&a)), 3);
    for (size_t i = 0; i < 3; i++) {
        const hy_str_t *url = hy_node_at(allocated(&a), i).as.s;
        assert_int_equal(url->len, strlen("comm://d/") + 36);
        assert_memory_equal(url->bytes, "comm://d/", 9);
    }
    assert_int_equal(ask(&a, "create", A, ALLOC, "{\"value\":{\"number\":1000}}"), 200);
    assert_int_equal(hy_node_count(allocated(&a)), 1000);
    assert_memory_equal(hy_node_at(allocated(&a), 0).as.s->bytes, "hyperty://d/", 12);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 1003);
}

static void the_older_names_are_the_same_function(void **state) {
    (void)state;
    const char *body = "{\"scheme\":\"ctxt\",\"value\":{\"number\":1}}";
    assert_int_equal(ask(&a, "create", A, "domain://msg-node.d/object-address-allocation", body),
                     200);
    assert_int_equal(ask(&a, "create", A, "domain://msg-node.d/hyperty-address-allocation", body),
                     200);
}

static void a_malformed_request_is_400(void **state) {
    static const char *const bad[] = {
        "{\"value\":{\"number\":0}}",
        "{\"value\":{\"number\":1001}}",
        "{\"value\":{\"number\":-1}}",
        "{\"value\":{\"number\":\"2\"}}",
        "{\"value\":{\"number\":1.5}}",
        "{\"value\":{\"number\":1,\"allocationKey\":7}}",
        "{\"scheme\":7,\"value\":{\"number\":1}}",
        "{\"scheme\":\"\",\"value\":{\"number\":1}}",
        "{\"scheme\":\"a b\",\"value\":{\"number\":1}}",
        "{\"scheme\":\"a://b\",\"value\":{\"number\":1}}",
        "{\"scheme\":\"1a\",\"value\":{\"number\":1}}",
        "{\"scheme\":\"domain\",\"value\":{\"number\":1}}",
        "{\"scheme\":\"user\",\"value\":{\"number\":1}}",
        "{\"scheme\":\"abcdefghijklmnopqrstuvwxyzabcdefg\",\"value\":{\"number\":1}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ask(&a, "create", A, ALLOC, bad[i]), 400);
    assert_int_equal(ask(&a, "delete", A, ALLOC, "{}"), 400);
    assert_int_equal(ask(&a, "delete", A, ALLOC, "{\"resource\":7}"), 400);
    assert_int_equal(ask(&a, "delete", A, ALLOC, "{\"resource\":[\"a\",\"b\"]}"), 400);
    assert_int_equal(ask(&a, "delete", A, ALLOC, "{\"childrenResources\":{}}"), 400);
    assert_int_equal(ask(&a, "delete", A, ALLOC, "{\"childrenResources\":[[[\"x\"]]]}"), 400);
    assert_int_equal(ask(&a, "update", A, ALLOC, "{}"), 400);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 0);
}

static void an_address_is_given_back_once(void **state) {
    (void)state;
    hy_str_t *url = one(&a, "hyperty");
    assert_int_equal(delete_address(&b, B, url), 403);
    assert_int_equal(delete_address(&a, A, url), 200);
    assert_int_equal(delete_address(&a, A, url), 404);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 0);
    hy_str_unref(url);
}

static void a_delete_that_is_refused_in_part_does_nothing(void **state) {
    char body[512];
    (void)state;
    hy_str_t *mine = one(&a, "comm"), *other = one(&b, "comm");
    snprintf(body, sizeof body, "{\"childrenResources\":[\"%s\",\"%s\"]}", mine->bytes,
             other->bytes);
    assert_int_equal(ask(&a, "delete", A, ALLOC, body), 403);
    snprintf(body, sizeof body, "{\"childrenResources\":[\"%s\",\"comm://d/x\"]}", mine->bytes);
    assert_int_equal(ask(&a, "delete", A, ALLOC, body), 404);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 2);
    hy_str_unref(mine);
    hy_str_unref(other);
}

static void addresses_may_come_in_a_list_in_a_list(void **state) {
    char body[512];
    (void)state;
    hy_str_t *x = one(&a, "comm"), *y = one(&a, "comm");
    snprintf(body, sizeof body, "{\"childrenResources\":[[\"%s\",\"%s\",\"%s\"]]}", x->bytes,
             y->bytes, x->bytes);
    assert_int_equal(ask(&a, "delete", A, ALLOC, body), 200);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 0);
    hy_str_unref(x);
    hy_str_unref(y);
}

static void all_of_a_key_is_given_back_at_once(void **state) {
    const char *create = "{\"value\":{\"number\":2,\"allocationKey\":\"k\"}}";
    (void)state;
    assert_int_equal(ask(&a, "delete", A, ALLOC, "{\"resource\":\"k\"}"), 404);
    ask(&a, "create", A, ALLOC, create);
    ask(&a, "create", A, ALLOC, create);
    ask(&a, "create", A, ALLOC, "{\"value\":{\"number\":1}}");
    assert_int_equal(ask(&b, "delete", B, ALLOC, "{\"resource\":\"k\"}"), 403);
    ask(&b, "create", B, ALLOC, create); /* a key of its own */
    assert_int_equal(ask(&a, "delete", A, ALLOC, "{\"resource\":[\"k\"]}"), 200);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 3);
    assert_int_equal(ask(&a, "delete", A, ALLOC, "{\"resource\":\"k\"}"), 403);
    assert_int_equal(ask(&b, "delete", B, ALLOC, "{\"resource\":\"k\"}"), 200);
    assert_int_equal(ask(&b, "delete", B, ALLOC, "{\"resource\":\"k\"}"), 404);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 1);
}

static void a_key_ends_with_its_last_address(void **state) {
    char body[256];
    (void)state;
    ask(&a, "create", A, ALLOC, "{\"value\":{\"number\":1,\"allocationKey\":\"k\"}}");
    hy_str_t *url = hy_str_ref(hy_node_at(allocated(&a), 0).as.s);
    snprintf(body, sizeof body, "{\"resource\":\"k\",\"childrenResources\":[\"%s\"]}", url->bytes);
    assert_int_equal(ask(&a, "delete", A, ALLOC, body), 200);
    assert_int_equal(ask(&a, "delete", A, ALLOC, "{\"resource\":\"k\"}"), 404);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 0);
    hy_str_unref(url);
}

static void a_repeated_create_is_answered_as_before(void **state) {
    (void)state;
    send_with(&a, 900, "create", A, ALLOC, "{\"value\":{\"number\":2}}");
    send_with(&a, 900, "create", A, ALLOC, "{\"value\":{\"number\":2}}");
    assert_int_equal(a.count, 2);
    assert_ptr_equal(a.inbox[0], a.inbox[1]);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 2);
    hy_clock_advance(&the_clock, HY_ANSWER_KEPT_MS);
    send_with(&a, 900, "create", A, ALLOC, "{\"value\":{\"number\":2}}");
    assert_int_equal(hy_node_server_stats(the_node).allocated, 4);
}

static void answers_that_are_kept_are_bounded(void **state) {
    (void)state;
    for (int64_t i = 0; i < HY_NODE_ANSWERS_KEPT_MAX + 10; i++) {
        send_with(&a, 1000 + i, "execute", A, SM, "{\"method\":\"holder\",\"params\":[\"x://y\"]}");
        came(&a);
    }
    send_with(&a, 1000, "create", A, ALLOC, "{\"value\":{\"number\":1}}");
    assert_int_equal(hy_node_server_stats(the_node).allocated, 1); /* that answer was forgotten */
}

static void a_deleted_object_is_410_for_a_day(void **state) {
    char body[256], sub[256], changes[256];
    (void)state;
    hy_str_t *url = one(&a, "comm");
    snprintf(body, sizeof body, "{\"resources\":[\"%s\"],\"guard\":true}", url->bytes);
    snprintf(sub, sizeof sub, "%s/subscription", url->bytes);
    snprintf(changes, sizeof changes, "%s/changes", url->bytes);
    assert_int_equal(ask(&a, "subscribe", A_SM, SM, body), 200);
    assert_int_equal(subscribe(&b, B_SM, changes), 200);
    assert_int_equal(delete_address(&a, A, url), 200);
    assert_int_equal(hy_node_server_stats(the_node).routes, 0);
    for (int i = 0; i < 2; i++) {
        int code = i == 0 ? 410 : 404;
        assert_int_equal(ask(&b, "read", B_SM, url->bytes, NULL), code);
        assert_int_equal(ask(&b, "subscribe", B_SM, sub, "{}"), code);
        snprintf(body, sizeof body, "{\"method\":\"holder\",\"params\":[\"%s\"]}", url->bytes);
        assert_int_equal(ask(&b, "execute", B_SM, SM, body), code);
        assert_int_equal(subscribe(&b, B_SM, changes), i == 0 ? 410 : 200);
        hy_clock_advance(&the_clock, HY_TOMBSTONE_MS);
    }
    hy_str_unref(url);
}

static void a_deleted_object_cannot_be_claimed_again_that_day(void **state) {
    (void)state;
    const char *own = "comm://d/chosen-by-an-older-peer";
    hy_str_t *url = hy_str_from(own);
    assert_int_equal(subscribe(&a, A_SM, own), 200);
    assert_int_equal(delete_address(&a, A, url), 200);
    assert_int_equal(subscribe(&a, A_SM, own), 410);
    assert_int_equal(ask(&b, "update", B_SM, "comm://d/chosen-by-an-older-peer/children/m", NULL),
                     410);
    hy_str_unref(url);
}

static void a_hyperty_that_is_given_back_is_just_gone(void **state) {
    (void)state;
    hy_str_t *url = one(&a, "hyperty");
    assert_int_equal(delete_address(&a, A, url), 200);
    assert_int_equal(ask(&b, "read", B_SM, url->bytes, NULL), 404);
    hy_str_unref(url);
}

static void a_runtime_address_ends_with_its_session_only(void **state) {
    (void)state;
    assert_int_equal(delete_address(&a, A, hy_peer_runtime(a.peer)), 403);
    assert_int_equal(ask(&a, "delete", A, ALLOC, "{\"resource\":\"hyperty-runtime://d/a\"}"), 403);
    assert_int_equal(ask(&b, "read", B_SM, A_SM, NULL), 0);
}

static void tombstones_are_bounded_and_the_oldest_goes_first(void **state) {
    char body[128];
    (void)state;
    for (unsigned i = 0; i < HY_TOMBSTONES_MAX + 1; i++) {
        snprintf(body, sizeof body, "comm://d/o%u", i);
        assert_int_equal(subscribe(&a, A_SM, body), 200);
        snprintf(body, sizeof body, "{\"resource\":\"comm://d/o%u\"}", i);
        assert_int_equal(ask(&a, "delete", A, ALLOC, body), 200);
    }
    assert_int_equal(ask(&b, "read", B_SM, "comm://d/o0", NULL), 404);
    assert_int_equal(ask(&b, "read", B_SM, "comm://d/o1", NULL), 410);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(as_many_addresses_are_made_as_are_asked_for),
        TEST(the_older_names_are_the_same_function),
        TEST(a_malformed_request_is_400),
        TEST(an_address_is_given_back_once),
        TEST(a_delete_that_is_refused_in_part_does_nothing),
        TEST(addresses_may_come_in_a_list_in_a_list),
        TEST(all_of_a_key_is_given_back_at_once),
        TEST(a_key_ends_with_its_last_address),
        TEST(a_repeated_create_is_answered_as_before),
        TEST(answers_that_are_kept_are_bounded),
        TEST(a_deleted_object_is_410_for_a_day),
        TEST(a_deleted_object_cannot_be_claimed_again_that_day),
        TEST(a_hyperty_that_is_given_back_is_just_gone),
        TEST(a_runtime_address_ends_with_its_session_only),
        TEST(tombstones_are_bounded_and_the_oldest_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
