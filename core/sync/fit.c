/* What is written fits the schema of its object (PROTOCOL.md section 5, 422): at its reporter
 * before it is published, at a child's creator before it is sent, at the parent's reporter before
 * it is kept, and at observers before they take it in.
 *
 * An object that was stored may not fit any more, as its schema was changed. It is given back all
 * the same: a misfit, until a change makes it fit. Changes are checked by what they touch, so it
 * can be mended place by place. */
#include "../base/mem.h"
#include "../data/snapshot.h"
#include "hosted.h"

/* --- checks ----------------------------------------------------------------------------------- */

int hy__fit_check(const hy_reporter_t *r, const hy_effect_t *effects, uint32_t count,
                  hy_error_t *err) {
    const hy_object_t *o = r->party.object;
    if (!hy_schema_has_data_rule(o->schema)) return 0;
    hy_error_t why;
    why.text[0] = '\0';
    int rc = hy_rule_check_effects(o->schema->data_rule, o->data, effects, count, &why);
    return rc < 0 ? hy_fail(err, rc, "%s: %s", o->url->bytes, why.text) : 0;
}

/* All at once, since an index that the first has named may be another one after the last. */
int hy__fit_check_nested(const hy_reporter_t *r, hy_error_t *err) {
    size_t count = hy__holding_collect(r, NULL);
    hy_effect_t *effects = hy_alloc((count + 1) * sizeof *effects);
    if (!effects) return HY_ENOMEM;
    hy__holding_collect(r, effects);
    int rc = hy__fit_check(r, effects, (uint32_t)count, err);
    hy_free(effects);
    return rc;
}

int hy__fit_edit(hy_reporter_t *r, hy_edit_t *edit, hy_effect_t *effect, hy_error_t *err) {
    hy_object_t *o = r->party.object;
    hy_object_touch(o);
    int rc = hy_edit_apply(o->data, edit, effect, err);
    if (rc < 0) return rc;
    rc = hy__fit_check(r, effect, 1, err);
    if (rc < 0) hy_effect_undo(o->data, effect);
    return rc;
}

int hy__fit_check_new(const hy_object_t *o, const hy_str_t *collection, hy_value_t data,
                      hy_error_t *err) {
    hy_error_t why;
    why.text[0] = '\0';
    int rc = hy_schema_check(o->schema, collection, data, &why);
    return rc < 0 ? hy_fail(err, rc, "%s: %s: %s", o->url->bytes, collection->bytes, why.text) : 0;
}

static int check_effects(const hy_object_t *o, const hy_child_t *child, hy_node_t *root,
                         const hy_effect_t *effects, uint32_t count, hy_error_t *err) {
    hy_error_t why;
    why.text[0] = '\0';
    int rc = hy_schema_check_effects(o->schema, child->collection, root, effects, count, &why);
    if (rc == 0) return 0;
    return hy_fail(err, rc, "%s: %s %s: %s", o->url->bytes, child->collection->bytes,
                   child->id->bytes, why.text);
}

int hy__fit_check_child(const hy_object_t *o, const hy_child_t *child, hy_node_t *root,
                        const hy_effect_t *effect, hy_error_t *err) {
    if (!hy_schema_has_rule(o->schema, child->collection)) return 0;
    return check_effects(o, child, root, effect, 1, err);
}

static void undo(hy_node_t *root, hy_effect_t *effects, uint32_t count) {
    while (count > 0)
        hy_effect_undo(root, &effects[--count]);
}

/* `keeps`: it stays if it fits. */
static int apply(const hy_object_t *o, const hy_child_t *child, const hy_change_t *change,
                 bool keeps, hy_error_t *err) {
    hy_effect_t one, *effects = &one;
    if (change->count > 1) effects = hy_alloc(change->count * sizeof *effects);
    if (!effects) return HY_ENOMEM;
    int rc = hy_change_apply(change, child->data, effects, err);
    if (rc == 0) {
        rc = check_effects(o, child, child->data, effects, change->count, err);
        if (rc < 0 || !keeps) undo(child->data, effects, change->count);
        for (uint32_t i = 0; rc == 0 && keeps && i < change->count; i++)
            hy_effect_release(&effects[i]);
    }
    if (effects != &one) hy_free(effects);
    return rc;
}

int hy__fit_apply(const hy_object_t *o, const hy_child_t *child, const hy_change_t *change,
                  hy_error_t *err) {
    if (!hy_schema_has_rule(o->schema, child->collection))
        return hy_change_apply(change, child->data, NULL, err);
    return apply(o, child, change, true, err);
}

int hy__fit_try(const hy_object_t *o, const hy_child_t *child, const hy_change_t *change,
                hy_error_t *err) {
    if (!hy_schema_has_rule(o->schema, child->collection)) return 0;
    hy_children_touch(o->children, (hy_child_t *)child);
    return apply(o, child, change, false, err);
}

void hy__fit_refuse(hy_replica_t *r, uint64_t version, const char *why) {
    if (r->refused == version + 1) return;
    r->refused = version + 1;
    const hy_str_t *reporter = hy_get_str(r->object->metadata, "reporter");
    hy_log(hy_bus_log(r->manager->bus), HY_LOG_ERROR, "sync",
           "%s: version %llu of %s does not fit schema %s and is not taken in: %s", r->url->bytes,
           (unsigned long long)version, reporter ? reporter->bytes : "its reporter",
           r->object->schema->name->bytes, why);
}

/* --- at observers ----------------------------------------------------------------------------- */

/* Its reporter is in this runtime, and has checked by the same rules what it published. */
static bool is_checked_here(const hy_replica_t *r) {
    const hy_hosted_t *h = hy__part_find(&r->manager->hosted, r->url);
    return h && !h->is_replaced && h->schema == r->object->schema;
}

int hy__fit_take(hy_replica_t *r, const hy_change_t *c, hy_effect_t *effects) {
    const hy_object_t *o = r->object;
    hy_error_t why;
    int rc = hy_change_apply(c, c->is_metadata ? o->metadata : o->data, effects, NULL);
    if (rc < 0 || c->is_metadata || !hy_schema_has_data_rule(o->schema)) return rc;
    if (is_checked_here(r)) return 0;
    rc = hy_rule_check_effects(o->schema->data_rule, o->data, effects, c->count, &why);
    if (rc < 0) undo(o->data, effects, c->count);
    if (rc == HY_ESCHEMA) hy__fit_refuse(r, c->version, why.text);
    return rc;
}

int hy__fit_take_new(hy_replica_t *r, const hy_stamp_t *s, const hy_child_t *child) {
    hy_value_t data = {.kind = hy_node_kind(child->data), .as.n = child->data};
    hy_error_t why;
    int rc = hy__fit_check_new(r->object, child->collection, data, &why);
    if (rc == HY_ESCHEMA) hy__fit_refuse(r, s->version, why.text);
    return rc;
}

int hy__fit_take_update(hy_replica_t *r, const hy_stamp_t *s, const hy_child_t *child,
                        const hy_change_t *change) {
    hy_error_t why;
    int rc = hy__fit_apply(r->object, child, change, &why);
    if (rc == HY_ESCHEMA) hy__fit_refuse(r, s->version, why.text);
    return rc;
}

/* --- misfits ---------------------------------------------------------------------------------- */

/* Should there be no memory for the text, it stays as it was. */
static void look(hy_reporter_t *r) {
    const hy_object_t *o = r->party.object;
    hy_error_t why = {.text = ""};
    int rc = hy_object_check_fit(o, o->schema, &why);
    hy_str_t *text = rc < 0 ? hy_str_from(why.text) : NULL;
    if (rc < 0 && (!text || rc != HY_ESCHEMA)) {
        hy_str_unref(text);
        return;
    }
    hy_str_unref(r->misfit);
    r->misfit = text;
    if (!hy__trial_holds(r->party.syncher)) r->is_written = false;
}

static bool is_signed(const hy_reporter_t *r) {
    const hy_object_t *o = r->party.object;
    const hy_str_t *digest = hy_get_str(o->metadata, "schemaDigest");
    return digest && hy_str_equal(digest, o->schema->digest);
}

/* As soon as it fits it is of the version that it is checked by. */
static void sign(hy_reporter_t *r) {
    bool is_held = hy__trial_holds(r->party.syncher);
    if (r->misfit || is_held || is_signed(r) || hy__reporter_check(r, NULL) < 0) return;
    hy__reporter_sign_schema(r);
}

static void on_turn(void *reporter) {
    hy_reporter_t *r = reporter;
    if (hy__trial_holds(r->party.syncher)) return; /* its end looks */
    if (r->is_written) look(r);
    sign(r);
}

void hy__fit_init(hy_reporter_t *r) {
    hy_timer_init(&r->fit_turn, on_turn, r);
}

void hy__fit_deinit(hy_reporter_t *r) {
    hy_timer_stop(hy_bus_clock(r->party.syncher->manager->bus), &r->fit_turn);
    hy_str_unref(r->misfit);
    r->misfit = NULL;
}

/* Looked at once a turn, as that reads all of the object. */
void hy__fit_written(hy_reporter_t *r) {
    if (!r->misfit) return;
    r->is_written = true;
    hy_clock_t *clock = hy_bus_clock(r->party.syncher->manager->bus);
    if (!hy_timer_is_started(&r->fit_turn)) hy_timer_start(clock, &r->fit_turn, 0);
}

hy_str_t *hy_party_misfit(hy_party_t *p) {
    hy_reporter_t *r = (hy_reporter_t *)p;
    if (!p->is_open || !p->is_reporter) return NULL;
    if (r->misfit) look(r);
    return r->misfit;
}

static void warn(const hy_reporter_t *r) {
    const hy_object_t *o = r->party.object;
    hy_log(hy_bus_log(r->party.syncher->manager->bus), HY_LOG_WARN, "sync",
           "%s: does not fit schema %s as it is now, and is kept as it is: %s", o->url->bytes,
           o->schema->name->bytes, r->misfit->bytes);
}

void hy__fit_resumed(hy_reporter_t *r) {
    look(r);
    if (r->misfit) warn(r);
}

/* --- another version -------------------------------------------------------------------------- */

static void take_schema(hy_reporter_t *r, const hy_schema_t *schema) {
    hy_hosted_t *h = hy__reporter_hosted(r);
    hy_object_set_schema(r->party.object, schema);
    if (h) h->schema = schema;
    look(r);
}

void hy__fit_move(hy_reporter_t *r, const hy_schema_t *schema) {
    const hy_schema_t *before = r->party.object->schema;
    if (before == schema) return;
    if (hy__trial_holds(r->party.syncher) && !r->settled_schema) r->settled_schema = before;
    take_schema(r, schema);
    if (r->misfit) warn(r);
    sign(r);
}

static void settle(hy_reporter_t *r, bool is_committed) {
    const hy_schema_t *before = r->settled_schema;
    r->settled_schema = NULL;
    if (before && !is_committed) {
        take_schema(r, before);
    } else if (r->is_written) {
        look(r);
    }
    if (is_committed) sign(r);
}

void hy__fit_settle(hy_trial_t *t, bool is_committed) {
    for (hy_link_t *l = t->syncher->parties.next; l != &t->syncher->parties; l = l->next) {
        hy_reporter_t *r = (hy_reporter_t *)hy_link_owner(l, hy_party_t, link);
        if (r->party.is_reporter) settle(r, is_committed);
    }
}
