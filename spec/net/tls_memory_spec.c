/* What TLS costs in memory, OpenSSL's own counted: by an allocator that knows for whom it works. In
 * a process of its own, as OpenSSL takes an allocator only before it has done anything. */
#include "tls_support.h"

#include <openssl/crypto.h>

enum { ELSE, SERVER, CLIENT, WHO };

static int who = ELSE;
static size_t held[WHO];

typedef union {
    struct {
        size_t size;
        int who;
    };
    max_align_t align;
} head_t;

static void *count_malloc(size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    head_t *h = malloc(sizeof *h + size);
    if (!h) return NULL;
    h->size = size;
    h->who = who;
    held[who] += size;
    return h + 1;
}

static void count_free(void *block, const char *file, int line) {
    (void)file;
    (void)line;
    if (!block) return;
    head_t *h = (head_t *)block - 1;
    held[h->who] -= h->size;
    free(h);
}

static void *count_realloc(void *block, size_t size, const char *file, int line) {
    if (!block) return count_malloc(size, file, line);
    const head_t *old = (head_t *)block - 1;
    void *made = count_malloc(size, file, line);
    if (!made) return NULL;
    memcpy(made, block, size < old->size ? size : old->size);
    count_free(block, file, line);
    return made;
}

/* Two ends without sockets. */
typedef struct {
    hy_tls_room_t *room[WHO];
    hy_tls_t *tls[WHO];
    bool is_through[WHO];
} pair_t;

static void step(pair_t *p, int from) {
    int to = from == SERVER ? CLIENT : SERVER;
    hy_error_t err;
    who = to;
    hy_tls_feed(p->tls[to], p->room[from]->out, p->room[from]->out_len);
    while (hy_tls_is_fed(p->tls[to])) {
        if (!p->is_through[to]) {
            int rc = hy_tls_shake(p->tls[to], &err);
            if (rc < 0) fail_msg("%s", err.text);
            p->is_through[to] = rc == 1;
        } else if (hy_tls_read(p->tls[to], &err) < 0) {
            fail_msg("%s", err.text);
        }
    }
    p->room[from]->out_len = 0;
    who = ELSE;
}

static void shake(pair_t *p) {
    hy_error_t err;
    who = CLIENT;
    assert_int_equal(hy_tls_shake(p->tls[CLIENT], &err), 0);
    who = ELSE;
    while (p->room[CLIENT]->out_len || p->room[SERVER]->out_len) {
        step(p, CLIENT);
        step(p, SERVER);
    }
    assert_true(p->is_through[CLIENT] && p->is_through[SERVER]);
}

#define OPENSSL_BYTES_MAX (16u << 10) /* of one idle connection, of the 24 KiB that it may have */

/* What each end holds of it when it has been used and is idle again. */
static void measure(pair_t *p, hy_tls_context_t *server, hy_tls_context_t *client,
                    hy_tls_ticket_t *ticket, size_t bytes[WHO]) {
    static char text[HY_TLS_WRITE_BYTES];
    size_t before[WHO];
    memcpy(before, held, sizeof held);
    who = SERVER;
    p->tls[SERVER] = hy_tls_server_open(server, p->room[SERVER]);
    who = CLIENT;
    p->tls[CLIENT] = hy_tls_client_open(client, p->room[CLIENT], "localhost", 1, ticket);
    shake(p);
    for (int from = SERVER; from < WHO; from++) {
        who = from;
        assert_int_equal(hy_tls_write(p->tls[from], text, sizeof text), 0);
        who = ELSE;
        step(p, from);
    }
    for (int i = SERVER; i < WHO; i++) {
        bytes[i] = held[i] - before[i];
        hy_tls_free(p->tls[i]);
        p->is_through[i] = false;
    }
}

static void an_idle_connection_holds_its_record_and_no_buffer(void **state) {
    safe_t *s = *state;
    hy_tls_context_t *server, *client;
    hy_error_t err;
    hy_tls_files_t files = {s->cert, s->key, NULL}, trusted = {.authorities = s->ca};
    assert_int_equal(hy_tls_server_new(&files, &server, &err), 0);
    assert_int_equal(hy_tls_client_new(&trusted, &client, &err), 0);
    hy_tls_ticket_t *ticket = hy_tls_ticket_new();
    pair_t p = {.room = {NULL, hy_tls_room_new(), hy_tls_room_new()}};
    size_t bytes[WHO], first[WHO];
    measure(&p, server, client, ticket, bytes); /* from then on, what is made once is made */
    memcpy(first, held, sizeof held);
    measure(&p, server, client, ticket, bytes);
    assert_in_range(bytes[SERVER], 1, OPENSSL_BYTES_MAX);
    assert_in_range(bytes[CLIENT], 1, OPENSSL_BYTES_MAX);
    assert_int_equal(held[SERVER], first[SERVER]);
    hy_tls_ticket_unref(ticket);
    hy_tls_room_free(p.room[SERVER]);
    hy_tls_room_free(p.room[CLIENT]);
    hy_tls_context_free(server);
    hy_tls_context_free(client);
}

int main(void) {
    if (!CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_idle_connection_holds_its_record_and_no_buffer,
                                        safe_setup, safe_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
