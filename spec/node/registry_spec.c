/* core/node/registry and entries: the domain registry. */
#include "support.h"

#define REG "hyperty-runtime://d/a/registry"
#define H   "hyperty://d/h"
#define O   "comm://d/o"

static const char HYPERTY[] =
    "{\"value\":{\"url\":\"" H "\",\"type\":\"hyperty\",\"user\":\"user://d/anna\","
    "\"dataSchemes\":[\"comm\",\"ctxt\"],\"resources\":[\"chat\"],\"status\":\"live\","
    "\"runtime\":\"hyperty-runtime://d/a\",\"expires\":10}}";
static const char OBJECT[] =
    "{\"value\":{\"url\":\"" O "\",\"type\":\"dataObject\",\"user\":\"user://d/anna\","
    "\"name\":\"kitchen/window\",\"schema\":\"hyperty-catalogue://d/Context\","
    "\"reporter\":\"" H "\",\"resources\":[\"temperature\"]}}";

static int look(runtime_t *r, const char *resource) {
    char body[512];
    snprintf(body, sizeof body, "{\"resource\":\"%s\"}", resource);
    return ask(r, "read", "hyperty://d/reader", REGISTRY, body);
}

static hy_node_t *entry(const runtime_t *r, size_t i) {
    hy_value_t v = hy_node_at(answered(r), i);
    return v.kind == HY_OBJECT ? v.as.n : NULL;
}

static size_t found(const runtime_t *r) {
    return answered(r) ? hy_node_count(answered(r)) : 0;
}

static const char *status_of(runtime_t *r, const char *url) {
    look(r, url);
    return hy_get_str(entry(r, 0), "status")->bytes;
}

static void register_both(void) {
    assert_int_equal(ask(&a, "create", REG, REGISTRY, HYPERTY), 200);
    assert_int_equal(subscribe(&a, "hyperty-runtime://d/a/sm", O), 200);
    assert_int_equal(ask(&a, "create", REG, REGISTRY, OBJECT), 200);
}

static void an_entry_is_found_by_everything_that_names_it(void **state) {
    static const char *const hyperty[] = {H, "/hyperty/h", "/hyperty/" H, "/hyperty/url/" H,
                                          "/hyperty/user/user://d/anna"};
    static const char *const object[] = {O,
                                         "/dataObject/o",
                                         "/dataObject/url/" O,
                                         "/dataObject/user/user://d/anna",
                                         "/dataObject/name/kitchen/window",
                                         "/dataObject/reporter/" H,
                                         "/dataObject/schema/hyperty-catalogue://d/Context"};
    (void)state;
    register_both();
    for (size_t i = 0; i < sizeof hyperty / sizeof *hyperty; i++) {
        assert_int_equal(look(&b, hyperty[i]), 200);
        assert_int_equal(found(&b), 1);
        assert_true(hy_str_is(hy_get_str(entry(&b, 0), "url"), H));
    }
    for (size_t i = 0; i < sizeof object / sizeof *object; i++) {
        assert_int_equal(look(&b, object[i]), 200);
        assert_int_equal(found(&b), 1);
        assert_true(hy_str_is(hy_get_str(entry(&b, 0), "url"), O));
    }
}

static void nothing_found_is_404_and_nonsense_400(void **state) {
    static const char *const none[] = {"hyperty://d/x",
                                       "/hyperty/o",
                                       "/dataObject/h",
                                       "/hyperty/user/user://d/x",
                                       "/hyperty/name/kitchen/window",
                                       "/dataObject/name/",
                                       "/dataObject/colour/red",
                                       ""};
    static const char *const bad[] = {"/", "/hyperty", "/hyperty/", "/thing/h", "//"};
    (void)state;
    register_both();
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(look(&b, none[i]), 404);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(look(&b, bad[i]), 400);
    assert_int_equal(ask(&b, "read", "hyperty://d/reader", REGISTRY, "{}"), 400);
    assert_int_equal(ask(&b, "read", "hyperty://d/reader", REGISTRY, NULL), 400);
    assert_int_equal(ask(&b, "execute", "hyperty://d/reader", REGISTRY, "{}"), 400);
}

static void criteria_ask_for_all_that_they_name(void **state) {
    static const struct {
        const char *criteria;
        int code;
    } cases[] = {
        {"{}", 200},
        {"null", 200},
        {"{\"resources\":[\"chat\"]}", 200},
        {"{\"resources\":[]}", 200},
        {"{\"resources\":\"chat\"}", 200},
        {"{\"dataSchemes\":[\"ctxt\",\"comm\"],\"resources\":[\"chat\"]}", 200},
        {"{\"dataSchemes\":[\"ctxt\",\"x\"]}", 404},
        {"{\"resources\":[\"chat\"],\"name\":\"x\"}", 404},
        {"{\"user\":\"user://d/anna\",\"name\":null}", 200},
        {"{\"status\":\"disconnected\"}", 404},
        {"[]", 400},
        {"7", 400},
        {"{\"resources\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,"
         "28,29,30,31,32,33]}",
         400},
    };
    char body[512];
    (void)state;
    register_both();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body,
                 "{\"resource\":\"/hyperty/user/user://d/anna\",\"criteria\":%s}",
                 cases[i].criteria);
        assert_int_equal(ask(&b, "read", "hyperty://d/reader", REGISTRY, body), cases[i].code);
    }
}

static void only_the_holder_writes_an_entry(void **state) {
    (void)state;
    register_both();
    assert_int_equal(ask(&b, "create", "hyperty://d/x", REGISTRY, HYPERTY), 403);
    assert_int_equal(ask(&b, "create", "hyperty://d/x", REGISTRY, OBJECT), 403);
    const char *keep = "{\"resource\":\"" H "\"}";
    assert_int_equal(ask(&b, "update", "hyperty://d/x", REGISTRY, keep), 403);
    assert_int_equal(ask(&b, "delete", "hyperty://d/x", REGISTRY, keep), 403);
    assert_int_equal(ask(&b, "delete", "hyperty://d/x", REGISTRY, "{\"resource\":\"/hyperty/h\"}"),
                     403);
    assert_int_equal(ask(&b, "delete", "hyperty://d/x", REGISTRY, "{\"resource\":\"comm://d/y\"}"),
                     404);
    assert_int_equal(ask(&a, "delete", REG, REGISTRY, "{\"resource\":\"/hyperty/h\"}"), 200);
    assert_int_equal(look(&b, H), 404);
    assert_int_equal(ask(&a, "delete", REG, REGISTRY, keep), 404);
}

static void a_malformed_entry_is_400(void **state) {
    static const char *const bad[] = {
        "{}",
        "{\"value\":7}",
        "{\"value\":{}}",
        "{\"value\":{\"url\":\"nothing\"}}",
        "{\"value\":{\"url\":\"" H "\",\"type\":\"thing\"}}",
        "{\"value\":{\"url\":\"" H "\",\"type\":7}}",
        "{\"value\":{\"url\":\"" H "\",\"expires\":-1}}",
        "{\"value\":{\"url\":\"" H "\",\"expires\":\"10\"}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ask(&a, "create", REG, REGISTRY, bad[i]), 400);
    assert_int_equal(hy_node_server_stats(the_node).entries, 0);
}

static void creating_again_replaces(void **state) {
    (void)state;
    register_both();
    assert_int_equal(ask(&a, "create", REG, REGISTRY,
                         "{\"value\":{\"url\":\"" H "\",\"user\":\"user://d/bert\"}}"),
                     200);
    assert_int_equal(look(&b, "/hyperty/user/user://d/anna"), 404);
    assert_int_equal(look(&b, "/hyperty/user/user://d/bert"), 200);
    assert_null(hy_get_str(entry(&b, 0), "runtime"));
    assert_int_equal(hy_node_server_stats(the_node).entries, 2);
}

static int change(const char *rest) {
    char body[512];
    snprintf(body, sizeof body, "{\"resource\":\"" H "\",%s}", rest);
    return ask(&a, "update", REG, REGISTRY, body);
}

static void status_changes_are_published(void **state) {
    (void)state;
    register_both();
    subscribe(&b, "hyperty://d/reader", H "/registration");
    assert_int_equal(change("\"attribute\":\"status\",\"value\":\"disconnected\""), 200);
    assert_int_equal(b.count, 1);
    hy_node_t *body = hy_msg_body(b.inbox[0]);
    assert_int_equal(b.inbox[0]->type, HY_MSG_UPDATE);
    assert_string_equal(b.inbox[0]->from->bytes, REGISTRY);
    assert_true(hy_str_is(hy_get_str(body, "resource"), H));
    assert_true(hy_str_is(hy_get_str(body, "attribute"), "status"));
    assert_true(hy_str_is(hy_get_str(body, "value"), "disconnected"));
    came(&b);
    assert_int_equal(change("\"attribute\":\"status\",\"value\":\"disconnected\""), 200);
    assert_int_equal(came(&b), 0);
    assert_int_equal(change("\"value\":{\"status\":\"live\"}"), 200);
    assert_int_equal(came(&b), 1);
    assert_int_equal(change("\"value\":{\"status\":\"asleep\"}"), 400);
    assert_int_equal(change("\"attribute\":\"status\""), 400);
    assert_int_equal(change("\"attribute\":7,\"value\":1"), 400);
    assert_int_equal(change("\"value\":\"live\""), 400);
    assert_string_equal(status_of(&b, H), "live");
    assert_int_equal(came(&b), 0);
}

static void an_update_changes_other_fields_but_not_what_the_entry_is_of(void **state) {
    (void)state;
    register_both();
    assert_int_equal(change("\"value\":{\"user\":\"user://d/bert\",\"resources\":[\"video\"]}"),
                     200);
    assert_int_equal(look(&b, "/hyperty/user/user://d/anna"), 404);
    assert_int_equal(look(&b, "/hyperty/user/user://d/bert"), 200);
    assert_true(hy_str_is(hy_get_str(entry(&b, 0), "runtime"), "hyperty-runtime://d/a"));
    assert_int_equal(change("\"value\":{\"url\":\"hyperty://d/x\"}"), 400);
    assert_int_equal(change("\"attribute\":\"type\",\"value\":\"dataObject\""), 400);
    assert_int_equal(change("\"value\":{\"url\":\"" H "\",\"user\":7}"), 200);
    assert_int_equal(look(&b, "/hyperty/user/user://d/bert"), 404);
}

static void those_who_are_there_are_found_first(void **state) {
    (void)state;
    register_both();
    const char *second = "{\"value\":{\"url\":\"hyperty://d/second\",\"type\":\"hyperty\",\"user\":"
                         "\"user://d/anna\"}}";
    tell(&b, "event", "hyperty://d/second", "hyperty://d/second/events", NULL);
    assert_int_equal(ask(&b, "create", "hyperty://d/second", REGISTRY, second), 200);
    leave(&a);
    assert_int_equal(look(&b, "/hyperty/user/user://d/anna"), 200);
    assert_int_equal(found(&b), 2);
    assert_true(hy_str_is(hy_get_str(entry(&b, 0), "url"), "hyperty://d/second"));
    assert_true(hy_str_is(hy_get_str(entry(&b, 1), "status"), "disconnected"));
}

static void what_is_not_kept_alive_becomes_disconnected(void **state) {
    (void)state;
    register_both();
    subscribe(&b, "hyperty://d/reader", H "/registration");
    hy_clock_advance(&the_clock, 9000);
    assert_int_equal(ask(&a, "update", REG, REGISTRY, "{\"resource\":\"" H "\"}"), 200);
    hy_clock_advance(&the_clock, 18000);
    assert_string_equal(status_of(&b, H), "live");
    assert_int_equal(came(&b), 0);
    hy_clock_advance(&the_clock, 19000);
    assert_int_equal(came(&b), 1);
    assert_string_equal(status_of(&b, H), "disconnected");
    assert_int_equal(ask(&a, "update", REG, REGISTRY, "{\"resource\":\"" H "\"}"), 200);
    assert_string_equal(status_of(&b, H), "live");
    assert_int_equal(came(&b), 1);
    hy_clock_advance(&the_clock, 29000);
    assert_string_equal(status_of(&b, H), "disconnected");
    assert_string_equal(status_of(&b, O), "live"); /* no expires: never */
}

static void who_says_it_is_disconnected_is_so_until_it_says_otherwise(void **state) {
    (void)state;
    register_both();
    change("\"attribute\":\"status\",\"value\":\"disconnected\"");
    assert_int_equal(ask(&a, "update", REG, REGISTRY, "{\"resource\":\"" H "\"}"), 200);
    assert_string_equal(status_of(&b, H), "disconnected");
}

static void all_disconnected_is_408_with_the_result(void **state) {
    (void)state;
    register_both();
    assert_int_equal(ask(&b, "create", "hyperty://d/g", REGISTRY,
                         "{\"value\":{\"url\":\"hyperty://d/g\",\"user\":\"user://d/anna\"}}"),
                     200);
    const char *anna = "/hyperty/user/user://d/anna";
    change("\"attribute\":\"status\",\"value\":\"disconnected\"");
    assert_int_equal(look(&c, anna), 200);
    assert_int_equal(found(&c), 2);
    leave(&b);
    assert_int_equal(look(&c, anna), 408);
    assert_int_equal(found(&c), 2);
}

static void the_end_of_a_session_disconnects_its_entries(void **state) {
    (void)state;
    register_both();
    subscribe(&b, "hyperty://d/reader", H "/registration");
    subscribe(&b, "hyperty://d/reader", O "/registration");
    leave(&a);
    assert_int_equal(came(&b), 2);
    assert_int_equal(look(&b, O), 408);
    open_as(&a, "hyperty-runtime://d/a");
    assert_int_equal(ask(&a, "update", REG, REGISTRY, "{\"resource\":\"" H "\"}"), 200);
    assert_int_equal(look(&b, H), 200);
    assert_int_equal(came(&b), 1);
}

static void an_address_that_is_given_back_takes_its_entry_along(void **state) {
    char body[512];
    (void)state;
    hy_str_t *url = hy_str_from(allocate(&a, "comm"));
    snprintf(body, sizeof body, "{\"value\":{\"url\":\"%s\",\"name\":\"n\"}}", url->bytes);
    assert_int_equal(ask(&a, "create", REG, REGISTRY, body), 200);
    assert_int_equal(look(&b, "/dataObject/name/n"), 200);
    snprintf(body, sizeof body, "{\"resource\":\"%s\"}", url->bytes);
    assert_int_equal(ask(&a, "delete", REG, ALLOC, body), 200);
    assert_int_equal(look(&b, "/dataObject/name/n"), 404);
    assert_int_equal(hy_node_server_stats(the_node).entries, 0);
    hy_str_unref(url);
}

static int register_big(runtime_t *r, unsigned i, size_t bytes) {
    hy_buf_t body;
    hy_buf_init(&body);
    hy_buf_format(
        &body, "{\"value\":{\"url\":\"hyperty://d/big%u\",\"user\":\"user://d/big\",\"x\":\"", i);
    while (body.len < bytes)
        hy_buf_char(&body, 'x');
    hy_buf_text(&body, "\"}}");
    hy_str_t *text = hy_buf_take(&body);
    int code = ask(r, "create", runtime_of(r), REGISTRY, text->bytes);
    hy_str_unref(text);
    return code;
}

static void what_is_too_large_is_413(void **state) {
    (void)state;
    assert_int_equal(register_big(&a, 0, HY_REGISTRY_ENTRY_BYTES_MAX + 100), 413);
    assert_int_equal(hy_node_server_stats(the_node).entries, 0);
    unsigned count = HY_REGISTRY_ANSWER_BYTES / (HY_REGISTRY_ENTRY_BYTES_MAX - 200) + 1;
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(register_big(&a, i, HY_REGISTRY_ENTRY_BYTES_MAX - 200), 200);
        int code = look(&b, "/hyperty/user/user://d/big");
        if (code == 413) return;
        assert_int_equal(code, 200);
        assert_non_null(hy_msg_text(b.answer, NULL)); /* it fits into a message */
    }
    fail();
}

static void a_full_registry_forgets_who_left_longest_ago(void **state) {
    enum { FILLERS = HY_REGISTRY_BYTES_MAX / HY_SESSION_BYTES_MAX + 1 };
    runtime_t fillers[FILLERS];
    char url[64];
    (void)state;
    register_both();
    leave(&a);
    unsigned i = 0;
    for (unsigned f = 0; f < FILLERS; f++) { /* each as much as one may */
        fillers[f] = (runtime_t){.count = 0};
        snprintf(url, sizeof url, "hyperty-runtime://d/filler-%u", f);
        open_as(&fillers[f], url);
        while (register_big(&fillers[f], i++, HY_REGISTRY_ENTRY_BYTES_MAX - 200) == 200)
            continue;
    }
    assert_non_null(strstr(hy_msg_desc(fillers[FILLERS - 1].answer), "registry is full"));
    assert_int_equal(look(&b, H), 404);
    assert_int_equal(look(&b, O), 404);
    assert_int_equal(look(&b, "hyperty://d/big0"), 200);
    for (unsigned f = 0; f < FILLERS; f++)
        leave(&fillers[f]);
    open_as(&a, "hyperty-runtime://d/a");
    assert_int_equal(register_big(&a, i, HY_REGISTRY_ENTRY_BYTES_MAX - 200), 200);
    assert_int_equal(look(&b, "hyperty://d/big0"), 404);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_entry_is_found_by_everything_that_names_it),
        TEST(those_who_are_there_are_found_first),
        TEST(nothing_found_is_404_and_nonsense_400),
        TEST(criteria_ask_for_all_that_they_name),
        TEST(only_the_holder_writes_an_entry),
        TEST(a_malformed_entry_is_400),
        TEST(creating_again_replaces),
        TEST(status_changes_are_published),
        TEST(an_update_changes_other_fields_but_not_what_the_entry_is_of),
        TEST(what_is_not_kept_alive_becomes_disconnected),
        TEST(who_says_it_is_disconnected_is_so_until_it_says_otherwise),
        TEST(all_disconnected_is_408_with_the_result),
        TEST(the_end_of_a_session_disconnects_its_entries),
        TEST(an_address_that_is_given_back_takes_its_entry_along),
        TEST(what_is_too_large_is_413),
        TEST(a_full_registry_forgets_who_left_longest_ago),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
