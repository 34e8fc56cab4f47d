/* Inside sync/: a call is a request that a syncher makes for its hyperty. It waits for one answer
 * (or for its turn, when the answer is known at once) and calls back once; closing the syncher
 * drops it. */
#ifndef HY_SYNC_CALL_H
#define HY_SYNC_CALL_H

#include "sync.h"

struct hy_call {
    hy_link_t link; /* in the syncher */
    hy_syncher_t *syncher;
    hy_party_t *party; /* referenced, or NULL */
    hy_request_t *request;
    hy_timer_t now;                                /* for an answer that is known at once */
    hy_store_read_t *rows;                         /* being read */
    void (*next)(hy_call_t *c);                    /* when they are there */
    hy_schema_wait_t schema;                       /* that it needs, and … */
    int (*knowing)(hy_call_t *c, hy_error_t *err); /* goes on with */
    hy_ledger_t *ledger;                           /* restored, with its object; owned */
    hy_commit_t commit;                            /* that is waited for */
    hy_value_t value;                              /* to call back with then */
    hy_party_t **parties;                          /* of a resume */
    uint32_t party_count, awaited;
    int failure; /* of one of them */
    hy_str_t *why;
    hy_str_t *url;      /* of a subscription */
    hy_str_t *followed; /* hyperty, of a follow */
    hy_create_t create;
    hy_value_t criteria, found; /* of a discovery */
    bool resumes;               /* the store keeps what it asks for */
    hy_str_t *kept;             /* object that its hyperty reported, in the store */
    hy_store_level_t kept_level;
    bool is_part;        /* of a call that resumes all, which gives them to the hyperty */
    uint32_t live_count; /* of what was found */
    bool is_second;      /* it has asked for objects, now for hyperties */
    bool may_repeat;     /* its request, if it is told to ask again */
    hy_msg_t *message;   /* that request */
    hy_timer_t again;
    uint64_t again_ms, until_ms;
    hy_str_t *read; /* object that it reads, which may come in parts */
    hy_collecting_t collecting;
    hy_call_t **slot; /* where a callback that may outlive it looks for it: emptied at the end */
    /* What to do with the final answer; hy__call_end at its end. */
    void (*take)(hy_call_t *c, hy_msg_t *answer, int code, const char *desc);
    hy_party_cb on_party;
    hy_value_cb on_value;
    hy_done_cb on_done;
    hy_parties_cb on_parties;
    void *arg;
    hy_told_t *told; /* room for its end, made when a trial began */
    bool is_tried;   /* who calls is on trial */
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
/* Calls `take` in the next turn; on failure the call goes on. */
int hy__call_take_now(hy_call_t *c);
/* Goes on with `knowing` when that schema is known: at once, or after it was asked for at its
 * catalogue. On failure, also that of `knowing`, the call goes on if this fails at once; later it
 * is ended, with all that wait with it. */
int hy__call_knowing(hy_call_t *c, const hy_str_t *schema,
                     int (*knowing)(hy_call_t *c, hy_error_t *err), hy_error_t *err);
/* Calls back, with its party or value if it gives one, once that ticket is committed; on failure it
 * goes on. */
int hy__call_wait(hy_call_t *c, uint64_t ticket);
void hy__create_release(hy_create_t *c);
/* The syncher's reporter of that schema and name (NULL: of none). */
hy_party_t *hy__find_reporter(const hy_syncher_t *s, const hy_schema_t *schema,
                              const hy_str_t *name);
/* Asks the sync manager for a new object; on failure the call goes on. */
int hy__create_anew(hy_call_t *c, hy_error_t *err);

/* Asks the sync manager to let it observe `url`, at the level and of the schema of `create`; on
 * failure the call goes on. */
int hy__subscribe_anew(hy_call_t *c, hy_error_t *err);
/* True if such a call is under way, or waits for its turn: a second one only waits with it. */
bool hy__is_subscribing(const hy_syncher_t *s, const hy_str_t *url);
/* All who subscribed to that object meanwhile get the same answer. */
void hy__subscriptions_end(hy_syncher_t *s, hy_str_t *url, int code, const char *desc,
                           hy_party_t *p);
/* The call; if it is a subscription, with all of that object. */
void hy__call_end_all(hy_call_t *c, int code, const char *desc, hy_party_t *p);

/* discover.c: may the registry be searched by them (a schema is then by its URL)? HY_EINVALID,
 * HY_ENOMEM. And the registry that is: that of the domain of the URL, or of the reporter, that they
 * name. */
int hy__criteria_check(const hy_manager_t *m, hy_node_t *criteria, hy_error_t *err);
hy_str_t *hy__criteria_registry(const hy_manager_t *m, const hy_node_t *criteria);

/* --- kept.c, resume.c ------------------------------------------------------------------------- */

/* Calls `next` when the syncher knows what the store keeps for it; on failure the call goes on. */
int hy__kept_then(hy_call_t *c, void (*next)(hy_call_t *c));
/* True if it is of that schema and name; NULL: of any. */
bool hy__kept_is(const hy_kept_t *k, const hy_schemas_t *schemas, hy_str_t *schema,
                 const hy_str_t *name);
/* Goes on with the kept object, or anew; that may end the call. */
void hy__resume_reporter(hy_call_t *c, const hy_kept_t *k);
/* The same for a kept copy, unless the hyperty subscribes to it just now: then with that. */
void hy__resume_copy(hy_call_t *c, const hy_kept_t *k);
/* The hyperty gets it now: from here on it can be asked who may observe. */
void hy__reporter_woke(hy_party_t *p);
/* The steps of create and subscribe with a store. */
void hy__create_or_resume(hy_call_t *c);
void hy__subscribe_or_resume(hy_call_t *c);
/* Stores the object of that reporter from now on. On failure nothing was written. */
int hy__reporter_store(hy_reporter_t *r, hy_store_level_t level);

#endif
