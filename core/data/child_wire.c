/* Children in a whole answer (PROTOCOL.md section 5, Read):
 *
 *      "childrenObjects": {"messages": [{"resource": id, "reporter": URL, "version": n, "order": k,
 *                                        "value": {"created": ISO, "user": URL, "data": {…}}}, …]}
 *      "childMarks": see marks.c
 *
 * Reading brings a set of children level with an answer and tells each difference; what stays the
 * same keeps its record and its nodes. */
#include "../base/json.h"
#include "../loop/clock.h"
#include "child.h"

/* --- out -------------------------------------------------------------------------------------- */

static int put_text(hy_node_t *n, const char *key, hy_str_t *s) {
    return s ? hy_put(n, key, hy_string(hy_str_ref(s))) : 0;
}

static int write_value(const hy_child_t *c, hy_node_t *entry) {
    char iso[25];
    hy_clock_iso(c->created_ms, iso);
    hy_node_t *value = hy_node_new(HY_OBJECT);
    if (!value) return HY_ENOMEM;
    hy_value_t data;
    int rc = hy_put(value, "created", hy_text(iso));
    if (rc == 0) rc = put_text(value, "user", c->user);
    if (rc == 0)
        rc = hy_value_copy((hy_value_t){.kind = hy_node_kind(c->data), .as.n = c->data}, &data);
    if (rc == 0) rc = hy_put(value, "data", data);
    if (rc == 0) return hy_put(entry, "value", hy_node_value(value));
    hy_node_unref(value);
    return rc;
}

static int write_child(const hy_child_t *c, hy_node_t *list) {
    hy_node_t *entry = hy_node_new(HY_OBJECT);
    if (!entry) return HY_ENOMEM;
    int rc = put_text(entry, "resource", c->id);
    if (rc == 0) rc = put_text(entry, "reporter", c->reporter);
    if (rc == 0) rc = hy_put(entry, "version", hy_int((int64_t)c->version));
    if (rc == 0) rc = hy_put(entry, "order", hy_int((int64_t)c->order));
    if (rc == 0) rc = write_value(c, entry);
    if (rc == 0) return hy_node_insert(list, hy_node_count(list), hy_node_value(entry));
    hy_node_unref(entry);
    return rc;
}

/* The list of a collection, made if missing. */
static hy_node_t *list_of(hy_node_t *objects, hy_str_t *collection) {
    hy_value_t v = hy_node_find(objects, collection);
    if (v.kind == HY_ARRAY) return v.as.n;
    hy_node_t *list = hy_node_new(HY_ARRAY);
    if (!list || hy_node_set(objects, collection, hy_node_value(list), NULL) < 0) return NULL;
    return list;
}

int hy_children_write(const hy_children_t *c, hy_value_t *objects, hy_value_t *marks) {
    hy_node_t *lists = hy_node_new(HY_OBJECT);
    if (!lists) return HY_ENOMEM;
    int rc = 0;
    const hy_child_t *child;
    for (size_t pos = 0; rc == 0 && (child = hy_children_next(c, NULL, &pos));) {
        if (child->state != HY_CHILD_KEPT) continue;
        hy_node_t *list = list_of(lists, child->collection);
        rc = list ? write_child(child, list) : HY_ENOMEM;
    }
    if (rc == 0) rc = hy_marks_write(hy_children_marks(c), marks);
    if (rc < 0) {
        hy_node_unref(lists);
        return rc;
    }
    *objects = hy_node_value(lists);
    return 0;
}

void hy_child_write(const hy_child_t *child, hy_buf_t *b) {
    char iso[25];
    hy_clock_iso(child->created_ms, iso);
    hy_json_write_text(b, "{\"resource\":", child->id);
    hy_json_write_text(b, ",\"reporter\":", child->reporter);
    hy_buf_text(b, ",\"version\":");
    hy_buf_int(b, (int64_t)child->version);
    hy_buf_text(b, ",\"order\":");
    hy_buf_int(b, (int64_t)child->order);
    hy_buf_text(b, ",\"value\":{\"created\":\"");
    hy_buf_text(b, iso);
    hy_buf_char(b, '"');
    hy_json_write_text(b, ",\"user\":", child->user);
    hy_buf_text(b, ",\"data\":");
    hy_json_write(b, (hy_value_t){.kind = hy_node_kind(child->data), .as.n = child->data});
    hy_buf_text(b, "}}");
}

/* --- in --------------------------------------------------------------------------------------- */

typedef struct {
    hy_children_t *children, *wanted;
    hy_child_difference_cb event;
    void *arg;
    hy_error_t *err;
} reading_t;

static int make_child(hy_str_t *collection, const hy_node_t *entry, hy_child_t **out,
                      hy_error_t *err) {
    hy_str_t *id = hy_get_str(entry, "resource"), *reporter = hy_get_str(entry, "reporter");
    const hy_node_t *value = hy_get_object(entry, "value");
    int64_t version = hy_get_int(entry, "version", -1), order = hy_get_int(entry, "order", -1);
    hy_value_t data = hy_get(value, "data");
    if (!id || !reporter || version < 0 || order < 1 || !hy_is_node(data))
        return hy_fail(err, HY_EINVALID, "malformed child of %s", collection->bytes);
    hy_value_t copy;
    int rc = hy_value_copy(data, &copy);
    if (rc == 0) rc = hy_child_new(collection, reporter, id, copy, out, err);
    if (rc < 0) return rc;
    hy_str_t *created = hy_get_str(value, "created"), *user = hy_get_str(value, "user");
    (*out)->created_ms = created ? hy_clock_from_iso(created->bytes) : 0;
    (*out)->user = user ? hy_str_ref(user) : NULL;
    (*out)->version = (uint64_t)version;
    return 0;
}

static int add_child(hy_children_t *c, hy_str_t *collection, hy_value_t entry, hy_error_t *err) {
    if (entry.kind != HY_OBJECT)
        return hy_fail(err, HY_EINVALID, "malformed child of %s", collection->bytes);
    hy_child_t *child;
    int rc = make_child(collection, entry.as.n, &child, err);
    if (rc < 0) return rc;
    rc = hy_children_keep(c, child, (uint64_t)hy_get_int(entry.as.n, "order", 0));
    if (rc == HY_ECONFLICT)
        rc = hy_fail(err, HY_EINVALID, "malformed children: %s is given twice", child->id->bytes);
    hy_child_unref(child);
    return rc;
}

int hy_children_add(hy_children_t *c, const hy_node_t *objects, const hy_node_t *marks,
                    hy_error_t *err) {
    hy_str_t *collection;
    hy_value_t list;
    int rc = marks ? hy_marks_read(hy_children_marks(c), marks) : 0;
    if (rc == HY_EINVALID) hy_fail(err, rc, "malformed childMarks");
    if (rc < 0 || !objects) return rc;
    for (uint32_t pos = 0; hy_node_next(objects, &pos, &collection, &list);) {
        if (list.kind != HY_ARRAY)
            return hy_fail(err, HY_EINVALID, "malformed children: %s is no list",
                           collection->bytes);
        for (size_t i = 0; i < hy_node_count(list.as.n); i++) {
            rc = add_child(c, collection, hy_node_at(list.as.n, i), err);
            if (rc < 0) return rc;
        }
    }
    return 0;
}

/* What an answer tells of a child beside its data. */
static void take_fields(hy_child_t *have, const hy_child_t *want) {
    if (want->version < have->version) have->is_set_back = true;
    have->version = want->version;
    have->order = want->order;
    have->created_ms = want->created_ms;
    if (want->user) hy_str_ref(want->user);
    hy_str_unref(have->user);
    have->user = want->user;
}

/* Brings the data of a child that is here level; `*change` gets what differed. */
static int update_data(hy_child_t *have, const hy_child_t *want, hy_change_t **change,
                       hy_error_t *err) {
    hy_change_t *c = hy_change_new();
    if (!c) return HY_ENOMEM;
    int rc = hy_change_diff(c, have->data, want->data);
    if (rc == 0) rc = hy_change_apply(c, have->data, NULL, err);
    if (rc < 0) {
        hy_change_unref(c);
        return rc;
    }
    c->is_batch = c->count != 1;
    c->version = want->version;
    *change = c;
    return 0;
}

static void drop(reading_t *r, hy_child_t *child) {
    bool is_pending = child->state == HY_CHILD_PENDING;
    hy_child_ref(child);
    hy_children_remove(r->children, child, is_pending ? HY_CHILD_REFUSED : HY_CHILD_DELETED);
    r->event(r->arg, HY_CHILD_GONE, child, NULL);
    hy_child_unref(child);
}

static int take_child(reading_t *r, hy_child_t *want) {
    hy_child_t *have = hy_children_find(r->children, want->reporter, want->n);
    if (have && !hy_str_equal(have->collection, want->collection)) {
        drop(r, have);
        have = NULL;
    }
    if (!have) {
        int rc = hy_children_keep(r->children, want, want->order);
        if (rc == 0) r->event(r->arg, HY_CHILD_CREATED, want, NULL);
        return rc;
    }
    hy_change_t *change;
    bool was_pending = have->state == HY_CHILD_PENDING; /* ours or another's */
    int rc = update_data(have, want, &change, r->err);
    if (rc < 0) return rc;
    if (was_pending) rc = hy_children_keep(r->children, have, want->order);
    if (rc == 0) take_fields(have, want);
    if (rc == 0 && was_pending) {
        r->event(r->arg, HY_CHILD_CREATED, have, NULL);
    } else if (rc == 0 && change->count > 0) {
        r->event(r->arg, HY_CHILD_UPDATED, have, change);
    }
    hy_change_unref(change);
    return rc;
}

static int take_all(reading_t *r) {
    hy_child_t *want;
    for (size_t pos = 0; (want = hy_children_next(r->wanted, NULL, &pos));) {
        int rc = take_child(r, want);
        if (rc < 0) return rc;
    }
    return 0;
}

/* Kept ones that the answer lacks are gone; so are pending ones that its marks have seen. */
static void drop_missing(reading_t *r) {
    const hy_dict_t *marks = hy_children_marks(r->wanted);
    hy_child_t *child;
    for (size_t pos = 0; (child = hy_children_next(r->children, NULL, &pos));) {
        if (hy_children_find(r->wanted, child->reporter, child->n)) continue;
        bool is_kept = child->state == HY_CHILD_KEPT;
        if (is_kept || hy_marks_seen(marks, child->reporter, child->n)) drop(r, child);
    }
}

/* Nothing was here: no two are compared. */
static void tell_all(const reading_t *r) {
    hy_child_t *child;
    for (size_t pos = 0; (child = hy_children_next(r->children, NULL, &pos));) {
        r->event(r->arg, HY_CHILD_CREATED, child, NULL);
    }
}

int hy_children_take(hy_children_t *c, hy_children_t *from, hy_child_difference_cb event, void *arg,
                     hy_error_t *err) {
    reading_t r = {.children = c, .wanted = from, .event = event, .arg = arg, .err = err};
    if (hy__children_exchange(c, from)) {
        tell_all(&r);
        hy__children_sort(c);
        return 0;
    }
    int rc = take_all(&r);
    if (rc < 0) return rc;
    drop_missing(&r);
    hy__children_sort(c);
    hy_dict_t before = *hy_children_marks(c);
    *hy_children_marks(c) = *hy_children_marks(from);
    *hy_children_marks(from) = before;
    return 0;
}
