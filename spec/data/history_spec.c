/* core/data/history.c: the last changes and stamps, bounded and without holes. */
#include "support.h"

static hy_change_t *change_at(uint64_t version, hy_value_t value) {
    hy_str_t *key = str_of("a");
    hy_step_t step = {.key = key};
    hy_change_t *c = hy_change_new();
    c->version = version;
    assert_int_equal(hy_change_add(c, HY_OP_SET, &step, 1, value, 0), 0);
    hy_str_unref(key);
    return c;
}

static void add(hy_history_t *h, uint64_t version) {
    hy_change_t *c = change_at(version, hy_int((int64_t)version));
    hy_history_add_change(h, c);
    hy_change_unref(c);
}

static void add_many(hy_history_t *h, uint64_t first, uint64_t last) {
    for (uint64_t version = first; version <= last; version++) {
        add(h, version);
    }
}

static void assert_lost(const hy_history_t *h, uint64_t version, uint64_t head) {
    hy_value_t v;
    assert_int_equal(hy_history_since(h, version, head, &v), HY_ENOT_FOUND);
}

/* All from version + 1 to head come, in order. */
static void assert_since(const hy_history_t *h, uint64_t version, uint64_t head) {
    hy_value_t v;
    assert_int_equal(hy_history_since(h, version, head, &v), 0);
    assert_int_equal(v.kind, HY_ARRAY);
    assert_int_equal(hy_node_count(v.as.n), head - version);
    for (size_t i = 0; i < hy_node_count(v.as.n); i++) {
        const hy_node_t *entry = hy_node_at(v.as.n, i).as.n;
        assert_int_equal(hy_get_int(entry, "version", -1), version + 1 + i);
    }
    hy_value_drop(v);
}

static void an_empty_history_knows_its_head_only(void **state) {
    (void)state;
    hy_history_t h;
    hy_history_init(&h);
    assert_since(&h, 0, 0);
    assert_since(&h, 7, 7);
    assert_lost(&h, 6, 7);
    assert_lost(&h, 0, UINT64_MAX);
    assert_lost(&h, 8, 7);
    assert_lost(&h, UINT64_MAX, 0);
    hy_history_deinit(&h);
}

static void what_came_after_a_version_is_told(void **state) {
    (void)state;
    hy_history_t h;
    hy_history_init(&h);
    add_many(&h, 1, 40);
    for (uint64_t version = 0; version <= 40; version++) {
        assert_since(&h, version, 40);
    }
    assert_lost(&h, 41, 40);
    assert_lost(&h, UINT64_MAX, 40);
    hy_history_clear(&h);
    assert_since(&h, 40, 40);
    assert_lost(&h, 39, 40);
    add_many(&h, 41, 43); /* it goes on after what it forgot */
    assert_since(&h, 40, 43);
    assert_lost(&h, 39, 43);
    hy_history_deinit(&h);
}

static void entries_are_complete_updates(void **state) {
    (void)state;
    hy_history_t h;
    hy_history_init(&h);
    hy_change_t *c = change_of("{\"epoch\":\"1-a\",\"version\":5,\"source\":\"hyperty://d/a\","
                               "\"changes\":[{\"attribute\":[\"\"],\"value\":null}]}");
    hy_history_add_change(&h, c);
    hy_change_unref(c);
    hy_value_t v;
    assert_int_equal(hy_history_since(&h, 4, 5, &v), 0);
    assert_text_of(v, "[{\"epoch\":\"1-a\",\"version\":5,\"source\":\"hyperty://d/a\",\"changes\":"
                      "[{\"attribute\":[\"\"],\"value\":null}]}]");
    hy_value_drop(v);
    hy_history_deinit(&h);
}

static hy_stamp_t *stamp_at(uint64_t version, hy_childop_kind_t kind) {
    hy_str_t *epoch = str_of("1-a"), *collection = str_of("messages"), *id = str_of("a#1");
    hy_str_t *reporter = str_of("hyperty://d/a");
    hy_stamp_t *s = hy_stamp_new(epoch, version, kind, collection, id, reporter, 0);
    hy_str_unref(epoch);
    hy_str_unref(collection);
    hy_str_unref(id);
    hy_str_unref(reporter);
    return s;
}

static hy_childop_t *create_op(void) {
    hy_str_t *id = str_of("a#1");
    hy_childop_t *op =
        hy_childop_new(HY_CHILDOP_CREATE, id, 0, NULL, 0, value_of("{\"x\":1}"), NULL);
    hy_str_unref(id);
    return op;
}

static void stamps_come_with_their_operations(void **state) {
    (void)state;
    hy_history_t h;
    hy_history_init(&h);
    hy_stamp_t *create = stamp_at(1, HY_CHILDOP_CREATE), *refuse = stamp_at(2, HY_CHILDOP_REFUSE);
    hy_childop_t *op = create_op();
    hy_history_add_stamp(&h, create, op);
    hy_history_add_stamp(&h, refuse, NULL);
    add(&h, 3);
    hy_stamp_unref(create);
    hy_stamp_unref(refuse);
    hy_childop_unref(op);
    hy_value_t v;
    assert_int_equal(hy_history_since(&h, 0, 3, &v), 0);
#define STAMP(version, word)                                                                       \
    "{\"epoch\":\"1-a\",\"version\":" version ",\"child\":{\"op\":\"" word                         \
    "\",\"collection\":\"messages\",\"resource\":\"a#1\",\"reporter\":\"hyperty://d/a\","          \
    "\"version\":0}"
    assert_text_of(
        v,
        "[" STAMP(
            "1", "create") ",\"body\":{\"resource\":\"a#1\",\"value\":{"
                           "\"created\":\"1970-01-01T00:00:00.000Z\",\"data\":{\"x\":1}}}}," STAMP(
                               "2", "refuse") "},{\"version\":3,\"attribute\":\"a\",\"value\":3}]");
    /* And are read again as what they are. */
    hy_stamp_t *again;
    hy_childop_t *op_again;
    const hy_node_t *entry = hy_node_at(v.as.n, 0).as.n;
    assert_int_equal(hy_stamp_read(entry, &again, NULL), 0);
    assert_int_equal(hy_childop_read(again->kind, hy_get_object(entry, "body"), &op_again, NULL),
                     0);
    hy_stamp_unref(again);
    hy_childop_unref(op_again);
    hy_value_drop(v);
    hy_history_deinit(&h);
}

static void the_oldest_leave_when_there_are_too_many(void **state) {
    (void)state;
    hy_history_t h;
    hy_history_init(&h);
    uint64_t last = 0;
    for (; last < HY_HISTORY_ENTRIES_MAX + 10; last++) {
        hy_change_t *c = hy_change_new(); /* small, so that bytes are no bound */
        c->version = last + 1;
        c->is_batch = true;
        hy_history_add_change(&h, c);
        hy_change_unref(c);
    }
    assert_int_equal(h.count, HY_HISTORY_ENTRIES_MAX);
    assert_true(h.bytes < HY_HISTORY_BYTES_MAX);
    add_many(&h, last + 1, last + 20000);
    last += 20000;
    uint64_t kept = h.count;
    assert_true(kept <= HY_HISTORY_ENTRIES_MAX && kept > 1000);
    assert_true(h.bytes <= HY_HISTORY_BYTES_MAX);
    assert_since(&h, last - kept, last);
    assert_lost(&h, last - kept - 1, last);
    hy_history_deinit(&h);
}

static hy_value_t text_of_bytes(size_t bytes) {
    hy_str_t *s = hy_str_reserve(bytes);
    memset(s->bytes, 'x', bytes);
    return hy_string(s);
}

static void the_oldest_leave_when_they_are_too_big(void **state) {
    (void)state;
    hy_history_t h;
    hy_history_init(&h);
    add_many(&h, 1, 10);
    for (uint64_t version = 11; version <= 20; version++) {
        hy_change_t *c = change_at(version, text_of_bytes(HY_HISTORY_BYTES_MAX / 4));
        hy_history_add_change(&h, c);
        hy_change_unref(c);
        assert_true(h.bytes <= HY_HISTORY_BYTES_MAX);
    }
    assert_int_equal(h.count, 3);
    assert_since(&h, 17, 20);
    assert_lost(&h, 16, 20);
    hy_change_t *c = change_at(21, text_of_bytes(HY_HISTORY_BYTES_MAX));
    hy_history_add_change(&h, c); /* alone too big: nothing is left */
    hy_change_unref(c);
    assert_int_equal(h.count, 0);
    assert_int_equal(h.bytes, 0);
    assert_since(&h, 21, 21);
    assert_lost(&h, 20, 21);
    add(&h, 22);
    assert_since(&h, 21, 22);
    assert_lost(&h, 20, 22);
    hy_history_deinit(&h);
}

static void another_bound_lets_the_oldest_leave(void **state) {
    (void)state;
    hy_history_t h;
    hy_history_init(&h);
    for (uint64_t version = 1; version <= 3; version++) {
        hy_change_t *c = change_at(version, text_of_bytes(1000));
        hy_history_add_change(&h, c);
        hy_change_unref(c);
    }
    hy_history_bound(&h, h.bytes);
    assert_since(&h, 0, 3);
    hy_history_bound(&h, h.bytes - 1);
    assert_since(&h, 1, 3);
    assert_lost(&h, 0, 3);
    add(&h, 4); /* it holds from now on */
    hy_change_t *c = change_at(5, text_of_bytes(1000));
    hy_history_add_change(&h, c);
    hy_change_unref(c);
    assert_since(&h, 3, 5);
    assert_lost(&h, 1, 5);
    hy_history_bound(&h, 10);
    assert_int_equal(h.count, 0);
    hy_history_deinit(&h);
}

static void the_bytes_of_operations_count(void **state) {
    (void)state;
    hy_history_t h;
    hy_history_init(&h);
    for (uint64_t version = 1; version <= 8; version++) {
        hy_value_t text = text_of_bytes(HY_HISTORY_BYTES_MAX / 4);
        hy_stamp_t *s = stamp_at(version, HY_CHILDOP_CREATE);
        hy_childop_t *op =
            hy_childop_new(HY_CHILDOP_CREATE, s->id, 0, text.as.s, 0, value_of("{}"), NULL);
        hy_history_add_stamp(&h, s, op);
        hy_value_drop(text);
        hy_stamp_unref(s);
        hy_childop_unref(op);
    }
    assert_int_equal(h.count, 3);
    hy_history_deinit(&h);
}

/* A version that does not follow, as after an epoch began, would be told as one that does. */
static void it_never_has_a_hole(void **state) {
    (void)state;
    hy_history_t h;
    hy_history_init(&h);
    add_many(&h, 1, 5);
    add(&h, 9);
    assert_int_equal(h.count, 1);
    assert_since(&h, 8, 9);
    assert_lost(&h, 7, 9);
    add(&h, 1);
    assert_since(&h, 0, 1);
    assert_lost(&h, 0, 2); /* a head that it has not heard of */
    assert_lost(&h, 1, 2);
    assert_since(&h, 2, 2);
    hy_history_deinit(&h);
}

static void it_forgets_when_memory_runs_out(void **state) {
    (void)state;
    hy_history_t h;
    hy_history_init(&h);
    add_many(&h, 1, 16);
    hy_change_t *c = change_at(17, hy_null());
    hy_mem_fail_after(1);
    hy_history_add_change(&h, c);
    hy_mem_fail_after(-1);
    hy_change_unref(c);
    assert_int_equal(h.count, 0);
    assert_lost(&h, 16, 17);
    add(&h, 18);
    assert_since(&h, 17, 18);
    assert_lost(&h, 16, 18);
    hy_history_deinit(&h);
}

static int try_since(void *arg) {
    hy_value_t v;
    int rc = hy_history_since(arg, 0, 3, &v);
    if (rc == 0) hy_value_drop(v);
    return rc;
}

static void telling_survives_that_memory_runs_out(void **state) {
    (void)state;
    hy_history_t h;
    hy_history_init(&h);
    hy_stamp_t *create = stamp_at(1, HY_CHILDOP_CREATE), *refuse = stamp_at(2, HY_CHILDOP_REFUSE);
    hy_childop_t *op = create_op();
    hy_history_add_stamp(&h, create, op);
    hy_history_add_stamp(&h, refuse, NULL);
    add(&h, 3);
    fail_until_it_works(try_since, &h);
    hy_stamp_unref(create);
    hy_stamp_unref(refuse);
    hy_childop_unref(op);
    hy_history_deinit(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_empty_history_knows_its_head_only),
        TEST(what_came_after_a_version_is_told),
        TEST(entries_are_complete_updates),
        TEST(stamps_come_with_their_operations),
        TEST(the_oldest_leave_when_there_are_too_many),
        TEST(the_oldest_leave_when_they_are_too_big),
        TEST(another_bound_lets_the_oldest_leave),
        TEST(the_bytes_of_operations_count),
        TEST(it_never_has_a_hole),
        TEST(it_forgets_when_memory_runs_out),
        TEST(telling_survives_that_memory_runs_out),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
