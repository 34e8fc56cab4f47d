/* core/base/dict: stories, and long random runs beside a naive model. */
#include "support.h"

#include "base/dict.h"

#include <stdio.h>

typedef struct {
    hy_str_t *key;
    int64_t number;
} entry_t;

#define KEYS 400

static hy_str_t *keys[KEYS];

static int make_keys(void **state) {
    for (int i = 0; i < KEYS; i++)
        keys[i] = hy_str_format("key%d", i);
    return begin(state);
}

static int drop_keys(void **state) {
    int rc = end(state);
    for (int i = 0; i < KEYS; i++)
        hy_str_unref(keys[i]);
    return rc;
}

/* The model: entries in order, by number of the key. */
typedef struct {
    int keys[KEYS];
    int64_t numbers[KEYS];
    int count;
} model_t;

static int model_find(const model_t *m, int key) {
    for (int i = 0; i < m->count; i++) {
        if (m->keys[i] == key) return i;
    }
    return -1;
}

static void model_remove(model_t *m, int at) {
    m->count--;
    for (int i = at; i < m->count; i++) {
        m->keys[i] = m->keys[i + 1];
        m->numbers[i] = m->numbers[i + 1];
    }
}

static void assert_same(const hy_dict_t *d, const model_t *m) {
    uint32_t pos = 0;
    assert_int_equal(d->count, m->count);
    for (int i = 0; i < m->count; i++) {
        entry_t *e = hy_dict_next(d, &pos);
        assert_non_null(e);
        assert_ptr_equal(e->key, keys[m->keys[i]]);
        assert_int_equal(e->number, m->numbers[i]);
        assert_ptr_equal(hy_dict_get(d, e->key), e);
        assert_int_equal(hy_dict_after(d, e), pos);
    }
    assert_null(hy_dict_next(d, &pos));
    assert_null(hy_dict_next(d, &pos));
}

static void put(hy_dict_t *d, model_t *m, int key, int64_t number) {
    bool made = false;
    int at = model_find(m, key);
    entry_t *e = hy_dict_put(d, keys[key], &made);
    assert_int_equal(made, at < 0);
    if (made) {
        assert_int_equal(e->number, 0);
        at = m->count++;
        m->keys[at] = key;
    }
    e->number = m->numbers[at] = number;
}

static void remove_key(hy_dict_t *d, model_t *m, int key) {
    int at = model_find(m, key);
    entry_t *e = hy_dict_find(d, keys[key]->bytes, keys[key]->len, 0);
    assert_int_equal(e != NULL, at >= 0);
    if (!e) return;
    assert_ptr_equal(e, hy_dict_find(d, e->key->bytes, e->key->len, hy_str_hash(e->key)));
    hy_dict_remove(d, e);
    assert_null(e->key);
    assert_int_equal(e->number, m->numbers[at]); /* still readable */
    model_remove(m, at);
}

static void random_operations_agree_with_the_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        hy_random_t r;
        hy_dict_t d;
        static model_t m;
        m.count = 0;
        hy_random_seed(&r, seed);
        hy_dict_init(&d, sizeof(entry_t));
        uint64_t range = seed % 4 == 0 ? 6 : seed % 4 == 1 ? 20 : KEYS;
        for (int step = 0; step < 3000; step++) {
            uint64_t bias = (uint64_t)(step / 500 % 2 ? 3 : 7); /* grows, shrinks, … */
            int key = (int)hy_random_below(&r, range);
            if (hy_random_below(&r, 10) < bias) {
                put(&d, &m, key, step);
            } else {
                remove_key(&d, &m, key);
            }
            if (step % 50 == 0) assert_same(&d, &m);
        }
        assert_same(&d, &m);
        hy_dict_deinit(&d);
        assert_null(hy_dict_get(&d, keys[0]));
        assert_int_equal(d.count, 0);
    }
}

static void walking_and_removing_go_together(void **state) {
    (void)state;
    for (int size = 1; size < 100; size++) {
        hy_dict_t d;
        model_t m = {.count = 0};
        hy_dict_init(&d, sizeof(entry_t));
        for (int i = 0; i < size; i++)
            put(&d, &m, i, i);
        uint32_t pos = 0;
        int seen = 0;
        for (entry_t *e; (e = hy_dict_next(&d, &pos)); seen++) {
            assert_int_equal(e->number, seen);
            if (seen % 3 != size % 3) remove_key(&d, &m, seen);
        }
        assert_int_equal(seen, size);
        assert_same(&d, &m);
        hy_dict_deinit(&d);
    }
}

static void a_queue_of_keys_stays_quick(void **state) {
    /* Keys come in at one end and leave at the other: neither memory nor walking may grow. */
    hy_dict_t d;
    uint32_t pos;
    (void)state;
    hy_dict_init(&d, sizeof(entry_t));
    for (int i = 0; i < 20000; i++) {
        assert_non_null(hy_dict_put(&d, keys[i % KEYS], NULL));
        if (i < 100) continue;
        pos = 0;
        entry_t *oldest = hy_dict_next(&d, &pos);
        assert_ptr_equal(oldest->key, keys[(i - 100) % KEYS]);
        assert_int_equal(pos, d.first + 1); /* no hole was stepped over */
        hy_dict_remove(&d, oldest);
    }
    assert_int_equal(d.count, 100);
    assert_true(d.room <= 256);
    hy_dict_deinit(&d);
}

static void memory_is_given_back(void **state) {
    hy_dict_t d;
    (void)state;
    hy_dict_init(&d, sizeof(entry_t));
    for (int i = 0; i < KEYS; i++)
        hy_dict_put(&d, keys[i], NULL);
    assert_true(d.room >= KEYS);
    for (int i = 1; i < KEYS; i++)
        hy_dict_remove(&d, hy_dict_get(&d, keys[i]));
    for (int i = 1; i < 2000; i++) {
        hy_dict_put(&d, keys[i % KEYS], NULL);
        hy_dict_remove(&d, hy_dict_get(&d, keys[(i - 1) % KEYS]));
    }
    assert_int_equal(d.count, 1);
    assert_true(d.room <= 8);
    assert_null(d.index);
    hy_dict_deinit(&d);
}

static void keys_are_bytes(void **state) {
    hy_dict_t d;
    (void)state;
    hy_dict_init(&d, sizeof(entry_t));
    hy_str_t *a = hy_str_new("a\0b", 3), *b = hy_str_new("a\0c", 3), *none = hy_str_new("", 0);
    hy_dict_put(&d, a, NULL);
    hy_dict_put(&d, none, NULL);
    assert_null(hy_dict_get(&d, b));
    assert_null(hy_dict_find(&d, "a", 1, 0));
    assert_non_null(hy_dict_find(&d, "", 0, 0));
    assert_non_null(hy_dict_find(&d, "a\0b", 3, hy_hash("a\0b", 3)));
    assert_int_equal(a->refs, 2);
    hy_dict_deinit(&d);
    assert_int_equal(a->refs, 1);
    hy_str_unref(a);
    hy_str_unref(b);
    hy_str_unref(none);
}

static void colliding_keys_are_told_apart(void **state) {
    /* With hashes of our choice every key begins at the same slot. */
    hy_dict_t d;
    hy_str_t *same[64];
    (void)state;
    hy_dict_init(&d, sizeof(entry_t));
    for (int i = 0; i < 64; i++) {
        same[i] = hy_str_format("same%d", i);
        same[i]->hash = i % 2 ? 0xffffffffu : 0x7fffffffu;
        ((entry_t *)hy_dict_put(&d, same[i], NULL))->number = i;
    }
    for (int i = 0; i < 64; i += 3)
        hy_dict_remove(&d, hy_dict_get(&d, same[i]));
    for (int i = 0; i < 64; i++) {
        entry_t *e = hy_dict_get(&d, same[i]);
        assert_int_equal(e != NULL, i % 3 != 0);
        if (e) assert_int_equal(e->number, i);
    }
    hy_dict_deinit(&d);
    for (int i = 0; i < 64; i++)
        hy_str_unref(same[i]);
}

static void room_can_be_asked_for(void **state) {
    hy_dict_t d;
    model_t m = {.count = 0};
    (void)state;
    for (uint32_t room = 0; room < 20; room++) {
        hy_dict_init(&d, sizeof(entry_t));
        m.count = 0;
        assert_true(hy_dict_reserve(&d, room));
        for (int i = 0; i < 40; i++)
            put(&d, &m, i, i);
        assert_true(hy_dict_reserve(&d, room));
        assert_same(&d, &m);
        hy_dict_deinit(&d);
    }
}

static void a_failed_insertion_changes_nothing(void **state) {
    (void)state;
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        hy_dict_t d;
        model_t m = {.count = 0};
        failed = false;
        hy_dict_init(&d, sizeof(entry_t));
        hy_mem_fail_after(n);
        for (int i = 0; i < KEYS; i++) {
            bool made = true;
            if (i % 5 == 4) remove_key(&d, &m, i - 2);
            entry_t *e = hy_dict_put(&d, keys[i], &made);
            if (!e) {
                assert_true(made);
                assert_int_equal(keys[i]->refs, 1);
                failed = true;
                break;
            }
            e->number = i;
            m.keys[m.count] = i;
            m.numbers[m.count++] = i;
        }
        hy_mem_fail_after(-1);
        assert_same(&d, &m);
        hy_dict_deinit(&d);
    }
}

/* Undoing puts back what was removed and may not need memory. */
static void a_removed_entry_can_be_put_back_without_memory(void **state) {
    (void)state;
    for (int count = 2; count < KEYS; count++) {
        hy_dict_t d;
        hy_dict_init(&d, sizeof(entry_t));
        for (int i = 0; i < count; i++)
            assert_non_null(hy_dict_put(&d, keys[i], NULL));
        hy_dict_remove(&d, hy_dict_get(&d, keys[0]));
        hy_mem_fail_after(1);
        entry_t *e = hy_dict_put(&d, keys[0], NULL);
        hy_mem_fail_after(-1);
        assert_non_null(e);
        for (int i = 0; i < count; i++)
            assert_non_null(hy_dict_get(&d, keys[i]));
        hy_dict_deinit(&d);
    }
}

#define WITH_KEYS(name) cmocka_unit_test_setup_teardown(name, make_keys, drop_keys)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_KEYS(random_operations_agree_with_the_model),
        WITH_KEYS(walking_and_removing_go_together),
        WITH_KEYS(a_queue_of_keys_stays_quick),
        WITH_KEYS(memory_is_given_back),
        TEST(keys_are_bytes),
        TEST(colliding_keys_are_told_apart),
        WITH_KEYS(room_can_be_asked_for),
        WITH_KEYS(a_failed_insertion_changes_nothing),
        WITH_KEYS(a_removed_entry_can_be_put_back_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
