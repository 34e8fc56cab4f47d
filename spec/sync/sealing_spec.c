/* The worked example of SEALING.md: with these seeds, these bytes. The page has each of them. */
#include "mutual_world.h"

#include <assert.h>
#include <stdio.h>

#ifndef HYPERTY_SOURCE_DIR
#error "the page is read from the sources"
#endif

/* Of the example: private parts are bytes that count up. */
typedef struct {
    hy_sign_pair_t ann, ben;
    uint8_t ann_share[HY_SHARE_BYTES], ben_share[HY_SHARE_BYTES];
    hy__proof_t proof;
    uint8_t pair[HY_SECRET_BYTES], all[HY_SECRET_BYTES], nonce[HY_NONCE_BYTES];
} example_t;

static char *page;

static int read_page(void **state) {
    (void)state;
    FILE *f = fopen(HYPERTY_SOURCE_DIR "/core/SEALING.md", "r");
    if (!f) return -1;
    page = calloc(1, 65536);
    size_t n = fread(page, 1, 65535, f);
    fclose(f);
    return n > 0 ? 0 : -1;
}

static int drop_page(void **state) {
    (void)state;
    free(page);
    return 0;
}

static void count_up(uint8_t *bytes, size_t len, uint8_t from) {
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(from + i);
}

/* The page has it, on one line with its name. */
static void is_told(const char *name, const char *value) {
    char line[2048];
    snprintf(line, sizeof line, "%-10s %s\n", name, value);
    if (!strstr(page, line)) fail_msg("core/SEALING.md has not the line\n    %s", line);
}

static void bytes_are_told(const char *name, const uint8_t *bytes, size_t len) {
    hy_str_t *text = hy_base64(bytes, len);
    is_told(name, text->bytes);
    hy_str_unref(text);
}

static example_t *example_new(void) {
    example_t *x = calloc(1, sizeof *x);
    uint8_t seed[HY_SIGN_SEED_BYTES];
    hy_random_t random;
    count_up(seed, sizeof seed, 0x00);
    hy_sign_pair_of(seed, &x->ann);
    count_up(seed, sizeof seed, 0x20);
    hy_sign_pair_of(seed, &x->ben);
    hy_random_seed(&random, 1);
    hy_share_new(&random, x->ann_share, x->proof.reporter_share);
    hy_share_new(&random, x->ben_share, x->proof.share);
    hy__proof_t *p = &x->proof;
    p->object = hy_str_from("comm://example.com/room");
    p->subscriber = hy_str_from("hyperty://example.com/ben");
    p->reporter_user = hy_str_from("user://example.com/ann");
    p->user = hy_str_from("user://example.com/ben");
    count_up(p->challenge, sizeof p->challenge, 0x40);
    count_up(p->nonce, sizeof p->nonce, 0x50);
    count_up(x->all, sizeof x->all, 0x60);
    count_up(x->nonce, sizeof x->nonce, 0x80);
    assert_int_equal(hy__proof_sign_challenge(p, &x->ann), 0);
    assert_int_equal(hy__proof_sign_answer(p, &x->ben), 0);
    assert_int_equal(hy__proof_agree(p, x->ann_share, true, x->pair), 0);
    return x;
}

static void example_free(example_t *x) {
    hy_str_unref(x->proof.object);
    hy_str_unref(x->proof.subscriber);
    hy_str_unref(x->proof.reporter_user);
    hy_str_unref(x->proof.user);
    free(x);
}

static void what_both_prove_is_as_the_page_tells(void **state) {
    (void)state;
    example_t *x = example_new();
    hy__proof_t *p = &x->proof;
    uint8_t key[HY_SECRET_BYTES];
    bytes_are_told("key A", p->reporter_key, sizeof p->reporter_key);
    bytes_are_told("key B", p->key, sizeof p->key);
    bytes_are_told("private a", x->ann_share, sizeof x->ann_share);
    bytes_are_told("private b", x->ben_share, sizeof x->ben_share);
    bytes_are_told("share a", p->reporter_share, sizeof p->reporter_share);
    bytes_are_told("share b", p->share, sizeof p->share);
    bytes_are_told("challenge", p->challenge, sizeof p->challenge);
    bytes_are_told("nonce", p->nonce, sizeof p->nonce);
    bytes_are_told("proof A", p->reporter_proof, sizeof p->reporter_proof);
    bytes_are_told("proof B", p->proof, sizeof p->proof);
    bytes_are_told("pair", x->pair, sizeof x->pair);
    assert_true(hy__proof_check_challenge(p));
    assert_true(hy__proof_check_answer(p));
    assert_int_equal(hy__proof_agree(p, x->ben_share, false, key), 0);
    assert_memory_equal(key, x->pair, sizeof key);
    example_free(x);
}

static void a_box_is_as_the_page_tells(void **state) {
    (void)state;
    example_t *x = example_new();
    uint8_t key[HY_SECRET_BYTES];
    hy_str_t *box =
        hy__box_write(x->pair, x->nonce, x->proof.object, x->proof.subscriber, 2, x->all);
    bytes_are_told("all", x->all, sizeof x->all);
    is_told("box", box->bytes);
    assert_true(hy__box_read(x->pair, box, x->proof.object, x->proof.subscriber, 2, key));
    assert_memory_equal(key, x->all, sizeof key);
    assert_false(hy__box_read(x->pair, box, x->proof.object, x->proof.subscriber, 3, key));
    assert_false(hy__box_read(x->pair, box, x->proof.subscriber, x->proof.object, 2, key));
    hy_str_unref(box);
    example_free(x);
}

static void a_sealed_message_is_as_the_page_tells(void **state) {
    (void)state;
    static const char body[] = "{\"epoch\":\"1-0a0b0c0d\",\"version\":1,\"attribute\":\"topic\","
                               "\"value\":\"birds\"}";
    example_t *x = example_new();
    hy_str_t *from = hy_str_ref(x->proof.object), *to = hy_str_append(from, "/changes");
    hy_msg_t *m = hy_msg_new(HY_MSG_UPDATE, hy_absent(), from, to, hy_absent()), *opened;
    hy_str_t *bound = hy__line_bound(m, 2, 1);
    assert_string_equal(bound->bytes, "hyperty sealed 1\nupdate\ncomm://example.com/room\n"
                                      "comm://example.com/room/changes\n\n\n2\n1\n");
    hy_str_t *sealed = hy__line_body(x->all, x->nonce, 2, 1, bound, body, sizeof body - 1);
    is_told("nonce", "gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaX");
    is_told("body", body);
    is_told("sealed", sealed->bytes);
    hy_msg_t *sent = hy_msg_new(HY_MSG_UPDATE, hy_absent(), from, to,
                                hy__body1("sealed", hy_string(hy_str_ref(sealed))));
    hy__line_t line;
    hy__line_init(&line, x->all);
    assert_int_equal(hy__line_open(&line, sent, &opened), 0);
    assert_string_equal(hy_get_str(hy_msg_body(opened), "value")->bytes, "birds");
    hy__line_deinit(&line);
    hy_msg_unref(opened);
    hy_msg_unref(sent);
    hy_msg_unref(m);
    hy_str_unref(sealed);
    hy_str_unref(bound);
    hy_str_unref(from);
    hy_str_unref(to);
    example_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_both_prove_is_as_the_page_tells),
        cmocka_unit_test(a_box_is_as_the_page_tells),
        cmocka_unit_test(a_sealed_message_is_as_the_page_tells),
    };
    assert(hy_crypto_start() == 0);
    return cmocka_run_group_tests_name("sealing", tests, read_page, drop_page);
}
