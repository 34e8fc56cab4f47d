/* core/base/json beside cJSON, a reader written by others: on texts that both should read they must
 * see the same, and what one of the two refuses is either refused by the other or known.
 *
 * cJSON keeps numbers as doubles and cannot hold NUL; so numbers are compared as doubles, and the
 * texts have no \u0000. It is also laxer in ways that are listed in `is_known_as_lax`. */
#include "support.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static hy_random_t r;

static uint64_t below(uint64_t n) {
    return hy_random_below(&r, n);
}

/* --- random texts ----------------------------------------------------------------------------- */

static void add_space(hy_buf_t *b) {
    static const char *const spaces[] = {"", "", "", " ", "\n", "\t ", "\r\n"};
    hy_buf_text(b, spaces[below(COUNT_OF(spaces))]);
}

static void add_number(hy_buf_t *b) {
    if (below(2)) hy_buf_char(b, '-');
    if (below(4) == 0) {
        hy_buf_char(b, '0');
    } else {
        hy_buf_int(b, 1 + (int64_t)below(9));
        for (uint64_t digits = below(18); digits > 0; digits--)
            hy_buf_int(b, (int64_t)below(10));
    }
    if (below(3) == 0) hy_buf_format(b, ".%0*d", (int)below(12) + 1, (int)below(100000));
    if (below(4) == 0) {
        hy_buf_format(b, "%c%s%d", below(2) ? 'e' : 'E', (const char *[]){"", "+", "-"}[below(3)],
                      (int)below(280));
    }
}

static void add_string(hy_buf_t *b) {
    static const char *const parts[] = {
        "a",
        "bc",
        "0",
        " ",
        "\\n",
        "\\\\",
        "\\\"",
        "\\/",
        "\\b\\f\\r\\t",
        "\\u0041",
        "\\u00e9",
        "\\u20AC",
        "\\ud83d\\ude00",
        "\xc3\xa9",
        "\xe2\x82\xac",
        "\xf0\x9f\x98\x80",
        "\x7f",
        "\\u001f",
        "long plain text",
    };
    hy_buf_char(b, '"');
    for (uint64_t n = below(6); n > 0; n--)
        hy_buf_text(b, parts[below(COUNT_OF(parts))]);
    hy_buf_char(b, '"');
}

static void add_value(hy_buf_t *b, unsigned depth) {
    static const char *const words[] = {"null", "true", "false"};
    add_space(b);
    switch (below(depth ? 7 : 4)) {
    case 0:
        hy_buf_text(b, words[below(3)]);
        break;
    case 1:
        add_number(b);
        break;
    case 2:
    case 3:
        add_string(b);
        break;
    case 4:
        hy_buf_char(b, '[');
        for (uint64_t n = below(5), i = 0; i < n; i++) {
            if (i > 0) hy_buf_char(b, ',');
            add_value(b, depth - 1);
        }
        add_space(b);
        hy_buf_char(b, ']');
        break;
    default:
        hy_buf_char(b, '{');
        for (uint64_t n = below(12), i = 0; i < n; i++) {
            if (i > 0) hy_buf_char(b, ',');
            add_space(b);
            hy_buf_format(b, "\"%sk%d\"", below(2) ? "\\u006b" : "", (int)i); /* no key twice */
            add_space(b);
            hy_buf_char(b, ':');
            add_value(b, depth - 1);
        }
        add_space(b);
        hy_buf_char(b, '}');
    }
    add_space(b);
}

/* --- comparing -------------------------------------------------------------------------------- */

static bool is_same(hy_value_t v, const cJSON *c) {
    uint32_t pos = 0;
    hy_str_t *key;
    hy_value_t inner;
    const cJSON *child = c->child;
    switch (v.kind) {
    case HY_NULL:
        return cJSON_IsNull(c);
    case HY_BOOL:
        return cJSON_IsBool(c) && cJSON_IsTrue(c) == v.as.b;
    case HY_INT:
        return cJSON_IsNumber(c) && c->valuedouble == (double)v.as.i;
    case HY_REAL:
        return cJSON_IsNumber(c) && c->valuedouble == v.as.r;
    case HY_STR:
        return cJSON_IsString(c) && hy_str_is(v.as.s, c->valuestring);
    case HY_ARRAY:
        if (!cJSON_IsArray(c)) return false;
        for (size_t i = 0; i < hy_node_count(v.as.n); i++, child = child->next) {
            if (!child || !is_same(hy_node_at(v.as.n, i), child)) return false;
        }
        return !child;
    case HY_OBJECT:
        if (!cJSON_IsObject(c)) return false;
        for (; hy_node_next(v.as.n, &pos, &key, &inner); child = child->next) {
            if (!child || !hy_str_is(key, child->string) || !is_same(inner, child)) return false;
        }
        return !child;
    default:
        return false;
    }
}

/* cJSON reads the text as a whole, without what follows a NUL. */
static cJSON *other_opinion(const char *text, size_t len) {
    const char *end;
    return cJSON_ParseWithLengthOpts(text, len, &end, true);
}

static void good_texts_are_read_alike(void **state) {
    (void)state;
    hy_random_seed(&r, 1);
    for (int i = 0; i < 10000; i++) {
        hy_buf_t b;
        hy_value_t v = hy_absent();
        hy_error_t err = {.text = ""};
        hy_buf_init(&b);
        add_value(&b, 5);
        int rc = hy_json_read(b.bytes, b.len, HY_JSON_DEPTH_MAX, &v, &err);
        hy_buf_char(&b, '\0');
        cJSON *c = other_opinion(b.bytes, b.len);
        if (rc || !c) fail_msg("%s: %s; cJSON: %s", b.bytes, err.text, c ? "fine" : "refused");
        if (!is_same(v, c)) fail_msg("%s is read differently", b.bytes);
        cJSON_Delete(c);
        hy_value_drop(v);
        hy_buf_deinit(&b);
    }
}

static void what_we_write_is_read_alike(void **state) {
    (void)state;
    hy_random_seed(&r, 2);
    for (int i = 0; i < 5000; i++) {
        hy_buf_t b;
        hy_value_t v = random_value(&r, 5);
        hy_buf_init(&b);
        hy_json_write(&b, v);
        hy_buf_char(&b, '\0');
        cJSON *c = other_opinion(b.bytes, b.len);
        assert_non_null(c);
        if (!is_same(v, c)) fail_msg("%s is read differently", b.bytes);
        cJSON_Delete(c);
        hy_value_drop(v);
        hy_buf_deinit(&b);
    }
}

static void what_cjson_writes_is_read_alike(void **state) {
    (void)state;
    hy_random_seed(&r, 3);
    for (int i = 0; i < 3000; i++) {
        hy_buf_t b;
        hy_value_t v;
        hy_buf_init(&b);
        add_value(&b, 4);
        hy_buf_char(&b, '\0');
        cJSON *c = other_opinion(b.bytes, b.len);
        char *text = i % 2 ? cJSON_Print(c) : cJSON_PrintUnformatted(c);
        assert_int_equal(hy_json_read(text, strlen(text), HY_JSON_DEPTH_MAX, &v, NULL), 0);
        cJSON *again = cJSON_Parse(text); /* its own doubles, as it prints them */
        assert_true(is_same(v, again));
        cJSON_free(text);
        cJSON_Delete(again);
        cJSON_Delete(c);
        hy_value_drop(v);
        hy_buf_deinit(&b);
    }
}

/* Where we refuse and cJSON does not: it takes control characters and bad UTF-8 in strings, numbers
 * in forms that strtod knows, \u with fewer than four hex digits, any byte up to a space as white
 * space, keys given twice, a byte order mark, and numbers that are out of range. */
static bool is_known_as_lax(const char *why) {
    static const char *const known[] = {
        "control character", "bad UTF-8",       "number",
        "expected a digit",  "key given twice", "bad escape",
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strstr(why, known[i])) return true;
    }
    return false;
}

static void damaged_texts_are_judged_alike(void **state) {
    int refused = 0;
    (void)state;
    hy_random_seed(&r, 4);
    for (int i = 0; i < 20000; i++) {
        static const char bytes[] = "{}[]\",:0123456789.eE+-\\utrfnl ab";
        hy_buf_t b;
        hy_value_t v = hy_absent();
        hy_error_t err = {.text = ""};
        hy_buf_init(&b);
        add_value(&b, 3);
        if (b.len > 0 && below(2)) {
            b.bytes[below(b.len)] = bytes[below(sizeof bytes - 1)];
        } else {
            b.len -= below(b.len / 2 + 1);
        }
        int rc = hy_json_read(b.bytes, b.len, HY_JSON_DEPTH_MAX, &v, &err);
        hy_buf_char(&b, '\0');
        cJSON *c = other_opinion(b.bytes, b.len);
        if (rc == 0 && !c) fail_msg("only we read %s", b.bytes);
        if (rc && c && !is_known_as_lax(err.text))
            fail_msg("only cJSON: %s: %s", b.bytes, err.text);
        if (rc == 0 && !strstr(b.bytes, "u0000") && !is_same(v, c)) {
            fail_msg("%s is read differently", b.bytes);
        }
        refused += rc != 0;
        cJSON_Delete(c);
        hy_value_drop(v);
        hy_buf_deinit(&b);
    }
    assert_in_range(refused, 5000, 19000); /* both outcomes were seen often */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(good_texts_are_read_alike),
        TEST(what_we_write_is_read_alike),
        TEST(what_cjson_writes_is_read_alike),
        TEST(damaged_texts_are_judged_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
