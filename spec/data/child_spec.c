/* core/data/child.c: child ids, records, and the collections that keep them. */
#include "support.h"

#include "bus/address.h"

#include <stdio.h>

#define ALICE "hyperty://example.com/alice-1"
#define BOB   "hyperty://other.org/bob"

static uint64_t number(const char *creator, const char *id) {
    hy_str_t *url = str_of(creator), *text = str_of(id);
    uint64_t n = hy_child_number(url, text);
    hy_str_unref(url);
    hy_str_unref(text);
    return n;
}

static hy_child_t *child_of(const char *collection, const char *creator, const char *id) {
    hy_str_t *name = str_of(collection), *url = str_of(creator), *text = str_of(id);
    hy_child_t *child;
    assert_int_equal(hy_child_new(name, url, text, value_of("{}"), &child, NULL), 0);
    hy_str_unref(name);
    hy_str_unref(url);
    hy_str_unref(text);
    return child;
}

static hy_child_t *numbered(const char *collection, const char *creator, int n) {
    hy_str_t *url = str_of(creator);
    hy_span_t own = hy_address_identifier(url);
    char id[64];
    snprintf(id, sizeof id, "%.*s#%d", (int)own.len, own.bytes, n);
    hy_str_unref(url);
    return child_of(collection, creator, id);
}

static hy_children_t *children_new(void) {
    hy_children_t *c;
    assert_int_equal(hy_children_new(&c), 0);
    return c;
}

static hy_child_t *find(const hy_children_t *c, const char *creator, uint64_t n) {
    hy_str_t *url = str_of(creator);
    hy_child_t *child = hy_children_find(c, url, n);
    hy_str_unref(url);
    return child;
}

/* Keeps a new child and lends it. */
static hy_child_t *keep(hy_children_t *c, const char *collection, int n) {
    hy_child_t *child = numbered(collection, ALICE, n);
    assert_int_equal(hy_children_keep(c, child, (uint64_t)n), 0);
    hy_child_unref(child);
    return child;
}

static hy_child_t *add_pending(hy_children_t *c, const char *collection, int n) {
    hy_child_t *child = numbered(collection, BOB, n);
    assert_int_equal(hy_children_add_pending(c, child), 0);
    hy_child_unref(child);
    return child;
}

/* The numbers of a walk, as "1 2 3"; `collection` NULL: all. */
static void assert_walk(const hy_children_t *c, const char *collection, const char *numbers) {
    char seen[512] = "";
    hy_str_t *name = collection ? str_of(collection) : NULL;
    hy_child_t *child;
    for (size_t pos = 0; (child = hy_children_next(c, name, &pos));) {
        size_t len = strlen(seen);
        snprintf(seen + len, sizeof seen - len, "%s%llu", len ? " " : "",
                 (unsigned long long)child->n);
    }
    assert_string_equal(seen, numbers);
    hy_str_unref(name);
}

static size_t count_of(const hy_children_t *c, const char *collection) {
    hy_str_t *name = str_of(collection);
    size_t count = hy_children_count(c, name);
    hy_str_unref(name);
    return count;
}

/* --- ids -------------------------------------------------------------------------------------- */

static void an_id_is_the_creators_identifier_and_a_number(void **state) {
    (void)state;
    assert_int_equal(number(ALICE, "alice-1#1"), 1);
    assert_int_equal(number(ALICE, "alice-1#1234567890"), 1234567890);
    assert_true(number(ALICE, "alice-1#922337203685477579") == 922337203685477579u);
    assert_int_equal(number("hyperty://d/x/y", "y#3"), 3);
    static const char *const bad[] = {
        "",
        "alice-1",
        "alice-1#",
        "alice-1#0",
        "alice-1#01",
        "alice-1#-1",
        "alice-1#+",
        "alice-1# 1",
        "alice-1#1 ",
        "alice-1#1a",
        "alice-1##1",
        "alice-1#1#1",
        "alice-1.1",
        "alice#1",
        "alice-11#1",
        "Alice-1#1",
        "bob#1",
        "#1",
        "1",
        ALICE "#1",
        "xalice-1#1",
        "alice-1#1.0",
        "alice-1#\n",
        "alice-1#0x1",
        "alice-1#9223372036854775808",
        "alice-1#18446744073709551617",
        "alice-1#99999999999999999999999999999999999999999999",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(number(ALICE, bad[i]), 0);
    }
    hy_str_t *alice = str_of(ALICE), *with_nul = hy_str_new("alice-1#1\0", 10);
    assert_int_equal(hy_child_number(alice, with_nul), 0);
    hy_str_unref(alice);
    hy_str_unref(with_nul);
}

static void a_child_is_made_of_good_parts_only(void **state) {
    (void)state;
    hy_str_t *messages = str_of("messages"), *alice = str_of(ALICE), *id = str_of("alice-1#7");
    hy_str_t *foreign = str_of("bob#7"), *endless = hy_str_reserve(HY_URL_BYTES_MAX + 1);
    memset(endless->bytes, 'x', endless->len);
    memcpy(endless->bytes, "hyperty://d/", 12);
    hy_child_t *child = NULL;
    hy_error_t err;
    assert_int_equal(hy_child_new(messages, alice, id, value_of("[1]"), &child, NULL), 0);
    assert_int_equal(child->state, HY_CHILD_PENDING);
    assert_int_equal(child->n, 7);
    assert_string_equal(child->key->bytes, ALICE "#7");
    assert_ptr_equal(child->id, id);
    assert_ptr_equal(child->collection, messages);
    assert_ptr_equal(child->reporter, alice);
    assert_null(child->user);
    assert_int_equal(child->version, 0);
    assert_int_equal(child->order, 0);
    assert_tree(child->data, "[1]");
    hy_child_unref(child);
    child = NULL;

    assert_int_equal(hy_child_new(messages, alice, foreign, value_of("{}"), &child, &err),
                     HY_EINVALID);
    assert_string_equal(err.text,
                        "child id \"bob#7\" is not <identifier of " ALICE ">#<number from 1>");
    assert_int_equal(hy_child_new(messages, alice, id, hy_text("text"), &child, &err), HY_EINVALID);
    assert_string_equal(err.text, "the data of a child is an object or an array");
    assert_int_equal(hy_child_new(messages, alice, id, hy_absent(), &child, &err), HY_EINVALID);
    assert_int_equal(hy_child_new(messages, endless, id, value_of("{}"), &child, &err),
                     HY_EINVALID);
    assert_string_equal(err.text, "the URL of a child's creator has 2049 bytes, at most 2048");
    assert_null(child);
    hy_str_unref(messages);
    hy_str_unref(alice);
    hy_str_unref(id);
    hy_str_unref(foreign);
    hy_str_unref(endless);
}

/* It could be kept, but no whole answer with it could be read. */
static void a_child_is_not_nested_too_deep(void **state) {
    (void)state;
    hy_str_t *messages = str_of("messages"), *alice = str_of(ALICE), *id = str_of("alice-1#7");
    for (unsigned over = 0; over < 2; over++) {
        hy_value_t data = hy_int(1);
        for (unsigned depth = 0; depth < HY_VALUE_DEPTH_MAX + over; depth++) {
            hy_node_t *n = hy_node_new(HY_ARRAY);
            assert_int_equal(hy_node_insert(n, 0, data), 0);
            data = hy_node_value(n);
        }
        hy_child_t *child = NULL;
        hy_error_t err;
        int rc = hy_child_new(messages, alice, id, data, &child, &err);
        assert_int_equal(rc, over ? HY_ETOO_LARGE : 0);
        if (over) assert_string_equal(err.text, "child alice-1#7: nesting deeper than 120");
        hy_child_unref(child);
    }
    hy_str_unref(messages);
    hy_str_unref(alice);
    hy_str_unref(id);
}

static void states_have_words(void **state) {
    (void)state;
    static const char *const words[] = {"pending", "kept", "refused", "expired", "deleted"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        assert_string_equal(hy_child_state_word((hy_child_state_t)i), words[i]);
    }
}

/* --- pending, kept, removed ------------------------------------------------------------------- */

static void a_pending_child_is_kept_at_its_stamp(void **state) {
    (void)state;
    hy_children_t *c = children_new();
    hy_child_t *child = add_pending(c, "messages", 4);
    assert_ptr_equal(find(c, BOB, 4), child);
    assert_int_equal(count_of(c, "messages"), 0);
    assert_walk(c, "messages", "4");
    assert_walk(c, "files", "");
    assert_int_equal(hy_children_keep(c, child, 12), 0);
    assert_int_equal(child->state, HY_CHILD_KEPT);
    assert_int_equal(child->order, 12);
    assert_int_equal(child->refs, 1);
    assert_ptr_equal(find(c, BOB, 4), child);
    assert_int_equal(count_of(c, "messages"), 1);
    assert_walk(c, "messages", "4");
    hy_children_free(c);
}

static void a_child_is_found_by_creator_and_number(void **state) {
    (void)state;
    hy_children_t *c = children_new();
    hy_child_t *a = numbered("messages", ALICE, 1), *b = numbered("files", BOB, 1);
    hy_child_t *namesake = child_of("files", "hyperty://another.domain/bob", "bob#1");
    assert_int_equal(hy_children_keep(c, a, 1), 0);
    assert_int_equal(hy_children_keep(c, b, 2), 0);
    assert_int_equal(hy_children_keep(c, namesake, 3), 0);
    assert_ptr_equal(find(c, ALICE, 1), a);
    assert_ptr_equal(find(c, BOB, 1), b);
    assert_ptr_equal(find(c, "hyperty://another.domain/bob", 1), namesake);
    assert_null(find(c, ALICE, 2));
    assert_null(find(c, ALICE, 0));
    assert_null(find(c, ALICE, UINT64_MAX));
    assert_null(find(c, "hyperty://example.com/alice-1#1", 1));
    hy_str_t *endless = hy_str_reserve(HY_URL_BYTES_MAX + 1);
    memset(endless->bytes, 'x', endless->len);
    assert_null(hy_children_find(c, endless, UINT64_MAX));
    hy_str_unref(endless);
    hy_child_unref(a);
    hy_child_unref(b);
    hy_child_unref(namesake);
    hy_children_free(c);
}

static void nothing_takes_the_place_of_another(void **state) {
    (void)state;
    hy_children_t *c = children_new();
    hy_child_t *kept = keep(c, "messages", 1), *pending = add_pending(c, "messages", 1);
    hy_child_t *again = numbered("files", ALICE, 1), *rival = numbered("files", BOB, 1);
    assert_int_equal(hy_children_add_pending(c, again), HY_ECONFLICT);
    assert_int_equal(hy_children_keep(c, again, 2), HY_ECONFLICT);
    assert_int_equal(hy_children_keep(c, kept, 2), HY_ECONFLICT);
    assert_int_equal(hy_children_add_pending(c, rival), HY_ECONFLICT);
    assert_int_equal(hy_children_add_pending(c, pending), HY_ECONFLICT);
    assert_int_equal(hy_children_keep(c, rival, 2), HY_ECONFLICT);
    hy_children_remove(c, rival, HY_CHILD_DELETED); /* not in it: nothing happens */
    assert_int_equal(rival->state, HY_CHILD_PENDING);
    assert_ptr_equal(find(c, ALICE, 1), kept);
    assert_ptr_equal(find(c, BOB, 1), pending);
    assert_int_equal(kept->order, 1);
    assert_walk(c, NULL, "1 1");
    hy_child_unref(again);
    hy_child_unref(rival);
    hy_children_free(c);
}

static void what_is_removed_is_gone_but_for_its_holders(void **state) {
    (void)state;
    hy_children_t *c = children_new();
    keep(c, "messages", 1);
    hy_child_t *two = hy_child_ref(keep(c, "messages", 2));
    keep(c, "messages", 3);
    hy_child_t *pending = hy_child_ref(add_pending(c, "messages", 9));
    hy_children_remove(c, two, HY_CHILD_DELETED);
    hy_children_remove(c, pending, HY_CHILD_EXPIRED);
    assert_int_equal(two->state, HY_CHILD_DELETED);
    assert_int_equal(pending->state, HY_CHILD_EXPIRED);
    assert_null(find(c, ALICE, 2));
    assert_null(find(c, BOB, 9));
    assert_walk(c, "messages", "1 3");
    assert_int_equal(count_of(c, "messages"), 2);
    hy_children_remove(c, two, HY_CHILD_EXPIRED);
    assert_int_equal(two->state, HY_CHILD_DELETED);
    assert_tree(two->data, "{}");
    hy_child_unref(two);
    hy_child_unref(pending);
    hy_child_unref(NULL);
    hy_children_free(c);
    hy_children_free(NULL);
}

static void pending_children_are_bounded(void **state) {
    (void)state;
    hy_children_t *c = children_new();
    for (int i = 1; i <= (int)HY_CHILD_PENDING_MAX; i++) {
        add_pending(c, "messages", i);
    }
    hy_child_t *one_more = numbered("messages", ALICE, 1);
    assert_int_equal(hy_children_add_pending(c, one_more), HY_EFULL);
    assert_null(find(c, ALICE, 1));
    hy_children_remove(c, find(c, BOB, 77), HY_CHILD_EXPIRED);
    assert_int_equal(hy_children_add_pending(c, one_more), 0);
    hy_child_unref(one_more);
    hy_children_free(c);
}

/* --- walking ---------------------------------------------------------------------------------- */

static void a_walk_gives_the_kept_ones_then_the_pending(void **state) {
    (void)state;
    hy_children_t *c = children_new();
    assert_walk(c, NULL, "");
    assert_walk(c, "messages", "");
    keep(c, "messages", 1);
    add_pending(c, "files", 10);
    keep(c, "files", 2);
    keep(c, "messages", 3);
    add_pending(c, "messages", 11);
    add_pending(c, "photos", 12);
    assert_walk(c, "messages", "1 3 11");
    assert_walk(c, "files", "2 10");
    assert_walk(c, "photos", "12");
    assert_walk(c, "other", "");
    assert_walk(c, NULL, "1 3 2 10 11 12");
    assert_int_equal(hy_children_count(c, NULL), 3);
    assert_int_equal(count_of(c, "messages"), 2);
    assert_int_equal(count_of(c, "photos"), 0);
    hy_children_free(c);
}

static void removing_while_walking_misses_nothing(void **state) {
    (void)state;
    for (int every = 1; every <= 3; every++) {
        hy_children_t *c = children_new();
        for (int i = 1; i <= 50; i++) {
            keep(c, i % 2 ? "messages" : "files", i);
            add_pending(c, "messages", 100 + i);
        }
        hy_child_t *child;
        int walked = 0, left = 0;
        for (size_t pos = 0; (child = hy_children_next(c, NULL, &pos));) {
            if (walked++ % every == 0) hy_children_remove(c, child, HY_CHILD_DELETED);
        }
        assert_int_equal(walked, 100);
        for (size_t pos = 0; hy_children_next(c, NULL, &pos);) {
            left++;
        }
        assert_int_equal(left, 100 - (100 + every - 1) / every);
        hy_children_free(c);
    }
}

/* Many come and go: the slots are closed up, order and places stay right. */
static void long_lives_keep_their_order(void **state) {
    (void)state;
    enum { MAX = 4000 };
    hy_random_t r;
    hy_random_seed(&r, 11);
    hy_children_t *c = children_new();
    static bool is_there[MAX + 1];
    memset(is_there, 0, sizeof is_there);
    int next = 1, count = 0;
    hy_str_t *messages = str_of("messages");
    while (next <= MAX) {
        bool grows = (next / 500) % 2 == 0;
        if (count == 0 || hy_random_below(&r, 10) < (grows ? 8 : 5)) {
            keep(c, "messages", next);
            is_there[next++] = true;
            count++;
            continue;
        }
        int n = 1 + (int)hy_random_below(&r, (uint64_t)next - 1);
        if (!is_there[n]) continue;
        hy_children_remove(c, find(c, ALICE, (uint64_t)n), HY_CHILD_DELETED);
        is_there[n] = false;
        count--;
        if (hy_random_below(&r, 50)) continue;
        uint64_t before = 0;
        int walked = 0;
        const hy_child_t *child;
        for (size_t pos = 0; (child = hy_children_next(c, messages, &pos)); walked++) {
            assert_true(child->n > before && is_there[child->n]);
            before = child->n;
        }
        assert_int_equal(walked, count);
        assert_int_equal(hy_children_count(c, messages), count);
    }
    hy_str_unref(messages);
    hy_children_free(c);
}

/* A queue of ten, ten thousand long: holes do not pile up. */
static void a_queue_does_not_grow(void **state) {
    (void)state;
    hy_children_t *c = children_new();
    size_t pos_max = 0;
    for (int i = 1; i <= 10000; i++) {
        keep(c, "messages", i);
        if (i > 10) hy_children_remove(c, find(c, ALICE, (uint64_t)i - 10), HY_CHILD_DELETED);
        size_t pos = 0;
        while (hy_children_next(c, NULL, &pos))
            continue;
        if (pos > pos_max) pos_max = pos;
    }
    assert_true(pos_max <= 64);
    hy_children_free(c);
}

/* --- memory runs out -------------------------------------------------------------------------- */

static int try_all(void *arg) {
    hy_str_t *const *texts = arg;
    hy_children_t *c;
    hy_child_t *child = NULL;
    int rc = hy_children_new(&c);
    if (rc < 0) return rc;
    hy_node_t *data = hy_node_new(HY_OBJECT);
    rc = data ? hy_child_new(texts[0], texts[1], texts[2], hy_node_value(data), &child, NULL)
              : HY_ENOMEM;
    if (rc == 0) rc = hy_children_add_pending(c, child);
    if (rc < 0) assert_null(hy_children_find(c, texts[1], 7));
    if (rc == 0) {
        rc = hy_children_keep(c, child, 1);
        assert_ptr_equal(hy_children_find(c, texts[1], 7), child);
        assert_int_equal(child->state, rc ? HY_CHILD_PENDING : HY_CHILD_KEPT);
        size_t pos = 0;
        assert_ptr_equal(hy_children_next(c, NULL, &pos), child);
        assert_null(hy_children_next(c, NULL, &pos));
    }
    hy_child_unref(child);
    hy_children_free(c);
    return rc;
}

static void they_survive_that_memory_runs_out(void **state) {
    (void)state;
    hy_str_t *texts[] = {str_of("messages"), str_of(ALICE), str_of("alice-1#7")};
    fail_until_it_works(try_all, texts);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        hy_str_unref(texts[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_id_is_the_creators_identifier_and_a_number),
        TEST(a_child_is_made_of_good_parts_only),
        TEST(a_child_is_not_nested_too_deep),
        TEST(states_have_words),
        TEST(a_pending_child_is_kept_at_its_stamp),
        TEST(a_child_is_found_by_creator_and_number),
        TEST(nothing_takes_the_place_of_another),
        TEST(what_is_removed_is_gone_but_for_its_holders),
        TEST(pending_children_are_bounded),
        TEST(a_walk_gives_the_kept_ones_then_the_pending),
        TEST(removing_while_walking_misses_nothing),
        TEST(long_lives_keep_their_order),
        TEST(a_queue_does_not_grow),
        TEST(they_survive_that_memory_runs_out),
    };
    return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
