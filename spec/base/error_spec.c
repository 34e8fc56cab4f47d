/* core/base/error: names, words, codes on the wire, texts. */
#include "support.h"

#include "base/error.h"

static void every_code_has_its_names(void **state) {
    (void)state;
    assert_string_equal(hy_error_name(HY_ENOT_FOUND), "HY_ENOT_FOUND");
    assert_string_equal(hy_error_word(HY_ENOT_FOUND), "not_found");
    assert_string_equal(hy_error_text(HY_ENOT_FOUND), "not found");
    assert_int_equal(hy_error_http(HY_ENOT_FOUND), 404);
    assert_string_equal(hy_error_name(-2), "HY_EUNKNOWN");
    assert_string_equal(hy_error_word(-2), "internal");
    assert_string_equal(hy_error_text(-2), "unknown error");
    assert_int_equal(hy_error_http(-2), 500);
}

static void a_code_from_the_wire_becomes_ours(void **state) {
    static const struct {
        int http, code;
    } known[] = {
        {100, 0},
        {200, 0},
        {299, 0},
        {300, HY_EINTERNAL},
        {400, HY_EINVALID},
        {401, HY_EUNAUTHENTICATED},
        {404, HY_ENOT_FOUND},
        {408, HY_ETIMEOUT},
        {409, HY_ECONFLICT},
        {418, HY_EINVALID},
        {429, HY_ETOO_FAST},
        {500, HY_EINTERNAL},
        {502, HY_EINTERNAL},
        {503, HY_EUNREACHABLE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        assert_int_equal(hy_error_from_http(known[i].http), known[i].code);
    }
}

static void a_failure_carries_its_text(void **state) {
    hy_error_t err;
    (void)state;
    assert_int_equal(hy_fail(&err, HY_EFULL, "queue of %s is full (%d)", "bus", 3), HY_EFULL);
    assert_int_equal(err.code, HY_EFULL);
    assert_string_equal(err.text, "queue of bus is full (3)");
    assert_int_equal(hy_fail(&err, HY_EINVALID, "x: %s", err.text), HY_EINVALID);
    assert_string_equal(err.text, "x: queue of bus is full (3)");
    assert_int_equal(hy_fail(NULL, HY_EFULL, "nobody listens"), HY_EFULL);
}

static void a_long_text_is_cut_at_a_character(void **state) {
    hy_error_t err;
    char text[2 * HY_ERROR_TEXT_BYTES];
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4)
            memcpy(text + i, "\xf0\x9f\x98\x80", 5);
        hy_fail(&err, HY_EINVALID, "%s", text);
        size_t len = strlen(err.text);
        assert_true(len > HY_ERROR_TEXT_BYTES - 5);
        assert_true(hy_utf8_is_valid(err.text, len));
        assert_memory_equal(err.text, text, len);
    }
    memset(text, 0x80, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    hy_fail(&err, HY_EINVALID, "%s", text);
    assert_int_equal(strlen(err.text), HY_ERROR_TEXT_BYTES - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_code_has_its_names),
        TEST(a_code_from_the_wire_becomes_ours),
        TEST(a_failure_carries_its_text),
        TEST(a_long_text_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
