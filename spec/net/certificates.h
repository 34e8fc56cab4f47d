/* Certificates for specs, made with OpenSSL, and their files. */
#ifndef HY_SPEC_NET_CERTIFICATES_H
#define HY_SPEC_NET_CERTIFICATES_H

#include "sockets.h"

#ifndef INT_MAX
#define INT_MAX __INT_MAX__ /* OpenSSL looks for it in limits.h, which is the core's here */
#endif
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define DAY_S (24 * 3600)

typedef struct {
    X509 *x;
    EVP_PKEY *key;
} certificate_t;

/* What a certificate says. */
typedef struct {
    const char *name; /* of its subject */
    const char
        *for_who;      /* as OpenSSL writes it: "DNS:localhost,IP:127.0.0.1"; NULL: an authority */
    long from_s, to_s; /* from now; 0, 0: a day to both sides */
} certificate_form_t;

static inline void add_extension(X509 *x, X509 *issuer, int nid, const char *text) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, text);
    assert_non_null(e);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

/* `by` NULL: signed by itself. */
static inline certificate_t certificate_new(const certificate_form_t *form,
                                            const certificate_t *by) {
    static long serial = 1;
    certificate_t c = {X509_new(), EVP_EC_gen("P-256")};
    if (!by) by = &c;
    long from_s = form->from_s ? form->from_s : -DAY_S, to_s = form->to_s ? form->to_s : DAY_S;
    X509_set_version(c.x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(c.x), from_s);
    X509_gmtime_adj(X509_getm_notAfter(c.x), to_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c.x), "CN", MBSTRING_UTF8,
                               (const unsigned char *)form->name, -1, -1, 0);
    X509_set_issuer_name(c.x, X509_get_subject_name(by->x));
    X509_set_pubkey(c.x, c.key);
    add_extension(c.x, by->x, NID_subject_key_identifier, "hash");
    if (form->for_who)
        add_extension(c.x, by->x, NID_subject_alt_name, form->for_who);
    else
        add_extension(c.x, by->x, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(c.x, by->key, EVP_sha256()) > 0);
    return c;
}

static inline void certificate_free(certificate_t *c) {
    X509_free(c->x);
    EVP_PKEY_free(c->key);
}

/* Writes it, and of others what comes after; NULL: not. */
static inline void certificate_write(const char *path, const certificate_t *c,
                                     const certificate_t *after) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(PEM_write_X509(f, c->x));
    if (after) assert_true(PEM_write_X509(f, after->x));
    fclose(f);
}

static inline void key_write(const char *path, const certificate_t *c, mode_t mode) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL));
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static inline void text_write(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, 0600), 0);
}

static const certificate_form_t authority_form = {.name = "An authority"};
static const certificate_form_t server_form = {.name = "A server",
                                               .for_who = "DNS:localhost,IP:127.0.0.1"};

#endif
