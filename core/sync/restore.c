/* Rows of the store made an object again, with the ledger that goes on from them. The rows come in
 * the order of tables: the state first, then the changes (which go on from children and marks, so
 * they are done last), the children, the marks, the guests, the answers. */
#include "../base/json.h"
#include "../base/mem.h"
#include "../base/mutant.h"
#include "../data/rows.h"
#include "sync.h"

typedef struct {
    hy_manager_t *manager;
    hy_str_t *url;
    const hy_rows_t *rows;
    hy_value_t whole;             /* of the state row, then with children and marks; taken */
    hy_node_t *children, *guests; /* owned until they are put somewhere */
    hy_node_t *marks;
    size_t bytes; /* of the state row */
    hy_ledger_t *ledger;
    hy_error_t *err;
} restoring_t;

static int fail_row(const restoring_t *r, const hy_row_t *row, const char *why) {
    return hy_fail(r->err, HY_EINVALID, "%s: what is stored of it cannot be read (%s): %s",
                   r->url->bytes, hy_table_name(row->table), why);
}

static int read_row(const restoring_t *r, const hy_row_t *row, hy_value_t *out) {
    hy_error_t why = {.text = ""};
    int rc = hy_json_read(row->value, row->value_len, HY_JSON_DEPTH_MAX, out, &why);
    if (rc == 0 && out->kind != HY_OBJECT) {
        hy_value_drop(*out);
        rc = hy_fail(&why, HY_EINVALID, "it is no object");
    }
    return rc == 0 || rc == HY_ENOMEM ? rc : fail_row(r, row, why.text);
}

/* --- before the changes ----------------------------------------------------------------------- */

static int take_state(restoring_t *r, const hy_row_t *row) {
    r->bytes = row->value_len;
    return read_row(r, row, &r->whole);
}

static int take_child(restoring_t *r, const hy_row_t *row) {
    hy_value_t entry;
    int rc = read_row(r, row, &entry);
    if (rc < 0) return rc;
    hy_str_t *collection = hy_get_str(entry.as.n, "collection");
    hy_node_t *list = collection ? hy_get_array(r->children, collection->bytes) : NULL;
    if (!collection) rc = fail_row(r, row, "a child of no collection");
    if (rc == 0 && !list) {
        list = hy_node_new(HY_ARRAY);
        rc = hy_put(r->children, collection->bytes, hy_node_value(list));
    }
    if (rc == 0) return hy_node_insert(list, hy_node_count(list), entry);
    hy_value_drop(entry);
    return rc;
}

static int take_mark(restoring_t *r, const hy_row_t *row) {
    hy_value_t mark;
    int rc = read_row(r, row, &mark);
    return rc < 0 ? rc : hy_put(r->marks, row->key, mark);
}

static int take_guest(restoring_t *r, const hy_row_t *row) {
    hy_value_t guest;
    int rc = read_row(r, row, &guest);
    if (rc < 0) return rc;
    rc = hy_put(guest.as.n, "hyperty", hy_text(row->key));
    if (rc == 0) return hy_node_insert(r->guests, hy_node_count(r->guests), guest);
    hy_value_drop(guest);
    return rc;
}

static int take_rows(restoring_t *r) {
    hy_row_t row;
    int rc = 0;
    for (size_t pos = 0; rc == 0 && hy_rows_next(r->rows, &pos, &row);) {
        if (row.table == HY_TABLE_STATES) rc = take_state(r, &row);
        if (row.table == HY_TABLE_CHILDREN) rc = take_child(r, &row);
        if (row.table == HY_TABLE_MARKS && !HY_MUTANT(MARKS_FORGOTTEN)) rc = take_mark(r, &row);
        if (row.table == HY_TABLE_GUESTS) rc = take_guest(r, &row);
    }
    if (rc == 0 && r->whole.kind == HY_ABSENT)
        rc = hy_fail(r->err, HY_ENOT_FOUND, "%s: nothing is stored of it", r->url->bytes);
    return rc;
}

static int make_object(restoring_t *r, hy_object_t **out) {
    hy_node_t *whole = r->whole.as.n, *children = r->children, *marks = r->marks;
    r->children = r->marks = NULL;
    int rc = hy_put(whole, "childrenObjects", hy_node_value(children));
    if (rc == 0) {
        rc = hy_put(whole, "childMarks", hy_node_value(marks));
    } else {
        hy_node_unref(marks);
    }
    if (rc < 0) return rc;
    hy_str_t *name = hy_get_str(whole, "schema");
    const hy_schema_t *schema = name ? hy_schemas_find(r->manager->schemas, name) : NULL;
    hy_value_t taken = r->whole;
    hy_error_t why = {.text = ""};
    r->whole = hy_absent();
    rc = hy_rows_read_object(r->url, schema, taken, out, &why);
    if (rc == 0 || rc == HY_ENOMEM) return rc;
    return hy_fail(r->err, rc, "%s: what is stored of it cannot be read: %s", r->url->bytes,
                   why.text);
}

/* --- the changes ------------------------------------------------------------------------------ */

static int replay(restoring_t *r, const hy_row_t *row) {
    hy_value_t entry;
    hy_stamp_t *stamp;
    hy_child_t *child;
    hy_error_t why = {.text = ""};
    hy_ledger_t *l = r->ledger;
    uint64_t version = l->object->version;
    int rc = read_row(r, row, &entry);
    if (rc < 0) return rc;
    rc = hy_rows_replay(l->object, entry.as.n, &stamp, &child, &why);
    hy_value_drop(entry);
    if (rc < 0) return rc == HY_ENOMEM ? rc : fail_row(r, row, why.text);
    if (l->object->version > version) l->changes_bytes += row->value_len;
    if (stamp) rc = hy__ledger_note(l, stamp, child);
    hy_stamp_unref(stamp);
    hy_child_unref(child);
    return rc;
}

/* An answer that was given a short while ago goes back to the bus, which gives it again. */
static void take_answer(const restoring_t *r, const hy_row_t *row) {
    hy_bus_t *bus = r->manager->bus;
    hy_value_t v;
    if (read_row(r, row, &v) < 0) return;
    hy_str_t *from = hy_get_str(v.as.n, "from"), *desc = hy_get_str(v.as.n, "desc");
    hy_value_t id = hy_get(v.as.n, "id"), value = hy_get(v.as.n, "value"), copy = hy_absent();
    int64_t at_ms = hy_get_int(v.as.n, "at", 0), now_ms = hy_clock_wall(hy_bus_clock(bus));
    hy__ledger_note_answer(r->ledger, row->key, row->key_len, at_ms);
    uint64_t age_ms = now_ms > at_ms ? (uint64_t)(now_ms - at_ms) : 0;
    bool is_id = id.kind == HY_INT || id.kind == HY_STR;
    if (from && is_id && hy_value_copy(value, &copy) == 0) {
        if (id.kind == HY_STR) hy_str_ref(id.as.s);
        hy_msg_t *request = hy_msg_new(HY_MSG_EXECUTE, id, from, r->url, hy_absent());
        hy_msg_t *answer =
            request ? hy_msg_response(request, NULL, (int)hy_get_int(v.as.n, "code", 500),
                                      desc ? desc->bytes : NULL, copy)
                    : NULL;
        if (!request) hy_value_drop(copy);
        if (answer) hy_bus_recall(bus, answer, age_ms);
        hy_msg_unref(answer);
        hy_msg_unref(request);
    }
    hy_value_drop(v);
}

static int take_changes(restoring_t *r) {
    hy_row_t row;
    int rc = 0;
    for (size_t pos = 0; rc == 0 && hy_rows_next(r->rows, &pos, &row);) {
        if (row.table == HY_TABLE_CHANGES) rc = replay(r, &row);
        if (row.table == HY_TABLE_ANSWERS && r->ledger->is_original) take_answer(r, &row);
    }
    return rc;
}

/* --- both ------------------------------------------------------------------------------------- */

static int restore(restoring_t *r, hy_store_level_t level, bool is_original) {
    hy_object_t *object = NULL;
    int rc = r->children && r->marks && r->guests ? take_rows(r) : HY_ENOMEM;
    if (rc == 0) rc = make_object(r, &object);
    if (rc == 0) rc = hy__ledger_new(r->manager, object, level, is_original, &r->ledger);
    if (rc < 0) {
        hy_object_free(object);
        return rc;
    }
    r->ledger->snapshot_bytes = r->bytes;
    rc = take_changes(r);
    if (rc == 0) {
        r->ledger->guests = hy_node_value(r->guests);
        r->guests = NULL;
    }
    return rc;
}

int hy__ledger_restore(hy_manager_t *m, hy_str_t *url, const hy_rows_t *rows,
                       hy_store_level_t level, bool is_original, hy_ledger_t **out,
                       hy_error_t *err) {
    restoring_t r = {.manager = m, .url = url, .rows = rows, .err = err};
    r.children = hy_node_new(HY_OBJECT);
    r.marks = hy_node_new(HY_OBJECT);
    r.guests = hy_node_new(HY_ARRAY);
    int rc = restore(&r, level, is_original);
    if (r.children) hy_node_unref(r.children);
    if (r.marks) hy_node_unref(r.marks);
    if (r.guests) hy_node_unref(r.guests);
    hy_value_drop(r.whole);
    if (rc == 0) {
        *out = r.ledger;
        return 0;
    }
    if (r.ledger) {
        hy_object_free(r.ledger->object);
        hy__ledger_free(r.ledger);
    }
    return rc;
}
