/* Calls: life, sending, calling back; and the two that only pass a value on: read and execute. */
#include "call.h"

#include "../base/mem.h"
#include "../base/mutant.h"
#include "../data/parts.h"

/* --- life ------------------------------------------------------------------------------------- */

void hy__call_free(hy_call_t *c) {
    hy_timer_stop(hy_bus_clock(c->syncher->manager->bus), &c->now);
    hy_timer_stop(hy_bus_clock(c->syncher->manager->bus), &c->again);
    hy_msg_unref(c->message);
    if (c->request) hy_request_cancel(c->request);
    if (c->slot) *c->slot = NULL;
    if (c->syncher->manager->store) hy_store_read_cancel(c->rows);
    hy__commit_cancel(&c->commit);
    hy__schema_wait_end(&c->schema);
    if (c->ledger) hy_object_free(c->ledger->object);
    hy__ledger_free(c->ledger);
    hy_value_drop(c->value);
    while (c->party_count > 0) {
        hy_party_unref(c->parties[--c->party_count]);
    }
    hy_free(c->parties);
    hy_str_unref(c->why);
    hy_list_remove(&c->link);
    hy_party_unref(c->party);
    hy_str_unref(c->url);
    hy_str_unref(c->followed);
    hy_str_unref(c->read);
    hy_str_unref(c->kept);
    hy__collecting_end(&c->collecting);
    hy__create_release(&c->create);
    hy_value_drop(c->criteria);
    hy_value_drop(c->found);
    hy__told_drop(c->told);
    hy_free(c);
}

static bool is_joined(const hy_call_t *c) {
    const hy_link_t *calls = &c->syncher->calls;
    for (hy_link_t *l = calls->next; l != calls; l = l->next) {
        const hy_call_t *other = hy_link_owner(l, hy_call_t, link);
        if (other != c && other->url && hy_str_equal(other->url, c->url)) return true;
    }
    return false;
}

/* A subscription that is under way is not wanted any more. */
static void leave(const hy_call_t *c) {
    const hy_manager_t *m = c->syncher->manager;
    const hy_replica_t *r = c->url ? hy__part_find(&m->replicas, c->url) : NULL;
    hy_member_t *member = r ? hy__replica_find_member(r, c->syncher->url) : NULL;
    if (member && !member->observer) hy__member_leave(member, member->state == HY_MEMBER_IN);
}

void hy__call_drop(hy_call_t *c) {
    if (c->url && !is_joined(c)) leave(c);
    hy__call_free(c);
}

void hy__calls_close(hy_syncher_t *s) {
    while (!hy_list_is_empty(&s->calls)) {
        hy__call_drop(hy_link_owner(s->calls.next, hy_call_t, link));
    }
    while (!hy_list_is_empty(&s->follows)) {
        hy__follow_free(s->follows.next);
    }
}

void hy__call_end(hy_call_t *c, int code, const char *desc, hy_party_t *party, hy_value_t value) {
    hy_syncher_t *s = c->syncher;
    hy_ending_t e = {.on_party = c->on_party,
                     .on_value = c->on_value,
                     .on_done = c->on_done,
                     .arg = c->arg,
                     .code = code,
                     .text = hy_str_from(desc ? desc : ""),
                     .party = party ? hy_party_ref(party) : NULL,
                     .value = hy__value_ref(value)};
    hy_told_t *told = c->told;
    bool is_tried = c->is_tried, is_part = c->is_part;
    c->told = NULL;
    if (party) hy__trial_gives(c, party);
    hy__call_free(c);
    if (is_part) {
        e.on_party(e.arg, e.code, e.text ? e.text->bytes : "", e.party); /* no hyperty's */
        hy__ending_free(&e);
        hy__told_drop(told);
    } else {
        hy__tell_ending(s, is_tried, told, &e);
    }
}

static void take_done(hy_call_t *c, hy_msg_t *answer, int code, const char *desc) {
    (void)answer;
    hy__call_end(c, code, desc, NULL, hy_absent());
}

/* What was read fits the schema, where that is known here. */
static int check_read(const hy_call_t *c, hy_value_t whole, hy_error_t *err) {
    const hy_node_t *n = whole.kind == HY_OBJECT ? whole.as.n : NULL;
    const hy_str_t *url = hy_get_str(n, "schema");
    hy_error_t why = {.text = ""};
    if (!c->read || !url || !hy_is_node(hy_get(n, "data"))) return 0;
    const hy_schema_t *schema = hy_schemas_find(c->syncher->manager->schemas, url);
    int rc = hy_object_check_whole_fit(n, schema, &why);
    return rc < 0 ? hy_fail(err, rc, "%s: %s", c->read->bytes, why.text) : 0;
}

void hy__call_take_value(hy_call_t *c, hy_msg_t *answer, int code, const char *desc) {
    hy_value_t value = code == 0 ? hy_get(hy_msg_body(answer), "value") : hy_absent();
    hy_error_t err = {.text = ""};
    int rc = code == 0 ? check_read(c, value, &err) : code;
    hy_msg_ref(answer);
    hy__call_end(c, rc, err.text[0] ? err.text : desc, NULL, rc == 0 ? value : hy_absent());
    hy_msg_unref(answer);
}

void hy__call_take_party(hy_call_t *c, hy_msg_t *answer, int code, const char *desc) {
    (void)answer;
    hy_party_t *p = c->party;
    if (code == 0 && !p->is_open) { /* it ended before its turn came */
        hy__call_end(c, HY_ECLOSED, "the object went away meanwhile", NULL, hy_absent());
        return;
    }
    hy__call_end(c, code, desc, p, hy_absent());
}

/* The object is being handed over: whoever has it in the end is asked. */
static bool ask_later(hy_call_t *c, hy_msg_t *answer, int code) {
    hy_bus_t *bus = c->syncher->manager->bus;
    uint64_t now_ms = hy_clock_now(hy_bus_clock(bus));
    if (!c->may_repeat || !hy__asks_again(answer, code)) return false;
    if (c->until_ms == 0) c->until_ms = now_ms + HY_HANDOVER_WAIT_MS;
    if (now_ms >= c->until_ms) return false;
    uint64_t delay_ms = hy__backoff(bus, &c->again_ms);
    if (c->again_ms > HY_RETRY_MIN_MS) c->again_ms = HY_RETRY_MIN_MS;
    return hy_timer_start(hy_bus_clock(bus), &c->again, delay_ms) == 0;
}

static hy_value_t parts_body(const hy_call_t *c) {
    hy_value_t body = hy__collecting_body(&c->collecting);
    if (body.kind != HY_OBJECT || hy__put_identity(body.as.n, c->syncher, c->read) == 0)
        return body;
    hy_value_drop(body);
    return hy_absent();
}

/* An object that was read came in parts: its whole is put together. */
static void end_read(hy_call_t *c) {
    hy_object_t *o;
    hy_error_t err = {.text = ""};
    hy_value_t whole = hy_absent();
    int rc = hy_parts_finish(c->collecting.parts, &o, &err);
    if (rc == 0) {
        rc = hy_object_whole(o, &whole);
        hy_object_free(o);
    }
    if (rc == 0) rc = check_read(c, whole, &err);
    if (rc < 0) {
        hy_value_drop(whole);
        whole = hy_absent();
    }
    hy__call_end(c, rc, rc < 0 ? err.text : "", NULL, whole);
    hy_value_drop(whole);
}

/* True if the answer is a part, or the last one. */
static bool take_part(hy_call_t *c, hy_msg_t *answer, int code) {
    hy_error_t err = {.text = ""};
    int got = hy__collect(&c->collecting, c->read, hy_msg_body(answer), &err);
    if (got == HY_COLLECT_NONE) return false;
    if (got != HY_COLLECT_ALL && code < 200) return true;
    if (code < 200) hy_request_cancel(c->request);
    c->request = NULL;
    if (got == HY_COLLECT_ALL) {
        end_read(c);
        return true;
    }
    bool leads_on = got != HY_ETOO_LARGE && hy__collecting_leads_on(&c->collecting);
    int rc = leads_on ? hy__call_transmit(c, HY_MSG_READ, c->read, parts_body(c), &err)
                      : (got < 0 ? got : HY_EUNREACHABLE);
    if (rc < 0)
        hy__call_end(c, rc, err.text[0] ? err.text : "the object did not arrive whole", NULL,
                     hy_absent());
    return true;
}

static void on_answer(void *arg, hy_msg_t *answer, int code) {
    hy_call_t *c = arg;
    if (code < 300 && c->read && take_part(c, answer, code)) return;
    if (code < 200) return;
    c->request = NULL;
    if (ask_later(c, answer, code)) return;
    c->take(c, answer, hy_error_from_http(code), code < 300 ? "" : hy_msg_desc(answer));
}

/* A yes of the sync manager that nobody waits for any more is taken back. */
static void on_late(hy_bus_t *bus, hy_msg_t *request, hy_msg_t *answer) {
    bool is_create = request->type == HY_MSG_CREATE;
    const hy_node_t *from = hy_msg_body(is_create ? answer : request);
    hy_str_t *url = hy_get_str(is_create ? hy_get_object(from, "value") : from, "resource");
    bool is_made = is_create || request->type == HY_MSG_SUBSCRIBE;
    if (hy_msg_code(answer) != 200 || !is_made || !url) return;
    hy_value_t body = hy__body1("resource", hy__string_ref(url));
    hy_msg_t *m = NULL;
    if (body.kind == HY_OBJECT)
        m = hy_msg_new(is_create ? HY_MSG_DELETE : HY_MSG_UNSUBSCRIBE, hy_absent(), request->from,
                       request->to, body);
    if (m) hy_bus_send(bus, m);
    hy_msg_unref(m);
}

/* With an id of its own: it is another try, and the answer to the first one is known. */
static void on_again(void *arg) {
    hy_call_t *c = arg;
    hy_msg_t *before = c->message;
    hy_value_t body = hy_absent();
    hy_node_t *content = hy_msg_body(before);
    if (content) hy_value_copy((hy_value_t){.kind = HY_OBJECT, .as.n = content}, &body);
    c->message = NULL;
    int rc = hy__call_transmit(c, before->type, before->to, body, NULL);
    hy_msg_unref(before);
    if (rc < 0) hy__call_end(c, rc, hy_error_text(rc), NULL, hy_absent());
}

static void on_now(void *arg) {
    hy_call_t *c = arg;
    c->take(c, NULL, 0, "");
}

static void on_schema(void *call, int code, const char *text) {
    hy_call_t *c = call;
    hy_error_t err = {.text = ""};
    int rc = code < 0 ? code : c->knowing(c, &err);
    if (rc == 0) return;
    const char *why = code < 0 ? text : err.text;
    hy__call_end_all(c, rc, why[0] ? why : hy_error_text(rc), NULL);
}

hy_call_t *hy__call_new(hy_syncher_t *s, void *arg) {
    hy_call_t *c = hy_alloc_zero(sizeof *c);
    if (!c) return NULL;
    c->syncher = s;
    c->is_tried = hy_syncher_is_on_trial(s);
    c->take = take_done;
    c->arg = arg;
    hy_timer_init(&c->now, on_now, c);
    hy_timer_init(&c->again, on_again, c);
    hy__schema_wait_init(&c->schema, on_schema, c);
    hy_list_append(&s->calls, &c->link);
    return c;
}

static void on_committed(void *call) {
    hy_call_t *c = call;
    hy_value_t value = c->value;
    c->value = hy_absent();
    if (c->party && !c->on_value && !c->on_done) {
        hy__call_take_party(c, NULL, 0, "");
    } else {
        hy__call_end(c, 0, "", NULL, value);
    }
    hy_value_drop(value);
}

int hy__call_wait(hy_call_t *c, uint64_t ticket) {
    hy__commit_init(&c->commit, on_committed, c);
    return hy__commit_wait(c->syncher->manager, &c->commit, ticket);
}

int hy__call_transmit(hy_call_t *c, hy_msg_type_t type, hy_str_t *to, hy_value_t body,
                      hy_error_t *err) {
    hy_syncher_t *s = c->syncher;
    hy_value_t id = hy_int(hy_bus_next_id(s->manager->bus));
    if (HY_MUTANT(REQUEST_REUSED) && type == HY_MSG_EXECUTE) id.as.i &= ~INT64_C(255);
    hy_msg_t *m = body.kind == HY_ABSENT || !to ? NULL : hy_msg_new(type, id, s->url, to, body);
    if (!to) hy_value_drop(body);
    bool is_own = to && hy_str_equal(to, s->manager->sm);
    uint64_t timeout_ms = is_own ? HY_MANAGER_TIMEOUT_MS : 0;
    int rc = m ? hy_port_request(s->port, m, timeout_ms, on_answer, c, is_own ? on_late : NULL,
                                 &c->request, err)
               : HY_ENOMEM;
    if (rc == 0 && c->may_repeat) c->message = hy_msg_ref(m);
    hy_msg_unref(m);
    if (rc < 0) c->request = NULL;
    if (rc == HY_EFULL) hy_fail(err, rc, "too many requests wait for an answer");
    return rc;
}

int hy__call_ask(hy_call_t *c, hy_msg_type_t type, hy_str_t *to, hy_value_t body, hy_error_t *err) {
    int rc = hy__call_transmit(c, type, to, body, err);
    if (rc < 0) hy__call_free(c);
    return rc;
}

int hy__call_take_now(hy_call_t *c) {
    return hy_timer_start(hy_bus_clock(c->syncher->manager->bus), &c->now, 0);
}

int hy__call_answer_now(hy_call_t *c) {
    int rc = hy__call_take_now(c);
    if (rc < 0) hy__call_free(c);
    return rc;
}

/* --- schemas ---------------------------------------------------------------------------------- */

int hy__call_knowing(hy_call_t *c, const hy_str_t *schema,
                     int (*knowing)(hy_call_t *c, hy_error_t *err), hy_error_t *err) {
    c->knowing = knowing;
    int rc = hy__schema_want(c->syncher->manager, schema, &c->schema, err);
    return rc > 0 ? knowing(c, err) : rc;
}

/* --- read, execute ---------------------------------------------------------------------------- */

static int ask_value(hy_syncher_t *s, hy_msg_type_t type, hy_str_t *to, hy_value_t body,
                     hy_value_cb done, void *arg, hy_error_t *err) {
    hy_address_t address;
    int rc = hy_address_parse(to->bytes, to->len, &address, err);
    if (rc == 0) rc = body.kind == HY_OBJECT ? hy__put_identity(body.as.n, s, to) : HY_ENOMEM;
    hy_call_t *c = rc == 0 ? hy__call_new(s, arg) : NULL;
    if (!c) {
        hy_value_drop(body);
        return rc < 0 ? rc : HY_ENOMEM;
    }
    c->on_value = done;
    c->may_repeat = type == HY_MSG_EXECUTE;
    c->take = hy__call_take_value;
    if (type == HY_MSG_READ) c->read = hy_str_ref(to);
    return hy__call_ask(c, type, to, body, err);
}

int hy_syncher_read(hy_syncher_t *s, hy_str_t *url, hy_value_cb done, void *arg, hy_error_t *err) {
    hy_collecting_t nothing = {0};
    hy_value_t body = hy__collecting_body(&nothing);
    return ask_value(s, HY_MSG_READ, url, body, done, arg, err);
}

static bool has_party(const hy_syncher_t *s, const hy_str_t *url) {
    return hy__syncher_find_party(s, url, false) || hy__syncher_find_party(s, url, true);
}

int hy_syncher_execute(hy_syncher_t *s, hy_str_t *to, const char *method, hy_value_t params,
                       hy_value_cb done, void *arg, hy_error_t *err) {
    if (hy__trial_holds(s) && has_party(s, to)) {
        hy_deed_call_t deed = {.what = HY_DEED_EXECUTE, .hyperties = &to, .count = 1};
        deed.method = method;
        deed.value = params;
        deed.on_value = done;
        deed.arg = arg;
        return hy__holding_call(s, &deed);
    }
    hy_value_t body = hy__body1("params", params);
    if (body.kind == HY_OBJECT && hy_put(body.as.n, "method", hy_text(method)) < 0) {
        hy_value_drop(body);
        body = hy_absent();
    }
    return ask_value(s, HY_MSG_EXECUTE, to, body, done, arg, err);
}
