/* Puts an object together from its parts (snapshot.h), which arrive in any order, some twice, some
 * never, and some of another state: then those of the higher position count, and the others are
 * dropped. What it takes is bounded by HY_PARTS_MAX and HY_PARTS_BYTES_MAX.
 *
 * A carrier is an object {"part": from 1, "responses": how many, "value": {…the part…}}: the body
 * of an answer, or whatever else parts travel in. Older peers do not number them: then they count
 * in the order of their arrival, and their "data" may be the data itself. */
#ifndef HY_DATA_PARTS_H
#define HY_DATA_PARTS_H

#include "object.h"

typedef struct hy_parts hy_parts_t;

/* True if this is one of several parts. */
bool hy_parts_is_part(const hy_node_t *carrier);

/* `url`: of the object. */
int hy_parts_new(hy_str_t *url, hy_parts_t **out);
void hy_parts_free(hy_parts_t *p); /* NULL allowed */
/* HY_EINVALID, HY_ETOO_LARGE (with a text), HY_ENOMEM: what was collected is lost, and it begins
 * anew with the next part. */
int hy_parts_take(hy_parts_t *p, const hy_node_t *carrier, hy_error_t *err);
bool hy_parts_is_complete(const hy_parts_t *p);
/* Parts that are here; and the state they are of (NULL: none yet; lent). */
uint32_t hy_parts_count(const hy_parts_t *p);
hy_str_t *hy_parts_epoch(const hy_parts_t *p);
uint64_t hy_parts_version(const hy_parts_t *p);
/* The first missing ones, at most `count`, as an array of numbers; the caller owns it. */
int hy_parts_missing(const hy_parts_t *p, uint32_t count, hy_value_t *out);
/* Once complete: the object, with no schema yet; the caller owns it, and the parts are only to be
 * freed. HY_EINVALID with a text. */
int hy_parts_finish(hy_parts_t *p, hy_object_t **out, hy_error_t *err);

#endif
