/* Changes on the wire (PROTOCOL.md section 5, Change).
 *
 * Text is written from the record directly. The value form of the body, which only interceptors and
 * traces ask for, is read back from that text, so that the wire form is told in one place. Reading
 * is strict about kinds: a field of a wrong kind would silently mean another change. */
#include "../base/json.h"
#include "../loop/clock.h"
#include "change.h"

/* --- writing ---------------------------------------------------------------------------------- */

void hy_path_write(hy_buf_t *b, const hy_step_t *steps, uint32_t count, int64_t base) {
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) hy_buf_char(b, '.');
        if (steps[i].key) {
            hy_buf_add(b, steps[i].key->bytes, steps[i].key->len);
        } else {
            hy_buf_int(b, steps[i].index + base);
        }
    }
}

/* A key with a dot in it, or an empty one, cannot be told in a joined path. */
static bool fits_joined(const hy_op_t *op) {
    for (uint32_t i = 0; i < op->step_count; i++) {
        const hy_str_t *key = op->steps[i].key;
        if (key && (key->len == 0 || memchr(key->bytes, '.', key->len))) return false;
    }
    return op->step_count > 0;
}

static void write_attribute(hy_buf_t *b, const hy_op_t *op) {
    hy_buf_text(b, "\"attribute\":");
    if (fits_joined(op)) {
        hy_buf_t path;
        hy_buf_init(&path);
        hy_path_write(&path, op->steps, op->step_count, 0);
        if (path.failed) b->failed = true;
        hy_json_write_str(b, path.bytes, path.len);
        hy_buf_deinit(&path);
        return;
    }
    hy_buf_char(b, '[');
    for (uint32_t i = 0; i < op->step_count; i++) {
        if (i > 0) hy_buf_char(b, ',');
        const hy_step_t *step = &op->steps[i];
        if (step->key) {
            hy_json_write_str(b, step->key->bytes, step->key->len);
        } else {
            hy_buf_char(b, '"');
            hy_buf_int(b, step->index);
            hy_buf_char(b, '"');
        }
    }
    hy_buf_char(b, ']');
}

static void write_op(hy_buf_t *b, const hy_op_t *op) {
    write_attribute(b, op);
    if (op->kind == HY_OP_INSERT || op->kind == HY_OP_ERASE) {
        hy_buf_text(b, ",\"attributeType\":\"array\",\"operation\":");
        hy_buf_text(b, op->kind == HY_OP_INSERT ? "\"add\"" : "\"remove\"");
    }
    if (op->kind == HY_OP_REMOVE) return;
    hy_buf_text(b, ",\"value\":");
    if (op->kind == HY_OP_ERASE) {
        hy_buf_int(b, (int64_t)op->count);
    } else {
        hy_json_write(b, op->value);
    }
}

static void write_field(hy_buf_t *b, const char *name, const hy_str_t *text) {
    if (!text) return;
    hy_buf_char(b, '"');
    hy_buf_text(b, name);
    hy_buf_text(b, "\":");
    hy_json_write_str(b, text->bytes, text->len);
    hy_buf_char(b, ',');
}

void hy__change_write(const hy_payload_t *p, hy_buf_t *b) {
    const hy_change_t *c = (const hy_change_t *)p;
    hy_buf_char(b, '{');
    write_field(b, "resource", c->child);
    write_field(b, "epoch", c->epoch);
    hy_buf_text(b, "\"version\":");
    hy_buf_int(b, (int64_t)c->version);
    hy_buf_char(b, ',');
    write_field(b, "source", c->source);
    if (c->modified_ms) {
        char iso[25];
        hy_clock_iso(c->modified_ms, iso);
        hy_buf_text(b, "\"lastModified\":\"");
        hy_buf_text(b, iso);
        hy_buf_text(b, "\",");
    }
    if (c->is_metadata) hy_buf_text(b, "\"metadata\":true,");
    if (c->is_batch || c->count != 1) {
        hy_buf_text(b, "\"changes\":[");
        for (uint32_t i = 0; i < c->count; i++) {
            hy_buf_text(b, i > 0 ? ",{" : "{");
            write_op(b, &c->ops[i]);
            hy_buf_char(b, '}');
        }
        hy_buf_char(b, ']');
    } else {
        write_op(b, &c->ops[0]);
    }
    hy_buf_char(b, '}');
}

/* --- reading ---------------------------------------------------------------------------------- */

static int fail_kind(hy_error_t *err, const char *key) {
    return hy_fail(err, HY_EINVALID, "malformed update: \"%s\" is of a wrong kind", key);
}

/* A text that may be missing or null, which is then NULL; lent. */
static int read_text(const hy_node_t *from, const char *key, hy_str_t **out, hy_error_t *err) {
    hy_value_t v = hy_get(from, key);
    if (v.kind != HY_STR && v.kind != HY_ABSENT && v.kind != HY_NULL) return fail_kind(err, key);
    *out = v.kind == HY_STR ? v.as.s : NULL;
    return 0;
}

/* One more key of a path; the reference is taken over. */
static int add_step(hy_step_t *steps, uint32_t *count, hy_str_t *key, hy_error_t *err) {
    if (!key) return HY_ENOMEM;
    if (*count == HY_PATH_STEPS_MAX) {
        hy_str_unref(key);
        return hy_fail(err, HY_ETOO_LARGE, "update: a path of more than %u keys",
                       HY_PATH_STEPS_MAX);
    }
    steps[(*count)++] = (hy_step_t){.key = key};
    return 0;
}

static int read_joined(const hy_str_t *path, hy_step_t *steps, uint32_t *count, hy_error_t *err) {
    const char *at = path->bytes, *end = at + path->len;
    for (;;) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        size_t len = (size_t)((dot ? dot : end) - at);
        if (len == 0) return hy_fail(err, HY_EINVALID, "malformed update: empty key in a path");
        int rc = add_step(steps, count, hy_str_new(at, len), err);
        if (rc < 0 || !dot) return rc;
        at = dot + 1;
    }
}

/* Steps of an "attribute" into a fixed array; the caller lets go of `*count` keys, also on failure.
 * A number in a list is taken as the key that it is in a joined path. */
static int read_steps(hy_value_t attribute, hy_step_t *steps, uint32_t *count, hy_error_t *err) {
    *count = 0;
    if (attribute.kind == HY_STR) return read_joined(attribute.as.s, steps, count, err);
    if (attribute.kind != HY_ARRAY)
        return hy_fail(err, HY_EINVALID,
                       "malformed update: \"attribute\" is neither text nor a list of keys");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < hy_node_count(attribute.as.n); i++) {
        hy_value_t key = hy_node_at(attribute.as.n, i);
        if (key.kind == HY_STR) {
            rc = add_step(steps, count, hy_str_ref(key.as.s), err);
        } else if (key.kind == HY_INT && key.as.i >= 0) {
            rc = add_step(steps, count, hy_str_format("%lld", (long long)key.as.i), err);
        } else {
            rc = hy_fail(err, HY_EINVALID, "malformed update: a key of \"attribute\" is no text");
        }
    }
    return rc;
}

static int read_kind(const hy_node_t *from, hy_value_t value, hy_op_kind_t *kind, uint64_t *count,
                     hy_error_t *err) {
    hy_str_t *operation;
    int rc = read_text(from, "operation", &operation, err);
    if (rc < 0) return rc;
    if (!operation) {
        *kind = value.kind == HY_ABSENT ? HY_OP_REMOVE : HY_OP_SET;
        return 0;
    }
    if (hy_str_is(operation, "add")) {
        if (value.kind != HY_ARRAY)
            return hy_fail(err, HY_EINVALID, "malformed update: add needs an array of items");
        *kind = HY_OP_INSERT;
        return 0;
    }
    if (!hy_str_is(operation, "remove"))
        return hy_fail(err, HY_EINVALID, "malformed update: unknown operation \"%s\"",
                       operation->bytes);
    if (value.kind != HY_INT || value.as.i < 1)
        return hy_fail(err, HY_EINVALID, "malformed update: remove needs the number of items");
    *kind = HY_OP_ERASE;
    *count = (uint64_t)value.as.i;
    return 0;
}

static int read_op(hy_change_t *c, const hy_node_t *from, hy_error_t *err) {
    hy_step_t steps[HY_PATH_STEPS_MAX];
    uint32_t step_count;
    hy_op_kind_t kind = HY_OP_SET;
    uint64_t count = 0;
    hy_value_t given = hy_get(from, "value"), value = hy_absent();
    int rc = read_steps(hy_get(from, "attribute"), steps, &step_count, err);
    if (rc == 0) rc = read_kind(from, given, &kind, &count, err);
    if (rc == 0 && kind != HY_OP_ERASE) rc = hy_value_copy(given, &value);
    if (rc == 0) rc = hy_change_add(c, kind, steps, step_count, value, count);
    while (step_count > 0) {
        hy_str_unref(steps[--step_count].key);
    }
    return rc;
}

static int read_ops(hy_change_t *c, const hy_node_t *body, hy_error_t *err) {
    hy_value_t changes = hy_get(body, "changes");
    if (changes.kind == HY_ABSENT) return read_op(c, body, err);
    if (changes.kind != HY_ARRAY) return fail_kind(err, "changes");
    size_t count = hy_node_count(changes.as.n);
    if (count > HY_BATCH_CHANGES_MAX)
        return hy_fail(err, HY_ETOO_LARGE, "update: %zu changes in one, at most %u", count,
                       HY_BATCH_CHANGES_MAX);
    c->is_batch = true;
    for (size_t i = 0; i < count; i++) {
        hy_value_t entry = hy_node_at(changes.as.n, i);
        if (entry.kind != HY_OBJECT)
            return hy_fail(err, HY_EINVALID,
                           "malformed update: an entry of \"changes\" is no object");
        int rc = read_op(c, entry.as.n, err);
        if (rc < 0) return rc;
    }
    return 0;
}

static int read_texts(hy_change_t *c, const hy_node_t *body, hy_error_t *err) {
    hy_str_t *epoch = NULL, *source = NULL, *child = NULL, *modified = NULL;
    int rc = read_text(body, "epoch", &epoch, err);
    if (rc == 0) rc = read_text(body, "source", &source, err);
    if (rc == 0) rc = read_text(body, "resource", &child, err);
    if (rc == 0) rc = read_text(body, "lastModified", &modified, err);
    if (rc < 0) return rc;
    c->epoch = epoch ? hy_str_ref(epoch) : NULL;
    c->source = source ? hy_str_ref(source) : NULL;
    c->child = child ? hy_str_ref(child) : NULL;
    c->modified_ms = modified ? hy_clock_from_iso(modified->bytes) : 0;
    return 0;
}

int hy_change_read(const hy_node_t *body, hy_change_t **out, hy_error_t *err) {
    hy_value_t version = hy_get(body, "version"), metadata = hy_get(body, "metadata");
    if (version.kind != HY_INT || version.as.i < 0)
        return hy_fail(err, HY_EINVALID, "malformed update: \"version\" is missing");
    if (metadata.kind != HY_BOOL && metadata.kind != HY_ABSENT && metadata.kind != HY_NULL)
        return fail_kind(err, "metadata");
    hy_change_t *c = hy_change_new();
    if (!c) return HY_ENOMEM;
    c->version = (uint64_t)version.as.i;
    c->is_metadata = metadata.kind == HY_BOOL && metadata.as.b;
    int rc = read_texts(c, body, err);
    if (rc == 0) rc = read_ops(c, body, err);
    if (rc < 0) {
        hy_change_unref(c);
        return rc;
    }
    *out = c;
    return 0;
}
