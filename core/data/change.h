/* Changes: what an `update` says (PROTOCOL.md section 5, Change), and how it is applied.
 *
 *      edit     what a handle asks for: at this node, this key or index
 *      op       the same told by path from the root; what travels
 *      effect   what applying it did: kind of event, value before; enough to undo it
 *      change   one version: one op, or a batch of them, applied whole or not at all
 *
 * A change is a counted, immutable record and the typed payload of its message, so that the bus,
 * the history and all observers share one. */
#ifndef HY_DATA_CHANGE_H
#define HY_DATA_CHANGE_H

#include "../base/value.h"
#include "../bus/message.h"

/* One step of a path. From the wire every step is a key; whether it names an index shows when it
 * meets an array. */
typedef struct {
    hy_str_t *key; /* NULL: an index */
    int64_t index; /* from 0 */
} hy_step_t;

typedef enum {
    HY_OP_SET,    /* member of an object, or element of an array that has it; no steps: the whole */
    HY_OP_REMOVE, /* member of an object */
    HY_OP_INSERT, /* into an array, before the index that ends the path; value: array of items */
    HY_OP_ERASE   /* from an array, `count` items from the index that ends the path */
} hy_op_kind_t;

typedef struct {
    hy_op_kind_t kind;
    uint32_t step_count;
    hy_step_t *steps;
    hy_value_t value; /* SET, INSERT */
    uint64_t count;   /* ERASE */
} hy_op_t;

typedef struct {
    hy_op_kind_t kind;
    hy_node_t *node;  /* the object or array; NULL: the whole tree */
    hy_str_t *key;    /* in an object */
    size_t index;     /* in an array, from 0 */
    hy_value_t value; /* SET: the value; INSERT: an array node of the items; taken over */
    uint64_t count;   /* ERASE */
} hy_edit_t;

typedef struct {
    hy_op_kind_t kind;
    hy_node_t *node; /* as in the edit, referenced */
    hy_str_t *key;   /* referenced */
    size_t index;
    uint64_t count;      /* items put in or taken out */
    hy_value_t old;      /* SET, REMOVE: ABSENT if nothing was there; ERASE: array of the items */
    uint64_t indices[2]; /* of an applied op, a bit a step: it named an element of an array */
} hy_effect_t;
_Static_assert(HY_PATH_STEPS_MAX <= 128, "an effect marks the indices of a path in two words");

typedef struct {
    hy_payload_t payload;
    hy_str_t *epoch;     /* NULL in a child's update and from older peers */
    uint64_t version;    /* of the object, or of the child */
    hy_str_t *source;    /* NULL if it names none */
    hy_str_t *child;     /* id of the child it updates, NULL: the object itself */
    int64_t modified_ms; /* wall clock; 0: not told */
    bool is_metadata;
    bool is_batch;
    uint32_t count;
    hy_op_t *ops; /* &one, or an array of its own */
    hy_op_t one;
    hy_step_t few[4];
} hy_change_t;

extern const hy_payload_ops_t hy_change_payload;
/* `to_value` for any payload: its text, read back. */
int hy_payload_to_value(const hy_payload_t *p, hy_value_t *out);

/* --- making ----------------------------------------------------------------------------------- */

/* An empty change, one reference, to be filled before anybody else sees it. */
hy_change_t *hy_change_new(void);
static inline hy_change_t *hy_change_ref(hy_change_t *c) {
    c->payload.refs++;
    return c;
}
static inline void hy_change_unref(hy_change_t *c) {
    if (c) hy_payload_unref(&c->payload);
}
/* Appends the op that an edit of this tree is: path by the node's place, value copied. Before the
 * edit is applied. */
int hy_change_add_edit(hy_change_t *c, const hy_edit_t *edit);
/* Appends an op made by hand: steps are copied (keys referenced), the value is taken over. */
int hy_change_add(hy_change_t *c, hy_op_kind_t kind, const hy_step_t *steps, uint32_t step_count,
                  hy_value_t value, uint64_t count);

/* Takes back the op added last. */
void hy_change_drop_last(hy_change_t *c);

/* The change of an update message: its payload, or decoded from its body. HY_EINVALID, or
 * HY_ETOO_LARGE for the path or the batch, with a text. The caller gets a reference. */
int hy_change_of(hy_msg_t *m, hy_change_t **out, hy_error_t *err);
/* From a body (also of an entry in a `since` answer). */
int hy_change_read(const hy_node_t *body, hy_change_t **out, hy_error_t *err);

/* --- applying --------------------------------------------------------------------------------- */

/* Does one edit; `value` is taken over, also on failure. `effect` gets what it did and is to be
 * released; NULL: dropped. HY_EGAP: no such key or index; HY_EINVALID: a wrong kind of node;
 * HY_ETOO_LARGE: key or depth over the bound. On failure nothing has changed. */
int hy_edit_apply(hy_node_t *root, hy_edit_t *edit, hy_effect_t *effect, hy_error_t *err);
/* Undoes the effect (and releases it), newest first. What was taken out is the very same again;
 * putting it back may need memory. */
void hy_effect_undo(hy_node_t *root, hy_effect_t *effect);
void hy_effect_release(hy_effect_t *effect);

/* Applies all ops to the tree or none. `effects` (an array of c->count, NULL: not wanted) is to be
 * released one by one. HY_EGAP and the others as above; at HY_ENOMEM in a batch, what earlier ops
 * took out is put back as far as memory allows. */
int hy_change_apply(const hy_change_t *c, hy_node_t *root, hy_effect_t *effects, hy_error_t *err);

/* The ops that turn the tree into `wanted` (borrowed), touching only what differs: appended to `c`.
 * Where the roots are of two kinds, or differences are over HY_BATCH_CHANGES_MAX: the whole. On
 * failure `c` may have some of them. */
int hy_change_diff(hy_change_t *c, hy_node_t *root, const hy_node_t *wanted);

/* --- paths as text ---------------------------------------------------------------------------- */

/* Appends the path to a buffer as people write it: keys joined by dots, indices from `base` (0 on
 * the wire, 1 in Lua). */
void hy_path_write(hy_buf_t *b, const hy_step_t *steps, uint32_t count, int64_t base);

void hy__change_write(const hy_payload_t *p, hy_buf_t *b); /* for hy_change_payload alone */

#endif
