/* An object as rows of a store (store/store.h): texts out, an object in.
 *
 *      state     {metadata…, "data", "epoch", "version", "follows"?}
 *      child     {"collection", "resource", "reporter", "version", "order", "value"}
 *      change    an entry of a `since` answer: an update's body, or a stamp with its operation
 *
 * Texts are appended to a buffer, which is marked when out of memory. */
#ifndef HY_DATA_ROWS_H
#define HY_DATA_ROWS_H

#include "object.h"

void hy_rows_write_state(hy_object_t *o, hy_buf_t *b);
void hy_rows_write_child(const hy_child_t *c, hy_buf_t *b);
/* `child` (NULL: it is not there) is written as it is made by a create; `op` is the operation of an
 * update. */
void hy_rows_write_stamp(const hy_stamp_t *s, const hy_child_t *child, const hy_childop_t *op,
                         hy_buf_t *b);

/* `whole` (taken over, also on failure) is a state with "childrenObjects" and "childMarks", as in a
 * whole answer. HY_EINVALID with a text. */
int hy_rows_read_object(hy_str_t *url, const hy_schema_t *schema, hy_value_t whole,
                        hy_object_t **out, hy_error_t *err);
/* An entry that follows the object's version is done; one that does not is only remembered, like
 * all of them, in its history. `*stamp` and `*child` get references of what it was about (NULL: of
 * neither, or it was not done). HY_EINVALID and others with a text. */
int hy_rows_replay(hy_object_t *o, const hy_node_t *entry, hy_stamp_t **stamp, hy_child_t **child,
                   hy_error_t *err);

#endif
