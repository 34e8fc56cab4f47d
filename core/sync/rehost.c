/* Hosted objects after a lost session, and what they say by themselves (PROTOCOL.md section 7).
 *
 *      hold (guarded, same epoch) ─► admit who observes ─► registry ─► digest
 *               └─ held by another ─► replaced: this reporter writes no more
 *
 * Nobody is asked whether the observers may: they observe already. */
#include <stdlib.h>

#include "../base/mem.h"
#include "../base/mutant.h"
#include "handover.h"

/* --- replaced --------------------------------------------------------------------------------- */

void hy__hosted_replaced(hy_hosted_t *h, const char *why) {
    hy_manager_t *m = h->manager;
    if (h->is_replaced) return;
    if (h->delegation) { /* the heir has it */
        hy__delegation_commit(h);
        return;
    }
    hy_log(hy_bus_log(m->bus), HY_LOG_WARN, "sync", "%s is reported elsewhere now: %s",
           h->url->bytes, why);
    h->is_replaced = true;
    hy__registration_end(m, h->url, false);
    hy_listener_close(h->on_subscription);
    h->on_subscription = NULL;
    hy_reporter_t *r = hy__hosted_reporter(h);
    hy_replica_t *own = hy__part_find(&m->replicas, h->url);
    hy__job_end(&h->job);
    if (own) hy__replica_renew(own); /* who observed here observes the other one */
    if (r) hy__reporter_replaced(r);
}

bool hy__manager_hosts(const hy_manager_t *m, const hy_str_t *url) {
    const hy_hosted_t *h = hy__part_find(&m->hosted, url);
    return h && !h->is_replaced;
}

bool hy__manager_hears(const hy_manager_t *m, const hy_str_t *url) {
    const hy_hosted_t *h = hy__part_find(&m->hosted, url);
    const hy_reporter_t *r = h && !h->is_replaced && !h->delegation ? hy__hosted_reporter(h) : NULL;
    return r && !hy__reporter_returns(r);
}

hy_str_t *hy__epoch_after(hy_manager_t *m, const hy_str_t *epoch) {
    uint32_t random = (uint32_t)hy_random_below(hy_bus_random(m->bus), UINT32_MAX);
    if (HY_MUTANT(EPOCH_KEPT)) return hy_str_format("%lld-%08x", atoll(epoch->bytes), random);
    return hy_epoch_after(epoch, random);
}

void hy__hosted_hear(const hy_manager_t *m, const hy_str_t *url, const hy_str_t *epoch) {
    hy_hosted_t *h = hy__part_find(&m->hosted, url);
    const hy_reporter_t *r = h && !h->is_replaced ? hy__hosted_reporter(h) : NULL;
    const hy_str_t *own = r ? r->party.object->epoch : NULL;
    if (own && hy_epoch_compare(epoch, own) > 0)
        hy__hosted_replaced(h, "it was heard in a higher epoch");
}

hy_str_t *hy__hosted_epoch(const hy_hosted_t *h) {
    return h->epoch;
}

/* --- holding again ---------------------------------------------------------------------------- */

static void admit_more(hy_hosted_t *h);

static void on_admitted(void *hosted, int http, hy_msg_t *answer) {
    hy_hosted_t *h = hosted;
    (void)answer;
    if (http < 300) {
        admit_more(h);
    } else {
        hy__job_retry(&h->job);
    }
}

static void finish(hy_hosted_t *h) {
    hy_manager_t *m = h->manager;
    hy_value_drop(h->admitted);
    h->admitted = hy_absent();
    h->is_unsure = false;
    hy__hosted_digest(h);
    hy__job_end(&h->job);
    hy__registration_renew(m, h->url);
    hy__delegation_returned(h);
}

/* Who left while the object was nobody's may have stopped since, and does not say so again. */
static void admit(hy_hosted_t *h, hy_str_t *hyperty) {
    if (h->is_unsure)
        hy__hosted_doubt(h, hyperty);
    else
        hy__domain_admit(h->manager, h->url, hyperty, NULL, NULL);
}

/* A number of them at once, the last of which is waited for: they are answered in their order. */
static void admit_more(hy_hosted_t *h) {
    hy_manager_t *m = h->manager;
    const hy_node_t *list = h->admitted.as.n;
    hy_str_t *last = NULL;
    for (uint32_t n = 0; n < HY_REJOIN_ADMITS_MAX && h->admitted_count < hy_node_count(list);) {
        hy_str_t *hyperty = hy_node_at(list, h->admitted_count++).as.s;
        if (!hy__hosted_has_observer(h, hyperty)) continue;
        if (last || h->is_unsure) admit(h, h->is_unsure ? hyperty : last);
        last = hyperty;
        n++;
    }
    if (last) {
        hy__job_ask(&h->job, HY_MSG_EXECUTE, m->sm, hy__domain_sm(m, h->url),
                    hy__guard_body("admit", h->url, last), on_admitted);
    } else {
        finish(h);
    }
}

static void on_held(void *hosted, int http, hy_msg_t *answer) {
    hy_hosted_t *h = hosted;
    if (http == 403 || http == 409 || http == 410) {
        hy__hosted_replaced(h, hy_msg_desc(answer));
        return;
    }
    hy_value_drop(h->admitted);
    h->admitted = hy_absent();
    h->admitted_count = 0;
    if (http >= 300 || hy__hosted_observers(h, &h->admitted) < 0) {
        hy__job_retry(&h->job);
    } else {
        admit_more(h);
    }
}

void hy__hosted_keep_routes(hy_hosted_t *h) {
    hy_manager_t *m = h->manager;
    if (!hy__lasting_drop(m, "unroute", h->url, h->reporter)) return;
    hy_value_t others =
        hy__list2(hy__url_below(h->url, "/changes"), hy__url_below(h->url, "/registration"));
    hy__domain_unroute(m, others, h->url, h->reporter);
}

static void run(void *hosted) {
    hy_hosted_t *h = hosted;
    hy_manager_t *m = h->manager;
    hy__hosted_keep_routes(h);
    hy__job_ask(&h->job, HY_MSG_SUBSCRIBE, m->sm, hy__domain_sm(m, h->url),
                hy__hold_body(hy__hosted_resources(h), h->reporter, h->epoch), on_held);
}

void hy__hosted_init_job(hy_hosted_t *h) {
    hy__job_init(&h->job, h->manager, h->url, run, h);
}

void hy__hosted_renew(hy_hosted_t *h) {
    if (!h->is_replaced && !hy__delegation_renew(h)) hy__job_want(&h->job);
}

/* --- digests ---------------------------------------------------------------------------------- */

void hy__hosted_digest(hy_hosted_t *h) {
    hy_reporter_t *r = hy__hosted_reporter(h);
    if (r && !h->is_replaced) hy__reporter_digest(r);
}

uint64_t hy__hosted_pulse(hy_hosted_t *h) {
    const hy_reporter_t *r = h->observers > 0 ? hy__hosted_reporter(h) : NULL;
    if (!r || h->is_replaced) return UINT64_MAX;
    hy__hosted_save_guests(h);
    uint64_t now_ms = hy_clock_now(hy_bus_clock(h->manager->bus));
    if (now_ms >= r->published_ms + HY_DIGEST_MS) hy__hosted_digest(h);
    hy__hosted_doubt_due(h, now_ms);
    return r->published_ms + HY_DIGEST_MS;
}
