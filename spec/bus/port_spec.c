/* Ports: what a hyperty may put into `from`. */
#include "support.h"

static hy_error_t err;

static hy_port_t *port(world_t *w) {
    hy_port_t *p = NULL;
    hy_str_t *url = hy_str_from(A);
    assert_int_equal(hy_port_open(w->bus, url, &p), 0);
    hy_str_unref(url);
    return p;
}

static int send_as(hy_port_t *p, const char *from, int n) {
    hy_msg_t *m = message(HY_MSG_EVENT, 0, from, B, n);
    int code = hy_port_send(p, m, &err);
    hy_msg_unref(m);
    return code;
}

static void a_hyperty_sends_from_its_own_url(void **state) {
    world_t *w = *state;
    part_t b;
    listen(w, &b, "b", B);
    hy_port_t *p = port(w);
    assert_string_equal(hy_port_url(p)->bytes, A);
    assert_ptr_equal(hy_port_bus(p), w->bus);
    assert_int_equal(send_as(p, A, 1), 0);
    run(w);
    assert_seen(w, "b1");
    hy_port_close(p);
    hy_port_close(NULL);
}

static void anything_else_is_forbidden_and_named(void **state) {
    world_t *w = *state;
    hy_port_t *p = port(w);
    static const char *const others[] = {B, X, A "/events", "hyperty://d/", "hyperty://d/aa"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char expected[256];
        assert_int_equal(send_as(p, others[i], 1), HY_EFORBIDDEN);
        sprintf(expected,
                "not allowed to send from \"%s\": only from \"" A "\" and the objects that it "
                "reports",
                others[i]);
        assert_string_equal(err.text, expected);
    }
    assert_int_equal(hy_bus_stats(w->bus).refused, 5);
    assert_int_equal(hy_bus_stats(w->bus).queued, 0);
    hy_port_close(p);
}

static void objects_are_granted_and_revoked(void **state) {
    world_t *w = *state;
    hy_port_t *p = port(w);
    hy_str_t *x = hy_str_from(X);
    hy_port_revoke(p, x);
    assert_int_equal(hy_port_grant(p, x), 0);
    assert_int_equal(hy_port_grant(p, x), 0);
    assert_int_equal(send_as(p, X, 1), 0);
    assert_int_equal(send_as(p, X "/subscription", 1), HY_EFORBIDDEN);
    hy_port_revoke(p, x);
    assert_int_equal(send_as(p, X, 1), HY_EFORBIDDEN);
    hy_str_unref(x);
    hy_port_close(p);
}

static void note_code(void *arg, hy_msg_t *answer, int code) {
    (void)answer;
    note(arg, "%d", code);
}

static void requests_are_checked_too(void **state) {
    world_t *w = *state;
    hy_port_t *p = port(w);
    hy_msg_t *m = message(HY_MSG_READ, hy_bus_next_id(w->bus), X, B, 1);
    hy_request_t *r = NULL;
    assert_int_equal(hy_port_request(p, m, 0, note_code, w, NULL, &r, &err), HY_EFORBIDDEN);
    assert_null(r);
    hy_msg_unref(m);
    m = message(HY_MSG_READ, hy_bus_next_id(w->bus), A, B, 1);
    assert_int_equal(hy_port_request(p, m, 0, note_code, w, NULL, &r, &err), 0);
    hy_msg_unref(m);
    run(w);
    assert_seen(w, "404");
    hy_port_close(p);
}

static void a_full_bus_is_told_in_words(void **state) {
    (void)state;
    world_t *w = world_new(1, 0);
    hy_port_t *p = port(w);
    assert_int_equal(send_as(p, A, 1), 0);
    assert_int_equal(send_as(p, A, 2), HY_EFULL);
    assert_string_equal(err.text,
                        "the message bus is full (1 messages wait): event to " B " not sent");
    hy_bus_free(w->bus);
    w->bus = NULL;
    hy_port_close(p); /* after its bus */
    world_free(w);
}

static void nothing_is_owed_when_memory_runs_out(void **state) {
    world_t *w = *state;
    hy_str_t *url = hy_str_from(A), *x = hy_str_from(X);
    hy_port_t *p = NULL;
    hy_mem_fail_after(1);
    assert_int_equal(hy_port_open(w->bus, url, &p), HY_ENOMEM);
    hy_mem_fail_after(-1);
    assert_null(p);
    assert_int_equal(hy_port_open(w->bus, url, &p), 0);
    hy_mem_fail_after(1);
    assert_int_equal(hy_port_grant(p, x), HY_ENOMEM);
    hy_mem_fail_after(-1);
    assert_int_equal(send_as(p, X, 1), HY_EFORBIDDEN);
    hy_msg_t *m = message(HY_MSG_EVENT, 0, A, B, 1);
    hy_mem_fail_after(1);
    assert_int_equal(hy_port_send(p, m, &err), HY_ENOMEM);
    hy_mem_fail_after(-1);
    assert_string_equal(err.text, "out of memory: event to " B " not sent");
    hy_msg_unref(m);
    hy_port_close(p);
    hy_str_unref(url);
    hy_str_unref(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_hyperty_sends_from_its_own_url), TEST(anything_else_is_forbidden_and_named),
        TEST(objects_are_granted_and_revoked),  TEST(requests_are_checked_too),
        TEST(a_full_bus_is_told_in_words),      TEST(nothing_is_owed_when_memory_runs_out),
    };
    return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
