/* Inside sync/: what a hyperty is asked to decide, decision.c. Included by sync.h. */
#ifndef HY_SYNC_DECISION_H
#define HY_SYNC_DECISION_H

#include "../base/list.h"
#include "judging.h"
#include "syncher.h"

typedef void (*hy_decided_cb)(void *arg, hy_decision_t *d, int code, const char *reason);
struct hy_decision {
    uint32_t refs;
    hy_decision_kind_t kind;
    bool is_open, is_cancelled; /* cancelled: the hyperty stops */
    bool is_denied;             /* by policy */
    bool is_unheard;            /* its hyperty has no handler for it */
    hy_syncher_t *syncher;      /* NULL once closed */
    hy_party_t *party;          /* referenced, or NULL */
    hy_link_t link;             /* in the syncher */
    hy_msg_t *request;          /* NULL: nobody to answer */
    hy_str_t *from, *user;      /* who asks; user NULL: not told */
    bool is_verified;
    hy_str_t *url, *method;
    hy_value_t params;
    const hy_node_t *value; /* lent by the request */
    hy_child_event_kind_t child_kind;
    hy_child_t *child;
    hy_change_t *change;
    int refusal;           /* code of an undecided end: HY_EFORBIDDEN, or 0: accepted */
    hy_decided_cb decided; /* instead of answering the request; once */
    void *arg;
    hy_timer_t beat;
    uint64_t deadline_ms;
};

/* One reference. `request` is referenced. NULL when out of memory. */
hy_decision_t *hy__decision_new(hy_syncher_t *s, hy_party_t *party, hy_decision_kind_t kind,
                                hy_msg_t *request, const hy_asker_t *who);
/* Takes "method" and "params" of an execute. */
void hy__decision_take_call(hy_decision_t *d, const hy_node_t *body);
/* Hands it to the hyperty and lets go of it. */
void hy__decision_ask(hy_decision_t *d);
/* Policy refuses it, for that reason; lets go of it. The hyperty does not hear of it. */
void hy__decision_deny(hy_decision_t *d, const char *reason);
/* The syncher goes: refused. */
void hy__decision_cancel(hy_decision_t *d);

#endif
