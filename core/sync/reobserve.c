/* Observers after a lost session, and how an observed object stands (PROTOCOL.md section 7).
 *
 *      each member:  routes at the node ─► <Object>/subscription, since ─► level
 *                                              ├─ 401, 403 ─► out     410 ─► deleted
 *                                              └─ else (the reporter is not back) ─► again, later
 *
 * The copy is shared, and who was struck off meanwhile must not see it go on. So it is held until
 * each member has had its answer; the last one brings it level. Else the first answer does, and the
 * others are of members that hear it anyway. */
#include "../base/mem.h"
#include "sync.h"

/* --- held ------------------------------------------------------------------------------------- */

bool hy__replica_is_held(hy_replica_t *r) {
    if (!r->is_held) return false;
    uint32_t count = 0;
    r->is_held = false;
    for (hy_link_t *l = r->members.next; l != &r->members; l = l->next) {
        const hy_member_t *m = hy_link_owner(l, hy_member_t, link);
        if (m->state != HY_MEMBER_OUT) count++;
        if (m->state == HY_MEMBER_IN && hy__job_is_wanted(&m->job)) r->is_held = true;
    }
    return r->is_held && count > 1; /* who is alone gets nothing that is not its own */
}

/* --- subscribing again ------------------------------------------------------------------------ */

static void take_answer(hy_member_t *m, hy_msg_t *answer) {
    hy_replica_t *r = m->replica;
    const hy_node_t *value = hy_get_object(hy_msg_body(answer), "value");
    bool is_taken = r->is_rejoined;
    if (hy__replica_is_held(r)) return; /* it comes with the last answer, or is read after it */
    if (!is_taken) {
        hy_str_t *before = hy_str_ref(r->object->epoch);
        r->read_reason = "reconnected";
        is_taken = hy__replica_take_part(r, answer) || hy__replica_take_value(r, value) == 0;
        hy__replica_subscribe_again(r, before, m);
        hy_str_unref(before);
    }
    r->is_rejoined = true;
    hy__replica_is_back(r);
    if (m->state != HY_MEMBER_IN) return; /* ended by what it was told */
    if (is_taken) {
        hy__arrival_settle(r);
    } else {
        r->wants_whole = true;
        r->has_lost = true;
    }
    if (r->has_lost || r->head > r->object->version) hy__replica_read(r, "reconnected");
}

/* What the reporter writes by now may be beyond what is known here: then what does not fit is not
 * taken in, and the copy stays behind. */
static void agree(hy_replica_t *r, hy_msg_t *answer) {
    hy_error_t err = {.text = ""};
    hy__agree_hear(r, hy_msg_body(answer));
    if (r->object && hy__agree_again(r, &err) < 0)
        hy_log(hy_bus_log(r->manager->bus), HY_LOG_ERROR, "sync", "%s: %s", r->url->bytes,
               err.text);
}

static void on_subscribed(void *member, int http, hy_msg_t *answer) {
    hy_member_t *m = member;
    hy_replica_t *r = m->replica;
    hy__replica_enter(r);
    if (http < 300) {
        hy__job_end(&m->job);
        hy__member_admitted(m, hy_msg_body(answer));
        agree(r, answer);
        take_answer(m, answer);
    } else if (http == 401 || http == 403) {
        hy__member_end(m, true);
    } else if (http == 410) {
        hy__replica_end(r, false);
    } else {
        hy__job_retry(&m->job);
        if (http == 404) r->is_disconnected = true;
    }
    hy__replica_tell_status(r);
    hy__replica_exit(r);
}

static void on_routed(void *member, int http, hy_msg_t *answer) {
    hy_member_t *m = member;
    hy_replica_t *r = m->replica;
    hy_manager_t *manager = r->manager;
    (void)answer;
    if (http < 300) {
        hy__job_ask(&m->job, HY_MSG_SUBSCRIBE, manager->sm, hy__url_below(r->url, "/subscription"),
                    hy__member_subscription(m), on_subscribed);
    } else if (http == 410) {
        hy__replica_end(r, false);
    } else {
        hy__job_retry(&m->job);
    }
}

static void run(void *member) {
    hy_member_t *m = member;
    hy_replica_t *r = m->replica;
    hy_manager_t *manager = r->manager;
    hy__job_ask(&m->job, HY_MSG_SUBSCRIBE, manager->sm, hy__domain_sm(manager, r->url),
                hy__route_body(hy__replica_routes(r), m->hyperty), on_routed);
}

void hy__member_init_job(hy_member_t *m) {
    hy__job_init(&m->job, m->manager, m->url, run, m);
}

void hy__member_renew(hy_member_t *m) {
    if (!hy__job_is_wanted(&m->job)) hy__job_want(&m->job);
}

/* --- lost and found --------------------------------------------------------------------------- */

/* What was asked is not answered any more. */
static void stop_reading(hy_replica_t *r) {
    hy_timer_stop(hy_bus_clock(r->manager->bus), &r->retry);
    r->retry_ms = 0;
    if (!r->read) return;
    hy_request_cancel(r->read);
    r->read = NULL;
    r->has_lost = true;
}

/* What is reported in this runtime is as near as before. */
void hy__replica_offline(hy_replica_t *r) {
    if (hy__manager_hosts(r->manager, r->url)) return;
    hy__replica_enter(r);
    stop_reading(r);
    r->is_away = r->is_disconnected = true;
    if (r->object) hy__replica_tell_status(r);
    hy__replica_exit(r);
}

void hy__replica_is_back(hy_replica_t *r) {
    if (!r->is_disconnected || r->is_away) return;
    r->is_disconnected = false;
    hy__outbox_resume(r);
}

void hy__replica_renew(hy_replica_t *r) {
    stop_reading(r);
    r->is_away = r->is_rejoined = false;
    for (hy_link_t *l = r->members.next; l != &r->members; l = l->next) {
        hy_member_t *m = hy_link_owner(l, hy_member_t, link);
        if (m->state == HY_MEMBER_IN) hy__job_want(&m->job);
    }
}

void hy__replica_rejoin(hy_replica_t *r) {
    r->is_held = true;
    hy__replica_renew(r);
}

static void on_caught_up(void *replica, int http, hy_msg_t *answer) {
    hy_replica_t *r = replica;
    hy__job_end(&r->catch_up);
    r->read_reason = "reconnected";
    hy__replica_take_read(r, answer, http);
}

static void catch_up(void *replica) {
    hy_replica_t *r = replica;
    hy_str_t *speaker = NULL;
    for (hy_link_t *l = r->members.next; l != &r->members && !speaker; l = l->next) {
        const hy_member_t *m = hy_link_owner(l, hy_member_t, link);
        if (m->state == HY_MEMBER_IN) speaker = m->hyperty;
    }
    if (!speaker || !r->object) {
        hy__job_end(&r->catch_up);
        return;
    }
    hy_value_t body = hy_node_value(hy_node_new(HY_OBJECT));
    if (body.kind == HY_OBJECT && !r->wants_whole && hy__put_since(body.as.n, r->object) < 0) {
        hy_value_drop(body);
        body = hy_absent();
    }
    if (body.kind == HY_OBJECT) hy__put_window(body.as.n);
    r->has_lost = false;
    hy__job_ask(&r->catch_up, HY_MSG_READ, speaker, hy_str_ref(r->url), body, on_caught_up);
}

void hy__replica_init_job(hy_replica_t *r) {
    hy__job_init(&r->catch_up, r->manager, r->url, catch_up, r);
}

void hy__replica_online(hy_replica_t *r) {
    if (!r->is_away) return; /* reported in this runtime */
    stop_reading(r);
    r->is_away = false;
    if (r->object) hy__job_want(&r->catch_up);
}

/* --- status ----------------------------------------------------------------------------------- */

/* Only the registry of the object's domain knows. */
void hy__replica_on_registration(void *replica, hy_msg_t *m) {
    hy_replica_t *r = replica;
    const hy_node_t *body = hy_msg_body(m);
    hy_str_t *attribute = hy_get_str(body, "attribute"), *value = hy_get_str(body, "value");
    bool is_known = m->type == HY_MSG_UPDATE && hy_str_equal(m->from, r->node_registry);
    if (!is_known || !r->object || r->is_away || hy__manager_hosts(r->manager, r->url)) return;
    if (!attribute || !value || !hy_str_is(attribute, "status")) return;
    hy__replica_enter(r);
    if (hy_str_is(value, "disconnected")) {
        r->is_disconnected = true;
    } else if (hy_str_is(value, "live") && r->is_disconnected && !r->read) {
        hy_timer_stop(hy_bus_clock(r->manager->bus), &r->retry);
        r->retry_ms = 0;
        r->has_lost = true;
        hy__replica_read(r, "reconnected");
    }
    hy__replica_tell_status(r);
    hy__replica_exit(r);
}

uint64_t hy__replica_pulse(hy_replica_t *r) {
    uint64_t now_ms = hy_clock_now(hy_bus_clock(r->manager->bus));
    hy__copy_catch_up(r->ledger);
    if (!r->object || r->is_away) return now_ms + HY_SILENCE_MS;
    if (now_ms < r->heard_ms + HY_SILENCE_MS) return r->heard_ms + HY_SILENCE_MS;
    hy__replica_enter(r);
    hy__replica_read(r, "silence");
    hy__replica_tell_status(r);
    hy__replica_exit(r);
    return now_ms + HY_DIGEST_MS;
}
