/* core/sync/keyring: bounds, damaged rows, a full disk, want of memory. */
#include "keyring_world.h"

/* --- bounds ----------------------------------------------------------------------------------- */

static void the_oldest_refused_key_makes_room(void **state) {
    world_t *w = *state;
    meet(w, ANN, key(0));
    for (unsigned n = 1; n < 100; n++)
        assert_int_equal(meet(w, ANN, key(n)), HY_EFORBIDDEN);
    hy_value_t keys;
    assert_int_equal(hy_manager_keys(w->manager, &keys, NULL), 0);
    assert_int_equal(hy_node_count(keys.as.n), 1 + HY_KEYS_OF_USER_MAX);
    hy_value_drop(keys);
    assert_int_equal(accept(w, ANN, print_of(key(1))), HY_ENOT_FOUND);
    assert_int_equal(accept(w, ANN, print_of(key(99))), 0);
    assert_int_equal(meet(w, ANN, key(0)), 0);
}

static void a_user_has_so_many_keys_at_most(void **state) {
    world_t *w = *state;
    for (unsigned n = 0; n < HY_KEYS_OF_USER_MAX; n++) {
        meet(w, ANN, key(n));
        assert_int_equal(accept(w, ANN, print_of(key(n))), 0);
    }
    forget_lines(w);
    assert_int_equal(meet(w, ANN, key(100)), HY_EFORBIDDEN);
    assert_non_null(strstr(w->err.text, "makes room"));
    assert_int_equal(accept(w, ANN, print_of(key(100))), HY_ENOT_FOUND);
    restart(w);
    for (unsigned n = 0; n < HY_KEYS_OF_USER_MAX; n++)
        assert_int_equal(meet(w, ANN, key(n)), 0);
    assert_int_equal(forget(w, ANN, print_of(key(3))), 0);
    assert_int_equal(meet(w, ANN, key(100)), HY_EFORBIDDEN);
    assert_int_equal(accept(w, ANN, NULL), 0);
}

static void so_many_keys_are_remembered_at_most(void **state) {
    world_t *w = *state;
    char user[64];
    for (unsigned n = 0; n < HY_KEYS_KNOWN_MAX; n++) {
        snprintf(user, sizeof user, "user://d/%u", n);
        assert_int_equal(meet(w, user, key(1)), 0);
        forget_lines(w);
    }
    assert_int_equal(meet(w, ANN, key(1)), HY_EFULL);
    assert_non_null(strstr(w->err.text, "forget(user)"));
    assert_int_equal(meet(w, "user://d/7", key(1)), 0);
    assert_int_equal(meet(w, "user://d/7", key(2)), HY_EFORBIDDEN);
    assert_int_equal(accept(w, "user://d/7", NULL), HY_ENOT_FOUND); /* there was no room for it */
    assert_int_equal(forget(w, "user://d/8", NULL), 0);
    assert_int_equal(meet(w, ANN, key(1)), 0);
}

/* --- failures --------------------------------------------------------------------------------- */

static void a_damaged_row_is_no_reason_to_trust_another_key(void **state) {
    static const char *const damaged[] = {
        "{\"keys\":[]}",
        "{\"keys\":[{\"key\":\"AAAA\",\"since\":1}]}",
        "{\"keys\":[{\"key\":7,\"since\":1}]}",
        "{\"keys\":[7]}",
        "{\"keys\":{}}",
        "{}",
        "[]",
        "{\"keys\":[",
        "",
    };
    world_t *w = *state;
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        put_row(w, ANN, damaged[i]);
        stop(w);
        start(w, NULL);
        forget_lines(w);
        rest(w);
        assert_true(has_logged(w, "of the keys of " ANN " cannot be read"));
        assert_int_equal(meet(w, ANN, key(1)), HY_EFORBIDDEN);
        assert_non_null(strstr(w->err.text, "cannot be read"));
        assert_string_equal(row_of(w, ANN), damaged[i]); /* it stays for who can mend it */
        assert_int_equal(meet(w, BEN, key(2)), 0);
        assert_int_equal(accept(w, ANN, NULL), 0);
        restart(w);
        assert_int_equal(meet(w, ANN, key(1)), 0);
        assert_int_equal(forget(w, ANN, NULL), 0);
    }
}

static void a_damaged_own_key_is_told(void **state) {
    world_t *w = *state;
    uint8_t seed[HY_SIGN_SEED_BYTES] = {7}, public[HY_SIGN_PUBLIC_BYTES];
    put_row(w, "", "{\"seed\":\"AAAA\",\"since\":1}");
    stop(w);
    start(w, NULL);
    rest(w);
    assert_true(has_logged(w, "the own key in "));
    assert_int_equal(meet(w, ANN, key(1)), HY_EINVALID);
    assert_non_null(strstr(w->err.text, "--key FILE"));
    stop(w);
    start(w, seed);
    rest(w);
    own(w, public);
    assert_int_equal(meet(w, ANN, key(1)), 0);
}

static void power_that_is_lost_makes_nobody_a_stranger(void **state) {
    world_t *w = *state;
    uint8_t first[HY_SIGN_PUBLIC_BYTES], again[HY_SIGN_PUBLIC_BYTES];
    for (int i = 0; i < 20; i++) { /* what is lost is random */
        own(w, first);
        assert_int_equal(meet(w, ANN, key(1)), 0);
        rest(w);
        lose_power(w);
        own(w, again);
        assert_memory_equal(first, again, sizeof first);
        assert_int_equal(meet(w, ANN, key(2)), HY_EFORBIDDEN);
        assert_int_equal(accept(w, ANN, NULL), 0);
        rest(w);
        lose_power(w);
        assert_int_equal(meet(w, ANN, key(2)), 0);
        assert_int_equal(forget(w, ANN, NULL), 0);
        rest(w);
        lose_power(w);
        assert_keys(w, "own");
    }
}

static void what_cannot_be_kept_is_not_known(void **state) {
    world_t *w = *state;
    uint8_t public[HY_SIGN_PUBLIC_BYTES];
    own(w, public);
    assert_int_equal(meet(w, BEN, key(1)), 0);
    assert_int_equal(meet(w, BEN, key(2)), HY_EFORBIDDEN);
    rest(w);
    hy_disk_set_full(w->disk, true);
    hy_str_t *row = hy_str_from("row");
    size_t len = HY_STORE_QUEUE_BYTES / 2 - 1000;
    char *bytes = malloc(len);
    memset(bytes, '1', len);
    while (hy_store_put(w->store, HY_TABLE_STATES, row, row, bytes, len) == 0) {
    }
    for (len /= 2; len > 16; len /= 2) {
        while (hy_store_put(w->store, HY_TABLE_STATES, row, row, bytes, len) == 0) {
        }
    }
    free(bytes);
    hy_str_unref(row);
    assert_int_equal(meet(w, ANN, key(3)), HY_EFULL);
    assert_non_null(strstr(w->err.text, "the key of " ANN " cannot be kept"));
    assert_int_equal(accept(w, BEN, NULL), HY_EFULL);
    assert_int_equal(forget(w, BEN, NULL), HY_EFULL);
    assert_keys(w, "own, known " BEN ", refused " BEN);
    hy_disk_set_full(w->disk, false);
    hy_clock_advance(&w->clock, hy_clock_now(&w->clock) + 10 * HY_STORE_RETRY_MS);
    rest(w);
    assert_int_equal(meet(w, ANN, key(3)), 0);
    assert_int_equal(accept(w, BEN, NULL), 0);
    assert_int_equal(forget(w, BEN, NULL), 0);
}

/* All that is done with keys, in a runtime on a new disk; a failure may be met anywhere. */
static int live(world_t *w) {
    int rc = meet(w, ANN, key(1));
    if (rc == 0) rc = meet(w, ANN, key(2)) == HY_EFORBIDDEN ? 0 : HY_ENOMEM;
    if (rc == 0) rc = accept(w, ANN, print_of(key(2)));
    if (rc == 0) rc = forget(w, ANN, print_of(key(1)));
    hy_value_t keys;
    if (rc == 0) rc = hy_manager_keys(w->manager, &keys, &w->err);
    if (rc == 0) hy_value_drop(keys);
    return rc;
}

static void memory_may_run_out_anywhere(void **state) {
    world_t *w = *state;
    int rc = -1;
    for (int64_t n = 1; rc != 0; n++) {
        hy_mem_fail_after(n);
        rc = live(w);
        hy_mem_fail_after(-1);
        rest(w);
        assert_true(rc == 0 || rc == HY_ENOMEM || rc == HY_ENOT_FOUND);
        if (rc < 0) {
            /* Whatever was reached: it goes on from there, and is as it says after a restart. */
            assert_true(meet(w, ANN, key(1)) == 0 || meet(w, ANN, key(2)) == 0);
            restart(w);
            assert_true(meet(w, ANN, key(1)) == 0 || meet(w, ANN, key(2)) == 0);
            assert_int_equal(forget(w, ANN, NULL), 0);
        }
    }
    assert_keys(w, "own, known " ANN);
    assert_int_equal(meet(w, ANN, key(2)), 0);
}

static void memory_may_run_out_while_keys_are_read(void **state) {
    world_t *w = *state;
    int rc = -1;
    assert_int_equal(meet(w, ANN, key(1)), 0);
    for (int64_t n = 1; rc != 0; n++) {
        stop(w);
        start(w, NULL);
        hy_mem_fail_after(n);
        rest(w);
        hy_mem_fail_after(-1);
        rc = meet(w, ANN, key(2)); /* never taken for the first */
        assert_int_not_equal(rc, 0);
        rc = meet(w, ANN, key(1));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_oldest_refused_key_makes_room),
        TEST(a_user_has_so_many_keys_at_most),
        TEST_ALONE(so_many_keys_are_remembered_at_most),
        TEST(a_damaged_row_is_no_reason_to_trust_another_key),
        TEST(a_damaged_own_key_is_told),
        TEST(power_that_is_lost_makes_nobody_a_stranger),
        TEST(what_cannot_be_kept_is_not_known),
        TEST(memory_may_run_out_anywhere),
        TEST(memory_may_run_out_while_keys_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
