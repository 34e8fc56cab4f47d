/* Telling: the one way by which anything is told to a hyperty, and what is asked of its objects
 * comes in. As a rule it is told at once. While a trial is on it waits in one queue, and afterwards
 * goes on in order, a slice a turn; what comes before that is done goes behind.
 *
 * A record owns all that it needs. What follows from one that is told now (a message that is let in
 * asks for a decision) is told at once: it is its turn. */
#include "../base/mem.h"
#include "call.h"
#include "handover.h"

typedef enum {
    ENDING, /* first: what hy__told_new makes */
    DECIDE,
    CHANGE,
    CHILD,
    EVENT,
    UNSUBSCRIBED,
    RESYNC,
    ENDED,
    STATUS,
    EMITTED,
    ASKED,
    LATER,
    CLOSED
} kind_t;

struct hy_told {
    hy_link_t link; /* in the trial */
    kind_t kind;
    hy_party_t *party; /* referenced, or NULL */
    union {
        hy_ending_t ending;
        hy_decision_t *decision;
        struct {
            hy_change_t *change;
            hy_effect_t *effects;
        } change;
        struct {
            hy_child_event_kind_t kind;
            hy_child_t *child;
            hy_change_t *change;
        } child;
        struct {
            hy_str_t *about, *from; /* collection or name; sender, hyperty, observer or reason */
            hy_value_t value;
        } event;
        struct {
            uint64_t from, to;
            hy_str_t *reason;
        } resync;
        bool evicted;
        hy_party_status_t status;
        struct {
            hy_asked_of_t where;
            hy_msg_t *message;
        } asked;
        struct {
            void (*fn)(void *arg);
            void *arg;
        } later;
    } is;
};

/* Told in one turn; then others have theirs. */
#define SLICE    256
#define PAUSE_MS 1u

/* --- records ---------------------------------------------------------------------------------- */

hy_told_t *hy__told_new(void) {
    hy_told_t *told = hy_alloc_zero(sizeof *told);
    if (told) hy_link_init(&told->link);
    return told;
}

hy_value_t hy__value_ref(hy_value_t v) {
    if (hy_is_node(v)) hy_node_ref(v.as.n);
    if (v.kind == HY_STR) hy_str_ref(v.as.s);
    return v;
}

void hy__ending_free(hy_ending_t *e) {
    hy_str_unref(e->text);
    hy_party_unref(e->party);
    hy_value_drop(e->value);
    while (e->party_count > 0) {
        hy_party_unref(e->parties[--e->party_count]);
    }
    hy_free(e->parties);
}

static void change_free(hy_told_t *told) {
    hy_change_t *change = told->is.change.change;
    for (uint32_t i = 0; i < change->count; i++) {
        hy_effect_release(&told->is.change.effects[i]);
    }
    hy_free(told->is.change.effects);
    hy_change_unref(change);
}

static void told_free(hy_told_t *told) {
    hy_list_remove(&told->link);
    switch (told->kind) {
    case ENDING:
        hy__ending_free(&told->is.ending);
        break;
    case DECIDE:
        hy_decision_unref(told->is.decision);
        break;
    case CHANGE:
        change_free(told);
        break;
    case CHILD:
        hy_child_unref(told->is.child.child);
        hy_change_unref(told->is.child.change);
        break;
    case EVENT:
    case UNSUBSCRIBED:
    case EMITTED:
        hy_str_unref(told->is.event.about);
        hy_str_unref(told->is.event.from);
        hy_value_drop(told->is.event.value);
        break;
    case RESYNC:
        hy_str_unref(told->is.resync.reason);
        break;
    case ASKED:
        hy_msg_unref(told->is.asked.message);
        break;
    case ENDED:
    case STATUS:
    case LATER:
    case CLOSED:
        break;
    }
    hy_party_unref(told->party);
    hy_free(told);
}

void hy__told_drop(hy_told_t *told) {
    if (told) told_free(told);
}

/* --- the queue -------------------------------------------------------------------------------- */

void hy__telling_go_on(hy_trial_t *t) {
    if (!hy_timer_is_started(&t->turn))
        hy_timer_start(hy_bus_clock(t->syncher->manager->bus), &t->turn, 0);
}

static void append(hy_trial_t *t, hy_told_t *told, kind_t kind, hy_party_t *p) {
    told->kind = kind;
    told->party = p ? hy_party_ref(p) : NULL;
    hy_list_append(&t->queue, &told->link);
    t->count++;
    if (!t->is_on) hy__telling_go_on(t); /* should it not have been possible before */
    if (t->is_on && t->count > HY_TRIAL_EVENTS_MAX)
        hy__trial_break(t, "too much has happened since it began");
}

/* A record at the end of the queue; NULL when out of memory, which a trial does not survive. */
static hy_told_t *hold(hy_syncher_t *s, kind_t kind, hy_party_t *p) {
    hy_told_t *told = hy__told_new();
    if (told) {
        append(s->trial, told, kind, p);
    } else if (s->trial->is_on) {
        hy__trial_break(s->trial, "out of memory");
    }
    return told;
}

/* --- events ----------------------------------------------------------------------------------- */

void hy__tell_decide(hy_decision_t *d) {
    hy_syncher_t *s = d->syncher;
    if (!hy__trial_delays(s)) {
        s->events->decide(s->arg, d->party, d);
        return;
    }
    hy_told_t *told = hold(s, DECIDE, NULL);
    if (told) {
        told->is.decision = hy_decision_ref(d);
    } else {
        hy_decision_reject(d, HY_ENOMEM, "out of memory");
    }
}

static hy_effect_t *copy_effects(const hy_change_t *change, const hy_effect_t *effects) {
    hy_effect_t *copy = hy_alloc((change->count + 1) * sizeof *copy);
    for (uint32_t i = 0; copy && i < change->count; i++) {
        copy[i] = effects[i];
        if (copy[i].node) hy_node_ref(copy[i].node);
        if (copy[i].key) hy_str_ref(copy[i].key);
        copy[i].old = hy__value_ref(copy[i].old);
    }
    return copy;
}

void hy__tell_change(hy_party_t *p, hy_change_t *change, const hy_effect_t *effects) {
    hy_syncher_t *s = p->syncher;
    if (!hy__trial_delays(s)) {
        s->events->change(s->arg, p, change, effects);
        return;
    }
    hy_effect_t *copy = copy_effects(change, effects);
    hy_told_t *told = copy ? hold(s, CHANGE, p) : NULL;
    if (told) {
        told->is.change.change = hy_change_ref(change);
        told->is.change.effects = copy;
        return;
    }
    if (!copy && s->trial->is_on) hy__trial_break(s->trial, "out of memory");
    for (uint32_t i = 0; copy && i < change->count; i++) {
        hy_effect_release(&copy[i]);
    }
    hy_free(copy);
}

void hy__tell_child(hy_party_t *p, hy_child_event_kind_t kind, hy_child_t *child,
                    hy_change_t *change) {
    hy_syncher_t *s = p->syncher;
    if (!hy__trial_delays(s)) {
        s->events->child(s->arg, p, kind, child, change);
        return;
    }
    hy_told_t *told = hold(s, CHILD, p);
    if (!told) return;
    told->is.child.kind = kind;
    told->is.child.child = hy_child_ref(child);
    told->is.child.change = change ? hy_change_ref(change) : NULL;
}

void hy__tell_event(hy_party_t *p, hy_str_t *collection, hy_str_t *from, hy_value_t value) {
    hy_syncher_t *s = p->syncher;
    if (!hy__trial_delays(s)) {
        s->events->event(s->arg, p, collection, from, value);
        return;
    }
    hy_told_t *told = hold(s, EVENT, p);
    if (!told) return;
    told->is.event.about = hy_str_ref(collection);
    told->is.event.from = hy_str_ref(from);
    told->is.event.value = hy__value_ref(value);
}

void hy__tell_unsubscribed(hy_party_t *p, hy_str_t *observer) {
    hy_syncher_t *s = p->syncher;
    if (!hy__trial_delays(s)) {
        s->events->unsubscribed(s->arg, p, observer);
        return;
    }
    hy_told_t *told = hold(s, UNSUBSCRIBED, p);
    if (told) told->is.event.from = hy_str_ref(observer);
}

void hy__tell_resync(hy_party_t *p, uint64_t from, uint64_t to, const char *reason) {
    hy_syncher_t *s = p->syncher;
    if (!hy__trial_delays(s)) {
        s->events->resync(s->arg, p, from, to, reason);
        return;
    }
    hy_told_t *told = hold(s, RESYNC, p);
    if (!told) return;
    told->is.resync.from = from;
    told->is.resync.to = to;
    told->is.resync.reason = hy_str_from(reason);
}

void hy__tell_ended(hy_party_t *p, bool evicted) {
    hy_syncher_t *s = p->syncher;
    if (!hy__trial_delays(s)) {
        s->events->ended(s->arg, p, evicted);
        return;
    }
    hy_told_t *told = hold(s, ENDED, p);
    if (told) told->is.evicted = evicted;
}

void hy__tell_status(hy_party_t *p, hy_party_status_t status) {
    hy_syncher_t *s = p->syncher;
    if (!hy__trial_delays(s)) {
        s->events->status(s->arg, p, status);
        return;
    }
    hy_told_t *told = hold(s, STATUS, p);
    if (told) told->is.status = status;
}

void hy__tell_emitted(hy_syncher_t *s, hy_str_t *hyperty, hy_str_t *name, hy_node_t *args) {
    if (!hy__trial_delays(s)) {
        s->events->emitted(s->arg, hyperty, name, args);
        return;
    }
    hy_told_t *told = hold(s, EMITTED, NULL);
    if (!told) return;
    told->is.event.about = hy_str_ref(name);
    told->is.event.from = hy_str_ref(hyperty);
    told->is.event.value = hy__value_ref(hy_node_value(args));
}

/* --- ends of calls ---------------------------------------------------------------------------- */

static void call_back(hy_ending_t *e) {
    const char *text = e->text ? e->text->bytes : "";
    if (e->party) hy__reporter_woke(e->party);
    for (uint32_t i = 0; i < e->party_count; i++) {
        hy__reporter_woke(e->parties[i]);
    }
    if (e->on_party) e->on_party(e->arg, e->code, text, e->party);
    if (e->on_value) e->on_value(e->arg, e->code, text, e->value);
    if (e->on_done) e->on_done(e->arg, e->code, text);
    if (e->on_parties) e->on_parties(e->arg, e->code, text, e->parties, e->party_count);
    hy__ending_free(e);
}

/* For who is on trial it goes on at once. */
void hy__tell_ending(hy_syncher_t *s, bool is_tried, hy_told_t *room, const hy_ending_t *e) {
    hy_ending_t ending = *e;
    bool waits = hy__trial_delays(s) && !(is_tried && s->trial->is_on);
    hy_told_t *told = waits ? (room ? room : hy__told_new()) : NULL;
    if (room && room != told) told_free(room);
    if (told) {
        told->is.ending = ending;
        append(s->trial, told, ENDING, NULL);
        return;
    }
    if (waits && s->trial->is_on) hy__trial_break(s->trial, "out of memory");
    call_back(&ending);
}

/* --- what is asked ---------------------------------------------------------------------------- */

bool hy__telling_gate(hy_party_t *reporter, hy_asked_of_t where, hy_msg_t *m) {
    hy_syncher_t *s = reporter->syncher;
    if (!hy__trial_delays(s)) return false;
    hy_told_t *told = hold(s, ASKED, reporter);
    if (told) {
        told->is.asked.where = where;
        told->is.asked.message = hy_msg_ref(m);
    } else {
        hy__reporter_put_off(s->manager, m);
    }
    return true;
}

static void let_in(hy_manager_t *m, hy_told_t *told) {
    hy_party_t *p = told->party;
    hy_msg_t *message = told->is.asked.message;
    hy_reporter_t *r = (hy_reporter_t *)p;
    hy_hosted_t *h = p->is_open ? hy__reporter_hosted(r) : NULL;
    if (!h || r->is_replaced) {
        if (message->type != HY_MSG_RESPONSE) hy__reporter_put_off(m, message);
        return;
    }
    switch (told->is.asked.where) {
    case HY_ASKED_OBJECT:
        hy__reporter_on_object(r, message);
        return;
    case HY_ASKED_CHILDREN:
        hy__reporter_child_message(r, message);
        return;
    case HY_ASKED_SUBSCRIPTION:
        hy__hosted_on_subscription(h, message);
        return;
    }
}

bool hy__telling_defer(hy_syncher_t *s, void (*fn)(void *arg), void *arg) {
    if (!hy__trial_delays(s)) return false;
    hy_told_t *told = hold(s, LATER, NULL);
    if (!told) return false;
    told->is.later.fn = fn;
    told->is.later.arg = arg;
    return true;
}

/* --- parties that have closed ----------------------------------------------------------------- */

static void settle_closed(hy_party_t *p) {
    p->is_untold = false;
    hy_view_close(p->view);
}

void hy__telling_closed(hy_party_t *p) {
    if (!hold(p->syncher, CLOSED, p)) settle_closed(p);
}

void hy__telling_each_closed(hy_trial_t *t, void (*fn)(hy_party_t *p)) {
    for (hy_link_t *l = t->queue.next; l != &t->queue; l = l->next) {
        const hy_told_t *told = hy_link_owner(l, hy_told_t, link);
        if (told->kind == CLOSED) fn(told->party);
    }
}

/* --- afterwards ------------------------------------------------------------------------------- */

static void tell_decide(hy_syncher_t *s, hy_decision_t *d) {
    if (d->is_open) s->events->decide(s->arg, d->party, d);
}

static void tell(hy_syncher_t *s, hy_told_t *told) {
    const hy_syncher_events_t *events = s->events;
    hy_party_t *p = told->party;
    switch (told->kind) {
    case ENDING: {
        hy_ending_t e = told->is.ending;
        told->is.ending = (hy_ending_t){.value = hy_absent()};
        call_back(&e);
        return;
    }
    case DECIDE:
        tell_decide(s, told->is.decision);
        return;
    case CHANGE:
        events->change(s->arg, p, told->is.change.change, told->is.change.effects);
        return;
    case CHILD:
        events->child(s->arg, p, told->is.child.kind, told->is.child.child, told->is.child.change);
        return;
    case EVENT:
        events->event(s->arg, p, told->is.event.about, told->is.event.from, told->is.event.value);
        return;
    case UNSUBSCRIBED:
        events->unsubscribed(s->arg, p, told->is.event.from);
        return;
    case RESYNC:
        events->resync(s->arg, p, told->is.resync.from, told->is.resync.to,
                       told->is.resync.reason ? told->is.resync.reason->bytes : "");
        return;
    case ENDED:
        events->ended(s->arg, p, told->is.evicted);
        return;
    case STATUS:
        events->status(s->arg, p, told->is.status);
        return;
    case EMITTED:
        events->emitted(s->arg, told->is.event.from, told->is.event.about,
                        told->is.event.value.as.n);
        return;
    case ASKED:
        let_in(s->manager, told);
        return;
    case LATER:
        told->is.later.fn(told->is.later.arg);
        return;
    case CLOSED:
        settle_closed(p);
        return;
    }
}

/* Whoever is told may do anything, also close the syncher, which takes the trial away, or begin
 * another. */
static void tell_slice(hy_trial_t *t) {
    hy_syncher_t *s = t->syncher;
    for (uint32_t i = 0; i < SLICE && s->trial == t && !t->is_on; i++) {
        if (hy_list_is_empty(&t->queue)) return;
        hy_told_t *told = hy_link_owner(t->queue.next, hy_told_t, link);
        hy_list_remove(&told->link);
        t->count--;
        t->is_telling = true;
        tell(s, told);
        told_free(told);
        if (s->trial == t) t->is_telling = false;
    }
}

void hy__telling_turn(void *trial) {
    hy_trial_t *t = trial;
    hy_syncher_t *s = t->syncher;
    if (t->is_on) {
        if (!t->is_broken || t->was_told) return;
        t->was_told = true;
        if (t->broken) t->broken(t->broken_arg, t->why);
        return;
    }
    /* At once, while its place among the timers is free: later it may need memory. */
    hy_timer_start(hy_bus_clock(s->manager->bus), &t->turn, PAUSE_MS);
    hy__syncher_ref(s);
    tell_slice(t);
    if (s->trial == t && !t->is_on && hy_list_is_empty(&t->queue)) hy__trial_free(s);
    hy__syncher_unref(s);
}

void hy__telling_drop(hy_trial_t *t) {
    while (!hy_list_is_empty(&t->queue)) {
        hy_told_t *told = hy_link_owner(t->queue.next, hy_told_t, link);
        hy_list_remove(&told->link);
        if (told->kind == ASKED) let_in(t->syncher->manager, told);
        if (told->kind == LATER) told->is.later.fn(told->is.later.arg);
        if (told->kind == CLOSED) settle_closed(told->party);
        told_free(told);
    }
}
