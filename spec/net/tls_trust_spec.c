/* Whom one trusts over TLS: certificates of every wrong kind, files that are not as they must be,
 * and what is said about them. */
#include "tls_support.h"

/* --- certificates of servers ------------------------------------------------------------------ */

#define ANOTHER "another.example"

/* A try at the node, which has this certificate, fails with that text. */
static void assert_distrusted(safe_t *s, const char *url, const char *text) {
    user_t *u = runtime_try(&s->place, url, "a");
    assert_int_equal(u->opened, 0);
    assert_int_equal(u->closed, 1);
    if (!strstr(u->reason, text)) fail_msg("%s", u->reason);
    assert_int_equal(hy_node_server_stats(s->node).sessions, 0);
    runtime_end(u);
}

static void assert_wrong(safe_t *s, const char *text) {
    safe_listen(s, NULL);
    safe_trust(s, &(hy_tls_files_t){.authorities = s->ca});
    char where[160];
    snprintf(where, sizeof where, "cannot connect to %s: ", s->tls);
    assert_distrusted(s, s->tls, where);
    assert_distrusted(s, s->tls, text);
    assert_distrusted(s, s->wss, text);
}

static void a_self_signed_certificate_is_refused_with_what_to_do(void **state) {
    safe_t *s = *state;
    safe_issue(s, &server_form, NULL);
    assert_wrong(s, " is not trusted: self-signed; give its authority with --ca FILE");
}

static void a_self_signed_certificate_is_trusted_where_it_is_given_as_its_authority(void **state) {
    safe_t *s = *state;
    safe_issue(s, &server_form, NULL);
    safe_listen(s, NULL);
    safe_trust(s, &(hy_tls_files_t){.authorities = s->cert});
    runtime_end(runtime_open(s, s->tls, "a"));
}

static void a_certificate_of_an_unknown_authority_is_refused(void **state) {
    safe_t *s = *state;
    certificate_t other = certificate_new(&(certificate_form_t){.name = "Another"}, NULL);
    safe_issue(s, &server_form, &other);
    certificate_free(&other);
    assert_wrong(s, " is not trusted: its authority is not known; give its authority with --ca");
}

static void without_authorities_given_the_systems_count(void **state) {
    safe_t *s = *state;
    safe_listen(s, NULL);
    assert_distrusted(s, s->tls, " is not trusted: its authority is not known");
}

static void an_expired_certificate_is_refused_with_its_date(void **state) {
    safe_t *s = *state;
    char text[64], date[32];
    time_t then = time(NULL) - DAY_S;
    safe_issue(
        s,
        &(certificate_form_t){
            .name = "A server", .for_who = "IP:127.0.0.1", .from_s = -2 * DAY_S, .to_s = -DAY_S},
        &s->authority);
    strftime(date, sizeof date, "%Y-%m-%d", gmtime(&then));
    snprintf(text, sizeof text, " expired on %s ", date);
    assert_wrong(s, text);
}

static void a_certificate_that_is_not_yet_valid_is_refused(void **state) {
    safe_t *s = *state;
    safe_issue(
        s,
        &(certificate_form_t){
            .name = "A server", .for_who = "IP:127.0.0.1", .from_s = DAY_S, .to_s = 2 * DAY_S},
        &s->authority);
    assert_wrong(s, " is not valid before 20");
}

static void a_certificate_for_another_address_is_refused_with_whom_it_is_for(void **state) {
    safe_t *s = *state;
    safe_issue(s,
               &(certificate_form_t){.name = "A server", .for_who = "DNS:" ANOTHER ",IP:192.0.2.1"},
               &s->authority);
    assert_wrong(s, " is for " ANOTHER ", 192.0.2.1, not for 127.0.0.1");
}

static void a_certificate_for_another_name_is_refused(void **state) {
    safe_t *s = *state;
    char url[80];
    safe_issue(s, &(certificate_form_t){.name = "localhost", .for_who = "DNS:" ANOTHER},
               &s->authority);
    safe_listen(s, NULL);
    safe_trust(s, &(hy_tls_files_t){.authorities = s->ca});
    snprintf(url, sizeof url, "tls://localhost%s", strrchr(s->tls, ':'));
    assert_distrusted(s, url, " is for " ANOTHER ", not for localhost");
}

static void a_name_is_found_among_several_and_told_to_the_server(void **state) {
    safe_t *s = *state;
    char url[80];
    safe_listen(s, NULL);
    safe_trust(s, &(hy_tls_files_t){.authorities = s->ca});
    snprintf(url, sizeof url, "wss://localhost%s", strrchr(s->wss, ':'));
    runtime_end(runtime_open(s, url, "a"));
}

static void a_chain_goes_with_its_certificate(void **state) {
    safe_t *s = *state;
    certificate_t middle = certificate_new(&(certificate_form_t){.name = "Between"}, &s->authority);
    safe_issue(s, &server_form, &middle);
    certificate_write(s->cert, &s->server, &middle);
    certificate_free(&middle);
    safe_listen(s, NULL);
    safe_trust(s, &(hy_tls_files_t){.authorities = s->ca});
    runtime_end(runtime_open(s, s->tls, "a"));
}

/* --- certificates of clients ------------------------------------------------------------------ */

static void who_must_show_a_certificate_is_told_so(void **state) {
    safe_t *s = *state;
    safe_listen(s, s->ca);
    safe_trust(s, &(hy_tls_files_t){.authorities = s->ca});
    for (int i = 0; i < 2; i++) {
        user_t *u = runtime_try(&s->place, safe_endpoint(s, i), "a");
        assert_int_equal(u->received, 0);
        if (!strstr(u->reason, "it wants a certificate from us; give --tls-cert FILE"))
            fail_msg("%s", u->reason);
        runtime_end(u);
    }
    assert_int_equal(hy_node_server_stats(s->node).sessions, 0);
    runtime_end(runtime_open(s, s->tcp, "b"));
}

static void who_shows_one_comes_in(void **state) {
    safe_t *s = *state;
    safe_listen(s, s->ca);
    safe_trust(s, &(hy_tls_files_t){s->cert, s->key, s->ca});
    runtime_end(runtime_open(s, s->tls, "a"));
    runtime_end(runtime_open(s, s->wss, "b"));
}

static void one_of_another_authority_is_not_let_in(void **state) {
    safe_t *s = *state;
    safe_listen(s, s->ca);
    certificate_t other = certificate_new(&server_form, NULL);
    certificate_write(s->cert, &other, NULL);
    key_write(s->key, &other, 0600);
    certificate_free(&other);
    safe_trust(s, &(hy_tls_files_t){s->cert, s->key, s->ca});
    user_t *u = runtime_try(&s->place, s->tls, "a");
    assert_int_equal(u->received, 0);
    if (!strstr(u->reason, "the other end does not trust our certificate"))
        fail_msg("%s", u->reason);
    runtime_end(u);
}

/* --- reading again ---------------------------------------------------------------------------- */

static user_t *come(safe_t *s, hy_connector_t *k) {
    hy_error_t err;
    user_t *u = calloc(1, sizeof *u);
    assert_int_equal(k->connect(k, &user_calls, u, &u->channel, &err), 0);
    say_open(u, "k");
    WAIT_FOR(&s->place, u->received == 1 || u->closed);
    return u;
}

static hy_connector_t *way_to(safe_t *s, const char *url) {
    hy_connector_t *k;
    hy_error_t err;
    assert_int_equal(hy_socket_connector(s->place.sockets, &url, 1, &k, &err), 0);
    return k;
}

static void a_new_certificate_is_for_those_who_come_and_nobody_else_notices(void **state) {
    safe_t *s = *state;
    hy_error_t err;
    safe_listen(s, NULL);
    safe_trust(s, &(hy_tls_files_t){.authorities = s->ca});
    user_t *before = runtime_open(s, s->tls, "before");
    safe_issue(s, &(certificate_form_t){.name = "A server", .for_who = "DNS:" ANOTHER},
               &s->authority);
    assert_int_equal(hy_tls_server_reload(s->context, &err), 0);
    user_t *after = runtime_try(&s->place, s->tls, "after");
    assert_non_null(strstr(after->reason, " is for " ANOTHER));
    runtime_end(after);
    say(before, "{\"id\":2,\"type\":\"event\",\"from\":\"" RUNTIME "before\",\"to\":\"" RUNTIME
                "before\",\"body\":{\"value\":1}}");
    WAIT_FOR(&s->place, before->received == 2 || before->closed);
    assert_int_equal(before->closed, 0);
    runtime_end(before);
}

static void what_cannot_be_read_again_leaves_all_as_it_was(void **state) {
    safe_t *s = *state;
    hy_error_t err;
    safe_listen(s, NULL);
    safe_trust(s, &(hy_tls_files_t){.authorities = s->ca});
    text_write(s->cert, "nonsense");
    assert_int_equal(hy_tls_server_reload(s->context, &err), HY_EINVALID);
    assert_non_null(strstr(err.text, "holds no certificate"));
    unlink(s->key);
    assert_int_equal(hy_tls_server_reload(s->context, &err), HY_ENOT_FOUND);
    runtime_end(runtime_open(s, s->tls, "a"));
}

static void tickets_are_worth_nothing_where_others_vouch_for_clients_now(void **state) {
    safe_t *s = *state;
    hy_error_t err;
    char clients[96];
    snprintf(clients, sizeof clients, "%s/clients.pem", s->place.folder);
    certificate_write(clients, &s->authority, NULL);
    safe_listen(s, clients);
    safe_trust(s, &(hy_tls_files_t){s->cert, s->key, s->ca});
    hy_connector_t *k = way_to(s, s->tls);
    user_t *u = come(s, k);
    assert_int_equal(u->received, 1);
    runtime_end(u);
    u = come(s, k); /* with the ticket that it has got */
    assert_int_equal(hy_sockets_stats(s->place.sockets).tls_resumed, 2);
    runtime_end(u);
    certificate_t other = certificate_new(&authority_form, NULL);
    certificate_write(clients, &other, NULL);
    certificate_free(&other);
    assert_int_equal(hy_tls_server_reload(s->context, &err), 0);
    u = come(s, k);
    assert_int_equal(u->received, 0);
    assert_int_equal(hy_sockets_stats(s->place.sockets).tls_resumed, 2);
    runtime_end(u);
    k->free(k);
    unlink(clients);
}

/* --- files ------------------------------------------------------------------------------------ */

static void assert_refused(const hy_tls_files_t *files, int code, const char *format, ...) {
    hy_tls_context_t *c = NULL;
    hy_error_t err = {0};
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_int_equal(hy_tls_server_new(files, &c, &err), code);
    assert_null(c);
    if (!strstr(err.text, text)) fail_msg("%s", err.text);
}

static void files_that_are_wrong_are_named_with_what_to_do(void **state) {
    safe_t *s = *state;
    const hy_tls_files_t files = {s->cert, s->key, NULL};
    assert_refused(&(hy_tls_files_t){.certificate = s->cert}, HY_EINVALID,
                   "give --tls-cert FILE and --tls-key FILE");
    assert_refused(&(hy_tls_files_t){s->cert, s->place.folder, NULL}, HY_EINVALID,
                   "%s is no file of certificates or keys", s->place.folder);
    key_write(s->key, &s->server, 0640);
    assert_refused(&files, HY_EFORBIDDEN, "%s can be read by others; write chmod 600 %s", s->key,
                   s->key);
    key_write(s->key, &s->authority, 0600);
    assert_refused(&files, HY_EINVALID, "the key in %s is not that of the certificate in %s",
                   s->key, s->cert);
    text_write(s->key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    assert_refused(&files, HY_EINVALID, "%s holds no private key", s->key);
    unlink(s->key);
    assert_refused(&files, HY_ENOT_FOUND, "%s cannot be read: No such file", s->key);
    key_write(s->key, &s->server, 0600);
    text_write(s->cert, "");
    assert_refused(&files, HY_EINVALID, "%s holds no certificate", s->cert);
    certificate_write(s->cert, &s->server, NULL);
    text_write(s->ca, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_refused(&(hy_tls_files_t){s->cert, s->key, s->ca}, HY_EINVALID,
                   "%s holds no certificates of authorities, or a damaged one", s->ca);
}

static void files_in_each_others_place_are_told(void **state) {
    safe_t *s = *state;
    assert_int_equal(chmod(s->cert, 0644), 0);
    assert_refused(&(hy_tls_files_t){s->key, s->cert, NULL}, HY_EINVALID,
                   "%s holds a private key, but no certificate: are the two files swapped?",
                   s->key);
    assert_refused(&(hy_tls_files_t){s->cert, s->cert, NULL}, HY_EINVALID,
                   "%s holds a certificate, but no private key: are the two files swapped?",
                   s->cert);
}

static void a_key_with_a_passphrase_asks_nobody(void **state) {
    safe_t *s = *state;
    FILE *f = fopen(s->key, "w");
    assert_true(PEM_write_PrivateKey(f, s->server.key, EVP_aes_128_cbc(),
                                     (const unsigned char *)"secret", 6, NULL, NULL));
    fclose(f);
    assert_refused(&(hy_tls_files_t){s->cert, s->key, NULL}, HY_EINVALID,
                   "%s is locked with a passphrase", s->key);
}

static void a_file_that_does_not_end_is_not_read(void **state) {
    safe_t *s = *state;
    unlink(s->cert);
    assert_int_equal(mkfifo(s->cert, 0600), 0);
    assert_refused(&(hy_tls_files_t){s->cert, s->key, NULL}, HY_EINVALID,
                   "%s is no file of certificates or keys", s->cert);
    unlink(s->cert);
    text_write(s->cert, "x");
    assert_int_equal(truncate(s->cert, HY_TLS_FILE_BYTES_MAX + 1), 0);
    assert_refused(&(hy_tls_files_t){s->cert, s->key, NULL}, HY_EINVALID,
                   "%s is no file of certificates or keys", s->cert);
}

static void a_runtime_needs_both_or_none_of_certificate_and_key(void **state) {
    safe_t *s = *state;
    hy_error_t err;
    assert_int_equal(
        hy_sockets_set_tls(s->place.sockets, &(hy_tls_files_t){.certificate = s->cert}, &err),
        HY_EINVALID);
    assert_non_null(strstr(err.text, "give both --tls-cert FILE and --tls-key FILE, or none"));
}

static void a_gate_without_a_certificate_says_what_it_needs(void **state) {
    safe_t *s = *state;
    hy_error_t err;
    hy_gate_config_t config = {.loop = s->place.loop, .sockets = s->place.sockets, .node = s->node};
    assert_int_equal(hy_gate_open(&config, &s->gate), 0);
    assert_int_equal(hy_gate_listen(s->gate, "wss://127.0.0.1:0/ws", &err), HY_EINVALID);
    assert_string_equal(err.text,
                        "cannot listen on wss://127.0.0.1:0/ws: TLS needs a certificate and its "
                        "key: give --tls-cert FILE and --tls-key FILE");
}

static void without_memory_a_context_fails_and_nothing_leaks(void **state) {
    safe_t *s = *state;
    const hy_tls_files_t files = {s->cert, s->key, s->ca};
    int64_t blocks = hy_mem_blocks();
    int rc = HY_ENOMEM;
    for (int64_t n = 0; rc == HY_ENOMEM; n++) {
        hy_tls_context_t *c = NULL;
        hy_error_t err;
        hy_mem_fail_after(n);
        rc = hy_tls_server_new(&files, &c, &err);
        hy_mem_fail_after(-1);
        hy_tls_context_free(c);
        assert_int_equal(hy_mem_blocks(), blocks);
    }
    assert_int_equal(rc, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define SPEC(name) cmocka_unit_test_setup_teardown(name, safe_setup, safe_teardown)
        SPEC(a_self_signed_certificate_is_refused_with_what_to_do),
        SPEC(a_self_signed_certificate_is_trusted_where_it_is_given_as_its_authority),
        SPEC(a_certificate_of_an_unknown_authority_is_refused),
        SPEC(without_authorities_given_the_systems_count),
        SPEC(an_expired_certificate_is_refused_with_its_date),
        SPEC(a_certificate_that_is_not_yet_valid_is_refused),
        SPEC(a_certificate_for_another_address_is_refused_with_whom_it_is_for),
        SPEC(a_certificate_for_another_name_is_refused),
        SPEC(a_name_is_found_among_several_and_told_to_the_server),
        SPEC(a_chain_goes_with_its_certificate),
        SPEC(who_must_show_a_certificate_is_told_so),
        SPEC(who_shows_one_comes_in),
        SPEC(one_of_another_authority_is_not_let_in),
        SPEC(a_new_certificate_is_for_those_who_come_and_nobody_else_notices),
        SPEC(what_cannot_be_read_again_leaves_all_as_it_was),
        SPEC(tickets_are_worth_nothing_where_others_vouch_for_clients_now),
        SPEC(files_that_are_wrong_are_named_with_what_to_do),
        SPEC(files_in_each_others_place_are_told),
        SPEC(a_key_with_a_passphrase_asks_nobody),
        SPEC(a_file_that_does_not_end_is_not_read),
        SPEC(a_runtime_needs_both_or_none_of_certificate_and_key),
        SPEC(a_gate_without_a_certificate_says_what_it_needs),
        SPEC(without_memory_a_context_fails_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
