/* core/node/auth: what a token claims. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "node/auth.h"

static int64_t blocks_before;

static int begin(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    return 0;
}

static int end(void **state) {
    (void)state;
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

static hy_node_t *list(const char *json) {
    hy_value_t v;
    assert_int_equal(hy_json_read(json, strlen(json), HY_JSON_DEPTH_MAX, &v, NULL), 0);
    return v.as.n;
}

static hy_claims_t claims(const char *sub, const char *users) {
    return (hy_claims_t){.sub = hy_str_from(sub), .users = list(users)};
}

static bool covers(const char *sub, const char *runtime) {
    hy_claims_t c = claims(sub, "[]");
    hy_str_t *url = hy_str_from(runtime);
    bool does = hy_claims_cover(&c, url);
    hy_str_unref(url);
    hy_claims_deinit(&c);
    return does;
}

static void a_subject_covers_itself_and_what_lies_below_by_whole_segments(void **state) {
    (void)state;
    assert_true(covers("hyperty-runtime://d/1", "hyperty-runtime://d/1"));
    assert_true(covers("hyperty-runtime://d/1", "hyperty-runtime://d/1/x"));
    assert_true(covers("hyperty-runtime://d", "hyperty-runtime://d/1"));
    assert_false(covers("hyperty-runtime://d/1", "hyperty-runtime://d/10"));
    assert_false(covers("hyperty-runtime://d/1", "hyperty-runtime://d/1#x"));
    assert_false(covers("hyperty-runtime://d/10", "hyperty-runtime://d/1"));
    assert_false(covers("hyperty-runtime://d", "hyperty-runtime://d.example/1"));
    assert_false(covers("hyperty-runtime://d/1", "runtime://d/1"));
}

static void it_names_a_user_by_the_whole_url(void **state) {
    (void)state;
    hy_claims_t c = claims("hyperty-runtime://d/1", "[\"user://d/bob\",\"user://d/al\"]");
    static const char *const others[] = {"user://d/bo", "user://d/bobby", "user://d/bob/x", ""};
    hy_str_t *bob = hy_str_from("user://d/bob");
    assert_true(hy_claims_name(&c, bob));
    hy_str_unref(bob);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        hy_str_t *other = hy_str_from(others[i]);
        assert_false(hy_claims_name(&c, other));
        hy_str_unref(other);
    }
    hy_claims_deinit(&c);
}

static bool are_alike(const char *users, const char *others) {
    hy_claims_t a = claims("hyperty-runtime://d/1", users), b = claims("runtime://d", others);
    bool are = hy_claims_are_alike(&a, &b);
    assert_int_equal(hy_claims_are_alike(&b, &a), are);
    hy_claims_deinit(&a);
    hy_claims_deinit(&b);
    return are;
}

static void claims_are_alike_if_they_name_the_same_users_in_whatever_order(void **state) {
    (void)state;
    assert_true(are_alike("[\"user://d/a\",\"user://d/b\"]", "[\"user://d/b\",\"user://d/a\"]"));
    assert_true(are_alike("[]", "[]"));
    assert_false(are_alike("[\"user://d/a\"]", "[]"));
    assert_false(are_alike("[\"user://d/a\"]", "[\"user://d/a\",\"user://d/b\"]"));
    assert_false(are_alike("[\"user://d/a\"]", "[\"user://d/b\"]"));
}

static void a_subject_is_a_runtime_or_the_beginning_of_some(void **state) {
    static const char *const good[] = {"hyperty-runtime://d", "hyperty-runtime://d/a",
                                       "runtime://d/a/b"};
    static const char *const bad[] = {"",
                                      "d",
                                      "hyperty://d/a",
                                      "user://d/a",
                                      "runtime://",
                                      "runtime:/a",
                                      "hyperty-runtime://d/",
                                      "hyperty-runtime://d/a/",
                                      "mn:/session",
                                      "comm://d/a",
                                      "hyperty-runtime://d/a#1",
                                      "hyperty-runtime://d/a b"};
    hy_error_t err;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        hy_str_t *sub = hy_str_from(good[i]);
        assert_int_equal(hy_claims_check_sub(sub, &err), 0);
        hy_str_unref(sub);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hy_str_t *sub = hy_str_from(bad[i]);
        assert_int_equal(hy_claims_check_sub(sub, &err), HY_EINVALID);
        hy_str_unref(sub);
    }
    assert_non_null(strstr(err.text, "hyperty-runtime://d/a b"));
}

static void users_are_user_urls_and_not_too_many(void **state) {
    static const char *const bad[] = {"[1]",
                                      "[null]",
                                      "[[\"user://d/a\"]]",
                                      "[\"\"]",
                                      "[\"bob\"]",
                                      "[\"user://d\"]",
                                      "[\"user://d/\"]",
                                      "[\"hyperty://d/a\"]",
                                      "[\"user://d/a\",\"user://d/ b\"]"};
    hy_error_t err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hy_node_t *users = list(bad[i]);
        assert_int_equal(hy_claims_check_users(users, &err), HY_EINVALID);
        hy_node_unref(users);
    }
    hy_node_t *many = hy_node_new(HY_ARRAY);
    for (uint32_t i = 0; i < HY_TOKEN_USERS_MAX; i++)
        assert_int_equal(hy_node_insert(many, i, hy_text("user://d/a")), 0);
    assert_int_equal(hy_claims_check_users(many, &err), 0);
    assert_int_equal(hy_node_insert(many, 0, hy_text("user://d/a")), 0);
    assert_int_equal(hy_claims_check_users(many, &err), HY_EINVALID);
    assert_string_equal(err.text, "65 users: one token names 64 at most");
    hy_node_unref(many);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_subject_covers_itself_and_what_lies_below_by_whole_segments),
        TEST(it_names_a_user_by_the_whole_url),
        TEST(claims_are_alike_if_they_name_the_same_users_in_whatever_order),
        TEST(a_subject_is_a_runtime_or_the_beginning_of_some),
        TEST(users_are_user_urls_and_not_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
