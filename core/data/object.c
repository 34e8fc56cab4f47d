/* The record of a data object and its whole form. */
#include "object.h"

#include <stdlib.h>

#include "../base/mem.h"
#include "../base/mutant.h"
#include "../loop/clock.h"
#include "snapshot.h"

/* Members of a whole answer that are not metadata. */
static const char *const not_metadata[] = {
    "data", "epoch", "version", "follows", "childrenObjects", "childMarks", "changes"};

bool hy_object_is_metadata(const hy_str_t *key) {
    for (size_t i = 0; i < sizeof not_metadata / sizeof not_metadata[0]; i++) {
        if (hy_str_is(key, not_metadata[i])) return false;
    }
    return true;
}

void hy_object_set_schema(hy_object_t *o, const hy_schema_t *schema) {
    hy_schema_use(schema);
    hy_schema_unuse(o->schema);
    o->schema = schema;
}

int hy_object_new(hy_str_t *url, const hy_schema_t *schema, hy_value_t metadata, hy_value_t data,
                  hy_object_t **out) {
    hy_object_t *o = hy_alloc_zero(sizeof *o);
    hy_node_t *root = data.kind == HY_ABSENT ? hy_node_new(HY_OBJECT) : data.as.n;
    bool is_complete = o && root && hy_is_node(metadata);
    int rc = is_complete ? hy_children_new(&o->children) : HY_ENOMEM;
    if (rc < 0) {
        hy_free(o);
        hy_value_drop(metadata);
        if (root) hy_node_unref(root);
        return rc;
    }
    o->url = hy_str_ref(url);
    hy_object_set_schema(o, schema);
    o->metadata = metadata.as.n;
    o->data = root;
    hy_history_init(&o->history);
    hy_link_init(&o->snapshots);
    *out = o;
    return 0;
}

void hy_object_free(hy_object_t *o) {
    if (!o) return;
    hy__snapshots_fail(o);
    hy_object_set_schema(o, NULL);
    hy_history_deinit(&o->history);
    hy_children_free(o->children);
    hy_node_unref(o->metadata);
    hy_node_unref(o->data);
    hy_str_unref(o->url);
    hy_str_unref(o->epoch);
    hy_str_unref(o->follows_epoch);
    hy_free(o);
}

static void set_str(hy_str_t **to, hy_str_t *s) {
    if (s) hy_str_ref(s);
    hy_str_unref(*to);
    *to = s;
}

hy_node_t *hy_object_metadata(hy_object_t *o) {
    if (o->modified_ms == 0) return o->metadata;
    char iso[25];
    hy_clock_iso(o->modified_ms, iso);
    if (hy_put(o->metadata, "lastModified", hy_text(iso)) == 0) o->modified_ms = 0;
    return o->metadata;
}

void hy_object_set_position(hy_object_t *o, hy_str_t *epoch, uint64_t version) {
    set_str(&o->epoch, epoch);
    o->version = version;
}

void hy_object_begin_epoch(hy_object_t *o, hy_str_t *epoch) {
    set_str(&o->follows_epoch, o->epoch);
    o->follows_version = o->version;
    set_str(&o->epoch, epoch);
}

typedef struct {
    const char *digits; /* of the number, without leading zeros */
    size_t digit_count;
    const char *rest;
    size_t rest_len;
} epoch_parts_t;

static epoch_parts_t split_epoch(const hy_str_t *epoch) {
    const char *at = epoch->bytes, *end = at + epoch->len;
    while (at < end && *at == '0') {
        at++;
    }
    epoch_parts_t parts = {.digits = at};
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    parts.digit_count = (size_t)(at - parts.digits);
    parts.rest = at;
    parts.rest_len = (size_t)(end - at);
    return parts;
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len) {
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    if (order != 0) return order;
    return a_len == b_len ? 0 : a_len < b_len ? -1 : 1;
}

/* By the digits, so that no number is too big. */
int hy_epoch_compare(const hy_str_t *a, const hy_str_t *b) {
    if (hy_str_equal(a, b)) return 0; /* as a rule the very same string */
    epoch_parts_t x = split_epoch(a), y = split_epoch(b);
    if (x.digit_count != y.digit_count) return x.digit_count < y.digit_count ? -1 : 1;
    int order = memcmp(x.digits, y.digits, x.digit_count);
    if (order == 0) order = compare_bytes(x.rest, x.rest_len, y.rest, y.rest_len);
    return order ? order : compare_bytes(a->bytes, a->len, b->bytes, b->len);
}

hy_str_t *hy_epoch_after(const hy_str_t *before, uint32_t random) {
    epoch_parts_t parts = {.digits = ""};
    if (before) parts = split_epoch(before);
    hy_buf_t b;
    hy_buf_init(&b);
    size_t nines = 0;
    while (nines < parts.digit_count && parts.digits[parts.digit_count - 1 - nines] == '9') {
        nines++;
    }
    if (nines == parts.digit_count) {
        hy_buf_char(&b, '1');
    } else {
        hy_buf_add(&b, parts.digits, parts.digit_count - nines - 1);
        hy_buf_char(&b, (char)(parts.digits[parts.digit_count - nines - 1] + 1));
    }
    for (size_t i = 0; i < nines; i++)
        hy_buf_char(&b, '0');
    hy_buf_format(&b, "-%08x", random);
    return hy_buf_take(&b);
}

/* --- out -------------------------------------------------------------------------------------- */

static hy_value_t lend(hy_node_t *n) {
    return (hy_value_t){.kind = hy_node_kind(n), .as.n = n};
}

int hy_object_put_position(const hy_object_t *o, hy_node_t *into) {
    int rc = hy_put(into, "version", hy_int((int64_t)o->version));
    if (rc == 0 && o->epoch) rc = hy_put(into, "epoch", hy_string(hy_str_ref(o->epoch)));
    if (rc < 0 || !o->follows_epoch) return rc;
    hy_node_t *follows = hy_node_new(HY_OBJECT);
    if (!follows) return HY_ENOMEM;
    rc = hy_put(follows, "epoch", hy_string(hy_str_ref(o->follows_epoch)));
    if (rc == 0) rc = hy_put(follows, "version", hy_int((int64_t)o->follows_version));
    if (rc == 0) return hy_put(into, "follows", hy_node_value(follows));
    hy_node_unref(follows);
    return rc;
}

static int put_children(const hy_object_t *o, hy_node_t *into) {
    hy_value_t objects, marks;
    int rc = hy_children_write(o->children, &objects, &marks);
    if (rc < 0) return rc;
    rc = hy_put(into, "childrenObjects", objects);
    if (rc < 0) {
        hy_value_drop(marks);
        return rc;
    }
    return hy_put(into, "childMarks", marks);
}

/* The members that are metadata, as an object. */
static int copy_metadata(const hy_node_t *from, hy_node_t **out) {
    hy_node_t *metadata = hy_node_new(HY_OBJECT);
    if (!metadata) return HY_ENOMEM;
    hy_str_t *key;
    hy_value_t v, copy;
    for (uint32_t pos = 0; hy_node_next(from, &pos, &key, &v);) {
        if (!hy_object_is_metadata(key)) continue;
        int rc = hy_value_copy(v, &copy);
        if (rc == 0) rc = hy_node_set(metadata, key, copy, NULL);
        if (rc < 0) {
            hy_node_unref(metadata);
            return rc;
        }
    }
    *out = metadata;
    return 0;
}

int hy_object_whole(hy_object_t *o, hy_value_t *out) {
    hy_value_t data;
    hy_node_t *whole;
    int rc = copy_metadata(hy_object_metadata(o), &whole);
    if (rc < 0) return rc;
    rc = hy_value_copy(lend(o->data), &data);
    if (rc == 0) rc = hy_put(whole, "data", data);
    if (rc == 0) rc = hy_object_put_position(o, whole);
    if (rc == 0) rc = put_children(o, whole);
    if (rc < 0) {
        hy_node_unref(whole);
        return rc;
    }
    *out = hy_node_value(whole);
    return 0;
}

/* A position of this epoch, or of the one before that lies on the way here. */
static bool is_on_the_way(const hy_object_t *o, const hy_str_t *epoch, int64_t version) {
    if (!epoch || !o->epoch || version < 0) return false;
    if (HY_MUTANT(SINCE_ANY_EPOCH)) return true;
    if (hy_str_equal(epoch, o->epoch)) return true;
    return o->follows_epoch && hy_str_equal(epoch, o->follows_epoch) &&
           (uint64_t)version <= o->follows_version;
}

int hy_object_since(const hy_object_t *o, const hy_node_t *since, hy_value_t *out) {
    int64_t version = hy_get_int(since, "version", -1);
    if (!is_on_the_way(o, hy_get_str(since, "epoch"), version)) return HY_ENOT_FOUND;
    hy_value_t changes;
    int rc = hy_history_since(&o->history, (uint64_t)version, o->version, &changes);
    if (rc < 0) return rc;
    hy_node_t *answer = hy_node_new(HY_OBJECT);
    if (!answer) {
        hy_value_drop(changes);
        return HY_ENOMEM;
    }
    rc = hy_put(answer, "changes", changes);
    if (rc == 0) rc = hy_object_put_position(o, answer);
    if (rc < 0) {
        hy_node_unref(answer);
        return rc;
    }
    *out = hy_node_value(answer);
    return 0;
}

/* --- in --------------------------------------------------------------------------------------- */

int hy_object_check_whole(const hy_node_t *whole, hy_error_t *err) {
    hy_value_t data = hy_get(whole, "data"), objects = hy_get(whole, "childrenObjects");
    hy_value_t marks = hy_get(whole, "childMarks");
    if (!hy_is_node(data)) return hy_fail(err, HY_EINVALID, "malformed object: no \"data\"");
    if (hy_value_depth(data) > HY_VALUE_DEPTH_MAX)
        return hy_fail(err, HY_ETOO_LARGE, "object: nesting deeper than %u", HY_VALUE_DEPTH_MAX);
    int64_t version = hy_get_int(whole, "version", -1);
    if (!hy_get_str(whole, "epoch") || version < 0 || version > HY_VERSION_MAX)
        return hy_fail(err, HY_EINVALID, "malformed object: no position");
    if (hy_get_str(whole, "epoch")->len > HY_NAME_BYTES_MAX)
        return hy_fail(err, HY_EINVALID, "malformed object: an epoch of more than %u bytes",
                       HY_NAME_BYTES_MAX);
    if ((objects.kind != HY_ABSENT && objects.kind != HY_OBJECT) ||
        (marks.kind != HY_ABSENT && marks.kind != HY_OBJECT))
        return hy_fail(err, HY_EINVALID, "malformed object: children of a wrong type");
    return 0;
}

static int load_metadata(hy_object_t *o, const hy_node_t *wanted) {
    hy_change_t *change = hy_change_new();
    int rc = change ? hy_change_diff(change, o->metadata, wanted) : HY_ENOMEM;
    if (rc == 0) rc = hy_change_apply(change, o->metadata, NULL, NULL);
    if (rc == 0) o->modified_ms = 0;
    hy_change_unref(change);
    return rc;
}

void hy_object_set_follows(hy_object_t *o, hy_str_t *epoch, int64_t version) {
    set_str(&o->follows_epoch, epoch);
    o->follows_version = version > 0 ? (uint64_t)version : 0;
}

/* `*out` NULL if nothing differs. */
static int load_data(hy_object_t *o, const hy_node_t *wanted, hy_change_t **out,
                     hy_effect_t **effects, hy_error_t *err) {
    *out = NULL;
    *effects = NULL;
    hy_change_t *change = hy_change_new();
    if (!change) return HY_ENOMEM;
    int rc = hy_change_diff(change, o->data, wanted);
    hy_effect_t *list = rc == 0 ? hy_alloc_zero((change->count + 1) * sizeof *list) : NULL;
    if (rc == 0 && !list) rc = HY_ENOMEM;
    if (rc == 0) rc = hy_change_apply(change, o->data, list, err);
    if (rc < 0 || change->count == 0) {
        hy_free(list);
        hy_change_unref(change);
        return rc;
    }
    change->is_batch = change->count > 1;
    *out = change;
    *effects = list;
    return 0;
}

static void unload_data(hy_object_t *o, hy_change_t *change, hy_effect_t *effects) {
    for (uint32_t i = change ? change->count : 0; i-- > 0;) {
        hy_effect_undo(o->data, &effects[i]);
    }
    hy_free(effects);
    hy_change_unref(change);
}

int hy_object_take(hy_object_t *o, hy_object_t *from, hy_change_t **data_change,
                   hy_effect_t **effects, hy_child_difference_cb event, void *arg,
                   hy_error_t *err) {
    hy_change_t *change;
    hy_effect_t *list;
    *data_change = NULL;
    *effects = NULL;
    hy__snapshots_fail(o); /* there are none in what is loaded, as a rule */
    int rc = load_data(o, from->data, &change, &list, err);
    if (rc < 0) return rc;
    rc = hy_children_take(o->children, from->children, event, arg, err);
    if (rc == 0) rc = load_metadata(o, from->metadata);
    if (rc < 0) {
        unload_data(o, change, list);
        return rc;
    }
    hy_object_set_position(o, from->epoch, from->version);
    hy_object_set_follows(o, from->follows_epoch, (int64_t)from->follows_version);
    if (change) change->version = o->version;
    *data_change = change;
    *effects = list;
    return 0;
}

/* `data` is taken over, also on failure. */
static int make(hy_str_t *url, const hy_schema_t *schema, const hy_node_t *whole, hy_value_t data,
                hy_object_t **out, hy_error_t *err) {
    hy_node_t *metadata;
    int rc = copy_metadata(whole, &metadata);
    if (rc < 0) {
        hy_value_drop(data);
        return rc;
    }
    hy_object_t *o;
    rc = hy_object_new(url, schema, hy_node_value(metadata), data, &o);
    if (rc < 0) return rc;
    const hy_node_t *follows = hy_get_object(whole, "follows");
    hy_object_set_position(o, hy_get_str(whole, "epoch"),
                           (uint64_t)hy_get_int(whole, "version", 0));
    hy_object_set_follows(o, hy_get_str(follows, "epoch"), hy_get_int(follows, "version", 0));
    rc = hy_children_add(o->children, hy_get_object(whole, "childrenObjects"),
                         hy_get_object(whole, "childMarks"), err);
    if (rc < 0) {
        hy_object_free(o);
        return rc;
    }
    hy__children_sort(o->children);
    *out = o;
    return 0;
}

int hy_object_from_whole(hy_str_t *url, const hy_schema_t *schema, const hy_node_t *whole,
                         hy_object_t **out, hy_error_t *err) {
    hy_value_t data;
    int rc = hy_value_copy(hy_get(whole, "data"), &data);
    return rc < 0 ? rc : make(url, schema, whole, data, out, err);
}

int hy_object_load(hy_object_t *o, const hy_node_t *whole, hy_change_t **data_change,
                   hy_effect_t **effects, hy_child_difference_cb event, void *arg,
                   hy_error_t *err) {
    hy_object_t *from;
    hy_value_t data = hy_get(whole, "data"); /* lent: nobody writes in it */
    *data_change = NULL;
    *effects = NULL;
    hy_node_ref(data.as.n);
    int rc = make(o->url, NULL, whole, data, &from, err);
    if (rc < 0) return rc;
    rc = hy_object_take(o, from, data_change, effects, event, arg, err);
    hy_object_free(from);
    return rc;
}
