/* Trying another life of a hyperty: begin, and the two ends (syncher.h). What waits meanwhile:
 * telling.c and holding.c; here is what belongs to parties and calls.
 *
 *      on trial        who has it before        commit                   rollback
 *      party           old: its settled tag     the tag of the trial     the settled tag
 *      party, new      a call of the trial      stays                    deleted, left; one that
 *                                                                        was stored rests again
 *      call            marked when it is made   goes on                  dropped */
#include "../base/mem.h"
#include "call.h"
#include "handover.h"
#include "watching.h"

bool hy__trial_holds(const hy_syncher_t *s) {
    return s->trial && s->trial->is_on && !s->trial->is_committing;
}

bool hy__trial_delays(const hy_syncher_t *s) {
    const hy_trial_t *t = s->trial;
    return t && (t->is_on || (!t->is_telling && !hy_list_is_empty(&t->queue)));
}

void hy__trial_break(hy_trial_t *t, const char *why) {
    if (t->is_broken) return;
    t->is_broken = true;
    t->why = why;
    hy__telling_go_on(t);
}

/* --- parties ---------------------------------------------------------------------------------- */

static void mark(hy_party_t *p) {
    p->is_on_trial = true;
    p->tried_tag = NULL;
    p->was_resumed = p->is_resumed;
    p->settled_n = p->next_n;
}

static void settle(hy_party_t *p) {
    if (!p->is_on_trial) return;
    p->is_on_trial = p->is_tried = false;
    p->tag = p->tried_tag;
    p->tried_tag = NULL;
}

static void restore(hy_party_t *p) {
    if (!p->is_on_trial) return;
    p->is_on_trial = false;
    p->tried_tag = NULL;
    p->is_resumed = p->was_resumed;
    p->next_n = p->settled_n;
}

static void each_party(hy_trial_t *t, void (*fn)(hy_party_t *p)) {
    const hy_link_t *parties = &t->syncher->parties;
    for (hy_link_t *l = parties->next; l != parties; l = l->next) {
        fn(hy_link_owner(l, hy_party_t, link));
    }
    hy__telling_each_closed(t, fn);
}

void hy__trial_meets(hy_party_t *p) {
    if (p->syncher->trial && p->syncher->trial->is_on) mark(p);
}

/* The first call that gives it says whose it is. */
void hy__trial_gives(const hy_call_t *c, hy_party_t *p) {
    if (p->is_given) {
        if (!c->is_tried) p->is_tried = false;
        return;
    }
    p->is_given = true;
    p->is_tried = c->is_tried;
    p->rests = p->is_resumed;
}

void hy__trial_closes(hy_party_t *p) {
    hy_syncher_t *s = p->syncher;
    if (!s->trial) return;
    hy__holding_forget(p);
    p->is_untold = hy__trial_delays(s) && !s->is_closing;
}

/* One that nobody has but who was tried. It was not there before: it is as if it never had been. */
static void end_party(hy_party_t *p) {
    hy_syncher_t *s = p->syncher;
    hy_party_ref(p);
    if (p->is_reporter) {
        hy_reporter_t *r = (hy_reporter_t *)p;
        hy_hosted_t *h = hy__reporter_hosted(r);
        bool rests = p->rests && s->manager->is_lasting && r->ledger;
        if (h && rests) hy__hosted_rest(h);
        if (h && !rests && r->ledger) hy__stored_forget(r);
        if (h && !rests) hy__hosted_delete(h);
    } else {
        hy_member_t *m = ((hy_observer_t *)p)->member;
        m->rests = p->rests && s->manager->is_lasting && m->store != HY_STORE_NONE;
        hy__member_leave(m, true);
    }
    hy__party_close(p);
    hy_party_unref(p);
}

static hy_party_t *first_tried(hy_syncher_t *s) {
    for (hy_link_t *l = s->parties.next; l != &s->parties; l = l->next) {
        hy_party_t *p = hy_link_owner(l, hy_party_t, link);
        if (p->is_tried) return p;
    }
    return NULL;
}

/* --- calls ------------------------------------------------------------------------------------ */

/* What they asked for, and nobody has got yet. */
static void claim(hy_call_t *c) {
    if (c->party && !c->party->is_given && c->party->is_open) hy__trial_gives(c, c->party);
    for (uint32_t i = 0; i < c->party_count; i++) {
        if (!c->parties[i]->is_given && c->parties[i]->is_open) hy__trial_gives(c, c->parties[i]);
    }
}

/* What the old life waits for, too, is its. */
static void disclaim(const hy_syncher_t *s) {
    for (const hy_link_t *l = s->calls.next; l != &s->calls; l = l->next) {
        const hy_call_t *c = hy_link_owner(l, hy_call_t, link);
        if (c->is_tried) continue;
        if (c->party) c->party->is_tried = false;
        for (uint32_t i = 0; i < c->party_count; i++) {
            c->parties[i]->is_tried = false;
        }
    }
}

static hy_call_t *first_call(hy_syncher_t *s) {
    for (hy_link_t *l = s->calls.next; l != &s->calls; l = l->next) {
        hy_call_t *c = hy_link_owner(l, hy_call_t, link);
        if (c->is_tried) return c;
    }
    return NULL;
}

static void drop_calls(hy_syncher_t *s) {
    hy_call_t *c;
    while ((c = first_call(s))) {
        claim(c);
        hy__call_drop(c);
    }
    hy__follows_undo(s);
    hy__watchings_undo(s);
    for (hy_link_t *l = s->parties.next; l != &s->parties; l = l->next) {
        hy__party_drop_awaits(hy_link_owner(l, hy_party_t, link));
    }
}

static void keep_calls(hy_syncher_t *s) {
    for (hy_link_t *l = s->calls.next; l != &s->calls; l = l->next) {
        hy_link_owner(l, hy_call_t, link)->is_tried = false;
    }
    hy__follows_keep(s);
    hy__watchings_keep(s);
    for (hy_link_t *l = s->parties.next; l != &s->parties; l = l->next) {
        hy__party_keep_awaits(hy_link_owner(l, hy_party_t, link));
    }
}

/* Room for the ends of calls that were made before. */
static int reserve(hy_syncher_t *s) {
    for (hy_link_t *l = s->calls.next; l != &s->calls; l = l->next) {
        hy_call_t *c = hy_link_owner(l, hy_call_t, link);
        if (!c->told && !(c->told = hy__told_new())) return HY_ENOMEM;
    }
    for (hy_link_t *l = s->parties.next; l != &s->parties; l = l->next) {
        if (hy__party_reserve_awaits(hy_link_owner(l, hy_party_t, link)) < 0) return HY_ENOMEM;
    }
    return 0;
}

/* --- begin ------------------------------------------------------------------------------------ */

static int check_parties(const hy_syncher_t *s, hy_error_t *err) {
    for (const hy_link_t *l = s->parties.next; l != &s->parties; l = l->next) {
        const hy_party_t *p = hy_link_owner(l, hy_party_t, link);
        const hy_reporter_t *r = (const hy_reporter_t *)p;
        if (!p->is_reporter) continue;
        if (r->batch) return hy_fail(err, HY_ECONFLICT, "%s: a batch is open", p->url->bytes);
        if (r->heir)
            return hy_fail(err, HY_ECONFLICT, "%s is being handed over to %s", p->url->bytes,
                           r->heir->bytes);
    }
    return 0;
}

static hy_trial_t *trial_new(hy_syncher_t *s) {
    hy_trial_t *t = hy_alloc_zero(sizeof *t);
    if (!t) return NULL;
    t->syncher = s;
    hy_link_init(&t->queue);
    hy_link_init(&t->deeds);
    hy_timer_init(&t->turn, hy__telling_turn, t);
    return t;
}

int hy_syncher_trial_begin(hy_syncher_t *s, void (*broken)(void *arg, const char *why), void *arg,
                           hy_error_t *err) {
    if (s->trial && s->trial->is_on)
        return hy_fail(err, HY_ECONFLICT, "%s is on trial already", s->url->bytes);
    int rc = check_parties(s, err);
    if (rc == 0) rc = reserve(s);
    if (rc < 0) return rc;
    if (!s->trial) s->trial = trial_new(s);
    hy_trial_t *t = s->trial;
    if (!t) return HY_ENOMEM;
    t->is_on = true;
    t->is_broken = t->was_told = false;
    t->broken = broken;
    t->broken_arg = arg;
    each_party(t, mark);
    return 0;
}

/* --- the ends --------------------------------------------------------------------------------- */

void hy__trial_free(hy_syncher_t *s) {
    hy_trial_t *t = s->trial;
    s->trial = NULL;
    hy_timer_stop(hy_bus_clock(s->manager->bus), &t->turn);
    hy_free(t);
}

/* What waited goes on. */
static void end(hy_trial_t *t) {
    t->is_on = t->is_committing = false;
    if (hy_list_is_empty(&t->queue) && !t->is_telling) {
        hy__trial_free(t->syncher);
    } else {
        hy_timer_start(hy_bus_clock(t->syncher->manager->bus), &t->turn, 0);
    }
}

int hy_syncher_trial_commit(hy_syncher_t *s, void *arg, hy_error_t *err) {
    hy_trial_t *t = s->trial;
    if (!t || !t->is_on) return hy_fail(err, HY_ECONFLICT, "%s is not on trial", s->url->bytes);
    int rc = t->is_broken ? hy_fail(err, HY_ECONFLICT, "%s", t->why) : hy__holding_check(t, err);
    if (rc < 0) return rc;
    t->is_committing = true;
    keep_calls(s);
    hy__holding_commit(t);
    s->arg = arg;
    each_party(t, settle);
    end(t);
    return 0;
}

static void undo(hy_trial_t *t) {
    hy_syncher_t *s = t->syncher;
    hy_party_t *p;
    hy__holding_rollback(t);
    drop_calls(s);
    disclaim(s);
    while ((p = first_tried(s))) {
        p->is_tried = false;
        end_party(p);
    }
    each_party(t, restore);
}

void hy_syncher_trial_rollback(hy_syncher_t *s) {
    if (!s->trial || !s->trial->is_on) return;
    undo(s->trial);
    end(s->trial);
}

void hy__trial_abandon(hy_syncher_t *s) {
    if (s->trial && s->trial->is_on) undo(s->trial);
}

bool hy_syncher_is_on_trial(const hy_syncher_t *s) {
    return s->trial && s->trial->is_on;
}

const char *hy_syncher_trial_waits(const hy_syncher_t *s) {
    if (!hy__trial_holds(s)) return NULL;
    const char *what = hy__holding_waits(s->trial);
    for (hy_link_t *l = s->parties.next; !what && l != &s->parties; l = l->next) {
        if (hy__party_has_tried_await(hy_link_owner(l, hy_party_t, link))) what = "wait";
    }
    return what;
}
