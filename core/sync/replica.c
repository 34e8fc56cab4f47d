/* Replicas: the one copy of an object that all observers of a runtime share, its routes, and its
 * members (PROTOCOL.md section 5, Subscribe and Unsubscribe).
 *
 * A member is one hyperty: asking, in, or out. The routes of a member are its own at the node
 * (source); with the last member the copy goes. What arrives is taken in by
 * arrival.c; how one becomes a member: joining.c. */
#include <stdlib.h>

#include "../base/mem.h"
#include "../base/mutant.h"
#include "sync.h"

/* --- members ---------------------------------------------------------------------------------- */

hy_member_t *hy__replica_find_member(const hy_replica_t *r, const hy_str_t *hyperty) {
    for (hy_link_t *l = r->members.next; l != &r->members; l = l->next) {
        hy_member_t *m = hy_link_owner(l, hy_member_t, link);
        if (m->state != HY_MEMBER_OUT && hy_str_equal(m->hyperty, hyperty)) return m;
    }
    return NULL;
}

int hy__replica_members(const hy_replica_t *r, hy_value_t *out) {
    hy_node_t *list = hy_node_new(HY_ARRAY);
    int rc = list ? 0 : HY_ENOMEM;
    for (hy_link_t *l = r->members.next; rc == 0 && l != &r->members; l = l->next) {
        const hy_member_t *m = hy_link_owner(l, hy_member_t, link);
        if (m->state == HY_MEMBER_IN)
            rc = hy_node_insert(list, hy_node_count(list), hy__string_ref(m->hyperty));
    }
    if (rc < 0) {
        if (list) hy_node_unref(list);
        return rc;
    }
    *out = hy_node_value(list);
    return 0;
}

void hy__member_unref(hy_member_t *m) {
    if (--m->refs > 0) return;
    hy__collecting_end(&m->collecting);
    hy_str_unref(m->hyperty);
    hy_str_unref(m->url);
    hy_msg_unref(m->request);
    hy_str_unref(m->admission);
    hy_str_unref(m->ended);
    hy_free(m);
}

/* Takes out members that left during a walk, and the replica itself after its last. */
static void tidy(hy_replica_t *r) {
    if (r->walking > 0) return;
    for (hy_link_t *l = r->members.next; l != &r->members;) {
        hy_member_t *m = hy_link_owner(l, hy_member_t, link);
        l = l->next;
        if (m->state != HY_MEMBER_OUT) continue;
        hy_list_remove(&m->link);
        m->replica = NULL;
        hy__member_unref(m);
    }
    if (!hy_list_is_empty(&r->members)) return;
    hy__part_remove(&r->manager->replicas, r->url);
    hy__replica_free(r);
}

void hy__replica_each(hy_replica_t *r, hy_member_cb fn, void *arg) {
    r->walking++;
    for (hy_link_t *l = r->members.next; l != &r->members; l = l->next) {
        hy_member_t *m = hy_link_owner(l, hy_member_t, link);
        if (m->state == HY_MEMBER_IN && m->observer) fn(m, arg);
    }
    r->walking--;
}

void hy__replica_enter(hy_replica_t *r) {
    r->walking++;
}

void hy__replica_exit(hy_replica_t *r) {
    bool was_held = r->is_held && r->walking == 1;
    if (was_held && !hy__replica_is_held(r) && !r->is_held && r->object) {
        if (!r->is_rejoined) r->has_lost = true;
        hy__arrival_settle(r);
        hy__replica_tell_status(r);
    }
    r->walking--;
    tidy(r);
}

/* --- expiry ----------------------------------------------------------------------------------- */

static void expire_child(hy_replica_t *r, hy_child_t *child) {
    hy_child_ref(child);
    if (!child->reason) child->reason = hy_str_from("no stamp in time");
    hy_children_remove(r->object->children, child, HY_CHILD_EXPIRED);
    hy__outbox_gone(r, child); /* if it is ours, nothing of it is repeated any more */
    hy__arrival_tell_child(r, HY_CHILD_EVENT_EXPIRED, child, NULL);
    hy_child_unref(child);
}

static void on_expiry(void *replica) {
    hy_replica_t *r = replica;
    if (!r->object) return;
    uint64_t now = hy_clock_now(hy_bus_clock(r->manager->bus)), oldest = UINT64_MAX;
    hy__replica_enter(r);
    hy_child_t *child;
    for (size_t pos = 0; (child = hy_children_next(r->object->children, NULL, &pos));) {
        if (child->state != HY_CHILD_PENDING) continue;
        if (now - child->arrived_ms >= HY_CHILD_EXPIRY_MS) {
            expire_child(r, child);
        } else if (child->arrived_ms < oldest) {
            oldest = child->arrived_ms;
        }
    }
    hy_op_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&r->ops, &pos));) {
        if (now - e->arrived_ms >= HY_CHILD_EXPIRY_MS) {
            hy_childop_unref(e->op);
            hy_dict_remove(&r->ops, e);
        } else if (e->arrived_ms < oldest) {
            oldest = e->arrived_ms;
        }
    }
    if (oldest != UINT64_MAX)
        hy_timer_start(hy_bus_clock(r->manager->bus), &r->expiry,
                       HY_CHILD_EXPIRY_MS - (now - oldest));
    hy__replica_exit(r);
}

/* --- life ------------------------------------------------------------------------------------- */

static int replica_init(hy_replica_t *r) {
    hy_bus_t *bus = r->manager->bus;
    r->changes = hy__url_below(r->url, "/changes");
    r->children = hy__url_below(r->url, "/children/");
    r->registration = hy__url_below(r->url, "/registration");
    r->node_sm = hy__domain_sm(r->manager, r->url);
    r->node_registry = hy__domain_registry(r->manager, r->url);
    bool is_whole = r->changes && r->children && r->registration && r->node_sm && r->node_registry;
    if (!is_whole) return HY_ENOMEM;
    int rc = hy_bus_listen(bus, r->changes, hy__arrival_change, r, &r->on_changes);
    if (rc == 0) rc = hy_bus_listen(bus, r->children, hy__arrival_child, r, &r->on_children);
    if (rc == 0)
        rc = hy_bus_listen(bus, r->registration, hy__replica_on_registration, r,
                           &r->on_registration);
    return rc < 0 ? rc : hy__part_add(&r->manager->replicas, r->url, r);
}

hy_replica_t *hy__replica_new(hy_manager_t *m, hy_str_t *url) {
    hy_replica_t *r = hy_alloc_zero(sizeof *r);
    if (!r) return NULL;
    r->manager = m;
    r->url = hy_str_ref(url);
    hy_link_init(&r->members);
    hy_dict_init(&r->ops, sizeof(hy_op_entry_t));
    hy_timer_init(&r->retry, hy__replica_retry, r);
    hy_timer_init(&r->expiry, on_expiry, r);
    hy__replica_init_job(r);
    r->is_away = r->is_disconnected = hy__is_away(m, url) && !hy__manager_hosts(m, url);
    if (replica_init(r) == 0) return r;
    hy__replica_free(r);
    return NULL;
}

void hy__replica_free(hy_replica_t *r) {
    hy_clock_t *clock = hy_bus_clock(r->manager->bus);
    hy_timer_stop(clock, &r->retry);
    hy_timer_stop(clock, &r->expiry);
    if (r->read) hy_request_cancel(r->read);
    hy__collecting_end(&r->collecting);
    hy__job_cancel(&r->catch_up);
    while (!hy_list_is_empty(&r->members)) {
        hy_member_t *m = hy_link_owner(r->members.next, hy_member_t, link);
        hy_list_remove(&m->link);
        m->state = HY_MEMBER_OUT;
        m->replica = NULL;
        hy__job_cancel(&m->job);
        hy__member_stop_asking(m);
        hy__member_unref(m);
    }
    hy_listener_close(r->on_changes);
    hy_listener_close(r->on_children);
    hy_listener_close(r->on_registration);
    hy__arrival_drop(r);
    hy_dict_deinit(&r->ops);
    hy_value_drop(r->dataschema);
    hy__ledger_free(r->ledger);
    hy_object_free(r->object);
    hy_str_unref(r->url);
    hy_str_unref(r->changes);
    hy_str_unref(r->children);
    hy_str_unref(r->registration);
    hy_str_unref(r->node_sm);
    hy_str_unref(r->node_registry);
    hy_free(r);
}

/* --- leaving ---------------------------------------------------------------------------------- */

static hy_value_t routes(const hy_replica_t *r, bool with_children) {
    hy_value_t list = hy__list2(hy_str_ref(r->changes), hy_str_ref(r->registration));
    if (list.kind == HY_ABSENT || !with_children) return list;
    if (hy_node_insert(list.as.n, 1, hy__string_ref(r->children)) == 0) return list;
    hy_value_drop(list);
    return hy_absent();
}

hy_value_t hy__replica_routes(const hy_replica_t *r) {
    return routes(r, true);
}

static void say_left(hy_manager_t *m, hy_str_t *url, hy_str_t *hyperty, bool rests) {
    hy_str_t *to = hy__url_below(url, "/subscription");
    hy_value_t body = hy__body1("source", hy__string_ref(hyperty));
    if (rests && body.kind == HY_OBJECT && hy_put(body.as.n, "rests", hy_bool(true)) < 0) {
        hy_value_drop(body);
        body = hy_absent();
    }
    if (to && hy__manager_hears(m, url)) {
        hy__manager_send(m, HY_MSG_UNSUBSCRIBE, m->sm, to, body);
        hy_str_unref(to);
    } else {
        hy__lasting_send(m, "leave", url, hyperty, HY_MSG_UNSUBSCRIBE, NULL, to, body, NULL, NULL);
    }
}

void hy__replica_say_left(hy_manager_t *m, hy_str_t *url, hy_str_t *hyperty) {
    say_left(m, url, hyperty, false);
}

/* A reporter that observed its own object goes on hearing of the children. */
static hy_value_t own_routes(const hy_member_t *m) {
    const hy_replica_t *r = m->replica;
    const hy_syncher_t *s = hy__manager_find_syncher(r->manager, m->hyperty);
    return routes(r, !s || !hy__syncher_find_party(s, r->url, true));
}

void hy__member_leave(hy_member_t *m, bool tell) {
    if (m->state == HY_MEMBER_OUT) return;
    hy_replica_t *r = m->replica;
    hy__replica_enter(r);
    m->state = HY_MEMBER_OUT; /* first: whoever is called may close the syncher, which comes here */
    hy__job_cancel(&m->job);
    hy__member_stop_asking(m);
    if (m->observer) hy__observer_end(m->observer, false, false);
    if (m->rests) /* the node is asked about it where a new reporter has not heard it */
        hy__domain_unroute_resting(r->manager, own_routes(m), r->url, m->hyperty);
    else
        hy__domain_unroute(r->manager, own_routes(m), r->url, m->hyperty);
    if (tell || m->owes_leave) say_left(r->manager, r->url, m->hyperty, m->rests);
    hy__member_unkeep(m, m->rests);
    hy__replica_exit(r);
}

void hy__replica_take_back(hy_manager_t *m, hy_str_t *url, hy_str_t *hyperty) {
    const hy_replica_t *r = hy__part_find(&m->replicas, url);
    hy_member_t *now = r ? hy__replica_find_member(r, hyperty) : NULL;
    if (!now) hy__replica_say_left(m, url, hyperty);
    if (now && now->state == HY_MEMBER_ASKING) now->owes_leave = true; /* it may come to nothing */
}

void hy__replica_unsubscribe(hy_manager_t *m, hy_msg_t *request) {
    const hy_node_t *body = hy_msg_body(request);
    hy_str_t *url = hy_get_str(body, "resource"), *hyperty = hy_get_str(body, "source");
    if (hy_str_equal(request->from, m->sm)) {
        if (url && hyperty) hy__replica_take_back(m, url, hyperty);
        return;
    }
    hy_replica_t *r = url ? hy__part_find(&m->replicas, url) : NULL;
    hy_member_t *member = r ? hy__replica_find_member(r, request->from) : NULL;
    if (member) hy__member_leave(member, true);
    hy_bus_respond(m->bus, request, member ? 200 : 404,
                   member ? NULL : "this hyperty does not observe that object", hy_absent());
}

/* --- ending ----------------------------------------------------------------------------------- */

static void end(hy_member_t *m, bool evicted, bool tell) {
    hy_replica_t *r = m->replica;
    hy__replica_enter(r);
    if (m->observer) hy__observer_end(m->observer, evicted, true);
    hy__member_leave(m, tell);
    hy__replica_exit(r);
}

void hy__member_end(hy_member_t *m, bool evicted) {
    end(m, evicted, false);
}

/* Is the first admission before the other? They are counted in each epoch from its beginning. In
 * doubt it is not, so that who is struck off stays struck off. */
static bool is_before(const hy_str_t *a, const hy_str_t *b) {
    const char *at = a ? strrchr(a->bytes, '/') : NULL, *bt = b ? strrchr(b->bytes, '/') : NULL;
    if (!at || !bt) return false;
    hy_str_t *of_a = hy_str_new(a->bytes, (size_t)(at - a->bytes));
    hy_str_t *of_b = hy_str_new(b->bytes, (size_t)(bt - b->bytes));
    int order = of_a && of_b ? hy_epoch_compare(of_a, of_b) : 1;
    hy_str_unref(of_a);
    hy_str_unref(of_b);
    if (order != 0) return order < 0;
    return strtoull(at + 1, NULL, 10) < strtoull(bt + 1, NULL, 10);
}

bool hy__member_is_struck(const hy_member_t *m) {
    return m->is_doubtful && m->ended && m->admission && !is_before(m->ended, m->admission);
}

void hy__member_evicted(hy_member_t *m, hy_str_t *admission) {
    if (m->state == HY_MEMBER_IN && is_before(admission, m->admission)) return;
    bool is_abroad = !hy_address_same_domain(m->hyperty, m->url);
    if (m->state == HY_MEMBER_IN) {
        end(m, true, is_abroad);
        return;
    }
    if (is_before(admission, m->ended)) return;
    m->is_doubtful = true; /* it may have overtaken the answer, which waits for a commit */
    hy_str_unref(m->ended);
    m->ended = admission ? hy_str_ref(admission) : NULL;
}

/* Who shares the copy and has not heard yet that it is struck off hears it before the copy goes on.
 */
static void end_struck(const hy_replica_t *r, const hy_node_t *struck, hy_str_t *admission) {
    for (size_t i = 0; struck && i < hy_node_count(struck); i++) {
        hy_value_t at = hy_node_at(struck, i);
        hy_member_t *m = at.kind == HY_STR ? hy__replica_find_member(r, at.as.s) : NULL;
        if (m) hy__member_evicted(m, admission);
    }
}

void hy__member_admitted(hy_member_t *m, const hy_node_t *answer) {
    hy_str_t *admission = hy_get_str(answer, "admission");
    if (is_before(admission, m->admission)) return;
    hy_str_unref(m->admission);
    m->admission = admission ? hy_str_ref(admission) : NULL;
    if (m->replica) end_struck(m->replica, hy_get_array(answer, "struck"), admission);
}

void hy__replica_end(hy_replica_t *r, bool evicted) {
    hy__replica_enter(r);
    for (hy_link_t *l = r->members.next; l != &r->members; l = l->next) {
        hy_member_t *m = hy_link_owner(l, hy_member_t, link);
        if (m->state == HY_MEMBER_IN) hy__member_end(m, evicted);
    }
    hy__replica_exit(r);
}

/* --- status ----------------------------------------------------------------------------------- */

hy_party_status_t hy__replica_status(const hy_replica_t *r) {
    hy_party_status_t status = {.state = HY_PARTY_LIVE, .head = r->head};
    if (!r->object) return (hy_party_status_t){.state = HY_PARTY_SYNCING};
    status.version = r->object->version;
    if (status.head < status.version) status.head = status.version;
    if (r->is_disconnected) {
        status.state = HY_PARTY_DISCONNECTED;
    } else if (r->read || r->aside_count > 0 || r->has_lost || r->wants_whole ||
               status.head > status.version) {
        status.state = HY_PARTY_LAGGING;
    }
    status.age_ms = hy_clock_now(hy_bus_clock(r->manager->bus)) - r->heard_ms;
    if (status.state == HY_PARTY_LIVE && status.age_ms >= HY_SILENCE_MS)
        status.state = HY_PARTY_LAGGING;
    if (HY_MUTANT(ALWAYS_LIVE)) status.state = HY_PARTY_LIVE;
    return status;
}

static void tell_status(hy_member_t *m, void *status) {
    hy__tell_status(&m->observer->party, *(hy_party_status_t *)status);
}

void hy__replica_tell_status(hy_replica_t *r) {
    hy_party_status_t status = hy__replica_status(r);
    if (status.state == HY_PARTY_LIVE) hy__outbox_release(r);
    if (status.state == r->told) return;
    r->told = status.state;
    hy__replica_each(r, tell_status, &status);
}
