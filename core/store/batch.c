/* Operations and rows in buffers.
 *
 *      [ head | owner 0 | key 0 | value 0 ][ head | … ]
 *
 * A head is HEAD_BYTES in little-endian order, since journals in files have them too:
 *
 *      number 8 │ owner_len 4 │ key_len 4 │ value_len 4 │ kind 1 │ table 1 │ has_key 1 │ 0
 */
#include "backend.h"

#include <assert.h>
#include <stdlib.h>

#include "../base/mem.h"

#define HEAD_BYTES     24u
#define TABLE_BITS_MAX 32
_Static_assert(HY_TABLE_COUNT <= TABLE_BITS_MAX, "a set of tables is a uint32_t");

/* --- operations ------------------------------------------------------------------------------- */

static void put_32(char *to, uint32_t n) {
    for (int i = 0; i < 4; i++)
        to[i] = (char)(n >> 8 * i);
}
static void put_64(char *to, uint64_t n) {
    put_32(to, (uint32_t)n);
    put_32(to + 4, (uint32_t)(n >> 32));
}
static uint32_t get_32(const char *from) {
    const unsigned char *p = (const unsigned char *)from;
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static uint64_t get_64(const char *from) {
    return get_32(from) | (uint64_t)get_32(from + 4) << 32;
}

size_t hy__op_size(const hy_op_t *op) {
    return HEAD_BYTES + op->row.owner_len + op->row.key_len + op->row.value_len + 3;
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
    char *head = b->bytes + b->len;
    put_64(head, r->number);
    put_32(head + 8, (uint32_t)r->owner_len);
    put_32(head + 12, (uint32_t)r->key_len);
    put_32(head + 16, (uint32_t)r->value_len);
    head[20] = (char)op->kind;
    head[21] = (char)r->table;
    head[22] = r->key != NULL;
    head[23] = 0;
    b->len += HEAD_BYTES;
    add_text(b, r->owner, r->owner_len);
    add_text(b, r->key, r->key_len);
    add_text(b, r->value, r->value_len);
    return 0;
}

bool hy__op_next(const hy_buf_t *b, size_t *pos, hy_op_t *out) {
    if (*pos >= b->len) return false;
    const char *head = b->bytes + *pos, *owner = head + HEAD_BYTES;
    size_t owner_len = get_32(head + 8), key_len = get_32(head + 12), value_len = get_32(head + 16);
    const char *key = owner + owner_len + 1, *value = key + key_len + 1;
    *out = (hy_op_t){(hy_op_kind_t)head[20],
                     {(hy_table_t)head[21], owner, head[22] ? key : NULL, owner_len, key_len,
                      get_64(head), value, value_len}};
    *pos = (size_t)(value + value_len + 1 - b->bytes);
    assert(*pos <= b->len);
    return true;
}

/* What hy__op_next takes on trust. */
static bool is_whole(const char *bytes, size_t len) {
    if (len < HEAD_BYTES + 3) return false;
    uint64_t owner_len = get_32(bytes + 8), key_len = get_32(bytes + 12);
    uint64_t value_len = get_32(bytes + 16);
    if (owner_len + key_len + value_len + HEAD_BYTES + 3 > len) return false;
    const char *owner_end = bytes + HEAD_BYTES + owner_len, *key_end = owner_end + 1 + key_len;
    unsigned kind = (unsigned char)bytes[20], table = (unsigned char)bytes[21];
    unsigned has_key = (unsigned char)bytes[22];
    if (!has_key && key_len > 0) return false;
    if (*owner_end || *key_end || key_end[1 + value_len] || bytes[23]) return false;
    if (kind == HY_OP_REMOVE_ALL) return table <= HY_TABLE_COUNT && !has_key;
    if (kind > HY_OP_REMOVE_ALL || table >= HY_TABLE_COUNT || has_key > 1) return false;
    if (kind == HY_OP_REMOVE_UPTO && has_key) return false;
    return hy_table_is_numbered((hy_table_t)table) == !has_key && get_64(bytes) <= INT64_MAX;
}

bool hy__ops_are_whole(const char *bytes, size_t len) {
    const hy_buf_t b = {.bytes = (char *)bytes, .len = len};
    hy_op_t op;
    for (size_t pos = 0; pos < len; hy__op_next(&b, &pos, &op)) {
        if (!is_whole(bytes + pos, len - pos)) return false;
    }
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

int hy__row_compare(const hy_row_t *a, const hy_row_t *b) {
    if (a->table != b->table) return a->table < b->table ? -1 : 1;
    int order = compare_bytes(a->owner, a->owner_len, b->owner, b->owner_len);
    if (order) return order;
    if (a->key) return compare_bytes(a->key, a->key_len, b->key, b->key_len);
    return (a->number > b->number) - (a->number < b->number);
}

static int compare_for_sort(const void *a, const void *b) {
    return hy__row_compare(a, b);
}

static bool is_in_order(const hy_rows_t *rows, size_t *count) {
    hy_row_t before = {0}, row;
    bool is_ordered = true;
    *count = 0;
    for (size_t pos = 0; hy_rows_next(rows, &pos, &row); before = row) {
        if (*count > 0 && is_ordered) is_ordered = hy__row_compare(&before, &row) < 0;
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
