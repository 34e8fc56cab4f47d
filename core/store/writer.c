/* The driver with a thread, which alone touches the engine while it runs.
 *
 *      loop ─ batches, reads, one find ─►  [ lock ]  ─► thread: group ─► begin, apply …, end
 *           ◄─ done, one uv_async_t ─────            ◄─         reads, find
 *
 * The thread takes what waits into one transaction, and what comes meanwhile too, until nothing
 * waits or HY_STORE_GROUP_MS have passed; it waits for nothing that is not there. A group goes no
 * further than the first read may see; and how it is synced is settled when it begins, so a batch
 * that is to be synced begins one of its own if the one under way is not. What fails is put back
 * and tried again. While there is nothing to do the engine's journal is folded, step by step.
 *
 * What both sides see is in `shared` and under the lock. Nothing in it is counted or freed by both:
 * a batch or a read is in one list at a time. */
#define _GNU_SOURCE /* SCHED_BATCH */
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <uv.h>

#include "../base/mem.h"
#include "sqlite_private.h"

#define NS_PER_MS 1000000u

typedef struct {
    hy_table_t table;
    const hy_str_t *owner, *key;
    hy_str_t *found;
    hy_error_t *err;
    uint64_t ticket;
    int code;
    bool is_done;
} find_t;

typedef struct {
    hy_backend_t base; /* first */
    hy_engine_t *engine;
    uv_async_t async;
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t work, found; /* for the thread; for who waits in find */
    uint64_t submitted;    /* ticket; the loop's own */
    int fold;              /* a hy_fold_t, or how it failed; the thread's own */
    struct {
        hy_link_t batches, reads;           /* to do */
        hy_link_t done_batches, done_reads; /* in order */
        find_t *find;
        uint64_t committed;   /* ticket */
        uint64_t close_ns;    /* then it is given up, if it fails; 0: not closing */
        bool is_failing;      /* commits */
        bool is_fold_failing; /* so they will, in a while */
        bool has_failed;      /* since the loop looked */
        hy_error_t err;
    } shared;
} writer_t;

static hy_batch_t *batch_at(hy_link_t *link) {
    return hy_link_owner(link, hy_batch_t, link);
}
static hy_store_read_t *read_at(hy_link_t *link) {
    return hy_link_owner(link, hy_store_read_t, link);
}

/* --- the thread: commits ---------------------------------------------------------------------- */

/* Moves to `group` the batches that may be in it; tells whether there are any. Under the lock. */
static bool take_group(writer_t *w, hy_link_t *group, bool is_first, bool *is_sync) {
    uint64_t last = UINT64_MAX;
    bool has_some = false;
    if (!hy_list_is_empty(&w->shared.reads)) last = read_at(w->shared.reads.next)->ticket;
    hy_link_t *batches = &w->shared.batches;
    for (hy_link_t *l = batches->next; is_first && l != batches; l = l->next)
        *is_sync |= batch_at(l)->is_sync && batch_at(l)->ticket <= last;
    while (!hy_list_is_empty(batches)) {
        hy_batch_t *b = batch_at(batches->next);
        if (b->ticket > last || (b->is_sync && !*is_sync)) break;
        hy_list_remove(&b->link);
        hy_list_append(group, &b->link);
        has_some = true;
    }
    return has_some;
}

/* Applies those from `next` on. */
static int apply_group(writer_t *w, hy_link_t *group, hy_link_t *next, hy_error_t *err) {
    int code = 0;
    for (; next != group && !code; next = next->next)
        code = w->engine->ops->apply(w->engine, batch_at(next), err);
    return code;
}

/* One transaction, with what comes while it is made. Not under the lock. */
static int commit_group(writer_t *w, hy_link_t *group, bool is_sync, hy_error_t *err) {
    const hy_engine_ops_t *ops = w->engine->ops;
    uint64_t end_ns = uv_hrtime() + HY_STORE_GROUP_MS * (uint64_t)NS_PER_MS;
    int code = ops->begin(w->engine, is_sync, err);
    hy_link_t *next = group->next;
    for (bool is_more = true; is_more && !code;) {
        code = apply_group(w, group, next, err);
        hy_link_t *last = group->prev;
        uv_mutex_lock(&w->lock);
        is_more = !code && uv_hrtime() < end_ns && take_group(w, group, false, &is_sync);
        uv_mutex_unlock(&w->lock);
        next = last->next;
    }
    if (!code) code = ops->end(w->engine, err);
    if (code) ops->rollback(w->engine);
    return code;
}

/* Appends a list to another. */
static void move_all(hy_link_t *from, hy_link_t *to) {
    while (!hy_list_is_empty(from)) {
        hy_link_t *l = from->next;
        hy_list_remove(l);
        hy_list_append(to, l);
    }
}

/* Under the lock, which it lets go of meanwhile. */
static void commit(writer_t *w) {
    hy_link_t group;
    hy_link_init(&group);
    bool is_sync = false;
    if (!take_group(w, &group, true, &is_sync)) return;
    uv_mutex_unlock(&w->lock);
    hy_error_t err = {.text = ""};
    int code = commit_group(w, &group, is_sync, &err);
    uv_mutex_lock(&w->lock);
    w->shared.is_failing = code != 0;
    if (code) {
        w->shared.has_failed = true;
        w->shared.err = err;
        move_all(&w->shared.batches, &group); /* what failed goes before what came since */
        move_all(&group, &w->shared.batches);
    } else {
        if (w->engine->ops->fold) w->fold = HY_FOLD_MORE; /* perhaps: the engine knows */
        w->shared.committed = batch_at(group.prev)->ticket;
        move_all(&group, &w->shared.done_batches);
    }
    uv_async_send(&w->async);
}

/* --- the thread: reads ------------------------------------------------------------------------ */

static void do_reads(writer_t *w) {
    while (!hy_list_is_empty(&w->shared.reads)) {
        hy_store_read_t *r = read_at(w->shared.reads.next);
        if (r->ticket > w->shared.committed) return;
        hy_list_remove(&r->link);
        uv_mutex_unlock(&w->lock);
        hy__engine_read(w->engine, r);
        uv_mutex_lock(&w->lock);
        hy_list_append(&w->shared.done_reads, &r->link);
        uv_async_send(&w->async);
    }
}

/* Nobody is kept waiting for a disk that fails. */
static void do_find(writer_t *w) {
    find_t *f = w->shared.find;
    if (!f || (f->ticket > w->shared.committed && !w->shared.is_failing)) return;
    w->shared.find = NULL;
    if (f->ticket > w->shared.committed) {
        f->code = HY_EFULL;
    } else {
        uv_mutex_unlock(&w->lock);
        f->code = hy__engine_find(w->engine, f->table, f->owner, f->key, &f->found, f->err);
        uv_mutex_lock(&w->lock);
    }
    f->is_done = true;
    uv_cond_signal(&w->found);
}

/* --- the thread: what it does meanwhile ------------------------------------------------------- */

static bool has_work(const writer_t *w) {
    return w->shared.close_ns || w->shared.find || !hy_list_is_empty(&w->shared.batches) ||
           !hy_list_is_empty(&w->shared.reads);
}

static bool is_wanted(void *arg) {
    writer_t *w = arg;
    uv_mutex_lock(&w->lock);
    bool is = has_work(w);
    uv_mutex_unlock(&w->lock);
    return is;
}

/* A step. One that fails is tried again after a while, unless a commit needs the room before. Under
 * the lock, which it lets go of meanwhile. */
static void fold(writer_t *w, bool is_idle) {
    uv_mutex_unlock(&w->lock);
    hy_error_t err = {.text = ""};
    w->fold = w->engine->ops->fold(w->engine, is_idle, is_wanted, w, &err);
    uv_mutex_lock(&w->lock);
    bool was_failing = w->shared.is_fold_failing;
    w->shared.is_fold_failing = w->fold < 0;
    if (w->fold < 0) {
        w->shared.has_failed = true;
        w->shared.err = err;
    }
    if (w->fold < 0 || was_failing) uv_async_send(&w->async);
}

/* Until something comes, all being well; or until it has been quiet for so long that the rest of
 * the journal is folded too. */
static void wait_and_fold(writer_t *w) {
    while (!has_work(w)) {
        if (w->fold == HY_FOLD_MORE) {
            fold(w, false);
        } else if (w->fold == HY_FOLD_DONE) {
            uv_cond_wait(&w->work, &w->lock);
        } else {
            uint64_t ms = w->fold < 0 ? HY_STORE_RETRY_MS : HY_STORE_FOLD_IDLE_MS;
            if (uv_cond_timedwait(&w->work, &w->lock, ms * NS_PER_MS) == UV_ETIMEDOUT)
                fold(w, true);
            while (w->fold == HY_FOLD_MORE && !has_work(w))
                fold(w, true);
        }
    }
}

static bool is_ended(const writer_t *w) {
    if (!w->shared.close_ns) return false;
    return hy_list_is_empty(&w->shared.batches) ||
           (w->shared.is_failing && uv_hrtime() >= w->shared.close_ns);
}

/* Until something comes; when it fails, until it is time to try again (or to give up), or somebody
 * waits who is to be told so. */
static void wait_for_work(writer_t *w) {
    uint64_t retry_ns = uv_hrtime() + HY_STORE_RETRY_MS * (uint64_t)NS_PER_MS;
    while (w->shared.is_failing && !w->shared.find) {
        uint64_t until_ns = retry_ns, now_ns = uv_hrtime();
        if (w->shared.close_ns && w->shared.close_ns < until_ns) until_ns = w->shared.close_ns;
        if (now_ns >= until_ns) return;
        uv_cond_timedwait(&w->work, &w->lock, until_ns - now_ns);
    }
    if (!w->shared.is_failing) wait_and_fold(w);
}

/* The loop goes on when it has woken this thread, and is not interrupted for it: else whatever else
 * it has to do waits for the disk's writing where processors are few. */
static void let_the_loop_go_on(void) {
#ifdef SCHED_BATCH
    const struct sched_param none = {0};
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &none); /* else it is as others */
#endif
}

static void write_on(void *arg) {
    writer_t *w = arg;
    let_the_loop_go_on();
    uv_mutex_lock(&w->lock);
    while (!is_ended(w)) {
        commit(w);
        do_reads(w);
        do_find(w);
        wait_for_work(w);
    }
    uv_mutex_unlock(&w->lock);
}

/* --- the loop --------------------------------------------------------------------------------- */

/* Tells the front of what is done, which calls nobody back by that. */
static void collect(writer_t *w) {
    hy_link_t batches, reads;
    hy_error_t err;
    uv_mutex_lock(&w->lock);
    hy_list_take(&w->shared.done_batches, &batches);
    hy_list_take(&w->shared.done_reads, &reads);
    bool has_failed = w->shared.has_failed;
    bool is_failing = w->shared.is_failing || w->shared.is_fold_failing;
    w->shared.has_failed = false;
    if (has_failed) err = w->shared.err;
    uv_mutex_unlock(&w->lock);
    if (has_failed) hy__store_trouble(w->base.store, err.text);
    if (!is_failing) hy__store_trouble(w->base.store, NULL);
    while (!hy_list_is_empty(&batches)) {
        hy_batch_t *b = batch_at(batches.next);
        hy_list_remove(&b->link);
        hy__store_batch_done(w->base.store, b);
    }
    while (!hy_list_is_empty(&reads)) {
        hy_store_read_t *r = read_at(reads.next);
        hy_list_remove(&r->link);
        hy__store_read_done(w->base.store, r);
    }
}

static void on_async(uv_async_t *async) {
    writer_t *w = async->data;
    collect(w);
    hy__store_deliver(w->base.store); /* may close it; the memory goes in a later turn */
}

static void writer_submit(hy_backend_t *b, hy_batch_t *batch) {
    writer_t *w = (writer_t *)b;
    w->submitted = batch->ticket;
    uv_mutex_lock(&w->lock);
    hy_list_append(&w->shared.batches, &batch->link);
    uv_mutex_unlock(&w->lock);
    uv_cond_signal(&w->work); /* so that whom it wakes finds the lock free */
}

static void writer_read(hy_backend_t *b, hy_store_read_t *read) {
    writer_t *w = (writer_t *)b;
    uv_mutex_lock(&w->lock);
    hy_list_append(&w->shared.reads, &read->link);
    uv_cond_signal(&w->work);
    uv_mutex_unlock(&w->lock);
}

static int writer_find(hy_backend_t *b, hy_table_t table, const hy_str_t *owner,
                       const hy_str_t *key, hy_str_t **out, hy_error_t *err) {
    writer_t *w = (writer_t *)b;
    find_t f = {.table = table, .owner = owner, .key = key, .err = err, .ticket = w->submitted};
    uv_mutex_lock(&w->lock);
    w->shared.find = &f;
    uv_cond_signal(&w->work);
    while (!f.is_done)
        uv_cond_wait(&w->found, &w->lock);
    uv_mutex_unlock(&w->lock);
    if (f.code == 0) *out = f.found;
    return f.code;
}

/* All that is to be done on the clock is the front's. */
static void writer_turn(hy_backend_t *b) {
    (void)b;
}
static uint64_t writer_next_ms(const hy_backend_t *b) {
    (void)b;
    return UINT64_MAX;
}

/* --- life ------------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle) {
    hy_free(handle->data);
}

static size_t free_batches(hy_link_t *list) {
    size_t bytes = 0;
    while (!hy_list_is_empty(list)) {
        hy_batch_t *b = batch_at(list->next);
        hy_list_remove(&b->link);
        bytes += b->ops.len;
        hy__batch_free(b);
    }
    return bytes;
}

static size_t writer_close(hy_backend_t *b, bool is_crash) {
    writer_t *w = (writer_t *)b;
    uv_mutex_lock(&w->lock);
    if (is_crash) free_batches(&w->shared.batches);
    w->shared.close_ns = uv_hrtime() + (is_crash ? 1 : HY_STORE_CLOSE_MS * (uint64_t)NS_PER_MS);
    uv_cond_signal(&w->work);
    uv_mutex_unlock(&w->lock);
    uv_thread_join(&w->thread);
    collect(w);
    size_t lost = free_batches(&w->shared.batches);
    while (!hy_list_is_empty(&w->shared.reads)) {
        hy_store_read_t *r = read_at(w->shared.reads.next);
        hy_list_remove(&r->link);
        r->code = HY_ECLOSED;
        hy__store_read_done(w->base.store, r);
    }
    w->engine->ops->close(w->engine, is_crash);
    uv_cond_destroy(&w->work);
    uv_cond_destroy(&w->found);
    uv_mutex_destroy(&w->lock);
    uv_close((uv_handle_t *)&w->async, on_closed);
    return lost;
}

static const hy_backend_ops_t threaded = {
    writer_submit, writer_read, writer_find, writer_turn, writer_next_ms, writer_close,
};

/* The thread, and what it and the loop meet at. What is begun is undone if it fails; the memory
 * stays the caller's then, unless the handle has it (`*has_handle`). */
static int start(writer_t *w, uv_loop_t *uv, bool *has_handle) {
    int code = uv_mutex_init(&w->lock);
    if (code) return code;
    code = uv_cond_init(&w->work);
    if (code) goto no_work;
    code = uv_cond_init(&w->found);
    if (code) goto no_found;
    code = uv_async_init(uv, &w->async, on_async);
    if (code) goto no_async;
    *has_handle = true;
    w->async.data = w;
    code = uv_thread_create(&w->thread, write_on, w);
    if (!code) return 0;
    uv_close((uv_handle_t *)&w->async, on_closed);
no_async:
    uv_cond_destroy(&w->found);
no_found:
    uv_cond_destroy(&w->work);
no_work:
    uv_mutex_destroy(&w->lock);
    return code;
}

int hy__store_open_threaded(hy_loop_t *loop, const hy_log_t *log, const char *name,
                            hy_engine_t *engine, hy_store_t **out) {
    hy_store_t *s = NULL;
    writer_t *w = hy_alloc_zero(sizeof *w);
    int code = w ? hy__store_new(hy_loop_clock(loop), log, name, true, &s) : HY_ENOMEM;
    bool has_handle = false;
    if (!code) {
        w->base = (hy_backend_t){&threaded, s};
        w->engine = engine;
        w->fold = engine->ops->fold ? HY_FOLD_MORE : HY_FOLD_DONE;
        hy_link_init(&w->shared.batches);
        hy_link_init(&w->shared.reads);
        hy_link_init(&w->shared.done_batches);
        hy_link_init(&w->shared.done_reads);
        code = start(w, hy_loop_uv(loop), &has_handle);
    }
    if (code) {
        if (s) hy__store_free(s);
        if (!has_handle) hy_free(w);
        engine->ops->close(engine, true);
        return code;
    }
    hy__store_attach(s, &w->base);
    *out = s;
    return 0;
}
