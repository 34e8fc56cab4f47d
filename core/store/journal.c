/* The journal of a file as it is in memory: what was committed and is not in the tables yet.
 *
 *      commit ─► fresh    [ group | group | group … ]      a row of the journal each
 *                  │ begin
 *                  ▼
 *                folding  [ group | group | … ]   plan: its operations by owner
 *                            └ step ─► step ─► … ─► tables; its rows of the journal go
 *
 * Operations of different owners have nothing to do with each other, so those of one owner are
 * folded together, in their order: a page is written once for many. And all of them set things to
 * what they are, whatever was there; so what is folded already, and is folded again after a crash
 * from a journal that still has it, comes to the same. Nor do reads have to know how far the
 * folding is: they lay all of it over the tables. */
#include <stdlib.h>

#include "../base/mem.h"
#include "sqlite_private.h"

#define SPARE_BYTES_MAX (2u * HY_STORE_FOLD_BYTES) /* a bigger buffer is not kept */

struct hy_fold_op {
    uint32_t hash; /* of the owner */
    size_t at;     /* in `folding` */
};

void hy__journal_init(hy_journal_t *j) {
    *j = (hy_journal_t){.fold_bytes = HY_STORE_FOLD_BYTES,
                        .step_bytes = HY_STORE_FOLD_STEP_BYTES,
                        .bytes_max = HY_STORE_FOLD_BYTES_MAX};
}

void hy__journal_clear(hy_journal_t *j) {
    hy_buf_deinit(&j->fresh);
    hy_buf_deinit(&j->folding);
    hy_free(j->plan);
    j->plan = NULL;
    j->plan_count = j->plan_done = j->committed = 0;
    j->last = j->folding_last = 0;
}

/* --- commits ---------------------------------------------------------------------------------- */

int hy__journal_add(hy_journal_t *j, const char *ops, size_t len) {
    if (!hy_buf_reserve(&j->fresh, len)) {
        j->fresh.failed = false;
        return HY_ENOMEM;
    }
    hy_buf_add(&j->fresh, ops, len);
    return 0;
}

void hy__journal_commit(hy_journal_t *j, int64_t seq) {
    j->last = seq;
    j->committed = j->fresh.len;
}

void hy__journal_rollback(hy_journal_t *j) {
    j->fresh.len = j->committed;
}

size_t hy__journal_bytes(const hy_journal_t *j) {
    return j->committed + j->folding.len;
}

/* --- folding ---------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right) {
    const hy_fold_op_t *a = left, *b = right;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

int hy__journal_fold(hy_journal_t *j) {
    size_t count = 0, pos = 0;
    hy_op_t op;
    while (hy__op_next(&j->fresh, &pos, &op))
        count++;
    hy_fold_op_t *plan = hy_alloc((count ? count : 1) * sizeof *plan);
    if (!plan) return HY_ENOMEM;
    pos = 0;
    for (size_t i = 0; i < count; i++) {
        plan[i].at = pos;
        hy__op_next(&j->fresh, &pos, &op);
        plan[i].hash = hy_hash(op.row.owner, op.row.owner_len);
    }
    qsort(plan, count, sizeof *plan, compare);
    hy_buf_t spare = j->folding;
    j->folding = j->fresh;
    j->folding_last = j->last;
    j->fresh = spare;
    j->committed = 0;
    j->plan = plan;
    j->plan_count = count;
    j->plan_done = 0;
    return 0;
}

void hy__journal_op(const hy_journal_t *j, size_t i, hy_op_t *out) {
    size_t pos = j->plan[i].at;
    hy__op_next(&j->folding, &pos, out);
}

void hy__journal_folded(hy_journal_t *j, size_t done) {
    j->plan_done = done;
    if (done < j->plan_count) return;
    hy_free(j->plan);
    j->plan = NULL;
    j->folding.len = 0;
    if (j->folding.room > SPARE_BYTES_MAX) hy_buf_deinit(&j->folding);
}

/* --- reading ---------------------------------------------------------------------------------- */

int hy__journal_overlay(const hy_journal_t *j, hy_rows_t *rows, uint32_t tables,
                        const hy_str_t *owner) {
    const hy_buf_t *const both[] = {&j->folding, &j->fresh};
    if (hy__journal_bytes(j) == 0) return 0;
    int code = hy__rows_sort(rows);
    return code ? code : hy__rows_overlay(rows, both, 2, tables, owner);
}

hy_seen_t hy__journal_find(const hy_journal_t *j, hy_table_t table, const hy_str_t *owner,
                           const hy_str_t *key, hy_row_t *out) {
    hy_seen_t seen = hy__ops_find(&j->fresh, table, owner, key, out);
    return seen == HY_SEEN_NOT ? hy__ops_find(&j->folding, table, owner, key, out) : seen;
}
