/* Rows of stored objects: written with what happens, in the batch of the turn (ledger.h). */
#include "../base/json.h"
#include "../base/mem.h"
#include "../base/mutant.h"
#include "../data/rows.h"
#include "sync.h"

/* A child whose row is older than it. */
typedef struct {
    hy_str_t *key;
    hy_child_t *child;
} changed_t;

typedef struct {
    hy_str_t *key; /* creator */
} creator_t;

typedef struct {
    hy_str_t *key; /* of its row */
    int64_t at_ms; /* wall clock */
} answered_t;

static hy_store_t *store_of(const hy_ledger_t *l) {
    return l->manager->store;
}

/* --- life ------------------------------------------------------------------------------------- */

int hy__ledger_new(hy_manager_t *m, hy_object_t *o, hy_store_level_t level, bool is_original,
                   hy_ledger_t **out) {
    hy_ledger_t *l = hy_alloc_zero(sizeof *l);
    if (!l) return HY_ENOMEM;
    *l = (hy_ledger_t){.manager = m, .object = o, .level = level, .is_original = is_original};
    hy_dict_init(&l->children, sizeof(changed_t));
    hy_dict_init(&l->creators, sizeof(creator_t));
    hy_dict_init(&l->answers, sizeof(answered_t));
    *out = l;
    return 0;
}

static void forget_changes(hy_ledger_t *l) {
    changed_t *c;
    for (uint32_t pos = 0; (c = hy_dict_next(&l->children, &pos));) {
        hy_child_unref(c->child);
    }
    hy_dict_deinit(&l->children);
    hy_dict_deinit(&l->creators);
    hy_dict_init(&l->children, sizeof(changed_t));
    hy_dict_init(&l->creators, sizeof(creator_t));
}

void hy__ledger_free(hy_ledger_t *l) {
    if (!l) return;
    forget_changes(l);
    hy_dict_deinit(&l->children);
    hy_dict_deinit(&l->creators);
    hy_dict_deinit(&l->answers);
    hy_value_drop(l->guests);
    hy_free(l);
}

/* --- writing ---------------------------------------------------------------------------------- */

size_t hy__ledger_mark(const hy_ledger_t *l) {
    return l && store_of(l) ? hy_store_mark(store_of(l)) : 0;
}

void hy__ledger_undo(hy_ledger_t *l, size_t mark) {
    if (!l || !store_of(l)) return;
    hy_store_undo(store_of(l), mark);
    l->ticket = hy_store_ticket(store_of(l)); /* a batch with nothing in it is never committed */
}

void hy__ledger_written(hy_ledger_t *l) {
    if (l->level == HY_STORE_SYNCED && !HY_MUTANT(SYNC_FORGOTTEN)) hy_store_sync(store_of(l));
    l->ticket = hy_store_ticket(store_of(l));
}

int hy__ledger_put(hy_ledger_t *l, hy_table_t table, const hy_str_t *key, hy_buf_t *b) {
    int rc = b->failed ? HY_ENOMEM
                       : hy_store_put(store_of(l), table, l->object->url, key, b->bytes, b->len);
    hy_buf_deinit(b);
    if (rc == 0) hy__ledger_written(l);
    return rc;
}

static int put_change(hy_ledger_t *l, uint64_t version, hy_buf_t *b) {
    size_t len = b->len;
    int rc = b->failed ? HY_ENOMEM
                       : hy_store_put_number(store_of(l), HY_TABLE_CHANGES, l->object->url, version,
                                             b->bytes, len);
    hy_buf_deinit(b);
    if (rc < 0) return rc;
    l->changes_bytes += len;
    hy__ledger_written(l);
    return 0;
}

int hy__ledger_change(hy_ledger_t *l, const hy_change_t *c) {
    if (!store_of(l)) return 0;
    hy_buf_t b;
    hy_buf_init(&b);
    c->payload.ops->write(&c->payload, &b);
    return put_change(l, c->version, &b);
}

/* --- stamps ----------------------------------------------------------------------------------- */

static int note_child(hy_ledger_t *l, hy_child_t *child) {
    changed_t *c = hy_dict_put(&l->children, child->key, NULL);
    if (!c) return HY_ENOMEM;
    if (!c->child) c->child = hy_child_ref(child);
    return 0;
}

static bool is_marked(const hy_stamp_t *s) {
    return s->kind == HY_CHILDOP_CREATE || (s->kind == HY_CHILDOP_REFUSE && s->child_version == 0);
}

int hy__ledger_note(hy_ledger_t *l, const hy_stamp_t *s, hy_child_t *child) {
    bool is_change = s->kind != HY_CHILDOP_REFUSE || s->child_version > 0;
    int rc = child && is_change ? note_child(l, child) : 0;
    if (rc == 0 && is_marked(s) && !hy_dict_put(&l->creators, s->reporter, NULL)) rc = HY_ENOMEM;
    return rc;
}

int hy__ledger_stamp(hy_ledger_t *l, const hy_stamp_t *s, hy_child_t *child,
                     const hy_childop_t *op) {
    if (!store_of(l)) return 0;
    /* One that is noted and did not change is written in vain at the next snapshot. */
    int rc = hy__ledger_note(l, s, child);
    if (rc < 0) return rc;
    hy_buf_t b;
    hy_buf_init(&b);
    hy_rows_write_stamp(s, child, op, &b);
    return put_change(l, s->version, &b);
}

/* --- snapshots -------------------------------------------------------------------------------- */

static int put_state(hy_ledger_t *l, size_t *bytes) {
    hy_str_t *none = hy_str_new("", 0);
    hy_buf_t b;
    hy_buf_init(&b);
    hy_rows_write_state(l->object, &b);
    *bytes = b.len;
    if (!none) b.failed = true;
    int rc = hy__ledger_put(l, HY_TABLE_STATES, none, &b);
    hy_str_unref(none);
    return rc;
}

static int put_child(hy_ledger_t *l, const hy_child_t *child) {
    if (child->state != HY_CHILD_KEPT)
        return hy_store_remove(store_of(l), HY_TABLE_CHILDREN, l->object->url, child->key);
    hy_buf_t b;
    hy_buf_init(&b);
    hy_rows_write_child(child, &b);
    return hy__ledger_put(l, HY_TABLE_CHILDREN, child->key, &b);
}

static int put_value(hy_ledger_t *l, hy_table_t table, const hy_str_t *key, hy_value_t v) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_json_write(&b, v);
    return hy__ledger_put(l, table, key, &b);
}

static int put_mark(hy_ledger_t *l, const hy_str_t *creator) {
    hy_value_t mark;
    int rc = hy_marks_write_one(hy_children_marks(l->object->children), creator, &mark);
    if (rc < 0) return rc == HY_ENOT_FOUND ? 0 : rc;
    rc = put_value(l, HY_TABLE_MARKS, creator, mark);
    hy_value_drop(mark);
    return rc;
}

/* Changes that neither the snapshot nor the object's history needs. */
static int trim(hy_ledger_t *l) {
    const hy_object_t *o = l->object;
    uint64_t kept = l->is_original ? o->history.count : 0;
    if (o->version <= kept) return 0;
    return hy_store_remove_upto(store_of(l), HY_TABLE_CHANGES, o->url, o->version - kept);
}

static void note_snapshot(hy_ledger_t *l, size_t bytes) {
    l->snapshot_bytes = bytes;
    l->changes_bytes = 0;
    forget_changes(l);
    hy__ledger_written(l);
}

int hy__ledger_snapshot(hy_ledger_t *l) {
    if (!store_of(l)) return 0;
    size_t mark = hy__ledger_mark(l), bytes;
    int rc = put_state(l, &bytes);
    const changed_t *c;
    for (uint32_t pos = 0; rc == 0 && (c = hy_dict_next(&l->children, &pos));) {
        rc = put_child(l, c->child);
    }
    const creator_t *creator;
    for (uint32_t pos = 0; rc == 0 && (creator = hy_dict_next(&l->creators, &pos));) {
        rc = put_mark(l, creator->key);
    }
    if (rc == 0) rc = trim(l);
    if (rc < 0) {
        hy__ledger_undo(l, mark);
    } else {
        note_snapshot(l, bytes);
    }
    return rc;
}

static int put_all_children(hy_ledger_t *l) {
    const hy_children_t *children = l->object->children;
    const hy_child_t *child;
    int rc = 0;
    for (size_t pos = 0; rc == 0 && (child = hy_children_next(children, NULL, &pos));) {
        if (child->state == HY_CHILD_KEPT) rc = put_child(l, child);
    }
    hy_value_t marks, v;
    hy_str_t *creator;
    if (rc == 0) rc = hy_marks_write(hy_children_marks(children), &marks);
    if (rc < 0) return rc;
    for (uint32_t pos = 0; rc == 0 && hy_node_next(marks.as.n, &pos, &creator, &v);) {
        rc = put_value(l, HY_TABLE_MARKS, creator, v);
    }
    hy_value_drop(marks);
    return rc;
}

int hy__ledger_begin(hy_ledger_t *l) {
    if (!store_of(l)) return 0;
    size_t mark = hy__ledger_mark(l), bytes;
    int rc = hy__ledger_remove(l->manager, l->object->url);
    if (rc == 0) rc = put_state(l, &bytes);
    if (rc == 0) rc = put_all_children(l);
    if (rc < 0) {
        hy__ledger_undo(l, mark);
    } else {
        note_snapshot(l, bytes);
    }
    return rc;
}

int hy__ledger_remove(hy_manager_t *m, const hy_str_t *url) {
    static const hy_table_t tables[] = {HY_TABLE_STATES, HY_TABLE_CHANGES, HY_TABLE_CHILDREN,
                                        HY_TABLE_MARKS,  HY_TABLE_GUESTS,  HY_TABLE_ANSWERS};
    if (!m->store) return 0;
    size_t mark = hy_store_mark(m->store);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof tables / sizeof tables[0]; i++) {
        rc = hy_store_remove_all(m->store, tables[i], url);
    }
    if (rc < 0) hy_store_undo(m->store, mark);
    return rc;
}

static size_t bound(const hy_ledger_t *l) {
    size_t bytes = l->snapshot_bytes;
    return bytes > HY_STORE_CHANGES_BYTES_MIN ? bytes : HY_STORE_CHANGES_BYTES_MIN;
}

void hy__ledger_settle(hy_ledger_t *l) {
    if (!l || l->changes_bytes <= bound(l)) return;
    /* What cannot be written now is tried again half the way on. */
    if (hy__ledger_check(l, NULL) < 0 || hy__ledger_snapshot(l) < 0)
        l->changes_bytes = bound(l) / 2;
}

/* --- answers to executes ---------------------------------------------------------------------- */

static hy_str_t *answer_key(hy_msg_t *request) {
    if (request->id.kind == HY_STR)
        return hy_str_format("%s \"%s\"", request->from->bytes, request->id.as.s->bytes);
    return hy_str_format("%s %lld", request->from->bytes, (long long)request->id.as.i);
}

static void drop_old_answers(hy_ledger_t *l, int64_t now_ms) {
    answered_t *a;
    for (uint32_t pos = 0; (a = hy_dict_next(&l->answers, &pos));) {
        bool is_old = now_ms - a->at_ms > (int64_t)HY_ANSWER_KEPT_MS;
        if (!is_old && l->answers.count < HY_LEDGER_ANSWERS_MAX) return;
        if (hy_store_remove(store_of(l), HY_TABLE_ANSWERS, l->object->url, a->key) < 0) return;
        hy_dict_remove(&l->answers, a);
    }
}

/* `value` is lent. */
static void write_answer(hy_msg_t *request, int code, const char *desc, hy_value_t value,
                         int64_t now_ms, hy_buf_t *b) {
    hy_buf_text(b, "{\"from\":");
    hy_json_write_str(b, request->from->bytes, request->from->len);
    hy_buf_text(b, ",\"id\":");
    hy_json_write(b, request->id);
    hy_buf_format(b, ",\"code\":%d,\"at\":%lld", code, (long long)now_ms);
    if (desc) {
        hy_buf_text(b, ",\"desc\":");
        hy_json_write_str(b, desc, strlen(desc));
    }
    if (value.kind != HY_ABSENT) {
        hy_buf_text(b, ",\"value\":");
        hy_json_write(b, value);
    }
    hy_buf_char(b, '}');
}

void hy__ledger_note_answer(hy_ledger_t *l, const char *key, size_t len, int64_t at_ms) {
    hy_str_t *s = hy_str_new(key, len);
    answered_t *a = s ? hy_dict_put(&l->answers, s, NULL) : NULL;
    if (a) a->at_ms = at_ms;
    hy_str_unref(s);
}

int hy__ledger_put_answer(hy_ledger_t *l, hy_msg_t *request, int code, const char *desc,
                          hy_value_t value, int64_t at_ms) {
    hy_str_t *key = answer_key(request);
    if (!key) return HY_ENOMEM;
    int rc = 0;
    if (key->len <= HY_STORE_KEY_BYTES_MAX) {
        hy_buf_t b;
        hy_buf_init(&b);
        drop_old_answers(l, hy_clock_wall(hy_bus_clock(l->manager->bus)));
        write_answer(request, code, desc, value, at_ms, &b);
        rc = hy__ledger_put(l, HY_TABLE_ANSWERS, key, &b);
        answered_t *a = rc == 0 ? hy_dict_put(&l->answers, key, NULL) : NULL;
        if (a) a->at_ms = at_ms;
    }
    hy_str_unref(key);
    return rc;
}

void hy__ledger_answer(hy_ledger_t *l, hy_manager_t *m, hy_msg_t *request, int code,
                       const char *desc, hy_value_t value) {
    bool is_kept = l && m->store && hy_msg_has_id(request) && code >= 200;
    /* Its handler may have written into other objects. */
    if (l && m->store) l->ticket = hy_store_ticket(m->store);
    if (is_kept)
        hy__ledger_put_answer(l, request, code, desc, value, hy_clock_wall(hy_bus_clock(m->bus)));
    hy__ledger_respond(l, m, request, code, desc, value);
}

/* --- copies ----------------------------------------------------------------------------------- */

void hy__copy_changed(hy_ledger_t *l, const hy_change_t *c) {
    if (!l || HY_MUTANT(COPY_STALE)) return;
    if (l->is_behind) {
        hy__copy_catch_up(l);
    } else if (hy__ledger_change(l, c) < 0) {
        l->is_behind = true;
    } else {
        hy__ledger_settle(l);
    }
}

void hy__copy_stamped(hy_ledger_t *l, const hy_stamp_t *s, hy_child_t *child,
                      const hy_childop_t *op) {
    if (!l || HY_MUTANT(COPY_STALE)) return;
    if (l->is_behind) {
        hy__copy_catch_up(l);
    } else if (hy__ledger_stamp(l, s, child, op) < 0) {
        l->is_behind = true;
    } else {
        hy__ledger_settle(l);
    }
}

void hy__copy_renewed(hy_ledger_t *l) {
    if (!l) return;
    l->is_behind = true;
    hy__copy_catch_up(l);
}

void hy__copy_entered(hy_ledger_t *l) {
    if (!l) return;
    if (l->is_behind) {
        hy__copy_catch_up(l);
    } else {
        l->is_behind = hy__ledger_snapshot(l) < 0;
    }
}

void hy__copy_catch_up(hy_ledger_t *l) {
    if (!l || !l->is_behind || hy__ledger_check(l, NULL) < 0) return;
    l->is_behind = hy__ledger_begin(l) < 0;
}
