/* Inside sync/: an object that is reported here, as its sync manager knows it. */
#ifndef HY_SYNC_HOSTED_H
#define HY_SYNC_HOSTED_H

#include "sync.h"

/* Who may observe or does. */
typedef struct {
    hy_str_t *key;  /* hyperty URL */
    hy_str_t *user; /* as subscribed, NULL if not told */
    bool is_authorised, is_observing;
    bool is_evicted;    /* it may not have heard so yet */
    bool is_untold;     /* evicted by the reporter before, and neither it nor the node may know */
    bool is_gone;       /* its connection was lost; it is let in again without being asked about */
    bool is_listed;     /* its reporter lets it in without being asked; also a user's entry */
    bool is_taken_back; /* evicted, but not by its reporter: policy may let it in again */
    bool is_verified;   /* its user, as subscribed */
    uint32_t accepted;  /* how often */
    hy_let_t let;       /* how it was let in; `is_authorised` by an invitation */
    hy_str_t *rule;     /* that let it in, or NULL */
    int64_t let_wall_ms;
} hy_guest_t;

typedef struct hy_delegation hy_delegation_t;

struct hy_hosted {
    hy_manager_t *manager;
    hy_str_t *url, *subscription, *reporter, *epoch;
    const hy_schema_t *schema;
    hy_listener_t *on_subscription;
    hy_dict_t guests;
    hy_link_t askings; /* subscriptions that the reporter is asked about, admission.c */
    uint32_t observers;
    uint64_t admissions; /* of anybody, in this epoch or since before it */
    bool is_public;
    bool is_unjudged;    /* its guests are still to be judged (judging.h) */
    bool is_replaced;    /* another session holds the object */
    hy_job_t job;        /* holding it again */
    hy_value_t admitted; /* whom that has to admit again; ABSENT: not begun */
    size_t admitted_count;
    bool is_unsure;    /* it was on its way, and who has left meanwhile is not known yet */
    uint64_t doubt_ms; /* resumed: when to ask who of its observers is still there; 0: not */
    hy_delegation_t *delegation; /* it is being handed over (handover.h); NULL: it is not */
};

/* hosting.c */
hy_guest_t *hy__hosted_guest(const hy_hosted_t *h, const hy_str_t *hyperty); /* NULL; lent */
/* identity.c: that guest, as it subscribed; no better verified than the message that it has sent
 * now (NULL: it has sent none). */
hy_asker_t hy__guest_asker(const hy_guest_t *g, const hy_msg_t *m);
/* Who has sent that: the guest, if it has told who it is, or whom the message names. */
hy_asker_t hy__hosted_asker(const hy_hosted_t *h, hy_msg_t *m);
/* guests.c: writes what is known of that guest, or that there is none, if the object is stored. */
void hy__hosted_save_guest(hy_hosted_t *h, hy_str_t *hyperty);
/* It is let in by that, from now on; NULL: it is not. */
void hy__guest_let(hy_hosted_t *h, hy_guest_t *g, const hy_judgement_t *j);
/* How it was let in, of a row or of what is handed over; its other flags are set before. */
void hy__guest_read_let(hy_guest_t *g, const hy_node_t *row);
/* Writes all of them, in place of what is there. */
int hy__hosted_write_guests(hy_hosted_t *h, hy_ledger_t *l);
/* What could not be written then is written. */
void hy__hosted_save_guests(hy_hosted_t *h);
/* From its rows (hy_ledger_t). */
int hy__hosted_restore_guests(hy_hosted_t *h, const hy_node_t *guests);
hy_reporter_t *hy__hosted_reporter(const hy_hosted_t *h);
/* The guest of that hyperty, made if missing; HY_EFULL. */
int hy__hosted_put_guest(hy_hosted_t *h, hy_str_t *hyperty, hy_guest_t **out);
void hy__hosted_remove_guest(hy_hosted_t *h, hy_guest_t *g);
/* <Object>, …/subscription and the children, which the reporter keeps. */
hy_value_t hy__hosted_resources(const hy_hosted_t *h);
/* admission.c: what comes to <Object>/subscription. */
void hy__hosted_on_subscription(void *hosted, hy_msg_t *m);
/* Admits it, and finds out whether it is still there. */
void hy__hosted_doubt(hy_hosted_t *h, const hy_str_t *hyperty);
/* The object was resumed: those who observed before and have not been heard of in a while may have
 * left without its knowing. */
void hy__hosted_doubt_later(hy_hosted_t *h);
void hy__hosted_doubt_due(hy_hosted_t *h, uint64_t now_ms);
/* creation.c: what the registry says of it: the metadata that finds it. ABSENT when out of memory.
 */
hy_value_t hy__hosted_entry(const hy_hosted_t *h, const hy_node_t *metadata);
/* eviction.c: the last admission of anybody as a runtime is told of it, with the answer that lets
 * one in and when one is struck off: "<epoch>/<number>". NULL when out of memory. */
hy_str_t *hy__hosted_admission(const hy_hosted_t *h);
/* The reporter hears that this one does not observe any more. */
void hy__hosted_tell_left(hy_hosted_t *h, hy_str_t *hyperty);
/* Strikes it off without asking its reporter, who is told of it as of one who left; else as
 * hy__hosted_evict. It may be let in again. */
int hy__hosted_take_back(hy_hosted_t *h, hy_guest_t *g, hy_domain_cb done, void *arg);
/* That it struck that hyperty off may still have to be heard. */
bool hy__hosted_is_untold(const hy_hosted_t *h, const hy_guest_t *g);
/* Those of that list (NULL: nobody) who are struck off, ABSENT: none, or out of memory. As one of
 * their runtime is let in now, whose copy they share, they are told once more before anything that
 * it gets. */
hy_value_t hy__hosted_struck(const hy_hosted_t *h, const hy_node_t *hyperties);
/* Goes on with telling it where the reporter before has stopped. */
void hy__hosted_tell_evicted(hy_hosted_t *h);
/* rehost.c */
void hy__hosted_init_job(hy_hosted_t *h);
/* An epoch above that one; NULL when out of memory. */
hy_str_t *hy__epoch_after(hy_manager_t *m, const hy_str_t *epoch);

#endif
