/* The engine whose place is memory: rows on a disk that is counted.
 *
 *      disk ─ owner ─ table ─┬ text keys: dictionary
 *                            └ numbers:   sorted array (they come in order, and go from the front)
 *      log  [ what row was what before | … ]  since the last sync; batches mark where they begin
 *
 * A row that is removed stays without a value until the log is let go of. So going back along the
 * log, after a batch that failed or when power is lost, needs no memory. A disk that nobody else
 * has keeps no log, and a long one is let go of as a real disk writes its cache out by itself. */
#include "memory.h"

#include <assert.h>

#include "../base/dict.h"
#include "../base/mem.h"
#include "backend.h"

#define LOG_ROWS_MAX 4096u

typedef struct {
    hy_str_t *key;   /* first, for the dictionary */
    hy_str_t *value; /* NULL: removed */
} text_row_t;

typedef struct {
    uint64_t number;
    hy_str_t *value; /* NULL: removed */
} number_row_t;

typedef struct {
    hy_dict_t texts;
    number_row_t *numbers; /* from `first` to `end` */
    size_t first, end, room;
} rows_t;

typedef struct {
    hy_str_t *key; /* first, for the dictionary: the owner */
    rows_t *tables[HY_TABLE_COUNT];
} owner_t;

typedef struct {
    hy_str_t *owner, *key; /* key NULL: number */
    hy_str_t *value;       /* before; NULL: there was none */
    uint64_t number;
    hy_table_t table;
} change_t;

struct hy_disk {
    uint32_t refs;
    bool is_full, is_in_use, is_shared;
    uint64_t delay_ms;
    hy_dict_t owners;
    change_t *log;
    size_t *marks; /* where in the log the batches begin */
    size_t log_count, log_room, mark_count, mark_room;
};

typedef struct {
    hy_engine_t base; /* first */
    hy_disk_t *disk;
    size_t log_begin, mark_begin; /* of the transaction */
    bool is_sync;
} memory_t;

/* --- rows ------------------------------------------------------------------------------------- */

/* Position of the first number that is not below. */
static size_t number_at(const rows_t *t, uint64_t number) {
    size_t low = t->first, high = t->end;
    if (high > low && t->numbers[high - 1].number < number) return high; /* as a rule */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (t->numbers[mid].number < number) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static hy_str_t **find_number(rows_t *t, uint64_t number) {
    size_t i = number_at(t, number);
    return i < t->end && t->numbers[i].number == number ? &t->numbers[i].value : NULL;
}

static bool make_number_room(rows_t *t) {
    if (t->end < t->room) return true;
    if (t->first > t->room / 2) {
        t->end -= t->first;
        memmove(t->numbers, t->numbers + t->first, t->end * sizeof *t->numbers);
        t->first = 0;
        return true;
    }
    size_t room = t->room ? 2 * t->room : 8;
    number_row_t *numbers = hy_realloc(t->numbers, room * sizeof *numbers);
    if (!numbers) return false;
    t->numbers = numbers;
    t->room = room;
    return true;
}

static hy_str_t **add_number(rows_t *t, uint64_t number) {
    hy_str_t **there = find_number(t, number);
    if (there) return there;
    if (!make_number_room(t)) return NULL;
    size_t i = number_at(t, number);
    memmove(t->numbers + i + 1, t->numbers + i, (t->end++ - i) * sizeof *t->numbers);
    t->numbers[i] = (number_row_t){number, NULL};
    return &t->numbers[i].value;
}

static hy_str_t **find_text(rows_t *t, const char *key, size_t len) {
    text_row_t *row = hy_dict_find(&t->texts, key, len, hy_hash(key, len));
    return row ? &row->value : NULL;
}

static hy_str_t **add_text(rows_t *t, const char *key, size_t len) {
    hy_str_t **there = find_text(t, key, len);
    if (there) return there;
    hy_str_t *own = hy_str_new(key, len);
    text_row_t *row = own ? hy_dict_add(&t->texts, own) : NULL;
    hy_str_unref(own);
    return row ? &row->value : NULL;
}

static void free_rows(rows_t *t) {
    if (!t) return;
    uint32_t pos = 0;
    for (text_row_t *row; (row = hy_dict_next(&t->texts, &pos));)
        hy_str_unref(row->value);
    for (size_t i = t->first; i < t->end; i++)
        hy_str_unref(t->numbers[i].value);
    hy_dict_deinit(&t->texts);
    hy_free(t->numbers);
    hy_free(t);
}

static owner_t *find_owner(const hy_disk_t *d, const char *bytes, size_t len) {
    return hy_dict_find(&d->owners, bytes, len, hy_hash(bytes, len));
}

static owner_t *add_owner(hy_disk_t *d, const char *bytes, size_t len) {
    owner_t *there = find_owner(d, bytes, len);
    if (there) return there;
    hy_str_t *own = hy_str_new(bytes, len);
    owner_t *o = own ? hy_dict_add(&d->owners, own) : NULL;
    hy_str_unref(own);
    return o;
}

static rows_t *add_table(owner_t *o, hy_table_t table) {
    rows_t *t = o->tables[table];
    if (t) return t;
    t = hy_alloc_zero(sizeof *t);
    if (t) hy_dict_init(&t->texts, sizeof(text_row_t));
    return o->tables[table] = t;
}

/* --- the log ---------------------------------------------------------------------------------- */

static bool make_log_room(hy_disk_t *d) {
    if (d->log_count < d->log_room) return true;
    size_t room = d->log_room ? 2 * d->log_room : 64;
    change_t *log = hy_realloc(d->log, room * sizeof *log);
    if (!log) return false;
    d->log = log;
    d->log_room = room;
    return true;
}

static bool add_mark(hy_disk_t *d) {
    if (d->mark_count == d->mark_room) {
        size_t room = d->mark_room ? 2 * d->mark_room : 16;
        size_t *marks = hy_realloc(d->marks, room * sizeof *marks);
        if (!marks) return false;
        d->marks = marks;
        d->mark_room = room;
    }
    d->marks[d->mark_count++] = d->log_count;
    return true;
}

static hy_str_t **place_of(const hy_disk_t *d, const change_t *c, owner_t **owner) {
    *owner = find_owner(d, c->owner->bytes, c->owner->len);
    rows_t *t = *owner ? (*owner)->tables[c->table] : NULL;
    if (!t) return NULL;
    return c->key ? find_text(t, c->key->bytes, c->key->len) : find_number(t, c->number);
}

static void free_change(change_t *c) {
    hy_str_unref(c->owner);
    hy_str_unref(c->key);
    hy_str_unref(c->value);
}

/* Undoes, last first, down to that entry; the entries stay, with what was undone in them. */
static void go_back(hy_disk_t *d, size_t log_count) {
    for (size_t i = d->log_count; i > log_count; i--) {
        change_t *c = &d->log[i - 1];
        owner_t *owner;
        hy_str_t **place = place_of(d, c, &owner);
        assert(place); /* kept for this */
        hy_str_t *now = *place;
        *place = c->value;
        c->value = now;
    }
}

/* Takes out the row that was removed, and what is empty without it. */
static void sweep(hy_disk_t *d, owner_t *o, const change_t *c) {
    rows_t *t = o->tables[c->table];
    if (c->key) {
        hy_str_t *key = c->key;
        hy_dict_remove(&t->texts, hy_dict_find(&t->texts, key->bytes, key->len, hy_str_hash(key)));
    }
    while (t->first < t->end && !t->numbers[t->first].value)
        t->first++;
    while (t->end > t->first && !t->numbers[t->end - 1].value)
        t->end--;
    if (t->texts.count > 0 || t->end > t->first) return;
    free_rows(t);
    o->tables[c->table] = NULL;
    for (size_t i = 0; i < HY_TABLE_COUNT; i++) {
        if (o->tables[i]) return;
    }
    hy_dict_remove(&d->owners, o);
}

/* From here on there is no way back. */
static void forget_log(hy_disk_t *d) {
    for (size_t i = 0; i < d->log_count; i++) {
        owner_t *owner;
        hy_str_t **place = place_of(d, &d->log[i], &owner);
        if (place && !*place) sweep(d, owner, &d->log[i]);
        free_change(&d->log[i]);
    }
    d->log_count = d->mark_count = 0;
}

/* Gives a row, where it is, a value (taken over) or none. */
static int change(hy_disk_t *d, owner_t *o, hy_table_t table, hy_str_t *key, uint64_t number,
                  hy_str_t **place, hy_str_t *value) {
    if (!*place && !value) return 0;
    if (!make_log_room(d)) {
        hy_str_unref(value);
        return HY_ENOMEM;
    }
    d->log[d->log_count++] =
        (change_t){hy_str_ref(o->key), key ? hy_str_ref(key) : NULL, *place, number, table};
    *place = value;
    return 0;
}

/* --- applying --------------------------------------------------------------------------------- */

/* The key as the dictionary has it. */
static hy_str_t *key_of(hy_str_t **place) {
    return ((text_row_t *)((char *)place - offsetof(text_row_t, value)))->key;
}

/* A row that was made without getting its value is left behind without one, and found again when
 * the batch is tried again. */
static int put(hy_disk_t *d, const hy_row_t *r) {
    hy_str_t *value = hy_str_new(r->value, r->value_len);
    owner_t *o = value ? add_owner(d, r->owner, r->owner_len) : NULL;
    rows_t *t = o ? add_table(o, r->table) : NULL;
    hy_str_t **place = NULL;
    if (t) place = r->key ? add_text(t, r->key, r->key_len) : add_number(t, r->number);
    if (!place) {
        hy_str_unref(value);
        return HY_ENOMEM;
    }
    return change(d, o, r->table, r->key ? key_of(place) : NULL, r->number, place, value);
}

static int remove_numbers(hy_disk_t *d, owner_t *o, hy_table_t table, uint64_t last) {
    rows_t *t = o->tables[table];
    int code = 0;
    for (size_t i = t->first; i < t->end && t->numbers[i].number <= last && !code; i++)
        code = change(d, o, table, NULL, t->numbers[i].number, &t->numbers[i].value, NULL);
    return code;
}

static int remove_table(hy_disk_t *d, owner_t *o, hy_table_t table) {
    rows_t *t = o->tables[table];
    if (!t) return 0;
    int code = remove_numbers(d, o, table, UINT64_MAX);
    uint32_t pos = 0;
    for (text_row_t *row; !code && (row = hy_dict_next(&t->texts, &pos));)
        code = change(d, o, table, row->key, 0, &row->value, NULL);
    return code;
}

static int apply(hy_disk_t *d, const hy_op_t *op) {
    const hy_row_t *r = &op->row;
    if (op->kind == HY_OP_PUT) return put(d, r);
    owner_t *o = find_owner(d, r->owner, r->owner_len);
    if (!o) return 0;
    if (op->kind == HY_OP_REMOVE_ALL) {
        int code = 0;
        for (hy_table_t t = 0; t < HY_TABLE_COUNT && !code; t++)
            if (r->table == t || r->table == HY_TABLE_COUNT) code = remove_table(d, o, t);
        return code;
    }
    rows_t *t = o->tables[r->table];
    if (!t) return 0;
    if (op->kind == HY_OP_REMOVE_UPTO) return remove_numbers(d, o, r->table, r->number);
    hy_str_t **place = find_text(t, r->key, r->key_len);
    return place ? change(d, o, r->table, key_of(place), 0, place, NULL) : 0;
}

static int memory_begin(hy_engine_t *e, bool is_sync, hy_error_t *err) {
    memory_t *m = (memory_t *)e;
    m->log_begin = m->disk->log_count;
    m->mark_begin = m->disk->mark_count;
    m->is_sync = is_sync;
    return m->disk->is_full ? hy_fail(err, HY_EFULL, "the disk is full") : 0;
}

static int memory_apply(hy_engine_t *e, const hy_batch_t *batch, hy_error_t *err) {
    hy_disk_t *d = ((memory_t *)e)->disk;
    int code = add_mark(d) ? 0 : HY_ENOMEM;
    hy_op_t op;
    for (size_t pos = 0; !code && hy__op_next(&batch->ops, &pos, &op);)
        code = apply(d, &op);
    return code ? hy_fail(err, code, "%s", hy_error_text(code)) : 0;
}

static int memory_end(hy_engine_t *e, hy_error_t *err) {
    (void)err;
    memory_t *m = (memory_t *)e;
    if (m->is_sync || !m->disk->is_shared || m->disk->log_count > LOG_ROWS_MAX) forget_log(m->disk);
    return 0;
}

static void memory_rollback(hy_engine_t *e) {
    memory_t *m = (memory_t *)e;
    hy_disk_t *d = m->disk;
    go_back(d, m->log_begin);
    while (d->log_count > m->log_begin)
        free_change(&d->log[--d->log_count]);
    d->mark_count = m->mark_begin;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int add_row(hy_rows_t *rows, const owner_t *o, hy_table_t table, const hy_str_t *key,
                   uint64_t number, const hy_str_t *value) {
    if (!value) return 0;
    hy_op_t op = {HY_OP_PUT,
                  {.table = table,
                   .owner = o->key->bytes,
                   .owner_len = o->key->len,
                   .key = key ? key->bytes : NULL,
                   .key_len = key ? key->len : 0,
                   .number = number,
                   .value = value->bytes,
                   .value_len = value->len}};
    return hy__op_add(&rows->bytes, &op);
}

static int read_table(hy_rows_t *rows, const owner_t *o, hy_table_t table) {
    const rows_t *t = o->tables[table];
    int code = 0;
    for (size_t i = t->first; i < t->end && !code; i++)
        code = add_row(rows, o, table, NULL, t->numbers[i].number, t->numbers[i].value);
    uint32_t pos = 0;
    for (text_row_t *row; !code && (row = hy_dict_next(&t->texts, &pos));)
        code = add_row(rows, o, table, row->key, 0, row->value);
    return code;
}

static int read_owner(hy_rows_t *rows, const owner_t *o, uint32_t tables) {
    int code = 0;
    for (hy_table_t t = 0; t < HY_TABLE_COUNT && !code; t++)
        if ((tables & 1u << t) && o->tables[t]) code = read_table(rows, o, t);
    return code;
}

static int memory_read(hy_engine_t *e, uint32_t tables, const hy_str_t *owner, hy_rows_t *rows,
                       hy_error_t *err) {
    (void)err;
    const hy_disk_t *d = ((memory_t *)e)->disk;
    if (owner) {
        const owner_t *o = find_owner(d, owner->bytes, owner->len);
        return o ? read_owner(rows, o, tables) : 0;
    }
    int code = 0;
    uint32_t pos = 0;
    for (owner_t *o; !code && (o = hy_dict_next(&d->owners, &pos));)
        code = read_owner(rows, o, tables);
    return code;
}

static int memory_find(hy_engine_t *e, hy_table_t table, const hy_str_t *owner, const hy_str_t *key,
                       hy_str_t **out, hy_error_t *err) {
    (void)err;
    const owner_t *o = find_owner(((memory_t *)e)->disk, owner->bytes, owner->len);
    rows_t *t = o ? o->tables[table] : NULL;
    hy_str_t **place = t ? find_text(t, key->bytes, key->len) : NULL;
    if (!place || !*place) return HY_ENOT_FOUND;
    *out = hy_str_ref(*place);
    return 0;
}

static void memory_close(hy_engine_t *e, bool is_crash) {
    (void)is_crash;
    memory_t *m = (memory_t *)e;
    m->disk->is_in_use = false;
    hy_disk_unref(m->disk);
    hy_free(m);
}

static const hy_engine_ops_t memory = {
    memory_begin, memory_apply, memory_end,   memory_rollback,
    memory_read,  memory_find,  memory_close, NULL,
};

/* --- disks ------------------------------------------------------------------------------------ */

int hy_disk_new(hy_disk_t **out) {
    hy_disk_t *d = hy_alloc_zero(sizeof *d);
    if (!d) return HY_ENOMEM;
    d->refs = 1;
    hy_dict_init(&d->owners, sizeof(owner_t));
    *out = d;
    return 0;
}

hy_disk_t *hy_disk_ref(hy_disk_t *d) {
    d->refs++;
    return d;
}

void hy_disk_unref(hy_disk_t *d) {
    if (!d || --d->refs) return;
    forget_log(d);
    uint32_t pos = 0;
    for (owner_t *o; (o = hy_dict_next(&d->owners, &pos));) {
        for (size_t t = 0; t < HY_TABLE_COUNT; t++)
            free_rows(o->tables[t]);
    }
    hy_dict_deinit(&d->owners);
    hy_free(d->log);
    hy_free(d->marks);
    hy_free(d);
}

void hy_disk_set_delay(hy_disk_t *d, uint64_t delay_ms) {
    d->delay_ms = delay_ms;
}
void hy_disk_set_full(hy_disk_t *d, bool is_full) {
    d->is_full = is_full;
}

void hy_disk_lose_power(hy_disk_t *d, hy_random_t *random) {
    assert(!d->is_in_use);
    size_t kept = (size_t)hy_random_below(random, d->mark_count + 1);
    if (kept < d->mark_count) go_back(d, d->marks[kept]);
    forget_log(d);
}

int hy_store_open_memory(hy_clock_t *clock, const hy_log_t *log, hy_disk_t *disk,
                         hy_store_t **out) {
    if (disk && disk->is_in_use) return HY_ECONFLICT;
    memory_t *m = hy_alloc_zero(sizeof *m);
    if (!m) return HY_ENOMEM;
    hy_disk_t *own = disk ? hy_disk_ref(disk) : NULL;
    if (!own && hy_disk_new(&own)) {
        hy_free(m);
        return HY_ENOMEM;
    }
    own->is_in_use = true;
    own->is_shared = disk != NULL;
    m->base = (hy_engine_t){&memory, &own->delay_ms};
    m->disk = own;
    return hy__store_open_clocked(clock, log, "memory", disk != NULL, &m->base, out);
}
