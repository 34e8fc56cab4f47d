/* Requests that wait for their answer.
 *
 *      hy_bus_request ──► WAITING ──final answer──► gone
 *                          │    └──no answer: 408──► LATE or gone
 *                          └───────cancel──────────► LATE or gone
 *
 * LATE is what is left of a request that has a late callback: it waits HY_REQUEST_LATE_MS more for
 * an answer, counts towards the bound of requests and gives way, oldest first, to new ones. One
 * timer serves both states. A request is found by its id; a callback may cancel the request it is
 * called for, so the memory goes only after the callback has returned.
 *
 * A record owns a reference of its message and is owned by the table. */
#include <assert.h>

#include "../base/mem.h"
#include "bus_private.h"

#define ANSWER_AGAIN_MS 100u /* until a 408 is made again for which there was no memory */

struct hy_request {
    hy__entry_t entry;
    hy_link_t link; /* in late_requests */
    enum { WAITING, LATE, GONE } state;
    bool calling;
    hy_bus_t *bus;
    hy_msg_t *m;
    hy_timer_t timer;
    uint64_t timeout_ms;
    hy_answer_cb cb;
    void *arg;
    hy_late_cb late;
};

static uint32_t hash_of(int64_t id) {
    return (uint32_t)((uint64_t)id ^ (uint64_t)id >> 32);
}

static hy_request_t *find(const hy_bus_t *bus, hy_value_t id, const hy_str_t *from) {
    if (id.kind != HY_INT) return NULL;
    for (hy__entry_t *e = hy__table_first(&bus->requests, hash_of(id.as.i)); e; e = e->next) {
        hy_request_t *r = (hy_request_t *)e;
        if (r->m->id.as.i == id.as.i && hy_str_equal(r->m->from, from)) return r;
    }
    return NULL;
}

static void request_free(hy_request_t *r) {
    hy_msg_unref(r->m);
    hy_free(r);
}

/* The end of its life in the table; the memory stays while a callback runs. */
static void finish(hy_request_t *r) {
    assert(r->state != GONE);
    r->state = GONE;
    hy_timer_stop(r->bus->config.clock, &r->timer);
    hy_list_remove(&r->link);
    hy__table_remove(&r->bus->requests, &r->entry);
    if (!r->calling) request_free(r);
}

/* Nobody waits any more; an answer may still come. */
static void give_up(hy_request_t *r) {
    if (!r->late || hy_timer_start(r->bus->config.clock, &r->timer, HY_REQUEST_LATE_MS) < 0) {
        finish(r);
        return;
    }
    r->state = LATE;
    hy_list_append(&r->bus->late_requests, &r->link);
}

static void call(hy_request_t *r, hy_msg_t *answer, int code) {
    r->calling = true;
    r->cb(r->arg, answer, code);
    r->calling = false;
    if (r->state == GONE) request_free(r);
}

static void on_timer(void *arg) {
    hy_request_t *r = arg;
    hy_bus_t *bus = r->bus;
    if (r->state == LATE) {
        finish(r);
        return;
    }
    hy_error_t desc;
    hy_fail(&desc, HY_ETIMEOUT, "no answer within %llu ms from %s",
            (unsigned long long)r->timeout_ms, r->m->to->bytes);
    hy_msg_t *answer = hy_msg_response(r->m, NULL, 408, desc.text, hy_absent());
    if (!answer) {
        /* The place that the timer has just left in the heap is still there. */
        int code = hy_timer_start(bus->config.clock, &r->timer, ANSWER_AGAIN_MS);
        assert(code == 0);
        (void)code;
        return;
    }
    bus->stats.unanswered++;
    r->calling = true; /* so that it outlives giving up */
    give_up(r);
    call(r, answer, 408);
    hy_msg_unref(answer);
}

bool hy__request_answer(hy_bus_t *bus, hy_msg_t *response) {
    hy_request_t *r = find(bus, response->id, response->to);
    if (!r) return false;
    int code = hy_msg_code(response);
    if (code == 0) code = 500;
    if (r->state == LATE) {
        if (code < 200) return true;
        bus->stats.late++;
        hy_late_cb late = r->late;
        hy_msg_t *request = hy_msg_ref(r->m);
        finish(r);
        late(bus, request, response);
        hy_msg_unref(request);
        return true;
    }
    bus->stats.delivered++;
    if (code < 200) {
        int failed = hy_timer_start(bus->config.clock, &r->timer, r->timeout_ms);
        assert(failed == 0); /* moved, not added */
        (void)failed;
    } else {
        r->calling = true;
        finish(r);
    }
    call(r, response, code);
    return true;
}

static int make_room(hy_bus_t *bus) {
    if (bus->requests.count < HY_BUS_REQUESTS_MAX) return 0;
    if (hy_list_is_empty(&bus->late_requests)) {
        bus->stats.full++;
        return HY_EFULL;
    }
    finish(hy_link_owner(bus->late_requests.next, hy_request_t, link));
    return 0;
}

static int add(hy_bus_t *bus, hy_request_t *r) {
    if (!hy__table_add(&bus->requests, &r->entry, hash_of(r->m->id.as.i))) return HY_ENOMEM;
    int code = hy_timer_start(bus->config.clock, &r->timer, r->timeout_ms);
    if (code < 0) hy__table_remove(&bus->requests, &r->entry);
    return code;
}

int hy_bus_request(hy_bus_t *bus, hy_msg_t *m, uint64_t timeout_ms, hy_answer_cb cb, void *arg,
                   hy_late_cb late, hy_request_t **out) {
    assert(m->id.kind == HY_INT && m->type != HY_MSG_RESPONSE);
    if (bus->is_ending) return HY_ECLOSED;
    hy_request_t *before = find(bus, m->id, m->from);
    if (before && before->state == WAITING) return HY_ECONFLICT;
    int code = before ? 0 : make_room(bus); /* a second try takes the place of the first */
    if (code < 0) return code;
    hy_request_t *r = hy_alloc(sizeof *r);
    if (!r) return HY_ENOMEM;
    *r = (hy_request_t){.state = WAITING, .bus = bus, .m = hy_msg_ref(m), .cb = cb, .arg = arg};
    r->late = late;
    r->timeout_ms = timeout_ms ? timeout_ms : HY_REQUEST_TIMEOUT_MS;
    hy_link_init(&r->link);
    hy_timer_init(&r->timer, on_timer, r);
    if ((code = add(bus, r)) < 0) {
        request_free(r);
        return code;
    }
    if ((code = hy__bus_queue(bus, m, NULL)) < 0) {
        finish(r);
        return code;
    }
    bus->stats.sent++;
    if (before) finish(before);
    if (out) *out = r;
    return 0;
}

void hy_request_cancel(hy_request_t *r) {
    if (!r || r->state != WAITING) return;
    give_up(r);
}

int hy_bus_respond(hy_bus_t *bus, hy_msg_t *request, int code, const char *desc, hy_value_t value) {
    if (!hy_msg_has_id(request) || request->type == HY_MSG_RESPONSE) {
        hy_value_drop(value);
        return 0;
    }
    hy_msg_t *response = hy_msg_response(request, NULL, code, desc, value);
    int result = response ? hy_bus_send(bus, response) : HY_ENOMEM;
    hy_msg_unref(response);
    return result;
}

static hy_msg_t *farewell_to(const hy_msg_t *request) {
    return hy_msg_response(request, NULL, 503, "the runtime ends", hy_absent());
}

int hy__requests_init(hy_bus_t *bus) {
    hy_str_t *nobody = hy_str_from("");
    hy_msg_t *request = hy_msg_new(HY_MSG_READ, hy_int(1), nobody, nobody, hy_absent());
    bus->farewell = request ? farewell_to(request) : NULL;
    hy_msg_unref(request);
    hy_str_unref(nobody);
    return bus->farewell ? 0 : HY_ENOMEM;
}

void hy_bus_end_requests(hy_bus_t *bus) {
    bus->is_ending = true;
    uint32_t slot = 0;
    for (hy_request_t *r; (r = (hy_request_t *)hy__table_take(&bus->requests, &slot));) {
        hy_timer_stop(bus->config.clock, &r->timer);
        hy_list_remove(&r->link);
        bool waits = r->state == WAITING;
        hy_msg_t *answer = waits ? farewell_to(r->m) : NULL;
        r->state = GONE;
        if (waits) r->cb(r->arg, answer ? answer : bus->farewell, 503);
        hy_msg_unref(answer);
        request_free(r);
    }
}

void hy__requests_free(hy_bus_t *bus) {
    uint32_t slot = 0;
    for (hy_request_t *r; (r = (hy_request_t *)hy__table_take(&bus->requests, &slot));) {
        hy_timer_stop(bus->config.clock, &r->timer);
        request_free(r);
    }
    hy__table_deinit(&bus->requests);
    hy_msg_unref(bus->farewell);
}
