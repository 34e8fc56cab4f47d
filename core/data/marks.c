/* Marks: which children of a creator were seen, as the highest n without a hole below it and the
 * ranges seen above the holes (PROTOCOL.md section 6). On the wire:
 *
 *      {"<creator's hyperty URL>": {"n": 5, "above": [[7, 7], [9, 12]]}}
 */
#include "marks.h"

#include "../base/mem.h"

typedef struct {
    uint64_t first, last;
} range_t;

struct hy_marks_entry {
    hy_str_t *key; /* creator */
    uint64_t n;    /* all from 1 to n were seen */
    range_t *above;
    uint32_t count, room;
};
typedef struct hy_marks_entry entry_t;

void hy_marks_init(hy_dict_t *m) {
    hy_dict_init(m, sizeof(entry_t));
}

void hy_marks_deinit(hy_dict_t *m) {
    entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(m, &pos));) {
        hy_free(e->above);
    }
    hy_dict_deinit(m);
}

static entry_t *find(const hy_dict_t *m, const hy_str_t *creator) {
    return hy_dict_find(m, creator->bytes, creator->len, hy_hash(creator->bytes, creator->len));
}

bool hy_marks_seen(const hy_dict_t *m, const hy_str_t *creator, uint64_t n) {
    const entry_t *e = find(m, creator);
    if (!e) return false;
    if (n <= e->n) return true;
    for (uint32_t i = 0; i < e->count; i++) {
        if (n >= e->above[i].first && n <= e->above[i].last) return true;
    }
    return false;
}

uint64_t hy_marks_top(const hy_dict_t *m, const hy_str_t *creator) {
    const entry_t *e = find(m, creator);
    if (!e) return 0;
    return e->count > 0 ? e->above[e->count - 1].last : e->n;
}

/* The first range joins the run from 1 once nothing is missing between them. */
static void settle(entry_t *e) {
    while (e->count > 0 && e->above[0].first <= e->n + 1) {
        if (e->above[0].last > e->n) e->n = e->above[0].last;
        e->count--;
        memmove(e->above, e->above + 1, e->count * sizeof *e->above);
    }
}

static bool grow(entry_t *e) {
    uint32_t room = e->room ? e->room * 2 : 4;
    range_t *above = hy_realloc(e->above, room * sizeof *above);
    if (!above) return false;
    e->above = above;
    e->room = room;
    return true;
}

static int add_range(entry_t *e, uint64_t first, uint64_t last) {
    uint32_t at = 0;
    while (at < e->count && e->above[at].last + 1 < first) {
        at++;
    }
    if (at < e->count && e->above[at].first <= last + 1) { /* touches that range: grow it */
        range_t *r = &e->above[at];
        if (first < r->first) r->first = first;
        if (last > r->last) r->last = last;
        while (at + 1 < e->count && e->above[at + 1].first <= r->last + 1) {
            if (e->above[at + 1].last > r->last) r->last = e->above[at + 1].last;
            e->count--;
            memmove(&e->above[at + 1], &e->above[at + 2], (e->count - at - 1) * sizeof *e->above);
        }
    } else {
        if (e->count == e->room && !grow(e)) return HY_ENOMEM;
        memmove(&e->above[at + 1], &e->above[at], (e->count - at) * sizeof *e->above);
        e->above[at] = (range_t){first, last};
        e->count++;
    }
    if (e->count > HY_MARK_RANGES_MAX)
        e->n = e->above[0].first - 1; /* the lowest hole is given up */
    settle(e);
    return 0;
}

int hy_marks_see(hy_dict_t *m, hy_str_t *creator, uint64_t first, uint64_t last) {
    bool made = false;
    entry_t *e = hy_dict_put(m, creator, &made);
    if (!e) return HY_ENOMEM;
    if (last <= e->n) return 0;
    if (first <= e->n + 1) {
        e->n = last;
        settle(e);
        return 0;
    }
    int rc = add_range(e, first, last);
    if (rc < 0 && made) hy_dict_remove(m, e);
    return rc;
}

static int write_entry(const entry_t *e, hy_value_t *out) {
    hy_node_t *mark = hy_node_new(HY_OBJECT), *above = hy_node_new(HY_ARRAY);
    int rc = mark && above ? hy_put(mark, "n", hy_int((int64_t)e->n)) : HY_ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < e->count; i++) {
        hy_node_t *pair = hy_node_new(HY_ARRAY);
        rc = pair ? hy_node_insert(pair, 0, hy_int((int64_t)e->above[i].first)) : HY_ENOMEM;
        if (rc == 0) rc = hy_node_insert(pair, 1, hy_int((int64_t)e->above[i].last));
        if (rc == 0) {
            rc = hy_node_insert(above, i, hy_node_value(pair));
        } else if (pair) {
            hy_node_unref(pair);
        }
    }
    if (rc == 0 && e->count > 0) {
        rc = hy_put(mark, "above", hy_node_value(above));
    } else if (above) {
        hy_node_unref(above);
    }
    if (rc < 0) {
        if (mark) hy_node_unref(mark);
        return rc;
    }
    *out = hy_node_value(mark);
    return 0;
}

int hy_marks_write_one(const hy_dict_t *m, const hy_str_t *creator, hy_value_t *out) {
    const entry_t *e = find(m, creator);
    return e ? write_entry(e, out) : HY_ENOT_FOUND;
}

int hy_marks_write(const hy_dict_t *m, hy_value_t *out) {
    hy_node_t *marks = hy_node_new(HY_OBJECT);
    if (!marks) return HY_ENOMEM;
    const entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(m, &pos));) {
        hy_value_t mark;
        int rc = write_entry(e, &mark);
        if (rc == 0) rc = hy_node_set(marks, e->key, mark, NULL);
        if (rc < 0) {
            hy_node_unref(marks);
            return rc;
        }
    }
    *out = hy_node_value(marks);
    return 0;
}

static int read_range(hy_dict_t *m, hy_str_t *creator, hy_value_t pair) {
    if (pair.kind != HY_ARRAY || hy_node_count(pair.as.n) != 2) return HY_EINVALID;
    hy_value_t first = hy_node_at(pair.as.n, 0), last = hy_node_at(pair.as.n, 1);
    if (first.kind != HY_INT || last.kind != HY_INT) return HY_EINVALID;
    if (first.as.i < 1 || last.as.i < first.as.i) return HY_EINVALID;
    return hy_marks_see(m, creator, (uint64_t)first.as.i, (uint64_t)last.as.i);
}

static int read_entry(hy_dict_t *m, hy_str_t *creator, hy_value_t mark) {
    if (mark.kind != HY_OBJECT) return HY_EINVALID;
    int64_t n = hy_get_int(mark.as.n, "n", -1);
    hy_value_t above = hy_get(mark.as.n, "above");
    if (n < 0 || (above.kind != HY_ABSENT && above.kind != HY_ARRAY)) return HY_EINVALID;
    size_t count = above.kind == HY_ARRAY ? hy_node_count(above.as.n) : 0;
    if (count > HY_MARK_RANGES_MAX) return HY_EINVALID;
    int rc = n > 0 ? hy_marks_see(m, creator, 1, (uint64_t)n) : 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = read_range(m, creator, hy_node_at(above.as.n, i));
    }
    return rc;
}

int hy_marks_read(hy_dict_t *m, const hy_node_t *marks) {
    hy_str_t *creator;
    hy_value_t mark;
    for (uint32_t pos = 0; hy_node_next(marks, &pos, &creator, &mark);) {
        int rc = read_entry(m, creator, mark);
        if (rc < 0) return rc;
    }
    return 0;
}
