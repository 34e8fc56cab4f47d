/* Digests of values. The text of the value is written whole, with sorted keys, and hashed: what is
 * digested are documents, which are bounded. */
#include "digest.h"

#include "json.h"
#include "mem.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

typedef struct {
    hy_str_t *key;
    hy_value_t value;
} member_t;

static int compare_members(const void *a, const void *b) {
    const hy_str_t *x = ((const member_t *)a)->key, *y = ((const member_t *)b)->key;
    int order = memcmp(x->bytes, y->bytes, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static void write_sorted(hy_buf_t *b, hy_value_t v);

static void write_object(hy_buf_t *b, const hy_node_t *object) {
    size_t count = 0;
    member_t *members = hy_alloc((hy_node_count(object) + 1) * sizeof *members);
    if (!members) {
        b->failed = true;
        return;
    }
    uint32_t pos = 0;
    while (hy_node_next(object, &pos, &members[count].key, &members[count].value))
        count++;
    qsort(members, count, sizeof *members, compare_members);
    hy_buf_char(b, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) hy_buf_char(b, ',');
        hy_json_write_str(b, members[i].key->bytes, members[i].key->len);
        hy_buf_char(b, ':');
        write_sorted(b, members[i].value);
    }
    hy_buf_char(b, '}');
    hy_free(members);
}

static void write_sorted(hy_buf_t *b, hy_value_t v) {
    if (v.kind == HY_OBJECT) {
        write_object(b, v.as.n);
    } else if (v.kind == HY_ARRAY) {
        hy_buf_char(b, '[');
        for (size_t i = 0; i < hy_node_count(v.as.n); i++) {
            if (i > 0) hy_buf_char(b, ',');
            write_sorted(b, hy_node_at(v.as.n, i));
        }
        hy_buf_char(b, ']');
    } else {
        hy_json_write(b, v);
    }
}

hy_str_t *hy_digest(hy_value_t v, size_t *bytes) {
    hy_buf_t text;
    hy_buf_init(&text);
    write_sorted(&text, v);
    hy_str_t *digest = NULL;
    if (!text.failed) {
        XXH128_hash_t hash = XXH3_128bits(text.bytes, text.len);
        digest = hy_str_format("%016llx%016llx", (unsigned long long)hash.high64,
                               (unsigned long long)hash.low64);
        if (bytes) *bytes = text.len;
    }
    hy_buf_deinit(&text);
    return digest;
}
