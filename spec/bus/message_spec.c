/* Messages: their forms and the way from one to another, what is malformed, responses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "bus/message.h"

#define FROM "hyperty://d/a"
#define TO   "comm://d/x/changes"
#define HEAD "{\"type\":\"update\",\"from\":\"" FROM "\",\"to\":\"" TO "\""

static int64_t blocks_before;
static hy_error_t err;

static int setup(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    err = (hy_error_t){0};
    return 0;
}

static int teardown(void **state) {
    (void)state;
    hy_mem_fail_after(-1);
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

static int parse(const char *bytes, size_t len, hy_msg_t **out) {
    hy_str_t *text = hy_str_new(bytes, len);
    int code = hy_msg_parse(text, out, &err);
    hy_str_unref(text);
    return code;
}

static hy_msg_t *parsed(const char *text) {
    hy_msg_t *m = NULL;
    if (parse(text, strlen(text), &m) != 0) fail_msg("%s: %s", text, err.text);
    return m;
}

static hy_msg_t *made(hy_msg_type_t type, hy_value_t id, hy_value_t body) {
    hy_str_t *from = hy_str_from(FROM), *to = hy_str_from(TO);
    hy_msg_t *m = hy_msg_new(type, id, from, to, body);
    hy_str_unref(from);
    hy_str_unref(to);
    return m;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void the_header_is_read_whatever_the_order_of_fields(void **state) {
    (void)state;
    hy_msg_t *m =
        parsed(" { \"body\" : {\"a\":[1,{}]} , \"x\":[{\"id\":0}], \"to\":\"" TO
               "\", \"id\": 9007199254740993,\n\"from\":\"" FROM "\", \"type\" : \"UpDate\" } ");
    assert_int_equal(m->type, HY_MSG_UPDATE);
    assert_int_equal(m->id.kind, HY_INT);
    assert_true(m->id.as.i == 9007199254740993);
    assert_string_equal(m->from->bytes, FROM);
    assert_string_equal(m->to->bytes, TO);
    assert_int_equal(hy_node_count(hy_get_array(hy_msg_body(m), "a")), 2);
    assert_ptr_equal(hy_msg_body(m), hy_msg_body(m)); /* made once */
    hy_msg_unref(m);
}

static void a_message_that_came_in_goes_out_byte_by_byte(void **state) {
    (void)state;
    const char *text = HEAD ", \"id\":\"a\\u0062\" ,\"extra\":1.50,\"body\":{}}";
    hy_msg_t *m = parsed(text);
    assert_true(hy_msg_has_id(m));
    assert_string_equal(m->id.as.s->bytes, "ab");
    assert_string_equal(hy_msg_text(m, &err)->bytes, text);
    hy_msg_unref(m);
}

static void escapes_in_the_header_are_read(void **state) {
    (void)state;
    hy_msg_t *m =
        parsed("{\"\\u0074ype\":\"r\\u0065ad\",\"from\":\"hyperty:\\/\\/d/a\",\"to\":\"" TO "\"}");
    assert_int_equal(m->type, HY_MSG_READ);
    assert_string_equal(m->from->bytes, FROM);
    assert_false(hy_msg_has_id(m));
    assert_null(hy_msg_body(m));
    assert_int_equal(hy_msg_check_body(m, &err), 0);
    hy_msg_unref(m);
}

static void every_type_is_read_back_as_it_was_written(void **state) {
    (void)state;
#define X(name, word)                                                                              \
    {                                                                                              \
        hy_msg_t *m = parsed("{\"type\":\"" word "\",\"from\":\"" FROM "\",\"to\":\"" TO "\"}");   \
        assert_int_equal(m->type, HY_MSG_##name);                                                  \
        assert_string_equal(hy_msg_type_text(m->type), word);                                      \
        hy_msg_unref(m);                                                                           \
    }
    HY_MSG_TYPE_MAP(X)
#undef X
}

static const struct {
    const char *text, *error;
} MALFORMED[] = {
    {"[]", "a JSON object is expected"},
    {"7", "a JSON object is expected"},
    {"{}", "\"type\" is missing"},
    {"{\"type\":\"read\"}", "\"from\" is missing"},
    {"{\"type\":\"read\",\"from\":\"" FROM "\"}", "\"to\" is missing"},
    {"{\"type\":\"frobnicate\",\"from\":\"" FROM "\",\"to\":\"" TO "\"}",
     "unknown type \"frobnicate\""},
    {"{\"type\":\"\"}", "unknown type \"\""},
    {"{\"type\":\"updat\"}", "unknown type \"updat\""},
    {"{\"type\":\"updates\"}", "unknown type \"updates\""},
    {"{\"type\":\"0123456789012345678901234567890123456789012345678901234567890123\xc3\xa4\"}",
     "unknown type \"0123456789012345678901234567890123456789012345678901234567890123\""},
    {"{\"type\":\"012345678901234567890123456789012345678901234567890123456789012\xc3\xa4\"}",
     "unknown type \"012345678901234567890123456789012345678901234567890123456789012\""},
    {"{\"type\":1}", "\"type\" is not a string"},
    {"{\"from\":null}", "\"from\" is not a string"},
    {"{\"to\":{}}", "\"to\" is not a string"},
    {"{\"from\":\"foo\"}", "\"from\" is not an address: \"foo\" (scheme://domain/… expected)"},
    {"{\"to\":\"\"}", "\"to\" is not an address: \"\" (scheme://domain/… expected)"},
    {"{\"id\":0}", "\"id\" is not an integer from 1 or a string"},
    {"{\"id\":-1}", "\"id\" is not an integer from 1 or a string"},
    {"{\"id\":1.5}", "\"id\" is not an integer from 1 or a string"},
    {"{\"id\":null}", "\"id\" is not an integer from 1 or a string"},
    {"{\"id\":[1]}", "\"id\" is not an integer from 1 or a string"},
    {"{\"id\":1,\"id\":1}", "\"id\" is given twice"},
    {"{\"to\":\"" TO "\",\"\\u0074o\":\"" TO "\"}", "\"to\" is given twice"},
    {HEAD ",\"body\":{},\"body\":{}}", "\"body\" is given twice"},
    {HEAD ",\"body\":[]}", "\"body\" is not an object"},
    {HEAD ",\"body\":null}", "\"body\" is not an object"},
};

static void what_is_malformed_is_refused_with_a_reason(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof MALFORMED / sizeof *MALFORMED; i++) {
        hy_msg_t *m = NULL;
        char expected[HY_ERROR_TEXT_BYTES];
        snprintf(expected, sizeof expected, "malformed message: %s", MALFORMED[i].error);
        assert_int_equal(parse(MALFORMED[i].text, strlen(MALFORMED[i].text), &m), HY_EINVALID);
        assert_string_equal(err.text, expected);
        assert_null(m);
    }
}

static void what_is_no_json_is_refused_wherever_it_breaks(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "nonsense",
        HEAD "} {}",
        HEAD ",}",
        HEAD ",\"body\":{\"a\":\"\xff\"}}",
        HEAD ",\"body\":{\"a\":\"\\ud800\"}}",
        HEAD ",\"body\":{\"a\":01}}",
        HEAD ",\"body\":{\"a\":1e999}}",
        HEAD ",\"body\":{\"a\":\"\n\"}}",
        HEAD ",\"body\":{\"a\":tru}}",
        HEAD ",\"x\":[1,]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        hy_msg_t *m = NULL;
        if (parse(texts[i], strlen(texts[i]), &m) != HY_EINVALID) fail_msg("%s", texts[i]);
        assert_ptr_equal(strstr(err.text, "malformed message: "), err.text);
        assert_null(m);
    }
    /* Every beginning of a good message is a bad one. */
    const char *good =
        HEAD ",\"id\":\"\\u00e4\",\"body\":{\"a\":[1,-2.5e3,true,null,\"\xc3\xa4\"]}}";
    for (size_t len = 0; len < strlen(good); len++) {
        hy_msg_t *m = NULL;
        assert_int_equal(parse(good, len, &m), HY_EINVALID);
    }
}

static char *nested(const char *head, unsigned levels, const char *tail, char *out) {
    char *end = out + sprintf(out, "%s", head);
    memset(end, '[', levels);
    memset(end + levels, ']', levels);
    strcpy(end + 2 * levels, tail);
    return out;
}

static void bounds_are_kept(void **state) {
    (void)state;
    hy_msg_t *m = NULL;
    size_t size = HY_MESSAGE_BYTES_MAX + 1;
    char *text = malloc(size + 1);
    memset(text, ' ', size);
    memcpy(text, HEAD "}", strlen(HEAD "}"));
    assert_int_equal(parse(text, size - 1, &m), 0);
    hy_msg_unref(m);
    assert_int_equal(parse(text, size, &m), HY_ETOO_LARGE);
    assert_string_equal(err.text, "message too large: 1048577 bytes, at most 1048576");

    /* The message and its body are two levels. */
    m = parsed(nested(HEAD ",\"body\":{\"a\":", HY_JSON_DEPTH_MAX - 2, "}}", text));
    assert_non_null(hy_msg_body(m));
    hy_msg_unref(m);
    nested(HEAD ",\"body\":{\"a\":", HY_JSON_DEPTH_MAX - 1, "}}", text);
    assert_int_equal(parse(text, strlen(text), &m), HY_ETOO_LARGE);

    sprintf(text, HEAD ",\"id\":\"%0*d\"}", (int)HY_KEY_BYTES_MAX, 0);
    hy_msg_unref(parsed(text));
    sprintf(text, HEAD ",\"id\":\"%0*d\"}", (int)HY_KEY_BYTES_MAX + 1, 0);
    assert_int_equal(parse(text, strlen(text), &m), HY_ETOO_LARGE);
    assert_string_equal(err.text, "malformed message: \"id\" has 1025 bytes, at most 1024");

    sprintf(text, "{\"from\":\"a://d/%0*d\"}", (int)HY_URL_BYTES_MAX, 0);
    assert_int_equal(parse(text, strlen(text), &m), HY_ETOO_LARGE);
    free(text);
}

static void a_key_given_twice_in_the_body_shows_when_the_body_is_asked_for(void **state) {
    (void)state;
    hy_msg_t *m = parsed(HEAD ",\"body\":{\"a\":1,\"a\":2}}");
    assert_null(hy_msg_body(m));
    assert_int_equal(hy_msg_check_body(m, &err), HY_EINVALID);
    assert_ptr_equal(strstr(err.text, "malformed message: \"body\": "), err.text);
    assert_int_equal(hy_msg_code(m), 0);
    assert_string_equal(hy_msg_desc(m), "internal error");
    assert_non_null(hy_msg_text(m, &err)); /* it can still be passed on */
    hy_msg_unref(m);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void a_message_is_written_in_the_order_id_type_from_to_body(void **state) {
    (void)state;
    hy_node_t *body = hy_node_new(HY_OBJECT);
    hy_put(body, "b", hy_int(1));
    hy_put(body, "a", hy_text("\"\n"));
    hy_msg_t *m = made(HY_MSG_UPDATE, hy_int(7), hy_node_value(body));
    assert_string_equal(hy_msg_text(m, &err)->bytes,
                        "{\"id\":7,\"type\":\"update\",\"from\":\"" FROM "\",\"to\":\"" TO
                        "\",\"body\":{\"b\":1,\"a\":\"\\\"\\n\"}}");
    assert_ptr_equal(hy_msg_text(m, NULL), hy_msg_text(m, NULL)); /* made once */
    assert_ptr_equal(hy_msg_body(m), body);
    hy_msg_unref(m);

    m = made(HY_MSG_REOPEN, hy_text("a\"b"), hy_absent());
    assert_string_equal(hy_msg_text(m, &err)->bytes,
                        "{\"id\":\"a\\\"b\",\"type\":\"re-open\",\"from\":\"" FROM "\",\"to\":\"" TO
                        "\"}");
    hy_msg_unref(m);

    m = made(HY_MSG_EVENT, hy_absent(), hy_absent());
    assert_string_equal(hy_msg_text(m, &err)->bytes,
                        "{\"type\":\"event\",\"from\":\"" FROM "\",\"to\":\"" TO "\"}");
    hy_msg_unref(m);
}

static void what_is_too_large_to_be_sent_is_named(void **state) {
    (void)state;
    hy_node_t *body = hy_node_new(HY_OBJECT);
    hy_str_t *long_text = hy_str_reserve(HY_MESSAGE_BYTES_MAX);
    memset(long_text->bytes, 'x', long_text->len);
    hy_put(body, "value", hy_string(long_text));
    hy_msg_t *m = made(HY_MSG_UPDATE, hy_absent(), hy_node_value(body));
    assert_null(hy_msg_text(m, &err));
    assert_int_equal(err.code, HY_ETOO_LARGE);
    assert_string_equal(err.text,
                        "message too large: 1048662 bytes, at most 1048576: update to " TO);
    hy_msg_unref(m);
}

/* --- payloads --------------------------------------------------------------------------------- */

typedef struct {
    hy_payload_t base;
    int n, to_value, freed;
} number_t;

static int number_to_value(const hy_payload_t *p, hy_value_t *out) {
    number_t *number = (number_t *)p;
    hy_node_t *body = hy_node_new(HY_OBJECT);
    if (!body || hy_put(body, "n", hy_int(number->n)) < 0) {
        hy_node_unref(body);
        return HY_ENOMEM;
    }
    number->to_value++;
    *out = hy_node_value(body);
    return 0;
}
static void number_write(const hy_payload_t *p, hy_buf_t *b) {
    hy_buf_format(b, "{\"n\":%d}", ((const number_t *)p)->n);
}
static void number_free(hy_payload_t *p) {
    ((number_t *)p)->freed++;
}
static size_t number_bytes(const hy_payload_t *p) {
    (void)p;
    return 1000;
}

static const hy_payload_ops_t NUMBER = {"number", number_to_value, number_write, number_free,
                                        number_bytes};
static const hy_payload_ops_t OTHER = {"other", number_to_value, number_write, number_free,
                                       number_bytes};

static void a_payload_becomes_text_or_value_only_when_asked(void **state) {
    (void)state;
    number_t number = {.base = {&NUMBER, 1}, .n = 7};
    hy_str_t *from = hy_str_from(FROM), *to = hy_str_from(TO);
    hy_msg_t *m = hy_msg_new_payload(HY_MSG_UPDATE, hy_absent(), from, to, &number.base);
    assert_ptr_equal(hy_msg_payload(m, &NUMBER), &number.base);
    assert_null(hy_msg_payload(m, &OTHER));
    assert_true(hy_msg_bytes(m) >= 1000);
    assert_string_equal(hy_msg_text(m, &err)->bytes, HEAD ",\"body\":{\"n\":7}}");
    assert_int_equal(number.to_value, 0);
    assert_int_equal(hy_get_int(hy_msg_body(m), "n", 0), 7);
    assert_int_equal(hy_get_int(hy_msg_body(m), "n", 0), 7);
    assert_int_equal(number.to_value, 1);
    hy_msg_unref(hy_msg_ref(m));
    assert_int_equal(number.freed, 0);
    hy_msg_unref(m);
    assert_int_equal(number.freed, 1);
    hy_str_unref(from);
    hy_str_unref(to);
}

static void a_payload_without_memory_for_its_message_is_let_go(void **state) {
    (void)state;
    number_t number = {.base = {&NUMBER, 1}};
    hy_str_t *from = hy_str_from(FROM);
    assert_null(hy_msg_new_payload(HY_MSG_UPDATE, hy_absent(), from, NULL, &number.base));
    assert_int_equal(number.freed, 1);
    number.base.refs = 1;
    hy_mem_fail_after(1);
    assert_null(hy_msg_new_payload(HY_MSG_UPDATE, hy_absent(), from, from, &number.base));
    hy_mem_fail_after(-1);
    assert_int_equal(number.freed, 2);
    hy_str_unref(from);
}

static void the_memory_of_a_message_is_always_the_same_figure(void **state) {
    (void)state;
    hy_msg_t *m = parsed(HEAD ",\"body\":{\"a\":[1,2,3]}}");
    size_t bytes = hy_msg_bytes(m);
    assert_true(bytes > strlen(HEAD));
    hy_msg_body(m);
    assert_int_equal(hy_msg_bytes(m), bytes);
    hy_msg_unref(m);
}

/* --- responses -------------------------------------------------------------------------------- */

static void a_response_goes_back_with_the_same_id(void **state) {
    (void)state;
    hy_msg_t *request = parsed(HEAD ",\"id\":\"s\"}");
    hy_msg_t *r = hy_msg_response(request, NULL, 200, "fine", hy_int(5));
    assert_string_equal(hy_msg_text(r, &err)->bytes,
                        "{\"id\":\"s\",\"type\":\"response\",\"from\":\"" TO "\",\"to\":\"" FROM
                        "\",\"body\":{\"code\":200,\"desc\":\"fine\",\"value\":5}}");
    assert_int_equal(hy_msg_code(r), 200);
    assert_string_equal(hy_msg_desc(r), "fine");
    hy_msg_unref(r);

    hy_str_t *other = hy_str_from("comm://d/x");
    r = hy_msg_response(request, other, 404, NULL, hy_absent());
    assert_string_equal(r->from->bytes, "comm://d/x");
    assert_string_equal(hy_msg_desc(r), "not found");
    assert_int_equal(hy_get(hy_msg_body(r), "value").kind, HY_ABSENT);
    hy_msg_unref(r);
    hy_str_unref(other);
    hy_msg_unref(request);
}

static void codes_and_reasons_are_read_as_peers_write_them(void **state) {
    (void)state;
    static const struct {
        const char *body;
        int code;
        const char *desc;
    } cases[] = {
        {"{\"code\":403,\"description\":\"no\"}", 403, "no"},
        {"{\"code\":403,\"desc\":\"a\",\"description\":\"b\"}", 403, "a"},
        {"{\"code\":\"200\"}", 200, "ok"},
        {"{\"code\":100}", 100, "ok"},
        {"{\"code\":404.0}", 404, "not found"},
        {"{\"code\":\"20x\"}", 0, "internal error"},
        {"{\"code\":\"2000\"}", 0, "internal error"},
        {"{\"code\":99}", 0, "internal error"},
        {"{\"code\":600}", 0, "internal error"},
        {"{\"code\":4294967496}", 0, "internal error"},
        {"{\"code\":1e300,\"desc\":7}", 0, "internal error"},
        {"{\"code\":null}", 0, "internal error"},
        {"{}", 0, "internal error"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, HEAD ",\"body\":%s}", cases[i].body);
        hy_msg_t *m = parsed(text);
        assert_int_equal(hy_msg_code(m), cases[i].code);
        assert_string_equal(hy_msg_desc(m), cases[i].desc);
        hy_msg_unref(m);
    }
}

/* --- without memory --------------------------------------------------------------------------- */

static void each_step_fails_cleanly_without_memory(void **state) {
    (void)state;
    hy_str_t *text = hy_str_from("{\"\\u0074ype\":\"r\\u0065ad\",\"id\":\"s\",\"from\":\"" FROM
                                 "\",\"to\":\"" TO "\",\"body\":{\"a\":[{\"b\":\"c\"}]}}");
    hy_msg_t *m = NULL;
    int code = HY_ENOMEM;
    for (int64_t n = 1; code == HY_ENOMEM; n++) {
        assert_true(n < 100);
        hy_mem_fail_after(n);
        code = hy_msg_parse(text, &m, &err);
        hy_mem_fail_after(-1);
        if (code < 0) assert_null(m);
    }
    assert_int_equal(code, 0);
    hy_str_unref(text);

    code = HY_ENOMEM;
    for (int64_t n = 1; code == HY_ENOMEM; n++) {
        hy_mem_fail_after(n);
        code = hy_msg_check_body(m, &err);
        hy_mem_fail_after(-1);
    }
    assert_int_equal(code, 0);

    hy_msg_t *r = NULL;
    for (int64_t n = 1; !r; n++) {
        assert_true(n < 100);
        hy_mem_fail_after(n);
        r = hy_msg_response(m, NULL, 200, "fine", hy_text("value"));
        hy_mem_fail_after(-1);
    }
    hy_msg_unref(m);

    hy_str_t *written = NULL;
    for (int64_t n = 1; !written; n++) {
        assert_true(n < 100);
        hy_mem_fail_after(n);
        written = hy_msg_text(r, &err);
        hy_mem_fail_after(-1);
        if (!written) assert_int_equal(err.code, HY_ENOMEM);
    }
    hy_msg_unref(r);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_header_is_read_whatever_the_order_of_fields),
        TEST(a_message_that_came_in_goes_out_byte_by_byte),
        TEST(escapes_in_the_header_are_read),
        TEST(every_type_is_read_back_as_it_was_written),
        TEST(what_is_malformed_is_refused_with_a_reason),
        TEST(what_is_no_json_is_refused_wherever_it_breaks),
        TEST(bounds_are_kept),
        TEST(a_key_given_twice_in_the_body_shows_when_the_body_is_asked_for),
        TEST(a_message_is_written_in_the_order_id_type_from_to_body),
        TEST(what_is_too_large_to_be_sent_is_named),
        TEST(a_payload_becomes_text_or_value_only_when_asked),
        TEST(a_payload_without_memory_for_its_message_is_let_go),
        TEST(the_memory_of_a_message_is_always_the_same_figure),
        TEST(a_response_goes_back_with_the_same_id),
        TEST(codes_and_reasons_are_read_as_peers_write_them),
        TEST(each_step_fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
