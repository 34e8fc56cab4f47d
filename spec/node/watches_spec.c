/* core/node/watches: who watches the domain registry is told what comes and goes, and nothing else.
 */
#include <stdlib.h>

#include "support.h"

#define REG  "hyperty-runtime://d/a/registry"
#define B_SM "hyperty-runtime://d/b/sm"
#define H    "hyperty://d/h"
#define O    "comm://d/o"

static const char HYPERTY[] =
    "{\"value\":{\"url\":\"" H
    "\",\"type\":\"hyperty\",\"user\":\"user://d/anna\",\"name\":\"Meter\","
    "\"schemas\":[\"hyperty-catalogue://d/"
    "Context\"],\"resources\":[\"chat\",\"x\"],\"expires\":10}}";
static const char OBJECT[] =
    "{\"value\":{\"url\":\"" O "\",\"type\":\"dataObject\",\"user\":\"user://d/anna\","
    "\"name\":\"kitchen\",\"schema\":\"hyperty-catalogue://d/x/Context\","
    "\"reporter\":\"" H "\",\"resources\":[\"temperature\"]}}";

/* --- doing and seeing ------------------------------------------------------------------------- */

static hy_node_t *told(const runtime_t *r) {
    return hy_get_object(hy_msg_body(r->answer), "value");
}

static int64_t told_n(const runtime_t *r) {
    return hy_get_int(told(r), "n", 0);
}

/* How many entries the answer lists; -1: none, as there was nothing new. */
static int listed(const runtime_t *r) {
    hy_node_t *list = hy_get_array(told(r), "entries");
    return list ? (int)hy_node_count(list) : -1;
}

static int watch_from(runtime_t *r, const char *sm, int id, const char *criteria, int64_t n) {
    char body[8192];
    int len = snprintf(body, sizeof body, "{\"watch\":%d", id);
    if (criteria)
        len += snprintf(body + len, sizeof body - (size_t)len, ",\"criteria\":%s", criteria);
    if (n) len += snprintf(body + len, sizeof body - (size_t)len, ",\"n\":%lld", (long long)n);
    snprintf(body + len, sizeof body - (size_t)len, "}");
    return ask(r, "subscribe", sm, REGISTRY, body);
}

static int watch(int id, const char *criteria) {
    return watch_from(&b, B_SM, id, criteria, 0);
}

static int unwatch(int id) {
    char body[64];
    snprintf(body, sizeof body, "{\"watch\":%d}", id);
    return ask(&b, "unsubscribe", B_SM, REGISTRY, body);
}

static int registers(const char *body) {
    return ask(&a, "create", REG, REGISTRY, body);
}

static void register_object(void) {
    assert_int_equal(subscribe(&a, "hyperty-runtime://d/a/sm", O), 200);
    assert_int_equal(registers(OBJECT), 200);
}

static int change(const char *rest) {
    char body[512];
    snprintf(body, sizeof body, "{\"resource\":\"" H "\",%s}", rest);
    return ask(&a, "update", REG, REGISTRY, body);
}

/* What the one message that came says: "<watch> <kind> <url>", "" if there is none. */
static char heard_text[256];
static const char *heard(runtime_t *r) {
    assert_true(r->count <= 1);
    heard_text[0] = 0;
    if (r->count == 0) return heard_text;
    hy_msg_t *m = r->inbox[0];
    hy_node_t *value = hy_get_object(hy_msg_body(m), "value"),
              *entry = hy_get_object(value, "entry");
    hy_str_t *kind = hy_get_str(value, "kind"), *url = hy_get_str(entry, "url");
    assert_int_equal(m->type, HY_MSG_EVENT);
    assert_string_equal(m->from->bytes, REGISTRY);
    assert_string_equal(m->to->bytes, B_SM);
    snprintf(heard_text, sizeof heard_text, "%lld %s %s", (long long)hy_get_int(value, "watch", 0),
             kind->bytes, url ? url->bytes : "");
    came(r);
    return heard_text;
}

static hy_node_stats_t stats(void) {
    return hy_node_server_stats(the_node);
}

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

static void what_concerns_nobody_tells_nobody(void **state) {
    char criteria[128];
    (void)state;
    for (int i = 1; i <= 200; i++) {
        snprintf(criteria, sizeof criteria, "{\"name\":\"n%d\",\"user\":\"user://d/anna\"}", i);
        watch(i, criteria);
    }
    registers(HYPERTY);
    leave(&a);
    assert_int_equal(came(&b), 0);
    assert_int_equal(stats().watch_events, 0);
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
        TEST(what_is_there_already_is_listed_and_what_comes_is_told),
        TEST(each_criterion_and_all_together_choose),
        TEST(only_real_changes_are_told),
        TEST(fields_that_change_bring_it_in_and_take_it_out),
        TEST(what_ends_by_itself_is_told),
        TEST(an_address_that_is_given_back_is_gone),
        TEST(who_changes_the_registry_is_told_like_all),
        TEST(who_has_heard_all_is_told_so_and_else_gets_a_list),
        TEST(it_ends_with_its_session_not_with_its_connection),
        TEST(one_that_does_not_keep_up_has_to_begin_anew),
        TEST(one_that_cannot_be_told_so_is_cut_off),
        TEST(nonsense_is_refused),
        TEST(a_session_watches_so_much_and_no_more),
        TEST(what_does_not_fit_into_a_list_is_told_so),
        TEST(an_entry_has_so_many_resources_and_no_more),
        TEST(what_concerns_nobody_tells_nobody),
        TEST(what_it_holds_is_given_back),
        TEST(memory_that_runs_out_hides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
