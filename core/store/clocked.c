/* The driver that works in turns of the clock, without a thread: what is due is committed, in one
 * transaction, then the reads that were waiting for it are done.
 *
 *      queue   [ batch, due at 5 ][ batch, due at 5 ][ batch, due at 6 ]
 *
 * With a delay of 0 a batch is committed inside of submit. Owns the engine and what is in its
 * queues. */
#include <assert.h>

#include "../base/mem.h"
#include "backend.h"

typedef struct {
    hy_backend_t base; /* first */
    hy_clock_t *clock;
    hy_engine_t *engine;
    hy_link_t batches, reads;
    uint64_t committed; /* ticket */
    uint64_t retry_ms;  /* not before that */
} clocked_t;

/* --- commits ---------------------------------------------------------------------------------- */

static hy_batch_t *batch_at(hy_link_t *link) {
    return hy_link_owner(link, hy_batch_t, link);
}

static hy_store_read_t *first_read(clocked_t *c) {
    if (hy_list_is_empty(&c->reads)) return NULL;
    return hy_link_owner(c->reads.next, hy_store_read_t, link);
}

/* The first batches of the queue that are due, as a number; none that the first read must not see.
 */
static size_t count_due(clocked_t *c, uint64_t now_ms, bool *is_sync) {
    size_t count = 0;
    const hy_store_read_t *read = first_read(c);
    uint64_t last = read ? read->ticket : UINT64_MAX;
    for (hy_link_t *l = c->batches.next; l != &c->batches; l = l->next, count++) {
        if (batch_at(l)->due_ms > now_ms || batch_at(l)->ticket > last) break;
        *is_sync |= batch_at(l)->is_sync;
    }
    return count;
}

static int commit_group(clocked_t *c, size_t count, bool is_sync, hy_error_t *err) {
    const hy_engine_ops_t *ops = c->engine->ops;
    int code = ops->begin(c->engine, is_sync, err);
    hy_link_t *l = c->batches.next;
    for (size_t i = 0; i < count && !code; i++, l = l->next)
        code = ops->apply(c->engine, batch_at(l), err);
    if (!code) code = ops->end(c->engine, err);
    if (code) ops->rollback(c->engine);
    return code;
}

static int commit_due(clocked_t *c, uint64_t now_ms) {
    bool is_sync = false;
    size_t count = count_due(c, now_ms, &is_sync);
    if (count == 0) return 0;
    hy_error_t err = {.text = ""};
    int code = commit_group(c, count, is_sync, &err);
    if (code) {
        hy__store_trouble(c->base.store, err.text[0] ? err.text : hy_error_text(code));
        return code;
    }
    hy__store_trouble(c->base.store, NULL);
    while (count-- > 0) {
        hy_batch_t *b = batch_at(c->batches.next);
        hy_list_remove(&b->link);
        c->committed = b->ticket;
        hy__store_batch_done(c->base.store, b);
    }
    return 0;
}

/* A step each time; one that fails is made again, at the latest by a commit that needs the room. */
static void commit(clocked_t *c) {
    uint64_t now_ms = hy_clock_now(c->clock);
    if (now_ms < c->retry_ms) return;
    if (commit_due(c, now_ms)) {
        c->retry_ms = now_ms + HY_STORE_RETRY_MS;
    } else if (c->engine->ops->fold) {
        c->engine->ops->fold(c->engine, false, NULL, NULL, NULL);
    }
}

static void clocked_submit(hy_backend_t *b, hy_batch_t *batch) {
    clocked_t *c = (clocked_t *)b;
    batch->due_ms = hy_clock_now(c->clock) + *c->engine->delay_ms;
    if (!hy_list_is_empty(&c->batches) && batch_at(c->batches.prev)->due_ms > batch->due_ms)
        batch->due_ms = batch_at(c->batches.prev)->due_ms; /* the disk was slower then */
    hy_list_append(&c->batches, &batch->link);
    commit(c);
}

/* --- reads ------------------------------------------------------------------------------------ */

static void clocked_read(hy_backend_t *b, hy_store_read_t *read) {
    hy_list_append(&((clocked_t *)b)->reads, &read->link);
}

static int clocked_find(hy_backend_t *b, hy_table_t table, const hy_str_t *owner,
                        const hy_str_t *key, hy_str_t **out, hy_error_t *err) {
    clocked_t *c = (clocked_t *)b;
    hy_row_t row;
    hy_seen_t seen = HY_SEEN_NOT;
    for (hy_link_t *l = c->batches.prev; l != &c->batches && seen == HY_SEEN_NOT; l = l->prev)
        seen = hy__ops_find(&batch_at(l)->ops, table, owner, key, &row);
    if (seen == HY_SEEN_NOT) return hy__engine_find(c->engine, table, owner, key, out, err);
    if (seen == HY_SEEN_REMOVED) return HY_ENOT_FOUND;
    hy_str_t *value = hy_str_new(row.value, row.value_len);
    if (!value) return HY_ENOMEM;
    *out = value;
    return 0;
}

/* Tells whether there was a read to be done. */
static bool do_reads(clocked_t *c) {
    bool has_some = false;
    for (hy_store_read_t *r; (r = first_read(c)) && r->ticket <= c->committed; has_some = true) {
        hy_list_remove(&r->link);
        hy__engine_read(c->engine, r);
        hy__store_read_done(c->base.store, r);
    }
    return has_some;
}

static void clocked_turn(hy_backend_t *b) {
    clocked_t *c = (clocked_t *)b;
    do {
        commit(c);
    } while (do_reads(c));
}

static uint64_t clocked_next_ms(const hy_backend_t *b) {
    const clocked_t *c = (const clocked_t *)b;
    if (hy_list_is_empty(&c->batches)) return UINT64_MAX;
    uint64_t due_ms = batch_at(c->batches.next)->due_ms;
    return due_ms > c->retry_ms ? due_ms : c->retry_ms;
}

/* --- life ------------------------------------------------------------------------------------- */

static size_t clocked_close(hy_backend_t *b, bool is_crash) {
    clocked_t *c = (clocked_t *)b;
    size_t lost = 0;
    for (hy_store_read_t *r; (r = first_read(c));) {
        hy_list_remove(&r->link);
        r->code = HY_ECLOSED;
        hy__store_read_done(c->base.store, r);
    }
    if (!is_crash)
        commit_due(c, UINT64_MAX); /* a clock that is told the time cannot be waited for */
    while (!hy_list_is_empty(&c->batches)) {
        hy_batch_t *batch = batch_at(c->batches.next);
        hy_list_remove(&batch->link);
        lost += batch->ops.len;
        hy__batch_free(batch);
    }
    for (hy_store_read_t *r; (r = first_read(c));) {
        hy_list_remove(&r->link);
        hy__store_read_done(c->base.store, r); /* which answers them as closed */
    }
    c->engine->ops->close(c->engine, is_crash);
    hy_free(c);
    return lost;
}

static const hy_backend_ops_t clocked = {
    clocked_submit, clocked_read, clocked_find, clocked_turn, clocked_next_ms, clocked_close,
};

int hy__store_open_clocked(hy_clock_t *clock, const hy_log_t *log, const char *name,
                           bool is_lasting, hy_engine_t *engine, hy_store_t **out) {
    hy_store_t *s = NULL;
    clocked_t *c = hy_alloc_zero(sizeof *c);
    int code = c ? hy__store_new(clock, log, name, is_lasting, &s) : HY_ENOMEM;
    if (code) {
        hy_free(c);
        engine->ops->close(engine, true);
        return code;
    }
    c->base = (hy_backend_t){&clocked, s};
    c->clock = clock;
    c->engine = engine;
    hy_link_init(&c->batches);
    hy_link_init(&c->reads);
    hy__store_attach(s, &c->base);
    *out = s;
    return 0;
}
