/* core/host/reload.c: what only C can ask of a reload: the files that a hyperty is made of, the
 * order of the instances, that the callback comes once, and that whatever memory fails for, one of
 * the two lives is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtime.h"

typedef struct {
    unsigned count;
    int code;
    char text[512];
    hy_instance_t *instance;
} heard_t;

static int64_t blocks_before;
static hy_clock_t the_clock;
static hy_random_t the_random;
static hy_log_t the_log;
static hy_runtime_t *runtime;
static hy_host_t *host;
static char folder[64];

static void on_log(void *arg, hy_log_level_t level, const char *who, const char *text) {
    (void)arg;
    (void)level;
    (void)who;
    (void)text;
}

static void on_loaded(void *arg, int code, const char *desc, hy_instance_t *instance) {
    heard_t *h = arg;
    h->count++;
    h->code = code;
    h->instance = instance;
    snprintf(h->text, sizeof h->text, "%s", desc);
}

static void on_result(void *arg, int code, const char *desc, hy_value_t values) {
    heard_t *h = arg;
    h->count++;
    h->code = code;
    hy_value_t first = code ? hy_absent() : hy_node_at(values.as.n, 0);
    snprintf(h->text, sizeof h->text, "%s",
             code                   ? desc
             : first.kind == HY_STR ? first.as.s->bytes
                                    : "no text");
}

static void turn(void) {
    while (hy_runtime_turn(runtime)) {
    }
}

static void run_for(uint64_t ms) {
    uint64_t at, until = hy_clock_now(&the_clock) + ms;
    for (turn(); hy_clock_next(&the_clock, &at) && at <= until; turn()) {
        hy_clock_advance(&the_clock, at);
    }
    hy_clock_advance(&the_clock, until);
    turn();
}

static hy_instance_t *load(const char *source) {
    heard_t h = {0};
    hy_error_t err = {.text = ""};
    int rc =
        hy_host_load_text(host, "one", source, strlen(source), hy_absent(), on_loaded, &h, &err);
    if (rc) fail_msg("%s", err.text);
    run_for(100);
    assert_int_equal(h.count, 1);
    assert_string_equal(h.text, "");
    return h.instance;
}

/* The text that the function of the api gives, lent until the next call. */
static const char *call(hy_instance_t *i, const char *method) {
    static heard_t h;
    h = (heard_t){0};
    assert_int_equal(hy_instance_call(i, method, hy_absent(), on_result, &h, NULL), 0);
    run_for(10);
    assert_int_equal(h.count, 1);
    return h.text;
}

static int setup(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    the_log = (hy_log_t){.level = HY_LOG_INFO, .sink = on_log};
    hy_clock_init(&the_clock, 0);
    hy_random_seed(&the_random, 1);
    hy_runtime_config_t config = {.clock = &the_clock, .random = &the_random, .log = &the_log};
    assert_int_equal(hy_runtime_new(&config, &runtime, NULL), 0);
    host = hy_runtime_host(runtime);
    strcpy(folder, "/tmp/hyperty_reload_XXXXXX");
    assert_non_null(mkdtemp(folder));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    hy_runtime_free(runtime);
    hy_clock_deinit(&the_clock);
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

/* --- files ------------------------------------------------------------------------------------ */

static const char *in_folder(const char *name) {
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static hy_instance_t *load_file(const char *name) {
    heard_t h = {0};
    hy_error_t err = {.text = ""};
    int rc = hy_host_load(host, in_folder(name), hy_absent(), on_loaded, &h, &err);
    if (rc) fail_msg("%s", err.text);
    run_for(100);
    assert_string_equal(h.text, "");
    return h.instance;
}

static hy_instance_t *reload(const char *name) {
    heard_t h = {0};
    assert_int_equal(hy_host_reload(host, name, on_loaded, &h, NULL), 0);
    assert_int_equal(h.count, 0);
    run_for(100);
    assert_int_equal(h.count, 1);
    assert_string_equal(h.text, "");
    return h.instance;
}

static void a_hyperty_knows_the_files_that_it_is_made_of(void **state) {
    (void)state;
    write_file("a.lua", "require 'b' return { name = 'A' }");
    write_file("b.lua", "return { require 'c', require 'c' }");
    write_file("c.lua", "return 1");
    hy_instance_t *i = load_file("a.lua");
    assert_string_equal(hy_instance_file(i, 0), in_folder("a.lua"));
    assert_string_equal(hy_instance_file(i, 1), in_folder("b.lua"));
    assert_string_equal(hy_instance_file(i, 2), in_folder("c.lua"));
    assert_null(hy_instance_file(i, 3));
    assert_true(hy_instance_uses(i, in_folder("c.lua")));
    assert_false(hy_instance_uses(i, in_folder("d.lua")));
    write_file("b.lua", "return 1");
    i = reload("a");
    assert_true(hy_instance_uses(i, in_folder("b.lua")));
    assert_false(hy_instance_uses(i, in_folder("c.lua")));
    assert_null(hy_instance_file(load("return { name = 'T' }"), 0));
}

static void what_failed_to_load_is_of_its_files(void **state) {
    (void)state;
    hy_error_t err = {.text = ""};
    heard_t h = {0};
    write_file("a.lua", "return { name = 'A' }");
    hy_instance_t *i = load_file("a.lua");
    write_file("a.lua", "require 'b' return { name = 'A' }");
    assert_int_equal(hy_host_reload(host, "a", on_loaded, &h, &err), HY_EINVALID);
    assert_true(hy_instance_uses(i, in_folder("b.lua")));
    write_file("b.lua", "return 1");
    i = reload("a");
    assert_true(hy_instance_uses(i, in_folder("b.lua")));
    write_file("a.lua", "return { name = 'A', start = function() require 'd' end }");
    write_file("d.lua", "error 'boom'");
    assert_int_equal(hy_host_reload(host, "a", on_loaded, &h, &err), 0);
    run_for(100);
    assert_int_equal(h.code, HY_EINTERNAL);
    assert_ptr_equal(h.instance, i);
    assert_true(hy_instance_uses(i, in_folder("d.lua")));
}

static void check_says_the_same_as_a_reload(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "return { name = 'A' ",
        "error 'boom'",
        "return 7",
        "return { name = 'A', start = 1 }",
        "require 'b'",
        "require 'nowhere'",
        "require 'hyperty'.sleep(1)",
    };
    heard_t h = {0};
    write_file("a.lua", "return { name = 'A', api = {} }");
    write_file("b.lua", "local = 1");
    load_file("a.lua");
    assert_int_equal(hy_host_check(host, in_folder("a.lua"), NULL), 0);
    for (size_t n = 0; n < sizeof wrong / sizeof *wrong; n++) {
        hy_error_t checked = {.text = ""}, reloaded = {.text = ""};
        write_file("a.lua", wrong[n]);
        int rc = hy_host_check(host, in_folder("a.lua"), &checked);
        assert_int_equal(hy_host_reload(host, "a", on_loaded, &h, &reloaded), rc);
        assert_int_equal(rc, HY_EINVALID);
        assert_string_equal(checked.text, reloaded.text);
    }
    assert_int_equal(h.count, 0);
}

/* --- instances -------------------------------------------------------------------------------- */

static void a_hyperty_keeps_its_place_among_the_others(void **state) {
    (void)state;
    write_file("a.lua", "return { name = 'A' }");
    for (int n = 0; n < 3; n++) {
        load_file("a.lua");
    }
    hy_instance_t *second = reload("a#2"), *i = hy_host_next_instance(host, NULL);
    assert_string_equal(hy_instance_name(i), "a");
    i = hy_host_next_instance(host, i);
    assert_ptr_equal(i, second);
    assert_string_equal(hy_instance_name(i), "a#2");
    assert_ptr_equal(hy_host_find_instance(host, hy_instance_url(i)->bytes), second);
    i = hy_host_next_instance(host, i);
    assert_string_equal(hy_instance_name(i), "a#3");
    assert_null(hy_host_next_instance(host, i));
}

static void unloading_tells_who_waits_for_the_reload_or_a_call(void **state) {
    (void)state;
    heard_t h = {0}, called = {0};
    hy_instance_t *i = load("return { name = 'T', api = { a = function() end } }");
    static const char slow[] =
        "return { name = 'T', start = function() require 'hyperty'.sleep(1) end }";
    assert_int_equal(hy_host_reload_text(host, "one", slow, sizeof slow - 1, on_loaded, &h, NULL),
                     0);
    run_for(100);
    assert_int_equal(hy_instance_call(i, "a", hy_absent(), on_result, &called, NULL), 0);
    run_for(100);
    assert_int_equal(called.count, 0);
    hy_instance_unload(i);
    turn();
    assert_int_equal(h.count, 1);
    assert_int_equal(h.code, HY_ECLOSED);
    assert_null(h.instance);
    assert_int_equal(called.count, 1);
    assert_int_equal(called.code, HY_ECLOSED);
}

/* --- memory ----------------------------------------------------------------------------------- */

#define SOURCE(which, more)                                                                        \
    "local hyperty = require 'hyperty'\n"                                                          \
    "local T = { name = 'T', api = {} }\n"                                                         \
    "function T:start()\n"                                                                         \
    "  self.room = assert(self.syncher:create { schema = 'Resource', name = 'r', data = {} })\n"   \
    "  self.room:on('child', function() end)\n"                                                    \
    "  self.syncher:on('invite', function() end)\n"                                                \
    "  hyperty.every(1, function() self.ticks = (self.ticks or 0) + 1 end)\n" more "end\n"         \
    "function T.api.which(self)\n"                                                                 \
    "  if not self.room.data then return 'broken' end\n"                                           \
    "  local list = self.state.list\n"                                                             \
    "  return '" which "' .. ' ' .. hyperty.json.encode(self.state)\n"                             \
    "end\n"                                                                                        \
    "function T.api.more(self)\n"                                                                  \
    "  self.state.list = { 1 } hyperty.spawn(function() hyperty.sleep(0.3) end)\n"                 \
    "  return 'more'\n"                                                                            \
    "end\n"                                                                                        \
    "return T\n"

static const char old_code[] = SOURCE("old", "");
static const char new_code[] =
    SOURCE("new", "self.state.list[2] = 2 self.room.data.n = 1\n"
                  "  self.room:add_child('items', { a = 1 }) hyperty.emit('e')\n"
                  "  hyperty.sleep(0.1) self.state.n = 1\n");

/* Memory fails from the n-th block of the reload on, for a while. True: the new code is there. */
static bool reload_with(int64_t n) {
    heard_t h = {0};
    hy_instance_t *i = load(old_code);
    assert_string_equal(call(i, "more"), "more");
    hy_mem_fail_after(n);
    int rc = hy_host_reload_text(host, "one", new_code, sizeof new_code - 1, on_loaded, &h, NULL);
    if (rc == 0) run_for(500);
    hy_mem_fail_after(-1);
    run_for(3000);
    assert_int_equal(h.count, rc == 0 ? 1 : 0);
    bool is_new = rc == 0 && h.code == 0;
    i = hy_host_find_instance(host, "one");
    assert_non_null(i);
    assert_string_equal(call(i, "which"),
                        is_new ? "new {\"list\":[1,2],\"n\":1}" : "old {\"list\":[1]}");
    h = (heard_t){0};
    rc = hy_host_reload_text(host, "one", old_code, sizeof old_code - 1, on_loaded, &h, NULL);
    assert_int_equal(rc, 0);
    run_for(8000);
    assert_string_equal(h.text, "");
    hy_instance_unload(h.instance);
    turn();
    return is_new;
}

static void whatever_memory_fails_for_one_life_is_whole(void **state) {
    (void)state;
    int64_t first = 0; /* from where on it succeeds, short of memory later or never */
    for (int64_t n = 1; first == 0 || n < 2 * first; n += 1 + n / 200) {
        bool is_new = reload_with(n);
        if (is_new && first == 0) first = n;
        if (n > 100000) fail_msg("it never succeeds");
    }
    assert_true(first > 100);
}

int main(void) {
#define SPEC(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest specs[] = {
        SPEC(a_hyperty_knows_the_files_that_it_is_made_of),
        SPEC(what_failed_to_load_is_of_its_files),
        SPEC(check_says_the_same_as_a_reload),
        SPEC(a_hyperty_keeps_its_place_among_the_others),
        SPEC(unloading_tells_who_waits_for_the_reload_or_a_call),
        SPEC(whatever_memory_fails_for_one_life_is_whole),
    };
    return cmocka_run_group_tests_name("reload", specs, NULL, NULL);
}
