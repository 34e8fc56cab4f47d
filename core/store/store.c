/* The front of the store: the open batch, tickets, what waits, and who is told of commits.
 *
 * One timer does all that has to be done on the clock. It is started with the first row of a batch
 * (or a read) and moved from then on, so nothing behind a put that went well can fail for want of a
 * timer:
 *
 *      put ─► timer at 0 ms ─► seal ─► driver's turn ─► watches, reads that are done ─► next time
 *
 * Owns the open batch, one spare (so that a batch costs no allocation in the long run), watches,
 * and reads that are not submitted or are done. Where batches go is the driver's business
 * (backend.h). */
#include "store.h"

#include <assert.h>

#include "../base/mem.h"
#include "../base/mutant.h"
#include "backend.h"

#define FAR_MS          3600000u    /* the timer while its own callback runs */
#define SPARE_BYTES_MAX (64u << 10) /* a bigger buffer is not kept */

struct hy_store {
    hy_clock_t *clock;
    const hy_log_t *log;
    hy_backend_t *backend; /* NULL: closed */
    hy_str_t *name;
    hy_batch_t *open, *spare; /* open NULL: nothing was written yet */
    hy_timer_t timer;
    uint64_t sealed, committed, told; /* tickets */
    size_t waiting;                   /* bytes, the open batch among them */
    hy_link_t watches, reads, done;
    hy_link_t *cursor; /* the next watch of the walk under way */
    uint32_t refs;
    bool is_sync; /* the open batch, also one without a row yet */
    bool is_lasting, is_failing, is_crashed;
};

struct hy_store_watch {
    hy_link_t link;
    hy_store_t *store; /* NULL: closed */
    hy_store_watch_cb cb;
    void *arg;
    uint64_t told;
};

static const struct {
    const char *name;
    bool is_numbered;
} tables[] = {
#define TEXT                   false
#define NUMBER                 true
#define X(id, name, key, kind) {name, kind},
    HY_TABLE_MAP(X)
#undef X
#undef TEXT
#undef NUMBER
};

const char *hy_table_name(hy_table_t t) {
    return t < HY_TABLE_COUNT ? tables[t].name : "";
}
bool hy_table_is_numbered(hy_table_t t) {
    return t < HY_TABLE_COUNT && tables[t].is_numbered;
}

/* --- the timer -------------------------------------------------------------------------------- */

static int wake(hy_store_t *s) {
    if (hy_timer_is_started(&s->timer) && s->timer.at_ms <= hy_clock_now(s->clock)) return 0;
    return hy_timer_start(s->clock, &s->timer, 0);
}

/* Moves the timer, which is started, to when it is needed next. */
static void settle(hy_store_t *s) {
    bool is_now = (s->open && s->open->ops.len) || s->is_sync || s->told != s->committed ||
                  !hy_list_is_empty(&s->reads) || !hy_list_is_empty(&s->done);
    uint64_t now = hy_clock_now(s->clock), at_ms = s->backend->ops->next_ms(s->backend);
    if (is_now) at_ms = now;
    if (at_ms == UINT64_MAX) {
        hy_timer_stop(s->clock, &s->timer);
        return;
    }
    int code = hy_timer_start(s->clock, &s->timer, at_ms > now ? at_ms - now : 0);
    assert(code == 0);
    (void)code;
}

static void release(hy_store_t *s) {
    if (--s->refs) return;
    hy_str_unref(s->name);
    hy_free(s);
}

static void seal(hy_store_t *s) {
    hy_batch_t *batch = s->open;
    bool is_sync = s->is_sync;
    s->is_sync = false;
    if (batch && batch->ops.len) {
        s->open = NULL;
        batch->ticket = ++s->sealed;
        batch->is_sync = is_sync;
        s->backend->ops->submit(s->backend, batch);
    }
}

static void submit_reads(hy_store_t *s) {
    while (!hy_list_is_empty(&s->reads)) {
        hy_store_read_t *r = hy_link_owner(s->reads.next, hy_store_read_t, link);
        hy_list_remove(&r->link);
        r->ticket = s->sealed;
        s->backend->ops->read(s->backend, r);
    }
}

static void tell_watches(hy_store_t *s) {
    s->told = s->committed;
    s->cursor = s->watches.next;
    while (s->backend && s->cursor != &s->watches) {
        hy_store_watch_t *w = hy_link_owner(s->cursor, hy_store_watch_t, link);
        s->cursor = w->link.next;
        if (w->told == s->committed) continue;
        w->told = s->committed;
        w->cb(w->arg);
    }
    s->cursor = NULL;
}

static void log_reading(hy_store_t *s, int code, const hy_error_t *err) {
    if (code == HY_EINTERNAL)
        hy_log(s->log, HY_LOG_ERROR, "store", "%s cannot be read: %s", s->name->bytes, err->text);
}

static void answer_read(hy_store_t *s, hy_store_read_t *r) {
    log_reading(s, r->code, &r->err);
    if (s->is_crashed) r->cb = NULL;
    if (r->cb) r->cb(r->arg, r->code, r->code ? NULL : &r->rows);
    hy__store_read_free(r);
}

void hy__store_deliver(hy_store_t *s) {
    s->refs++;
    tell_watches(s);
    hy_link_t done; /* what comes meanwhile has another turn */
    hy_list_take(&s->done, &done);
    while (!hy_list_is_empty(&done)) {
        hy_store_read_t *r = hy_link_owner(done.next, hy_store_read_t, link);
        hy_list_remove(&r->link);
        if (!s->backend) r->code = HY_ECLOSED;
        answer_read(s, r);
    }
    release(s);
}

static void on_timer(void *arg) {
    hy_store_t *s = arg;
    s->refs++;
    int code = hy_timer_start(s->clock, &s->timer, FAR_MS); /* its place is still there */
    assert(code == 0);
    (void)code;
    seal(s);
    submit_reads(s);
    s->backend->ops->turn(s->backend);
    hy__store_deliver(s);
    if (s->backend) settle(s);
    release(s);
}

/* --- writing ---------------------------------------------------------------------------------- */

static int begin_batch(hy_store_t *s) {
    int code = wake(s);
    if (code || s->open) return code;
    s->open = s->spare ? s->spare : hy_alloc_zero(sizeof *s->open);
    if (!s->open) return HY_ENOMEM;
    s->spare = NULL;
    hy_link_init(&s->open->link);
    return 0;
}

static int write_op(hy_store_t *s, const hy_op_t *op) {
    if (!s->backend) return HY_ECLOSED;
    if (op->row.key_len > HY_STORE_KEY_BYTES_MAX || op->row.owner_len > HY_STORE_KEY_BYTES_MAX ||
        op->row.value_len > HY_STORE_QUEUE_BYTES / 2)
        return HY_ETOO_LARGE;
    size_t size = hy__op_size(op);
    if (s->waiting + size > HY_STORE_QUEUE_BYTES) return HY_EFULL;
    int code = begin_batch(s);
    if (!code) code = hy__op_add(&s->open->ops, op);
    if (!code) s->waiting += size;
    if (HY_MUTANT(TORN_TURN) && !code) seal(s);
    return code;
}

static hy_op_t make_op(hy_op_kind_t kind, hy_table_t table, const hy_str_t *owner) {
    return (hy_op_t){kind, {.table = table, .owner = owner->bytes, .owner_len = owner->len}};
}

int hy_store_put(hy_store_t *s, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                 const char *value, size_t len) {
    assert(table < HY_TABLE_COUNT && !hy_table_is_numbered(table));
    hy_op_t op = make_op(HY_OP_PUT, table, owner);
    op.row.key = key->bytes;
    op.row.key_len = key->len;
    op.row.value = value;
    op.row.value_len = len;
    return write_op(s, &op);
}

int hy_store_put_number(hy_store_t *s, hy_table_t table, const hy_str_t *owner, uint64_t key,
                        const char *value, size_t len) {
    assert(hy_table_is_numbered(table));
    if (key > INT64_MAX) return HY_EINVALID;
    hy_op_t op = make_op(HY_OP_PUT, table, owner);
    op.row.number = key;
    op.row.value = value;
    op.row.value_len = len;
    return write_op(s, &op);
}

int hy_store_remove(hy_store_t *s, hy_table_t table, const hy_str_t *owner, const hy_str_t *key) {
    assert(table < HY_TABLE_COUNT && !hy_table_is_numbered(table));
    hy_op_t op = make_op(HY_OP_REMOVE, table, owner);
    op.row.key = key->bytes;
    op.row.key_len = key->len;
    return write_op(s, &op);
}

int hy_store_remove_upto(hy_store_t *s, hy_table_t table, const hy_str_t *owner, uint64_t last) {
    assert(hy_table_is_numbered(table));
    hy_op_t op = make_op(HY_OP_REMOVE_UPTO, table, owner);
    op.row.number = last < INT64_MAX ? last : INT64_MAX;
    return write_op(s, &op);
}

int hy_store_remove_all(hy_store_t *s, hy_table_t table, const hy_str_t *owner) {
    assert(table <= HY_TABLE_COUNT);
    hy_op_t op = make_op(HY_OP_REMOVE_ALL, table, owner);
    return write_op(s, &op);
}

size_t hy_store_mark(const hy_store_t *s) {
    return s->open ? s->open->ops.len : 0;
}

void hy_store_undo(hy_store_t *s, size_t mark) {
    if (!s->open) return;
    assert(mark <= s->open->ops.len); /* else the batch was sealed since */
    s->waiting -= s->open->ops.len - mark;
    s->open->ops.len = mark;
}

/* --- batches ---------------------------------------------------------------------------------- */

/* Without memory for a timer there is no row yet that would miss it: the next put starts it. */
void hy_store_sync(hy_store_t *s) {
    if (!s->backend) return;
    s->is_sync = true;
    wake(s);
}

uint64_t hy_store_ticket(const hy_store_t *s) {
    return s->sealed + (s->open && s->open->ops.len);
}
uint64_t hy_store_committed(const hy_store_t *s) {
    return s->committed;
}
bool hy_store_has_room(const hy_store_t *s) {
    return s->backend && s->waiting < HY_STORE_QUEUE_BYTES / 2;
}

/* The timer stays started: it tells of a commit that is made at once. */
void hy_store_seal(hy_store_t *s) {
    if (s->backend) seal(s);
}

void hy__store_batch_done(hy_store_t *s, hy_batch_t *batch) {
    assert(batch->ticket == s->committed + 1);
    s->committed = batch->ticket;
    s->waiting -= batch->ops.len;
    batch->ops.len = 0;
    if (s->spare || batch->ops.room > SPARE_BYTES_MAX) {
        hy__batch_free(batch);
    } else {
        s->spare = batch;
    }
}

void hy__store_trouble(hy_store_t *s, const char *text) {
    if ((text != NULL) == s->is_failing) return;
    s->is_failing = text != NULL;
    if (text) {
        hy_log(s->log, HY_LOG_ERROR, "store",
               "%s cannot be written: %s. What is stored waits and is tried again every %u ms",
               s->name->bytes, text, HY_STORE_RETRY_MS);
    } else {
        hy_log(s->log, HY_LOG_INFO, "store", "%s can be written again; nothing was lost",
               s->name->bytes);
    }
}

int hy_store_watch(hy_store_t *s, hy_store_watch_cb cb, void *arg, hy_store_watch_t **out) {
    if (!s->backend) return HY_ECLOSED;
    hy_store_watch_t *w = hy_alloc(sizeof *w);
    if (!w) return HY_ENOMEM;
    *w = (hy_store_watch_t){.store = s, .cb = cb, .arg = arg, .told = s->committed};
    hy_list_append(&s->watches, &w->link);
    *out = w;
    return 0;
}

void hy_store_unwatch(hy_store_watch_t *w) {
    if (!w) return;
    if (w->store && w->store->cursor == &w->link) w->store->cursor = w->link.next;
    hy_list_remove(&w->link);
    hy_free(w);
}

/* --- reading ---------------------------------------------------------------------------------- */

int hy_store_read(hy_store_t *s, uint32_t tables_wanted, const hy_str_t *owner, hy_rows_cb cb,
                  void *arg, hy_store_read_t **out) {
    if (!s->backend) return HY_ECLOSED;
    hy_store_read_t *r = hy_alloc_zero(sizeof *r);
    if (!r) return HY_ENOMEM;
    r->cb = cb;
    r->arg = arg;
    r->tables = tables_wanted;
    hy_link_init(&r->link);
    if (owner) r->owner = hy_str_new(owner->bytes, owner->len);
    if ((owner && !r->owner) || wake(s)) {
        hy__store_read_free(r);
        return HY_ENOMEM;
    }
    hy_list_append(&s->reads, &r->link);
    if (out) *out = r;
    return 0;
}

void hy_store_read_cancel(hy_store_read_t *r) {
    if (r) r->cb = NULL;
}

void hy__store_read_free(hy_store_read_t *r) {
    hy_str_unref(r->owner);
    hy__rows_deinit(&r->rows);
    hy_free(r);
}

void hy__store_read_done(hy_store_t *s, hy_store_read_t *read) {
    hy_list_append(&s->done, &read->link);
}

int hy_store_find(hy_store_t *s, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                  hy_str_t **out) {
    assert(table < HY_TABLE_COUNT && !hy_table_is_numbered(table));
    if (!s->backend) return HY_ECLOSED;
    hy_row_t row;
    hy_seen_t seen = s->open ? hy__ops_find(&s->open->ops, table, owner, key, &row) : HY_SEEN_NOT;
    if (seen == HY_SEEN_REMOVED) return HY_ENOT_FOUND;
    if (seen == HY_SEEN_NOT) {
        hy_error_t err = {.text = ""};
        int code = s->backend->ops->find(s->backend, table, owner, key, out, &err);
        log_reading(s, code, &err);
        return code;
    }
    hy_str_t *value = hy_str_new(row.value, row.value_len);
    if (!value) return HY_ENOMEM;
    *out = value;
    return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

int hy__store_new(hy_clock_t *clock, const hy_log_t *log, const char *name, bool is_lasting,
                  hy_store_t **out) {
    hy_store_t *s = hy_alloc_zero(sizeof *s);
    if (!s) return HY_ENOMEM;
    s->name = hy_str_from(name);
    if (!s->name) {
        hy_free(s);
        return HY_ENOMEM;
    }
    s->clock = clock;
    s->log = log;
    s->refs = 1;
    s->is_lasting = is_lasting;
    hy_timer_init(&s->timer, on_timer, s);
    hy_link_init(&s->watches);
    hy_link_init(&s->reads);
    hy_link_init(&s->done);
    *out = s;
    return 0;
}

void hy__store_free(hy_store_t *s) {
    assert(!s->backend);
    release(s);
}

void hy__store_attach(hy_store_t *s, hy_backend_t *b) {
    s->backend = b;
}

static void end_reads(hy_store_t *s, hy_link_t *list) {
    while (!hy_list_is_empty(list)) {
        hy_store_read_t *r = hy_link_owner(list->next, hy_store_read_t, link);
        hy_list_remove(&r->link);
        r->code = HY_ECLOSED;
        answer_read(s, r);
    }
}

static void end(hy_store_t *s, bool is_crash) {
    if (!s || !s->backend) return;
    if (!is_crash) seal(s);
    hy_backend_t *backend = s->backend;
    size_t lost = backend->ops->close(backend, is_crash);
    if (lost && !is_crash) {
        hy_log(s->log, HY_LOG_ERROR, "store", "%s closed without its last %zu bytes",
               s->name->bytes, lost);
    }
    s->backend = NULL;
    hy_timer_stop(s->clock, &s->timer);
    hy__batch_free(s->open);
    hy__batch_free(s->spare);
    s->open = s->spare = NULL;
    while (!hy_list_is_empty(&s->watches)) { /* their owners have them still */
        hy_store_watch_t *w = hy_link_owner(s->watches.next, hy_store_watch_t, link);
        hy_list_remove(&w->link);
        w->store = NULL;
    }
    s->cursor = &s->watches;
    s->is_crashed = is_crash;
    end_reads(s, &s->reads);
    end_reads(s, &s->done);
    release(s);
}

void hy_store_close(hy_store_t *s) {
    end(s, false);
}
void hy_store_crash(hy_store_t *s) {
    end(s, true);
}

const char *hy_store_name(const hy_store_t *s) {
    return s->name->bytes;
}
bool hy_store_is_lasting(const hy_store_t *s) {
    return s->is_lasting;
}
