/* Runtimes and a node over TLS, on real sockets. */
#include "tls_support.h"

static int setup(void **state) {
    safe_setup(state);
    safe_t *s = *state;
    safe_listen(s, NULL);
    safe_trust(s, &(hy_tls_files_t){.authorities = s->ca});
    return 0;
}

static void say_to(user_t *u, uint32_t number, const char *from, const char *to) {
    say(u,
        "{\"id\":%u,\"type\":\"event\",\"from\":\"" RUNTIME "%s\",\"to\":\"" RUNTIME "%s\","
        "\"body\":{\"value\":\"some text, so that it has a usual length\"}}",
        number, from, to);
}

static void runtimes_meet_over_tls(void **state) {
    safe_t *s = *state;
    user_t *a = runtime_open(s, s->tls, "a"), *b = runtime_open(s, s->wss, "b");
    user_t *c = runtime_open(s, s->ws, "c");
    say_to(a, 2, "a", "b");
    say_to(b, 2, "b", "c");
    say_to(c, 2, "c", "a");
    WAIT_FOR(&s->place, a->received == 2 && b->received == 2 && c->received == 2);
    assert_string_equal(a->channel->ops->name, "tls");
    assert_string_equal(b->channel->ops->name, "wss");
    runtime_end(a);
    runtime_end(b);
    runtime_end(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runtimes_meet_over_tls, setup, safe_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
