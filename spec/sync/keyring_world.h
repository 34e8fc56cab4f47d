/* The world of the specs about keys: a manager with its store on a virtual disk, which is stopped
 * and started again; time is virtual, too. */
#ifndef SPEC_SYNC_KEYRING_WORLD_H
#define SPEC_SYNC_KEYRING_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "store/memory.h"
#include "sync/sync.h"

#define ANN "user://d/ann"
#define BEN "user://d/ben"

typedef struct {
    hy_clock_t clock;
    hy_random_t random;
    hy_log_t log;
    hy_buf_t lines;
    hy_disk_t *disk; /* NULL: no store */
    hy_store_t *store;
    hy_bus_t *bus;
    hy_schemas_t *schemas;
    hy_manager_t *manager;
    hy_str_t *runtime;
    hy_error_t err;
    int64_t blocks;
} world_t;

/* --- the world -------------------------------------------------------------------------------- */

static inline void on_log(void *arg, hy_log_level_t level, const char *who, const char *text) {
    world_t *w = arg;
    hy_buf_format(&w->lines, "%s %s: %s\n", hy_log_level_name(level), who, text);
}

static inline bool has_logged(world_t *w, const char *text) {
    hy_buf_char(&w->lines, '\0');
    bool has = !w->lines.failed && strstr(w->lines.bytes, text);
    w->lines.len--;
    return has;
}

static inline void forget_lines(world_t *w) {
    hy_buf_deinit(&w->lines);
    hy_buf_init(&w->lines);
}

static inline void rest(world_t *w) {
    for (int i = 0; i < 10; i++) {
        while (hy_bus_turn(w->bus, 100)) {
        }
        hy_clock_advance(&w->clock, hy_clock_now(&w->clock));
    }
}

/* A runtime on the disk, if there is one; it has not read anything yet. */
static inline void start(world_t *w, const uint8_t *seed) {
    hy_bus_config_t bus = {.clock = &w->clock, .random = &w->random, .log = &w->log};
    if (w->disk) {
        assert_int_equal(hy_store_open_memory(&w->clock, &w->log, w->disk, &w->store), 0);
    }
    assert_int_equal(hy_bus_new(&bus, &w->bus), 0);
    assert_int_equal(hy_schemas_new("d", &w->schemas), 0);
    hy_manager_config_t config = {.bus = w->bus,
                                  .runtime = w->runtime,
                                  .domain = "d",
                                  .schemas = w->schemas,
                                  .store = w->store,
                                  .seed = seed};
    assert_int_equal(hy_manager_new(&config, &w->manager), 0);
}

static inline void stop(world_t *w) {
    if (!w->manager) return;
    hy_manager_free(w->manager);
    hy_bus_free(w->bus);
    hy_schemas_free(w->schemas);
    hy_store_close(w->store);
    w->manager = NULL;
    w->store = NULL;
}

/* The machine loses power: what was not synced may be gone. */
static inline void lose_power(world_t *w) {
    hy_manager_crash(w->manager);
    hy_store_crash(w->store);
    w->store = NULL;
    stop(w);
    hy_disk_lose_power(w->disk, &w->random);
    start(w, NULL);
    rest(w);
}

static inline void restart(world_t *w) {
    stop(w);
    start(w, NULL);
    rest(w);
    forget_lines(w);
}

static inline world_t *make_world(bool has_disk) {
    world_t *w = calloc(1, sizeof *w);
    w->blocks = hy_mem_blocks();
    hy_clock_init(&w->clock, 0);
    hy_random_seed(&w->random, 1);
    hy_buf_init(&w->lines);
    w->log = (hy_log_t){.level = HY_LOG_INFO, .sink = on_log, .arg = w};
    w->runtime = hy_str_from("hyperty-runtime://d/rt");
    if (has_disk) assert_int_equal(hy_disk_new(&w->disk), 0);
    return w;
}

static inline int begin(void **state) {
    world_t *w = make_world(true);
    start(w, NULL);
    rest(w);
    *state = w;
    return 0;
}

static inline int begin_without_disk(void **state) {
    world_t *w = make_world(false);
    start(w, NULL);
    *state = w;
    return 0;
}

static inline int end(void **state) {
    world_t *w = *state;
    hy_mem_fail_after(-1);
    stop(w);
    hy_disk_unref(w->disk);
    hy_buf_deinit(&w->lines);
    hy_str_unref(w->runtime);
    hy_clock_deinit(&w->clock);
    assert_int_equal(hy_mem_blocks(), w->blocks);
    free(w);
    return 0;
}

/* --- what is done in it ----------------------------------------------------------------------- */

/* The key of that number, and its fingerprint. */
static inline const uint8_t *key(unsigned n) {
    static uint8_t public[HY_SIGN_PUBLIC_BYTES];
    hy_sign_pair_t pair;
    uint8_t seed[HY_SIGN_SEED_BYTES] = {42, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16)};
    hy_sign_pair_of(seed, &pair);
    memcpy(public, pair.public, sizeof public);
    return public;
}

static inline const char *print_of(const uint8_t *public) {
    static char print[HY_FINGERPRINT_BYTES];
    hy_fingerprint(public, print);
    return print;
}

static inline int meet(world_t *w, const char *user, const uint8_t *public) {
    hy_str_t *url = hy_str_from(user);
    w->err = (hy_error_t){0};
    int rc = hy__keyring_ready(w->manager->keyring, &w->err);
    if (rc == 0 && !url) rc = HY_ENOMEM;
    if (rc == 0) rc = hy__keyring_meet(w->manager->keyring, url, public, &w->err);
    hy_str_unref(url);
    return rc;
}

static inline int accept(world_t *w, const char *user, const char *fingerprint) {
    hy_str_t *url = hy_str_from(user);
    int rc = url ? hy_manager_accept_key(w->manager, url, fingerprint, &w->err) : HY_ENOMEM;
    hy_str_unref(url);
    return rc;
}

static inline int forget(world_t *w, const char *user, const char *fingerprint) {
    hy_str_t *url = hy_str_from(user);
    int rc = url ? hy_manager_forget_key(w->manager, url, fingerprint, &w->err) : HY_ENOMEM;
    hy_str_unref(url);
    return rc;
}

static inline void own(world_t *w, uint8_t public[HY_SIGN_PUBLIC_BYTES]) {
    assert_int_equal(hy__keyring_ready(w->manager->keyring, &w->err), 0);
    memcpy(public, hy__keyring_own(w->manager->keyring)->public, HY_SIGN_PUBLIC_BYTES);
}

/* "own, known user://d/ann, …": what keys() tells. */
static inline void assert_keys(world_t *w, const char *expected) {
    hy_value_t keys;
    hy_buf_t b;
    hy_buf_init(&b);
    assert_int_equal(hy_manager_keys(w->manager, &keys, &w->err), 0);
    for (size_t i = 0; i < hy_node_count(keys.as.n); i++) {
        const hy_node_t *entry = hy_node_at(keys.as.n, i).as.n;
        const hy_str_t *user = hy_get_str(entry, "user");
        hy_buf_format(&b, "%s%s%s%s", i > 0 ? ", " : "", hy_get_str(entry, "state")->bytes,
                      user ? " " : "", user ? user->bytes : "");
        assert_int_equal(hy_get_str(entry, "fingerprint")->len, HY_FINGERPRINT_BYTES - 1);
    }
    hy_buf_char(&b, '\0');
    assert_string_equal(b.bytes, expected);
    hy_buf_deinit(&b);
    hy_value_drop(keys);
}

static inline void put_row(world_t *w, const char *user, const char *value) {
    hy_str_t *row = hy_str_from(user);
    assert_int_equal(hy_store_put(w->store, HY_TABLE_KEYS, w->runtime, row, value, strlen(value)),
                     0);
    hy_str_unref(row);
}

/* The row of that user, or of the own key, as text; "" if there is none. */
static inline const char *row_of(world_t *w, const char *user) {
    static char text[4096];
    hy_str_t *row = hy_str_from(user), *value = NULL;
    int rc = hy_store_find(w->store, HY_TABLE_KEYS, w->runtime, row, &value);
    snprintf(text, sizeof text, "%s", rc == 0 ? value->bytes : "");
    hy_str_unref(row);
    hy_str_unref(value);
    return text;
}

#define TEST(name)       cmocka_unit_test_setup_teardown(name, begin, end)
#define TEST_ALONE(name) cmocka_unit_test_setup_teardown(name, begin_without_disk, end)

#endif
