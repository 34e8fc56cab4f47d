/* Inside sync/: an object that was offered to a hyperty of this runtime (handover.h): from the
 * offer (offered.c) until it is reported here, or is not (takeover.c). The manager has it among its
 * `takeovers`, by the object's URL, and it owns what it has made until then. */
#ifndef HY_SYNC_TAKEOVER_H
#define HY_SYNC_TAKEOVER_H

#include "call.h"
#include "handover.h"

typedef struct hy_takeover hy_takeover_t;

struct hy_takeover {
    hy_manager_t *manager;
    hy_syncher_t *syncher;
    hy_str_t *url, *epoch;
    hy_msg_t *offer;
    hy_decision_t *decision; /* referenced, while it is open */
    hy_msg_t *accepted;      /* the offer that is to be answered when all is here, and stored */
    hy_store_level_t level;
    hy_commit_t stored;
    hy_request_t *read;
    hy_collecting_t collecting;
    hy_timer_t beat;
    hy_reporter_t *reporter; /* both NULL until it was accepted */
    hy_hosted_t *hosted;
    hy_call_t **slot; /* who accepted it and waits; NULL: nobody */
    hy_timer_t ask;
    hy_job_t job; /* asks the node whose it is */
    uint64_t until_ms;
    bool is_accepted;
};

/* Of that offer, whose hyperty has not decided yet; NULL when out of memory. `beat` and `stored`
 * are the caller's to begin. */
hy_takeover_t *hy__takeover_new(hy_syncher_t *s, hy_msg_t *offer);
/* What that request offers; NULL if it is not one. */
const hy_node_t *hy__takeover_offer(hy_msg_t *m);
/* It has come to nothing: who decides or waits is told, what was made goes, and so does it. */
void hy__takeover_drop(hy_takeover_t *t, int code, const char *desc);

#endif
