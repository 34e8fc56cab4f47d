/* For specs of mutual objects in C: ann, ben and carl, each a runtime of its own, and a node that
 * says yes to everything, passes on what they say to each other, and keeps it. */
#ifndef HY_SPEC_SYNC_MUTUAL_WORLD_H
#define HY_SPEC_SYNC_MUTUAL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "sync/secret_parts.h"

#define OBJECT      "resource://d/a/it"
#define PASSED_MAX  512
#define PLACE_COUNT 3

enum { ANN, BEN, CARL };

typedef struct {
    struct world *world;
    hy_bus_t *bus;
    hy_uplink_t *uplink;
    hy_schemas_t *schemas;
    hy_manager_t *manager;
    hy_syncher_t *syncher;
    hy_party_t *party;
    int code; /* of the last call */
} place_t;

typedef struct world {
    hy_clock_t clock;
    hy_random_t random;
    place_t places[PLACE_COUNT];
    hy_str_t *passed[PASSED_MAX];
    uint32_t passed_count;
    /* Sees each message before it is passed on: the text that is passed, NULL: none. */
    hy_str_t *(*rule)(struct world *w, hy_str_t *text);
    int64_t blocks;
} world_t;

/* --- the node --------------------------------------------------------------------------------- */

static inline void hand(place_t *p, hy_str_t *text) {
    hy_msg_t *m;
    if (!p->uplink || hy_msg_parse(text, &m, NULL) < 0) return;
    hy_uplink_receive(p->uplink, m);
    hy_msg_unref(m);
}

/* "…://d/a…" is ann's, and so on. */
static inline int place_of(const hy_str_t *url) {
    const char *at = strstr(url->bytes, "://d/");
    return at && at[5] >= 'a' && at[5] <= 'c' ? at[5] - 'a' : -1;
}

static inline void pass_on(world_t *w, const place_t *from, hy_msg_t *m) {
    hy_str_t *text = hy_msg_text(m, NULL);
    if (!text) return;
    hy_str_ref(text);
    if (w->passed_count < PASSED_MAX) w->passed[w->passed_count++] = hy_str_ref(text);
    if (w->rule) {
        hy_str_t *instead = w->rule(w, text);
        hy_str_unref(text);
        text = instead;
    }
    bool is_published = hy_address_is_published(m->to);
    for (int i = 0; text && i < PLACE_COUNT; i++)
        if (&w->places[i] != from && (is_published || place_of(m->to) == i))
            hand(&w->places[i], text);
    hy_str_unref(text);
}

static inline int on_uplink(void *arg, hy_msg_t *m) {
    place_t *p = arg;
    bool is_request = hy_msg_has_id(m) && m->type != HY_MSG_RESPONSE;
    if (strncmp(m->to->bytes, "domain:", 7) != 0) {
        pass_on(p->world, p, m);
    } else if (is_request) {
        hy_msg_t *answer = hy_msg_response(m, NULL, 200, NULL, hy_absent());
        if (answer) hy_uplink_receive(p->uplink, answer);
        hy_msg_unref(answer);
    }
    return 0;
}

static inline void run(world_t *w) {
    for (int i = 0; i < 100; i++) {
        for (int at = 0; at < PLACE_COUNT; at++)
            while (w->places[at].bus && hy_bus_turn(w->places[at].bus, 100)) {
            }
        hy_clock_advance(&w->clock, hy_clock_now(&w->clock));
    }
}

static inline void advance(world_t *w, uint64_t ms) {
    hy_clock_advance(&w->clock, hy_clock_now(&w->clock) + ms);
    run(w);
}

/* --- the hyperties ---------------------------------------------------------------------------- */

static inline void on_decide(void *arg, hy_party_t *party, hy_decision_t *d) {
    (void)arg;
    (void)party;
    hy_decision_accept(d, hy_absent());
}

static inline void on_change(void *arg, hy_party_t *party, hy_change_t *change,
                             const hy_effect_t *effects) {
    (void)arg;
    (void)party;
    (void)change;
    (void)effects;
}

static inline void on_ended(void *arg, hy_party_t *party, bool evicted) {
    (void)arg;
    (void)party;
    (void)evicted;
}

static inline void on_status(void *arg, hy_party_t *party, hy_party_status_t status) {
    (void)arg;
    (void)party;
    (void)status;
}

static inline void on_unsubscribed(void *arg, hy_party_t *party, hy_str_t *observer) {
    (void)arg;
    (void)party;
    (void)observer;
}

static inline void on_resync(void *arg, hy_party_t *party, uint64_t from, uint64_t to,
                             const char *reason) {
    (void)arg;
    (void)party;
    (void)from;
    (void)to;
    (void)reason;
}

static const hy_syncher_events_t the_events = {.decide = on_decide,
                                               .change = on_change,
                                               .ended = on_ended,
                                               .unsubscribed = on_unsubscribed,
                                               .resync = on_resync,
                                               .status = on_status};

static inline void on_party(void *arg, int code, const char *desc, hy_party_t *party) {
    place_t *p = arg;
    (void)desc;
    p->code = code;
    if (code == 0 && !p->party) p->party = hy_party_ref(party);
}

static inline void on_done(void *arg, int code, const char *desc) {
    place_t *p = arg;
    (void)desc;
    p->code = code;
}

/* `user` NULL: it acts for nobody. */
static inline void place_open(world_t *w, int at, const char *user) {
    place_t *p = &w->places[at];
    hy_bus_config_t bus = {.clock = &w->clock, .random = &w->random};
    *p = (place_t){.world = w};
    assert_int_equal(hy_bus_new(&bus, &p->bus), 0);
    assert_int_equal(hy_bus_uplink(p->bus, NULL, on_uplink, p, &p->uplink), 0);
    assert_int_equal(hy_schemas_new("d", &p->schemas), 0);
    hy_manager_config_t config = {.bus = p->bus, .domain = "d", .schemas = p->schemas};
    config.runtime = hy_str_format("hyperty-runtime://d/%c", 'a' + at);
    assert_int_equal(hy_manager_new(&config, &p->manager), 0);
    hy_str_unref(config.runtime);
    hy_str_t *url = hy_str_format("hyperty://d/%c/x", 'a' + at);
    hy_str_t *name = user ? hy_str_from(user) : NULL;
    assert_int_equal(hy_syncher_open(p->manager, url, name, &the_events, p, &p->syncher), 0);
    hy_str_unref(url);
    hy_str_unref(name);
}

static inline void place_close(place_t *p) {
    if (!p->bus) return;
    hy_syncher_close(p->syncher);
    hy_party_unref(p->party);
    while (hy_bus_turn(p->bus, 100)) {
    }
    hy_manager_free(p->manager);
    hy_uplink_close(p->uplink);
    hy_bus_free(p->bus);
    hy_schemas_free(p->schemas);
    *p = (place_t){0};
}

static inline int create(place_t *p) {
    hy_create_t what = {.schema = hy_str_from("Resource"), .url = hy_str_from(OBJECT)};
    what.metadata = hy__body1("mutual", hy_bool(true));
    p->code = 1;
    assert_int_equal(hy_syncher_create(p->syncher, &what, on_party, p, NULL), 0);
    hy_str_unref(what.schema);
    hy_str_unref(what.url);
    run(p->world);
    return p->code;
}

static inline int subscribe(place_t *p) {
    hy_str_t *url = hy_str_from(OBJECT);
    p->code = 1;
    int rc = hy_syncher_subscribe(p->syncher, url, NULL, HY_STORE_NONE, on_party, p, NULL);
    hy_str_unref(url);
    run(p->world);
    return rc < 0 ? rc : p->code;
}

static inline void write_word(place_t *p, const char *word) {
    hy_view_t *view = hy_party_data(p->party);
    hy_edit_t edit = {.kind = HY_OP_SET, .node = p->party->object->data};
    edit.value = hy_text(word);
    edit.key = hy_str_from("word");
    assert_int_equal(hy_view_edit(view, &edit, NULL), 0);
    hy_str_unref(edit.key);
    run(p->world);
}

static inline const char *word_of(const place_t *p) {
    const hy_str_t *word = hy_get_str(p->party->object->data, "word");
    return word ? word->bytes : "";
}

static inline world_t *world_new(void) {
    world_t *w = calloc(1, sizeof *w);
    w->blocks = hy_mem_blocks();
    hy_clock_init(&w->clock, 0);
    hy_random_seed(&w->random, 1);
    place_open(w, ANN, "user://d/ann");
    place_open(w, BEN, "user://d/ben");
    place_open(w, CARL, "user://d/carl");
    return w;
}

static inline void world_free(world_t *w) {
    w->rule = NULL;
    for (int i = 0; i < PLACE_COUNT; i++)
        place_close(&w->places[i]);
    while (w->passed_count > 0)
        hy_str_unref(w->passed[--w->passed_count]);
    hy_clock_deinit(&w->clock);
    assert_int_equal(hy_mem_blocks(), w->blocks);
    free(w);
}

static inline int setup(void **state) {
    *state = world_new();
    return 0;
}

static inline int teardown(void **state) {
    world_free(*state);
    return 0;
}

static inline hy__secret_t *secret_of(const place_t *p) {
    hy_str_t *url = hy_str_from(OBJECT);
    hy__secret_t *s = hy__secret_find(p->manager->secrets, url);
    hy_str_unref(url);
    return s;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
