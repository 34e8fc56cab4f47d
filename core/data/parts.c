/* Collecting parts. Children are made as their part arrives, so that the end has little to do; data
 * is put together in the order of the parts, and waits where one before is missing. */
#include "parts.h"

#include "../base/mem.h"

struct hy_parts {
    hy_str_t *url;
    hy_object_t *object; /* NULL: nothing of a state is here */
    uint32_t count, total;
    size_t bytes;
    bool *taken;
    hy_node_t **data; /* that wait for those before */
    uint32_t next;    /* the first part whose data is not in */
    bool is_rooted;
};

bool hy_parts_is_part(const hy_node_t *carrier) {
    return hy_get(carrier, "responses").kind == HY_INT &&
           hy_get(carrier, "value").kind == HY_OBJECT;
}

int hy_parts_new(hy_str_t *url, hy_parts_t **out) {
    hy_parts_t *p = hy_alloc_zero(sizeof *p);
    if (!p) return HY_ENOMEM;
    p->url = hy_str_ref(url);
    *out = p;
    return 0;
}

static void forget(hy_parts_t *p) {
    for (uint32_t i = 0; p->data && i < p->total; i++) {
        if (p->data[i]) hy_node_unref(p->data[i]);
    }
    hy_free(p->data);
    hy_free(p->taken);
    hy_object_free(p->object);
    *p = (hy_parts_t){.url = p->url};
}

void hy_parts_free(hy_parts_t *p) {
    if (!p) return;
    forget(p);
    hy_str_unref(p->url);
    hy_free(p);
}

/* --- data ------------------------------------------------------------------------------------- */

static int fail_pair(hy_error_t *err) {
    return hy_fail(err, HY_EINVALID,
                   "malformed part: \"data\" has no pairs that follow each other");
}

/* An index of an array that has it, or its end; SIZE_MAX: neither. */
static size_t index_of(const hy_node_t *array, const char *key, size_t len) {
    size_t n = 0, count = hy_node_count(array);
    if (len == 0 || len > 18 || (len > 1 && key[0] == '0')) return SIZE_MAX;
    for (size_t i = 0; i < len; i++) {
        if (key[i] < '0' || key[i] > '9') return SIZE_MAX;
        n = n * 10 + (size_t)(key[i] - '0');
    }
    return n <= count ? n : SIZE_MAX;
}

/* The node at that key; NULL if there is none. */
static hy_node_t *inner_node(const hy_node_t *n, const char *key, size_t len) {
    bool is_array = hy_node_kind(n) == HY_ARRAY;
    size_t i = is_array ? index_of(n, key, len) : 0;
    hy_value_t v = is_array ? hy_node_at(n, i) : hy_node_get(n, key, len);
    return hy_is_node(v) ? v.as.n : NULL;
}

/* `v` is taken over. */
static int set_member(hy_node_t *n, const char *key, size_t len, hy_value_t v, hy_error_t *err) {
    if (hy_node_kind(n) == HY_ARRAY) {
        size_t i = index_of(n, key, len);
        if (i != SIZE_MAX)
            return i < hy_node_count(n) ? hy_node_put(n, i, v, NULL) : hy_node_insert(n, i, v);
        hy_value_drop(v);
        return fail_pair(err);
    }
    hy_str_t *name = hy_str_new(key, len);
    int rc = HY_ENOMEM;
    if (name) {
        rc = hy_node_set(n, name, v, NULL);
    } else {
        hy_value_drop(v);
    }
    hy_str_unref(name);
    return rc;
}

typedef struct {
    hy_node_t *node; /* reached so far */
    const char *key; /* the last key, not followed yet; NULL: none */
    size_t len;
    unsigned depth;
} place_t;

static int follow(place_t *at, const char *key, size_t len, hy_error_t *err) {
    if (at->key) at->node = inner_node(at->node, at->key, at->len);
    if (!at->node || ++at->depth > HY_PATH_STEPS_MAX) return fail_pair(err);
    at->key = key;
    at->len = len;
    return 0;
}

static int follow_joined(place_t *at, const hy_str_t *path, hy_error_t *err) {
    const char *key = path->bytes, *end = path->bytes + path->len;
    for (;;) {
        const char *dot = memchr(key, '.', (size_t)(end - key));
        int rc = follow(at, key, (size_t)((dot ? dot : end) - key), err);
        if (rc < 0 || !dot) return rc;
        key = dot + 1;
    }
}

static int follow_path(place_t *at, hy_value_t path, hy_error_t *err) {
    if (path.kind == HY_STR) return follow_joined(at, path.as.s, err);
    if (path.kind != HY_ARRAY) return fail_pair(err);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < hy_node_count(path.as.n); i++) {
        hy_value_t key = hy_node_at(path.as.n, i);
        rc = key.kind == HY_STR ? follow(at, key.as.s->bytes, key.as.s->len, err) : fail_pair(err);
    }
    return rc;
}

static int set_root(hy_parts_t *p, hy_value_t v, hy_error_t *err) {
    hy_value_t copy;
    if (p->is_rooted || !hy_is_node(v)) return fail_pair(err);
    if (hy_value_depth(v) > HY_VALUE_DEPTH_MAX)
        return hy_fail(err, HY_ETOO_LARGE, "object: nesting deeper than %u", HY_VALUE_DEPTH_MAX);
    int rc = hy_value_copy(v, &copy);
    if (rc < 0) return rc;
    hy_node_unref(p->object->data);
    p->object->data = copy.as.n;
    p->is_rooted = true;
    return 0;
}

static int take_pair(hy_parts_t *p, hy_value_t pair, hy_error_t *err) {
    place_t at = {.node = p->object->data};
    hy_value_t v, path;
    if (pair.kind != HY_ARRAY || hy_node_count(pair.as.n) != 2) return fail_pair(err);
    path = hy_node_at(pair.as.n, 0);
    int rc = follow_path(&at, path, err);
    if (rc < 0) return rc;
    hy_value_t value = hy_node_at(pair.as.n, 1);
    if (!at.key) return set_root(p, value, err);
    if (!p->is_rooted) return fail_pair(err);
    if (at.depth + hy_value_depth(value) > HY_VALUE_DEPTH_MAX)
        return hy_fail(err, HY_ETOO_LARGE, "object: nesting deeper than %u", HY_VALUE_DEPTH_MAX);
    rc = hy_value_copy(value, &v);
    return rc < 0 ? rc : set_member(at.node, at.key, at.len, v, err);
}

static int take_data(hy_parts_t *p, hy_node_t *data, hy_error_t *err) {
    if (hy_node_kind(data) == HY_OBJECT)
        return set_root(p, (hy_value_t){.kind = HY_OBJECT, .as.n = data}, err);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < hy_node_count(data); i++) {
        rc = take_pair(p, hy_node_at(data, i), err);
    }
    return rc;
}

static int take_waiting(hy_parts_t *p, hy_error_t *err) {
    int rc = 0;
    for (; rc == 0 && p->next < p->total && p->taken[p->next]; p->next++) {
        hy_node_t *data = p->data[p->next];
        p->data[p->next] = NULL;
        if (!data) continue;
        rc = take_data(p, data, err);
        hy_node_unref(data);
    }
    return rc;
}

/* --- parts ------------------------------------------------------------------------------------ */

static int begin(hy_parts_t *p, uint32_t total, hy_str_t *epoch, uint64_t version) {
    hy_value_t metadata = hy_node_value(hy_node_new(HY_OBJECT));
    if (metadata.kind == HY_ABSENT) return HY_ENOMEM;
    int rc = hy_object_new(p->url, NULL, metadata, hy_absent(), &p->object);
    if (rc < 0) return rc;
    p->taken = hy_alloc_zero(total * sizeof *p->taken);
    p->data = hy_alloc_zero(total * sizeof(hy_node_t *));
    if (!p->taken || !p->data) return HY_ENOMEM;
    p->total = total;
    hy_object_set_position(p->object, epoch, version);
    return 0;
}

static int take_metadata(hy_parts_t *p, const hy_node_t *value) {
    hy_str_t *key;
    hy_value_t v, copy;
    for (uint32_t pos = 0; hy_node_next(value, &pos, &key, &v);) {
        if (!hy_object_is_metadata(key)) continue;
        int rc = hy_value_copy(v, &copy);
        if (rc == 0) rc = hy_node_set(p->object->metadata, key, copy, NULL);
        if (rc < 0) return rc;
    }
    const hy_node_t *follows = hy_get_object(value, "follows");
    if (follows)
        hy_object_set_follows(p->object, hy_get_str(follows, "epoch"),
                              hy_get_int(follows, "version", 0));
    return 0;
}

static int take_value(hy_parts_t *p, uint32_t i, const hy_node_t *value, hy_error_t *err) {
    hy_value_t data = hy_get(value, "data");
    hy_value_t objects = hy_get(value, "childrenObjects"), marks = hy_get(value, "childMarks");
    if ((data.kind != HY_ABSENT && !hy_is_node(data)) ||
        (objects.kind != HY_ABSENT && objects.kind != HY_OBJECT) ||
        (marks.kind != HY_ABSENT && marks.kind != HY_OBJECT))
        return hy_fail(err, HY_EINVALID, "malformed part: members of a wrong type");
    p->bytes += hy_value_bytes((hy_value_t){.kind = HY_OBJECT, .as.n = (hy_node_t *)value});
    if (p->bytes > HY_PARTS_BYTES_MAX)
        return hy_fail(err, HY_ETOO_LARGE, "an object of more than %u bytes in parts",
                       HY_PARTS_BYTES_MAX);
    p->taken[i] = true;
    p->count++;
    if (hy_is_node(data)) p->data[i] = hy_node_ref(data.as.n);
    int rc = take_metadata(p, value);
    if (rc == 0)
        rc = hy_children_add(p->object->children, objects.kind == HY_OBJECT ? objects.as.n : NULL,
                             marks.kind == HY_OBJECT ? marks.as.n : NULL, err);
    return rc < 0 ? rc : take_waiting(p, err);
}

/* Below 0: of a state below the one that is collected. */
static int compare_state(const hy_parts_t *p, const hy_str_t *epoch, uint64_t version) {
    int order = hy_epoch_compare(epoch, p->object->epoch);
    if (order == 0 && version != p->object->version) order = version < p->object->version ? -1 : 1;
    return order;
}

static int take(hy_parts_t *p, const hy_node_t *carrier, hy_error_t *err) {
    const hy_node_t *value = hy_get_object(carrier, "value");
    int64_t total = hy_get_int(carrier, "responses", 0);
    bool is_numbered = hy_get(carrier, "part").kind != HY_ABSENT;
    int64_t part = is_numbered ? hy_get_int(carrier, "part", 0) : (int64_t)p->count + 1;
    int64_t version = hy_get_int(value, "version", -1);
    hy_str_t *epoch = hy_get_str(value, "epoch");
    if (total > HY_PARTS_MAX)
        return hy_fail(err, HY_ETOO_LARGE, "an object in more than %u parts", HY_PARTS_MAX);
    bool is_position = version >= 0 && version <= HY_VERSION_MAX && epoch;
    if (total < 1 || part < 1 || part > total || !is_position || epoch->len > HY_NAME_BYTES_MAX)
        return hy_fail(err, HY_EINVALID, "malformed part: number or position is wrong");
    int order = p->object ? compare_state(p, epoch, (uint64_t)version) : 1;
    if (order < 0) return 0;
    if (order == 0 && total != p->total)
        return hy_fail(err, HY_EINVALID, "parts of one state that differ in how many they are");
    if (order > 0) {
        forget(p);
        int rc = begin(p, (uint32_t)total, epoch, (uint64_t)version);
        if (rc < 0) return rc;
    }
    return p->taken[part - 1] ? 0 : take_value(p, (uint32_t)(part - 1), value, err);
}

int hy_parts_take(hy_parts_t *p, const hy_node_t *carrier, hy_error_t *err) {
    int rc = take(p, carrier, err);
    if (rc < 0) forget(p);
    return rc;
}

bool hy_parts_is_complete(const hy_parts_t *p) {
    return p->total > 0 && p->count == p->total;
}
uint32_t hy_parts_count(const hy_parts_t *p) {
    return p->count;
}
hy_str_t *hy_parts_epoch(const hy_parts_t *p) {
    return p->object ? p->object->epoch : NULL;
}
uint64_t hy_parts_version(const hy_parts_t *p) {
    return p->object ? p->object->version : 0;
}

int hy_parts_missing(const hy_parts_t *p, uint32_t count, hy_value_t *out) {
    hy_node_t *list = hy_node_new(HY_ARRAY);
    if (!list) return HY_ENOMEM;
    for (uint32_t i = p->next; i < p->total && hy_node_count(list) < count; i++) {
        if (p->taken[i]) continue;
        int rc = hy_node_insert(list, hy_node_count(list), hy_int((int64_t)i + 1));
        if (rc < 0) {
            hy_node_unref(list);
            return rc;
        }
    }
    *out = hy_node_value(list);
    return 0;
}

int hy_parts_finish(hy_parts_t *p, hy_object_t **out, hy_error_t *err) {
    if (!hy_parts_is_complete(p) || !p->is_rooted)
        return hy_fail(err, HY_EINVALID, "malformed object in parts: no \"data\"");
    hy__children_sort(p->object->children);
    *out = p->object;
    p->object = NULL;
    return 0;
}
