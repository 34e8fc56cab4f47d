/* Answers to subscribe and read, taken in by a replica, and when it reads (PROTOCOL.md sections 5
 * and 7).
 *
 * Changes since a position are applied one by one as if they had just arrived. A whole object makes
 * the copy, or brings it level: the differences are worked out first and told when the copy is
 * complete, after the resync.
 *
 *      something is missing ─► read since ──► level
 *                                │  └ changes that do not apply ─► read whole ─► level, resync
 *                                └ no answer, or one that does not help ─► again, with backoff */
#include "../base/mem.h"
#include "../base/mutant.h"
#include "../data/parts.h"
#include "sync.h"

/* A difference among children, told later. */
typedef struct {
    hy_child_difference_t what;
    hy_child_t *child;
    hy_change_t *change;
} difference_t;

typedef struct {
    difference_t *list;
    size_t count, room;
} differences_t;

static void note(void *arg, hy_child_difference_t what, hy_child_t *child, hy_change_t *change) {
    differences_t *d = arg;
    if (d->count == d->room) {
        size_t room = d->room ? d->room * 2 : 16;
        difference_t *list = hy_realloc(d->list, room * sizeof *list);
        if (!list) return; /* the copy is right; one event less is told */
        d->list = list;
        d->room = room;
    }
    d->list[d->count++] = (difference_t){.what = what,
                                         .child = hy_child_ref(child),
                                         .change = change ? hy_change_ref(change) : NULL};
}

static void tell_differences(hy_replica_t *r, differences_t *d) {
    for (size_t i = 0; i < d->count; i++) {
        hy_child_t *child = d->list[i].child;
        hy_child_event_kind_t kind = HY_CHILD_EVENT_CREATE;
        if (d->list[i].what == HY_CHILD_UPDATED) kind = HY_CHILD_EVENT_UPDATE;
        if (d->list[i].what == HY_CHILD_GONE)
            kind =
                child->state == HY_CHILD_DELETED ? HY_CHILD_EVENT_DELETE : HY_CHILD_EVENT_REFUSED;
        hy__arrival_tell_child(r, kind, child, d->list[i].change);
        hy_child_unref(child);
        hy_change_unref(d->list[i].change);
    }
    hy_free(d->list);
}

/* --- changes since ---------------------------------------------------------------------------- */

static hy_outcome_t take_stamp(hy_replica_t *r, const hy_node_t *entry, hy_error_t *err) {
    hy_stamp_t *s;
    const hy_node_t *body = hy_get_object(entry, "body");
    if (hy_stamp_read(entry, &s, err) < 0) return HY_BROKEN;
    hy_childop_t *op = NULL;
    if (s->version > r->object->version && body && s->kind != HY_CHILDOP_REFUSE &&
        hy_childop_read(s->kind, body, &op, err) == 0) {
        hy__arrival_take_op(r, s->collection, s->reporter, op);
        hy_childop_unref(op);
    }
    hy_outcome_t outcome = hy__arrival_apply_stamp(r, s);
    hy_stamp_unref(s);
    return outcome;
}

/* Those of the epoch that the copy has, and where they end those of the answer's own. */
static int take_changes(hy_replica_t *r, const hy_node_t *answer, hy_error_t *err) {
    const hy_node_t *changes = hy_get_array(answer, "changes");
    for (size_t i = 0; i < hy_node_count(changes); i++) {
        hy__epoch_enter(r, answer);
        hy_value_t entry = hy_node_at(changes, i);
        if (entry.kind != HY_OBJECT) return hy_fail(err, HY_EINVALID, "malformed list of changes");
        hy_outcome_t outcome = HY_BROKEN;
        hy_change_t *c;
        if (hy_get_object(entry.as.n, "child")) {
            outcome = take_stamp(r, entry.as.n, err);
        } else if (hy_change_read(entry.as.n, &c, err) == 0) {
            outcome = hy__arrival_apply_change(r, c);
            hy_change_unref(c);
        }
        if (outcome != HY_DONE) return hy_fail(err, HY_EGAP, "changes that do not follow the copy");
    }
    hy__epoch_enter(r, answer);
    if (!hy_str_equal(hy_get_str(answer, "epoch"), r->object->epoch))
        return hy_fail(err, HY_EGAP, "changes that do not reach the new epoch");
    int64_t version = hy_get_int(answer, "version", 0);
    if (version > (int64_t)r->head) r->head = (uint64_t)version;
    return 0;
}

/* --- the whole object ------------------------------------------------------------------------- */

static int make_copy(hy_replica_t *r, const hy_node_t *whole, hy_error_t *err) {
    const hy_schema_t *schema;
    hy_error_t why = {.text = ""};
    int rc = hy__agree(r, hy_get_str(whole, "schema"), &schema, err);
    if (rc == 0) {
        rc = hy_object_check_whole_fit(whole, schema, &why);
        if (rc < 0) return hy_fail(err, rc, "%s: %s", r->url->bytes, why.text);
    }
    return rc < 0 ? rc : hy_object_from_whole(r->url, schema, whole, &r->object, err);
}

/* An object that came in parts, taken over. */
static int take_copy(hy_replica_t *r, hy_object_t *from, hy_error_t *err) {
    hy_error_t why = {.text = ""};
    const hy_schema_t *schema;
    int rc = hy__agree(r, hy_get_str(from->metadata, "schema"), &schema, err);
    if (rc == 0) {
        hy_object_set_schema(from, schema);
        rc = hy_object_check_fit(from, schema, &why);
        if (rc < 0) hy_fail(err, rc, "%s: %s", r->url->bytes, why.text);
    }
    if (rc < 0) {
        hy_object_free(from);
    } else {
        r->object = from;
    }
    return rc;
}

/* The copy that is there stays as it is if what was sent does not fit. */
static int check_fit(hy_replica_t *r, const hy_node_t *whole, const hy_object_t *from,
                     uint64_t version, hy_error_t *err) {
    const hy_schema_t *schema = r->object->schema;
    hy_error_t why = {.text = ""};
    int rc = from ? hy_object_check_fit(from, schema, &why)
                  : hy_object_check_whole_fit(whole, schema, &why);
    if (rc == HY_ESCHEMA) hy__fit_refuse(r, version, why.text);
    return rc < 0 ? hy_fail(err, rc, "%s: %s", r->url->bytes, why.text) : 0;
}

typedef struct {
    uint64_t from, to;
    const char *reason;
} resync_t;

static void tell_resync(hy_member_t *m, void *arg) {
    const resync_t *news = arg;
    hy__tell_resync(&m->observer->party, news->from, news->to, news->reason);
}

/* With a whole answer, or with an object that came in parts. */
static int bring_level(hy_replica_t *r, const hy_node_t *whole, hy_object_t *from,
                       const char *reason, hy_error_t *err) {
    hy_object_t *o = r->object;
    hy_str_t *epoch = from ? from->epoch : hy_get_str(whole, "epoch");
    int order = hy_epoch_compare(epoch, o->epoch);
    uint64_t version = from ? from->version : (uint64_t)hy_get_int(whole, "version", 0);
    bool is_new = order > 0 || (order == 0 && version > o->version);
    if (!is_new && !(HY_MUTANT(WHOLE_BELOW) && order == 0)) return 0;
    resync_t news = {.from = o->version, .to = version, .reason = order > 0 ? "new epoch" : reason};
    hy_change_t *change;
    hy_effect_t *effects;
    differences_t differences = {0};
    int rc = check_fit(r, whole, from, version, err);
    if (rc < 0) return rc;
    rc = from ? hy_object_take(o, from, &change, &effects, note, &differences, err)
              : hy_object_load(o, whole, &change, &effects, note, &differences, err);
    if (rc == 0 && order > 0) r->head = version;
    if (rc == 0) hy__copy_renewed(r->ledger);
    if (rc == 0) r->refused = 0;
    if (order > 0) hy__arrival_drop_ops(r); /* their numbers may mean something else there */
    hy__outbox_level(r);
    if (rc == 0 && !HY_MUTANT(QUIET_RESYNC)) hy__replica_each(r, tell_resync, &news);
    if (change) hy__arrival_tell_change(r, change, effects);
    hy_free(effects);
    hy_change_unref(change);
    tell_differences(r, &differences);
    return rc;
}

int hy__answer_take(hy_replica_t *r, const hy_node_t *value, const char *reason, hy_error_t *err) {
    const hy_node_t *changes = hy_get_array(value, "changes");
    r->heard_ms = hy_clock_now(hy_bus_clock(r->manager->bus));
    if (changes) {
        hy_str_t *epoch = hy_get_str(value, "epoch");
        int order = r->object && epoch ? hy_epoch_compare(epoch, r->object->epoch) : 1;
        if (order < 0) return 0; /* an answer that was overtaken */
        if (!epoch || !r->object || (order > 0 && !hy__epoch_is_reached(r, value)))
            return hy_fail(err, HY_EINVALID, "changes since a position of another epoch");
        return take_changes(r, value, err);
    }
    int rc = hy_object_check_whole(value, err);
    if (rc < 0) return rc;
    return r->object ? bring_level(r, value, NULL, reason, err) : make_copy(r, value, err);
}

int hy__answer_take_object(hy_replica_t *r, hy_collecting_t *c, const char *reason,
                           hy_error_t *err) {
    hy_object_t *from;
    uint64_t head = c->head;
    int rc = hy_parts_finish(c->parts, &from, err);
    hy__collecting_end(c);
    if (rc < 0) return rc;
    r->heard_ms = hy_clock_now(hy_bus_clock(r->manager->bus));
    if (r->object) {
        rc = bring_level(r, NULL, from, reason, err);
        hy_object_free(from);
    } else {
        rc = take_copy(r, from, err);
    }
    if (rc == 0 && head > r->head) r->head = head;
    return rc;
}

/* --- reading ---------------------------------------------------------------------------------- */

int hy__put_since(hy_node_t *body, const hy_object_t *o) {
    hy_node_t *since = hy_node_new(HY_OBJECT);
    if (!since) return HY_ENOMEM;
    int rc = hy_put(since, "epoch", hy__string_ref(o->epoch));
    if (rc == 0) rc = hy_put(since, "version", hy_int((int64_t)o->version));
    if (rc == 0) return hy_put(body, "since", hy_node_value(since));
    hy_node_unref(since);
    return rc;
}

static void retry_later(hy_replica_t *r) {
    hy_bus_t *bus = r->manager->bus;
    hy_timer_start(hy_bus_clock(bus), &r->retry, hy__backoff(bus, &r->retry_ms));
}

int hy__replica_take_value(hy_replica_t *r, const hy_node_t *value) {
    hy_error_t err;
    if (r->collecting.parts && hy_parts_is_complete(r->collecting.parts))
        return hy__answer_take_object(r, &r->collecting, r->read_reason, &err);
    hy__collecting_end(&r->collecting);
    return value ? hy__answer_take(r, value, r->read_reason, &err) : HY_EINVALID;
}

void hy__replica_subscribe_again(hy_replica_t *r, const hy_str_t *before, const hy_member_t *but) {
    if (hy_str_equal(r->object->epoch, before)) return;
    r->is_rejoined = false;
    for (hy_link_t *l = r->members.next; l != &r->members; l = l->next) {
        hy_member_t *m = hy_link_owner(l, hy_member_t, link);
        if (m != but && m->state == HY_MEMBER_IN) hy__member_renew(m);
    }
}

static void take_read(hy_replica_t *r, const hy_node_t *value) {
    hy_str_t *epoch = hy_str_ref(r->object->epoch);
    uint64_t version = r->object->version;
    bool was_whole = r->wants_whole;
    if (hy__replica_take_value(r, value) < 0) {
        r->wants_whole = true;
        if (was_whole) {
            retry_later(r);
        } else {
            hy__replica_read(r, "a change that does not apply");
        }
    } else {
        bool is_progress = r->object->version != version || !hy_str_equal(r->object->epoch, epoch);
        r->wants_whole = false;
        if (is_progress) r->retry_ms = 0;
        if (!is_progress && !r->has_lost) retry_later(r); /* so that settling does not read */
        hy__arrival_settle(r);
        bool is_level = r->head <= r->object->version;
        if (!is_progress && !is_level) r->wants_whole = true; /* those do not lead there */
        if (!is_level) hy__replica_read(r, "gap");
        if (r->aside_count == 0 && !r->has_lost && is_level) {
            hy_timer_stop(hy_bus_clock(r->manager->bus), &r->retry);
            r->retry_ms = 0;
        }
    }
    hy__replica_subscribe_again(r, epoch, NULL);
    hy_str_unref(epoch);
}

/* Rights are per hyperty: who spoke goes, another may read. */
static void refuse_speaker(hy_replica_t *r, const hy_str_t *speaker) {
    hy_member_t *m = hy__replica_find_member(r, speaker);
    if (m && m->state == HY_MEMBER_IN) hy__member_end(m, true);
    hy__replica_read(r, "gap");
}

/* Not known to observe, as the node may have thought it gone: it subscribes again, which decides.
 * What was to be read comes with that, or is read later. */
static void doubt_speaker(hy_replica_t *r, const hy_str_t *speaker) {
    hy_member_t *m = hy__replica_find_member(r, speaker);
    if (m && m->state == HY_MEMBER_IN) hy__member_renew(m);
    r->has_lost = true;
    retry_later(r);
}

static hy_str_t *find_speaker(const hy_replica_t *r);
static void on_read(void *arg, hy_msg_t *answer, int code);

/* Asks for the parts that are missing; in the end the whole is read again, later. */
static void ask_for_parts(hy_replica_t *r) {
    hy_str_t *from = find_speaker(r);
    bool leads_on = from && !r->is_away && hy__collecting_leads_on(&r->collecting);
    int rc = leads_on ? hy__manager_request(r->manager, HY_MSG_READ, from, r->url,
                                            hy__collecting_body(&r->collecting), on_read, r, NULL,
                                            &r->read)
                      : HY_ECLOSED;
    if (rc == 0) return;
    hy__collecting_end(&r->collecting);
    r->has_lost = r->wants_whole = true;
    retry_later(r);
}

bool hy__replica_take_part(hy_replica_t *r, hy_msg_t *answer) {
    hy_error_t err;
    const hy_node_t *body = hy_msg_body(answer);
    if (!hy_parts_is_part(body)) return false;
    r->heard_ms = hy_clock_now(hy_bus_clock(r->manager->bus));
    if (hy__collect(&r->collecting, r->url, body, &err) == HY_COLLECT_ALL) return false;
    if (!r->read) ask_for_parts(r);
    return true;
}

void hy__replica_take_read(hy_replica_t *r, hy_msg_t *answer, int code) {
    if (code == 410) {
        hy__replica_end(r, false);
        return;
    }
    hy__replica_enter(r);
    if (code == 404) r->is_disconnected = true;
    if (code < 300) hy__replica_is_back(r);
    if (code < 300 && hy__replica_is_held(r)) {
        r->has_lost = true;
    } else if (code == 403) {
        refuse_speaker(r, answer->to);
    } else if (code == 401) {
        doubt_speaker(r, answer->to);
    } else if (code < 300 && hy__replica_take_part(r, answer)) {
        /* there is more to come */
    } else if (code < 300) {
        take_read(r, hy_get_object(hy_msg_body(answer), "value"));
    } else {
        r->has_lost = true; /* what was to be read still is */
        retry_later(r);
    }
    hy__replica_tell_status(r);
    hy__replica_exit(r);
}

static void on_read(void *arg, hy_msg_t *answer, int code) {
    hy_replica_t *r = arg;
    if (code >= 200) {
        r->read = NULL;
        hy__replica_take_read(r, answer, code);
    } else if (!hy__replica_is_held(r) && hy_parts_is_part(hy_msg_body(answer)) &&
               !hy__replica_take_part(r, answer)) {
        hy_request_cancel(r->read); /* all are here: an older peer's last one says 100, too */
        r->read = NULL;
        hy__replica_enter(r);
        take_read(r, NULL);
        hy__replica_tell_status(r);
        hy__replica_exit(r);
    }
}

/* The first member that is in speaks for the copy. */
static hy_str_t *find_speaker(const hy_replica_t *r) {
    for (hy_link_t *l = r->members.next; l != &r->members; l = l->next) {
        const hy_member_t *m = hy_link_owner(l, hy_member_t, link);
        if (m->state == HY_MEMBER_IN) return m->hyperty;
    }
    return NULL;
}

void hy__replica_read(hy_replica_t *r, const char *reason) {
    hy_str_t *from = find_speaker(r);
    bool is_kept = r->is_away || hy__replica_is_held(r);
    if (r->read || is_kept || !from || hy_timer_is_started(&r->retry)) return;
    hy_node_t *body = hy_node_new(HY_OBJECT);
    int rc = body ? 0 : HY_ENOMEM;
    if (rc == 0 && !r->wants_whole) rc = hy__put_since(body, r->object);
    if (rc == 0) rc = hy__put_window(body);
    if (rc == 0) {
        rc = hy__manager_request(r->manager, HY_MSG_READ, from, r->url, hy_node_value(body),
                                 on_read, r, NULL, &r->read);
    } else if (body) {
        hy_node_unref(body);
    }
    r->read_reason = reason;
    if (rc < 0) {
        retry_later(r);
        return;
    }
    r->has_lost = false; /* whatever was lost until now is before this read */
    hy__replica_tell_status(r);
}

void hy__replica_retry(void *replica) {
    hy_replica_t *r = replica;
    hy__replica_enter(r);
    hy__replica_read(r, "gap");
    hy__replica_exit(r);
}
