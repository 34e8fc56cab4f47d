/* Inside sync/: how a reporter answers reads and subscriptions: at once, in one message; or, where
 * the object does not fit into one, in parts of one frozen state (data/snapshot.h).
 *
 *      make ─► one value ─► send: 200
 *        └───► frozen ────► send: joins its readers ─► slices ─► parts: 100, 100 … 200
 *
 * A reader that says "window": n gets at most so many parts, the last of them as 200, and asks for
 * the others by their numbers; who does not gets all. */
#ifndef HY_SYNC_ANSWERING_H
#define HY_SYNC_ANSWERING_H

#include "sync.h"

typedef struct hy_frozen hy_frozen_t;
typedef struct {
    hy_value_t value;
    hy_frozen_t *frozen; /* instead of the value */
    hy_str_t *admission; /* owned: which one it tells of (hosted.h); NULL: none, or out of memory */
    const hy_schema_t *schema; /* whose document goes along; NULL: none */
    hy_value_t struck;         /* owned: a list of fellows who are struck off; ABSENT: none */
} hy_answer_t;

/* What a request with that body (since, parts) is to be answered with; of the state that the object
 * has now, or had lately. To be sent or dropped in the same turn. HY_EFULL: too many objects are
 * being read at once. */
int hy__answer_make(hy_reporter_t *r, const hy_node_t *body, hy_answer_t *out);
void hy__answer_drop(hy_answer_t *a);
/* `hyperty`: who reads. */
void hy__answer_send(hy_reporter_t *r, hy_msg_t *request, hy_str_t *hyperty, hy_answer_t *a);
/* It is gone, or struck off (`why`, NULL: gone): nothing more of an answer is sent to it. */
void hy__answers_end(hy_reporter_t *r, const hy_str_t *hyperty, const char *why);
/* All that are under way are refused. */
void hy__answers_close(hy_reporter_t *r);

#endif
