/* Values as JSON Schema sees them: a number is what it counts, not how it is kept. */
#include "rules_private.h"

#include "../base/mem.h"

#include <math.h>

/* In what is cheap: HY__CHEAP_A_STEP of it are a step. */
enum { ITEM_COST = 8, MEMBER_COST = 20, HASH_COST = 20, BYTES_A_UNIT = 16 };

/* A double without fraction that a 64-bit integer can say. */
static bool is_whole(double r) {
    return r >= -0x1p63 && r < 0x1p63 && r == floor(r);
}

/* The double may be far away, or between two integers. */
static int compare_mixed(int64_t i, double r) {
    if (r >= 0x1p63) return -1;
    if (r < -0x1p63) return 1;
    double down = floor(r);
    int64_t whole = (int64_t)down;
    if (i != whole) return i < whole ? -1 : 1;
    return r > down ? -1 : 0;
}

int hy__rules_compare(hy_value_t a, hy_value_t b) {
    if (a.kind == HY_INT && b.kind == HY_INT) return (a.as.i > b.as.i) - (a.as.i < b.as.i);
    if (a.kind == HY_REAL && b.kind == HY_REAL) return (a.as.r > b.as.r) - (a.as.r < b.as.r);
    return a.kind == HY_INT ? compare_mixed(a.as.i, b.as.r) : -compare_mixed(b.as.i, a.as.r);
}

static bool is_number(hy_value_t v) {
    return v.kind == HY_INT || v.kind == HY_REAL;
}

/* Of what may be spent. False: that was all. */
static bool spend(uint64_t *left, uint64_t cost) {
    *left = *left > cost ? *left - cost : 0;
    return *left > 0;
}

static bool equal_objects(const hy_node_t *a, const hy_node_t *b, uint64_t *left) {
    hy_str_t *key;
    hy_value_t v;
    for (uint32_t pos = 0; hy_node_next(a, &pos, &key, &v);) {
        hy_value_t other = hy_node_find(b, key);
        if (!spend(left, MEMBER_COST)) return false;
        if (other.kind == HY_ABSENT || !hy__rules_equal_in(v, other, left)) return false;
    }
    return true;
}

static bool equal_arrays(const hy_node_t *a, const hy_node_t *b, uint64_t *left) {
    for (size_t i = 0; i < hy_node_count(a); i++) {
        if (!spend(left, ITEM_COST) ||
            !hy__rules_equal_in(hy_node_at(a, i), hy_node_at(b, i), left))
            return false;
    }
    return true;
}

bool hy__rules_equal_in(hy_value_t a, hy_value_t b, uint64_t *left) {
    if (!spend(left, 1)) return false;
    if (is_number(a) && is_number(b)) return hy__rules_compare(a, b) == 0;
    if (a.kind != b.kind) return false;
    switch (a.kind) {
    case HY_BOOL:
        return a.as.b == b.as.b;
    case HY_STR:
        return a.as.s->len == b.as.s->len && spend(left, a.as.s->len / BYTES_A_UNIT) &&
               hy_str_equal(a.as.s, b.as.s);
    case HY_OBJECT:
        return hy_node_count(a.as.n) == hy_node_count(b.as.n) &&
               equal_objects(a.as.n, b.as.n, left);
    case HY_ARRAY:
        return hy_node_count(a.as.n) == hy_node_count(b.as.n) && equal_arrays(a.as.n, b.as.n, left);
    default:
        return true;
    }
}

bool hy__rules_equal(hy_value_t a, hy_value_t b) {
    uint64_t left = UINT64_MAX;
    return hy__rules_equal_in(a, b, &left);
}

static uint32_t mix(uint32_t hash, uint32_t more) {
    uint32_t pair[2] = {hash, more};
    return hy_hash((const char *)pair, sizeof pair);
}

static uint32_t hash_bytes(uint32_t kind, const void *bytes, size_t len) {
    return mix(kind, hy_hash(bytes, len));
}

static uint32_t hash_value(hy_value_t v, uint64_t *left);

static uint32_t hash_object(const hy_node_t *n, uint64_t *left) {
    uint32_t sum = 0; /* whatever the order */
    hy_str_t *key;
    hy_value_t v;
    for (uint32_t pos = 0; *left > 0 && hy_node_next(n, &pos, &key, &v);)
        sum += mix(hy_str_hash(key), hash_value(v, left));
    return mix(HY_OBJECT, sum);
}

static uint32_t hash_array(const hy_node_t *n, uint64_t *left) {
    uint32_t hash = HY_ARRAY;
    for (size_t i = 0; *left > 0 && i < hy_node_count(n); i++)
        hash = mix(hash, hash_value(hy_node_at(n, i), left));
    return mix(HY_ARRAY, hash);
}

static uint32_t hash_value(hy_value_t v, uint64_t *left) {
    spend(left, HASH_COST);
    if (v.kind == HY_REAL && is_whole(v.as.r)) v = hy_int((int64_t)v.as.r);
    switch (v.kind) {
    case HY_BOOL:
        return mix(HY_BOOL, v.as.b);
    case HY_INT:
        return hash_bytes(HY_INT, &v.as.i, sizeof v.as.i);
    case HY_REAL:
        return hash_bytes(HY_REAL, &v.as.r, sizeof v.as.r);
    case HY_STR:
        return mix(HY_STR, hy_str_hash(v.as.s));
    case HY_OBJECT:
        return hash_object(v.as.n, left);
    case HY_ARRAY:
        return hash_array(v.as.n, left);
    default:
        return mix(v.kind, 0);
    }
}

uint32_t hy__rules_hash(hy_value_t v) {
    uint64_t left = UINT64_MAX;
    return hash_value(v, &left);
}

/* --- tables ----------------------------------------------------------------------------------- */

hy__table_t *hy__table_new(size_t count) {
    size_t room = 16;
    if (count > UINT32_MAX / 4) return NULL;
    while (room < 2 * count)
        room *= 2;
    hy__table_t *t = hy_alloc_zero(sizeof *t + room * sizeof *t->slots);
    if (t) t->mask = (uint32_t)room - 1;
    return t;
}

size_t hy__table_find_in(hy__table_t *t, const hy_node_t *array, hy_value_t v, size_t add,
                         uint64_t *left) {
    uint32_t at = hash_value(v, left) & t->mask;
    for (; *left > 0 && t->slots[at]; at = (at + 1) & t->mask) {
        if (hy__rules_equal_in(v, hy_node_at(array, t->slots[at] - 1), left))
            return t->slots[at] - 1;
    }
    if (add != SIZE_MAX && *left > 0) t->slots[at] = (uint32_t)add + 1;
    return SIZE_MAX;
}

size_t hy__table_find(hy__table_t *t, const hy_node_t *array, hy_value_t v, size_t add) {
    uint64_t left = UINT64_MAX;
    return hy__table_find_in(t, array, v, add, &left);
}
