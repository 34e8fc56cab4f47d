/* Rows of the store made an object again, with the ledger that goes on from them. The rows come in
 * the order of tables: the state first, then the changes (which go on from children and marks, so
 * they are done last), the children, the marks, the guests, the answers. */
#include "../base/json.h"
#include "../base/mem.h"
#include "../data/rows.h"
#include "handover.h"

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

int hy__fail_read(const hy_manager_t *m, const hy_str_t *url, int code, hy_error_t *err) {
    if (code == HY_ENOMEM || code == HY_ECLOSED || !m->store)
        return hy_fail(err, code, "%s", hy_error_text(code));
    return hy_fail(err, code,
                   "%s%swhat %s has of %s cannot be read; \"hyperty store check\" tells more",
                   url ? url->bytes : "", url ? ": " : "", hy_store_name(m->store),
                   url ? "it" : "the hyperty");
}

static int fail_row(const restoring_t *r, const hy_row_t *row, const char *why) {
    const char *store = hy_store_name(r->manager->store);
    hy_str_t *key = row->key ? hy_str_new(row->key, row->key_len)
                             : hy_str_format("%lld", (long long)row->number);
    int rc = hy_fail(r->err, HY_EINVALID,
                     "%s: what %s has of it cannot be read (%s%s%s: %s) and stays as it is; "
                     "`hyperty store show` tells what can",
                     r->url->bytes, store, hy_table_name(row->table), key && key->len ? " " : "",
                     key ? key->bytes : "", why);
    hy_str_unref(key);
    return rc;
}

static int read_row(const restoring_t *r, const hy_row_t *row, hy_value_t *out) {
    hy_error_t why = {.text = ""};
    int rc = hy_json_read(row->value, row->value_len, HY_JSON_DEPTH_MAX, out, &why);
    if (rc == 0 && out->kind != HY_OBJECT) {
        hy_value_drop(*out);
        *out = hy_absent();
        rc = hy_fail(&why, HY_EINVALID, "it is no object");
    }
    return rc == 0 || rc == HY_ENOMEM ? rc : fail_row(r, row, why.text);
}

/* --- before the changes ----------------------------------------------------------------------- */

static int take_state(restoring_t *r, const hy_row_t *row) {
    if (row->key_len > 0) return 0; /* of nobody */
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
        if (row.table == HY_TABLE_MARKS) rc = take_mark(r, &row);
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
    hy_row_t state = {.table = HY_TABLE_STATES, .key = ""};
    return fail_row(r, &state, why.text);
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
    const hy_manager_t *m = r->manager;
    hy_value_t v;
    if (read_row(r, row, &v) < 0) return;
    int64_t at_ms = hy_get_int(v.as.n, "at", 0), now_ms = hy_clock_wall(hy_bus_clock(m->bus));
    hy__ledger_note_answer(r->ledger, row->key, row->key_len, at_ms);
    uint64_t age_ms = at_ms < 0 ? UINT64_MAX : now_ms > at_ms ? (uint64_t)(now_ms - at_ms) : 0;
    hy__executed_recall(m, r->url, v.as.n, age_ms);
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
