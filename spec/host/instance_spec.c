/* core/host: what only C can ask of it: unloading at any moment, and that each callback comes once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "runtime.h"

typedef struct {
    unsigned count;
    int code;
    char text[256];
    hy_instance_t *instance;
} heard_t;

static int64_t blocks_before;
static hy_clock_t the_clock;
static hy_random_t the_random;
static hy_log_t the_log;
static hy_runtime_t *runtime;
static hy_host_t *host;
static hy_instance_t *to_unload; /* when something is printed */
static char printed[256], logged[1024];

static void on_print(void *arg, const char *name, const char *text) {
    (void)arg;
    (void)name;
    strncat(printed, text, sizeof printed - strlen(printed) - 1);
    if (to_unload) hy_instance_unload(to_unload);
}

static void on_log(void *arg, hy_log_level_t level, const char *who, const char *text) {
    (void)arg;
    (void)who;
    if (level == HY_LOG_ERROR) strncat(logged, text, sizeof logged - strlen(logged) - 1);
}

static void hear(heard_t *h, int code, const char *text) {
    h->count++;
    h->code = code;
    strncpy(h->text, text, sizeof h->text - 1);
}

static void on_loaded(void *arg, int code, const char *desc, hy_instance_t *instance) {
    hear(arg, code, desc);
    ((heard_t *)arg)->instance = instance;
}

static void on_result(void *arg, int code, const char *desc, hy_value_t values) {
    (void)values;
    hear(arg, code, desc);
}

static void turn(void) {
    while (hy_runtime_turn(runtime)) {
    }
}

static void run_until(uint64_t ms) {
    uint64_t at;
    for (turn(); hy_clock_next(&the_clock, &at) && at <= ms; turn()) {
        hy_clock_advance(&the_clock, at);
    }
    hy_clock_advance(&the_clock, ms);
    turn();
}

static void load(const char *source, heard_t *h) {
    hy_error_t err = {0};
    *h = (heard_t){0};
    int rc =
        hy_host_load_text(host, "one", source, strlen(source), hy_absent(), on_loaded, h, &err);
    if (rc) fail_msg("%s", err.text);
}

static hy_instance_t *load_well(const char *source) {
    heard_t h;
    load(source, &h);
    turn();
    assert_int_equal(h.count, 1);
    assert_int_equal(h.code, 0);
    return h.instance;
}

static int setup(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    printed[0] = logged[0] = '\0';
    to_unload = NULL;
    the_log = (hy_log_t){.level = HY_LOG_INFO, .sink = on_log};
    hy_clock_init(&the_clock, 0);
    hy_random_seed(&the_random, 1);
    hy_runtime_config_t config = {
        .clock = &the_clock, .random = &the_random, .log = &the_log, .print = on_print};
    assert_int_equal(hy_runtime_new(&config, &runtime, NULL), 0);
    host = hy_runtime_host(runtime);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    hy_runtime_free(runtime);
    hy_clock_deinit(&the_clock);
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

/* --- specs ------------------------------------------------------------------------------------ */

static void an_instance_unloads_itself_from_its_own_handler(void **state) {
    (void)state;
    heard_t h = {0};
    hy_instance_t *i = load_well(
        "local hyperty = require 'hyperty'\n"
        "return { name = 'One', stop = function() print ' stopped' end,\n"
        "  api = { go = function()\n"
        "    hyperty.spawn(function() hyperty.sleep(50) end)\n"
        "    local open <close> = setmetatable({}, { __close = function() print ' closed' end })\n"
        "    print 'leaving'\n"
        "    print ' still here'\n"
        "    hyperty.sleep(100)\n"
        "  end } }");
    to_unload = i;
    assert_int_equal(hy_instance_call(i, "go", hy_absent(), on_result, &h, NULL), 0);
    assert_int_equal(h.count, 0);
    assert_ptr_equal(hy_host_find_instance(host, "one"), i); /* until the turn */
    to_unload = NULL;
    turn();
    assert_null(hy_host_find_instance(host, "one"));
    assert_string_equal(printed, "leaving still here stopped closed");
    assert_int_equal(h.count, 1);
    assert_int_equal(h.code, HY_ECLOSED);
    run_until(200000);
    assert_int_equal(h.count, 1);
}

static void unloading_while_the_address_is_on_its_way_tells_the_loader_once(void **state) {
    (void)state;
    heard_t h;
    load("return { name = 'One', start = function() print 'started' end }", &h);
    hy_instance_unload(hy_host_find_instance(host, "one"));
    hy_instance_unload(hy_host_find_instance(host, "one"));
    hy_host_turn(host);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.code, HY_ECLOSED);
    assert_null(h.instance);
    run_until(100000);
    assert_int_equal(h.count, 1);
    assert_string_equal(printed, "");
}

static void unloading_while_its_schemas_are_asked_for_tells_the_loader_once(void **state) {
    (void)state;
    heard_t h;
    load("return { name = 'One', schemas = { 'Nowhere', 'Either' },\n"
         "  start = function() print 'started' end }",
         &h);
    hy_instance_unload(hy_host_find_instance(host, "one"));
    hy_host_turn(host);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.code, HY_ECLOSED);
    assert_null(h.instance);
    run_until(100000);
    assert_int_equal(h.count, 1);
    assert_string_equal(printed, "");
}

static void unloading_while_it_starts_tells_the_loader_once(void **state) {
    (void)state;
    heard_t h;
    load("return { name = 'One', start = function() require 'hyperty'.sleep(10) end,\n"
         "  stop = function() print 'stopped' end }",
         &h);
    turn();
    assert_int_equal(h.count, 0);
    hy_instance_unload(hy_host_find_instance(host, "one"));
    turn();
    assert_int_equal(h.count, 1);
    assert_int_equal(h.code, HY_ECLOSED);
    assert_string_equal(printed, ""); /* what has not started is not stopped */
}

static void the_end_of_the_runtime_tells_who_still_waits(void **state) {
    (void)state;
    static heard_t loading, starting, calling;
    calling = (heard_t){0};
    hy_instance_t *i = load_well("return { name = 'One', api = { wait = function()\n"
                                 "  require 'hyperty'.sleep(10) end } }");
    assert_int_equal(hy_instance_call(i, "wait", hy_absent(), on_result, &calling, NULL), 0);
    load("return { name = 'One', start = function() require 'hyperty'.sleep(10) end }", &starting);
    turn();
    load("return { name = 'One' }", &loading);
    hy_runtime_free(runtime);
    runtime = NULL;
    assert_int_equal(calling.count, 1);
    assert_int_equal(calling.code, HY_ECLOSED);
    assert_int_equal(starting.count, 1);
    assert_int_equal(loading.count, 1);
}

static void a_result_may_come_before_the_call_returns(void **state) {
    (void)state;
    heard_t h = {0};
    hy_error_t err = {0};
    hy_instance_t *i = load_well("return { name = 'One', api = { f = function() return 1 end } }");
    assert_int_equal(hy_instance_call(i, "f", hy_absent(), on_result, &h, &err), 0);
    assert_int_equal(h.count, 1);
    assert_int_equal(hy_instance_call(i, "g", hy_absent(), on_result, &h, &err), HY_ENOT_FOUND);
    assert_string_equal(err.text, "one has no function \"g\": it has f");
    assert_int_equal(hy_instance_eval(i, "code", "x x", 3, hy_absent(), on_result, &h, &err),
                     HY_EINVALID);
    assert_non_null(strstr(err.text, "code:1: syntax error"));
    assert_int_equal(h.count, 1);
    assert_int_equal(hy_instance_tasks(i), 0);
}

static void a_state_without_memory_fails_its_own_script_only(void **state) {
    (void)state;
    heard_t h = {0};
    hy_instance_t *i =
        load_well("return { name = 'One', api = { eat = function() local t = {}\n"
                  "  for n = 1, 1e9 do t[n] = {} end end, fine = function() return 1 end } }");
    hy_mem_fail_after(2000);
    int rc = hy_instance_call(i, "eat", hy_absent(), on_result, &h, NULL);
    hy_mem_fail_after(-1);
    assert_int_equal(rc, 0);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.code, HY_EINTERNAL);
    assert_non_null(strstr(h.text, "not enough memory"));
    assert_int_equal(hy_instance_call(i, "fine", hy_absent(), on_result, &h, NULL), 0);
    assert_int_equal(h.code, 0);
}

int main(void) {
#define SPEC(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest specs[] = {
        SPEC(an_instance_unloads_itself_from_its_own_handler),
        SPEC(unloading_while_the_address_is_on_its_way_tells_the_loader_once),
        SPEC(unloading_while_its_schemas_are_asked_for_tells_the_loader_once),
        SPEC(unloading_while_it_starts_tells_the_loader_once),
        SPEC(the_end_of_the_runtime_tells_who_still_waits),
        SPEC(a_result_may_come_before_the_call_returns),
        SPEC(a_state_without_memory_fails_its_own_script_only),
    };
    return cmocka_run_group_tests(specs, NULL, NULL);
}
