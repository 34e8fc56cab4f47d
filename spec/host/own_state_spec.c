/* core/host/own_state.c: the state of a hyperty in the store. */
#include "../store/support.h"

#include "base/json.h"
#include "host/own_state.h"

static const char URL[] = "hyperty://localhost/one";

typedef struct {
    hy_own_state_t *state;
    int called, code;
    char text[HY_ERROR_TEXT_BYTES];
} reader_t;

static void on_read(void *arg, int code, const char *desc) {
    reader_t *r = arg;
    r->called++;
    r->code = code;
    snprintf(r->text, sizeof r->text, "%s", desc);
}

static hy_store_t *open_store(world_t *w, hy_disk_t *disk) {
    hy_store_t *s = NULL;
    assert_int_equal(hy_store_open_memory(&w->clock, &w->log, disk, &s), 0);
    return s;
}

static reader_t open_state(world_t *w, hy_store_t *s) {
    static reader_t r;
    hy_str_t *url = text(URL);
    r = (reader_t){.state = NULL};
    assert_int_equal(hy__own_state_open(s, url, "one", on_read, &r, &r.state), 0);
    hy_str_unref(url);
    assert_int_equal(r.called, 0); /* not from inside the call */
    turn(w);
    assert_int_equal(r.called, 1);
    return r;
}

static int set_value(hy_own_state_t *s, const char *key, hy_value_t v, hy_error_t *err) {
    hy_view_t *view = hy__own_state_view(s);
    hy_str_t *name = text(key);
    hy_edit_t edit = {.kind = HY_OP_SET, .node = view->root, .key = name, .value = v};
    int rc = hy_view_edit(view, &edit, err);
    hy_str_unref(name);
    return rc;
}

static void set(hy_own_state_t *s, const char *key, int64_t n) {
    assert_int_equal(set_value(s, key, hy_int(n), NULL), 0);
}

/* The whole as text, lent until the next call. */
static const char *shown(const hy_own_state_t *s) {
    static char seen[512];
    hy_node_t *root = hy__own_state_view(s)->root;
    hy_buf_t b;
    hy_buf_init(&b);
    hy_json_write(&b, (hy_value_t){.kind = hy_node_kind(root), .as.n = root});
    snprintf(seen, sizeof seen, "%.*s", (int)b.len, b.bytes);
    hy_buf_deinit(&b);
    return seen;
}

typedef struct {
    size_t count, bytes;
    uint64_t first;
} rows_seen_t;

static void on_look(void *arg, int code, const hy_rows_t *rows) {
    rows_seen_t *seen = arg;
    hy_row_t row;
    assert_int_equal(code, 0);
    for (size_t pos = 0; hy_rows_next(rows, &pos, &row); seen->count++) {
        if (seen->count == 0) seen->first = row.number;
        seen->bytes += row.value_len;
    }
}

static rows_seen_t look(world_t *w, hy_store_t *s, hy_table_t table) {
    static rows_seen_t seen;
    hy_str_t *url = text(URL);
    seen = (rows_seen_t){.count = 0};
    assert_int_equal(hy_store_read(s, 1u << table, url, on_look, &seen, NULL), 0);
    hy_str_unref(url);
    turn(w);
    return seen;
}

/* --- stories ---------------------------------------------------------------------------------- */

static void what_was_written_is_there_again(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_store(w, NULL);
    reader_t r = open_state(w, s);
    assert_int_equal(r.code, 0);
    assert_string_equal(shown(r.state), "{}");
    set(r.state, "a", 1);
    set(r.state, "b", 2);
    set(r.state, "a", 3);
    hy__own_state_close(r.state);
    r = open_state(w, s);
    assert_string_equal(shown(r.state), "{\"a\":3,\"b\":2}");
    set(r.state, "c", 4);
    hy__own_state_close(r.state);
    r = open_state(w, s);
    assert_string_equal(shown(r.state), "{\"a\":3,\"b\":2,\"c\":4}");
    hy__own_state_close(r.state);
    hy_store_close(s);
}

static void it_is_lost_with_the_turn_that_was_not_committed(void **state) {
    world_t *w = *state;
    hy_disk_t *disk;
    assert_int_equal(hy_disk_new(&disk), 0);
    hy_store_t *s = open_store(w, disk);
    reader_t r = open_state(w, s);
    set(r.state, "a", 1);
    set(r.state, "b", 1);
    turn(w);
    set(r.state, "a", 2);
    set(r.state, "b", 2);
    hy__own_state_close(r.state);
    hy_store_crash(s);
    s = open_store(w, disk);
    r = open_state(w, s);
    assert_string_equal(shown(r.state), "{\"a\":1,\"b\":1}");
    hy__own_state_close(r.state);
    hy_store_close(s);
    hy_disk_unref(disk);
}

static void an_assignment_costs_its_own_bytes(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_store(w, NULL);
    reader_t r = open_state(w, s);
    for (int i = 0; i < 5000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        set(r.state, key, i);
    }
    turn(w);
    size_t before = look(w, s, HY_TABLE_CHANGES).bytes;
    set(r.state, "k7", 8);
    turn(w);
    size_t after = look(w, s, HY_TABLE_CHANGES).bytes;
    assert_in_range(after - before, 1, 100);
    hy__own_state_close(r.state);
    hy_store_close(s);
}

static void changes_are_gathered_into_a_snapshot(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_store(w, NULL);
    reader_t r = open_state(w, s);
    for (int i = 0; i < 20000; i++) {
        set(r.state, "n", i);
        if (i % 1000 == 0) turn(w);
        size_t bytes = i % 1000 == 0 ? look(w, s, HY_TABLE_CHANGES).bytes : 0;
        assert_in_range(bytes, 0, HY_STORE_CHANGES_BYTES_MIN);
    }
    turn(w);
    assert_int_equal(look(w, s, HY_TABLE_STATES).count, 1);
    hy__own_state_close(r.state);
    r = open_state(w, s);
    assert_string_equal(shown(r.state), "{\"n\":19999}");
    set(r.state, "n", 1); /* numbers go on where they were */
    rows_seen_t changes = look(w, s, HY_TABLE_CHANGES);
    assert_int_equal(changes.first + changes.count, 20002);
    hy__own_state_close(r.state);
    hy_store_close(s);
}

static hy_value_t long_text(size_t len) {
    hy_str_t *t = hy_str_reserve(len);
    assert_non_null(t);
    memset(t->bytes, 'x', len);
    return hy_string(t);
}

static void too_much_is_refused_and_undone(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_store(w, NULL);
    reader_t r = open_state(w, s);
    hy_error_t err = {0};
    set(r.state, "a", 1);
    int rc = set_value(r.state, "a", long_text(HY_OWN_STATE_BYTES_MAX), &err);
    assert_int_equal(rc, HY_ETOO_LARGE);
    assert_string_equal(err.text, "one.state: more than 8 MiB; keep what is so big in a data "
                                  "object with store = true");
    assert_string_equal(shown(r.state), "{\"a\":1}");
    /* bit by bit */
    int written = 0;
    for (rc = 0; rc == 0 && written < 100; written += rc == 0) {
        char key[16];
        snprintf(key, sizeof key, "k%d", written);
        rc = set_value(r.state, key, long_text(1u << 20), &err);
        turn(w);
    }
    assert_int_equal(rc, HY_ETOO_LARGE);
    assert_in_range(written, 7, 17);
    set(r.state, "k0", 0); /* what makes room is taken */
    hy__own_state_close(r.state);
    r = open_state(w, s);
    assert_int_equal(hy_node_count(hy__own_state_view(r.state)->root), written + 1);
    hy__own_state_close(r.state);
    hy_store_close(s);
}

static void a_store_without_room_refuses_and_nothing_has_changed(void **state) {
    world_t *w = *state;
    hy_disk_t *disk;
    assert_int_equal(hy_disk_new(&disk), 0);
    hy_store_t *s = open_store(w, disk);
    reader_t r = open_state(w, s);
    hy_error_t err = {0};
    set(r.state, "a", 1);
    turn(w);
    hy_disk_set_full(disk, true);
    int rc = 0;
    for (int i = 0; rc == 0 && i < 100; i++) {
        rc = set_value(r.state, "big", long_text(1u << 20), &err);
        turn(w);
    }
    assert_int_equal(rc, HY_EFULL);
    assert_non_null(strstr(err.text, "one.state: the store memory is full"));
    hy_disk_set_full(disk, false);
    pass(w, HY_STORE_RETRY_MS + 1);
    set(r.state, "a", 2);
    set(r.state, "big", 3);
    hy__own_state_close(r.state);
    r = open_state(w, s);
    assert_string_equal(shown(r.state), "{\"a\":2,\"big\":3}");
    hy__own_state_close(r.state);
    hy_store_close(s);
    hy_disk_unref(disk);
}

static void damage_is_told(void **state) {
    static const char *const rows[] = {"7", "{\"version\":1}", "{", "{\"version\":1,\"data\":5}"};
    world_t *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hy_store_t *s = open_store(w, NULL);
        assert_int_equal(put(s, HY_TABLE_STATES, URL, "", rows[i]), 0);
        reader_t r = open_state(w, s);
        assert_int_equal(r.code, HY_EINVALID);
        assert_non_null(strstr(r.text, "one.state: what memory has of it cannot be read"));
        hy__own_state_close(r.state);
        hy_store_close(s);
    }
}

static void a_change_that_does_not_apply_is_damage(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_store(w, NULL);
    put_number(s, URL, 1, "{\"version\":1,\"attribute\":\"a.b\",\"value\":1}");
    reader_t r = open_state(w, s);
    assert_int_equal(r.code, HY_EGAP);
    hy__own_state_close(r.state);
    hy_store_close(s);
}

static void who_closes_before_it_is_read_hears_nothing(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_store(w, NULL);
    hy_str_t *url = text(URL);
    reader_t r = {.state = NULL};
    assert_int_equal(hy__own_state_open(s, url, "one", on_read, &r, &r.state), 0);
    hy__own_state_close(r.state);
    turn(w);
    assert_int_equal(r.called, 0);
    hy_str_unref(url);
    hy_store_close(s);
}

static void without_memory_nothing_has_happened(void **state) {
    world_t *w = *state;
    hy_store_t *s = open_store(w, NULL);
    reader_t r = open_state(w, s);
    set(r.state, "a", 1);
    hy_view_t *view = hy__own_state_view(r.state);
    hy_str_t *key = text("b");
    int rc = HY_ENOMEM;
    for (int64_t n = 1; rc == HY_ENOMEM; n++) {
        hy_edit_t edit = {
            .kind = HY_OP_SET, .node = view->root, .key = key, .value = hy_text("more")};
        hy_mem_fail_after(n);
        rc = hy_view_edit(view, &edit, NULL);
        hy_mem_fail_after(-1);
        assert_string_equal(shown(r.state), rc ? "{\"a\":1}" : "{\"a\":1,\"b\":\"more\"}");
    }
    hy_str_unref(key);
    assert_int_equal(rc, 0);
    hy__own_state_close(r.state);
    r = open_state(w, s);
    assert_string_equal(shown(r.state), "{\"a\":1,\"b\":\"more\"}");
    hy__own_state_close(r.state);
    hy_store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_written_is_there_again),
        TEST(it_is_lost_with_the_turn_that_was_not_committed),
        TEST(an_assignment_costs_its_own_bytes),
        TEST(changes_are_gathered_into_a_snapshot),
        TEST(too_much_is_refused_and_undone),
        TEST(a_store_without_room_refuses_and_nothing_has_changed),
        TEST(damage_is_told),
        TEST(a_change_that_does_not_apply_is_damage),
        TEST(who_closes_before_it_is_read_hears_nothing),
        TEST(without_memory_nothing_has_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
