/* What arrives for a replica (PROTOCOL.md sections 6 and 7): positions, gaps, stamps.
 *
 *      (e, ≤ v), lower e          ignored
 *      (e, v+1)                   applied, then what was kept aside and now fits
 *      (e, > v+1), does not apply kept aside, and read since (e, v)
 *      higher e                   kept aside, and read
 *
 * A child operation waits in `ops` (a create is shown as pending) until its stamp says when it
 * counts; a stamp whose operation is not here is a gap. */
#include "../base/mem.h"
#include "../base/mutant.h"
#include "sync.h"

/* --- telling the members ---------------------------------------------------------------------- */

typedef struct {
    hy_replica_t *replica;
    hy_child_event_kind_t kind;
    hy_child_t *child;
    hy_change_t *change;
} child_news_t;

static void tell_child(hy_member_t *m, void *arg) {
    const child_news_t *news = arg;
    hy_party_t *p = hy_party_ref(&m->observer->party);
    if (news->kind != HY_CHILD_EVENT_UPDATE) hy__party_child_settled(p, news->child);
    if (p->is_open) hy__tell_child(p, news->kind, news->child, news->change);
    hy_party_unref(p);
}

void hy__arrival_tell_child(hy_replica_t *r, hy_child_event_kind_t kind, hy_child_t *child,
                            hy_change_t *change) {
    child_news_t news = {.replica = r, .kind = kind, .child = child, .change = change};
    hy__replica_enter(r);
    hy__replica_each(r, tell_child, &news);
    hy__replica_exit(r);
}

typedef struct {
    hy_change_t *change;
    const hy_effect_t *effects;
} change_news_t;

static void tell_change(hy_member_t *m, void *arg) {
    const change_news_t *news = arg;
    hy__tell_change(&m->observer->party, news->change, news->effects);
}

void hy__arrival_tell_change(hy_replica_t *r, hy_change_t *change, hy_effect_t *effects) {
    change_news_t news = {.change = change, .effects = effects};
    hy__replica_each(r, tell_change, &news);
    for (uint32_t i = 0; i < change->count; i++) {
        hy_effect_release(&effects[i]);
    }
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Where a position stands to the copy. A writer of a lower epoch does not count as heard. */
static hy_outcome_t compare(hy_replica_t *r, const hy_str_t *epoch, uint64_t version) {
    const hy_object_t *o = r->object;
    int order = epoch ? hy_epoch_compare(epoch, o->epoch) : -1;
    if (order < 0) return HY_DONE;
    r->is_heard = true;
    if (order > 0) {
        hy__hosted_hear(r->manager, r->url, epoch);
        return HY_BROKEN;
    }
    if (HY_MUTANT(DUPLICATE) && version == o->version) return HY_AHEAD;
    return version <= o->version ? HY_DONE : HY_AHEAD;
}

hy_outcome_t hy__arrival_apply_change(hy_replica_t *r, hy_change_t *c) {
    hy_object_t *o = r->object;
    hy_outcome_t place = compare(r, c->epoch, c->version);
    if (place != HY_AHEAD) return place;
    if (c->version > r->head) r->head = c->version;
    bool is_due = c->version == o->version + 1 || HY_MUTANT(GAP);
    if (!is_due && !(HY_MUTANT(DUPLICATE) && c->version == o->version)) return HY_AHEAD;
    hy_effect_t one, *effects = c->count > 1 ? hy_alloc(c->count * sizeof *effects) : &one;
    if (!effects) return HY_BROKEN;
    uint32_t count = c->count;
    if (HY_MUTANT(HALF_BATCH) && count > 1) c->count--;
    int rc = hy__fit_take(r, c, effects);
    if (rc == 0) {
        o->version = c->version;
        if (c->modified_ms) o->modified_ms = c->modified_ms;
        hy__copy_changed(r->ledger, c);
        if (c->is_metadata) {
            for (uint32_t i = 0; i < c->count; i++) {
                hy_effect_release(&effects[i]);
            }
            hy__agree_changed(r);
        } else {
            hy__arrival_tell_change(r, c, effects);
        }
    }
    c->count = count;
    if (effects != &one) hy_free(effects);
    return rc == 0 ? HY_DONE : HY_BROKEN;
}

/* --- stamps ----------------------------------------------------------------------------------- */

static hy_str_t *op_key(const hy_child_t *child, uint64_t version) {
    return hy_str_format("%s@%llu", child->key->bytes, (unsigned long long)version);
}

/* The operation that waits for that stamp, if it is here; the caller gets its reference. */
static hy_childop_t *take_op(hy_replica_t *r, const hy_child_t *child, uint64_t version) {
    hy_str_t *key = op_key(child, version);
    hy_op_entry_t *e = key ? hy_dict_get(&r->ops, key) : NULL;
    hy_childop_t *op = e ? e->op : NULL;
    if (e) hy_dict_remove(&r->ops, e);
    hy_str_unref(key);
    return op;
}

static bool stamp_create(hy_replica_t *r, const hy_stamp_t *s, hy_child_t *child) {
    hy_object_t *o = r->object;
    if (!child || child->state != HY_CHILD_PENDING) return false;
    if (hy__fit_take_new(r, s, child) < 0) return false;
    if (hy_marks_see(hy_children_marks(o->children), child->reporter, child->n, child->n) < 0)
        return false;
    bool is_first = HY_MUTANT(ORDER) && child->draft;
    if (hy_children_keep(o->children, child, is_first ? 0 : s->version) < 0) return false;
    if (is_first) hy__children_sort(o->children);
    hy__outbox_stamped(r, child, 0, HY_CHILDOP_CREATE);
    o->version = s->version;
    hy__copy_stamped(r->ledger, s, child, NULL);
    hy__arrival_tell_child(r, HY_CHILD_EVENT_CREATE, child, NULL);
    return true;
}

static bool stamp_update(hy_replica_t *r, const hy_stamp_t *s, hy_child_t *child) {
    hy_childop_t *op = child ? take_op(r, child, s->child_version) : NULL;
    if (!op) return false;
    bool is_applied = op->change && hy__fit_take_update(r, s, child, op->change) == 0;
    if (is_applied) {
        child->version = s->child_version;
        hy__outbox_stamped(r, child, s->child_version, HY_CHILDOP_UPDATE);
        r->object->version = s->version;
        hy__copy_stamped(r->ledger, s, child, op);
        hy__arrival_tell_child(r, HY_CHILD_EVENT_UPDATE, child, op->change);
    }
    hy_childop_unref(op);
    return is_applied;
}

static bool stamp_delete(hy_replica_t *r, const hy_stamp_t *s, hy_child_t *child) {
    r->object->version = s->version;
    if (child) hy_children_remove(r->object->children, child, HY_CHILD_DELETED);
    hy__copy_stamped(r->ledger, s, child, NULL);
    if (!child) return true;
    hy_childop_unref(take_op(r, child, s->child_version));
    hy__outbox_gone(r, child);
    hy__arrival_tell_child(r, HY_CHILD_EVENT_DELETE, child, NULL);
    return true;
}

static bool stamp_refuse(hy_replica_t *r, const hy_stamp_t *s, hy_str_t *creator, uint64_t n,
                         hy_child_t *child) {
    r->object->version = s->version;
    if (s->child_version == 0) hy_marks_see(hy_children_marks(r->object->children), creator, n, n);
    if (child && s->child_version > 0) child->version = s->child_version;
    hy__copy_stamped(r->ledger, s, child, NULL);
    if (!child) return true;
    bool is_own = child->draft != NULL;
    if (s->child_version > 0) hy_childop_unref(take_op(r, child, s->child_version));
    hy__outbox_stamped(r, child, s->child_version, HY_CHILDOP_REFUSE);
    if (!is_own && child->state == HY_CHILD_PENDING) {
        hy_children_remove(r->object->children, child, HY_CHILD_REFUSED);
        hy__arrival_tell_child(r, HY_CHILD_EVENT_REFUSED, child, NULL);
    }
    return true;
}

hy_outcome_t hy__arrival_apply_stamp(hy_replica_t *r, const hy_stamp_t *s) {
    hy_outcome_t place = compare(r, s->epoch, s->version);
    if (place != HY_AHEAD) return place;
    if (s->version > r->head) r->head = s->version;
    if (s->version != r->object->version + 1) return HY_AHEAD;
    uint64_t n = hy_child_number(s->reporter, s->id);
    hy_child_t *child = hy_children_find(r->object->children, s->reporter, n);
    if (child) hy_child_ref(child);
    bool is_done = false;
    switch (s->kind) {
    case HY_CHILDOP_CREATE:
        is_done = stamp_create(r, s, child);
        break;
    case HY_CHILDOP_UPDATE:
        is_done = stamp_update(r, s, child);
        break;
    case HY_CHILDOP_DELETE:
        is_done = stamp_delete(r, s, child);
        break;
    case HY_CHILDOP_REFUSE:
        is_done = stamp_refuse(r, s, s->reporter, n, child);
        break;
    }
    hy_child_unref(child);
    if (!is_done && HY_MUTANT(EMPTY_STAMP)) {
        r->object->version = s->version;
        is_done = true;
    }
    return is_done ? HY_DONE : HY_BROKEN;
}

/* --- child operations ------------------------------------------------------------------------- */

static void start_expiry(hy_replica_t *r) {
    if (!hy_timer_is_started(&r->expiry))
        hy_timer_start(hy_bus_clock(r->manager->bus), &r->expiry, HY_CHILD_EXPIRY_MS);
}

static void add_pending(hy_replica_t *r, hy_str_t *collection, hy_str_t *creator,
                        hy_childop_t *op) {
    uint64_t n = hy_child_number(creator, op->id);
    hy_children_t *children = r->object->children;
    hy_child_t *child;
    hy_value_t data;
    if (n == 0 || hy_children_find(children, creator, n) ||
        hy_marks_seen(hy_children_marks(children), creator, n) ||
        hy_value_copy(op->data, &data) < 0)
        return;
    if (hy_child_new(collection, creator, op->id, data, &child, NULL) < 0) return;
    child->user = op->user ? hy_str_ref(op->user) : NULL;
    child->created_ms = op->created_ms;
    child->arrived_ms = hy_clock_now(hy_bus_clock(r->manager->bus));
    hy_children_add_pending(children, child);
    hy_child_unref(child);
    start_expiry(r);
}

/* `op` is taken over. */
static void add_op(hy_replica_t *r, const hy_str_t *creator, hy_childop_t *op) {
    uint64_t n = hy_child_number(creator, op->id);
    const hy_child_t *child = n ? hy_children_find(r->object->children, creator, n) : NULL;
    bool is_wanted = child && op->version > child->version && r->ops.count < HY_CHILD_PENDING_MAX;
    hy_str_t *key = is_wanted ? op_key(child, op->version) : NULL;
    hy_op_entry_t *e = key ? hy_dict_put(&r->ops, key, NULL) : NULL;
    hy_str_unref(key);
    if (!e) {
        hy_childop_unref(op);
        return;
    }
    hy_childop_unref(e->op);
    e->op = op;
    e->arrived_ms = hy_clock_now(hy_bus_clock(r->manager->bus));
    start_expiry(r);
}

void hy__arrival_take_op(hy_replica_t *r, hy_str_t *collection, hy_str_t *creator,
                         hy_childop_t *op) {
    if (op->kind == HY_CHILDOP_CREATE) {
        add_pending(r, collection, creator, op);
    } else {
        hy_payload_ref(&op->payload);
        add_op(r, creator, op);
    }
}

typedef struct {
    hy_str_t *collection, *from;
    hy_value_t value;
} event_news_t;

static void tell_event(hy_member_t *m, void *arg) {
    const event_news_t *news = arg;
    hy_party_t *p = &m->observer->party;
    if (hy_str_equal(news->from, m->hyperty)) return;
    hy__tell_event(p, news->collection, news->from, news->value);
}

static void on_child(hy_replica_t *r, hy_msg_t *m, hy_str_t *collection) {
    if (m->type == HY_MSG_EVENT) {
        event_news_t news = {
            .collection = collection, .from = m->from, .value = hy_get(hy_msg_body(m), "value")};
        hy__replica_each(r, tell_event, &news);
        return;
    }
    hy_childop_t *op;
    if (hy_childop_of(m, &op, NULL) < 0) return; /* the reporter answers what is malformed */
    hy__arrival_take_op(r, collection, m->from, op);
    hy_childop_unref(op);
    if (r->aside_count > 0) hy__arrival_settle(r);
}

static void keep_aside(hy_replica_t *r, hy_msg_t *m, uint64_t version);

void hy__arrival_child(void *replica, hy_msg_t *m) {
    hy_replica_t *r = replica;
    bool is_operation = m->type == HY_MSG_CREATE || m->type == HY_MSG_UPDATE ||
                        m->type == HY_MSG_DELETE || m->type == HY_MSG_EVENT;
    if (!is_operation || m->to->len <= r->children->len) return;
    if (!r->object || hy__replica_is_held(r)) {
        if (m->type != HY_MSG_EVENT) keep_aside(r, m, 0);
        return;
    }
    hy_str_t *collection =
        hy_str_new(m->to->bytes + r->children->len, m->to->len - r->children->len);
    if (!collection) return;
    hy__replica_enter(r);
    on_child(r, m, collection); /* of others: it does not show that the reporter is heard */
    hy__replica_exit(r);
    hy_str_unref(collection);
}

/* --- messages on /changes --------------------------------------------------------------------- */

static hy_outcome_t apply_stamps(hy_replica_t *r, const hy_node_t *body, uint64_t *version) {
    const hy_node_t *stamps = hy_get_array(hy_get_object(body, "value"), "stamps");
    size_t count = stamps ? hy_node_count(stamps) : 1;
    hy_outcome_t outcome = HY_DONE;
    for (size_t i = 0; i < count && outcome == HY_DONE; i++) {
        hy_value_t at = stamps ? hy_node_at(stamps, i) : hy_get(body, "value");
        const hy_node_t *entry = at.kind == HY_OBJECT ? at.as.n : NULL;
        hy_stamp_t *s;
        if (hy_stamp_read(entry, &s, NULL) < 0) return HY_DONE; /* nothing we know: ignored */
        *version = s->version;
        outcome = hy__arrival_apply_stamp(r, s);
        hy_stamp_unref(s);
    }
    return outcome;
}

/* Applies one message; `*version` gets the position that it could not reach. */
static hy_outcome_t apply_message(hy_replica_t *r, hy_msg_t *m, uint64_t *version) {
    if (m->type == HY_MSG_UPDATE) {
        hy_change_t *c;
        if (hy_change_of(m, &c, NULL) < 0) return HY_DONE;
        *version = c->version;
        hy_outcome_t outcome = hy__arrival_apply_change(r, c);
        hy_change_unref(c);
        return outcome;
    }
    hy_payload_t *stamp = hy_msg_payload(m, &hy_stamp_payload);
    if (stamp) {
        *version = ((hy_stamp_t *)stamp)->version;
        return hy__arrival_apply_stamp(r, (hy_stamp_t *)stamp);
    }
    return apply_stamps(r, hy_msg_body(m), version);
}

static void keep_aside(hy_replica_t *r, hy_msg_t *m, uint64_t version) {
    size_t bytes = hy_msg_bytes(m);
    if (r->aside_count == HY_ASIDE_MESSAGES_MAX || r->aside_bytes + bytes > HY_ASIDE_BYTES_MAX) {
        r->has_lost = true;
        return;
    }
    if (r->aside_count == r->aside_room) {
        uint32_t room = r->aside_room ? r->aside_room * 2 : 8;
        hy_aside_t *aside = hy_realloc(r->aside, room * sizeof *aside);
        if (!aside) {
            r->has_lost = true;
            return;
        }
        r->aside = aside;
        r->aside_room = room;
    }
    uint32_t at = r->aside_count;
    while (at > 0 && r->aside[at - 1].version > version) {
        at--;
    }
    memmove(&r->aside[at + 1], &r->aside[at], (r->aside_count - at) * sizeof *r->aside);
    r->aside[at] = (hy_aside_t){.message = hy_msg_ref(m), .version = version};
    r->aside_count++;
    r->aside_bytes += bytes;
}

static void let_go(hy_replica_t *r, hy_msg_t *m) {
    r->aside_bytes -= hy_msg_bytes(m);
    hy_msg_unref(m);
}

void hy__arrival_drop_ops(hy_replica_t *r) {
    hy_op_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&r->ops, &pos));) {
        hy_childop_unref(e->op);
        hy_dict_remove(&r->ops, e);
    }
}

void hy__arrival_drop(hy_replica_t *r) {
    while (r->aside_count > 0) {
        let_go(r, r->aside[--r->aside_count].message);
    }
    hy_free(r->aside);
    r->aside = NULL;
    r->aside_room = 0;
    hy__arrival_drop_ops(r);
}

/* Operations first: stamps need them. They came aside only before the first answer, or while the
 * copy was held. */
static void settle_ops(hy_replica_t *r) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->aside_count; i++) {
        hy_msg_t *m = r->aside[i].message;
        if (m->to->len <= r->children->len ||
            memcmp(m->to->bytes, r->children->bytes, r->children->len) != 0) {
            r->aside[kept++] = r->aside[i];
            continue;
        }
        hy_childop_t *op;
        hy_str_t *collection =
            hy_str_new(m->to->bytes + r->children->len, m->to->len - r->children->len);
        if (collection && hy_childop_of(m, &op, NULL) == 0) {
            hy__arrival_take_op(r, collection, m->from, op);
            hy_childop_unref(op);
        }
        hy_str_unref(collection);
        let_go(r, m);
    }
    r->aside_count = kept;
}

void hy__arrival_settle(hy_replica_t *r) {
    if (hy__replica_is_held(r)) return;
    settle_ops(r);
    uint32_t done = 0;
    for (uint64_t version; done < r->aside_count; done++) {
        if (apply_message(r, r->aside[done].message, &version) != HY_DONE) break;
        let_go(r, r->aside[done].message);
    }
    r->aside_count -= done;
    if (done > 0) memmove(r->aside, r->aside + done, r->aside_count * sizeof *r->aside);
    if (r->aside_count > 0 || r->has_lost) hy__replica_read(r, "gap");
}

/* The node dropped messages for this runtime and says so in their place. */
static bool is_loss(hy_msg_t *m) {
    if (m->type != HY_MSG_EVENT || hy_msg_payload(m, &hy_stamp_payload)) return false;
    return hy_get_int(hy_get_object(hy_msg_body(m), "value"), "lost", 0) > 0;
}

/* The reporter says where it stands. True if this was it. */
static bool take_digest(hy_replica_t *r, hy_msg_t *m) {
    if (m->type != HY_MSG_EVENT || hy_msg_payload(m, &hy_stamp_payload)) return false;
    const hy_node_t *digest = hy_get_object(hy_get_object(hy_msg_body(m), "value"), "digest");
    if (!digest) return false;
    hy__epoch_digest(r, digest);
    return true;
}

static void on_change(hy_replica_t *r, hy_msg_t *m) {
    uint64_t version = 0;
    if (take_digest(r, m)) return;
    if (is_loss(m)) {
        r->has_lost = true;
        if (r->object) hy__replica_read(r, "gap");
        return;
    }
    if (!r->object || hy__replica_is_held(r)) {
        const hy_change_t *c = (hy_change_t *)hy_msg_payload(m, &hy_change_payload);
        const hy_node_t *body = c ? NULL : hy_msg_body(m);
        const hy_node_t *value = hy_get_object(body, "value");
        version = c ? c->version : (uint64_t)hy_get_int(value ? value : body, "version", 0);
        keep_aside(r, m, version);
        return;
    }
    r->is_heard = false;
    hy_outcome_t outcome = apply_message(r, m, &version);
    if (r->is_heard) r->heard_ms = hy_clock_now(hy_bus_clock(r->manager->bus));
    if (outcome == HY_DONE) {
        if (r->is_heard) hy__replica_is_back(r);
        if (r->aside_count > 0) hy__arrival_settle(r);
        return;
    }
    keep_aside(r, m, version);
    hy__replica_read(r, "gap");
}

/* One writer: only the object itself speaks on /changes; its deletion comes from its sync manager,
 * a lost message's notice from the node. */
static bool is_writer(const hy_replica_t *r, const hy_msg_t *m) {
    if (m->type == HY_MSG_DELETE)
        return hy_address_is_under(m->from, r->url) && m->from->len > r->url->len;
    return hy_str_equal(m->from, r->url) || hy_str_equal(m->from, r->node_sm);
}

void hy__arrival_change(void *replica, hy_msg_t *m) {
    hy_replica_t *r = replica;
    if (!is_writer(r, m)) {
        hy_log(hy_bus_log(r->manager->bus), HY_LOG_WARN, "sync", "%s: %s from %s was ignored",
               r->url->bytes, hy_msg_type_text(m->type), m->from->bytes);
        return;
    }
    hy__replica_enter(r);
    if (m->type == HY_MSG_DELETE) {
        hy__replica_end(r, false);
    } else if (m->type == HY_MSG_UPDATE || m->type == HY_MSG_EVENT) {
        on_change(r, m);
        if (r->object) hy__replica_tell_status(r);
    }
    hy__replica_exit(r);
}
