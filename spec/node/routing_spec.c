/* core/node/topics and subscribe: who gets what, and all forms of subscribing. */
#include "support.h"

#define OBJECT "comm://d/o"
#define A_SM   "hyperty-runtime://d/a/sm"
#define B_SM   "hyperty-runtime://d/b/sm"
#define C_SM   "hyperty-runtime://d/c/sm"

static void a_message_is_delivered_once_to_each_subscribed_session_but_its_own(void **state) {
    (void)state;
    subscribe(&a, A_SM, OBJECT);
    subscribe(&a, A_SM, OBJECT "/changes");
    subscribe(&b, "hyperty://d/h1", OBJECT "/changes");
    subscribe(&b, "hyperty://d/h2", OBJECT "/changes");
    subscribe(&c, "hyperty://d/k", OBJECT "/changes");
    tell(&a, "update", OBJECT, OBJECT "/changes", "{\"version\":1}");
    assert_int_equal(came(&a), 0);
    assert_int_equal(came(&c), 1);
    assert_int_equal(b.count, 1);
    assert_int_equal(hy_get_int(hy_msg_body(b.inbox[0]), "version", 0), 1);
}

static void a_relayed_message_is_passed_on_as_it_is(void **state) {
    (void)state;
    const char text[] = "{ \"type\": \"Update\",\"extra\":[1.50],\"from\":\"comm://d/o\", "
                        "\"to\":\"comm://d/o/changes\",\"body\":{\"via\":\"x\"} }";
    subscribe(&a, A_SM, OBJECT);
    subscribe(&b, B_SM, OBJECT "/changes");
    hy_str_t *s = hy_str_from(text);
    hy_msg_t *m;
    assert_int_equal(hy_msg_parse(s, &m, NULL), 0);
    hy_peer_receive(a.peer, m);
    assert_ptr_equal(b.inbox[0], m);
    assert_ptr_equal(hy_msg_text(b.inbox[0], NULL), s);
    hy_msg_unref(m);
    hy_str_unref(s);
}

static void without_subscribers_the_holder_gets_it(void **state) {
    (void)state;
    subscribe(&a, A_SM, OBJECT "/subscription"); /* claims the object */
    assert_int_equal(ask(&b, "read", "hyperty://d/h", OBJECT, NULL), 0);
    assert_int_equal(ask(&b, "create", "hyperty://d/h", OBJECT "/children/m", "{}"), 0);
    assert_int_equal(came(&a), 2);
}

static void with_subscribers_the_holder_gets_it_only_as_one_of_them(void **state) {
    (void)state;
    subscribe(&a, A_SM, OBJECT "/subscription");
    subscribe(&c, C_SM, OBJECT "/children/m");
    assert_int_equal(ask(&b, "create", "hyperty://d/h", OBJECT "/children/m", "{}"), 0);
    assert_int_equal(came(&c), 1);
    assert_int_equal(came(&a), 0);
}

static void nobody_is_404_but_silence_for_responses_and_what_is_published(void **state) {
    (void)state;
    assert_int_equal(ask(&a, "read", A_SM, "hyperty://d/nobody", NULL), 404);
    assert_non_null(strstr(hy_msg_desc(a.answer), "hyperty://d/nobody"));
    assert_int_equal(ask(&a, "read", A_SM, "comm://d/nobody", NULL), 404);
    assert_int_equal(ask(&a, "read", A_SM, "comm://d/nobody/subscription", NULL), 404);
    assert_int_equal(ask(&a, "create", A_SM, "comm://d/nobody/children/m", NULL), 0);
    assert_int_equal(ask(&a, "event", "hyperty://d/h", "hyperty://d/h/events", NULL), 0);
    assert_int_equal(ask(&a, "response", A_SM, "hyperty://d/nobody", "{\"code\":200}"), 0);
    tell(&a, "read", A_SM, "hyperty://d/nobody", NULL);
    assert_int_equal(came(&a), 0);
}

static void another_domain_is_404_unless_somebody_holds_it(void **state) {
    runtime_t far = {.count = 0};
    (void)state;
    assert_int_equal(ask(&a, "read", A_SM, "hyperty://e/h", NULL), 404);
    assert_int_equal(ask(&a, "create", A_SM, "comm://e/o/children/m", NULL), 404);
    assert_int_equal(ask(&a, "read", A_SM, "domain://registry.e", NULL), 404);
    assert_string_equal(hy_msg_desc(a.answer), "this node serves the domain d, not e");
    assert_int_equal(open_as(&far, "hyperty-runtime://e/r"), 200);
    assert_int_equal(ask(&far, "read", "hyperty://e/h", A_SM, NULL), 0);
    assert_int_equal(ask(&a, "read", A_SM, "hyperty://e/h", NULL), 0);
    assert_int_equal(came(&far), 1);
    leave(&far);
}

static void what_a_session_sends_to_itself_finds_nobody(void **state) {
    (void)state;
    assert_int_equal(ask(&a, "read", A_SM, "hyperty-runtime://d/a/registry", NULL), 404);
    subscribe(&a, A_SM, OBJECT);
    assert_int_equal(ask(&a, "update", OBJECT, OBJECT "/changes", "{}"), 0);
    assert_int_equal(a.count, 0);
}

static void all_forms_of_naming_resources_add_up(void **state) {
    static const struct {
        const char *body, *url;
    } forms[] = {
        {"{\"resources\":[\"comm://d/o/changes\"]}", OBJECT "/changes"},
        {"{\"resources\":\"comm://d/o/changes\"}", OBJECT "/changes"},
        {"{\"subscribe\":[\"comm://d/o/changes\"]}", OBJECT "/changes"},
        {"{\"resource\":\"comm://d/o\"}", OBJECT "/changes"},
        {"{\"resource\":\"comm://d/o/changes\"}", OBJECT "/changes"},
        {"{\"resource\":\"comm://d/o/registration\"}", OBJECT "/registration"},
        {"{\"resource\":\"comm://d/o\",\"childrenResources\":[\"m\"]}", OBJECT "/changes"},
        {"{\"resource\":\"comm://d/o\",\"childrenResources\":[\"n\",\"m\"]}", OBJECT "/children/m"},
        {"{\"resource\":\"comm://d/o/changes\",\"childrenResources\":[\"m\"]}",
         OBJECT "/children/m"},
        {"{\"resource\":\"comm://d/o\",\"childrenResources\":[\"comm://d/o/children/m\"]}",
         OBJECT "/children/m"},
        {"{\"subscribe\":[\"comm://d/x/changes\"],\"resources\":[\"comm://d/o/changes\"]}",
         OBJECT "/changes"},
        {"{\"resource\":\"comm://d/o\",\"resources\":[\"comm://d/x/changes\"]}", OBJECT "/changes"},
    };
    (void)state;
    subscribe(&a, A_SM, OBJECT);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        assert_int_equal(ask(&b, "subscribe", B_SM, SM, forms[i].body), 200);
        if (strstr(forms[i].url, "registration") == NULL) {
            tell(&a, "update", OBJECT, forms[i].url, "{}");
            assert_int_equal(came(&b), 1);
        }
        assert_int_equal(ask(&b, "unsubscribe", B_SM, SM, forms[i].body), 200);
        assert_int_equal(hy_node_server_stats(the_node).routes, 1);
    }
}

static void a_malformed_subscribe_is_400_and_does_nothing(void **state) {
    static const char *const bad[] = {
        "{}",
        "{\"resources\":7}",
        "{\"resources\":[]}",
        "{\"resources\":[7]}",
        "{\"resources\":[\"comm://d/o/changes\",\"nothing\"]}",
        "{\"resources\":[\"comm://d/o/changes\",\"comm://d\"]}",
        "{\"resources\":[\"comm://d/o/changes\"],\"source\":7}",
        "{\"childrenResources\":[\"m\"]}",
        "{\"resource\":\"comm://d/o\",\"childrenResources\":[\"m/n\"]}",
        "{\"resource\":\"comm://d/o\",\"childrenResources\":[{}]}",
        "{\"resources\":[\"comm://d/o\"],\"epoch\":7}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ask(&b, "subscribe", B_SM, SM, bad[i]), 400);
    assert_int_equal(ask(&b, "subscribe", B_SM, SM, NULL), 400);
    assert_int_equal(ask(&b, "update", B_SM, SM, "{}"), 400);
    assert_int_equal(hy_node_server_stats(the_node).routes, 0);
}

static void too_many_resources_in_one_request_are_413(void **state) {
    (void)state;
    hy_buf_t body;
    hy_buf_init(&body);
    hy_buf_text(&body, "{\"resource\":\"comm://d/o\",\"childrenResources\":[\"m0\"");
    for (unsigned i = 1; i < HY_SUBSCRIBE_RESOURCES_MAX; i++)
        hy_buf_format(&body, ",\"m%u\"", i);
    hy_buf_text(&body, "]}");
    hy_str_t *text = hy_buf_take(&body);
    assert_int_equal(ask(&b, "subscribe", B_SM, SM, text->bytes), 413);
    assert_int_equal(hy_node_server_stats(the_node).routes, 0);
    hy_str_unref(text);
}

static void a_subscribe_that_is_refused_in_part_does_nothing(void **state) {
    (void)state;
    subscribe(&a, A_SM, OBJECT);
    assert_int_equal(ask(&b, "subscribe", B_SM, SM,
                         "{\"resources\":[\"comm://d/x\",\"comm://d/o/changes\",\"comm://d/o\"]}"),
                     409);
    assert_int_equal(hy_node_server_stats(the_node).routes, 1);
    assert_int_equal(subscribe(&c, C_SM, "comm://d/x"), 200);
}

static void the_route_goes_with_its_last_source(void **state) {
    (void)state;
    subscribe(&a, A_SM, OBJECT);
    subscribe(&b, "hyperty://d/h1", OBJECT "/changes");
    subscribe(&b, "hyperty://d/h2", OBJECT "/changes");
    unsubscribe(&b, "hyperty://d/h1", OBJECT "/changes");
    tell(&a, "update", OBJECT, OBJECT "/changes", "{}");
    assert_int_equal(came(&b), 1);
    unsubscribe(&b, "hyperty://d/h2", OBJECT "/changes");
    tell(&a, "update", OBJECT, OBJECT "/changes", "{}");
    assert_int_equal(came(&b), 0);
}

static void the_source_is_from_unless_the_body_names_one(void **state) {
    (void)state;
    const char *resources = "{\"resources\":[\"comm://d/o/changes\"]}";
    assert_int_equal(ask(&b, "subscribe", "hyperty://d/h", SM, resources), 200);
    assert_int_equal(unsubscribe(&b, B_SM, OBJECT "/changes"), 200);
    assert_int_equal(hy_node_server_stats(the_node).routes, 1);
    assert_int_equal(unsubscribe(&b, "hyperty://d/h", OBJECT "/changes"), 200);
    assert_int_equal(hy_node_server_stats(the_node).routes, 0);
}

static void an_unsubscribe_without_source_clears_them_all(void **state) {
    (void)state;
    subscribe(&b, "hyperty://d/h1", OBJECT "/changes");
    subscribe(&b, "hyperty://d/h2", OBJECT "/changes");
    assert_int_equal(ask(&b, "unsubscribe", B_SM, SM, "{\"resources\":[\"comm://d/o/changes\"]}"),
                     200);
    assert_int_equal(hy_node_server_stats(the_node).routes, 0);
}

static void repeating_either_is_harmless(void **state) {
    (void)state;
    subscribe(&a, A_SM, OBJECT);
    for (int i = 0; i < 3; i++)
        assert_int_equal(subscribe(&b, B_SM, OBJECT "/changes"), 200);
    tell(&a, "update", OBJECT, OBJECT "/changes", "{}");
    assert_int_equal(came(&b), 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(unsubscribe(&b, B_SM, OBJECT "/changes"), 200);
    tell(&a, "update", OBJECT, OBJECT "/changes", "{}");
    assert_int_equal(came(&b), 0);
}

static void a_source_must_belong_to_its_session(void **state) {
    (void)state;
    subscribe(&b, "hyperty://d/h", OBJECT "/changes");
    assert_int_equal(ask(&c, "subscribe", C_SM, SM,
                         "{\"resources\":[\"comm://d/o/changes\"],\"source\":\"hyperty://d/h\"}"),
                     403);
}

static void children_covers_every_collection(void **state) {
    (void)state;
    subscribe(&a, A_SM, OBJECT "/subscription");
    subscribe(&b, B_SM, OBJECT "/children/");
    subscribe(&c, C_SM, OBJECT "/children/m");
    tell(&a, "create", OBJECT, OBJECT "/children/m", "{}");
    assert_int_equal(came(&b), 1);
    assert_int_equal(came(&c), 1);
    tell(&a, "create", OBJECT, OBJECT "/children/n", "{}");
    assert_int_equal(came(&b), 1);
    assert_int_equal(came(&c), 0);
    tell(&a, "create", OBJECT, OBJECT "/children/", "{}");
    assert_int_equal(came(&b), 1);
    assert_int_equal(came(&c), 0);
}

static void who_subscribes_a_collection_and_all_of_them_gets_it_once(void **state) {
    (void)state;
    subscribe(&b, B_SM, OBJECT "/children/");
    subscribe(&b, B_SM, OBJECT "/children/m");
    subscribe(&c, C_SM, OBJECT "/children/m");
    tell(&a, "create", "hyperty://d/h", OBJECT "/children/m", "{}");
    assert_int_equal(came(&b), 1);
    assert_int_equal(came(&c), 1);
    unsubscribe(&b, B_SM, OBJECT "/children/");
    tell(&a, "create", "hyperty://d/h", OBJECT "/children/m", "{}");
    assert_int_equal(came(&b), 1);
}

static void the_events_of_a_hyperty_reach_who_follows_it(void **state) {
    (void)state;
    subscribe(&b, B_SM, "hyperty://d/h/events");
    tell(&a, "event", "hyperty://d/h", "hyperty://d/h/events", "{}");
    assert_int_equal(came(&b), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_message_is_delivered_once_to_each_subscribed_session_but_its_own),
        TEST(a_relayed_message_is_passed_on_as_it_is),
        TEST(without_subscribers_the_holder_gets_it),
        TEST(with_subscribers_the_holder_gets_it_only_as_one_of_them),
        TEST(nobody_is_404_but_silence_for_responses_and_what_is_published),
        TEST(another_domain_is_404_unless_somebody_holds_it),
        TEST(what_a_session_sends_to_itself_finds_nobody),
        TEST(all_forms_of_naming_resources_add_up),
        TEST(a_malformed_subscribe_is_400_and_does_nothing),
        TEST(too_many_resources_in_one_request_are_413),
        TEST(a_subscribe_that_is_refused_in_part_does_nothing),
        TEST(the_route_goes_with_its_last_source),
        TEST(the_source_is_from_unless_the_body_names_one),
        TEST(an_unsubscribe_without_source_clears_them_all),
        TEST(repeating_either_is_harmless),
        TEST(a_source_must_belong_to_its_session),
        TEST(children_covers_every_collection),
        TEST(who_subscribes_a_collection_and_all_of_them_gets_it_once),
        TEST(the_events_of_a_hyperty_reach_who_follows_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
