/* A node whose store says what no node has written: it starts, leaves out what makes no sense and
 * keeps the rest (core/node/keep_start.c). */
#include "keep_support.h"

#define RA "hyperty-runtime://d/a"
#define HA "hyperty://d/ha"

/* Rows put into the store of a node that is dead; then it starts on them. */
typedef struct {
    hy_table_t table;
    const char *owner, *key, *value;
} written_t;

static void put(const written_t *row) {
    hy_str_t *owner = hy_str_from(row->owner), *key = hy_str_from(row->key);
    assert_int_equal(
        hy_store_put(the_store, row->table, owner, key, row->value, strlen(row->value)), 0);
    hy_str_unref(owner);
    hy_str_unref(key);
}

static void restart_with(const written_t *rows, size_t count) {
    kill_node();
    assert_int_equal(hy_store_open_memory(&the_clock, NULL, the_disk, &the_store), 0);
    for (size_t i = 0; i < count; i++)
        put(&rows[i]);
    hy_store_close(the_store);
    start_node();
}
#define RESTART_WITH(rows) restart_with(rows, sizeof(rows) / sizeof *(rows))

static void a_runtime_has_one_session_however_many_rows(void **state) {
    (void)state;
    static const written_t rows[] = {
        {HY_TABLE_SESSIONS, RA, "again", "{\"token\":\"t\",\"id\":99}"},
        {HY_TABLE_SESSIONS, RA, "more", "{\"token\":\"t\",\"id\":98}"},
        {HY_TABLE_SESSIONS, "no address", "", "{\"token\":\"t\",\"id\":97}"},
        {HY_TABLE_SESSIONS, "hyperty-runtime://d/x", "", "{\"token\":7,\"id\":96}"},
        {HY_TABLE_SESSIONS, "hyperty-runtime://d/y", "", "[[[["},
    };
    RESTART_WITH(rows);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 3);
    all_come_back();
}

static void an_address_is_in_one_lot_once(void **state) {
    (void)state;
    static const written_t rows[] = {
        {HY_TABLE_ADDRESSES, RA, "7", "{\"key\":\"k\",\"at\":\"comm://d/\",\"ids\":[\"x\",\"x\"]}"},
        {HY_TABLE_ADDRESSES, RA, "8", "{\"at\":\"comm://d/\",\"ids\":[\"x\",\"y\"]}"},
        {HY_TABLE_ADDRESSES, RA, "9", "{\"at\":\"comm://d/\",\"ids\":[\"long/path\",\"z\"]}"},
        {HY_TABLE_ADDRESSES, RA, "10", "{\"at\":\"comm://d/long/\",\"ids\":[\"path\",\"v\"]}"},
    };
    RESTART_WITH(rows);
    assert_int_equal(come_back(&a), 200);
    assert_int_equal(request(&a, "delete", RA, ALLOC, "{\"resource\":\"k\"}"), 200);
    restart_node();
    assert_int_equal(come_back(&a), 200);
    assert_int_equal(request(&a, "delete", RA, ALLOC, "{\"resource\":\"k\"}"), 404);
}

static void a_lot_after_one_with_an_absurd_number_has_one_of_its_own(void **state) {
    (void)state;
    char url[HY_URL_BYTES_MAX], other[HY_URL_BYTES_MAX];
    static const written_t rows[] = {
        {HY_TABLE_ADDRESSES, RA, "18446744073709551615", "{\"at\":\"comm://d/\",\"ids\":[\"x\"]}"},
        {HY_TABLE_ADDRESSES, RA, "-1", "{\"at\":\"comm://d/\",\"ids\":[\"y\"]}"},
    };
    RESTART_WITH(rows);
    assert_int_equal(come_back(&a), 200);
    allocated(&a, "comm", url);
    allocated(&a, "comm", other);
    uint32_t count = hy_node_server_stats(the_node).allocated;
    restart_node();
    assert_int_equal(hy_node_server_stats(the_node).allocated, count);
}

static void a_session_after_one_with_an_absurd_id_is_found_again(void **state) {
    (void)state;
    static const written_t rows[] = {
        {HY_TABLE_SESSIONS, "hyperty-runtime://d/x", "",
         "{\"token\":\"t\",\"id\":9223372036854775807}"},
        {HY_TABLE_SESSIONS, "hyperty-runtime://d/y", "",
         "{\"token\":\"t\",\"id\":-9223372036854775808}"},
    };
    RESTART_WITH(rows);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 3);
    come(&a); /* anew, with an id above all that it has seen */
    pass_ms(5);
    restart_node();
    assert_int_equal(come_back(&a), 200);
}

static void a_grave_of_any_time_lasts_a_day_at_most(void **state) {
    (void)state;
    static const written_t rows[] = {
        {HY_TABLE_OBJECTS, "", "comm://d/x", "{\"until\":-9223372036854775808}"},
        {HY_TABLE_OBJECTS, "", "comm://d/y", "{\"until\":9223372036854775807}"},
        {HY_TABLE_OBJECTS, "", "comm://d/z", "nonsense"},
    };
    RESTART_WITH(rows);
    assert_int_equal(come_back(&a), 200);
    assert_int_equal(request(&a, "read", HA, "comm://d/x", "{}"), 404);
    assert_int_equal(request(&a, "read", HA, "comm://d/y", "{}"), 410);
    assert_int_equal(request(&a, "read", HA, "comm://d/z", "{}"), 404);
    pass_ms(HY_TOMBSTONE_MS);
    assert_int_equal(request(&a, "read", HA, "comm://d/y", "{}"), 404);
}

static void an_entry_is_there_once_whoever_owns_its_rows(void **state) {
    (void)state;
#define ENTRY "{\"session\":1,\"type\":0,\"value\":{\"url\":\"" HA "\"}}"
    static const written_t rows[] = {
        {HY_TABLE_ENTRIES, "", HA, ENTRY},
        {HY_TABLE_ENTRIES, "other", HA, ENTRY},
        {HY_TABLE_ENTRIES, "", "hyperty://d/hb", "{\"type\":77,\"value\":{}}"},
        {HY_TABLE_ENTRIES, "", "hyperty://d/hc", "{\"type\":0,\"value\":[]}"},
    };
    RESTART_WITH(rows);
    assert_int_equal(hy_node_server_stats(the_node).entries, 1);
}

static void an_epoch_of_a_million_digits_is_none(void **state) {
    (void)state;
    static char value[1000100];
    char url[HY_URL_BYTES_MAX];
    allocated(&a, "comm", url);
    assert_int_equal(subscribed(&a, HA, url, ",\"epoch\":\"2-x\""), 200);
    int head = snprintf(value, sizeof value, "{\"epoch\":\"");
    memset(value + head, '9', 1000000);
    strcpy(value + head + 1000000, "-x\"}");
    const written_t rows[] = {{HY_TABLE_OBJECTS, url, "", value}};
    RESTART_WITH(rows);
    assert_int_equal(come_back(&a), 200);
    assert_int_equal(subscribed(&a, HA, url, ",\"epoch\":\"3-x\""), 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        KEPT(a_runtime_has_one_session_however_many_rows),
        KEPT(an_address_is_in_one_lot_once),
        KEPT(a_lot_after_one_with_an_absurd_number_has_one_of_its_own),
        KEPT(a_session_after_one_with_an_absurd_id_is_found_again),
        KEPT(a_grave_of_any_time_lasts_a_day_at_most),
        KEPT(an_entry_is_there_once_whoever_owns_its_rows),
        KEPT(an_epoch_of_a_million_digits_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
