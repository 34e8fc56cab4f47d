/* Child operations and stamps: records, their text, and reading both back. */
#include "childop.h"

#include "../base/json.h"
#include "../base/mem.h"
#include "../loop/clock.h"

const char *hy_childop_word(hy_childop_kind_t kind) {
    static const char *const words[] = {
#define X(name, word) [HY_CHILDOP_##name] = word,
        HY_CHILDOP_MAP(X)
#undef X
    };
    return words[kind];
}

/* --- operations ------------------------------------------------------------------------------- */

static void childop_write(const hy_payload_t *p, hy_buf_t *b) {
    const hy_childop_t *op = (const hy_childop_t *)p;
    if (op->kind == HY_CHILDOP_UPDATE) {
        op->change->payload.ops->write(&op->change->payload, b);
        return;
    }
    hy_json_write_text(b, "{\"resource\":", op->id);
    if (op->kind == HY_CHILDOP_DELETE) {
        hy_buf_text(b, ",\"version\":");
        hy_buf_int(b, (int64_t)op->version);
        hy_buf_char(b, '}');
        return;
    }
    char iso[25];
    hy_clock_iso(op->created_ms, iso);
    hy_buf_text(b, ",\"value\":{\"created\":\"");
    hy_buf_text(b, iso);
    hy_buf_char(b, '"');
    hy_json_write_text(b, ",\"user\":", op->user);
    hy_buf_text(b, ",\"data\":");
    hy_json_write(b, op->data);
    hy_buf_text(b, "}}");
}

static void childop_free(hy_payload_t *p) {
    hy_childop_t *op = (hy_childop_t *)p;
    hy_str_unref(op->id);
    hy_str_unref(op->user);
    hy_value_drop(op->data);
    hy_change_unref(op->change);
    hy_free(op);
}

static size_t str_bytes(const hy_str_t *s) {
    return sizeof *s + s->len;
}

static size_t childop_bytes(const hy_payload_t *p) {
    const hy_childop_t *op = (const hy_childop_t *)p;
    size_t bytes = sizeof *op + str_bytes(op->id) + hy_value_bytes(op->data);
    if (op->user) bytes += str_bytes(op->user);
    return op->change ? bytes + hy_change_payload.bytes(&op->change->payload) : bytes;
}

const hy_payload_ops_t hy_childop_payload = {
    .name = "child operation",
    .to_value = hy_payload_to_value,
    .write = childop_write,
    .free = childop_free,
    .bytes = childop_bytes,
};

hy_childop_t *hy_childop_new(hy_childop_kind_t kind, hy_str_t *id, uint64_t version, hy_str_t *user,
                             int64_t created_ms, hy_value_t data, hy_change_t *change) {
    hy_childop_t *op = hy_alloc(sizeof *op);
    if (!op) {
        hy_value_drop(data);
        hy_change_unref(change);
        return NULL;
    }
    *op = (hy_childop_t){.payload = {.ops = &hy_childop_payload, .refs = 1},
                         .kind = kind,
                         .id = hy_str_ref(id),
                         .version = version,
                         .user = user ? hy_str_ref(user) : NULL,
                         .created_ms = created_ms,
                         .data = data,
                         .change = change};
    return op;
}

static int read_create(hy_str_t *id, const hy_node_t *body, hy_childop_t **out, hy_error_t *err) {
    const hy_node_t *value = hy_get_object(body, "value");
    if (!value) return hy_fail(err, HY_EINVALID, "malformed create of %s: no \"value\"", id->bytes);
    hy_str_t *created = hy_get_str(value, "created");
    hy_value_t data;
    if (!hy_is_node(hy_get(value, "data")))
        return hy_fail(err, HY_EINVALID, "malformed create of %s: \"data\" is no object or array",
                       id->bytes);
    int rc = hy_value_copy(hy_get(value, "data"), &data);
    if (rc < 0) return rc;
    *out = hy_childop_new(HY_CHILDOP_CREATE, id, 0, hy_get_str(value, "user"),
                          created ? hy_clock_from_iso(created->bytes) : 0, data, NULL);
    return *out ? 0 : HY_ENOMEM;
}

int hy_childop_read(hy_childop_kind_t kind, const hy_node_t *body, hy_childop_t **out,
                    hy_error_t *err) {
    hy_str_t *id = hy_get_str(body, "resource");
    if (!id) return hy_fail(err, HY_EINVALID, "malformed child operation: no \"resource\"");
    if (kind == HY_CHILDOP_CREATE) return read_create(id, body, out, err);
    hy_change_t *change = NULL;
    int64_t version = hy_get_int(body, "version", -1);
    if (version < 1)
        return hy_fail(err, HY_EINVALID, "malformed %s of %s: no \"version\" from 1",
                       hy_childop_word(kind), id->bytes);
    if (kind == HY_CHILDOP_UPDATE) {
        int rc = hy_change_read(body, &change, err);
        if (rc < 0) return rc;
    }
    *out = hy_childop_new(kind, id, (uint64_t)version, NULL, 0, hy_absent(), change);
    return *out ? 0 : HY_ENOMEM;
}

int hy_childop_of(hy_msg_t *m, hy_childop_t **out, hy_error_t *err) {
    hy_payload_t *p = hy_msg_payload(m, &hy_childop_payload);
    if (p) {
        *out = (hy_childop_t *)hy_payload_ref(p);
        return 0;
    }
    const hy_node_t *body = hy_msg_body(m);
    if (!body) return hy_fail(err, HY_EINVALID, "malformed child operation: no body");
    hy_childop_kind_t kind = m->type == HY_MSG_CREATE   ? HY_CHILDOP_CREATE
                             : m->type == HY_MSG_UPDATE ? HY_CHILDOP_UPDATE
                                                        : HY_CHILDOP_DELETE;
    return hy_childop_read(kind, body, out, err);
}

/* --- stamps ----------------------------------------------------------------------------------- */

static void stamp_write(const hy_payload_t *p, hy_buf_t *b) {
    const hy_stamp_t *s = (const hy_stamp_t *)p;
    hy_json_write_text(b, "{\"value\":{\"epoch\":", s->epoch);
    hy_buf_text(b, ",\"version\":");
    hy_buf_int(b, (int64_t)s->version);
    hy_buf_text(b, ",\"child\":{\"op\":\"");
    hy_buf_text(b, hy_childop_word(s->kind));
    hy_json_write_text(b, "\",\"collection\":", s->collection);
    hy_json_write_text(b, ",\"resource\":", s->id);
    hy_json_write_text(b, ",\"reporter\":", s->reporter);
    hy_buf_text(b, ",\"version\":");
    hy_buf_int(b, (int64_t)s->child_version);
    hy_buf_text(b, "}}}");
}

static void stamp_free(hy_payload_t *p) {
    hy_stamp_t *s = (hy_stamp_t *)p;
    hy_str_unref(s->epoch);
    hy_str_unref(s->collection);
    hy_str_unref(s->id);
    hy_str_unref(s->reporter);
    hy_free(s);
}

static size_t stamp_bytes(const hy_payload_t *p) {
    const hy_stamp_t *s = (const hy_stamp_t *)p;
    return sizeof *s + str_bytes(s->epoch) + str_bytes(s->collection) + str_bytes(s->id) +
           str_bytes(s->reporter);
}

const hy_payload_ops_t hy_stamp_payload = {
    .name = "stamp",
    .to_value = hy_payload_to_value,
    .write = stamp_write,
    .free = stamp_free,
    .bytes = stamp_bytes,
};

hy_stamp_t *hy_stamp_new(hy_str_t *epoch, uint64_t version, hy_childop_kind_t kind,
                         hy_str_t *collection, hy_str_t *id, hy_str_t *reporter,
                         uint64_t child_version) {
    hy_stamp_t *s = hy_alloc(sizeof *s);
    if (!s) return NULL;
    *s = (hy_stamp_t){.payload = {.ops = &hy_stamp_payload, .refs = 1},
                      .epoch = hy_str_ref(epoch),
                      .version = version,
                      .kind = kind,
                      .collection = hy_str_ref(collection),
                      .id = hy_str_ref(id),
                      .reporter = hy_str_ref(reporter),
                      .child_version = child_version};
    return s;
}

static int read_kind(const hy_str_t *word, hy_childop_kind_t *kind) {
    for (hy_childop_kind_t k = HY_CHILDOP_CREATE; k <= HY_CHILDOP_REFUSE; k++) {
        if (!hy_str_is(word, hy_childop_word(k))) continue;
        *kind = k;
        return 0;
    }
    return HY_EINVALID;
}

int hy_stamp_read(const hy_node_t *value, hy_stamp_t **out, hy_error_t *err) {
    const hy_node_t *child = hy_get_object(value, "child");
    hy_str_t *epoch = hy_get_str(value, "epoch"), *collection = hy_get_str(child, "collection");
    hy_str_t *id = hy_get_str(child, "resource"), *reporter = hy_get_str(child, "reporter");
    int64_t version = hy_get_int(value, "version", -1);
    int64_t child_version = hy_get_int(child, "version", -1);
    hy_childop_kind_t kind;
    bool is_whole = epoch && collection && id && reporter && version > 0 && child_version >= 0;
    if (!is_whole || read_kind(hy_get_str(child, "op"), &kind) < 0)
        return hy_fail(err, HY_EINVALID, "malformed stamp: a field is missing or of a wrong type");
    *out = hy_stamp_new(epoch, (uint64_t)version, kind, collection, id, reporter,
                        (uint64_t)child_version);
    return *out ? 0 : HY_ENOMEM;
}
