/* Keys and tokens in files (token.h). What is opened is looked at before it is read: it must be a
 * regular file, and what is secret must be its owner's alone.
 *
 *      -----BEGIN PUBLIC KEY-----    ES256, to check with
 *      -----BEGIN PRIVATE KEY-----   ES256, to sign with; and EC PRIVATE KEY
 *      -----BEGIN …                  nothing that is taken, and never a secret
 *      anything else                 HS256
 *
 * The curve is told by its name in the key: libjwt would take any that fits its signatures. */
#define _GNU_SOURCE /* memmem */
#include "token_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/crypto.h"

#define BEGIN_MARK "-----BEGIN "
#define END_MARK   "-----END "

/* --- reading ---------------------------------------------------------------------------------- */

static int fail(const char *path, int code, const char *what, hy_error_t *err) {
    return hy_fail(err, code, "%s: %s", path, what);
}

static int fail_errno(const char *path, hy_error_t *err) {
    int number = errno;
    if (number == ENOENT || number == ENOTDIR)
        return fail(path, HY_ENOT_FOUND, "there is no such file", err);
    return fail(path, HY_EINVALID, strerror(number), err);
}

/* Into one piece of memory, so that no part of a secret is left where it has moved from. */
static int read_all(const char *path, int fd, size_t bytes_max, hy_buf_t *b, hy_error_t *err) {
    if (!hy_buf_reserve(b, bytes_max + 1)) return fail(path, HY_ENOMEM, "out of memory", err);
    while (b->len <= bytes_max) {
        ssize_t got = read(fd, b->bytes + b->len, bytes_max + 1 - b->len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(path, err);
        if (got == 0) return 0;
        b->len += (size_t)got;
    }
    return hy_fail(err, HY_ETOO_LARGE, "%s: has more than %zu bytes: that is no key and no token",
                   path, bytes_max);
}

/* `mode` gets who may do what with it. */
static int read_file(const char *path, size_t bytes_max, hy_buf_t *b, mode_t *mode,
                     hy_error_t *err) {
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return fail_errno(path, err);
    struct stat at;
    int rc = fstat(fd, &at) == 0 ? 0 : fail_errno(path, err);
    if (rc == 0 && !S_ISREG(at.st_mode)) rc = fail(path, HY_EINVALID, "is no regular file", err);
    if (rc == 0) rc = read_all(path, fd, bytes_max, b, err);
    close(fd);
    if (rc == 0) *mode = at.st_mode;
    return rc;
}

static void forget(hy_buf_t *b) {
    if (b->bytes) hy_secret_wipe(b->bytes, b->room);
    hy_buf_deinit(b);
}

static int check_secret(const char *path, mode_t mode, hy_error_t *err) {
    if ((mode & 077) == 0) return 0;
    return hy_fail(err, HY_EFORBIDDEN,
                   "%s: others than its owner may read it (mode %04o): chmod 600 %s", path,
                   (unsigned)mode & 07777u, path);
}

static int check_public(const char *path, mode_t mode, hy_error_t *err) {
    if ((mode & 022) == 0) return 0;
    return hy_fail(err, HY_EFORBIDDEN,
                   "%s: others than its owner may change it (mode %04o): chmod 644 %s", path,
                   (unsigned)mode & 07777u, path);
}

/* --- PEM -------------------------------------------------------------------------------------- */

static bool has(const hy_buf_t *b, const char *mark) {
    return memmem(b->bytes, b->len, mark, strlen(mark)) != NULL;
}

/* What lies between the marks, decoded; `label` is what stands in them. False if it is no PEM. */
static bool has_p256(const hy_buf_t *pem, const char *label) {
    static const char OID[] = {0x06,       0x08, 0x2a, (char)0x86, 0x48,
                               (char)0xce, 0x3d, 0x03, 0x01,       0x07};
    char text[HY_TOKEN_KEY_BYTES_MAX];
    uint8_t der[HY_TOKEN_KEY_BYTES_MAX];
    char mark[64];
    snprintf(mark, sizeof mark, BEGIN_MARK "%s-----", label);
    const char *end = pem->bytes + pem->len, *at = memmem(pem->bytes, pem->len, mark, strlen(mark));
    if (!at) return false;
    at += strlen(mark);
    const char *stop = memmem(at, (size_t)(end - at), END_MARK, strlen(END_MARK));
    size_t len = 0;
    for (; stop && at < stop && len < sizeof text; at++) {
        if (!strchr("\r\n \t", *at) || *at == '\0') text[len++] = *at;
    }
    ptrdiff_t bytes = stop ? hy_base64_read(text, len, der, sizeof der) : -1;
    bool is_right = bytes > 0 && memmem(der, (size_t)bytes, OID, sizeof OID);
    hy_secret_wipe(text, sizeof text);
    hy_secret_wipe(der, sizeof der);
    return is_right;
}

static bool is_private(const hy_buf_t *pem) {
    return has(pem, "PRIVATE KEY-----");
}

static int check_pem(const char *path, const hy_buf_t *pem, mode_t mode, bool to_sign,
                     hy_error_t *err) {
    if (is_private(pem) && !to_sign)
        return hy_fail(err, HY_EINVALID,
                       "%s: is a private key, and who checks needs only the public one: openssl "
                       "pkey -in %s -pubout -out PUBLIC.pem",
                       path, path);
    if (has(pem, BEGIN_MARK "PUBLIC KEY-----") && to_sign)
        return fail(path, HY_EINVALID, "is a public key: signing takes the private one", err);
    bool is_right = to_sign ? has_p256(pem, "PRIVATE KEY") || has_p256(pem, "EC PRIVATE KEY")
                            : has_p256(pem, "PUBLIC KEY");
    if (!is_right)
        return hy_fail(err, HY_EINVALID,
                       "%s: is no %s P-256 key in PEM: openssl genpkey -algorithm EC -pkeyopt "
                       "ec_paramgen_curve:P-256 makes one",
                       path, to_sign ? "private" : "public");
    return to_sign ? check_secret(path, mode, err) : check_public(path, mode, err);
}

/* --- keys ------------------------------------------------------------------------------------- */

/* One line end at its end is the editor's. */
static void trim_line_end(hy_buf_t *b) {
    if (b->len > 0 && b->bytes[b->len - 1] == '\n') b->len--;
    if (b->len > 0 && b->bytes[b->len - 1] == '\r') b->len--;
}

/* "{" in Base64, and three parts: whoever was given that token would have what signs others. */
static bool is_token(const hy_buf_t *b) {
    const char *dot = memchr(b->bytes, '.', b->len), *end = b->bytes + b->len;
    return b->len > 3 && memcmp(b->bytes, "eyJ", 3) == 0 && dot &&
           memchr(dot + 1, '.', (size_t)(end - dot - 1));
}

static int check_key(const char *path, mode_t mode, bool to_sign, hy__token_key_t *k,
                     hy_error_t *err) {
    hy_buf_t *b = &k->bytes;
    if (has(b, BEGIN_MARK)) {
        k->algorithm = HY__TOKEN_ES256;
        return check_pem(path, b, mode, to_sign, err);
    }
    k->algorithm = HY__TOKEN_HS256;
    trim_line_end(b);
    if (b->len < HY_TOKEN_SECRET_BYTES_MIN)
        return hy_fail(err, HY_EINVALID,
                       "%s: a secret has at least %u bytes: openssl rand -hex 32 makes one", path,
                       HY_TOKEN_SECRET_BYTES_MIN);
    if (is_token(b))
        return hy_fail(err, HY_EINVALID,
                       "%s: is a token, not what signs it: openssl rand -hex 32 makes a secret",
                       path);
    return check_secret(path, mode, err);
}

int hy__token_key_load(const char *path, bool to_sign, hy__token_key_t *out, hy_error_t *err) {
    hy__token_key_t k = {.algorithm = HY__TOKEN_HS256};
    mode_t mode = 0;
    hy_buf_init(&k.bytes);
    int rc = read_file(path, HY_TOKEN_KEY_BYTES_MAX, &k.bytes, &mode, err);
    if (rc == 0) rc = check_key(path, mode, to_sign, &k, err);
    if (rc < 0) {
        hy__token_key_deinit(&k);
        return rc;
    }
    *out = k;
    return 0;
}

void hy__token_key_deinit(hy__token_key_t *k) {
    forget(&k->bytes);
}

/* --- tokens ----------------------------------------------------------------------------------- */

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int hy_token_load(const char *path, hy_str_t **out, hy_error_t *err) {
    hy_buf_t b;
    mode_t mode = 0;
    hy_buf_init(&b);
    int rc = read_file(path, HY_TOKEN_KEY_BYTES_MAX, &b, &mode, err);
    if (rc == 0) rc = check_secret(path, mode, err);
    size_t from = 0, to = b.len;
    while (from < to && is_space(b.bytes[from]))
        from++;
    while (to > from && is_space(b.bytes[to - 1]))
        to--;
    if (rc == 0 && from == to) rc = fail(path, HY_EINVALID, "is empty: no token is in it", err);
    if (rc == 0 && to - from > HY_TOKEN_BYTES_MAX)
        rc = hy_fail(err, HY_ETOO_LARGE, "%s: has %zu bytes, and a token at most %u", path,
                     to - from, HY_TOKEN_BYTES_MAX);
    hy_str_t *text = rc == 0 ? hy_str_new(b.bytes + from, to - from) : NULL;
    if (rc == 0 && !text) rc = fail(path, HY_ENOMEM, "out of memory", err);
    forget(&b);
    if (rc == 0) *out = text;
    return rc;
}
