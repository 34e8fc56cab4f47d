/* What is remembered of requests for HY_ANSWER_KEPT_MS.
 *
 * - Of each `execute` and `create` that was delivered here: that it was, and its final answer. A
 *   repeated one (same from, to and id) is not delivered again; it gets the same answer again. `to`
 * is part of the key because the bus stands for many receivers.
 * - Of each `subscribe` only that it was: its answer may be a whole object, and be old by then.
 * - Of a request that came in by an uplink which its `from` alone would not lead back to: that
 * uplink.
 *
 * All live equally long, so one list in order of age serves expiry and eviction. Expiry happens
 * when the table is used; its bounds, in records and in bytes, are all that idle memory can cost. A
 * record owns what it points to. */
#include "../base/mem.h"
#include "../base/mutant.h"
#include "bus_private.h"

typedef struct {
    hy__entry_t entry;
    hy_link_t link; /* by age */
    uint64_t until_ms;
    hy_value_t id;
    hy_str_t *from, *to;
    hy_msg_t *answer; /* NULL: none yet */
    hy_uplink_t *way; /* NULL: by domain */
    bool is_delivered;
    bool has_no_answer; /* it is not kept */
} recall_t;

static uint32_t hash_of(hy_str_t *from, hy_str_t *to, hy_value_t id) {
    uint64_t i = (uint64_t)id.as.i;
    uint32_t of_id = id.kind == HY_STR ? hy_str_hash(id.as.s) : (uint32_t)(i ^ i >> 32);
    return hy__hash_pair(hy__hash_pair(hy_str_hash(from), hy_str_hash(to)), of_id);
}

static bool is_same_id(hy_value_t a, hy_value_t b) {
    if (a.kind != b.kind) return false;
    return a.kind == HY_STR ? hy_str_equal(a.as.s, b.as.s) : a.as.i == b.as.i;
}

static void forget(hy_bus_t *bus, recall_t *r) {
    hy__table_remove(&bus->recalls, &r->entry);
    hy_list_remove(&r->link);
    if (r->answer) bus->recalls_bytes -= hy_msg_bytes(r->answer);
    if (r->id.kind == HY_STR) hy_str_unref(r->id.as.s);
    hy_str_unref(r->from);
    hy_str_unref(r->to);
    hy_msg_unref(r->answer);
    hy__uplink_unref(r->way);
    hy_free(r);
}

static recall_t *oldest(const hy_bus_t *bus) {
    if (hy_list_is_empty(&bus->recalls_by_age)) return NULL;
    return hy_link_owner(bus->recalls_by_age.next, recall_t, link);
}

static recall_t *find(hy_bus_t *bus, hy_str_t *from, hy_str_t *to, hy_value_t id, uint32_t hash) {
    uint64_t now = hy_clock_now(bus->config.clock);
    for (recall_t *r; (r = oldest(bus)) && r->until_ms <= now;)
        forget(bus, r);
    for (hy__entry_t *e = hy__table_first(&bus->recalls, hash); e; e = e->next) {
        recall_t *r = (recall_t *)e;
        if (e->hash == hash && is_same_id(r->id, id) && hy_str_equal(r->from, from) &&
            hy_str_equal(r->to, to))
            return r;
    }
    return NULL;
}

/* The record of that request, made if missing; NULL when out of memory. */
static recall_t *record(hy_bus_t *bus, hy_str_t *from, hy_str_t *to, hy_value_t id) {
    uint32_t hash = hash_of(from, to, id);
    recall_t *r = find(bus, from, to, id, hash);
    if (r) return r;
    if (bus->recalls.count >= HY_BUS_ANSWERS_KEPT_MAX) forget(bus, oldest(bus));
    r = hy_alloc(sizeof *r);
    if (!r) return NULL;
    *r = (recall_t){.until_ms = hy_clock_now(bus->config.clock) + HY_ANSWER_KEPT_MS, .id = id};
    if (!hy__table_add(&bus->recalls, &r->entry, hash)) {
        hy_free(r);
        return NULL;
    }
    if (r->id.kind == HY_STR) hy_str_ref(r->id.as.s);
    r->from = hy_str_ref(from);
    r->to = hy_str_ref(to);
    hy_list_append(&bus->recalls_by_age, &r->link);
    return r;
}

static recall_t *remember(hy_bus_t *bus, const hy_msg_t *m) {
    return record(bus, m->from, m->to, m->id);
}

static void keep_answer(hy_bus_t *bus, recall_t *r, hy_msg_t *answer) {
    r->answer = hy_msg_ref(answer);
    bus->recalls_bytes += hy_msg_bytes(answer);
    while (bus->recalls_bytes > HY_BUS_ANSWERS_BYTES_MAX)
        forget(bus, oldest(bus));
}

/* Where it belongs by age. */
static void age(hy_bus_t *bus, recall_t *r, uint64_t age_ms) {
    uint64_t now = hy_clock_now(bus->config.clock);
    r->until_ms = now + HY_ANSWER_KEPT_MS - age_ms;
    hy_link_t *before = &bus->recalls_by_age;
    hy_list_remove(&r->link);
    while (before->prev != &bus->recalls_by_age &&
           hy_link_owner(before->prev, recall_t, link)->until_ms > r->until_ms)
        before = before->prev;
    hy_list_append(before, &r->link);
}

int hy_bus_recall(hy_bus_t *bus, hy_msg_t *answer, uint64_t age_ms) {
    if (age_ms >= HY_ANSWER_KEPT_MS) return 0;
    recall_t *r = record(bus, answer->to, answer->from, answer->id);
    if (!r) return HY_ENOMEM;
    if (r->answer) return 0;
    r->is_delivered = true;
    age(bus, r, age_ms);
    keep_answer(bus, r, answer);
    return 0;
}

void hy_bus_recalled(hy_bus_t *bus, const hy_str_t *to, hy_recalled_cb cb, void *arg) {
    uint64_t now = hy_clock_now(bus->config.clock);
    for (hy_link_t *l = bus->recalls_by_age.prev; l != &bus->recalls_by_age; l = l->prev) {
        const recall_t *r = hy_link_owner(l, recall_t, link);
        if (r->until_ms <= now) return;
        if (!r->is_delivered || !r->answer || !hy_str_equal(r->to, to)) continue;
        if (!cb(arg, r->answer, now + HY_ANSWER_KEPT_MS - r->until_ms)) return;
    }
}

bool hy__recall_request(hy_bus_t *bus, const hy_msg_t *m) {
    recall_t *r = remember(bus, m);
    if (!r) return true; /* better twice than not at all */
    if (!r->is_delivered || HY_MUTANT(EXECUTE_TWICE)) {
        r->is_delivered = true;
        r->has_no_answer = m->type == HY_MSG_SUBSCRIBE;
        return true;
    }
    if (r->answer) hy__bus_queue(bus, r->answer, NULL);
    return false;
}

void hy__recall_way(hy_bus_t *bus, const hy_msg_t *m, hy_uplink_t *origin) {
    recall_t *r = remember(bus, m);
    if (!r) return; /* the answer leaves by the domain of its `to` */
    hy__uplink_unref(r->way);
    r->way = hy__uplink_ref(origin);
}

hy_uplink_t *hy__recall_response(hy_bus_t *bus, hy_msg_t *response) {
    if (bus->recalls.count == 0 || !hy_msg_has_id(response)) return NULL;
    hy_str_t *from = response->to, *to = response->from;
    recall_t *r = find(bus, from, to, response->id, hash_of(from, to, response->id));
    if (!r) return NULL;
    hy_uplink_t *way = r->way;
    if (r->is_delivered && !r->has_no_answer && !r->answer && hy_msg_code(response) >= 200) {
        keep_answer(bus, r, response);
    }
    return way;
}

void hy__recalls_forget(hy_bus_t *bus, const hy_uplink_t *u) {
    for (hy_link_t *l = bus->recalls_by_age.next; l != &bus->recalls_by_age; l = l->next) {
        recall_t *r = hy_link_owner(l, recall_t, link);
        if (r->way != u) continue;
        hy__uplink_unref(r->way);
        r->way = NULL;
    }
}

void hy__recalls_free(hy_bus_t *bus) {
    for (recall_t *r; (r = oldest(bus));)
        forget(bus, r);
    hy__table_deinit(&bus->recalls);
}
