/* The disk in memory: slow, full, without power; a process that dies; all of it against a model. */
#include "model.h"

static hy_disk_t *make_disk(void) {
    hy_disk_t *disk = NULL;
    assert_int_equal(hy_disk_new(&disk), 0);
    return disk;
}

static hy_store_t *open_on(world_t *w, hy_disk_t *disk) {
    hy_store_t *s = NULL;
    assert_int_equal(hy_store_open_memory(&w->clock, &w->log, disk, &s), 0);
    return s;
}

static void a_disk_outlives_its_store_and_has_one_at_a_time(void **state) {
    world_t *w = *state;
    hy_disk_t *disk = make_disk();
    hy_store_t *s = open_on(w, disk), *other = NULL;
    assert_true(hy_store_is_lasting(s));
    assert_string_equal(hy_store_name(s), "memory");
    assert_int_equal(hy_store_open_memory(&w->clock, NULL, disk, &other), HY_ECONFLICT);
    put(s, HY_TABLE_STATES, "o", "", "1");
    hy_store_close(s); /* commits it */
    s = open_on(w, disk);
    assert_string_equal(find(s, HY_TABLE_STATES, "o", ""), "1");
    hy_store_close(s);
    hy_disk_unref(disk);
    s = open_on(w, NULL);
    assert_false(hy_store_is_lasting(s));
    hy_store_close(s);
    hy_store_close(NULL);
}

static void a_slow_disk_commits_later_but_in_order(void **state) {
    world_t *w = *state;
    hy_disk_t *disk = make_disk();
    hy_disk_set_delay(disk, 20);
    hy_store_t *s = open_on(w, disk);
    put(s, HY_TABLE_STATES, "o", "", "1");
    pass(w, 10);
    hy_disk_set_delay(disk, 1); /* does not overtake */
    put(s, HY_TABLE_STATES, "o", "", "2");
    pass(w, 9);
    assert_int_equal(hy_store_committed(s), 0);
    pass(w, 1);
    assert_int_equal(hy_store_committed(s), 2);
    hy_store_close(s);
    hy_disk_unref(disk);
}

static void a_full_disk_is_tried_again_and_logged_at_its_beginning_and_end(void **state) {
    world_t *w = *state;
    hy_disk_t *disk = make_disk();
    hy_store_t *s = open_on(w, disk);
    hy_disk_set_full(disk, true);
    put(s, HY_TABLE_STATES, "o", "", "1");
    answer_t a = ANSWER;
    ask(s, ALL_TABLES, NULL, &a);
    pass(w, 3 * HY_STORE_RETRY_MS + 1);
    assert_int_equal(hy_store_committed(s), 0);
    assert_string_equal(w->logged, "error: memory cannot be written: the disk is full. What is "
                                   "stored waits and is tried again every 1000 ms\n");
    put(s, HY_TABLE_STATES, "o", "", "2");
    turn(w);
    w->logged[0] = '\0';
    hy_disk_set_full(disk, false);
    pass(w, HY_STORE_RETRY_MS);
    assert_int_equal(hy_store_committed(s), 2);
    assert_string_equal(w->logged, "info: memory can be written again; nothing was lost\n");
    assert_string_equal(text_of(&a), "states o  1|"); /* what was written before it */
    hy_buf_deinit(&a.rows);
    hy_disk_set_full(disk, true);
    put(s, HY_TABLE_STATES, "o", "", "3");
    hy_store_close(s);
    assert_non_null(strstr(w->logged, "closed without its last"));
    hy_disk_unref(disk);
}

static void a_process_that_dies_loses_what_was_not_committed(void **state) {
    world_t *w = *state;
    hy_disk_t *disk = make_disk();
    hy_store_t *s = open_on(w, disk);
    put(s, HY_TABLE_STATES, "o", "", "1");
    turn(w);
    hy_disk_set_delay(disk, 10);
    put(s, HY_TABLE_STATES, "o", "", "2");
    turn(w);
    put(s, HY_TABLE_STATES, "o", "", "3");
    answer_t a = ANSWER, b = ANSWER;
    ask(s, ALL_TABLES, NULL, &a);
    turn(w); /* it waits for a commit */
    ask(s, ALL_TABLES, NULL, &b);
    hy_store_crash(s);
    assert_int_equal(a.calls + b.calls, 0);
    s = open_on(w, disk);
    assert_string_equal(find(s, HY_TABLE_STATES, "o", ""), "1");
    hy_store_close(s);
    hy_disk_unref(disk);
}

static void power_loss_keeps_what_was_synced(void **state) {
    world_t *w = *state;
    hy_random_t random;
    hy_random_seed(&random, 1);
    bool was_last = false, was_first = false;
    for (int round = 0; round < 100; round++) {
        hy_disk_t *disk = make_disk();
        hy_store_t *s = open_on(w, disk);
        put(s, HY_TABLE_STATES, "o", "", "1");
        turn(w);
        put(s, HY_TABLE_STATES, "o", "", "2");
        hy_store_sync(s);
        turn(w);
        put(s, HY_TABLE_STATES, "o", "", "3");
        put(s, HY_TABLE_STATES, "p", "", "3");
        turn(w);
        take_all(s, HY_TABLE_COUNT, "p");
        put(s, HY_TABLE_STATES, "o", "", "4");
        turn(w);
        hy_store_crash(s);
        hy_disk_lose_power(disk, &random);
        s = open_on(w, disk);
        char kept = find(s, HY_TABLE_STATES, "o", "")[0];
        assert_in_range(kept, '2', '4');
        assert_string_equal(find(s, HY_TABLE_STATES, "p", ""), kept == '3' ? "3" : "");
        was_first |= kept == '2';
        was_last |= kept == '4';
        hy_store_close(s);
        hy_disk_unref(disk);
    }
    assert_true(was_first && was_last);
}

/* --- against a model -------------------------------------------------------------------------- */

#define BATCHES 400

/* Random batches, some synced; then the process dies, or the power goes. What is there afterwards
 * is what was there after one of the batches, and not one before the last sync. */
static void live_one_life(world_t *w, hy_disk_t *disk, model_t *m, hy_random_t *r) {
    static model_t after[BATCHES];
    hy_store_t *s = open_on(w, disk);
    size_t count = 1 + hy_random_below(r, BATCHES - 1), safe = 0;
    after[0] = *m;
    for (size_t i = 1; i <= count && i < BATCHES; i++) {
        for (size_t n = 1 + hy_random_below(r, 4); n > 0; n--)
            change_both(s, m, r);
        if (hy_random_below(r, 20) == 0) {
            hy_store_sync(s);
            safe = i;
        }
        if (hy_random_below(r, 30) == 0) hy_mem_fail_after((int64_t)hy_random_below(r, 6) + 1);
        turn(w);
        hy_mem_fail_after(-1);
        if (hy_store_committed(s) != hy_store_ticket(s)) pass(w, HY_STORE_RETRY_MS);
        assert_int_equal(hy_store_committed(s), i);
        after[i] = *m;
    }
    bool is_power_lost = hy_random_below(r, 2);
    hy_store_crash(s);
    if (is_power_lost) hy_disk_lose_power(disk, r);

    s = open_on(w, disk);
    *m = after[find_moment(w, s, after, is_power_lost ? safe : count, count)];
    hy_store_close(s);
}

static void lives_of_a_disk_go_as_in_the_model(void **state) {
    world_t *w = *state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        hy_random_t r;
        hy_random_seed(&r, seed);
        hy_disk_t *disk = make_disk();
        model_t m = {0};
        for (int life = 0; life < 5; life++)
            live_one_life(w, disk, &m, &r);
        hy_disk_unref(disk);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_disk_outlives_its_store_and_has_one_at_a_time),
        TEST(a_slow_disk_commits_later_but_in_order),
        TEST(a_full_disk_is_tried_again_and_logged_at_its_beginning_and_end),
        TEST(a_process_that_dies_loses_what_was_not_committed),
        TEST(power_loss_keeps_what_was_synced),
        TEST(lives_of_a_disk_go_as_in_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
