/* Keeps self.state: each edit becomes a change, is applied and written; on failure to write it is
 * undone, so that what the script sees is what is kept.
 *
 * On trial the edits are applied and remembered with their effects, newest last, and nothing is
 * written until all are at once. A rollback undoes them, which puts back the very nodes that
 * were there, so that handles of before show what they showed.
 *
 * How big the state is, is known exactly at each snapshot and within a factor of two between them;
 * the bound is checked there. */
#include "own_state.h"

#include "../base/json.h"
#include "../base/mem.h"

/* Where writing began, to be able to take it back. */
typedef struct {
    size_t mark;
    uint64_t version;
    size_t snapshot_bytes, changes_bytes;
} position_t;

/* An edit made on trial. */
typedef struct {
    hy_change_t *change; /* NULL: it is kept nowhere */
    hy_effect_t effect;
} tried_t;

struct hy_own_state {
    hy_store_t *store;    /* NULL: it is kept nowhere */
    hy_str_t *url, *part; /* owner and key of its rows */
    hy_node_t *root;
    hy_view_t *view;
    uint64_t version;
    size_t snapshot_bytes, changes_bytes; /* in the store */
    hy_store_read_t *read;                /* NULL once it is read */
    hy_own_state_cb done;
    void *arg;
    bool is_on_trial, is_written;
    position_t before; /* what was written on trial */
    tried_t *tried;
    uint32_t tried_count, tried_room;
};

/* --- writing ---------------------------------------------------------------------------------- */

static int fail_write(const hy_own_state_t *s, int rc, hy_error_t *err) {
    if (rc != HY_EFULL) return hy_fail(err, rc, "%s: %s", s->view->name->bytes, hy_error_text(rc));
    return hy_fail(err, rc,
                   "%s: the store %s is full: more than %u MiB wait for its disk; write less "
                   "at once, or make room there",
                   s->view->name->bytes, hy_store_name(s->store), HY_STORE_QUEUE_BYTES >> 20);
}

static int fail_size(const hy_own_state_t *s, hy_error_t *err) {
    return hy_fail(err, HY_ETOO_LARGE,
                   "%s: more than %u MiB; keep what is so big in a data object with store = true",
                   s->view->name->bytes, HY_OWN_STATE_BYTES_MAX >> 20);
}

/* The whole in place of the changes up to here. */
static int write_snapshot(hy_own_state_t *s, hy_error_t *err) {
    hy_value_t data = {.kind = hy_node_kind(s->root), .as.n = s->root};
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_format(&b, "{\"version\":%llu,\"data\":", (unsigned long long)s->version);
    hy_json_write(&b, data);
    hy_buf_char(&b, '}');
    int rc = b.failed ? HY_ENOMEM : 0;
    bool is_too_large = !rc && b.len > HY_OWN_STATE_BYTES_MAX;
    if (!rc && !is_too_large)
        rc = hy_store_put(s->store, HY_TABLE_STATES, s->url, s->part, b.bytes, b.len);
    if (!rc && !is_too_large)
        rc = hy_store_remove_upto(s->store, HY_TABLE_CHANGES, s->url, s->version);
    if (!rc && !is_too_large) {
        s->snapshot_bytes = b.len;
        s->changes_bytes = 0;
    }
    hy_buf_deinit(&b);
    if (is_too_large) return fail_size(s, err);
    return rc ? fail_write(s, rc, err) : 0;
}

static int write_change(hy_own_state_t *s, const hy_change_t *c, hy_error_t *err) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_change_payload.write(&c->payload, &b);
    size_t len = b.len;
    bool is_too_large = len > HY_OWN_STATE_BYTES_MAX;
    int rc = b.failed ? HY_ENOMEM : 0;
    if (!rc && !is_too_large)
        rc = hy_store_put_number(s->store, HY_TABLE_CHANGES, s->url, c->version, b.bytes, b.len);
    hy_buf_deinit(&b);
    if (is_too_large) return fail_size(s, err);
    if (rc) return fail_write(s, rc, err);
    s->changes_bytes += len;
    return 0;
}

/* Whether it is time for a snapshot: changes need one to go on from. */
static bool is_due(const hy_own_state_t *s) {
    size_t least = HY_STORE_CHANGES_BYTES_MIN;
    return s->snapshot_bytes == 0 ||
           s->changes_bytes > (s->snapshot_bytes > least ? s->snapshot_bytes : least);
}

/* The change is applied. On failure nothing of it is kept. */
static int keep(hy_own_state_t *s, hy_change_t *c, hy_error_t *err) {
    size_t mark = hy_store_mark(s->store), changes_bytes = s->changes_bytes;
    bool is_first = s->snapshot_bytes == 0;
    c->version = s->version + 1;
    int rc = is_first ? 0 : write_change(s, c, err);
    if (rc) return rc;
    s->version++;
    if (is_due(s)) rc = write_snapshot(s, err);
    if (rc) {
        hy_store_undo(s->store, mark);
        s->version--;
        s->changes_bytes = changes_bytes;
    }
    return rc;
}

/* For one more edit on trial. */
static int make_room(hy_own_state_t *s) {
    if (s->tried_count < s->tried_room) return 0;
    if (s->tried_count >= HY_TRIAL_EVENTS_MAX) return HY_EFULL;
    uint32_t room = s->tried_room > 0 ? s->tried_room * 2 : 8;
    tried_t *tried = hy_realloc(s->tried, room * sizeof *tried);
    if (!tried) return HY_ENOMEM;
    s->tried = tried;
    s->tried_room = room;
    return 0;
}

/* Applied; on failure it is not. */
static int keep_edit(hy_own_state_t *s, hy_change_t *c, hy_effect_t *effect, hy_error_t *err) {
    int rc = c ? keep(s, c, err) : 0;
    if (rc) {
        hy_effect_undo(s->root, effect);
    } else {
        hy_effect_release(effect);
    }
    return rc;
}

static int edit(void *owner, hy_edit_t *edit, hy_error_t *err) {
    hy_own_state_t *s = owner;
    hy_effect_t effect;
    hy_change_t *c = s->store ? hy_change_new() : NULL;
    int rc = s->store && !c ? HY_ENOMEM : 0;
    if (rc == 0 && s->is_on_trial) rc = make_room(s);
    if (rc == 0 && c) rc = hy_change_add_edit(c, edit);
    if (rc) {
        hy_value_drop(edit->value);
        hy_change_unref(c);
        return hy_fail(err, rc, "%s: %s", s->view->name->bytes, hy_error_text(rc));
    }
    rc = hy_edit_apply(s->root, edit, &effect, err);
    if (rc == 0 && s->is_on_trial) {
        s->tried[s->tried_count++] = (tried_t){c, effect};
        return 0;
    }
    if (rc == 0) rc = keep_edit(s, c, &effect, err);
    hy_change_unref(c);
    return rc;
}

static const hy_view_ops_t ops = {.edit = edit};

/* --- on trial --------------------------------------------------------------------------------- */

void hy__own_state_try(hy_own_state_t *s) {
    s->is_on_trial = true;
}

static void end_trial(hy_own_state_t *s) {
    hy_free(s->tried);
    s->tried = NULL;
    s->tried_count = s->tried_room = 0;
    s->is_on_trial = s->is_written = false;
}

/* A snapshot shows all of them, so it can only come last. */
static int write_tried(hy_own_state_t *s, hy_error_t *err) {
    bool is_first = s->snapshot_bytes == 0;
    int rc = 0;
    for (uint32_t at = 0; rc == 0 && at < s->tried_count; at++) {
        hy_change_t *c = s->tried[at].change;
        c->version = s->version + 1;
        rc = is_first ? 0 : write_change(s, c, err);
        if (rc == 0) s->version++;
    }
    return rc == 0 && is_due(s) ? write_snapshot(s, err) : rc;
}

static void unwrite(hy_own_state_t *s, const position_t *before) {
    hy_store_undo(s->store, before->mark);
    s->version = before->version;
    s->snapshot_bytes = before->snapshot_bytes;
    s->changes_bytes = before->changes_bytes;
}

int hy__own_state_write(hy_own_state_t *s, hy_error_t *err) {
    if (!s->store || s->tried_count == 0) return 0;
    position_t before = {hy_store_mark(s->store), s->version, s->snapshot_bytes, s->changes_bytes};
    int rc = write_tried(s, err);
    if (rc) {
        unwrite(s, &before);
    } else {
        s->before = before;
        s->is_written = true;
    }
    return rc;
}

void hy__own_state_commit(hy_own_state_t *s) {
    for (uint32_t at = 0; at < s->tried_count; at++) {
        hy_effect_release(&s->tried[at].effect);
        hy_change_unref(s->tried[at].change);
    }
    end_trial(s);
}

void hy__own_state_rollback(hy_own_state_t *s) {
    if (s->is_written) unwrite(s, &s->before);
    while (s->tried_count > 0) {
        tried_t *tried = &s->tried[--s->tried_count];
        hy_effect_undo(s->root, &tried->effect);
        hy_change_unref(tried->change);
    }
    end_trial(s);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The rows come in order: the snapshot, then the changes. */
static int take_snapshot(hy_own_state_t *s, const hy_node_t *row) {
    hy_value_t data = hy_get(row, "data"), copy;
    if (!hy_is_node(data)) return HY_EINVALID;
    int rc = hy_value_copy(data, &copy);
    if (rc == 0) rc = hy_node_become(s->root, copy, NULL);
    s->version = (uint64_t)hy_get_int(row, "version", 0);
    return rc;
}

static int take_change(hy_own_state_t *s, const hy_node_t *row) {
    hy_change_t *c;
    int rc = hy_change_read(row, &c, NULL);
    if (rc) return rc;
    if (c->version > s->version) {
        rc = hy_change_apply(c, s->root, NULL, NULL);
        s->version = c->version;
    }
    hy_change_unref(c);
    return rc;
}

static int take_row(hy_own_state_t *s, const hy_row_t *row) {
    hy_value_t value;
    int rc = hy_json_read(row->value, row->value_len, HY_JSON_DEPTH_MAX, &value, NULL);
    if (rc) return rc;
    bool is_snapshot = row->table == HY_TABLE_STATES;
    *(is_snapshot ? &s->snapshot_bytes : &s->changes_bytes) += row->value_len;
    if (value.kind != HY_OBJECT) {
        rc = HY_EINVALID;
    } else {
        rc = is_snapshot ? take_snapshot(s, value.as.n) : take_change(s, value.as.n);
    }
    hy_value_drop(value);
    return rc;
}

static void on_rows(void *arg, int code, const hy_rows_t *rows) {
    hy_own_state_t *s = arg;
    hy_error_t err = {0};
    hy_row_t row;
    s->read = NULL;
    for (size_t pos = 0; code == 0 && hy_rows_next(rows, &pos, &row);)
        code = take_row(s, &row);
    if (code) {
        bool is_memory = code == HY_ENOMEM || code == HY_ECLOSED;
        hy_fail(&err, code, "%s: what %s has of it cannot be read%s%s", s->view->name->bytes,
                hy_store_name(s->store), is_memory ? ": " : "",
                is_memory ? hy_error_text(code) : "; \"hyperty store check\" tells more");
    }
    s->done(s->arg, code, err.text);
}

/* --- life ------------------------------------------------------------------------------------- */

static int make_view(hy_own_state_t *s, const char *name) {
    hy_str_t *text = hy_str_format("%s.state", name);
    if (text) s->view = hy_view_new(s->root, &ops, s, text);
    hy_str_unref(text);
    return s->view ? 0 : HY_ENOMEM;
}

int hy__own_state_open(hy_store_t *store, hy_str_t *url, const char *name, hy_own_state_cb done,
                       void *arg, hy_own_state_t **out) {
    hy_own_state_t *s = hy_alloc_zero(sizeof *s);
    if (!s) return HY_ENOMEM;
    s->store = store;
    s->done = done;
    s->arg = arg;
    s->url = hy_str_ref(url);
    s->part = hy_str_from("");
    s->root = hy_node_new(HY_OBJECT);
    int rc = s->part && s->root ? make_view(s, name) : HY_ENOMEM;
    uint32_t tables = 1u << HY_TABLE_STATES | 1u << HY_TABLE_CHANGES;
    if (rc == 0 && store) rc = hy_store_read(store, tables, url, on_rows, s, &s->read);
    if (rc) {
        hy__own_state_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

hy_view_t *hy__own_state_view(const hy_own_state_t *s) {
    return s->view;
}

void hy__own_state_close(hy_own_state_t *s) {
    if (!s) return;
    if (s->is_on_trial) hy__own_state_rollback(s);
    hy_store_read_cancel(s->read);
    hy_view_close(s->view);
    hy_view_unref(s->view);
    if (s->root) hy_node_unref(s->root);
    hy_str_unref(s->url);
    hy_str_unref(s->part);
    hy_free(s);
}
