/* Processes that die and power that fails at any operation on the disk: whatever is found
 * afterwards is what was there after one of the batches, whole, and no earlier than promised. */
#include "faulty_disk.h"
#include "model.h"
#include "store/sqlite_private.h"

#define SEEDS   110
#define LIVES   20
#define BATCHES 40
#define VFS     "faulty"
#define PATH    "world.db"
/* A journal that is folded all the time, in many steps. */
#define FOLD_BYTES 20000
#define STEP_BYTES 4000
#define BYTES_MAX  60000
#define MODEL      (1u << HY_TABLE_CHILDREN | 1u << HY_TABLE_CHANGES)

typedef struct {
    world_t *w;
    faulty_disk_t disk;
    hy_random_t random;
    model_t model;
    model_t after[BATCHES + 1];
    uint64_t number; /* of the last batch, over all lives */
} life_t;

static int open_on(life_t *l, hy_store_t **out) {
    hy_error_t err = {.text = ""};
    hy_engine_t *engine = NULL;
    int code = hy__sqlite_open(PATH, VFS, 0, &engine, &err);
    if (!code) {
        hy_journal_t *j = hy__sqlite_journal(engine);
        j->fold_bytes = FOLD_BYTES;
        j->step_bytes = STEP_BYTES;
        j->bytes_max = BYTES_MAX;
        hy__sqlite_set_run(engine, 2);
        code = hy__store_open_clocked(&l->w->clock, NULL, PATH, true, engine, out);
    }
    if (code && !l->disk.is_dead) print_error("%s\n", err.text);
    if (!l->disk.is_dead) assert_int_equal(code, 0);
    return code;
}

/* Each batch says its number, in a row of several pages. */
static void write_batch(life_t *l, hy_store_t *s) {
    static char value[9000];
    size_t len = 10 + hy_random_below(&l->random, sizeof value - 11);
    memset(value, 'x', len);
    value[len] = '\0';
    int digits = snprintf(value, len, "%llu", (unsigned long long)++l->number);
    value[digits] = ' ';
    assert_int_equal(put(s, HY_TABLE_STATES, "o", "", value), 0);
    for (size_t n = hy_random_below(&l->random, 4); n > 0; n--)
        change_both(s, &l->model, &l->random);
    if (l->number % 3 == 0) put(s, HY_TABLE_STATES, "o", "other", value);
}

static void on_state(void *arg, int code, const hy_rows_t *rows) {
    hy_row_t row;
    size_t pos = 0;
    assert_int_equal(code, 0);
    *(uint64_t *)arg = hy_rows_next(rows, &pos, &row) ? strtoull(row.value, NULL, 10) : 0;
}

/* Number of the batch that the file stands at; what else is in it is of the same one. `first` is
 * that of after[0]. */
static uint64_t look(life_t *l, hy_store_t *s, uint64_t first) {
    char expected[1024];
    uint64_t number = 0;
    hy_str_t *o = text("o");
    assert_int_equal(hy_store_read(s, 1u << HY_TABLE_STATES, o, on_state, &number, NULL), 0);
    hy_str_unref(o);
    turn(l->w);
    assert_in_range(number, first, first + BATCHES);
    write_model(&l->after[number - first], expected);
    assert_rows(l->w, s, MODEL, NULL, expected);
    return number;
}

static void check_pages(life_t *l) {
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_open_v2(PATH, &db, SQLITE_OPEN_READWRITE, VFS), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(s, 0), "ok");
    sqlite3_finalize(s);
    sqlite3_close(db);
    (void)l;
}

static void end_life(life_t *l, hy_store_t *s, bool is_power_lost) {
    if (hy_random_below(&l->random, 2)) {
        hy_store_close(s);
    } else {
        hy_store_crash(s);
    }
    if (is_power_lost) faulty_disk_lose_power(&l->disk);
    faulty_disk_revive(&l->disk);
}

/* From a file that stands at `l->number` to one that died somewhere and was opened again. */
static void live(life_t *l) {
    hy_store_t *s = NULL;
    uint64_t first = l->number, safe = first, committed = first;
    bool is_power_lost = hy_random_below(&l->random, 2);
    l->after[0] = l->model;
    l->disk.operations_left = (int64_t)hy_random_below(&l->random, 250);
    if (open_on(l, &s) == 0) {
        uint64_t count = hy_random_below(&l->random, BATCHES);
        for (uint64_t i = 1; i <= count && !l->disk.is_dead; i++) {
            bool is_sync = hy_random_below(&l->random, 5) == 0;
            write_batch(l, s);
            l->after[i] = l->model;
            if (is_sync) hy_store_sync(s);
            if (hy_random_below(&l->random, 4) == 0) hy_store_seal(s);
            turn(l->w);
            committed = first + hy_store_committed(s);
            if (is_sync && committed == l->number) safe = committed;
        }
        end_life(l, s, is_power_lost);
    } else {
        if (is_power_lost) faulty_disk_lose_power(&l->disk);
        faulty_disk_revive(&l->disk);
    }

    if (hy_random_below(&l->random, 4) == 0) { /* dies again while it is opened */
        l->disk.operations_left = (int64_t)hy_random_below(&l->random, 20);
        if (open_on(l, &s) == 0) hy_store_crash(s);
        if (is_power_lost) faulty_disk_lose_power(&l->disk);
        faulty_disk_revive(&l->disk);
    }
    assert_int_equal(open_on(l, &s), 0);
    uint64_t found = look(l, s, first);
    assert_true(found >= (is_power_lost ? safe : committed));
    l->model = l->after[found - first];
    l->number = found;
    /* What is now seen is said to be there: so it has to be safe from the next loss too. */
    put(s, HY_TABLE_SESSIONS, "s", "", "1");
    hy_store_sync(s);
    hy_store_close(s);
    check_pages(l);
}

static void no_death_tears_a_batch_or_loses_what_was_promised(void **state) {
    static life_t l;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        memset(&l, 0, sizeof l);
        l.w = *state;
        hy_random_seed(&l.random, seed);
        faulty_disk_make(&l.disk, VFS, seed);
        for (int i = 0; i < LIVES; i++)
            live(&l);
        faulty_disk_remove(&l.disk);
    }
}

static void single_failures_of_the_disk_are_outlived(void **state) {
    static life_t l;
    uint64_t retried = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        hy_store_t *s = NULL;
        memset(&l, 0, sizeof l);
        l.w = *state;
        hy_random_seed(&l.random, seed);
        faulty_disk_make(&l.disk, VFS, seed);
        assert_int_equal(open_on(&l, &s), 0);
        l.disk.fails_one_in = 20;
        for (int i = 1; i <= BATCHES; i++) {
            write_batch(&l, s);
            if (hy_random_below(&l.random, 3) == 0) hy_store_sync(s);
            l.after[i] = l.model;
            turn(l.w);
            for (; hy_store_committed(s) != hy_store_ticket(s); retried++)
                pass(l.w, HY_STORE_RETRY_MS);
        }
        assert_int_equal(look(&l, s, 0), BATCHES);
        l.disk.fails_one_in = 0;
        hy_store_close(s);
        assert_int_equal(open_on(&l, &s), 0);
        assert_int_equal(look(&l, s, 0), BATCHES);
        hy_store_close(s);
        faulty_disk_remove(&l.disk);
    }
    assert_true(retried > 100);
}

/* The checker is to be trusted: a disk that lies about syncing is found out. */
static void a_synced_batch_is_really_synced(void **state) {
    world_t *w = *state;
    static faulty_disk_t disk;
    faulty_disk_make(&disk, VFS, 1);
    hy_store_t *s = NULL;
    assert_int_equal(hy_store_open_sqlite_on(&w->clock, NULL, PATH, VFS, 0, &s, NULL), 0);
    put(s, HY_TABLE_STATES, "o", "", "1");
    turn(w); /* the beginning of the log is synced by itself */
    uint64_t before = disk.syncs;
    put(s, HY_TABLE_STATES, "o", "", "2");
    turn(w);
    assert_int_equal(disk.syncs, before);
    put(s, HY_TABLE_STATES, "o", "", "3");
    hy_store_sync(s);
    turn(w);
    assert_true(disk.syncs > before);
    before = disk.syncs;
    put(s, HY_TABLE_STATES, "o", "", "4");
    turn(w);
    assert_int_equal(disk.syncs, before);
    hy_store_crash(s);
    faulty_disk_remove(&disk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_synced_batch_is_really_synced),
        TEST(single_failures_of_the_disk_are_outlived),
        TEST(no_death_tears_a_batch_or_loses_what_was_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
