/* Fuzz target: any bytes as a token, and as the claims of one that is signed. What is good must be
 * good again, name a runtime and users, and be read without its key as it is with it; what is
 * refused must say why; nothing may be left. Built and run by tools/fuzz/run. */
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "must.h"
#include "net/token.h"

#define NOW_MS UINT64_C(1800000000000)
#define SECRET "0123456789abcdef0123456789abcdef"
#define PUBLIC                                                                                     \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcid+So/wV0R9Ol/DjMBFELp9Qo1/\n"                           \
    "MbP6B7XpJmlo7Z9povQw3L9UOUE0UA87RC28L5PxEBuycuuiegpN7Kt2/Q==\n"                               \
    "-----END PUBLIC KEY-----\n"

static hy_token_keys_t *the_keys;

static void write_key(char path[], const char *text) {
    int fd = mkstemp(path);
    MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

/* Read once, for all inputs: they count as there before. */
static void open_keys(void) {
    char secret[] = "/tmp/hyperty-fuzz-XXXXXX", public[] = "/tmp/hyperty-fuzz-XXXXXX";
    const char *paths[] = {secret, public};
    write_key(secret, SECRET);
    write_key(public, PUBLIC);
    MUST(hy_token_keys_open(paths, 2, &the_keys, NULL) == 0);
    unlink(secret);
    unlink(public);
}

static void check_good(const hy_str_t *token, hy_claims_t *claims) {
    hy_claims_t again, read;
    const hy_auth_t *auth = hy_token_keys_auth(the_keys);
    MUST(hy_claims_check_sub(claims->sub, NULL) == 0);
    MUST(hy_claims_check_users(claims->users, NULL) == 0);
    MUST(hy_claims_cover(claims, claims->sub));
    MUST(claims->ends_ms > NOW_MS);
    MUST(auth->check(auth, token, NOW_MS, &again, NULL) == 0);
    MUST(hy_token_read(token, &read, NULL) == 0);
    MUST(hy_claims_are_alike(claims, &again) && hy_claims_are_alike(claims, &read));
    MUST(hy_str_equal(claims->sub, read.sub) && claims->ends_ms == read.ends_ms);
    hy_claims_deinit(&again);
    hy_claims_deinit(&read);
}

static void check_token(const hy_str_t *token) {
    hy_claims_t claims = {.sub = NULL};
    hy_error_t err = {.text = ""};
    const hy_auth_t *auth = hy_token_keys_auth(the_keys);
    int rc = auth->check(auth, token, NOW_MS, &claims, &err);
    if (rc == 0) {
        check_good(token, &claims);
        hy_claims_deinit(&claims);
    } else {
        MUST(rc == HY_EUNAUTHENTICATED && err.text[0]);
    }
    rc = hy_token_read(token, &claims, &err);
    MUST(rc == 0 || err.text[0]);
    hy_claims_deinit(&claims);
}

/* The text as claims, well signed; nothing if the library cannot read it. */
static void check_claims(const hy_str_t *text) {
    jwt_t *jwt = NULL;
    MUST(jwt_new(&jwt) == 0);
    bool is_signed =
        jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)SECRET, (int)strlen(SECRET)) == 0 &&
        jwt_add_grants_json(jwt, text->bytes) == 0;
    char *made = is_signed ? jwt_encode_str(jwt) : NULL;
    hy_str_t *token = made ? hy_str_from(made) : NULL;
    if (token) check_token(token);
    hy_str_unref(token);
    free(made);
    jwt_free(jwt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (!the_keys) open_keys();
    int64_t before = hy_mem_blocks();
    hy_str_t *text = hy_str_new((const char *)data, len);
    check_token(text);
    check_claims(text);
    hy_str_unref(text);
    MUST(hy_mem_blocks() == before);
    return 0;
}
