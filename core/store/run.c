/* Runs: rows of a numbered table that were put one after the other, as one row of the file.
 *
 *      put 7, put 8, put 9, … ─► [ 7 | 8 | 9 | … ]     its key is 7, its value a blob
 *
 * A change costs a row of its own otherwise, which is most of what folding it costs. In the blob
 * rows are encoded as batch.c says, without their owner, each number above the one before. A value
 * that is a text is one row, as ever; so is a blob that is no run, which a damaged file may have.
 */
#include "sqlite_private.h"

#define ROOM_MAX (2u * HY_STORE_RUN_BYTES) /* a bigger buffer is not kept */

void hy__run_clear(hy_run_t *r) {
    r->bytes.len = 0;
    r->count = 0;
    if (r->bytes.room > ROOM_MAX) hy_buf_deinit(&r->bytes);
}

bool hy__run_goes_on(const hy_run_t *r, const hy_op_t *op) {
    const hy_row_t *row = &op->row;
    return op->kind == HY_OP_PUT && row->table == r->table && row->number > r->last &&
           r->bytes.len + hy__op_size(op) <= HY_STORE_RUN_BYTES && row->owner_len == r->owner_len &&
           memcmp(row->owner, r->owner, r->owner_len) == 0;
}

int hy__run_add(hy_run_t *r, const hy_op_t *op) {
    hy_op_t bare = *op;
    bare.row.owner = NULL;
    bare.row.owner_len = 0;
    if (hy__op_add(&r->bytes, &bare)) return HY_ENOMEM;
    if (r->count++ == 0) {
        r->table = op->row.table;
        r->owner = op->row.owner;
        r->owner_len = op->row.owner_len;
        r->first = op->row.number;
    }
    r->last = op->row.number;
    return 0;
}

bool hy__run_read(hy_table_t table, int64_t first, const char *bytes, size_t len, hy_run_t *out) {
    if (len == 0 || !hy_table_is_numbered(table) || !hy__ops_are_whole(bytes, len)) return false;
    hy_run_t r = {.bytes = {.bytes = (char *)bytes, .len = len}, .table = table};
    hy_op_t op;
    for (size_t pos = 0; hy__op_next(&r.bytes, &pos, &op); r.count++) {
        const hy_row_t *row = &op.row;
        bool is_next = r.count ? row->number > r.last : (int64_t)row->number == first;
        if (op.kind != HY_OP_PUT || row->table != table || row->owner_len || !is_next) return false;
        r.last = row->number;
    }
    r.first = (uint64_t)first;
    *out = r;
    return true;
}
