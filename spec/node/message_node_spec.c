/* The message node as its stubs see it, told as stories: connect, allocate, subscribe and deliver,
 * register. What any message node must do for the runtimes of a domain, in the forms that both
 * kinds of stub send. */
#include "support.h"

#define A "hyperty-runtime://d/a"
#define B "hyperty-runtime://d/b"
#define C "hyperty-runtime://d/c"

static hy_str_t *field(const runtime_t *r, const char *key) {
    return hy_get_str(hy_msg_body(r->answer), key);
}

/* The i-th address of the last answer. */
static const char *allocated(const runtime_t *r, size_t i) {
    hy_value_t v = hy_node_at(hy_get_array(answered(r), "allocated"), i);
    return v.kind == HY_STR ? v.as.s->bytes : "";
}

static size_t allocated_count(const runtime_t *r) {
    hy_node_t *list = hy_get_array(answered(r), "allocated");
    return list ? hy_node_count(list) : 0;
}

/* --- connect ---------------------------------------------------------------------------------- */

static void a_stub_connects_is_cut_off_comes_back_and_leaves(void **state) {
    char session[HY_URL_BYTES_MAX];
    runtime_t r = {.count = 0};
    (void)state;
    plug(&r);
    assert_int_equal(shake(&r, "open", "hyperty-runtime://d/stub"), 200);
    assert_string_equal(r.answer->from->bytes, "mn:/session");
    assert_string_equal(r.answer->to->bytes, "hyperty-runtime://d/stub");
    snprintf(session, sizeof session, "hyperty-runtime://d/stub/%s",
             field(&r, "runtimeToken")->bytes);
    drop(&r);
    plug(&r);
    assert_int_equal(shake(&r, "re-open", session), 200);
    assert_int_equal(shake(&r, "close", session), 0);
    assert_null(r.peer);
    plug(&r);
    assert_int_equal(shake(&r, "re-open", session), 403);
    assert_int_equal(shake(&r, "open", "hyperty-runtime://d/stub"), 200);
    assert_int_equal(shake(&r, "close", "hyperty-runtime://d/stub"), 0);
    assert_null(r.peer);
    clear(&r);
}

/* The older stub: ids are texts, the header is in another order, type words are in capitals. */
static void an_older_stub_connects_in_its_own_words(void **state) {
    runtime_t r = {.count = 0};
    char text[512];
    (void)state;
    plug(&r);
    const char *open = "{\"body\":{},\"to\":\"mn:/session\",\"from\":\"runtime://d/old\","
                       "\"type\":\"OPEN\",\"id\":\"1\"}";
    assert_true(give(&r, open, strlen(open)));
    assert_int_equal(r.count, 1);
    assert_true(hy_str_is(r.inbox[0]->id.as.s, "1"));
    hy_str_t *token = hy_str_ref(hy_get_str(hy_msg_body(r.inbox[0]), "runtimeToken"));
    clear(&r);
    drop(&r);
    plug(&r);
    snprintf(text, sizeof text,
             "{\"id\":\"2\",\"type\":\"RE-OPEN\",\"from\":\"runtime://d/old/%s\","
             "\"to\":\"mn:/session\",\"body\":{\"extra\":1},\"unknown\":[]}",
             token->bytes);
    assert_true(give(&r, text, strlen(text)));
    assert_int_equal(hy_msg_code(r.inbox[0]), 200);
    const char *close = "{\"type\":\"Close\",\"from\":\"runtime://d/old\",\"to\":\"mn:/session\"}";
    assert_false(give(&r, close, strlen(close)));
    assert_int_equal(r.closed, HY_CLOSE_NORMAL);
    hy_str_unref(token);
    clear(&r);
}

/* --- allocation ------------------------------------------------------------------------------- */

static void hyperty_addresses_are_allocated_one_and_many(void **state) {
    static const char *const doors[] = {ALLOC, "domain://msg-node.d/hyperty-address-allocation"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ask(&a, "create", A "/registry", doors[i], "{\"value\":{\"number\":1}}"),
                         200);
        assert_int_equal(allocated_count(&a), 1);
        assert_int_equal(strncmp(allocated(&a, 0), "hyperty://d/", 12), 0);
        assert_int_equal(strlen(allocated(&a, 0)), 12 + 36);
        assert_int_equal(ask(&a, "create", A "/registry", doors[i], "{\"value\":{\"number\":3}}"),
                         200);
        assert_int_equal(allocated_count(&a), 3);
        assert_string_not_equal(allocated(&a, 0), allocated(&a, 1));
        assert_string_not_equal(allocated(&a, 1), allocated(&a, 2));
    }
}

static void object_addresses_have_the_scheme_that_is_asked_for(void **state) {
    static const char *const doors[] = {ALLOC, "domain://msg-node.d/object-address-allocation"};
    static const char *const schemes[] = {"comm", "connection", "ctxt", "resource", "my-own.1"};
    char body[128], start[64];
    (void)state;
    for (size_t i = 0; i < 10; i++) {
        const char *scheme = schemes[i % 5];
        snprintf(body, sizeof body, "{\"scheme\":\"%s\",\"value\":{\"number\":2}}", scheme);
        snprintf(start, sizeof start, "%s://d/", scheme);
        assert_int_equal(ask(&a, "create", A "/sm", doors[i / 5], body), 200);
        assert_int_equal(allocated_count(&a), 2);
        assert_int_equal(strncmp(allocated(&a, 1), start, strlen(start)), 0);
    }
}

static void a_block_is_given_back_by_its_key(void **state) {
    (void)state;
    const char *block =
        "{\"scheme\":\"comm\",\"value\":{\"number\":5,\"allocationKey\":\"block\"}}";
    assert_int_equal(ask(&a, "create", A, ALLOC, block), 200);
    hy_str_t *one = hy_str_from(allocated(&a, 4));
    assert_int_equal(hy_node_server_stats(the_node).allocated, 5);
    assert_int_equal(subscribe(&b, B, one->bytes), 403);
    assert_int_equal(ask(&b, "delete", B, ALLOC, "{\"resource\":\"block\"}"), 403);
    assert_int_equal(ask(&a, "delete", A, ALLOC, "{\"resource\":\"block\"}"), 200);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 0);
    assert_int_equal(ask(&a, "delete", A, ALLOC, "{\"resource\":\"block\"}"), 404);
    assert_int_equal(ask(&b, "read", B, one->bytes, NULL), 410);
    assert_int_equal(ask(&a, "create", A, ALLOC, block), 200); /* the key is free again */
    assert_int_equal(ask(&a, "delete", A, ALLOC, "{\"resource\":[\"block\"]}"), 200);
    hy_str_unref(one);
}

static void addresses_are_given_back_one_by_one_and_in_nested_lists(void **state) {
    static const char *const forms[] = {
        "{\"childrenResources\":[\"%s\",\"%s\"]}", "{\"childrenResources\":[[\"%s\",\"%s\"]]}",
        "{\"childrenResources\":[[\"%s\"],[\"%s\"]]}", "{\"childrenResources\":[\"%s\",[\"%s\"]]}"};
    char body[512];
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        ask(&a, "create", A, ALLOC, "{\"scheme\":\"comm\",\"value\":{\"number\":2}}");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(body, sizeof body, forms[i], allocated(&a, 0), allocated(&a, 1));
#pragma GCC diagnostic pop
        assert_int_equal(ask(&b, "delete", B, ALLOC, body), 403);
        assert_int_equal(ask(&a, "delete", A, ALLOC, body), 200);
        assert_int_equal(hy_node_server_stats(the_node).allocated, 0);
        assert_int_equal(ask(&a, "delete", A, ALLOC, body), 404);
    }
}

static void a_hyperty_is_reached_at_its_allocated_address(void **state) {
    (void)state;
    hy_str_t *hyperty = hy_str_from(allocate(&a, "hyperty"));
    assert_int_equal(ask(&b, "execute", "hyperty://d/k", hyperty->bytes, "{\"method\":\"m\"}"), 0);
    assert_int_equal(a.count, 1);
    send_with(&a, a.inbox[0]->id.as.i, "response", hyperty->bytes, "hyperty://d/k",
              "{\"code\":\"200\",\"description\":\"done\",\"via\":\"runtime://e/protostub/1\"}");
    assert_int_equal(b.count, 1);
    assert_int_equal(hy_msg_code(b.inbox[0]), 200); /* as it was sent */
    assert_string_equal(hy_msg_desc(b.inbox[0]), "done");
    assert_true(hy_str_is(hy_get_str(hy_msg_body(b.inbox[0]), "via"), "runtime://e/protostub/1"));
    hy_str_unref(hyperty);
}

/* --- subscribe and deliver -------------------------------------------------------------------- */

static void an_object_is_offered_observed_and_deleted(void **state) {
    char body[1024], changes[128], children[128], subscription[128];
    (void)state;
    hy_str_t *object = hy_str_from(allocate(&a, "comm"));
    snprintf(changes, sizeof changes, "%s/changes", object->bytes);
    snprintf(children, sizeof children, "%s/children/chatmessages", object->bytes);
    snprintf(subscription, sizeof subscription, "%s/subscription", object->bytes);
    /* the reporter's side */
    snprintf(body, sizeof body,
             "{\"subscribe\":[\"%s\",\"%s\",\"%s\"],\"source\":\"hyperty://d/r\"}", object->bytes,
             subscription, children);
    assert_int_equal(ask(&a, "subscribe", A "/sm", SM, body), 200);
    /* the observer's: the older form, then its request to the reporter, and the answer */
    snprintf(body, sizeof body,
             "{\"resource\":\"%s\",\"childrenResources\":[\"chatmessages\"],"
             "\"source\":\"hyperty://d/o\"}",
             object->bytes);
    assert_int_equal(ask(&b, "subscribe", B "/sm", SM, body), 200);
    send_with(&b, 11, "subscribe", B "/sm", subscription,
              "{\"source\":\"hyperty://d/o\",\"subscriber\":\"hyperty://d/o\"}");
    assert_int_equal(came(&a), 1);
    send_with(&a, 11, "response", subscription, B "/sm", "{\"code\":200,\"value\":{}}");
    assert_int_equal(came(&b), 1);
    /* changes, children from both sides, the children's answers */
    tell(&a, "update", object->bytes, changes, "{\"version\":1,\"attribute\":\"x\",\"value\":2}");
    assert_int_equal(came(&b), 1);
    send_with(&b, 12, "create", "hyperty://d/o", children, "{\"resource\":\"o#1\"}");
    assert_int_equal(came(&a), 1);
    send_with(&a, 12, "response", children, "hyperty://d/o", "{\"code\":100}");
    assert_int_equal(came(&b), 1);
    tell(&a, "create", "hyperty://d/r", children, "{\"resource\":\"r#1\"}");
    assert_int_equal(came(&b), 1);
    assert_int_equal(came(&c), 0);
    /* the end */
    tell(&a, "delete", subscription, changes, "{}");
    assert_int_equal(came(&b), 1);
    snprintf(body, sizeof body, "{\"childrenResources\":[\"%s\"]}", object->bytes);
    assert_int_equal(ask(&a, "delete", A, ALLOC, body), 200);
    assert_int_equal(hy_node_server_stats(the_node).routes, 0);
    assert_int_equal(ask(&b, "read", "hyperty://d/o", object->bytes, NULL), 410);
    assert_int_equal(ask(&b, "subscribe", B "/sm", subscription, "{}"), 410);
    assert_int_equal(subscribe(&b, "hyperty://d/o", changes), 410);
    hy_clock_advance(&the_clock, HY_TOMBSTONE_MS + 1);
    assert_int_equal(ask(&b, "read", "hyperty://d/o", object->bytes, NULL), 404);
    hy_str_unref(object);
}

static void an_unsubscribe_ends_delivery_in_all_forms(void **state) {
    static const char *const forms[] = {
        "{\"resources\":[\"comm://d/o/changes\",\"comm://d/o/children/m\"],\"source\":\"hyperty://"
        "d/o\"}",
        "{\"resource\":\"comm://d/o\",\"childrenResources\":[\"m\"],\"source\":\"hyperty://d/o\"}",
        "{\"resource\":\"comm://d/o\",\"childrenResources\":[\"m\"]}",
        "{\"resource\":\"comm://d/o\",\"resources\":[\"comm://d/o/changes\","
        "\"comm://d/o/children/m\"]}",
        "{\"resource\":\"comm://d/o/changes\",\"resources\":[\"comm://d/o/children/m\"]}",
        "{\"subscribe\":[\"comm://d/o/changes\",\"comm://d/o/children/m\"]}",
        "{\"resource\":[\"comm://d/o/changes\",\"comm://d/o/children/m\"]}",
    };
    (void)state;
    subscribe(&a, A "/sm", "comm://d/o");
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        subscribe(&b, "hyperty://d/o", "comm://d/o/changes");
        subscribe(&b, "hyperty://d/o", "comm://d/o/children/m");
        tell(&a, "update", "comm://d/o", "comm://d/o/changes", "{}");
        tell(&a, "create", "comm://d/o", "comm://d/o/children/m", "{}");
        assert_int_equal(came(&b), 2);
        assert_int_equal(ask(&b, "unsubscribe", B "/sm", SM, forms[i]), 200);
        tell(&a, "update", "comm://d/o", "comm://d/o/changes", "{}");
        tell(&a, "create", "comm://d/o", "comm://d/o/children/m", "{}");
        assert_int_equal(came(&b), 0);
        assert_int_equal(hy_node_server_stats(the_node).routes, 1);
    }
}

static void many_observers_hear_each_change_once(void **state) {
    enum { MANY = 50 };
    static runtime_t r[MANY];
    char url[64];
    (void)state;
    subscribe(&a, A "/sm", "comm://d/o");
    for (int i = 0; i < MANY; i++) {
        snprintf(url, sizeof url, "hyperty-runtime://d/many-%d", i);
        r[i] = (runtime_t){.count = 0};
        assert_int_equal(open_as(&r[i], url), 200);
        assert_int_equal(subscribe(&r[i], url, "comm://d/o/changes"), 200);
    }
    for (int i = 0; i < 3; i++)
        tell(&a, "update", "comm://d/o", "comm://d/o/changes", "{}");
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(came(&r[i]), 3);
        leave(&r[i]);
    }
}

/* --- registry --------------------------------------------------------------------------------- */

static int registry(runtime_t *r, const char *type, const char *from, const char *body) {
    return ask(r, type, from, REGISTRY, body);
}

/* Reads; gives how many are found, below 0 the code of a refusal. */
static int found(const char *body) {
    int code = registry(&c, "read", C "/registry", body);
    if (code != 200 && code != 408) return -code;
    hy_value_t v = hy_get(hy_msg_body(c.answer), "value");
    assert_int_equal(v.kind, HY_ARRAY);
    return (int)hy_node_count(v.as.n);
}

static hy_str_t *found_field(const char *key) {
    hy_value_t v = hy_get(hy_msg_body(c.answer), "value");
    return hy_get_str(hy_node_at(v.as.n, 0).as.n, key);
}

static void a_hyperty_is_registered_found_kept_alive_and_removed(void **state) {
    (void)state;
    assert_int_equal(
        registry(&a, "create", A "/registry",
                 "{\"value\":{\"url\":\"hyperty://d/h\",\"type\":\"hyperty\","
                 "\"user\":\"user://idp.d/ann\",\"descriptor\":\"hyperty-catalogue://catalogue.d/"
                 ".well-known/hyperty/Chat\",\"dataSchemes\":[\"comm\",\"ctxt\"],"
                 "\"resources\":[\"chat\",\"voice\"],\"runtime\":\"" A "\",\"expires\":10}}"),
        200);
    assert_int_equal(found("{\"resource\":\"hyperty://d/h\"}"), 1);
    assert_true(hy_str_is(found_field("status"), "live"));
    assert_int_equal(found("{\"resource\":\"/hyperty/user/user://idp.d/ann\"}"), 1);
    assert_int_equal(found("{\"resource\":\"/hyperty/url/hyperty://d/h\"}"), 1);
    assert_int_equal(found("{\"resource\":\"/hyperty/h\"}"), 1);
    assert_int_equal(found("{\"resource\":\"/hyperty/user/user://idp.d/bob\"}"), -404);
    assert_int_equal(found("{\"resource\":\"/dataObject/user/user://idp.d/ann\"}"), -404);
    subscribe(&b, B "/sm", "hyperty://d/h/registration");
    for (int i = 0; i < 3; i++) {
        hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + 9000);
        assert_int_equal(registry(&a, "update", A "/registry", "{\"resource\":\"hyperty://d/h\"}"),
                         200);
    }
    assert_int_equal(came(&b), 0);
    hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + 10000);
    assert_int_equal(b.count, 1);
    hy_msg_t *m = b.inbox[0];
    assert_string_equal(m->from->bytes, REGISTRY);
    assert_true(hy_str_is(hy_get_str(hy_msg_body(m), "value"), "disconnected"));
    came(&b);
    assert_int_equal(found("{\"resource\":\"hyperty://d/h\"}"), 1);
    assert_int_equal(hy_msg_code(c.answer), 408);
    assert_int_equal(registry(&a, "update", A "/registry", "{\"resource\":\"hyperty://d/h\"}"),
                     200);
    assert_int_equal(came(&b), 1); /* live again */
    assert_int_equal(registry(&b, "delete", B, "{\"resource\":\"hyperty://d/h\"}"), 403);
    assert_int_equal(registry(&a, "delete", A, "{\"resource\":\"hyperty://d/h\"}"), 200);
    assert_int_equal(found("{\"resource\":\"hyperty://d/h\"}"), -404);
    assert_int_equal(registry(&a, "delete", A, "{\"resource\":\"hyperty://d/h\"}"), 404);
}

static void hypertys_are_found_by_what_they_can(void **state) {
    static const struct {
        const char *criteria;
        int found;
    } reads[] = {
        {"{\"resources\":[\"chat\"]}", 2},
        {"{\"resources\":[\"voice\"]}", 1},
        {"{\"resources\":[\"chat\",\"voice\"]}", 1},
        {"{\"resources\":[\"video\"]}", -404},
        {"{\"dataSchemes\":[\"comm\"]}", 2},
        {"{\"dataSchemes\":[\"ctxt\"],\"resources\":[\"chat\"]}", 1},
        {"{\"dataSchemes\":[\"ctxt\"],\"resources\":[\"voice\"]}", -404},
        {"{\"resources\":[]}", 2},
        {"{}", 2},
        {"null", 2},
        {"7", -400},
        {"[]", -400},
    };
    char body[256];
    (void)state;
    registry(&a, "create", A,
             "{\"value\":{\"url\":\"hyperty://d/h1\",\"user\":\"user://d/u\","
             "\"dataSchemes\":[\"comm\"],\"resources\":[\"chat\",\"voice\"]}}");
    registry(&b, "create", B,
             "{\"value\":{\"url\":\"hyperty://d/h2\",\"user\":\"user://d/u\","
             "\"dataSchemes\":[\"comm\",\"ctxt\"],\"resources\":[\"chat\"]}}");
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        snprintf(body, sizeof body, "{\"resource\":\"/hyperty/user/user://d/u\",\"criteria\":%s}",
                 reads[i].criteria);
        assert_int_equal(found(body), reads[i].found);
    }
}

static void a_data_object_is_found_in_each_way(void **state) {
    static const char *const ways[] = {"comm://d/o",
                                       "/dataObject/o",
                                       "/dataObject/comm://d/o",
                                       "/dataObject/url/comm://d/o",
                                       "/dataObject/user/user://d/u",
                                       "/dataObject/name/the room",
                                       "/dataObject/reporter/hyperty://d/r",
                                       "/dataObject/schema/hyperty-catalogue://catalogue.d/"
                                       ".well-known/dataschema/Communication"};
    char body[256];
    (void)state;
    subscribe(&a, A "/sm", "comm://d/o");
    assert_int_equal(
        registry(&a, "create", A "/sm",
                 "{\"value\":{\"url\":\"comm://d/o\",\"type\":\"dataObject\",\"name\":\"the room\","
                 "\"user\":\"user://d/u\",\"reporter\":\"hyperty://d/r\",\"resources\":[\"chat\"],"
                 "\"schema\":\"hyperty-catalogue://catalogue.d/.well-known/dataschema/"
                 "Communication\",\"runtime\":\"" A "\"}}"),
        200);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        snprintf(body, sizeof body, "{\"resource\":\"%s\"}", ways[i]);
        assert_int_equal(found(body), 1);
        assert_true(hy_str_is(found_field("url"), "comm://d/o"));
    }
    /* its status, by attribute and by value, told once each */
    subscribe(&b, B "/sm", "comm://d/o/registration");
    registry(&a, "update", A,
             "{\"resource\":\"comm://d/o\",\"attribute\":\"status\",\"value\":\"disconnected\"}");
    assert_int_equal(came(&b), 1);
    assert_int_equal(found("{\"resource\":\"comm://d/o\"}"), 1);
    assert_int_equal(hy_msg_code(c.answer), 408);
    registry(&a, "update", A, "{\"resource\":\"comm://d/o\"}"); /* said so itself: it stays so */
    assert_int_equal(came(&b), 0);
    registry(&a, "update", A, "{\"resource\":\"/dataObject/o\",\"value\":{\"status\":\"live\"}}");
    assert_int_equal(came(&b), 1);
    assert_int_equal(found("{\"resource\":\"comm://d/o\"}"), 1);
    assert_int_equal(hy_msg_code(c.answer), 200);
    leave(&a);
    assert_int_equal(came(&b), 1);
}

static void what_the_functions_do_not_serve_is_400(void **state) {
    static const char *const functions[] = {SM, ALLOC, REGISTRY};
    static const char *const types[] = {"forward", "event", "execute", "open", "re-open", "close"};
    (void)state;
    for (size_t f = 0; f < 3; f++)
        for (size_t t = 0; t < 6; t++)
            assert_int_equal(ask(&a, types[t], A, functions[f], "{\"method\":\"sing\"}"), 400);
    assert_int_equal(ask(&a, "create", A, SM, "{}"), 400);
    assert_int_equal(ask(&a, "read", A, ALLOC, "{}"), 400);
    assert_int_equal(ask(&a, "subscribe", A, REGISTRY, "{}"), 400);
    assert_int_equal(ask(&a, "create", A, REGISTRY, "{\"value\":{\"url\":\"a\",\"url\":\"b\"}}"),
                     400);
    assert_int_equal(ask(&a, "read", A, "domain://msg-node.d/unknown", "{}"), 404);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_stub_connects_is_cut_off_comes_back_and_leaves),
        TEST(an_older_stub_connects_in_its_own_words),
        TEST(hyperty_addresses_are_allocated_one_and_many),
        TEST(object_addresses_have_the_scheme_that_is_asked_for),
        TEST(a_block_is_given_back_by_its_key),
        TEST(addresses_are_given_back_one_by_one_and_in_nested_lists),
        TEST(a_hyperty_is_reached_at_its_allocated_address),
        TEST(an_object_is_offered_observed_and_deleted),
        TEST(an_unsubscribe_ends_delivery_in_all_forms),
        TEST(many_observers_hear_each_change_once),
        TEST(a_hyperty_is_registered_found_kept_alive_and_removed),
        TEST(hypertys_are_found_by_what_they_can),
        TEST(a_data_object_is_found_in_each_way),
        TEST(what_the_functions_do_not_serve_is_400),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
