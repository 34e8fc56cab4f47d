/* Rows as they are after operations that have not been brought to their tables yet.
 *
 *      rows   a=1  b=2  c=3                  in order
 *      ops    put b=5, remove a, put d=6     in time
 *      ─────► b=5  c=3  d=6
 *
 * Of operations on one row only the last counts, unless one on a range, which comes later still,
 * takes in the row. Ranges are few, and searched straight. */
#include "backend.h"

#include <stdlib.h>

#include "../base/mem.h"

typedef struct {
    hy_op_t op;
    size_t at;     /* in time; rows are before all of them */
    uint32_t hash; /* of the owner */
} entry_t;

typedef struct {
    entry_t *singles, *ranges; /* one block: singles from its start, ranges from its end down */
    size_t single_count, range_count;
} entries_t;

static bool is_concerned(const hy_op_t *op, uint32_t tables, const hy_str_t *owner) {
    hy_table_t t = op->row.table;
    if (t < HY_TABLE_COUNT && !(tables & 1u << t)) return false;
    return !owner || hy__op_is_of(op, t, owner);
}

static bool is_range(const hy_op_t *op) {
    return op->kind == HY_OP_REMOVE_UPTO || op->kind == HY_OP_REMOVE_ALL;
}

/* --- in order --------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right) {
    const entry_t *a = left, *b = right;
    int order = hy__row_compare(&a->op.row, &b->op.row);
    return order ? order : (a->at > b->at) - (a->at < b->at);
}

static bool is_in_range(const entry_t *range, const hy_row_t *row) {
    const hy_row_t *r = &range->op.row;
    if (r->table != row->table && r->table != HY_TABLE_COUNT) return false;
    if (range->op.kind == HY_OP_REMOVE_UPTO && row->number > r->number) return false;
    return r->owner_len == row->owner_len && memcmp(r->owner, row->owner, r->owner_len) == 0;
}

static bool is_removed(const entries_t *e, const hy_row_t *row, uint32_t hash, size_t at) {
    for (size_t i = 0; i < e->range_count; i++) {
        const entry_t *range = &e->ranges[i];
        if (range->at > at && range->hash == hash && is_in_range(range, row)) return true;
    }
    return false;
}

/* HY_ENOMEM; else to be freed by its singles. */
static int collect(entries_t *e, const hy_buf_t *const *ops, size_t count, uint32_t tables,
                   const hy_str_t *owner) {
    size_t all = 0, at = 0;
    hy_op_t op;
    for (size_t i = 0; i < count; i++) {
        for (size_t pos = 0; hy__op_next(ops[i], &pos, &op);)
            all += is_concerned(&op, tables, owner);
    }
    *e = (entries_t){0};
    if (all == 0) return 0;
    e->singles = hy_alloc(all * sizeof *e->singles);
    if (!e->singles) return HY_ENOMEM;
    e->ranges = e->singles + all;
    for (size_t i = 0; i < count; i++) {
        for (size_t pos = 0; hy__op_next(ops[i], &pos, &op);) {
            if (!is_concerned(&op, tables, owner)) continue;
            entry_t *to = is_range(&op) ? --e->ranges : &e->singles[e->single_count];
            *to = (entry_t){op, ++at, hy_hash(op.row.owner, op.row.owner_len)};
            is_range(&op) ? e->range_count++ : e->single_count++;
        }
    }
    qsort(e->singles, e->single_count, sizeof *e->singles, compare);
    return 0;
}

/* --- over the rows ---------------------------------------------------------------------------- */

/* The next row that operations left or made out of nothing, and the position behind it: the last
 * single of those with its key. */
static const entry_t *next_single(const entries_t *e, size_t *i) {
    if (*i >= e->single_count) return NULL;
    while (*i + 1 < e->single_count &&
           hy__row_compare(&e->singles[*i].op.row, &e->singles[*i + 1].op.row) == 0)
        ++*i;
    return &e->singles[*i];
}

static int add(hy_buf_t *to, const hy_row_t *row) {
    return hy__op_add(to, &(hy_op_t){HY_OP_PUT, *row});
}

static int add_single(const entries_t *e, const entry_t *single, hy_buf_t *to) {
    bool is_there =
        single->op.kind == HY_OP_PUT && !is_removed(e, &single->op.row, single->hash, single->at);
    return is_there ? add(to, &single->op.row) : 0;
}

static int add_row(const entries_t *e, const hy_row_t *row, hy_buf_t *to) {
    bool has_ranges = e->range_count > 0;
    if (has_ranges && is_removed(e, row, hy_hash(row->owner, row->owner_len), 0)) return 0;
    return add(to, row);
}

static int merge(const entries_t *e, const hy_rows_t *rows, hy_buf_t *to) {
    size_t i = 0, pos = 0;
    hy_row_t row;
    bool has_row = hy_rows_next(rows, &pos, &row);
    const entry_t *single = next_single(e, &i);
    int code = 0;
    while ((has_row || single) && !code) {
        int order = !single ? -1 : !has_row ? 1 : hy__row_compare(&row, &single->op.row);
        code = order < 0 ? add_row(e, &row, to) : add_single(e, single, to);
        if (order <= 0) has_row = hy_rows_next(rows, &pos, &row);
        if (order >= 0) {
            i++;
            single = next_single(e, &i);
        }
    }
    return code;
}

int hy__rows_overlay(hy_rows_t *rows, const hy_buf_t *const *ops, size_t count, uint32_t tables,
                     const hy_str_t *owner) {
    entries_t e;
    int code = collect(&e, ops, count, tables, owner);
    if (code || !e.singles) return code;
    hy_buf_t merged;
    hy_buf_init(&merged);
    code = merge(&e, rows, &merged);
    hy_free(e.singles);
    if (code) {
        hy_buf_deinit(&merged);
        return code;
    }
    hy_buf_deinit(&rows->bytes);
    rows->bytes = merged;
    return 0;
}
