/* What is said when something is wrong with TLS. The words are for who started a program, so they
 * name the option or the URL that helps; of what the other end sent only printable characters are
 * repeated. */
#include "tls_private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/x509v3.h>

#define DATE_BYTES  64
#define NAMES_BYTES 400 /* of all names, */
#define NAME_BYTES  80  /* of one */

_Static_assert(HY_TLS_NAMES_TOLD *(NAME_BYTES + 4) + 16 <= NAMES_BYTES, "names fit");

const char *hy__tls_last(void) {
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return text ? text : "unknown error";
}

/* --- certificates ----------------------------------------------------------------------------- */

/* At most NAME_BYTES of it. */
static void add_name(char *names, const unsigned char *bytes, size_t len, unsigned *count) {
    size_t at = strlen(names);
    if (*count < HY_TLS_NAMES_TOLD) {
        if (at > 0) {
            strcpy(names + at, ", ");
            at += 2;
        }
        for (size_t i = 0; i < len && i < NAME_BYTES; i++)
            names[at++] = bytes[i] > ' ' && bytes[i] < 127 ? (char)bytes[i] : '?';
        names[at] = '\0';
    } else if (*count == HY_TLS_NAMES_TOLD) {
        strcpy(names + at, " and more");
    }
    ++*count;
}

static void add_address(char *names, const ASN1_OCTET_STRING *address, unsigned *count) {
    char text[INET6_ADDRSTRLEN] = "?";
    int len = ASN1_STRING_length(address);
    if (len == 4 || len == 16)
        inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text, sizeof text);
    add_name(names, (const unsigned char *)text, strlen(text), count);
}

/* Whom a certificate is for. */
static void names_of(X509 *x, char names[NAMES_BYTES]) {
    unsigned count = 0;
    names[0] = '\0';
    GENERAL_NAMES *list = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(list, i);
        if (name->type == GEN_DNS)
            add_name(names, ASN1_STRING_get0_data(name->d.dNSName),
                     (size_t)ASN1_STRING_length(name->d.dNSName), &count);
        else if (name->type == GEN_IPADD)
            add_address(names, name->d.iPAddress, &count);
    }
    GENERAL_NAMES_free(list);
    char common[NAME_BYTES];
    if (count == 0 && X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, common,
                                                sizeof common) > 0)
        add_name(names, (const unsigned char *)common, strlen(common), &count);
    if (count == 0) strcpy(names, "nobody");
}

static void date_of(const ASN1_TIME *time, char text[DATE_BYTES]) {
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) != 1 ||
        strftime(text, DATE_BYTES, "%Y-%m-%d %H:%M UTC", &tm) == 0)
        strcpy(text, "an unreadable date");
}

/* "the certificate of HOST:PORT", or of a client. */
static void owner_of(const hy__tls_shaking_t *s, char *text, size_t room) {
    bool is_v6 = strchr(s->host, ':') != NULL;
    if (s->host[0])
        snprintf(text, room, is_v6 ? "the certificate of [%s]:%d" : "the certificate of %s:%d",
                 s->host, s->port);
    else
        snprintf(text, room, "the client's certificate");
}

static void note(hy__tls_shaking_t *s, int code, X509 *x) {
    char owner[sizeof s->host + 48], date[DATE_BYTES], names[NAMES_BYTES];
    bool is_client = s->host[0] != '\0'; /* we are */
    const char *remedy = is_client ? "; give its authority with --ca FILE" : "";
    hy_error_t *why = &s->why;
    owner_of(s, owner, sizeof owner);
    switch (code) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        hy_fail(why, HY_EUNAUTHENTICATED, "%s is not trusted: self-signed%s", owner, remedy);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        hy_fail(why, HY_EUNAUTHENTICATED, "%s is not trusted: its authority is not known%s", owner,
                remedy);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        date_of(X509_get0_notAfter(x), date);
        hy_fail(why, HY_EUNAUTHENTICATED, "%s expired on %s", owner, date);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        date_of(X509_get0_notBefore(x), date);
        hy_fail(why, HY_EUNAUTHENTICATED, "%s is not valid before %s", owner, date);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        names_of(x, names);
        hy_fail(why, HY_EUNAUTHENTICATED, "%s is for %s, not for %s", owner, names, s->host);
        break;
    default:
        hy_fail(why, HY_EUNAUTHENTICATED, "%s is not trusted: %s", owner,
                X509_verify_cert_error_string(code));
    }
}

int hy__tls_judge(int is_good, X509_STORE_CTX *at) {
    if (is_good) return 1;
    SSL *ssl = X509_STORE_CTX_get_ex_data(at, SSL_get_ex_data_X509_STORE_CTX_idx());
    hy_tls_t *t = SSL_get_app_data(ssl);
    X509 *x = X509_STORE_CTX_get_current_cert(at);
    if (t->shaking && x) note(t->shaking, X509_STORE_CTX_get_error(at), x);
    return 0;
}

/* --- other failures --------------------------------------------------------------------------- */

/* What the other end said, or did, in words; NULL: OpenSSL's own will do. */
static const char *words_for(int reason, bool is_server) {
    switch (reason) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return is_server
                   ? "it showed no certificate"
                   : "it wants a certificate from us; give --tls-cert FILE and --tls-key FILE";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        return "the other end does not trust our certificate";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "our certificate has expired, says the other end";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return "the other end speaks another version of TLS; both 1.2 and 1.3 are spoken here";
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return "no cipher is spoken by both ends";
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    case SSL_R_SSLV3_ALERT_BAD_RECORD_MAC:
        return "what came is not what was sent: damaged, changed or replayed on its way";
    default:
        return NULL;
    }
}

/* What was noted of the other end's certificate is told only if it is why: in the end OpenSSL may
 * have found another way to trust it. */
static const char *noted(const hy_tls_t *t, int reason) {
    bool is_why = t->shaking && t->shaking->why.code && reason == SSL_R_CERTIFICATE_VERIFY_FAILED;
    return is_why ? t->shaking->why.text : NULL;
}

int hy__tls_why(hy_tls_t *t, int result, hy_error_t *err) {
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    if (result != SSL_ERROR_SSL) {
        ERR_clear_error();
        return hy_fail(err, HY_ETOO_LARGE, "TLS: the other end does not read what it asks for");
    }
    if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) {
        ERR_clear_error();
        return hy_fail(err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
    }
    const char *text = noted(t, reason);
    if (text) {
        int rc = hy_fail(err, t->shaking->why.code, "%s", text);
        ERR_clear_error();
        return rc;
    }
    text = words_for(reason, SSL_is_server(t->ssl));
    if (!text) text = ERR_reason_error_string(code);
    ERR_clear_error();
    return hy_fail(err, HY_EINVALID, "TLS: %s", text ? text : "unknown error");
}
