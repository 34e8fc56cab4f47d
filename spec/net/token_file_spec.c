/* core/net/token_file: keys and tokens in files, and who may read them. */
#include "token_support.h"

/* Loads it as a key to check with, and is told why not. */
static void assert_no_key(const char *path, int code, const char *why) {
    hy_token_keys_t *k;
    hy_error_t err = {.text = ""};
    assert_fails(hy_token_keys_open(&path, 1, &k, &err), code, &err, why, path);
}

static void assert_no_signer(const char *path, int code, const char *why) {
    hy_str_t *token;
    hy_error_t err = {.text = ""};
    int rc = make(path, "hyperty-runtime://d/1", "[]", 0, 60, &token, &err);
    assert_fails(rc, code, &err, why, path);
}

static void what_is_no_file_is_no_key(void **state) {
    (void)state;
    assert_no_key(path_of("key"), HY_ENOT_FOUND, "%s: there is no such file");
    assert_no_key(folder, HY_EINVALID, "%s: is no regular file");
    assert_int_equal(mkfifo(path_of("key"), 0600), 0);
    assert_no_key(path_of("key"), HY_EINVALID, "%s: is no regular file");
}

static void a_secret_is_its_owners_alone(void **state) {
    static const mode_t bad[] = {0640, 0604, 0620, 0644, 0660, 0777};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hy_error_t err;
        const char *path = file("secret", SECRET, bad[i]);
        char why[HY_ERROR_TEXT_BYTES];
        snprintf(why, sizeof why, "%s: others than its owner may read it (mode %04o): chmod 600 %s",
                 path, bad[i], path);
        hy_token_keys_t *k;
        assert_int_equal(hy_token_keys_open(&path, 1, &k, &err), HY_EFORBIDDEN);
        assert_string_equal(err.text, why);
        assert_no_signer(path, HY_EFORBIDDEN, why);
    }
    hy_token_keys_free(keys(file("secret", SECRET, 0400)));
    hy_str_t *token;
    hy_error_t err;
    file("private", PRIVATE_A, 0644);
    int rc = make(path_of("private"), "hyperty-runtime://d/1", "[]", 0, 60, &token, &err);
    assert_int_equal(rc, HY_EFORBIDDEN);
}

static void a_public_key_may_be_read_by_all_and_changed_by_its_owner(void **state) {
    hy_token_keys_t *k;
    hy_error_t err;
    (void)state;
    hy_token_keys_free(keys(file("public", PUBLIC_A, 0644)));
    const char *path = file("public", PUBLIC_A, 0664);
    assert_int_equal(hy_token_keys_open(&path, 1, &k, &err), HY_EFORBIDDEN);
    assert_non_null(strstr(err.text, "others than its owner may change it (mode 0664): chmod 644"));
}

static void a_token_is_no_secret(void **state) {
    (void)state;
    assert_no_key(file("secret", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmVkc2lnbmVk\n", 0600),
                  HY_EINVALID,
                  "%s: is a token, not what signs it: openssl rand -hex 32 makes a secret");
    hy_token_keys_free(keys(file("secret", "eyJhbGciOiJIUzI1NiJ9.and-what-is-no-token", 0600)));
}

static void a_secret_is_long_enough_without_its_line_end(void **state) {
    const char *why = "%s: a secret has at least 32 bytes: openssl rand -hex 32 makes one";
    (void)state;
    assert_no_key(file("secret", "", 0600), HY_EINVALID, why);
    assert_no_key(file("secret", "0123456789abcdef0123456789abcde", 0600), HY_EINVALID, why);
    assert_no_key(file("secret", "0123456789abcdef0123456789abcde\n", 0600), HY_EINVALID, why);
    assert_no_key(file("secret", "0123456789abcdef0123456789abcde\r\n", 0600), HY_EINVALID, why);
    hy_token_keys_free(keys(file("secret", "0123456789abcdef0123456789abcde\n\n", 0600)));
}

static void a_key_in_pem_is_never_a_secret(void **state) {
    const char *why = "%s: is no public P-256 key in PEM: openssl genpkey -algorithm EC -pkeyopt "
                      "ec_paramgen_curve:P-256 makes one";
    (void)state;
    assert_no_key(file("key", PUBLIC_P384, 0600), HY_EINVALID, why);
    assert_no_key(file("key", PUBLIC_K1, 0600), HY_EINVALID, why);
    assert_no_key(
        file("key", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", 0600),
        HY_EINVALID, why);
    assert_no_key(file("key", "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZI", 0600),
                  HY_EINVALID, why);
    assert_no_key(file("key", "-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----\n", 0600),
                  HY_EINVALID, why);
}

static void who_mixes_up_the_two_keys_is_told(void **state) {
    (void)state;
    assert_no_signer(file("public", PUBLIC_A, 0600), HY_EINVALID,
                     "%s: is a public key: signing takes the private one");
    hy_token_keys_t *k;
    hy_error_t err;
    const char *path = file("private", PRIVATE_A, 0600);
    assert_int_equal(hy_token_keys_open(&path, 1, &k, &err), HY_EINVALID);
    assert_non_null(strstr(err.text, ": is a private key, and who checks needs only the public "
                                     "one: openssl pkey -in "));
}

static void keys_and_tokens_are_bounded(void **state) {
    const char *paths[HY_TOKEN_KEYS_MAX + 1];
    static char large[HY_TOKEN_KEY_BYTES_MAX + 2], token[HY_TOKEN_BYTES_MAX + 2];
    hy_token_keys_t *k;
    hy_str_t *text;
    hy_error_t err;
    (void)state;
    memset(large, 'x', sizeof large - 1);
    memset(token, 'x', sizeof token - 1);
    assert_no_key(file("key", large, 0600), HY_ETOO_LARGE,
                  "%s: has more than 16384 bytes: that is no key and no token");
    assert_fails(hy_token_load(file("token", token, 0600), &text, &err), HY_ETOO_LARGE, &err,
                 "%s: has 8193 bytes, and a token at most 8192", path_of("token"));
    for (size_t i = 0; i <= HY_TOKEN_KEYS_MAX; i++)
        paths[i] = "/nowhere";
    paths[0] = file("secret", SECRET, 0600);
    for (size_t i = 1; i <= HY_TOKEN_KEYS_MAX; i++)
        paths[i] = paths[0];
    assert_fails(hy_token_keys_open(paths, HY_TOKEN_KEYS_MAX + 1, &k, &err), HY_EFULL, &err,
                 "%s: that is one key more than the 16 that a node takes", paths[0]);
}

static void a_token_comes_from_its_file_without_what_is_around_it(void **state) {
    hy_str_t *text;
    hy_error_t err;
    (void)state;
    assert_int_equal(hy_token_load(file("token", " \n\ta.b.c\r\n\n", 0600), &text, &err), 0);
    assert_string_equal(text->bytes, "a.b.c");
    hy_str_unref(text);
    const char *path = file("token", " \n", 0600);
    assert_fails(hy_token_load(path, &text, &err), HY_EINVALID, &err,
                 "%s: is empty: no token is in it", path);
    assert_int_equal(hy_token_load(file("token", "a.b.c", 0640), &text, &err), HY_EFORBIDDEN);
    assert_non_null(strstr(err.text, "others than its owner may read it (mode 0640): chmod 600"));
    unlink(path);
    assert_fails(hy_token_load(path, &text, &err), HY_ENOT_FOUND, &err, "%s: there is no such file",
                 path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_file_is_no_key),
        TEST(a_secret_is_its_owners_alone),
        TEST(a_public_key_may_be_read_by_all_and_changed_by_its_owner),
        TEST(a_token_is_no_secret),
        TEST(a_secret_is_long_enough_without_its_line_end),
        TEST(a_key_in_pem_is_never_a_secret),
        TEST(who_mixes_up_the_two_keys_is_told),
        TEST(keys_and_tokens_are_bounded),
        TEST(a_token_comes_from_its_file_without_what_is_around_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
