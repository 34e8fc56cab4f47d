/* A node that is killed at any moment, again and again, while three runtimes allocate addresses,
 * report guarded objects, subscribe, admit and expel, and delete. Whatever was acknowledged holds
 * in its next life; what was not may or may not. The model keeps a yes, a no or a don't-know for
 * each fact; it shares nothing with the node. */
#include "keep_support.h"

#define SLOTS 12
#define STEPS 4000
#define ALL   3
#define KILLS 60 /* at least so many */

typedef enum { NO, YES, UNKNOWN } truth_t;

/* One thing that is so or not, and the request that may change it. */
typedef struct {
    truth_t is, wanted;
    int64_t id; /* of the last request about it */
} fact_t;

typedef struct {
    bool is_used;
    int owner;
    char url[HY_URL_BYTES_MAX];
    fact_t allocated, held, routed[ALL], admitted[ALL];
} slot_t;

static slot_t slots[SLOTS];
static runtime_t *const RUNTIMES[ALL] = {&a, &b, &c};
static unsigned allocations, checks;

static const char *hyperty_of(int r) {
    static const char *const HYPERTIES[ALL] = {"hyperty://d/ha", "hyperty://d/hb",
                                               "hyperty://d/hc"};
    return HYPERTIES[r];
}

static uint64_t roll(uint64_t sides) {
    return hy_random_u64(&the_random) % sides;
}

/* --- facts ------------------------------------------------------------------------------------ */

/* They lie one after another in a slot. */
#define FACTS (2 + 2 * ALL)

static fact_t *fact_of(slot_t *s, int i) {
    if (i == 0) return &s->allocated;
    if (i == 1) return &s->held;
    return i < 2 + ALL ? &s->routed[i - 2] : &s->admitted[i - 2 - ALL];
}

static bool is_sure(slot_t *s) {
    for (int i = 0; i < FACTS; i++)
        if (fact_of(s, i)->is == UNKNOWN) return false;
    return true;
}

static void ask_for(int r, fact_t *f, truth_t wanted, const char *type, const char *to,
                    const char *body) {
    *f = (fact_t){.is = UNKNOWN, .wanted = wanted, .id = next_id++};
    send_with(RUNTIMES[r], f->id, type, hyperty_of(r), to, body);
}

static void hear_allocated(slot_t *s, const hy_msg_t *m) {
    const hy_node_t *list =
        hy_get_array(hy_get_object(hy_msg_body((hy_msg_t *)m), "value"), "allocated");
    if (!list) return;
    snprintf(s->url, sizeof s->url, "%s", hy_node_at(list, 0).as.s->bytes);
    for (int i = 0; i < SLOTS; i++)
        assert_true(&slots[i] == s || !slots[i].is_used || strcmp(slots[i].url, s->url) != 0);
    allocations++;
}

static void hear(const hy_msg_t *m) {
    for (int i = 0; i < SLOTS * FACTS; i++) {
        slot_t *s = &slots[i / FACTS];
        fact_t *f = fact_of(s, i % FACTS);
        if (!s->is_used || f->is != UNKNOWN || f->id != m->id.as.i) continue;
        assert_int_equal(hy_msg_code((hy_msg_t *)m), 200);
        if (f == &s->allocated && f->wanted == YES) hear_allocated(s, m);
        f->is = f->wanted;
    }
}

/* Takes what came; gives how many changes were among it. */
static int collect(runtime_t *r) {
    int changes = 0;
    while (r->count > 0) {
        hy_msg_t *m = r->inbox[--r->count];
        if (m->type == HY_MSG_RESPONSE)
            hear(m);
        else
            changes++;
        hy_msg_unref(m);
    }
    return changes;
}

static void collect_all(void) {
    for (int r = 0; r < ALL; r++)
        collect(RUNTIMES[r]);
}

/* --- what is done ----------------------------------------------------------------------------- */

static void body_of(char *body, size_t room, const slot_t *s, const char *tail, int who,
                    const char *more) {
    snprintf(body, room, "{\"resources\":[\"%s%s\"],\"source\":\"%s\"%s}", s->url, tail,
             hyperty_of(who), more);
}

static void begin_slot(slot_t *s) {
    *s = (slot_t){.is_used = true, .owner = (int)roll(ALL)};
    char body[128];
    snprintf(body, sizeof body, "{\"scheme\":\"comm\",\"value\":{\"number\":%d}}",
             roll(12) ? 1 : 1 + (int)roll(250));
    ask_for(s->owner, &s->allocated, YES, "create", ALLOC, body);
}

static void hold(slot_t *s) {
    char body[3 * HY_URL_BYTES_MAX];
    body_of(body, sizeof body, s, "", s->owner, ",\"guard\":true,\"epoch\":\"1-x\"");
    ask_for(s->owner, &s->held, YES, "subscribe", SM, body);
}

static void toggle_route(slot_t *s, int r) {
    char body[3 * HY_URL_BYTES_MAX];
    fact_t *f = &s->routed[r];
    if (f->is == UNKNOWN || r == s->owner) return;
    body_of(body, sizeof body, s, "/changes", r, "");
    ask_for(r, f, f->is == YES ? NO : YES, f->is == YES ? "unsubscribe" : "subscribe", SM, body);
}

static void toggle_admission(slot_t *s, int r) {
    char body[3 * HY_URL_BYTES_MAX];
    fact_t *f = &s->admitted[r];
    if (f->is == UNKNOWN || s->held.is != YES || r == s->owner) return;
    snprintf(body, sizeof body, "{\"method\":\"%s\",\"params\":[\"%s\",\"%s\"]}",
             f->is == YES ? "expel" : "admit", s->url, hyperty_of(r));
    ask_for(s->owner, f, f->is == YES ? NO : YES, "execute", SM, body);
}

static void give_back(slot_t *s) {
    char body[2 * HY_URL_BYTES_MAX];
    snprintf(body, sizeof body, "{\"childrenResources\":[\"%s\"]}", s->url);
    ask_for(s->owner, &s->allocated, NO, "delete", ALLOC, body);
}

static void do_something(slot_t *s) {
    if (!s->is_used) {
        begin_slot(s);
    } else if (s->allocated.is == YES) {
        if (s->held.is == NO)
            hold(s);
        else if (roll(2))
            toggle_route(s, (int)roll(ALL));
        else if (roll(12))
            toggle_admission(s, (int)roll(ALL));
        else if (is_sure(s))
            give_back(s);
    }
}

/* --- what must hold --------------------------------------------------------------------------- */

static void check_published(slot_t *s) {
    char to[HY_URL_BYTES_MAX + 16];
    snprintf(to, sizeof to, "%s/changes", s->url);
    collect_all();
    tell(RUNTIMES[s->owner], "update", s->url, to, "{\"value\":1}");
    for (int r = 0; r < ALL; r++) {
        bool is_due = s->routed[r].is == YES && s->admitted[r].is == YES;
        assert_int_equal(collect(RUNTIMES[r]), is_due);
    }
    checks++;
}

static void check(slot_t *s) {
    int other = (s->owner + 1) % ALL;
    if (s->allocated.is == YES) {
        char body[3 * HY_URL_BYTES_MAX];
        body_of(body, sizeof body, s, "", other, "");
        assert_int_equal(request(RUNTIMES[other], "subscribe", hyperty_of(other), SM, body), 403);
        if (s->held.is == YES && is_sure(s)) check_published(s);
    } else if (s->allocated.is == NO) {
        assert_int_equal(request(RUNTIMES[other], "read", hyperty_of(other), s->url, "{}"), 410);
    }
}

/* What is not known by now never will be: the model lets go of it. */
static void live_again(void) {
    kill_node();
    collect_all();
    hy_disk_set_delay(the_disk, roll(3) ? roll(40) : 0);
    start_node();
    all_come_back();
    for (int i = 0; i < SLOTS; i++) {
        if (!slots[i].is_used) continue;
        check(&slots[i]);
        if (!is_sure(&slots[i]) || slots[i].allocated.is == NO) slots[i].is_used = false;
    }
}

static void what_is_acknowledged_holds_in_the_next_life(void **state) {
    (void)state;
    unsigned kills = 0;
    memset(slots, 0, sizeof slots);
    for (int step = 0; step < STEPS; step++) {
        slot_t *s = &slots[roll(SLOTS)];
        do_something(s);
        if (roll(3) == 0) pass_ms(roll(30));
        collect_all();
        if (s->is_used && s->allocated.is == YES && s->held.is == YES && is_sure(s))
            check_published(s);
        if (roll(40)) continue;
        live_again();
        kills++;
    }
    assert_true(kills > KILLS);
    assert_true(allocations > KILLS);
    assert_true(checks > 10 * KILLS);
}

int main(void) {
    const struct CMUnitTest tests[] = {KEPT(what_is_acknowledged_holds_in_the_next_life)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
