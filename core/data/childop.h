/* Operations on children and their stamps, as they travel (PROTOCOL.md section 6). Both are
 * counted, immutable records and typed payloads of messages. */
#ifndef HY_DATA_CHILDOP_H
#define HY_DATA_CHILDOP_H

#include "child.h"

/* name, word on the wire */
#define HY_CHILDOP_MAP(X)                                                                          \
    X(CREATE, "create")                                                                            \
    X(UPDATE, "update")                                                                            \
    X(DELETE, "delete")                                                                            \
    X(REFUSE, "refuse")
typedef enum {
#define X(name, word) HY_CHILDOP_##name,
    HY_CHILDOP_MAP(X)
#undef X
} hy_childop_kind_t;
const char *hy_childop_word(hy_childop_kind_t kind);

/* What a creator sends to <Object>/children/<collection>. */
typedef struct {
    hy_payload_t payload;
    hy_childop_kind_t kind; /* not REFUSE */
    hy_str_t *id;
    uint64_t version;    /* UPDATE, DELETE: counts the child's operations after create from 1 */
    hy_str_t *user;      /* CREATE; NULL if not told */
    int64_t created_ms;  /* CREATE */
    hy_value_t data;     /* CREATE: an object or array */
    hy_change_t *change; /* UPDATE */
} hy_childop_t;

extern const hy_payload_ops_t hy_childop_payload;

/* `user` is referenced; `data` taken over, `change` too (one reference), also on failure. */
hy_childop_t *hy_childop_new(hy_childop_kind_t kind, hy_str_t *id, uint64_t version, hy_str_t *user,
                             int64_t created_ms, hy_value_t data, hy_change_t *change);
static inline void hy_childop_unref(hy_childop_t *op) {
    if (op) hy_payload_unref(&op->payload);
}
/* The operation of a create, update or delete message: its payload, or decoded. The caller gets a
 * reference. HY_EINVALID with a text. */
int hy_childop_of(hy_msg_t *m, hy_childop_t **out, hy_error_t *err);
int hy_childop_read(hy_childop_kind_t kind, const hy_node_t *body, hy_childop_t **out,
                    hy_error_t *err);

/* What the parent's reporter publishes to <Object>/changes for an operation that it keeps or
 * refuses. */
typedef struct {
    hy_payload_t payload;
    hy_str_t *epoch;
    uint64_t version; /* of the object */
    hy_childop_kind_t kind;
    hy_str_t *collection, *id, *reporter; /* the child's; `reporter` is its creator's hyperty URL */
    uint64_t child_version;
} hy_stamp_t;

extern const hy_payload_ops_t hy_stamp_payload;

hy_stamp_t *hy_stamp_new(hy_str_t *epoch, uint64_t version, hy_childop_kind_t kind,
                         hy_str_t *collection, hy_str_t *id, hy_str_t *reporter,
                         uint64_t child_version);
static inline void hy_stamp_unref(hy_stamp_t *s) {
    if (s) hy_payload_unref(&s->payload);
}
/* Reads body.value of an event, or an entry of its "stamps" or of a `since` answer: an object with
 * "version" and "child". */
int hy_stamp_read(const hy_node_t *value, hy_stamp_t **out, hy_error_t *err);

#endif
