/* Making and checking tokens (token.h).
 *
 *      text ──► header ──► keys of that algorithm ──► signature ──► claims ──► times
 *
 * libjwt takes the algorithm that the token names: so a token is only shown to it with a key that
 * is for that one, and nobody who is not trusted hears more than that no key has signed it. */
#include "token_parts.h"

#include <jwt.h>
#include <stdlib.h>

#include "../base/json.h"
#include "../base/mem.h"
#include "../loop/clock.h"

struct hy_token_keys {
    hy_auth_t auth; /* first: it is what a node has of it */
    hy_str_t *paths[HY_TOKEN_KEYS_MAX];
    hy__token_key_t keys[HY_TOKEN_KEYS_MAX];
    uint32_t count;
};

/* --- signature -------------------------------------------------------------------------------- */

static bool is_signed_by(const hy_str_t *token, const hy__token_key_t *key) {
    static const jwt_alg_t ALGORITHMS[] = {JWT_ALG_ES256, JWT_ALG_HS256};
    jwt_t *jwt = NULL;
    int rc = jwt_decode(&jwt, token->bytes, (const unsigned char *)key->bytes.bytes,
                        (int)key->bytes.len);
    bool is_good = rc == 0 && jwt_get_alg(jwt) == ALGORITHMS[key->algorithm];
    if (rc == 0) jwt_free(jwt);
    return is_good;
}

static int check_signature(const hy_token_keys_t *k, const hy_str_t *token, hy_error_t *err) {
    hy__token_algorithm_t algorithm;
    bool has_key = false;
    int rc = hy__token_read_header(token, &algorithm, err);
    if (rc < 0) return rc;
    for (uint32_t i = 0; i < k->count; i++) {
        if (k->keys[i].algorithm != algorithm) continue;
        has_key = true;
        if (is_signed_by(token, &k->keys[i])) return 0;
    }
    if (has_key) return hy_fail(err, HY_EINVALID, "no key of this node has signed the token");
    return hy_fail(err, HY_EINVALID,
                   "the token is signed with %s, and no key of this node is for that",
                   hy__token_algorithm_name(algorithm));
}

/* --- times ------------------------------------------------------------------------------------ */

static int fail_time(const char *what, int64_t at_s, const char *advice, hy_error_t *err) {
    char text[25];
    hy_clock_iso(at_s < INT64_MAX / 1000 ? at_s * 1000 : INT64_MAX, text);
    return hy_fail(err, HY_EINVALID, "the token %s %s: %s", what, text, advice);
}

static int check_times(const hy__token_said_t *s, int64_t now_s, hy_error_t *err) {
    int64_t latest = now_s + HY_TOKEN_SKEW_S,
            since = s->iat >= 0 && s->iat < now_s ? s->iat : now_s;
    if (s->nbf > latest)
        return fail_time("is not good before", s->nbf, "wait, or set the clock right", err);
    if (s->iat > latest)
        return fail_time("says that it was made at", s->iat, "set the clock right", err);
    if (s->exp <= now_s - HY_TOKEN_SKEW_S)
        return fail_time("ended at", s->exp, "get a new one", err);
    if (s->exp - since > (int64_t)HY_TOKEN_TTL_S_MAX)
        return fail_time("is good until", s->exp, "that is longer than a year", err);
    return 0;
}

/* The claims of what it said, which is used up. */
static void become_claims(hy__token_said_t *s, hy_claims_t *out) {
    int64_t last_s = INT64_MAX / 1000 - HY_TOKEN_SKEW_S, exp = s->exp < last_s ? s->exp : last_s;
    *out = (hy_claims_t){
        .sub = s->sub, .users = s->users, .ends_ms = (uint64_t)(exp + HY_TOKEN_SKEW_S) * 1000};
}

static int check(const hy_auth_t *auth, const hy_str_t *token, uint64_t now_ms, hy_claims_t *out,
                 hy_error_t *err) {
    const hy_token_keys_t *k = (const hy_token_keys_t *)auth;
    hy_error_t why;
    hy__token_said_t said;
    int rc = check_signature(k, token, &why);
    if (rc == 0) rc = hy__token_read_claims(token, &said, &why);
    if (rc == 0 && (rc = check_times(&said, (int64_t)(now_ms / 1000), &why)) < 0)
        hy__token_said_deinit(&said);
    if (rc < 0) return hy_fail(err, HY_EUNAUTHENTICATED, "%s", why.text);
    become_claims(&said, out);
    return 0;
}

/* --- keys of a node --------------------------------------------------------------------------- */

static void drop_keys(hy_token_keys_t *k) {
    while (k->count > 0) {
        k->count--;
        hy__token_key_deinit(&k->keys[k->count]);
        hy_str_unref(k->paths[k->count]);
    }
}

static int load_key(hy_token_keys_t *k, const char *path, hy_error_t *err) {
    if (k->count == HY_TOKEN_KEYS_MAX)
        return hy_fail(err, HY_EFULL, "%s: that is one key more than the %u that a node takes",
                       path, HY_TOKEN_KEYS_MAX);
    hy_str_t *name = hy_str_from(path);
    if (!name) return hy_fail(err, HY_ENOMEM, "%s: out of memory", path);
    int rc = hy__token_key_load(path, false, &k->keys[k->count], err);
    if (rc < 0) {
        hy_str_unref(name);
        return rc;
    }
    k->paths[k->count++] = name;
    return 0;
}

int hy_token_keys_open(const char *const *paths, uint32_t count, hy_token_keys_t **out,
                       hy_error_t *err) {
    hy_token_keys_t *k = hy_alloc_zero(sizeof *k);
    if (!k) return hy_fail(err, HY_ENOMEM, "out of memory");
    k->auth.check = check;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = load_key(k, paths[i], err);
    if (rc < 0) {
        hy_token_keys_free(k);
        return rc;
    }
    *out = k;
    return 0;
}

int hy_token_keys_reload(hy_token_keys_t *k, hy_error_t *err) {
    const char *paths[HY_TOKEN_KEYS_MAX];
    hy_token_keys_t *fresh;
    for (uint32_t i = 0; i < k->count; i++)
        paths[i] = k->paths[i]->bytes;
    int rc = hy_token_keys_open(paths, k->count, &fresh, err);
    if (rc < 0) return rc;
    hy_token_keys_t old = *k;
    *k = *fresh;
    *fresh = old;
    hy_token_keys_free(fresh);
    return 0;
}

void hy_token_keys_free(hy_token_keys_t *k) {
    if (!k) return;
    drop_keys(k);
    hy_free(k);
}

const hy_auth_t *hy_token_keys_auth(hy_token_keys_t *k) {
    return &k->auth;
}

/* --- making and reading ----------------------------------------------------------------------- */

static int check_wish(const hy_str_t *sub, const hy_node_t *users, uint32_t ttl_s,
                      hy_error_t *err) {
    int rc = hy_claims_check_sub(sub, err);
    if (rc == 0) rc = hy_claims_check_users(users, err);
    if (rc == 0 && (ttl_s == 0 || ttl_s > HY_TOKEN_TTL_S_MAX))
        rc = hy_fail(err, HY_EINVALID, "a token is good for a second at least and %u days at most",
                     HY_TOKEN_TTL_S_MAX / 86400);
    return rc;
}

/* {"user":[…]}: the one claim that is no plain text or number. */
static int add_users(jwt_t *jwt, const hy_node_t *users) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_text(&b, "{\"user\":[");
    for (size_t i = 0; i < hy_node_count(users); i++) {
        if (i > 0) hy_buf_char(&b, ',');
        hy_json_write(&b, hy_node_at(users, i));
    }
    hy_buf_text(&b, "]}");
    hy_str_t *text = hy_buf_take(&b);
    int rc = text ? jwt_add_grants_json(jwt, text->bytes) : HY_ENOMEM;
    hy_str_unref(text);
    return rc;
}

/* NULL: the key cannot sign, or there is no memory. */
static hy_str_t *encode(const hy__token_key_t *key, const hy_str_t *sub, const hy_node_t *users,
                        uint64_t now_s, uint32_t ttl_s) {
    static const jwt_alg_t ALGORITHMS[] = {JWT_ALG_ES256, JWT_ALG_HS256};
    jwt_t *jwt = NULL;
    if (jwt_new(&jwt) != 0) return NULL;
    int rc = jwt_set_alg(jwt, ALGORITHMS[key->algorithm], (const unsigned char *)key->bytes.bytes,
                         (int)key->bytes.len);
    if (rc == 0) rc = jwt_add_grant(jwt, "sub", sub->bytes);
    if (rc == 0) rc = add_users(jwt, users);
    if (rc == 0) rc = jwt_add_grant_int(jwt, "iat", (long)now_s);
    if (rc == 0) rc = jwt_add_grant_int(jwt, "exp", (long)(now_s + ttl_s));
    char *made = rc == 0 ? jwt_encode_str(jwt) : NULL;
    hy_str_t *text = made ? hy_str_from(made) : NULL;
    if (made) free(made);
    jwt_free(jwt);
    return text;
}

int hy_token_make(const char *key_path, const hy_str_t *sub, const hy_node_t *users, uint64_t now_s,
                  uint32_t ttl_s, hy_str_t **out, hy_error_t *err) {
    hy__token_key_t key;
    int rc = hy__token_key_load(key_path, true, &key, err);
    if (rc < 0) return rc;
    rc = check_wish(sub, users, ttl_s, err);
    hy_str_t *text = rc == 0 ? encode(&key, sub, users, now_s, ttl_s) : NULL;
    hy__token_key_deinit(&key);
    if (rc < 0) return rc;
    if (!text) return hy_fail(err, HY_EINVALID, "%s: it cannot sign a token", key_path);
    if (text->len > HY_TOKEN_BYTES_MAX) {
        unsigned len = text->len;
        hy_str_unref(text);
        return hy_fail(err, HY_EINVALID,
                       "the token would have %u bytes, and may have %u: fewer "
                       "or shorter users",
                       len, HY_TOKEN_BYTES_MAX);
    }
    *out = text;
    return 0;
}

int hy_token_read(const hy_str_t *token, hy_claims_t *out, hy_error_t *err) {
    hy__token_said_t said;
    int rc = hy__token_read_claims(token, &said, err);
    if (rc == 0) become_claims(&said, out);
    return rc;
}
