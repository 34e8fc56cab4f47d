/* core/net/token: tokens made and checked, and all that is wrong with others. */
#include "token_support.h"

#define NOW    1800000000ull
#define SUB    "hyperty-runtime://d/1"
#define BOB    "[\"user://d/bob\"]"
#define HS256  "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS "\"sub\":\"" SUB "\",\"user\":" BOB ",\"exp\":1800000060"

/* --- good ones -------------------------------------------------------------------------------- */

static void assert_round_trip(const char *signs, const char *checks) {
    hy_error_t err = {.text = ""};
    hy_str_t *token = NULL;
    hy_claims_t claims, read;
    assert_int_equal(make(signs, SUB, "[\"user://d/bob\",\"user://d/al\"]", NOW, 60, &token, &err),
                     0);
    hy_token_keys_t *k = keys(checks);
    const hy_auth_t *auth = hy_token_keys_auth(k);
    assert_int_equal(auth->check(auth, token, NOW * 1000, &claims, &err), 0);
    assert_string_equal(claims.sub->bytes, SUB);
    assert_int_equal(hy_node_count(claims.users), 2);
    assert_string_equal(hy_node_at(claims.users, 1).as.s->bytes, "user://d/al");
    assert_int_equal(claims.ends_ms, (NOW + 60 + HY_TOKEN_SKEW_S) * 1000);
    assert_int_equal(hy_token_read(token, &read, &err), 0);
    assert_true(hy_claims_are_alike(&read, &claims) && hy_str_equal(read.sub, claims.sub));
    assert_int_equal(read.ends_ms, claims.ends_ms);
    hy_claims_deinit(&claims);
    hy_claims_deinit(&read);
    hy_token_keys_free(k);
    hy_str_unref(token);
}

static void what_is_made_with_a_key_is_good_for_who_has_the_other(void **state) {
    (void)state;
    assert_round_trip(file("private", PRIVATE_A, 0600), file("public", PUBLIC_A, 0644));
    assert_round_trip(file("private", SEC1_A, 0600), path_of("public"));
    assert_round_trip(file("secret", SECRET, 0600), path_of("secret"));
    assert_round_trip(file("secret", SECRET, 0600), file("other", SECRET "\n", 0400));
}

static void with_several_keys_one_of_them_is_enough(void **state) {
    const char *paths[3];
    hy_error_t err;
    hy_str_t *token;
    hy_token_keys_t *k;
    (void)state;
    paths[0] = file("secret", SECRET, 0600);
    paths[1] = file("public", PUBLIC_A, 0644);
    paths[2] = file("other", PUBLIC_B, 0644);
    const char *signs[] = {paths[0], file("private", PRIVATE_A, 0600),
                           file("key", PRIVATE_B, 0600)};
    assert_int_equal(hy_token_keys_open(paths, 3, &k, &err), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(make(signs[i], SUB, BOB, NOW, 60, &token, &err), 0);
        assert_int_equal(check(k, token, NOW, &err), 0);
        hy_str_unref(token);
    }
    hy_token_keys_free(k);
}

static void keys_are_read_again_and_on_failure_those_of_before_stay(void **state) {
    hy_error_t err;
    hy_str_t *old, *new;
    (void)state;
    assert_int_equal(make(file("private", PRIVATE_A, 0600), SUB, BOB, NOW, 60, &old, &err), 0);
    assert_int_equal(make(file("key", PRIVATE_B, 0600), SUB, BOB, NOW, 60, &new, &err), 0);
    hy_token_keys_t *k = keys(file("public", PUBLIC_A, 0644));
    const hy_auth_t *auth = hy_token_keys_auth(k);
    file("public", "-----BEGIN PUBLIC KEY-----\n", 0644);
    assert_int_equal(hy_token_keys_reload(k, &err), HY_EINVALID);
    assert_non_null(strstr(err.text, path_of("public")));
    assert_int_equal(check(k, old, NOW, &err), 0);
    file("public", PUBLIC_B, 0644);
    assert_int_equal(hy_token_keys_reload(k, &err), 0);
    assert_ptr_equal(hy_token_keys_auth(k), auth);
    assert_int_equal(check(k, old, NOW, &err), HY_EUNAUTHENTICATED);
    assert_int_equal(check(k, new, NOW, &err), 0);
    hy_token_keys_free(k);
    hy_str_unref(old);
    hy_str_unref(new);
}

static void one_user_may_be_a_text_and_none_may_be_named(void **state) {
    hy_error_t err;
    hy_claims_t claims;
    (void)state;
    hy_str_t *one =
        craft(HS256, "{\"sub\":\"" SUB "\",\"user\":\"user://d/bob\",\"exp\":9}", SECRET);
    hy_str_t *none = craft(HS256, "{\"sub\":\"" SUB "\",\"exp\":9}", SECRET);
    assert_int_equal(hy_token_read(one, &claims, &err), 0);
    assert_int_equal(hy_node_count(claims.users), 1);
    hy_claims_deinit(&claims);
    assert_int_equal(hy_token_read(none, &claims, &err), 0);
    assert_int_equal(hy_node_count(claims.users), 0);
    hy_claims_deinit(&claims);
    hy_str_unref(one);
    hy_str_unref(none);
}

/* --- bad ones --------------------------------------------------------------------------------- */

/* Checks a token, which is used up, and what is said of it. */
static void assert_refused(hy_token_keys_t *k, hy_str_t *token, const char *why) {
    hy_error_t err = {.text = "nothing"};
    int rc = check(k, token, NOW, &err);
    assert_string_equal(err.text, why);
    assert_int_equal(rc, HY_EUNAUTHENTICATED);
    hy_str_unref(token);
}

static void what_is_no_token_is_refused(void **state) {
    const char *form = "the token is no JWT: that is three parts in base64url with points between";
    static const char *const bad[] = {"",           "x",          "a.b",          "a.b.c.d",
                                      "e30.e30",    "e30.e30.e=", "e30 .e30.e30", "e3/.e30.e30",
                                      "e31.e30.e30"};
    (void)state;
    hy_token_keys_t *k = keys(file("secret", SECRET, 0600));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(k, hy_str_from(bad[i]), form);
    assert_refused(k, hy_str_new("e30\0.e30.e30", 12), form);
    assert_refused(k, hy_str_from("e30.e30.e30"), "the token does not say how it is signed (alg)");
    assert_refused(k, hy_str_from("W10.e30.e30"),
                   "the token's header cannot be read: it is no object");
    hy_str_t *large = hy_str_reserve(HY_TOKEN_BYTES_MAX + 1);
    memset(large->bytes, 'a', large->len);
    assert_refused(k, large, "the token has 8193 bytes: at most 8192 are read");
    hy_token_keys_free(k);
}

static void the_algorithm_is_the_keys_whatever_a_token_says(void **state) {
    (void)state;
    hy_token_keys_t *hs = keys(file("secret", SECRET, 0600));
    hy_token_keys_t *es = keys(file("public", PUBLIC_A, 0644));
    const char *claims = "{" CLAIMS "}", *none = "{\"alg\":\"none\"}";
    const char *only = "the token is signed with \"none\": only ES256 and HS256 are taken";
    assert_refused(hs, craft(none, claims, SECRET), only);
    assert_refused(es, craft(none, claims, SECRET), only);
    assert_refused(es, hy_str_from("eyJhbGciOiJub25lIn0.e30."), only);
    assert_refused(hs, craft("{\"alg\":\"HS512\"}", claims, SECRET),
                   "the token is signed with \"HS512\": only ES256 and HS256 are taken");
    assert_refused(hs, craft("{\"alg\":\"hs256\"}", claims, SECRET),
                   "the token is signed with \"hs256\": only ES256 and HS256 are taken");
    /* The public key's text as the secret, which everybody has. */
    assert_refused(es, craft(HS256, claims, PUBLIC_A),
                   "the token is signed with HS256, and no key of this node is for that");
    assert_refused(es, craft("{\"alg\":\"ES256\"}", claims, PUBLIC_A),
                   "no key of this node has signed the token");
    assert_refused(hs, craft("{\"alg\":\"ES256\"}", claims, SECRET),
                   "the token is signed with ES256, and no key of this node is for that");
    assert_refused(hs, craft("{\"alg\":\"none\",\"alg\":\"HS256\"}", claims, SECRET),
                   "the token's header cannot be read: malformed JSON at byte 15: key given twice");
    assert_refused(hs, craft("{\"alg\":\"HS256\",\"crit\":[\"b64\"]}", claims, SECRET),
                   "the token asks for what is not known here (crit)");
    assert_refused(hs, craft("{\"alg\":1}", claims, SECRET),
                   "the token does not say how it is signed (alg)");
    hy_token_keys_free(hs);
    hy_token_keys_free(es);
}

static void what_another_key_has_signed_is_refused(void **state) {
    hy_error_t err;
    hy_str_t *token;
    const char *why = "no key of this node has signed the token";
    (void)state;
    hy_token_keys_t *hs = keys(file("secret", SECRET, 0600));
    hy_token_keys_t *es = keys(file("public", PUBLIC_A, 0644));
    assert_int_equal(make(file("private", PRIVATE_B, 0600), SUB, BOB, NOW, 60, &token, &err), 0);
    assert_refused(es, token, why);
    assert_refused(hs, craft(HS256, "{" CLAIMS "}", "0123456789abcdef0123456789abcdeF"), why);
    hy_token_keys_free(hs);
    hy_token_keys_free(es);
}

/* Flips each character of a good one: none of its forms but itself is good. */
static void a_changed_token_is_refused(void **state) {
    hy_error_t err;
    hy_str_t *token;
    (void)state;
    const char *const signs[] = {file("private", PRIVATE_A, 0600), file("secret", SECRET, 0600)};
    const char *const checks[] = {file("public", PUBLIC_A, 0644), signs[1]};
    for (size_t kind = 0; kind < 2; kind++) {
        hy_token_keys_t *k = keys(checks[kind]);
        assert_int_equal(make(signs[kind], SUB, BOB, NOW, 60, &token, &err), 0);
        for (size_t i = 0; i < token->len; i++) {
            char was = token->bytes[i];
            token->bytes[i] = was == 'A' ? 'B' : 'A';
            assert_int_equal(check(k, token, NOW, &err), HY_EUNAUTHENTICATED);
            token->bytes[i] = was;
        }
        for (size_t len = 0; len < token->len; len++) {
            hy_str_t *part = hy_str_new(token->bytes, len);
            assert_int_equal(check(k, part, NOW, &err), HY_EUNAUTHENTICATED);
            hy_str_unref(part);
        }
        assert_int_equal(check(k, token, NOW, &err), 0);
        hy_str_unref(token);
        hy_token_keys_free(k);
    }
}

static void claims_of_the_wrong_kind_are_refused(void **state) {
    static const char *const cases[][2] = {
        {"[]", "the token's claims cannot be read: it is no object"},
        {"{\"exp\":1800000060}", "the token does not say for which runtime it is (sub)"},
        {"{\"sub\":\"" SUB "\"}", "the token does not say when it ends (exp)"},
        {"{\"sub\":7,\"exp\":1800000060}", "the token does not say for which runtime it is (sub)"},
        {"{\"sub\":\"user://d/bob\",\"exp\":1800000060}",
         "sub of the token: user://d/bob is neither a RuntimeURL nor the beginning of some: write "
         "one like hyperty-runtime://example.org/bob, without a slash at its end"},
        {"{" CLAIMS ",\"exp\":1800000999}",
         "the token's claims cannot be read: malformed JSON at byte 73: key given twice"},
        {"{" CLAIMS ",\"sub\":\"hyperty-runtime://d\"}",
         "the token's claims cannot be read: malformed JSON at byte 73: key given twice"},
        {"{" CLAIMS ",\"aud\":\"mail\"}", "the token is for another service (aud)"},
        {"{\"sub\":\"" SUB "\",\"exp\":1800000060,\"user\":7}",
         "user of the token must be a user URL or a list"},
        {"{\"sub\":\"" SUB "\",\"exp\":1800000060,\"user\":\"bob\"}",
         "user of the token: not an address: \"bob\" (scheme://domain/… expected)"},
        {"{\"sub\":\"" SUB "\",\"exp\":1800000060,\"user\":[\"hyperty://d/1\"]}",
         "user of the token: hyperty://d/1 is no user URL: write one like user://example.org/bob"},
        {"{\"sub\":\"" SUB "\",\"exp\":1800000060,\"user\":[[]]}",
         "user of the token: user 1 is no text: write user URLs"},
    };
    (void)state;
    hy_token_keys_t *k = keys(file("secret", SECRET, 0600));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(k, craft(HS256, cases[i][0], SECRET), cases[i][1]);
    hy_token_keys_free(k);
}

static void more_users_than_one_token_names_are_refused(void **state) {
    hy_buf_t b;
    (void)state;
    hy_buf_init(&b);
    hy_buf_text(&b, "{\"sub\":\"" SUB "\",\"exp\":1800000060,\"user\":[");
    for (unsigned i = 0; i <= HY_TOKEN_USERS_MAX; i++)
        hy_buf_format(&b, "%s\"user://d/%u\"", i > 0 ? "," : "", i);
    hy_buf_text(&b, "]}");
    hy_str_t *claims = hy_buf_take(&b);
    hy_token_keys_t *k = keys(file("secret", SECRET, 0600));
    assert_refused(k, craft(HS256, claims->bytes, SECRET),
                   "user of the token: 65 users: one token names 64 at most");
    hy_token_keys_free(k);
    hy_str_unref(claims);
}

static void times_of_the_wrong_kind_are_refused(void **state) {
    static const char *const bad[] = {"\"1800000060\"", "1800000060.5",        "-1", "true", "null",
                                      "1.8e9",          "-9223372036854775808"};
    static const char *const names[] = {"exp", "nbf", "iat"};
    char claims[256], why[128];
    (void)state;
    hy_token_keys_t *k = keys(file("secret", SECRET, 0600));
    for (size_t i = 0; i < 3; i++) {
        snprintf(why, sizeof why, "%s of the token must be a whole number of seconds since 1970",
                 names[i]);
        for (size_t j = 0; j < sizeof bad / sizeof *bad; j++) {
            snprintf(claims, sizeof claims, "{\"sub\":\"" SUB "\",\"%s\":%s%s}", names[i], bad[j],
                     i > 0 ? ",\"exp\":1800000060" : "");
            assert_refused(k, craft(HS256, claims, SECRET), why);
        }
    }
    /* Too large for the library, to which it is no JSON. */
    assert_refused(k, craft(HS256, "{\"sub\":\"" SUB "\",\"exp\":99999999999999999999}", SECRET),
                   "no key of this node has signed the token");
    hy_token_keys_free(k);
}

static void a_token_is_good_in_its_time_and_the_allowed_skew(void **state) {
    static const struct {
        const char *times;
        const char *why; /* NULL: it is good */
    } cases[] = {
        {"\"exp\":1800000000", NULL},
        {"\"exp\":1799999971", NULL},
        {"\"exp\":1799999970", "the token ended at 2027-01-15T07:59:30.000Z: get a new one"},
        {"\"exp\":0", "the token ended at 1970-01-01T00:00:00.000Z: get a new one"},
        {"\"exp\":1800000060,\"nbf\":1800000030", NULL},
        {"\"exp\":1800000060,\"nbf\":1800000031",
         "the token is not good before 2027-01-15T08:00:31.000Z: wait, or set the clock right"},
        {"\"exp\":1800000060,\"iat\":1800000030", NULL},
        {"\"exp\":1800000060,\"iat\":1800000031",
         "the token says that it was made at 2027-01-15T08:00:31.000Z: set the clock right"},
        {"\"exp\":1831622400", NULL},
        {"\"exp\":1831622401",
         "the token is good until 2028-01-16T08:00:01.000Z: that is longer than a year"},
        {"\"exp\":1831622400,\"iat\":1799999999",
         "the token is good until 2028-01-16T08:00:00.000Z: that is longer than a year"},
        {"\"exp\":9223372036854775807",
         "the token is good until 9999-12-31T23:59:59.999Z: that is longer than a year"},
        {"\"exp\":1800000060,\"nbf\":9223372036854775807",
         "the token is not good before 9999-12-31T23:59:59.999Z: wait, or set the clock right"},
    };
    char claims[256];
    hy_error_t err;
    (void)state;
    hy_token_keys_t *k = keys(file("secret", SECRET, 0600));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(claims, sizeof claims, "{\"sub\":\"" SUB "\",%s}", cases[i].times);
        hy_str_t *token = craft(HS256, claims, SECRET);
        if (cases[i].why) {
            assert_refused(k, token, cases[i].why);
        } else {
            assert_int_equal(check(k, token, NOW, &err), 0);
            hy_str_unref(token);
        }
    }
    hy_token_keys_free(k);
}

/* --- making ----------------------------------------------------------------------------------- */

static void what_cannot_be_in_a_token_is_not_made(void **state) {
    hy_error_t err;
    hy_str_t *token = NULL;
    (void)state;
    const char *key = file("secret", SECRET, 0600);
    assert_fails(make(key, "user://d/bob", "[]", NOW, 60, &token, &err), HY_EINVALID, &err,
                 "user://d/bob is neither a RuntimeURL nor the beginning of some: write one like "
                 "hyperty-runtime://example.org/bob, without a slash at its end",
                 key);
    assert_fails(make(key, SUB, "[\"user://d\"]", NOW, 60, &token, &err), HY_EINVALID, &err,
                 "user://d is no user URL: write one like user://example.org/bob", key);
    assert_fails(make(key, SUB, "[]", NOW, 0, &token, &err), HY_EINVALID, &err,
                 "a token is good for a second at least and 366 days at most", key);
    assert_fails(make(key, SUB, "[]", NOW, HY_TOKEN_TTL_S_MAX + 1, &token, &err), HY_EINVALID, &err,
                 "a token is good for a second at least and 366 days at most", key);
    assert_null(token);
}

static void without_memory_nothing_is_good_and_nothing_leaks(void **state) {
    hy_error_t err;
    hy_str_t *token;
    int rc = HY_ENOMEM;
    (void)state;
    const char *key = file("secret", SECRET, 0600);
    for (int64_t n = 0; rc < 0; n++) {
        hy_token_keys_t *k;
        hy_str_t *made = NULL;
        assert_true(n < 200);
        hy_mem_fail_after(n);
        rc = hy_token_keys_open(&key, 1, &k, &err);
        hy_mem_fail_after(-1);
        if (rc < 0) {
            assert_int_equal(rc, HY_ENOMEM);
            continue;
        }
        assert_int_equal(make(key, SUB, BOB, NOW, 60, &token, &err), 0);
        hy_mem_fail_after(n);
        rc = check(k, token, NOW, &err);
        hy_mem_fail_after(-1);
        hy_str_t *sub = hy_str_from(SUB);
        hy_node_t *users = users_of(BOB);
        hy_mem_fail_after(n);
        if (hy_token_make(key, sub, users, NOW, 60, &made, &err) < 0) rc = HY_ENOMEM;
        hy_mem_fail_after(-1);
        hy_str_unref(made);
        hy_node_unref(users);
        hy_str_unref(sub);
        hy_str_unref(token);
        hy_token_keys_free(k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_made_with_a_key_is_good_for_who_has_the_other),
        TEST(with_several_keys_one_of_them_is_enough),
        TEST(keys_are_read_again_and_on_failure_those_of_before_stay),
        TEST(one_user_may_be_a_text_and_none_may_be_named),
        TEST(what_is_no_token_is_refused),
        TEST(the_algorithm_is_the_keys_whatever_a_token_says),
        TEST(what_another_key_has_signed_is_refused),
        TEST(a_changed_token_is_refused),
        TEST(claims_of_the_wrong_kind_are_refused),
        TEST(more_users_than_one_token_names_are_refused),
        TEST(times_of_the_wrong_kind_are_refused),
        TEST(a_token_is_good_in_its_time_and_the_allowed_skew),
        TEST(what_cannot_be_in_a_token_is_not_made),
        TEST(without_memory_nothing_is_good_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
