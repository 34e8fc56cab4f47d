/* Contexts: certificate, key and authorities from their files, and what is spoken. OpenSSL is never
 * given a path: files are read here, once, whole, within a bound, and so that neither a pipe nor a
 * passphrase makes anybody wait. */
#define _GNU_SOURCE /* memmem */
#include "tls_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "../base/mem.h"

enum { CERTIFICATE, KEY, AUTHORITIES, FILES };

#define OTHERS (S_IRWXG | S_IRWXO)

/* AES-128 first: it is what hardware is fastest at. */
static const char CIPHERS_13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char CIPHERS_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/* --- files ------------------------------------------------------------------------------------ */

/* How each begins and ends in PEM; keys of some kinds have a word before that. */
static const char PRIVATE_KEY[] = "PRIVATE KEY-----";
static const char CERTIFICATE_LABEL[] = "CERTIFICATE-----";

typedef struct {
    char *bytes;
    size_t len;
} text_t;

static void free_text(text_t *t) {
    if (t->bytes) OPENSSL_cleanse(t->bytes, t->len);
    hy_free(t->bytes);
    *t = (text_t){0};
}

static int fail_file(hy_error_t *err, const char *path, int code) {
    int rc = code == ENOENT ? HY_ENOT_FOUND : code == EACCES ? HY_EFORBIDDEN : HY_EINVALID;
    return hy_fail(err, rc, "%s cannot be read: %s", path, strerror(code));
}

static int fail_memory(hy_error_t *err) {
    ERR_clear_error();
    return hy_fail(err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
}

static bool holds(const text_t *t, const char *label) {
    return t->bytes && memmem(t->bytes, t->len, label, strlen(label)) != NULL;
}

/* `len` bytes, or up to the end. */
static int read_open(int fd, const char *path, size_t len, text_t *out, hy_error_t *err) {
    out->bytes = hy_alloc(len + 1);
    if (!out->bytes) return fail_memory(err);
    while (out->len < len) {
        ssize_t n = read(fd, out->bytes + out->len, len - out->len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_file(err, path, errno);
        if (n == 0) break;
        out->len += (size_t)n;
    }
    return 0;
}

static int read_file(const char *path, bool is_secret, text_t *out, hy_error_t *err) {
    struct stat at;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return fail_file(err, path, errno);
    int rc;
    if (fstat(fd, &at) != 0)
        rc = fail_file(err, path, errno);
    else if (!S_ISREG(at.st_mode) || at.st_size > HY_TLS_FILE_BYTES_MAX)
        rc = hy_fail(err, HY_EINVALID, "%s is no file of certificates or keys", path);
    else
        rc = read_open(fd, path, (size_t)at.st_size, out, err);
    if (rc == 0 && at.st_mode & OTHERS && is_secret && holds(out, PRIVATE_KEY))
        rc =
            hy_fail(err, HY_EFORBIDDEN, "%s can be read by others; write chmod 600 %s", path, path);
    close(fd);
    return rc;
}

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *buf, int size, int is_writing, void *arg) {
    (void)buf;
    (void)size;
    (void)is_writing;
    *(bool *)arg = true;
    return -1;
}

static X509 *next_certificate(BIO *bio) {
    bool is_asked = false;
    return PEM_read_bio_X509(bio, NULL, no_passphrase, &is_asked);
}

/* True: the last certificate of a file has been read; else what comes is broken. */
static bool is_end(void) {
    unsigned long code = ERR_peek_last_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

/* --- what is in them -------------------------------------------------------------------------- */

static int fail_swapped(const char *path, const char *found, const char *wanted, hy_error_t *err) {
    ERR_clear_error();
    return hy_fail(err, HY_EINVALID, "%s holds a %s, but no %s: are the two files swapped?", path,
                   found, wanted);
}

static int add_chain(SSL_CTX *ssl, BIO *bio, const text_t *text, const char *path,
                     hy_error_t *err) {
    X509 *first = next_certificate(bio), *more;
    if (!first && holds(text, PRIVATE_KEY))
        return fail_swapped(path, "private key", "certificate", err);
    if (!first) {
        ERR_clear_error();
        return hy_fail(err, HY_EINVALID,
                       "%s holds no certificate: it begins with -----BEGIN CERTIFICATE-----", path);
    }
    bool is_taken = SSL_CTX_use_certificate(ssl, first) == 1;
    X509_free(first);
    if (!is_taken) return hy_fail(err, HY_EINVALID, "%s: %s", path, hy__tls_last());
    while ((more = next_certificate(bio))) {
        is_taken = SSL_CTX_add1_chain_cert(ssl, more) == 1;
        X509_free(more);
        if (!is_taken) return hy_fail(err, HY_EINVALID, "%s: %s", path, hy__tls_last());
    }
    if (is_end()) {
        ERR_clear_error();
        return 0;
    }
    return hy_fail(err, HY_EINVALID, "%s: a certificate of its chain is damaged: %s", path,
                   hy__tls_last());
}

static int add_key(SSL_CTX *ssl, BIO *bio, const text_t *text, char *const *files,
                   hy_error_t *err) {
    bool is_asked = false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &is_asked);
    if (!key && holds(text, CERTIFICATE_LABEL) && !holds(text, PRIVATE_KEY))
        return fail_swapped(files[KEY], "certificate", "private key", err);
    if (!key) {
        ERR_clear_error();
        return hy_fail(err, HY_EINVALID,
                       is_asked ? "%s is locked with a passphrase; write it without one: openssl "
                                  "pkey -in FILE -out NEW"
                                : "%s holds no private key: it begins with -----BEGIN PRIVATE "
                                  "KEY-----",
                       files[KEY]);
    }
    int is_taken = SSL_CTX_use_PrivateKey(ssl, key);
    EVP_PKEY_free(key);
    if (is_taken && SSL_CTX_check_private_key(ssl)) return 0;
    ERR_clear_error();
    return hy_fail(
        err, HY_EINVALID,
        "the key in %s is not that of the certificate in %s; give the two that were made "
        "together",
        files[KEY], files[CERTIFICATE]);
}

static int add_authorities(hy_tls_context_t *c, SSL_CTX *ssl, BIO *bio, hy_error_t *err) {
    const char *path = c->files[AUTHORITIES];
    X509 *x;
    unsigned count = 0;
    for (; (x = next_certificate(bio)); count++) {
        int is_taken = X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), x);
        if (is_taken && c->is_server) is_taken = SSL_CTX_add_client_CA(ssl, x);
        X509_free(x);
        if (!is_taken) return hy_fail(err, HY_EINVALID, "%s: %s", path, hy__tls_last());
    }
    if (count == 0 || !is_end()) {
        ERR_clear_error();
        return hy_fail(err, HY_EINVALID,
                       "%s holds no certificates of authorities, or a damaged one: each begins "
                       "with -----BEGIN CERTIFICATE-----",
                       path);
    }
    ERR_clear_error();
    /* One of them need not be at the end of its chain: it is trusted as it is. */
    X509_STORE_set_flags(SSL_CTX_get_cert_store(ssl), X509_V_FLAG_PARTIAL_CHAIN);
    return 0;
}

/* --- contexts --------------------------------------------------------------------------------- */

/* Tickets are good among contexts with the same authorities only. */
static bool set_kind(SSL_CTX *ssl, const text_t *authorities) {
    unsigned char kind[EVP_MAX_MD_SIZE];
    unsigned len;
    return EVP_Digest(authorities->bytes, authorities->len, kind, &len, EVP_sha256(), NULL) &&
           SSL_CTX_set_session_id_context(ssl, kind, len);
}

static bool set_up(const hy_tls_context_t *c, SSL_CTX *ssl) {
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ssl, c->is_server
                                            ? SSL_SESS_CACHE_OFF
                                            : SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    bool must_show = c->is_server && c->files[AUTHORITIES];
    if (must_show || !c->is_server)
        SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | (must_show ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                           hy__tls_judge);
    if (!c->is_server) SSL_CTX_sess_set_new_cb(ssl, hy__tls_keep_ticket);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) &&
           SSL_CTX_set_ciphersuites(ssl, CIPHERS_13) && SSL_CTX_set_cipher_list(ssl, CIPHERS_12) &&
           SSL_CTX_set_num_tickets(ssl, 1) &&
           (c->is_server || c->files[AUTHORITIES] || SSL_CTX_set_default_verify_paths(ssl));
}

static int add_files(hy_tls_context_t *c, SSL_CTX *ssl, const text_t *texts, hy_error_t *err) {
    int rc = 0;
    for (int i = 0; i < FILES && rc == 0; i++) {
        if (!texts[i].bytes) continue;
        BIO *bio = BIO_new_mem_buf(texts[i].bytes, (int)texts[i].len);
        if (!bio) return fail_memory(err);
        if (i == CERTIFICATE)
            rc = add_chain(ssl, bio, &texts[i], c->files[i], err);
        else if (i == KEY)
            rc = add_key(ssl, bio, &texts[i], c->files, err);
        else
            rc = add_authorities(c, ssl, bio, err);
        BIO_free(bio);
    }
    return rc;
}

/* All of a context, from its files as they are now. */
static int build(hy_tls_context_t *c, SSL_CTX **out, hy_error_t *err) {
    text_t texts[FILES] = {{0}};
    int rc = 0;
    for (int i = 0; i < FILES && rc == 0; i++)
        if (c->files[i]) rc = read_file(c->files[i], i == KEY, &texts[i], err);
    SSL_CTX *ssl =
        rc ? NULL : SSL_CTX_new(c->is_server ? TLS_server_method() : TLS_client_method());
    if (rc == 0 && !(ssl && set_up(c, ssl) && set_kind(ssl, &texts[AUTHORITIES])))
        rc = fail_memory(err);
    if (rc == 0) rc = add_files(c, ssl, texts, err);
    for (int i = 0; i < FILES; i++)
        free_text(&texts[i]);
    if (rc)
        SSL_CTX_free(ssl);
    else
        *out = ssl;
    return rc;
}

static char *copy(const char *text) {
    size_t size = strlen(text) + 1;
    char *bytes = hy_alloc(size);
    return bytes ? memcpy(bytes, text, size) : NULL;
}

static int new_context(const hy_tls_files_t *files, bool is_server, hy_tls_context_t **out,
                       hy_error_t *err) {
    const char *given[FILES] = {files->certificate, files->key, files->authorities};
    hy_tls_context_t *c = hy_alloc_zero(sizeof *c);
    if (!c) return fail_memory(err);
    c->is_server = is_server;
    int rc = 0;
    for (int i = 0; i < FILES && rc == 0; i++)
        if (given[i] && !(c->files[i] = copy(given[i]))) rc = fail_memory(err);
    if (rc == 0) rc = build(c, &c->ssl, err);
    if (rc) {
        hy_tls_context_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

int hy_tls_server_new(const hy_tls_files_t *files, hy_tls_context_t **out, hy_error_t *err) {
    if (!files->certificate || !files->key)
        return hy_fail(err, HY_EINVALID,
                       "TLS needs a certificate and its key: give --tls-cert FILE and --tls-key "
                       "FILE");
    return new_context(files, true, out, err);
}

int hy_tls_client_new(const hy_tls_files_t *files, hy_tls_context_t **out, hy_error_t *err) {
    if (!files->certificate != !files->key)
        return hy_fail(err, HY_EINVALID,
                       "a certificate goes with its key: give both --tls-cert FILE and --tls-key "
                       "FILE, or none");
    return new_context(files, false, out, err);
}

int hy_tls_server_reload(hy_tls_context_t *c, hy_error_t *err) {
    SSL_CTX *ssl;
    unsigned char keys[256];
    int rc = build(c, &ssl, err);
    if (rc) return rc;
    long len = SSL_CTX_get_tlsext_ticket_keys(c->ssl, NULL, 0);
    bool is_same = len > 0 && len <= (long)sizeof keys &&
                   SSL_CTX_get_tlsext_ticket_keys(c->ssl, keys, len) == 1 &&
                   SSL_CTX_set_tlsext_ticket_keys(ssl, keys, len) == 1;
    OPENSSL_cleanse(keys, sizeof keys);
    if (!is_same) {
        SSL_CTX_free(ssl);
        return fail_memory(err);
    }
    SSL_CTX_free(c->ssl);
    c->ssl = ssl;
    return 0;
}

void hy_tls_context_free(hy_tls_context_t *c) {
    if (!c) return;
    SSL_CTX_free(c->ssl);
    for (int i = 0; i < FILES; i++)
        hy_free(c->files[i]);
    hy_free(c);
}
