/* Changes as records: making them, and what the bus asks of a payload. Their text: change_wire.c.
 *
 * A change owns its ops; an op owns its steps and value. The common change, one op with a short
 * path, lives in the one block of the record. */
#include "change.h"

#include "../base/json.h"
#include "../base/mem.h"

/* --- ops -------------------------------------------------------------------------------------- */

hy_change_t *hy_change_new(void) {
    hy_change_t *c = hy_alloc(sizeof *c);
    if (!c) return NULL;
    *c = (hy_change_t){0};
    c->payload.ops = &hy_change_payload;
    c->payload.refs = 1;
    c->ops = &c->one;
    return c;
}

static void op_release(hy_change_t *c, hy_op_t *op) {
    for (uint32_t i = 0; i < op->step_count; i++) {
        hy_str_unref(op->steps[i].key);
    }
    if (op->steps != c->few) hy_free(op->steps);
    hy_value_drop(op->value);
}

static void change_free(hy_payload_t *p) {
    hy_change_t *c = (hy_change_t *)p;
    for (uint32_t i = 0; i < c->count; i++) {
        op_release(c, &c->ops[i]);
    }
    if (c->ops != &c->one) hy_free(c->ops);
    hy_str_unref(c->epoch);
    hy_str_unref(c->source);
    hy_str_unref(c->child);
    hy_free(c);
}

/* Room for one op more with that many steps; all is zeroed. */
static hy_op_t *add_op(hy_change_t *c, uint32_t step_count, int *rc) {
    *rc = HY_ETOO_LARGE;
    if (step_count > HY_PATH_STEPS_MAX || c->count >= HY_BATCH_CHANGES_MAX) return NULL;
    *rc = HY_ENOMEM;
    hy_step_t *steps = c->few;
    if (c->count > 0 || step_count > sizeof c->few / sizeof c->few[0]) {
        steps = hy_alloc_zero(step_count * sizeof *steps);
        if (!steps) return NULL;
    } else {
        memset(c->few, 0, sizeof c->few); /* may hold steps of an op that was taken back */
    }
    uint32_t n = c->count;
    if (n > 0 && (n & (n - 1)) == 0) { /* full at every power of two */
        hy_op_t *ops = hy_realloc(c->ops == &c->one ? NULL : c->ops, 2 * n * sizeof *ops);
        if (!ops) {
            hy_free(steps);
            return NULL;
        }
        if (c->ops == &c->one) ops[0] = c->one;
        c->ops = ops;
    }
    hy_op_t *op = &c->ops[n];
    *op = (hy_op_t){.steps = steps, .step_count = step_count};
    return op;
}

int hy_change_add(hy_change_t *c, hy_op_kind_t kind, const hy_step_t *steps, uint32_t step_count,
                  hy_value_t value, uint64_t count) {
    int rc;
    hy_op_t *op = add_op(c, step_count, &rc);
    if (!op) {
        hy_value_drop(value);
        return rc;
    }
    op->kind = kind;
    op->value = value;
    op->count = count;
    for (uint32_t i = 0; i < step_count; i++) {
        op->steps[i] = steps[i];
        if (steps[i].key) hy_str_ref(steps[i].key);
    }
    c->count++;
    return 0;
}

void hy_change_drop_last(hy_change_t *c) {
    op_release(c, &c->ops[--c->count]);
}

static uint32_t depth_of(const hy_node_t *n) {
    uint32_t depth = 0;
    while ((n = hy_node_parent(n))) {
        depth++;
    }
    return depth;
}

int hy_change_add_edit(hy_change_t *c, const hy_edit_t *edit) {
    hy_value_t value;
    int rc = hy_value_copy(edit->value, &value);
    if (rc < 0) return rc;
    uint32_t depth = edit->node ? depth_of(edit->node) : 0;
    hy_op_t *op = add_op(c, edit->node ? depth + 1 : 0, &rc);
    if (!op) {
        hy_value_drop(value);
        return rc;
    }
    op->kind = edit->kind;
    op->value = value;
    op->count = edit->count;
    if (edit->node) {
        hy_step_t *last = &op->steps[depth];
        if (edit->key) {
            last->key = hy_str_ref(edit->key);
        } else {
            last->index = (int64_t)edit->index;
        }
        hy_node_t *n = edit->node;
        for (uint32_t i = depth; i-- > 0; n = hy_node_parent(n)) {
            hy_step_t *step = &op->steps[i];
            if (hy_node_kind(hy_node_parent(n)) == HY_OBJECT) {
                step->key = hy_str_ref(hy_node_key(n));
            } else {
                step->index = (int64_t)hy_node_index(n);
            }
        }
    }
    c->count++;
    return 0;
}

/* --- as a payload ----------------------------------------------------------------------------- */

int hy_payload_to_value(const hy_payload_t *p, hy_value_t *out) {
    hy_buf_t b;
    hy_buf_init(&b);
    p->ops->write(p, &b);
    int rc = b.failed ? HY_ENOMEM : hy_json_read(b.bytes, b.len, HY_JSON_DEPTH_MAX, out, NULL);
    hy_buf_deinit(&b);
    return rc;
}

static size_t str_bytes(const hy_str_t *s) {
    return s ? sizeof *s + s->len : 0;
}

static size_t change_bytes(const hy_payload_t *p) {
    const hy_change_t *c = (const hy_change_t *)p;
    size_t bytes = sizeof *c + str_bytes(c->epoch) + str_bytes(c->source) + str_bytes(c->child);
    for (uint32_t i = 0; i < c->count; i++) {
        const hy_op_t *op = &c->ops[i];
        bytes += sizeof *op + op->step_count * sizeof *op->steps + hy_value_bytes(op->value);
        for (uint32_t at = 0; at < op->step_count; at++) {
            bytes += str_bytes(op->steps[at].key);
        }
    }
    return bytes;
}

const hy_payload_ops_t hy_change_payload = {
    .name = "change",
    .to_value = hy_payload_to_value,
    .write = hy__change_write,
    .free = change_free,
    .bytes = change_bytes,
};

int hy_change_of(hy_msg_t *m, hy_change_t **out, hy_error_t *err) {
    hy_payload_t *p = hy_msg_payload(m, &hy_change_payload);
    if (p) {
        *out = (hy_change_t *)hy_payload_ref(p);
        return 0;
    }
    const hy_node_t *body = hy_msg_body(m);
    if (!body) return hy_fail(err, HY_EINVALID, "malformed update: no body");
    return hy_change_read(body, out, err);
}
