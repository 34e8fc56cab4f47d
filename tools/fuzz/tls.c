/* Fuzz target: what a peer sends in the place of TLS. The first byte says whom it meets: a server,
 * a client, one of them after a good handshake, or two of ours with a network between them that
 * changes bytes. Whatever comes, it is refused with a reason or waited for; text that was changed
 * on its way never comes through. Built and run by tools/fuzz/run. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "must.h"
#include "net/tls.h"

#ifndef INT_MAX
#define INT_MAX __INT_MAX__ /* OpenSSL looks for it in limits.h, which is the core's here */
#endif
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define TEXT      "what the other end has said, word for word"
#define ROUNDS    16 /* of a handshake, at most */
#define WIRE_ROOM (64u << 10)

static hy_tls_context_t *the_server, *the_client;

/* A key, and a certificate of localhost that it signs itself. */
static void write_files(const char *certificate, const char *key) {
    X509 *x = X509_new();
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509V3_CTX context;
    X509_set_version(x, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600);
    X509_set_pubkey(x, pair);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(x, names, -1);
    MUST(X509_sign(x, pair, EVP_sha256()) > 0);
    FILE *c = fopen(certificate, "w"), *k = fopen(key, "w");
    MUST(c && k && PEM_write_X509(c, x) &&
         PEM_write_PrivateKey(k, pair, NULL, NULL, 0, NULL, NULL));
    fclose(c);
    fclose(k);
    X509_EXTENSION_free(names);
    X509_free(x);
    EVP_PKEY_free(pair);
}

/* Made once, for all inputs: they count as there before. */
static void open_contexts(void) {
    char certificate[] = "/tmp/hyperty-fuzz-XXXXXX", key[] = "/tmp/hyperty-fuzz-XXXXXX";
    hy_error_t err;
    close(mkstemp(certificate)); /* of mode 0600 */
    close(mkstemp(key));
    write_files(certificate, key);
    hy_tls_files_t files = {.certificate = certificate, .key = key};
    MUST(hy_tls_server_new(&files, &the_server, &err) == 0);
    MUST(hy_tls_client_new(&(hy_tls_files_t){.authorities = certificate}, &the_client, &err) == 0);
    unlink(certificate);
    unlink(key);
}

/* One end, and what it has said that is still under way. */
typedef struct {
    hy_tls_room_t *room;
    hy_tls_t *tls;
    bool is_through, is_over;
    char wire[WIRE_ROOM];
    size_t wire_len;
} end_t;

static void gather(end_t *e) {
    size_t len = e->room->out_len;
    if (len > WIRE_ROOM - e->wire_len) len = WIRE_ROOM - e->wire_len;
    memcpy(e->wire + e->wire_len, e->room->out, len);
    e->wire_len += len;
    e->room->out_len = 0;
}

/* What came is worked off; text that comes out is the one that there is. */
static void take(end_t *e, const char *bytes, size_t len, bool may_be_text) {
    hy_error_t err = {.text = ""};
    if (e->is_over) return;
    hy_tls_feed(e->tls, bytes, len);
    int rc = e->is_through ? 1 : hy_tls_shake(e->tls, &err);
    if (rc == 1) {
        e->is_through = true;
        while ((rc = hy_tls_read(e->tls, &err)) > 0)
            MUST(may_be_text && rc == sizeof TEXT && !memcmp(e->room->text, TEXT, sizeof TEXT));
    }
    e->is_over = rc < 0;
    MUST(rc == 0 || rc == HY_ECLOSED || err.text[0] != '\0');
    gather(e);
}

static void end_open(end_t *e, bool is_server, hy_tls_ticket_t *ticket) {
    *e = (end_t){.room = hy_tls_room_new()};
    e->tls = is_server ? hy_tls_server_open(the_server, e->room)
                       : hy_tls_client_open(the_client, e->room, "localhost", 1, ticket);
    MUST(e->room && e->tls);
    if (!is_server) take(e, "", 0, false);
}

static void end_close(end_t *e) {
    if (!e->is_over) hy_tls_end(e->tls);
    hy_tls_free(e->tls);
    hy_tls_room_free(e->room);
}

/* All that is under way arrives, with a byte changed where the input says so: pairs of a distance
 * and a change. */
typedef struct {
    const uint8_t *data;
    size_t size, left; /* bytes until the next change */
} noise_t;

static void noise_next(noise_t *n) {
    n->left = n->size >= 2 ? (size_t)n->data[0] * 4 : SIZE_MAX;
}

static void pass(end_t *from, end_t *to, noise_t *n) {
    static char wire[WIRE_ROOM];
    size_t len = from->wire_len, at = 0;
    memcpy(wire, from->wire, len);
    from->wire_len = 0;
    while (n->left < len - at) {
        at += n->left;
        wire[at++] ^= (char)n->data[1];
        n->data += 2;
        n->size -= 2;
        noise_next(n);
    }
    if (n->left != SIZE_MAX) n->left -= len - at;
    if (len > 0) take(to, wire, len, true);
}

static void shake(end_t *client, end_t *server, noise_t *n) {
    for (int i = 0; i < ROUNDS && client->wire_len + server->wire_len > 0; i++) {
        pass(client, server, n);
        pass(server, client, n);
    }
}

static void say(end_t *e) {
    if (e->is_through && !e->is_over) MUST(hy_tls_write(e->tls, TEXT, sizeof TEXT) == 0);
    gather(e);
}

/* In pieces, as long as their first byte says. */
static void flood(end_t *e, const uint8_t *data, size_t size) {
    while (size > 0) {
        size_t len = (size_t)data[0] + 1 < size ? (size_t)data[0] + 1 : size;
        take(e, (const char *)data, len, false);
        e->wire_len = 0;
        data += len;
        size -= len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static end_t client, server;
    if (!the_server) open_contexts();
    if (size == 0) return 0;
    unsigned whom = data[0] % 5;
    hy_tls_ticket_t *ticket = hy_tls_ticket_new();
    MUST(ticket);
    end_open(&client, false, ticket);
    end_open(&server, true, NULL);
    noise_t silence = {.left = SIZE_MAX};
    noise_t noise = {.data = data + 1, .size = size - 1};
    noise_next(&noise);
    if (whom >= 2) {
        shake(&client, &server, whom == 4 ? &noise : &silence);
        MUST(whom == 4 || (client.is_through && server.is_through));
        say(&client);
        say(&server);
        shake(&client, &server, whom == 4 ? &noise : &silence);
        if (whom != 4) MUST(!client.is_over && !server.is_over);
    }
    if (whom < 4) flood(whom % 2 ? &client : &server, data + 1, size - 1);
    end_close(&client);
    end_close(&server);
    hy_tls_ticket_unref(ticket);
    return 0;
}
