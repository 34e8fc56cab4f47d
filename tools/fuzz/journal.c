/* Fuzz target: any bytes as operations in the journal of a store file. What is taken for whole is
 * walked, searched and laid over rows without a look beyond its end; made anew from what was read
 * it is the same; nothing may be left. Built and run by tools/fuzz/run. */
#include "rows.h"

#include "store/backend.h"

static void look_at(hy_span_t s, unsigned *sum) {
    MUST(s.bytes && s.bytes[s.len] == '\0');
    *sum += hy_hash(s.bytes, s.len);
}

static void check_ops(const hy_buf_t *ops) {
    hy_buf_t again;
    hy_op_t op;
    unsigned sum = 0;
    hy_buf_init(&again);
    for (size_t pos = 0; hy__op_next(ops, &pos, &op);) {
        MUST(op.kind <= HY_OP_REMOVE_ALL && op.row.table <= HY_TABLE_COUNT);
        look_at((hy_span_t){op.row.owner, op.row.owner_len}, &sum);
        look_at((hy_span_t){op.row.value, op.row.value_len}, &sum);
        if (op.row.key) look_at((hy_span_t){op.row.key, op.row.key_len}, &sum);
        MUST(hy__op_add(&again, &op) == 0);
    }
    MUST(hy__ops_are_whole(again.bytes, again.len));
    hy_buf_deinit(&again);
}

static void check_rows(const hy_buf_t *ops) {
    const hy_buf_t *const both[] = {ops, ops};
    hy_rows_t rows;
    hy_row_t row;
    hy_buf_init(&rows.bytes);
    MUST(hy__rows_overlay(&rows, both, 2, (1u << HY_TABLE_COUNT) - 1, NULL) == 0);
    for (size_t pos = 0; hy_rows_next(&rows, &pos, &row);)
        MUST(row.table < HY_TABLE_COUNT && hy_table_is_numbered(row.table) == !row.key);
    hy__rows_deinit(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *bytes = malloc(size ? size : 1);
    memcpy(bytes, data, size);
    hy_buf_t ops = {.bytes = bytes, .len = size};
    if (hy__ops_are_whole(bytes, size)) {
        hy_str_t *owner = hy_str_from("o");
        check_ops(&ops);
        check_rows(&ops);
        hy_row_t row;
        hy__ops_find(&ops, HY_TABLE_STATES, owner, owner, &row);
        hy_str_unref(owner);
    }
    free(bytes);
    MUST(hy_mem_blocks() == 0);
    return 0;
}
