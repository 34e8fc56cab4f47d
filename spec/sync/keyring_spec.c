/* core/sync/keyring: whom this runtime knows by which key, over restarts of it. */
#include "keyring_world.h"

/* --- the own key ------------------------------------------------------------------------------ */

static void the_own_key_is_the_stores(void **state) {
    world_t *w = *state;
    uint8_t first[HY_SIGN_PUBLIC_BYTES], again[HY_SIGN_PUBLIC_BYTES];
    assert_string_equal(row_of(w, ""), ""); /* nobody has needed it yet */
    own(w, first);
    own(w, again);
    assert_memory_equal(first, again, sizeof first);
    restart(w);
    own(w, again);
    assert_memory_equal(first, again, sizeof first);
    assert_keys(w, "own");
}

static void without_a_store_each_run_has_its_own_key(void **state) {
    world_t *w = *state;
    uint8_t first[HY_SIGN_PUBLIC_BYTES], again[HY_SIGN_PUBLIC_BYTES];
    own(w, first);
    assert_int_equal(meet(w, ANN, key(1)), 0);
    assert_keys(w, "own, known " ANN);
    restart(w);
    own(w, again);
    assert_memory_not_equal(first, again, sizeof first);
    assert_keys(w, "own");
}

static void a_given_key_is_taken_and_not_kept(void **state) {
    world_t *w = *state;
    uint8_t first[HY_SIGN_PUBLIC_BYTES], given[HY_SIGN_PUBLIC_BYTES],
        seed[HY_SIGN_SEED_BYTES] = {7};
    hy_sign_pair_t pair;
    own(w, first);
    hy_sign_pair_of(seed, &pair);
    stop(w);
    start(w, seed);
    memset(seed, 0, sizeof seed); /* it was copied */
    rest(w);
    own(w, given);
    assert_memory_equal(given, pair.public, sizeof given);
    restart(w);
    own(w, given); /* that of the store again */
    assert_memory_equal(given, first, sizeof given);
}

static void nothing_is_known_before_it_was_read(void **state) {
    world_t *w = *state;
    assert_int_equal(meet(w, ANN, key(1)), 0);
    stop(w);
    start(w, NULL);
    assert_int_equal(meet(w, ANN, key(2)), HY_EUNREACHABLE);
    assert_non_null(strstr(w->err.text, "still being read; try again"));
    rest(w);
    assert_int_equal(meet(w, ANN, key(2)), HY_EFORBIDDEN);
    assert_int_equal(meet(w, ANN, key(1)), 0);
}

static void the_own_key_is_known_whoever_shows_it(void **state) {
    world_t *w = *state;
    uint8_t public[HY_SIGN_PUBLIC_BYTES];
    own(w, public);
    assert_int_equal(meet(w, ANN, public), 0);
    assert_keys(w, "own");
}

/* --- others ----------------------------------------------------------------------------------- */

static void the_first_key_of_a_user_is_pinned_and_told_once(void **state) {
    world_t *w = *state;
    char line[256];
    snprintf(line, sizeof line, "info keys: " ANN " is met for the first time, with the key %s\n",
             print_of(key(1)));
    assert_int_equal(meet(w, ANN, key(1)), 0);
    assert_true(has_logged(w, line));
    forget_lines(w);
    assert_int_equal(meet(w, ANN, key(1)), 0);
    assert_int_equal(w->lines.len, 0);
    assert_int_equal(meet(w, BEN, key(1)), 0); /* one runtime may act for several */
    assert_keys(w, "own, known " ANN ", known " BEN);
    restart(w);
    assert_int_equal(meet(w, ANN, key(1)), 0);
    assert_int_equal(w->lines.len, 0);
    assert_int_equal(meet(w, ANN, key(2)), HY_EFORBIDDEN);
}

static void another_key_is_refused_until_it_is_accepted(void **state) {
    world_t *w = *state;
    assert_int_equal(meet(w, ANN, key(1)), 0);
    forget_lines(w);
    assert_int_equal(meet(w, ANN, key(2)), HY_EFORBIDDEN);
    assert_non_null(strstr(w->err.text, ANN));
    assert_non_null(strstr(w->err.text, print_of(key(1))));
    assert_non_null(strstr(w->err.text, print_of(key(2))));
    assert_non_null(strstr(w->err.text, "accept(\"" ANN "\")"));
    assert_true(has_logged(w, "warn keys: " ANN " shows the key "));
    forget_lines(w);
    assert_int_equal(meet(w, ANN, key(2)), HY_EFORBIDDEN);
    assert_int_equal(w->lines.len, 0); /* told once */
    assert_keys(w, "own, known " ANN ", refused " ANN);
    assert_int_equal(accept(w, ANN, NULL), 0);
    assert_keys(w, "own, known " ANN ", known " ANN);
    restart(w);
    assert_int_equal(meet(w, ANN, key(1)), 0);
    assert_int_equal(meet(w, ANN, key(2)), 0);
    assert_int_equal(meet(w, ANN, key(3)), HY_EFORBIDDEN);
}

static void what_was_refused_is_forgotten_at_the_end_of_the_run(void **state) {
    world_t *w = *state;
    meet(w, ANN, key(1));
    assert_int_equal(meet(w, ANN, key(2)), HY_EFORBIDDEN);
    restart(w);
    assert_keys(w, "own, known " ANN);
    assert_int_equal(accept(w, ANN, NULL), HY_ENOT_FOUND);
    assert_int_equal(meet(w, ANN, key(2)), HY_EFORBIDDEN);
    assert_true(has_logged(w, "shows the key"));
    assert_int_equal(meet(w, ANN, key(3)), HY_EFORBIDDEN);
    assert_int_equal(accept(w, ANN, print_of(key(3))), 0); /* it is kept, the other is not */
    restart(w);
    assert_keys(w, "own, known " ANN ", known " ANN);
    assert_int_equal(meet(w, ANN, key(2)), HY_EFORBIDDEN);
}

static void a_fingerprint_says_which_key_is_accepted(void **state) {
    world_t *w = *state;
    char print[HY_FINGERPRINT_BYTES], *space;
    meet(w, ANN, key(1));
    meet(w, ANN, key(2));
    meet(w, ANN, key(3));
    assert_int_equal(accept(w, ANN, NULL), HY_ECONFLICT);
    assert_non_null(strstr(w->err.text, "keys() lists them"));
    assert_int_equal(accept(w, ANN, print_of(key(4))), HY_ENOT_FOUND);
    assert_int_equal(accept(w, ANN, ""), HY_ENOT_FOUND);
    assert_int_equal(accept(w, BEN, print_of(key(2))), HY_ENOT_FOUND);
    snprintf(print, sizeof print, "%s", print_of(key(3)));
    print[HY_FINGERPRINT_BYTES - 2] = '\0'; /* a beginning is not it */
    assert_int_equal(accept(w, ANN, print), HY_ENOT_FOUND);
    snprintf(print, sizeof print, "%s", print_of(key(3)));
    while ((space = strchr(print, ' ')))
        memmove(space, space + 1, strlen(space));
    assert_int_equal(accept(w, ANN, print), 0);
    assert_int_equal(accept(w, ANN, print), 0); /* it is already */
    assert_int_equal(meet(w, ANN, key(3)), 0);
    assert_int_equal(meet(w, ANN, key(2)), HY_EFORBIDDEN);
    assert_int_equal(accept(w, ANN, NULL), 0); /* the only one left */
    assert_int_equal(meet(w, ANN, key(2)), 0);
    assert_int_equal(accept(w, BEN, NULL), HY_ENOT_FOUND);
}

static void who_is_forgotten_is_met_anew(void **state) {
    world_t *w = *state;
    meet(w, ANN, key(1));
    meet(w, ANN, key(2));
    meet(w, BEN, key(3));
    assert_int_equal(forget(w, ANN, NULL), 0);
    assert_string_equal(row_of(w, ANN), "");
    assert_keys(w, "own, known " BEN);
    assert_int_equal(forget(w, ANN, NULL), HY_ENOT_FOUND);
    assert_int_equal(meet(w, ANN, key(2)), 0);
    restart(w);
    assert_keys(w, "own, known " ANN ", known " BEN);
}

static void one_key_can_be_forgotten(void **state) {
    world_t *w = *state;
    meet(w, ANN, key(1));
    meet(w, ANN, key(2));
    accept(w, ANN, NULL);
    meet(w, ANN, key(3));
    assert_int_equal(forget(w, ANN, print_of(key(4))), HY_ENOT_FOUND);
    assert_int_equal(forget(w, ANN, print_of(key(1))), 0);
    assert_int_equal(meet(w, ANN, key(1)), HY_EFORBIDDEN);
    assert_int_equal(meet(w, ANN, key(2)), 0);
    assert_int_equal(forget(w, ANN, print_of(key(2))), 0);
    assert_string_equal(row_of(w, ANN), "");
    assert_keys(w, "own, refused " ANN ", refused " ANN);
    assert_int_equal(meet(w, ANN, key(3)), 0); /* none was known any more */
    restart(w);
    assert_keys(w, "own, known " ANN);
    assert_int_equal(meet(w, ANN, key(3)), 0);
}

static void the_own_key_is_one_of_the_users_it_acts_for(void **state) {
    static const hy_syncher_events_t events = {0};
    world_t *w = *state;
    hy_str_t *url = hy_str_from("hyperty://d/ann"), *user = hy_str_from(ANN);
    uint8_t public[HY_SIGN_PUBLIC_BYTES];
    hy_syncher_t *s;
    own(w, public);
    assert_int_equal(hy_syncher_open(w->manager, url, user, &events, NULL, &s), 0);
    assert_int_equal(meet(w, ANN, key(1)), HY_EFORBIDDEN);
    assert_non_null(strstr(w->err.text, print_of(public)));
    assert_int_equal(meet(w, BEN, key(1)), 0);
    assert_int_equal(accept(w, ANN, NULL), 0);
    assert_int_equal(meet(w, ANN, key(1)), 0);
    hy_syncher_close(s);
    rest(w);
    hy_str_unref(url);
    hy_str_unref(user);
}

static void a_key_is_a_users(void **state) {
    world_t *w = *state;
    char text[HY_URL_BYTES_MAX + 2];
    assert_int_equal(meet(w, "", key(1)), HY_EINVALID);
    assert_int_equal(meet(w, "hyperty://d/ann", key(1)), HY_EINVALID);
    memset(text, 'a', sizeof text);
    memcpy(text, "user://", strlen("user://"));
    text[sizeof text - 1] = '\0';
    assert_int_equal(meet(w, text, key(1)), HY_EINVALID);
    text[sizeof text - 2] = '\0';
    assert_int_equal(meet(w, text, key(1)), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_own_key_is_the_stores),
        TEST_ALONE(without_a_store_each_run_has_its_own_key),
        TEST(a_given_key_is_taken_and_not_kept),
        TEST(nothing_is_known_before_it_was_read),
        TEST(the_own_key_is_known_whoever_shows_it),
        TEST(the_first_key_of_a_user_is_pinned_and_told_once),
        TEST(another_key_is_refused_until_it_is_accepted),
        TEST(what_was_refused_is_forgotten_at_the_end_of_the_run),
        TEST(a_fingerprint_says_which_key_is_accepted),
        TEST(who_is_forgotten_is_met_anew),
        TEST(one_key_can_be_forgotten),
        TEST(the_own_key_is_one_of_the_users_it_acts_for),
        TEST(a_key_is_a_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
