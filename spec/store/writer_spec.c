/* A store in an SQLite file with its thread, on a real loop: commits, reads and finds in order, a
 * disk that refuses, closing at any time. */
#include "files.h"

#include <signal.h>
#include <sys/resource.h>

#define PATIENCE_MS 20000

typedef struct {
    world_t *w;
    hy_loop_t *loop;
    hy_store_t *store;
    hy_store_watch_t *watch;
    uint64_t until; /* the loop stops when that ticket is committed */
    int calls;
    hy_timer_t patience, tick;
    bool is_late;
} real_t;

static void on_commit(void *arg) {
    real_t *r = arg;
    r->calls++;
    if (hy_store_committed(r->store) >= r->until) hy_loop_stop(r->loop);
}

static void on_patience(void *arg) {
    real_t *r = arg;
    r->is_late = true;
    hy_loop_stop(r->loop);
}

static void open_real(real_t *r, world_t *w, const char *name) {
    hy_error_t err = {.text = ""};
    *r = (real_t){.w = w, .until = UINT64_MAX};
    assert_int_equal(hy_loop_open(&r->loop), 0);
    int code = hy_store_open_sqlite(r->loop, &w->log, path_of(name), &r->store, &err);
    if (code) print_error("%s\n", err.text);
    assert_int_equal(code, 0);
    assert_int_equal(hy_store_watch(r->store, on_commit, r, &r->watch), 0);
    hy_timer_init(&r->patience, on_patience, r);
}

static void close_real(real_t *r) {
    hy_store_unwatch(r->watch);
    hy_store_close(r->store);
    hy_loop_close(r->loop);
}

static void run(real_t *r) {
    hy_timer_start(hy_loop_clock(r->loop), &r->patience, PATIENCE_MS);
    hy_loop_run(r->loop);
    hy_timer_stop(hy_loop_clock(r->loop), &r->patience);
    assert_false(r->is_late);
}

static void run_until_committed(real_t *r) {
    r->until = hy_store_ticket(r->store);
    run(r);
    r->until = UINT64_MAX;
    assert_int_equal(hy_store_committed(r->store), hy_store_ticket(r->store));
}

static void batches_are_committed_and_told(void **state) {
    real_t r;
    open_real(&r, *state, "a.db");
    put(r.store, HY_TABLE_STATES, "o", "", "1");
    run_until_committed(&r);
    assert_int_equal(r.calls, 1);
    put(r.store, HY_TABLE_STATES, "o", "", "2");
    hy_store_sync(r.store);
    hy_store_seal(r.store);
    put(r.store, HY_TABLE_STATES, "o", "", "3");
    hy_store_seal(r.store);
    put(r.store, HY_TABLE_STATES, "o", "", "4");
    run_until_committed(&r);
    assert_string_equal(find(r.store, HY_TABLE_STATES, "o", ""), "4");
    close_real(&r);
}

static void closing_commits_what_waits(void **state) {
    real_t r;
    open_real(&r, *state, "a.db");
    for (uint64_t i = 1; i <= 1000; i++) {
        put_number(r.store, "o", i, "1");
        if (i % 3 == 0) hy_store_seal(r.store);
    }
    close_real(&r);
    open_real(&r, *state, "a.db");
    hy_rows_t *rows = NULL;
    hy_store_file_t *f = NULL;
    assert_int_equal(hy_store_file_open(path_of("a.db"), &f, NULL), 0);
    assert_int_equal(hy_store_file_read(f, ALL_TABLES, NULL, &rows, NULL), 0);
    hy_row_t row;
    uint64_t count = 0;
    for (size_t pos = 0; hy_rows_next(rows, &pos, &row);)
        assert_int_equal(row.number, ++count);
    assert_int_equal(count, 1000);
    hy_rows_free(rows);
    hy_store_file_close(f);
    close_real(&r);
}

/* --- reads ------------------------------------------------------------------------------------ */

typedef struct {
    real_t *r;
    answer_t answer;
} asked_t;

static void on_answer(void *arg, int code, const hy_rows_t *rows) {
    asked_t *a = arg;
    on_rows(&a->answer, code, rows);
    hy_loop_stop(a->r->loop);
}

static void a_read_sees_what_was_written_before_and_nothing_after(void **state) {
    real_t r;
    open_real(&r, *state, "a.db");
    for (int i = 0; i < 50; i++) {
        char value[] = {(char)('a' + i % 26), 0}, expected[] = "states o  a|";
        expected[strlen("states o  ")] = value[0];
        asked_t a = {&r, ANSWER};
        put(r.store, HY_TABLE_STATES, "o", "", value);
        hy_str_t *o = text("o");
        assert_int_equal(hy_store_read(r.store, ALL_TABLES, o, on_answer, &a, NULL), 0);
        hy_str_unref(o);
        if (i % 2) { /* let the batch and the read go, and write on */
            hy_clock_advance(hy_loop_clock(r.loop), hy_clock_now(hy_loop_clock(r.loop)));
            put(r.store, HY_TABLE_STATES, "o", "", "later");
        }
        run(&r);
        assert_int_equal(a.answer.calls, 1);
        assert_int_equal(a.answer.code, 0);
        assert_string_equal(text_of(&a.answer), expected);
        hy_buf_deinit(&a.answer.rows);
    }
    close_real(&r);
}

static void a_find_sees_what_waits(void **state) {
    real_t r;
    open_real(&r, *state, "a.db");
    for (int i = 0; i < 100; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        put(r.store, HY_TABLE_STATES, "o", "", value);
        if (i % 2) hy_store_seal(r.store);
        assert_string_equal(find(r.store, HY_TABLE_STATES, "o", ""), value);
        assert_string_equal(find(r.store, HY_TABLE_STATES, "p", ""), "");
    }
    close_real(&r);
}

static void reads_that_are_open_end_with_the_store(void **state) {
    real_t r;
    open_real(&r, *state, "a.db");
    asked_t a = {&r, ANSWER}, b = {&r, ANSWER}, cancelled = {&r, ANSWER};
    hy_store_read_t *read = NULL;
    put(r.store, HY_TABLE_STATES, "o", "", "1");
    assert_int_equal(hy_store_read(r.store, ALL_TABLES, NULL, on_answer, &a, NULL), 0);
    assert_int_equal(hy_store_read(r.store, ALL_TABLES, NULL, on_answer, &cancelled, &read), 0);
    hy_clock_advance(hy_loop_clock(r.loop), hy_clock_now(hy_loop_clock(r.loop)));
    assert_int_equal(hy_store_read(r.store, ALL_TABLES, NULL, on_answer, &b, NULL), 0);
    hy_store_read_cancel(read);
    close_real(&r);
    assert_int_equal(a.answer.calls, 1);
    assert_int_equal(b.answer.calls, 1);
    assert_int_equal(b.answer.code, HY_ECLOSED);
    assert_int_equal(cancelled.answer.calls, 0);
    hy_buf_deinit(&a.answer.rows);
}

static void close_in_callback(void *arg) {
    real_t *r = arg;
    hy_store_close(r->store);
    hy_loop_stop(r->loop);
}

static void a_watcher_may_close_the_store(void **state) {
    real_t r;
    open_real(&r, *state, "a.db");
    hy_store_unwatch(r.watch);
    hy_store_watch(r.store, close_in_callback, &r, &r.watch);
    put(r.store, HY_TABLE_STATES, "o", "", "1");
    run(&r);
    hy_store_unwatch(r.watch);
    hy_loop_close(r.loop);
}

/* --- a disk that refuses ---------------------------------------------------------------------- */

/* No file may grow beyond that; the kernel then fails writes as a full disk does. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, bytes == RLIM_INFINITY ? SIG_DFL : SIG_IGN);
}

static void put_much(hy_store_t *s, const char *owner) {
    static char value[100000];
    memset(value, '1', sizeof value - 1);
    for (uint64_t i = 1; i <= 10; i++)
        assert_int_equal(put_number(s, owner, i, value), 0);
}

static void on_tick(void *arg) {
    real_t *r = arg;
    if (r->w->logged[0]) {
        hy_loop_stop(r->loop);
    } else {
        hy_timer_start(hy_loop_clock(r->loop), &r->tick, 10);
    }
}

static void run_until_logged(real_t *r) {
    r->w->logged[0] = '\0';
    hy_timer_init(&r->tick, on_tick, r);
    hy_timer_start(hy_loop_clock(r->loop), &r->tick, 10);
    run(r);
    hy_timer_stop(hy_loop_clock(r->loop), &r->tick);
}

static void a_full_disk_holds_up_and_loses_nothing(void **state) {
    real_t r;
    open_real(&r, *state, "a.db");
    put(r.store, HY_TABLE_STATES, "o", "", "1");
    run_until_committed(&r);
    limit_files(200000);
    put_much(r.store, "p");
    run_until_logged(&r);
    assert_non_null(strstr(r.w->logged, "error: "));
    assert_non_null(strstr(r.w->logged, "cannot be written"));
    assert_int_equal(hy_store_committed(r.store), 1);
    hy_str_t *o = text("o"), *none = text(""), *v = NULL;
    assert_int_equal(hy_store_find(r.store, HY_TABLE_STATES, o, none, &v), HY_EFULL);
    hy_str_unref(o);
    hy_str_unref(none);
    put(r.store, HY_TABLE_STATES, "o", "", "2");
    limit_files(RLIM_INFINITY);
    run_until_logged(&r);
    assert_non_null(strstr(r.w->logged, "info: "));
    assert_non_null(strstr(r.w->logged, "can be written again"));
    if (hy_store_committed(r.store) != hy_store_ticket(r.store)) run_until_committed(&r);
    assert_string_equal(find(r.store, HY_TABLE_STATES, "o", ""), "2");
    close_real(&r);
    hy_store_close(open_file(*state, "a.db"));
}

static void closing_gives_up_on_a_disk_that_refuses(void **state) {
    real_t r;
    open_real(&r, *state, "a.db");
    limit_files(100);
    put_much(r.store, "p");
    run_until_logged(&r);
    r.w->logged[0] = '\0';
    close_real(&r);
    limit_files(RLIM_INFINITY);
    assert_non_null(strstr(r.w->logged, "closed without its last 1000"));
}

/* --- opening ---------------------------------------------------------------------------------- */

static void what_fails_to_open_leaves_nothing(void **state) {
    world_t *w = *state;
    hy_loop_t *loop = NULL;
    hy_store_t *s = NULL;
    hy_error_t err;
    assert_int_equal(hy_loop_open(&loop), 0);
    assert_int_equal(hy_store_open_sqlite(loop, NULL, path_of("no/a.db"), &s, &err), HY_ENOT_FOUND);
    hy_store_t *first = open_file(w, "b.db");
    assert_int_equal(hy_store_open_sqlite(loop, NULL, path_of("b.db"), &s, &err), HY_ECONFLICT);
    hy_store_close(first);
    int code = HY_ENOMEM;
    for (int64_t round = 1; code; round++) {
        assert_true(round < 100);
        hy_mem_fail_after(round);
        code = hy_store_open_sqlite(loop, NULL, path_of("a.db"), &s, &err);
        hy_mem_fail_after(-1);
        assert_true(code == 0 || code == HY_ENOMEM);
    }
    hy_store_close(s);
    hy_loop_close(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_FOLDER(batches_are_committed_and_told),
        TEST_IN_FOLDER(closing_commits_what_waits),
        TEST_IN_FOLDER(a_read_sees_what_was_written_before_and_nothing_after),
        TEST_IN_FOLDER(a_find_sees_what_waits),
        TEST_IN_FOLDER(reads_that_are_open_end_with_the_store),
        TEST_IN_FOLDER(a_watcher_may_close_the_store),
        TEST_IN_FOLDER(a_full_disk_holds_up_and_loses_nothing),
        TEST_IN_FOLDER(closing_gives_up_on_a_disk_that_refuses),
        TEST_IN_FOLDER(what_fails_to_open_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
