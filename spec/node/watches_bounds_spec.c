/* core/node/watches and outgoing: who does not keep up, bounds, and memory. */
#include <stdlib.h>

#include "node/entries.h"
#include "watches_support.h"

/* --- who does not keep up --------------------------------------------------------------------- */

static void one_that_does_not_keep_up_has_to_begin_anew(void **state) {
    (void)state;
    limit((hy_node_limits_t){.queue_bytes = 4096});
    registers(HYPERTY);
    watch(1, "{\"name\":\"Meter\"}");
    watch(2, "{\"name\":\"Gauge\"}");
    int64_t n = told_n(&b);
    b.is_frozen = true;
    for (unsigned i = 0; stats().watch_losses == 0; i++) {
        assert_true(i < 1000);
        change(i % 2 ? "\"value\":{\"status\":\"live\"}"
                     : "\"value\":{\"status\":\"disconnected\"}");
    }
    for (unsigned i = 0; i < 10; i++)
        change(i % 2 ? "\"value\":{\"status\":\"live\"}"
                     : "\"value\":{\"status\":\"disconnected\"}");
    assert_int_equal(stats().watch_losses, 1);
    assert_adds_up();
    b.is_frozen = false;
    on_ready(&b);
    assert_string_equal(heard(&b), "1 lost ");
    change("\"value\":{\"status\":\"disconnected\"}");
    change("\"value\":{\"status\":\"live\"}");
    assert_string_equal(heard(&b), "");
    change("\"value\":{\"name\":\"Gauge\"}");
    assert_string_equal(heard(&b), "2 live " H); /* the other goes on */
    change("\"value\":{\"name\":\"Meter\"}");
    came(&b);
    assert_int_equal(watch_from(&b, B_SM, 1, "{\"name\":\"Meter\"}", n), 200);
    assert_int_equal(listed(&b), 1);
    n = told_n(&b);
    change("\"value\":{\"status\":\"disconnected\"}");
    assert_int_equal(hy_get_int(hy_get_object(hy_msg_body(b.inbox[0]), "value"), "n", 0), n + 1);
    assert_string_equal(heard(&b), "1 disconnected " H);
    assert_adds_up();
}

/* What stands in for what many watches lost does not fit either. */
static void one_that_cannot_be_told_so_is_cut_off(void **state) {
    (void)state;
    limit((hy_node_limits_t){.queue_bytes = 2048});
    registers(HYPERTY);
    for (int i = 1; i <= 60; i++)
        watch(i, "{\"name\":\"Meter\"}");
    b.is_frozen = true;
    change("\"value\":{\"status\":\"disconnected\"}");
    assert_null(b.peer);
    assert_int_equal(b.closed, HY_CLOSE_TRY_LATER);
    assert_adds_up();
}

/* --- bounds ----------------------------------------------------------------------------------- */

static void nonsense_is_refused(void **state) {
    static const struct {
        const char *body;
        int code;
    } cases[] = {
        {"{}", 400},
        {"{\"watch\":0}", 400},
        {"{\"watch\":-1}", 400},
        {"{\"watch\":\"1\"}", 400},
        {"{\"watch\":1.5}", 400},
        {"{\"watch\":1,\"criteria\":[]}", 400},
        {"{\"watch\":1,\"criteria\":7}", 400},
        {"{\"watch\":1,\"criteria\":{\"type\":\"thing\"}}", 400},
        {"{\"watch\":1,\"criteria\":{\"type\":7}}", 400},
        {"{\"watch\":1,\"source\":7}", 400},
        {"{\"watch\":1,\"source\":\"hyperty-runtime://d/a/x\"}", 403},
        {"{\"watch\":1,\"criteria\":{\"url\":7,\"name\":{},\"schema\":[7],\"user\":[]}}", 200},
        {"{\"watch\":1,\"source\":\"" B_SM "\",\"criteria\":{\"url\":\"x\"}}", 200},
        {"{\"watch\":1,\"criteria\":{\"url\":\"\",\"schema\":\"/\"}}", 200},
    };
    char text[HY_REGISTRY_CRITERIA_BYTES_MAX + 100];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(ask(&b, "subscribe", B_SM, REGISTRY, cases[i].body), cases[i].code);
    assert_int_equal(ask(&b, "subscribe", B_SM, REGISTRY, NULL), 400);
    assert_int_equal(ask(&b, "unsubscribe", B_SM, REGISTRY, "{}"), 400);
    assert_int_equal(ask(&b, "unsubscribe", B_SM, REGISTRY, "{\"watch\":77}"), 200);
    snprintf(text, sizeof text, "{\"name\":\"%0*d\"}", (int)HY_REGISTRY_CRITERIA_BYTES_MAX, 0);
    assert_int_equal(watch(1, text), 413);
    assert_int_equal(stats().watches, 1);
}

static void a_session_watches_so_much_and_no_more(void **state) {
    (void)state;
    for (int i = 1; i <= (int)HY_REGISTRY_WATCHES_MAX; i++)
        assert_int_equal(watch(i, "{\"name\":\"Meter\"}"), 200);
    assert_int_equal(watch(1000, "{\"name\":\"Meter\"}"), 429);
    assert_non_null(strstr(hy_msg_desc(b.answer), "end one first"));
    assert_int_equal(watch(7, "{\"name\":\"Meter\"}"), 200); /* the same again */
    assert_int_equal(watch_from(&a, REG, 1, NULL, 0), 200);
    unwatch(1);
    assert_int_equal(watch(1000, NULL), 200);
    registers(HYPERTY);
    assert_int_equal(came(&b), HY_REGISTRY_WATCHES_MAX);
}

static void what_does_not_fit_into_a_list_is_told_so(void **state) {
    hy_buf_t body;
    unsigned count = 0;
    int64_t n = 0;
    (void)state;
    for (int code = 200; code == 200; count++) {
        hy_buf_init(&body);
        hy_buf_format(&body,
                      "{\"value\":{\"url\":\"hyperty://d/%u\",\"name\":\"big\",\"x\":\"%0*d\"}}",
                      count, (int)HY_REGISTRY_ENTRY_BYTES_MAX - 200, 0);
        hy_str_t *text = hy_buf_take(&body);
        assert_int_equal(ask(&a, "create", REG, REGISTRY, text->bytes), 200);
        hy_str_unref(text);
        code = watch(1, "{\"name\":\"big\"}");
        if (code == 200) n = told_n(&b);
        assert_true(code == 200 || code == 413);
        came(&b);
    }
    assert_true(n > 0);
    assert_int_equal(stats().watches, 0); /* who is refused is not told either */
    leave(&a);
    assert_int_equal(watch(1, "{\"name\":\"big\"}"), 200);
    assert_false(hy_get_bool(told(&b), "complete", true));
    assert_int_equal(listed(&b), count - 1);
    assert_non_null(hy_msg_text(b.answer, NULL));
}

static void an_entry_has_so_many_resources_and_no_more(void **state) {
    hy_buf_t body;
    (void)state;
    for (int more = 0; more < 2; more++) {
        hy_buf_init(&body);
        hy_buf_format(&body, "{\"value\":{\"url\":\"" H "\",\"resources\":[\"r\"");
        for (unsigned i = 0; i < HY_REGISTRY_KEYS_MAX - 2 + (unsigned)more; i++)
            hy_buf_format(&body, ",\"r%u\"", i);
        hy_buf_text(&body, "]}}");
        hy_str_t *text = hy_buf_take(&body);
        assert_int_equal(registers(text->bytes), more ? 413 : 200);
        hy_str_unref(text);
    }
    assert_int_equal(ask(&b, "read", B_SM, REGISTRY, "{\"resource\":\"/hyperty/resources/r7\"}"),
                     200);
}

/* --- cost, memory ----------------------------------------------------------------------------- */

/* How many watches a change of an entry looks at that has this in that field. */
static unsigned looked_at(hy__type_t type, hy__field_t field, const char *text) {
    const hy__registry_t *r = the_node->registry;
    const hy__bucket_t *bucket = hy__bucket_find(r, type, field, text, strlen(text));
    const hy_link_t *lists[] = {&r->watches[type], bucket ? &bucket->watches : NULL};
    unsigned count = 0;
    for (size_t i = 0; i < 2; i++)
        for (const hy_link_t *l = lists[i] ? lists[i]->next : NULL; l && l != lists[i]; l = l->next)
            count++;
    return count;
}

static void a_change_looks_at_those_alone_that_it_may_concern(void **state) {
    char criteria[128];
    (void)state;
    for (int i = 1; i <= 200; i++) {
        snprintf(criteria, sizeof criteria, "{\"name\":\"n%d\",\"user\":\"user://d/anna\"}", i);
        watch(i, criteria);
    }
    watch(201, "{\"schema\":\"x/Context\",\"type\":\"hyperty\"}");
    assert_int_equal(looked_at(HY__HYPERTY, HY__BY_NAME, "n7"), 1);
    assert_int_equal(looked_at(HY__DATA_OBJECT, HY__BY_NAME, "n7"), 1);
    assert_int_equal(looked_at(HY__HYPERTY, HY__BY_USER, "user://d/anna"), 0);
    assert_int_equal(looked_at(HY__HYPERTY, HY__BY_SCHEMA, "Context"), 1);
    assert_int_equal(looked_at(HY__DATA_OBJECT, HY__BY_SCHEMA, "Context"), 0);
    unwatch(201);
    registers(HYPERTY);
    leave(&a);
    assert_int_equal(came(&b), 0);
    assert_int_equal(stats().watch_events, 0);
    watch(201, "{\"status\":\"live\"}"); /* what nothing narrows is looked at each time */
    assert_int_equal(looked_at(HY__HYPERTY, HY__BY_NAME, "none"), 1);
}

static void what_it_holds_is_given_back(void **state) {
    (void)state;
    hy_buf_t before, after;
    registers(HYPERTY);
    hy_buf_init(&before);
    hy_buf_init(&after);
    watch(1, "{\"name\":\"Meter\"}");
    unwatch(1);
    hy_node_server_metrics(the_node, &before);
    const char *memory = strstr(before.bytes, "\nhyperty_session_memory_bytes ");
    long without = strtol(strchr(memory + 1, ' '), NULL, 10);
    watch(1, "{\"name\":\"Meter\"}");
    hy_node_server_metrics(the_node, &after);
    memory = strstr(after.bytes, "\nhyperty_session_memory_bytes ");
    assert_true(strtol(strchr(memory + 1, ' '), NULL, 10) > without);
    assert_non_null(strstr(after.bytes, "\nhyperty_registry_watches 1\n"));
    unwatch(1);
    hy_buf_deinit(&after);
    hy_buf_init(&after);
    hy_node_server_metrics(the_node, &after);
    memory = strstr(after.bytes, "\nhyperty_session_memory_bytes ");
    assert_int_equal(strtol(strchr(memory + 1, ' '), NULL, 10), without);
    hy_buf_deinit(&before);
    hy_buf_deinit(&after);
}

/* As `ask` to the registry, while the node has only so many blocks left. */
static int ask_lacking(runtime_t *r, const char *type, const char *from, const char *body,
                       int lack) {
    char text[1024];
    hy_msg_unref(r->answer);
    r->answer = NULL;
    r->waiting = next_id++;
    snprintf(text, sizeof text,
             "{\"type\":\"%s\",\"id\":%lld,\"from\":\"%s\",\"to\":\"" REGISTRY "\",\"body\":%s}",
             type, (long long)r->waiting, from, body);
    hy_str_t *s = hy_str_from(text);
    hy_msg_t *m = NULL;
    assert_int_equal(hy_msg_parse(s, &m, NULL), 0);
    hy_mem_fail_after(lack);
    hy_peer_receive(r->peer, m);
    hy_mem_fail_after(-1);
    hy_msg_unref(m);
    hy_str_unref(s);
    r->waiting = 0;
    return r->answer ? hy_msg_code(r->answer) : 0;
}

static void comes_back(runtime_t *r, const char *url) {
    if (!r->peer) open_as(r, url);
    came(r);
}

static bool is_listed_live(void) {
    assert_int_equal(listed(&b), 1);
    hy_node_t *entry = hy_node_at(hy_get_array(told(&b), "entries"), 0).as.n;
    return hy_str_is(hy_get_str(entry, "status"), "live");
}

/* Whatever lacks: it is refused or done, and who was not told of it learns that by its number. */
static void memory_that_runs_out_hides_nothing(void **state) {
    static const char CRITERIA[] = "{\"name\":\"Meter\",\"schema\":\"Context\"}";
    unsigned told_of = 0, refused = 0;
    (void)state;
    registers(HYPERTY);
    for (int lack = 0; lack < 100; lack++) {
        comes_back(&b, "hyperty-runtime://d/b");
        int code =
            ask_lacking(&b, "subscribe", B_SM,
                        "{\"watch\":2,\"criteria\":{\"name\":\"Meter\",\"schema\":\"C\"}}", lack);
        assert_true(code == 0 || code == 200 || code == 503);
        if (code != 200) refused++;
        comes_back(&b, "hyperty-runtime://d/b");
        unwatch(2);
        assert_int_equal(watch(1, CRITERIA), 200);
        bool was_live = is_listed_live();
        int64_t n = told_n(&b);
        ask_lacking(&a, "update", REG,
                    was_live ? "{\"resource\":\"" H "\",\"value\":{\"status\":\"disconnected\"}}"
                             : "{\"resource\":\"" H "\",\"value\":{\"status\":\"live\"}}",
                    lack);
        comes_back(&a, "hyperty-runtime://d/a");
        if (b.count > 0) told_of++;
        bool was_told = b.peer && b.count > 0;
        comes_back(&b, "hyperty-runtime://d/b");
        assert_int_equal(watch_from(&b, B_SM, 1, CRITERIA, was_told ? n + 1 : n), 200);
        ask(&c, "read", "hyperty://d/reader", REGISTRY, "{\"resource\":\"" H "\"}");
        bool is_live = hy_msg_code(c.answer) == 200;
        bool is_known = listed(&b) > 0 ? is_listed_live() : was_told ? !was_live : was_live;
        assert_int_equal(is_known, is_live);
    }
    assert_true(told_of > 10 && refused > 3);
    assert_adds_up();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_that_does_not_keep_up_has_to_begin_anew),
        TEST(one_that_cannot_be_told_so_is_cut_off),
        TEST(nonsense_is_refused),
        TEST(a_session_watches_so_much_and_no_more),
        TEST(what_does_not_fit_into_a_list_is_told_so),
        TEST(an_entry_has_so_many_resources_and_no_more),
        TEST(a_change_looks_at_those_alone_that_it_may_concern),
        TEST(what_it_holds_is_given_back),
        TEST(memory_that_runs_out_hides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
