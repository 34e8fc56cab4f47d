/* libhyperty by its public header alone: opening, loading, calling, posting, closing. Each test
 * ends with a closed host; what is left then is found by the leak check. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hyperty.h"

static const char counter[] =
    "local hyperty = require 'hyperty'\n"
    "local Counter = { name = 'Counter', api = {} }\n"
    "function Counter:start(config) self.count = config.from or 0 end\n"
    "function Counter.api.add(self, by)\n"
    "  self.count = self.count + (by or 1)\n"
    "  print('at ' .. self.count)\n"
    "  return self.count, 'ok'\n"
    "end\n"
    "function Counter.api.later(self) hyperty.sleep(0.01) return 'later' end\n"
    "function Counter.api.raise() error 'no luck' end\n"
    "return Counter\n";

typedef struct {
    hyperty_t *host;
    int loads, calls, posts, prints;
    int code; /* of the last callback */
    char text[512], name[64], printed[64];
} world_t;

static void on_print(void *arg, const char *name, const char *text) {
    world_t *w = arg;
    w->prints++;
    snprintf(w->printed, sizeof w->printed, "%s: %s", name, text);
}

static void on_loaded(void *arg, int code, const char *text, const char *name, const char *url) {
    world_t *w = arg;
    w->loads++;
    w->code = code;
    snprintf(w->text, sizeof w->text, "%s", text);
    snprintf(w->name, sizeof w->name, "%s", name ? name : "");
    if (!code) assert_int_equal(strncmp(url, "hyperty://a.example/", 20), 0);
    hyperty_stop(w->host);
}

static void on_called(void *arg, int code, const char *text) {
    world_t *w = arg;
    w->calls++;
    w->code = code;
    snprintf(w->text, sizeof w->text, "%s", text);
    hyperty_stop(w->host);
}

static int setup(void **state) {
    static world_t w;
    w = (world_t){0};
    hyperty_config_t config = {
        .domain = "a.example",
        .path = "",
        .log_level = HYPERTY_LOG_ERROR,
        .print = on_print,
        .arg = &w,
    };
    *state = &w;
    return hyperty_open(&config, &w.host, NULL);
}

static int teardown(void **state) {
    world_t *w = *state;
    hyperty_close(w->host);
    return 0;
}

static void load_counter(world_t *w) {
    hyperty_error_t err;
    int rc = hyperty_load_text(w->host, "counter.lua", counter, strlen(counter),
                               "{\"as\":\"c\",\"from\":5}", on_loaded, w, &err);
    assert_int_equal(rc, 0);
    assert_int_equal(w->loads, 0); /* never inside the call */
    hyperty_run(w->host);
    assert_int_equal(w->code, 0);
    assert_string_equal(w->name, "c");
}

static void call(world_t *w, const char *method, const char *args) {
    hyperty_error_t err;
    assert_int_equal(hyperty_call(w->host, "c", method, args, on_called, w, &err), 0);
    hyperty_run(w->host);
}

static void a_loaded_hyperty_is_called(void **state) {
    world_t *w = *state;
    load_counter(w);
    call(w, "add", "[2]");
    assert_int_equal(w->code, 0);
    assert_string_equal(w->text, "[7,\"ok\"]");
    assert_string_equal(w->printed, "c: at 7");
    call(w, "later", NULL);
    assert_string_equal(w->text, "[\"later\"]");
    assert_int_equal(w->loads, 1);
    assert_int_equal(w->calls, 2);
}

static void what_fails_says_why(void **state) {
    world_t *w = *state;
    hyperty_error_t err;
    assert_true(hyperty_load(w->host, "nope", NULL, on_loaded, w, &err) < 0);
    assert_string_equal(hyperty_error_word(err.code), "not_found");
    assert_non_null(strstr(err.text, "there is no hyperty \"nope\""));
    assert_true(hyperty_check(w->host, "./nope.lua", &err) < 0);
    assert_true(hyperty_load(w->host, "nope", "[1]", on_loaded, w, &err) < 0);
    assert_string_equal(err.text, "config: is no object");
    assert_true(hyperty_call(w->host, "c", "add", NULL, on_called, w, &err) < 0);
    assert_string_equal(err.text, "no instance named \"c\"; load it first");
    assert_true(hyperty_unload(w->host, "c", NULL) < 0);
    assert_int_equal(w->loads + w->calls, 0);

    load_counter(w);
    assert_true(hyperty_call(w->host, "c", "add", "{}", on_called, w, &err) < 0);
    assert_string_equal(err.text, "args: is no array");
    call(w, "raise", NULL);
    assert_true(w->code < 0);
    assert_non_null(strstr(w->text, "no luck"));
}

static void a_start_that_raises_is_told(void **state) {
    world_t *w = *state;
    static const char source[] = "return { name = 'X', start = function() error 'no luck' end }";
    assert_int_equal(
        hyperty_load_text(w->host, "x", source, strlen(source), NULL, on_loaded, w, NULL), 0);
    hyperty_run(w->host);
    assert_true(w->code < 0);
    assert_non_null(strstr(w->text, "no luck"));
}

static void an_unloaded_instance_is_gone(void **state) {
    world_t *w = *state;
    load_counter(w);
    assert_int_equal(hyperty_call(w->host, "c", "later", NULL, on_called, w, NULL), 0);
    assert_int_equal(hyperty_unload(w->host, "c", NULL), 0);
    hyperty_run(w->host);
    assert_int_equal(w->calls, 1);
    assert_string_equal(hyperty_error_word(w->code), "closed");
    assert_true(hyperty_call(w->host, "c", "add", NULL, NULL, NULL, NULL) < 0);
}

static void options_that_are_wrong_are_named(void **state) {
    (void)state;
    hyperty_t *h = NULL;
    hyperty_error_t err;
    assert_true(hyperty_open(&(hyperty_config_t){.domain = "a b"}, &h, &err) < 0);
    assert_non_null(strstr(err.text, "\"a b\" is no domain name"));
    assert_true(hyperty_open(&(hyperty_config_t){.user = "bob"}, &h, NULL) < 0);
    assert_null(h);
}

static void on_log(void *arg, hyperty_log_level_t level, const char *who, const char *text) {
    world_t *w = arg;
    assert_int_equal(level, HYPERTY_LOG_WARN);
    snprintf(w->printed, sizeof w->printed, "%s: %s", who, text);
}

static void a_node_that_is_not_there_is_told_and_no_error(void **state) {
    world_t other = {0};
    hyperty_config_t config = {.domain = "a.example",
                               .path = "",
                               .log_level = HYPERTY_LOG_WARN,
                               .log = on_log,
                               .arg = &other,
                               .node = "unix:///none"};
    (void)state;
    assert_int_equal(hyperty_open(&config, &other.host, NULL), 0);
    assert_non_null(strstr(other.printed, "stub: cannot connect to unix:///none: "));
    int rc = hyperty_load_text(other.host, "counter.lua", counter, strlen(counter), NULL, on_loaded,
                               &other, NULL);
    assert_int_equal(rc, 0);
    hyperty_close(other.host);
    assert_int_equal(other.loads, 1);
    assert_string_equal(hyperty_error_word(other.code), "closed");
}

static void a_node_that_is_written_wrong_is_named(void **state) {
    hyperty_t *h = NULL;
    hyperty_error_t err;
    (void)state;
    assert_true(hyperty_open(&(hyperty_config_t){.node = "unix:///s,nowhere"}, &h, &err) < 0);
    assert_non_null(strstr(err.text, "\"nowhere\": is no URL of a socket"));
    assert_true(hyperty_open(&(hyperty_config_t){.node = ""}, &h, &err) < 0);
    assert_non_null(strstr(err.text, "no URL of a node"));
    assert_null(h);
}

#define POSTS 1000

static void on_posted(void *arg) {
    world_t *w = arg;
    if (++w->posts == POSTS) hyperty_stop(w->host);
}

static void *post_many(void *arg) {
    world_t *w = arg;
    for (int i = 0; i < POSTS; i++)
        hyperty_post(w->host, on_posted, w);
    return NULL;
}

static void posts_of_another_thread_are_all_called(void **state) {
    world_t *w = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_many, w), 0);
    hyperty_run(w->host);
    pthread_join(thread, NULL);
    assert_int_equal(w->posts, POSTS);
}

static void on_closing(void *arg) {
    world_t *w = arg;
    w->posts++;
    assert_true(hyperty_post(w->host, on_closing, w) < 0);
}

static void what_was_posted_is_called_at_the_close(void **state) {
    world_t *w = *state;
    assert_int_equal(hyperty_post(w->host, on_closing, w), 0);
    hyperty_close(w->host);
    w->host = NULL;
    assert_int_equal(w->posts, 1);
}

static void two_hosts_share_nothing(void **state) {
    world_t *w = *state, other = {0};
    load_counter(w);
    hyperty_config_t config = {.domain = "a.example", .path = "", .print = on_print, .arg = &other};
    assert_int_equal(hyperty_open(&config, &other.host, NULL), 0);
    load_counter(&other);
    call(w, "add", "[10]");
    call(&other, "add", NULL);
    assert_string_equal(w->text, "[15,\"ok\"]");
    assert_string_equal(other.text, "[6,\"ok\"]");
    hyperty_close(other.host);
}

static void rules_are_taken_or_refused_with_their_place(void **state) {
    static const struct {
        const char *policy, *groups, *text;
    } rows[] = {
        {"{\"rules\": [{\"effect\": \"deny\", \"condition\": {\"group\": \"a\"}}]}",
         "{\"a\": [\"user://localhost/b\"]}", NULL},
        {"{\"rules\": [{\"effect\": \"deny\", \"condition\": {\"group\": \"a\"}}]}", NULL,
         "policy: rule 1: condition: group: there is no \"a\"; add it to the groups first"},
        {"[]", NULL, "policy: must be a JSON object"},
        {"{", NULL, "policy: malformed JSON at byte 1: expected a key"},
        {NULL, "{\"a\": 1}", "groups: a must be a list of URLs"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hyperty_config_t config = {.path = "", .policy = rows[i].policy, .groups = rows[i].groups};
        hyperty_error_t err = {.text = ""};
        hyperty_t *host = NULL;
        int rc = hyperty_open(&config, &host, &err);
        assert_string_equal(err.text, rows[i].text ? rows[i].text : "");
        assert_true(rows[i].text ? strcmp(hyperty_error_word(rc), "invalid") == 0 : rc == 0);
        if (host) hyperty_close(host);
    }
}

static void the_own_key_is_in_the_file_that_is_named(void **state) {
    char path[] = "/tmp/hyperty-key-XXXXXX", text[256];
    hyperty_error_t err = {.text = ""};
    hyperty_config_t config = {.path = "", .key = path};
    hyperty_t *host = NULL;
    struct stat s;
    (void)state;
    close(mkstemp(path));
    assert_int_not_equal(hyperty_open(&config, &host, &err), 0);
    assert_non_null(strstr(err.text, ": is no key: "));
    unlink(path);
    for (int i = 0; i < 2; i++) { /* it is made, and taken */
        assert_int_equal(hyperty_open(&config, &host, &err), 0);
        hyperty_close(host);
        assert_int_equal(stat(path, &s), 0);
        assert_int_equal(s.st_mode & 0777, 0600);
        assert_int_equal(s.st_size, 45);
    }
    chmod(path, 0640);
    assert_string_equal(hyperty_error_word(hyperty_open(&config, &host, &err)), "forbidden");
    snprintf(text, sizeof text, "%s can be read by others; chmod 600 %s", path, path);
    assert_string_equal(err.text, text);
    unlink(path);
}

static void a_load_under_way_is_told_once_at_the_close(void **state) {
    world_t *w = *state;
    int rc = hyperty_load_text(w->host, "counter.lua", counter, strlen(counter), NULL, on_loaded, w,
                               NULL);
    assert_int_equal(rc, 0);
    hyperty_close(w->host);
    w->host = NULL;
    assert_int_equal(w->loads, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_loaded_hyperty_is_called),
        TEST(what_fails_says_why),
        TEST(a_start_that_raises_is_told),
        TEST(an_unloaded_instance_is_gone),
        TEST(options_that_are_wrong_are_named),
        TEST(a_node_that_is_not_there_is_told_and_no_error),
        TEST(a_node_that_is_written_wrong_is_named),
        TEST(posts_of_another_thread_are_all_called),
        TEST(what_was_posted_is_called_at_the_close),
        TEST(two_hosts_share_nothing),
        TEST(a_load_under_way_is_told_once_at_the_close),
        TEST(rules_are_taken_or_refused_with_their_place),
        TEST(the_own_key_is_in_the_file_that_is_named),
    };
    return cmocka_run_group_tests_name("libhyperty", tests, NULL, NULL);
}
