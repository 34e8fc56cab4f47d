/* core/node/watches: who watches the domain registry is told what comes and goes, and nothing else.
 */
#include "watches_support.h"

/* --- what is told ----------------------------------------------------------------------------- */

static void what_is_there_already_is_listed_and_what_comes_is_told(void **state) {
    (void)state;
    registers(HYPERTY);
    assert_int_equal(watch(1, "{\"user\":\"user://d/anna\"}"), 200);
    assert_int_equal(listed(&b), 1);
    assert_true(hy_get_bool(told(&b), "complete", false));
    int64_t n = told_n(&b);
    assert_true(n > 0);
    assert_string_equal(heard(&b), "");
    register_object();
    assert_int_equal(b.count, 1);
    assert_int_equal(hy_get_int(hy_get_object(hy_msg_body(b.inbox[0]), "value"), "n", 0), n + 1);
    hy_node_t *entry = hy_get_object(hy_get_object(hy_msg_body(b.inbox[0]), "value"), "entry");
    assert_true(hy_str_is(hy_get_str(entry, "name"), "kitchen"));
    assert_true(hy_str_is(hy_get_str(entry, "status"), "live"));
    assert_string_equal(heard(&b), "1 live " O);
}

static void each_criterion_and_all_together_choose(void **state) {
    static const struct {
        const char *criteria;
        bool hyperty, object;
    } cases[] = {
        {NULL, true, true},
        {"{}", true, true},
        {"null", true, true},
        {"{\"type\":\"hyperty\"}", true, false},
        {"{\"type\":\"dataObject\"}", false, true},
        {"{\"url\":\"" H "\"}", true, false},
        {"{\"url\":\"" O "\"}", false, true},
        {"{\"url\":\"ctxt://d/o\"}", false, false},
        {"{\"name\":\"Meter\"}", true, false},
        {"{\"name\":\"kitchen\"}", false, true},
        {"{\"name\":[\"kitchen\"]}", false, true},
        {"{\"schema\":\"Context\"}", true, true},
        {"{\"schema\":\"hyperty-catalogue://e/Context\",\"type\":\"hyperty\"}", true, false},
        {"{\"schema\":\"Contexts\"}", false, false},
        {"{\"user\":\"user://d/anna\"}", true, true},
        {"{\"user\":\"user://d/ben\"}", false, false},
        {"{\"resources\":\"x\"}", true, false},
        {"{\"resources\":[\"x\",\"chat\"]}", true, false},
        {"{\"resources\":[\"x\",\"temperature\"]}", false, false},
        {"{\"resources\":[\"temperature\"]}", false, true},
        {"{\"reporter\":\"" H "\"}", false, true},
        {"{\"reporter\":\"" H "\",\"name\":\"kitchen\",\"schema\":\"Context\",\"user\":"
         "\"user://d/anna\",\"resources\":[\"temperature\"],\"url\":\"" O "\",\"type\":"
         "\"dataObject\"}",
         false, true},
        {"{\"reporter\":\"" H "\",\"name\":\"cellar\"}", false, false},
        {"{\"status\":\"live\"}", true, true},
        {"{\"expires\":10}", true, false},
    };
    (void)state;
    subscribe(&a, "hyperty-runtime://d/a/sm", O);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(watch(1, cases[i].criteria), 200);
        assert_int_equal(listed(&b), 0);
        registers(HYPERTY);
        assert_string_equal(heard(&b), cases[i].hyperty ? "1 live " H : "");
        registers(OBJECT);
        assert_string_equal(heard(&b), cases[i].object ? "1 live " O : "");
        assert_int_equal(watch(2, cases[i].criteria), 200); /* a list has what is told */
        assert_int_equal(listed(&b), cases[i].hyperty + cases[i].object);
        unwatch(2);
        ask(&a, "delete", REG, REGISTRY, "{\"resource\":\"" H "\"}");
        assert_string_equal(heard(&b), cases[i].hyperty ? "1 deleted " H : "");
        ask(&a, "delete", REG, REGISTRY, "{\"resource\":\"" O "\"}");
        assert_string_equal(heard(&b), cases[i].object ? "1 deleted " O : "");
        assert_int_equal(unwatch(1), 200);
    }
    assert_int_equal(stats().watches, 0);
}

static void only_real_changes_are_told(void **state) {
    (void)state;
    registers(HYPERTY);
    watch(1, "{\"name\":\"Meter\"}");
    registers(HYPERTY);
    change("\"x\":1");
    change("\"value\":{\"description\":\"new\"}");
    change("\"attribute\":\"status\",\"value\":\"live\"");
    assert_string_equal(heard(&b), "");
    change("\"attribute\":\"status\",\"value\":\"disconnected\"");
    assert_string_equal(heard(&b), "1 disconnected " H);
    change("\"attribute\":\"status\",\"value\":\"disconnected\"");
    assert_string_equal(heard(&b), "");
    change("\"value\":{\"status\":\"live\",\"description\":\"newer\"}");
    assert_string_equal(heard(&b), "1 live " H);
    assert_int_equal(change("\"value\":{\"url\":\"hyperty://d/x\"}"), 400);
    assert_string_equal(heard(&b), "");
    registers("{\"value\":{\"url\":\"" H "\",\"name\":\"Meter\",\"status\":\"disconnected\"}}");
    assert_string_equal(heard(&b), "1 disconnected " H);
}

static void fields_that_change_bring_it_in_and_take_it_out(void **state) {
    (void)state;
    registers(HYPERTY);
    watch(1, "{\"name\":\"Meter\"}");
    watch(2, "{\"name\":\"Gauge\"}");
    watch(3, "{\"resources\":[\"chat\"]}");
    assert_int_equal(change("\"value\":{\"name\":\"Gauge\"}"), 200);
    assert_int_equal(b.count, 2);
    for (unsigned i = 0; i < 2; i++) {
        hy_node_t *value = hy_get_object(hy_msg_body(b.inbox[i]), "value");
        bool is_new = hy_get_int(value, "watch", 0) == 2;
        assert_true(hy_str_is(hy_get_str(value, "kind"), is_new ? "live" : "deleted"));
        assert_true(hy_str_is(hy_get_str(hy_get_object(value, "entry"), "name"), "Gauge"));
    }
    came(&b);
    change("\"attribute\":\"resources\",\"value\":[\"y\",\"chat\"]");
    assert_string_equal(heard(&b), "");
    change("\"attribute\":\"resources\",\"value\":[\"y\"]");
    assert_string_equal(heard(&b), "3 deleted " H);
    change("\"attribute\":\"resources\",\"value\":[]");
    change("\"value\":{\"resources\":\"chat\",\"status\":\"disconnected\",\"name\":\"\"}");
    assert_int_equal(came(&b), 2); /* 2: gone, 3: there, and disconnected */
}

static void what_ends_by_itself_is_told(void **state) {
    (void)state;
    registers(HYPERTY);
    register_object();
    watch(1, "{\"url\":\"" H "\"}");
    watch(2, "{\"url\":\"" O "\"}");
    hy_clock_advance(&the_clock, 11000);
    assert_string_equal(heard(&b), "1 disconnected " H);
    change("\"x\":1"); /* kept alive: it is back */
    assert_string_equal(heard(&b), "1 live " H);
    unwatch(1);
    drop(&a); /* without a word */
    hy_clock_advance(&the_clock, 11000 + HY_SESSION_GRACE_MS - 1);
    assert_string_equal(heard(&b), "");
    hy_clock_advance(&the_clock, 11000 + HY_SESSION_GRACE_MS);
    assert_string_equal(heard(&b), "2 disconnected " O);
}

static void an_address_that_is_given_back_is_gone(void **state) {
    char body[512];
    (void)state;
    hy_str_t *url = hy_str_from(allocate(&a, "comm"));
    watch(1, "{\"name\":\"n\"}");
    snprintf(body, sizeof body, "{\"value\":{\"url\":\"%s\",\"name\":\"n\"}}", url->bytes);
    assert_int_equal(registers(body), 200);
    came(&b);
    snprintf(body, sizeof body, "{\"resource\":\"%s\"}", url->bytes);
    assert_int_equal(ask(&a, "delete", REG, ALLOC, body), 200);
    snprintf(body, sizeof body, "1 deleted %s", url->bytes);
    assert_string_equal(heard(&b), body);
    hy_str_unref(url);
}

static void who_changes_the_registry_is_told_like_all(void **state) {
    (void)state;
    assert_int_equal(watch_from(&a, REG, 1, "{\"name\":\"Meter\"}", 0), 200);
    watch(1, "{\"name\":\"Meter\"}");
    registers(HYPERTY);
    assert_int_equal(came(&a), 1);
    assert_string_equal(heard(&b), "1 live " H);
}

/* --- beginning again -------------------------------------------------------------------------- */

static void who_has_heard_all_is_told_so_and_else_gets_a_list(void **state) {
    (void)state;
    watch(1, "{\"name\":\"Meter\"}");
    int64_t n = told_n(&b);
    assert_int_equal(watch_from(&b, B_SM, 1, "{\"name\":\"Meter\"}", n), 200);
    assert_int_equal(listed(&b), -1);
    assert_int_equal(told_n(&b), n);
    registers(HYPERTY);
    came(&b);
    assert_int_equal(watch_from(&b, B_SM, 1, "{\"name\":\"Meter\"}", n), 200);
    assert_int_equal(listed(&b), 1);
    assert_int_equal(told_n(&b), n + 1);
    assert_int_equal(watch_from(&b, B_SM, 1, "{\"name\":\"Meter\"}", n + 1), 200);
    assert_int_equal(listed(&b), -1);
    assert_int_equal(watch_from(&b, B_SM, 1, "{\"name\":\"Gauge\"}", n + 1), 200);
    assert_int_equal(listed(&b), 0); /* another watch in its place */
    assert_int_equal(stats().watches, 1);
    registers(HYPERTY);
    assert_string_equal(heard(&b), "");
}

static void it_ends_with_its_session_not_with_its_connection(void **state) {
    (void)state;
    char token[HY_URL_BYTES_MAX];
    watch(1, "{\"name\":\"Meter\"}");
    drop(&b);
    plug(&b);
    assert_int_equal(shake(&b, "open", "hyperty-runtime://d/b"), 200); /* anew */
    snprintf(token, sizeof token, "hyperty-runtime://d/b/%s",
             hy_get_str(hy_msg_body(b.answer), "runtimeToken")->bytes);
    assert_int_equal(stats().watches, 0);
    registers(HYPERTY);
    assert_int_equal(came(&b), 0);
    watch(2, "{\"name\":\"Meter\"}");
    drop(&b);
    change("\"attribute\":\"status\",\"value\":\"disconnected\"");
    plug(&b);
    assert_int_equal(shake(&b, "re-open", token), 200);
    assert_string_equal(heard(&b), "2 disconnected " H);
    leave(&b);
    assert_int_equal(stats().watches, 0);
    assert_int_equal(change("\"attribute\":\"status\",\"value\":\"live\""), 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_there_already_is_listed_and_what_comes_is_told),
        TEST(each_criterion_and_all_together_choose),
        TEST(only_real_changes_are_told),
        TEST(fields_that_change_bring_it_in_and_take_it_out),
        TEST(what_ends_by_itself_is_told),
        TEST(an_address_that_is_given_back_is_gone),
        TEST(who_changes_the_registry_is_told_like_all),
        TEST(who_has_heard_all_is_told_so_and_else_gets_a_list),
        TEST(it_ends_with_its_session_not_with_its_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
