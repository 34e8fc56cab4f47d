/* Processes that are killed with -9 while they write: what they said was committed is in the file,
 * which opens without help. */
#include "files.h"

#include <signal.h>
#include <sys/wait.h>

#define LIVES        12
#define TURN_BATCHES 7
#define AHEAD_MAX    50 /* batches that are not committed yet */

/* --- the child -------------------------------------------------------------------------------- */

typedef struct {
    hy_loop_t *loop;
    hy_store_t *store;
    int pipe;
    uint64_t first, number; /* batches before this life; the last one */
} writer_t;

static bool write_some(void *arg) {
    writer_t *me = arg;
    for (int i = 0; i < TURN_BATCHES; i++) {
        if (me->number - me->first >= hy_store_committed(me->store) + AHEAD_MAX) break;
        char value[300];
        memset(value, 'x', sizeof value);
        snprintf(value, sizeof value, "%llu", (unsigned long long)++me->number);
        value[strlen(value)] = ' ';
        value[sizeof value - 1] = '\0';
        put(me->store, HY_TABLE_STATES, "o", "", value);
        put_number(me->store, "o", me->number, value);
        put_number(me->store, "p", me->number, value);
        if (me->number % 50 == 0) hy_store_sync(me->store);
        hy_store_seal(me->store);
    }
    return true;
}

static void report(void *arg) {
    writer_t *me = arg;
    uint64_t committed = me->first + hy_store_committed(me->store);
    if (write(me->pipe, &committed, sizeof committed) != sizeof committed) _exit(1);
}

static void write_until_killed(int pipe_end, uint64_t number) {
    writer_t me = {.pipe = pipe_end, .first = number, .number = number};
    hy_work_t *work;
    hy_store_watch_t *watch;
    hy_error_t err;
    if (hy_loop_open(&me.loop)) _exit(2);
    if (hy_store_open_sqlite(me.loop, NULL, path_of("a.db"), &me.store, &err)) _exit(3);
    if (hy_store_watch(me.store, report, &me, &watch)) _exit(4);
    if (hy_loop_add_work(me.loop, write_some, &me, &work)) _exit(5);
    hy_loop_run(me.loop);
    _exit(6);
}

/* --- the parent ------------------------------------------------------------------------------- */

/* The highest number that the child says is committed, after so many words of it. */
static uint64_t listen_for(int pipe_end, uint64_t words, uint64_t number) {
    uint64_t committed;
    while (words-- > 0 && read(pipe_end, &committed, sizeof committed) == sizeof committed)
        number = committed;
    return number;
}

static void assert_in_use_by(world_t *w, pid_t child) {
    char words[64];
    snprintf(words, sizeof words, "is in use by process %ld;", (long)child);
    assert_refused(w, "a.db", HY_ECONFLICT, words);
}

typedef struct {
    uint64_t state, rows[2], last[2];
    int calls;
} found_t;

static void on_found(void *arg, int code, const hy_rows_t *rows) {
    found_t *f = arg;
    hy_row_t row;
    f->calls++;
    assert_int_equal(code, 0);
    for (size_t pos = 0; hy_rows_next(rows, &pos, &row);) {
        if (row.table == HY_TABLE_STATES) {
            f->state = strtoull(row.value, NULL, 10);
        } else {
            size_t i = row.owner[0] == 'p';
            f->rows[i]++;
            f->last[i] = row.number;
            assert_int_equal(strtoull(row.value, NULL, 10), row.number);
        }
    }
}

/* The file has batches 1 to that number, each whole. */
static uint64_t look(world_t *w) {
    found_t f = {0};
    hy_store_t *s = open_file(w, "a.db");
    assert_int_equal(hy_store_read(s, ALL_TABLES, NULL, on_found, &f, NULL), 0);
    turn(w);
    assert_int_equal(f.calls, 1);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(f.rows[i], f.state);
        assert_int_equal(f.last[i], f.state);
    }
    hy_store_close(s);
    return f.state;
}

static void what_was_committed_survives_kill_9(void **state) {
    world_t *w = *state;
    hy_random_t random;
    hy_random_seed(&random, (uint64_t)getpid());
    uint64_t number = 0;
    hy_store_close(open_file(w, "a.db"));
    for (int life = 0; life < LIVES; life++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            write_until_killed(ends[1], number);
        }
        close(ends[1]);
        uint64_t reported = listen_for(ends[0], 1, number);
        if (life == 0) assert_in_use_by(w, child);
        reported = listen_for(ends[0], hy_random_below(&random, 60), reported);
        kill(child, SIGKILL);
        reported = listen_for(ends[0], UINT64_MAX, reported); /* said before it died */
        close(ends[0]);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_true(reported > number);
        number = look(w);
        assert_true(number >= reported);
    }
}

static void a_file_of_one_that_was_killed_can_be_looked_at(void **state) {
    world_t *w = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) write_until_killed(ends[1], 0);
    close(ends[1]);
    uint64_t reported = listen_for(ends[0], 5, 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]);
    hy_store_file_t *f = NULL;
    hy_rows_t *rows = NULL;
    found_t found = {0};
    assert_int_equal(hy_store_file_open(path_of("a.db"), &f, NULL), 0);
    assert_int_equal(hy_store_file_read(f, ALL_TABLES, NULL, &rows, NULL), 0);
    on_found(&found, 0, rows);
    assert_true(found.state >= reported);
    hy_rows_free(rows);
    hy_store_file_close(f);
    assert_int_equal(look(w), found.state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_FOLDER(what_was_committed_survives_kill_9),
        TEST_IN_FOLDER(a_file_of_one_that_was_killed_can_be_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
