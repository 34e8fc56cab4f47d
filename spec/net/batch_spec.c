/* Messages put together for several connections, without connections. */
#include "sockets.h"

#include "net/batch.h"
#include "net/wire.h"

enum { COUNT = 40 };

static hy_msg_t *list[COUNT];
static hy_batch_t batch;
static int64_t blocks_before;

static int setup(void **state) {
    (void)state;
    blocks_before = hy_mem_blocks();
    batch = (hy_batch_t){0};
    for (uint32_t i = 0; i < COUNT; i++)
        list[i] = message(i, 100);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    hy_batch_clear(&batch);
    for (uint32_t i = 0; i < COUNT; i++)
        hy_msg_unref(list[i]);
    assert_int_equal(hy_mem_blocks(), blocks_before);
    return 0;
}

static uint32_t find(uint32_t from, uint32_t count) {
    return hy_batch_find(&batch, list + from, count, HY_WIRE_NATIVE, NULL);
}

static void it_is_made_for_the_second_that_is_alike(void **state) {
    (void)state;
    assert_int_equal(find(0, COUNT), 0);
    assert_int_equal(find(0, COUNT), COUNT);
    uint32_t at = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        const hy_str_t *wire = hy_wire_of(list[i], HY_WIRE_NATIVE, NULL, NULL);
        assert_memory_equal(batch.bytes + at, wire->bytes, wire->len);
        at += wire->len;
        assert_int_equal(batch.ends[i], at);
    }
    assert_int_equal(find(0, COUNT), COUNT);
}

static void who_has_fewer_or_more_gets_what_is_in_common(void **state) {
    (void)state;
    find(0, 20);
    find(0, 20);
    assert_int_equal(find(0, 12), 12);
    assert_int_equal(find(0, COUNT), 20);
}

static void a_few_messages_are_not_worth_it(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(find(0, HY_BATCH_MESSAGES_MIN - 1), 0);
}

static void others_and_other_forms_are_told_apart(void **state) {
    (void)state;
    find(0, 20);
    find(0, 20);
    assert_int_equal(find(1, 20), 0);
    assert_int_equal(find(0, 20), 20);
    assert_int_equal(hy_batch_find(&batch, list, 20, HY_WIRE_WEBSOCKET, NULL), 0);
    assert_int_equal(find(1, 20), 0);
    hy_msg_t *other[20];
    memcpy(other, list, sizeof other);
    other[19] = list[20];
    assert_int_equal(hy_batch_find(&batch, other, 20, HY_WIRE_NATIVE, NULL), 0);
}

static void it_ends_where_it_is_full(void **state) {
    (void)state;
    hy_msg_unref(list[30]);
    list[30] = message(30, HY_BATCH_BYTES);
    find(0, COUNT);
    assert_int_equal(find(0, COUNT), 30);
    hy_batch_clear(&batch);
    find(28, 12);
    assert_int_equal(find(28, 12), 0); /* what fits is too little */
}

static void without_memory_it_ends_before(void **state) {
    (void)state;
    find(0, COUNT);
    hy_mem_fail_after(10); /* one block for each framed form */
    uint32_t got = find(0, COUNT);
    hy_mem_fail_after(-1);
    assert_int_equal(got, 9);
}

int main(void) {
#define SPEC(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        SPEC(it_is_made_for_the_second_that_is_alike),
        SPEC(who_has_fewer_or_more_gets_what_is_in_common),
        SPEC(a_few_messages_are_not_worth_it),
        SPEC(others_and_other_forms_are_told_apart),
        SPEC(it_ends_where_it_is_full),
        SPEC(without_memory_it_ends_before),
    };
#undef SPEC
    return cmocka_run_group_tests(tests, NULL, NULL);
}
