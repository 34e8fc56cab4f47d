/* Inside sync/: policy as it is used, how guests were let in, what is taken back when that does not
 * hold any more, and what is remembered of refusals. Included by sync.h and hosted.h.
 *
 *      judging.c     the order of section 5: list, rules, public, handler; taking back
 *      identity.c    who it is that asks
 *      lists.c       whom a reporter lets observe without being asked
 *      refusals.c    the last refusals, their lines in the log; why
 *
 * A guest that the list, a rule or publicness let in is judged again when lists, groups or rules
 * change (and each minute, if rules know of time): who would not be let in now is struck off in
 * that turn, as by evict, and may ask again. What a handler has let in stays until evict; so does
 * who observed before the object was handed over to this runtime, unless a rule here denies it
 * then. */
#ifndef HY_SYNC_JUDGING_H
#define HY_SYNC_JUDGING_H

#include "../base/dict.h"
#include "../loop/clock.h"
#include "manager.h"
#include "policy.h"
#include "rejoin.h"

/* How a guest was let in: name, word in rows and for the prompt. */
#define HY_LET_MAP(X)                                                                              \
    X(NOT, "not")                                                                                  \
    X(INVITED, "invited")                                                                          \
    X(LIST, "list")                                                                                \
    X(RULE, "rule")                                                                                \
    X(PUBLIC, "public")                                                                            \
    X(HANDLER, "handler")                                                                          \
    X(BEFORE, "before") /* by who reported the object before */
typedef enum {
#define X(name, word) HY_LET_##name,
    HY_LET_MAP(X)
#undef X
} hy_let_t;
const char *hy__let_word(hy_let_t let);
hy_let_t hy__let_find(const hy_str_t *word, hy_let_t otherwise); /* `word` may be NULL */

typedef struct hy_hosted hy_hosted_t;

/* Who asks; lent. */
typedef struct {
    hy_str_t *url, *user; /* user NULL: not told */
    bool is_verified;     /* somebody answers for it that it is that user */
} hy_asker_t;

typedef struct {
    hy_ruling_t ruling; /* NONE: the hyperty is to decide */
    hy_let_t by;        /* of ALLOW */
    const char *rule;   /* that decided, as policy.h names it, or NULL; lent */
} hy_judgement_t;

/* OBSERVE and READ, by list, rules and publicness. What denies is noted. */
hy_judgement_t hy__judge(hy_hosted_t *h, hy_action_t action, const hy_asker_t *who,
                         hy_error_t *err);
/* The same of any action but CREATE, without noting anything: what would be. */
hy_judgement_t hy__judge_quietly(const hy_hosted_t *h, hy_action_t action, const hy_asker_t *who);
/* EXECUTE and CHILD; true if a rule denies it, which is noted and told in `err`. */
bool hy__judge_denies_call(hy_hosted_t *h, const hy_asker_t *who, const hy_str_t *method,
                           hy_error_t *err);
bool hy__judge_denies_child(hy_hosted_t *h, const hy_asker_t *who, const hy_str_t *collection,
                            hy_error_t *err);
/* Of an execute on that hyperty itself; of a `create` from a hyperty of this runtime, of that
 * schema. */
bool hy__judge_denies_hyperty(hy_manager_t *m, const hy_str_t *hyperty, const hy_asker_t *who,
                              const hy_str_t *method, hy_error_t *err);
bool hy__judge_denies_create(hy_manager_t *m, const hy_asker_t *who, const hy_schema_t *schema,
                             const hy_node_t *body, hy_error_t *err);

/* Guests are judged again. `done` (NULL: nobody waits) is called once, later, when all who are
 * struck off are cut off, with the first failure, if *waits; else nobody is to be waited for.
 * HY_ENOMEM, with `done` only: nothing was done. Put off while the object is being handed over. */
int hy__hosted_judge(hy_hosted_t *h, hy_domain_cb done, void *arg, bool *waits);
/* The object was handed over to this runtime: what others let in is theirs from now on. */
void hy__hosted_inherit(hy_hosted_t *h);
/* Somebody was let in by a rule, or because none denied it. */
void hy__judging_watch(hy_manager_t *m);

/* --- identity.c ------------------------------------------------------------------------------- */

/* With the identity in the message; verified if the message is vouched for (hy_msg_t), too. */
hy_asker_t hy__asker(hy_str_t *url, hy_msg_t *m);
/* That hyperty of this runtime, for who has the address `to`. */
hy_asker_t hy__asker_own(const hy_syncher_t *s, const hy_str_t *to);
/* "identity" into a body: of who asks, if it has told a user; of that hyperty, in what is sent
 * there. */
int hy__put_asker(hy_node_t *body, const hy_asker_t *who);
int hy__put_identity(hy_node_t *body, const hy_syncher_t *s, const hy_str_t *to);

/* --- lists.c ---------------------------------------------------------------------------------- */

/* A list entry is a guest of that hyperty or user URL. HY_EFULL. */
int hy__hosted_authorise(hy_hosted_t *h, hy_str_t *who);
/* Struck off the list, with what an invitation gave; then all are judged, as by hy__hosted_judge.
 * HY_ENOT_FOUND: it is not on it. */
int hy__hosted_revoke(hy_hosted_t *h, hy_str_t *who, hy_domain_cb done, void *arg, bool *waits);
bool hy__is_user_url(const hy_str_t *url);

/* --- refusals.c ------------------------------------------------------------------------------- */

typedef struct {
    hy_action_t action;
    const hy_str_t *url, *who, *user; /* user may be NULL */
    const char *by;                   /* what is the same, each time that it refuses */
    const char *text;                 /* "refused by policy rule …" */
    bool strikes;                     /* it observed until now */
} hy_refusal_t;

/* Remembered; logged if it is new. */
void hy__refusal_note(hy_manager_t *m, const hy_refusal_t *refusal);

/* Part of the manager. */
typedef struct {
    hy_policy_t *policy;
    hy_timer_t minute;      /* guests are judged when it changes */
    hy_dict_t refusals;     /* refusals.c */
    uint64_t lines_from_ms; /* when this minute's lines of the log began */
    uint32_t lines;
} hy_judging_t;

int hy__judging_init(hy_manager_t *m);
void hy__judging_deinit(hy_manager_t *m);
void hy__refusals_init(hy_judging_t *j);
void hy__refusals_deinit(hy_judging_t *j);

#endif
