/* Inside sync/: data fits the schema of its object wherever it is written or arrives (fit.c), and
 * the schema that a copy is checked by (agree.c). Included by sync.h. */
#ifndef HY_SYNC_FIT_H
#define HY_SYNC_FIT_H

#include "../data/object.h"
#include "replica.h"

typedef struct hy_reporter hy_reporter_t;
typedef struct hy_trial hy_trial_t;

void hy__fit_init(hy_reporter_t *r);
void hy__fit_deinit(hy_reporter_t *r);
/* Does an edit of the object's data if what comes of it fits; `effect` as in hy_edit_apply. */
int hy__fit_edit(hy_reporter_t *r, hy_edit_t *edit, hy_effect_t *effect, hy_error_t *err);
/* What was done to the object's data; HY_ESCHEMA with a text that begins with its URL. */
int hy__fit_check(const hy_reporter_t *r, const hy_effect_t *effects, uint32_t count,
                  hy_error_t *err);
/* The same of a batch within a trial. */
int hy__fit_check_nested(const hy_reporter_t *r, hy_error_t *err);
/* Data of a new child; what was done to a child's data (`root`: as its creator sees it). */
int hy__fit_check_new(const hy_object_t *o, const hy_str_t *collection, hy_value_t data,
                      hy_error_t *err);
int hy__fit_check_child(const hy_object_t *o, const hy_child_t *child, hy_node_t *root,
                        const hy_effect_t *effect, hy_error_t *err);
/* Applies an update to a child's data, as long as it fits; on failure nothing was done. */
int hy__fit_apply(const hy_object_t *o, const hy_child_t *child, const hy_change_t *change,
                  hy_error_t *err);
/* Whether an update would be applied so. */
int hy__fit_try(const hy_object_t *o, const hy_child_t *child, const hy_change_t *change,
                hy_error_t *err);
/* It was resumed: looks whether it fits the schema as that is now, and says so if not. */
void hy__fit_resumed(hy_reporter_t *r);
/* Something was published: it may fit now. */
void hy__fit_written(hy_reporter_t *r);
/* From now on it is of that version of its schema; in a trial until that has ended. */
void hy__fit_move(hy_reporter_t *r, const hy_schema_t *schema);
void hy__fit_settle(hy_trial_t *t, bool is_committed);
/* What arrives for a copy is taken in if it fits: a change of the object (`effects` has room for
 * what it did), a new child at its stamp (which is only looked at), an update of one. On failure
 * nothing was done; what does not fit is logged, once for each version of the object. */
int hy__fit_take(hy_replica_t *r, const hy_change_t *c, hy_effect_t *effects);
int hy__fit_take_new(hy_replica_t *r, const hy_stamp_t *s, const hy_child_t *child);
int hy__fit_take_update(hy_replica_t *r, const hy_stamp_t *s, const hy_child_t *child,
                        const hy_change_t *change);
void hy__fit_refuse(hy_replica_t *r, uint64_t version, const char *why);

/* --- agree.c: the schema that a copy is checked by -------------------------------------------- */

/* "dataschema": the digest of what is known here of the schema of the copy, or of that name; for
 * the body of a subscribe. */
int hy__agree_put(hy_node_t *body, const hy_replica_t *r, const hy_str_t *name);
/* An answer to it may bring the document that the reporter has. */
void hy__agree_hear(hy_replica_t *r, const hy_node_t *answer);
/* For a new copy of an object of that schema: the one that is known here, if it can read what was
 * written by the reporter's; else the reporter's; NULL if there is neither. HY_ESCHEMA with a text
 * that tells what cannot be read. */
int hy__agree(hy_replica_t *r, const hy_str_t *url, const hy_schema_t **out, hy_error_t *err);
/* For a copy that is there: the same, if the reporter sent its document. */
int hy__agree_again(hy_replica_t *r, hy_error_t *err);
/* The metadata was changed: the reporter may have another version by now. */
void hy__agree_changed(hy_replica_t *r);

#endif
