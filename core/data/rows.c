/* Rows of an object: written straight from its trees; read as what a whole answer and a `since`
 * answer are. */
#include "rows.h"

#include "../base/json.h"
#include "../loop/clock.h"

/* --- out -------------------------------------------------------------------------------------- */

static hy_value_t lend(hy_node_t *n) {
    return (hy_value_t){.kind = hy_node_kind(n), .as.n = n};
}

static void write_int(hy_buf_t *b, const char *lead, uint64_t n) {
    hy_buf_text(b, lead);
    hy_buf_int(b, (int64_t)n);
}

void hy_rows_write_state(hy_object_t *o, hy_buf_t *b) {
    const hy_node_t *metadata = hy_object_metadata(o);
    hy_str_t *key;
    hy_value_t v;
    hy_buf_char(b, '{');
    for (uint32_t pos = 0; hy_node_next(metadata, &pos, &key, &v);) {
        if (!hy_object_is_metadata(key)) continue;
        hy_json_write_str(b, key->bytes, key->len);
        hy_buf_char(b, ':');
        hy_json_write(b, v);
        hy_buf_char(b, ',');
    }
    write_int(b, "\"version\":", o->version);
    hy_json_write_text(b, ",\"epoch\":", o->epoch);
    hy_json_write_text(b, ",\"follows\":{\"epoch\":", o->follows_epoch);
    if (o->follows_epoch) {
        write_int(b, ",\"version\":", o->follows_version);
        hy_buf_char(b, '}');
    }
    hy_buf_text(b, ",\"data\":");
    hy_json_write(b, lend(o->data));
    hy_buf_char(b, '}');
}

/* As it was made, where `op` makes it: it may have been changed since by what comes behind. */
static void write_value(const hy_child_t *c, const hy_childop_t *op, hy_buf_t *b) {
    char iso[25];
    hy_clock_iso(c->created_ms, iso);
    hy_buf_text(b, ",\"value\":{\"created\":\"");
    hy_buf_text(b, iso);
    hy_buf_char(b, '"');
    hy_json_write_text(b, ",\"user\":", c->user);
    hy_buf_text(b, ",\"data\":");
    hy_json_write(b, op && op->data.kind != HY_ABSENT ? op->data : lend(c->data));
    hy_buf_text(b, "}}");
}

void hy_rows_write_child(const hy_child_t *c, hy_buf_t *b) {
    hy_json_write_text(b, "{\"collection\":", c->collection);
    hy_json_write_text(b, ",\"resource\":", c->id);
    hy_json_write_text(b, ",\"reporter\":", c->reporter);
    write_int(b, ",\"version\":", c->version);
    write_int(b, ",\"order\":", c->order);
    write_value(c, NULL, b);
}

void hy_rows_write_stamp(const hy_stamp_t *s, const hy_child_t *child, const hy_childop_t *op,
                         hy_buf_t *b) {
    hy_json_write_text(b, "{\"epoch\":", s->epoch);
    write_int(b, ",\"version\":", s->version);
    hy_buf_text(b, ",\"child\":{\"op\":\"");
    hy_buf_text(b, hy_childop_word(s->kind));
    hy_json_write_text(b, "\",\"collection\":", s->collection);
    hy_json_write_text(b, ",\"resource\":", s->id);
    hy_json_write_text(b, ",\"reporter\":", s->reporter);
    write_int(b, ",\"version\":", s->child_version);
    hy_buf_char(b, '}');
    if (s->kind == HY_CHILDOP_CREATE && child) {
        hy_json_write_text(b, ",\"body\":{\"resource\":", s->id);
        write_value(child, op, b);
    } else if (s->kind == HY_CHILDOP_UPDATE && op) {
        hy_buf_text(b, ",\"body\":");
        op->payload.ops->write(&op->payload, b);
    } else if (s->kind == HY_CHILDOP_DELETE) {
        hy_json_write_text(b, ",\"body\":{\"resource\":", s->id);
        write_int(b, ",\"version\":", s->child_version);
        hy_buf_char(b, '}');
    }
    hy_buf_char(b, '}');
}

/* --- in --------------------------------------------------------------------------------------- */

/* Takes what is no metadata out of `whole`; `*data` is the caller's. */
static void strip(hy_node_t *whole, hy_value_t *data) {
    hy_str_t *key;
    for (uint32_t pos = 0; hy_node_next(whole, &pos, &key, NULL);) {
        if (hy_object_is_metadata(key)) continue;
        bool is_data = hy_str_is(key, "data");
        hy_node_unset(whole, key, is_data ? data : NULL);
    }
}

int hy_rows_read_object(hy_str_t *url, const hy_schema_t *schema, hy_value_t whole,
                        hy_object_t **out, hy_error_t *err) {
    if (whole.kind != HY_OBJECT) {
        hy_value_drop(whole);
        return hy_fail(err, HY_EINVALID, "its state is no object");
    }
    int rc = hy_object_check_whole(whole.as.n, err);
    if (rc < 0) {
        hy_value_drop(whole);
        return rc;
    }
    hy_value_t objects = hy_get(whole.as.n, "childrenObjects"), data = hy_absent();
    hy_value_t marks = hy_get(whole.as.n, "childMarks");
    hy_node_t *follows = hy_get_object(whole.as.n, "follows");
    hy_str_t *epoch = hy_str_ref(hy_get_str(whole.as.n, "epoch"));
    uint64_t version = (uint64_t)hy_get_int(whole.as.n, "version", 0);
    if (hy_is_node(objects)) hy_node_ref(objects.as.n);
    if (hy_is_node(marks)) hy_node_ref(marks.as.n);
    if (follows) hy_node_ref(follows);
    strip(whole.as.n, &data);
    hy_object_t *o;
    rc = hy_object_new(url, schema, whole, data, &o);
    if (rc == 0) {
        hy_object_set_position(o, epoch, version);
        hy_object_set_follows(o, hy_get_str(follows, "epoch"), hy_get_int(follows, "version", 0));
        rc = hy_children_add(o->children, hy_is_node(objects) ? objects.as.n : NULL,
                             hy_is_node(marks) ? marks.as.n : NULL, err);
        hy__children_sort(o->children);
        if (rc < 0) hy_object_free(o);
    }
    if (hy_is_node(objects)) hy_node_unref(objects.as.n);
    if (hy_is_node(marks)) hy_node_unref(marks.as.n);
    if (follows) hy_node_unref(follows);
    hy_str_unref(epoch);
    if (rc == 0) *out = o;
    return rc;
}

static int replay_change(hy_object_t *o, const hy_node_t *entry, bool is_new, hy_error_t *err) {
    hy_change_t *c;
    int rc = hy_change_read(entry, &c, err);
    if (rc < 0) return rc;
    if (is_new) rc = hy_change_apply(c, c->is_metadata ? o->metadata : o->data, NULL, err);
    if (rc == 0) {
        if (is_new && c->modified_ms) o->modified_ms = c->modified_ms;
        hy_history_add_change(&o->history, c);
    }
    hy_change_unref(c);
    return rc;
}

static int make_child(hy_object_t *o, const hy_stamp_t *s, const hy_childop_t *op, hy_child_t **out,
                      hy_error_t *err) {
    hy_value_t data;
    if (!op) return hy_fail(err, HY_EINVALID, "a child without its operation");
    int rc = hy_value_copy(op->data, &data);
    if (rc == 0) rc = hy_child_new(s->collection, s->reporter, s->id, data, out, err);
    if (rc < 0) return rc;
    hy_child_t *child = *out;
    child->user = op->user ? hy_str_ref(op->user) : NULL;
    child->created_ms = op->created_ms;
    rc = hy_marks_see(hy_children_marks(o->children), s->reporter, child->n, child->n);
    if (rc == 0) rc = hy_children_keep(o->children, child, s->version);
    if (rc < 0) {
        hy_child_unref(child);
        *out = NULL;
    }
    return rc;
}

/* Does what the stamp says; `*child` gets a reference of what it did it to. */
static int do_stamp(hy_object_t *o, const hy_stamp_t *s, const hy_childop_t *op, hy_child_t **child,
                    hy_error_t *err) {
    uint64_t n = hy_child_number(s->reporter, s->id);
    if (s->kind == HY_CHILDOP_CREATE) return make_child(o, s, op, child, err);
    hy_child_t *known = hy_children_find(o->children, s->reporter, n);
    int rc = 0;
    if (known) *child = hy_child_ref(known);
    if (s->kind == HY_CHILDOP_UPDATE) {
        if (!known || !op || !op->change)
            return hy_fail(err, HY_EINVALID, "an update of a child that is not there");
        rc = hy_change_apply(op->change, known->data, NULL, err);
        if (rc == 0) known->version = s->child_version;
    } else if (s->kind == HY_CHILDOP_DELETE) {
        if (known) hy_children_remove(o->children, known, HY_CHILD_DELETED);
    } else if (s->child_version == 0) {
        rc = n > 0 ? hy_marks_see(hy_children_marks(o->children), s->reporter, n, n) : 0;
    } else if (known) {
        known->version = s->child_version;
    }
    return rc;
}

static int replay_stamp(hy_object_t *o, const hy_node_t *entry, bool is_new, hy_stamp_t **stamp,
                        hy_child_t **child, hy_error_t *err) {
    hy_stamp_t *s;
    hy_childop_t *op = NULL;
    int rc = hy_stamp_read(entry, &s, err);
    if (rc < 0) return rc;
    const hy_node_t *body = hy_get_object(entry, "body");
    if (body && s->kind != HY_CHILDOP_REFUSE) rc = hy_childop_read(s->kind, body, &op, err);
    if (rc == 0 && is_new) rc = do_stamp(o, s, op, child, err);
    if (rc == 0) hy_history_add_stamp(&o->history, s, op);
    hy_childop_unref(op);
    if (rc == 0 && is_new) {
        *stamp = s;
    } else {
        hy_stamp_unref(s);
    }
    return rc;
}

int hy_rows_replay(hy_object_t *o, const hy_node_t *entry, hy_stamp_t **stamp, hy_child_t **child,
                   hy_error_t *err) {
    *stamp = NULL;
    *child = NULL;
    int64_t version = hy_get_int(entry, "version", -1);
    hy_str_t *epoch = hy_get_str(entry, "epoch");
    bool is_new = version > (int64_t)o->version;
    if (version < 0 || version > HY_VERSION_MAX || !epoch || epoch->len > HY_NAME_BYTES_MAX)
        return hy_fail(err, HY_EINVALID, "a change without position");
    if (is_new && (uint64_t)version != o->version + 1)
        return hy_fail(err, HY_EGAP, "changes are missing before version %lld", (long long)version);
    if (is_new && !hy_str_equal(epoch, o->epoch)) hy_object_begin_epoch(o, epoch);
    int rc = hy_get_object(entry, "child") ? replay_stamp(o, entry, is_new, stamp, child, err)
                                           : replay_change(o, entry, is_new, err);
    if (rc == 0 && is_new) {
        o->version = (uint64_t)version;
    } else if (rc < 0) {
        hy_child_unref(*child);
        *child = NULL;
    }
    return rc;
}
