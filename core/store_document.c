/* Puts together what the rows of a store say. An object is its snapshot with the changes after that
 * done to it, as by a runtime that resumes it. A row that cannot be read is left out: `hyperty
 * store check` is what tells of those. */
#include "store_document.h"

#include "base/json.h"
#include "data/rows.h"

#define BIT(name) (1u << HY_TABLE_##name)
#define OBJECT_TABLES                                                                              \
    (BIT(STATES) | BIT(CHANGES) | BIT(CHILDREN) | BIT(MARKS) | BIT(GUESTS) | BIT(ANSWERS))

typedef struct {
    hy_store_file_t *file;
    hy_error_t *err;
} source_t;

/* --- rows ------------------------------------------------------------------------------------- */

hy_value_t hy_store_row_object(const hy_row_t *row) {
    hy_value_t v = hy_absent();
    hy_json_read(row->value, row->value_len, HY_JSON_DEPTH_MAX, &v, NULL);
    if (v.kind == HY_OBJECT) return v;
    hy_value_drop(v);
    return hy_absent();
}

static hy_value_t text_of(const char *bytes, size_t len) {
    return hy_string(hy_str_new(bytes, len));
}

static int append(hy_node_t *list, hy_value_t v) {
    return v.kind == HY_ABSENT ? HY_ENOMEM : hy_node_insert(list, hy_node_count(list), v);
}

/* --- the state of a hyperty ------------------------------------------------------------------- */

/* One change of it; what cannot be read is passed over. */
static int take_change(hy_node_t *state, const hy_row_t *row) {
    hy_value_t entry = hy_store_row_object(row), data = hy_get(state, "data");
    hy_change_t *change = NULL;
    int rc = entry.kind == HY_OBJECT ? hy_change_read(entry.as.n, &change, NULL) : HY_EINVALID;
    if (rc == 0)
        rc = hy_is_node(data) ? hy_change_apply(change, data.as.n, NULL, NULL) : HY_EINVALID;
    if (rc == 0) rc = hy_put(state, "version", hy_int((int64_t)row->number));
    hy_change_unref(change);
    hy_value_drop(entry);
    return rc == HY_ENOMEM ? rc : 0;
}

static int read_state(const hy_rows_t *rows, hy_value_t *state) {
    hy_row_t row;
    int rc = 0;
    for (size_t pos = 0; rc == 0 && hy_rows_next(rows, &pos, &row);) {
        bool is_after = row.table == HY_TABLE_CHANGES &&
                        (int64_t)row.number > hy_get_int(state->as.n, "version", -1);
        if (is_after) rc = take_change(state->as.n, &row);
    }
    return rc;
}

/* --- data objects ----------------------------------------------------------------------------- */

static int add_child(hy_node_t *children, const hy_row_t *row) {
    hy_value_t child = hy_store_row_object(row);
    hy_str_t *collection = child.kind == HY_OBJECT ? hy_get_str(child.as.n, "collection") : NULL;
    if (!collection) {
        hy_value_drop(child);
        return 0;
    }
    hy_node_t *list = hy_get_array(children, collection->bytes);
    if (!list) {
        hy_put(children, collection->bytes, hy_node_value(hy_node_new(HY_ARRAY)));
        list = hy_get_array(children, collection->bytes);
    }
    if (list) return append(list, child);
    hy_value_drop(child);
    return HY_ENOMEM;
}

/* The children as they were when the state was written. */
static int add_children(hy_node_t *state, const hy_rows_t *rows) {
    hy_row_t row;
    int rc = 0;
    hy_value_t children = hy_node_value(hy_node_new(HY_OBJECT));
    if (children.kind == HY_ABSENT) return HY_ENOMEM;
    for (size_t pos = 0; rc == 0 && hy_rows_next(rows, &pos, &row);) {
        if (row.table == HY_TABLE_CHILDREN) rc = add_child(children.as.n, &row);
    }
    if (rc == 0) return hy_put(state, "childrenObjects", children);
    hy_value_drop(children);
    return rc;
}

/* The changes after that; at one that cannot be read it ends. */
static int replay(hy_object_t *o, const hy_rows_t *rows) {
    hy_row_t row;
    int rc = 0;
    for (size_t pos = 0; rc == 0 && hy_rows_next(rows, &pos, &row);) {
        if (row.table != HY_TABLE_CHANGES) continue;
        hy_value_t entry = hy_store_row_object(&row);
        hy_stamp_t *stamp = NULL;
        hy_child_t *child = NULL;
        rc = entry.kind == HY_OBJECT ? hy_rows_replay(o, entry.as.n, &stamp, &child, NULL)
                                     : HY_EINVALID;
        hy_stamp_unref(stamp);
        hy_child_unref(child);
        hy_value_drop(entry);
    }
    return rc == HY_ENOMEM ? rc : 0;
}

static int read_object(hy_str_t *url, const hy_rows_t *rows, hy_value_t *state, hy_error_t *err) {
    hy_object_t *o;
    hy_value_t taken = *state;
    int rc = add_children(state->as.n, rows);
    if (rc < 0) return rc;
    *state = hy_absent();
    rc = hy_rows_read_object(url, NULL, taken, &o, err);
    if (rc < 0) return rc;
    rc = replay(o, rows);
    if (rc == 0) rc = hy_object_whole(o, state);
    hy_object_free(o);
    return rc;
}

int hy_store_read_object(hy_store_file_t *file, hy_str_t *url, hy_value_t *out, size_t *bytes,
                         hy_error_t *err) {
    hy_rows_t *rows;
    hy_row_t row;
    hy_value_t state = hy_absent();
    int rc = hy_store_file_read(file, OBJECT_TABLES, url, &rows, err);
    if (rc < 0) return rc;
    *bytes = 0;
    for (size_t pos = 0; hy_rows_next(rows, &pos, &row);) {
        if (row.table == HY_TABLE_STATES && row.key_len == 0) state = hy_store_row_object(&row);
        *bytes += row.key_len + row.value_len;
    }
    if (state.kind == HY_ABSENT) {
        rc = hy_fail(err, HY_ENOT_FOUND, "nothing is stored of %s; \"ls\" lists what is",
                     url->bytes);
    } else if (hy_get(state.as.n, "epoch").kind == HY_ABSENT) {
        rc = read_state(rows, &state);
    } else {
        rc = read_object(url, rows, &state, err);
    }
    hy_rows_free(rows);
    if (rc == 0) {
        *out = state;
    } else {
        hy_value_drop(state);
    }
    return rc;
}

/* --- one as a document ------------------------------------------------------------------------ */

/* Who takes part: the rows of PARTIES with that key, with the hyperty in front. */
static int read_parties(const source_t *s, const hy_str_t *url, hy_node_t *list) {
    hy_rows_t *rows;
    hy_row_t row;
    int rc = hy_store_file_read(s->file, BIT(PARTIES), NULL, &rows, s->err);
    if (rc < 0) return rc;
    for (size_t pos = 0; rc == 0 && hy_rows_next(rows, &pos, &row);) {
        if (row.key_len != url->len || memcmp(row.key, url->bytes, url->len) != 0) continue;
        hy_value_t party = hy_store_row_object(&row);
        if (party.kind == HY_ABSENT) continue;
        rc = hy_put(party.as.n, "hyperty", text_of(row.owner, row.owner_len));
        if (rc == 0) {
            rc = append(list, party);
        } else {
            hy_value_drop(party);
        }
    }
    hy_rows_free(rows);
    return rc;
}

/* Moves the members of `from` behind those of `into`. */
static int add_all(hy_node_t *into, const hy_node_t *from) {
    hy_str_t *key;
    hy_value_t v, copy;
    int rc = 0;
    for (uint32_t pos = 0; rc == 0 && hy_node_next(from, &pos, &key, &v);) {
        rc = hy_value_copy(v, &copy);
        if (rc == 0) rc = hy_node_set(into, key, copy, NULL);
    }
    return rc;
}

static int make_document(const source_t *s, const hy_str_t *url, const hy_node_t *object,
                         hy_node_t *document) {
    hy_node_t *parties = hy_node_new(HY_ARRAY);
    int rc = parties ? read_parties(s, url, parties) : HY_ENOMEM;
    if (rc == 0) rc = hy_put(document, "url", text_of(url->bytes, url->len));
    if (rc == 0 && hy_node_count(parties) > 0) {
        rc = hy_put(document, "parties", hy_node_value(hy_node_ref(parties)));
    }
    if (parties) hy_node_unref(parties);
    return rc == 0 ? add_all(document, object) : rc;
}

int hy_store_document(hy_store_file_t *file, hy_str_t *url, hy_value_t *out, hy_error_t *err) {
    source_t s = {file, err};
    hy_value_t object;
    size_t bytes;
    int rc = hy_store_read_object(file, url, &object, &bytes, err);
    if (rc < 0) return rc;
    hy_node_t *document = hy_node_new(HY_OBJECT);
    rc = document ? make_document(&s, url, object.as.n, document) : HY_ENOMEM;
    hy_value_drop(object);
    if (rc < 0) {
        if (document) hy_node_unref(document);
        return hy_fail(err, rc, "%s: %s", url->bytes, hy_error_text(rc));
    }
    *out = hy_node_value(document);
    return 0;
}

/* --- the whole file --------------------------------------------------------------------------- */

static int add_runtimes(const source_t *s, hy_node_t *document) {
    hy_rows_t *rows;
    hy_row_t row;
    int rc = hy_store_file_read(s->file, BIT(RUNTIMES), NULL, &rows, s->err);
    if (rc < 0) return rc;
    hy_value_t runtimes = hy_node_value(hy_node_new(HY_OBJECT));
    for (size_t pos = 0; runtimes.kind == HY_OBJECT && rc == 0 && hy_rows_next(rows, &pos, &row);) {
        hy_value_t v = hy_store_row_object(&row);
        hy_str_t *url = v.kind == HY_OBJECT ? hy_get_str(v.as.n, "url") : NULL;
        if (url) rc = hy_put(runtimes.as.n, row.key, hy_string(hy_str_ref(url)));
        hy_value_drop(v);
    }
    hy_rows_free(rows);
    if (rc == 0) return hy_put(document, "runtimes", runtimes);
    hy_value_drop(runtimes);
    return rc;
}

/* Its `self.state`, if that is kept. */
static int add_state(const source_t *s, hy_node_t *hyperty) {
    hy_str_t *url = hy_get_str(hyperty, "url");
    hy_value_t document = hy_absent(), state = hy_absent();
    if (!url) return 0;
    int rc = hy_store_document(s->file, url, &document, s->err);
    if (rc == HY_ENOT_FOUND) return 0;
    if (rc == 0) rc = hy_value_copy(hy_get(document.as.n, "data"), &state);
    hy_value_drop(document);
    if (rc == 0 && state.kind != HY_ABSENT) rc = hy_put(hyperty, "state", state);
    return rc;
}

static int add_hyperty(const source_t *s, hy_node_t *list, const hy_row_t *row) {
    hy_value_t kept = hy_store_row_object(row), hyperty = hy_node_value(hy_node_new(HY_OBJECT));
    if (kept.kind == HY_ABSENT) {
        hy_value_drop(hyperty);
        return 0;
    }
    hy_node_t *n = hyperty.kind == HY_OBJECT ? hyperty.as.n : NULL;
    int rc = hy_put(n, "name", text_of(row->key, row->key_len));
    if (rc == 0) rc = add_all(n, kept.as.n);
    if (rc == 0) rc = hy_put(n, "runtime", text_of(row->owner, row->owner_len));
    if (rc == 0) rc = add_state(s, n);
    hy_value_drop(kept);
    if (rc == 0) return append(list, hyperty);
    hy_value_drop(hyperty);
    return rc;
}

static int add_hyperties(const source_t *s, hy_node_t *document) {
    hy_rows_t *rows;
    hy_row_t row;
    int rc = hy_store_file_read(s->file, BIT(HYPERTIES), NULL, &rows, s->err);
    if (rc < 0) return rc;
    hy_value_t list = hy_node_value(hy_node_new(HY_ARRAY));
    for (size_t pos = 0; list.kind == HY_ARRAY && rc == 0 && hy_rows_next(rows, &pos, &row);)
        rc = add_hyperty(s, list.as.n, &row);
    hy_rows_free(rows);
    if (rc == 0) return hy_put(document, "hyperties", list);
    hy_value_drop(list);
    return rc;
}

/* The rows are in the order of objects; one that several take part in comes once. */
static int add_objects(const source_t *s, hy_node_t *document) {
    hy_rows_t *rows;
    hy_row_t row;
    int rc = hy_store_file_read(s->file, BIT(PARTIES), NULL, &rows, s->err);
    if (rc < 0) return rc;
    hy_value_t list = hy_node_value(hy_node_new(HY_ARRAY));
    hy_node_t *seen = hy_node_new(HY_OBJECT);
    if (list.kind != HY_ARRAY || !seen) rc = HY_ENOMEM;
    for (size_t pos = 0; rc == 0 && hy_rows_next(rows, &pos, &row);) {
        hy_value_t object;
        if (hy_get(seen, row.key).kind != HY_ABSENT) continue;
        hy_str_t *url = hy_str_new(row.key, row.key_len);
        rc = url ? hy_node_set(seen, url, hy_bool(true), NULL) : HY_ENOMEM;
        if (rc == 0) rc = hy_store_document(s->file, url, &object, s->err);
        if (rc == 0) rc = append(list.as.n, object);
        if (rc == HY_ENOT_FOUND) rc = 0;
        hy_str_unref(url);
    }
    if (seen) hy_node_unref(seen);
    hy_rows_free(rows);
    if (rc == 0) return hy_put(document, "objects", list);
    hy_value_drop(list);
    return rc;
}

int hy_store_document_all(hy_store_file_t *file, hy_value_t *out, hy_error_t *err) {
    source_t s = {file, err};
    hy_node_t *document = hy_node_new(HY_OBJECT);
    int rc = document ? add_runtimes(&s, document) : HY_ENOMEM;
    if (rc == 0) rc = add_hyperties(&s, document);
    if (rc == 0) rc = add_objects(&s, document);
    if (rc < 0) {
        if (document) hy_node_unref(document);
        return rc;
    }
    *out = hy_node_value(document);
    return 0;
}
