/* How a hyperty comes to observe (PROTOCOL.md section 5, Subscribe): it becomes a member of the
 * replica, asking at first.
 *
 *      subscribe ─► routes at the node ─► 100 ─► <Object>/subscription ─► answer ─► 200
 *                                          └── what arrives meanwhile is kept aside ──┘ */
#include "../base/mem.h"
#include "../data/parts.h"
#include "sync.h"

/* --- let in ----------------------------------------------------------------------------------- */

static void refuse(hy_member_t *m, int http, const char *desc) {
    hy_bus_respond(m->replica->manager->bus, m->request, http, desc, hy_absent());
    hy__member_leave(m, false);
}

static const char *last_segment(const hy_str_t *name_or_url) {
    const char *slash = strrchr(name_or_url->bytes, '/');
    return slash ? slash + 1 : name_or_url->bytes;
}

bool hy__replica_has_schema(const hy_replica_t *r, const hy_str_t *wanted) {
    const hy_str_t *url = hy_get_str(r->object->metadata, "schema");
    if (!url || hy_str_equal(url, wanted)) return true;
    return strcmp(last_segment(url), last_segment(wanted)) == 0;
}

/* Where two subscribed at once, the first answer made the copy. What the second has seen more is on
 * its way or is read as changes: nobody has to start over for a fellow. */
static bool is_copied(hy_replica_t *r, const hy_node_t *value) {
    hy_str_t *epoch = hy_get_str(value, "epoch");
    int64_t version = hy_get_int(value, "version", -1);
    bool is_whole = hy_get(value, "changes").kind == HY_ABSENT;
    if (!r->object || !is_whole || !epoch || !hy_str_equal(epoch, r->object->epoch)) return false;
    if (version > (int64_t)r->head) r->head = (uint64_t)version;
    return true;
}

/* The same where it comes in parts; the others are not needed then. */
static bool is_copied_meanwhile(hy_member_t *m) {
    hy_replica_t *r = m->replica;
    hy_parts_t *parts = m->collecting.parts;
    hy_str_t *epoch = parts ? hy_parts_epoch(parts) : NULL;
    if (!r->object || !epoch || !hy_str_equal(epoch, r->object->epoch)) return false;
    if (hy_parts_version(parts) > r->head) r->head = hy_parts_version(parts);
    return true;
}

static int take_subscribed(hy_member_t *m, const hy_node_t *value, hy_error_t *err) {
    hy_replica_t *r = m->replica;
    if (r->object && hy__replica_is_held(r)) {
        r->has_lost = true;
        return 0;
    }
    if (is_copied_meanwhile(m)) return 0;
    if (m->collecting.parts && hy_parts_is_complete(m->collecting.parts))
        return hy__answer_take_object(r, &m->collecting, "catching up", err);
    if (!value) return hy_fail(err, HY_EINVALID, "the answer has no object");
    return is_copied(r, value) ? 0 : hy__answer_take(r, value, "catching up", err);
}

static void admit(hy_member_t *m, hy_msg_t *answer) {
    hy_replica_t *r = m->replica;
    hy_error_t err = {.text = ""};
    const hy_node_t *value = hy_get_object(hy_msg_body(answer), "value");
    hy_str_t *wanted = hy_get_str(hy_msg_body(m->request), "schema");
    hy__replica_enter(r);
    if (hy__member_is_struck(m)) {
        refuse(m, 403, "evicted");
        hy__replica_exit(r);
        return;
    }
    hy_str_t *before = r->object ? hy_str_ref(r->object->epoch) : NULL;
    int rc = r->object ? hy__agree_again(r, &err) : 0;
    if (rc == 0) rc = take_subscribed(m, value, &err);
    if (before) hy__replica_subscribe_again(r, before, m);
    hy_str_unref(before);
    hy__collecting_end(&m->collecting);
    if (rc == 0 && wanted && !hy__replica_has_schema(r, wanted))
        rc = hy_fail(&err, HY_ESCHEMA, "%s is not of schema %s", r->url->bytes, wanted->bytes);
    if (rc == 0)
        rc = hy__member_keep(m, hy__level_read(hy_get(hy_msg_body(m->request), "store")), &err);
    m->owes_leave = rc < 0;
    if (rc < 0) {
        refuse(m, hy_error_http(rc), err.text[0] ? err.text : hy_error_text(rc));
    } else {
        m->state = HY_MEMBER_IN;
        bool is_doubtful = m->is_doubtful && !(m->ended && m->admission);
        if (m->session != r->manager->sessions || is_doubtful)
            hy__member_renew(m); /* its routes are gone; or it may be struck off */
        hy__pulse_start(r->manager);
        hy_bus_respond(r->manager->bus, m->request, 200, NULL, hy_absent());
        hy__arrival_settle(r);
        if (r->head > r->object->version) hy__replica_read(r, "gap");
        hy__replica_tell_status(r);
    }
    hy__replica_exit(r);
}

/* It got lost somewhere: the reporter may have let it in. */
static bool is_unsure(const hy_member_t *m, int code) {
    bool was_cut = m->session != m->manager->sessions || hy__is_away(m->manager, m->url);
    return was_cut || code == 408 || code == 503;
}

/* The object is being handed over: whoever has it in the end is asked. */
static bool ask_later(hy_member_t *m, hy_msg_t *answer, int code) {
    hy_bus_t *bus = m->manager->bus;
    uint64_t now_ms = hy_clock_now(hy_bus_clock(bus));
    if (m->until_ms == 0) m->until_ms = now_ms + HY_HANDOVER_WAIT_MS;
    if (!hy__asks_again(answer, code) || now_ms >= m->until_ms) return false;
    hy_bus_respond(bus, m->request, 100, NULL, hy_absent());
    uint64_t delay_ms = hy__backoff(bus, &m->again_ms);
    if (m->again_ms > HY_RETRY_MIN_MS) m->again_ms = HY_RETRY_MIN_MS;
    return hy_timer_start(hy_bus_clock(bus), &m->again, delay_ms) == 0;
}

void hy__member_stop_asking(hy_member_t *m) {
    if (!hy_timer_is_started(&m->again)) return;
    hy_timer_stop(hy_bus_clock(m->manager->bus), &m->again);
    hy__member_unref(m); /* that of the callbacks to come */
}

static void on_asked(void *arg, hy_msg_t *answer, int code);

/* Some parts are missing: asks for them. False: that leads nowhere. */
static bool ask_for_parts(hy_member_t *m) {
    if (!hy__collecting_leads_on(&m->collecting)) return false;
    return hy__manager_request(m->manager, HY_MSG_READ, m->hyperty, m->url,
                               hy__collecting_body(&m->collecting), on_asked, m, NULL,
                               &m->asking) == 0;
}

/* A yes, or a part of it. True if it is not the end. */
static bool hear_yes(hy_member_t *m, hy_msg_t *answer, bool is_final) {
    hy_error_t err = {.text = ""};
    const hy_node_t *body = hy_msg_body(answer);
    hy_bus_t *bus = m->manager->bus;
    if (hy_get_str(body, "admission")) hy__member_admitted(m, body); /* not with asked parts */
    if (m->state != HY_MEMBER_ASKING || !m->replica) { /* left when a fellow's end was told */
        hy__replica_say_left(m->manager, m->url, m->hyperty);
        return false;
    }
    hy__agree_hear(m->replica, body);
    int got = hy__collect(&m->collecting, m->url, body, &err);
    bool is_whole = got == HY_COLLECT_ALL || is_copied_meanwhile(m);
    if (!is_final && !is_whole) {
        hy_bus_respond(bus, m->request, 100, NULL, hy_absent());
        return true;
    }
    if (!is_final && got != HY_COLLECT_ALL) return true; /* what else comes is not needed */
    if (is_whole || got == HY_COLLECT_NONE) {
        admit(m, answer);
        return false;
    }
    if (got != HY_ETOO_LARGE && ask_for_parts(m)) return true;
    m->owes_leave = true;
    refuse(m, got < 0 ? hy_error_http(got) : 503,
           err.text[0] ? err.text : "the object did not arrive whole");
    return false;
}

static void on_asked(void *arg, hy_msg_t *answer, int code) {
    hy_member_t *m = arg;
    bool is_final = code >= 200;
    if (is_final) m->asking = NULL;
    if (m->state == HY_MEMBER_ASKING && m->replica && ask_later(m, answer, code)) return;
    if (m->state == HY_MEMBER_ASKING && m->replica) {
        if (code < 300 && hear_yes(m, answer, is_final)) return;
        if (!is_final) { /* all parts are here: an older peer's last one says 100, too */
            hy_request_cancel(m->asking);
            m->asking = NULL;
            is_final = true;
        } else if (code >= 300) {
            if (is_unsure(m, code)) m->owes_leave = true;
            refuse(m, code, hy_msg_desc(answer));
        }
    } else if (is_final && (code == 200 || is_unsure(m, code)) && m->manager) {
        hy__replica_take_back(m->manager, m->url, m->hyperty);
    }
    if (is_final) hy__member_unref(m);
}

/* Who observes here already; some may be struck off and not have heard so. */
static int put_fellows(hy_node_t *body, const hy_member_t *m) {
    const hy_replica_t *r = m->replica;
    hy_node_t *list = hy_node_new(HY_ARRAY);
    int rc = list ? 0 : HY_ENOMEM;
    for (hy_link_t *l = r->members.next; rc == 0 && l != &r->members; l = l->next) {
        const hy_member_t *other = hy_link_owner(l, hy_member_t, link);
        if (other != m && other->state == HY_MEMBER_IN)
            rc = hy_node_insert(list, hy_node_count(list), hy__string_ref(other->hyperty));
    }
    if (rc == 0 && hy_node_count(list) > 0) return hy_put(body, "fellows", hy_node_value(list));
    if (list) hy_node_unref(list);
    return rc;
}

hy_value_t hy__member_subscription(const hy_member_t *m) {
    const hy_replica_t *r = m->replica;
    hy_node_t *body = hy_node_new(HY_OBJECT);
    int rc = body ? hy_put(body, "subscriber", hy__string_ref(m->hyperty)) : HY_ENOMEM;
    if (rc == 0) rc = hy_put(body, "source", hy__string_ref(m->hyperty));
    if (rc == 0) rc = hy_put(body, "ext", hy_int(1));
    if (rc == 0) rc = hy__put_window(body);
    const hy_syncher_t *s = hy__manager_find_syncher(r->manager, m->hyperty);
    if (rc == 0 && s) rc = hy__put_identity(body, s, m->url);
    if (rc == 0) rc = put_fellows(body, m);
    if (rc == 0)
        rc = hy__agree_put(body, r,
                           hy_get_str(m->request ? hy_msg_body(m->request) : NULL, "schema"));
    if (rc == 0 && r->object) rc = hy__put_since(body, r->object);
    if (rc == 0 && m->state == HY_MEMBER_IN) rc = hy_put(body, "again", hy_bool(true));
    if (rc == 0 && r->is_old) rc = hy_put(body, "restored", hy_bool(true));
    if (rc == 0) return hy_node_value(body);
    if (body) hy_node_unref(body);
    return hy_absent();
}

/* A 200 that nobody waits for any more: left to the manager, who knows whether the hyperty has
 * asked again since. */
void hy__subscription_late(hy_bus_t *bus, hy_msg_t *request, hy_msg_t *answer) {
    hy_str_t *subscriber = hy_get_str(hy_msg_body(request), "subscriber");
    hy_span_t object = hy_address_object(request->to);
    hy_str_t *url = hy_str_new(object.bytes, object.len);
    hy_value_t body = url ? hy__body1("resource", hy_string(url)) : hy_absent();
    bool is_yes = hy_msg_code(answer) == 200 && subscriber && body.kind == HY_OBJECT;
    if (!is_yes || hy_put(body.as.n, "source", hy__string_ref(subscriber)) < 0) {
        hy_value_drop(body);
        return;
    }
    hy_msg_t *m = hy_msg_new(HY_MSG_UNSUBSCRIBE, hy_absent(), request->from, request->from, body);
    if (m) hy_bus_send(bus, m);
    hy_msg_unref(m);
}

static int ask(hy_member_t *m) {
    hy_str_t *to = hy__url_below(m->url, "/subscription");
    int rc = to ? hy__manager_request(m->manager, HY_MSG_SUBSCRIBE, m->manager->sm, to,
                                      hy__member_subscription(m), on_asked, m,
                                      hy__subscription_late, &m->asking)
                : HY_ENOMEM;
    hy_str_unref(to);
    return rc;
}

static void on_routed_again(void *arg, int code, const char *desc, hy_node_t *body) {
    hy_member_t *m = arg;
    (void)body;
    if (m->state == HY_MEMBER_ASKING && m->replica) {
        if (code == 0) code = ask(m);
        if (code == 0) return;
        refuse(m, hy_error_http(code), desc);
    }
    hy__member_unref(m);
}

/* When the object was moved, the node has taken what its reporter had subscribed until then: if
 * that is who asks, it has no routes any more. */
static void on_again(void *member) {
    hy_member_t *m = member;
    int rc = m->replica ? hy__domain_subscribe(m->manager, hy__replica_routes(m->replica),
                                               m->hyperty, on_routed_again, m)
                        : ask(m);
    if (rc == 0) return;
    refuse(m, hy_error_http(rc), hy_error_text(rc));
    hy__member_unref(m);
}

/* The routes stand: whatever happens to the object from now on reaches this runtime. */
static void on_routed(void *arg, int code, const char *desc, hy_node_t *body) {
    hy_member_t *m = arg;
    (void)body;
    if (m->state != HY_MEMBER_ASKING || !m->replica) {
        hy__member_unref(m);
        return;
    }
    hy_manager_t *manager = m->replica->manager;
    const hy_str_t *name = hy_get_str(hy_msg_body(m->request), "schema");
    if (code == 0) {
        const hy_schema_t *schema = name ? hy_schemas_find(manager->schemas, name) : NULL;
        hy_bus_respond(manager->bus, m->request, 100, NULL, hy__resource_value(m->url, schema));
        if (hy__lasting_drop(manager, "leave", m->url, m->hyperty)) m->owes_leave = true;
        code = ask(m);
        if (code == 0) return;
    }
    refuse(m, hy_error_http(code), desc);
    hy__member_unref(m);
}

/* `request` NULL: it is in already. */
static hy_member_t *member_new(hy_replica_t *r, hy_str_t *hyperty, hy_msg_t *request) {
    hy_member_t *m = hy_alloc_zero(sizeof *m);
    if (!m) return NULL;
    m->refs = request ? 2 : 1; /* the replica's and that of the callbacks to come */
    m->state = request ? HY_MEMBER_ASKING : HY_MEMBER_IN;
    m->replica = r;
    m->manager = r->manager;
    m->url = hy_str_ref(r->url);
    m->hyperty = hy_str_ref(hyperty);
    m->request = request ? hy_msg_ref(request) : NULL;
    m->session = r->manager->sessions;
    hy__member_init_job(m);
    hy_timer_init(&m->again, on_again, m);
    hy_list_append(&r->members, &m->link);
    return m;
}

/* What this runtime cannot do is refused, never ignored; a well-formed address is needed to listen
 * on. */
static const char *check_subscribe(const hy_manager_t *m, const hy_node_t *body,
                                   const hy_str_t *url, hy_error_t *err) {
    if (hy_get_bool(body, "p2p", false)) return "p2p is not served by this runtime; leave it out";
    if (!m->store && hy__level_read(hy_get(body, "store")) != HY_STORE_NONE)
        return "store is not served by this runtime, which keeps objects in memory only; leave it "
               "out";
    if (!url) return "subscribe needs \"resource\"";
    return hy__check_object_url(url, err) < 0 ? err->text : NULL;
}

void hy__replica_subscribe(hy_manager_t *m, hy_msg_t *request) {
    const hy_node_t *body = hy_msg_body(request);
    hy_str_t *url = hy_get_str(body, "resource");
    hy_error_t err = {.text = ""};
    const char *refusal = check_subscribe(m, body, url, &err);
    if (refusal) {
        hy_bus_respond(m->bus, request, 400, refusal, hy_absent());
        return;
    }
    hy_replica_t *r = hy__part_find(&m->replicas, url);
    const hy_member_t *known = r ? hy__replica_find_member(r, request->from) : NULL;
    if (known) {
        bool is_in = known->state == HY_MEMBER_IN;
        hy_bus_respond(m->bus, request, is_in ? 200 : 409,
                       is_in ? NULL : "a subscription of this hyperty is under way", hy_absent());
        return;
    }
    if (!r) r = hy__replica_new(m, url);
    hy_member_t *member = r ? member_new(r, request->from, request) : NULL;
    if (!member) {
        if (r) {
            hy__replica_enter(r);
            hy__replica_exit(r); /* frees it if it was made for this one */
        }
        hy_bus_respond(m->bus, request, 503, "out of memory", hy_absent());
        return;
    }
    hy__domain_route_wanted(m, r->url, member->hyperty);
    int rc = hy__domain_subscribe(m, hy__replica_routes(r), member->hyperty, on_routed, member);
    if (rc == 0) return;
    refuse(member, hy_error_http(rc), hy_error_text(rc));
    hy__member_unref(member);
}

/* --- restored --------------------------------------------------------------------------------- */

/* What it may still be told is not true any more. */
static void come_back(hy_manager_t *m, hy_str_t *url, hy_str_t *hyperty) {
    hy__domain_route_wanted(m, url, hyperty);
    hy__lasting_drop(m, "leave", url, hyperty);
}

int hy__replica_restore(hy_syncher_t *s, hy_ledger_t *l, hy_observer_t **out) {
    hy_manager_t *m = s->manager;
    hy_object_t *o = l->object;
    hy_store_level_t level = l->level;
    bool is_sealed = hy__is_mutual(o->metadata) && !hy__manager_hosts(m, o->url);
    int secret = is_sealed ? hy__secret_expect(m, o->url) : 0;
    hy_replica_t *r = secret == 0 ? hy__replica_new(m, o->url) : NULL;
    if (!r) {
        hy_object_free(o);
        hy__ledger_free(l);
        return HY_ENOMEM;
    }
    r->object = o;
    r->ledger = l;
    hy_history_clear(&o->history); /* reporters alone answer from it */
    hy__copy_check_owner(r);
    r->head = o->version;
    r->heard_ms = hy_clock_now(hy_bus_clock(m->bus));
    r->is_disconnected = r->is_old = r->is_held = true;
    r->told = HY_PARTY_DISCONNECTED;
    hy__replica_enter(r);
    hy_member_t *member = member_new(r, s->url, NULL);
    int rc = member ? hy__observer_new(s, member, out) : HY_ENOMEM;
    if (rc == 0) {
        member->store = level;
        come_back(m, o->url, s->url);
        hy__member_renew(member);
        hy__pulse_start(m);
    } else if (member) {
        member->state = HY_MEMBER_OUT;
    }
    hy__replica_exit(r);
    return rc;
}
