/* The front of the store, over the backend in memory: batches and tickets, taking back, watches,
 * reads, bounds, closing, memory that fails. */
#include "support.h"

static hy_store_t *open_on(world_t *w, hy_disk_t *disk) {
    hy_store_t *s = NULL;
    assert_int_equal(hy_store_open_memory(&w->clock, &w->log, disk, &s), 0);
    return s;
}

/* --- batches ---------------------------------------------------------------------------------- */

static void what_is_written_in_a_turn_is_one_batch_with_one_ticket(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_on(w, NULL);
    assert_int_equal(hy_store_ticket(s), 0);
    assert_int_equal(put(s, HY_TABLE_PARTIES, "h", "a", "1"), 0);
    assert_int_equal(put_number(s, "o", 7, "2"), 0);
    assert_int_equal(hy_store_ticket(s), 1);
    assert_int_equal(hy_store_committed(s), 0);
    turn(w);
    assert_int_equal(hy_store_committed(s), 1);
    assert_int_equal(hy_store_ticket(s), 1);
    assert_int_equal(put(s, HY_TABLE_PARTIES, "h", "b", "3"), 0);
    assert_int_equal(hy_store_ticket(s), 2);
    turn(w);
    assert_int_equal(hy_store_committed(s), 2);
    hy_store_close(s);
}

static void a_batch_can_be_sealed_before_the_turn_ends(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_on(w, NULL);
    hy_store_seal(s); /* of nothing */
    assert_int_equal(hy_store_ticket(s), 0);
    put(s, HY_TABLE_PARTIES, "h", "a", "1");
    hy_store_seal(s);
    assert_int_equal(hy_store_committed(s), 1);
    put(s, HY_TABLE_PARTIES, "h", "a", "2");
    assert_int_equal(hy_store_ticket(s), 2);
    turn(w);
    assert_int_equal(hy_store_committed(s), 2);
    assert_string_equal(find(s, HY_TABLE_PARTIES, "h", "a"), "2");
    hy_store_close(s);
}

static void what_was_written_since_a_mark_can_be_taken_back(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_on(w, NULL);
    size_t none = hy_store_mark(s);
    put(s, HY_TABLE_PARTIES, "h", "a", "1");
    size_t mark = hy_store_mark(s);
    put(s, HY_TABLE_PARTIES, "h", "a", "2");
    take_all(s, HY_TABLE_COUNT, "h");
    assert_string_equal(find(s, HY_TABLE_PARTIES, "h", "a"), "");
    hy_store_undo(s, mark);
    assert_string_equal(find(s, HY_TABLE_PARTIES, "h", "a"), "1");
    assert_int_equal(hy_store_ticket(s), 1);
    hy_store_undo(s, none);
    assert_int_equal(hy_store_ticket(s), 0);
    turn(w);
    assert_int_equal(hy_store_committed(s), 0);
    assert_rows(w, s, ALL_TABLES, NULL, "");
    hy_store_close(s);
}

static void rows_are_replaced_and_removed(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_on(w, NULL);
    put(s, HY_TABLE_PARTIES, "h", "a", "1");
    put(s, HY_TABLE_PARTIES, "h", "b", "1");
    put(s, HY_TABLE_STATES, "h", "", "{}");
    put(s, HY_TABLE_STATES, "i", "", "{}");
    for (uint64_t i = 1; i <= 20; i++)
        put_number(s, "h", i, "c");
    turn(w);
    put(s, HY_TABLE_PARTIES, "h", "a", "2");
    take(s, HY_TABLE_PARTIES, "h", "b");
    take(s, HY_TABLE_PARTIES, "h", "none");
    take(s, HY_TABLE_PARTIES, "none", "none");
    take_upto(s, "h", 18);
    take_upto(s, "none", 18);
    assert_rows(w, s, ALL_TABLES, "h", "parties h a 2|states h  {}|changes h 19 c|changes h 20 c|");
    take_all(s, HY_TABLE_CHANGES, "h");
    assert_rows(w, s, ALL_TABLES, "h", "parties h a 2|states h  {}|");
    take_all(s, HY_TABLE_COUNT, "h");
    put(s, HY_TABLE_PARTIES, "h", "c", "3");
    assert_rows(w, s, ALL_TABLES, NULL, "parties h c 3|states i  {}|");
    hy_store_close(s);
}

static void a_late_number_takes_its_place_among_the_others(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_on(w, NULL);
    const uint64_t numbers[] = {5, 9, 7, 1, 8, 0, INT64_MAX, 7};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put_number(s, "o", numbers[i], "x");
    assert_rows(w, s, 1u << HY_TABLE_CHANGES, "o",
                "changes o 0 x|changes o 1 x|changes o 5 x|changes o 7 x|changes o 8 x|"
                "changes o 9 x|changes o 9223372036854775807 x|");
    assert_int_equal(put_number(s, "o", (uint64_t)INT64_MAX + 1, "x"), HY_EINVALID);
    hy_store_close(s);
}

/* --- watches ---------------------------------------------------------------------------------- */

typedef struct {
    hy_store_t *store;
    hy_store_watch_t *watch, *other;
    char *notes; /* one letter for each call */
    char letter;
    bool is_closing;
} watcher_t;

static void on_commit(void *arg) {
    watcher_t *me = arg;
    strncat(me->notes, &me->letter, 1);
    hy_store_unwatch(me->other);
    me->other = NULL;
    if (me->is_closing) hy_store_close(me->store);
}

static watcher_t watcher(hy_store_t *s, char *notes, char letter) {
    return (watcher_t){.store = s, .notes = notes, .letter = letter};
}

static void watchers_are_called_in_order_in_a_turn_of_their_own(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_on(w, NULL);
    char notes[16] = "";
    watcher_t a = watcher(s, notes, 'a'), b = watcher(s, notes, 'b'), c = watcher(s, notes, 'c');
    assert_int_equal(hy_store_watch(s, on_commit, &a, &a.watch), 0);
    assert_int_equal(hy_store_watch(s, on_commit, &b, &b.watch), 0);
    assert_int_equal(hy_store_watch(s, on_commit, &c, &c.watch), 0);
    put(s, HY_TABLE_PARTIES, "h", "a", "1");
    hy_store_seal(s);
    assert_int_equal(hy_store_committed(s), 1);
    assert_string_equal(notes, "");
    turn(w);
    assert_string_equal(notes, "abc");
    turn(w);
    assert_string_equal(notes, "abc");
    a.other = b.watch; /* the next one of the walk */
    put(s, HY_TABLE_PARTIES, "h", "a", "1");
    turn(w);
    assert_string_equal(notes, "abcac");
    c.other = c.watch; /* itself */
    put(s, HY_TABLE_PARTIES, "h", "a", "1");
    turn(w);
    put(s, HY_TABLE_PARTIES, "h", "a", "1");
    turn(w);
    assert_string_equal(notes, "abcacaca");
    hy_store_close(s);
    hy_store_unwatch(a.watch); /* also after the store */
    hy_store_unwatch(NULL);
}

static void a_watcher_may_close_the_store(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_on(w, NULL);
    char notes[16] = "";
    watcher_t a = watcher(s, notes, 'a'), b = watcher(s, notes, 'b');
    a.is_closing = true;
    hy_store_watch(s, on_commit, &a, &a.watch);
    hy_store_watch(s, on_commit, &b, &b.watch);
    answer_t answer = ANSWER;
    put(s, HY_TABLE_PARTIES, "h", "a", "1");
    ask(s, ALL_TABLES, "h", &answer);
    turn(w);
    assert_string_equal(notes, "a");
    assert_int_equal(answer.code, HY_ECLOSED);
    assert_int_equal(answer.calls, 1);
    hy_store_unwatch(a.watch);
    hy_store_unwatch(b.watch);
}

/* --- reads ------------------------------------------------------------------------------------ */

static void a_read_sees_all_that_was_written_before_in_order(void **state) {
    world_t *w = *state;
    hy_disk_t *disk = NULL;
    assert_int_equal(hy_disk_new(&disk), 0);
    hy_disk_set_delay(disk, 10);
    hy_store_t *s = open_on(w, disk);
    put(s, HY_TABLE_CHILDREN, "o", "b", "1");
    put(s, HY_TABLE_CHILDREN, "o", "a\xc3\xa9", "2");
    put(s, HY_TABLE_CHILDREN, "o", "a", "3");
    put(s, HY_TABLE_STATES, "o", "", "4");
    put(s, HY_TABLE_STATES, "p", "", "5");
    answer_t one = ANSWER, all = ANSWER;
    ask(s, 1u << HY_TABLE_CHILDREN, "o", &one);
    ask(s, ALL_TABLES, NULL, &all);
    assert_string_equal(find(s, HY_TABLE_STATES, "p", ""), "5");
    turn(w);
    assert_string_equal(find(s, HY_TABLE_STATES, "p", ""), "5"); /* it waits in the queue */
    pass(w, 9);
    assert_int_equal(one.code, NEVER_CALLED);
    pass(w, 1);
    assert_int_equal(one.code, 0);
    assert_string_equal(text_of(&one), "children o a 3|children o a\xc3\xa9 2|children o b 1|");
    assert_string_equal(text_of(&all), "states o  4|states p  5|children o a 3|"
                                       "children o a\xc3\xa9 2|children o b 1|");
    hy_buf_deinit(&one.rows);
    hy_buf_deinit(&all.rows);
    hy_store_close(s);
    hy_disk_unref(disk);
}

static void a_cancelled_read_is_forgotten(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_on(w, NULL);
    answer_t a = ANSWER;
    hy_store_read_t *r = NULL;
    assert_int_equal(hy_store_read(s, ALL_TABLES, NULL, on_rows, &a, &r), 0);
    hy_store_read_cancel(r);
    turn(w);
    assert_int_equal(a.calls, 0);
    hy_store_read(s, ALL_TABLES, NULL, on_rows, &a, &r);
    hy_store_read_cancel(r);
    hy_store_read_cancel(NULL);
    hy_store_close(s);
    assert_int_equal(a.calls, 0);
}

static void an_open_read_ends_with_the_store(void **state) {
    world_t *w = *state;
    hy_disk_t *disk = NULL;
    hy_disk_new(&disk);
    hy_disk_set_delay(disk, 10);
    hy_store_t *s = open_on(w, disk);
    answer_t early = ANSWER, late = ANSWER;
    put(s, HY_TABLE_STATES, "o", "", "1");
    ask(s, ALL_TABLES, NULL, &early);
    turn(w);
    ask(s, ALL_TABLES, NULL, &late);
    hy_store_close(s);
    assert_int_equal(early.code, HY_ECLOSED);
    assert_int_equal(late.code, HY_ECLOSED);
    s = open_on(w, disk);
    assert_string_equal(find(s, HY_TABLE_STATES, "o", ""), "1");
    hy_store_close(s);
    hy_disk_unref(disk);
}

static void crash_on_commit(void *arg) {
    hy_store_crash(((watcher_t *)arg)->store);
}

static void nothing_is_called_after_a_crash_inside_a_callback(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_on(w, NULL);
    watcher_t a = watcher(s, (char[16]){""}, 'a');
    hy_store_watch(s, crash_on_commit, &a, &a.watch);
    answer_t answer = ANSWER;
    put(s, HY_TABLE_PARTIES, "h", "a", "1");
    ask(s, ALL_TABLES, "h", &answer);
    turn(w);
    assert_int_equal(answer.calls, 0);
    hy_store_unwatch(a.watch);
}

/* --- bounds ----------------------------------------------------------------------------------- */

static void what_waits_is_bounded(void **state) {
    world_t *w = *state;
    hy_disk_t *disk = NULL;
    hy_disk_new(&disk);
    hy_disk_set_delay(disk, 10);
    hy_store_t *s = open_on(w, disk);
    size_t len = 4u << 20, count = 0;
    char *big = test_calloc(1, HY_STORE_QUEUE_BYTES);
    hy_str_t *o = text("o");
    size_t mark = hy_store_mark(s);
    int code = 0;
    while (!(code = hy_store_put(s, HY_TABLE_STATES, o, o, big, len))) {
        assert_true(++count < 100);
        if (count == HY_STORE_QUEUE_BYTES / len / 2) mark = hy_store_mark(s);
    }
    assert_int_equal(code, HY_EFULL);
    assert_int_equal(count, HY_STORE_QUEUE_BYTES / len - 1);
    assert_false(hy_store_has_room(s));
    hy_store_undo(s, mark); /* what is taken back does not wait */
    assert_int_equal(hy_store_put(s, HY_TABLE_STATES, o, o, big, len), 0);
    turn(w);
    assert_false(hy_store_has_room(s));
    pass(w, 10);
    assert_true(hy_store_has_room(s));
    assert_int_equal(hy_store_put(s, HY_TABLE_STATES, o, o, big, HY_STORE_QUEUE_BYTES),
                     HY_ETOO_LARGE);
    hy_str_t *key = hy_str_new(big, HY_STORE_KEY_BYTES_MAX + 1);
    assert_int_equal(hy_store_put(s, HY_TABLE_STATES, o, key, "", 0), HY_ETOO_LARGE);
    assert_int_equal(hy_store_put(s, HY_TABLE_STATES, key, o, "", 0), HY_ETOO_LARGE);
    hy_str_unref(key);
    hy_str_unref(o);
    test_free(big);
    hy_store_close(s);
    hy_disk_unref(disk);
}

/* --- memory that fails ------------------------------------------------------------------------ */

/* Writes, reads and watches; 0 if all of it went well. What did not, did nothing. */
static int use_with_failing_memory(world_t *w, hy_store_t *s, hy_str_t *const *names) {
    watcher_t watch = watcher(s, (char[16]){""}, 'a');
    int code = hy_store_watch(s, on_commit, &watch, &watch.watch);
    size_t mark = hy_store_mark(s);
    for (size_t i = 0; i < 8 && !code; i++) {
        code = hy_store_put(s, HY_TABLE_CHILDREN, names[i / 4], names[i], "v", 1);
        if (!code) code = hy_store_put_number(s, HY_TABLE_CHANGES, names[0], i, "v", 1);
    }
    if (!code) code = hy_store_remove(s, HY_TABLE_CHILDREN, names[0], names[1]);
    if (code) hy_store_undo(s, mark);
    hy_store_read_t *r = NULL;
    answer_t a = ANSWER;
    if (!code) code = hy_store_read(s, 1u << HY_TABLE_CHILDREN, names[0], on_rows, &a, &r);
    pass(w, HY_STORE_RETRY_MS);
    hy_mem_fail_after(-1);
    pass(w, HY_STORE_RETRY_MS);
    assert_int_equal(hy_store_committed(s), hy_store_ticket(s));
    assert_int_equal(a.calls, r != NULL);
    if (!code && a.code) code = a.code;
    if (a.code == 0) {
        assert_int_equal(strlen(text_of(&a)),
                         strlen("children a d v|children a a v|children a c v|"));
    }
    hy_buf_deinit(&a.rows);
    hy_store_unwatch(watch.watch);
    return code;
}

static void a_store_out_of_memory_does_nothing_by_halves(void **state) {
    world_t *w = *state;
    hy_str_t *names[8];
    for (size_t i = 0; i < 8; i++)
        names[i] = text((char[2]){(char)('a' + i)});
    int code = HY_ENOMEM; /* a commit that fails first is not told: so a number of rounds */
    for (int64_t round = 1; round <= 100; round++) {
        hy_clock_deinit(&w->clock); /* so that its first timer can fail too */
        hy_clock_init(&w->clock, 0);
        hy_store_t *s = NULL;
        hy_disk_t *disk = NULL;
        hy_mem_fail_after(round);
        code = hy_disk_new(&disk);
        if (!code) code = hy_store_open_memory(&w->clock, &w->log, disk, &s);
        if (!code) code = use_with_failing_memory(w, s, names);
        hy_mem_fail_after(-1);
        assert_true(code == 0 || code == HY_ENOMEM);
        hy_store_close(s);
        hy_disk_unref(disk);
    }
    assert_int_equal(code, 0);
    for (size_t i = 0; i < 8; i++)
        hy_str_unref(names[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_in_a_turn_is_one_batch_with_one_ticket),
        TEST(a_batch_can_be_sealed_before_the_turn_ends),
        TEST(what_was_written_since_a_mark_can_be_taken_back),
        TEST(rows_are_replaced_and_removed),
        TEST(a_late_number_takes_its_place_among_the_others),
        TEST(watchers_are_called_in_order_in_a_turn_of_their_own),
        TEST(a_watcher_may_close_the_store),
        TEST(a_read_sees_all_that_was_written_before_in_order),
        TEST(a_cancelled_read_is_forgotten),
        TEST(an_open_read_ends_with_the_store),
        TEST(nothing_is_called_after_a_crash_inside_a_callback),
        TEST(what_waits_is_bounded),
        TEST(a_store_out_of_memory_does_nothing_by_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
