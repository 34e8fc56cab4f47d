/* The world of the specs about lives on trial: a message node and two runtimes on a virtual clock.
 * Ann and her neighbour nat are in one, ben and cara in the other. What happens to an actor is
 * written down as lines of text, by which life it was told to. */
#ifndef SPEC_SYNC_TRIAL_WORLD_H
#define SPEC_SYNC_TRIAL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "data/object.h"
#include "net/pair.h"
#include "runtime.h"
#include "store/memory.h"
#include "sync/syncher.h"

typedef struct actor actor_t;
typedef struct world world_t;

/* A life of a hyperty: what the syncher calls. */
typedef struct {
    actor_t *actor;
    const char *name; /* "old", "new" */
} life_t;

struct actor {
    world_t *world;
    const char *name;
    hy_syncher_t *syncher;
    life_t old, new;
    hy_str_t *url;
    hy_party_t *party; /* given last */
    hy_buf_t lines;
    bool refuses, keeps; /* what it is asked; keeps: decides later */
    hy_decision_t *decision;
    uint32_t called;
    int code;
    char why[128]; /* the trial is broken */
};

struct world {
    hy_clock_t clock;
    hy_random_t random;
    hy_node_server_t *node;
    hy_runtime_t *first, *second;
    hy_store_t *store; /* of the first; NULL: one of its own */
    actor_t ann, nat, ben, cara;
    int64_t blocks;
};

/* --- what is told ----------------------------------------------------------------------------- */

static inline void say(const life_t *life, const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (life->actor->new.name && life == &life->actor->new)
        hy_buf_format(&life->actor->lines, "%s: ", life->name);
    hy_buf_format(&life->actor->lines, "%s\n", text);
}

static inline const char *json(hy_value_t v, char *text, size_t room) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_json_write(&b, v);
    snprintf(text, room, "%.*s", (int)b.len, b.bytes ? b.bytes : "");
    hy_buf_deinit(&b);
    return text;
}

static inline void on_decide(void *arg, hy_party_t *party, hy_decision_t *d) {
    const life_t *life = arg;
    actor_t *a = life->actor;
    (void)party;
    static const char *const words[] = {"subscribe", "read",     "execute", "child",
                                        "invite",    "delegate", "call"};
    const char *method = hy_decision_method(d) ? hy_decision_method(d)->bytes : "";
    const char *child = hy_decision_child(d) ? hy_decision_child(d)->id->bytes : "";
    say(life, "asked %s %s%s", words[hy_decision_kind(d)], method, strchr(child, '#') ? "#" : "");
    if (a->keeps) {
        hy_decision_unref(a->decision);
        a->decision = hy_decision_ref(d);
    } else if (a->refuses) {
        hy_decision_reject(d, HY_EFORBIDDEN, "no");
    } else {
        hy_decision_accept(d, hy_absent());
    }
}

static inline void on_change(void *arg, hy_party_t *party, hy_change_t *change,
                             const hy_effect_t *effects) {
    char text[1000], old[1000];
    (void)party;
    for (uint32_t i = 0; i < change->count; i++) {
        hy_buf_t b;
        hy_buf_init(&b);
        hy_path_write(&b, change->ops[i].steps, change->ops[i].step_count, 0);
        hy_buf_char(&b, 0);
        say(arg, "change v%d %s = %s, was %s", (int)change->version, b.bytes,
            json(change->ops[i].value, text, sizeof text), json(effects[i].old, old, sizeof old));
        hy_buf_deinit(&b);
    }
}

static inline void on_child(void *arg, hy_party_t *party, hy_child_event_kind_t kind,
                            hy_child_t *child, hy_change_t *change) {
    char text[200];
    (void)party;
    (void)change;
    hy_value_t data = {.kind = HY_OBJECT, .as.n = child->data};
    say(arg, "child %s %s v%d %s", hy_child_event_word(kind), strchr(child->id->bytes, '#'),
        (int)child->version, json(data, text, sizeof text));
}

static inline void on_event(void *arg, hy_party_t *party, hy_str_t *collection, hy_str_t *from,
                            hy_value_t value) {
    char text[200];
    (void)party;
    (void)from;
    say(arg, "event %s %s", collection->bytes, json(value, text, sizeof text));
}

static inline void on_unsubscribed(void *arg, hy_party_t *party, hy_str_t *observer) {
    (void)party;
    (void)observer;
    say(arg, "left");
}

static inline void on_resync(void *arg, hy_party_t *party, uint64_t from, uint64_t to,
                             const char *reason) {
    (void)party;
    say(arg, "resync %d %d %s", (int)from, (int)to, reason);
}

static inline void on_ended(void *arg, hy_party_t *party, bool evicted) {
    char text[200];
    assert_true(hy_party_is_open(party));
    hy_value_t data = {.kind = HY_OBJECT, .as.n = hy_party_data(party)->root};
    assert_int_equal(hy_view_check(hy_party_data(party), data.as.n, NULL), 0);
    say(arg, "ended %s %s", evicted ? "evicted" : "deleted", json(data, text, sizeof text));
}

static inline void on_status(void *arg, hy_party_t *party, hy_party_status_t status) {
    (void)party;
    say(arg, "status %s", hy_party_state_word(status.state));
}

static inline void on_emitted(void *arg, hy_str_t *hyperty, hy_str_t *name, const hy_node_t *args) {
    char text[200];
    (void)hyperty;
    hy_value_t v = {.kind = HY_ARRAY, .as.n = (hy_node_t *)args};
    say(arg, "emitted %s %s", name->bytes, json(v, text, sizeof text));
}

static const hy_syncher_events_t events = {.decide = on_decide,
                                           .change = on_change,
                                           .child = on_child,
                                           .event = on_event,
                                           .unsubscribed = on_unsubscribed,
                                           .resync = on_resync,
                                           .ended = on_ended,
                                           .status = on_status,
                                           .emitted = on_emitted};

static inline void on_party(void *arg, int code, const char *desc, hy_party_t *party) {
    const life_t *life = arg;
    actor_t *a = life->actor;
    (void)desc;
    a->called++;
    a->code = code;
    if (code == 0) {
        hy_party_unref(a->party);
        a->party = hy_party_ref(party);
        hy_party_set_tag(party, arg);
    }
}

static inline void on_done(void *arg, int code, const char *desc) {
    const life_t *life = arg;
    life->actor->called++;
    life->actor->code = code;
    say(life, "done %d %s", code, desc);
}

static inline void on_value(void *arg, int code, const char *desc, hy_value_t value) {
    const life_t *life = arg;
    char text[1024];
    life->actor->called++;
    life->actor->code = code;
    say(life, "value %d %s%s", code, desc, json(value, text, sizeof text));
}

static inline void on_broken(void *arg, const char *why) {
    actor_t *a = arg;
    snprintf(a->why, sizeof a->why, "%s", why);
}

/* Everything that was told since, as one text that stays until the next. */
static inline const char *told(actor_t *a) {
    static char texts[4][1 << 16];
    static unsigned at;
    char *text = texts[at++ % 4];
    snprintf(text, sizeof texts[0], "%.*s", (int)a->lines.len,
             a->lines.bytes ? a->lines.bytes : "");
    a->lines.len = 0;
    return text;
}

/* --- the world -------------------------------------------------------------------------------- */

/* Until nothing is on its way; no timer fires. */
static inline void turn(world_t *w) {
    for (unsigned idle = 0; idle < 3;) {
        bool is_busy = hy_runtime_turn(w->first);
        is_busy |= hy_runtime_turn(w->second);
        is_busy |= hy_runtime_has_more(w->first) || hy_runtime_has_more(w->second);
        idle = is_busy ? 0 : idle + 1;
    }
}

static inline void run_ms(world_t *w, uint64_t ms) {
    uint64_t end = hy_clock_now(&w->clock) + ms, next;
    for (;;) {
        turn(w);
        if (!hy_clock_next(&w->clock, &next) || next > end) break;
        hy_clock_advance(&w->clock, next);
    }
    hy_clock_advance(&w->clock, end);
}

static inline void run(world_t *w) {
    run_ms(w, 200);
}

static inline hy_runtime_t *runtime_new(world_t *w, hy_store_t *store) {
    hy_pair_t *pair;
    assert_int_equal(hy_pair_new(w->node, NULL, "pair", &pair), 0);
    hy_way_t way = {.connector = hy_pair_connector(pair)};
    hy_runtime_config_t config = {
        .domain = "d", .clock = &w->clock, .random = &w->random, .ways = &way, .way_count = 1};
    config.store = store;
    hy_runtime_t *rt;
    assert_int_equal(hy_runtime_new(&config, &rt, NULL), 0);
    return rt;
}

typedef struct {
    hy_runtime_t *runtime;
    actor_t *actor;
} opening_t;

static inline void on_address(void *arg, int code, const char *desc, hy_str_t *url) {
    const opening_t *o = arg;
    (void)desc;
    assert_int_equal(code, 0);
    o->actor->url = hy_str_ref(url);
    assert_int_equal(hy_syncher_open(hy_runtime_manager(o->runtime), url, NULL, &events,
                                     &o->actor->old, &o->actor->syncher),
                     0);
}

static inline void actor_open(world_t *w, actor_t *a, hy_runtime_t *rt, const char *name) {
    a->world = w;
    a->name = name;
    a->old = (life_t){.actor = a, .name = "old"};
    a->new = (life_t){.actor = a, .name = "new"};
    hy_buf_init(&a->lines);
    opening_t o = {.runtime = rt, .actor = a};
    hy_node_t *entry = hy_node_new(HY_OBJECT);
    hy_put(entry, "name", hy_text(name));
    assert_int_equal(hy_manager_allocate(hy_runtime_manager(rt), NULL, hy_node_value(entry), false,
                                         on_address, &o),
                     0);
    run(w);
    assert_non_null(a->syncher);
}

static inline void create_as(world_t *w, actor_t *a, life_t *life, const char *address) {
    hy_create_t what = {.schema = hy_str_from("Resource"), .is_public = true, .is_new = true};
    hy_node_t *data = hy_node_new(HY_OBJECT);
    hy_put(data, "n", hy_int(0));
    what.data = hy_node_value(data);
    if (address) what.url = hy_str_from(address);
    assert_int_equal(hy_syncher_create(a->syncher, &what, on_party, life, NULL), 0);
    hy_str_unref(what.schema);
    hy_str_unref(what.url);
    run(w);
}

static inline void subscribe_as(world_t *w, actor_t *a, life_t *life, hy_str_t *url) {
    assert_int_equal(
        hy_syncher_subscribe(a->syncher, url, NULL, HY_STORE_NONE, on_party, life, NULL), 0);
    run(w);
}

/* Nothing has happened yet. */
static inline world_t *world_new_empty(bool is_stored) {
    world_t *w = calloc(1, sizeof *w);
    w->blocks = hy_mem_blocks();
    hy_clock_init(&w->clock, 0);
    hy_random_seed(&w->random, 1);
    hy_node_config_t node = {.domain = "d", .clock = &w->clock, .random = &w->random};
    assert_int_equal(hy_node_server_new(&node, &w->node), 0);
    if (is_stored) {
        hy_disk_t *disk;
        assert_int_equal(hy_disk_new(&disk), 0);
        assert_int_equal(hy_store_open_memory(&w->clock, NULL, disk, &w->store), 0);
        hy_disk_unref(disk);
    }
    w->first = runtime_new(w, w->store);
    w->second = runtime_new(w, NULL);
    run(w);
    actor_open(w, &w->ann, w->first, "ann");
    actor_open(w, &w->nat, w->first, "nat");
    actor_open(w, &w->ben, w->second, "ben");
    actor_open(w, &w->cara, w->second, "cara");
    return w;
}

/* Ann reports an object, which nat and ben observe. */
static inline world_t *world_new(void) {
    world_t *w = world_new_empty(false);
    create_as(w, &w->ann, &w->ann.old, NULL);
    assert_non_null(w->ann.party);
    subscribe_as(w, &w->nat, &w->nat.old, hy_party_url(w->ann.party));
    subscribe_as(w, &w->ben, &w->ben.old, hy_party_url(w->ann.party));
    assert_non_null(w->ben.party);
    assert_non_null(w->nat.party);
    actor_t *all[] = {&w->ann, &w->nat, &w->ben, &w->cara};
    for (size_t i = 0; i < 4; i++) {
        all[i]->lines.len = 0;
        all[i]->called = 0;
    }
    return w;
}

static inline void actor_close(actor_t *a) {
    if (a->syncher) hy_syncher_close(a->syncher);
    a->syncher = NULL;
}

static inline void world_free(world_t *w) {
    actor_t *all[] = {&w->ann, &w->nat, &w->ben, &w->cara};
    run(w);
    for (size_t i = 0; i < 4; i++) {
        actor_close(all[i]);
        hy_party_unref(all[i]->party);
        hy_str_unref(all[i]->url);
        hy_decision_unref(all[i]->decision);
        hy_buf_deinit(&all[i]->lines);
    }
    run(w);
    hy_runtime_free(w->first);
    hy_runtime_free(w->second);
    if (w->store) hy_store_close(w->store);
    hy_node_server_free(w->node);
    hy_clock_deinit(&w->clock);
    assert_int_equal(hy_mem_blocks(), w->blocks);
    free(w);
}

/* --- what actors do --------------------------------------------------------------------------- */

static inline void begin(actor_t *a) {
    hy_error_t err = {.text = ""};
    int rc = hy_syncher_trial_begin(a->syncher, on_broken, a, &err);
    if (rc < 0) print_message("%s\n", err.text);
    assert_int_equal(rc, 0);
}

static inline void commit(actor_t *a) {
    hy_error_t err = {.text = ""};
    int rc = hy_syncher_trial_commit(a->syncher, &a->new, &err);
    if (rc < 0) print_message("%s\n", err.text);
    assert_int_equal(rc, 0);
}

static inline void rollback(actor_t *a) {
    hy_syncher_trial_rollback(a->syncher);
}

/* Sets a field of a tree through a view. */
static inline int set_in(hy_view_t *view, hy_node_t *node, const char *key, int64_t n) {
    hy_edit_t edit = {.kind = HY_OP_SET, .node = node, .value = hy_int(n)};
    edit.key = hy_str_from(key);
    if (!edit.key) return HY_ENOMEM;
    int rc = hy_view_edit(view, &edit, NULL);
    hy_str_unref(edit.key);
    return rc;
}

static inline int set(actor_t *a, const char *key, int64_t n) {
    hy_view_t *view = hy_party_data(a->party);
    return set_in(view, view->root, key, n);
}

static inline int64_t get(actor_t *a, const char *key) {
    return hy_get_int(hy_party_data(a->party)->root, key, -1);
}

static inline int try_add(actor_t *a, int64_t n, hy_child_t **out) {
    hy_str_t *items = hy_str_from("items");
    hy_node_t *data = hy_node_new(HY_OBJECT);
    int rc = items && data && hy_put(data, "n", hy_int(n)) == 0 ? 0 : HY_ENOMEM;
    if (rc == 0) {
        rc = hy_party_add_child(a->party, items, hy_node_value(data), out, NULL);
    } else if (data) {
        hy_node_unref(data);
    }
    hy_str_unref(items);
    return rc;
}

static inline hy_child_t *add(actor_t *a, int64_t n) {
    hy_child_t *child = NULL;
    assert_int_equal(try_add(a, n, &child), 0);
    return child;
}

static inline int write_child(actor_t *a, hy_child_t *child, int64_t n) {
    hy_view_t *view;
    int rc = hy_party_child_view(a->party, child, &view, NULL);
    if (rc < 0) return rc;
    rc = set_in(view, view->root, "n", n);
    hy_view_unref(view);
    return rc;
}

static inline int send_event(actor_t *a, int64_t n) {
    hy_str_t *items = hy_str_from("items");
    int rc = items ? hy_party_send_event(a->party, items, hy_int(n), NULL) : HY_ENOMEM;
    hy_str_unref(items);
    return rc;
}

static inline int emit(actor_t *a, int64_t n) {
    hy_node_t *args = hy_node_new(HY_ARRAY);
    if (args && hy_node_insert(args, 0, hy_int(n)) < 0) {
        hy_node_unref(args);
        args = NULL;
    }
    return args ? hy_syncher_emit(a->syncher, "tick", hy_node_value(args), false, NULL) : HY_ENOMEM;
}

#endif
