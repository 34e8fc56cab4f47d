/* What a gate refuses, bounds and gives up: places to listen on, crowds, draining, memory. */
#include "home.h"

#include <sys/resource.h>

/* --- listening -------------------------------------------------------------------------------- */

static void assert_refused(home_t *h, const char *url, int code, const char *text) {
    hy_error_t err = {0};
    assert_int_equal(hy_gate_listen(h->gate, url, &err), code);
    if (!strstr(err.text, text) || !strstr(err.text, url)) fail_msg("%s", err.text);
}

static void what_cannot_be_listened_on_is_told_with_what_to_do(void **state) {
    home_t *h = *state;
    assert_refused(h, "tcp://0.0.0.0:0", HY_EFORBIDDEN, "serves its own machine only: give --auth");
    assert_refused(h, "ws://example.com/ws", HY_EFORBIDDEN, "cannot listen on ");
    assert_refused(h, "ws://127.0.0.1:0/other", HY_EINVALID, "WebSocket is served on the path /ws");
    assert_refused(h, "tcp://x", HY_EINVALID, "the port is missing");
    assert_refused(h, h->tcp, HY_ECONFLICT, "the port is in use by another process");
    assert_refused(h, h->local, HY_ECONFLICT, "it is in use by another process");
    assert_refused(h, "unix:///nowhere/x.sock", UV_ENOENT, "no such file or directory");
    char url[128];
    snprintf(url, sizeof url, "unix://%s", h->place.folder);
    assert_refused(h, url, HY_ECONFLICT, "there is a file that is no socket; remove it");
    struct stat at;
    assert_int_equal(stat(h->path, &at), 0); /* still there */
}

static void beyond_its_machine_it_is_reached_with_auth_and_by_tls_only(void **state) {
    home_t *h = *state;
    hy_gate_config_t config = {.loop = h->place.loop,
                               .sockets = h->place.sockets,
                               .node = h->node,
                               .log = &h->place.log,
                               .has_auth = true};
    hy_gate_close(h->gate);
    assert_int_equal(hy_gate_open(&config, &h->gate), 0);
    assert_refused(h, "tcp://0.0.0.0:0", HY_EFORBIDDEN, "would travel readable: write tls://");
    assert_refused(h, "ws://[::]:0/ws", HY_EFORBIDDEN, "would travel readable: write wss://");
    assert_refused(h, "wss://0.0.0.0:0/ws", HY_EINVALID, "TLS needs a certificate");
}

static void a_unix_socket_is_for_its_owner_and_goes_with_the_gate(void **state) {
    home_t *h = *state;
    struct stat at;
    assert_int_equal(stat(h->path, &at), 0);
    assert_int_equal(at.st_mode & 0777, 0600);
    hy_gate_close(h->gate);
    h->gate = NULL;
    assert_int_not_equal(stat(h->path, &at), 0);
}

static void a_stale_unix_socket_is_replaced(void **state) {
    home_t *h = *state;
    hy_gate_close(h->gate);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, h->path, sizeof a.sun_path - 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
    gate_open(h, 0);
    runtime_end(runtime_open(h, h->local, "a"));
}

static void a_file_that_has_taken_the_place_of_the_socket_stays(void **state) {
    home_t *h = *state;
    assert_int_equal(unlink(h->path), 0);
    int fd = open(h->path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    hy_gate_close(h->gate);
    h->gate = NULL;
    assert_int_equal(unlink(h->path), 0);
}

/* --- crowds ----------------------------------------------------------------------------------- */

static void only_so_many_are_accepted_in_a_turn(void **state) {
    enum { COUNT = 150 };
    home_t *h = *state;
    int fds[COUNT];
    uint32_t seen = 0, rounds = 0;
    for (int i = 0; i < COUNT; i++)
        fds[i] = plain_connect(h->tcp);
    while (seen < COUNT) {
        turn(&h->place);
        uint32_t now = hy_sockets_stats(h->place.sockets).connections;
        assert_in_range(now - seen, 0, HY_GATE_ACCEPTS_PER_TURN);
        rounds += now > seen;
        seen = now;
    }
    assert_int_equal(rounds, 3);
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
}

static void who_is_one_too_many_is_told_to_come_later(void **state) {
    home_t *h = *state;
    hy_gate_close(h->gate);
    gate_open(h, 1);
    user_t *in = runtime_open(h, h->tcp, "a"), native = {0}, web = {0};
    assert_int_equal(user_connect(&h->place, &native, h->local), 0);
    WAIT_FOR(&h->place, native.closed);
    assert_int_equal(native.received, 1);
    assert_int_equal(user_connect(&h->place, &web, h->ws), 0);
    WAIT_FOR(&h->place, web.closed);
    assert_int_equal(web.opened, 0);
    if (!strstr(web.reason, "503")) fail_msg("%s", web.reason);
    for (int i = TLS; i <= WSS; i++) { /* without words: those would take a handshake */
        user_t safe = {0};
        assert_int_equal(user_connect(&h->place, &safe, url_of(h, i)), 0);
        WAIT_FOR(&h->place, safe.closed);
        assert_int_equal(safe.opened, 0);
        user_end(&safe);
    }
    assert_int_equal(in->closed, 0);
    runtime_end(in);
    WAIT_FOR(&h->place, hy_node_server_stats(h->node).peers == 0);
    runtime_end(runtime_open(h, h->ws, "a"));
    user_end(&native);
    user_end(&web);
}

static void without_descriptors_accepting_waits_a_little(void **state) {
    home_t *h = *state;
    struct rlimit before, tight;
    int fds[3];
    getrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < 3; i++)
        fds[i] = plain_connect(h->tcp);
    tight = before;
    tight.rlim_cur = (rlim_t)fds[2] + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    turns(&h->place, 20);
    jump(&h->place, HY_GATE_TICK_MS); /* tried again, and still none */
    turns(&h->place, 20);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(h->place.warnings, 1);
    assert_non_null(strstr(h->place.warning, "too many open files"));
    assert_int_equal(hy_sockets_stats(h->place.sockets).connections, 0);
    jump(&h->place, HY_GATE_TICK_MS);
    WAIT_FOR(&h->place, hy_sockets_stats(h->place.sockets).connections == 3);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

/* --- draining --------------------------------------------------------------------------------- */

static void count_call(void *arg) {
    ++*(int *)arg;
}

static void draining_writes_what_is_queued_and_says_when_to_come_back(void **state) {
    enum { EACH = 500 };
    home_t *h = *state;
    int done = 0;
    char name[16];
    user_t *to[TRANSPORTS], *from = runtime_open(h, h->local, "from");
    for (int i = 0; i < TRANSPORTS; i++) {
        snprintf(name, sizeof name, "to%d", i);
        to[i] = runtime_open(h, url_of(h, i), name);
    }
    for (uint32_t n = 0; n < EACH * TRANSPORTS; n++) {
        snprintf(name, sizeof name, "to%u", n % TRANSPORTS);
        say_to(from, n + 2, "from", name);
    }
    WAIT_FOR(&h->place, hy_node_server_stats(h->node).delivered >= EACH * TRANSPORTS);
    hy_gate_drain(h->gate, 3000, 60000, count_call, &done);
    assert_int_equal(done, 0);
    assert_null(hy_gate_url(h->gate, 0));
    WAIT_FOR(&h->place, from->closed && done);
    for (int i = 0; i < TRANSPORTS; i++) {
        WAIT_FOR(&h->place, to[i]->closed);
        assert_int_equal(to[i]->received, EACH + (is_web(i) ? 1 : 2)); /* one tells why, natively */
        if (!is_web(i)) continue;
        assert_int_equal(to[i]->code, HY_CLOSE_RESTART);
        assert_string_equal(to[i]->reason, "restarting; come back within 3000 ms");
    }
    hy_error_t err;
    assert_int_equal(hy_gate_listen(h->gate, "tcp://127.0.0.1:0", &err), HY_ECLOSED);
    turns(&h->place, 30);
    assert_int_equal(done, 1);
    for (int i = 0; i < TRANSPORTS; i++)
        runtime_end(to[i]);
    runtime_end(from);
}

static void draining_waits_for_nobody_longer_than_its_bound(void **state) {
    home_t *h = *state;
    int done = 0, fd = plain_connect_local(h);
    user_t *from = runtime_open(h, h->local, "from");
    plain_frame(&h->place, fd,
                "{\"id\":1,\"type\":\"open\",\"from\":\"" RUNTIME "slow\",\"to\":\"mn:/session\"}");
    WAIT_FOR(&h->place, hy_node_server_stats(h->node).sessions == 2);
    for (uint32_t n = 0; n < 5000; n++)
        say_to(from, n + 2, "from", "slow");
    WAIT_FOR(&h->place, hy_node_server_stats(h->node).delivered >= 5000);
    assert_in_range(hy_node_server_stats(h->node).queued_bytes, 1, UINT64_MAX);
    hy_gate_drain(h->gate, 3000, 100, count_call, &done);
    WAIT_FOR(&h->place, from->closed);
    assert_int_equal(done, 0);
    WAIT_FOR(&h->place, done);
    assert_int_equal(hy_node_server_stats(h->node).peers, 0);
    runtime_end(from);
    close(fd);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void running_out_of_memory_turns_away_at_most(void **state) {
    home_t *h = *state;
    for (int i = 0; i < TRANSPORTS; i++) {
        int whole = 0;
        for (int n = 0; n < 400 && whole < 2; n++) {
            user_t u = {0};
            assert_int_equal(user_connect(&h->place, &u, url_of(h, i)), 0);
            say_open(&u, "a");
            hy_mem_fail_after(n);
            for (int t = 0; t < 30 && !u.received && !u.closed; t++)
                turn(&h->place);
            hy_mem_fail_after(-1);
            whole += u.received == 1;
            user_end(&u);
            WAIT_FOR(&h->place, hy_sockets_stats(h->place.sockets).connections == 0);
        }
        assert_int_equal(whole, 2);
    }
}

static void a_gate_that_cannot_be_made_owes_nothing(void **state) {
    home_t *h = *state;
    hy_gate_close(h->gate);
    h->gate = NULL;
    hy_gate_config_t config = {.loop = h->place.loop,
                               .sockets = h->place.sockets,
                               .node = h->node,
                               .log = &h->place.log,
                               .tls = h->context};
    int rc = HY_ENOMEM;
    for (int n = 0; rc; n++) {
        hy_mem_fail_after(n);
        rc = hy_gate_open(&config, &h->gate);
        if (!rc) rc = listen_all(h);
        hy_mem_fail_after(-1);
        if (rc) assert_int_equal(rc, HY_ENOMEM);
        if (rc && h->gate) hy_gate_close(h->gate);
        if (rc) h->gate = NULL;
    }
}

int main(void) {
#define SPEC(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        SPEC(what_cannot_be_listened_on_is_told_with_what_to_do),
        SPEC(beyond_its_machine_it_is_reached_with_auth_and_by_tls_only),
        SPEC(a_unix_socket_is_for_its_owner_and_goes_with_the_gate),
        SPEC(a_stale_unix_socket_is_replaced),
        SPEC(a_file_that_has_taken_the_place_of_the_socket_stays),
        SPEC(only_so_many_are_accepted_in_a_turn),
        SPEC(who_is_one_too_many_is_told_to_come_later),
        SPEC(without_descriptors_accepting_waits_a_little),
        SPEC(draining_writes_what_is_queued_and_says_when_to_come_back),
        SPEC(draining_waits_for_nobody_longer_than_its_bound),
        SPEC(running_out_of_memory_turns_away_at_most),
        SPEC(a_gate_that_cannot_be_made_owes_nothing),
    };
#undef SPEC
    return cmocka_run_group_tests(tests, NULL, NULL);
}
