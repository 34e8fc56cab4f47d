/* The text of a token (token.h): what its header and its claims say. Whether it may say so, its
 * signature tells (token.c).
 *
 *      header . claims . signature        base64url without padding, in its one canonical form
 *
 * libjwt takes what it finds; so both are read here first, strictly: no key twice, every claim of
 * its kind and within its bounds. */
#include "token_parts.h"

#include "../base/crypto.h"
#include "../base/json.h"

#define PARTS 3u

typedef struct {
    const char *bytes;
    size_t len;
} part_t;

const char *hy__token_algorithm_name(hy__token_algorithm_t a) {
    return a == HY__TOKEN_ES256 ? "ES256" : "HS256";
}

/* --- parts ------------------------------------------------------------------------------------ */

static int fail_form(hy_error_t *err) {
    return hy_fail(err, HY_EINVALID,
                   "the token is no JWT: that is three parts in base64url with points between");
}

/* Splits it; any number of parts but three is none. */
static int split(const hy_str_t *token, part_t parts[PARTS], hy_error_t *err) {
    const char *at = token->bytes, *end = at + token->len;
    if (token->len > HY_TOKEN_BYTES_MAX)
        return hy_fail(err, HY_EINVALID, "the token has %u bytes: at most %u are read",
                       (unsigned)token->len, HY_TOKEN_BYTES_MAX);
    for (size_t i = 0; i < PARTS; i++) {
        const char *point = memchr(at, '.', (size_t)(end - at));
        if ((point != NULL) != (i + 1 < PARTS)) return fail_form(err);
        const char *stop = point ? point : end;
        parts[i] = (part_t){at, (size_t)(stop - at)};
        at = point ? point + 1 : end;
    }
    return 0;
}

/* The bytes of a part; -1 if it is no base64url. */
static ptrdiff_t decode(part_t part, uint8_t *out, size_t room) {
    char text[HY_TOKEN_BYTES_MAX + 4];
    size_t len = 0;
    for (; len < part.len; len++) {
        char c = part.bytes[len];
        if (c == '+' || c == '/' || c == '=') return -1;
        text[len] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    while (len % 4 > 0)
        text[len++] = '=';
    return hy_base64_read(text, len, out, room);
}

/* The object that a part is. */
static int read_object(part_t part, const char *what, hy_node_t **out, hy_error_t *err) {
    uint8_t bytes[HY_TOKEN_BYTES_MAX];
    hy_error_t why = {.text = "it is no object"};
    hy_value_t v = hy_absent();
    ptrdiff_t len = decode(part, bytes, sizeof bytes);
    if (len < 0) return fail_form(err);
    int rc = hy_json_read((const char *)bytes, (size_t)len, HY_JSON_DEPTH_MAX, &v, &why);
    if (rc == HY_ENOMEM) return hy_fail(err, rc, "the token cannot be read: out of memory");
    if (rc == 0 && v.kind == HY_OBJECT) {
        *out = v.as.n;
        return 0;
    }
    hy_value_drop(v);
    return hy_fail(err, HY_EINVALID, "the token's %s cannot be read: %s", what, why.text);
}

/* --- header ----------------------------------------------------------------------------------- */

static int read_algorithm(const hy_node_t *header, hy__token_algorithm_t *out, hy_error_t *err) {
    const hy_str_t *name = hy_get_str(header, "alg");
    if (!name) return hy_fail(err, HY_EINVALID, "the token does not say how it is signed (alg)");
    if (hy_get(header, "crit").kind != HY_ABSENT)
        return hy_fail(err, HY_EINVALID, "the token asks for what is not known here (crit)");
    for (int a = 0; a < HY__TOKEN_ALGORITHMS; a++) {
        if (!hy_str_is(name, hy__token_algorithm_name(a))) continue;
        *out = a;
        return 0;
    }
    return hy_fail(err, HY_EINVALID,
                   "the token is signed with \"%.32s\": only ES256 and HS256 are taken",
                   name->bytes);
}

/* All of it is looked at: what comes after it may rely on its form. */
static int check_form(const part_t parts[PARTS], hy_error_t *err) {
    uint8_t bytes[HY_TOKEN_BYTES_MAX];
    for (size_t i = 0; i < PARTS; i++) {
        if (decode(parts[i], bytes, sizeof bytes) < 0) return fail_form(err);
    }
    return 0;
}

int hy__token_read_header(const hy_str_t *token, hy__token_algorithm_t *out, hy_error_t *err) {
    part_t parts[PARTS];
    hy_node_t *header;
    int rc = split(token, parts, err);
    if (rc == 0) rc = check_form(parts, err);
    if (rc == 0) rc = read_object(parts[0], "header", &header, err);
    if (rc < 0) return rc;
    rc = read_algorithm(header, out, err);
    hy_node_unref(header);
    return rc;
}

/* --- claims ----------------------------------------------------------------------------------- */

/* A point in time, in seconds. `out` stays as it is if nothing is said. */
static int read_time(const hy_node_t *said, const char *key, int64_t *out, hy_error_t *err) {
    hy_value_t v = hy_get(said, key);
    if (v.kind == HY_ABSENT) return 0;
    if (v.kind != HY_INT || v.as.i < 0)
        return hy_fail(err, HY_EINVALID,
                       "%s of the token must be a whole number of seconds since 1970", key);
    *out = v.as.i;
    return 0;
}

static int read_times(const hy_node_t *said, hy__token_said_t *s, hy_error_t *err) {
    s->exp = s->nbf = s->iat = -1;
    int rc = read_time(said, "exp", &s->exp, err);
    if (rc == 0) rc = read_time(said, "nbf", &s->nbf, err);
    if (rc == 0) rc = read_time(said, "iat", &s->iat, err);
    if (rc == 0 && s->exp < 0)
        rc = hy_fail(err, HY_EINVALID, "the token does not say when it ends (exp)");
    return rc;
}

static int read_sub(const hy_node_t *said, hy__token_said_t *s, hy_error_t *err) {
    hy_error_t why;
    hy_str_t *sub = hy_get_str(said, "sub");
    if (!sub)
        return hy_fail(err, HY_EINVALID, "the token does not say for which runtime it is (sub)");
    if (hy_claims_check_sub(sub, &why) < 0)
        return hy_fail(err, HY_EINVALID, "sub of the token: %s", why.text);
    s->sub = hy_str_ref(sub);
    return 0;
}

/* One user may stand there as it is. */
static int read_users(const hy_node_t *said, hy__token_said_t *s, hy_error_t *err) {
    hy_error_t why;
    hy_value_t user = hy_get(said, "user");
    if (user.kind == HY_ARRAY) {
        s->users = hy_node_ref(user.as.n);
    } else {
        s->users = hy_node_new(HY_ARRAY);
        if (!s->users) return hy_fail(err, HY_ENOMEM, "the token cannot be read: out of memory");
        if (user.kind == HY_STR && hy_node_insert(s->users, 0, hy_string(hy_str_ref(user.as.s))))
            return hy_fail(err, HY_ENOMEM, "the token cannot be read: out of memory");
        if (user.kind != HY_STR && user.kind != HY_ABSENT)
            return hy_fail(err, HY_EINVALID, "user of the token must be a user URL or a list");
    }
    if (hy_claims_check_users(s->users, &why) == 0) return 0;
    return hy_fail(err, HY_EINVALID, "user of the token: %s", why.text);
}

int hy__token_read_claims(const hy_str_t *token, hy__token_said_t *out, hy_error_t *err) {
    part_t parts[PARTS];
    hy_node_t *said;
    hy__token_said_t s = {.sub = NULL};
    int rc = split(token, parts, err);
    if (rc == 0) rc = read_object(parts[1], "claims", &said, err);
    if (rc < 0) return rc;
    if (hy_get(said, "aud").kind != HY_ABSENT)
        rc = hy_fail(err, HY_EINVALID, "the token is for another service (aud)");
    if (rc == 0) rc = read_times(said, &s, err);
    if (rc == 0) rc = read_sub(said, &s, err);
    if (rc == 0) rc = read_users(said, &s, err);
    hy_node_unref(said);
    if (rc < 0) {
        hy__token_said_deinit(&s);
        return rc;
    }
    *out = s;
    return 0;
}

void hy__token_said_deinit(hy__token_said_t *s) {
    hy_str_unref(s->sub);
    if (s->users) hy_node_unref(s->users);
}
