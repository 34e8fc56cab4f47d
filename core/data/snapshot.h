/* A frozen state of an object, written as parts that each fit into a message (PROTOCOL.md section
 * 5, Read), slice by slice while the object goes on:
 *
 *      object ──► step ─► part ─► step ─► part … ─► complete: nothing holds on to the object
 *        └─ a child that changes before its slice is written first; data that does, all of it
 *
 * A part is the text of an object {"epoch", "version", "follows"?, …}, with some of what a whole
 * answer has: members of the metadata; "data" as [[path, value], …], each of which sets what is
 * there (the first one the root; in an array, at most one behind its end); "childrenObjects" and
 * "childMarks". All of them in order, loaded by parts.h, are the object.
 *
 * Only a writer's object may be frozen: what is loaded into one meanwhile makes its snapshots fail.
 */
#ifndef HY_DATA_SNAPSHOT_H
#define HY_DATA_SNAPSHOT_H

#include "object.h"

typedef struct hy_snapshot hy_snapshot_t;

/* True if the object surely fits into one message as a whole. */
bool hy_object_is_small(const hy_object_t *o);

int hy_snapshot_new(hy_object_t *o, hy_snapshot_t **out);
void hy_snapshot_free(hy_snapshot_t *s); /* NULL allowed */
/* Writes one part of about HY_PART_BYTES (an only value that is longer is not divided). 1: there is
 * more, 0: it is complete; else it has failed for good: HY_ENOMEM, HY_ETOO_LARGE (over
 * HY_PARTS_MAX or HY_PARTS_BYTES_MAX), HY_EFULL (what changed meanwhile is over
 * HY_SNAPSHOT_KEPT_BYTES_MAX), HY_ECLOSED (the object is no more). */
int hy_snapshot_step(hy_snapshot_t *s);
bool hy_snapshot_is_complete(const hy_snapshot_t *s);
uint32_t hy_snapshot_count(const hy_snapshot_t *s);             /* of parts; once complete */
hy_str_t *hy_snapshot_part(const hy_snapshot_t *s, uint32_t i); /* from 0; lent */
hy_str_t *hy_snapshot_epoch(const hy_snapshot_t *s);            /* NULL: it has none */
uint64_t hy_snapshot_version(const hy_snapshot_t *s);

/* Whoever changes an object's data says so before. */
void hy__object_touch(hy_object_t *o);
static inline void hy_object_touch(hy_object_t *o) {
    if (!hy_list_is_empty(&o->snapshots)) hy__object_touch(o);
}
void hy__snapshots_fail(hy_object_t *o); /* for object.c */

#endif
