/* A data object: metadata, data, children and position (PROTOCOL.md sections 5 to 7). The same
 * record serves as the reporter's original and as a runtime's copy; who may change it when is in
 * sync/. */
#ifndef HY_DATA_OBJECT_H
#define HY_DATA_OBJECT_H

#include "../base/list.h"
#include "child.h"
#include "history.h"
#include "schema.h"

/* Fields are read by sync/; those without a function here are also written by it. */
typedef struct {
    hy_str_t *url;
    const hy_schema_t *schema;  /* in use; NULL if this runtime does not know it */
    hy_node_t *metadata, *data; /* roots keep their identity */
    hy_children_t *children;
    hy_str_t *epoch;
    uint64_t version;
    hy_str_t *follows_epoch; /* the state that this epoch started from; NULL: none */
    uint64_t follows_version;
    int64_t modified_ms;  /* wall clock of the last change; 0: as the metadata says */
    hy_history_t history; /* kept by the reporter's side only */
    hy_link_t snapshots;  /* that are being made (snapshot.h) */
} hy_object_t;

/* `metadata` (object) and `data` (node, or ABSENT for {}) are taken over, also on failure. */
int hy_object_new(hy_str_t *url, const hy_schema_t *schema, hy_value_t metadata, hy_value_t data,
                  hy_object_t **out);
void hy_object_free(hy_object_t *o); /* NULL allowed; before its schema's hy_schemas_t */
void hy_object_set_schema(hy_object_t *o, const hy_schema_t *schema);
/* The metadata, with `lastModified` brought up to date: it is written when somebody looks, not with
 * every change. Lent, read only. */
hy_node_t *hy_object_metadata(hy_object_t *o);
/* `epoch` is referenced; NULL: the object has none (an older peer's). */
void hy_object_set_position(hy_object_t *o, hy_str_t *epoch, uint64_t version);

/* True for a member of a whole answer that is metadata. */
bool hy_object_is_metadata(const hy_str_t *key);

/* A new run of one writer: it follows the position that the object has, whose version goes on. The
 * history stays, so that who is at a position before it can go on from there. */
void hy_object_begin_epoch(hy_object_t *o, hy_str_t *epoch);

/* The state that the object's epoch started from, as it was told; `epoch` is referenced, NULL:
 * none. */
void hy_object_set_follows(hy_object_t *o, hy_str_t *epoch, int64_t version);
/* "version", "epoch" and "follows" (those that there are), as answers and digests carry them. On
 * failure some of it may be there. */
int hy_object_put_position(const hy_object_t *o, hy_node_t *into);

/* The whole answer: {metadata…, "data", "epoch", "version", "follows"?, "childrenObjects",
 * "childMarks"}. The caller owns it. */
int hy_object_whole(hy_object_t *o, hy_value_t *out);
/* The answer to `since` {epoch, version}: {"epoch", "version", "follows"?, "changes"}, where
 * `epoch` may also be the one that this epoch follows, up to where it did: each change names its
 * own. HY_ENOT_FOUND if only the whole will do. */
int hy_object_since(const hy_object_t *o, const hy_node_t *since, hy_value_t *out);

/* Checks that this is a whole answer, but for its children. HY_EINVALID, or HY_ETOO_LARGE for data
 * nested too deep, with a text. */
int hy_object_check_whole(const hy_node_t *whole, hy_error_t *err);
/* A new object of a whole answer (checked before), which stays the caller's. `schema` may be NULL.
 */
int hy_object_from_whole(hy_str_t *url, const hy_schema_t *schema, const hy_node_t *whole,
                         hy_object_t **out, hy_error_t *err);
/* Brings the object level with a whole answer (checked before): children (their differences go to
 * `event`), position, and data and metadata, touching only what differs. What differed in the data
 * is told by `*data_change` (one reference) and `*effects` (an array of its count, each to be
 * released, then the array freed with hy_free); both NULL if nothing did.
 *
 * HY_EINVALID and HY_ETOO_LARGE: nothing has changed. HY_ENOMEM: children may have (child.h), but
 * not data and position. */
int hy_object_load(hy_object_t *o, const hy_node_t *whole, hy_change_t **data_change,
                   hy_effect_t **effects, hy_child_difference_cb event, void *arg, hy_error_t *err);

/* The same with an object that was put together from parts (parts.h) and is only to be freed then.
 * On HY_ENOMEM put it together anew. */
int hy_object_take(hy_object_t *o, hy_object_t *from, hy_change_t **data_change,
                   hy_effect_t **effects, hy_child_difference_cb event, void *arg, hy_error_t *err);

/* Whether data and kept children fit that schema (NULL: anything does); the same of a whole answer,
 * which was checked before. HY_ESCHEMA with a text that begins with the place, that of a child with
 * its collection and id ("messages anna#3: text: …"). fitting.c. */
int hy_object_check_fit(const hy_object_t *o, const hy_schema_t *schema, hy_error_t *err);
int hy_object_check_whole_fit(const hy_node_t *whole, const hy_schema_t *schema, hy_error_t *err);

/* Compares epochs "<n>-<random>": by n, then by the random part. < 0, > 0; 0 only for equal texts.
 */
int hy_epoch_compare(const hy_str_t *a, const hy_str_t *b);
/* One with a number above that of `before` (NULL: 1), and that random part. However many digits it
 * has: a number that does not fit into an integer is no reason to begin below it. NULL: out of
 * memory. */
hy_str_t *hy_epoch_after(const hy_str_t *before, uint32_t random);

#endif
