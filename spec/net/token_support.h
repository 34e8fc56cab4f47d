/* For the specs of tokens: keys (made for them alone), files in a folder of their own, and tokens
 * that nobody in his right mind would make. */
#ifndef SPEC_NET_TOKEN_SUPPORT_H
#define SPEC_NET_TOKEN_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "net/token.h"

#define PRIVATE_A                                                                                  \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXUQ8K+xw9THDAGgk\n"                           \
    "VWOE4JCRkhP96+owhE1Gxj8KERWhRANCAARyJ35Kj/BXRH06X8OMwEUQun1CjX8x\n"                           \
    "s/oHtekmaWjtn2mi9DDcv1Q5QTRQDztELbwvk/EQG7Jy66J6Ck3sq3b9\n"                                   \
    "-----END PRIVATE KEY-----\n"
#define PUBLIC_A                                                                                   \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcid+So/wV0R9Ol/DjMBFELp9Qo1/\n"                           \
    "MbP6B7XpJmlo7Z9povQw3L9UOUE0UA87RC28L5PxEBuycuuiegpN7Kt2/Q==\n"                               \
    "-----END PUBLIC KEY-----\n"
#define SEC1_A                                                                                     \
    "-----BEGIN EC PRIVATE KEY-----\n"                                                             \
    "MHcCAQEEIF1EPCvscPUxwwBoJFVjhOCQkZIT/evqMIRNRsY/ChEVoAoGCCqGSM49\n"                           \
    "AwEHoUQDQgAEcid+So/wV0R9Ol/DjMBFELp9Qo1/MbP6B7XpJmlo7Z9povQw3L9U\n"                           \
    "OUE0UA87RC28L5PxEBuycuuiegpN7Kt2/Q==\n"                                                       \
    "-----END EC PRIVATE KEY-----\n"
#define PRIVATE_B                                                                                  \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUl+IvTw6vzoL8iNw\n"                           \
    "TGVi9Shr7kmrV2AHFhxQBZZof1yhRANCAATumfTd+5sFhe7JYnzNVor8xQKvznpf\n"                           \
    "WhzwfaayfaXj9Lnzr34omclfoRbTA0Qul5sZNV4rmZV1OPtovQh0vyBu\n"                                   \
    "-----END PRIVATE KEY-----\n"
#define PUBLIC_B                                                                                   \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7pn03fubBYXuyWJ8zVaK/MUCr856\n"                           \
    "X1oc8H2msn2l4/S5869+KJnJX6EW0wNELpebGTVeK5mVdTj7aL0IdL8gbg==\n"                               \
    "-----END PUBLIC KEY-----\n"
#define PUBLIC_P384                                                                                \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEXJau5SB9RWL7cM2azXELZpYauyWwwzD6\n"                           \
    "IGKsD0wi/zu0+dhWGoiNaj9eFd3QJt3iugvc4wGLjNQrz41+/xPXlRqhzvO1VV7D\n"                           \
    "lSGBBEwX0N/bv4RmGyaXGswiXgsynh24\n"                                                           \
    "-----END PUBLIC KEY-----\n"
#define PUBLIC_K1                                                                                  \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEMRzZDx/Mx5CUPPSyInoopOR6v87HCeAz\n"                           \
    "BlsbvbstjpYA3Pj4Q/nA6QVdDoi+zcibWienh9ygDkgjc55NXODpxg==\n"                                   \
    "-----END PUBLIC KEY-----\n"
#define SECRET "0123456789abcdef0123456789abcdef"

static int64_t blocks_before;
static char folder[] = "/tmp/hyperty-token-XXXXXX";

static inline int begin(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    return 0;
}

static inline const char *path_of(const char *name) {
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline const char *file(const char *name, const char *content, mode_t mode) {
    const char *path = path_of(name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, strlen(content), f), strlen(content));
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static inline int end(void **state) {
    static const char *const names[] = {"key", "public", "private", "secret", "other", "token"};
    (void)state;
    hy_mem_fail_after(-1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(path_of(names[i]));
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

/* The error must be exactly that, %s in it being the path. */
static inline void assert_fails(int rc, int code, const hy_error_t *err, const char *format,
                                const char *path) {
    char text[HY_ERROR_TEXT_BYTES];
    const char *at = strstr(format, "%s");
    if (at)
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - format), format, path, at + 2);
    else
        snprintf(text, sizeof text, "%s", format);
    assert_string_equal(err->text, text);
    assert_int_equal(rc, code);
}

/* Base64url without padding, appended. */
static inline void add_part(hy_buf_t *b, const void *bytes, size_t len) {
    hy_str_t *text = hy_base64(bytes, len);
    for (size_t i = 0; i < text->len && text->bytes[i] != '='; i++) {
        char c = text->bytes[i];
        hy_buf_char(b, (char)(c == '+' ? '-' : c == '/' ? '_' : c));
    }
    hy_str_unref(text);
}

/* Signed by HMAC-SHA256 with that key, whatever the header says. */
static inline hy_str_t *craft(const char *header, const char *claims, const char *key) {
    hy_buf_t b;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    hy_buf_init(&b);
    add_part(&b, header, strlen(header));
    hy_buf_char(&b, '.');
    add_part(&b, claims, strlen(claims));
    assert_non_null(
        HMAC(EVP_sha256(), key, (int)strlen(key), (unsigned char *)b.bytes, b.len, mac, &len));
    hy_buf_char(&b, '.');
    add_part(&b, mac, len);
    return hy_buf_take(&b);
}

static inline hy_node_t *users_of(const char *json) {
    hy_value_t v;
    assert_int_equal(hy_json_read(json, strlen(json), HY_JSON_DEPTH_MAX, &v, NULL), 0);
    return v.as.n;
}

static inline int make(const char *key, const char *sub, const char *users, uint64_t now_s,
                       uint32_t ttl_s, hy_str_t **out, hy_error_t *err) {
    hy_str_t *subject = hy_str_from(sub);
    hy_node_t *list = users_of(users);
    int rc = hy_token_make(key, subject, list, now_s, ttl_s, out, err);
    hy_node_unref(list);
    hy_str_unref(subject);
    return rc;
}

static inline hy_token_keys_t *keys(const char *path) {
    hy_token_keys_t *k;
    hy_error_t err = {.text = ""};
    int rc = hy_token_keys_open(&path, 1, &k, &err);
    if (rc < 0) print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
    return k;
}

static inline int check(hy_token_keys_t *k, const hy_str_t *token, uint64_t now_s,
                        hy_error_t *err) {
    const hy_auth_t *auth = hy_token_keys_auth(k);
    hy_claims_t claims = {.sub = NULL};
    int rc = auth->check(auth, token, 1000 * now_s, &claims, err);
    assert_true((rc == 0) == (claims.users != NULL));
    hy_claims_deinit(&claims);
    return rc;
}

#endif
