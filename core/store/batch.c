/* Operations and rows in buffers.
 *
 *      [ head | owner 0 | key 0 | value 0 ][ head | … ]
 *
 * Heads lie wherever the text before them ends, so they are copied out rather than pointed at. */
#include "backend.h"

#include <assert.h>
#include <stdlib.h>

#include "../base/mem.h"

typedef struct {
    uint64_t number;
    uint32_t owner_len, key_len, value_len;
    uint8_t kind, table;
    bool has_key;
} head_t;

#define TABLE_BITS_MAX 32
_Static_assert(HY_TABLE_COUNT <= TABLE_BITS_MAX, "a set of tables is a uint32_t");

/* --- operations ------------------------------------------------------------------------------- */

size_t hy__op_size(const hy_op_t *op) {
    return sizeof(head_t) + op->row.owner_len + op->row.key_len + op->row.value_len + 3;
}

static void add_text(hy_buf_t *b, const char *text, size_t len) {
    if (len) memcpy(b->bytes + b->len, text, len);
    b->len += len;
    b->bytes[b->len++] = '\0';
}

int hy__op_add(hy_buf_t *b, const hy_op_t *op) {
    const hy_row_t *r = &op->row;
    if (!hy_buf_reserve(b, hy__op_size(op))) {
        b->failed = false; /* the next one may be smaller */
        return HY_ENOMEM;
    }
    head_t head;
    memset(&head, 0, sizeof head); /* the padding too: it goes through buffers that are compared */
    head.number = r->number;
    head.owner_len = (uint32_t)r->owner_len;
    head.key_len = (uint32_t)r->key_len;
    head.value_len = (uint32_t)r->value_len;
    head.kind = (uint8_t)op->kind;
    head.table = (uint8_t)r->table;
    head.has_key = r->key != NULL;
    memcpy(b->bytes + b->len, &head, sizeof head);
    b->len += sizeof head;
    add_text(b, r->owner, r->owner_len);
    add_text(b, r->key, r->key_len);
    add_text(b, r->value, r->value_len);
    return 0;
}

bool hy__op_next(const hy_buf_t *b, size_t *pos, hy_op_t *out) {
    if (*pos >= b->len) return false;
    head_t head;
    memcpy(&head, b->bytes + *pos, sizeof head);
    const char *owner = b->bytes + *pos + sizeof head;
    const char *key = owner + head.owner_len + 1;
    const char *value = key + head.key_len + 1;
    *out = (hy_op_t){(hy_op_kind_t)head.kind,
                     {(hy_table_t)head.table, owner, head.has_key ? key : NULL, head.owner_len,
                      head.key_len, head.number, value, head.value_len}};
    *pos = (size_t)(value + head.value_len + 1 - b->bytes);
    assert(*pos <= b->len);
    return true;
}

static bool is_text(const char *bytes, size_t len, const hy_str_t *s) {
    return len == s->len && memcmp(bytes, s->bytes, len) == 0;
}

bool hy__op_is_of(const hy_op_t *op, hy_table_t table, const hy_str_t *owner) {
    return (op->row.table == table || op->row.table == HY_TABLE_COUNT) &&
           is_text(op->row.owner, op->row.owner_len, owner);
}

hy_seen_t hy__ops_find(const hy_buf_t *b, hy_table_t table, const hy_str_t *owner,
                       const hy_str_t *key, hy_row_t *out) {
    hy_seen_t seen = HY_SEEN_NOT;
    hy_op_t op;
    for (size_t pos = 0; hy__op_next(b, &pos, &op);) {
        if (!hy__op_is_of(&op, table, owner)) continue;
        if (op.kind == HY_OP_REMOVE_ALL) {
            seen = HY_SEEN_REMOVED;
        } else if (is_text(op.row.key, op.row.key_len, key)) {
            seen = op.kind == HY_OP_PUT ? HY_SEEN_PUT : HY_SEEN_REMOVED;
            if (seen == HY_SEEN_PUT) *out = op.row;
        }
    }
    return seen;
}

void hy__batch_free(hy_batch_t *b) {
    if (!b) return;
    hy_buf_deinit(&b->ops);
    hy_free(b);
}

/* --- rows ------------------------------------------------------------------------------------- */

void hy__rows_deinit(hy_rows_t *rows) {
    hy_buf_deinit(&rows->bytes);
}

bool hy_rows_next(const hy_rows_t *rows, size_t *pos, hy_row_t *out) {
    hy_op_t op;
    if (!hy__op_next(&rows->bytes, pos, &op)) return false;
    *out = op.row;
    return true;
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len) {
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare(const hy_row_t *a, const hy_row_t *b) {
    if (a->table != b->table) return a->table < b->table ? -1 : 1;
    int order = compare_bytes(a->owner, a->owner_len, b->owner, b->owner_len);
    if (order) return order;
    if (a->key) return compare_bytes(a->key, a->key_len, b->key, b->key_len);
    return (a->number > b->number) - (a->number < b->number);
}

static int compare_for_sort(const void *a, const void *b) {
    return compare(a, b);
}

static bool is_in_order(const hy_rows_t *rows, size_t *count) {
    hy_row_t before = {0}, row;
    bool is_ordered = true;
    *count = 0;
    for (size_t pos = 0; hy_rows_next(rows, &pos, &row); before = row) {
        if (*count > 0 && is_ordered) is_ordered = compare(&before, &row) < 0;
        ++*count;
    }
    return is_ordered;
}

int hy__rows_sort(hy_rows_t *rows) {
    size_t count = 0, pos = 0;
    if (is_in_order(rows, &count)) return 0;
    hy_row_t *list = hy_alloc(count * sizeof *list);
    if (!list) return HY_ENOMEM;
    for (size_t i = 0; i < count; i++)
        hy_rows_next(rows, &pos, &list[i]);
    qsort(list, count, sizeof *list, compare_for_sort);
    hy_buf_t sorted;
    hy_buf_init(&sorted);
    int code = hy_buf_reserve(&sorted, rows->bytes.len) ? 0 : HY_ENOMEM;
    for (size_t i = 0; i < count && !code; i++)
        code = hy__op_add(&sorted, &(hy_op_t){HY_OP_PUT, list[i]});
    hy_free(list);
    if (code) {
        hy_buf_deinit(&sorted);
        return code;
    }
    hy_buf_deinit(&rows->bytes);
    rows->bytes = sorted;
    return 0;
}

/* --- engines ---------------------------------------------------------------------------------- */

static int code_of_reading(int code) {
    return code == 0 || code == HY_ENOMEM || code == HY_ENOT_FOUND ? code : HY_EINTERNAL;
}

void hy__engine_read(hy_engine_t *e, hy_store_read_t *read) {
    int code = e->ops->read(e, read->tables, read->owner, &read->rows, &read->err);
    if (!code) code = hy__rows_sort(&read->rows);
    read->code = code_of_reading(code);
}

int hy__engine_find(hy_engine_t *e, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                    hy_str_t **out, hy_error_t *err) {
    return code_of_reading(e->ops->find(e, table, owner, key, out, err));
}
