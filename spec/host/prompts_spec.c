/* core/host/prompts: several clients of one host over its socket, in one process with it. Each test
 * ends with all memory given back. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "../core/base/mem.h"
#include "../core/host/frame.h"
#include "../core/host/prompts.h"
#include "hyperty_parts.h"

enum { CLIENTS = HY_PROMPTS_MAX + 1 };

typedef struct {
    int fd;
    hy_buf_t in;
    uint32_t results, prints;
    uint64_t dropped;
    char hello[64], end[128], text[64]; /* the last of each */
} client_t;

static struct {
    int64_t blocks_before;
    char path[64];
    hyperty_t *host;
    hy_prompts_t *prompts;
    client_t clients[CLIENTS];
} world;

static void on_print(void *arg, const char *name, const char *text) {
    (void)arg;
    hy_prompts_print(world.prompts, name, text);
}

static hy_host_t *get_host(void *arg, hy_error_t *err) {
    (void)arg;
    (void)err;
    return hy_runtime_host(hy_hyperty_runtime(world.host));
}

static int setup(void **state) {
    (void)state;
    memset(&world, 0, sizeof world);
    world.blocks_before = hy_mem_blocks();
    snprintf(world.path, sizeof world.path, "/tmp/hyperty-spec-%ld", (long)getpid());
    hyperty_config_t config = {.path = "", .log_level = HYPERTY_LOG_ERROR, .print = on_print};
    if (hyperty_open(&config, &world.host, NULL) != 0) return -1;
    hy_prompts_config_t prompts = {
        .loop = hy_hyperty_loop(world.host), .hello = "a host of a spec", .host = get_host};
    if (hy_prompts_open(&prompts, &world.prompts, NULL) != 0) return -1;
    for (int i = 0; i < CLIENTS; i++) {
        world.clients[i].fd = -1;
        hy_buf_init(&world.clients[i].in);
    }
    return hy_prompts_listen(world.prompts, world.path, NULL);
}

static void leave(client_t *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    hy_buf_deinit(&c->in);
}

static int teardown(void **state) {
    struct stat at;
    (void)state;
    for (int i = 0; i < CLIENTS; i++)
        leave(&world.clients[i]);
    hy_hyperty_end(world.host);
    hy_prompts_close(world.prompts);
    hyperty_close(world.host);
    assert_int_equal(lstat(world.path, &at), -1);
    assert_int_equal(hy_mem_blocks(), world.blocks_before);
    return 0;
}

/* --- clients ---------------------------------------------------------------------------------- */

static client_t *come(int i) {
    client_t *c = &world.clients[i];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, world.path, strlen(world.path) + 1);
    c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(c->fd, (const struct sockaddr *)&address, sizeof address), 0);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    return c;
}

static void keep_text(const hy_node_t *frame, char *text, size_t room) {
    const hy_str_t *found = hy_get_str(frame, "text");
    snprintf(text, room, "%.*s", (int)room - 1, found ? found->bytes : "");
}

static void take(client_t *c, const hy_node_t *frame) {
    const hy_str_t *is = hy_get_str(frame, "is");
    if (hy_str_is(is, "hello")) {
        keep_text(frame, c->hello, sizeof c->hello);
    } else if (hy_str_is(is, "end")) {
        keep_text(frame, c->end, sizeof c->end);
    } else if (hy_str_is(is, "dropped")) {
        c->dropped += (uint64_t)hy_get_int(frame, "lines", 0);
    } else if (hy_str_is(is, "print")) {
        c->prints++;
    } else if (hy_str_is(is, "result")) {
        c->results++;
        keep_text(frame, c->text, sizeof c->text);
    }
}

/* What is there for the client now. */
static void listen_to(client_t *c) {
    hy_value_t frame;
    ssize_t got = 1;
    while (c->fd >= 0 && got > 0) {
        assert_non_null(hy_buf_reserve(&c->in, 65536));
        got = read(c->fd, c->in.bytes + c->in.len, 65536);
        if (got > 0) c->in.len += (size_t)got;
        if (got == 0 && !c->end[0]) snprintf(c->end, sizeof c->end, "closed");
        while (hy_frame_take(&c->in, &frame, NULL) > 0) {
            take(c, frame.as.n);
            hy_value_drop(frame);
        }
    }
}

/* Sends a chunk; false if there is no room for it, or nobody. */
static bool send_eval(client_t *c, int64_t id, const char *code) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_node_t *n = hy_node_new(HY_OBJECT);
    assert_int_equal(hy_put(n, "do", hy_text("eval")), 0);
    assert_int_equal(hy_put(n, "id", hy_int(id)), 0);
    assert_int_equal(hy_put(n, "code", hy_text(code)), 0);
    assert_int_equal(hy_frame_append(&b, hy_node_value(n)), 0);
    ssize_t sent = send(c->fd, b.bytes, b.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    bool is_whole = sent == (ssize_t)b.len;
    hy_buf_deinit(&b);
    assert_true(is_whole || sent < 0);
    return is_whole;
}

/* --- the host's turns ------------------------------------------------------------------------- */

static void on_time(void *arg) {
    hyperty_stop(arg);
}

static void run_ms(uint32_t ms) {
    hy_timer_t timer;
    hy_timer_init(&timer, on_time, world.host);
    assert_int_equal(hy_timer_start(hy_loop_clock(hy_hyperty_loop(world.host)), &timer, ms), 0);
    hyperty_run(world.host);
}

/* Runs the host until the client has so many results, or its end. */
static void run_until(client_t *c, uint32_t results) {
    for (int i = 0; i < 4000 && c->results < results && !c->end[0]; i++) {
        run_ms(1);
        listen_to(c);
    }
}

/* Runs the host until all but so many clients are gone. */
static void run_until_left(uint32_t count) {
    run_ms(1);
    for (int i = 0; i < 4000 && hy_prompts_count(world.prompts) > count; i++)
        run_ms(1);
    assert_int_equal(hy_prompts_count(world.prompts), count);
}

static void ask(client_t *c, const char *code) {
    uint32_t results = c->results;
    assert_true(send_eval(c, 1, code));
    run_until(c, results + 1);
    assert_int_equal(c->results, results + 1);
}

/* --- specs ------------------------------------------------------------------------------------ */

static void a_client_is_greeted_and_answered(void **state) {
    struct stat at;
    (void)state;
    assert_int_equal(lstat(world.path, &at), 0);
    assert_int_equal(at.st_mode & 0777, 0600);
    client_t *c = come(0);
    ask(c, "1 + 1");
    assert_string_equal(c->hello, "a host of a spec");
    assert_string_equal(c->text, "2");
}

static void each_has_globals_and_prints_of_its_own(void **state) {
    (void)state;
    client_t *one = come(0), *two = come(1);
    ask(one, "x = 1");
    ask(two, "x");
    assert_string_equal(two->text, "nil");
    ask(one, "print 'mine'");
    listen_to(two);
    assert_int_equal(one->prints, 1);
    assert_int_equal(two->prints, 0);
    assert_false(hy_prompts_print(world.prompts, "somebody", "for all"));
    run_ms(1);
    listen_to(one);
    listen_to(two);
    assert_int_equal(one->prints, 2);
    assert_int_equal(two->prints, 1);
}

static void one_too_many_is_told_so(void **state) {
    (void)state;
    for (int i = 0; i < (int)HY_PROMPTS_MAX; i++)
        ask(come(i), "1");
    client_t *late = come(HY_PROMPTS_MAX);
    run_until(late, 1);
    assert_non_null(strstr(late->end, "16 prompts are open here already"));
    assert_int_equal(hy_prompts_count(world.prompts), HY_PROMPTS_MAX);
    leave(&world.clients[3]);
    run_until_left(HY_PROMPTS_MAX - 1);
}

static void who_does_not_read_costs_a_bounded_queue(void **state) {
    enum { LINES = 5000 };
    static char line[1000];
    (void)state;
    client_t *slow = come(0), *other = come(1);
    ask(slow, "1");
    ask(other, "1");
    memset(line, 'x', sizeof line - 1);
    for (int i = 0; i < LINES; i++)
        hy_prompts_log(world.prompts, line);
    listen_to(other);
    ask(other, "'still here'");
    uint32_t results = slow->results;
    assert_true(send_eval(slow, 7, "2"));
    run_until(slow, results + 1);
    assert_string_equal(slow->text, "2");
    assert_true(slow->dropped > LINES / 2);
    assert_true(slow->dropped < LINES);
}

static void who_asks_and_never_reads_is_not_read_any_more(void **state) {
    (void)state;
    client_t *c = come(0);
    ask(c, "big = ('x'):rep(100000)");
    uint32_t results = c->results;
    /* One answer a chunk, none of which is read: the kernel takes some, the queue some. */
    int sent = 0;
    for (int i = 0; i < 60 && send_eval(c, i, "big"); i++, sent++)
        run_ms(1);
    assert_true(sent > 20);
    run_until(c, results + (uint32_t)sent);
    assert_int_equal(c->results, results + (uint32_t)sent);
    assert_string_equal(c->end, "");
}

static void who_goes_takes_along_what_waits(void **state) {
    (void)state;
    client_t *c = come(0), *other = come(1);
    ask(c, "1");
    ask(other, "1");
    hy_host_t *host = get_host(NULL, NULL);
    assert_non_null(hy_host_find_instance(host, "prompt"));
    assert_true(send_eval(c, 5, "hyperty.sleep(1000)"));
    run_ms(5);
    leave(c);
    run_until_left(1);
    for (int i = 0; i < 4000 && hy_host_find_instance(host, "prompt"); i++)
        run_ms(1);
    assert_null(hy_host_find_instance(host, "prompt"));
    assert_non_null(hy_host_find_instance(host, "prompt#2"));
}

static void who_goes_at_once_leaves_nothing(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++) {
        client_t *c = come(0);
        if (i % 2) run_ms(0);
        leave(c);
    }
    run_until_left(0);
    hy_host_t *host = get_host(NULL, NULL);
    for (int i = 0; i < 4000 && hy_host_next_instance(host, NULL); i++)
        run_ms(1);
    assert_null(hy_host_next_instance(host, NULL));
}

static void what_is_no_frame_ends_one_client_alone(void **state) {
    (void)state;
    client_t *c = come(0), *other = come(1);
    ask(c, "1");
    ask(other, "1");
    assert_int_equal(send(c->fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
    run_until(c, 99);
    assert_true(c->end[0]);
    ask(other, "2");
    assert_string_equal(other->text, "2");
}

static void a_second_host_does_not_take_the_socket(void **state) {
    (void)state;
    hy_prompts_t *second;
    hy_error_t err = {0};
    hy_prompts_config_t config = {.loop = hy_hyperty_loop(world.host), .host = get_host};
    assert_int_equal(hy_prompts_open(&config, &second, NULL), 0);
    assert_int_equal(hy_prompts_listen(second, world.path, &err), HY_ECONFLICT);
    assert_non_null(strstr(err.text, "in use by another process"));
    hy_prompts_close(second);
    ask(come(0), "1");
}

static void run_short_of_memory(int64_t n) {
    hy_timer_t timer;
    hy_timer_init(&timer, on_time, world.host);
    assert_int_equal(hy_timer_start(hy_loop_clock(hy_hyperty_loop(world.host)), &timer, 20), 0);
    hy_mem_fail_after(n);
    hyperty_run(world.host);
    hy_mem_fail_after(-1);
}

static void short_of_memory_a_client_is_turned_away_and_others_go_on(void **state) {
    (void)state;
    client_t *other = come(1);
    ask(other, "1");
    bool was_served = false;
    for (int64_t n = 0; !was_served && n < 200000; n += 1 + n / 8) {
        client_t *c = come(0);
        c->end[0] = c->text[0] = '\0';
        c->results = 0;
        run_short_of_memory(n);
        send_eval(c, 1, "1 + 1");
        run_until(c, 1);
        was_served = c->results > 0;
        leave(c);
        run_until_left(1);
    }
    assert_true(was_served);
    ask(other, "3");
    assert_string_equal(other->text, "3");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_client_is_greeted_and_answered),
        TEST(each_has_globals_and_prints_of_its_own),
        TEST(one_too_many_is_told_so),
        TEST(who_does_not_read_costs_a_bounded_queue),
        TEST(who_asks_and_never_reads_is_not_read_any_more),
        TEST(who_goes_takes_along_what_waits),
        TEST(who_goes_at_once_leaves_nothing),
        TEST(what_is_no_frame_ends_one_client_alone),
        TEST(a_second_host_does_not_take_the_socket),
        TEST(short_of_memory_a_client_is_turned_away_and_others_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
