/* Inside sync/: a call is a request that a syncher makes for its hyperty. It waits for one answer
 * (or for its turn, when the answer is known at once) and calls back once; closing the syncher
 * drops it. */
#ifndef HY_SYNC_CALL_H
#define HY_SYNC_CALL_H

#include "sync.h"

typedef struct hy_call hy_call_t;
struct hy_call {
    hy_link_t link; /* in the syncher */
    hy_syncher_t *syncher;
    hy_party_t *party; /* referenced, or NULL */
    hy_request_t *request;
    hy_timer_t now;     /* for an answer that is known at once */
    hy_str_t *url;      /* of a subscription */
    hy_str_t *followed; /* hyperty, of a follow */
    hy_create_t create;
    hy_value_t criteria, found; /* of a discovery */
    bool is_second;             /* it has asked for objects, now for hyperties */
    hy_str_t *read;             /* object that it reads, which may come in parts */
    hy_collecting_t collecting;
    hy_call_t **slot; /* where a callback that may outlive it looks for it: emptied at the end */
    /* What to do with the final answer; hy__call_end at its end. */
    void (*take)(hy_call_t *c, hy_msg_t *answer, int code, const char *desc);
    hy_party_cb on_party;
    hy_value_cb on_value;
    hy_done_cb on_done;
    hy_parties_cb on_parties;
    void *arg;
};

/* NULL when out of memory. `take` is preset to calling on_done. */
hy_call_t *hy__call_new(hy_syncher_t *s, void *arg);
void hy__call_free(hy_call_t *c);
/* Calls back and is gone. */
void hy__call_end(hy_call_t *c, int code, const char *desc, hy_party_t *party, hy_value_t value);
void hy__call_take_party(hy_call_t *c, hy_msg_t *answer, int code, const char *desc);
void hy__call_take_value(hy_call_t *c, hy_msg_t *answer, int code, const char *desc);
/* Sends the call's request; `body` is taken over. */
int hy__call_transmit(hy_call_t *c, hy_msg_type_t type, hy_str_t *to, hy_value_t body,
                      hy_error_t *err);
/* The same; on failure the call is gone. */
int hy__call_ask(hy_call_t *c, hy_msg_type_t type, hy_str_t *to, hy_value_t body, hy_error_t *err);
/* Calls back in the next turn; on failure the call is gone. */
int hy__call_answer_now(hy_call_t *c);
void hy__create_release(hy_create_t *c);

#endif
