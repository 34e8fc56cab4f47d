/* What callbacks of a syncher may do: anything, also end their own party or close the syncher
 * (syncher.h). Lua closes a syncher only between turns, so these stories are told in C. A message
 * node that says yes to everything stands behind the uplink. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sync/syncher.h"

#define OBJECT "resource://d/it"

typedef struct {
    struct world *world;
    hy_syncher_t *syncher;
    hy_party_t *party;
    hy_decision_t *decision; /* asked last and kept open */
    uint32_t asked, ended, called;
    bool closes_at_end, closes_at_call;
} actor_t;

typedef struct world {
    hy_clock_t clock;
    hy_random_t random;
    hy_bus_t *bus;
    hy_uplink_t *uplink;
    hy_schemas_t *schemas;
    hy_manager_t *manager;
    actor_t ann, ben;
    bool is_in_call, decides_later;
    int64_t blocks;
} world_t;

/* --- the world -------------------------------------------------------------------------------- */

static int on_uplink(void *arg, hy_msg_t *m) {
    world_t *w = arg;
    if (!hy_msg_has_id(m) || m->type == HY_MSG_RESPONSE) return 0;
    hy_msg_t *answer = hy_msg_response(m, NULL, 200, NULL, hy_absent());
    hy_uplink_receive(w->uplink, answer);
    hy_msg_unref(answer);
    return 0;
}

static void close_syncher(actor_t *a) {
    if (a->syncher) hy_syncher_close(a->syncher);
    a->syncher = NULL;
}

static void on_decide(void *arg, hy_party_t *party, hy_decision_t *d) {
    actor_t *a = arg;
    (void)party;
    assert_false(a->world->is_in_call);
    a->asked++;
    if (!a->world->decides_later) {
        hy_decision_end(d);
        return;
    }
    assert_null(a->decision);
    a->decision = hy_decision_ref(d);
}

static void on_ended(void *arg, hy_party_t *party, bool evicted) {
    actor_t *a = arg;
    (void)party;
    (void)evicted;
    a->ended++;
    if (a->closes_at_end) close_syncher(a);
}

static void on_child(void *arg, hy_party_t *party, hy_child_event_kind_t kind, hy_child_t *child,
                     hy_change_t *change) {
    (void)arg;
    (void)party;
    (void)kind;
    (void)child;
    (void)change;
}

static void on_unsubscribed(void *arg, hy_party_t *party, hy_str_t *observer) {
    (void)arg;
    (void)party;
    (void)observer;
}

static void on_status(void *arg, hy_party_t *party, hy_party_status_t status) {
    (void)arg;
    (void)party;
    (void)status;
}

static const hy_syncher_events_t events = {.decide = on_decide,
                                           .child = on_child,
                                           .unsubscribed = on_unsubscribed,
                                           .ended = on_ended,
                                           .status = on_status};

static void run(world_t *w) {
    for (int i = 0; i < 100; i++) {
        while (hy_bus_turn(w->bus, 100)) {
        }
        hy_clock_advance(&w->clock, hy_clock_now(&w->clock));
    }
}

static void open_syncher(world_t *w, actor_t *a, const char *address) {
    hy_str_t *url = hy_str_from(address);
    a->world = w;
    assert_int_equal(hy_syncher_open(w->manager, url, NULL, &events, a, &a->syncher), 0);
    hy_str_unref(url);
}

static void on_party(void *arg, int code, const char *desc, hy_party_t *party) {
    actor_t *a = arg;
    (void)desc;
    a->called++;
    if (code == 0 && !a->party) a->party = hy_party_ref(party);
    if (a->closes_at_call) close_syncher(a);
}

static void on_done(void *arg, int code, const char *desc) {
    actor_t *a = arg;
    (void)code;
    (void)desc;
    a->called++;
    if (a->closes_at_call) close_syncher(a);
}

static void create(world_t *w) {
    hy_create_t what = {.schema = hy_str_from("Resource"), .url = hy_str_from(OBJECT)};
    what.is_public = true;
    assert_int_equal(hy_syncher_create(w->ann.syncher, &what, on_party, &w->ann, NULL), 0);
    hy_str_unref(what.schema);
    hy_str_unref(what.url);
    run(w);
    assert_non_null(w->ann.party);
}

static void subscribe(world_t *w) {
    hy_str_t *url = hy_str_from(OBJECT);
    assert_int_equal(
        hy_syncher_subscribe(w->ben.syncher, url, NULL, HY_STORE_NONE, on_party, &w->ben, NULL), 0);
    hy_str_unref(url);
}

/* Ann reports the object, and ben observes it. */
static world_t *world_new(void) {
    world_t *w = calloc(1, sizeof *w);
    w->blocks = hy_mem_blocks();
    hy_clock_init(&w->clock, 0);
    hy_random_seed(&w->random, 1);
    hy_bus_config_t config = {.clock = &w->clock, .random = &w->random};
    assert_int_equal(hy_bus_new(&config, &w->bus), 0);
    assert_int_equal(hy_bus_uplink(w->bus, NULL, on_uplink, w, &w->uplink), 0);
    assert_int_equal(hy_schemas_new("d", &w->schemas), 0);
    hy_manager_config_t manager = {.bus = w->bus, .domain = "d", .schemas = w->schemas};
    manager.runtime = hy_str_from("hyperty-runtime://d/rt");
    assert_int_equal(hy_manager_new(&manager, &w->manager), 0);
    hy_str_unref(manager.runtime);
    open_syncher(w, &w->ann, "hyperty://d/ann");
    open_syncher(w, &w->ben, "hyperty://d/ben");
    create(w);
    subscribe(w);
    run(w);
    assert_non_null(w->ben.party);
    w->ann.called = w->ben.called = 0;
    return w;
}

static void world_free(world_t *w) {
    actor_t *actors[] = {&w->ann, &w->ben};
    run(w);
    for (size_t i = 0; i < 2; i++) {
        close_syncher(actors[i]);
        hy_party_unref(actors[i]->party);
        hy_decision_unref(actors[i]->decision);
    }
    run(w);
    hy_manager_free(w->manager);
    hy_uplink_close(w->uplink);
    hy_bus_free(w->bus);
    hy_schemas_free(w->schemas);
    hy_clock_deinit(&w->clock);
    assert_int_equal(hy_mem_blocks(), w->blocks);
    free(w);
}

static hy_child_t *add_child(actor_t *a) {
    hy_str_t *items = hy_str_from("items");
    hy_child_t *child;
    hy_value_t data = hy_node_value(hy_node_new(HY_OBJECT));
    assert_int_equal(hy_party_add_child(a->party, items, data, &child, NULL), 0);
    hy_str_unref(items);
    return child;
}

static void write_child(actor_t *a, hy_child_t *child, int64_t n) {
    hy_view_t *view;
    assert_int_equal(hy_party_child_view(a->party, child, &view, NULL), 0);
    hy_edit_t edit = {.kind = HY_OP_SET, .node = child->draft, .value = hy_int(n)};
    edit.key = hy_str_from("n");
    assert_int_equal(hy_view_edit(view, &edit, NULL), 0);
    hy_str_unref(edit.key);
    hy_view_unref(view);
}

static void evict_ben(world_t *w) {
    hy_str_t *url = hy_str_from("hyperty://d/ben");
    assert_int_equal(hy_party_evict(w->ann.party, url, on_done, &w->ann, NULL), 0);
    hy_str_unref(url);
}

/* --- stories ---------------------------------------------------------------------------------- */

static void an_observer_that_was_evicted_may_close_its_syncher(void **state) {
    (void)state;
    world_t *w = world_new();
    w->ben.closes_at_end = true;
    evict_ben(w);
    run(w);
    assert_int_equal(w->ben.ended, 1);
    assert_null(w->ben.syncher);
    assert_false(hy_party_is_open(w->ben.party));
    world_free(w);
}

static void one_whose_object_was_deleted_too(void **state) {
    (void)state;
    world_t *w = world_new();
    w->ben.closes_at_end = true;
    assert_int_equal(hy_party_delete(w->ann.party, on_done, &w->ann, NULL), 0);
    run(w);
    assert_int_equal(w->ben.ended, 1);
    assert_int_equal(w->ann.called, 1);
    world_free(w);
}

static void who_waited_for_a_stamp_may_close_it_and_nobody_else_is_called(void **state) {
    (void)state;
    world_t *w = world_new();
    w->ben.closes_at_call = true;
    hy_child_t *child = add_child(&w->ben), *other = add_child(&w->ben);
    for (int i = 0; i < 3; i++) {
        hy_party_await_child(w->ben.party, i == 1 ? other : child, on_done, &w->ben);
    }
    run(w);
    assert_int_equal(w->ben.called, 1);
    assert_null(w->ben.syncher);
    hy_child_unref(child);
    hy_child_unref(other);
    world_free(w);
}

static void who_waited_when_the_object_ended_may_close_it(void **state) {
    (void)state;
    world_t *w = world_new();
    w->decides_later = w->ben.closes_at_call = true;
    hy_child_t *child = add_child(&w->ben);
    hy_party_await_child(w->ben.party, child, on_done, &w->ben);
    hy_party_await_child(w->ben.party, child, on_done, &w->ben);
    evict_ben(w);
    run(w);
    assert_int_equal(w->ben.called, 1);
    assert_null(w->ben.syncher);
    hy_child_unref(child);
    world_free(w);
}

static void the_first_of_two_subscribers_may_close_it(void **state) {
    (void)state;
    world_t *w = world_new();
    close_syncher(&w->ben);
    hy_party_unref(w->ben.party);
    w->ben.party = NULL;
    run(w);
    open_syncher(w, &w->ben, "hyperty://d/ben");
    w->ben.closes_at_call = true;
    subscribe(w);
    subscribe(w);
    run(w);
    assert_int_equal(w->ben.called, 1);
    assert_null(w->ben.syncher);
    world_free(w);
}

static void an_eviction_is_not_told_to_who_has_closed_it(void **state) {
    (void)state;
    world_t *w = world_new();
    evict_ben(w);
    close_syncher(&w->ann);
    run(w);
    assert_int_equal(w->ann.called, 0);
    world_free(w);
}

static void an_object_whose_deletion_is_under_way_has_no_observers(void **state) {
    (void)state;
    world_t *w = world_new();
    hy_value_t observers;
    assert_int_equal(hy_party_delete(w->ann.party, on_done, &w->ann, NULL), 0);
    while (w->ann.called == 0) {
        hy_bus_turn(w->bus, 1);
        int rc = hy_party_observers(w->ann.party, &observers);
        if (w->ann.called == 0) assert_int_equal(rc, 0);
        if (rc == 0) hy_value_drop(observers);
    }
    world_free(w);
}

static void what_waits_for_a_decision_is_not_asked_inside_the_call_that_decides(void **state) {
    (void)state;
    world_t *w = world_new();
    w->decides_later = true;
    hy_child_t *child = add_child(&w->ben);
    write_child(&w->ben, child, 1);
    write_child(&w->ben, child, 2);
    for (uint32_t i = 1; i <= 3; i++) {
        run(w);
        assert_int_equal(w->ann.asked, i);
        hy_decision_t *d = w->ann.decision;
        w->ann.decision = NULL;
        w->is_in_call = true;
        assert_int_equal(hy_decision_accept(d, hy_absent()), 0);
        w->is_in_call = false;
        hy_decision_unref(d);
    }
    run(w);
    assert_int_equal(child->version, 2);
    hy_child_unref(child);
    world_free(w);
}

static void closing_the_syncher_asks_nothing_more(void **state) {
    (void)state;
    world_t *w = world_new();
    w->decides_later = true;
    hy_child_t *child = add_child(&w->ben);
    write_child(&w->ben, child, 1);
    run(w);
    w->is_in_call = true;
    close_syncher(&w->ann);
    w->is_in_call = false;
    assert_int_equal(w->ann.asked, 1);
    hy_child_unref(child);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_observer_that_was_evicted_may_close_its_syncher),
        cmocka_unit_test(one_whose_object_was_deleted_too),
        cmocka_unit_test(who_waited_for_a_stamp_may_close_it_and_nobody_else_is_called),
        cmocka_unit_test(who_waited_when_the_object_ended_may_close_it),
        cmocka_unit_test(the_first_of_two_subscribers_may_close_it),
        cmocka_unit_test(an_eviction_is_not_told_to_who_has_closed_it),
        cmocka_unit_test(an_object_whose_deletion_is_under_way_has_no_observers),
        cmocka_unit_test(what_waits_for_a_decision_is_not_asked_inside_the_call_that_decides),
        cmocka_unit_test(closing_the_syncher_asks_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
