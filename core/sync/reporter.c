/* The reporter's side of an object: every write is a change with the next version, published at
 * once (PROTOCOL.md section 5, Change). Reads and executes: reading.c; child operations:
 * moderation.c. */
#include "../base/mem.h"
#include "../base/mutant.h"
#include "../data/snapshot.h"
#include "answering.h"
#include "handover.h"

/* --- writing ---------------------------------------------------------------------------------- */

hy_hosted_t *hy__reporter_hosted(const hy_reporter_t *r) {
    return hy__part_find(&r->party.syncher->manager->hosted, r->party.url);
}

bool hy__reporter_returns(const hy_reporter_t *r) {
    return r->is_ending || ((r->party.is_resumed || r->is_waking) && !r->party.is_known);
}

bool hy__reporter_is_coming(const hy_party_t *p) {
    return p->is_reporter && ((const hy_reporter_t *)p)->is_waking && !p->is_resumed;
}

void hy__reporter_put_off(const hy_manager_t *m, hy_msg_t *request) {
    hy_bus_respond(m->bus, request, 503, "the object's reporter is not back yet: ask again",
                   hy__body1("again", hy_bool(true)));
}

/* Gives the change its position, the next one, and writes it into the store, if the object has one.
 * Before it is published, since writing may fail. */
static int prepare(hy_reporter_t *r, hy_change_t *change) {
    hy_object_t *o = r->party.object;
    hy_syncher_t *s = r->party.syncher;
    change->epoch = hy_str_ref(o->epoch);
    change->version = o->version + 1;
    change->source = hy_str_ref(s->url);
    change->modified_ms = hy_clock_wall(hy_bus_clock(s->manager->bus));
    return r->ledger ? hy__ledger_change(r->ledger, change) : 0;
}

/* Counts the position up and publishes what was prepared and applied; `change` is taken over.
 * Should the message get lost here, it is a gap, which the observers read. */
static void publish(hy_reporter_t *r, hy_change_t *change) {
    hy_object_t *o = r->party.object;
    hy_syncher_t *s = r->party.syncher;
    o->version = change->version;
    o->modified_ms = change->modified_ms;
    r->published_ms = hy_clock_now(hy_bus_clock(s->manager->bus));
    hy_history_add_change(&o->history, change);
    hy_msg_t *m =
        hy_msg_new_payload(HY_MSG_UPDATE, hy_absent(), o->url, r->changes, &change->payload);
    hy__reporter_send(r, m);
    hy_msg_unref(m);
    hy__reporter_settle(r);
    hy__fit_written(r);
}

int hy__reporter_publish(hy_reporter_t *r, hy_change_t *change, hy_effect_t *effects) {
    int rc = prepare(r, change);
    if (rc < 0) return rc;
    for (uint32_t i = 0; i < change->count; i++) {
        hy_effect_release(&effects[i]);
    }
    publish(r, change);
    return 0;
}

/* Not while some of what a trial has written is without its version. */
void hy__reporter_settle(hy_reporter_t *r) {
    if (!hy_syncher_is_on_trial(r->party.syncher)) hy__ledger_settle(r->ledger);
}

void hy__reporter_send(hy_reporter_t *r, hy_msg_t *m) {
    if (r->ledger) {
        hy__ledger_send(r->ledger, r->party.syncher->manager, m);
    } else if (m) {
        hy_port_send(r->party.syncher->port, m, NULL);
    }
}

static int batch_add(hy_reporter_t *r, hy_edit_t *edit, hy_error_t *err) {
    if (r->batch->count >= r->batch_room) {
        uint32_t room = r->batch_room ? r->batch_room * 2 : 16;
        hy_effect_t *effects = hy_realloc(r->batch_effects, room * sizeof *effects);
        if (!effects) {
            hy_value_drop(edit->value);
            return HY_ENOMEM;
        }
        r->batch_effects = effects;
        r->batch_room = room;
    }
    uint32_t n = r->batch->count;
    int rc = hy_change_add_edit(r->batch, edit);
    if (rc < 0) {
        hy_value_drop(edit->value);
        return rc;
    }
    hy_object_touch(r->party.object);
    rc = hy_edit_apply(r->party.object->data, edit, &r->batch_effects[n], err);
    if (rc < 0) hy_change_drop_last(r->batch);
    return rc;
}

int hy__reporter_check(const hy_reporter_t *r, hy_error_t *err) {
    if (r->heir && !HY_MUTANT(WRITES_ON))
        return hy_fail(err, HY_ECONFLICT,
                       "%s is being handed over to %s: write when it has turned out whose it is",
                       r->party.url->bytes, r->heir->bytes);
    if (r->is_ending) return hy_fail(err, HY_ECONFLICT, "%s is being deleted", r->party.url->bytes);
    if (!r->is_replaced) return 0;
    return hy_fail(err, HY_ECONFLICT, "%s is reported by another session now; this one is replaced",
                   r->party.url->bytes);
}

static int check_room(const hy_reporter_t *r, hy_error_t *err) {
    int rc = hy__reporter_check(r, err);
    if (rc == 0) rc = hy__ledger_check(r->ledger, err);
    if (rc < 0) return rc;
    if (hy_bus_has_room(r->party.syncher->manager->bus)) return 0;
    return hy_fail(err, HY_EFULL, "%s: too many changes wait to be delivered; write less at once",
                   r->party.url->bytes);
}

/* It has closed, and its hyperty is still to be told: it may look at it until then. */
static int view_refuse(const hy_reporter_t *r, hy_edit_t *edit, hy_error_t *err) {
    hy_value_drop(edit->value);
    return hy_fail(err, HY_ECLOSED, "%s is closed", r->party.url->bytes);
}

/* Anything fits: it is written down first, as then nothing need be kept to undo it. */
static int write_free(hy_reporter_t *r, hy_edit_t *edit, hy_change_t *change, hy_error_t *err) {
    size_t mark = hy__ledger_mark(r->ledger);
    int rc = prepare(r, change);
    if (rc < 0) {
        hy_value_drop(edit->value);
        return rc;
    }
    hy_object_touch(r->party.object);
    rc = hy_edit_apply(r->party.object->data, edit, NULL, err);
    if (rc < 0) hy__ledger_undo(r->ledger, mark);
    return rc;
}

/* Done, then looked at; it stays if it fits. */
static int write_checked(hy_reporter_t *r, hy_edit_t *edit, hy_change_t *change, hy_error_t *err) {
    hy_effect_t effect;
    int rc = hy__fit_edit(r, edit, &effect, err);
    if (rc < 0) return rc;
    rc = prepare(r, change);
    if (rc < 0) {
        hy_effect_undo(r->party.object->data, &effect);
    } else {
        hy_effect_release(&effect);
    }
    return rc;
}

static int view_edit(void *owner, hy_edit_t *edit, hy_error_t *err) {
    hy_reporter_t *r = owner;
    if (!r->party.is_open) return view_refuse(r, edit, err);
    if (r->batch) return batch_add(r, edit, err);
    int rc = check_room(r, err);
    if (rc == 0 && hy__trial_holds(r->party.syncher)) return hy__holding_edit(r, edit, err);
    hy_change_t *change = rc == 0 ? hy_change_new() : NULL;
    if (rc == 0) rc = change ? hy_change_add_edit(change, edit) : HY_ENOMEM;
    if (rc == 0) rc = hy__payload_check_size(&change->payload, r->party.object, err);
    if (rc < 0) {
        hy_value_drop(edit->value);
    } else if (hy_schema_has_data_rule(r->party.object->schema)) {
        rc = write_checked(r, edit, change, err);
    } else {
        rc = write_free(r, edit, change, err);
    }
    if (rc < 0) {
        hy_change_unref(change);
        return rc;
    }
    publish(r, change);
    return 0;
}

static void batch_end(hy_reporter_t *r) {
    r->batch = NULL;
    hy_free(r->batch_effects);
    r->batch_effects = NULL;
    r->batch_room = 0;
}

static void view_rollback(void *owner) {
    hy_reporter_t *r = owner;
    if (r->is_nested && r->party.is_open) hy__holding_undo_to_mark(r);
    r->is_nested = false;
    if (!r->batch) return;
    for (uint32_t n = r->batch->count; n-- > 0;) {
        hy_effect_undo(r->party.object->data, &r->batch_effects[n]);
    }
    hy_change_unref(r->batch);
    batch_end(r);
}

static int view_begin(void *owner, hy_error_t *err) {
    hy_reporter_t *r = owner;
    if (!r->party.is_open) return hy_fail(err, HY_ECLOSED, "%s is closed", r->party.url->bytes);
    if (r->batch || r->is_nested) return hy_fail(err, HY_ECONFLICT, "a batch is open already");
    int rc = check_room(r, err);
    if (rc < 0) return rc;
    if (hy__trial_holds(r->party.syncher)) {
        r->is_nested = true;
        hy__holding_mark(r);
        return 0;
    }
    r->batch = hy_change_new();
    return r->batch ? 0 : HY_ENOMEM;
}

/* Of a trial: what was written is in the change that this makes. */
static int commit_nested(hy_reporter_t *r, hy_error_t *err) {
    int rc = hy__fit_check_nested(r, err);
    if (rc < 0) view_rollback(r);
    r->is_nested = false;
    return rc;
}

static int view_commit(void *owner, hy_error_t *err) {
    hy_reporter_t *r = owner;
    hy_change_t *change = r->batch;
    if (r->is_nested) return commit_nested(r, err);
    if (!change) return 0;
    change->is_batch = change->count > 1;
    int rc = hy__reporter_check(r, err);
    if (rc == 0) rc = hy__payload_check_size(&change->payload, r->party.object, err);
    if (rc == 0) rc = hy__fit_check(r, r->batch_effects, change->count, err);
    if (rc == 0 && change->count > 0) rc = prepare(r, change);
    if (rc < 0) {
        view_rollback(r);
        return rc;
    }
    for (uint32_t i = 0; i < change->count; i++) {
        hy_effect_release(&r->batch_effects[i]);
    }
    batch_end(r);
    if (change->count > 0) {
        publish(r, change);
    } else {
        hy_change_unref(change);
    }
    return 0;
}

static const hy_view_ops_t reporter_view = {
    .edit = view_edit, .begin = view_begin, .commit = view_commit, .rollback = view_rollback};

/* One key of the metadata; `value` is taken over, ABSENT: out of memory. */
static int set_metadata(hy_change_t *c, const char *key, hy_value_t value) {
    hy_step_t step = {.key = value.kind == HY_ABSENT ? NULL : hy_str_from(key)};
    if (!step.key) {
        hy_value_drop(value);
        return HY_ENOMEM;
    }
    int rc = hy_change_add(c, HY_OP_SET, &step, 1, value, 0);
    hy_str_unref(step.key);
    return rc;
}

static int unset_metadata(hy_change_t *c, const char *key) {
    hy_step_t step = {.key = hy_str_from(key)};
    int rc = step.key ? hy_change_add(c, HY_OP_REMOVE, &step, 1, hy_absent(), 0) : HY_ENOMEM;
    hy_str_unref(step.key);
    return rc;
}

/* Which version of its schema it is. */
static int add_schema(const hy_reporter_t *r, hy_change_t *c) {
    const hy_object_t *o = r->party.object;
    int rc = set_metadata(c, "schemaDigest", hy__string_ref(o->schema->digest));
    if (rc == 0 && o->schema->version > 0)
        return set_metadata(c, "schemaVersion", hy_int(o->schema->version));
    bool has_other = hy_get(o->metadata, "schemaVersion").kind != HY_ABSENT;
    return rc == 0 && has_other ? unset_metadata(c, "schemaVersion") : rc;
}

/* `c` is taken over; NULL: out of memory. */
static int write_metadata(hy_reporter_t *r, hy_change_t *c, int rc) {
    size_t mark = hy__ledger_mark(r->ledger);
    if (rc == 0) {
        c->is_metadata = c->is_batch = true;
        rc = prepare(r, c);
    }
    if (rc == 0) rc = hy_change_apply(c, r->party.object->metadata, NULL, NULL);
    if (rc < 0) {
        hy__ledger_undo(r->ledger, mark);
        hy_change_unref(c);
        return rc;
    }
    publish(r, c);
    return 0;
}

int hy__reporter_sign(hy_reporter_t *r) {
    const hy_syncher_t *s = r->party.syncher;
    hy_change_t *c = hy_change_new();
    int rc = c ? set_metadata(c, "reporter", hy__string_ref(s->url)) : HY_ENOMEM;
    if (rc == 0) rc = set_metadata(c, "runtime", hy__string_ref(s->manager->runtime));
    if (rc == 0 && s->user) rc = set_metadata(c, "user", hy__string_ref(s->user));
    if (rc == 0 && !r->misfit) rc = add_schema(r, c);
    return write_metadata(r, c, rc);
}

int hy__reporter_sign_schema(hy_reporter_t *r) {
    hy_change_t *c = hy_change_new();
    return write_metadata(r, c, c ? add_schema(r, c) : HY_ENOMEM);
}

/* --- after a lost session --------------------------------------------------------------------- */

/* In an epoch that follows another one, also who speaks for the object now. */
static hy_value_t digest_body(const hy_reporter_t *r) {
    const hy_object_t *o = r->party.object;
    hy_value_t digest = hy_node_value(hy_node_new(HY_OBJECT));
    int rc = digest.kind == HY_OBJECT ? hy_object_put_position(o, digest.as.n) : HY_ENOMEM;
    if (rc == 0 && o->follows_epoch)
        rc = hy_put(digest.as.n, "reporter", hy__string_ref(r->party.syncher->url));
    if (rc == 0) return hy__body1("value", hy__body1("digest", digest));
    hy_value_drop(digest);
    return hy_absent();
}

void hy__reporter_digest(hy_reporter_t *r) {
    hy_syncher_t *s = r->party.syncher;
    hy_value_t body = digest_body(r);
    hy_msg_t *m = body.kind == HY_OBJECT
                      ? hy_msg_new(HY_MSG_EVENT, hy_absent(), r->party.url, r->changes, body)
                      : NULL;
    r->published_ms = hy_clock_now(hy_bus_clock(s->manager->bus));
    hy__reporter_send(r, m);
    hy_msg_unref(m);
}

void hy__reporter_replaced(hy_reporter_t *r) {
    hy_syncher_t *s = r->party.syncher;
    r->is_replaced = true;
    hy__answers_close(r);
    hy_listener_close(r->on_object);
    hy_listener_close(r->on_children);
    r->on_object = r->on_children = NULL;
    hy_port_revoke(s->port, r->party.url);
    hy__tell_status(&r->party, hy_party_status(&r->party));
}

/* --- life ------------------------------------------------------------------------------------- */

int hy__reporter_make(hy_syncher_t *s, hy_object_t *object, bool is_public, hy_reporter_t **out) {
    hy_reporter_t *r = hy_alloc_zero(sizeof *r);
    if (!r) {
        hy_object_free(object);
        return HY_ENOMEM;
    }
    hy__party_init(&r->party, s, object->url, true);
    r->party.object = object;
    hy_history_bound(&object->history, s->manager->history_bytes);
    r->is_public = is_public;
    r->published_ms = hy_clock_now(hy_bus_clock(s->manager->bus));
    hy_link_init(&r->echoes);
    hy_link_init(&r->frozen);
    hy__moderation_init(r);
    hy__fit_init(r);
    r->changes = hy__url_below(object->url, "/changes");
    r->children = hy__url_below(object->url, "/children/");
    r->party.view = hy_view_new(object->data, &reporter_view, r, object->url);
    if (!r->changes || !r->children || !r->party.view) {
        hy__party_close(&r->party);
        return HY_ENOMEM;
    }
    *out = r;
    return 0;
}

int hy__reporter_open(hy_reporter_t *r) {
    hy_syncher_t *s = r->party.syncher;
    hy_bus_t *bus = s->manager->bus;
    int rc = hy_port_grant(s->port, r->party.url);
    if (rc == 0 && !r->on_object)
        rc = hy_bus_listen(bus, r->party.url, hy__reporter_on_object, r, &r->on_object);
    if (rc == 0 && !r->on_children)
        rc = hy_bus_listen(bus, r->children, hy__reporter_child_message, r, &r->on_children);
    return rc;
}

int hy__reporter_new(hy_syncher_t *s, hy_object_t *object, bool is_public, hy_reporter_t **out) {
    hy_reporter_t *r;
    int rc = hy__reporter_make(s, object, is_public, &r);
    if (rc < 0) return rc;
    rc = hy__reporter_open(r);
    if (rc < 0) {
        hy__party_close(&r->party);
        return rc;
    }
    *out = r;
    return 0;
}

void hy__reporter_deinit(hy_reporter_t *r) {
    if (r->batch) view_rollback(r);
    hy__fit_deinit(r);
    hy__answers_close(r);
    hy__moderation_deinit(r);
    hy__reporter_drop_own(r);
    hy_listener_close(r->on_object);
    hy_listener_close(r->on_children);
    hy_port_revoke(r->party.syncher->port, r->party.url);
    hy_str_unref(r->changes);
    hy_str_unref(r->children);
    hy__ledger_free(r->ledger);
    r->ledger = NULL;
    hy_object_free(r->party.object);
}
