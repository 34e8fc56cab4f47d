/* core/node/peer: what comes in and is no message is answered, and disturbs nobody else. */
#include "support.h"

#define A "hyperty-runtime://d/a"

/* The code that a text is answered with, and the id as text ("" for none). */
static int answer_to(const char *text, size_t len, char id[64]) {
    clear(&a);
    assert_true(give(&a, text, len));
    assert_int_equal(a.count, 1);
    hy_value_t v = a.inbox[0]->id;
    if (v.kind == HY_INT) snprintf(id, 64, "%lld", (long long)v.as.i);
    if (v.kind == HY_STR) snprintf(id, 64, "'%.60s'", v.as.s->bytes);
    if (v.kind == HY_ABSENT) id[0] = 0;
    assert_string_equal(a.inbox[0]->from->bytes, "mn:/session");
    assert_true(strlen(hy_msg_desc(a.inbox[0])) > 8);
    return hy_msg_code(a.inbox[0]);
}

static void malformed_input_is_answered_with_its_id_where_that_can_be_read(void **state) {
#define REST "\"from\":\"" A "\",\"to\":\"" SM "\""
    static const struct {
        const char *text, *id;
    } bad[] = {
        {"", ""},
        {"hello", ""},
        {"[]", ""},
        {"{}", ""},
        {"7", ""},
        {"{\"id\":5,\"type\":\"rea", "5"},
        {"{\"type\":\"read\",\"id\":5", "5"},
        {"{\"id\":5}", "5"},
        {"{\"id\":\"five\"}", "'five'"},
        {"{\"id\":0,\"type\":\"read\"," REST "}", ""},
        {"{\"id\":-1,\"type\":\"read\"," REST "}", ""},
        {"{\"id\":1.5,\"type\":\"read\"," REST "}", ""},
        {"{\"id\":123456789012345678901234567890,\"type\":\"read\"," REST "}", ""},
        {"{\"id\":null,\"type\":\"read\"," REST "}", ""},
        {"{\"id\":{\"a\":1},\"type\":\"read\"," REST "}", ""},
        {"{\"id\":6,\"type\":7," REST "}", "6"},
        {"{\"id\":6,\"type\":\"greet\"," REST "}", "6"},
        {"{\"type\":\"read\",\"id\":6,\"from\":7,\"to\":\"" SM "\"}", "6"},
        {"{\"type\":\"read\",\"id\":6,\"from\":\"" A "\",\"to\":[]}", "6"},
        {"{\"type\":\"read\",\"id\":6,\"from\":\"" A "\",\"to\":\"nowhere\"}", "6"},
        {"{\"type\":\"read\",\"from\":\"nobody\",\"to\":\"" SM "\",\"id\":6}", "6"},
        {"{\"id\":6,\"type\":\"read\"," REST ",\"body\":[]}", "6"},
        {"{\"id\":6,\"type\":\"read\"," REST ",\"body\":{\"a\":}}", "6"},
        {"{\"id\":6,\"type\":\"read\"," REST ",\"to\":\"" SM "\"}", "6"},
        {"{\"id\":6,\"id\":7,\"type\":\"read\"," REST "}", "6"},
        {"{\"id\":6,\"type\":\"read\"," REST "} x", "6"},
        {"{\"id\":\"\xff\",\"type\":\"read\"," REST "}", ""},
        {"{\"id\":6,\"type\":\"read\"," REST ",\"body\":{\"a\":\"\xc3\x28\"}}", "6"},
    };
#undef REST
    char id[64];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(answer_to(bad[i].text, strlen(bad[i].text), id), 400);
        assert_string_equal(id, bad[i].id);
    }
    assert_int_equal(answer_to("{\"id\":6}\0", 9, id), 400);
    assert_int_equal(hy_node_server_stats(the_node).malformed, sizeof bad / sizeof *bad + 1);
    assert_int_equal(ask(&a, "read", A, "hyperty-runtime://d/b", NULL), 0); /* still there */
    assert_int_equal(came(&b), 1);
    assert_int_equal(came(&c), 0);
}

static void input_too_large_in_any_way_is_413(void **state) {
    static char text[HY_MESSAGE_BYTES_MAX + 4096];
    const char *head = "{\"id\":8,\"type\":\"read\",\"from\":\"" A "\",\"to\":\"" SM "\",\"body\":";
    char id[64];
    (void)state;
    size_t at = (size_t)snprintf(text, sizeof text, "%s", head);
    for (int i = 0; i < 10000; i++) {
        memcpy(text + at, "{\"a\":", 5);
        at += 5;
    }
    assert_int_equal(answer_to(text, at, id), 413); /* nesting */
    assert_string_equal(id, "8");

    at = (size_t)snprintf(text, sizeof text, "%s{\"a\":\"", head);
    memset(text + at, 'x', sizeof text - at);
    assert_int_equal(answer_to(text, sizeof text, id), 413); /* bytes */
    assert_string_equal(id, "8");

    at = (size_t)snprintf(text, sizeof text, "{\"id\":\"");
    memset(text + at, 'x', 4096);
    snprintf(text + at + 4096, sizeof text - at - 4096,
             "\",\"type\":\"read\",\"from\":\"" A "\",\"to\":\"" SM "\"}");
    assert_int_equal(answer_to(text, strlen(text), id), 413); /* the id */
    assert_string_equal(id, "");

    at = (size_t)snprintf(text, sizeof text, "{\"id\":8,\"type\":\"read\",\"to\":\"comm://d/");
    memset(text + at, 'x', 4096);
    snprintf(text + at + 4096, sizeof text - at - 4096, "\",\"from\":\"" A "\"}");
    assert_int_equal(answer_to(text, strlen(text), id), 413); /* an address */
    assert_string_equal(id, "8");
}

static void malformed_input_before_an_open_closes_the_connection(void **state) {
    runtime_t r = {.count = 0};
    (void)state;
    plug(&r);
    assert_false(give(&r, "{\"id\":3", 7));
    assert_null(r.peer);
    assert_int_equal(r.closed, HY_CLOSE_POLICY);
    assert_int_equal(hy_msg_code(r.inbox[0]), 400);
    assert_int_equal(r.inbox[0]->id.as.i, 3);
    clear(&r);
}

static void ids_come_back_with_their_type(void **state) {
    static const char *const ids[] = {"1", "\"1\"", "9007199254740993", "\"1700000000-h#2\"",
                                      "\"\""};
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"id\":%s,\"type\":\"read\",\"from\":\"" A "\",\"to\":\"hyperty://d/nobody\"}",
                 ids[i]);
        clear(&a);
        give(&a, text, strlen(text));
        assert_int_equal(hy_msg_code(a.inbox[0]), 404);
        hy_buf_t out;
        hy_buf_init(&out);
        hy_json_write(&out, a.inbox[0]->id);
        hy_str_t *id = hy_buf_take(&out);
        assert_string_equal(id->bytes, ids[i]);
        hy_str_unref(id);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(malformed_input_is_answered_with_its_id_where_that_can_be_read),
        TEST(input_too_large_in_any_way_is_413),
        TEST(malformed_input_before_an_open_closes_the_connection),
        TEST(ids_come_back_with_their_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
